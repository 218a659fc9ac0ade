"""Shares and concentration: what councils said of their markets, and sums done another way."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.market.concentration import (
    Caps,
    concentration,
    over_caps,
    provider_bands,
    top_share_pct,
)
from allocation.market.facts import MarketFacts, measure_market
from allocation.market.read import NO_PROVIDER, NOT_ON_MAP, MarketPackages, account, join_spellings
from allocation.market.shares import package_sizes, provider_shares, shares_by, shares_within
from allocation.market.simulate import MadeUpMarket, banes_market, leicestershire_market

HOURS = st.integers(0, 4000).map(lambda n: n / 4)


@pytest.fixture(scope="module")
def county() -> MadeUpMarket:
    return leicestershire_market(seed=3, no_provider_hours=410.25)


@pytest.fixture(scope="module")
def facts(county: MadeUpMarket) -> MarketFacts:
    return measure_market(county.read())


@pytest.fixture(scope="module")
def bath() -> MarketFacts:
    return measure_market(banes_market(seed=3).read())


def market(rows: list[tuple[str, str, float]]) -> MarketPackages:
    """Packages of (provider, locality, hours) that run."""
    frame = pd.DataFrame(rows, columns=["provider_id", "locality", "hours"])
    frame = frame.assign(
        payer="LCC", team="no team given", area_code="", weekly_cost_gbp=float("nan"), start=pd.NaT,
        end=pd.NaT, reason="", person=[f"p{i}" for i in range(len(frame))])
    frame[["start", "end"]] = frame[["start", "end"]].astype("datetime64[s]")
    return MarketPackages(
        frame=frame, as_of=pd.Timestamp("2026-04-01"), teams_known=False, costs_known=False)


def test_leicestershire_has_the_market_it_published(facts: MarketFacts) -> None:
    """SYSTEMS.md L4: 150 providers, the largest 9.6 %, the top ten 38 %, 29 under 20 h a week, only the
    largest over 3,000 h."""
    found = facts.concentration
    assert found.providers == 150
    assert round(found.largest_pct, 1) == 9.6
    assert round(found.top_pct[10], 1) == 38.0
    assert found.under == 29
    assert facts.bands.loc["over 3,000 h", "providers"] == 1
    assert found.largest_hours > 3000


def test_the_largest_of_a_locality_need_not_be_the_largest_of_all(facts: MarketFacts) -> None:
    """SYSTEMS.md L4: in Hinckley & Bosworth the largest holds 13 % of that locality."""
    row = facts.by["locality"].loc["Hinckley & Bosworth"]
    assert (row["largest"], round(row["largest_pct"], 6)) == ("P002", 13.0)
    assert facts.concentration.largest == "P001"


def test_bath_has_the_packages_and_the_spend_it_published(bath: MarketFacts) -> None:
    """SYSTEMS.md B4: 8 h a package (council), 13.5 h (CCG), about 70 % of spend with six providers, many
    packages under 5 h, GBP 7.95m + 2.30m in 2017/18 and 7.51m + 2.54m in 2018/19."""
    assert bath.by["payer"]["mean_hours"].to_dict() == {"CCG": 13.5, "Council": 8.0}
    assert bath.spend is not None
    assert bath.spend.top_pct[6] == pytest.approx(70, abs=0.1)
    assert bath.by["payer"].loc["Council", "small_pct"] > 25
    years = bath.years["payer"].set_index(["year", "payer"])["cost_gbp"] / 1e6
    for key, spend in banes_market().truth["spend_gbp"].items():
        assert round(years[key], 2) == spend / 1e6


def test_every_provider_holds_what_it_was_given(county: MadeUpMarket, facts: MarketFacts) -> None:
    """The hours of each provider are, to the quarter of an hour, those the market was made of."""
    assert facts.providers["hours"].to_dict() == county.truth["hours"]


def test_hours_in_are_hours_by_provider_and_hours_with_none(
    county: MadeUpMarket, facts: MarketFacts
) -> None:
    """Nothing is lost: not in all, and in no locality, payer or team."""
    whole = county.packages["weekly_hours"].sum()
    assert facts.account.loc["with no provider", "hours"] == 410.25
    assert facts.account["hours"].sum() == whole
    assert facts.providers["hours"].sum() + 410.25 == whole
    for by, table in facts.by.items():
        assert table["hours"].sum() == pytest.approx(whole)
        assert table["no_provider_hours"].sum() == pytest.approx(410.25)
        within = facts.within[by].groupby(by)["hours"].sum()
        pd.testing.assert_series_equal(within, table["hours"], check_names=False)
        assert facts.within[by].groupby("provider_id")["hours"].sum().drop(NO_PROVIDER).to_dict() == (
            pytest.approx(facts.providers["hours"].to_dict()))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(
    st.sampled_from(["A", "B", "C", NO_PROVIDER]), st.sampled_from(["North", "South", NOT_ON_MAP]),
    st.integers(1, 200).map(lambda n: n / 4)), min_size=1, max_size=40))  # fmt: skip
def test_sums_as_done_by_hand(rows: list[tuple[str, str, float]]) -> None:
    """Shares within a locality are those of a tally in fractions, whatever the packages."""
    packages = market(rows).counted
    tally: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for provider, locality, hours in rows:
        tally[locality][provider] += Fraction(hours)
    table = shares_within(packages, "locality")
    assert len(table) == sum(map(len, tally.values()))
    for row in table.itertuples():
        there = tally[row.locality]
        assert row.hours == there[row.provider_id]
        whole = sum(h for p, h in there.items() if p != NO_PROVIDER)
        if row.provider_id == NO_PROVIDER:
            assert pd.isna(row.share_pct)
        else:
            assert row.share_pct == pytest.approx(float(100 * there[row.provider_id] / whole))
    by = shares_by(packages, "locality")
    for locality, there in tally.items():
        named = {p: h for p, h in there.items() if p != NO_PROVIDER}
        if named:
            assert by.loc[locality, "largest"] == min(named, key=lambda p: (-named[p], p))
        else:
            assert by.loc[locality, "largest"] == ""
            assert pd.isna(by.loc[locality, "hhi"])


@settings(max_examples=25, deadline=None)
@given(st.lists(HOURS, min_size=1, max_size=30))
def test_the_index_in_fractions(hours: list[float]) -> None:
    """HHI is the sum of squared shares, between 10,000 / n and 10,000; who holds nothing is no provider."""
    found = concentration(pd.Series(hours, index=[f"P{i}" for i in range(len(hours))]))
    held = sorted((Fraction(h) for h in hours if h > 0), reverse=True)
    assert found.providers == len(held)
    if not held:
        assert pd.isna(found.hhi)
        return
    shares = [100 * h / sum(held) for h in held]
    assert found.hhi == pytest.approx(float(sum(s * s for s in shares)))
    assert 10_000 / len(held) - 1e-6 <= found.hhi <= 10_000 + 1e-6
    assert found.top_pct[3] == pytest.approx(float(sum(shares[:3])))
    fewest = next(n for n in range(1, len(held) + 1) if sum(shares[:n]) >= 50)
    assert found.half == fewest
    assert found.under == sum(h < 20 for h in held)


@settings(max_examples=20, deadline=None)
@given(st.lists(HOURS.filter(bool), min_size=2, max_size=12))
def test_a_merger_concentrates(hours: list[float]) -> None:
    """Two providers that merge raise the index by twice the product of their shares."""
    before = pd.Series(hours, index=[f"P{i:02d}" for i in range(len(hours))])
    merged = before.drop("P01")
    merged["P00"] += before["P01"]
    share = 100 * before / before.sum()
    rise = concentration(merged).hhi - concentration(before).hhi
    assert rise == pytest.approx(2 * share["P00"] * share["P01"], abs=1e-6)


def test_limits_are_met_by_who_holds_exactly_so_much() -> None:
    """25 of 100 hours is not over 25 %; a quarter of an hour more is."""
    hours = pd.Series({"A": 25.0, "B": 75.0})
    assert over_caps(hours, Caps(max_share_pct=25))["provider_id"].to_list() == ["B"]
    assert over_caps(hours, Caps(max_share_pct=75)).empty
    assert over_caps(hours, Caps(max_hours=75)).empty
    assert over_caps(hours, Caps(max_hours=74.75))["over_hours"].to_list() == [0.25]
    found = over_caps(hours, Caps(), capacity=pd.Series({"A": 24.0, "C": 1.0}))
    assert found[["provider_id", "limit_hours"]].to_numpy().tolist() == [["A", 24.0]]


def test_a_limit_in_a_locality_counts_that_locality_alone() -> None:
    """A provider with half of a small place is over 40 % there, and under it in all."""
    packages = market([("A", "North", 10), ("B", "North", 10), ("B", "South", 30), ("C", "South", 40),
                       ("", "North", 80)]).counted
    within = shares_within(packages, "locality")
    hours = provider_shares(packages)["hours"]
    found = over_caps(hours, Caps(max_locality_share_pct=45), within=within)
    assert found[["provider_id", "locality"]].to_numpy().tolist() == [
        ["C", "South"], ["A", "North"], ["B", "North"]]
    with pytest.raises(ValueError, match="by locality"):
        over_caps(hours, Caps(max_locality_share_pct=45))


def test_edges_of_classes() -> None:
    """20 hours are not under 20, 3,000 not over 3,000; a package of 5 hours is not small."""
    bands = provider_bands(pd.Series([19.75, 20.0, 99.75, 100.0, 3000.0, 3000.25]))
    assert bands["providers"].to_list() == [1, 2, 1, 0, 1, 1]
    assert bands["hours"].sum() == 19.75 + 20 + 99.75 + 100 + 3000 + 3000.25
    packages = market([("A", "North", 4.75), ("A", "North", 5.0)]).counted
    assert provider_shares(packages).loc["A", "small_packages"] == 1
    assert package_sizes(packages)["LCC"].to_list()[:2] == [1, 1]


def test_negative_hours_are_refused() -> None:
    """A share of negative hours means nothing."""
    with pytest.raises(ValueError, match="negative"):
        concentration(pd.Series([1.0, -1.0]))


def test_no_provider_in_every_spelling() -> None:
    """Words that say there is nobody are nobody; capitals and spaces make no second provider."""
    names, joined = join_spellings(pd.Series([
        "Acme Care", "ACME  CARE", "Acme Care", "Waiting list", "UNALLOCATED", "", "No provider", "Beta"]))
    assert names.to_list() == ["Acme Care"] * 3 + [NO_PROVIDER] * 4 + ["Beta"]
    assert joined == 1


def test_a_market_where_nobody_is_named() -> None:
    """All hours are with no provider: there is nothing to share, and nothing is lost."""
    packages = market([("", "North", 10), ("", "South", 5)])
    found = measure_market(packages)
    assert found.concentration.providers == 0
    assert account(packages).loc["with no provider", "hours"] == 15
    assert found.over.empty


def test_the_top_share_of_nothing() -> None:
    """No hours, no share."""
    assert pd.isna(top_share_pct(pd.Series([0.0]), 3))
    assert top_share_pct(pd.Series([1.0, 1.0]), 10) == 100
