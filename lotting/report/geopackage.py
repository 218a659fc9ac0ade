"""The plan as a GeoPackage: areas, lots and what made them, coloured as soon as QGIS opens it.

One file that needs nothing beside it. The style lies in the table ``layer_styles``, where QGIS
looks for the default style of a layer; every other program ignores it.
"""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from lotting.errors import InputError, Problem
from lotting.files import atomic_path
from lotting.measures import lot_shapes
from lotting.plan import Plan

from .disclosure import Controlled
from .tables import ReportContent, publish

__all__ = ["qgis_style", "read_plan_geopackage", "write_geopackage"]

#: GDAL and QGIS stamp the hour of writing into the file, which would make two runs differ.
WRITTEN = "2000-01-01T00:00:00.000Z"

#: Fill of a lot without a colour: the grey of the Analysis Function's palette.
GREY = "#3D3D3D"

#: White line between lots, millimetres: at least 2 pixels at 96 dpi (DESIGN.md, section 6).
CASING_MM = 0.8

#: As QGIS makes the table itself (QgsOgrProviderMetadata::saveStyle).
_LAYER_STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
  f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT CURRENT_TIMESTAMP
)"""


def write_geopackage(content: ReportContent, path: Path) -> None:
    """Write ``plan.gpkg``.

    Layers: ``areas`` (every area with its lot and figures), ``lots`` (outlines with the lot
    table), ``meta`` (``key``, ``value``: title, source, facts and notes), and the styles of the
    first two in ``layer_styles``. Geometry is MultiPolygon in EPSG:27700.

    A withheld figure is NULL, and the column ``withheld`` names the figures of the row that are:
    a NULL that it does not name is not known.

    Parameters
    ----------
    content
        What to write; disclosure control is done here.
    path
        The file; replaced whole or not at all. Two runs on the same content give the same bytes.
    """
    tables = publish(content)
    areas = gpd.GeoDataFrame(
        _flagged(tables.areas, "area_code"), geometry=content.areas.geometry.to_numpy(),
        crs=content.areas.crs,
    )
    lots = gpd.GeoDataFrame(
        _flagged(tables.lots, "lot"),
        geometry=lot_shapes(content.areas, content.plan).to_numpy(), crs=content.areas.crs,
    )
    meta = {"title": content.title, "source": content.source}
    meta |= {key: _text(value) for key, value in tables.facts.items()}
    meta |= {f"note {i}": note for i, note in enumerate(content.notes, start=1)}
    names = content.plan.lot_names
    with atomic_path(path) as temporary:
        with _pinned_clock():
            for i, (layer, frame) in enumerate((("areas", areas), ("lots", lots))):
                pyogrio.write_dataframe(
                    frame, temporary, layer=layer, driver="GPKG", append=i > 0,
                    promote_to_multi=True, layer_options={"GEOMETRY_NAME": "geom"},
                )
            pyogrio.write_dataframe(
                pd.DataFrame(meta.items(), columns=["key", "value"], dtype="str"),
                temporary, layer="meta", driver="GPKG", append=True,
            )
        _add_styles(temporary, {
            "areas": qgis_style(names, content.colours, casing_mm=0.1, label=None),
            "lots": qgis_style(names, content.colours, casing_mm=CASING_MM, label="lot"),
        })


def read_plan_geopackage(path: Path) -> Plan:
    """Read the plan back from the layer ``areas``.

    Parameters
    ----------
    path
        A GeoPackage with a layer ``areas`` that has the columns ``area_code`` and ``lot``.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        The layer or a column is not there, or the file is no GeoPackage.
    PlanError
        An area has no lot, or occurs twice.
    """
    path = Path(path)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if "areas" not in layers:
            raise InputError(Problem(
                message=f"there is no layer 'areas'; it has {', '.join(layers) or 'none'}",
                file=path.name, fix="Give a plan.gpkg that lotting has written.",
            ))
        table = pyogrio.read_dataframe(path, layer="areas", read_geometry=False)
    except pyogrio.errors.DataSourceError as error:
        raise InputError(Problem(
            message="this is no GeoPackage that can be read", file=path.name,
            fix="Give a plan.gpkg that lotting has written.",
        )) from error
    lost = [name for name in ("area_code", "lot") if name not in table.columns]
    if lost:
        raise InputError([
            Problem(message="layer 'areas' has no such column", file=path.name, column=name,
                    fix="Give a plan.gpkg that lotting has written.")
            for name in lost
        ])
    return Plan(pd.Series(table["lot"].to_numpy(), index=table["area_code"].to_numpy()))


@contextmanager
def _pinned_clock() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": WRITTEN})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _flagged(table: Controlled, index: str) -> pd.DataFrame:
    """Return what is shown, with the index as a column and one that names what is withheld."""
    frame = table.frame.rename_axis(index=index).reset_index()
    gone = table.suppressed
    frame["withheld"] = [
        ", ".join(str(c) for c in gone.columns[row]) for row in gone.to_numpy(dtype=bool)
    ] if len(gone.columns) else ""
    return frame.set_axis(_columns([str(c) for c in frame.columns]), axis=1)


def _columns(names: list[str]) -> list[str]:
    """Tell columns apart that SQLite takes for the same, and from those of the file itself."""
    seen, result = {"fid", "geom"}, []
    for name in names:
        new, n = name, 1
        while new.casefold() in seen:
            n += 1
            new = f"{name}_{n}"
        seen.add(new.casefold())
        result.append(new)
    return result


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _add_styles(path: Path, styles: Mapping[str, str]) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(_LAYER_STYLES)
        db.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', ?)", (WRITTEN,),
        )
        # QGIS looks for an empty schema and catalogue, not for NULL.
        db.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner, "
            "ui, update_time) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '', '', ?)",
            [(layer, layer, qml, "Coloured by lot", WRITTEN) for layer, qml in styles.items()],
        )


def qgis_style(
    lots: list[str],
    colours: Mapping[str, str],
    *,
    casing_mm: float = CASING_MM,
    label: str | None = "lot",
) -> str:
    """Write a QGIS style (QML) that fills each lot with its colour.

    Parameters
    ----------
    lots
        Lots in the order of the legend.
    colours
        Fill (``#rrggbb``) by lot; a lot without one is grey.
    casing_mm
        Width of the white outline, millimetres.
    label
        Column to label with, white-haloed; None for no labels.

    Returns
    -------
    str
        XML of a categorised renderer on the column ``lot``.

    Examples
    --------
    >>> qgis_style(["1"], {"1": "#12436D"}).count("18,67,109,255")
    1
    """
    root = ET.Element("qgis", version="3.28.0", styleCategories="Symbology|Labeling",
                      labelsEnabled="0" if label is None else "1")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="lot",
                             symbollevels="0", forceraster="0", enableorderby="0")
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for i, lot in enumerate(lots):
        ET.SubElement(categories, "category", type="string", value=lot, label=lot,
                      symbol=str(i), render="true")
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(i), alpha="1",
                               clip_to_extent="1", force_rhr="0")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
        layer.set("pass", "0")
        _options(layer, {
            "color": _rgba(colours.get(lot, GREY)), "style": "solid",
            "outline_color": "255,255,255,255", "outline_style": "solid",
            "outline_width": f"{casing_mm:g}", "outline_width_unit": "MM", "joinstyle": "round",
        })
    if label is not None:
        _labels(root, label)
    return '<!DOCTYPE qgis PUBLIC \'http://mrcc.com/qgis.dtd\' \'SYSTEM\'>\n' + ET.tostring(
        root, encoding="unicode"
    )


def _labels(root: ET.Element, column: str) -> None:
    labeling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labeling, "settings", calloutType="simple")
    style = ET.SubElement(
        settings, "text-style", fieldName=column, isExpression="0", fontFamily="Arial",
        fontSize="10", fontSizeUnit="Point", fontWeight="75", textColor="11,12,12,255",
        textOpacity="1",
    )
    ET.SubElement(
        style, "text-buffer", bufferDraw="1", bufferSize="1", bufferSizeUnits="MM",
        bufferColor="255,255,255,255", bufferOpacity="1", bufferNoFill="1",
        bufferJoinStyle="128",
    )
    # placement 1 is over a point: the centroid, kept inside the polygon. No label is dropped.
    ET.SubElement(settings, "placement", placement="1", centroidInside="1", centroidWhole="1",
                  quadOffset="4", priority="10", fitInPolygonOnly="0")
    ET.SubElement(settings, "rendering", drawLabels="1", displayAll="1", obstacle="0",
                  scaleVisibility="0", fontLimitPixelSize="0")


def _options(parent: ET.Element, values: Mapping[str, str]) -> None:
    options = ET.SubElement(parent, "Option", type="Map")
    for name, value in values.items():
        ET.SubElement(options, "Option", type="QString", name=name, value=value)


def _rgba(colour: str) -> str:
    digits = colour.removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"a colour is written #rrggbb, not {colour!r}")
    return ",".join(str(int(digits[i:i + 2], 16)) for i in (0, 2, 4)) + ",255"
