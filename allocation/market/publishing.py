"""What of the market may be published.

Providers are businesses, but one that has three packages tells of three people. So every table of
packages passes disclosure control, all of them together: a provider withheld in one is withheld in each,
or who subtracts one table from the other would see it. Where a figure is the sum of others (the top ten,
a class of providers), it is shown only if it gives no withheld one away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lotting.brief import PublishBrief
from lotting.report.disclosure import CONFIDENTIAL, control_counts, control_two_way

from .concentration import BANDS_HOURS
from .facts import MarketFacts
from .read import NO_PROVIDER
from .revealed import Withheld, revealed

__all__ = ["ALL", "NOBODY", "published_tables", "withhold"]

#: Rows that are no provider.
ALL, NOBODY = "All", "no provider"
HHI_STEP = 10
"""The index is rounded to this: coarse enough that no small share follows from it."""


def withhold(
    within: Mapping[str, pd.DataFrame], settings: PublishBrief, *, growth: pd.DataFrame | None = None
) -> Withheld:
    """Find what must not be shown, over all tables together.

    Parameters
    ----------
    within
        By dimension, as :func:`allocation.market.shares.shares_within`; their sums are published, too.
    settings
        ``[publish]``.
    growth
        As :func:`allocation.market.growth.provider_growth`; its sums are published, too.

    Returns
    -------
    Withheld
        Each table is controlled by itself (:mod:`lotting.report.disclosure`), with what the others
        withhold as given; what then still follows from all of them together
        (:func:`allocation.market.revealed.revealed`) is covered by withholding a further sum; and so on
        until nothing follows. Cells of fewer people than the threshold go as well, however many packages
        they have.
    """
    gone = Withheld(groups={by: set() for by in within}, cells={by: set() for by in within})
    if not settings.disclosure_control:
        return gone
    given: dict[str, tuple[frozenset[str], frozenset[str], bool]] = {}
    while True:
        size = gone.size()
        for by, table in within.items():
            if given.get(by) == _sums_of(gone, by):
                continue  # nothing new since this table was controlled
            done = control_counts(
                table, columns=["packages"], groups=["provider_id"], across=by, rounding=1,
                threshold=settings.threshold,
                withhold={
                    "rows": _few(table, ["people"], settings), "provider_id": gone.providers,
                    by: gone.groups[by], "all": ["all"] if gone.everything else [],
                },
            )  # fmt: skip
            rows = table[done.suppressed["packages"]]
            gone.cells[by] = set(zip(rows[by], rows["provider_id"], strict=True))
            gone.providers |= _hidden(done.totals["provider_id"])
            gone.groups[by] |= _hidden(done.totals[by])
            gone.everything |= bool(_hidden(done.totals["all"]))
            given[by] = _sums_of(gone, by)
        if growth is not None:
            done = control_counts(
                growth, columns=["packages_before", "packages"], rounding=1, threshold=settings.threshold,
                withhold={"rows": {
                    *_few(growth, ["people_before", "people"], settings),
                    *gone.providers & set(growth.index)}},
            )  # fmt: skip
            gone.providers |= _hidden(done)
            gone.everything |= bool(_hidden(done.totals["all"]))
        if gone.size() == size:
            found = revealed(within, gone)
            if not found:
                return gone
            for figure in found:
                _cover(figure, within, gone)


def _sums_of(gone: Withheld, by: str) -> tuple[frozenset[str], frozenset[str], bool]:
    return frozenset(gone.providers), frozenset(gone.groups[by]), gone.everything


def _cover(figure: tuple[str, str, str], within: Mapping[str, pd.DataFrame], gone: Withheld) -> None:
    """Withhold one more sum, that of the smallest provider beside a figure that follows from the others."""
    by, value, provider = figure
    if provider and provider not in gone.providers:
        gone.providers.add(provider)
        return
    by = by or next(iter(within))
    table = within[by]
    held = table.groupby("provider_id")["packages"].sum()
    beside = table["provider_id"].isin(
        table.loc[table[by] == value, "provider_id"] if value else held.index)
    left = held[held.index.isin(table.loc[beside, "provider_id"]) & ~held.index.isin(list(gone.providers))]
    groups = table.groupby(by)["packages"].sum()
    open_groups = groups[~groups.index.isin(list(gone.groups[by]))]
    if len(left):
        gone.providers.add(str(left.idxmin()))
    elif len(open_groups):
        gone.groups[by].add(value if value in open_groups.index else str(open_groups.idxmin()))
    else:
        gone.everything = True


def published_tables(
    facts: MarketFacts, settings: PublishBrief, gone: Withheld | None = None
) -> dict[str, pd.DataFrame]:
    """Return the tables of the market as they may be shown.

    Parameters
    ----------
    facts
        The market.
    settings
        ``[publish]``.
    gone
        What to withhold; found when left out.

    Returns
    -------
    dict
        By name: ``summary``, ``providers``, ``classes``, ``localities``, ``payers``, ``teams`` (where
        known), ``provider_locality``, ``provider_payer``, ``provider_team``, ``sizes``, ``growth``,
        ``years``, ``over_limits``, ``hours``; those without rows are left out. Index: what the row is
        of. Cells are numbers, text, NaN where there is none, or ``[c]`` where withheld.
    """
    hidden = withhold(facts.within, settings, growth=facts.growth) if gone is None else gone
    tables = {
        "summary": _summary(facts, hidden, settings),
        "providers": _providers(facts, hidden, settings),
        "classes": _classes(facts, hidden, settings),
    }
    plural = {"locality": "localities", "payer": "payers", "team": "teams"}
    tables |= {plural[by]: _by(facts, by, hidden, settings) for by in facts.by}
    tables |= {f"provider_{by}": _within(facts, by, hidden, settings) for by in facts.within}
    tables["sizes"] = _sizes(facts, settings)
    if facts.growth is not None:
        tables["growth"] = _growth(facts.growth, hidden, settings)
    tables["years"] = _years(facts, hidden, settings)
    tables["over_limits"] = _over(facts, hidden, settings)
    tables["hours"] = _account(facts.account, hidden, settings)
    return {name: table for name, table in tables.items() if len(table)}


def _few(table: pd.DataFrame, columns: list[str], settings: PublishBrief) -> set[Any]:
    few = ((table[columns] >= 1) & (table[columns] < settings.threshold)).any(axis=1)
    return set(table.index[few])


def _hidden(done: Any) -> set[Any]:
    return set(done.suppressed.index[done.suppressed.any(axis=1)])


def _safe(members: pd.Series[bool], hidden: pd.Series[bool]) -> bool:
    """Say whether a sum over members gives no withheld one away, nor does the rest."""
    return int((members & hidden).sum()) != 1 and int((~members & hidden).sum()) != 1


def _shown(
    table: pd.DataFrame, hidden: Any, settings: PublishBrief, *, counts: tuple[str, ...] = (),
    hours: tuple[str, ...] = ("hours",), keep: tuple[str, ...] = (),
) -> pd.DataFrame:  # fmt: skip
    """Round, and write ``[c]`` in withheld rows (but in the columns to keep)."""
    found = table.copy()
    if settings.disclosure_control:
        base = settings.rounding
        for column in counts:
            number = found[column]
            near = ((number + base // 2) // base * base).clip(lower=base)
            found[column] = near.where(number > 0, 0)
        for column in hours:
            found[column] = found[column].round()
        for column in [c for c in found.columns if c.endswith("_pct") or c == "mean_hours"]:
            found[column] = found[column].round(1)  # finer, they would give away what is rounded
    found = found.astype(object)
    found.loc[np.asarray(hidden, dtype=bool), [c for c in found.columns if c not in keep]] = CONFIDENTIAL
    return found


def _providers(facts: MarketFacts, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    columns = ["packages", "hours", "share_pct"]
    if facts.spend is not None:
        columns += ["weekly_cost_gbp", "cost_share_pct"]
    table = facts.providers[columns]
    whole = facts.account
    rest = pd.DataFrame(float("nan"), index=pd.Index([NOBODY, ALL]), columns=columns)
    for column in ("packages", "hours"):
        nobody = float(whole[column].to_dict()["with no provider"])
        rest[column] = [nobody, nobody + float(whole[column].to_dict()["with a provider"])]
    full = pd.concat([table, rest]).rename_axis("provider_id")
    hidden = full.index.isin([
        *gone.providers - {NO_PROVIDER}, *([NOBODY] if NO_PROVIDER in gone.providers else []),
        *([ALL] if gone.everything else [])])
    shown = _shown(full, hidden, settings, counts=("packages",), hours=_sums(full))
    if not whole.loc["with no provider", "packages"]:
        shown = shown.drop(index=NOBODY)
    return shown


def _sums(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(c for c in table.columns if c.endswith(("hours", "_gbp")) and c != "mean_hours")


def _summary(facts: MarketFacts, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    held = facts.concentration
    hours = facts.providers["hours"]
    hidden = pd.Series(hours.index.isin(list(gone.providers)), index=hours.index)
    rank = pd.Series(np.arange(len(hours)), index=hours.index)
    rows: list[tuple[str, Any]] = [
        ("Providers", held.providers),
        ("Weekly hours with a provider", _sum(
            held.hours, settings, hide=gone.everything or NO_PROVIDER in gone.providers)),
        ("Largest provider", held.largest if held.largest not in gone.providers else CONFIDENTIAL),
        ("Its share, %", held.largest_pct if held.largest not in gone.providers else CONFIDENTIAL),
    ]
    for n, share in held.top_pct.items():
        rows.append((f"The {_WORDS[n]} largest, %", share if _safe(rank < n, hidden) else CONFIDENTIAL))
    rows += [
        ("Herfindahl-Hirschman index (0 to 10,000)", _hhi(held.hhi, settings)),
        ("As many providers of one size", held.equal_providers),
        ("Fewest providers that hold half", held.half),
        (f"Providers under {held.under_limit_hours:g} h a week", held.under),
        ("Their share, %", held.under_pct if _safe(hours < held.under_limit_hours, hidden)
         else CONFIDENTIAL),
    ]  # fmt: skip
    if facts.growth is not None:
        before, now = facts.growth[["hours_before", "hours"]].sum()
        rows.append(("Change of these hours, %", CONFIDENTIAL if gone.everything or not before
                     else 100 * float(now - before) / float(before)))
    if facts.spend is not None:
        cost = facts.providers["weekly_cost_gbp"].fillna(0.0).rank(method="first", ascending=False)
        for n in (6, 10):
            rows.append((f"Spend with the {_WORDS[n]} largest, %",
                         facts.spend.top_pct[n] if _safe(cost <= n, hidden) else CONFIDENTIAL))  # fmt: skip
    if facts.caps.max_providers is not None:
        rows.append((f"Providers beyond {facts.caps.max_providers}", facts.too_many))
    table = pd.DataFrame(rows, columns=["figure", "value"]).set_index("figure").astype(object)
    if settings.disclosure_control:
        table["value"] = [round(v, 1) if isinstance(v, float) else v for v in table["value"]]
    return table


_WORDS: Mapping[int, str] = {3: "three", 6: "six", 10: "ten"}


def _sum(value: float, settings: PublishBrief, *, hide: bool = False) -> Any:
    if hide:
        return CONFIDENTIAL
    return round(value) if settings.disclosure_control else value


def _hhi(value: float, settings: PublishBrief) -> float:
    exact = not settings.disclosure_control or math.isnan(value)
    return value if exact else round(value / HHI_STEP) * HHI_STEP


def _classes(facts: MarketFacts, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    table = facts.bands
    if not settings.disclosure_control:
        return table.astype(object)
    hours, packages = facts.providers["hours"], facts.providers["packages"]
    # As in provider_bands: the last class but one has its upper edge, too.
    edges = [*BANDS_HOURS[:-2], np.nextafter(BANDS_HOURS[-2], np.inf), np.inf]
    band = pd.cut(hours, edges, right=False, labels=list(table.index)).astype(str)
    hidden = hours.index.isin(list(gone.providers))
    lone = [b for b in table.index if ((band == b) & hidden).sum() == 1]
    counts = packages.groupby(band).sum().reindex(table.index, fill_value=0).rename("packages").to_frame()
    done = control_counts(
        counts, columns=["packages"], threshold=settings.threshold, rounding=1, withhold={"rows": lone})
    return _shown(table, done.suppressed["packages"], settings, keep=("providers",))


def _by(facts: MarketFacts, by: str, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    columns = ["packages", "hours", "share_pct", "no_provider_hours", "mean_hours", "small_pct", "providers",
               "largest", "largest_pct", "top_ten_pct", "hhi"]
    if facts.spend is not None:
        columns.append("weekly_cost_gbp")
    table, within = facts.by[by][columns], facts.within[by]
    hidden = table.index.isin(list(gone.groups[by]))
    shown = _shown(table, hidden, settings, counts=("packages",), hours=_sums(table), keep=("providers",))
    if not settings.disclosure_control:
        return shown
    counts = facts.by[by]["packages"]
    small = (facts.by[by]["small_pct"] * counts / 100).round().astype("int64")
    safe = control_counts(
        pd.DataFrame({"small": small, "other": counts - small}), columns=["small", "other"],
        threshold=settings.threshold, rounding=1)
    shown.loc[safe.suppressed["small"], "small_pct"] = CONFIDENTIAL
    for value in table.index[~hidden]:
        rows = within[(within[by] == value) & (within["provider_id"] != NO_PROVIDER)]
        withheld = rows["provider_id"].map(lambda p, v=value: (v, p) in gone.cells[by]).astype(bool)
        first = pd.Series(np.arange(len(rows)), index=rows.index)
        if (value, table.loc[value, "largest"]) in gone.cells[by]:
            shown.loc[value, ["largest", "largest_pct"]] = CONFIDENTIAL
        if not _safe(first < 10, withheld):
            shown.loc[value, "top_ten_pct"] = CONFIDENTIAL
        if (value, NO_PROVIDER) in gone.cells[by]:
            shown.loc[value, "no_provider_hours"] = CONFIDENTIAL
        shown.loc[value, "hhi"] = _hhi(float(table.loc[value, "hhi"]), settings)
    return shown


def _within(facts: MarketFacts, by: str, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    table = facts.within[by]
    hidden = [pair in gone.cells[by] for pair in zip(table[by], table["provider_id"], strict=True)]
    shown = _shown(table.drop(columns="people"), hidden, settings, counts=("packages",),
                   keep=(by, "provider_id"))
    shown["provider_id"] = shown["provider_id"].replace(NO_PROVIDER, NOBODY)
    return shown.set_index(by)


def _sizes(facts: MarketFacts, settings: PublishBrief) -> pd.DataFrame:
    table = facts.sizes.astype("int64")
    if not settings.disclosure_control:
        return table.assign(**{ALL: table.sum(axis=1)}).astype(object)
    done = control_two_way(table, threshold=settings.threshold, rounding=settings.rounding)
    shown = done.shown()
    shown[ALL] = done.totals["row"].shown()["count"].reindex(shown.index)
    return shown.rename_axis("size")


def _growth(table: pd.DataFrame, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    hidden = table.index.isin(list(gone.providers))
    return _shown(table.drop(columns=["people", "people_before"]), hidden, settings,
                  counts=("packages_before", "packages"),
                  hours=("hours_before", "hours", "change_hours"))


def _years(facts: MarketFacts, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    parts = []
    for by in [b for b in ("payer", "team", "locality", "provider_id") if b in facts.years]:
        table = facts.years[by].rename(columns={by: "value"})
        if table.empty:
            continue
        hidden = pd.Series(data=False, index=table.index)
        if settings.disclosure_control:
            done = control_counts(
                table, columns=["packages"], groups=["year"], threshold=settings.threshold, rounding=1,
                withhold={"rows": _few(table, ["people"], settings) | set(
                    table.index[table["value"].isin(list(gone.providers))] if by == "provider_id" else ())})
            hidden = done.suppressed["packages"]
        table["value"] = table["value"].replace(NO_PROVIDER, NOBODY)
        table.insert(2, "by", "provider" if by == "provider_id" else by)
        parts.append(_shown(
            table.drop(columns="people"), hidden, settings, counts=("packages",),
            hours=("hours", "cost_gbp"), keep=("year", "days", "by", "value")))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True).set_index("year").rename(columns={"hours": "year_hours"})
    return table if facts.spend is not None else table.drop(columns="cost_gbp")


def _over(facts: MarketFacts, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    table = facts.over
    hidden = [
        provider in gone.providers or (locality, provider) in gone.cells["locality"]
        for provider, locality in zip(table["provider_id"], table["locality"], strict=True)
    ]
    return _shown(table, hidden, settings, hours=("hours", "limit_hours", "over_hours"),
                  keep=("limit", "provider_id", "locality")).set_index("limit")


def _account(table: pd.DataFrame, gone: Withheld, settings: PublishBrief) -> pd.DataFrame:
    full = pd.concat([table, table.sum().to_frame("in the file").T]).rename_axis("what")
    if not settings.disclosure_control:
        return full.astype(object)
    # What counts, with a provider or without, is a sum that the other tables show.
    kind = ["counted" if what.startswith("with") else what for what in table.index]
    done = control_counts(
        table.assign(kind=kind).astype({"packages": "int64"}), columns=["packages"], groups=["kind"],
        threshold=settings.threshold, rounding=1,
        withhold={"rows": ["with no provider"] if NO_PROVIDER in gone.providers else [],
                  "kind": ["counted"] if gone.everything else []})  # fmt: skip
    hidden = [*done.suppressed["packages"], bool(_hidden(done.totals["all"]))]
    return _shown(full, hidden, settings, counts=("packages",))
