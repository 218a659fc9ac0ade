"""Decisions as tables for the brokerage team: personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .broker import Outcome

__all__ = ["placed_table", "ranking_table", "unplaced_table"]

_RANKING = (
    "package_id", "rank", "provider_id", "route", "step", "score", "rate_gbp", "quality", "added_km",
    "hours_left", "why_not",
)  # fmt: skip


def placed_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the packages that somebody has, with the decision that says so.

    Returns
    -------
    pandas.DataFrame
        ``package_id``, ``lot``, ``area``, ``hours``, ``provider_id``, ``route``, ``contract``, ``step``,
        ``rank``, ``score``, ``rate_gbp``, ``added_km``, ``decision``, ``reason``.
    """
    rows = [
        {
            "package_id": o.package.package_id, "lot": o.package.lot, "area": o.package.area,
            "hours": o.package.hours, "provider_id": o.provider_id, "route": o.route,
            "contract": o.pool.partition(":")[2], "step": o.step, "rank": o.rank, "score": o.score,
            "rate_gbp": o.rate_gbp, "added_km": o.added_km, "decision": o.decision or None,
            "reason": o.reason,
        } for o in outcomes if o.kind in {"placed", "before"}
    ]  # fmt: skip
    columns = ["package_id", "lot", "area", "hours", "provider_id", "route", "contract", "step", "rank",
               "score", "rate_gbp", "added_km", "decision", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    for name in ("rank", "decision"):
        table[name] = table[name].astype("Int64")
    return table.round({"score": 2, "added_km": 2, "rate_gbp": 2})


def unplaced_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the packages that nobody has, and why: ``package_id, lot, area, hours, decision, reason``."""
    rows = [
        (o.package.package_id, o.package.lot, o.package.area, o.package.hours, o.decision or None, o.reason)
        for o in outcomes if o.kind in {"unplaced", "changed"}]
    table = pd.DataFrame(rows, columns=["package_id", "lot", "area", "hours", "decision", "reason"])
    return table.astype({"decision": "Int64"})


def ranking_table(rankings: Mapping[str, Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """Return rankings by package: who would be asked in which order, and why others would not."""
    rows = [
        {**row, "package_id": package, "why_not": "; ".join(row.get("why_not", ()))}
        for package, ranking in rankings.items() for row in ranking]
    return pd.DataFrame(rows).reindex(columns=list(_RANKING)).astype({"rank": "Int64"})
