"""Several plans worth showing: each better than the others in something, and clearly different.

A plan is dominated when another is at least as good in every aim and better in one. From the
plans left, the one that answers the brief comes first; then those best in one aim; then the most
balanced; then whichever moves most people against all chosen so far.

The most balanced is the one nearest to the ideal that is best in every aim (compromise programming,
Zeleny 1973), each aim counted from the best plan to the worst of those left, the largest shortfall
deciding.

References
----------
.. [1] Zeleny, M. (1973), "Compromise programming", in Cochrane, J. L. and Zeleny, M. (eds), Multiple
   Criteria Decision Making, University of South Carolina Press, 262-301.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Candidate", "balanced", "choose", "dominates", "people_apart", "undominated"]

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


def people_apart(a: Sequence[str], b: Sequence[str], people: np.ndarray) -> float:
    """People in another lot in ``b`` than in ``a``, after matching the lots so that most stay.

    Examples
    --------
    >>> people_apart(["1", "1", "2"], ["x", "y", "y"], np.array([5.0, 1.0, 7.0]))
    1.0
    """
    import pandas as pd
    from scipy.optimize import linear_sum_assignment

    one, first = pd.factorize(np.asarray(a, dtype=object))
    two, second = pd.factorize(np.asarray(b, dtype=object))
    table = np.zeros((len(first), len(second)))
    np.add.at(table, (one, two), people)
    rows, columns = linear_sum_assignment(-table)
    return float(people.sum() - table[rows, columns].sum())


def choose(
    candidates: Sequence[Candidate], people: np.ndarray, number: int, *, weighed: int | None = None
) -> list[Candidate]:
    """Pick the plans to show; the first candidate (the brief's own answer) is always among them.

    Parameters
    ----------
    candidates
        The first answers the brief.
    people
        People (or hours) of each area.
    number
        At most this many.
    weighed
        Only the first so many aims count for balance; all when left out.

    Returns
    -------
    list of Candidate
        None dominated by another candidate, each clearly different from those before it; fewer
        than ``number`` when there are no more.
    """
    left_over = undominated([c.aims for c in candidates])
    own, rest = candidates[0], [candidates[i] for i in left_over if i]
    chosen = [own]
    least = CLEARLY_DIFFERENT * max(float(people.sum()), 1e-9)

    def room(candidate: Candidate) -> float:
        return min(people_apart(candidate.lots, c.lots, people) for c in chosen)

    for aim in range(len(own.aims)):
        if len(chosen) >= number:
            break
        best = min([own, *rest], key=lambda c: (c.aims[aim], c.aims, c.title))
        if best not in chosen and room(best) >= least:
            chosen.append(best)
    if len(chosen) < number and rest:
        middle = rest[balanced([c.aims[:weighed] for c in rest])]
        if middle not in chosen and room(middle) >= least:
            chosen.append(middle)
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


def balanced(values: Sequence[Sequence[float]]) -> int:
    """Position of the one nearest to the best in every aim; of equals the first.

    Examples
    --------
    >>> balanced([(1.0, 9.0), (2.0, 3.0), (9.0, 1.0)])
    1
    """
    table = np.asarray(values, dtype=float)
    best = table.min(axis=0)
    width = table.max(axis=0) - best
    short = (table - best) / np.where(width > 0, width, 1.0)
    return min(range(len(table)), key=lambda i: (short[i].max(), short[i].sum(), i))


def undominated(values: Sequence[Sequence[float]]) -> list[int]:
    """Positions of those that no other dominates; of equals the first.

    Examples
    --------
    >>> undominated([(1.0, 5.0), (2.0, 5.0), (2.0, 3.0), (1.0, 5.0)])
    [0, 2]
    """
    return [
        i for i, mine in enumerate(values)
        if not any(
            dominates(other, mine) or (j < i and _as_good(other, mine))
            for j, other in enumerate(values) if j != i
        )
    ]


def _as_good(one: Sequence[float], other: Sequence[float]) -> bool:
    # A billionth is rounding, not a difference.
    return all(a <= b + 1e-9 * max(1.0, abs(b)) for a, b in zip(one, other, strict=True))
