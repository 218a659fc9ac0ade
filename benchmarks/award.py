"""The award's solvers side by side: markets of the size of real tenders, and generalised assignment.

Markets are made up (allocation.award.simulate): lots x bidders with caps, packages, order of preference,
failure cover, and one to three winners at unequal shares or two at equal ones. For each: value, bound, gap
and seconds of HiGHS, CP-SAT, CBC and SCIP, and the sequential mechanism (lot by lot, largest first, by
preference) against the best award under the same rules less those a sequence cannot keep (preferences,
failure cover, minimum hours).

Generalised assignment (GAP): instances of ../shared/bench/award where it is there; every job to one agent
within its capacity. Best-known values, from that folder's README: d05100 6353, d10100 6347, d20100 6185
(Chu & Beasley 1997), e10100 11577, e10200 23307 (Yagiura, Ibaraki & Glover 2006).

    python benchmarks/award.py                           markets of 18 x 60, each solver
    python benchmarks/award.py --equal                   the same with two winners a lot, half each
    python benchmarks/award.py --size 200 500 --solvers highs
    python benchmarks/award.py --gap d05100 d10100 --seconds 60
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pulp

from allocation.award.award import NoAward, award
from allocation.award.check import check_award
from allocation.award.sequential import sequential_award
from allocation.award.simulate import DEFAULT_RULES, simulate_market
from allocation.award.solve import SOLVERS, Solver, solve_problem

SHARED = Path(__file__).resolve().parents[2] / "shared" / "bench" / "award"
BEST = {"d05100": 6353, "d10100": 6347, "d20100": 6185, "e10100": 11577, "e10200": 23307}
EQUAL = {"providers_per_lot": 2, "shares": {2: [50, 50]}}
BLIND = ("preferences", "failure_cover", "min_weekly_hours", "own_min_hours")


def read_gap(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return costs and resources (agents x jobs) and capacities of an instance in the OR-Library's format."""
    with gzip.open(path, "rt") as file:
        numbers = np.array(file.read().split(), dtype=float)
    m, n = int(numbers[0]), int(numbers[1])
    cost, need = (numbers[2 + k * m * n:2 + (k + 1) * m * n].reshape(m, n) for k in (0, 1))
    return cost, need, numbers[2 + 2 * m * n:2 + 2 * m * n + m]


def gap_problem(cost: np.ndarray, need: np.ndarray, room: np.ndarray) -> pulp.LpProblem:
    """Every job to one agent at least cost, no agent above its capacity."""
    problem = pulp.LpProblem("gap", pulp.LpMinimize)
    m, n = cost.shape
    x = [[problem.add_variable(f"x_{i}_{j}", 0, 1, cat="Binary") for j in range(n)] for i in range(m)]
    for j in range(n):
        problem.addConstraint(pulp.LpConstraint(
            pulp.LpAffineExpression([(x[i][j], 1.0) for i in range(m)]), sense=0, name=f"job_{j}", rhs=1.0))
    for i in range(m):
        problem.addConstraint(pulp.LpConstraint(
            pulp.LpAffineExpression([(x[i][j], float(need[i, j])) for j in range(n)]), sense=-1,
            name=f"agent_{i}", rhs=float(room[i])))
    problem.setObjective(pulp.LpAffineExpression([
        (x[i][j], float(cost[i, j])) for i in range(m) for j in range(n)]))
    return problem


def gap_rows(names: Iterable[str], solvers: Iterable[Solver], seconds: float) -> None:
    print(f"{'instance':<10}{'best known':>11}  {'solver':<8}{'value':>9}{'bound':>11}{'gap %':>8}"
          f"{'above %':>9}{'s':>8}")
    for name in names:
        for solver in solvers:
            found = solve_problem(
                gap_problem(*read_gap(SHARED / f"{name}.gz")), solver=solver, time_limit_s=seconds)
            print(f"{name:<10}{BEST[name]:>11}  {solver:<8}{found.objective:>9.0f}{found.bound:>11.2f}"
                  f"{100 * (found.objective - found.bound) / found.objective:>8.3f}"
                  f"{100 * (found.objective / BEST[name] - 1):>9.3f}{found.seconds:>8.1f}", flush=True)


def market_rows(
    lots: int, bidders: int, seeds: Iterable[int], solvers: Iterable[Solver], seconds: float, *, equal: bool
) -> None:
    print(f"{'market':<16}{'offers':>7}  {'by':<20}{'value':>11}{'bound':>11}{'gap %':>8}{'s':>8}  broken")
    for seed in seeds:
        rules = {**DEFAULT_RULES, "max_providers": max(18, lots), **(EQUAL if equal else {})}
        case = simulate_market(lots, bidders, seed=seed, rules=rules, run={"time_limit_s": seconds})
        head = f"{f'{lots} x {bidders} #{seed}':<16}{len(case.bids.offers):>7}  "
        for solver in solvers:
            begin = time.perf_counter()
            try:
                found = award(case, solver=solver, ties=False)
            except NoAward as error:
                print(f"{head}{solver:<20}{str(error.reasons[0])[:120]}", flush=True)
                continue
            print(f"{head}{solver:<20}{found.objective:>11.5f}{found.bound:>11.5f}{found.gap_pct:>8.3f}"
                  f"{time.perf_counter() - begin:>8.1f}  {len(check_award(case, found.frame))}", flush=True)
        begin = time.perf_counter()
        free = award(case, ties=False, rules_off=BLIND)
        print(f"{head}{'caps only, highs':<20}{free.objective:>11.5f}{free.bound:>11.5f}"
              f"{free.gap_pct:>8.3f}{time.perf_counter() - begin:>8.1f}", flush=True)
        for order in ("lots", "largest", "preferences"):
            steps = sequential_award(case, order=order, rules_off=BLIND)
            left = sum("is not awarded" in note for note in steps.notes)
            print(f"{head}{f'caps only, {order}':<20}{steps.objective:>11.5f}"
                  f"{'':>11}{100 * (1 - steps.objective / free.objective):>8.3f}{steps.seconds:>8.1f}  "
                  f"{left} lots left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=[18, 60], metavar=("LOTS", "BIDDERS"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 4, 5])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS), choices=SOLVERS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--equal", action="store_true", help="two winners a lot, half of the hours each")
    parser.add_argument("--gap", nargs="+", choices=sorted(BEST), help="GAP instances in place of markets")
    given = parser.parse_args()
    if given.gap:
        if not SHARED.is_dir():
            parser.error(f"there are no instances in {SHARED}")
        gap_rows(given.gap, given.solvers, given.seconds)
    else:
        market_rows(*given.size, given.seeds, given.solvers, given.seconds, equal=given.equal)


if __name__ == "__main__":
    main()
