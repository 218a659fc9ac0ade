"""The best award the notice's rules allow, proven, with its ties settled by the stated rule."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import pandas as pd

from allocation.tender.brief import RulesBrief
from allocation.tender.load import Case
from lotting.errors import InfeasibleError, Reason

from .cover import add_cover, broken_cover
from .improve import improved
from .model import build_model
from .preferences import stands_alone
from .program import SCALE, AwardModel, Won
from .solve import Outcome, Solution, Solver, solve_problem
from .terms import Terms

__all__ = ["Award", "AwardStatus", "NoAward", "award", "make_award", "solve_award"]

#: A gap below this many per cent is the arithmetic's, not the award's.
PROVEN_PCT = 1e-5
#: With more seats than this the whole is not expected to be solved to its end, and a third of the time
#: goes to groups of lots; else a little is kept to mend an award that leaves too few to take over.
LARGE = 10_000
PART_LARGE, PART = 0.65, 0.85
COLUMNS = (
    "bid_id", "position", "share_pct", "weekly_hours", "rate_gbp", "weekly_cost_gbp", "score")


class AwardStatus(StrEnum):
    """Whether an award is proven to be the best."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


class NoAward(InfeasibleError):  # noqa: N818
    """No award keeps every rule; carries one reason for each thing that fails."""

    def __init__(self, reasons: Collection[Reason]) -> None:
        super().__init__(list(reasons))
        self.args = ("\n".join(["No award can keep every rule:", *(f"- {r}" for r in reasons)]),)


@dataclass(frozen=True)
class Award:
    """Who won what.

    Attributes
    ----------
    frame
        Index ``lot`` (in the tender's order), ``provider_id``; ``bid_id``, ``position`` (1 is the first),
        ``share_pct``, ``weekly_hours``, ``rate_gbp`` per hour, ``weekly_cost_gbp``, ``score`` (0 to 100).
    reserves
        ``lot``, ``place`` (1 is the first to be asked), ``provider_id``, ``bid_id``, ``score``.
    status
        ``optimal``: no award that keeps the rules has a greater objective.
    objective, bound
        Aim ``score``: points of 100, mean weighted by hours, less ``moved_weight`` times the part of today's
        hours that moves; more is better. Aim ``price``: GBP a week, with ``moved_weight`` GBP an hour on
        all hours times that part; less is better. ``bound``: no award can be better; NaN if not known.
    gap_pct
        Between the two, in % of the objective; NaN if not known.
    seconds
        To build and solve, ties included.
    unique
        Whether no other set of winners, seats and bids is as good; None if not found out.
    optimal_awards
        How many awards are as good (to :data:`allocation.award.ties.TIE`); the count stops at
        ``optimal_awards_limit``, and is None if not found out.
    lots_that_differ
        Lots that some other award as good gives otherwise.
    tie_steps
        What the stated tie rule did, in sentences.
    notes
        What else the reader of the award should know.
    mechanism
        ``optimum`` or ``sequential``.
    rules_off
        Rules that were switched off.
    """

    frame: pd.DataFrame
    reserves: pd.DataFrame
    status: AwardStatus
    objective: float
    bound: float
    gap_pct: float
    seconds: float
    seed: int
    solver: str
    unique: bool | None = None
    optimal_awards: int | None = None
    lots_that_differ: tuple[str, ...] = ()
    tie_steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mechanism: Literal["optimum", "sequential"] = "optimum"
    rules_off: tuple[str, ...] = ()
    model: AwardModel | None = field(default=None, repr=False, compare=False)

    def write_model(self, path: Any) -> None:
        """Write the program that was solved, as ``.lp`` or ``.mps`` by the name's end.

        Raises
        ------
        ValueError
            If the award came from no program (the sequential mechanism).
        """
        if self.model is None:
            raise ValueError("a sequential award has no program to write")
        problem = self.model.problem
        if str(path).lower().endswith(".lp"):
            problem.writeLP(str(path))
        else:
            problem.writeMPS(str(path))


def award(
    case: Case,
    *,
    rules_off: Collection[str] = (),
    rules: RulesBrief | None = None,
    solver: Solver = "highs",
    time_limit_s: float | None = None,
    seed: int | None = None,
    ties: bool = True,
) -> Award:
    """Find the best award that keeps every rule.

    Parameters
    ----------
    case
        The tender with its lots, bids and scores.
    rules_off
        Rules not to keep; see :data:`allocation.award.terms.RULES`.
    rules
        Rules in place of the tender's own.
    solver
        ``highs``, ``cp-sat``, ``scip`` or ``cbc``.
    time_limit_s, seed
        In place of the tender's.
    ties
        Find out whether the optimum is unique, and settle ties by the stated rule.

    Raises
    ------
    NoAward
        No award keeps every rule, or none was found in time; the reasons say which.
    ValueError
        An unknown rule or solver.
    """
    from .infeasible import explain
    from .ties import settle

    begin = time.perf_counter()
    terms = Terms.of(case, rules=rules, rules_off=rules_off)
    run = case.tender.run
    limit = run.time_limit_s if time_limit_s is None else time_limit_s
    seed = run.seed if seed is None else seed
    model, solution, won = solve_award(terms, solver=solver, time_limit_s=limit, seed=seed)
    if solution.outcome == Outcome.INFEASIBLE:
        raise NoAward(explain(terms, solver=solver, time_limit_s=limit, seed=seed))
    if not solution.values:
        raise NoAward([Reason(
            place="the whole tender", message=f"no award was found in {limit:g} s.",
            fix="Give it more time ([run] time_limit_s).", proven=False)])
    found = make_award(
        terms, won, bound=_bound(terms, solution), solver=solver, seed=seed,
        seconds=time.perf_counter() - begin, model=model)
    if ties and found.status == AwardStatus.OPTIMAL:
        left = max(limit - (time.perf_counter() - begin), 1.0)
        found = settle(terms, model, found, won, solver=solver, time_limit_s=left, seed=seed)
    return found


def solve_award(
    terms: Terms, *, solver: Solver, time_limit_s: float, seed: int, model: AwardModel | None = None
) -> tuple[AwardModel, Solution, tuple[Won, ...]]:
    """Solve the program, and again with failure-cover rows as long as a solution breaks some.

    What is not solved to its end in its part of the time is mended and made better group by group of lots
    (:mod:`allocation.award.improve`); the bound stays that of the whole.

    Returns
    -------
    model, solution, winners
        Empty winners where no award was found.
    """
    begin, gap_pct = time.perf_counter(), terms.case.tender.run.gap_pct
    end = begin + time_limit_s
    model = build_model(terms) if model is None else model
    large = sum(map(len, model.seats)) > LARGE
    covered = terms.on("failure_cover") and terms.rules.failure_cover_pct > 0
    stop = begin + time_limit_s * (PART_LARGE if large else PART if covered else 1.0)
    known: Solution | None = None
    while True:
        left = max(stop - time.perf_counter(), 0.5)
        solution = solve_problem(
            model.problem, solver=solver, time_limit_s=left, seed=seed, gap_pct=gap_pct,
            start=None if known is None else known.values)
        if solution.outcome == Outcome.INFEASIBLE:
            return model, solution, ()
        if solution.values:
            bound = solution.bound if known is None else min(solution.bound, known.bound)
            known = dataclasses.replace(solution, bound=bound)
            won = model.won(known.values)
            broken = broken_cover(terms, won)
            if not broken and (solution.outcome == Outcome.OPTIMAL or not large):
                return model, known, won
            for firm, lots in broken:
                add_cover(model, firm, lots)
        if not solution.values or solution.outcome != Outcome.OPTIMAL or time.perf_counter() >= stop:
            break
    if known is None or solver == "cbc":
        return model, dataclasses.replace(solution, values={}), ()
    better = improved(model, known, solver=solver, until=end, seed=seed, gap_pct=gap_pct)
    if better is None:
        return model, dataclasses.replace(known, values={}), ()
    return model, better, model.won(better.values)


def _bound(terms: Terms, solution: Solution) -> float:
    """Return the solver's bound in the objective's units."""
    scaled = solution.bound / SCALE
    if terms.rules.aim == "price":
        return terms.worth_moved - scaled * terms.all_hours
    return scaled - terms.worth_moved


def objective_of(terms: Terms, won: Collection[Won]) -> float:
    """Return the objective of some winners, in its units."""
    worth = math.fsum(terms.worth(w.offer, w.weekly_hours) for w in won) - terms.worth_moved
    return -worth if terms.rules.aim == "price" else worth


def make_award(
    terms: Terms,
    won: Collection[Won],
    *,
    bound: float,
    solver: str,
    seed: int,
    seconds: float,
    model: AwardModel | None = None,
    mechanism: Literal["optimum", "sequential"] = "optimum",
    notes: Collection[str] = (),
) -> Award:
    """Lay winners out as an award, with the reserves of each lot."""
    objective = objective_of(terms, won)
    bound = min(bound, objective) if terms.rules.aim == "price" else max(bound, objective)
    gap = abs(bound - objective) / max(abs(objective), 1e-9) * 100
    frame = _frame(terms, won)
    reserves, short = _reserves(terms, frame)
    return Award(
        frame=frame, reserves=reserves, objective=objective, bound=bound, gap_pct=gap, seconds=seconds,
        seed=seed,
        status=AwardStatus.OPTIMAL if gap <= PROVEN_PCT else AwardStatus.FEASIBLE, solver=solver, model=model,
        mechanism=mechanism, rules_off=tuple(sorted(terms.off)), notes=(*notes, *short))


def _frame(terms: Terms, won: Collection[Won]) -> pd.DataFrame:
    rank = {lot: i for i, lot in enumerate(terms.lots)}
    ordered = sorted(
        won, key=lambda w: (rank[w.offer.lot], w.seat.first, -w.offer.merit, w.offer.provider))
    rows: list[dict[str, Any]] = []
    place: dict[str, int] = {}
    for w in ordered:
        position = place[w.offer.lot] = place.get(w.offer.lot, 0) + 1
        rows.append({
            "lot": w.offer.lot, "provider_id": w.offer.provider, "bid_id": terms.bids[w.offer.bid].bid_id,
            "position": position, "share_pct": w.seat.share * 100, "weekly_hours": w.weekly_hours,
            "rate_gbp": w.offer.rate_gbp, "weekly_cost_gbp": w.weekly_hours * w.offer.rate_gbp,
            "score": w.offer.score})
    return pd.DataFrame(rows, columns=["lot", "provider_id", *COLUMNS]).set_index(["lot", "provider_id"])


def _reserves(terms: Terms, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the best bids for a lot alone that did not win it, of firms with no part in its winners."""
    rows: list[dict[str, Any]] = []
    notes = []
    winners: dict[str, list[str]] = {}
    for lot, provider in frame.index:
        winners.setdefault(str(lot), []).append(str(provider))
    for lot in terms.lots if terms.rules.reserves else ():
        taken = {firm for p in winners.get(lot, ()) for firm in terms.parts[p]}
        here = 0
        for offer in terms.offers_of_lot[lot]:
            firms = set(terms.parts[offer.provider])
            if here == terms.rules.reserves:
                break
            if firms & taken or not stands_alone(terms, offer):
                continue
            taken |= firms
            here += 1
            rows.append({"lot": lot, "place": here, "provider_id": offer.provider,
                         "bid_id": terms.bids[offer.bid].bid_id, "score": offer.score})
        if here < terms.rules.reserves:
            notes.append(
                f"Lot {lot} has {here} of {terms.rules.reserves} reserves: no other bid for it alone fits.")
    return pd.DataFrame(rows, columns=["lot", "place", "provider_id", "bid_id", "score"]), notes
