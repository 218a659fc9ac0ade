"""How many lots? Each number of a range tried briefly, and set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lotting.errors import InfeasibleError, InputError, Reason

from .bound import Bound, lower_bound
from .crew import Job
from .front import bound_rounds
from .stages import Stages
from .stop import Stop
from .work import Work

__all__ = ["NumberTried", "choose_number", "take_stock"]

_STARTS = 4
#: Shares of the time: the steps of the search and of the bounds of all numbers together, and that after
#: which bounds are cut short.
_SHARE, _BOUND_SHARE, _CLOCK = 0.2, 0.05, 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTried:
    """What a number of lots comes to.

    Attributes
    ----------
    lots
        The number.
    objective
        Value of the best plan by the brief's own aims; inf where none was found.
    bound
        No plan of so many lots within the rules costs less; 0 where nothing is known.
    smallest, largest
        Weekly hours of the smallest and the largest lot of that plan; NaN without a plan.
    deviation_pct
        Largest deviation of a lot from its target, per cent; NaN without a plan.
    viable
        Lots that hold ``viable_hours`` or more; None where the brief does not say how many hours
        a lot needs, or there is no plan.
    """

    lots: int
    objective: float
    bound: float = 0.0
    smallest: float = np.nan
    largest: float = np.nan
    deviation_pct: float = np.nan
    viable: int | None = None

    @property
    def gap(self) -> float | None:
        """Share by which a plan could at most be better; None without a plan, or when it costs 0."""
        if not np.isfinite(self.objective) or self.objective <= 0:
            return None
        return (self.objective - self.bound) / self.objective


def choose_number(stages: Stages, numbers: range) -> tuple[int, tuple[NumberTried, ...]]:
    """Try each number of lots briefly; take the cheapest, or the one nearest to the target.

    Raises
    ------
    InfeasibleError
        None of the numbers can be, with the reasons.
    InputError
        None of the numbers fits the localities and areas.
    """
    tried: dict[int, NumberTried] = {}
    failed: list[Reason] = []
    short: dict[int, float] = {}
    unfit: InputError | None = None
    for number in numbers:
        try:
            works = stages.works(number)
        except InfeasibleError as error:
            tried[number] = NumberTried(lots=number, objective=np.inf)
            failed += error.reasons
            continue
        except InputError as error:  # fewer lots than localities, or more than areas
            unfit = unfit or error
            continue
        stages.first(works, f"{number} lots")
        stages.explore(
            works, range(1, _STARTS), share=_SHARE / len(numbers), stage=f"{number} lots"
        )
        _bound(stages, works, number, len(numbers))
        tried[number] = take_stock(number, works, stages.lots.viable_hours)
        short[number] = float(sum(w.found.shortfall for w in works))
        if stages.stop():
            break
    if not tried and unfit is not None:
        raise unfit
    if not short:
        raise InfeasibleError(failed)
    table = tuple(tried.values())
    fitting = [t for t in table if np.isfinite(t.objective)]
    if not fitting:
        # None was found, but none is ruled out either: go on with the one that came closest.
        return min(short, key=lambda k: (short[k], k)), table
    if stages.lots.target_hours is not None:
        total = float(stages.demand["weekly_hours"].sum())
        aim = stages.lots.target_hours
        return min(fitting, key=lambda t: (abs(total / t.lots - aim), t.lots)).lots, table
    return min(fitting, key=lambda t: (t.objective, t.lots)).lots, table


def _bound(stages: Stages, works: Sequence[Work], number: int, numbers: int) -> None:
    """Bound every place that has a plan, for a share of the time."""
    works = [w for w in works if np.isfinite(w.value)]
    clock = Stop(
        min(stages.stop.left(), _CLOCK / numbers * stages.seconds), stages.stop.interrupted
    )
    rounds = bound_rounds(
        _BOUND_SHARE * stages.run.time_limit_s / numbers, sum(w.instance.cost.size for w in works)
    )

    def keep(i: int, bound: Bound) -> None:
        works[i].bound = works[i].instance.distance_weight * bound.value

    stages.crew.run(f"{number} lots, how good", [
        Job(lower_bound, clock, (w.instance, w.lot), {
            "cutoff": w.value / w.instance.distance_weight, "rounds": rounds,
        }) for w in works
    ], keep)
    stages.cut_short |= clock.ran_out


def take_stock(number: int, works: Sequence[Work], viable_hours: float | None) -> NumberTried:
    """Measure the best plans of all places."""
    objective = float(sum(w.value for w in works))
    if not np.isfinite(objective):
        return NumberTried(lots=number, objective=np.inf)
    sums = [np.bincount(w.lot, weights=w.instance.hours, minlength=w.instance.lots) for w in works]
    off = [
        float(np.abs(s - w.place.target).max()) / w.place.target
        for s, w in zip(sums, works, strict=True) if w.place.target > 0
    ]
    held = np.concatenate(sums)
    return NumberTried(
        lots=number, objective=objective, bound=float(sum(min(w.bound, w.value) for w in works)),
        smallest=float(held.min()), largest=float(held.max()),
        deviation_pct=100 * max(off, default=0.0),
        viable=None if viable_hours is None else int((held >= viable_hours - 1e-6).sum()),
    )
