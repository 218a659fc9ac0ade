"""Made-up markets of lots and bidders, for tests, benchmarks and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from allocation.tender.load import Case, make_case

__all__ = ["DEFAULT_RULES", "simulate_market"]

#: Rules of the size of Leicestershire's: several providers a lot, at most 18, nobody above 15 %.
DEFAULT_RULES: Mapping[str, Any] = {
    "providers_per_lot": [1, 3], "shares": {2: [60, 40], 3: [50, 30, 20]}, "max_lots": 4, "max_share_pct": 15,
    "max_providers": 18, "min_weekly_hours": 200, "respect_preferences": True, "failure_cover_pct": 60,
    "spare_pct": 25, "reserves": 1,
}


def simulate_market(
    lots: int,
    bidders: int,
    *,
    seed: int,
    rules: Mapping[str, Any] | None = None,
    lots_per_bidder: int = 6,
    packages: float = 0.2,
    run: Mapping[str, Any] | None = None,
) -> Case:
    """Make a market up.

    Lots lie on a grid that is as square as can be, three columns to a locality; each bidder has a home
    there and bids for lots around it, nearest first, which is its order of preference. Rates and quality
    belong to the bidder, with a little of the lot. Figures are made up; they are of the order of English
    home care (16 to 28 GBP an hour, 1,000 to 5,000 hours a week a lot).

    Parameters
    ----------
    lots, bidders
        How many of each.
    seed
        Same seed: same market.
    rules
        ``[rules]`` of the tender; :data:`DEFAULT_RULES` when left out, with ``max_providers`` at least the
        number of lots.
    lots_per_bidder
        Lots a bidder bids for on average; from one to twice as many.
    packages
        Part of the bidders that also bid for two or three neighbouring lots together, at 1 to 5 % less.
    run
        ``[run]`` of the tender.

    Returns
    -------
    Case
        Incumbents are the first bidders; one bidder in eight is a consortium with two others.

    Examples
    --------
    >>> case = simulate_market(4, 6, seed=1, rules={})
    >>> len(case.lots.frame), len(case.providers.frame)
    (4, 6)
    """
    rng = np.random.default_rng(seed)
    wide = int(np.ceil(np.sqrt(lots)))
    names = [str(i + 1) for i in range(lots)]
    xy = np.array([(i % wide, i // wide) for i in range(lots)], float)
    hours = np.round(rng.lognormal(np.log(2_500), 0.35, lots), 0)
    table = pd.DataFrame({
        "lot": names, "weekly_hours": hours, "locality": [f"District {int(x) // 3 + 1}" for x in xy[:, 0]],
        "people": np.round(hours / 14)})
    touching = [
        (names[i], names[j]) for i in range(lots) for j in range(i + 1, lots)
        if np.abs(xy[i] - xy[j]).sum() == 1]
    ids = [f"P{i + 1:03d}" for i in range(bidders)]
    quality = np.clip(rng.normal(72, 9, bidders), 45, 98)
    rate = np.clip(rng.normal(21.5, 1.4, bidders) + (quality - 72) * 0.04, 16.5, 28)
    homes = xy[rng.integers(0, lots, bidders)] + rng.uniform(-0.5, 0.5, (bidders, 2))
    rows: list[dict[str, Any]] = []
    for b in range(bidders):
        number = min(int(rng.integers(1, 2 * lots_per_bidder)), lots)
        near = np.argsort(np.abs(xy - homes[b]).sum(axis=1), kind="stable")[:number]
        rows.extend(
            _row(rng, f"{ids[b]}-{names[i]}", ids[b], names[i], rate[b], quality[b], hours[i], rank + 1)
            for rank, i in enumerate(near))
        if number >= 3 and rng.random() < packages:
            discount = round(float(rng.uniform(1, 5)), 1)
            rows.extend({
                **_row(rng, f"{ids[b]}-together", ids[b], names[i], rate[b], quality[b], hours[i], 1),
                "discount_pct": discount} for i in near[:int(rng.integers(2, 4))])
    providers = pd.DataFrame({
        "provider_id": ids, "name": [f"Provider {i + 1}" for i in range(bidders)],
        "size": rng.choice(["micro", "small", "medium", "large"], bidders, p=[0.3, 0.35, 0.25, 0.1]),
        "max_lots": np.where(rng.random(bidders) < 0.3, rng.integers(1, 5, bidders), np.nan),
        "max_weekly_hours": np.where(
            rng.random(bidders) < 0.5, np.round(rng.uniform(1_500, 9_000, bidders)), np.nan),
    })
    members = pd.DataFrame([
        {"provider_id": ids[b], "member_id": ids[m], "share_pct": share}
        for b in range(7, bidders, 8) for m, share in ((b, 50.0), (b - 1, 30.0), (b - 2, 20.0))
    ], columns=["provider_id", "member_id", "share_pct"])
    incumbents = pd.DataFrame([
        {"lot": names[i], "provider_id": ids[int(b)], "weekly_hours": round(hours[i] * part, 1)}
        for i in range(lots)
        for b, part in zip(rng.choice(bidders, 2, replace=False), (0.55, 0.35), strict=True)])
    stated = {**DEFAULT_RULES, "max_providers": max(18, lots)} if rules is None else rules
    return make_case(
        table, providers, pd.DataFrame(rows), stated, price={"weight": 40}, run={"seed": seed, **(run or {})},
        members=members if len(members) else None, incumbents=incumbents,
        neighbours=pd.DataFrame(touching, columns=["lot", "neighbour"]))


def _row(
    rng: np.random.Generator, bid: str, provider: str, lot: str, rate: float, quality: float, hours: float,
    rank: int,
) -> dict[str, Any]:
    return {
        "bid_id": bid, "provider_id": provider, "lot": lot, "preference": rank,
        "hourly_rate_gbp": round(float(rate + rng.normal(0, 0.25)), 2),
        "quality": round(float(np.clip(quality + rng.normal(0, 1.5), 0, 100)), 1),
        "capacity_hours": round(float(hours * rng.uniform(0.25, 1.5)), 0), "discount_pct": 0.0}
