"""Make an award of a large tender better, a few neighbouring lots at a time.

Where a tender is too large to be solved to its end in the time given, winners in most lots are kept and
those of a group of neighbouring lots are chosen anew, exactly and under every rule; then the next group.
The same mends an award that leaves too few to take a failing firm's work on.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Mapping

from .cover import add_cover, broken_cover
from .program import AwardModel
from .solve import Laid, Outcome, Solution, Solver, solve_problem

__all__ = ["improved"]

_LOTS = 12  # chosen anew at a time
_SECONDS = 6.0  # for them, at most


def improved(
    model: AwardModel, known: Solution, *, solver: Solver, until: float, seed: int, gap_pct: float
) -> Solution | None:
    """Mend an award and make it better until time is up.

    Parameters
    ----------
    model
        The program; rows of failure cover are added where an award breaks them.
    known
        An answer of the solver to this program, cover apart; its bound stays.
    solver
        One that can keep values: not CBC.
    until
        As :func:`time.perf_counter` tells the time.
    seed
        Of the order of the groups.
    gap_pct
        Near enough to the bound.

    Returns
    -------
    Solution or None
        The best that keeps every rule; None where the award could not be mended in time.
    """
    terms, draw = model.terms, random.Random(seed)  # noqa: S311  (no secret)
    best, values = None, known.values
    free = _around(model, {lot for _, lots in broken_cover(terms, model.won(values)) for lot in lots}, 1)
    if not free:
        best = known
    waiting: list[str] = []
    laid = Laid.of(model.problem)
    while time.perf_counter() < until:
        if best is not None:
            if known.bound - best.objective <= max(gap_pct / 100, 1e-9) * abs(best.objective):
                break
            if not waiting:
                waiting = draw.sample(terms.lots, len(terms.lots))
            free = _group(model, waiting.pop())
            waiting = [lot for lot in waiting if lot not in free or draw.random() < 0.5]
        left = until - time.perf_counter()
        found = solve_problem(
            laid, solver=solver, time_limit_s=min(left, _SECONDS), seed=seed,
            gap_pct=gap_pct, start=values if best is not None else None,
            fixed=_kept(model, values, free))
        if not found.values:
            if best is None and len(free) == len(terms.lots):
                return None
            free = _around(model, free, 1)
            continue
        broken = broken_cover(terms, model.won(found.values))
        for firm, lots in broken:
            add_cover(model, firm, lots)
        laid = Laid.of(model.problem) if broken else laid
        if broken and best is None:
            free = _around(model, free | {lot for _, lots in broken for lot in lots}, 1)
        elif not broken and (best is None or found.objective > best.objective):
            best = dataclasses.replace(found, bound=known.bound, outcome=Outcome.FEASIBLE)
            values = best.values
    return best


def _around(model: AwardModel, lots: set[str], steps: int) -> set[str]:
    for _ in range(steps):
        lots = lots.union(*(model.terms.near[lot] for lot in lots))
    return lots


def _group(model: AwardModel, lot: str) -> set[str]:
    """Return a lot and its neighbours, theirs and so on, until there are enough."""
    found, order = {lot}, [lot]
    for at in order:
        for near in sorted(model.terms.near[at] - found):
            if len(found) < _LOTS:
                found.add(near)
                order.append(near)
    return found


def _kept(model: AwardModel, values: Mapping[str, float], free: set[str]) -> dict[str, float]:
    """Values of the bids that are for none of the free lots, and of the seats of the others."""
    kept: dict[str, float] = {}
    for bid in model.terms.bids:
        if free.isdisjoint(model.terms.offers[i].lot for i in bid.offers):
            names = [model.take[bid.number].name, *(v.name for i in bid.offers for v, _, _ in model.seats[i])]
            kept |= {name: values[name] for name in names}
    kept |= {v.name: values[v.name] for (lot, _), v in model.counts.items() if lot not in free}
    kept |= {v.name: float(round(values[v.name])) for (lot, _), row in model.among.items() if lot not in free
             for v in row}
    return kept
