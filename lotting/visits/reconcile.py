"""What became of every hour of visits: placed, or listed with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lotting.errors import LottingError
from lotting.reconciliation import PLACED, READ

__all__ = ["ANOTHER_WEEK", "CANCELLED", "MISSED", "NO_LENGTH", "NO_TIME", "VisitSums", "sums_of"]

CANCELLED = "not placed: cancelled"
MISSED = "not placed: missed"
ANOTHER_WEEK = "not placed: another week"
NO_TIME = "not placed: no start given"
NO_LENGTH = "not placed: no length given"


@dataclass(frozen=True, slots=True, eq=False)
class VisitSums:
    """Hours and visits read, placed and not placed.

    Attributes
    ----------
    frame
        Index ``reason`` (str: ``read``, ``placed``, then ``not placed: ...``); columns ``hours``
        (float, contact hours of all carers) and ``visits`` (int, of each carer).

    Examples
    --------
    >>> table = VisitSums(pd.DataFrame(
    ...     {"hours": [3.0, 2.5, 0.5], "visits": [5, 4, 1]},
    ...     index=["read", "placed", "not placed: cancelled"]))
    >>> table.check()
    >>> print(table)
                                                    contact hours    visits
    read                                                      3.0         5
    placed                                                    2.5         4
    not placed: cancelled                                     0.5         1
    """

    frame: pd.DataFrame

    def check(self) -> None:
        """Check that what was read is what was placed and what was not.

        Raises
        ------
        LottingError
            It is not. This is a fault of the program, not of the input.
        """
        rest = self.frame.drop(index=READ).sum()
        read = self.frame.loc[READ]
        if abs(rest["hours"] - read["hours"]) > 1e-6 or rest["visits"] != read["visits"]:
            raise LottingError(f"Visits do not add up: {self.frame.to_dict('index')}")

    def __str__(self) -> str:
        lines = [f"{'':<46}{'contact hours':>15}{'visits':>10}"]
        lines += [f"{reason!s:<46}{row['hours']:>15,.1f}{int(row['visits']):>10,}"
                  for reason, row in self.frame.iterrows()]
        return "\n".join(lines)


def sums_of(rows: pd.DataFrame, placed: dict[str, float]) -> VisitSums:
    """Set what was read against what was placed.

    Parameters
    ----------
    rows
        Every row read: ``reason`` (:data:`lotting.reconciliation.PLACED` or ``not placed: ...``),
        ``hours`` (float, not NaN) and ``visits`` (int).
    placed
        ``hours`` and ``visits`` of the visits that came out, counted from them and not from
        ``rows``, so that the check means something.

    Returns
    -------
    VisitSums
        Checked.
    """
    lost = rows[rows["reason"] != PLACED].groupby("reason", sort=False)[["hours", "visits"]].sum()
    head = pd.DataFrame(
        [[rows["hours"].sum(), rows["visits"].sum()], [placed["hours"], placed["visits"]]],
        index=[READ, PLACED], columns=["hours", "visits"])
    frame = pd.concat([head, lost]).astype({"hours": "float64", "visits": "int64"})
    result = VisitSums(frame.rename_axis("reason"))
    result.check()
    return result
