"""Whether an award is the only best one, and the stated rule that settles it if not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pulp

from lotting.errors import some

from .award import Award, make_award
from .cover import add_cover, broken_cover
from .program import SCALE, AwardModel, Won, weighted
from .solve import Outcome, Solver, solve_problem
from .terms import Offer, Terms

__all__ = ["MOST_COUNTED", "TIE", "settle"]

#: Awards whose objectives differ by less are equally good: points of 100, or GBP an hour.
TIE = 1e-6
#: Where the count of equally good awards stops.
MOST_COUNTED = 20

_WORDS = {
    "quality": "the higher mean quality", "price": "the lower weekly cost",
    "fewer_moved": "the fewer hours moved", "lot_order": "the better score in the first lot that differs",
    "provider_id": "the provider whose id comes first, lot by lot",
}


class _OutOfTime(Exception):  # noqa: N818
    """The clock ended it."""


def settle(
    terms: Terms,
    model: AwardModel,
    award: Award,
    won: tuple[Won, ...],
    *,
    solver: Solver,
    time_limit_s: float,
    seed: int,
) -> Award:
    """Find out whether an optimal award is unique, and apply the tie rule if it is not.

    Every award as good is reached through the same program with the objective held. Lots that differ
    are found by asking for as many different lots as can be, until none is left; the awards are counted by
    excluding each one found. The rule's steps are then taken in the order stated, each holding the ones
    before it.

    Parameters
    ----------
    terms, model, award, won
        The tender, its program, and its optimal award.
    solver, time_limit_s, seed
        As for the award; the clock counts for all of this.

    Returns
    -------
    Award
        With ``unique``, ``optimal_awards``, ``lots_that_differ`` and ``tie_steps``; one of the equally good
        awards, the one the rule names. Where time ran out a note says so.
    """
    begin = time.perf_counter()
    search = _Search(terms, model, won, solver=solver, end=begin + time_limit_s, seed=seed)
    try:
        differ = search.lots_that_differ()
    except _OutOfTime:
        note = f"Whether another award is as good was not found out in {time_limit_s:.0f} s."
        return replace(award, notes=(*award.notes, note))
    if not differ:
        seconds = award.seconds + time.perf_counter() - begin
        return replace(award, unique=True, optimal_awards=1, seconds=seconds)
    notes = list(award.notes)
    count: int | None = None
    steps: list[str] = []
    try:
        count = search.count()
        steps = search.apply(terms.rules.tie_rule)
    except _OutOfTime:
        notes.append("Time ran out before the tie rule was applied to the end ([run] time_limit_s).")
    chosen = make_award(
        terms, search.won, bound=award.bound, solver=award.solver, seed=award.seed, model=model,
        seconds=award.seconds + time.perf_counter() - begin)
    return replace(
        chosen, unique=False, optimal_awards=count, lots_that_differ=tuple(differ), tie_steps=tuple(steps),
        notes=(*chosen.notes, *(n for n in notes if n not in award.notes)))


@dataclass
class _Search:
    """The program with its objective held at the optimum."""

    terms: Terms
    model: AwardModel
    won: tuple[Won, ...]
    solver: Solver
    end: float
    seed: int
    differ: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.problem = self.model.problem.copy()
        self.trial: list[pulp.LpConstraint] = []
        worth = self.problem.objective
        best = math.fsum(worth.get(v, 0.0) for v in set(self._chosen()))
        self._hold(worth, best, TIE * SCALE)

    def _chosen(self) -> Iterator[pulp.LpVariable]:
        """Seats of the winners."""
        for w in self.won:
            yield next(v for v, seat, _ in self.model.seats[w.offer.number] if seat == w.seat)

    def _row(self, expression: pulp.LpAffineExpression, sense: int, rhs: float) -> pulp.LpConstraint:
        terms = pulp.LpAffineExpression(dict(expression.items()))
        return pulp.LpConstraint(terms, sense=sense, name=self.model.name("tie"), rhs=rhs)

    def _hold(self, expression: pulp.LpAffineExpression, value: float, slack: float) -> None:
        """No award that is worse in this may follow."""
        self.problem.addConstraint(self._row(expression, pulp.LpConstraintGE, value - slack))

    def _solve(self, objective: pulp.LpAffineExpression) -> bool:
        """Find the award of the greatest objective, with the rows on trial; whether there is any."""
        while True:
            problem = self.problem.copy()
            for row in self.trial:
                problem.addConstraint(row)
            problem.setObjective(objective)
            left = self.end - time.perf_counter()
            if left <= 0:
                raise _OutOfTime
            found = solve_problem(problem, solver=self.solver, time_limit_s=left, seed=self.seed)
            if found.outcome == Outcome.INFEASIBLE:
                return False
            if found.outcome != Outcome.OPTIMAL:
                raise _OutOfTime
            won = self.model.won(found.values)
            broken = broken_cover(self.terms, won)
            if not broken:
                self.found = won
                return True
            held, self.model.problem = self.model.problem, self.problem
            for firm, lots in broken:
                add_cover(self.model, firm, lots)
            self.model.problem = held

    def lots_that_differ(self) -> list[str]:
        """Lots that another award as good gives otherwise, in the tender's order."""
        lots = {lot: self._kept(lot) for lot in self.terms.lots}
        known: set[str] = set()
        flags = {
            lot: self.problem.add_variable(self.model.name("differs", lot), 0, 1, cat="Binary")
            for lot in lots}
        self.trial = [
            self._row(expression + flags[lot], pulp.LpConstraintLE, float(count))
            for lot, (expression, count) in lots.items()]
        while True:
            rest = [lot for lot in lots if lot not in known]
            if not rest or not self._solve(pulp.LpAffineExpression([(flags[lot], 1.0) for lot in rest])):
                break
            new = {lot for lot in rest if self._seats(self.found, lot) != self._seats(self.won, lot)}
            if not new:
                break
            known |= new
        self.trial = []
        self.differ = [lot for lot in self.terms.lots if lot in known]
        for lot in set(self.terms.lots) - known:  # what no award as good changes need not be searched
            expression, count = lots[lot]
            self.problem.addConstraint(self._row(expression, pulp.LpConstraintEQ, float(count)))
        return self.differ

    def _kept(self, lot: str) -> tuple[pulp.LpAffineExpression, int]:
        seats = [v for v, w in zip(self._chosen(), self.won, strict=True) if w.offer.lot == lot]
        return pulp.LpAffineExpression([(v, 1.0) for v in seats]), len(seats)

    @staticmethod
    def _seats(won: tuple[Won, ...], lot: str) -> set[tuple[int, int, int]]:
        return {(w.offer.number, w.seat.winners, w.seat.step) for w in won if w.offer.lot == lot}

    def count(self) -> int:
        """Count awards as good, this one with them, up to :data:`MOST_COUNTED`."""
        first, number = self.won, 1
        try:
            while number < MOST_COUNTED:
                chosen = list(self._chosen())
                same = weighted((v, 1.0) for v in chosen)
                self.trial.append(self._row(same, pulp.LpConstraintLE, len(chosen) - 1.0))
                if not self._solve(pulp.LpAffineExpression()):
                    break
                self.won = self.found
                number += 1
        finally:
            self.won, self.trial = first, []
        return number

    def apply(self, rule: tuple[str, ...]) -> list[str]:
        """Take the steps of the rule, and say what each did."""
        said = []
        for step in rule:
            before = {lot: self._seats(self.won, lot) for lot in self.differ}
            if step == "lot_order":
                for lot in self.differ:
                    self._best(_score_in(lot), 1e-3)
            elif step == "provider_id":
                self._first_ids()
            else:
                figure: dict[str, Callable[[Offer, float], float]] = {
                    "quality": lambda o, h: h * o.quality, "price": lambda o, h: -h * o.rate_gbp,
                    "fewer_moved": self.terms.kept}
                self._best(figure[step], 1e-3)
            changed = [lot for lot, seats in before.items() if self._seats(self.won, lot) != seats]
            said.append(f"{_WORDS[step]}: " + (
                f"changed lot{'s' * (len(changed) > 1)} {some(changed)}." if changed else "changed nothing."))
        return said

    def _best(self, figure: Callable[[Offer, float], float], slack: float) -> None:
        """Keep only awards that are best by a figure of offers and their hours."""
        weights = weighted(
            (v, figure(offer, hours)) for offer in self.terms.offers
            for v, _, hours in self.model.seats[offer.number])
        if len(weights) and self._solve(weights):
            self.won = self.found
            value = math.fsum(figure(w.offer, w.weekly_hours) for w in self.won)
            self._hold(weights, value, slack)

    def _first_ids(self) -> None:
        """Lot by lot and place by place: the provider whose id comes first."""
        for lot in self.differ:
            offers = sorted(
                self.terms.offers_of_lot[lot], key=lambda o: (o.provider, self.terms.bids[o.bid].bid_id))
            fixed: set[int] = set()
            while True:
                holder = next((o for o in offers if o.number not in fixed and self._wins(o)), None)
                if holder is None:
                    break
                for offer in offers:
                    if offer.number in fixed:
                        continue
                    fixed.add(offer.number)
                    wins = self._row(weighted([(self.model.take[offer.bid], 1.0)]), pulp.LpConstraintEQ, 1.0)
                    self.trial = [] if self._wins(offer) else [wins]
                    if self.trial and not self._solve(pulp.LpAffineExpression()):
                        continue
                    self.won = self.found if self.trial else self.won
                    self.problem.addConstraint(wins)
                    break
                self.trial = []

    def _wins(self, offer: Offer) -> bool:
        return any(w.offer.number == offer.number for w in self.won)


def _score_in(lot: str) -> Callable[[Offer, float], float]:
    """Return the figure of one lot's score."""
    return lambda offer, hours: hours * offer.score if offer.lot == lot else 0.0
