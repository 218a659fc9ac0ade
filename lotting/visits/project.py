"""The visits of a project: one entry point, wherever they come from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lotting.demand import before_the_place
from lotting.errors import InputError, Problem, Problems
from lotting.packages import read_packages
from lotting.reconciliation import PLACED
from lotting.services import assign_services

from .frame import busiest_weekday, check_visits, empty_visits, visit_hours, visits_of_day
from .generate import generate_visits, share_double_handed, week_of
from .places import find_places
from .read import read_visits
from .reconcile import VisitSums, sums_of
from .sample import MEAN_PACKAGE_HOURS, NO_DATE, visits_of_area_hours

if TYPE_CHECKING:
    from lotting.project import Project

__all__ = ["Visits", "project_visits"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Visits:
    """The visits of a project: personal data, for use in memory and in private outputs only.

    Attributes
    ----------
    frame
        Visits as in :data:`lotting.visits.frame.COLUMNS`: a whole week, or all weeks of a file.
    day
        The day that is planned: that of the brief, or the weekday with the most hours.
    sums
        What became of every hour; checked. Made-up visits: the hours of the packages or areas.
    not_placed
        Rows (of the file of visits, or of packages) that are in no visit: columns ``reason`` and
        ``hours``, index the spreadsheet row.
    warnings
        What the user should know of.
    assumed
        What was taken for granted, in words; to print beside every result.
    """

    frame: pd.DataFrame
    day: dt.date
    sums: VisitSums
    not_placed: pd.DataFrame
    warnings: tuple[Problem, ...]
    assumed: tuple[str, ...]

    def of_day(self, day: dt.date | None = None) -> pd.DataFrame:
        """Return the visits that begin on a day; on :attr:`day` when left out.

        Raises
        ------
        InputError
            There are none.
        """
        chosen = visits_of_day(self.frame, day or self.day)
        if chosen.empty:
            first, last = min(self.frame["day"]), max(self.frame["day"])
            raise InputError(Problem(
                message="there are no visits on this day", value=str(day or self.day),
                fix=f"The visits are from {first} to {last}."))
        return chosen

    def __repr__(self) -> str:
        return f"Visits({len(self.frame)} visits, personal data not shown)"


def project_visits(project: Project, service: str | None = None) -> Visits:
    """Read the visits of a project, or make them up from its packages or hours.

    Parameters
    ----------
    project
        As :func:`lotting.project.load_project` gives it.
    service
        Only the hours of this service line; all together when left out. Visits from a file are those
        of all services, and it is said so.

    Returns
    -------
    Visits

    Raises
    ------
    InputError
        The file of visits is wrong (:func:`lotting.visits.read.read_visits`); there is no such
        service; no visit is placed, or none is on the day of the brief.

    Notes
    -----
    In this order: ``[visits] file``; the packages of ``[demand]``, one by one; the hours of each
    area, for which packages are drawn by chance. Made-up visits have exactly the hours of the
    demand, those of both carers of a double-handed package counted.
    """
    if service is not None:
        project.demand(service)
    settings = project.brief.visits
    if settings.file is not None:
        read = read_visits(
            settings, project.areas, packages=_places_of_packages(project),
            postcodes=project.brief.demand.postcodes)
        warnings = list(read.warnings)
        if service is not None:
            warnings.append(Problem(
                message="the file of visits is not divided by service: visits of all services count",
                file=settings.file.name, severity="warning"))
        return _visits(project, read.frame, read.sums, read.not_placed, warnings, list(read.assumed))
    if project.brief.demand.packages is not None:
        return _from_packages(project, service)
    return _from_hours(project, service)


def _placed_packages(project: Project) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the packages again and place each at a point."""
    demand = project.brief.demand
    assert demand.packages is not None
    packages = read_packages(demand, area_codes=project.areas.index)
    rows = packages.frame
    rows["service"] = assign_services(rows, project.brief.service)
    rows["reason"] = before_the_place(rows, pd.Timestamp(str(demand.as_of)))
    asked = rows["reason"] == ""
    place = find_places(rows[asked], project.areas, demand.postcodes, file=demand.packages.name,
                        seed=project.brief.visits.seed)
    rows.loc[asked, "reason"] = place["reason"]
    placed = place.reindex(rows.index)
    rows[["area_code", "x_m", "y_m"]] = placed[["area_code", "x_m", "y_m"]]
    rows["drawn"] = placed["drawn"].eq(True)  # noqa: FBT003  NaN where not placed
    return rows, list(packages.warnings)


def _places_of_packages(project: Project) -> pd.DataFrame | None:
    if project.brief.demand.packages is None:
        return None
    rows, _ = _placed_packages(project)
    return rows[rows["reason"] == PLACED]


def _from_packages(project: Project, service: str | None) -> Visits:
    settings, demand = project.brief.visits, project.brief.demand
    assert demand.packages is not None
    rows, warnings = _placed_packages(project)
    notes = Problems(warnings)
    if service is not None:
        rows = rows[rows["service"] == service]
    placed = rows[rows["reason"] == PLACED]
    table = placed[["weekly_hours", "carers", "x_m", "y_m", "area_code"]].set_axis(
        _ids(placed["package_id"]))
    assumed = _assumed(project)
    if (placed["carers"] == 2).any():
        if settings.double_handed_share_pct:
            notes.add("double_handed_share_pct is not used, because the packages say how many carers they "
                      "need", file=demand.packages.name, column="visits.double_handed_share_pct",
                      severity="warning")
    else:
        table = share_double_handed(table, settings.double_handed_share_pct, seed=settings.seed)
        assumed.append(_share_words(settings.double_handed_share_pct))
    drawn = int(placed["drawn"].sum())
    if drawn:
        assumed.append(f"Of {drawn:,} of {len(placed):,} packages only the area is known: they have a point "
                       "drawn within it.")
    frame = generate_visits(table, settings, week_of(settings.day or demand.as_of or NO_DATE))
    # A package is as many visits as came out of it; one that is not placed is none.
    count = frame.groupby("package_id")["carers"].sum()
    visits = pd.Series(0, index=rows.index)
    visits.loc[placed.index] = count.reindex(table.index, fill_value=0).to_numpy()
    sums = sums_of(rows[["reason", "hours"]].assign(visits=visits), _totals(frame))
    lost = rows.loc[rows["reason"] != PLACED, ["reason", "hours"]]
    lost.index = pd.Index(lost.index + 2, name="row")
    return _visits(project, frame, sums, lost, notes.items, assumed)


def _ids(given: pd.Series[str]) -> pd.Index[str]:
    """Return ids of packages, unique: rows without one, or with another's, get one of their own."""
    own = given.where(given != "", "package")
    twice = own.duplicated(keep=False) | (given == "")
    row = pd.Series([f" row {i + 2}" for i in given.index], index=given.index, dtype="str")
    return pd.Index(own.where(~twice, own + row), name="package_id", dtype="str")


def _from_hours(project: Project, service: str | None) -> Visits:
    settings = project.brief.visits
    demands = [d for d in project.demands if service in {None, d.service}]
    hours = sum((d.frame["weekly_hours"] for d in demands[1:]), demands[0].frame["weekly_hours"])
    packages = sum((d.frame["packages"] for d in demands[1:]), demands[0].frame["packages"])
    frame = visits_of_area_hours(
        hours, project.areas, settings, packages=packages, week=week_of(settings.day or NO_DATE))
    assumed = _assumed(project)
    if (packages == 0).any():
        assumed.append(f"Packages are drawn by chance, of {MEAN_PACKAGE_HOURS:g} hours a week on average "
                       "where their number is not known; they have each area's hours together, and places "
                       "about its point.")
    assumed.append(_share_words(settings.double_handed_share_pct))
    if settings.day is None:
        assumed.append(f"Nothing dates the visits: they are in the week of Monday {NO_DATE:%d %B %Y}.")
    totals = _totals(frame)
    rows = pd.DataFrame({"reason": [PLACED], "hours": [float(hours.sum())], "visits": [totals["visits"]]})
    lost = pd.DataFrame({"reason": pd.Series(dtype="str"), "hours": pd.Series(dtype="float64")})
    return _visits(project, frame, sums_of(rows, totals), lost.rename_axis("row"), [], assumed)


def _totals(frame: pd.DataFrame) -> dict[str, float]:
    return {"hours": visit_hours(frame), "visits": int(frame["carers"].sum())}


def _assumed(project: Project) -> list[str]:
    settings = project.brief.visits
    total = sum(settings.mix.values())
    mix = ", ".join(f"{m} min {100 * share / total:.0f} %" for m, share in settings.mix.items())
    return [
        f"Visits are made up from the hours of care: {mix} of the short visits; long blocks above 4 h a day.",
        f"A visit may start within {settings.window_minutes:g} minutes.",
    ]


def _share_words(share_pct: float) -> str:
    if share_pct:
        return f"{share_pct:g} % of the hours are double-handed."
    return "No visit is double-handed: set double_handed_share_pct in [visits] if some are."


def _visits(
    project: Project, frame: pd.DataFrame, sums: VisitSums, lost: pd.DataFrame,
    warnings: list[Problem], assumed: list[str],
) -> Visits:
    settings = project.brief.visits
    file = (settings.file or project.brief.demand.packages or project.brief.demand.hours or project.path).name
    if frame.empty:
        raise InputError(Problem(
            message="no visit is placed in any area", file=file,
            fix="Check the columns, the dates and the places of the file."))
    check_visits(frame)
    day = settings.day or busiest_weekday(frame)
    if settings.day is not None and frame["day"].ne(day).all():
        raise InputError(Problem(
            message="there are no visits on the day that is planned", file=file, value=str(day),
            fix=f"The visits are from {min(frame['day'])} to {max(frame['day'])}: change [visits] day."))
    assert list(frame.columns) == list(empty_visits().columns)
    return Visits(frame=frame, day=day, sums=sums, not_placed=lost, warnings=tuple(warnings),
                  assumed=tuple(assumed))
