"""Compiled loops of the rough estimate of travel burden."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

__all__ = ["nearest_in_time", "sum_of_nearest"]

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@nb.njit(cache=True)
def nearest_in_time(
    minutes: Matrix,
    row: Ints,
    column: Ints,
    area: Ints,
    first: int,
    target: Floats,
    end: Floats,
    window: Floats,
    rule: tuple[float, float, float],
    nearest: Matrix,
) -> None:
    """Find for each carer's visit the nearest one of each area that may follow it.

    Parameters
    ----------
    minutes
        From every visit to some, shape (visits, some).
    row
        Visit of each carer's visit, shape (n,).
    column
        Column of ``minutes`` of the carers' visits ``first`` and on.
    area
        Area of each carer's visit, shape (n,).
    first
        The carer's visit of ``column[0]``.
    target, end, window
        As in :class:`lotting.travel.burden.Moments`.
    rule
        ``window_share``, ``order_share``, ``longest_wait_minutes``.
    nearest
        Shape (n, areas); lowered in place.
    """
    window_share, order_share, longest_wait = rule
    for i in range(len(row)):
        for c in range(len(column)):
            j = first + c
            apart = target[j] - target[i]
            if apart <= 0.0 or row[i] == row[j]:
                continue
            way = minutes[row[i], column[c]]
            needed = end[i] - target[i] + way
            spare = apart - needed
            if (
                way < nearest[i, area[j]]
                and spare <= longest_wait
                and apart >= order_share * needed
                and spare >= -window_share * (window[i] + window[j]) / 2
            ):
                nearest[i, area[j]] = way


@nb.njit(cache=True)
def sum_of_nearest(nearest: Matrix, first: Ints, areas: Ints) -> float:
    """Add up the way from each visit of a lot to the nearest of the lot; those without one are left out."""
    total = 0.0
    for a in areas:
        for i in range(first[a], first[a + 1]):
            best = np.inf
            for b in areas:
                best = min(best, nearest[i, b])
            if best < np.inf:
                total += best
    return total
