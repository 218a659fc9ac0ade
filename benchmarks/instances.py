"""The maps the lots are drawn on in the benchmarks, and what a plan of one is worth.

Costs, limits and connections are worked out here from the definitions, without the solver's code: hours x
squared km to the best centre area of each lot. The reference data (``../shared``) is left out where it
is not there; the embedded counties always are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from maps import made_up
from peers import SLACK, squared_km

from lotting.brief import LotsBrief

SHARED = Path(__file__).resolve().parents[2] / "shared"
KINDS = ("embedded", "geo", "bench")
LEICESTERSHIRE = {
    "N W Leicestershire": 3, "North Charnwood": 2, "Melton, Rutland & Harborough": 3,
    "Oadby & Wigston": 2, "Hinckley & Bosworth": 3, "Blaby & Lutterworth": 3, "South Charnwood": 2,
}
#: Weekly hours: Leicestershire and Herefordshire (pathway O) as published, Hampshire a round figure.
HOURS = {"leicestershire": 49_230.0, "herefordshire": 9_199.0, "hampshire": 60_000.0}
#: Metres east and north of Winchester, the middle of the part of Hampshire with 400 areas.
WINCHESTER = (448_000.0, 129_500.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Areas that are designed together: codes, number of lots, weekly hours a lot may hold."""

    name: str
    codes: tuple[str, ...]
    lots: int
    lo: float
    hi: float
    target: float


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an instance: a cost, whether it is proven, and a bound (in ``unit``)."""

    cost: float
    proven: bool
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A map, its lots and limits.

    Attributes
    ----------
    name
        Short, for the command line.
    areas, graph, demand, lots
        What the design takes. Where ``metric`` is ``sphere``, ``x_m`` and ``y_m`` are degrees.
    places
        Limits by place, worked out here.
    metric
        ``plane`` (metres) or ``sphere`` (haversine).
    unit
        Cost is shown divided by this.
    seconds
        Time for ours, unless the command says otherwise.
    known
        Best-known value, where there is one.
    """

    name: str
    areas: pd.DataFrame
    graph: nx.Graph[str]
    demand: pd.DataFrame
    lots: LotsBrief
    places: tuple[Place, ...]
    metric: str = "plane"
    unit: float = 1.0
    seconds: float = 60.0
    known: Known | None = None

    @property
    def number(self) -> int:
        """Number of lots."""
        return sum(p.lots for p in self.places)

    def limits(self) -> str:
        """Limits in words."""
        first = self.places[0]
        if self.lots.max_hours and self.metric == "plane":
            return f"{first.lo:,.0f} to {first.hi:,.0f} h"
        return f"within {100 * (first.hi - first.target) / first.target:.2g} %"

    def coordinates(self, codes: Sequence[str]) -> npt.NDArray[np.float64]:
        """Km in the plane, or degrees on the sphere."""
        xy = self.areas.loc[list(codes), ["x_m", "y_m"]].to_numpy(float)
        return xy / 1000.0 if self.metric == "plane" else xy

    def problems(self) -> list[dict[str, Any]]:
        """Give the places as the peers take them."""
        found = []
        for place in self.places:
            at = {code: i for i, code in enumerate(place.codes)}
            found.append({
                "hours": self.demand.loc[list(place.codes), "weekly_hours"].tolist(),
                "xy": self.coordinates(place.codes).tolist(), "metric": self.metric,
                "edges": sorted(sorted((at[a], at[b])) for a, b in self.graph.subgraph(place.codes).edges),
                "lots": place.lots, "lo": place.lo, "hi": place.hi,
            })
        return found


@dataclass(frozen=True, slots=True)
class Worth:
    """What a plan is worth.

    Attributes
    ----------
    cost
        Hours x squared km, in the instance's unit.
    deviation
        Largest share by which a lot misses its target.
    beyond
        Largest share of the target by which a lot misses its limits; 0 within them.
    pieces
        Lots that do not hang together.
    lots
        Number of lots.
    fits
        The right number of connected lots within all limits.
    """

    cost: float
    deviation: float
    beyond: float
    pieces: int
    lots: int
    fits: bool


def worth(instance: Instance, lots_of: Sequence[Mapping[str, Any]]) -> Worth:
    """Work out what a plan is worth; one mapping from code to lot for each place.

    A lot that has areas of two places counts as two, as no lot may cross places.
    """
    cost = deviation = beyond = 0.0
    pieces = lots = 0
    right = True
    for place, lot_of in zip(instance.places, lots_of, strict=True):
        groups: dict[Any, list[str]] = {}
        for code in place.codes:
            groups.setdefault(lot_of[code], []).append(code)
        right &= len(groups) == place.lots
        lots += len(groups)
        for codes in groups.values():
            hours = instance.demand.loc[codes, "weekly_hours"].to_numpy(float)
            total = math.fsum(hours.tolist())
            deviation = max(deviation, abs(total - place.target) / place.target)
            over = max(total - place.hi, place.lo - total)
            beyond = max(beyond, over / place.target if over > 2 * SLACK else 0.0)
            pieces += not nx.is_connected(instance.graph.subgraph(codes))
            squared = squared_km(instance.coordinates(codes), instance.metric)
            cost += float((hours[:, None] * squared).sum(axis=0).min())
    return Worth(
        cost / instance.unit, deviation, beyond, pieces, lots, right and not pieces and beyond == 0.0
    )


# -- the solver on the sphere ------------------------------------------------------------------


@contextmanager
def distances_of(instance: Instance) -> Iterator[None]:
    """Let the design measure on the sphere where the instance lies on one.

    The design takes metres in a plane, and nothing else; the published values of whole American states
    are haversine. So the matrix of costs is put in its place as each problem is made.
    """
    if instance.metric == "plane":
        yield
        return
    import lotting.design.instance as maker
    import lotting.design.solve  # noqa: F401 (its modules have to be loaded)

    plain = maker.make_instance

    def on_sphere(*args: Any, **more: Any) -> Any:
        made = plain(*args, **more)
        if any(len(unit) != 1 for unit in made.members):
            raise ValueError("areas locked together have no place on the sphere")
        units = [unit[0] for unit in made.members]
        if list(made.centres) != units:
            raise ValueError("every area has to be a candidate centre, in order")
        cost = instance.demand.loc[units, "weekly_hours"].to_numpy(float)[:, None] * squared_km(
            instance.coordinates(units), "sphere")
        return replace(made, cost=cost)

    def swap(old: Any, new: Any) -> None:
        # Also in modules that were loaded in between.
        for name, module in list(sys.modules.items()):
            if name.startswith("lotting.design") and getattr(module, "make_instance", None) is old:
                module.make_instance = new  # type: ignore[attr-defined]

    swap(plain, on_sphere)
    try:
        yield
    finally:
        swap(on_sphere, plain)


# -- making instances --------------------------------------------------------------------------


def _make(
    name: str, areas: pd.DataFrame, graph: nx.Graph[str], hours: pd.Series[float], lots: LotsBrief,
    **more: Any,
) -> Instance:
    """Work out the places of a map in one piece, or in connected localities."""
    areas = areas[["locality", "rural", "x_m", "y_m"]].copy()
    if not lots.per_locality:
        areas["locality"] = ""
    demand = pd.DataFrame({"weekly_hours": hours, "people": np.maximum(1.0, np.rint(hours / 13))})
    demand = demand.reindex(areas.index)
    groups = (
        {str(k): sorted(map(str, v)) for k, v in areas.groupby("locality").groups.items()}
        if lots.per_locality else {"": sorted(map(str, areas.index))}
    )
    places = []
    for locality, codes in groups.items():
        if not nx.is_connected(graph.subgraph(codes)):
            raise ValueError(f"{name}: {locality or 'the map'} does not hang together")
        number = lots.per_locality[locality] if lots.per_locality else lots.number
        assert isinstance(number, int)
        mean = math.fsum(demand.loc[codes, "weekly_hours"].tolist()) / number
        share = None if lots.tolerance_pct is None else lots.tolerance_pct / 100
        places.append(Place(
            locality, tuple(codes), number,
            max(lots.min_hours or 0.0, 0.0 if share is None else mean * (1 - share)),
            min(lots.max_hours or math.inf, math.inf if share is None else mean * (1 + share)), mean,
        ))
    return Instance(name=name, areas=areas, graph=graph, demand=demand, lots=lots,
                    places=tuple(places), **more)


def toy() -> Instance:
    """Thirty made-up areas in 3 lots, to try the benchmark itself."""
    made = made_up(30, seed=1)
    return _make("toy", made.areas, made.graph, made.demand["weekly_hours"],
                 LotsBrief(number=3, tolerance_pct=15))


@cache
def _embedded(county: str) -> tuple[pd.DataFrame, nx.Graph[str], pd.DataFrame]:
    from lotting.adjacency import build_adjacency
    from lotting.embedded import county_areas, county_hours

    areas = county_areas(county)
    return areas, build_adjacency(areas), county_hours(county)


def embedded_leicestershire() -> Instance:
    """259 areas, 18 lots nested in 7 localities."""
    areas, graph, hours = _embedded("leicestershire")
    return _make(
        "leicestershire-embedded", areas, graph, hours.groupby("area_code")["weekly_hours"].sum(),
        LotsBrief(per_locality=LEICESTERSHIRE, min_hours=2000, max_hours=3560),
    )


def embedded_herefordshire() -> Instance:
    """138 areas, 5 lots of pathway O over the whole county."""
    areas, graph, hours = _embedded("herefordshire")
    hours = hours[hours["pathway"] == "O"]
    return _make(
        "herefordshire-embedded", areas, graph, hours.groupby("area_code")["weekly_hours"].sum(),
        LotsBrief(number=5, min_hours=1295, max_hours=2352), seconds=300.0,
    )


@cache
def _county(county: str) -> tuple[pd.DataFrame, nx.Graph[str], pd.Series[float]]:
    """Real areas, who touches whom (pieces bridged where they are nearest), and weekly hours."""
    from lotting.adjacency import build_adjacency

    folder = SHARED / "geo" / "units"
    shapes = gpd.read_file(folder / f"{county}.gpkg", layer="lsoa21").set_index("LSOA21CD").sort_index()
    shapes.index = pd.Index([str(c) for c in shapes.index], name="area_code", dtype="str")
    edges = folder / f"{county}_adjacency.csv"
    graph: nx.Graph[str] = nx.Graph()
    if edges.is_file():
        pairs = pd.read_csv(edges)
        pairs = pairs[pairs["shared_m"] > 10]
        graph.add_nodes_from(shapes.index)
        graph.add_edges_from(zip(pairs["lsoa_a"], pairs["lsoa_b"], strict=True))
    else:
        graph = build_adjacency(shapes)
    while not nx.is_connected(graph):  # Hayling Island
        island = sorted(min(nx.connected_components(graph), key=len))
        rest = sorted(set(graph) - set(island))
        between = shapely.distance(
            shapes.geometry.loc[island].to_numpy()[:, None], shapes.geometry.loc[rest].to_numpy()[None, :])
        a, b = np.unravel_index(int(np.argmin(between)), between.shape)
        graph.add_edge(island[a], rest[b])
    locality = ""
    if county == "leicestershire":
        lots = pd.read_csv(folder / "leicestershire_published_lots.csv", dtype=str).set_index("area_code")
        locality = lots["locality"].reindex(shapes.index).to_numpy()
    areas = pd.DataFrame({
        "locality": locality, "rural": shapes["rural"].astype(bool),
        "x_m": shapes["pc_x"].astype(float), "y_m": shapes["pc_y"].astype(float),
    }, index=shapes.index)
    old = shapes["pop75_mid2020"].astype(float)
    return areas, graph, HOURS[county] * old / old.sum()


def real_leicestershire(tolerance: float | None) -> Instance:
    """408 areas, 18 lots nested in 7 localities."""
    limits = {"min_hours": 2000.0, "max_hours": 3560.0} if tolerance is None else {"tolerance_pct": tolerance}
    name = "leicestershire" if tolerance is None else f"leicestershire-{tolerance:g}"
    return _make(
        name, *_county("leicestershire"),
        LotsBrief(per_locality=LEICESTERSHIRE, **limits),  # type: ignore[arg-type]
    )


def real_herefordshire() -> Instance:
    """117 areas, 5 lots of pathway O over the whole county."""
    return _make("herefordshire", *_county("herefordshire"),
                 LotsBrief(number=5, min_hours=1295, max_hours=2352), seconds=300.0)


def real_hampshire(lots: int) -> Instance:
    """865 areas over the whole county."""
    return _make(f"hampshire-{lots}", *_county("hampshire"),
                 LotsBrief(number=lots, tolerance_pct=10), seconds=300.0)


def part_of_hampshire() -> Instance:
    """The 400 areas around Winchester that are nearest and connected, in 10 lots."""
    areas, graph, hours = _county("hampshire")
    away = np.hypot(areas["x_m"] - WINCHESTER[0], areas["y_m"] - WINCHESTER[1]).to_dict()
    chosen = [min(away, key=lambda c: (away[c], c))]
    inside = set(chosen)
    while len(chosen) < 400:
        rim = {b for a in chosen for b in graph.adj[a]} - inside
        chosen.append(min(rim, key=lambda c: (away[c], c)))
        inside.add(chosen[-1])
    keep = sorted(inside)
    return _make("hampshire-400", areas.loc[keep], nx.Graph(graph.subgraph(keep)), hours.loc[keep],
                 LotsBrief(number=10, tolerance_pct=10), seconds=300.0)


@cache
def _state(state: str) -> tuple[pd.DataFrame, nx.Graph[str]]:
    folder = SHARED / "bench" / "lots"
    units = pd.read_csv(folder / f"{state}_units.csv.gz", dtype={"unit": str, "county": str})
    edges = pd.read_csv(folder / f"{state}_edges.csv.gz", dtype=str)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(units["unit"])
    graph.add_edges_from(edges[["a", "b"]].itertuples(index=False))
    return units.set_index("unit").sort_index(), graph


def tracts(state: str, county: str, lots: int, tolerance: float, known: Known) -> Instance:
    """Census tracts of a state, or of the largest connected part of a county.

    Weights are thousands of people here, so that the cost comes in the table's unit for counties; that
    for states is a thousand times larger. Limits of states are whole people.
    """
    units, graph = _state(state)
    if county:
        within = graph.subgraph(units.index[units["county"] == county])
        graph = nx.Graph(graph.subgraph(max(nx.connected_components(within), key=len)))
        units = units.loc[[u for u in units.index if u in graph]]
    index = pd.Index([str(u) for u in units.index], name="area_code", dtype="str")
    areas = pd.DataFrame({
        "locality": "", "rural": False, "x_m": units["lon"].to_numpy(float),
        "y_m": units["lat"].to_numpy(float),
    }, index=index)
    people = int(units["weight"].sum())
    brief = (
        LotsBrief(number=lots, tolerance_pct=100 * tolerance) if county else LotsBrief(
            number=lots, min_hours=math.ceil(people / lots * (1 - tolerance)) / 1e3,
            max_hours=math.floor(people / lots * (1 + tolerance)) / 1e3)
    )
    hours = pd.Series(units["weight"].to_numpy(float) / 1e3, index=index)
    return _make(
        f"{state}-{county}" if county else state, areas, graph, hours, brief, metric="sphere",
        unit=1.0 if county else 1e3, seconds=60.0 if len(areas) <= 100 else 300.0, known=known,
    )


def best_known() -> list[tuple[str, Callable[[], Instance]]]:
    """Every row of the table of best-known values."""
    file = SHARED / "bench" / "lots" / "best_known.csv"
    rows = pd.read_csv(file, dtype={"county": str}).fillna({"county": ""})
    found = []
    for row in rows.itertuples(index=False):
        status = str(row.status)
        bound = float(status.rsplit(" ", 1)[1]) if "bound" in status else None
        known = Known(float(row.cost), status == "proven", bound)

        def make(row: Any = row, known: Known = known) -> Instance:
            return tracts(row.state, row.county, int(row.lots), float(row.tolerance), known)

        found.append((f"{row.state}-{row.county}" if row.county else str(row.state), make))
    return found


def available(kinds: Sequence[str]) -> list[tuple[str, Callable[[], Instance]]]:
    """Names and makers of the instances whose data is there, in the order they are run."""
    found: list[tuple[str, Callable[[], Instance]]] = []
    if "toy" in kinds:
        found.append(("toy", toy))
    if "embedded" in kinds:
        found += [("leicestershire-embedded", embedded_leicestershire),
                  ("herefordshire-embedded", embedded_herefordshire)]
    if "geo" in kinds and (SHARED / "geo" / "units").is_dir():
        found += [
            ("leicestershire", lambda: real_leicestershire(None)),
            ("leicestershire-1.5", lambda: real_leicestershire(1.5)),
            ("herefordshire", real_herefordshire),
            ("hampshire-4", lambda: real_hampshire(4)),
            ("hampshire-16", lambda: real_hampshire(16)),
            ("hampshire-400", part_of_hampshire),
        ]
    if "bench" in kinds and (SHARED / "bench" / "lots").is_dir():
        found += best_known()
    return found
