"""The whole front: what distance has to be paid for lots more alike, and for fewer people moved.

A plan is on the front when no other known plan is as short, as equal and as sparing, and better in
one of these. Two aims are traded against distance:

*Equality*, by epsilon-constraint (Haimes, Lasdon and Wismer 1971): the limits of every lot are drawn
closer round its target, step by step, and distance is minimised within them.

*People moved*, by prices: distance plus a price for each person who changes zone is minimised, and
the next price is the slope between two neighbours on the front (Aneja and Nair 1979). One price for
the whole map shares the moves out among the localities as is best for the map.

Every problem solved leaves a lower bound B (Lagrangian, :mod:`.bound`), and every bound serves every
plan: a plan with largest deviation d that moves M people has the certificate

    no plan at least as equal that moves no more people has a distance below B - price x M

for each B of limits no closer than d. The best of them is the plan's. Drawing limits closer, or
raising a price, cannot make anything shorter, so bounds are carried on from one problem to the next,
and places that already keep the closer limits are not searched again.

With prices each candidate centre is one for every zone that its lot may carry on; that two lots may
not carry on the same zone is left out of the bound, never of the plans.

References
----------
.. [1] Haimes, Y. Y., Lasdon, L. S. and Wismer, D. A. (1971), "On a bicriterion formulation of the
   problems of integrated system identification and system optimization", IEEE Transactions on
   Systems, Man, and Cybernetics SMC-1(3), 296-297.
.. [2] Aneja, Y. P. and Nair, K. P. K. (1979), "Bicriteria transportation problem", Management Science
   25(1), 73-78.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lotting.brief import Weights

from .bound import ROUNDS, Bound, lower_bound
from .crew import Job
from .instance import SLACK, Instance, Ints
from .options import undominated
from .search import Found, anneal_plan, canonical, explore_in_time, match_zones, shortfall, stream
from .stages import Stages
from .stop import Stop
from .work import Work

__all__ = [
    "Front", "Known", "Part", "bound_rounds", "key_of", "part_of", "totals", "trace", "with_prices",
]

#: Limits of a place drawn in by so many standard deviations of a lot; None where it has none.
Safer = Callable[[Work, float], tuple[float, float] | None]
#: Share of the time whose steps the front may take, and share of the time after which it is cut short.
_SHARE, _CLOCK = 0.25, 0.30
#: Each step of the front allows this part of the largest deviation of the one before ...
_CLOSER = 0.5
_LEVELS = 6
#: ... down to this share of the target: half an hour in a thousand.
_EQUAL_ENOUGH = 0.0005
#: Prices between the two ends.
_PRICES = 4
#: The other end: this many times the price at which 10 % of the distance is worth 5 % of the people.
_DEAR = 15.0
#: How far a plan is warmed up, in units of what an average unit costs at the rim of a lot; and how far
#: where that found no plan, or people moved have a price: such plans lie further off.
_WARM, _HOT = 0.3, 1.0
#: Fewer steps a unit than this are better spent on one good start than on several.
_THOROUGH = 3_000
#: Share of the time that bounds may take, and the units x candidate centres of a step that one slow
#: core is trusted with in a second; sets the steps, never the clock.
_BOUND_SHARE, _BOUND_PAIRS_A_SECOND = 0.10, 30_000_000
_BOUND_ROUNDS = 2
#: Larger models of a price than this (units x centres x zones) are left out.
_PRICED_SIZE = 4_000_000
_SETTLED = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A plan of one place, within the brief's limits, and what it is worth.

    Attributes
    ----------
    lot
        Lot of each unit, int64[n].
    distance
        Hess cost (hours x squared km).
    off
        Largest deviation of a lot from its target, as a share of the target.
    moved
        People (or hours) that do not carry on their zone of today.
    mix
        Rural hours by which the lots miss the rural share of the place.
    least, most
        Weekly hours of the smallest and the largest lot.
    """

    lot: Ints
    distance: float
    off: float
    moved: float
    mix: float
    least: float
    most: float

    def within(self, lo: float, hi: float) -> bool:
        """Whether every lot keeps these limits."""
        return self.least >= lo - SLACK and self.most <= hi + SLACK


def part_of(instance: Instance, lot: Ints) -> Part:
    """Measure a plan of a place."""
    sums = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
    rural = np.bincount(lot, weights=instance.rural, minlength=instance.lots)
    zone = match_zones(instance, lot)[lot]
    stays = float(instance.stay[np.flatnonzero(zone >= 0), zone[zone >= 0]].sum())
    off = float(np.abs(sums - instance.target).max())
    return Part(
        lot=lot, distance=instance.distance(lot), off=off / instance.target if instance.target > 0 else 0.0,
        moved=float(instance.stay.sum()) - stays,
        mix=float(np.abs(rural - instance.rural_share * sums).sum()),
        least=float(sums.min()), most=float(sums.max()),
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one problem of a place: limits and price, the best plan and a bound.

    Attributes
    ----------
    lo, hi
        Weekly hours a lot may hold.
    price
        Hours x squared km that one person moved is worth.
    best
        The best plan found, if any.
    bound
        No plan within the limits has distance + price x moved below this.
    """

    lo: float
    hi: float
    price: float
    best: Part | None
    bound: float


@dataclass(slots=True)
class Front:
    """The front as it grows: for each place, its plans and what is known of them.

    Attributes
    ----------
    works
        The places, with the brief's own limits.
    pools
        Plans of each place, by their lots.
    known
        Problems solved in each place.
    levels
        Shares of the target within which every lot of every place could be held; inf for the
        brief's own limits.
    prices
        Prices tried.
    made
        Whole plans, a part for each place, and how each was made.
    """

    works: Sequence[Work]
    pools: list[dict[bytes, Part]] = field(default_factory=list)
    known: list[list[Known]] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    made: dict[tuple[bytes, ...], tuple[tuple[Part, ...], str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pools = [{} for _ in self.works]
        self.known = [[] for _ in self.works]
        for i, work in enumerate(self.works):
            for found in [work.found, *work.pool]:
                self.keep(i, found.lot)
            aims = work.instance.aims
            if aims.distance and not (aims.equality or aims.moved or aims.mix):
                # What the brief asked for is the first problem of the front.
                own = self.pools[i][key_of(work.lot)]
                bound = min(work.bound / aims.distance, own.distance)
                self.known[i].append(Known(work.instance.lo, work.instance.hi, 0.0, own, bound))

    @property
    def zones(self) -> bool:
        """Whether people moved can be counted."""
        return any(w.instance.zones for w in self.works)

    @property
    def own(self) -> tuple[Part, ...]:
        """The brief's own plan."""
        return tuple(self.pools[i][key_of(w.lot)] for i, w in enumerate(self.works))

    def keep(self, place: int, lot: Ints) -> None:
        """Keep a plan of a place if it keeps the brief's limits and locks."""
        lot = canonical(lot)
        key = key_of(lot)
        if key not in self.pools[place] and self.works[place].instance.feasible(lot):
            self.pools[place][key] = part_of(self.works[place].instance, lot)

    def limits(self, place: int, within: float) -> tuple[float, float]:
        """The brief's limits of a place, and no further from its target than ``within``."""
        p = self.works[place].place
        lo, hi = p.lo, p.hi
        if np.isfinite(within):
            lo, hi = max(lo, p.target * (1 - within)), min(hi, p.target * (1 + within))
        return lo, hi

    def best(self, place: int, lo: float, hi: float, price: float) -> Part | None:
        """Of the plans that keep the limits, the one with least distance + price x moved."""
        fitting = [p for p in self.pools[place].values() if p.within(lo, hi)]
        return min(
            fitting, key=lambda p: (_value(p, price), p.off, p.moved, p.lot.tolist()), default=None
        )

    def bound(self, place: int, lo: float, hi: float, price: float) -> float:
        """Lower bound carried on from problems with no closer limits and no higher price."""
        return max((
            k.bound for k in self.known[place]
            if k.lo <= lo + SLACK and k.hi >= hi - SLACK and k.price <= price * (1 + 1e-12)
        ), default=0.0)

    def searched(self, place: int, lo: float, hi: float, price: float) -> bool:
        """Whether the best plan of the same problem with wider limits keeps these as well."""
        return any(
            k.best is not None and k.price == price and k.lo <= lo + SLACK and k.hi >= hi - SLACK
            and k.best.within(lo, hi) for k in self.known[place]
        )

    def certificate(self, parts: Sequence[Part]) -> float:
        """Lower bound on the distance of plans as equal as this one that move no more people."""
        distance, off, moved = totals(parts)[:3]
        best = 0.0
        for price in sorted({0.0, *self.prices}):
            if price and not self.zones:
                continue
            bounds = [
                self.bound(i, *self.limits(i, off * (1 + 1e-9)), price) for i in range(len(self.works))
            ]
            best = max(best, sum(bounds) - price * moved)
        return min(best, distance)

    def add(self, parts: Iterable[Part], how: str) -> None:
        """Keep a whole plan, and how it was first made."""
        parts = tuple(parts)
        self.made.setdefault(tuple(key_of(p.lot) for p in parts), (parts, how))

    def mix(self) -> None:
        """Put whole plans together: for every level and price the best part of every place."""
        for within, price in itertools.product(
            sorted({np.inf, *self.levels}, reverse=True), sorted({0.0, *self.prices})
        ):
            parts = [
                self.best(i, *self.limits(i, within), price) for i in range(len(self.works))
            ]
            if all(p is not None for p in parts):
                self.add([p for p in parts if p is not None], _how(within, price))

    def points(self) -> list[tuple[tuple[Part, ...], str]]:
        """Plans that no other beats or equals in distance, largest deviation and people moved."""
        made = sorted(self.made.values(), key=lambda m: (totals(m[0])[:3], m[1]))
        left = undominated([totals(parts)[:3] for parts, _ in made])
        return [made[i] for i in left]


def totals(parts: Sequence[Part]) -> tuple[float, float, float, float]:
    """Distance, largest deviation (share of the target), people moved and missed mix of a plan."""
    return (
        sum(p.distance for p in parts), max(p.off for p in parts),
        sum(p.moved for p in parts), sum(p.mix for p in parts),
    )


def _value(part: Part, price: float) -> float:
    return part.distance + price * part.moved


def key_of(lot: Ints) -> bytes:
    """Tell plans of a place apart, whatever their lots are numbered."""
    return canonical(lot).astype(np.int32).tobytes()


def _how(within: float, price: float) -> str:
    parts = ["least distance"]
    if np.isfinite(within):
        parts.append(f"every lot within {100 * within:.2g} % of its target")
    if price:
        parts.append(f"{price:,.0f} h km2 for each person moved")
    return "; ".join(parts)


def bound_rounds(seconds: float, size: int) -> tuple[int, ...]:
    """Steps of each round of a bound, when all places together have this many units x centres."""
    most = int(seconds * _BOUND_PAIRS_A_SECOND / max(size, 1)) // _BOUND_ROUNDS
    return tuple(max(10, min(r, most)) for r in ROUNDS[:_BOUND_ROUNDS])


def with_prices(instance: Instance, price: float) -> Instance:
    """Return a problem whose distance is distance + price x moved, with a centre for every zone.

    Only the bound can use it: nothing keeps two lots from carrying on the same zone.
    """
    zones = len(instance.zones)
    known = instance.stay.sum(axis=1)
    costs = [instance.cost + price * (known - instance.stay[:, z])[:, None] for z in range(zones)]
    return replace(
        instance, cost=np.hstack(costs), centres=instance.centres * zones,
        centre_unit=np.tile(instance.centre_unit, zones), aims=Weights(distance=1.0),
    )


def reheat(
    instance: Instance, lot: Ints, *, seed: int, number: int, steps: int, heat: float, stop: Stop
) -> Found | None:
    """Warm a plan up so far and cool it again; None when it is time to stop."""
    if stop():
        return None
    rng = stream(seed, instance.name, instance.aims, "front", number, heat)
    return anneal_plan(instance, lot, rng, steps=steps, stop=stop, heat=heat)


class _Tracer:
    """Solves the problems of a front one after another, each in all places at once."""

    def __init__(self, stages: Stages, front: Front) -> None:
        self.stages = stages
        self.front = front
        self.clock = Stop(min(stages.stop.left(), _CLOCK * stages.seconds), stages.stop.interrupted)
        self.problems = 0
        #: The last bound of each place and price: where the next one begins.
        self.proofs: dict[tuple[int, float], Bound] = {
            (i, 0.0): w.proof for i, w in enumerate(front.works) if w.proof is not None
        }
        #: Problems that may have to be solved, among which the steps are shared out.
        self.planned = 2 + _LEVELS + 2 + (_PRICES + 3 if front.zones else 0)

    def solve(
        self, limits: Sequence[tuple[float, float]], price: float, stage: str
    ) -> list[Part] | None:
        """Least distance + price x moved within the limits of each place; None where none was found."""
        front, number = self.front, self.problems
        self.problems += 1
        if any(
            lo > hi or w.instance.lots * lo > w.instance.total_hours + SLACK
            or w.instance.lots * hi < w.instance.total_hours - SLACK
            for w, (lo, hi) in zip(front.works, limits, strict=True)
        ):
            return None
        aims = Weights(distance=1.0, moved=price if front.zones else 0.0)
        instances = [
            w.instance.with_limits(lo, hi).with_aims(aims)
            for w, (lo, hi) in zip(front.works, limits, strict=True)
        ]
        # Where the problem with wider limits has been searched, its plan and its bound are carried on.
        hunt = [
            i for i in range(len(instances))
            if not self._settled(i, limits[i], price) and not front.searched(i, *limits[i], price)
        ]
        self._search(instances, hunt, price, number, stage)
        lost = [i for i in hunt if front.best(i, *limits[i], price) is None]
        if lost and not self.clock():
            # Too far from the plans known: shake them harder.
            self._search(instances, lost, price, number, stage, anew=True)
        found = [front.best(i, *limits[i], price) for i in range(len(instances))]
        if all(part is not None for part in found):
            # Without a plan for every place there is no point for a bound to say anything of.
            self._bound(
                instances, [i for i in hunt if not self._settled(i, limits[i], price)], found, price, stage
            )
        for i, (lo, hi) in enumerate(limits):
            bound = front.bound(i, lo, hi, price)
            front.known[i].append(Known(lo, hi, price, found[i], bound))
        parts = [part for part in found if part is not None]
        return parts if len(parts) == len(found) else None

    def _settled(self, place: int, limits: tuple[float, float], price: float) -> bool:
        best = self.front.best(place, *limits, price)
        return best is not None and (
            self.front.bound(place, *limits, price) >= _value(best, price) * (1 - _SETTLED)
        )

    def _search(
        self, instances: Sequence[Instance], places: Sequence[int], price: float, number: int, stage: str,
        *, anew: bool = False,
    ) -> None:
        if not places:
            return
        front, stages = self.front, self.stages
        works = [Work(front.works[i].place, instances[i]) for i in places]
        steps = stages.steps(works, _SHARE / self.planned, 1)
        jobs: list[Job[Found | None]] = []
        whose: list[int] = []
        for i in places:
            instance = instances[i]
            thorough = steps[instance.name] >= _THOROUGH * instance.size
            starts = self._starts(i, instance, price)[:2 if thorough else 1]
            runs = len(starts) + (1 if thorough or price else 0)
            options = {"seed": stages.run.seed, "steps": steps[instance.name] // runs}
            warm = {"heat": _HOT if anew or price else _WARM}
            if runs > len(starts):
                # Today's zones are where few people move; elsewhere a start of its own.
                start = 0 if price and not anew else 1000 + number
                jobs.append(Job(explore_in_time, self.clock, (instance,), {**options, "start": start}))
            jobs += [
                Job(reheat, self.clock, (instance, part.lot), {**options, **warm, "number": 10 * number + j})
                for j, part in enumerate(starts)
            ]
            whose += [i] * runs
        found: dict[int, Found | None] = {}
        stages.crew.run(f"Options: {stage}", jobs, found.__setitem__)
        for j in sorted(found):
            result = found[j]
            if result is not None and np.isfinite(result.value):
                front.keep(whose[j], result.lot)

    def _starts(self, place: int, instance: Instance, price: float) -> list[Part]:
        """Give the plan that misses the limits least for its value, and the one that misses them least."""
        pool = list(self.front.pools[place].values())
        total = max(instance.total_hours, 1e-9)

        def rank(part: Part, strict: float) -> tuple[float, float, list[int]]:
            miss = shortfall(instance, part.lot)
            value = _value(part, price)
            return (miss if strict else 0.0), value * (1 + 20 * miss / total), part.lot.tolist()

        starts = [min(pool, key=lambda p: rank(p, 0.0)), min(pool, key=lambda p: rank(p, 1.0))]
        return starts[:1] if starts[0] is starts[1] else starts

    def _bound(
        self, instances: Sequence[Instance], places: Sequence[int], found: Sequence[Part | None],
        price: float, stage: str,
    ) -> None:
        front = self.front
        jobs: list[Job[Bound]] = []
        whose: list[int] = []
        copies = [max(1, len(instances[i].zones)) if price else 1 for i in places]
        size = sum(instances[i].cost.size * c for i, c in zip(places, copies, strict=True))
        rounds = bound_rounds(_BOUND_SHARE * self.stages.run.time_limit_s / self.planned, size)
        for i in places:
            instance, part = instances[i], found[i]
            assert part is not None
            if price and instance.zones:
                if instance.cost.size * len(instance.zones) > _PRICED_SIZE:
                    continue
                instance = with_prices(instance, price)
            else:
                instance = instance.with_aims(Weights(distance=1.0))
            jobs.append(Job(lower_bound, self.clock, (instance, part.lot), {
                "cutoff": _value(part, price), "rounds": rounds, "before": self._before(i, price),
            }))
            whose.append(i)
        bounds: dict[int, Bound] = {}
        self.stages.crew.run(f"Options: {stage}, how good", jobs, bounds.__setitem__)
        for j in sorted(bounds):
            i = whose[j]
            lo, hi = instances[i].lo, instances[i].hi
            front.known[i].append(Known(lo, hi, price, found[i], bounds[j].value))
            self.proofs[i, price] = bounds[j]

    def _before(self, place: int, price: float) -> Bound | None:
        """Where to begin a bound: any multipliers give one, and those of a like problem a good one."""
        near = [p for i, p in self.proofs if i == place]
        if not near:
            return None
        proof = self.proofs[place, min(near, key=lambda p: (abs(p - price), p))]
        return replace(proof, multipliers=proof.multipliers[-1:])

    def level(self, within: float, price: float) -> list[Part] | None:
        """Solve for lots within a share of their targets."""
        limits = [self.front.limits(i, within) for i in range(len(self.front.works))]
        words = "most compact" if not np.isfinite(within) else f"within {100 * within:.2g} %"
        return self.solve(limits, price, words if not price else f"{words}, fewer moved")


def trace(stages: Stages, works: Sequence[Work], *, safer: Safer | None) -> Front:
    """Trace the front of a design until its steps (or the clock) are spent.

    Parameters
    ----------
    stages
        Crew, brief, seed and clock.
    works
        Every place with its plan.
    safer
        Limits of a place drawn in by so many standard deviations of a lot; None for a place without
        limits. Left out where no chance is to be worked out.

    Returns
    -------
    Front
    """
    front = Front(works)
    tracer = _Tracer(stages, front)
    front.prices.append(0.0)
    front.add(front.own, "the brief's own aims")
    first = tracer.level(np.inf, 0.0)
    if first is not None:
        _equality(tracer, first)
        if front.zones and not tracer.clock():
            _moved(tracer, first)
    if safer is not None:
        _safety(tracer, safer)
    front.mix()
    stages.cut_short |= tracer.clock.ran_out
    return front


def _equality(tracer: _Tracer, first: Sequence[Part]) -> None:
    """Draw the limits closer until no plan is found, then once half-way back."""
    front, off = tracer.front, totals(first)[1]
    failed = 0.0
    for _ in range(_LEVELS):
        within = _CLOSER * off if not failed else float(np.sqrt(failed * off))
        if within < _EQUAL_ENOUGH or within > 0.95 * off or tracer.clock():
            return
        parts = tracer.level(within, 0.0)
        if parts is not None:
            front.levels.append(within)
            off = totals(parts)[1]
        elif failed:
            return
        else:
            failed = within


def _moved(tracer: _Tracer, first: Sequence[Part]) -> None:
    """Raise the price of a person moved: both ends first, then where the front is least known."""
    front = tracer.front
    distance = totals(first)[0]
    people = sum(float(w.instance.people.sum()) for w in front.works)
    dear = _DEAR * 0.1 * max(distance, 1e-9) / max(0.05 * people, 1e-9)
    last = tracer.level(np.inf, dear)
    if last is None:
        return
    front.prices.append(dear)
    ends = [totals(first), totals(last)]
    if ends[0][2] <= ends[1][2]:
        return
    slope = _slope(ends[0], ends[1])
    gaps = [(ends[0], ends[1])]
    for _ in range(_PRICES):
        if not gaps or tracer.clock():
            break
        gaps.sort(key=lambda g: ((g[1][0] - g[0][0]) * (g[0][2] - g[1][2]), g))
        left, right = gaps.pop()
        price = _slope(left, right)
        parts = tracer.level(np.inf, price)
        if parts is None:
            continue
        front.prices.append(price)
        mid = totals(parts)
        if mid[0] + price * mid[2] < (left[0] + price * left[2]) * (1 - 1e-9):
            gaps += [g for g in ((left, mid), (mid, right)) if g[0][2] > g[1][2] and g[1][0] > g[0][0]]
    # Between the two tracks: lots more alike and fewer people moved at once.
    for within in _picked(front.levels):
        if tracer.clock():
            break
        tracer.level(within, slope)
    front.prices.append(slope)


def _picked(levels: Sequence[float]) -> list[float]:
    """Give the level in the middle and the closest."""
    return sorted({levels[(len(levels) - 1) // 2], levels[-1]}, reverse=True) if levels else []


def _slope(left: Sequence[float], right: Sequence[float]) -> float:
    """Distance that one person fewer costs between two points."""
    return max((right[0] - left[0]) / (left[2] - right[2]), 1e-9)


def _safety(tracer: _Tracer, safer: Safer) -> None:
    """Keep lots away from their limits by one standard deviation, and by two."""
    front = tracer.front
    for z in (1.0, 2.0):
        if tracer.clock():
            return
        limits = []
        for i, work in enumerate(front.works):
            inner = safer(work, z)
            limits.append(front.limits(i, np.inf) if inner is None else inner)
        parts = tracer.solve(limits, 0.0, "least risk")
        if parts is None:
            return
        front.add(parts, f"least distance; every lot {z:.0f} standard deviations inside its limits")
