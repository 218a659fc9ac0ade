"""The market in words and tables of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from allocation.market.facts import MarketFacts
from allocation.market.publishing import ALL, NOBODY
from allocation.report.inside import PRIVATE

from .shared import Column, table_text, wrapped

__all__ = ["BOOK", "INSIDE", "market_text"]

#: The workbook, and the file that stays inside.
BOOK, INSIDE = "market.xlsx", "market.csv"
_NOT_KNOWN = "–"
_PROVIDERS = (
    Column("packages", "Packages"), Column("hours", "Hours", "h/week"), Column("share_pct", "Share", "%", 1),
)  # fmt: skip
_GROWTH = (Column("change_hours", "Change", "h/week", signed=True), Column("change_pct", "Change", "%", 1,
                                                                          signed=True))
_GROUPS = (
    Column("hours", "Hours", "h/week"), Column("providers", "Providers"),
    Column("largest_pct", "Largest", "%", 1), Column("top_ten_pct", "Top ten", "%", 1),
    Column("hhi", "HHI"),
)  # fmt: skip
_PACKAGES = (
    Column("packages", "Packages"), Column("mean_hours", "Mean", "h/week", 1),
    Column("small_pct", "Small", "%", 1), Column("no_provider_hours", "Nobody", "h/week"),
)  # fmt: skip
_CLASSES = (Column("providers", "Providers"), Column("hours", "Hours", "h/week"),
            Column("share_pct", "Share", "%", 1))
_OVER = (Column("hours", "Hours", "h/week"), Column("limit_hours", "Limit", "h/week"),
         Column("over_hours", "Over", "h/week"))
_FIRMS = (
    Column("firms", "Firms"), Column("micro", "Micro"), Column("small", "Small"),
    Column("medium", "Medium"), Column("large", "Large"), Column("fine_pct", "Viable", "%"),
)  # fmt: skip
_REACH = (
    Column("inside", "In the lot", "locations"), Column("locations", "In reach", "locations"),
    Column("providers", "In reach", "providers"), Column("covering", "Reach half", "providers"),
    Column("nearest_km", "Nearest", "km", 1),
)  # fmt: skip


def market_text(
    facts: MarketFacts, tables: Mapping[str, pd.DataFrame], notes: Sequence[str], top: int
) -> str:
    """Return what the command prints.

    Parameters
    ----------
    facts
        The market; only the limits are taken from it.
    tables
        Fit to publish, as :func:`allocation.market.publishing.published_tables` gives them.
    notes
        What readers have to know.
    top
        How many providers are listed.
    """
    blocks = [_headline(tables["summary"])]
    providers = tables["providers"]
    if "growth" in tables:
        moved = tables["growth"][["change_hours", "change_pct"]]
        providers = providers.join(moved.reindex(providers.index).astype(object))
    last = [name for name in (NOBODY, ALL) if name in providers.index]
    shown = pd.concat([providers.drop(index=last).head(top), providers.loc[last]])
    heads = [*_PROVIDERS, *(_GROWTH if "growth" in tables else ())]
    left = len(providers) - len(shown)
    blocks.append(table_text(shown, heads, first="Provider") + (
        f"\n({left:,} more providers are in {BOOK})" if left else ""))
    blocks.append(table_text(tables["classes"], _CLASSES, first="Providers that hold"))
    for name, first in (("localities", "Locality"), ("payers", "Payer"), ("teams", "Team")):
        if name in tables:
            blocks.append(table_text(tables[name], _GROUPS, first=first))
            blocks.append(table_text(tables[name], _PACKAGES, first=first))
    blocks.append(_limits(facts, tables, top))
    if "intentions" in tables:
        blocks.append(table_text(tables["intentions"], _FIRMS, first="Would bid for lot"))
    if "reach" in tables:
        blocks.append(table_text(tables["reach"], _REACH, first="Home care near lot"))
    hours = tables["hours"]
    blocks.append(wrapped(_accounted(hours)))
    blocks.append(wrapped(*notes, f"private/{INSIDE} has every provider's exact figures. {PRIVATE}"))
    return "\n\n".join(block for block in blocks if block)


def _headline(summary: pd.DataFrame) -> str:
    def said(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int):
            return f"{value:,}"
        return _NOT_KNOWN if math.isnan(value) else f"{value:,.1f}".replace("-", "−")

    wide = max(len(str(name)) for name in summary.index) + 2
    return "\n".join(f"{name!s:<{wide}}{said(v):>12}" for name, v in summary["value"].items())


def _limits(facts: MarketFacts, tables: Mapping[str, pd.DataFrame], top: int) -> str:
    if not facts.caps and facts.over.empty:
        return ""
    parts = []
    if facts.caps.max_providers is not None:
        parts.append(f"{len(facts.providers)} providers; {facts.caps.max_providers} are allowed.")
    if "over_limits" not in tables:
        parts.append("Nobody holds more than a limit allows.")
        return wrapped(*parts)
    over = tables["over_limits"]
    named = over.set_axis([
        f"{who}, {where}" if where else str(who)
        for who, where in zip(over["provider_id"], over["locality"], strict=True)])  # fmt: skip
    for limit in dict.fromkeys(over.index):
        rows = named[over.index == limit]
        more = len(rows) - top
        parts.append(table_text(rows.head(top), _OVER, first=f"Over {limit}") + (
            f"\n({more:,} more are in {BOOK})" if more > 0 else ""))
    return "\n\n".join(parts)


def _accounted(hours: pd.DataFrame) -> str:
    def said(value: Any) -> str:
        return value if isinstance(value, str) else f"{float(value):,.0f}"

    parts = [f"{said(row['hours'])} {what}" for what, row in hours.iloc[:-1].iterrows()
             if isinstance(row["hours"], str) or row["hours"]]
    return f"Weekly hours in the file: {said(hours.iloc[-1]['hours'])} = {' + '.join(parts)}."
