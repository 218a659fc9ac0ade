"""Payroll and workers: what was paid, to whom, from a CSV file or a worksheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pandas as pd

from lotting.dates import parse_dates
from lotting.errors import Problems
from lotting.tables import nearest, read_table, to_number

from .money import MILE_KM
from .rates import Rates, age_on, apprentice_rate_applies, tax_year
from .remuneration import LineFor, PayLine, PeriodPay
from .rota import column_of

if TYPE_CHECKING:
    from .brief import TableBrief

__all__ = ["Payslip", "Worker", "ages", "read_pay", "read_workers"]

#: Prefix of three columns (hours, rate_gbp, pay_gbp) and what it is paid for.
_LINES: Mapping[str, LineFor] = {
    "basic": "contact", "premium": "premium", "travel": "travel", "waiting": "wait", "other": "other",
}
_SUMS: Mapping[str, str] = {
    "bonus_gbp": "other_pay_gbp", "premium_extra_gbp": "premium_extra_gbp",
    "uncounted_pay_gbp": "uncounted_pay_gbp", "expenses_paid_gbp": "expenses_paid_gbp",
    "deductions_gbp": "deductions_gbp", "excepted_deductions_gbp": "excepted_deductions_gbp",
    "mileage_paid_gbp": "mileage_paid_gbp", "expenses_unmet_gbp": "expenses_unmet_gbp",
    "uniform_gbp": "uniform_gbp",
}
_OTHERS = ("age", "mileage_miles", "mileage_cost_gbp", "accommodation_charge_gbp", "accommodation_days",
           "lowest_rate_gbp")
_LINE_COLUMNS = tuple(f"{p}_{c}" for p in _LINES for c in ("hours", "rate_gbp", "pay_gbp"))


@dataclass(frozen=True, slots=True)
class Worker:
    """What is known of a worker; never shown."""

    born: dt.date | None = None
    age: int | None = None
    apprentice_since: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payslip:
    """One row of payroll, before the rota is known.

    Attributes
    ----------
    pay
        What was paid; without the lines of ``open_lines``, and with a cost of mileage only where
        payroll gives it.
    open_lines
        Pay without hours: the hours are those of the rota.
    mileage_known
        Whether payroll gives the cost of mileage, so that the rota's kilometres are not needed.
    """

    worker_id: str
    begin: dt.date
    end: dt.date
    row: int
    age: int | None
    pay: PeriodPay
    open_lines: Mapping[LineFor, Fraction]
    mileage_known: bool

    def with_rota(self, hours: Mapping[LineFor, Fraction], mileage_cost_gbp: Fraction) -> PeriodPay:
        """Return the whole pay, with hours and mileage of the rota where payroll has none.

        Raises
        ------
        ValueError
            Pay without hours for work of which the rota has none.
        """
        lines = list(self.pay.lines)
        for for_, amount in self.open_lines.items():
            if not hours[for_]:
                raise ValueError(for_)
            lines.append(PayLine(for_, hours[for_], amount / hours[for_], amount))
        cost = self.pay.mileage_cost_gbp if self.mileage_known else mileage_cost_gbp
        return replace(self.pay, lines=tuple(lines), mileage_cost_gbp=cost)


def _exact(text: pd.Series[Any], problems: Problems, file: str) -> dict[int, Fraction]:
    """Read amounts as they are written, by row label; blank cells are left out."""
    bare = text.str.replace("£", "", regex=False).str.strip()
    for at in text.index[bare.str.fullmatch(r"-\s*[\d.,]*\d[\d.,]*|\([\d.,]+\)")][:5]:
        problems.add("a negative amount", file=file, row=int(at) + 2, column=str(text.name), value=text[at],
                     fix="Amounts are 0 or more; what is kept from pay has columns of its own.")
    bare = bare.mask(bare.str.fullmatch(r"-\s*[\d.,]*\d[\d.,]*|\([\d.,]+\)"), "")
    numbers = to_number(bare.rename(str(text.name)), problems, file=file, minimum=0, required=False)
    return {int(at): Fraction(bare[at].replace(",", "")) for at in numbers.index[numbers.notna()]}


def _date_column(
    table: pd.DataFrame, column: str | None, problems: Problems, file: str, *, required: bool, day_first: bool
) -> dict[int, dt.date]:
    if column is None:
        return {}
    days, wrong = parse_dates(table[column], day_first=day_first)
    bad = wrong | (days.isna() if required else False)
    for at in table.index[bad][:5]:
        problems.add("not a date" if wrong[at] else "no date", file=file, row=int(at) + 2, column=column,
                     value=None, fix="Write it as 2026-04-06.")
    known = days.dropna().dt.strftime("%Y-%m-%d")
    return {int(at): dt.date.fromisoformat(text) for at, text in known.items()}


def _unknown(brief: TableBrief, known: tuple[str, ...], table: str, problems: Problems) -> None:
    for name in brief.columns:
        if name not in known:
            problems.add("unknown column name in the brief", column=f"{table}.columns.{name}",
                         fix=nearest(name, known))


def read_workers(brief: TableBrief) -> dict[str, Worker]:
    """Read ``worker_id``, and ``date_of_birth`` or ``age``, and ``apprentice_since``.

    Raises
    ------
    InputError
        Every problem of the file; dates of birth are never shown.
    """
    table, file, problems = read_table(brief.file, sheet=brief.sheet), brief.file.name, Problems()
    known = ("worker_id", "date_of_birth", "age", "apprentice_since")
    _unknown(brief, known, "workers", problems)
    names = {n: column_of(table, brief.columns, n, problems, file=file, required=n == "worker_id")
             for n in known}
    problems.raise_if_any()
    born = _date_column(table, names["date_of_birth"], problems, file, required=False,
                        day_first=brief.day_first)
    since = _date_column(table, names["apprentice_since"], problems, file, required=False,
                         day_first=brief.day_first)
    age_column = names["age"]
    ages_given = {} if age_column is None else _exact(table[age_column], problems, file)
    column = names["worker_id"]
    assert column is not None
    workers: dict[str, Worker] = {}
    for at, worker in table[column].items():
        row = int(str(at))
        if not worker:
            problems.add("no worker", file=file, row=row + 2, column=column, fix="Fill it in.")
        elif worker in workers:
            problems.add("a worker who is there twice", file=file, row=row + 2, column=column,
                         fix="Delete one of the rows.")
        if row not in born and row not in ages_given:
            problems.add("neither date of birth nor age", file=file, row=row + 2,
                         column=names["date_of_birth"] or age_column or "date_of_birth",
                         fix="The minimum wage depends on age: fill in one of them.")
        years = ages_given.get(row)
        workers[str(worker)] = Worker(
            born.get(row), None if years is None else int(years), since.get(row))
    problems.raise_if_any()
    return workers


def ages(
    worker_ids: list[str], begins: list[dt.date], rows: list[int], given: list[int | None],
    workers: Mapping[str, Worker] | None, *, file: str,
) -> tuple[list[int], list[bool]]:
    """Return the age, and whether the apprentice rate applies, on the first day of each period.

    Parameters
    ----------
    worker_ids, begins, rows, given
        Of each period: worker, first day, row of the file, and age where payroll gives it.
    workers
        What is known of workers; None where there is no such file.
    file
        What messages call the file of the rows.

    Raises
    ------
    InputError
        A worker who is not in the file of workers, or of whom the age is not known.
    """
    problems = Problems()
    years: list[int] = []
    apprentice: list[bool] = []
    for worker_id, begin, row, age in zip(worker_ids, begins, rows, given, strict=True):
        worker = None if workers is None else workers.get(worker_id)
        if workers is not None and worker is None:
            problems.add("a worker who is not among the workers", file=file, row=row, column="worker_id",
                         fix="Add the worker to the file of workers.")
        worker = worker or Worker()
        old = age_on(worker.born, begin) if worker.born else age if age is not None else worker.age
        if old is None and not (workers is not None and worker_id not in workers):
            problems.add("the worker's age is not known", file=file, row=row, column="age",
                         fix="Give an age, or a file of workers with dates of birth.")
        years.append(old or 0)
        apprentice.append(apprentice_rate_applies(old or 0, worker.apprentice_since, begin))
    problems.raise_if_any()
    return years, apprentice


def read_pay(brief: TableBrief, rates: Rates) -> tuple[list[Payslip], list[str]]:
    """Read payroll: one row a worker and pay reference period.

    Parameters
    ----------
    brief
        The file and its columns. Needed: ``worker_id``, ``period_start``, ``period_end`` (the last
        day). For each of ``basic``, ``premium``, ``travel``, ``waiting`` and ``other`` (training):
        two of ``..._hours``, ``..._rate_gbp`` and ``..._pay_gbp``, or all three, or for basic,
        travel and waiting the pay alone. The rest are amounts; see ``docs/how-to/evidence-pay.md``.
    rates
        For the cost of ``mileage_miles``.

    Returns
    -------
    payslips, notices
        In the order of the file; sentences on columns that were not read.

    Raises
    ------
    InputError
        Every problem of the file, by row and column.
    """
    table, file, problems = read_table(brief.file, sheet=brief.sheet), brief.file.name, Problems()
    needed = ("worker_id", "period_start", "period_end")
    known = (*needed, *_LINE_COLUMNS, *_SUMS, *_OTHERS)
    _unknown(brief, known, "pay", problems)
    names = {n: column_of(table, brief.columns, n, problems, file=file, required=n in needed) for n in known}
    problems.raise_if_any()
    starts = _date_column(table, names["period_start"], problems, file, required=True,
                          day_first=brief.day_first)
    ends = _date_column(table, names["period_end"], problems, file, required=True, day_first=brief.day_first)
    amounts = {n: _exact(table[c], problems, file) for n, c in names.items()
               if c is not None and n not in needed}
    problems.raise_if_any()
    if not any(amounts.get(n) for n in (*_LINE_COLUMNS, *_SUMS)):
        problems.add("no column of pay was found", file=file, fix=nearest("basic_pay_gbp", table.columns))
    worker_column = names["worker_id"]
    assert worker_column is not None
    slips, seen = [], set()
    for at, worker in table[worker_column].items():
        row = int(str(at))
        if not worker:
            problems.add("no worker", file=file, row=row + 2, column=worker_column, fix="Fill it in.")
        if (worker, starts[row]) in seen:
            problems.add("the same worker and period are there twice", file=file, row=row + 2,
                         column=worker_column, fix="Add the rows up, or delete one.")
        seen.add((worker, starts[row]))
        cells = {n: values[row] for n, values in amounts.items() if row in values}
        slips.append(_slip(str(worker), starts[row], ends[row], row + 2, cells, rates, problems, file))
    problems.raise_if_any()
    unread = [c for c in table.columns if c not in set(names.values())]
    notices = [f"Columns of {file} that were not read: {', '.join(unread)}."] if unread else []
    return slips, notices


def _slip(
    worker: str, begin: dt.date, end: dt.date, row: int, cells: Mapping[str, Fraction], rates: Rates,
    problems: Problems, file: str,
) -> Payslip:
    lines: list[PayLine] = []
    open_lines: dict[LineFor, Fraction] = {}
    for prefix, for_ in _LINES.items():
        hours, rate, paid = (cells.get(f"{prefix}_{c}") for c in ("hours", "rate_gbp", "pay_gbp"))
        message = _line(for_, hours, rate, paid, lines, open_lines)
        if message:
            problems.add(message, file=file, row=row, column=f"{prefix}_pay_gbp",
                         fix="Give hours and rate, or hours and pay; where all three are there, they agree.")
    charge, days = cells.get("accommodation_charge_gbp"), cells.get("accommodation_days")
    if (charge is None) != (not days):
        problems.add("accommodation needs both the charge and the days", file=file, row=row,
                     column="accommodation_charge_gbp", fix="Write 0 as the charge where it is free.")
    miles, cost = cells.get("mileage_miles"), cells.get("mileage_cost_gbp")
    if cost is None and miles is not None:
        cost = rates.mileage_cost(miles * MILE_KM, dt.date(tax_year(begin), 4, 6))
    pay = PeriodPay(
        lines=tuple(lines),
        **{field: cells.get(name, Fraction(0)) for name, field in _SUMS.items()},
        mileage_cost_gbp=cost or Fraction(0), accommodation_charge_gbp=charge,
        accommodation_days=int(days or 0), lowest_rate_gbp=cells.get("lowest_rate_gbp"),
    )
    age = cells.get("age")
    return Payslip(
        worker_id=worker, begin=begin, end=end, row=row, age=None if age is None else int(age), pay=pay,
        open_lines=open_lines, mileage_known=cost is not None)


def _line(
    for_: LineFor, hours: Fraction | None, rate: Fraction | None, paid: Fraction | None,
    lines: list[PayLine], open_lines: dict[LineFor, Fraction],
) -> str:
    """Add one line of pay; return what is wrong with it, or nothing."""
    if not paid and not hours:
        return ""
    if hours is None and rate is None:
        if for_ not in {"contact", "travel", "wait"}:
            return "pay without hours"
        assert paid is not None
        open_lines[for_] = paid
        return ""
    if hours is None:
        if not rate:
            return "pay at a rate of 0"
        assert paid is not None
        hours = paid / rate
    if paid is None:
        if rate is None:
            return "hours without pay or rate"
        paid = hours * rate
    if rate is None:
        if not hours:
            return "pay for no hours"
        rate = paid / hours
    # Payroll rounds hours to hundredths and pay to pence.
    if abs(hours * rate - paid) > Fraction(1, 100) + rate / 200:
        return "pay is not hours x rate"
    lines.append(PayLine(for_, hours, rate, paid))
    return ""
