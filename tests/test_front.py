"""The front: none dominated, bounds that hold, the true optimum of every step on tiny maps."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from design_cases import Brute, blocks_of, grid, hess, load, moved, scattered, small

from lotting.brief import LotsBrief, RobustBrief, Weights
from lotting.design.bound import lower_bound
from lotting.design.front import with_prices
from lotting.design.options import dominates
from lotting.design.search import explore, match_zones
from lotting.design.stop import Stop


def distance(case, blocks):
    return math.fsum(hess(case, b) for b in blocks)


def deviation(case, blocks, target):
    """Largest deviation from the target, per cent."""
    return 100 * max(abs(load(case, b) - target) for b in blocks) / target


def designed(case, lots, **more):
    robust = more.pop("robust", None)
    return case.design(lots, robust=robust, run=small(**{"options": 4, "time_limit_s": 8.0, **more}))


@pytest.fixture(scope="module")
def tiny():
    case = scattered(11, 4)
    return replace(case, today=case.areas["x_m"].rank(method="first").apply(
        lambda r: "WME"[int(3 * (r - 1) // 11)]).astype("str"))


@pytest.fixture(scope="module")
def found(tiny):
    return designed(tiny, LotsBrief(number=3, tolerance_pct=60))


@pytest.fixture(scope="module")
def every(tiny):
    """Distance, largest deviation and people moved of every plan within the limits."""
    target = tiny.total / 3
    brute = Brute(tiny, 3, 0.4 * target, 1.6 * target)
    return [(distance(tiny, b), deviation(tiny, b, target), moved(tiny, b)) for b in brute.plans]


def test_no_point_is_dominated(found):
    """By no other point of the front, in distance, largest deviation and people moved."""
    worth = [(p.distance, p.deviation_pct, p.moved) for p in found.front]
    assert len(worth) > 3
    assert not any(dominates(a, b) for a, b in itertools.permutations(worth, 2))
    assert worth == sorted(worth)


def test_what_a_point_says_of_its_plan_is_so(tiny, found):
    """Distance, deviation and people moved, worked out anew from the plan alone."""
    for point in found.front:
        blocks = blocks_of(point.plan)
        assert point.distance == pytest.approx(distance(tiny, blocks))
        assert point.deviation_pct == pytest.approx(deviation(tiny, blocks, tiny.total / 3), abs=1e-6)
        assert point.moved == pytest.approx(moved(tiny, blocks))


def test_every_certificate_holds(found, every):
    """No plan at all that is as equal and moves no more people is below the bound."""
    for point in found.front:
        best = min(
            d for d, off, went in every
            if off <= point.deviation_pct * (1 + 1e-9) and went <= point.moved + 1e-9
        )
        assert point.bound <= best * (1 + 1e-9)
        assert point.distance >= best * (1 - 1e-9)


def test_each_step_of_equality_is_the_optimum():
    """Without zones the shortest plan within every deviation on the front is on it."""
    case = scattered(10, 4)
    target = case.total / 3
    plans = [
        (distance(case, b), deviation(case, b, target))
        for b in Brute(case, 3, 0.4 * target, 1.6 * target).plans
    ]
    found = designed(case, LotsBrief(number=3, tolerance_pct=60))
    assert len(found.front) > 2
    for point in found.front:
        best = min(d for d, off in plans if off <= point.deviation_pct * (1 + 1e-9))
        assert point.distance == pytest.approx(best)
        assert point.bound <= best * (1 + 1e-9)
        assert point.moved is None
    # The last but for a step that no plan takes: half the deviation of the most equal on the front.
    least = min(p.deviation_pct for p in found.front)
    assert min(off for _, off in plans) >= 0.5 * least - 1e-9


def test_fewest_people_moved_is_the_least_there_is(found, every):
    """At the dear end of the prices nobody moves who need not."""
    assert min(p.moved for p in found.front) == pytest.approx(min(went for *_, went in every))


@pytest.mark.parametrize("price", [0.5, 20.0])
def test_the_bound_with_prices_holds(tiny, every, price):
    """Distance + price x moved of every plan is above it."""
    target = tiny.total / 3
    instance = tiny.instance(3, 0.4 * target, 1.6 * target, aims=Weights(distance=1.0, moved=price))
    plan = explore(instance, seed=1, start=0, steps=20_000, stop=Stop(60.0))
    best = min(d + price * went for d, _, went in every)
    assert plan.value == pytest.approx(best)
    bound = lower_bound(with_prices(instance, price), plan.lot, stop=Stop(60.0), cutoff=plan.value)
    assert 0.5 * best <= bound.value <= best * (1 + 1e-9)


def test_a_centre_with_prices_costs_what_its_lot_costs(tiny):
    """With each lot's own zone, the costs of its units add up to distance + price x moved."""
    instance = tiny.instance(3, 0.0, math.inf)
    priced = with_prices(instance, 7.0)
    plan = explore(instance, seed=1, start=1, steps=5_000, stop=Stop(60.0))
    zone = match_zones(instance, plan.lot)
    m, total = len(instance.centres), 0.0
    for k in range(3):
        inside = plan.lot == k
        columns = np.flatnonzero(inside[instance.centre_unit]) + zone[k] * m
        total += priced.cost[np.ix_(inside, columns)].sum(axis=0).min()
    assert zone.min() >= 0
    stays = instance.stay[np.arange(instance.size), zone[plan.lot]].sum()
    assert total == pytest.approx(instance.distance(plan.lot) + 7.0 * (instance.stay.sum() - stays))


def test_places_share_one_front():
    """Two localities: the deviation is that of the worse, distances add up; certificates hold."""
    parts = scattered(8, 1), scattered(8, 2)
    hours = [*parts[0].demand["weekly_hours"] + 5, *parts[1].demand["weekly_hours"] + 5]
    from design_cases import make_case
    edges = [
        (offset + int(a[1:]), offset + int(b[1:])) for offset, part in zip((0, 8), parts, strict=True)
        for a, b in part.graph.edges
    ]
    xy = [(x / 1000 + shift, y / 1000) for shift, part in zip((0, 30), parts, strict=True)
          for x, y in part.areas[["x_m", "y_m"]].to_numpy()]
    case = make_case(xy, [*edges, (7, 8)], hours, localities=["A"] * 8 + ["B"] * 8)
    found = designed(case, LotsBrief(per_locality={"A": 2, "B": 2}, tolerance_pct=80))
    sides = []
    for name in ("A", "B"):
        codes = [c for c in case.codes if case.areas.loc[c, "locality"] == name]
        inside = replace(case, areas=case.areas.loc[codes], graph=case.graph.subgraph(codes),
                         demand=case.demand.loc[codes])
        target = inside.total / 2
        sides.append([
            (distance(inside, b), deviation(inside, b, target))
            for b in Brute(inside, 2, 0.2 * target, 1.8 * target).plans
        ])
    for point in found.front:
        best = sum(min(d for d, off in side if off <= point.deviation_pct * (1 + 1e-9)) for side in sides)
        assert point.distance == pytest.approx(best)
        assert point.bound <= best * (1 + 1e-9)


def test_the_same_front_with_one_worker_or_two():
    """Plans, bounds and options do not depend on who did the work."""
    case = scattered(40, 9)
    case = replace(case, today=grid(5, 8).areas["locality"].set_axis(case.areas.index).mask(
        case.areas["x_m"] < 5000, "W").replace("", "E"))
    one, two = (
        designed(case, LotsBrief(number=2, min_hours=200), workers=w, robust=RobustBrief(scenarios=50))
        for w in (1, 2)
    )
    assert one.front == two.front
    assert one.options == two.options


def test_options_come_from_the_front(found):
    """The first is the brief's own; each of the others is on the front, with its certificate."""
    assert found.options[0].plan == found.plan
    on_front = {p.plan for p in found.front}
    assert len(found.options) == 4
    for option in found.options:
        assert option.plan in on_front
        assert 0.0 <= option.point.bound <= option.point.distance * (1 + 1e-9)
    assert len({o.title for o in found.options}) == len(found.options)


def test_one_option_means_no_front(tiny):
    """Nothing of it is worked out."""
    case = tiny
    found = case.design(LotsBrief(number=3), run=small(options=1))
    assert found.front == ()
    assert len(found.options) == 1


def test_least_risk_breaks_limits_least():
    """No option, and no plan on the front, stays within its limits more often."""
    case = scattered(30, 3)
    target = case.total / 3
    lots = LotsBrief(number=3, min_hours=0.75 * target)
    found = designed(case, lots, robust=RobustBrief(scenarios=200, noise_pct=40))
    shares = [p.within for p in found.front]
    assert all(s is not None for s in shares)
    assert max(o.point.within for o in found.options) >= max(shares)
    assert found.options[0].point.within <= max(shares)


def test_numbers_of_lots_are_set_side_by_side():
    """Cost, bound, smallest and largest lot and viable lots of every number, against brute force."""
    case = scattered(9, 4)
    lots = LotsBrief(number=(2, 4), min_hours=0.15 * case.total, viable_hours=0.3 * case.total)
    found = case.design(lots)
    assert [t.lots for t in found.tried] == [2, 3, 4]
    for tried in found.tried:
        plans = Brute(case, tried.lots, 0.15 * case.total).plans
        best = min(plans, key=lambda b: distance(case, b))
        held = sorted(load(case, b) for b in best)
        assert tried.objective == pytest.approx(distance(case, best))
        assert tried.bound <= tried.objective * (1 + 1e-9)
        assert (tried.smallest, tried.largest) == pytest.approx((held[0], held[-1]))
        assert tried.deviation_pct == pytest.approx(deviation(case, best, case.total / tried.lots))
        assert tried.viable == sum(h >= 0.3 * case.total for h in held)
    assert found.plan.lot_names == ["1", "2", "3", "4"]
