"""A second pair of eyes on whether a plan keeps the brief.

Every plan is checked here before it is handed out. This module shares nothing with the solver,
and nothing with the measures either: a mistake there must not hide itself here. It reads the
plan area by area and recomputes what it needs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import geopandas as gpd
import networkx as nx

from .brief import LocksBrief, LotsBrief
from .errors import some
from .plan import Plan, natural

if TYPE_CHECKING:
    from .demand import Demand

__all__ = ["TOLERANCE_HOURS", "TOLERANCE_MINUTES", "Rules", "Violation", "check_plan"]

#: A lot may miss a limit by this many weekly hours (four thousandths of a second): enough for
#: sums of floating-point hours, far below anything a brief can mean.
TOLERANCE_HOURS = 1e-6

#: Travel minutes per contact hour by which a lot may miss the cap: rounding of sums.
TOLERANCE_MINUTES = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a plan has to keep. Everything left out is not asked for.

    Attributes
    ----------
    number
        Lots wanted, or (fewest, most).
    per_locality
        Lots wanted in each locality; when given, every locality must be named.
    min_hours, max_hours
        Weekly hours a lot may hold, both ends included.
    tolerance_pct
        Hours may miss the target by this many per cent, both ends included.
    target_hours
        Weekly hours a lot should hold. When None: the hours of the lot's locality shared
        equally among its lots, or of the whole map where there are no localities or lots may
        cross them.
    across_localities
        Lots may cross localities.
    together, apart
        Groups of areas in one lot; pairs of areas in two.
    lot_locks
        Lot by area that must be in it.
    max_travel_minutes
        Most minutes of travel for each hour of care in any lot, itself included.
    """

    number: int | tuple[int, int] | None = None
    per_locality: Mapping[str, int] = field(default_factory=dict)
    min_hours: float | None = None
    max_hours: float | None = None
    tolerance_pct: float | None = None
    target_hours: float | None = None
    across_localities: bool = False
    together: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    lot_locks: Mapping[str, str] = field(default_factory=dict)
    max_travel_minutes: float | None = None

    @classmethod
    def from_brief(cls, lots: LotsBrief, locks: LocksBrief) -> Self:
        """Take the rules from the brief's ``[lots]`` and ``[locks]``."""
        return cls(
            number=lots.number, per_locality=dict(lots.per_locality),
            min_hours=lots.min_hours, max_hours=lots.max_hours,
            tolerance_pct=lots.tolerance_pct, target_hours=lots.target_hours,
            across_localities=lots.across_localities,
            together=tuple(tuple(group) for group in locks.together),
            apart=tuple(locks.apart), lot_locks=dict(locks.lot),
            max_travel_minutes=lots.max_travel_minutes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that a plan breaks.

    Attributes
    ----------
    rule
        ``complete``, ``known``, ``hours``, ``number``, ``per_locality``, ``connected``,
        ``locality``, ``min_hours``, ``max_hours``, ``max_travel_minutes``, ``together``, ``apart`` or
        ``lot``.
    lot
        The lot at fault; "" where it is not one lot.
    areas
        The areas at fault; empty where it is the lot as a whole.
    value, limit
        What the plan has and what the rule allows, in the rule's unit; None where there is
        nothing to measure.
    message
        The same in words.
    """

    rule: str
    message: str
    lot: str = ""
    areas: tuple[str, ...] = ()
    value: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def check_plan(
    plan: Plan, areas: gpd.GeoDataFrame, graph: nx.Graph[str], demand: Demand, rules: Rules, *,
    travel: Callable[[Sequence[str]], float] | None = None,
) -> list[Violation]:
    """List every rule that a plan breaks; an empty list is a plan that keeps the brief.

    Parameters
    ----------
    plan
        Any plan, also one that does not fit the map.
    areas
        By ``area_code``, with the column ``locality`` ("" where there are none).
    graph
        Nodes are area codes; an edge joins two areas that count as neighbours.
    demand
        Its ``frame`` has ``weekly_hours`` by ``area_code``.
    rules
        See :class:`Rules`.
    travel
        Estimated travel minutes per contact hour of a lot of these areas (NaN without visits), for
        the cap on them.

    Returns
    -------
    list of Violation
        In the order in which the rules are named in :class:`Violation`, lots in natural order.
    """
    lot_of = {area: lot for area, lot in plan.lots.items() if area in areas.index}
    members: dict[str, list[str]] = defaultdict(list)
    for area in areas.index:
        if area in lot_of:
            members[lot_of[area]].append(area)
    members = {lot: members[lot] for lot in sorted(members, key=natural)}
    place = {area: str(name) for area, name in areas["locality"].items()}
    hours = {area: float(h) for area, h in demand.frame["weekly_hours"].items()}
    load = {lot: math.fsum(hours.get(a, 0.0) for a in inside) for lot, inside in members.items()}
    return [
        *_fits(plan, areas, hours, load),
        *_counts(members, place, rules),
        *_pieces(members, graph),
        *_nests(members, place, rules),
        *_limits(members, load, place, rules),
        *_travel(members, rules, travel),
        *_locks(lot_of, rules),
    ]


def _fits(
    plan: Plan, areas: gpd.GeoDataFrame, hours: dict[Hashable, float], load: dict[str, float]
) -> list[Violation]:
    found = []
    lost = [str(a) for a in areas.index if a not in plan.lots.index]
    if lost:
        found.append(Violation(
            rule="complete", areas=tuple(lost), value=float(len(lost)), limit=0.0,
            message=f"{len(lost)} of {len(areas)} areas have no lot: {some(lost)}. "
                    "Every area must be in exactly one lot.",
        ))
    extra = [str(a) for a in plan.lots.index if a not in areas.index]
    if extra:
        found.append(Violation(
            rule="known", areas=tuple(extra), value=float(len(extra)), limit=0.0,
            message=f"{len(extra)} areas of the plan are not on the map: {some(extra)}.",
        ))
    every, placed = math.fsum(hours.values()), math.fsum(load.values())
    if abs(every - placed) > TOLERANCE_HOURS * max(1, len(load)):
        found.append(Violation(
            rule="hours", value=placed, limit=every,
            message=f"the lots hold {placed:,.2f} h a week in all, but the demand is "
                    f"{every:,.2f}: {every - placed:+,.2f} h got lost on the way.",
        ))
    return found


def _counts(
    members: dict[str, list[str]], place: dict[Hashable, str], rules: Rules
) -> list[Violation]:
    found = []
    n = len(members)
    if rules.number is not None:
        low, high = (
            (rules.number, rules.number) if isinstance(rules.number, int) else rules.number
        )
        if not low <= n <= high:
            wanted = f"{low}" if low == high else f"{low} to {high}"
            found.append(Violation(
                rule="number", value=float(n), limit=float(low if n < low else high),
                message=f"the plan has {n} lots; the brief asks for {wanted}.",
            ))
    if rules.per_locality:
        for name in sorted({*place.values(), *rules.per_locality}, key=natural):
            here = sum(any(place[a] == name for a in inside) for inside in members.values())
            asked = rules.per_locality.get(name, 0)
            if here != asked:
                found.append(Violation(
                    rule="per_locality", value=float(here), limit=float(asked),
                    message=f"{name or 'areas without a locality'}: {here} lots; "
                            f"the brief asks for {asked}.",
                ))
    return found


def _pieces(members: dict[str, list[str]], graph: nx.Graph[str]) -> list[Violation]:
    found = []
    for lot, inside in members.items():
        parts = sorted(nx.connected_components(graph.subgraph(inside)), key=len, reverse=True)
        stray = [a for a in inside if a not in graph]
        if len(parts) + len(stray) > 1:
            loose = sorted(set(inside) - (parts[0] if parts else {stray[0]}))
            found.append(Violation(
                rule="connected", lot=lot, areas=tuple(loose),
                value=float(len(parts) + len(stray)), limit=1.0,
                message=f"lot {lot} is in {len(parts) + len(stray)} pieces; cut off from its "
                        f"largest: {some(loose)}.",
            ))
    return found


def _nests(
    members: dict[str, list[str]], place: dict[Hashable, str], rules: Rules
) -> list[Violation]:
    if rules.across_localities:
        return []
    found = []
    for lot, inside in members.items():
        names = sorted({place[a] for a in inside}, key=natural)
        if len(names) > 1:
            found.append(Violation(
                rule="locality", lot=lot, value=float(len(names)), limit=1.0,
                message=f"lot {lot} crosses localities: "
                        f"{some(name or 'none' for name in names)}.",
            ))
    return found


def _limits(
    members: dict[str, list[str]],
    load: dict[str, float],
    place: dict[Hashable, str],
    rules: Rules,
) -> list[Violation]:
    # A lot that crosses localities against the rules is reported by _nests; here it counts
    # where most of its areas are, so that its neighbours' targets stay meaningful.
    home = {}
    for lot, inside in members.items():
        names = [place[a] for a in inside]
        home[lot] = "" if rules.across_localities else max(sorted(set(names)), key=names.count)
    found = []
    for lot, held in load.items():
        low, high, why_low, why_high = -math.inf, math.inf, "", ""
        if rules.min_hours is not None:
            low, why_low = rules.min_hours, "min_hours"
        if rules.max_hours is not None:
            high, why_high = rules.max_hours, "max_hours"
        if rules.tolerance_pct is not None:
            peers = [load[k] for k in load if home[k] == home[lot]]
            target = (
                rules.target_hours if rules.target_hours is not None
                else math.fsum(peers) / len(peers)
            )
            near = f"{rules.tolerance_pct:g} % around {target:,.2f} h"
            part = rules.tolerance_pct / 100
            if target * (1 - part) > low:
                low, why_low = target * (1 - part), near
            if target * (1 + part) < high:
                high, why_high = target * (1 + part), near
        if held < low - TOLERANCE_HOURS:
            found.append(Violation(
                rule="min_hours", lot=lot, value=held, limit=low,
                message=f"lot {lot} holds {held:,.2f} h a week, {low - held:,.2f} below its least "
                        f"of {low:,.2f} ({why_low}).",
            ))
        if held > high + TOLERANCE_HOURS:
            found.append(Violation(
                rule="max_hours", lot=lot, value=held, limit=high,
                message=f"lot {lot} holds {held:,.2f} h a week, {held - high:,.2f} above its most "
                        f"of {high:,.2f} ({why_high}).",
            ))
    return found


def _travel(
    members: dict[str, list[str]], rules: Rules, travel: Callable[[Sequence[str]], float] | None
) -> list[Violation]:
    cap = rules.max_travel_minutes
    if cap is None or travel is None:
        return []
    found = []
    for lot, inside in members.items():
        minutes = travel(inside)
        if minutes > cap + TOLERANCE_MINUTES:
            found.append(Violation(
                rule="max_travel_minutes", lot=lot, value=minutes, limit=cap,
                message=f"lot {lot} has an estimated {minutes:.2f} travel minutes per contact hour, "
                        f"{minutes - cap:.2f} above its most of {cap:g}.",
            ))
    return found


def _locks(lot_of: dict[Hashable, str], rules: Rules) -> list[Violation]:
    found = []
    for group in rules.together:
        lots = sorted({lot_of.get(a, "none") for a in group}, key=natural)
        if len(lots) > 1:
            found.append(Violation(
                rule="together", areas=tuple(group), value=float(len(lots)), limit=1.0,
                message=f"{some(group)} are locked together, but lie in lots {some(lots)}.",
            ))
    for a, b in rules.apart:
        if a in lot_of and lot_of[a] == lot_of.get(b):
            found.append(Violation(
                rule="apart", lot=lot_of[a], areas=(a, b),
                message=f"{a} and {b} are locked apart, but share lot {lot_of[a]}.",
            ))
    for area, lot in rules.lot_locks.items():
        if lot_of.get(area) != lot:
            found.append(Violation(
                rule="lot", lot=lot, areas=(area,),
                message=f"{area} is locked to lot {lot}, but lies in {lot_of.get(area, 'none')}.",
            ))
    return found
