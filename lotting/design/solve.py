"""From a map and a brief to plans: the whole design, stage by stage.

1. The map splits into places (:mod:`.places`).
2. Every place is searched from several starts, by as many workers as there are (:mod:`.executors`).
3. The Lagrangian bound says how good a plan can be; small places go to the exact model.
4. Places not settled by then get more starts, and their best plans are refined.
5. The front is traced: what equality and few people moved cost in distance. The options are
   chosen from it.

How much is searched depends on the brief alone (size and ``time_limit_s``), never on the clock or
on the number of workers, so that a run can be repeated. The clock only cuts short; a design says
when that happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

import networkx as nx
import pandas as pd

from lotting.brief import LocksBrief, LotsBrief, RobustBrief, RunBrief, Weights
from lotting.errors import Reason
from lotting.plan import Plan

from .crew import Crew, Progress
from .executors import make_executor
from .instance import Floats
from .numbers import NumberTried, choose_number
from .others import FrontPoint, Option, accepted, assemble, trace_options
from .places import Place
from .search import warm_up
from .stages import Stages
from .stop import Stop
from .work import How

__all__ = [
    "Design", "FrontPoint", "How", "NumberTried", "Option", "PlaceResult", "Progress", "Status",
    "TravelFound", "design",
]

#: Share of the time that is kept for the options, where there are to be any.
_FOR_OPTIONS = 0.25


class Status(StrEnum):
    """How the design ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceResult:
    """What came out for one place.

    Attributes
    ----------
    place
        The place.
    objective, bound
        Weighted objective of its part of the plan, and a lower bound on it.
    distance
        Unweighted Hess cost (hours x squared km).
    optimal
        Whether the exact model or the bound proves that nothing is better.
    how
        What the bound rests on.
    members
        Area codes of each unit: areas that touch and are locked together are one.
    multipliers, cutoff
        What the Lagrangian bound can be worked out from (:class:`.bound.Bound`).
    distance_weight
        Weight of distance in the objective: the brief's, or that of the tie-break.
    """

    place: Place
    objective: float
    bound: float
    distance: float
    optimal: bool
    how: How
    members: tuple[tuple[str, ...], ...]
    multipliers: tuple[Floats, ...]
    cutoff: float
    distance_weight: float

    @property
    def gap(self) -> float | None:
        """Share of the objective by which a plan could at most be better; None when that is 0."""
        return (self.objective - self.bound) / self.objective if self.objective > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TravelFound:
    """What the search for less travel came to (:mod:`lotting.travel_plans`); nothing of it is proven.

    Attributes
    ----------
    minimised
        Whether the plan is the one with the least travel that was found.
    cap_minutes
        Most travel minutes per contact hour in any lot; None where there is no cap.
    above
        Lots of the plan above the cap, and their minutes.
    """

    minimised: bool
    cap_minutes: float | None
    above: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The result of a design.

    Attributes
    ----------
    plan
        The best plan found by the brief's own aims.
    status
        ``optimal`` when no plan within the rules can be better, by proof.
    objective, bound, gap
        Weighted objective, lower bound, and (objective - bound) / objective. The gap is None
        where the objective is 0.
    aims
        The weights in force.
    places
        The same for each place.
    options
        Plans to choose from; the first is ``plan``.
    front
        Plans that no other beats or equals in distance, largest deviation and people moved, the
        shortest first; empty where one option was asked for.
    tried
        For a range of lots: what each number comes to.
    seed
        Seed of the run.
    reproducible
        False when the clock or Ctrl-C cut the run short: the same seed may then end elsewhere.
    stopped_by
        ``done``, ``time limit`` or ``interrupted``.
    runtime_s
        Seconds.
    travel
        Where travel was looked at: what became of it. The objective, its bound and its gap are those
        of the aims all the same.
    """

    plan: Plan
    status: Status
    objective: float
    bound: float
    gap: float | None
    aims: Weights
    places: tuple[PlaceResult, ...]
    options: tuple[Option, ...]
    front: tuple[FrontPoint, ...] = ()
    tried: tuple[NumberTried, ...] = ()
    seed: int
    reproducible: bool
    stopped_by: str
    runtime_s: float
    travel: TravelFound | None = None


def design(
    areas: pd.DataFrame,
    graph: nx.Graph[str],
    demand: pd.DataFrame,
    lots: LotsBrief,
    *,
    locks: LocksBrief | None = None,
    today: pd.Series[str] | None = None,
    run: RunBrief | None = None,
    robust: RobustBrief | None = None,
    people_known: bool = True,
    progress: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    acceptable: Callable[[Plan], Sequence[Reason]] | None = None,
    executor: Executor | None = None,
    so_far: Callable[[Plan], None] | None = None,
) -> Design:
    """Draw the lots.

    Parameters
    ----------
    areas
        Index ``area_code``; columns ``x_m``, ``y_m`` (metres, EPSG:27700), ``locality`` and
        ``rural``.
    graph
        Which areas touch; its nodes are exactly the areas.
    demand
        Index ``area_code``; columns ``weekly_hours`` and ``people``.
    lots, locks, run
        The brief's tables.
    today
        Zone in force by area code.
    robust
        The brief's table: scenarios of demand on which the options are tried; none when left out.
    people_known
        Whether ``people`` counts; hours stand in for people otherwise.
    progress
        Called a few times a second, in this thread.
    stop
        Clock, which begins here, and switch; made from ``run.time_limit_s`` when left out. One with
        more seconds leaves the steps as they are, and a slow machine the time for them.
    acceptable
        Says why a plan within all limits is still not acceptable (the market cannot carry it);
        an empty answer is a yes. Only acceptable plans are returned.
    executor
        Does the work; made as ``run`` says, and shut down, when left out.
    so_far
        Told the best plan of the whole map whenever a stage has bettered it, for whoever wants to
        keep it should the program be killed. The market has not been asked about it.

    Returns
    -------
    Design

    Raises
    ------
    InfeasibleError
        No plan meets the brief, with a reason for each place that fails.
    InputError
        Brief and map do not fit each other.
    StoppedError
        Ctrl-C before there was any plan.
    """
    run = run or RunBrief()
    locks = locks or LocksBrief()
    own = executor is None
    if executor is None:  # first of all, so that processes are up when there is work
        executor = make_executor(run.workers, kind=run.executor, areas=len(areas), seconds=run.time_limit_s)
    warm_up()  # compiling the search, once a machine, is not part of the time allowed
    stop = stop or Stop(run.time_limit_s)
    stop.started = began = time.monotonic()
    stages = Stages(
        areas, graph, demand, lots, locks, today, run, people_known, Crew(executor, stop, progress), stop,
        so_far=so_far,
    )
    tried: tuple[NumberTried, ...] = ()
    try:
        number = None
        if isinstance(lots.number, tuple):
            number, tried = choose_number(stages, range(lots.number[0], lots.number[1] + 1))
        if run.options > 1:
            # However hard the best plan is to prove, it leaves time for the others.
            stages.stop = Stop((1 - _FOR_OPTIONS) * stop.seconds, stop.interrupted, started=began)
        works = stages.solve(number)
        stages.cut_short |= stages.stop.ran_out
        stages.stop = stop
        others = trace_options(stages, works, robust) if run.options > 1 else None
        if acceptable is not None:
            works, others = accepted(stages, works, others, acceptable)
    finally:
        if own:
            executor.shutdown(wait=False, cancel_futures=True)
    plan, options, front = assemble(stages, works, others, acceptable)
    objective = float(sum(w.value for w in works))
    bound = float(sum(min(w.bound, w.value) for w in works))
    results = tuple(
        PlaceResult(
            place=w.place, objective=w.value, bound=min(w.bound, w.value),
            distance=w.instance.distance(w.lot), optimal=w.optimal, how=w.how,
            members=w.instance.members, distance_weight=w.instance.distance_weight,
            multipliers=w.proof.multipliers if w.proof else (),
            cutoff=w.proof.cutoff if w.proof else math.inf,
        )
        for w in works
    )
    return Design(
        plan=plan, options=options, front=front, objective=objective, bound=bound,
        gap=(objective - bound) / objective if objective > 0 else None,
        status=Status.OPTIMAL if all(w.optimal for w in works) else Status.FEASIBLE,
        aims=lots.aims, places=results, tried=tried, seed=run.seed,
        reproducible=not (stop.ran_out or stages.cut_short or stop.interrupted.is_set()),
        stopped_by=(
            "interrupted" if stop.interrupted.is_set()
            else "time limit" if stop.ran_out or stages.cut_short else "done"
        ),
        runtime_s=time.monotonic() - began,
    )
