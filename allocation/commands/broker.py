"""``allocation broker``: place packages, hand them back, see where things stand, explain, plan blocks."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.brokerage.brief import FileBrief, load_broker
from allocation.brokerage.broker import Broker, Placed
from allocation.brokerage.eligible import Package, packages_of
from allocation.brokerage.office import Office, load_office
from allocation.brokerage.packages import read_packages
from allocation.brokerage.register import Register
from allocation.brokerage.review import (
    capacity_table,
    hard_to_source,
    minima_table,
    review_table,
    unplaced_by,
)
from allocation.brokerage.tables import placed_table, ranking_table, unplaced_table
from allocation.report.inside import PRIVATE, write_csv
from lotting.console import stderr
from lotting.errors import InputError, Problem, some
from lotting.files import write_text

from .shared import Column, Written, check_folder, plain, records, table_text, wrapped, write_together

__all__ = ["run_blocks", "run_explain", "run_hand_back", "run_place", "run_status"]

REGISTER = "broker.sqlite"
PLACED, UNPLACED, RANKING = "broker-placed.csv", "broker-unplaced.csv", "broker-ranking.csv"
HARD = "broker-hard-to-source.csv"
SUMMARY, MAP = "broker.json", "broker-map.html"

_GAINS = (Column("one", "One by one", "", 1), Column("list", "Whole list", "", 1),
          Column("gain", "Gain", "", 1, signed=True))  # fmt: skip
_GAIN_NAMES = {
    "packages": "Packages placed", "hours": "Hours a week placed", "first_choice": "With their first choice",
    "order_points": "In the order, of 100", "weekly_cost_gbp": "Cost a week, £", "added_km": "Added km, sum",
}  # fmt: skip
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
_BLOCK_AREAS = (Column("spot_hours", "Spot", "h/week"), Column("block_hours", "Blocks", "h/week"),
                Column("spot_left_pct", "Spot left", "%"), Column("empty_hours", "Empty", "h/week", 1),
                Column("saving_gbp", "Saving", "£/week"),
                Column("saving_low_gbp", "1 in 10", "£/week"))  # fmt: skip


def _place(folder: Path) -> Path:
    return (folder if folder.is_dir() else folder.parent) / "private"


def _inputs(folder: Path) -> list[Path]:
    brief, path = load_broker(folder)
    files = [t.file for t in (brief.providers, brief.today, brief.awards, brief.reserves, brief.contracts,
                              brief.blocked) if t is not None]
    return [path, *files]


def run_place(
    folder: Path, packages: Path, *, whole: bool, only: Sequence[str] | None, day: dt.date | None,
    decided_by: str, register: Path | None, dry_run: bool, seconds: float, gap_pct: float, seed: int,
    out: Path | None, quiet: bool,
) -> Written:  # fmt: skip
    """Place a list, one by one or whole."""
    on = day or _today()
    office = load_office(folder)
    wanted = _listed(office, packages, only)
    place = out or _place(folder)
    names = [PLACED, UNPLACED, RANKING, HARD, SUMMARY, MAP]
    draw = _map_of(office)
    check_folder(place, [*_inputs(folder), packages], names)
    if not quiet and whole:
        stderr().print(f"[dim]Sharing out {len(wanted):,} packages: up to {seconds:g} s[/]")
    path = register or _place(folder) / REGISTER
    if dry_run and not path.exists():
        found = _go(office, None, wanted, on, decided_by, whole, seconds, gap_pct, seed)
    else:
        with Register(path) as book:
            found = _go(office, book, wanted, on, decided_by, whole, seconds, gap_pct, seed, dry=dry_run)
    data = _placed_data(found, office, on, whole=whole, dry_run=dry_run)
    rankings = {o.package.package_id: o.ranking for o in found.outcomes}
    hard = hard_to_source(found.outcomes)
    title = f"Hard to source, {on.day} {on:%B %Y}"
    drawn = {} if draw is None else {MAP: functools.partial(
        draw, asked=unplaced_by(found.outcomes, "lot"), title=title,
        subtitle=f"{len(found.outcomes):,} packages to place")}
    files = write_together(place, {
        PLACED: functools.partial(write_csv, table=placed_table(found.outcomes)),
        UNPLACED: functools.partial(write_csv, table=unplaced_table(found.outcomes)),
        RANKING: functools.partial(write_csv, table=ranking_table(rankings)),
        HARD: functools.partial(write_csv, table=hard.round(2).reset_index()),
        SUMMARY: lambda file: write_text(file, json.dumps(data, indent=1, ensure_ascii=False) + "\n"),
        **drawn,
    })  # fmt: skip
    return Written(_placed_text(found, hard, dry_run=dry_run), data, files)


def _map_of(office: Office) -> Callable[..., None] | None:
    """Return what draws the map, where the brief names a lotting project; its areas are read first."""
    places = office.places
    if places.brief.project is None:
        return None
    from allocation.report.broker_map import write_hard_map
    from lotting.areas import read_areas
    from lotting.brief import load_brief

    project = load_brief(places.brief.project)
    areas = read_areas(project.areas).areas
    return functools.partial(write_hard_map, areas=areas, lots=places.lots, source=project.publish.source)


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()


def _listed(office: Office, file: Path, only: Sequence[str] | None) -> list[Package]:
    if not file.is_file():
        raise InputError(Problem(message="there is no such file", file=str(file), fix="Check the path."))
    frame = read_packages(
        FileBrief(file=file), office.places, block="list", provider_ids=office.providers.index, running=False)
    if only:
        missing = [p for p in only if p not in set(frame["package_id"])]
        if missing:
            raise InputError(Problem(
                message=f"{len(missing)} of the packages asked for are not on the list", file=file.name,
                fix="Check --package."))
        frame = frame[frame["package_id"].isin(list(only))]
    return packages_of(frame)


def _go(
    office: Office, register: Register | None, packages: list[Package], on: dt.date, decided_by: str,
    whole: bool, seconds: float, gap_pct: float, seed: int, *, dry: bool = False,  # noqa: FBT001
) -> Placed:  # fmt: skip
    broker = Broker(office, register, on=on, decided_by=decided_by)
    if dry:
        broker.register = None  # what was decided so far counts; nothing is added
    if whole:
        return broker.batch(packages, seconds=seconds, gap_pct=gap_pct, seed=seed)
    return broker.place(packages)


def _placed_data(found: Placed, office: Office, on: dt.date, *, whole: bool, dry_run: bool) -> dict[str, Any]:
    asked, placed, unplaced = found.hours()
    kinds = pd.Series([o.kind for o in found.outcomes], dtype="str").value_counts()
    data: dict[str, Any] = {
        "day": on, "rule": office.brief.order.rule, "whole_list": whole, "dry_run": dry_run,
        "packages": len(found.outcomes), "packages_placed": int(kinds.get("placed", 0)),
        "packages_placed_before": int(kinds.get("before", 0)),
        "packages_unplaced": int(kinds.get("unplaced", 0)), "hours_asked": asked, "hours_placed": placed,
        "hours_unplaced": unplaced,
        "hard_to_source": records(hard_to_source(found.outcomes)),
    }  # fmt: skip
    if found.shared is not None:
        answer = found.shared.assigned
        data["whole_list_gains"] = {
            name: {"one_by_one": one, "whole_list": shared}
            for name, (one, shared) in found.shared.gains.items()}
        data |= {"bound": answer.bound, "gap_pct": answer.gap_pct, "optimal": answer.optimal,
                 "seconds": answer.seconds, "placed_one_by_one_after_all": found.replaced}
    shown: dict[str, Any] = plain(data)
    return shown


def _placed_text(found: Placed, hard: pd.DataFrame, *, dry_run: bool) -> str:
    asked, placed, unplaced = found.hours()
    counts = {kind: sum(o.kind == kind for o in found.outcomes) for kind in ("placed", "before", "unplaced")}
    blocks = []
    if found.shared is not None:
        gains = pd.DataFrame(
            {_GAIN_NAMES[n]: {"one": a, "list": b, "gain": b - a}
             for n, (a, b) in found.shared.gains.items() if n in _GAIN_NAMES}).T
        answer = found.shared.assigned
        blocks += [table_text(gains, _GAINS, first="What the list comes to"), wrapped(
            "This is the best there is." if answer.optimal else
            f"The best there is may be worth up to {answer.gap_pct:.2f} % more.")]
    else:
        lines = []
        for o in found.outcomes[:20]:
            got = f"{o.provider_id} ({o.step or o.reason})" if o.kind != "unplaced" else f"nobody: {o.reason}"
            lines.append(f"{o.package.package_id}, {o.package.hours:g} h: {got}")
        if len(found.outcomes) > 20:
            lines.append(f"and {len(found.outcomes) - 20:,} more")
        blocks.append(wrapped(*lines))
    if len(hard):
        blocks.append(table_text(hard.head(15), _HARD, first="Hard to source"))
    said = [(f"{len(found.outcomes):,} packages, {asked:,.2f} hours a week = {placed:,.2f} placed + "
             f"{unplaced:,.2f} not placed.")]
    said.append(f"{counts['placed']:,} placed now, {counts['before']:,} before, {counts['unplaced']:,} not.")
    if found.replaced:
        said.append(f"{found.replaced:,} were placed one by one: somebody else took hours in the meantime.")
    if dry_run:
        said.append("A trial: nothing was written in the register.")
    blocks.append(wrapped(*said, PRIVATE))
    return "\n\n".join(blocks)


def run_hand_back(
    folder: Path, package: str, reason: str, *, ended: bool, day: dt.date | None, decided_by: str,
    register: Path | None,
) -> Written:  # fmt: skip
    """Record that a package is handed back, or has ended."""
    office = load_office(folder)
    with _existing(folder, register, office) as book:
        decision = Broker(office, book, on=day or _today(), decided_by=decided_by).hand_back(
            package, reason, ended=ended)
    what = "has ended with" if ended else "is handed back by"
    data: dict[str, Any] = plain({
        "package_id": package, "kind": decision.kind, "provider_id": decision.provider_id,
        "hours": decision.hours, "day": decision.day, "reason": reason})
    text = wrapped(f"{package} {what} {decision.provider_id}: {decision.hours:g} hours a week are free "
                   "again.", "" if ended else "Place it again with allocation broker place.", PRIVATE)
    return Written(text, data)


def _existing(folder: Path, register: Path | None, office: Office) -> Register:
    """Open the register; a new one only where today's packages give something to hand back."""
    path = register or _place(folder) / REGISTER
    if not path.is_file() and office.today.empty:
        raise InputError(Problem(
            message="there is no register", file=str(path),
            fix="Place something first, or name it with --register."))
    return Register(path)


def run_status(
    folder: Path, *, day: dt.date | None, register: Path | None, out: Path | None
) -> Written:
    """Show hours, minima, and what asks for a review."""
    on = day or _today()
    office = load_office(folder)
    place = out or _place(folder)
    names = ["broker-review.csv", "broker-providers.csv"]
    check_folder(place, _inputs(folder), names)
    path = register or _place(folder) / REGISTER
    checked = 0
    if path.is_file():
        with Register(path) as book:
            checked = book.verify()
            broker = Broker(office, book, on=on)
    else:
        broker = Broker(office, None, on=on)
    capacity = capacity_table(office, broker.ledger)
    minima = minima_table(office, broker.ledger)
    review = review_table(office, broker.ledger, on)
    files = write_together(place, {
        "broker-review.csv": functools.partial(write_csv, table=review.round(2)),
        "broker-providers.csv": functools.partial(write_csv, table=capacity.round(2).reset_index()),
    })  # fmt: skip
    data: dict[str, Any] = plain({
        "day": on, "decisions": checked, "providers": records(capacity), "minima": minima.to_dict("records"),
        "review": review.to_dict("records")})
    blocks = [table_text(capacity, _CAPACITY, first="Provider")]
    if len(minima):
        shown = minima.assign(name=minima["provider_id"] + ", " + minima["what"]).set_index("name")
        blocks.append(table_text(shown, _MINIMA, first="Guaranteed minimum"))
        short = int((minima["short_hours"] > 0).sum())
        blocks.append(wrapped(f"{short} of {len(minima)} guaranteed minima are not met."))
    if len(review):
        said = [f"{n:,} {why}" for why, n in review["why"].value_counts().items()]
        ask = "package asks" if len(review) == 1 else "packages ask"
        blocks.append(wrapped(f"{len(review):,} {ask} for a review: {'; '.join(said)}."))
    else:
        blocks.append(wrapped("No package asks for a review."))
    blocks.append(wrapped(f"{checked:,} decisions in the register, none changed since.", PRIVATE))
    return Written("\n\n".join(blocks), data, files)


def run_explain(folder: Path, package: str, *, register: Path | None) -> Written:
    """Tell what was decided of a package, when, by which rules, and among whom."""
    path = register or _place(folder) / REGISTER
    if not path.is_file():
        raise InputError(Problem(message="there is no register", file=str(path),
                                 fix="Name it with --register."))
    with Register(path) as book:
        found = book.decisions(package)
        rules = {d["settings"]: book.settings(d["settings"]) for d in found}
    if not found:
        raise InputError(Problem(message="nothing was decided of a package of this id", file=path.name,
                                 fix="Check the id."))
    blocks = []
    for d in found:
        order = rules[d["settings"]].get("brief", {}).get("order", {})
        blocks.append(_explained(d, str(order.get("rule", "not known"))))
    blocks.append(wrapped(PRIVATE))
    data: dict[str, Any] = {"package_id": package, "decisions": found, "rules": rules}
    return Written("\n\n".join(blocks), data)


def _explained(d: dict[str, Any], rule: str) -> str:
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
        parts.append(table_text(table, _RANKED, first="In the council's order"))
    others = [r for r in d["ranking"] if r["rank"] is None]
    if others:
        whys: dict[str, set[str]] = {}
        for row in others:
            whys.setdefault("; ".join(row["why_not"]), set()).add(row["provider_id"])
        parts.append(wrapped("Not asked:", *(
            f"- {why}: {some(sorted(ids), 12)}" for why, ids in sorted(whys.items()))))
    return "\n\n".join(parts)


def run_blocks(
    folder: Path, *, keep_spot_pct: float | None, seconds: float, out: Path | None
) -> Written:
    """Plan which spot packages would become blocks."""
    from allocation.brokerage.blocks import plan_blocks

    office = load_office(folder)
    if office.today.empty:
        raise InputError(Problem(message="there are no packages of today", file="broker.toml", column="today",
                                 fix="Name the file of packages that run in [today]."))
    place = out or _place(folder)
    names = ["blocks.csv", "blocks-areas.csv", "blocks-providers.csv"]
    check_folder(place, _inputs(folder), names)
    plan = plan_blocks(office, keep_spot_pct=keep_spot_pct, seconds=seconds)
    tables = (plan.blocks, plan.areas.reset_index(), plan.providers.reset_index())
    files = write_together(place, {
        name: functools.partial(write_csv, table=table.round(2))
        for name, table in zip(names, tables, strict=True)})
    keep = office.brief.blocks.keep_spot_pct if keep_spot_pct is None else keep_spot_pct
    saving, low = (float(plan.areas[c].sum()) for c in ("saving_gbp", "saving_low_gbp"))
    hours, block = (float(plan.areas[c].sum()) for c in ("spot_hours", "block_hours"))
    shown = plan.areas[plan.areas["block_hours"] > 0]
    lines = [
        (f"Of {hours:,.0f} spot hours a week, {block:,.0f} would become {len(plan.blocks)} blocks with "
        f"{plan.blocks['provider_id'].nunique()} providers; at least {keep:g} % of each area stays spot."),
        (f"Expected saving £{saving:,.0f} a week (£{saving * 52:,.0f} in 52 weeks), after hours that are "
         f"paid for and stay empty; £{low:,.0f} if every area's demand were as low as in one week of ten."
         ).replace("£-", "−£"),
    ]  # fmt: skip
    why = plan.providers[plan.providers["why"] != ""].groupby("why").size()
    lines += [f"No block: {n} provider{'s' if n > 1 else ''}, {w}." for w, n in why.items()]
    data: dict[str, Any] = plain({
        "keep_spot_pct": keep, "spot_hours": hours, "block_hours": block, "saving_gbp": saving,
        "saving_low_gbp": low, "blocks": plan.blocks.to_dict("records"), "areas": records(plan.areas),
        "providers": records(plan.providers)})
    text = "\n\n".join([
        *([table_text(shown, _BLOCK_AREAS, first="Area")] if len(shown) else []), wrapped(*lines)])
    return Written(text, data, files)
