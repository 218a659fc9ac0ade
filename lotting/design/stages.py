"""The stages of a design: what is tried on which place, in what order and for how long.

How much is searched depends on the brief alone (size and ``time_limit_s``), never on the clock or
on the number of workers, so that a run can be repeated. The clock only cuts short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lotting.brief import LocksBrief, LotsBrief, RunBrief
from lotting.errors import InfeasibleError, StoppedError

from .bound import ROUNDS, Bound, lower_bound
from .crew import Crew, Job
from .exact import Exact, Verdict, solve_exactly
from .instance import Instance, Ints, make_instance
from .places import Place, split
from .polish import adjacent_lots, best_centres, near_plan, two_lots
from .relax import explain, locked_across, locked_out
from .search import Found, anneal_plan, canonical, explore, explore_in_time, guided, refine, stream, value_of
from .stop import Stop
from .work import How, Work

if TYPE_CHECKING:  # worker processes, which read this in, do without
    import networkx as nx
    import pandas as pd

    from lotting.plan import Plan

__all__ = ["Stages"]

Bools = npt.NDArray[np.bool_]

#: Proposals a second that one slow core is trusted with; sets the steps, never the clock.
_STEPS_A_SECOND = 1_500_000
#: With this many centres a step takes twice as long.
_HEAVY = 2_000
_FIRST_STARTS = 4
#: Proposals an area of the very first plan.
_FIRST_STEPS = 200
_MORE_STARTS = 4
_GUIDED = 8
_REFINED = 4
#: Places with more open (unit, centre) pairs than this are left to the search.
_EXACT_PAIRS = 15_000
_NODES = 5_000
#: Share of the time in which the first, quick proofs may run into the clock.
_PROOF_SHARE = 0.2
#: Share of the time in which the exact model may better parts of plans.
_POLISH_SHARE = 0.25
#: Centres a lot may choose from while plans are polished, and how many plans: one after the other.
_NEAR = ((1, 4), (3, 1))
_SETTLED = 1e-6


def decide(instance: Instance, *, seed: int, steps: int, solver: str, stop: Stop) -> tuple[bool, list[Found]]:
    """Ask the exact model whether there is any plan; whether there is none, and what was found."""
    answer = solve_exactly(instance, stop=stop, node_limit=_NODES, feasibility=True, solver=solver)
    if answer.lot is None or not instance.feasible(canonical(answer.lot)):
        return answer.verdict == Verdict.INFEASIBLE, []
    lot = canonical(answer.lot)
    rng = stream(seed, instance.name, instance.aims, "decided")
    polished = anneal_plan(instance, lot, rng, steps=steps, stop=stop, heat=0.3)
    return False, [Found(lot, value_of(instance, lot), 0.0), polished]


def _linear(instance: Instance) -> bool:
    """Whether the exact model can hold the aims: who carries on which zone is not linear."""
    return bool(instance.aims.distance) and not instance.aims.moved


def _unlike(work: Work, most: int) -> list[Ints]:
    """Give the best plans of a place with different centres, the best first."""
    found: dict[bytes, Ints] = {}
    for plan in sorted(work.pool, key=lambda f: f.rank):
        if len(found) == most or not np.isfinite(plan.value):
            break
        found.setdefault(best_centres(work.instance, plan.lot, 1).tobytes(), plan.lot)
    return list(found.values())


def _keeper(works: Sequence[Work]) -> Callable[[int, Found | None], None]:
    """What is found for the i-th job is kept by the i-th place."""
    def keep(i: int, found: Found | None) -> None:
        if found is not None:
            works[i].take(found)
    return keep


def _settle(work: Work, answer: Exact) -> None:
    """Take over what the exact model says of a place that has a plan."""
    if answer.verdict == Verdict.INFEASIBLE:
        # Nothing below the cut-off: the plan in hand is the best.
        work.optimal, work.bound, work.how = True, work.value, How.EXACT
        return
    if answer.lot is not None and not answer.timed_out:
        # A run cut short by the clock must not change the plan: it could not be repeated.
        exact = canonical(answer.lot)
        value = value_of(work.instance, exact) if work.instance.feasible(exact) else np.inf
        if value < work.value * (1 - 1e-12):
            work.take(Found(exact, value, 0.0))
    if min(answer.bound, work.value) > work.bound:
        work.bound, work.how = min(answer.bound, work.value), How.EXACT
    # The model rounds a little: it settles a place only where its bound says so too.
    work.optimal = answer.verdict == Verdict.OPTIMAL and work.bound >= work.value * (1 - _SETTLED)


@dataclass(slots=True)
class Stages:
    """What a design works with, and what it does one after the other.

    Attributes
    ----------
    areas, graph, demand, lots, locks, today, run, people_known
        As :func:`~lotting.design.solve.design` takes them.
    crew
        Does the work.
    stop
        The clock of the whole design.
    cut_short
        Whether a proof ran into its own clock.
    everything
        Every place, for telling how far it is.
    so_far
        Told the best plan of the whole map whenever a stage has bettered it.
    seconds
        What the clock of the whole design allows, of which each stage may take its share. Steps go by
        ``run.time_limit_s``.
    """

    areas: pd.DataFrame
    graph: nx.Graph[str]
    demand: pd.DataFrame
    lots: LotsBrief
    locks: LocksBrief
    today: pd.Series[str] | None
    run: RunBrief
    people_known: bool
    crew: Crew
    stop: Stop
    cut_short: bool = False
    everything: list[Work] = field(default_factory=list)
    so_far: Callable[[Plan], None] | None = None
    seconds: float = field(init=False)
    _told: float = np.inf

    def __post_init__(self) -> None:
        self.seconds = self.stop.seconds

    def works(self, number: int | None) -> list[Work]:
        """Split the map into places and turn each into arrays."""
        places = split(
            self.areas["locality"], self.graph, self.demand["weekly_hours"], self.lots, number=number
        ).or_raise()
        works = [Work(place, self.instance(place, self.locks)) for place in places]
        reasons = locked_across(places, self.locks)
        reasons += [reason for w in works if (reason := locked_out(w.instance))]
        if reasons:
            raise InfeasibleError(reasons)
        self.everything = works
        return works

    def instance(self, place: Place, locks: LocksBrief) -> Instance:
        """Turn a place into arrays."""
        return make_instance(
            place.name, place.codes, self.areas, self.graph, self.demand,
            lots=place.lots, lo=place.lo, hi=place.hi, target=place.target,
            aims=self.lots.aims, locks=locks, today=self.today, people_known=self.people_known,
        )

    def steps(self, works: Sequence[Work], share: float, runs: int) -> dict[str, int]:
        """Proposals for one run in each place, when ``runs`` runs may take ``share`` of the time."""
        total = sum(w.instance.size for w in works)
        budget = share * self.run.time_limit_s * _STEPS_A_SECOND * 2
        largest = max(len(w.instance.centres) for w in works) if works else 0
        budget /= 1 + largest / _HEAVY
        return {
            w.instance.name: int(min(
                25_000 * w.instance.size, max(20_000, budget * w.instance.size / total / runs)
            ))
            for w in works
        }

    # -- stages ------------------------------------------------------------------------------

    def solve(self, number: int | None) -> list[Work]:
        """Find the best plan of every place."""
        works = self.works(number)
        self.first(works)
        self.tell()
        self.explore(works, range(1, _FIRST_STARTS), share=0.05, stage="First plans")
        self.tell()
        self.prove(works, patient=False)
        open_works = [w for w in works if not w.optimal]
        if open_works and not self.stop():
            self.guide(open_works, share=0.20)
            self.tell()
            self.explore(
                open_works, range(_FIRST_STARTS, _FIRST_STARTS + _MORE_STARTS), share=0.12, stage="More plans"
            )
            self.refine(open_works, share=0.12)
            self.tell()
            self.decide(open_works)
            self.polish(open_works)
            self.tell()
            self.prove([w for w in open_works if w.instance.lots > 1], patient=True)
        else:
            self.decide(open_works)
        self.refuse([w for w in works if not np.isfinite(w.value)])
        self.tell()
        return works

    def tell(self) -> None:
        """Hand out the best plan so far, if it is better than the one before."""
        value = sum(w.value for w in self.everything)
        if self.so_far is not None and value < self._told:
            from .naming import name_lots  # needs pandas, which workers do without

            self._told = value
            self.so_far(name_lots(
                self.everything, self.areas, self.demand, self.today, people_known=self.people_known
            ))

    def state(self) -> tuple[float | None, float | None]:
        """Objective and bound over all places so far."""
        value = sum(w.value for w in self.everything)
        if not np.isfinite(value):
            return None, None
        bound = sum(min(w.bound, w.value) for w in self.everything)
        return float(value), float(bound) if bound > 0 else None

    def first(self, works: Sequence[Work], stage: str = "First plan") -> None:
        """Find a plan of every place quickly, however short the time: there is always one to return."""
        endless = Stop(np.inf, self.stop.interrupted)
        jobs = [
            Job(explore, endless, (w.instance,),
                {"seed": self.run.seed, "start": 0, "steps": max(20_000, _FIRST_STEPS * w.instance.size)})
            for w in works
        ]
        self.crew.run(stage, jobs, _keeper(works), self.state, here=True)

    def explore(self, works: Sequence[Work], starts: range, *, share: float, stage: str) -> None:
        """Search every place from several starts."""
        steps = self.steps(works, share, len(starts))
        pairs = [(w, s) for s in starts for w in works]
        jobs = [
            Job(explore_in_time, self.stop, (w.instance,),
                {"seed": self.run.seed, "start": start, "steps": steps[w.instance.name]})
            for w, start in pairs
        ]
        self.crew.run(stage, jobs, _keeper([w for w, _ in pairs]), self.state)

    def guide(self, works: Sequence[Work], *, share: float) -> None:
        """Search every place from centres that its bound uses."""
        works = [w for w in works if w.proof is not None and w.proof.use.any()]
        steps = self.steps(works, share, _GUIDED)
        pairs = [(w, number) for number in range(_GUIDED) for w in works]
        jobs = [
            Job(guided, self.stop, (w.instance, w.proof.use),
                {"seed": self.run.seed, "number": number, "steps": steps[w.instance.name]})
            for w, number in pairs if w.proof is not None
        ]
        self.crew.run("Guided plans", jobs, _keeper([w for w, _ in pairs]), self.state)

    def polish(self, works: Sequence[Work]) -> None:
        """Put parts of each best plan to the exact model: pairs of lots, then centres held near."""
        works = [
            w for w in works
            if np.isfinite(w.value) and w.instance.lots > 1 and _linear(w.instance) and not w.optimal
        ]
        clock = Stop(min(self.stop.left(), _POLISH_SHARE * self.seconds), self.stop.interrupted)
        self.bound(works, clock, ROUNDS[2:4])
        self.borders(works, clock)
        for near, plans in _NEAR:
            jobs: list[Job[Found | None]] = []
            whose: list[Work] = []
            for work in works:
                for lot in _unlike(work, plans):
                    whose.append(work)
                    jobs.append(Job(near_plan, clock, (work.instance, lot, work.proof), {"near": near}))
            self.crew.run(
                "Polishing", jobs, _keeper(whose), self.state, leave=True
            )
        self.cut_short |= clock.ran_out

    def borders(self, works: Sequence[Work], clock: Stop) -> None:
        """Draw the border of every two lots that touch anew, until no border can be better."""
        # What was tried is known by what the two lots hold, so that it is not tried again.
        tried: set[tuple[str, bytes]] = set()
        while not clock():
            chosen: list[tuple[Work, int, int]] = []
            for work in works:
                if work.instance.lots == 2:  # that is the whole place
                    continue
                lot, busy = work.lot, set[int]()
                for a, b in adjacent_lots(work.instance, lot):
                    key = work.instance.name, np.where(lot == a, 1, np.where(lot == b, 2, 0)).tobytes()
                    if a not in busy and b not in busy and key not in tried:
                        tried.add(key)
                        busy |= {a, b}
                        chosen.append((work, a, b))
            if not chosen:
                return
            drawn: dict[int, list[tuple[int, int, Ints]]] = {}

            def keep(
                i: int, border: Ints | None, chosen: list[tuple[Work, int, int]] = chosen,
                drawn: dict[int, list[tuple[int, int, Ints]]] = drawn,
            ) -> None:
                work, a, b = chosen[i]
                if border is not None:
                    drawn.setdefault(works.index(work), []).append((a, b, border))

            jobs = [Job(two_lots, clock, (w.instance, w.lot, a, b)) for w, a, b in chosen]
            self.crew.run("Redrawing borders", jobs, keep, self.state, leave=True)
            for at, borders in sorted(drawn.items()):
                # No two of them share a lot, so all of them hold together.
                lot = works[at].lot.copy()
                for a, b, border in borders:
                    lot[(works[at].lot == a) | (works[at].lot == b)] = border
                lot = canonical(lot)
                works[at].take(Found(lot, value_of(works[at].instance, lot), 0.0))

    def refine(self, works: Sequence[Work], *, share: float) -> None:
        """Warm the best plans of each place up a little and cool them again, longer."""
        steps = self.steps(works, share, _REFINED)
        chosen: list[tuple[Work, Found, int]] = []
        for work in works:
            unlike: dict[tuple[int, ...], Found] = {}
            for found in sorted(work.pool, key=lambda f: f.rank):
                unlike.setdefault(tuple(found.lot.tolist()), found)
            chosen += [(work, found, i) for i, found in enumerate(list(unlike.values())[:_REFINED])]

        jobs = [
            Job(refine, self.stop, (w.instance, found.lot), {
                "seed": self.run.seed, "number": i, "steps": steps[w.instance.name],
            })
            for w, found, i in chosen
        ]
        self.crew.run("Refining", jobs, _keeper([w for w, _, _ in chosen]), self.state)

    def bound(self, works: Sequence[Work], clock: Stop, rounds: tuple[int, ...]) -> None:
        """Bound each place that has a plan, going on from what is known."""
        jobs = [
            # The other aims are never negative, so the objective caps the distance as well.
            Job(lower_bound, clock, (w.instance, w.lot), {
                "cutoff": w.value / w.instance.distance_weight, "before": w.proof, "rounds": rounds,
            })
            for w in works
        ]

        def keep(i: int, bound: Bound) -> None:
            work = works[i]
            work.proof = bound
            if work.instance.distance_weight * bound.value > work.bound:
                work.bound, work.how = work.instance.distance_weight * bound.value, How.MULTIPLIERS
            work.optimal = work.bound >= work.value * (1 - _SETTLED)

        self.crew.run("Bounding", jobs, keep, self.state)

    def prove(self, works: Sequence[Work], *, patient: bool) -> None:
        """Bound each place; settle it by the exact model where that is small enough."""
        works = [w for w in works if not w.optimal and np.isfinite(w.value)]
        for work in works:
            if work.instance.lots == 1:
                work.optimal, work.bound, work.how = True, work.value, How.ONE_LOT
        works = [w for w in works if not w.optimal]
        # The last thing that is tried may take all the time there is.
        share = 1.0 if patient else _PROOF_SHARE
        clock = Stop(min(self.stop.left(), share * self.seconds), self.stop.interrupted)
        # Every place gets its bound before the first of them takes long, the smallest first.
        self.bound(works, clock, ROUNDS if patient else ROUNDS[:3])
        most = _EXACT_PAIRS * max(1.0, self.run.time_limit_s / 60.0) ** 0.5
        sizes = [
            (int(w.proof.open_pair.sum()), i) for i, w in enumerate(works)
            if w.proof is not None and not w.optimal and _linear(w.instance)
        ]
        exact = [works[i] for size, i in sorted(sizes) if size <= (most if patient else most / 5)]
        proving = [
            Job(solve_exactly, clock, (w.instance,), {
                "open_centre": w.proof.open_centre, "open_pair": w.proof.open_pair, "hint": w.lot,
                "node_limit": _NODES if patient else _NODES // 25, "solver": self.run.solver,
            })
            for w in exact if w.proof is not None
        ]

        def settled(i: int, answer: Exact) -> None:
            _settle(exact[i], answer)

        self.crew.run("Proving", proving, settled, self.state, leave=True)
        self.cut_short |= clock.ran_out

    def decide(self, works: Sequence[Work]) -> None:
        """Ask the exact model for a plan where the search found none, and polish what it finds."""
        works = [w for w in works if not np.isfinite(w.value)]
        works = [w for w in works if w.instance.cost.size <= _EXACT_PAIRS]
        if not works or self.stop.interrupted.is_set():
            return
        clock = Stop(max(5.0, 0.25 * self.seconds), self.stop.interrupted)
        steps = self.steps(works, 0.1, 1)

        jobs = [
            Job(decide, clock, (w.instance,), {
                "seed": self.run.seed, "steps": steps[w.instance.name], "solver": self.run.solver,
            })
            for w in works
        ]

        def keep(i: int, answer: tuple[bool, list[Found]]) -> None:
            works[i].impossible = answer[0]
            for found in answer[1]:
                works[i].take(found)

        self.crew.run("Deciding", jobs, keep, self.state, leave=True)
        self.cut_short |= clock.ran_out

    def refuse(self, failed: Sequence[Work]) -> None:
        """Raise with a reason for each place that has no plan."""
        if not failed:
            return
        if self.stop.interrupted.is_set():
            raise StoppedError("Stopped before there was a plan for every place. Nothing was written.")
        spare = Stop(max(5.0, 0.25 * self.seconds), interrupted=self.stop.interrupted)

        jobs = [
            Job(explain, spare, (w.instance, self.instance(w.place, LocksBrief()), self.lots),
                {"proven": w.impossible, "seed": self.run.seed})
            for w in failed
        ]
        raise InfeasibleError(self.crew.run("Looking for the reason", jobs))

    def adopt(self, work: Work, pool: Iterable[Found]) -> None:
        """Take over a plan made for other aims where it is better by the brief's own."""
        if work.optimal:
            return
        for found in pool:
            if np.isfinite(found.value):
                value = value_of(work.instance, found.lot)
                if value < work.value * (1 - 1e-9):
                    work.take(replace(found, value=value))
