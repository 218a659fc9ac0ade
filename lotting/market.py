"""The market: which providers there are, what they can take on, and where they work.

Providers' ids and names are business data; unlike people's they may be shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from .brief import MarketBrief
from .errors import Problems, some
from .locating import GSS_CODE
from .sharing import MarketCheck, check_market
from .tables import fold, nearest, read_table, to_number

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["MAX_PROVIDER_HOURS", "Market", "MarketCheck", "check_market", "read_market"]

MAX_PROVIDER_HOURS = 500_000.0
"""Weekly hours above which a provider's capacity is a mistake.

Ten times the 49,230 h a week that Leicestershire's two payers buy from all providers together.
"""

_COLUMNS: dict[str, tuple[str, ...]] = {
    "provider_id": ("providerid", "providerref", "providerreference"),
    "max_weekly_hours": ("maxweeklyhours", "maxhoursperweek", "maximumweeklyhours"),
    "name": ("name", "providername"),
    "max_lots": ("maxlots", "maximumlots"),
    "localities": ("localities", "locality"),
    "areas": ("areas", "area", "areacodes", "areacode"),
}
_REQUIRED = ("provider_id", "max_weekly_hours")
#: How like the name of a column that is absent another must be to be taken for a misspelling.
_MISSPELT = 0.85
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """The providers.

    Attributes
    ----------
    frame
        Index ``provider_id`` (str, unique, in the file's order); columns ``name`` (str, ``""``
        where not given), ``max_weekly_hours`` (float, above 0) and ``max_lots`` (float, a whole
        number from 1; NaN where the provider sets no limit).
    works
        Index ``provider_id`` as ``frame``, columns ``area_code`` in the map's order (bool):
        whether the provider works there.
    """

    frame: pd.DataFrame
    works: pd.DataFrame


def read_market(brief: MarketBrief, areas: gpd.GeoDataFrame) -> Market:
    """Read the table of providers that a brief names.

    Parameters
    ----------
    brief
        The ``[market]`` table.
    areas
        The map: index ``area_code``, column ``locality`` (``""`` where there are none).

    Returns
    -------
    Market
        A provider works in the localities and in the areas listed, whichever columns the file
        has; one with neither works everywhere.

    Raises
    ------
    InputError
        A column is missing or misspelt; a provider's id is blank or occurs twice; hours or lots
        are blank (hours only), no number, nil, negative or too many; a locality or an area is
        not on the map.
    """
    file = brief.providers.name
    problems = Problems()
    table = read_table(brief.providers)
    columns = _find_columns(table, problems, file=file)
    problems.raise_if_any()
    ids = table[columns["provider_id"]]
    _check_ids(ids, problems, file=file)
    hours = to_number(
        table[columns["max_weekly_hours"]], problems, file=file, minimum=0,
        maximum=MAX_PROVIDER_HOURS, unit="hours a week")
    nil = hours.index[hours == 0]
    if len(nil):
        problems.add(
            f"{_providers(len(nil))} with 0 hours a week, who can take on no work: "
            f"{some(ids[nil])}", file=file, row=int(nil[0]) + 2,
            column=columns["max_weekly_hours"], fix="Give their hours, or delete them.")
    works = _read_places(table, columns, areas, problems, file=file)
    frame = pd.DataFrame({
        "name": table[columns["name"]] if "name" in columns else "",
        "max_weekly_hours": hours,
        "max_lots": _read_lots(table, columns.get("max_lots"), problems, file=file),
    }, index=table.index)
    problems.raise_if_any()
    index = pd.Index(ids.to_numpy(), name="provider_id", dtype="str")
    frame.index = index
    return Market(
        frame=frame.astype({"name": "str"}),
        works=pd.DataFrame(works, index=index, columns=areas.index),
    )


def _find_columns(table: pd.DataFrame, problems: Problems, *, file: str) -> dict[str, str]:
    columns: dict[str, str] = {}
    for field, aliases in _COLUMNS.items():
        found = [c for c in table.columns if c == field or fold(c) in aliases]
        if len(found) > 1:
            problems.add(
                f"{len(found)} columns could be {field}: {some(found)}", file=file, row=1,
                fix="Rename or delete all but one.")
        if found:
            columns[field] = found[0]
    used = set(columns.values())
    for field in _COLUMNS.keys() - columns.keys():
        if field in _REQUIRED:
            continue
        # To pass over a misspelt column would be to pass over a provider's limits.
        like = difflib.get_close_matches(
            fold(field), [fold(c) for c in table.columns if c not in used], 1, _MISSPELT)
        if like:
            column = next(c for c in table.columns if fold(c) == like[0])
            problems.add(
                f"there is no column {field!r}, but one that is nearly called so: {column!r}",
                file=file, row=1, fix=f"Name it {field}, or give it a name less like that.")
    for field in _REQUIRED:
        if field not in columns:
            problems.add(f"there is no column {field!r}", file=file,
                         fix=nearest(field, table.columns))
    problems.items.sort(key=str)
    return columns


def _providers(number: int) -> str:
    return f"{number:,} provider{'' if number == 1 else 's'}"


def _check_ids(ids: pd.Series[str], problems: Problems, *, file: str) -> None:
    blank = ids.index[ids == ""]
    if len(blank):
        problems.add(
            f"{len(blank):,} row{'' if len(blank) == 1 else 's'} without a provider's id: row "
            f"{some(blank + 2)}", file=file, column=str(ids.name),
            fix="Fill it in, or delete them.")
    twice = ids[ids.duplicated() & (ids != "")]
    if len(twice):
        names = twice.unique()
        problems.add(
            f"{_providers(len(names))} more than once in the table: {some(names)}",
            file=file, row=int(twice.index[0]) + 2, column=str(ids.name),
            fix="One row a provider: list all its places in one cell, with ; between them.")


def _read_lots(
    table: pd.DataFrame, column: str | None, problems: Problems, *, file: str
) -> pd.Series[float]:
    if column is None:
        return pd.Series(float("nan"), index=table.index)
    lots = to_number(table[column], problems, file=file, minimum=1, maximum=1e6, required=False,
                     unit="lots")
    broken = lots.index[lots.notna() & (lots != lots.round())]
    if len(broken):
        problems.add(
            f"{len(broken):,} cell{'' if len(broken) == 1 else 's'} without a whole number of "
            f"lots: row {some(broken + 2)}", file=file, column=column,
            fix="Give a whole number from 1, or leave it blank for no limit.")
    return lots


def _read_places(
    table: pd.DataFrame, columns: Mapping[str, str], areas: gpd.GeoDataFrame,
    problems: Problems, *, file: str,
) -> npt.NDArray[np.bool_]:
    """Return bool[rows, areas]: where each provider works."""
    works = np.zeros((len(table), len(areas)), dtype=np.bool_)
    everywhere = np.ones(len(table), dtype=np.bool_)
    codes = areas.index.to_series().astype("str")
    for field, names in (("localities", areas["locality"].astype("str")), ("areas", codes)):
        if field not in columns:
            continue
        cells = table[columns[field]]
        everywhere &= (cells == "").to_numpy()
        members: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            if name:
                members.setdefault(name, []).append(at)
        if not members and (cells != "").any():
            problems.add(
                "providers are said to work in localities, but the map has none", file=file,
                column=columns[field],
                fix="Name the column of localities in [areas] locality, or list areas instead.")
            continue
        unknown: dict[str, list[int]] = {}
        for row, cell in enumerate(cells):
            listed = [part.strip() for part in cell.split(";") if part.strip()]
            if cell and not listed:
                unknown.setdefault(cell, []).append(int(table.index[row]) + 2)
            for name in listed:
                known = _spelt(name, members)
                if known is None:
                    unknown.setdefault(name, []).append(int(table.index[row]) + 2)
                else:
                    works[row, members[known]] = True
        _note_unknown(
            unknown, list(members), areas["area_name"] if field == "areas" else None, problems,
            file=file, column=columns[field])
    works[everywhere] = True
    return works


def _spelt(name: str, known: Mapping[str, object]) -> str | None:
    """Return a name as the map spells it, or None."""
    if name in known:
        return name
    alike = [k for k in known if " ".join(k.split()).casefold() == " ".join(name.split()).casefold()]
    return alike[0] if len(alike) == 1 else None


def _note_unknown(
    unknown: Mapping[str, Sequence[int]], known: Sequence[str],
    area_names: pd.Series[str] | None, problems: Problems, *, file: str, column: str,
) -> None:
    what = "locality" if area_names is None else "area"
    for name in list(unknown)[:_NAMES_SHOWN]:
        rows = unknown[name]
        more = f", in {len(rows):,} rows" if len(rows) > 1 else ""
        problems.add(
            f"no such {what} on the map{more}", file=file, row=rows[0], column=column, value=name,
            fix=_hint(name, known, area_names))
    rest = list(unknown)[_NAMES_SHOWN:]
    if rest:
        problems.add(
            f"{len(rest):,} more that are not on the map: {some(rest)}", file=file, column=column)


def _hint(name: str, known: Sequence[str], area_names: pd.Series[str] | None) -> str:
    if not name.strip("; "):
        return "Leave the cell blank for a provider who works everywhere."
    parts = [p.strip() for p in re.split(r"[,|/\n]", name)]
    if len(parts) > 1 and all(_spelt(p, dict.fromkeys(known)) for p in parts):
        return "Put ; between the names."
    folded = {k.casefold(): k for k in known}
    if area_names is None:
        found = difflib.get_close_matches(name.casefold(), list(folded), n=3)
        if found:
            return f"Did you mean {' or '.join(repr(folded[f]) for f in found)}?"
        return (f"The localities are: {some(known, limit=12)}. Leave the cell blank for a "
                "provider who works everywhere.")
    called = area_names.index[area_names.str.casefold() == name.casefold()]
    if len(called):
        return f"Give the code: {some(called, limit=3)}."
    # One true ONS code is as near to the next as a misspelt one: say nothing of those.
    if not GSS_CODE.fullmatch(name):
        found = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.8)
        if found:
            return f"Did you mean {' or '.join(repr(folded[f]) for f in found)}?"
    return "Check the code against the boundary file: another county, or another edition?"
