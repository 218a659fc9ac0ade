"""What the broker's commands say, in words and tables of 80 columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from allocation.brokerage.brief import ReviewBrief
from allocation.brokerage.broker import Placed
from allocation.report.inside import PRIVATE
from lotting.errors import some

from .shared import Column, table_text, wrapped

if TYPE_CHECKING:
    from allocation.brokerage.blocks import BlockPlan

__all__ = ["REVIEW", "blocks_text", "explained", "placed_text", "status_text"]

#: The file that lists packages to review.
REVIEW = "broker-review.csv"
_GAINS = (Column("one", "One by one"), Column("list", "Whole list"), Column("gain", "Gain", signed=True))
_GAIN_NAMES = {
    "packages": "Packages placed", "hours": "Hours a week placed",
    "order_points": "How high in the order, of 100", "first_choice": "Packages with their first choice",
    "weekly_cost_gbp": "Cost a week, £", "rate_gbp": "Cost an hour, £", "added_km": "Added travel, km",
}  # fmt: skip
_GAIN_DECIMALS = {"hours": 2, "order_points": 1, "rate_gbp": 2, "added_km": 1}
_HARD = (
    Column("packages", "Packages"), Column("hours", "Hours", "a week", 1),
    Column("unplaced_packages", "Unplaced", "packages"),
    Column("unplaced_hours", "Unplaced", "h/week", 1), Column("unplaced_pct", "Unplaced", "% of h"),
)  # fmt: skip
_CAPACITY = (Column("hours", "Hours", "a week", 1), Column("share_pct", "Share", "%", 1),
             Column("left_hours", "Can take", "h/week", 1),
             Column("handed_back", "Handed", "back"))  # fmt: skip
_MINIMA = (Column("guaranteed_hours", "Minimum", "h/week", 1), Column("hours", "Has", "h/week", 1),
           Column("short_hours", "Short", "h/week", 1))  # fmt: skip
_RANKED = (Column("score", "Points", "", 2), Column("rate_gbp", "Rate", "£/h", 2),
           Column("added_km", "Added", "km", 1), Column("hours_left", "Left", "h/week", 1))  # fmt: skip
_REVIEW = (Column("agreed_hours", "Agreed", "h/week", 2), Column("hours", "Now", "h/week", 2),
           Column("growth_hours", "Growth", "h/week", 2, signed=True),
           Column("weeks", "Since", "weeks"))  # fmt: skip
_MOST_SHOWN = 10
_BLOCK_AREAS = (Column("spot_hours", "Spot", "h/week"), Column("block_hours", "Blocks", "h/week"),
                Column("spot_left_pct", "Spot left", "%"), Column("empty_hours", "Empty", "h/week", 1),
                Column("saving_gbp", "Saving", "£/week"),
                Column("saving_low_gbp", "Worst", "of ten"))  # fmt: skip


def placed_text(found: Placed, hard: pd.DataFrame, notes: Sequence[str], *, dry_run: bool) -> str:
    """Return what ``broker place`` and ``broker batch`` print.

    Parameters
    ----------
    found
        The list gone through.
    hard
        As :func:`allocation.brokerage.review.hard_to_source` gives it.
    notes
        What else readers have to know.
    dry_run
        Whether it was a trial.
    """
    asked, placed, unplaced = found.hours()
    counts = Counter(o.kind for o in found.outcomes)
    blocks = []
    if found.shared is not None:
        answer = found.shared.assigned
        more = f"more than {answer.gap_pct:.2f}" if answer.gap_pct >= 0.005 else "even 0.01"
        blocks += [_gains_text(found.shared.gains), wrapped(
            "No other way to share the list out is worth more." if answer.optimal else
            f"No other way to share the list out is worth {more} % more.")]
    else:
        lines = []
        for o in found.outcomes[:20]:
            got = {"unplaced": f"nobody: {o.reason}", "changed": o.reason}.get(
                o.kind, f"{o.provider_id} ({o.step or o.reason})")
            lines.append(f"{o.package.package_id}, {o.package.hours:g} h: {got}")
        if len(found.outcomes) > 20:
            lines.append(f"and {len(found.outcomes) - 20:,} more")
        blocks.append(wrapped(*lines))
    if len(hard):
        blocks.append(table_text(hard.head(15), _HARD, first="Hard to source"))
    said = [(f"{len(found.outcomes):,} packages, {asked:,.2f} hours a week = {placed:,.2f} placed + "
             f"{unplaced:,.2f} not placed.")]
    said.append(f"{counts['placed']:,} placed now, {counts['before']:,} before, {counts['unplaced']:,} not.")
    if counts["changed"]:
        said.append(f"{counts['changed']:,} not placed anew: somebody has them, with other hours a week.")
    if found.replaced:
        said.append(f"{found.replaced:,} were placed one by one: somebody else took hours in the meantime.")
    if dry_run:
        said.append("A trial: nothing was written in the register.")
    blocks.append(wrapped(*said, *notes, PRIVATE))
    return "\n\n".join(blocks)


def _gains_text(gains: Mapping[str, tuple[float, float]]) -> str:
    """Write what the whole list gains: each figure has its own decimals, and the gain is of what is shown."""
    rows = {}
    for name, title in _GAIN_NAMES.items():
        decimals = _GAIN_DECIMALS.get(name, 0)
        one, whole = (round(value, decimals) for value in gains[name])
        rows[title] = [
            "–" if math.isnan(value) else f"{value:{sign},.{decimals}f}".replace("-", "−")
            for value, sign in ((one, ""), (whole, ""), (whole - one, "+"))]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["one", "list", "gain"])
    return table_text(table, _GAINS, first="What the list comes to")


def status_text(
    capacity: pd.DataFrame, minima: pd.DataFrame, review: pd.DataFrame, limits: ReviewBrief, *, checked: int,
    notes: Sequence[str],
) -> str:  # fmt: skip
    """Return what ``broker status`` prints."""
    blocks = [table_text(capacity, _CAPACITY, first="Provider")]
    if len(minima):
        shown = minima.assign(name=minima["provider_id"] + ", " + minima["what"]).set_index("name")
        blocks.append(table_text(shown, _MINIMA, first="Guaranteed minimum"))
        short = int((minima["short_hours"] > 0).sum())
        blocks.append(wrapped(f"Guaranteed minima not met: {short} of {len(minima)}."))
    blocks += _review_text(review, limits)
    blocks.append(wrapped(f"{checked:,} decisions in the register, none changed since.", *notes, PRIVATE))
    return "\n\n".join(blocks)


def _review_text(review: pd.DataFrame, limits: ReviewBrief) -> list[str]:
    """List the packages that grew, and count those whose plans run long."""
    if review.empty:
        return [wrapped("No package asks for a review.")]
    grew = review[review["growth_hours"] > limits.growth_hours].set_index("package_id")
    late = review[review["weeks"] > limits.plan_weeks]
    over = int((late["weeks"] > limits.most_weeks).sum())
    blocks = []
    if len(grew):
        named = grew.set_axis([f"{p}, {who}" for p, who in zip(grew.index, grew["provider_id"], strict=True)])
        more = len(grew) - _MOST_SHOWN
        blocks.append(table_text(named.head(_MOST_SHOWN), _REVIEW, first="Grew past the limit") + (
            f"\n({more:,} more in {REVIEW})" if more > 0 else ""))
    blocks.append(wrapped(
        f"{len(review):,} to review: {len(grew):,} grew by more than {limits.growth_hours:g} h a week; "
        f"{len(late):,} past the plan of {limits.plan_weeks} weeks, {over:,} of them past the "
        f"{limits.most_weeks} weeks that none may exceed."))
    return blocks


def explained(d: Mapping[str, Any], order: Mapping[str, Any]) -> str:
    """Return what ``broker explain`` prints of one decision.

    Parameters
    ----------
    d
        As :meth:`allocation.brokerage.register.Register.decisions` gives it.
    order
        ``[order]`` of the brief it was made under; empty where not known.
    """
    rule = str(order.get("rule", "not known"))
    if order.get("fair_price_gbp") is not None:
        rule += f" (fair price £{order['fair_price_gbp']:.2f})"
    who = f" by {d['decided_by']}" if d["decided_by"] else ""
    head = f"Decision {d['id']}, {d['day']}{who}, rule {rule}: "
    if d["kind"] == "placed":
        rate = "" if d["rate_gbp"] is None else f" at £{d['rate_gbp']:.2f}"
        contract = f", contract {d['pool'].partition(':')[2]}" if d["pool"] else ""
        head += f"{d['hours']:g} hours a week placed with {d['provider_id']} ({d['route']}{contract}){rate}."
    elif d["kind"] == "unplaced":
        head += f"{d['hours']:g} hours a week not placed."
    else:
        what = "ended with" if d["kind"] == "ended" else "handed back by"
        head += f"{what} {d['provider_id']}, {d['hours']:g} hours a week free again."
    parts = [wrapped(head, f"Why: {d['reason']}." if d["reason"] else "")]
    ranked = [r for r in d["ranking"] if r["rank"] is not None]
    if ranked:
        table = pd.DataFrame(
            ranked, index=[f"{r['rank']}. {r['provider_id']}, {r['step']}" for r in ranked])
        points = [c for c in table.columns if c.endswith("_points")]
        if len(points) < 2:
            points = []  # they are the score
        of = [Column(c, c.removesuffix("_points").title(), "points", 1) for c in points]
        columns = [_RANKED[0], *of, *_RANKED[1:]]
        parts.append(table_text(table, columns, first="In the council's order", label=44))
    others = [r for r in d["ranking"] if r["rank"] is None]
    if others:
        whys: dict[str, set[str]] = {}
        for row in others:
            whys.setdefault("; ".join(row["why_not"]), set()).add(row["provider_id"])
        parts.append(wrapped("Not asked:", *(
            f"- {why}: {some(sorted(ids), 12)}" for why, ids in sorted(whys.items()))))
    return "\n\n".join(parts)


def blocks_text(plan: BlockPlan, keep_pct: float) -> str:
    """Return what ``broker blocks`` prints."""
    saving, low = (float(plan.areas[c].sum()) for c in ("saving_gbp", "saving_low_gbp"))
    hours, block = (float(plan.areas[c].sum()) for c in ("spot_hours", "block_hours"))
    held, number = plan.blocks["provider_id"].nunique(), len(plan.blocks)
    with_whom = (f"{number} block{'s' if number != 1 else ''} with {held} "
                 f"provider{'s' if held != 1 else ''}")  # fmt: skip
    shown = plan.areas[plan.areas["block_hours"] > 0]
    lines = [
        (f"Of {hours:,.0f} spot hours a week, {block:,.0f} would become {with_whom}; at least {keep_pct:g} % "
         "of each area stays spot."),
        (f"Expected saving on today's rates: £{saving:,.0f} a week (£{saving * 52:,.0f} in 52 weeks), after "
         f"hours that are paid for and stay empty; £{low:,.0f} in the worst week of ten, were it that in "
         "every area at once.").replace("£-", "−£"),
    ]  # fmt: skip
    why = plan.providers[plan.providers["why"] != ""].groupby("why").size().sort_values(ascending=False)
    lines += [f"No block: {n} provider{'s' if n > 1 else ''}, {w}." for w, n in why.items()]
    tables = [table_text(shown, _BLOCK_AREAS, first="Area")] if len(shown) else []
    return "\n\n".join([*tables, wrapped(*lines)])
