"""Days on which not everything can be done within the rules: what is left out, and the rules kept."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rounds_cases import limited_day, random_day, tried_optimum

from allocation.rounds.check import check_rounds
from allocation.rounds.problem import RoundsProblem, Weights
from allocation.rounds.rounds import make_rounds
from allocation.rounds.solve import solve


@pytest.mark.parametrize("kind", ["hard", "end", "capacity", "max", "max hard", "breaks hard"])
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_what_is_left_out_is_the_least(kind, seed):
    """A plan that just breaks a rule is worth nothing: the best one that breaks none is found."""
    p = limited_day(kind, seed)
    optimum = tried_optimum(p)
    costs = [solve(p, seed=s, effort=1.0, engine="own").cost for s in range(3)]
    assert min(costs) == pytest.approx(optimum, abs=1e-6)


def test_the_way_behind_a_break_is_work():
    """Due 20 minutes into a way of 30, a break leaves 10 to go: with 40 and 20 of care, 70 on end."""
    way = np.array([[[0, 30, 30], [30, 0, 0], [30, 0, 0.0]]])
    p = RoundsProblem(
        visit_ids=("a", "b", "c"), shift_ids=("s",), minutes=way, km=way, place=[0, 1, 2], person=[0],
        earliest=[0, 70, 100], latest=[0, 90, 200], task_visit=[0, 1, 2], task_minutes=[40, 40, 20],
        allowed=np.ones((3, 1), bool), break_after=[60], break_minutes=[15], hard_windows=True,
    )  # fmt: skip
    rounds = make_rounds(p, solve(p, effort=0.2, engine="own"))
    assert check_rounds(p, rounds.stops, unserved=rounds.unserved.index) == []
    assert rounds.stops["start"].tolist() == [0, 85, 140]


def test_waiting_before_a_double_handed_visit_is_at_home():
    """A visit that can wait does so, also before a double-handed one: out for 100 minutes, not for 200."""
    way = np.zeros((1, 2, 2))
    p = RoundsProblem(
        visit_ids=("a", "b"), shift_ids=("x", "y"), minutes=way, km=way, place=[0, 1], earliest=[480, 630],
        latest=[600, 630], task_visit=[0, 1, 1], task_minutes=[50, 50, 50], person=[0, 1],
        allowed=[[True, False], [True, True], [True, True]], max_minutes=[100, 50], hard_windows=True,
    )  # fmt: skip
    rounds = make_rounds(p, solve(p, effort=0.2, engine="own"))
    assert rounds.unserved.empty
    assert check_rounds(p, rounds.stops) == []


def test_the_speed_of_the_machine_does_not_matter(monkeypatch):
    """The same plan whether a look at the clock finds no time gone or a lot."""
    module = sys.modules["allocation.rounds.solve"]
    p = random_day(10, 8, 3, double=0.4, weights=Weights(worst_late=1.0, unserved_minute=3.0))
    found = []
    for step in (0.0, 0.03, 0.2):
        now = iter(np.arange(1_000_000) * step)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda now=now: next(now)))
        found.append(solve(p, effort=0.05, engine="own"))
    assert all(s.repeatable for s in found)
    assert len({s.routes for s in found}) == 1


@pytest.mark.parametrize("rule", ["capacity", "shift_end", "max_minutes"])
@pytest.mark.parametrize("seed", [2, 4, 9])
def test_what_pyvrp_leaves_out_is_the_least(rule, seed):
    """Single-handed days with hard windows: the optimum also where the first plan breaks a rule."""
    limit = np.random.default_rng(seed).integers(60, 200, 2)
    p = random_day(seed, 5, 2, double=0, hard_windows=True, **{rule: limit})
    assert solve(p, effort=0.5).cost == pytest.approx(tried_optimum(p), abs=1e-3)
