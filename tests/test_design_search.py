"""Starting plans and annealing: always connected, never wrong about what a plan is worth."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from design_cases import Brute, grid, make_case, moved, objective, scattered
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import LocksBrief, Weights
from lotting.design.balance import balanced_start, repair, start_from
from lotting.design.kernels import anneal, connected_without
from lotting.design.search import (
    anneal_plan,
    canonical,
    explore,
    match_zones,
    shortfall,
    stream,
    value_of,
)
from lotting.design.stop import Stop

SEEDS = st.integers(0, 10_000)
KINDS = st.sampled_from(["planar", "tree", "path"])


def graph_of(instance):
    graph = nx.Graph()
    graph.add_nodes_from(range(instance.size))
    graph.add_edges_from((u, int(v)) for u in range(instance.size) for v in instance.neighbours(u))
    return graph


def assert_connected(instance, lot):
    """Every lot is there and in one piece, by networkx."""
    assert sorted(set(lot.tolist())) == list(range(instance.lots))
    graph = graph_of(instance)
    for k in range(instance.lots):
        assert nx.is_connected(graph.subgraph(np.flatnonzero(lot == k).tolist()))


def blocks(instance, lot):
    return tuple(
        frozenset(c for u in np.flatnonzero(lot == k) for c in instance.members[u])
        for k in range(instance.lots)
    )


# -- starts ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SEEDS, KINDS, st.integers(1, 12), st.integers(1, 12))
def test_a_start_is_connected_whatever_the_map(seed, kind, n, k):
    """Zero-hour areas, trees, as many lots as areas: each lot is in one piece."""
    k = min(k, n)
    instance = scattered(n, seed, kind=kind).instance(k)
    assert_connected(instance, balanced_start(instance, stream(seed, "start")))


@pytest.mark.parametrize("hours", [[0.0] * 9, [1e-7] * 9, [1e7] * 9])
def test_a_start_takes_any_scale_of_hours(hours):
    """No hours at all, next to none, and ten million an area."""
    instance = grid(3, 3, hours).instance(3)
    assert_connected(instance, balanced_start(instance, stream(1)))


def test_a_start_takes_identical_points():
    """All care given at one address: every distance is 0."""
    case = make_case([(1.0, 1.0)] * 5, [(i, i + 1) for i in range(4)], [3.0] * 5)
    assert_connected(case.instance(3), balanced_start(case.instance(3), stream(1)))


@settings(max_examples=60, deadline=None)
@given(SEEDS, KINDS, st.integers(2, 12), st.data())
def test_repair_connects_any_assignment(seed, kind, n, data):
    """Whatever is assigned, also empty lots and nothing at all, comes out in one piece a lot."""
    k = data.draw(st.integers(1, n))
    instance = scattered(n, seed, kind=kind).instance(k)
    lot = np.array(data.draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n)), np.int64)
    centres = np.array([data.draw(st.integers(0, n - 1)) for _ in range(k)], np.int64)
    assert_connected(instance, repair(instance, lot, centres))


def test_todays_zones_are_a_start_when_they_are_as_many():
    """Connected zones stay as they are; areas without a zone join one."""
    case = grid(2, 4)
    instance = case.instance(2)
    zone = np.array([0, 0, 1, 1, 0, 0, -1, 1])
    assert start_from(instance, zone).tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


# -- connectivity kernel -----------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(SEEDS, KINDS, st.integers(2, 14), st.integers(1, 4))
def test_connected_without_agrees_with_networkx(seed, kind, n, k):
    """A unit may leave its lot when the rest of it is there and in one piece."""
    instance = scattered(n, seed, kind=kind).instance(min(k, n))
    lot = balanced_start(instance, stream(seed))
    graph = graph_of(instance)
    queue, mark = np.empty(n, np.int64), np.zeros(n, np.int64)
    for u in range(n):
        rest = [v for v in range(n) if lot[v] == lot[u] and v != u]
        expected = bool(rest) and nx.is_connected(graph.subgraph(rest))
        assert connected_without(
            u, lot, instance.indptr, instance.indices, queue, mark, u + 1) == expected


# -- what a plan is worth ----------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(3, 10), st.integers(1, 4), st.floats(0, 3), st.floats(0, 3),
       st.floats(0, 3), st.floats(0.1, 3))
def test_the_objective_is_that_of_the_definitions(seed, n, k, d, e, m, x):
    """Distance, equality, people moved and mix, weighted, as summed up area by area."""
    rng = np.random.default_rng(seed)
    case = scattered(n, seed, rural=list(rng.random(n) < 0.4),
                     today=[str(z) for z in rng.integers(0, 3, n)])
    aims = Weights(distance=d, equality=e, moved=m, mix=x)
    instance = case.instance(min(k, n), aims=aims)
    lot = balanced_start(instance, stream(seed))
    expected = objective(case, aims, instance.target)(blocks(instance, lot))
    assert value_of(instance, lot) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(3, 9), st.integers(1, 4))
def test_zones_are_matched_so_that_most_people_stay(seed, n, k):
    """As good as the best of all ways to match lots to zones."""
    rng = np.random.default_rng(seed)
    case = scattered(n, seed, today=[str(z) if z else "" for z in rng.integers(0, 4, n)],
                     people=[int(p) for p in rng.integers(0, 9, n)])
    instance = case.instance(min(k, n))
    lot = balanced_start(instance, stream(seed))
    zone = match_zones(instance, lot)
    taken = [z for z in zone.tolist() if z >= 0]
    assert len(set(taken)) == len(taken)
    stay = sum(instance.stay[u, zone[lot[u]]] for u in range(n) if zone[lot[u]] >= 0)
    assert instance.stay.sum() - stay == pytest.approx(moved(case, blocks(instance, lot)))


def test_shortfall_counts_both_ends():
    """Hours above the most and below the least add up; at the limit there are none."""
    instance = grid(1, 4, [10, 20, 30, 40]).instance(2, 40.0, 60.0)
    assert shortfall(instance, np.array([0, 0, 1, 1])) == pytest.approx(10 + 10)
    assert shortfall(instance, np.array([0, 0, 0, 1])) == 0.0


def test_canonical_numbers_lots_as_they_come():
    """Two namings of one plan become one."""
    for names in itertools.permutations(range(3)):
        lot = np.array([names[i] for i in (0, 1, 0, 2, 1)])
        assert canonical(lot).tolist() == [0, 1, 0, 2, 1]


# -- annealing ---------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(SEEDS, KINDS, st.integers(2, 12), st.integers(1, 4), st.sampled_from([0.0, 5.0, 30.0]))
def test_annealing_keeps_lots_connected_and_knows_their_worth(seed, kind, n, k, tolerance):
    """Connected at the end; a plan it calls fit is fit, and its value is the one summed anew."""
    k = min(k, n)
    rng = np.random.default_rng(seed)
    case = scattered(n, seed, kind=kind, rural=list(rng.random(n) < 0.4),
                     today=[str(z) for z in rng.integers(0, 3, n)])
    mean = case.total / k
    lo, hi = (0.0, math.inf) if not tolerance else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    instance = case.instance(k, lo, hi, aims=Weights(distance=1, equality=2, moved=3, mix=1))
    found = explore(instance, seed=seed, start=1, steps=4000, stop=Stop(60))
    assert_connected(instance, found.lot)
    assert np.isfinite(found.value) == instance.feasible(found.lot)
    if np.isfinite(found.value):
        assert found.value == pytest.approx(value_of(instance, found.lot), rel=1e-12)
        assert found.shortfall <= 1e-5


@pytest.mark.parametrize("lazy", [0, 6])
@pytest.mark.parametrize(("kind", "locked"), [("planar", False), ("planar", True), ("tree", False)])
def test_the_kernel_keeps_its_sums_right(lazy, kind, locked):
    """Its running value is the value of the plan it ends with, so 50,000 moves add up.

    With lazy centres the running value is an upper bound of it: some centre, not the best.
    """
    n, k = 40, 4
    rng = np.random.default_rng(5)
    case = scattered(n, 5, kind=kind, rural=list(rng.random(n) < 0.4),
                     today=[str(z) for z in rng.integers(0, 4, n)])
    locks = LocksBrief(together=[["a001", "a030"]], apart=[("a002", "a003")]) if locked else None
    aims = Weights(distance=1, equality=3, moved=5, mix=2)
    instance = case.instance(k, aims=aims, locks=locks)
    n = instance.size
    lot = balanced_start(instance, stream(3))
    pointer, partner, same = instance.links()
    zone = match_zones(instance, lot)
    best, value = lot.copy(), np.array([np.inf])
    anneal(
        50_000, 5000.0, 1.0, 50.0, lazy, np.array([12345], np.uint64), lot, instance.hours,
        instance.rural, instance.cost, instance.centre_unit, instance.indptr, instance.indices,
        instance.lo, instance.hi, instance.target, instance.rural_share, aims.equality, aims.mix,
        instance.stay * aims.moved, zone, pointer, partner, same, best, value,
    )
    assert_connected(instance, lot)
    assert np.isfinite(value[0])
    assert instance.feasible(best)
    anew = instance.value(best, zone) - aims.moved * instance.stay.sum()
    assert value[0] >= anew - 1e-6 * abs(anew)
    if lazy == 0:
        assert value[0] == pytest.approx(anew, rel=1e-9)


def test_the_start_counts_as_a_plan():
    """A start that keeps every limit is not lost when no move is as good."""
    instance = grid(1, 2, [10.0, 10.0]).instance(2, 10.0, 10.0)
    lot, best, value = np.array([0, 1]), np.array([0, 1]), np.array([np.inf])
    pointer, partner, same = instance.links()
    anneal(
        10, 0.0, 1.0, 1.0, 0, np.array([1], np.uint64), lot, instance.hours, instance.rural,
        instance.cost, instance.centre_unit, instance.indptr, instance.indices, 10.0, 10.0, 10.0,
        0.0, 0.0, 0.0, instance.stay, np.array([-1, -1]), pointer, partner, same, best, value,
    )
    assert value[0] == 0.0


@pytest.mark.parametrize("seed", [2, 8, 16, 22, 36])
def test_lots_strung_on_one_area_can_change(seed):
    """On a tree most areas hold others; they move with all that hangs on them.

    With single moves alone such plans froze where they began (seeds that used to fail). The best
    of a handful of starts, as a design makes them, is the best there is.
    """
    rng = np.random.default_rng(seed + 1000)
    n, k = int(rng.integers(6, 13)), int(rng.integers(2, 4))
    case = scattered(n, seed, kind="tree", rural=list(rng.random(n) < 0.4))
    aims = Weights(mix=1.0)
    instance = case.instance(k, aims=aims)
    found = min(
        explore(instance, seed=1, start=start, steps=100_000, stop=Stop(60)).value for start in range(16)
    )
    assert found == pytest.approx(
        Brute(case, k).best(objective(case, aims, instance.target)), rel=1e-9)


def test_sums_of_floats_meet_limits_they_equal():
    """Tenths do not add up exactly: equal areas meet a tolerance of 0 all the same."""
    instance = grid(2, 6, [0.1] * 12).instance(4, 0.3, 0.3)
    found = explore(instance, seed=1, start=0, steps=20_000, stop=Stop(60))
    assert np.isfinite(found.value)
    assert found.lot.tolist().count(0) == 3


@pytest.mark.parametrize("scale", [2.0**-7, 1.0, 2.0**17])
def test_hours_of_any_scale_give_the_same_plan(scale):
    """Hours in other units: the same lots, limits scaled with them."""
    hours = np.random.default_rng(3).integers(5, 40, 20) * scale
    case = grid(4, 5, list(hours))
    mean = case.total / 4
    instance = case.instance(4, 0.9 * mean, 1.1 * mean)
    found = explore(instance, seed=1, start=1, steps=50_000, stop=Stop(60))
    base = grid(4, 5, list(hours / scale))
    again = explore(base.instance(4, 0.9 * mean / scale, 1.1 * mean / scale), seed=1, start=1,
                    steps=50_000, stop=Stop(60))
    assert found.value == pytest.approx(again.value * scale, rel=1e-6)


def test_same_stream_same_plan_and_another_stream_another():
    """A run depends on its seed and its number alone."""
    case = scattered(60, 1)
    instance = case.instance(5, 0.8 * case.total / 5, 1.2 * case.total / 5)
    runs = [explore(instance, seed=s, start=2, steps=8000, stop=Stop(60)).lot.tolist()
            for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_search_that_is_stopped_still_has_a_connected_plan():
    """Stopped before its first step, it hands back what it began with."""
    instance = scattered(30, 1).instance(3)
    stop = Stop(60)
    stop.interrupted.set()
    found = anneal_plan(instance, balanced_start(instance, stream(1)), stream(1), steps=100_000,
                        stop=stop, heat=3.0)
    assert_connected(instance, found.lot)
