"""Times as rotas write them, turned into moments."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lotting.dates import parse_dates
from lotting.errors import Problems

from .activities import local_spans, utc_seconds

__all__ = ["Spans", "read_spans"]

_TIME = re.compile(
    r"(?:(?P<day>.*?\d.*?)[T ]+)?(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.\d+)?)?"
    r" ?(?P<half>[AaPp][Mm])?(?P<zone>Z|[+-]\d\d:?\d\d)?")
_SHOWN = 5


class Spans(NamedTuple):
    """Starts and ends, seconds since 1970 (UTC), on the index of the table; -1 where not known."""

    start_s: pd.Series[Any]
    end_s: pd.Series[Any]


class _Read(NamedTuple):
    naive: pd.Series[Any]  # datetime64 on the clock, NaT where not known
    offset_s: pd.Series[float]  # seconds ahead of UTC; NaN where the text does not say
    time_only: pd.Series[bool]


def read_spans(
    table: pd.DataFrame, columns: tuple[str, str], date: str | None, problems: Problems, *, file: str,
    day_first: bool = True, longest_hours: float = 14.0,
) -> Spans:
    """Read when each row begins and ends.

    Parameters
    ----------
    table
        Text, as :func:`lotting.tables.read_table` gives it.
    columns
        Columns of the start and the end: ``07:30``, ``7:30 pm`` with a day in another column, or
        with the day before it (``2026-04-06 07:30``, ``06/04/2026 07:30``). ``Z`` or ``+01:00``
        after it says which of two hours is meant when the clocks go back.
    date
        Column of the day on which the row begins; None where start and end hold it.
    problems
        Where what is wrong is noted, by row.
    file
        What messages call the table.
    day_first
        Whether 03/04/2026 is 3 April.
    longest_hours
        An end without a day that is before the start is on the next day; a row longer than this
        is refused, as the end is then more likely wrong.

    Returns
    -------
    Spans
        Durations are true ones, also when the clocks change.
    """
    day = _days(table, date, problems, file, day_first=day_first) if date else None
    start = _read(table[columns[0]], day, problems, file, day_first=day_first)
    end = _read(table[columns[1]], start.naive.dt.normalize(), problems, file, day_first=day_first)
    over = end.time_only & (end.naive < start.naive)
    ends = end.naive.mask(over, end.naive + pd.Timedelta(days=1))
    offset_end = end.offset_s
    known = start.naive.notna() & ends.notna()
    filler = pd.Timestamp("2000-01-01")
    local_start, local_end = local_spans(start.naive.where(known, filler), ends.where(known, filler))
    start_s = _seconds(local_start, start.naive, start.offset_s)
    end_s = _seconds(local_end, ends, offset_end)
    length = end_s - start_s
    for bad, message, fix in (
        (known & (length < 0), "the end is before the start", "Check both times."),
        (known & (length > longest_hours * 3600),
         f"longer than {longest_hours:g} hours, or the end is before the start",
         "Check both times, or raise longest_visit_hours."),
    ):
        rows = table.index[bad]
        for at in rows[:_SHOWN]:
            problems.add(message, file=file, row=int(at) + 2, column=columns[1], fix=fix)
        if len(rows) > _SHOWN:
            problems.add(f"{len(rows) - _SHOWN} more rows like these", file=file, column=columns[1])
    return Spans(start_s.where(known, -1), end_s.where(known, -1))


def _seconds(local: pd.Series[Any], naive: pd.Series[Any], offset_s: pd.Series[float]) -> pd.Series[Any]:
    seconds = pd.Series(utc_seconds(local), index=local.index)
    said = offset_s.notna() & naive.notna()
    if not said.any():
        return seconds
    plain = naive[said].astype("datetime64[s]").astype("int64") - offset_s[said].astype("int64")
    seconds[said] = plain
    return seconds


def _days(
    table: pd.DataFrame, column: str, problems: Problems, file: str, *, day_first: bool
) -> pd.Series[Any]:
    days, wrong = parse_dates(table[column], day_first=day_first)
    for at in table.index[days.isna()][:_SHOWN]:
        problems.add("not a date" if wrong[at] else "no date", file=file, row=int(at) + 2, column=column,
                     value=table.loc[at, column] or None, fix="Write it as 2026-04-06.")
    return days


def _read(
    text: pd.Series[Any], day: pd.Series[Any] | None, problems: Problems, file: str, *, day_first: bool
) -> _Read:
    parts = text.str.fullmatch(_TIME.pattern)
    found = text.str.extract(f"^{_TIME.pattern}$").where(parts)
    hour = pd.to_numeric(found["h"], errors="coerce")
    minute = pd.to_numeric(found["m"], errors="coerce")
    second = pd.to_numeric(found["s"], errors="coerce").fillna(0)
    half = found["half"].str.lower()
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "pm"))
    sane = hour.between(0, 24) & minute.between(0, 59) & second.between(0, 59)
    sane &= (hour < 24) | ((minute == 0) & (second == 0))
    own_day = found["day"].fillna("").astype("str")
    days, wrong = parse_dates(own_day, day_first=day_first)
    time_only = own_day == ""
    if day is not None:
        days = days.where(~time_only, day)
    naive = days + pd.to_timedelta((hour * 3600 + minute * 60 + second).where(sane), unit="s")
    lost_day = time_only & (day is None)
    for at in text.index[~sane | wrong | lost_day][:_SHOWN]:
        message = ("no time" if text[at] == "" else "a time without a day" if lost_day[at] and sane[at]
                   else "not a time")
        problems.add(message, file=file, row=int(at) + 2, column=str(text.name), value=text[at] or None,
                     fix="Write 07:30 beside a column with the day, or 2026-04-06 07:30.")
    zone = found["zone"].fillna("").astype("str").str.replace(":", "")
    ahead = pd.Series(np.nan, index=text.index, dtype="float64")
    ahead[zone == "Z"] = 0.0
    signed = zone.str.fullmatch(r"[+-]\d{4}")
    if signed.any():
        sign = np.where(zone[signed].str[0] == "-", -1.0, 1.0)
        ahead[signed] = sign * (zone[signed].str[1:3].astype(float) * 3600
                                + zone[signed].str[3:5].astype(float) * 60)
    return _Read(naive, ahead, time_only)
