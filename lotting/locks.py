"""Locks that cannot hold, whatever the solver does."""

from __future__ import annotations

import geopandas as gpd

from .brief import Brief, LocksBrief, LotsBrief
from .errors import Problems, some

__all__ = ["check_locks"]


def check_locks(brief: Brief, areas: gpd.GeoDataFrame) -> None:
    """Check the brief's locks against the map and each other.

    Parameters
    ----------
    brief
        The brief.
    areas
        Index ``area_code``; column ``locality``.

    Raises
    ------
    InputError
        Unknown areas; areas locked together and apart, or to two lots; locks across localities
        that lots may not cross; more locked lots in a locality than it has.
    """
    problems = Problems()
    locks = brief.locks
    _known(locks, areas, problems)
    problems.raise_if_any()
    groups = _merged(locks)
    where = {code: i for i, group in enumerate(groups) for code in group}
    for a, b in locks.apart:
        if a == b:
            problems.add(
                f"{a} cannot be apart from itself",
                file="brief.toml",
                column="locks.apart",
                fix="Name two areas.",
            )
        elif a in where and where.get(a) == where.get(b):
            problems.add(
                f"{a} and {b} are locked apart, and together as well",
                file="brief.toml",
                column="locks.apart",
                fix="Delete one of the two locks.",
            )
    for group in groups:
        lots = sorted({locks.lot[c] for c in group if c in locks.lot})
        if len(lots) > 1:
            problems.add(
                f"areas locked together are locked to different lots: {some(sorted(group))} "
                f"to {some(lots)}",
                file="brief.toml",
                column="locks.lot",
                fix="Lock them to one lot.",
            )
    for name, lots_brief in brief.services():
        _nested(groups, lots_brief, name, locks, areas, problems)
    problems.raise_if_any()


def _known(locks: LocksBrief, areas: gpd.GeoDataFrame, problems: Problems) -> None:
    named = {
        "locks.together": [c for group in locks.together for c in group],
        "locks.apart": [c for pair in locks.apart for c in pair],
        "locks.lot": list(locks.lot),
    }
    for column, codes in named.items():
        unknown = sorted({c for c in codes if c not in areas.index})
        if unknown:
            problems.add(
                f"{len(unknown)} areas are not on the map: {some(unknown)}",
                file="brief.toml",
                column=column,
                fix="Check the codes.",
            )


def _merged(locks: LocksBrief) -> list[set[str]]:
    """Merge locks into groups of areas that have to share a lot, whichever lock says so."""
    by_lot: dict[str, set[str]] = {}
    for code, lot in locks.lot.items():
        by_lot.setdefault(lot, set()).add(code)
    groups: list[set[str]] = []
    for group in [*map(set, locks.together), *by_lot.values()]:
        touching = [g for g in groups if g & group]
        groups = [g for g in groups if not g & group]
        groups.append(group.union(*touching))
    return groups


def _nested(
    groups: list[set[str]],
    lots: LotsBrief,
    service: str,
    locks: LocksBrief,
    areas: gpd.GeoDataFrame,
    problems: Problems,
) -> None:
    if lots.across_localities or not areas["locality"].astype(bool).any():
        places = dict.fromkeys(map(str, areas.index), "the whole map")
        limit = {"the whole map": lots.number if isinstance(lots.number, int) else None}
    else:
        places = {str(c): str(p) for c, p in areas["locality"].items()}
        limit = {p: lots.per_locality.get(p) for p in places.values()}
    of = "" if service == "all" else f" (service {service})"
    for group in groups:
        across = sorted({places[c] for c in group})
        if len(across) > 1:
            problems.add(
                f"areas locked together lie in {len(across)} localities: {some(sorted(group))} "
                f"in {some(across)}{of}",
                file="brief.toml",
                column="locks",
                fix="A lot may not cross localities: take the lock back, or set "
                "across_localities = true.",
            )
    for place, most in limit.items():
        named = sorted({lot for code, lot in locks.lot.items() if places[code] == place})
        if most is not None and len(named) > most:
            problems.add(
                f"areas of {place} are locked to {len(named)} lots ({some(named)}), "
                f"but it has {most}{of}",
                file="brief.toml",
                column="locks.lot",
                fix="Lock them to fewer lots, or ask for more.",
            )
