"""Reading the market, and whether it can carry a plan.

The oracle of the sharing-out is brute force: every choice of providers and of lots for each of
them, with a maximum flow by networkx in each. It shares nothing with the models tested.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_map import toy_areas

from lotting import sharing, sharing_model
from lotting.brief import MarketBrief
from lotting.errors import InputError, PlanError
from lotting.market import Market, MarketCheck, check_market, read_market
from lotting.plan import Plan
from lotting.sharing_model import Cap, Terms, carry, changed, flow, possible, to_forest

SLOW = settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


# ---- Reading -------------------------------------------------------------------------------------


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    """Two localities of two areas each; one name has a comma in it, as Leicestershire's does."""
    return toy_areas(2, 2, ["Melton, Rutland", "Melton, Rutland", "Oadby", "Oadby"])


def market_of(folder: Path, text: str, areas: gpd.GeoDataFrame) -> Market:
    file = folder / "providers.csv"
    file.write_text(text, encoding="utf-8")
    return read_market(MarketBrief(providers=file), areas)


def complaints(folder: Path, text: str, areas: gpd.GeoDataFrame) -> str:
    with pytest.raises(InputError) as error:
        market_of(folder, text, areas)
    return str(error.value)


def works(market: Market, provider: str) -> list[str]:
    row = market.works.loc[provider]
    return list(row.index[row])


def test_the_two_required_columns_are_enough(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    """Without places a provider works everywhere; without max_lots there is no limit."""
    market = market_of(tmp_path, "provider_id,max_weekly_hours\nP2,10\nP1,\"1,200\"\n", areas)
    assert market.frame.index.to_list() == ["P2", "P1"]
    assert market.frame.index.name == "provider_id"
    assert market.frame["max_weekly_hours"].to_list() == [10.0, 1200.0]
    assert market.frame["max_lots"].isna().all()
    assert market.frame["name"].to_list() == ["", ""]
    assert market.works.to_numpy().all()
    assert market.works.columns.equals(areas.index)


def test_localities_and_areas_add_up_and_blank_is_everywhere(
    tmp_path: Path, areas: gpd.GeoDataFrame
) -> None:
    market = market_of(tmp_path, (
        "provider_id,max_weekly_hours,name,max_lots,localities,areas\n"
        'P1,10,One,2,"Melton, Rutland",\n'
        "P2,10,Two,,Oadby,a00\n"
        "P3,10,Three,,,a00; a03;\n"
        "P4,10,Four,,,\n"
        'P5,10,Five,," oadby ;MELTON,  Rutland",\n'
    ), areas)
    assert works(market, "P1") == ["a00", "a01"]
    assert works(market, "P2") == ["a00", "a02", "a03"]
    assert works(market, "P3") == ["a00", "a03"]
    assert works(market, "P4") == works(market, "P5") == ["a00", "a01", "a02", "a03"]
    assert market.frame.loc["P1", "max_lots"] == 2
    assert market.frame["name"].to_list() == ["One", "Two", "Three", "Four", "Five"]


def test_columns_may_be_named_as_people_name_them(
    tmp_path: Path, areas: gpd.GeoDataFrame
) -> None:
    market = market_of(
        tmp_path, "Provider ID;Max weekly hours;Locality\nP1;10;Oadby\n", areas)
    assert works(market, "P1") == ["a02", "a03"]


def test_an_excel_file_reads_the_same(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    file = tmp_path / "providers.xlsx"
    pd.DataFrame({
        "provider_id": ["P1", "P2"], "max_weekly_hours": [10, 12.5], "localities": ["Oadby", None],
    }).to_excel(file, index=False)
    market = read_market(MarketBrief(providers=file), areas)
    assert market.frame["max_weekly_hours"].to_list() == [10.0, 12.5]
    assert works(market, "P1") == ["a02", "a03"]


@pytest.mark.parametrize(("text", "said"), [
    ("", ["empty"]),
    ("provider_id,max_weekly_hours\n", ["no rows"]),
    ("provider,max_hours\nP1,3\n", ["no column 'provider_id'", "no column 'max_weekly_hours'",
                                    "Did you mean 'provider'?"]),
    ("provider_id,max_weekly_hours\n,3\n", ["1 row without a provider's id: row 2"]),
    ("provider_id,max_weekly_hours\nP1,3\nP2,1\nP1,4\n", ["row 4", "1 provider more than once",
                                                          "P1", "One row a provider"]),
    ("provider_id,max_weekly_hours\nP1,lots\nP2,\nP3,-1\nP4,5\n",
     ["row 2", "not a number ('lots')", "row 3", "blank", "row 4", "below the least"]),
    ("provider_id,max_weekly_hours\nP1,0\n", ["1 provider with 0 hours a week", "P1"]),
    ("provider_id,max_weekly_hours\nP1,500001\n", ["above the most allowed"]),
    ("provider_id,max_weekly_hours,max_lots\nP1,5,0\nP2,5,1.5\nP3,5,x\n",
     ["below the least allowed, 1 lots", "without a whole number of lots: row 3", "'x'"]),
    ("provider_id,max_weekly_hours,localities\nP1,5,Oadbey\nP2,5,Oadbey\nP3,5,Leeds\n",
     ["no such locality on the map, in 2 rows ('Oadbey'). Did you mean 'Oadby'?",
      "('Leeds'). The localities are: Melton, Rutland, Oadby."]),
    ('provider_id,max_weekly_hours,localities\nP1,5,"Oadby, Oadby"\n', ["Put ; between"]),
    ("provider_id,max_weekly_hours,localities\nP1,5,;\n", ["Leave the cell blank"]),
    ("provider_id,max_weekly_hours,areas\nP1,5,a0\nP2,5,square 3\nP3,5,E01000001\n",
     ["no such area on the map ('a0'). Did you mean 'a0", "Give the code: a03.",
      "Check the code against the boundary file"]),
    ("provider_id,max_weekly_hours,max_lot\nP1,5,1\n",
     ["no column 'max_lots', but one that is nearly called so: 'max_lot'"]),
    ("provider_id,max_weekly_hours,area,areas\nP1,5,,\n", ["2 columns could be areas"]),
])
def test_what_is_wrong_is_said_with_row_and_way_out(
    tmp_path: Path, areas: gpd.GeoDataFrame, text: str, said: list[str]
) -> None:
    message = complaints(tmp_path, text, areas)
    for part in said:
        assert part in message


def test_all_problems_come_at_once(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    message = complaints(tmp_path, (
        "provider_id,max_weekly_hours,max_lots,localities,areas\n"
        "P1,x,1,,\nP1,5,0,,\nP2,5,,Leeds,\n,5,,,zz\nP4,0,,,\n"), areas)
    assert message.startswith("7 problems")


def test_many_unknown_places_do_not_flood(tmp_path: Path, areas: gpd.GeoDataFrame) -> None:
    listed = ";".join(f"Nowhere {i}" for i in range(30))
    message = complaints(
        tmp_path, f'provider_id,max_weekly_hours,localities\nP1,5,"{listed}"\n', areas)
    assert message.startswith("6 problems")
    assert "25 more that are not on the map" in message


def test_localities_need_a_map_that_has_them(tmp_path: Path) -> None:
    """A column of localities that is blank throughout does no harm; a name in it does."""
    plain = toy_areas(2, 2)
    head = "provider_id,max_weekly_hours,localities\n"
    assert market_of(tmp_path, f"{head}P1,5,\n", plain).works.to_numpy().all()
    assert "the map has none" in complaints(tmp_path, f"{head}P1,5,Oadby\n", plain)


@pytest.mark.parametrize(("column", "good"), [("size", "large"), ("min_weekly_hours", "20")])
def test_other_columns_are_left_alone(
    tmp_path: Path, areas: gpd.GeoDataFrame, column: str, good: str
) -> None:
    market = market_of(tmp_path, f"provider_id,max_weekly_hours,{column}\nP1,5,{good}\n", areas)
    assert market.frame.columns.to_list() == ["name", "max_weekly_hours", "max_lots"]


# ---- The check -----------------------------------------------------------------------------------


def a_market(
    capacity: Iterable[float], reach: Iterable[Iterable[int]], max_lots: Iterable[float] = ()
) -> Market:
    """Providers P0, P1, ...; ``reach`` says for each whether it works in areas a0, a1, ..."""
    hours = [float(c) for c in capacity]
    index = pd.Index([f"P{i}" for i in range(len(hours))], name="provider_id", dtype="str")
    table = np.array([list(row) for row in reach], dtype=bool)
    return Market(
        frame=pd.DataFrame({
            "name": "", "max_weekly_hours": hours,
            "max_lots": [float(m) for m in max_lots] or [float("nan")] * len(hours),
        }, index=index),
        works=pd.DataFrame(
            table, index=index, columns=[f"a{j}" for j in range(table.shape[1])]),
    )


def an_area_a_lot(hours: Iterable[float]) -> tuple[Plan, pd.Series[float]]:
    """Area a0 is lot 1, area a1 lot 2, and so on."""
    demand = pd.Series({f"a{j}": float(h) for j, h in enumerate(hours)})
    return Plan({a: str(j + 1) for j, a in enumerate(demand.index)}), demand


def check(market: Market, hours: Iterable[float], **caps: float) -> MarketCheck:
    plan, demand = an_area_a_lot(hours)
    brief = MarketBrief.model_validate({"providers": "p.csv", **caps})
    result = check_market(market, plan, demand, brief)
    if result.sharing is not None:
        assert breaches(result.sharing, market, plan, demand, brief) == []
    return result


def breaches(
    sharing: pd.DataFrame, market: Market, plan: Plan, hours: pd.Series[float], brief: MarketBrief
) -> list[str]:
    """Go over a sharing-out row by row: what it breaks, beyond the rounding that is documented."""
    found = []
    lots = plan.lots
    for lot in plan.lot_names:
        wanted = sum(hours[a] for a in plan.areas_of(lot))
        given_ = sharing.loc[sharing["lot"] == lot, "weekly_hours"].sum()
        if wanted >= 0.01 and abs(wanted - given_) > 1e-9:
            found.append(f"lot {lot} needs {wanted}, has {given_}")
    for provider, rows in sharing.groupby("provider_id"):
        taken, own = rows["weekly_hours"].sum(), market.frame.loc[provider]
        limits = [own["max_weekly_hours"], brief.max_hours_per_provider or np.inf,
                  (brief.max_share_pct or 100) / 100 * hours.sum()]
        if taken >= min(limits) + 0.01 * (len(rows) + 1):
            found.append(f"{provider} has {taken}")
        most = min(brief.max_lots_per_provider or np.inf,
                   np.inf if np.isnan(own["max_lots"]) else own["max_lots"])
        if len(rows) > most or rows["lot"].duplicated().any():
            found.append(f"{provider} has lots {rows['lot'].to_list()}")
        for lot in rows["lot"]:
            inside = hours[lots.index[lots == lot]]
            there = inside[market.works.loc[provider, inside.index]].sum()
            if there < brief.reach_pct / 100 * inside.sum() - 1e-9:
                found.append(f"{provider} does not reach lot {lot}")
    if (sharing["weekly_hours"] <= 0).any():
        found.append("a part without hours")
    if brief.max_providers and sharing["provider_id"].nunique() > brief.max_providers:
        found.append("too many providers")
    return found


def said(result: MarketCheck) -> str:
    return "\n".join(str(r) for r in result.reasons)


def test_a_market_that_can_carry_the_plan_shares_it_out() -> None:
    result = check(a_market([100, 100], [[1, 1], [1, 1]]), [120, 80])
    assert result.reasons == ()
    assert result.proven
    assert result.sharing is not None
    assert result.sharing["weekly_hours"].sum() == 200
    assert result.reach.to_dict("list") == {
        "weekly_hours": [120.0, 80.0], "providers": [2, 2], "capacity_hours": [200.0, 200.0]}
    assert result.reach.index.to_list() == ["1", "2"]


@pytest.mark.parametrize(("lots", "capacities"), [(1, 3), (3, 1), (3, 3), (7, 3)])
def test_hours_that_do_not_end_are_shared_out_to_the_last(lots: int, capacities: int) -> None:
    """100 h cut in equal lots and equal capacities, with nothing to spare: rounding fails none."""
    market = a_market([100 / capacities] * capacities, np.ones((capacities, lots)))
    result = check(market, [100 / lots] * lots, max_share_pct=100 / capacities)
    assert result.reasons == ()
    assert result.sharing is not None
    assert result.sharing.groupby("lot")["weekly_hours"].sum().to_list() == pytest.approx(
        [100 / lots] * lots, abs=1e-12)


@pytest.mark.parametrize(("short", "fine"), [(0, True), (0.1, False)])
def test_rounding_hides_no_shortage_that_matters(short: float, fine: bool) -> None:
    result = check(a_market([100 - short], np.ones((1, 3))), [100 / 3] * 3)
    assert (result.reasons == ()) == fine
    assert fine or "0.09 h at the least would be left over" in said(result)


@pytest.mark.parametrize(("pct", "within"), [(60, 1), (60.1, 0), (40, 2)])
def test_reach_is_the_share_of_a_lots_hours(pct: float, within: int) -> None:
    """P0 works where 60 of 100 h are, P1 where 40 are: 60 % is just within reach of P0."""
    market = a_market([100, 100], [[1, 0], [0, 1]])
    plan = Plan({"a0": "1", "a1": "1"})
    hours = pd.Series({"a0": 60.0, "a1": 40.0})
    result = check_market(market, plan, hours, MarketBrief(providers="p.csv", reach_pct=pct))
    assert result.reach["providers"].to_list() == [within]
    assert (result.sharing is not None) == (within > 0)


def test_a_lot_without_hours_is_reached_by_areas_and_shared_to_nobody() -> None:
    result = check(a_market([10], [[1, 1]]), [10, 0], max_lots_per_provider=1)
    assert result.reasons == ()
    assert result.reach["providers"].to_list() == [1, 1]
    assert result.sharing is not None
    assert result.sharing["lot"].to_list() == ["1"]


@pytest.mark.parametrize(("asked", "fine"), [(2, True), (3, False)])
def test_each_lot_needs_min_providers_within_reach(asked: int, fine: bool) -> None:
    """It is a choice that is asked for: one provider may yet carry the lot alone."""
    result = check(a_market([300, 300], [[1, 1], [1, 1]]), [100, 100], min_providers=asked)
    assert (result.reasons == ()) == fine
    assert result.sharing is not None
    if not fine:
        assert [r.place for r in result.reasons] == ["lot 1", "lot 2"]
        assert "within reach of 2 providers (P0, P1); the brief asks for 3" in said(result)
        assert "Find 1 more who works there, or ask for 2." in said(result)


def test_the_reach_that_would_give_a_choice_is_named() -> None:
    market = a_market([300, 300], [[1, 1], [0, 1]])
    plan, hours = Plan({"a0": "1", "a1": "1"}), pd.Series({"a0": 67.0, "a1": 33.0})
    brief = MarketBrief(providers="p.csv", min_providers=2)
    reason, = check_market(market, plan, hours, brief).reasons
    assert "lower reach_pct to 33 (now 50)" in reason.fix
    lower = MarketBrief(providers="p.csv", min_providers=2, reach_pct=33)
    assert check_market(market, plan, hours, lower).reasons == ()


@pytest.mark.parametrize(("capacity", "fine"), [(100, True), (99, False)])
def test_those_within_reach_have_to_be_able_to_carry_the_lot(capacity: float, fine: bool) -> None:
    result = check(a_market([capacity, 500], [[1, 0], [0, 1]]), [100, 100])
    assert (result.reasons == ()) == fine
    if not fine:
        assert result.reasons[0].place == "lot 1"
        assert ("holds 100 h a week; the 1 provider within reach can carry 99 h a week between "
                "them under the caps, 1 h too few.") in result.reasons[0].message
        assert "1 h at the least would be left over, for example in lot 1 (1 h)" in said(result)


def test_nobody_within_reach() -> None:
    result = check(a_market([500], [[1, 0]]), [100, 100])
    assert "lot 2: is within reach of 0 providers; the brief asks for 1." in said(result)
    assert "no provider is within reach, 100 h too few" in said(result)
    assert "find providers to work beyond where they do now, for 100 h a week in lot 2" in (
        said(result).lower())


@pytest.mark.parametrize(("cap", "least", "over"), [
    ({"max_providers": 3}, {"max_providers": 4}, "allow 4 providers (max_providers, now 3)"),
    ({"max_hours_per_provider": 24}, {"max_hours_per_provider": 25},
     "raise max_hours_per_provider to 25 (now 24)"),
    ({"max_share_pct": 24.9}, {"max_share_pct": 25}, "raise max_share_pct to 25 (now 24.9)"),
])
def test_each_cap_on_its_own_and_by_how_much_it_fails(
    cap: dict[str, float], least: dict[str, float], over: str
) -> None:
    """Four providers of 25 h for 100 h in two lots: every cap is met at its bound, not beyond."""
    market = a_market([30, 30, 30, 30] if "max_providers" not in cap else [25] * 4, np.ones((4, 2)))
    assert check(market, [60, 40], **least).reasons == ()
    result = check(market, [60, 40], **cap)
    assert result.sharing is None
    assert result.proven
    assert over in said(result).replace("Allow", "allow").replace("Raise", "raise")


def test_the_cap_on_lots_and_the_providers_own() -> None:
    """Two providers for three lots: with one lot each a lot is left; with two it is not."""
    market = a_market([100, 100], np.ones((2, 3)))
    assert check(market, [30, 30, 30], max_lots_per_provider=2).reasons == ()
    result = check(market, [30, 30, 30], max_lots_per_provider=1)
    assert "the providers may have a part of 2 lots between them; there are 3" in said(result)
    assert "Raise max_lots_per_provider to 2 (now 1)." in said(result)
    own = check(a_market([100, 100], np.ones((2, 3)), [1, 1]), [30, 30, 30])
    assert "take on 1 lot more than they offer" in said(own)
    assert "2 instead of 1" in said(own)


def test_the_issues_words_for_a_share_too_small() -> None:
    """Nine providers of at most 10 % carry 90 %: 10 providers are enough, or 11.2 %."""
    market = a_market([2000] * 12, np.ones((12, 4)))
    result = check(market, [2500] * 4, max_providers=9, max_share_pct=10)
    assert "9 providers with at most 10 % of the hours each can carry 9,000 h a week; 10,000 h" in (
        said(result))
    assert "allow 10 providers (max_providers, now 9); raise max_share_pct to 11.2 (now 10)" in (
        said(result))
    assert check(market, [2500] * 4, max_providers=10, max_share_pct=10).reasons == ()
    assert check(market, [2500] * 4, max_providers=9, max_share_pct=11.2).reasons == ()


def test_total_capacity_is_the_first_sum_that_is_named() -> None:
    """Herefordshire's 9,199 h against providers that can carry 8,000 h."""
    market = a_market([4000, 4000], np.ones((2, 5)))
    result = check(market, [1839.8] * 5)
    first = result.reasons[0]
    assert first.place == "the whole map"
    assert first.message == (
        "the 2 providers can carry 8,000 h a week under the caps on hours; 9,199 h are needed.")
    assert first.fix == "Find capacity for 1,199 h more."


def test_lots_that_are_short_together_are_named_together() -> None:
    """Each lot alone could be carried by P0, both not; P1 has hours to spare elsewhere."""
    result = check(a_market([100, 900], [[1, 1, 0], [0, 0, 1]]), [60, 60, 60])
    assert result.reasons[0].place == "lots 1, 2"
    assert "hold 120 h a week together; the 1 provider within reach" in result.reasons[0].message
    assert result.reasons[0].fix == "Find capacity for 20 h more there."


def test_two_caps_that_only_fail_together_are_said_to() -> None:
    """At most 1 provider of at most 50 h for 100 h: neither cap alone can be the remedy."""
    market = a_market([90, 90], np.ones((2, 1)))
    result = check(market, [100], max_providers=1, max_hours_per_provider=40)
    fix = result.reasons[-1].fix
    assert fix.startswith("No one change is known to be enough; together these are: ")
    assert "allow 2 providers" in fix
    assert "raise max_hours_per_provider to 50 (now 40)" in fix
    assert check(market, [100], max_providers=2, max_hours_per_provider=50).reasons == ()


def test_a_lower_reach_that_would_do_is_named() -> None:
    market = a_market([60, 60], [[1, 1], [0, 1]])
    plan, hours = Plan({"a0": "1", "a1": "1"}), pd.Series({"a0": 60.0, "a1": 40.0})
    result = check_market(market, plan, hours, MarketBrief(providers="p.csv"))
    assert "lower reach_pct to 40 (now 50)" in said(result)
    lower = MarketBrief(providers="p.csv", reach_pct=40)
    assert check_market(market, plan, hours, lower).reasons == ()


def test_no_hours_at_all_need_nobody() -> None:
    result = check(a_market([5], [[1, 1]]), [0, 0], max_share_pct=10)
    assert result.reasons == ()
    assert result.sharing is not None
    assert result.sharing.empty
    assert result.sharing.columns.to_list() == ["provider_id", "lot", "weekly_hours"]


def test_plan_hours_and_market_have_to_be_of_the_same_areas() -> None:
    market, (plan, hours) = a_market([5], [[1, 1]]), an_area_a_lot([1, 1])
    brief = MarketBrief(providers="p.csv")
    with pytest.raises(PlanError, match="not on the map"):
        check_market(market, plan, pd.concat([hours, pd.Series({"zz": 1.0})]), brief)
    with pytest.raises(PlanError, match="not on the map"):
        check_market(market, plan, hours.iloc[:1], brief)


# ---- Against brute force -------------------------------------------------------------------------


def can_be_shared(terms: Terms) -> bool:
    """Try every choice of providers and of their lots, with a maximum flow in each."""
    providers, _ = terms.reach.shape
    live = np.flatnonzero(terms.demand).tolist()
    hours = [min([int(h), *(c for c in (terms.max_hours, terms.max_share) if c is not None)])
             for h in terms.own_hours]
    chosen = min(providers, providers if terms.max_providers is None else terms.max_providers)
    lots = []
    for i in range(providers):
        within = [j for j in live if terms.reach[i, j]]
        most = min(int(terms.own_lots[i]), terms.max_lots or len(within), len(within))
        lots.append(list(itertools.combinations(within, most)))
    for some_providers in itertools.combinations(range(providers), chosen):
        for parts in itertools.product(*(lots[i] for i in some_providers)):
            graph: nx.DiGraph[str] = nx.DiGraph()
            graph.add_nodes_from(["from", "to"])
            for j in live:
                graph.add_edge("from", f"l{j}", capacity=int(terms.demand[j]))
            for i, part in zip(some_providers, parts, strict=True):
                graph.add_edge(f"p{i}", "to", capacity=hours[i])
                graph.add_edges_from((f"l{j}", f"p{i}") for j in part)
            if nx.maximum_flow_value(graph, "from", "to") == terms.demand.sum():
                return True
    return False


@st.composite
def tiny_terms(draw: st.DrawFn) -> Terms:
    providers, lots = draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def whole(low: int, high: int, size: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)))

    def cap(high: int) -> int | None:
        return draw(st.none() | st.integers(1, high))

    return Terms(
        demand=whole(0, 9, lots), own_hours=whole(1, 12, providers),
        own_lots=whole(1, lots, providers),
        reach=whole(0, 3, providers * lots).reshape(providers, lots) > 0,
        max_hours=cap(10), max_share=cap(10), max_lots=cap(lots), max_providers=cap(providers),
    )


@SLOW
@given(tiny_terms())
def test_a_sharing_out_is_found_exactly_when_brute_force_finds_one(terms: Terms) -> None:
    answer = carry(terms)
    assert answer.proven
    assert (answer.units is not None) == can_be_shared(terms)
    if answer.units is not None:
        assert terms.admits(answer.units)
        assert possible(terms)


@SLOW
@given(tiny_terms())
def test_the_least_that_a_cap_has_to_give_way_is_brute_forces(terms: Terms) -> None:
    if can_be_shared(terms):
        return
    for cap, key, most in (
        (Cap.PROVIDERS, "max_providers", len(terms.own_hours)),
        (Cap.LOTS, "max_lots", len(terms.demand)),
        (Cap.HOURS, "max_hours", terms.total),
        (Cap.SHARE, "max_share", terms.total),
    ):
        now = getattr(terms, key)
        if now is None:
            continue
        answer = carry(terms, {cap}, cap)
        least = next(
            (v for v in range(now, most + 1) if can_be_shared(replace(terms, **{key: v}))), None)
        assert answer.proven
        assert answer.value == least
        if least is not None:
            assert answer.units is not None
            assert changed(terms, cap, answer).admits(answer.units)


@SLOW
@given(tiny_terms())
def test_what_providers_would_have_to_change_is_enough(terms: Terms) -> None:
    """Own hours, own lots, reach: the change is real (above 0) and the sharing-out keeps to it."""
    if can_be_shared(terms):
        return
    for cap in (Cap.OWN_HOURS, Cap.OWN_LOTS, Cap.REACH, Cap.DEMAND):
        answer = carry(terms, {cap}, cap)
        assert answer.units is not None or cap != Cap.DEMAND
        if answer.units is not None:
            assert answer.value is not None
            assert answer.value > 0
            after = changed(terms, cap, answer)
            assert after.admits(answer.units)
            assert can_be_shared(after)


@SLOW
@given(tiny_terms(), st.data())
def test_the_hours_left_over_are_the_fewest(terms: Terms, data: st.DataObject) -> None:
    """No smaller cut in any one lot would do: brute force over one unit less."""
    answer = carry(terms, {Cap.DEMAND}, Cap.DEMAND)
    assert answer.units is not None
    left = terms.demand - answer.units.sum(axis=0)
    assert int(left.sum()) == answer.value
    if answer.value == 0:
        assert can_be_shared(terms)
        return
    smaller = answer.value - 1
    cuts = [c for c in itertools.product(*(range(int(d) + 1) for d in terms.demand))
            if sum(c) == smaller]
    for cut in data.draw(st.permutations(cuts))[:10]:
        assert not can_be_shared(replace(terms, demand=terms.demand - np.array(cut)))


@given(tiny_terms())
def test_the_flow_carries_what_it_can_and_its_cut_proves_it(terms: Terms) -> None:
    units, short = flow(terms)
    assert (units >= 0).all()
    assert not units[~terms.reach].any()
    assert (units.sum(axis=0) <= terms.demand).all()
    assert (units.sum(axis=1) <= terms.hours_cap).all()
    within = terms.reach[:, short].any(axis=1)
    missing = int(terms.demand[short].sum() - terms.hours_cap[within].sum())
    assert int(units.sum()) == terms.total - max(missing, 0)


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_fewer_parts_with_the_same_sums(providers: int, lots: int, data: st.DataObject) -> None:
    cells = data.draw(st.lists(
        st.integers(0, 20), min_size=providers * lots, max_size=providers * lots))
    units = np.array(cells, dtype=np.int64).reshape(providers, lots)
    forest = to_forest(units)
    assert (forest.sum(axis=0) == units.sum(axis=0)).all()
    assert (forest.sum(axis=1) == units.sum(axis=1)).all()
    assert (forest >= 0).all()
    assert not (forest[units == 0]).any()
    assert (forest > 0).sum() <= max(providers + lots - 1, 0)


# ---- The whole check, on random markets ----------------------------------------------------------


@st.composite
def small_county(draw: st.DrawFn) -> tuple[Market, Plan, pd.Series[float], MarketBrief]:
    providers, areas = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    lots = draw(st.integers(1, areas))
    hours = pd.Series({
        f"a{j}": draw(st.floats(0, 300, allow_nan=False).map(lambda h: round(h, 3)))
        for j in range(areas)})
    reach = [[draw(st.booleans()) for _ in range(areas)] for _ in range(providers)]
    market = a_market(
        [draw(st.floats(1, 400)) for _ in range(providers)], reach,
        [draw(st.sampled_from([1.0, 2.0, float("nan")])) for _ in range(providers)])
    brief = MarketBrief(
        providers="p.csv", min_providers=draw(st.integers(1, 2)),
        max_providers=draw(st.none() | st.integers(1, 6)),
        max_hours_per_provider=draw(st.none() | st.floats(10, 300)),
        max_share_pct=draw(st.none() | st.floats(5, 100)),
        max_lots_per_provider=draw(st.none() | st.integers(1, 3)),
        reach_pct=draw(st.sampled_from([10.0, 50.0, 100.0])),
    )
    return market, Plan({a: str(int(a[1:]) % lots + 1) for a in hours.index}), hours, brief


@SLOW
@given(small_county())
def test_a_sharing_out_keeps_every_cap_or_there_is_a_reason(
    case: tuple[Market, Plan, pd.Series[float], MarketBrief]
) -> None:
    market, plan, hours, brief = case
    result = check_market(market, plan, hours, brief)
    assert result.proven
    if result.sharing is None:
        assert result.reasons
    else:
        assert breaches(result.sharing, market, plan, hours, brief) == []
    again = check_market(market, plan, hours, brief)
    assert again.reasons == result.reasons
    assert (again.sharing is None) == (result.sharing is None)
    if result.sharing is not None:
        pd.testing.assert_frame_equal(result.sharing, again.sharing)


@SLOW
@given(small_county())
def test_doing_as_the_reason_says_makes_a_sharing_out_possible(
    case: tuple[Market, Plan, pd.Series[float], MarketBrief]
) -> None:
    """Each "any one of these is enough" is tried in a brief; so is what is enough together."""
    market, plan, hours, brief = case
    result = check_market(market, plan, hours, brief)
    if result.sharing is not None:
        return
    fix = result.reasons[-1].fix
    changes: dict[str, float] = {
        key: float(value) for key, value in re.findall(r"(max_\w+|reach_pct) to ([\d.]+)", fix)}
    for number in re.findall(r"llow (\d+) providers", fix):
        changes["max_providers"] = int(number)
    if fix.startswith("No one change") and "find providers" not in fix.lower():
        tries = [changes]
    elif fix.startswith("No one change"):
        tries = []
    else:
        tries = [{key: value} for key, value in changes.items()]
    for change in tries:
        other = MarketBrief.model_validate({**brief.model_dump(), **change})
        assert check_market(market, plan, hours, other).sharing is not None, (fix, change)


@SLOW
@given(small_county())
def test_more_room_never_does_harm(
    case: tuple[Market, Plan, pd.Series[float], MarketBrief]
) -> None:
    """Without the caps, and with the providers in another order, what was possible still is."""
    market, plan, hours, brief = case
    if check_market(market, plan, hours, brief).sharing is None:
        return
    backwards = Market(frame=market.frame.iloc[::-1], works=market.works.iloc[::-1])
    assert check_market(backwards, plan, hours, brief).sharing is not None
    free = MarketBrief(providers="p.csv", reach_pct=brief.reach_pct)
    assert check_market(market, plan, hours, free).sharing is not None


# ---- A county's size (SYSTEMS.md L4, H3) ---------------------------------------------------------


def a_county(lots: int, providers: int, *, seed: int, room: float) -> tuple[
        Market, Plan, pd.Series[float]]:
    """Lots of 2,000 to 3,500 h in seven localities; capacities as skewed as Leicestershire's."""
    rng = np.random.default_rng(seed)
    hours = rng.uniform(2000, 3500, lots)
    hours *= 49_230 / 18 * lots / hours.sum()
    localities = np.arange(lots) * 7 // lots
    there = rng.random((providers, 7)) < 0.3
    there[np.arange(providers), rng.integers(0, 7, providers)] = True
    size = np.sort(rng.lognormal(0, 1.3, providers))[::-1]
    size *= hours.sum() * room / size[:lots].sum()
    plan, demand = an_area_a_lot(hours)
    return a_market(size, there[:, localities]), plan, demand


def test_leicestershire_150_providers_18_lots_at_most_18_providers() -> None:
    """SYSTEMS.md L4: an upper limit of 18 providers and a cap on each one's share can hold."""
    market, plan, hours = a_county(18, 150, seed=4, room=1.6)
    brief = MarketBrief(
        providers="p.csv", min_providers=2, max_providers=18, max_share_pct=9.6,
        max_lots_per_provider=4)
    result = check_market(market, plan, hours, brief)
    assert result.reasons == ()
    assert result.sharing is not None
    assert breaches(result.sharing, market, plan, hours, brief) == []
    assert result.sharing["provider_id"].nunique() <= 18


def test_leicestershire_with_too_few_providers_says_how_many() -> None:
    market, plan, hours = a_county(18, 150, seed=4, room=1.6)
    brief = MarketBrief(providers="p.csv", max_providers=9, max_share_pct=10)
    result = check_market(market, plan, hours, brief)
    assert result.proven
    assert "9 providers with at most 10 % of the hours each can carry 44,307 h" in said(result)
    enough = int(re.findall(r"llow (\d+) providers \(max_providers, now 9\)", said(result))[0])
    more = brief.model_copy(update={"max_providers": enough})
    assert check_market(market, plan, hours, more).sharing is not None


@pytest.mark.parametrize("least", [1, 2, 3])
def test_herefordshire_1_to_3_providers_a_lot(least: int) -> None:
    """SYSTEMS.md H3: a provider has one lot only, and each lot 1 to 3 providers to choose from."""
    zones = [1682, 2174, 1295, 2352, 1696]
    market = a_market([2500] * 8, [[1] * 5] * 3 + [[j == i for j in range(5)] for i in range(5)])
    result = check(
        market, zones, min_providers=least, max_lots_per_provider=1, max_providers=8)
    assert result.reasons == ()
    assert result.reach["providers"].to_list() == [4] * 5
    assert result.sharing is not None
    assert result.sharing.groupby("lot").size().between(1, 3).all()


def test_sixty_lots_and_two_hundred_providers_are_settled() -> None:
    market, plan, hours = a_county(60, 200, seed=2, room=1.5)
    brief = MarketBrief(
        providers="p.csv", max_providers=60, max_lots_per_provider=6, max_share_pct=10)
    result = check_market(market, plan, hours, brief)
    assert result.reasons == ()
    assert result.proven
    assert result.sharing is not None
    assert breaches(result.sharing, market, plan, hours, brief) == []


@pytest.mark.parametrize("county", ["leicestershire", "herefordshire"])
def test_the_sample_of_a_new_project_reads(tmp_path: Path, county: str) -> None:
    """The table that ``lotting new`` writes is one that the reader takes as it is."""
    from lotting.areas import read_areas
    from lotting.brief import load_brief
    from lotting.scaffold import new_project

    new_project(tmp_path / county, county)
    brief = load_brief(tmp_path / county)
    read = read_areas(brief.areas)
    market = read_market(MarketBrief(providers=tmp_path / county / "providers.csv"), read.areas)
    assert market.works.any(axis=1).all()
    assert (market.frame["max_weekly_hours"] > 0).all()


# ---- When time runs out --------------------------------------------------------------------------

NO_SUM_FAILS = ([60, 60, 60], np.ones((3, 2)), [80, 80])
"""Enough hours and lots by every sum, yet no sharing-out: each lot needs two of three providers."""


def test_what_only_the_exact_model_can_tell_is_proven_by_it() -> None:
    capacity, reach, hours = NO_SUM_FAILS
    result = check(a_market(capacity, reach), hours, max_lots_per_provider=1)
    assert result.proven
    assert [r.proven for r in result.reasons] == [True]
    assert "raise max_lots_per_provider to 2 (now 1)" in said(result)


def test_an_unfinished_search_is_not_passed_off_as_a_proof(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    capacity, reach, hours = NO_SUM_FAILS
    monkeypatch.setattr(
        sharing_model, "_solve", lambda *_: sharing_model.Answer(units=None, proven=False))
    result = check(a_market(capacity, reach), hours, max_lots_per_provider=1)
    assert result.sharing is None
    assert not result.proven
    assert [r.proven for r in result.reasons] == [False]
    assert "which is no proof that there is none" in said(result)


def test_a_sharing_out_that_turns_up_late_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question itself ran out of time, but a change tried afterwards turned out to be none."""
    def late(terms: Terms, *args: object, thorough: bool = False) -> sharing_model.Answer:
        if thorough:
            return sharing_model.Answer(units=None, proven=False)
        return carry(terms, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(sharing, "carry", late)
    result = check(a_market([100, 100], np.ones((2, 2))), [50, 50], max_providers=1)
    assert result.reasons == ()
    assert result.proven
    assert result.sharing is not None
