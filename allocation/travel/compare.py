"""Before and after: the travel of today's zones beside that of a plan's lots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lotting.plan import Plan
from lotting.travel.burden_plan import plan_burden

from .county import CountyDay
from .figures import KG_CO2E_PER_KM, WorkingTime, day_figures, travel_change, week_figures
from .many import Planned, plan_lots
from .publishing import publishable, withheld

__all__ = ["Compared", "compare_travel"]

AFTER, BEFORE = "lots", "zones today"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Compared:
    """Travel of the lots, and of today's zones where they are known.

    Attributes
    ----------
    after, before
        :data:`allocation.travel.figures.FIGURES` by lot and by zone, exact; for use inside the council.
    shown_after, shown_before
        The same as they may be published, with a column ``withheld``.
    planned
        Rounds of the lots; None for an estimate.
    hours
        Contact hours of the day: asked for, served, not served (of the lots); None for an estimate.
    stopped
        Whether Ctrl-C cut the search short.
    """

    after: pd.DataFrame
    shown_after: pd.DataFrame
    before: pd.DataFrame | None
    shown_before: pd.DataFrame | None
    planned: Planned | None
    hours: tuple[float, float, float] | None
    stopped: bool

    @property
    def change(self) -> dict[str, Any]:
        """What the plan changes, all lots together; empty without zones of today."""
        if self.shown_before is None:
            return {}
        if self.shown_before.loc["All lots", "withheld"] or self.shown_after.loc["All lots", "withheld"]:
            return {}
        return travel_change(self.shown_before, self.shown_after)


def compare_travel(
    county: CountyDay,
    *,
    quick: bool = False,
    kg_co2e_per_km: float = KG_CO2E_PER_KM,
    seed: int = 1,
    effort: float = 1.0,
    processes: int = 0,
    report: Callable[[str, int, int], None] | None = None,
) -> Compared:
    """Plan, or estimate, a day of every lot and of every zone of today.

    Parameters
    ----------
    county
        Plan, visits, travel times.
    quick
        Estimate travel without planning rounds; there are no workers and no waiting then.
    kg_co2e_per_km
        Of a car.
    seed, effort, processes, report
        See :func:`allocation.travel.many.plan_lots`.

    Notes
    -----
    A zone that has the areas of a lot is not planned twice.
    """
    plans = {AFTER: county.plan}
    if county.project.today is not None:
        plans[BEFORE] = county.project.today
    settings = county.project.brief.publish
    packages = county.visits.frame.drop_duplicates("package_id")[["area_code"]]
    gone = withheld(packages, plans, settings)
    figures: dict[str, pd.DataFrame] = {}
    planned: dict[str, Planned] = {}
    for name, plan in plans.items():
        if quick:
            day = _estimated(county, plan)
        else:
            planned[name] = _planned(
                county, plan, planned, seed=seed, effort=effort, processes=processes,
                report=_named(report, name, len(plans)),
            )
            day = day_figures(planned[name], county.date)
        figures[name] = week_figures(day, county.week(plan), kg_co2e_per_km=kg_co2e_per_km)
    shown = {name: publishable(figures[name], gone[name], settings) for name in plans}
    rounds = planned.get(AFTER)
    return Compared(
        after=figures[AFTER], shown_after=shown[AFTER], before=figures.get(BEFORE),
        shown_before=shown.get(BEFORE), planned=rounds,
        hours=None if rounds is None else rounds.hours(),
        stopped=any(p.stopped for p in planned.values()),
    )  # fmt: skip


def _named(
    report: Callable[[str, int, int], None] | None, name: str, plans: int
) -> Callable[[str, int, int], None] | None:
    if report is None or plans == 1:
        return report
    tell = report
    return lambda what, done, total: tell(f"{what}, {name}", done, total)


def _planned(
    county: CountyDay, plan: Plan, known: dict[str, Planned], **settings: Any
) -> Planned:
    """Plan every lot, save for those that have been planned as a lot of another name."""
    parts = county.by_lot(plan)
    done = {tuple(v.index): (p, lot) for p in known.values() for lot, v in p.visits.items()}
    twins = {lot: done[tuple(v.index)] for lot, v in parts.items() if tuple(v.index) in done}
    rest = plan_lots({lot: v for lot, v in parts.items() if lot not in twins}, county.travel, **settings)
    return Planned(
        rounds={
            lot: twins[lot][0].rounds[twins[lot][1]] if lot in twins else rest.rounds[lot] for lot in parts
        },
        shifts={
            lot: twins[lot][0].shifts[twins[lot][1]] if lot in twins else rest.shifts[lot] for lot in parts
        },
        visits=parts, stopped=rest.stopped,
    )  # fmt: skip


def _estimated(county: CountyDay, plan: Plan) -> pd.DataFrame:
    areas = county.project.areas
    rural = areas["rural"] if areas.attrs.get("rural_known", False) else None
    table = plan_burden(plan, county.day, county.travel, rural=rural)
    times = [
        WorkingTime(
            contact_minutes=60 * float(row["contact_hours"]), travel_minutes=float(row["travel_minutes"]),
            wait_minutes=0.0, km=float(row["km"]),
        )
        for row in table.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame({
        "workers": float("nan"), "visits": table["visits"].astype(float),
        "contact_hours": table["contact_hours"], "travel_hours": table["travel_minutes"] / 60,
        "km": table["km"], "wait_hours": float("nan"), "unserved_hours": 0.0,
        "not_contact_pct": [t.not_contact_pct for t in times],
        "break_even_gbp": [t.break_even_gbp(county.date) for t in times],
    }, index=table.index)  # fmt: skip
