"""Made-up maps of any size for the benchmarks, from a seed.

Settlements are drawn in towns and in open country; an area is the land nearer to one settlement
than to any other (a Voronoi cell) and two areas touch where their cells share an edge. No
geometry is built, so that 33,000 areas take a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster.vq import kmeans2
from scipy.spatial import Voronoi

#: Square km an area has on average, about what an LSOA of an English county has.
AREA_KM2 = 4.0
#: Weekly hours of an area: median, and spread of its logarithm.
MEDIAN_HOURS, SPREAD = 100.0, 0.45


@dataclass(frozen=True, slots=True)
class Map:
    """A map as the design takes it: areas (metres), who touches whom, weekly hours and people."""

    areas: pd.DataFrame
    graph: nx.Graph[str]
    demand: pd.DataFrame


def made_up(number: int, *, seed: int = 1, localities: int = 1) -> Map:
    """Draw a map.

    Parameters
    ----------
    number
        Areas.
    seed
        Same seed, same map.
    localities
        Connected groups the areas are put into ("" for all of them when it is 1).

    Returns
    -------
    Map
        Codes ``S00000`` onwards; hours lognormal, the same in town and country, as census areas
        are drawn for alike populations.
    """
    rng = np.random.default_rng([seed, number])
    side = 1000.0 * np.sqrt(AREA_KM2 * number)
    xy = np.round(_settlements(number, side, rng), 1)
    edges = _touching(xy, side)
    codes = [f"S{i:05d}" for i in range(number)]
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(codes)
    graph.add_edges_from((codes[a], codes[b]) for a, b in edges)
    group = _grouped(xy, edges, localities, rng) if localities > 1 else np.zeros(number, np.int64)
    index = pd.Index(codes, name="area_code", dtype="str")
    near = _spacing(xy, edges)
    areas = pd.DataFrame({
        "locality": pd.array([f"Council {g + 1:03d}" if localities > 1 else "" for g in group], dtype="str"),
        "rural": near > np.quantile(near, 0.7), "x_m": xy[:, 0], "y_m": xy[:, 1],
    }, index=index)
    hours = np.round(MEDIAN_HOURS * np.exp(SPREAD * rng.standard_normal(number)), 2)
    demand = pd.DataFrame({"weekly_hours": hours, "people": np.maximum(1, np.rint(hours / 13))}, index=index)
    return Map(areas, graph, demand)


def lots_by_locality(made: Map, lots: int) -> dict[str, int]:
    """Share a number of lots out over the localities by hours, each at least one."""
    hours = made.demand["weekly_hours"].groupby(made.areas["locality"]).sum()
    share = lots * hours / hours.sum()
    counts = np.maximum(1, np.floor(share)).astype(int)
    while counts.sum() < lots:
        counts[(share - counts).idxmax()] += 1
    while counts.sum() > lots:
        counts[(share - counts)[counts > 1].idxmin()] -= 1
    return {str(name): int(count) for name, count in counts.items()}


def _settlements(number: int, side: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Two in five in open country, the rest around towns; towns are denser the larger they are."""
    towns = max(2, number // 120)
    middle = rng.uniform(0.06 * side, 0.94 * side, (towns, 2))
    size = rng.pareto(1.2, towns) + 0.5
    in_town = rng.choice(towns, number, p=size / size.sum())
    share = np.bincount(in_town, minlength=towns)
    reach = 450.0 * np.sqrt(np.maximum(1, share))
    xy = np.where(
        (rng.random(number) < 0.4)[:, None], rng.uniform(0, side, (number, 2)),
        middle[in_town] + reach[in_town][:, None] * rng.standard_normal((number, 2)),
    )
    # What falls over the border is folded back inside.
    return side - np.abs(side - np.abs(xy) % (2 * side))


def _touching(xy: npt.NDArray[np.float64], side: float) -> npt.NDArray[np.int64]:
    """Pairs whose cells share an edge that runs inside the square."""
    cells = Voronoi(xy)
    ends = np.asarray(cells.ridge_vertices, np.int64)
    pairs = np.sort(np.asarray(cells.ridge_points, np.int64), axis=1)
    inside = ((cells.vertices >= 0) & (cells.vertices <= side)).all(axis=1)
    first, second = np.where(ends[:, 0] >= 0, ends[:, 0], ends[:, 1]), ends[:, 1]
    bounded = (ends >= 0).all(axis=1)
    # An edge that ends in a corner point is none (two cells that touch in a point).
    long = np.linalg.norm(cells.vertices[first] - cells.vertices[second], axis=1) > 1.0
    keep = (inside[first] | inside[second]) & (~bounded | long)
    found = np.unique(pairs[keep], axis=0)
    return _joined(xy, found, pairs)


def _joined(
    xy: npt.NDArray[np.float64], edges: npt.NDArray[np.int64], spare: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Make a map one piece, with the shortest of the spare pairs."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(xy)))
    graph.add_edges_from(edges.tolist())
    if nx.is_connected(graph):
        return edges
    piece = np.empty(len(xy), np.int64)
    for k, nodes in enumerate(nx.connected_components(graph)):
        piece[list(nodes)] = k
    across = spare[piece[spare[:, 0]] != piece[spare[:, 1]]]
    length = np.linalg.norm(xy[across[:, 0]] - xy[across[:, 1]], axis=1)
    links = []
    pieces: nx.Graph[int] = nx.Graph()
    pieces.add_nodes_from(np.unique(piece).tolist())
    for i in np.argsort(length, kind="stable"):
        a, b = (int(piece[v]) for v in across[i])
        if not nx.has_path(pieces, a, b):
            pieces.add_edge(a, b)
            links.append(across[i])
    return np.unique(np.vstack([edges, *links]), axis=0)


def _spacing(xy: npt.NDArray[np.float64], edges: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Mean distance of each settlement to its neighbours, metres."""
    length = np.linalg.norm(xy[edges[:, 0]] - xy[edges[:, 1]], axis=1)
    total = np.bincount(edges.ravel(), weights=np.repeat(length, 2), minlength=len(xy))
    return total / np.maximum(1, np.bincount(edges.ravel(), minlength=len(xy)))


def _grouped(
    xy: npt.NDArray[np.float64], edges: npt.NDArray[np.int64], number: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Group areas around k-means centres; a part cut off joins a group it touches."""
    _, group = kmeans2(xy, number, minit="++", seed=rng)
    group = np.asarray(group, np.int64)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(xy)))
    graph.add_edges_from(edges.tolist())
    loose: set[int] = set()
    for k in range(number):
        parts = list(nx.connected_components(graph.subgraph(np.flatnonzero(group == k).tolist())))
        for part in sorted(parts, key=lambda p: (-len(p), min(p)))[1:]:
            loose |= part
    while loose:
        near = [(a, b) for a in sorted(loose) for b in sorted(graph.adj[a]) if b not in loose]
        for a, b in near:
            group[a] = group[b]
        loose -= {a for a, _ in near}
    return np.unique(group, return_inverse=True)[1]
