"""A real rota: who was where when, from a CSV file or a worksheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lotting.errors import Problems
from lotting.tables import nearest, read_table, require_column, to_number

from .activities import ACTIVITY_COLUMNS, ZONE, check_activities
from .clock import read_spans
from .money import MILE_KM
from .rules import KINDS
from .stops import GapRules, chain

if TYPE_CHECKING:
    from .brief import RotaBrief

__all__ = ["column_of", "read_rota"]

_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}
_VISITS = ("contact", "training", "sleep_in")


def column_of(
    table: pd.DataFrame, mapping: Mapping[str, str], name: str, problems: Problems, *, file: str,
    required: bool = False,
) -> str | None:
    """Find the column that holds something; note a problem where a named one is not there.

    Parameters
    ----------
    table
        Any table.
    mapping
        Our name to the user's; our own name is looked for where it is not in the mapping.
    name
        Our name.
    problems, file
        Where a problem is noted, and what it calls the table.
    required
        Whether it has to be there.
    """
    column = mapping.get(name, name)
    if column in table.columns:
        return column
    if name in mapping or required:
        require_column(table, column, problems, file=file)
    return None


def read_rota(brief: RotaBrief) -> tuple[pd.DataFrame, list[str]]:
    """Read a rota into activities.

    Parameters
    ----------
    brief
        The file, its columns, and how gaps are filled. Needed: ``worker_id``, ``start``, ``end``,
        and ``date`` where the times have no day. Others are used where they are there:
        ``visit_id``, ``lot``, ``kind``, ``awake_minutes``, ``travel_minutes`` and ``distance`` (of
        the way to this visit), ``starts_from`` (home, base or previous), ``minutes_home``,
        ``went_home`` and ``mode``.

    Returns
    -------
    activities, notices
        Activities with ``row``; sentences on what was assumed.

    Raises
    ------
    InputError
        Every problem of the file, by row and column.
    """
    table, file, problems = read_table(brief.file, sheet=brief.sheet), brief.file.name, Problems()
    names = {n: column_of(table, brief.columns, n, problems, file=file, required=n in {
        "worker_id", "start", "end"}) for n in (
        "worker_id", "start", "end", "date", "visit_id", "lot", "kind", "awake_minutes", "travel_minutes",
        "distance", "starts_from", "minutes_home", "went_home", "mode")}
    for name in brief.columns:
        if name not in names:
            problems.add("unknown column name in the brief", column=f"rota.columns.{name}",
                         fix=nearest(name, names))
    problems.raise_if_any()
    start_name, end_name = names["start"], names["end"]
    assert start_name is not None
    assert end_name is not None
    spans = read_spans(
        table, (start_name, end_name), names["date"], problems, file=file,
        day_first=brief.day_first, longest_hours=brief.longest_visit_hours)

    def text(name: str) -> pd.Series[Any]:
        column = names[name]
        return pd.Series("", index=table.index, dtype="str") if column is None else table[column]

    def number(name: str) -> pd.Series[float]:
        column = names[name]
        if column is None:
            return pd.Series(np.nan, index=table.index)
        return to_number(table[column], problems, file=file, minimum=0, required=False)

    per_unit = float(MILE_KM) if brief.distance == "miles" else 1.0
    frame = pd.DataFrame({
        "worker_id": text("worker_id"), "start_s": spans.start_s, "end_s": spans.end_s,
        "kind": _kinds(text("kind"), brief.kinds, problems, file, names["kind"]),
        "visit_id": text("visit_id"), "lot": text("lot"), "mode": text("mode").str.lower(),
        "awake_minutes": number("awake_minutes").fillna(0.0),
        "travel_minutes_before": number("travel_minutes"), "km_before": number("distance") * per_unit,
        "minutes_home": number("minutes_home"), "starts_from": text("starts_from").str.lower(),
        "went_home": _yes_no(text("went_home"), problems, file, names["went_home"]),
        "row": table.index + 2,
    })
    for at in frame.index[frame["worker_id"] == ""][:5]:
        problems.add("no worker", file=file, row=int(at) + 2, column=names["worker_id"], fix="Fill it in.")
    for at in frame.index[~frame["starts_from"].isin({"", "home", "base", "previous"})][:5]:
        problems.add("unknown word", file=file, row=int(at) + 2, column=names["starts_from"],
                     fix="Use home, base or previous.")
    problems.raise_if_any()
    same = frame.duplicated(["worker_id", "start_s", "end_s", "kind", "visit_id"])
    for at in frame.index[same][:5]:
        problems.add("this row is there twice", file=file, row=int(at) + 2, fix="Delete one.")
    problems.raise_if_any()
    notices = []
    nights = int((frame["kind"] == "sleep_in").sum())
    if nights and names["awake_minutes"] is None:
        notices.append(f"Minutes awake are not given for sleep-ins ({nights}); 0 were taken.")
    if brief.gaps == "as_given":
        return _as_given(frame, file), notices
    activities, more = _fill(frame, brief, file)
    return activities, [*notices, *more]


def _kinds(
    text: pd.Series[Any], mapping: Mapping[str, str], problems: Problems, file: str, column: str | None
) -> pd.Series[Any]:
    known = {k.casefold(): v for k, v in mapping.items()} | {k: k for k in KINDS} | {"": "contact"}
    found = text.str.casefold().map(known)
    for value in text[found.isna()].unique()[:5]:
        at = text.index[text == value][0]
        problems.add("unknown kind of time", file=file, row=int(at) + 2, column=column, value=value,
                     fix=f"Say in [rota.kinds] which it is: {', '.join(KINDS)}.")
    return found


def _yes_no(
    text: pd.Series[Any], problems: Problems, file: str, column: str | None
) -> pd.Series[Any]:
    folded = text.str.casefold()
    for at in text.index[~folded.isin(_TRUE | _FALSE | {""})][:5]:
        problems.add("neither yes nor no", file=file, row=int(at) + 2, column=column, fix="Write yes or no.")
    words = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    return pd.Series([words.get(t) for t in folded], index=text.index, dtype="object")


def _moments(seconds: pd.Series[Any]) -> pd.Series[Any]:
    moments: pd.Series[Any] = pd.to_datetime(seconds.astype("int64"), unit="s", utc=True)
    local: pd.Series[Any] = moments.dt.tz_convert(ZONE)
    return local


def _as_given(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    frame = frame.assign(
        start=_moments(frame["start_s"]), end=_moments(frame["end_s"]), km=frame["km_before"].fillna(0.0))
    return check_activities(frame[[*ACTIVITY_COLUMNS, "mode", "row"]], file=file)


def _fill(frame: pd.DataFrame, brief: RotaBrief, file: str) -> tuple[pd.DataFrame, list[str]]:
    problems, notices = Problems(), []
    for at in frame.index[~frame["kind"].isin(_VISITS)][:5]:
        problems.add("a stretch between visits, where gaps are to be filled", file=file, row=int(at) + 2,
                     value=frame.loc[at, "kind"], fix='Leave such rows out, or set gaps = "as_given".')
    frame = frame.sort_values(["worker_id", "start_s", "end_s"], kind="stable")
    gap_s = frame["start_s"] - frame.groupby("worker_id")["end_s"].shift()
    silent = frame["starts_from"] == ""
    new = gap_s.isna() | frame["starts_from"].isin({"home", "base"})
    new |= silent & (gap_s > brief.new_round_after_minutes * 60)
    frame["starts_from"] = frame["starts_from"].mask(silent & new, "home").mask(silent & ~new, "previous")
    frame["round"] = new.groupby(frame["worker_id"]).cumsum()
    within = ~new
    blank = frame["travel_minutes_before"].isna()
    # In a short gap travel and waiting both count, so that no one has to know which is which.
    short = within & blank & (gap_s <= brief.waiting_up_to_minutes * 60)
    if brief.travel_minutes is None:
        for at in frame.index[within & blank & ~short][:5]:
            problems.add("no travel minutes to this visit", file=file, row=int(at) + 2,
                         fix="Map a column to travel_minutes, or set travel_minutes in [rota].")
        frame["travel_minutes_before"] = frame["travel_minutes_before"].fillna(0.0)
        if short.any():
            notices.append(f"{int(short.sum())} gaps have no travel minutes; they are short enough to count "
                           "whole, as waiting.")
    else:
        usual = pd.Series(brief.travel_minutes, index=frame.index).where(within, 0.0)
        if (within & blank).any():
            notices.append(f"{int((within & blank).sum())} journeys have no travel minutes; "
                           f"{brief.travel_minutes:g} were taken for each.")
        frame["travel_minutes_before"] = frame["travel_minutes_before"].fillna(usual)
    unmeasured = within & frame["km_before"].isna() & (gap_s > 0)
    if unmeasured.any():
        km = brief.distance_each * (float(MILE_KM) if brief.distance == "miles" else 1.0)
        notices.append(f"{int(unmeasured.sum())} journeys have no distance; {brief.distance_each:g} "
                       f"{brief.distance} were taken for each.")
        frame["km_before"] = frame["km_before"].mask(unmeasured, km)
    frame["km_before"] = frame["km_before"].fillna(0.0)
    problems.raise_if_any()
    longer = within & (frame["travel_minutes_before"] * 60 > gap_s) & (gap_s >= 0)
    if longer.any():
        notices.append(f"{int(longer.sum())} gaps are shorter than the travel in them; the whole gap counts "
                       "as travel, and no more.")
    frame = frame.assign(travel_minutes_after=0.0, km_after=0.0, ends_at="")
    rules = GapRules(waiting_up_to_minutes=brief.waiting_up_to_minutes,
                     least_at_home_minutes=brief.least_at_home_minutes, short_gaps="shorten")
    return chain(frame, rules, file=file), notices
