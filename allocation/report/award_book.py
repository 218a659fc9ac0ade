"""An award as a workbook: notes first, then one table a sheet, and a chart of the scenarios."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from lotting.files import atomic_path

__all__ = ["HEADS", "flat", "write_award_workbook"]

HEADS = {
    "lot": "Lot",
    "provider_id": "Provider",
    "position": "Place",
    "share_pct": "Share (%)",
    "weekly_hours": "Hours a week",
    "rate_gbp": "Rate (£ an hour)",
    "weekly_cost_gbp": "£ a week",
    "annual_cost_gbp": "£ a year",
    "score": "Score",
    "bid_id": "Bid",
    "place": "Place",
    "outcome": "Outcome",
    "quality": "Quality",
    "price_points": "Points for price",
    "quality_points": "Points for quality",
    "against_provider_id": "Set against",
    "against_rate_gbp": "Its rate",
    "against_score": "Its score",
    "award_change": "Change of the award in its place",
    "enough_rate_gbp": "Rate that would score as much",
    "enough_quality": "Quality that would score as much",
    "rules": "Rules",
    "sentence": "Reason",
    "reason": "Reason",
    "from_provider_id": "From",
    "to_provider_id": "To",
    "kind": "Kind",
    "people": "People",
    "workers": "Workers (estimate)",
    "stranded_hours": "Hours stranded",
    "absorbed_hours": "Hours taken on",
    "next_door_hours": "of them from next door",
    "left_hours": "Hours left",
    "cover_pct": "Cover (%)",
    "extra_weekly_gbp": "Extra £ a week",
    "extra_weekly_km": "Extra km a week",
    "extra_weekly_minutes": "Extra minutes of travel a week",
    "from_lot": "Working in",
    "lots_left": "Lots not covered",
    "lots": "Lots",
    "with_provider_id": "Together with",
    "worse_hours": "Beyond the two alone",
    "today_hours": "Hours today",
    "stays_hours": "Stay",
    "given_hours": "Given up",
    "ends_hours": "Not in the tender",
    "received_hours": "Received",
    "new_hours": "New",
    "awarded_hours": "Hours awarded",
    "moves_hours": "Change provider",
    "moved_pct": "Change provider (%)",
    "people_today": "People today",
    "people_moved": "People moved",
    "pairs": "Pairs of providers",
    "people_given": "People given up",
    "people_received": "People received",
    "workers_today": "Workers today (estimate)",
    "workers_given": "Workers given up (estimate)",
    "receivers": "Receivers",
    "main_receiver": "Main receiver",
    "main_share_pct": "Its share (%)",
    "words": "In words",
    "week": "Week",
    "rule": "Rule",
    "objective": "Objective",
    "gain": "Objective better by",
    "rule_costs_gbp": "Rule costs £ a year",
    "providers": "Providers",
    "new_entrants": "New entrants",
    "providers_with": "Providers with it",
    "mean_quality": "Mean quality",
    "moved_hours": "Hours moved",
    "least_cover_pct": "Cover of the worst failure (%)",
    "proven": "Proven",
    "scenario": "Scenario",
    "mean_rate_gbp": "Mean rate (£ an hour)",
    "mean_score": "Mean score",
    "largest_share_pct": "Largest share of a firm (%)",
    "moved_people": "People moved",
    "most_left_hours": "Hours left by the worst failure",
    "annual_change_gbp": "Change £ a year",
    "status": "Status",
    "gap_pct": "Gap (%)",
    "differs_lots": "Lots with other winners",
    "set_aside": "Bids set aside",
    "why": "Why there is none",
    "taker_id": "Taken on by",
    "next_door": "From next door",
    "alone": "Nobody else in the lot",
    "reserves": "Reserves",
    "mechanism": "Awarded",
    "shortfall": "Objective short by",
    "lots_empty": "Lots without enough winners",
}
_WHOLE = ("position", "place", "lots", "people", "pairs", "receivers", "week", "providers", "providers_with",
          "new_entrants", "differs_lots", "set_aside", "lots_empty", "moved_people",
          "extra_weekly_minutes")  # fmt: skip
_WIDE = {"sentence": 110, "words": 80, "reason": 60, "why": 60, "lots_left": 30, "rules": 30, "scenario": 34,
         "rule": 20, "outcome": 16}  # fmt: skip
_WITHOUT = frozenset({"objective", "annual_cost_gbp", "providers", "mean_quality", "moved_hours",
                      "least_cover_pct"})  # fmt: skip
_POINTS = {"score", "price_points", "quality_points", "against_score", "mean_score"}


def decimals(column: str) -> int:
    """Return how many decimals a figure of a column has."""
    if column in _POINTS:
        return 6
    if column in {"award_change", "gain", "objective", "shortfall", "gap_pct"}:
        return 6
    if column in {"rate_gbp", "against_rate_gbp"}:
        return 4
    if column in _WHOLE or column.startswith("people"):
        return 0
    return 1 if column.endswith(("_hours", "_pct", "_km")) or column.startswith("workers") else 2


def flat(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its index as columns, its figures rounded: hours and shares to a thousandth."""
    named = any(name is not None for name in table.index.names)
    rounded = table.reset_index() if named else table.reset_index(drop=True)
    for column in rounded.columns:
        values = rounded[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            places = decimals(str(column))
            places = 3 if places == 1 else places
            figures = values.astype(float).round(places)
            rounded[column] = figures if places else figures.astype("Int64")
    return rounded


def write_award_workbook(path: Path, sheets: Mapping[str, pd.DataFrame], notes: list[str]) -> None:
    """Write tables as a workbook.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    sheets
        By name of the sheet; an empty table has a header only. One called ``scenarios`` gets a chart of
        cost against quality.
    notes
        What readers have to know.
    """
    with (
        atomic_path(path) as temporary,
        xlsxwriter.Workbook(
            str(temporary),
            {
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        ) as book,
    ):
        book.set_properties({"title": "Award", "created": dt.datetime(2000, 1, 1)})  # noqa: DTZ001
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        first = book.add_worksheet("notes")
        first.set_column(0, 0, 100)
        first.write_string(0, 0, "Notes", bold)
        for i, note in enumerate(notes, start=1):
            first.write_string(i, 0, note, wrap)
        figures = {
            n: book.add_format({"num_format": f"#,##0{'.' if n else ''}{'0' * n}", "valign": "top"})
            for n in (0, 1, 2, 4, 6)
        }
        for name, table in sheets.items():
            _sheet(book.add_worksheet(name), name, table, bold, wrap, figures)
        if "scenarios" in sheets:
            _chart(book, flat(sheets["scenarios"]))


def _sheet(sheet: Any, name: str, table: pd.DataFrame, bold: Any, wrap: Any, figures: dict[int, Any]) -> None:
    shown = flat(table)
    for j, column in enumerate(map(str, shown.columns)):
        for i, value in enumerate(shown[column].tolist(), start=1):
            if isinstance(value, bool):
                sheet.write_string(i, j, "yes" if value else "no", wrap)
            elif isinstance(value, (int, float)) and math.isfinite(value):
                sheet.write_number(i, j, value, figures[decimals(column)])
            else:
                sheet.write_string(i, j, value if isinstance(value, str) else "", wrap)
        sheet.set_column(j, j, _WIDE.get(column, 14))
    sheet.add_table(
        0,
        0,
        max(len(shown), 1),
        len(shown.columns) - 1,
        {
            "name": f"{name}_table",
            "style": "Table Style Light 1",
            "columns": [
                {"header": head, "header_format": bold} for head in _heads(name, list(shown.columns))
            ],
        },
    )
    sheet.freeze_panes(1, 2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _heads(name: str, columns: list[str]) -> list[str]:
    """Return heads of a sheet's columns; Excel wants each but once."""
    apart = _WITHOUT if name == "rule_costs" else frozenset[str]()
    heads = [HEADS.get(c, c) + (" without it" if c in apart else "") for c in columns]
    return [h if heads.count(h) == 1 else f"{h} ({c})" for h, c in zip(heads, columns, strict=True)]


def _chart(book: Any, table: pd.DataFrame) -> None:
    """Draw cost against quality, one mark a scenario."""
    sheet, columns = book.get_worksheet_by_name("scenarios"), list(table.columns)
    x, y = columns.index("annual_cost_gbp"), columns.index("mean_quality")
    chart = book.add_chart({"type": "scatter"})
    for i, name in enumerate(table["scenario"], start=1):
        if math.isfinite(table["annual_cost_gbp"].iloc[i - 1]):
            chart.add_series(
                {
                    "name": str(name),
                    "categories": ["scenarios", i, x, i, x],
                    "values": ["scenarios", i, y, i, y],
                    "marker": {"type": "circle", "size": 9},
                }
            )
    chart.set_title({"name": "Cost and quality of each scenario"})
    chart.set_x_axis({"name": "£ a year", "num_format": "#,##0", "major_gridlines": {"visible": False}})
    chart.set_y_axis({"name": "Mean quality (0 to 100)"})
    chart.set_size({"width": 900, "height": 420})
    sheet.insert_chart(len(table) + 2, 0, chart)
