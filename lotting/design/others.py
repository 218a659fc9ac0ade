"""The options of a design: plans for other aims than the brief's, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lotting.brief import Weights
from lotting.errors import InfeasibleError, Reason
from lotting.plan import Plan

from .naming import name_lots
from .options import Candidate, aims_to_try, choose, dominates
from .search import match_zones, value_of
from .stages import Stages
from .work import Work

__all__ = ["Option", "accepted", "assemble", "other_aims"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A plan to show beside the others.

    Attributes
    ----------
    title
        What it was made for.
    plan
        The plan.
    objective
        Its value by the brief's own aims.
    """

    title: str
    plan: Plan
    objective: float


def other_aims(stages: Stages, works: Sequence[Work]) -> list[tuple[str, list[Work]]]:
    """Plans for other aims than the brief's."""
    distance = sum(w.instance.distance(w.lot) for w in works)
    hours = sum(w.place.hours for w in works)
    people = sum(float(w.instance.people.sum()) for w in works)
    known = any(w.instance.zones for w in works)
    # One tenth of the distance, one per cent of the hours, five per cent of the people.
    scale = Weights(
        distance=1.0 / max(0.1 * distance, 1e-9), equality=1.0 / max(0.01 * hours, 1e-9),
        moved=1.0 / max(0.05 * people, 1e-9),
    )
    found: list[tuple[str, list[Work]]] = []
    wanted = aims_to_try(stages.lots.aims, scale, today=known)
    for title, aims in wanted:
        if stages.stop():
            break
        others = [Work(w.place, w.instance.with_aims(aims)) for w in works]
        for other, work in zip(others, works, strict=True):
            # The plan in hand is a start like any other.
            other.take(replace(work.found, value=value_of(other.instance, work.lot)))
        stages.explore(others, range(3), share=0.15 / len(wanted), stage=f"Options: {title.lower()}")
        if all(np.isfinite(o.value) for o in others):
            found.append((title, others))
        for work, other in zip(works, others, strict=True):
            stages.adopt(work, other.pool)
    for _, others in found:
        if dominates(_values(stages, others), _values(stages, works)):
            # As good by the brief's own aims, and better in others.
            for work, other in zip(works, others, strict=True):
                work.best = replace(other.found, value=value_of(work.instance, other.lot))
    return found


def accepted(
    stages: Stages, works: list[Work], others: list[tuple[str, list[Work]]],
    acceptable: Callable[[Plan], Sequence[Reason]],
) -> tuple[list[Work], list[tuple[str, list[Work]]]]:
    """Leave out plans that are not acceptable; another takes the place of the first if need be.

    Raises
    ------
    InfeasibleError
        Not one of the plans found is acceptable; with the reasons against the first.
    """
    reasons = acceptable(_named(stages, works, None))
    if reasons and not others:
        others = other_aims(stages, works)
    others = [(title, other) for title, other in others if not acceptable(_named(stages, other, None))]
    if not reasons:
        return works, others
    instead: list[tuple[float, str, list[Work]]] = []
    for title, other in others:
        taken = [
            Work(w.place, w.instance, bound=w.bound,
                  best=replace(o.found, value=value_of(w.instance, o.lot)))
            for w, o in zip(works, other, strict=True)
        ]
        instead.append((sum(w.value for w in taken), title, taken))
    if not instead:
        raise InfeasibleError(reasons)
    return min(instead, key=lambda found: found[:2])[2], others

# -- plans -------------------------------------------------------------------------------


def assemble(
    stages: Stages, works: Sequence[Work], others: Sequence[tuple[str, list[Work]]]
) -> tuple[Plan, tuple[Option, ...]]:
    """Name the lots and choose the options."""
    codes = [str(c) for c in stages.areas.index]
    weigh = stages.demand.loc[codes, "people" if stages.people_known else "weekly_hours"].to_numpy(float)
    plan = _named(stages, works, None)
    main = Candidate("The brief's own aims", tuple(plan.aligned(codes)), _values(stages, works))
    objective = {main.title: float(sum(w.value for w in works))}
    plans = {main.title: plan}
    candidates = [main]
    for title, other in others:
        named = _named(stages, other, plan)
        plans[title] = named
        objective[title] = float(sum(
            value_of(w.instance, o.lot) for w, o in zip(works, other, strict=True)
        ))
        candidates.append(Candidate(title, tuple(named.aligned(codes)), _values(stages, other)))
    chosen = choose(candidates, weigh, stages.run.options)
    return plan, tuple(
        Option(title=c.title, plan=plans[c.title], objective=objective[c.title]) for c in chosen
    )


def _values(stages: Stages, works: Sequence[Work]) -> tuple[float, ...]:
    """Distance, hours off target, people moved (with today's zones) and mix (if asked for)."""
    distance = off = moved = mix = 0.0
    for w in works:
        lot = w.lot
        distance += w.instance.distance(lot)
        sums = np.bincount(lot, weights=w.instance.hours, minlength=w.instance.lots)
        off += float(np.abs(sums - w.instance.target).sum())
        zone = match_zones(w.instance, lot)[lot]
        moved += float(w.instance.stay.sum())
        moved -= float(w.instance.stay[np.flatnonzero(zone >= 0), zone[zone >= 0]].sum())
        rural = np.bincount(lot, weights=w.instance.rural, minlength=w.instance.lots)
        mix += float(np.abs(rural - w.instance.rural_share * sums).sum())
    return (
        distance, off, *((moved,) if any(w.instance.zones for w in works) else ()),
        *((mix,) if stages.lots.aims.mix else ()),
    )


def _named(stages: Stages, works: Sequence[Work], like: Plan | None) -> Plan:
    old: Any = stages.today if like is None else like.lots
    return name_lots(works, stages.areas, stages.demand, old, people_known=stages.people_known)
