"""The chart of the trade-off: what lots more alike, and fewer people moved, cost in distance.

Both axes are better towards the lower left. Every dot is a plan; below those that matter hangs a
line down to where any plan as good in the other aims would have to stop, by proof. Drawn with
matplotlib's Agg canvas alone, as :mod:`.figure`. Whoever calls has put the figures through disclosure
control.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.files import atomic_path

from .colours import INK, PALETTE
from .figure import FONT, LINE, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TradeOff", "draw_tradeoff", "write_tradeoff"]

SIZE_IN = (10.0, 5.6)
DPI = 200
BLUE, TEAL, PLUM, ORANGE = PALETTE[:4]
#: Today's zones further out than this many times the width of the front are put at the rim.
_FAR = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeOff:
    """What the chart shows; every figure as it may be published.

    Attributes
    ----------
    title, subtitle, source
        Heading, line below it, attribution.
    front
        One row a plan: ``largest_deviation_pct``, ``rms_km`` (root mean square distance), and
        ``moved_pct`` where there are zones today.
    options
        The plans to choose from: ``option``, ``made_for``, ``rms_km``, ``bound_km``,
        ``largest_deviation_pct`` and ``moved_pct``.
    today
        Largest deviation (%) and distance (km) of today's zones; None where they are not shown.
    """

    title: str
    front: pd.DataFrame
    options: pd.DataFrame
    subtitle: str = ""
    today: tuple[float, float] | None = None
    source: str = ""

    @property
    def drawable(self) -> bool:
        """Whether there are two plans or more whose deviation may be shown."""
        return "largest_deviation_pct" in self.front and int(
            pd.to_numeric(self.front["largest_deviation_pct"], errors="coerce").notna().sum()
        ) > 1

    @property
    def moved(self) -> bool:
        """Whether people moved are known, of two plans or more."""
        return "moved_pct" in self.front and int(
            pd.to_numeric(self.front["moved_pct"], errors="coerce").notna().sum()
        ) > 1


def write_tradeoff(content: TradeOff, path: Path) -> None:
    """Write the chart as a PNG of 2000 x 1120 pixels.

    Parameters
    ----------
    content
        What to show.
    path
        The file; written whole or not at all. The same content gives the same bytes with the
        same version of matplotlib.
    """
    figure = draw_tradeoff(content)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png", metadata={
            "Software": None, "Title": content.title,
            "Description": f"Distance of {len(content.front)} plans against the largest deviation "
                           f"of a lot from its target. {content.source}".strip(),
        })


def draw_tradeoff(content: TradeOff) -> Figure:
    """Return the figure that :func:`write_tradeoff` writes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _text(figure, 0.065, 0.965, textwrap.shorten(content.title, 80, placeholder=" …"),
          fontsize=14, fontweight="bold", va="top")
    _text(figure, 0.065, 0.905, textwrap.shorten(content.subtitle, 120, placeholder=" …"),
          fontsize=9, color=SOFT, va="top")
    panels = [("largest_deviation_pct", "Largest deviation of a lot from its target (%)")]
    if content.moved:
        panels.append(("moved_pct", "People who change zone (%)"))
    width = 0.405 if len(panels) == 2 else 0.9
    rows = pd.concat([content.front["rms_km"], content.options["rms_km"]]).astype(float)
    lows = content.options["bound_km"].astype(float)
    low, high = _span([*rows, *lows[lows > 0.75 * rows.min()]])
    for i, (column, label) in enumerate(panels):
        axes = figure.add_axes((0.08 + i * 0.49, 0.27, width, 0.56))
        today = None if content.today is None else (content.today[0] if i == 0 else 0.0, content.today[1])
        _panel(axes, content, column, label, (low, high), today, named=i == 0)
    _key(figure, content)
    return figure


def _text(target: Any, x: float, y: float, text: str, **style: Any) -> Any:
    # A dollar sign in a name is money, not mathematics.
    return target.text(x, y, text, fontfamily=FONT, parse_math=False, **{"color": INK, **style})


def _span(values: Sequence[float], room: float = 0.07) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = room * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _panel(
    axes: Axes, content: TradeOff, column: str, label: str, across: tuple[float, float],
    today: tuple[float, float] | None, *, named: bool,
) -> None:
    front = content.front[[column, "rms_km"]].astype(float).dropna()
    known = content.options[column].astype(float).notna()
    options = content.options[known].assign(**{column: content.options.loc[known, column].astype(float)})
    # Nobody moved is where today's zones are, whether or not they are drawn.
    start = [0.0] if column == "moved_pct" else []
    left, right = _span([*start, *front[column], *options[column]])
    left = max(left, -0.04 * right)
    bottom, top = across
    shown = today
    if today is not None:
        shown = _near(today[0], left, right), _near(today[1], bottom, top)
        left, right = _wider(shown[0], left, right)
        bottom, top = _wider(shown[1], bottom, top)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.grid(visible=True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(labelsize=8, colors=INK, labelfontfamily=FONT)
    axes.set_xlabel(label, fontsize=8.5, color=INK, fontfamily=FONT)
    if named:
        axes.set_ylabel(
            "Distance to the lot's centre\n(km, root mean square)", fontsize=8.5, color=INK, fontfamily=FONT
        )
    stairs = _stairs(front.to_numpy())
    axes.plot(stairs[:, 0], stairs[:, 1], color=TEAL, linewidth=1.1, zorder=2)
    axes.plot(front[column], front["rms_km"], "o", color=TEAL, markersize=4, markeredgewidth=0, zorder=3)
    for row in options.to_dict("records"):
        x, y, floor = float(row[column]), float(row["rms_km"]), float(row["bound_km"])
        if floor > 0:
            low = max(floor, bottom)
            axes.plot([x, x], [low, y], color=PLUM, linewidth=1.2, zorder=4)
            if floor > bottom:
                axes.plot([x], [floor], "_", color=PLUM, markersize=9, markeredgewidth=1.6, zorder=4)
    _numbers(axes, options, column)
    if shown is not None and today is not None:
        axes.plot([shown[0]], [shown[1]], "D", color=ORANGE, markeredgecolor="white", markersize=9, zorder=5)
        if shown != today:
            where = f"beyond: {today[0]:.0f} %, {today[1]:.1f} km"
            _text(axes, shown[0], shown[1] + 0.035 * (top - bottom), where, fontsize=7,
                  ha="right" if shown[0] > 0.5 * (left + right) else "left", va="bottom")


def _near(value: float, low: float, high: float) -> float:
    """Put a value no further out than so many widths of the front."""
    return float(np.clip(value, low - _FAR * (high - low), high + _FAR * (high - low)))


def _wider(value: float, low: float, high: float) -> tuple[float, float]:
    """Widen a range until a value lies in it."""
    margin = 0.06 * (high - low)
    return min(low, value - margin), max(high, value + margin)


def _numbers(axes: Axes, options: pd.DataFrame, column: str) -> None:
    """Draw the options by number; several on one spot share a label."""
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    spots: list[tuple[float, float, list[str]]] = []
    for row in options.sort_values("option").to_dict("records"):
        x, y = float(row[column]), float(row["rms_km"])
        for sx, sy, names in spots:
            if abs(sx - x) < 0.025 * (x1 - x0) and abs(sy - y) < 0.04 * (y1 - y0):
                names.append(str(row["option"]))
                break
        else:
            spots.append((x, y, [str(row["option"])]))
    for x, y, names in spots:
        _text(axes, x, y, ", ".join(names), fontsize=8, color="white", fontweight="bold", ha="center",
              va="center", zorder=7,
              bbox={"boxstyle": "round,pad=0.32", "facecolor": BLUE, "edgecolor": "white"})


def _stairs(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corners of the line below which no plan is known: right along, then down."""
    order = points[np.lexsort((points[:, 1], points[:, 0]))]
    best = np.inf
    corners: list[tuple[float, float]] = []
    for x, y in order:
        if y < best - 1e-12:
            if corners:
                corners.append((x, best))
            corners.append((x, y))
            best = y
    return np.array(corners).reshape(-1, 2)


def _key(figure: Figure, content: TradeOff) -> None:
    from matplotlib.lines import Line2D

    marks: list[tuple[Any, str]] = [
        (Line2D([], [], marker="s", color="white", markerfacecolor=BLUE, markersize=9),
         "option, by its number"),
        (Line2D([], [], marker="o", color=TEAL, markersize=4, linewidth=1.1), "plan that no other beats"),
        (Line2D([], [], marker="_", color=PLUM, markersize=9, linewidth=1.2),
         "no plan as good in the other aims can be below this (proven)"),
    ]
    if content.today is not None:
        marks.append((Line2D([], [], marker="D", color="white", markerfacecolor=ORANGE, markersize=8),
                      "today's zones"))
    figure.legend(
        [m for m, _ in marks], [words for _, words in marks], loc="lower left", bbox_to_anchor=(0.06, 0.105),
        ncols=len(marks), frameon=False, prop={"family": FONT, "size": 8}, handletextpad=0.5,
        columnspacing=1.6, borderpad=0,
    )
    names = "   ".join(
        f"{row['option']} {row['made_for']}" for row in content.options.to_dict("records")
    )
    lines = textwrap.wrap(names, 150)[:2]
    _text(figure, 0.065, 0.095, "\n".join(lines), fontsize=8, va="top", linespacing=1.4)
    if content.source:
        _text(figure, 0.065, 0.035, "\n".join(textwrap.wrap(content.source, 170)[:1]), fontsize=6.5,
              color=SOFT, va="top")
