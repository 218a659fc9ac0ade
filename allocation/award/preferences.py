"""Providers' order of preference."""

from __future__ import annotations

import math
from collections import defaultdict

import pulp

from .program import SLACK_HOURS, AwardModel
from .terms import Offer, Terms

__all__ = ["add_preferences", "stands_alone"]


def add_preferences(model: AwardModel) -> None:
    """No provider wins a bid while one it ranked higher loses its lot to a worse one.

    Of each bid for one lot alone: if its provider wins a bid ranked lower, and a bid of less merit wins
    in this lot, the provider holds this lot as well (by this bid, or in a package). A bid without a rank is
    outside the rule, and so is one that the provider's own limits keep out by itself. Chains of
    variables keep the rows as few as the offers.
    """
    terms = model.terms
    bids: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    holds: dict[tuple[str, str], list[tuple[pulp.LpVariable, float]]] = defaultdict(list)
    for offer in terms.offers:
        holds[offer.provider, offer.lot].append((model.take[offer.bid], -1.0))
        if not math.isnan(offer.preference):
            mine = bids[offer.provider][offer.preference]
            mine.extend([offer.bid] if offer.bid not in mine else [])
    worse = {lot: _worse_wins(model, lot) for lot in terms.lots}
    for provider, by_rank in sorted(bids.items()):
        below: pulp.LpVariable | None = None
        waiting: list[int] = []
        for rank in sorted(by_rank, reverse=True):
            if waiting:
                chain = model.binary("wins_below", provider, f"{rank:g}")
                for b in waiting:
                    model.row("preferences", provider, [(model.take[b], 1.0), (chain, -1.0)], -1, 0.0)
                if below is not None:
                    model.row("preferences", provider, [(below, 1.0), (chain, -1.0)], -1, 0.0)
                below = chain
            waiting = by_rank[rank]
            for offer in (terms.offers[terms.bids[b].offers[0]] for b in waiting):
                beaten = worse[offer.lot].get(offer.merit)
                if below is not None and beaten is not None and stands_alone(terms, offer):
                    model.row("preferences", terms.bids[offer.bid].bid_id,
                              [(below, 1.0), *beaten, *holds[provider, offer.lot]], -1, 1.0)


def _worse_wins(model: AwardModel, lot: str) -> dict[float, list[tuple[pulp.LpVariable, float]]]:
    """By merit: a sum that is 1 if a bid of less merit wins in the lot.

    Where the last place is one of its own and places go by merit, who sits there tells; else a chain of
    variables, each at least the seats of one level and the variable of the next worse.
    """
    terms = model.terms
    last = {seat.winners: number for number, seat in enumerate(terms.seats(lot))}
    told = [n for n in last.values() if (lot, n) in model.among and terms.seats(lot)[n].places == 1]
    chained = [
        n for n, seat in enumerate(terms.seats(lot)) if last[seat.winners] not in told]
    levels = terms.levels(lot)
    found: dict[float, list[tuple[pulp.LpVariable, float]]] = {}
    chain: pulp.LpVariable | None = None
    for k in range(len(levels) - 2, -1, -1):
        if chained:
            link = model.binary("worse_wins", lot)
            for lower in levels[k + 1]:
                model.row("preferences", lot,
                          [*((model.seats[lower.number][n][0], 1.0) for n in chained), (link, -1.0)], -1, 0.0)
            if chain is not None:
                model.row("preferences", lot, [(chain, 1.0), (link, -1.0)], -1, 0.0)
            chain = link
        found[levels[k][0].merit] = [
            *((model.among[lot, n][-1], 1.0) for n in told), *((model.among[lot, n][k], -1.0) for n in told),
            *([] if chain is None else [(chain, 1.0)])]
    return found


def stands_alone(terms: Terms, offer: Offer) -> bool:
    """Whether a bid is for one lot, and could win its smallest seat, were it all the provider won."""
    least = min(s.share for s in terms.seats(offer.lot)) * terms.hours[offer.lot]
    limits = [
        terms.own("max_weekly_hours", firm) / part for firm, part in terms.parts[offer.provider].items()]
    most = min(offer.capacity_hours, *limits) + SLACK_HOURS
    return len(terms.bids[offer.bid].offers) == 1 and least <= most
