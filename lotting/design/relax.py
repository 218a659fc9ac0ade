"""Why a place has no plan although its sums work out, and the smallest change that would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lotting.brief import LocksBrief, LotsBrief, Weights
from lotting.errors import Reason, some

from .instance import Instance
from .places import Place, wider
from .search import explore
from .stop import Stop

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["explain", "locked_across", "locked_out"]

_STEPS = 200_000
_STARTS = 4


def locked_across(places: Sequence[Place], locks: LocksBrief) -> list[Reason]:
    """Say which locks ask one lot to lie in two places that no lot can span."""
    place_of = {code: place for place in places for code in place.codes}
    by_lot: dict[str, list[str]] = {}
    for code, lot in locks.lot.items():
        by_lot.setdefault(lot, []).append(code)
    reasons = []
    for group in [*locks.together, *by_lot.values()]:
        first: dict[str, str] = {}
        for code in sorted(group):
            if code in place_of:
                first.setdefault(place_of[code].name, code)
        if len(first) > 1:
            where = [f"{code} in {name}" for name, code in first.items()]
            reasons.append(Reason(
                place=" and ".join(first),
                message=f"areas locked to one lot lie where no lot can hold them all: {some(where)}.",
                fix="Take the lock back, or join the places (across_localities, or a bridge).",
            ))
    return reasons


def locked_out(instance: Instance) -> Reason | None:
    """Say why the locks of a place rule out every plan, where a look at them is enough."""
    import networkx as nx

    together: nx.Graph[int] = nx.Graph()
    together.add_nodes_from(range(instance.size))
    together.add_edges_from(instance.same.tolist())
    groups = [sorted(group) for group in nx.connected_components(together)]
    group_of = {unit: g for g, group in enumerate(groups) for unit in group}
    for a, b in instance.apart.tolist():
        if group_of[a] == group_of[b]:
            group = groups[group_of[a]]
            return Reason(
                place=instance.name,
                message=("areas are locked together and apart, or to two lots, at the same time: "
                         f"{some(_codes(instance, group))}."),
                fix="Take back one of these locks.",
            )
    if len(instance.named) > instance.lots:
        names = sorted(instance.named.values())
        return Reason(
            place=instance.name,
            message=f"areas are locked to {len(names)} lots ({some(names)}), "
                    f"but {_are(instance.lots, 'lot')} wanted here.",
            fix=f"Draw {len(names)} lots here, or lock areas to fewer.",
        )
    if len(groups) < instance.lots:
        return Reason(
            place=instance.name,
            message=f"with the areas that are locked together, {_are(len(groups), 'block')} left "
                    f"to make {instance.lots} lots of.",
            fix=f"Draw {len(groups)} lots here, or take back a lock.",
        )
    for group in groups:
        hours = float(instance.hours[group].sum())
        if len(_codes(instance, group)) > 1 and hours > instance.hi + 1e-6:
            return Reason(
                place=instance.name,
                message=f"areas locked together hold {hours:,.0f} h a week, more than the "
                        f"{instance.hi:,.0f} h a lot may hold: {some(_codes(instance, group))}.",
                fix=f"Raise the most hours of a lot to {math.ceil(hours):,}, or take the lock back.",
            )
    return None


def explain(
    instance: Instance, unlocked: Instance, lots: LotsBrief, *, proven: bool, seed: int, stop: Stop
) -> Reason:
    """Say why no plan was found, and what would mend it.

    Parameters
    ----------
    instance
        A place for which the search came back with nothing.
    unlocked
        The same place without its locks.
    lots
        The brief's limits.
    proven
        Whether the exact model says that there is no plan.
    seed
        For the searches made here.
    stop
        Time left.

    Returns
    -------
    Reason
    """
    span = f"{instance.lots} connected lots of {instance.lo:,.0f} to {_hours(instance.hi)} h a week"
    said = (
        f"no plan with {span} exists" if proven
        else f"no plan with {span} was found in the time given, which is no proof that there is none"
    )
    locks = _locks(instance)
    if locks and _try(unlocked, seed, stop):
        return Reason(
            place=instance.name, proven=proven,
            message=f"{said}, under these locks; without them there is one.",
            fix=f"Take back one of the locks here: {'; '.join(locks[:5])}.",
        )
    return Reason(
        place=instance.name, proven=proven,
        message=f"{said}. The sums work out, but whole areas that touch do not come to them.",
        fix=_smallest_change(instance, lots, seed, stop),
    )


def _are(number: int, thing: str) -> str:
    return f"{number} {thing} is" if number == 1 else f"{number} {thing}s are"


def _hours(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "any number of"


def _codes(instance: Instance, units: Sequence[int]) -> list[str]:
    return sorted(code for unit in units for code in instance.members[unit])


def _try(instance: Instance, seed: int, stop: Stop) -> bool:
    for start in range(_STARTS):
        if np.isfinite(explore(instance, seed=seed, start=start, steps=_STEPS, stop=stop).value):
            return True
        if stop():
            break
    return False


def _smallest_change(instance: Instance, lots: LotsBrief, seed: int, stop: Stop) -> str:
    """Find limits that do work: the most equal lots found."""
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
    wanted = wider(lots, instance.target, best[1], best[2])
    if not wanted:
        return "Give it more time: plans that come this close were found."
    return f"A plan is known when you change {' and '.join(wanted)}."


def _locks(instance: Instance) -> list[str]:
    """Name the locks of a place."""
    def first(unit: int) -> str:
        return instance.members[unit][0]

    return [
        *(f"{some(unit)} together" for unit in instance.members if len(unit) > 1),
        *(f"{first(a)} with {first(b)}" for a, b in instance.same.tolist()),
        *(f"{first(a)} apart from {first(b)}" for a, b in instance.apart.tolist()),
    ]
