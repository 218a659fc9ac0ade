"""``allocation pay``: the minimum-wage check of a pay brief, and its report."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd

from allocation.pay.brief import load_pay_brief
from allocation.pay.run import HTML, WORKBOOK, PayRun
from allocation.pay.run import run as check
from lotting.console import stderr

from .shared import Column, Written, check_folder, plain, table_text, wrapped

__all__ = ["run"]

_COLUMNS = (
    Column("from", "From"),
    Column("hours", "Hours", "", 1),
    Column("rate", "Rate", "£/h", 2),
    Column("wage", "Wage", "£/h", 2),
    Column("short", "Short", "£", 2),
    Column("verdict", ""),
)


def run(path: Path, out: Path | None, *, quiet: bool) -> Written:
    """Check the pay of a brief, write the report and say what came out."""
    brief = load_pay_brief(path)
    folder = path if path.is_dir() else path.parent
    place = out or folder / "out"
    read = [t.file for t in (brief.rota, brief.pay, brief.workers) if t is not None]
    check_folder(place, read, [HTML, WORKBOOK])
    if not quiet:
        stderr().print("[dim]Checking every worker and period[/]")
    done = check(brief, place)
    below = int((~done.result.periods["complies"]).sum())
    return Written(_text(done), _data(done), done.files, below=below > 0)


def _text(done: PayRun) -> str:
    periods = done.result.periods
    table = pd.DataFrame({
        "from": [f"{d:%d.%m.%y}" for d in periods["period_start"]],
        "hours": periods["counted_hours"].astype(float),
        "rate": [None if r is None else float(r) for r in periods["effective_rate_gbp"]],
        "wage": periods["statutory_rate_gbp"].astype(float),
        "short": periods["shortfall_gbp"].astype(float),
        "verdict": ["complies" if ok else "BELOW" for ok in periods["complies"]],
    }).set_axis(periods["worker_id"].to_list())  # fmt: skip
    result = done.result
    below = int((~periods["complies"]).sum())
    short = sum(periods["shortfall_gbp"], Decimal(0))
    owed = sum(periods["arrears_gbp"], Decimal(0))
    rate = result.break_even_contact_rate_gbp
    said = [
        f"{below} of {len(periods)} worker periods are below the minimum wage; £{short:,.2f} short."
        if below else f"All {len(periods)} worker periods comply.",
        f"Arrears at the rates of {result.arrears_on:%d.%m.%Y}: £{owed:,.2f}." if below else "",
        f"A contact rate of £{rate:,.2f} would comply everywhere." if rate is not None else
        "No contact rate would comply everywhere.",
        f"{periods['uplift_met'].sum()} of {len(periods)} also meet minimum wage + {result.uplift_pct:f} %."
        if result.uplift_pct else "",
        *result.notices,
        "Evidence, not legal advice.",
    ]  # fmt: skip
    return table_text(table, _COLUMNS, first="Worker") + "\n\n" + wrapped(*said)


def _data(done: PayRun) -> dict[str, object]:
    result = done.result

    def rows(frame: pd.DataFrame) -> list[dict[str, object]]:
        return [plain(row) for row in frame.to_dict("records")]

    return {
        "below": int((~result.periods["complies"]).sum()),
        "break_even_contact_rate_gbp": plain(result.break_even_contact_rate_gbp),
        "periods": rows(result.periods), "lots": rows(result.lots), "notices": list(result.notices),
    }  # fmt: skip
