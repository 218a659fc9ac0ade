"""What the rounds of lots come to: figures against the pay module, windows, prices, disclosure."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.rounds import Rounds, made_up_shifts
from allocation.travel.county import TownAndCountry, lots_of_workers
from allocation.travel.figures import day_figures, week_figures, working_time
from allocation.travel.many import Planned, plan_lots, seed_of
from allocation.travel.pay import pay_of
from allocation.travel.prices import one_price, price_table, read_prices
from allocation.travel.publishing import publishable, withheld
from allocation.travel.staff import made_up_staff
from allocation.travel.windows import parse_windows, windows_table, with_window
from lotting.brief import PublishBrief, TravelBrief
from lotting.errors import InputError
from lotting.plan import Plan
from lotting.travel import StraightLine
from lotting.visits.frame import check_visits

DAY = dt.date(2026, 4, 7)


def day_of(number: int, seed: int = 1, *, carers: bool = True) -> pd.DataFrame:
    """Visits of half an hour about three places, some of them double-handed."""
    rng = np.random.default_rng(seed)
    target = rng.choice([480.0, 750.0, 1020.0, 1230.0], number) + rng.integers(-8, 9, number) * 5.0
    return pd.DataFrame({
        "package_id": [f"p{k}" for k in range(number)], "day": DAY,
        "earliest": target - 30, "latest": target + 30,
        "duration_minutes": rng.choice([15.0, 30.0, 45.0], number),
        "carers": np.where(rng.random(number) < 0.2, 2, 1) if carers else 1,
        "x_m": 440_000 + rng.integers(0, 8, number) * 500.0,
        "y_m": 300_000 + rng.integers(0, 8, number) * 500.0,
        "area_code": "a", "band": "other", "target": target,
    }, index=pd.Index([f"v{seed}-{k}" for k in range(number)], name="visit_id"))  # fmt: skip


@pytest.fixture(scope="module")
def travel() -> StraightLine:
    return StraightLine(TravelBrief())


@pytest.fixture(scope="module")
def planned(travel: StraightLine) -> Planned:
    lots = {"1": day_of(24, 1), "2": day_of(16, 2)}
    base = {"2": made_up_shifts(lots["2"], base=(441_000.0, 301_000.0))}
    return plan_lots(lots, travel, shifts=base, effort=0.05)


def test_hours_in_are_hours_served_and_unserved(planned: Planned) -> None:
    asked, served, unserved = planned.hours()
    assert asked == pytest.approx(served + unserved)
    assert asked == pytest.approx(
        sum((v["duration_minutes"] * v["carers"]).sum() for v in planned.visits.values()) / 60
    )


def test_the_same_seed_gives_the_same_rounds_in_any_number_of_processes(
    travel: StraightLine, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when lots are planned in another order, and a lot alone."""
    monkeypatch.setattr("allocation.travel.many._FOR_PROCESSES", 0.0)
    visits = {"2": planned.visits["2"], "1": planned.visits["1"]}
    again = plan_lots(visits, travel, shifts={"2": planned.shifts["2"]}, effort=0.05, processes=2)
    alone = plan_lots({"1": visits["1"]}, travel, effort=0.05)
    for other in (again, alone):
        pd.testing.assert_frame_equal(other.rounds["1"].stops, planned.rounds["1"].stops)
    pd.testing.assert_frame_equal(again.rounds["2"].stops, planned.rounds["2"].stops)


def test_seeds_of_lots_differ() -> None:
    assert len({seed_of(s, lot) for s in range(5) for lot in "12345"}) == 25


def test_break_even_is_that_of_the_pay_module(planned: Planned) -> None:
    """Worker by worker, in exact fractions, from activities: the long way round gives the same."""
    for lot in ("1", "2"):
        rounds, shifts = planned.rounds[lot], planned.shifts[lot]
        time = working_time(rounds, shifts)
        result = pay_of(rounds, shifts, DAY)
        assert result is not None
        whole = result.lots[result.lots["lot"] == "all"].iloc[0]
        assert float(whole["contact_hours"]) == pytest.approx(time.contact_minutes / 60, abs=0.01)
        assert float(whole["counted_hours"]) == pytest.approx(time.counted_minutes / 60, abs=0.03)
        assert float(whole["break_even_average_gbp"]) == pytest.approx(time.break_even_gbp(DAY), abs=0.02)
    assert day_figures(planned, DAY).loc["2", "break_even_gbp"] == time.break_even_gbp(DAY)


def test_ways_from_base_are_work_and_ways_from_home_are_not(planned: Planned) -> None:
    rounds, shifts = planned.rounds["2"], planned.shifts["2"]
    from_base = working_time(rounds, shifts)
    from_home = working_time(rounds, shifts.assign(**{"from": "home"}))
    ends = rounds.shifts[["first_minutes", "last_minutes"]].to_numpy().sum()
    assert from_base.travel_minutes - from_home.travel_minutes == pytest.approx(ends)
    assert from_home.travel_minutes == pytest.approx(rounds.travel_minutes_between)


def test_a_week_by_hand() -> None:
    """Ten hours and 20 km on the day, 70 hours in the week: 140 km, 23.03 kg."""
    day = pd.DataFrame({
        "workers": [2.0, 1.0], "visits": [20.0, 0.0], "contact_hours": [10.0, 0.0],
        "travel_hours": [2.0, 0.0], "km": [20.0, 0.0], "wait_hours": [0.0, 0.0],
        "unserved_hours": [0.0, 0.0], "not_contact_pct": [20.0, math.nan],
        "break_even_gbp": [16.0, math.nan],
    }, index=pd.Index(["1", "2"], name="lot"))  # fmt: skip
    week = pd.DataFrame(
        {"visits": [140.0, 0.0], "contact_hours": [70.0, 0.0], "packages": [9, 0]}, index=day.index)
    table = week_figures(day, week)
    assert table.loc["1", ["travel_minutes_per_contact_hour", "km", "km_per_visit"]].tolist() == [12, 140, 1]
    assert table.loc["1", "co2e_kg"] == pytest.approx(140 * 0.1645)
    assert math.isnan(table.loc["2", "km"])
    assert table.loc["All lots", ["km", "break_even_gbp", "workers"]].tolist() == [140, 16, 3]
    assert table.loc["All lots", "not_contact_pct"] == pytest.approx(20)


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([0.0, 30.0, 120.0, 720.0]))
@settings(deadline=None, max_examples=25)
def test_windows_hold_the_wanted_start_and_never_overlap(number: int, seed: int, minutes: float) -> None:
    visits = day_of(number, seed)
    visits["package_id"] = [f"p{k % 7}" for k in range(number)]
    wide = with_window(visits, minutes)
    check_visits(wide)
    assert (wide["latest"] - wide["earliest"] <= minutes + 1e-9).all()
    for _, one in wide.sort_values("target").groupby("package_id"):
        apart = one["target"].diff().iloc[1:].to_numpy()
        free = apart >= one["duration_minutes"].to_numpy()[:-1]
        ends = (one["latest"] + one["duration_minutes"]).to_numpy()[:-1]
        assert (ends[free] <= one["earliest"].to_numpy()[1:][free] + 1e-9).all()


def test_wider_windows_are_planned_from_the_same_visits(travel: StraightLine) -> None:
    table = windows_table({"1": day_of(12, 3)}, travel, [0.0, 60.0], weekly=7.0, effort=0.05)
    assert list(table.index) == [0.0, 60.0]
    assert table.loc[0.0, "hours_freed"] == 0.0
    assert (table["workers"] > 0).all()


@pytest.mark.parametrize("text", ["-1", "0,many", "", "800"])
def test_windows_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="not a window"):
        parse_windows(text)


def test_prices() -> None:
    """A price complies from the break-even rate on, and the price needed does so exactly."""
    need = pd.Series({"1": 14.0, "2": 14.01, "3": math.nan})
    table = price_table(need, one_price(28.0, ["1", "2", "3"]), pay_share_pct=50)
    assert table["complies"].tolist() == [True, False, None]
    assert table["price_needed_gbp"].tolist()[:2] == [28.0, 28.02]
    for bad in (-1.0, 0.0, math.nan):
        with pytest.raises(InputError, match="above 0"):
            one_price(bad, ["1"])


def test_a_table_of_prices_tells_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("lot,hourly_price_gbp\n1,-3\n1,24.10\n9,25\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_prices(file, ["1", "2"])
    said = " ".join(map(str, caught.value.problems))
    for part in ("above 0", "row 2", "no price: 2", "none of the plan's: 9", "two prices: 1"):
        assert part in said
    file.write_text("lot,hourly_price_gbp\n2,25\n1,24.10\n", encoding="utf-8")
    assert read_prices(file, ["1", "2"]).tolist() == [24.10, 25.0]


def test_shifts_for_long_visits() -> None:
    """A live-in day is a shift of its own for each care worker, and no short shift is made for it."""
    visits = day_of(8, 5)
    times = {"duration_minutes": 720.0, "earliest": 480.0, "latest": 500.0, "target": 490.0}
    long = visits.iloc[:1].assign(carers=2, **times)
    staff = made_up_staff(pd.concat([visits, long.set_axis(["long"])]))
    extra = staff[staff["worker_id"].str.contains("long")]
    assert len(extra) == 2
    assert (extra["shift_end"] >= 500 + 720).all()
    assert (extra["shift_start"] <= 480).all()
    pd.testing.assert_frame_equal(staff.drop(extra.index), made_up_shifts(visits))
    assert made_up_staff(visits.iloc[:0]).empty


def test_a_long_visit_gets_its_own_shift(travel: StraightLine) -> None:
    """Both care workers of a double-handed 12-hour day, with the least of searches."""
    visits = day_of(30, 6)
    times = {"duration_minutes": 720.0, "earliest": 480.0, "latest": 500.0, "target": 490.0}
    both = pd.concat([visits, visits.iloc[:1].assign(carers=2, **times).set_axis(["long"])])
    found = plan_lots({"1": both}, travel, effort=0.01)
    stops = found.rounds["1"].stops
    who = stops.loc[stops["visit_id"] == "long", "worker_id"]
    assert sorted(who) == ["made up, long visit 1", "made up, long visit 2"]
    assert "skill" not in found.visits["1"]


def test_workers_of_several_lots_need_a_lot(tmp_path: Path) -> None:
    file = tmp_path / "workers.csv"
    file.write_text("worker_id,shift_start,shift_end\nw1,07:00,14:00\n", encoding="utf-8")
    assert list(lots_of_workers(file, ["7"])["7"]["worker_id"]) == ["w1"]
    with pytest.raises(InputError, match="which of the 2 lots"):
        lots_of_workers(file, ["7", "8"])
    file.write_text("worker_id,shift_start,shift_end,lot\nw1,07:00,14:00,8\n", encoding="utf-8")
    found = lots_of_workers(file, ["7", "8"])
    assert [len(found[lot]) for lot in ("7", "8")] == [0, 1]
    file.write_text("worker_id,shift_start,shift_end,lot\nw1,07:00,14:00,9\n", encoding="utf-8")
    with pytest.raises(InputError, match="9"):
        lots_of_workers(file, ["7", "8"])


def test_town_and_country_by_the_nearest_area() -> None:
    engine = StraightLine(TravelBrief(car_urban_mph=10, car_rural_mph=40))
    areas = np.array([[400_000.0, 300_000], [410_000, 300_000]])
    told = TownAndCountry(engine, areas, np.array([True, False]))
    east = [400_000.0, 401_000, 410_000, 409_000]
    homes = pd.DataFrame({"x_m": east, "y_m": 300_000.0}, index=list("abcd"))
    minutes = told.matrix(homes).minutes
    assert minutes[2, 3] - 2 == pytest.approx(4 * (minutes[0, 1] - 2), rel=1e-5)


# ---- disclosure ---------------------------------------------------------------------------------


def brute_safe(cells: dict[tuple[str, str], int], shown: dict[str, set[str]], threshold: int) -> bool:
    """Whether no small cell follows from one shown lot less one shown zone."""
    for (lot, zone), count in cells.items():
        if not 0 < count < threshold:
            continue
        others = [z for (x, z), n in cells.items() if x == lot and z != zone and n]
        if lot in shown["lots"] and len(others) == 0:
            return False
        if lot in shown["lots"] and len(others) == 1:
            rest = others[0]
            if rest in shown["zones"] and [x for (x, z), n in cells.items() if z == rest and n] == [lot]:
                return False
    return True


def test_a_lot_that_differs_from_a_zone_by_a_few_people() -> None:
    """Lot 1 is zone A and two people of zone B: lot 1 less zone A would be these two."""
    areas = ["a"] * 40 + ["b"] * 2 + ["c"] * 60 + ["d"] * 30
    packages = pd.DataFrame({"area_code": areas})
    lots = Plan(pd.Series({"a": "1", "b": "1", "c": "2", "d": "3"}))
    zones = Plan(pd.Series({"a": "A", "b": "B", "c": "B", "d": "D"}))
    gone = withheld(packages, {"lots": lots, "zones": zones}, PublishBrief())
    cells = {("1", "A"): 40, ("1", "B"): 2, ("2", "B"): 60, ("3", "D"): 30}
    shown = {"lots": {"1", "2", "3"} - gone["lots"], "zones": {"A", "B", "D"} - gone["zones"]}
    assert gone["lots"] or gone["zones"]
    assert brute_safe(cells, shown, 5)
    off = withheld(packages, {"lots": lots, "zones": zones}, PublishBrief(disclosure_control=False))
    assert off == {"lots": set(), "zones": set()}


def test_one_small_lot_takes_another_with_it() -> None:
    """Two packages in lot 2: its figures go, and another lot's, or the sum of all."""
    packages = pd.DataFrame({"area_code": ["a"] * 40 + ["b"] * 2 + ["c"] * 60})
    plan = Plan(pd.Series({"a": "1", "b": "2", "c": "3"}))
    gone = withheld(packages, {"lots": plan}, PublishBrief())["lots"]
    assert "2" in gone
    assert len(gone) >= 2
    figures = pd.DataFrame(1.0, index=pd.Index(["1", "2", "3", "All lots"], name="lot"), columns=[
        "packages", "visits", "contact_hours", "km", "co2e_kg", "unserved_hours"])
    table = publishable(figures, gone, PublishBrief())
    hidden = table.index[table["withheld"]]
    assert set(hidden) == gone
    assert table.loc[hidden].drop(columns="withheld").isna().all(axis=None)


def test_a_lot_without_visits(travel: StraightLine) -> None:
    """It has no rounds, no travel and no break-even rate; nothing divides by nothing."""
    found = plan_lots({"1": day_of(0), "2": day_of(4)}, travel, effort=0.05)
    figures = day_figures(found, DAY)
    assert figures.loc["1", "contact_hours"] == 0
    assert math.isnan(figures.loc["1", "break_even_gbp"])
    assert isinstance(found.rounds["1"], Rounds)
    assert pay_of(found.rounds["1"], found.shifts["1"], DAY) is None
