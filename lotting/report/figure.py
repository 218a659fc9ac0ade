"""The printed map: one A4 page with the lots, a table of them, a scale bar and the source.

Drawn with matplotlib's Agg canvas alone, so nothing of pyplot's global state is touched and the
same content gives the same bytes. Letters are DejaVu Sans, which comes with matplotlib.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from lotting.files import atomic_path

from .colours import INK, colour_lots, lot_graph, text_on
from .content import MEASURES, MapContent, as_text
from .geometry import dissolved, label_point, largest_part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figure", "scale_bar_km", "write_figure"]

A4_LANDSCAPE_IN = (3508 / 300, 2480 / 300)
DPI = 300
FONT = "DejaVu Sans"
SOFT, LINE = "#484F56", "#D5DADE"
WARNING = "#942514"
# Parts of the page, as shares of its width and height: left, bottom, width, height.
MAP_BOX = (0.03, 0.095, 0.575, 0.765)
TABLE_BOX = (0.635, 0.095, 0.335, 0.765)
DASHES = (0, (4, 2.5))


def write_figure(content: MapContent, path: Path) -> None:
    """Write the map as a PNG of 3508 x 2480 pixels (A4 landscape at 300 dpi).

    Parameters
    ----------
    content
        What to show. Counts in it must be fit for publication already.
    path
        The file; written whole or not at all. The same content gives the same bytes with the
        same version of matplotlib.
    """
    figure = draw_figure(content)
    lots = len(content.plan.lot_names)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png", metadata={
            "Software": None, "Title": content.title,
            "Description": f"Map of {lots} lots with a table of their weekly hours. "
                           f"{content.source}".strip(),
        })


def draw_figure(content: MapContent) -> Figure:
    """Return the page that :func:`write_figure` writes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=A4_LANDSCAPE_IN, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    colours = colour_lots(lot_graph(content.plan, content.graph), content.previous_colours)
    _headings(figure, content)
    axes = figure.add_axes(MAP_BOX)
    _map(axes, content, colours)
    _table(figure, content, colours)
    return figure


def _text(target: Any, x: float, y: float, text: str, **style: Any) -> Any:
    # A dollar sign in a name is money, not mathematics.
    return target.text(x, y, text, fontfamily=FONT, parse_math=False,
                       **{"color": INK, **style})


def _headings(figure: Figure, content: MapContent) -> None:
    left = MAP_BOX[0]
    _text(figure, left, 0.962, textwrap.shorten(content.title, 80, placeholder=" …"),
          fontsize=18, fontweight="bold", va="top")
    if content.subtitle:
        _text(figure, left, 0.915, textwrap.shorten(content.subtitle, 110, placeholder=" …"),
              fontsize=10, color=SOFT, va="top")
    facts = list(content.facts.items())[:5]
    right = TABLE_BOX[0] + TABLE_BOX[2]
    for i, (label, value) in enumerate(reversed(facts)):
        x = right - 0.092 * i
        _text(figure, x, 0.945, value, fontsize=11, fontweight="bold", ha="right", va="top")
        _text(figure, x, 0.917, "\n".join(textwrap.wrap(label, 15)[:2]), fontsize=6.5,
              color=SOFT, ha="right", va="top", linespacing=1.1)
    if content.source:
        lines = textwrap.wrap(content.source, 190)[:3]
        _text(figure, left, 0.048, "\n".join(lines), fontsize=6.5, color=SOFT, va="top",
              linespacing=1.3)


def _map(axes: Axes, content: MapContent, colours: dict[str, str]) -> None:
    areas = content.areas
    outlines = dissolved(areas.geometry, content.lots).reindex(content.plan.lot_names)
    west, south, east, north = areas.total_bounds
    margin = 0.015 * max(east - west, north - south)
    axes.set_xlim(west - margin, east + margin)
    axes.set_ylim(south - margin, north + margin)
    axes.set_aspect("equal", anchor="C")
    axes.set_axis_off()
    axes.apply_aspect()

    _fill(axes, outlines, [colours[name] for name in outlines.index])
    _lines(axes, areas.geometry, "white", 0.25, alpha=0.55, zorder=2)
    _lines(axes, outlines, "white", 1.8, zorder=3)
    zones = localities = None
    if content.today is not None:
        zones = dissolved(areas.geometry, content.today)
        _lines(axes, zones, "white", 1.3, zorder=4)
        _lines(axes, zones, INK, 0.6, dashes=DASHES, zorder=5)
    if content.localities:
        localities = dissolved(areas.geometry, areas["locality"])
        _lines(axes, localities, "white", 2.6, zorder=6)
        _lines(axes, localities, INK, 1.2, zorder=7)
    if zones is not None and localities is not None:
        # Where the two run together, the dashes are white on the locality's black.
        near = shapely.buffer(shapely.union_all(localities.boundary.values), 1.0)
        both = shapely.intersection(shapely.union_all(zones.boundary.values), near)
        _lines(axes, gpd.GeoSeries([both], crs=areas.crs), "white", 0.5, dashes=DASHES, zorder=8)
    for label in _place_labels(axes, content, outlines):
        _draw_label(axes, label, colours[label.lot])
    _key(axes, content)


def _path(shape: BaseGeometry) -> Any:
    """Return the rings of polygons, or the lines of lines, as one path."""
    from matplotlib.path import Path as MplPath

    vertices: list[np.ndarray] = [np.empty((0, 2))]
    codes: list[np.ndarray] = [np.empty(0, dtype=np.uint8)]
    for part in shapely.get_parts(shape):
        if isinstance(part, Polygon):
            lines, last = [part.exterior, *part.interiors], MplPath.CLOSEPOLY
        elif isinstance(part, LineString):
            lines, last = [part], MplPath.LINETO
        else:
            continue
        for line in lines:
            xy = shapely.get_coordinates(line)
            code = np.full(len(xy), MplPath.LINETO, dtype=np.uint8)
            code[0], code[-1] = MplPath.MOVETO, last
            vertices.append(xy)
            codes.append(code)
    return MplPath(np.concatenate(vertices), np.concatenate(codes))


def _fill(axes: Axes, shapes: gpd.GeoSeries, fills: list[str]) -> None:
    from matplotlib.collections import PathCollection

    # The thin line of the same colour closes the hairline that anti-aliasing leaves.
    axes.add_collection(PathCollection(
        [_path(s) for s in shapes], facecolors=fills, edgecolors=fills, linewidths=0.3, zorder=1,
    ), autolim=False)


def _lines(axes: Axes, shapes: gpd.GeoSeries, colour: str, width: float, *, zorder: int,
           alpha: float = 1.0, dashes: Any = "solid") -> None:
    from matplotlib.collections import PathCollection

    axes.add_collection(PathCollection(
        [_path(s) for s in shapes], facecolors="none", edgecolors=colour, linewidths=width,
        linestyles=[dashes], joinstyle="round", alpha=alpha, zorder=zorder,
    ), autolim=False)


@dataclass(frozen=True, slots=True)
class _Label:
    lot: str
    x: float
    y: float
    lines: tuple[str, ...]
    size: float
    frame: BaseGeometry
    bold: int = 1  # how many lines from the top are bold


def _place_labels(axes: Axes, content: MapContent, outlines: gpd.GeoSeries) -> list[_Label]:
    """Give each lot the fullest label that stays on it and touches no other.

    Large lots choose last: they have room to give way. The key alone is always placed, so that
    every lot has a label.
    """
    metres = _metres_per_point(axes)
    keys = content.keys
    order = sorted(outlines.index, key=lambda lot: largest_part(outlines[lot]).area)
    # Every lot keeps room for its key, whatever the others choose.
    anchors = {lot: label_point(outlines[lot]) for lot in order}
    reserved = {
        lot: _frame(anchors[lot], (keys[lot],), 8.0, metres) for lot in order
    }
    placed: dict[str, _Label] = {}
    for lot in order:
        part = largest_part(outlines[lot])
        shapely.prepare(part)
        taken = [label.frame for label in placed.values()]
        taken += [reserved[other] for other in order if other != lot and other not in placed]
        placed[lot] = _best(
            lot, part, anchors[lot], forms=_forms(content, lot), taken=taken, metres=metres
        )
    return list(placed.values())


def _forms(content: MapContent, lot: str) -> list[tuple[tuple[str, ...], float, int]]:
    """Return ways to write a lot's label, best first: lines, size in points, bold lines."""
    key = content.keys[lot]
    hours = ""
    if "weekly_hours" in content.lot_measures:
        hours = as_text(content.lot_measures.loc[lot, "weekly_hours"], MEASURES[0])
        hours = f"{hours} h" if hours != "–" else ""
    last = (hours,) if hours else ()
    forms: list[tuple[tuple[str, ...], float, int]] = []
    if key != lot:
        wraps = {
            tuple(textwrap.wrap(lot, width, break_long_words=False)): None
            for width in (len(lot), 20, 15, 11, 8)
        }
        for size in (8.0, 7.0, 6.0):
            forms += [((*w, *last), size, len(w)) for w in wraps if len(w) <= 4]
    forms += [((key, *last), size, 1) for size in (9.0, 8.0, 7.0, 6.0)]
    return [*forms, ((key,), 8.0, 1)]


def _best(
    lot: str,
    part: Polygon,
    anchor: Point,
    *,
    forms: list[tuple[tuple[str, ...], float, int]],
    taken: list[BaseGeometry],
    metres: float,
) -> _Label:
    spots = _candidates(part, anchor)
    blocked = shapely.union_all(taken)
    shapely.prepare(blocked)
    for lines, size, bold in forms:
        frames = _frames(spots, lines, size, metres)
        free = shapely.contains(part, frames) & ~shapely.intersects(blocked, frames)
        if free.any():
            first = int(free.argmax())
            x, y = spots[first]
            return _Label(lot, float(x), float(y), lines, size, frames[first], bold)
    lines, size, bold = forms[-1]
    frame = _frame(anchor, lines, size, metres)
    return _Label(lot, anchor.x, anchor.y, lines, size, frame, bold)


def _candidates(part: Polygon, anchor: Point) -> np.ndarray:
    """Return places to try, (n, 2): where most room is, then a grid over the lot from there."""
    west, south, east, north = part.bounds
    x, y = np.meshgrid(np.linspace(west, east, 33)[1:-1], np.linspace(south, north, 33)[1:-1])
    grid = np.column_stack([x.ravel(), y.ravel()])
    grid = grid[shapely.contains_xy(part, grid)]
    away = np.hypot(grid[:, 0] - anchor.x, grid[:, 1] - anchor.y)
    wide = label_point(part, widen=4.0)
    first = [[anchor.x, anchor.y], [wide.x, wide.y]]
    return np.vstack([first, grid[np.argsort(away, kind="stable")]])


def _frames(
    spots: np.ndarray, lines: tuple[str, ...], size: float, metres: float
) -> np.ndarray:
    """Return the boxes that a label takes on the ground at each spot, with a little air."""
    width = (max(_width(line) for line in lines) + 0.25) * size * metres
    height = (len(lines) * 1.2 + 0.15) * size * metres
    x, y = spots[:, 0], spots[:, 1]
    boxes: np.ndarray = shapely.box(
        x - width / 2, y - height / 2, x + width / 2, y + height / 2
    )
    return boxes


def _frame(point: Point, lines: tuple[str, ...], size: float, metres: float) -> BaseGeometry:
    frame: BaseGeometry = _frames(np.array([[point.x, point.y]]), lines, size, metres)[0]
    return frame


@cache
def _width(text: str, weight: str = "bold") -> float:
    """Width of a line in ems, measured from the font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    letters = FontProperties(family=FONT, weight=weight, size=100)
    width, _, _ = text_to_path.get_text_width_height_descent(text, letters, ismath=False)
    return float(width) / 100


def _metres_per_point(axes: Axes) -> float:
    """Metres on the ground that one point (1/72 inch) of the page stands for."""
    west, east = axes.get_xlim()
    inches = axes.get_position().width * A4_LANDSCAPE_IN[0]
    return float((east - west) / (inches * 72))


def _draw_label(axes: Axes, label: _Label, fill: str) -> None:
    from matplotlib.patheffects import withStroke

    metres = _metres_per_point(axes)
    step = 1.2 * label.size * metres
    top = label.y + step * (len(label.lines) - 1) / 2
    for i, line in enumerate(label.lines):
        _text(axes, label.x, top - i * step, line, fontsize=label.size, color=text_on(fill),
              fontweight="bold" if i < label.bold else "normal", ha="center",
              va="center_baseline", zorder=10,
              path_effects=[withStroke(linewidth=1.6, foreground=fill)])


def scale_bar_km(width_km: float) -> float:
    """Length of a scale bar: the largest 1, 2 or 5 times a power of ten within a fifth.

    Parameters
    ----------
    width_km
        Width of the map on the ground, km.

    Examples
    --------
    >>> scale_bar_km(70), scale_bar_km(24), scale_bar_km(1.2)
    (10.0, 2.0, 0.2)
    """
    room = width_km / 5
    power = 10.0 ** math.floor(math.log10(room))
    return round(max(m * power for m in (1, 2, 5) if m * power <= room * (1 + 1e-9)), 12)


def _key(axes: Axes, content: MapContent) -> None:
    """Draw the scale bar and the meaning of the lines, below the map."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    figure = axes.figure
    position = axes.get_position()
    west, east = axes.get_xlim()
    length = scale_bar_km((east - west) / 1000)
    # The National Grid's scale is within 0.04 % of the ground's: a bar needs no more.
    share = length * 1000 / (east - west) * position.width
    x, y, height = MAP_BOX[0], 0.068, 0.006
    for i in range(2):
        figure.add_artist(Rectangle(
            (x + i * share / 2, y), share / 2, height, facecolor=INK if i == 0 else "white",
            edgecolor=INK, linewidth=0.6, transform=figure.transFigure, gid="scale-bar",
        ))
    for at, text in ((0.0, "0"), (0.5, f"{length / 2:g}"), (1.0, f"{length:g} km")):
        _text(figure, x + at * share, y + height + 0.003, text, fontsize=6.5, ha="center",
              va="bottom")

    entries: list[tuple[str, list[dict[str, Any]]]] = [
        ("Lot", [{"color": "white", "linewidth": 1.8}]),
    ]
    if content.localities:
        entries.append(("Locality", [{"color": "white", "linewidth": 2.6},
                                     {"color": INK, "linewidth": 1.2}]))
    if content.today is not None:
        entries.append(("Today’s zone", [
            {"color": "white", "linewidth": 1.3},
            {"color": INK, "linewidth": 0.6, "linestyle": DASHES},
        ]))
    x = MAP_BOX[0] + share + 0.06
    for text, strokes in entries:
        figure.add_artist(Rectangle((x, y - 0.002), 0.028, 0.014, facecolor="#9DB4C8",
                                    transform=figure.transFigure))
        for stroke in strokes:
            figure.add_artist(Line2D([x, x + 0.028], [y + 0.005] * 2, **stroke))
        _text(figure, x + 0.034, y + 0.005, text, fontsize=7, va="center_baseline")
        x += 0.034 + 0.0058 * len(text) + 0.03


def _table(figure: Figure, content: MapContent, colours: dict[str, str]) -> None:
    """Draw the lots' table beside the map; letters shrink until all rows fit."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    measures, keys, names = content.lot_measures, content.keys, content.plan.lot_names
    grouped = bool(content.localities) and "locality" in measures
    localities = {lot: str(measures.loc[lot, "locality"]) if grouped else "" for lot in names}
    rows: list[tuple[str, str]] = []
    for locality in sorted(set(localities.values())):
        rows += [("group", locality)] if locality else []
        rows += [("lot", lot) for lot in names if localities[lot] == locality]

    left, bottom, width, height = TABLE_BOX
    right, top = left + width, bottom + height
    columns = [measure for measure in MEASURES[:3] if measure.name in measures]
    step = min((height - 0.045) / max(len(rows) + 1, 1), 0.034)
    page_points = A4_LANDSCAPE_IN[1] * 72
    size = max(3.5, min(8.0, step * page_points * 0.62))
    edges = [right - 0.054 * i for i in range(len(columns))][::-1]
    room_em = ((edges[0] - 0.056 if edges else right) - left - 0.034) * (
        A4_LANDSCAPE_IN[0] * 72) / size

    def rule(y: float, colour: str, line: float) -> None:
        figure.add_artist(Line2D([left, right], [y, y], color=colour, linewidth=line))

    y = top
    _text(figure, left, y - 0.030, "Lot", fontsize=7.5, fontweight="bold", va="baseline")
    for x, column in zip(edges, columns, strict=True):
        lines = textwrap.wrap(f"{column.label} {column.unit}", 9)
        for i, line in enumerate(reversed(lines)):
            _text(figure, x, y - 0.030 + 0.0155 * i, line, fontsize=7.5, fontweight="bold",
                  ha="right", va="baseline")
    y -= 0.040
    rule(y, INK, 0.8)
    for kind, name in rows:
        middle = y - step / 2
        if kind == "group":
            _text(figure, left, middle - step * 0.12, name, fontsize=size * 0.92,
                  fontweight="bold", color=SOFT, va="center_baseline")
        else:
            chip = min(step * 0.76, 0.022)
            figure.add_artist(Rectangle((left, middle - chip / 2), 0.024, chip,
                                        facecolor=colours[name], transform=figure.transFigure))
            _text(figure, left + 0.012, middle, keys[name], fontsize=size * 0.92,
                  fontweight="bold", color=text_on(colours[name]), ha="center",
                  va="center_baseline")
            if keys[name] != name:
                smaller = min(1.0, max(0.72, room_em / _width(name, "normal")))
                _text(figure, left + 0.030, middle, _fitted(name, room_em / smaller),
                      fontsize=size * smaller, va="center_baseline")
            outside = content.outside_limits(name)
            for x, column in zip(edges, columns, strict=True):
                marked = bool(outside) and column.name == "weekly_hours"
                arrow = {"above the limit": "▲ ", "below the limit": "▼ "}.get(outside, "")
                text = as_text(measures.loc[name, column.name], column)
                _text(figure, x, middle, arrow + text if marked else text,
                      fontsize=size, ha="right", va="center_baseline",
                      color=WARNING if marked else INK,
                      fontweight="bold" if marked else "normal")
        y -= step
        rule(y, LINE, 0.4)
    at = {column.name: x for x, column in zip(edges, columns, strict=True)}
    _total(figure, content, at, y=y, step=step, size=size)


def _total(
    figure: Figure,
    content: MapContent,
    at: dict[str, float],
    *,
    y: float,
    step: float,
    size: float,
) -> None:
    """Close the table with the sum of the hours; ``at`` is the right edge of each column."""
    from matplotlib.lines import Line2D

    left, right = TABLE_BOX[0], TABLE_BOX[0] + TABLE_BOX[2]
    figure.add_artist(Line2D([left, right], [y, y], color=INK, linewidth=0.8))
    _text(figure, left, y - step / 2, "All lots", fontsize=size, fontweight="bold",
          va="center_baseline")
    hours = content.lot_measures.get("weekly_hours")
    if hours is not None and pd.api.types.is_numeric_dtype(hours) and not hours.isna().any():
        total = f"{hours.reindex(content.plan.lot_names).sum():,.0f}"
        _text(figure, at["weekly_hours"], y - step / 2, total, fontsize=size, fontweight="bold",
              ha="right", va="center_baseline")
    notes = []
    if any(content.outside_limits(lot) for lot in content.plan.lot_names):
        notes.append("▲ above the limit, ▼ below it.")
    notes += [content.notes] if content.notes else []
    if notes:
        text = "\n".join(textwrap.wrap(" ".join(notes), 78)[:3])
        _text(figure, left, max(y - step - 0.008, TABLE_BOX[1] - 0.012), text, fontsize=6.5,
              color=SOFT, va="top", linespacing=1.3)


def _fitted(name: str, room_em: float) -> str:
    """Cut a name that is longer than its column; the web map's table has it whole."""
    cut = name
    while cut and _width(cut if cut == name else cut + "…", "normal") > room_em:
        cut = cut[:-1].rstrip()
    return cut if cut == name else cut + "…"
