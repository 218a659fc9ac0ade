"""The bids of a tender: read, discounted, and those outside the rules set aside with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lotting.errors import InputError, Problem, Problems, some

from . import cells
from .brief import Tender
from .lots import TenderLots
from .providers import Providers

__all__ = ["MAX_RATE_GBP", "Bids", "bid_rows", "read_bids", "set_aside"]

MAX_RATE_GBP = 500.0
"""Pounds an hour above which a rate is a mistake (the Homecare Association's minimum price for
England was GBP 34.42 in 2026-27)."""

_COLUMNS = {
    "bid_id": ("bid", "bidref", "bidreference"),
    "provider_id": ("provider", "providerref", "providerreference", "bidderid", "bidder", "supplierid"),
    "lot": ("lotid", "lotnumber", "lotname", "zone"),
    "hourly_rate_gbp": ("hourlyrate", "rategbp", "rate", "priceperhour", "pricegbp", "price"),
    "quality": ("qualityscore", "qualitypct"),
    "capacity_hours": ("capacity", "capacityhoursaweek"),
    "preference": ("rank", "orderofpreference", "preferencerank"),
    "discount_pct": ("discount", "packagediscountpct", "discountpercent"),
}
_REQUIRED = ("bid_id", "provider_id", "lot", "hourly_rate_gbp")
_OFFER = ["bid_id", "provider_id", "lot", "list_rate_gbp", "discount_pct", "rate_gbp", "quality",
          "capacity_hours", "preference"]
_OF_A_BID = {"provider_id": "provider", "preference": "preference", "discount_pct": "discount"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bids:
    """The bids; every row of the file is in ``offers`` or in ``set_aside``.

    Attributes
    ----------
    offers
        Index 0..n-1, in the file's order. Columns ``bid_id``, ``provider_id``, ``lot`` (str; rows of
        one ``bid_id`` are one package: all or nothing), ``list_rate_gbp`` (float, the rate of a bid
        by itself), ``discount_pct`` (float, 0 where none), ``rate_gbp`` (float, what would be paid
        an hour, to 0.0001), ``quality`` (float, 0-100), ``capacity_hours`` (float, hours a week the
        bidder can do in that lot; NaN no limit), ``preference`` (float, 1 is the most wanted; NaN
        not given).
    set_aside
        Index 0..n-1; columns ``bid_id``, ``provider_id``, ``lot``, ``reason`` (str).
    rows
        Every row as in ``offers``, before any was set aside.
    """

    offers: pd.DataFrame
    set_aside: pd.DataFrame
    rows: pd.DataFrame


def read_bids(tender: Tender, lots: TenderLots | None, providers: Providers | None) -> Bids:
    """Read the bids, and set aside those outside the rules.

    Parameters
    ----------
    tender, lots, providers
        As for :func:`bid_rows` and :func:`set_aside`.

    Raises
    ------
    InputError
        Every problem of the table: a column is missing or misspelt; an id is blank; a lot or a
        provider is unknown; a number is none or out of its limits; a bid names one lot twice, or is
        of two providers, preferences or discounts; or there is no quality, neither of the bid nor of
        the provider.
    """
    if tender.market is None:
        raise InputError(Problem(message="[market] is missing", fix="Name the tables of providers and bids."))
    table = cells.read_market(tender.market, "bids")
    assert table is not None
    return set_aside(bid_rows(table, lots, providers), tender)


def bid_rows(
    table: pd.DataFrame, lots: TenderLots | None, providers: Providers | None
) -> pd.DataFrame:
    """Make the rows of bids of a table as text.

    Parameters
    ----------
    table
        One row a bid and lot.
    lots, providers
        What the bids may name; None where these could not be read, so that the rest of the bids is
        checked all the same.

    Returns
    -------
    pandas.DataFrame
        As ``offers`` of :class:`Bids`.

    Raises
    ------
    InputError
        As :func:`read_bids`.
    """
    problems, file = Problems(), table.attrs["file"]
    columns = cells.columns_of(table, _COLUMNS, _REQUIRED, problems)
    problems.raise_if_any()
    frame = pd.DataFrame({
        "bid_id": cells.ids(table, columns["bid_id"], problems, what="a bid's id", unique=False),
        "provider_id": cells.ids(table, columns["provider_id"], problems, what="a provider's id",
                                 unique=False),
        "lot": cells.ids(table, columns["lot"], problems, what="a lot", unique=False),
        "list_rate_gbp": cells.number(table, columns, "hourly_rate_gbp", problems, above=0, required=True,
                                      maximum=MAX_RATE_GBP, unit="pounds an hour"),
        "quality": cells.number(table, columns, "quality", problems, minimum=0, maximum=100),
        "capacity_hours": cells.number(table, columns, "capacity_hours", problems, above=0,
                                       unit="hours a week"),
        "preference": cells.number(table, columns, "preference", problems, minimum=1, maximum=1e6),
        "discount_pct": cells.number(table, columns, "discount_pct", problems, minimum=0, maximum=99,
                                     unit="%"),
    })
    if "preference" in columns:
        cells.whole(frame["preference"], table, columns["preference"], problems)
    if lots is not None:
        cells.known(frame["lot"].rename(columns["lot"]), list(lots.frame.index), problems, file=file,
                    what="lot")
    _check_packages(frame, columns, problems, file)
    if providers is not None:
        _check_providers(frame, table, columns, providers, problems)
    problems.raise_if_any()
    frame["discount_pct"] = frame["discount_pct"].fillna(0.0)
    frame["rate_gbp"] = (frame["list_rate_gbp"] * (1 - frame["discount_pct"] / 100)).round(4)
    return frame[_OFFER].reset_index(drop=True).astype(dict.fromkeys(_OFFER[:3], "str"))


def _check_providers(
    frame: pd.DataFrame, table: pd.DataFrame, columns: dict[str, str], providers: Providers,
    problems: Problems,
) -> None:
    """Check who bids, and take the provider's quality where a bid gives none."""
    file = table.attrs["file"]
    default = dict(zip(providers.frame.index, providers.frame["quality"], strict=True))
    cells.known(frame["provider_id"].rename(columns["provider_id"]), list(default), problems, file=file,
                what="provider")
    blank = cells.text(table, columns, "quality") == ""
    frame.loc[blank, "quality"] = [default.get(name, np.nan) for name in frame["provider_id"][blank]]
    lacking = frame.index[blank & frame["quality"].isna() & frame["provider_id"].isin(default)]
    if len(lacking):
        problems.add(
            f"{len(lacking):,} bid{'s' if len(lacking) > 1 else ''} without quality: row {some(lacking + 2)}",
            file=file, column=columns.get("quality", "quality"),
            fix="Give quality, 0 to 100, in the bids or of the provider.")


def _check_packages(
    frame: pd.DataFrame, columns: dict[str, str], problems: Problems, file: str
) -> None:
    """Check that rows of one bid fit together, and say to each what only one of them says."""
    first: dict[tuple[str, str], int] = {}
    for at, bid, lot in zip(frame.index, frame["bid_id"], frame["lot"], strict=True):
        if bid and lot and first.setdefault((bid, lot), at) != at:
            problems.add(f"bid {bid} names lot {lot} twice", file=file, row=at + 2, column=columns["lot"],
                         fix="Keep one row, or give the other bid its own id.")
    for field, what in _OF_A_BID.items():
        said: dict[str, Any] = {}
        odd: dict[str, int] = {}
        for at, bid, value in zip(frame.index, frame["bid_id"], frame[field], strict=True):
            if bid and not pd.isna(value) and said.setdefault(bid, value) != value:
                odd.setdefault(bid, at)
        if odd:
            problems.add(
                f"more than one {what} in bid {some(odd)}", file=file, row=next(iter(odd.values())) + 2,
                column=columns.get(field), fix=f"Rows of one bid_id are one package: give it one {what}.")
        if field != "provider_id":
            frame[field] = [said.get(bid, np.nan) for bid in frame["bid_id"]]


def set_aside(rows: pd.DataFrame, tender: Tender) -> Bids:
    """Set aside the rows outside the tender's rules; a package falls whole.

    Parameters
    ----------
    rows
        As :func:`bid_rows` makes them.
    tender
        The quality threshold, and the lower and upper rate where it has them. A bid at a limit is
        inside. The rate that counts is the one that would be paid, after the discount.
    """
    low, high = tender.price.lower_rate_gbp, tender.price.upper_rate_gbp
    threshold = tender.quality.threshold
    reasons: list[list[str]] = []
    for rate, quality in zip(rows["rate_gbp"], rows["quality"], strict=True):
        found = []
        if quality < threshold:
            found.append(f"quality {quality:g} is below the threshold of {threshold:g}")
        if low is not None and rate < low:
            found.append(f"rate of {_gbp(rate)} is below the lower rate of {_gbp(low)}")
        if high is not None and rate > high:
            found.append(f"rate of {_gbp(rate)} is above the upper rate of {_gbp(high)}")
        reasons.append(found)
    fallen: dict[str, list[str]] = {}
    for bid, lot, found in zip(rows["bid_id"], rows["lot"], reasons, strict=True):
        if found:
            fallen.setdefault(bid, []).append(lot)
    out = rows["bid_id"].isin(list(fallen))
    keys = zip(rows["bid_id"], rows["provider_id"], rows["lot"], reasons, strict=True)
    listed = [
        (bid, provider, lot,
         "; ".join(own_reasons) or f"the package falls with its bid for lot {some(fallen[bid])}")
        for bid, provider, lot, own_reasons in keys if bid in fallen]
    aside = pd.DataFrame(listed, columns=["bid_id", "provider_id", "lot", "reason"], dtype="str")
    return Bids(offers=rows[~out].reset_index(drop=True), set_aside=aside, rows=rows)


def _gbp(value: float) -> str:
    text = f"{value:.4f}"
    return "£" + (text.removesuffix("00") if text.endswith("00") else text)
