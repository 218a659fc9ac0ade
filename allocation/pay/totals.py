"""Hours and kilometres by worker, pay reference period, lot and kind of time: exact sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.errors import PlanError, some

from .activities import ZONE, utc_seconds
from .rules import COUNTED_KINDS

__all__ = ["outside_periods", "period_bounds", "sleep_in_nights", "totals"]

_Ints = npt.NDArray[np.int64]


def period_bounds(periods: pd.DataFrame) -> tuple[_Ints, _Ints]:
    """Return the moments at which periods begin and end (the midnight after the last day).

    Parameters
    ----------
    periods
        ``period_start`` and ``period_end``, datetime64 without a zone; both days belong to the
        period.

    Returns
    -------
    begin, end
        Seconds since 1970 (UTC).
    """
    begin = utc_seconds(periods["period_start"].dt.tz_localize(ZONE))
    end = utc_seconds((periods["period_end"] + pd.Timedelta(days=1)).dt.tz_localize(ZONE))
    return begin, end


def _pieces(activities: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Cut activities at the ends of periods.

    Whole numbers are shared out by elapsed time so that the pieces add up to the whole.
    """
    begin, end = period_bounds(periods)
    bounds = periods[["worker_id"]].assign(
        period=np.arange(len(periods)), begin_s=begin, end_s=end)
    rows = activities.reset_index(drop=True).rename_axis("activity").reset_index()
    joined = rows.merge(bounds, on="worker_id", suffixes=("", "_period"))
    first = np.maximum(joined["start_s"], joined["begin_s"])
    last = np.minimum(joined["end_s"], joined["end_s_period"])
    inside = (last > first) | (
        (joined["start_s"] == joined["end_s"]) & (first == joined["start_s"])
        & (joined["start_s"] < joined["end_s_period"]))
    joined, first, last = joined[inside], first[inside], last[inside]
    length = (joined["end_s"] - joined["start_s"]).clip(lower=1)
    done, start = last - joined["start_s"], first - joined["start_s"]
    instant = joined["end_s"] == joined["start_s"]

    def share(whole: pd.Series[Any]) -> pd.Series[Any]:
        parts: pd.Series[Any] = whole * done // length - whole * start // length
        return parts.where(~instant, whole)

    awake = (joined["awake_minutes"] * 60).round().astype("int64")
    metres = (joined["km"] * 1000).round().astype("int64")
    pieces: pd.DataFrame = joined.assign(
        seconds=(last - first), awake_seconds=share(awake), metres=share(metres))
    return pieces


def outside_periods(activities: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Return the activities of which a part lies in no period of their worker.

    Parameters
    ----------
    activities
        As :func:`~allocation.pay.activities.check_activities` returns them.
    periods
        ``worker_id``, ``period_start``, ``period_end``; periods of one worker do not overlap.
    """
    return _uncovered(activities, _pieces(activities, periods))


def _uncovered(activities: pd.DataFrame, cut: pd.DataFrame) -> pd.DataFrame:
    covered = cut.groupby("activity")["seconds"].sum()
    length = activities["end_s"] - activities["start_s"]
    outside: pd.DataFrame = activities[covered.reindex(activities.index, fill_value=0) < length]
    return outside


def totals(activities: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Add up time and distance.

    Parameters
    ----------
    activities
        As :func:`~allocation.pay.activities.check_activities` returns them.
    periods
        ``worker_id``, ``period_start``, ``period_end`` (datetime64, no zone), one row a worker and
        period; those of one worker do not overlap.

    Returns
    -------
    pandas.DataFrame
        One row for each ``period`` (row number in ``periods``), ``lot``, ``kind`` and ``tax_year``
        (the year in which it begins on 6 April): ``seconds``, ``counted_seconds`` (see
        :func:`~allocation.pay.rules.counted_seconds`), ``metres`` in the worker's own car in time
        that counts, and ``all_metres``. Whole numbers; an activity that crosses the end of a
        period is cut there.

    Raises
    ------
    PlanError
        An activity lies outside the periods of its worker: nothing may be lost.
    """
    cut = _pieces(activities, periods)
    lost = _uncovered(activities, cut)
    if len(lost):
        raise PlanError(f"{len(lost)} activities are in no pay reference period of their worker: "
                        f"rows {some(lost['row'])}.")
    day = cut["start"].dt.tz_localize(None)
    spring = (day.dt.month * 100 + day.dt.day) < 406
    counts = cut["kind"].isin(COUNTED_KINDS)
    own = cut["mode"].isin({"", "car"}) & (counts | (cut["kind"] == "sleep_in"))
    cut = cut.assign(
        tax_year=(day.dt.year - spring).astype("int64"),
        counted_seconds=np.where(
            cut["kind"] == "sleep_in", cut["awake_seconds"], cut["seconds"] * counts).astype("int64"),
        all_metres=cut["metres"], metres=cut["metres"].where(own, 0),
    )
    keys = ["period", "lot", "kind", "tax_year"]
    sums: pd.DataFrame = cut.groupby(keys, as_index=False)[
        ["seconds", "counted_seconds", "metres", "all_metres"]].sum()
    return sums


def sleep_in_nights(activities: pd.DataFrame, periods: pd.DataFrame) -> list[int]:
    """Count the nights with a sleep-in, in the period in which each begins.

    A night runs from noon to noon, so that a shift written in two rows is one.
    """
    nights = activities.loc[activities["kind"] == "sleep_in", ["worker_id", "start", "start_s"]]
    nights = nights.assign(night=(nights["start"].dt.tz_localize(None) - pd.Timedelta(hours=12)).dt.date)
    firsts = nights.groupby(["worker_id", "night"], as_index=False)["start_s"].min()
    begin, end = period_bounds(periods)
    bounds = periods[["worker_id"]].assign(period=np.arange(len(periods)), begin_s=begin, end_s=end)
    joined = firsts.merge(bounds, on="worker_id")
    inside = joined[(joined["begin_s"] <= joined["start_s"]) & (joined["start_s"] < joined["end_s"])]
    counts = inside["period"].value_counts()
    return [int(n) for n in counts.reindex(range(len(periods)), fill_value=0)]
