"""The pay brief: the rota, the pay, and how the check is to be made, in one TOML file.

The models *are* the reference: every key, its unit, its default. An unknown key is refused, so that
a misspelt switch never passes for its default.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from lotting.settings import Table, read_settings

from .policy import PayPolicy
from .rules import PremiumReading

if TYPE_CHECKING:
    from .run import PayRun

__all__ = ["CheckBrief", "PayBrief", "PeriodsBrief", "ReportBrief", "RotaBrief", "TableBrief",
           "load_pay_brief", "run_pay"]


class TableBrief(Table):
    """``[pay]`` and ``[workers]``: a file and what its columns are called."""

    file: Path = Field(description="CSV or Excel.")
    sheet: str | None = Field(None, description="Worksheet of a workbook; the first when left out.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Our name of a column = the name it has in the file.")
    day_first: bool = Field(default=True, description="Whether 03/04/2026 is 3 April.")


class RotaBrief(TableBrief):
    """``[rota]``: who was where when, actual or planned."""

    kinds: dict[str, str] = Field(
        default_factory=dict,
        description="A word of the column kind = contact, training, sleep_in, ...")
    gaps: Literal["fill", "as_given"] = Field(
        "fill",
        description=(
            "`fill` makes travel, waiting, rest and gaps at home out of the gaps between visits; "
            "`as_given` takes rows of every kind as they stand, and nothing else as work."
        ))
    distance: Literal["km", "miles"] = Field("km", description="Unit of the column distance.")
    distance_each: float = Field(
        0.0, ge=0, description="Taken for a journey without a distance, in that unit.")
    travel_minutes: float | None = Field(
        None, ge=0, le=240, description="Taken for a journey without travel minutes; refused when left out.")
    waiting_up_to_minutes: float = Field(
        60.0, ge=0, le=480,
        description=(
            "What is left of a gap after travel is waiting up to this. 60 is an assumption: the law "
            "sets no number."
        ))
    least_at_home_minutes: float = Field(
        15.0, ge=0, le=480,
        description="Going home in a long gap is feasible where this is left to be there. An assumption.")
    new_round_after_minutes: float = Field(
        240.0, gt=0, le=1440,
        description=(
            "A gap longer than this ends a round: the worker is taken to have gone home and to come "
            "from home again. An assumption."
        ))
    longest_visit_hours: float = Field(
        14.0, gt=0, le=24, description="A longer visit, or sleep-in, is refused.")

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        from .rules import KINDS

        wrong = sorted(set(self.kinds.values()) - set(KINDS))
        if wrong:
            raise ValueError(f"kinds are {', '.join(KINDS)}; not {', '.join(wrong)}")
        return self


class PeriodsBrief(Table):
    """``[periods]``: pay reference periods, where a policy stands instead of payroll."""

    length: Literal["month", "four_weeks", "fortnight", "week"] = Field(
        "month", description="How often workers are paid; never longer than a month.")
    first: dt.date | None = Field(
        None, description="First day of a period; the first day of the rota when left out.")
    age: int | None = Field(
        None, ge=16, le=99, description="Age of every worker, where there is no [workers].")


class CheckBrief(Table):
    """``[check]``: how to decide."""

    premium: PremiumReading = Field(
        "premium",
        description=(
            "What is taken for premium pay: `none`; `premium` (what payroll calls so); "
            "`premium_and_travel` (contact above the travel rate, too). All three are shown."
        ))
    uplift_pct: Annotated[Decimal, Field(ge=0, le=200)] = Field(
        Decimal(0),
        description=(
            "A further test of minimum wage plus this share, for example 20; travel that is not paid "
            "is left out of it."
        ))
    arrears_on: dt.date | None = Field(
        None, description="Day whose rates arrears are reckoned at; the last day of pay when left out.")
    rates: Path | None = Field(
        None, description="CSV of further rates: periods_from, band, age_from, age_to, rate_gbp.")


class ReportBrief(Table):
    """``[report]``: what the evidence report says on its first page."""

    title: str = Field("Minimum-wage check of care workers' pay", max_length=120, description="Title.")
    provider: str = Field("", max_length=120, description="Who hands it in.")
    prepared_on: dt.date | None = Field(None, description="Date on the report; none when left out.")


class PayBrief(Table):
    """A whole pay brief. Paths are absolute once it is loaded from a file."""

    rota: RotaBrief
    pay: TableBrief | None = None
    workers: TableBrief | None = None
    policy: PayPolicy | None = None
    periods: PeriodsBrief = Field(default_factory=PeriodsBrief)
    check: CheckBrief = Field(default_factory=CheckBrief)
    report: ReportBrief = Field(default_factory=ReportBrief)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.pay is None) == (self.policy is None):
            raise ValueError("give either [pay], what payroll paid, or [policy], how it would be paid")
        if self.policy is not None and self.workers is None and self.periods.age is None:
            raise ValueError("the minimum wage depends on age: give [workers], or age in [periods]")
        return self


def run_pay(brief_path: str | Path, out: str | Path) -> PayRun:
    """Check the pay a brief describes and write the evidence report.

    Parameters
    ----------
    brief_path
        The TOML file, or the folder that holds it as ``pay.toml``.
    out
        Folder for ``pay-evidence.html`` and ``pay-evidence.xlsx``; made when it is not there. Both
        files are replaced, or neither.

    Returns
    -------
    PayRun
        The result, the activities behind it, and the files written.

    Raises
    ------
    InputError
        Every problem of the brief, or of the files.
    """
    from .run import run

    return run(load_pay_brief(brief_path), Path(out))


def load_pay_brief(path: str | Path) -> PayBrief:
    """Read a pay brief and make its paths absolute.

    Parameters
    ----------
    path
        The TOML file, or the folder that holds it as ``pay.toml``. Paths inside are relative to
        the file's folder.

    Raises
    ------
    InputError
        With one problem for each unknown key, wrong value or missing file.
    """
    path = Path(path)
    if path.is_dir():
        path /= "pay.toml"
    return read_settings(path, PayBrief, absent="Check the path.")
