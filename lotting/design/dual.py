"""The relaxed problem behind the bound: for every centre, its cheapest fractional bundle of units.

Without "each unit is in one lot" every candidate centre chooses for itself: its own unit, and
whatever share of the others is cheapest at the present multipliers, with hours within the limits.
That is a fractional knapsack with a range for its load; the K cheapest centres make the bound.

Only *open* centres and pairs take part: those that a plan cheaper than the best known may use.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from numba import njit

from .instance import SLACK, Floats, Instance, Ints

__all__ = ["Dual", "range_knapsacks"]

Bools = npt.NDArray[np.bool_]

_jit = njit(cache=True, nogil=True, boundscheck=False, fastmath=False)


@_jit
def _fill(order, start, stop, ratio, load, room):
    """Bring those of ``order[start:stop]`` to the front that fit, cheapest by ratio first.

    Returns the place of the first that does not fit whole, and the room left for it. Weighted
    selection by partition, on average in time linear in their number (Balas & Zemel 1980).
    """
    full = start
    while start < stop:
        a, b, c = ratio[order[start]], ratio[order[(start + stop) // 2]], ratio[order[stop - 1]]
        pivot = max(min(a, b), min(max(a, b), c))
        below = equal = 0.0
        low, i, high = start, start, stop
        while i < high:
            t = order[i]
            if ratio[t] < pivot:
                below += load[t]
                order[i] = order[low]
                order[low] = t
                low += 1
                i += 1
            elif ratio[t] > pivot:
                high -= 1
                order[i] = order[high]
                order[high] = t
            else:
                equal += load[t]
                i += 1
        if below > room:
            stop = low
            continue
        full = low
        room -= below
        if equal > room:
            while full < high and load[order[full]] <= room:
                room -= load[order[full]]
                full += 1
            return full, room
        room -= equal
        full = high
        start = high
    return full, room


@_jit
def range_knapsacks(
    pointer, unit, cost, own, own_cost, multiplier, hours, lo, hi, bundle, whole, share, value, price
):
    """For each centre, its cheapest fractional bundle of units with hours within [lo, hi].

    The bundle of centre c holds its own unit whole and a share x in [0, 1] of each unit of its
    pairs ``pointer[c]:pointer[c + 1]``, and minimises the sum of ``(cost - multiplier) x``. Sets
    ``value`` (inf where no bundle fits), ``price`` (the value of one more hour), and the bundle:
    the first ``whole[c]`` of ``bundle[pointer[c]:]`` are positions of units held whole, the next
    is held to ``share[c]`` (float64[c] each; int32 per pair).

    With the hours' price p as the only dual, the best bundle takes units by ascending
    ``(cost - multiplier) / hours`` (Dantzig 1957).
    """
    top = 0
    for c in range(own.shape[0]):
        top = max(top, pointer[c + 1] - pointer[c])
    ratio, load = np.empty(top), np.empty(top)
    order = np.empty(top, np.int32)
    for c in range(own.shape[0]):
        first, size = pointer[c], pointer[c + 1] - pointer[c]
        least = hours[own[c]]
        total = own_cost[c] - multiplier[own[c]]
        value[c] = np.inf
        price[c] = share[c] = 0.0
        whole[c] = 0
        if least > hi:
            continue
        cheap, dear, held = 0, size, least
        for t in range(size):
            u = unit[first + t]
            reduced = cost[first + t] - multiplier[u]
            load[t] = hours[u]
            ratio[t] = reduced / hours[u] if hours[u] > 0.0 else -np.inf
            if reduced < 0.0:
                order[cheap] = t
                cheap += 1
                held += hours[u]
            elif hours[u] > 0.0:
                dear -= 1
                order[dear] = t
        last, left, split = cheap, 0.0, held > hi
        if held > hi:
            last, left = _fill(order, 0, cheap, ratio, load, hi - least)
        elif held < lo:
            end, left = _fill(order, dear, size, ratio, load, lo - held)
            if end == size and left > 1e-7:
                continue
            split = end < size and left > 0.0
            for t in range(dear, min(end + 1, size)):
                if t < end:
                    price[c] = max(price[c], ratio[order[t]])
                    last += 1
                order[cheap + t - dear] = order[t]
        if split:
            t = order[last]
            price[c] = ratio[t]
            share[c] = left / load[t]
            bundle[first + last] = t
            total += share[c] * (cost[first + t] - multiplier[unit[first + t]])
        whole[c] = last
        for t in range(last):
            bundle[first + t] = order[t]
            total += cost[first + order[t]] - multiplier[unit[first + order[t]]]
        value[c] = total


@_jit
def _cover(chosen, pointer, unit, own, bundle, whole, share, times):
    for c in chosen:
        times[own[c]] += 1.0
        for t in range(whole[c]):
            times[unit[pointer[c] + bundle[pointer[c] + t]]] += 1.0
        if share[c] > 0.0:
            times[unit[pointer[c] + bundle[pointer[c] + whole[c]]]] += share[c]


@_jit
def _worth_keeping(pointer, unit, cost, multiplier, hours, price, room, keep):
    for c in range(price.shape[0]):
        for e in range(pointer[c], pointer[c + 1]):
            u = unit[e]
            keep[e] = cost[e] - multiplier[u] - price[c] * hours[u] <= room[c]


@dataclass(slots=True)
class Dual:
    """Open centres and pairs of one place, and the bundles at the multipliers last tried.

    Attributes
    ----------
    instance
        The place.
    centre
        Open candidate centres, int64[c].
    pointer, unit, cost
        Open pairs besides the centres' own units: those of centre c are at
        ``pointer[c]:pointer[c + 1]``.
    value, price
        Value of each centre's bundle, and of one more hour in it, float64[c].
    """

    instance: Instance
    centre: Ints
    pointer: Ints
    unit: npt.NDArray[np.int32]
    cost: Floats
    own: Ints = field(init=False)
    own_cost: Floats = field(init=False)
    value: Floats = field(init=False)
    price: Floats = field(init=False)
    _bundle: npt.NDArray[np.int32] = field(init=False)
    _whole: Ints = field(init=False)
    _share: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.own = self.instance.centre_unit[self.centre]
        self.own_cost = self.instance.cost[self.own, self.centre]
        size = len(self.centre)
        self.value, self.price, self._share = np.empty(size), np.empty(size), np.empty(size)
        self._whole = np.empty(size, np.int64)
        self._bundle = np.empty(len(self.unit), np.int32)

    @classmethod
    def of(cls, instance: Instance, open_centre: Bools, open_pair: Bools) -> Dual:
        """Start from what is open (bool[m], bool[n, m])."""
        centre = np.flatnonzero(open_centre).astype(np.int64)
        pairs = open_pair[:, centre].T.copy()
        pairs[np.arange(len(centre)), instance.centre_unit[centre]] = False
        c, u = np.nonzero(pairs)
        pointer = np.concatenate([[0], np.cumsum(pairs.sum(axis=1))]).astype(np.int64)
        return cls(instance, centre, pointer, u.astype(np.int32), instance.cost[u, centre[c]])

    @property
    def pairs(self) -> int:
        """Open pairs, the centres' own units among them."""
        return len(self.unit) + len(self.centre)

    def total(self, multiplier: Floats) -> tuple[float, Ints]:
        """Value of the relaxed problem and the K centres it chooses; inf where there are too few."""
        instance, k = self.instance, self.instance.lots
        range_knapsacks(
            self.pointer, self.unit, self.cost, self.own, self.own_cost, multiplier, instance.hours,
            instance.lo - SLACK / 2, instance.hi + SLACK / 2,
            self._bundle, self._whole, self._share, self.value, self.price,
        )
        chosen = np.argsort(self.value, kind="stable")[:k].astype(np.int64)
        if len(chosen) < k or not np.isfinite(self.value[chosen[-1]]):
            return np.inf, chosen
        return float(multiplier.sum()) + float(self.value[chosen].sum()), chosen

    def missing(self, chosen: Ints) -> Floats:
        """How far each unit is from being in one lot: 1 less the times it is chosen, float64[n]."""
        times = np.zeros(self.instance.size)
        _cover(
            chosen, self.pointer, self.unit, self.own, self._bundle, self._whole, self._share, times
        )
        return 1.0 - times

    def bundles(self) -> Floats:
        """Share of each unit in each centre's bundle, float64[c, n]."""
        held = np.zeros((len(self.centre), self.instance.size))
        for c in range(len(self.centre)):
            held[c] = 1.0 - self.missing(np.array([c]))
        return held

    def fixed(self, multiplier: Floats, cutoff: float) -> Dual:
        """Close what no plan cheaper than the cut-off can use (reduced-cost fixing).

        With centre j in use the K - 1 cheapest others come with it; with unit i in its lot comes
        i's reduced cost at the price of hours there.
        """
        total, chosen = self.total(multiplier)
        if not np.isfinite(cutoff):
            return self
        if not np.isfinite(total):
            return self._kept(np.zeros(len(self.centre), np.bool_), np.zeros(len(self.unit), np.bool_))
        with_centre = np.maximum(total, total - self.value[chosen[-1]] + self.value)
        with_centre[chosen] = total
        limit = cutoff * (1 + 1e-9) + 1e-9
        keep = np.empty(len(self.unit), np.bool_)
        _worth_keeping(
            self.pointer, self.unit, self.cost, multiplier, self.instance.hours, self.price,
            limit - with_centre, keep,
        )
        return self._kept(with_centre <= limit, keep)

    def _kept(self, centres: Bools, pairs: Bools) -> Dual:
        of = np.repeat(np.arange(len(self.centre)), np.diff(self.pointer))
        pairs = pairs & centres[of]
        sizes = np.bincount(of[pairs], minlength=len(self.centre))[centres]
        pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return Dual(self.instance, self.centre[centres], pointer, self.unit[pairs], self.cost[pairs])

    def open(self) -> tuple[Bools, Bools]:
        """What is open: centres bool[m], pairs bool[n, m]."""
        n, m = self.instance.cost.shape
        centres, pairs = np.zeros(m, np.bool_), np.zeros((n, m), np.bool_)
        centres[self.centre] = True
        pairs[self.own, self.centre] = True
        pairs[self.unit, np.repeat(self.centre, np.diff(self.pointer))] = True
        return centres, pairs
