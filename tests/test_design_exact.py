"""The exact model against brute force over all connected plans."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from design_cases import Brute, grid, make_case, objective, scattered
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import LocksBrief, Weights
from lotting.design.bound import lower_bound
from lotting.design.exact import Verdict, solve_exactly
from lotting.design.search import canonical, value_of
from lotting.design.stop import Stop

SEEDS = st.integers(0, 10_000)


def case_and_limits(seed, n, k, tolerance):
    rng = np.random.default_rng(seed)
    case = scattered(n, seed, kind=["planar", "tree"][seed % 2], rural=list(rng.random(n) < 0.4))
    mean = case.total / k
    lo, hi = (0.0, math.inf) if tolerance is None else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    return case, lo, hi


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(2, 8), st.integers(1, 4), st.sampled_from([None, 15.0, 40.0]))
def test_optimal_and_infeasible_are_what_brute_force_says(seed, n, k, tolerance):
    """The best plan's cost where there is one, infeasible where there is none."""
    k = min(k, n)
    case, lo, hi = case_and_limits(seed, n, k, tolerance)
    best = Brute(case, k, lo, hi).best(objective(case, Weights(distance=1.0), 0.0))
    instance = case.instance(k, lo, hi)
    answer = solve_exactly(instance, stop=Stop(60))
    if np.isfinite(best):
        assert answer.verdict == Verdict.OPTIMAL
        assert instance.feasible(canonical(answer.lot))
        assert value_of(instance, answer.lot) == pytest.approx(best, rel=1e-6, abs=1e-9)
        assert answer.bound <= best * (1 + 1e-6) + 1e-9
    else:
        assert answer.verdict == Verdict.INFEASIBLE


@pytest.mark.parametrize("aims", [
    Weights(equality=1.0), Weights(mix=1.0), Weights(distance=1.0, equality=3.0, mix=2.0),
])
@pytest.mark.parametrize("seed", [1, 2])
def test_other_aims_are_in_the_model(aims, seed):
    """Equality and mix, alone and weighted, to the value brute force finds."""
    case, lo, hi = case_and_limits(seed, 6, 2, 60.0)
    instance = case.instance(2, lo, hi, aims=aims)
    best = Brute(case, 2, lo, hi).best(objective(case, aims, instance.target))
    answer = solve_exactly(instance, stop=Stop(60))
    assert answer.verdict == Verdict.OPTIMAL
    assert value_of(instance, answer.lot) == pytest.approx(best, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.data())
def test_locks_are_in_the_model(seed, data):
    """Together, apart and to a lot: the best plan that keeps them all, or none."""
    case, lo, hi = case_and_limits(seed, 7, 3, 60.0)
    code = st.sampled_from(case.codes)
    pair = st.tuples(code, code).filter(lambda p: p[0] != p[1])
    locks = LocksBrief(
        together=[list(data.draw(pair))], apart=[data.draw(pair)],
        lot={data.draw(code): "X", data.draw(code): "Y"},
    )
    best = Brute(case, 3, lo, hi, locks).best(objective(case, Weights(distance=1.0), 0.0))
    instance = case.instance(3, lo, hi, locks=locks)
    answer = solve_exactly(instance, stop=Stop(60))
    if np.isfinite(best):
        assert answer.verdict == Verdict.OPTIMAL
        assert value_of(instance, answer.lot) == pytest.approx(best, rel=1e-6, abs=1e-9)
    else:
        assert answer.verdict == Verdict.INFEASIBLE


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from([5.0, 15.0]))
def test_any_plan_will_do_when_it_is_only_whether(seed, tolerance):
    """Without an objective: a plan within all limits, or that there is none."""
    case, lo, hi = case_and_limits(seed, 8, 3, tolerance)
    exists = bool(Brute(case, 3, lo, hi).plans)
    instance = case.instance(3, lo, hi)
    answer = solve_exactly(instance, stop=Stop(60), feasibility=True)
    assert answer.verdict == (Verdict.OPTIMAL if exists else Verdict.INFEASIBLE)
    assert not exists or instance.feasible(canonical(answer.lot))


def test_disconnected_answers_are_cut_off():
    """Two busy ends and a quiet middle: without cuts the ends would be one lot."""
    # Along a line: 10, 1, 20, 1, 10. Lots of 21 h: {10, 1, 10} is not connected.
    case = make_case([(0, 0), (0.1, 0), (5, 0), (0.2, 0), (0.3, 0)],
                     [(0, 1), (1, 2), (2, 3), (3, 4)], [10.0, 1.0, 20.0, 1.0, 10.0])
    instance = case.instance(2, 11.0, 31.0)
    answer = solve_exactly(instance, stop=Stop(60))
    assert answer.rounds > 1
    assert answer.verdict == Verdict.OPTIMAL
    for k in (0, 1):
        inside = [case.codes[u] for u in np.flatnonzero(answer.lot == k)]
        assert nx.is_connected(case.graph.subgraph(inside))


def test_the_model_made_small_still_holds_the_best_plan():
    """Reduced-cost fixing with the cost of the best plan as its cut-off loses nothing."""
    case, lo, hi = case_and_limits(4, 9, 3, 30.0)
    instance = case.instance(3, lo, hi)
    brute = Brute(case, 3, lo, hi)
    best = brute.best(objective(case, Weights(distance=1.0), 0.0))
    bound = lower_bound(instance, None, cutoff=best * 1.001, stop=Stop(60))
    answer = solve_exactly(
        instance, stop=Stop(60), open_centre=bound.open_centre, open_pair=bound.open_pair
    )
    assert value_of(instance, answer.lot) == pytest.approx(best, rel=1e-6)


def test_a_hint_changes_nothing():
    """A plan to start from: the same optimum."""
    case, lo, hi = case_and_limits(6, 8, 2, 40.0)
    instance = case.instance(2, lo, hi)
    plan = Brute(case, 2, lo, hi).plans[0]
    hint = np.array([0 if m[0] in plan[0] else 1 for m in instance.members])
    with_hint, without = (solve_exactly(instance, stop=Stop(60), hint=h) for h in (hint, None))
    assert value_of(instance, with_hint.lot) == pytest.approx(value_of(instance, without.lot))


def test_equal_areas_need_no_tolerance():
    """Sums of 0.1 that miss 0.3 by a rounding are no proof that there is no plan."""
    answer = solve_exactly(grid(2, 3, [0.1] * 6).instance(2, 0.3, 0.3), stop=Stop(60))
    assert answer.verdict == Verdict.OPTIMAL


def test_nothing_open_is_nothing_possible():
    """All centres closed: there is no plan below the cut-off."""
    instance = grid(1, 3).instance(2)
    answer = solve_exactly(instance, stop=Stop(60), open_centre=np.zeros(3, bool),
                           open_pair=np.zeros((3, 3), bool))
    assert answer.verdict == Verdict.INFEASIBLE


def test_without_time_it_says_that_it_was_the_clock():
    """No verdict, no plan, and the clock is known to have run out; Ctrl-C is not the clock."""
    stop = Stop(0.0)
    answer = solve_exactly(grid(2, 3).instance(2), stop=stop)
    assert (answer.verdict, answer.timed_out, stop.ran_out) == (Verdict.UNKNOWN, True, True)
    stop = Stop(60.0)
    stop.interrupted.set()
    assert solve_exactly(grid(2, 3).instance(2), stop=stop).verdict == Verdict.UNKNOWN
    assert not stop.ran_out


@pytest.mark.parametrize("solver", ["scip", "cp-sat"])
def test_the_other_solvers_agree(solver):
    """SCIP and CP-SAT come to the optimum of all connected plans, as HiGHS does."""
    case, lo, hi = case_and_limits(4, 9, 3, 30.0)
    best = Brute(case, 3, lo, hi).best(objective(case, Weights(distance=1.0), 0.0))
    answer = solve_exactly(case.instance(3, lo, hi), stop=Stop(60), solver=solver)
    assert answer.verdict == Verdict.OPTIMAL
    assert value_of(case.instance(3, lo, hi), answer.lot) == pytest.approx(best, rel=1e-6)
