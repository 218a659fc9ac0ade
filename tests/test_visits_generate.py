"""Visits made up from hours: every minute is kept, and no person has two visits at once."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import VisitsBrief
from lotting.embedded import county_areas
from lotting.errors import LottingError
from lotting.visits.frame import (
    band_of,
    busiest_weekday,
    check_visits,
    empty_visits,
    visit_hours,
    visits_of_day,
)
from lotting.visits.generate import generate_visits, share_double_handed, week_of
from lotting.visits.pattern import LONG_DAY_HOURS
from lotting.visits.sample import places_in_areas, sample_packages, visits_of_area_hours

WEEK = week_of(dt.date(2026, 4, 1))
HOURS = st.one_of(
    st.floats(0.01, 300), st.integers(1, 672).map(lambda quarters: quarters / 4),
    st.sampled_from([0.25, 14.0, 28.0, 28.25, 84.0, 84.25, 167.9, 168.0, 168.25, 336.0]))


def packages(hours: list[float], carers: list[int] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {"weekly_hours": hours, "carers": carers or 1, "x_m": 450_000.0, "y_m": 300_000.0,
         "area_code": "A"}, index=[f"p{i}" for i in range(len(hours))])


def by_package(visits: pd.DataFrame) -> pd.Series:
    return (visits["duration_minutes"] * visits["carers"]).groupby(visits["package_id"]).sum() / 60


def week_minutes(visits: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series([d.weekday() * 1440 for d in visits["day"]], index=visits.index) + visits[column]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(HOURS, st.sampled_from([1, 2])), min_size=1, max_size=8),
       st.integers(0, 5), st.sampled_from([0.0, 30.0, 60.0, 240.0, 720.0]))
def test_every_package_gets_its_hours(given_packages, seed, window):
    """Hours in = length x carers of the visits, package by package, whatever the hours and windows."""
    table = packages([h for h, _ in given_packages], [c for _, c in given_packages])
    visits = generate_visits(table, VisitsBrief(seed=seed, window_minutes=window), WEEK)
    check_visits(visits)
    wanted = table["weekly_hours"] * table["carers"]
    assert np.allclose(by_package(visits).reindex(table.index), wanted, rtol=0, atol=1e-9)
    assert visit_hours(visits) == pytest.approx(wanted.sum(), abs=1e-8)


@settings(deadline=None, max_examples=60)
@given(HOURS.filter(lambda h: h <= 168), st.integers(0, 50), st.sampled_from([0.0, 60.0, 720.0]))
def test_no_person_can_have_two_visits_at_once(hours, seed, window):
    """The latest end of a visit is at or before the earliest start of the next, all round the week."""
    visits = generate_visits(packages([hours]), VisitsBrief(seed=seed, window_minutes=window), WEEK)
    begins = week_minutes(visits, "earliest").sort_values()
    ends = (week_minutes(visits, "latest") + visits["duration_minutes"])[begins.index]
    following = np.append(begins.to_numpy()[1:], begins.iloc[0] + 7 * 1440)
    assert (ends.to_numpy() <= following + 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 112).map(lambda quarters: quarters / 4), st.integers(0, 20))
def test_short_visits_are_quarters_of_an_hour_up_to_one(hours, seed):
    """Up to 28 hours a week: 15, 30, 45 or 60 minutes, at most four a day, a place of the day each."""
    visits = generate_visits(packages([hours]), VisitsBrief(seed=seed), WEEK)
    assert set(visits["duration_minutes"]) <= {15.0, 30.0, 45.0, 60.0}
    assert visits.groupby("day").size().max() <= 4
    assert not visits.duplicated(["day", "band"]).any()
    assert not visits.drop_duplicates(["band", "target"]).duplicated("band").any(), "one time all week"


def test_what_is_no_quarter_of_an_hour_is_in_one_visit():
    """10 hours and 37 minutes: one visit of an odd length, and 4 minutes alone are a visit, too."""
    visits = generate_visits(packages([10 + 37 / 60, 4 / 60]), VisitsBrief(), WEEK)
    odd = visits[visits["duration_minutes"] % 15 > 1e-6]
    assert sorted(odd["package_id"]) == ["p0", "p1"]
    assert odd["duration_minutes"].to_list()[1] == pytest.approx(4)


@pytest.mark.parametrize(("hours", "blocks"), [(28.0, 0), (28.25, 7), (84.0, 7), (84.25, 14), (168.0, 14)])
def test_large_packages_are_long_blocks(hours, blocks):
    """Above 4 hours a day one block a day, above 12 two."""
    visits = generate_visits(packages([hours]), VisitsBrief(), WEEK)
    assert int((visits["duration_minutes"] > 75).sum()) == blocks
    assert visits["duration_minutes"].max() <= 720
    assert LONG_DAY_HOURS * 7 == 28


def test_the_mix_is_that_of_the_visits():
    """65 % of half-hour visits are 65 % of the visits of many packages, not only of small ones."""
    rng = np.random.default_rng(5)
    table = packages(list(np.clip(np.round(rng.gamma(2, 5, 1200) * 4) / 4, 0.25, 20)))
    lengths = generate_visits(table, VisitsBrief(), WEEK)["duration_minutes"].value_counts(normalize=True)
    for length, share in {15.0: 0.05, 30.0: 0.65, 45.0: 0.20, 60.0: 0.10}.items():
        assert lengths[length] == pytest.approx(share, abs=0.02)


def test_windows_change_nothing_but_windows():
    """The same seed with wider windows: the same visits; B6 compares like with like."""
    table = packages([7.5, 14, 40, 168])
    narrow, wide = (
        generate_visits(table, VisitsBrief(window_minutes=w), WEEK) for w in (30, 120))
    same = [c for c in narrow.columns if c not in {"earliest", "latest"}]
    pd.testing.assert_frame_equal(narrow[same], wide[same])
    assert ((wide["latest"] - wide["earliest"]) >= (narrow["latest"] - narrow["earliest"])).all()
    around_the_clock = wide[wide["package_id"] == "p3"]
    assert (around_the_clock["latest"] == around_the_clock["earliest"]).all()


def test_the_same_seed_gives_the_same_visits_and_another_seed_others():
    """Seeded: runs can be repeated."""
    table = packages([7.5, 14, 40])
    one, again, other = (generate_visits(table, VisitsBrief(seed=s), WEEK) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one["target"].equals(other["target"])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.just(0.0), st.floats(0.01, 500)), min_size=1, max_size=5), st.integers(0, 9))
def test_packages_drawn_for_an_area_have_its_hours(hours, seed):
    """Area by area, to the last minute; areas without hours have no package."""
    wanted = pd.Series(hours, index=[f"a{i}" for i in range(len(hours))])
    drawn = sample_packages(wanted, seed=seed)
    got = drawn.groupby("area_code")["weekly_hours"].sum().reindex(wanted.index, fill_value=0.0)
    assert np.allclose(got, wanted, rtol=0, atol=1e-9)
    assert (drawn["weekly_hours"] > 0).all()


def test_visits_of_area_hours_keep_hours_and_stay_in_their_areas():
    """With a share of double-handed care: the hours of both carers add up to the area's."""
    areas = county_areas("herefordshire").iloc[:12]
    hours = pd.Series(np.linspace(0, 150.3, 12), index=areas.index)
    visits = visits_of_area_hours(hours, areas, VisitsBrief(double_handed_share_pct=30))
    check_visits(visits)
    got = (visits["duration_minutes"] * visits["carers"]).groupby(visits["area_code"]).sum() / 60
    assert np.allclose(got.reindex(hours.index, fill_value=0), hours, atol=1e-9)
    two = visits[visits["carers"] == 2]
    assert visit_hours(two) / visit_hours(visits) == pytest.approx(0.30, abs=0.01)
    polygons = areas.geometry.loc[visits["area_code"]].to_numpy()
    import shapely

    assert shapely.contains_xy(polygons, visits["x_m"].to_numpy(), visits["y_m"].to_numpy()).all()


def test_homes_spread_as_postcodes_do(shared):
    """Root mean square distance from the area's point, in square roots of its extent: 0.34 to 0.43."""
    import geopandas as gpd

    areas = gpd.read_file(shared / "geo/units/rutland.gpkg", layer="lsoa21").set_index("LSOA21CD")
    areas = areas.rename(columns={"pc_x": "x_m", "pc_y": "y_m"})
    codes = pd.Series(np.repeat(areas.index.to_numpy(), 200))
    places = places_in_areas(codes, areas)
    at = areas.loc[codes]
    apart = np.hypot(places["x_m"].to_numpy() - at["x_m"].to_numpy(),
                     places["y_m"].to_numpy() - at["y_m"].to_numpy())
    rms = pd.Series(apart**2).groupby(codes.to_numpy()).mean() ** 0.5 / areas.area**0.5
    assert 0.30 < rms.median() < 0.43


@pytest.mark.parametrize("share", [0, 20, 50, 100])
def test_double_handed_packages_keep_their_hours(share):
    """Hours x carers are as before, package by package; the share is met within one package."""
    table = packages([5.0, 10.0, 20.0, 15.0, 8.0, 12.0])
    shared_out = share_double_handed(table, share)
    whole = shared_out["weekly_hours"] * shared_out["carers"]
    assert whole.to_list() == table["weekly_hours"].to_list()
    two = whole[shared_out["carers"] == 2].sum() / whole.sum()
    assert two == pytest.approx(share / 100, abs=0.1)


def test_a_part_of_the_day_ends_where_it_ends():
    """The minute before and the minute of each border."""
    assert [band_of(m) for m in (359, 360, 689, 690, 869, 870, 929, 930, 1139, 1140, 1379, 1380)] == [
        "other", "morning", "morning", "lunch", "lunch", "other", "other", "tea", "other", "bed",
        "bed", "other"]


def test_the_busiest_weekday_counts_both_carers_and_no_weekend():
    """Saturday has the most hours, Thursday the most from Monday to Friday."""
    visits = empty_visits().reindex(columns=["day", "duration_minutes", "carers"])
    visits.loc["a"] = [WEEK[1], 50.0, 1]
    visits.loc["b"] = [WEEK[3], 30.0, 2]
    visits.loc["c"] = [WEEK[5], 300.0, 1]
    assert busiest_weekday(visits) == WEEK[3]
    assert visits_of_day(visits, WEEK[5]).index.to_list() == ["c"]
    assert busiest_weekday(visits.loc[["c"]]) == WEEK[5]


@pytest.mark.parametrize(("column", "value"), [
    ("latest", 0.0), ("duration_minutes", 0.0), ("carers", 3), ("band", "noon"), ("x_m", np.nan),
    ("target", 1440.0)])
def test_a_table_that_breaks_a_rule_is_refused(column, value):
    """The table as made passes; one wrong cell does not."""
    visits = generate_visits(packages([7.0]), VisitsBrief(), WEEK)
    check_visits(visits)
    visits.loc[visits.index[0], column] = value
    with pytest.raises(LottingError):
        check_visits(visits)
