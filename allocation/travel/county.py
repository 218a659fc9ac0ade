"""A day of a plan: the visits of every lot, the shifts there are for them, and travel times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocation.rounds.workers import read_workers
from lotting.errors import InputError, Problem, Problems, some
from lotting.plan import Plan, natural
from lotting.project import Project, read_plan
from lotting.tables import read_table
from lotting.travel import TravelMatrix, TravelTimes, travel_times
from lotting.travel.times import Mode
from lotting.visits.frame import visit_hours
from lotting.visits.project import Visits, project_visits

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["CountyDay", "TownAndCountry", "county_day", "lots_of_workers", "service_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CountyDay:
    """What the rounds of a day are planned from: personal data.

    Attributes
    ----------
    project
        The brief and its files.
    service
        Service line whose plan it is; None when the brief has one.
    plan
        Lot of every area.
    visits
        The visits of the week.
    day
        The day's visits, in the columns of :mod:`lotting.visits.frame`.
    travel
        Minutes and km, town and country told apart where the map tells them apart.
    """

    project: Project
    service: str | None
    plan: Plan
    visits: Visits
    day: pd.DataFrame
    travel: TravelTimes

    @property
    def date(self) -> dt.date:
        """The day that is planned."""
        return self.visits.day

    def by_lot(self, plan: Plan | None = None) -> dict[str, pd.DataFrame]:
        """Return the day's visits of each lot, in natural order; lots without visits too."""
        plan = plan or self.plan
        lots = self.day["area_code"].map(plan.lots)
        return {lot: self.day[(lots == lot).to_numpy()] for lot in plan.lot_names}

    def off_the_map(self) -> pd.DataFrame:
        """Return the day's visits that are in no lot."""
        return self.day[~self.day["area_code"].isin(self.plan.lots.index)]

    def week(self, plan: Plan | None = None) -> pd.DataFrame:
        """Add up a week by lot.

        Returns
        -------
        pandas.DataFrame
            Index ``lot``; ``visits`` (of each care worker), ``contact_hours`` and ``packages``, a
            mean week where the visits are of several.
        """
        plan = plan or self.plan
        frame = self.visits.frame
        weeks = max(1.0, len({day.isocalendar()[:2] for day in frame["day"].unique()}))
        lots = frame["area_code"].map(plan.lots)
        table = pd.DataFrame({
            "visits": frame["carers"].groupby(lots).sum() / weeks,
            "contact_hours": frame.groupby(lots)[["duration_minutes", "carers"]].apply(visit_hours) / weeks,
            "packages": frame["package_id"].groupby(lots).nunique(),
        }).reindex(pd.Index(plan.lot_names, name="lot"), fill_value=0)
        return table.astype({"visits": float, "contact_hours": float, "packages": int})

    def __repr__(self) -> str:
        return f"CountyDay({self.date}, {len(self.day)} visits, personal data not shown)"


@dataclass(frozen=True, slots=True)
class TownAndCountry:
    """Travel times that know which places are rural: those whose nearest area is.

    Parameters
    ----------
    engine
        Minutes and km.
    xy, rural
        (A, 2) points of the areas, EPSG:27700, and (A,) whether each is rural.
    """

    engine: TravelTimes
    xy: npt.NDArray[np.float64]
    rural: npt.NDArray[np.bool_]

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Find minutes and km; see :meth:`lotting.travel.TravelTimes.matrix`."""
        end = None if destinations is None else self._told(destinations)
        return self.engine.matrix(self._told(origins), end, mode=mode)

    def settings(self) -> dict[str, Any]:
        """Return the engine's settings."""
        return self.engine.settings()

    def _told(self, places: pd.DataFrame) -> pd.DataFrame:
        from scipy.spatial import KDTree

        if "rural" in places.columns or places.empty or places[["x_m", "y_m"]].isna().any(axis=None):
            return places
        _, nearest = KDTree(self.xy).query(places[["x_m", "y_m"]].to_numpy(float))
        return places.assign(rural=self.rural[nearest])


def county_day(
    project: Project,
    plan_file: Path,
    *,
    service: str | None = None,
    day: dt.date | None = None,
    cache: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> CountyDay:
    """Read a plan and gather the visits of its day.

    Parameters
    ----------
    project
        As :func:`lotting.project.load_project` gives it.
    plan_file
        ``area_code,lot``.
    service
        Service line; see :func:`service_of`.
    day
        The day to plan, instead of the brief's; made-up visits are then of its week.
    cache
        Folder in which travel times are kept; none when left out.
    tell
        Told what is being done.

    Raises
    ------
    InputError
        The plan is of another map, there is no such service, there are no visits on the day, or
        the roads cannot be read; what can be checked at once is told at once.
    """
    say = tell or (lambda _: None)
    problems = Problems()
    plan = name = None
    try:
        name = service_of(project, plan_file, service)
    except InputError as error:
        problems.items += error.problems
    try:
        plan = read_plan(plan_file, project)
    except InputError as error:
        problems.items += error.problems
    problems.raise_if_any()
    assert plan is not None
    if day is not None:
        asked = project.brief.visits.model_copy(update={"day": day})
        project = replace(project, brief=project.brief.model_copy(update={"visits": asked}))
    say("Gathering the visits")
    visits = project_visits(project, name)
    say("Reading the travel times")
    engine = travel_times(project.brief.travel, cache=cache)
    return CountyDay(
        project=project, service=name, plan=plan, visits=visits, day=visits.of_day(),
        travel=_with_rural(engine, project.areas),
    )  # fmt: skip


def service_of(project: Project, plan_file: Path, service: str | None) -> str | None:
    """Return the service of a plan: the one named, or the one whose folder the plan is in.

    Raises
    ------
    InputError
        There is no such service, or there are several and nothing says which.
    """
    names = [d.service for d in project.demands]
    if service is None and len(names) > 1:
        service = next((n for n in names if n in plan_file.resolve().parts), None)
    project.demand(service)
    return service


def _with_rural(engine: TravelTimes, areas: gpd.GeoDataFrame) -> TravelTimes:
    if not areas.attrs.get("rural_known", False):
        return engine
    return TownAndCountry(
        engine, areas[["x_m", "y_m"]].to_numpy(float), areas["rural"].to_numpy(bool)
    )


def lots_of_workers(
    file: Path, lots: list[str], postcodes: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Read shifts and say which lot each is for.

    Parameters
    ----------
    file
        As :func:`allocation.rounds.read_workers` reads it; a column ``lot`` where there are several.
    lots
        The lots that are planned.
    postcodes
        Where workers' postcodes are.

    Returns
    -------
    dict
        Shifts by lot; every lot is in it, some with no shift.

    Raises
    ------
    InputError
        The table is wrong, or does not say which lot the workers are for.
    """
    shifts = read_workers(file, postcodes)
    table = read_table(file)
    column = next((c for c in table.columns if str(c).casefold().strip() == "lot"), None)
    if column is None:
        if len(lots) == 1:
            return {lots[0]: shifts}
        raise InputError(
            Problem(
                message=f"nothing says which of the {len(lots)} lots a worker is for", file=file.name,
                column="lot", fix="Add a column lot, or plan one lot with --lot.",
            )
        )
    given = table[column].to_numpy()
    unknown = sorted({str(g) for g in given} - set(lots), key=natural)
    if unknown and len(lots) > 1:
        raise InputError(
            Problem(
                message=f"{len(unknown)} lots are none of the plan's: {some(unknown)}", file=file.name,
                column=str(column), fix=f"The lots are {some(lots, 30)}.",
            )
        )
    return {lot: shifts[given == lot] for lot in lots}
