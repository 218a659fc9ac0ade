"""A plan: which area is in which lot.

Immutable. A move returns a child that knows its parent, so undo is for free and two plans can
share what has not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from .errors import PlanError, some

__all__ = ["Plan"]


class Plan:
    """Every area's lot.

    Parameters
    ----------
    lots
        Lot name (str) by ``area_code`` (str); one row an area, none missing.
    parent
        The plan this one was made from by :meth:`move`.

    Raises
    ------
    PlanError
        An area occurs twice or has no lot.

    Examples
    --------
    >>> plan = Plan(pd.Series({"a": "1", "b": "1", "c": "2"}))
    >>> plan.move({"b": "2"}).areas_of("2")
    ['b', 'c']
    >>> plan.move({"b": "2"}).parent is plan
    True
    """

    __slots__ = ("_lots", "parent")

    def __init__(
        self, lots: pd.Series[str] | Mapping[str, str], parent: Plan | None = None
    ) -> None:
        series = pd.Series(lots, dtype="object") if not isinstance(lots, pd.Series) else lots
        missing = series.index[series.isna()]
        if len(missing):
            raise PlanError(
                f"{len(missing)} of {len(series)} areas have no lot: {some(missing)}. "
                "Every area must be in exactly one lot."
            )
        if not series.index.is_unique:
            twice = series.index[series.index.duplicated()].unique()
            raise PlanError(f"{len(twice)} areas occur more than once: {some(twice)}.")
        series = pd.Series(
            [str(v) for v in series],
            index=pd.Index([str(i) for i in series.index], name="area_code"),
            name="lot",
            dtype="object",
        )
        self._lots = series
        self.parent = parent

    @property
    def lots(self) -> pd.Series[str]:
        """Lot name by ``area_code`` (a copy)."""
        return self._lots.copy()

    @property
    def lot_names(self) -> list[str]:
        """Every lot, in natural order (2 before 10)."""
        return sorted(self._lots.unique(), key=natural)

    def areas_of(self, lot: str) -> list[str]:
        """Codes of the areas in a lot, in the plan's order."""
        return list(self._lots.index[self._lots == lot])

    def move(self, changes: Mapping[str, str]) -> Plan:
        """Return a child plan with some areas in another lot."""
        unknown = [a for a in changes if a not in self._lots.index]
        if unknown:
            raise PlanError(f"{len(unknown)} areas are not in the plan: {some(unknown)}.")
        lots = self._lots.copy()
        for area, lot in changes.items():
            lots.loc[area] = lot
        return Plan(lots, parent=self)

    def aligned(self, areas: Iterable[str]) -> pd.Series[str]:
        """Lots in the order of ``areas``, which must be exactly the plan's areas.

        Raises
        ------
        PlanError
            Areas without a lot, or lots for unknown areas.
        """
        index = pd.Index([str(a) for a in areas], name="area_code")
        lost, extra = index.difference(self._lots.index), self._lots.index.difference(index)
        if len(lost):
            raise PlanError(
                f"{len(lost)} of {len(index)} areas have no lot: {some(lost)}. "
                "Every area must be in exactly one lot."
            )
        if len(extra):
            raise PlanError(f"{len(extra)} areas of the plan are not on the map: {some(extra)}.")
        return self._lots.reindex(index)

    def to_csv(self, path: Path) -> None:
        r"""Write ``area_code,lot``, sorted by area code, UTF-8 with ``\n`` line ends."""
        self._lots.sort_index().to_frame().to_csv(path, lineterminator="\n", encoding="utf-8")

    def __len__(self) -> int:
        return len(self._lots)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and bool(
            self._lots.sort_index().equals(other._lots.sort_index())
        )

    def __hash__(self) -> int:
        return hash(tuple(self._lots.sort_index().items()))

    def __repr__(self) -> str:
        return f"<Plan: {len(self)} areas in {len(self.lot_names)} lots>"


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``2`` before ``10`` and digits before letters.

    Examples
    --------
    >>> sorted(["10", "2", "A"], key=natural)
    ['2', '10', 'A']
    """
    parts: list[tuple[int, int, str]] = []
    for is_digit, text in _runs(name):
        parts.append((0, int(text), text) if is_digit else (1, 0, text.casefold()))
    return tuple(parts)


def _runs(text: str) -> list[tuple[bool, str]]:
    runs: list[tuple[bool, str]] = []
    for ch in text:
        digit = ch.isascii() and ch.isdigit()
        if runs and runs[-1][0] == digit:
            runs[-1] = (digit, runs[-1][1] + ch)
        else:
            runs.append((digit, ch))
    return runs
