"""Shapes for maps: lots from areas, fewer points, and a good place for a label."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

__all__ = ["dissolved", "label_point", "largest_part", "simplified"]

# Gaps and overlaps of unclean boundaries are hairlines to a few metres wide; a lot's outline
# must not follow them into its inside, where they would be drawn as borders.
CLOSING_M = 15.0
GAP_M = 10.0


def simplified(areas: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Outlines with fewer points, without gaps between neighbours.

    Parameters
    ----------
    areas
        Polygons in EPSG:27700.

    Returns
    -------
    geopandas.GeoSeries
        Same index and CRS. Neighbours still share every vertex where they did before; areas
        whose edges never matched are simplified one by one.

    Notes
    -----
    The tolerance is a three-thousandth of the map's width, 10 to 40 m: below one pixel on a
    screen that shows the whole map. :func:`shapely.coverage_simplify` (Visvalingam-Whyatt)
    takes the square root of the area of a triangle that may go.
    """
    west, south, east, north = areas.total_bounds
    tolerance = float(np.clip(max(east - west, north - south) / 3000, 10, 40))
    shapes = np.asarray(areas.geometry.values)
    if shapely.coverage_is_valid(shapes):
        fewer = shapely.coverage_simplify(shapes, tolerance)
    else:
        fewer = shapely.simplify(shapes, tolerance / 2, preserve_topology=True)
    return gpd.GeoSeries(fewer, index=areas.index, crs=areas.crs)


def dissolved(shapes: gpd.GeoSeries, groups: pd.Series[str]) -> gpd.GeoSeries:
    """One outline a group.

    Parameters
    ----------
    shapes
        Polygons in EPSG:27700.
    groups
        Name of the group by the same index; shapes without one (None, NaN, "") are left out.

    Returns
    -------
    geopandas.GeoSeries
        Index the groups' names, sorted; same CRS.
    """
    groups = groups.reindex(shapes.index).astype("object").where(lambda g: g.notna(), "").map(str)
    clean = shapely.coverage_is_valid(np.asarray(shapes.values), gap_width=GAP_M)
    names = sorted(set(groups) - {""})
    outlines = []
    for name in names:
        parts = np.asarray(shapes[groups == name].values)
        outlines.append(shapely.coverage_union_all(parts) if clean else _closed_union(parts))
    return gpd.GeoSeries(outlines, index=pd.Index(names, dtype="object"), crs=shapes.crs)


def _closed_union(parts: np.ndarray) -> BaseGeometry:
    grown = shapely.union_all(shapely.buffer(parts, CLOSING_M, join_style="mitre"))
    closed: BaseGeometry = shapely.buffer(grown, -CLOSING_M, join_style="mitre")
    return closed


def largest_part(shape: BaseGeometry) -> Polygon:
    """Return the polygon of a shape that has the largest area."""
    polygons = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]
    return max(polygons, key=lambda part: part.area)


def label_point(shape: BaseGeometry, *, widen: float = 2.0) -> Point:
    """Where a label has most room: well inside the largest part.

    Parameters
    ----------
    shape
        Polygon or multipolygon, metres.
    widen
        How much wider than high the label is.

    Notes
    -----
    Centre of the largest inscribed circle (GEOS ``MaximumInscribedCircle``) of the shape
    squeezed sideways by ``widen``: the centre of the widest flat ellipse that fits.

    Examples
    --------
    >>> label_point(shapely.box(0, 0, 100, 10)).within(shapely.box(0, 0, 100, 10))
    True
    """
    part = largest_part(shape)
    squeezed = shapely.transform(part, lambda xy: xy / [widen, 1.0])
    tolerance = max(np.sqrt(squeezed.area) / 200, 1e-9)
    radius = shapely.maximum_inscribed_circle(squeezed, tolerance=tolerance)
    x, y = shapely.get_coordinates(radius)[0]
    point = Point(x * widen, y)
    return point if part.contains(point) else part.representative_point()
