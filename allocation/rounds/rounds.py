"""Rounds as tables: who goes where and when, the legs between, and what is not served and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .problem import FAR, NO_PLACE, RoundsProblem
from .solve import Solution

__all__ = ["STOP_COLUMNS", "Rounds", "make_rounds"]

STOP_COLUMNS = (
    "shift_id", "worker_id", "order", "visit_id", "task", "start", "end", "travel_minutes",
    "travel_km", "wait_minutes", "late_minutes", "break_minutes",
)  # fmt: skip
"""Columns of the stops of rounds, one row a visit of a care worker, by shift and ``order``.

``start`` and ``end`` are minutes after midnight; ``travel_minutes`` and ``travel_km`` are of the leg
that leads to the visit (from home or base for the first one); ``wait_minutes`` what is left of the
gap after travel and ``break_minutes`` (an unpaid break before the visit); ``late_minutes`` how long
after its window the visit starts; ``task`` is 1 for the second care worker of a double-handed visit.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounds:
    """A day's rounds.

    Attributes
    ----------
    stops
        :data:`STOP_COLUMNS`, index 0, 1, ...
    shifts
        One row a shift that is used, index ``shift_id``: ``worker_id``, ``leaves``, ``returns``
        (minutes after midnight, from and back at home or base), ``visits``, ``contact_minutes``,
        ``travel_minutes``, ``travel_km`` (between visits), ``first_minutes``, ``first_km``,
        ``last_minutes``, ``last_km`` (from and to home or base), ``wait_minutes``,
        ``break_minutes``, ``mode`` (position).
    unserved
        Visits nobody makes, index ``visit_id``: ``contact_minutes`` (of all care workers), ``reason``.
    shifts_offered
        How many shifts there were.
    solution
        How the plan was found.
    """

    stops: pd.DataFrame
    shifts: pd.DataFrame
    unserved: pd.DataFrame
    shifts_offered: int
    solution: Solution

    @property
    def contact_minutes(self) -> float:
        """Minutes of care, each care worker's counted."""
        return float(self.shifts["contact_minutes"].sum())

    @property
    def travel_minutes_between(self) -> float:
        """Minutes from visit to visit; ways from and to home or base are not in it."""
        return float(self.shifts["travel_minutes"].sum())

    @property
    def km_between(self) -> float:
        """Km from visit to visit."""
        return float(self.shifts["travel_km"].sum())

    @property
    def minutes_per_contact_hour(self) -> float:
        """Minutes of travel between visits for every hour of care; NaN without care."""
        care = self.contact_minutes / 60
        return self.travel_minutes_between / care if care else float("nan")

    def for_pay(self, date: Any, lot: str = "", starts_from: str = "home") -> pd.DataFrame:
        """Return the stops as :func:`allocation.pay.activities_from_stops` takes them.

        Parameters
        ----------
        date
            The day.
        lot
            Written into every row.
        starts_from
            ``home`` or ``base``: where rounds begin and end.
        """
        stops = self.stops
        last = ~stops.duplicated("shift_id", keep="last")
        first = ~stops.duplicated("shift_id")
        back = stops["shift_id"].map(self.shifts["last_minutes"]).astype(float)
        back_km = stops["shift_id"].map(self.shifts["last_km"]).astype(float)
        return pd.DataFrame({
            "worker_id": stops["worker_id"],
            "date": pd.Timestamp(date),
            "order": stops.groupby("worker_id")["start"].rank(method="first"),
            "visit_id": stops["visit_id"],
            "lot": lot,
            "start": stops["start"],
            "end": stops["end"],
            "travel_minutes_before": stops["travel_minutes"],
            "km_before": stops["travel_km"],
            "starts_from": np.where(first, starts_from, "previous"),
            "travel_minutes_after": np.where(last, back, 0.0),
            "km_after": np.where(last, back_km, 0.0),
            "ends_at": np.where(last, starts_from, ""),
        })


def make_rounds(
    problem: RoundsProblem, solution: Solution, worker_ids: tuple[str, ...] | None = None
) -> Rounds:
    """Turn a solution by position into tables.

    Waiting is moved to the front of a round where that can be done without making anybody wait or
    be late: a worker rather leaves home later than stands in the street.

    Parameters
    ----------
    problem, solution
        What was asked, what was found.
    worker_ids
        (W,) The worker of each shift; the shift's own name when left out.
    """
    workers = worker_ids or problem.shift_ids
    start = _later(problem, solution)
    rows: list[dict[str, Any]] = []
    shifts: list[dict[str, Any]] = []
    second = np.zeros(len(problem.task_visit), int)
    second[1:] = problem.task_visit[1:] == problem.task_visit[:-1]
    for w, route in enumerate(solution.routes):
        if not route:
            continue
        minutes, km = problem.minutes[problem.mode[w]], problem.km[problem.mode[w]]
        at, free = int(problem.start_place[w]), np.nan
        mine = []
        for order, t in enumerate(route):
            v = int(problem.task_visit[t])
            here = int(problem.place[v])
            way, way_km = (0.0, 0.0) if at == NO_PLACE else (minutes[at, here], km[at, here])
            gap = 0.0 if order == 0 else start[t] - free - way
            rest = problem.break_minutes[w] if problem.break_minutes[w] > 0 else np.inf
            rested = rest if order and np.isfinite(problem.break_after[w]) and gap >= rest - 1e-9 else 0.0
            mine.append({
                "shift_id": problem.shift_ids[w], "worker_id": workers[w], "order": order,
                "visit_id": problem.visit_ids[v], "task": int(second[t]), "start": start[t],
                "end": start[t] + problem.task_minutes[t], "travel_minutes": float(way),
                "travel_km": float(way_km), "wait_minutes": max(gap - rested, 0.0),
                "late_minutes": max(0.0, start[t] - problem.latest[v]), "break_minutes": rested,
            })  # fmt: skip
            at, free = here, start[t] + problem.task_minutes[t]
        end = int(problem.end_place[w])
        back, back_km = (0.0, 0.0) if end == NO_PLACE else (minutes[at, end], km[at, end])
        rows += mine
        shifts.append({
            "shift_id": problem.shift_ids[w], "worker_id": workers[w],
            "leaves": mine[0]["start"] - mine[0]["travel_minutes"], "returns": free + back,
            "visits": len(mine),
            "contact_minutes": float(sum(r["end"] - r["start"] for r in mine)),
            "travel_minutes": float(sum(r["travel_minutes"] for r in mine[1:])),
            "travel_km": float(sum(r["travel_km"] for r in mine[1:])),
            "first_minutes": mine[0]["travel_minutes"], "first_km": mine[0]["travel_km"],
            "last_minutes": float(back), "last_km": float(back_km),
            "wait_minutes": float(sum(r["wait_minutes"] for r in mine)),
            "break_minutes": float(sum(r["break_minutes"] for r in mine)),
            "mode": int(problem.mode[w]),
        })  # fmt: skip
    columns = [
        "worker_id", "leaves", "returns", "visits", "contact_minutes", "travel_minutes", "travel_km",
        "first_minutes", "first_km", "last_minutes", "last_km", "wait_minutes", "break_minutes",
        "mode",
    ]  # fmt: skip
    table = pd.DataFrame(shifts, columns=["shift_id", *columns]).set_index("shift_id")
    return Rounds(
        stops=pd.DataFrame(rows, columns=list(STOP_COLUMNS)),
        shifts=table,
        unserved=_unserved(problem, solution),
        shifts_offered=len(problem.shift_ids),
        solution=solution,
    )


def _later(problem: RoundsProblem, solution: Solution) -> Any:
    """Starts, with waiting moved to the front of rounds: single-handed visits only."""
    start = solution.start.copy()
    single = np.bincount(problem.task_visit, minlength=len(problem.visit_ids)) == 1
    for w, route in enumerate(solution.routes):
        if np.isfinite(problem.break_after[w]) and problem.break_minutes[w] > 0:
            continue  # a wait may be the break
        minutes = problem.minutes[problem.mode[w]]
        for k in range(len(route) - 2, -1, -1):
            t, following = route[k], route[k + 1]
            v = problem.task_visit[t]
            if not single[v]:
                continue
            way = minutes[problem.place[v], problem.place[problem.task_visit[following]]]
            until = start[following] - way - problem.task_minutes[t]
            start[t] = max(start[t], min(until, problem.latest[v]))
    return start


def _unserved(problem: RoundsProblem, solution: Solution) -> pd.DataFrame:
    rows = []
    tasks = problem.tasks
    for v, name in enumerate(problem.visit_ids):
        mine = [int(t) for t in tasks[v] if t >= 0]
        if (solution.shift[mine] >= 0).all():
            continue
        rows.append({
            "visit_id": name,
            "contact_minutes": float(problem.task_minutes[mine].sum()),
            "reason": _reason(problem, v, mine),
        })  # fmt: skip
    table = pd.DataFrame(rows, columns=["visit_id", "contact_minutes", "reason"])
    return table.astype({"contact_minutes": float, "visit_id": "str", "reason": "str"}).set_index("visit_id")


def _reason(problem: RoundsProblem, v: int, mine: list[int]) -> str:
    """Say why a visit is not served, the hardest obstacle first."""
    here = int(problem.place[v])
    if not len(problem.shift_ids):
        return "there are no shifts"
    may = problem.allowed[mine].all(axis=0)
    if any(not problem.allowed[t].any() for t in mine):
        return "no care worker may do it (skills, or barred from the person)"
    if len(mine) == 2 and len(np.unique(problem.person[problem.allowed[mine].any(axis=0)])) < 2:
        return "it needs two care workers, and only one may do it"
    may = problem.allowed[mine].any(axis=0)
    fits = reach = False
    for w in np.flatnonzero(may):
        minutes = problem.minutes[problem.mode[w]]
        there = back = 0.0
        if problem.start_place[w] != NO_PLACE:
            there = float(minutes[problem.start_place[w], here])
        if problem.end_place[w] != NO_PLACE:
            back = float(minutes[here, problem.end_place[w]])
        if not (there < FAR and back < FAR):
            continue
        reach = True
        begin = max(problem.shift_start[w] + there, problem.earliest[v])
        length = float(problem.task_minutes[mine].max())
        if (
            begin <= problem.latest[v]
            and begin + length + back <= problem.shift_end[w]
            and there + length + back <= problem.max_minutes[w]
            and problem.load[mine].min() <= problem.capacity[w]
        ):
            fits = True
    if not reach:
        return "there is no way to it for any care worker who may do it"
    if not fits:
        return "no shift of a care worker who may do it covers its time"
    return "every care worker who may do it is taken, or too far away at its time"
