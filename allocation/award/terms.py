"""One tender's lots, bids and limits, laid out for the mechanisms that award it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from allocation.tender.brief import RulesBrief
from allocation.tender.load import Case

__all__ = ["RULES", "Bid", "Offer", "Seat", "Terms"]

#: Names of the rules that can be switched off, and what each says.
RULES: Mapping[str, str] = {
    "providers_per_lot": "fewest and most providers per lot",
    "positions": "a larger share of a lot goes to the better bid",
    "one_part_per_lot": "no firm is part of two winning bids in one lot",
    "capacity": "hours a bid offers in a lot",
    "own_lots": "most lots a provider says it can take",
    "own_hours": "most hours a provider says it can take",
    "own_min_hours": "fewest hours a provider says it needs",
    "max_lots": "most lots per provider",
    "max_weekly_hours": "most hours per provider",
    "max_share": "largest share of all hours per provider",
    "max_locality_share": "largest share of a locality's hours per provider",
    "max_providers": "most providers overall",
    "min_weekly_hours": "fewest hours of a provider that wins",
    "preferences": "providers' order of preference",
    "failure_cover": "what others can take on if a provider fails",
}


class Offer(NamedTuple):
    """One bid's offer for one lot; ``merit`` is what the aim ranks by (higher is better)."""

    number: int
    bid: int
    provider: str
    lot: str
    rate_gbp: float
    quality: float
    score: float
    merit: float
    capacity_hours: float
    preference: float


class Bid(NamedTuple):
    """A bid, all or nothing; ``offers`` are numbers of offers, one for each of its lots."""

    number: int
    bid_id: str
    provider: str
    offers: tuple[int, ...]


class Seat(NamedTuple):
    """What one offer may win: a place among ``winners`` winners.

    ``step`` numbers the places of equal share from the largest down; ``first`` is the first position
    of the step, ``places`` how many places it has.
    """

    winners: int
    step: int
    first: int
    places: int
    share: float


def _limit(value: float | None) -> float:
    """No limit is infinity."""
    return math.inf if value is None or pd.isna(value) else float(value)


@dataclass(frozen=True)
class Terms:
    """A tender ready to be awarded.

    Parameters
    ----------
    case
        Tender, lots, providers, incumbents and scored bids.
    rules
        Rules in force.
    off
        Names of :data:`RULES` that are switched off.
    """

    case: Case
    rules: RulesBrief
    off: frozenset[str] = frozenset()

    @classmethod
    def of(cls, case: Case, *, rules: RulesBrief | None = None, rules_off: Collection[str] = ()) -> Terms:
        """Lay a case out; other rules than its own may be tried.

        Raises
        ------
        ValueError
            If a name in ``rules_off`` is no rule.
        """
        unknown = sorted(set(rules_off) - RULES.keys())
        if unknown:
            raise ValueError(f"No such rule: {', '.join(unknown)}. Rules: {', '.join(RULES)}.")
        return cls(case, case.tender.rules if rules is None else rules, frozenset(rules_off))

    def on(self, rule: str) -> bool:
        """Whether a rule is in force."""
        return rule not in self.off

    @cached_property
    def lots(self) -> tuple[str, ...]:
        """Lots in the tender's order."""
        return tuple(str(lot) for lot in self.case.lots.frame.index)

    @cached_property
    def hours(self) -> dict[str, float]:
        """Weekly hours of each lot."""
        return {str(k): float(v) for k, v in self.case.lots.frame["weekly_hours"].items()}

    @cached_property
    def all_hours(self) -> float:
        """Weekly hours of all lots together."""
        return math.fsum(self.hours.values())

    @cached_property
    def locality(self) -> dict[str, str]:
        """Locality of each lot."""
        return {str(k): str(v) for k, v in self.case.lots.frame["locality"].items()}

    @cached_property
    def near(self) -> dict[str, frozenset[str]]:
        """Each lot with the lots that touch it."""
        graph = self.case.lots.graph
        return {
            lot: frozenset({lot, *(str(n) for n in graph.neighbors(lot))} if lot in graph else {lot})
            for lot in self.lots
        }

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Offers in the order of the bids' table."""
        table = self.case.bids.offers
        numbers = {b: i for i, b in enumerate(dict.fromkeys(table["bid_id"].astype(str)))}
        by_price = self.rules.aim == "price"
        texts = table[["bid_id", "provider_id", "lot"]].astype(str).to_numpy()
        figures = table[["rate_gbp", "quality", "score", "capacity_hours", "preference"]].to_numpy(float)
        return tuple(
            Offer(i, numbers[bid], provider, lot, float(rate), float(quality), float(score),
                  -float(rate) if by_price else float(score), _limit(float(capacity)), float(preference))
            for i, ((bid, provider, lot), (rate, quality, score, capacity, preference))
            in enumerate(zip(texts, figures, strict=True)))

    @cached_property
    def bids(self) -> tuple[Bid, ...]:
        """Bids in the order of their first row."""
        rows: dict[int, list[Offer]] = defaultdict(list)
        for offer in self.offers:
            rows[offer.bid].append(offer)
        names = list(dict.fromkeys(self.case.bids.offers["bid_id"].astype(str)))
        return tuple(
            Bid(b, names[b], mine[0].provider, tuple(o.number for o in mine))
            for b, mine in sorted(rows.items()))

    @cached_property
    def offers_of_lot(self) -> dict[str, tuple[Offer, ...]]:
        """Offers for each lot, best first; equal ones in order of provider and bid."""
        rows: dict[str, list[Offer]] = {lot: [] for lot in self.lots}
        for offer in self.offers:
            rows[offer.lot].append(offer)
        return {
            lot: tuple(sorted(mine, key=lambda o: (-o.merit, o.provider, self.bids[o.bid].bid_id)))
            for lot, mine in rows.items()
        }

    def levels(self, lot: str) -> tuple[tuple[Offer, ...], ...]:
        """Offers for a lot by merit, best first, equal ones together."""
        return tuple(tuple(level) for _, level in groupby(self.offers_of_lot[lot], key=lambda o: o.merit))

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Providers with a bid, in order of their ids."""
        return tuple(sorted({bid.provider for bid in self.bids}))

    @cached_property
    def workers(self) -> dict[str, dict[str, float]]:
        """Firms whose people do a provider's hours, and the part each does; parts add up to one."""
        rows: dict[str, dict[str, float]] = {p: {} for p in self.providers}
        table = self.case.providers.members
        for provider, firm, share in zip(
                table["provider_id"].astype(str), table["member_id"].astype(str), table["share_pct"],
                strict=True):
            if provider in rows:
                rows[provider][firm] = float(share) / 100
        return rows

    @cached_property
    def parts(self) -> dict[str, dict[str, float]]:
        """Firms that a provider's lots and hours count for, and the part of the hours.

        They are those of :attr:`workers`; a consortium that is no member of itself counts whole besides.
        """
        return {p: {**firms, p: firms.get(p, 1.0)} for p, firms in self.workers.items()}

    @cached_property
    def offers_of_firm(self) -> dict[str, tuple[tuple[Offer, float], ...]]:
        """Offers of which a firm does a part, with that part."""
        rows: dict[str, list[tuple[Offer, float]]] = defaultdict(list)
        for offer in self.offers:
            for firm, part in self.parts[offer.provider].items():
                rows[firm].append((offer, part))
        return {firm: tuple(rows[firm]) for firm in sorted(rows)}

    def own(self, column: str, firm: str) -> float:
        """Return a firm's own limit from the providers' table; infinity where it gives none."""
        return self._own[column].get(firm, math.inf)

    @cached_property
    def _own(self) -> dict[str, dict[str, float]]:
        frame = self.case.providers.frame
        return {
            column: {str(p): _limit(float(v)) for p, v in frame[column].items()}
            for column in ("max_lots", "max_weekly_hours", "min_weekly_hours")}

    def wanted(self, lot: str) -> tuple[int, int]:
        """Fewest and most winners of a lot."""
        return self.rules.winners(lot)

    def shares(self, winners: int) -> tuple[float, ...]:
        """Shares of a lot's hours by position, adding up to one."""
        return tuple(share / 100 for share in self.rules.shares_of(winners))

    def seats(self, lot: str) -> tuple[Seat, ...]:
        """Return the seats there are in a lot, for every number of winners allowed."""
        low, high = self.wanted(lot)
        if not self.on("providers_per_lot"):
            low = 1
        return tuple(seat for k in range(low, high + 1) for seat in self.steps(k))

    def steps(self, winners: int) -> tuple[Seat, ...]:
        """Return the seats there are among so many winners."""
        seats, first = [], 1
        for step, (share, run) in enumerate(groupby(self.shares(winners))):
            places = len(list(run))
            seats.append(Seat(winners, step, first, places, share))
            first += places
        return tuple(seats)

    @cached_property
    def today(self) -> dict[str, dict[str, float]]:
        """Weekly hours of today's providers in each lot."""
        rows: dict[str, dict[str, float]] = {lot: {} for lot in self.lots}
        index = self.case.incumbents.index
        for lot, firm, hours in zip(
                index.get_level_values("lot").astype(str), index.get_level_values("provider_id").astype(str),
                self.case.incumbents["weekly_hours"], strict=True):
            if lot in rows:
                rows[lot][firm] = float(hours)
        return rows

    @cached_property
    def today_hours(self) -> float:
        """Weekly hours of all of today's providers in the lots."""
        return math.fsum(h for mine in self.today.values() for h in mine.values())

    def kept(self, offer: Offer, hours: float) -> float:
        """Weekly hours that stay with a firm that does them today, if the offer wins so many hours."""
        here = self.today[offer.lot]
        return math.fsum(
            min(here.get(f, 0.0), part * hours) for f, part in self.workers[offer.provider].items())

    def worth(self, offer: Offer, hours: float) -> float:
        """What an offer adds to the objective if it wins so many hours.

        Aim ``score``: points (of 100) of the hours-weighted mean score, and ``moved_weight`` points for
        100 % of today's hours kept. Aim ``price``: GBP a week, negative, and ``moved_weight`` GBP an hour
        on all hours for 100 % kept.
        """
        total, moved = self.all_hours, self.rules.moved_weight
        kept = self.kept(offer, hours) / self.today_hours if moved and self.today_hours else 0.0
        if self.rules.aim == "price":
            return -hours * offer.rate_gbp + moved * total * kept
        return hours / total * offer.score + moved * kept

    @property
    def worth_moved(self) -> float:
        """What the objective loses if all of today's hours move."""
        if not self.today_hours:
            return 0.0
        return self.rules.moved_weight * (self.all_hours if self.rules.aim == "price" else 1.0)
