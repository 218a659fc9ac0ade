"""Boundaries: formats, the CRS, what is mended, and what is refused with a way out."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from lotting.areas import AreasRead, read_areas
from lotting.brief import AreasBrief
from lotting.errors import InputError

EAST, NORTH = 450_000.0, 300_000.0  # Leicestershire
SQUARES = [box(EAST + 1000 * i, NORTH, EAST + 1000 * (i + 1), NORTH + 1000) for i in range(3)]
CODES = ["E01000001", "E01000002", "E01000003"]


def squares(**columns: Any) -> gpd.GeoDataFrame:
    given = {"LSOA21CD": CODES, "LSOA21NM": ["North", "Mid", "South"]} | columns
    geometry = given.pop("geometry", SQUARES)
    return gpd.GeoDataFrame(given, geometry=geometry, crs=given.pop("crs", "EPSG:27700"))


def saved(frame: gpd.GeoDataFrame, path: Path, **options: Any) -> Path:
    frame.to_file(path, **options)
    return path


def read(path: Path, **keys: Any) -> AreasRead:
    return read_areas(AreasBrief(file=path, **keys))


def refused(path: Path, **keys: Any) -> str:
    with pytest.raises(InputError) as error:
        read(path, **keys)
    return str(error.value)


def lookup(path: Path, table: dict[str, list[Any]]) -> Path:
    pd.DataFrame(table).to_csv(path, index=False)
    return path


@pytest.fixture
def gpkg(tmp_path: Path) -> Path:
    return saved(squares(), tmp_path / "map.gpkg", layer="lsoa21")


# -- formats -------------------------------------------------------------------------------------


def test_the_shape_of_the_result(tmp_path: Path) -> None:
    frame = squares(rural=[1, 0, 1], pop=[10, 20, 30]).iloc[::-1]
    result = read(saved(frame, tmp_path / "m.gpkg"), population="pop")
    areas = result.areas
    assert areas.index.to_list() == CODES
    assert areas.index.name == "area_code"
    assert areas.crs == "EPSG:27700"
    assert areas.columns.to_list() == [
        "area_name", "locality", "rural", "population", "x_m", "y_m", "pop", "geometry"]
    assert areas["area_name"].to_list() == ["North", "Mid", "South"]
    assert areas["locality"].to_list() == ["", "", ""]
    assert areas["rural"].dtype == bool
    assert areas["rural"].to_list() == [True, False, True]
    assert areas.attrs["rural_known"] is True
    assert areas["population"].to_list() == [10.0, 20.0, 30.0]
    points = gpd.points_from_xy(areas["x_m"], areas["y_m"])
    assert shapely.within(points, areas.geometry.to_numpy()).all()
    assert result.repairs.columns.to_list() == ["file", "area_code", "problem", "action"]
    assert (len(result.repairs), result.warnings) == (0, [])


@pytest.mark.parametrize("name", ["m.gpkg", "m.geojson", "m.shp", "m.parquet"])
def test_every_format_gives_the_same_areas(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        squares().to_parquet(path)
    elif name.endswith("geojson"):
        squares().to_crs("EPSG:4326").to_file(path)
    else:
        squares().to_file(path)
    areas = read(path).areas
    assert areas.index.to_list() == CODES
    assert areas["area_name"].to_list() == ["North", "Mid", "South"]
    # There and back through degrees costs less than a millimetre.
    assert shapely.hausdorff_distance(areas.geometry.to_numpy(), SQUARES).max() < 0.001


@pytest.mark.parametrize("folder", ["", "Boundaries 2021/"])
def test_a_zipped_shapefile_wherever_it_lies_in_the_zip(tmp_path: Path, folder: str) -> None:
    saved(squares(), tmp_path / "m.shp")
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for part in ("shp", "shx", "dbf", "prj"):
            archive.write(tmp_path / f"m.{part}", f"{folder}m.{part}")
    assert read(tmp_path / "m.zip").areas.index.to_list() == CODES


def test_a_zip_without_boundaries(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "the zip holds no boundary file" in refused(tmp_path / "m.zip")


def test_files_become_one_map_with_codes_found_in_each(tmp_path: Path) -> None:
    saved(squares().iloc[:2], tmp_path / "a.gpkg")
    other = squares().iloc[2:].rename(columns={"LSOA21CD": "lsoa11cd", "LSOA21NM": "lsoa11nm"})
    saved(other.to_crs("EPSG:4326"), tmp_path / "b.geojson")
    result = read_areas(AreasBrief(files=[tmp_path / "a.gpkg", tmp_path / "b.geojson"]))
    assert result.areas.index.to_list() == CODES
    assert result.areas["area_name"].to_list() == ["North", "Mid", "South"]
    assert "codes in different columns" in str(result.warnings[0])


def test_layers_become_one_map(tmp_path: Path) -> None:
    saved(squares().iloc[:2], tmp_path / "m.gpkg", layer="a")
    saved(squares().iloc[2:], tmp_path / "m.gpkg", layer="b")
    assert read(tmp_path / "m.gpkg", layers=["a", "b"]).areas.index.to_list() == CODES
    text = refused(tmp_path / "m.gpkg")
    assert "2 layers, and 2 of them could be the areas. Name one: a, b." in text
    assert "no layer 'c'. It has: a, b." in refused(tmp_path / "m.gpkg", layer="c")


def test_layers_of_styles_points_and_tables_are_passed_over(gpkg: Path) -> None:
    saved(gpd.GeoDataFrame({"code": ["x"]}, geometry=[Point(EAST, NORTH)], crs="EPSG:27700"),
          gpkg, layer="sites")
    saved(gpd.GeoDataFrame({"title": ["x"]}, geometry=[SQUARES[0]], crs="EPSG:27700"),
          gpkg, layer="outline")
    style = gpd.GeoDataFrame({"code": ["lsoa21"]}, geometry=[SQUARES[0]], crs="EPSG:27700")
    saved(style, gpkg, layer="layer_styles")
    assert read(gpkg).areas.index.to_list() == CODES


@pytest.mark.parametrize(("name", "content", "said"), [
    ("m.gpkg", b"", "the file is empty"),
    ("m.gpkg", b"hello", "not a boundary file"),
    ("m.geojson", b'{"type": "FeatureCollection", "features": [', "not a boundary file"),
    ("m.geojson", b'{"type": "FeatureCollection", "features": []}', "holds no areas"),
    ("m.parquet", b"PAR1", "cannot be read"),
    ("m.csv", b"area_code,lot\na,1\n", "a table without boundaries"),
    ("m.zip", b"PK\x03\x04", "not a boundary file"),
])
def test_files_that_are_no_boundaries(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refused(tmp_path / name)


def test_a_parquet_table_without_geometry(tmp_path: Path) -> None:
    pd.DataFrame({"area_code": CODES}).to_parquet(tmp_path / "m.parquet")
    assert "cannot be read" in refused(tmp_path / "m.parquet")


def test_a_shapefile_without_its_companions(tmp_path: Path) -> None:
    saved(squares(), tmp_path / "m.shp")
    (tmp_path / "m.dbf").unlink()
    assert "is the .dbf there?" in refused(tmp_path / "m.shp")
    (tmp_path / "m.shx").unlink()
    assert ".shx" in refused(tmp_path / "m.shp")


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_bytes(b"")
    saved(squares().drop(columns="LSOA21CD"), tmp_path / "b.gpkg")
    with pytest.raises(InputError) as error:
        read_areas(AreasBrief(
            files=[tmp_path / "a.gpkg", tmp_path / "b.gpkg", tmp_path / "c.gpkg"]))
    assert [p.message.split(" (")[0] for p in error.value.problems] == [
        "the file is empty", "no column looks like area codes", "there is no such file"]


# -- codes and names -----------------------------------------------------------------------------


def test_the_brief_names_the_columns(tmp_path: Path) -> None:
    path = saved(squares(ref=["c", "a", "b"], title=["C", "A", "B"]), tmp_path / "m.gpkg")
    areas = read(path, code="ref", name="title").areas
    assert areas["area_name"].to_dict() == {"a": "A", "b": "B", "c": "C"}
    assert "LSOA21CD" in areas.columns
    assert "Did you mean 'LSOA21CD'" in refused(path, code="LSOA2CD")
    assert "no column 'titel'" in refused(path, name="titel")


def test_names_fall_back_to_codes_and_numbers_become_text(tmp_path: Path) -> None:
    frame = squares().rename(columns={"LSOA21CD": "code"}).drop(columns="LSOA21NM")
    frame["code"] = [3.0, 1.0, 2.0]
    areas = read(saved(frame, tmp_path / "m.gpkg")).areas
    assert areas.index.to_list() == ["1", "2", "3"]
    assert areas["area_name"].to_list() == ["1", "2", "3"]


def test_blank_codes_are_counted(tmp_path: Path) -> None:
    path = saved(squares(LSOA21CD=[CODES[0], None, " "]), tmp_path / "m.gpkg")
    assert "2 of 3 areas have no code" in refused(path)


# -- coordinates ---------------------------------------------------------------------------------


def test_no_crs_is_refused_with_the_way_out_that_then_works(tmp_path: Path) -> None:
    saved(squares(), tmp_path / "m.shp")
    (tmp_path / "m.prj").unlink()
    text = refused(tmp_path / "m.shp")
    assert 'British National Grid: write crs = "EPSG:27700" in [areas]' in text
    assert read(tmp_path / "m.shp", crs="EPSG:27700").areas.index.to_list() == CODES


def test_no_crs_and_degrees(tmp_path: Path) -> None:
    saved(squares().to_crs("EPSG:4326"), tmp_path / "m.shp")
    (tmp_path / "m.prj").unlink()
    assert 'crs = "EPSG:4326"' in refused(tmp_path / "m.shp")
    areas = read(tmp_path / "m.shp", crs="EPSG:4326").areas
    assert shapely.hausdorff_distance(areas.geometry.to_numpy(), SQUARES).max() < 0.001


@pytest.mark.parametrize(("crs", "said"), [
    ("EPSG:4326", "cannot be in EPSG:4326"),
    ("EPSG:32630", "outside Great Britain when the file is read as EPSG:32630"),
    ("EPSG:3857", "outside Great Britain"),
    ("OSGB", "not a coordinate system"),
])
def test_a_wrong_crs_is_refused(tmp_path: Path, crs: str, said: str) -> None:
    saved(squares(), tmp_path / "m.shp")
    (tmp_path / "m.prj").unlink()
    text = refused(tmp_path / "m.shp", crs=crs)
    assert said in text
    assert "EPSG:27700" in text


def test_degrees_that_call_themselves_national_grid(tmp_path: Path) -> None:
    frame = squares().to_crs("EPSG:4326").set_crs("EPSG:27700", allow_override=True)
    text = refused(saved(frame, tmp_path / "m.gpkg"))
    assert "cannot be in EPSG:27700" in text
    assert "longitude and latitude" in text


def test_latitude_before_longitude_is_recognised(tmp_path: Path) -> None:
    frame = squares().to_crs("EPSG:4326")
    frame.geometry = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    text = refused(saved(frame, tmp_path / "m.geojson"))
    assert "outside Great Britain" in text
    assert "the latitude first" in text


def geojson_in_metres(path: Path) -> Path:
    features = [
        {"type": "Feature", "properties": {"LSOA21CD": code},
         "geometry": json.loads(shapely.to_geojson(shape))}
        for code, shape in zip(CODES, SQUARES, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_geojson_in_metres_is_refused_unless_the_brief_says_so(tmp_path: Path) -> None:
    path = geojson_in_metres(tmp_path / "m.geojson")
    text = refused(path)
    assert "these coordinates cannot be degrees" in text
    assert 'crs = "EPSG:27700"' in text
    areas = read(path, crs="EPSG:27700").areas
    assert shapely.equals(areas.geometry.to_numpy(), SQUARES).all()


def test_a_crs_that_the_file_contradicts_is_a_warning(gpkg: Path) -> None:
    result = read(gpkg, crs="EPSG:4326")
    assert "states its own coordinate system (EPSG:27700)" in str(result.warnings[0])
    assert not read(gpkg, crs="EPSG:27700").warnings


def test_one_area_outside_great_britain_is_named(tmp_path: Path) -> None:
    shapes = [*SQUARES[:2], box(-2e6, 0, -1.9e6, 1e5)]
    text = refused(saved(squares(geometry=shapes), tmp_path / "m.gpkg"))
    assert "1 of 3 areas lie outside" in text
    assert CODES[2] in text
    assert "stated wrongly" not in text


def test_heights_are_left_out_and_said(tmp_path: Path) -> None:
    result = read(saved(squares(geometry=shapely.force_3d(SQUARES, 7.0)), tmp_path / "m.gpkg"))
    assert not result.areas.has_z.any()
    assert result.repairs[["problem", "action"]].to_numpy().tolist() == [
        ["heights (Z) in 3 areas", "left out"]]


# -- shapes --------------------------------------------------------------------------------------


def test_a_bow_tie_is_made_valid_and_keeps_both_halves(tmp_path: Path) -> None:
    x, y = EAST + 2000, NORTH
    bow = Polygon([(x, y), (x + 1000, y + 1000), (x + 1000, y), (x, y + 1000)])
    result = read(saved(squares(geometry=[*SQUARES[:2], bow]), tmp_path / "m.gpkg"))
    assert result.areas.geometry.is_valid.all()
    assert result.areas.geometry.iloc[2].area == pytest.approx(500_000)
    assert result.repairs.iloc[0].to_list() == [
        "m.gpkg", CODES[2], "invalid shape: Self-intersection", "made valid"]


@pytest.mark.parametrize("shape", [None, Polygon()])
def test_an_area_without_a_shape_is_an_error(tmp_path: Path, shape: Any) -> None:
    text = refused(saved(squares(geometry=[*SQUARES[:2], shape]), tmp_path / "m.gpkg"))
    assert f"1 area has no shape: {CODES[2]}" in text


def test_a_file_of_nothing_but_missing_shapes(tmp_path: Path) -> None:
    frame = squares(geometry=[None, None, None])
    text = refused(saved(frame, tmp_path / "m.gpkg", geometry_type="Polygon"))
    assert "3 areas have no shape" in text


@pytest.mark.parametrize(
    "shape", [Point(EAST, NORTH), LineString([(EAST, NORTH), (EAST, NORTH + 9)])])
def test_points_and_lines_are_no_areas(tmp_path: Path, shape: Any) -> None:
    text = refused(saved(squares(geometry=[*SQUARES[:2], shape]), tmp_path / "m.gpkg"))
    assert f"no polygon but points or lines: {CODES[2]}" in text


def test_a_polygon_that_collapses_is_an_error(tmp_path: Path) -> None:
    flat = Polygon([(EAST, NORTH), (EAST + 9, NORTH), (EAST, NORTH)])
    text = refused(saved(squares(geometry=[*SQUARES[:2], flat]), tmp_path / "m.gpkg"))
    assert f"a shape that has no area: {CODES[2]}" in text


def test_of_a_mixed_shape_the_polygons_are_kept(tmp_path: Path) -> None:
    mixed = GeometryCollection([SQUARES[2], LineString([(EAST, NORTH), (EAST, NORTH + 9)])])
    result = read(saved(squares(geometry=[*SQUARES[:2], mixed]), tmp_path / "m.gpkg"))
    assert result.areas.geometry.iloc[2].equals(SQUARES[2])
    assert result.repairs["problem"].to_list() == ["points or lines beside the polygons"]


def test_crumbs_are_dropped_and_a_small_island_stays(tmp_path: Path) -> None:
    """Under 1 m2, or under 1 cm wide, is a crumb; 2 m2 of rock is a place."""
    x = EAST + 5000
    crumb, hair = box(x, NORTH, x + 0.9, NORTH + 1), box(x, NORTH + 9, x + 500, NORTH + 9.009)
    rock = box(x, NORTH + 50, x + 2, NORTH + 51)
    several = MultiPolygon([SQUARES[2], crumb, hair, rock])
    result = read(saved(squares(geometry=[*SQUARES[:2], several]), tmp_path / "m.gpkg"))
    assert result.areas.geometry.iloc[2].area == pytest.approx(1_000_002)
    assert result.repairs["problem"].to_list() == ["slivers (2) under 1 m2 or 1 cm wide"]


def test_an_area_that_is_a_sliver_is_kept_with_a_warning(tmp_path: Path) -> None:
    sliver = box(EAST + 3000, NORTH, EAST + 3000.005, NORTH + 1000)
    result = read(saved(squares(geometry=[*SQUARES[:2], sliver]), tmp_path / "m.gpkg"))
    assert len(result.areas) == 3
    assert f"1 area is smaller than 1 m2 or thinner than 1 cm: {CODES[2]}" in str(
        result.warnings[0])


def test_the_same_row_twice_is_kept_once(tmp_path: Path) -> None:
    frame = pd.concat([squares(), squares().iloc[[1]]])
    result = read(saved(frame, tmp_path / "m.gpkg"))
    assert result.areas.index.to_list() == CODES
    assert result.repairs[["area_code", "action"]].to_numpy().tolist() == [
        [CODES[1], "the first row kept"]]


def test_parts_of_one_area_are_joined(tmp_path: Path) -> None:
    frame = squares(LSOA21CD=[CODES[0], CODES[1], CODES[1]], LSOA21NM=["North", "Mid", "Mid"])
    result = read(saved(frame, tmp_path / "m.gpkg"))
    assert result.areas.index.to_list() == CODES[:2]
    assert result.areas.geometry.iloc[1].equals(shapely.union_all(SQUARES[1:]))
    assert result.repairs["action"].to_list() == ["their 2 parts joined into one area"]


def test_one_code_for_two_named_places_is_an_error(tmp_path: Path) -> None:
    frame = squares(LSOA21CD=[CODES[0], CODES[1], CODES[1]])
    text = refused(saved(frame, tmp_path / "m.gpkg"))
    assert f"1 code stands for places with different names: {CODES[1]}" in text


def test_two_shapes_of_one_area_are_an_error(tmp_path: Path) -> None:
    """Half as large again, and over the first: neither a part nor the same shape."""
    larger = box(EAST + 2000, NORTH, EAST + 3500, NORTH + 1000)
    one = gpd.GeoDataFrame(
        {"LSOA21CD": [CODES[2]], "LSOA21NM": ["South"]}, geometry=[larger], crs="EPSG:27700")
    text = refused(saved(pd.concat([squares(), one]), tmp_path / "m.gpkg"))
    assert f"1 area has two shapes that overlap and differ: {CODES[2]}" in text


@pytest.mark.parametrize(("depth", "warned"), [(9.0, False), (11.0, True)])
def test_overlaps_above_one_per_cent_are_named(
    tmp_path: Path, depth: float, warned: bool
) -> None:
    wide = box(EAST + 1000 - depth, NORTH, EAST + 2000, NORTH + 1000)
    result = read(saved(squares(geometry=[SQUARES[0], wide, SQUARES[2]]), tmp_path / "m.gpkg"))
    said = [str(w) for w in result.warnings]
    assert bool(said) is warned
    if warned:
        assert f"{CODES[0]} and {CODES[1]} (1%)" in said[0]


@pytest.mark.parametrize(
    "inner", [SQUARES[1], box(EAST + 1400, NORTH + 400, EAST + 1600, NORTH + 600)])
def test_an_area_drawn_over_another_is_named(tmp_path: Path, inner: Polygon) -> None:
    """A town inside a district that has no hole for it; and the same shape with two codes."""
    frame = squares(geometry=[SQUARES[0], SQUARES[1], inner])
    (warning,) = read(saved(frame, tmp_path / "m.gpkg")).warnings
    assert f"{CODES[1]} and {CODES[2]} (100%)" in str(warning)


# -- lookup and columns --------------------------------------------------------------------------


def test_the_lookup_is_joined_by_code_whatever_its_order(gpkg: Path, tmp_path: Path) -> None:
    table = lookup(tmp_path / "t.csv", {
        "area_code": CODES[::-1], "district": ["S", "M", "N"], "x": [452500, 451500, 450500],
        "y": [300500, 300500, 300500], "people": ["1,200", "0", ""]})
    result = read(gpkg, lookup=table, locality="district", x="x", y="y", population="people")
    areas = result.areas
    assert areas["locality"].to_list() == ["N", "M", "S"]
    assert areas["x_m"].to_list() == [450500.0, 451500.0, 452500.0]
    assert areas["population"].fillna(-1).to_list() == [-1.0, 0.0, 1200.0]
    assert result.warnings == []


def test_codes_unknown_to_the_map_are_a_warning_with_their_number(
    gpkg: Path, tmp_path: Path
) -> None:
    table = lookup(tmp_path / "t.csv", {
        "area_code": [*CODES, "E09", "E08"], "locality": ["N", "M", "S", "", "x"]})
    (warning,) = read(gpkg, lookup=table, locality="locality").warnings
    assert "2 codes are not on the map: E08, E09" in str(warning)


def test_areas_that_the_lookup_lacks_matter_only_when_it_is_used(
    gpkg: Path, tmp_path: Path
) -> None:
    table = lookup(tmp_path / "t.csv", {"area_code": CODES[:2], "locality": ["N", "M"]})
    result = read(gpkg, lookup=table)
    assert f"1 of 3 areas are not in the lookup: {CODES[2]}" in str(result.warnings[0])
    text = refused(gpkg, lookup=table, locality="locality")
    assert "locality is taken from it" in text
    assert "1 problem in" in text  # and not once more for its blank locality


@pytest.mark.parametrize(("table", "said"), [
    ({"area_code": ["W1", "W2"], "locality": ["a", "b"]}, "none of its 2 codes is on the map"),
    ({"place": CODES, "locality": ["a", "b", "c"]}, "no column of area codes"),
    ({"area_code": [CODES[0], *CODES], "locality": ["z", "a", "b", "c"]},
     "1 area has several rows that differ"),
    ({"area_code": [*CODES, ""], "locality": ["a", "b", "c", "d"]},
     "1 row has no area code: row 5"),
    ({"area_code": CODES, "local": ["a", "b", "c"]}, "Did you mean 'local'?"),
])
def test_lookups_that_cannot_be_used(
    gpkg: Path, tmp_path: Path, table: dict[str, list[Any]], said: str
) -> None:
    assert said in refused(gpkg, lookup=lookup(tmp_path / "t.csv", table), locality="locality")


def test_where_both_have_a_column_the_lookup_wins(tmp_path: Path) -> None:
    path = saved(squares(lot=[7, 7, 7], locality=["p", "q", "r"]), tmp_path / "m.gpkg")
    table = lookup(tmp_path / "t.csv", {
        "area_code": CODES, "lot": ["1", "2", "3"], "area_name": ["A", "", "C"],
        "geometry": ["x", "y", "z"], "population": ["5", "6", "7"]})
    areas = read(path, lookup=table).areas
    assert areas["lot"].to_list() == ["1", "2", "3"]
    assert areas["area_name"].to_list() == ["A", "Mid", "C"]
    assert areas.geometry.geom_type.eq("Polygon").all()
    # Not named in the brief, so not what the brief means, but not lost either.
    assert areas["locality"].to_list() == ["", "", ""]
    assert areas["locality_given"].to_list() == ["p", "q", "r"]
    assert areas["population"].isna().all()
    assert areas["population_given"].to_list() == ["5", "6", "7"]
    assert areas.columns.is_unique


@pytest.mark.parametrize(("values", "rural"), [
    ([1, 0, 1], [True, False, True]),
    ([True, False, False], [True, False, False]),
    (["Rural", "urban", "URBAN"], [True, False, False]),
    (["yes", "no", "N"], [True, False, False]),
    (["A1", "C2", "D1"], [False, False, True]),
    (["F2", "E1", "B1"], [True, True, False]),
    (["UN1", "UF1", "RLN1"], [False, False, True]),
    (["RSN1", "RSF1", "RLF1"], [True, True, True]),
    (["Larger rural: Nearer to a major town or city", "Urban city and town", "Rural village"],
     [True, False, True]),
])
def test_ways_to_say_rural(tmp_path: Path, values: list[Any], rural: list[bool]) -> None:
    path = saved(squares(kind=values), tmp_path / "m.gpkg")
    areas = read(path, rural="kind").areas
    assert areas["rural"].to_list() == rural
    assert areas.attrs["rural_known"] is True


@pytest.mark.parametrize("column", ["RUC21CD", "ruc11cd", "ru11ind", "Rural"])
def test_the_rural_column_is_found_by_its_ons_names(tmp_path: Path, column: str) -> None:
    areas = read(saved(squares(**{column: ["A1", "D1", "RSF1"]}), tmp_path / "m.gpkg")).areas
    assert areas["rural"].to_list() == [False, True, True]


def test_without_a_rural_column_no_area_counts_as_rural(gpkg: Path) -> None:
    areas = read(gpkg).areas
    assert not areas["rural"].any()
    assert areas.attrs["rural_known"] is False


def test_rural_codes_that_mean_nothing(tmp_path: Path) -> None:
    """An error where the brief names the column; a warning where it was only found."""
    path = saved(squares(rural=["1", "maybe", None]), tmp_path / "m.gpkg")
    assert "2 of 3 areas are neither rural nor urban ('maybe', blank)" in refused(
        path, rural="rural")
    result = read(path)
    assert "no area counts as rural" in str(result.warnings[0])
    assert result.areas.attrs["rural_known"] is False
    assert result.areas["rural_given"].notna().sum() == 2


def test_places_of_care(tmp_path: Path) -> None:
    """Text, blanks and exchanged axes are errors; 600 m outside is a warning, 400 m is not."""
    x = [EAST + 500 + 1000 * i for i in range(3)]
    y = [NORTH + 500] * 3
    good = saved(squares(px=x, py=y, near=[y[0], y[1], NORTH - 400], far=[y[0], y[1], NORTH - 600],
                         text=["1", "here", None]), tmp_path / "m.gpkg")
    assert read(good, x="px", y="py").areas["x_m"].to_list() == x
    assert read(good, x="px", y="near").warnings == []
    (warning,) = read(good, x="px", y="far").warnings
    assert f"1 of 3 places of care lie more than 500 m outside their own area: {CODES[2]}" in str(
        warning)
    text = refused(good, x="px", y="text")
    assert f"is not a number for 1 of 3 areas: {CODES[1]}" in text
    assert f"is blank for 1 of 3 areas: {CODES[2]}" in text
    assert "x and y not exchanged" in refused(good, x="py", y="px")
    assert "no column 'pz' in the boundaries" in refused(good, x="px", y="pz")


def test_populations_below_nought_are_refused(tmp_path: Path) -> None:
    path = saved(squares(pop=[1, -2, 3]), tmp_path / "m.gpkg")
    assert f"is below 0 for 1 of 3 areas: {CODES[1]}" in refused(path, population="pop")


def test_a_column_that_is_not_there_names_the_nearest(gpkg: Path) -> None:
    text = refused(gpkg, name="LSOA21NM", population="LSOA21N", rural="ruralness")
    assert "[areas] population: no column 'LSOA21N'" in text
    assert "[areas] rural: no column 'ruralness'" in text


# -- real files ----------------------------------------------------------------------------------


def test_leicestershire_with_its_published_lots(shared: Path) -> None:
    units = shared / "geo" / "units"
    result = read(
        units / "leicestershire.gpkg", layer="lsoa21", locality="locality", x="pc_x", y="pc_y",
        lookup=units / "leicestershire_published_lots.csv", population="pop75_mid2020")
    areas = result.areas
    assert (len(areas), areas["locality"].nunique(), int(areas["rural"].sum())) == (408, 7, 131)
    assert areas["population"].sum() == pytest.approx(67_488, abs=1)
    assert result.warnings == []
    points = gpd.points_from_xy(areas["x_m"], areas["y_m"])
    assert shapely.intersects(points, areas.geometry.to_numpy()).all()


@pytest.mark.parametrize(("layer", "code", "n"), [
    ("lsoa21", "E01013986", 117), ("msoa21", "E02002905", 23), ("ward25", None, None)])
def test_the_layers_of_herefordshire(
    shared: Path, layer: str, code: str | None, n: int | None
) -> None:
    areas = read(shared / "geo" / "units" / "herefordshire.gpkg", layer=layer).areas
    assert code is None or areas.index[0] == code
    assert n is None or len(areas) == n
    assert (areas["area_name"] != areas.index).all()


@pytest.mark.parametrize(("name", "n", "repairs"), [
    ("banes", 115, 1), ("herefordshire", 116, 0), ("rutland", 23, 1)])
def test_unclean_files_are_read_mended_and_reported(
    shared: Path, name: str, n: int, repairs: int
) -> None:
    result = read(shared / "geo" / "dirty" / f"{name}_lsoa11_ukgeojson.geojson")
    assert len(result.areas) == n
    assert result.areas.geometry.is_valid.all()
    assert (result.repairs["action"] == "made valid").sum() == repairs


def test_two_editions_of_one_county_are_noticed(shared: Path) -> None:
    geo = shared / "geo"
    result = read_areas(AreasBrief(layer="lsoa21", files=[
        geo / "units" / "herefordshire.gpkg",
        geo / "dirty" / "herefordshire_lsoa11_ukgeojson.geojson"]))
    assert any("E01014007 and E01035055" in str(w) for w in result.warnings)


def test_degrees_and_metres_of_one_county_agree_to_five_metres(shared: Path) -> None:
    """PROJ without the OSTN15 grid is good to about 2 m, 5 m at worst (EPSG:1314)."""
    units = shared / "geo" / "units"
    metres = read(units / "herefordshire.gpkg", layer="lsoa21").areas
    degrees = read(units / "herefordshire_lsoa21.geojson").areas
    apart = np.hypot(
        *(shapely.get_coordinates(shapely.centroid(metres.geometry.to_numpy()))
          - shapely.get_coordinates(shapely.centroid(degrees.geometry.to_numpy()))).T)
    assert apart.max() < 5
