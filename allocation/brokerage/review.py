"""What to look at again: packages that grew, plans that run long, minima, places hard to source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from .broker import Outcome
from .ledger import Ledger
from .office import Office

__all__ = ["capacity_table", "hard_to_source", "minima_table", "review_table", "unplaced_by"]


def review_table(office: Office, ledger: Ledger, on: dt.date) -> pd.DataFrame:
    """Return the packages that ask for a review.

    Hampshire's strategy of January 2014: packages that grow past a set amount ("for example 5 hours") go
    to review; plans of 12 weeks, none over 26.

    Parameters
    ----------
    office
        Today's packages; growth is what a package has now above its ``agreed_hours``, of all carers, or
        above what was placed by the register.
    ledger
        Who has what.
    on
        Day of the review.

    Returns
    -------
    pandas.DataFrame
        ``package_id``, ``provider_id``, ``hours``, ``agreed_hours``, ``growth_hours``, ``weeks`` (since
        its start; NaN where not known), ``why``; the most grown first.
    """
    brief, today = office.brief.review, office.today
    held = pd.Series([p in ledger.held for p in today["package_id"]], index=today.index, dtype=bool)
    table = today.loc[held, ["package_id", "provider_id", "hours"]].copy()
    agreed = (today["agreed_hours"] * today["carers"])[held]
    placed = table["package_id"].map(pd.Series(ledger.placed_hours, dtype=float))
    table["agreed_hours"] = agreed.fillna(placed)
    table["growth_hours"] = table["hours"] - table["agreed_hours"]
    table["weeks"] = (pd.Timestamp(on) - today.loc[held, "start"]).dt.days / 7
    whys = []
    for growth, weeks in zip(table["growth_hours"], table["weeks"], strict=True):
        why = []
        if growth > brief.growth_hours + 1e-9:
            why.append(f"grew by more than {brief.growth_hours:g} h a week")
        if weeks > brief.most_weeks:
            why.append(f"runs for more than {brief.most_weeks} weeks")
        elif weeks > brief.plan_weeks:
            why.append(f"its plan of {brief.plan_weeks} weeks is over")
        whys.append("; ".join(why))
    table["why"] = whys
    table = table[table["why"] != ""]
    return table.sort_values(
        ["growth_hours", "weeks", "package_id"], ascending=[False, False, True], na_position="last",
        ignore_index=True)


def minima_table(office: Office, ledger: Ledger) -> pd.DataFrame:
    """Return guaranteed minimum hours, of providers, lots and blocks, and what they have.

    Returns
    -------
    pandas.DataFrame
        ``what`` (provider, or its lot or block), ``provider_id``, ``guaranteed_hours``, ``hours``,
        ``short_hours`` (0 where the minimum is met); the furthest below first.
    """
    rows = []
    for provider, least in office.providers["guaranteed_hours"].dropna().items():
        rows.append(("all work", str(provider), least, ledger.used[ledger.number[str(provider)]]))
    offers = office.offers[office.offers["guaranteed_hours"].notna() & (office.offers["pool"] != "")]
    for pool, provider, least in zip(
        offers["pool"], offers["provider_id"], offers["guaranteed_hours"], strict=True
    ):
        kind, name = str(pool).split(":", 1)
        what = f"block {name}" if kind == "block" else f"lot {name.removesuffix(f':{provider}')}"
        rows.append((what, str(provider), least, ledger.pool_used[pool]))
    table = pd.DataFrame(rows, columns=["what", "provider_id", "guaranteed_hours", "hours"])
    table["short_hours"] = (table["guaranteed_hours"] - table["hours"]).clip(lower=0)
    return table.sort_values(["short_hours", "what", "provider_id"], ascending=[False, True, True],
                             ignore_index=True)


def capacity_table(office: Office, ledger: Ledger) -> pd.DataFrame:
    """Return hours of every provider.

    Returns
    -------
    pandas.DataFrame
        Index ``provider_id``; ``hours`` (held now), ``share_pct`` (of all hours held), ``left_hours`` (it
        can still take), ``handed_back`` (packages, as the register has it).
    """
    total = float(ledger.used.sum())
    back: dict[str, int] = {}
    for providers in ledger.handed_back.values():
        for provider in providers:
            back[provider] = back.get(provider, 0) + 1
    index = office.providers.index
    return pd.DataFrame({
        "hours": ledger.used,
        "share_pct": 100 * ledger.used / total if total else 0.0,
        "left_hours": ledger.provider_left().clip(min=0),
        "handed_back": [back.get(str(p), 0) for p in index],
    }, index=index)  # fmt: skip


def hard_to_source(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return where packages could not be placed.

    Returns
    -------
    pandas.DataFrame
        Index ``area`` (``not known`` where blank), the most hours first; ``packages``, ``hours``
        (asked), ``unplaced_packages``, ``unplaced_hours``, ``unplaced_pct`` (of hours).
    """
    found = unplaced_by(outcomes, "area")
    found = found[found["unplaced_packages"] > 0].reset_index()
    return found.sort_values(
        ["unplaced_hours", "area"], ascending=[False, True], ignore_index=True).set_index("area")


def unplaced_by(outcomes: Sequence[Outcome], by: Literal["area", "lot"]) -> pd.DataFrame:
    """Return what was asked for and not placed, of every area or lot; columns as above."""
    rows = [
        ((o.package.area if by == "area" else o.package.lot) or "not known", o.package.hours,
         o.kind == "unplaced") for o in outcomes]
    table = pd.DataFrame(rows, columns=[by, "hours", "unplaced"])
    table["unplaced_hours"] = table["hours"].where(table["unplaced"].astype(bool), 0.0)
    found = table.groupby(by).agg(
        packages=("hours", "size"), hours=("hours", "sum"), unplaced_packages=("unplaced", "sum"),
        unplaced_hours=("unplaced_hours", "sum"))
    found["unplaced_pct"] = (100 * found["unplaced_hours"] / found["hours"]).fillna(0.0)
    return found
