"""Quick gains in an assignment: fill what is free, exchange placed for left over, swap two placed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .assign import List

__all__ = ["polished"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_LEAST_GAIN = 1e-6
_MOST_SWAPPED = 4000  # placed packages: the table of swaps has that many rows and columns


def polished(problem: List, offer: Ints, *, seconds: float) -> Ints:
    """Make gains one after the other until there are none, or time is up.

    Parameters
    ----------
    problem
        The list. Where it has limits that may be exceeded at a cost, nothing is done.
    offer
        Offer of each package, -1 where none; it keeps all limits.
    seconds
        Most to take.

    Returns
    -------
    numpy.ndarray
        Worth no less, and keeping all limits.
    """
    if np.isfinite(problem.excess_cost).any():
        return offer
    until = time.monotonic() + seconds
    state = _State(problem, offer.copy())
    while time.monotonic() < until:
        if not (state.fill() or state.exchange() or state.swap()):
            break
    return state.offer


class _State:
    def __init__(self, problem: List, offer: Ints) -> None:
        self.hours, self.offer = problem.hours, offer
        self.drawn = problem.matrix() > 0
        self.gain = np.where(np.isfinite(problem.worth), problem.worth * problem.hours[:, None], -np.inf)
        self.left = problem.limit.astype(np.float64)
        for i in np.flatnonzero(offer >= 0).tolist():
            self.left[self.drawn[offer[i]]] -= self.hours[i]

    def room(self) -> Floats:
        """Hours left of each offer: those of its tightest limit."""
        return np.asarray(np.where(self.drawn, self.left[None, :], np.inf).min(axis=1), np.float64)

    def move(self, i: int, to: int) -> None:
        if self.offer[i] >= 0:
            self.left[self.drawn[self.offer[i]]] += self.hours[i]
        if to >= 0:
            self.left[self.drawn[to]] -= self.hours[i]
        self.offer[i] = to

    def fill(self) -> bool:
        """Give each package left over, or placed, the best offer that has room."""
        changed = False
        room = self.room()
        for i in np.argsort(-self.hours, kind="stable").tolist():
            now = int(self.offer[i])
            own = 0.0 if now < 0 else self.gain[i, now]
            worth = np.where(room >= self.hours[i], self.gain[i], -np.inf)
            to = int(np.argmax(worth))
            if worth[to] > own + _LEAST_GAIN:
                self.move(i, to)
                room, changed = self.room(), True
        return changed

    def exchange(self) -> bool:
        """Let a package left over take the place of one that is worth less there."""
        changed = False
        for j in range(len(self.drawn)):
            there, over = np.flatnonzero(self.offer == j), np.flatnonzero(self.offer < 0)
            if not len(there) or not len(over):
                continue
            more = self.gain[over, j][:, None] - self.gain[there, j][None, :]
            fits = self.hours[over][:, None] - self.hours[there][None, :] <= self.room()[j]
            table = np.where(fits, more, -np.inf)
            u, i = np.unravel_index(int(np.argmax(table)), table.shape)
            if table[u, i] > _LEAST_GAIN:
                self.move(int(there[i]), -1)
                self.move(int(over[u]), j)
                changed = True
        return changed

    def swap(self) -> bool:
        """Let two placed packages change places, the best pairs first, each offer once a sweep."""
        placed = np.flatnonzero(self.offer >= 0)
        if not 2 <= len(placed) <= _MOST_SWAPPED:
            return False
        at, hours, room = self.offer[placed], self.hours[placed], self.room()
        there = self.gain[np.ix_(placed, at)]
        own = np.diagonal(there)
        more = there + there.T - own[:, None] - own[None, :]
        differ = hours[:, None] - hours[None, :]
        fits = (differ <= room[at][None, :]) & (-differ <= room[at][:, None])
        pairs = np.argwhere(np.triu(fits & (more > _LEAST_GAIN), 1))
        order = np.argsort(-more[pairs[:, 0], pairs[:, 1]], kind="stable")
        touched = np.zeros(len(self.left), bool)
        changed = False
        for a, b in pairs[order[:5000]].tolist():
            limits = self.drawn[at[a]] | self.drawn[at[b]]
            if (touched & limits).any():
                continue
            i, k = int(placed[a]), int(placed[b])
            self.move(i, -1)
            self.move(k, int(at[a]))
            self.move(i, int(at[b]))
            touched |= limits
            changed = True
        return changed
