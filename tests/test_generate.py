"""Generated packages: made-up rows, published sums."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from lotting.embedded import COUNTIES, county_areas, county_hours
from lotting.generate import AS_OF, NSPL_COLUMNS, _sizes, generate_packages, generate_postcodes

both = pytest.mark.parametrize("county", COUNTIES)
_made: dict[tuple[str, int], tuple[pd.DataFrame, pd.DataFrame]] = {}


def made(county: str, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give packages and postcodes of a county, generated once a run."""
    if (county, seed) not in _made:
        areas = county_areas(county)
        _made[county, seed] = (
            generate_packages(areas, county, seed=seed),
            generate_postcodes(areas, county, seed=seed),
        )
    packages, postcodes = _made[county, seed]
    return packages.copy(), postcodes.copy()


def placed(county: str, seed: int = 1) -> pd.DataFrame:
    """Rows that can be placed, by this file's own reading: area, hours of all carers, active."""
    packages, postcodes = made(county, seed)
    areas = county_areas(county)
    table = packages.drop_duplicates()
    at = postcodes[postcodes["gridind"] == "1"].set_index("pcds")
    x = table["x_m"].astype("float64").fillna(table["postcode"].map(at["east1m"].astype(float)))
    y = table["y_m"].astype("float64").fillna(table["postcode"].map(at["north1m"].astype(float)))
    known = x.notna() & table["weekly_hours"].notna()
    points = gpd.GeoDataFrame(
        table[known], geometry=gpd.points_from_xy(x[known], y[known]), crs="EPSG:27700")
    joined = gpd.sjoin(points, areas[["locality", "geometry"]], predicate="within")
    joined = pd.DataFrame(joined.drop(columns="geometry"))
    day = pd.Timestamp(AS_OF)
    joined["hours"] = joined["weekly_hours"] * joined["carers"]
    joined["active"] = (joined["start"] <= day) & (joined["end"].isna() | (joined["end"] >= day))
    return joined.rename(columns={"index_right": "area_code"})


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_leicestershire_active_hours_are_the_published_ones(seed: int) -> None:
    """33,732 and 15,498 hours exactly, whatever the seed; 2,811 and 323 packages."""
    active = placed("leicestershire", seed).query("active")
    assert active.groupby("payer")["hours"].sum().to_dict() == {"LCC": 33732, "NHS": 15498}
    assert active.groupby("payer").size().to_dict() == {"LCC": 2811, "NHS": 323}


def test_leicestershire_year() -> None:
    """10,189 and 1,574 packages of 4,593 and 1,014 people, 12 and 48 hours each on average."""
    year = placed("leicestershire")
    by_payer = year.groupby("payer")
    assert by_payer.size().to_dict() == {"LCC": 10189, "NHS": 1574}
    assert by_payer["person_id"].nunique().to_dict() == {"LCC": 4593, "NHS": 1014}
    assert by_payer["hours"].mean().round(1).to_dict() == {"LCC": 12, "NHS": 48}
    assert len(year) == 11763
    assert year["person_id"].nunique() == 5607


def test_leicestershire_cases_over_100_hours() -> None:
    """48 NHS cases are over 100 hours, of one carer or of both; no council package is."""
    year = placed("leicestershire")
    assert (year["hours"] > 100).sum() == 48
    assert (year["weekly_hours"] > 100).sum() == 48
    large = year[year["hours"] > 100]
    assert set(large["payer"]) == {"NHS"}
    assert large["active"].all()
    assert large["person_id"].is_unique


def test_leicestershire_areas_hold_their_share() -> None:
    """Both payers together follow the people aged 75+ in every area, to the quarter hour."""
    active = placed("leicestershire").query("active")
    expected = county_hours("leicestershire").groupby("area_code")["weekly_hours"].sum()
    assert active.groupby("area_code")["hours"].sum().to_dict() == expected.to_dict()


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_herefordshire_is_as_published_by_zone(seed: int) -> None:
    """Clients and hours of O by zone, and of D by pair of zones, exactly."""
    active = placed("herefordshire", seed).query("active")
    active["zone"] = active["locality"].str[-1]
    ordinary = active[active["pathway"] == "O"].groupby("zone")
    assert ordinary["person_id"].nunique().to_dict() == {
        "A": 161, "B": 178, "C": 152, "D": 191, "E": 86}
    assert ordinary["hours"].sum().to_dict() == {
        "A": 1682, "B": 2174, "C": 1696, "D": 2352, "E": 1295}
    complex_ = active[active["pathway"] != "O"]
    by_pair = complex_.groupby(complex_["zone"].isin(["A", "B"]))
    assert by_pair["person_id"].nunique().to_dict() == {True: 29, False: 29}
    assert by_pair["hours"].sum().to_dict() == {True: 1355, False: 975}


def test_herefordshire_o_follows_the_areas() -> None:
    """O is in every area what the people aged 75+ make it."""
    active = placed("herefordshire").query("active and pathway == 'O'")
    hours = county_hours("herefordshire")
    expected = hours[hours["pathway"] == "O"].set_index("area_code")["weekly_hours"]
    assert active.groupby("area_code")["hours"].sum().to_dict() == expected.to_dict()


def test_the_rule_of_28_hours_tells_the_pathways_apart() -> None:
    """O is under 28 hours; D is 28 or more or around the clock, and one shows why 'or'."""
    packages, _ = made("herefordshire")
    known = packages.dropna(subset="weekly_hours")
    hours = known["weekly_hours"] * known["carers"]
    assert (hours[known["pathway"] == "O"] < 28).all()
    d = known["pathway"] == "D"
    assert (hours[d] >= 28).all()
    assert (known.loc[d, "weekly_hours"] >= 28).all()  # also by one carer's hours
    assert (hours[known["pathway"] == "24-hour"] < 28).any()
    people = known[known["pathway"] == "O"].groupby("person_id").filter(lambda p: len(p) > 1)
    assert len(people) > 0


@both
def test_hours_are_quarter_hours(county: str) -> None:
    """Every package is a whole number of quarter hours, above 0 and within a week."""
    hours = made(county)[0]["weekly_hours"].dropna()
    assert (hours % 0.25 == 0).all()
    assert hours.between(0.25, 168).all()


@both
def test_dates_are_in_order(county: str) -> None:
    """No package ends before it starts, and each overlaps the year around the day."""
    packages, _ = made(county)
    assert packages["start"].notna().all()
    ended = packages.dropna(subset="end")
    assert (ended["end"] >= ended["start"]).all()
    assert packages["start"].max() <= pd.Timestamp(AS_OF) + pd.Timedelta(days=182)
    assert (ended["end"] >= pd.Timestamp(AS_OF) - pd.Timedelta(days=182)).all()
    assert (ended["end"] < pd.Timestamp(AS_OF)).sum() > 0.3 * len(packages)
    assert (packages["start"] > pd.Timestamp(AS_OF)).mean() > 0.1


@both
def test_another_day_moves_every_date(county: str) -> None:
    """The published hours hold on whatever day is asked for."""
    areas = county_areas(county)
    later = generate_packages(areas, county, as_of=AS_OF + dt.timedelta(days=30))
    packages, _ = made(county)
    assert ((later["start"] - packages["start"]).dt.days == 30).all()
    assert later["weekly_hours"].equals(packages["weekly_hours"])


@both
def test_a_person_has_one_home_and_one_payer(county: str) -> None:
    """Several packages of one person are at one place, of one payer, in one package each."""
    packages, _ = made(county)
    people = packages["person_id"].nunique()
    homes = packages[["person_id", "postcode", "x_m", "y_m", "payer"]].drop_duplicates()
    assert len(homes) == people
    assert people < len(packages)
    assert packages.drop_duplicates()["package_id"].is_unique


@both
def test_places_are_a_postcode_or_coordinates(county: str) -> None:
    """A row has a postcode or coordinates, never both; a few have neither."""
    packages, _ = made(county)
    coordinates = packages["x_m"].notna()
    assert (coordinates == packages["y_m"].notna()).all()
    assert not (coordinates & (packages["postcode"] != "")).any()
    assert 0 < (~coordinates & (packages["postcode"] == "")).sum() < 5
    assert coordinates.mean() > 0.01


@both
def test_rows_that_cannot_be_placed_are_there(county: str) -> None:
    """Duplicates, unknown postcodes, no grid reference, no hours, outside: as in real exports."""
    packages, postcodes = made(county)
    assert packages.duplicated().sum() >= 8
    coded = packages[packages["postcode"] != ""]
    assert (~coded["postcode"].isin(postcodes["pcds"])).sum() >= 5
    nowhere = postcodes.loc[postcodes["gridind"] == "9", "pcds"]
    assert coded["postcode"].isin(nowhere).sum() >= 2
    assert coded["postcode"].str.startswith("ZX").sum() >= 3
    without = packages[packages["weekly_hours"].isna()]
    assert len(without) >= 3
    assert set(without["payer"]) == {"NHS"}
    terminated = postcodes.loc[postcodes["doterm"] != "", "pcds"]
    assert coded["postcode"].isin(terminated).mean() > 0.02


@both
def test_the_market_has_large_and_small_providers(county: str) -> None:
    """The largest holds about a tenth of the hours, the ten largest well under half."""
    active = placed(county).query("active")
    share = active.groupby("provider_id")["hours"].sum().sort_values(ascending=False)
    share /= share.sum()
    assert 0.06 < share.iloc[0] < 0.14
    assert 0.3 < share.iloc[:10].sum() < 0.55


@both
def test_same_seed_same_rows(county: str) -> None:
    """The same seed gives the same tables, another seed others."""
    areas = county_areas(county)
    packages, postcodes = made(county)
    pd.testing.assert_frame_equal(generate_packages(areas, county, seed=1), packages)
    pd.testing.assert_frame_equal(generate_postcodes(areas, county, seed=1), postcodes)
    other, elsewhere = made(county, 2)
    assert not other["weekly_hours"].equals(packages["weekly_hours"])
    assert not elsewhere["east1m"].equals(postcodes["east1m"])


# --- postcodes -----------------------------------------------------------------------------------


@both
def test_directory_is_laid_out_as_nspl(county: str) -> None:
    """Columns of the newest edition, all text; pcd7 and pcd8 of fixed width."""
    _, postcodes = made(county)
    assert tuple(postcodes.columns) == NSPL_COLUMNS
    assert (postcodes.dtypes == "str").all()
    assert (postcodes["pcd7"].str.len() == 7).all()
    assert (postcodes["pcd8"].str.len() == 8).all()
    assert postcodes["pcds"].is_unique
    assert postcodes["doterm"].str.fullmatch(r"(20\d\d(0[1-9]|1[0-2]))?").all()


@both
def test_postcodes_exist_nowhere(county: str) -> None:
    """Postcode areas ZL, ZH and ZX do not exist, so no row can be taken for an address."""
    packages, postcodes = made(county)
    shape = r"Z[LHX]\d{1,2} \d[ABD-HJLNP-UW-Z]{2}"
    assert postcodes["pcds"].str.fullmatch(shape).all()
    assert packages.loc[packages["postcode"] != "", "postcode"].str.fullmatch(shape).all()


@both
def test_every_area_has_postcodes(county: str) -> None:
    """Located postcodes of the county are inside it, six or more an area; the others outside."""
    _, postcodes = made(county)
    areas = county_areas(county)
    located = postcodes[postcodes["gridind"] == "1"]
    points = gpd.GeoDataFrame(
        located[["pcds"]], crs="EPSG:27700",
        geometry=gpd.points_from_xy(
            located["east1m"].astype(float), located["north1m"].astype(float)),
    )
    joined = gpd.sjoin(points, areas[["geometry"]], predicate="within", how="left")
    outside = joined["pcds"].str.startswith("ZX")
    assert joined.loc[outside, "area_code"].isna().all()
    assert outside.sum() == 40
    assert joined.loc[~outside, "area_code"].value_counts().min() >= 6
    assert joined.loc[~outside, "area_code"].nunique() == len(areas)


@both
def test_degrees_and_metres_are_one_place(county: str) -> None:
    """Degrees say the same place as metres, to a metre; or nothing at all."""
    _, postcodes = made(county)
    located = postcodes["gridind"] == "1"
    assert set(postcodes.loc[~located, "lat"]) == {"99.999999"}
    assert set(postcodes.loc[~located, "east1m"]) == {""}
    there = postcodes[located]
    points = gpd.GeoSeries(
        gpd.points_from_xy(there["long"].astype(float), there["lat"].astype(float)),
        crs="EPSG:4326").to_crs("EPSG:27700")
    assert np.abs(points.x.to_numpy() - there["east1m"].astype(float).to_numpy()).max() < 1
    assert np.abs(points.y.to_numpy() - there["north1m"].astype(float).to_numpy()).max() < 1


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "n"), [(10.0, 5), (140.0, 5), (60.25, 5), (28.0, 1)])
def test_sizes_add_up_within_their_limits(total: float, n: int) -> None:
    """Sizes add up exactly and keep the limits, at the limits too."""
    sizes = _sizes(total, n, 2.0, 28.0, rng=np.random.default_rng(5))
    assert sizes.sum() == total
    assert sizes.min() >= 2
    assert sizes.max() <= 28


@pytest.mark.parametrize("total", [9.75, 140.25])
def test_sizes_that_cannot_be(total: float) -> None:
    """A quarter of an hour beyond the limits is refused."""
    with pytest.raises(ValueError, match="cannot hold"):
        _sizes(total, 5, 2.0, 28.0, rng=np.random.default_rng(5))
