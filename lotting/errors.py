"""What can go wrong, in words a commissioner can act on.

A reader gathers every problem it finds and raises one :class:`InputError`, so that a
council mends its files once and not one row at a time. An :class:`InfeasibleError`
is no error of the input: the files are fine, but no plan can meet the brief.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "InfeasibleError",
    "InputError",
    "LottingError",
    "PlanError",
    "Problem",
    "Problems",
    "Reason",
    "StoppedError",
    "some",
]


# Keys of the brief are named "lots.min_hours" in ``Problem.column``; these are its tables.
_TABLES = "areas|demand|lots|service|today|locks|market|visits|travel|run|publish"
_KEY = re.compile(rf"(?P<table>{_TABLES})(\[(?P<number>\d+)\])?(\.(?P<key>.+))?")


def some(ids: Iterable[object], limit: int = 5) -> str:
    """Name at most ``limit`` ids and say how many more there are.

    Examples
    --------
    >>> some(["E1", "E2"])
    'E1, E2'
    >>> some(range(7), limit=3)
    '0, 1, 2 and 4 more'
    """
    items = [str(i) for i in ids]
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def _where(column: str, file: str | None) -> str:
    """Say where: a key of the brief as TOML writes it, or a column of a table."""
    found = _KEY.fullmatch(column)
    if found is None:
        return column if file is not None and file.lower().endswith(".toml") else f"column {column}"
    table, number, key = found["table"], found["number"], found["key"]
    if number is None and key is None and (file is None or not file.lower().endswith(".toml")):
        return f"column {column}"  # a table of the user's may have such a column
    head = f"[{table}]" if number is None else f"[[{table}]] {number},"
    whole = f"{head} {key}" if key else head.rstrip(",")
    return whole if file is not None and file.lower().endswith(".toml") else f"the brief's {whole}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with an input, where it is, and what to do.

    Never put a person's identifier in any field: problems are printed and exported.

    Examples
    --------
    >>> print(Problem(message="negative hours", file="hours.csv", row=7,
    ...               column="weekly_hours", value="-3", fix="Give 0 or more."))
    hours.csv, row 7, column weekly_hours: negative hours ('-3'). Give 0 or more.
    >>> print(Problem(message="must be 1 or more", file="brief.toml", column="lots.number"))
    brief.toml, [lots] number: must be 1 or more.
    """

    message: str
    file: str | None = None
    row: int | None = None  # as the user's spreadsheet numbers it: the header is row 1
    column: str | None = None  # or a key of the brief, such as "lots.min_hours"
    value: str | None = None
    fix: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = [
            w
            for w in (
                self.file,
                None if self.row is None else f"row {self.row}",
                None if self.column is None else _where(self.column, self.file),
            )
            if w
        ]
        text = f"{', '.join(where)}: " if where else ""
        text += self.message
        if self.value is not None:
            text += f" ({self.value!r})"
        return text.rstrip(".") + "." + (f" {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why no plan can meet the brief in one place, and the smallest change that would help.

    Attributes
    ----------
    place
        Locality (or "the whole map") that fails.
    message
        The failing sum, in hours and places.
    fix
        The smallest change known to mend it.
    proven
        True where it is arithmetic or an exact model that says so; False where the
        search found nothing and time ran out.
    """

    place: str
    message: str
    fix: str
    proven: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.fix}"


class LottingError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(LottingError, ValueError):
    """The input cannot be used; carries every problem found.

    Parameters
    ----------
    problems
        At least one problem.
    """

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        n = len(self.problems)
        head = f"{n} problem{'s' if n != 1 else ''} in the input:"
        super().__init__("\n".join([head, *(f"- {p}" for p in self.problems)]))


class StoppedError(LottingError):
    """Ctrl-C came before the first plan."""


class PlanError(LottingError, ValueError):
    """A plan does not fit its areas (an area without a lot, an unknown area)."""


class InfeasibleError(LottingError):
    """No plan can meet the brief; carries one reason per place that fails."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons: tuple[Reason, ...] = tuple(reasons)
        super().__init__("\n".join(["No plan can meet this brief:", *(f"- {r}" for r in reasons)]))


@dataclass(slots=True)
class Problems:
    """A list that fills up while reading, and raises once at the end."""

    items: list[Problem] = field(default_factory=list)

    def add(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        fix: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Note one problem; see :class:`Problem` for the fields."""
        self.items.append(
            Problem(
                message=message,
                file=file,
                row=row,
                column=column,
                value=None if value is None else str(value),
                fix=fix,
                severity=severity,
            )
        )

    @property
    def errors(self) -> list[Problem]:
        """The problems that stop the run."""
        return [p for p in self.items if p.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The problems the user should know of, but that do not stop the run."""
        return [p for p in self.items if p.severity == "warning"]

    def raise_if_any(self) -> None:
        """Raise :class:`InputError` if any problem is an error."""
        if self.errors:
            raise InputError(self.errors)
