"""How the market moved: hours of a provider then and now, and what was bought in each year.

An export of packages tells of the past as far back as it has packages that ended. The first end in it is
taken for the day from which it is whole: of packages that ended before, it has none.
"""

from __future__ import annotations

import pandas as pd

from lotting.reconciliation import ENDED, NOT_BEGUN

from .read import NO_PROVIDER, MarketPackages

__all__ = ["history_from", "hours_on", "provider_growth", "since_day", "years"]

_IN_TIME = frozenset({"", ENDED.removeprefix("not placed: "), NOT_BEGUN.removeprefix("not placed: ")})
LEAST_DAYS = 28
"""Fewer days of the past than this say nothing of growth."""


def _dated(packages: MarketPackages) -> pd.DataFrame:
    """Return the packages that run at some time; duplicates and those without hours never do."""
    return packages.frame[packages.frame["reason"].isin(_IN_TIME)]


def history_from(packages: MarketPackages) -> pd.Timestamp | None:
    """Return the first day of which the file tells all; None when it has no ended packages.

    That is the day of the first end in the file: an export of what runs now has none before
    ``as_of``, and tells of no earlier day.
    """
    ends = _dated(packages)["end"]
    past = ends[ends < packages.as_of]
    return None if past.empty else pd.Timestamp(past.min())


def since_day(packages: MarketPackages) -> pd.Timestamp | None:
    """Return the day to compare with: a year before, or as far back as the file tells.

    None when the file tells of no day at least :data:`LEAST_DAYS` before.
    """
    first = history_from(packages)
    if first is None or (packages.as_of - first).days < LEAST_DAYS:
        return None
    return max(first, packages.as_of - pd.DateOffset(years=1))


def hours_on(packages: MarketPackages, day: pd.Timestamp) -> pd.DataFrame:
    """Return what ran on a day, by provider.

    Parameters
    ----------
    packages
        As read.
    day
        A package runs when ``start <= day <= end``; a blank start has begun, a blank end runs on.

    Returns
    -------
    pandas.DataFrame
        Index ``provider_id`` (:data:`~allocation.market.read.NO_PROVIDER` among them), columns
        ``packages``, ``people`` (int), ``hours`` (float, weekly).
    """
    rows = _dated(packages)
    runs = rows[~(rows["start"] > day) & ~(rows["end"] < day)]
    return runs.groupby("provider_id").agg(
        packages=("hours", "size"), people=("person", "nunique"), hours=("hours", "sum"))


def provider_growth(packages: MarketPackages, since: pd.Timestamp) -> pd.DataFrame:
    """Compare what each provider held on a day with what it holds now.

    Parameters
    ----------
    packages
        As read.
    since
        The earlier day.

    Returns
    -------
    pandas.DataFrame
        Index ``provider_id``, largest change first; those without a provider are left out. Columns
        ``packages_before``, ``people_before``, ``packages``, ``people`` (int), ``hours_before``,
        ``hours``, ``change_hours``, ``change_pct`` (NaN where there was nothing) and ``moved``
        (``"new"``, ``"left"`` or ``""``).
    """
    before, now = (
        hours_on(packages, day).drop(index=NO_PROVIDER, errors="ignore")
        for day in (since, packages.as_of)
    )
    table = before.add_suffix("_before").join(now, how="outer").fillna(0.0)
    counts = ["packages_before", "people_before", "packages", "people"]
    table = table.astype(dict.fromkeys(counts, "int64"))
    table["change_hours"] = table["hours"] - table["hours_before"]
    table["change_pct"] = (100 * table["change_hours"] / table["hours_before"]).where(
        table["hours_before"] > 0)
    table["moved"] = ""
    table.loc[table["hours_before"] == 0, "moved"] = "new"
    table.loc[table["hours"] == 0, "moved"] = "left"
    order = table.reset_index().assign(size=table["change_hours"].abs().to_numpy())
    order = order.sort_values(["size", "provider_id"], ascending=[False, True])
    return order.drop(columns="size").set_index("provider_id")[[
        *counts, "hours_before", "hours", "change_hours", "change_pct", "moved"]]


def years(packages: MarketPackages, by: str, *, first: pd.Timestamp | None = None) -> pd.DataFrame:
    """Add up what was bought in each financial year.

    Parameters
    ----------
    packages
        As read. The hours of a package are taken to have been the same from its start to its end.
    by
        ``payer``, ``team``, ``locality`` or ``provider_id``.
    first
        First day that counts; the day from which the file is whole when left out.

    Returns
    -------
    pandas.DataFrame
        One row a year and value that occur, index 0..n-1: ``year`` (``2025/26``: from 1 April to 31
        March), ``days`` (int: of the year that are in the file; the day packages count on is not),
        ``by``, ``packages`` and ``people`` (int: that ran on any of these days), ``hours`` (float:
        weekly hours x days / 7), ``cost_gbp`` (NaN where no cost is known), ``share_pct`` (of the
        year's hours). Empty when the file tells of no earlier day.
    """
    start = history_from(packages) if first is None else first
    columns = ["year", "days", by, "packages", "people", "hours", "cost_gbp", "share_pct"]
    if start is None or start >= packages.as_of:
        return pd.DataFrame(columns=columns)
    rows, parts = _dated(packages), []
    number = start.year if start.month >= 4 else start.year - 1
    while pd.Timestamp(number, 4, 1) < packages.as_of:
        low = max(start, pd.Timestamp(number, 4, 1))
        high = min(packages.as_of, pd.Timestamp(number + 1, 4, 1))  # the first day after
        begins = rows["start"].where(rows["start"] > low, low)  # also where blank
        after = rows["end"] + pd.Timedelta(days=1)
        ends = after.where(after < high, high)
        weeks = (ends - begins).dt.days.clip(lower=0) / 7
        used = rows.assign(
            hours=rows["hours"] * weeks, cost_gbp=rows["weekly_cost_gbp"] * weeks)[weeks > 0]
        table = used.groupby(by, as_index=False).agg(
            packages=("hours", "size"), people=("person", "nunique"), hours=("hours", "sum"))
        table["cost_gbp"] = used.groupby(by)["cost_gbp"].sum(min_count=1).to_numpy()
        table["share_pct"] = 100 * table["hours"] / table["hours"].sum()
        table.insert(0, "year", f"{number}/{(number + 1) % 100:02d}")
        table.insert(1, "days", (high - low).days)
        parts.append(table)
        number += 1
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)
