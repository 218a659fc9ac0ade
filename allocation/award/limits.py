"""Which rules a change of an award would break, in words with figures.

Used to say why a bid did not win: it is put in a winner's place, everything else left as it is, and
what breaks is what kept it out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lotting.errors import some
from lotting.plan import natural

from .cover import broken_cover
from .preferences import stands_alone
from .program import SLACK_HOURS, Won
from .terms import Offer, Terms

__all__ = ["Broken", "Winners", "broken_caps", "broken_rules"]


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that is not kept: its name as in :data:`allocation.award.terms.RULES`, and the words."""

    rule: str
    words: str


@dataclass(frozen=True)
class Winners:
    """Winners of all lots, seated by merit, to be changed one at a time."""

    terms: Terms
    won: tuple[Won, ...]

    ranked: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, terms: Terms, won: Collection[Won]) -> Winners:
        """Return winners, with the bids for one lot alone that their providers ranked."""
        ranked: dict[str, list[Offer]] = defaultdict(list)
        for offer in terms.offers:
            if not math.isnan(offer.preference) and stands_alone(terms, offer):
                ranked[offer.provider].append(offer)
        return cls(terms, tuple(won), {p: tuple(mine) for p, mine in ranked.items()})

    @cached_property
    def by_lot(self) -> dict[str, tuple[Won, ...]]:
        """Winners of each lot, first place first."""
        found: dict[str, list[Won]] = {lot: [] for lot in self.terms.lots}
        for w in self.won:
            found[w.offer.lot].append(w)
        return {lot: tuple(sorted(mine, key=lambda w: (w.seat.first, -w.offer.merit)))
                for lot, mine in found.items()}  # fmt: skip

    def worth(self, lot: str) -> float:
        """Return what the winners of a lot add to the objective."""
        if lot not in self._worths:
            self._worths[lot] = math.fsum(self.terms.worth(w.offer, w.weekly_hours) for w in self.by_lot[lot])
        return self._worths[lot]

    @cached_property
    def _worths(self) -> dict[str, float]:
        return {}

    def touched(self, *bids: int) -> set[str]:
        """Return the lots of some bids."""
        return {self.terms.offers[n].lot for bid in bids for n in self.terms.bids[bid].offers}

    def changed(
        self, leave: Collection[int], enter: Collection[int], as_if: Mapping[int, Offer] | None = None
    ) -> Winners:  # fmt: skip
        """Return the winners when some bids leave and others enter, the lots they touch seated anew.

        Parameters
        ----------
        leave, enter
            Numbers of bids.
        as_if
            Offers by number to take in place of those that were made.
        """
        terms = self.terms
        offers: dict[str, list[Offer]] = {
            lot: [w.offer for w in mine if w.offer.bid not in leave] for lot, mine in self.by_lot.items()}
        for bid in enter:
            for number in terms.bids[bid].offers:
                offers[terms.offers[number].lot].append((as_if or {}).get(number, terms.offers[number]))
        touched = self.touched(*leave, *enter)
        won: list[Won] = []
        for lot, mine in offers.items():
            if lot not in touched:
                won += self.by_lot[lot]
                continue
            seats = [s for s in terms.steps(len(mine)) for _ in range(s.places)] if mine else []
            ranked = sorted(mine, key=lambda o: (-o.merit, o.provider))
            won += [Won(o, s, s.share * terms.hours[lot]) for o, s in zip(ranked, seats, strict=True)]
        return Winners(terms, tuple(won), self.ranked)


def broken_rules(winners: Winners, *, cover: bool = True) -> list[Broken]:
    """Check the rules of a tender on some winners.

    Parameters
    ----------
    winners
        Who holds what.
    cover
        Whether to look at failure cover, which takes longest, if nothing else is broken.
    """
    terms = winners.terms
    found = [*_lots(winners), *broken_caps(winners), *_least(winners), *_preferences(winners)]
    if cover and not found:
        for firm, lots in broken_cover(terms, winners.won):
            rules = terms.rules
            found.append(Broken("failure_cover", (
                f"if {firm} failed, the others in and around lot{'s' if len(lots) > 1 else ''} "
                f"{_named(lots)} could not take on {rules.failure_cover_pct:g} % of its hours there")))
    return found


def broken_caps(winners: Winners) -> Iterator[Broken]:
    """Yield the limits that more winners can only break further: hours offered, caps, winners in all."""
    yield from _capacity(winners)
    yield from _firms(winners)
    rules = winners.terms.rules
    number = len({w.offer.provider for w in winners.won})
    if winners.terms.on("max_providers") and rules.max_providers is not None and number > rules.max_providers:
        yield Broken("max_providers", (
            f"there would be {number} providers in all, above the limit of {rules.max_providers}"))


def _named(lots: Collection[str]) -> str:
    names: list[str] = sorted(lots, key=natural)
    return some(names, 10)


def _lots(winners: Winners) -> Iterator[Broken]:
    terms = winners.terms
    for lot, mine in winners.by_lot.items():
        low, high = terms.wanted(lot)
        if terms.on("providers_per_lot") and not low <= len(mine) <= high:
            yield Broken("providers_per_lot", f"lot {lot} would have {len(mine)} of "
                         f"{low if low == high else f'{low} to {high}'} providers")
        if terms.on("one_part_per_lot"):
            seen: dict[str, str] = {}
            for w in mine:
                for firm in terms.parts[w.offer.provider]:
                    if firm in seen:
                        yield Broken("one_part_per_lot", (
                            f"{firm} would be part of two winners of lot {lot}, {seen[firm]} and "
                            f"{w.offer.provider}"))
                    seen[firm] = w.offer.provider


def _capacity(winners: Winners) -> Iterator[Broken]:
    for w in winners.won:
        if winners.terms.on("capacity") and w.weekly_hours > w.offer.capacity_hours + SLACK_HOURS:
            yield Broken("capacity", (
                f"{w.offer.provider}'s share of lot {w.offer.lot} would be {w.weekly_hours:,.1f} hours a "
                f"week, above the {w.offer.capacity_hours:,.0f} it offers there"))


def _firms(winners: Winners) -> Iterator[Broken]:
    terms, rules = winners.terms, winners.terms.rules
    lots: dict[str, list[str]] = defaultdict(list)
    hours: dict[str, float] = defaultdict(float)
    inside: dict[tuple[str, str], float] = defaultdict(float)
    through: dict[str, set[str]] = defaultdict(set)
    for w in winners.won:
        for firm, part in terms.parts[w.offer.provider].items():
            if firm != w.offer.provider:
                through[firm].add(w.offer.provider)
            lots[firm].append(w.offer.lot)
            hours[firm] += part * w.weekly_hours
            inside[firm, terms.locality[w.offer.lot]] += part * w.weekly_hours
    said = {f: f"{f} (as part of {some(sorted(through[f]))})" if f in through else f for f in lots}
    for firm, held in lots.items():
        for rule, limit, whose in (("own_lots", terms.own("max_lots", firm), "its own limit"),
                                   ("max_lots", rules.max_lots, "the cap")):
            if terms.on(rule) and limit is not None and len(held) > limit:
                yield Broken(rule, (f"{said[firm]} would hold {len(held)} lots "
                                    f"({_named(held)}), above {whose} of {limit:g}"))
        for rule, limit, whose in (
            ("own_hours", terms.own("max_weekly_hours", firm), "its own limit of {:,.0f}"),
            ("max_weekly_hours", rules.max_weekly_hours, "the cap of {:,.0f}"),
            ("max_share",
             None if rules.max_share_pct is None else rules.max_share_pct / 100 * terms.all_hours,
             f"the {{:,.1f}} that are {rules.max_share_pct or 0:g} % of all"),
        ):  # fmt: skip
            if terms.on(rule) and limit is not None and hours[firm] > limit + SLACK_HOURS:
                yield Broken(rule, f"{said[firm]} would have {hours[firm]:,.1f} hours a week, above "
                             + whose.format(limit))
    if terms.on("max_locality_share") and rules.max_locality_share_pct is not None:
        for (firm, locality), held_hours in inside.items():
            whole = math.fsum(h for lot, h in terms.hours.items() if terms.locality[lot] == locality)
            if locality and held_hours > rules.max_locality_share_pct / 100 * whole + SLACK_HOURS:
                yield Broken("max_locality_share", (
                    f"{said[firm]} would have {100 * held_hours / whole:.1f} % of the hours of {locality}, "
                    f"above the cap of {rules.max_locality_share_pct:g} %"))


def _least(winners: Winners) -> Iterator[Broken]:
    terms, rules = winners.terms, winners.terms.rules
    hours: dict[str, float] = defaultdict(float)
    for w in winners.won:
        hours[w.offer.provider] += w.weekly_hours
    for provider, held in hours.items():
        for rule, least, whose in (
            ("own_min_hours", terms.own("min_weekly_hours", provider), "it says it needs"),
            ("min_weekly_hours", rules.min_weekly_hours, "a winner must have"),
        ):
            if terms.on(rule) and math.isfinite(least) and held < least - SLACK_HOURS:
                yield Broken(rule, (f"{provider} would have {held:,.1f} hours a week, fewer than the "
                                    f"{least:,.0f} {whose}"))


def _preferences(winners: Winners) -> Iterator[Broken]:
    terms = winners.terms
    if not terms.on("preferences") or not terms.rules.respect_preferences:
        return
    holds = {(w.offer.provider, w.offer.lot) for w in winners.won}
    last: dict[str, Offer] = {}
    for w in winners.won:
        mine, rank = w.offer, w.offer.preference
        if not math.isnan(rank) and (mine.provider not in last or rank > last[mine.provider].preference):
            last[mine.provider] = mine
    for provider, held in last.items():
        for offer in winners.ranked.get(provider, ()):
            if not offer.preference < held.preference or (provider, offer.lot) in holds:
                continue
            if any(w.offer.merit < offer.merit for w in winners.by_lot[offer.lot]):
                yield Broken("preferences", (
                    f"{provider} would hold lot {held.lot}, its preference {held.preference:g}, while lot "
                    f"{offer.lot}, its preference {offer.preference:g}, goes to a worse bid"))
                break
