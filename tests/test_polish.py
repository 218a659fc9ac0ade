"""Polishing by the exact model: never worse, always within the rules, best where it says so."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from design_cases import Brute, grid, hess, objective, partitions, scattered
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lotting.brief import LocksBrief, Weights
from lotting.design.balance import guided_start
from lotting.design.bound import lower_bound
from lotting.design.polish import adjacent_lots, near_plan, two_lots
from lotting.design.search import canonical, stream, value_of
from lotting.design.stop import Stop

SEEDS = st.integers(0, 10_000)
KINDS = st.sampled_from(["planar", "tree", "path", "grid"])
LIMITS = st.sampled_from([None, 15.0, 30.0, 60.0])
AIMS = st.sampled_from([
    Weights(distance=1.0), Weights(distance=1.0), Weights(distance=1.0, equality=2.0),
    Weights(distance=0.5, mix=3.0), Weights(distance=2.0, equality=1.0, mix=1.0),
])


def make(seed, kind, n):
    """Random hours with zeros, some of the map rural."""
    rng = np.random.default_rng(seed)
    rural = [bool(r) for r in rng.random(9 if kind == "grid" else n) < 0.4]
    hours = (rng.uniform(1, 60, len(rural)).round(1) * (rng.random(len(rural)) < 0.9)).tolist()
    if kind == "grid":
        return grid(3, 3, hours, rural=rural)
    return scattered(n, seed, kind=kind, hours=hours, rural=rural)


def locks_of(case, rng):
    """Nothing, two areas together, two apart, or both and two lots by name."""
    a, b, c, d = (str(x) for x in rng.choice(case.codes, 4, replace=False))
    return [
        LocksBrief(), LocksBrief(together=[[a, b]]), LocksBrief(apart=[(a, b)]),
        LocksBrief(together=[[a, b]], apart=[(b, c)], lot={c: "North", d: "South"}),
    ][rng.integers(4)]


def drawn(seed, kind, n, k, tolerance, aims):
    """A place, all its plans, and one of them as lot numbers of the units."""
    case = make(seed, kind, n)
    rng = np.random.default_rng(seed + 1)
    locks = locks_of(case, rng)
    mean = case.total / k
    lo, hi = (0.0, math.inf) if tolerance is None else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    brute = Brute(case, k, lo, hi, locks=locks)
    assume(brute.plans)
    plan = brute.plans[rng.integers(len(brute.plans))]
    instance = case.instance(k, lo, hi, aims=aims, locks=locks)
    lot = np.array([next(i for i, b in enumerate(plan) if m[0] in b) for m in instance.members])
    return case, brute, plan, instance, lot, objective(case, aims, mean)


def as_blocks(instance, lot):
    return tuple(
        frozenset(c for u in np.flatnonzero(lot == k) for c in instance.members[u])
        for k in range(instance.lots)
    )


def graph_of(instance):
    graph = nx.Graph()
    graph.add_nodes_from(range(instance.size))
    graph.add_edges_from((u, int(v)) for u in range(instance.size) for v in instance.neighbours(u))
    return graph


# -- centres held near -----------------------------------------------------------------------------


@settings(max_examples=35, deadline=None)
@given(SEEDS, KINDS, st.integers(5, 9), st.integers(2, 4), LIMITS, AIMS, st.integers(1, 9))
def test_a_plan_polished_is_never_worse(seed, kind, n, k, tolerance, aims, near):
    """What comes back is among all plans within the rules, and cheaper; else nothing comes back.

    It is no dearer than any plan with centres among the near ones: all of those were open to it.
    """
    _, brute, plan, instance, lot, value = drawn(seed, kind, n, k, tolerance, aims)
    before = lot.copy()
    bound = lower_bound(instance, lot, cutoff=value(plan) / instance.distance_weight, stop=Stop(60))
    found = near_plan(instance, lot, bound, near=near, stop=Stop(60))
    assert (lot == before).all()
    best = value(plan)
    if found is not None:
        blocks = as_blocks(instance, found.lot)
        assert set(blocks) in [set(p) for p in brute.plans]
        assert found.value == pytest.approx(value(blocks), rel=1e-9, abs=1e-9)
        assert found.value < value(plan)
        best = found.value
    codes = {c: u for u, members in enumerate(instance.members) for c in members}
    column = {c: j for j, c in enumerate(instance.centres)}
    def cost_from(block, centre):
        return math.fsum(instance.cost[u, column[centre]] for u in {codes[c] for c in block})
    near_ones = {
        c for block in plan for c in sorted(block, key=lambda c: cost_from(block, c))[:near]
    }
    for other in brute.plans:
        if all(any(c in near_ones and math.isclose(cost_from(b, c), min(cost_from(b, d) for d in b))
                   for c in b) for b in other):
            assert best <= value(other) * (1 + 1e-6) + 1e-9


@settings(max_examples=20, deadline=None)
@given(SEEDS, KINDS, st.integers(5, 8), st.integers(2, 3), LIMITS, AIMS)
def test_with_all_centres_the_best_plan_comes_out(seed, kind, n, k, tolerance, aims):
    """Nothing held: the cheapest of all connected plans within the rules."""
    _, brute, plan, instance, lot, value = drawn(seed, kind, n, k, tolerance, aims)
    bound = lower_bound(instance, lot, cutoff=value(plan) / instance.distance_weight, stop=Stop(60))
    found = near_plan(instance, lot, bound, near=n, stop=Stop(60))
    best = value(plan) if found is None else found.value
    assert best == pytest.approx(brute.best(value), rel=1e-6, abs=1e-9)


def test_no_time_changes_nothing():
    """A clock that ran out, or Ctrl-C: no plan, and no crash."""
    instance = grid(3, 3).instance(3)
    lot = np.array([0, 1, 1, 0, 1, 2, 0, 2, 2])
    bound = lower_bound(instance, lot, stop=Stop(60))
    stop = Stop(60)
    stop.interrupted.set()
    assert near_plan(instance, lot, bound, near=3, stop=stop) is None
    assert two_lots(instance, lot, 0, 1, stop=stop) is None


# -- borders ---------------------------------------------------------------------------------------


@settings(max_examples=35, deadline=None)
@given(SEEDS, KINDS, st.integers(6, 9), st.integers(2, 4), LIMITS, AIMS)
def test_a_border_is_the_best_of_all_borders(seed, kind, n, k, tolerance, aims):
    """Two lots cut anew: the best of all ways to do so within the rules; nothing when it is so already.

    The rest of the plan stays, and the whole plan keeps limits, locks and connection.
    """
    case, brute, plan, instance, lot, value = drawn(seed, kind, n, k, tolerance, aims)
    pairs = adjacent_lots(instance, lot)
    assume(pairs)
    a, b = pairs[seed % len(pairs)]
    before = lot.copy()
    border = two_lots(instance, lot, a, b, stop=Stop(60))
    assert (lot == before).all()
    rest = tuple(block for i, block in enumerate(plan) if i not in {a, b})
    whole = {frozenset(p) for p in brute.plans}
    ways = [
        (*cut, *rest) for cut in partitions(case.graph.subgraph(plan[a] | plan[b]), 2)
        if frozenset((*cut, *rest)) in whole
    ]
    best = min(map(value, ways))
    if border is None:
        assert value(plan) <= best * (1 + 1e-6) + 1e-9
        return
    units = np.flatnonzero((lot == a) | (lot == b))
    assert set(border.tolist()) == {a, b}
    after = lot.copy()
    after[units] = border
    blocks = as_blocks(instance, after)
    assert frozenset(blocks) in whole
    assert value(blocks) < value(plan)
    assert value(blocks) == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert value_of(instance, canonical(after)) == pytest.approx(value(blocks), rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS, KINDS, st.integers(2, 9), st.integers(1, 6))
def test_lots_that_touch_are_found_each_once(seed, kind, n, k):
    """Pairs of lots with areas on either side of a border, by the graph."""
    case = make(seed, kind, n)
    k = min(k, len(case.codes))
    plan = next(partitions(case.graph, k))
    instance = case.instance(k)
    at = {c: i for i, block in enumerate(plan) for c in block}
    lot = np.array([at[m[0]] for m in instance.members])
    touching = {tuple(sorted((at[u], at[v]))) for u, v in case.graph.edges if at[u] != at[v]}
    assert adjacent_lots(instance, lot) == sorted(touching)


# -- a part of a place -------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SEEDS, KINDS, st.integers(5, 12), st.data())
def test_a_part_is_what_it_was_in_the_whole(seed, kind, n, data):
    """Hours, people, costs, neighbours and locks of some units, as the subgraph has them."""
    case = make(seed, kind, n)
    locks = locks_of(case, np.random.default_rng(seed))
    whole = case.instance(2, 1.0, 1e6, aims=Weights(distance=1.0, mix=2.0), locks=locks)
    chosen = sorted(data.draw(st.sets(st.integers(0, whole.size - 1), min_size=1)))
    part = whole.part(np.array(chosen, np.int64), 1)
    assert part.size == len(chosen)
    assert part.members == tuple(whole.members[u] for u in chosen)
    for name in ("hours", "people", "rural"):
        assert getattr(part, name).tolist() == [getattr(whole, name)[u] for u in chosen]
    sub = nx.relabel_nodes(graph_of(whole).subgraph(chosen), {u: i for i, u in enumerate(chosen)})
    mine = graph_of(part)
    assert set(mine.nodes) == set(sub.nodes)
    assert {frozenset(e) for e in mine.edges} == {frozenset(e) for e in sub.edges}
    inside = [c for u in chosen for c in whole.members[u]]
    assert sorted(part.centres) == sorted(inside)
    point, hours = {c: (x, y) for c, x, y in case.areas[["x_m", "y_m"]].itertuples()}, case.hours
    for j, code in enumerate(part.centres):
        assert code in part.members[part.centre_unit[j]]
        for i, members in enumerate(part.members):
            cost = math.fsum(hours[c] * math.dist(point[c], point[code]) ** 2 / 1e6 for c in members)
            assert math.isclose(part.cost[i, j], cost, rel_tol=1e-9, abs_tol=1e-9)
    for name in ("same", "apart"):
        kept = {frozenset((chosen.index(a), chosen.index(b)))
                for a, b in getattr(whole, name).tolist() if {a, b} <= set(chosen)}
        assert {frozenset(p) for p in getattr(part, name).tolist()} == kept
    assert (part.lots, part.lo, part.hi, part.target) == (1, whole.lo, whole.hi, whole.target)
    assert (part.rural_share, part.aims) == (whole.rural_share, whole.aims)
    if nx.is_connected(sub):
        one = np.zeros(part.size, np.int64)
        assert part.distance(one) == pytest.approx(hess(case, frozenset(inside)), rel=1e-9, abs=1e-9)


# -- starts that the bound guides ------------------------------------------------------------------------

USES = st.one_of(
    st.floats(0, 200), st.sampled_from([0.0, 1.0, 150.0]), st.just(0.0),
)


@settings(max_examples=60, deadline=None)
@given(SEEDS, KINDS, st.integers(4, 12), st.integers(2, 6), LIMITS, st.data())
def test_a_guided_start_is_connected_whatever_is_used(seed, kind, n, k, tolerance, data):
    """Any use of the centres, also of fewer than there are lots: each lot is there, in one piece."""
    case = make(seed, kind, n)
    k = min(k, len(case.codes))
    mean = case.total / k
    lo, hi = (0.0, math.inf) if tolerance is None else (
        mean * (1 - tolerance / 100), mean * (1 + tolerance / 100))
    locks = locks_of(case, np.random.default_rng(seed))
    instance = case.instance(k, lo, hi, locks=locks)
    assume(instance.size >= k)
    m = len(instance.centres)
    use = np.array(data.draw(st.lists(USES, min_size=m, max_size=m)))
    lot = guided_start(instance, use, stream(seed, "guided"), draws=data.draw(st.integers(1, 4)))
    assert sorted(set(lot.tolist())) == list(range(k))
    graph = graph_of(instance)
    for i in range(k):
        assert nx.is_connected(graph.subgraph(np.flatnonzero(lot == i).tolist()))


def test_a_guided_start_goes_where_the_bound_goes():
    """Two towns, all of the use in their middles: one lot each, whatever the draw."""
    case = grid(1, 8, [1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 9.0, 1.0])
    instance = case.instance(2)
    use = np.zeros(8)
    use[[1, 6]] = 100.0
    for seed in range(5):
        lot = guided_start(instance, use, stream(seed), draws=2)
        assert canonical(lot).tolist() == [0] * 4 + [1] * 4
