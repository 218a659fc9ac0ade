"""Good plans: annealing from several starts, every lot connected at every step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .balance import balanced_start, start_from
from .instance import Instance, Ints
from .kernels import anneal
from .stop import Stop

__all__ = ["Found", "search", "stream"]

_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came back with.

    Attributes
    ----------
    lot
        The best plan within all limits, or, where there is none, the one that misses them least.
    value
        Its weighted objective (inf where it misses a limit).
    shortfall
        Weekly hours by which its lots miss their limits, in all.
    steps
        Proposals tried.
    others
        Further plans within all limits, from other starts.
    """

    lot: Ints
    value: float
    shortfall: float
    steps: int
    others: tuple[Ints, ...] = ()


def stream(seed: int, *labels: object) -> np.random.Generator:
    """Return the random stream of one part of the run, whatever runs beside it.

    Examples
    --------
    >>> stream(1, "a").integers(100) == stream(1, "a").integers(100)
    True
    """
    text = "/".join([str(seed), *(str(label) for label in labels)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def shortfall(instance: Instance, lot: Ints) -> float:
    """Weekly hours by which lots miss their limits, in all."""
    sums = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
    return float(np.maximum(0.0, np.maximum(sums - instance.hi, instance.lo - sums)).sum())


def match_zones(instance: Instance, lot: Ints) -> Ints:
    """Zone of today that each lot carries on, so that most people stay (Hungarian); -1 for none."""
    zone_of = np.full(instance.lots, -1, np.int64)
    if instance.zones:
        table = np.zeros((instance.lots, len(instance.zones)))
        np.add.at(table, lot, instance.stay)
        rows, columns = linear_sum_assignment(-table)
        keep = table[rows, columns] > 0
        zone_of[rows[keep]] = columns[keep]
    return zone_of


def search(
    instance: Instance,
    *,
    seed: int,
    starts: int,
    steps: int,
    stop: Stop,
    initial: Ints | None = None,
    progress: Callable[[float], None] | None = None,
) -> Found:
    """Look for the best plan of one place.

    Parameters
    ----------
    instance
        The place.
    seed
        Same seed, same plan.
    starts
        Number of starting plans.
    steps
        Proposals for each start.
    stop
        Asked every 100,000 proposals; the best plan so far is returned.
    initial
        A plan to start from besides the random ones.
    progress
        Called with the value of each new best plan.

    Returns
    -------
    Found
    """
    if instance.lots == 1:
        lot = np.zeros(instance.size, np.int64)
        fits = instance.feasible(lot)
        return Found(
            lot, instance.value(lot, match_zones(instance, lot)) if fits else np.inf,
            shortfall(instance, lot), 0,
        )
    best: Ints | None = None
    best_value, fallback, least, used = np.inf, None, np.inf, 0
    kept: list[tuple[float, Ints]] = []
    for start in range(starts):
        if start and stop():
            break
        rng = stream(seed, instance.name, "start", start)
        lot = _start(instance, rng, start, initial)
        value, found, last, spent = _run(instance, lot, rng, steps, stop)
        used += spent
        if found is not None:
            kept.append((value, found))
            if value < best_value:
                best, best_value = found, value
                if progress:
                    progress(value)
        missed = shortfall(instance, last)
        if missed < least:
            fallback, least = last, missed
    if best is not None:
        others = tuple(lot for _, lot in sorted(kept, key=lambda pair: pair[0])[1:])
        return Found(best, best_value, 0.0, used, others)
    assert fallback is not None
    return Found(fallback, np.inf, least, used)


def _start(instance: Instance, rng: np.random.Generator, number: int, initial: Ints | None) -> Ints:
    if number == 0 and initial is not None:
        return initial.copy()
    from_zones = 0 if initial is None else 1
    if number == from_zones and len(instance.zones) == instance.lots:
        zone = np.where(instance.stay.any(axis=1), instance.stay.argmax(axis=1), -1).astype(np.int64)
        if len(set(zone.tolist()) - {-1}) == instance.lots:
            return start_from(instance, zone)
    return balanced_start(instance, rng)


def _run(
    instance: Instance, lot: Ints, rng: np.random.Generator, steps: int, stop: Stop
) -> tuple[float, Ints | None, Ints, int]:
    """Anneal once: coarse to fine temperature while the price of a missed limit rises."""
    weight = instance.distance_weight
    cost = instance.cost * weight
    aims = instance.aims
    stay = instance.stay * aims.moved
    pointer, partner, same = instance.links()
    state = np.array([rng.integers(1, 2**63)], np.uint64)
    best_lot, best_value = lot.copy(), np.array([np.inf])
    # What an hour costs at the rim of a lot sets the scale of prices and temperatures.
    per_hour = 3.0 * weight * instance.distance(lot) / max(instance.total_hours, 1e-9)
    per_hour += aims.equality + aims.mix
    if aims.moved:
        per_hour += aims.moved * float(instance.people.sum()) / max(instance.total_hours, 1e-9)
    unit_hours = instance.total_hours / instance.size
    hot, cold = 0.5 * per_hour * unit_hours, 0.002 * per_hour * unit_hours
    chunks = max(8, -(-steps // _CHUNK))
    size = max(1, steps // chunks)
    spent = 0
    for chunk in range(chunks):
        if chunk and stop():
            break
        share = chunk / (chunks - 1)
        temperature = hot * (cold / hot) ** share
        following = hot * (cold / hot) ** min(1.0, (chunk + 1) / (chunks - 1))
        penalty = per_hour * 2.0 * 25.0**share
        zone_of = match_zones(instance, lot) if aims.moved else np.full(instance.lots, -1, np.int64)
        if aims.moved and np.isfinite(best_value[0]):
            # Lots may carry on other zones now: the record is compared in today's terms.
            best_value[0] = _plain(instance, best_lot) - aims.moved * float(instance.stay.sum())
        anneal(
            size, temperature, (following / temperature) ** (1.0 / size), penalty, state,
            lot, instance.hours, instance.rural, cost, instance.centre_unit,
            instance.indptr, instance.indices, instance.lo, instance.hi, instance.target,
            instance.rural_share, aims.equality, aims.mix, stay, zone_of,
            pointer, partner, same, best_lot, best_value,
        )
        spent += size
    if not np.isfinite(best_value[0]):
        return np.inf, None, lot, spent
    return _plain(instance, best_lot), best_lot, lot, spent


def _plain(instance: Instance, lot: Ints) -> float:
    return instance.value(lot, match_zones(instance, lot))
