"""How concentrated a market is: the largest, the top ten, the Herfindahl-Hirschman index, caps.

The functions take the weekly hours of each provider, or any other size such as what is spent with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

__all__ = [
    "BANDS_HOURS", "UNDER_HOURS", "Caps", "Concentration", "concentration", "over_caps",
    "provider_bands", "top_share_pct",
]  # fmt: skip

UNDER_HOURS = 20.0
"""Weekly hours under which a provider is counted as very small (SYSTEMS.md L4: 29 of 150)."""
BANDS_HOURS: tuple[float, ...] = (0.0, UNDER_HOURS, 100.0, 500.0, 1000.0, 3000.0, float("inf"))
"""Edges of the classes of providers, weekly hours; the last is L4's "over 3,000 h/week"."""
_TOPS = (3, 6, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """Figures of one market.

    Attributes
    ----------
    providers
        How many there are.
    hours
        What they hold together.
    largest, largest_hours, largest_pct
        The largest (``""`` and NaN where there is none); of several, the first in the alphabet.
    top_pct
        Share of the 3, 6 and 10 largest, per cent.
    hhi
        Herfindahl-Hirschman index: the sum of the squared shares in per cent, up to 10,000 for a
        monopoly; NaN where there is none.
    equal_providers
        How many providers of one size would give the same index: 10,000 / hhi.
    half
        The fewest providers that hold half of the hours.
    under, under_hours, under_pct
        How many hold less than ``under_limit_hours``, what they hold together, and that in per cent.
    under_limit_hours
        The limit.

    References
    ----------
    Hirschman, A. O. (1964), "The paternity of an index", American Economic Review 54(5), 761.
    """

    providers: int
    hours: float
    largest: str
    largest_hours: float
    largest_pct: float
    top_pct: Mapping[int, float]
    hhi: float
    equal_providers: float
    half: int
    under: int
    under_hours: float
    under_pct: float
    under_limit_hours: float


def concentration(hours: pd.Series[float], *, under_hours: float = UNDER_HOURS) -> Concentration:
    """Measure how concentrated a market is.

    Parameters
    ----------
    hours
        Weekly hours by provider, none negative or missing; those with none do not count.
    under_hours
        Providers with fewer are counted apart.

    Returns
    -------
    Concentration

    Raises
    ------
    ValueError
        Hours are negative or missing.

    Examples
    --------
    >>> found = concentration(pd.Series({"A": 50.0, "B": 30.0, "C": 20.0}))
    >>> found.largest, found.largest_pct, found.hhi, found.half
    ('A', 50.0, 3800.0, 1)
    >>> concentration(pd.Series({"A": 19.75, "B": 20.0})).under
    1
    """
    if hours.isna().any() or (hours < 0).any():
        raise ValueError("hours are missing or negative")
    held = hours[hours > 0].sort_index().sort_values(ascending=False, kind="stable")
    total = float(held.sum())
    nothing = float("nan")
    if held.empty:
        return Concentration(
            providers=0, hours=0.0, largest="", largest_hours=nothing, largest_pct=nothing,
            top_pct=dict.fromkeys(_TOPS, nothing), hhi=nothing, equal_providers=nothing, half=0, under=0,
            under_hours=0.0, under_pct=nothing, under_limit_hours=under_hours,
        )  # fmt: skip
    share = 100 * held / total
    hhi = float((share**2).sum())
    small = held[held < under_hours]
    return Concentration(
        providers=len(held), hours=total, largest=str(held.index[0]), largest_hours=float(held.iloc[0]),
        largest_pct=float(share.iloc[0]),
        top_pct={n: top_share_pct(held, n) for n in _TOPS},
        hhi=hhi, equal_providers=10_000 / hhi,
        half=int((share.cumsum() < 50 - 1e-9).sum()) + 1,
        under=len(small), under_hours=float(small.sum()), under_pct=100 * float(small.sum()) / total,
        under_limit_hours=under_hours,
    )  # fmt: skip


def top_share_pct(hours: pd.Series[float], n: int) -> float:
    """Return the share of the ``n`` largest, per cent.

    Examples
    --------
    >>> top_share_pct(pd.Series([5.0, 3.0, 2.0]), 2)
    80.0
    """
    total = float(hours.sum())
    return 100 * float(hours.nlargest(n).sum()) / total if total else float("nan")


def provider_bands(hours: pd.Series[float]) -> pd.DataFrame:
    """Count providers by the hours they hold.

    Returns
    -------
    pandas.DataFrame
        Index ``band`` (``under 20 h``, ...), columns ``providers`` (int), ``hours`` (float) and
        ``share_pct``. A band is from its lower edge (included) to under the next, but the last: a
        provider with exactly 3,000 hours is not over 3,000.

    Examples
    --------
    >>> provider_bands(pd.Series([19.0, 20.0, 3000.0, 3001.0]))["providers"].to_list()
    [1, 1, 0, 0, 1, 1]
    """
    names, found = [], []
    edges = list(itertools.pairwise(BANDS_HOURS))
    for i, (low, high) in enumerate(edges):
        if i == len(edges) - 1:
            names.append(f"over {low:,.0f} h")
            held = hours[hours > low]
        else:
            last = i == len(edges) - 2
            names.append(f"under {high:,.0f} h" if low == 0 else
                         f"{low:,.0f} to {'' if last else 'under '}{high:,.0f} h")  # fmt: skip
            held = hours[(hours >= low) & (hours > 0) & ((hours <= high) if last else (hours < high))]
        found.append((len(held), float(held.sum())))
    table = pd.DataFrame(found, index=pd.Index(names, name="band"), columns=["providers", "hours"])
    table["share_pct"] = 100 * table["hours"] / table["hours"].sum()
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits on what a provider may hold; None where there is none.

    Attributes
    ----------
    max_hours
        Weekly hours of one provider.
    max_share_pct
        Share of all hours that have a provider.
    max_locality_share_pct
        Share of a locality's hours that have a provider.
    max_providers
        Providers in all.
    """

    max_hours: float | None = None
    max_share_pct: float | None = None
    max_locality_share_pct: float | None = None
    max_providers: int | None = None

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for limit in (
            self.max_hours, self.max_share_pct, self.max_locality_share_pct, self.max_providers))


def over_caps(
    hours: pd.Series[float], caps: Caps, *, within: pd.DataFrame | None = None,
    capacity: pd.Series[float] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """List who holds more than a limit allows.

    Parameters
    ----------
    hours
        Weekly hours by provider.
    caps
        The limits.
    within
        Hours by locality and provider: ``locality``, ``provider_id``, ``hours``, as
        :func:`allocation.market.shares.shares_within` gives them; needed for the limit in a locality.
    capacity
        Most weekly hours a provider says it can take on, by provider.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1, in the order of the limits, largest excess first: ``limit`` (in words),
        ``provider_id``, ``locality`` (``""`` for all), ``hours``, ``limit_hours``, ``over_hours``.
        Who holds exactly the limit is not over it.

    Examples
    --------
    >>> over_caps(pd.Series({"A": 60.0, "B": 40.0}), Caps(max_share_pct=40))[
    ...     ["provider_id", "limit_hours", "over_hours"]]
      provider_id  limit_hours  over_hours
    0           A         40.0        20.0
    """
    parts = []

    def note(limit: str, held: pd.Series[float], most: pd.Series[float] | float, where: str = "") -> None:
        over = held[held > most + 1e-9].index
        limits = most.reindex(over) if isinstance(most, pd.Series) else pd.Series(most, index=over)
        parts.append(pd.DataFrame({
            "limit": limit, "provider_id": over.astype(str), "locality": where,
            "hours": held[over].to_numpy(), "limit_hours": limits.to_numpy(),
        }))  # fmt: skip

    if caps.max_hours is not None:
        note(f"{caps.max_hours:,g} h a week", hours, caps.max_hours)
    if caps.max_share_pct is not None:
        note(f"{caps.max_share_pct:g} % of all hours", hours, hours.sum() * caps.max_share_pct / 100)
    if caps.max_locality_share_pct is not None:
        if within is None:
            raise ValueError("a limit in a locality needs the hours by locality")
        for locality, rows in within[within["provider_id"].isin(hours.index)].groupby("locality"):
            held = rows.set_index("provider_id")["hours"]
            note(f"{caps.max_locality_share_pct:g} % of a locality", held,
                 held.sum() * caps.max_locality_share_pct / 100, str(locality))  # fmt: skip
    if capacity is not None:
        known = hours[hours.index.isin(capacity.index)]
        note("its own most hours", known, capacity.reindex(known.index))
    columns = ["limit", "provider_id", "locality", "hours", "limit_hours"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    table["over_hours"] = table["hours"] - table["limit_hours"]
    rank = {limit: i for i, limit in enumerate(dict.fromkeys(table["limit"]))}
    order = table.assign(rank=table["limit"].map(rank)).sort_values(
        ["rank", "over_hours", "provider_id"], ascending=[True, False, True])
    return order.drop(columns="rank").reset_index(drop=True)
