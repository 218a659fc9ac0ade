"""How fast the maps and postcode files are read, side by side with the plain way.

Run: ``python benchmarks/reading.py [--areas 33000] [--rows 2700000] [--json FILE]``

Everything is synthesised in a temporary folder. Figures are medians of the runs made here and
ratios against a plain alternative measured in the same run; nothing is compared across machines.

- neighbours: :func:`lotting.adjacency.build_adjacency` against ``geopandas.sjoin`` with
  ``touches`` (which finds hardly any neighbour once the edges do not meet exactly).
- postcodes: :func:`lotting.postcodes.read_postcodes` for 20,000 wanted postcodes against
  ``pandas.read_csv`` of the same columns.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely


def median_seconds(job: Callable[[], Any], runs: int) -> tuple[float, Any]:
    times, result = [], None
    for _ in range(runs):
        began = time.perf_counter()
        result = job()
        times.append(time.perf_counter() - began)
    return statistics.median(times), result


def cells(number: int, *, unclean: bool) -> gpd.GeoDataFrame:
    """Voronoi cells with wriggly edges; unclean: every area moved by up to half a metre."""
    rng = np.random.default_rng(1)
    side = 400.0 * np.sqrt(number)
    points = rng.uniform(0, side, (number, 2))
    box = shapely.box(0, 0, side, side)
    raw = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=box))
    shapes = shapely.segmentize(shapely.intersection(raw, box), 25.0)
    if unclean:
        shift = rng.uniform(-0.5, 0.5, (len(shapes), 2))
        shapes = [
            shapely.transform(s, lambda xy, d=d: xy + d)
            for s, d in zip(shapes, shift, strict=True)
        ]
    codes = pd.Index([f"A{i:05d}" for i in range(len(shapes))], name="area_code")
    return gpd.GeoDataFrame(geometry=np.asarray(shapes), index=codes, crs="EPSG:27700")


def touching(areas: gpd.GeoDataFrame) -> int:
    pairs = gpd.sjoin(areas, areas, predicate="touches")
    return len(pairs) // 2


def neighbours(sizes: list[int], runs: int) -> list[dict[str, Any]]:
    from lotting.adjacency import build_adjacency

    rows = []
    for size in sizes:
        for unclean in (False, True):
            areas = cells(size, unclean=unclean)
            ours, graph = median_seconds(lambda a=areas: build_adjacency(a), runs)
            plain, found = median_seconds(lambda a=areas: touching(a), runs)
            rows.append({
                "areas": len(areas), "edges_meet": not unclean, "seconds": ours,
                "neighbours": graph.number_of_edges(), "touches_seconds": plain,
                "touches_neighbours": found, "ratio": ours / plain,
            })
    return rows


def postcode_file(path: Path, rows: int) -> list[str]:
    """Write a file with the forty columns of the newest NSPL."""
    rng = np.random.default_rng(1)
    letters = np.array(list("ABCDEFGHJKLMNPQRSTUWYZ"))
    number = np.arange(rows)
    codes = (
        pd.Series(letters[(number // 2_300_000) % 22]).str.cat(pd.Series(letters[(number // 108_000) % 22]))
        .str.cat(pd.Series((number // 4_840 % 90 + 10).astype(str)))
        .str.cat(pd.Series((number // 484 % 10).astype(str)), sep=" ")
        .str.cat(pd.Series(letters[number // 22 % 22])).str.cat(pd.Series(letters[number % 22]))
    )
    frame = pd.DataFrame({
        "pcd7": codes, "pcd8": codes, "pcds": codes, "dointr": "198001", "doterm": "",
        "usrtypind": "0", "east1m": rng.integers(100_000, 600_000, rows),
        "north1m": rng.integers(50_000, 600_000, rows), "gridind": "1",
        "lsoa21cd": pd.Series(rng.integers(1_000_000, 1_034_000, rows)).map("E0{}".format),
    })
    for i in range(28):
        frame[f"x{i}cd"] = "E99999999"
    frame["lat"], frame["long"] = 52.123456, -1.123456
    frame.to_csv(path, index=False)
    return list(codes.drop_duplicates().sample(min(20_000, rows), random_state=1))


def _peak(path: str, wanted: list[str], queue: Any) -> None:
    from lotting.postcodes import read_postcodes

    read_postcodes(Path(path), wanted)
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)


def postcodes(rows: int, runs: int) -> dict[str, Any]:
    from lotting.postcodes import read_postcodes

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "NSPL.csv"
        wanted = postcode_file(path, rows)
        ours, _ = median_seconds(lambda: read_postcodes(path, wanted), runs)
        columns = ["pcds", "doterm", "east1m", "north1m", "gridind", "lsoa21cd"]
        plain, _ = median_seconds(lambda: pd.read_csv(path, usecols=columns, dtype=str), runs)
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=_peak, args=(str(path), wanted, queue))
        process.start()
        peak = queue.get()
        process.join()
        return {
            "rows": rows, "mib": path.stat().st_size / 1024**2, "seconds": ours,
            "peak_gib": peak, "read_csv_seconds": plain, "ratio": ours / plain,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--areas", type=int, default=33_000)
    parser.add_argument("--rows", type=int, default=2_700_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sizes = sorted({865, options.areas})
    result = {
        "neighbours": neighbours(sizes, options.runs),
        "postcodes": postcodes(options.rows, options.runs),
    }
    print(f"{'areas':>8}{'edges meet':>12}{'found':>9}{'s':>8}{'touches':>9}{'s':>8}{'ratio':>8}")
    for r in result["neighbours"]:
        print(f"{r['areas']:>8,}{'yes' if r['edges_meet'] else 'no':>12}{r['neighbours']:>9,}"
              f"{r['seconds']:>8.2f}{r['touches_neighbours']:>9,}{r['touches_seconds']:>8.2f}"
              f"{r['ratio']:>8.2f}")
    p = result["postcodes"]
    print(f"\n{p['rows']:,} postcodes ({p['mib']:,.0f} MiB): {p['seconds']:.1f} s, "
          f"peak {p['peak_gib']:.2f} GiB; "
          f"read_csv {p['read_csv_seconds']:.1f} s; ratio {p['ratio']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
