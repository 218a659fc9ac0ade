"""``allocation rounds``: a day's rounds of every lot, and the private files about them."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.progress import progress_bar
from allocation.report.inside import PRIVATE, write_csv
from allocation.report.private import rounds_table, shifts_table, unserved_table
from allocation.report.rounds_map import write_rounds_map
from allocation.travel.county import CountyDay, lots_of_workers
from allocation.travel.figures import day_figures
from allocation.travel.many import Planned, plan_lots
from lotting.console import stderr
from lotting.errors import InputError, Problem, some
from lotting.files import write_text
from lotting.postcodes import normalise, read_postcodes
from lotting.tables import read_table

from .county import read_county
from .shared import (
    Column,
    Written,
    check_folder,
    plain,
    records,
    table_text,
    wrapped,
    write_together,
)

__all__ = ["chosen_lots", "postcodes_in", "postcodes_of", "run"]

FILES = ("rounds.csv", "shifts.csv", "unserved.csv", "rounds.html", "rounds.json")
_COLUMNS = (
    Column("workers", "Workers"),
    Column("contact_hours", "Contact", "h"),
    Column("travel_minutes_per_contact_hour", "Travel", "min/h", 1),
    Column("km", "Travel", "km"),
    Column("wait_hours", "Waiting", "h"),
    Column("unserved_hours", "Unserved", "h", 1),
)


def run(
    folder: Path, plan: Path | None, *, workers: Path | None, day: dt.date | None, lots: list[str] | None,
    service: str | None, effort: float, seconds: float | None, seed: int, processes: int,
    out: Path | None, quiet: bool,
) -> Written:  # fmt: skip
    """Plan the rounds and write them."""
    county = read_county(folder, plan, service=service, day=day, quiet=quiet)
    place = out or county.project.path.parent / "private"
    names = chosen_lots(county, lots)
    check_folder(place, [*county.project.inputs, *([workers] if workers else [])], FILES)
    parts = {lot: part for lot, part in county.by_lot().items() if lot in names}
    shifts = None
    if workers is not None:
        shifts = lots_of_workers(workers, names, postcodes_of(county, postcodes_in(workers)))
    with progress_bar(quiet=quiet) as report:
        planned = plan_lots(
            parts, county.travel, shifts=shifts, seed=seed, effort=effort, time_limit_s=seconds,
            processes=processes, report=report,
        )  # fmt: skip
    lost = county.off_the_map() if lots is None else county.day.iloc[:0]
    figures = day_figures(planned, county.date)
    summary = _summary(county, planned, figures, lost, seed=seed, effort=effort, made_up=workers is None)
    title = f"Rounds of {county.date:%A} {county.date.day} {county.date:%B %Y}"
    subtitle = f"{county.project.brief.publish.title}; {len(rounds_table(planned)):,} visits"
    files = write_together(place, {
        "rounds.csv": functools.partial(write_csv, table=rounds_table(planned)),
        "shifts.csv": functools.partial(write_csv, table=shifts_table(planned)),
        "unserved.csv": functools.partial(write_csv, table=unserved_table(planned, lost)),
        "rounds.html": functools.partial(
            write_rounds_map, planned=planned, areas=county.project.areas, plan=county.plan, title=title,
            subtitle=subtitle,
        ),
        "rounds.json": lambda path: write_text(path, _json(summary)),
    })  # fmt: skip
    if planned.stopped:
        stderr().print("[yellow]Stopped:[/] the rounds are the best found so far.")
    return Written(_text(county, figures, summary), summary, files)


def _json(data: dict[str, Any]) -> str:
    import json

    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def chosen_lots(county: CountyDay, lots: list[str] | None) -> list[str]:
    """Return the lots asked for, in the plan's order.

    Raises
    ------
    InputError
        One is none of the plan's.
    """
    names = county.plan.lot_names
    unknown = [lot for lot in lots or [] if lot not in names]
    if unknown:
        raise InputError(Problem(
            message=f"the plan has no such lot: {some(unknown)}",
            fix=f"The lots are {some(names, 40)}.",
        ))  # fmt: skip
    return [lot for lot in names if lots is None or lot in lots]


def postcodes_of(county: CountyDay, wanted: set[str]) -> pd.DataFrame | None:
    """Find postcodes in the directory of the brief; None where it names none."""
    file = county.project.brief.demand.postcodes
    if file is None or not wanted:
        return None
    return read_postcodes(file, wanted, area_codes=county.project.areas.index).frame


def postcodes_in(file: Path) -> set[str]:
    """Return the postcodes of a table, as a directory has them."""
    table = read_table(file)
    named = [c for c in table.columns if "postcode" in str(c).casefold().replace(" ", "")]
    return {code for c in named for code in normalise(table[c].astype("str"))} - {""}


def _summary(
    county: CountyDay, planned: Planned, figures: pd.DataFrame, lost: pd.DataFrame, *, seed: int,
    effort: float, made_up: bool,
) -> dict[str, Any]:  # fmt: skip
    asked, served, unserved = planned.hours()
    off = float((lost["duration_minutes"] * lost["carers"]).sum()) / 60
    reasons = pd.concat([r.unserved for r in planned.rounds.values()])
    table = _per_hour(figures)
    found: dict[str, Any] = plain({
        "day": county.date, "service": county.service, "seed": seed, "effort": effort,
        "repeatable": all(r.solution.repeatable for r in planned.rounds.values()),
        "stopped": planned.stopped, "workers_made_up": made_up,
        "hours_asked": asked + off, "hours_served": served, "hours_unserved": unserved + off,
        "visits_asked": sum(len(v) for v in planned.visits.values()) + len(lost),
        "visits_unserved": len(reasons) + len(lost),
        "unserved_by_reason": {
            str(reason): float(minutes) / 60
            for reason, minutes in reasons.groupby("reason")["contact_minutes"].sum().items()
        } | ({"it is in no lot of the plan": off} if off else {}),
        "travel": county.travel.settings(), "lots": records(table),
        "assumed": [*county.visits.assumed, *_assumed(made_up=made_up)],
    })  # fmt: skip
    return found


def _assumed(*, made_up: bool) -> list[str]:
    said = ["A shift of more than 6 hours has an unpaid break of 20 minutes."]
    if made_up:
        said.append(
            "Shifts are made up: early (06:30 to 14:30), late (14:30 to 23:00), and one in five at both ends "
            "of the day, begun and ended at their first and last visit; a visit of more than 4 hours is a "
            "shift of its own."
        )
    return said


def _per_hour(figures: pd.DataFrame) -> pd.DataFrame:
    table = figures.copy()
    table.loc["All lots"] = table.sum(numeric_only=True)
    table["travel_minutes_per_contact_hour"] = 60 * table["travel_hours"] / table["contact_hours"].where(
        table["contact_hours"] > 0)
    return table.drop(columns=["not_contact_pct", "break_even_gbp"])


def _text(county: CountyDay, figures: pd.DataFrame, summary: dict[str, Any]) -> str:
    lines = [
        f"{county.date:%A} {county.date.day} {county.date:%B %Y}", "",
        table_text(_per_hour(figures), _COLUMNS, first="Lot"), "",
        (f"{summary['hours_asked']:,.1f} contact hours asked for = {summary['hours_served']:,.1f} served + "
         f"{summary['hours_unserved']:,.1f} not served."),
    ]  # fmt: skip
    for reason, hours in sorted(summary["unserved_by_reason"].items(), key=lambda item: -item[1]):
        lines.append(wrapped(f"- {hours:,.1f} h: {reason}"))
    if not summary["repeatable"]:
        lines.append(wrapped("Cut short: the same seed may give other rounds."))
    lines += [wrapped(*summary["assumed"]), "", PRIVATE]
    return "\n".join(lines)
