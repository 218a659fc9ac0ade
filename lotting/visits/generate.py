"""Visits made up from packages of care, hour for hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lotting.brief import VisitsBrief

from .frame import COLUMNS, empty_visits
from .pattern import Slot, cut_week, fitted_mix

__all__ = ["SOURCES", "generate_visits", "share_double_handed", "week_of"]

SOURCES = {
    "mix, 30 minutes": (
        "65 % of state-funded visits, UK 2019: https://thecareruk.com/report-calls-for-longer-visits-"
        "to-increase-standards-in-home-care-sector/ (Access, Hidden Dynamics 2019)"
    ),
    "mix, other lengths": "recalled, no source found: 5 % of 15, 20 % of 45 and 10 % of 60 minutes",
    "peaks, times of day": "ours, no source found",
    "window": "ours: half an hour each side; councils' own contracts say what is allowed",
    "double-handed": "none where packages do not say; no national figure was found",
}
"""Where the defaults of :class:`lotting.brief.VisitsBrief` come from."""

WEEK_MINUTES = 7 * 24 * 60.0


def week_of(day: dt.date) -> list[dt.date]:
    """Return the days from Monday to Sunday of the week that holds a day.

    Examples
    --------
    >>> [d.isoformat() for d in week_of(dt.date(2026, 4, 1))][::6]
    ['2026-03-30', '2026-04-05']
    """
    monday = day - dt.timedelta(days=day.weekday())
    return [monday + dt.timedelta(days=i) for i in range(7)]


@dataclass(frozen=True, slots=True)
class _Visit:
    day: int  # of the week
    slot: Slot
    minutes: float

    @property
    def start(self) -> float:
        """Minutes after the week began."""
        return self.day * 1440.0 + self.slot.start


def generate_visits(packages: pd.DataFrame, settings: VisitsBrief, week: list[dt.date]) -> pd.DataFrame:
    """Make up the visits of a week.

    Parameters
    ----------
    packages
        Index ``package_id`` (str, unique). Columns ``weekly_hours`` (float, of one carer, above 0),
        ``carers`` (1 or 2), ``x_m``, ``y_m`` (float, EPSG:27700), ``area_code`` (str).
    settings
        The ``[visits]`` table: ``mix``, ``peaks``, ``window_minutes``, ``seed``.
    week
        Seven days, Monday first.

    Returns
    -------
    pandas.DataFrame
        Visits as in :data:`lotting.visits.frame.COLUMNS`, index ``visit_id``
        (``<package_id>-<day 1 to 7><a, b, ...>``), by package in the order given, then by time. For
        every package the minutes of its visits times carers are its hours: nothing is rounded away.

    Notes
    -----
    The rule is that of :func:`lotting.visits.pattern.cut_week`: a visit keeps its time and, but for
    remainders, its length on all days. The mix is that of all short visits together, as near as the
    hours allow (:func:`lotting.visits.pattern.fitted_mix`). A package draws from its own random
    stream (``seed`` and its place in the table), so that another window does not change lengths and
    times. A package of more than 168 hours a week of one carer is several at once.

    The window lies evenly about the wanted start. Where two visits to the same package could then
    overlap, both windows are cut to the gap between them: round-the-clock care has fixed hand-overs.

    Examples
    --------
    >>> packages = pd.DataFrame(
    ...     {"weekly_hours": 7.0, "carers": 2, "x_m": 0.0, "y_m": 0.0, "area_code": "A"}, index=["p"])
    >>> visits = generate_visits(packages, VisitsBrief(), week_of(dt.date(2026, 4, 1)))
    >>> float((visits["duration_minutes"] * visits["carers"]).sum()) / 60
    14.0
    """
    rows: list[tuple[Any, ...]] = []
    ids: list[str] = []
    minutes = (packages["weekly_hours"] * 60).tolist()
    mix = fitted_mix(minutes, settings.mix, seed=settings.seed)
    settings = settings.model_copy(update={"mix": mix})
    for number, package in enumerate(packages.itertuples()):
        rng = np.random.default_rng([settings.seed, number])
        for name, visit, earlier, later in _visits_of_package(minutes[number], settings, rng):
            ids.append(f"{package.Index}-{name}")
            rows.append((
                str(package.Index), week[visit.day], visit.slot.start - earlier,
                visit.slot.start + later, visit.minutes, package.carers, package.x_m, package.y_m,
                package.area_code, visit.slot.band, visit.slot.start))
    if not rows:
        return empty_visits()
    table = pd.DataFrame(rows, columns=list(COLUMNS), index=pd.Index(ids, name="visit_id", dtype="str"))
    return table.astype(empty_visits().dtypes.to_dict())


def _visits_of_package(
    minutes: float, settings: VisitsBrief, rng: np.random.Generator
) -> Iterator[tuple[str, _Visit, float, float]]:
    """Yield name, visit, and how far its start may go back and forward, minutes."""
    letters: dict[int, int] = {}
    lanes = max(1, int(np.ceil(minutes / WEEK_MINUTES - 1e-12)))
    for lane in range(lanes):
        # The last lane takes what division leaves, so that the sum is exact.
        part = minutes / lanes if lane < lanes - 1 else minutes - minutes / lanes * (lanes - 1)
        slots = cut_week(part, settings.mix, settings.peaks, rng)
        visits = [_Visit(day, slot, length)
                  for slot in slots for day, length in slot.minutes.items() if length > 0]
        visits.sort(key=lambda visit: visit.start)
        for visit, (earlier, later) in zip(visits, _play(visits, settings.window_minutes / 2), strict=True):
            letters[visit.day] = letters.get(visit.day, -1) + 1
            yield f"{visit.day + 1}{_letter(letters[visit.day])}", visit, earlier, later


def _letter(number: int) -> str:
    more, rest = divmod(number, 26)
    return (_letter(more - 1) if more else "") + chr(ord("a") + rest)


def _play(visits: list[_Visit], half: float) -> list[tuple[float, float]]:
    """Return how far each start may go back and forward, so that no two visits can overlap."""
    gaps = []
    for i, visit in enumerate(visits):
        after = visits[(i + 1) % len(visits)]
        begins = after.start + (WEEK_MINUTES if i + 1 == len(visits) else 0.0)
        gaps.append(max(0.0, begins - visit.start - visit.minutes) / 2)
    return [
        (min(half, gaps[i - 1], visit.slot.start), min(half, gaps[i])) for i, visit in enumerate(visits)
    ]


def share_double_handed(packages: pd.DataFrame, share_pct: float, *, seed: int = 1) -> pd.DataFrame:
    """Make some packages double-handed, until they hold a share of the hours.

    Parameters
    ----------
    packages
        Columns ``weekly_hours`` (of all carers together) and ``carers`` (1 throughout).
    share_pct
        Share of all hours that two carers give together.
    seed
        Which packages are asked first.

    Returns
    -------
    pandas.DataFrame
        A copy: chosen packages have ``carers`` 2 and half the ``weekly_hours``, so that hours times
        carers are as before. In the order drawn, a package is taken where that brings the hours
        nearer to the share.

    Examples
    --------
    >>> packages = pd.DataFrame({"weekly_hours": [10.0] * 4, "carers": 1})
    >>> shared = share_double_handed(packages, 25)
    >>> sorted(shared["weekly_hours"]), int((shared["carers"] == 2).sum())
    ([5.0, 10.0, 10.0, 10.0], 1)
    """
    result = packages.copy()
    hours = packages["weekly_hours"].to_numpy(dtype="float64")
    wanted = hours.sum() * share_pct / 100
    chosen = []
    for i in np.random.default_rng([seed, 1]).permutation(len(hours)):
        if wanted > 0 and hours[i] <= 2 * wanted:
            chosen.append(int(i))
            wanted -= hours[i]
    at = packages.index[chosen]
    result.loc[at, "carers"] = 2
    result.loc[at, "weekly_hours"] = packages.loc[at, "weekly_hours"] / 2
    return result
