"""The figures of ``allocation market`` as CSV and workbook, fit to publish."""

from __future__ import annotations

import datetime as dt
import math
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from lotting.files import atomic_path

__all__ = ["HEADS", "long_table", "write_market_workbook"]

HEADS = {
    "figure": "Figure", "value": "Value", "provider_id": "Provider", "name": "Name",
    "packages": "Packages", "hours": "Hours a week", "share_pct": "Share of hours (%)",
    "weekly_cost_gbp": "Cost a week (£)", "cost_share_pct": "Share of cost (%)", "band": "Provider holds",
    "providers": "Providers", "locality": "Locality", "payer": "Payer", "team": "Team",
    "no_provider_hours": "Hours with no provider", "mean_hours": "Hours a package",
    "small_pct": "Small packages (%)", "largest": "Largest provider", "largest_pct": "Its share (%)",
    "top_ten_pct": "Ten largest (%)", "hhi": "HHI", "size": "Package size",
    "packages_before": "Packages before", "hours_before": "Hours a week before",
    "change_hours": "Change (h a week)", "change_pct": "Change (%)", "moved": "New or left", "year": "Year",
    "days": "Days in the file", "by": "By",
    "year_hours": "Hours on these days", "cost_gbp": "Cost (£)", "limit": "Limit",
    "limit_hours": "Most hours allowed", "over_hours": "Hours over", "what": "Packages that are",
    "lot": "Lot", "firms": "Firms", "micro": "Micro", "small": "Small", "medium": "Medium",
    "large": "Large", "size_not_given": "Size not given", "alone": "Alone", "lead": "As lead",
    "sub-contractor": "As sub-contractor", "consortium": "In a consortium",
    "answered": "Say if it is viable", "fine": "No or minor concerns",
    "fine_pct": "No or minor concerns (%)", "inside": "Locations in the lot",
    "locations": "Locations in reach", "covering": "Providers that reach half",
    "nearest_km": "Nearest (km)",
}  # fmt: skip
#: Where a column means something else on one sheet.
_ON_SHEET = {("reach", "providers"): "Providers in reach"}
_ONE_DECIMAL = ("_pct", "_km", "mean_hours")


def long_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return all tables one below the other.

    Returns
    -------
    pandas.DataFrame
        ``table``, ``row`` (what the row is of), ``of`` (the provider, year's value or the like where one
        row name is not enough), ``figure`` and ``value``: numbers, text, ``[c]`` where withheld.
    """
    second = ("provider_id", "value")
    parts = []
    for name, table in tables.items():
        flat = table.reset_index(names="row")
        of = next((c for c in second if c in table.columns and len(table.columns) > 1), None)
        flat["of"] = flat.pop(of) if of is not None else ""
        flat = flat.astype(object)
        long = flat.melt(id_vars=["row", "of"], var_name="figure", value_name="cell")
        long = long.rename(columns={"cell": "value"})
        long.insert(0, "table", name)
        parts.append(long)
    found = pd.concat(parts, ignore_index=True)
    found["value"] = [_rounded(f, v) for f, v in zip(found["figure"], found["value"], strict=True)]
    return found


def _rounded(figure: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return ""
    return round(value, 1 if figure.endswith(_ONE_DECIMAL) or figure == "value" else 2)


def write_market_workbook(path: Path, tables: Mapping[str, pd.DataFrame], notes: Sequence[str]) -> None:
    """Write tables as a workbook: notes first, then one table a sheet, header in row 1.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    tables
        By name of the sheet; cells are numbers, text (also ``[c]``), NaN where there is none.
    notes
        What readers have to know.
    """
    with atomic_path(path) as temporary, xlsxwriter.Workbook(str(temporary), {
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }) as book:
        book.set_properties({"title": "Market", "created": dt.datetime(2000, 1, 1)})  # noqa: DTZ001
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        formats = {d: book.add_format({"num_format": f}) for d, f in ((0, "#,##0"), (1, "#,##0.0"))}
        first = book.add_worksheet("notes")
        first.set_column(0, 0, 100)
        first.write_string(0, 0, "Notes", bold)
        for i, note in enumerate(notes, start=1):
            first.write_string(i, 0, note, wrap)
        for name, table in tables.items():
            _sheet(book.add_worksheet(name), name, table.reset_index(), bold, formats)


def _sheet(sheet: Any, name: str, flat: pd.DataFrame, bold: Any, formats: Mapping[int, Any]) -> None:
    for j, column in enumerate(flat.columns):
        share = str(column).endswith(_ONE_DECIMAL)
        for i, value in enumerate(flat[column].tolist(), start=1):
            if isinstance(value, numbers.Real) and math.isfinite(value):
                whole = not share and float(value).is_integer()
                exact = share or (name == "summary" and not whole)
                sheet.write_number(i, j, float(value), formats[1 if exact else 0])
            else:
                sheet.write_string(i, j, value if isinstance(value, str) else "–")
        wide = max([10, *(len(v) for v in flat[column] if isinstance(v, str))])
        sheet.set_column(j, j, min(wide + 2, 45))
    sheet.add_table(0, 0, max(len(flat), 1), len(flat.columns) - 1, {
        "name": f"{name}_table", "style": "Table Style Light 1",
        "columns": [
            {"header": _ON_SHEET.get((name, str(c)), HEADS.get(str(c), str(c))), "header_format": bold}
            for c in flat.columns
        ],
    })
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
