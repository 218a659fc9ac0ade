"""Boundaries as councils have them, read, mended and reported.

Nothing is mended in silence: each repair is a row of :attr:`AreasRead.repairs`. What cannot be
mended without guessing (no CRS, an area without a shape, one code for two places) is an error,
because a map that is quietly wrong makes lots that are quietly wrong.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from .brief import AreasBrief
from .errors import InputError, Problem, Problems, some
from .tables import area_code_column, nearest, parse_numbers, read_table, require_column

__all__ = ["AreasRead", "read_areas"]

Bools = npt.NDArray[np.bool_]

WORKING_CRS = "EPSG:27700"
# The National Grid's own 700 km by 1,300 km, and some sea.
GREAT_BRITAIN = (-20_000.0, -20_000.0, 720_000.0, 1_320_000.0)
# Parts and areas smaller or thinner than this are crumbs of digitising, not places.
CRUMB_M2 = 1.0
CRUMB_WIDTH_M = 0.01
OVERLAP_SHARE = 0.01  # of the smaller area; more means that two editions are mixed
SAME_SHAPE = 0.98  # in common, over both together: one area, in two generalisations
FAR_OUTSIDE_M = 500.0  # a place of care further than this from its own area is suspect
HOPELESS_M = 10_000.0  # and if most are further than this, x and y are something else

_STYLE_LAYER = "layer_styles"  # where QGIS keeps styles in a GeoPackage; it holds no boundaries
_POLYGONS = frozenset({shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON})
_INSIDE_A_ZIP = (".shp", ".gpkg", ".geojson", ".json", ".gml", ".tab")
_RURAL_CODE = re.compile(r"ruc?\d\d(cd|ind)?", re.IGNORECASE)
# ONS Rural Urban Classification of 2011 (A1 to F2) and of 2021 (UN1 ... RSF1).
_RUC = re.compile(r"(?P<urban11>[ABC][12])|(?P<rural11>[DEF][12])"
                  r"|(?P<urban21>U[NF]1)|(?P<rural21>R[LS][NF]1)", re.IGNORECASE)
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "rural"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n", "urban"})
_OWN_COLUMNS = ("area_name", "locality", "rural", "population", "x_m", "y_m")


@dataclass(frozen=True, slots=True)
class AreasRead:
    """The areas, and what had to be done to get them.

    Attributes
    ----------
    areas
        Index ``area_code`` (str, unique, sorted), EPSG:27700. Columns ``area_name`` (str),
        ``locality`` (str, ``""`` everywhere when the brief has none), ``rural`` (bool; False
        when unknown, see ``attrs["rural_known"]``), ``population`` (float, NaN when unknown),
        ``x_m`` and ``y_m`` (float, metres; the point where care is given, or one inside the
        area), then the other columns of the files and the lookup, then ``geometry`` (valid
        Polygon or MultiPolygon, no heights).
    repairs
        What was mended: columns ``file``, ``area_code`` (``""`` where it is the whole file),
        ``problem``, ``action``; a fresh 0..n-1 index.
    warnings
        What the user should look at, though it stops nothing.
    """

    areas: gpd.GeoDataFrame
    repairs: pd.DataFrame
    warnings: list[Problem]


class _Repairs:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, file: str, area_code: str, problem: str, action: str) -> None:
        self.rows.append((file, area_code, problem, action))

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(
            self.rows, columns=["file", "area_code", "problem", "action"], dtype="str")


def read_areas(brief: AreasBrief) -> AreasRead:
    """Read every boundary file of the brief into one map, mend it, and add the lookup.

    Parameters
    ----------
    brief
        ``[areas]`` of a loaded brief. GeoPackage, GeoJSON, Shapefile (also zipped), GeoParquet,
        and whatever else GDAL reads.

    Returns
    -------
    AreasRead

    Raises
    ------
    InputError
        With every problem found: a file that cannot be read, several layers to choose from, no
        CRS or one that cannot be right, no code column, blank codes, areas without a shape, one
        code for two places, a column that is not there, values that cannot be read, areas that
        the lookup lacks.

    Notes
    -----
    Files in degrees are brought to EPSG:27700 by whatever PROJ has at hand; without the OSTN15
    grid that is good to about 2 m, which is why the tolerance of the adjacency is not smaller.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "map.gpkg"
    ...     gpd.GeoDataFrame(
    ...         {"LSOA21CD": ["E01000002", "E01000001"], "LSOA21NM": ["B", "A"]},
    ...         geometry=[shapely.box(4e5, 3e5, 401e3, 301e3), shapely.box(401e3, 3e5, 402e3, 301e3)],
    ...         crs="EPSG:27700").to_file(file)
    ...     read = read_areas(AreasBrief(file=file))
    >>> read.areas[["area_name", "x_m"]].to_dict("index")
    {'E01000001': {'area_name': 'A', 'x_m': 401500.0}, 'E01000002': {'area_name': 'B', 'x_m': 400500.0}}
    >>> len(read.repairs), read.warnings
    (0, [])
    """
    problems, repairs = Problems(), _Repairs()
    frames = []
    for path in brief.sources:
        for layer in _layers(path, brief, problems):
            frame = _one_layer(layer, brief, problems, repairs)
            if frame is not None:
                frames.append(frame)
    problems.raise_if_any()
    if len({f.attrs["code_column"].casefold() for f in frames}) > 1:
        problems.add(
            "the files have their codes in different columns: "
            + ", ".join(f"{f.attrs['label']} in {f.attrs['code_column']}" for f in frames),
            severity="warning", fix="Check that they are of one census and one geography.",
        )
    for frame in frames:
        frame.attrs = {}
    areas = gpd.GeoDataFrame(
        pd.concat(frames, ignore_index=True), geometry="geometry", crs=WORKING_CRS)
    _mend_shapes(areas, problems, repairs)
    problems.raise_if_any()
    areas = _one_row_an_area(areas, problems, repairs)
    problems.raise_if_any()
    _drop_crumbs(areas, problems, repairs)
    _warn_of_overlaps(areas, problems)
    file_of = areas.pop("file_of_area").to_dict()
    looked_up = _with_lookup(areas, brief, problems)
    areas = _with_own_columns(looked_up, brief, file_of, problems)
    problems.raise_if_any()
    return AreasRead(areas, repairs.frame(), problems.warnings)


@dataclass(frozen=True, slots=True)
class _Layer:
    path: Path
    dataset: str  # what GDAL is told
    name: str | None  # of the layer; None for GeoParquet
    label: str  # for messages


def _layers(path: Path, brief: AreasBrief, problems: Problems) -> list[_Layer]:
    """Choose the layers to read of one file."""
    wanted = [brief.layer] if brief.layer is not None else list(brief.layers)
    if not _can_be_opened(path, problems):
        return []
    if path.suffix.lower() in {".parquet", ".geoparquet"}:
        return [_Layer(path, str(path), None, path.name)]
    found: list[tuple[str, str, str | None]] = []
    try:
        for dataset in _datasets(path):
            found += [
                (dataset, str(name), None if kind is None else str(kind))
                for name, kind in pyogrio.list_layers(dataset)
                if str(name).lower() != _STYLE_LAYER
            ]
    except (pyogrio.errors.DataSourceError, zipfile.BadZipFile) as error:
        problems.add(f"not a boundary file that can be read: {_first_line(error)}", file=path.name,
                     fix="Give a GeoPackage, GeoJSON, Shapefile (with its .shx, .dbf and .prj "
                         "beside it, or all zipped) or GeoParquet.")
        return []
    names = [name for _, name, _ in found]
    chosen = [entry for entry in found if entry[1] in wanted]
    if len(found) == 1 and (not wanted or (len(brief.sources) > 1 and not chosen)):
        chosen = found  # the layer is named for the files that have several
    elif wanted:
        for name in wanted:
            if name not in names:
                problems.add(f"there is no layer {name!r}", file=path.name, column="areas.layer",
                             fix=f"It has: {some(names, limit=12)}.")
    else:
        chosen = [e for e in found if _may_hold_areas(e, brief)]
        if len(chosen) != 1:
            problems.add(
                f"the file has {len(found)} layers, and "
                f"{'none' if not chosen else f'{len(chosen)} of them'} could be the areas",
                file=path.name, column="areas.layer",
                fix=f"Name one: {some(names, limit=12)}." if names else "It holds nothing.",
            )
            return []
    several = len(found) > 1
    return [_Layer(path, dataset, name, f"{path.name}, layer {name}" if several else path.name)
            for dataset, name, _ in chosen]


def _can_be_opened(path: Path, problems: Problems) -> bool:
    if path.is_dir():
        if path.suffix.lower() == ".gdb":
            return True
        problems.add("this is a folder, not a file", file=path.name, fix="Name the file in it.")
        return False
    try:
        with path.open("rb") as handle:
            start = handle.read(64)
    except FileNotFoundError:
        problems.add("there is no such file", file=str(path), fix="Check the path.")
        return False
    except OSError as error:
        problems.add(f"the file cannot be opened: {error.strerror or error}", file=path.name,
                     fix="Close it in other programs, or ask for the right to read it.")
        return False
    if not start.strip():
        problems.add("the file is empty", file=path.name, fix="Export it again.")
        return False
    return True


def _datasets(path: Path) -> list[str]:
    if path.suffix.lower() != ".zip":
        return [str(path)]
    with zipfile.ZipFile(path) as archive:
        members = [
            name for name in archive.namelist()
            if name.lower().endswith(_INSIDE_A_ZIP) and not name.startswith("__MACOSX")
        ]
    if not members:
        raise zipfile.BadZipFile("the zip holds no boundary file")
    return [f"/vsizip/{path.resolve().as_posix()}/{name}" for name in members]


def _may_hold_areas(entry: tuple[str, str, str | None], brief: AreasBrief) -> bool:
    dataset, name, kind = entry
    if kind is None or not any(word in kind for word in ("Polygon", "Unknown", "Geometry")):
        return False
    fields = [str(f) for f in pyogrio.read_info(dataset, layer=name)["fields"]]
    if brief.code is not None:
        return brief.code in fields
    return area_code_column(pd.DataFrame(columns=fields)) is not None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    # SQLite's own words come after the query that failed, which says nothing to the user.
    return lines[0].split("; It might help")[0].rsplit(" failed: ", 1)[-1].split("; ")[0]


def _one_layer(
    layer: _Layer, brief: AreasBrief, problems: Problems, repairs: _Repairs
) -> gpd.GeoDataFrame | None:
    """Read one layer; give it ``area_code``, ``area_name`` and the working CRS."""
    raw = _load(layer, problems)
    if raw is None:
        return None
    frame = gpd.GeoDataFrame(
        raw.drop(columns=raw.geometry.name), geometry=raw.geometry.to_numpy(), crs=raw.crs)
    frame.index = pd.RangeIndex(len(frame))
    if not len(frame):
        problems.add("the file holds no areas", file=layer.label, fix="Export it again.")
        return None
    high = int(shapely.has_z(frame.geometry.to_numpy()).sum())
    if high:
        repairs.add(layer.label, "", f"heights (Z) in {high} areas", "left out")
    frame.geometry = shapely.force_2d(frame.geometry.to_numpy())
    code = _code_column(frame, layer, brief, problems)
    crs = _crs(frame, layer, brief, problems)
    if code is None or crs is None:
        return None
    name = _name_column(frame, code, layer, brief, problems)
    codes = _plain(frame[code])
    blank = int((codes == "").sum())
    if blank:
        problems.add(f"{blank} of {len(frame)} areas have no code", file=layer.label, column=code,
                     fix="Fill them in, or delete these areas.")
        return None
    names = codes if name is None else _plain(frame[name])
    frame = frame.drop(columns=[c for c in (code, name) if c is not None])
    frame = frame.drop(columns=[c for c in frame.columns
                                if c in {"area_code", "area_name", "file_of_area"}])
    frame.insert(0, "area_code", codes)
    frame.insert(1, "area_name", names.where(names != "", codes))
    frame["file_of_area"] = layer.label
    look = _looks_like(frame.total_bounds)
    frame = frame.set_crs(crs, allow_override=True)
    # A .prj of Esri's means the National Grid without saying its number: no shift is wanted.
    if crs.to_epsg(min_confidence=60) == 27700:
        frame = frame.set_crs(WORKING_CRS, allow_override=True)
    else:
        frame = frame.to_crs(WORKING_CRS)
    if not _in_great_britain(frame, crs, look, layer, problems):
        return None
    frame.attrs = {"label": layer.label, "code_column": code}
    return frame


def _load(layer: _Layer, problems: Problems) -> gpd.GeoDataFrame | None:
    fix = "Open it in QGIS and export it again as GeoPackage."
    try:
        with warnings.catch_warnings():
            # GDAL's remarks on single shapes; what matters in them is checked below.
            warnings.simplefilter("ignore")
            if layer.name is None:
                frame = gpd.read_parquet(layer.path)
            else:
                frame = gpd.read_file(
                    layer.dataset, layer=layer.name, engine="pyogrio", on_invalid="ignore")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError,
            pyogrio.errors.FeatureError, pyogrio.errors.GeometryError,
            shapely.errors.ShapelyError, ValueError, OSError) as error:
        problems.add(f"the boundaries cannot be read: {_first_line(error)}", file=layer.label,
                     fix=fix)
        return None
    if not isinstance(frame, gpd.GeoDataFrame):
        problems.add("the file is a table without boundaries", file=layer.label,
                     fix="Give the boundary file; a table goes into lookup.")
        return None
    return frame


def _code_column(
    frame: gpd.GeoDataFrame, layer: _Layer, brief: AreasBrief, problems: Problems
) -> str | None:
    table = pd.DataFrame(frame.drop(columns="geometry"))
    if brief.code is not None:
        return brief.code if require_column(
            table, brief.code, problems, file=layer.label) else None
    found = area_code_column(table)
    if found is None:
        problems.add(
            "no column looks like area codes (area_code, LSOA21CD, OA21CD, MSOA21CD, WD25CD, ...)",
            file=layer.label,
            fix='Name it with code = "..." in [areas]. '
                + (f"The columns are: {some(table.columns, limit=12)}." if len(table.columns)
                   else "The file has no columns at all: is the .dbf there?"),
        )
    return found


def _name_column(
    frame: gpd.GeoDataFrame, code: str, layer: _Layer, brief: AreasBrief, problems: Problems
) -> str | None:
    table = pd.DataFrame(frame.drop(columns="geometry"))
    if brief.name is not None:
        return brief.name if require_column(
            table, brief.name, problems, file=layer.label) else None
    folded = {str(c).casefold(): str(c) for c in table.columns if c != code}
    stem = re.sub(r"_?(cd|code)$", "", code.casefold())
    likely = [f"{stem}nm", f"{stem}_nm", f"{stem}name", f"{stem}_name", "area_name", "name"]
    return next((folded[n] for n in likely if n in folded), None)


def _plain(values: pd.Series[Any]) -> pd.Series[str]:
    """Text without white space at its ends; ``""`` for missing; whole numbers without ``.0``."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "true", False: "false"}).astype("str")
    if pd.api.types.is_float_dtype(values):
        text = [
            "" if pd.isna(v) else str(int(v)) if float(v).is_integer() else repr(float(v))
            for v in values
        ]
    else:
        text = ["" if pd.isna(v) else str(v).strip() for v in values]
    return pd.Series(text, index=values.index, name=values.name, dtype="str")


# What the bounds of a British map look like in the usual systems; the first that fits is meant.
_LOOKS = {
    "degrees": np.array([-9, 49, 2.5, 61.5]),
    "degrees, latitude first": np.array([49, -9, 61.5, 2.5]),
    "degrees elsewhere": np.array([-180, -90, 180, 90]),
    "British National Grid": np.array([0, 0, 700_000, 1_300_000]),
    "web Mercator": np.array([-1_000_000, 6_200_000, 300_000, 8_700_000]),
}


def _looks_like(bounds: npt.NDArray[np.float64]) -> str:
    """Say what kind of coordinates these bounds would fit: "" when none that is known here."""
    for look, box in _LOOKS.items():
        if (bounds[:2] >= box[:2]).all() and (bounds[2:] <= box[2:]).all():
            return look
    return ""


_WAY_OUT = {
    "British National Grid": "The coordinates look like the British National Grid: write "
                             'crs = "EPSG:27700" in [areas].',
    "degrees": "The coordinates look like longitude and latitude: write "
               'crs = "EPSG:4326" in [areas].',
    "degrees, latitude first": "The coordinates look like degrees with the latitude first: export "
                               "the file with the longitude first.",
    "web Mercator": 'The coordinates look like web Mercator: write crs = "EPSG:3857" in [areas].',
}
_NO_WAY_OUT = ("Ask whoever made the file for its coordinate system, and write it as "
               'crs = "EPSG:..." in [areas].')


def _crs(
    frame: gpd.GeoDataFrame, layer: _Layer, brief: AreasBrief, problems: Problems
) -> CRS | None:
    """Settle which CRS the coordinates are in; None when that cannot be said."""
    given: CRS | None = None
    if brief.crs is not None:
        try:
            given = CRS.from_user_input(brief.crs)
        except CRSError:
            problems.add("not a coordinate system", column="areas.crs", value=brief.crs,
                         fix='Write it as "EPSG:27700".')
            return None
    bounds = frame.total_bounds
    if not np.isfinite(bounds).all():
        return given or frame.crs or CRS.from_user_input(WORKING_CRS)  # no shape at all: said later
    look = _looks_like(bounds)
    degrees = look.startswith("degrees")
    stated: CRS | None = frame.crs
    crs = stated
    if crs is None or (crs.is_geographic and not degrees):
        # GDAL says EPSG:4326 of every GeoJSON that says nothing, as its standard does.
        crs = given
    elif given is not None and not given.equals(crs, ignore_axis_order=True):
        problems.add(
            f"the file states its own coordinate system ({_crs_name(crs)}), so crs in [areas] is "
            "not used", file=layer.label, severity="warning", fix="Delete crs, if that is right.")
    if crs is None:
        problems.add(
            "the file does not say in which coordinate system (CRS) it is" if stated is None
            else "GeoJSON is in degrees by its standard, but these coordinates cannot be degrees"
            if layer.path.suffix.lower() in {".geojson", ".json"}
            else f"the file says {_crs_name(stated)}, but its coordinates cannot be degrees",
            file=layer.label, fix=_WAY_OUT.get(look, _NO_WAY_OUT))
        return None
    if crs.is_geographic != degrees:
        problems.add(
            f"the coordinates cannot be in {_crs_name(crs)}: they run from {_pair(bounds[:2])} to "
            f"{_pair(bounds[2:])}", file=layer.label, fix=_WAY_OUT.get(look, _NO_WAY_OUT))
        return None
    return crs


def _crs_name(crs: CRS) -> str:
    code = crs.to_epsg(min_confidence=60)
    return f"EPSG:{code}" if code is not None else str(crs.name)


def _pair(xy: npt.NDArray[np.float64]) -> str:
    return f"({xy[0]:.6g}, {xy[1]:.6g})"


def _in_great_britain(
    frame: gpd.GeoDataFrame, crs: CRS, look: str, layer: _Layer, problems: Problems
) -> bool:
    bounds = shapely.bounds(frame.geometry.to_numpy())
    low, high = np.array(GREAT_BRITAIN[:2]), np.array(GREAT_BRITAIN[2:])
    # An empty shape has NaN bounds: nothing to say of it here. An infinite one is outside.
    outside = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
    if not outside.any():
        return True
    # The stated CRS is where it went wrong, so the hint is read off the coordinates themselves.
    problems.add(
        f"{int(outside.sum())} of {len(frame)} areas lie outside Great Britain when the file is "
        f"read as {_crs_name(crs)}: {some(frame.loc[outside, 'area_code'])}", file=layer.label,
        fix="Its coordinate system is stated wrongly. " + _WAY_OUT.get(look, _NO_WAY_OUT)
        if outside.mean() > 0.5 else "Mend or delete these areas.")
    return False


def _mend_shapes(areas: gpd.GeoDataFrame, problems: Problems, repairs: _Repairs) -> None:
    """Make every shape a valid polygon, in place; note those that cannot be."""
    shapes = areas.geometry.to_numpy().copy()
    files, codes = areas["file_of_area"].to_numpy(), areas["area_code"].to_numpy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    for file in pd.unique(files[empty]):
        which = codes[empty & (files == file)]
        problems.add(
            f"{len(which)} area{'s have' if len(which) > 1 else ' has'} no shape: {some(which)}",
            file=file, fix="An area without a shape cannot be on a map: mend or delete it.")
    invalid = np.flatnonzero(~shapely.is_valid(shapes) & ~empty)
    reasons = shapely.is_valid_reason(shapes[invalid])
    shapes[invalid] = shapely.make_valid(shapes[invalid], method="structure", keep_collapsed=False)
    for i, reason in zip(invalid.tolist(), reasons, strict=True):
        repairs.add(files[i], codes[i], f"invalid shape: {str(reason).split('[')[0].strip()}",
                    "made valid")
    mixed = np.flatnonzero(
        shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for i in mixed.tolist():
        parts = shapely.get_parts(shapes[i])
        flat = parts[np.isin(shapely.get_type_id(parts), list(_POLYGONS))]
        if len(flat) and not empty[i]:
            shapes[i] = shapely.union_all(flat)
            repairs.add(files[i], codes[i], "points or lines beside the polygons", "left out")
    collapsed = ~empty & shapely.is_empty(shapes)
    wrong = ~empty & ~collapsed & ~np.isin(shapely.get_type_id(shapes), list(_POLYGONS))
    for bad, what, fix in (
        (collapsed, "a shape that has no area", "Draw it again, or delete it."),
        (wrong, "no polygon but points or lines",
         "Give the boundaries, not the centres or the outlines."),
    ):
        for file in pd.unique(files[bad]):
            which = codes[bad & (files == file)]
            problems.add(
                f"{len(which)} area{'s have' if len(which) > 1 else ' has'} {what}: {some(which)}",
                file=file, fix=fix)
    areas.geometry = shapes


def _one_row_an_area(
    areas: gpd.GeoDataFrame, problems: Problems, repairs: _Repairs
) -> gpd.GeoDataFrame:
    """Drop repeated rows and join the parts of one area; index by code, sorted."""
    twice = areas["area_code"].duplicated(keep=False)
    keep = ~areas["area_code"].duplicated(keep="first")
    shapes = areas.geometry.to_numpy().copy()
    clashes: list[str] = []
    versions: list[str] = []
    for code, group in areas[twice].groupby("area_code", sort=True):
        file = " and ".join(dict.fromkeys(group["file_of_area"]))
        distinct: list[Any] = []
        for shape in group.geometry:
            if not any(_share_in_common(shape, other) > SAME_SHAPE for other in distinct):
                distinct.append(shape)
        first = int(group.index[0])
        if len(distinct) == 1:
            repairs.add(file, str(code), f"{len(group)} rows with one code and one shape",
                        "the first row kept")
        elif len(group["area_name"].unique()) > 1:
            clashes.append(str(code))
        elif sum(s.area for s in distinct) > (1 + OVERLAP_SHARE) * shapely.union_all(distinct).area:
            versions.append(str(code))
        else:
            shapes[first] = shapely.union_all(distinct)
            repairs.add(file, str(code), f"{len(group)} rows with one code and one name",
                        f"their {len(distinct)} parts joined into one area")
    if versions:
        problems.add(
            f"{len(versions)} area{'s have' if len(versions) > 1 else ' has'} two shapes that "
            f"overlap and differ: {some(versions)}",
            file=some(dict.fromkeys(areas["file_of_area"])),
            fix="Two editions are mixed: give only one of them.")
    if clashes:
        problems.add(
            f"{len(clashes)} code{'s stand' if len(clashes) > 1 else ' stands'} for places with "
            f"different names: {some(clashes)}", file=some(dict.fromkeys(areas["file_of_area"])),
            fix="Give each area a code of its own, or name another column with code in [areas].")
    areas.geometry = shapes
    return areas[keep].set_index("area_code").sort_index()


def _share_in_common(a: Any, b: Any) -> float:
    """Area of the intersection over area of the union, 0 to 1."""
    common, total = shapely.intersection(a, b).area, shapely.union(a, b).area
    return float(common / total) if total else 0.0


def _drop_crumbs(areas: gpd.GeoDataFrame, problems: Problems, repairs: _Repairs) -> None:
    """Drop the parts of areas that are crumbs, in place; warn of areas that are nothing else."""
    shapes = areas.geometry.to_numpy().copy()
    parts, of = shapely.get_parts(shapes, return_index=True)
    crumb = _is_crumb(parts)
    whole = np.ones(len(shapes), dtype=bool)
    whole[of[~crumb]] = False
    for i in np.unique(of[crumb & ~whole[of]]).tolist():
        mine = of == i
        kept = parts[mine & ~crumb]
        shapes[i] = kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
        repairs.add(
            areas["file_of_area"].iloc[i], areas.index[i],
            f"slivers ({int((mine & crumb).sum())}) under {CRUMB_M2:g} m2 or "
            f"{CRUMB_WIDTH_M * 100:g} cm wide", "left out")
    if whole.any():
        problems.add(
            f"{int(whole.sum())} area{'s are' if whole.sum() > 1 else ' is'} smaller than "
            f"{CRUMB_M2:g} m2 or thinner than {CRUMB_WIDTH_M * 100:g} cm: "
            f"{some(areas.index[whole])}", severity="warning",
            file=some(dict.fromkeys(areas.loc[whole, "file_of_area"])),
            fix="They are slivers, most likely: delete them, or join them to their neighbours.")
    areas.geometry = shapes


def _is_crumb(polygons: npt.NDArray[Any]) -> Bools:
    area, outline = shapely.area(polygons), shapely.length(polygons)
    # A long thin polygon is about as wide as twice its area over its outline.
    return np.asarray((area < CRUMB_M2) | (2 * area < CRUMB_WIDTH_M * outline), dtype=bool)


def _warn_of_overlaps(areas: gpd.GeoDataFrame, problems: Problems) -> None:
    shapes = areas.geometry.to_numpy()
    # Where edges fit, nothing overlaps: on a clean map no pair is left to cut, which is slow.
    unfit = ~shapely.is_empty(shapely.coverage_invalid_edges(shapes))
    first, second = shapely.STRtree(shapes).query(shapes)
    wanted = (first < second) & (unfit[first] | unfit[second])
    first, second = first[wanted], second[wanted]
    size, bounds = shapely.area(shapes), shapely.bounds(shapes)
    smaller = np.minimum(size[first], size[second])
    # Most neighbours' boxes overlap too little for their shapes to do so: no need to cut those.
    sides = (np.minimum(bounds[first, 2:], bounds[second, 2:])
             - np.maximum(bounds[first, :2], bounds[second, :2])).clip(min=0)
    likely = sides.prod(axis=1) > OVERLAP_SHARE * smaller
    first, second, smaller = first[likely], second[likely], smaller[likely]
    common = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    bad = common > OVERLAP_SHARE * smaller
    if bad.any():
        share = common[bad] / smaller[bad]
        worst = np.argsort(-share, kind="stable")
        pairs = [
            f"{areas.index[first[bad][i]]} and {areas.index[second[bad][i]]} ({share[i]:.0%})"
            for i in worst
        ]
        problems.add(
            f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''} of areas overlap by more than "
            f"{OVERLAP_SHARE:.0%} of the smaller: {some(pairs)}", severity="warning",
            file=some(dict.fromkeys(areas["file_of_area"])),
            fix="Two editions or two geographies may be mixed: check the files.")


@dataclass(frozen=True, slots=True, eq=False)
class _LookedUp:
    areas: gpd.GeoDataFrame
    file_of_column: dict[str, str]  # of the lookup
    missing: pd.Index[str]  # areas that it lacks
    failed: bool = False  # it could not be used at all, which has been said


def _with_lookup(areas: gpd.GeoDataFrame, brief: AreasBrief, problems: Problems) -> _LookedUp:
    nothing = _LookedUp(areas, {}, areas.index[:0])
    if brief.lookup is None:
        return nothing
    nothing = replace(nothing, failed=True)
    file = brief.lookup.name
    try:
        table = read_table(brief.lookup)
    except InputError as error:
        problems.items += error.problems
        return nothing
    code = area_code_column(table)
    if code is None:
        problems.add("there is no column of area codes to join it by", file=file,
                     fix=f"Name it area_code. {nearest('area_code', table.columns)}")
        return nothing
    blank = table.index[table[code] == ""] + 2
    if len(blank):
        problems.add(f"{len(blank)} row{'s have' if len(blank) > 1 else ' has'} no area code: "
                     f"row {some(blank)}", file=file, column=code, fix="Fill in, or delete.")
    table = table[table[code] != ""].drop_duplicates()
    twice = table.loc[table[code].duplicated(), code].unique()
    if len(twice):
        problems.add(
            f"{len(twice)} area{'s have' if len(twice) > 1 else ' has'} several rows that differ: "
            f"{some(twice)}", file=file, column=code, fix="Keep one row an area.")
        return nothing
    table = table.set_index(code)
    unknown = table.index.difference(areas.index)
    missing = areas.index.difference(table.index)
    if len(missing) == len(areas):
        problems.add(
            f"none of its {len(table)} codes is on the map (it has {some(table.index, 2)}; the map "
            f"has {some(areas.index, 2)})", file=file, column=code,
            fix="They may be of another census or geography.")
        return nothing
    if len(unknown):
        problems.add(
            f"{len(unknown)} code{'s are' if len(unknown) > 1 else ' is'} not on the map: "
            f"{some(unknown)}", file=file, column=code, severity="warning",
            fix="These rows are not used.")
    used = [c for c in (brief.locality, brief.rural, brief.population, brief.x, brief.y)
            if c in table.columns]
    if len(missing):
        problems.add(
            f"{len(missing)} of {len(areas)} areas are not in the lookup: {some(missing)}",
            file=file, column=code, severity="error" if used else "warning",
            fix=f"Add them: {some(used)} is taken from it." if used
            else "Its columns are blank for them.")
    columns = [c for c in table.columns if c not in {"geometry", "area_code", "file_of_area"}]
    if "area_name" in columns and brief.name is not None:
        columns.remove("area_name")
    # The lookup is what the brief adds on purpose, so where both have a column, its own wins.
    joined = areas.drop(columns=[c for c in columns if c in areas.columns]).join(table[columns])
    for column in columns:
        joined[column] = joined[column].fillna("")
    if "area_name" in columns:
        joined["area_name"] = joined["area_name"].where(
            joined["area_name"] != "", areas["area_name"])
    return _LookedUp(joined, dict.fromkeys(columns, file), missing)


def _with_own_columns(
    looked_up: _LookedUp, brief: AreasBrief, file_of: dict[str, str], problems: Problems
) -> gpd.GeoDataFrame:
    """Work out the columns every map has, and put them first."""
    areas = looked_up.areas
    table = pd.DataFrame(areas.drop(columns="geometry"))
    boundaries = some(dict.fromkeys(file_of.values()))

    def text(key: str, column: str | None) -> tuple[pd.Series[str] | None, str]:
        if column is None:
            return None, ""
        file = looked_up.file_of_column.get(column, boundaries)
        if column not in table.columns:
            if looked_up.failed:
                return None, file
            problems.add(
                f"no column {column!r} in the boundaries"
                f"{' or the lookup' if brief.lookup is not None else ''}",
                column=f"areas.{key}", fix=nearest(column, table.columns))
            return None, file
        values = _plain(table[column])
        if column in looked_up.file_of_column and getattr(brief, key) is not None:
            # That the lookup lacks these areas is an error that has been noted.
            values = values.drop(looked_up.missing)
        return values, file

    own = pd.DataFrame({"area_name": table["area_name"].astype("str")}, index=areas.index)
    own["locality"] = pd.Series("", index=areas.index, dtype="str")
    locality, file = text("locality", brief.locality)
    if locality is not None:
        own["locality"] = locality
        blank = locality.index[locality == ""]
        if len(blank):
            problems.add(f"{len(blank)} of {len(areas)} areas have no locality: {some(blank)}",
                         file=file, column=brief.locality,
                         fix="Every area must be in a locality, since lots may not cross them.")
    own["rural"], known = _rural(table, text, brief, problems)
    own["population"] = np.nan
    people, file = text("population", brief.population)
    if people is not None:
        own["population"] = _numbers(people, problems, file=file, minimum=0.0)
    inside = shapely.point_on_surface(areas.geometry.to_numpy())
    own["x_m"], own["y_m"] = shapely.get_x(inside), shapely.get_y(inside)
    easting, file = text("x", brief.x)
    northing, _ = text("y", brief.y)
    if easting is not None and northing is not None:
        own["x_m"] = _numbers(easting, problems, file=file, required=True)
        own["y_m"] = _numbers(northing, problems, file=file, required=True)
        _check_places(areas, own, file, brief, problems)
    # What the files call by our names but the brief does not name stays, under another name.
    extra = table.drop(columns="area_name")
    taken = {c for c in (brief.locality, brief.rural, brief.population, brief.x, brief.y) if c}
    extra = extra.drop(columns=[
        c for c in _OWN_COLUMNS
        if c in extra.columns and (c in taken or (c == "rural" and known))])
    extra = extra.rename(columns={c: f"{c}_given" for c in _OWN_COLUMNS})
    extra = extra.loc[:, ~extra.columns.duplicated()]
    result = gpd.GeoDataFrame(
        pd.concat([own, extra], axis=1), geometry=areas.geometry.to_numpy(), crs=WORKING_CRS)
    result.index = pd.Index(result.index.astype("str"), name="area_code")
    result.attrs = {"rural_known": known}
    return result


def _rural(
    table: pd.DataFrame, text: Any, brief: AreasBrief, problems: Problems
) -> tuple[pd.Series[bool], bool]:
    """Read the rural column; also say whether it is known."""
    unknown = pd.Series(data=False, index=table.index, dtype="bool")
    column = brief.rural
    if column is None:
        folded = {str(c).casefold(): str(c) for c in table.columns}
        column = folded.get("rural") or next(
            (c for c in sorted(folded.values(), reverse=True) if _RURAL_CODE.fullmatch(c)), None)
    if column is None:
        return unknown, False
    values, file = text("rural", column)
    if values is None:
        return unknown, False
    meant = {value: _is_rural(value) for value in values.unique()}
    bad = [value for value, answer in meant.items() if answer is None]
    if bad:
        which = values.index[values.isin(bad)]
        shown = some(repr(v) if v else "blank" for v in bad)
        problems.add(
            f"{len(which)} of {len(values)} areas are neither rural nor urban ({shown}): "
            f"{some(which)}", file=file, column=column,
            severity="error" if brief.rural is not None else "warning",
            fix="Use 0 and 1, true and false, rural and urban, or the ONS codes (A1 to F2 of 2011, "
                "UN1 to RSF1 of 2021)."
                + ("" if brief.rural is not None else " Until then no area counts as rural."))
        return unknown, False
    return values.map(meant).astype("bool"), True


def _is_rural(value: str) -> bool | None:
    folded = value.casefold()
    if folded in _YES | _NO:
        return folded in _YES
    code = _RUC.fullmatch(value)
    if code is not None:
        return code.lastgroup in {"rural11", "rural21"}
    if folded.startswith("urban"):
        return False
    if folded.startswith(("rural", "larger rural", "smaller rural")):
        return True
    return None


def _numbers(
    text: pd.Series[str],
    problems: Problems,
    *,
    file: str,
    minimum: float | None = None,
    required: bool = False,
) -> pd.Series[float]:
    """Numbers by area; complaints name areas, since the rows of a boundary file have no number."""
    numbers = parse_numbers(text)
    checks = [((text != "") & numbers.isna(), "is not a number", "Give a number.")]
    if required:
        checks.append((text == "", "is blank", "Fill it in."))
    if minimum is not None:
        checks.append((numbers < minimum, f"is below {minimum:g}", f"Give {minimum:g} or more."))
    for bad, what, fix in checks:
        if bad.any():
            value = text[bad].iloc[0]
            problems.add(
                f"the value {what} for {int(bad.sum())} of {len(text)} areas: "
                f"{some(text.index[bad])}", file=file, column=str(text.name), value=value or None,
                fix=fix)
    return numbers


def _check_places(
    areas: gpd.GeoDataFrame, own: pd.DataFrame, file: str, brief: AreasBrief, problems: Problems
) -> None:
    given = own[["x_m", "y_m"]].notna().all(axis=1).to_numpy()
    places = shapely.points(own.loc[given, ["x_m", "y_m"]].to_numpy())
    away = np.zeros(len(own))  # of a place that is not given there is nothing more to say
    away[given] = shapely.distance(places, areas.geometry.to_numpy()[given])
    columns = f"{brief.x}, {brief.y}"
    if np.mean(away > HOPELESS_M) > 0.5:
        problems.add(
            f"most places of care lie more than {HOPELESS_M / 1000:g} km from their own area",
            file=file, column=columns,
            fix="Give eastings and northings in metres (EPSG:27700), x and y not exchanged.")
        return
    far = away > FAR_OUTSIDE_M
    if far.any():
        problems.add(
            f"{int(far.sum())} of {len(areas)} places of care lie more than {FAR_OUTSIDE_M:g} m "
            f"outside their own area: {some(areas.index[far])}", file=file, column=columns,
            severity="warning", fix="Distances are measured from there all the same: check them.")
