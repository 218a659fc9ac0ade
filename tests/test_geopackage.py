"""The GeoPackage, read back by other programs."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing

import geopandas as gpd
import pyogrio
import pytest
from test_disclosure import report

from lotting.errors import InputError
from lotting.report.geopackage import qgis_style, read_plan_geopackage, write_geopackage

COLOURS = {"A": "#12436D", "B": "#F46A25"}


@pytest.fixture(scope="module")
def content():
    return report(
        list("AAAABBBB"), [3, 6, 20, 30, 9, 9, 9, 9], today=list("AAABBBBB"),
        source="Source: ONS, OGL v3.0", notes=("Made for a test.",), colours=COLOURS,
    )


@pytest.fixture(scope="module")
def path(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("gpkg") / "plan.gpkg"
    write_geopackage(content, path)
    return path


def test_layers_of_the_design_card_are_there(path):
    """areas, lots and meta, and the styles for QGIS."""
    assert dict(pyogrio.list_layers(path).tolist()) == {
        "areas": "MultiPolygon", "lots": "MultiPolygon", "meta": None, "layer_styles": None}


def test_lots_are_valid_and_cover_the_areas(path, content):
    """EPSG:27700, valid, no overlap, the same land."""
    lots = gpd.read_file(path, layer="lots")
    assert lots.crs.to_epsg() == 27700
    assert lots.is_valid.all()
    assert lots["lot"].tolist() == ["A", "B"]
    assert lots.area.sum() == pytest.approx(content.areas.area.sum())
    assert lots.union_all().area == pytest.approx(content.areas.area.sum())


def test_the_plan_comes_back(path, content):
    """A plan can be read from its GeoPackage."""
    assert read_plan_geopackage(path) == content.plan


def test_withheld_figures_are_null_and_named(path):
    """NULL in the number, the column's name in the text beside it."""
    areas = gpd.read_file(path, layer="areas").set_index("area_code")
    assert areas["people"].isna().tolist() == [True, True] + [False] * 6
    assert areas["people"].dropna().tolist() == [20, 30, 10, 10, 10, 10]
    assert areas.loc["a00", "withheld"] == "people, packages, weekly_hours"
    assert areas["withheld"].fillna("").tolist()[2:] == [""] * 6
    lots = gpd.read_file(path, layer="lots").set_index("lot")
    assert lots.loc["A", "people"] == 60
    assert lots["connected"].all()


def test_meta_says_what_the_plan_is(path):
    """Title, source, facts and notes; counts rounded as everywhere."""
    meta = gpd.read_file(path, layer="meta").set_index("key")["value"]
    assert meta["title"] == "Toy"
    assert meta["source"] == "Source: ONS, OGL v3.0"
    assert meta["people"] == "95"
    assert meta["connected"] == "yes"
    assert meta["note 1"] == "Made for a test."


def test_qgis_finds_a_default_style_for_both_layers(path):
    """The row QGIS asks for: schema '', table, geometry column, useAsDefault."""
    with closing(sqlite3.connect(path)) as db:
        found = dict(db.execute(
            "SELECT f_table_name, styleQML FROM layer_styles WHERE f_table_schema = '' "
            "AND f_geometry_column = 'geom' AND useAsDefault"
        ).fetchall())
        geometry = dict(db.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert found.keys() == {"areas", "lots"}
    assert geometry == {"areas": "geom", "lots": "geom"}
    for qml in found.values():
        root = ET.fromstring(qml)
        renderer = root.find("renderer-v2")
        assert renderer is not None
        assert renderer.get("attr") == "lot"
        symbols = {s.get("name"): s for s in renderer.iter("symbol")}
        fills = {
            c.get("value"): symbols[c.get("symbol")].find(".//Option[@name='color']").get("value")
            for c in renderer.iter("category")
        }
        assert fills == {"A": "18,67,109,255", "B": "244,106,37,255"}
    assert ET.fromstring(found["lots"]).get("labelsEnabled") == "1"
    assert ET.fromstring(found["lots"]).find(".//text-style").get("fieldName") == "lot"


def test_the_casing_between_lots_is_white_and_two_pixels_or_more():
    """DESIGN.md section 6; a pixel of 96 dpi is 25.4 / 96 mm."""
    root = ET.fromstring(qgis_style(["A"], COLOURS))
    assert root.find(".//Option[@name='outline_color']").get("value") == "255,255,255,255"
    assert float(root.find(".//Option[@name='outline_width']").get("value")) >= 2 * 25.4 / 96


def test_names_that_are_markup_stay_names():
    """A lot called <A & B> is escaped, and a lot without a colour is grey."""
    root = ET.fromstring(qgis_style(["<A & \"B\">"], {}))
    assert root.find(".//category").get("value") == "<A & \"B\">"
    assert root.find(".//Option[@name='color']").get("value") == "61,61,61,255"
    with pytest.raises(ValueError, match="#rrggbb"):
        qgis_style(["A"], {"A": "red"})


def test_two_runs_give_the_same_bytes_and_leave_the_clock_alone(content, tmp_path):
    """No time of writing in the file, and GDAL's setting is as it was."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    write_geopackage(content, tmp_path / "a" / "plan.gpkg")
    write_geopackage(content, tmp_path / "b" / "plan.gpkg")
    assert (tmp_path / "a" / "plan.gpkg").read_bytes() == (
        tmp_path / "b" / "plan.gpkg").read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") == before
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["plan.gpkg"]


def test_no_exact_small_count_is_anywhere_in_the_file(content, tmp_path):
    """Not in a table that readers do not look at, either: every number of every table."""
    write_geopackage(content, tmp_path / "plan.gpkg")
    with closing(sqlite3.connect(tmp_path / "plan.gpkg")) as db:
        for layer in ("areas", "lots"):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({layer})")]
            for name in names:
                if name.startswith(("people", "packages", "moved_people")):
                    for (value,) in db.execute(f'SELECT "{name}" FROM {layer}'):
                        assert value is None or value % 5 == 0


def test_a_file_that_is_no_plan_is_refused_with_the_way_out(content, tmp_path):
    """No GeoPackage, no layer, no column: one message each."""
    text = tmp_path / "plan.gpkg"
    text.write_text("area_code,lot\n")
    with pytest.raises(InputError, match="no GeoPackage that can be read"):
        read_plan_geopackage(text)
    other = tmp_path / "other.gpkg"
    content.areas.reset_index().to_file(other, layer="lsoa21")
    with pytest.raises(InputError, match="there is no layer 'areas'; it has lsoa21"):
        read_plan_geopackage(other)
    half = tmp_path / "half.gpkg"
    content.areas.reset_index().to_file(half, layer="areas")
    with pytest.raises(InputError, match="column lot: layer 'areas' has no such column"):
        read_plan_geopackage(half)
