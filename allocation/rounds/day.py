"""Plan a day: visits and shifts as tables, travel times, and rounds out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lotting.errors import InputError, Problem, some
from lotting.travel.times import TravelTimes, check_mode

from .problem import NO_PLACE, RoundsProblem, Weights
from .rounds import Rounds, make_rounds
from .solve import solve
from .workers import made_up_shifts

__all__ = ["DEFAULT_WEIGHTS", "make_problem", "plan_day"]

#: As few shifts as will do, then little travel: an hour's travel saved is worth a shift.
DEFAULT_WEIGHTS = Weights(shift=60.0, unfamiliar=5.0)


def make_problem(
    visits: pd.DataFrame,
    shifts: pd.DataFrame,
    travel: TravelTimes,
    *,
    weights: Weights = DEFAULT_WEIGHTS,
    hard_windows: bool = True,
    known: dict[str, set[str]] | None = None,
    break_after_minutes: float | None = 360.0,
    break_minutes: float = 20.0,
) -> RoundsProblem:
    """Turn tables into a problem.

    Parameters
    ----------
    visits
        One day's, as in :mod:`lotting.visits.frame`; optional columns ``skill`` (str, ``""`` none)
        and ``gap_low``, ``gap_high`` (minutes the second care worker comes after the first).
    shifts
        As in :data:`allocation.rounds.workers.SHIFT_COLUMNS`.
    travel
        Minutes and km between places.
    weights, hard_windows
        What counts; see :class:`allocation.rounds.problem.Weights`.
    known
        Package to the workers who have been there in the last 7 days. A package that is not in it
        knows nobody, and nobody is preferred.
    break_after_minutes, break_minutes
        A break of 20 minutes in a working day of more than 6 hours (Working Time Regulations 1998,
        reg 12), unpaid; None for none.

    Raises
    ------
    InputError
        Visits of more than one day, or without a place; a mode there are no travel times for.
    """
    _check(visits)
    distinct = list(dict.fromkeys(shifts["mode"])) or ["car"]
    ends = shifts.loc[shifts["from"] != "open", ["x_m", "y_m"]]
    coordinates = pd.concat([visits[["x_m", "y_m"]], ends]).astype(float)
    places = coordinates.drop_duplicates().reset_index(drop=True)
    number = {xy: k for k, xy in enumerate(zip(places["x_m"], places["y_m"], strict=True))}
    places.index = places.index.astype(str)
    matrices = [travel.matrix(places, mode=check_mode(mode)) for mode in distinct]
    n = len(places)
    minutes = np.array([m.minutes for m in matrices], float).reshape(len(distinct), n, n)
    km = np.array([m.km for m in matrices], float).reshape(len(distinct), n, n)
    where = [number[xy] for xy in zip(visits["x_m"], visits["y_m"], strict=True)]
    task_visit = np.repeat(np.arange(len(visits)), visits["carers"].to_numpy(int))
    begins = np.array([
        NO_PLACE if kind == "open" else number[x, y]
        for kind, x, y in zip(shifts["from"], shifts["x_m"], shifts["y_m"], strict=True)
    ])  # fmt: skip
    packages = visits["package_id"].to_numpy()[task_visit] if len(visits) else np.array([])
    skill = visits["skill"].fillna("").to_numpy()[task_visit] if "skill" in visits else None
    allowed = np.ones((len(task_visit), len(shifts)), bool)
    strange = np.zeros((len(task_visit), len(shifts)))
    familiar = known or {}
    for w, (worker, skills, barred) in enumerate(
        zip(shifts["worker_id"], shifts["skills"], shifts["not_packages"], strict=True)
    ):
        if barred:
            allowed[:, w] &= ~np.isin(packages, list(barred))
        if skill is not None:
            allowed[:, w] &= np.isin(skill, ["", *skills])
        if familiar:
            strange[:, w] = [p in familiar and worker not in familiar[p] for p in packages]
    rest = break_after_minutes is not None
    people = pd.factorize(shifts["worker_id"])[0]
    return RoundsProblem(
        visit_ids=tuple(visits.index),
        shift_ids=tuple(shifts.index),
        minutes=minutes,
        km=km,
        place=np.array(where, int),
        earliest=visits["earliest"].to_numpy(float),
        latest=visits["latest"].to_numpy(float),
        task_visit=task_visit,
        task_minutes=visits["duration_minutes"].to_numpy(float)[task_visit],
        gap_low=_column(visits, "gap_low"),
        gap_high=_column(visits, "gap_high"),
        allowed=allowed,
        unfamiliar=strange,
        person=people,
        mode=np.array([distinct.index(m) for m in shifts["mode"]], int),
        start_place=begins,
        end_place=begins,
        shift_start=shifts["shift_start"].to_numpy(float),
        shift_end=shifts["shift_end"].to_numpy(float),
        max_minutes=shifts["max_minutes"].to_numpy(float),
        break_after=np.full(len(shifts), break_after_minutes if rest else np.inf),
        break_minutes=np.full(len(shifts), break_minutes if rest else 0.0),
        capacity=shifts["max_contact_minutes"].to_numpy(float),
        hard_windows=hard_windows,
        weights=weights,
    )


def plan_day(
    visits: pd.DataFrame,
    workers: pd.DataFrame | int | None,
    travel: TravelTimes,
    *,
    seed: int = 1,
    effort: float = 1.0,
    time_limit_s: float | None = None,
    stop: Callable[[], bool] | None = None,
    report: Callable[[float], None] | None = None,
    **settings: Any,
) -> Rounds:
    """Plan the rounds of one day.

    Parameters
    ----------
    visits, travel
        See :func:`make_problem`.
    workers
        Shifts, or how many workers to make up, or None for as many as are needed
        (:func:`allocation.rounds.workers.made_up_shifts`).
    seed, effort, time_limit_s, stop, report
        See :func:`allocation.rounds.solve.solve`.
    **settings
        Passed on to :func:`make_problem`.
    """
    shifts = workers if isinstance(workers, pd.DataFrame) else made_up_shifts(visits, workers)
    problem = make_problem(visits, shifts, travel, **settings)
    solution = solve(
        problem, seed=seed, effort=effort, time_limit_s=time_limit_s, stop=stop, report=report
    )
    return make_rounds(problem, solution, tuple(shifts["worker_id"]))


def _column(visits: pd.DataFrame, name: str) -> Any:
    if name not in visits:
        return np.zeros(len(visits))
    return visits[name].fillna(0.0).to_numpy(float)


def _check(visits: pd.DataFrame) -> None:
    problems = []
    days = visits["day"].unique()
    if len(days) > 1:
        problems.append(
            Problem(
                message=f"the visits are of {len(days)} days ({some(days, 3)})",
                fix="Plan one day at a time.",
            )
        )
    lost = visits.index[visits["x_m"].isna() | visits["y_m"].isna()]
    if len(lost):
        problems.append(
            Problem(
                message=f"{len(lost)} visits have no place: {some(lost)}",
                fix="Give a postcode that is known, or leave them out.",
            )
        )
    if problems:
        raise InputError(problems)
