"""Road networks as councils have them: links in a GIS file, or an OpenStreetMap extract.

Links come out split wherever one can turn, in EPSG:27700, each with its class, speed, direction and
who may use it. What is left out is counted by reason.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely

from lotting.brief import TravelBrief
from lotting.errors import InputError, Problem, Problems, some

from .road_classes import ACCESS_KEYS, NOBODY, allowed, class_key, road_class
from .straight_line import KM_A_MILE
from .times import Floats, Mode

__all__ = ["Roads", "read_roads"]

WORKING_CRS = "EPSG:27700"
# More of the length than this in classes nobody knows is a misunderstanding, not a stray tag.
UNKNOWN_SHARE = 0.01

_OSM_COLUMNS = ("highway", "fclass")
_CLASS_COLUMNS = (*_OSM_COLUMNS, "road_function", "roadfunction", "function", "road_class", "class")
_ONE_WAY_COLUMNS = ("oneway", "one_way", "directionality")
_TAGS = tuple(dict.fromkeys([
    "oneway", "oneway:bicycle", "junction", "maxspeed", *(k for keys in ACCESS_KEYS.values() for k in keys)]))
_FORWARD = ("yes", "true", "1", "1.0", "f", "in direction", "indirection")
_BACKWARD = ("-1", "-1.0", "reverse", "t", "in opposite direction", "inoppositedirection")
# What is said of both ways in so many words; a roundabout with it is no one-way street.
_BOTH = ("no", "false", "0", "b", "both directions", "bothdirections")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roads:
    """The links of a road network.

    Attributes
    ----------
    links
        A fresh 0..n-1 index. ``road_class`` (str, the file's word), ``mph`` (float, by car),
        ``direction`` and ``cycle_direction`` (int8: 1 as drawn, -1 against, 0 both ways), ``car``,
        ``walk``, ``cycle`` (bool: who may use it).
    lines
        LineString (n,), EPSG:27700, none of length 0.
    dropped
        What was left out: ``reason`` (str), ``links`` (int), ``km`` (float).
    file
        Name of the file.
    sha256
        Of its bytes.
    """

    links: pd.DataFrame
    lines: npt.NDArray[np.object_]
    dropped: pd.DataFrame
    file: str
    sha256: str


def read_roads(brief: TravelBrief) -> Roads:
    """Read the road network of a brief.

    Parameters
    ----------
    brief
        ``[travel]`` with ``roads``: links in a GeoPackage, GeoParquet or whatever GDAL reads, or an
        OpenStreetMap extract (``.osm.pbf``, ``.osm``). The class of road is in ``roads_class``, or a
        column named ``highway``, ``fclass`` (OpenStreetMap), ``road_function``, ``function`` or
        ``class`` (Ordnance Survey). Where the data has them: ``oneway`` or ``directionality``,
        ``maxspeed`` (``"30 mph"``; plain numbers are km an hour), ``junction``, ``access`` and the
        like.

    Returns
    -------
    Roads

    Raises
    ------
    InputError
        The file cannot be read, holds no links, says no CRS or is not in Great Britain; there is no
        column of classes; more than 1 % of the length is of classes that have no speed; or a speed
        of the brief is of a class that is not there.

    Notes
    -----
    A signed limit caps the speed of the class. OpenStreetMap's ways are split at every vertex they
    share, so that a bridge joins nothing; other links join at their ends only. Turn restrictions are
    not read.
    """
    assert brief.roads is not None
    path = brief.roads
    raw, osm = _load(path, brief)
    problems = Problems()
    column = _class_column(raw, path, brief, problems)
    problems.raise_if_any()
    osm = osm or column.casefold() in _OSM_COLUMNS
    about = _about(raw, column)
    lines = raw.geometry.to_numpy()
    if osm:
        lines, of = _split(lines)
    else:
        parts, of = shapely.get_parts(lines, return_index=True)
        lines = parts
    about = about.iloc[of].reset_index(drop=True)
    frame = gpd.GeoDataFrame(about, geometry=lines, crs=raw.crs)
    frame = _in_metres(frame, path, problems)
    dropped: list[tuple[str, int, float]] = []
    links = _with_classes(frame, path, brief, dropped, problems)
    problems.raise_if_any()
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return Roads(
        links=pd.DataFrame(links.drop(columns="geometry")), lines=links.geometry.to_numpy(),
        dropped=pd.DataFrame(dropped, columns=["reason", "links", "km"]), file=path.name, sha256=digest)


def _load(path: Path, brief: TravelBrief) -> tuple[gpd.GeoDataFrame, bool]:
    """Read the lines of a file, and say whether they are OpenStreetMap's own."""
    osm = path.name.casefold().endswith((".pbf", ".osm"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL's remarks on single shapes
            if path.suffix.casefold() in {".parquet", ".geoparquet"}:
                frame = gpd.read_parquet(path)
            elif osm:
                frame = pyogrio.read_dataframe(path, layer="lines", where="highway IS NOT NULL")
            else:
                frame = pyogrio.read_dataframe(path, layer=_layer(path, brief.roads_layer), force_2d=True)
    except InputError:
        raise
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.GeometryError, shapely.errors.ShapelyError, ValueError, OSError) as error:
        raise InputError(Problem(
            message="the road network cannot be read", file=path.name,
            fix="Give links as GeoPackage or GeoParquet, or an OpenStreetMap extract (.osm.pbf).",
        )) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InputError(Problem(
            message="the road network is a table without shapes", file=path.name,
            fix="Give links as GeoPackage or GeoParquet, or an OpenStreetMap extract (.osm.pbf)."))
    kinds = shapely.get_type_id(frame.geometry.to_numpy())
    frame = frame[np.isin(kinds, (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING))]
    if not len(frame) or not shapely.length(frame.geometry.to_numpy()).any():
        raise InputError(Problem(
            message="the road network holds no links", file=path.name,
            fix="Give the layer of lines (not of nodes or areas), of the county."))
    if frame.crs is None:
        raise InputError(Problem(
            message="the road network does not say its coordinate system (CRS)", file=path.name,
            fix="Export it again with its CRS, British National Grid (EPSG:27700) for choice."))
    return frame.reset_index(drop=True), osm


def _layer(path: Path, wanted: str | None) -> str:
    layers = {str(name): str(kind) for name, kind in pyogrio.list_layers(path)}
    if wanted is not None:
        if wanted in layers:
            return wanted
        raise InputError(Problem(
            message=f"there is no layer {wanted!r}", file=path.name, column="travel.roads_layer",
            fix=f"It has: {some(layers, limit=12)}."))
    lines = [name for name, kind in layers.items() if "Line" in kind]
    lines = lines or [name for name, kind in layers.items() if kind in {"Unknown", "GeometryCollection"}]
    if not lines:
        raise InputError(Problem(
            message="the road network holds no links", file=path.name,
            fix="Give a file with a layer of lines (not of nodes or areas)."))
    if len(lines) > 1:
        raise InputError(Problem(
            message=f"{len(lines)} layers hold lines", file=path.name, column="travel.roads_layer",
            fix=f"Name the one of the road links: {some(lines, limit=12)}."))
    return lines[0]


def _class_column(
    frame: gpd.GeoDataFrame, path: Path, brief: TravelBrief, problems: Problems
) -> str:
    columns = {str(c).casefold(): str(c) for c in frame.columns if c != frame.geometry.name}
    if brief.roads_class is not None:
        if brief.roads_class in frame.columns:
            return brief.roads_class
        problems.add(f"there is no column {brief.roads_class!r}", file=path.name,
                     column="travel.roads_class", fix=f"It has: {some(columns.values(), limit=12)}.")
        return ""
    found = next((columns[name] for name in _CLASS_COLUMNS if name in columns), None)
    if found is None:
        problems.add(
            f"no column says the class of road ({', '.join(_CLASS_COLUMNS)})", file=path.name,
            column="travel.roads_class",
            fix=f"Name it. The file has: {some(columns.values(), limit=12) or 'no columns'}.")
        return ""
    return found


def _about(raw: gpd.GeoDataFrame, column: str) -> pd.DataFrame:
    """Gather what the data says of each line: class, direction, limit, access; ``""`` for nothing."""
    folded = {str(c).casefold(): c for c in raw.columns}
    about = pd.DataFrame({"road_class": _text(raw[column])}, index=raw.index)
    other = _text(raw["other_tags"]) if "other_tags" in raw.columns else None
    for tag in _TAGS:
        if tag in folded:
            about[tag] = _text(raw[folded[tag]])
        elif other is not None:
            about[tag] = other.str.extract(f'"{tag}"=>"([^"]*)"', expand=False).fillna("")
    name = next((folded[c] for c in _ONE_WAY_COLUMNS if c in folded), None)
    if name is not None:
        about["oneway"] = _text(raw[name])
    return about


def _text(values: pd.Series[Any]) -> pd.Series[str]:
    return values.astype("str").where(values.notna(), "").str.strip().astype("str")


def _split(lines: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Split ways at the vertices they share; return the links and the way of each."""
    lines, way = shapely.get_parts(lines, return_index=True)
    xy, of = shapely.get_coordinates(lines, return_index=True)
    _, same, times = np.unique(xy[:, 0] + 1j * xy[:, 1], return_inverse=True, return_counts=True)
    end = np.ones(len(of), dtype=bool)
    end[1:-1] = (of[1:-1] != of[:-2]) | (of[1:-1] != of[2:])
    stop = np.flatnonzero(end | (times[same] > 1))
    first, last = stop[:-1], stop[1:]
    on_one = of[first] == of[last]
    first, last = first[on_one], last[on_one]
    count = last - first + 1
    starts = np.cumsum(count) - count
    take = np.arange(count.sum()) - np.repeat(starts, count) + np.repeat(first, count)
    links = shapely.linestrings(xy[take], indices=np.repeat(np.arange(len(count)), count))
    return links, way[of[first]].astype(np.int64)


def _in_metres(frame: gpd.GeoDataFrame, path: Path, problems: Problems) -> gpd.GeoDataFrame:
    frame = frame.to_crs(WORKING_CRS)
    west, south, east, north = shapely.total_bounds(frame.geometry.to_numpy())
    fine = bool(np.isfinite([west, south, east, north]).all())
    if not fine or west < -20_000 or south < -20_000 or east > 720_000 or north > 1_320_000:
        problems.add("the road network is not in Great Britain", file=path.name,
                     fix="Check its coordinate system (CRS), and cut it to the county.")
        problems.raise_if_any()
    return frame


def _with_classes(
    frame: gpd.GeoDataFrame, path: Path, brief: TravelBrief, dropped: list[tuple[str, int, float]],
    problems: Problems,
) -> gpd.GeoDataFrame:
    """Add speed, direction and modes; leave out what is no way for anybody."""
    km = frame.geometry.length.to_numpy() / 1000
    names = frame["road_class"]
    classes = {name: road_class(name, brief.speeds_mph) for name in names.unique()}
    present = {class_key(name) for name in classes}
    for name in brief.speeds_mph:
        if class_key(name) not in present:
            problems.add("a speed is given for a class of road that is not in the file", file=path.name,
                         column="travel.speeds_mph", value=name,
                         fix=f"It has: {some(sorted(classes), limit=20)}.")
    known = names.map({n: c is not None for n, c in classes.items()}).to_numpy(dtype=bool)
    closed = names.map(class_key).isin(NOBODY).to_numpy() & ~known
    unknown = ~known & ~closed
    if km[unknown].sum() > UNKNOWN_SHARE * km.sum():
        lengths = pd.Series(km[unknown]).groupby(names[unknown].to_numpy()).sum().sort_values(ascending=False)
        problems.add(
            "classes of road that have no speed: "
            + some([f"{str(n) or '(blank)'} ({v:,.0f} km)" for n, v in lengths.items()]),
            file=path.name, column="travel.speeds_mph",
            fix='Give each a speed, e.g. speeds_mph = { "Farm Road" = 10 }.')
    for what, gone in (("class nobody may use", closed), ("class without a speed", unknown)):
        for name in sorted(set(names[gone])):
            these = gone & (names == name).to_numpy()
            dropped.append((f"{what}: {name or '(blank)'}", int(these.sum()), float(km[these].sum())))
    points = km <= 0
    if (points & known).any():
        dropped.append(("no length", int((points & known).sum()), 0.0))
    keep = known & ~points
    frame, names = frame[keep].reset_index(drop=True), names[keep].reset_index(drop=True)
    result = gpd.GeoDataFrame({"road_class": names}, geometry=frame.geometry, crs=frame.crs)
    result["mph"] = np.minimum(
        names.map({n: c.mph for n, c in classes.items() if c is not None}).to_numpy(dtype=np.float64),
        _limits(frame))
    result["direction"], result["cycle_direction"] = _directions(frame)
    modes: tuple[Mode, ...] = ("car", "walk", "cycle")
    for mode in modes:
        of_class = {n: mode in c.modes for n, c in classes.items() if c is not None}
        result[mode] = allowed(pd.DataFrame(frame), names.map(of_class).to_numpy(dtype=bool), mode)
    return result


def _limits(frame: pd.DataFrame) -> Floats:
    """Signed limit in miles an hour; inf where there is none (``none``, ``0``, ``national``)."""
    if "maxspeed" not in frame.columns:
        return np.full(len(frame), np.inf)
    parts = frame["maxspeed"].str.extract(r"^(\d+(?:\.\d+)?)\s*(mph)?$")
    number = pd.to_numeric(parts[0], errors="coerce").to_numpy(dtype=np.float64)
    mph = np.where(parts[1].isna(), number / KM_A_MILE, number)
    return np.where(mph > 0, mph, np.inf)


def _directions(frame: pd.DataFrame) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """One-way as drawn (1), against (-1) or neither (0), for cars and for cycles."""
    blank = pd.Series("", index=frame.index, dtype="str")
    said = frame.get("oneway", blank).str.casefold()
    round_about = frame.get("junction", blank).str.casefold().isin(["roundabout", "circular"])
    implied = round_about | frame["road_class"].map(class_key).isin(["motorway_link"])
    car = np.zeros(len(frame), dtype=np.int8)
    car[(said.isin(_FORWARD) | (implied & ~said.isin(_BOTH))).to_numpy()] = 1
    car[said.isin(_BACKWARD).to_numpy()] = -1
    cycle = car.copy()
    cycle[frame.get("oneway:bicycle", blank).str.casefold().isin(_BOTH).to_numpy()] = 0
    return car, cycle
