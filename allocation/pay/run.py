"""From a pay brief to a result and the evidence report."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pandas as pd

from lotting.errors import Problems
from lotting.files import replace_all

from .activities import check_activities
from .assess import PayResult, assess, assess_policy, car_costs, check_periods
from .brief import PayBrief
from .evidence import Evidence, write_html, write_workbook
from .payroll import Payslip, Worker, ages, read_pay, read_workers
from .rates import Rates, builtin_rates
from .remuneration import LineFor, PeriodPay
from .rota import read_rota
from .rules import period_ends
from .totals import outside_periods, totals

__all__ = ["PayRun", "check_pay", "describe", "run"]

HTML, WORKBOOK = "pay-evidence.html", "pay-evidence.xlsx"


@dataclass(frozen=True, slots=True)
class PayRun:
    """What a run gave: the result, the activities behind it, and the files written."""

    result: PayResult
    activities: pd.DataFrame
    files: tuple[Path, ...]


def run(brief: PayBrief, out: Path) -> PayRun:
    """Check the pay of a brief and write the report; see :func:`allocation.pay.brief.run_pay`."""
    result, activities = check_pay(brief)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as draft:
        evidence = describe(brief)
        write_html(Path(draft) / HTML, result, evidence)
        write_workbook(Path(draft) / WORKBOOK, result, evidence, activities)
        replace_all(Path(draft), out, (HTML, WORKBOOK))
    return PayRun(result, activities, (out / HTML, out / WORKBOOK))


def check_pay(brief: PayBrief) -> tuple[PayResult, pd.DataFrame]:
    """Check the pay of a brief; write nothing.

    Returns
    -------
    result, activities

    Raises
    ------
    InputError
        Every problem of one of the files.
    """
    rates = builtin_rates() if brief.check.rates is None else builtin_rates().extended(brief.check.rates)
    activities, notices = read_rota(brief.rota)
    workers = None if brief.workers is None else read_workers(brief.workers)
    if brief.policy is None:
        return _from_payroll(brief, activities, workers, rates, notices), activities
    periods = _policy_periods(brief, activities, workers)
    policy = brief.policy
    if not policy.uplift_pct:
        policy = policy.model_copy(update={"uplift_pct": brief.check.uplift_pct})
    result = assess_policy(
        activities, policy, periods, rates=rates, reading=brief.check.premium,
        arrears_on=brief.check.arrears_on, notices=notices, files=(brief.rota.file.name, "periods"))
    return result, activities


def describe(brief: PayBrief) -> Evidence:
    """Say in words what a brief assumes, for the report."""
    rota, said = brief.rota, []
    if rota.gaps == "fill":
        said += [
            (f"What is left of a gap between visits after travel is waiting, and counts, up to "
            f"{rota.waiting_up_to_minutes:g} minutes."),
            (f"In a longer gap the worker is taken to go home where the way there and back leaves "
            f"{rota.least_at_home_minutes:g} minutes or more at home; then nothing of the gap counts. Where "
            f"the way home is not known, travel to the next visit counts and the rest does not."),
            f"A gap of more than {rota.new_round_after_minutes:g} minutes ends a round.",
        ]
    else:
        said.append("The rota's own rows of travel, waiting and rest were taken as they stand.")
    if brief.policy is not None:
        said.append("Pay is what the policy in the brief would pay, not what payroll paid.")
        said += [f"Policy: {key.replace('_', ' ')} = {value}." for key, value in brief.policy if value]
    return Evidence(
        title=brief.report.title, provider=brief.report.provider, prepared_on=brief.report.prepared_on,
        assumptions=tuple(said))


def _from_payroll(
    brief: PayBrief, activities: pd.DataFrame, workers: dict[str, Worker] | None, rates: Rates,
    notices: list[str],
) -> PayResult:
    assert brief.pay is not None
    file = brief.pay.file.name
    slips, said = read_pay(brief.pay, rates)
    years, apprentice = ages(
        [s.worker_id for s in slips], [s.begin for s in slips], [s.row for s in slips],
        [s.age for s in slips], workers, file=file)
    periods = pd.DataFrame({
        "worker_id": [s.worker_id for s in slips], "period_start": [s.begin for s in slips],
        "period_end": [s.end for s in slips], "age": years, "apprentice": apprentice,
        "row": [s.row for s in slips]})
    for column in ("period_start", "period_end"):
        periods[column] = pd.to_datetime(periods[column]).astype("datetime64[s]")
    check_periods(periods, rates, file=file)
    pays = _whole_pay(slips, activities, periods, rates, file)
    return assess(
        activities, periods, pays, rates=rates, reading=brief.check.premium,
        uplift_pct=brief.check.uplift_pct, arrears_on=brief.check.arrears_on, notices=[*notices, *said],
        files=(brief.rota.file.name, file))


def _whole_pay(
    slips: list[Payslip], activities: pd.DataFrame, periods: pd.DataFrame, rates: Rates, file: str
) -> list[PeriodPay]:
    """Fill hours and mileage of the rota into payroll."""
    ready = check_activities(activities, file=file)
    # What lies in no period is named by the check itself, with the row of the rota.
    inside = ready.drop(index=outside_periods(ready, periods).index)
    sums = totals(inside.reset_index(drop=True), periods)
    costs = car_costs(periods, sums, rates)
    counted = sums.groupby(["period", "kind"])["counted_seconds"].sum()
    problems, pays = Problems(), []
    for i, slip in enumerate(slips):
        contact, travel, wait = (
            Fraction(int(counted.get((i, kind), 0)), 3600) for kind in ("contact", "travel", "wait"))
        hours: dict[LineFor, Fraction] = {"contact": contact, "travel": travel, "wait": wait}
        none = not (sums["period"] == i).any()
        if none and (slip.pay.lines or slip.open_lines):
            problems.add("pay for work, but no visit in that period", file=file, row=slip.row,
                         column="worker_id",
                         fix="Add the visits to the rota; holiday and sick pay go into uncounted_pay_gbp.")
            continue
        try:
            pays.append(slip.with_rota(hours, costs[i]))
        except ValueError as error:
            problems.add(f"pay for {error.args[0]} time without hours, and the rota has none", file=file,
                         row=slip.row, column="worker_id", fix="Give the hours that were paid.")
    problems.raise_if_any()
    return pays


def _policy_periods(
    brief: PayBrief, activities: pd.DataFrame, workers: dict[str, Worker] | None
) -> pd.DataFrame:
    first = brief.periods.first or dt.date.fromisoformat(activities["start"].min().strftime("%Y-%m-%d"))
    last = dt.date.fromisoformat((activities["end"].max() - pd.Timedelta(seconds=1)).strftime("%Y-%m-%d"))
    spans = []
    begin = first
    while begin <= last:
        end = period_ends(begin, length=brief.periods.length)
        spans.append((begin, end))
        begin = end + dt.timedelta(days=1)
    here = activities.groupby("worker_id")["row"].min()
    rows = [(str(w), a, b, int(row)) for w, row in here.items() for a, b in spans]
    years, apprentice = ages(
        [r[0] for r in rows], [r[1] for r in rows], [r[3] for r in rows], [brief.periods.age] * len(rows),
        workers, file=brief.rota.file.name)
    frame = pd.DataFrame({
        "worker_id": [r[0] for r in rows], "period_start": [r[1] for r in rows],
        "period_end": [r[2] for r in rows], "age": years, "apprentice": apprentice})
    for column in ("period_start", "period_end"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
    return frame
