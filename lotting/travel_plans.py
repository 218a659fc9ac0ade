"""What travel changes in a design: a plan that keeps the cap, the plan with least travel, or both.

The design knows nothing of travel (:mod:`lotting.design.solve`). Its plans are the starts of a search
that moves borders (:mod:`lotting.design.least_travel`), place by place; what comes out takes its place
among the options. The bound of the design holds for every plan within the rules of hours, connection
and locks, so it holds for these plans as well: as a bound on their cost, not on their travel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .brief import LotsBrief
from .design.crew import Progress
from .design.instance import Instance, Ints, make_instance
from .design.least_travel import Effort, TravelProblem, less_travel
from .design.naming import name_lots
from .design.others import OWN, FrontPoint, Option
from .design.search import Found, canonical, match_zones, value_of
from .design.solve import Design, PlaceResult, Status, TravelFound
from .design.stop import Stop
from .design.work import Work
from .errors import Reason
from .lot_travel import SLACK_MINUTES, LotTravel, above_cap, travel_facts
from .plan import Plan
from .project import Project
from .travel.burden_plan import QuickBurdens

__all__ = ["LEAST_TRAVEL", "time_share", "with_travel"]

LEAST_TRAVEL = "Least travel"

#: Share of the time limit that the search for less travel has: for an option more, and where the brief
#: asks for it.
_OPTION_SHARE, _ASKED_SHARE = 0.2, 0.4
#: Share of that for a plan that keeps the cap, where an option with least travel is wanted, too.
_CAP_SHARE = 0.7

#: Starts of the search in each place: the best by the rough estimate.
_STARTS = 3

# What one step was measured to take on one slow core: a proposal, and a proper estimate for v visits.
_PROPOSAL_S = 1.2e-4
_PAIR_S = 3e-9  # for each visit of a lot and area of it
_PROPER_S = 4e-7  # for each pair of visits of a lot
#: Part of the time that the steps are reckoned to fill on such a core.
_FILLED = 0.4
_MOST_TRIALS = 400


def time_share(lots: LotsBrief, options: int) -> float:
    """Share of the time limit in which plans with less travel are looked for; 0 to measure it only."""
    if lots.max_travel_minutes is not None or lots.minimise == "travel":
        return _ASKED_SHARE
    return _OPTION_SHARE if options > 1 else 0.0


@dataclass(slots=True)
class _Here:
    """One place: its arrays, and the rough estimate once it is wanted."""

    result: PlaceResult
    instance: Instance
    visits: int
    quick: QuickBurdens | None = None

    def part(self, plan: Plan) -> Ints:
        """Return a plan's lots here, by unit."""
        lots = plan.lots
        names = [lots[members[0]] for members in self.instance.members]
        return canonical(np.unique(names, return_inverse=True)[1].astype(np.int64))


class _Search:
    """Plans of the whole map with less travel."""

    def __init__(
        self, project: Project, service: str, lots: LotsBrief, found: Design, travel: LotTravel,
        today: pd.Series[str] | None, *, seed: int, seconds: float, stop: Stop,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.project, self.travel, self.lots, self.seed = project, travel, lots, seed
        self.demand = project.demand(service)
        self.today, self.progress, self.found = today, progress, found
        counts = travel.visits.groupby("area_code")["carers"].sum()
        self.places = [
            _Here(r, make_instance(
                r.place.name, r.place.codes, project.areas, project.graph, self.demand.frame,
                lots=r.place.lots, lo=r.place.lo, hi=r.place.hi, target=r.place.target, aims=found.aims,
                locks=project.brief.locks, today=today, people_known=self.demand.people_known,
            ), int(counts.reindex(list(r.place.codes)).sum()))
            for r in found.places
        ]
        plans = [o.plan for o in found.options] + [p.plan for p in found.front]
        self.plans = list(dict.fromkeys(plans))
        self._rough()
        self.seconds = seconds
        self.stop = Stop(seconds, stop.interrupted)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Say how far the search is."""
        if self.progress is not None:
            self.progress(Progress(stage, done, total))

    def _rough(self) -> None:
        free = [h for h in self.places if h.result.place.lots > 1]
        for number, here in enumerate(free):
            self.tell("Travel between visits", number, len(free))
            codes = [c for members in here.instance.members for c in members]
            here.quick = QuickBurdens(
                self.travel.visits, codes, self.travel.travel, rural=self.travel.rural,
                rule=self.travel.rule)

    def better(self, plans: Sequence[Plan], *, least: bool, cap: float | None, share: float, stage: str
               ) -> list[Ints]:
        """Look in every place; return the lots of its units."""
        free = [h for h in self.places if h.quick is not None]
        total = sum(h.instance.size for h in free)
        parts = []
        for number, here in enumerate(self.places):
            self.tell(stage, number, len(self.places))
            known = {(p := here.part(plan)).tobytes(): p for plan in plans}
            if here.quick is None:
                parts.append(next(iter(known.values())))
                continue
            problem = TravelProblem(
                instance=here.instance, quick=here.quick, burden=self.travel.lots.lot, cap_minutes=cap,
                least=least, slack_minutes=SLACK_MINUTES)
            starts = _starts(problem, list(known.values()))
            if not least and problem.worth(starts[0]).excess_minutes <= 0:
                parts.append(starts[0])
                continue
            effort = _effort(here, _FILLED * share * self.seconds * here.instance.size / total, len(starts))
            parts.append(less_travel(problem, starts, seed=self.seed, effort=effort, stop=self.stop))
        return parts

    def named(self, parts: Sequence[Ints], like: pd.Series[str] | None) -> Plan:
        """Name the lots of a plan."""
        works = []
        for here, lot in zip(self.places, parts, strict=True):
            work = Work(here.result.place, here.instance)
            work.take(Found(lot, value_of(here.instance, lot), 0.0))
            works.append(work)
        return name_lots(
            works, self.project.areas, self.demand.frame, like, people_known=self.demand.people_known)

    def results(self, plan: Plan) -> tuple[PlaceResult, ...]:
        """Say of each place what another plan costs there; what is proven stays as it is."""
        rows = []
        for here in self.places:
            lot = here.part(plan)
            value = value_of(here.instance, lot)
            rows.append(replace(
                here.result, objective=value, bound=min(here.result.bound, value),
                distance=here.instance.distance(lot),
                optimal=here.result.optimal and value <= here.result.objective * (1 + 1e-9)))
        return tuple(rows)

    def point(self, plan: Plan, title: str, how: str) -> FrontPoint:
        """Where a plan lies beside those of the front, with what is proven of its distance."""
        distance = moved = 0.0
        off = 0.0
        for here in self.places:
            instance, lot = here.instance, here.part(plan)
            distance += instance.distance(lot)
            if instance.target > 0:
                sums = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
                off = max(off, float(np.abs(sums / instance.target - 1).max()))
            if instance.zones:
                zone = match_zones(instance, lot)[lot]
                moved += float(instance.stay.sum() - instance.stay[zone >= 0, zone[zone >= 0]].sum())
        points = [*self.found.front, *(o.point for o in self.found.options if o.point is not None)]
        known = any(p.moved is not None for p in points)
        bounds = [p.bound for p in points
                  if p.deviation_pct >= 100 * off - 1e-9 and (p.moved is None or p.moved >= moved - 1e-9)]
        if self.found.aims.model_dump() == {"distance": 1.0, "equality": 0.0, "moved": 0.0, "mix": 0.0}:
            bounds.append(self.found.bound)
        return FrontPoint(
            title=title, plan=plan, distance=distance, deviation_pct=100 * off,
            moved=moved if known else None, bound=min(max(bounds, default=0.0), distance), within=None,
            how=how)

    def above(self, plan: Plan, cap: float | None) -> dict[str, float]:
        """Return the lots of a plan above the cap."""
        return above_cap(self.travel.of(plan), cap)

    def minutes(self, plan: Plan) -> float:
        """Minutes of travel a day."""
        return float(travel_facts(self.travel.of(plan))["travel_minutes_a_day"])


def _starts(problem: TravelProblem, parts: list[Ints]) -> list[Ints]:
    """Choose the starts: the first (the brief's own plan) and the best by the rough estimate."""
    own = parts[0]
    unit = np.repeat(np.arange(problem.instance.size), [len(m) for m in problem.instance.members])
    hours = problem.quick.contact_hours

    def rough(lot: Ints) -> list[tuple[float, float]]:
        areas = [np.flatnonzero(lot[unit] == k) for k in range(problem.instance.lots)]
        return [(problem.quick.minutes(a), float(hours[a].sum())) for a in areas]

    proper = sum(b.travel_minutes for b in problem.burdens(own))
    near = sum(m for m, _ in rough(own))
    ratio = proper / near if near > 0 and proper > 0 else 1.0

    def key(lot: Ints) -> tuple[float, float, list[int]]:
        lots = [(ratio * m, h) for m, h in rough(lot)]
        cap = problem.cap_minutes
        over = 0.0 if cap is None else sum(max(0.0, m - cap * h) for m, h in lots)
        other = sum(m for m, _ in lots) if problem.least else value_of(problem.instance, lot)
        return over, other, lot.tolist()

    return [own, *sorted(parts[1:], key=key)[: _STARTS - 1]]


def _effort(here: _Here, seconds: float, starts: int) -> Effort:
    """How many steps fill so many seconds on a slow core; by the place alone, never by the clock."""
    visits, areas = here.visits / here.instance.lots, len(here.result.place.codes) / here.instance.lots
    proposal = _PROPOSAL_S + 2 * _PAIR_S * visits * areas
    proper = 2e-3 + _PROPER_S * visits**2
    confirmed = 4 * starts * here.instance.lots * proper
    left = max(seconds - confirmed, seconds / 4)
    trials = int(min(_MOST_TRIALS, max(4, 0.4 * left / (2 * proper))))
    return Effort(proposals=max(400, int(0.6 * left / proposal)), trials=trials)


def with_travel(
    project: Project, service: str, lots: LotsBrief, found: Design, travel: LotTravel, *,
    options: int, seed: int, seconds: float, stop: Stop, today: pd.Series[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    acceptable: Callable[[Plan], Sequence[Reason]] | None = None,
) -> Design:
    """Look for plans that keep the cap on travel, and for the one with least travel.

    Parameters
    ----------
    project, service, lots
        The project, the service line and what the brief says of its lots.
    found
        What was designed without a look at travel.
    travel
        The estimate.
    options
        Plans that were asked for.
    seed
        Of the search.
    seconds
        Time for the search, once visits and travel times are there.
    stop
        Whose switch ends the search early.
    today
        Zone in force by area code.
    progress
        Told how far it is.
    acceptable
        As in :func:`lotting.design.solve.design`.

    Returns
    -------
    Design
        With ``travel`` set. The first option keeps the cap where a plan was found that does; else it
        is the plan with the least travel above it. With travel to minimise, it is the plan with the
        least travel found. Its bound is one on the cost.
    """
    cap, least = lots.max_travel_minutes, lots.minimise == "travel"
    search = _Search(
        project, service, lots, found, travel, today, seed=seed, seconds=seconds, stop=stop,
        progress=progress)
    extra = options > 1 and not least
    main, own = found.plan, found.plan
    both = cap is not None and extra and bool(search.above(own, cap))

    def fine(plan: Plan) -> bool:
        return acceptable is None or not acceptable(plan)

    if least or search.above(own, cap):
        parts = search.better(
            search.plans, least=least, cap=cap, share=_CAP_SHARE if both else 1.0,
            stage="Less travel" if least else "Travel within the cap")
        plan = search.named(parts, today)
        if plan != own and fine(plan):
            main = plan
    changed = main != own
    kept = not search.above(main, cap)
    result = found
    if changed:
        places = search.results(main)
        objective = float(sum(r.objective for r in places))
        bound = float(sum(r.bound for r in places))
        result = replace(
            found, plan=main, places=places, objective=objective, bound=bound,
            gap=(objective - bound) / objective if objective > 0 else None)
    settled = all(r.optimal and not (least and r.place.lots > 1) for r in result.places)
    result = replace(result, status=Status.OPTIMAL if settled else Status.FEASIBLE)
    shown = list(_first(search, result, main, changed=changed))
    shown += [o for o in _others(found, least=least) if o.plan not in {s.plan for s in shown}
              and (not changed or o.plan != own or least or not kept)
              and (cap is None or not kept or not search.above(o.plan, cap))]
    shown = shown[:max(1, options)]
    if extra:
        starts = list(dict.fromkeys([main, *(o.plan for o in shown), *search.plans]))
        parts = search.better(
            starts, least=True, cap=cap, share=1 - _CAP_SHARE if both else 1.0, stage="Less travel")
        plan = search.named(parts, main.lots)
        already = min(search.minutes(o.plan) for o in shown)
        if search.minutes(plan) < already * (1 - 1e-6) and fine(plan) and (
                not kept or not search.above(plan, cap)):
            shown.append(_option(search, plan, LEAST_TRAVEL, on_front=found.options[0].point is not None))
    front = found.front
    if changed:
        front = tuple(replace(p, title=_others(found, least=least)[0].title) if p.plan == own else p
                      for p in front)
    if cap is not None and kept:
        front = tuple(p for p in front if not search.stop() and not search.above(p.plan, cap))
    over = search.above(main, cap)
    return replace(
        result, options=tuple(shown), front=front,
        reproducible=found.reproducible and not search.stop.ran_out
        and not search.stop.interrupted.is_set(),
        stopped_by=("interrupted" if search.stop.interrupted.is_set() else
                    "time limit" if search.stop.ran_out else found.stopped_by),
        runtime_s=found.runtime_s + time.monotonic() - search.stop.started,
        travel=TravelFound(minimised=least, cap_minutes=cap, above=over))


def _first(search: _Search, result: Design, main: Plan, *, changed: bool) -> Iterator[Option]:
    if not changed:
        yield replace(search.found.options[0])
        return
    front = search.found.options[0].point is not None
    yield replace(_option(search, main, OWN, on_front=front), objective=result.objective)


def _option(search: _Search, plan: Plan, title: str, *, on_front: bool) -> Option:
    value = sum(r.objective for r in search.results(plan))
    point = search.point(plan, title, "travel between visits, by moving borders") if on_front else None
    return Option(title=title, plan=plan, objective=float(value), point=point)


def _others(found: Design, *, least: bool) -> list[Option]:
    """Return the options of the design, the first under another name: it is no longer the first."""
    title = "Most compact" if least else "Without the cap on travel"
    return [
        o if o.plan != found.plan else
        replace(o, title=title, point=None if o.point is None else replace(o.point, title=title))
        for o in found.options
    ]
