"""The checker of rounds: for every rule the plan that just passes beside the one that just fails."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pandas as pd
import pytest
from rounds_cases import day

import allocation.rounds.check
from allocation.rounds.check import RULES, check_rounds, cost_of
from allocation.rounds.problem import RoundsProblem, Weights

ROUTES = {"x": [("a", 0, 480), ("b", 0, 540), ("c", 0, 600)], "y": [("c", 1, 600)]}


def plan(p: RoundsProblem, routes: dict[str, list[tuple[str, int, float]]]) -> pd.DataFrame:
    """A table of stops from shifts' (visit, care worker, start), its other columns as they should be."""
    rows = []
    for shift, stops in routes.items():
        w = p.shift_ids.index(shift)
        at, free = int(p.start_place[w]), None
        for order, (name, task, start) in enumerate(stops):
            v = p.visit_ids.index(name)
            t = np.flatnonzero(p.task_visit == v)[task]
            way = 0.0 if at < 0 else p.minutes[p.mode[w], at, p.place[v]]
            gap = 0.0 if free is None else start - free - way
            breaks = np.isfinite(p.break_after[w]) and 0 < p.break_minutes[w] <= gap
            rest = p.break_minutes[w] if breaks else 0.0
            rows.append({
                "shift_id": shift, "worker_id": shift, "order": order, "visit_id": name, "task": task,
                "start": float(start), "end": start + p.task_minutes[t], "travel_minutes": way,
                "travel_km": 0.0 if at < 0 else p.km[p.mode[w], at, p.place[v]],
                "wait_minutes": gap - rest, "late_minutes": max(0.0, start - p.latest[v]),
                "break_minutes": rest,
            })  # fmt: skip
            at, free = int(p.place[v]), start + p.task_minutes[t]
    return pd.DataFrame(rows)


def broken(p: RoundsProblem, routes: dict = ROUTES, **settings) -> list[str]:
    return [v.rule for v in check_rounds(p, plan(p, routes), **settings)]


def with_c(x: float, y: float) -> dict:
    return {"x": [*ROUTES["x"][:2], ("c", 0, x)], "y": [("c", 1, y)]}


def test_a_sound_plan_passes():
    assert broken(day()) == []


ONE_BARRED = np.array([[False, True], [True, True], [True, True], [True, True]])

LONG_A = {"task_minutes": [65, 30, 30, 20], "break_minutes": [20, 20]}
BREAK_BEFORE_B = {"x": [("a", 0, 480), ("b", 0, 575), ("c", 0, 615)], "y": [("c", 1, 615)]}


@pytest.mark.parametrize(("changed", "routes", "expected"), [
    # windows: soft ones may be missed, hard ones not, and nobody comes too early
    ({}, with_c(640, 640), []),
    ({"hard_windows": True}, with_c(630, 630), []),
    ({"hard_windows": True}, with_c(630, 630.01), ["together", "late"]),
    ({"hard_windows": True, "gap_high": [0, 0, 5]}, with_c(630, 630.01), ["late"]),
    ({"earliest": [480, 540, 600.0]}, with_c(600, 600), []),
    ({"earliest": [480, 540, 600.01]}, with_c(600, 600), ["early", "early"]),
    # both care workers together, or the second so long after the first
    ({"gap_high": [0, 0, 10]}, with_c(600, 610), []),
    ({"gap_high": [0, 0, 10]}, with_c(600, 610.01), ["together"]),
    ({"gap_high": [0, 0, 10]}, with_c(601, 600), ["together"]),
    ({"gap_low": [0, 0, 5], "gap_high": [0, 0, 10]}, with_c(600, 605), []),
    ({"gap_low": [0, 0, 5], "gap_high": [0, 0, 10]}, with_c(600, 604.99), ["together"]),
    ({"gap_low": [0, 0, -5]}, with_c(605, 600), []),
    # skills, and two different persons
    ({"allowed": ~ONE_BARRED}, {"x": [("a", 0, 480)]}, []),
    ({"allowed": ONE_BARRED}, {"x": [("a", 0, 480)]}, ["allowed"]),
    ({"person": [0, 0]}, ROUTES, ["persons", "persons"]),  # nor two shifts at a time
    ({"person": [0, 0]}, {"x": [("a", 0, 480)], "y": [("b", 0, 540)]}, []),  # back at 520, out at 520
    ({"person": [0, 0], "task_minutes": [30.01, 30, 30, 20]},
     {"x": [("a", 0, 480)], "y": [("b", 0, 540)]}, ["persons"]),
    # the way from visit to visit
    ({}, {"x": [("a", 0, 480), ("b", 0, 520)]}, ["early"]),
    ({"earliest": [480, 500, 600]}, {"x": [("a", 0, 480), ("b", 0, 520)]}, []),
    ({"earliest": [480, 500, 600]}, {"x": [("a", 0, 480), ("b", 0, 519.99)]}, ["reach"]),
    ({"minutes": np.full((1, 4, 4), np.inf)}, {"x": [("a", 0, 480)]}, ["travel", "travel"]),
    # shifts: out at 470, back at 660, so out for 190 minutes
    ({"shift_start": [470, 470]}, ROUTES, []),
    ({"shift_start": [470.01, 470]}, ROUTES, ["shift_start"]),
    ({"shift_end": [660, 660]}, ROUTES, []),
    ({"shift_end": [659.99, 660]}, ROUTES, ["shift_end"]),
    ({"shift_end": [630, 660], "end_place": [-1, 0]}, ROUTES, []),
    ({"max_minutes": [190, 190]}, ROUTES, []),
    ({"max_minutes": [189.99, 190]}, ROUTES, ["max_minutes"]),
    ({"max_minutes": [150, 190], "start_place": [-1, 0], "end_place": [-1, 0]}, ROUTES, []),
    ({"max_minutes": [149.99, 190], "start_place": [-1, 0], "end_place": [-1, 0]}, ROUTES, ["max_minutes"]),
    ({"capacity": [90, 20]}, ROUTES, []),
    ({"capacity": [89.99, 20]}, ROUTES, ["capacity"]),
    ({"capacity": [3, 1], "load": [1, 1, 1, 1]}, ROUTES, []),
    ({"capacity": [2.5, 1], "load": [1, 1, 1, 1]}, ROUTES, ["capacity"]),
    # breaks: work from 480 to 510, 540 to 570 and 600 to 630, 20 minutes free before b and c
    ({"break_after": [150, 150], "break_minutes": [21, 21]}, ROUTES, []),
    ({"break_after": [149.99, 150], "break_minutes": [21, 21]}, ROUTES, ["break"]),
    ({"break_after": [149.99, 150], "break_minutes": [20, 20]}, ROUTES, []),
    ({"break_after": [40, 40], "break_minutes": [20, 20]}, ROUTES, []),
    # with 65 minutes at a, due 7.5 minutes behind it: 2.5 of the way, b, 10 of way and c are 72.5
    (LONG_A | {"break_after": [72.5, 72.5]}, BREAK_BEFORE_B, []),
    (LONG_A | {"break_after": [72.49, 72.5]}, BREAK_BEFORE_B, ["break"]),
    # a visit longer than that has its breaks before and behind
    ({"break_after": [29, 29], "break_minutes": [20, 20]}, ROUTES, []),
    ({"break_after": [29, 29], "break_minutes": [20.01, 20]}, ROUTES, ["break", "break"]),
])  # fmt: skip
def test_each_rule_at_its_boundary(changed, routes, expected):
    """What is just allowed passes, a hundredth of a minute more does not."""
    p = day(**changed)
    left_out = set(p.visit_ids) - {name for stops in routes.values() for name, *_ in stops}
    assert broken(p, routes, unserved=left_out) == expected


def test_visits_are_served_whole_or_listed():
    """Each visit once, by all it needs; or listed as not served; and not both."""
    p = day()
    without_b = {"x": [ROUTES["x"][0], ROUTES["x"][2]], "y": ROUTES["y"]}
    assert broken(p, without_b) == ["served"]
    assert broken(p, without_b, unserved=["b"]) == []
    assert broken(p, ROUTES, unserved=["b"]) == ["unserved"]
    assert broken(p, {"x": ROUTES["x"]}) == ["served"]
    assert broken(p, {"x": ROUTES["x"]}, unserved=["c"]) == ["served", "unserved"]
    assert broken(p, ROUTES | {"y": [("b", 0, 540), *ROUTES["y"]]}) == ["twice"]
    assert broken(p, ROUTES, unserved=["z"]) == ["known"]


@pytest.mark.parametrize(("column", "value", "rule"), [
    ("end", 510.01, "length"),
    ("travel_minutes", 9.99, "travel"),
    ("travel_km", 4.99, "travel"),
    ("late_minutes", 0.01, "late"),
    ("order", 3, "order"),
    ("visit_id", "z", "known"),
    ("shift_id", "z", "known"),
    ("task", 1, "known"),
    ("start", float("nan"), "early"),
])  # fmt: skip
def test_what_the_plan_says_is_true(column, value, rule):
    """Lengths, legs and lateness as stated; rows of visits that are not the day's; no number."""
    p = day()
    stops = plan(p, ROUTES)
    stops[column] = stops[column].astype(object)
    stops.loc[0, column] = value
    assert rule in {v.rule for v in check_rounds(p, stops)}


@pytest.mark.parametrize(("wait", "rest", "fine"), [
    (20.0, 0.0, True), (5.0, 15.0, True), (19.99, 0.0, False), (35.0, -15.0, False)
])  # fmt: skip
def test_waits_and_breaks_fill_the_gap(wait, rest, fine):
    p = day()
    stops = plan(p, ROUTES)
    stops.loc[1, ["wait_minutes", "break_minutes"]] = wait, rest
    assert [v.rule for v in check_rounds(p, stops)] == ([] if fine else ["reach"])


def test_a_violation_names_visit_shift_and_amount():
    """By how much a rule is broken, in minutes, and where."""
    p = day(shift_end=[650, 660], hard_windows=True)
    over, late = check_rounds(p, plan(day(), with_c(600, 600)))[:1], check_rounds(
        day(hard_windows=True), plan(day(), with_c(635, 635))
    )
    assert [(v.shift_id, v.visit_id, v.amount) for v in over] == [("x", "", 10.0)]
    assert [(v.shift_id, v.visit_id, v.amount) for v in late] == [("x", "c", 5.0), ("y", "c", 5.0)]


def test_rounding_is_no_fault():
    p = day(shift_end=[660 - 5e-7, 660])
    assert broken(p) == []
    assert broken(p, tolerance_minutes=1e-7) == ["shift_end"]
    assert broken(day(shift_end=[655, 660]), tolerance_minutes=5) == []


def test_a_mode_has_its_own_travel():
    """The second shift is twice as slow: what one can reach, the other cannot."""
    way = day().minutes[0]
    p = day(minutes=np.stack([way, 2 * way]), km=np.stack([way, way]), mode=[0, 1], earliest=[480, 500, 600])
    left = {"unserved": ["c"]}
    assert broken(p, {"x": [("a", 0, 480), ("b", 0, 520)]}, **left) == []
    assert broken(p, {"y": [("a", 0, 480), ("b", 0, 520)]}, **left) == ["reach"]
    assert broken(p, {"y": [("a", 0, 480), ("b", 0, 530)]}, **left) == []


def test_what_a_plan_costs():
    """Each weight by hand: ways of 60 and 60 minutes, c late by 5 and 8."""
    routes = with_c(635, 638)
    unfamiliar = np.array([[1, 0], [0, 0], [0, 0], [0, 1.0]])
    alone = {"travel_minute": 0, "late_minute": 0}
    for weights, expected in (
        (Weights(**alone), 0),
        (Weights(travel_minute=2, late_minute=0), 240),
        (Weights(**alone | {"km": 3}), 180),
        (Weights(**alone | {"late_minute": 1}), 13),
        (Weights(**alone, worst_late=10), 80),
        (Weights(**alone, shift=7), 14),
        (Weights(**alone, unfamiliar=4), 8),
    ):
        p = day(weights=weights, unfamiliar=unfamiliar)
        assert cost_of(p, plan(p, routes)) == expected
    hard = day(weights=Weights(travel_minute=0, worst_late=10), hard_windows=True)
    assert cost_of(hard, plan(hard, routes)) == 0
    p = day(weights=Weights(**alone, unserved_minute=3))
    assert cost_of(p, plan(p, {"x": ROUTES["x"][:2]})) == 150  # c: 30 and 20 minutes of care
    p = day(weights=Weights(unserved_minute=None))
    assert cost_of(p, plan(p, {"x": ROUTES["x"][:2]})) == np.inf


def test_every_rule_has_a_name_and_nothing_is_shared_with_the_search():
    """The checker imports the problem alone, and every name it gives is listed."""
    source = inspect.getsource(allocation.rounds.check)
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and n.level]
    assert [n.module for n in imports] == ["problem"]
    p = day(
        person=[0, 0], allowed=ONE_BARRED, capacity=[10, 10], max_minutes=[9, 9], hard_windows=True,
        shift_start=[600, 601], shift_end=[601, 602], gap_low=[0, 0, 1], gap_high=[0, 0, 2],
        break_after=[1, 1], break_minutes=[50, 50],
    )  # fmt: skip
    routes = {"x": [("a", 0, 470), ("a", 0, 471), ("b", 0, 600)], "y": [("c", 0, 640), ("c", 1, 649)]}
    stops = plan(day(), routes).assign(travel_km=0.0)
    stops["end"] += 1
    stops.loc[2, "order"] = 7
    rules = {v.rule for v in check_rounds(p, stops, unserved=["a", "q"])}
    assert rules == set(RULES) - {"served"}
