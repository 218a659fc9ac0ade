"""Growth and years: against a count day by day."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.market.growth import history_from, hours_on, provider_growth, since_day, years
from allocation.market.read import MarketPackages
from allocation.market.simulate import banes_market

AS_OF = dt.date(2026, 4, 1)
DAYS = st.one_of(st.none(), st.dates(dt.date(2024, 1, 1), dt.date(2026, 12, 31)))
ROWS = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(1, 80).map(lambda n: n / 4), DAYS, DAYS).filter(
        lambda r: r[2] is None or r[3] is None or r[2] <= r[3]),
    min_size=1, max_size=12)  # fmt: skip


def market(rows: list[tuple[str, float, dt.date | None, dt.date | None]]) -> MarketPackages:
    frame = pd.DataFrame(rows, columns=["provider_id", "hours", "start", "end"])
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column])
    frame = frame.assign(payer="LCC", team="", locality="", area_code="", weekly_cost_gbp=frame["hours"] * 20,
                         person=[f"p{i}" for i in range(len(frame))])
    as_of = pd.Timestamp(str(AS_OF))
    reason = pd.Series("", index=frame.index).mask(frame["end"] < as_of, "ended")
    frame["reason"] = reason.mask(frame["start"] > as_of, "not begun")
    return MarketPackages(frame=frame, as_of=as_of, teams_known=False, costs_known=True)


def runs(row: tuple[str, float, dt.date | None, dt.date | None], day: dt.date) -> bool:
    return (row[2] is None or row[2] <= day) and (row[3] is None or day <= row[3])


@settings(max_examples=15, deadline=None)
@given(ROWS, st.dates(dt.date(2024, 1, 1), AS_OF))
def test_hours_on_a_day(rows: list[tuple[str, float, dt.date | None, dt.date | None]], day: dt.date) -> None:
    """A package runs from its start to its end, both days included; a blank is no limit."""
    found = hours_on(market(rows), pd.Timestamp(str(day)))["hours"].to_dict()
    told: dict[str, float] = {}
    for row in rows:
        if runs(row, day):
            told[row[0]] = told.get(row[0], 0) + row[1]
    assert found == told


@settings(max_examples=10, deadline=None)
@given(ROWS, st.dates(dt.date(2024, 1, 1), dt.date(2026, 3, 31)))
def test_years_add_up_day_by_day(
    rows: list[tuple[str, float, dt.date | None, dt.date | None]], first: dt.date
) -> None:
    """A year's hours are the weekly hours of each of its days over 7, from the first day to the day
    before the one that counts; 1 April begins a year."""
    found = years(market(rows), "provider_id", first=pd.Timestamp(str(first)))
    told: dict[tuple[str, str], float] = {}
    days: dict[str, int] = {}
    day = first
    while day < AS_OF:
        start = day.year if day >= dt.date(day.year, 4, 1) else day.year - 1
        year = f"{start}/{(start + 1) % 100:02d}"
        days[year] = days.get(year, 0) + 1
        for row in rows:
            if runs(row, day):
                told[year, row[0]] = told.get((year, row[0]), 0) + row[1] / 7
        day += dt.timedelta(days=1)
    keys = list(zip(found["year"], found["provider_id"], strict=True))
    assert dict(zip(keys, found["hours"], strict=True)) == pytest.approx(told)
    assert dict(zip(keys, found["cost_gbp"], strict=True)) == pytest.approx(
        {key: 20 * hours for key, hours in told.items()})
    assert all(days[y] == d for y, d in zip(found["year"], found["days"], strict=True))


def test_growth_of_new_and_lost_providers() -> None:
    """Who held nothing then is new, without a growth in per cent; who holds nothing now has left."""
    old, long_ago = dt.date(2024, 1, 1), dt.date(2025, 4, 1)
    packages = market([
        ("A", 10, old, None), ("A", 5, dt.date(2025, 6, 1), None), ("B", 8, old, long_ago),
        ("C", 3, dt.date(2026, 1, 1), None), ("", 9, old, None)])  # fmt: skip
    found = provider_growth(packages, pd.Timestamp("2025-04-01"))
    assert found.index.to_list() == ["B", "A", "C"]  # largest change first
    assert found["moved"].to_list() == ["left", "", "new"]
    assert found["change_hours"].to_list() == [-8, 5, 3]
    assert found.loc["A", "change_pct"] == 50
    assert pd.isna(found.loc["C", "change_pct"])


def test_the_past_begins_with_the_first_end() -> None:
    """A file without ended packages tells of one day; one with them, from the first end on."""
    running = ("A", 10.0, dt.date(2020, 1, 1), None)
    assert history_from(market([running])) is None
    assert since_day(market([running])) is None
    short = market([running, ("B", 1.0, None, dt.date(2025, 10, 1))])
    assert history_from(short) == since_day(short) == pd.Timestamp("2025-10-01")
    long = market([running, ("B", 1.0, None, dt.date(2023, 5, 1))])
    assert since_day(long) == pd.Timestamp("2025-04-01")
    # Four weeks are the least that is compared: 4 March is 28 days before 1 April.
    assert since_day(market([running, ("B", 1.0, None, dt.date(2026, 3, 4))])) is not None
    assert since_day(market([running, ("B", 1.0, None, dt.date(2026, 3, 5))])) is None


def test_years_of_a_file_without_a_past_are_none() -> None:
    """Nothing is made up of years the file does not have."""
    assert years(market([("A", 10.0, dt.date(2020, 1, 1), None)]), "payer").empty


def test_spend_by_team_adds_up_to_spend_by_payer() -> None:
    """The year's spend is one, however it is divided."""
    packages = banes_market().read()
    tables = [years(packages, by).groupby("year")["cost_gbp"].sum() for by in ("payer", "team", "locality")]
    for table in tables[1:]:
        pd.testing.assert_series_equal(table, tables[0])
