"""From visits in order to activities: what the time between two visits is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from lotting.errors import Problems
from lotting.tables import nearest

from .activities import ACTIVITY_COLUMNS, ZONE, check_activities, local_times, utc_seconds
from .rules import Gap, gap

__all__ = ["GapRules", "activities_from_stops", "chain"]

STOP_COLUMNS = (
    "worker_id", "date", "order", "visit_id", "lot", "start", "end", "travel_minutes_before", "km_before",
    "starts_from",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRules:
    """How gaps between visits are told apart; all three are assumptions that the report lists.

    Attributes
    ----------
    waiting_up_to_minutes
        What is left of a gap after travel is waiting up to this many minutes.
    least_at_home_minutes
        Going home is feasible where at least this is left to be there.
    short_gaps
        A gap shorter than its travel is refused, or is all travel (``shorten``), as suits actual
        times beside estimated travel.
    """

    waiting_up_to_minutes: float = 60.0
    least_at_home_minutes: float = 15.0
    short_gaps: Literal["refuse", "shorten"] = "refuse"

    def decide(
        self, gap_s: int, travel_s: int, home_trip_s: int | None, went_home: bool | None  # noqa: FBT001
    ) -> Gap:
        """Return what a gap is; see :func:`allocation.pay.rules.gap`."""
        return gap(
            gap_s, travel_s, waiting_up_to_seconds=round(self.waiting_up_to_minutes * 60),
            home_trip_seconds=home_trip_s, least_at_home_seconds=round(self.least_at_home_minutes * 60),
            went_home=went_home,
        )


@dataclass(slots=True)
class _Rows:
    """Activities in the making, times in seconds."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, stop: Any, start_s: int, end_s: int, kind: str, rule: str, km: float = 0.0) -> None:
        # A leg of no time that has a length is kept: its kilometres cost something.
        if end_s > start_s or km:
            self.rows.append((
                stop.worker_id, start_s, end_s, kind, 0.0, km, stop.lot, stop.visit_id, stop.mode, rule,
                stop.row))

    def visit(self, stop: Any) -> None:
        rule = {"training": "training", "sleep_in": "sleep_in"}.get(stop.kind, "contact")
        self.rows.append((
            stop.worker_id, stop.start_s, stop.end_s, stop.kind, stop.awake_minutes, 0.0, stop.lot,
            stop.visit_id, stop.mode, rule, stop.row))


def activities_from_stops(
    stops: pd.DataFrame, *, rules: GapRules | None = None, file: str = "stops"
) -> pd.DataFrame:
    """Turn rounds (visits in order, with the legs between them) into activities.

    Parameters
    ----------
    stops
        One row a visit of a worker:

        - ``worker_id``, ``visit_id``, ``lot`` (str, ``""`` unknown);
        - ``date`` (datetime64 or text, the day the round begins) and ``order`` (number, ascending):
          the stops of one worker on one date are one round, in this order;
        - ``start``, ``end``: minutes after midnight of ``date`` as the clock shows them; a round
          past midnight passes 1440;
        - ``travel_minutes_before``, ``km_before``: the leg that leads to the visit;
        - ``starts_from``: ``home``, ``base`` or ``previous`` (the visit before it); the first of a
          round is never ``previous``.

        Optional columns:

        - ``travel_minutes_after``, ``km_after``, ``ends_at`` (``home``, ``base`` or ``""``): the
          leg back, on the last stop of a round, or before a stop that starts from home or base;
        - ``minutes_home`` (minutes from this visit to the worker's home, NaN unknown): whether a
          trip home in a long gap is feasible;
        - ``went_home`` (True, False or None): known, whatever the minutes;
        - ``kind`` (``contact``, ``training`` or ``sleep_in``; contact when left out) and
          ``awake_minutes``;
        - ``mode`` (``car``, ``walk``, ...) and ``row``.
    rules
        How gaps are told apart.
    file
        What messages call the frame.

    Returns
    -------
    pandas.DataFrame
        Activities, checked (see :func:`~allocation.pay.activities.check_activities`); every row
        carries the ``rule`` that decided it. Legs from and to home are ``commute``, legs from and
        to base and between visits ``travel`` (to or from training: ``training_travel``). The gap
        between two visits is travel and the rest; the rest is ``wait`` up to the minutes of the
        rules; a longer one is ``home_gap``, all of it, where going home is feasible, else ``rest``.

    Raises
    ------
    InputError
        Columns that are missing, a first stop that starts from ``previous``, unknown words,
        negative minutes, visits that overlap or are shorter than nothing, travel longer than the
        gap that holds it.

    Examples
    --------
    >>> stops = pd.DataFrame({
    ...     "worker_id": "w1", "date": "2026-04-06", "order": [1, 2], "visit_id": ["a", "b"],
    ...     "lot": "1", "start": [420, 480], "end": [450, 510], "travel_minutes_before": [15, 12],
    ...     "km_before": [6.0, 5.0], "starts_from": ["home", "previous"]})
    >>> activities_from_stops(stops)[["kind", "rule"]].value_counts(sort=False).index.to_list()
    [('commute', 'commute'), ('contact', 'contact'), ('travel', 'travel_between'), ('wait', 'wait')]
    """
    rules = rules or GapRules()
    frame = _ready(stops, file)
    midnight = pd.Series(pd.to_datetime(frame["date"]).dt.tz_localize(None).dt.normalize())
    start = local_times(midnight, frame["start"].astype("float64"))
    end = local_times(midnight, frame["end"].astype("float64"))
    frame["start_s"], frame["end_s"] = utc_seconds(start), utc_seconds(end)
    frame["round"] = midnight.astype("str")
    return chain(frame.sort_values(["worker_id", "round", "order"], kind="stable"), rules, file=file)


def _ready(stops: pd.DataFrame, file: str) -> pd.DataFrame:
    problems = Problems()
    for column in STOP_COLUMNS:
        if column not in stops.columns:
            problems.add(f"there is no column {column!r}", file=file, fix=nearest(column, stops.columns))
    problems.raise_if_any()
    frame = stops.reset_index(drop=True)
    frame["row"] = frame["row"] if "row" in frame else frame.index + 2
    defaults: dict[str, Any] = {
        "travel_minutes_after": 0.0, "km_after": 0.0, "ends_at": "", "minutes_home": np.nan,
        "went_home": None, "kind": "contact", "awake_minutes": 0.0, "mode": "",
    }
    for column, value in defaults.items():
        if column not in frame:
            frame[column] = value
    for column, words in (("starts_from", {"home", "base", "previous"}), ("ends_at", {"", "home", "base"}),
                          ("kind", {"contact", "training", "sleep_in"})):
        wrong = ~frame[column].isin(words)
        for row, value in frame.loc[wrong, ["row", column]].head(5).itertuples(index=False):
            problems.add("unknown word", file=file, row=int(row), column=column, value=value,
                         fix=f"Use one of {', '.join(sorted(words - {''}))}.")
    for column in ("travel_minutes_before", "km_before", "travel_minutes_after", "km_after"):
        frame[column] = frame[column].astype("float64")
        wrong = ~np.isfinite(frame[column]) | (frame[column] < 0)
        for row in frame.loc[wrong, "row"].head(5):
            problems.add("not 0 or more", file=file, row=int(row), column=column, fix="Check the figure.")
    problems.raise_if_any()
    return frame


def chain(stops: pd.DataFrame, rules: GapRules, *, file: str) -> pd.DataFrame:
    """Turn stops in order, with ``start_s``, ``end_s`` and ``round``, into activities.

    Parameters
    ----------
    stops
        As :func:`activities_from_stops` takes them with every optional column, sorted by worker,
        round and order; times in seconds since 1970 (UTC).
    rules, file
        As there.

    Raises
    ------
    InputError
        As there.
    """
    made, problems = _Rows(), Problems()
    for _, group in stops.groupby(["worker_id", "round"], sort=False):
        _round(list(group.itertuples(index=False)), rules, made, problems, file)
    problems.raise_if_any()
    frame = pd.DataFrame(made.rows, columns=[*ACTIVITY_COLUMNS, "mode", "rule", "row"])
    for column in ("start", "end"):
        moments = pd.to_datetime(frame[column].astype("int64"), unit="s", utc=True)
        frame[column] = moments.dt.tz_convert(ZONE)
    return check_activities(frame, file=file)


def _round(stops: Sequence[Any], rules: GapRules, made: _Rows, problems: Problems, file: str) -> None:
    before: Any = None
    for stop in stops:
        if stop.end_s < stop.start_s:
            problems.add("the end is before the start", file=file, row=int(stop.row), column="end",
                         fix="A round past midnight passes 1440 minutes.")
            return
        if before is None:
            if stop.starts_from == "previous":
                problems.add("the first visit of a round has none before it", file=file, row=int(stop.row),
                             column="starts_from", value="previous", fix="Say home or base.")
            else:
                _leg_out(stop, made)
        elif stop.start_s < before.end_s:
            problems.add("overlaps the visit before it", file=file, row=int(stop.row), column="start",
                         fix="Nobody is in two places at once: correct the times, or the worker.")
        elif stop.starts_from == "previous":
            _between(before, stop, rules, made, problems, file)
        else:
            _via(before, stop, rules, made, problems, file)
        made.visit(stop)
        before = stop
    if before is not None and before.ends_at:
        _leg_back(before, made)


def _seconds(minutes: float) -> int:
    return round(minutes * 60)


def _leg_out(stop: Any, made: _Rows) -> None:
    travel = _seconds(stop.travel_minutes_before)
    kind, rule = ("commute", "commute") if stop.starts_from == "home" else ("travel", "travel_base")
    made.add(stop, stop.start_s - travel, stop.start_s, kind, rule, stop.km_before)


def _leg_back(stop: Any, made: _Rows) -> None:
    travel = _seconds(stop.travel_minutes_after)
    kind, rule = ("commute", "commute") if stop.ends_at == "home" else ("travel", "travel_base")
    made.add(stop, stop.end_s, stop.end_s + travel, kind, rule, stop.km_after)


def _between(
    before: Any, stop: Any, rules: GapRules, made: _Rows, problems: Problems, file: str
) -> None:
    length, travel = stop.start_s - before.end_s, _seconds(stop.travel_minutes_before)
    known = None if pd.isna(stop.went_home) else bool(stop.went_home)
    if travel > length and not known:
        if rules.short_gaps == "refuse":
            problems.add(
                f"{travel / 60:g} minutes of travel in a gap of {length / 60:g}", file=file,
                row=int(stop.row), column="travel_minutes_before",
                fix="Move the visit, or correct the travel.")
            return
        travel = length
    trip = before.minutes_home + stop.minutes_home
    decided = rules.decide(
        length, min(travel, length), None if pd.isna(trip) else _seconds(trip), known)
    if decided.rule == "home_gap":
        made.add(stop, before.end_s, stop.start_s, "home_gap", "home_gap")
        return
    arrived = before.end_s + decided.travel_seconds
    kind = "training_travel" if "training" in {before.kind, stop.kind} else "travel"
    rule = "training_travel" if kind == "training_travel" else "travel_between"
    made.add(stop, before.end_s, arrived, kind, rule, stop.km_before)
    made.add(stop, arrived, arrived + decided.wait_seconds, "wait", "wait")
    made.add(stop, arrived + decided.wait_seconds, stop.start_s, "rest", "rest")


def _via(before: Any, stop: Any, rules: GapRules, made: _Rows, problems: Problems, file: str) -> None:
    """Go by home or base between two visits, as the round itself says."""
    back = _seconds(before.travel_minutes_after) if before.ends_at else 0
    out = _seconds(stop.travel_minutes_before)
    left = stop.start_s - before.end_s - back - out
    if left < 0:
        problems.add(
            f"{(back + out) / 60:g} minutes of travel by {stop.starts_from} in a gap of "
            f"{(stop.start_s - before.end_s) / 60:g}", file=file, row=int(stop.row),
            column="travel_minutes_before", fix="Move the visit, or correct the travel.")
        return
    if before.ends_at:
        _leg_back(before, made)
    there = before.end_s + back
    if stop.starts_from == "home":
        made.add(stop, there, there + left, "home_gap", "home_gap")
    else:
        waits = left <= rules.waiting_up_to_minutes * 60
        made.add(stop, there, there + left, "wait" if waits else "rest", "wait" if waits else "rest")
    _leg_out(stop, made)
