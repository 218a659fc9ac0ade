"""The day's list and today's packages: what is to be placed, and what runs and with whom.

Rows are personal data: no message names a person, a package or a place.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from lotting.errors import Problems
from lotting.packages import ALIASES as PACKAGE_NAMES
from lotting.postcodes import normalise

from .brief import FileBrief
from .places import Places
from .reading import Sheet, read_sheet, split_list

__all__ = ["PACKAGE_COLUMNS", "package_frame", "read_packages"]

ALIASES: dict[str, tuple[str, ...]] = {
    **{k: v for k, v in PACKAGE_NAMES.items() if k not in {"payer", "pathway"}},
    "lot": ("lot", "lotname", "zone", "zonename"),
    "area": ("area", "areaname", "locality", "patch", "town"),
    "skills": ("skills", "skillsneeded", "needs", "requirements"),
    "not_providers": ("notproviders", "refused", "blocked", "blockedproviders", "declinedproviders"),
    "max_rate_gbp": ("maxrategbp", "maxrate", "maximumrate"),
    "agreed_hours": ("agreedhours", "originalhours", "hoursagreed", "starthours"),
    "contract_id": ("contractid", "blockid", "block", "contract"),
    "rate_gbp": ("rategbp", "hourlyrategbp", "hourlyrate", "rate"),
}
#: Columns of a frame of packages.
PACKAGE_COLUMNS = (
    "package_id", "person_id", "weekly_hours", "carers", "hours", "lot", "area", "x_m", "y_m", "skills",
    "not_providers", "max_rate_gbp", "start", "end", "provider_id", "contract_id", "agreed_hours", "rate_gbp",
)  # fmt: skip
_CARERS = {"": 1, "1": 1, "no": 1, "n": 1, "single": 1, "2": 2, "yes": 2, "y": 2, "double": 2}
MOST_HOURS = 336.0  # two carers round the clock


def read_packages(
    brief: FileBrief, places: Places, *, block: str, provider_ids: Collection[str], running: bool,
) -> pd.DataFrame:  # fmt: skip
    """Read packages.

    Parameters
    ----------
    brief
        The file.
    places
        Where postcodes and areas are.
    block
        Name of it in messages.
    provider_ids
        Providers that are known.
    running
        Whether these run today: each then needs its provider. On a list to place, ``provider_id``
        is the present provider, and may be blank.

    Returns
    -------
    pandas.DataFrame
        RangeIndex; see :data:`PACKAGE_COLUMNS`. ``weekly_hours`` of one carer and ``hours`` of all
        (0 where not given), ``x_m``, ``y_m`` NaN where the place is not known, ``lot`` and ``area``
        ``""``, ``skills`` and ``not_providers`` frozensets, ``max_rate_gbp``, ``agreed_hours`` (of
        one carer) and ``rate_gbp`` NaN, ``start``, ``end`` NaT where not given.

    Raises
    ------
    InputError
        Every wrong cell.
    """
    problems = Problems()
    needed = ["package_id", "weekly_hours", *(["provider_id"] if running else [])]
    sheet = read_sheet(brief, ALIASES, needed, block, problems)
    problems.raise_if_any()
    assert sheet is not None
    frame = pd.DataFrame({"package_id": sheet.keys("package_id", "package id")})
    frame["person_id"] = sheet.text("person_id")
    frame["weekly_hours"] = sheet.number("weekly_hours", minimum=0, maximum=MOST_HOURS, unit="hours a week")
    words = sheet.text("carers").str.casefold()
    sheet.note(~words.isin(list(_CARERS)), "carers", "the number of carers is neither 1 nor 2",
               "Write 1 or 2.")
    frame["carers"] = words.map(_CARERS).fillna(1).astype("int64")
    frame["skills"] = sheet.text("skills").map(split_list)
    for field in ("max_rate_gbp", "agreed_hours", "rate_gbp"):
        frame[field] = sheet.number(field, minimum=0)
    for field in ("start", "end"):
        frame[field] = sheet.date(field)
    sheet.note(frame["end"] < frame["start"], "end", "the end is before the start", "Mend one of the two.")
    frame["contract_id"] = sheet.text("contract_id")
    ids = list(provider_ids)
    frame["provider_id"] = sheet.text("provider_id")
    sheet.note(~frame["provider_id"].isin(ids if running else [*ids, ""]), "provider_id",
               "not a provider that is known", "Add it to the table of providers.")
    frame["not_providers"] = sheet.text("not_providers").map(split_list)
    folded = {i.casefold() for i in ids}
    sheet.note(frame["not_providers"].map(lambda s: not s <= folded).astype("bool"), "not_providers",
               "a provider that is not known", "Write ids of providers, with ; between them.")
    where = _where(sheet, places)
    problems.raise_if_any()
    return package_frame(frame.join(where))


def _where(sheet: Sheet, places: Places) -> pd.DataFrame:
    found = pd.DataFrame({
        "lot": sheet.text("lot"), "area": sheet.text("area"),
        "x_m": sheet.number("x_m"), "y_m": sheet.number("y_m"),
        "area_code": sheet.text("area_code"), "postcode": normalise(sheet.text("postcode")),
    })  # fmt: skip
    half = found["x_m"].isna() != found["y_m"].isna()
    sheet.note(half, "x_m", "half a pair of coordinates",
               "Give both the easting and the northing, or neither.")
    degrees = found[["x_m", "y_m"]].dropna()
    if len(degrees) and bool((degrees.abs() <= 180).all(axis=None)):
        sheet.problems.add("the coordinates are degrees, not metres", file=sheet.file,
                           fix="Give eastings and northings of the British National Grid (EPSG:27700).")
    return places.fill(found)


def package_frame(packages: pd.DataFrame) -> pd.DataFrame:
    """Give a frame of packages every column, with what stands for nothing.

    Parameters
    ----------
    packages
        At least ``package_id`` and ``weekly_hours``.

    Examples
    --------
    >>> frame = package_frame(pd.DataFrame({"package_id": ["a"], "weekly_hours": [7.0], "carers": [2]}))
    >>> float(frame.loc[0, "hours"]), frame.loc[0, "skills"]
    (14.0, frozenset())
    """
    frame = packages.reset_index(drop=True).copy()
    nothing: dict[str, Any] = {
        **dict.fromkeys(("person_id", "lot", "area", "provider_id", "contract_id"), ""),
        **dict.fromkeys(("x_m", "y_m", "max_rate_gbp", "agreed_hours", "rate_gbp"), float("nan")),
        "carers": 1,
    }
    for name, value in nothing.items():
        if name not in frame:
            frame[name] = value
    for name in ("skills", "not_providers"):
        if name not in frame:
            frame[name] = pd.Series([frozenset()] * len(frame), index=frame.index, dtype=object)
    for name in ("start", "end"):
        if name not in frame:
            frame[name] = pd.NaT
        frame[name] = pd.to_datetime(frame[name])
    frame["hours"] = (frame["weekly_hours"] * frame["carers"]).fillna(0.0)
    return frame[list(PACKAGE_COLUMNS)]
