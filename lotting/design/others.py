"""The options of a design: plans off its front, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lotting.brief import RobustBrief
from lotting.errors import InfeasibleError, Reason
from lotting.plan import Plan
from lotting.robust import draw, lot_spread

from .front import Front, Part, key_of, totals, trace
from .naming import name_lots
from .options import Candidate, balanced, choose, dominates
from .search import Found, value_of
from .stages import Stages
from .work import Work

__all__ = ["FrontPoint", "Futures", "Option", "Options", "accepted", "assemble", "trace_options"]

Bools = npt.NDArray[np.bool_]
Acceptable = Callable[[Plan], Sequence[Reason]]
OWN = "The brief's own aims"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """A plan, what it is worth and how much better it could be.

    Attributes
    ----------
    title
        What it is best in, or better in than the brief's own plan.
    plan
        The plan.
    distance
        Hess cost (weekly hours x squared km).
    deviation_pct
        Largest deviation of a lot from its target, per cent of the target.
    moved
        People (or hours) that change zone; None without zones.
    bound
        No plan within the rules that is at least as equal and moves no more people has a smaller
        distance; 0 where nothing is known.
    within
        Share of the scenarios of demand in which every lot stays within its limits; None where
        none were tried, or there are no limits.
    how
        What was minimised within which limits.
    """

    title: str
    plan: Plan
    distance: float
    deviation_pct: float
    moved: float | None
    bound: float
    within: float | None
    how: str

    @property
    def gap(self) -> float | None:
        """Share by which the distance could at most be smaller; None when it is 0."""
        return (self.distance - self.bound) / self.distance if self.distance > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A plan to show beside the others.

    Attributes
    ----------
    title
        What it is best in.
    plan
        The plan.
    objective
        Its value by the brief's own aims.
    point
        Where it lies on the front, with its certificate; None where no front was traced.
    """

    title: str
    plan: Plan
    objective: float
    point: FrontPoint | None = None


class Futures:
    """The scenarios of demand, place by place."""

    def __init__(self, stages: Stages, works: Sequence[Work], robust: RobustBrief) -> None:
        drawn = draw(stages.demand, robust, seed=stages.run.seed, people_known=stages.people_known)
        at = {code: i for i, code in enumerate(drawn.codes)}
        self.works = works
        self.hours = []
        for work in works:
            columns = [drawn.hours[:, [at[c] for c in unit]].sum(axis=1) for unit in work.instance.members]
            self.hours.append(np.column_stack(columns))
        self._kept: dict[tuple[int, bytes], Bools] = {}

    def kept(self, place: int, part: Part) -> Bools:
        """Scenarios in which every lot of a place stays within the brief's limits."""
        key = place, part.lot.tobytes()
        if key not in self._kept:
            instance = self.works[place].instance
            member = np.zeros((instance.size, instance.lots))
            member[np.arange(instance.size), part.lot] = 1.0
            loads = self.hours[place] @ member
            limits = self.works[place].place
            self._kept[key] = np.asarray(
                ((loads >= limits.lo - 1e-6) & (loads <= limits.hi + 1e-6)).all(axis=1), dtype=np.bool_
            )
        return self._kept[key]

    def within(self, parts: Sequence[Part]) -> float:
        """Share of the scenarios in which every lot of a plan stays within the brief's limits."""
        kept = [self.kept(i, part) for i, part in enumerate(parts)]
        return float(np.logical_and.reduce(kept).mean())

    def safest(self, front: Front) -> list[Part]:
        """Put the part of every place together that leaves its limits least often; then the shortest."""
        return [
            min(pool.values(), key=lambda p: (-int(self.kept(i, p).sum()), p.distance, p.lot.tolist()))
            for i, pool in enumerate(front.pools)
        ]


@dataclass(frozen=True, slots=True)
class Options:
    """All that the options are chosen from."""

    front: Front
    futures: Futures | None


def trace_options(stages: Stages, works: Sequence[Work], robust: RobustBrief | None) -> Options:
    """Trace the front; what is better by the brief's own aims on the way is taken over."""
    limited = any(w.place.lo > 0 or np.isfinite(w.place.hi) for w in works)
    futures = Futures(stages, works, robust) if robust and robust.scenarios and limited else None

    def safer(work: Work, z: float) -> tuple[float, float] | None:
        assert robust is not None
        place = work.place
        spread = z * lot_spread(
            stages.demand.loc[list(place.codes)], robust.noise_pct, place.lots,
            people_known=stages.people_known,
        )
        low, high = (1 + g / 100 for g in robust.growth_pct)
        lo = place.lo if place.lo <= 0 else max(place.lo, (place.lo + spread) / low)
        hi = min(place.hi, (place.hi - spread) / high)
        return (lo, hi) if lo <= hi else None

    front = trace(stages, works, safer=safer if futures else None)
    if futures:
        front.add(futures.safest(front), "least chance that a lot leaves its limits, place by place")
    for i, work in enumerate(works):
        parts = sorted(front.pools[i].values(), key=lambda p: p.lot.tolist())
        stages.adopt(work, [Found(p.lot, 0.0, 0.0) for p in parts])
        for part in parts:
            own = front.pools[i][key_of(work.lot)]
            if dominates(_aims(part, work), _aims(own, work)):
                # As good by the brief's own aims, and better in others.
                work.best = replace(work.found, lot=part.lot, value=value_of(work.instance, part.lot))
    front.add(front.own, "the brief's own aims")
    return Options(front, futures)


def _aims(part: Part, work: Work) -> tuple[float, ...]:
    sums = np.bincount(part.lot, weights=work.instance.hours, minlength=work.instance.lots)
    return (
        part.distance, float(np.abs(sums - work.instance.target).sum()), part.off, part.moved, part.mix,
    )


def accepted(
    stages: Stages, works: list[Work], options: Options | None, acceptable: Acceptable
) -> tuple[list[Work], Options | None]:
    """Put an acceptable plan in the place of one that is not.

    Raises
    ------
    InfeasibleError
        Not one of the plans found is acceptable; with the reasons against the first.
    """
    reasons = acceptable(_named(stages, works, None))
    if not reasons:
        return works, options
    options = options or trace_options(stages, works, None)
    instead = [_as_works(works, parts) for parts, _ in options.front.made.values()]
    for taken in sorted(instead, key=lambda ws: (sum(w.value for w in ws), [w.found.rank for w in ws])):
        if not acceptable(_named(stages, taken, None)):
            return taken, options
    raise InfeasibleError(reasons)


def _as_works(works: Sequence[Work], parts: Sequence[Part]) -> list[Work]:
    """Return the places with the parts of another plan."""
    return [
        replace(w, best=Found(p.lot, value_of(w.instance, p.lot), 0.0), pool=[],
                optimal=w.optimal and p.lot.tobytes() == w.lot.tobytes())
        for w, p in zip(works, parts, strict=True)
    ]

# -- plans -------------------------------------------------------------------------------


def assemble(
    stages: Stages, works: Sequence[Work], options: Options | None, acceptable: Acceptable | None = None
) -> tuple[Plan, tuple[Option, ...], tuple[FrontPoint, ...]]:
    """Name the lots, choose the options and list the front.

    Returns
    -------
    plan
        The brief's own plan.
    options
        The plans to show; the first is ``plan``.
    front
        The plans that no other beats or equals in distance, largest deviation and people moved,
        the shortest first.
    """
    plan = _named(stages, works, None)
    objective = float(sum(w.value for w in works))
    if options is None or stages.run.options < 2:
        return plan, (Option(title=OWN, plan=plan, objective=objective),), ()
    front, futures = options.front, options.futures
    own = [front.pools[i][key_of(w.lot)] for i, w in enumerate(works)]
    front.add(own, "the brief's own aims")
    on_front = front.points()
    entries = {_identity(parts): (parts, how) for parts, how in on_front}
    safest = _safest(front, futures)
    if safest is not None:
        entries.setdefault(_identity(safest[0]), safest)
    entries.pop(_identity(own), None)
    plans = [(own, "the brief's own aims"), *entries.values()]
    titles = _titles(
        [parts for parts, _ in plans], None if safest is None else safest[0], zones=front.zones
    )

    def point(title: str, parts: Sequence[Part], how: str) -> FrontPoint:
        distance, off, moved, _ = totals(parts)
        named = plan if title == OWN else _named(stages, _as_works(works, parts), plan)
        return FrontPoint(
            title=title, plan=named, distance=distance, deviation_pct=100 * off,
            moved=moved if front.zones else None, bound=max(0.0, front.certificate(parts)),
            within=None if futures is None else futures.within(parts), how=how,
        )

    points = [point(title, *entry) for title, entry in zip(titles, plans, strict=True)]
    chosen = _choose(stages, [parts for parts, _ in plans], points, acceptable)
    seen: dict[str, int] = {}
    shown: list[Option] = []
    for i in chosen:
        title = points[i].title
        seen[title] = seen.get(title, 0) + 1
        worth = sum(value_of(w.instance, p.lot) for w, p in zip(works, plans[i][0], strict=True))
        shown.append(Option(
            title=title if seen[title] == 1 else f"{title} ({seen[title]})", plan=points[i].plan,
            objective=float(worth) if i else objective, point=points[i],
        ))
    undominated_plans = {_identity(parts) for parts, _ in on_front}
    listed = [
        p for p, (parts, _) in zip(points, plans, strict=True) if _identity(parts) in undominated_plans
    ]
    return plan, tuple(shown), tuple(sorted(listed, key=lambda p: (p.distance, p.deviation_pct, p.how)))


def _choose(
    stages: Stages, plans: Sequence[Sequence[Part]], points: Sequence[FrontPoint],
    acceptable: Acceptable | None,
) -> list[int]:
    """Choose, the first for certain, until all that is chosen is acceptable."""
    codes = [str(c) for c in stages.areas.index]
    weigh = stages.demand.loc[codes, "people" if stages.people_known else "weekly_hours"].to_numpy(float)
    candidates = []
    for i, (parts, p) in enumerate(zip(plans, points, strict=True)):
        aims = [p.distance, p.deviation_pct]
        aims += [] if p.moved is None else [p.moved]
        aims += [totals(parts)[3]] if stages.lots.aims.mix else []
        aims += [] if p.within is None else [1.0 - p.within]
        candidates.append(Candidate(f"{i:06d}", tuple(p.plan.aligned(codes)), tuple(aims)))
    tested = {0: True}
    while True:
        chosen = [int(c.title) for c in choose(
            candidates, weigh, stages.run.options, weighed=2 if points[0].moved is None else 3
        )]
        for i in chosen:
            if i not in tested:
                tested[i] = acceptable is None or not acceptable(points[i].plan)
        if all(tested[i] for i in chosen):
            return chosen
        candidates = [c for c in candidates if tested.get(int(c.title), True)]


def _safest(front: Front, futures: Futures | None) -> tuple[tuple[Part, ...], str] | None:
    """Find the plan that stays within its limits in most scenarios; None where none ever does."""
    if futures is None:
        return None
    best = max(
        front.made.values(), key=lambda m: (futures.within(m[0]), -totals(m[0])[0], m[1])
    )
    return best if futures.within(best[0]) > 0 else None


def _identity(parts: Sequence[Part]) -> tuple[bytes, ...]:
    return tuple(p.lot.tobytes() for p in parts)


def _titles(
    plans: Sequence[Sequence[Part]], safest: Sequence[Part] | None, *, zones: bool
) -> list[str]:
    """Say of each plan what it is best in, or else better in than the first, the brief's own."""
    worth = [totals(parts)[:3 if zones else 2] for parts in plans]
    best = ("Most compact", "Most equal", "Fewest people moved")
    better = ("more compact", "more equal", "fewer people moved")
    titles = {0: OWN}
    for aim, title in enumerate(best[:len(worth[0])]):
        titles.setdefault(min(range(len(plans)), key=lambda i, a=aim: (worth[i][a], worth[i], i)), title)  # type: ignore[misc]
    for i, parts in enumerate(plans):
        if safest is not None and _identity(parts) == _identity(safest):
            titles.setdefault(i, "Least risk")
    if len(plans) > 1:
        titles.setdefault(1 + balanced(worth[1:]), "Balanced")
    for i, values in enumerate(worth):
        words = [w for w, v, m in zip(better, values, worth[0], strict=False) if v < m * (1 - 1e-9)]
        titles.setdefault(i, ", ".join(words).capitalize() or "Another balance")
    return [titles[i] for i in range(len(plans))]


def _named(stages: Stages, works: Sequence[Work], like: Plan | None) -> Plan:
    old: Any = stages.today if like is None else like.lots
    return name_lots(works, stages.areas, stages.demand, old, people_known=stages.people_known)
