"""What is refused as a day's problem, and what is filled in."""

from __future__ import annotations

import numpy as np
import pytest
from rounds_cases import day

from allocation.rounds.problem import NO_PLACE, Weights
from lotting.errors import InputError


@pytest.mark.parametrize(("changed", "message"), [
    ({"task_visit": [0, 1, 1, 1]}, "visits with no care worker, or three or more (2): b, c"),
    ({"latest": [510, 539.99, 630]}, "visits with a window that ends before it begins (1): b"),
    ({"latest": [510, np.nan, 630]}, "visits with a window that ends before it begins (1): b"),
    ({"earliest": [-np.inf, 540, 600]}, "visits with a window that ends before it begins (1): a"),
    ({"gap_low": [0, 0, 5], "gap_high": [0, 0, 4.99]}, "visits with a least gap above the greatest (1): c"),
    ({"gap_low": [0, np.nan, 0]}, "visits with a least gap above the greatest (1): b"),
    ({"task_minutes": [30, -0.01, 30, 20]}, "visits with a length below nothing, or none (1): b"),
    ({"task_minutes": [30, 30, 30, np.nan]}, "visits with a length below nothing, or none (1): c"),
    ({"load": [30, -1, 30, 20]}, "visits with a length below nothing, or none (1): b"),
    ({"shift_start": [480, 480], "shift_end": [479.99, 480]}, "shifts that end before they begin (1): x"),
    ({"shift_start": [np.nan, 480], "shift_end": [600, 600]}, "shifts that end before they begin (1): x"),
    ({"capacity": [60, np.nan]}, "shifts with a limit or a break below nothing, or none (1): y"),
    ({"max_minutes": [-1, 60]}, "shifts with a limit or a break below nothing, or none (1): x"),
    ({"break_after": [np.nan, 60]}, "shifts with a limit or a break below nothing, or none (1): x"),
    ({"break_minutes": [30, np.inf]}, "shifts with a limit or a break below nothing, or none (1): y"),
    ({"person": [0, 0], "shift_start": [480, 600], "shift_end": [600.01, 700]},
     "shifts that overlap another of the same person (1): y"),
    ({"minutes": np.full((1, 4, 4), -0.01)}, "travel times that are negative or no number"),
    ({"minutes": np.full((1, 4, 4), np.nan)}, "travel times that are negative or no number"),
    ({"km": np.full((1, 4, 4), np.nan)}, "distances that are negative or no number"),
    ({"visit_ids": ("a", "b", "a")}, "visits of one name (1): a"),
    ({"shift_ids": ("x", "x")}, "shifts of one name (1): x"),
])  # fmt: skip
def test_what_is_wrong_is_named(changed, message):
    """Each fault says how many, which ones and what to do."""
    with pytest.raises(InputError) as caught:
        day(**changed)
    [problem] = caught.value.problems
    assert problem.message == message
    assert problem.fix


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InputError) as caught:
        day(latest=[0, 0, 0], task_minutes=[-1, 1, 1, 1], minutes=np.full((1, 4, 4), -1.0))
    assert len(caught.value.problems) == 3


def test_what_is_just_allowed():
    """A window of one minute, a visit of no length, a gap of exactly so much, one shift upon another."""
    day(earliest=[480, 540, 600], latest=[480, 540, 600], task_minutes=[0, 0, 0, 0], gap_low=[0, 0, 5],
        gap_high=[0, 0, 5], shift_start=[480, 480], shift_end=[480, 480], person=[0, 0])  # fmt: skip


@pytest.mark.parametrize(("changed", "message"), [
    ({"place": [1, 2]}, r"place has shape \(2,\), not \(3,\)"),
    ({"allowed": np.ones((3, 2), bool)}, r"allowed has shape \(3, 2\), not \(4, 2\)"),
    ({"km": np.zeros((2, 4, 4))}, r"km has shape \(2, 4, 4\), not \(1, 4, 4\)"),
    ({"minutes": np.zeros((4, 4))}, "minutes has shape"),
    ({"task_visit": [0, 2, 1, 2]}, "in the order of their visits"),
    ({"task_visit": [0, 1, 2, 3]}, "task_visit has positions outside 0 to 2"),
    ({"place": [1, 2, 4]}, "place has positions outside 0 to 3"),
    ({"start_place": [0, -2]}, "start_place has positions outside -1 to 3"),
    ({"end_place": [0, 4]}, "end_place has positions outside -1 to 3"),
    ({"mode": [0, 1]}, "mode has positions outside 0 to 0"),
])  # fmt: skip
def test_arrays_that_do_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        day(**changed)


@pytest.mark.parametrize("name", [
    "travel_minute", "km", "late_minute", "worst_late", "shift", "unserved_minute", "unfamiliar"
])  # fmt: skip
def test_weights_are_numbers_of_nothing_or_more(name):
    assert getattr(Weights(**{name: 0}), name) == 0
    for value in (-0.01, float("nan"), float("inf")):
        with pytest.raises(InputError, match=name):
            Weights(**{name: value})


def test_what_is_left_out_is_filled_in():
    """No limits, no breaks, open starts and ends, one mode; and nothing can be changed afterwards."""
    p = day(start_place=[NO_PLACE, NO_PLACE], end_place=[NO_PLACE, NO_PLACE])
    assert p.tasks.tolist() == [[0, -1], [1, -1], [2, 3]]
    assert np.isinf([p.shift_end, p.max_minutes, p.break_after, p.capacity]).all()
    assert p.load.tolist() == p.task_minutes.tolist()
    assert not np.any([p.mode, p.shift_start, p.break_minutes])
    assert not p.unfamiliar.any()
    with pytest.raises(ValueError, match="read-only"):
        p.earliest[0] = 0
