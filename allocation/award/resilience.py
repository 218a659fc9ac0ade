"""What if a provider fails: who takes its hours on, at what cost, and which lots stay uncovered.

A provider can take on at once ``spare_pct`` of the hours it has won, in the lots it works in and in
those that touch them, and no more than its own limit leaves. Of all ways to share the stranded hours
out, the one that covers most is taken; of these the one with most hours taken on inside their own lot
(a provider from next door has further to travel); of these the cheapest. That is a flow of least cost,
solved exactly in thousandths of an hour. Failure is of those who do the work: when a member of a
consortium fails, its share of the consortium's hours is stranded and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import networkx as nx
import pandas as pd
from ortools.graph.python import min_cost_flow

from lotting.plan import natural

from .work import by_member

__all__ = ["Resilience", "find_resilience"]

_UNITS = 1000  # of an hour
_PENCE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Resilience:
    """What each failure would leave.

    Attributes
    ----------
    failures
        RangeIndex; ``provider_id``, ``with_provider_id`` (empty: it fails alone), ``lots`` (it works in),
        ``stranded_hours``, ``absorbed_hours``, ``next_door_hours`` (of them taken on from a lot that
        touches), ``left_hours``, ``cover_pct``, ``extra_weekly_gbp`` (what the absorbed hours cost more
        than before), ``lots_left`` (names of lots not wholly covered, with ``, `` between), and
        ``worse_hours`` (of a pair: left beyond what the two leave one by one; NaN: not a pair). Single
        failures come first, by hours left; then pairs, by hours left.
    takers
        Single failures only; ``provider_id``, ``lot``, ``taker_id``, ``weekly_hours``, ``next_door``,
        ``rate_gbp``, ``extra_weekly_gbp``.
    uncovered
        Single failures only; ``provider_id``, ``lot``, ``stranded_hours``, ``left_hours``, ``alone`` (nobody
        else works in the lot), ``reserves`` (bidders named as reserves there).
    spare_pct
        What was assumed.
    """

    failures: pd.DataFrame
    takers: pd.DataFrame
    uncovered: pd.DataFrame
    spare_pct: float

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
    max_weekly_hours: Mapping[str, float] | None = None, offers: pd.DataFrame | None = None,
    reserves: pd.DataFrame | None = None, pairs: bool = False,
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
        Per cent of its own hours that a provider can take on at once.
    max_weekly_hours
        Most hours of a provider, where it has a limit (NaN: none).
    offers
        ``provider_id``, ``lot``, ``rate_gbp``: what a provider asked in a lot it did not win. Where it
        made no offer, its rate is that of its dearest lot next door.
    reserves
        ``lot``, ``provider_id``, to be named beside hours that stay uncovered.
    pairs
        Whether pairs fail too: n (n − 1) / 2 of them.
    """
    work = _Work(awarded, members, graph, spare_pct, max_weekly_hours or {}, offers)
    named = _reserves(reserves)
    rows, takers, uncovered = [], [], []
    left_alone: dict[str, float] = {}
    for provider in work.providers:
        flow = work.fail((provider,))
        found = _totals(flow)
        left_alone[provider] = float(flow.lots["left_hours"].sum())
        rows.append({"provider_id": provider, "with_provider_id": "", **found, "worse_hours": math.nan})
        takers.append(flow.takers.assign(provider_id=provider))
        left = flow.lots[flow.lots["left_hours"] > 0]
        uncovered += [
            {"provider_id": provider, "lot": lot, "stranded_hours": row["stranded_hours"],
             "left_hours": row["left_hours"], "alone": work.alone(str(lot), provider),
             "reserves": ", ".join(named.get(str(lot), []))}
            for lot, row in left.iterrows()
        ]  # fmt: skip
    both = []
    for pair in combinations(work.providers, 2) if pairs else ():
        flow = work.fail(pair)
        worse = float(flow.lots["left_hours"].sum()) - left_alone[pair[0]] - left_alone[pair[1]]
        both.append({"provider_id": pair[0], "with_provider_id": pair[1], **_totals(flow),
                     "worse_hours": worse})
    names = ["provider_id", "with_provider_id", "lots", "stranded_hours", "absorbed_hours", "next_door_hours",
             "left_hours", "cover_pct", "extra_weekly_gbp", "lots_left", "worse_hours"]  # fmt: skip
    tables = [
        pd.DataFrame(part, columns=names).sort_values("left_hours", ascending=False, kind="stable")
        for part in (rows, both) if part
    ]  # fmt: skip
    failures = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)
    return Resilience(
        failures,
        pd.concat(takers, ignore_index=True)[["provider_id", *_TAKERS]] if takers
        else pd.DataFrame(columns=["provider_id", *_TAKERS]),
        pd.DataFrame(uncovered, columns=["provider_id", "lot", "stranded_hours", "left_hours", "alone",
                                         "reserves"]),
        spare_pct,
    )  # fmt: skip


_TAKERS = ["lot", "taker_id", "weekly_hours", "next_door", "rate_gbp", "extra_weekly_gbp"]


def _reserves(reserves: pd.DataFrame | None) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    if reserves is not None:
        for lot, provider in zip(reserves["lot"], reserves["provider_id"], strict=True):
            named.setdefault(str(lot), []).append(str(provider))
    return named


@dataclass(frozen=True, slots=True, eq=False)
class _Flow:
    """One failure: ``lots`` (index lot: stranded, absorbed and left hours) and ``takers``."""

    lots: pd.DataFrame
    takers: pd.DataFrame


def _totals(flow: _Flow) -> dict[str, object]:
    stranded, left = float(flow.lots["stranded_hours"].sum()), float(flow.lots["left_hours"].sum())
    return {
        "lots": len(flow.lots), "stranded_hours": stranded,
        "absorbed_hours": float(flow.lots["absorbed_hours"].sum()),
        "next_door_hours": float(flow.takers.loc[flow.takers["next_door"], "weekly_hours"].sum()),
        "left_hours": left, "cover_pct": 100 * (stranded - left) / stranded if stranded > 0 else 100.0,
        "extra_weekly_gbp": float(flow.takers["extra_weekly_gbp"].sum()),
        "lots_left": ", ".join(map(str, flow.lots.index[flow.lots["left_hours"] > 0])),
    }  # fmt: skip


class _Work:
    """Who works where, at what rate, and how much more each could do."""

    def __init__(
        self, awarded: pd.DataFrame, members: pd.DataFrame, graph: nx.Graph[str], spare_pct: float,
        limits: Mapping[str, float], offers: pd.DataFrame | None,
    ) -> None:  # fmt: skip
        shared = by_member(awarded[["weekly_hours", "rate_gbp"]], members)
        shared["cost"] = shared["weekly_hours"] * shared["rate_gbp"]
        sums = shared.groupby(["lot", "member_id"])[["weekly_hours", "cost"]].sum()
        sums = sums[sums["weekly_hours"] > 0]
        self._hours: dict[str, dict[str, float]] = {}
        self._rate: dict[tuple[str, str], float] = {}
        self._in: dict[str, set[str]] = {}
        for (lot, member), hours, cost in zip(sums.index, sums["weekly_hours"], sums["cost"], strict=True):
            self._hours.setdefault(str(member), {})[str(lot)] = float(hours)
            self._rate[str(lot), str(member)] = float(cost) / float(hours)
            self._in.setdefault(str(lot), set()).add(str(member))
        self.providers = sorted(self._hours, key=natural)
        self._near = {str(lot): {str(n) for n in graph.neighbors(lot)} for lot in graph.nodes}
        self._spare = {}
        for provider, by_lot in self._hours.items():
            whole = sum(by_lot.values())
            limit = limits.get(provider, math.nan)
            room = math.inf if math.isnan(limit) else max(0.0, limit - whole)
            self._spare[provider] = min(whole * spare_pct / 100, room)
        self._offered: dict[tuple[str, str], float] = {}
        if offers is not None:
            parts = by_member(offers[["lot", "provider_id", "rate_gbp"]].assign(weekly_hours=1.0), members)
            lowest = parts.groupby(["lot", "member_id"])["rate_gbp"].min()
            self._offered = {(str(a), str(b)): float(r)
                             for (a, b), r in zip(lowest.index, lowest, strict=True)}

    def alone(self, lot: str, provider: str) -> bool:
        return self._in[lot] == {provider}

    def _asks(self, lot: str, provider: str) -> float:
        """What an hour costs of a provider that is given work in a lot."""
        if (lot, provider) in self._rate:
            return self._rate[lot, provider]
        if (lot, provider) in self._offered:
            return self._offered[lot, provider]
        return max(self._rate[n, provider] for n in self._near.get(lot, ()) if (n, provider) in self._rate)

    def fail(self, failing: tuple[str, ...]) -> _Flow:
        stranded: dict[str, float] = {}
        cost: dict[str, float] = {}
        for provider in failing:
            for lot, hours in self._hours[provider].items():
                stranded[lot] = stranded.get(lot, 0.0) + hours
                cost[lot] = cost.get(lot, 0.0) + hours * self._rate[lot, provider]
        lots = sorted(stranded, key=natural)
        arcs = []
        for lot in lots:
            near = set().union(*(self._in.get(n, set()) for n in self._near.get(lot, ())))
            here = self._in[lot]
            arcs += [(lot, p, p not in here) for p in sorted(here | near, key=natural)
                     if p not in failing and self._spare[p] * _UNITS >= 1]  # fmt: skip
        taken = self._solve(lots, stranded, arcs)
        rows = []
        absorbed = dict.fromkeys(lots, 0.0)
        for (lot, taker, next_door), units in zip(arcs, taken, strict=True):
            if units:
                whole = round(stranded[lot] * _UNITS)
                hours = stranded[lot] * units / whole
                absorbed[lot] += hours
                rate = self._asks(lot, taker)
                rows.append((lot, taker, hours, next_door, rate, hours * (rate - cost[lot] / stranded[lot])))
        table = pd.DataFrame(index=pd.Index(lots, name="lot"))
        table["stranded_hours"] = [stranded[lot] for lot in lots]
        table["absorbed_hours"] = [absorbed[lot] for lot in lots]
        left = table["stranded_hours"] - table["absorbed_hours"]
        table["left_hours"] = left.where(left > 0.5 / _UNITS, 0.0)
        return _Flow(table, pd.DataFrame(rows, columns=_TAKERS).astype({"next_door": bool}))

    def _solve(
        self, lots: list[str], stranded: Mapping[str, float], arcs: list[tuple[str, str, bool]]
    ) -> list[int]:
        """Share the stranded hours out over the arcs, in thousandths of an hour."""
        if not arcs:
            return []
        takers = sorted({p for _, p, _ in arcs}, key=natural)
        where = {("lot", lot): i for i, lot in enumerate(lots)}
        where |= {("taker", p): len(lots) + i for i, p in enumerate(takers)}
        sink = len(where)
        supply = [round(stranded[lot] * _UNITS) for lot in lots]
        pence = [round(self._asks(lot, p) * _PENCE) for lot, p, _ in arcs]
        spread = max(pence) - min(pence)
        # a change of the flow touches each lot and each taker once at most
        touched = 2 * min(len(lots), len(takers)) + 1
        next_door = spread * touched + 1
        uncovered = (next_door + spread) * touched + 1
        flow = min_cost_flow.SimpleMinCostFlow()
        for (lot, p, far), price in zip(arcs, pence, strict=True):
            flow.add_arc_with_capacity_and_unit_cost(
                where["lot", lot], where["taker", p], supply[lots.index(lot)],
                price - min(pence) + (next_door if far else 0))
        for p in takers:
            flow.add_arc_with_capacity_and_unit_cost(
                where["taker", p], sink, math.floor(self._spare[p] * _UNITS + 1e-6), 0)
        for lot, units in zip(lots, supply, strict=True):
            flow.add_arc_with_capacity_and_unit_cost(where["lot", lot], sink, units, uncovered)
            flow.set_node_supply(where["lot", lot], units)
        flow.set_node_supply(sink, -sum(supply))
        status = flow.solve()
        if status != flow.OPTIMAL:
            raise RuntimeError(f"the flow of stranded hours ended with {status}")
        return [flow.flow(i) for i in range(len(arcs))]
