"""The Lagrangian bound: below every plan, and its fixing never closes what the best plan uses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from design_cases import Brute, grid, hess, make_case, objective, scattered
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from lotting.brief import LocksBrief, Weights
from lotting.design.bound import lower_bound
from lotting.design.dual import Dual
from lotting.design.stop import Stop

SEEDS = st.integers(0, 10_000)
DISTANCE = Weights(distance=1.0)


def as_lot(instance, blocks):
    """Give a plan as lot numbers of the units."""
    return np.array([
        next(k for k, b in enumerate(blocks) if members[0] in b) for members in instance.members
    ])


# -- knapsacks ---------------------------------------------------------------------------------


def knapsacks(hours, cost, multiplier, lo, hi):
    """Bundles of every centre, the price of an hour in each, and its value."""
    n = len(hours)
    case = make_case([(float(i), 0.0) for i in range(n)], [(i, i + 1) for i in range(n - 1)], hours)
    instance = replace(case.instance(1, lo, hi), cost=cost)
    dual = Dual.of(instance, np.ones(n, bool), np.ones((n, n), bool))
    dual.total(multiplier)
    return dual.bundles(), dual.price, dual.value


@settings(max_examples=120, deadline=None)
@given(SEEDS, st.integers(2, 9), st.floats(0, 1.2), st.floats(0, 1.2))
def test_a_bundle_is_the_best_of_a_linear_programme(seed, n, a, b):
    """Cheapest fractional hours within the limits, zero-hour units and all, as HiGHS finds it."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 6, n).astype(float)
    cost = rng.uniform(0, 10, (n, n))
    multiplier = rng.uniform(-2, 12, n)
    lo, hi = sorted((a * hours.sum(), b * hours.sum()))
    bundle, price, value = knapsacks(hours, cost, multiplier, lo, hi)
    for j in range(n):
        reduced = cost[:, j] - multiplier
        bounds = [(1, 1) if i == j else (0, 1) for i in range(n)]
        answer = linprog(reduced, A_ub=[hours, -hours], b_ub=[hi, -lo], bounds=bounds)
        if answer.status == 2:
            assert value[j] == np.inf or abs(hours.sum() - lo) < 1e-6 or abs(hours[j] - hi) < 1e-6
            continue
        # Limits are met to half a millionth of an hour.
        assert value[j] == pytest.approx(answer.fun, abs=5e-5)
        held = bundle[j].astype(float)
        assert lo - 1e-4 <= hours @ held <= hi + 1e-4
        assert reduced @ held == pytest.approx(value[j], abs=1e-4)
        # The price is a right dual: with it every unit can be judged on its own.
        p = price[j]
        dual = (hi if p < 0 else lo) * p + sum(
            min(0.0, reduced[i] - p * hours[i]) if i != j else reduced[i] - p * hours[i]
            for i in range(n)
        )
        assert dual == pytest.approx(value[j], abs=5e-5)


def test_a_centre_whose_own_unit_is_too_large_has_no_bundle():
    """At the limit it fits; above it does not."""
    hours, cost = np.array([5.0, 1.0]), np.zeros((2, 2))
    assert knapsacks(hours, cost, np.zeros(2), 0.0, 5.0)[2].tolist() == [0.0, 0.0]
    assert knapsacks(hours, cost, np.zeros(2), 0.0, 4.0)[2].tolist() == [np.inf, 0.0]


# -- the bound ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(["planar", "tree", "path"]), st.integers(2, 9), st.integers(1, 9),
       st.sampled_from([None, 20.0, 50.0]), st.booleans())
def test_the_bound_is_below_the_best_plan(seed, kind, n, k, tolerance, known):
    """With and without a plan in hand, limits, zero-hour areas, one lot and as many as areas."""
    k = min(k, n)
    case = scattered(n, seed, kind=kind)
    mean = case.total / k
    lo, hi = (0.0, math.inf) if tolerance is None else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    brute = Brute(case, k, lo, hi)
    best = brute.best(objective(case, DISTANCE, mean))
    instance = case.instance(k, lo, hi)
    plan = as_lot(instance, brute.plans[seed % len(brute.plans)]) if known and brute.plans else None
    bound = lower_bound(instance, plan, stop=Stop(60), rounds=(40, 40))
    assert bound.value <= best + 1e-6 * max(1.0, best)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(3, 9), st.integers(2, 4), st.sampled_from([None, 30.0]))
def test_fixing_leaves_the_best_plan_open(seed, n, k, tolerance):
    """Every pair and centre of a plan that is no dearer than the cut-off stays open."""
    k = min(k, n)
    case = scattered(n, seed)
    mean = case.total / k
    lo, hi = (0.0, math.inf) if tolerance is None else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    brute = Brute(case, k, lo, hi)
    if not brute.plans:
        return
    instance = case.instance(k, lo, hi)
    value = objective(case, DISTANCE, mean)
    best = min(brute.plans, key=value)
    cutoff = value(brute.plans[seed % len(brute.plans)])
    bound = lower_bound(instance, None, stop=Stop(60), rounds=(30, 30), cutoff=cutoff)
    open_centre, open_pair = bound.open_centre, bound.open_pair
    unit = {code: u for u, members in enumerate(instance.members) for code in members}
    for block in best:
        centre = next(
            j for j, code in enumerate(instance.centres) if code in block and math.isclose(
                hess(case, block), instance.cost[[unit[c] for c in block], j].sum(),
                rel_tol=1e-9, abs_tol=1e-9)
        )
        assert open_centre[centre]
        assert all(open_pair[unit[c], centre] for c in block)


def test_the_bound_is_tight_where_the_best_plan_is_plain():
    """Two villages far apart, two lots: bound and plan meet."""
    case = make_case([(0, 0), (1, 0), (100, 0), (101, 0)], [(0, 1), (1, 2), (2, 3)], [5.0] * 4)
    instance = case.instance(2)
    plan = np.array([0, 0, 1, 1])
    assert lower_bound(instance, plan, stop=Stop(60)).value == pytest.approx(10.0, rel=1e-5)


def test_identical_points_cost_nothing():
    """All at one address: bound 0, nothing closed."""
    case = make_case([(1.0, 1.0)] * 4, [(i, i + 1) for i in range(3)], [3.0] * 4)
    instance = case.instance(2)
    bound = lower_bound(instance, np.array([0, 0, 1, 1]), stop=Stop(60))
    assert bound.value == 0.0
    assert bound.open_centre.all()
    assert bound.open_pair.all()


def test_no_hours_at_all_are_bounded_by_0():
    """A place without care has nothing to weigh."""
    instance = grid(2, 3, [0.0] * 6).instance(2)
    assert lower_bound(instance, None, stop=Stop(60)).value <= 0.0


def test_a_place_with_too_large_areas_has_no_bound():
    """Fewer centres than lots can serve at all: no plan, and the bound says so."""
    case = grid(1, 3, [10.0, 10.0, 1.0])
    assert lower_bound(case.instance(2, 0.0, 5.0), None, stop=Stop(60)).value == np.inf


def test_equal_areas_and_no_tolerance_are_bounded():
    """Limits equal to the sum, where 12 x 0.1 is not 1.2: still a bound, no infinity."""
    case = grid(2, 6, [0.1] * 12)
    instance = case.instance(12, case.total / 12, case.total / 12)
    assert lower_bound(instance, np.arange(12), stop=Stop(60)).value == 0.0


def test_the_bound_holds_with_locks():
    """Locks make plans dearer, never cheaper than the bound."""
    case = scattered(8, 4)
    locks = LocksBrief(together=[["a000", "a005"]], apart=[("a001", "a002")])
    brute = Brute(case, 3, locks=locks)
    instance = case.instance(3, locks=locks)
    best = brute.best(objective(case, DISTANCE, case.total / 3))
    assert lower_bound(instance, None, stop=Stop(60)).value <= best + 1e-9


def test_a_stopped_bound_is_still_a_bound():
    """One step is enough for a number that holds."""
    case = scattered(9, 7)
    stop = Stop(60)
    stop.interrupted.set()
    bound = lower_bound(case.instance(3), None, stop=stop)
    assert bound.iterations == 1
    assert bound.value <= Brute(case, 3).best(objective(case, DISTANCE, 0.0))
