"""Made-up packages of care that add up to a council's published hours.

No row stands for a real person, address or provider. What is real is the sum: on the ``as_of``
day the active packages of each payer or pathway hold exactly the hours that the council has
published (:data:`lotting.embedded.PUBLISHED`). On top of them come the rows that every real export
has and that no plan may count, so that the reconciliation has something to show.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from .embedded import PUBLISHED, QUARTER_HOUR, PublishedLine, county_hours, share_out

__all__ = ["AS_OF", "NSPL_COLUMNS", "generate_packages", "generate_postcodes"]

AS_OF = dt.date(2026, 4, 1)
HALF_YEAR_DAYS = 182  # the export covers this many days before and after as_of

# Published by Leicestershire beside the totals (see embedded.SOURCES): mean weekly hours of a
# package, and the NHS cases of more than 100 hours a week.
MEAN_PACKAGE_HOURS = {"LCC": 12, "NHS": 48}
CASES_OVER_100_HOURS = 48
# Published by Herefordshire: packages of this many hours a week, and all 24-hour ones, are 'D'.
COMPLEX_HOURS = 28
# Ours: hours of the 24-hour packages in each of the two D zones. One of them is under 28 hours, so
# that a rule which looks at the hours only comes out wrong.
ROUND_THE_CLOCK_HOURS = ((112.0, 98.0, 24.0), (84.0,))

# Column names of the National Statistics Postcode Lookup in its editions after May 2025.
NSPL_COLUMNS = (
    "pcd7", "pcd8", "pcds", "dointr", "doterm", "usrtypind", "east1m", "north1m", "gridind",
    "oa21cd", "cty25cd", "ced25cd", "lad25cd", "wd25cd", "nhser24cd", "ctry25cd", "rgn25cd",
    "pcon24cd", "ttwa15cd", "itl25cd", "npark16cd", "lsoa21cd", "msoa21cd", "wz11cd", "sicbl24cd",
    "bua24cd", "ruc21ind", "oac11ind", "lat", "long", "lep21cd1", "lep21cd2", "pfa23cd",
    "imd20ind", "icb23cd",
)
UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"  # Royal Mail never uses C I K M O V in the last two places
OUTSIDE_AREA = "ZX"  # postcode area of the made-up places outside the county
OUTSIDE_POSTCODES = 40
NO_GRID_POSTCODES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    """What is generated for one county; where a figure is not published, it is our choice."""

    postcode_area: str  # no such area exists, so nobody can take a row for an address
    providers: int
    duplicates: int
    unknown_postcode: int
    no_grid_reference: int
    no_location: int
    no_hours: int
    outside: int


_PROFILES = {
    # 150 providers: the same business case. The counts of unusable rows are ours.
    "leicestershire": _Profile(
        postcode_area="ZL", providers=150, duplicates=25, unknown_postcode=18,
        no_grid_reference=4, no_location=3, no_hours=12, outside=9,
    ),
    "herefordshire": _Profile(
        postcode_area="ZH", providers=40, duplicates=8, unknown_postcode=6,
        no_grid_reference=2, no_location=1, no_hours=3, outside=4,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """One payer and pathway: what is active on the day, and what else the year holds."""

    payer: str
    pathway: str
    active: pd.DataFrame  # area (position), person, hours (all carers), round_the_clock
    people: int  # in the year
    packages: int  # in the year
    mean_hours: float
    low_hours: float
    high_hours: float
    double_handed: float  # chance, of the packages that can be


def generate_postcodes(
    areas: gpd.GeoDataFrame, county: str, *, seed: int = 1
) -> pd.DataFrame:
    """Make up a postcode directory for an embedded county, laid out as the newest NSPL.

    Parameters
    ----------
    areas
        As :func:`lotting.embedded.county_areas` builds them.
    county
        One of :data:`lotting.embedded.COUNTIES`.
    seed
        Same seed: same directory.

    Returns
    -------
    pandas.DataFrame
        One row a postcode; columns :data:`NSPL_COLUMNS`, all text, ``""`` where not known (the
        codes of real geographies are all left blank). Postcodes begin with ``ZL``, ``ZH`` (in
        the county) or ``ZX`` (outside it): there are no such postcode areas, so no row can be
        taken for an address. About one in twelve is terminated (``doterm``); ten have no grid
        reference (``gridind`` 9, latitude 99.999999, as in the real file).

    Examples
    --------
    >>> from lotting.embedded import county_areas
    >>> table = generate_postcodes(county_areas("herefordshire"), "herefordshire")
    >>> table.loc[0, "pcds"], table["pcds"].is_unique
    ('ZH1 1AA', True)
    """
    points = _postcode_points(areas, county, seed)
    rng = np.random.default_rng([seed, 2])
    n = len(points)
    outward = points["postcode"].str.split(" ").str[0]
    inward = points["postcode"].str.split(" ").str[1]
    located = points["x_m"].notna()
    wgs84 = gpd.GeoSeries(
        gpd.points_from_xy(points["x_m"].fillna(0), points["y_m"].fillna(0)), crs="EPSG:27700"
    ).to_crs("EPSG:4326")
    ended = [f"{y}{m:02d}" for y, m in zip(
        rng.integers(2018, 2025, n), rng.integers(1, 13, n), strict=True)]
    table = pd.DataFrame("", index=range(n), columns=list(NSPL_COLUMNS), dtype="str")
    table["pcd7"] = outward.str.ljust(4) + inward
    table["pcd8"] = outward.str.ljust(5) + inward
    table["pcds"] = points["postcode"]
    table["dointr"] = "198001"
    table["doterm"] = pd.Series(ended, dtype="str").where(points["terminated"], "")
    table["usrtypind"] = "0"
    for column, axis in (("east1m", "x_m"), ("north1m", "y_m")):
        table[column] = [f"{v:.0f}" if np.isfinite(v) else "" for v in points[axis]]
    table["gridind"] = pd.Series("1", index=table.index, dtype="str").where(located, "9")
    for column, values, unknown in (
        ("lat", wgs84.y, "99.999999"), ("long", wgs84.x, "0.000000"),
    ):
        table[column] = [
            f"{v:.6f}" if known else unknown for v, known in zip(values, located, strict=True)
        ]
    return table.astype("str")


def _postcode_points(areas: gpd.GeoDataFrame, county: str, seed: int) -> pd.DataFrame:
    """Made-up postcodes: postcode, x_m, y_m (NaN: no grid reference), area (-1: outside), ended."""
    rng = np.random.default_rng([seed, 1])
    prefix = _PROFILES[county].postcode_area
    districts = list(dict.fromkeys(areas["locality"]))
    used = dict.fromkeys(districts, 0)
    postcodes: list[str] = []
    at: list[int] = []
    xy: list[npt.NDArray[Any]] = []
    for i, row in enumerate(areas.itertuples()):
        wanted = max(6, round(float(row.population) / 100))
        first = used[row.locality]
        used[row.locality] += wanted
        district = f"{prefix}{districts.index(row.locality) + 1}"
        postcodes += [_unit(district, first + k) for k in range(wanted)]
        at += [i] * wanted
        xy.append(_homes(row, wanted, rng))
    outside = _outside(areas, OUTSIDE_POSTCODES, rng)
    postcodes += [_unit(f"{OUTSIDE_AREA}1", k) for k in range(OUTSIDE_POSTCODES)]
    # A district of their own: they are nowhere, so they belong to no locality.
    nowhere = f"{prefix}{len(districts) + 1}"
    postcodes += [_unit(nowhere, k) for k in range(NO_GRID_POSTCODES)]
    at += [-1] * (OUTSIDE_POSTCODES + NO_GRID_POSTCODES)
    coordinates = np.vstack([*xy, outside, np.full((NO_GRID_POSTCODES, 2), np.nan)])
    area = np.array(at)
    return pd.DataFrame({
        "postcode": pd.Series(postcodes, dtype="str"),
        "x_m": coordinates[:, 0],
        "y_m": coordinates[:, 1],
        "area": area,
        "terminated": (rng.random(len(area)) < 1 / 12) & (area >= 0),
    })


def _unit(district: str, number: int) -> str:
    sector, rest = divmod(number, len(UNIT_LETTERS) ** 2)
    first, second = divmod(rest, len(UNIT_LETTERS))
    return f"{district} {(sector + 1) % 10}{UNIT_LETTERS[first]}{UNIT_LETTERS[second]}"


def _homes(row: Any, wanted: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Points around a settlement, thinning outwards, whole metres, all inside its area."""
    inside = row.geometry.buffer(-5)  # off the border, where a metre decides
    centre = np.array([row.x_m, row.y_m])
    spread = 1000 * np.sqrt(row.population / 3000 / np.pi) / 1.5  # about 3,000 people a km2
    points = np.round(centre + rng.normal(0, spread, (wanted * 6, 2)))
    points = points[shapely.contains_xy(inside, points)][:wanted]
    return np.vstack([points, np.tile(centre, (wanted - len(points), 1))])


def _outside(areas: gpd.GeoDataFrame, wanted: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    land = shapely.union_all(areas.geometry.to_numpy()).buffer(500)
    left, bottom, right, top = land.bounds
    points = np.round(rng.uniform((left, bottom), (right, top), (wanted * 20, 2)))
    return np.asarray(points[~shapely.contains_xy(land, points)][:wanted])


def generate_packages(
    areas: gpd.GeoDataFrame, county: str, *, seed: int = 1, as_of: dt.date = AS_OF
) -> pd.DataFrame:
    """Make up a council's export of packages of care for a year around a day.

    Parameters
    ----------
    areas
        As :func:`lotting.embedded.county_areas` builds them.
    county
        One of :data:`lotting.embedded.COUNTIES`.
    seed
        Same seed: same packages. Use the seed of :func:`generate_postcodes`.
    as_of
        The day on which the active packages hold the published hours.

    Returns
    -------
    pandas.DataFrame
        One row a package, sorted by ``package_id``, index 0..n-1. Columns ``package_id``,
        ``person_id`` (made-up, ``P00001``); ``postcode`` (``""`` where ``x_m, y_m`` are given
        instead); ``x_m, y_m`` (Int64, metres in EPSG:27700, missing where there is a postcode);
        ``weekly_hours`` (float, hours of one carer, quarter hours; NaN: not recorded);
        ``payer``; ``pathway``; ``start, end`` (dates; ``end`` missing: no end is planned);
        ``carers`` (1 or 2); ``provider_id`` (made-up).

    Notes
    -----
    Hours below are for all carers together: ``weekly_hours`` times ``carers``.

    Leicestershire: 10,189 packages of LCC and 1,574 of the NHS, of 4,593 and 1,014 people, in
    the year; of these 2,811 and 323 are active on the day (the published hours over the published
    12 and 48 hours a package), with 33,732 and 15,498 hours. 48 NHS packages, all active, are of
    more than 100 hours. In every area the active hours of both payers together equal
    :func:`lotting.embedded.county_hours`; the payers apart do so only in the county as a whole,
    because 323 packages of 48 hours cannot be spread evenly over some 260 areas.

    Herefordshire: 768 clients of O (their hours in every area as ``county_hours``; each package
    under 28 hours) and 58 of D (28 hours or more, or pathway ``24-hour``; the hours hold in zones
    A and B together, and C to E together, for the same reason). The packages that have ended or
    not begun are ours, in Leicestershire's proportion, and so are the payers.

    Rows that must not change the placed hours come on top: exact duplicates of active rows; rows
    with a postcode that is not in the directory, or has no grid reference there; rows without a
    place; rows of the NHS without hours; places outside the county. Some people live at
    terminated postcodes, and some rows have coordinates instead of a postcode: those are placed
    like any other.

    Examples
    --------
    >>> from lotting.embedded import county_areas
    >>> table = generate_packages(county_areas("herefordshire"), "herefordshire")
    >>> table.columns[:2].to_list(), sorted(set(table["pathway"]))
    (['package_id', 'person_id'], ['24-hour', 'D', 'O'])
    """
    rng = np.random.default_rng([seed, 3])
    profile = _PROFILES[county]
    points = _postcode_points(areas, county, seed)
    groups = (_leicestershire if county == "leicestershire" else _herefordshire)(areas, rng)
    day = as_of.toordinal()
    parts = []
    people = 0
    for group in groups:
        part = _year(group, areas["population_75"].to_numpy(), day, rng)
        part["person"] += people
        people = int(part["person"].max()) + 1
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table = _locate(table, points, rng)
    extra = _unusable(table, points, profile, day=day, rng=rng)
    table = pd.concat([table, extra], ignore_index=True)
    table["provider_id"] = _providers(table, areas, profile.providers, rng)
    table = _numbered(table, rng)
    active = np.flatnonzero(_active(table, day) & table["ordinary"].to_numpy())
    twice = rng.choice(active, profile.duplicates, replace=False)
    # A second copy lands anywhere in a real export; a stable sort keeps it beside the first.
    table = pd.concat([table, table.iloc[np.sort(twice)]]).sort_values(
        "package_id", kind="stable", ignore_index=True)
    return _export(table)


def _leicestershire(areas: gpd.GeoDataFrame, rng: np.random.Generator) -> list[_Group]:
    lcc, nhs = PUBLISHED["leicestershire"]
    hours = county_hours("leicestershire").groupby("area_code")["weekly_hours"].sum()
    together = hours.reindex(areas.index).to_numpy(dtype="float64")
    n_nhs = round(nhs.weekly_hours / MEAN_PACKAGE_HOURS["NHS"])
    n_lcc = round(lcc.weekly_hours / MEAN_PACKAGE_HOURS["LCC"])
    nhs_area, nhs_hours = _nhs_packages(together, nhs.weekly_hours, n_nhs, rng)
    left = together - np.bincount(nhs_area, weights=nhs_hours, minlength=len(together))
    # About one council package in fifteen is a second one of the same person.
    council = _by_area(left, round(n_lcc * 14 / 15), n_lcc, low=2.0, high=60.0, rng=rng)
    health = pd.DataFrame({
        "area": nhs_area, "person": range(n_nhs), "hours": nhs_hours, "round_the_clock": False,
    })
    return [
        _group(lcc, "home care", council, mean_hours=12, low=2.0, high=60.0, double=0.15),
        _group(nhs, "continuing healthcare", health, mean_hours=48, low=7.0, high=100.0,
               double=0.3),
    ]


def _group(
    line: PublishedLine, pathway: str, active: pd.DataFrame, *, mean_hours: float, low: float,
    high: float, double: float,
) -> _Group:
    assert line.packages is not None
    return _Group(
        payer=line.payer, pathway=pathway, active=active, people=line.people,
        packages=line.packages, mean_hours=mean_hours, low_hours=low, high_hours=high,
        double_handed=double,
    )


def _nhs_packages(
    together: npt.NDArray[Any], total: float, n: int, rng: np.random.Generator
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Area and hours of each NHS package; in every area some hours are left for the council."""
    large = np.sort(rng.triangular(100.25, 104, 150, CASES_OVER_100_HOURS) // QUARTER_HOUR)[::-1]
    large = large * QUARTER_HOUR
    small = np.sort(_sizes(total - large.sum(), n - len(large), 7.0, 100.0, rng=rng))[::-1]
    wanted = total * together / together.sum()
    placed = np.zeros(len(together))
    at: list[int] = []
    for size in large:
        # Where the package is under three quarters of all hours, and none of this kind is yet.
        chance = np.where((together > size / 0.75) & (placed == 0), together, 0)
        at.append(int(rng.choice(len(together), p=chance / chance.sum())))
        placed[at[-1]] += size
    for size in small:
        room = together - placed - size >= 8
        at.append(int(np.argmax(np.where(room, wanted - placed, -np.inf))))
        placed[at[-1]] += size
    return np.array(at), np.concatenate([large, small])


def _herefordshire(areas: gpd.GeoDataFrame, rng: np.random.Generator) -> list[_Group]:
    year = PUBLISHED["leicestershire"]
    hours = county_hours("herefordshire")
    ordinary = hours[hours["pathway"] == "O"].set_index("area_code")["weekly_hours"]
    by_area = ordinary.reindex(areas.index).to_numpy(dtype="float64")
    groups: list[_Group] = []
    parts: list[pd.DataFrame] = []
    complex_parts: list[pd.DataFrame] = []
    for line in PUBLISHED["herefordshire"]:
        inside = areas["locality"].isin(line.localities).to_numpy()
        if line.pathway == "O":
            part = _by_area(
                np.where(inside, by_area, 0), line.people, round(line.people * 1.06), low=2.0,
                high=COMPLEX_HOURS - QUARTER_HOUR, rng=rng)
            parts.append(part)
        else:
            clock = ROUND_THE_CLOCK_HOURS[len(complex_parts)]
            others = _sizes(
                line.weekly_hours - sum(clock), line.people - len(clock), COMPLEX_HOURS, 84.0,
                rng=rng)
            chance = np.where(inside, areas["population_75"].to_numpy(), 0)
            complex_parts.append(pd.DataFrame({
                "area": rng.choice(len(areas), line.people, p=chance / chance.sum()),
                "person": range(line.people),
                "hours": [*clock, *others],
                "round_the_clock": [True] * len(clock) + [False] * len(others),
            }))
    for pathway, chosen, like, mean, low, high in (
        ("O", parts, year[0], 12.0, 2.0, COMPLEX_HOURS - QUARTER_HOUR),
        ("D", complex_parts, year[1], 40.0, float(COMPLEX_HOURS), 84.0),
    ):
        active = _joined(chosen)
        people, packages = active["person"].nunique(), len(active)
        running = round(like.weekly_hours / MEAN_PACKAGE_HOURS[like.payer])
        groups.append(_Group(
            payer="", pathway=pathway, active=active,
            people=max(people, round(people * like.people / running)),
            packages=round(packages * (like.packages or 0) / running),
            mean_hours=mean, low_hours=low, high_hours=high, double_handed=0.15,
        ))
    return groups


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    people = 0
    numbered = []
    for part in parts:
        numbered.append(part.assign(person=part["person"] + people))
        people += int(part["person"].max()) + 1
    return pd.concat(numbered, ignore_index=True)


def _sizes(
    total: float, n: int, low: float, high: float, *, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Draw hours of ``n`` packages that add up to ``total``, within the limits, quarter hours.

    Sizes of packages are skewed: many small, few large. The log-normal shape is our choice.
    """
    if not n * low <= total <= n * high:
        raise ValueError(f"{n} packages of {low:g} to {high:g} hours cannot hold {total:g} hours.")
    shape = rng.lognormal(0, 0.6, n)
    below, above = 0.0, total / shape.min() + high / shape.min()
    for _ in range(100):
        scale = (below + above) / 2
        if np.clip(scale * shape, low, high).sum() < total:
            below = scale
        else:
            above = scale
    return share_out(total, np.clip(above * shape, low, high), QUARTER_HOUR)


def _by_area(
    hours: npt.NDArray[Any], people: int, packages: int, *, low: float, high: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw packages whose hours add up to ``hours`` in each area; some people have two of them."""
    mean = hours.sum() / people
    fewest = np.ceil(hours / (0.8 * high))  # a few big packages would be too even otherwise
    count = fewest + share_out(people - fewest.sum(), np.maximum(hours - fewest * mean, 0))
    sizes = [
        _sizes(hours[i], int(count[i]), min(low, hours[i] / count[i] // 1), high, rng=rng)
        for i in np.flatnonzero(count)
    ]
    frame = pd.DataFrame({
        "area": np.repeat(np.arange(len(hours)), count.astype(int)),
        "person": range(people),
        "hours": np.concatenate(sizes),
        "round_the_clock": False,
    })
    several = np.flatnonzero(frame["hours"] >= 2 * low + 2)
    chosen = rng.choice(several, packages - people, replace=False)
    second = frame.iloc[chosen].copy()
    second["hours"] = np.maximum(low, second["hours"] / 3 // QUARTER_HOUR * QUARTER_HOUR)
    frame.loc[second.index, "hours"] -= second["hours"]
    return pd.concat([frame, second], ignore_index=True)


def _year(
    group: _Group, chance: npt.NDArray[Any], day: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Add the packages that have ended or not begun; give every package its dates and carers."""
    active = group.active.assign(when=0)
    known = active["person"].nunique()
    home = np.concatenate([
        active.drop_duplicates("person").sort_values("person")["area"].to_numpy(),
        rng.choice(len(chance), group.people - known, p=chance / chance.sum()),
    ])
    n = group.packages - len(active)
    # Whoever has no active package has at least one other; the rest fall to anyone.
    person = np.concatenate([
        np.arange(known, group.people),
        rng.integers(0, group.people, n - (group.people - known)),
    ])
    other = pd.DataFrame({
        "area": home[person],
        "person": person,
        "hours": _sizes(group.mean_hours * n, n, group.low_hours, group.high_hours, rng=rng),
        "round_the_clock": False,
        "when": np.where(rng.random(n) < 0.6, -1, 1),
    })
    table = pd.concat([active, other], ignore_index=True)
    table["carers"] = _carers(table, group, rng)
    table["weekly_hours"] = table["hours"] / table["carers"]
    table["pathway"] = np.where(table["round_the_clock"], "24-hour", group.pathway)
    if group.payer:
        table["payer"] = group.payer
    else:
        # Not published for Herefordshire: here the NHS pays for a third of D and a few of O.
        by_nhs = rng.random(group.people) < (1 / 3 if group.pathway == "D" else 0.04)
        table["payer"] = np.where(by_nhs[table["person"]], "NHS", "Council")
    return _dated(table, day, rng)


def _carers(table: pd.DataFrame, group: _Group, rng: np.random.Generator) -> npt.NDArray[Any]:
    hours = table["hours"].to_numpy()
    # Half of a double-handed package must be whole quarter hours, and stay on its own side of
    # the limits that rules look at, whether they look at one carer's hours or at both.
    can = (hours % (2 * QUARTER_HOUR) == 0) & (hours / 2 >= group.low_hours) & (hours <= 100)
    can &= ~table["round_the_clock"].to_numpy()
    return np.where(can & (rng.random(len(hours)) < group.double_handed), 2, 1)


def _dated(table: pd.DataFrame, day: int, rng: np.random.Generator) -> pd.DataFrame:
    """Give each package a start and an end (day numbers; 0: no end), one after the other."""
    start = np.zeros(len(table), dtype="int64")
    end = np.zeros(len(table), dtype="int64")
    first, last = day - HALF_YEAR_DAYS, day + HALF_YEAR_DAYS
    when = table["when"].to_numpy()
    for rows in table.groupby("person", sort=True).indices.values():
        before, now, after = (rows[when[rows] == w] for w in (-1, 0, 1))
        begun = day - int(rng.integers(0, 90 if len(before) else 1500))
        start[now] = begun
        ends = _days(first, min(begun, day), len(before), rng)
        for row, (earlier, until) in zip(
            before, pairwise([first - int(rng.integers(2, 700)), *ends]), strict=True
        ):
            start[row] = int(rng.integers(earlier + 1, until + 1))
            end[row] = until
        starts = _days(day + 8, last + 1, len(after), rng)
        for row, (begins, following) in zip(after, pairwise([*starts, 0]), strict=True):
            start[row] = begins
            end[row] = following - 1 if following else 0
        if len(after):
            end[now] = starts[0] - 1
        elif rng.random() < 0.25:
            end[now] = day + int(rng.integers(7, 400))
    return table.assign(start=start, end=end)


def _days(first: int, before: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Draw days in order, no two alike, from ``first`` up to but not including ``before``."""
    if not wanted:
        return []
    return sorted((first + rng.choice(before - first, wanted, replace=False)).tolist())


def _active(table: pd.DataFrame, day: int) -> npt.NDArray[Any]:
    start, end = table["start"].to_numpy(), table["end"].to_numpy()
    return np.asarray((start <= day) & ((end == 0) | (end >= day)))


def _locate(
    table: pd.DataFrame, points: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Give each person a home: a postcode of the area, or for some its coordinates."""
    people = table.drop_duplicates("person").set_index("person")["area"]
    here = points[points["area"] >= 0].groupby("area").indices
    home = pd.Series(
        [int(rng.choice(here[area])) for area in people], index=people.index, dtype="int64")
    by_coordinates = pd.Series(rng.random(len(people)) < 0.04, index=people.index)
    at = points.iloc[home.reindex(table["person"]).to_numpy()].reset_index(drop=True)
    bare = by_coordinates.reindex(table["person"]).to_numpy()
    return table.assign(
        postcode=at["postcode"].where(~bare, ""), x_m=at["x_m"].where(bare),
        y_m=at["y_m"].where(bare), ordinary=True,
    )


def _unusable(
    table: pd.DataFrame, points: pd.DataFrame, profile: _Profile, *, day: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Make active rows that cannot be placed, as real exports have; each of its own person."""
    kinds = np.repeat(
        ["unknown", "no grid", "nowhere", "outside", "no hours"],
        [profile.unknown_postcode, profile.no_grid_reference, profile.no_location,
         profile.outside, profile.no_hours],
    )
    usual = table[_active(table, day) & (table["hours"] <= 100) & ~table["round_the_clock"]]
    nhs = usual[usual["payer"] == "NHS"]
    rows = pd.concat([
        usual.sample(len(kinds) - profile.no_hours, random_state=rng),
        nhs.sample(profile.no_hours, random_state=rng),
    ], ignore_index=True)
    people = int(table["person"].max()) + 1
    rows = rows.assign(person=np.arange(people, people + len(kinds)), ordinary=False)
    rows.loc[kinds == "no hours", "weekly_hours"] = np.nan
    rows.loc[kinds != "no hours", ["x_m", "y_m"]] = np.nan
    located = points["x_m"].notna()
    for kind, postcodes in (
        ("unknown", [_unit(f"{profile.postcode_area}99", i) for i in range(len(kinds))]),
        ("no grid", points.loc[~located, "postcode"].to_list()),
        ("nowhere", [""] * len(kinds)),
        ("outside", points.loc[(points["area"] < 0) & located, "postcode"].to_list()),
    ):
        chosen = kinds == kind
        rows.loc[chosen, "postcode"] = postcodes[: chosen.sum()]
    # One of those outside the county is known by its coordinates.
    last = int(np.flatnonzero(kinds == "outside")[-1])
    at = points[points["postcode"] == rows.loc[last, "postcode"]]
    rows.loc[last, ["x_m", "y_m"]] = at[["x_m", "y_m"]].to_numpy()[0]
    rows.loc[last, "postcode"] = ""
    return rows


def _providers(
    table: pd.DataFrame, areas: gpd.GeoDataFrame, n: int, rng: np.random.Generator
) -> list[str]:
    """Made-up providers: few large and many small, each mostly near its own base.

    Shares after Leicestershire's market (business case, section on the market): the largest
    holds 9.6 % of the hours, the ten largest 38 %. Near, not exact.
    """
    top = 0.096 * 0.84 ** np.arange(10)
    top[1:] *= (0.38 - top[0]) / top[1:].sum()
    rest = 0.96 ** np.arange(n - 10)
    size = np.concatenate([top, rest / rest.sum() * 0.62])
    base = rng.choice(len(areas), n)
    x, y = areas["x_m"].to_numpy(), areas["y_m"].to_numpy()
    km = np.hypot(x[:, None] - x[base], y[:, None] - y[base]) / 1000
    works = np.exp(-km / 12) + 1e-6
    hours = np.bincount(table["area"], weights=table["hours"], minlength=len(areas)) + 1
    for _ in range(30):  # iterative proportional fitting to areas' hours and providers' shares
        works *= (hours / works.sum(axis=1))[:, None]
        works *= size * hours.sum() / works.sum(axis=0)
    chance = np.cumsum(works / works.sum(axis=1)[:, None], axis=1)
    draw = rng.random(len(table))
    chosen = (chance[table["area"].to_numpy()] < draw[:, None]).sum(axis=1)
    return [f"PR{i + 1:03d}" for i in np.minimum(chosen, n - 1)]


def _numbered(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Give people and packages numbers at random, so that a number says nothing of the row."""
    people = int(table["person"].max()) + 1
    person = rng.permutation(people) + 1
    package = rng.permutation(len(table)) + 1
    return table.assign(
        person_id=[f"P{i:05d}" for i in person[table["person"].to_numpy()]],
        package_id=[f"K{i:06d}" for i in package],
    )


def _export(table: pd.DataFrame) -> pd.DataFrame:
    def dates(days: pd.Series[int]) -> pd.Series[Any]:
        text = [dt.date.fromordinal(d).isoformat() if d else None for d in days.tolist()]
        return pd.to_datetime(pd.Series(text, dtype="str"), format="%Y-%m-%d")

    return pd.DataFrame({
        "package_id": table["package_id"].astype("str"),
        "person_id": table["person_id"].astype("str"),
        "postcode": table["postcode"].astype("str"),
        "x_m": table["x_m"].astype("Int64"),
        "y_m": table["y_m"].astype("Int64"),
        "weekly_hours": table["weekly_hours"],
        "payer": table["payer"].astype("str"),
        "pathway": table["pathway"].astype("str"),
        "start": dates(table["start"]),
        "end": dates(table["end"]),
        "carers": table["carers"],
        "provider_id": table["provider_id"].astype("str"),
    })
