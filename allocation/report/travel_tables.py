"""The figures of ``allocation travel`` as CSV and workbook, fit to publish."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from lotting.files import atomic_path
from lotting.report.disclosure import CONFIDENTIAL

__all__ = ["HEADS", "long_table", "write_travel_workbook"]

HEADS = {
    "lot": "Lot", "packages": "Packages", "visits": "Visits a week",
    "contact_hours": "Contact hours a week",
    "travel_minutes_per_contact_hour": "Travel minutes per contact hour", "km": "Travel km a week",
    "km_per_visit": "Travel km per visit", "co2e_kg": "CO2e kg a week",
    "not_contact_pct": "Working time that is not contact (%)",
    "break_even_gbp": "Break-even contact rate (£ an hour)", "workers": "Care workers on the day",
    "unserved_hours": "Contact hours not served on the day",
    "hourly_price_gbp": "Price (£ an hour)", "reaches_pay_gbp": "Of it pay and mileage (£ an hour)",
    "margin_gbp": "Margin (£ an hour)", "price_needed_gbp": "Price that would do (£ an hour)",
    "complies": "Complies", "window_minutes": "Window (minutes)",
    "travel_hours": "Travel hours on the day", "wait_hours": "Waiting hours on the day",
    "hours_freed": "Hours freed a week",
}  # fmt: skip
_DECIMALS = {
    "travel_minutes_per_contact_hour": 1, "km_per_visit": 2, "not_contact_pct": 1, "break_even_gbp": 2,
    "hourly_price_gbp": 2, "reaches_pay_gbp": 2, "margin_gbp": 2, "price_needed_gbp": 2, "travel_hours": 1,
    "wait_hours": 1, "unserved_hours": 1, "hours_freed": 1,
}  # fmt: skip


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Round every figure to what is shown of it, its index a column."""
    flat = table.reset_index()
    for column in flat.columns:
        if pd.api.types.is_numeric_dtype(flat[column]) and not pd.api.types.is_bool_dtype(flat[column]):
            flat[column] = flat[column].astype(float).round(_DECIMALS.get(str(column), 0))
    return flat


def long_table(layers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the figures of all plans one below the other, ``[c]`` where withheld."""
    tables = []
    for name, figures in layers.items():
        table = rounded(figures.drop(columns="withheld")).astype(object)
        hidden = figures["withheld"].to_numpy(bool)
        table.loc[hidden, [c for c in table.columns if c != "lot"]] = CONFIDENTIAL
        table.insert(0, "plan", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def write_travel_workbook(path: Path, sheets: dict[str, pd.DataFrame], notes: list[str]) -> None:
    """Write tables as a workbook: notes first, then one table a sheet, header in row 1.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    sheets
        By name of the sheet; a column ``withheld`` marks rows to write as ``[c]``.
    notes
        What readers have to know.
    """
    with atomic_path(path) as temporary, xlsxwriter.Workbook(str(temporary), {
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }) as book:
        book.set_properties({"title": "Travel by lot", "created": dt.datetime(2000, 1, 1)})  # noqa: DTZ001
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        first = book.add_worksheet("notes")
        first.set_column(0, 0, 100)
        first.write_string(0, 0, "Notes", bold)
        for i, note in enumerate(notes, start=1):
            first.write_string(i, 0, note, wrap)
        formats = [book.add_format({"num_format": f}) for f in ("#,##0", "#,##0.0", "#,##0.00")]
        for name, table in sheets.items():
            _sheet(book.add_worksheet(name), name, table, bold, formats)


def _sheet(sheet: Any, name: str, table: pd.DataFrame, bold: Any, formats: list[Any]) -> None:
    hidden = table["withheld"].to_numpy(bool) if "withheld" in table else [False] * len(table)
    flat = rounded(table.drop(columns="withheld", errors="ignore"))
    for j, column in enumerate(flat.columns):
        for i, (value, gone) in enumerate(zip(flat[column].tolist(), hidden, strict=True), start=1):
            if j and gone:
                sheet.write_string(i, j, CONFIDENTIAL)
            elif isinstance(value, bool):
                sheet.write_string(i, j, "yes" if value else "no")
            elif isinstance(value, (int, float)) and math.isfinite(value):
                sheet.write_number(i, j, value, formats[_DECIMALS.get(str(column), 0)])
            else:
                sheet.write_string(i, j, value if isinstance(value, str) else "–")
        sheet.set_column(j, j, 24 if j == 0 else 15)
    sheet.add_table(0, 0, max(len(flat), 1), len(flat.columns) - 1, {
        "name": f"{name}_table", "style": "Table Style Light 1",
        "columns": [{"header": HEADS.get(str(c), str(c)), "header_format": bold} for c in flat.columns],
    })
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
