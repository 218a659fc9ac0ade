"""Which lots an hourly price carries: what of it reaches care workers, against what they must be paid."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lotting.errors import InputError, Problem, Problems, some
from lotting.tables import read_table, require_column, to_number

__all__ = ["PAY_SHARE_PCT", "PAY_SHARE_SOURCE", "one_price", "price_table", "read_prices"]

#: Share of the price of an hour that is pay for contact and travel, and mileage.
PAY_SHARE_PCT = 56.9
PAY_SHARE_SOURCE = (
    "contact pay, travel time and mileage, (8.72 + 1.70 + 1.36) of 20.69 in the UKHCA Minimum Price "
    "2020-21 (found: https://thecareruk.com/ukhcas-minimum-price-for-homecare-for-april-2020-march-2021/)"
)


def read_prices(file: Path, lots: list[str]) -> pd.Series[float]:
    """Read hourly prices by lot.

    Parameters
    ----------
    file
        Columns ``lot`` and ``hourly_price_gbp``.
    lots
        The lots that need a price.

    Returns
    -------
    pandas.Series
        Pounds an hour of contact, in the order of ``lots``.

    Raises
    ------
    InputError
        Columns are missing, a price is no number or not above 0, lots have no price, two, or are
        none of the plan's; every problem at once.
    """
    table, problems, name = read_table(file), Problems(), file.name
    there = [require_column(table, c, problems, file=name) for c in ("lot", "hourly_price_gbp")]
    if not all(there):
        problems.raise_if_any()
    prices = to_number(table["hourly_price_gbp"], problems, file=name, unit="pounds")
    for row in table.index[prices <= 0]:
        problems.add(
            "a price must be above 0", file=name, row=int(row) + 2, column="hourly_price_gbp",
            value=table.loc[row, "hourly_price_gbp"], fix="Give the price of an hour of care.",
        )
    given = table["lot"]
    for what, found, fix in (
        ("lots have no price", [lot for lot in lots if lot not in set(given)], "Give each lot one."),
        ("lots are none of the plan's", [g for g in given if g not in set(lots)],
         "Write the lots as the plan does."),
        ("lots have two prices", list(given[given.duplicated()]), "Give each lot one."),
    ):  # fmt: skip
        if found:
            problems.add(f"{len(found)} {what}: {some(found)}", file=name, column="lot", fix=fix)
    problems.raise_if_any()
    return prices.set_axis(given).reindex(lots)


def one_price(price: float, lots: list[str]) -> pd.Series[float]:
    """Give every lot the same price.

    Raises
    ------
    InputError
        It is not above 0.
    """
    if not (math.isfinite(price) and price > 0):
        raise InputError(Problem(
            message="a price must be above 0", value=f"{price:g}",
            fix="Give the price of an hour of care in pounds with --price.",
        ))  # fmt: skip
    return pd.Series(price, index=pd.Index(lots, name="lot"), dtype=float)


def price_table(
    break_even: pd.Series[float], prices: pd.Series[float], *, pay_share_pct: float = PAY_SHARE_PCT
) -> pd.DataFrame:
    """Set what a price leaves for pay against what pay has to be.

    Parameters
    ----------
    break_even
        Contact rate at which a lot complies if nothing else is paid, by lot; NaN unknown.
    prices
        Pounds an hour, by lot.
    pay_share_pct
        Share of the price that reaches care workers as pay and mileage.

    Returns
    -------
    pandas.DataFrame
        Index ``lot``; ``hourly_price_gbp``, ``reaches_pay_gbp``, ``break_even_gbp``,
        ``margin_gbp`` (negative: short), ``price_needed_gbp`` (rounded up to the penny) and
        ``complies`` (None where the break-even rate is not known).

    Examples
    --------
    >>> table = price_table(pd.Series({"1": 14.00}), pd.Series({"1": 24.10}), pay_share_pct=57)
    >>> table.to_dict("list")["price_needed_gbp"], table.to_dict("list")["complies"]
    ([24.57], [False])
    """
    reaches = prices * pay_share_pct / 100
    need = break_even.reindex(prices.index)
    margin = reaches - need
    return pd.DataFrame({
        "hourly_price_gbp": prices, "reaches_pay_gbp": reaches.round(4), "break_even_gbp": need,
        "margin_gbp": margin.round(4),
        "price_needed_gbp": [
            math.ceil(round(100 * n / (pay_share_pct / 100), 6)) / 100 if math.isfinite(n) else math.nan
            for n in need
        ],
        "complies": pd.Series(
            [None if math.isnan(m) else bool(m >= 0) for m in margin], index=prices.index, dtype=object
        ),
    })  # fmt: skip
