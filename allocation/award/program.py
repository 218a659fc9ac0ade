"""The award's program while it is written: a PuLP problem and what its variables mean."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pulp

from .terms import Offer, Seat, Terms

__all__ = ["SCALE", "SLACK_HOURS", "AwardModel", "Won", "weighted"]

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
    among
        By lot and seat: for each level of merit, best first, a variable of how many of that level or
        better sit there.
    """

    terms: Terms
    problem: pulp.LpProblem
    take: list[pulp.LpVariable] = field(default_factory=list)
    seats: list[list[tuple[pulp.LpVariable, Seat, float]]] = field(default_factory=list)
    counts: dict[tuple[str, int], pulp.LpVariable] = field(default_factory=dict)
    used: dict[str, pulp.LpVariable] = field(default_factory=dict)
    relaxed: pulp.LpVariable | None = None
    left: dict[str, pulp.LpVariable] = field(default_factory=dict)
    among: dict[tuple[str, int], list[pulp.LpVariable]] = field(default_factory=dict)
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


def weighted(terms: Iterable[tuple[pulp.LpVariable, float]]) -> pulp.LpAffineExpression:
    """Sum weights times variables; a variable may come several times, as a package does in its lots."""
    sums: dict[pulp.LpVariable, float] = defaultdict(float)
    for variable, weight in terms:
        sums[variable] += weight
    return pulp.LpAffineExpression([(v, w) for v, w in sums.items() if w])
