"""Which area of the map a package is in: by area code, coordinates or postcode."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .postcodes import PostcodeLookup
from .reconciliation import (
    NO_LOCATION,
    OUTSIDE,
    PLACED,
    POSTCODE_NOWHERE,
    UNKNOWN_AREA,
    UNKNOWN_POSTCODE,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["GSS_CODE", "SNAP_M", "areas_at", "locate", "unknown_codes_hint"]

SNAP_M = 50.0
"""Metres off the map's edge within which a point still counts as in the nearest area.

ONS's generalised boundaries are within 20 m of the true ones and clipped to the coast; postcodes
of piers, quays and border roads fall just off them.
"""

# Of GSS codes, what the first three characters stand for (ONS Register of Geographic Codes).
_KINDS = {
    "E00": "output areas", "W00": "output areas", "E01": "LSOAs", "W01": "LSOAs",
    "E02": "MSOAs", "W02": "MSOAs", "E04": "parishes", "E05": "wards", "W05": "wards",
    "E06": "unitary districts", "E07": "districts", "E08": "metropolitan districts",
    "E09": "London boroughs", "E10": "counties",
}
# The last LSOA code of the 2011 census; those new in 2021 come after it (ONS, LSOA (2011) to
# LSOA (2021) lookup).
_LAST_LSOA_2011 = "E01033768"
GSS_CODE = re.compile(r"[A-Z]\d{8}")
"""The form of the codes ONS gives to areas."""


def locate(
    packages: pd.DataFrame,
    areas: gpd.GeoDataFrame,
    postcodes: Callable[[set[str]], PostcodeLookup] | None,
) -> pd.DataFrame:
    """Find the area of each package.

    Parameters
    ----------
    packages
        Columns ``area_code``, ``postcode`` (str, ``""`` where not given), ``x_m``, ``y_m``
        (float, EPSG:27700, NaN where not given), as in
        :class:`lotting.packages.Packages`.
    areas
        The map: index ``area_code``, geometry in EPSG:27700.
    postcodes
        Called at most once, with the postcodes that have to be looked up. None when there is no
        postcode directory; then no package may need one.

    Returns
    -------
    pandas.DataFrame
        On the index of ``packages``: ``area_code`` (str, ``""`` where not placed), ``reason``
        (:data:`~lotting.reconciliation.PLACED`, or the first reason met on the way), ``by``
        (str: what placed it, ``"area code"``, ``"coordinates"`` or ``"postcode"``), ``snapped``
        (bool: off the map by up to :data:`SNAP_M`) and ``terminated`` (bool: placed by a
        postcode no longer in use).

    Notes
    -----
    Area code, coordinates and postcode are tried in this order, each where those before it are
    not given or place nothing. Between areas that meet in a point, the first in the map's order
    has it. Where the postcode directory has codes of the map's own edition
    (:attr:`PostcodeLookup.complete`) the code decides, even against the point.
    """
    place = _places(packages.index).assign(reason=_text(packages.index), by=_text(packages.index))

    def settle(by: str, found: pd.DataFrame) -> None:
        hit = found.index[found["area_code"] != ""]
        kept = ["area_code", "snapped", "terminated"]
        place.loc[hit, kept] = found.loc[hit, kept]
        place.loc[hit, "by"] = by
        missed = found.index.difference(hit)
        first = missed[place.loc[missed, "reason"] == ""]
        place.loc[first, "reason"] = found.loc[first, "why"]

    given = packages.loc[packages["area_code"] != "", "area_code"]
    settle("area code", _places(given.index, UNKNOWN_AREA).assign(
        area_code=given.where(given.isin(areas.index), "")))

    points = packages.loc[place["area_code"] == "", ["x_m", "y_m"]].dropna()
    codes, snapped = areas_at(points["x_m"], points["y_m"], areas)
    settle("coordinates", _places(points.index, OUTSIDE).assign(area_code=codes, snapped=snapped))

    asked = packages.loc[(place["area_code"] == "") & (packages["postcode"] != ""), "postcode"]
    if len(asked):
        assert postcodes is not None
        settle("postcode", _by_postcode(asked, postcodes(set(asked)), areas))

    place["reason"] = place["reason"].replace("", NO_LOCATION).mask(place["by"] != "", PLACED)
    return place.drop(columns="why")


def _places(index: pd.Index[Any], why: str = "") -> pd.DataFrame:
    """Return a table of packages that are nowhere yet."""
    return pd.DataFrame(
        {"area_code": _text(index), "snapped": False, "why": _text(index, why),
         "terminated": False}, index=index)


def _text(index: pd.Index[Any], value: str = "") -> pd.Series[str]:
    return pd.Series(value, index=index, dtype="str")


def _by_postcode(
    asked: pd.Series[str], lookup: PostcodeLookup, areas: gpd.GeoDataFrame
) -> pd.DataFrame:
    found = lookup.frame.reindex(asked.to_numpy()).set_axis(asked.index)
    own = found["area_code"].fillna("")
    codes = own.where(own.isin(areas.index), "").astype("str")
    elsewhere = (own != "") & (codes == "") & lookup.complete
    points = found.loc[(codes == "") & ~elsewhere, ["x_m", "y_m"]].dropna()
    at_point, snapped = areas_at(points["x_m"], points["y_m"], areas)
    places = _places(asked.index, OUTSIDE)
    places["area_code"] = codes
    places.loc[points.index, "area_code"] = at_point
    places.loc[points.index, "snapped"] = snapped
    places["terminated"] = asked.isin(lookup.frame.index[lookup.frame["terminated"]])
    places.loc[found["x_m"].isna() & ~elsewhere, "why"] = POSTCODE_NOWHERE
    places.loc[~asked.isin(lookup.frame.index), "why"] = UNKNOWN_POSTCODE
    return places


def areas_at(
    x_m: pd.Series[float], y_m: pd.Series[float], areas: gpd.GeoDataFrame, *, snap_m: float = SNAP_M
) -> tuple[pd.Series[str], pd.Series[bool]]:
    """Find the area at each point.

    Parameters
    ----------
    x_m, y_m
        Metres in EPSG:27700, one index, no NaN.
    areas
        Index ``area_code``, geometry in EPSG:27700.
    snap_m
        A point off the map by at most this many metres is in the nearest area.

    Returns
    -------
    codes, snapped
        On the points' index: area code (str, ``""`` where there is none), and whether the point
        was off the map (bool).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> areas = gpd.GeoDataFrame(index=pd.Index(["a", "b"], name="area_code"),
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)], crs="EPSG:27700")
    >>> codes, snapped = areas_at(pd.Series([50.0, 100, 230, 251]), pd.Series([50.0] * 4), areas)
    >>> codes.to_list(), snapped.to_list()
    (['a', 'a', 'b', ''], [False, False, True, False])
    """
    import shapely

    points: Any = shapely.points(x_m.to_numpy(dtype="float64"), y_m.to_numpy(dtype="float64"))
    row = _first_hit(areas.sindex.query(points, predicate="intersects"), len(points))
    outside = np.flatnonzero(row < 0)
    if len(outside) and snap_m > 0:
        near = areas.sindex.nearest(points[outside], max_distance=snap_m)
        row[outside] = _first_hit(near, len(outside))
    codes = np.array([*map(str, areas.index), ""], dtype=object)[row]
    snapped = np.zeros(len(points), dtype=np.bool_)
    snapped[outside] = row[outside] >= 0
    return (pd.Series(codes, index=x_m.index, dtype="str"),
            pd.Series(snapped, index=x_m.index, dtype="bool"))


def _first_hit(pairs: Any, n: int) -> Any:
    """Return the first area (lowest row of the map) of each of ``n`` points; -1 where none."""
    point, area = pairs
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, point, area)
    return np.where(first == np.iinfo(np.int64).max, -1, first)


def unknown_codes_hint(unknown: Collection[str], known: Collection[str]) -> str:
    """Say why some area codes may not be on the map, and what to do.

    Examples
    --------
    >>> unknown_codes_hint(["E02005728"], ["E01025621", "E01025622"])
    'These are codes of MSOAs; the map has LSOAs. Give hours for LSOAs.'
    >>> unknown_codes_hint(["Oakam"], ["Oakham", "Uppingham"])
    "Did you mean 'Oakham' for 'Oakam'?"
    """
    unknown = sorted(set(unknown))
    theirs = {_KINDS.get(u[:3]) for u in unknown} - {None}
    ours = {_KINDS.get(k[:3]) for k in known} - {None}
    if len(ours) == 1 and theirs and not theirs & ours:
        kind = ours.pop()
        return (f"These are codes of {' and '.join(sorted(map(str, theirs)))}; the map has {kind}. "
                f"Give hours for {kind}.")
    if theirs == ours == {"LSOAs"} and all(u.startswith("E01") for u in unknown):
        newest_here = max((k for k in known if k.startswith("E01")), default="")
        if max(unknown) <= _LAST_LSOA_2011 < newest_here:
            return ("These look like LSOAs of 2011; the map has those of 2021. Use boundaries of "
                    "the same year, or ONS's LSOA (2011) to LSOA (2021) lookup.")
        if min(unknown) > _LAST_LSOA_2011 >= newest_here:
            return ("These look like LSOAs of 2021; the map has those of 2011. Use boundaries of "
                    "the same year, or ONS's LSOA (2011) to LSOA (2021) lookup.")
    folded = {k.casefold(): k for k in known}
    close = []
    for name in unknown[:3]:
        # One true code is as near to the next as a misspelt one: say nothing of those.
        cutoff = 1.0 if GSS_CODE.fullmatch(name) else 0.8
        match = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
        close += [f"{folded[match[0]]!r} for {name!r}"] if match else []
    if close:
        return f"Did you mean {', '.join(close)}?"
    return "Check the codes against the boundary file: another county, or another edition?"
