"""Why each bidder won or did not: one reason each, figures that can be checked, the cost of rules."""

from __future__ import annotations

import math
import re
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from award_cases import case_of, write_tender
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.award.award import Award, NoAward, award
from allocation.award.check import check_award
from allocation.award.figures import figures_of
from allocation.award.limits import Winners, broken_rules
from allocation.award.program import Won
from allocation.award.reasons import OUTCOMES, find_reasons
from allocation.award.rule_costs import rule_costs, rules_in_force
from allocation.award.scenarios import Scenario, read_scenarios, run_scenarios, standard_scenarios
from allocation.award.sequential import sequential_award
from allocation.award.simulate import simulate_market
from allocation.award.terms import Terms
from allocation.tender.load import Case, load_case
from allocation.tender.scores import score_offers
from lotting.errors import InputError

RULES = {
    "providers_per_lot": [1, 2],
    "shares": {2: [70, 30]},
    "max_lots": 2,
    "reserves": 1,
    "min_weekly_hours": 300,
    "max_share_pct": 40,
    "respect_preferences": True,
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(write_tender(tmp_path_factory.mktemp("tender")))


@pytest.fixture(scope="module")
def made(case: Case) -> Award:
    return award(case)


@pytest.fixture(scope="module")
def reasons(case: Case, made: Award) -> pd.DataFrame:
    return find_reasons(case, made)


def seated(terms: Terms, chosen: dict[str, list[int]]) -> Winners:
    won = []
    for lot, offers in chosen.items():
        seats = [s for s in terms.steps(len(offers)) for _ in range(s.places)]
        ranked = sorted((terms.offers[n] for n in offers), key=lambda o: -o.merit)
        won += [Won(o, s, s.share * terms.hours[lot]) for o, s in zip(ranked, seats, strict=True)]
    return Winners.of(terms, won)


def as_frame(winners: Winners) -> pd.DataFrame:
    rows = [
        {
            "lot": lot,
            "provider_id": w.offer.provider,
            "bid_id": winners.terms.bids[w.offer.bid].bid_id,
            "position": i,
            "share_pct": 100 * w.seat.share,
            "weekly_hours": w.weekly_hours,
        }
        for lot, mine in winners.by_lot.items()
        for i, w in enumerate(mine, start=1)
    ]
    return pd.DataFrame(rows).set_index(["lot", "provider_id"])


@pytest.mark.parametrize("seed", [2, 4])
def test_every_bidder_of_every_lot_has_one_reason(seed: int) -> None:
    """All that bid, also those set aside, are there once; the winners are those of the award."""
    market = simulate_market(5, 12, seed=seed, rules=RULES)
    made = award(market)
    reasons = find_reasons(market, made)
    bid = set(map(tuple, market.bids.rows[["lot", "provider_id"]].to_numpy().tolist()))
    keys = list(map(tuple, reasons[["lot", "provider_id"]].to_numpy().tolist()))
    assert len(keys) == len(set(keys))
    assert set(keys) == bid
    won = reasons[reasons["outcome"] == "won"]
    assert set(map(tuple, won[["lot", "provider_id"]].to_numpy().tolist())) == set(made.frame.index)
    reserve = reasons[reasons["outcome"] == "reserve"]
    assert len(reserve) == len(made.reserves)
    assert set(reasons["outcome"]) <= set(OUTCOMES)
    assert reasons["sentence"].str.len().min() > 30
    # an award that is proven passes nobody over
    assert "passed_over" not in set(reasons["outcome"])


def test_the_figures_of_a_sentence_are_those_of_the_table(reasons: pd.DataFrame) -> None:
    """The score it had, the score it lost to, and the difference can be read off and agree."""
    row = reasons.set_index(["lot", "provider_id"]).loc["3", "Cedar"]
    said = row["sentence"]
    mine, its, gap = (
        float(x) for x in re.findall(r"score of ([\d.]+).*?'s ([\d.]+), by ([\d.]+) points", said)[0]
    )
    assert mine == round(row["score"], 2)
    assert its == round(row["against_score"], 2)
    assert gap == pytest.approx(its - mine)
    assert f"£{row['enough_rate_gbp']:.2f} an hour instead of £{row['rate_gbp']:.2f}" in said


def test_what_would_have_been_enough_is_enough_and_a_penny_more_is_not(
    case: Case, reasons: pd.DataFrame
) -> None:
    """Scored anew by the tender's own formula: at the rate said it scores as much, a penny above it less."""
    outscored = reasons[reasons["enough_rate_gbp"].notna()]
    assert len(outscored) >= 2
    offers = case.bids.offers
    for _, row in outscored.iterrows():
        here = offers[offers["lot"] == row["lot"]]
        me = here.index[here["bid_id"] == row["bid_id"]][0]
        it = here.index[here["provider_id"] == row["against_provider_id"]][0]
        for column, value, worse in (
            ("rate_gbp", row["enough_rate_gbp"], 0.01),
            ("quality", row["enough_quality"], -0.1),
        ):
            for change, enough in ((0.0, True), (worse, False)):
                tried = here.copy()
                tried.loc[me, column] = value + change
                scores = score_offers(tried, case.tender)["score"]
                assert (scores[me] >= scores[it]) == enough


def test_the_rule_that_kept_a_bid_out_is_named(case: Case, reasons: pd.DataFrame) -> None:
    """Ash has the best score of lot 2, and two lots already; raise the cap to three and it wins there."""
    row = reasons.set_index(["lot", "provider_id"]).loc["2", "Ash"]
    assert row["rules"] == "max_lots"
    assert "Ash would hold 3 lots (1, 2, 3), above the cap of 2" in row["sentence"]
    other = award(case, rules=case.tender.rules.model_copy(update={"max_lots": 3}))
    assert ("2", "Ash") in other.frame.index


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_what_breaks_agrees_with_the_independent_checker(seed: int, random: Random) -> None:
    """Any winners whatever: the rules named are those of the checker, which shares no code."""
    market = simulate_market(
        4,
        8,
        seed=seed,
        rules={**RULES, "failure_cover_pct": 40, "max_providers": 4, "max_locality_share_pct": 60},
    )
    terms = Terms.of(market)
    alone = {
        lot: [o.number for o in mine if len(terms.bids[o.bid].offers) == 1]
        for lot, mine in terms.offers_of_lot.items()
    }
    chosen = {
        lot: random.sample(mine, min(len(mine), random.choice([1, 1, 2, 3]))) for lot, mine in alone.items()
    }
    winners = seated(terms, chosen)
    mine = {b.rule for b in broken_rules(winners)}
    theirs = {b.rule for b in check_award(market, as_frame(winners))} - {"bids", "hours"}
    if mine - {"failure_cover"}:  # cover is looked at last, where nothing else breaks
        theirs -= {"failure_cover"}
    assert mine == theirs


def test_a_bid_at_an_equal_score_loses_to_the_tie_rule() -> None:
    """Two bids alike but for the provider's id: the reason says that they tie."""
    market = case_of([("a", "A", 1, 20.0, 70), ("b", "B", 1, 20.0, 70)], {})
    reasons = find_reasons(market, award(market)).set_index("provider_id")
    assert sorted(reasons["outcome"]) == ["tie", "won"]
    assert "rule for ties" in reasons.loc["B", "sentence"]


def test_more_hours_moved_can_outweigh_a_better_score() -> None:
    """A has the work today and wins with the lower score, as leaving it would cost points."""
    today = pd.DataFrame({"lot": ["1"], "provider_id": ["A"], "weekly_hours": [1000.0]})
    bids = [("a", "A", 1, 20.0, 70), ("b", "B", 1, 20.0, 72)]
    market = case_of(bids, {"moved_weight": 5}, incumbents=today)
    row = find_reasons(market, award(market)).set_index("provider_id").loc["B"]
    assert row["outcome"] == "moves"
    assert row["award_change"] == pytest.approx(1.2 - 5)


def test_a_package_that_is_not_worth_it_says_so() -> None:
    """P's package beats A in lot 1 by a little, and loses to B in lot 2 by much."""
    bids = [
        ("p", "P", 1, 20.0, 72),
        ("p", "P", 2, 20.0, 40),
        ("a", "A", 1, 20.0, 70),
        ("b", "B", 2, 20.0, 90),
    ]
    market = case_of(bids, {}, lots=2)
    reasons = find_reasons(market, award(market)).set_index(["lot", "provider_id"])
    assert reasons.loc["1", "P"]["outcome"] == "package"
    assert "all or nothing for lots 1, 2" in reasons.loc["1", "P"]["sentence"]
    assert reasons.loc["2", "P"]["outcome"] == "outscored"


def test_a_sequence_says_whom_it_passed_over() -> None:
    """Lot by lot A takes lot 1 and its only place; lot 2, where it was far better, goes to B."""
    bids = [
        ("a1", "A", 1, 20.0, 80),
        ("a2", "A", 2, 20.0, 95),
        ("b1", "B", 1, 20.0, 79),
        ("b2", "B", 2, 20.0, 50),
    ]
    market = case_of(bids, {"max_lots": 1}, lots=2)
    best, made = award(market), sequential_award(market)
    assert set(best.frame.index) == {("1", "B"), ("2", "A")}
    reasons = find_reasons(market, made).set_index(["lot", "provider_id"])
    assert reasons.loc["2", "A"]["rules"] == "max_lots"
    assert len(reasons) == 4


def test_the_lowest_price_is_compared_by_rates() -> None:
    """Aim price: B's rate is 1.50 above A's, and matching it takes A's rate."""
    market = case_of([("a", "A", 1, 20.0, 60), ("b", "B", 1, 21.5, 90)], {"aim": "price"})
    row = find_reasons(market, award(market)).set_index("provider_id").loc["B"]
    assert row["outcome"] == "outscored"
    assert "rate of £21.50 is above A's £20.00, by £1.50" in row["sentence"]
    assert row["enough_rate_gbp"] == 20.0


def test_the_cost_of_a_rule_is_the_difference_of_two_solves(case: Case, made: Award) -> None:
    """Each rule left out by hand gives the figures said, and no award without a rule is worse."""
    table = rule_costs(case, made)
    assert list(table.index) == list(rules_in_force(case))
    assert (table["gain"] >= 0).all()
    for rule in ("max_lots", "own_lots"):
        other = award(case, rules_off=[rule])
        assert table.loc[rule, "gain"] == pytest.approx(other.objective - made.objective)
        then, now = figures_of(case, other), figures_of(case, made)
        assert table.loc[rule, "rule_costs_gbp"] == pytest.approx(now.annual_cost_gbp - then.annual_cost_gbp)
        assert (
            f"£{abs(now.annual_cost_gbp - then.annual_cost_gbp):,.0f} a year" in table.loc[rule, "sentence"]
        )
        assert table.loc[rule, "providers"] == then.providers
    assert table.loc["max_lots", "sentence"].startswith("The cap of 2 lots a provider saves £")
    assert table.loc["positions", "gain"] == 0
    assert "no better award exists" in table.loc["positions", "sentence"]


def test_what_a_cap_costs_by_hand() -> None:
    """B has to be taken in one of two lots, at 2 pounds more for 1,000 hours and 40 - 40 x 20 / 22 points."""
    bids = [("a1", "A", 1, 20.0, 80), ("a2", "A", 2, 20.0, 80), ("b", "B", 2, 22.0, 80)]
    market = case_of(bids, {"max_lots": 1})
    assert rule_costs(market, award(market)).loc["max_lots", "sentence"] == (
        "The cap of 1 lot a provider costs £104,000 a year and 1.82 points of the mean score, and lifts the "
        "number of winners from 1 to 2.")
    small = case_of([*bids[:2], ("b", "B", 2, 20.0, 79.99)], {"max_lots": 1})
    said = rule_costs(small, award(small)).loc["max_lots", "sentence"]
    assert "costs 0.003 points of the mean score" in said


def test_scenarios_are_awards_of_their_own(case: Case, made: Award) -> None:
    """A scenario's row is the award under its rules; one that cannot be met says why."""
    scenarios = [
        Scenario("Three lots", {"rules": {"max_lots": 3}}),
        Scenario("One lot", {"rules": {"max_lots": 1}}),
        Scenario("Price counts for all", {"price": {"weight": 100}, "quality": {"weight": 0}}),
    ]
    table = run_scenarios(case, made, scenarios)
    tender = case.tender.changed(rules={"max_lots": 3})
    other = figures_of(case, award(case.under(tender)))
    assert table.loc["Three lots", "annual_cost_gbp"] == pytest.approx(other.annual_cost_gbp)
    assert table.loc["Three lots", "annual_change_gbp"] == pytest.approx(
        other.annual_cost_gbp - table.loc["As stated", "annual_cost_gbp"]
    )
    assert table.loc["One lot", "status"] == "no award"
    assert math.isnan(table.loc["One lot", "annual_cost_gbp"])
    assert len(table.loc["One lot", "why"]) > 20
    with pytest.raises(NoAward):
        award(case.under(case.tender.changed(rules={"max_lots": 1})))
    assert table.loc["Price counts for all", "annual_cost_gbp"] <= table.loc["As stated", "annual_cost_gbp"]
    assert standard_scenarios(case.tender)[-1] == Scenario("No cap on lots", off=("max_lots",))


def test_a_file_of_scenarios_with_mistakes_lists_them_all(case: Case, tmp_path: Path) -> None:
    """A misspelt key, an unknown rule and a name twice are three problems in one error."""
    file = tmp_path / "scenarios.toml"
    file.write_text(
        '[[scenario]]\nname = "A"\noff = ["max_lot"]\n[[scenario]]\nname = "A"\n'
        "[scenario.rules]\nmax_lotz = 3\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_scenarios(file, case.tender)
    assert len(caught.value.problems) == 3
    file.write_text('[[scenario]]\nname = "Price 70"\n[scenario.price]\nweight = 70\n', encoding="utf-8")
    assert read_scenarios(file, case.tender)[0].changes == {"price": {"weight": 70}}
