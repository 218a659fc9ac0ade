"""What every rule costs: the tender awarded again without it, and the difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from allocation.tender.load import Case

from .award import Award, AwardStatus, NoAward, award
from .figures import Figures, figures_of
from .solve import Solver
from .terms import RULES, Terms

__all__ = ["rule_costs", "rules_in_force"]

#: Points of 100, or GBP a week, below which two awards are as good as each other.
SAME = {"score": 1e-6, "price": 0.005}


def rules_in_force(case: Case) -> dict[str, str]:
    """Name the rules that this tender states and that could bind, and say them with their figures.

    Returns
    -------
    dict
        By name as in :data:`allocation.award.terms.RULES`, in that order.
    """
    rules, frame = case.tender.rules, case.providers.frame
    low, high = rules.providers_per_lot
    per_lot = (f"{low} a lot" if low == high else f"{low} to {high} a lot") + (
        ", with exceptions" if rules.per_lot else "")
    own = {name: int(frame[column].notna().sum()) for name, column in (
        ("own_lots", "max_lots"), ("own_hours", "max_weekly_hours"), ("own_min_hours", "min_weekly_hours"))}
    limited = int(case.bids.offers["capacity_hours"].notna().sum())
    capped = f"{limited:,} offer{'s have' if limited > 1 else ' has'} one"
    shared = case.providers.members["provider_id"].duplicated().any()
    shares = any(len(set(rules.shares_of(k))) > 1 for k in range(1, _most(case) + 1))
    said: dict[str, str | None] = {
        "providers_per_lot": f"the number of providers ({per_lot})",
        "positions": "the rule that the better bid has the larger share" if shares else None,
        "one_part_per_lot": "the rule that no firm is part of two winners of a lot" if shared else None,
        "capacity": f"bidders' own limits in a lot ({capped})" if limited else None,
        "own_lots": (f"providers' own limits on lots ({_have(own['own_lots'])})"
                     if own["own_lots"] else None),
        "own_hours": (f"providers' own limits on hours ({_have(own['own_hours'])})"
                      if own["own_hours"] else None),
        "own_min_hours": (f"providers' own least hours ({_have(own['own_min_hours'])})"
                          if own["own_min_hours"] else None),
        "max_lots": None if rules.max_lots is None else
        f"the cap of {rules.max_lots} lot{'s' if rules.max_lots > 1 else ''} a provider",
        "max_weekly_hours": None if rules.max_weekly_hours is None else
        f"the cap of {rules.max_weekly_hours:,.0f} hours a week a provider",
        "max_share": None if rules.max_share_pct is None else
        f"the cap of {rules.max_share_pct:g} % of all hours a provider",
        "max_locality_share": None if rules.max_locality_share_pct is None else
        f"the cap of {rules.max_locality_share_pct:g} % of a locality's hours a provider",
        "max_providers": None if rules.max_providers is None else
        f"the limit of {rules.max_providers} providers in all",
        "min_weekly_hours": f"the least of {rules.min_weekly_hours:,.0f} hours a week for a winner"
        if rules.min_weekly_hours else None,
        "preferences": "providers' order of preference" if rules.respect_preferences else None,
        "failure_cover": (f"the failure cover of {rules.failure_cover_pct:g} %"
                          if rules.failure_cover_pct else None),
    }
    return {name: text for name in RULES if (text := said.get(name)) is not None}


def _have(number: int) -> str:
    return "1 has one" if number == 1 else f"{number:,} have one"


def _most(case: Case) -> int:
    return max(case.tender.rules.winners(str(lot))[1] for lot in case.lots.frame.index)


def rule_costs(
    case: Case, given: Award, *, solver: Solver = "highs", time_limit_s: float | None = None,
    figures: Figures | None = None, tell: Callable[[str], None] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Award again without each rule in turn.

    Parameters
    ----------
    case
        The tender.
    given
        Its award under all rules.
    solver, time_limit_s
        As for :func:`allocation.award.award.award`.
    figures
        Of ``given``, if they are at hand.
    tell
        Called with a rule's name before it is left out.

    Returns
    -------
    pandas.DataFrame
        Index ``rule``; ``words`` (the rule with its figure), ``objective`` without it, ``gain`` (how much
        better the objective would be: points of 100, or GBP a week), ``annual_cost_gbp`` without it,
        ``rule_costs_gbp`` a year (what the rule adds to the cost; negative: it makes the award cheaper),
        ``providers`` without it, ``providers_with``, ``mean_quality``, ``moved_hours``, ``least_cover_pct``
        without it, ``proven`` (both awards are proven to be the best), ``sentence``. Where the objective
        stays as it is, the award given is as good without the rule, and the figures are its own.
    """
    base = figures_of(case, given) if figures is None else figures
    aim = Terms.of(case).rules.aim
    rows = []
    for rule, words in rules_in_force(case).items():
        if tell is not None:
            tell(rule)
        other = _without(case, given, rule, solver, time_limit_s)
        gain = other.objective - given.objective if aim == "score" else given.objective - other.objective
        same = gain <= SAME[aim]
        found = base if same else figures_of(case, other)
        proven = given.status == other.status == AwardStatus.OPTIMAL
        gain = 0.0 if same else gain
        row = {
            "rule": rule, "words": words, "objective": given.objective if same else other.objective,
            "gain": gain, "annual_cost_gbp": found.annual_cost_gbp,
            "rule_costs_gbp": base.annual_cost_gbp - found.annual_cost_gbp, "providers": found.providers,
            "providers_with": base.providers, "mean_quality": found.mean_quality,
            "moved_hours": found.moved_hours, "least_cover_pct": found.least_cover_pct, "proven": proven,
        }  # fmt: skip
        rows.append({**row, "sentence": _sentence(words, base, found, gain, aim, proven=proven)})
    names = ["rule", "words", "objective", "gain", "annual_cost_gbp", "rule_costs_gbp", "providers",
             "providers_with", "mean_quality", "moved_hours", "least_cover_pct", "proven",
             "sentence"]  # fmt: skip
    return pd.DataFrame(rows, columns=names).set_index("rule")


def _without(case: Case, given: Award, rule: str, solver: Solver, time_limit_s: float | None) -> Award:
    """Return the best award without a rule; the award given keeps the other rules as well."""
    try:
        return award(case, rules_off=[rule], solver=solver, time_limit_s=time_limit_s, seed=given.seed)
    except NoAward:
        return replace(given, status=AwardStatus.FEASIBLE)


def _sentence(words: str, base: Figures, found: Figures, gain: float, aim: str, *, proven: bool) -> str:
    many = words.startswith(("providers' own", "bidders' own"))
    head, s, it = words[0].upper() + words[1:], "" if many else "s", "them" if many else "it"
    if gain == 0:
        end = "" if proven else " that was found in time"
        return f"{head} cost{s} nothing: without {it} no better award{end or ' exists'}."
    yearly = base.annual_cost_gbp - found.annual_cost_gbp
    parts, points = [], f"{_digits(gain)} points of the mean score"
    if yearly >= 0.5:
        parts.append(f"cost{s} £{yearly:,.0f} a year" + (f" and {points}" if aim == "score" else ""))
    else:
        parts += [f"save{s} £{-yearly:,.0f} a year"] if yearly <= -0.5 else []
        parts += [f"cost{s} {points}"] if aim == "score" else []
    if found.providers != base.providers:
        way = "lift" if base.providers > found.providers else "lower"
        parts.append(f"{way}{s} the number of winners from {found.providers} to {base.providers}")
    if not parts:  # by price alone: pence
        parts.append(f"cost{s} £{gain:,.2f} a week")
    last = ", and " if " and " in parts[0] else " and "
    said = f"{head} {', '.join(parts[:-1])}{last if len(parts) > 1 else ''}{parts[-1]}."
    if abs(base.least_cover_pct - found.least_cover_pct) >= 0.5:
        said += (f" Cover of the worst failure: {found.least_cover_pct:.0f} % without {it}, "
                 f"{base.least_cover_pct:.0f} % with {it}.")
    return said if proven else f"{said} Time ran out: the figures are not proven."


def _digits(points: float) -> str:
    """Write points with two decimals, or as many as show that there are any."""
    return next((text for n in (2, 3, 4) if float(text := f"{points:.{n}f}")), f"{points:.6f}")
