"""Which service line a package belongs to, by the rules of the brief."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .brief import ServiceBrief
from .errors import Problem, some

__all__ = ["assign_services", "unmet_rules"]

ONLY_SERVICE = "all"
"""Name of the one service line of a brief that names none (as :meth:`Brief.services` has it)."""

_VALUES_SHOWN = 20


def assign_services(packages: pd.DataFrame, services: Sequence[ServiceBrief]) -> pd.Series[str]:
    """Find the service line of each package: the first whose rule it meets.

    Parameters
    ----------
    packages
        Columns ``hours`` (float, weekly, both carers of a double-handed package; 0 where not
        given), ``payer`` and ``pathway`` (str, ``""`` where not given).
    services
        The ``[[service]]`` tables, in order; none stands for one service called ``all``.

    Returns
    -------
    pandas.Series
        Name of the service (str) on the index of ``packages``; ``""`` where no rule matches.

    Notes
    -----
    A package meets a rule when its payer is one of ``payers`` (any payer where none is listed),
    and its pathway is one of ``pathways`` or its hours are within ``min_package_hours``
    (inclusive) and ``max_package_hours`` (exclusive). With pathways and no hours only the pathway
    counts; with neither, the service takes every package of its payers. Pathways and payers are
    compared without regard to case. The hours are those of both carers: a double-handed package
    of 14 hours is one of 28.

    Examples
    --------
    >>> packages = pd.DataFrame({"hours": [28.0, 27.9, 3.0], "payer": "",
    ...                          "pathway": ["", "", "24-Hour"]})
    >>> complex_ = ServiceBrief(name="complex", min_package_hours=28, pathways=["24-hour"])
    >>> assign_services(packages, [complex_, ServiceBrief(name="ordinary")]).to_list()
    ['complex', 'ordinary', 'complex']
    """
    service = pd.Series("", index=packages.index, dtype="str")
    if not services:
        return service.replace("", ONLY_SERVICE)
    for rule in services:
        service = service.mask((service == "") & _meets(packages, rule), rule.name)
    return service


def _meets(packages: pd.DataFrame, rule: ServiceBrief) -> pd.Series[bool]:
    everyone = pd.Series(data=True, index=packages.index)
    payer = _one_of(packages["payer"], rule.payers) if rule.payers else everyone
    pathway = _one_of(packages["pathway"], rule.pathways)
    hours = everyone
    if rule.min_package_hours is not None:
        hours = hours & (packages["hours"] >= rule.min_package_hours)
    if rule.max_package_hours is not None:
        hours = hours & (packages["hours"] < rule.max_package_hours)
    by_hours = rule.min_package_hours is not None or rule.max_package_hours is not None
    if rule.pathways and not by_hours:
        return payer & pathway
    return payer & (pathway | hours)


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def _one_of(values: pd.Series[str], names: Sequence[str]) -> pd.Series[bool]:
    wanted = {_fold(n) for n in names}
    return values.map({v: _fold(v) in wanted for v in values.unique()}).astype("bool")


def unmet_rules(
    packages: pd.DataFrame, services: Sequence[ServiceBrief], *, file: str
) -> list[Problem]:
    """Warn of payers and pathways that a rule names and no package has: often a misspelling.

    Parameters
    ----------
    packages
        Columns ``payer`` and ``pathway`` (str).
    services
        The ``[[service]]`` tables.
    file
        The name the messages give the packages.
    """
    warnings = []
    for field in ("payer", "pathway"):
        there = sorted(set(packages[field]) - {""})
        folded = {_fold(v) for v in there}
        for rule in services:
            names = rule.payers if field == "payer" else rule.pathways
            absent = [n for n in names if _fold(n) not in folded]
            if not absent:
                continue
            # A column of many values may be one of names or notes: it is not repeated.
            known = (f"The file has: {some((v[:30] for v in there), limit=_VALUES_SHOWN)}."
                     if 0 < len(there) <= _VALUES_SHOWN else "Check the spelling, and the column.")
            warnings.append(Problem(
                message=f"[[service]] {rule.name!r} names the {field} "
                        f"{', '.join(map(repr, absent))}, which no package has",
                file=file, severity="warning", fix=known))
    return warnings
