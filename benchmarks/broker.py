"""A day's list shared out: our batch, one by one, and a plain HiGHS, side by side.

Desks are made up (allocation.samples.desk): towns, providers with skills, rates and free hours, and a list
of packages for which those hours are too few. All three see the same packages, offers, worths and limits:
an hour placed is worth 500 points and 0 to 100 more for how high in the council's order it is. The plain
model has a binary variable for every package and every offer that may take it, and goes to HiGHS through
scipy.optimize.milp with the same seconds. HiGHS says how far the best may lie above its answer; ours and
one by one are held against our bound.

    python benchmarks/broker.py                          2,000 packages x 60 providers, and smaller
    python benchmarks/broker.py --size 200 20 --seconds 10
    python benchmarks/broker.py --rules tiers quality_and_cost --filled 0.8 1.0 1.2
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Iterable

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from allocation.brokerage.assign import List, assign, value_of
from allocation.brokerage.batch import worth_of
from allocation.brokerage.brief import BrokerBrief
from allocation.brokerage.eligible import Package, packages_of
from allocation.brokerage.ledger import Ledger
from allocation.brokerage.office import make_office
from allocation.brokerage.packages import package_frame
from allocation.brokerage.ranking import Desk
from allocation.brokerage.reading import split_list
from allocation.samples.desk import DeskShape, made_up_desk

TOWNS = (
    ("Worcester", 384_900, 254_800), ("Redditch", 404_500, 267_600), ("Kidderminster", 383_100, 276_700),
    ("Bromsgrove", 396_000, 270_700), ("Malvern", 378_600, 245_900), ("Evesham", 403_700, 243_900),
)  # fmt: skip
ON = dt.date(2026, 4, 2)


def desk_of(
    packages: int, providers: int, *, rule: str, filled: float, seed: int
) -> tuple[Desk, Ledger, list[Package]]:
    """Make up a desk and a list that asks for ``filled`` times the hours that providers have free."""
    tables = made_up_desk(
        DeskShape(towns=TOWNS, providers=providers, packages=2 * packages, listed=packages, rate_gbp=19.0,
                  tiers=rule == "tiers"), seed=seed)  # fmt: skip
    table = tables["providers"].set_index("provider_id")
    table["skills"] = table["skills"].map(split_list)
    table["part_a"] = table["part_a"] == "yes"
    table["tier"] = table["tier"].replace("", np.nan).astype(float)
    table = table.drop(columns=["guaranteed_hours"])
    for column in ("suspended_from", "suspended_to"):
        table[column] = table[column].replace("", None)
    frames = {}
    for name in ("today", "list"):
        frame = tables[name]
        frame["skills"] = frame["skills"].map(split_list)
        frames[name] = package_frame(frame)
    asked = float(frames["list"]["hours"].sum())
    table["free_hours"] = (table["free_hours"] * asked / filled / table["free_hours"].sum()).round(2)
    brief = BrokerBrief.model_validate({
        "order": {"rule": rule, "fair_price_gbp": 18.93, "max_km": 40},
        "providers": {"file": "providers.csv"},
        "today": {"file": "today.csv", "as_of": dt.date(2026, 4, 1)},
    })  # fmt: skip
    office = make_office(brief, table, today=frames["today"])
    return Desk(office, ON), Ledger(office), packages_of(frames["list"])


def plain(problem: List, seconds: float) -> tuple[float, float, np.ndarray]:
    """Return value, bound and offers of one model of every pair, solved by HiGHS through scipy."""
    rows, columns = np.nonzero(np.isfinite(problem.worth))
    k, hours = np.arange(len(rows)), problem.hours[rows]
    n, drawn = len(problem.hours), problem.matrix()
    once = csr_array((np.ones(len(k)), (rows, k)), shape=(n, len(k)))
    pair, limit = np.nonzero(drawn[columns])
    loads = csr_array((hours[pair], (limit, pair)), shape=(len(problem.limit), len(k)))
    found = milp(
        -problem.worth[rows, columns] * hours, integrality=np.ones(len(k)), bounds=Bounds(0, 1),
        constraints=[LinearConstraint(once, ub=1.0),
                     LinearConstraint(loads, ub=np.maximum(problem.limit, 0))],
        options={"time_limit": seconds, "mip_rel_gap": 0.0})  # fmt: skip
    offer = np.full(n, -1, np.int64)
    if found.x is not None:
        taken = found.x > 0.5
        offer[rows[taken]] = columns[taken]
    bound = -float(found.mip_dual_bound) if found.mip_dual_bound is not None else np.inf
    return value_of(problem, offer), bound, offer


def rows(
    packages: int, providers: int, *, rules: Iterable[str], fills: Iterable[float], seeds: Iterable[int],
    seconds: float, peer: bool,
) -> None:  # fmt: skip
    """Print a line for each way to share a list out."""
    print(f"{'list':<14}{'rule':<18}{'asked/free':>10}  {'by':<12}{'value':>13}{'bound':>13}{'gap %':>8}"
          f"{'hours':>10}{'packages':>9}{'s':>7}")  # fmt: skip
    for rule in rules:
        for filled in fills:
            for seed in seeds:
                desk, ledger, listed = desk_of(packages, providers, rule=rule, filled=filled, seed=seed)
                _, problem = worth_of(desk, ledger, listed)
                head = f"{f'{packages} x {providers} #{seed}':<14}{rule:<18}{filled:>10g}  "

                def said(
                    by: str, offer: np.ndarray, bound: float, took: float, *, problem: List = problem,
                    head: str = head,
                ) -> None:  # fmt: skip
                    value, placed = value_of(problem, offer), offer >= 0
                    print(f"{head}{by:<12}{value:>13,.1f}{bound:>13,.1f}{100 * (bound - value) / bound:>8.3f}"
                          f"{problem.hours[placed].sum():>10,.2f}{int(placed.sum()):>9,}{took:>7.1f}",
                          flush=True)  # fmt: skip

                ours = assign(problem, time_limit_s=seconds, seed=seed)
                said("one by one", ours.one_by_one, ours.bound, 0.0)
                said("batch", ours.offer, ours.bound, ours.seconds)
                if peer:
                    begin = time.perf_counter()
                    _, bound, offer = plain(problem, seconds)
                    said("plain HiGHS", offer, bound, time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, metavar=("PACKAGES", "PROVIDERS"),
                        help="one size in place of 100 x 12, 500 x 30 and 2,000 x 60")
    parser.add_argument("--rules", nargs="+", default=["tiers", "quality_and_cost"],
                        choices=["tiers", "cost_and_share", "quality_and_cost"])
    parser.add_argument("--filled", nargs="+", type=float, default=[0.95, 1.1],
                        help="hours asked for, of the hours that are free")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each way, at most")
    parser.add_argument("--no-peer", action="store_true", help="leave the plain model out")
    given = parser.parse_args()
    for size in [given.size] if given.size else [(100, 12), (500, 30), (2000, 60)]:
        rows(*size, rules=given.rules, fills=given.filled, seeds=given.seeds, seconds=given.seconds,
             peer=not given.no_peer)


if __name__ == "__main__":
    main()
