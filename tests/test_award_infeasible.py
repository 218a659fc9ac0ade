"""Why no award exists: hand-made tenders whose conflict is plain to see."""

import award_cases
import pytest

from allocation.award.award import NoAward, award


def case_of(bidders, rules, *, lots=3, quality=None, capacity=None):
    """Lots of 1,000 hours; ``bidders`` maps a provider to its lots; every bid costs much the same."""
    return award_cases.case_of(
        [(f"{p}{lot}", p, lot, 20.0 + i / 100, (quality or {}).get(p, 80))
         for i, (p, mine) in enumerate(bidders.items()) for lot in mine],
        rules, lots=lots,
        of_bids={"capacity_hours": [(capacity or {}).get(p) for p, mine in bidders.items() for _ in mine]})


def reasons(case, **options):
    with pytest.raises(NoAward) as error:
        award(case, **options)
    return [str(r) for r in error.value.reasons]


def test_a_lot_with_too_few_bidders_above_the_threshold():
    """The bidder set aside is named with its reason, and the number required is said."""
    case = case_of({"A": [1, 2], "B": [1, 2]}, {"providers_per_lot": 2}, lots=2,
                   quality={"A": 80, "B": 40})
    case = case.under(case.tender.changed(quality={"threshold": 50}))
    said = reasons(case)
    assert len(said) == 2
    assert said[0].startswith("Lot 1: it has one bidder above the bar; 2 are required. 1 set aside: B (")
    assert said[0].endswith("Let lot 1 have 1 ([rules] per_lot), or find 1 more.")
    one = case.under(case.tender.changed(rules={"providers_per_lot": 1}))
    assert award(one).frame["bid_id"].tolist() == ["A1", "A2"]


def test_a_lot_whose_bidders_offer_too_few_hours():
    """Half of 1,000 hours is 500: a bidder with 300 does not count."""
    case = case_of({"A": [1], "B": [1]}, {"providers_per_lot": 2}, lots=1, capacity={"B": 300})
    (said,) = reasons(case)
    assert said == (
        "Lot 1: it has one bidder (of 2) that offers the 500 h a week of the smallest share; 2 are required. "
        "Let lot 1 have 1 ([rules] per_lot), or find 1 more.")


def test_two_bidders_cannot_hold_three_lots_with_one_each():
    """The cap is named with its figure, and raised by the least that works."""
    case = case_of({"A": [1, 2, 3], "B": [1, 2, 3]}, {"max_lots": 1})
    (said,) = reasons(case)
    assert said.startswith("the whole tender: 3,000 h a week and 2 bidders; no award keeps ")
    assert "max_lots (at most 1 lot per provider)" in said
    assert said.endswith("This would do: max_lots 1 to 2.")
    assert len(award(case.under(case.tender.changed(rules={"max_lots": 2}))).frame) == 3


def test_only_the_lots_in_conflict_are_named():
    """Lots 1 and 2 have one bidder, which may hold one; lot 3 has others and is not named."""
    case = case_of({"A": [1, 2], "B": [3], "C": [3]}, {"max_lots": 1})
    (said,) = reasons(case)
    assert said.startswith("Lots 1 and 2: 2,000 h a week and one bidder; ")


def test_the_least_share_that_works():
    """Two bidders of three equal lots: one holds two thirds, 66.67 %."""
    case = case_of({"A": [1, 2, 3], "B": [1, 2, 3]}, {"max_share_pct": 40})
    (said,) = reasons(case)
    assert "max_share (at most 40 % of all hours per provider)" in said
    assert said.endswith("This would do: max_share_pct 40 to 66.67.")
    award(case.under(case.tender.changed(rules={"max_share_pct": 66.67})), ties=False)
    reasons(case.under(case.tender.changed(rules={"max_share_pct": 66.66})))


def test_several_ways_out_are_all_named():
    """Two winners for each of three lots at 40 % of all hours: more share, or fewer winners in a lot."""
    case = case_of({"A": [1, 2, 3], "B": [1, 2], "C": [3]}, {"providers_per_lot": 2, "max_share_pct": 40})
    (said,) = reasons(case)
    assert "Any one of these would do: " in said
    assert "max_share_pct 40 to 50" in said
    assert "fewest providers per lot: lot " in said


def test_failure_cover_that_no_award_reaches():
    """One winner a lot and nobody next door: nothing is covered, so only 0 % works."""
    case = case_of({"A": [1], "B": [2], "C": [3]}, {"failure_cover_pct": 50})
    (said,) = reasons(case)
    assert said.startswith("Lot 1: 1,000 h a week and one bidder; no award keeps failure_cover (50 % of")
    assert said.endswith("This would do: failure_cover_pct 50 to 0.")


def test_where_no_single_rule_is_enough_the_lots_that_can_be_awarded_are_counted():
    """One bidder for three lots, held to one lot by two rules: neither alone is enough."""
    case = case_of({"A": [1, 2, 3]}, {"max_lots": 1, "max_weekly_hours": 1000})
    (said,) = reasons(case)
    assert "No change of one rule is enough. At most 1 of 3 lots can be awarded at once" in said


def test_a_lot_without_a_bid():
    """The reason is the lot's, with what to do; other lots are not named."""
    (said,) = reasons(case_of({"A": [1, 2]}, {}))
    assert said == ("Lot 3: it has no bidder; 1 is required. "
                    "Find a bidder for it, or join it to another lot.")


def test_a_rule_switched_off_is_not_blamed():
    """Without the cap there is an award; a name that is no rule is refused."""
    case = case_of({"A": [1, 2, 3]}, {"max_lots": 1})
    assert len(award(case, rules_off=["max_lots"]).frame) == 3
    with pytest.raises(ValueError, match="No such rule: max_lot"):
        award(case, rules_off=["max_lot"])
