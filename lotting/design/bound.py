"""How good can any plan be? A Lagrangian lower bound on the distance part of the objective.

Relaxing "each area is in one lot" leaves, for every candidate centre, a knapsack of hours
between the limits; the K cheapest centres make the bound (Hess model: Hess et al. 1965;
relaxation as for capacitated medians: Mulvey & Beck 1984). Connectivity and locks are left out,
so that the bound holds with and without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .instance import SLACK, Floats, Instance, Ints
from .kernels import range_knapsacks
from .stop import Stop

__all__ = ["Bound", "fixable", "lower_bound"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound and what proves it.

    Attributes
    ----------
    value
        No plan within the limits costs less (unweighted distance, hours x squared km);
        inf where no fractional plan exists.
    multipliers
        Dual values of "each unit in one lot", float64[n]; the bound can be worked out from them.
    alive
        Candidate centres that a plan cheaper than ``cutoff`` may still use, bool[m].
    iterations
        Subgradient steps made.
    """

    value: float
    multipliers: Floats
    alive: Bools
    iterations: int


def lower_bound(
    instance: Instance,
    plan: Ints | None,
    *,
    stop: Stop,
    cutoff: float | None = None,
    iterations: int = 400,
    gap: float = 1e-6,
) -> Bound:
    """Raise the Lagrangian bound by a deflected subgradient.

    Parameters
    ----------
    instance
        The place; only its distances, hours, limits and number of lots count.
    plan
        The best plan known, int64[n]; None where there is none.
    stop
        Asked at every iteration.
    cutoff
        Only plans of less distance than this are of interest; that of ``plan`` when left out.
    iterations
        At most this many.
    gap
        Stop when the bound is within this share of the cut-off.

    Returns
    -------
    Bound
    """
    n, m = instance.cost.shape
    k = instance.lots
    if cutoff is None:
        cutoff = np.inf if plan is None else instance.distance(plan)
    target = cutoff
    if not np.isfinite(target):
        # Steps need a value to aim at; no plan is known, so aim above a crude one.
        target = 4.0 * float(np.partition(instance.cost, min(k, m - 1), axis=1)[:, :k].mean(axis=1).sum())
    multiplier = _start(instance, plan)
    best, best_multiplier = -np.inf, multiplier.copy()
    alive = np.ones(m, np.bool_)
    direction = np.zeros(n)
    agility, since = 1.5, 0
    done = 0
    orders = np.tile(np.arange(n), (m, 1))
    for step in range(iterations):
        if step and stop():
            break
        done = step + 1
        centres = np.flatnonzero(alive)
        if len(centres) < k:
            best = max(best, cutoff)
            break
        bundle = np.zeros((len(centres), n), np.float32)
        price, value = np.empty(len(centres)), np.empty(len(centres))
        range_knapsacks(
            centres, instance.cost, multiplier, instance.hours,
            instance.lo - SLACK / 2, instance.hi + SLACK / 2,
            instance.centre_unit, orders, bundle, price, value,
        )
        order = np.argsort(value, kind="stable")
        chosen = order[:k]
        if not np.isfinite(value[chosen]).all():
            return Bound(np.inf, multiplier, alive, done)
        base = float(multiplier.sum())
        total = base + float(value[chosen].sum())
        if total > best:
            best, best_multiplier = total, multiplier.copy()
            since = 0
        else:
            since += 1
            if since >= 15:
                agility, since = agility * 0.6, 0
                multiplier, direction = best_multiplier.copy(), np.zeros(n)
                if agility < 0.005:
                    break
                continue
        if np.isfinite(cutoff):
            if best >= cutoff * (1 - gap):
                break
            # A centre whose use would cost more than the plan in hand is out for good.
            swap_in = total - value[chosen[-1]] + value
            dead = swap_in > cutoff * (1 + 1e-9)
            dead[chosen] = False
            alive[centres[dead]] = False
        slack = 1.0 - bundle[chosen].sum(axis=0, dtype=np.float64)
        direction = slack + 0.7 * direction if step else slack
        norm = float(direction @ direction)
        if norm < 1e-12:
            break
        multiplier = multiplier + agility * max(target - total, 1e-4 * abs(target)) / norm * direction
    return Bound(min(best, cutoff), best_multiplier, alive, done)


def _start(instance: Instance, plan: Ints | None) -> Floats:
    """First multipliers: what each unit costs in the plan, and what an hour costs at the rim."""
    if plan is None:
        ranked = np.sort(instance.cost, axis=1)
        return ranked[:, min(ranked.shape[1] - 1, ranked.shape[1] // (2 * instance.lots))].copy()
    own = np.zeros(instance.size)
    for k in range(instance.lots):
        inside = np.flatnonzero(plan == k)
        centres = np.flatnonzero(plan[instance.centre_unit] == k)
        sums = instance.cost[np.ix_(inside, centres)].sum(axis=0)
        own[inside] = instance.cost[inside, centres[int(np.argmin(sums))]]
    rim: Floats = own + instance.hours * own.sum() / max(instance.total_hours, 1e-9)
    return rim


def fixable(instance: Instance, bound: Bound, cutoff: float) -> tuple[Bools, Bools]:
    """Which assignments a plan cheaper than ``cutoff`` may still use (reduced-cost fixing).

    Returns
    -------
    open_centre
        bool[m]: candidate centres left.
    open_pair
        bool[n, m]: unit may be assigned to centre.
    """
    n, m = instance.cost.shape
    k = instance.lots
    centres = np.arange(m)
    bundle = np.zeros((m, n), np.float32)
    price, value = np.empty(m), np.empty(m)
    range_knapsacks(
        centres, instance.cost, bound.multipliers, instance.hours,
        instance.lo - SLACK / 2, instance.hi + SLACK / 2,
        instance.centre_unit, np.tile(np.arange(n), (m, 1)), bundle, price, value,
    )
    lowest = np.partition(value, k - 1)[:k] if k <= m else value
    base = float(bound.multipliers.sum())
    total = base + float(lowest.sum())
    # With centre j in use: j itself and the k - 1 cheapest of the others.
    with_j = np.where(value <= lowest.max(), total, total - lowest.max() + value)
    limit = cutoff * (1 + 1e-9) + 1e-9
    open_centre = (with_j <= limit) & bound.alive
    reduced = instance.cost - bound.multipliers[:, None] - instance.hours[:, None] * price[None, :]
    extra = np.maximum(reduced, 0.0)
    extra[instance.centre_unit, centres] = 0.0
    open_pair = (with_j[None, :] + extra <= limit) & open_centre[None, :]
    return open_centre, open_pair
