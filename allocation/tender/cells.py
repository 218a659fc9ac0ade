"""Columns of the tender's tables: found by their usual names, their cells checked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from lotting.columns import Aliases, find_columns
from lotting.errors import InputError, Problems, some
from lotting.tables import fold, nearest, read_table, to_number

from .brief import MarketBrief, MarketTable

__all__ = ["as_text", "attempt", "columns_of", "ids", "known", "number", "read", "read_market", "text",
           "whole"]

T = TypeVar("T")

#: How like the name of a column that is absent another must be to be taken for a misspelling.
_MISSPELT = 0.85
_NAMES_SHOWN = 5
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def attempt(problems: Problems, make: Callable[[], T]) -> T | None:
    """Call ``make``; note the problems of an :class:`InputError` and go on."""
    try:
        return make()
    except InputError as error:
        problems.items += error.problems
        return None


def read(
    path: Path, where: str, *, sheet: str | None = None, given: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a table as text.

    Parameters
    ----------
    path
        CSV or workbook.
    where
        The key of the tender that names the columns, for messages.
    sheet
        Worksheet of a workbook; the first when left out.
    given
        Our name of a column = the name it has in the file.

    Returns
    -------
    pandas.DataFrame
        As of :func:`lotting.tables.read_table`; ``attrs`` holds ``where`` and ``given``, too.
    """
    table = read_table(path, sheet=sheet)
    table.attrs.update(where=where, given=dict(given or {}))
    return table


def read_market(market: MarketBrief, name: MarketTable) -> pd.DataFrame | None:
    """Read one of the tables of ``[market]``; None where the tender names none."""
    path = getattr(market, name)
    return None if path is None else read(
        path, f"market.columns.{name}", sheet=market.sheets.get(name), given=market.columns.get(name))


def as_text(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Return a table as :func:`lotting.tables.read_table` would give it, of a frame in memory.

    Parameters
    ----------
    frame
        Any columns; missing values become blank. A named index becomes columns.
    file
        What messages call the table.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1, every cell text.

    Examples
    --------
    >>> as_text(pd.DataFrame({"lot": [1, 2], "people": [3.5, None]}), "lots").to_dict("list")
    {'lot': ['1', '2'], 'people': ['3.5', '']}
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    table = pd.DataFrame(
        {str(name): [_cell(v) for v in frame[name].to_list()] for name in frame.columns},
        index=range(len(frame)), dtype="str")
    table.attrs["file"] = file
    return table


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def columns_of(
    table: pd.DataFrame, aliases: Aliases, required: Collection[str], problems: Problems
) -> dict[str, str]:
    """Find the column of each field; a needed one that is missing, or one misspelt, is a problem.

    Returns
    -------
    dict
        Column by field; a field without a column is left out.
    """
    file = table.attrs["file"]
    own = {field: (fold(field), *names) for field, names in aliases.items()}
    noted = Problems()
    given, where = table.attrs.get("given", {}), table.attrs.get("where", "market.columns")
    for field in given.keys() - own.keys():
        problems.add(f"there is no column called {field!r} to give a name to", file=file,
                     fix=f"[{where}] may name {', '.join(own)}.")
    columns = find_columns(table, own, {f: c for f, c in given.items() if f in own}, where,
                           list(table.columns), noted)
    problems.items += noted.errors
    taken = [f"could be {field};" for field, column in columns.items() if fold(column) == fold(field)]
    for problem in noted.warnings:  # two columns for one field, neither called so: no guesses here
        if not any(name in problem.message for name in taken):
            problems.add(problem.message.split(";")[0], file=file, row=1,
                         fix="Rename or delete all but one.")
    unused = [c for c in table.columns if c not in columns.values()]
    for field in own.keys() - columns.keys():
        if field in given:
            continue
        if field in required:
            problems.add(f"there is no column {field!r}", file=file, fix=nearest(field, table.columns))
            continue
        like = difflib.get_close_matches(fold(field), [fold(c) for c in unused], 1, _MISSPELT)
        if like:
            column = next(c for c in unused if fold(c) == like[0])
            problems.add(
                f"there is no column {field!r}, but one that is nearly called so: {column!r}",
                file=file, row=1, fix=f"Name it {field}, or give it a name less like that.")
    problems.items.sort(key=lambda p: (p.file or "", p.row or 0))
    return columns


def text(table: pd.DataFrame, columns: Mapping[str, str], field: str) -> pd.Series[str]:
    """Return a field's cells, ``""`` where there is no such column."""
    if field in columns:
        return table[columns[field]]
    return pd.Series("", index=table.index, name=field, dtype="str")


def ids(
    table: pd.DataFrame, column: str, problems: Problems, *, what: str, unique: bool
) -> pd.Series[str]:
    """Return the ids of a column; a blank one, or one that occurs twice where that is wrong, is noted."""
    file, values = table.attrs["file"], table[column]
    blank = values.index[values == ""]
    if len(blank):
        problems.add(
            f"{len(blank):,} row{'' if len(blank) == 1 else 's'} without {what}: row {some(blank + 2)}",
            file=file, column=column, fix="Fill it in, or delete the row.")
    if unique:
        twice = values[values.duplicated() & (values != "")]
        if len(twice):
            problems.add(
                f"more than one row of {what}: {some(twice.unique())}", file=file,
                row=int(twice.index[0]) + 2, column=column, fix="Keep one row of each.")
    return values


def known(
    values: pd.Series[str], names: Collection[str], problems: Problems, *, file: str, what: str
) -> None:
    """Note the values that are not among ``names``; blank ones are passed over."""
    there, unknown = {"", *names}, dict[str, list[int]]()
    for at, name in zip(values.index, values, strict=True):
        if name not in there:
            unknown.setdefault(name, []).append(at)
    for name in list(unknown)[:_NAMES_SHOWN]:
        rows = unknown[name]
        more = f", in {len(rows):,} rows" if len(rows) > 1 else ""
        folded = {fold(n): n for n in names}
        near = difflib.get_close_matches(fold(name), list(folded), n=1)
        problems.add(
            f"no such {what}{more}", file=file, row=rows[0] + 2, column=str(values.name), value=name,
            fix=f"Did you mean {folded[near[0]]!r}?" if near else f"There are: {some(names)}.")
    rest = list(unknown)[_NAMES_SHOWN:]
    if rest:
        problems.add(f"{len(rest):,} more that are no {what}: {some(rest)}", file=file,
                     column=str(values.name))


def number(
    table: pd.DataFrame, columns: Mapping[str, str], field: str, problems: Problems, *,
    minimum: float | None = None, maximum: float | None = None, required: bool = False,
    above: float | None = None, unit: str = "",
) -> pd.Series[float]:
    """Return a field's numbers, NaN where blank or where there is no such column.

    ``above`` is a limit the number must exceed; the others are as in
    :func:`lotting.tables.to_number`.
    """
    if field not in columns:
        return pd.Series(float("nan"), index=table.index, name=field)
    file, column = table.attrs["file"], columns[field]
    least = above if minimum is None else minimum
    values = _plain(table[column], minimum=least, maximum=maximum, required=required)
    if values is None:
        values = to_number(table[column], problems, file=file, minimum=least, maximum=maximum,
                           required=required, unit=unit)
    if above is not None:
        _note(values == above, f"must be above {above:g}", table, column, problems,
              fix="Check the figure" + ("." if required else ", or leave it blank."))
    return values


def _plain(
    text: pd.Series[str], *, minimum: float | None, maximum: float | None, required: bool
) -> pd.Series[float] | None:
    """Return numbers written plainly and within their limits; None where a cell needs a closer look."""
    cells = text.to_list()
    if not all(_PLAIN.fullmatch(cell) or (cell == "" and not required) for cell in cells):
        return None
    given = [float(cell) for cell in cells if cell]
    if given and ((minimum is not None and min(given) < minimum)
                  or (maximum is not None and max(given) > maximum)):
        return None
    numbers = [float(cell) if cell else float("nan") for cell in cells]
    return pd.Series(numbers, index=text.index, name=text.name, dtype="float64")


def whole(values: pd.Series[float], table: pd.DataFrame, column: str, problems: Problems) -> None:
    """Note the numbers that are not whole."""
    _note(values.notna() & (values != values.round()), "no whole number", table, column, problems,
          fix="Give a whole number.")


def _note(
    bad: pd.Series[Any], message: str, table: pd.DataFrame, column: str, problems: Problems, *, fix: str
) -> None:
    rows = table.index[bad.to_numpy()]
    if len(rows):
        problems.add(
            message + (f", in {len(rows):,} rows: {some(rows + 2)}" if len(rows) > 1 else ""),
            file=table.attrs["file"], row=int(rows[0]) + 2, column=column,
            value=table[column][rows[0]], fix=fix)
