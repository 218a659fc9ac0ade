"""The estimate of travel burden: the least travel by definition, and the same however it is asked for."""

from __future__ import annotations

import datetime as dt
import importlib
import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from lotting.brief import TravelBrief, VisitsBrief
from lotting.embedded import county_areas
from lotting.plan import Plan
from lotting.travel import StraightLine
from lotting.travel.burden import UNSCALED, Burden, BurdenRule, in_time, lot_burden, moments
from lotting.travel.burden_plan import LotBurdens, QuickBurdens, plan_burden
from lotting.visits.frame import visit_hours, visits_of_day
from lotting.visits.generate import week_of
from lotting.visits.sample import visits_of_area_hours

#: Not the fitted settings, so that a new fit leaves the tests alone.
PLAIN = BurdenRule(
    **UNSCALED, window_share=0.5, order_share=0.5, longest_wait_minutes=60.0,
    shift_minutes=480.0, round_price_minutes=60.0, neighbours=30)


def some_visits(starts, minutes=30.0, carers=1, window=60.0) -> pd.DataFrame:
    target = np.asarray(starts, dtype=float)
    return pd.DataFrame({
        "target": target, "earliest": target - window / 2, "latest": target + window / 2,
        "duration_minutes": minutes, "carers": carers})


def least(visits: pd.DataFrame, minutes: np.ndarray, rule: BurdenRule) -> float:
    """Try every choice of a next visit for each; the definition, word for word."""
    best = math.inf
    n = len(visits)
    rows = list(visits.itertuples())
    for following in itertools.product(range(-1, n), repeat=n):
        used = [j for j in following if j >= 0]
        if len(used) != len(set(used)):
            continue
        cost = 0.0
        for i, j in enumerate(following):
            if j < 0:
                cost += rule.round_price_minutes
                continue
            a, b, c = rows[i], rows[j], minutes[i, j]
            window = (a.latest - a.earliest + b.latest - b.earliest) / 2
            spare = b.target - a.target - a.duration_minutes - c
            if (i == j or spare < -rule.window_share * window or spare > rule.longest_wait_minutes
                    or b.target - a.target < rule.order_share * (a.duration_minutes + c)):
                cost = math.inf
                break
            cost += c
        best = min(best, cost)
    return best


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(96, 130).map(lambda q: q * 5.0), min_size=1, max_size=5), st.integers(0, 10**6),
       st.sampled_from([0.0, 30.0, 120.0]))
def test_it_is_the_least_travel_by_definition(starts, seed, window):
    """Oracle: every assignment of next visits, tried one by one."""
    rng = np.random.default_rng(seed)
    minutes = np.round(rng.uniform(1, 40, (len(starts), len(starts))), 1)
    visits = some_visits(starts, window=window)
    rule = replace(PLAIN, shift_minutes=1e6)
    burden = lot_burden(visits, minutes, minutes, rule=rule)
    paid = burden.travel_minutes + rule.round_price_minutes * burden.rounds
    assert paid == pytest.approx(least(visits, minutes, rule), abs=1e-6)


@pytest.fixture(scope="module")
def county():
    areas = county_areas("herefordshire")
    hours = pd.Series(np.linspace(20, 90, 24), index=areas.index[:24])
    return areas, visits_of_area_hours(hours, areas, VisitsBrief(double_handed_share_pct=20))


@pytest.fixture(scope="module")
def day(county):
    return visits_of_day(county[1], week_of(dt.date(2026, 1, 5))[2])


@pytest.fixture(scope="module")
def matrix(day):
    return StraightLine(TravelBrief()).matrix(day[["x_m", "y_m"]])


def test_a_lot_of_a_real_size_has_the_least_travel(day, matrix):
    """Oracle: the dense assignment of SciPy's other algorithm (Jonker and Volgenant), all neighbours."""
    rule = replace(PLAIN, shift_minutes=1e6, neighbours=10_000)
    when = moments(day)
    n = len(when.row)
    minutes = matrix.minutes.astype("float64")[np.ix_(when.row, when.row)]
    cost = np.full((n, 2 * n), 1e6)
    cost[:, :n] = np.where(in_time(when, minutes, rule), minutes, 1e6)
    cost[np.arange(n), n + np.arange(n)] = rule.round_price_minutes
    rows, columns = linear_sum_assignment(cost)
    burden = lot_burden(day, matrix.minutes, matrix.km, rule=rule)
    paid = burden.travel_minutes + rule.round_price_minutes * burden.rounds
    assert paid == pytest.approx(cost[rows, columns].sum(), abs=0.01)
    assert burden.visits == n > len(day)


def test_few_neighbours_are_nearly_all(day, matrix):
    """Looking at the 30 nearest next visits costs under 2 % of travel and rounds together."""
    paid = [
        b.travel_minutes + PLAIN.round_price_minutes * b.rounds
        for k in (30, 10_000)
        for b in [lot_burden(day, matrix.minutes, matrix.km, rule=replace(PLAIN, neighbours=k))]]
    assert paid[1] <= paid[0] <= 1.02 * paid[1]


def test_hours_and_visits_are_those_of_both_carers(day, matrix):
    """Contact hours = length x carers; minutes and km have a scale each."""
    one, two = (
        lot_burden(day, matrix.minutes, matrix.km, rule=replace(PLAIN, scale=s, km_scale=2 * s))
        for s in (0.5, 1.5))
    assert one.contact_hours == pytest.approx(visit_hours(day))
    assert one.visits == int(day["carers"].sum())
    assert two.travel_minutes == pytest.approx(3 * one.travel_minutes)
    assert two.km_per_visit == pytest.approx(3 * one.km_per_visit)


def test_two_carers_of_one_visit_do_not_follow_each_other():
    """A double-handed visit alone is two rounds without travel; with a second one, two ways."""
    minutes = np.array([[0.0, 7.0], [7.0, 0.0]])
    visits = some_visits([480, 530], carers=2, window=120)
    assert lot_burden(visits.iloc[:1], minutes[:1, :1], minutes[:1, :1], rule=PLAIN).rounds == 2
    both = lot_burden(visits, minutes, minutes, rule=PLAIN)
    assert (both.travel_minutes, both.rounds) == (pytest.approx(14.0), 2)


@pytest.mark.parametrize(("apart", "rounds"), [(34.9, 2), (35.0, 1), (95.0, 1), (95.1, 2)])
def test_in_time_and_not_too_long_before(apart, rounds):
    """Half an hour and 5 minutes' way, fixed times: 35 minutes is in time, over an hour's wait is not."""
    way = np.array([[0.0, 5.0], [5.0, 0.0]])
    burden = lot_burden(some_visits([480, 480 + apart], window=0), way, way, rule=PLAIN)
    assert burden.rounds == rounds


@pytest.mark.parametrize(("window", "rounds"), [(9.9, 2), (10.0, 1)])
def test_windows_help_by_their_share(window, rounds):
    """5 minutes short: half of a 10-minute window mends it."""
    way = np.array([[0.0, 5.0], [5.0, 0.0]])
    assert lot_burden(some_visits([480, 510], window=window), way, way, rule=PLAIN).rounds == rounds


@pytest.mark.parametrize(("shift", "rounds", "travel"), [(170.0, 1, 15.0), (169.9, 2, 10.0), (60, 4, 0.0)])
def test_a_round_ends_with_the_shift(shift, rounds, travel):
    """Four visits of half an hour from 8:00, the last one to 10:50: 170 minutes."""
    way = np.full((4, 4), 5.0)
    rule = replace(PLAIN, shift_minutes=shift, round_price_minutes=100)
    burden = lot_burden(some_visits([480, 520, 570, 620], window=0), way, way, rule=rule)
    assert (burden.rounds, burden.travel_minutes) == (rounds, pytest.approx(travel))


def test_what_cannot_be_reached_does_not_follow():
    """Infinite minutes: two rounds, and no infinity in the sum."""
    way = np.array([[0.0, np.inf], [np.inf, 0.0]])
    burden = lot_burden(some_visits([480, 540]), way, way, rule=PLAIN)
    assert (burden.rounds, burden.travel_minutes) == (2, 0.0)


def test_no_visits_are_no_travel():
    """Zeros, and no rate."""
    burden = lot_burden(some_visits([]), np.zeros((0, 0)), np.zeros((0, 0)))
    assert burden == Burden(travel_minutes=0, km=0, contact_hours=0, visits=0, rounds=0)
    assert math.isnan(burden.travel_minutes_per_contact_hour)
    assert math.isnan(burden.km_per_visit)


class Counted:
    """Straight lines that count how often they are asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.inner = StraightLine(TravelBrief())

    def matrix(self, origins, destinations=None, *, mode="car"):
        self.calls += 1
        return self.inner.matrix(origins, destinations, mode=mode)

    def settings(self):
        return {}


def test_every_lot_of_a_plan_is_there_and_adds_up(county):
    """A whole week: hours and visits of the lots = those of the week; a lot without visits has none."""
    areas, visits = county
    plan = Plan(pd.Series(["2"] * 12 + ["10"] * 12 + ["empty"] * 3, index=areas.index[:27]))
    table = plan_burden(plan, visits, StraightLine(TravelBrief()))
    assert table.index.to_list() == ["2", "10", "empty"]
    assert table["contact_hours"].sum() == pytest.approx(visit_hours(visits))
    assert table["visits"].sum() == visits["carers"].sum()
    assert table.loc["empty", ["travel_minutes", "visits"]].to_list() == [0, 0]
    rate = table["travel_minutes"] / table["contact_hours"]
    pd.testing.assert_series_equal(table["travel_minutes_per_contact_hour"], rate, check_names=False)
    one_day = visits_of_day(visits[visits["area_code"].isin(plan.areas_of("2"))], min(visits["day"]))
    matrix = StraightLine(TravelBrief()).matrix(one_day[["x_m", "y_m"]])
    alone = plan_burden(plan, visits_of_day(visits, min(visits["day"])), StraightLine(TravelBrief()))
    assert alone.loc["2", "travel_minutes"] == pytest.approx(
        lot_burden(one_day, matrix.minutes, matrix.km).travel_minutes)


def test_only_the_lots_that_change_are_worked_out_again(county, day):
    """Moving an area between two of three lots asks for two matrices; the rest is remembered."""
    areas, _ = county
    travel = Counted()
    lots = LotBurdens(day, travel)
    plan = Plan(pd.Series(["1"] * 8 + ["2"] * 8 + ["3"] * 8, index=areas.index[:24]))
    for lot in plan.lot_names:
        lots.lot(plan.areas_of(lot))
    assert travel.calls == 3
    moved = plan.move({areas.index[0]: "2"})
    found = {lot: lots.lot(moved.areas_of(lot)) for lot in moved.lot_names}
    assert travel.calls == 5
    assert found["2"] == LotBurdens(day, StraightLine(TravelBrief())).lot(moved.areas_of("2"))


def test_rural_areas_are_told_to_the_engine(county, day):
    """The engine's country speeds make another burden than its town speeds."""
    areas, _ = county
    plan = Plan(pd.Series("1", index=areas.index[:24]))
    travel = StraightLine(TravelBrief())
    town, country = (
        plan_burden(plan, day, travel, rural=pd.Series(flag, index=areas.index)).loc["1", "travel_minutes"]
        for flag in (False, True))
    assert town != country


def test_the_rough_estimate_is_the_nearest_visit_in_time(county, day):
    """Oracle: a loop over the visits of the lot; moving areas about changes nothing but the lot."""
    areas, _ = county
    codes = list(areas.index[:27])
    travel = StraightLine(TravelBrief())
    quick = QuickBurdens(day, codes, travel, rule=PLAIN)
    rng = np.random.default_rng(1)
    for _ in range(4):
        lot = rng.choice(27, 9, replace=False)
        part = day[day["area_code"].isin([codes[i] for i in lot])]
        minutes = travel.matrix(part[["x_m", "y_m"]]).minutes.astype("float64")
        when = moments(part)
        minutes = minutes[np.ix_(when.row, when.row)]
        nearest = np.where(in_time(when, minutes, PLAIN), minutes, np.inf).min(axis=1)
        assert quick.minutes(lot) == pytest.approx(nearest[np.isfinite(nearest)].sum(), rel=1e-6)
        assert quick.contact_hours[lot].sum() == pytest.approx(visit_hours(part))
        assert quick.per_contact_hour(lot) == pytest.approx(quick.minutes(lot) / visit_hours(part))
    assert quick.minutes(np.array([], dtype=int)) == 0
    assert math.isnan(quick.per_contact_hour(np.array([26])))


def test_the_rough_estimate_is_below_the_assignment(county, day):
    """Each goes to its nearest, whoever else does: never more than where each may be next once only."""
    areas, _ = county
    codes = list(areas.index[:24])
    travel = StraightLine(TravelBrief())
    rule = replace(PLAIN, shift_minutes=1e6, round_price_minutes=1e5, neighbours=10_000)
    matrix = travel.matrix(day[["x_m", "y_m"]])
    burden = lot_burden(day, matrix.minutes, matrix.km, rule=rule)
    quick = QuickBurdens(day, codes, travel, rule=rule)
    # Rounds' ends have no way in the assignment, but a nearest visit here: compare by visit.
    per_way = burden.travel_minutes / (burden.visits - burden.rounds)
    assert quick.minutes(np.arange(24)) / burden.visits <= per_way


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    monkeypatch.delitem(sys.modules, "burden", raising=False)
    yield importlib.import_module("burden")
    sys.modules.pop("burden", None)


def test_the_benchmark_leaves_each_lot_day_out(bench):
    """Estimates that follow the rule: no error; one that does not: its own is large."""
    window, rural = np.array([30.0, 60.0, 120.0, 30.0, 60.0]), np.array([0.0, 0.5, 1.0, 1.0, 0.2])
    guess = np.array([100.0, 200.0, 300.0, 500.0, 400.0])
    table = pd.DataFrame({"planned": guess * 1.1 * np.exp(6 / window + 0.2 * rural), "assignment": guess,
                          "window": window, "rural_share": rural, "square root": guess / 2})
    table["stops"] = table["planned"] - 2 * table["square root"]
    error, numbers = bench.left_out(table, "assignment")
    assert error.max() == pytest.approx(0, abs=1e-9)
    assert numbers == pytest.approx((1.1, 6, 0.2))
    assert bench.left_out(table, "square root + stops")[1] == pytest.approx((2.0,))
    table.loc[3, "planned"] *= 2
    assert bench.left_out(table, "assignment")[0][3] == pytest.approx(50)


def test_the_benchmark_runs_on_real_lots(bench, shared, monkeypatch):
    """Rounds that are 1.2 times the estimate: no error; a lot-day without a plan is left out."""
    assert shared.is_dir()
    monkeypatch.setitem(bench.COUNTIES, "leicestershire", (1_000.0, 18))

    def planned(lot, travel, effort):
        found = bench.estimates(lot, travel, 2.0)
        return {"planned": 1.2 * found["assignment"], "planned km": 1.2 * found["assignment km"],
                "unserved": 9.0 if lot.name.endswith("e 4/1") else 0.0, "planned_s": effort}

    monkeypatch.setattr(bench, "planned", planned)
    table = bench.measure(1.0, 7, 1, lambda _: None)
    assert table["lot_day"].to_list() == [f"leicestershire {n}/1" for n in range(1, 8)]
    assert set(table["window"]) == {30.0, 60.0, 120.0}
    text = bench.report(table)
    assert "| assignment | 1.200, 0.000, 0.000 | 0.0 | 0.0 | 0.0 | 0.0 |" in text
    assert "6 lot-days" in text
    assert "Left out, because over 1 % of its visits could not be planned: leicestershire 4/1." in text
