"""What several commands need: reading a council and its plan, folders, files, lines of text."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lotting.console import width
from lotting.errors import InputError, Problem
from lotting.files import replace_all

__all__ = [
    "Column", "Written", "check_folder", "plain", "records", "table_text", "wrapped",
    "write_together",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What a command gave: text for people, records for programs, and files."""

    text: str
    data: dict[str, Any]
    files: tuple[Path, ...] = ()
    below: bool = False

    def to_text(self) -> str:
        """Return what is printed, the files last."""
        return "\n".join([self.text, "", *map(str, self.files)]) if self.files else self.text

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {**self.data, "files": [str(f) for f in self.files]}


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a printed table is headed and written."""

    name: str
    head: str
    unit: str = ""
    decimals: int = 0
    signed: bool = False


def check_folder(out: Path, project_inputs: Sequence[Path], names: Sequence[str]) -> None:
    """Check that files can be written, and take the place of none that the brief reads.

    Raises
    ------
    InputError
        They cannot.
    """
    there = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    if not there.is_dir():
        raise InputError(Problem(
            message="there is a file of this name, so no folder can be made", file=str(out),
            fix="Choose another folder with --out.",
        ))  # fmt: skip
    read = {p.resolve() for p in project_inputs}
    taken = [name for name in names if (out / name).resolve() in read]
    if taken:
        raise InputError(Problem(
            message="this file is read, and the results would take its place", file=str(out / taken[0]),
            fix="Choose another folder with --out.",
        ))  # fmt: skip


def write_together(out: Path, writers: Mapping[str, Callable[[Path], None]]) -> tuple[Path, ...]:
    """Write files that belong together, all of them or none.

    Parameters
    ----------
    out
        Their folder; made when it is not there.
    writers
        By name: called with the path to write to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as draft:
            for name, write in writers.items():
                write(Path(draft) / name)
            replace_all(Path(draft), out, list(writers))
    except OSError as error:
        raise InputError(Problem(
            message=f"the results cannot be written: {error.strerror or error}", file=str(out),
            fix="Close them in other programs, or choose another folder with --out.",
        )) from error  # fmt: skip
    return tuple(out / name for name in writers)


def wrapped(*sentences: str) -> str:
    """Fill paragraphs to the width of the terminal."""
    return "\n".join(
        textwrap.fill(s, width(), break_long_words=False, break_on_hyphens=False) for s in sentences if s
    )


def table_text(
    table: pd.DataFrame, columns: Sequence[Column], *, first: str, mark: str = "–", label: int = 20
) -> str:  # fmt: skip
    """Write a table in the width of the terminal, its index first.

    Parameters
    ----------
    table
        Numbers; ``mark`` is written where there is none. A column ``withheld`` says where to write
        ``[c]`` instead.
    columns
        What is shown.
    first
        Heading of the index.
    label
        Least width of the index, as far as nine characters a column leave it.
    """
    wide = width()
    cell = max(9, min(12, (wide - label) // len(columns)))
    label = wide - cell * len(columns)
    heads = [(first, [c.head for c in columns]), ("", [c.unit for c in columns])]
    lines = [
        f"{head:<{label}}" + "".join(f"{name:>{cell}}" for name in names)
        for head, names in heads if any(names)
    ]
    for name, row in table.iterrows():
        hidden = bool(row.get("withheld", False))
        cells = "".join(f"{'[c]' if hidden else _cell(row[c.name], c, mark):>{cell}}" for c in columns)
        lines.append(f"{str(name)[: label - 1]:<{label}}{cells}")
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any, column: Column, mark: str) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return mark
    if isinstance(value, str):
        return value
    sign = "+" if column.signed else ""
    return f"{float(value):{sign},.{column.decimals}f}".replace("-", "−")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: figures that are none become null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and not isinstance(value, float) else round(number, 6)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as records, its index first."""
    return [plain(row) for row in table.reset_index().to_dict("records")]
