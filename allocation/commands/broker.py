"""``allocation broker``: place packages, hand them back, see where things stand, explain, plan blocks."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
from collections.abc import Callable, Iterator, Sequence
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
from lotting.errors import InputError, Problem, StoppedError, some
from lotting.files import write_text

from .broker_text import REVIEW, blocks_text, explained, placed_text, status_text
from .shared import Written, check_folder, plain, records, wrapped, write_together

__all__ = ["run_blocks", "run_explain", "run_hand_back", "run_place", "run_status"]

REGISTER = "broker.sqlite"
PLACED, UNPLACED, RANKING = "broker-placed.csv", "broker-unplaced.csv", "broker-ranking.csv"
HARD = "broker-hard-to-source.csv"
SUMMARY, MAP = "broker.json", "broker-map.html"


def _place(folder: Path) -> Path:
    return (folder if folder.is_dir() else folder.parent) / "private"


def _inputs(folder: Path) -> list[Path]:
    brief, path = load_broker(folder)
    return [path, *brief.files()]


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
    # What a trial finds does not take the place of what was decided.
    files = {n: n.replace("broker", "broker-trial") if dry_run else n
             for n in (PLACED, UNPLACED, RANKING, HARD, SUMMARY, MAP)}  # fmt: skip
    draw = _map_of(office)
    check_folder(place, [*_inputs(folder), packages], list(files.values()))
    if not quiet and whole:
        stderr().print(f"[dim]Sharing out {len(wanted):,} packages: up to {seconds:g} s[/]")
    path = register or _place(folder) / REGISTER
    if dry_run and not path.exists():
        found, notes = _go(office, None, wanted, on, decided_by, whole, seconds, gap_pct, seed), []
    else:
        with Register(path) as book:
            notes = _of_the_register(office, book, on)
            found = _go(office, book, wanted, on, decided_by, whole, seconds, gap_pct, seed, dry=dry_run)
    notes = [*office.notes, *notes]
    data = _placed_data(found, office, on, whole=whole, dry_run=dry_run) | {"notes": notes}
    rankings = {o.package.package_id: o.ranking for o in found.outcomes}
    hard = hard_to_source(found.outcomes)
    title = f"Hard to source, {on.day} {on:%B %Y}"
    writers: dict[str, Callable[[Path], None]] = {
        PLACED: functools.partial(write_csv, table=placed_table(found.outcomes)),
        UNPLACED: functools.partial(write_csv, table=unplaced_table(found.outcomes)),
        RANKING: functools.partial(write_csv, table=ranking_table(rankings)),
        HARD: functools.partial(write_csv, table=hard.round(2).reset_index()),
        SUMMARY: lambda file: write_text(file, json.dumps(data, indent=1, ensure_ascii=False) + "\n"),
    }
    if draw is not None:
        writers[MAP] = functools.partial(
            draw, asked=unplaced_by(found.outcomes, "lot"), title=title,
            subtitle=f"{len(found.outcomes):,} packages to place")
    with _decided(found, written=not dry_run):
        written = write_together(place, {files[name]: write for name, write in writers.items()})
    return Written(placed_text(found, hard, notes, dry_run=dry_run), data, written)


@contextlib.contextmanager
def _decided(found: Placed, *, written: bool) -> Iterator[None]:
    """Say of an error while the lists are written that the decisions stand."""
    numbers = sum(o.decision > 0 and o.kind != "before" for o in found.outcomes) if written else 0
    stand = f"{numbers:,} decision{'s are' if numbers != 1 else ' is'} in the register all the same"
    again = "Give the same list again for the lists: nothing is placed twice."
    try:
        yield
    except InputError as error:
        if not numbers:
            raise
        raise InputError([*error.problems, Problem(message=stand, fix=again)]) from error
    except KeyboardInterrupt:
        if not numbers:
            raise
        raise StoppedError(f"Stopped: {stand}, but no list was written. {again}") from None


def _of_the_register(office: Office, register: Register, on: dt.date) -> list[str]:
    """Say what makes a register look like that of another desk."""
    notes = []
    strangers = Broker(office, register, on=on).ledger.strangers
    if strangers:
        notes.append(
            f"The register has decisions for {len(strangers)} provider{'s' if len(strangers) > 1 else ''} "
            f"that the table of providers does not have: {some(sorted(strangers))}. Their hours do not "
            "count. Is it this desk's register?")
    rule = register.last_settings().get("brief", {}).get("order", {}).get("rule")
    if rule is not None and rule != office.brief.order.rule:
        notes.append(f"The register's last decision was made by the rule {rule}; the rule is now "
                     f"{office.brief.order.rule}.")
    return notes


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
    names = [REVIEW, "broker-providers.csv"]
    check_folder(place, _inputs(folder), names)
    path = register or _place(folder) / REGISTER
    checked, notes = 0, []
    if path.is_file():
        with Register(path) as book:
            checked = book.verify()
            notes = _of_the_register(office, book, on)
            broker = Broker(office, book, on=on)
    else:
        broker = Broker(office, None, on=on)
    capacity = capacity_table(office, broker.ledger)
    minima = minima_table(office, broker.ledger)
    review = review_table(office, broker.ledger, on)
    files = write_together(place, {
        REVIEW: functools.partial(write_csv, table=review.round(2)),
        "broker-providers.csv": functools.partial(write_csv, table=capacity.round(2).reset_index()),
    })  # fmt: skip
    data: dict[str, Any] = plain({
        "day": on, "decisions": checked, "providers": records(capacity), "minima": minima.to_dict("records"),
        "review": review.to_dict("records"), "notes": notes})
    text = status_text(capacity, minima, review, office.brief.review, checked=checked, notes=notes)
    return Written(text, data, files)


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
    told = [explained(d, rules[d["settings"]].get("brief", {}).get("order", {})) for d in found]
    data: dict[str, Any] = {"package_id": package, "decisions": found, "rules": rules}
    return Written("\n\n".join([*told, wrapped(PRIVATE)]), data)


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
    totals = plan.areas[["spot_hours", "block_hours", "saving_gbp", "saving_low_gbp"]].sum()
    data: dict[str, Any] = plain({
        "keep_spot_pct": keep, **totals.to_dict(), "blocks": plan.blocks.to_dict("records"),
        "areas": records(plan.areas), "providers": records(plan.providers)})
    return Written(blocks_text(plan, keep), data, files)
