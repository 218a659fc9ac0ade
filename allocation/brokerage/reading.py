"""Cells of the broker's tables: text, numbers, yes and no, dates, lists; every wrong one is noted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lotting.columns import find_columns, is_wanted
from lotting.dates import parse_dates
from lotting.errors import Problems, some
from lotting.tables import nearest, read_table, to_number

from .brief import FileBrief

__all__ = ["Sheet", "read_sheet", "rows_of", "split_list"]

_YES = frozenset({"1", "yes", "y", "true", "x"})
_NO = frozenset({"", "0", "no", "n", "false"})


class Sheet:
    """A table as text, and what its columns mean.

    Parameters
    ----------
    table
        As :func:`lotting.tables.read_table` gives it.
    columns
        Column by field.
    problems
        Where wrong cells are noted.
    day_first
        Whether 03/04/2026 is 3 April.
    """

    def __init__(
        self, table: pd.DataFrame, columns: Mapping[str, str], problems: Problems, *, day_first: bool = True
    ) -> None:
        self.table, self.columns, self.problems, self.day_first = table, columns, problems, day_first
        self.file: str = table.attrs["file"]

    def has(self, field: str) -> bool:
        """Say whether the file has it."""
        return field in self.columns

    def text(self, field: str) -> pd.Series[str]:
        """Return its cells as text, ``""`` throughout where there is no such column."""
        if field not in self.columns:
            return pd.Series("", index=self.table.index, dtype="str", name=field)
        return self.table[self.columns[field]].astype("str")

    def number(
        self, field: str, *, minimum: float | None = None, maximum: float | None = None,
        required: bool = False, unit: str = "",
    ) -> pd.Series[float]:  # fmt: skip
        """Return its cells as numbers, NaN where blank."""
        if field not in self.columns:
            return pd.Series(float("nan"), index=self.table.index, name=field)
        return to_number(self.text(field), self.problems, file=self.file, minimum=minimum, maximum=maximum,
                         required=required, unit=unit)

    def yes(self, field: str, *, default: bool) -> pd.Series[bool]:
        """Return yes or no; ``default`` where there is no such column."""
        if field not in self.columns:
            return pd.Series(default, index=self.table.index, name=field)
        text = self.text(field).str.casefold()
        wrong = ~text.isin(_YES | _NO)
        self.note(wrong, field, "neither yes nor no", "Write yes or no.")
        return text.isin(_YES)

    def date(self, field: str) -> pd.Series[Any]:
        """Return dates, NaT where blank."""
        days, wrong = parse_dates(self.text(field), day_first=self.day_first)
        self.note(wrong, field, "no date that can be read", "Write it as 2026-04-01 or 01/04/2026.")
        return days

    def note(self, wrong: pd.Series[bool], field: str, message: str, fix: str) -> None:
        """Note the rows that are wrong; the values stay out, as they may be anybody's."""
        rows = [int(str(i)) + 2 for i in wrong.index[wrong]]
        if rows:
            self.problems.add(
                f"{message}: {len(rows)} cell{'s' if len(rows) > 1 else ''}, row {some(rows)}",
                file=self.file, column=self.columns.get(field, field), fix=fix)

    def keys(self, field: str, what: str) -> pd.Series[str]:
        """Return a column of ids: none blank, none twice."""
        text = self.text(field)
        self.note(text == "", field, f"no {what}", "Fill it in, or delete the row.")
        self.note(text.duplicated() & (text != ""), field, f"this {what} is in an earlier row too",
                  "Keep one row each.")
        return text

    def known(self, field: str, ids: Collection[str], what: str) -> pd.Series[str]:
        """Return a column of ids that another table must have."""
        text = self.text(field)
        strange = ~text.isin(list(ids))
        self.note(strange, field, f"not a {what} that is known", f"Add it to the table of {what}s.")
        return text


def read_sheet(
    brief: FileBrief, aliases: Mapping[str, tuple[str, ...]], needed: Collection[str], block: str,
    problems: Problems,
) -> Sheet | None:  # fmt: skip
    """Read a table of the brief; only the columns that are used.

    Parameters
    ----------
    brief
        The file, and what its columns are called.
    aliases
        Usual names of every field, folded, the likeliest first.
    needed
        Fields that must be there.
    block
        Name of the brief's table, for messages.
    problems
        Where what is wrong is noted.

    Returns
    -------
    Sheet or None
        None where a column that is needed is missing.
    """
    seen: list[str] = []

    def wanted(name: str) -> bool:
        seen.append(name)
        return is_wanted(name, aliases, brief.columns.values())

    unknown = sorted(set(brief.columns) - set(aliases))
    if unknown:
        problems.add(f"no such column is used: {some(unknown)}", column=f"{block}.columns",
                     file="broker.toml", fix=f"The columns are {', '.join(aliases)}.")
    table = read_table(Path(brief.file), sheet=brief.sheet, usecols=wanted)
    given = {k: v for k, v in brief.columns.items() if k in aliases}
    columns = find_columns(table, aliases, given, f"{block}.columns", seen, problems)
    missing = [f for f in needed if f not in columns]
    for field in missing:
        problems.add(f"there is no column {field!r}", file=table.attrs["file"],
                     fix=f"{nearest(field, seen)} Or say so in [{block}.columns].")
    return None if missing else Sheet(table, columns, problems, day_first=brief.day_first)


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a frame as named tuples, without the index."""
    yield from frame.itertuples(index=False)


def split_list(text: str) -> frozenset[str]:
    """Split a cell of several things.

    Examples
    --------
    >>> sorted(split_list("hoist; PEG|Hoist"))
    ['hoist', 'peg']
    """
    parts = text.replace("|", ";").split(";")
    return frozenset(p.strip().casefold() for p in parts) - {""}
