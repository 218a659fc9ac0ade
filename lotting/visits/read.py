"""Real visits, as systems of electronic monitoring and rostering export them.

Rows are personal data: they stay in memory, names are not even read, and no message repeats what
could be a name, an id or a postcode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lotting.brief import VisitsBrief
from lotting.columns import is_wanted
from lotting.dates import parse_dates
from lotting.errors import Problem, Problems
from lotting.postcodes import normalise
from lotting.reconciliation import DUPLICATE, NO_LOCATION, PLACED
from lotting.tables import parse_numbers, read_table

from .cells import parse_clock, parse_length
from .columns import ALIASES, layout_of, visit_columns
from .frame import COLUMNS, band_of, check_visits, empty_visits, visit_hours
from .generate import week_of
from .join import join_carers
from .places import find_places
from .reconcile import ANOTHER_WEEK, CANCELLED, MISSED, NO_LENGTH, NO_TIME, VisitSums, sums_of

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["VisitsRead", "read_visits"]

DAY_MINUTES = 1440.0
MOST_CARERS = 4
_SHOWN = 20
_PLAIN = re.compile(r"[-+:./\d ]{1,12}|[a-z]{1,6}")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0", ""})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VisitsRead:
    """Visits as read and placed: personal data, for use in memory and in private outputs only.

    Attributes
    ----------
    frame
        Visits as in :data:`lotting.visits.frame.COLUMNS`.
    sums
        What became of every hour; checked.
    not_placed
        Rows that are in no visit: index the spreadsheet row, columns ``reason`` and ``hours``.
    warnings
        What the user should know of.
    assumed
        What was taken for granted, in words.
    """

    frame: pd.DataFrame
    sums: VisitSums
    not_placed: pd.DataFrame
    warnings: tuple[Problem, ...]
    assumed: tuple[str, ...]

    def __repr__(self) -> str:
        return f"VisitsRead({len(self.frame)} visits, personal data not shown)"


def read_visits(
    settings: VisitsBrief,
    areas: gpd.GeoDataFrame,
    *,
    packages: pd.DataFrame | None = None,
    postcodes: Path | None = None,
) -> VisitsRead:
    """Read, check and place the visits a brief names.

    Parameters
    ----------
    settings
        The ``[visits]`` table; ``file`` must be given.
    areas
        The map.
    packages
        Placed packages, for visits that do not say where they are: columns ``package_id``,
        ``person_id``, ``area_code``, ``x_m``, ``y_m``.
    postcodes
        The postcode directory.

    Returns
    -------
    VisitsRead
        Hours read = hours of the visits + hours not placed, by reason.

    Raises
    ------
    InputError
        A column is missing, or a cell is wrong: a day, time or length that is none, a length of
        0 or above 24 hours, a latest start before the earliest, carers other than 1 to 4. All are
        listed, the first of each kind by row.

    Notes
    -----
    ``times`` says whether planned or actual times count; the other kind is taken where that one is
    blank, or has no column, and it is said how often. An end before its start is of the next day. A
    row without length is as long as from start to end. Rows of two carers are joined
    (:func:`lotting.visits.join.join_carers`). Where no place is given, that of the package counts,
    or else that of the person's first package.
    """
    assert settings.file is not None
    file = settings.file.name
    problems = Problems()
    seen: list[str] = []
    given = list(settings.columns.model_dump(exclude_none=True).values())

    def keep(name: str) -> bool:
        seen.append(name)
        return is_wanted(name, ALIASES, given)

    table = read_table(settings.file, sheet=settings.sheet, usecols=keep)
    columns = visit_columns(table, settings.columns, seen, problems)
    problems.raise_if_any()
    assumed: list[str] = []
    if layout := layout_of(seen):
        assumed.append(f"{file} is laid out as {layout}.")
    text = {field: table[column] for field, column in columns.items()}
    rows = _Cells(text, settings, problems, assumed, file).rows()
    problems.raise_if_any()
    rows["reason"] = _before_the_place(rows, settings)
    asked = rows["reason"] == ""
    place = find_places(
        _from_packages(rows[asked], packages, problems, file), areas, postcodes, file=file,
        seed=settings.seed)
    rows.loc[asked, "reason"] = place["reason"]
    rows[["area_code", "x_m", "y_m"]] = place[["area_code", "x_m", "y_m"]].reindex(rows.index)
    _note_places(rows, place, problems, assumed, file)
    kept = rows["reason"] == PLACED
    joined = join_carers(rows[kept], marked="secondary" in text)
    rows["stands_for"] = joined["stands_for"].reindex(rows.index).fillna(rows["carers"]).astype("int64")
    _note_joins(joined, problems, assumed, file)
    rows["hours"] = rows["minutes"].fillna(0.0) * rows["stands_for"] / 60
    frame = _frame(rows[kept].assign(visit=joined["visit"]), settings, problems, file)
    check_visits(frame)
    sums = sums_of(
        rows.assign(visits=rows["stands_for"]),
        {"hours": visit_hours(frame), "visits": int(frame["carers"].sum())})
    lost = rows.loc[~kept, ["reason", "hours"]]
    return VisitsRead(
        frame, sums, lost.set_axis(pd.Index(lost.index + 2, name="row")), tuple(problems.warnings),
        tuple(assumed))


class _Cells:
    """The cells of a file, read one kind after the other; what is wrong is noted."""

    def __init__(
        self, text: dict[str, pd.Series[str]], settings: VisitsBrief, problems: Problems,
        assumed: list[str], file: str,
    ) -> None:
        self.text = text
        self.settings = settings
        self.problems = problems
        self.assumed = assumed
        self.file = file
        self.index = next(iter(text.values())).index

    def rows(self) -> pd.DataFrame:
        rows = pd.DataFrame(index=self.index)
        for field in ("visit_id", "package_id", "person_id", "worker_id", "area_code"):
            rows[field] = self._column(field)
        rows["postcode"] = normalise(self._column("postcode")).astype("str")
        for axis in ("x_m", "y_m"):
            rows[axis] = self._coordinate(axis)
        rows["status"] = self._column("status").str.casefold()
        rows["carers"] = self._carers()
        rows["secondary"] = self._secondary()
        rows["start"], rows["minutes"] = self._times()
        rows["day"] = self._days(rows["start"])
        rows["earliest"], rows["latest"] = self._windows()
        rows["duplicate"] = self._duplicates(rows)
        person = rows["person_id"].where(rows["person_id"] != "", rows["package_id"])
        rows["person"] = person.astype("str")
        blank = rows["visit_id"] == ""
        own = pd.Series([f"row {i + 2}" for i in rows.index], index=rows.index, dtype="str")
        twice = rows["visit_id"].duplicated(keep=False) & ~blank
        rows["visit_id"] = rows["visit_id"].mask(blank, own).mask(twice, rows["visit_id"] + " " + own)
        return rows

    def _column(self, field: str) -> pd.Series[str]:
        if field in self.text:
            return self.text[field].astype("str")
        return pd.Series("", index=self.index, dtype="str")

    def _note(self, message: str, cells: pd.Series[Any], fix: str) -> None:
        for at, value in cells.iloc[:_SHOWN].items():
            shown = str(value) if _PLAIN.fullmatch(str(value)) else None
            self.problems.add(message, file=self.file, row=int(str(at)) + 2, column=str(cells.name),
                              value=shown, fix=fix)
        if len(cells) > _SHOWN:
            self.problems.add(f"and {len(cells) - _SHOWN:,} more rows: {message}", file=self.file,
                              column=str(cells.name))

    def _coordinate(self, axis: str) -> pd.Series[float]:
        text = self._column(axis)
        numbers = parse_numbers(text)
        self._note("a coordinate that is no number", text[numbers.isna() & (text != "")],
                   "Give metres of the British National Grid.")
        return numbers.mask(numbers == 0)

    def _carers(self) -> pd.Series[int]:
        text = self._column("carers").str.casefold()
        if "double" in str(text.name).casefold():
            text = text.replace({"1": "yes", "0": "no"})
        known = text.replace({"": "1", "yes": "2", "y": "2", "true": "2", "no": "1", "n": "1",
                              "false": "1", "double": "2", "single": "1"})
        numbers = parse_numbers(known)
        good = numbers.isin(range(1, MOST_CARERS + 1))
        self._note(f"the number of carers is not 1 to {MOST_CARERS}", self._column("carers")[~good],
                   "Write 1 or 2.")
        return numbers.where(good, 1).astype("int64")

    def _secondary(self) -> pd.Series[bool]:
        text = self._column("secondary").str.casefold()
        self._note("neither true nor false", text[~text.isin(_TRUE | _FALSE)], "Write true or false.")
        return text.isin(_TRUE)

    def _clock(self, field: str) -> pd.Series[float]:
        text = self._column(field)
        minutes, wrong = parse_clock(text)
        self._note("no time of day that can be read", text[wrong], "Write it as 08:30.")
        return minutes

    def _kind(self, kind: str) -> tuple[pd.Series[float], pd.Series[float]]:
        """Return start and length by one kind of times, NaN where not given."""
        start, end = self._clock(f"{kind}_start"), self._clock(f"{kind}_end")
        text = self._column(f"{kind}_duration")
        minutes, wrong, unit = parse_length(text)
        self._note("no length of time that can be read", text[wrong], "Write it as 00:30, or 30.")
        if unit:
            self.assumed.append(f"Plain numbers in column {text.name} are {unit}.")
        between = (end - start) % DAY_MINUTES
        return start, minutes.fillna(between)

    def _times(self) -> tuple[pd.Series[float], pd.Series[float]]:
        kinds = ("planned", "actual") if self.settings.times == "planned" else ("actual", "planned")
        (start, minutes), (other_start, other_minutes) = (self._kind(kind) for kind in kinds)
        for what, own, other in (("start", start, other_start), ("length", minutes, other_minutes)):
            count = int((own.isna() & other.notna()).sum())
            if count:
                self.assumed.append(
                    f"{count:,} of {len(own):,} rows have no {kinds[0]} {what}: the {kinds[1]} one is "
                    "taken.")
        start, minutes = start.fillna(other_start), minutes.fillna(other_minutes)
        column = next(self.text[f].name for f in (
            f"{kinds[0]}_duration", f"{kinds[0]}_end", f"{kinds[1]}_duration", f"{kinds[1]}_end")
            if f in self.text)
        for message, wrong in (
            ("a visit of no time", minutes == 0), ("a visit of more than 24 hours", minutes > DAY_MINUTES)
        ):
            cells = minutes[wrong].map(lambda m: f"{m:g}").rename(str(column))
            self._note(message, cells, "Check the length.")
        return start, minutes

    def _days(self, start: pd.Series[float]) -> pd.Series[Any]:
        fields = ["day"] if "day" in self.text else [
            f for f in (f"{self.settings.times}_start", "planned_start", "actual_start") if f in self.text]
        text = self._column(fields[0])
        for field in fields[1:]:
            text = text.where(text != "", self._column(field))
        days, wrong = parse_dates(text, day_first=self.settings.day_first)
        self._note("no date that can be read", text[wrong], "Write it as 2026-04-01 or 01/04/2026.")
        blank = days.isna() & ~wrong & start.notna()
        self._note("no day is given", text[blank], "Fill it in, or name the column of days in "
                                                   "[visits.columns]: day = \"...\".")
        return pd.Series([None if d is pd.NaT else d.date() for d in days], index=self.index, dtype="object")

    def _windows(self) -> tuple[pd.Series[float], pd.Series[float]]:
        earliest, latest = self._clock("earliest"), self._clock("latest")
        # A window over midnight ends the next day.
        latest = latest.mask(latest < earliest - DAY_MINUTES / 2, latest + DAY_MINUTES)
        self._note("the latest start is before the earliest", self._column("latest")[latest < earliest],
                   "Mend one of the two.")
        return earliest, latest

    def _duplicates(self, rows: pd.DataFrame) -> pd.Series[bool]:
        named = (rows["visit_id"] != "") | (rows["worker_id"] != "")
        return rows.duplicated() & named


def _before_the_place(rows: pd.DataFrame, settings: VisitsBrief) -> pd.Series[str]:
    reason = pd.Series("", index=rows.index, dtype="str")
    week = set(week_of(settings.day)) if settings.day else None
    rules: list[tuple[str, Any]] = [
        (DUPLICATE, rows["duplicate"]),
        (CANCELLED, rows["status"].str.contains("cancel")),
        (NO_TIME, rows["start"].isna()),
        (NO_LENGTH, rows["minutes"].isna()),
    ]
    if settings.times == "actual":
        rules.insert(2, (MISSED, rows["status"].str.contains("missed")))
    if week is not None:
        rules.append((ANOTHER_WEEK, ~rows["day"].isin(week)))
    for why, holds in rules:
        reason = reason.mask((reason == "") & holds, why)
    return reason


def _from_packages(
    rows: pd.DataFrame, packages: pd.DataFrame | None, problems: Problems, file: str
) -> pd.DataFrame:
    """Fill in places from the packages, where a row has none."""
    place = rows[["area_code", "postcode", "x_m", "y_m"]].copy()
    nowhere = (place["area_code"] == "") & (place["postcode"] == "") & place["x_m"].isna()
    if packages is None or not nowhere.any():
        return place
    count = int(nowhere.sum())
    for key in ("package_id", "person_id"):
        known = packages[packages[key] != ""].drop_duplicates(key).set_index(key)
        ids = rows.loc[nowhere, key]
        hit = ids.index[ids.isin(known.index)]
        for field in ("area_code", "x_m", "y_m"):
            place.loc[hit, field] = known[field].reindex(rows.loc[hit, key]).to_numpy()
        nowhere = nowhere & ~nowhere.index.isin(hit)
    problems.add(
        f"{count:,} of {len(rows):,} rows have no place of their own; {count - int(nowhere.sum()):,} are "
        "placed where the package or the person is", file=file, severity="warning")
    return place


def _note_places(
    rows: pd.DataFrame, place: pd.DataFrame, problems: Problems, assumed: list[str], file: str
) -> None:
    drawn = int(place["drawn"].sum())
    if drawn:
        assumed.append(f"Of {drawn:,} rows only the area is known: they have a point drawn within it.")
    lost = rows[(rows["reason"] != PLACED) & rows["minutes"].notna()]
    for reason, part in lost.groupby("reason"):
        hours = float((part["minutes"] * part["carers"]).sum()) / 60
        fix = ("Add a postcode or an area code, or give the packages in [demand] with the same ids."
               if reason == NO_LOCATION else "")
        problems.add(f"{len(part):,} of {len(rows):,} rows ({hours:,.1f} hours) are {reason}", file=file,
                     severity="warning", fix=fix)


def _note_joins(joined: pd.DataFrame, problems: Problems, assumed: list[str], file: str) -> None:
    pairs = int(joined["visit"].duplicated().sum())
    if pairs:
        assumed.append(f"{pairs:,} visits have two carers, in a row each.")
    alone = int(joined["alone"].sum())
    if alone:
        problems.add(
            f"{alone:,} rows are of an additional carer, but no visit of the same person was found within "
            "15 minutes; they count as visits of one carer", file=file, severity="warning")


def _frame(rows: pd.DataFrame, settings: VisitsBrief, problems: Problems, file: str) -> pd.DataFrame:
    """Make the table of visits of rows that are placed and joined."""
    if rows.empty:
        return empty_visits()
    # A row that stands for three or four carers is several visits of one or two.
    parts: list[pd.DataFrame] = []
    for extra in range((MOST_CARERS + 1) // 2):
        left = rows["stands_for"] - 2 * extra
        part = rows[left > 0]
        parts.append(part.assign(
            carers=left[left > 0].clip(upper=2), visit=part["visit"] + (f"+{extra}" if extra else "")))
    rows = pd.concat(parts)
    visits = rows.groupby("visit", sort=False).agg(
        package_id=("package_id", "first"), person=("person", "first"), day=("day", "first"),
        earliest=("earliest", "first"), latest=("latest", "first"), target=("start", "min"),
        duration_minutes=("minutes", "mean"), carers=("carers", "sum"), x_m=("x_m", "first"),
        y_m=("y_m", "first"), area_code=("area_code", "first"))
    visits["package_id"] = visits["package_id"].where(visits["package_id"] != "", visits["person"])
    half = settings.window_minutes / 2
    visits["earliest"] = visits["earliest"].fillna((visits["target"] - half).clip(lower=0.0))
    visits["latest"] = visits["latest"].fillna(visits["target"] + half)
    outside = ~visits["target"].between(visits["earliest"], visits["latest"])
    if outside.any():
        problems.add(
            f"{int(outside.sum()):,} of {len(visits):,} visits start outside the window they are given; the "
            "nearest time in it is taken", file=file, severity="warning")
        visits["target"] = np.clip(visits["target"], visits["earliest"], visits["latest"])
    visits["band"] = [band_of(t) for t in visits["target"]]
    visits = visits.sort_values(["day", "target"], kind="stable").rename_axis("visit_id")
    visits.index = visits.index.astype("str")
    return visits[list(COLUMNS)].astype(empty_visits().dtypes.to_dict())

