"""Better plans near a good one, by the exact model on a part of the problem.

With the centres held to the few nearest to those in use, the exact model of a whole place is
small, and finds what no single move or swap does; so it does for two neighbouring lots on their
own. Neither says anything about plans far away: that is the bound's part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .bound import Bound, lower_bound
from .exact import solve_exactly
from .instance import Instance, Ints
from .search import Found, canonical, value_of
from .stop import Stop

__all__ = ["adjacent_lots", "best_centres", "near_plan", "two_lots"]

#: Most pairs of unit and centre that are put to the exact model here.
_MOST_PAIRS = 6_000
_NODES = 500


def near_plan(instance: Instance, lot: Ints, bound: Bound, *, near: int, stop: Stop) -> Found | None:
    """Find the best plan whose centres are each among the ``near`` best of a lot of this plan.

    Parameters
    ----------
    instance
        The place. Its aims may hold distance, equality and mix; not moved.
    lot
        The plan, int64[n].
    bound
        A bound whose cut-off is no less than what this plan costs: what it closed stays closed.
    near
        Centres a lot may choose from.
    stop
        Clock; a run that it cuts short says so.

    Returns
    -------
    The better plan; None where there is none, or the model is too large.
    """
    best: Found | None = None
    while not stop():
        centres = best_centres(instance, lot, near) & bound.open_centre
        pairs = bound.open_pair & centres[None, :]
        if int(pairs.sum()) > _MOST_PAIRS:
            return best
        answer = solve_exactly(
            instance, stop=stop, open_centre=centres, open_pair=pairs, hint=lot, node_limit=_NODES
        )
        found = _better(instance, answer.lot, lot)
        if found is None:
            return best
        best, lot = found, found.lot
    return best


def two_lots(instance: Instance, lot: Ints, a: int, b: int, *, stop: Stop) -> Ints | None:
    """Draw the border between two lots that touch as well as it can be drawn.

    Returns
    -------
    Lot of each of their units (``a`` or ``b``, in the order of the units), or None where no border
    is better.
    """
    units = np.flatnonzero((lot == a) | (lot == b)).astype(np.int64)
    if stop():
        return None
    part = instance.part(units, 2)
    now = (lot[units] == b).astype(np.int64)
    value = value_of(part, now)
    bound = lower_bound(
        part, now, cutoff=value / part.distance_weight, stop=stop, rounds=(60, 60)
    )
    if part.distance_weight * bound.value >= value * (1 - 1e-7) or int(bound.open_pair.sum()) > _MOST_PAIRS:
        return None
    answer = solve_exactly(
        part, stop=stop, open_centre=bound.open_centre, open_pair=bound.open_pair, hint=now,
        node_limit=_NODES,
    )
    found = _better(part, answer.lot, now)
    return None if found is None else np.where(found.lot == found.lot[0], lot[units[0]],
                                               a + b - lot[units[0]]).astype(np.int64)


def adjacent_lots(instance: Instance, lot: Ints) -> list[tuple[int, int]]:
    """Pairs of lots that touch, each once, in order."""
    tails = np.repeat(np.arange(instance.size), np.diff(instance.indptr))
    a, b = lot[tails], lot[instance.indices]
    return sorted({(int(x), int(y)) for x, y in zip(a[a < b], b[a < b], strict=True)})


def best_centres(instance: Instance, lot: Ints, near: int) -> npt.NDArray[np.bool_]:
    """Tell which candidates are among the ``near`` best centres of a lot, bool[m]."""
    chosen = np.zeros(len(instance.centres), np.bool_)
    for k in range(instance.lots):
        inside = lot == k
        own = np.flatnonzero(inside[instance.centre_unit])
        sums = instance.cost[inside][:, own].sum(axis=0)
        chosen[own[np.argsort(sums, kind="stable")[:near]]] = True
    return chosen


def _better(instance: Instance, lot: Ints | None, than: Ints) -> Found | None:
    if lot is None or not instance.feasible(lot):
        return None
    lot = canonical(lot)
    value = value_of(instance, lot)
    return Found(lot, value, 0.0) if value < value_of(instance, than) * (1 - 1e-9) else None
