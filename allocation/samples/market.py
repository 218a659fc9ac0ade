"""A made-up market for any set of lots: bidders, bids and consortia."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from allocation.tender.lots import TenderLots

__all__ = ["MarketShape", "made_up_market"]

#: Lots a bidder bids for, least and most, and the share of a lot it could do, by the size of the firm.
_REACH: Mapping[str, tuple[int, int, float, float]] = {
    "micro": (1, 1, 0.15, 0.35), "small": (1, 3, 0.3, 0.7),
    "medium": (3, 6, 0.5, 1.0), "large": (5, 9, 0.8, 1.3),
}
_SHARE_OF_SIZES = (("micro", 0.15), ("small", 0.35), ("medium", 0.35), ("large", 0.15))
_FAR = 99
_Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketShape:
    """What the made-up bids look like; all figures are made up.

    Attributes
    ----------
    bidders
        How many: those with most of today's hours first, the rest new to the county.
    rate_gbp, rate_spread_gbp
        Mean hourly rate, and its spread; no spread where the council sets the rate.
    quality, quality_spread
        Mean and spread of quality, of 100.
    consortia
        How many bidders bid for three.
    packages
        How many bidders also bid for two lots together, at 2 to 4 % less.
    stray_gbp
        Hourly rates of two bids for a lot that the rates of the tender keep out; none when empty.
    """

    bidders: int
    rate_gbp: float
    rate_spread_gbp: float = 1.0
    quality: float = 72.0
    quality_spread: float = 8.0
    consortia: int = 2
    packages: int = 4
    stray_gbp: tuple[float, ...] = ()


def made_up_market(
    lots: TenderLots, shape: MarketShape, *, seed: int, incumbents: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Make up who bids for what.

    Parameters
    ----------
    lots
        Bidders bid for lots around their home, nearest first, in that order of preference.
    shape
        How many, how dear, how good.
    seed
        Same seed, same bids.
    incumbents
        ``lot``, ``provider_id``, ``weekly_hours``, ``people`` of today; its providers bid first.

    Returns
    -------
    dict
        ``bidders``, ``members`` and ``bids`` as :mod:`allocation.tender` reads them.

    Examples
    --------
    >>> from allocation.tender.lots import lots_of_tables
    >>> table = pd.DataFrame({"lot": ["A", "B"], "weekly_hours": ["1000", "2000"]})
    >>> table.attrs["file"] = "lots.csv"
    >>> market = made_up_market(lots_of_tables(table, None), MarketShape(bidders=6, rate_gbp=20.0), seed=1)
    >>> sorted(market), len(market["bidders"])
    (['bidders', 'bids', 'members'], 6)
    """
    rng = np.random.default_rng(seed)
    names = list(lots.frame.index)
    hours = lots.frame["weekly_hours"].to_numpy()
    away = _steps(lots.graph, names)
    today = pd.DataFrame() if incumbents is None else incumbents
    ids, homes = _who(names, today, shape.bidders, rng)
    sizes = _sizes(len(ids), today, rng)
    rows: list[_Row] = []
    for bidder, home, size in zip(ids, homes, sizes, strict=True):
        least, most, low, high = _REACH[str(size)]
        rate = shape.rate_gbp + shape.rate_spread_gbp * float(rng.normal())
        quality = shape.quality + shape.quality_spread * float(rng.normal())
        near = np.lexsort((rng.random(len(names)), away[home]))[: int(rng.integers(least, most + 1))]
        for rank, i in enumerate(near):
            rows.append({
                "bid_id": f"{bidder}-{rank + 1}", "provider_id": bidder, "lot": names[i],
                "hourly_rate_gbp": _to(rate + shape.rate_spread_gbp * float(rng.normal(0, 0.2)), 0.01),
                "quality": _to(float(np.clip(quality + rng.normal(0, 1.5), 5, 99)), 0.5),
                "capacity_hours": _to(max(float(hours[i] * rng.uniform(low, high)), 20.0), 10.0),
                "preference": rank + 1, "discount_pct": 0.0,
            })
    rows += _packages(rows, shape.packages, rng)
    for k, rate in enumerate(shape.stray_gbp):
        rows.append({**rows[k], "bid_id": f"{rows[k]['bid_id']}-alternative", "hourly_rate_gbp": rate})
    held = set(today.get("provider_id", ()))
    bidders = pd.DataFrame({
        "provider_id": ids, "name": [f"Made-up provider {bidder}" for bidder in ids], "size": sizes,
        "new_entrant": ["" if today.empty else "no" if bidder in held else "yes" for bidder in ids],
    })
    return {"bidders": bidders, "members": _members(ids, sizes, shape.consortia), "bids": pd.DataFrame(rows)}


def _to(value: float, step: float) -> float:
    return round(round(value / step) * step, 2)


def _steps(graph: nx.Graph[str], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """(lots, lots): borders between two lots."""
    away = np.full((len(names), len(names)), _FAR)
    place = {name: i for i, name in enumerate(names)}
    for start, found in nx.all_pairs_shortest_path_length(graph):
        for end, steps in found.items():
            away[place[start], place[end]] = steps
    return away


def _who(
    names: Sequence[str], today: pd.DataFrame, bidders: int, rng: np.random.Generator
) -> tuple[list[str], list[int]]:
    """Ids of the bidders, and the lot each is at home in."""
    ids: list[str] = []
    homes: list[int] = []
    if len(today):
        held = today.groupby("provider_id")["weekly_hours"].sum().sort_values(ascending=False, kind="stable")
        for bidder in list(held.index)[: max(bidders - 5, 1)]:
            most = today[today["provider_id"] == bidder].sort_values("weekly_hours", kind="stable").iloc[-1]
            ids.append(str(bidder))
            homes.append(list(names).index(str(most["lot"])))
    for k in range(bidders - len(ids)):
        ids.append(f"N{k + 1:02d}")
        homes.append(int(k % len(names) if len(today) == 0 else rng.integers(len(names))))
    return ids, homes


def _sizes(bidders: int, today: pd.DataFrame, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Sizes of firms; those with most of today's hours, where these are known, are the largest."""
    drawn = rng.choice([s for s, _ in _SHARE_OF_SIZES], bidders, p=[p for _, p in _SHARE_OF_SIZES])
    order = [s for s, _ in reversed(_SHARE_OF_SIZES)]
    return np.array(sorted(drawn, key=order.index)) if len(today) else drawn


def _packages(rows: Sequence[_Row], wanted: int, rng: np.random.Generator) -> list[_Row]:
    """Bids for the two lots a bidder wants most, together and at less."""
    bidders = list(dict.fromkeys(str(r["provider_id"]) for r in rows))
    found: list[_Row] = []
    for bidder in bidders:
        mine = [r for r in rows if r["provider_id"] == bidder][:2]
        if len(mine) == 2 and len(found) < 2 * wanted:
            discount = round(float(rng.uniform(2, 4)), 1)
            together = {"bid_id": f"{bidder}-together", "preference": 1, "discount_pct": discount}
            found += [{**r, **together} for r in mine]
    return found


def _members(ids: Sequence[str], sizes: npt.NDArray[np.str_], consortia: int) -> pd.DataFrame:
    """Let the first medium firms lead two small ones each."""
    leads = [i for i, s in zip(ids, sizes, strict=True) if s == "medium"][:consortia]
    small = [i for i, s in zip(ids, sizes, strict=True) if s in {"micro", "small"}]
    rows = []
    for k, lead in enumerate(leads):
        parts = small[2 * k : 2 * k + 2]
        shares = {2: (60, 20, 20), 1: (75, 25), 0: (100,)}[len(parts)]
        rows += [
            {"provider_id": lead, "member_id": member, "share_pct": share}
            for member, share in zip([lead, *parts], shares, strict=True)]
    return pd.DataFrame(rows, columns=["provider_id", "member_id", "share_pct"])
