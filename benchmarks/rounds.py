"""Rounds side by side: ours against best-known values, and PyVRP, VROOM and OR-Tools where they apply.

    python benchmarks/rounds.py                         # all instances, 60 s each on one thread
    python benchmarks/rounds.py --only _50_ --seconds 20
    python benchmarks/rounds.py --peers                 # OR-Tools on the same instances as well
    python benchmarks/rounds.py --set vrptw --seconds 10

The instances are not part of the project: point --folder at a folder that holds ``rounds/`` (home
health care with double-handed visits, Mankowska, Meisel and Bierwirth 2014, JSON) and ``vrptw/``
(Solomon, with ``.sol`` files of best-known solutions). Every cost is worked out from the instance's own
file; docs/explanation/benchmarks-rounds.md says more.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rounds_instances import (
    Day,
    Solomon,
    best_days,
    best_solomon,
    day_cost,
    earliest_starts,
    solomon_cost,
)
from rounds_peers import PEERS, Found, ortools_day

from allocation.rounds.solve import Solution, solve

FOLDER = Path(__file__).parent.parent.parent / "shared" / "bench"
_MODULES = {"PyVRP": "pyvrp", "VROOM": "vroom", "OR-Tools": "ortools"}
_BELOW = -0.001  # % by which a cost has to lie below the best known to count: that is given rounded
_AT_ONCE = 1e-9  # seconds: the plan that is built first, and nothing more
Row = dict[str, Any]
Program = Callable[[Solomon, float, int], Found]


def warm_up() -> None:
    """Compile, or load, the kernels: that is in nobody's time."""
    patients = [
        {"id": str(k), "time_window": [60.0 * k, 60.0 * k + 30], "synchronization": {"type": "simultaneous"},
         "required_caregivers": [{"service": s, "duration": 10.0} for s in "ab"[: 1 + k % 2]]}
        for k in range(4)
    ]  # fmt: skip
    way = 5.0 * (1 - np.eye(5))
    carers = [{"abilities": ["a", "b"]}] * 3
    solve(Day.of({"patients": patients, "caregivers": carers, "distances": way}).problem(), effort=0.01)


def gap(cost: float | None, known: float) -> float | None:
    """Gap to the best known, %."""
    return None if cost is None else round(100 * (cost / known - 1), 6) + 0.0  # no minus before 0


def run_days(folder: Path, only: str, seconds: float, seed: int, *, peers: bool) -> list[Row]:
    """Days with double-handed visits: ours, and OR-Tools when asked for."""
    rows: list[Row] = []
    heads = ("instance", "first", "ours", "best known", "gap %", "moves", "s")
    print("{:26}{:>9}{:>10}{:>12}{:>8}{:>8}{:>6}".format(*heads)
          + (f"{'OR-Tools':>10}{'gap %':>8}{'+start':>10}{'gap %':>8}" if peers else ""))  # fmt: skip
    for name, patients, known, path in best_days(folder):
        if only not in name + "_":
            continue
        day = Day.read(path)
        solution = solve(day.problem(), seed=seed, time_limit_s=seconds, fill_time=True)
        cost = day_cost(day, solution.routes, solution.start)
        if not math.isclose(cost, solution.cost, abs_tol=1e-3):
            raise ValueError(f"{name}: the file says {cost}, the search {solution.cost}")
        row: Row = {"instance": name, "patients": patients, "best_known": known, "ours": cost}
        rows.append(row)
        line = (f"{name:26}{solution.first_cost:9.1f}{cost:10.3f}{known:12.3f}{gap(cost, known):8.3f}"
                f"{solution.moves / 1e6:7.1f}M{solution.seconds:6.1f}")  # fmt: skip
        if peers:
            first = solve(day.problem(), seed=seed, time_limit_s=_AT_ONCE, fill_time=True)
            start = [list(route) for route in first.routes]
            for peer, given in (("OR-Tools", None), ("OR-Tools from our first", start)):
                theirs = ortools_day(day, seconds, seed, given).routes
                row[peer] = None if theirs is None else day_cost(day, theirs, earliest_starts(day, theirs))
                line += f"{_figure(row[peer], 10, 1)}{_figure(gap(row[peer], known), 8, 1)}"
        print(line, flush=True)
    for size in sorted({r["patients"] for r in rows}):
        print(f"{size:>5} patients: {_gaps([r for r in rows if r['patients'] == size])}")
    if rows:
        print(f"all {len(rows)}: {_gaps(rows)}")
        _ratios(rows, "OR-Tools", "OR-Tools from our first")
    return rows


def run_solomon(folder: Path, only: str, seconds: float, seed: int) -> list[Row]:
    """Days without double-handed visits: ours, our own search alone, and the peers installed."""
    peers = {name: work for name, work in PEERS.items() if find_spec(_MODULES[name]) is not None}
    missing = ", ".join(name for name in PEERS if name not in peers)
    if missing:
        print(f"not installed and left out: {missing}")
    programs: dict[str, Program] = {
        "ours": ours, "own only": partial(ours, engine="own"), **peers,
    }  # fmt: skip
    heads = tuple(programs)
    print(f"{'':20}gap to the best known, %{'':{9 * len(heads) - 24}}   seconds to the first plan")
    print(f"{'instance':10}{'best':>10}" + "".join(f"{h:>9}" for h in heads)
          + "   " + "".join(f"{h:>9}" for h in heads if h != "own only"))  # fmt: skip
    rows: list[Row] = []
    for name, known, path in best_solomon(folder):
        if only not in name:
            continue
        instance = Solomon.read(path)
        row: Row = {"instance": name, "best_known": known, "first_s": {}, "seconds": {},
                    "cpu_s": {}, "broken": {}}  # fmt: skip
        found: dict[str, Found] = {}
        for who, work in programs.items():
            cpu = time.process_time()
            found[who] = work(instance, seconds, seed)
            row["cpu_s"][who] = time.process_time() - cpu
        found["ours"].first_s = first_plan(instance, seconds, seed)
        for who, plan in found.items():
            row[who], row["broken"][who] = measured(instance, plan)
            row["first_s"][who], row["seconds"][who] = plan.first_s, plan.seconds
        print(
            f"{name:10}{known:10.1f}"
            + "".join(_figure(gap(row[h], known), 9, 2, bool(row["broken"][h])) for h in heads) + "   "
            + "".join(_figure(row["first_s"][h], 9, 4) for h in heads if h != "own only"),
            flush=True,
        )  # fmt: skip
        for who in heads:
            if row["broken"][who]:
                print(f"{'':10}{who}: {row['broken'][who]}")
        rows.append(row)
    if rows:
        for who in heads:
            print(f"{who:10}{_gaps(rows, who)}; "
                  f"longest run {max(r['seconds'][who] for r in rows):.1f} s, "
                  f"processor {np.mean([r['cpu_s'][who] for r in rows]):.1f} s")  # fmt: skip
        _ratios(rows, *heads[1:])
    return rows


def ours(
    instance: Solomon, seconds: float, seed: int, engine: Literal["auto", "own"] = "auto"
) -> Found:
    """Our search; ``auto`` hands such days to PyVRP."""
    solution = solve(
        instance.problem(), seed=seed, time_limit_s=seconds, fill_time=True, engine=engine
    )
    return Found(_customers(solution), None, solution.seconds)


def first_plan(instance: Solomon, seconds: float, seed: int) -> float | None:
    """Seconds to a plan that keeps every rule: the one built first, or a run of twice the time, and so on."""
    limit = _AT_ONCE
    while limit <= seconds:
        solution = solve(
            instance.problem(), seed=seed, time_limit_s=limit, fill_time=True, engine="own"
        )
        try:
            solomon_cost(instance, _customers(solution))
        except ValueError:
            limit = max(2 * limit, 1e-3)
            continue
        return solution.first_seconds if limit == _AT_ONCE else solution.seconds
    return None


def _customers(solution: Solution) -> list[list[int]]:
    return [[t + 1 for t in route] for route in solution.routes if route]


def measured(instance: Solomon, plan: Found) -> tuple[float | None, str]:
    """Cost from the file, or None and what is wrong with the plan; a missing plan is not wrong."""
    if plan.routes is None:
        return None, ""
    try:
        return solomon_cost(instance, plan.routes), ""
    except ValueError as wrong:
        return None, str(wrong)


def _figure(value: float | None, width: int, digits: int, broken: bool = False) -> str:  # noqa: FBT001, FBT002
    none = "broken" if broken else "none"
    return f"{none:>{width}}" if value is None else f"{value:{width}.{digits}f}"


def _gaps(rows: Sequence[Row], who: str = "ours") -> str:
    gaps = [g for r in rows if (g := gap(r[who], r["best_known"])) is not None]
    if not gaps:
        return "no plan within the rules"
    lost = len(rows) - len(gaps)
    return (f"mean gap {np.mean(gaps):7.3f} %, largest {max(gaps):7.3f} %, "
            f"below the best known {sum(g < _BELOW for g in gaps)}"
            + (f", no plan within the rules {lost}" if lost else ""))  # fmt: skip


def _ratios(rows: Sequence[Row], *whose: str) -> None:
    """Print our cost over theirs (geometric mean) where they have a plan."""
    for who in whose:
        logs = [math.log(r["ours"] / r[who]) for r in rows if r.get(who) is not None]
        if logs:
            print(f"ours / {who}: {math.exp(float(np.mean(logs))):.4f} ({len(logs)} instances)")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--set", choices=["rounds", "vrptw"], default="rounds")
    parser.add_argument("--peers", action="store_true", help="OR-Tools on the set rounds as well")
    parser.add_argument("--only", default="", help="part of an instance's name")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each instance and program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args: Any = parser.parse_args(argv)
    warm_up()
    if args.set == "rounds":
        rows = run_days(args.folder / "rounds", args.only, args.seconds, args.seed, peers=args.peers)
    else:
        rows = run_solomon(args.folder / "vrptw", args.only, args.seconds, args.seed)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
