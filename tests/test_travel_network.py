"""Travel times along a road network: against networkx, by hand, and on real roads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import TravelBrief
from lotting.errors import InputError
from lotting.travel import Mode, travel_times
from lotting.travel.calibrate import calibrate
from lotting.travel.network import RoadNetwork
from lotting.travel.paths import make_graph, quickest
from lotting.travel.road_classes import road_class

X, Y = 440_000, 300_000
MILE_KM = 1.609344


def lines(*paths: list[tuple[float, float]]) -> list[shapely.LineString]:
    """Lines in km from a corner of the map."""
    return [shapely.LineString([(X + 1000 * a, Y + 1000 * b) for a, b in p]) for p in paths]


def write(folder: Path, geometry: list[Any], name: str = "roads.gpkg", crs: Any = "EPSG:27700",
          **columns: list[Any]) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=geometry, crs=crs)
    path = folder / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, layer="links")
    return path


def places(*km: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [(X + 1000 * a, Y + 1000 * b) for a, b in km], columns=["x_m", "y_m"],
        index=[f"p{i}" for i in range(len(km))])


def network(path: Path, **keys: Any) -> RoadNetwork:
    return RoadNetwork.read(TravelBrief(**{"roads": path, "stop_minutes": 0, **keys}))


def minutes(km: float, mph: float) -> float:
    return km / (mph * MILE_KM) * 60


@pytest.fixture
def square(tmp_path: Path) -> Path:
    """Four sides of 2 km: the south one slow, the others fast."""
    sides = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (0, 2)], [(0, 2), (0, 0)])
    return write(tmp_path, sides, **{"class": ["slow", "fast", "fast", "fast"]})


SPEEDS = {"slow": 10, "fast": 40}


# ---- by hand --------------------------------------------------------------------------------------


def test_km_are_those_of_the_quickest_way_not_of_the_shortest(square: Path) -> None:
    """2 km at 10 mph take longer than 6 km at 40: the km are 6."""
    times = network(square, speeds_mph=SPEEDS).matrix(places((0, 0), (2, 0)))
    assert times.km[0, 1] == pytest.approx(6)
    assert times.minutes[0, 1] == pytest.approx(minutes(6, 40), rel=1e-5)


def test_a_place_joins_the_nearest_point_of_a_road(square: Path) -> None:
    """Half way along a side is half way, though the next junction is a km off."""
    times = network(square, speeds_mph=SPEEDS).matrix(places((2, 0.5), (2, 1.25), (2, 1.75)))
    np.testing.assert_allclose(times.km, [[0, 0.75, 1.25], [0.75, 0, 0.5], [1.25, 0.5, 0]], atol=1e-6)


def test_the_way_from_the_door_to_the_road_counts(square: Path) -> None:
    """100 m of drive at either end, at the speed of a service road; and the stop, once."""
    net = network(square, speeds_mph=SPEEDS, stop_minutes=2)
    times = net.matrix(places((2.1, 0.5), (2.1, 1.5)))
    drive = road_class("service", {})
    assert drive is not None
    assert times.km[0, 1] == pytest.approx(1.2)
    assert times.minutes[0, 1] == pytest.approx(minutes(1, 40) + minutes(0.2, drive.mph) + 2, rel=1e-5)
    report = net.snap_report(places((2.1, 0.5)))
    np.testing.assert_allclose(report.iloc[0][["snap_m", "road_x_m", "road_y_m"]].to_numpy(float),
                               [100, X + 2000, Y + 500], atol=1e-6)


@pytest.mark.parametrize(("said", "there", "back"), [
    ("yes", 1, 7), ("-1", 7, 1), ("no", 1, 1), ("in direction", 1, 7), ("in opposite direction", 7, 1),
    ("both directions", 1, 1), ("F", 1, 7), ("T", 7, 1), ("B", 1, 1),
])
def test_cars_keep_to_one_way_streets(tmp_path: Path, said: str, there: float, back: float) -> None:
    """1 km with the traffic, 7 km round against it; people on foot do not care."""
    ring = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (0, 2)], [(0, 2), (0, 0)])
    path = write(tmp_path, ring, highway=["residential"] * 4, oneway=[said, "no", "no", "no"])
    net, ends = network(path), places((0.5, 0), (1.5, 0))
    assert net.matrix(ends).km.tolist() == [[0, pytest.approx(there)], [pytest.approx(back), 0]]
    # The matrix of many to few is searched from the other side, against the traffic.
    one = net.matrix(ends, ends.iloc[[1]])
    assert one.km.tolist() == [[pytest.approx(there)], [0]]
    assert net.matrix(ends, mode="walk").km[1, 0] == pytest.approx(1)
    assert net.matrix(ends, mode="cycle").km[1, 0] == pytest.approx(back)


def test_at_the_corner_one_may_set_off_any_way(tmp_path: Path) -> None:
    """A place at the end of a one-way street is not shut in it; one a few steps along is."""
    ring = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (0, 2)], [(0, 2), (0, 0)])
    net = network(write(tmp_path, ring, highway=["residential"] * 4, oneway=["yes", "", "", ""]))
    km = net.matrix(places((0, 0), (0.01, 0)), places((0, 1))).km
    np.testing.assert_allclose(km[:, 0], [1, 1.99 + 2 + 2 + 1], atol=1e-6)


def test_a_junction_joins_its_own_roads_and_not_one_that_passes_over_it(tmp_path: Path) -> None:
    """Of several roads as near, the one that ends there."""
    over = [[(-2, 1), (2, 1)], [(0, 0), (0, 1)], [(0, 0), (2, 1)]]
    net = network(write(tmp_path, lines(*over), **{"class": ["Local Road"] * 3}))
    assert net.matrix(places((0, 1), (0, 0))).km[0, 1] == pytest.approx(1)


def test_a_roundabout_goes_round_one_way(tmp_path: Path) -> None:
    """OpenStreetMap does not say so of each: the junction implies it; a closed way is split."""
    ring = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    path = write(tmp_path, lines(ring, [(0, 0), (-1, 0)], [(0, 1), (-1, 1)]),
                 highway=["primary"] * 3, junction=["roundabout", "", ""])
    km = network(path).matrix(places((-1, 0), (-1, 1))).km
    np.testing.assert_allclose(km, [[0, 5], [3, 0]], atol=1e-6)


def test_a_bridge_joins_nothing_and_a_junction_does(tmp_path: Path) -> None:
    """OpenStreetMap's ways cross at shared vertices only; a way is split at each."""
    across = [[(0, 1), (2, 1)], [(1, 0), (1, 2)]]
    joined = write(tmp_path, lines([(0, 1), (1, 1), (2, 1)], [(1, 0), (1, 1), (1, 2)]), "a.gpkg",
                   highway=["residential"] * 2)
    bridge = write(tmp_path, lines(*across, [(2, 1), (1, 2)]), "b.gpkg", highway=["residential"] * 3)
    ends = places((1, 0), (0, 1))
    assert network(joined).matrix(ends).km[0, 1] == pytest.approx(2)
    assert network(bridge).matrix(ends).km[0, 1] == pytest.approx(2 + 2**0.5 + 2)


@pytest.mark.parametrize(("mode", "way"), [("car", 6), ("walk", 2), ("cycle", 6)])
def test_a_footpath_is_for_people_on_foot(tmp_path: Path, mode: Mode, way: float) -> None:
    sides = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (0, 2)], [(0, 2), (0, 0)])
    path = write(tmp_path, sides, highway=["footway", "residential", "residential", "residential"])
    assert network(path).matrix(places((0, 0), (2, 0)), mode=mode).km[0, 1] == pytest.approx(way)


@pytest.mark.parametrize(("tags", "ways"), [
    ({"access": "private"}, (6, 6, 6)), ({"access": "private", "foot": "yes"}, (6, 2, 6)),
    ({"motor_vehicle": "no"}, (6, 2, 2)), ({"bicycle": "no"}, (2, 2, 6)), ({"foot": "no"}, (2, 6, 2)),
    ({"access": "no", "motor_vehicle": "yes"}, (2, 6, 6)), ({}, (2, 2, 2)),
])
def test_what_is_said_of_a_mode_goes_before_what_is_said_of_all(
    tmp_path: Path, tags: dict[str, str], ways: tuple[float, float, float]
) -> None:
    """Access by OpenStreetMap's rules: the nearest word to the mode decides."""
    sides = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (0, 2)], [(0, 2), (0, 0)])
    columns = {k: [v, "", "", ""] for k, v in tags.items()}
    net = network(write(tmp_path, sides, highway=["residential"] * 4, **columns))
    modes: tuple[Mode, ...] = ("car", "walk", "cycle")
    assert [net.matrix(places((0, 0), (2, 0)), mode=m).km[0, 1] for m in modes] == pytest.approx(ways)


@pytest.mark.parametrize(("limit", "mph"), [
    ("20 mph", 20), ("20", 20 / MILE_KM), ("national", 65 / MILE_KM), ("", 65 / MILE_KM),
    ("70 mph", 65 / MILE_KM), ("0", 65 / MILE_KM)])
def test_a_signed_limit_caps_the_speed(tmp_path: Path, limit: str, mph: float) -> None:
    """Plain numbers are km an hour, as OpenStreetMap has them; a limit never makes a road faster."""
    path = write(tmp_path, lines([(0, 0), (2, 0)]), highway=["primary"], maxspeed=[limit])
    took = network(path).matrix(places((0, 0), (2, 0))).minutes[0, 1]
    assert took == pytest.approx(minutes(2, mph), rel=1e-4)


# ---- what cannot be reached -----------------------------------------------------------------------


def test_a_place_off_the_network_is_listed_and_not_straight_lined(square: Path) -> None:
    """Infinite, with its distance; the boundary case at the limit is reached."""
    net = network(square, speeds_mph=SPEEDS, max_snap_m=500)
    times = net.matrix(places((2, 0), (2, 2), (2.5, 1), (2.501, 1)))
    assert np.isfinite(times.minutes[0, 2])
    assert np.isinf(times.minutes[3, :3]).all()
    assert np.isinf(times.km[:3, 3]).all()
    lost = times.unreachable()
    assert len(lost) == 6
    assert set(lost["reason"]) == {"no road for cars within 500 m (the nearest is 501 m away)"}
    assert net.snap_report(places((2.5, 1), (2.501, 1)))["snapped"].tolist() == [True, False]
    summary = net.snap_summary(places((2, 0), (2.501, 1)))
    assert (summary.places, summary.too_far) == (2, 1)
    assert summary.most_m == pytest.approx(501)


def test_a_county_that_is_not_on_the_network_is_an_error(square: Path) -> None:
    """All places far off: the file is of another county."""
    with pytest.raises(InputError, match=r"none of the 2 origins is within 500 m.*96,000 m") as caught:
        network(square, speeds_mph=SPEEDS).matrix(places((98, 0), (99, 0)))
    assert "Is it the road network of this county?" in str(caught.value)


def test_islands_and_dead_ends_of_one_way_streets_are_dropped_and_counted(tmp_path: Path) -> None:
    """Only where one can get and come back from; what is left out is reported."""
    paths = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)], [(2, 2), (4, 2)], [(9, 9), (9, 9.5)])
    path = write(tmp_path, paths, highway=["residential"] * 4, oneway=["no", "no", "yes", "no"])
    net = network(path)
    assert net.dropped().to_dict("records") == [
        {"reason": "cut off from the largest connected part", "links": 2, "km": pytest.approx(2.5)}]
    lost = net.matrix(places((0, 0), (2, 2), (4, 2), (9, 9))).unreachable()
    assert set(lost["origin"]) == {"p0", "p1", "p2", "p3"}
    assert ((lost["origin"].isin(["p2", "p3"])) | (lost["destination"].isin(["p2", "p3"]))).all()
    assert net.matrix(places((4, 2), (0, 0)), mode="walk").km[0, 1] == pytest.approx(6)


def test_trips_over_the_limit_are_listed(square: Path) -> None:
    """A limit of minutes cuts trips off, with the reason; those within it do not change."""
    ends = places((0, 0), (2, 0), (2, 2))
    free = network(square, speeds_mph=SPEEDS).matrix(ends)
    cut = network(square, speeds_mph=SPEEDS, max_minutes=4).matrix(ends)
    within = free.minutes <= 4
    np.testing.assert_array_equal(cut.minutes[within], free.minutes[within])
    assert np.isinf(cut.minutes[~within]).all()
    assert 0 < (~within).sum() == len(cut.unreachable())
    assert set(cut.unreachable()["reason"]) == {"takes more than 4 minutes"}


def test_two_visits_in_one_house_take_no_time(square: Path) -> None:
    """Also off the network; and the stop is not counted."""
    times = network(square, speeds_mph=SPEEDS, stop_minutes=5).matrix(places((2, 1), (2, 1), (9, 9), (9, 9)))
    assert times.minutes[0, 1] == times.km[2, 3] == times.minutes[2, 2] == 0
    assert len(times.unreachable()) == 8


def test_a_bus_is_refused(square: Path) -> None:
    with pytest.raises(InputError, match="no travel times by bus"):
        network(square, speeds_mph=SPEEDS).matrix(places((0, 0)), mode="bus")  # type: ignore[arg-type]


# ---- files ----------------------------------------------------------------------------------------


def test_geoparquet_and_degrees_are_the_same_roads(tmp_path: Path) -> None:
    """Format and CRS do not matter."""
    ways, kinds = lines([(0, 0), (2, 0)], [(2, 0), (2, 2)]), ["A Road", "Local Road"]
    plain = write(tmp_path, ways, "a.gpkg", road_function=kinds)
    degrees = tmp_path / "b.parquet"
    gpd.read_file(plain).to_crs("EPSG:4326").to_parquet(degrees)
    ends = places((0, 0), (2, 2))
    a, b = (network(p).matrix(ends) for p in (plain, degrees))
    np.testing.assert_allclose(a.km, b.km, rtol=1e-5)
    assert a.minutes[0, 1] == pytest.approx(minutes(2, 25.4) + minutes(2, 25 / MILE_KM), rel=1e-5)


OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="52.60" lon="-0.70"/><node id="2" lat="52.60" lon="-0.69"/>
<node id="3" lat="52.60" lon="-0.68"/><node id="4" lat="52.61" lon="-0.69"/>
<way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="tertiary"/></way>
<way id="2"><nd ref="2"/><nd ref="4"/><tag k="highway" v="residential"/><tag k="oneway" v="yes"/></way>
<way id="3"><nd ref="3"/><nd ref="4"/><tag k="highway" v="residential"/></way>
<way id="4"><nd ref="1"/><nd ref="4"/><tag k="highway" v="proposed"/></way>
<way id="5"><nd ref="1"/><nd ref="3"/><tag k="waterway" v="river"/></way></osm>"""


def test_an_openstreetmap_extract_is_read_as_it_is(tmp_path: Path) -> None:
    """Ways are split at nodes they share, tags beside the class count, rivers are no roads."""
    path = tmp_path / "little.osm"
    path.write_text(OSM, encoding="utf-8")
    net = network(path)
    assert len(net.links()) == 2 + 2 + 1 + 2
    assert net.dropped()["reason"].tolist() == ["class nobody may use: proposed"]
    ends = net.nodes()
    km = net.matrix(ends).km
    assert not np.allclose(km, km.T)  # one way is one-way


def test_the_speeds_of_the_brief_go_before_those_built_in(tmp_path: Path) -> None:
    """In the file's words, whatever the case; and a class of one's own needs one."""
    path = write(tmp_path, lines([(0, 0), (2, 0)]), highway=["tertiary"])
    assert network(path, speeds_mph={"Tertiary": 10}).matrix(places((0, 0), (2, 0))).minutes[0, 1] == (
        pytest.approx(minutes(2, 10), rel=1e-5))


def test_settings_say_what_a_matrix_depends_on(square: Path, tmp_path: Path) -> None:
    """Another byte in the file, or another speed, are other settings."""
    net = network(square, speeds_mph=SPEEDS)
    assert net.settings()["speeds_mph"] == SPEEDS
    assert len(net.settings()["data_sha256"]) == 64
    assert network(square, speeds_mph={**SPEEDS, "slow": 11}).settings() != net.settings()


def test_travel_times_reads_roads_and_keeps_matrices(square: Path, tmp_path: Path) -> None:
    """The engine the brief asks for, with its cache."""
    brief = TravelBrief(roads=square, speeds_mph=SPEEDS)
    kept = tmp_path / "kept"
    first, second = (travel_times(brief, cache=kept).matrix(places((0, 0), (2, 0))) for _ in range(2))
    np.testing.assert_array_equal(first.minutes, second.minutes)
    assert len(list(kept.iterdir())) == 1


def bad(folder: Path, what: str) -> tuple[Path, dict[str, Any]]:
    one = lines([(0, 0), (2, 0)])
    if what == "no crs":
        return write(folder, one, crs=None, highway=["primary"]), {}
    if what == "points":
        return write(folder, [shapely.Point(X, Y)], highway=["primary"]), {}
    if what == "elsewhere":
        return write(folder, [shapely.LineString([(13.3, 52.5), (13.4, 52.5)])], crs="EPSG:4326",
                     highway=["primary"]), {}
    if what == "no class":
        return write(folder, one, kind=["primary"]), {}
    if what == "unknown class":
        return write(folder, one * 2, highway=["primary", "ice road"]), {}
    if what == "speed of nothing":
        return write(folder, one, highway=["primary"]), {"speeds_mph": {"primery": 30}}
    if what == "wrong column":
        return write(folder, one, highway=["primary"]), {"roads_class": "kind"}
    if what == "wrong layer":
        return write(folder, one, highway=["primary"]), {"roads_layer": "roads"}
    if what == "two layers":
        path = write(folder, one, highway=["primary"])
        gpd.GeoDataFrame({"highway": ["primary"]}, geometry=one, crs=27700).to_file(path, layer="rivers")
        return path, {}
    path = folder / "roads.gpkg"
    path.write_bytes(b"not a database")
    return path, {}


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(("what", "says"), [
    ("no crs", r"roads.gpkg: the road network does not say its coordinate system"),
    ("points", "holds no links"), ("elsewhere", "not in Great Britain"),
    ("no class", r"\[travel\] roads_class: no column says the class of road .* The file has: kind"),
    ("unknown class", r"classes of road that have no speed: ice road \(2 km\)"),
    ("speed of nothing", r"not in the file \('primery'\)\. It has: primary"),
    ("wrong column", "there is no column 'kind'"), ("wrong layer", "no layer 'roads'.* It has: links"),
    ("two layers", "2 layers hold lines.*links, rivers"), ("no file", "cannot be read"),
])
def test_a_bad_file_is_named(tmp_path: Path, what: str, says: str) -> None:
    """What is wrong, in which file, and what to do."""
    path, keys = bad(tmp_path, what)
    with pytest.raises(InputError, match=says):
        network(path, **keys)


def test_a_stray_class_is_left_out_and_counted(tmp_path: Path) -> None:
    """Under 1 % of the length in a class nobody knows is a stray tag, not a misunderstanding."""
    path = write(tmp_path, lines([(0, 0), (99, 0)], [(0, 0), (0, 0.9)]), highway=["primary", "ice road"])
    assert network(path).dropped().to_dict("records") == [
        {"reason": "class without a speed: ice road", "links": 1, "km": pytest.approx(0.9)}]


# ---- against networkx -----------------------------------------------------------------------------

EDGES = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 60), st.integers(1, 90)),
    min_size=1, max_size=30)


@settings(deadline=None)
@given(EDGES, st.sampled_from([np.inf, 40.0]), st.sampled_from([None, 0, 5]))
def test_quickest_ways_are_those_of_networkx(
    edges: list[tuple[int, int, int, int]], limit: float, middle: int | None
) -> None:
    """Minutes agree on any graph; and the km are those of some way of just these minutes.

    A middle that cannot be reached, or that is far off, changes nothing.
    """
    table = np.array(edges)
    graph = make_graph(8, table[:, 0], table[:, 1], table[:, 2].astype(float), table[:, 3].astype(float))
    took, km = quickest(graph, np.arange(8), np.arange(8), limit, middle=middle)
    other: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    other.add_nodes_from(range(8))
    other.add_weighted_edges_from((a, b, t) for a, b, t, _ in edges)
    shortest = dict(nx.all_pairs_dijkstra_path_length(other, cutoff=None if np.isinf(limit) else limit))
    for i in range(8):
        for j in range(8):
            assert took[i, j] == shortest[i].get(j, np.inf)
            assert np.isinf(km[i, j]) == np.isinf(took[i, j])
            if i != j and np.isfinite(took[i, j]):
                assert km[i, j] in ways(edges, i, j, took[i, j])


def ways(edges: list[tuple[int, int, int, int]], start: int, end: int, minutes_left: float) -> set[float]:
    """Km of every way of exactly so many minutes, by brute force; shorter of twins at equal minutes."""
    if minutes_left < 0:
        return set()
    if start == end and minutes_left == 0:
        return {0.0}
    return {
        km + rest for a, b, took, km in edges if a == start and a != b
        for rest in ways(edges, b, end, minutes_left - took)
    } if minutes_left > 0 else set()


@pytest.mark.parametrize("file", ["banes_os_openmaplocal_roads.gpkg", "rutland_osm_roads.gpkg",
                                  "rutland-180227-nometa.osm.pbf"])
def test_real_roads_agree_with_networkx(shared: Path, file: str) -> None:
    """Junction to junction on two real counties, one-way streets and all."""
    net = network(shared / "geo" / "roads" / file)
    nodes, links = net.nodes(), net.links()
    graph: nx.DiGraph[int] = nx.DiGraph()
    order = links.sort_values("minutes", ascending=False)
    for a, b, took, km in order.itertuples(index=False, name=None):
        if a != b:
            graph.add_edge(a, b, minutes=took, km=km)
    pick = np.random.default_rng(3).choice(len(nodes), 600, replace=False)
    times = net.matrix(nodes.iloc[pick[:4]], nodes.iloc[pick])
    for i, a in enumerate(pick[:4]):
        length, path = nx.single_source_dijkstra(graph, int(a), weight="minutes")
        assert times.minutes[i] == pytest.approx([length[int(b)] for b in pick], rel=1e-5, abs=1e-4)
        for j, b in enumerate(pick):
            km = sum(graph.edges[e]["km"] for e in nx.utils.pairwise(path[int(b)]))
            assert times.km[i, j] == pytest.approx(km, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("file", ["banes_os_openmaplocal_roads.gpkg", "rutland-180227-nometa.osm.pbf"])
def test_no_way_is_shorter_than_the_straight_line(shared: Path, file: str) -> None:
    """Nor does a way round by a third place save time: the triangle holds, stops aside."""
    net = network(shared / "geo" / "roads" / file)
    rng = np.random.default_rng(5)
    at = net.nodes().sample(80, random_state=5) + rng.normal(0, 60, (80, 2))
    times = net.matrix(at)
    xy = at.to_numpy()
    crow = np.hypot(*(xy[:, None, k] - xy[None, :, k] for k in (0, 1))) / 1000
    assert (times.km >= crow - 1e-4).all()
    took = times.minutes.astype(float)
    assert (took[:, None, :] <= took[:, :, None] + took[None, :, :] + 1e-3).all()


# ---- calibration ----------------------------------------------------------------------------------


def test_a_grid_of_streets_is_fitted_as_it_was_made(tmp_path: Path) -> None:
    """On a fine grid at 20 mph the speed is 20, and the detour that of going round corners.

    The mean over directions of |cos| + |sin| is 4 / pi = 1.27; half of all trips are above 1.31
    (directions at 45 degrees to the nearest street are the median of a uniform angle: 22.5).
    """
    paths = [[(k / 4, j / 4), (k / 4, (j + 1) / 4)] for k in range(17) for j in range(16)]
    paths += [[(b, a) for a, b in p] for p in paths]
    path = write(tmp_path, lines(*paths), **{"class": ["street"] * len(paths)})
    fit = calibrate(network(path, speeds_mph={"street": 20}), 150, seed=2)
    (whole,) = fit.fits
    assert whole.mph == pytest.approx(20, abs=0.2)
    assert whole.detour == pytest.approx(np.cos(np.pi / 8) + np.sin(np.pi / 8), abs=0.06)
    assert fit.minutes_p90_error < 0.25
    assert calibrate(network(path, speeds_mph={"street": 20}), 150, seed=2) == fit
    # What is printed can be pasted into a brief, and is what was fitted.
    import tomllib
    pasted = TravelBrief(**tomllib.loads(fit.toml())["travel"])
    assert (pasted.car_mph, pasted.car_detour, pasted.kind) == (whole.mph, whole.detour, "straight-line")


def test_town_and_country_are_told_apart(tmp_path: Path) -> None:
    """A slow west and a fast east, all on one road: each side gets its own speed."""
    paths = [[(k / 4, 0), ((k + 1) / 4, 0)] for k in range(40)]
    path = write(tmp_path, lines(*paths), **{"class": ["slow"] * 20 + ["fast"] * 20})
    net = network(path, speeds_mph=SPEEDS)
    at = net.nodes()
    at["rural"] = at["x_m"] > X + 5000
    fit = {f.kind: f for f in calibrate(net, at, max_km=4).fits}
    assert fit["urban"].mph == pytest.approx(10, rel=0.02)
    assert fit["rural"].mph == pytest.approx(40, rel=0.02)
    assert fit["urban"].detour == fit["rural"].detour == 1.0
    assert fit["urban"].mph < fit["all"].mph < fit["rural"].mph


def test_too_few_trips_to_fit_to(square: Path) -> None:
    with pytest.raises(InputError, match="only 12 trips between the 4 places"):
        calibrate(network(square, speeds_mph=SPEEDS), 4)


@pytest.mark.parametrize("file", ["banes_os_openmaplocal_roads.gpkg", "rutland_osm_roads.gpkg",
                                  "rutland-180227-nometa.osm.pbf"])
def test_the_default_detour_is_within_what_real_roads_give(shared: Path, file: str) -> None:
    """The fit on two counties brackets the straight line's own default, within 3 %."""
    fit = calibrate(network(shared / "geo" / "roads" / file), 300)
    assert fit.fits[0].detour == pytest.approx(TravelBrief().car_detour, rel=0.03)
    assert fit.minutes_median_error < 0.25
    better = calibrate(network(shared / "geo" / "roads" / file), 300, mode="walk")
    assert better.minutes_median_error < 0.12
