"""Ready-made hours per area, for a council that has done its own sums."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .brief import DemandBrief, ServiceBrief
from .errors import Problem, Problems, some
from .locating import unknown_codes_hint
from .packages import ALIASES
from .services import ONLY_SERVICE
from .tables import area_code_column, nearest, read_table, to_number

__all__ = ["MAX_AREA_HOURS", "AreaHours", "read_area_hours"]

MAX_AREA_HOURS = 50_000.0
"""Weekly hours above which an area's figure is a mistake (annual hours, or the whole county's).

Leicestershire's two payers buy 49,230 hours a week together, over 408 areas.
"""

_ALIASES = {
    "weekly_hours": ALIASES["weekly_hours"],
    "people": ("people", "persons", "clients", "serviceusers", "numberofpeople"),
    "packages": ("packages", "numberofpackages"),
    "payer": ALIASES["payer"],
    "pathway": ("pathway",),
    "service": ("service", "serviceline"),
}


@dataclass(frozen=True, slots=True, eq=False)
class AreaHours:
    """Hours per area as read.

    Attributes
    ----------
    frame
        One row a row of the file: ``area_code``, ``service``, ``payer``, ``pathway`` (str, ``""``
        where not given), ``weekly_hours`` (float), ``people``, ``packages`` (int, 0 where not
        given).
    people_known, packages_known
        Whether the file has these columns.
    warnings
        What the user should know of.
    """

    frame: pd.DataFrame
    people_known: bool
    packages_known: bool
    warnings: tuple[Problem, ...]


def read_area_hours(
    brief: DemandBrief, areas: pd.Index[str] | None, services: list[ServiceBrief]
) -> AreaHours:
    """Read and check the ready-made hours a brief names.

    Parameters
    ----------
    brief
        The ``[demand]`` table; ``hours`` must be given.
    areas
        Codes of the areas on the map; None when the map could not be read, to check the rest.
    services
        The ``[[service]]`` tables; where there are any, the column ``service`` decides.

    Returns
    -------
    AreaHours

    Raises
    ------
    InputError
        A column is missing; hours that are blank, no number, negative or above
        :data:`MAX_AREA_HOURS`; a code or a service that is not known; one area twice (for the
        same service, payer and pathway).
    """
    assert brief.hours is not None
    file = brief.hours.name
    problems = Problems()
    table = read_table(brief.hours, sheet=brief.sheet)
    columns = _find_columns(table, brief, problems, file=file)
    if services and "service" not in columns:
        problems.add(
            "the brief has [[service]] tables, but the file has no column 'service'", file=file,
            fix="Add the column, with the service's name in each row; or give packages, which the "
                "rules can sort.")
    problems.raise_if_any()
    frame = pd.DataFrame(index=table.index)
    for field in ("area_code", "service", "payer", "pathway"):
        frame[field] = table[columns[field]] if field in columns else ""
    frame = frame.astype("str")
    frame["weekly_hours"] = to_number(
        table[columns["weekly_hours"]], problems, file=file, minimum=0, maximum=MAX_AREA_HOURS,
        unit="hours a week")
    for field in ("people", "packages"):
        frame[field] = _whole(table, columns.get(field), problems, file=file)
    _check_codes(frame, columns["area_code"], areas, problems, file=file)
    _check_twice(frame, columns, problems, file=file)
    frame["service"] = _service(frame, columns, services, problems, file=file)
    problems.raise_if_any()
    if areas is not None and len(absent := areas[~areas.isin(frame["area_code"])]):
        problems.add(
            f"{len(absent):,} of {len(areas):,} areas on the map are not in the file, and count as "
            f"0 hours: {some(absent)}", file=file, severity="warning",
            fix="Add them, if care is given there.")
    return AreaHours(frame, "people" in columns, "packages" in columns, tuple(problems.warnings))


def _find_columns(
    table: pd.DataFrame, brief: DemandBrief, problems: Problems, *, file: str
) -> dict[str, str]:
    given: dict[str, str] = brief.columns.model_dump(exclude_none=True)
    columns: dict[str, str] = {}
    for field in ("area_code", *_ALIASES):
        if field in given:
            if given[field] in table.columns:
                columns[field] = given[field]
            else:
                problems.add(
                    f"there is no column {given[field]!r}, which [demand.columns] {field} names",
                    file=file, fix=nearest(given[field], table.columns))
            continue
        if field == "area_code":
            column = area_code_column(table, ignore=list(given.values()))
        else:
            folded = {"".join(filter(str.isalnum, c)).casefold(): c for c in table.columns}
            column = next((folded[a] for a in _ALIASES[field] if a in folded), None)
        if column is not None:
            columns[field] = column
    for field, what in (("area_code", "area codes"), ("weekly_hours", "weekly hours")):
        if field not in columns and field not in given:
            problems.add(f"no column of {what} was found", file=file,
                         fix=f"Name it {field}. {nearest(field, table.columns)}")
    return columns


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _whole(
    table: pd.DataFrame, column: str | None, problems: Problems, *, file: str
) -> pd.Series[int]:
    if column is None:
        return pd.Series(0, index=table.index)
    numbers = to_number(table[column], problems, file=file, minimum=0, maximum=1e6,
                        required=False).fillna(0.0)
    fractions = numbers.index[numbers != numbers.round()]
    if len(fractions):
        problems.add(
            f"{_rows(len(fractions))} without a whole number, which is rounded: row "
            f"{some(fractions + 2)}", file=file, column=column, severity="warning")
    return numbers.round().astype("int64")


def _check_codes(
    frame: pd.DataFrame, column: str, areas: pd.Index[str] | None, problems: Problems, *, file: str
) -> None:
    blank = frame.index[frame["area_code"] == ""]
    if len(blank):
        problems.add(f"{_rows(len(blank))} without an area code: row {some(blank + 2)}",
                     file=file, column=column, fix="Fill it in, or delete them.")
    if areas is None:
        return
    unknown = frame.loc[~frame["area_code"].isin(areas) & (frame["area_code"] != ""), "area_code"]
    if len(unknown):
        codes = unknown.unique()
        hours = frame.loc[unknown.index, "weekly_hours"].sum()
        problems.add(
            f"{len(codes):,} of {frame['area_code'].nunique():,} area codes not on the map: "
            f"{some(codes)}. Their {hours:,.1f} hours a week would be lost",
            file=file, row=int(unknown.index[0]) + 2, column=column,
            fix=unknown_codes_hint(list(codes), areas))


def _service(
    frame: pd.DataFrame, columns: dict[str, str], services: list[ServiceBrief],
    problems: Problems, *, file: str,
) -> pd.Series[str]:
    if not services:
        if "service" in columns and len(set(frame["service"])) > 1:
            problems.add(
                "the brief has no [[service]] tables, so the hours of all services are added up",
                file=file, column=columns["service"], severity="warning",
                fix="Add a [[service]] table for each line that is to have lots of its own.")
        return pd.Series(ONLY_SERVICE, index=frame.index, dtype="str")
    if "service" not in columns:
        return frame["service"]
    names = {s.name.casefold(): s.name for s in services}
    folded = frame["service"].str.casefold()
    unknown = frame.loc[~folded.isin(names), "service"]
    if len(unknown):
        problems.add(
            f"{_rows(len(unknown))} of a service that the brief does not have: "
            f"{some(repr(v) for v in unknown.unique())}",
            file=file, row=int(unknown.index[0]) + 2, column=columns["service"],
            fix=f"The services are: {', '.join(names.values())}.")
    return folded.map(names).fillna("").astype("str")


def _check_twice(
    frame: pd.DataFrame, columns: dict[str, str], problems: Problems, *, file: str
) -> None:
    # Also without [[service]] tables the service tells two rows of one area apart.
    key = [f for f in ("area_code", "service", "payer", "pathway") if f in columns]
    twice = frame[frame.duplicated(key, keep=False) & (frame["area_code"] != "")]
    if len(twice):
        codes = twice["area_code"].unique()
        same = f" with the same {' and '.join(key[1:])}" if len(key) > 1 else ""
        problems.add(
            f"{len(codes):,} {'area occurs' if len(codes) == 1 else 'areas occur'} more than once"
            f"{same}: {some(codes)}",
            file=file, row=int(twice.index[0]) + 2, column=columns["area_code"],
            fix="Add their hours up, or delete the rows that are wrong.")
