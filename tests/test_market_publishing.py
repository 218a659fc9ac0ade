"""What is published of the market gives nothing of a few people away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.market.facts import MarketFacts, measure_market
from allocation.market.publishing import ALL, NOBODY, published_tables, withhold
from allocation.market.read import NO_PROVIDER, MarketPackages
from allocation.market.revealed import Withheld, revealed
from allocation.market.shares import shares_within
from allocation.market.simulate import leicestershire_market
from lotting.brief import PublishBrief
from lotting.report.disclosure import CONFIDENTIAL

ON, OFF = PublishBrief(), PublishBrief(disclosure_control=False)
MARKETS = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["North", "South", "West"]),
              st.sampled_from(["LCC", "NHS"]), st.integers(1, 25), st.integers(4, 120)),
    min_size=1, max_size=14, unique_by=lambda r: r[:3])  # fmt: skip


def market(cells: list[tuple[str, str, str, int, int]]) -> MarketPackages:
    """Packages of (provider, locality, payer): so many, each of so many quarters of an hour."""
    rows = [(p, place, payer, quarters / 4) for p, place, payer, n, quarters in cells for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["provider_id", "locality", "payer", "hours"])
    frame = frame.assign(team="", area_code="", weekly_cost_gbp=float("nan"), start=pd.NaT, end=pd.NaT,
                         reason="", person=[f"p{i}" for i in range(len(frame))])
    frame[["start", "end"]] = frame[["start", "end"]].astype("datetime64[s]")
    return MarketPackages(
        frame=frame, as_of=pd.Timestamp("2026-04-01"), teams_known=False, costs_known=False)


def hidden(value: Any) -> bool:
    return isinstance(value, str) and value == CONFIDENTIAL


@pytest.fixture(scope="module")
def county() -> tuple[MarketFacts, Withheld, dict[str, pd.DataFrame]]:
    facts = measure_market(leicestershire_market(seed=2, no_provider_hours=30).read())
    gone = withhold(facts.within, ON, growth=facts.growth)
    return facts, gone, published_tables(facts, ON, gone)


def test_no_count_of_a_few_is_shown(county: tuple[MarketFacts, Withheld, dict[str, pd.DataFrame]]) -> None:
    """Wherever there are 1 to 4 packages or people, no figure of the row is shown; counts that are shown
    are multiples of 5, hours whole, shares to 0.1 %."""
    facts, _, tables = county
    within = tables["provider_locality"].reset_index()
    truth = facts.within["locality"]
    assert len(within) == len(truth)
    few = ((truth["packages"] < 5) | (truth["people"] < 5)).to_numpy()
    assert few.any()
    assert within.loc[few, ["packages", "hours", "share_pct"]].map(hidden).all(axis=None)
    shown = within[~within["packages"].map(hidden)]
    assert (shown["packages"].astype(int) % 5 == 0).all()
    assert (shown["hours"].astype(float) % 1 == 0).all()
    shares = shown["share_pct"].astype(float)
    assert ((shares * 10).round(6) % 1 == 0).all()


def test_who_is_withheld_is_withheld_everywhere(
    county: tuple[MarketFacts, Withheld, dict[str, pd.DataFrame]]
) -> None:
    """A provider whose sum is withheld shows in no table by how much it holds, nor how it grew."""
    _, gone, tables = county
    assert gone.providers
    for name in ("providers", "growth"):
        if name not in tables:
            continue
        table = tables[name]
        for provider in gone.providers & set(table.index):
            assert table.loc[provider, "hours"] == CONFIDENTIAL, name


def test_the_large_figures_of_a_county_are_shown(
    county: tuple[MarketFacts, Withheld, dict[str, pd.DataFrame]]
) -> None:
    """Control hides the small, not the market: all localities, the largest and the top ten are there."""
    _, _, tables = county
    summary = tables["summary"]["value"]
    assert summary["Largest provider"] == "P001"
    assert summary["Its share, %"] == 9.6
    assert summary["The ten largest, %"] == 38.0
    assert summary["Providers under 20 h a week"] == 29
    assert not tables["localities"]["hours"].map(hidden).any()
    assert tables["localities"].loc["Hinckley & Bosworth", "largest_pct"] == 13.0


def tables_within(cells: list[tuple[str, str, str, int, int]]) -> dict[str, pd.DataFrame]:
    packages = market(cells).counted
    return {by: shares_within(packages, by) for by in ("locality", "payer")}


def determined(within: dict[str, pd.DataFrame], gone: Withheld) -> set[tuple[str, str, str]]:
    """Withheld cells whose hours follow from what is shown, by linear algebra over all tables at once.

    Unknown are the hours of every cell of every table. Shown are cells, sums by provider and by value,
    and the sum of all; and a provider's sum is one in all tables.
    """
    cells = [(by, value, p) for by, table in within.items()
             for value, p in zip(table[by], table["provider_id"], strict=True)]
    at = {cell: i for i, cell in enumerate(cells)}
    rows: list[np.ndarray[Any, Any]] = []

    def equation(members: list[tuple[str, str, str]], minus: list[tuple[str, str, str]] = []) -> None:  # noqa: B006
        line = np.zeros(len(cells))
        line[[at[m] for m in members]] += 1
        line[[at[m] for m in minus]] -= 1
        rows.append(line)

    secret = [c for c in cells if (c[1], c[2]) in gone.cells[c[0]]]
    for cell in cells:
        if cell not in secret:
            equation([cell])
    providers = {c[2] for c in cells}
    dimensions = list(within)
    for p in providers:
        parts = [[c for c in cells if c[0] == by and c[2] == p] for by in dimensions]
        for part in parts[1:]:
            equation(parts[0], part)
        if p not in gone.providers:
            equation(parts[0])
    for by in dimensions:
        for value in {c[1] for c in cells if c[0] == by} - gone.groups[by]:
            equation([c for c in cells if c[:2] == (by, value)])
        if not gone.everything:
            equation([c for c in cells if c[0] == by])
    known = np.array(rows)
    rank = np.linalg.matrix_rank(known)
    found = set()
    for cell in secret:
        unit = np.zeros((1, len(cells)))
        unit[0, at[cell]] = 1
        if np.linalg.matrix_rank(np.vstack([known, unit])) == rank:
            found.add(cell)
    return found


@settings(max_examples=20, deadline=None)
@given(MARKETS)
def test_no_withheld_figure_follows_from_the_tables_together(
    cells: list[tuple[str, str, str, int, int]]
) -> None:
    """Even who knows every sum exactly, and sets all tables side by side, works out no withheld cell."""
    within = tables_within(cells)
    gone = withhold(within, ON)
    assert determined(within, gone) == set()
    assert revealed(within, gone) == []


def test_tables_that_are_safe_alone_and_not_together() -> None:
    """Two tables that share the providers' sums: covered one by one, a cell of a payer followed."""
    within = tables_within([
        ("A", "North", "NHS", 7, 4), ("C", "West", "LCC", 12, 4), ("B", "North", "LCC", 1, 4),
        ("A", "North", "LCC", 17, 4), ("E", "West", "LCC", 1, 4), ("B", "North", "NHS", 1, 4)])
    assert determined(within, withhold(within, ON)) == set()


def test_the_attack_finds_what_is_not_protected() -> None:
    """The attack of the test before is able to succeed: without secondary suppression it does."""
    within = tables_within([("A", "North", "LCC", 3, 8), ("A", "South", "LCC", 30, 8),
                            ("B", "North", "LCC", 30, 8)])
    gone = Withheld(groups={"locality": set(), "payer": set()},
                    cells={"locality": {("North", "A")}, "payer": set()})
    assert determined(within, gone) == {("locality", "North", "A")} == set(revealed(within, gone))


@settings(max_examples=5, deadline=None)
@given(MARKETS)
def test_tables_of_any_market_can_be_made(cells: list[tuple[str, str, str, int, int]]) -> None:
    """Small markets, of one provider or one locality, fall over nowhere and show no few."""
    facts = measure_market(market(cells))
    tables = published_tables(facts, ON)
    counts = Counter({(p, place): 0 for p, place, *_ in cells})
    for p, place, _, n, _ in cells:
        counts[p, place] += n
    for place, row in tables["provider_locality"].iterrows():
        if counts[row["provider_id"], place] < 5:
            assert hidden(row["hours"])
    parts = tables["classes"]["providers"]
    assert sum(parts) == len(facts.providers)


def test_without_control_all_is_exact() -> None:
    """Switched off, the tables are the facts."""
    facts = measure_market(market([("A", "North", "LCC", 3, 7), (NO_PROVIDER, "North", "NHS", 1, 9)]))
    tables = published_tables(facts, OFF)
    assert tables["providers"]["hours"].to_dict() == {"A": 5.25, NOBODY: 2.25, ALL: 7.5}
    assert tables["providers"]["packages"].to_dict() == {"A": 3, NOBODY: 1, ALL: 4}
    assert tables["hours"].loc["in the file", "hours"] == 7.5
    assert tables["provider_locality"]["hours"].to_list() == [5.25, 2.25]


def test_few_hours_with_no_provider_follow_from_no_difference() -> None:
    """Two packages wait: neither their hours nor those of all providers are shown beside the sum of all."""
    facts = measure_market(market([
        ("A", "North", "LCC", 30, 8), ("B", "North", "LCC", 20, 8), (NO_PROVIDER, "North", "LCC", 2, 9)]))
    tables = published_tables(facts, ON)
    assert not hidden(tables["providers"].loc[ALL, "hours"])
    assert hidden(tables["providers"].loc[NOBODY, "hours"])
    assert hidden(tables["hours"].loc["with no provider", "hours"])
    assert hidden(tables["hours"].loc["with a provider", "hours"])
    assert hidden(tables["summary"].loc["Weekly hours with a provider", "value"])
    # One provider goes with it: else the sum of all less the two that are shown would tell.
    assert [hidden(tables["providers"].loc[p, "hours"]) for p in "AB"].count(True) == 1
    assert hidden(tables["localities"].loc["North", "no_provider_hours"])


def test_one_person_with_many_packages_is_few() -> None:
    """Twenty packages of one person are one person."""
    packages = market([("A", "North", "LCC", 20, 8), ("B", "North", "LCC", 20, 8),
                       ("C", "North", "LCC", 20, 8)])
    frame = packages.frame.copy()
    frame.loc[frame["provider_id"] == "A", "person"] = "p0"
    facts = measure_market(MarketPackages(
        frame=frame, as_of=packages.as_of, teams_known=False, costs_known=False))
    table = published_tables(facts, ON)["providers"]
    assert hidden(table.loc["A", "hours"])
    assert [hidden(table.loc[p, "hours"]) for p in "BC"].count(True) == 1
