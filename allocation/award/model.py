"""The award as a mixed-integer program in PuLP, every rule a named group of rows.

A bid is taken or not (``bid_...``); an offer sits in one seat of its lot (``seat_...``), and a seat has
its share of the lot's hours. Where a lot has one number of winners and equal shares the seat is the bid.
Rows are named ``<rule>__<lot or provider>``, so that the exported ``.lp`` or ``.mps`` can be read
beside the notice, and a rule be taken out by its name.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import pulp

from .cover import add_cover, first_cover
from .positions import add_positions
from .preferences import add_preferences
from .program import SCALE, SLACK_HOURS, AwardModel, weighted
from .terms import Offer, Terms

__all__ = ["build_model"]


def build_model(
    terms: Terms, *, relax: str | None = None, optional: Collection[str] = ()
) -> AwardModel:
    """Write the rules of a tender as a mixed-integer program.

    Parameters
    ----------
    terms
        The tender; rules switched off there are left out.
    relax
        A rule whose figure may give way by ``relaxed`` (lots, hours, providers, or parts of 1); the
        objective is then to give way least. One of ``own_lots``, ``own_hours``, ``own_min_hours``,
        ``capacity``, ``max_lots``, ``max_weekly_hours``, ``max_share``, ``max_locality_share``,
        ``max_providers``, ``min_weekly_hours``.
    optional
        Lots that need not be awarded (``left`` is 1 then); failure cover counts them as others' work.
    """
    model = AwardModel(terms, pulp.LpProblem("award", pulp.LpMaximize))
    model.left = {lot: model.binary("left", lot) for lot in optional}
    if relax is not None:
        whole = relax in {"max_lots", "own_lots", "max_providers"}
        model.relaxed = model.problem.add_variable(
            model.name("relaxed", relax), 0, cat="Integer" if whole else "Continuous")
    give = _Give(model, relax)
    _take_and_seats(model)
    _winners(model)
    _capacity(model, give)
    _caps(model, give)
    _used(model, give)
    if terms.on("preferences") and terms.rules.respect_preferences:
        add_preferences(model)
    for firm, lots in first_cover(terms):
        add_cover(model, firm, lots)
    if model.relaxed is not None:
        model.problem.setObjective(pulp.LpAffineExpression([(model.relaxed, -1.0)]))
    else:
        model.problem.setObjective(weighted(
            (variable, SCALE * _scaled(terms, offer, hours))
            for offer in terms.offers for variable, _, hours in model.seats[offer.number]))
    return model


def _scaled(terms: Terms, offer: Offer, hours: float) -> float:
    worth = terms.worth(offer, hours)
    return worth / terms.all_hours if terms.rules.aim == "price" else worth


@dataclass(frozen=True, slots=True)
class _Give:
    """Which rule may give way."""

    model: AwardModel
    rule: str | None

    def by(self, rule: str, weight: float = -1.0) -> list[tuple[pulp.LpVariable, float]]:
        if rule != self.rule or self.model.relaxed is None:
            return []
        return [(self.model.relaxed, weight)]


def _take_and_seats(model: AwardModel) -> None:
    terms = model.terms
    for bid in terms.bids:
        model.take.append(model.binary("bid", bid.bid_id))
    stated = {lot: terms.seats(lot) for lot in terms.lots}
    for offer in terms.offers:
        seats, take = stated[offer.lot], model.take[offer.bid]
        hours = terms.hours[offer.lot]
        if len(seats) == 1:
            model.seats.append([(take, seats[0], seats[0].share * hours)])
            continue
        mine = [
            (model.binary("seat", terms.bids[offer.bid].bid_id, offer.lot, f"{s.first}_of_{s.winners}"), s,
             s.share * hours) for s in seats]
        model.seats.append(mine)
        model.row("seated", f"{terms.bids[offer.bid].bid_id}_{offer.lot}",
                  [*((v, 1.0) for v, _, _ in mine), (take, -1.0)], 0, 0.0)


def _winners(model: AwardModel) -> None:
    terms = model.terms
    for lot in terms.lots:
        offers, seats = terms.offers_of_lot[lot], terms.seats(lot)
        numbers = sorted({s.winners for s in seats})
        if len(numbers) > 1 or lot in model.left:
            for k in numbers:
                model.counts[lot, k] = model.binary("winners", lot, str(k))
            choices = [model.counts[lot, k] for k in numbers]
            choices += [model.left[lot]] if lot in model.left else []
            model.row("providers_per_lot", lot, [(v, 1.0) for v in choices], 0, 1.0)
        for number, seat in enumerate(seats):
            count = model.counts.get((lot, seat.winners))
            here = [(model.seats[o.number][number][0], 1.0) for o in offers]
            model.row("providers_per_lot", f"{lot}_{seat.first}_of_{seat.winners}",
                      here if count is None else [*here, (count, -float(seat.places))],
                      0, float(seat.places) if count is None else 0.0)
            if count is not None and seat.places > 1:
                for variable, _ in here:
                    model.row("providers_per_lot", f"{lot}_{seat.winners}",
                              [(variable, 1.0), (count, -1.0)], -1, 0.0)
        add_positions(model, lot)
        _one_part(model, lot, offers)


def _one_part(model: AwardModel, lot: str, offers: tuple[Offer, ...]) -> None:
    """Return a provider wins a lot once; a firm is part of one winner there."""
    by_firm: dict[str, dict[int, str]] = defaultdict(dict)
    for offer in offers:
        firms = model.terms.parts[offer.provider]
        for firm in firms if model.terms.on("one_part_per_lot") else (offer.provider,):
            by_firm[firm][offer.bid] = offer.provider
    seen: set[frozenset[int]] = set()
    for firm, bids in sorted(by_firm.items()):
        if len(bids) > 1 and frozenset(bids) not in seen:
            seen.add(frozenset(bids))
            group = "once_per_lot" if len(set(bids.values())) == 1 else "one_part_per_lot"
            model.row(group, f"{lot}_{firm}", [(model.take[b], 1.0) for b in bids], -1, 1.0)


def _capacity(model: AwardModel, give: _Give) -> None:
    terms = model.terms
    if not terms.on("capacity"):
        return
    for offer in terms.offers:
        if math.isfinite(offer.capacity_hours) and any(
                h > offer.capacity_hours + SLACK_HOURS for _, _, h in model.seats[offer.number]):
            model.row("capacity", f"{terms.bids[offer.bid].bid_id}_{offer.lot}",
                      [*model.hours_of([(offer, 1.0)]), *give.by("capacity")], -1,
                      offer.capacity_hours)
            if not give.by("capacity"):
                for variable, _, hours in model.seats[offer.number]:
                    if hours > offer.capacity_hours + SLACK_HOURS:
                        variable.upBound = 0


def _caps(model: AwardModel, give: _Give) -> None:
    terms, rules = model.terms, model.terms.rules
    for firm, mine in terms.offers_of_firm.items():
        lots = [(model.take[o.bid], 1.0) for o, _ in mine]
        hours = list(model.hours_of(mine))
        most = sum(terms.hours[lot] for lot in {o.lot for o, _ in mine})
        for rule, limit in (("own_lots", terms.own("max_lots", firm)), ("max_lots", rules.max_lots)):
            if terms.on(rule) and limit is not None and limit < len({o.lot for o, _ in mine}):
                model.row(rule, firm, [*lots, *give.by(rule)], -1, float(limit))
        share = rules.max_share_pct
        for rule, limit, weight in (
            ("own_hours", terms.own("max_weekly_hours", firm), -1.0),
            ("max_weekly_hours", rules.max_weekly_hours, -1.0),
            ("max_share", None if share is None else share / 100 * terms.all_hours, -terms.all_hours),
        ):
            if terms.on(rule) and limit is not None and limit < most:
                model.row(rule, firm, [*hours, *give.by(rule, weight)], -1, limit)
        if terms.on("max_locality_share") and rules.max_locality_share_pct is not None:
            for locality in sorted({terms.locality[o.lot] for o, _ in mine} - {""}):
                whole = math.fsum(h for lot, h in terms.hours.items() if terms.locality[lot] == locality)
                inside = [(o, p) for o, p in mine if terms.locality[o.lot] == locality]
                model.row("max_locality_share", f"{locality}_{firm}",
                          [*model.hours_of(inside), *give.by("max_locality_share", -whole)], -1,
                          rules.max_locality_share_pct / 100 * whole)


def _used(model: AwardModel, give: _Give) -> None:
    terms, rules = model.terms, model.terms.rules
    bids: dict[str, list[int]] = defaultdict(list)
    offers: dict[str, list[tuple[Offer, float]]] = defaultdict(list)
    for bid in terms.bids:
        bids[bid.provider].append(bid.number)
        offers[bid.provider].extend((terms.offers[i], 1.0) for i in bid.offers)
    few = terms.on("max_providers") and rules.max_providers is not None
    for provider in terms.providers:
        own = terms.own("min_weekly_hours", provider)
        least = {
            "min_weekly_hours": rules.min_weekly_hours if terms.on("min_weekly_hours") else 0.0,
            "own_min_hours": own if terms.on("own_min_hours") and math.isfinite(own) else 0.0,
        }
        if not few and not any(least.values()):
            continue
        used = model.used[provider] = model.binary("wins", provider)
        for b in bids[provider]:
            model.row("wins", terms.bids[b].bid_id, [(model.take[b], 1.0), (used, -1.0)], -1, 0.0)
        for rule, hours in least.items():
            if hours:
                model.row(rule, provider, [*model.hours_of(offers[provider]), (used, -hours),
                                           *give.by(rule, 1.0)], 1, 0.0)
    if few and rules.max_providers is not None:
        model.row("max_providers", "all",
                  [*((v, 1.0) for v in model.used.values()), *give.by("max_providers")],
                  -1, float(rules.max_providers))
