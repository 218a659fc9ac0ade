"""``allocation travel``: the travel of the lots beside today's zones, prices, and wider windows."""

from __future__ import annotations

import datetime as dt
import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.pay.rates import builtin_rates
from allocation.progress import progress_bar
from allocation.report.inside import write_csv
from allocation.report.travel_map import Layer, write_travel_map
from allocation.report.travel_tables import long_table, rounded, write_travel_workbook
from allocation.travel.compare import AFTER, BEFORE, Compared, compare_travel
from allocation.travel.county import CountyDay, service_of
from allocation.travel.figures import CO2E_SOURCE, KG_CO2E_PER_KM
from allocation.travel.prices import PAY_SHARE_PCT, PAY_SHARE_SOURCE, one_price, price_table, read_prices
from allocation.travel.publishing import NOTE
from allocation.travel.windows import parse_windows, windows_table
from lotting.console import stderr
from lotting.errors import InputError, Problem, Problems
from lotting.files import write_text
from lotting.visits.frame import visit_hours

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

__all__ = ["run"]

_COLUMNS = (
    Column("contact_hours", "Contact", "h/week"),
    Column("travel_minutes_per_contact_hour", "Travel", "min/h", 1),
    Column("km", "Travel", "km/week"),
    Column("km_per_visit", "a visit", "km", 2),
    Column("co2e_kg", "CO2e", "kg/week"),
    Column("break_even_gbp", "Breakeven", "£/h", 2),
)
_PRICES = (
    Column("hourly_price_gbp", "Price", "£/h", 2),
    Column("reaches_pay_gbp", "for pay", "£/h", 2),
    Column("break_even_gbp", "Breakeven", "£/h", 2),
    Column("margin_gbp", "Margin", "£/h", 2, signed=True),
    Column("price_needed_gbp", "would do", "£/h", 2),
    Column("said", ""),
)
_WINDOWS = (
    Column("workers", "Workers"),
    Column("travel_minutes_per_contact_hour", "Travel", "min/h", 1),
    Column("travel_hours", "Travel", "h/day"),
    Column("wait_hours", "Waiting", "h/day"),
    Column("unserved_hours", "Unserved", "h/day", 1),
    Column("hours_freed", "Freed", "h/week"),
)
MAP, CSV, BOOK, JSON = "travel.html", "travel.csv", "travel.xlsx", "travel.json"


def run(
    folder: Path, plan: Path | None, *, prices: Path | None, price: float | None, windows: str | None,
    quick: bool, pay_share_pct: float | None, kg_co2e_per_km: float | None, service: str | None,
    day: dt.date | None, effort: float, seed: int, processes: int, out: Path | None, quiet: bool,
) -> Written:  # fmt: skip
    """Compare, and write what may be published."""
    share = PAY_SHARE_PCT if pay_share_pct is None else pay_share_pct
    factor = KG_CO2E_PER_KM if kg_co2e_per_km is None else kg_co2e_per_km
    asked = _check_options(prices, price, windows, share, quick=quick)
    county = read_county(folder, plan, service=service, day=day, quiet=quiet)
    lots = county.plan.lot_names
    cost = None
    if prices is not None:
        cost = read_prices(prices, lots)
    elif price is not None:
        cost = one_price(price, lots)
    place = out or _folder_of(county, plan)
    check_folder(place, [*county.project.inputs, *([prices] if prices else [])], [MAP, CSV, BOOK, JSON])
    with progress_bar(quiet=quiet) as report:
        found = compare_travel(
            county, quick=quick, kg_co2e_per_km=factor, seed=seed, effort=effort, processes=processes,
            report=report,
        )  # fmt: skip
        freed = None
        if asked and not found.stopped:
            freed = windows_table(
                county.by_lot(), county.travel, asked, weekly=_weeks(county), seed=seed, effort=effort,
                processes=processes, report=report,
            )  # fmt: skip
    if found.stopped:
        stderr().print("[yellow]Stopped:[/] the rounds are the best found so far.")
    priced = None if cost is None else _priced(found, cost, share)
    notes = _notes(county, found, factor, share if cost is not None else None, quick=quick)
    data = _data(county, found, priced, freed, notes, seed=seed, effort=effort)
    files = _write(place, county, found, priced, freed, notes, data)
    return Written(_text(found, priced, freed, notes), data, files)


def _check_options(
    prices: Path | None, price: float | None, windows: str | None, share: float, *, quick: bool
) -> list[float]:
    problems = Problems()
    if prices is not None and price is not None:
        problems.add("both --price and --prices are given", fix="Give one of the two.")
    if price is not None and not price > 0:
        problems.add("a price must be above 0", value=f"{price:g}",
                     fix="Give the price of an hour of care in pounds with --price.")
    if not 0 < share <= 100:
        problems.add("--pay-share-pct must be above 0 and at most 100", value=f"{share:g}",
                     fix="Give the per cent of a price that becomes pay and mileage.")
    if quick and windows is not None:
        problems.add("--windows needs rounds to be planned", fix="Leave out --quick.")
    asked: list[float] = []
    if windows is not None:
        try:
            asked = parse_windows(windows)
        except InputError as error:
            problems.items += error.problems
    problems.raise_if_any()
    return asked


def _folder_of(county: CountyDay, plan: Path | None) -> Path:
    out = county.project.path.parent / "out"
    named = service_of(county.project, plan or out, county.service)
    return out / "travel" if named is None else out / named / "travel"


def _weeks(county: CountyDay) -> float:
    """The week's contact hours over the day's."""
    hours = visit_hours(county.day)
    if not hours:
        raise InputError(Problem(message="there are no visits on the day", fix="Choose another with --day."))
    return float(county.week()["contact_hours"].sum()) / hours


def _priced(found: Compared, cost: pd.Series[float], share: float) -> pd.DataFrame:
    table = price_table(found.shown_after["break_even_gbp"].drop("All lots"), cost, pay_share_pct=share)
    table["withheld"] = found.shown_after["withheld"].reindex(table.index)
    return table


def _notes(
    county: CountyDay, found: Compared, factor: float, share: float | None, *, quick: bool
) -> list[str]:
    day = f"{county.date:%A} {county.date.day} {county.date:%B %Y}"
    notes = [
        (f"Travel of {day} was {'estimated' if quick else 'planned as rounds'} and scaled to the week by "
         f"contact hours."),
        ("Travel is between visits: the way from home to the first one and from the last one home is no "
         "working time, and not in it."),
    ]  # fmt: skip
    notes.append("It is as if one provider had all the work of a lot, and planned it well: where several "
                 "share a place, travel is longer.")
    if quick:
        notes.append("Break-even rate: without waiting, which an estimate does not know.")
    else:
        notes.append("Working time is contact, travel, and waiting of up to an hour between visits.")
    rates = builtin_rates()
    wage = rates.wage(county.date, 21).rate_gbp
    mile = rates.mileage_rate(county.date).first_gbp_per_mile
    notes.append(
        f"Break-even: the contact rate at which the lot as a whole meets the adult minimum wage of that day "
        f"(£{wage:.2f} an hour), if travel, waiting and the car (at the approved £{mile:.2f} a mile) are not "
        f"paid besides."
    )
    if factor == KG_CO2E_PER_KM:
        notes.append(f"CO2e: {factor:g} kg a km. {CO2E_SOURCE}.")
    else:
        notes.append(f"CO2e: {factor:g} kg a km, as given.")
    if share is not None:
        source = f": {PAY_SHARE_SOURCE}" if share == PAY_SHARE_PCT else ", as given"
        notes.append(f"Of a price, {share:g} % reaches care workers as pay and mileage{source}.")
    if found.shown_after["withheld"].any() or (
        found.shown_before is not None and found.shown_before["withheld"].any()
    ):
        notes.append(NOTE)
    elif county.project.brief.publish.disclosure_control:
        notes.append("Packages and visits are rounded, hours are whole.")
    notes += [*county.visits.assumed]
    if not quick:
        notes.append("Shifts are made up: early, late, and one in five at both ends of the day; a visit "
                     "of more than 4 hours is a shift of its own.")
    return notes


def _layers(found: Compared) -> dict[str, pd.DataFrame]:
    layers = {AFTER: found.shown_after}
    if found.shown_before is not None:
        layers[BEFORE] = found.shown_before
    return layers


def _data(
    county: CountyDay, found: Compared, priced: pd.DataFrame | None, freed: pd.DataFrame | None,
    notes: list[str], *, seed: int, effort: float,
) -> dict[str, Any]:  # fmt: skip
    data: dict[str, Any] = {
        "day": county.date.isoformat(), "service": county.service, "seed": seed,
        "effort": None if found.planned is None else effort, "estimated": found.planned is None,
        "stopped": found.stopped, "travel": plain(county.travel.settings()),
    }  # fmt: skip
    for name, figures in _layers(found).items():
        data["lots" if name == AFTER else "zones_today"] = _shown(figures)
    data["change"] = plain(found.change)
    if priced is not None:
        data["prices"] = _shown(priced)
    if freed is not None:
        data["windows"] = records(rounded(freed).set_index("window_minutes"))
    return data | {"notes": notes}


def _shown(table: pd.DataFrame) -> list[dict[str, Any]]:
    return records(rounded(table).set_index("lot"))


def _write(
    place: Path, county: CountyDay, found: Compared, priced: pd.DataFrame | None,
    freed: pd.DataFrame | None, notes: list[str], data: dict[str, Any],
) -> tuple[Path, ...]:  # fmt: skip
    publish = county.project.brief.publish
    sheets = {"lots": found.shown_after}
    layers = [Layer(name="Lots of the plan", plan=county.plan, figures=found.shown_after)]
    if found.shown_before is not None and county.project.today is not None:
        sheets["zones_today"] = found.shown_before
        layers.append(Layer(name="Zones today", plan=county.project.today, figures=found.shown_before))
    if priced is not None:
        sheets["prices"] = priced
    if freed is not None:
        sheets["windows"] = freed
    day = f"{county.date:%A} {county.date.day} {county.date:%B %Y}"
    return write_together(place, {
        MAP: functools.partial(
            write_travel_map, layers=layers, areas=county.project.areas, title=f"Travel: {publish.title}",
            subtitle=f"Travel between visits, scaled from {day}", notes=notes, source=publish.source,
        ),
        CSV: functools.partial(write_csv, table=long_table(_layers(found))),
        BOOK: functools.partial(write_travel_workbook, sheets=sheets, notes=notes),
        JSON: lambda path: write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n"),
    })  # fmt: skip


def _text(
    found: Compared, priced: pd.DataFrame | None, freed: pd.DataFrame | None, notes: list[str]
) -> str:
    blocks = []
    if found.shown_before is not None:
        blocks.append(table_text(found.shown_before, _COLUMNS, first="Zone today"))
    blocks.append(table_text(found.shown_after, _COLUMNS, first="Lot"))
    lines = []
    if found.hours is not None:
        asked, served, unserved = found.hours
        lines.append(f"On the day {asked:,.1f} contact hours = {served:,.1f} served + {unserved:,.1f} not "
                     "served.")
    if found.change:
        minutes, km, co2e = (
            found.change[n] for n in ("travel_minutes_per_contact_hour", "km", "co2e_kg"))
        lines.append(
            f"Today {minutes['before']:.1f}, with these lots {minutes['after']:.1f} travel minutes per "
            f"contact hour: {km['change']:+,.0f} km and {co2e['change']:+,.0f} kg CO2e a week."
            .replace("-", "−"))
    whole = found.shown_after.loc["All lots"]
    if not whole["withheld"] and whole["not_contact_pct"] == whole["not_contact_pct"]:
        lines.append(f"{whole['not_contact_pct']:.1f} % of working time is travel and waiting: unpaid where "
                     "only contact is paid.")
    blocks.append(wrapped(*lines))
    if priced is not None:
        said = priced.assign(said=[
            "" if c is None else "complies" if c else "SHORT" for c in priced["complies"]])
        short = [str(lot) for lot, c in priced["complies"].items() if c is False]
        blocks += [
            table_text(said, _PRICES, first="Lot"),
            wrapped(f"{len(short)} of {len(priced)} lots cannot comply at this price."
                    if short else "Every lot that is known complies at this price."),
        ]
    if freed is not None:
        shown = freed.set_axis([f"{w:g} minutes" if w else "fixed times" for w in freed.index])
        blocks += ["The same visits with windows of other widths, all lots. Freed: travel and waiting.\n\n"
                   + table_text(shown, _WINDOWS, first="Window")]
    blocks.append(wrapped(*notes))
    return "\n\n".join(b for b in blocks if b)
