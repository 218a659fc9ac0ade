"""From a map and a brief to plans: the whole design, stage by stage.

1. The map splits into places (:mod:`.places`).
2. Every place is searched from several starts, in threads; the compiled search and HiGHS release
   the interpreter lock.
3. The Lagrangian bound says how good a plan can be; small places go to the exact model.
4. Places not settled by then get more starts, and their best plans are refined.
5. Other aims give other plans, from which the options are chosen.

How much is searched depends on the brief alone (size and ``time_limit_s``), never on the clock or
on the number of threads, so that a run can be repeated. The clock only cuts short; a design says
when that happened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.brief import LocksBrief, LotsBrief, RunBrief, Weights
from lotting.errors import InfeasibleError, InputError, Reason, StoppedError
from lotting.plan import Plan, natural

from .bound import Bound, fixable, lower_bound
from .exact import Exact, Verdict, solve_exactly
from .instance import Instance, Ints, make_instance
from .options import Candidate, aims_to_try, choose, dominates
from .places import Place, split
from .relax import explain, locked_across, locked_out
from .search import Found, anneal_plan, canonical, explore, match_zones, stream, value_of, warm_up
from .stop import Stop

__all__ = ["Design", "Option", "PlaceResult", "Progress", "Status", "design"]

T = TypeVar("T")
Bools = npt.NDArray[np.bool_]
#: Objective and bound so far.
_State = Callable[[], tuple[float | None, float | None]]

#: Proposals a second that one slow core is trusted with; sets the steps, never the clock.
_STEPS_A_SECOND = 400_000
_FIRST_STARTS = 4
_MORE_STARTS = 12
_REFINED = 4
#: Places with more open (unit, centre) pairs than this are left to the search.
_EXACT_PAIRS = 15_000
_NODES = 2_000
#: Share of the time in which the exact model may run into the clock.
_PROOF_SHARE = 0.35
_SETTLED = 1e-6


class Status(StrEnum):
    """How the design ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the design has got.

    Attributes
    ----------
    stage
        What is being done, in words.
    done, total
        Pieces of work of this stage.
    objective
        Weighted objective of the best plan so far; None until every place has one.
    bound
        Lower bound so far; None until there is one.
    """

    stage: str
    done: int
    total: int
    objective: float | None = None
    bound: float | None = None


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
    """

    place: Place
    objective: float
    bound: float
    distance: float
    optimal: bool

    @property
    def gap(self) -> float | None:
        """Share of the objective by which a plan could at most be better; None when that is 0."""
        return (self.objective - self.bound) / self.objective if self.objective > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A plan to show beside the others.

    Attributes
    ----------
    title
        What it was made for.
    plan
        The plan.
    objective
        Its value by the brief's own aims.
    """

    title: str
    plan: Plan
    objective: float


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
    tried
        For a range of lots: each number and what it cost (inf where there was no plan).
    seed
        Seed of the run.
    reproducible
        False when the clock or Ctrl-C cut the run short: the same seed may then end elsewhere.
    stopped_by
        ``done``, ``time limit`` or ``interrupted``.
    runtime_s
        Seconds.
    """

    plan: Plan
    status: Status
    objective: float
    bound: float
    gap: float | None
    aims: Weights
    places: tuple[PlaceResult, ...]
    options: tuple[Option, ...]
    tried: dict[int, float] = field(default_factory=dict)
    seed: int
    reproducible: bool
    stopped_by: str
    runtime_s: float


@dataclass(slots=True)
class _Work:
    """One place while it is being worked on."""

    place: Place
    instance: Instance
    best: Found | None = None
    pool: list[Found] = field(default_factory=list)
    bound: float = 0.0
    optimal: bool = False
    impossible: bool = False

    def take(self, found: Found) -> None:
        """Keep a plan; ties go by assignment, so that the order of arrival never counts."""
        self.pool.append(found)
        if self.best is None or found.rank < self.best.rank:
            self.best = found

    @property
    def value(self) -> float:
        """Objective of the best plan within all limits; inf where there is none."""
        return np.inf if self.best is None else self.best.value


class _Crew:
    """Runs pieces of work in threads, and gives their results in order."""

    def __init__(self, workers: int, stop: Stop, report: Callable[[Progress], None] | None) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="design")
        self.stop = stop
        self.report = report

    def run(
        self, stage: str, jobs: Sequence[Callable[[], T]], after: Callable[[int, T], None] | None = None,
        state: _State = lambda: (None, None), *, leave: bool = False,
    ) -> list[T]:
        """Run the jobs; ``after(i, result)`` is called as each ends, in this thread.

        With ``leave``, Ctrl-C leaves jobs behind that have not ended: HiGHS cannot be stopped.
        Their results are missing from what is returned.
        """
        futures: dict[Future[T], int] = {self.pool.submit(job): i for i, job in enumerate(jobs)}
        left = set(futures)
        results: dict[int, T] = {}
        while left:
            self._tell(stage, len(results), len(jobs), state)
            try:
                done, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                if self.stop.interrupted.is_set():
                    raise
                self.stop.interrupted.set()
                continue
            for future in sorted(done, key=lambda f: futures[f]):
                results[futures[future]] = future.result()
                if after:
                    after(futures[future], results[futures[future]])
            if leave and self.stop.interrupted.is_set():
                for future in left:
                    future.cancel()
                break
        self._tell(stage, len(results), len(jobs), state)
        return [results[i] for i in sorted(results)]

    def _tell(self, stage: str, done: int, total: int, state: _State) -> None:
        if self.report:
            objective, bound = state()
            self.report(Progress(stage, done, total, objective, bound))


def design(
    areas: pd.DataFrame,
    graph: nx.Graph[str],
    demand: pd.DataFrame,
    lots: LotsBrief,
    *,
    locks: LocksBrief | None = None,
    today: pd.Series[str] | None = None,
    run: RunBrief | None = None,
    people_known: bool = True,
    progress: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    acceptable: Callable[[Plan], Sequence[Reason]] | None = None,
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
    people_known
        Whether ``people`` counts; hours stand in for people otherwise.
    progress
        Called a few times a second, in this thread.
    stop
        Clock and switch; made from ``run.time_limit_s`` when left out.
    acceptable
        Says why a plan within all limits is still not acceptable (the market cannot carry it);
        an empty answer is a yes. Only acceptable plans are returned.

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
    warm_up()  # compiling the search, once a machine, is not part of the time allowed
    stop = stop or Stop(run.time_limit_s)
    began = time.monotonic()
    crew = _Crew(run.workers or os.cpu_count() or 1, stop, progress)
    job = _Job(areas, graph, demand, lots, locks, today, run, people_known, crew, stop)
    tried: dict[int, float] = {}
    try:
        number = None
        if isinstance(lots.number, tuple):
            number, tried = job.choose_number(range(lots.number[0], lots.number[1] + 1))
        works = job.solve(number)
        others = job.other_aims(works) if run.options > 1 else []
        if acceptable is not None:
            works, others = job.accepted(works, others, acceptable)
    finally:
        crew.pool.shutdown(wait=False, cancel_futures=True)
    plan, options = job.assemble(works, others)
    objective = float(sum(w.value for w in works))
    bound = float(sum(min(w.bound, w.value) for w in works))
    results = tuple(
        PlaceResult(place=w.place, objective=w.value, bound=min(w.bound, w.value),
                    distance=w.instance.distance(_lot(w)), optimal=w.optimal)
        for w in works
    )
    return Design(
        plan=plan, options=options, objective=objective, bound=bound,
        gap=(objective - bound) / objective if objective > 0 else None,
        status=Status.OPTIMAL if all(w.optimal for w in works) else Status.FEASIBLE,
        aims=lots.aims, places=results, tried=tried, seed=run.seed,
        reproducible=not (stop.ran_out or job.cut_short or stop.interrupted.is_set()),
        stopped_by=(
            "interrupted" if stop.interrupted.is_set()
            else "time limit" if stop.ran_out or job.cut_short else "done"
        ),
        runtime_s=time.monotonic() - began,
    )


def _lot(work: _Work) -> Ints:
    assert work.best is not None
    return work.best.lot


def _bounding(work: _Work, clock: Stop, *, patient: bool) -> Callable[[], tuple[Bound, Bools, Bools]]:
    """Job that bounds a place: the bound, and what a better plan may still use."""
    # The other aims are never negative, so the objective caps the distance as well.
    instance, lot, cap = work.instance, _lot(work), work.value / work.instance.distance_weight

    def job() -> tuple[Bound, Bools, Bools]:
        bound = lower_bound(
            instance, lot, cutoff=cap, stop=clock, iterations=400 if patient else 250
        )
        return bound, *fixable(instance, bound, cap)

    return job


def _proving(
    work: _Work, open_centre: Bools, open_pair: Bools, clock: Stop, *, patient: bool
) -> Callable[[], Exact]:
    """Job that puts a place to the exact model."""
    instance, lot = work.instance, _lot(work)
    return lambda: solve_exactly(
        instance, stop=clock, open_centre=open_centre, open_pair=open_pair, hint=lot,
        node_limit=_NODES if patient else _NODES // 10,
    )


def _settle(work: _Work, answer: Exact) -> None:
    """Take over what the exact model says of a place that has a plan."""
    if answer.verdict == Verdict.INFEASIBLE:
        # Nothing below the cut-off: the plan in hand is the best.
        work.optimal, work.bound = True, work.value
        return
    if answer.lot is not None and not answer.timed_out:
        # A run cut short by the clock must not change the plan: it could not be repeated.
        exact = canonical(answer.lot)
        value = value_of(work.instance, exact) if work.instance.feasible(exact) else np.inf
        if value < work.value * (1 - 1e-12):
            work.take(Found(exact, value, 0.0))
    work.bound = max(work.bound, min(answer.bound, work.value))
    # The model rounds a little: it settles a place only where its bound says so too.
    work.optimal = answer.verdict == Verdict.OPTIMAL and work.bound >= work.value * (1 - _SETTLED)


@dataclass(slots=True)
class _Job:
    areas: pd.DataFrame
    graph: nx.Graph[str]
    demand: pd.DataFrame
    lots: LotsBrief
    locks: LocksBrief
    today: pd.Series[str] | None
    run: RunBrief
    people_known: bool
    crew: _Crew
    stop: Stop
    cut_short: bool = False  # a proof ran into its clock

    def works(self, number: int | None) -> list[_Work]:
        """Split the map into places and turn each into arrays."""
        places = split(
            self.areas["locality"], self.graph, self.demand["weekly_hours"], self.lots, number=number
        ).or_raise()
        works = [_Work(place, self.instance(place, self.locks)) for place in places]
        reasons = locked_across(places, self.locks)
        reasons += [reason for w in works if (reason := locked_out(w.instance))]
        if reasons:
            raise InfeasibleError(reasons)
        return works

    def instance(self, place: Place, locks: LocksBrief) -> Instance:
        """Turn a place into arrays."""
        return make_instance(
            place.name, place.codes, self.areas, self.graph, self.demand,
            lots=place.lots, lo=place.lo, hi=place.hi, target=place.target,
            aims=self.lots.aims, locks=locks, today=self.today, people_known=self.people_known,
        )

    def steps(self, works: Iterable[_Work], share: float, runs: int) -> dict[str, int]:
        """Proposals for one run in each place, when ``runs`` runs may take ``share`` of the time."""
        total = sum(w.instance.size for w in works)
        budget = share * self.run.time_limit_s * _STEPS_A_SECOND * 2
        return {
            w.instance.name: int(min(
                25_000 * w.instance.size, max(20_000, budget * w.instance.size / total / runs)
            ))
            for w in works
        }

    # -- stages ------------------------------------------------------------------------------

    def solve(self, number: int | None) -> list[_Work]:
        """Find the best plan of every place."""
        works = self.works(number)
        self.explore(works, range(_FIRST_STARTS), share=0.15, stage="First plans")
        self.prove(works, patient=False)
        open_works = [w for w in works if not w.optimal]
        if open_works and not self.stop():
            self.explore(
                open_works, range(_FIRST_STARTS, _FIRST_STARTS + _MORE_STARTS), share=0.30, stage="More plans"
            )
            self.refine(open_works, share=0.20)
            self.decide(open_works)
            self.prove([w for w in open_works if w.instance.lots > 1], patient=True)
        else:
            self.decide(open_works)
        self.refuse([w for w in works if not np.isfinite(w.value)])
        return works

    def state(self, works: Sequence[_Work]) -> tuple[float | None, float | None]:
        """Objective and bound over all places so far."""
        value = sum(w.value for w in works)
        if not np.isfinite(value):
            return None, None
        bound = sum(min(w.bound, w.value) for w in works)
        return float(value), float(bound) if bound > 0 else None

    def explore(self, works: Sequence[_Work], starts: range, *, share: float, stage: str) -> None:
        """Search every place from several starts."""
        steps = self.steps(works, share, len(starts))
        pairs = [(w, s) for s in starts for w in works]

        def job(work: _Work, start: int) -> Callable[[], Found | None]:
            def look() -> Found | None:
                # The first start of a place always runs to its end, so that there is a plan to
                # return however short the time.
                if start and self.stop():
                    return None
                return explore(
                    work.instance, seed=self.run.seed, start=start, steps=steps[work.instance.name],
                    stop=self.stop if start else Stop(np.inf, self.stop.interrupted),
                )
            return look

        def keep(i: int, found: Found | None) -> None:
            if found is not None:
                pairs[i][0].take(found)

        self.crew.run(stage, [job(w, s) for w, s in pairs], keep, lambda: self.state(works))

    def refine(self, works: Sequence[_Work], *, share: float) -> None:
        """Warm the best plans of each place up a little and cool them again, longer."""
        steps = self.steps(works, share, _REFINED)
        chosen: list[tuple[_Work, Found, int]] = []
        for work in works:
            unlike: dict[tuple[int, ...], Found] = {}
            for found in sorted(work.pool, key=lambda f: f.rank):
                unlike.setdefault(tuple(found.lot.tolist()), found)
            chosen += [(work, found, i) for i, found in enumerate(list(unlike.values())[:_REFINED])]

        def job(work: _Work, found: Found, i: int) -> Callable[[], Found | None]:
            def polish() -> Found | None:
                if self.stop():
                    return None
                rng = stream(self.run.seed, work.instance.name, work.instance.aims, "refine", i)
                return anneal_plan(
                    work.instance, found.lot, rng, steps=steps[work.instance.name], stop=self.stop, heat=0.3
                )
            return polish

        def keep(i: int, found: Found | None) -> None:
            if found is not None:
                chosen[i][0].take(found)

        self.crew.run("Refining", [job(*c) for c in chosen], keep, lambda: self.state(works))

    def prove(self, works: Sequence[_Work], *, patient: bool) -> None:
        """Bound each place; settle it by the exact model where that is small enough."""
        works = [w for w in works if not w.optimal]
        for work in works:
            if work.instance.lots == 1 and np.isfinite(work.value):
                work.optimal, work.bound = True, work.value
        # A clock of its own, so that a hard proof leaves time for the options.
        clock = Stop(min(self.stop.left(), _PROOF_SHARE * self.run.time_limit_s), self.stop.interrupted)
        works = [w for w in works if not w.optimal and np.isfinite(w.value)]
        open_pairs: dict[int, tuple[Bools, Bools]] = {}

        def bounded(i: int, answer: tuple[Bound, Bools, Bools]) -> None:
            work, (bound, open_centre, open_pair) = works[i], answer
            work.bound = max(work.bound, work.instance.distance_weight * bound.value)
            work.optimal = work.bound >= work.value * (1 - _SETTLED)
            aims = work.instance.aims
            few = int(open_pair.sum()) <= (_EXACT_PAIRS if patient else _EXACT_PAIRS // 5)
            if few and aims.distance and not aims.moved and not work.optimal:
                open_pairs[i] = open_centre, open_pair

        def settled(i: int, answer: Exact) -> None:
            _settle(exact[i], answer)

        # Every place gets its bound before the first of them takes long, the smallest first.
        self.crew.run("Bounding", [_bounding(w, clock, patient=patient) for w in works], bounded,
                      lambda: self.state(works))
        order = sorted(open_pairs, key=lambda i: (int(open_pairs[i][1].sum()), i))
        exact = [works[i] for i in order]
        self.crew.run(
            "Proving", [_proving(works[i], *open_pairs[i], clock, patient=patient) for i in order],
            settled, lambda: self.state(works), leave=True,
        )
        self.cut_short |= clock.ran_out

    def decide(self, works: Sequence[_Work]) -> None:
        """Ask the exact model for a plan where the search found none, and polish what it finds."""
        works = [w for w in works if not np.isfinite(w.value)]
        works = [w for w in works if w.instance.cost.size <= _EXACT_PAIRS]
        if not works or self.stop.interrupted.is_set():
            return
        clock = Stop(max(5.0, 0.25 * self.run.time_limit_s), self.stop.interrupted)
        steps = self.steps(works, 0.1, 1)

        def job(work: _Work) -> Callable[[], tuple[bool, list[Found]]]:
            def ask() -> tuple[bool, list[Found]]:
                instance = work.instance
                answer = solve_exactly(instance, stop=clock, node_limit=_NODES, feasibility=True)
                if answer.lot is None or not instance.feasible(canonical(answer.lot)):
                    return answer.verdict == Verdict.INFEASIBLE, []
                lot = canonical(answer.lot)
                rng = stream(self.run.seed, instance.name, instance.aims, "decided")
                polished = anneal_plan(
                    instance, lot, rng, steps=steps[instance.name], stop=clock, heat=0.3
                )
                return False, [Found(lot, value_of(instance, lot), 0.0), polished]
            return ask

        def keep(i: int, answer: tuple[bool, list[Found]]) -> None:
            works[i].impossible = answer[0]
            for found in answer[1]:
                works[i].take(found)

        self.crew.run("Deciding", [job(w) for w in works], keep, lambda: self.state(works), leave=True)
        self.cut_short |= clock.ran_out

    def refuse(self, failed: Sequence[_Work]) -> None:
        """Raise with a reason for each place that has no plan."""
        if not failed:
            return
        if self.stop.interrupted.is_set():
            raise StoppedError("Stopped before there was a plan for every place. Nothing was written.")
        spare = Stop(max(5.0, 0.25 * self.run.time_limit_s), interrupted=self.stop.interrupted)

        def job(work: _Work) -> Callable[[], Reason]:
            unlocked = self.instance(work.place, LocksBrief())
            return lambda: explain(
                work.instance, unlocked, self.lots, proven=work.impossible, seed=self.run.seed, stop=spare
            )

        raise InfeasibleError(self.crew.run("Looking for the reason", [job(w) for w in failed]))

    def choose_number(self, numbers: range) -> tuple[int, dict[int, float]]:
        """Try each number of lots briefly; take the cheapest, or the one nearest to the target."""
        tried: dict[int, float] = {}
        failed: list[Reason] = []
        short: dict[int, float] = {}
        unfit: InputError | None = None
        for number in numbers:
            try:
                works = self.works(number)
            except InfeasibleError as error:
                tried[number] = np.inf
                failed += error.reasons
                continue
            except InputError as error:  # fewer lots than localities, or more than areas
                unfit = unfit or error
                continue
            self.explore(works, range(_FIRST_STARTS), share=0.2 / len(numbers), stage=f"{number} lots")
            tried[number] = float(sum(w.value for w in works))
            short[number] = float(sum(_best(w).shortfall for w in works))
            if self.stop():
                break
        if not tried and unfit is not None:
            raise unfit
        if not short:
            raise InfeasibleError(failed)
        fitting = [k for k, value in tried.items() if np.isfinite(value)]
        if not fitting:
            # None was found, but none is ruled out either: go on with the one that came closest.
            return min(short, key=lambda k: (short[k], k)), tried
        if self.lots.target_hours is not None:
            total = float(self.demand["weekly_hours"].sum())
            aim = self.lots.target_hours
            return min(fitting, key=lambda k: (abs(total / k - aim), k)), tried
        return min(fitting, key=lambda k: (tried[k], k)), tried

    def other_aims(self, works: Sequence[_Work]) -> list[tuple[str, list[_Work]]]:
        """Plans for other aims than the brief's."""
        distance = sum(w.instance.distance(_lot(w)) for w in works)
        hours = sum(w.place.hours for w in works)
        people = sum(float(w.instance.people.sum()) for w in works)
        known = any(w.instance.zones for w in works)
        # One tenth of the distance, one per cent of the hours, five per cent of the people.
        scale = Weights(
            distance=1.0 / max(0.1 * distance, 1e-9), equality=1.0 / max(0.01 * hours, 1e-9),
            moved=1.0 / max(0.05 * people, 1e-9),
        )
        found: list[tuple[str, list[_Work]]] = []
        wanted = aims_to_try(self.lots.aims, scale, today=known)
        for title, aims in wanted:
            if self.stop():
                break
            others = [_Work(w.place, w.instance.with_aims(aims)) for w in works]
            for other, work in zip(others, works, strict=True):
                # The plan in hand is a start like any other.
                other.take(replace(_best(work), value=value_of(other.instance, _lot(work))))
            self.explore(others, range(3), share=0.15 / len(wanted), stage=f"Options: {title.lower()}")
            if all(np.isfinite(o.value) for o in others):
                found.append((title, others))
            for work, other in zip(works, others, strict=True):
                self.adopt(work, other.pool)
        for _, others in found:
            if dominates(self.values(others), self.values(works)):
                # As good by the brief's own aims, and better in others.
                for work, other in zip(works, others, strict=True):
                    work.best = replace(_best(other), value=value_of(work.instance, _lot(other)))
        return found

    def adopt(self, work: _Work, pool: Iterable[Found]) -> None:
        """Take over a plan made for other aims where it is better by the brief's own."""
        if work.optimal:
            return
        for found in pool:
            if np.isfinite(found.value):
                value = value_of(work.instance, found.lot)
                if value < work.value * (1 - 1e-9):
                    work.take(replace(found, value=value))

    def accepted(
        self, works: list[_Work], others: list[tuple[str, list[_Work]]],
        acceptable: Callable[[Plan], Sequence[Reason]],
    ) -> tuple[list[_Work], list[tuple[str, list[_Work]]]]:
        """Leave out plans that are not acceptable; another takes the place of the first if need be.

        Raises
        ------
        InfeasibleError
            Not one of the plans found is acceptable; with the reasons against the first.
        """
        reasons = acceptable(self.named(works, None))
        if reasons and not others:
            others = self.other_aims(works)
        others = [(title, other) for title, other in others if not acceptable(self.named(other, None))]
        if not reasons:
            return works, others
        instead: list[tuple[float, str, list[_Work]]] = []
        for title, other in others:
            taken = [
                _Work(w.place, w.instance, bound=w.bound,
                      best=replace(_best(o), value=value_of(w.instance, _lot(o))))
                for w, o in zip(works, other, strict=True)
            ]
            instead.append((sum(w.value for w in taken), title, taken))
        if not instead:
            raise InfeasibleError(reasons)
        return min(instead, key=lambda found: found[:2])[2], others

    # -- plans -------------------------------------------------------------------------------

    def assemble(
        self, works: Sequence[_Work], others: Sequence[tuple[str, list[_Work]]]
    ) -> tuple[Plan, tuple[Option, ...]]:
        """Name the lots and choose the options."""
        codes = [str(c) for c in self.areas.index]
        weigh = self.demand.loc[codes, "people" if self.people_known else "weekly_hours"].to_numpy(float)
        plan = self.named(works, None)
        main = Candidate("The brief's own aims", tuple(plan.aligned(codes)), self.values(works))
        objective = {main.title: float(sum(w.value for w in works))}
        plans = {main.title: plan}
        candidates = [main]
        for title, other in others:
            named = self.named(other, plan)
            plans[title] = named
            objective[title] = float(sum(
                value_of(w.instance, _lot(o)) for w, o in zip(works, other, strict=True)
            ))
            candidates.append(Candidate(title, tuple(named.aligned(codes)), self.values(other)))
        chosen = choose(candidates, weigh, self.run.options)
        return plan, tuple(
            Option(title=c.title, plan=plans[c.title], objective=objective[c.title]) for c in chosen
        )

    def values(self, works: Sequence[_Work]) -> tuple[float, ...]:
        """Distance, hours off target, people moved (with today's zones) and mix (if asked for)."""
        distance = off = moved = mix = 0.0
        for w in works:
            lot = _lot(w)
            distance += w.instance.distance(lot)
            sums = np.bincount(lot, weights=w.instance.hours, minlength=w.instance.lots)
            off += float(np.abs(sums - w.instance.target).sum())
            zone = match_zones(w.instance, lot)[lot]
            moved += float(w.instance.stay.sum())
            moved -= float(w.instance.stay[np.flatnonzero(zone >= 0), zone[zone >= 0]].sum())
            rural = np.bincount(lot, weights=w.instance.rural, minlength=w.instance.lots)
            mix += float(np.abs(rural - w.instance.rural_share * sums).sum())
        return (
            distance, off, *((moved,) if any(w.instance.zones for w in works) else ()),
            *((mix,) if self.lots.aims.mix else ()),
        )

    def named(self, works: Sequence[_Work], like: Plan | None) -> Plan:
        """Name every lot: as locked, else after the zone (or lot of ``like``) it follows, else by number."""
        lot_of: dict[str, tuple[int, int]] = {}
        names: dict[tuple[int, int], str] = {}
        for p, work in enumerate(works):
            lot = _lot(work)
            for unit, members in enumerate(work.instance.members):
                for code in members:
                    lot_of[code] = (p, int(lot[unit]))
            names |= {(p, int(lot[unit])): name for unit, name in work.instance.named.items()}
        keys = sorted({*lot_of.values()})
        old = like.lots if like is not None else self.today
        if old is not None:
            names = _carried_on(lot_of, names, old, self.demand, people_known=self.people_known)
        taken = set(names.values()) | (set() if old is None else {str(z) for z in old.dropna() if z})
        ordered = sorted((k for k in keys if k not in names), key=lambda k: self._place_on_map(k, lot_of))
        number = 1
        for key in ordered:
            while str(number) in taken:
                number += 1
            names[key] = str(number)
            taken.add(str(number))
        codes = [str(c) for c in self.areas.index]
        return Plan(pd.Series([names[lot_of[c]] for c in codes], index=pd.Index(codes, name="area_code")))

    def _place_on_map(
        self, key: tuple[int, int], lot_of: dict[str, tuple[int, int]]
    ) -> tuple[int, float, str]:
        """Sort key: by place, then from north to south."""
        inside = [c for c, k in lot_of.items() if k == key]
        return key[0], -float(self.areas.loc[inside, "y_m"].mean()), min(inside)


def _best(work: _Work) -> Found:
    assert work.best is not None
    return work.best


def _carried_on(
    lot_of: dict[str, tuple[int, int]], fixed: dict[tuple[int, int], str], old: pd.Series[Any],
    demand: pd.DataFrame, *, people_known: bool,
) -> dict[tuple[int, int], str]:
    """Names of lots by the old zone each carries on, so that most people keep theirs."""
    from scipy.optimize import linear_sum_assignment

    names = dict(fixed)
    free = sorted({k for k in lot_of.values() if k not in fixed})
    old = old.dropna().astype(str)
    zones = sorted({z for z in old if z and z not in names.values()}, key=natural)
    if not free or not zones:
        return names
    weigh = demand["people" if people_known else "weekly_hours"]
    table = np.zeros((len(free), len(zones)))
    row, column = {k: i for i, k in enumerate(free)}, {z: i for i, z in enumerate(zones)}
    for code, zone in old.items():
        key = lot_of.get(str(code))
        if key in row and zone in column:
            # Areas count a little too, so that zones without people are carried on as well.
            table[row[key], column[zone]] += float(weigh[str(code)]) + 1e-6
    rows, columns = linear_sum_assignment(-table)
    names |= {free[r]: zones[c] for r, c in zip(rows, columns, strict=True) if table[r, c] > 0}
    return names
