"""What if a provider fails: who takes its hours on, at what cost, and which lots stay uncovered.

The same reading as the rule ``failure_cover``: those who work in a lot or in one that touches it can take
on at once ``spare_pct`` of the hours they have there. If a firm fails, all of a bid of its own is
stranded, and its part of a consortium's or lead's. Of all ways to share the stranded hours out, the one
that covers most is taken; of these the one with most hours taken on inside their own lot (a firm from
next door has further to travel); of these the cheapest; of these the one with least way, where the lots'
positions are known. That is a flow of least cost, solved exactly in thousandths of an hour. How far those
from next door travel is that of :mod:`allocation.award.trips`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeVar

import networkx as nx
import pandas as pd
from ortools.graph.python import min_cost_flow

from lotting.plan import natural

from .trips import Trips
from .work import by_member

__all__ = ["Resilience", "find_resilience"]

_UNITS = 1000  # of an hour
_PENCE = 100
_KM_PARTS = 10  # km a week of an hour taken on, to a tenth
_MOST = 2**62  # what a sum of costs may come to


@dataclass(frozen=True, slots=True, eq=False)
class Resilience:
    """What each failure would leave.

    Attributes
    ----------
    failures
        RangeIndex; ``provider_id``, ``with_provider_id`` (empty: it fails alone), ``lots`` (it works in),
        ``stranded_hours``, ``absorbed_hours``, ``next_door_hours`` (of them taken on from a lot that
        touches), ``left_hours``, ``cover_pct``, ``extra_weekly_gbp`` (what the absorbed hours cost more
        than before), ``extra_weekly_km`` and ``extra_weekly_minutes`` (what those from next door travel
        more; NaN: a position is not known), ``lots_left`` (names of lots not wholly covered, with ``; ``
        between), and ``worse_hours`` (of a pair: left beyond what the two leave one by one; NaN: not a
        pair). Single failures come first, by hours left; then pairs, by hours left.
    takers
        Single failures only; ``provider_id``, ``lot``, ``taker_id``, ``from_lot`` (where its people work),
        ``weekly_hours``, ``next_door``, ``rate_gbp``, ``extra_weekly_gbp``, ``extra_weekly_km``,
        ``extra_weekly_minutes``.
    uncovered
        Single failures only; ``provider_id``, ``lot``, ``stranded_hours``, ``left_hours``, ``alone`` (nobody
        else works in the lot), ``reserves`` (bidders named as reserves there).
    spare_pct
        What was assumed.
    hours_per_shift
        What travel rests on: contact hours for which one trip is made; NaN where no positions are known.
    """

    failures: pd.DataFrame
    takers: pd.DataFrame
    uncovered: pd.DataFrame
    spare_pct: float
    hours_per_shift: float = math.nan

    @property
    def least_cover_pct(self) -> float:
        """Cover of the worst single failure; NaN without work."""
        single = self.failures[self.failures["with_provider_id"] == ""]
        return float(single["cover_pct"].min()) if len(single) else math.nan

    @property
    def most_left_hours(self) -> float:
        """Hours that the worst single failure leaves."""
        single = self.failures[self.failures["with_provider_id"] == ""]
        return float(single["left_hours"].max()) if len(single) else 0.0


def find_resilience(
    awarded: pd.DataFrame, members: pd.DataFrame, graph: nx.Graph[str], *, spare_pct: float,
    offers: pd.DataFrame | None = None, reserves: pd.DataFrame | None = None, pairs: bool = False,
    trips: Trips | None = None,
) -> Resilience:  # fmt: skip
    """Let every provider fail, one by one and if asked in pairs.

    Parameters
    ----------
    awarded
        Index (``lot``, ``provider_id``); ``weekly_hours``, ``rate_gbp``.
    members
        ``provider_id``, ``member_id``, ``share_pct``.
    graph
        Which lots touch.
    spare_pct
        Per cent of their hours in and around a lot that others can take on at once.
    offers
        ``provider_id``, ``lot``, ``rate_gbp``: what a provider asked in a lot it did not win. Where it
        made no offer, its rate is that of the lot its people come from.
    reserves
        ``lot``, ``provider_id``, to be named beside hours that stay uncovered.
    pairs
        Whether pairs fail too: n (n − 1) / 2 of them.
    trips
        Travel of an hour taken on from next door; None where no positions are known.
    """
    work = _Work(awarded, members, graph, spare_pct, offers, trips)
    named = _reserves(reserves)
    rows, takers, uncovered, both = [], [], [], []
    left_alone: dict[str, float] = {}
    for provider in work.firms:
        flow = work.fail((provider,))
        found = _totals(flow)
        left_alone[provider] = flow.left_hours
        rows.append({"provider_id": provider, "with_provider_id": "", **found, "worse_hours": math.nan})
        takers += [(provider, *taken) for taken in flow.takers]
        uncovered += [
            (provider, *one, ", ".join(named.get(one.lot, [])))
            for one in flow.lots if one.left_hours > 0
        ]  # fmt: skip
    for pair in combinations(work.firms, 2) if pairs else ():
        flow = work.fail(pair)
        worse = max(0.0, flow.left_hours - sum(left_alone[p] for p in pair))
        both.append({"provider_id": pair[0], "with_provider_id": pair[1], **_totals(flow),
                     "worse_hours": worse})
    names = ["provider_id", "with_provider_id", "lots", "stranded_hours", "absorbed_hours", "next_door_hours",
             "left_hours", "cover_pct", "extra_weekly_gbp", "extra_weekly_km", "extra_weekly_minutes",
             "lots_left", "worse_hours"]  # fmt: skip
    tables = [
        pd.DataFrame(part, columns=names).sort_values("left_hours", ascending=False, kind="stable")
        for part in (rows, both) if part
    ]  # fmt: skip
    failures = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)
    return Resilience(
        failures,
        pd.DataFrame(takers, columns=["provider_id", *_Taken._fields]).astype({"next_door": bool}),
        pd.DataFrame(uncovered, columns=["provider_id", "lot", "stranded_hours", "left_hours", "alone",
                                         "reserves"]),
        spare_pct,
        math.nan if trips is None else trips.hours_per_shift,
    )  # fmt: skip


def _reserves(reserves: pd.DataFrame | None) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    if reserves is not None:
        for lot, provider in zip(reserves["lot"], reserves["provider_id"], strict=True):
            named.setdefault(str(lot), []).append(str(provider))
    return named


class _Taken(NamedTuple):
    """Hours of a lot that a firm takes on with its people in one lot."""

    lot: str
    taker_id: str
    from_lot: str
    weekly_hours: float
    next_door: bool
    rate_gbp: float
    extra_weekly_gbp: float
    extra_weekly_km: float
    extra_weekly_minutes: float


class _Hit(NamedTuple):
    """A lot that loses hours; ``alone``: nobody else works there."""

    lot: str
    stranded_hours: float
    left_hours: float
    alone: bool


@dataclass(frozen=True, slots=True)
class _Flow:
    """One failure."""

    lots: tuple[_Hit, ...]
    takers: tuple[_Taken, ...]

    @property
    def left_hours(self) -> float:
        return math.fsum(one.left_hours for one in self.lots)


def _totals(flow: _Flow) -> dict[str, object]:
    stranded, left = math.fsum(one.stranded_hours for one in flow.lots), flow.left_hours
    return {
        "lots": len(flow.lots), "stranded_hours": stranded, "absorbed_hours": stranded - left,
        "next_door_hours": math.fsum(t.weekly_hours for t in flow.takers if t.next_door),
        "left_hours": left, "cover_pct": 100 * (stranded - left) / stranded if stranded > 0 else 100.0,
        "extra_weekly_gbp": math.fsum(t.extra_weekly_gbp for t in flow.takers),
        "extra_weekly_km": math.fsum(t.extra_weekly_km for t in flow.takers),
        "extra_weekly_minutes": math.fsum(t.extra_weekly_minutes for t in flow.takers),
        "lots_left": "; ".join(one.lot for one in flow.lots if one.left_hours > 0),
    }  # fmt: skip


class _Work:
    """Who works where and at what rate, and what is left of it when some fail."""

    def __init__(
        self, awarded: pd.DataFrame, members: pd.DataFrame, graph: nx.Graph[str], spare_pct: float,
        offers: pd.DataFrame | None, trips: Trips | None,
    ) -> None:  # fmt: skip
        shared = by_member(awarded[["weekly_hours", "rate_gbp"]], members)
        columns = ("lot", "provider_id", "member_id", "weekly_hours", "rate_gbp")
        self._rows = [
            _Part(str(lot), str(bidder), str(member), float(hours), float(rate))
            for lot, bidder, member, hours, rate in zip(*(shared[c].tolist() for c in columns), strict=True)
            if hours > 0
        ]  # fmt: skip
        self.firms = sorted({f for row in self._rows for f in (row.bidder, row.member)}, key=natural)
        self._near = {str(lot): {str(lot), *map(str, graph.neighbors(lot))} for lot in graph.nodes}
        self._spare = spare_pct / 100
        self._trips = trips
        self._offered: dict[tuple[str, str], float] = {}
        if offers is not None:
            parts = by_member(offers[["lot", "provider_id", "rate_gbp"]].assign(weekly_hours=1.0), members)
            lowest = parts.groupby(["lot", "member_id"])["rate_gbp"].min()
            self._offered = {(str(a), str(b)): float(r)
                             for (a, b), r in zip(lowest.index, lowest, strict=True)}

    def fail(self, failing: tuple[str, ...]) -> _Flow:
        """Share the hours of those who fail out among the others."""
        lost = [r for r in self._rows if r.bidder in failing or r.member in failing]
        stranded, cost = _sums(lost, lambda r: r.lot)
        kept = [r for r in self._rows if r.bidder not in failing and r.member not in failing]
        hours, costs = _sums(kept, lambda r: (r.lot, r.member))
        rates = {key: costs[key] / hours[key] for key in hours}
        room = {key: math.floor(h * self._spare * _UNITS + 1e-6) for key, h in hours.items()}
        lots = sorted(stranded, key=natural)
        places = sorted((k for k in room if room[k]), key=lambda k: (natural(k[0]), natural(k[1])))
        arcs = [
            _Arc(lot, at, p, rates.get((lot, p), self._offered.get((lot, p), rates[at, p])),
                 *self._travel(at, lot))
            for lot in lots for at, p in places if at in self._near.get(lot, {lot})
        ]  # fmt: skip
        left = {lot: stranded[lot] for lot in lots}
        taken = []
        for arc, units in zip(arcs, _solve({k: stranded[k] for k in lots}, arcs, room), strict=True):
            if units:
                amount = stranded[arc.lot] * units / round(stranded[arc.lot] * _UNITS)
                left[arc.lot] -= amount
                more = amount * (arc.rate_gbp - cost[arc.lot] / stranded[arc.lot])
                taken.append(_Taken(arc.lot, arc.taker, arc.at, amount, arc.lot != arc.at, arc.rate_gbp, more,
                                    amount * arc.km, amount * arc.minutes))
        staffed = {r.lot for r in kept}
        hit = (_Hit(lot, stranded[lot], left[lot] if left[lot] > 0.5 / _UNITS else 0.0, lot not in staffed)
               for lot in lots)
        return _Flow(tuple(hit), tuple(taken))

    def _travel(self, at: str, lot: str) -> tuple[float, float]:
        """Km and minutes a week of an hour taken on."""
        if at == lot:
            return 0.0, 0.0
        if self._trips is None:
            return math.nan, math.nan
        return self._trips.km.get((at, lot), math.nan), self._trips.minutes.get((at, lot), math.nan)


class _Part(NamedTuple):
    """What one firm does of one winning bid."""

    lot: str
    bidder: str
    member: str
    weekly_hours: float
    rate_gbp: float


class _Arc(NamedTuple):
    """Hours of ``lot`` that ``taker`` may take on with its people in the lot ``at``; travel by the hour."""

    lot: str
    at: str
    taker: str
    rate_gbp: float
    km: float
    minutes: float


K = TypeVar("K", str, tuple[str, str])


def _sums(rows: Iterable[_Part], key: Callable[[_Part], K]) -> tuple[dict[K, float], dict[K, float]]:
    hours: dict[K, float] = {}
    cost: dict[K, float] = {}
    for row in rows:
        hours[key(row)] = hours.get(key(row), 0.0) + row.weekly_hours
        cost[key(row)] = cost.get(key(row), 0.0) + row.weekly_hours * row.rate_gbp
    return hours, cost


def _solve(
    stranded: Mapping[str, float], arcs: Sequence[_Arc], room: Mapping[tuple[str, str], int]
) -> list[int]:  # fmt: skip
    """Share the stranded hours out over the arcs, in thousandths of an hour."""
    if not arcs:
        return []
    takers = sorted({(a.at, a.taker) for a in arcs})
    lot_node = {lot: i for i, lot in enumerate(stranded)}
    taker_node = {t: len(stranded) + i for i, t in enumerate(takers)}
    sink = len(stranded) + len(takers)
    supply = {lot: round(h * _UNITS) for lot, h in stranded.items()}
    # a change of the flow touches each lot and each taker once at most
    touched = 2 * min(len(stranded), len(takers)) + 1
    costs, uncovered = _unit_costs(arcs, touched)
    if uncovered * sum(supply.values()) >= _MOST:  # too many lots to tell a km from another
        costs, uncovered = _unit_costs([a._replace(km=0.0) for a in arcs], touched)
    flow = min_cost_flow.SimpleMinCostFlow()
    for arc, cost in zip(arcs, costs, strict=True):
        flow.add_arc_with_capacity_and_unit_cost(
            lot_node[arc.lot], taker_node[arc.at, arc.taker], supply[arc.lot], cost)
    for taker in takers:
        flow.add_arc_with_capacity_and_unit_cost(taker_node[taker], sink, room[taker], 0)
    for lot, units in supply.items():
        flow.add_arc_with_capacity_and_unit_cost(lot_node[lot], sink, units, uncovered)
        flow.set_node_supply(lot_node[lot], units)
    flow.set_node_supply(sink, -sum(supply.values()))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise RuntimeError(f"the flow of stranded hours ended with {status}")
    return [flow.flow(i) for i in range(len(arcs))]


def _unit_costs(arcs: Sequence[_Arc], touched: int) -> tuple[list[int], int]:
    """Whole costs of an arc's unit, and of one left uncovered, in order: next door, rate, km.

    ``touched`` differences of one kind add up to less than one of the kind before.
    """
    known = [a.km for a in arcs if math.isfinite(a.km)]
    km = [round(_KM_PARTS * (a.km if math.isfinite(a.km) else max(known, default=0.0))) for a in arcs]
    penny = max(km) * touched + 1
    pence = [round(a.rate_gbp * _PENCE) for a in arcs]
    spread = (max(pence) - min(pence)) * penny + max(km)
    next_door = spread * touched + 1
    costs = [(p - min(pence)) * penny + k + (0 if a.at == a.lot else next_door)
             for a, p, k in zip(arcs, pence, km, strict=True)]
    return costs, (next_door + spread) * touched + 1
