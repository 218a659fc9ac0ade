"""The councils' orders: steps that come one after the other, and points within a step.

What was published, and what is ours:

- ``tiers`` (Bath & North East Somerset, June 2019): a published order of tiers; providers off the
  framework are the lowest priority (3e.4); within tiers 2 and 3 those at the fair price of care come
  first (note to 3g.4). The table of tiers itself is a picture that is not in the text: that block and
  innovation contracts (Part B) are tier 1 is an assumption, and every provider's tier is data.
- ``cost_and_share`` (Hampshire as it was, January 2014): cost 90 %, market share 10 %, "with carer
  availability also used": here the hours left decide between equal points. Whether a large or a small
  share earned the 10 % is not said; small is assumed, and can be changed.
- ``quality_and_cost`` (Hampshire's enhanced rule): "quality and cost equally weighted".
- ``lot`` (Leicestershire, September 2015): packages "will be allocated to the care provider for that
  specific zone". Where a lot has several, the one furthest below its share (or the first by position)
  is asked first: ours.
- ``blocks`` (Worcestershire): blocks are paid for and so come first; spot, bought through a dynamic
  purchasing system, comes after. That order is ours, drawn from the theme summary.

Points for cost are 100 x lowest / this, the lowest among those who may take the package; for quality
the score; for share 100 x (1 - this / largest), or the reverse; for travel 100 x (1 - km / zero_km).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .brief import Criterion
from .eligible import Bools, Floats, Package, Sieve
from .ledger import Ledger

__all__ = ["CONTINUITY", "Steps", "points_of", "steps_of"]

CONTINUITY = "gives this person care already"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """Step of every offer, 0 first, and what each is called."""

    step: Ints
    names: tuple[str, ...]


def steps_of(sieve: Sieve) -> Steps:
    """Return the step of each offer by the council's order, continuity left out."""
    keys = [_key(sieve, i) for i in range(len(sieve.route))]
    order = sorted(set(keys))
    number = {key: i for i, key in enumerate(order)}
    return Steps(np.array([number[k] for k in keys], np.int64), tuple(name for _, _, name in order))


def _key(sieve: Sieve, i: int) -> tuple[int, int, str]:
    order = sieve.office.brief.order
    route = str(sieve.route[i])
    if sieve.off_framework[i] and route == "spot":
        return (99, 0, "off the framework")
    if order.rule == "tiers":
        return _tier(sieve, i, route)
    if order.rule in {"cost_and_share", "quality_and_cost"}:
        return (1, 0, "on the framework") if route != "reserve" else (2, 0, "reserve")
    if route == "block":
        return (1, 0, "block contract")
    if route in {"lot", "reserve"}:
        position = float(sieve.position[i])
        place = 0 if np.isnan(position) else int(position)
        if route == "reserve":
            return (3, place, f"reserve {place} of the lot" if place else "reserve of the lot")
        if order.pick == "position" and place:
            return (2, place, f"provider {place} of the lot")
        return (2, 0, "provider of the lot")
    return (4, 0, "spot")


def _tier(sieve: Sieve, i: int, route: str) -> tuple[int, int, str]:
    order = sieve.office.brief.order
    if route == "block":
        tier = order.block_tier
    else:
        own = float(sieve.tier[i])
        tier = order.usual_tier if np.isnan(own) else int(own)
    if order.fair_price_gbp is None or tier not in order.fair_price_tiers:
        return (tier, 0, f"tier {tier}")
    fair = bool(sieve.rate[i] <= order.fair_price_gbp + 1e-9)
    return (tier, 0 if fair else 1, f"tier {tier}, {'at' if fair else 'above'} the fair price")


def points_of(
    sieve: Sieve, ledger: Ledger, package: Package, *, ok: Bools, km: Floats, balance: bool = True
) -> dict[str, Floats]:
    """Return points of each offer by criterion, and ``score``, all 0 to 100.

    Parameters
    ----------
    sieve, ledger
        Offers, and hours taken.
    package
        The package.
    ok
        Offers that may be made for it: the lowest rate and the largest share are theirs.
    km
        Added travel by offer.
    balance
        Whether a lot's providers earn points for being below their share; a whole list at once has
        limits for that instead.
    """
    order = sieve.office.brief.order
    weights = order.points()
    found: dict[Criterion, Floats] = {}
    rate = np.where(ok, sieve.rate, np.nan)
    lowest = np.nanmin(rate) if np.isfinite(rate).any() else np.nan
    if "cost" in weights:
        with np.errstate(divide="ignore", invalid="ignore"):
            found["cost"] = np.nan_to_num(np.minimum(100 * lowest / sieve.rate, 100))
    if "quality" in weights:
        found["quality"] = np.nan_to_num(sieve.quality)
    if "share" in weights:
        used = np.maximum(ledger.used, 0)[sieve.provider]
        largest = used[ok].max(initial=0.0)
        part = np.minimum(used / largest, 1) if largest > 0 else np.zeros(len(used))
        found["share"] = 100 * (part if order.share_favours == "large" else 1 - part)
    if "travel" in weights:
        found["travel"] = 100 * np.nan_to_num(np.clip(1 - km / order.travel_zero_km, 0, 1))
    score = sum((weights[c] * p / 100 for c, p in found.items()), np.zeros(len(sieve.rate)))
    named: dict[str, Floats] = dict(found.items())
    if order.rule == "lot" and order.pick == "share":
        lots = sieve.route == "lot"
        named["balance"] = np.where(lots, 100.0, 0.0)
        if balance:
            named["balance"] = _balance(sieve, ledger, package, lots & sieve.fits(package))
        score = np.where(lots, named["balance"], score)
    return {**named, "score": np.round(score, 6)}


def shares_of(sieve: Sieve, lots: Bools) -> Floats:
    """Return the shares (adding to 1) of a lot's offers; equal where the award does not say."""
    given = sieve.office.offers["share_pct"].to_numpy(float)[lots]
    if np.isnan(given).any() or given.sum() <= 0:
        given = np.ones(int(lots.sum()))
    return np.asarray(given / given.sum(), np.float64)


def _balance(sieve: Sieve, ledger: Ledger, package: Package, lots: Bools) -> Floats:
    """100 for the provider that is the most hours below its share, 0 for the one the least."""
    points = np.zeros(len(lots))
    if not lots.any():
        return points
    pools = sieve.office.offers["pool"].to_numpy(str)[lots]
    has = np.array([ledger.pool_used[p] for p in pools])
    short = shares_of(sieve, lots) * (has.sum() + package.hours) - has
    spread = short.max() - short.min()
    points[lots] = 100.0 if spread <= 1e-9 else 100 * (short - short.min()) / spread
    return points
