"""A new project: a brief with every setting explained, and files that work at once.

A commissioner starts from something that runs, and replaces one file after the other. The text of
the brief is one template for every county, so that a setting is explained in one place only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from .embedded import COUNTIES, county_areas
from .errors import InputError, Problem, some
from .files import write_text
from .generate import generate_packages, generate_postcodes

__all__ = ["PROJECT_FILES", "new_project", "todays_zones"]

# The brief comes last: a folder that has one is whole.
PROJECT_FILES = (
    "README.txt",
    "areas.gpkg",
    "lookup.csv",
    "packages.csv",
    "postcodes.csv",
    "today.csv",
    "providers.csv",
    "brief.toml",
)

# Date written into the GeoPackage, so that the same version writes the same bytes.
_FILE_DATE = "2026-04-01T00:00:00.000Z"

# Made-up zones in force: every area goes with the nearest of these settlements of its locality
# (Herefordshire: of the county). As many as the brief has lots, but not drawn to equal hours.
_TOWNS: dict[str, dict[str, str]] = {
    "leicestershire": {
        "Castle Donington": "Castle Donington",
        "Coalville": "Coalville: Town Centre",
        "Ashby": "Ashby-de-la-Zouch",
        "Loughborough": "Loughborough: Town Centre",
        "Shepshed": "Shepshed",
        "Melton Mowbray": "Melton Mowbray",
        "Market Harborough": "Market Harborough",
        "Syston": "Syston",
        "Oadby": "Oadby",
        "Wigston": "Wigston",
        "Hinckley": "Hinckley: Town Centre",
        "Market Bosworth": "Market Bosworth",
        "Groby": "Groby",
        "Blaby": "Blaby",
        "Glenfield": "Glenfield",
        "Lutterworth": "Lutterworth",
        "Birstall": "Birstall: Greengate",
        "Mountsorrel": "Mountsorrel",
    },
    "herefordshire": {
        "Leominster": "Leominster: Town Centre",
        "Kington": "Kington",
        "Hereford": "Hereford: City Centre",
        "Ledbury": "Ledbury: Town Centre",
        "Ross-on-Wye": "Ross-on-Wye: Town Centre",
    },
}
# Weekly hours and lots that made-up providers could take on, over and over.
_CAPACITY = ((7000, 3), (5500, 2), (4000, 2), (3600, 1), (2800, 1), (2400, 1))
_PROVIDERS = {"leicestershire": 20, "herefordshire": 8}


def new_project(folder: str | Path, county: str = "leicestershire") -> list[Path]:
    """Write a brief with every setting explained, and sample input files that work at once.

    Parameters
    ----------
    folder
        Where to write; made when it is not there. Other files in it are left alone.
    county
        Which embedded county the sample is of: one of :data:`lotting.embedded.COUNTIES`.

    Returns
    -------
    list of pathlib.Path
        The files written, in the order of :data:`PROJECT_FILES`. The same version of the package
        and its libraries writes the same bytes.

    Raises
    ------
    InputError
        The folder is a file or cannot be written to, it already has one of the files, or there
        is no such embedded county. Nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     written = new_project(Path(place) / "my-council", county="herefordshire")
    ...     written[-1].name, written[-1].is_file()
    ('brief.toml', True)
    """
    folder = Path(folder)
    county = county.strip().casefold()
    if county not in COUNTIES:
        raise InputError(Problem(
            message=f"there is no sample of {county!r}", fix=f"Choose {' or '.join(COUNTIES)}.",
        ))
    _refuse_what_is_there(folder)
    made = _missing_folders(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as draft:
            for name, write in _writers(county).items():
                write(Path(draft) / name)
            for name in PROJECT_FILES:
                (Path(draft) / name).replace(folder / name)
    except OSError as error:
        _remove_empty(made)
        raise InputError(Problem(
            message=f"the folder cannot be written to: {error.strerror or error}",
            file=str(folder), fix="Choose another place, or ask for the right to write there.",
        )) from error
    return [folder / name for name in PROJECT_FILES]


def _refuse_what_is_there(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(Problem(
            message="there is a file of this name, so no folder can be made", file=str(folder),
            fix="Choose another name.",
        ))
    there = [name for name in PROJECT_FILES if (folder / name).exists()]
    if there:
        raise InputError(Problem(
            message=f"the folder already has {some(there)}, and nothing is written over",
            file=str(folder), fix="Choose another folder, or move these files away.",
        ))


def _missing_folders(folder: Path) -> list[Path]:
    return [p for p in (folder, *folder.parents) if not p.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _writers(county: str) -> dict[str, Callable[[Path], None]]:
    areas = county_areas(county)
    tables = {
        "lookup.csv": _lookup(areas, county),
        "packages.csv": generate_packages(areas, county),
        "postcodes.csv": generate_postcodes(areas, county),
        "today.csv": todays_zones(areas, county).reset_index(),
        "providers.csv": _providers(areas, county),
    }

    def csv(table: pd.DataFrame) -> Callable[[Path], None]:
        return lambda path: table.to_csv(
            path, index=False, lineterminator="\n", encoding="utf-8", date_format="%Y-%m-%d")

    def text(template: str) -> Callable[[Path], None]:
        return lambda path: write_text(path, _filled(template, county))

    return {
        "brief.toml": text("brief.toml"),
        "README.txt": text("readme.txt"),
        "areas.gpkg": lambda path: _write_areas(areas, path),
        **{name: csv(table) for name, table in tables.items()},
    }


def _filled(template: str, county: str) -> str:
    """Read a template; lines that begin with ``%L`` or ``%H`` are for one county only."""
    source = resources.files(__package__).joinpath("templates", template)
    mark = f"%{county[0].upper()}"
    lines = []
    for line in source.read_text(encoding="utf-8").splitlines():
        if line.startswith(mark):
            lines.append(line.removeprefix(mark).removeprefix(" "))
        elif not line.startswith("%"):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _write_areas(areas: gpd.GeoDataFrame, path: Path) -> None:
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FILE_DATE})
    try:
        areas[["area_name", "geometry"]].reset_index().to_file(
            path, layer="areas", driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _lookup(areas: gpd.GeoDataFrame, county: str) -> pd.DataFrame:
    columns = ["locality", "rural", "population", "population_75", "x_m", "y_m"]
    table = pd.DataFrame(areas[columns]).reset_index()
    table["rural"] = table["rural"].map({True: "true", False: "false"})
    table = table.astype({"population": "int64", "x_m": "int64", "y_m": "int64"})
    # Herefordshire's brief has no localities: its zones are what is to be drawn.
    return table if county == "leicestershire" else table.rename(columns={"locality": "zone"})


def todays_zones(areas: gpd.GeoDataFrame, county: str) -> pd.Series[str]:
    """Made-up zones in force of an embedded county: each area with the nearest of some towns.

    Parameters
    ----------
    areas
        As :func:`lotting.embedded.county_areas` builds them.
    county
        One of :data:`lotting.embedded.COUNTIES`.

    Returns
    -------
    pandas.Series
        Zone (str, named after its town) by ``area_code``, name ``lot``: 18 in Leicestershire,
        none across localities; 5 in Herefordshire. Not drawn to equal hours.

    Examples
    --------
    >>> todays_zones(county_areas("herefordshire"), "herefordshire").nunique()
    5
    """
    towns = _TOWNS[county]
    by_name = areas.set_index("area_name")
    seats = by_name.loc[list(towns.values())]
    apart = np.hypot(
        areas["x_m"].to_numpy()[:, None] - seats["x_m"].to_numpy(),
        areas["y_m"].to_numpy()[:, None] - seats["y_m"].to_numpy(),
    )
    if county == "leicestershire":
        other = areas["locality"].to_numpy()[:, None] != seats["locality"].to_numpy()
        apart = np.where(other, np.inf, apart)
    nearest = np.array(list(towns))[apart.argmin(axis=1)]
    return pd.Series(nearest, index=areas.index, name="lot", dtype="str")


def _providers(areas: gpd.GeoDataFrame, county: str) -> pd.DataFrame:
    places = list(dict.fromkeys(areas["locality"]))
    rows = []
    for i in range(_PROVIDERS[county]):
        hours, lots = _CAPACITY[i % len(_CAPACITY)]
        works = sorted({places[(i + step) % len(places)] for step in (0, 1, 3)})
        rows.append({
            "provider_id": f"PR{i + 1:03d}",
            "name": f"Made-up provider {i + 1}",
            "max_weekly_hours": hours,
            "max_lots": lots,
            "localities": ";".join(works) if county == "leicestershire" else "",
        })
    return pd.DataFrame(rows)
