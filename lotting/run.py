"""Design every service line of a project, and measure what came out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType

import pandas as pd

from .brief import LotsBrief, RunBrief
from .design.away import Away
from .design.executors import make_executor
from .design.solve import Progress, design
from .design.stop import Stop
from .errors import InfeasibleError, Reason
from .lot_travel import impossible_places, lot_travel
from .plan import Plan
from .project import NO_ZONE, Project
from .results import Result, describe
from .travel_plans import time_share, with_travel

__all__ = ["design_all"]

_STOPPING = "Stopping with the best lots so far"


def design_all(
    project: Project,
    run: RunBrief,
    progress: Callable[[str, Progress], None] | None = None,
    *,
    cluster: str | None = None,
    so_far: Callable[[str, Plan], None] | None = None,
) -> list[Result]:
    """Design the lots of each service line.

    Parameters
    ----------
    project
        What was read.
    run
        Seed, time limit and number of options; the time is shared among the services.
    progress
        Told the service and how far it is.
    cluster
        Address of a Dask scheduler that does the work; this machine when left out.

    so_far
        Told the service and its best plan whenever that has been bettered.

    Returns
    -------
    list of Result
        In the brief's order.

    Raises
    ------
    InfeasibleError
        With the reasons of every service that has no plan.
    InputError
        The cluster cannot be used, or brief and map do not fit each other.

    Notes
    -----
    Ctrl-C ends the search for the service at hand, with its best plan so far; a second one while
    it ends stops the run.
    """
    services = project.brief.services()
    share = run.model_copy(update={"time_limit_s": run.time_limit_s / len(services)})
    executor = make_executor(
        run.workers, cluster, kind=run.executor, areas=len(project.areas), seconds=share.time_limit_s
    )
    try:
        return _each(project, services, share, progress, executor, so_far)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _each(
    project: Project,
    services: Sequence[tuple[str, LotsBrief]],
    share: RunBrief,
    progress: Callable[[str, Progress], None] | None,
    executor: Executor,
    so_far: Callable[[str, Plan], None] | None,
) -> list[Result]:
    results: list[Result] = []
    reasons: list[Reason] = []
    for name, lots in services:
        demand = project.demand(name)
        travel = lot_travel(project, name)
        drawing = share
        if travel is not None and (part := time_share(lots, share.options)):
            drawing = share.model_copy(update={"time_limit_s": (1 - part) * share.time_limit_s})
        stop = Stop(drawing.time_limit_s)
        try:
            if travel is not None:
                reasons_of_cap = impossible_places(project, name, lots, travel)
                if reasons_of_cap:
                    raise InfeasibleError(reasons_of_cap)
            with _ctrl_c(stop):
                found = design(
                    project.areas,
                    project.graph,
                    demand.frame,
                    lots,
                    locks=project.brief.locks,
                    today=_zones(project),
                    run=drawing,
                    robust=project.brief.robust,
                    people_known=demand.people_known,
                    progress=_teller(name, stop, progress),
                    stop=stop,
                    acceptable=_market(project, demand.frame["weekly_hours"]),
                    # Threads that Ctrl-C left behind with HiGHS would be in the way of the next.
                    executor=executor if isinstance(executor, Away) else None,
                    so_far=None if so_far is None else partial(so_far, name),
                )
                if travel is not None and drawing is not share:
                    found = with_travel(
                        project,
                        name,
                        lots,
                        found,
                        travel,
                        options=share.options,
                        seed=share.seed,
                        seconds=share.time_limit_s - drawing.time_limit_s,
                        stop=stop,
                        today=_zones(project),
                        progress=_teller(name, stop, progress),
                        acceptable=_market(project, demand.frame["weekly_hours"]),
                    )
        except InfeasibleError as error:
            reasons += (
                error.reasons
                if len(services) == 1
                else [
                    Reason(
                        place=f"{name}, {r.place}", message=r.message, fix=r.fix, proven=r.proven
                    )
                    for r in error.reasons
                ]
            )
            continue
        if progress and found.stopped_by == "interrupted":
            # Ctrl-C between two stages has not been answered yet.
            progress(name, Progress(_STOPPING, 1, 1, found.objective, found.bound))
        results.append(
            Result(
                design=found,
                outcomes=tuple(
                    describe(project, name, o.plan, seed=share.seed, travel=travel)
                    for o in found.options
                ),
            )
        )
    if reasons:
        raise InfeasibleError(reasons)
    return results


@contextmanager
def _ctrl_c(stop: Stop) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop the search and not the program, whatever it is at."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can signals be caught
        return

    def handle(_: int, __: FrameType | None) -> None:
        if stop.interrupted.is_set():
            raise KeyboardInterrupt
        stop.interrupted.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _teller(
    name: str, stop: Stop, progress: Callable[[str, Progress], None] | None
) -> Callable[[Progress], None] | None:
    if progress is None:
        return None

    def tell(p: Progress) -> None:
        stopping = stop.interrupted.is_set()
        progress(name, replace(p, stage=_STOPPING) if stopping else p)

    return tell


def _zones(project: Project) -> pd.Series[str] | None:
    if project.today is None:
        return None
    lots = project.today.lots
    return lots.where(lots != NO_ZONE, "")


def _market(
    project: Project, hours: pd.Series[float]
) -> Callable[[Plan], tuple[Reason, ...]] | None:
    market, brief = project.market, project.brief.market
    if market is None or brief is None:
        return None
    from .market import check_market

    def reasons(plan: Plan) -> tuple[Reason, ...]:
        return check_market(market, plan, hours, brief).reasons

    return reasons
