"""Disclosure control: counts of people that cannot be worked back from what is published.

Three things happen to a table of counts before it leaves the council:

1. **Primary suppression.** A count from 1 to ``threshold - 1`` is not shown. Zero may be shown.
2. **Secondary suppression.** Where totals are shown too, further counts are withheld, the
   smallest that will do, until no withheld count follows from the others.
3. **Rounding.** Every count that is shown, totals included, is rounded on its own to a multiple
   of ``rounding``; a count above 0 is never shown as 0. Rounded parts need not add up to the
   rounded total.

The second step is the one that goes wrong by hand. Here a table is a network: every count is an
arc, every published sum a node where what flows in flows out. A withheld count is safe when it
lies on a cycle of withheld counts along which one person can be shifted, each count on the way
going up or down by one and none reaching 0: the shifted table agrees with all that is published,
so nobody can tell it from the true one. Cycles are found by shortest paths, a count to be
withheld costing as much as it is large. That holds for any rounding, none included; rounding
widens the doubt further. A sum of hours that is published exactly is covered as well, since a
withheld cell on a cycle is not determined by the sums.

What is published is marked ``[c]`` for confidential, the shorthand of the Analysis Function's
guidance "Using symbols in tables: definitions and help"; primary and secondary suppression look
alike on purpose.

Defaults (under 5, rounded to 5) are DESIGN.md section 6; older hospital statistics suppressed 1
to 5 and later 1 to 7 (FACTS.md section 6), so that both are settings.

References
----------
.. [1] Cox, L. H. (1980), "Suppression methodology and statistical disclosure control", Journal
   of the American Statistical Association 75(370), 377-385.
.. [2] Kelly, J. P., Golden, B. L. and Assad, A. A. (1992), "Cell suppression: disclosure
   protection for sensitive tabular data", Networks 22(4), 397-417: suppression as cycles of a
   network.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "CONFIDENTIAL",
    "NOT_KNOWN",
    "Controlled",
    "control_counts",
    "control_two_way",
    "round_counts",
]

#: Shown for a withheld count.
CONFIDENTIAL = "[c]"
#: Shown for a figure that is not known or does not exist.
NOT_KNOWN = "[x]"

_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """A table that may be published.

    Attributes
    ----------
    frame
        Like the table that came in. Counts are Int64, rounded, NA where withheld or not known;
        magnitudes are float, NaN where withheld.
    suppressed
        bool, same index; one column for each column controlled: True where withheld.
    totals
        By name of the grouping (``"all"`` for the grand total; ``"rows"``, ``"columns"`` and
        ``"all"`` for a two-way table): the sums that may be shown beside the table.
    """

    frame: pd.DataFrame
    suppressed: pd.DataFrame
    totals: Mapping[str, Controlled] = field(default_factory=dict)

    def shown(self, marker: str = CONFIDENTIAL) -> pd.DataFrame:
        """Return the table with ``marker`` in the place of what is withheld (object columns)."""
        table = self.frame.copy()
        for column in self.suppressed.columns:
            # item by item: what is withheld becomes text, the rest stays a number
            table[column] = pd.Series(
                [marker if gone else value for value, gone in
                 zip(self.frame[column], self.suppressed[column], strict=True)],
                index=table.index, dtype="object",
            )
        return table


def round_counts(counts: Iterable[int], base: int = 5) -> list[int]:
    """Round counts to a multiple of ``base``, halves up; a count above 0 becomes at least ``base``.

    Examples
    --------
    >>> round_counts([0, 1, 7, 8, 22])
    [0, 5, 5, 10, 20]
    """
    return [0 if c == 0 else max(base, (int(c) + base // 2) // base * base) for c in counts]


@dataclass(slots=True)
class _Network:
    """Counts as arcs, published sums as nodes; several counts an arc when they go together.

    ``withheld`` only ever grows: every cycle that has been found stays one.
    """

    arcs: list[tuple[int, int]]  # from node, to node
    counts: _Ints  # arcs by columns
    cost: npt.NDArray[np.float64]  # of withholding an arc
    withheld: _Bools
    out: dict[int, list[int]] = field(default_factory=dict)
    into: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, (a, b) in enumerate(self.arcs):
            # A row of zeros is shown as zeros: it can neither hide nor carry anything.
            if self.counts[i].any():
                self.out.setdefault(a, []).append(i)
                self.into.setdefault(b, []).append(i)

    def protect(self) -> None:
        """Withhold more arcs until each withheld one lies on a cycle, in every column."""
        todo = deque(int(i) for i in np.flatnonzero(self.withheld & self.counts.any(axis=1)))
        while todo:
            arc = todo.popleft()
            for column in range(self.counts.shape[1]):
                for i in self._cycle(arc, column):
                    if not self.withheld[i]:
                        self.withheld[i] = True
                        todo.append(i)

    def _cycle(self, arc: int, column: int) -> list[int]:
        """Cheapest cycle through an arc along which one count can be shifted."""
        a, b = self.arcs[arc]
        more = self._path(a, b, arc, column, up=False)
        less = (
            self._path(a, b, arc, column, up=True) if self.counts[arc, column] > 1 else None
        )
        found = [p for p in (more, less) if p is not None]
        # One more all the way up to the largest total is always a cycle, so there is one.
        return min(found, key=lambda p: (p[0], p[1]))[1]

    def _path(
        self, start: int, goal: int, without: int, column: int, *, up: bool
    ) -> tuple[float, list[int]] | None:
        """Cheapest way from ``start`` to ``goal``; out-arcs go up by one, or down unless ``up``.

        An arc goes down only when it stays above 0.
        """
        queue: list[tuple[float, int, int]] = [(0.0, 0, start)]
        best: dict[int, float] = {start: 0.0}
        via: dict[int, tuple[int, int]] = {}
        done: set[int] = set()
        pushed = 0
        while queue:
            cost, _, node = heapq.heappop(queue)
            if node == goal:
                path = []
                while node != start:
                    arc, node = via[node]
                    path.append(arc)
                return cost, path
            if node in done:
                continue
            done.add(node)
            for leaving, arcs in ((True, self.out), (False, self.into)):
                rises = leaving == up
                for i in arcs.get(node, ()):
                    if i == without or (not rises and self.counts[i, column] < 2):
                        continue
                    other = self.arcs[i][1 if leaving else 0]
                    total = cost + (0.0 if self.withheld[i] else float(self.cost[i]))
                    if total < best.get(other, np.inf):
                        best[other], via[other] = total, (i, node)
                        pushed += 1
                        heapq.heappush(queue, (total, pushed, other))
        return None


def _whole(frame: pd.DataFrame, columns: Sequence[str]) -> _Ints:
    values = frame[list(columns)]
    if values.isna().to_numpy().any():
        raise ValueError("a count is missing: give every row a count, or leave the column out")
    numbers = values.to_numpy(dtype=float)
    if (numbers < 0).any() or (numbers != np.round(numbers)).any():
        raise ValueError("a count is negative or not whole: only counts can be controlled")
    return numbers.astype(np.int64)


def _small(counts: _Ints, threshold: int) -> _Bools:
    return np.asarray(((counts >= 1) & (counts < threshold)).any(axis=1), dtype=bool)


def _publish(
    frame: pd.DataFrame,
    counts: _Ints,
    withheld: _Bools,
    *,
    columns: Sequence[str],
    magnitudes: Sequence[str],
    rounding: int,
) -> Controlled:
    table = frame.copy()
    for k, column in enumerate(columns):
        rounded = pd.array(round_counts(counts[:, k], rounding), dtype="Int64")
        rounded[withheld] = pd.NA
        table[column] = pd.Series(rounded, index=table.index)
    for column in magnitudes:
        table[column] = table[column].astype(float).mask(withheld)
    both = [*columns, *magnitudes]
    return Controlled(
        frame=table,
        suppressed=pd.DataFrame(dict.fromkeys(both, withheld), index=frame.index, columns=both),
    )


def control_counts(
    frame: pd.DataFrame,
    *,
    columns: Sequence[str],
    groups: Sequence[str] = (),
    across: str | None = None,
    magnitudes: Sequence[str] = (),
    withhold: Mapping[str, Iterable[Hashable]] | None = None,
    keep: Iterable[Hashable] = (),
    totals: bool = True,
    threshold: int = 5,
    rounding: int = 5,
) -> Controlled:
    """Suppress and round the counts of a list, with the sums that are shown beside it.

    Parameters
    ----------
    frame
        One row an area, a lot, ...; any index without duplicates.
    columns
        Columns of counts (whole numbers from 0). They hang together (people and packages of one
        area), so a row is shown or withheld as a whole.
    groups
        Columns by which sums are published, finest first (``["lot"]`` when the table of areas
        goes out with the table of lots). Each group lies in one group of the next column.
    across
        One more column by which sums are published, which may cut across the groups (the second
        heading of a two-way table). All rows of a finest group that share it are summed nowhere
        else, unless ``groups`` says so.
    magnitudes
        Columns that would give away a few people's care (weekly hours of an area with one
        person): withheld with their row, not rounded.
    withhold
        Groups (or ``"rows"``) to withhold whatever their size: ``{"lot": ["3"]}``.
    keep
        Rows that are published elsewhere too: withheld only where nothing else will do.
    totals
        Whether any sums are published, the grand total included. Without, only step 1 and 3 of
        the module's three are needed.
    threshold
        Counts from 1 to ``threshold - 1`` are withheld; 0 or 1 withholds none.
    rounding
        Counts are rounded to this; 1 leaves them as they are.

    Returns
    -------
    Controlled
        With ``totals`` of each of ``groups``, of ``across`` and of ``"all"``.

    Raises
    ------
    ValueError
        A count is missing, negative or not whole; groups do not nest.

    Examples
    --------
    The 3 must go, and the 6 beside it, since the lot's total is shown:

    >>> table = pd.DataFrame({"lot": ["1", "1", "1", "2"], "people": [3, 6, 21, 12]})
    >>> print(control_counts(table, columns=["people"], groups=["lot"]).shown().to_string())
      lot people
    0   1    [c]
    1   1    [c]
    2   1     20
    3   2     10
    """
    counts = _whole(frame, columns)
    forced = {name: list(ids) for name, ids in (withhold or {}).items()}
    gone = _small(counts, threshold) | frame.index.isin(forced.get("rows", []))
    publish = partial(_publish, columns=columns, magnitudes=magnitudes, rounding=rounding)
    if not totals:
        return publish(frame, counts, gone)

    levels = [*groups, "all"]
    keys = pd.DataFrame({name: frame[name] for name in groups}, index=frame.index)
    keys["all"] = "all"
    if across is not None:
        keys[across] = frame[across]
    sums = {
        name: frame[[*columns, *magnitudes]].groupby(keys[name].to_numpy(), sort=False).sum()
        .rename_axis(index=name)
        for name in keys.columns
    }
    # Ground is node 0, where all comes from and all goes to. Each group is an arc from its
    # coarser group to itself, the grand total one from the ground; each row is an arc from its
    # finest group to where it counts across, or to the ground.
    node = {pair: i for i, pair in enumerate(
        ((name, key) for name, table in sums.items() for key in table.index), start=1
    )}
    arcs = [
        (node[levels[0], key], 0 if across is None else node[across, other])
        for key, other in zip(keys[levels[0]], keys[across or "all"], strict=True)
    ]
    for fine, coarse in zip(levels, [*levels[1:], None], strict=True):
        if coarse is None:
            arcs += [(0, node[fine, key]) for key in sums[fine].index]
            continue
        pairs = keys[[fine, coarse]].drop_duplicates()
        if pairs[fine].duplicated().any():
            raise ValueError(f"the groups of {fine} do not nest in those of {coarse}")
        parent = dict(zip(pairs[fine], pairs[coarse], strict=True))
        arcs += [(node[coarse, parent[key]], node[fine, key]) for key in sums[fine].index]
    if across is not None:
        arcs += [(node[across, key], 0) for key in sums[across].index]
    blocks = [counts, *(_whole(table, columns) for table in sums.values())]
    gone = np.concatenate([gone, *(
        _small(block, threshold) | table.index.isin(forced.get(name, []))
        for block, (name, table) in zip(blocks[1:], sums.items(), strict=True)
    )])
    every = np.concatenate(blocks)
    # Sums are what readers come for: they go only where no single row will do.
    cost = every.sum(axis=1).astype(float)
    whole = cost[:len(frame)].sum()
    cost[len(frame):] += whole
    cost[:len(frame)][frame.index.isin(list(keep))] += whole * len(cost)
    network = _Network(arcs, every, cost, gone)
    network.protect()

    published, at = {}, len(frame)
    for block, (name, table) in zip(blocks[1:], sums.items(), strict=True):
        part = network.withheld[at:at + len(table)]
        published[name] = publish(table, block, part)
        at += len(table)
    rows = publish(frame, counts, network.withheld[:len(frame)])
    return Controlled(frame=rows.frame, suppressed=rows.suppressed, totals=published)


def control_two_way(
    table: pd.DataFrame,
    *,
    withhold_rows: Iterable[Hashable] = (),
    threshold: int = 5,
    rounding: int = 5,
) -> Controlled:
    """Suppress and round a table of counts whose row and column sums are both published.

    Parameters
    ----------
    table
        Counts (whole numbers from 0): rows by columns, nothing else.
    withhold_rows
        Rows whose sum is withheld elsewhere, so that it must be withheld here.
    threshold, rounding
        As in :func:`control_counts`.

    Returns
    -------
    Controlled
        ``frame`` and ``suppressed`` like the table; ``totals`` by ``"row"``, ``"column"`` and
        ``"all"``, each with the column ``count``.

    Raises
    ------
    ValueError
        A count is missing, negative or not whole.

    Examples
    --------
    One small cell takes three more with it:

    >>> table = pd.DataFrame({"LCC": [90, 80, 70], "NHS": [3, 9, 20]}, index=["1", "2", "3"])
    >>> print(control_two_way(table).shown().to_string())
       LCC  NHS
    1  [c]  [c]
    2  [c]  [c]
    3   70   20
    """
    long = pd.DataFrame({
        "row": np.repeat(table.index.to_numpy(), table.shape[1]),
        "column": np.tile(table.columns.to_numpy(), len(table)),
        "count": table.to_numpy().ravel(),
    })
    done = control_counts(
        long, columns=["count"], groups=["row"], across="column",
        withhold={"row": withhold_rows}, threshold=threshold, rounding=rounding,
    )
    gone = done.suppressed["count"].to_numpy().reshape(table.shape)
    cells = table.astype("Int64")
    for j, column in enumerate(table.columns):
        cells[column] = done.frame["count"].array[j::table.shape[1]]
    return Controlled(
        frame=cells, totals=done.totals,
        suppressed=pd.DataFrame(gone, index=table.index, columns=table.columns),
    )
