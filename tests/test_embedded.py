"""The embedded counties: sound maps, the published hours, and places where they belong."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from lotting import embedded
from lotting.embedded import (
    COUNTIES,
    PUBLISHED,
    county_areas,
    county_hours,
    county_outline,
    data_folder,
    settlement_cells,
    share_out,
)
from lotting.errors import InputError, LottingError

both = pytest.mark.parametrize("county", COUNTIES)


def neighbours(areas: gpd.GeoDataFrame) -> nx.Graph:
    """Rook neighbours by the length of the common border; not the project's own adjacency."""
    graph = nx.Graph()
    graph.add_nodes_from(areas.index)
    a, b = areas.sindex.query(areas.geometry, predicate="intersects")
    for i, j in zip(a, b, strict=True):
        shared = areas.geometry.iloc[i].boundary.intersection(areas.geometry.iloc[j].boundary)
        if i < j and shared.length > 1:
            graph.add_edge(areas.index[i], areas.index[j])
    return graph


@pytest.mark.parametrize(("county", "fewest"), [("leicestershire", 150), ("herefordshire", 90)])
def test_enough_areas(county: str, fewest: int) -> None:
    """A county has the number of areas that makes drawing lots a real task."""
    assert len(county_areas(county)) >= fewest


@both
def test_shape_of_the_frame(county: str) -> None:
    """The frame has the shape every other part relies on."""
    areas = county_areas(county)
    assert areas.index.name == "area_code"
    assert areas.index.is_unique
    assert areas.index.is_monotonic_increasing
    assert areas.crs.to_epsg() == 27700
    assert list(areas.columns) == [
        "area_name", "locality", "rural", "population", "population_75", "x_m", "y_m", "geometry",
    ]
    assert areas["rural"].dtype == bool
    assert areas["area_name"].is_unique
    assert areas.attrs["rural_known"] is True
    assert (areas["population_75"] < areas["population"]).all()


@both
def test_codes_follow_the_table(county: str) -> None:
    """Codes are stable: the first row of the table is 001, and so on."""
    with (data_folder() / f"{county}_settlements.csv").open(encoding="utf-8") as handle:
        names = [row["name"] for row in csv.DictReader(handle)]
    areas = county_areas(county)
    assert areas["area_name"].to_list() == names
    assert areas.index[0].endswith("001")
    assert areas.index[-1].endswith(f"{len(names):03d}")


@both
def test_frames_are_independent(county: str) -> None:
    """What a caller does to one frame does not show in the next."""
    areas = county_areas(county)
    areas.loc[areas.index[0], "population"] = -1
    assert (county_areas(county)["population"] > 0).all()


@both
def test_clean_coverage(county: str) -> None:
    """No overlap, no gap, shared vertices: the areas are exactly the outline."""
    areas, outline = county_areas(county), county_outline(county)
    cells = areas.geometry.to_numpy()
    assert set(areas.geom_type) == {"Polygon"}
    assert areas.is_valid.all()
    assert shapely.coverage_is_valid(cells)
    land = shapely.coverage_union_all(cells)
    assert land.geom_type == "Polygon"
    assert len(land.interiors) == len(outline.interiors)
    # The 1 cm grid may move a border by half a centimetre, no more.
    assert land.symmetric_difference(outline).area < outline.length * embedded.GRID_M


@both
def test_a_settlement_is_in_its_area(county: str) -> None:
    """The point where care is given is inside the area, and is the nearest settlement to it."""
    areas = county_areas(county)
    points = shapely.points(areas["x_m"], areas["y_m"])
    assert shapely.contains(areas.geometry.to_numpy(), points).all()
    inside = shapely.point_on_surface(areas.geometry.to_numpy())
    nearest = shapely.STRtree(points).nearest(inside)
    assert nearest.tolist() == list(range(len(areas)))


@both
def test_localities_are_connected(county: str) -> None:
    """Each locality and the whole county hang together, or no plan could exist."""
    areas = county_areas(county)
    graph = neighbours(areas)
    assert nx.is_connected(graph)
    for locality, part in areas.groupby("locality"):
        assert nx.is_connected(graph.subgraph(part.index)), locality


@both
def test_outline_is_drawn_with_care(county: str) -> None:
    """60 points or more, valid; Leicestershire has its hole."""
    outline = county_outline(county)
    assert len(outline.exterior.coords) > 60
    assert outline.is_valid
    assert len(outline.interiors) == (1 if county == "leicestershire" else 0)


@both
def test_no_area_is_too_large(county: str) -> None:
    """No area holds more than 300 hours a week, so that lots can be balanced."""
    by_area = county_hours(county).groupby("area_code")["weekly_hours"].sum()
    assert by_area.max() <= 300
    assert by_area.min() > 0
    assert set(by_area.index) == set(county_areas(county).index)


def test_leicestershire_hours_are_the_published_ones() -> None:
    """33,732 council and 15,498 NHS hours, 49,230 in all."""
    hours = county_hours("leicestershire").groupby("payer")["weekly_hours"].sum()
    assert hours.to_dict() == {"LCC": 33732, "NHS": 15498}
    assert hours.sum() == 49230


def test_herefordshire_hours_are_the_published_ones() -> None:
    """O by zone and D by pair of zones, each exactly as published."""
    hours = county_hours("herefordshire")
    zone = hours["area_code"].map(county_areas("herefordshire")["locality"]).str[-1]
    o, d = hours["pathway"] == "O", hours["pathway"] == "D"
    assert hours[o].groupby(zone)["weekly_hours"].sum().to_dict() == {
        "A": 1682, "B": 2174, "C": 1696, "D": 2352, "E": 1295}
    assert hours.loc[d & zone.isin(["A", "B"]), "weekly_hours"].sum() == 1355
    assert hours.loc[d & zone.isin(["C", "D", "E"]), "weekly_hours"].sum() == 975
    assert hours.loc[o, "weekly_hours"].sum() == 9199
    assert hours.loc[d, "weekly_hours"].sum() == 2330


@both
def test_hours_follow_the_people_aged_75(county: str) -> None:
    """Within a published line, an area's hours are its share of people 75+, to a quarter hour."""
    areas, hours = county_areas(county), county_hours(county)
    for line in PUBLISHED[county]:
        inside = areas[areas["locality"].isin(line.localities)] if line.localities else areas
        part = hours[
            (hours["payer"] == line.payer) & (hours["pathway"] == line.pathway)
            & hours["area_code"].isin(inside.index)
        ].set_index("area_code")["weekly_hours"]
        people = inside["population_75"]
        expected = line.weekly_hours * people / people.sum()
        assert (part - expected).abs().max() < 0.25
        assert (part % 0.25 == 0).all()


@pytest.mark.parametrize("name", ["rutland", ""])
def test_unknown_county(name: str) -> None:
    """An unknown county is refused, with the choice there is."""
    with pytest.raises(InputError, match="leicestershire or herefordshire"):
        county_areas(name)


def test_county_as_people_write_it() -> None:
    """Capitals and spaces do not matter."""
    assert county_areas(" Herefordshire ").equals(county_areas("herefordshire"))


def test_data_of_a_wheel_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel the tables are inside the package; there they come first."""
    package = tmp_path / "site-packages" / "lotting"
    inside = package / "_data" / "geo"
    inside.mkdir(parents=True)
    monkeypatch.setattr(embedded, "__file__", str(package / "embedded.py"))
    with pytest.raises(LottingError, match="Install the package again"):
        data_folder()
    (inside / "leicestershire_settlements.csv").write_text("name\n", encoding="utf-8")
    assert data_folder() == inside.resolve()


# --- cells ---------------------------------------------------------------------------------------


def test_detached_part_goes_to_the_neighbour_with_the_longest_border() -> None:
    """An arm that the outline cuts off from its settlement joins the area it touches most."""
    # A U: the bay between the arms is water. The right arm's upper part is nearest to the point
    # of the left arm, but cannot be reached from there.
    land = Polygon([
        (0, 0), (100, 0), (100, 100), (60, 100), (60, 20), (40, 20), (40, 100), (0, 100)])
    points = np.array([[39.0, 90.0], [80.0, 5.0]])
    cells = settlement_cells(points, land)
    assert [c.geom_type for c in cells] == ["Polygon", "Polygon"]
    assert shapely.coverage_is_valid(cells)
    assert shapely.union_all(cells).equals(land)
    assert cells[1].contains(shapely.Point(62, 95))
    alone = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=land)
    assert any(c.intersection(land).geom_type == "MultiPolygon" for c in alone.geoms)


def test_a_point_outside_the_outline_is_refused() -> None:
    """A point off the land is an error; one on the land beside it is not."""
    land = box(0, 0, 10, 10)
    assert settlement_cells(np.array([[1.0, 1.0], [9.0, 9.0]]), land)
    with pytest.raises(ValueError, match="1 of 2 points are not inside the outline"):
        settlement_cells(np.array([[1.0, 1.0], [11.0, 9.0]]), land)


def test_two_points_in_one_place_are_refused() -> None:
    """Two settlements in one place have no border between them."""
    points = np.array([[2.0, 2.0], [2.0, 2.0], [8.0, 8.0]])
    with pytest.raises(ValueError, match="Two points lie in one place"):
        settlement_cells(points, box(0, 0, 10, 10))


@settings(max_examples=40, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=2, max_size=12, unique=True),
    bay=st.integers(0, 95),
)
def test_cells_are_always_a_coverage(places: list[tuple[int, int]], bay: int) -> None:
    """Whatever the points and however deep the bay: one polygon each, no gap and no overlap."""
    land = Polygon([(0, 0), (100, 0), (100, 100), (52, 100), (50, 100 - bay), (48, 100), (0, 100)])
    points = np.array([p for p in places if land.buffer(-0.5).contains(shapely.Point(p))], float)
    if len(points) < 2:
        return
    cells = settlement_cells(points, land)
    assert all(c.geom_type == "Polygon" and c.is_valid for c in cells)
    assert shapely.coverage_is_valid(cells)
    assert shapely.union_all(cells).symmetric_difference(land).area < 0.01 * land.length
    assert all(c.contains(shapely.Point(p)) for c, p in zip(cells, points, strict=True))


# --- sharing out ---------------------------------------------------------------------------------


@given(
    quarters=st.integers(0, 10_000),
    weights=st.lists(st.integers(0, 500), min_size=1, max_size=30).filter(any),
)
def test_share_out_keeps_the_total(quarters: int, weights: list[int]) -> None:
    """Shares add up exactly and are within one step of their proportion (exact fractions)."""
    total = quarters / 4
    shares = share_out(total, weights, step=0.25)
    assert shares.sum() == total
    for share, weight in zip(shares.tolist(), weights, strict=True):
        exact = Fraction(quarters * weight, sum(weights) * 4)
        assert abs(Fraction(share) - exact) < Fraction(1, 4) + Fraction(1, 10**6)
        assert share >= 0


# --- against official boundaries -----------------------------------------------------------------


def _inside(shared: Path, county: str) -> pd.Series:
    """LSOA around each settlement, missing outside the county."""
    lsoa = gpd.read_file(shared / "geo" / "units" / f"{county}.gpkg", layer="lsoa21")
    areas = county_areas(county)
    points = gpd.GeoDataFrame(
        areas[["locality"]], geometry=gpd.points_from_xy(areas["x_m"], areas["y_m"]),
        crs="EPSG:27700")
    return gpd.sjoin(points, lsoa[["LSOA21CD", "geometry"]], predicate="within", how="left")[
        "LSOA21CD"]


def test_leicestershire_settlements_are_in_the_right_locality(shared: Path) -> None:
    """At least 95 % lie in an LSOA of the locality that the table gives them."""
    published = pd.read_csv(
        shared / "geo" / "units" / "leicestershire_published_lots.csv").set_index("area_code")
    found = _inside(shared, "leicestershire").map(published["locality"])
    assert (found == county_areas("leicestershire")["locality"]).mean() >= 0.95


def test_herefordshire_settlements_are_in_the_county(shared: Path) -> None:
    """At least 95 % lie inside Herefordshire."""
    assert _inside(shared, "herefordshire").notna().mean() >= 0.95
