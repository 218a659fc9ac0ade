"""How the cost of a design grows with the areas: made-up maps of 100 to 33,000 areas.

Run by ``python benchmarks/lots.py --scaling [--sizes 100,300,...] [--seconds N]``. A lot has 33 areas on
average. Up to 5,000 areas the map is one place; the larger ones are nested, as a region is in councils
(10,000 areas in 45 councils, 33,000 in 150). Each size runs in a process of its own, so that its memory
can be told.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import networkx as nx
import numpy as np
from maps import lots_by_locality, made_up
from peers import squared_km

SIZES = (100, 300, 1_000, 3_000, 5_000, 10_000, 33_000)
AREAS_A_LOT, AREAS_A_COUNCIL, ONE_PLACE = 33, 220, 5_000
TOLERANCE_PCT = 10.0
#: What is fitted against the number of areas.
FITTED = {
    "first_plan_seconds": "first plan", "seconds": "whole time", "cost": "cost", "peak_mib": "memory",
}


def one(areas: int, seconds: float, cores: int, seed: int) -> dict[str, Any]:
    """Design one made-up map, in a fresh process.

    ``cost`` is hours x squared km; ``peak_mib`` the most memory the process held (MiB; None where the
    system does not tell).
    """
    from lotting.brief import LotsBrief, RunBrief
    from lotting.design.solve import Progress, design
    from lotting.errors import LottingError

    localities = 1 if areas <= ONE_PLACE else round(areas / AREAS_A_COUNCIL)
    made = made_up(areas, seed=seed, localities=localities)
    number = max(2, round(areas / AREAS_A_LOT))
    brief = (
        LotsBrief(number=number, tolerance_pct=TOLERANCE_PCT) if localities == 1 else
        LotsBrief(per_locality=lots_by_locality(made, number), tolerance_pct=TOLERANCE_PCT)
    )
    row: dict[str, Any] = {
        "areas": areas, "lots": number, "councils": localities, "seconds_allowed": seconds,
    }
    tiny = made_up(30, seed=seed)  # compiles, or loads, the search
    design(tiny.areas, tiny.graph, tiny.demand, LotsBrief(number=2), run=RunBrief(time_limit_s=1.0))
    first: list[float] = []
    began = time.perf_counter()

    def heard(progress: Progress) -> None:
        if progress.objective is not None and not first:
            first.append(time.perf_counter() - began)

    try:
        found = design(
            made.areas, made.graph, made.demand, brief, progress=heard,
            run=RunBrief(seed=seed, time_limit_s=seconds, workers=cores),
        )
    except (LottingError, MemoryError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return {**row, "seconds": time.perf_counter() - began, "note": lines[0][:120]}
    took = time.perf_counter() - began
    cost = 0.0
    lots = found.plan.lots.groupby(found.plan.lots.to_numpy()).groups
    deviation, pieces = 0.0, 0
    mean = {
        str(k): float(h) / brief.per_locality.get(str(k), number)
        for k, h in made.demand["weekly_hours"].groupby(made.areas["locality"]).sum().items()
    }
    for codes in lots.values():
        hours = made.demand.loc[codes, "weekly_hours"].to_numpy(float)
        squared = squared_km(made.areas.loc[codes, ["x_m", "y_m"]].to_numpy(float) / 1000, "plane")
        cost += float((hours[:, None] * squared).sum(axis=0).min())
        target = mean[str(made.areas.loc[codes[0], "locality"])]
        deviation = max(deviation, abs(float(hours.sum()) / target - 1))
        pieces += not nx.is_connected(made.graph.subgraph(codes))
    return {
        **row, "seconds": took, "first_plan_seconds": first[0] if first else took, "cost": cost,
        "bound": found.bound, "gap": max(0.0, (cost - found.bound) / cost),
        "proven_places": sum(p.optimal for p in found.places), "deviation": deviation,
        "connected": not pieces, "reproducible": found.reproducible, "peak_mib": _peak_mib(),
        "note": "",
    }


def _peak_mib() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit(areas: list[float], values: list[float]) -> dict[str, float] | None:
    """Fit ``value = factor x areas ^ exponent`` by least squares of the logarithms.

    ``spread`` is the root mean square of the residuals, as a factor.
    """
    pairs = [(a, v) for a, v in zip(areas, values, strict=True) if a > 0 and v > 0]
    if len(pairs) < 3:
        return None
    x, y = np.log([a for a, _ in pairs]), np.log([v for _, v in pairs])
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - (slope * x + intercept)
    return {
        "exponent": float(slope), "factor": float(math.exp(intercept)),
        "spread": float(math.exp(math.sqrt((rest**2).mean()))),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run every size, print the table and the curves, and return both."""
    sizes = [int(s) for s in options.sizes.split(",")] if options.sizes else list(SIZES)
    print(f"{'areas':>8}{'lots':>7}{'councils':>10}{'first plan s':>14}{'whole s':>9}{'cost':>16}"
          f"{'gap %':>8}{'dev. %':>8}{'MiB':>8}")
    rows = []
    for size in sizes:
        # From half a minute to five minutes at 1,000 areas, then with the root of the areas.
        usual = max(30.0, 0.3 * size) if size <= 1000 else 300.0 * math.sqrt(size / 1000)
        seconds = options.seconds or usual
        row = _alone(size, seconds, options.cores or os.cpu_count() or 1, options.seed)
        rows.append(row)
        print(line_of(row), flush=True)
    curves = {
        key: fit([float(r["areas"]) for r in rows if r.get(key)], [float(r[key]) for r in rows if r.get(key)])
        for key in FITTED
    }
    print()
    for key, curve in curves.items():
        text = "too few sizes" if curve is None else (
            f"{curve['factor']:.3g} x areas^{curve['exponent']:.2f}, "
            f"within a factor of {curve['spread']:.2f}")
        print(f"{FITTED[key]:<12}{text}")
    print("The whole time is largely the time allowed; the first plan is what has to be paid.")
    return {"rows": rows, "curves": curves}


def _alone(size: int, seconds: float, cores: int, seed: int) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(one, size, seconds, cores, seed).result()
        except BrokenProcessPool:  # the system ended it, as it does when memory runs out
            return {"areas": size, "lots": max(2, round(size / AREAS_A_LOT)),
                    "councils": 1 if size <= ONE_PLACE else round(size / AREAS_A_COUNCIL),
                    "seconds_allowed": seconds, "note": "the process was ended by the system (memory?)"}


def line_of(row: dict[str, Any]) -> str:
    """Line of the table."""
    left = f"{row['areas']:>8,}{row['lots']:>7,}{row['councils']:>10,}"
    if "cost" not in row:
        return f"{left}  {row['note']}"[:100]
    memory = "" if row["peak_mib"] is None else f"{row['peak_mib']:,.0f}"
    return (f"{left}{row['first_plan_seconds']:>14.2f}{row['seconds']:>9.1f}{row['cost']:>16,.0f}"
            f"{100 * row['gap']:>8.2f}{100 * row['deviation']:>8.2f}{memory:>8}")
