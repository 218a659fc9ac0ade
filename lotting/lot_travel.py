"""How long care workers are on the road in each lot, by the quick estimate.

Visits of one day are taken from the project (read, or made up from the hours of care), and the travel
between those of a lot is estimated without planning rounds (:mod:`lotting.travel.burden`). It is
worked out only for briefs that ask for it: those with a table ``[travel]``, a cap on travel, or travel
to minimise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .design.places import split
from .errors import Reason
from .plan import Plan
from .travel.burden import ERROR_PCT, BurdenRule
from .travel.burden_plan import LotBurdens
from .travel.times import Mode, TravelMatrix, TravelTimes

if TYPE_CHECKING:
    from .brief import Brief, LotsBrief
    from .project import Project

__all__ = [
    "TRAVEL_MEASURES", "LotTravel", "above_cap", "impossible_places", "lot_travel", "today_in_words",
    "travel_facts", "wants_travel",
]

#: Columns that a lot table gains.
TRAVEL_MEASURES = ("travel_minutes_per_contact_hour", "km_per_visit")

#: Minutes per contact hour by which a lot may miss the cap: rounding of sums, no more.
SLACK_MINUTES = 1e-6

#: Most places whose matrix is kept whole: 3,000 are 72 MB.
_HELD = 3_000


class LotTravel:
    """Travel between the visits of any lot on one day. Holds personal data, and shows none of it.

    Parameters
    ----------
    visits
        Visits as in :data:`lotting.visits.frame.COLUMNS`, of one day.
    travel
        Engine of travel times.
    rural
        By ``area_code``, for engines that tell town from country.
    rule
        Settings of the estimate; the fitted ones when left out.
    assumed
        What was taken for granted of the visits, in words.

    Examples
    --------
    >>> from lotting.travel import StraightLine
    >>> from lotting.brief import TravelBrief
    >>> visits = pd.DataFrame({
    ...     "area_code": ["a", "a"], "day": "2026-01-05", "target": [480., 520.], "earliest": [480., 520.],
    ...     "latest": [480., 520.], "duration_minutes": 30., "carers": 1, "x_m": 4e5, "y_m": [3e5, 3.01e5]})
    >>> LotTravel(visits, StraightLine(TravelBrief())).of(Plan({"a": "1"})).round(2).loc["1", "visits"]
    np.float64(2.0)
    """

    def __init__(
        self,
        visits: pd.DataFrame,
        travel: TravelTimes,
        *,
        rural: pd.Series[bool] | None = None,
        rule: BurdenRule | None = None,
        assumed: Sequence[str] = (),
    ) -> None:
        self.visits = visits
        self.rural = rural
        self.rule = rule or BurdenRule()
        self.assumed = tuple(assumed)
        self.travel = _held(travel, visits, rural)
        self.lots = LotBurdens(visits, self.travel, rural=rural, rule=self.rule)

    def __repr__(self) -> str:
        return f"LotTravel({len(self.visits)} visits, personal data not shown)"

    def of(self, plan: Plan) -> pd.DataFrame:
        """Estimate the travel in every lot of a plan.

        Returns
        -------
        pandas.DataFrame
            As :func:`lotting.travel.burden_plan.plan_burden`; all columns float64.
        """
        names = plan.lot_names
        burdens = [self.lots.lot(plan.areas_of(lot)) for lot in names]
        columns = ("travel_minutes", "km", "contact_hours", "visits", *TRAVEL_MEASURES)
        return pd.DataFrame(
            {c: [float(getattr(b, c)) for b in burdens] for c in columns},
            index=pd.Index(names, name="lot", dtype="str"))

    def minutes(self, areas: Iterable[str]) -> float:
        """Return the minutes per contact hour of a lot of these areas; NaN without visits."""
        return self.lots.lot(areas).travel_minutes_per_contact_hour

    def about(self, *, counts: bool) -> dict[str, Any]:
        """Say what the estimate rests on, for a board paper.

        Parameters
        ----------
        counts
            Tell how many visits there are, and of how many something had to be assumed.
        """
        settings = {k: v for k, v in self.travel.settings().items() if "server" not in k}
        known = [a for a in self.assumed if counts or not re.match(r"(Of )?[\d,]+ of [\d,]+ ", a)]
        rule = {name: getattr(self.rule, name) for name in BurdenRule.__dataclass_fields__}
        about: dict[str, Any] = {
            "estimated": True,
            "day": sorted({str(d) for d in self.visits["day"]}),
            "assumed": known,
            "travel_times": settings,
            "estimate": rule,
            "error_pct": ERROR_PCT,
            "leaves_out": "the ways from home to the first visit and from the last one home",
        }
        if counts:
            about["visits"] = int(self.visits["carers"].sum())
        return about


def wants_travel(brief: Brief) -> bool:
    """Whether a brief asks for the travel in lots: by ``[travel]``, a cap, or as the aim."""
    return "travel" in brief.model_fields_set or any(_asks(lots) for _, lots in brief.services())


def _asks(lots: LotsBrief) -> bool:
    return lots.max_travel_minutes is not None or lots.minimise == "travel"


def lot_travel(project: Project, service: str) -> LotTravel | None:
    """Get ready to estimate the travel of one service line; None where the brief does not ask for it.

    Raises
    ------
    InputError
        The file of visits or the road network cannot be used, or there are no visits on the day.
    """
    if not wants_travel(project.brief):
        return None
    from .travel import travel_times
    from .visits.project import project_visits

    found = project_visits(project, service if len(project.demands) > 1 else None)
    known = bool(project.areas.attrs.get("rural_known", False))
    return LotTravel(
        found.of_day(), travel_times(project.brief.travel),
        rural=project.areas["rural"].astype(bool) if known else None, assumed=found.assumed)


def travel_facts(table: pd.DataFrame) -> dict[str, Any]:
    """Measures of a whole plan, from :meth:`LotTravel.of`.

    Returns
    -------
    dict
        ``travel_minutes_per_contact_hour`` and ``km_per_visit`` over all lots,
        ``largest_travel_minutes`` (per contact hour, of the lot that has most; None without visits),
        ``travel_minutes_a_day`` and ``travel_km_a_day``.
    """
    total = table[["travel_minutes", "km", "contact_hours", "visits"]].sum()
    most = table["travel_minutes_per_contact_hour"].max()
    return {
        "travel_minutes_per_contact_hour": _over(total["travel_minutes"], total["contact_hours"]),
        "km_per_visit": _over(total["km"], total["visits"]),
        "largest_travel_minutes": None if np.isnan(most) else float(most),
        "travel_minutes_a_day": float(total["travel_minutes"]),
        "travel_km_a_day": float(total["km"]),
    }


def _over(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def above_cap(table: pd.DataFrame, cap_minutes: float | None) -> dict[str, float]:
    """Return the lots above the cap, in natural order, and their minutes per contact hour.

    Examples
    --------
    >>> above_cap(pd.DataFrame({"travel_minutes_per_contact_hour": [14.0, 14.1]}, index=["1", "2"]), 14)
    {'2': 14.1}
    """
    if cap_minutes is None:
        return {}
    minutes = table["travel_minutes_per_contact_hour"]
    return {str(lot): float(m) for lot, m in minutes.items() if m > cap_minutes + SLACK_MINUTES}


def impossible_places(
    project: Project, service: str, lots: LotsBrief, travel: LotTravel
) -> list[Reason]:
    """Say which places cannot keep the cap, whatever is drawn: those that are one lot.

    Where a place holds several lots nothing is said, because the search proves nothing; nor where the
    brief gives a range of lots, of which some number may do.
    """
    cap = lots.max_travel_minutes
    if cap is None or isinstance(lots.number, tuple):
        return []
    hours = project.demand(service).frame["weekly_hours"]
    reasons = []
    for place in split(project.areas["locality"], project.graph, hours, lots).places:
        minutes = travel.minutes(place.codes) if place.lots == 1 else 0.0
        if minutes > cap + SLACK_MINUTES:
            reasons.append(Reason(
                place=place.name,
                message=(f"is one lot, with an estimated {minutes:.1f} travel minutes per contact hour; "
                         f"at most {cap:g} are allowed."),
                fix=(f"Raise max_travel_minutes to {np.ceil(minutes * 10 - 1e-9) / 10:g}"
                     + (", or draw other lots than one here." if place.locality else "."))))
    return reasons


def today_in_words(travel: LotTravel, today: Plan | None, cap_minutes: float | None) -> str:
    """Say in a sentence how much travel today's zones have, and which are above the cap.

    "" where there are no zones.
    """
    if today is None:
        return ""
    table = travel.of(today)
    every = travel_facts(table)["travel_minutes_per_contact_hour"]
    if every is None:
        return ""
    text = f"Travel in today's zones, estimated: {every:.1f} minutes per contact hour"
    above = above_cap(table, cap_minutes)
    if not above:
        return text + ("." if cap_minutes is None else f"; none is above {cap_minutes:g}.")
    each = ", ".join(f"{zone} ({minutes:.1f})" for zone, minutes in above.items())
    return f"{text}; above {cap_minutes:g} are {each}."


class _Held:
    """Travel times among places that are all known, asked for once."""

    def __init__(self, engine: TravelTimes, places: pd.DataFrame) -> None:
        self._engine = engine
        self._places = places.reset_index(drop=True)
        self._known = pd.MultiIndex.from_frame(self._places[["x_m", "y_m"]])
        self._all: TravelMatrix | None = None

    def settings(self) -> dict[str, Any]:
        return self._engine.settings()

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        ends = origins if destinations is None else destinations
        at = [self._known.get_indexer(pd.MultiIndex.from_frame(f[["x_m", "y_m"]])) for f in (origins, ends)]
        if mode != "car" or any((a < 0).any() for a in at):
            return self._engine.matrix(origins, destinations, mode=mode)
        if self._all is None:
            self._all = self._engine.matrix(self._places)
        here = np.ix_(*at)
        return TravelMatrix(
            minutes=self._all.minutes[here], km=self._all.km[here], origins=origins.index,
            destinations=ends.index)


def _held(travel: TravelTimes, visits: pd.DataFrame, rural: pd.Series[bool] | None) -> TravelTimes:
    """Keep the matrix of an engine that is slow to answer; straight lines are quicker than memory."""
    if travel.settings().get("engine") == "straight line":
        return travel
    frame = visits[["x_m", "y_m"]].copy()
    if rural is not None:
        frame["rural"] = visits["area_code"].map(rural).eq(True)  # noqa: FBT003  NaN off the map
    places = frame.drop_duplicates(["x_m", "y_m"])
    return travel if len(places) > _HELD else _Held(travel, places)


