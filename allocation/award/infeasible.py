"""Why no award keeps every rule: where, which rules, and the least that would have to give way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pulp

from allocation.tender.brief import RulesBrief
from lotting.errors import Reason, some

from .cover import add_cover, broken_cover
from .model import build_model
from .program import AwardModel
from .solve import Outcome, Solution, Solver, solve_problem
from .terms import RULES, Terms

__all__ = ["explain"]

_T = TypeVar("_T")

#: Rules whose figure the program can let give way by itself.
_FIGURES = (
    "max_lots", "max_weekly_hours", "max_share", "max_locality_share", "max_providers", "min_weekly_hours",
    "own_lots", "own_hours", "own_min_hours", "capacity")


def explain(terms: Terms, *, solver: Solver, time_limit_s: float, seed: int) -> list[Reason]:
    """Say which rules fail in which lots, and the least relaxation that works.

    First by counting bidders lot by lot. Then by a minimal conflict set: rules are dropped one by one as
    long as no award exists without them, then lots, so that what is left cannot be awarded together, and
    could be if any one of it were gone. Of every rule in the set, the least change of its figure that makes
    the whole tender awardable, everything else as it is, is found by a program of its own.

    Parameters
    ----------
    terms
        A tender that has no award.
    solver, time_limit_s, seed
        As for the award; the clock counts for all of this.

    Returns
    -------
    list of Reason
        At least one. ``proven`` is False where time ran out before the set was minimal.
    """
    reasons = _too_few_bidders(terms)
    if reasons:
        return reasons
    probe = _Probe(terms, solver, time.perf_counter() + time_limit_s, seed)
    in_force = [r for r in RULES if terms.on(r) and _stated(terms, r)]
    rules = _minimal(in_force, lambda kept: probe.none_with(kept, terms.lots))
    lots = _minimal(list(terms.lots), lambda kept: probe.none_with(rules, kept))
    return [_reason(terms, probe, rules, lots)]


def _too_few_bidders(terms: Terms) -> list[Reason]:
    """Lots whose bids cannot fill the seats, whatever happens elsewhere."""
    reasons = []
    aside = terms.case.bids.set_aside
    for lot in terms.lots:
        least = terms.wanted(lot)[0] if terms.on("providers_per_lot") else 1
        bidders = {o.provider for o in terms.offers_of_lot[lot]}
        smallest = min(s.share for s in terms.seats(lot)) * terms.hours[lot]
        able = {
            o.provider for o in terms.offers_of_lot[lot]
            if o.capacity_hours >= smallest - 1e-6 or not terms.on("capacity")}
        if len(able) >= least:
            continue
        here = aside[aside["lot"].astype(str) == lot]
        others = ~here["provider_id"].astype(str).isin(bidders)
        out = here.loc[others, ["provider_id", "reason"]].drop_duplicates()
        said = f"has {_bidders(len(able))}"
        if len(able) < len(bidders):
            said += f" (of {len(bidders)}) that offers the {smallest:,.0f} h a week of the smallest share"
        elif len(out):
            said += " above the bar"
        said += f"; {least} {'is' if least == 1 else 'are'} required."
        if len(out):
            names = (f"{provider} ({why})" for provider, why in out.itertuples(index=False))
            said += f" {len(out)} set aside: {some(names, 3)}."
        fix = (f"Let lot {lot} have {len(able)} ([rules] per_lot), or find {least - len(able)} more."
               if able else "Find a bidder for it, or join it to another lot.")
        reasons.append(Reason(place=f"Lot {lot}", message=f"it {said}", fix=fix))
    return reasons


def _bidders(number: int) -> str:
    return {0: "no bidder", 1: "one bidder"}.get(number, f"{number} bidders")


def _minimal(items: Sequence[_T], fails: Callable[[Sequence[_T]], bool]) -> list[_T]:
    """Return a smallest part of items that still fails (no item can be left out), by halves (QuickXplain).

    Source: Junker (2004), QUICKXPLAIN: preferred explanations and relaxations for over-constrained
    problems, AAAI.
    """
    def within(known: Sequence[_T], added: Sequence[_T], rest: Sequence[_T]) -> list[_T]:
        if added and fails(known):
            return []
        if len(rest) == 1:
            return list(rest)
        half = len(rest) // 2
        right = within([*known, *rest[:half]], rest[:half], rest[half:])
        left = within([*known, *right], right, rest[:half])
        return [*left, *right]

    if not items or fails([]):
        return []
    found = set(map(id, within([], [], items)))
    return [i for i in items if id(i) in found]


@dataclass
class _Probe:
    """Asks whether an award exists; an answer that does not come in time counts as yes."""

    terms: Terms
    solver: Solver
    end: float
    seed: int
    timed_out: bool = False

    def none_with(self, rules: Sequence[str], lots: Sequence[str]) -> bool:
        """Whether no award exists of these lots under these rules alone."""
        off = frozenset(RULES) - set(rules)
        model = build_model(
            replace(self.terms, off=off), optional=[lot for lot in self.terms.lots if lot not in set(lots)])
        model.problem.setObjective(pulp.LpAffineExpression())
        return self.solved(model).outcome == Outcome.INFEASIBLE

    def solved(self, model: AwardModel) -> Solution:
        """Solve, with failure-cover rows as they are broken."""
        while True:
            left = self.end - time.perf_counter()
            if left <= 0:
                self.timed_out = True
                return Solution(Outcome.UNKNOWN, {}, 0.0, 0.0, 0.0)
            found = solve_problem(model.problem, solver=self.solver, time_limit_s=left, seed=self.seed)
            self.timed_out |= found.outcome in {Outcome.UNKNOWN, Outcome.FEASIBLE}
            broken = broken_cover(model.terms, model.won(found.values)) if found.values else []
            if not broken or model.left:
                return found
            for firm, lots in broken:
                add_cover(model, firm, lots)

    def exists(self, rules: RulesBrief, off: frozenset[str] | None = None) -> bool:
        """Whether the whole tender has an award under other rules."""
        model = build_model(replace(self.terms, rules=rules, off=self.terms.off if off is None else off))
        model.problem.setObjective(pulp.LpAffineExpression())
        return bool(self.solved(model).values)


def _stated(terms: Terms, rule: str) -> bool:
    """Whether the tender has the rule at all."""
    rules = terms.rules
    figures: dict[str, object] = {
        "max_lots": rules.max_lots, "max_weekly_hours": rules.max_weekly_hours,
        "max_share": rules.max_share_pct, "max_locality_share": rules.max_locality_share_pct,
        "max_providers": rules.max_providers,
        "min_weekly_hours": rules.min_weekly_hours, "preferences": rules.respect_preferences,
        "failure_cover": rules.failure_cover_pct}
    return bool(figures.get(rule, True))


def _reason(terms: Terms, probe: _Probe, rules: list[str], lots: list[str]) -> Reason:
    """Put a conflict in words."""
    whole = len(lots) == len(terms.lots)
    place = "the whole tender" if whole else f"Lot{'s' if len(lots) > 1 else ''} {_and(lots, 8)}"
    bidders = {o.provider for lot in lots for o in terms.offers_of_lot[lot]}
    hours = sum(terms.hours[lot] for lot in lots)
    message = (f"{hours:,.0f} h a week and {_bidders(len(bidders))}; "
               + (f"no award keeps {'both ' * (len(rules) == 2)}{_and([_said(terms, r) for r in rules], 9)}."
                  if rules else "no set of bids, taken whole, covers every lot."))
    ways = [way for rule in rules if (way := _way_out(terms, probe, rule))]
    if ways:
        fix = ("This would do: " if len(ways) == 1 else "Any one of these would do: ") + "; ".join(ways) + "."
    else:
        fix = _most_lots(terms, probe)
    return Reason(place=place, message=message, fix=fix, proven=not probe.timed_out)


def _and(names: Sequence[str], limit: int) -> str:
    if len(names) > limit:
        return some(names, limit)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _said(terms: Terms, rule: str) -> str:
    """Name a rule with its figure."""
    rules = terms.rules
    low, high = rules.providers_per_lot
    said = {
        "providers_per_lot": f"{low} provider{'s' if low > 1 else ''} per lot" if low == high
        else f"{low} to {high} providers per lot",
        "max_lots": f"at most {rules.max_lots} lot{'s' if rules.max_lots != 1 else ''} per provider",
        "max_weekly_hours": f"at most {rules.max_weekly_hours or 0:,.0f} h a week per provider",
        "max_share": f"at most {rules.max_share_pct or 0:g} % of all hours per provider",
        "max_locality_share":
            f"at most {rules.max_locality_share_pct or 0:g} % of a locality's hours per provider",
        "max_providers": f"at most {rules.max_providers} providers overall",
        "min_weekly_hours": f"at least {rules.min_weekly_hours:,.0f} h a week for a provider that wins",
        "failure_cover": f"{rules.failure_cover_pct:g} % of a failed provider's hours taken on by others "
        f"with {rules.spare_pct:g} % to spare",
    }.get(rule, RULES[rule])
    return f"{rule} ({said})"


def _way_out(terms: Terms, probe: _Probe, rule: str) -> str:
    """Return the least change of one rule that gives the whole tender an award; empty if there is none."""
    if rule in _FIGURES:
        found = probe.solved(build_model(terms, relax=rule))
        if found.outcome != Outcome.OPTIMAL:
            return ""
        return _changed(terms, rule, -found.objective)
    if rule == "providers_per_lot":
        return _fewer_winners(terms, probe)
    if rule == "failure_cover":
        low, high = 0, int(terms.rules.failure_cover_pct - 1e-9)
        if not probe.exists(terms.rules.model_copy(update={"failure_cover_pct": 0.0})):
            return ""
        while low < high:
            middle = (low + high + 1) // 2
            works = probe.exists(terms.rules.model_copy(update={"failure_cover_pct": float(middle)}))
            low, high = (middle, high) if works else (low, middle - 1)
        return f"failure_cover_pct {terms.rules.failure_cover_pct:g} to {low}"
    return f"leave out {rule} ({RULES[rule]})" if probe.exists(terms.rules, terms.off | {rule}) else ""


def _changed(terms: Terms, rule: str, by: float) -> str:
    rules = terms.rules
    if rule in {"max_lots", "max_providers"}:
        old = getattr(rules, rule)
        return f"{rule} {old} to {old + round(by)}"
    if rule in {"max_share", "max_locality_share"}:
        old = getattr(rules, f"{rule}_pct")
        return f"{rule}_pct {old:g} to {_up(old + by * 100, 2):g}"
    if rule == "max_weekly_hours":
        old = rules.max_weekly_hours or 0.0
        return f"max_weekly_hours {old:,.0f} to {_up(old + by, 0):,.0f}"
    if rule == "min_weekly_hours":
        new = -_up(by - rules.min_weekly_hours, 0)
        return f"min_weekly_hours {rules.min_weekly_hours:,.0f} to {new:,.0f}"
    lots = f"{round(by)} lot{'s' if round(by) > 1 else ''}"
    amount = lots if rule == "own_lots" else f"{_up(by, 0):,.0f} h a week"
    return f"{RULES[rule]}: up to {amount} {'fewer' if rule == 'own_min_hours' else 'more'} for any bidder"


def _up(value: float, decimals: int) -> float:
    """Round up, but not for the solver's last decimals."""
    scale = 10.0**decimals
    return -((-value * scale + 1e-4) // 1) / scale


def _fewer_winners(terms: Terms, probe: _Probe) -> str:
    """Return the lots that must have fewer winners than the least, and how many; as few as can be."""
    loose = {lot: (1, terms.wanted(lot)[1]) for lot in terms.lots}
    model = build_model(replace(terms, rules=terms.rules.model_copy(update={"per_lot": loose})))
    short = [
        (count, float(k - terms.wanted(lot)[0])) for (lot, k), count in model.counts.items()
        if k < terms.wanted(lot)[0]]
    if not short:
        return ""
    model.problem.setObjective(pulp.LpAffineExpression(short))
    found = probe.solved(model)
    if found.outcome != Outcome.OPTIMAL:
        return ""
    lots = [
        f"lot {lot} with {k} in place of {terms.wanted(lot)[0]}"
        for (lot, k), count in model.counts.items()
        if k < terms.wanted(lot)[0] and found.values[count.name] > 0.5]
    return f"fewest providers per lot: {some(lots, 8)}"


def _most_lots(terms: Terms, probe: _Probe) -> str:
    """Return how many lots can be awarded at most, where no single rule is enough to give way."""
    model = build_model(terms, optional=terms.lots)
    model.problem.setObjective(pulp.LpAffineExpression([(v, -1.0) for v in model.left.values()]))
    found = probe.solved(model)
    if not found.values:
        return "More than one rule has to give way."
    left = [lot for lot, v in model.left.items() if found.values[v.name] > 0.5]
    return (f"No change of one rule is enough. At most {len(terms.lots) - len(left)} of {len(terms.lots)} "
            f"lots can be awarded at once; one way leaves out {some(left, 8)}.")
