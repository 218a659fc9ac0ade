"""What follows from several tables set side by side, though each keeps its secrets.

A table of providers by locality and one of providers by payer have the providers' sums in common. Each may
be safe and both together not. All that is published of sizes is a set of linear equations in the withheld
cells: a figure follows from it when it is a combination of the equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Withheld", "revealed"]

_TOLERANCE = 1e-7


@dataclass(slots=True)
class Withheld:
    """What must not be shown.

    Attributes
    ----------
    providers
        Ids, :data:`~allocation.market.read.NO_PROVIDER` among them where it must go.
    groups
        By dimension: localities, payers or teams.
    cells
        By dimension: pairs (value, provider).
    everything
        Whether the sum of all must go, too.
    """

    providers: set[str] = field(default_factory=set)
    groups: dict[str, set[str]] = field(default_factory=dict)
    cells: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    everything: bool = False

    def size(self) -> int:
        """Return how many sums are withheld."""
        return len(self.providers) + sum(map(len, self.groups.values())) + self.everything


def revealed(within: Mapping[str, pd.DataFrame], gone: Withheld) -> list[tuple[str, str, str]]:
    """Find the withheld figures that follow from what is shown.

    Parameters
    ----------
    within
        By dimension: a row a cell, ``provider_id`` and the dimension, as
        :func:`allocation.market.shares.shares_within`. The cells of each table add up to the same sums.
    gone
        What is withheld.

    Returns
    -------
    list of tuple
        (dimension, value, provider) of each such cell; for a provider's sum the dimension and the value
        are ``""``, for the sum of a value the provider is. In the tables' order.

    Examples
    --------
    >>> table = pd.DataFrame({"locality": ["North", "North"], "provider_id": ["A", "B"]})
    >>> gone = Withheld(groups={"locality": set()}, cells={"locality": {("North", "A")}})
    >>> revealed({"locality": table}, gone)
    [('locality', 'North', 'A')]
    >>> gone.everything, gone.groups["locality"], gone.providers = True, {"North"}, {"A"}
    >>> revealed({"locality": table}, gone)
    []
    """
    cells = [
        (by, str(value), str(provider))
        for by, table in within.items()
        for value, provider in zip(table[by], table["provider_id"], strict=True)
        if (value, provider) in gone.cells[by]
    ]
    if not cells:
        return []
    line = _Lines(cells)
    first, *others = list(within)
    equations = []
    for provider in dict.fromkeys(p for _, _, p in cells):
        own = {by: line(by=by, provider=provider) for by in within}
        equations += [own[first] - own[by] for by in others]
        if provider not in gone.providers:
            equations.append(own[first])
    for by, value in dict.fromkeys((by, value) for by, value, _ in cells):
        if value not in gone.groups[by]:
            equations.append(line(by=by, value=value))
    equations += [line(by=by) - line(by=first) for by in others]
    if not gone.everything:
        equations.append(line(by=first))
    if not equations:
        return []
    known = np.array(equations)
    # An orthonormal basis of what is known: a figure is known when nothing of it lies outside.
    _, sizes, across = np.linalg.svd(known, full_matrices=False)
    basis = across[sizes > _TOLERANCE]
    asked = [(cell, line(by=cell[0], value=cell[1], provider=cell[2])) for cell in cells]
    asked += [(("", "", p), line(by=first, provider=p)) for p in sorted(gone.providers)]
    asked += [((by, v, ""), line(by=by, value=v)) for by in within for v in sorted(gone.groups[by])]
    figures = np.array([figure for _, figure in asked])
    outside = figures - (figures @ basis.T) @ basis
    follows = (np.abs(outside).max(axis=1) < 1e-6) & figures.any(axis=1)
    return [name for (name, _), yes in zip(asked, follows, strict=True) if yes]


class _Lines:
    """Sums over withheld cells as vectors, one entry a cell."""

    def __init__(self, cells: list[tuple[str, str, str]]) -> None:
        self.numbers: list[dict[str, int]] = []
        self.columns: list[npt.NDArray[np.int64]] = []
        for column in zip(*cells, strict=True):
            number = {name: i for i, name in enumerate(dict.fromkeys(column))}
            self.numbers.append(number)
            self.columns.append(np.array([number[name] for name in column], np.int64))

    def __call__(
        self, *, by: str, value: str | None = None, provider: str | None = None
    ) -> npt.NDArray[np.float64]:
        found = self._is(0, by)
        if value is not None:
            found = found & self._is(1, value)
        if provider is not None:
            found = found & self._is(2, provider)
        return np.asarray(found, dtype="float64")

    def _is(self, column: int, name: str) -> npt.NDArray[np.bool_]:
        return np.asarray(self.columns[column] == self.numbers[column].get(name, -1), bool)
