"""The check of a plan: for every rule the case that passes beside the one that fails."""

from __future__ import annotations

import ast
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_map import toy_areas, toy_demand, toy_graph

import lotting.check
from lotting.brief import LocksBrief, LotsBrief
from lotting.check import TOLERANCE_HOURS, Rules, check_plan
from lotting.plan import Plan

# a00 a01 a02 a03 in a row, two localities of two areas each
AREAS = toy_areas(1, 4, ["x", "x", "y", "y"])
GRAPH = toy_graph(1, 4)
DEMAND = toy_demand(AREAS, [10, 20, 30, 40])


def plan(lots: str) -> Plan:
    return Plan(dict(zip(AREAS.index, lots, strict=True)))


def broken(lots: str, **rules) -> list[str]:
    return [v.rule for v in check_plan(plan(lots), AREAS, GRAPH, DEMAND, Rules(**rules))]


@pytest.mark.parametrize(("lots", "rules", "expected"), [
    ("1234", {"number": 4}, []),
    ("1234", {"number": 3}, ["number"]),
    ("1234", {"number": (3, 4)}, []),
    ("1234", {"number": (5, 6)}, ["number"]),
    ("1122", {"per_locality": {"x": 1, "y": 1}}, []),
    ("1122", {"per_locality": {"x": 2, "y": 1}}, ["per_locality"]),
    ("1122", {"per_locality": {"x": 1}}, ["per_locality"]),
    ("1122", {"per_locality": {"x": 1, "y": 1, "z": 1}}, ["per_locality"]),
    ("1223", {"across_localities": True}, []),
    ("1223", {}, ["locality"]),
    ("1212", {"across_localities": True}, ["connected", "connected"]),
    ("1122", {"min_hours": 30}, []),
    ("1122", {"min_hours": 30 + 1e-7}, []),
    ("1122", {"min_hours": 30.01}, ["min_hours"]),
    ("1122", {"max_hours": 70}, []),
    ("1122", {"max_hours": 70 - 1e-7}, []),
    ("1122", {"max_hours": 69.99}, ["max_hours"]),
    # x holds 30 in lots of 10 and 20: a third off their mean of 15
    ("1233", {"tolerance_pct": 33.4}, []),
    ("1233", {"tolerance_pct": 33.3}, ["min_hours", "max_hours"]),
    # and the county's mean is 100 / 3 when lots may cross
    ("1233", {"tolerance_pct": 110, "across_localities": True}, []),
    ("1233", {"tolerance_pct": 69, "across_localities": True}, ["min_hours", "max_hours"]),
    ("1122", {"tolerance_pct": 40, "target_hours": 50}, []),
    ("1122", {"tolerance_pct": 39, "target_hours": 50}, ["min_hours", "max_hours"]),
    # the narrower of limit and tolerance counts
    ("1122", {"tolerance_pct": 40, "target_hours": 50, "max_hours": 69}, ["max_hours"]),
    ("1122", {"tolerance_pct": 40, "target_hours": 50, "max_hours": 90}, []),
    ("1122", {"target_hours": 50}, []),
    ("1122", {"together": (("a00", "a01"),)}, []),
    ("1233", {"together": (("a00", "a01"),)}, ["together"]),
    ("1122", {"together": (("a00", "nowhere"),)}, ["together"]),
    ("1122", {"apart": (("a00", "a02"),)}, []),
    ("1122", {"apart": (("a00", "a01"),)}, ["apart"]),
    ("1122", {"lot_locks": {"a00": "1"}}, []),
    ("1122", {"lot_locks": {"a00": "2"}}, ["lot"]),
])
def test_each_rule(lots, rules, expected):
    """The rule is named when it is broken, and only then."""
    assert broken(lots, **rules) == expected


def test_a_plan_that_does_not_fit_the_map_is_told_so():
    """Areas without a lot, lots for unknown areas, and the hours that get lost with them."""
    odd = Plan({"a00": "1", "a01": "1", "a02": "2", "elsewhere": "2"})
    found = check_plan(odd, AREAS, GRAPH, DEMAND, Rules())
    assert [v.rule for v in found] == ["complete", "known", "hours"]
    assert found[0].areas == ("a03",)
    assert found[1].areas == ("elsewhere",)
    assert (found[2].value, found[2].limit) == (60.0, 100.0)


def test_demand_outside_the_map_is_hours_lost():
    """Hours of an area that the map does not have are in no lot."""
    demand = toy_demand(toy_areas(1, 5), [10, 20, 30, 40, 1])
    found = check_plan(plan("1122"), AREAS, GRAPH, demand, Rules())
    assert [v.rule for v in found] == ["hours"]


def test_violations_say_what_how_much_and_what_is_allowed():
    """In hours, with the lot, for the terminal."""
    found = check_plan(plan("1122"), AREAS, GRAPH, DEMAND, Rules(min_hours=35.5))
    assert str(found[0]) == (
        "min_hours: lot 1 holds 30.00 h a week, 5.50 below its least of 35.50 (min_hours)."
    )
    assert (found[0].lot, found[0].value, found[0].limit) == ("1", 30.0, 35.5)


def test_the_stray_areas_of_a_lot_in_pieces_are_named():
    """The largest piece is the lot; the rest is what to mend."""
    areas, graph = toy_areas(1, 5), toy_graph(1, 5)
    lots = Plan(dict(zip(areas.index, "11211", strict=True)))
    [found] = check_plan(lots, areas, graph, toy_demand(areas, [1] * 5), Rules())
    assert found.rule == "connected"
    assert found.value == 2
    lots = Plan(dict(zip(areas.index, "11121", strict=True)))
    [found] = check_plan(lots, areas, graph, toy_demand(areas, [1] * 5), Rules())
    assert found.areas == ("a04",)


def test_rules_come_from_the_brief():
    """Every rule the brief can set arrives."""
    lots = LotsBrief(number=4, per_locality={"x": 2, "y": 2}, min_hours=1, max_hours=9,
                     tolerance_pct=5, target_hours=4)
    locks = LocksBrief(together=[["a00", "a01"]], apart=[("a02", "a03")], lot={"a00": "1"})
    rules = Rules.from_brief(lots, locks)
    assert rules == Rules(
        number=4, per_locality={"x": 2, "y": 2}, min_hours=1, max_hours=9, tolerance_pct=5,
        target_hours=4, together=(("a00", "a01"),), apart=(("a02", "a03"),),
        lot_locks={"a00": "1"},
    )


def test_the_check_shares_nothing_with_the_solver_or_the_measures():
    """Only the plan, the brief and the errors are imported from the package."""
    tree = ast.parse(inspect.getsource(lotting.check))
    ours = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level}
    assert ours == {"brief", "errors", "plan", "demand"}, "demand only for its type"


@given(lots=st.lists(st.sampled_from("123"), min_size=4, max_size=4),
       low=st.integers(0, 60), high=st.integers(40, 100))
@settings(max_examples=200, deadline=None)
def test_a_plan_passes_exactly_when_every_lot_keeps_its_limits(lots, low, high):
    """Against sums and runs done here, on a row of areas that may be cut anywhere."""
    hours = [10, 20, 30, 40]
    runs = [lot for i, lot in enumerate(lots) if i == 0 or lots[i - 1] != lot]
    sums = {lot: sum(h for h, name in zip(hours, lots, strict=True) if name == lot)
            for lot in set(lots)}
    good = len(runs) == len(set(runs)) and all(low <= s <= high for s in sums.values())
    rules = {"min_hours": low, "max_hours": high, "across_localities": True}
    assert (broken("".join(lots), **rules) == []) == good


def test_the_tolerance_is_far_below_anything_a_brief_means():
    """Less than a second of care a week."""
    assert TOLERANCE_HOURS * 3600 < 1


def test_leicestershire_published_lots_against_limits_they_miss(shared):
    """Published limits of 2,000 to 3,500: the lots outside them by hours added up here."""
    import geopandas as gpd
    import networkx as nx
    import pandas as pd

    units = shared / "geo" / "units"
    raw = gpd.read_file(units / "leicestershire.gpkg", layer="lsoa21").set_index("LSOA21CD")
    raw = raw.sort_index().rename_axis(index="area_code")
    lots = pd.read_csv(units / "leicestershire_published_lots.csv", dtype=str)
    lots = lots.set_index("area_code").reindex(raw.index)
    areas = raw[["geometry"]].assign(locality=lots["locality"])
    pairs = pd.read_csv(units / "leicestershire_adjacency.csv")
    graph = nx.Graph(list(zip(pairs["lsoa_a"], pairs["lsoa_b"], strict=True)))
    hours = 49_230 * raw["pop75_mid2020"] / raw["pop75_mid2020"].sum()
    rules = Rules(number=18, min_hours=2000, max_hours=3500)
    found = check_plan(Plan(lots["lot"]), areas, graph, toy_demand(areas, hours.tolist()), rules)
    load = hours.groupby(lots["lot"]).sum()
    outside = set(load.index[(load < 2000) | (load > 3500)])
    assert {v.lot for v in found} == outside
    assert {v.rule for v in found} == {"min_hours", "max_hours"}
