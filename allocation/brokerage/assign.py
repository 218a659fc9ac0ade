"""A whole list shared out at once: a generalised assignment problem, solved with its proof.

The linear relaxation is solved by column generation: HiGHS sees only the offers that can matter, and
prices of hours tell which others might. The prices give an upper bound that holds for all offers; its
reduced costs leave a small exact model, which HiGHS solves through OR-Tools. No list is too long to be
seen whole, so none has to be cut up by area.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.math_opt.python import mathopt

from allocation.solver import run_solver

from .ledger import TOLERANCE_HOURS
from .polish import polished

__all__ = ["Assigned", "List", "assign", "greedy", "room_of", "value_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_FIRST_OFFERS = 6  # of each package, to begin with
_MOST_PAIRS = 20_000  # in the exact model
_EASY_PAIRS = 4_000  # up to here it is solved at once, without a search before it
_SEARCHED = 60  # packages shared out again at a time
_SEARCH_SECONDS = 0.7  # for them, at most


@dataclass(frozen=True, slots=True, eq=False)
class List:
    """What is to be shared out.

    Attributes
    ----------
    hours
        Hours of each package, above 0, shape (n,).
    worth
        Worth of an hour of package i with offer j, shape (n, m); -inf where it may not be. Placed
        nowhere is worth 0.
    uses
        Limits that each offer draws on, by number.
    limit
        Hours of each limit.
    excess_cost
        What an hour above a limit costs; inf where it must be kept.
    """

    hours: Floats
    worth: Floats
    uses: tuple[tuple[int, ...], ...]
    limit: Floats
    excess_cost: Floats

    def matrix(self) -> Floats:
        """Return which offer (row) draws on which limit (column), as 0 and 1."""
        drawn = np.zeros((len(self.uses), len(self.limit)))
        for j, limits in enumerate(self.uses):
            drawn[j, list(limits)] = 1.0
        return drawn


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """An answer.

    Attributes
    ----------
    offer
        Offer of each package, -1 where none.
    value
        Sum of hours x worth, less what hours above soft limits cost.
    bound
        No assignment is worth more.
    one_by_one
        Offers when each package in turn takes its best.
    one_by_one_value
        What that is worth.
    optimal
        Whether the value was proved to be the best there is.
    seconds
        Time taken.
    """

    offer: Ints
    value: float
    bound: float
    one_by_one: Ints
    one_by_one_value: float
    optimal: bool
    seconds: float

    @property
    def gap_pct(self) -> float:
        """How far the best may lie above, in % of the bound."""
        return 100 * max(0.0, self.bound - self.value) / self.bound if self.bound > 0 else 0.0


def value_of(problem: List, offer: Ints) -> float:
    """Return what an assignment is worth; -inf where it breaks a limit or a pair may not be."""
    placed = np.flatnonzero(offer >= 0)
    worth = problem.worth[placed, offer[placed]] * problem.hours[placed]
    over = _load(problem, offer) - problem.limit
    hard = np.isinf(problem.excess_cost)
    if (over[hard] > len(offer) * TOLERANCE_HOURS).any():
        return -np.inf
    return float(worth.sum() - (np.maximum(over[~hard], 0) * problem.excess_cost[~hard]).sum())


def _load(problem: List, offer: Ints) -> Floats:
    load = np.zeros(len(problem.limit))
    for i in np.flatnonzero(offer >= 0).tolist():
        load[list(problem.uses[int(offer[i])])] += problem.hours[i]
    return load


def room_of(problem: List, offer: Ints) -> Floats:
    """Return the hours left of each offer: those of its tightest limit that must be kept."""
    left = np.where(np.isinf(problem.excess_cost), problem.limit - _load(problem, offer), np.inf)
    drawn = problem.matrix() > 0
    return np.asarray(np.where(drawn, left[None, :], np.inf).min(axis=1, initial=np.inf), np.float64)


def greedy(problem: List, order: Ints | None = None, preferred: Floats | None = None) -> Ints:
    """Let each package in turn take the offer worth most that has room.

    Parameters
    ----------
    problem
        The list.
    order
        Order of the packages; as they stand when left out.
    preferred
        Worth to choose by, in place of the list's own; shape (n, m).
    """
    left = problem.limit.copy()
    hard = np.isinf(problem.excess_cost)
    drawn = problem.matrix() > 0
    offer = np.full(len(problem.hours), -1, np.int64)
    by = problem.worth if preferred is None else preferred
    for i in range(len(offer)) if order is None else order.tolist():
        hours = problem.hours[i]
        full = hard & (left + TOLERANCE_HOURS < hours)
        worth = np.where(drawn[:, full].any(axis=1), -np.inf, by[i])
        soft = ~hard & (left < hours)
        if soft.any():
            extra = problem.excess_cost[soft] * (hours - np.maximum(left[soft], 0)) / hours
            worth = worth - drawn[:, soft] @ extra
        j = int(np.argmax(worth))
        if worth[j] > 0 and np.isfinite(problem.worth[i, j]):
            offer[i] = j
            left[drawn[j]] -= hours
    return offer


def assign(
    problem: List, *, time_limit_s: float = 60.0, gap_pct: float = 0.0, seed: int = 1
) -> Assigned:
    """Share a list out at the greatest worth.

    Parameters
    ----------
    problem
        The list.
    time_limit_s
        Seconds; the best found by then is returned, with what is proved of it.
    gap_pct
        Stop when the best is known to be no more than this above.
    seed
        Of the solver.

    Returns
    -------
    Assigned
        Never worth less than one by one.
    """
    began = time.monotonic()
    first = greedy(problem)
    first_value = value_of(problem, first)
    best, value = first, first_value
    n, m = problem.worth.shape
    if n == 0 or m == 0 or not np.isfinite(problem.worth).any():
        return Assigned(first, value, value, first, value, optimal=True, seconds=0.0)
    drawn = problem.matrix()
    usable = np.isfinite(problem.worth)
    pairs = _first_pairs(problem, first)
    bound, reduced = np.inf, np.zeros((n, m))
    while True:
        left = time_limit_s - (time.monotonic() - began)
        prices, share = _relaxed(problem, pairs, max(left, 0.1))
        if prices is None:
            break
        profit = np.where(usable, (problem.worth - drawn @ prices) * problem.hours[:, None], -np.inf)
        top = np.maximum(profit.max(axis=1), 0.0)
        capped = float(top.sum() + prices @ np.maximum(problem.limit, 0))
        if capped < bound:
            bound, reduced = capped, profit - top[:, None]
        rounded = polished(problem, _rounded(problem, pairs, share), seconds=max(0.0, left * 0.1))
        if value_of(problem, rounded) > value:
            best, value = rounded, value_of(problem, rounded)
        held = np.zeros((n, m), bool)
        held[pairs[:, 0], pairs[:, 1]] = True
        own = np.where(held, profit, -np.inf).max(axis=1).clip(0)
        better = ~held & (profit > own[:, None] + 1e-7 * max(1.0, abs(bound)) / n)
        near = bound - value <= max(1e-7, gap_pct / 100) * abs(bound)
        if near or not better.any() or left < 1:
            break
        pairs = np.vstack([pairs, _most(profit, better, _FIRST_OFFERS)])
    close = bound - value <= max(1e-7, gap_pct / 100) * abs(bound)
    left = time_limit_s - (time.monotonic() - began)
    if not close and left > 0.5 and np.isfinite(bound):
        target = bound - max(1e-7, gap_pct / 100) * abs(bound)
        open_pairs = int((usable & (reduced >= value - bound)).sum())
        if open_pairs > _EASY_PAIRS:
            part = 0.5 if open_pairs <= _MOST_PAIRS else 0.9
            best = _improved(problem, best, reduced, target=target, seconds=left * part, seed=seed)
            value = value_of(problem, best)
            left = time_limit_s - (time.monotonic() - began)
    if value < bound - max(1e-7, gap_pct / 100) * abs(bound) and left > 0.5 and np.isfinite(bound):
        keep = np.argwhere(usable & (reduced >= value - bound - 1e-6))
        whole = len(keep) <= _MOST_PAIRS
        if not whole:
            keep = keep[np.argsort(-reduced[keep[:, 0], keep[:, 1]], kind="stable")[:_MOST_PAIRS]]
        found, limit = _exact(problem, keep, best, left, gap_pct, seed)
        if found is not None and value_of(problem, found) > value:
            best, value = found, value_of(problem, found)
        if whole:
            bound = min(bound, max(limit, value))
    best = polished(problem, best, seconds=1.0)  # near enough is no reason to leave a free hour unused
    value = value_of(problem, best)
    optimal = bound - value <= 1e-6 * abs(bound)
    return Assigned(best, value, max(bound, value), first, first_value, optimal, time.monotonic() - began)


def _first_pairs(problem: List, offer: Ints) -> Ints:
    own = np.flatnonzero(offer >= 0)
    some = _most(problem.worth, np.isfinite(problem.worth), _FIRST_OFFERS)
    return np.unique(np.vstack([some, np.column_stack([own, offer[own]])]), axis=0)


def _most(worth: Floats, among: npt.NDArray[np.bool_], number: int) -> Ints:
    """Return up to so many pairs a package: those worth most."""
    shown = np.where(among, worth, -np.inf)
    number = min(number, worth.shape[1])
    columns = np.argpartition(-shown, number - 1, axis=1)[:, :number]
    rows = np.repeat(np.arange(len(worth)), number)
    pairs = np.column_stack([rows, columns.ravel()])
    return np.asarray(pairs[among[pairs[:, 0], pairs[:, 1]]], np.int64)


def _build(
    problem: List, pairs: Ints, *, whole: bool
) -> tuple[mathopt.Model, list[mathopt.Variable], list[mathopt.LinearConstraint | None]]:
    model = mathopt.Model()
    n = len(problem.hours)
    rows = [model.add_linear_constraint(ub=1.0) for _ in range(n)]
    touched = sorted({r for j in np.unique(pairs[:, 1]).tolist() for r in problem.uses[j]})
    limits: list[mathopt.LinearConstraint | None] = [None] * len(problem.limit)
    for r in touched:
        hard = bool(np.isinf(problem.excess_cost[r]))
        limit = float(max(problem.limit[r], 0.0)) if hard else float(problem.limit[r])
        row = limits[r] = model.add_linear_constraint(ub=limit)
        if not hard:
            over = model.add_variable(lb=0.0)
            row.set_coefficient(over, -1.0)
            model.objective.set_linear_coefficient(over, -float(problem.excess_cost[r]))
    variables = []
    for i, j in pairs.tolist():
        x = model.add_variable(lb=0.0, ub=1.0, is_integer=whole)
        hours = float(problem.hours[i])
        rows[i].set_coefficient(x, 1.0)
        for r in problem.uses[j]:
            row_of = limits[r]
            assert row_of is not None
            row_of.set_coefficient(x, hours)
        model.objective.set_linear_coefficient(x, float(problem.worth[i, j]) * hours)
        variables.append(x)
    model.objective.is_maximize = True
    return model, variables, limits


def _relaxed(problem: List, pairs: Ints, seconds: float) -> tuple[Floats | None, Floats]:
    """Solve the relaxation over some pairs; prices of the limits, and how much of each pair is used."""
    model, variables, limits = _build(problem, pairs, whole=False)
    result = run_solver(
        model, mathopt.SolverType.HIGHS,
        params=mathopt.SolveParameters(time_limit=dt.timedelta(seconds=seconds)))
    done = result.termination.reason == mathopt.TerminationReason.OPTIMAL
    if not done or not result.has_dual_feasible_solution():
        return None, np.zeros(0)
    rows = [row for row in limits if row is not None]
    duals = iter(result.dual_values(rows))
    prices = np.array([0.0 if row is None else float(next(duals)) for row in limits])
    return np.clip(prices, 0.0, problem.excess_cost), np.array(result.variable_values(variables), np.float64)


def _rounded(problem: List, pairs: Ints, share: Floats) -> Ints:
    """Keep what the relaxation gives whole, and let the others choose among what is left."""
    favoured = problem.worth.copy()
    bonus = 10 * max(float(problem.worth[np.isfinite(problem.worth)].max()), 1.0)
    favoured[pairs[:, 0], pairs[:, 1]] += bonus * share
    certain = np.zeros(len(problem.hours))
    np.maximum.at(certain, pairs[:, 0], share)
    order = np.lexsort((-problem.hours, -np.round(certain, 6)))
    return greedy(problem, order, favoured)


def _improved(
    problem: List, offer: Ints, reduced: Floats, *, target: float, seconds: float, seed: int
) -> Ints:
    """Share out again, exactly, the packages of a few limits and those left over; again and again."""
    until = time.monotonic() + seconds
    random = np.random.default_rng(seed)
    drawn = problem.matrix() > 0
    best, value = offer, value_of(problem, offer)
    eighth = min(8, reduced.shape[1] - 1)
    promising = -np.partition(-reduced, eighth, axis=1)[:, eighth]
    while value < target and time.monotonic() < until:
        slack = np.maximum(problem.limit - _load(problem, best), 0)
        finite = np.where(np.isfinite(slack), slack, 0)
        chosen: set[int] = set()
        free = best < 0
        weight = finite / max(finite.sum(), 1e-9) + 1 / len(slack)
        for r in random.choice(len(slack), len(slack), replace=False, p=weight / weight.sum()).tolist():
            at = (best >= 0) & drawn[best, r]
            if chosen and int((free | at).sum()) > _SEARCHED:
                continue
            chosen.add(r)
            free |= at
        rows = np.flatnonzero(free)
        if len(rows) > 2 * _SEARCHED:
            left_out = random.choice(np.flatnonzero(best < 0), len(rows) - 2 * _SEARCHED, replace=False)
            rows = np.setdiff1d(rows, left_out)
        usable = np.asarray(drawn[:, sorted(chosen)].any(axis=1), bool)
        others = best.copy()
        others[rows] = -1
        worth = problem.worth[rows]
        worth[:, ~usable] = -np.inf
        part = List(problem.hours[rows], worth, problem.uses,
                    problem.limit - _load(problem, others), problem.excess_cost)
        near = np.isfinite(part.worth) & (reduced[rows] >= promising[rows, None])
        own = np.flatnonzero(best[rows] >= 0)
        near[own, best[rows][own]] = True
        found, _ = _exact(part, np.argwhere(near), best[rows],
                          min(_SEARCH_SECONDS, max(until - time.monotonic(), 0.1)), 0.0, seed)
        if found is not None:
            others[rows] = found
            others = polished(problem, others, seconds=max(0.0, until - time.monotonic()))
            if value_of(problem, others) > value + 1e-9:
                best, value = others, value_of(problem, others)
    return best


def _exact(
    problem: List, pairs: Ints, known: Ints, seconds: float, gap_pct: float, seed: int
) -> tuple[Ints | None, float]:
    model, variables, _ = _build(problem, pairs, whole=True)
    values = {x: float(known[i] == j) for x, (i, j) in zip(variables, pairs.tolist(), strict=True)}
    result = run_solver(
        model, mathopt.SolverType.HIGHS,
        params=mathopt.SolveParameters(
            time_limit=dt.timedelta(seconds=seconds), relative_gap_tolerance=max(gap_pct / 100, 1e-7),
            random_seed=seed),
        model_params=mathopt.ModelSolveParameters(
            solution_hints=[mathopt.SolutionHint(variable_values=values)]))
    bound = float(result.termination.objective_bounds.dual_bound)
    if not result.has_primal_feasible_solution():
        return None, bound
    offer = np.full(len(problem.hours), -1, np.int64)
    for x, (i, j) in zip(result.variable_values(variables), pairs.tolist(), strict=True):
        if x > 0.5:
            offer[i] = j
    return offer, bound
