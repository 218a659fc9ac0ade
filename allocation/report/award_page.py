"""An award as one page of HTML that opens with no network: winners, reasons, what it costs and moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lotting.files import write_text
from lotting.report.colours import PALETTE, text_on
from lotting.report.template import render

__all__ = ["Bar", "LotReasons", "Mark", "PageTable", "bars_of", "marks_of", "write_award_page"]


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of the page.

    Attributes
    ----------
    title, note
        Heading, and a line below it.
    heads
        Of the columns; those of ``words`` (by number) are set left.
    rows
        Text.
    """

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class LotReasons:
    """The reasons of a lot: ``rows`` of outcome, provider and sentence."""

    lot: str
    summary: str
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A lot's bar; its parts: start and width in % of the longest bar, label, colour, colour of text."""

    lot: str
    hours: str
    parts: tuple[tuple[float, float, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A scenario in the chart: number, place in the drawing (0 to 100 both ways), name.

    ``beside`` names the numbers of others at the same place.
    """

    number: int
    x: float
    y: float
    name: str
    beside: str = ""


def bars_of(frame: pd.DataFrame) -> list[Bar]:
    """Draw each lot's hours shared among its winners.

    Parameters
    ----------
    frame
        As in :class:`allocation.award.award.Award`.
    """
    sums = frame.groupby(level="lot", sort=False)["weekly_hours"].sum()
    longest = float(sums.max()) if len(sums) else 1.0
    bars = []
    for lot, whole in sums.items():
        start, parts = 0.0, []
        rows = frame.xs(lot, level="lot")
        for i, (provider, hours) in enumerate(rows["weekly_hours"].items()):
            wide, fill = 100 * float(hours) / longest, PALETTE[i % len(PALETTE)]
            label = str(provider) if wide > 1.1 * len(str(provider)) + 1 else ""
            parts.append((round(start, 3), round(wide, 3), label, fill, text_on(fill)))
            start += wide
        bars.append(Bar(str(lot), f"{float(whole):,.0f} h", tuple(parts)))
    return bars


def marks_of(table: pd.DataFrame) -> tuple[list[Mark], tuple[str, str, str, str]]:
    """Place scenarios by cost (to the right) and quality (upwards), and name the ends of both axes.

    Parameters
    ----------
    table
        As :func:`allocation.award.scenarios.run_scenarios` returns it.
    """
    known = table[table["annual_cost_gbp"].notna()]
    x, y = known["annual_cost_gbp"].astype(float), known["mean_quality"].astype(float)
    ends = (f"£{x.min():,.0f}", f"£{x.max():,.0f}", f"{y.min():.1f}", f"{y.max():.1f}")

    def placed(values: pd.Series[float], value: float) -> float:
        spread = float(values.max() - values.min())
        return 50.0 if spread < 1e-9 or math.isnan(value) else 100 * (value - float(values.min())) / spread

    places: dict[tuple[float, float], list[tuple[int, str]]] = {}
    for i, name in enumerate(table.index, start=1):
        if name in known.index:
            at = (round(placed(x, float(x[name])), 1), round(100 - placed(y, float(y[name])), 1))
            places.setdefault(at, []).append((i, str(name)))
    marks = [
        Mark(here[0][0], *at, ", ".join(n for _, n in here), ", ".join(str(i) for i, _ in here[1:]))
        for at, here in places.items()
    ]
    return marks, ends


def write_award_page(
    path: Path, *, title: str, subtitle: str, headline: Sequence[tuple[str, str]], bars: Sequence[Bar],
    winners: PageTable, reasons: Sequence[LotReasons], tables: Sequence[PageTable], marks: Sequence[Mark],
    ends: tuple[str, str, str, str], notes: Sequence[str],
) -> None:  # fmt: skip
    """Write the page; it loads nothing from anywhere.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    title, subtitle, notes
        Heading, and what the figures rest on.
    headline
        Figures to show large: what it is, and the figure.
    bars, winners
        The award as a drawing and as a table.
    reasons
        By lot.
    tables
        What follows, in order.
    marks, ends
        The chart of scenarios; no marks: no chart.
    """
    write_text(
        path,
        render(
            __package__,
            "award.html",
            title=title,
            subtitle=subtitle,
            headline=headline,
            bars=bars,
            winners=winners,
            reasons=reasons,
            tables=tables,
            marks=marks,
            ends=ends,
            notes=notes,
        ),
    )
