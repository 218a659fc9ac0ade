"""``allocation burden``: what one lot would mean for a provider, on one page."""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
from pathlib import Path
from typing import Any

from allocation.progress import progress_bar
from allocation.report.provider_page import Block, write_provider_page
from allocation.travel.county import CountyDay, lots_of_workers
from allocation.travel.provider import ProviderView, find_base, view_lot
from lotting.console import stderr, width
from lotting.errors import InputError, Problems
from lotting.files import write_text

from .county import read_county
from .rounds import chosen_lots, postcodes_in, postcodes_of
from .shared import Written, check_folder, plain, wrapped, write_together

__all__ = ["run"]


def run(
    folder: Path, plan: Path | None, *, lot: str, base: str | None, workers: Path | None, provider: str,
    service: str | None, day: dt.date | None, effort: float, seed: int, out: Path | None, quiet: bool,
) -> Written:  # fmt: skip
    """Plan the lot from the base, and write the page."""
    county = read_county(folder, plan, service=service, day=day, quiet=quiet)
    place = out or county.project.path.parent / "private"
    names = [f"burden-{_slug(lot)}.html", f"burden-{_slug(lot)}.json"]
    problems = Problems()
    at = shifts = None
    try:
        chosen_lots(county, [lot])
    except InputError as error:
        problems.items += error.problems
    try:
        at = None if base is None else find_base(county.project, base)
    except InputError as error:
        problems.items += error.problems
    try:
        if workers is not None:
            shifts = lots_of_workers(workers, [lot], postcodes_of(county, postcodes_in(workers)))[lot]
    except InputError as error:
        problems.items += error.problems
    problems.raise_if_any()
    check_folder(place, [*county.project.inputs, *([workers] if workers else [])], names)
    with progress_bar(quiet=quiet) as report:
        view = view_lot(county, lot, base=at, shifts=shifts, report=report, seed=seed, effort=effort)
    if view.stopped:
        stderr().print("[yellow]Stopped:[/] the rounds are the best found so far.")
    where = base or ("each worker's own place" if workers else "each round's first visit")
    notes = _notes(county, view, own=workers is not None, from_base=at is not None)
    headline, blocks = _content(view)
    data = _data(county, view, where, notes, seed=seed)
    heading = f"Lot {lot}" + (f" for {provider}" if provider else "")
    files = write_together(place, {
        names[0]: functools.partial(
            write_provider_page, title=heading,
            subtitle=f"{county.project.brief.publish.title}; from {where}", headline=headline,
            blocks=blocks, notes=notes, source=county.project.brief.publish.source,
        ),
        names[1]: lambda path: write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n"),
    })  # fmt: skip
    return Written(_text(heading, where, headline, blocks, notes), data, files)


def _slug(lot: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in lot).strip("-").lower() or "lot"


def _content(view: ProviderView) -> tuple[list[tuple[str, str]], list[Block]]:
    rounds, time, money = view.rounds, view.time, view.money
    contact = time.contact_minutes / 60
    used = rounds.shifts
    unserved = float(rounds.unserved["contact_minutes"].sum()) / 60
    headline = [
        ("contact hours a week", f"{view.week['contact_hours']:,.0f}"),
        ("visits a week, of each care worker", f"{view.week['visits']:,.0f}"),
        ("care workers needed on the day", f"{used['worker_id'].nunique():,}"),
        ("travel minutes per contact hour", _number(_each(time.travel_minutes, contact), 1)),
        ("cost of travel per contact hour", f"£{_number(money['travel_cost_gbp_per_contact_hour'], 2)}"),
        ("break-even contact rate", f"£{_number(money['break_even_gbp'], 2)}"),
    ]
    day = Block("The day, planned", ("", "hours", "per contact hour"), (
        ("Contact", _number(contact, 1), ""),
        ("Travel between visits", _number(rounds.travel_minutes_between / 60, 1),
         f"{_number(rounds.minutes_per_contact_hour, 1)} min"),
        ("Travel from and to base", _number((time.travel_minutes - rounds.travel_minutes_between) / 60, 1),
         f"{_number(_each(time.travel_minutes - rounds.travel_minutes_between, contact), 1)} min"),
        ("Waiting that counts as work", _number(time.wait_minutes / 60, 1),
         f"{_number(_each(time.wait_minutes, contact), 1)} min"),
        ("Km driven in working time", f"{time.km:,.0f} km", f"{_number(_each(time.km, contact), 1)} km"),
        ("Contact not served", _number(unserved, 1), ""),
    ))  # fmt: skip
    cost = Block("What it costs", ("", "£"), (
        (f"Minimum wage, an hour (adult); mileage £{money['mileage_gbp_per_mile']:.2f} a mile",
         f"{money['wage_gbp']:.2f}"),
        ("Travel time and mileage, a week", _number(money["travel_cost_gbp_per_week"], 0)),
        ("Contact rate at which the lot as a whole complies",
         _number(money["break_even_gbp"], 2)),
        ("Contact rate at which every worker of the day complies",
         _number(money["break_even_every_worker_gbp"], 2)),
    ))  # fmt: skip
    every = view.estimates
    mine = every.loc[view.lot]
    whole = 60 * every["travel_minutes"].sum() / 60 / every["contact_hours"].sum()
    km = every["km"].sum() / every["visits"].sum()
    rank = every["travel_minutes_per_contact_hour"].rank(method="min", ascending=False)
    other = Block(
        "Against the other lots (an estimate without base or workers)", ("", "this lot", "all lots"), (
            ("Travel minutes per contact hour", _number(mine["travel_minutes_per_contact_hour"], 1),
             _number(whole, 1)),
            ("Km per visit", _number(mine["km_per_visit"], 2), _number(km, 2)),
            ("Place, most travel first", f"{rank[view.lot]:.0f}", f"of {len(every)}"),
        ))  # fmt: skip
    return headline, [day, cost, other]


def _each(amount: float, hours: float) -> float:
    return amount / hours if hours else math.nan


def _number(value: Any, decimals: int) -> str:
    return f"{float(value):,.{decimals}f}" if math.isfinite(float(value)) else "–"


def _notes(county: CountyDay, view: ProviderView, *, own: bool, from_base: bool) -> list[str]:
    day = f"{county.date:%A} {county.date.day} {county.date:%B %Y}"
    notes = [f"Rounds were planned for {day}; a week is scaled by contact hours."]
    if from_base:
        notes.append("Ways from and to the base count as working time; those from and to home do not.")
    notes.append(
        "Your shifts, as given." if own else
        "Shifts are made up: early, late, and one in five at both ends of the day; a visit of more than 4 "
        "hours is a shift of its own.")
    notes.append(
        "Break-even: if travel, waiting and the car (at the approved mileage rate) are not paid besides. It "
        "holds no on-costs, overheads or profit, and is not legal advice.")
    notes += county.visits.assumed
    settings = county.project.brief.publish
    if int(view.week["packages"]) < settings.threshold and settings.disclosure_control:
        notes.append("So few people have care in this lot that the page must not be published.")
    return notes


def _data(
    county: CountyDay, view: ProviderView, where: str, notes: list[str], *, seed: int
) -> dict[str, Any]:
    every = view.estimates
    found: dict[str, Any] = plain({
        "lot": view.lot, "day": county.date, "base": where, "seed": seed, "stopped": view.stopped,
        "week": {k: float(v) for k, v in view.week.items()},
        "workers": int(view.rounds.shifts["worker_id"].nunique()),
        "contact_hours": view.time.contact_minutes / 60,
        "travel_minutes_per_contact_hour": _each(view.time.travel_minutes, view.time.contact_minutes / 60),
        "travel_minutes_between_per_contact_hour": view.rounds.minutes_per_contact_hour,
        "wait_hours": view.time.wait_minutes / 60, "km": view.time.km,
        "unserved_hours": float(view.rounds.unserved["contact_minutes"].sum()) / 60,
        **view.money,
        "estimated": {
            "this_lot": every.loc[view.lot, "travel_minutes_per_contact_hour"],
            "all_lots": every["travel_minutes"].sum() / every["contact_hours"].sum(),
        },
        "notes": notes,
    })  # fmt: skip
    return found


def _text(
    heading: str, where: str, headline: list[tuple[str, str]], blocks: list[Block], notes: list[str]
) -> str:
    wide = width()
    lines = [f"{heading}, from {where}", ""]
    lines += [f"{label:<{wide - 20}}{value:>20}" for label, value in headline]
    for block in blocks:
        cell = 18
        label = wide - cell * (len(block.heads) - 1)
        lines += ["", wrapped(block.title)]
        for row in (block.heads, *block.rows):
            if any(row):
                cells = "".join(f"{c:>{cell}}" for c in row[1:])
                lines.append(f"{row[0][: label - 1]:<{label}}{cells}".rstrip())
    return "\n".join([*lines, "", wrapped(*notes)])
