"""Why a place has no plan although its sums work out, and the smallest change that would help."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..brief import Weights
from ..errors import Reason
from .exact import Verdict, solve_exactly
from .instance import Instance
from .search import explore
from .stop import Stop

__all__ = ["explain"]

_STEPS = 200_000
_STARTS = 4
#: Beyond this many units times centres the exact model is not tried for a proof.
_EXACT_PAIRS = 12_000


def explain(instance: Instance, *, seed: int, stop: Stop) -> Reason:
    """Say why no plan was found, whether that is proven, and what would mend it.

    Parameters
    ----------
    instance
        A place for which the search came back with nothing.
    seed
        For the searches made here.
    stop
        Time left.

    Returns
    -------
    Reason
    """
    proven = False
    if instance.size * len(instance.centres) <= _EXACT_PAIRS:
        proven = solve_exactly(instance, stop=stop, feasibility=True).verdict == Verdict.INFEASIBLE
    said = "No plan exists" if proven else "No plan was found in the time given, which is no proof that there is none"
    span = f"{instance.lots} connected lots of {instance.lo:,.0f} to {_hours(instance.hi)} h a week"
    if len(instance.same) or len(instance.apart):
        unlocked = replace(instance, same=instance.same[:0], apart=instance.apart[:0])
        if _try(unlocked, seed, stop):
            return Reason(
                place=instance.name, proven=proven,
                message=f"{said} with {span} under these locks; without them there is one.",
                fix=f"Take back one of the locks here: {_locks(instance)}.",
            )
    return Reason(
        place=instance.name, proven=proven,
        message=f"{said} with {span}: the sums work out, but no set of whole areas hits them.",
        fix=_smallest_change(instance, seed, stop),
    )


def _hours(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "any number of"


def _try(instance: Instance, seed: int, stop: Stop) -> bool:
    for start in range(_STARTS):
        if np.isfinite(explore(instance, seed=seed, start=start, steps=_STEPS, stop=stop).value):
            return True
        if stop():
            break
    return False


def _smallest_change(instance: Instance, seed: int, stop: Stop) -> str:
    """Find limits that do work: the most equal lots found, then less and less."""
    free = instance.with_limits(0.0, math.inf).with_aims(Weights(equality=1.0))
    best: tuple[float, float, float] | None = None
    for start in range(_STARTS):
        found = explore(free, seed=seed, start=start, steps=_STEPS, stop=stop)
        if np.isfinite(found.value):
            sums = np.bincount(found.lot, weights=instance.hours, minlength=instance.lots)
            low, high = float(sums.min()), float(sums.max())
            missed = max(0.0, instance.lo - low) + max(0.0, high - instance.hi)
            if best is None or missed < best[0]:
                best = (missed, low, high)
        if stop():
            break
    if best is None:
        return "Take back a lock, or ask for another number of lots."
    _, low, high = best
    wanted = []
    if low < instance.lo:
        wanted.append(f"the least hours of a lot to {math.floor(low):,}")
    if high > instance.hi:
        wanted.append(f"the most hours of a lot to {math.ceil(high):,}")
    if not wanted:
        return "Give it more time: plans that come this close were found."
    return f"A plan is known when you change {' and '.join(wanted)}."


def _locks(instance: Instance) -> str:
    pairs = [
        f"{instance.members[a][0]} with {instance.members[b][0]}" for a, b in instance.same.tolist()
    ] + [f"{instance.members[a][0]} apart from {instance.members[b][0]}" for a, b in instance.apart.tolist()]
    return "; ".join(pairs[:5])
