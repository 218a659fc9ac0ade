"""Which column of an export means what: as the brief says, or by the names such columns usually have."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pandas as pd

from .errors import Problems, some
from .tables import fold, nearest

__all__ = ["Aliases", "find_columns", "is_wanted"]

#: Usual names of each field, folded (:func:`lotting.tables.fold`), the likeliest first.
Aliases = Mapping[str, tuple[str, ...]]

# As in the products of the ONS; only asked where a field is called area_code.
_AREA_COLUMN = re.compile(r"(oa|lsoa|msoa|dz|wd|ward|lad)(\d\d)?(cd|code)|(oa|lsoa|msoa)\d\d")


def is_wanted(name: str, aliases: Aliases, given: Collection[str]) -> bool:
    """Say whether a column is read at all: names and addresses of people are not.

    Examples
    --------
    >>> aliases = {"person_id": ("serviceuserref",), "area_code": ("areacode",)}
    >>> columns = ("ServiceUserDetails", "Service user ref", "LSOA21CD", "Who")
    >>> [is_wanted(c, aliases, ["Who"]) for c in columns]
    [False, True, True, True]
    """
    folded = fold(name)
    return (
        name in given
        or any(folded in names for names in aliases.values())
        or ("area_code" in aliases and _AREA_COLUMN.fullmatch(folded) is not None)
    )


def find_columns(
    table: pd.DataFrame,
    aliases: Aliases,
    given: Mapping[str, str],
    block: str,
    seen: Collection[str],
    problems: Problems,
    *,
    area_codes: Collection[str] = (),
) -> dict[str, str]:
    """Find the column of each field.

    Parameters
    ----------
    table
        What was read; ``attrs["file"]`` names the file.
    aliases
        Usual names of every field.
    given
        Column by field, as the brief has it.
    block
        Where the brief says so, e.g. ``visits.columns``.
    seen
        Every column of the file, for advice.
    problems
        A named column that is missing, and a choice that was made between several columns, are
        noted here.
    area_codes
        Codes on the map: of several columns of area codes, the one that fits them best is taken.

    Returns
    -------
    dict
        Column by field; a field without a column is left out.
    """
    file = table.attrs["file"]
    columns: dict[str, str] = {}
    for field, names in aliases.items():
        if field in given:
            if given[field] in table.columns:
                columns[field] = given[field]
            else:
                problems.add(
                    f"there is no column {given[field]!r}, which [{block}] {field} names",
                    file=file, fix=nearest(given[field], seen))
            continue
        found = [c for alias in names for c in table.columns if fold(c) == alias]
        if field == "area_code":
            found += sorted(
                (c for c in table.columns if _AREA_COLUMN.fullmatch(fold(c))),
                key=lambda c: -len(set(table[c]) & set(area_codes)))
        found = [c for c in dict.fromkeys(found) if c not in given.values()]
        if found:
            columns[field] = found[0]
        if len(found) > 1:
            problems.add(
                f"{len(found)} columns could be {field}: {some(found)}; {found[0]!r} is used",
                file=file, severity="warning",
                fix=f"If another is meant, say so in [{block}]: {field} = \"...\".")
    return columns
