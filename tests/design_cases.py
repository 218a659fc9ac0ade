"""Small maps for the design tests, and oracles that know nothing of the solver.

The oracle of a small map is brute force: every way to cut its graph into connected lots, costed
from the definitions in the brief's reference with plain Python sums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
from scipy.spatial import Delaunay

from lotting.brief import LocksBrief, LotsBrief, RunBrief, Weights
from lotting.design.instance import Instance, make_instance
from lotting.design.solve import Design, design
from lotting.design.stop import Stop
from lotting.plan import Plan

#: Enough for maps of a dozen areas: the steps follow from it.
SMALL = RunBrief(seed=1, time_limit_s=0.3, workers=1)
#: The clock is another one, which the slowest machine does not reach.
ENDLESS_S = 3600.0


@dataclass(frozen=True)
class Case:
    """A map as the design takes it; what oracles ask of it is worked out once, so it does not change then."""

    areas: pd.DataFrame
    graph: nx.Graph[str]
    demand: pd.DataFrame
    today: pd.Series[str] | None = None

    @cached_property
    def codes(self) -> list[str]:
        return [str(c) for c in self.areas.index]

    @cached_property
    def hours(self) -> dict[str, float]:
        return {str(c): float(h) for c, h in self.demand["weekly_hours"].items()}

    @cached_property
    def rural_hours(self) -> dict[str, float]:
        return {c: self.hours[c] * bool(self.areas.loc[c, "rural"]) for c in self.codes}

    @cached_property
    def xy_km(self) -> dict[str, tuple[float, float]]:
        return {str(c): (x / 1000, y / 1000) for c, x, y in self.areas[["x_m", "y_m"]].itertuples()}

    @cached_property
    def zones(self) -> dict[str, str]:
        """Today's zones by area code; none where they are not known."""
        return {} if self.today is None else {str(c): str(z) for c, z in self.today.items()}

    @cached_property
    def loads(self) -> dict[frozenset[str], float]:
        """Weekly hours of blocks met before."""
        return {}

    @cached_property
    def costs(self) -> dict[frozenset[str], float]:
        """Hess cost of blocks met before."""
        return {}

    @cached_property
    def total(self) -> float:
        return math.fsum(self.hours.values())

    def design(self, lots: LotsBrief, *, locks: LocksBrief | None = None,
               run: RunBrief | None = None, **more: object) -> Design:
        """Ask the solver; the clock cuts nothing short unless ``stop`` is given."""
        more.setdefault("stop", Stop(ENDLESS_S))
        return design(self.areas, self.graph, self.demand, lots, locks=locks, today=self.today,
                      run=run or small(), **more)  # type: ignore[arg-type]

    def instance(self, lots: int, lo: float = 0.0, hi: float = math.inf, *,
                 target: float | None = None, aims: Weights | None = None,
                 locks: LocksBrief | None = None) -> Instance:
        """Make one place of the whole map."""
        return make_instance(
            "here", self.codes, self.areas, self.graph, self.demand, lots=lots, lo=lo, hi=hi,
            target=self.total / lots if target is None else target,
            aims=aims or Weights(distance=1.0), locks=locks or LocksBrief(), today=self.today,
        )


def small(**changes: object) -> RunBrief:
    """Give a run for small maps, with some keys changed."""
    return SMALL.model_copy(update=changes)


def make_case(
    xy: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    hours: Sequence[float],
    *,
    people: Sequence[float] | None = None,
    rural: Sequence[bool] | None = None,
    localities: Sequence[str] | None = None,
    today: Sequence[str] | None = None,
) -> Case:
    """Make a map of points in km, pairs of positions that touch, and weekly hours."""
    n = len(xy)
    codes = [f"a{i:03d}" for i in range(n)]
    index = pd.Index(codes, name="area_code", dtype="str")
    areas = pd.DataFrame({
        "locality": pd.array(list(localities) if localities else [""] * n, dtype="str"),
        "rural": list(rural) if rural is not None else [False] * n,
        "x_m": [1000.0 * x for x, _ in xy], "y_m": [1000.0 * y for _, y in xy],
    }, index=index)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(codes)
    graph.add_edges_from((codes[a], codes[b]) for a, b in edges)
    demand = pd.DataFrame({
        "weekly_hours": [float(h) for h in hours],
        "people": list(people) if people is not None else [max(1, round(h / 10)) for h in hours],
    }, index=index)
    zones = None if today is None else pd.Series(list(today), index=index, dtype="str")
    return Case(areas, graph, demand, zones)


def grid(rows: int, columns: int, hours: Sequence[float] | None = None, **more: object) -> Case:
    """Make a grid of squares of 1 km, row by row."""
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    at = {cell: p for p, cell in enumerate(cells)}
    edges = [(at[i, j], at[i + di, j + dj]) for i, j in cells for di, dj in ((0, 1), (1, 0))
             if (i + di, j + dj) in at]
    return make_case([(float(j), float(i)) for i, j in cells], edges,
                     hours if hours is not None else [10.0] * len(cells), **more)  # type: ignore[arg-type]


def scattered(n: int, seed: int, *, kind: str = "planar", **more: object) -> Case:
    """Make a random map: ``planar`` (triangulated points), ``tree`` or ``path``."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 10, (n, 2))
    edges: set[tuple[int, int]]
    if kind == "planar" and n >= 4:
        edges = {
            (int(min(a, b)), int(max(a, b)))
            for corners in Delaunay(xy).simplices for a, b in itertools.combinations(corners, 2)
        }
        # Real maps are sparser than a triangulation.
        for edge in sorted(edges):
            trial = nx.Graph(edges - {edge})
            trial.add_nodes_from(range(n))
            if rng.random() < 0.2 and nx.is_connected(trial):
                edges.discard(edge)
    elif kind == "tree":
        edges = {(int(rng.integers(i)), i) for i in range(1, n)}
    else:
        edges = {(i, i + 1) for i in range(n - 1)}
    more.setdefault("hours", rng.integers(0, 40, n).astype(float))
    return make_case([(float(x), float(y)) for x, y in xy], sorted(edges), **more)  # type: ignore[arg-type]


# -- brute force -------------------------------------------------------------------------------

Blocks = tuple[frozenset[str], ...]


def partitions(graph: nx.Graph[str], k: int) -> Iterator[Blocks]:
    """Every way to cut a graph into k connected, non-empty blocks, each once."""
    order = sorted(graph.nodes)
    at = {v: i for i, v in enumerate(order)}
    near = [sum(1 << at[w] for w in graph.adj[v]) for v in order]

    def grown(mask: int, free: int) -> int:
        """Take all of ``free`` that ``mask`` reaches through it."""
        while True:
            rim = 0
            left = mask
            while left:
                rim |= near[(left & -left).bit_length() - 1]
                left &= left - 1
            more = rim & free & ~mask
            if not more:
                return mask
            mask |= more

    def connected(start: int, free: int) -> Iterator[int]:
        """Every connected set that holds ``start`` within ``free``, each once."""
        def extend(mask: int, banned: int) -> Iterator[int]:
            yield mask
            rim, left = 0, mask
            while left:
                rim |= near[(left & -left).bit_length() - 1]
                left &= left - 1
            rim &= free & ~mask & ~banned
            while rim:
                bit = rim & -rim
                yield from extend(mask | bit, banned)
                banned |= bit
                rim &= rim - 1
        yield from extend(start, 0)

    def split(free: int, left: int) -> Iterator[tuple[int, ...]]:
        start = free & -free
        if left == 1:
            if grown(start, free) == free:
                yield (free,)
            return
        for block in connected(start, free):
            rest = free & ~block
            if rest.bit_count() >= left - 1:
                for others in split(rest, left - 1):
                    yield (block, *others)

    everything = (1 << len(order)) - 1
    if 1 <= k <= len(order):
        for masks in split(everything, k):
            yield tuple(frozenset(v for v in order if m >> at[v] & 1) for m in masks)


def hess(case: Case, block: frozenset[str]) -> float:
    """Hours x squared km to the area that is the best centre of a block."""
    if block not in case.costs:
        places = [(case.hours[c], *case.xy_km[c]) for c in block]
        case.costs[block] = min(
            math.fsum(h * ((x - a) ** 2 + (y - b) ** 2) for h, x, y in places) for _, a, b in places
        )
    return case.costs[block]


def off_target(case: Case, blocks: Blocks, target: float) -> float:
    """Weekly hours by which the blocks miss their target, added up."""
    return math.fsum(abs(load(case, b) - target) for b in blocks)


def off_mix(case: Case, blocks: Blocks) -> float:
    """Rural hours by which the blocks miss the rural share of them all, added up."""
    rural = case.rural_hours
    here = [c for b in blocks for c in b]
    total = math.fsum(case.hours[c] for c in here)
    share = math.fsum(rural[c] for c in here) / total if total else 0.0
    return math.fsum(
        abs(math.fsum(rural[c] for c in b) - share * load(case, b)) for b in blocks
    )


def load(case: Case, block: frozenset[str]) -> float:
    """Weekly hours of a block."""
    if block not in case.loads:
        case.loads[block] = math.fsum(case.hours[c] for c in block)
    return case.loads[block]


def moved(
    case: Case, blocks: Blocks, *, column: str = "people", locked: Mapping[str, str] | None = None
) -> float:
    """People whose lot does not carry on their zone, at the best naming of the lots.

    A block that is locked to a name has that name, and no other block may have it.
    """
    assert case.today is not None
    people = case.demand[column].to_dict()
    today = case.zones
    zones = sorted({today[c] for b in blocks for c in b} - {""})
    names: list[str | None] = [
        next((lot for c, lot in (locked or {}).items() if c in b), None) for b in blocks
    ]
    free = [i for i, name in enumerate(names) if name is None]
    open_zones = [z for z in zones if z not in names]
    known = math.fsum(people[c] for b in blocks for c in b if today[c])
    best = math.inf
    padded = [*open_zones, *[""] * len(free)]
    for chosen in set(itertools.permutations(padded, len(free))):
        full = list(names)
        for i, z in zip(free, chosen, strict=True):
            full[i] = z
        stay = math.fsum(
            people[c] for b, z in zip(blocks, full, strict=True) for c in b
            if z and today[c] == z
        )
        best = min(best, known - stay)
    return best


def keeps_locks(blocks: Blocks, locks: LocksBrief | None) -> bool:
    """Whether blocks keep what is locked together, apart and to a lot."""
    if locks is None:
        return True
    at = {c: i for i, b in enumerate(blocks) for c in b}
    by_lot: dict[str, set[int]] = {}
    for code, lot in locks.lot.items():
        by_lot.setdefault(lot, set()).add(at[code])
    return (
        all(len({at[c] for c in group}) == 1 for group in locks.together)
        and all(at[a] != at[b] for a, b in locks.apart)
        and all(len(found) == 1 for found in by_lot.values())
        and len({next(iter(f)) for f in by_lot.values()}) == len(by_lot)
    )


@dataclass(slots=True)
class Brute:
    """All plans of a case that keep the rules, in a place without localities."""

    case: Case
    lots: int
    lo: float = 0.0
    hi: float = math.inf
    locks: LocksBrief | None = None
    plans: list[Blocks] = field(init=False)

    def __post_init__(self) -> None:
        slack = 1e-7
        self.plans = [
            blocks for blocks in partitions(self.case.graph, self.lots)
            if all(self.lo - slack <= load(self.case, b) <= self.hi + slack for b in blocks)
            and keeps_locks(blocks, self.locks)
        ]

    def best(self, value: Callable[[Blocks], float]) -> float:
        """Value of the best plan; inf where there is none."""
        return min(map(value, self.plans), default=math.inf)


def objective(
    case: Case, aims: Weights, target: float, *, tie_break: float = 1e-5,
    locked: Mapping[str, str] | None = None,
) -> Callable[[Blocks], float]:
    """Give the weighted objective of the brief's reference; distance never weighs nothing."""
    def value(blocks: Blocks) -> float:
        total = (aims.distance or tie_break) * math.fsum(hess(case, b) for b in blocks)
        if aims.equality:
            total += aims.equality * off_target(case, blocks, target)
        if aims.mix:
            total += aims.mix * off_mix(case, blocks)
        if aims.moved and case.today is not None:
            total += aims.moved * moved(case, blocks, locked=locked)
        return total
    return value


# -- checks of a plan --------------------------------------------------------------------------


def blocks_of(plan: Plan) -> Blocks:
    """Give the lots of a plan as sets of areas."""
    lots = plan.lots
    return tuple(frozenset(str(c) for c in lots.index[lots == name]) for name in plan.lot_names)


def assert_sound(
    case: Case, plan: Plan, *, number: int | None = None, lo: float = 0.0, hi: float = math.inf,
    locks: LocksBrief | None = None, nested: bool = True,
) -> None:
    """Check a plan: each area once, connected lots, hours kept, limits, locks, localities."""
    assert sorted(map(str, plan.lots.index)) == sorted(case.codes)
    blocks = blocks_of(plan)
    assert sum(len(b) for b in blocks) == len(case.codes)
    if number is not None:
        assert len(blocks) == number
    for block in blocks:
        assert nx.is_connected(case.graph.subgraph(block))
        held = load(case, block)
        slack = 1e-9 * max(case.total, 1e-300) + 1e-6 * min(1.0, case.total)
        assert lo - slack <= held <= hi + slack
        if nested:
            assert len(set(case.areas.loc[sorted(block), "locality"])) == 1
    assert math.isclose(math.fsum(load(case, b) for b in blocks), case.total, rel_tol=1e-12)
    assert keeps_locks(blocks, locks)
    for code, lot in (locks.lot if locks else {}).items():
        assert plan.lots[code] == lot


# -- shared reference data ---------------------------------------------------------------------

LEICESTERSHIRE_LOTS = {
    "N W Leicestershire": 3, "North Charnwood": 2, "Melton, Rutland & Harborough": 3,
    "Oadby & Wigston": 2, "Hinckley & Bosworth": 3, "Blaby & Lutterworth": 3,
    "South Charnwood": 2,
}


def reference_county(shared: Path, name: str, hours: float) -> Case:
    """Read a county of the reference data, its hours spread by people aged 75 and over."""
    from lotting.adjacency import build_adjacency

    folder = shared / "geo" / "units"
    areas = gpd.read_file(folder / f"{name}.gpkg", layer="lsoa21").set_index("LSOA21CD").sort_index()
    areas.index = pd.Index([str(c) for c in areas.index], name="area_code", dtype="str")
    graph: nx.Graph[str]
    edges = folder / f"{name}_adjacency.csv"
    if edges.is_file():
        pairs = pd.read_csv(edges)
        graph = nx.Graph()
        graph.add_nodes_from(areas.index)
        near = pairs[pairs["shared_m"] > 10]
        graph.add_edges_from(zip(near["lsoa_a"], near["lsoa_b"], strict=True))
    else:
        graph = build_adjacency(areas)
    frame = pd.DataFrame({
        "locality": "", "rural": areas["rural"].astype(bool),
        "x_m": areas["pc_x"].astype(float), "y_m": areas["pc_y"].astype(float),
    }, index=areas.index)
    old = areas["pop75_mid2020"].astype(float)
    demand = pd.DataFrame({
        "weekly_hours": hours * old / old.sum(), "people": np.maximum(1, np.rint(old / 20)),
    }, index=areas.index)
    today = None
    if name == "leicestershire":
        lots = pd.read_csv(folder / "leicestershire_published_lots.csv", dtype=str).set_index("area_code")
        frame["locality"] = lots["locality"].reindex(frame.index).to_numpy()
        today = lots["lot"].reindex(frame.index)
    return Case(frame, graph, demand, today)


def tracts(shared: Path, state: str, county: str = "") -> Case:
    """Read a benchmark instance: census tracts, or those of the county's largest part."""
    folder = shared / "bench" / "lots"
    units = pd.read_csv(folder / f"{state}_units.csv.gz", dtype={"unit": str, "county": str})
    edges = pd.read_csv(folder / f"{state}_edges.csv.gz", dtype=str)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(units["unit"])
    graph.add_edges_from(edges[["a", "b"]].itertuples(index=False))
    units = units.set_index("unit")
    if county:
        inside = units.index[units["county"] == county]
        graph = nx.Graph(graph.subgraph(max(
            nx.connected_components(graph.subgraph(inside)), key=len)))
        units = units.loc[[u for u in units.index if u in graph]]
    units = units.sort_index()
    index = pd.Index([str(u) for u in units.index], name="area_code", dtype="str")
    # The benchmark's distances are on the sphere, in no plane: ``on_sphere`` puts them in.
    areas = pd.DataFrame({
        "locality": "", "rural": False, "x_m": units["lon"].to_numpy(float),
        "y_m": units["lat"].to_numpy(float),
    }, index=index)
    demand = pd.DataFrame({
        "weekly_hours": units["weight"].to_numpy(float), "people": units["weight"].to_numpy(float),
    }, index=index)
    return Case(areas, graph, demand)


def haversine_km2(case: Case) -> np.ndarray:
    """Squared km between all pairs of tracts, haversine with R = 6371.0088 km."""
    lon, lat = np.radians(case.areas["x_m"].to_numpy()), np.radians(case.areas["y_m"].to_numpy())
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return np.asarray((2 * 6371.0088 * np.arcsin(np.sqrt(half))) ** 2)
