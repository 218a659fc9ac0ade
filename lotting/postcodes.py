"""Where a postcode is, by the directories ONS publishes (NSPL, ONSPD) of any edition.

The columns of these files have changed their names three times, so they are matched by pattern.
A directory has 2.7 million rows and some fifty columns, of which a council needs a few thousand
rows and a handful of columns: it is streamed once, and only those are kept.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import InputError, Problem
from .tables import nearest

__all__ = ["PostcodeLookup", "normalise", "read_postcodes"]

# First the names of the directories, then what people call the columns in extracts of their own.
_POSTCODE = ("pcds", "postcode", "pcd7", "pcd", "pcd8", "pcd2")
_EASTING = re.compile(r"(os)?east(ing)?s?(1m)?|x_m")
_NORTHING = re.compile(r"(os)?no?rth(ing)?s?(1m)?|y_m")
_LATITUDE = re.compile(r"lat(itude)?")
_LONGITUDE = re.compile(r"long?(itude)?|lng")
_GRID_INDICATOR = re.compile(r"(os)?gr(i)?d_?ind")
_TERMINATED = re.compile(r"doterm")
# Output areas, super output areas, wards and districts, as NSPL, ONSPD and the postcode-to-OA
# lookup name them: oa21, oa21cd, lsoa11, LSOA11CD, ward, osward, wd25cd, laua, oslaua, lad25cd.
_AREA = re.compile(
    r"(oa|lsoa|msoa|wz)\d\d(cd)?|(os)?ward|wd\d\d(cd)?|(os)?laua|lad(\d\d)?(cd)?|ltla\d\d(cd)?"
)

NO_GRID_REFERENCE = "9"  # value of osgrdind / gridind, ONSPD user guide
_BLOCK_BYTES = 4 * 2**20  # larger blocks are no faster, and take more memory


@dataclass(frozen=True, slots=True, kw_only=True)
class PostcodeLookup:
    """What a directory says of the postcodes asked for.

    Attributes
    ----------
    frame
        Index ``postcode`` (str, upper case, no spaces, unique); columns ``x_m``, ``y_m`` (float,
        metres in EPSG:27700, NaN where the directory has no grid reference), ``terminated``
        (bool) and ``area_code`` (str, from ``area_column``; ``""`` where there is none).
    file
        Name of the directory.
    rows_read
        Rows of the directory, wanted or not.
    area_column
        Column of the directory whose codes are the map's own; None when no column shares a code
        with the map.
    complete
        True when every area of the map occurs in that column. Then the column is of the map's
        own edition, and a code that is not on the map means a place outside it.
    """

    frame: pd.DataFrame
    file: str
    rows_read: int
    area_column: str | None
    complete: bool


def normalise(postcodes: pd.Series[str]) -> pd.Series[str]:
    """Write postcodes in upper case and without spaces or marks.

    Examples
    --------
    >>> normalise(pd.Series(["le15 0aa", " LE1  1AA. ", ""], dtype="str")).to_list()
    ['LE150AA', 'LE11AA', '']
    """
    return postcodes.str.upper().str.replace(r"[^A-Z0-9]", "", regex=True)


@dataclass(slots=True)
class _Columns:
    postcode: str
    x: str | None = None
    y: str | None = None
    lat: str | None = None
    lon: str | None = None
    indicator: str | None = None
    terminated: str | None = None
    areas: list[str] = field(default_factory=list)

    def used(self) -> list[str]:
        single = (self.postcode, self.x, self.y, self.lat, self.lon, self.indicator,
                  self.terminated)
        return [c for c in single if c is not None] + self.areas


def read_postcodes(
    path: Path, wanted: Collection[str] | None = None, *, area_codes: Collection[str] = ()
) -> PostcodeLookup:
    r"""Read the location of some postcodes from a postcode directory.

    Parameters
    ----------
    path
        NSPL or ONSPD of any edition, or an extract of one: CSV, gzipped CSV (``.csv.gz``), or
        the ``.zip`` as ONS publishes it (``Data/..._UK.csv`` inside). It needs a column of
        postcodes, and eastings and northings, latitude and longitude, or area codes.
    wanted
        Postcodes to keep, as :func:`normalise` writes them; all when left out.
    area_codes
        Codes of the areas on the map; they decide which column of area codes is used: the one
        in which most of them occur, the newer one of two that tie.

    Returns
    -------
    PostcodeLookup
        Postcodes that are not in the directory are not in its frame. Of a postcode that occurs
        twice, the live entry counts.

    Raises
    ------
    InputError
        The file is missing, empty or damaged, or has no such columns.

    Notes
    -----
    Grid references of Northern Ireland (BT postcodes) are on the Irish Grid in these
    directories (ONSPD user guide); they are transformed.

    Examples
    --------
    >>> import tempfile
    >>> text = "pcds,doterm,oseast1m,osnrth1m,lsoa21\nLE15 0AA,,486138,0308845,E01013799\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "nspl.csv"
    ...     _ = file.write_text(text)
    ...     lookup = read_postcodes(file, {"LE150AA"}, area_codes=["E01013799"])
    >>> lookup.frame[["x_m", "y_m", "area_code"]].to_dict("records")
    [{'x_m': 486138.0, 'y_m': 308845.0, 'area_code': 'E01013799'}]
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(Problem(
            message="this is a folder, not a file" if path.is_dir() else "there is no such file",
            file=str(path), fix="Give the postcode directory: the .csv, .csv.gz or .zip.",
        ))
    import pyarrow as pa

    keep = None if wanted is None else pa.array(sorted(wanted), pa.string())
    codes = pa.array(sorted(set(area_codes)), pa.string())
    parts: list[pd.DataFrame] = []
    found: dict[str, set[str]] = {}
    rows = 0
    try:
        for batch, columns in _batches(path):
            rows += batch.num_rows
            for column, hits in _codes_seen(batch, columns, codes).items():
                found.setdefault(column, set()).update(hits)
            part = _rows_wanted(batch, columns, keep)
            if part is not None:
                parts.append(part)
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, InputError):
            raise
        # pyarrow repeats the row it stumbles over, which may be a person's postcode.
        why = re.sub(r"(got \d+):.*", r"\1", str(error).splitlines()[0])[:200]
        raise InputError(Problem(
            message=f"the postcode directory cannot be read: {why}",
            file=path.name, fix="Download it again, or unpack it and give the CSV file.",
        )) from error
    if not rows:
        raise InputError(Problem(
            message="the postcode directory has no rows", file=path.name, fix="Download it again."))
    area_column = max(
        (c for c, codes in found.items() if codes),
        key=lambda c: (len(found[c]), "".join(re.findall(r"\d\d", c)), c), default=None,
    )
    return PostcodeLookup(
        frame=_combine(parts, area_column),
        file=path.name,
        rows_read=rows,
        area_column=area_column,
        complete=area_column is not None and len(found[area_column]) == len(set(area_codes)),
    )


def _parts(path: Path) -> Iterator[Callable[[], Any]]:
    """Yield a function that opens each CSV file in ``path`` as a pyarrow stream."""
    import pyarrow as pa

    with path.open("rb") as handle:
        start = handle.read(4)
    if not start:
        raise InputError(Problem(
            message="the file is empty", file=path.name, fix="Download it again."))
    if not start.startswith(b"PK\x03\x04"):
        compression = "gzip" if start.startswith(b"\x1f\x8b") else None
        yield lambda: pa.input_stream(str(path), compression=compression)
        return
    with zipfile.ZipFile(path) as archive:
        for name in _members(archive, path.name):
            def unzip(name: str = name) -> Any:
                return pa.PythonFile(archive.open(name), mode="r")
            yield unzip


def _members(archive: zipfile.ZipFile, file: str) -> list[str]:
    """Return the members that hold the directory: the one file, or its parts by postcode area."""
    names = [n for n in archive.namelist() if n.lower().endswith(".csv")]
    whole = [n for n in names if re.search(r"(^|/)(nspl|onspd)[^/]*_uk\.csv$", n, re.IGNORECASE)]
    parts = [n for n in names if "/multi_csv/" in f"/{n.lower()}"]
    chosen = whole[:1] or parts or (names if len(names) == 1 else [])
    if not chosen:
        raise InputError(Problem(
            message=f"the archive holds {len(names)} CSV files, none named like a postcode "
                    "directory (Data/NSPL_..._UK.csv)",
            file=file, fix="Unpack it and give the CSV file.",
        ))
    return sorted(chosen)


def _batches(path: Path) -> Iterator[tuple[Any, _Columns]]:
    """Yield the directory as record batches of text, only of the columns that are used."""
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    for open_part in _parts(path):
        with open_part() as stream:
            header, delimiter = _header(stream, path.name)
        columns = _columns(header, path.name)
        used = columns.used()
        # Of two columns of one name the first is meant; the rest only need to differ.
        names = [h if header.index(h) == i else f"#{i}" for i, h in enumerate(header)]
        with open_part() as stream, pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                block_size=_BLOCK_BYTES, column_names=names, skip_rows=1),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter),
            convert_options=pa_csv.ConvertOptions(
                include_columns=used, column_types=dict.fromkeys(used, pa.string()),
                strings_can_be_null=False),
        ) as reader:
            for batch in reader:
                yield batch, columns


def _codes_seen(batch: Any, columns: _Columns, codes: Any) -> dict[str, list[str]]:
    """Return which of the map's area codes occur in each column of area codes."""
    import pyarrow.compute as pc

    if not len(codes):
        return {}
    seen = {column: pc.unique(batch[column]) for column in columns.areas}
    return {
        column: values.filter(pc.is_in(values, value_set=codes)).to_pylist()
        for column, values in seen.items()
    }


def _rows_wanted(batch: Any, columns: _Columns, keep: Any) -> pd.DataFrame | None:
    """Return the rows of the postcodes to keep; all without ``keep``, None when there are none."""
    import pyarrow.compute as pc

    postcode = pc.replace_substring(pc.utf8_upper(batch[columns.postcode]), " ", "")
    if keep is not None:
        mask = pc.is_in(postcode, value_set=keep)
        if not pc.any(mask).as_py():
            return None
        batch, postcode = batch.filter(mask), postcode.filter(mask)
    frame = batch.to_pandas().astype("str")
    frame.index = pd.Index(postcode.to_pandas().astype("str"), name="postcode")
    return _tidy(frame, columns)


def _header(stream: Any, file: str) -> tuple[list[str], str]:
    first = b""
    while b"\n" not in first and (piece := stream.read(8192)):
        first += piece
    line = first.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip("\r\x00")
    delimiter = max(",;\t|", key=line.count)
    header = [name.strip() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    if not any(header):
        raise InputError(Problem(
            message="row 1 is blank, so there is no header", file=file, row=1,
            fix="Give the postcode directory as ONS publishes it.",
        ))
    return header, delimiter


def _columns(header: list[str], file: str) -> _Columns:
    def all_like(pattern: re.Pattern[str]) -> list[str]:
        return [name for name in dict.fromkeys(header) if pattern.fullmatch(name.casefold())]

    def like(pattern: re.Pattern[str]) -> str | None:
        return next(iter(all_like(pattern)), None)

    postcode = next((n for p in _POSTCODE for n in header if n.casefold() == p), None)
    if postcode is None:
        raise InputError(Problem(
            message="no column of postcodes was found (pcds, pcd, pcd7 or postcode)", file=file,
            row=1, fix=f"Give an NSPL or ONSPD file. {nearest('pcds', header)}",
        ))
    columns = _Columns(
        postcode=postcode, x=like(_EASTING), y=like(_NORTHING), lat=like(_LATITUDE),
        lon=like(_LONGITUDE), indicator=like(_GRID_INDICATOR), terminated=like(_TERMINATED),
        areas=all_like(_AREA),
    )
    if columns.x is None or columns.y is None:
        columns.x = columns.y = None
        if columns.lat is None or columns.lon is None:
            columns.lat = columns.lon = None
    else:
        columns.lat = columns.lon = None
    if columns.x is None and columns.lat is None and not columns.areas:
        raise InputError(Problem(
            message="the postcode directory has neither grid references nor area codes",
            file=file, row=1,
            fix="Give an NSPL or ONSPD file, with columns such as oseast1m, osnrth1m and lsoa21.",
        ))
    return columns


def _tidy(frame: pd.DataFrame, columns: _Columns) -> pd.DataFrame:
    """Turn the wanted rows' text into metres, flags and codes."""
    tidy = pd.DataFrame(index=frame.index)
    tidy["x_m"] = tidy["y_m"] = float("nan")
    if columns.x is not None and columns.y is not None:
        tidy["x_m"] = _number(frame[columns.x])
        tidy["y_m"] = _number(frame[columns.y])
        irish = tidy.index.str.match(r"BT\d")
        if irish.any():
            tidy.loc[irish, ["x_m", "y_m"]] = _transform(
                tidy.loc[irish, "x_m"], tidy.loc[irish, "y_m"], "EPSG:29902")
    elif columns.lat is not None and columns.lon is not None:
        lat, lon = _number(frame[columns.lat]), _number(frame[columns.lon])
        # 99.999999 north stands for "no grid reference" in every edition.
        tidy[["x_m", "y_m"]] = _transform(lon.where(lat < 90), lat.where(lat < 90), "EPSG:4326")
    nowhere = (tidy["x_m"].isna() | tidy["y_m"].isna()) | ((tidy["x_m"] == 0) & (tidy["y_m"] == 0))
    if columns.indicator is not None:
        nowhere |= frame[columns.indicator].str.strip() == NO_GRID_REFERENCE
    tidy.loc[nowhere, ["x_m", "y_m"]] = float("nan")
    tidy["terminated"] = (
        False if columns.terminated is None else frame[columns.terminated].str.strip() != "")
    for column in columns.areas:
        tidy[column] = frame[column].str.strip()
    return tidy


def _number(text: pd.Series[str]) -> pd.Series[float]:
    return pd.to_numeric(text, errors="coerce").astype("float64")


def _transform(x: pd.Series[float], y: pd.Series[float], crs: str) -> Any:
    import numpy as np
    from pyproj import Transformer

    to_metres = Transformer.from_crs(crs, "EPSG:27700", always_xy=True)
    points = np.column_stack(to_metres.transform(x.to_numpy(), y.to_numpy()))
    return np.where(np.isfinite(points), points, np.nan)


def _combine(parts: list[pd.DataFrame], area_column: str | None) -> pd.DataFrame:
    if not parts:
        empty = pd.DataFrame(
            {"x_m": pd.Series(dtype="float64"), "y_m": pd.Series(dtype="float64"),
             "terminated": pd.Series(dtype="bool"), "area_code": pd.Series(dtype="str")})
        return empty.set_index(pd.Index([], dtype="str", name="postcode"))
    frame = pd.concat(parts).sort_values("terminated", kind="stable")
    frame["area_code"] = "" if area_column is None else frame[area_column].fillna("")
    frame = frame.loc[~frame.index.duplicated(), ["x_m", "y_m", "terminated", "area_code"]]
    return frame.astype({"area_code": "str", "terminated": "bool"}).sort_index()
