"""Less travel by moving borders: areas change lot, or two of them swap, within every rule.

The estimate of travel (:mod:`lotting.travel.burden`) is no sum over areas, so neither the bound nor the
exact model of the design can hold it. What can be done is to start from good plans and to move their
borders. A move is judged by the rough estimate (:class:`~lotting.travel.burden_plan.QuickBurdens`),
scaled in each lot to what the proper one said of it last; what comes out is confirmed by the proper
one. Nothing is proven: that no better plan was found does not mean that there is none.

Every plan on the way keeps the hours, the locks and the connection of every lot, and the plan returned
is never worse than the best it began with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lotting.travel.burden import Burden
from lotting.travel.burden_plan import QuickBurdens

from .instance import SLACK, Instance, Ints
from .kernels import connected_without
from .search import canonical, match_zones, stream, value_of
from .stop import Stop

__all__ = ["Effort", "TravelProblem", "Worth", "less_travel"]

#: What a minute of travel above the cap costs, in minutes of travel.
_PRICE = 20.0
#: Anneals from each start, each cooler than the one before.
_ROUNDS = 4
_HEAT = (1.0, 0.5, 0.25, 0.25)
_COLD = 0.01  # last temperature over first
_SAMPLE = 40  # moves that set the temperature
_SHAKE = 60  # proposals that shake a plan
_ASK = 64  # proposals between two looks at the clock
_CLOSER = 1e-9


@dataclass(frozen=True, slots=True, order=True)
class Worth:
    """What a plan of a place is worth, less is better, the first figure deciding.

    Attributes
    ----------
    excess_minutes
        Minutes of travel a day above the cap, all lots together; 0 where it is kept.
    other
        Minutes of travel a day, or the brief's own objective.
    """

    excess_minutes: float
    other: float


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look: proposals by the rough estimate, trials by the proper one."""

    proposals: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TravelProblem:
    """One place, and what is wanted of the travel in its lots.

    Attributes
    ----------
    instance
        The place.
    quick
        Rough estimate; its areas are those of the place, unit after unit, in the order of
        ``instance.members``.
    burden
        Proper estimate of the lot of these areas; asked for the same lots again and again.
    cap_minutes
        Most travel minutes per contact hour in any lot; None for no cap.
    least
        Minimise travel; the brief's own objective otherwise.
    slack_minutes
        Minutes per contact hour by which the cap may be missed.
    """

    instance: Instance
    quick: QuickBurdens
    burden: Callable[[Sequence[str]], Burden]
    cap_minutes: float | None = None
    least: bool = True
    slack_minutes: float = 1e-6

    def codes(self, lot: Ints, k: int) -> list[str]:
        """Area codes of a lot."""
        return [c for u in np.flatnonzero(lot == k) for c in self.instance.members[int(u)]]

    def burdens(self, lot: Ints) -> list[Burden]:
        """Proper estimate of every lot."""
        return [self.burden(self.codes(lot, k)) for k in range(self.instance.lots)]

    def worth(self, lot: Ints) -> Worth:
        """What a plan is worth by the proper estimate."""
        found = self.burdens(lot)
        excess = 0.0
        if self.cap_minutes is not None:
            for b in found:
                over = b.travel_minutes - self.cap_minutes * b.contact_hours
                excess += over if over > self.slack_minutes * b.contact_hours else 0.0
        return Worth(excess, sum(b.travel_minutes for b in found) if self.least
                     else value_of(self.instance, lot))


def less_travel(
    problem: TravelProblem, starts: Sequence[Ints], *, seed: int, effort: Effort, stop: Stop
) -> Ints:
    """Move the borders of plans of one place for less travel, or to keep the cap.

    Parameters
    ----------
    problem
        The place.
    starts
        Plans that keep every rule (the cap aside), int64[units] each.
    seed
        Of the random stream.
    effort
        Shared among the starts.
    stop
        Asked between steps.

    Returns
    -------
    Lot of each unit, lots numbered by their first units. Never worse than the best start.
    """
    known = {canonical(s).tobytes(): canonical(s) for s in starts}
    ranked = sorted(((problem.worth(s), s.tolist(), s) for s in known.values()), key=lambda r: r[:2])
    best_worth, _, best = ranked[0]
    if problem.instance.lots == 1 or problem.instance.size <= problem.instance.lots:
        return best
    zone_of = match_zones(problem.instance, best)
    each = max(1, effort.proposals // (len(ranked) * _ROUNDS))
    for number, (own, _, start) in enumerate(ranked):
        worth, lot = own, start
        for turn in range(_ROUNDS):
            if stop():
                return best
            borders = _Borders(problem, lot, zone_of)
            rng = stream(seed, problem.instance.name, problem.least, "travel", number, turn)
            found = _anneal(borders, rng, each, _HEAT[turn], stop)
            new = problem.worth(found)
            if new < worth:
                worth, lot = new, found
        if worth < best_worth:
            best_worth, best = worth, lot
    best, best_worth, left = _descend(problem, best, best_worth, effort.trials, zone_of, stop)
    turn = 0
    while left > 0 and not stop():
        # Out of a plan that no single move betters: shake it, and go down again.
        rng = stream(seed, problem.instance.name, problem.least, "shake", turn)
        shaken = _anneal(_Borders(problem, best, zone_of), rng, _SHAKE, 1.0, stop, last=True)
        lot, worth, left = _descend(problem, shaken, problem.worth(shaken), left - 1, zone_of, stop)
        if worth < best_worth:
            best, best_worth = lot, worth
        turn += 1
    return canonical(best)


class _Borders:
    """A plan, what the rough estimate says of each lot, and what a move would change."""

    def __init__(self, problem: TravelProblem, lot: Ints, zone_of: Ints) -> None:
        self.problem, self.lot, self.zone_of = problem, lot.copy(), zone_of
        instance = problem.instance
        self.instance = instance
        self.unit = np.repeat(np.arange(instance.size), [len(m) for m in instance.members])
        self.contact = problem.quick.contact_hours
        self.hours = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
        self.pointer, self.partner, self.same = instance.links()
        self._queue = np.empty(instance.size, np.int64)
        self._mark = np.zeros(instance.size, np.int64)
        self._stamp = 0
        burdens = problem.burdens(lot)
        self.ratio = np.ones(instance.lots)
        for k, b in enumerate(burdens):
            rough = problem.quick.minutes(self._areas(k))
            if rough > 0 and b.travel_minutes > 0:
                self.ratio[k] = b.travel_minutes / rough
        self.tails = np.repeat(np.arange(instance.size), np.diff(instance.indptr))
        self.weight = 0.0
        if not problem.least:
            value = sum(self._value(k) for k in range(instance.lots))
            self.weight = max(sum(b.travel_minutes for b in burdens), 1e-9) / value if value > 0 else 0.0
        self.cost = np.array([self.cost_of(k) for k in range(instance.lots)])

    def _areas(self, k: int) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.lot[self.unit] == k)

    def _value(self, k: int) -> float:
        """Part of a lot in the brief's own objective."""
        instance, aims = self.instance, self.instance.aims
        inside = np.flatnonzero(self.lot == k)
        own = np.flatnonzero(self.lot[instance.centre_unit] == k)
        total = instance.distance_weight * float(instance.cost[np.ix_(inside, own)].sum(axis=0).min())
        if aims.equality or aims.mix:
            hours, rural = float(instance.hours[inside].sum()), float(instance.rural[inside].sum())
            total += aims.equality * abs(hours - instance.target)
            total += aims.mix * abs(rural - instance.rural_share * hours)
        if aims.moved and instance.zones:
            zone = int(self.zone_of[k])
            goes = instance.stay[inside].sum() - (instance.stay[inside, zone].sum() if zone >= 0 else 0.0)
            total += aims.moved * float(goes)
        return total

    def cost_of(self, k: int) -> float:
        """What a lot costs, in minutes of travel."""
        areas = self._areas(k)
        minutes = self.ratio[k] * self.problem.quick.minutes(areas)
        total = minutes if self.problem.least else 0.0
        if self.problem.cap_minutes is not None:
            total += _PRICE * max(0.0, minutes - self.problem.cap_minutes * float(self.contact[areas].sum()))
        return float(total + self.weight * self._value(k)) if self.weight else float(total)

    def allowed(self, u: int, b: int, w: int) -> bool:
        """Whether u may go to lot b, and w (-1 for none) of b to u's lot, within every rule."""
        lot, hours = self.lot, self.instance.hours
        a = int(lot[u])
        change = hours[u] - (hours[w] if w >= 0 else 0.0)
        lo, hi = self.instance.lo - SLACK / 2, self.instance.hi + SLACK / 2
        if not (lo <= self.hours[a] - change <= hi and lo <= self.hours[b] + change <= hi):
            return False
        if not self._whole_without(u):
            return False
        lot[u] = b
        fine = w < 0 or self._whole_without(w)
        if w >= 0:
            lot[w] = a
        fine = fine and self._keeps_links(u) and (w < 0 or self._keeps_links(w))
        lot[u] = a
        if w >= 0:
            lot[w] = b
        return fine

    def _whole_without(self, u: int) -> bool:
        self._stamp += 1
        return bool(connected_without(
            u, self.lot, self.instance.indptr, self.instance.indices, self._queue, self._mark, self._stamp))

    def _keeps_links(self, u: int) -> bool:
        here = slice(int(self.pointer[u]), int(self.pointer[u + 1]))
        together = self.lot[self.partner[here]] == self.lot[u]
        return bool((together == self.same[here]).all())

    def try_move(self, u: int, b: int, w: int) -> tuple[float, float, float]:
        """Make a move, u to lot b and w (-1 for none) back; return what it changes and both new costs."""
        a = int(self.lot[u])
        self._put(u, b, w)
        new_a, new_b = self.cost_of(a), self.cost_of(b)
        return new_a + new_b - float(self.cost[a] + self.cost[b]), new_a, new_b

    def keep(self, a: int, b: int, new_a: float, new_b: float) -> None:
        """Make the last move last."""
        self.cost[a], self.cost[b] = new_a, new_b

    def undo(self, u: int, a: int, w: int) -> None:
        """Take the last move back: u came from lot a."""
        self._put(u, a, w)

    def _put(self, u: int, to: int, w: int) -> None:
        was, hours = int(self.lot[u]), self.instance.hours
        change = hours[u] - (hours[w] if w >= 0 else 0.0)
        self.hours[was] -= change
        self.hours[to] += change
        self.lot[u] = to
        if w >= 0:
            self.lot[w] = was

    def cut(self) -> Ints:
        """Return the positions of neighbours in different lots, each pair from both its sides."""
        return np.flatnonzero(self.lot[self.tails] != self.lot[self.instance.indices]).astype(np.int64)

    def touches(self, w: int, a: int, but: int) -> bool:
        """Whether w touches lot a in another unit than ``but``."""
        near = self.instance.neighbours(w)
        return bool(((self.lot[near] == a) & (near != but)).any())

    def moves(self) -> Iterator[tuple[int, int, int]]:
        """Every move that keeps the rules: (u, lot it goes to, unit that comes back or -1)."""
        instance, lot = self.instance, self.lot
        edge: dict[tuple[int, int], list[int]] = {}
        for u in range(instance.size):
            for b in sorted({int(k) for k in lot[instance.neighbours(u)]} - {int(lot[u])}):
                edge.setdefault((int(lot[u]), b), []).append(u)
        for (a, b), units in edge.items():
            for u in units:
                if self.allowed(u, b, -1):
                    yield u, b, -1
                if a < b:
                    for w in edge.get((b, a), []):
                        if self.touches(w, a, u) and self.touches(u, b, w) and self.allowed(u, b, w):
                            yield u, b, w


def _anneal(
    borders: _Borders, rng: np.random.Generator, proposals: int, heat: float, stop: Stop, *,
    last: bool = False,
) -> Ints:
    """Cool a plan down by the rough estimate; return the best plan on the way, or the last."""
    instance, lot = borders.instance, borders.lot
    now = best = 0.0
    best_lot = lot.copy()
    seen: list[float] = []
    hot = math.inf
    cut = borders.cut()
    for step in range(proposals):
        if step % _ASK == 0:
            if stop():
                break
            draws = rng.random((_ASK, 4))
        draw = draws[step % _ASK]
        at = int(cut[int(draw[0] * len(cut))])
        u, v = int(borders.tails[at]), int(instance.indices[at])
        a, b = int(lot[u]), int(lot[v])
        w = _partner(borders, u, v, draw[1], draw[2])
        if not borders.allowed(u, b, w):
            continue
        change, new_a, new_b = borders.try_move(u, b, w)
        if len(seen) < _SAMPLE:
            seen.append(abs(change))
            hot = heat * float(np.median(seen))
        temperature = hot * _COLD ** (step / proposals)
        if change <= 0 or (temperature > 0 and draw[3] < math.exp(-change / temperature)):
            borders.keep(a, b, new_a, new_b)
            cut = borders.cut()
            now += change
            if now < best - _CLOSER:
                best, best_lot = now, lot.copy()
        else:
            borders.undo(u, a, w)
    return lot.copy() if last else best_lot


def _partner(borders: _Borders, u: int, v: int, kind: float, which: float) -> int:
    """Choose a unit of v's lot that may come back for u; -1 for a move of u alone."""
    if kind < 0.5:
        return -1
    lot, near = borders.lot, borders.instance.neighbours(v)
    a, b = int(lot[u]), int(lot[v])
    others = [v, *(int(x) for x in near if lot[x] == b and x != u)]
    w = others[int(which * len(others))]
    return w if borders.touches(w, a, u) and borders.touches(u, b, w) else -1


def _descend(
    problem: TravelProblem, lot: Ints, worth: Worth, trials: int, zone_of: Ints, stop: Stop
) -> tuple[Ints, Worth, int]:
    """Try moves by the proper estimate, the most promising first, until none is better.

    Returns
    -------
    The plan, what it is worth, and the trials left.
    """
    while trials > 0 and not stop():
        borders = _Borders(problem, lot, zone_of)
        found: list[tuple[float, int, int, int]] = []
        for u, b, w in list(borders.moves()):
            if stop():
                return lot, worth, trials
            a = int(borders.lot[u])
            change, _, _ = borders.try_move(u, b, w)
            borders.undo(u, a, w)
            found.append((change, u, b, w))
        for _, u, b, w in sorted(found):
            if trials <= 0 or stop():
                return lot, worth, trials
            trials -= 1
            other = lot.copy()
            other[u] = b
            if w >= 0:
                other[w] = lot[u]
            new = problem.worth(other)
            if new < worth:
                lot, worth = other, new
                break
        else:
            return lot, worth, trials
    return lot, worth, trials


