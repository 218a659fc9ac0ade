"""What the peers make of a problem; runs in a process, and an environment, of its own.

Reads one problem (JSON) from standard input, writes every better plan as a line of JSON to standard
output, and stops when its seconds are up. It imports numpy and the peer, nothing of this project, so
that the peers can live in an environment of their own: ``pip install gerrychain pymetis spopt pandas``.

Run by ``benchmarks/lots.py``; ``python benchmarks/peers.py --versions`` says what is installed.

Each peer gets what it can use: the same graph, weekly hours, number of lots and limits, and its plans
are ranked by the cost and the limits of the problem. A plan within the limits beats one outside; among
those outside, the one that misses the limits by least is kept, so that it can be shown how far off
they are.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import itertools
import json
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

PEERS = {"GerryChain": "gerrychain", "METIS": "pymetis", "spopt": "spopt"}
#: Steps in one short burst; the authors use 5 to 25.
BURST = 10
EARTH_KM = 6371.0088
#: Weekly hours by which a sum may miss a limit by rounding alone.
SLACK = 1e-6

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class OutOfTime(BaseException):
    """The seconds of a place are up; no library may take it for an error of its own."""


def squared_km(xy: Floats, metric: str) -> Floats:
    """Squared km between all pairs: ``plane`` (km) or ``sphere`` (degrees east and north)."""
    if metric == "plane":
        return np.asarray(((xy[:, None, :] - xy[None, :, :]) ** 2).sum(axis=2))
    east, north = np.radians(xy[:, 0]), np.radians(xy[:, 1])
    half = (
        np.sin((north[:, None] - north) / 2) ** 2
        + np.cos(north)[:, None] * np.cos(north) * np.sin((east[:, None] - east) / 2) ** 2
    )
    return np.asarray((2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(1.0, half)))) ** 2)


class Place:
    """One problem: a connected map, its lots and limits, and the best plan so far."""

    def __init__(self, number: int, data: dict[str, Any], began: float) -> None:
        self.number, self.began = number, began
        self.hours = np.array(data["hours"], float)
        self.xy = np.array(data["xy"], float)
        self.edges = np.array(data["edges"], np.int64).reshape(-1, 2)
        self.lots, self.lo, self.hi = int(data["lots"]), float(data["lo"]), float(data["hi"])
        self.cost = self.hours[:, None] * squared_km(self.xy, data["metric"])
        self.size, self.mean = len(self.hours), float(self.hours.sum()) / self.lots
        self.near: list[list[int]] = [[] for _ in range(self.size)]
        for a, b in self.edges.tolist():
            self.near[a].append(b)
            self.near[b].append(a)
        self.rank: tuple[bool, float] = (True, np.inf)
        self.failed: set[str] = set()
        self._known: dict[frozenset[int], float] = {}

    def lot_cost(self, lot: frozenset[int]) -> float:
        """Hours x squared km of a lot to its best centre; each lot is worked out once."""
        value = self._known.get(lot)
        if value is None:
            inside = np.fromiter(lot, np.int64, len(lot))
            value = float(self.cost[np.ix_(inside, inside)].sum(axis=0).min())
            if len(self._known) > 100_000:
                self._known.clear()
            self._known[lot] = value
        return value

    def connected(self, lot: frozenset[int]) -> bool:
        """Whether a lot hangs together."""
        start = next(iter(lot))
        seen, stack = {start}, [start]
        while stack:
            for b in self.near[stack.pop()]:
                if b in lot and b not in seen:
                    seen.add(b)
                    stack.append(b)
        return len(seen) == len(lot)

    def offer(self, labels: Any, how: str) -> None:
        """Rank a plan, and say so where it is the best yet."""
        _, labels = np.unique(np.asarray(labels), return_inverse=True)
        lots = [frozenset(np.flatnonzero(labels == k).tolist()) for k in range(int(labels.max()) + 1)]
        sums = np.bincount(labels, weights=self.hours)
        over = float(max(0.0, (sums - self.hi).max() - SLACK, (self.lo - sums).max() - SLACK))
        apart = sum(not self.connected(lot) for lot in lots)
        wrong = abs(len(lots) - self.lots)
        cost = sum(map(self.lot_cost, lots))
        # First the right number of lots, then connected, then near the limits, then cheap.
        miss = 1e12 * wrong + 1e6 * apart + over / self.mean
        rank = (miss > 0, miss if miss > 0 else cost)
        if rank < self.rank:
            self.rank = rank
            tell(place=self.number, labels=labels.tolist(), cost=cost, how=how,
                 at=time.perf_counter() - self.began)


def tell(**line: Any) -> None:
    """Write one line to whoever started this."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Leave the block when the seconds are up, wherever it is (where there are no signals: never)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    except OutOfTime:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def tried(place: Place, how: str) -> Iterator[None]:
    """Go on where a library gives up, each with errors of its own; the first of a kind is told."""
    try:
        yield
    except Exception as error:
        if how not in place.failed:
            place.failed.add(how)
            tell(place_failed=place.number, how=how, error=f"{type(error).__name__}: {error}"[:200])


# -- GerryChain ----------------------------------------------------------------------------------


def gerrychain_(place: Place, left: Callable[[], float], seed: int) -> None:
    """Recursive tree partition for a start, then ReCom in short bursts that look for a lower cost."""
    import random
    from functools import partial

    import networkx as nx
    from gerrychain import Graph, Partition, updaters
    from gerrychain.constraints import Bounds
    from gerrychain.optimization import SingleMetricOptimizer
    from gerrychain.partition import recursive_tree_part
    from gerrychain.proposals import recom
    from gerrychain.tree import bipartition_tree

    nodes: nx.Graph[int] = nx.Graph()
    for i, hours in enumerate(place.hours.tolist()):
        nodes.add_node(i, hours=hours, at=i)
    nodes.add_edges_from(place.edges.tolist())
    graph = Graph.from_networkx(nodes)
    rng = random.Random(seed)

    # The start is balanced about the mean, the steps about the middle of the limits: that is how the
    # library takes limits that do not lie evenly about the mean.
    tight = max(1e-9, min(place.hi - place.mean, place.mean - place.lo) / place.mean)
    middle = (place.lo + place.hi) / 2
    cut = partial(bipartition_tree, max_attempts=500)
    wide = tight
    start = None
    for attempt in itertools.count():
        if left() <= 0:
            return
        with tried(place, "recursive tree partition"):
            found = recursive_tree_part(
                graph, range(place.lots), place.mean, "hours", wide, bipartition_tree_fn=cut, rng=rng
            )
            start = Partition(graph, found, {"hours": updaters.Tally("hours", alias="hours")})
            place.offer(_labels(place, start), "recursive tree partition")
            if not place.rank[0]:
                break
        # Where no start keeps the limits, every other one may miss them, to show by how little.
        wide = tight if attempt % 2 else tight * (1.5 + attempt / 8)
    assert start is not None

    def cost(partition: Any) -> float:
        # The graph is rebuilt inside with numbers of its own, so areas go by their attribute.
        return sum(place.lot_cost(lot) for lot in _lots(partition))

    def hours(partition: Any) -> Any:
        return partition["hours"].values()

    step = partial(
        recom, pop_col="hours", pop_target=middle, epsilon=(place.hi - place.lo) / 2 / middle,
        bipartition_tree_fn=cut,
    )
    limits = Bounds(hours, bounds=(place.lo - SLACK, place.hi + SLACK))
    while left() > 0:
        # A chain ends with an error where it gets stuck; the next begins with another stream.
        with tried(place, "short bursts"):
            search = SingleMetricOptimizer(
                step, limits, start, cost, maximize=False, rng=random.Random(rng.random())
            )
            best = np.inf
            for partition in search.short_bursts(BURST, 10**9):
                value = cost(partition)
                if value < best:
                    best, start = value, partition
                    place.offer(_labels(place, partition), "short bursts")
                if left() <= 0:
                    return


def _lots(partition: Any) -> list[frozenset[int]]:
    data = partition.graph.node_data
    return [frozenset(data(n)["at"] for n in nodes) for nodes in partition.parts.values()]


def _labels(place: Place, partition: Any) -> Ints:
    labels = np.empty(place.size, np.int64)
    for k, lot in enumerate(_lots(partition)):
        labels[list(lot)] = k
    return labels


# -- METIS ---------------------------------------------------------------------------------------


def pymetis_(place: Place, left: Callable[[], float], seed: int) -> None:
    """k-way partition into connected parts, over and over with other seeds and imbalances.

    METIS cuts few edges; it knows no distances. So every other run weighs an edge by how near its two
    areas are. It takes an upper limit only.
    """
    import pymetis

    starts = np.concatenate([[0], np.cumsum([len(b) for b in place.near])]).tolist()
    ends = [b for near in place.near for b in near]
    adjacency = pymetis.CSRAdjacency(starts, ends)
    # Whole numbers, and a sum well inside 32 bits.
    weights = np.maximum(0, np.rint(place.hours * (1e8 / place.hours.sum()))).astype(int).tolist()
    which = np.repeat(np.arange(place.size), [len(b) for b in place.near])
    apart = np.sqrt(((place.xy[which] - place.xy[ends]) ** 2).sum(axis=1))
    nearness = np.clip(np.rint(100 * np.median(apart) / np.maximum(apart, 1e-9)), 1, 10_000)
    room = max(1, int(1000 * (place.hi / place.mean - 1)))
    for i in itertools.count():
        if left() <= 0:
            return
        options = pymetis.Options(
            contig=1, seed=(seed * 1_000_003 + i) % 2**31,
            ufactor=max(1, int(room * (1.0, 0.5, 0.25, 0.75, 0.1)[i // 2 % 5])), ncuts=1 + i % 3,
        )
        _, labels = pymetis.part_graph(
            place.lots, adjacency, vweights=weights, recursive=False, options=options,
            eweights=nearness.astype(int).tolist() if i % 2 else None,
        )
        place.offer(labels, "k-way, edges by nearness" if i % 2 else "k-way")


# -- spopt ---------------------------------------------------------------------------------------


def spopt_(place: Place, left: Callable[[], float], seed: int) -> None:
    """All that spopt has for this: max-p by a least sum of hours, region k-means, AZP and SKATER.

    None of them takes an upper limit of hours, and only max-p takes a lower one, but then not the number
    of lots: the least sum is changed until the number comes out. The others take the number alone;
    SKATER's floor counts areas, not hours.
    """
    import libpysal
    import pandas as pd
    from spopt.region import AZP, MaxPHeuristic, RegionKMeansHeuristic, Skater

    weights = libpysal.weights.W({i: list(near) for i, near in enumerate(place.near)}, silence_warnings=True)
    frame = pd.DataFrame({"x": place.xy[:, 0], "y": place.xy[:, 1], "hours": place.hours})
    columns = ["x", "y"]
    least, most = place.lo, place.mean
    for i in itertools.count():
        rand = seed * 1000 + i
        # The quick ones first: a single run of max-p takes seconds.
        with tried(place, "region k-means"):
            means = RegionKMeansHeuristic(place.xy, place.lots, weights, seed=rand)
            means.solve()
            place.offer(means.labels_, "region k-means")
        if i == 0:  # nothing in it is random
            with tried(place, "SKATER"):
                tree = Skater(frame, weights, columns, place.lots, floor=2)
                tree.solve()
                place.offer(tree.labels_, "SKATER")
        if left() <= 0:
            return
        with tried(place, "AZP"):
            zones = AZP(frame, weights, columns, place.lots, random_state=rand)
            zones.solve()
            place.offer(zones.labels_, "AZP")
        if left() <= 0:
            return
        with tried(place, "max-p"):
            threshold = (least + most) / 2 if i else max(place.lo, 1e-9)
            np.random.seed(rand)  # noqa: NPY002 (the library draws from the global stream)
            model = MaxPHeuristic(frame, weights, columns, "hours", threshold, top_n=2,
                                  max_iterations_construction=2, max_iterations_sa=1)
            model.solve()
            place.offer(model.labels_, "max-p")
            if model.p > place.lots:
                least = threshold
            elif model.p < place.lots:
                most = threshold
            if most - least < 1e-4 * place.mean:
                least, most = place.lo, place.mean
        if left() <= 0:
            return


WORK = {"GerryChain": gerrychain_, "METIS": pymetis_, "spopt": spopt_}
IMPORTS = {
    "GerryChain": ("gerrychain", "gerrychain.optimization"), "METIS": ("pymetis",),
    "spopt": ("libpysal", "pandas", "spopt.region"),
}


def versions() -> dict[str, str | None]:
    """Version of each peer, None where it is not installed."""
    found: dict[str, str | None] = {}
    for name, package in PEERS.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    """Solve the problem on standard input, or say what is installed."""
    if sys.argv[1:] == ["--versions"]:
        tell(versions=versions())
        return
    warnings.simplefilter("ignore")
    problem = json.load(sys.stdin)
    for module in IMPORTS[problem["peer"]]:
        importlib.import_module(module)
    sizes = np.array([len(p["hours"]) if p["lots"] > 1 else 0 for p in problem["places"]], float)
    share = problem["seconds"] * sizes / max(1.0, sizes.sum())
    tell(ready=True)
    whole = time.perf_counter()
    for number, data in enumerate(problem["places"]):
        began = time.perf_counter()
        place = Place(number, data, began)
        if place.lots == 1:
            place.offer(np.zeros(place.size, np.int64), "one lot")
            continue
        until = began + share[number]
        with limited(share[number]):
            WORK[problem["peer"]](place, lambda end=until: end - time.perf_counter(), problem["seed"])
    tell(seconds=time.perf_counter() - whole)


if __name__ == "__main__":
    main()
