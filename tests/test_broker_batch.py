"""A whole list at once: against brute force, and never worse than one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from broker_cases import ON, office, packages
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.brokerage.assign import List, assign, greedy, room_of, value_of
from allocation.brokerage.batch import OVER_SHARE_POINTS, share_out, worth_of
from allocation.brokerage.broker import Broker
from allocation.brokerage.register import Register


def brute_force(problem: List) -> float:
    """Try every assignment, reckoning worth and limits afresh."""
    n, m = problem.worth.shape
    best = 0.0
    for choice in itertools.product(range(-1, m), repeat=n):
        load, worth = [0.0] * len(problem.limit), 0.0
        for i, j in enumerate(choice):
            if j >= 0:
                worth += problem.worth[i, j] * problem.hours[i]
                for r in problem.uses[j]:
                    load[r] += problem.hours[i]
        for r, (used, limit) in enumerate(zip(load, problem.limit, strict=True)):
            if used > limit + 1e-9:
                worth -= problem.excess_cost[r] * (used - limit)
        best = max(best, worth)
    return best


@st.composite
def lists(draw: st.DrawFn) -> List:
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    hours = np.array(draw(st.lists(st.integers(2, 80), min_size=n, max_size=n))) / 4
    cells = st.one_of(st.just(-np.inf), st.integers(500, 600).map(float))
    worth = np.array(draw(st.lists(cells, min_size=n * m, max_size=n * m))).reshape(n, m)
    pool = draw(st.booleans())
    limit = np.array(draw(st.lists(st.integers(0, 120), min_size=m + 1, max_size=m + 1))) / 4
    uses = tuple((j, m) if pool and j else (j,) for j in range(m))
    cost = np.array([np.inf] * m + [draw(st.sampled_from([np.inf, OVER_SHARE_POINTS]))])
    return List(hours, worth, uses, limit, cost)


@settings(max_examples=60, deadline=None)
@given(lists())
def test_small_lists_are_shared_out_as_well_as_can_be(problem: List) -> None:
    """The value is that of brute force, and the bound says so."""
    found = assign(problem)
    assert found.value == pytest.approx(brute_force(problem), abs=1e-6)
    assert value_of(problem, found.offer) == found.value
    assert found.optimal
    assert found.bound == pytest.approx(found.value, rel=1e-5, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(lists())
def test_no_limit_is_broken_and_one_by_one_is_never_better(problem: List) -> None:
    found = assign(problem)
    for offer in (found.offer, found.one_by_one, greedy(problem)):
        assert np.isfinite(value_of(problem, offer))
    assert found.value >= found.one_by_one_value - 1e-9


def test_the_bound_of_a_longer_list_is_that_of_the_whole_relaxation() -> None:
    """300 packages and 20 providers with 95 % of the hours: prices over few offers bound all of them."""
    random = np.random.default_rng(1)
    n, m = 300, 20
    hours = np.maximum(1, np.round(random.gamma(1.2, 8, n) * 4) / 4)
    worth = 500 + random.uniform(0, 100, (n, m)).round(3)
    worth[random.random((n, m)) < 0.3] = -np.inf
    limit = random.dirichlet(np.full(m, 5.0)) * hours.sum() * 0.95
    problem = List(hours, worth, tuple((j,) for j in range(m)), limit, np.full(m, np.inf))
    found = assign(problem, gap_pct=1.0)
    assert found.one_by_one_value < found.value <= found.bound
    assert found.bound <= relaxed(problem) * (1 + 1e-6)


def relaxed(problem: List) -> float:
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    rows, columns = np.nonzero(np.isfinite(problem.worth))
    k = np.arange(len(rows))
    n, m = problem.worth.shape
    hours = problem.hours[rows]
    matrix = csr_array(
        (
            np.concatenate([np.ones(len(k)), hours]),
            (np.concatenate([rows, n + columns]), np.concatenate([k, k])),
        ),
        shape=(n + m, len(k)),
    )
    answer = linprog(  # type: ignore[call-overload]
        -problem.worth[rows, columns] * hours,
        A_ub=matrix,
        b_ub=np.concatenate([np.ones(n), problem.limit]),
        method="highs",
    )
    return -float(answer.fun)


def test_the_whole_list_places_what_one_by_one_leaves_over() -> None:
    """K1 could go anywhere and takes the cheap provider; only that one has K2's skill."""
    desk = office(
        "cost_and_share",
        {
            "A": {"rate_gbp": 18.0, "free_hours": 10.0, "skills": frozenset({"peg"})},
            "B": {"rate_gbp": 20.0, "free_hours": 10.0},
        },
    )
    listed = packages({}, {"skills": frozenset({"peg"})})
    assert [o.provider_id for o in Broker(desk, None, on=ON).place(listed).outcomes] == ["A", ""]
    found = Broker(desk, None, on=ON).batch(listed)
    assert [o.provider_id for o in found.outcomes] == ["B", "A"]
    assert [o.rank for o in found.outcomes] == [2, 1]
    assert found.shared is not None
    assert found.shared.gains["hours"] == (10.0, 20.0)
    assert "number 2 of 2" in found.outcomes[0].reason


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_desks_list_is_worth_what_another_model_says(seed: int) -> None:
    """16 packages, 4 providers with skills and a block: HiGHS through scipy on one model of every pair finds
    nothing better, and one by one is what placing them one by one comes to."""
    random = np.random.default_rng(seed)
    skills = [frozenset(s for s in ("hoist", "peg") if random.random() < 0.5) for _ in range(4)]
    desk = office(
        "tiers",
        {f"P{k}": {"rate_gbp": float(random.integers(170, 230)) / 10, "tier": float(random.integers(2, 4)),
                   "free_hours": float(random.integers(10, 60)), "skills": skills[k]} for k in range(4)},
        order={"fair_price_gbp": 19.0},
        contracts=pd.DataFrame({"contract_id": ["B"], "provider_id": ["P0"], "weekly_hours": [25.0]}),
    )  # fmt: skip
    listed = packages(*(
        {"weekly_hours": float(random.integers(4, 60)) / 4,
         "skills": frozenset({"hoist"}) if random.random() < 0.3 else frozenset()} for _ in range(16)))
    broker = Broker(desk, None, on=ON)
    _, problem = worth_of(broker.desk, broker.ledger, listed)
    found = assign(problem)
    assert found.value == pytest.approx(whole(problem), rel=1e-6)
    assert found.optimal
    one = [o.provider_id for o in broker.place(listed).outcomes]
    names = [*broker.desk.sieve.ids, ""]
    assert one == [names[j] for j in found.one_by_one.tolist()]


def whole(problem: List) -> float:
    """Solve one model of every pair, by HiGHS through scipy."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    rows, columns = np.nonzero(np.isfinite(problem.worth))
    hours = problem.hours[rows]
    table = np.vstack([
        *(rows[None, :] == np.arange(len(problem.hours))[:, None]),
        *(problem.matrix()[columns].T * hours),
    ])
    most = np.concatenate([np.ones(len(problem.hours)), problem.limit])
    keep = np.isfinite(most)
    answer = milp(-problem.worth[rows, columns] * hours, integrality=np.ones(len(rows)), bounds=Bounds(0, 1),
                  constraints=LinearConstraint(table[keep], ub=most[keep]),
                  options={"mip_rel_gap": 1e-7})  # fmt: skip
    return -float(answer.fun)


def test_a_reason_says_what_became_of_those_before() -> None:
    """K2 needs all that A has; K1, for which A comes first, is told so."""
    desk = office("cost_and_share", {
        "A": {"rate_gbp": 18.0, "free_hours": 10.0, "skills": frozenset({"peg"})}, "B": {"rate_gbp": 20.0}})
    listed = packages({}, {"skills": frozenset({"peg"})})
    reason = Broker(desk, None, on=ON).batch(listed).outcomes[0].reason
    assert reason == ("number 2 of 2 in the council's order (on the framework), shared out with the whole "
                      "list: the hours of the one before it went to other packages of the list")


def test_near_enough_leaves_no_hour_that_a_package_could_have() -> None:
    """However wide the gap that is allowed, nobody left over fits where there is room."""
    random = np.random.default_rng(3)
    hours = random.integers(4, 60, 60) / 4
    problem = List(hours, 500 + random.uniform(0, 100, (60, 6)), tuple((j,) for j in range(6)),
                   random.dirichlet(np.ones(6)) * hours.sum() * 0.9, np.full(6, np.inf))
    found = assign(problem, gap_pct=10.0)
    room = room_of(problem, found.offer)
    assert (problem.hours[found.offer < 0] > room.max()).all()


def test_no_score_makes_up_for_a_step_of_the_order() -> None:
    """Tier 2 at the worst price is worth more than tier 3 at the best."""
    desk = office("tiers", {"T2": {"rate_gbp": 40.0, "tier": 2}, "T3": {"rate_gbp": 10.0, "tier": 3}})
    broker = Broker(desk, None, on=ON)
    assert [o.provider_id for o in broker.batch(packages({}, {})).outcomes] == ["T2", "T2"]


def test_a_lots_providers_get_their_shares_of_a_list() -> None:
    """70/30 of ten packages of 10 hours: 70 and 30 hours."""
    awards = pd.DataFrame(
        {
            "lot": "1",
            "provider_id": ["A", "B"],
            "share_pct": [70.0, 30.0],
            "weekly_hours": 500.0,
            "rate_gbp": [20.0, 20.0],
        }
    )
    desk = office("lot", {"A": {}, "B": {}}, awards=awards)
    listed = packages(*({"lot": "1"} for _ in range(10)))
    for found in (Broker(desk, None, on=ON).batch(listed), Broker(desk, None, on=ON).place(listed)):
        hours = pd.Series([o.provider_id for o in found.outcomes]).value_counts()
        assert hours.to_dict() == {"A": 7, "B": 3}


def test_a_batch_accounts_for_every_hour_and_writes_every_ranking(tmp_path: object) -> None:
    desk = office(
        "cost_and_share", {p: {"rate_gbp": 18.0 + i, "free_hours": 30.0} for i, p in enumerate("ABC")}
    )
    listed = packages(*({"weekly_hours": 4.0 + i % 5} for i in range(20)), {"weekly_hours": None})
    with Register(tmp_path / "r.sqlite") as register:  # type: ignore[operator]
        broker = Broker(desk, register, on=ON)
        first = broker.batch(listed)
        asked, placed, unplaced = first.hours()
        assert asked == placed + unplaced == sum(p.hours for p in listed)
        assert placed == 90
        rows = register.decisions()
        assert len(rows) == 21
        assert all(r["ranking"] for r in rows)
        again = broker.batch([p for p, o in zip(listed, first.outcomes, strict=True) if o.kind == "placed"])
        assert {o.kind for o in again.outcomes} == {"before"}
        assert len(register.decisions()) == 21


def test_an_empty_list_and_one_nobody_may_take() -> None:
    desk = office("tiers", {"A": {"rate_gbp": 18.0, "status": "removed"}})
    broker = Broker(desk, None, on=ON)
    assert broker.batch([]).hours() == (0, 0, 0)
    (outcome,) = broker.batch(packages({})).outcomes
    assert (outcome.kind, "has left the framework" in outcome.reason) == ("unplaced", True)
    assert share_out(broker.desk, broker.ledger, []).assigned.value == 0
