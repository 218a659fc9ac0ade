"""Awards side by side: other caps, weights, numbers of providers, and what each comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from allocation.tender.brief import Tender
from allocation.tender.load import Case
from lotting.errors import InputError, Problem
from lotting.settings import Table, checked, read_settings

from .award import Award, NoAward, award
from .figures import Figures, figures_of
from .solve import Solver
from .terms import RULES

__all__ = ["Scenario", "read_scenarios", "run_scenarios", "standard_scenarios"]

AS_STATED = "As stated"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One award to set beside the others.

    Attributes
    ----------
    name
        What it is called.
    changes
        Table of the tender by name (``rules``, ``price``, ``quality``), each with the keys that change.
    off
        Rules left out, by name as in :data:`allocation.award.terms.RULES`.
    """

    name: str
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    off: tuple[str, ...] = ()


class _One(Table):
    name: str = Field(min_length=1)
    rules: dict[str, Any] = Field(default_factory=dict)
    price: dict[str, Any] = Field(default_factory=dict)
    quality: dict[str, Any] = Field(default_factory=dict)
    off: tuple[str, ...] = ()


class _File(Table):
    scenario: tuple[_One, ...] = Field(min_length=1)


def read_scenarios(path: Path, tender: Tender) -> tuple[Scenario, ...]:
    """Read scenarios and check each against the tender.

    Parameters
    ----------
    path
        A TOML file with ``[[scenario]]`` tables: ``name``, tables ``rules``, ``price`` and ``quality`` with
        the keys that change, and ``off``, a list of rules to leave out.
    tender
        What they change. A weight of price alone takes that of quality with it, and the other way.

    Raises
    ------
    InputError
        Every unknown key, wrong value, unknown rule or name given twice.
    """
    found = read_settings(path, _File, absent="Name a TOML file of [[scenario]] tables.").scenario
    problems: list[Problem] = []
    names = [one.name for one in found]
    problems += [
        Problem(message="two scenarios have this name", file=path.name, column="name", value=name,
                fix="Give each its own.")
        for name in sorted({n for n in names if names.count(n) > 1 or n == AS_STATED})
    ]  # fmt: skip
    scenarios = []
    for one in found:
        tables = {"rules": one.rules, "price": one.price, "quality": one.quality}
        scenario = Scenario(one.name, {k: v for k, v in tables.items() if v}, one.off)
        problems += [
            Problem(message=f"no such rule, in scenario {one.name}", file=path.name, column="off", value=rule,
                    fix=f"The rules are {', '.join(RULES)}.")
            for rule in one.off if rule not in RULES
        ]  # fmt: skip
        try:
            _changed(tender, scenario, f"{path.name}, scenario {one.name}")
        except InputError as error:
            problems += error.problems
        scenarios.append(scenario)
    if problems:
        raise InputError(problems)
    return tuple(scenarios)


def _changed(tender: Tender, scenario: Scenario, file: str) -> Tender:
    changes = {k: dict(v) for k, v in scenario.changes.items()}
    for one, other in (("price", "quality"), ("quality", "price")):
        weight = changes.get(one, {}).get("weight")
        if isinstance(weight, (int, float)) and "weight" not in changes.get(other, {}):
            changes.setdefault(other, {})["weight"] = 100 - weight
    raw = tender.model_dump()
    for table, keys in changes.items():
        raw[table] = {**raw[table], **keys}
    return checked(Tender, raw, file=file)


def standard_scenarios(tender: Tender) -> tuple[Scenario, ...]:
    """Return the questions that are asked of every tender, as far as its rules raise them.

    Examples
    --------
    >>> from allocation.tender.brief import PriceBrief, QualityBrief, RulesBrief
    >>> tender = Tender(price=PriceBrief(weight=40), quality=QualityBrief(weight=60),
    ...                 rules=RulesBrief(max_lots=3))
    >>> [s.name for s in standard_scenarios(tender)]
    ['Price 50, quality 50', 'Price 30, quality 70', 'Cap of 2 lots', 'Cap of 4 lots', 'No cap on lots']
    """
    rules, weight = tender.rules, tender.price.weight
    found = [
        Scenario(f"Price {w:g}, quality {100 - w:g}",
                 {"price": {"weight": w}, "quality": {"weight": 100 - w}})
        for w in (weight + 10, weight - 10) if 0 <= w <= 100
    ]  # fmt: skip
    if rules.max_lots is not None:
        found += [Scenario(f"Cap of {n} lot{'s' if n > 1 else ''}", {"rules": {"max_lots": n}})
                  for n in (rules.max_lots - 1, rules.max_lots + 1) if n]
        found.append(Scenario("No cap on lots", off=("max_lots",)))
    if rules.max_share_pct is not None:
        found.append(Scenario("No cap on the share of all hours", off=("max_share",)))
    if rules.max_providers is not None:
        few = max(1, math.floor(rules.max_providers * 2 / 3))
        found.append(Scenario(f"At most {few} providers", {"rules": {"max_providers": few}}))
    low, high = rules.providers_per_lot
    if high > 1 and not rules.per_lot:
        found += [Scenario(f"{n} provider{'s' if n > 1 else ''} in every lot",
                           {"rules": {"providers_per_lot": n}})
                  for n in sorted({low, high}) if (low, high) != (n, n)]
    if rules.failure_cover_pct:
        found.append(Scenario("No failure cover asked", off=("failure_cover",)))
    if rules.respect_preferences:
        found.append(Scenario("Preferences do not bind", off=("preferences",)))
    return tuple(found)


def run_scenarios(
    case: Case, given: Award, scenarios: Sequence[Scenario], *, solver: Solver = "highs",
    time_limit_s: float | None = None, figures: Figures | None = None,
    tell: Callable[[str], None] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Award under each scenario.

    Returns
    -------
    pandas.DataFrame
        Index ``scenario``, the award as it stands (``As stated``) first; the columns of
        :class:`~allocation.award.figures.Figures`, ``annual_change_gbp`` against it, ``status``
        (``optimal``, ``feasible``, ``no award``), ``gap_pct``, ``differs_lots`` (lots with other winners
        than as stated), ``set_aside`` (bids set aside), and ``why`` where there is no award. Scores are
        by the scenario's own weights; quality and cost compare across all rows.
    """
    base = figures_of(case, given) if figures is None else figures
    rows = [_row(AS_STATED, case, given, base, given)]
    for scenario in scenarios:
        if tell is not None:
            tell(scenario.name)
        other = case.under(_changed(case.tender, scenario, scenario.name))
        try:
            made = award(other, rules_off=scenario.off, solver=solver, time_limit_s=time_limit_s,
                         seed=given.seed)
        except NoAward as error:
            why = " ".join(str(reason) for reason in error.reasons)
            proven = all(reason.proven for reason in error.reasons)
            rows.append({"scenario": scenario.name, "status": "no award" if proven else "none found in time",
                         "set_aside": len(other.bids.set_aside), "why": why})
            continue
        rows.append(_row(scenario.name, other, made, figures_of(other, made), given))
    table = pd.DataFrame(rows, columns=list(rows[0])).set_index("scenario")
    table["annual_change_gbp"] = table["annual_cost_gbp"] - base.annual_cost_gbp
    return table


def _row(name: str, case: Case, made: Award, figures: Figures, given: Award) -> dict[str, Any]:
    return {
        "scenario": name, **figures.to_dict(), "annual_change_gbp": 0.0, "status": str(made.status),
        "gap_pct": made.gap_pct,
        "differs_lots": len({lot for lot, _ in _winners(made) ^ _winners(given)}),
        "set_aside": len(case.bids.set_aside), "why": "",
    }  # fmt: skip


def _winners(made: Award) -> set[tuple[str, str]]:
    return {(str(lot), str(p)) for lot, p in made.frame.index}
