"""Rules as properties on made-up markets, members counted through, and the checker seen to fail."""

from dataclasses import replace

import pandas as pd
import pytest
from award_cases import case_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.award.award import NoAward, award
from allocation.award.check import check_award
from allocation.award.sequential import sequential_award
from allocation.award.simulate import simulate_market

RULES = st.fixed_dictionaries({
    "providers_per_lot": st.sampled_from([1, 2, [1, 2], [1, 3]]),
    "shares": st.sampled_from([{}, {2: [70, 30], 3: [50, 30, 20]}]),
    "max_lots": st.sampled_from([None, 2, 3]), "max_share_pct": st.sampled_from([None, 40, 60]),
    "max_weekly_hours": st.sampled_from([None, 4000]), "max_locality_share_pct": st.sampled_from([None, 60]),
    "max_providers": st.sampled_from([None, 4]), "min_weekly_hours": st.sampled_from([0, 800]),
    "respect_preferences": st.booleans(), "failure_cover_pct": st.sampled_from([0, 40]),
    "aim": st.sampled_from(["score", "price"]),
})
QUICK = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@given(seed=st.integers(0, 10_000), rules=RULES)
@QUICK
def test_no_rule_is_ever_broken(seed, rules):
    """Whatever the rules, the checker, which shares no code with the program, finds nothing."""
    case = simulate_market(4, 9, seed=seed, rules=rules)
    try:
        found = award(case, ties=False)
    except NoAward:
        return
    assert check_award(case, found.frame) == []


@given(seed=st.integers(0, 10_000), rules=RULES)
@QUICK
def test_the_sequence_keeps_every_cap(seed, rules):
    """In steps, too, no cap is passed; what looks ahead may be broken, and is then in the notes."""
    case = simulate_market(3, 6, seed=seed, rules=rules)
    for order in ("lots", "largest", "preferences"):
        found = sequential_award(case, order=order)
        broken = [b for b in check_award(case, found.frame) if b.rule != "providers_per_lot"]
        ahead = {"preferences", "failure_cover", "min_weekly_hours", "own_min_hours"}
        assert {b.rule for b in broken} <= ahead
        assert len(broken) == sum(note.startswith("Broken: ") for note in found.notes)
        here = set(found.frame.index.get_level_values("lot"))
        gone = {note.split()[1] for note in found.notes if "is not awarded" in note}
        assert here | gone == set(case.lots.frame.index)
        assert not here & gone


@given(seed=st.integers(0, 10_000), step=st.sampled_from([
    {"max_lots": 3}, {"max_share_pct": 60}, {"max_providers": 8}, {"providers_per_lot": [1, 3]},
    {"min_weekly_hours": 0}, {"failure_cover_pct": 20}]))
@QUICK
def test_a_looser_rule_never_lowers_the_value(seed, step):
    """Raising a cap only adds awards to choose from."""
    tight = {"max_lots": 2, "max_share_pct": 45, "max_providers": 6, "providers_per_lot": [1, 2],
             "min_weekly_hours": 500, "failure_cover_pct": 40}
    case = simulate_market(4, 10, seed=seed, rules=tight)
    try:
        before = award(case, ties=False).objective
    except NoAward:
        return
    after = award(case, ties=False, rules=case.tender.rules.model_copy(update={
        **step, **({"providers_per_lot": (1, 3)} if "providers_per_lot" in step else {})}))
    assert after.objective >= before - 1e-6


@given(seed=st.integers(0, 10_000))
@QUICK
def test_a_losing_bid_taken_away_changes_nothing(seed):
    """Scores held, an award without a bid that lost is worth the same, and no other bid wins."""
    case = simulate_market(4, 9, seed=seed, rules={"providers_per_lot": [1, 2], "max_lots": 2})
    try:
        found = award(case)
    except NoAward:
        return
    won = set(found.frame["bid_id"])
    lost = sorted(set(case.bids.offers["bid_id"]) - won)
    offers = case.bids.offers[case.bids.offers["bid_id"] != lost[seed % len(lost)]].reset_index(drop=True)
    again = award(replace(case, bids=replace(case.bids, offers=offers)))
    assert again.objective == pytest.approx(found.objective, abs=1e-6)
    if found.unique:
        assert set(again.frame["bid_id"]) == won


def hand(rules, members=None, lots=2, providers=("A", "B", "C"), **limits):
    """Lots of 1,000 hours in one locality; A is better than B, B than C, in every lot."""
    parts = pd.DataFrame(members, columns=["provider_id", "member_id", "share_pct"]) if members else None
    return case_of(
        [(f"{p}{i + 1}", p, i + 1, 20.0, 90 - 10 * k) for k, p in enumerate(providers) for i in range(lots)],
        rules, firms=[m[1] for m in members or []], of_firms=limits, members=parts,
        of_bids={"preference": [i + 1 for _ in providers for i in range(lots)]})


def test_a_members_part_counts_for_its_own_cap():
    """A leads with 60 %, D does 40 %: D may do 500 h a week, so A can win one lot, not two."""
    case = hand({}, [("A", "A", 60), ("A", "D", 40)], max_weekly_hours={"D": 500})
    found = award(case)
    assert sorted(found.frame["bid_id"]) in (["A1", "B2"], ["A2", "B1"])
    assert len(award(case, rules_off=["own_hours"]).frame.xs("A", level="provider_id")) == 2


def test_a_lot_won_through_a_consortium_counts_for_each_member():
    """B is a member of consortium A: with one lot each at most, B cannot win the other lot besides."""
    case = hand({"max_lots": 1}, [("A", "B", 50), ("A", "D", 50)])
    found = award(case)
    assert set(found.frame.index.get_level_values("provider_id")) == {"A", "C"}


def test_a_firm_is_part_of_one_winner_in_a_lot():
    """B cannot be second in a lot that its consortium A wins; without the rule it is."""
    case = hand({"providers_per_lot": 2}, [("A", "B", 50), ("A", "D", 50)], lots=1)
    assert award(case).frame["bid_id"].tolist() == ["A1", "C1"]
    assert award(case, rules_off=["one_part_per_lot"]).frame["bid_id"].tolist() == ["A1", "B1"]


def test_reserves_are_the_best_that_did_not_win_and_have_no_part_in_the_winner():
    """A wins; B is A's sub-contractor and cannot stand by; C is the first reserve, a second is missing."""
    case = hand({"reserves": 2}, [("A", "A", 50), ("A", "B", 50)], lots=1)
    found = award(case)
    assert found.reserves[["lot", "place", "provider_id"]].to_numpy().tolist() == [["1", 1, "C"]]
    assert found.notes == ("Lot 1 has 1 of 2 reserves: no other bid for it alone fits.",)


def test_a_package_is_taken_whole_with_its_discount():
    """C offers both lots together, a point above A's 94 in each, and wins both."""
    case = hand({})
    together = pd.DataFrame([
        {"bid_id": "C12", "provider_id": "C", "lot": lot, "list_rate_gbp": 20.0, "rate_gbp": 8.0,
         "discount_pct": 60.0, "quality": 70.0, "score": 95.0, "preference": 1.0} for lot in ("1", "2")])
    offers = pd.concat([case.bids.offers, together], ignore_index=True)
    found = award(replace(case, bids=replace(case.bids, offers=offers)))
    assert found.frame["bid_id"].tolist() == ["C12", "C12"]
    assert found.frame["weekly_cost_gbp"].tolist() == [8000.0, 8000.0]


def test_an_order_of_preference_is_kept_where_the_sum_would_break_it():
    """A ranks lot 1 first; without the rule it is worth more in lot 2, and B, worse, would take lot 1."""
    case = hand({"max_lots": 1, "respect_preferences": True}, providers=("A", "B"))
    offers = case.bids.offers
    offers["score"] = offers["bid_id"].map({"A1": 80.0, "A2": 90.0, "B1": 79.0, "B2": 70.0})
    free = award(case, rules_off=["preferences"])
    assert set(free.frame["bid_id"]) == {"A2", "B1"}
    assert [b.rule for b in check_award(case, free.frame)] == ["preferences"]
    assert set(award(case).frame["bid_id"]) == {"A1", "B2"}


def test_the_sequence_falls_short_where_an_early_lot_uses_a_cap_up():
    """A wins lot 1, its only lot, and lot 2 falls to B; the best award gives A lot 2."""
    case = hand({"max_lots": 1}, providers=("A", "B"))
    offers = case.bids.offers
    offers["score"] = offers["bid_id"].map({"A1": 80.0, "A2": 90.0, "B1": 79.0, "B2": 50.0})
    assert sequential_award(case).objective == pytest.approx((80 + 50) / 2)
    assert sequential_award(case, order=["2", "1"]).objective == pytest.approx((90 + 79) / 2)
    assert award(case).objective == pytest.approx((90 + 79) / 2)
    with pytest.raises(ValueError, match="every lot once"):
        sequential_award(case, order=["1"])


def test_a_package_that_falls_leaves_its_other_lot_to_the_next_bid():
    """C's package is the best for both lots, but lot 2 needs two and has no other: lot 1 goes to A."""
    case = hand({"per_lot": {"2": 2}}, providers=("A", "C"))
    offers = case.bids.offers[case.bids.offers["bid_id"] != "A2"].copy()
    offers["bid_id"] = offers["bid_id"].replace({"C1": "C", "C2": "C"})
    offers["score"] = offers["bid_id"].map({"A1": 80.0, "C": 90.0})
    case = replace(case, bids=replace(case.bids, offers=offers.reset_index(drop=True)))
    for order in ("lots", "largest", "preferences"):
        found = sequential_award(case, order=order)
        assert found.frame["bid_id"].to_dict() == {("1", "A"): "A1"}
        assert found.notes == ("Lot 2 is not awarded: too few bids fit when its turn came.",)


@pytest.mark.parametrize(("rule", "rules", "change"), [
    ("providers_per_lot", {}, lambda f: f.iloc[1:]),
    ("max_lots", {"max_lots": 1}, None), ("max_weekly_hours", {"max_weekly_hours": 1999}, None),
    ("max_share", {"max_share_pct": 99}, None), ("max_locality_share", {"max_locality_share_pct": 99}, None),
    ("min_weekly_hours", {"min_weekly_hours": 2001}, None), ("failure_cover", {"failure_cover_pct": 1}, None),
    ("hours", {}, lambda f: f.assign(weekly_hours=f["weekly_hours"] + 1)),
    ("hours", {}, lambda f: f.assign(share_pct=f["share_pct"] - 1)),
    ("bids", {}, lambda f: f.assign(bid_id="none")), ("bids", {}, lambda f: f.assign(bid_id=["A1", "B2"])),
])
def test_the_checker_finds_what_is_broken(rule, rules, change):
    """A alone holds both lots, 2,000 h of 2,000: each rule that forbids it is found, and only that one."""
    frame = award(hand({})).frame
    assert set(frame["bid_id"]) == {"A1", "A2"}
    found = check_award(hand(rules), frame if change is None else change(frame))
    assert {b.rule for b in found} == {rule}
    assert check_award(hand(rules), frame if change is None else change(frame), rules_off=[rule]) == []


def test_the_checker_finds_positions_and_firms_won_twice():
    """The worse bid above the better; a firm twice in one lot; more providers than allowed."""
    rules = {"providers_per_lot": 2, "shares": {2: [70, 30]}}
    frame = award(hand(rules, lots=1)).frame
    swapped = frame.iloc[::-1].assign(position=[1, 2], share_pct=[70.0, 30.0], weekly_hours=[700.0, 300.0])
    assert [b.rule for b in check_award(hand(rules, lots=1), swapped)] == ["positions"]
    members = [("A", "B", 50), ("A", "D", 50)]
    assert [b.rule for b in check_award(hand(rules, members, lots=1), frame)] == ["one_part_per_lot"]
    few = hand({**rules, "max_providers": 1}, lots=1)
    assert [b.rule for b in check_award(few, frame)] == ["max_providers"]
