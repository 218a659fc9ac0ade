"""Reasons: what the locks rule out, and the smallest change that gives a plan."""

from __future__ import annotations

import re

import pytest
from design_cases import Brute, grid, make_case, small

from lotting.brief import LocksBrief, LotsBrief, Weights
from lotting.design.places import split
from lotting.design.relax import explain, locked_across, locked_out
from lotting.design.stop import Stop
from lotting.errors import InfeasibleError


def reason_of(case, lots, hi=float("inf"), **locks):
    return locked_out(case.instance(lots, 0.0, hi, locks=LocksBrief(**locks)))


# -- locks alone -------------------------------------------------------------------------------


def test_locks_that_can_hold_are_no_reason():
    """Together, apart and named in keeping with each other."""
    assert reason_of(grid(2, 3), 3, together=[["a000", "a001"]], apart=[("a001", "a002")],
                     lot={"a005": "East"}) is None


def test_together_and_apart_at_once():
    """Also by way of a third area, and by way of a lot."""
    for locks in (
        {"together": [["a000", "a001"]], "apart": [("a000", "a001")]},
        {"together": [["a000", "a001"], ["a001", "a005"]], "apart": [("a000", "a005")]},
        {"together": [["a000", "a001"]], "lot": {"a000": "X", "a001": "Y"}},
    ):
        reason = reason_of(grid(2, 3), 2, **locks)
        assert reason is not None
        assert "at the same time" in reason.message
        assert "a000" in reason.message


def test_more_names_than_lots():
    """Two names fit two lots; three do not."""
    two = {"a000": "X", "a002": "Y"}
    assert reason_of(grid(2, 3), 2, lot=two) is None
    reason = reason_of(grid(2, 3), 2, lot=two | {"a005": "Z"})
    assert reason is not None
    assert "locked to 3 lots (X, Y, Z)" in reason.message


def test_fewer_blocks_than_lots():
    """Three areas, two locked together: two lots can be made, three cannot."""
    locks = {"together": [["a000", "a001"]]}
    assert reason_of(grid(1, 3), 2, **locks) is None
    reason = reason_of(grid(1, 3), 3, **locks)
    assert reason is not None
    assert "2 blocks are left" in reason.message


def test_a_lock_heavier_than_a_lot():
    """The hours of what is locked together are told, whether the areas touch or not."""
    case = grid(2, 3, [10.0, 20.0, 30.0, 1.0, 1.0, 1.0])
    for group in (["a000", "a001"], ["a000", "a002"]):
        held = sum(case.hours[c] for c in group)
        assert reason_of(case, 2, hi=held, together=[group]) is None
        reason = reason_of(case, 2, hi=held - 1, together=[group])
        assert reason is not None
        assert f"hold {held:.0f} h" in reason.message
        assert f"to {held:.0f}" in reason.fix


def test_a_lock_across_places():
    """Areas of two islands cannot share a lot; of one they can."""
    case = make_case([(0, 0), (1, 0), (9, 0), (10, 0)], [(0, 1), (2, 3)], [5.0] * 4)
    places = split(case.areas["locality"], case.graph, case.demand["weekly_hours"],
                   LotsBrief(number=2)).places
    assert locked_across(places, LocksBrief(together=[["a000", "a001"]])) == []
    for locks in (LocksBrief(together=[["a000", "a003"]]),
                  LocksBrief(lot={"a000": "X", "a003": "X"})):
        (reason,) = locked_across(places, locks)
        assert "a000" in reason.message
        assert "a003" in reason.message
        with pytest.raises(InfeasibleError):
            case.design(LotsBrief(number=2), locks=locks)


@pytest.mark.parametrize("lots", [3, 4])
def test_locks_that_leave_too_few_blocks_do_not_crash_the_design(lots):
    """As many blocks as lots is a plan; fewer is a reason."""
    case = grid(1, 4)
    locks = LocksBrief(together=[["a000", "a001"]])
    if lots == 3:
        assert len(case.design(LotsBrief(number=3), locks=locks).plan.lot_names) == 3
    else:
        with pytest.raises(InfeasibleError, match="3 blocks are left"):
            case.design(LotsBrief(number=4), locks=locks)


# -- explanations ------------------------------------------------------------------------------


def explained(case, lots, locks=None, *, proven=True):
    number = lots.number
    mean = case.total / number
    lo, hi = lots.min_hours or 0.0, lots.max_hours or float("inf")
    if lots.tolerance_pct is not None:
        lo = max(lo, mean * (1 - lots.tolerance_pct / 100))
        hi = min(hi, mean * (1 + lots.tolerance_pct / 100))
    return explain(case.instance(number, lo, hi, locks=locks), case.instance(number, lo, hi), lots,
                   proven=proven, seed=1, stop=Stop(60))


def test_the_change_it_names_does_work():
    """Whole areas of 7 h cannot make 10 h a lot: the limits it names give a plan."""
    case = grid(2, 3, [7.0] * 6)
    lots = LotsBrief(number=4, min_hours=10, max_hours=11)
    reason = explained(case, lots)
    low = int(re.search(r"least hours of a lot to (\d+)", reason.fix).group(1))
    high = int(re.search(r"most hours of a lot to (\d+)", reason.fix).group(1))
    assert (low, high) == (7, 14)
    assert Brute(case, 4, low, high).plans
    assert not Brute(case, 4, 10, 11).plans


def test_a_tolerance_is_widened_by_its_own_name():
    """The tolerance it names gives a plan, and is the least that does."""
    case = grid(1, 4, [7.0, 1.0, 1.0, 3.0])
    reason = explained(case, LotsBrief(number=2, tolerance_pct=1))
    pct = float(re.search(r"tolerance_pct to ([\d.]*\d)", reason.fix).group(1))
    assert pct == pytest.approx(16.67)
    assert case.design(LotsBrief(number=2, tolerance_pct=pct)).plan
    with pytest.raises(InfeasibleError):
        case.design(LotsBrief(number=2, tolerance_pct=16.6))


@pytest.mark.parametrize("locks", [
    LocksBrief(together=[["a000", "a001"]]), LocksBrief(apart=[("a000", "a003")]),
    LocksBrief(together=[["a000", "a003"]]),
])
def test_a_lock_in_the_way_is_blamed(locks):
    """Without the lock there is a plan, so it is the lock that has to give."""
    # In a ring, halves of 20 h are {0,3} + {1,2}, or {0,2} ... by the hours: only one way.
    hours = [12.0, 12.0, 8.0, 8.0] if not locks.apart else [12.0, 4.0, 16.0, 8.0]
    case = make_case([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1), (1, 2), (2, 3), (3, 0)], hours)
    lots = LotsBrief(number=2, min_hours=20, max_hours=20)
    fits_without = bool(Brute(case, 2, 20, 20).plans)
    fits_with = bool(Brute(case, 2, 20, 20, locks).plans)
    assert fits_without
    if fits_with:
        assert case.design(lots, locks=locks).plan
        return
    with pytest.raises(InfeasibleError) as caught:
        case.design(lots, locks=locks)
    (reason,) = caught.value.reasons
    if "hold" not in reason.message:
        assert "without them there is one" in reason.message
        assert "a000" in reason.fix
    assert reason.proven


def test_what_is_not_proven_is_said_not_to_be():
    """A search that finds nothing is no proof."""
    lots = LotsBrief(number=4, min_hours=10, max_hours=11)
    assert "no proof" in explained(grid(2, 3, [7.0] * 6), lots, proven=False).message
    assert "exists" in explained(grid(2, 3, [7.0] * 6), lots, proven=True).message


@pytest.mark.parametrize("aim", ["distance", "equality", "moved", "mix"])
def test_the_exact_model_decides_for_every_aim(aim):
    """The design says infeasible as proven when brute force does, whatever is minimised."""
    case = grid(2, 3, [7.0] * 6, today=list("112233"))
    with pytest.raises(InfeasibleError) as caught:
        case.design(LotsBrief(number=4, min_hours=10, max_hours=11, weights=Weights(**{aim: 1.0})),
                    run=small(time_limit_s=2))
    assert all(r.proven for r in caught.value.reasons)
