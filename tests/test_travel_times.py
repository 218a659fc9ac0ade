"""Straight lines, the matrix, and matrices kept between runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.brief import TravelBrief
from lotting.errors import InputError
from lotting.travel import Mode, StraightLine, TravelMatrix, TravelTimes, travel_times
from lotting.travel.cache import CachedTimes
from lotting.travel.times import Block


def at(*xy: tuple[float, float], rural: list[bool] | None = None, first: str = "p") -> pd.DataFrame:
    frame = pd.DataFrame(xy, columns=["x_m", "y_m"], index=[f"{first}{i}" for i in range(len(xy))])
    return frame if rural is None else frame.assign(rural=rural)


HOMES = at((440_000, 300_000), (443_000, 304_000), (440_000, 300_000), (450_000, 300_000))


# ---- straight lines -------------------------------------------------------------------------------


def test_a_trip_by_hand() -> None:
    """5 km as the crow flies, detour 1.2, 30 mph: 6 km in 7.46 minutes, and 3 for the stop."""
    brief = TravelBrief(car_detour=1.2, car_mph=30, stop_minutes=3)
    times = StraightLine(brief).matrix(HOMES)
    assert times.km[0, 1] == pytest.approx(6.0)
    assert times.minutes[0, 1] == pytest.approx(6 / (30 * 1.609344) * 60 + 3)
    assert times.minutes.dtype == times.km.dtype == np.float32


def test_two_visits_in_one_house_take_no_time() -> None:
    """0 minutes and km between places at the same coordinates, and no stop either."""
    times = StraightLine(TravelBrief(stop_minutes=5)).matrix(HOMES)
    assert times.minutes[0, 2] == times.km[0, 2] == times.minutes[1, 1] == 0
    assert times.minutes[0, 1] > 5


def test_half_of_a_trip_between_town_and_country_counts_at_each_speed() -> None:
    """Town to country takes the mean of the same trip in town and in the country."""
    brief = TravelBrief(car_urban_mph=18, car_rural_mph=36, car_urban_detour=1.3, car_rural_detour=1.2,
                        stop_minutes=0)
    places = at((440_000, 300_000), (450_000, 300_000))
    took = {
        kinds: StraightLine(brief).matrix(places.assign(rural=list(kinds)))
        for kinds in [(False, False), (True, True), (False, True), (True, False)]
    }
    town, country = took[False, False], took[True, True]
    assert town.minutes[0, 1] == pytest.approx(13 / (18 * 1.609344) * 60)
    assert country.minutes[0, 1] == pytest.approx(12 / (36 * 1.609344) * 60)
    for mixed in (took[False, True], took[True, False]):
        assert mixed.minutes[0, 1] == pytest.approx((town.minutes[0, 1] + country.minutes[0, 1]) / 2)
        assert mixed.km[0, 1] == pytest.approx(12.5)


def test_flags_on_one_side_only_do_not_count() -> None:
    """Where it is not known of every place, the one speed for all is used."""
    engine = StraightLine(TravelBrief(car_mph=20, car_urban_mph=10, car_rural_mph=60))
    flagged = HOMES.assign(rural=True)
    np.testing.assert_array_equal(engine.matrix(flagged, HOMES).minutes, engine.matrix(HOMES).minutes)


@pytest.mark.parametrize(("mode", "mph"), [("walk", 3.1), ("cycle", 9.3)])
def test_on_foot_and_by_bicycle(mode: Mode, mph: float) -> None:
    """Each mode has its speed and its detour; town and country do not matter."""
    places = HOMES.assign(rural=[True, False, True, False])
    times = StraightLine(TravelBrief(stop_minutes=0)).matrix(places, mode=mode)
    assert times.km[0, 1] == pytest.approx(5 * 1.3)
    assert times.minutes[0, 1] == pytest.approx(6.5 / (mph * 1.609344) * 60)


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 30_000)), min_size=1, max_size=8))
def test_the_other_way_is_as_far_and_a_part_is_a_part(offsets: list[tuple[int, int]]) -> None:
    """Symmetric; the matrix of some to others is that part of the matrix of all."""
    rural = [x % 2 > 0 for x, _ in offsets]
    places = at(*((440_000 + dx, 300_000 + dy) for dx, dy in offsets), rural=rural)
    engine = StraightLine(TravelBrief())
    whole, part = engine.matrix(places), engine.matrix(places.iloc[:2], places.iloc[1:])
    np.testing.assert_allclose(whole.minutes, whole.minutes.T, rtol=1e-6)
    np.testing.assert_array_equal(part.minutes, whole.minutes[:2, 1:])
    assert part.unreachable().empty


def test_no_places_no_matrix() -> None:
    """An empty frame gives an empty matrix, not an error."""
    none = HOMES.iloc[:0]
    assert StraightLine(TravelBrief()).matrix(none, HOMES).minutes.shape == (0, 4)
    assert StraightLine(TravelBrief()).matrix(HOMES, none).unreachable().empty


# ---- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["bus", "Bus", "train"])
def test_a_bus_is_refused_by_name(mode: Any) -> None:
    """Nobody gets times by bus that are times by car."""
    with pytest.raises(InputError, match=f"no travel times by {mode.lower()}.*timetable"):
        StraightLine(TravelBrief()).matrix(HOMES, mode=mode)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"not a mode of travel \('horse'\)"):
        StraightLine(TravelBrief()).matrix(HOMES, mode="horse")  # type: ignore[arg-type]


@pytest.mark.parametrize(("frame", "says"), [
    (pd.DataFrame({"x": [1.0]}), "no column x_m and no column y_m"),
    (at((440_000, 300_000), (np.nan, 300_000)),
     r"1 of 2 origins have no coordinates \(the first is number 2\)"),
    (at((-0.7, 52.6)), "not in Great Britain.*not degrees"),
    (at((440_000, 3_000_000)), "not in Great Britain"),
    (pd.DataFrame({"x_m": ["north"], "y_m": ["of"]}), "not numbers"),
    (HOMES.assign(rural=[True, None, False, True]), "1 of 4 origins are neither rural nor not"),
])
def test_bad_places_are_named(frame: pd.DataFrame, says: str) -> None:
    """What is wrong, with how many, and where; but no id, which may be a person's."""
    with pytest.raises(InputError, match=says) as caught:
        StraightLine(TravelBrief()).matrix(frame)
    assert "p1" not in str(caught.value)


def test_every_problem_of_the_places_comes_at_once() -> None:
    frame = at((np.nan, 1), (-0.7, 52.6)).assign(rural=[None, True])
    with pytest.raises(InputError) as caught:
        StraightLine(TravelBrief()).matrix(frame)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("keys", [
    {"car_mph": 0}, {"walk_mph": -1}, {"cycle_mph": 0}, {"car_detour": 0.9}, {"stop_minutes": -1},
    {"speeds_mph": {"A Road": 0}}, {"max_snap_m": 0}, {"max_minutes": 0}, {"engine": "road"},
    {"engine": "osrm"}, {"server_retries": -1}, {"roads": "a.gpkg", "server": "http://localhost"},
])
def test_a_brief_that_makes_no_sense_is_refused(keys: dict[str, Any]) -> None:
    """Speeds above 0, detours of 1 or more, an engine with what it needs."""
    with pytest.raises(ValueError, match="validation error"):
        TravelBrief(**keys)


@pytest.mark.parametrize(("keys", "kind"), [
    ({}, "straight-line"), ({"roads": "a.gpkg"}, "road"), ({"server": "http://localhost"}, "osrm"),
    ({"walk_server": "http://localhost"}, "osrm"),
    ({"roads": "a.gpkg", "server": "http://localhost", "engine": "road"}, "road"),
    ({"roads": "a.gpkg", "engine": "straight-line"}, "straight-line"),
])
def test_the_engine_is_the_one_that_is_named(keys: dict[str, Any], kind: str) -> None:
    """Roads or a server are used when they are named; the engine's name goes before."""
    assert TravelBrief(**keys).kind == kind


# ---- the matrix -----------------------------------------------------------------------------------


def test_every_unreachable_pair_is_listed_with_its_reason() -> None:
    """A place's own reason goes before its block's, and that before the general one."""
    inf = np.full((3, 2), np.inf, np.float32)
    inf[0, 0] = 4
    found = TravelMatrix(
        minutes=inf, km=inf, origins=pd.Index(["a", "b", "c"]), destinations=pd.Index(["d", "e"]),
        origin_reasons=("", "", "off the roads"), blocks=(
            Block(rows=slice(1, 3), columns=slice(0, 2), reason="lost"),), otherwise="no way").unreachable()
    assert list(found.itertuples(index=False, name=None)) == [
        ("a", "e", "no way"), ("b", "d", "lost"), ("b", "e", "lost"), ("c", "d", "off the roads"),
        ("c", "e", "off the roads")]


def test_a_matrix_fits_its_places() -> None:
    with pytest.raises(ValueError, match="should be"):
        TravelMatrix(minutes=np.zeros((1, 1), "f4"), km=np.zeros((1, 2), "f4"), origins=pd.Index(["a"]),
                     destinations=pd.Index(["b"]))


# ---- kept between runs ----------------------------------------------------------------------------


class Counting:
    """An engine that counts how often it is asked, with one pair out of reach."""

    def __init__(self, **settings: Any) -> None:
        self.asked, self.more, self.complete = 0, settings, True

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        self.asked += 1
        plain = StraightLine(TravelBrief()).matrix(origins, destinations, mode=mode)
        plain.minutes[0, 1] = plain.km[0, 1] = np.inf
        return TravelMatrix(
            minutes=plain.minutes, km=plain.km, origins=plain.origins, destinations=plain.destinations,
            origin_reasons=("no road here", *[""] * (len(plain.origins) - 1)), otherwise="none",
            blocks=(Block(rows=slice(0, 1), columns=slice(1, 2), reason="lost"),), complete=self.complete)

    def settings(self) -> dict[str, Any]:
        return {"engine": "counting", **self.more}


def test_a_matrix_is_asked_for_once(tmp_path: Path) -> None:
    """The second run has the same numbers and the same reasons, without the engine."""
    engine = Counting()
    assert isinstance(engine, TravelTimes)
    first = CachedTimes(engine, tmp_path / "kept").matrix(HOMES)
    second = CachedTimes(engine, tmp_path / "kept").matrix(HOMES.set_axis(["w", "x", "y", "z"]))
    assert engine.asked == 1
    np.testing.assert_array_equal(first.minutes, second.minutes)
    np.testing.assert_array_equal(first.km, second.km)
    assert second.unreachable().to_dict("records") == [
        {"origin": "w", "destination": "x", "reason": "no road here"}]


def test_anything_that_matters_makes_another_matrix(tmp_path: Path) -> None:
    """Engine, settings, data, mode, places and what is known of them are all in the key."""
    engine, other = Counting(data_sha256="a"), Counting(data_sha256="b")
    moved = HOMES.assign(x_m=HOMES["x_m"] + [0, 0, 0, 1])
    asks: list[tuple[Counting, tuple[Any, ...], Mode]] = [
        (engine, (HOMES,), "car"), (engine, (HOMES,), "walk"), (other, (HOMES,), "car"),
        (engine, (moved,), "car"), (engine, (HOMES.iloc[::-1],), "car"), (engine, (HOMES, moved), "car"),
        (engine, (moved, HOMES), "car"), (engine, (HOMES.assign(rural=True),), "car"),
        (engine, (HOMES.assign(rural=False),), "car"),
    ]
    for ask, places, mode in asks:
        CachedTimes(ask, tmp_path).matrix(*places, mode=mode)
    assert engine.asked + other.asked == len(asks)
    assert len(list(tmp_path.iterdir())) == len(asks)


@pytest.mark.parametrize("harm", [
    lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"PK\x03\x04 half a file"),
    lambda p: p.write_bytes(p.read_bytes()[:200]),
    lambda p: np.savez(p, minutes=np.zeros((1, 1), "f4"), km=np.zeros((1, 1), "f4"), about=np.array("{}")),
    lambda p: np.savez(p, minutes=np.zeros((4, 4), "f4")),
], ids=["empty", "not a zip", "cut short", "another shape", "no km"])
def test_a_broken_file_counts_as_none(tmp_path: Path, harm: Any) -> None:
    """It is asked for again, and the file mended."""
    engine = Counting()
    kept = CachedTimes(engine, tmp_path)
    good = kept.matrix(HOMES)
    (file,) = tmp_path.iterdir()
    harm(file)
    np.testing.assert_array_equal(kept.matrix(HOMES).minutes, good.minutes)
    assert engine.asked == 2
    kept.matrix(HOMES)
    assert engine.asked == 2


def test_a_matrix_with_parts_lost_is_not_kept(tmp_path: Path) -> None:
    """When the server is well again the next run gets the whole."""
    engine = Counting()
    engine.complete = False
    CachedTimes(engine, tmp_path).matrix(HOMES)
    assert list(tmp_path.iterdir()) == []


def test_nothing_kept_says_whose_it_is(tmp_path: Path) -> None:
    """No id of a place in names or contents."""
    named = HOMES.set_axis(["NHS4857773456", "NHS9434765919", "c", "d"])
    CachedTimes(Counting(), tmp_path).matrix(named)
    (file,) = tmp_path.iterdir()
    with np.load(file) as inside:
        text = file.name + "".join(str(inside[k]) for k in inside.files)
    assert "NHS" not in text


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, not a folder")
    assert CachedTimes(Counting(), tmp_path / "kept").matrix(HOMES).minutes.shape == (4, 4)


def test_straight_lines_are_not_kept(tmp_path: Path) -> None:
    """They are quicker to reckon than to read."""
    assert isinstance(travel_times(TravelBrief(), cache=tmp_path), StraightLine)


def test_the_package_comes_without_gis_or_servers() -> None:
    """Importing it loads neither geopandas nor scipy nor urllib's openers."""
    code = ("import sys, lotting.travel; "
            "sys.exit(bool({'geopandas', 'scipy', 'numba', 'urllib.request', 'pyproj'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
