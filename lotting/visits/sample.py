"""Packages drawn by chance where only the hours of an area are known, and places for them.

They stand for nobody. What holds is the sum: the packages of an area have exactly its hours.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.brief import VisitsBrief
from lotting.embedded import share_out

from .generate import generate_visits, share_double_handed, week_of

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["MEAN_PACKAGE_HOURS", "places_in_areas", "sample_packages", "visits_of_area_hours"]

MEAN_PACKAGE_HOURS = 12.4
"""Contact hours per household and week, England, September 2008, the last national survey found:
https://digital.nhs.uk/data-and-information/publications/statistical/adult-social-care-activity-and-finance-report/community-care-statistics-home-help-and-care-services-for-adults-england-2008
"""

SPREAD = 0.28
"""Standard deviation, along each axis, of homes about the point of their area, in square roots of
the area's extent. In five counties the postcodes of an LSOA lie 0.34 to 0.43 square roots (root mean
square) from a postcode in their middle, towns and villages alike (ONS, NSPL May 2025)."""

QUARTER_HOUR = 0.25
NO_DATE = dt.date(2026, 1, 5)
"""The Monday of the week of visits that nothing dates."""


def sample_packages(
    hours: pd.Series[float], *, packages: pd.Series[int] | None = None, seed: int = 1
) -> pd.DataFrame:
    """Draw packages that have an area's hours.

    Parameters
    ----------
    hours
        Weekly hours of all carers by ``area_code`` (str, unique), 0 or more.
    packages
        How many packages each area has, on the same index; where it is 0 or not given,
        :data:`MEAN_PACKAGE_HOURS` decide.
    seed
        Same seed, same hours: same packages.

    Returns
    -------
    pandas.DataFrame
        Index ``package_id`` (``<area_code>/<number>``). Columns ``area_code`` (str),
        ``weekly_hours`` (float, above 0) and ``carers`` (1). The hours of each area add up to those
        given; all but an area's first package are whole quarters of an hour.

    Notes
    -----
    Sizes are in proportion to draws from a gamma distribution of shape 2 (many of a few hours, few
    of many), clipped to between a fifth of the mean and three times it (ours). An area draws from a
    stream of its own, so other areas do not change it.

    Examples
    --------
    >>> drawn = sample_packages(pd.Series({"A": 100.1, "B": 0.0}))
    >>> len(drawn), round(float(drawn["weekly_hours"].sum()), 6)
    (8, 100.1)
    """
    rows: list[tuple[str, float]] = []
    ids: list[str] = []
    for number, (area, total) in enumerate(zip(hours.index, hours.tolist(), strict=True)):
        if not total > 0:
            continue
        known = 0 if packages is None else int(packages.loc[area])
        wanted = known or round(total / MEAN_PACKAGE_HOURS)
        count = max(1, min(wanted, int(total / QUARTER_HOUR)))
        rng = np.random.default_rng([seed, 2, number])
        weights = np.clip(rng.gamma(2.0, 0.5, count), 0.2, 3.0)
        # Each has a quarter of an hour at least; the rest is shared by size.
        even = np.floor(total / QUARTER_HOUR) * QUARTER_HOUR
        sizes = share_out(even - count * QUARTER_HOUR, weights, QUARTER_HOUR) + QUARTER_HOUR \
            if even else np.zeros(1)
        sizes[0] += total - even
        rows += [(str(area), float(size)) for size in sizes]
        ids += [f"{area}/{i + 1}" for i in range(count)]
    table = pd.DataFrame(rows, columns=["area_code", "weekly_hours"],
                         index=pd.Index(ids, name="package_id", dtype="str"))
    return table.astype({"area_code": "str", "weekly_hours": "float64"}).assign(carers=1)


def places_in_areas(codes: pd.Series[str], areas: gpd.GeoDataFrame, *, seed: int = 1) -> pd.DataFrame:
    """Draw a place in its area for each package.

    Parameters
    ----------
    codes
        Area code of each package, all on the map.
    areas
        Index ``area_code``; ``geometry`` (EPSG:27700), and ``x_m``, ``y_m``, the point about which
        people live.
    seed
        Same seed, same codes: same places.

    Returns
    -------
    pandas.DataFrame
        ``x_m``, ``y_m`` (whole metres, EPSG:27700) on the index of ``codes``: normally distributed
        about the area's point with :data:`SPREAD`, inside its boundary; at the point itself where
        no draw fell inside.
    """
    import shapely

    places = np.empty((len(codes), 2))
    values = codes.to_numpy()
    order = {str(code): i for i, code in enumerate(areas.index)}
    for code in dict.fromkeys(values):
        rows = np.flatnonzero(values == code)
        area: Any = areas.loc[code]
        centre = np.array([area["x_m"], area["y_m"]], dtype="float64")
        rng = np.random.default_rng([seed, 3, order[str(code)]])
        spread = SPREAD * float(np.sqrt(area["geometry"].area))
        drawn: npt.NDArray[Any] = np.round(centre + rng.normal(0, spread, (len(rows) * 12, 2)))
        inside = drawn[shapely.contains_xy(area["geometry"], drawn)][: len(rows)]
        places[rows] = np.vstack([inside, np.tile(centre, (len(rows) - len(inside), 1))])
    return pd.DataFrame(places, index=codes.index, columns=["x_m", "y_m"])


def visits_of_area_hours(
    hours: pd.Series[float],
    areas: gpd.GeoDataFrame,
    settings: VisitsBrief | None = None,
    *,
    packages: pd.Series[int] | None = None,
    week: list[dt.date] | None = None,
) -> pd.DataFrame:
    """Make up a week of visits where only the hours of each area are known.

    Parameters
    ----------
    hours
        Weekly hours of all carers by ``area_code``, every one on the map.
    areas
        As for :func:`places_in_areas`.
    settings
        The ``[visits]`` table; its defaults when left out.
    packages
        How many packages each area has; see :func:`sample_packages`.
    week
        Seven days, Monday first; the week of :data:`NO_DATE` when left out.

    Returns
    -------
    pandas.DataFrame
        Visits as in :data:`lotting.visits.frame.COLUMNS`; in each area, length times carers add up
        to its hours.

    Examples
    --------
    >>> from lotting.embedded import county_areas
    >>> areas = county_areas("herefordshire")
    >>> visits = visits_of_area_hours(pd.Series(20.0, index=areas.index[:3]), areas)
    >>> (visits["duration_minutes"] * visits["carers"]).groupby(visits["area_code"]).sum().to_list()
    [1200.0, 1200.0, 1200.0]
    """
    settings = settings or VisitsBrief()
    drawn = sample_packages(hours, packages=packages, seed=settings.seed)
    drawn = share_double_handed(drawn, settings.double_handed_share_pct, seed=settings.seed)
    drawn = drawn.join(places_in_areas(drawn["area_code"], areas, seed=settings.seed))
    return generate_visits(drawn, settings, week or week_of(NO_DATE))
