"""Award in steps, as many tenders say in words: best bid first, caps as they fill.

Two orders are common: lot by lot, and by the bidders' preferences. Either is quick to explain and needs no
solver, but a cap that a provider fills early decides what it can win later, so the result depends on the
order, can miss rules that concern the whole (failure cover, minimum hours), and can leave a lot unawarded.
What it breaks or leaves is listed; :func:`allocation.award.award.award` finds the best award there is.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from allocation.tender.brief import RulesBrief
from allocation.tender.load import Case

from .award import Award, AwardStatus, make_award
from .check import check_award
from .limits import Winners, broken_caps
from .program import Won
from .terms import Bid, Offer, Terms

__all__ = ["sequential_award"]


def sequential_award(
    case: Case,
    *,
    order: Sequence[str] | Literal["lots", "largest", "preferences"] = "lots",
    rules: RulesBrief | None = None,
    rules_off: Collection[str] = (),
) -> Award:
    """Award one bid after another.

    Parameters
    ----------
    case
        The tender.
    order
        ``lots``: the tender's order of lots; ``largest``: most hours first; ``preferences``: all bids
        ranked first by their bidders, best first, then all ranked second, and so on; or the lots in the order
        wanted. Within a lot the best bid is first; a package is considered at its first lot, by its mean
        merit weighted by hours, and is taken where it fits in all of its lots.
    rules, rules_off
        As for :func:`allocation.award.award.award`.

    Returns
    -------
    Award
        ``mechanism`` ``sequential``, ``status`` ``feasible``; ``bound`` NaN. Every cap on a bidder, lot,
        locality and the number of providers is kept. ``notes`` lists the lots without winners, and every rule
        that the result breaks (a sequence does not look ahead for failure cover, preferences and minimum
        hours). The objective leaves lots without winners out.

    Raises
    ------
    ValueError
        The order does not hold every lot once.

    Notes
    -----
    A lot has as many winners as the most allowed, where so many fit, or else as many as do: each number is
    tried from the most downwards. In order of preference all lots are first taken to have the most. A
    package one of whose lots ends without enough winners falls: the sequence is run again without it.
    """
    begin = time.perf_counter()
    terms = Terms.of(case, rules=rules, rules_off=rules_off)
    run = _run(terms, order, frozenset())
    while run.fallen:
        run = _run(terms, order, run.barred | run.fallen)
    award = make_award(
        terms, run.won(), bound=float("nan"), solver="none", seed=0, seconds=time.perf_counter() - begin,
        mechanism="sequential", notes=run.notes())
    broken = check_award(case, award.frame, rules=rules, rules_off=rules_off)
    broken = [b for b in broken if b.rule != "providers_per_lot"]
    notes = (*award.notes, *(f"Broken: {b}" for b in broken))
    return replace(award, notes=notes, bound=float("nan"), gap_pct=float("nan"), status=AwardStatus.FEASIBLE)


def _run(terms: Terms, order: Sequence[str] | str, barred: frozenset[int]) -> _Run:
    """Run the sequence without the bids that are barred."""
    run = _Run(terms, barred)
    if order == "preferences":
        _by_preference(run)
    else:
        for lot in _order(terms, order):
            run.fill(lot)
    run.settle()
    return run


def _order(terms: Terms, order: Sequence[str] | str) -> Sequence[str]:
    if order == "lots":
        return terms.lots
    if order == "largest":
        return sorted(terms.lots, key=lambda lot: (-terms.hours[lot], terms.lots.index(lot)))
    if isinstance(order, str) or sorted(order) != sorted(terms.lots):
        raise ValueError("order must be 'lots', 'largest', 'preferences', or every lot once")
    return order


@dataclass
class _Run:
    """What has been awarded so far."""

    terms: Terms
    barred: frozenset[int] = frozenset()
    chosen: dict[str, list[Offer]] = field(default_factory=lambda: defaultdict(list))
    taken: set[int] = field(default_factory=set)
    number: dict[str, int] = field(default_factory=dict)
    fallen: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.number = {lot: self.terms.wanted(lot)[1] for lot in self.terms.lots}

    def seats(self, chosen: dict[str, list[Offer]]) -> tuple[Won, ...]:
        """Seats of the winners so far, best first, among as many as the lot is to have."""
        won = []
        for lot, offers in chosen.items():
            ranked = sorted(offers, key=lambda o: (-o.merit, o.provider))
            seats = [s for s in self.terms.steps(self.number[lot]) for _ in range(s.places)]
            won += [
                Won(o, s, s.share * self.terms.hours[lot]) for o, s in zip(ranked, seats, strict=False)]
        return tuple(won)

    def won(self) -> tuple[Won, ...]:
        """All winners."""
        return self.seats(self.chosen)

    def fill(self, lot: str) -> None:
        """Give a lot its winners, best first; packages through it compete by their mean merit."""
        before, taken = {k: list(v) for k, v in self.chosen.items()}, set(self.taken)
        low, high = self.terms.wanted(lot)
        for number in range(high, max(low, len(before.get(lot, [])), 1) - 1, -1):
            self.number[lot] = number
            while len(self.chosen[lot]) < number:
                bids = {o.bid for o in self.terms.offers_of_lot[lot]} - self.taken - self.barred
                ranked = sorted(
                    (self.terms.bids[b] for b in bids),
                    key=lambda b: (-self.merit(b), b.provider, b.bid_id))
                if not any(self.take(bid) for bid in ranked):
                    break
            if len(self.chosen[lot]) == number and self._within(self.seats(self.chosen)):
                return
            self.chosen, self.taken = defaultdict(list, {k: list(v) for k, v in before.items()}), set(taken)
        self.number[lot] = high

    def settle(self) -> None:
        """Let lots have fewer winners where they are short, and drop what cannot stand."""
        while True:
            open_lots = [
                lot for lot in self.terms.lots if 0 < len(self.chosen[lot]) != self.number[lot]]
            if not open_lots:
                return
            lot, before = open_lots[0], dict(self.number)
            self.number[lot] = len(self.chosen[lot])
            if self.number[lot] >= self.terms.wanted(lot)[0] and self._within(self.seats(self.chosen)):
                continue
            self.number = before
            worst = min(self.chosen[lot], key=lambda o: (o.merit, o.provider))
            if len(self.terms.bids[worst.bid].offers) > 1:
                self.fallen |= {worst.bid}
            for i in self.terms.bids[worst.bid].offers:
                offer = self.terms.offers[i]
                self.chosen[offer.lot].remove(offer)

    def merit(self, bid: Bid) -> float:
        """Mean merit of a bid's lots, weighted by hours."""
        offers = [self.terms.offers[i] for i in bid.offers]
        weights = [self.terms.hours[o.lot] for o in offers]
        return sum(w * o.merit for w, o in zip(weights, offers, strict=True)) / sum(weights)

    def take(self, bid: Bid) -> bool:
        """Take a bid if every cap holds with it."""
        trial: dict[str, list[Offer]] = {lot: list(mine) for lot, mine in self.chosen.items()}
        for i in bid.offers:
            offer = self.terms.offers[i]
            here = trial.setdefault(offer.lot, [])
            if len(here) >= self.number[offer.lot] or any(o.provider == bid.provider for o in here):
                return False
            firms = self.terms.parts[bid.provider].keys()
            if self.terms.on("one_part_per_lot") and any(
                    self.terms.parts[o.provider].keys() & firms for o in here):
                return False
            here.append(offer)
        if not self._within(self.seats(trial)):
            return False
        self.chosen = defaultdict(list, trial)
        self.taken.add(bid.number)
        return True

    def _within(self, won: tuple[Won, ...]) -> bool:
        return next(broken_caps(Winners(self.terms, won)), None) is None

    def notes(self) -> list[str]:
        """Say which lots the sequence left."""
        return [
            f"Lot {lot} is not awarded: too few bids fit when its turn came."
            for lot in self.terms.lots if not self.chosen[lot]]


def _by_preference(run: _Run) -> None:
    """Take all bids ranked first, best first; then those ranked second; those without a rank last."""
    rank = {
        bid.number: min(run.terms.offers[i].preference for i in bid.offers) for bid in run.terms.bids}
    last = float("inf")
    bids = sorted(run.terms.bids, key=lambda b: (
        last if math.isnan(rank[b.number]) else rank[b.number], -run.merit(b), b.provider, b.bid_id))
    for bid in bids:
        if bid.number not in run.barred:
            run.take(bid)
