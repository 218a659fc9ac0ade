"""One self-contained problem for the solver: the areas of a locality as arrays.

Areas that are locked together and touch become one *unit*; everything else stays an area. The
solver sees units and candidate centres, never codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lotting.brief import LocksBrief, Weights

if TYPE_CHECKING:  # worker processes, which read this in, do without
    import networkx as nx
    import pandas as pd

__all__ = ["SLACK", "TIE_BREAK", "Instance", "make_instance"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Weight of distance where the brief gives it none: among plans that are alike in every aim, the
#: compact one. 100,000 hour-square-kilometres then count as one hour or one person.
TIE_BREAK = 1e-5

#: Weekly hours by which a lot may miss a limit: rounding of sums, no more. The search and the
#: models allow half of it, so that what they find passes when it is summed up anew.
SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A locality (or a connected piece of one) and the lots it has to hold.

    Attributes
    ----------
    name
        Place, for messages.
    members
        Area codes of each of the n units.
    hours, people, rural
        Weekly hours, people who would move (hours where people are unknown), and rural weekly
        hours of each unit, float64[n].
    cost
        Weekly hours x squared km from the unit's areas to each candidate centre, float64[n, m];
        not weighted.
    centres
        Area code of each of the m candidate centres.
    centre_unit
        The unit that holds each centre, int64[m].
    indptr, indices
        Neighbours of each unit (CSR).
    lots
        Number of lots, K.
    lo, hi, target
        Weekly hours a lot may and should hold.
    rural_share
        Share of rural hours a lot should hold (that of the whole locality).
    stay
        People of each unit in each of today's zones, float64[n, z].
    zones
        Names of those zones.
    same, apart
        Pairs of units that have to share a lot, or may not, int64[p, 2].
    named
        Unit to the lot name it is locked to.
    aims
        Weights of the objective.
    """

    name: str
    members: tuple[tuple[str, ...], ...]
    hours: Floats
    people: Floats
    rural: Floats
    cost: Floats
    centres: tuple[str, ...]
    centre_unit: Ints
    indptr: Ints
    indices: Ints
    lots: int
    lo: float
    hi: float
    target: float
    rural_share: float
    stay: Floats
    zones: tuple[str, ...]
    same: Ints
    apart: Ints
    named: dict[int, str] = field(default_factory=dict)
    aims: Weights = field(default_factory=lambda: Weights(distance=1.0))

    @property
    def size(self) -> int:
        """Number of units."""
        return len(self.members)

    @property
    def total_hours(self) -> float:
        """Weekly hours in all."""
        return float(self.hours.sum())

    @property
    def distance_weight(self) -> float:
        """Weight of distance in the search: the brief's, or the tie-break."""
        return self.aims.distance or TIE_BREAK

    def with_aims(self, aims: Weights) -> Instance:
        """Return the same problem with other aims."""
        return replace(self, aims=aims)

    def with_limits(self, lo: float, hi: float) -> Instance:
        """Return the same problem with other limits of weekly hours."""
        return replace(self, lo=lo, hi=hi)

    def neighbours(self, unit: int) -> Ints:
        """Units that touch ``unit``."""
        return self.indices[self.indptr[unit]:self.indptr[unit + 1]]

    def links(self) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
        """Locks as a CSR structure: pointer, partner, whether the two have to share a lot."""
        pairs = [(a, b, True) for a, b in self.same] + [(a, b, False) for a, b in self.apart]
        both = sorted({(int(a), int(b), s) for a, b, s in pairs} | {(int(b), int(a), s) for a, b, s in pairs})
        pointer = np.zeros(self.size + 1, np.int64)
        for a, _, _ in both:
            pointer[a + 1] += 1
        return (
            np.cumsum(pointer),
            np.array([b for _, b, _ in both], np.int64),
            np.array([s for _, _, s in both], np.bool_),
        )

    def part(self, units: Ints, lots: int) -> Instance:
        """Return the problem of some of the units alone (int64[u], sorted), cut into ``lots`` lots.

        Limits and targets stay; links to other units and today's zones are left out.
        """
        place = np.full(self.size, -1, np.int64)
        place[units] = np.arange(len(units))
        own = np.flatnonzero(place[self.centre_unit] >= 0)
        near = [place[self.neighbours(int(u))] for u in units]
        near = [n[n >= 0] for n in near]

        def inside(pairs: Ints) -> Ints:
            both = place[pairs]
            return both[(both >= 0).all(axis=1)]

        return replace(
            self, members=tuple(self.members[int(u)] for u in units), hours=self.hours[units],
            people=self.people[units], rural=self.rural[units], cost=self.cost[np.ix_(units, own)],
            centres=tuple(self.centres[int(j)] for j in own), centre_unit=place[self.centre_unit[own]],
            indptr=np.concatenate([[0], np.cumsum([len(n) for n in near])]).astype(np.int64),
            indices=np.concatenate(near).astype(np.int64), lots=lots,
            stay=np.zeros((len(units), 0)), zones=(), same=inside(self.same), apart=inside(self.apart),
            named={},
        )

    def components(self, lot: Ints, k: int) -> list[list[int]]:
        """Connected components of lot ``k``, the one with most hours first."""
        left = {int(u) for u in np.flatnonzero(lot == k)}
        found: list[list[int]] = []
        while left:
            start = min(left)
            left.discard(start)
            stack, piece = [start], [start]
            while stack:
                for v in self.neighbours(stack.pop()):
                    if int(v) in left:
                        left.discard(int(v))
                        stack.append(int(v))
                        piece.append(int(v))
            found.append(sorted(piece))
        return sorted(found, key=lambda p: (-float(self.hours[p].sum()), -len(p), p[0]))

    def feasible(self, lot: Ints) -> bool:
        """Whether a plan keeps every limit, lock and connection."""
        sums = np.bincount(lot, weights=self.hours, minlength=self.lots)
        if len(sums) != self.lots or (sums > self.hi + SLACK).any() or (sums < self.lo - SLACK).any():
            return False
        if any(lot[a] != lot[b] for a, b in self.same) or any(lot[a] == lot[b] for a, b in self.apart):
            return False
        return all(len(self.components(lot, k)) == 1 for k in range(self.lots))

    def distance(self, lot: Ints) -> float:
        """Hess cost of a plan: each lot from its best centre (hours x squared km)."""
        total = 0.0
        for k in range(self.lots):
            inside = lot == k
            sums = self.cost[inside].sum(axis=0)
            total += float(sums[inside[self.centre_unit]].min())
        return total

    def value(self, lot: Ints, zone_of: Ints) -> float:
        """Weighted objective of a plan; ``zone_of`` gives each lot its zone of today, or -1."""
        sums = np.bincount(lot, weights=self.hours, minlength=self.lots)
        rural = np.bincount(lot, weights=self.rural, minlength=self.lots)
        aims = self.aims
        total = self.distance_weight * self.distance(lot)
        total += aims.equality * float(np.abs(sums - self.target).sum())
        total += aims.mix * float(np.abs(rural - self.rural_share * sums).sum())
        if aims.moved and self.zones:
            known = float(self.stay.sum())
            zone = zone_of[lot]
            stays = float(self.stay[np.flatnonzero(zone >= 0), zone[zone >= 0]].sum())
            total += aims.moved * (known - stays)
        return total


def make_instance(
    name: str,
    codes: Sequence[str],
    areas: pd.DataFrame,
    graph: nx.Graph[str],
    demand: pd.DataFrame,
    *,
    lots: int,
    lo: float,
    hi: float,
    target: float,
    aims: Weights,
    locks: LocksBrief,
    today: pd.Series[str] | None = None,
    people_known: bool = True,
) -> Instance:
    """Turn the areas of one place into arrays.

    Parameters
    ----------
    name
        Place, for messages.
    codes
        Codes of its areas; they have to be connected in ``graph``.
    areas
        Index ``area_code``; columns ``x_m``, ``y_m`` (metres, EPSG:27700) and ``rural``.
    graph
        Which areas touch.
    demand
        Index ``area_code``; columns ``weekly_hours`` and ``people``.
    lots, lo, hi, target
        Number of lots and their weekly hours.
    aims
        Weights of the objective.
    locks
        Areas locked together, apart or to a lot; those of other places are passed over.
    today
        Zone in force by area code; missing or empty where there is none.
    people_known
        Count people for "moved"; hours otherwise.

    Returns
    -------
    Instance
    """
    import networkx as nx

    codes = sorted(codes)
    here = set(codes)
    groups = [[c for c in group if c in here] for group in locks.together]
    by_lot: dict[str, list[str]] = {}
    for code, lot in locks.lot.items():
        if code in here:
            by_lot.setdefault(lot, []).append(code)
    groups += list(by_lot.values())

    # Areas locked together that touch become one unit; the rest of a lock stays a link.
    touching: nx.Graph[str] = nx.Graph()
    touching.add_nodes_from(codes)
    for group in groups:
        touching.add_edges_from(graph.subgraph(group).edges)
    members = sorted(tuple(sorted(c)) for c in nx.connected_components(touching))
    unit_of = {code: u for u, unit in enumerate(members) for code in unit}

    n = len(members)
    xy = areas.loc[codes, ["x_m", "y_m"]].to_numpy(float) / 1000.0
    hours_area = demand.loc[codes, "weekly_hours"].to_numpy(float)
    people_area = demand.loc[codes, "people"].to_numpy(float) if people_known else hours_area
    rural_area = hours_area * areas.loc[codes, "rural"].to_numpy(bool)
    unit_index = np.array([unit_of[c] for c in codes], np.int64)
    squared = ((xy[:, None, :] - xy[None, :, :]) ** 2).sum(axis=2)
    cost = np.zeros((n, len(codes)))
    np.add.at(cost, unit_index, hours_area[:, None] * squared)

    neighbours: list[set[int]] = [set() for _ in range(n)]
    for a, b in graph.subgraph(codes).edges:
        if unit_of[a] != unit_of[b]:
            neighbours[unit_of[a]].add(unit_of[b])
            neighbours[unit_of[b]].add(unit_of[a])
    indptr = np.concatenate([[0], np.cumsum([len(s) for s in neighbours])]).astype(np.int64)
    indices = np.array([v for s in neighbours for v in sorted(s)], np.int64)

    same: set[tuple[int, int]] = set()
    for group in groups:
        units = sorted({unit_of[c] for c in group})
        same |= set(itertools.pairwise(units))
    apart = {
        tuple(sorted((unit_of[a], unit_of[b]))) for a, b in locks.apart if a in here and b in here
    }
    firsts = [unit_of[group[0]] for group in by_lot.values()]
    apart |= {tuple(sorted((a, b))) for i, a in enumerate(firsts) for b in firsts[:i]}

    zones: tuple[str, ...] = ()
    stay = np.zeros((n, 0))
    if today is not None:
        zone = today.reindex(codes).fillna("").astype(str)
        zones = tuple(sorted(z for z in zone.unique() if z))
        stay = np.zeros((n, len(zones)))
        position = {z: i for i, z in enumerate(zones)}
        for u, z, p in zip(unit_index, zone, people_area, strict=True):
            if z:
                stay[u, position[z]] += p

    def pairs(found: set[tuple[int, int]] | set[tuple[int, ...]]) -> Ints:
        return np.array(sorted(found), np.int64).reshape(-1, 2)

    hours = _summed(unit_index, hours_area, n)
    rural = _summed(unit_index, rural_area, n)
    total = float(hours.sum())
    return Instance(
        name=name, members=tuple(members), hours=hours,
        people=_summed(unit_index, people_area, n), rural=rural,
        cost=cost, centres=tuple(codes), centre_unit=unit_index, indptr=indptr, indices=indices,
        lots=lots, lo=lo, hi=hi, target=target,
        rural_share=float(rural.sum()) / total if total else 0.0,
        stay=stay, zones=zones, same=pairs(same), apart=pairs(apart),
        named={unit_of[group[0]]: lot for lot, group in by_lot.items()}, aims=aims,
    )


def _summed(unit: Ints, values: Floats, n: int) -> Floats:
    return np.bincount(unit, weights=values, minlength=n).astype(np.float64)
