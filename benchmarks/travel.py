"""Travel times side by side: how long each way of finding them takes, and how far straight lines are off.

Run: ``python benchmarks/travel.py [--roads FILE ...] [--places N] [--grid SIDE] [--seed N] [--json FILE]``

One matrix of minutes between N junctions, drawn by chance, by everything in turn, on the same links and in
one run: our road network (with km, joining places to roads and all), scipy alone (minutes only), igraph
(``Graph.distances``) and networkx (``single_source_dijkstra_path_length``; fifty origins, times as many as
it takes) where they are installed, and straight lines: as they come, and fitted to *other* places by
:func:`lotting.travel.calibrate.calibrate`. Errors of straight lines are against the road network, stops
aside: the median and the 90th percentile of the relative error, over all trips of 0.3 to 8 km as the crow
flies, and over trips of any length.

Without ``--roads`` it takes the road networks of the reference data beside the project, where there are
any, and a made-up grid of ``--grid`` by ``--grid`` streets otherwise. igraph is in the extra ``[bench]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from lotting.brief import TravelBrief
from lotting.travel import StraightLine
from lotting.travel.calibrate import MAX_KM, MIN_KM, calibrate, relative_errors
from lotting.travel.network import RoadNetwork
from lotting.travel.paths import make_graph

SHARED = Path(__file__).resolve().parents[2] / "shared" / "geo" / "roads"
FILES = ("banes_os_openmaplocal_roads.gpkg", "rutland_osm_roads.gpkg", "rutland-180227-nometa.osm.pbf")
NETWORKX_ORIGINS = 50
BLOCK_M = 100.0


def grid(side: int, folder: Path) -> Path:
    """Write a made-up town of ``side`` by ``side`` junctions, every tenth street an A road."""
    at = np.arange(side) * BLOCK_M
    a, b = np.meshgrid(at, at[:-1], indexing="ij")
    a, b = a.ravel() + 400_000, b.ravel() + 300_000
    upright = np.stack([np.column_stack([a, b]), np.column_stack([a, b + BLOCK_M])], axis=1)
    across = upright[:, :, ::-1] + [100_000, -100_000]
    kind = np.where((a - 400_000) % (10 * BLOCK_M) == 0, "A Road", "Local Road")
    path = folder / f"grid_{side}x{side}.parquet"
    gpd.GeoDataFrame({"class": np.concatenate([kind, kind])},
                     geometry=shapely.linestrings(np.concatenate([upright, across])),
                     crs="EPSG:27700").to_parquet(path)
    return path


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def by_networkx(links: pd.DataFrame, picked: np.ndarray) -> tuple[float, np.ndarray]:
    graph = nx.DiGraph()
    graph.add_weighted_edges_from(
        links.sort_values("minutes", ascending=False)[["tail", "head", "minutes"]].itertuples(
            index=False, name=None))
    few = picked[:NETWORKX_ORIGINS]

    def work() -> np.ndarray:
        rows = []
        for a in few:
            found = nx.single_source_dijkstra_path_length(graph, int(a), weight="weight")
            rows.append([found[int(b)] for b in picked])
        return np.array(rows)

    seconds, minutes = timed(work)
    return seconds * len(picked) / len(few), minutes


def by_igraph(links: pd.DataFrame, nodes: int, picked: np.ndarray) -> tuple[float, np.ndarray]:
    import igraph

    graph = igraph.Graph(n=nodes, edges=links[["tail", "head"]].to_numpy().tolist(), directed=True)
    weights = links["minutes"].tolist()
    seconds, minutes = timed(lambda: graph.distances(
        picked.tolist(), picked.tolist(), weights=weights, mode="out", algorithm="dijkstra"))
    return seconds, np.array(minutes)


def by_scipy(links: pd.DataFrame, nodes: int, picked: np.ndarray) -> tuple[float, np.ndarray]:
    graph = make_graph(nodes, *(links[c].to_numpy() for c in ("tail", "head", "minutes", "km")))
    csr = csr_array((graph.minutes, graph.indices, graph.indptr), shape=(nodes, nodes))
    return timed(lambda: dijkstra(csr, indices=picked)[:, picked])


def errors(guess: Any, truth: Any, brief: TravelBrief, pairs: np.ndarray) -> list[float]:
    """Median and 90th percentile of the relative error, of minutes and of km."""
    found = []
    for ours, roads in ((guess.minutes - brief.stop_minutes, truth.minutes - brief.stop_minutes),
                        (guess.km, truth.km)):
        found += relative_errors(ours[pairs].astype(float), roads[pairs].astype(float))
    return found


def one(path: Path, count: int, seed: int) -> dict[str, Any]:
    """Measure one road network."""
    brief = TravelBrief(roads=path)
    reading, network = timed(lambda: RoadNetwork.read(brief))
    building, nodes = timed(network.nodes)
    links = network.links()
    picked = np.random.default_rng(seed).choice(len(nodes), min(count, len(nodes)), replace=False)
    places = nodes.iloc[picked]
    network.matrix(places.iloc[:3])  # compiles, or loads, the kernel
    seconds, roads = timed(lambda: network.matrix(places))
    rows: list[dict[str, Any]] = [{"engine": "road network", "seconds": seconds}]
    ours = np.where(roads.minutes > 0, roads.minutes - brief.stop_minutes, 0.0)
    others: list[tuple[str, Callable[[], tuple[float, np.ndarray]]]] = [
        ("scipy, minutes only", lambda: by_scipy(links, len(nodes), picked)),
        ("networkx", lambda: by_networkx(links, picked)),
    ]
    if importlib.util.find_spec("igraph") is not None:
        others.insert(1, ("igraph", lambda: by_igraph(links, len(nodes), picked)))
    for name, work in others:
        seconds, minutes = work()
        rows.append({"engine": name, "seconds": seconds,
                     "apart_minutes": float(np.abs(minutes - ours[: len(minutes)]).max())})
    fit = calibrate(network, len(picked), seed=seed + 1)
    xy = places.to_numpy()
    crow = np.hypot(*(xy[:, None, k] - xy[None, :, k] for k in (0, 1))) / 1000
    fine = np.isfinite(roads.minutes) & (crow > 0)
    near = fine & (crow >= MIN_KM) & (crow <= MAX_KM)
    for name, settings in (("straight line", TravelBrief()), ("straight line, fitted", fit.brief())):
        engine = StraightLine(settings)
        seconds, guess = timed(lambda engine=engine: engine.matrix(places))
        rows.append({"engine": name, "seconds": seconds, "near": errors(guess, roads, brief, near),
                     "all": errors(guess, roads, brief, fine)})
    return {
        "file": path.name, "nodes": len(nodes), "links": len(links), "places": len(picked),
        "reading_seconds": reading + building, "dropped": network.dropped().to_dict("records"),
        "fit": fit.toml(), "rows": rows,
    }


def show(found: dict[str, Any]) -> None:
    print(f"\n{found['file']}: {found['nodes']:,} junctions, {found['links']:,} directed links; "
          f"{found['places']:,} places")
    print(f"read and built in {found['reading_seconds']:.1f} s")
    print(f"{'':22}{'':>8}{'times':>8}  {'error, 0.3 to 8 km':^20}{'any length':^20}")
    print(f"{'':22}{'seconds':>8}{'ours':>8}  {'minutes':>10}{'km':>10}{'minutes':>10}{'km':>10}")
    ours = found["rows"][0]["seconds"]
    for row in found["rows"]:
        cells = "".join(
            f"{f'{100 * part[k]:.0f}/{100 * part[k + 1]:.0f} %':>10}"
            for part in (row["near"], row["all"]) for k in (0, 2)) if "near" in row else ""
        if "apart_minutes" in row:
            cells = f"  within {row['apart_minutes'] * 60:.2g} s of ours"
        print(f"{row['engine']:22}{row['seconds']:8.2f}{row['seconds'] / ours:8.2f}  {cells}".rstrip())
    print("(errors: median/90th percentile)\n")
    print(found["fit"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roads", nargs="+", type=Path, help="road networks to measure on")
    parser.add_argument("--places", type=int, default=1000, help="places in the matrix (1,000)")
    parser.add_argument("--grid", type=int, help="a made-up grid with this many streets each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write everything that was measured")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        files = list(options.roads or [])
        if not files and options.grid is None:
            files = [SHARED / name for name in FILES if (SHARED / name).is_file()]
        if options.grid is not None or not files:
            files.append(grid(options.grid or 100, Path(folder)))
        found = []
        for path in files:
            found.append(one(path, options.places, options.seed))
            show(found[-1])
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
