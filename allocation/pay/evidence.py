"""The evidence report a provider can hand in: one HTML page and one workbook.

Both say the same. Worker ids are those of the provider's own files; nothing else of a worker is
shown, and no age or date of birth. The page loads nothing from anywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from lotting.files import atomic_path, write_text

from .activities import check_activities
from .assess import PayResult
from .citations import RULES
from .money import hours, pence

__all__ = ["LIMITS", "Evidence", "write_html", "write_workbook"]

LIMITS = (
    "It is not legal advice, and not a finding of a court, a tribunal or the Fair Work Agency.",
    ("It takes the rota and the payroll as they were given. Whether visits took place as recorded, or "
    "travel took as long, it cannot see."),
    ("It does not decide who is a worker or an employee, or whether work is time work, salaried hours "
    "work or unmeasured work: everything is treated as time work."),
    ("It does not decide whether a gap was really free time, whether a worker was really awake, or whether "
    "a premium is for the same work; it applies the settings listed above."),
    ("It takes pay as belonging to the period of its row. Pay for one period paid in a later one than the "
    "next (regulation 9) has to be moved by hand."),
    ("It does not check holiday pay, sick pay, pensions, working time limits, or what a contract promises "
    "above the minimum wage."),
    ("Minimum-wage enforcement passed to the Fair Work Agency in April 2026; penalties follow its policy in "
    "force when a notice is served."),
)
_WHOLE_NAMES = {
    "none": "Nothing is premium pay", "premium": "Premium pay is taken off",
    "premium_and_travel": "Contact pay above the travel rate is taken off, too",
}
_PERIODS: Mapping[str, str] = {
    "worker_id": "Worker", "period_start": "From", "period_end": "To", "band": "Band",
    "contact_hours": "Contact hours", "travel_hours": "Travel hours", "waiting_hours": "Waiting hours",
    "training_hours": "Training hours", "awake_hours": "Awake in sleep-ins, hours",
    "counted_hours": "Hours that count", "not_counted_hours": "Hours that do not", "km": "Distance, km",
    "pay_counted_gbp": "Pay that counts, £", "effective_rate_gbp": "£ an hour",
    "statutory_rate_gbp": "Minimum wage, £", "margin_gbp": "Margin, £ an hour", "complies": "Result",
    "shortfall_gbp": "Shortfall, £", "arrears_gbp": "Arrears, £",
    "break_even_contact_rate_gbp": "Contact rate that would comply, £", "bites": "Which rule bites",
}
_LOTS: Mapping[str, str] = {
    "lot": "Lot", "workers": "Workers", "contact_hours": "Contact hours", "travel_hours": "Travel hours",
    "waiting_hours": "Waiting hours", "counted_hours": "Hours that count", "km": "Distance, km",
    "travel_minutes_per_contact_hour": "Travel minutes per contact hour", "periods": "Worker periods",
    "periods_below": "Of them below", "pay_counted_gbp": "Pay that counts, £",
    "effective_rate_gbp": "£ an hour", "shortfall_gbp": "Shortfall, £",
    "break_even_average_gbp": "Contact rate for the lot as a whole, £",
    "break_even_gbp": "Contact rate for every worker in it, £",
}
_OF_PERIOD = ("worker_id", "period_start", "period_end")
_RATES_THAT_COMPLY = frozenset({"break_even_gbp", "break_even_contact_rate_gbp"})
_TEXT = frozenset({
    "worker_id", "lot", "band", "bites", "complies", "period_start", "period_end", "rule", "note", "what",
    "since", "status", "source", "gbp_text",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the report says beside the figures."""

    title: str = "Minimum-wage check of care workers' pay"
    provider: str = ""
    prepared_on: dt.date | None = None
    assumptions: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    numeric: bool = False
    state: bool = False
    date: bool = False
    link: str = ""


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _shown(value: Any, column: str) -> _Cell:
    if column == "complies":
        return _Cell("complies" if value else "below", state=True)
    if isinstance(value, dt.date):
        return _Cell(f"{value.day} {value:%b %Y}", date=True)
    if value is None:
        return _Cell("none" if column in _RATES_THAT_COMPLY else "–", numeric=True)
    if isinstance(value, Decimal):
        return _Cell(f"{value:,.2f}".replace("-", "−"), numeric=True)
    if column == "lot" and not value:
        return _Cell("(no lot)")
    if column == "bites":
        return _Cell(_bites(str(value)))
    return _Cell(str(value), numeric=column not in _TEXT)


def _bites(keys: str) -> str:
    return ", ".join(_BITES.get(k, RULES[k].title) for k in keys.split(", ") if k).capitalize()


_BITES = {
    "rate": "pay for contact is itself too low", "travel_between": "travel between visits",
    "mileage": "mileage not paid back", "premium": "premium pay does not count", "wait": "waiting",
    "uniform": "uniform", "deductions": "deductions", "accommodation": "accommodation",
    "expenses_unmet": "costs not paid back", "training": "training", "sleep_in": "awake in sleep-ins",
}


def _table(heading: str, text: Sequence[str], frame: pd.DataFrame, columns: Mapping[str, str], *,
           row_heads: int = 1) -> dict[str, Any]:
    used = [c for c in columns if c in frame]
    rows = []
    for record in frame[used].to_dict("records"):
        mark = "all" if record.get("lot") == "all" else "below" if record.get("complies") is False else ""
        rows.append({"mark": mark, "cells": [_shown(record[c], c) for c in used]})
    return {"heading": heading, "text": list(text), "row_heads": row_heads, "rows": rows,
            "head": [(columns[c], c not in _TEXT) for c in used]}


def _idle(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Leave out columns of hours in which nothing happens."""
    return frame.drop(columns=[c for c in columns if c in frame and not any(frame[c])])


def _verdict(result: PayResult) -> str:
    total, below = len(result.periods), int((~result.periods["complies"]).sum())
    if not below:
        return f"All {total} worker pay periods are at or above the minimum wage on the figures given."
    workers = result.periods.loc[~result.periods["complies"], "worker_id"].nunique()
    return (f"{below} of {total} worker pay periods are below the minimum wage, of {workers} "
            f"worker{'s' if workers > 1 else ''}.")


def _money(value: Decimal | None) -> str:
    return "none: no contact rate does it" if value is None else f"£{value:,.2f}"


def _with_uplift(result: PayResult) -> str:
    return f", + {result.uplift_pct:f} % included" if result.uplift_pct else ""


def _summary(result: PayResult) -> list[tuple[str, str]]:
    p = result.periods
    rows = [
        ("Workers", f"{p['worker_id'].nunique():,}"),
        ("Worker pay periods checked", f"{len(p):,}"),
        ("Below the minimum wage", f"{int((~p['complies']).sum()):,}"),
        ("Hours that count", f"{pence(hours(int(p['counted_seconds'].sum()))):,.2f}"),
        ("Pay that counts", _money(sum(p["pay_counted_gbp"], Decimal(0)))),
        ("Shortfall", _money(sum(p["shortfall_gbp"], Decimal(0)))),
        (f"Arrears at the rates of {_day(result.arrears_on)}", _money(sum(p["arrears_gbp"], Decimal(0)))),
        ("Penalty that a notice of underpayment could carry", _money(result.penalty.full_gbp)),
        ("The same, if all is paid within 14 days", _money(result.penalty.if_paid_in_14_days_gbp)),
        (f"Contact rate at which every period would comply{_with_uplift(result)}",
         _money(result.break_even_contact_rate_gbp)),
    ]
    if result.uplift_pct:
        met = int(p["uplift_met"].sum())
        name = f"Periods that also meet minimum wage + {result.uplift_pct:f} %"
        rows.append((name, f"{met:,} of {len(p):,}"))
    return rows


def _readings(result: PayResult) -> pd.DataFrame:
    rows = []
    for key, words in _WHOLE_NAMES.items():
        short = result.periods[f"shortfall_{key}_gbp"]
        used = " (used here)" if key == result.reading else ""
        rows.append({"what": words + used, "periods_below": int((short > 0).sum()),
                     "shortfall_gbp": sum(short, Decimal(0))})
    return pd.DataFrame(rows)


def _uplift(result: PayResult) -> dict[str, Any] | None:
    if not result.uplift_pct:
        return None
    frame = result.periods.assign(complies=result.periods["uplift_met"])
    return _table(
        f"Minimum wage plus {result.uplift_pct:f} %",
        [("A test some councils ask for, no rule of law. Travel time that is not paid is left out of it; "
         "the minimum wage itself has to be met as well.")],
        frame, {"worker_id": "Worker", "period_start": "From", "uplift_effective_gbp": "£ an hour",
                "uplift_rate_gbp": "Wanted, £", "complies": "Result"}, row_heads=2)


def _parts(result: PayResult) -> dict[str, Any]:
    wide = result.parts.pivot_table(
        index=["worker_id", "period_start"], columns="rule", values="gbp", aggfunc="first", sort=False)
    keys = [k for k in RULES if k in wide.columns]
    nothing = Decimal("0.00")
    filled = {k: pd.Series([v if isinstance(v, Decimal) else nothing for v in wide[k]], index=wide.index,
                           dtype="object") for k in keys}
    wide = pd.DataFrame(filled).reset_index()
    wide["total"] = list(result.periods["pay_counted_gbp"])
    heads = {"pay": "Pay for work, £", "premium": "Premium pay, £"}
    columns = {"worker_id": "Worker", "period_start": "From",
               **{k: heads.get(k, f"{RULES[k].title}, £") for k in keys}, "total": "Pay that counts, £"}
    return _table("How the pay that counts came about",
                  ["What is taken off carries a minus. Amounts are rounded to the penny."], wide, columns,
                  row_heads=2)


def _tables(result: PayResult) -> list[dict[str, Any]]:
    idle = ("waiting_hours", "training_hours", "awake_hours", "km")
    periods = _idle(result.periods, idle)
    below = periods[~periods["complies"]]
    short = {k: _PERIODS[k] for k in (
        "worker_id", "period_start", "counted_hours", "pay_counted_gbp", "effective_rate_gbp",
        "statutory_rate_gbp", "shortfall_gbp", "arrears_gbp", "break_even_contact_rate_gbp", "bites")}
    rules = pd.DataFrame([
        {"what": r.title, "note": r.says, "law": r.law, "status": r.status, "link": r.source}
        for r in RULES.values()])
    tables = []
    if len(below):
        tables.append(_table(
            "Below the minimum wage",
            [("Which rule bites: what the minimum wage asks for beyond what was paid for it, dearest first, "
             "as far as it takes to explain the shortfall.")], below, short, row_heads=2))
    time = {k: v for k, v in _PERIODS.items() if k.endswith(("_hours", "km")) or k in _OF_PERIOD}
    pay = {k: v for k, v in _PERIODS.items() if (k not in time and k != "bites") or k in _OF_PERIOD}
    tables.append(_table("Hours of every worker and period", [], periods, time, row_heads=2))
    wanted = f"The contact rate that would comply leaves all else as it is{_with_uplift(result)}."
    tables.append(_table("Pay of every worker and period", [wanted], periods, pay, row_heads=2))
    tables.append(_parts(result))
    tables.append(_table(
        "By lot",
        [("Workers serve several lots, so pay is shared out by what it is paid for. The rate for the lot "
         "as a whole is what a price has to cover; the rate for every worker is what lets each comply.")],
        result.lots, _LOTS))
    tables.append(_table(
        "Premium pay read three ways",
        [("Whether a higher rate is premium pay for the same work can be disputed. This is what each reading "
         "comes to.")], _readings(result),
        {"what": "Reading", "periods_below": "Periods below", "shortfall_gbp": "Shortfall, £"}))
    uplift = _uplift(result)
    if uplift:
        tables.append(uplift)
    used = _table("Figures used", ["Found: read at the source named. Recalled: from memory, check it."],
                  result.figures.rename(columns={"gbp": "gbp_text"}),
                  {"what": "What", "since": "From", "gbp_text": "£", "status": "Status", "source": "Source"})
    _link(used, result.figures["source"])
    tables.append(used)
    law = _table("The rules and their sources", [
        ("Regulations are those of the National Minimum Wage Regulations 2015 (SI 2015/621); NMWM is the "
        "National Minimum Wage Manual.")], rules.rename(columns={"law": "source"}),
        {"what": "Rule", "note": "What it says", "source": "Law or guidance", "status": "Status"})
    _link(law, rules["link"], column=2)
    tables.append(law)
    return tables


def _link(table: dict[str, Any], links: pd.Series[Any], column: int = -1) -> None:
    for row, link in zip(table["rows"], links, strict=True):
        if str(link).startswith(("https://", "http://")):
            row["cells"][column] = _Cell(row["cells"][column].text, link=str(link))


def write_html(path: Path, result: PayResult, evidence: Evidence | None = None) -> None:
    """Write the report as one page that needs nothing else.

    Parameters
    ----------
    path
        The file; replaced whole or not at all.
    result
        What was found.
    evidence
        Title, provider, date and assumptions.
    """
    evidence = evidence or Evidence()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["day"] = _day
    source = files("allocation.pay").joinpath("templates/evidence.html").read_text(encoding="utf-8")
    write_text(path, environment.from_string(source).render(
        title=evidence.title, provider=evidence.provider, prepared_on=evidence.prepared_on,
        first=min(result.periods["period_start"]), last=max(result.periods["period_end"]),
        below=int((~result.periods["complies"]).sum()), verdict=_verdict(result), summary=_summary(result),
        notices=result.notices, tables=_tables(result), assumptions=_assumptions(result, evidence),
        limits=LIMITS))


def _assumptions(result: PayResult, evidence: Evidence) -> list[str]:
    assumed = [r for r in RULES.values() if r.status != "found" and (r.key != "uplift" or result.uplift_pct)]
    return [*evidence.assumptions,
            f"Premium pay: {_WHOLE_NAMES[result.reading].lower()}.",
            *(f"{r.title}: {r.says} ({r.status})" for r in assumed),
            ("Shortfalls, arrears and rates that would comply are rounded up to the penny, an hourly rate "
            "below the minimum wage down, all else half up. "
            "The verdict itself is reached without rounding.")]


def write_workbook(
    path: Path, result: PayResult, evidence: Evidence | None = None, activities: pd.DataFrame | None = None
) -> None:
    """Write the report as a workbook: one table a sheet, headers in row 1, numbers as numbers.

    Text is written as text whatever it begins with, so that no cell is run as a formula.

    Parameters
    ----------
    path, result, evidence
        As for :func:`write_html`.
    activities
        Every stretch of time with the rule that decided it, on a sheet of its own.
    """
    evidence = evidence or Evidence()
    sheets: dict[str, pd.DataFrame] = {
        "summary": pd.DataFrame(
            [("Title", evidence.title), ("Provider", evidence.provider or "–"), ("Result", _verdict(result)),
             *_summary(result), *(("Please note", n) for n in result.notices)],
            columns=["Item", "Figure"]),
        "periods": _named(result.periods, _PERIODS),
        "pay": result.parts.assign(rule=result.parts["rule"].map(lambda k: RULES[k].title)).rename(
            columns={"worker_id": "Worker", "period_start": "From", "rule": "Rule", "gbp": "£"}),
        "lots": _named(result.lots, _LOTS),
        "premium": _readings(result).rename(columns={
            "what": "Reading", "periods_below": "Periods below", "shortfall_gbp": "Shortfall, £"}),
        "figures": result.figures.rename(columns=str.capitalize),
        "rules": pd.DataFrame([(r.title, r.says, r.law, r.status, r.source) for r in RULES.values()],
                              columns=["Rule", "What it says", "Law or guidance", "Status", "Source"]),
        "notes": pd.DataFrame(
            [*(("Assumption", a) for a in _assumptions(result, evidence)),
             *(("Does not decide", a) for a in LIMITS)], columns=["About", "Note"]),
    }
    if activities is not None:
        time = check_activities(activities)[
            ["worker_id", "start", "end", "kind", "awake_minutes", "km", "lot", "visit_id", "rule"]]
        for column in ("start", "end"):
            time = time.assign(**{column: time[column].dt.strftime("%Y-%m-%d %H:%M:%S %Z")})
        sheets["time"] = time
    with atomic_path(path) as temporary, xlsxwriter.Workbook(str(temporary), {
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }) as book:
        book.set_properties({"title": evidence.title, "created": dt.datetime(2000, 1, 1)})  # noqa: DTZ001
        header = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        text = book.add_format({"text_wrap": True, "valign": "top"})
        number = book.add_format({"num_format": "#,##0.00", "valign": "top"})
        for name, frame in sheets.items():
            _sheet(book.add_worksheet(name), name, frame, header, text, number)


def _named(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    shown = frame[list(columns)].copy()
    if "complies" in shown:
        shown["complies"] = shown["complies"].map({True: "complies", False: "below"})
    if "bites" in shown:
        shown["bites"] = shown["bites"].map(_bites)
    return shown.rename(columns=dict(columns))


def _sheet(
    sheet: Worksheet, name: str, frame: pd.DataFrame, header: Any, text: Any, number: Any
) -> None:
    widths = [min(max(len(w) for w in str(c).split()) + 4, 60) for c in frame.columns]
    for j, column in enumerate(frame.columns):
        for i, value in enumerate(frame[column].to_list(), start=1):
            if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
                shown = "–" if value is None or value == "" else str(value)
                sheet.write_string(i, j, shown, text)
                widths[j] = max(widths[j], min(len(shown) + 2, 60))
            elif isinstance(value, int):
                sheet.write_number(i, j, value, text)
            else:
                sheet.write_number(i, j, float(value), number)
    sheet.add_table(0, 0, max(len(frame), 1), len(frame.columns) - 1, {
        "name": f"{name}_table", "style": "Table Style Light 1",
        "columns": [{"header": str(c), "header_format": header} for c in frame.columns]})
    for j, width in enumerate(widths):
        sheet.set_column(j, j, width)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
