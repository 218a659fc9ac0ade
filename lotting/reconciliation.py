"""Nothing is lost: every hour read is either placed in an area, or listed with the reason why not.

Commissioners are asked where the hours went, and a lot that is short of hours because a third of
its postcodes were misspelt looks like any other lot on the map. So the sums are kept beside every
plan, in hours, packages and people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .errors import LottingError

__all__ = [
    "ALL_SERVICES",
    "DUPLICATE",
    "ENDED",
    "NOT_BEGUN",
    "NO_HOURS",
    "NO_LOCATION",
    "NO_SERVICE",
    "OUTSIDE",
    "PLACED",
    "POSTCODE_NOWHERE",
    "READ",
    "REASONS",
    "UNKNOWN_AREA",
    "UNKNOWN_POSTCODE",
    "Reconciliation",
    "reconcile",
]

READ = "read"
PLACED = "placed"
ALL_SERVICES = "all services"

DUPLICATE = "not placed: duplicate row"
ENDED = "not placed: ended"
NOT_BEGUN = "not placed: not begun"
NO_HOURS = "not placed: no hours given"
NO_SERVICE = "not placed: no service rule matches"
NO_LOCATION = "not placed: no location given"
UNKNOWN_AREA = "not placed: unknown area code"
UNKNOWN_POSTCODE = "not placed: unknown postcode"
POSTCODE_NOWHERE = "not placed: postcode without location"
OUTSIDE = "not placed: outside the map"

REASONS = (
    DUPLICATE, ENDED, NOT_BEGUN, NO_HOURS, NO_SERVICE,
    NO_LOCATION, UNKNOWN_AREA, UNKNOWN_POSTCODE, POSTCODE_NOWHERE, OUTSIDE,
)
"""Reasons in the order in which they are tried: a package gets the first that applies.

A row that is there twice is set aside before anything is asked of it; a package that is not
running on the day is no loss, so neither its hours nor its address matter; of the rest, hours and
service come before the place, because the place is the dearest to look up. A person with several
packages gets the reason of the package that came furthest: the nearest to being placed.
"""

COUNTS = ("hours", "packages", "people")
TOLERANCE_HOURS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """Hours, packages and people read, placed and not placed, by service line.

    Attributes
    ----------
    frame
        Columns ``service`` (str), ``reason`` (str), ``hours`` (float, weekly, both carers of a
        double-handed package), ``packages`` (int), ``people`` (int); index 0..n-1. For each
        service a row ``read``, a row ``placed``, and a row for each reason that occurs
        (``"not placed: ..."``, in the order of :data:`REASONS`). Where there are several
        services, a block named ``all services`` closes the table. A person counts once in each
        block, so the people of the services can add up to more than those of all services.
    people_known, packages_known
        False where the input does not say; the column is then 0 throughout.

    Examples
    --------
    >>> table = Reconciliation(pd.DataFrame({
    ...     "service": "all", "reason": ["read", "placed", "not placed: ended"],
    ...     "hours": [30.0, 20.0, 10.0], "packages": [3, 2, 1], "people": [2, 1, 1]}))
    >>> table.check()
    >>> print(table)
    all                                             hours a week  packages    people
    read                                                    30.0         3         2
    placed                                                  20.0         2         1
    not placed: ended                                       10.0         1         1
    """

    frame: pd.DataFrame
    people_known: bool = True
    packages_known: bool = True

    def check(self) -> None:
        """Check that everything adds up.

        Raises
        ------
        LottingError
            What was read is not what was placed and not placed together, or the services do not
            add up to the whole. This is a fault of the program, not of the input.
        """
        wrong: list[str] = []
        read = {r["service"]: r for r in self._rows() if r["reason"] == READ}
        for service, whole in read.items():
            parts = [r for r in self._rows() if r["service"] == service and r["reason"] != READ]
            for c in COUNTS:
                accounted = sum(r[c] for r in parts)
                if not _same(whole[c], accounted):
                    wrong.append(
                        f"{service}: {whole[c]:,.10g} {c} read, {accounted:,.10g} accounted for")
        if ALL_SERVICES in read:
            whole = read.pop(ALL_SERVICES)
            for c in ("hours", "packages"):
                by_service = sum(r[c] for r in read.values())
                if not _same(whole[c], by_service):
                    wrong.append(
                        f"{ALL_SERVICES}: {whole[c]:,.10g} {c}, but {by_service:,.10g} by service")
            people = [r["people"] for r in read.values()]
            if not max(people) <= whole["people"] <= sum(people):
                wrong.append(f"{ALL_SERVICES}: {whole['people']} people, fewer than in one service"
                             " or more than in all of them together")
        if wrong:
            raise LottingError(
                f"The reconciliation does not add up: {'; '.join(wrong)}. "
                "Please report this: no plan is made from demand that cannot be accounted for."
            )

    def total(self, reason: str) -> dict[str, float]:
        """Return hours, packages and people of one reason over all services; 0 where it is not.

        Examples
        --------
        >>> table = Reconciliation(pd.DataFrame({
        ...     "service": "all", "reason": ["read", "placed"],
        ...     "hours": [20.0, 20.0], "packages": [2, 2], "people": [1, 1]}))
        >>> table.total("placed")
        {'hours': 20.0, 'packages': 2, 'people': 1}
        """
        rows = self._rows()
        for row in rows:
            if row["service"] == rows[-1]["service"] and row["reason"] == reason:
                return {c: row[c] for c in COUNTS}
        return {"hours": 0.0, "packages": 0, "people": 0}

    def _rows(self) -> list[dict[str, Any]]:
        return [{str(k): v for k, v in row.items()} for row in self.frame.to_dict("records")]

    def to_records(self) -> list[dict[str, Any]]:
        """Return one JSON-ready dict a row; None where people or packages are not known."""
        return [
            {
                **row,
                "hours": round(row["hours"], 6),
                "packages": row["packages"] if self.packages_known else None,
                "people": row["people"] if self.people_known else None,
            }
            for row in self._rows()
        ]

    def to_text(self, width: int = 80) -> str:
        """Lay the table out for a terminal.

        Parameters
        ----------
        width
            Columns of the terminal; no line is longer, down to 60.
        """
        label = max(width, 60) - 34
        lines: list[str] = []
        previous = None
        for row in self.to_records():
            if row["service"] != previous:
                lines += [""] if lines else []
                lines.append(_line(row["service"], ("hours a week", "packages", "people"), label))
                previous = row["service"]
            counts = ("-" if row[c] is None else f"{row[c]:,}" for c in ("packages", "people"))
            lines.append(_line(row["reason"], (f"{row['hours']:,.1f}", *counts), label))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()


def _line(label: str, cells: Iterable[str], width: int) -> str:
    shown = label if len(label) <= width else label[: width - 1] + "…"
    hours, packages, people = cells
    return f"{shown:<{width}}{hours:>14}{packages:>10}{people:>10}"


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE_HOURS


def reconcile(
    rows: pd.DataFrame,
    placed: dict[str, dict[str, float]],
    *,
    people_known: bool = True,
) -> Reconciliation:
    """Set what was read against what was placed.

    Parameters
    ----------
    rows
        Every row read, placed or not: ``service`` (str), ``reason`` (:data:`PLACED` or one of
        :data:`REASONS`), ``hours`` (float, not NaN), ``packages`` (int), ``person`` (any key
        that tells people apart; never kept).
    placed
        Hours, packages and people placed, by service, counted from the demand itself and not
        from ``rows``, so that the check means something.
    people_known
        Whether ``person`` tells people apart; the people are not counted otherwise.

    Returns
    -------
    Reconciliation
        Checked.
    """
    rank = {PLACED: len(REASONS), **{reason: i for i, reason in enumerate(REASONS)}}
    rows = rows.assign(rank=rows["reason"].map(rank))
    services = [*placed, *(s for s in rows["service"].unique() if s not in placed)]
    blocks: list[dict[str, Any]] = []
    for service in services:
        part = rows[rows["service"] == service]
        blocks += _block(service, part, placed.get(service, dict.fromkeys(COUNTS, 0)))
    if len(services) > 1:
        whole = {c: sum(p[c] for p in placed.values()) for c in ("hours", "packages")}
        # A person served by two services is placed once in all.
        whole["people"] = rows.loc[rows["reason"] == PLACED, "person"].nunique()
        blocks += _block(ALL_SERVICES, rows, whole)
    frame = pd.DataFrame(blocks, columns=["service", "reason", *COUNTS])
    frame = frame.astype(
        {"service": "str", "reason": "str", "hours": "float64", "packages": "int64",
         "people": "int64"})
    if not people_known:
        frame["people"] = 0
    result = Reconciliation(frame, people_known=people_known)
    result.check()
    return result


def _block(service: str, rows: pd.DataFrame, placed: dict[str, float]) -> list[dict[str, Any]]:
    furthest = rows.groupby("person")["rank"].max()
    block = [
        {"service": service, "reason": READ, "hours": rows["hours"].sum(),
         "packages": rows["packages"].sum(), "people": rows["person"].nunique()},
        {"service": service, "reason": PLACED, **placed},
    ]
    for i, reason in enumerate(REASONS):
        part = rows[rows["rank"] == i]
        if len(part):
            block.append({
                "service": service, "reason": reason, "hours": part["hours"].sum(),
                "packages": part["packages"].sum(), "people": int((furthest == i).sum()),
            })
    return block
