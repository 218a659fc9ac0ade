"""Packages of care as a council or the NHS exports them, checked and made comparable.

Exports are incomplete, above all those of the NHS. What is missing is reported and not dropped;
what is wrong stops the run, every wrong cell at once. Rows are personal data: they stay in memory,
nothing here writes them, and no message names a person, a package or a postcode.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from .brief import DemandBrief
from .columns import find_columns, is_wanted
from .dates import parse_dates
from .errors import Problem, Problems, some
from .postcodes import normalise
from .tables import fold, nearest, read_table, to_number

__all__ = ["Packages", "read_packages"]

ROWS_SHOWN = 20

# Words an export writes where it has nothing to say.
_NOTHING = frozenset({
    "null", "n/a", "#n/a", "na", "nan", "nat", "none", "-", "--", "not known", "unknown", "tbc",
    "not recorded",
})
# Usual names of each field, compared without case, spaces or marks; the likeliest first.
ALIASES: dict[str, tuple[str, ...]] = {
    "package_id": (
        "packageid", "packageref", "packagereference", "packageno", "packagenumber",
        "packageofcareid", "packageofcareref", "pocid", "pocref", "careplanid", "serviceid",
        "serviceref", "eventreference", "orderid", "purchaseid", "commitmentid",
    ),
    "person_id": (
        "personid", "pseudonym", "personref", "personreference", "personno", "personnumber",
        "clientid", "clientref", "clientno", "clientnumber", "serviceuserid", "serviceuserref",
        "ssref", "ssid", "swiftid", "swiftnumber", "mosaicid", "lasid", "liquidlogicid",
        "lapersonuniqueidentifier", "nhsnumber", "nhsno", "patientid",
    ),
    "postcode": (
        "postcode", "pcode", "postalcode", "pcds", "clientpostcode", "homepostcode",
        "personpostcode", "servicepostcode", "addresspostcode",
    ),
    "area_code": ("areacode",),
    "x_m": ("xm", "x", "easting", "eastings", "oseast1m", "east1m", "xcoord", "xcoordinate"),
    "y_m": ("ym", "y", "northing", "northings", "osnrth1m", "north1m", "ycoord", "ycoordinate"),
    "weekly_hours": (
        "weeklyhours", "hoursperweek", "hoursaweek", "plannedhours", "plannedweeklyhours",
        "plannedhoursperweek", "weeklyplannedhours", "commissionedhours",
        "weeklycommissionedhours", "commissionedhoursperweek", "hrsperweek", "hrspw", "hourspw",
        "hoursweek", "weeklyhrs", "packagehours", "hours",
    ),
    "payer": (
        "payer", "funding", "fundingsource", "fundingtype", "fundingstream", "funder", "fundedby",
        "commissioner", "paidby",
    ),
    "pathway": (
        "pathway", "service", "servicetype", "serviceline", "packagetype", "caretype",
        "servicecomponent",
    ),
    "start": (
        "start", "startdate", "packagestart", "packagestartdate", "servicestart",
        "servicestartdate", "eventstartdate", "datestarted", "fromdate", "datefrom",
    ),
    "end": (
        "end", "enddate", "packageend", "packageenddate", "serviceend", "serviceenddate",
        "eventenddate", "dateended", "todate", "dateto",
    ),
    "carers": (
        "carers", "numberofcarers", "noofcarers", "carersneeded", "careworkers", "staff",
        "doublehanded", "doublehandedcare", "doublehandedpackage", "doubleup",
    ),
    "provider_id": ("providerid", "provider", "providerref", "providername", "supplier", "agency"),
}

# Where a row has slipped a cell, an id, a postcode or a name stands where hours or a date should:
# only what is hardly one of these is repeated in a message, a small number, a date, "tbc".
_PLAIN = re.compile(
    r"[-+]?\d{0,4}([.,]\d{0,3})?%?|[a-z][a-z ?/]{0,14}"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d\d:\d\d(:\d\d)?)?"
)

_TWO = frozenset({"2", "2.0", "two", "yes", "y", "true", "double", "doublehanded", "doubleup"})
_ONE = frozenset({"1", "1.0", "one", "no", "n", "false", "single", "singlehanded"})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Packages:
    """Packages as read: personal data, for use in memory only.

    Attributes
    ----------
    frame
        One row a row of the file, index as :func:`lotting.tables.read_table` gives it (the
        spreadsheet row is ``index + 2``). Columns ``package_id``, ``person_id``, ``postcode``
        (upper case, no spaces), ``area_code``, ``payer``, ``pathway``, ``provider_id`` (str,
        ``""`` where not given), ``x_m``, ``y_m`` (float, EPSG:27700, NaN where not given),
        ``weekly_hours`` (float, of one carer, NaN where not given), ``carers`` (1 or 2),
        ``hours`` (float, ``weekly_hours`` x ``carers``, 0 where not given: two carers count
        twice), ``start``, ``end`` (datetime64, NaT where not given), ``person`` (str: tells
        people apart; a package without a person's id stands for a person of its own) and
        ``duplicate`` (bool: an earlier row says the same).
    people_known
        False when the file has no column of persons.
    warnings
        What is missing or was read in a way the user should know of.
    """

    frame: pd.DataFrame
    people_known: bool
    warnings: tuple[Problem, ...]

    def __repr__(self) -> str:
        # Rows must not reach a log or a traceback by way of the default.
        return f"Packages({len(self.frame)} rows, personal data not shown)"


def read_packages(brief: DemandBrief, *, area_codes: Collection[str] = ()) -> Packages:
    """Read and check the packages a brief names.

    Parameters
    ----------
    brief
        The ``[demand]`` table; ``packages`` must be given.
    area_codes
        Codes on the map; where the file has several columns of area codes, the one that fits
        them best is taken.

    Returns
    -------
    Packages

    Raises
    ------
    InputError
        A column is missing, or a cell is wrong: hours that are no number, negative or above
        ``max_package_hours``, a date that is none, an end before the start, carers other than 1
        or 2, half a pair of coordinates, one package id with different contents. All are listed,
        the first of each kind by row.

    Notes
    -----
    Missing hours are no error: such packages are kept, and listed in the reconciliation. Rows
    that say the same in every column used are kept once.
    """
    assert brief.packages is not None
    file = brief.packages.name
    problems = Problems()
    seen: list[str] = []
    given: dict[str, str] = brief.columns.model_dump(exclude_none=True)

    def wanted(name: str) -> bool:
        # Names, birthdays and notes beside the columns we need are not even read.
        seen.append(name)
        return is_wanted(name, ALIASES, given.values())

    table = read_table(brief.packages, sheet=brief.sheet, usecols=wanted)
    columns = find_columns(
        table, ALIASES, given, "demand.columns", seen, problems, area_codes=area_codes)
    _require(columns | given, seen, problems, file)
    problems.raise_if_any()
    text = {field: _blank_nothing(table[column]) for field, column in columns.items()}
    frame = _parse(text, brief, problems, file)
    frame["duplicate"] = _duplicates(frame, problems, file, columns)
    _check_order(frame, columns, problems, file)
    problems.items = [_discreet(problem, frame) for problem in problems.items]
    problems.raise_if_any()
    _report_gaps(frame, text, columns, problems, file)
    return Packages(frame, "person_id" in columns, tuple(problems.warnings))


def _discreet(problem: Problem, frame: pd.DataFrame) -> Problem:
    """Take the value out of a problem when it could be an id, a postcode or a name."""
    if problem.value is None:
        return problem
    known = frame[["person_id", "package_id"]].isin([problem.value]).any(axis=None)
    if _PLAIN.fullmatch(problem.value) and not known:
        return problem
    return replace(problem, value=None)


def _require(columns: dict[str, str], seen: list[str], problems: Problems, file: str) -> None:
    for field, what in (("package_id", "package ids"), ("weekly_hours", "weekly hours")):
        if field not in columns:
            problems.add(
                f"no column of {what} was found", file=file,
                fix=f"Say which one it is in [demand.columns]: {field} = \"...\". "
                    f"{nearest(field, seen)}")
    if ("x_m" in columns) != ("y_m" in columns):
        there, missing = ("x_m", "y_m") if "x_m" in columns else ("y_m", "x_m")
        problems.add(f"there is a column of {there} but none of {missing}", file=file,
                     fix=f"Name it in [demand.columns]: {missing} = \"...\".")
    if not {"area_code", "x_m", "y_m", "postcode"} & set(columns):
        problems.add(
            "no column says where the care is given", file=file,
            fix="Add a column of area codes, coordinates (x_m, y_m) or postcodes, or name it in "
                f"[demand.columns]. {nearest('postcode', seen)}")


def _blank_nothing(text: pd.Series[str]) -> pd.Series[str]:
    return text.mask(text.str.casefold().isin(_NOTHING), "")


def _parse(
    text: dict[str, pd.Series[str]], brief: DemandBrief, problems: Problems, file: str
) -> pd.DataFrame:
    index = next(iter(text.values())).index
    empty = pd.Series("", index=index, dtype="str")
    frame = pd.DataFrame(index=index)
    for field in ("package_id", "person_id", "area_code", "payer", "pathway", "provider_id"):
        frame[field] = text.get(field, empty).astype("str")
    frame["postcode"] = normalise(text.get("postcode", empty)).astype("str")
    frame["weekly_hours"] = _hours(text["weekly_hours"], brief, problems, file)
    frame["carers"] = _carers(text.get("carers", empty), problems, file)
    frame["hours"] = (frame["weekly_hours"] * frame["carers"]).fillna(0.0)
    for field in ("start", "end"):
        column = text.get(field, empty)
        frame[field], wrong = parse_dates(column, day_first=brief.day_first)
        _list(problems, "no date that can be read", file, column[wrong], of=column,
              fix="Write it as 2026-04-01 or 01/04/2026.")
    frame[["x_m", "y_m"]] = _coordinates(text, index, problems, file)
    anonymous = frame["person_id"] == ""
    frame["person"] = ("person " + frame["person_id"]).mask(
        anonymous, "package " + frame["package_id"])
    nameless = anonymous & (frame["package_id"] == "")
    frame["person"] = frame["person"].mask(nameless, "row " + index.to_series().astype("str"))
    return frame


def _list(
    problems: Problems, message: str, file: str, cells: pd.Series[Any], *,
    fix: str, of: pd.Series[Any] | None = None,
) -> None:
    """Note the first wrong cells by row, and the rest as a count.

    ``of`` is the whole column; without it the values are personal, and not shown.
    """
    if of is not None and _wrong_column(cells, of):
        problems.add(f"{len(cells):,} of {int((of != '').sum()):,} cells: {message}", file=file,
                     column=str(cells.name), fix="Is it the right column? Say which one is meant "
                                                 "in [demand.columns].")
        return
    for at, value in cells.iloc[:ROWS_SHOWN].items():
        problems.add(message, file=file, row=int(str(at)) + 2, column=str(cells.name),
                     value=None if of is None else str(value)[:40], fix=fix)
    if len(cells) > ROWS_SHOWN:
        problems.add(f"and {len(cells) - ROWS_SHOWN:,} more rows: {message}", file=file,
                     column=str(cells.name))


def _wrong_column(cells: pd.Series[Any], of: pd.Series[Any]) -> bool:
    # Then the values may be names or NHS numbers, and must not be repeated in a message.
    return len(cells) >= ROWS_SHOWN // 4 and len(cells) > 0.5 * (of != "").sum()


def _hours(
    text: pd.Series[str], brief: DemandBrief, problems: Problems, file: str
) -> pd.Series[float]:
    scratch = Problems()
    hours = to_number(text, scratch, file=file, minimum=0, maximum=brief.max_package_hours,
                      required=False, unit="hours a week")
    wrong = text[hours.isna() & (text != "")]
    if _wrong_column(wrong, text):
        _list(problems, "no number of hours a week", file, wrong, of=text, fix="")
    else:
        problems.items += scratch.items
    return hours


def _carers(text: pd.Series[str], problems: Problems, file: str) -> pd.Series[int]:
    words = text.str.casefold().str.replace(r"[\s_-]+", "", regex=True)
    if "double" in fold(str(text.name)):
        # "Double handed: 1" is a yes, not one carer.
        words = words.replace({"1": "yes", "1.0": "yes", "0": "no", "0.0": "no"})
    two, one = words.isin(_TWO), words.isin(_ONE) | (words == "")
    _list(problems, "the number of carers is neither 1 nor 2", file, text[~(one | two)], of=text,
          fix="Write 1 or 2, or no or yes for double-handed.")
    return two.astype("int64") + 1


def _coordinates(
    text: dict[str, pd.Series[str]], index: pd.Index[Any], problems: Problems, file: str
) -> pd.DataFrame:
    places = pd.DataFrame(float("nan"), index=index, columns=["x_m", "y_m"])
    if "x_m" not in text:
        return places
    for field in ("x_m", "y_m"):
        scratch = Problems()
        places[field] = to_number(text[field], scratch, file=file, required=False)
        wrong = places[field].isna() & (text[field] != "")
        _list(problems, "a coordinate that is no number", file, text[field][wrong],
              fix="Give metres of the British National Grid.")
    half = (text["x_m"] == "") != (text["y_m"] == "")
    _list(problems, "half a pair of coordinates", file, text["x_m"][half],
          fix="Give both the easting and the northing, or neither.")
    # Exports write 0, 0 for "no coordinates".
    places = places.mask((places["x_m"] == 0) & (places["y_m"] == 0))
    there = places.dropna()
    if len(there) and bool((there.abs() <= 180).all(axis=None)):
        problems.add(
            "the coordinates are degrees, not metres", file=file, column=str(text["x_m"].name),
            fix="Give eastings and northings of the British National Grid (EPSG:27700), "
                "or postcodes.")
    return places


def _duplicates(
    frame: pd.DataFrame, problems: Problems, file: str, columns: dict[str, str]
) -> pd.Series[bool]:
    content = [c for c in frame.columns if c not in {"person", "hours"}]
    named = frame["package_id"] != ""
    same = frame.duplicated(content) & named
    distinct = frame[~same & named]
    again = distinct.index[distinct["package_id"].duplicated()]
    first = distinct.drop_duplicates("package_id").reset_index().set_index("package_id")["index"]
    for at in again[:ROWS_SHOWN]:
        problems.add(
            f"this package id is also in row {int(first[frame.loc[at, 'package_id']]) + 2}, "
            "with other contents",
            file=file, row=int(at) + 2, column=columns["package_id"],
            fix="A package is one row: delete the row that is out of date, or give it another id.")
    if len(again) > ROWS_SHOWN:
        problems.add(f"and {len(again) - ROWS_SHOWN} more rows with a package id that occurs again "
                     "with other contents", file=file, column=columns["package_id"])
    return same


def _check_order(
    frame: pd.DataFrame, columns: dict[str, str], problems: Problems, file: str
) -> None:
    if {"start", "end"} <= set(columns):
        ends = frame["end"].dt.strftime("%Y-%m-%d").fillna("").rename(columns["end"])
        _list(problems, "the end is before the start", file, ends[frame["end"] < frame["start"]],
              of=ends, fix="Mend one of the two dates; leave the end blank while the package runs.")


def _report_gaps(
    frame: pd.DataFrame,
    text: dict[str, pd.Series[str]],
    columns: dict[str, str],
    problems: Problems,
    file: str,
) -> None:
    """Warn of what is missing, by payer: the gaps are often one payer's."""
    once = frame[~frame["duplicate"]]
    effects = {
        "package_id": "such a row cannot be compared with the others, so none counts as duplicate",
        "person_id": "each such package counts as a person of its own",
        "payer": "they are kept apart as 'no payer given'",
        "pathway": "no rule about pathways can match them",
        "start": "such a package counts as begun",
        "carers": "one carer is taken",
    }
    for field, effect in effects.items():
        if field not in columns:
            continue
        blank = text[field][once.index] == ""
        if blank.any():
            problems.add(
                f"blank in {_count(blank.sum(), len(once))}{_by_payer(once, blank)}; {effect}",
                file=file, column=columns[field], severity="warning")
    no_hours = ~(once["weekly_hours"] > 0)
    if no_hours.any():
        problems.add(
            f"no hours (blank or 0) in {_count(no_hours.sum(), len(once))}"
            f"{_by_payer(once, no_hours)}; they are listed as not placed",
            file=file, column=columns["weekly_hours"], severity="warning",
            fix="Ask the payer for the hours.")
    if "person_id" not in columns:
        problems.add("no column of persons was found, so people are not counted", file=file,
                     severity="warning", fix="Add a pseudonym for each person.")
    if not {"start", "end"} & set(columns):
        problems.add("no column of start or end dates was found, so every package counts as "
                     "running", file=file, severity="warning",
                     fix="If some have ended, name the columns in [demand.columns].")


def _count(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} packages"


def _by_payer(frame: pd.DataFrame, mask: pd.Series[bool]) -> str:
    payers = frame.loc[mask, "payer"]
    counts = payers[payers != ""].value_counts()
    if frame["payer"].nunique() < 2 or counts.empty:
        return ""
    return f" ({some(f'{str(payer)[:30]} {n:,}' for payer, n in counts.items())})"
