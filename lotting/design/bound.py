"""How good can any plan be? A Lagrangian lower bound on the distance part of the objective.

Relaxing "each area is in one lot" leaves, for every candidate centre, a knapsack of hours
between the limits; the K cheapest centres make the bound (Hess model: Hess et al. 1965;
relaxation as for capacitated medians: Mulvey & Beck 1984). Connectivity and locks are left out,
so that the bound holds with and without them.

The multipliers are raised in rounds. After each, what no plan cheaper than the best known can use
is closed (:mod:`.dual`), and the next round works on what is left. The multipliers at the end of
every round are all that is needed to work the bound out again (:mod:`lotting.certificate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .dual import Dual
from .instance import Floats, Instance, Ints
from .stop import Stop

__all__ = ["ROUNDS", "Bound", "lower_bound"]

Bools = npt.NDArray[np.bool_]

#: Steps of each round.
ROUNDS = (80, 120, 150, 150, 150)


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound and what proves it.

    Attributes
    ----------
    value
        No plan within the limits costs less (unweighted distance, hours x squared km);
        inf where no fractional plan exists.
    cutoff
        Cost of the plan in hand: what is closed is closed to plans cheaper than this.
    multipliers
        Dual values of "each unit in one lot" at the end of each round, float64[n] each.
    open_centre, open_pair
        What a plan cheaper than the cut-off may still use, bool[m] and bool[n, m].
    use
        How often each centre was among the chosen, float64[m]: in the long run the share in which
        a fractional plan uses it.
    iterations
        Steps made.
    """

    value: float
    cutoff: float
    multipliers: tuple[Floats, ...]
    open_centre: Bools
    open_pair: Bools
    use: Floats
    iterations: int


def lower_bound(
    instance: Instance,
    plan: Ints | None,
    *,
    stop: Stop,
    cutoff: float | None = None,
    rounds: tuple[int, ...] = ROUNDS,
    before: Bound | None = None,
    gap: float = 1e-6,
) -> Bound:
    """Raise the Lagrangian bound.

    Parameters
    ----------
    instance
        The place; only its distances, hours, limits and number of lots count.
    plan
        The best plan known, int64[n]; None where there is none.
    stop
        Asked at every step.
    cutoff
        Only plans of less distance than this are of interest; that of ``plan`` when left out.
    rounds
        Most steps of each round.
    before
        An earlier bound of the same units, under whatever limits and costs, to go on from: any
        multipliers are right, good ones are quicker.
    gap
        Stop when the bound is within this share of the cut-off.

    Returns
    -------
    Bound
    """
    n, m = instance.cost.shape
    if cutoff is None:
        cutoff = np.inf if plan is None else instance.distance(plan)
    target = cutoff
    if not np.isfinite(target):
        # Steps need a value to aim at; no plan is known, so aim above a crude one.
        k = min(instance.lots, m - 1)
        target = 4.0 * float(np.partition(instance.cost, k, axis=1)[:, :k].mean(axis=1).sum())
    dual = Dual.of(instance, np.ones(m, np.bool_), np.ones((n, m), np.bool_))
    made: list[Floats] = []
    best, steps = -np.inf, 0
    use = np.zeros(m)
    if before is None:
        multiplier = _start(instance, plan)
    else:
        if before.use.shape == use.shape:
            use += before.use
        multiplier = before.multipliers[-1]
        for earlier in before.multipliers:
            dual = dual.fixed(earlier, cutoff)
            made.append(earlier)
    for number, most in enumerate(rounds):
        enough = cutoff * (1 - gap)
        if number or before is not None:
            best, multiplier, done = _average(dual, multiplier, most, target, enough, number, use, stop)
        else:
            best, multiplier, done = _leap(dual, multiplier, most, target, enough, use, stop)
        made.append(multiplier)
        steps += done
        if not np.isfinite(best):
            break
        dual = dual.fixed(multiplier, cutoff)
        if best >= cutoff * (1 - gap) or stop():
            break
        if len(dual.centre) < instance.lots:
            best = cutoff
            break
    value = min(best, cutoff) if np.isfinite(cutoff) else best
    return Bound(value, cutoff, tuple(made), *dual.open(), use, steps)


def _leap(
    dual: Dual, multiplier: Floats, most: int, target: float, enough: float, use: Floats,
    stop: Stop,
) -> tuple[float, Floats, int]:
    """Raise the bound from afar: a deflected subgradient with Polyak's steps."""
    best, at = -np.inf, multiplier
    direction: Floats | None = None
    agility, since = 1.5, 0
    for step in range(most):
        if step and stop():
            return best, at, step
        total, chosen = dual.total(multiplier)
        if not np.isfinite(total):
            return np.inf, multiplier, step + 1
        if total > best:
            best, at, since = total, multiplier, 0
        else:
            since += 1
            if since >= 15:
                agility, since = agility * 0.6, 0
                multiplier, direction = at, None
                if agility < 0.005:
                    return best, at, step + 1
                continue
        if step > most // 2:
            use[dual.centre[chosen]] += 1.0
        missing = dual.missing(chosen)
        direction = missing if direction is None else missing + 0.7 * direction
        norm = float(direction @ direction)
        if best >= enough or norm < 1e-12:
            return best, at, step + 1
        multiplier = multiplier + agility * max(target - total, 1e-4 * abs(target)) / norm * direction
    return best, at, most


def _average(
    dual: Dual, multiplier: Floats, most: int, target: float, enough: float, number: int,
    use: Floats, stop: Stop,
) -> tuple[float, Floats, int]:
    """Raise the bound from nearby: the volume algorithm (Barahona & Anbil 2000).

    The direction is an average of what was missing at the steps before, which points uphill more
    steadily than what is missing at the last.
    """
    total, chosen = dual.total(multiplier)
    best, at = total, multiplier
    if not np.isfinite(total):
        return np.inf, at, 1
    direction = dual.missing(chosen)
    agility, heaviest, fails = 0.1 / 2**number, 0.1 / 1.5**number, 0
    for step in range(1, most):
        norm = float(direction @ direction)
        if best >= enough or norm < 1e-12 or stop():
            return best, at, step
        multiplier = at + agility * max(target - best, 1e-4 * abs(target)) / norm * direction
        total, chosen = dual.total(multiplier)
        if not np.isfinite(total):
            return np.inf, multiplier, step + 1
        use[dual.centre[chosen]] += 1.0
        missing = dual.missing(chosen)
        apart = missing - direction
        share = -float(direction @ apart) / max(float(apart @ apart), 1e-12)
        onward = float(missing @ direction) > 0
        share = min(max(share, heaviest / 10), heaviest)
        direction = share * missing + (1 - share) * direction
        if total > best:
            best, at, fails = total, multiplier, 0
            if onward:
                agility = min(2.0, 1.1 * agility)
        else:
            fails += 1
            if fails >= 10:
                agility, fails = agility * 0.66, 0
                if agility < 1e-4:
                    return best, at, step + 1
    return best, at, most


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
