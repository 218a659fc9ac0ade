"""Failure cover: if any firm fails, the others in and around its lots take on enough of its hours.

If firm f fails, others hold all the rest of the hours of lots N(S) in and around any set S of its lots,
because every lot is awarded whole. They take on ``spare`` of these at once, so

    X h_f(S) <= spare (T(N(S)) - h_f(N(S)))  for every set S of lots

is exact (Hall's condition of the transport problem) and holds only the seats of f itself. One row for
every lot is in the program from the start, larger sets come when a solution breaks them
(:func:`broken_cover`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import networkx as nx

from .program import SLACK_HOURS, AwardModel, Won
from .terms import Offer, Terms

__all__ = ["add_cover", "broken_cover", "fails_with", "first_cover"]


def fails_with(terms: Terms, firm: str) -> list[tuple[Offer, float]]:
    """Offers that are lost if a firm fails: all of a bid of its own, its part of another's."""
    return [(o, 1.0 if o.provider == firm else part) for o, part in terms.offers_of_firm[firm]]


def first_cover(terms: Terms) -> Iterator[tuple[str, frozenset[str]]]:
    """One row for each firm and lot that could break the rule."""
    if not terms.on("failure_cover") or not terms.rules.failure_cover_pct:
        return
    cover, spare = terms.rules.failure_cover_pct / 100, terms.rules.spare_pct / 100
    for firm in terms.offers_of_firm:
        most: dict[str, float] = defaultdict(float)
        for offer, part in fails_with(terms, firm):
            largest = max(s.share for s in terms.seats(offer.lot)) * terms.hours[offer.lot]
            most[offer.lot] = max(most[offer.lot], part * largest)
        for lot in sorted(most):
            around = terms.near[lot]
            at_most = cover * most[lot] + spare * sum(most.get(n, 0.0) for n in around)
            if at_most > spare * sum(terms.hours[n] for n in around):
                yield firm, frozenset({lot})


def add_cover(model: AwardModel, firm: str, lots: frozenset[str]) -> None:
    """Add the row of a firm and a set of lots; see the module's first lines."""
    terms = model.terms
    cover, spare = terms.rules.failure_cover_pct / 100, terms.rules.spare_pct / 100
    around = frozenset().union(*(terms.near[lot] for lot in lots))
    lost = fails_with(terms, firm)
    row = [
        *model.hours_of((o, cover * part) for o, part in lost if o.lot in lots),
        *model.hours_of((o, spare * part) for o, part in lost if o.lot in around)]
    place = next(iter(lots)) if len(lots) == 1 else f"{len(lots)}_lots"
    model.row("failure_cover", f"{place}_{firm}", row, -1,
              spare * sum(terms.hours[n] for n in around))


def broken_cover(terms: Terms, won: tuple[Won, ...]) -> list[tuple[str, frozenset[str]]]:
    """Sets of lots whose failure cover an award breaks, the worst of each firm, by minimum cuts.

    Returns
    -------
    list of (firm, lots)
    """
    if not terms.on("failure_cover") or not terms.rules.failure_cover_pct:
        return []
    cover, spare = terms.rules.failure_cover_pct / 100, terms.rules.spare_pct / 100
    found = []
    for firm in terms.offers_of_firm:
        parts = {(o.bid, o.lot): part for o, part in fails_with(terms, firm)}
        held: dict[str, float] = defaultdict(float)
        for w in won:
            if (w.offer.bid, w.offer.lot) in parts:
                held[w.offer.lot] += parts[w.offer.bid, w.offer.lot] * w.weekly_hours
        if not held:
            continue
        network: nx.DiGraph[Any] = nx.DiGraph()
        for lot, hours in held.items():
            network.add_edge("from", ("lot", lot), capacity=cover * hours)
            for near in terms.near[lot]:
                network.add_edge(("lot", lot), ("near", near))
                others = terms.hours[near] - held.get(near, 0.0)
                network.add_edge(("near", near), "to", capacity=spare * others)
        value, (side, _) = nx.minimum_cut(network, "from", "to")
        if value < cover * sum(held.values()) - 10 * SLACK_HOURS:
            found.append((firm, frozenset(node[1] for node in side if node[0] == "lot")))
    return found
