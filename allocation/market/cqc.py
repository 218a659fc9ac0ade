"""Registered home-care providers near each lot, from the directories the CQC publishes.

Two files are read: the "care directory" (CSV, four lines before the header) and the "HSCA active
locations" (.ods or .xlsx, a sheet of that name); columns by name, since their order changes. Neither has
coordinates that can be relied on, so places are looked up by postcode. Licence of both: Open Government
Licence v3.0. https://www.cqc.org.uk/about-us/transparency/using-cqc-data
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lotting.errors import InputError, Problem, some
from lotting.plan import Plan, natural
from lotting.postcodes import PostcodeLookup, normalise
from lotting.tables import fold

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["REACH_KM", "CqcDirectory", "locate_directory", "providers_in_reach", "read_cqc"]

REACH_KM = 15.0
"""How far from its registered office a provider is taken to work, as the crow flies: an assumption."""
_HEADER_ROWS = 60
"""The header is looked for in this many rows (row 27 of the HSCA file of April 2026)."""

#: Columns by their usual names, folded; the likeliest first.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "location_id": (
        "locationid", "cqclocationidforofficeuseonly", "cqclocationforofficeuseonly", "cqclocationid",
    ),
    "name": ("locationname", "name"),
    "postcode": ("locationpostalcode", "postcode", "locationpostcode"),
    "service_types": ("servicetypes",),
    "provider_id": ("providerid", "cqcprovideridforofficeuseonly", "cqcproviderid"),
    "provider_name": ("providername",),
    "local_authority": ("locationlocalauthority", "localauthority"),
    "dormant": ("dormantyn", "dormant"),
    "home_care": ("servicetypedomiciliarycareservice",),
    "rating": ("locationlatestoverallrating",),
}  # fmt: skip
_NEEDED = ("location_id", "postcode", "provider_id")
_HOME_CARE = re.compile(r"home ?care agenc|domiciliary care", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CqcDirectory:
    """Registered locations: facts about businesses, no personal data.

    Attributes
    ----------
    frame
        Index ``location_id``: the locations that give home care and are not dormant. Columns
        ``name``, ``provider_id``, ``provider_name``, ``postcode`` (as
        :func:`lotting.postcodes.normalise` writes it), ``local_authority``, ``rating`` (str, ``""``
        where not given), ``x_m``, ``y_m`` (float, EPSG:27700; NaN until
        :func:`locate_directory`, and after it where the postcode is not known).
    rows
        How many rows the file has.
    set_aside
        Why rows are not in ``frame``: ``no home care``, ``dormant``, ``twice in the file``, each with
        their number. ``rows`` is the sum of these and of the locations.
    file
        Its name.
    """

    frame: pd.DataFrame
    rows: int
    set_aside: Mapping[str, int]
    file: str


def read_cqc(path: Path) -> CqcDirectory:
    """Read a directory of the CQC.

    Parameters
    ----------
    path
        The care directory (CSV), or HSCA active locations (.ods, .xlsx).

    Returns
    -------
    CqcDirectory

    Raises
    ------
    InputError
        The file is missing or cannot be read, has no such header, or no home care in it.
    """
    if not path.is_file():
        raise InputError(Problem(
            message="there is no such file", file=str(path),
            fix="Download the care directory from cqc.org.uk, Using CQC data.",
        ))  # fmt: skip
    with path.open("rb") as handle:
        book = handle.read(4) == b"PK\x03\x04"
    try:
        found = next((f for f in map(_parsed, _sheets(path) if book else [_csv(path)]) if f), None)
    except (OSError, csv.Error) as error:
        raise InputError(Problem(
            message=f"the file cannot be read: {error}", file=path.name, fix="Download it again.",
        )) from error  # fmt: skip
    if found is None:
        raise InputError(Problem(
            message="no header of a CQC directory was found: it needs columns of location ids, provider "
                    "ids, postcodes, and service types or domiciliary care", file=path.name,
            fix="Give the care directory (.csv) or HSCA active locations (.ods, .xlsx) as downloaded.",
        ))  # fmt: skip
    table = pd.DataFrame(found, dtype="str")
    rows = len(table)
    frame = pd.DataFrame({name: table.get(name, "") for name in _COLUMNS}).astype("str")
    if "service_types" in table:
        home = frame["service_types"].str.contains(_HOME_CARE)
    else:
        home = frame["home_care"].str.casefold().isin(["y", "yes", "true"])
    dormant = frame["dormant"].str.casefold().isin(["y", "yes", "true"])
    twice = frame["location_id"].duplicated()
    aside = {
        "twice in the file": int(twice.sum()), "no home care": int((~home & ~twice).sum()),
        "dormant": int((home & dormant & ~twice).sum()),
    }  # fmt: skip
    kept = frame[home & ~dormant & ~twice].set_index("location_id")
    if kept.empty:
        raise InputError(Problem(
            message=f"none of {rows:,} locations gives home care", file=path.name,
            fix="Is it the whole directory? Service type: Homecare agencies.",
        ))  # fmt: skip
    kept["postcode"] = normalise(kept["postcode"])
    columns = ["name", "provider_id", "provider_name", "postcode", "local_authority", "rating"]
    return CqcDirectory(
        frame=kept[columns].assign(x_m=float("nan"), y_m=float("nan")), rows=rows,
        set_aside={why: n for why, n in aside.items() if n}, file=path.name,
    )  # fmt: skip


def locate_directory(
    directory: CqcDirectory, look_up: Callable[[set[str]], PostcodeLookup]
) -> CqcDirectory:
    """Find where the locations are.

    Parameters
    ----------
    directory
        As read.
    look_up
        Called with the postcodes; as :func:`lotting.postcodes.read_postcodes`.

    Returns
    -------
    CqcDirectory
        With ``x_m`` and ``y_m``, NaN where the postcode is not in the postcode directory.
    """
    places = look_up(set(directory.frame["postcode"]) - {""}).frame
    points = places.reindex(directory.frame["postcode"].to_numpy())[["x_m", "y_m"]]
    frame = directory.frame.assign(x_m=points["x_m"].to_numpy(), y_m=points["y_m"].to_numpy())
    return CqcDirectory(
        frame=frame, rows=directory.rows, set_aside=directory.set_aside, file=directory.file)


def providers_in_reach(
    directory: CqcDirectory, areas: gpd.GeoDataFrame, plan: Plan, hours: pd.Series[float], *,
    reach_km: float = REACH_KM, reach_pct: float = 50.0,
) -> pd.DataFrame:  # fmt: skip
    """Count the registered providers near each lot.

    Parameters
    ----------
    directory
        Located.
    areas
        Index ``area_code``; ``x_m``, ``y_m`` (a point inside), geometry in EPSG:27700.
    plan
        Lot of every area.
    hours
        Weekly hours by ``area_code``; where a lot has none, its areas count alike.
    reach_km
        Straight-line distance.
    reach_pct
        A provider covers a lot when this share of its hours is in areas (their points) within
        ``reach_km`` of one of the provider's locations.

    Returns
    -------
    pandas.DataFrame
        Index ``lot``, in natural order. Columns ``inside`` (locations in the lot), ``locations`` and
        ``providers`` (int: within ``reach_km`` of the lot's edge, or in it; a provider with several
        locations counts once), ``covering`` (int: providers that cover it), ``nearest_km`` (from the
        lot to the nearest location, 0 when one is in it; NaN when there is none at all).
    """
    import shapely

    there = directory.frame.dropna(subset=["x_m", "y_m"])
    xy = there[["x_m", "y_m"]].to_numpy(dtype="float64")
    points: Any = shapely.points(xy)
    owners = there["provider_id"].to_numpy()
    lots = plan.lots.reindex(areas.index)
    found = {}
    for lot in sorted(set(lots), key=natural):
        members = areas.index[lots == lot]
        shape = shapely.union_all(areas.geometry.loc[members].to_numpy())
        away_km = np.asarray(shapely.distance(points, shape)) / 1000
        near = away_km <= reach_km
        weight = hours.reindex(members).fillna(0.0).to_numpy(dtype="float64")
        weight = weight if weight.sum() > 0 else np.ones(len(members))
        centres = areas.loc[members, ["x_m", "y_m"]].to_numpy(dtype="float64")
        covering = 0
        # Who is not near the lot's edge reaches no point inside it.
        for owner in np.unique(owners[near]):
            own = xy[near & (owners == owner)]
            reached = (np.linalg.norm(centres[:, None] - own[None], axis=2) <= reach_km * 1000).any(axis=1)
            covering += bool(100 * weight[reached].sum() >= reach_pct * weight.sum() - 1e-9)
        found[lot] = {
            "inside": int((away_km == 0).sum()), "locations": int(near.sum()),
            "providers": len(set(owners[near])), "covering": covering,
            "nearest_km": float(away_km.min()) if len(away_km) else float("nan"),
        }  # fmt: skip
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("lot")


def _parsed(rows: Iterator[list[str]]) -> dict[str, list[str]] | None:
    """Return the columns wanted of a sheet; None when no row is such a header."""
    for number, row in enumerate(rows):
        if number >= _HEADER_ROWS:
            return None
        folded = [fold(cell) for cell in row]
        at = {
            field: folded.index(name)
            for field, names in _COLUMNS.items()
            for name in reversed(names) if name in folded
        }  # fmt: skip
        if all(field in at for field in _NEEDED) and ("service_types" in at or "home_care" in at):
            break
    else:
        return None
    columns: dict[str, list[str]] = {field: [] for field in at}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        for field, i in at.items():
            columns[field].append(row[i].strip() if i < len(row) else "")
    return columns


def _csv(path: Path) -> Iterator[list[str]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return csv.reader(io.StringIO(text, newline=""))


def _sheets(path: Path) -> Iterator[Iterator[list[str]]]:
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        for name in book.sheet_names:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            yield iter([["" if cell is None else str(cell) for cell in row] for row in rows])
    except calamine.CalamineError as error:
        raise InputError(Problem(
            message=f"the workbook cannot be read: {error}", file=path.name, fix="Download it again.",
        )) from error  # fmt: skip


def unlocated(directory: CqcDirectory) -> str:
    """Say which locations have no place, ``""`` when all have."""
    lost = directory.frame[directory.frame["x_m"].isna()]
    if lost.empty:
        return ""
    return (f"{len(lost):,} of {len(directory.frame):,} registered home-care locations have a postcode that "
            f"the postcode directory does not have, and are in no lot's reach: {some(lost.index)}.")
