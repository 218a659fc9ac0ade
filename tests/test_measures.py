"""Measures against sums done by hand, brute force and published figures."""

from __future__ import annotations

import itertools
import json
import math

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point
from toy_map import toy_areas, toy_demand, toy_graph

from lotting import measures
from lotting.errors import PlanError
from lotting.plan import Plan

HALVES = Plan({f"a{i:02d}": ("10" if i % 4 < 2 else "2") for i in range(8)})


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    return toy_areas(2, 4)


@pytest.fixture
def graph() -> nx.Graph[str]:
    return toy_graph(2, 4)


def test_every_measure_is_a_series_by_lot_in_natural_order(areas, graph):
    """Lot 2 comes before lot 10, the index is called lot, and the name is the measure's."""
    demand = toy_demand(areas, range(8), range(8))
    series = {
        "weekly_hours": measures.weekly_hours(demand, HALVES),
        "annual_hours": measures.annual_hours(demand, HALVES),
        "people": measures.people(demand, HALVES),
        "packages": measures.packages(demand, HALVES),
        "areas": measures.area_count(HALVES),
        "locality": measures.locality(areas, HALVES),
        "target_hours": measures.target_hours(areas, demand, HALVES),
        "deviation_hours": measures.deviation_hours(demand, HALVES, 10),
        "deviation_pct": measures.deviation_pct(demand, HALVES, 10),
        "area_km2": measures.area_km2(areas, HALVES),
        "rural_pct": measures.rural_pct(areas, demand, HALVES),
        "centre": measures.centre(areas, demand, HALVES),
        "hess_cost": measures.hess_cost(areas, demand, HALVES),
        "distance_km": measures.distance_km(areas, demand, HALVES),
        "pieces": measures.pieces(graph, HALVES),
        "connected": measures.is_connected(graph, HALVES),
        "cut_km": measures.cut_km(graph, HALVES),
        "cut_edges": measures.cut_edges(graph, HALVES),
        "polsby_popper": measures.polsby_popper(areas, HALVES),
        "reock": measures.reock(areas, HALVES),
    }
    table = measures.lot_table(areas, graph, demand, HALVES, target=10)
    for name, values in series.items():
        assert isinstance(values, pd.Series)
        assert values.name == name
        assert values.index.name == "lot"
        assert list(values.index) == ["2", "10"]
        if name != "target_hours":  # the table was given another
            pd.testing.assert_series_equal(table[name], values)


def test_sums_done_by_hand(areas, graph):
    """Two halves of a 2 by 4 county: hours, deviation, land, rural share and boundary."""
    demand = toy_demand(areas, [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 2, 2, 2, 2])
    table = measures.lot_table(areas, graph, demand, HALVES)
    assert table["weekly_hours"].to_dict() == {"2": 22.0, "10": 14.0}
    assert table["annual_hours"].to_dict() == {"2": 1144.0, "10": 728.0}
    assert table["people"].to_dict() == {"2": 6, "10": 6}
    assert table["target_hours"].to_dict() == {"2": 18.0, "10": 18.0}
    assert table["deviation_hours"].to_dict() == {"2": 4.0, "10": -4.0}
    assert table["deviation_pct"].to_dict() == pytest.approx({"2": 400 / 18, "10": -400 / 18})
    assert table["area_km2"].to_dict() == {"2": 4.0, "10": 4.0}
    assert table["rural_pct"].to_dict() == pytest.approx({"2": 0.0, "10": 600 / 14})
    assert table["cut_km"].to_dict() == {"2": 2.0, "10": 2.0}
    assert table["cut_edges"].to_dict() == {"2": 2, "10": 2}
    facts = measures.plan_facts(areas, graph, demand, HALVES)
    assert facts["cut_km"] == 2.0, "a boundary counts once for the plan"
    assert facts["spread_hours"] == 8.0
    assert facts["largest_deviation_pct"] == pytest.approx(400 / 18)
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize(("weekly", "annual"), [
    (1355, 70_460), (975, 50_700), (2330, 121_160), (1682, 87_464), (2174, 113_048),
    (1696, 88_192), (2352, 122_304), (1295, 67_340), (9199, 478_348),
])
def test_a_year_is_52_weeks_as_herefordshire_published_it(weekly, annual):
    """Every row of H1: annual hours are weekly hours x 52."""
    demand = toy_demand(toy_areas(1, 1), [weekly], [1])
    assert measures.annual_hours(demand, Plan({"a00": "A"})).to_dict() == {"A": annual}


def test_leicestershire_published_lots_cost_what_the_issue_says(shared):
    """1,134,700 h x km2 (to 100), hours by 75+, between the areas' pc_x, pc_y points."""
    units = shared / "geo" / "units"
    raw = gpd.read_file(units / "leicestershire.gpkg", layer="lsoa21").set_index("LSOA21CD")
    raw = raw.sort_index().rename_axis(index="area_code")
    lots = pd.read_csv(units / "leicestershire_published_lots.csv", dtype=str)
    lots = lots.set_index("area_code")
    areas = raw[["geometry"]].assign(
        x_m=raw["pc_x"].astype(float), y_m=raw["pc_y"].astype(float),
        rural=raw["rural"].astype(bool), locality=lots["locality"].reindex(raw.index),
    )
    hours = 49_230 * raw["pop75_mid2020"] / raw["pop75_mid2020"].sum()
    demand = toy_demand(areas, hours.tolist())
    plan = Plan(lots["lot"])
    cost = measures.hess_cost(areas, demand, plan)
    assert round(cost.sum(), -2) == 1_134_700
    assert measures.weekly_hours(demand, plan).sum() == pytest.approx(49_230)
    melton = measures.locality(areas, plan) == "Melton, Rutland & Harborough"
    assert round(measures.weekly_hours(demand, plan)[melton].sum()) == 10_518


@given(
    points=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 20)),
        min_size=1, max_size=12,
    ),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_the_centre_is_the_best_of_all_areas_by_brute_force(points, data):
    """Hess cost and centre equal the least over all areas of the lot, summed pair by pair."""
    areas = toy_areas(1, len(points))
    areas["x_m"] = [1000.0 * p[0] for p in points]
    areas["y_m"] = [1000.0 * p[1] for p in points]
    demand = toy_demand(areas, [p[2] for p in points])
    lots = data.draw(st.lists(st.sampled_from("AB"), min_size=len(points), max_size=len(points)))
    plan = Plan(dict(zip(areas.index, lots, strict=True)))
    costs = measures.hess_cost(areas, demand, plan)
    centres = measures.centre(areas, demand, plan)
    for lot in plan.lot_names:
        inside = [i for i, name in enumerate(lots) if name == lot]
        by_centre = [
            sum(points[i][2] * ((points[i][0] - points[c][0]) ** 2
                                + (points[i][1] - points[c][1]) ** 2) for i in inside)
            for c in inside
        ]
        assert costs[lot] == pytest.approx(min(by_centre))
        first = inside[by_centre.index(min(by_centre))]
        assert centres[lot] == areas.index[first], "ties go to the first area"


def test_distance_is_the_mean_over_hours_and_missing_without_hours(areas):
    """Hours 1 and 3 at 0 and 1 km from the centre (the larger) are 0.25 km away on average."""
    demand = toy_demand(areas, [1, 3, 0, 0, 0, 0, 0, 0])
    plan = Plan({a: ("A" if i < 2 else "B") for i, a in enumerate(areas.index)})
    distance = measures.distance_km(areas, demand, plan)
    assert distance["A"] == pytest.approx(0.25)
    assert math.isnan(distance["B"])
    assert measures.centre(areas, demand, plan)["B"] == "a02"
    assert math.isnan(measures.rural_pct(areas, demand, plan)["B"])


def test_rural_share_is_missing_where_it_is_not_known(areas):
    """False everywhere means nothing when nobody said which areas are rural."""
    demand = toy_demand(areas, [1] * 8)
    assert measures.rural_pct(areas, demand, HALVES).tolist() == [0.0, 50.0]
    areas.attrs["rural_known"] = False
    assert measures.rural_pct(areas, demand, HALVES).isna().all()


def test_people_are_missing_where_the_input_does_not_say(areas, graph):
    """0 people would be a statement; NA is none."""
    table = measures.lot_table(areas, graph, toy_demand(areas, [1] * 8), HALVES)
    assert table[["people", "packages"]].isna().all().all()
    facts = measures.plan_facts(areas, graph, toy_demand(areas, [1] * 8), HALVES)
    assert facts["people"] is None


def test_hours_by_payer_add_up_and_those_without_a_payer_are_named(areas):
    """Rows add up to the lot's hours; "not stated" comes last; no payers, no columns."""
    demand = toy_demand(areas, range(1, 9), range(8), payers=["NHS", "", "LCC", "NHS"])
    table = measures.hours_by_payer(demand, HALVES)
    assert list(table.columns) == ["LCC", "NHS", "not stated"]
    assert table.sum(axis=1).to_dict() == measures.weekly_hours(demand, HALVES).to_dict()
    assert measures.people_by_payer(demand, HALVES).sum().sum() == 28
    assert measures.hours_by_payer(toy_demand(areas, [1] * 8), HALVES).shape == (2, 0)


def test_a_target_is_the_mean_of_the_locality_unless_lots_cross():
    """Lots nested in localities share their locality's hours; else the county's."""
    areas = toy_areas(1, 4, ["x", "x", "y", "y"])
    demand = toy_demand(areas, [1, 3, 10, 20])
    nested = Plan(dict(zip(areas.index, "1233", strict=True)))
    assert measures.target_hours(areas, demand, nested).tolist() == [2.0, 2.0, 30.0]
    assert measures.locality(areas, nested).tolist() == ["x", "x", "y"]
    crossing = Plan(dict(zip(areas.index, "1223", strict=True)))
    assert measures.target_hours(areas, demand, crossing).tolist() == pytest.approx([34 / 3] * 3)
    assert measures.locality(areas, crossing)["2"] == "x; y"
    assert measures.target_hours(
        areas, demand, nested, across_localities=True
    ).tolist() == pytest.approx([34 / 3] * 3)


def test_a_target_must_name_every_lot(areas):
    """A target by lot that forgets one is a mistake, not a zero."""
    demand = toy_demand(areas, [1] * 8)
    assert measures.deviation_hours(demand, HALVES, pd.Series({"2": 4.0, "10": 3.0})).tolist() == [
        0.0, 1.0]
    with pytest.raises(ValueError, match="1 lots: 10"):
        measures.deviation_hours(demand, HALVES, pd.Series({"2": 4.0}))
    assert measures.deviation_pct(demand, HALVES, 0.0).isna().all()


def test_a_lot_in_two_pieces_is_not_connected(areas, graph):
    """The two ends of the county are two pieces; a bridge makes them one."""
    plan = Plan({a: ("A" if i % 4 in {0, 3} else "B") for i, a in enumerate(areas.index)})
    assert measures.pieces(graph, plan).to_dict() == {"A": 2, "B": 1}
    assert measures.is_connected(graph, plan).to_dict() == {"A": False, "B": True}
    graph.add_edge("a00", "a03", shared_m=0.0, kind="bridge")
    assert measures.is_connected(graph, plan)["A"]


def test_compactness_of_shapes_with_known_scores():
    """A square is pi/4 by Polsby-Popper and 2/pi by Reock; a near-circle is near 1."""
    square = toy_areas(2, 2)
    one = Plan(dict.fromkeys(square.index, "A"))
    assert measures.polsby_popper(square, one)["A"] == pytest.approx(math.pi / 4)
    assert measures.reock(square, one)["A"] == pytest.approx(2 / math.pi)
    disc = toy_areas(1, 1)
    disc["geometry"] = [Point(0, 0).buffer(1000, quad_segs=64)]
    assert measures.polsby_popper(disc, Plan({"a00": "A"}))["A"] == pytest.approx(1, abs=1e-3)


def test_hairline_gaps_do_not_count_as_perimeter():
    """Half a metre between the areas of a lot is a drawing error; five metres are land."""
    for gap, mended in ((0.5, True), (5.0, False)):
        areas = toy_areas(1, 2)
        areas["geometry"] = [areas.geometry.iloc[0], areas.geometry.iloc[1].buffer(
            -gap, join_style="mitre")]
        shape = measures.lot_shapes(areas, Plan(dict.fromkeys(areas.index, "A"))).iloc[0]
        assert shape.is_valid
        assert (shape.geom_type == "Polygon") == mended


def test_clean_lots_are_melted_to_the_square_metre(areas):
    """Lot outlines cover exactly the areas' land and come back untouched."""
    shapes = measures.lot_shapes(areas, HALVES)
    assert shapes.crs == areas.crs
    assert shapes.area.sum() == areas.area.sum()
    assert shapes.length.tolist() == [8000.0, 8000.0]


def test_renaming_lots_moves_nobody(areas):
    """The match is by people, not by name."""
    demand = toy_demand(areas, [1] * 8, range(1, 9))
    renamed = Plan({a: {"2": "X", "10": "2"}[lot] for a, lot in HALVES.lots.items()})
    change = measures.moved(demand, renamed, HALVES)
    assert change.total == 0
    assert change.areas == ()
    assert change.matching == {"2": "10", "X": "2"}


@given(
    people=st.lists(st.integers(0, 9), min_size=6, max_size=6),
    new=st.lists(st.sampled_from("ABC"), min_size=6, max_size=6),
    old=st.lists(st.sampled_from("xyzw"), min_size=6, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_as_few_people_move_as_any_matching_allows(people, new, old):
    """Against every one-to-one matching of lots to zones; and the same both ways."""
    areas = toy_areas(1, 6)
    demand = toy_demand(areas, [1] * 6, people)
    plan = Plan(dict(zip(areas.index, new, strict=True)))
    today = Plan(dict(zip(areas.index, old, strict=True)))
    change = measures.moved(demand, plan, today)
    zones = [*today.lot_names, *[None] * len(plan.lot_names)]
    fewest = min(
        sum(p for p, n, o in zip(people, new, old, strict=True) if follow[n] != o)
        for follow in (
            dict(zip(plan.lot_names, pick, strict=True))
            for pick in itertools.permutations(zones, len(plan.lot_names))
        )
    )
    assert change.total == fewest
    assert change.by_lot.sum() == fewest
    assert measures.moved(demand, today, plan).total == fewest
    took = [z for z in change.matching.values() if z]
    assert len(took) == len(set(took))


def test_hours_stand_in_where_people_are_not_known(areas, graph):
    """The measure says which it is."""
    demand = toy_demand(areas, [1, 2, 3, 4, 5, 6, 7, 8])
    plan = HALVES.move({"a01": "2"})
    change = measures.moved(demand, plan, HALVES)
    assert (change.unit, change.total, change.areas) == ("hours", 2.0, ("a01",))
    table = measures.lot_table(areas, graph, demand, plan, today=HALVES)
    assert table["moved_hours"].to_dict() == {"2": 2.0, "10": 0.0}
    assert table["zone_today"].to_dict() == {"2": "2", "10": "10"}
    facts = measures.plan_facts(areas, graph, demand, plan, today=HALVES)
    assert facts["moved_pct"] == pytest.approx(100 * 2 / 36)
    assert facts["moved_areas"] == 1


def test_a_plan_of_other_areas_is_refused(areas):
    """An area without a lot must not pass for an area without hours."""
    with pytest.raises(PlanError, match="have no lot"):
        measures.weekly_hours(toy_demand(areas, [1] * 8), Plan({"a00": "A"}))


def test_hours_in_are_hours_out(areas, graph):
    """Whatever the plan, the lots hold all hours and nothing else."""
    rng = np.random.default_rng(3)
    demand = toy_demand(areas, rng.random(8).tolist())
    for _ in range(20):
        plan = Plan(dict(zip(areas.index, rng.choice(list("ABC"), 8).tolist(), strict=True)))
        assert measures.weekly_hours(demand, plan).sum() == pytest.approx(demand.total_hours)
        assert measures.deviation_hours(
            demand, plan, measures.target_hours(areas, demand, plan)
        ).sum() == pytest.approx(0, abs=1e-9)
