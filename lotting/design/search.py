"""Good plans: annealing from several starts, every lot connected at every step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from .balance import balanced_start, guided_start, start_from
from .bound import lower_bound
from .instance import SLACK, Floats, Instance, Ints
from .kernels import anneal
from .stop import Stop

__all__ = [
    "Found", "anneal_plan", "explore", "explore_in_time", "guided", "match_zones", "refine", "shortfall",
    "stream", "value_of", "warm_up",
]

_CHUNK = 100_000
#: Share of a run in which centres follow only now and then: it is too hot for them to matter.
_LAZY_SHARE = 0.6
#: In smaller lots than this the centres are much of the border, and must not be in the way.
_LAZY_LOT = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What one run of the search came back with.

    Attributes
    ----------
    lot
        The best plan within all limits and locks, or, where there is none, the last one.
    value
        Its weighted objective (inf where it breaks a limit or lock).
    shortfall
        Weekly hours by which its lots miss their limits, in all.
    """

    lot: Ints
    value: float
    shortfall: float

    @property
    def rank(self) -> tuple[float, float, tuple[int, ...]]:
        """Sort key: cheapest first, then least short, then by assignment, so ties never depend on timing."""
        return self.value, self.shortfall, tuple(self.lot.tolist())


def stream(seed: int, *labels: object) -> np.random.Generator:
    """Return the random stream of one part of the run, whatever runs beside it.

    Examples
    --------
    >>> bool(stream(1, "a").integers(100) == stream(1, "a").integers(100))
    True
    """
    text = "/".join([str(seed), *(str(label) for label in labels)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def shortfall(instance: Instance, lot: Ints) -> float:
    """Weekly hours by which lots miss their limits, in all."""
    sums = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
    return float(np.maximum(0.0, np.maximum(sums - instance.hi, instance.lo - sums)).sum())


def match_zones(instance: Instance, lot: Ints) -> Ints:
    """Zone of today that each lot carries on, so that most people stay (Hungarian); -1 for none.

    Whatever the lots are called, as :func:`lotting.measures.moved` counts them.
    """
    zone_of = np.full(instance.lots, -1, np.int64)
    if instance.zones:
        from scipy.optimize import linear_sum_assignment  # half a second, for those who need it

        table = np.zeros((instance.lots, len(instance.zones)))
        np.add.at(table, lot, instance.stay)
        rows, columns = linear_sum_assignment(-table)
        keep = table[rows, columns] > 0
        zone_of[rows[keep]] = columns[keep]
    return zone_of


def value_of(instance: Instance, lot: Ints) -> float:
    """Weighted objective, with each lot carrying on the zone that suits best."""
    return instance.value(lot, match_zones(instance, lot))


def explore_in_time(
    instance: Instance, *, seed: int, start: int, steps: int, stop: Stop
) -> Found | None:
    """Do the same as :func:`explore`, unless it is time to stop before it began."""
    return None if stop() else explore(instance, seed=seed, start=start, steps=steps, stop=stop)


def explore(instance: Instance, *, seed: int, start: int, steps: int, stop: Stop) -> Found:
    """Anneal from one starting plan: today's zones (start 0, where they are as many), or a random one."""
    rng = stream(seed, instance.name, instance.aims, "start", start)
    lot: Ints | None = None
    if start == 0 and len(instance.zones) == instance.lots:
        zone = np.where(instance.stay.any(axis=1), instance.stay.argmax(axis=1), -1).astype(np.int64)
        if len(set(zone.tolist()) - {-1}) == instance.lots:
            lot = start_from(instance, zone)
    if lot is None:
        lot = balanced_start(instance, rng)
    return anneal_plan(instance, lot, rng, steps=steps, stop=stop, heat=3.0)


def guided(
    instance: Instance, use: Floats, *, seed: int, number: int, steps: int, stop: Stop
) -> Found | None:
    """Anneal from centres the relaxed problem uses; None when it is time to stop."""
    if stop():
        return None
    rng = stream(seed, instance.name, instance.aims, "guided", number)
    lot = guided_start(instance, use, rng, draws=4)
    return anneal_plan(instance, lot, rng, steps=steps, stop=stop, heat=1.0)


def refine(
    instance: Instance, lot: Ints, *, seed: int, number: int, steps: int, stop: Stop
) -> Found | None:
    """Warm a good plan up a little and cool it again; None when it is time to stop."""
    if stop():
        return None
    rng = stream(seed, instance.name, instance.aims, "refine", number)
    return anneal_plan(instance, lot, rng, steps=steps, stop=stop, heat=0.3)


def anneal_plan(
    instance: Instance, lot: Ints, rng: np.random.Generator, *, steps: int, stop: Stop, heat: float
) -> Found:
    """Cool one plan down while the price of a missed limit rises.

    Parameters
    ----------
    instance
        The place.
    lot
        Plan to start from (every lot connected), int64[n]; not changed.
    rng
        Random stream.
    steps
        Proposals.
    stop
        Asked every 100,000 proposals.
    heat
        First temperature, in units of what an average unit costs at the rim of a lot.

    Returns
    -------
    Found
    """
    lot = lot.copy()
    if instance.lots == 1 or instance.size <= instance.lots:
        return _found(instance, lot)
    weight, aims = instance.distance_weight, instance.aims
    cost = instance.cost * weight
    stay = instance.stay * aims.moved
    pointer, partner, same = instance.links()
    state = np.array([rng.integers(1, 2**63)], np.uint64)
    best_lot, best_value = lot.copy(), np.array([np.inf])
    total = max(instance.total_hours, 1e-9)
    # What an hour costs at the rim of a lot sets the scale of prices and temperatures.
    per_hour = 3.0 * weight * instance.distance(lot) / total + aims.equality + aims.mix
    per_hour += aims.moved * float(instance.people.sum()) / total
    per_hour = max(per_hour, 1e-9)
    unit = per_hour * total / instance.size
    hot, cold = heat * unit, 0.002 * unit
    # Which zone a lot carries on is settled between the chunks: the more there are, the freer.
    chunks = max(32 if aims.moved else 8, -(-steps // _CHUNK))
    size = max(1, steps // chunks)
    lazy = instance.size // 2 if instance.size >= _LAZY_LOT * instance.lots else 0
    for chunk in range(chunks):
        if chunk and stop():
            break
        share = chunk / (chunks - 1)
        temperature = hot * (cold / hot) ** share
        following = hot * (cold / hot) ** min(1.0, (chunk + 1) / (chunks - 1))
        zone_of = match_zones(instance, lot) if aims.moved else np.full(instance.lots, -1, np.int64)
        if np.isfinite(best_value[0]):
            # Lots may carry on other zones now, and have better centres than while it was hot;
            # the kernel counts from the people who stay.
            best_value[0] = value_of(instance, best_lot) - aims.moved * float(instance.stay.sum())
        anneal(
            size, temperature, (following / temperature) ** (1.0 / size),
            per_hour * 2.0 * 25.0**share, lazy if share < _LAZY_SHARE else 0, state,
            lot, instance.hours, instance.rural, cost, instance.centre_unit,
            instance.indptr, instance.indices, instance.lo - SLACK / 2, instance.hi + SLACK / 2,
            instance.target,
            instance.rural_share, aims.equality, aims.mix, stay, zone_of,
            pointer, partner, same, best_lot, best_value,
        )
    return _found(instance, best_lot if np.isfinite(best_value[0]) else lot)


def _found(instance: Instance, lot: Ints) -> Found:
    lot = canonical(lot)
    value = value_of(instance, lot) if instance.feasible(lot) else np.inf
    return Found(lot, value, shortfall(instance, lot))


def warm_up() -> None:
    """Compile the search (a few seconds once a machine, then read from a cache on disk)."""
    one = np.ones(3)
    tiny = Instance(
        name="warm-up", members=(("a",), ("b",), ("c",)), hours=one, people=one, rural=one,
        cost=np.arange(9.0).reshape(3, 3), centres=("a", "b", "c"), centre_unit=np.arange(3),
        indptr=np.array([0, 1, 3, 4]), indices=np.array([1, 0, 2, 1]), lots=2, lo=0.0, hi=3.0,
        target=1.5, rural_share=1.0, stay=np.zeros((3, 0)), zones=(),
        same=np.zeros((0, 2), np.int64), apart=np.zeros((0, 2), np.int64),
    )
    stop = Stop(60.0)
    found = anneal_plan(tiny, np.array([0, 0, 1]), stream(0), steps=100, stop=stop, heat=1.0)
    lower_bound(tiny, found.lot, stop=stop, rounds=(2, 2))


def canonical(lot: Ints) -> Ints:
    """Lots numbered in the order in which their first units come.

    Examples
    --------
    >>> canonical(np.array([2, 0, 2, 1])).tolist()
    [0, 1, 0, 2]
    """
    _, first, inverse = np.unique(lot, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
