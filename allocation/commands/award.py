"""``allocation award``: who gets which lot, why, what it costs, who moves, and what if one fails."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.award.audit import audit_record, repeat_award
from allocation.award.award import Award, award
from allocation.award.figures import figures_of, resilience_of, transfers_of
from allocation.award.reasons import find_reasons
from allocation.award.rule_costs import rule_costs
from allocation.award.scenarios import Scenario, read_scenarios, run_scenarios, standard_scenarios
from allocation.award.sequential import sequential_award
from allocation.award.solve import SOLVERS, Solver
from allocation.award.transfers import plan_waves
from allocation.report.award_book import flat, write_award_workbook
from allocation.report.award_page import bars_of, marks_of, write_award_page
from allocation.report.award_tables import (
    Found,
    headline,
    notes,
    page_tables,
    reasons_by_lot,
    sentences,
    sheets,
    winners,
)
from allocation.report.inside import write_csv
from allocation.tender.load import Case, load_case
from lotting.console import print_warnings, stderr
from lotting.errors import InputError, Problem, Problems
from lotting.files import write_text

from .shared import Column, Written, check_folder, plain, records, table_text, wrapped, write_together

__all__ = ["ORDERS", "repeat", "run"]

ORDERS = {"lots": "in the order of lots", "largest": "largest lot first",
          "preferences": "by preferences"}  # fmt: skip
_AWARD = (
    Column("share_pct", "Share", "%", 1),
    Column("weekly_hours", "Hours", "a week", 1),
    Column("rate_gbp", "Rate", "£/h", 2),
    Column("annual_cost_gbp", "Cost", "£/year"),
    Column("score", "Score", "of 100", 2),
)
_SCENARIOS = (
    Column("annual_cost_gbp", "Cost", "£/year"),
    Column("mean_quality", "Quality", "of 100", 1),
    Column("providers", "Winners"),
    Column("moved_pct", "Moved", "%", 1),
    Column("least_cover_pct", "Cover", "%"),
)
_SEQUENCES = (
    Column("annual_cost_gbp", "Cost", "£/year"),
    Column("mean_quality", "Quality", "of 100", 1),
    Column("providers", "Winners"),
    Column("objective", "Value", "", 3),
    Column("shortfall", "Short by", "", 3),
    Column("lots_empty", "Without", "winners"),
)
_CSV = {
    "award": "award.csv",
    "reserves": "reserves.csv",
    "reasons": "reasons.csv",
    "set_aside": "set_aside.csv",
    "transfers": "transfers.csv",
    "failures": "resilience.csv",
    "waves": "waves.csv",
    "rule_costs": "rule_costs.csv",
    "scenarios": "scenarios.csv",
    "lot_by_lot": "lot_by_lot.csv",
}
_BOOK, _PAGE, _AUDIT = "award.xlsx", "award.html", "audit/award.json"
_MODELS = ("audit/model.lp", "audit/model.mps")
_FILE_COLUMNS = ["lot", "provider_id", "position", "share_pct", "weekly_hours", "rate_gbp", "score", "bid_id"]


def run(
    folder: Path, *, solver: str, order: str | None, sequential: bool, costs: bool, scenarios: bool,
    scenario_file: Path | None, pairs: bool, moves_per_week: float | None, moves_per_provider: float | None,
    hours_per_worker: float, out: Path | None, quiet: bool,
) -> Written:  # fmt: skip
    """Award the tender, find out what follows, and write it all."""
    chosen = _solver(solver)
    file = folder / "tender.toml" if folder.is_dir() else folder
    case = load_case(file)
    if not quiet and case.warnings:
        print_warnings(stderr(), list(case.warnings))
    asked = _check(case, order, scenario_file, moves_per_week, moves_per_provider, standard=scenarios)
    place = out or file.parent / "out" / "award"
    names = [*_CSV.values(), _BOOK, _PAGE, _AUDIT, *_MODELS]
    check_folder(place, [file, *_read_by(case), *([scenario_file] if scenario_file else [])], names)
    tell = _teller(quiet=quiet)
    tell("the award")
    made = award(case, solver=chosen) if order is None else sequential_award(case, order=order)
    found = _follow(case, made, asked, solver=chosen, sequential=sequential or order is not None, costs=costs,
                    pairs=pairs, per_week=moves_per_week, per_provider=moves_per_provider,
                    hours_per_worker=hours_per_worker, tell=tell)  # fmt: skip
    files = _write(place, file, found, order or "")
    return Written(_text(found), _data(found), files)


def repeat(record: Path, tender: Path | None) -> Written:
    """Make an award again from its record; ``below`` where it does not come out the same."""
    again = repeat_award(record, tender=tender)
    cost = f"{again.lines:,} lines of award, £{again.weekly_cost_gbp:,.2f} a week"
    said = (
        f"The award was made again and is the same to the penny: {cost}."
        if not again.differences
        else f"The award was made again and is not the same: {cost}."
    )
    data = {
        "same": not again.differences,
        "differences": list(again.differences),
        "lines": again.lines,
        "weekly_cost_gbp": round(again.weekly_cost_gbp, 2),
    }
    text = wrapped(said, *(f"- {d}" for d in again.differences))
    return Written(text, data, below=bool(again.differences))


def _teller(*, quiet: bool) -> Any:
    console = stderr()
    return lambda what: None if quiet else console.print(f"[dim]Solving: {what}[/]")


def _read_by(case: Case) -> list[Path]:
    lots, market = case.tender.lots, case.tender.market
    files = [] if lots is None else [lots.file, lots.neighbours, lots.project, lots.plan]
    files += [] if market is None else [market.providers, market.bids, market.members, market.incumbents]
    return [f for f in files if f is not None]


def _solver(name: str) -> Solver:
    for solver in SOLVERS:
        if solver == name:
            return solver
    raise InputError(
        Problem(message="no such solver", value=name, fix=f"The solvers are {', '.join(SOLVERS)}.")
    )


def _check(
    case: Case, order: str | None, file: Path | None, per_week: float | None, per_provider: float | None, *,
    standard: bool,
) -> tuple[Scenario, ...]:  # fmt: skip
    problems = Problems()
    if order is not None and order not in ORDERS:
        problems.add("no such order", value=order, fix=f"The orders are {', '.join(ORDERS)}.")
    if per_provider is not None and per_week is None:
        problems.add("--moves-per-provider needs --moves-per-week", fix="Give both.")
    for name, value in (("--moves-per-week", per_week), ("--moves-per-provider", per_provider)):
        if value is not None and not value >= 1:
            problems.add(f"{name} must be 1 or more", value=f"{value:g}")
    if case.bids.offers.empty:
        aside = case.bids.set_aside
        problems.add(
            f"no bid counts: all {len(aside):,} rows are set aside; bid {aside['bid_id'].iloc[0]}: "
            f"{aside['reason'].iloc[0]}", fix="Look at the quality threshold and the lower and upper rate.")
    asked: tuple[Scenario, ...] = ()
    try:
        asked = (
            read_scenarios(file, case.tender)
            if file is not None
            else standard_scenarios(case.tender)
            if standard
            else ()
        )
    except InputError as error:
        problems.items += error.problems
    problems.raise_if_any()
    return asked


def _follow(
    case: Case, made: Award, asked: tuple[Scenario, ...], *, solver: Solver, sequential: bool, costs: bool,
    pairs: bool, per_week: float | None, per_provider: float | None, hours_per_worker: float, tell: Any,
) -> Found:  # fmt: skip
    if made.frame.empty:
        raise InputError(
            Problem(message="nobody can be awarded any lot in this order", fix="Leave out --by.")
        )
    figures = figures_of(case, made)
    moved = transfers_of(case, made.frame, hours_per_worker=hours_per_worker)
    waves = None
    if per_week is not None and len(moved.pairs):
        waves = plan_waves(moved.moves, per_week=per_week, per_provider=per_provider)
    return Found(
        case=case, award=made, figures=figures, reasons=find_reasons(case, made), transfers=moved,
        waves=waves,
        resilience=resilience_of(case, made, pairs=pairs, hours_per_worker=hours_per_worker),
        sequences=_sequences(case, made, solver) if sequential else None,
        costs=rule_costs(case, made, solver=solver, figures=figures, tell=lambda r: tell(f"without {r}"))
        if costs and made.mechanism == "optimum" else None,
        scenarios=run_scenarios(case, made, asked, solver=solver, figures=figures, tell=tell)
        if asked else None,
    )  # fmt: skip


def _sequences(case: Case, made: Award, solver: Solver) -> pd.DataFrame:
    """Set the awards lot by lot beside the best one."""
    best = made if made.mechanism == "optimum" else award(case, solver=solver)
    sign = -1 if case.tender.rules.aim == "price" else 1
    rows = []
    for name, one in (
        ("the best there is", best),
        *((words, sequential_award(case, order=order)) for order, words in ORDERS.items()),
    ):
        count = one.frame.groupby(level="lot").size()
        empty = sum(
            int(count.get(lot, 0)) < case.tender.rules.winners(str(lot))[0] for lot in case.lots.frame.index
        )
        figures = figures_of(case, one).to_dict() if len(one.frame) else {}
        # lots without winners are in neither cost nor objective
        short = math.nan if empty else sign * (best.objective - one.objective)
        rows.append(
            {
                "mechanism": name,
                "annual_cost_gbp": math.nan,
                "mean_quality": math.nan,
                "providers": 0,
                **figures,
                "objective": one.objective,
                "shortfall": short,
                "lots_empty": empty,
            }
        )
    columns = ["mechanism", "annual_cost_gbp", "mean_quality", "providers", "moved_hours", "least_cover_pct",
               "objective", "shortfall", "lots_empty"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).set_index("mechanism")


def _write(place: Path, tender: Path, found: Found, order: str) -> tuple[Path, ...]:
    tables = sheets(found)
    shown = {name: flat(table) for name, table in tables.items() if name in _CSV}
    shown["award"] = shown["award"][_FILE_COLUMNS]
    shown["reasons"] = flat(found.reasons)
    writers: dict[str, Any] = {
        _CSV[name]: functools.partial(write_csv, table=table) for name, table in shown.items()
    }
    marks, ends = ([], ("", "", "", "")) if found.scenarios is None else marks_of(found.scenarios)
    lots = len(found.case.lots.frame)
    writers[_BOOK] = functools.partial(
        write_award_workbook, sheets=tables, notes=[*sentences(found), *notes(found)]
    )
    writers[_PAGE] = functools.partial(
        write_award_page,
        title=f"Award of {lots} lot{'s' if lots > 1 else ''}",
        subtitle=sentences(found)[1],
        headline=headline(found),
        bars=bars_of(found.award.frame),
        winners=winners(found),
        reasons=reasons_by_lot(found),
        tables=page_tables(found),
        marks=marks,
        ends=ends,
        notes=[*sentences(found), *notes(found)],
    )
    models = _MODELS if found.award.model is not None else ()
    for name in models:
        writers[name] = functools.partial(_write_model, made=found.award)
    writers[_AUDIT] = functools.partial(_write_audit, found=found, tender=tender, place=place, order=order)
    files = write_together(place, writers)
    for name in {*_CSV.values(), *_MODELS} - set(writers):
        (place / name).unlink(missing_ok=True)
    return files


def _write_model(path: Path, made: Award) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made.write_model(path)


def _write_audit(path: Path, found: Found, tender: Path, place: Path, order: str) -> None:
    models = [path.parent / Path(name).name for name in (_MODELS if found.award.model is not None else ())]
    record = audit_record(
        found.case, found.award, tender=tender, folder=(place / _AUDIT).parent, models=models, order=order
    )
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _data(found: Found) -> dict[str, Any]:
    made = found.award
    data: dict[str, Any] = {
        "status": str(made.status), "mechanism": made.mechanism, "solver": made.solver, "seed": made.seed,
        "objective": plain(made.objective), "bound": plain(made.bound), "gap_pct": plain(made.gap_pct),
        "unique": made.unique, "lots_that_differ": list(made.lots_that_differ),
        "figures": plain(found.figures.to_dict()),
    }  # fmt: skip
    for name, table in sheets(found).items():
        data[name] = records(_first_column_as_index(flat(table)))
    return data | {"sentences": sentences(found), "notes": notes(found)}


def _first_column_as_index(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).where(table.notna(), None).set_index(str(table.columns[0]))


def _text(found: Found) -> str:
    weeks = found.case.tender.run.weeks_a_year
    frame = found.award.frame
    shown = frame.assign(annual_cost_gbp=frame["weekly_cost_gbp"] * weeks)
    shown.index = pd.Index([f"{lot}: {p}" for lot, p in frame.index])
    label = max(20, 1 + max(map(len, shown.index)))
    blocks = [table_text(shown, _AWARD, first="Lot: winner", label=label), wrapped(*sentences(found))]
    if found.costs is not None:
        blocks.append("What each rule costs\n" + wrapped(*(f"- {s}" for s in found.costs["sentence"])))
    if found.scenarios is not None:
        table = table_text(found.scenarios, _SCENARIOS, first="Scenario", label=34)
        none = found.scenarios[found.scenarios["why"].fillna("") != ""]
        blocks.append(table + "".join(f"\n{wrapped(f'{n}: {w}')}" for n, w in none["why"].items()))
    if found.sequences is not None:
        blocks.append(table_text(found.sequences, _SEQUENCES, first="Awarded", label=26))
        if (found.sequences["lots_empty"] > 0).any():
            blocks.append(
                wrapped(
                    "Lots without enough winners are in neither cost nor value; no shortfall is given then."
                )
            )
    if found.waves is not None:
        sums = found.waves.groupby("week")[["weekly_hours", "people"]].sum(min_count=1)
        shown = sums.set_axis([f"week {w}" for w in sums.index])
        blocks.append(
            table_text(
                shown,
                (Column("weekly_hours", "Hours", "moved", 1), Column("people", "People", "moved")),
                first="Wave",
            )
        )
    blocks.append(wrapped(*found.award.notes))
    return "\n\n".join(b for b in blocks if b)
