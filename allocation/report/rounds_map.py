"""The map of a day's rounds: for the office that plans them, personal data from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from allocation.rounds.workers import clock
from allocation.travel.many import Planned
from lotting.files import write_text
from lotting.plan import Plan
from lotting.report.colours import PALETTE, text_on
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

from .inside import PRIVATE

__all__ = ["write_rounds_map"]

_LINES = (
    "Straight lines from visit to visit in their order; the way by road is longer. Colours only tell "
    "rounds apart."
)


def write_rounds_map(
    path: Path, planned: Planned, areas: gpd.GeoDataFrame, plan: Plan, *, title: str, subtitle: str
) -> None:
    """Write the map of rounds as one page that opens with no network.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    planned
        Rounds, by lot.
    areas
        The map, EPSG:27700.
    plan
        Lot of every area; only the lots that are planned are drawn.
    title, subtitle
        Heading.
    """
    lots = list(planned.rounds)
    drawn = _rounds(planned)
    inside = areas[areas.index.map(plan.lots).isin(lots)]
    outlines = dissolved(simplified(inside), plan.lots.reindex(inside.index)).reindex(lots)
    west, south, east, north = _bounds(outlines, drawn)
    made = new_map((west, south, east, north))
    given = _base(made, outlines) | {
        "rounds": script_json([{k: r[k] for k in ("colour", "path", "stops")} for r in drawn]),
        "bounds": script_json([[round(float(v), DECIMALS) for v in pair]
                               for pair in ((south, west), (north, east))]),
    }
    built = parts(made, asset(__package__, "rounds.js"), "allocationRounds({" + ",\n  ".join(
        f"{key}: {value}" for key, value in given.items()) + "});\n")
    groups = [
        {"lot": lot, "rows": [r for r in drawn if r["lot"] == lot],
         "unserved": len(planned.rounds[lot].unserved)} for lot in lots
    ]
    write_text(path, map_page(
        __package__, "rounds.html", built, ("rounds.css",), title=title, subtitle=subtitle,
        private=PRIVATE, groups=groups, source=_LINES))


def _bounds(outlines: gpd.GeoSeries, drawn: list[dict[str, Any]]) -> tuple[float, float, float, float]:
    """West, south, east and north of the lots and of all that is drawn, homes outside them too."""
    west, south, east, north = outlines.to_crs(4326).total_bounds
    for latitude, longitude in (point for r in drawn for point in r["path"]):
        south, north = min(south, latitude), max(north, latitude)
        west, east = min(west, longitude), max(east, longitude)
    return float(west), float(south), float(east), float(north)


def _base(made: Any, outlines: gpd.GeoSeries) -> dict[str, str]:
    import folium

    for i, pane in enumerate(("ground", "labels", "rounds", "chosen")):
        folium.map.CustomPane(pane, 410 + 10 * i, pane in {"rounds", "chosen"}).add_to(made)
    ground = folium.GeoJson(
        geojson(outlines, ({} for _ in outlines)), pane="ground", smooth_factor=0, interactive=False,
        style_function=lambda _: {"color": "#6b747c", "weight": 1.5, "fillColor": "#FFFFFF",
                                  "fillOpacity": 1},
    ).add_to(made)
    if len(outlines) > 1:
        for name, shape in outlines.items():
            mark(shape, f'<div class="ground-label">{escaped(name)}</div>').add_to(made)
    return {"map": made.get_name(), "ground": ground.get_name()}


def _rounds(planned: Planned) -> list[dict[str, Any]]:
    """One entry a shift that is used: what the table shows and what the map draws."""
    drawn: list[dict[str, Any]] = []
    for lot, rounds in planned.rounds.items():
        visits, shifts = planned.visits[lot], planned.shifts[lot]
        places = _degrees(visits[["x_m", "y_m"]])
        ends = shifts.loc[shifts["from"] != "open", ["x_m", "y_m"]]
        bases = _degrees(ends)
        by_shift = {str(shift): part for shift, part in rounds.stops.groupby("shift_id", sort=False)}
        for number, (shift, row) in enumerate(rounds.shifts.iterrows(), start=1):
            stops = by_shift[str(shift)]
            colour = PALETTE[len(drawn) % len(PALETTE)]
            path = [places[v] for v in stops["visit_id"]]
            home = bases.get(str(shift))
            drawn.append({
                "lot": lot, "index": len(drawn), "number": number, "shift": shift,
                "colour": colour, "ink": text_on(colour),
                "leaves": _clock(row["leaves"]), "returns": _clock(row["returns"]),
                "visits": int(row["visits"]), "contact": f"{row['contact_minutes'] / 60:.1f}",
                "travel": f"{row['travel_minutes']:.0f}", "km": f"{row['travel_km']:.1f}",
                "path": path if home is None else [home, *path, home],
                "stops": [
                    [*places[v], f"{k}. {clock(a)} to {clock(b)}"]
                    for k, (v, a, b) in enumerate(
                        zip(stops["visit_id"], stops["start"], stops["end"], strict=True), start=1)
                ],
            })  # fmt: skip
    return drawn


def _clock(minutes: float) -> str:
    return clock(minutes).replace(" next day", " +1")


def _degrees(places: pd.DataFrame) -> dict[str, list[float]]:
    """Latitude and longitude by id."""
    points = gpd.GeoSeries(
        gpd.points_from_xy(places["x_m"], places["y_m"]), index=places.index, crs=27700).to_crs(4326)
    return {
        str(i): [float(a), float(b)]
        for i, a, b in zip(
            places.index, points.y.round(DECIMALS), points.x.round(DECIMALS), strict=True)
    }
