"""Large tenders: an award is mended and made better group by group, under every rule."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import pytest

from allocation.award import award as module
from allocation.award.award import AwardStatus, award, make_award, solve_award
from allocation.award.check import check_award
from allocation.award.cover import broken_cover
from allocation.award.improve import improved
from allocation.award.model import build_model
from allocation.award.simulate import DEFAULT_RULES, simulate_market
from allocation.award.solve import Laid, Outcome, Solution, solve_problem
from allocation.award.terms import Terms

ENOUGH_S = 60.0  # it ends by itself where the bound is met


@pytest.fixture(scope="module")
def market() -> Terms:
    rules = {**DEFAULT_RULES, "providers_per_lot": 2, "shares": {2: [70, 30]}, "failure_cover_pct": 70,
             "respect_preferences": False}
    return Terms.of(simulate_market(12, 40, seed=7, rules=rules))


@pytest.fixture(scope="module")
def best(market: Terms) -> float:
    """What an exact solution of the whole is worth, scaled as the program is."""
    model, found, won = solve_award(market, solver="highs", time_limit_s=600, seed=1)
    assert found.outcome == Outcome.OPTIMAL
    assert won
    assert model.terms is market
    return found.objective


def test_from_a_poor_award_to_the_best_in_groups(market: Terms, best: float) -> None:
    """Never worse than what it began with, never above the best there is, every rule kept."""
    model = build_model(market)
    poor = solve_problem(model.problem, gap_pct=50)
    assert poor.objective < best - 1
    bounded = dataclasses.replace(poor, bound=best)
    found = improved(
        model, bounded, solver="highs", until=time.perf_counter() + 4, seed=1, gap_pct=0.0)
    assert found is not None
    assert poor.objective < found.objective <= best * (1 + 1e-6)
    frame = make_award(
        market, model.won(found.values), bound=math.inf, solver="highs", seed=1, seconds=0).frame
    assert check_award(market.case, frame) == []


def test_an_award_that_leaves_too_few_to_take_over_is_mended(market: Terms, best: float) -> None:
    """From the best award without failure cover to one with it, and no better than the best with it."""
    blind = Terms.of(market.case, rules_off=["failure_cover"])
    known = solve_problem(build_model(blind).problem, gap_pct=0.01, time_limit_s=600)
    model = build_model(market)
    assert broken_cover(market, model.won(known.values)), "the rule has to bind here"
    found = improved(
        model, dataclasses.replace(known, bound=best), solver="highs", until=time.perf_counter() + ENOUGH_S,
        seed=1, gap_pct=2.0)
    assert found is not None
    assert found.objective <= best * (1 + 1e-6)
    frame = make_award(
        market, model.won(found.values), bound=math.inf, solver="highs", seed=1, seconds=0).frame
    assert check_award(market.case, frame) == []


def test_a_tender_not_solved_to_its_end_is_awarded_under_its_bound(
    market: Terms, best: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short in the whole, the award keeps every rule and its bound is no lie."""
    def poor(*args: Any, **settings: Any) -> Solution:
        return dataclasses.replace(
            solve_problem(*args, **{**settings, "gap_pct": 50}), outcome=Outcome.FEASIBLE)

    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(module, "solve_problem", poor)
    found = award(market.case, time_limit_s=6, ties=False)
    assert check_award(market.case, found.frame) == []
    assert found.objective * 1000 <= best * (1 + 1e-6)
    assert found.status == AwardStatus.FEASIBLE
    assert found.bound * 1000 >= best * (1 - 1e-6)


def test_values_that_are_kept_leave_the_rest_of_the_problem(market: Terms, best: float) -> None:
    """With part of a best award kept, the best of the rest is the best of the whole; else it is less."""
    model, found, _ = solve_award(market, solver="highs", time_limit_s=600, seed=1)
    take = [v.name for v in model.take]
    half = {name: found.values[name] for name in take[::2]}
    laid = Laid.of(model.problem)
    again = solve_problem(laid, fixed=half)
    assert again.objective == pytest.approx(best, rel=1e-7)
    assert all(again.values[name] == value for name, value in half.items())
    won = next(name for name in take if found.values[name] > 0.5)
    other = solve_problem(laid, fixed={won: 0.0})
    assert other.outcome == Outcome.INFEASIBLE or other.objective <= best * (1 + 1e-9)
