"""Points for price and quality, against the formulas written out and published examples."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.tender.brief import PriceBrief, QualityBrief, Tender
from allocation.tender.scores import price_points, score_offers

rates = st.integers(1500, 4000).map(lambda pence: pence / 100)
offers_of_lots = st.lists(
    st.tuples(st.sampled_from("123"), rates, st.integers(0, 100)), min_size=1, max_size=12)


def tender(weight: float = 40, **price: Any) -> Tender:
    return Tender(price=PriceBrief(weight=weight, **price), quality=QualityBrief(weight=100 - weight))


def frame(rows: list[tuple[str, float, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["lot", "rate_gbp", "quality"]).astype(
        {"rate_gbp": "float64", "quality": "float64"})


@pytest.mark.parametrize(("weight", "prices", "points"), [
    # Crown Commercial Service, Digital Marketplace, in
    # https://www.shma.co.uk/our-thoughts/evaluating-price-in-tenders-new-guidance-on-new-practices/
    (1, [15_000, 10_000, 30_000], [0.667, 1, 0.333]),
    # https://rcuh.com/?p=12750
    (35, [100_000, 125_000, 150_000], [35, 28, 23.3]),
])
def test_published_examples_of_lowest_over_this(
    weight: float, prices: list[float], points: list[float]
) -> None:
    """Published points, to the decimals they are published with."""
    offers = pd.DataFrame({"lot": "1", "rate_gbp": [float(p) for p in prices]})
    found = price_points(offers, tender(weight))
    for mine, published in zip(found, points, strict=True):
        decimals = len(str(published).partition(".")[2])
        assert round(mine, decimals) == published


@settings(deadline=None, max_examples=30)
@given(rows=offers_of_lots, weight=st.integers(0, 100))
def test_lowest_over_this_by_fractions(rows: list[tuple[str, float, int]], weight: int) -> None:
    """Weight x lowest / this in exact fractions; the lowest of its lot has all points, none is above."""
    scored = score_offers(frame(rows), tender(weight))
    for at, (lot, rate, quality) in enumerate(rows):
        lowest = min(Fraction(str(r)) for other, r, _ in rows if other == lot)
        points = weight * lowest / Fraction(str(rate))
        by_quality = Fraction((100 - weight) * quality, 100)
        assert scored["price_points"][at] == pytest.approx(float(points), abs=1e-6)
        assert scored["quality_points"][at] == pytest.approx(float(by_quality), abs=1e-6)
        assert scored["score"][at] == pytest.approx(float(points + by_quality), abs=2e-6)
        assert 0 <= scored["score"][at] <= 100
        if Fraction(str(rate)) == lowest:
            assert scored["price_points"][at] == weight


@settings(deadline=None, max_examples=20)
@given(rows=offers_of_lots, per_pound=st.integers(1, 30))
def test_points_per_pound_by_fractions(rows: list[tuple[str, float, int]], per_pound: int) -> None:
    """Weight less so many points for every pound above the lowest of the lot, and never below nought."""
    found = price_points(frame(rows), tender(40, formula="points_per_pound", points_per_pound=per_pound))
    for at, (lot, rate, _) in enumerate(rows):
        lowest = min(Fraction(str(r)) for other, r, _ in rows if other == lot)
        assert found[at] == pytest.approx(
            max(0.0, float(40 - per_pound * (Fraction(str(rate)) - lowest))), abs=1e-6)


@pytest.mark.parametrize(("rate", "points"), [(18.0, 50.0), (20.0, 30.0), (23.0, 0.0), (21.5, 15.0)])
def test_between_rates_does_not_depend_on_others(rate: float, points: float) -> None:
    """Full points at the lower rate, none at the upper, evenly between; other offers change nothing."""
    rules = tender(50, formula="between_rates", lower_rate_gbp=18, upper_rate_gbp=23)
    alone = price_points(frame([("1", rate, 50)]), rules)
    among = price_points(frame([("1", 18.0, 50), ("1", rate, 50), ("2", 19.0, 50)]), rules)
    assert alone[0] == among[1] == points


@settings(deadline=None, max_examples=20)
@given(rows=offers_of_lots, at=st.integers(0, 11), less=st.integers(1, 500), formula=st.sampled_from(
    [{}, {"formula": "points_per_pound", "points_per_pound": 4.0},
     {"formula": "between_rates", "lower_rate_gbp": 16.0, "upper_rate_gbp": 38.0}]))
def test_to_bid_less_never_costs_points(
    rows: list[tuple[str, float, int]], at: int, less: int, formula: dict[str, Any]
) -> None:
    """A lower rate has at least as many points, and gives no other bidder more."""
    at %= len(rows)
    lot, rate, quality = rows[at]
    cheaper = [*rows[:at], (lot, round(rate - less / 100, 2), quality), *rows[at + 1:]]
    before, after = (price_points(frame(r), tender(40, **formula)) for r in (rows, cheaper))
    assert after[at] >= before[at]
    assert (after.drop(at) <= before.drop(at)).all()


@settings(deadline=None, max_examples=12)
@given(rows=offers_of_lots, order=st.randoms(use_true_random=False))
def test_points_do_not_depend_on_the_order_of_rows(rows: list[tuple[str, float, int]], order: Any) -> None:
    """Shuffled rows keep their points; the index and the other columns are as they were."""
    offers = frame(rows)
    places = list(offers.index)
    order.shuffle(places)
    shuffled = score_offers(offers.loc[places], tender())
    pd.testing.assert_frame_equal(shuffled.sort_index(), score_offers(offers, tender()))
    assert list(offers.columns) == ["lot", "rate_gbp", "quality"]
