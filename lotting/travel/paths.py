"""Quickest ways through a network, from many places to many: minutes, and km along them."""

# The kernel takes arrays only, for numba.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from .times import Floats

__all__ = ["Graph", "Ints", "make_graph", "quickest"]

Ints = npt.NDArray[np.int64]

_NO_TIME = 1e-9  # minutes: a sparse matrix takes an entry of 0 for no entry
_CHUNK_BYTES = 96 * 2**20
_MOST_AT_ONCE = 64
_SLACK = 1 + 1e-9  # rounding of sums in another order


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Edges by tail (compressed rows): ``minutes`` and ``km`` (e,) of each, none twice."""

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    minutes: Floats
    km: Floats

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.indptr) - 1


def make_graph(nodes: int, tail: Ints, head: Ints, minutes: Floats, km: Floats) -> Graph:
    """Make a graph of edges; of several between the same two nodes the quickest stays.

    Edges with infinite minutes are left out: that is how a link is one-way.

    Examples
    --------
    >>> graph = make_graph(2, np.array([0, 0]), np.array([1, 1]), np.array([5., 3.]), np.array([1., 2.]))
    >>> graph.minutes.tolist(), graph.km.tolist()
    ([3.0], [2.0])
    """
    order = np.lexsort((km, minutes, head, tail))
    order = order[np.isfinite(minutes[order]) & (tail[order] != head[order])]
    tail, head = tail[order], head[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    order, tail, head = order[first], tail[first], head[first]
    indptr = np.zeros(nodes + 1, dtype=np.int32)
    np.cumsum(np.bincount(tail, minlength=nodes), out=indptr[1:])
    return Graph(indptr, head.astype(np.int32), np.maximum(minutes[order], _NO_TIME), km[order])


def quickest(
    graph: Graph, sources: Ints, targets: Ints, limit: float = np.inf, *, middle: int | None = None
) -> tuple[Floats, Floats]:
    """Minutes of the quickest way from each source to each target, and the km along it.

    Parameters
    ----------
    graph
        The network.
    sources, targets
        Nodes (n,), (m,).
    limit
        Ways of more minutes than this are not looked for.
    middle
        A node among them. No way takes longer than that over the middle, so that places close
        together are done without a look at the whole county; the result is the same.

    Returns
    -------
    minutes, km
        float64 (n, m); ``inf`` where there is no way, or none within the limit.

    Notes
    -----
    Dijkstra's algorithm as scipy has it, from the sources, some at a time so that the trees of a
    county fit in memory, and those about as far from the middle together.

    Examples
    --------
    The long way round is the quicker one:

    >>> graph = make_graph(3, np.array([0, 0, 1]), np.array([2, 1, 2]), np.array([9., 2., 3.]),
    ...                    np.array([1., 4., 4.]))
    >>> quickest(graph, np.array([0]), np.array([2, 0]))
    (array([[5., 0.]]), array([[8., 0.]]))
    """
    csr = csr_array((graph.minutes, graph.indices, graph.indptr), shape=(graph.nodes, graph.nodes))
    minutes = np.empty((len(sources), len(targets)))
    km = np.empty_like(minutes)
    order, reach = np.arange(len(sources)), np.full(len(sources), limit)
    if middle is not None:
        there = dijkstra(csr.T.tocsr(), indices=[middle])[0, sources]
        onward = dijkstra(csr, indices=[middle])[0, targets].max(initial=0.0)
        reach = np.minimum(limit, (there + onward) * _SLACK)
        order = np.argsort(reach, kind="stable")
    step = int(np.clip(_CHUNK_BYTES // (12 * max(1, graph.nodes)), 1, _MOST_AT_ONCE))
    for top in range(0, len(sources), step):
        rows = order[top : top + step]
        took, before = dijkstra(
            csr, directed=True, indices=sources[rows], return_predecessors=True,
            limit=float(reach[rows].max()))
        along = np.empty((len(rows), len(targets)))
        _km_along(before, graph.indptr, graph.indices, graph.km, sources[rows], targets, along)
        minutes[rows], km[rows] = took[:, targets], along
    return minutes, km


@njit(cache=True, nogil=True)
def _km_along(
    before: npt.NDArray[np.int32], indptr: npt.NDArray[np.int32], indices: npt.NDArray[np.int32],
    km: Floats, sources: Ints, targets: Ints, out: Floats,
) -> None:
    """Fill ``out`` (n, m) with the km along each tree; ``before`` (n, nodes) is -9999 off the tree."""
    nodes = before.shape[1]
    reached = np.empty(nodes)
    climbed = np.empty(nodes, dtype=np.int64)
    for i in range(len(sources)):
        reached[:] = -1.0
        reached[sources[i]] = 0.0
        for j in range(len(targets)):
            v, depth = targets[j], 0
            while reached[v] < 0.0 and before[i, v] >= 0:
                climbed[depth] = v
                depth += 1
                v = np.int64(before[i, v])
            if reached[v] < 0.0:
                out[i, j] = np.inf
                continue
            for k in range(depth - 1, -1, -1):
                w = climbed[k]
                for e in range(indptr[v], indptr[v + 1]):
                    if indices[e] == w:
                        reached[w] = reached[v] + km[e]
                        break
                v = w
            out[i, j] = reached[v]
