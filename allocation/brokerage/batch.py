"""A whole list at once: what an hour is worth with each offer, and what sharing out gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .assign import Assigned, List, assign, room_of
from .eligible import Package
from .ledger import TOLERANCE_HOURS, Ledger
from .orders import shares_of
from .ranking import Desk, Ranking

__all__ = ["PLACED_POINTS", "Shared", "share_out", "worth_of"]

#: An hour placed at all is worth this, besides its 0 to 100 points for how well. An assumption: to leave an
#: hour unplaced is as bad as giving five hours to the last in the order instead of the first.
PLACED_POINTS = 500.0
#: An hour above a lot provider's share costs as much as one moved from the first to the last in the order.
OVER_SHARE_POINTS = 100.0
# Below 0.01 points a difference is a tie, which travel decides.
_TRAVEL_POINTS, _TRAVEL_HALF_KM = 0.01, 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """A list that was shared out.

    Attributes
    ----------
    rankings
        Of each package, as things stood before.
    assigned
        Offers, worth and bound.
    full
        Of each package that is placed: how many of the offers that come before its own in the order have
        too few hours left for it after the whole list.
    gains
        By name: what one by one comes to, and what the whole list does.
    """

    rankings: tuple[Ranking, ...]
    assigned: Assigned
    full: npt.NDArray[np.int64]
    gains: dict[str, tuple[float, float]]


def share_out(
    desk: Desk, ledger: Ledger, packages: Sequence[Package], *, seconds: float = 60.0,
    gap_pct: float = 0.05, seed: int = 1,
) -> Shared:  # fmt: skip
    """Share a list out so that the hours placed, and how high in the order, are worth most together.

    Parameters
    ----------
    desk, ledger
        The rules, and hours taken.
    packages
        Packages with hours, placed by nobody yet.
    seconds, gap_pct, seed
        See :func:`allocation.brokerage.assign.assign`.

    Returns
    -------
    Shared
    """
    rankings, problem = worth_of(desk, ledger, packages)
    assigned = assign(problem, time_limit_s=seconds, gap_pct=gap_pct, seed=seed)
    one, whole = (_figures(desk, packages, rankings, o) for o in (assigned.one_by_one, assigned.offer))
    gains = {name: (one[name], whole[name]) for name in one}
    gains["order_points"] = (
        _order_points(problem, assigned.one_by_one), _order_points(problem, assigned.offer))
    gains["worth"] = (assigned.one_by_one_value, assigned.value)
    return Shared(rankings, assigned, _full(problem, assigned.offer, rankings), gains)


def worth_of(
    desk: Desk, ledger: Ledger, packages: Sequence[Package]
) -> tuple[tuple[Ranking, ...], List]:
    """Rank the offers for each package as things stand, and say what an hour with each is worth.

    Notes
    -----
    An hour placed is worth ``PLACED_POINTS`` plus 0 to 100 points. The points follow the council's order:
    with S steps, an offer in step s (0 first) with a score of p has (100 (S - 1 - s) + p) / S, so that no
    score makes up for a step. Market shares and lowest rates are those before the list. Where a lot's
    providers have shares, hours above a share, of the lot's hours with the list, cost
    ``OVER_SHARE_POINTS``.
    """
    rankings = tuple(desk.rank(p, ledger, balance=False) for p in packages)
    hours = np.array([p.hours for p in packages], np.float64)
    offers = len(desk.sieve.ids)
    worth = np.full((len(packages), offers), -np.inf)
    steps = len(desk.names)
    for i, ranking in enumerate(rankings):
        ok = ranking.order
        rank_points = (100 * (steps - 1 - ranking.step[ok]) + ranking.points["score"][ok]) / steps
        km = np.nan_to_num(ranking.km[ok], nan=1e6)
        worth[i, ok] = PLACED_POINTS + rank_points - _TRAVEL_POINTS * km / (km + _TRAVEL_HALF_KM)
    uses, limit, cost = _limits(desk, ledger, packages)
    return rankings, List(hours, worth, uses, limit, cost)


def _full(
    problem: List, offer: npt.NDArray[np.int64], rankings: Sequence[Ranking]
) -> npt.NDArray[np.int64]:
    room = room_of(problem, offer)
    found = np.zeros(len(offer), np.int64)
    for i, ranking in enumerate(rankings):
        if offer[i] >= 0:
            before = ranking.order[: ranking.order.tolist().index(int(offer[i]))]
            found[i] = int((room[before] + TOLERANCE_HOURS < problem.hours[i]).sum())
    return found


def _order_points(problem: List, offer: npt.NDArray[np.int64]) -> float:
    placed = np.flatnonzero(offer >= 0)
    if not len(placed):
        return float("nan")
    own = problem.hours[placed]
    return float((own * (problem.worth[placed, offer[placed]] - PLACED_POINTS)).sum() / own.sum())


def _limits(
    desk: Desk, ledger: Ledger, packages: Sequence[Package]
) -> tuple[tuple[tuple[int, ...], ...], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    sieve = desk.sieve
    limits = list(ledger.provider_left())
    cost = [np.inf] * len(limits)
    uses: list[list[int]] = [[int(p)] for p in sieve.provider]
    left = ledger.pool_left()
    number: dict[str, int] = {}
    for j, pool in enumerate(desk.pools.tolist()):
        if pool and np.isfinite(left[j]):
            if pool not in number:
                number[pool] = len(limits)
                limits.append(float(left[j]))
                cost.append(np.inf)
            uses[j].append(number[pool])
    order = sieve.office.brief.order
    if order.rule == "lot" and order.pick == "share":
        _add_shares(desk, ledger, packages, uses, limits, cost)
    return tuple(map(tuple, uses)), np.array(limits, np.float64), np.array(cost, np.float64)


def _add_shares(
    desk: Desk, ledger: Ledger, packages: Sequence[Package], uses: list[list[int]], limits: list[float],
    cost: list[float],
) -> None:  # fmt: skip
    sieve = desk.sieve
    lots = sieve.route == "lot"
    for place in sorted({p for p in (package.lot.casefold() for package in packages) if p}):
        own = lots & np.array([place in p for p in sieve.places], bool)
        if own.sum() < 2:
            continue
        has = np.array([ledger.pool_used[p] for p in desk.pools[own].tolist()])
        coming = sum(p.hours for p in packages if p.lot.casefold() == place)
        room = shares_of(sieve, own) * (has.sum() + coming) - has
        for j, hours in zip(np.flatnonzero(own).tolist(), room.tolist(), strict=True):
            uses[j].append(len(limits))
            limits.append(hours)
            cost.append(OVER_SHARE_POINTS)


def _figures(
    desk: Desk, packages: Sequence[Package], rankings: Sequence[Ranking], offer: npt.NDArray[np.int64]
) -> dict[str, float]:
    placed = [(p, r, int(j)) for p, r, j in zip(packages, rankings, offer, strict=True) if j >= 0]
    hours = sum(p.hours for p, _, _ in placed)
    rate = desk.sieve.rate
    cost = sum(p.hours * float(np.nan_to_num(rate[j])) for p, _, j in placed)
    return {
        "packages": float(len(placed)),
        "hours": float(hours),
        "weekly_cost_gbp": float(cost),
        "rate_gbp": cost / hours if hours else float("nan"),
        "first_choice": float(sum(int(r.order[0]) == j for _, r, j in placed)),
        "added_km": float(np.nansum([r.km[j] for _, r, j in placed])) if placed else 0.0,
    }  # fmt: skip
