"""The frame every rule works on: one row a stretch of a worker's time.

``activities`` has these columns; the index means nothing.

==================  ==========================================================================
``worker_id``       str
``start``, ``end``  datetime64 in Europe/London. Durations are true ones: a night shift is an hour
                    shorter when the clocks go forward. Times are taken to the whole second.
``kind``            contact, travel, wait, rest, home_gap, commute, sleep_in, training or
                    training_travel
``awake_minutes``   of a sleep-in, minutes awake for the purposes of working; else 0
``km``              driven in that time; 0 where none
``lot``             str, ``""`` where it is not known; a leg belongs to the lot it leads to
``visit_id``        str, ``""`` where there is none. Two workers at one visit are two rows.
``mode``            optional: ``car`` (or ``""``) is the worker's own car, whose cost counts;
                    anything else (walk, bus, company car) costs the worker nothing
``rule``            optional: key of the rule that decided the kind; see ``citations.RULES``
``row``             optional: row of the user's file, for messages
==================  ==========================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.errors import Problems
from lotting.tables import nearest

from .rules import KINDS

__all__ = ["ACTIVITY_COLUMNS", "ZONE", "check_activities", "local_times", "utc_seconds"]

ZONE = "Europe/London"
ACTIVITY_COLUMNS = ("worker_id", "start", "end", "kind", "awake_minutes", "km", "lot", "visit_id")
#: The rule that stands behind a kind where nothing more is known of how it came about.
RULE_OF_KIND = {
    "contact": "contact", "travel": "travel_between", "wait": "wait", "rest": "rest",
    "home_gap": "home_gap", "commute": "commute", "sleep_in": "sleep_in", "training": "training",
    "training_travel": "training_travel",
}
_SHOWN = 5


def local_times(dates: pd.Series[Any], minutes: pd.Series[float]) -> pd.Series[Any]:
    """Turn what the clock says into moments.

    Parameters
    ----------
    dates
        Days, datetime64 without a zone.
    minutes
        Minutes after midnight as the clock on the wall counts them, on the same index; 1500 is
        01:00 of the next day. Rounded to whole seconds.

    Returns
    -------
    pandas.Series
        datetime64 in Europe/London. A time the clocks skip becomes the moment they go forward; one
        that occurs twice becomes the first.

    Examples
    --------
    >>> days = pd.Series(pd.to_datetime(["2026-03-28", "2026-03-28"]))
    >>> a, b = local_times(days, pd.Series([23 * 60.0, 31 * 60.0]))
    >>> (b - a).total_seconds() / 3600
    7.0
    """
    naive = dates + pd.to_timedelta((minutes * 60).round(), unit="s")
    return _localize(naive, first=True)


def _localize(naive: pd.Series[Any], *, first: bool) -> pd.Series[Any]:
    summer = np.full(len(naive), first)
    return naive.astype("datetime64[s]").dt.tz_localize(ZONE, ambiguous=summer, nonexistent="shift_forward")


def local_spans(starts: pd.Series[Any], ends: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Turn starts and ends on the clock into moments, so that no end precedes its start.

    Where an end occurs twice, and the first is before the start, the second is meant.
    """
    start, end = _localize(starts, first=True), _localize(ends, first=True)
    later = _localize(ends, first=False)
    return start, end.where(end >= start, later)


def utc_seconds(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return seconds since 1970 (UTC), rounded to whole ones."""
    nanoseconds = times.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ns]").astype("int64")
    return np.asarray((nanoseconds.to_numpy() + 500_000_000) // 1_000_000_000, dtype=np.int64)


def check_activities(activities: pd.DataFrame, *, file: str = "activities") -> pd.DataFrame:
    """Check a frame of activities, name everything wrong with it, and bring it into order.

    Parameters
    ----------
    activities
        See the module.
    file
        What messages call it.

    Returns
    -------
    pandas.DataFrame
        The columns of the module, with ``mode``, ``rule`` and ``row`` filled in, sorted by worker
        and start, index 0..n-1, and ``start_s``, ``end_s`` (int64, seconds since 1970, UTC).

    Raises
    ------
    InputError
        Columns that are missing, times without a zone, unknown kinds, ends before starts, awake
        minutes longer than the shift, negative km, duplicate rows, and activities of one worker
        that overlap.
    """
    problems = Problems()
    missing = [c for c in ACTIVITY_COLUMNS if c not in activities.columns]
    for column in missing:
        problems.add(f"there is no column {column!r}", file=file, fix=nearest(column, activities.columns))
    for column in ("start", "end"):
        if column not in missing and not isinstance(activities[column].dtype, pd.DatetimeTZDtype):
            problems.add("times without a time zone", file=file, column=column, fix=f"Give them in {ZONE}.")
    problems.raise_if_any()
    frame = activities.reset_index(drop=True)
    frame["row"] = frame["row"] if "row" in frame else frame.index + 2
    for column in ("worker_id", "kind", "lot", "visit_id"):
        frame[column] = frame[column].fillna("").astype("str")
    for column in ("mode", "rule"):
        frame[column] = frame[column].fillna("").astype("str") if column in frame else ""
    frame["rule"] = frame["rule"].where(frame["rule"] != "", frame["kind"].map(RULE_OF_KIND).fillna(""))
    for column in ("awake_minutes", "km"):
        frame[column] = frame[column].fillna(0.0).astype("float64")
    _name_bad_rows(frame, problems, file)
    problems.raise_if_any()
    for column in ("start", "end"):
        frame[column] = frame[column].dt.tz_convert(ZONE)
        frame[f"{column}_s"] = utc_seconds(frame[column])
    _name_bad_spans(frame, problems, file)
    frame = frame.sort_values(["worker_id", "start_s", "end_s"], kind="stable", ignore_index=True)
    _name_clashes(frame, problems, file)
    problems.raise_if_any()
    return frame


def _note(problems: Problems, rows: pd.Series[Any], message: str, fix: str, file: str, column: str) -> None:
    """Note the first few rows one by one and count the rest."""
    for row in rows.iloc[:_SHOWN]:
        problems.add(message, file=file, row=int(row), column=column, fix=fix)
    if len(rows) > _SHOWN:
        problems.add(f"{len(rows) - _SHOWN} more rows like these", file=file, column=column)


def _name_bad_rows(frame: pd.DataFrame, problems: Problems, file: str) -> None:
    for unknown in sorted(set(frame["kind"]) - set(KINDS)):
        rows = frame.loc[frame["kind"] == unknown, "row"]
        problems.add("unknown kind of time", file=file, row=int(rows.iloc[0]), column="kind",
                     value=unknown, fix=f"Use one of {', '.join(KINDS)}.")
    for column in ("start", "end"):
        _note(problems, frame.loc[frame[column].isna(), "row"], "no time", "Fill it in.", file, column)
    _note(problems, frame.loc[frame["worker_id"] == "", "row"], "no worker", "Fill it in.", file, "worker_id")
    for column in ("awake_minutes", "km"):
        wrong = ~np.isfinite(frame[column]) | (frame[column] < 0)
        _note(problems, frame.loc[wrong, "row"], "not 0 or more", "Check the figure.", file, column)


def _name_bad_spans(frame: pd.DataFrame, problems: Problems, file: str) -> None:
    span = frame["end_s"] - frame["start_s"]
    _note(problems, frame.loc[span < 0, "row"], "the end is before the start",
          "Check both times; a visit past midnight ends on the next day.", file, "end")
    awake = (frame["awake_minutes"] * 60 > span.clip(lower=0)) & (frame["kind"] == "sleep_in")
    _note(problems, frame.loc[awake, "row"], "more minutes awake than the shift has",
          "Give the minutes awake for the purposes of working.", file, "awake_minutes")


def _name_clashes(frame: pd.DataFrame, problems: Problems, file: str) -> None:
    """Name duplicates and overlaps; the frame is sorted by worker and start."""
    same = frame.duplicated(["worker_id", "start_s", "end_s", "kind", "visit_id"])
    same &= frame["end_s"] > frame["start_s"]
    _note(problems, frame.loc[same, "row"], "this row is there twice", "Delete one.", file, "worker_id")
    alone = frame[~same & (frame["end_s"] > frame["start_s"])]
    latest = alone.groupby("worker_id")["end_s"].cummax().groupby(alone["worker_id"]).shift()
    _note(problems, alone.loc[alone["start_s"] < latest, "row"],
          "overlaps an earlier one of the same worker",
          "Nobody is in two places at once: correct the times, or the worker.", file, "start")
