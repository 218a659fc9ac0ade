"""The workbook: every figure of a plan, for people who work in spreadsheets.

Laid out after the Analysis Function's guidance "Releasing statistics in spreadsheets": a cover
first, one marked-up and named table a sheet, one header row, no merged or empty cells, nothing
told by colour alone, shorthand in square brackets and explained. Data sheets begin with their
header in row 1, so that they can be filtered, sorted and read by a program as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from lotting.files import atomic_path

from .disclosure import CONFIDENTIAL, NOT_KNOWN, Controlled
from .tables import Published, ReportContent, publish

__all__ = ["write_workbook"]

#: Written into the file's properties: the day of writing would make two runs differ.
CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001  XlsxWriter wants a naive time

#: Column widths, in characters: no narrower than a sortable header, no wider than a screen bears.
NARROWEST, WIDEST = 8, 60

WHOLE, TENTH, HUNDREDTH, THOUSANDTH = "#,##0", "#,##0.0", "#,##0.00", "0.000"


#: Shown where a text does not apply: a lot that follows no zone of today.
NOT_APPLICABLE = "[z]"


class _Column(NamedTuple):
    header: str
    form: str = ""  # number format; "" for text
    meaning: str = ""


_LOTS: Mapping[str, _Column] = {
    "lot": _Column("Lot", "", "Name of the lot."),
    "locality": _Column("Locality", "", "Locality that holds the lot; several when it crosses."),
    "areas": _Column("Areas", WHOLE, "Number of areas in the lot."),
    "weekly_hours": _Column("Weekly hours", TENTH, "Hours of care a week."),
    "annual_hours": _Column("Annual hours", WHOLE, "Weekly hours x 52."),
    "people": _Column("People", WHOLE, "People with care."),
    "packages": _Column("Packages", WHOLE, "Packages of care."),
    "target_hours": _Column(
        "Target weekly hours", TENTH, "Weekly hours the lot should hold."),
    "deviation_hours": _Column(
        "Deviation (hours)", TENTH, "Weekly hours above (+) or below (-) the target."),
    "deviation_pct": _Column("Deviation (%)", TENTH, "The same in per cent of the target."),
    "area_km2": _Column("Area (km2)", TENTH, "Land of the lot in square kilometres."),
    "rural_pct": _Column("Rural hours (%)", TENTH, "Share of the hours given in rural areas."),
    "centre": _Column(
        "Centre (area)", "", "Area of the lot from which its hours are least far (least cost)."),
    "distance_km": _Column(
        "Mean distance (km)", HUNDREDTH,
        "Mean straight-line distance of an hour of care from the centre."),
    "hess_cost": _Column(
        "Cost (hours x km2)", WHOLE,
        "Weekly hours x squared straight-line kilometres to the centre, added up (Hess and "
        "others 1965)."),
    "travel_minutes_per_contact_hour": _Column(
        "Travel (minutes per contact hour)", TENTH,
        "Minutes of travel between visits for each hour of care, on one day. Estimated, without "
        "planning rounds; the ways from home and back are left out. No bound on it is known."),
    "km_per_visit": _Column(
        "Travel (km per visit)", TENTH, "Km between visits for each visit of each carer; estimated."),
    "connected": _Column("Connected", "", "Yes when the lot is in one piece."),
    "pieces": _Column("Pieces", WHOLE, "Connected pieces of the lot."),
    "cut_km": _Column(
        "Shared boundary (km)", TENTH, "Boundary shared with other lots of the plan."),
    "cut_edges": _Column(
        "Neighbours parted", WHOLE, "Pairs of neighbouring areas on either side of it."),
    "polsby_popper": _Column(
        "Compactness (Polsby-Popper)", THOUSANDTH,
        "4 pi x area / perimeter squared: 1 is a circle (Polsby and Popper 1991)."),
    "reock": _Column(
        "Compactness (Reock)", THOUSANDTH,
        "Area / area of the smallest circle around the lot: 1 is a circle (Reock 1961)."),
    "zone_today": _Column(
        "Follows zone", "", "Zone of today that the lot follows: the matching of lots to zones "
        "that lets most people stay."),
    "moved_people": _Column(
        "People who change zone", WHOLE, "People in areas of the lot that come from another zone."),
    "moved_hours": _Column(
        "Hours that change zone", TENTH,
        "Weekly hours in areas of the lot that come from another zone."),
}
_AREAS: Mapping[str, _Column] = {
    "area_code": _Column("Area code", "", "Code of the area."),
    "area_name": _Column("Area name", "", "Name of the area."),
    "locality": _Column("Locality", "", "Locality of the area."),
    "lot": _Column("Lot", "", "Lot that holds the area."),
    "zone_today": _Column("Zone today", "", "Zone that holds the area today."),
    "rural": _Column("Rural", "", "Yes when the area is rural."),
    "weekly_hours": _LOTS["weekly_hours"],
    "people": _LOTS["people"],
    "packages": _LOTS["packages"],
}
_RECONCILIATION: Mapping[str, _Column] = {
    "service": _Column("Service", "", "Service line."),
    "reason": _Column(
        "What became of it", "",
        "read is all that the input holds; placed is what the lots are made of; the rest is not "
        "placed, by reason. Placed and not placed add up to read."),
    "hours": _Column("Weekly hours", TENTH, "Hours of care a week."),
    "packages": _LOTS["packages"],
    "people": _LOTS["people"],
}
_OPTIONS: Mapping[str, _Column] = {
    "option": _Column("Option", WHOLE, "Number of the plan; 1 answers the brief's own aims."),
    "made_for": _Column("Made for", "", "What the plan was asked to be best in."),
    "lots": _Column("Lots", WHOLE, "Number of lots."),
    "objective": _Column("Objective", WHOLE, "What the plan costs under the brief's aims."),
    "spread_hours": _Column(
        "Spread (hours)", TENTH, "Weekly hours of the largest lot less those of the smallest."),
    "largest_deviation_pct": _Column(
        "Largest deviation (%)", TENTH, "Largest deviation of a lot from its target."),
    "moved_pct": _Column("People who change zone (%)", TENTH, "The same in per cent."),
    "bound": _Column(
        "Least possible cost", WHOLE,
        "No plan within the rules that is at least as equal, and moves no more people, has a cost "
        "below this."),
    "gap_pct": _Column(
        "Gap (%)", HUNDREDTH, "How much lower, at most, the cost of such a plan could be."),
    "rms_km": _Column(
        "Distance (km, root mean square)", HUNDREDTH, "Root of the cost divided by the weekly hours."),
    "bound_km": _Column(
        "Least possible distance (km)", HUNDREDTH, "The same of the least possible cost."),
    "how": _Column("How made", "", "What was minimised, within which limits."),
    "viable_lots": _Column("Viable lots", WHOLE, "Lots that hold the weekly hours a lot needs."),
    "within_limits_pct": _Column(
        "Within limits (% of scenarios)", TENTH,
        "Scenarios of demand in which every lot stays within its limits."),
    "largest_travel_minutes": _Column(
        "Most travel of a lot (minutes per contact hour)", TENTH, "Of the lot that has most; estimated."),
    "below_least_pct": _Column(
        "Below the least (% of scenarios)", TENTH,
        "Scenarios of demand in which some lot falls below its least hours."),
    "smallest_lot_hours": _Column("Smallest lot (weekly hours)", TENTH, "Weekly hours of the smallest lot."),
    "largest_lot_hours": _Column("Largest lot (weekly hours)", TENTH, "Weekly hours of the largest lot."),
    **{k: _LOTS[k] for k in ("travel_minutes_per_contact_hour", "hess_cost", "distance_km", "cut_km",
                             "connected", "moved_people", "moved_hours", "people", "packages",
                             "weekly_hours")},
}
_FRONT: Mapping[str, _Column] = {
    **_OPTIONS,
    "option": _Column("Option", WHOLE, "Number of the option; 0 for a plan that is none."),
}
_FUTURES: Mapping[str, _Column] = {
    "lot": _LOTS["lot"],
    "within": _Column("Within limits (share)", HUNDREDTH, "Share of the scenarios of demand."),
    "below": _Column("Below the least hours (share)", HUNDREDTH, "Share of the scenarios of demand."),
    "above": _Column("Above the most hours (share)", HUNDREDTH, "Share of the scenarios of demand."),
    "hours_p5": _Column("Weekly hours, low", TENTH, "Below this in 5 % of the scenarios."),
    "hours_p50": _Column("Weekly hours, middle", TENTH, "Below this in half of the scenarios."),
    "hours_p95": _Column("Weekly hours, high", TENTH, "Below this in 95 % of the scenarios."),
}


def write_workbook(content: ReportContent, path: Path) -> None:
    """Write ``lots.xlsx``.

    Sheets: ``cover``, ``lots``, ``options`` and ``front`` (where there are several plans),
    ``numbers`` (where several numbers of lots were tried), ``scenarios`` (of demand), ``areas``,
    ``reconciliation``, ``notes``. A withheld figure is the text ``[c]`` in a column of numbers,
    one that is not known ``[x]``: spreadsheets leave text out of sums, and no cell is empty. Text
    is always written as text, whatever it begins with, so that no cell is run as a formula.

    Parameters
    ----------
    content
        What to write; disclosure control is done here.
    path
        The file; replaced whole or not at all. Two runs on the same content give the same bytes.
    """
    tables = publish(content)
    sheets: dict[str, tuple[pd.DataFrame, Mapping[str, _Column]]] = {
        "lots": (_ready(tables.lots, index="lot"), _LOTS),
    }
    if tables.options is not None:
        sheets["options"] = (_ready(tables.options), _OPTIONS)
    if tables.front is not None:
        sheets["front"] = (_ready(tables.front), _FRONT)
    if tables.numbers is not None:
        sheets["numbers"] = (_ready(tables.numbers), _OPTIONS)
    if tables.futures is not None:
        sheets["scenarios"] = (_ready(tables.futures, index="lot"), _FUTURES)
    sheets["areas"] = (_ready(tables.areas, index="area_code"), _AREAS)
    sheets["reconciliation"] = (_ready(tables.reconciliation), _RECONCILIATION)
    with (
        atomic_path(path) as temporary,
        xlsxwriter.Workbook(str(temporary), {
            "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        }) as book,
    ):
        book.set_properties({
            "title": content.title, "subject": "Home care lots", "comments": content.source,
            "created": CREATED,
        })
        styles = _Styles(book)
        _cover(book.add_worksheet("cover"), content, tables, list(sheets), styles)
        for name, (frame, columns) in sheets.items():
            described = {c: _describe(c, columns) for c in frame.columns}
            _table(book.add_worksheet(name), name, frame, described, styles)
        _table(
            book.add_worksheet("notes"), "notes", _notes(content, sheets),
            {"about": _Column("About"), "note": _Column("Note")}, styles,
        )


class _Styles:
    """Cell formats of the workbook, one for each number format."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._numbers: dict[str, Any] = {}
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.header = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self.text = book.add_format({"text_wrap": True, "valign": "top"})
        # A marker stands where a number would: to the right.
        self.marker = book.add_format({"align": "right", "valign": "top"})

    def number(self, form: str) -> Any:
        if form not in self._numbers:
            self._numbers[form] = self._book.add_format({"num_format": form, "valign": "top"})
        return self._numbers[form]


def _ready(table: Controlled, index: str | None = None) -> pd.DataFrame:
    """Return what is shown, with the index as a column, no empty cells and no idle column."""
    frame = table.shown(CONFIDENTIAL)
    if "locality" in frame and frame["locality"].eq("").all():
        frame = frame.drop(columns="locality")
    if index is not None:
        frame = frame.rename_axis(index=index).reset_index()
    frame = frame.astype("object").where(frame.notna(), NOT_KNOWN)
    return frame.where(frame != "", NOT_APPLICABLE)


def _describe(name: str, columns: Mapping[str, _Column]) -> _Column:
    if name in columns:
        return columns[name]
    for prefix, form, meaning in (
        ("weekly_hours_", TENTH, "Weekly hours paid by {}."),
        ("people_", WHOLE, "People whose care {} pays; a person with two payers counts twice."),
    ):
        if name.startswith(prefix):
            payer = name.removeprefix(prefix)
            words = prefix.rstrip("_").replace("_", " ").capitalize()
            return _Column(f"{words}: {payer}", form, meaning.format(payer))
    if name.startswith("apart_from_"):
        option, unit = name.removeprefix("apart_from_").split("_", 1)
        meaning = f"{unit.capitalize()} in another lot than in option {option}, lots matched."
        return _Column(f"Apart from option {option} ({unit})", WHOLE, meaning)
    return _Column(name.replace("_", " ").capitalize(), TENTH, "")


def _put(
    sheet: Worksheet, at: tuple[int, int], value: Any, form: str, styles: _Styles
) -> str:
    """Write a cell by what it holds; return it as it will be seen, to fit the width."""
    if isinstance(value, (bool, np.bool_)):
        text = "yes" if value else "no"
        sheet.write_string(*at, text, styles.text)
        return text
    if isinstance(value, (int, float, np.integer, np.floating)):
        shape = form or (WHOLE if float(value).is_integer() else TENTH)
        sheet.write_number(*at, float(value), styles.number(shape))
        return f"{float(value):,.{len(shape.partition('.')[2])}f}"
    text = str(value)
    sheet.write_string(
        *at, text,
        styles.marker if form and text in {CONFIDENTIAL, NOT_KNOWN} else styles.text,
    )
    return text


def _table(
    sheet: Worksheet,
    name: str,
    frame: pd.DataFrame,
    columns: Mapping[str, _Column],
    styles: _Styles,
    *,
    top: int = 0,
) -> None:
    """Write a frame as one named table with its header in row ``top``."""
    headers = _unlike([columns[str(c)].header for c in frame.columns])
    widths = [max(len(word) for word in h.split()) + 3 for h in headers]
    for j, (key, header) in enumerate(zip(frame.columns, headers, strict=True)):
        widths[j] = max(widths[j], min(len(header) + 3, 16))
        for i, value in enumerate(frame[key], start=top + 1):
            seen = _put(sheet, (i, j), value, columns[str(key)].form, styles)
            widths[j] = max(widths[j], len(seen) + 2)
    # An Excel table has at least one row, also when there is nothing to list.
    sheet.add_table(top, 0, top + max(len(frame), 1), len(headers) - 1, {
        "name": f"{name}_table", "style": "Table Style Light 1", "autofilter": top == 0,
        "columns": [{"header": h, "header_format": styles.header} for h in headers],
        "title": name.capitalize(), "description": f"Table of {name}; see the sheet notes.",
    })
    for j, width in enumerate(widths):
        sheet.set_column(j, j, min(max(width, NARROWEST), WIDEST))
    if top == 0:
        sheet.freeze_panes(1, 1)
        sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


def _unlike(headers: Iterable[str]) -> list[str]:
    """Tell headers apart that Excel takes for the same: it does not look at capitals."""
    seen: set[str] = set()
    result = []
    for header in headers:
        name, n = header, 1
        while name.casefold() in seen:
            n += 1
            name = f"{header} ({n})"
        seen.add(name.casefold())
        result.append(name)
    return result


_WORDS: Mapping[str, str] = {
    "lots": "Lots", "areas": "Areas", "weekly_hours": "Weekly hours",
    "annual_hours": "Annual hours", "people": "People", "packages": "Packages",
    "smallest_lot_hours": "Weekly hours of the smallest lot",
    "largest_lot_hours": "Weekly hours of the largest lot",
    "spread_hours": "Spread (weekly hours of the largest less the smallest lot)",
    "largest_deviation_pct": "Largest deviation from target (%)",
    "hess_cost": "Cost (weekly hours x km2 to the lots' centres)",
    "distance_km": "Mean distance to the lot's centre (km)",
    "connected": "Every lot connected", "cut_km": "Boundary between lots (km)",
    "cut_edges": "Pairs of neighbours parted", "mean_polsby_popper": "Mean compactness",
    "moved_people": "People who change zone", "moved_hours": "Weekly hours that change zone",
    "viable_lots": "Lots that hold the weekly hours a lot needs",
    "within_limits_pct": "Scenarios of demand in which every lot stays within its limits (%)",
    "below_least_pct": "Scenarios of demand in which a lot falls below its least hours (%)",
    "travel_minutes_per_contact_hour": "Travel minutes per contact hour (estimated)",
    "km_per_visit": "Km per visit (estimated)",
    "largest_travel_minutes": "Travel minutes per contact hour in the lot with most (estimated)",
    "travel_minutes_a_day": "Travel minutes a day (estimated)",
    "travel_km_a_day": "Travel km a day (estimated)",
    "moved_pct": "Change zone (%)", "moved_areas": "Areas that change zone",
}
_SHEETS: Mapping[str, str] = {
    "lots": "One row a lot, with every measure.",
    "options": "The plans that were on offer.",
    "front": "Every plan found that no other beats in distance, equality and people moved.",
    "numbers": "What each number of lots comes to.",
    "scenarios": "How each lot fares when the need for care changes.",
    "areas": "One row an area, with its lot.",
    "reconciliation": "What was read, placed and not placed, by reason.",
    "notes": "What the columns and the marks mean, and what to bear in mind.",
}
_FACT_FORMS: Mapping[str, str] = {
    "mean_polsby_popper": THOUSANDTH, "distance_km": HUNDREDTH, "hess_cost": WHOLE,
    "annual_hours": WHOLE, "seed": "0",
}


def _cover(
    sheet: Worksheet,
    content: ReportContent,
    tables: Published,
    sheets: list[str],
    styles: _Styles,
) -> None:
    sheet.write_string(0, 0, content.title, styles.title)
    rows: list[tuple[str, Any, str]] = [
        (f"Sheet {name}", _SHEETS[name], "") for name in [*sheets, "notes"]
    ]
    for key, value in tables.facts.items():
        if key.startswith("zone_today."):
            continue  # a column of the sheet lots
        words = _WORDS.get(key, key.replace(".", ": ").replace("_", " "))
        form = _FACT_FORMS.get(key, "")
        rows.append((words[:1].upper() + words[1:], value, form))
    rows.append(("Marks", (
        f"{CONFIDENTIAL} withheld to protect people; {NOT_KNOWN} not known; "
        f"{NOT_APPLICABLE} not applicable"
    ), ""))
    if content.source:
        rows.append(("Source", content.source, ""))
    frame = pd.DataFrame([(a, b) for a, b, _ in rows], columns=["item", "value"], dtype="object")
    _table(sheet, "cover", frame, {"item": _Column("Item"), "value": _Column("Value")}, styles,
           top=1)
    for i, (_, value, form) in enumerate(rows, start=2):
        if form:
            _put(sheet, (i, 1), value, form, styles)
    sheet.set_portrait()


def _notes(
    content: ReportContent, sheets: Mapping[str, tuple[pd.DataFrame, Mapping[str, _Column]]]
) -> pd.DataFrame:
    rows = [("this plan", note) for note in content.notes]
    if content.source:
        rows.append(("source", content.source))
    rows += [("disclosure control", sentence) for sentence in _control(content)]
    withheld = "Confidential: withheld to protect people. It is text, so that a sum leaves it out."
    unknown = "Not known, or there is nothing to measure (a lot without hours)."
    nothing = "Not applicable (a lot that follows no zone of today)."
    rows += [(CONFIDENTIAL, withheld), (NOT_KNOWN, unknown), (NOT_APPLICABLE, nothing)]
    for name, (frame, columns) in sheets.items():
        for column in frame.columns:
            about = _describe(str(column), columns)
            if about.meaning:
                rows.append((f"{name}: {about.header}", about.meaning))
    return pd.DataFrame(rows, columns=["about", "note"], dtype="object")


def _control(content: ReportContent) -> tuple[str, ...]:
    """Say what disclosure control did."""
    if not content.disclosure_control:
        return ("Switched off: counts are exact. Not for publication.",)
    counted = content.demand.people_known or content.demand.packages_known
    small = (
        f"Counts of people and packages from 1 to {content.threshold - 1} are withheld and marked "
        f"{CONFIDENTIAL}. So are further counts, the smallest that will do, where the others and "
        "the totals would give them away; a marked count may therefore also be larger."
    )
    rest = (
        f"Other counts are rounded to {content.rounding}, each on its own, so that parts may not "
        "add up to their total. 0 means none: a count above 0 is never rounded to 0."
    )
    hours = (
        "Hours of an area or a lot whose people are withheld are withheld too." if counted else
        "It is not known how many people the hours belong to, so they are shown as they are. Do "
        "not publish areas where that could be a few."
    )
    return small, rest, hours, (
        "The hours of the reconciliation belong to no place and are shown in full."
    )
