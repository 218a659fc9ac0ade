"""The search for rounds on days of every kind: its plans hold, its costs are true, it ends when told."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounds_cases import LIMITED, day, limited_day, random_day

from allocation.rounds.check import check_rounds, cost_of
from allocation.rounds.problem import FAR, NO_PLACE, RoundsProblem, Weights
from allocation.rounds.rounds import Rounds, make_rounds
from allocation.rounds.solve import Solution, solve

ENGINES = ("own", "auto")


def sound(p: RoundsProblem, solution: Solution) -> Rounds:
    """The plan as tables, when it holds, costs what it says and loses no visit."""
    rounds = make_rounds(p, solution)
    assert check_rounds(p, rounds.stops, unserved=rounds.unserved.index) == []
    assert cost_of(p, rounds.stops) == pytest.approx(solution.cost, abs=1e-6)
    assert sorted([*rounds.stops["visit_id"].unique(), *rounds.unserved.index]) == sorted(p.visit_ids)
    assert [t for route in solution.routes for t in route] == [
        t for w in range(len(p.shift_ids)) for t in solution.routes[w] if solution.shift[t] == w
    ]
    return rounds


@st.composite
def days(draw: st.DrawFn) -> RoundsProblem:
    """Days with any mixture of rules and weights, most of which leave something undone."""
    visits, shifts = draw(st.integers(1, 14)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    changed = {}
    if draw(st.booleans()):
        changed |= {"shift_start": rng.integers(0, 90, shifts), "shift_end": rng.integers(90, 400, shifts)}
    if draw(st.booleans()):
        changed["max_minutes"] = rng.integers(30, 300, shifts)
    if draw(st.booleans()):
        changed |= {
            "break_after": rng.integers(60, 200, shifts), "break_minutes": rng.integers(0, 30, shifts)
        }  # fmt: skip
    if draw(st.booleans()):
        changed["capacity"] = rng.integers(15, 200, shifts)
    if draw(st.booleans()):
        way = rng.integers(0, 40, (2, visits + 2, visits + 2)).astype(float)
        way[rng.random(way.shape) < 0.1] = np.inf
        changed |= {"minutes": way, "km": np.ceil(way / 3), "mode": rng.integers(0, 2, shifts)}
    if draw(st.booleans()):
        changed["end_place"] = np.full(shifts, NO_PLACE)
    weights = Weights(
        km=draw(st.sampled_from([0.0, 0.3])),
        late_minute=draw(st.sampled_from([0.1, 1.0, 7.0])),
        worst_late=draw(st.sampled_from([0.0, 3.0])),
        shift=draw(st.sampled_from([0.0, 40.0])),
        unserved_minute=draw(st.sampled_from([0.5, 4.0, 20.0])),
        unfamiliar=1.0,
    )
    p = random_day(seed, visits, shifts, hard_windows=draw(st.booleans()), weights=weights, **changed)
    fields = {name: getattr(p, name) for name in p.__slots__}
    return RoundsProblem(**fields | {"unfamiliar": rng.integers(0, 9, p.allowed.shape)})


@given(days(), st.sampled_from(ENGINES))
@settings(max_examples=120, deadline=None)
def test_plans_hold_and_cost_what_they_say(p, engine):
    """Whatever the day: no rule broken, the cost is that of the plan, and every visit is accounted for."""
    sound(p, solve(p, effort=0.02, engine=engine))


@given(days())
@settings(max_examples=20, deadline=None)
def test_same_seed_same_plan(p):
    """The same seed gives the same plan, to the last digit."""
    one, two = (solve(p, seed=5, effort=0.02) for _ in range(2))
    assert one.repeatable
    assert one.routes == two.routes
    assert one.cost == two.cost
    assert np.array_equal(one.start, two.start, equal_nan=True)


@pytest.mark.parametrize("kind", LIMITED)
def test_larger_days_hold(kind):
    """Forty visits under each rule, doubles among them."""
    rng = np.random.default_rng(3)
    small = limited_day(kind, 0)
    changed = {}
    for name in ("max_minutes", "capacity", "shift_start", "shift_end", "break_after", "break_minutes"):
        changed[name] = np.resize(getattr(small, name), 6)
    changed |= {"hard_windows": small.hard_windows, "weights": small.weights}
    p = random_day(11, 40, 6, spread=480, double=0.0 if kind == "max hard" else 0.2, **changed)
    if kind == "no way":
        way = np.where(rng.random(p.minutes.shape) < 0.3, np.inf, p.minutes)
        p = random_day(11, 40, 6, spread=480, minutes=way, **changed)
    sound(p, solve(p, effort=0.05, engine="own"))


def test_more_moves_are_no_loss():
    """A long search is no worse than the first plan."""
    p = random_day(1, 25, 4, spread=480, double=0.3, weights=Weights(worst_late=1, unserved_minute=None))
    first = solve(p, effort=0.0, engine="own")
    last = solve(p, effort=0.2, engine="own")
    assert last.cost <= first.cost <= first.first_cost + 1e-9
    assert last.first_cost == first.first_cost


# -- ends ------------------------------------------------------------------------------------------

BIG = {"visits": 40, "shifts": 6, "spread": 480, "double": 0.25}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("double", [0.0, 0.25])
def test_asked_to_stop(engine, double):
    """Stopped at the first question, a search gives a plan that holds, and says that it was stopped."""
    p = random_day(2, **BIG | {"double": double}, hard_windows=True)
    asked = []
    solution = solve(p, engine=engine, stop=lambda: asked.append(1) is None)
    assert asked
    assert solution.stopped
    assert not solution.repeatable
    sound(p, solution)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("double", [0.0, 0.25])
def test_ctrl_c(engine, double):
    """Ctrl-C in the middle of a search is answered with a plan that holds."""
    p = random_day(2, **BIG | {"double": double}, hard_windows=True)
    told = []

    def report(share: float) -> None:
        told.append(share)
        if len(told) == 1:
            signal.raise_signal(signal.SIGINT)

    solution = solve(p, engine=engine, report=report)
    assert len(told) < 5
    assert solution.stopped
    assert not solution.repeatable
    sound(p, solution)


@pytest.mark.parametrize("settings_", [{}, {"fill_time": True}])
@pytest.mark.parametrize("double", [0.0, 0.25])
def test_a_moment_of_time(settings_, double):
    """A hundredth of a second is enough for a plan that holds, if not for the best."""
    p = random_day(2, **BIG | {"double": double})
    solution = solve(p, time_limit_s=0.01, **settings_)
    assert not solution.stopped
    assert not solution.repeatable
    sound(p, solution)


def test_time_to_fill_needs_a_limit():
    with pytest.raises(ValueError, match="time_limit_s"):
        solve(day(), fill_time=True)


def test_progress_goes_from_nothing_to_all():
    told: list[float] = []
    solve(random_day(2, **BIG), effort=0.05, engine="own", report=told.append)
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1.0
    assert min(told) >= 0


# -- small and odd days ----------------------------------------------------------------------------


def empty(visits: int, shifts: int, **changed) -> RoundsProblem:
    way = np.array([[[0.0, 10], [10, 0]]])
    given = {
        "visit_ids": tuple(f"v{i}" for i in range(visits)),
        "shift_ids": tuple(f"s{i}" for i in range(shifts)), "minutes": way, "km": way,
        "place": np.ones(visits), "earliest": np.full(visits, 480), "latest": np.full(visits, 500),
        "task_visit": np.arange(visits), "task_minutes": np.full(visits, 30),
        "allowed": np.ones((visits, shifts), bool), "person": np.arange(shifts),
        "start_place": np.zeros(shifts), "end_place": np.zeros(shifts),
    }  # fmt: skip
    return RoundsProblem(**given | changed)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("visits", "shifts", "cost"), [
    (0, 0, 0), (0, 2, 0), (2, 0, 1200), (1, 1, 20), (1, 2, 20), (2, 2, 30)
])  # fmt: skip
def test_days_of_next_to_nothing(engine, visits, shifts, cost):
    """No visits, no shifts, one of each: 20 minutes to and fro, 10 minutes late, 600 a visit not made."""
    p = empty(visits, shifts)
    solution = solve(p, effort=0.05, engine=engine)
    assert solution.cost == cost
    rounds = sound(p, solution)
    assert len(rounds.unserved) == (0 if shifts else visits)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("must", [None, 20.0])
def test_what_nobody_can_do_is_left_out(engine, must):
    """No way, no skill, no second person: not served, listed with a reason, also if it must be."""
    away = np.full((1, 2, 2), np.inf)
    weights = Weights(unserved_minute=must)
    for p in (
        empty(1, 2, minutes=away, km=away, weights=weights),
        empty(1, 2, minutes=away, km=away, weights=weights, hard_windows=True),
        empty(1, 2, minutes=np.full((1, 2, 2), FAR), weights=weights),
        empty(1, 2, allowed=np.zeros((1, 2), bool), weights=weights),
        empty(1, 2, task_visit=[0, 0], task_minutes=[30, 30], allowed=np.ones((2, 2), bool),
              person=[0, 0], shift_end=[500, 1440], shift_start=[0, 500], weights=weights),
        empty(1, 1, shift_end=[519.99], weights=weights),
        empty(1, 1, max_minutes=[49.99], weights=weights),
        empty(1, 1, capacity=[29.99], weights=weights),
        empty(1, 1, shift_start=[490.01], weights=weights, hard_windows=True),
    ):  # fmt: skip
        solution = solve(p, effort=0.02, engine=engine)
        rounds = make_rounds(p, solution)
        assert rounds.unserved.index.tolist() == ["v0"]
        assert rounds.unserved["reason"].str.len().min() > 10
        assert check_rounds(p, rounds.stops, unserved=rounds.unserved.index) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_what_can_just_be_done_is_done(engine):
    """A shift that is just long enough, a window that can just be met."""
    for p in (
        empty(1, 1, shift_end=[520]),
        empty(1, 1, max_minutes=[50]),
        empty(1, 1, capacity=[30]),
        empty(1, 1, shift_start=[490], hard_windows=True),
    ):
        solution = solve(p, effort=0.02, engine=engine)
        assert solution.cost == 20
        assert sound(p, solution).unserved.empty
