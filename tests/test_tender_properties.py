"""What must hold of every market: no bid is lost, packages stand or fall whole, points follow the rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.tender.load import Case, make_case

LOTS = pd.DataFrame({"lot": ["1", "2", "3", "10"], "weekly_hours": [400.0, 300.0, 800.0, 50.0]})
PROVIDERS = pd.DataFrame({"provider_id": ["a", "b", "c"], "quality": [40, None, 80]})
LOWER, UPPER = 19.0, 24.0

row = st.fixed_dictionaries({
    "lot": st.sampled_from(LOTS["lot"].to_list()),
    "hourly_rate_gbp": st.integers(1800, 2600).map(lambda pence: pence / 100),
    "quality": st.integers(0, 200).map(lambda half: half / 2),
})
bid = st.tuples(
    st.sampled_from(["a", "b", "c"]), st.sampled_from([None, 0, 2.5, 10]),
    st.lists(row, min_size=1, max_size=4, unique_by=lambda r: r["lot"]))
markets = st.lists(bid, min_size=1, max_size=8)


def rows_of(market: list[tuple[str, float | None, list[dict[str, Any]]]]) -> pd.DataFrame:
    return pd.DataFrame([
        {"bid_id": f"b{n}", "provider_id": provider, "discount_pct": discount, **one}
        for n, (provider, discount, rows) in enumerate(market) for one in rows])


def case_of(bids: pd.DataFrame, threshold: float = 50) -> Case:
    return make_case(
        LOTS, PROVIDERS, bids, price={"weight": 30, "lower_rate_gbp": LOWER, "upper_rate_gbp": UPPER},
        quality={"threshold": threshold})


def keys(frame: pd.DataFrame) -> Counter[tuple[str, str, str]]:
    return Counter(zip(frame["bid_id"], frame["provider_id"], frame["lot"], strict=True))


@settings(deadline=None, max_examples=12)
@given(market=markets)
def test_every_row_is_in_the_offers_or_set_aside(market: Any) -> None:
    """Rows in = offers + rows set aside, each once; and no bid is in both."""
    bids = rows_of(market)
    found = case_of(bids).bids
    assert keys(bids) == keys(found.offers) + keys(found.set_aside)
    assert not set(found.offers["bid_id"]) & set(found.set_aside["bid_id"])
    assert (found.set_aside["reason"] != "").all()


@settings(deadline=None, max_examples=12)
@given(market=markets)
def test_a_bid_stands_just_where_all_its_rows_are_within_the_rules(market: Any) -> None:
    """Each bid judged row by row from what was submitted, the discount taken off in whole pence x 100."""
    stands = set()
    for n, (_, discount, rows) in enumerate(market):
        paid = [round(r["hourly_rate_gbp"] * 100) * (1000 - round((discount or 0) * 10)) for r in rows]
        if all(r["quality"] >= 50 for r in rows) and all(
                LOWER * 100_000 <= p <= UPPER * 100_000 for p in paid):
            stands.add(f"b{n}")
    found = case_of(rows_of(market)).bids
    assert set(found.offers["bid_id"]) == stands


@settings(deadline=None, max_examples=12)
@given(market=markets)
def test_the_cheapest_offer_of_a_lot_has_full_price_points(market: Any) -> None:
    """Under lowest_over_this; bids that were set aside are no yardstick."""
    offers = case_of(rows_of(market)).bids.offers
    for _, lot in offers.groupby("lot"):
        cheapest = lot["rate_gbp"] == lot["rate_gbp"].min()
        assert (lot["price_points"][cheapest] == 30).all()
        assert (lot["price_points"][~cheapest] < 30).all()


@settings(deadline=None, max_examples=8)
@given(market=markets, low=st.integers(0, 100), high=st.integers(0, 100))
def test_a_higher_threshold_lets_no_bid_in(market: Any, low: int, high: int) -> None:
    """Raising the threshold only takes bids away; a case under other rules is the case made with them."""
    low, high = sorted((low, high))
    bids = rows_of(market)
    few, many = case_of(bids, high), case_of(bids, low)
    assert set(few.bids.offers["bid_id"]) <= set(many.bids.offers["bid_id"])
    again = many.under(few.tender).bids
    pd.testing.assert_frame_equal(again.offers, few.bids.offers)
    pd.testing.assert_frame_equal(again.set_aside, few.bids.set_aside)


@settings(deadline=None, max_examples=8)
@given(market=markets, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_score(market: Any, order: Any) -> None:
    """The same offers with the same points, whatever row comes first."""
    bids = rows_of(market)
    places = list(bids.index)
    order.shuffle(places)
    one, other = (
        case_of(frame).bids.offers.sort_values(["bid_id", "lot"], ignore_index=True)
        for frame in (bids, bids.loc[places]))
    pd.testing.assert_frame_equal(one, other)
