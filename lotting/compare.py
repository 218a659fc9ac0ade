"""Two plans side by side: today's zones against the new ones, or one option against another.

Lots are matched first, so that a lot that was only renamed counts as unchanged; then everything
that differs is a lot and the lot that follows it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import pandas as pd

from .lot_travel import TRAVEL_MEASURES, LotTravel, above_cap, travel_facts
from .measures import Moved, lot_table, moved, plan_facts
from .plan import Plan, natural

if TYPE_CHECKING:
    from .demand import Demand

__all__ = ["Comparison", "compare_plans"]

#: Measures of a lot that are set side by side.
LOT_MEASURES = (
    "areas", "weekly_hours", "people", "packages", "deviation_pct", "area_km2", "rural_pct",
    "distance_km", "hess_cost", "polsby_popper",
)

#: Measures of a plan that are set side by side: name, words, decimals.
PLAN_MEASURES = (
    ("lots", "Lots", 0),
    ("largest_lot_hours", "Largest lot (h a week)", 0),
    ("smallest_lot_hours", "Smallest lot (h a week)", 0),
    ("spread_hours", "Spread (h a week)", 0),
    ("largest_deviation_pct", "Largest deviation (%)", 1),
    ("distance_km", "Mean distance to centre (km)", 2),
    ("hess_cost", "Cost (h x km squared)", 0),
    ("cut_km", "Boundary between lots (km)", 0),
    ("mean_polsby_popper", "Compactness (0 to 1)", 3),
    ("connected", "Every lot connected", 0),
)

#: The same where travel is estimated.
TRAVEL_PLAN_MEASURES = (
    ("travel_minutes_per_contact_hour", "Travel minutes per contact hour, est.", 2),
    ("largest_travel_minutes", "The same in the lot with most", 2),
    ("km_per_visit", "Travel km per visit, estimated", 2),
    ("travel_minutes_a_day", "Travel minutes a day, estimated", 0),
    ("travel_km_a_day", "Travel km a day, estimated", 0),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What changes from plan A to plan B.

    For use inside the council: nothing here is suppressed or rounded. Pass what is to be
    published through :mod:`lotting.report.disclosure` first.

    Attributes
    ----------
    names
        What to call the two plans.
    change
        Who moves; its matching gives the lot of A that each lot of B follows.
    weekly_hours_moved
        Weekly hours in the areas that change lot.
    plans
        Measures of the whole plans: index the measure's name, columns ``a``, ``b``,
        ``difference`` (b - a, NaN where that means nothing).
    lots
        One row a lot of B, then the lots of A that nothing follows: columns ``lot_a``, ``lot_b``
        ("" where there is none) and each measure with ``_a`` and ``_b`` behind it.
    pairs
        One row a pair of lots that areas move between: ``lot_a`` (where they are), ``lot_b``
        (where they go), ``areas`` (int), ``weekly_hours`` (float), ``people`` (Int64, NA where
        not known); most hours first.
    areas
        The areas that change lot, by ``area_code``: ``area_name``, ``locality``, ``lot_a``,
        ``lot_b``, ``weekly_hours``, ``people``.
    cap_minutes
        Most travel minutes per contact hour in any lot; None where there is no cap.
    above
        Lots of A and of B above the cap, and their minutes.
    """

    names: tuple[str, str]
    change: Moved
    weekly_hours_moved: float
    plans: pd.DataFrame
    lots: pd.DataFrame
    pairs: pd.DataFrame
    areas: pd.DataFrame
    cap_minutes: float | None = None
    above: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {})

    @property
    def same(self) -> bool:
        """Whether no area changes lot."""
        return self.areas.empty

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name, for export: ``plans``, ``lots``, ``pairs``, ``areas``."""
        return {"plans": self.plans, "lots": self.lots, "pairs": self.pairs, "areas": self.areas}

    def to_text(self, width: int = 80) -> str:
        """Lay the comparison out for a terminal.

        Parameters
        ----------
        width
            Columns of the terminal; no line is longer, down to 72.
        """
        width = max(width, 72)
        a, b = self.names
        lines = [_fit(f"A: {a}", width), _fit(f"B: {b}", width), ""]
        if self.same:
            lines.append("The plans are the same: no area changes lot.")
        else:
            share = "" if pd.isna(self.change.pct) else f" ({self.change.pct:.1f} %)"
            who = (
                f"{self.change.total:,.0f} people{share}, "
                if self.change.unit == "people" else ""
            )
            lines += textwrap.wrap(
                f"From A to B, {who}{self.weekly_hours_moved:,.0f} h a week and "
                f"{len(self.areas):,} areas change lot.", width,
            )
        label = width - 39
        lines += ["", f"{'':<{label}}{'A':>13}{'B':>13}{'B - A':>13}"]
        for name, words, places in (*PLAN_MEASURES, *TRAVEL_PLAN_MEASURES):
            if name not in self.plans.index:
                continue
            row = self.plans.loc[name]
            cells = [_cell(row[c], places) for c in ("a", "b")]
            gap = _gap(row["difference"], places)
            lines.append(f"{words:<{label}}{cells[0]:>13}{cells[1]:>13}{gap:>13}")
        label = (width - 34) // 2
        heads = f"{'h a week A':>11}{'B':>11}{'B - A':>12}"
        lines += ["", f"{'Lot in A':<{label}}{'Lot in B':<{label}}{heads}"]
        for _, row in self.lots.iterrows():
            hours = [row[f"weekly_hours_{side}"] for side in "ab"]
            lines.append(
                f"{_fit(row['lot_a'] or '-', label)}{_fit(row['lot_b'] or '-', label)}"
                f"{_cell(hours[0], 0):>11}{_cell(hours[1], 0):>11}"
                f"{_gap(hours[1] - hours[0], 0):>12}"
            )
        if TRAVEL_MEASURES[0] + "_a" in self.lots:
            lines += self._travel_lines(label)
        if not self.same:
            heads = f"{'areas':>11}{'h a week':>11}{'people':>12}"
            lines += ["", f"{'Moves from':<{label}}{'to':<{label}}{heads}"]
            for _, row in self.pairs.iterrows():
                lines.append(
                    f"{_fit(row['lot_a'], label)}{_fit(row['lot_b'], label)}{row['areas']:>11,}"
                    f"{row['weekly_hours']:>11,.0f}{_cell(row['people'], 0):>12}"
                )
        return "\n".join(line.rstrip() for line in lines)

    def _travel_lines(self, label: int) -> list[str]:
        heads = f"{'travel A':>11}{'B':>11}{'B - A':>12}"
        lines = ["", f"{'Lot in A':<{label}}{'Lot in B':<{label}}{heads}"]
        for _, row in self.lots.iterrows():
            minutes = [row[f"{TRAVEL_MEASURES[0]}_{side}"] for side in "ab"]
            lines.append(
                f"{_fit(row['lot_a'] or '-', label)}{_fit(row['lot_b'] or '-', label)}"
                f"{_cell(minutes[0], 1):>11}{_cell(minutes[1], 1):>11}"
                f"{_gap(minutes[1] - minutes[0], 1):>12}"
            )
        lines.append("Travel: estimated minutes between visits for each hour of care.")
        for name, above in zip("AB", self.above, strict=True):
            if above and self.cap_minutes is not None:
                each = ", ".join(f"{lot} ({minutes:.2f})" for lot, minutes in above.items())
                lines += textwrap.wrap(
                    f"{name} has {len(above)} lots above {self.cap_minutes:g} travel minutes per contact "
                    f"hour: {each}.", 2 * label + 34)
        return lines

    def __str__(self) -> str:
        return self.to_text()


def _fit(text: str, width: int) -> str:
    return f"{text if len(text) < width else text[:width - 2] + '…':<{width}}"


def _cell(value: Any, places: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or pd.isna(value) else f"{value:,.{places}f}"


def _gap(value: Any, places: int) -> str:
    """Write a difference with its sign; one too small to show is a plain 0."""
    if pd.isna(value):
        return ""
    return f"{value:+,.{places}f}" if round(float(value), places) else "0"


def compare_plans(
    a: Plan,
    b: Plan,
    areas: gpd.GeoDataFrame,
    graph: nx.Graph[str],
    demand: Demand,
    *,
    target: pd.Series[float] | float | None = None,
    names: tuple[str, str] = ("plan A", "plan B"),
    travel: LotTravel | None = None,
    cap_minutes: float | None = None,
) -> Comparison:
    """Compare two plans of the same areas.

    Parameters
    ----------
    a, b
        Plans that cover exactly ``areas``; the lots may be named and counted differently.
    areas, graph, demand
        As in :mod:`lotting.measures`.
    target
        Weekly hours a lot should hold, one figure or by lot name; each plan's locality means
        when left out.
    names
        What to call the plans.
    travel
        Estimates travel in lots; not compared when left out.
    cap_minutes
        Most travel minutes per contact hour in any lot.

    Returns
    -------
    Comparison

    Raises
    ------
    PlanError
        A plan does not cover exactly the areas.
    """
    old, new = a.aligned(areas.index), b.aligned(areas.index)
    change = moved(demand, b, a)
    frame = demand.frame.reindex(areas.index)
    moves = areas.index.isin(list(change.areas))
    changed = pd.DataFrame({
        "area_name": areas["area_name"], "locality": areas["locality"],
        "lot_a": old, "lot_b": new, "weekly_hours": frame["weekly_hours"].astype(float),
        "people": (
            frame["people"].astype("Int64") if demand.people_known
            else pd.Series(pd.NA, index=areas.index, dtype="Int64")
        ),
    })[moves].rename_axis(index="area_code")
    pairs = (
        changed.assign(areas=1).groupby(["lot_a", "lot_b"])[["areas", "weekly_hours", "people"]]
        .sum(min_count=1).reset_index()
    )
    pairs = pairs.astype({"areas": "int64"}).sort_values(
        ["weekly_hours", "lot_a", "lot_b"], ascending=[False, True, True], ignore_index=True
    )

    tables = [lot_table(areas, graph, demand, p, target=target) for p in (a, b)]
    facts = [
        plan_facts(areas, graph, demand, p, target=target, table=t)
        for p, t in zip((a, b), tables, strict=True)
    ]
    above: list[Mapping[str, float]] = [{}, {}]
    shown, of_lots = list(PLAN_MEASURES), list(LOT_MEASURES)
    if travel is not None:
        shown += TRAVEL_PLAN_MEASURES
        of_lots += TRAVEL_MEASURES
        for i, p in enumerate((a, b)):
            estimated = travel.of(p)
            tables[i][list(TRAVEL_MEASURES)] = estimated[list(TRAVEL_MEASURES)]
            facts[i] |= travel_facts(estimated)
            above[i] = above_cap(estimated, cap_minutes)
    table = pd.DataFrame(
        {side: [f[name] for name, _, _ in shown] for side, f in zip("ab", facts, strict=True)},
        index=pd.Index([name for name, _, _ in shown], name="measure"), dtype="object",
    )
    table["difference"] = [
        float("nan") if x is None or y is None or isinstance(x, bool) else float(y - x)
        for x, y in zip(table["a"], table["b"], strict=True)
    ]

    follows = {**change.matching}
    gone = [lot for lot in a.lot_names if lot not in follows.values()]
    lots = pd.DataFrame(
        [(follows[lot], lot) for lot in b.lot_names] + [(lot, "") for lot in gone],
        columns=["lot_a", "lot_b"], dtype="str",
    ).sort_values("lot_a", key=lambda s: s.map(lambda x: (x == "", natural(x))),
                  ignore_index=True, kind="stable")
    for side, measures in zip("ab", tables, strict=True):
        for name in of_lots:
            lots[f"{name}_{side}"] = measures[name].reindex(lots[f"lot_{side}"]).array
    return Comparison(
        names=names, change=change, weekly_hours_moved=float(changed["weekly_hours"].sum()),
        plans=table, lots=lots, pairs=pairs, areas=changed, cap_minutes=cap_minutes,
        above=(above[0], above[1]),
    )
