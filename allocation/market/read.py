"""Packages as the market sees them: who gives the care, where, for whom, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lotting.demand import before_the_place
from lotting.errors import InputError, LottingError, Problem, Problems
from lotting.locating import locate
from lotting.packages import read_packages
from lotting.postcodes import PostcodeLookup, read_postcodes
from lotting.reconciliation import DUPLICATE, NO_HOURS
from lotting.services import assign_services
from lotting.tables import fold, nearest, read_table, to_number

if TYPE_CHECKING:
    from lotting.brief import DemandBrief
    from lotting.project import Project

__all__ = [
    "NOT_ON_MAP", "NO_PAYER", "NO_PROVIDER", "NO_TEAM", "WHOLE_MAP", "MarketPackages", "account",
    "join_spellings", "read_market_packages",
]  # fmt: skip

#: Provider of a package that has none.
NO_PROVIDER = ""
#: Locality of a package whose place is not known or outside the map.
NOT_ON_MAP = "not on the map"
#: Locality where the map has none.
WHOLE_MAP = "whole map"
NO_PAYER, NO_TEAM = "no payer given", "no team given"

#: Words that stand in a column of providers where there is no provider yet; folded.
_NOBODY = frozenset({
    "noprovider", "unallocated", "notallocated", "unplaced", "notplaced", "waitinglist", "awaiting",
    "awaitingprovider", "awaitingplacement", "pending", "vacant", "unassigned", "notassigned",
    "tobeconfirmed", "tobeallocated",
})  # fmt: skip
#: Columns only the market asks for, by their usual names, folded; the likeliest first.
EXTRA: Mapping[str, tuple[str, ...]] = {
    "team": (
        "team", "teamname", "brokerageteam", "purchasingteam", "commissioningteam", "localityteam",
        "assessmentteam", "responsibleteam", "allocatedteam",
    ),
    "weekly_cost_gbp": (
        "weeklycostgbp", "weeklycost", "costperweek", "costaweek", "weeklyprice", "weeklyspend",
    ),
    "hourly_rate_gbp": (
        "hourlyrategbp", "hourlyrate", "hourlypricegbp", "hourlyprice", "rateperhour",
        "priceperhour", "costperhour", "unitcost", "unitprice",
    ),
}  # fmt: skip
MAX_RATE_GBP = 500.0
"""Price of an hour above which a figure is a mistake (a week's cost in a column of rates)."""
MAX_WEEKLY_COST_GBP = 336 * MAX_RATE_GBP
"""Both carers of a double-handed package day and night, at :data:`MAX_RATE_GBP`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MarketPackages:
    """Packages with their providers: personal data, for use in memory only.

    Attributes
    ----------
    frame
        One row a row of the file, index as :func:`lotting.tables.read_table` gives it. Columns
        ``provider_id`` (str, :data:`NO_PROVIDER` where there is none), ``area_code`` (str, ``""``
        where not placed), ``locality`` (:data:`NOT_ON_MAP` where not placed), ``payer``, ``team``,
        ``hours`` (float, weekly, both carers of a double-handed package), ``weekly_cost_gbp`` (float,
        NaN where not known), ``start``, ``end`` (datetime64, NaT where not given), ``person`` (str)
        and ``reason`` (str: ``""`` where the package runs on :attr:`as_of` and counts, else why not).
    as_of
        The day on which packages count.
    teams_known, costs_known
        Whether the file says.
    warnings
        What the user should know of.
    """

    frame: pd.DataFrame
    as_of: pd.Timestamp
    teams_known: bool
    costs_known: bool
    warnings: tuple[Problem, ...] = ()

    @property
    def counted(self) -> pd.DataFrame:
        """The packages that run on the day, with and without a provider."""
        return self.frame[self.frame["reason"] == ""]

    def __repr__(self) -> str:
        return f"MarketPackages({len(self.frame)} rows, personal data not shown)"


def read_market_packages(
    project: Project, *, service: str | None = None, team_column: str | None = None
) -> MarketPackages:
    """Read the packages of a project as the market sees them.

    Parameters
    ----------
    project
        As :func:`lotting.project.load_project` gives it.
    service
        Only the packages of this service line; all when left out, also those no rule takes.
    team_column
        Column of the team that bought the package; found by its usual names when left out.

    Returns
    -------
    MarketPackages
        A package that cannot be placed on the map still counts for its provider. Spellings of one
        provider that differ in capitals and spaces only are joined.

    Raises
    ------
    InputError
        The brief names hours and no packages; no package names a provider; there is no such service
        or column; a rate or a cost is no number, negative or too high; or the file of packages is
        wrong (:func:`lotting.packages.read_packages`).
    """
    demand = project.brief.demand
    if demand.packages is None:
        raise InputError(Problem(
            message="the market is read from packages, and the brief names hours of areas only",
            file=project.path.name, column="demand.packages",
            fix="Give an export of packages with a column of providers.",
        ))  # fmt: skip
    if service is not None:
        project.demand(service)
    read = read_packages(demand, area_codes=project.areas.index)
    rows, problems = read.frame, Problems()
    _require_providers(rows, demand, problems)
    extra = _read_extra(demand, team_column, problems)
    problems.raise_if_any()
    rows = rows.join(extra)
    if service is not None:
        rows = rows[assign_services(rows, project.brief.service) == service]
    as_of = pd.Timestamp(str(demand.as_of))
    reason = before_the_place(rows.assign(service="all"), as_of)
    area = _areas_of(rows, reason, project)
    localities = project.areas["locality"].astype("str")
    if not (localities != "").any():
        localities = localities.mask(localities == "", WHOLE_MAP)
    provider, joined = join_spellings(rows["provider_id"])
    if joined:
        problems.add(
            f"{joined:,} provider{'s are' if joined > 1 else ' is'} spelt in several ways that differ in "
            "capitals or spaces only, and counted as one", file=demand.packages.name, severity="warning",
        )  # fmt: skip
    if "weekly_cost_gbp" in extra:
        cost = rows["weekly_cost_gbp"]
    else:
        cost = pd.Series(float("nan"), index=rows.index)
    if "hourly_rate_gbp" in extra:
        cost = cost.fillna(rows["hourly_rate_gbp"] * rows["hours"])
    frame = pd.DataFrame({
        "provider_id": provider, "area_code": area,
        "locality": area.map(localities).fillna(NOT_ON_MAP).replace("", NOT_ON_MAP),
        "payer": rows["payer"].replace("", NO_PAYER),
        "team": rows["team"].replace("", NO_TEAM) if "team" in extra else NO_TEAM,
        "hours": rows["hours"], "weekly_cost_gbp": cost, "start": rows["start"], "end": rows["end"],
        "person": rows["person"], "reason": reason.str.removeprefix("not placed: "),
    })  # fmt: skip
    if not (frame["reason"] == "").any():
        raise InputError(Problem(
            message=f"no package runs on {demand.as_of}" + (f" in service {service!r}" if service else ""),
            file=demand.packages.name, fix="Check as_of in [demand], and the dates of the file.",
        ))  # fmt: skip
    return MarketPackages(
        frame=frame, as_of=as_of, teams_known="team" in extra,
        costs_known=bool(cost[frame["reason"] == ""].notna().any()), warnings=tuple(problems.warnings),
    )  # fmt: skip


def account(packages: MarketPackages) -> pd.DataFrame:
    """Say where every hour of the file went.

    Returns
    -------
    pandas.DataFrame
        Index ``what`` (``with a provider``, ``with no provider``, then the reasons for which rows do
        not count), columns ``packages`` (int) and ``hours`` (float, weekly).

    Raises
    ------
    LottingError
        It does not add up. This is a fault of the program, not of the input.
    """
    frame = packages.frame
    named = frame["provider_id"] != NO_PROVIDER
    what = frame["reason"].where(frame["reason"] != "", named.map({
        True: "with a provider", False: "with no provider"}))  # fmt: skip
    table: pd.DataFrame = frame.groupby(what).agg(packages=("hours", "size"), hours=("hours", "sum"))
    first = ["with a provider", "with no provider"]
    rest = sorted(set(table.index) - set(first))
    table = table.reindex(pd.Index([*first, *rest], name="what"), fill_value=0)
    if table["packages"].sum() != len(frame) or abs(table["hours"].sum() - frame["hours"].sum()) > 1e-6:
        raise LottingError("Market: the hours read are not the hours accounted for.")
    return table


def join_spellings(names: pd.Series[str]) -> tuple[pd.Series[str], int]:
    """Write each provider in one way, and nobody as :data:`NO_PROVIDER`.

    Returns
    -------
    names, joined
        On the same index; and how many providers were spelt in several ways. The commonest spelling
        is taken; of several, the first in the alphabet.

    Examples
    --------
    >>> names, joined = join_spellings(pd.Series(["Acme", "ACME ", "Acme", "Unallocated", ""]))
    >>> names.to_list(), joined
    (['Acme', 'Acme', 'Acme', '', ''], 1)
    """
    known: dict[str, dict[str, int]] = {}
    for name, count in names.value_counts().items():
        key = " ".join(str(name).split()).casefold()
        known.setdefault(key, {})[str(name)] = int(count)
    chosen: dict[str, str] = {}
    joined = 0
    for key, spellings in known.items():
        nobody = not key or fold(key) in _NOBODY
        best = NO_PROVIDER if nobody else min(spellings, key=lambda s: (-spellings[s], s)).strip()
        joined += not nobody and len(spellings) > 1
        chosen |= dict.fromkeys(spellings, best)
    return names.map(chosen).astype("str"), joined


def _require_providers(rows: pd.DataFrame, demand: DemandBrief, problems: Problems) -> None:
    assert demand.packages is not None
    if (rows["provider_id"] == "").all():
        problems.add(
            "no package names its provider", file=demand.packages.name, column="provider_id",
            fix='Add a column of providers, or name it in [demand.columns]: provider_id = "...".',
        )  # fmt: skip


def _read_extra(demand: DemandBrief, team_column: str | None, problems: Problems) -> pd.DataFrame:
    """Read team, rate and cost, as far as there are such columns."""
    assert demand.packages is not None
    seen: list[str] = []
    aliases = {alias for names in EXTRA.values() for alias in names}

    def wanted(name: str) -> bool:
        seen.append(name)
        return name == team_column or fold(name) in aliases

    table = read_table(demand.packages, sheet=demand.sheet, usecols=wanted)
    file = demand.packages.name
    columns = {
        field: found[0]
        for field, names in EXTRA.items()
        if (found := [c for alias in names for c in table.columns if fold(c) == alias])
    }
    if team_column is not None:
        columns["team"] = team_column
        if team_column not in table.columns:
            problems.add("there is no such column of teams", file=file, column=team_column,
                         fix=nearest(team_column, seen))
            return table.drop(columns=list(table.columns))
    extra = pd.DataFrame(index=table.index)
    for field, column in columns.items():
        if field == "team":
            extra[field] = table[column]
            continue
        limit = MAX_RATE_GBP if field == "hourly_rate_gbp" else MAX_WEEKLY_COST_GBP
        extra[field] = to_number(
            table[column], problems, file=file, minimum=0, maximum=limit, required=False, unit="pounds")
    return extra


def _areas_of(rows: pd.DataFrame, reason: pd.Series[str], project: Project) -> pd.Series[str]:
    """Return the area of every package that runs or ran; ``""`` where it is not known."""
    asked = rows[~reason.isin([DUPLICATE, NO_HOURS])]
    directory: Path | None = project.brief.demand.postcodes

    def look_up(wanted: set[str]) -> PostcodeLookup:
        if directory is None:
            # Of packages that run, reading the project has refused these already.
            nothing = pd.DataFrame(
                {"x_m": float("nan"), "y_m": float("nan"), "terminated": False, "area_code": ""},
                index=pd.Index([], dtype="str"),
            )
            return PostcodeLookup(frame=nothing, file="", rows_read=0, area_column=None, complete=False)
        return read_postcodes(directory, wanted, area_codes=project.areas.index)

    found: pd.Series[str] = locate(asked, project.areas, look_up)["area_code"]
    return found.reindex(rows.index, fill_value="").astype("str")
