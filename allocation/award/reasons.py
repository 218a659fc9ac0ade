"""Why each bidder won a lot or did not, in a sentence with figures.

A bid that did not win is put in each winner's place, all else left as it is. If that breaks no rule it
makes the award worse (or it would have won): the bid lost on its score, and what it lacked is said. If
the award would be better but for a rule, that rule kept it out, and the figures are those of the rule.
What is said of a score that "would have been enough" takes all other bids as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allocation.tender.load import Case
from allocation.tender.scores import score_offers
from lotting.errors import some

from .award import Award, AwardStatus
from .limits import Broken, Winners, broken_rules
from .program import Won
from .terms import RULES, Bid, Offer, Terms

__all__ = ["OUTCOMES", "find_reasons"]

#: What a reason can be, in the order of a lot's table.
OUTCOMES = {
    "won": "Won", "reserve": "Reserve", "rule": "Kept out by a rule", "outscored": "Outscored",
    "package": "Package not worth it", "moves": "Would move more work", "tie": "Tie, by the stated rule",
    "passed_over": "Passed over", "set_aside": "Set aside",
}  # fmt: skip
_COLUMNS = [
    "lot", "provider_id", "outcome", "bid_id", "place", "rate_gbp", "quality", "price_points",
    "quality_points", "score", "against_provider_id", "against_rate_gbp", "against_score", "award_change",
    "enough_rate_gbp", "enough_quality", "rules", "sentence",
]  # fmt: skip
_TIE = 1e-6


def find_reasons(case: Case, award: Award) -> pd.DataFrame:
    """Give every bidder of every lot its reason.

    Parameters
    ----------
    case
        The tender as it was awarded.
    award
        The award, of either mechanism.

    Returns
    -------
    pandas.DataFrame
        One row a lot and bidder, lots in the tender's order, and in it by :data:`OUTCOMES` and score.
        ``lot``, ``provider_id``, ``outcome``, ``bid_id`` (the bid that is spoken of), ``place`` (of the
        bidders of the lot by their best bid; NaN: set aside), ``rate_gbp``, ``quality``, ``price_points``,
        ``quality_points``, ``score``; ``against_provider_id``, ``against_rate_gbp``, ``against_score`` (the
        winner it is set against), ``award_change`` (of the objective, were it in that winner's place: for
        the worse if negative), ``enough_rate_gbp`` and ``enough_quality`` (with which it would have
        scored as much as that winner, all else as it is; NaN: no rate or quality would do, or no need),
        ``rules`` (that kept it out, or would have even then) and ``sentence``.
    """
    terms = Terms.of(case, rules_off=award.rules_off)
    why = _Why(case, award, terms)
    rows = [row for lot in terms.lots for row in why.of_lot(lot)]
    return pd.DataFrame(rows, columns=_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Swap:
    """A bid in a winner's place: the bids that leave, and what the award would be worth more."""

    offer: Offer
    against: Won
    change: float
    leave: frozenset[int]
    whole: Winners


class _Why:
    def __init__(self, case: Case, award: Award, terms: Terms) -> None:
        self.case, self.award, self.terms = case, award, terms
        self.price = terms.rules.aim == "price"
        by_bid = {(terms.bids[o.bid].bid_id, o.lot): o for o in terms.offers}
        counts = award.frame.groupby(level="lot").size()
        won = []
        for (lot, _), bid, position, hours in zip(
            award.frame.index, award.frame["bid_id"], award.frame["position"], award.frame["weekly_hours"],
            strict=True,
        ):  # fmt: skip
            seats = [s for s in terms.steps(int(counts[lot])) for _ in range(s.places)]
            won.append(Won(by_bid[str(bid), str(lot)], seats[int(position) - 1], float(hours)))
        self.winners = Winners.of(terms, won)
        self.before = set(broken_rules(self.winners))  # a sequence does not look at every rule
        self.points = case.bids.offers
        self.reserve = {(str(lot), str(p)): int(n) for lot, p, n in zip(
            award.reserves["lot"], award.reserves["provider_id"], award.reserves["place"], strict=True)}
        self.aside: dict[tuple[str, str], list[tuple[str, str]]] = {}
        out = case.bids.set_aside
        for bid, provider, lot, reason in zip(
            out["bid_id"], out["provider_id"], out["lot"], out["reason"], strict=True
        ):
            self.aside.setdefault((str(lot), str(provider)), []).append((str(bid), str(reason)))

    def of_lot(self, lot: str) -> list[dict[str, object]]:
        """Return the rows of a lot."""
        offers = self.terms.offers_of_lot[lot]
        best: dict[str, Offer] = {}
        for offer in offers:
            best.setdefault(offer.provider, offer)
        place = {p: 1 + sum(o.merit > mine.merit for o in best.values()) for p, mine in best.items()}
        winners = {w.offer.provider: w for w in self.winners.by_lot[lot]}
        rows = []
        for provider in best:
            mine = [o for o in offers if o.provider == provider]
            of = f"{_ordinal(place[provider])} of {len(best)} bidders"
            row = (self._won(winners[provider], of) if provider in winners
                   else self._lost(lot, provider, mine, of))  # fmt: skip
            rows.append({**row, "place": place[provider]})
        rows += [
            {"lot": at, "provider_id": p, "outcome": "set_aside", "bid_id": bids[0][0],
             "sentence": f"{p} was set aside in lot {at}: {_upset(bids)}"}
            for (at, p), bids in self.aside.items() if at == lot and p not in best
        ]  # fmt: skip
        order = list(OUTCOMES)
        return sorted(rows, key=lambda r: (order.index(str(r["outcome"])), r.get("place", 0)))

    def _facts(self, offer: Offer) -> dict[str, Any]:
        row = self.points.iloc[offer.number]
        return {
            "lot": offer.lot, "provider_id": offer.provider, "bid_id": self.terms.bids[offer.bid].bid_id,
            **{c: float(row[c]) for c in ("rate_gbp", "quality", "price_points", "quality_points", "score")},
        }  # fmt: skip

    def _scored(self, offer: Offer) -> str:
        facts = self._facts(offer)
        parts = [float(facts[c]) for c in ("score", "price_points", "quality_points")]
        places = next((n for n in (2, 3, 4) if round(parts[0], n) == round(
            round(parts[1], n) + round(parts[2], n), n)), 6)
        score, price, quality = (f"{p:.{places}f}" for p in parts)
        return f"score {score} (price {price} + quality {quality})"

    def _both(self, offer: Offer, other: Offer) -> tuple[str, str, str]:
        """Write two merits, and how far apart they are, with as many decimals as tell them apart."""
        one, two = ((offer.rate_gbp, other.rate_gbp) if self.price else (offer.score, other.score))
        places = next((n for n in (2, 3, 4) if round(one, n) != round(two, n)), 2 if one == two else 6)
        mine, its = (f"{v:.{places}f}" for v in (one, two))
        apart = f"{abs(float(mine) - float(its)):.{places}f}"
        if self.price:
            return f"rate of £{mine}", f"£{its}", f"£{apart}"
        return f"score of {mine}", its, f"{apart} points"

    def _won(self, won: Won, of: str) -> dict[str, object]:
        offer, lot = won.offer, won.offer.lot
        mine = self.winners.by_lot[lot]
        position = 1 + mine.index(won)
        yearly = won.weekly_hours * offer.rate_gbp * self.case.tender.run.weeks_a_year
        what = f"lot {lot}" if len(mine) == 1 else (
            f"place {position} of {len(mine)} in lot {lot} with {100 * won.seat.share:g} %")
        said = (f"{offer.provider} won {what}: {won.weekly_hours:,.1f} hours a week at {_rate(offer)}, "
                f"£{yearly:,.0f} a year; {self._scored(offer)}, {of}.")
        bid = self.terms.bids[offer.bid]
        if len(bid.offers) > 1:
            others = [self.terms.offers[n].lot for n in bid.offers if self.terms.offers[n].lot != lot]
            said += f" It is part of its bid {bid.bid_id}, all or nothing with lot {some(others)}."
        better = {o.provider for o in self.terms.offers_of_lot[lot] if o.merit > offer.merit}
        out = len(better - {w.offer.provider for w in mine} - {offer.provider})
        if out:
            said += (f" {_count(out, 'bidder')} with a {'lower rate' if self.price else 'higher score'} did "
                     f"not win here; {'its reason says' if out == 1 else 'their reasons say'} why.")
        return {**self._facts(offer), "outcome": "won", "sentence": said}

    def _swaps(self, offer: Offer) -> Iterator[_Swap]:
        """Put a bid in a winner's place; a package in those of the last winners of its lots."""
        bid = self.terms.bids[offer.bid]
        mine = {self.terms.offers[n].lot for n in bid.offers}
        for against in self.winners.by_lot[offer.lot]:
            leave = {against.offer.bid}
            for lot in mine - {offer.lot}:
                here = self.winners.by_lot[lot]
                own = [w for w in here if w.offer.provider == offer.provider]
                if here and not {w.offer.bid for w in here} & leave:
                    leave.add((own or here[-1:])[0].offer.bid)
            whole = self.winners.changed(leave, [bid.number])
            lots = whole.touched(bid.number, *leave)
            change = math.fsum(whole.worth(lot) - self.winners.worth(lot) for lot in lots)
            yield _Swap(offer, against, change, frozenset(leave), whole)

    def _broken(self, whole: Winners, *, cover: bool = True) -> tuple[Broken, ...]:
        cover = cover and all(b.rule != "failure_cover" for b in self.before)
        broken = tuple(b for b in broken_rules(whole, cover=cover) if b not in self.before)
        # with too few winners the shares are others, and what these break is beside the point
        return tuple(b for b in broken if b.rule == "providers_per_lot") or broken

    def _in_that_place(self, swap: _Swap, broken: tuple[Broken, ...]) -> str:
        """Say what breaks, and which package falls."""
        fall = [b for b in (self.terms.bids[n] for n in sorted(swap.leave)) if len(b.offers) > 1]
        falls = "".join(
            f"{bid.provider}'s bid {bid.bid_id} for lots {self._lots_of(bid)} would fall as a whole, and "
            for bid in fall if any(b.rule == "providers_per_lot" for b in broken))
        first = {b.rule: b.words for b in reversed(broken)}  # one of each rule is enough
        words = [first[rule] for rule in RULES if rule in first]
        return f"In that place {falls}{'; '.join(words[:3])}."

    def _falls(self, swap: _Swap, broken: tuple[Broken, ...]) -> bool:
        return bool(self._packages(swap)) and any(b.rule == "providers_per_lot" for b in broken)

    def _packages(self, swap: _Swap) -> int:
        return sum(len(self.terms.bids[n].offers) > 1 for n in swap.leave)

    def _lots_of(self, bid: Bid) -> str:
        return some([self.terms.offers[n].lot for n in bid.offers], 10)

    def _empty(self, offer: Offer) -> dict[str, object]:
        said = (f"{offer.provider} did not win lot {offer.lot}, and nobody did: awarding the lots one after "
                f"the other left it without the providers it needs. Its {self._scored(offer)}.")
        return {**self._facts(offer), "outcome": "passed_over", "sentence": said}

    def _lost(self, lot: str, provider: str, offers: list[Offer], of: str) -> dict[str, object]:
        swaps = [swap for offer in offers for swap in self._swaps(offer)]
        if not swaps:
            return self._empty(offers[0])
        better = [(s, self._broken(s.whole)) for s in swaps if s.change > _TIE]
        level = [s for s in swaps if abs(s.change) <= _TIE]
        free = next((s for s in level if not self._broken(s.whole)), None)
        # a package that falls leaves another lot short: what the award would gain by that is no gain
        real = [(s, b) for s, b in better if not self._falls(s, b)]
        above = [s for s, _ in better if s.offer.merit >= s.against.offer.merit]
        if real:
            swap, broken = min(real, key=lambda s: (self._packages(s[0]), len(s[1]), -s[0].change))
            row = self._kept_out(swap, broken) if broken else self._passed_over(swap)
        elif free is not None:
            swap = free
            row = self._tied(swap)
        elif above:
            swap = max(above, key=lambda s: (s.offer.merit, -s.against.offer.merit))
            row = self._stands(swap)
        else:
            below = [s for s in swaps if s.offer.merit < self.winners.by_lot[lot][-1].offer.merit]
            rest = [s for s in swaps if all(s is not other for other in below)]
            swap = (max(rest, key=lambda s: s.change) if rest
                    else max(below, key=lambda s: (-s.against.offer.merit, s.offer.merit)))
            row = self._worse(swap)
        said = f"{row['sentence']} ({of[0].upper()}{of[1:]}{' by rate' if self.price else ' by score'}.)"
        place = self.reserve.get((lot, provider))
        if place is not None:
            said += f" It is reserve {place}."
        if (lot, provider) in self.aside:
            said += f" Another of its bids was set aside: {_upset(self.aside[lot, provider])}"
        against = swap.against.offer
        return {
            **self._facts(swap.offer), "outcome": row["outcome"], "against_provider_id": against.provider,
            "against_rate_gbp": against.rate_gbp, "against_score": against.score, "award_change": swap.change,
            **row, **({"outcome": "reserve"} if place is not None else {}), "sentence": said,
        }  # fmt: skip

    def _beside(self, swap: _Swap) -> str:
        offer, against = swap.offer, swap.against.offer
        mine, its, _ = self._both(offer, against)
        if offer.merit == against.merit:
            return f"its {mine} is that of {against.provider}"
        better = "below" if self.price else "above"
        worse = "above" if self.price else "below"
        return f"its {mine} is {better if offer.merit > against.merit else worse} {against.provider}'s {its}"

    def _kept_out(self, swap: _Swap, broken: tuple[Broken, ...]) -> dict[str, object]:
        offer = swap.offer
        said = (f"{offer.provider} did not win lot {offer.lot}{self._as_package(offer)}, though "
                f"{self._beside(swap)}. {self._in_that_place(swap, broken)} Were that allowed, the award "
                f"would be better by {self._amount(swap.change)}.")
        return {"outcome": "rule", "rules": _names(broken), "sentence": said}

    def _stands(self, swap: _Swap) -> dict[str, object]:
        """A bid is better than part of a package that is worth more as a whole."""
        offer, broken = swap.offer, self._broken(swap.whole)
        end = ("no award with this bid in its place is better" if self.award.status == AwardStatus.OPTIMAL
               else "the award found keeps it")
        said = (f"{offer.provider} did not win lot {offer.lot}{self._as_package(offer)}, though "
                f"{self._beside(swap)}. {self._in_that_place(swap, broken)} That package counts as a whole, "
                f"and {end}.")
        return {"outcome": "package", "rules": _names(broken), "sentence": said}

    def _passed_over(self, swap: _Swap) -> dict[str, object]:
        offer = swap.offer
        because = ("lots were awarded one after the other" if self.award.mechanism == "sequential"
                   else "the search ended before the award was proven to be the best")
        said = (f"{offer.provider} was passed over in lot {offer.lot}{self._as_package(offer)}: "
                f"{self._beside(swap)}. In that place it would keep every rule, and the award would be "
                f"better by {self._amount(swap.change)}; {because}.")
        return {"outcome": "passed_over", "sentence": said}

    def _tied(self, swap: _Swap) -> dict[str, object]:
        rule = ", then ".join(r.replace("_", " ") for r in self.terms.rules.tie_rule)
        offer = swap.offer
        said = (f"{offer.provider} did not win lot {offer.lot}{self._as_package(offer)}: "
                f"{self._beside(swap)}, and the award would be as good with it; the stated rule for ties "
                f"decided ({rule}).")
        return {"outcome": "tie", "sentence": said}

    def _worse(self, swap: _Swap) -> dict[str, object]:
        offer, against = swap.offer, swap.against.offer
        head = f"{offer.provider} did not win lot {offer.lot}{self._as_package(offer)}"
        if offer.merit >= against.merit:
            package = len(self.terms.bids[offer.bid].offers) > 1 or len(swap.leave) > 1
            said = (f"{head}, though {self._beside(swap)}. In that place the award would be worse by "
                    f"{self._amount(-swap.change)}, "
                    + ("with what changes in the other lots of the package." if package
                       else "as more hours would leave those who do them today."))
            return {"rules": "", "outcome": "package" if package else "moves", "sentence": said}
        _, _, gap = self._both(offer, against)
        rate, quality = self._enough(offer, against)
        ways = ([] if math.isnan(rate) else [f"at £{rate:.2f} an hour instead of {_rate(offer)}"]) + (
            [] if math.isnan(quality) else [f"with quality {quality:g} instead of {offer.quality:g}"])
        done = "matched it" if self.price else "scored as much"
        said = f"{head}: {self._beside(swap)}, by {gap}. " + (
            f"It would have {done} {' or '.join(ways)}." if ways
            else "Neither a lower rate nor more quality alone would have been enough.")
        level = offer._replace(merit=against.merit)
        broken = self._broken(
            self.winners.changed(swap.leave, [offer.bid], {offer.number: level}), cover=False)
        if broken:
            said += f" Even so: {self._in_that_place(swap, broken).replace('In that', 'in that', 1)}"
        return {"rules": _names(broken), "outcome": "outscored", "enough_rate_gbp": rate,
                "enough_quality": quality, "sentence": said}

    def _as_package(self, offer: Offer) -> str:
        bid = self.terms.bids[offer.bid]
        if len(bid.offers) == 1:
            return ""
        return f" by its bid {bid.bid_id} (all or nothing for lots {self._lots_of(bid)})"

    def _amount(self, change: float) -> str:
        if self.price:
            return f"£{change:,.2f} a week"
        return f"{change:.3f} points of the mean score" if change >= 0.0005 else "under 0.001 points"

    def _enough(self, offer: Offer, against: Offer) -> tuple[float, float]:
        """Rate and quality, each alone, with which an offer scores as much as another's."""
        if self.price:
            return against.rate_gbp, math.nan
        tender = self.case.tender
        rows = self.points.loc[self.points["lot"] == offer.lot, ["lot", "rate_gbp", "quality"]]
        me, it = self.points.index[offer.number], self.points.index[against.number]

        def most(pence: np.ndarray) -> int:
            """How many of the rates, from the lowest up, score as much; every rate is a lot of its own."""
            tried = pd.concat([rows] * len(pence), keys=range(len(pence)))
            tried["lot"] = tried.index.get_level_values(0)
            tried.loc[(slice(None), me), "rate_gbp"] = pence / 100
            scores = score_offers(tried, tender)["score"]
            level = scores.xs(me, level=1).to_numpy() >= scores.xs(it, level=1).to_numpy()
            return int(np.argmin([*level, False]))

        low = max(1, math.ceil(100 * (tender.price.lower_rate_gbp or 0.01) - 1e-6))
        high = math.ceil(100 * offer.rate_gbp - 1e-6)
        step = max(1, math.isqrt(max(1, high - low)))
        coarse = np.arange(low, high + 1, step)
        reached = most(coarse)
        rate = math.nan
        if reached:
            fine = np.arange(coarse[reached - 1], min(coarse[reached - 1] + step, high + 1))
            rate = float(fine[most(fine) - 1]) / 100
        quality = math.nan
        if tender.quality.weight > 0:
            more = 100 * (against.score - offer.score) / tender.quality.weight
            tenths = math.ceil(10 * (offer.quality + more) - 1e-6)
            if tenths <= 1000:
                quality = tenths / 10
        return rate, quality


def _rate(offer: Offer) -> str:
    """Write a rate with its pence, and what a discount leaves beyond them."""
    text = f"{offer.rate_gbp:.4f}"
    return "£" + (text[:-2] if text.endswith("00") else text)


def _upset(bids: list[tuple[str, str]]) -> str:
    return "; ".join(f"bid {bid}, {reason}" for bid, reason in bids) + "."


def _names(broken: tuple[Broken, ...]) -> str:
    return ", ".join(name for name in RULES if name in {b.rule for b in broken})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _ordinal(number: int) -> str:
    last = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{last}"
