"""Options: none dominated, each clearly different, the brief's own answer first."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.design.options import (
    CLEARLY_DIFFERENT,
    Candidate,
    balanced,
    choose,
    dominates,
    people_apart,
    undominated,
)

PEOPLE = np.array([10.0, 20.0, 30.0, 40.0])


def brute_apart(a, b, people):
    """Try every way to match the lots of one plan to those of the other."""
    first, second = sorted(set(a)), sorted(set(b))
    second = [*second, *[None] * len(first)]
    return min(
        sum(p for x, y, p in zip(a, b, people, strict=True) if match[x] != y)
        for match in (dict(zip(first, m, strict=True))
                      for m in itertools.permutations(second, len(first)))
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 9)),
                min_size=1, max_size=8))
def test_people_apart_is_the_best_matching(rows):
    """People in another lot, after the best of all matchings; the same both ways; 0 to itself."""
    a, b, people = zip(*rows, strict=True)
    weigh = np.array(people, float)
    assert people_apart(a, b, weigh) == pytest.approx(brute_apart(a, b, people))
    assert people_apart(a, b, weigh) == pytest.approx(people_apart(b, a, weigh))
    assert people_apart(a, a, weigh) == 0.0


def candidate(title, lots, *aims):
    return Candidate(title, tuple(lots), tuple(float(a) for a in aims))


def test_the_briefs_own_answer_is_first():
    """However the others fare."""
    found = choose([candidate("own", "aabb", 1, 9), candidate("b", "abbb", 2, 1)], PEOPLE, 5)
    assert [c.title for c in found] == ["own", "b"]


def test_a_dominated_plan_is_left_out():
    """As good in one aim and worse in the other is worse; better in one is not."""
    own = candidate("own", "aabb", 1, 9)
    worse, better = candidate("b", "abbb", 1, 9.5), candidate("b", "abbb", 1.5, 8)
    assert [c.title for c in choose([own, worse], PEOPLE, 5)] == ["own"]
    assert [c.title for c in choose([own, better], PEOPLE, 5)] == ["own", "b"]


def test_of_two_plans_worth_the_same_the_earlier_stays():
    """Not both, and not neither."""
    same = [candidate(t, lots, *aims) for t, lots, aims in (
        ("own", "aabb", (1, 9)), ("b", "abbb", (5, 5)), ("c", "aaab", (5, 5)))]
    assert [c.title for c in choose(same, PEOPLE, 5)] == ["own", "b"]


def test_a_plan_that_moves_next_to_nobody_is_the_same_plan():
    """At 2 per cent of all people it counts as different; below it does not."""
    for people, titles in (([48, 48, 2, 2], ["own", "b"]), ([49, 49, 1, 1], ["own"])):
        weigh = np.array(people, float)
        found = choose([candidate("own", "aabb", 1, 9), candidate("b", "aacb", 2, 1)], weigh, 5)
        assert [c.title for c in found] == titles, CLEARLY_DIFFERENT


def test_no_more_than_asked_for():
    """The best in each aim come before those in between."""
    plans = [candidate("own", "aabb", 1, 9, 5), candidate("equal", "abbb", 9, 1, 5),
             candidate("moved", "abab", 5, 5, 1), candidate("between", "abba", 3, 3, 3)]
    assert [c.title for c in choose(plans, PEOPLE, 3)] == ["own", "equal", "moved"]
    assert [c.title for c in choose(plans, PEOPLE, 1)] == ["own"]
    assert len(choose(plans, PEOPLE, 9)) == 4


AIMS = st.tuples(*[st.integers(0, 4)] * 3)


@given(st.lists(st.tuples(AIMS, st.text("ab", min_size=4, max_size=4)), min_size=1, max_size=8),
       st.integers(1, 6))
def test_what_is_chosen_is_undominated_and_different(rows, number):
    """Of what stands beside the first, nothing is dominated, and all differ clearly."""
    plans = [candidate(f"p{i}", lots, *aims) for i, (aims, lots) in enumerate(rows)]
    found = choose(plans, PEOPLE, number)
    assert found[0] == plans[0]
    assert 1 <= len(found) <= number
    for one in found[1:]:
        assert not any(dominates(p.aims, one.aims) for p in plans)
    for one, other in itertools.combinations(found, 2):
        assert people_apart(one.lots, other.lots, PEOPLE) >= CLEARLY_DIFFERENT * PEOPLE.sum()
    assert choose(plans, PEOPLE, number) == found


@given(AIMS, AIMS)
def test_dominating_is_one_sided(a, b):
    """Never both ways, never oneself; a billionth is rounding."""
    assert not (dominates(a, b) and dominates(b, a))
    assert not dominates(a, a)
    assert dominates(a, b) == (all(x <= y for x, y in zip(a, b, strict=True)) and a != b)
    assert not dominates([x * (1 - 1e-12) for x in a], a)


@given(st.lists(AIMS, min_size=1, max_size=8))
def test_undominated_keeps_the_best_once(values):
    """What is left is not dominated and not there twice; what is not left is beaten or equalled."""
    left = undominated(values)
    kept = [values[i] for i in left]
    assert len(set(kept)) == len(kept)
    assert not any(dominates(a, b) for a in values for b in kept)
    assert all(any(dominates(k, v) or k == v for k in kept) for v in values)


@given(st.lists(AIMS, min_size=1, max_size=8))
def test_the_balanced_one_falls_short_least(values):
    """Its worst shortfall, as a share of the range of the aim, is the smallest there is."""
    table = np.array(values, float)
    width = np.ptp(table, axis=0)
    short = ((table - table.min(axis=0)) / np.where(width > 0, width, 1)).max(axis=1)
    assert short[balanced(values)] == short.min()


def test_ties_in_one_aim_go_to_the_plan_better_in_the_others():
    """Of two plans equally equal the shorter is shown."""
    plans = [candidate("own", "aabb", 1, 9, 5), candidate("a", "abbb", 9, 1, 4),
             candidate("b", "abab", 5, 1, 6)]
    assert [c.title for c in choose(plans, PEOPLE, 2)] == ["own", "b"]
