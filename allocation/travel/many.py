"""Plan the rounds of many lots at once: each in a process of its own, Ctrl-C in mind.

Lots are independent, and the search of each has its own seed, made of the seed and the lot's name:
the rounds do not depend on how many processes there are, nor on which lot is done first.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from allocation.rounds import DEFAULT_WEIGHTS, Rounds, RoundsProblem, Solution, Weights, make_rounds
from allocation.rounds.day import make_problem
from allocation.rounds.solve import solve
from lotting.design.crew import Crew, Job
from lotting.design.executors import make_executor
from lotting.design.stop import Stop
from lotting.travel import TravelTimes

from .staff import made_up_staff, with_long_visits

__all__ = ["Planned", "plan_lots", "seed_of", "warm_up"]

#: Care workers' visits times effort below which another process does not pay.
_FOR_PROCESSES = 600.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Planned:
    """Rounds of a day, lot by lot: personal data.

    Attributes
    ----------
    rounds, shifts
        By lot, in the order asked for.
    visits
        What was asked, by lot.
    stopped
        Whether Ctrl-C cut the search short: rounds are then less good than they could be.
    """

    rounds: dict[str, Rounds]
    shifts: dict[str, pd.DataFrame]
    visits: dict[str, pd.DataFrame]
    stopped: bool = False

    def hours(self) -> tuple[float, float, float]:
        """Return contact hours asked for, served, and not served: the last two are the first."""
        asked = sum(float((v["duration_minutes"] * v["carers"]).sum()) for v in self.visits.values())
        served = sum(r.contact_minutes for r in self.rounds.values())
        unserved = sum(float(r.unserved["contact_minutes"].sum()) for r in self.rounds.values())
        return asked / 60, served / 60, unserved / 60

    def __repr__(self) -> str:
        return f"Planned({len(self.rounds)} lots, personal data not shown)"


def seed_of(seed: int, lot: str) -> int:
    """Return the seed of a lot.

    Examples
    --------
    >>> seed_of(1, "7") == seed_of(1, "7"), seed_of(1, "7") == seed_of(1, "8")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {lot}".encode()).digest()[:4]) >> 1


def plan_lots(
    visits: Mapping[str, pd.DataFrame],
    travel: TravelTimes,
    *,
    shifts: Mapping[str, pd.DataFrame] | None = None,
    seed: int = 1,
    effort: float = 1.0,
    time_limit_s: float | None = None,
    processes: int = 0,
    weights: Weights = DEFAULT_WEIGHTS,
    report: Callable[[str, int, int], None] | None = None,
    **settings: Any,
) -> Planned:
    """Plan a day of every lot.

    Parameters
    ----------
    visits
        A day's visits by lot.
    travel
        Minutes and km.
    shifts
        By lot; made up for lots that are not in it (:func:`.staff.made_up_staff`).
    seed
        Of the whole day.
    effort, time_limit_s
        See :func:`allocation.rounds.solve`.
    processes
        How many at once; one a core when 0.
    weights, **settings
        See :func:`allocation.rounds.make_problem`.
    report
        Told what is being done, and how many of how many visits.

    Returns
    -------
    Planned
        After Ctrl-C, with the best rounds found so far; a lot that was not begun has its first ones.

    Raises
    ------
    InputError
        A lot cannot be planned (:func:`allocation.rounds.make_problem`).
    """
    tell = report or (lambda *_: None)
    shifts = shifts or {}
    staff = {
        lot: shifts[lot] if lot in shifts else made_up_staff(day) for lot, day in visits.items()
    }
    total = sum(int(day["carers"].sum()) for day in visits.values())
    problems: dict[str, RoundsProblem] = {}
    found_ways = 0
    for lot, day in visits.items():
        tell("Finding the ways", found_ways, total)
        asked = with_long_visits(day, staff[lot])
        problems[lot] = make_problem(asked, staff[lot], travel, weights=weights, **settings)
        found_ways += len(problems[lot].task_visit)
    # The largest first, so that none is left for the end.
    order = sorted(problems, key=lambda lot: -len(problems[lot].task_visit))
    stop = Stop(math.inf)
    jobs = [
        Job(
            _solved, Stop(math.inf, stop.interrupted),
            (problems[lot], seed_of(seed, lot), effort, time_limit_s),
        )
        for lot in order
    ]
    done = 0

    def after(number: int, _: Solution) -> None:
        nonlocal done
        done += len(problems[order[number]].task_visit)
        tell("Planning rounds", done, total)

    alone = len(jobs) < 2 or total * effort < _FOR_PROCESSES
    if not alone:
        tell("Getting ready", 0, total)
        warm_up()
    tell("Planning rounds", 0, total)
    executor = make_executor(1 if alone else processes, kind="threads" if alone else "auto")
    try:
        found = Crew(executor, stop, None).run("Planning rounds", jobs, after)
    finally:
        executor.shutdown(wait=not stop.interrupted.is_set(), cancel_futures=True)
    solutions = dict(zip(order, found, strict=True))
    rounds = {
        lot: make_rounds(problems[lot], solutions[lot], tuple(staff[lot]["worker_id"]))
        for lot in visits
    }
    return Planned(
        rounds=rounds, shifts=staff, visits=dict(visits),
        stopped=any(s.stopped for s in solutions.values()),
    )  # fmt: skip


def _solved(
    problem: RoundsProblem, seed: int, effort: float, time_limit_s: float | None, *, stop: Stop
) -> Solution:
    return solve(problem, seed=seed, effort=effort, time_limit_s=time_limit_s, stop=stop)


def warm_up() -> None:
    """Have the search compiled once, and kept, before several processes want it."""
    import numpy as np

    minutes = np.zeros((1, 1, 1))
    solve(RoundsProblem(
        visit_ids=("a", "b"), shift_ids=("w",), minutes=minutes, km=minutes, place=np.zeros(2),
        earliest=np.zeros(2), latest=np.ones(2), task_visit=np.arange(2), task_minutes=np.ones(2),
        allowed=np.ones((2, 1)), person=np.zeros(1),
    ), effort=0.01)  # fmt: skip
