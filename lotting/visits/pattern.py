"""How a package's hours of a week are cut into visits: how long, on which days, when.

Councils buy hours and people get visits. Where the visits are not known, these rules make them.
They are ours, but for the share of half-hour visits (see :data:`lotting.visits.generate.SOURCES`),
and they keep every minute: the visits of a package are exactly as long together as the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LONG_DAY_HOURS", "MOST_VISITS_A_DAY", "Slot", "cut_week", "fitted_mix", "long_blocks"]

QUARTER = 15.0
DAYS = 7
MOST_VISITS_A_DAY = 4
LONG_DAY_HOURS = 4.0
"""Hours a day (of one carer, mean of the week) up to which a package is short visits."""
LONGEST_BLOCK_HOURS = 12.0
#: Start of the long blocks of a day, by how many there are: minutes after midnight.
_BLOCK_STARTS = {1: (480.0,), 2: (480.0, 1200.0)}

_KEYS = ("15", "30", "45", "60")

#: Targets of each part of the day: earliest, likeliest and latest, minutes after midnight. Ours.
_TARGETS = {
    "morning": (420.0, 495.0, 630.0),
    "lunch": (705.0, 750.0, 810.0),
    "tea": (960.0, 1020.0, 1080.0),
    "bed": (1170.0, 1230.0, 1305.0),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """The same visit on several days.

    Attributes
    ----------
    band
        Part of the day.
    start
        Wanted start, minutes after midnight: the same each day.
    minutes
        Length by day of the week (0 Monday).
    """

    band: str
    start: float
    minutes: dict[int, float]


def cut_week(
    minutes: float,
    mix: Mapping[str, float],
    peaks: Mapping[str, float],
    rng: np.random.Generator,
) -> list[Slot]:
    """Cut the minutes a week of one carer into visits.

    Parameters
    ----------
    minutes
        Above 0 and at most a week's 10,080.
    mix
        Weight of visits of ``"15"``, ``"30"``, ``"45"`` and ``"60"`` minutes.
    peaks
        Weight of ``morning``, ``lunch``, ``tea`` and ``bed``.
    rng
        What decides.

    Returns
    -------
    list of Slot
        Their minutes add up to ``minutes``; no two overlap.

    Notes
    -----
    Up to :data:`LONG_DAY_HOURS` a day, a length is drawn from the mix, and the visit is given every
    day if the hours suffice; then the next, up to four a day. A length is left out of the draw where
    the visits still possible could not hold the hours. The last slot is given on as many days as the
    hours last, spread over the week, and what remains (under one visit) is a shorter visit of that
    slot on one more day. Minutes beyond the last whole quarter of an hour make one visit longer (or
    are a visit of their own, where they are all).

    Above that, see :func:`long_blocks`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> slots = cut_week(10.5 * 60, {"30": 1}, {"morning": 1, "bed": 1, "tea": 1}, rng)
    >>> sorted((s.band, len(s.minutes)) for s in slots)
    [('bed', 7), ('morning', 7), ('tea', 7)]
    >>> sum(sum(s.minutes.values()) for s in slots)
    630.0
    """
    if minutes > LONG_DAY_HOURS * 60 * DAYS:
        return long_blocks(minutes)
    quarters = int(minutes // QUARTER + 1e-9)
    odd = minutes - quarters * QUARTER
    lengths = _lengths(quarters, mix, rng)
    if not lengths:
        lengths = [{int(rng.integers(DAYS)): 0.0}]
    days = lengths[-1]
    # The minutes that fill no quarter of an hour go to the shortest visit of the last slot.
    days[min(days, key=lambda day: (days[day], day))] += odd
    bands = _bands(len(lengths), peaks, rng)
    return [Slot(band, _start(band, rng), days) for band, days in zip(bands, lengths, strict=True)]


def fitted_mix(
    minutes: Sequence[float], mix: Mapping[str, float], *, seed: int = 1
) -> dict[str, float]:
    """Find the weights with which visits of all packages together come nearest to a mix.

    A package of many hours cannot be half-hour visits: four a day are 14 hours. So that the mix holds
    of all, the others have to have more of them. The weights are scaled by what is wanted over what
    came out, ten times.

    Parameters
    ----------
    minutes
        A week's, of one carer, of each package.
    mix
        What is wanted, as in :func:`cut_week`.
    seed
        Package ``i`` draws from the stream ``[seed, i]``, as it will when its week is cut; at most
        1,500 packages are tried.

    Returns
    -------
    dict
        Weights for :func:`cut_week`. Where the hours do not allow the mix, they come near it.
    """
    wanted = np.array([mix.get(key, 0.0) for key in _KEYS])
    wanted = wanted / wanted.sum()
    short = [(i, int(m // QUARTER)) for i, m in enumerate(minutes)
             if QUARTER <= m <= LONG_DAY_HOURS * 60 * DAYS]
    trial = short[:: len(short) // 1500 + 1]
    weights = wanted.copy()
    for _ in range(10 if trial else 0):
        counts = np.zeros(4)
        for number, quarters in trial:
            rng = np.random.default_rng([seed, number])
            for slot in _lengths(quarters, dict(zip(_KEYS, weights, strict=True)), rng):
                for length in slot.values():
                    counts[int(length / QUARTER) - 1] += 1
        came = np.maximum(counts / counts.sum(), 1e-3)
        weights = np.clip(weights * wanted / came, 0.0, 1e3)
        weights = weights / weights.sum()
    return {key: float(weight) for key, weight in zip(_KEYS, weights, strict=True)}


def _lengths(
    quarters: int, mix: Mapping[str, float], rng: np.random.Generator
) -> list[dict[int, float]]:
    """Return for each slot of the day its minutes by day."""
    weights = [mix.get(key, 0.0) for key in _KEYS]
    slots: list[dict[int, float]] = []
    while quarters > 0:
        left = MOST_VISITS_A_DAY - len(slots)
        least = -(-quarters // (DAYS * left))
        length = _draw(weights, least, float(rng.random()))
        whole = min(DAYS, quarters // length)
        rest = 0 if whole == DAYS else quarters - whole * length
        days = _spread(whole + (rest > 0), rng)
        slot = dict.fromkeys(days[:whole], length * QUARTER)
        slot |= dict.fromkeys(days[whole:], rest * QUARTER)
        slots.append(slot)
        quarters -= whole * length + rest
    return slots


def _draw(weights: Sequence[float], least: int, draw: float) -> int:
    """Choose a length in quarters of an hour, ``least`` or more; ``draw`` is from 0 to 1."""
    left = draw * sum(weights[least - 1 :])
    for length in range(least, len(weights)):
        left -= weights[length - 1]
        if left < 0:
            return length
    usable = [n for n in range(least, len(weights) + 1) if weights[n - 1] > 0]
    return usable[-1] if usable else least


def _spread(number: int, rng: np.random.Generator) -> list[int]:
    """Choose days of the week as evenly as can be, from a first day by chance."""
    first = int(rng.integers(DAYS))
    return [(first + i * DAYS // number) % DAYS for i in range(number)]


def _bands(number: int, peaks: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    names = list(_TARGETS)
    # A part of the day that nobody wants is still better than a fifth visit elsewhere.
    weights = np.array([max(peaks.get(name, 0.0), 1e-9) for name in names])
    chosen = rng.choice(len(names), size=number, replace=False, p=weights / weights.sum())
    return [names[i] for i in chosen]


def _start(band: str, rng: np.random.Generator) -> float:
    return float(np.round(rng.triangular(*_TARGETS[band]) / 5) * 5)


def long_blocks(minutes: float) -> list[Slot]:
    """Cut many hours into long blocks: a day's, or day and night.

    Parameters
    ----------
    minutes
        A week's, of one carer; above :data:`LONG_DAY_HOURS` a day and at most 10,080.

    Returns
    -------
    list of Slot
        Up to 12 hours a day one block a day from 08:00; above that two, from 08:00 and from 20:00.
        Each is a whole number of quarter hours, alike to one quarter; minutes that fill no quarter
        are in the last block.

    Examples
    --------
    >>> [(s.start, s.minutes[0]) for s in long_blocks(168 * 60)]
    [(480.0, 720.0), (1200.0, 720.0)]
    """
    starts = _BLOCK_STARTS[1 if minutes <= LONGEST_BLOCK_HOURS * 60 * DAYS else 2]
    blocks = DAYS * len(starts)
    quarters = int(minutes // QUARTER + 1e-9)
    each, more = divmod(quarters, blocks)
    slots = []
    for i, start in enumerate(starts):
        numbers = range(i * DAYS, (i + 1) * DAYS)
        slots.append(Slot("other", start, {n % DAYS: (each + (n < more)) * QUARTER for n in numbers}))
    slots[-1].minutes[DAYS - 1] += minutes - quarters * QUARTER
    return slots
