"""The table of visits that the parts on travel, rounds and pay share."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from lotting.errors import LottingError, some

__all__ = [
    "BANDS",
    "COLUMNS",
    "band_of",
    "busiest_weekday",
    "check_visits",
    "empty_visits",
    "visit_hours",
    "visits_of_day",
]

COLUMNS = (
    "package_id", "day", "earliest", "latest", "duration_minutes", "carers", "x_m", "y_m",
    "area_code", "band", "target",
)
"""Columns of a table of visits; its index is ``visit_id`` (str, unique).

``package_id`` (str), ``day`` (datetime.date), ``earliest`` and ``latest`` (float: the earliest and
the latest *start*, minutes after local midnight of ``day``; ``latest >= earliest``; a visit may end
after midnight), ``duration_minutes`` (float, above 0: of each carer), ``carers`` (1 or 2, together),
``x_m``, ``y_m`` (float, EPSG:27700), ``area_code`` (str, ``""`` off the map), ``band`` (one of
:data:`BANDS`) and ``target`` (float: the start that is wanted, between ``earliest`` and
``latest``).
"""

BANDS = ("morning", "lunch", "tea", "bed", "other")
"""Parts of the day. ``other`` is what lies between them, and blocks of many hours."""

#: Start of each part of the day and its end, minutes after midnight (ours).
_PARTS = {"morning": (360, 690), "lunch": (690, 870), "tea": (930, 1110), "bed": (1140, 1380)}


def band_of(start: float) -> str:
    """Name the part of the day in which a start falls.

    Parameters
    ----------
    start
        Minutes after midnight.

    Returns
    -------
    str
        ``morning`` from 06:00, ``lunch`` from 11:30 to 14:30, ``tea`` from 15:30 to 18:30,
        ``bed`` from 19:00 to 23:00, else ``other``.

    Examples
    --------
    >>> [band_of(t) for t in (8 * 60, 12.5 * 60, 15 * 60, 17 * 60, 21 * 60, 2 * 60)]
    ['morning', 'lunch', 'other', 'tea', 'bed', 'other']
    """
    return next((name for name, (lo, hi) in _PARTS.items() if lo <= start < hi), "other")


def empty_visits() -> pd.DataFrame:
    """Return a table of no visits."""
    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, "float64")
    kinds |= {"package_id": "str", "day": "object", "carers": "int64", "area_code": "str",
              "band": "str"}
    table = pd.DataFrame(columns=list(COLUMNS), index=pd.Index([], name="visit_id", dtype="str"))
    return table.astype(kinds)


def check_visits(visits: pd.DataFrame) -> None:
    """Check that a table of visits is what :data:`COLUMNS` says.

    Raises
    ------
    LottingError
        It is not. This is a fault of the program, not of the input.
    """
    missing = [c for c in COLUMNS if c not in visits.columns]
    if missing:
        raise LottingError(f"Visits without columns {some(missing)}.")
    rules: dict[str, Any] = {
        "ids that occur twice": visits.index.duplicated(),
        "no time, length or place": visits[
            ["earliest", "latest", "duration_minutes", "x_m", "y_m", "target"]].isna().any(axis=1),
        "a latest start before the earliest": visits["latest"] < visits["earliest"],
        "a wanted start outside the window": ~visits["target"].between(
            visits["earliest"] - 1e-9, visits["latest"] + 1e-9),
        "no length": ~(visits["duration_minutes"] > 0),
        "neither 1 nor 2 carers": ~visits["carers"].isin([1, 2]),
        "a part of the day that is none": ~visits["band"].isin(BANDS),
    }
    for what, wrong in rules.items():
        if wrong.any():
            raise LottingError(f"{int(wrong.sum()):,} of {len(visits):,} visits have {what}.")


def visit_hours(visits: pd.DataFrame) -> float:
    """Return the contact hours of visits: length times carers, added up."""
    return float((visits["duration_minutes"] * visits["carers"]).sum()) / 60


def visits_of_day(visits: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """Return the visits that begin on a day, in the table's order."""
    return visits[visits["day"] == day]


def busiest_weekday(visits: pd.DataFrame) -> dt.date:
    """Return the weekday (Monday to Friday) with the most contact hours; the first of equals.

    Where there is no visit from Monday to Friday, the whole week counts.
    """
    minutes = (visits["duration_minutes"] * visits["carers"]).groupby(visits["day"]).sum()
    weekdays = minutes[[day.weekday() < 5 for day in minutes.index]]
    chosen = weekdays if len(weekdays) else minutes
    found = min(chosen.index, key=lambda day: (-round(float(chosen[day]), 6), day))
    assert isinstance(found, dt.date)
    return found
