"""The interactive map: one page that opens anywhere, from a file, with no network."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lotting.files import write_text

from .colours import colour_lots, lot_graph, text_on
from .content import MEASURES, MapContent, Measure, as_text
from .geometry import dissolved, simplified
from .offline import DECIMALS, escaped, geojson, map_page, mark, new_map, parts, script_json
from .template import asset

__all__ = ["render_webmap", "write_webmap"]

HOUR_COLOURS = ("#DCE8F3", "#A9CBEA", "#6BACE6", "#2073BC", "#12436D")
WITHHELD_COLOUR = "#E9E9E9"
#: What the tooltip of a lot calls the estimates of travel.
_TRAVEL = {
    "travel_minutes_per_contact_hour": "Travel minutes per contact hour (estimated)",
    "km_per_visit": "Km per visit (estimated)",
}
RURAL_COLOUR, URBAN_COLOUR = "#9FD3CC", "#12436D"


def write_webmap(content: MapContent, path: Path) -> None:
    """Write the map as one HTML file.

    Parameters
    ----------
    content
        What to show. Counts in it must be fit for publication already.
    path
        The file; written whole or not at all. The same content gives the same bytes.
    """
    write_text(path, render_webmap(content))


def render_webmap(content: MapContent) -> str:
    """Return the page that :func:`write_webmap` writes.

    Raises
    ------
    RuntimeError
        This version of folium wants to load something that is not carried along.
    """
    colours = colour_lots(lot_graph(content.plan, content.graph), content.previous_colours)
    built = _FoliumMap(content, colours)
    return map_page(
        __package__,
        "map.html",
        built.parts,
        title=content.title,
        subtitle=content.subtitle,
        facts=list(content.facts.items()),
        source=content.source,
        used_colours=list(dict.fromkeys(colours.values())),
        hour_classes=built.hour_classes,
        rural_known=content.rural_known,
        rural_colour=RURAL_COLOUR,
        urban_colour=URBAN_COLOUR,
        has_localities=bool(content.localities),
        has_zones=content.today is not None,
        **_table(content, colours),
        **_area_table(content),
    )


def _hours(value: float) -> str:
    return "withheld" if pd.isna(value) else f"{value:,.1f}".removesuffix(".0")


def _table(content: MapContent, colours: dict[str, str]) -> dict[str, Any]:
    measures = content.lot_measures
    columns = [c for c in MEASURES if c.name in measures]
    broken = "connected" in measures and not measures["connected"].astype(bool).all()
    if broken:
        columns.append(Measure("connected", "In one piece", "", 0, align="text"))
    keys, names = content.keys, content.plan.lot_names

    def cell(lot: str, column: Measure) -> dict[str, str]:
        value = measures.loc[lot, column.name]
        if column.name == "connected":
            return {"text": "yes" if value else "no", "align": "text", "warning": ""}
        warning = content.outside_limits(lot) if column.name == "weekly_hours" else ""
        if column.name == "travel_minutes_per_contact_hour":
            warning = content.above_travel(lot)
        return {"text": as_text(value, column), "align": "number", "warning": warning}

    localities = (
        measures["locality"].reindex(names).fillna("").astype(str)
        if "locality" in measures and content.localities
        else pd.Series("", index=names)
    )
    groups = [
        {
            "name": locality,
            "rows": [
                {
                    "index": names.index(lot), "name": lot, "key": keys[lot],
                    "show_name": keys[lot] != lot, "colour": colours[lot],
                    "ink": text_on(colours[lot]),
                    "warning": bool(content.outside_limits(lot) or content.above_travel(lot)),
                    "cells": [cell(lot, column) for column in columns],
                }
                for lot in names if localities[lot] == locality
            ],
        }
        for locality in sorted(set(localities))
    ]
    totals = []
    for column in columns:
        values = measures.loc[names, column.name]
        adds = column.total and pd.api.types.is_numeric_dtype(values) and not values.isna().any()
        text = as_text(float(values.sum()), column) if adds else ""
        totals.append({"text": text, "align": column.align})
    notes = []
    if "distance_km" in measures:
        notes.append("Distance: mean distance to the lot’s centre, weighted by hours.")
    if "travel_minutes_per_contact_hour" in measures:
        notes.append("Travel: minutes between visits for each hour of care; km for each visit. Estimated.")
    if "connected" in measures and not broken:
        notes.append("Every lot is in one piece.")
    return {
        "columns": columns, "groups": groups, "totals": totals, "limits": _limits(content),
        "notes": " ".join([*notes, content.notes]).strip(),
    }


def _limits(content: MapContent) -> str:
    low, high, cap = content.limits.min_hours, content.limits.max_hours, content.limits.max_travel_minutes
    hours = ""
    if low is not None and high is not None:
        hours = f"Each should hold {low:,.0f} to {high:,.0f} hours a week."
    elif low is not None:
        hours = f"Each should hold {low:,.0f} hours a week or more."
    elif high is not None:
        hours = f"Each should hold {high:,.0f} hours a week at most."
    travel = "" if cap is None else f"Each may have {cap:g} travel minutes per contact hour at most."
    return " ".join(text for text in (hours, travel) if text)


def _area_facts(content: MapContent) -> pd.DataFrame:
    """Say of each area what its tooltip and its row say, as text, by area code."""
    areas = content.areas
    facts = pd.DataFrame(index=areas.index)
    facts["Area"] = areas["area_name"].astype(str)
    facts["Code"] = [str(code) for code in areas.index]
    facts["Lot"] = content.lots
    if content.localities:
        facts["Locality"] = areas["locality"].astype(str)
    if content.rural_known:
        facts["Rural or urban"] = np.where(areas["rural"], "rural", "urban")
    if content.today is not None:
        today = content.today.reindex(areas.index)
        facts["Today’s zone"] = ["none" if pd.isna(z) else str(z) for z in today]
    facts["Hours a week"] = [_hours(v) for v in content.hours.reindex(areas.index)]
    return facts


def _area_table(content: MapContent) -> dict[str, Any]:
    facts = _area_facts(content)
    return {
        "area_columns": list(facts.columns),
        "areas": list(facts.itertuples(index=False, name=None)),
    }


def _breaks(density: pd.Series[float]) -> list[float]:
    """Upper ends of all classes but the last: fifths of the areas, to two figures."""
    known = density.dropna()
    known = known[known > 0]
    if known.empty:
        return []
    rounded = [float(f"{q:.2g}") for q in np.quantile(known, [0.2, 0.4, 0.6, 0.8])]
    return [b for b in sorted(set(rounded)) if known.min() < b <= known.max()]


def _hour_classes(density: pd.Series[float]) -> tuple[list[int], list[dict[str, str]]]:
    """Class of each area, and the legend: one entry a class, in order."""
    breaks = _breaks(density)
    n = len(breaks) + 1
    step = (len(HOUR_COLOURS) - 1) / max(n - 1, 1)
    colours = [HOUR_COLOURS[round(i * step)] for i in range(n)]
    ends = [f"{b:,.12g}" for b in breaks]
    labels = [f"{a} to {b}" for a, b in pairwise(ends)]
    labels = [f"under {ends[0]}", *labels, f"{ends[-1]} or more"] if ends else ["all areas"]
    legend = [{"colour": c, "label": t} for c, t in zip(colours, labels, strict=True)]
    classes = np.searchsorted(np.array(breaks), density.fillna(0).to_numpy(), side="right")
    if density.isna().any():
        classes = np.where(density.isna(), n, classes)
        legend.append({"colour": WITHHELD_COLOUR, "label": "withheld"})
    return [int(c) for c in classes], legend


class _FoliumMap:
    """The map as folium writes it, in the three parts of our page."""

    def __init__(self, content: MapContent, colours: dict[str, str]) -> None:
        self.content, self.colours = content, colours
        self.names = content.plan.lot_names
        self.shapes = simplified(content.areas)
        density = content.hours.reindex(content.areas.index) / (content.areas.area / 1e6)
        self.classes, self.hour_classes = _hour_classes(density)
        self._build()

    def _build(self) -> None:
        import folium

        west, south, east, north = self.content.areas.to_crs(4326).total_bounds
        self.map = new_map((west, south, east, north))
        panes = [("shading", True), ("areas", True), ("casing", False), ("core", False),
                 ("localities", False), ("zones", False), ("glow", False)]
        for i, (pane, pointer) in enumerate(panes):
            folium.map.CustomPane(pane, 410 + 10 * i, pointer).add_to(self.map)
        folium.map.CustomPane("labels", 620, pointer_events=False).add_to(self.map)

        lots = self._lots(folium)
        hours = folium.FeatureGroup("Hours", overlay=False, show=False).add_to(self.map)
        rural = (
            folium.FeatureGroup("Rural and urban", overlay=False, show=False).add_to(self.map)
            if self.content.rural_known else None
        )
        borders = folium.FeatureGroup("Lot borders and names").add_to(self.map)
        labels = self._labels(borders)
        self._localities(folium)
        zones, zone_labels = self._zones(folium)
        areas = self._areas(folium)
        control = folium.LayerControl(collapsed=False).add_to(self.map)

        views = [(lots, "lots"), (hours, "hours"), (rural, "rural")]
        start = {
            "map": self.map, "lots": lots, "areas": areas, "borders": borders, "zones": zones,
            "hours": hours, "rural": rural, "control": control,
        }
        given = [f"{key}: {value.get_name() if value else 'null'}" for key, value in start.items()]
        pairs = ", ".join(f"[{v.get_name()}, {script_json(name)}]" for v, name in views if v)
        marks = ", ".join(
            f"[{self.names.index(lot)}, {m.get_name()}]" for lot, m in labels.items()
        )
        given += [
            f"views: new Map([{pairs}])",
            f"labels: new Map([{marks}])",
            f"zoneLabels: [{', '.join(m.get_name() for m in zone_labels)}]",
            f"names: {script_json(self.names)}",
            f"hourColours: {script_json([c['colour'] for c in self.hour_classes])}",
            f"ruralColours: {script_json([URBAN_COLOUR, RURAL_COLOUR])}",
            "bounds: " + script_json([[round(float(v), DECIMALS) for v in corner]
                                for corner in ((south, west), (north, east))]),
        ]
        opening = "lottingPage({" + ",\n  ".join(given) + "});\n"
        self.parts = parts(self.map, asset(__package__, "map.js"), opening)

    def _lots(self, folium: Any) -> Any:
        measures = self.content.lot_measures
        outlines = dissolved(self.shapes, self.content.lots).reindex(self.names)
        self.outlines = outlines
        properties = []
        for i, name in enumerate(self.names):
            facts: dict[str, Any] = {"lot": i, "Lot": escaped(name)}
            if self.content.localities and "locality" in measures:
                facts["Locality"] = escaped(measures.loc[name, "locality"])
            if "weekly_hours" in measures:
                facts["Hours a week"] = escaped(
                    as_text(measures.loc[name, "weekly_hours"], MEASURES[0])
                )
            for measure in MEASURES:
                if measure.name in _TRAVEL and measure.name in measures:
                    facts[_TRAVEL[measure.name]] = escaped(
                        as_text(measures.loc[name, measure.name], measure)
                    )
            properties.append(facts)
        fills = [self.colours[name] for name in self.names]
        layer = folium.GeoJson(
            geojson(outlines, properties), name="Lots", overlay=False, pane="shading",
            smooth_factor=0,
            style_function=lambda feature: {
                "fillColor": fills[feature["properties"]["lot"]], "fillOpacity": 1,
                "color": fills[feature["properties"]["lot"]], "weight": 1,
            },
        ).add_to(self.map)
        self._tooltip(folium, [k for k in properties[0] if k != "lot"]).add_to(layer)
        return layer

    def _areas(self, folium: Any) -> Any:
        facts = _area_facts(self.content)
        lot_index = {name: i for i, name in enumerate(self.names)}
        rural = self.content.areas["rural"].astype(bool)
        properties = []
        for row, lot, hours, is_rural in zip(
            facts.to_dict("records"), self.content.lots, self.classes, rural, strict=True
        ):
            texts = {str(k): escaped(v) for k, v in row.items()}
            properties.append({"lot": lot_index[lot], "h": hours, "r": int(is_rural), **texts})
        layer = folium.GeoJson(
            geojson(self.shapes, properties), name="Areas", pane="areas", smooth_factor=0,
            style_function=lambda _: {
                "color": "#FFFFFF", "weight": 0.6, "opacity": 0.55, "fillOpacity": 0,
            },
        ).add_to(self.map)
        self._tooltip(folium, list(facts.columns)).add_to(layer)
        return layer

    @staticmethod
    def _tooltip(folium: Any, fields: list[str]) -> Any:
        return folium.GeoJsonTooltip(fields, class_name="lotting-tip", sticky=True, opacity=1)

    def _labels(self, group: Any) -> dict[str, Any]:
        keys = self.content.keys
        marks = {}
        for name in sorted(self.names, key=lambda n: -float(self.outlines[n].area)):
            fill = self.colours[name]
            text = "" if keys[name] == name else f"<span>{escaped(name)}</span>"
            html = (
                f'<div class="lot-label" style="--label-fill:{fill};--label-ink:{text_on(fill)}">'
                f"<b>{escaped(keys[name])}</b>{text}</div>"
            )
            marks[name] = mark(self.outlines[name], html).add_to(group)
        return marks

    def _localities(self, folium: Any) -> None:
        if not self.content.localities:
            return
        outlines = dissolved(self.shapes, self.content.areas["locality"])
        folium.GeoJson(
            geojson(outlines, ({} for _ in outlines)), name="Localities", pane="localities",
            smooth_factor=0, interactive=False,
            style_function=lambda _: {"color": "#0B0C0C", "weight": 2.25, "fill": False},
        ).add_to(self.map)

    def _zones(self, folium: Any) -> tuple[Any, list[Any]]:
        if self.content.today is None:
            return None, []
        outlines = dissolved(self.shapes, self.content.today)
        group = folium.FeatureGroup("Today’s zones", show=False).add_to(self.map)
        for colour, weight, dash in (("#FFFFFF", 5, None), ("#0B0C0C", 2, "7 5")):
            folium.GeoJson(
                geojson(outlines, ({} for _ in outlines)), pane="zones", smooth_factor=0,
                interactive=False, control=False,
                style_function=lambda _, c=colour, w=weight, d=dash: {
                    "color": c, "weight": w, "fill": False, **({"dashArray": d} if d else {}),
                },
            ).add_to(group)
        marks = [
            mark(shape, f'<div class="zone-label">{escaped(name)}</div>')
            .add_to(group)
            for name, shape in outlines.items()
        ]
        return group, marks

