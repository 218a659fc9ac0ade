"""The embedded default: two counties that the commands can be tried on with no file to hand.

The gazetteers are tables we wrote (``data/geo``); everything else is built from them here and
nothing built is stored, so that the tables stay the one thing to correct. They illustrate: an
area is the land nearer to one settlement than to any other, not an official boundary.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry import Polygon

from .errors import InputError, LottingError, Problem

__all__ = [
    "COUNTIES",
    "PUBLISHED",
    "QUARTER_HOUR",
    "SOURCES",
    "PublishedLine",
    "county_areas",
    "county_hours",
    "county_outline",
    "data_folder",
    "settlement_cells",
    "share_out",
]

COUNTIES = ("leicestershire", "herefordshire")
QUARTER_HOUR = 0.25
# Every coordinate of a cell lies on this grid (metres), so that neighbours share their vertices.
GRID_M = 0.01

SOURCES = {
    "leicestershire": (
        "Help to Live at Home Programme, Full Business Case for the Joint Commissioning of "
        "Personal Care Services Provided in the Home, version 1.1, 10 September 2015, table 1"
    ),
    "herefordshire": (
        "Herefordshire Council, Cabinet, Redesign and commissioning of home care services "
        "(Help to live @ home), 3 November 2016, zones with current level of service provision "
        "(August 2016)"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLine:
    """One line of a council's published demand.

    Attributes
    ----------
    payer
        Who pays; ``""`` where the source does not say.
    pathway
        The council's own name of the service; ``""`` where there is only one.
    localities
        Where: localities of the gazetteer; empty for the whole county.
    weekly_hours
        Hours of care a week, as published.
    people
        People: in the year (Leicestershire) or at the time (Herefordshire).
    packages
        Packages of care in the year; None where the source gives none.
    """

    payer: str = ""
    pathway: str = ""
    localities: tuple[str, ...] = ()
    weekly_hours: int
    people: int
    packages: int | None = None


# SYSTEMS.md L1 and H1; the documents are named in SOURCES.
PUBLISHED: dict[str, tuple[PublishedLine, ...]] = {
    "leicestershire": (
        PublishedLine(payer="LCC", weekly_hours=33_732, people=4_593, packages=10_189),
        PublishedLine(payer="NHS", weekly_hours=15_498, people=1_014, packages=1_574),
    ),
    "herefordshire": (
        PublishedLine(pathway="O", localities=("Zone A",), weekly_hours=1_682, people=161),
        PublishedLine(pathway="O", localities=("Zone B",), weekly_hours=2_174, people=178),
        PublishedLine(pathway="O", localities=("Zone C",), weekly_hours=1_696, people=152),
        PublishedLine(pathway="O", localities=("Zone D",), weekly_hours=2_352, people=191),
        PublishedLine(pathway="O", localities=("Zone E",), weekly_hours=1_295, people=86),
        PublishedLine(
            pathway="D", localities=("Zone A", "Zone B"), weekly_hours=1_355, people=29),
        PublishedLine(
            pathway="D", localities=("Zone C", "Zone D", "Zone E"), weekly_hours=975, people=29),
    ),
}


def data_folder() -> Path:
    """Find the gazetteers: inside the installed package, or beside it in a checkout.

    Returns
    -------
    pathlib.Path
        The folder with ``<county>_settlements.csv`` and ``<county>_outline.csv``.

    Raises
    ------
    LottingError
        Neither place has them: the installation is broken.

    Examples
    --------
    >>> (data_folder() / "herefordshire_settlements.csv").is_file()
    True
    """
    package = Path(__file__).resolve().parent
    places = (package / "_data" / "geo", package.parent / "data" / "geo")
    for place in places:
        if (place / f"{COUNTIES[0]}_settlements.csv").is_file():
            return place
    raise LottingError(
        "The embedded data is missing: neither "
        + " nor ".join(str(p) for p in places)
        + " holds it. Install the package again."
    )


def _county(name: str) -> str:
    folded = name.strip().casefold()
    if folded not in COUNTIES:
        raise InputError(Problem(
            message=f"there is no embedded county {name!r}", fix=f"Choose {' or '.join(COUNTIES)}.",
        ))
    return folded


def _rows(file: str) -> list[dict[str, str]]:
    with (data_folder() / file).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _to_grid(longitude: list[float], latitude: list[float]) -> npt.NDArray[Any]:
    """Points in EPSG:27700, whole metres (the tables are good to about 100 m)."""
    wgs84 = gpd.GeoSeries(gpd.points_from_xy(longitude, latitude), crs="EPSG:4326")
    return np.round(shapely.get_coordinates(wgs84.to_crs("EPSG:27700").values))


def county_outline(name: str) -> Polygon:
    """Hand-drawn outline of an embedded county, its hole (the city of Leicester) cut out.

    Parameters
    ----------
    name
        One of :data:`COUNTIES`.

    Returns
    -------
    shapely.Polygon
        EPSG:27700, whole metres.

    Examples
    --------
    >>> outline = county_outline("leicestershire")
    >>> len(outline.interiors), round(outline.area / 1e6, -2)
    (1, 2100.0)
    """
    rings: dict[str, list[tuple[int, float, float]]] = {}
    for row in _rows(f"{_county(name)}_outline.csv"):
        place = (int(row["order"]), float(row["longitude"]), float(row["latitude"]))
        rings.setdefault(row["ring"], []).append(place)
    drawn = {
        ring: _to_grid([p[1] for p in sorted(places)], [p[2] for p in sorted(places)])
        for ring, places in rings.items()
    }
    return Polygon(drawn.pop("county"), list(drawn.values()))


def settlement_cells(points: npt.NDArray[Any], outline: Polygon) -> list[Polygon]:
    """Cut the land inside an outline into one piece a settlement.

    Parameters
    ----------
    points
        Eastings and northings, metres, shape (n, 2), no two alike, all inside the outline.
    outline
        The land to share out, metres; may have holes.

    Returns
    -------
    list of shapely.Polygon
        The Voronoi cell of each point clipped to the outline, in the order of the points. A cell
        that the outline cuts into parts keeps the part with its point; each other part goes to
        the neighbour it shares the longest border with. So every piece is one polygon and the
        pieces are a coverage: neighbours share every vertex of their common border.

    Raises
    ------
    ValueError
        A point lies outside the outline, or two lie in one place.

    Examples
    --------
    >>> land = Polygon([(0, 0), (20, 0), (20, 10), (0, 10)])
    >>> [cell.area for cell in settlement_cells(np.array([[5.0, 5.0], [13.0, 5.0]]), land)]
    [90.0, 110.0]
    """
    edges = shapely.voronoi_polygons(
        shapely.MultiPoint(points), extend_to=outline, only_edges=True)
    # One line network, noded once: clipping cell by cell would compute each common border twice.
    lines = shapely.union_all([edges, outline.boundary], grid_size=GRID_M)
    faces = [
        face for face in shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
        if isinstance(face, Polygon) and outline.contains(face.representative_point())
    ]
    tree = shapely.STRtree(faces)
    which_point, which_face = tree.query(shapely.points(points), predicate="within")
    home = dict(zip(which_point.tolist(), which_face.tolist(), strict=True))
    if len(home) < len(points) or len(set(home.values())) < len(home):
        lost = [i for i in range(len(points)) if i not in home]
        raise ValueError(
            f"{len(lost)} of {len(points)} points are not inside the outline: {lost[:5]}."
            if lost else "Two points lie in one place; each needs a cell of its own."
        )
    cells = {i: faces[home[i]] for i in range(len(points))}
    taken = set(home.values())
    # From a fixed order, so that chains of parts always end up in the same cells.
    detached = sorted(
        (face for i, face in enumerate(faces) if i not in taken),
        key=lambda f: (-f.area, f.bounds),
    )
    while detached:
        part, best = max(
            ((part, _longest_border(part, cells)) for part in detached), key=lambda pair: pair[1][0]
        )
        cells[best[1]] = _one(shapely.union(cells[best[1]], part))
        detached.remove(part)
    return [_one(shapely.normalize(cells[i])) for i in range(len(points))]


def _one(geometry: object) -> Polygon:
    assert isinstance(geometry, Polygon)  # parts with a common border make one polygon
    return geometry


def _longest_border(part: Polygon, cells: dict[int, Polygon]) -> tuple[float, int]:
    around = [i for i, cell in cells.items() if cell.intersects(part)]
    lengths = ((part.boundary.intersection(cells[i].boundary).length, -i) for i in around)
    length, minus = max(lengths, default=(0.0, 0))
    return length, -minus


def county_areas(name: str) -> gpd.GeoDataFrame:
    """Build the areas of an embedded county.

    Parameters
    ----------
    name
        One of :data:`COUNTIES`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a settlement in the order of its table, EPSG:27700. Index ``area_code`` (made-up,
        ``LEI001`` onwards). Columns: ``area_name``; ``locality``; ``rural`` (bool);
        ``population`` and ``population_75`` (people, float; the latter is population times the
        share aged 75 and over, so it may be fractional); ``x_m, y_m`` (the settlement's own
        point, whole metres, inside the area); ``geometry`` (one polygon each, a clean coverage).
        ``attrs["rural_known"]`` is True. A new frame at every call.

    Raises
    ------
    InputError
        There is no such embedded county.

    Examples
    --------
    >>> areas = county_areas("herefordshire")
    >>> areas.loc["HER014", ["area_name", "locality"]].to_list()
    ['Kington', 'Zone A']
    """
    areas = _build(_county(name)).copy()
    areas.attrs["rural_known"] = True
    return areas


@cache
def _build(county: str) -> gpd.GeoDataFrame:
    rows = _rows(f"{county}_settlements.csv")
    points = _to_grid([float(r["longitude"]) for r in rows], [float(r["latitude"]) for r in rows])
    population = np.array([float(r["population"]) for r in rows])
    share_75 = np.array([float(r["pct_75"]) for r in rows]) / 100
    prefix = county[:3].upper()
    return gpd.GeoDataFrame(
        {
            "area_name": pd.Series([r["name"] for r in rows], dtype="str"),
            "locality": pd.Series([r["locality"] for r in rows], dtype="str"),
            "rural": [r["rural"] == "true" for r in rows],
            "population": population,
            "population_75": np.round(population * share_75, 1),
            "x_m": points[:, 0],
            "y_m": points[:, 1],
        },
        geometry=settlement_cells(points, county_outline(county)),
        crs="EPSG:27700",
    ).set_index(pd.Index([f"{prefix}{i:03d}" for i in range(1, len(rows) + 1)], name="area_code"))


def share_out(total: float, weights: npt.ArrayLike, step: float = 1.0) -> npt.NDArray[np.float64]:
    """Share a total out in whole steps, in proportion to weights (largest remainder).

    Parameters
    ----------
    total
        What is shared out; a multiple of ``step``.
    weights
        Shape (n,), none negative, at least one above 0.
    step
        Every share is a multiple of this.

    Returns
    -------
    numpy.ndarray
        Shape (n,), adds up to ``total`` exactly (for a step that is a power of two, such as a
        quarter of an hour); every share within one step of its proportion. Where remainders are
        alike, the earlier one is served first.

    Examples
    --------
    >>> share_out(10, [1, 1, 1]).tolist()
    [4.0, 3.0, 3.0]
    >>> share_out(1, [2, 1], step=0.25).tolist()
    [0.75, 0.25]
    """
    shares = np.asarray(weights, dtype="float64")
    steps = round(total / step)
    exact = steps * shares / shares.sum()
    whole = np.floor(exact)
    left = steps - round(whole.sum())
    # Rounded first, so that the last bit of a quotient does not decide between equal remainders.
    order = np.argsort(-np.round(exact - whole, 9), kind="stable")
    whole[order[:left]] += 1
    return np.asarray(whole * step, dtype="float64")


def county_hours(name: str) -> pd.DataFrame:
    """Spread a council's published weekly hours over its areas by people aged 75 and over.

    Parameters
    ----------
    name
        One of :data:`COUNTIES`.

    Returns
    -------
    pandas.DataFrame
        One row an area and payer (Leicestershire: ``LCC``, ``NHS``) or pathway (Herefordshire:
        ``O``, ``D``), sorted in that order. Columns ``area_code, payer, pathway`` (``""`` where
        the source does not say) and ``weekly_hours`` (float, quarter hours). Each published line
        of :data:`PUBLISHED` adds up exactly within its localities.

    Raises
    ------
    InputError
        There is no such embedded county.

    Notes
    -----
    The totals are the councils' own (:data:`SOURCES`); spreading them by people aged 75 and over
    is our assumption, because neither council has published hours by area.

    Examples
    --------
    >>> county_hours("leicestershire").groupby("payer")["weekly_hours"].sum().to_dict()
    {'LCC': 33732.0, 'NHS': 15498.0}
    """
    county = _county(name)
    areas = county_areas(county)
    parts = []
    for line in PUBLISHED[county]:
        chosen = areas[areas["locality"].isin(line.localities)] if line.localities else areas
        parts.append(pd.DataFrame({
            "area_code": chosen.index,
            "payer": pd.Series([line.payer] * len(chosen), dtype="str"),
            "pathway": pd.Series([line.pathway] * len(chosen), dtype="str"),
            "weekly_hours": share_out(line.weekly_hours, chosen["population_75"], QUARTER_HOUR),
        }))
    hours = pd.concat(parts, ignore_index=True)
    order = {line.pathway: i for i, line in enumerate(PUBLISHED[county])}
    hours["order"] = hours["pathway"].map(order)
    return hours.sort_values(["payer", "order", "area_code"], ignore_index=True).drop(
        columns="order")
