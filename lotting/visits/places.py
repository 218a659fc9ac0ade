"""Where on the map a package or a visit is given: an area, and a point in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lotting.errors import InputError, Problem
from lotting.locating import locate
from lotting.postcodes import PostcodeLookup, read_postcodes
from lotting.reconciliation import PLACED

from .sample import places_in_areas

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["find_places"]


def find_places(
    rows: pd.DataFrame, areas: gpd.GeoDataFrame, postcodes: Path | None, *, file: str, seed: int
) -> pd.DataFrame:
    """Find area and point of each row.

    Parameters
    ----------
    rows
        Columns ``area_code``, ``postcode`` (str, ``""`` where not given; postcodes as
        :func:`lotting.postcodes.normalise` writes them), ``x_m``, ``y_m`` (float, EPSG:27700, NaN
        where not given).
    areas
        The map.
    postcodes
        The postcode directory; None when there is none.
    file
        Where the rows are from, for messages.
    seed
        Of the points that have to be drawn.

    Returns
    -------
    pandas.DataFrame
        On the index of ``rows``: ``area_code`` (str, ``""`` where not placed), ``reason`` (as
        :func:`lotting.locating.locate`), ``x_m``, ``y_m`` (NaN where not placed), ``drawn`` (bool:
        only the area is known, so the point is drawn within it).

    Raises
    ------
    InputError
        Rows have a postcode only, and there is no directory; or it cannot be read.

    Notes
    -----
    The area is that of :func:`lotting.locating.locate`. The point is the coordinates given, else
    the postcode's; where that is off the area by its own directory, the area still holds.
    """
    asked = set(rows["postcode"]) - {""}
    lookup = None
    if postcodes is not None and asked:
        lookup = read_postcodes(postcodes, asked, area_codes=areas.index)

    def look_up(wanted: set[str]) -> PostcodeLookup:
        if lookup is None:
            raise InputError(Problem(
                message=f"{rows['postcode'].isin(wanted).sum():,} of {len(rows):,} rows can be placed "
                        "by their postcode only, and the brief names no postcode directory",
                file=file,
                fix="Download the NSPL from geoportal.statistics.gov.uk and give it in [demand]: "
                    'postcodes = "NSPL.zip".'))
        return lookup

    found = locate(rows, areas, look_up)
    place = pd.DataFrame({
        "area_code": found["area_code"], "reason": found["reason"],
        "x_m": rows["x_m"], "y_m": rows["y_m"], "drawn": False})
    if lookup is not None:
        points = lookup.frame.reindex(rows["postcode"].to_numpy()).set_axis(rows.index)
        for axis in ("x_m", "y_m"):
            place[axis] = place[axis].fillna(points[axis])
    place.loc[place["reason"] != PLACED, ["x_m", "y_m"]] = float("nan")
    nowhere = (place["reason"] == PLACED) & place["x_m"].isna()
    if nowhere.any():
        drawn = places_in_areas(place.loc[nowhere, "area_code"], areas, seed=seed)
        place.loc[nowhere, ["x_m", "y_m"]] = drawn
        place.loc[nowhere, "drawn"] = True
    return place
