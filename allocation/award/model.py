"""The award as a mixed-integer program in PuLP, every rule a named group of rows.

A bid is taken or not (``bid_...``); an offer sits in one seat of its lot (``seat_...``), and a seat has
its share of the lot's hours. Where a lot has one number of winners and equal shares the seat is the bid.
Rows are named ``<rule>__<lot or provider>``, so that the exported ``.lp`` or ``.mps`` can be read
beside the notice, and a rule be taken out by its name.

Failure cover: if firm f fails, others hold all the rest of the hours of lots N(S) in and around any set
S of its lots, because every lot is awarded whole. They take on ``spare`` of these at once, so

    X h_f(S) <= spare (T(N(S)) - h_f(N(S)))  for every set S of lots

is exact (Hall's condition of the transport problem) and holds only the seats of f itself. One row for
every lot is in the model from the start, larger sets come when a solution breaks them
(:func:`broken_cover`).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import networkx as nx
import pulp

from .terms import Offer, Seat, Terms

__all__ = ["AwardModel", "Won", "broken_cover", "build_model"]

#: Hours by which a limit may be passed: below what any record of hours holds.
SLACK_HOURS = 1e-6
#: The objective is scaled so that what the solver takes for equal is far below a score's last decimal.
SCALE = 1000.0


@dataclass(frozen=True, slots=True)
class Won:
    """One offer that wins: its seat and hours a week."""

    offer: Offer
    seat: Seat
    weekly_hours: float


@dataclass
class AwardModel:
    """A PuLP problem and what its variables mean.

    Attributes
    ----------
    terms
        What it was built from.
    problem
        To be maximised; the objective is :meth:`Terms.worth` times :data:`SCALE`, without the constant.
    take
        Variable of each bid, by its number.
    seats
        Seats of each offer: variable, seat, weekly hours.
    counts
        Variables of the number of winners of each lot, where there is a choice.
    used
        Variable of each provider that may win anything, where a rule needs it.
    relaxed
        By how much the rule gives way that :func:`build_model` was told of.
    left
        Variable of each lot that need not be awarded.
    """

    terms: Terms
    problem: pulp.LpProblem
    take: list[pulp.LpVariable] = field(default_factory=list)
    seats: list[list[tuple[pulp.LpVariable, Seat, float]]] = field(default_factory=list)
    counts: dict[tuple[str, int], pulp.LpVariable] = field(default_factory=dict)
    used: dict[str, pulp.LpVariable] = field(default_factory=dict)
    relaxed: pulp.LpVariable | None = None
    left: dict[str, pulp.LpVariable] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)

    def name(self, *parts: str) -> str:
        """Return a name that LP and MPS files can hold, and that is not taken."""
        text = "__".join(re.sub(r"\W", "_", part, flags=re.ASCII) for part in parts)[:80]
        number = self._names[text] = self._names.get(text, 0) + 1
        return text if number == 1 else f"{text}__{number}"

    def binary(self, *parts: str) -> pulp.LpVariable:
        """Return a new variable of 0 or 1."""
        return self.problem.add_variable(self.name(*parts), 0, 1, cat="Binary")

    def row(
        self, group: str, place: str, terms: Iterable[tuple[pulp.LpVariable, float]], sense: int, rhs: float
    ) -> None:
        """Add a row of a group: -1 at most, 0 equal, 1 at least."""
        self.problem.addConstraint(pulp.LpConstraint(
            weighted(terms), sense=sense, name=self.name(group, place), rhs=rhs))

    def hours_of(self, offers: Iterable[tuple[Offer, float]]) -> Iterator[tuple[pulp.LpVariable, float]]:
        """Seats of offers with their hours, times a part."""
        for offer, part in offers:
            for variable, _, hours in self.seats[offer.number]:
                yield variable, part * hours

    def won(self, values: Mapping[str, float]) -> tuple[Won, ...]:
        """Read the winners from a solution: values of variables by name."""
        return tuple(
            Won(offer, seat, hours)
            for offer in self.terms.offers if values[self.take[offer.bid].name] > 0.5
            for variable, seat, hours in self.seats[offer.number] if values[variable.name] > 0.5)


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
        _preferences(model)
    if terms.on("failure_cover") and terms.rules.failure_cover_pct:
        for firm, lots in _cover_rows(terms):
            add_cover(model, firm, lots)
    if model.relaxed is not None:
        model.problem.setObjective(pulp.LpAffineExpression([(model.relaxed, -1.0)]))
    else:
        model.problem.setObjective(weighted(
            (variable, SCALE * _scaled(terms, offer, hours))
            for offer in terms.offers for variable, _, hours in model.seats[offer.number]))
    return model


def weighted(terms: Iterable[tuple[pulp.LpVariable, float]]) -> pulp.LpAffineExpression:
    """Sum weights times variables; a variable may come several times, as a package does in its lots."""
    sums: dict[pulp.LpVariable, float] = defaultdict(float)
    for variable, weight in terms:
        sums[variable] += weight
    return pulp.LpAffineExpression([(v, w) for v, w in sums.items() if w])


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
        if terms.on("positions"):
            _positions(model, lot, offers, seats)
        _one_part(model, lot, offers)


def _positions(model: AwardModel, lot: str, offers: tuple[Offer, ...], seats: tuple[Seat, ...]) -> None:
    """No worse bid sits above a better one."""
    for number, (upper, lower) in enumerate(pairwise(seats)):
        if upper.winners != lower.winners:
            continue
        count = model.counts.get((lot, upper.winners))
        by_merit: dict[float, list[Offer]] = defaultdict(list)
        for offer in offers:
            by_merit[offer.merit].append(offer)
        levels = sorted(by_merit, reverse=True)
        for k, level in enumerate(levels[:-1]):
            worse = [(model.seats[o.number][number][0], 1.0) for m in levels[k + 1:] for o in by_merit[m]]
            above = ([o for m in levels[:k + 1] for o in by_merit[m]] if upper.places == lower.places == 1
                     else by_merit[level])
            better = [(model.seats[o.number][number + 1][0], float(upper.places)) for o in above]
            groups = [better] if upper.places == lower.places == 1 else [[b] for b in better]
            for group in groups:
                full = float(upper.places)
                model.row("positions", lot,
                          [*worse, *group] if count is None else [*worse, *group, (count, -full)],
                          -1, full if count is None else 0.0)


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


def _preferences(model: AwardModel) -> None:
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
    worse = {lot: _worse(model, lot) for lot in terms.lots}
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
                              [(below, 1.0), (beaten, 1.0), *holds[provider, offer.lot]], -1, 1.0)


def _worse(model: AwardModel, lot: str) -> dict[float, pulp.LpVariable]:
    """By merit: a variable that is 1 if a bid of less merit wins in the lot."""
    found: dict[float, pulp.LpVariable] = {}
    last: pulp.LpVariable | None = None
    level: list[Offer] = []
    for offer in reversed(model.terms.offers_of_lot[lot]):
        if level and offer.merit > level[-1].merit:
            chain = model.binary("worse_wins", lot)
            for lower in level:
                model.row("preferences", lot, [(model.take[lower.bid], 1.0), (chain, -1.0)], -1, 0.0)
            if last is not None:
                model.row("preferences", lot, [(last, 1.0), (chain, -1.0)], -1, 0.0)
            last, level = chain, []
        level.append(offer)
        if last is not None:
            found[offer.merit] = last
    return found


def stands_alone(terms: Terms, offer: Offer) -> bool:
    """Whether a bid is for one lot, and could win its smallest seat, were it all the provider won."""
    least = min(s.share for s in terms.seats(offer.lot)) * terms.hours[offer.lot]
    limits = [
        terms.own("max_weekly_hours", firm) / part for firm, part in terms.parts[offer.provider].items()]
    most = min(offer.capacity_hours, *limits) + SLACK_HOURS
    return len(terms.bids[offer.bid].offers) == 1 and least <= most


def fails_with(terms: Terms, firm: str) -> list[tuple[Offer, float]]:
    """Offers that are lost if a firm fails: all of a bid of its own, its part of another's."""
    return [(o, 1.0 if o.provider == firm else part) for o, part in terms.offers_of_firm[firm]]


def _cover_rows(terms: Terms) -> Iterator[tuple[str, frozenset[str]]]:
    """One row for each firm and lot that could break the rule."""
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
