"""Dates as exports write them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pandas as pd

__all__ = ["parse_dates"]

# What databases write for "no date".
_PLACEHOLDER_DATES = frozenset({"1900-01-01", "1899-12-30", "1899-12-31", "0001-01-01"})
_EXCEL_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001  day 0 of Excel's 1900 date system
_DATE_FORMATS = {
    True: ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%y"),
    False: ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m.%d.%Y", "%m.%d.%y", "%m-%d-%y"),
}
_CLEAR_DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d",
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%B-%Y", "%d-%b-%y", "%d/%b/%Y",
)

def parse_dates(
    text: pd.Series[str], *, day_first: bool = True
) -> tuple[pd.Series[Any], pd.Series[bool]]:
    """Read dates in the forms exports have them.

    Parameters
    ----------
    text
        Text, ``""`` where blank: 2026-04-01 (also with a time), 01/04/2026, 1-4-26, 1 Apr 2026,
        20260401, or Excel's serial number (46113). 1900-01-01 and its like stand for no date.
    day_first
        Whether 03/04/2026 is 3 April.

    Returns
    -------
    dates, wrong
        datetime64 on the same index, NaT where there is no date; and where there is text that
        cannot be read as a date of the years 1901 to 9999.

    Examples
    --------
    >>> text = pd.Series(["2026-04-01 00:00:00", "1/4/26", "46113", "31/02/2026", ""])
    >>> dates, wrong = parse_dates(text)
    >>> [None if d is pd.NaT else f"{d:%Y-%m-%d}" for d in dates]
    ['2026-04-01', '2026-04-01', '2026-04-01', None, None]
    >>> wrong.to_list()
    [False, False, False, True, False]
    """
    # Few different days occur in many rows.
    known = {value: _date(value, day_first=day_first) for value in text.unique()}
    missing = text.map({value: found is None for value, found in known.items()}).astype("bool")
    dates = text.map({v: found or None for v, found in known.items()})
    placeholder = text.map({v: found == "" for v, found in known.items()}).astype("bool")
    days = pd.Series(
        pd.array([pd.NaT if d is None else d for d in dates], dtype="datetime64[s]"),
        index=text.index, name=text.name)
    return days.mask(missing | placeholder), missing


def _date(text: str, *, day_first: bool) -> dt.datetime | str | None:
    """Return a day, ``""`` for a blank or a placeholder, None for what is no date."""
    bare = re.sub(r"[T ]\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M|Z|[+-]\d\d:?\d\d)?$", "", text.strip())
    if bare == "" or bare in _PLACEHOLDER_DATES:
        return ""
    if re.fullmatch(r"\d{5}(\.\d+)?", bare):
        return _EXCEL_EPOCH + dt.timedelta(days=int(bare[:5]))
    for pattern in (*_CLEAR_DATE_FORMATS, *_DATE_FORMATS[day_first]):
        try:
            found = dt.datetime.strptime(bare, pattern)  # noqa: DTZ007
        except ValueError:
            continue
        if found.strftime("%Y-%m-%d") in _PLACEHOLDER_DATES:
            return ""
        return found if found.year > 1900 else None
    return None
