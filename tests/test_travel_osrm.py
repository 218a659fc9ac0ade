"""The OSRM engine, against a local server that speaks the documented format."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from lotting.brief import TravelBrief
from lotting.errors import InputError
from lotting.travel import TravelTimes, travel_times
from lotting.travel.osrm import Osrm

TO_METRES = Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True)
#: Every thread that converts has pyproj set up anew; requests come in a thread each.
CONVERTS = ThreadPoolExecutor(1)
Reply = tuple[int, dict[str, str], bytes]


def metres(points: list[tuple[float, float]]) -> np.ndarray[Any, Any]:
    """Eastings and northings of longitudes and latitudes."""
    return np.column_stack(CONVERTS.submit(TO_METRES.transform, *zip(*points, strict=True)).result())


def ok(points: list[tuple[float, float]], sources: list[int], targets: list[int]) -> dict[str, Any]:
    """Answer as OSRM does: 10 m a second, straight; every place 3 m from its road."""
    xy = metres(points)
    d = np.hypot(*(xy[sources][:, None, k] - xy[targets][None, :, k] for k in (0, 1)))
    near = [{"location": list(p), "distance": 3.0, "name": ""} for p in points]
    return {
        "code": "Ok", "durations": (d / 10).round(1).tolist(), "distances": d.round(1).tolist(),
        "sources": [near[i] for i in sources], "destinations": [near[i] for i in targets],
    }


class Stub:
    """A server; ``answer`` may be set to change or replace each reply."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[tuple[float, float]], list[int], list[int]]] = []
        self.answer: Callable[[int, dict[str, Any]], Reply | dict[str, Any]] = lambda _, good: good
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                *_, profile, where = parts.path.split("/")
                points = [(float(a), float(b)) for a, b in (p.split(",") for p in where.split(";"))]
                options = parse_qs(parts.query)
                assert parts.path.startswith("/table/v1/")
                assert options["annotations"] == ["duration,distance"]
                sources = [int(i) for i in options["sources"][0].split(";")]
                targets = [int(i) for i in options["destinations"][0].split(";")]
                stub.asked.append((profile, points, sources, targets))
                found = stub.answer(len(stub.asked) - 1, ok(points, sources, targets))
                if isinstance(found, dict):
                    found = (200, {}, json.dumps(found).encode())
                status, headers, body = found
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waits any more
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"


def refuse(code: str) -> Reply:
    return 400, {}, json.dumps({"code": code, "message": "as the documentation says"}).encode()


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def engine(stub: Stub, waits: list[float] | None = None, **settings: Any) -> TravelTimes:
    brief = TravelBrief(**{"server": stub.address, "stop_minutes": 2, **settings})
    return Osrm(brief, sleep=(waits if waits is not None else []).append)


def homes(count: int = 5, seed: int = 1) -> pd.DataFrame:
    xy = np.random.default_rng(seed).uniform(440_000, 450_000, (count, 2))
    return pd.DataFrame(xy, columns=["x_m", "y_m"], index=[f"h{i}" for i in range(count)])


def straight_km(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.hypot(*(a[c].to_numpy()[:, None] - b[c].to_numpy()[None, :] for c in ("x_m", "y_m"))) / 1000


def test_minutes_and_km_are_the_servers_with_the_stop_added(stub: Stub) -> None:
    """Seconds become minutes and metres km; lon/lat to five places; a place and itself is 0."""
    at = homes()
    times = engine(stub).matrix(at)
    km = straight_km(at, at)
    off = ~np.eye(5, dtype=bool)
    # 1.1 m of rounding of either end, and 2 to 5 m between the two ways round from grid to degrees.
    np.testing.assert_allclose(times.km, km, atol=0.01)
    np.testing.assert_allclose(times.minutes[off], (km * 1000 / 10 / 60 + 2)[off], atol=0.02)
    assert (np.diag(times.minutes) == 0).all()
    assert (np.diag(times.km) == 0).all()
    assert times.minutes.dtype == times.km.dtype == np.float32
    assert times.unreachable().empty
    ((profile, points, _, _),) = stub.asked
    assert profile == "car"
    assert all(-2 < lon < 0 and 51 < lat < 54 for lon, lat in points)


def test_a_big_matrix_is_asked_for_in_pieces_that_agree_with_the_whole(stub: Stub) -> None:
    """No request holds more places than the server takes, and the pieces make up the matrix."""
    at, to = homes(23), homes(17, seed=2)
    whole = engine(stub, server_max_points=1000).matrix(at, to)
    assert len(stub.asked) == 1
    pieces = engine(stub, server_max_points=10).matrix(at, to)
    assert all(len(points) <= 10 for _, points, _, _ in stub.asked[1:])
    assert len(stub.asked) - 1 == math.ceil(23 / 5) * math.ceil(17 / 5)
    np.testing.assert_array_equal(whole.minutes, pieces.minutes)
    np.testing.assert_array_equal(whole.km, pieces.km)


def test_a_null_is_unreachable_and_listed(stub: Stub) -> None:
    """OSRM writes null where it knows no way: that pair is infinite, and no straight line."""
    def answer(_: int, good: dict[str, Any]) -> dict[str, Any]:
        good["durations"][1][3] = good["distances"][1][3] = None
        return good

    stub.answer = answer
    times = engine(stub).matrix(homes())
    assert np.isinf(times.minutes[1, 3])
    assert np.isinf(times.km[1, 3])
    assert np.isfinite(times.minutes).sum() == 24
    assert times.unreachable().to_dict("records") == [
        {"origin": "h1", "destination": "h3", "reason": "the server knows no way between the two"}]
    assert times.complete


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_longer_and_longer_waits(stub: Stub, status: int) -> None:
    """Waits double; the matrix is whole in the end."""
    stub.answer = lambda i, good: (status, {}, b"") if i < 3 else good
    waits: list[float] = []
    times = engine(stub, waits).matrix(homes())
    assert np.isfinite(times.minutes).all()
    assert waits == [0.5, 1.0, 2.0]


def test_the_server_may_say_how_long_to_wait(stub: Stub) -> None:
    """Retry-After counts where it is longer than our own wait, up to half a minute."""
    busy = [(429, {"Retry-After": after}, b"") for after in ("7", "900")]
    stub.answer = lambda i, good: [*busy, good][i]
    waits: list[float] = []
    engine(stub, waits).matrix(homes())
    assert waits == [7.0, 30.0]


def test_part_of_the_matrix_lost_is_listed_with_the_reason_and_the_rest_stays(stub: Stub) -> None:
    """One block fails for good: its pairs are unreachable for that reason, all others are there."""
    at = homes(8)

    def answer(_: int, good: dict[str, Any]) -> Reply | dict[str, Any]:
        # Blocks of 4 by 4; the one of rows 0-3 and columns 4-7 always fails.
        ends = ((good["sources"][0], "h0"), (good["destinations"][0], "h4"))
        lost = all(math.dist(TO_METRES.transform(*p["location"]), at.loc[h]) < 5 for p, h in ends)
        return (500, {}, b"") if lost else good

    stub.answer = answer
    times = engine(stub, server_max_points=8).matrix(at)
    lost = times.unreachable()
    assert set(zip(lost["origin"], lost["destination"], strict=True)) == {
        (f"h{i}", f"h{j}") for i in range(4) for j in range(4, 8)}
    assert set(lost["reason"]) == {"the server is busy or failing (HTTP 500)"}
    assert np.isfinite(times.minutes).sum() == 64 - 16
    assert not times.complete


def test_a_server_that_fails_on_everything_is_one_error(stub: Stub) -> None:
    """The message names the key of the brief and the server; no matrix of infinities comes back."""
    stub.answer = lambda _i, _good: (500, {}, b"")
    with pytest.raises(InputError, match=r"\[travel\] server: no travel times .*HTTP 500") as caught:
        engine(stub, server_retries=1, server_max_points=4).matrix(homes(20))
    assert len(caught.value.problems) == 1
    assert len(stub.asked) == 4  # two blocks, twice each: not all of the hundred


def test_nobody_there_is_one_error() -> None:
    """A wrong address says so."""
    brief = TravelBrief(server="http://127.0.0.1:9", server_retries=0)
    with pytest.raises(InputError, match="cannot be reached"):
        Osrm(brief).matrix(homes())


def test_a_slow_answer_runs_into_the_time_limit(stub: Stub) -> None:
    """A server that hangs is given up after the longest wait, and asked again."""
    end = threading.Event()

    def first_hangs(i: int, good: dict[str, Any]) -> dict[str, Any]:
        if i == 0:
            end.wait()
        return good

    def hangs(_: int, good: dict[str, Any]) -> dict[str, Any]:
        end.wait()
        return good

    try:
        stub.answer = first_hangs
        assert np.isfinite(engine(stub, server_timeout_s=2).matrix(homes()).minutes).all()
        assert len(stub.asked) >= 2
        stub.answer = hangs
        with pytest.raises(InputError, match=r"no answer within 0.3 s"):
            engine(stub, server_timeout_s=0.3, server_retries=0).matrix(homes())
    finally:
        end.set()


@pytest.mark.parametrize("body", [
    b"<html>welcome</html>", b'{"code": "Ok"}', b'{"code": "Ok", "durations": [[1]], "distances": [[1]]}',
    b"[]", b'{"code": "Ok", "durations": null, "distances": null}', b"",
], ids=["html", "nothing", "wrong size", "list", "null", "empty"])
def test_an_answer_that_is_not_osrms_is_refused(stub: Stub, body: bytes) -> None:
    """A proxy's welcome page never passes for travel times."""
    stub.answer = lambda _i, _good: (200, {}, body)
    with pytest.raises(InputError, match="not as OSRM writes it"):
        engine(stub).matrix(homes())


@pytest.mark.parametrize("value", [-5, float("nan"), "3"])
def test_a_time_that_is_none_is_refused(stub: Stub, value: object) -> None:
    """Negative seconds, NaN and text are mistakes, not times."""
    def answer(_: int, good: dict[str, Any]) -> dict[str, Any]:
        good["durations"][0][1] = "soon" if value == "3" else value
        return good

    stub.answer = answer
    with pytest.raises(InputError, match="not as OSRM writes it"):
        engine(stub).matrix(homes())


def test_a_server_without_distances_says_so(stub: Stub) -> None:
    """km are not made up from minutes."""
    stub.answer = lambda _, good: {k: v for k, v in good.items() if k != "distances"}
    with pytest.raises(InputError, match="gives no distances"):
        engine(stub).matrix(homes())


def test_too_big_is_asked_for_in_halves(stub: Stub) -> None:
    """A server with a smaller limit than the brief says still gives the whole matrix."""
    stub.answer = lambda _, good: (
        refuse("TooBig") if len(good["sources"]) + len(good["destinations"]) > 7 else good)
    at = homes(9)
    times = engine(stub).matrix(at)
    np.testing.assert_allclose(times.km, straight_km(at, at), atol=0.01)


def test_one_place_with_no_road_takes_nobody_down_with_it(stub: Stub) -> None:
    """OSRM refuses a whole request for one bad place: only that place's pairs are lost."""
    at = homes(6)

    def answer(_: int, good: dict[str, Any]) -> Reply | dict[str, Any]:
        places = [p["location"] for p in good["sources"] + good["destinations"]]
        bad = (np.hypot(*(metres(places) - at.loc["h2"].to_numpy()).T) < 5).any()
        return refuse("NoSegment") if bad else good

    stub.answer = answer
    lost = engine(stub).matrix(at).unreachable()
    assert ((lost["origin"] == "h2") | (lost["destination"] == "h2")).all()
    assert len(lost) == 2 * 5  # to and from the others; home to home is 0
    assert set(lost["reason"]) == {"the server has no road nearby"}


def test_a_place_far_from_the_servers_roads_is_unreachable(stub: Stub) -> None:
    """OSRM snaps to the nearest road however far; the brief's limit says how far is too far."""
    def answer(_: int, good: dict[str, Any]) -> dict[str, Any]:
        good["destinations"][1]["distance"] = 4000.0
        return good

    stub.answer = answer
    at, to = homes(2), homes(2, seed=2)
    lost = engine(stub, max_snap_m=500).matrix(at, to).unreachable()
    assert lost["destination"].tolist() == [to.index[1]] * 2
    assert lost["reason"].tolist() == ["the server's nearest road is 4,000 m away, over 500 m"] * 2


def test_each_mode_needs_a_server_of_its_own(stub: Stub) -> None:
    """A server for cars would answer a question about walking with times by car."""
    with pytest.raises(InputError, match=r"\[travel\] walk_server: the brief names no server for walk"):
        engine(stub).matrix(homes(), mode="walk")
    engine(stub, walk_server=stub.address).matrix(homes(), mode="walk")
    assert stub.asked[0][0] == "foot"


def test_a_redirect_is_not_followed(stub: Stub) -> None:
    """Coordinates go to the server that is named, and to no other."""
    stub.answer = lambda i, good: (302, {"Location": stub.address + "/table/v1/car/0,52"}, b"")
    with pytest.raises(InputError, match="another address, which is not followed"):
        engine(stub).matrix(homes())
    assert len(stub.asked) == 1


def test_nothing_is_asked_unless_a_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server in the brief no connection is even tried."""
    import socket

    def no(*args: Any, **more: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "create_connection", no)
    travel_times(TravelBrief()).matrix(homes())
    with pytest.raises(AssertionError, match="was tried"):
        travel_times(TravelBrief(server="http://127.0.0.1:9")).matrix(homes())


def test_the_same_home_is_asked_for_once(stub: Stub) -> None:
    """Visits to one home are one place; every visit gets its row."""
    at = homes(3)
    twice = pd.concat([at, at.set_axis(["x0", "x1", "x2"])])
    times = engine(stub).matrix(twice)
    assert len(stub.asked[0][1]) == 6  # three sources, three destinations
    np.testing.assert_array_equal(times.minutes[:3], times.minutes[3:])
    assert times.minutes[0, 3] == 0


@pytest.mark.parametrize("address", [
    "localhost:5000", "ftp://host", "http://", "http:// host", "http://h:port", "http://h?x=1", "not one", "",
])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """A typing mistake is named before anything is sent."""
    with pytest.raises(ValueError, match="not the address of a server"):
        TravelBrief(server=address)


def test_a_password_does_not_belong_in_a_brief() -> None:
    """Settings are printed in reports."""
    with pytest.raises(ValueError, match="leave the user name and the password out"):
        TravelBrief(server="https://me:secret@host")
