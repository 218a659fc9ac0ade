"""Two plans side by side."""

from __future__ import annotations

import pandas as pd
import pytest
from toy_map import toy_areas, toy_demand, toy_graph

from lotting.compare import compare_plans
from lotting.errors import PlanError
from lotting.plan import Plan

AREAS = toy_areas(2, 4)
GRAPH = toy_graph(2, 4)
DEMAND = toy_demand(AREAS, [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 2, 3, 3, 4, 4])
A = Plan({a: ("10" if i % 4 < 2 else "2") for i, a in enumerate(AREAS.index)})


def test_the_same_plan_under_other_names_is_the_same():
    """A renamed lot is no change."""
    b = Plan({a: "lot " + lot for a, lot in A.lots.items()})
    result = compare_plans(A, b, AREAS, GRAPH, DEMAND)
    assert result.same
    assert "The plans are the same" in result.to_text()
    assert result.pairs.empty
    assert (result.plans["difference"].dropna() == 0).all()
    assert dict(zip(result.lots["lot_a"], result.lots["lot_b"], strict=True)) == {
        "2": "lot 2", "10": "lot 10"}


def test_what_moves_adds_up_over_pairs_areas_and_all():
    """Areas, hours and people: changed areas = pairs = totals."""
    b = A.move({"a01": "2", "a02": "10", "a05": "2"})
    result = compare_plans(A, b, AREAS, GRAPH, DEMAND)
    assert sorted(result.areas.index) == ["a01", "a02", "a05"]
    assert result.pairs.to_dict("records") == [
        {"lot_a": "10", "lot_b": "2", "areas": 2, "weekly_hours": 8.0, "people": 4},
        {"lot_a": "2", "lot_b": "10", "areas": 1, "weekly_hours": 3.0, "people": 2},
    ]
    assert result.weekly_hours_moved == 11.0 == result.pairs["weekly_hours"].sum()
    assert result.change.total == 6 == result.pairs["people"].sum()
    assert result.frames().keys() == {"plans", "lots", "pairs", "areas"}


def test_measures_stand_side_by_side_for_the_lots_that_follow_each_other():
    """Lot 10 loses a01 (2 h) and a05 (6 h) to lot 2."""
    b = A.move({"a01": "2", "a05": "2"})
    lots = compare_plans(A, b, AREAS, GRAPH, DEMAND).lots.set_index("lot_b")
    assert lots.loc["10", ["weekly_hours_a", "weekly_hours_b"]].tolist() == [14.0, 6.0]
    assert lots.loc["2", ["weekly_hours_a", "weekly_hours_b"]].tolist() == [22.0, 30.0]


def test_a_lot_more_and_a_lot_less():
    """A new lot follows none; a lot that nothing follows is still listed."""
    three = A.move({"a00": "new"})
    result = compare_plans(A, three, AREAS, GRAPH, DEMAND)
    assert list(zip(result.lots["lot_a"], result.lots["lot_b"], strict=True)) == [
        ("2", "2"), ("10", "10"), ("", "new")]
    back = compare_plans(three, A, AREAS, GRAPH, DEMAND)
    assert list(zip(back.lots["lot_a"], back.lots["lot_b"], strict=True)) == [
        ("2", "2"), ("10", "10"), ("new", "")]
    assert pd.isna(back.lots["weekly_hours_b"].iloc[-1])
    assert back.plans.loc["lots", "difference"] == -1


@pytest.mark.parametrize("width", [72, 80, 120])
def test_the_text_fits_the_terminal(width):
    """No line is longer, also with long names."""
    long = Plan({a: f"lot {lot} with a name as long as only a council can think of one"
                 for a, lot in A.move({"a01": "2"}).lots.items()})
    text = compare_plans(A, long, AREAS, GRAPH, DEMAND, names=("today/" * 30, "new")).to_text(width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "1 people (5.0 %)" in text


def test_people_are_left_out_where_they_are_not_known():
    """Hours and areas are counted; no people are made up."""
    demand = toy_demand(AREAS, [1] * 8)
    result = compare_plans(A, A.move({"a01": "2"}), AREAS, GRAPH, demand)
    assert result.pairs["people"].isna().all()
    assert "people" not in result.to_text().split("Lots")[0]


def test_plans_of_other_areas_are_refused():
    """A plan that misses an area is not comparable."""
    with pytest.raises(PlanError, match="have no lot"):
        compare_plans(A, Plan({"a00": "1"}), AREAS, GRAPH, DEMAND)


def test_leicestershire_published_lots_against_their_localities(shared):
    """18 lots against 7 localities: every locality is followed by its largest lot."""
    import geopandas as gpd
    import networkx as nx

    units = shared / "geo" / "units"
    raw = gpd.read_file(units / "leicestershire.gpkg", layer="lsoa21").set_index("LSOA21CD")
    raw = raw.sort_index().rename_axis(index="area_code")
    lots = pd.read_csv(units / "leicestershire_published_lots.csv", dtype=str)
    lots = lots.set_index("area_code").reindex(raw.index)
    areas = raw[["geometry"]].assign(
        area_name=raw["LSOA21NM"], locality=lots["locality"], rural=raw["rural"] == 1,
        x_m=raw["pc_x"].astype(float), y_m=raw["pc_y"].astype(float),
    )
    pairs = pd.read_csv(units / "leicestershire_adjacency.csv")
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        pairs.itertuples(index=False, name=None), weight="shared_m"
    )
    hours = 49_230 * raw["pop75_mid2020"] / raw["pop75_mid2020"].sum()
    demand = toy_demand(areas, hours.tolist())
    result = compare_plans(
        Plan(lots["locality"]), Plan(lots["lot"]), areas, graph, demand
    )
    by_lot = hours.groupby([lots["locality"], lots["lot"]]).sum()
    assert result.change.total == pytest.approx(
        hours.sum() - by_lot.groupby(level=0).max().sum()
    )
    assert result.plans.loc["hess_cost", "b"] == pytest.approx(1_134_700, abs=50)
