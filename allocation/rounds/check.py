"""Does a day's plan of rounds hold? Every rule looked at afresh, and what the plan costs.

Nothing here is shared with the search: the rules are read off :class:`.RoundsProblem` and the plan
off its table of stops, so that a mistake in the one does not hide a mistake in the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from .problem import FAR, NO_PLACE, RoundsProblem

__all__ = ["RULES", "Violation", "check_rounds", "cost_of"]

RULES = (
    "known", "order", "twice", "served", "unserved", "allowed", "persons", "together", "early",
    "late", "travel", "reach", "length", "shift_start", "shift_end", "max_minutes", "break",
    "capacity",
)  # fmt: skip
"""What :func:`check_rounds` looks at, by the name :attr:`Violation.rule` gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that a plan breaks.

    Attributes
    ----------
    rule
        One of :data:`RULES`.
    visit_id, shift_id
        The visit and the shift at fault; "" where it is not one visit or one shift.
    message
        The same in words; it names visits and shifts, never a person.
    amount
        By how much: minutes, or km, or contact minutes; 1 where there is nothing to measure.
    """

    rule: str
    message: str
    visit_id: str = ""
    shift_id: str = ""
    amount: float = 1.0


@dataclass(frozen=True, slots=True)
class _Stop:
    """One row of the plan, with the positions of its shift, visit and task in the problem."""

    shift: int
    visit: int
    task: int
    order: int
    start: float
    end: float
    travel_minutes: float
    travel_km: float
    wait_minutes: float
    late_minutes: float
    break_minutes: float


_NUMBERS = (
    "start", "end", "travel_minutes", "travel_km", "wait_minutes", "late_minutes", "break_minutes",
)  # fmt: skip


def check_rounds(
    problem: RoundsProblem,
    stops: pd.DataFrame,
    *,
    unserved: Iterable[str] | None = None,
    tolerance_minutes: float = 1e-6,
) -> list[Violation]:
    """Verify a plan against everything the problem asks for.

    Parameters
    ----------
    problem
        Visits, shifts and travel.
    stops
        The plan, one row a visit of a care worker, any index: ``shift_id``, ``visit_id``, ``task``
        (1 for the second care worker of a double-handed visit, else 0), ``order`` (from 0 in each
        shift), ``start``, ``end`` (minutes after midnight), ``travel_minutes`` and ``travel_km``
        (of the leg that leads to the stop; 0 for the first one of an open shift),
        ``wait_minutes``, ``late_minutes``, ``break_minutes``.
    unserved
        Ids of the visits the plan says it leaves out. When given, these and the visits in
        ``stops`` must make up the day; when left out, every visit must be in ``stops``.
    tolerance_minutes
        What is rounding and no fault (also in km).

    Returns
    -------
    list of Violation
        Empty when the plan holds.

    Notes
    -----
    Leaving home or base is taken to be as late as the start of the first visit allows, so
    ``max_minutes`` runs from there until the worker is back. A worker is at work from the start of
    the first visit; travel and short waits count, the way home does not. A break, or a gap long
    enough to be one, may be taken anywhere on the leg between two visits; what has to be travelled
    behind it counts towards the next stretch. A single visit longer than ``break_after`` needs a
    break directly before it and behind it.

    Examples
    --------
    >>> minutes = np.array([[[0, 10], [10, 0.0]]])
    >>> problem = RoundsProblem(
    ...     visit_ids=("a",), shift_ids=("w",), minutes=minutes, km=minutes, place=[1],
    ...     earliest=[480], latest=[510], task_visit=[0], task_minutes=[30],
    ...     allowed=[[True]], person=[0], start_place=[0], end_place=[0], shift_end=[540])
    >>> stops = pd.DataFrame([{
    ...     "shift_id": "w", "worker_id": "w", "order": 0, "visit_id": "a", "task": 0,
    ...     "start": 500.0, "end": 530.0, "travel_minutes": 10.0, "travel_km": 10.0,
    ...     "wait_minutes": 0.0, "late_minutes": 0.0, "break_minutes": 0.0}])
    >>> check_rounds(problem, stops)
    []
    >>> [v] = check_rounds(problem, stops.assign(start=505.0, end=535.0))
    >>> v.rule, v.amount, v.message
    ('shift_end', 5.0, 'shift w is back 5 minutes after its end')
    """
    check = _Check(problem, tolerance_minutes)
    routes, by_task = check.read(stops)
    check.coverage(by_task, unserved)
    for mine in by_task.values():
        check.pair(mine)
    for w, route in routes.items():
        for stop in route:
            check.stop(stop)
        check.legs(w, route)
        check.limits(w, route)
        check.breaks(w, route)
    check.one_place(routes)
    return check.found


class _Check:
    """The rules, and what has been found to break them."""

    def __init__(self, problem: RoundsProblem, tolerance: float) -> None:
        self.problem = problem
        self.tolerance = tolerance
        self.found: list[Violation] = []

    def add(self, rule: str, message: str, *, visit: int = -1, shift: int = -1, amount: float = 1.0) -> None:
        p = self.problem
        self.found.append(
            Violation(
                rule=rule,
                message=message,
                visit_id=p.visit_ids[visit] if visit >= 0 else "",
                shift_id=p.shift_ids[shift] if shift >= 0 else "",
                amount=float(amount),
            )
        )

    def above(self, value: float, limit: float) -> bool:
        """Whether value is above limit by more than rounding; a NaN is above everything."""
        return not value <= limit + self.tolerance

    def off(self, stated: float, true: float) -> bool:
        return not abs(stated - true) <= self.tolerance

    def visit(self, v: int) -> str:
        return f"visit {self.problem.visit_ids[v]}"

    def shift(self, w: int) -> str:
        return f"shift {self.problem.shift_ids[w]}"

    def read(self, stops: pd.DataFrame) -> tuple[dict[int, list[_Stop]], dict[int, list[_Stop]]]:
        """Return the stops by shift, in their order, and by visit."""
        visits = {name: v for v, name in enumerate(self.problem.visit_ids)}
        shifts = {name: w for w, name in enumerate(self.problem.shift_ids)}
        tasks = _tasks_of(self.problem)
        routes: dict[int, list[_Stop]] = defaultdict(list)
        by_visit: dict[int, list[_Stop]] = defaultdict(list)
        for row in stops.to_dict("records"):
            v, w = visits.get(str(row["visit_id"])), shifts.get(str(row["shift_id"]))
            if v is None or w is None or row["task"] not in range(len(tasks[v])):
                self.found.append(
                    Violation(
                        rule="known",
                        message=f"a stop of visit {row['visit_id']} (care worker {row['task']}) by "
                        f"shift {row['shift_id']} is of a visit or shift that is not the day's",
                        visit_id=str(row["visit_id"]),
                        shift_id=str(row["shift_id"]),
                    )
                )
                continue
            numbers = [float(row[name]) for name in _NUMBERS]
            stop = _Stop(w, v, tasks[v][int(row["task"])], int(row["order"]), *numbers)
            routes[w].append(stop)
            by_visit[v].append(stop)
        for w, route in routes.items():
            route.sort(key=lambda s: s.order)
            if [s.order for s in route] != list(range(len(route))):
                self.add("order", f"the stops of {self.shift(w)} are not numbered 0, 1, 2, ...", shift=w)
        return routes, by_visit

    def coverage(self, by_visit: dict[int, list[_Stop]], unserved: Iterable[str] | None) -> None:
        """Every task once or its whole visit not at all, and the ones left out listed."""
        listed = set() if unserved is None else {str(name) for name in unserved}
        for name in sorted(listed.difference(self.problem.visit_ids)):
            self.found.append(
                Violation(
                    rule="known", message=f"visit {name} is listed as not served, but is not the day's",
                    visit_id=name,
                )
            )  # fmt: skip
        for v, tasks in enumerate(_tasks_of(self.problem)):
            made = [s.task for s in by_visit.get(v, [])]
            missing = len(set(tasks).difference(made))
            if len(made) != len(set(made)):
                self.add("twice", f"{self.visit(v)} has a care worker's part done twice", visit=v)
            if made and missing:
                self.add("served", f"{self.visit(v)} has one care worker of two", visit=v)
            elif missing and self.problem.visit_ids[v] not in listed:
                self.add("served", f"{self.visit(v)} is not served, nor listed as such", visit=v)
            if made and self.problem.visit_ids[v] in listed:
                self.add("unserved", f"{self.visit(v)} is served, but listed as not served", visit=v)

    def pair(self, mine: list[_Stop]) -> None:
        """Both tasks of a double-handed visit: two persons, within the gap that is asked for."""
        if len({s.task for s in mine}) != 2 or len(mine) != 2:
            return
        first, second = sorted(mine, key=lambda s: s.task)
        v, p = first.visit, self.problem
        if p.person[first.shift] == p.person[second.shift]:
            self.add("persons", f"{self.visit(v)} has the same care worker twice", visit=v)
        gap = second.start - first.start
        wrong = max(p.gap_low[v] - gap, gap - p.gap_high[v])
        if self.above(wrong, 0.0):
            self.add(
                "together",
                f"{self.visit(v)}: the second care worker starts {gap:g} minutes after the first, "
                f"not {p.gap_low[v]:g} to {p.gap_high[v]:g}",
                visit=v,
                amount=wrong,
            )

    def stop(self, s: _Stop) -> None:
        """What a stop must fulfil by itself."""
        p, v, w, name = self.problem, s.visit, s.shift, self.visit(s.visit)
        if not p.allowed[s.task, w]:
            self.add("allowed", f"{name} may not be made by {self.shift(w)}", visit=v, shift=w)
        long = p.task_minutes[s.task]
        if self.off(s.end - s.start, long):
            amount = abs(s.end - s.start - long)
            self.add("length", f"{name} takes {s.end - s.start:g} minutes, not {long:g}",
                     visit=v, shift=w, amount=amount)  # fmt: skip
        early = p.earliest[v] - s.start
        if self.above(early, 0.0):
            self.add("early", f"{name} starts {early:g} minutes before its window",
                     visit=v, shift=w, amount=early)  # fmt: skip
        late = max(0.0, s.start - p.latest[v])
        if p.hard_windows and self.above(late, 0.0):
            self.add("late", f"{name} starts {late:g} minutes after its window, which is hard",
                     visit=v, shift=w, amount=late)  # fmt: skip
        if self.off(s.late_minutes, late):
            amount = abs(s.late_minutes - late)
            self.add("late", f"{name} is {late:g} minutes late, not {s.late_minutes:g} as it says",
                     visit=v, shift=w, amount=amount)  # fmt: skip

    def legs(self, w: int, route: list[_Stop]) -> None:
        """Each stop within reach of the one before, and its travel, wait and break as stated."""
        p = self.problem
        at, free = int(p.start_place[w]), float("nan")
        for k, s in enumerate(route):
            here, name = int(p.place[s.visit]), self.visit(s.visit)
            way, km = _leg(p, w, at, here)
            if not (way < FAR and km < FAR):
                self.add("travel", f"{name}: there is no way to it for {self.shift(w)}",
                         visit=s.visit, shift=w, amount=way)  # fmt: skip
            for stated, true, unit in ((s.travel_minutes, way, "minutes"), (s.travel_km, km, "km")):
                if self.off(stated, true) and true < FAR:
                    self.add("travel", f"{name} is {true:g} {unit} away, not {stated:g} as it says",
                             visit=s.visit, shift=w, amount=abs(stated - true))  # fmt: skip
            gap = 0.0 if k == 0 else s.start - free - way
            if self.above(-gap, 0.0):
                self.add("reach", f"{name} starts {-gap:g} minutes before {self.shift(w)} can be there",
                         visit=s.visit, shift=w, amount=-gap)  # fmt: skip
            elif self.off(s.wait_minutes + s.break_minutes, gap) or self.above(
                max(-s.wait_minutes, -s.break_minutes), 0.0
            ):
                self.add(
                    "reach",
                    f"{name} has {gap:g} minutes free before it, not {s.wait_minutes:g} of waiting and "
                    f"{s.break_minutes:g} of break as it says",
                    visit=s.visit,
                    shift=w,
                    amount=abs(s.wait_minutes + s.break_minutes - gap),
                )
            at, free = here, s.end

    def limits(self, w: int, route: list[_Stop]) -> None:
        """Start, end and length of a shift, and how much it holds."""
        p = self.problem
        leaves, back = _out(p, w, route)
        if not back - leaves < FAR:
            last = route[-1].visit
            self.add("travel", f"{self.shift(w)} has no way out or home", visit=last, shift=w)
            return
        for rule, over, words in (
            ("shift_start", p.shift_start[w] - leaves, "leaves {} minutes before its start"),
            ("shift_end", back - p.shift_end[w], "is back {} minutes after its end"),
            ("max_minutes", back - leaves - p.max_minutes[w], "is out {} minutes too long"),
            (
                "capacity",
                sum(float(p.load[s.task]) for s in route) - p.capacity[w],
                "holds {} contact minutes too many",
            ),
        ):
            if self.above(over, 0.0):
                self.add(rule, f"{self.shift(w)} {words.format(f'{over:g}')}", shift=w, amount=over)

    def breaks(self, w: int, route: list[_Stop]) -> None:
        """No more than ``break_after`` minutes of work on end."""
        p = self.problem
        after, rest = float(p.break_after[w]), float(p.break_minutes[w])
        if not np.isfinite(after) or rest <= 0:
            return
        since = route[0].start
        for before, s in pairwise(route):
            way, _ = _leg(p, w, int(p.place[before.visit]), int(p.place[s.visit]))
            if s.start - before.end - way >= rest - self.tolerance:
                # The break comes when it is due, on the way if need be; what is left of the way and
                # the visit itself cannot be split.
                since = s.start - min(max(before.end + way - since - after, 0.0), way)
            elif self.above(s.end - since, after):
                self.add(
                    "break",
                    f"{self.shift(w)} has been at work for {s.end - since:g} minutes on end after "
                    f"{self.visit(s.visit)}; a break is due after {after:g}",
                    visit=s.visit,
                    shift=w,
                    amount=s.end - since - after,
                )
                since = s.start

    def one_place(self, routes: dict[int, list[_Stop]]) -> None:
        """Nobody works two shifts at a time."""
        of_person: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
        for w, route in routes.items():
            of_person[int(self.problem.person[w])].append((*_out(self.problem, w, route), w))
        for shifts in of_person.values():
            shifts.sort()
            for (_, back, w), (leaves, _, x) in pairwise(shifts):
                if self.above(back, leaves):
                    self.add(
                        "persons",
                        f"{self.shift(x)} begins {back - leaves:g} minutes before the same care "
                        f"worker is back from {self.shift(w)}",
                        shift=x,
                        amount=back - leaves,
                    )


def cost_of(problem: RoundsProblem, stops: pd.DataFrame) -> float:
    """Cost of a plan by the problem's weights, from where and when its visits are.

    Parameters
    ----------
    problem
        Visits, shifts, travel and :class:`.Weights`.
    stops
        As in :func:`check_rounds`; travel and lateness are worked out, not read.

    Returns
    -------
    float
        Travel minutes and km of all legs, out and home too; lateness of every care worker and the
        largest lateness, unless windows are hard; shifts used; visits by somebody who does not
        know the person; and care not given, of both care workers (a visit counts for a minute at
        least). Infinite when a visit that must be made is not, or a leg has no way.

    Examples
    --------
    A visit 10 minutes from home, 5 minutes late:

    >>> from allocation.rounds.problem import Weights
    >>> minutes = np.array([[[0, 10], [10, 0.0]]])
    >>> problem = RoundsProblem(
    ...     visit_ids=("a", "b"), shift_ids=("w",), minutes=minutes, km=minutes / 2, place=[1, 1],
    ...     earliest=[480, 480], latest=[510, 510], task_visit=[0, 1], task_minutes=[30, 15],
    ...     allowed=[[True], [True]], person=[0], start_place=[0], end_place=[0],
    ...     weights=Weights(km=0.1, late_minute=2, shift=7, unserved_minute=4))
    >>> stops = pd.DataFrame({"shift_id": ["w"], "order": [0], "visit_id": ["a"], "task": [0],
    ...                       "start": [515.0], "end": [545.0]})
    >>> cost_of(problem, stops)  # 20 + 1 + 2 x 5 + 7 + 4 x 15
    98.0
    """
    weights = problem.weights
    visits = {name: v for v, name in enumerate(problem.visit_ids)}
    shifts = {name: w for w, name in enumerate(problem.shift_ids)}
    tasks = _tasks_of(problem)
    cost, late = 0.0, [0.0]
    made: set[int] = set()
    for name, route in stops.sort_values("order", kind="stable").groupby("shift_id", sort=False):
        w = shifts[str(name)]
        at = int(problem.start_place[w])
        legs = []
        for row in route.to_dict("records"):
            v = visits[str(row["visit_id"])]
            t = tasks[v][int(row["task"])]
            made.add(t)
            legs.append((at, int(problem.place[v])))
            at = int(problem.place[v])
            late.append(max(0.0, float(row["start"]) - float(problem.latest[v])))
            cost += weights.unfamiliar * float(problem.unfamiliar[t, w])
        legs.append((at, int(problem.end_place[w])))
        for here, there in legs:
            minutes, km = _leg(problem, w, here, there)
            if not (minutes < FAR and km < FAR):
                return float("inf")
            cost += weights.travel_minute * minutes + weights.km * km
        cost += weights.shift
    if not problem.hard_windows:
        cost += weights.late_minute * sum(late) + weights.worst_late * max(late)
    for mine in tasks:
        if made.issuperset(mine):
            continue
        if weights.unserved_minute is None:
            return float("inf")
        care = sum(float(problem.task_minutes[t]) for t in mine)
        cost += weights.unserved_minute * max(care, 1.0)
    return float(cost)


def _tasks_of(problem: RoundsProblem) -> list[list[int]]:
    """Tasks of each visit, first and second care worker."""
    found: list[list[int]] = [[] for _ in problem.visit_ids]
    for t, v in enumerate(problem.task_visit):
        found[int(v)].append(t)
    return found


def _leg(problem: RoundsProblem, w: int, at: int, to: int) -> tuple[float, float]:
    """Minutes and km from place to place for shift w; nothing where the shift is open."""
    if NO_PLACE in (at, to):
        return 0.0, 0.0
    mode = int(problem.mode[w])
    return float(problem.minutes[mode, at, to]), float(problem.km[mode, at, to])


def _out(problem: RoundsProblem, w: int, route: list[_Stop]) -> tuple[float, float]:
    """When shift w leaves, as late as its first stop allows, and when it is back."""
    out, _ = _leg(problem, w, int(problem.start_place[w]), int(problem.place[route[0].visit]))
    home, _ = _leg(problem, w, int(problem.place[route[-1].visit]), int(problem.end_place[w]))
    return route[0].start - out, route[-1].end + home
