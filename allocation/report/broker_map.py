"""The map of packages that are hard to source, by lot: for the brokerage team, not for publication."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from lotting.files import write_text
from lotting.plan import natural
from lotting.report.colours import text_on
from lotting.report.geometry import dissolved, simplified
from lotting.report.offline import DECIMALS, escaped, geojson, map_page, mark, new_map, parts, script_json
from lotting.report.template import asset

from .inside import PRIVATE
from .travel_map import SHADES, WITHHELD

__all__ = ["write_hard_map"]

_ENDS = (5.0, 10.0, 25.0, 50.0)
_COLUMNS = (("Packages", "asked for"), ("Hours", "a week"), ("Not placed", "packages"),
            ("Not placed", "h a week"), ("Not placed", "% of hours"))  # fmt: skip
_FIGURES = (("packages", 0), ("hours", 1), ("unplaced_packages", 0), ("unplaced_hours", 1),
            ("unplaced_pct", 0))  # fmt: skip


def write_hard_map(
    path: Path, asked: pd.DataFrame, areas: gpd.GeoDataFrame, lots: pd.Series[str], *, title: str,
    subtitle: str, source: str,
) -> None:  # fmt: skip
    """Write the map as one page that opens with no network.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    asked
        Index lot; ``packages``, ``hours``, ``unplaced_packages``, ``unplaced_hours``, ``unplaced_pct``. A
        lot that is not on the map is in the table only.
    areas
        The map, EPSG:27700, index ``area_code``.
    lots
        Lot by area code.
    title, subtitle, source
        Headings, and the attribution line.
    """
    import folium

    outlines = dissolved(simplified(areas), lots.reindex(areas.index).dropna())
    outlines = outlines.reindex(sorted(outlines.index, key=natural))
    share = asked["unplaced_pct"].reindex(outlines.index).round()  # as shown, so that no shade contradicts it
    fills = [_shade(v) for v in share]
    west, south, east, north = areas.to_crs(4326).total_bounds
    made = new_map((west, south, east, north))
    for i, (pane, pointer) in enumerate((("shading", True), ("glow", False))):
        folium.map.CustomPane(pane, 410 + 10 * i, pointer).add_to(made)
    folium.map.CustomPane("labels", 620, pointer_events=False).add_to(made)
    facts = [{"i": i, "text": escaped(lot)} for i, lot in enumerate(outlines.index)]
    drawn = folium.GeoJson(
        geojson(outlines, facts), pane="shading", smooth_factor=0,
        style_function=lambda f: {
            "fillColor": fills[f["properties"]["i"]], "fillOpacity": 1, "color": "#FFFFFF", "weight": 2.5,
        },
    ).add_to(made)  # fmt: skip
    labels = folium.FeatureGroup("labels").add_to(made)
    for lot, fill, value in zip(outlines.index, fills, share, strict=True):
        shown = "–" if pd.isna(value) else f"{value:.0f} %"
        style = f"color:{text_on(fill)};--halo:{fill}"
        html = f'<div class="lot-figure" style="{style}"><b>{shown}</b><span>{escaped(lot)}</span></div>'
        mark(outlines[lot], html).add_to(labels)
    bounds = [[round(float(v), DECIMALS) for v in pair] for pair in ((south, west), (north, east))]
    layers = f"[[{drawn.get_name()}, {labels.get_name()}]]"
    script = (f"allocationTravel({{map: {made.get_name()}, layers: {layers}, "
              f"bounds: {script_json(bounds)}}});\n")
    code = asset(__package__, "travel.js").replace("Map of travel by lot", "Map of hours not placed by lot")
    write_text(path, map_page(
        __package__, "broker.html", parts(made, code, script), ("travel.css",), title=title,
        subtitle=subtitle, rows=_rows(asked, list(outlines.index), fills), columns=_COLUMNS,
        classes=_legend(), notes=[PRIVATE], source=source))


def _shade(value: float) -> str:
    if pd.isna(value):
        return WITHHELD
    return SHADES[sum(value >= end for end in _ENDS)]


def _legend() -> list[dict[str, str]]:
    labels = ["under 5", "5 to 9", "10 to 24", "25 to 49", "50 or more"]
    shown = [{"colour": c, "label": label} for c, label in zip(SHADES, labels, strict=True)]
    return [*shown, {"colour": WITHHELD, "label": "nothing asked for"}]


def _rows(asked: pd.DataFrame, drawn: list[str], fills: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for lot, figures in sorted(asked.to_dict("index").items(), key=lambda item: natural(str(item[0]))):
        at = drawn.index(str(lot)) if lot in drawn else None
        cells = [f"{float(figures[name]):,.{decimals}f}" for name, decimals in _FIGURES]
        rows.append({"index": at, "name": str(lot), "cells": cells,
                     "colour": WITHHELD if at is None else fills[at]})
    whole = asked[[name for name, _ in _FIGURES]].sum()
    whole["unplaced_pct"] = 100 * whole["unplaced_hours"] / whole["hours"] if whole["hours"] else 0.0
    cells = [f"{float(whole[name]):,.{decimals}f}" for name, decimals in _FIGURES]
    return [*rows, {"index": None, "name": "All", "cells": cells, "colour": WITHHELD}]
