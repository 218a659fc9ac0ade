"""Locks that cannot hold, whatever the solver does."""

from __future__ import annotations

import itertools

import geopandas as gpd
import networkx as nx

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
        that lots may not cross; more locked lots in a locality, or areas locked apart from one
        another, than it has lots. Locks that fail for other reasons (hours, connectedness) are
        for the solver to find.
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
                f"{some(unknown)} {'are' if len(unknown) > 1 else 'is'} not on the map",
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
    else:
        places = {str(c): str(p) for c, p in areas["locality"].items()}
    limit = _most_lots(lots, sorted(set(places.values())))
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
        has = f"can have {most} lot{'s' if most > 1 else ''} at most{of}"
        if len(named) > most:
            problems.add(
                f"areas of {place} are locked to {len(named)} lots ({some(named)}), but it {has}",
                file="brief.toml",
                column="locks.lot",
                fix="Lock them to fewer lots, or ask for more.",
            )
            continue
        apart = _all_apart(groups, locks, {c for c in places if places[c] == place})
        if len(apart) > most:
            problems.add(
                f"{len(apart)} areas of {place} are locked apart from one another "
                f"({some(apart)}), but it {has}",
                file="brief.toml",
                column="locks.apart",
                fix="Take one of the locks back, or ask for more lots.",
            )


def _most_lots(lots: LotsBrief, places: list[str]) -> dict[str, int]:
    """Most lots that each place can have: as the brief says, or all that leave the others one."""
    if lots.per_locality:
        # Of a locality that the brief leaves out, something else is said.
        return {p: lots.per_locality[p] for p in places if p in lots.per_locality}
    most = lots.number[1] if isinstance(lots.number, tuple) else lots.number
    assert most is not None
    return dict.fromkeys(places, max(1, most - len(places) + 1))


def _all_apart(groups: list[set[str]], locks: LocksBrief, inside: set[str]) -> list[str]:
    """Most areas of a place of which no two may share a lot, one of each group locked together."""
    group_of = {code: min(group) for group in groups for code in group}
    graph: nx.Graph[str] = nx.Graph()
    for a, b in locks.apart:
        if {a, b} <= inside:
            graph.add_edge(group_of.get(a, a), group_of.get(b, b))
    lot_of = {group_of[c]: lot for c, lot in locks.lot.items() if c in inside}
    graph.add_edges_from(
        (a, b) for a, b in itertools.combinations(lot_of, 2) if lot_of[a] != lot_of[b]
    )
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return sorted(nx.max_weight_clique(graph, weight=None)[0]) if graph else []
