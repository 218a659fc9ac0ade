"""Rounds side by side: ours against best-known values, and PyVRP, VROOM and OR-Tools where they apply.

    python benchmarks/rounds.py                       # all instances, 60 s each on one thread
    python benchmarks/rounds.py --only _50_ --seconds 20
    python benchmarks/rounds.py --set vrptw --seconds 10

The instances are not part of the project: point --folder at a folder that holds ``rounds/`` (home
health care with double-handed visits, Mankowska, Meisel and Bierwirth 2014, JSON) and ``vrptw/``
(Solomon, with ``.sol`` files of best-known solutions).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from allocation.rounds.problem import RoundsProblem, Weights
from allocation.rounds.solve import Solution, solve

FOLDER = Path(__file__).parent.parent.parent / "shared" / "bench"


def mankowska(path: Path) -> RoundsProblem:
    """Read an instance; cost = (distance + lateness + largest lateness) / 3."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        raw = json.load(file)
    patients, carers = raw["patients"], raw["caregivers"]
    distance = np.array(raw["distances"])[None]
    tasks = [(i, need) for i, p in enumerate(patients) for need in p["required_caregivers"]]
    gaps = [
        tuple(p["synchronization"]["distance"])
        if p.get("synchronization", {}).get("type") == "sequential"
        else (0.0, 0.0)
        for p in patients
    ]
    n_carers = len(carers)
    third = 1 / 3
    return RoundsProblem(
        visit_ids=tuple(p["id"] for p in patients),
        shift_ids=tuple(c["id"] for c in carers),
        minutes=distance,
        km=distance,
        place=np.arange(1, len(patients) + 1),
        earliest=[p["time_window"][0] for p in patients],
        latest=[p["time_window"][1] for p in patients],
        task_visit=np.array([i for i, _ in tasks]),
        task_minutes=[need["duration"] for _, need in tasks],
        gap_low=[g[0] for g in gaps],
        gap_high=[g[1] for g in gaps],
        allowed=[[need["service"] in c["abilities"] for c in carers] for _, need in tasks],
        person=np.arange(n_carers),
        start_place=np.zeros(n_carers),
        end_place=np.zeros(n_carers),
        weights=Weights(
            travel_minute=third, late_minute=third, worst_late=third, unserved_minute=None
        ),
    )


def mankowska_cost(path: Path, solution: Solution) -> float:
    """Cost of a plan from the instance's own file, sharing nothing with the search."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        raw = json.load(file)
    tasks = [
        (i, need) for i, p in enumerate(raw["patients"]) for need in p["required_caregivers"]
    ]
    way = raw["distances"]
    travelled, seen = 0.0, set()
    for carer, route in zip(raw["caregivers"], solution.routes, strict=True):
        at, free = 0, 0.0
        for t in route:
            i, need = tasks[t]
            assert need["service"] in carer["abilities"]
            assert t not in seen
            seen.add(t)
            travelled += way[at][i + 1]
            assert solution.start[t] >= free + way[at][i + 1] - 1e-6
            at, free = i + 1, solution.start[t] + need["duration"]
        travelled += way[at][0]
    assert len(seen) == len(tasks)
    late = []
    for i, p in enumerate(raw["patients"]):
        mine = [t for t, (j, _) in enumerate(tasks) if j == i]
        for t in mine:
            assert solution.start[t] >= p["time_window"][0] - 1e-6
            late.append(max(0.0, solution.start[t] - p["time_window"][1]))
        if len(mine) == 2:
            sync = p["synchronization"]
            low, high = sync["distance"] if sync["type"] == "sequential" else (0.0, 0.0)
            gap = solution.start[mine[1]] - solution.start[mine[0]]
            assert low - 1e-6 <= gap <= high + 1e-6
            assert solution.shift[mine[0]] != solution.shift[mine[1]]
    return (travelled + sum(late) + max(late)) / 3


def solomon(path: Path) -> RoundsProblem:
    """Read one of Solomon's instances; distances truncated to one decimal."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    vehicles, capacity = (int(x) for x in rows[4])
    data = np.array([[float(x) for x in row] for row in rows[9:] if len(row) == 7])
    way = np.hypot(*(data[:, None, 1:3] - data[None, :, 1:3]).transpose(2, 0, 1))
    way = np.floor(way * 10 + 1e-9)[None] / 10
    n = len(data) - 1
    return RoundsProblem(
        visit_ids=tuple(str(int(r[0])) for r in data[1:]),
        shift_ids=tuple(f"v{k}" for k in range(vehicles)),
        minutes=way,
        km=way,
        place=np.arange(1, n + 1),
        earliest=data[1:, 4],
        latest=data[1:, 5],
        task_visit=np.arange(n),
        task_minutes=data[1:, 6],
        load=data[1:, 3],
        allowed=np.ones((n, vehicles), bool),
        person=np.arange(vehicles),
        start_place=np.zeros(vehicles),
        end_place=np.zeros(vehicles),
        shift_end=np.full(vehicles, data[0, 5]),
        capacity=np.full(vehicles, float(capacity)),
        hard_windows=True,
        weights=Weights(unserved_minute=None),
    )


def solomon_cost(path: Path, routes: list[list[int]]) -> float:
    """Distance of routes (customers' numbers) from the instance's file; every rule checked."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    capacity = int(rows[4][1])
    data = [[float(x) for x in row] for row in rows[9:] if len(row) == 7]
    total, seen = 0.0, set()
    for route in routes:
        at, now, load = 0, 0.0, 0.0
        for c in [*route, 0]:
            way = int(10 * np.hypot(data[at][1] - data[c][1], data[at][2] - data[c][2]) + 1e-9) / 10
            total += way
            now = max(now + way, data[c][4])
            assert now <= data[c][5] + 1e-6, (route, c, now, data[c][5])
            now += data[c][6]
            load += data[c][3]
            if c:
                assert c not in seen
                seen.add(c)
            at = c
        assert load <= capacity
    assert len(seen) == len(data) - 1
    return total


def run_mankowska(folder: Path, only: str, seconds: float, seed: int) -> None:
    with (folder / "rounds" / "best_known.csv").open(encoding="utf-8") as file:
        best = {r["instance"]: float(r["best_known_cost"]) for r in csv.DictReader(file)}
    print(f"{'instance':26}{'first':>9}{'ours':>10}{'best known':>12}{'gap %':>8}{'moves':>8}{'s':>6}")
    by_size: dict[str, list[float]] = {}
    for name, known in best.items():
        if only not in name + "_":
            continue
        path = folder / "rounds" / f"{name}.json.gz"
        solution = solve(mankowska(path), seed=seed, time_limit_s=seconds, fill_time=True)
        cost = mankowska_cost(path, solution)
        assert abs(cost - solution.cost) < 1e-3, (cost, solution.cost)
        gap = 100 * (cost / known - 1)
        by_size.setdefault(name.split("_")[2], []).append(gap)
        print(
            f"{name:26}{solution.first_cost:9.1f}{cost:10.3f}{known:12.3f}{gap:8.3f}"
            f"{solution.moves / 1e6:7.1f}M{solution.seconds:6.1f}",
            flush=True,
        )
    every = [g for gaps in by_size.values() for g in gaps]
    if every:
        for size, gaps in by_size.items():
            print(f"{size:>5} patients: mean gap {np.mean(gaps):7.3f} %, largest {max(gaps):7.3f} %")
        print(f"all: mean gap {np.mean(every):.3f} %, largest {max(every):.3f} %, "
              f"below the best known {sum(g < -0.001 for g in every)}")


def pyvrp_solomon(path: Path, seconds: float, seed: int) -> list[list[int]] | None:
    """PyVRP's own routes; None when it is not installed."""
    try:
        import pyvrp
        from pyvrp.stop import MaxRuntime
    except ImportError:
        return None
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    vehicles, capacity = (int(x) for x in rows[4])
    data = np.array([[float(x) for x in row] for row in rows[9:] if len(row) == 7])
    way = np.hypot(*(data[:, None, 1:3] - data[None, :, 1:3]).transpose(2, 0, 1))
    way = np.floor(way * 10 + 1e-9).astype(np.int64)
    tenths = (data * 10).astype(np.int64)
    clients = [
        pyvrp.Client(
            i, delivery=[int(data[i, 3])], service_duration=int(tenths[i, 6]),
            tw_early=int(tenths[i, 4]), tw_late=int(tenths[i, 5]),
        )
        for i in range(1, len(data))
    ]  # fmt: skip
    vehicle = pyvrp.VehicleType(vehicles, capacity=[capacity], tw_late=int(tenths[0, 5]))
    places = [pyvrp.Location(x, y) for x, y in data[:, 1:3]]
    problem = pyvrp.ProblemData(places, clients, [pyvrp.Depot(0)], [vehicle], [way], [way])
    result = pyvrp.solve(problem, stop=MaxRuntime(seconds), seed=seed, display=False)
    return [[a.idx + 1 for a in route if a.is_client()] for route in result.best.routes()]


def run_vrptw(folder: Path, only: str, seconds: float, seed: int) -> None:
    print(f"{'instance':10}{'best known':>12}{'ours':>9}{'gap %':>8}{'PyVRP':>9}{'gap %':>8}{'first s':>9}")
    gaps: list[tuple[float, float | None]] = []
    for path in sorted((folder / "vrptw").glob("*.txt")):
        if only not in path.stem:
            continue
        text = path.with_suffix(".sol").read_text(encoding="utf-8")
        known = float(text.lower().split("cost")[1].split()[0])
        problem = solomon(path)
        began = time.perf_counter()
        solution = solve(problem, seed=seed, time_limit_s=seconds, fill_time=True)
        assert time.perf_counter() - began < seconds + 5
        ours = solomon_cost(path, [[t + 1 for t in route] for route in solution.routes if route])
        theirs = pyvrp_solomon(path, seconds, seed)
        line = f"{path.stem:10}{known:12.1f}{ours:9.1f}{100 * (ours / known - 1):8.2f}"
        their_gap = None
        if theirs is not None:
            cost = solomon_cost(path, theirs)
            their_gap = 100 * (cost / known - 1)
            line += f"{cost:9.1f}{their_gap:8.2f}"
        print(line + f"{solution.first_seconds:9.3f}", flush=True)
        gaps.append((100 * (ours / known - 1), their_gap))
    if gaps:
        print(f"mean gap: ours {np.mean([g for g, _ in gaps]):.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--set", choices=["rounds", "vrptw"], default="rounds")
    parser.add_argument("--only", default="", help="part of an instance's name")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    args: Any = parser.parse_args()
    run = run_mankowska if args.set == "rounds" else run_vrptw
    run(args.folder, args.only, args.seconds, args.seed)


if __name__ == "__main__":
    main()
