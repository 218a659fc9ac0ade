"""Every rule of a tender checked on an award as it stands, sharing nothing with what made the award.

Reads the tables alone: an award typed by hand, or changed after the solver, is checked the same way.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from allocation.tender.brief import RulesBrief
from allocation.tender.load import Case

__all__ = ["Breach", "check_award"]

#: Hours by which a limit may be passed.
HOURS = 1e-3


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule broken in one place.

    Attributes
    ----------
    rule
        As in :data:`allocation.award.terms.RULES`, or ``bids`` (a bid that does not exist, or a package
        taken in part), ``hours`` (shares and hours that do not add up).
    place
        Lot, provider or locality.
    found, limit
        The figures.
    message
        A sentence.
    """

    rule: str
    place: str
    found: float
    limit: float
    message: str

    def __str__(self) -> str:
        return f"{self.rule}, {self.place}: {self.message}"


class _Win(NamedTuple):
    """One line of the award; what follows the hours is the bid's own."""

    lot: str
    provider: str
    bid: str
    position: float
    share_pct: float
    hours: float
    merit: float = math.nan
    capacity_hours: float = math.nan
    preference: float = math.nan


class _Part(NamedTuple):
    """Hours of a winning bid that count for a firm."""

    firm: str
    win: _Win
    hours: float


def check_award(
    case: Case,
    frame: pd.DataFrame,
    *,
    rules: RulesBrief | None = None,
    rules_off: Collection[str] = (),
) -> list[Breach]:
    """Return every breach of the tender's rules, in the order of the rules.

    Parameters
    ----------
    case
        The tender.
    frame
        Index ``lot``, ``provider_id``; ``bid_id``, ``position``, ``share_pct``, ``weekly_hours``.
    rules
        In place of the tender's own.
    rules_off
        Rules not to check.
    """
    rules = case.tender.rules if rules is None else rules
    off, by_price = set(rules_off), rules.aim == "price"
    figures = frame[["bid_id", "position", "share_pct", "weekly_hours"]].itertuples(index=False, name=None)
    won = [_Win(str(lot), str(provider), str(bid), *map(float, rest))
           for (lot, provider), (bid, *rest) in zip(frame.index, figures, strict=True)]
    offers: list[dict[str, Any]] = [
        {str(k): v for k, v in offer.items()} for offer in case.bids.offers.to_dict("records")]
    found = [*_bids(won, offers), *_lots(case, rules, won)]
    if any(b.rule == "bids" for b in found):
        return [b for b in found if b.rule not in off]
    for offer in offers:
        offer["merit"] = -offer["rate_gbp"] if by_price else offer["score"]
    made = {(str(o["bid_id"]), str(o["lot"])): o for o in offers}
    won = [_Win(*w[:6], *(float(made[w.bid, w.lot][name]) for name in _Win._fields[6:])) for w in won]
    members: dict[str, dict[str, float]] = defaultdict(dict)
    table = case.providers.members
    for provider, firm, share in zip(
            table["provider_id"], table["member_id"], table["share_pct"], strict=True):
        members[str(provider)][str(firm)] = float(share) / 100
    parts = [_Part(firm, w, part * w.hours) for w in won
             for firm, part in {w.provider: 1.0, **members[w.provider]}.items()]
    limits: dict[str, dict[str, float]] = {
        name: {str(p): float(v) for p, v in case.providers.frame[name].items() if not math.isnan(v)}
        for name in ("max_lots", "max_weekly_hours", "min_weekly_hours")}
    found += [*_positions(won), *_capacity(won), *_one_part(parts), *_firms(case, rules, parts, limits)]
    found += [*_providers(rules, won, limits)]
    if rules.respect_preferences:
        found += _preferences(case, rules, won, offers, members, limits, off)
    if rules.failure_cover_pct:
        found += _failure_cover(case, rules, parts)
    return [b for b in found if b.rule not in off]


def _by_lot(won: Sequence[_Win]) -> dict[str, list[_Win]]:
    lots: dict[str, list[_Win]] = defaultdict(list)
    for w in sorted(won, key=lambda w: w.position):
        lots[w.lot].append(w)
    return lots


def _bids(won: Sequence[_Win], offers: Sequence[Mapping[str, Any]]) -> Iterator[Breach]:
    lots: dict[str, set[str]] = defaultdict(set)
    owner: dict[str, str] = {}
    for offer in offers:
        lots[str(offer["bid_id"])].add(str(offer["lot"]))
        owner[str(offer["bid_id"])] = str(offer["provider_id"])
    for bid in dict.fromkeys(w.bid for w in won):
        have, want = {w.lot for w in won if w.bid == bid}, lots[bid]
        if have != want:
            yield Breach("bids", bid, len(have), len(want),
                         f"wins {sorted(have)}, where it is for {sorted(want)}, all or nothing.")
        elif {w.provider for w in won if w.bid == bid} != {owner[bid]}:
            yield Breach("bids", bid, 0, 0, "is another provider's.")


def _lots(case: Case, rules: RulesBrief, won: Sequence[_Win]) -> Iterator[Breach]:
    by_lot = _by_lot(won)
    for name, hours in case.lots.frame["weekly_hours"].items():
        lot, whole = str(name), float(hours)
        here = by_lot[lot]
        low, high = rules.winners(lot)
        if not low <= len(here) <= high:
            yield Breach("providers_per_lot", f"lot {lot}", len(here), low if len(here) < low else high,
                         f"has {len(here)} winners, where {low} to {high} are allowed.")
        different = len({w.provider for w in here})
        if different < len(here):
            yield Breach("hours", f"lot {lot}", len(here), different, "has a winner twice.")
        if not here:
            continue
        stated, given = rules.shares_of(len(here)), [w.share_pct for w in here]
        if max(abs(a - b) for a, b in zip(given, stated, strict=True)) > 1e-6:
            yield Breach("hours", f"lot {lot}", math.fsum(given), 100,
                         f"has shares {given}, where {list(stated)} are stated.")
        if max(abs(w.hours - whole * s / 100) for w, s in zip(here, stated, strict=True)) > HOURS:
            yield Breach("hours", f"lot {lot}", math.fsum(w.hours for w in here), whole,
                         "has hours that are not its shares of the lot.")


def _positions(won: Sequence[_Win]) -> Iterator[Breach]:
    for lot, here in _by_lot(won).items():
        for a, b in combinations(here, 2):
            upper, lower = (a, b) if a.share_pct > b.share_pct else (b, a)
            if upper.share_pct > lower.share_pct + 1e-9 and upper.merit < lower.merit:
                yield Breach("positions", f"lot {lot}", upper.merit, lower.merit,
                             f"gives {upper.provider} more than {lower.provider}, whose bid is better.")


def _capacity(won: Sequence[_Win]) -> Iterator[Breach]:
    for w in won:
        if w.hours > w.capacity_hours + HOURS:  # NaN: no limit
            yield Breach("capacity", f"lot {w.lot}", w.hours, w.capacity_hours,
                         f"gives {w.provider} more hours than it offered.")


def _one_part(parts: Sequence[_Part]) -> Iterator[Breach]:
    seats: dict[tuple[str, str], set[str]] = defaultdict(set)
    for part in parts:
        seats[part.win.lot, part.firm].add(part.win.bid)
    for (lot, firm), bids in seats.items():
        if len(bids) > 1:
            yield Breach("one_part_per_lot", f"lot {lot}", len(bids), 1,
                         f"{firm} is part of {len(bids)} winners.")


def _firms(
    case: Case, rules: RulesBrief, parts: Sequence[_Part], limits: Mapping[str, Mapping[str, float]]
) -> Iterator[Breach]:
    whole: dict[str, float] = defaultdict(float)
    locality = {str(lot): str(place) for lot, place in case.lots.frame["locality"].items()}
    for lot, held in case.lots.frame["weekly_hours"].items():
        whole[locality[str(lot)]] += float(held)
    share = math.inf if rules.max_share_pct is None else rules.max_share_pct / 100 * sum(whole.values())
    for firm in dict.fromkeys(part.firm for part in parts):
        mine = [part for part in parts if part.firm == firm]
        lots, hours = len({(p.win.lot, p.win.bid) for p in mine}), math.fsum(p.hours for p in mine)
        for rule, most in (("own_lots", limits["max_lots"].get(firm, math.inf)),
                           ("max_lots", rules.max_lots or math.inf)):
            if lots > most:
                yield Breach(rule, firm, lots, most, f"holds {lots} lots; {most:g} allowed.")
        for rule, most in (
            ("own_hours", limits["max_weekly_hours"].get(firm, math.inf)),
            ("max_weekly_hours", rules.max_weekly_hours or math.inf), ("max_share", share),
        ):
            if hours > most + HOURS:
                yield Breach(rule, firm, hours, most, f"holds {hours:,.1f} h a week; {most:,.1f} allowed.")
        for place in sorted({locality[p.win.lot] for p in mine} - {""}):
            held = math.fsum(p.hours for p in mine if locality[p.win.lot] == place)
            most = (rules.max_locality_share_pct or math.inf) / 100 * whole[place]
            if held > most + HOURS:
                yield Breach("max_locality_share", f"{place}, {firm}", held, most,
                             f"holds {held:,.1f} h a week there; {most:,.1f} allowed.")


def _providers(
    rules: RulesBrief, won: Sequence[_Win], limits: Mapping[str, Mapping[str, float]]
) -> Iterator[Breach]:
    hours: dict[str, float] = defaultdict(float)
    for w in won:
        hours[w.provider] += w.hours
    if rules.max_providers is not None and len(hours) > rules.max_providers:
        yield Breach("max_providers", "all lots", len(hours), rules.max_providers,
                     f"{len(hours)} providers win; {rules.max_providers} allowed.")
    for provider, held in hours.items():
        for rule, least in (("min_weekly_hours", rules.min_weekly_hours),
                            ("own_min_hours", limits["min_weekly_hours"].get(provider, 0.0))):
            if held < least - HOURS:
                yield Breach(rule, provider, held, least,
                             f"holds {held:,.1f} h a week; {least:,.1f} at least.")


def _preferences(
    case: Case, rules: RulesBrief, won: Sequence[_Win], offers: Sequence[Mapping[str, Any]],
    members: Mapping[str, Mapping[str, float]], limits: Mapping[str, Mapping[str, float]], off: set[str],
) -> Iterator[Breach]:  # fmt: skip
    rows: dict[str, int] = defaultdict(int)
    for offer in offers:
        rows[str(offer["bid_id"])] += 1
    for offer in offers:
        provider, lot, rank = str(offer["provider_id"]), str(offer["lot"]), float(offer["preference"])
        if rows[str(offer["bid_id"])] > 1 or math.isnan(rank):
            continue
        held = [w for w in won if w.provider == provider]
        worse = [w for w in held if w.preference > rank]
        beaten = [w for w in won if w.lot == lot and w.merit < offer["merit"]]
        if any(w.lot == lot for w in held) or not worse or not beaten:
            continue
        low, high = rules.winners(lot)
        sizes = range(1 if "providers_per_lot" in off else low, high + 1)
        smallest = min(min(rules.shares_of(k)) for k in sizes) / 100
        hours = smallest * float(case.lots.frame["weekly_hours"][lot])
        own = limits["max_weekly_hours"]
        fits = all(
            hours * part <= own.get(firm, math.inf) + HOURS
            for firm, part in {provider: 1.0, **members[provider]}.items())
        if fits and not hours > offer["capacity_hours"] + HOURS:
            yield Breach(
                "preferences", f"lot {lot}", beaten[0].merit, float(offer["merit"]),
                f"{provider} ranked it {rank:g} and holds {worse[0].bid}, ranked lower, while "
                f"{beaten[0].provider} wins it with a worse bid.")


def _failure_cover(case: Case, rules: RulesBrief, parts: Sequence[_Part]) -> Iterator[Breach]:
    """If a firm fails, a plan exists by which others in and around take on enough: linear programming."""
    from scipy.optimize import linprog

    hours = {str(lot): float(h) for lot, h in case.lots.frame["weekly_hours"].items()}
    graph = case.lots.graph
    spare, cover = rules.spare_pct / 100, rules.failure_cover_pct / 100
    for firm in dict.fromkeys(part.firm for part in parts):
        lost: dict[str, float] = defaultdict(float)
        for part in parts:
            if part.firm == firm:  # all of a bid of its own, its part of another's
                lost[part.win.lot] += part.win.hours if part.win.provider == firm else part.hours
        pairs = [(lot, near) for lot in lost for near in hours if near == lot or graph.has_edge(lot, near)]
        demand = np.array([[-1.0 if lot == d else 0.0 for lot, _ in pairs] for d in lost])
        supply = np.array([[1.0 if near == s else 0.0 for _, near in pairs] for s in hours])
        short = np.hstack([demand, -np.eye(len(lost))])
        room = [spare * max(h - lost.get(lot, 0.0), 0.0) for lot, h in hours.items()]
        answer = linprog(
            np.r_[np.zeros(len(pairs)), np.ones(len(lost))],
            A_ub=np.vstack([short, np.hstack([supply, np.zeros((len(hours), len(lost)))])]),
            b_ub=np.r_[[-cover * h for h in lost.values()], room])
        missing, whole = float(answer.fun or 0.0), cover * math.fsum(lost.values())
        if missing > HOURS:
            yield Breach("failure_cover", firm, whole - missing, whole,
                         f"if it fails, others in and near its lots take on {whole - missing:,.1f} h a week; "
                         f"{whole:,.1f} required.")
