"""Several plans worth showing: each better than the others in something, and clearly different.

A plan is dominated when another is at least as good in every aim and better in one. From the
plans left, the one that answers the brief comes first; then those best in one aim; then whichever
moves most people against all chosen so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from lotting.brief import Weights

__all__ = ["Candidate", "aims_to_try", "choose", "dominates", "people_apart"]

#: Options closer than this share of all people are the same plan to a board.
CLEARLY_DIFFERENT = 0.02


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan and what it is worth.

    Attributes
    ----------
    title
        What it was made for.
    lots
        Lot of each area, in the order of the areas (any labels).
    aims
        Value of each aim, smaller is better, always in the same order.
    """

    title: str
    lots: tuple[str, ...]
    aims: tuple[float, ...]


def aims_to_try(brief: Weights, scale: Weights, *, today: bool) -> list[tuple[str, Weights]]:
    """Give the aims besides the brief's own: each alone, and balances between them.

    Parameters
    ----------
    brief
        The brief's own weights.
    scale
        What one unit of each aim is worth when all are to weigh alike.
    today
        Whether people moved can be counted.
    """
    d, e, m = scale.distance, scale.equality, scale.moved if today else 0.0
    # A little distance keeps lots from straggling for the last hour or person.
    single: list[tuple[str, Weights]] = [
        ("Most compact", Weights(distance=1.0)), ("Most equal", Weights(distance=d / 15, equality=e)),
    ]
    if today:
        single.append(("Fewest people moved", Weights(distance=d / 15, moved=m)))
    balanced = [("Balanced", Weights(distance=d, equality=e, moved=m))]
    balanced.append(("Compact, then equal", Weights(distance=3 * d, equality=e, moved=m / 3)))
    if today:
        balanced.append(("Few moved, then compact", Weights(distance=d, equality=e / 3, moved=3 * m)))
    balanced.append(("Equal, then compact", Weights(distance=d, equality=4 * e, moved=m / 3)))
    return [(title, aims) for title, aims in [*single, *balanced] if aims != brief]


def people_apart(a: Sequence[str], b: Sequence[str], people: np.ndarray) -> float:
    """People in another lot in ``b`` than in ``a``, after matching the lots so that most stay.

    Examples
    --------
    >>> people_apart(["1", "1", "2"], ["x", "y", "y"], np.array([5.0, 1.0, 7.0]))
    1.0
    """
    one, first = pd.factorize(np.asarray(a, dtype=object))
    two, second = pd.factorize(np.asarray(b, dtype=object))
    table = np.zeros((len(first), len(second)))
    np.add.at(table, (one, two), people)
    rows, columns = linear_sum_assignment(-table)
    return float(people.sum() - table[rows, columns].sum())


def choose(candidates: Sequence[Candidate], people: np.ndarray, number: int) -> list[Candidate]:
    """Pick the plans to show; the first candidate (the brief's own answer) is always among them.

    Parameters
    ----------
    candidates
        The first answers the brief.
    people
        People (or hours) of each area.
    number
        At most this many.

    Returns
    -------
    list of Candidate
        None dominated by another candidate, each clearly different from those before it; fewer
        than ``number`` when there are no more.
    """
    own, rest = candidates[0], [c for c in candidates[1:] if not _worse(c, candidates)]
    chosen = [own]
    least = CLEARLY_DIFFERENT * max(float(people.sum()), 1e-9)

    def room(candidate: Candidate) -> float:
        return min(people_apart(candidate.lots, c.lots, people) for c in chosen)

    for aim in range(len(own.aims)):
        if len(chosen) >= number:
            break
        best = min([own, *rest], key=lambda c: (c.aims[aim], c.title))
        if best not in chosen and room(best) >= least:
            chosen.append(best)
    while len(chosen) < number:
        left = [c for c in rest if c not in chosen and room(c) >= least]
        if not left:
            break
        chosen.append(max(left, key=lambda c: (room(c), c.title)))
    return chosen


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether ``one`` is as good as ``other`` in every aim and better in one (less is better).

    Examples
    --------
    >>> dominates((1.0, 5.0), (2.0, 5.0)), dominates((1.0, 5.0), (1.0, 5.0))
    (True, False)
    """
    return _as_good(one, other) and not _as_good(other, one)


def _as_good(one: Sequence[float], other: Sequence[float]) -> bool:
    # A billionth is rounding, not a difference.
    return all(a <= b + 1e-9 * max(1.0, abs(b)) for a, b in zip(one, other, strict=True))


def _worse(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether another candidate dominates this one (or is as good, and earlier)."""
    mine = others.index(candidate)
    return any(
        dominates(other.aims, candidate.aims) or (i < mine and _as_good(other.aims, candidate.aims))
        for i, other in enumerate(others) if i != mine
    )
