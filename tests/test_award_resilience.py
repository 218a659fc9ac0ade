"""Failure of providers: the flow against brute force and a linear program written out."""

from __future__ import annotations

import math
from itertools import product

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from allocation.award.resilience import Resilience, find_resilience
from allocation.award.trips import trips_between
from allocation.tender.load import make_case

NOBODY = pd.DataFrame({"provider_id": [], "member_id": [], "share_pct": []}).astype(
    {"provider_id": str, "member_id": str, "share_pct": float})


def table(rows: dict[tuple[str, str], tuple[float, float]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=["lot", "provider_id"])
    return pd.DataFrame(list(rows.values()), columns=["weekly_hours", "rate_gbp"], index=index, dtype=float)


def path(*names: str) -> nx.Graph:
    return nx.path_graph(list(names), create_using=nx.Graph) if names else nx.Graph()


def single(made: Resilience, provider: str) -> pd.Series:
    rows = made.failures
    return rows[(rows["provider_id"] == provider) & (rows["with_provider_id"] == "")].iloc[0]


def test_one_lot_two_providers() -> None:
    """A fails with 70 h; B has 30 h and may take on a third of them: 10 are covered, 60 are left."""
    made = find_resilience(table({("1", "A"): (70, 20), ("1", "B"): (30, 23)}), NOBODY, path("1"),
                           spare_pct=100 / 3)
    row = single(made, "A")
    assert row["stranded_hours"] == 70
    assert row["absorbed_hours"] == pytest.approx(10, abs=2e-3)
    assert row["left_hours"] == pytest.approx(60, abs=2e-3)
    assert row["extra_weekly_gbp"] == pytest.approx(10 * 3, abs=0.01)
    assert row["lots_left"] == "1"
    assert single(made, "B")["left_hours"] == pytest.approx(30 - 70 / 3, abs=2e-3)


def test_next_door_helps_and_two_doors_away_does_not() -> None:
    """Lots 1 - 2 - 3: C in lot 3 cannot help lot 1; B in lot 2 can, and that is said."""
    made = find_resilience(
        table({("1", "A"): (10, 20), ("2", "B"): (40, 21), ("3", "C"): (400, 19)}), NOBODY,
        path("1", "2", "3"), spare_pct=20)
    row = single(made, "A")
    assert (row["absorbed_hours"], row["next_door_hours"], row["left_hours"]) == (8, 8, 2)
    left = made.uncovered.set_index("provider_id").loc["A"]
    assert left["alone"]
    assert left["left_hours"] == 2


def test_the_own_lot_comes_before_a_cheaper_one_next_door() -> None:
    """D next door asks 10 less, but the hours stay with those who are there already."""
    made = find_resilience(
        table({("1", "A"): (10, 20), ("1", "B"): (40, 30), ("2", "D"): (40, 20)}), NOBODY,
        path("1", "2"), spare_pct=50)
    taken = made.takers[made.takers["provider_id"] == "A"]
    assert taken[["taker_id", "weekly_hours", "next_door"]].to_numpy().tolist() == [["B", 10, False]]


def test_only_hours_in_and_around_the_lot_help() -> None:
    """B has 40 h in the lot and 400 h two lots away: the latter are no help here."""
    awarded = table({("1", "A"): (30, 20), ("1", "B"): (40, 20), ("2", "C"): (8, 20), ("3", "B"): (400, 20)})
    row = single(find_resilience(awarded, NOBODY, path("1", "2", "3"), spare_pct=50), "A")
    assert (row["absorbed_hours"], row["next_door_hours"], row["left_hours"]) == (24, 4, 6)


def test_a_failed_member_takes_its_part_of_the_consortium_down() -> None:
    """K is X 60 % and Y 40 %: X's failure strands 60 of 100 h, and Y is there to help."""
    members = pd.DataFrame({"provider_id": ["K", "K"], "member_id": ["X", "Y"], "share_pct": [60.0, 40.0]})
    made = find_resilience(table({("1", "K"): (100, 20)}), members, path("1"), spare_pct=25)
    assert single(made, "X")[["stranded_hours", "absorbed_hours"]].tolist() == [60, 10]
    assert single(made, "K")[["stranded_hours", "absorbed_hours"]].tolist() == [100, 0]


def test_a_failed_lead_takes_its_sub_contractors_down() -> None:
    """L leads with 70 % of its own and 30 % of M's: L's failure strands all, M's only its part."""
    members = pd.DataFrame({"provider_id": "L", "member_id": ["L", "M"], "share_pct": [70.0, 30.0]})
    made = find_resilience(table({("1", "L"): (100, 20)}), members, path("1"), spare_pct=25)
    assert single(made, "L")[["stranded_hours", "absorbed_hours"]].tolist() == [100, 0]
    assert single(made, "M")[["stranded_hours", "absorbed_hours"]].tolist() == [30, 17.5]


def test_rates_are_awarded_then_offered_then_those_next_door() -> None:
    """B takes on lot 1 at its offer there, or at what it has in lot 2 where it made none."""
    awarded = table({("1", "A"): (4, 20), ("2", "B"): (40, 25)})
    offers = pd.DataFrame({"lot": ["1"], "provider_id": ["B"], "rate_gbp": [22.0]})
    asked = find_resilience(awarded, NOBODY, path("1", "2"), spare_pct=50, offers=offers)
    assert single(asked, "A")["extra_weekly_gbp"] == pytest.approx(4 * 2)
    unasked = find_resilience(awarded, NOBODY, path("1", "2"), spare_pct=50)
    assert single(unasked, "A")["extra_weekly_gbp"] == pytest.approx(4 * 5)


def test_pairs_can_be_worse_than_their_parts() -> None:
    """A and B cover for each other; when both fail, nobody does: 10 h left alone, 40 together."""
    made = find_resilience(table({("1", "A"): (20, 20), ("1", "B"): (20, 20)}), NOBODY, path("1"),
                           spare_pct=75, pairs=True)
    pair = made.failures[made.failures["with_provider_id"] != ""].iloc[0]
    assert single(made, "A")["left_hours"] == 5
    assert (pair["left_hours"], pair["worse_hours"]) == (40, 30)
    assert (made.least_cover_pct, made.most_left_hours) == (75, 5)


def test_reserves_are_named_beside_uncovered_hours() -> None:
    """Reserves do not count as cover, but are who to ring."""
    reserves = pd.DataFrame({"lot": ["1", "1"], "provider_id": ["R1", "R2"]})
    made = find_resilience(table({("1", "A"): (20, 20)}), NOBODY, path("1"), spare_pct=25, reserves=reserves)
    assert made.uncovered.loc[0, "reserves"] == "R1, R2"
    assert made.least_cover_pct == 0


def placed(**places: tuple[float, float] | None) -> pd.DataFrame:
    """Lots in a row, each with its position in km."""
    return pd.DataFrame([
        {"lot": lot, "weekly_hours": 100.0, "x_m": None if at is None else 1000 * at[0],
         "y_m": None if at is None else 1000 * at[1]} for lot, at in places.items()])


def trips_of(frame: pd.DataFrame, *edges: tuple[str, str]):
    bids = pd.DataFrame([{"bid_id": "b", "provider_id": "A", "lot": frame["lot"][0], "hourly_rate_gbp": 20,
                          "quality": 50}])
    case = make_case(frame, pd.DataFrame({"provider_id": ["A"]}), bids,
                     neighbours=pd.DataFrame(list(edges), columns=["lot", "neighbour"]))
    return trips_between(case.lots, hours_per_worker=25)


def test_travel_of_those_next_door_by_hand() -> None:
    """10 h taken on 3-4-5 km away: two shifts of 5 h, there and back, 1.35 km by road a km at 25.4 mph.

    What is taken on inside the lot adds nothing; minutes have the 2 of a stop each way.
    """
    trips = trips_of(placed(a=(400, 300), b=(403, 304)), ("a", "b"))
    awarded = table({("a", "A"): (16, 20), ("a", "B"): (12, 20), ("b", "C"): (40, 20)})
    made = find_resilience(awarded, NOBODY, path("a", "b"), spare_pct=50, trips=trips)
    row = single(made, "A")
    assert row["next_door_hours"] == 10
    assert row["extra_weekly_km"] == pytest.approx(2 * 2 * 5 * 1.35)
    assert row["extra_weekly_minutes"] == pytest.approx(2 * 2 * (5 * 1.35 / (25.4 * 1.609344) * 60 + 2))
    taken = made.takers[made.takers["provider_id"] == "A"].set_index("taker_id")
    assert taken["from_lot"].to_dict() == {"B": "a", "C": "b"}
    assert taken.loc["B", ["extra_weekly_km", "extra_weekly_minutes"]].tolist() == [0, 0]
    assert made.hours_per_shift == 5


def test_travel_is_not_known_without_positions() -> None:
    """A lot without a position: NaN where its people would have to come, 0 where nobody has to."""
    trips = trips_of(placed(a=(400, 300), b=None), ("a", "b"))
    awarded = table({("a", "A"): (16, 20), ("b", "C"): (40, 20), ("b", "D"): (100, 20)})
    for known in (trips, None):
        made = find_resilience(awarded, NOBODY, path("a", "b"), spare_pct=50, trips=known)
        assert math.isnan(single(made, "A")["extra_weekly_km"])
        assert single(made, "C")["extra_weekly_km"] == 0
    assert math.isnan(made.hours_per_shift)


def test_of_equal_rates_the_nearest_lot_helps() -> None:
    """C in b is 5 km away, D in c 20 km, at one rate: those of b go; a cheaper rate goes first."""
    trips = trips_of(placed(a=(400, 300), b=(405, 300), c=(420, 300)), ("a", "b"), ("a", "c"))
    graph = nx.Graph([("a", "b"), ("a", "c")])
    for rate, home in ((20, "b"), (19.99, "c")):
        awarded = table({("a", "A"): (10, 20), ("b", "C"): (40, 20), ("c", "D"): (40, rate)})
        made = find_resilience(awarded, NOBODY, graph, spare_pct=50, trips=trips)
        assert made.takers.set_index("provider_id").loc["A", "from_lot"] == home


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_as_much_is_covered_as_brute_force_finds(seed: int) -> None:
    """Whole hours on up to 2 lots and 3 helpers: every way to share them out, tried one by one."""
    rng = np.random.default_rng(seed)
    rows = {("1", "A"): (float(rng.integers(1, 4)), 20.0), ("2", "A"): (float(rng.integers(1, 4)), 20.0)}
    for p in "BCD":
        rows[str(rng.integers(1, 4)), p] = (float(rng.integers(1, 4)), float(rng.integers(15, 25)))
    graph = path("1", "2", "3")
    awarded = table(rows)
    row = single(find_resilience(awarded, NOBODY, graph, spare_pct=100), "A")
    arcs = [(lot, p, home) for lot in "12" for (home, p) in rows if p != "A"
            and (home == lot or graph.has_edge(home, lot))]
    best = (math.inf, math.inf, math.inf)
    for amounts in product(range(4), repeat=len(arcs)):
        used: dict[str, float] = {}
        done: dict[str, float] = {}
        far = cost = 0.0
        for (lot, p, home), n in zip(arcs, amounts, strict=True):
            used[p] = used.get(p, 0) + n
            done[lot] = done.get(lot, 0) + n
            far += n * (home != lot)
            cost += n * (rows[home, p][1] - 20)
        if any(used[p] > rows[h, p][0] for _, p, h in arcs) or any(
                done.get(lot, 0) > rows[lot, "A"][0] for lot in "12"):
            continue
        left = sum(rows[lot, "A"][0] - done.get(lot, 0) for lot in "12")
        best = min(best, (left, far, cost))
    assert (row["left_hours"], row["next_door_hours"]) == pytest.approx(best[:2], abs=5e-3)
    assert row["extra_weekly_gbp"] == pytest.approx(best[2], abs=0.1)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_hours_reconcile_and_match_a_linear_program(seed: int) -> None:
    """Stranded = absorbed + left for every failure and pair; the cover is the best an LP finds."""
    rng = np.random.default_rng(seed)
    names = [str(i) for i in range(1, 7)]
    graph = nx.relabel_nodes(nx.gnp_random_graph(6, 0.4, seed=int(seed)), dict(enumerate(names)))
    rows = {(lot, p): (round(float(rng.uniform(5, 300)), 2), round(float(rng.uniform(18, 26)), 2))
            for lot in names for p in rng.choice(list("ABCDEFG"), 2, replace=False)}
    made = find_resilience(table(rows), NOBODY, graph, spare_pct=25, pairs=True)
    whole = pd.Series({p: 0.0 for _, p in rows})
    for (_, p), (hours, _) in rows.items():
        whole[p] += hours
    placed = made.failures["absorbed_hours"] + made.failures["left_hours"]
    np.testing.assert_allclose(made.failures["stranded_hours"], placed, atol=6e-3)
    for _, row in made.failures.iterrows():
        failing = {row["provider_id"], row["with_provider_id"]} - {""}
        stranded: dict[str, float] = {}
        for (lot, p), (hours, _) in rows.items():
            if p in failing:
                stranded[lot] = stranded.get(lot, 0.0) + hours
        assert row["stranded_hours"] == pytest.approx(sum(stranded.values()))
        arcs = [(lot, (at, p)) for lot in stranded for at, p in rows if p not in failing
                and (at == lot or graph.has_edge(at, lot))]
        if not arcs:
            assert row["absorbed_hours"] == 0
            continue
        matrix = np.array([[float(x in arc) for arc in arcs] for x in [*stranded, *rows]])
        room = [*stranded.values(), *(hours * 0.25 for hours, _ in rows.values())]
        best = -linprog(-np.ones(len(arcs)), A_ub=matrix, b_ub=room).fun
        assert row["absorbed_hours"] == pytest.approx(best, abs=0.02)
    taken = made.takers.groupby(["provider_id", "taker_id"])["weekly_hours"].sum()
    assert all(h <= whole[taker] * 0.25 + 2e-3 for (_, taker), h in taken.items())
