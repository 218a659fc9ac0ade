"""The map of travel burden by lot: aggregated figures that have passed disclosure control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lotting.files import write_text
from lotting.plan import Plan
from lotting.report.colours import text_on
from lotting.report.geometry import dissolved, simplified
from lotting.report.offline import (
    DECIMALS,
    escaped,
    geojson,
    map_page,
    mark,
    new_map,
    parts,
    script_json,
)
from lotting.report.template import asset

__all__ = ["Layer", "write_travel_map"]

#: Light to dark: few to many minutes.
SHADES = ("#DCE8F3", "#A9CBEA", "#6BACE6", "#2073BC", "#12436D")
WITHHELD = "#E9E9E9"
_COLUMNS = (
    ("contact_hours", "Contact", "h a week", 0),
    ("travel_minutes_per_contact_hour", "Travel", "min an hour", 1),
    ("km", "Travel", "km a week", 0),
    ("co2e_kg", "CO₂e", "kg a week", 0),
    ("not_contact_pct", "Not contact", "% of time", 1),
    ("break_even_gbp", "Break-even", "£ an hour", 2),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One view of the map: the lots, or today's zones.

    Attributes
    ----------
    name
        What it is called.
    plan
        Lot of every area.
    figures
        As :func:`allocation.travel.publishing.publishable` returns them.
    """

    name: str
    plan: Plan
    figures: pd.DataFrame


def write_travel_map(
    path: Path, layers: list[Layer], areas: gpd.GeoDataFrame, *, title: str, subtitle: str,
    notes: list[str], source: str,
) -> None:  # fmt: skip
    """Write the map as one page that opens with no network.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    layers
        Views, the first of which is shown.
    areas
        The map, EPSG:27700.
    title, subtitle, source
        Heading, and the attribution line.
    notes
        What readers have to know, one sentence or more each.
    """
    ends = _breaks(layers)
    shapes = simplified(areas)
    west, south, east, north = areas.to_crs(4326).total_bounds
    made = new_map((west, south, east, north))
    names = _draw(made, layers, shapes, ends)
    script = "allocationTravel({" + ", ".join([
        f"map: {made.get_name()}",
        "layers: [" + ", ".join(f"[{a}, {b}]" for a, b in names) + "]",
        "bounds: " + script_json([[round(float(v), DECIMALS) for v in pair]
                                  for pair in ((south, west), (north, east))]),
    ]) + "});\n"
    built = parts(made, asset(__package__, "travel.js"), script)
    write_text(path, map_page(
        __package__, "travel.html", built, ("travel.css",), title=title, subtitle=subtitle,
        layers=[{"name": layer.name, "rows": _rows(layer, ends)} for layer in layers],
        columns=_COLUMNS, classes=_legend(ends, layers), notes=notes, source=source))


def _breaks(layers: list[Layer]) -> list[float]:
    """Upper ends of all classes but the last, as round as the spread allows; the same for every layer."""
    values = pd.concat([
        layer.figures["travel_minutes_per_contact_hour"].drop("All lots").dropna() for layer in layers])
    if values.empty:
        return []
    classes = min(len(SHADES), len(values))
    spread = float(np.ptp(values))
    step = next(s for s, least in ((1.0, 6.0), (0.5, 3.0), (0.2, 1.5), (0.1, 0.0)) if spread >= least)
    shares = np.quantile(values, np.arange(1, classes) / classes)
    ends = np.unique(np.round(np.round(shares / step) * step, 6))
    return [float(e) for e in ends if values.min() < e <= values.max()]


def _shade(value: float, ends: list[float]) -> str:
    if math.isnan(value):
        return WITHHELD
    step = (len(SHADES) - 1) / max(len(ends), 1)
    return SHADES[round(int(np.searchsorted(ends, round(value, 1), side="right")) * step)]


def _legend(ends: list[float], layers: list[Layer]) -> list[dict[str, str]]:
    if not ends:
        shown = [{"colour": SHADES[0], "label": "all lots"}]
    else:
        texts = [f"{e:g}" for e in ends]
        labels = [f"under {texts[0]}", *(f"{a} to {b}" for a, b in pairwise(texts)), f"{texts[-1]} or more"]
        middles = [ends[0] - 1, *ends]
        shown = [{"colour": _shade(m, ends), "label": t} for m, t in zip(middles, labels, strict=True)]
    if any(layer.figures["travel_minutes_per_contact_hour"].isna().any() for layer in layers):
        shown.append({"colour": WITHHELD, "label": "withheld, or no visits"})
    return shown


def _draw(
    made: Any, layers: list[Layer], shapes: gpd.GeoSeries, ends: list[float]
) -> list[tuple[str, str]]:
    import folium

    for i, (pane, pointer) in enumerate((("shading", True), ("glow", False))):
        folium.map.CustomPane(pane, 410 + 10 * i, pointer).add_to(made)
    folium.map.CustomPane("labels", 620, pointer_events=False).add_to(made)
    names = []
    for layer in layers:
        minutes = layer.figures["travel_minutes_per_contact_hour"]
        outlines = dissolved(shapes, layer.plan.lots).reindex(layer.plan.lot_names)
        fills = [_shade(float(minutes[lot]), ends) for lot in outlines.index]
        facts = [{"i": i, "text": escaped(lot)} for i, lot in enumerate(outlines.index)]
        drawn = folium.GeoJson(
            geojson(outlines, facts), pane="shading", smooth_factor=0,
            style_function=lambda f, fills=fills: {
                "fillColor": fills[f["properties"]["i"]], "fillOpacity": 1, "color": "#FFFFFF", "weight": 2.5,
            },
        ).add_to(made)  # fmt: skip
        labels = folium.FeatureGroup("labels").add_to(made)
        for lot, fill in zip(outlines.index, fills, strict=True):
            shown = "[c]" if layer.figures.loc[lot, "withheld"] else _number(float(minutes[lot]), 1)
            style = f"color:{text_on(fill)};--halo:{fill}"
            html = f'<div class="lot-figure" style="{style}"><b>{shown}</b><span>{escaped(lot)}</span></div>'
            mark(outlines[lot], html).add_to(labels)
        names.append((drawn.get_name(), labels.get_name()))
    return names


def _rows(layer: Layer, ends: list[float]) -> list[dict[str, Any]]:
    rows = []
    for i, (lot, row) in enumerate(layer.figures.iterrows()):
        hidden = bool(row["withheld"])
        rows.append({
            "index": i, "name": lot, "total": lot == "All lots",
            "colour": _shade(float(row["travel_minutes_per_contact_hour"]), ends),
            "cells": ["[c]" if hidden else _number(float(row[c]), d) for c, _, _, d in _COLUMNS],
        })  # fmt: skip
    return rows


def _number(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if math.isfinite(value) else "–"
