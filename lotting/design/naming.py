"""Names of lots: those the brief locks, those of the zones they carry on, then numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lotting.plan import Plan, natural

from .work import Work

__all__ = ["name_lots"]


def name_lots(
    works: Sequence[Work], areas: pd.DataFrame, demand: pd.DataFrame, like: pd.Series[Any] | None, *,
    people_known: bool,
) -> Plan:
    """Name every lot: as locked, else after the zone it follows, else by number.

    Parameters
    ----------
    works
        Every place, with its plan.
    areas, demand
        Index ``area_code``; ``y_m``, and ``weekly_hours`` and ``people``.
    like
        Zone or lot by area code whose names are carried on, so that most people keep theirs.
    people_known
        Whether ``people`` counts; hours stand in otherwise.

    Returns
    -------
    Plan
        In the order of ``areas``; new numbers go by place, then from north to south.
    """
    lot_of: dict[str, tuple[int, int]] = {}
    names: dict[tuple[int, int], str] = {}
    for p, work in enumerate(works):
        lot = work.lot
        for unit, members in enumerate(work.instance.members):
            for code in members:
                lot_of[code] = (p, int(lot[unit]))
        names |= {(p, int(lot[unit])): name for unit, name in work.instance.named.items()}
    inside: dict[tuple[int, int], list[str]] = {}
    for code, key in lot_of.items():
        inside.setdefault(key, []).append(code)
    if like is not None:
        names = _carried_on(lot_of, names, like, demand, people_known=people_known)
    taken = set(names.values()) | (set() if like is None else {str(z) for z in like.dropna() if z})
    northing = areas["y_m"].to_dict()

    def on_map(key: tuple[int, int]) -> tuple[int, float, str]:
        codes = inside[key]
        return key[0], -float(np.mean([northing[c] for c in codes])), min(codes)

    number = 1
    for key in sorted((k for k in inside if k not in names), key=on_map):
        while str(number) in taken:
            number += 1
        names[key] = str(number)
        taken.add(str(number))
    codes = [str(c) for c in areas.index]
    return Plan(pd.Series([names[lot_of[c]] for c in codes], index=pd.Index(codes, name="area_code")))


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
