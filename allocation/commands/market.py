"""``allocation market``: who gives the care today, how concentrated it is, who would bid, who is near."""

from __future__ import annotations

import datetime as dt
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.market.concentration import Caps
from allocation.market.cqc import CqcDirectory, locate_directory, providers_in_reach, read_cqc, unlocated
from allocation.market.facts import MarketFacts, measure_market
from allocation.market.growth import history_from
from allocation.market.intentions import Intentions, cover, read_intentions, viability
from allocation.market.publishing import published_tables
from allocation.market.read import MarketPackages, read_market_packages
from allocation.report.inside import write_csv
from allocation.report.market_book import long_table, write_market_workbook
from lotting.console import print_warnings, read_project, stderr
from lotting.errors import InputError, Problem, Problems, some
from lotting.files import write_text
from lotting.plan import Plan
from lotting.postcodes import read_postcodes
from lotting.project import Project, read_plan
from lotting.report.disclosure import CONFIDENTIAL

from .market_text import BOOK, INSIDE, market_text
from .shared import Written, check_folder, plain, write_together

__all__ = ["Options", "run"]

CSV, JSON = "market.csv", "market.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of the command.

    Attributes
    ----------
    plan
        The lots of the plan; ``out/plan.csv``, or today's zones, when left out.
    service
        Only the packages of this service line.
    team_column
        Column of teams in the file of packages.
    since
        Day the growth is from.
    caps
        Limits; those left out are the brief's.
    under_hours, small_hours
        What a very small provider is, and a small package; weekly hours.
    intentions, cqc
        Answers of a market engagement; a directory of the CQC.
    reach_km
        How far from its office a provider works.
    top
        How many providers are printed.
    out
        Folder of the results.
    """

    plan: Path | None
    service: str | None
    team_column: str | None
    since: dt.date | None
    caps: Caps
    under_hours: float
    small_hours: float
    intentions: Path | None
    cqc: Path | None
    reach_km: float
    top: int
    out: Path | None


def run(folder: Path, options: Options, *, quiet: bool) -> Written:
    """Read the market, measure it, and write what may be published and what may not."""
    project = read_project(folder, quiet=quiet)
    plan, answers, directory = _read_more(project, options)
    packages = read_market_packages(project, service=options.service, team_column=options.team_column)
    since = _since(packages, options.since)
    if not quiet:
        print_warnings(stderr(), packages.warnings)
    market = project.market
    facts = measure_market(
        packages, caps=_caps(options.caps, project), since=since, under_hours=options.under_hours,
        small_hours=options.small_hours,
        capacity=None if market is None else market.frame["max_weekly_hours"],
    )  # fmt: skip
    tables = published_tables(facts, project.brief.publish)
    if market is not None and (market.frame["name"] != "").any():
        called = market.frame["name"].to_dict()
        tables["providers"].insert(0, "name", [called.get(p, "") for p in tables["providers"].index])
    notes = _notes(project, packages, facts, tables, options)
    if answers is not None:
        tables["intentions"] = cover(answers)
        notes.append(_said(answers))
    if directory is not None and plan is not None:
        hours = packages.counted.groupby("area_code")["hours"].sum()
        tables["reach"] = providers_in_reach(
            directory, project.areas, plan, hours, reach_km=options.reach_km)
        notes += _of_directory(directory, options.reach_km)
    data = _data(project, packages, facts, tables, notes)
    files = _write(project, facts, tables, notes, data, options)
    return Written(market_text(facts, tables, notes, options.top), data, files)


def _read_more(
    project: Project, options: Options
) -> tuple[Plan | None, Intentions | None, CqcDirectory | None]:
    """Read what is besides the packages, and list what is wrong in all of it."""
    problems = Problems()
    plan = answers = directory = None
    try:
        plan = _plan(project, options)
    except InputError as error:
        problems.items += error.problems
    if options.intentions is not None:
        try:
            answers = read_intentions(options.intentions, None if plan is None else plan.lot_names)
        except InputError as error:
            problems.items += error.problems
    if options.cqc is not None:
        try:
            directory = _directory(project, options.cqc, plan)
        except InputError as error:
            problems.items += error.problems
    problems.raise_if_any()
    return plan, answers, directory


def _plan(project: Project, options: Options) -> Plan | None:
    if options.plan is not None:
        return read_plan(options.plan, project)
    out = project.path.parent / "out"
    file = out / "plan.csv" if options.service is None else out / options.service / "plan.csv"
    if file.is_file():
        return read_plan(file, project)
    return project.today


def _directory(project: Project, file: Path, plan: Plan | None) -> CqcDirectory:
    directory = read_cqc(file)
    postcodes = project.brief.demand.postcodes
    if plan is None:
        raise InputError(Problem(
            message="there are no lots to look for providers near", file=str(file),
            fix="Draw the lots first (lotting design), or name a plan with --plan.",
        ))  # fmt: skip
    if postcodes is None:
        raise InputError(Problem(
            message="the CQC's directory gives postcodes, and the brief names no postcode directory",
            file=project.path.name, column="demand.postcodes",
            fix="Download the NSPL from geoportal.statistics.gov.uk and name it there.",
        ))  # fmt: skip
    found = locate_directory(directory, functools.partial(read_postcodes, postcodes))
    if found.frame["x_m"].isna().all():
        raise InputError(Problem(
            message="no postcode of a registered home-care location is in the postcode directory",
            file=file.name, fix="Give the whole NSPL in [demand] postcodes.",
        ))  # fmt: skip
    return found


def _since(packages: MarketPackages, day: dt.date | None) -> pd.Timestamp | None:
    if day is None:
        return None
    first = history_from(packages)
    asked = pd.Timestamp(str(day))
    if asked >= packages.as_of or first is None or asked < first:
        told = (
            f"It tells all from {_day(first)} on." if first is not None else
            "No package in it ended before, so it tells of one day only: export those that ended, too."
        )  # fmt: skip
        raise InputError(Problem(
            message="growth cannot be told from this day", value=str(day),
            fix=f"Give a day before {_day(packages.as_of)} that the file of packages covers. {told}",
        ))  # fmt: skip
    return asked


def _caps(asked: Caps, project: Project) -> Caps:
    brief = project.brief.market
    if brief is None:
        return asked
    return Caps(
        max_hours=asked.max_hours or brief.max_hours_per_provider,
        max_share_pct=asked.max_share_pct or brief.max_share_pct,
        max_locality_share_pct=asked.max_locality_share_pct,
        max_providers=asked.max_providers or brief.max_providers,
    )  # fmt: skip


def _day(day: pd.Timestamp | dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _notes(
    project: Project, packages: MarketPackages, facts: MarketFacts, tables: dict[str, pd.DataFrame],
    options: Options,
) -> list[str]:  # fmt: skip
    notes = [
        f"Packages that run on {_day(packages.as_of)}" + (
            f", service {options.service}." if options.service else "."),
        "Shares are of the hours that have a provider. Both carers of a double-handed package count.",
        "HHI: Herfindahl-Hirschman index, the sum of the squared shares in per cent (10,000: one provider).",
        f"Small: packages under {facts.small_hours:g} h a week.",
    ]
    if facts.since is None:
        notes.append("Growth is not known: no package in the file ended before the day that counts, so it "
                     "tells nothing of earlier days. Export packages that ended, too.")
    else:
        notes.append(f"Change since {_day(facts.since)}. The file is taken to tell all from the first end "
                     f"in it on ({_day(history_from(packages) or facts.since)}).")
    if facts.spend is None:
        notes.append("Spend is not known: the file has no column of hourly rates or weekly costs.")
    else:
        missing = packages.counted["weekly_cost_gbp"].isna()
        if missing.any():
            hours = packages.counted.loc[missing, "hours"].sum()
            notes.append(f"Spend leaves out {hours:,.0f} hours a week without a rate or cost.")
    if _any_withheld(tables):
        notes.append(f"{CONFIDENTIAL}: withheld, because it could tell of a few people. Packages are "
                     "rounded, hours are whole.")
    elif project.brief.publish.disclosure_control:
        notes.append("Packages are rounded, hours are whole.")
    return notes


def _any_withheld(tables: dict[str, pd.DataFrame]) -> bool:
    return any(bool((table == CONFIDENTIAL).any(axis=None)) for table in tables.values())


def _said(answers: Intentions) -> str:
    found = viability(answers)
    table = cover(answers)
    nobody = [str(lot) for lot in table.index[table["firms"] == 0]]
    firms = "1 firm" if found.firms == 1 else f"{found.firms:,} firms"
    parts = [f"{firms} would bid, for {int((table['firms'] > 0).sum())} of {len(table)} lots."]
    if nobody:
        parts.append(f"Nobody would bid for {some(nobody)}.")
    if found.answered:
        parts.append(f"{found.fine} of {found.answered} that say so ({found.fine_pct:.0f} %) call their lots "
                     "viable, with no or minor concerns; a firm counts with its worst answer.")
    parts.append("Micro: under 10 staff, small: under 50, medium: up to 250, large: over 250.")
    return " ".join(parts)


def _of_directory(directory: CqcDirectory, reach_km: float) -> list[str]:
    aside = ", ".join(f"{n:,} {why}" for why, n in directory.set_aside.items())
    notes = [
        f"Registered providers: {directory.file}, {directory.rows:,} locations: "
        f"{len(directory.frame):,} give home care" + (f"; set aside: {aside}." if aside else "."),
        f"In reach: within {reach_km:g} km of the lot, as the crow flies.",
        "Reach half: providers that are so near to half of the lot's hours.",
        "Contains CQC data, Open Government Licence v3.0.",
        unlocated(directory),
    ]
    return [note for note in notes if note]


def _data(
    project: Project, packages: MarketPackages, facts: MarketFacts, tables: dict[str, pd.DataFrame],
    notes: list[str],
) -> dict[str, Any]:  # fmt: skip
    return {
        "as_of": packages.as_of.date().isoformat(),
        "since": None if facts.since is None else facts.since.date().isoformat(),
        "tables": {
            name: [plain(row) for row in table.reset_index().to_dict("records")]
            for name, table in tables.items()
        },
        "notes": notes, "inputs": dict(project.hashes),
    }  # fmt: skip


def _write(
    project: Project, facts: MarketFacts, tables: dict[str, pd.DataFrame], notes: list[str],
    data: dict[str, Any], options: Options,
) -> tuple[Path, ...]:  # fmt: skip
    base = options.out or project.path.parent
    public = "" if options.out is not None else (
        f"out/{options.service}/market/" if options.service else "out/market/")
    names = [public + BOOK, public + CSV, public + JSON, f"private/{INSIDE}"]
    read = [f for f in (options.plan, options.intentions, options.cqc) if f is not None]
    check_folder(base, [*project.inputs, *read], names)
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_together(base, {
        names[0]: functools.partial(write_market_workbook, tables=tables, notes=notes),
        names[1]: functools.partial(write_csv, table=long_table(tables)),
        names[2]: functools.partial(write_text, text=text),
        names[3]: functools.partial(write_csv, table=_inside(facts)),
    })  # fmt: skip


def _inside(facts: MarketFacts) -> pd.DataFrame:
    """Return every provider's exact figures: for use inside."""
    kept = ["by", "value", "provider_id", "packages", "people", "hours", "share_pct", "small_packages"]
    parts = [facts.providers.reset_index().assign(by="all", value="")]
    parts += [
        table.rename(columns={by: "value"}).assign(by=by) for by, table in facts.within.items()
    ]
    # A year's hours are those of all its weeks.
    parts.append(facts.years["provider_id"].rename(columns={"year": "value"}).assign(by="year"))
    table = pd.concat(parts, ignore_index=True).reindex(columns=kept)
    table[["hours", "share_pct"]] = table[["hours", "share_pct"]].round(4)
    table["small_packages"] = table["small_packages"].astype("Int64")
    return table
