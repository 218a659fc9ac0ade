"""Equally good awards: found, counted, and settled by the stated rule."""

import pandas as pd
import pytest
from award_cases import case_of

from allocation.award.award import award
from allocation.award.check import check_award


def twins(rules=None, *, quality=(80, 80), rate=(20.0, 20.0), lots=2, incumbents=None):
    """Two bidders, X and Y, both for every lot of 1,000 hours; price 50, quality 50."""
    return case_of(
        [(f"{p}{i + 1}", p, i + 1, rate[k], quality[k]) for k, p in enumerate("YX") for i in range(lots)],
        rules, price={"weight": 50}, incumbents=incumbents)


def winners(found):
    return dict(found.frame.index.to_list())


def test_twins_make_as_many_awards_as_there_are_ways():
    """Each of two lots to either of two: four awards, and both lots differ."""
    found = award(twins())
    assert (found.unique, found.optimal_awards, found.lots_that_differ) == (False, 4, ("1", "2"))


def test_one_best_award_is_said_to_be_the_only_one():
    """A better bidder everywhere wins everywhere; no step of the rule is needed."""
    found = award(twins(quality=(80, 81)))
    assert (found.unique, found.optimal_awards, found.lots_that_differ) == (True, 1, ())
    assert found.tie_steps == ()
    assert winners(found) == {"1": "X", "2": "X"}


def test_only_lots_that_differ_are_named():
    """In lot 2 X is better, in lot 1 both are equal: two awards."""
    case = twins()
    offers = case.bids.offers
    offers.loc[offers["bid_id"] == "Y2", "score"] -= 1
    found = award(case)
    assert (found.optimal_awards, found.lots_that_differ) == (2, ("1",))


def test_equal_scores_fall_to_quality_or_to_price_as_stated():
    """X has 10 points more for quality and 10 less for price: the order of the rule decides."""
    # Price points are 50 x 20 / rate: 50 at 20.00 and 40 at 25.00; quality points are half the quality.
    same = {"quality": (60, 80), "rate": (20.0, 25.0)}
    first = award(twins({"tie_rule": ["quality", "provider_id"]}, **same))
    assert set(winners(first).values()) == {"X"}
    second = award(twins({"tie_rule": ["price", "provider_id"]}, **same))
    assert set(winners(second).values()) == {"Y"}
    assert first.objective == pytest.approx(second.objective)


def test_fewer_hours_moved_decides():
    """Y does lot 1 today, X lot 2: with equal bids each stays."""
    today = pd.DataFrame({"lot": ["1", "2"], "provider_id": ["Y", "X"], "weekly_hours": [900.0, 900.0]})
    found = award(twins({"tie_rule": ["fewer_moved", "provider_id"]}, incumbents=today))
    assert winners(found) == {"1": "Y", "2": "X"}
    assert found.tie_steps[0].startswith("the fewer hours moved: ")


def test_the_id_that_comes_first_wins_lot_by_lot():
    """With one lot each, X takes lot 1 (its id is first) and Y what is left."""
    found = award(twins({"max_lots": 1, "tie_rule": ["provider_id"]}))
    assert found.optimal_awards == 2
    assert winners(found) == {"1": "X", "2": "Y"}


def test_the_first_lot_has_the_better_score():
    """X is better by as much in lot 1 as Y in lot 2, and one lot each: both ways add up to the same."""
    case = twins({"max_lots": 1, "tie_rule": ["lot_order"]})
    offers = case.bids.offers
    for bid, score in {"X1": 80, "Y2": 70, "Y1": 75, "X2": 75}.items():
        offers.loc[offers["bid_id"] == bid, "score"] = float(score)
    found = award(case)
    assert found.optimal_awards == 2
    assert winners(found) == {"1": "X", "2": "Y"}


def test_the_count_stops_and_the_award_stays_whole():
    """Five lots with two equal bidders make 32 awards; the count stops at 20, the rule still decides all."""
    case = twins({"tie_rule": ["provider_id"]}, lots=5)
    found = award(case)
    assert found.optimal_awards == 20
    assert set(winners(found).values()) == {"X"}
    assert check_award(case, found.frame) == []


def test_the_same_tender_gives_the_same_award_whichever_way_its_rows_lie():
    """The stated rule decides, not the order of the file."""
    case = twins({"max_lots": 1})
    offers = case.bids.offers.iloc[::-1].reset_index(drop=True)
    other = twins({"max_lots": 1})
    other.bids.offers[:] = offers
    assert winners(award(case)) == winners(award(other))
