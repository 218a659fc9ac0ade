"""Demand: the weekly hours of care each area of the map needs, and where every hour went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from .area_hours import read_area_hours
from .brief import Brief
from .errors import InputError, LottingError, Problem, Problems, some
from .locating import GSS_CODE, SNAP_M, locate, unknown_codes_hint
from .packages import Packages, read_packages
from .postcodes import PostcodeLookup, read_postcodes
from .reconciliation import (
    ALL_SERVICES,
    DUPLICATE,
    ENDED,
    NO_HOURS,
    NO_SERVICE,
    NOT_BEGUN,
    PLACED,
    READ,
    UNKNOWN_AREA,
    Reconciliation,
    reconcile,
)
from .services import assign_services, unmet_rules

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Demand", "DemandRead", "read_demand"]

NO_SERVICE_NAME = "no service"
"""Under this name the reconciliation lists packages that no ``[[service]]`` rule takes."""

_COUNTS = ["weekly_hours", "people", "packages"]
_LINE = ["area_code", "payer", "pathway"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """Weekly hours of one service line, by area. Holds sums only, no person's row.

    Attributes
    ----------
    service
        Name of the service line; ``all`` when the brief names none.
    frame
        Index ``area_code`` (str): every area of the map, in the map's order. Columns
        ``weekly_hours`` (float, both carers of a double-handed package, 0 where there is no
        care), ``people`` (int), ``packages`` (int). A person with several packages counts once,
        in the area where most of their hours are given.
    detail
        Columns ``area_code``, ``payer``, ``pathway`` (str, ``""`` where not given),
        ``weekly_hours``, ``people``, ``packages``; one row a combination that occurs, sorted. Its
        hours and packages add up to those of ``frame``. A person counts once for each payer, so
        its people can add up to more.
    people_known, packages_known
        False where the input does not say; the column is then 0 throughout.

    Raises
    ------
    LottingError
        On making one: hours that are missing or negative, or detail that does not add up to the
        frame. This is a fault of the program, not of the input.
    """

    service: str
    frame: pd.DataFrame
    detail: pd.DataFrame
    people_known: bool = True
    packages_known: bool = True

    def __post_init__(self) -> None:
        hours = self.frame["weekly_hours"]
        if not self.frame.index.is_unique or hours.isna().any() or (hours < 0).any():
            raise LottingError(f"Demand of {self.service}: hours are missing, negative or double.")
        by_area = self.detail.groupby("area_code")["weekly_hours"].sum()
        if (hours - by_area.reindex(hours.index, fill_value=0.0)).abs().max() > 1e-6:
            raise LottingError(f"Demand of {self.service}: the detail does not add up.")

    @property
    def total_hours(self) -> float:
        """Weekly hours of all areas."""
        return float(self.frame["weekly_hours"].sum())

    def placed(self) -> dict[str, float]:
        """Return hours, packages and people of all areas."""
        return {"hours": self.total_hours, "packages": int(self.frame["packages"].sum()),
                "people": int(self.frame["people"].sum())}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandRead:
    """What :func:`read_demand` makes of a brief's demand.

    Attributes
    ----------
    demands
        One for each service line, in the brief's order.
    reconciliation
        Where every hour, package and person went; checked.
    warnings
        What the user should know of; nothing in them names a person.
    """

    demands: list[Demand]
    reconciliation: Reconciliation
    warnings: list[Problem]


def read_demand(brief: Brief, areas: gpd.GeoDataFrame) -> DemandRead:
    """Read the demand of a brief and place it on the map.

    Parameters
    ----------
    brief
        Paths absolute. ``[demand]`` names packages of care, or ready-made hours per area.
    areas
        Index ``area_code`` (str, unique), geometry in EPSG:27700.

    Returns
    -------
    DemandRead
        Hours read = hours placed + hours listed by reason, to 1e-6; the same in packages and in
        people.

    Raises
    ------
    InputError
        Anything wrong with the files (see :func:`lotting.packages.read_packages`,
        :func:`lotting.area_hours.read_area_hours`, :func:`lotting.postcodes.read_postcodes`);
        packages that have a postcode only, and no postcode directory; or no hour placed at all.

    Notes
    -----
    A package counts on the ``as_of`` day when ``start <= as_of <= end``; a blank start has begun,
    a blank end runs on. Reasons are tried in the order of
    :data:`lotting.reconciliation.REASONS`.
    """
    if brief.demand.hours is not None:
        return _from_hours(brief, areas)
    return _from_packages(brief, areas)


def _from_packages(brief: Brief, areas: gpd.GeoDataFrame) -> DemandRead:
    assert brief.demand.packages is not None
    file = brief.demand.packages.name
    packages = read_packages(brief.demand, area_codes=areas.index)
    notes = Problems(list(packages.warnings))
    rows = packages.frame
    rows["service"] = assign_services(rows, brief.service)
    rows["reason"] = before_the_place(rows, pd.Timestamp(str(brief.demand.as_of)))
    asked = rows["reason"] == ""
    place = locate(rows[asked], areas, _directory(brief, rows[asked], areas, notes))
    rows.loc[asked, "reason"] = place["reason"]
    rows["area_code_given"] = rows["area_code"]
    rows["area_code"] = place["area_code"].reindex(rows.index, fill_value="")
    _note_places(rows, place, areas, notes, file=file)
    notes.items += unmet_rules(rows, brief.service, file=file)
    placed = rows[rows["reason"] == PLACED]
    demands = [
        _demand(name, placed[placed["service"] == name], areas.index, packages)
        for name, _ in brief.services()
    ]
    reconciliation = reconcile(
        rows.assign(service=rows["service"].replace("", NO_SERVICE_NAME), packages=1)[
            ["service", "reason", "hours", "packages", "person"]],
        {d.service: d.placed() for d in demands}, people_known=packages.people_known)
    _refuse_nothing(demands, reconciliation, notes, file=file)
    return DemandRead(demands=demands, reconciliation=reconciliation, warnings=notes.warnings)


def before_the_place(rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series[str]:
    """Return why a package needs no place; ``""`` for those that do."""
    reason = pd.Series("", index=rows.index, dtype="str")
    for why, holds in (
        (DUPLICATE, rows["duplicate"]),
        (ENDED, rows["end"] < as_of),
        (NOT_BEGUN, rows["start"] > as_of),
        (NO_HOURS, ~(rows["weekly_hours"] > 0)),
        (NO_SERVICE, rows["service"] == ""),
    ):
        reason = reason.mask((reason == "") & holds, why)
    return reason


def _directory(
    brief: Brief, rows: pd.DataFrame, areas: gpd.GeoDataFrame, notes: Problems
) -> Callable[[set[str]], PostcodeLookup]:
    """Return what looks postcodes up, when it is called; it notes what the user should know."""
    path = brief.demand.postcodes

    def look_up(wanted: set[str]) -> PostcodeLookup:
        if path is None:
            assert brief.demand.packages is not None
            raise InputError(Problem(
                message=f"{rows['postcode'].isin(wanted).sum():,} of {len(rows):,} running "
                        "packages can be placed by their postcode only, and the brief names no "
                        "postcode directory",
                file=brief.demand.packages.name,
                fix="Download the NSPL from geoportal.statistics.gov.uk and give it in [demand]: "
                    'postcodes = "NSPL.zip".'))
        lookup = read_postcodes(path, wanted, area_codes=areas.index)
        if lookup.area_column is not None and not lookup.complete:
            notes.add(
                f"not all areas of the map occur in column {lookup.area_column!r}: another "
                "edition, or an extract; where the code is not on the map the grid reference "
                "decides", file=lookup.file, severity="warning")
        return lookup

    return look_up


def _note_places(
    rows: pd.DataFrame, place: pd.DataFrame, areas: gpd.GeoDataFrame, notes: Problems, *, file: str
) -> None:
    def note(mask: pd.Series[bool], what: str, fix: str = "") -> None:
        if mask.any():
            hours = rows.loc[mask.index[mask], "hours"].sum()
            notes.add(f"{int(mask.sum()):,} of {len(place):,} running packages "
                      f"({hours:,.1f} hours a week) {what}", file=file, fix=fix,
                      severity="warning")

    strange = (rows["area_code_given"].reindex(place.index) != "") & (place["by"] != "area code")
    given = rows.loc[strange.index[strange], "area_code_given"].unique()
    # A column of postcodes named by mistake must not be repeated here.
    codes = [str(code) for code in given if GSS_CODE.fullmatch(str(code))]
    what = "have an area code that is not on the map" + (f" ({some(codes)})" if codes else "")
    hint = unknown_codes_hint(codes, areas.index) if codes else ""
    note(strange & (place["by"] != ""), f"{what}, and are placed otherwise", hint)
    note(place["reason"] == UNKNOWN_AREA, what, hint)
    note(place["terminated"], "are placed by a postcode that is no longer in use",
         "Check them, if they are many: the export may be old.")
    note(place["snapped"], f"lie off the map by up to {SNAP_M:g} m, and are placed in the nearest "
                           "area")
    note(rows["carers"].reindex(place.index) == 2,
         "are double-handed; their hours count for both carers",
         "If weekly_hours already counts both, leave the column of carers out.")


def _demand(
    service: str, rows: pd.DataFrame, areas: pd.Index[str], packages: Packages
) -> Demand:
    lines = rows.groupby(_LINE, as_index=False).agg(
        weekly_hours=("hours", "sum"), packages=("hours", "size"))
    lines["people"] = 0
    people = pd.Series(0, index=areas)
    if packages.people_known and len(rows):
        people = _home(rows, ["person"], ["area_code"])["area_code"].value_counts()
        homes = _home(rows, ["person", "payer"], _LINE).groupby(_LINE).size()
        lines["people"] = homes.reindex(pd.MultiIndex.from_frame(lines[_LINE])).fillna(0).to_numpy()
    return _make(service, lines, people, areas, people_known=packages.people_known)


def _home(rows: pd.DataFrame, key: list[str], within: list[str]) -> pd.DataFrame:
    """Return one row for each ``key``: the one ``within`` which it has the most hours."""
    order = list(dict.fromkeys([*key, *within]))
    hours = rows.groupby(order, as_index=False).agg(hours=("hours", "sum"))
    most_first = hours.sort_values(["hours", *order], ascending=[False, *[True] * len(order)])
    return most_first.drop_duplicates(key)


def _make(
    service: str, lines: pd.DataFrame, people: pd.Series[int], areas: pd.Index[str], *,
    people_known: bool, packages_known: bool = True,
) -> Demand:
    detail = lines[[*_LINE, *_COUNTS]].sort_values(_LINE, ignore_index=True)
    kinds = {"weekly_hours": "float64", "people": "int64", "packages": "int64"}
    frame = detail.groupby("area_code")[["weekly_hours", "packages"]].sum()
    frame = frame.reindex(areas, fill_value=0).rename_axis("area_code")
    frame["people"] = people.reindex(areas, fill_value=0)
    return Demand(
        service=service, frame=frame[_COUNTS].astype(kinds),
        detail=detail.astype({**dict.fromkeys(_LINE, "str"), **kinds}),
        people_known=people_known, packages_known=packages_known)


def _from_hours(brief: Brief, areas: gpd.GeoDataFrame) -> DemandRead:
    assert brief.demand.hours is not None
    read = read_area_hours(brief.demand, areas.index, brief.service)
    notes = Problems(list(read.warnings))
    demands = []
    for name, _ in brief.services():
        rows = read.frame[read.frame["service"] == name]
        lines = rows.groupby(_LINE, as_index=False)[_COUNTS].sum()
        demands.append(_make(
            name, lines, rows.groupby("area_code")["people"].sum(), areas.index,
            people_known=read.people_known, packages_known=read.packages_known))
    rows = read.frame
    blocks = [
        {"service": d.service, "reason": reason, **counts}
        for d in demands
        for reason, counts in (
            (READ, _sums(rows[rows["service"] == d.service])), (PLACED, d.placed()))
    ]
    if len(demands) > 1:
        whole = [d.placed() for d in demands]
        blocks += [
            {"service": ALL_SERVICES, "reason": READ, **_sums(rows)},
            {"service": ALL_SERVICES, "reason": PLACED,
             **{c: sum(w[c] for w in whole) for c in whole[0]}},
        ]
    reconciliation = Reconciliation(
        pd.DataFrame(blocks), people_known=read.people_known, packages_known=read.packages_known)
    reconciliation.check()
    _refuse_nothing(demands, reconciliation, notes, file=brief.demand.hours.name)
    return DemandRead(demands=demands, reconciliation=reconciliation, warnings=notes.warnings)


def _sums(rows: pd.DataFrame) -> dict[str, float]:
    return {"hours": float(rows["weekly_hours"].sum()), "packages": int(rows["packages"].sum()),
            "people": int(rows["people"].sum())}


def _refuse_nothing(
    demands: list[Demand], reconciliation: Reconciliation, notes: Problems, *, file: str
) -> None:
    """Stop when no hour was placed: a map of noughts helps nobody."""
    if sum(d.total_hours for d in demands) == 0:
        reasons = [
            f"{r['reason'].removeprefix('not placed: ')} {r['packages']:,}"
            for r in reconciliation.to_records()
            if r["service"] == reconciliation.frame["service"].iloc[-1]
            and r["reason"] not in {READ, PLACED} and r["packages"]
        ]
        raise InputError(Problem(
            message="no hours are placed in any area"
                    + (f" (packages by reason: {', '.join(reasons)})" if reasons else ""),
            file=file,
            fix="Check as_of and the columns of the file, and that it is of the same county as "
                "the boundaries."))
    for demand in demands:
        if demand.total_hours == 0:
            notes.add(f"service {demand.service!r} has no hours in any area", file=file,
                      severity="warning", fix="Check its rule in [[service]].")
