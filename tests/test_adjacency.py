"""Adjacency against oracles that share nothing with it: known grids and exact intersections."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box
from shapely.affinity import rotate, translate

from lotting import adjacency
from lotting.adjacency import build_adjacency, pieces
from lotting.errors import InputError

COUNTIES = ["banes", "herefordshire", "leicester", "leicestershire", "rutland"]
DIRTY = ["banes", "herefordshire", "rutland"]


def areas_of(shapes: dict[str, Any]) -> gpd.GeoDataFrame:
    index = pd.Index(list(shapes), name="area_code")
    return gpd.GeoDataFrame(geometry=list(shapes.values()), index=index, crs="EPSG:27700")


def pairs(graph: nx.Graph[str]) -> set[tuple[str, str]]:
    return {(min(e), max(e)) for e in graph.edges}


def grid(rows: int, columns: int, side: float = 100.0, grow: float = 0.0) -> dict[str, Any]:
    """Squares ``r0c0`` ...; each grown on every side (below 0: shrunk, so that gaps appear)."""
    return {
        f"r{r}c{c}": box(c * side - grow, r * side - grow, (c + 1) * side + grow,
                         (r + 1) * side + grow)
        for r in range(rows) for c in range(columns)
    }


def rook(rows: int, columns: int) -> set[tuple[str, str]]:
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    return {
        (f"r{a[0]}c{a[1]}", f"r{b[0]}c{b[1]}") for a, b in combinations(cells, 2)
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1
    }


def by_intersection(areas: gpd.GeoDataFrame) -> dict[tuple[str, str], float]:
    """Oracle for clean maps: length of the intersection of every two outlines."""
    found = {}
    for a, b in combinations(areas.index, 2):
        common = areas.geometry[a].boundary.intersection(areas.geometry[b].boundary)
        if common.length > 0:
            found[min(a, b), max(a, b)] = common.length
    return found


def voronoi(seed: int, n: int, side: float = 5_000.0) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    points = shapely.multipoints(rng.uniform(0, side, (n, 2)))
    frame = box(0, 0, side, side)
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))
    cells = shapely.set_precision(shapely.intersection(cells, frame), 0.01)
    return areas_of({f"v{i:03d}": cell for i, cell in enumerate(cells)})


def jittered(areas: gpd.GeoDataFrame, sigma_m: float, seed: int) -> gpd.GeoDataFrame:
    """Move every vertex of every area on its own: gaps and overlaps everywhere."""
    rng = np.random.default_rng(seed)

    def moved(shape: Any) -> Any:
        ring = shapely.get_coordinates(shape)[:-1]
        return Polygon(ring + rng.normal(0, sigma_m, ring.shape)).buffer(0)

    return areas_of({code: moved(shape) for code, shape in areas.geometry.items()})


# -- clean maps ----------------------------------------------------------------------------------


def test_a_grid_has_rook_neighbours_and_no_corners() -> None:
    graph = build_adjacency(areas_of(grid(4, 5)))
    assert pairs(graph) == rook(4, 5)
    assert {d["shared_m"] for *_, d in graph.edges(data=True)} == {100.0}
    assert {d["kind"] for *_, d in graph.edges(data=True)} == {"border"}


def test_nodes_keep_the_order_of_the_areas() -> None:
    codes = ["z", "a", "m"]
    shapes = dict(zip(codes, grid(1, 3).values(), strict=True))
    assert list(build_adjacency(areas_of(shapes))) == codes


def test_hexagons_have_six_neighbours_and_share_a_side_each() -> None:
    side, shapes = 100.0, {}
    corners = [(np.cos(np.pi / 3 * k + np.pi / 6), np.sin(np.pi / 3 * k + np.pi / 6))
               for k in range(6)]
    for q in range(-3, 4):
        for r in range(-3, 4):
            x, y = side * np.sqrt(3) * (q + r / 2), side * 1.5 * r
            shapes[f"{q},{r}"] = Polygon([(x + side * a, y + side * b) for a, b in corners])
    graph = build_adjacency(areas_of(shapes))
    assert graph.degree["0,0"] == 6
    expected = sum(
        1 for a, b in combinations([(q, r) for q in range(-3, 4) for r in range(-3, 4)], 2)
        if (b[0] - a[0], b[1] - a[1]) in {(1, 0), (0, 1), (1, -1), (-1, 1), (-1, 0), (0, -1)})
    assert graph.number_of_edges() == expected
    assert all(np.isclose(m, side) for *_, m in graph.edges(data="shared_m"))


@given(st.integers(0, 10_000), st.integers(3, 25))
@settings(max_examples=25, deadline=None)
def test_on_clean_maps_it_is_the_length_of_the_intersection(seed: int, n: int) -> None:
    areas = voronoi(seed, n)
    graph = build_adjacency(areas, tolerance_m=1.0)
    expected = {p: m for p, m in by_intersection(areas).items() if m > 10.1}
    found = {p: graph.edges[p]["shared_m"] for p in pairs(graph)}
    assert expected.keys() <= found.keys()
    assert all(abs(found[p] - m) < 0.1 for p, m in expected.items())
    assert all(found[p] < 10.2 for p in found.keys() - expected.keys())


def test_edges_without_common_vertices_touch_at_t_junctions() -> None:
    """One long edge beside two short ones; nothing matches end to end."""
    shapes = {"long": box(0, 0, 1000, 100), "left": box(0, 100, 370, 200),
              "right": box(370, 100, 1000, 200)}
    graph = build_adjacency(areas_of(shapes), tolerance_m=0.5)
    assert graph.edges["long", "left"]["shared_m"] == pytest.approx(370)
    assert graph.edges["long", "right"]["shared_m"] == pytest.approx(630)
    assert graph.edges["left", "right"]["shared_m"] == pytest.approx(100)


def test_an_area_inside_another_touches_it_all_round() -> None:
    hole = box(400, 400, 600, 600)
    graph = build_adjacency(areas_of({"ring": box(0, 0, 1000, 1000) - hole, "town": hole}))
    assert graph.edges["ring", "town"]["shared_m"] == 800.0


def test_an_area_in_several_parts_adds_its_borders_up() -> None:
    two = shapely.MultiPolygon([box(0, 0, 100, 100), box(200, 0, 300, 100)])
    graph = build_adjacency(areas_of({"two": two, "middle": box(100, 0, 200, 100)}))
    assert graph.edges["two", "middle"]["shared_m"] == 200.0


def test_neither_direction_nor_first_vertex_of_a_ring_matters() -> None:
    shapes = grid(3, 3)
    turned = {
        code: Polygon(np.roll(shapely.get_coordinates(s)[:-1], k, axis=0)[:: -1 if k % 2 else 1])
        for k, (code, s) in enumerate(shapes.items())
    }
    assert pairs(build_adjacency(areas_of(turned))) == rook(3, 3)


@pytest.mark.parametrize(("metres", "touch"), [(9.9, False), (10.0, True)])
def test_the_least_shared_length_counts_as_touching(metres: float, touch: bool) -> None:
    shapes = {"a": box(0, 0, 100, 100), "b": box(100, 100 - metres, 200, 300)}
    graph = build_adjacency(areas_of(shapes), tolerance_m=0.0)
    assert graph.has_edge("a", "b") is touch


def test_a_single_area_and_areas_far_apart_have_no_edges() -> None:
    assert build_adjacency(areas_of({"a": box(0, 0, 1, 1)})).number_of_edges() == 0
    far = build_adjacency(areas_of({"a": box(0, 0, 100, 100), "b": box(9e5, 0, 9.1e5, 100)}))
    assert far.number_of_edges() == 0


def test_a_point_in_common_is_no_border_even_with_no_least_length() -> None:
    graph = build_adjacency(areas_of(grid(2, 2)), min_shared_m=0.0)
    assert pairs(graph) == rook(2, 2)


# -- unclean maps --------------------------------------------------------------------------------


@pytest.mark.parametrize("grow", [-8.0, -2.0, -0.001, 0.001, 2.0, 8.0])
@pytest.mark.parametrize("angle", [0, 17, 45])
def test_gaps_and_overlaps_keep_rook_neighbours_and_no_corners(grow: float, angle: int) -> None:
    """Also where four corners overlap: the corner looks like a border of twice the overlap."""
    shapes = {c: rotate(s, angle, origin=(0, 0)) for c, s in grid(4, 4, grow=grow).items()}
    graph = build_adjacency(areas_of(shapes))
    assert pairs(graph) == rook(4, 4)
    # Both the gap and what is taken off for it are of the order of the growth.
    assert all(abs(m - 100) <= 8 * abs(grow) + 1e-6 for *_, m in graph.edges(data="shared_m"))


@pytest.mark.parametrize(("gap", "touch"), [(24.9, True), (25.1, False)])
def test_the_tolerance_is_the_widest_gap(gap: float, touch: bool) -> None:
    shapes = {"a": box(0, 0, 1000, 100), "b": box(0, 100 + gap, 1000, 300)}
    assert build_adjacency(areas_of(shapes)).has_edge("a", "b") is touch


@pytest.mark.parametrize(("length", "touch"), [(95, False), (105, True)])
def test_a_stretch_must_be_five_times_its_gap(length: float, touch: bool) -> None:
    """A 20 m creek's mouth is no border; 20 m between two long edges is bad drawing."""
    shapes = {"a": box(0, 0, length, 100), "b": box(0, 120, length, 300)}
    assert build_adjacency(areas_of(shapes)).has_edge("a", "b") is touch


@pytest.mark.parametrize("width", [0.5, 3.0, 15.0])
@pytest.mark.parametrize("slack", [0.0, 0.2])
def test_a_thin_area_between_two_others_keeps_them_apart(width: float, slack: float) -> None:
    """A river drawn as an area: the banks face each other within the tolerance."""
    shapes = {
        "north": box(0, width + slack, 2000, 500),
        "river": box(0, 0, 2000, width),
        "south": box(0, -500, 2000, -slack),
    }
    assert pairs(build_adjacency(areas_of(shapes))) == {("north", "river"), ("river", "south")}


@pytest.mark.parametrize("angle", [60, 90, 120, 180])
def test_two_wedges_that_meet_in_a_point_are_not_neighbours(angle: int) -> None:
    half = np.radians(angle / 4)
    east = Polygon([(0, 0), (900 * np.cos(half), -900 * np.sin(half)),
                    (900 * np.cos(half), 900 * np.sin(half))])
    shapes = {"east": east, "west": rotate(east, 180, origin=(0, 0))}
    assert build_adjacency(areas_of(shapes)).number_of_edges() == 0


def test_neighbours_on_a_coast_do_not_gain_from_running_along_it() -> None:
    """Two squares side by side share one side, whatever the tolerance."""
    for tolerance in (0.0, 25.0, 100.0):
        graph = build_adjacency(areas_of(grid(1, 2)), tolerance_m=tolerance)
        assert graph.edges["r0c0", "r0c1"]["shared_m"] == 100.0


@pytest.mark.parametrize("sigma_m", [0.0005, 0.05, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_jitter_finds_every_true_neighbour_and_no_other(sigma_m: float, seed: int) -> None:
    """Against the map before the jitter; borders near the least length are left open."""
    clean = voronoi(seed, 120)
    truth = by_intersection(clean)
    found = pairs(build_adjacency(jittered(clean, sigma_m, seed)))
    assert {p for p, m in truth.items() if m > 12 + 10 * sigma_m} <= found
    assert found <= truth.keys()


def test_two_generalisations_of_one_line_are_one_border() -> None:
    """One side keeps 400 vertices, the other 21 of them."""
    x = np.linspace(0, 4_000, 401)
    y = 8 * np.sin(x / 90) + 3 * np.sin(x / 17)
    fine = np.column_stack([x, y])
    shapes = {
        "north": Polygon([*fine, (4000, 900), (0, 900)]),
        "south": Polygon([*fine[::20], (4000, -900), (0, -900)]),
    }
    assert build_adjacency(areas_of(shapes)).edges["north", "south"]["shared_m"] > 3_500


@given(st.integers(0, 1_000), st.floats(0.01, 3.0), st.floats(0, 6.3),
       st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)))
@settings(max_examples=15, deadline=None)
def test_order_turn_and_place_of_the_map_do_not_matter(
    seed: int, sigma_m: float, turn: float, shift: tuple[float, float]
) -> None:
    areas = jittered(voronoi(seed, 30), sigma_m, seed)
    base = build_adjacency(areas)
    moved = areas.iloc[::-1].copy()
    moved.geometry = [
        translate(rotate(s, turn, origin=(0, 0), use_radians=True), *shift)
        for s in moved.geometry]
    other = build_adjacency(moved)
    for edge in pairs(base) ^ pairs(other):  # only rounding may decide, at the very limit
        graph = base if base.has_edge(*edge) else other
        assert graph.edges[edge]["shared_m"] < 11
    for edge in pairs(base) & pairs(other):
        assert base.edges[edge]["shared_m"] == pytest.approx(
            other.edges[edge]["shared_m"], rel=0.02, abs=2)


def test_blocks_and_batches_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = jittered(voronoi(7, 80), 1.0, 7)
    whole = dict(build_adjacency(areas).edges)
    monkeypatch.setattr(adjacency, "BLOCK", 40)
    monkeypatch.setattr(adjacency, "BATCH", 7)
    small = dict(build_adjacency(areas).edges)
    assert whole.keys() == small.keys()
    assert all(whole[e]["shared_m"] == pytest.approx(small[e]["shared_m"]) for e in whole)


# -- real maps -----------------------------------------------------------------------------------


def county(shared: Any, name: str) -> gpd.GeoDataFrame:
    areas = gpd.read_file(shared / "geo" / "units" / f"{name}.gpkg", layer="lsoa21")
    return areas.set_index("LSOA21CD").sort_index().rename_axis("area_code")


def reference(shared: Any, name: str) -> dict[tuple[str, str], float]:
    table = pd.read_csv(shared / "geo" / "units" / f"{name}_adjacency.csv")
    return {
        (min(a, b), max(a, b)): m
        for a, b, m in table[["lsoa_a", "lsoa_b", "shared_m"]].itertuples(index=False)
    }


@pytest.mark.parametrize("name", COUNTIES)
def test_clean_counties_equal_the_reference(shared: Any, name: str) -> None:
    graph = build_adjacency(county(shared, name))
    expected = {p: m for p, m in reference(shared, name).items() if m > 10}
    assert pairs(graph) == expected.keys()
    assert all(abs(graph.edges[p]["shared_m"] - m) <= 0.051 for p, m in expected.items())


@pytest.mark.parametrize("name", DIRTY)
def test_unclean_counties_have_every_true_neighbour(shared: Any, name: str) -> None:
    """LSOAs that did not change from 2011 to 2021 have the neighbours of the clean map.

    The outlines were revised in between, so pairs close to the least length are left open.
    """
    areas = gpd.read_file(shared / "geo" / "dirty" / f"{name}_lsoa11_ukgeojson.geojson")
    areas = areas.set_index("LSOA11CD").rename_axis("area_code").to_crs("EPSG:27700")
    areas.geometry = areas.geometry.make_valid()
    clean = county(shared, name)
    same = set(clean.index[clean["lsoa_change"] == "U"]) & set(areas.index)
    truth = {p: m for p, m in reference(shared, name).items() if same.issuperset(p)}
    found = {p for p in pairs(build_adjacency(areas)) if same.issuperset(p)}
    assert {p for p, m in truth.items() if m > 10} <= found
    assert found <= truth.keys()


def test_hampshire_is_the_mainland_and_hayling_island(shared: Any) -> None:
    areas = county(shared, "hampshire")
    graph = build_adjacency(areas)
    mainland, island = pieces(graph, areas)
    assert (len(mainland.areas), len(island.areas)) == (854, 11)
    assert set(areas.loc[list(island.areas), "WD24NM"]) == {"Hayling East", "Hayling West"}
    nearest = island.candidates[0]
    assert nearest.gap_m == pytest.approx(
        areas.geometry[list(island.areas)].union_all().distance(
            areas.geometry[list(mainland.areas)].union_all()), abs=0.1)
    joined = build_adjacency(areas, bridges=[(nearest.area, nearest.other)])
    assert nx.is_connected(joined)
    assert joined.edges[nearest.area, nearest.other] == {"shared_m": 0.0, "kind": "bridge"}


# -- bridges, barriers, pieces -------------------------------------------------------------------


def test_a_bridge_between_neighbours_leaves_the_border() -> None:
    graph = build_adjacency(areas_of(grid(1, 2)), bridges=[("r0c1", "r0c0")])
    assert graph.edges["r0c0", "r0c1"] == {"shared_m": 100.0, "kind": "border"}


def test_a_barrier_cuts_and_one_that_cuts_nothing_is_a_warning() -> None:
    graph = build_adjacency(
        areas_of(grid(1, 3)), barriers=[("r0c1", "r0c0"), ("r0c0", "r0c2")])
    assert pairs(graph) == {("r0c1", "r0c2")}
    (warning,) = graph.graph["warnings"]
    assert "1 barrier is between areas that do not touch: r0c0-r0c2" in str(warning)


def test_every_wrong_pair_is_said_at_once() -> None:
    with pytest.raises(InputError) as error:
        build_adjacency(
            areas_of(grid(1, 3)), bridges=[("r0c0", "r0c9"), ("r0c1", "r0c1"), ("r0c0", "r0c2")],
            barriers=[("x", "y"), ("r0c2", "r0c0")])
    text = str(error.value)
    assert len(error.value.problems) == 4
    assert "[areas] bridges[1]: r0c9 is not on the map" in text
    assert "[areas] bridges[2]: both ends are the same area" in text
    assert "[areas] barriers[1]: x, y are not on the map" in text
    assert "r0c0 and r0c2 are both a bridge and a barrier" in text


def test_pieces_are_named_largest_first_with_the_nearest_pairs() -> None:
    shapes = {
        "a": box(0, 0, 100, 100), "b": box(100, 0, 200, 100), "c": box(200, 0, 300, 100),
        "d": box(0, 200, 100, 300), "e": box(100, 200, 200, 300), "f": box(300, 100, 400, 200),
    }
    areas = areas_of(shapes)
    first, second, third = pieces(build_adjacency(areas), areas, candidates=2)
    assert (first.areas, first.candidates) == (("a", "b", "c"), ())
    assert second.areas == ("d", "e")
    assert [(c.area, c.other, c.gap_m) for c in second.candidates] == [
        ("d", "a", 100.0), ("d", "b", 100.0)]
    assert [(c.area, c.other, c.gap_m) for c in third.candidates] == [("f", "c", 0.0)]
    assert str(third) == "1 area cut off from the rest: f. Nearest: f to c, 0 m."


def test_a_map_that_hangs_together_is_one_piece() -> None:
    areas = areas_of(grid(2, 2))
    assert [p.areas for p in pieces(build_adjacency(areas), areas)] == [tuple(areas.index)]
