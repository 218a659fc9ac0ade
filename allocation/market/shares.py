"""Who holds how much of the work: by provider, and by provider within a locality, payer or team.

A share is of the hours that have a provider; hours with none are listed beside, never left out.
"""

from __future__ import annotations

import itertools

import pandas as pd

from .concentration import concentration
from .read import NO_PROVIDER

__all__ = ["SIZES", "SMALL_HOURS", "package_sizes", "provider_shares", "shares_by", "shares_within"]

SMALL_HOURS = 5.0
"""Weekly hours under which a package is small (SYSTEMS.md B4: "many packages under 5 h/week")."""
SIZES: tuple[float, ...] = (0.0, SMALL_HOURS, 10.0, 14.0, 21.0, 28.0, float("inf"))
"""Edges of the classes of package size, weekly hours: each from its lower edge to under the next."""


def provider_shares(packages: pd.DataFrame, *, small_hours: float = SMALL_HOURS) -> pd.DataFrame:
    """Return what each provider holds.

    Parameters
    ----------
    packages
        Packages that run on the day: :attr:`allocation.market.read.MarketPackages.counted`.
    small_hours
        Packages of fewer weekly hours are small.

    Returns
    -------
    pandas.DataFrame
        Index ``provider_id``, largest first (then by id); without those that have no provider.
        Columns ``packages``, ``people`` (int; a person with several providers counts for each),
        ``hours`` (float, weekly), ``share_pct`` (of all hours with a provider), ``mean_hours`` (of a
        package), ``small_packages`` (int), ``localities`` (int: in how many it works),
        ``weekly_cost_gbp`` and ``cost_share_pct`` (NaN where no cost is known).

    Examples
    --------
    >>> packages = pd.DataFrame({
    ...     "provider_id": ["A", "A", "B", ""], "person": ["p", "q", "r", "s"],
    ...     "locality": "North", "hours": [12.0, 3.0, 5.0, 7.0], "weekly_cost_gbp": float("nan")})
    >>> table = provider_shares(packages)
    >>> table["share_pct"].to_dict(), table["small_packages"].to_dict()
    ({'A': 75.0, 'B': 25.0}, {'A': 1, 'B': 0})
    """
    rows = packages[packages["provider_id"] != NO_PROVIDER]
    rows = rows.assign(small=rows["hours"] < small_hours)
    table = rows.groupby("provider_id").agg(
        packages=("hours", "size"), people=("person", "nunique"), hours=("hours", "sum"),
        mean_hours=("hours", "mean"), small_packages=("small", "sum"), localities=("locality", "nunique"),
    )  # fmt: skip
    table["weekly_cost_gbp"] = rows.groupby("provider_id")["weekly_cost_gbp"].sum(min_count=1)
    table["share_pct"] = _pct(table["hours"], table["hours"].sum())
    table["cost_share_pct"] = _pct(table["weekly_cost_gbp"], table["weekly_cost_gbp"].sum())
    table = table.reset_index().sort_values(["hours", "provider_id"], ascending=[False, True])
    return table.set_index("provider_id")[[
        "packages", "people", "hours", "share_pct", "mean_hours", "small_packages", "localities",
        "weekly_cost_gbp", "cost_share_pct",
    ]]  # fmt: skip


def shares_by(packages: pd.DataFrame, by: str, *, small_hours: float = SMALL_HOURS) -> pd.DataFrame:
    """Return the market of each locality, payer or team.

    Parameters
    ----------
    packages
        As :func:`provider_shares`.
    by
        ``locality``, ``payer`` or ``team``.
    small_hours
        Packages of fewer weekly hours are small.

    Returns
    -------
    pandas.DataFrame
        Index ``by``, sorted. Columns ``packages``, ``people``, ``hours`` (float, weekly),
        ``share_pct`` (of all hours), ``no_provider_hours``, ``mean_hours`` (of a package),
        ``small_pct`` (share of packages that are small), ``providers`` (int), ``largest`` (its id,
        ``""`` when there is none), ``largest_pct``, ``top_ten_pct``, ``hhi`` (of the hours with a
        provider; NaN when there are none) and ``weekly_cost_gbp``.
    """
    found = {}
    for value, rows in packages.groupby(by):
        named = rows[rows["provider_id"] != NO_PROVIDER]
        facts = concentration(named.groupby("provider_id")["hours"].sum())
        found[str(value)] = {
            "packages": len(rows), "people": rows["person"].nunique(), "hours": rows["hours"].sum(),
            "share_pct": 100 * rows["hours"].sum() / packages["hours"].sum(),
            "no_provider_hours": rows["hours"].sum() - named["hours"].sum(),
            "mean_hours": rows["hours"].mean(), "small_pct": 100 * (rows["hours"] < small_hours).mean(),
            "providers": facts.providers, "largest": facts.largest, "largest_pct": facts.largest_pct,
            "top_ten_pct": facts.top_pct[10], "hhi": facts.hhi,
            "weekly_cost_gbp": rows["weekly_cost_gbp"].sum(min_count=1),
        }  # fmt: skip
    return pd.DataFrame.from_dict(found, orient="index").rename_axis(by).sort_index()


def shares_within(packages: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return what each provider holds within each locality, payer or team.

    Parameters
    ----------
    packages, by
        As :func:`shares_by`.

    Returns
    -------
    pandas.DataFrame
        One row a pair that occurs, index 0..n-1: ``by``, ``provider_id`` (largest first within each;
        :data:`~allocation.market.read.NO_PROVIDER` last), ``packages``, ``people`` (int), ``hours``
        (float, weekly), ``share_pct`` (of the hours there that have a provider; NaN for no provider).
        The hours add up to those of ``packages``.
    """
    table = packages.groupby([by, "provider_id"], as_index=False).agg(
        packages=("hours", "size"), people=("person", "nunique"), hours=("hours", "sum"))
    named = table["provider_id"] != NO_PROVIDER
    whole = table["hours"].where(named).groupby(table[by]).transform("sum")
    table["share_pct"] = (100 * table["hours"] / whole).where(named)
    order = table.assign(last=~named).sort_values(
        [by, "last", "hours", "provider_id"], ascending=[True, True, False, True])
    return order.drop(columns="last").reset_index(drop=True)


def package_sizes(packages: pd.DataFrame, by: str = "payer") -> pd.DataFrame:
    """Count packages by size.

    Returns
    -------
    pandas.DataFrame
        Index ``size`` (``under 5 h``, ``5 to under 10 h``, ...), a column of counts (int) for each
        ``by``, sorted.

    Examples
    --------
    >>> table = package_sizes(pd.DataFrame({"payer": ["LCC", "LCC", "NHS"], "hours": [4.75, 5.0, 30.0]}))
    >>> table["LCC"].to_list(), table["NHS"].to_list(), table.index[0]
    ([1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], 'under 5 h')
    """
    names = [
        f"under {high:g} h" if low == 0 else f"{low:g} h and more" if high == float("inf")
        else f"{low:g} to under {high:g} h"
        for low, high in itertools.pairwise(SIZES)
    ]  # fmt: skip
    size = pd.cut(packages["hours"], list(SIZES), right=False, labels=names)
    table = pd.crosstab(size, packages[by], dropna=False)
    return table.reindex(names, fill_value=0).rename_axis("size")


def _pct(part: pd.Series[float], whole: float) -> pd.Series[float]:
    return 100 * part / whole if whole else part * float("nan")
