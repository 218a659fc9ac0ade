"""Order of seats: no worse bid sits above a better one."""

from __future__ import annotations

from itertools import pairwise

from .program import AwardModel

__all__ = ["add_positions"]


def add_positions(model: AwardModel, lot: str) -> None:
    """Add the rows that give the larger shares of a lot to the better bids.

    ``among`` counts the offers of a level of merit or better in a seat. Where somebody sits in a seat,
    all places of the seat above are taken by offers at least as good: these rows hold three variables
    each, however many offers there are.
    """
    terms = model.terms
    if not terms.on("positions"):
        return
    seats, levels = terms.seats(lot), terms.levels(lot)
    for number, seat in enumerate(seats):
        if seat.places == 1 or sum(s.winners == seat.winners for s in seats) > 1:
            place = f"{seat.first}_of_{seat.winners}"
            chain = model.among[lot, number] = [
                model.problem.add_variable(model.name("among", lot, place, str(k + 1)), 0, seat.places)
                for k in range(len(levels))]
            for k, level in enumerate(levels):
                model.row("positions", lot, [
                    (chain[k], 1.0), *((model.seats[o.number][number][0], -1.0) for o in level),
                    *([(chain[k - 1], -1.0)] if k else [])], 0, 0.0)
    for number, (upper, lower) in enumerate(pairwise(seats)):
        if upper.winners != lower.winners:
            continue
        above, places = model.among[lot, number], float(upper.places)
        for k, level in enumerate(levels[:-1]):
            below = ([model.among[lot, number + 1][k]] if lower.places == 1
                     else [model.seats[o.number][number + 1][0] for o in level])
            for variable in below:
                model.row("positions", lot, [(variable, places), (above[k], -1.0)], -1, 0.0)
