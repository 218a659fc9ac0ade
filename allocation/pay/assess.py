"""Hours, pay, verdict, arrears and break-even, by worker and period and by lot.

Two ways in: :func:`assess` takes what payroll paid, :func:`assess_policy` what a provider would pay
by rule for planned rounds. Both give a :class:`PayResult`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pandas as pd

from lotting.errors import Problems

from .activities import check_activities
from .lots import by_lot
from .money import Money, hours, pence, pence_up
from .policy import PayPolicy, WorkTime, pay_under
from .rates import Rate, RateNotKnownError, Rates, builtin_rates
from .remedies import Penalty, arrears, penalty
from .remuneration import PeriodPay
from .rules import PREMIUM_READINGS, PremiumReading, effective_rate, period_ends, uplifted
from .totals import outside_periods, sleep_in_nights, totals
from .verdict import Case, break_even, what_bites

__all__ = ["PayResult", "assess", "assess_policy", "car_costs", "check_periods", "planned_periods"]

PERIOD_COLUMNS = ("worker_id", "period_start", "period_end", "age", "apprentice")
#: How a period's hours are shown, and the kinds of time behind each.
HOURS = {
    "contact_hours": ("contact",), "travel_hours": ("travel",), "waiting_hours": ("wait",),
    "training_hours": ("training", "training_travel"), "sleep_in_hours": ("sleep_in",),
    "rest_hours": ("rest",), "home_gap_hours": ("home_gap",), "commute_hours": ("commute",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PayResult:
    """What was found; all money in pounds as :class:`~decimal.Decimal`, rounded to the penny.

    Attributes
    ----------
    periods
        One row a worker and period: hours by kind, ``counted_hours`` (and exact
        ``counted_seconds``), ``pay_counted_gbp``, ``effective_rate_gbp`` (None where no time
        counts; rounded down where it is below the minimum wage), ``statutory_rate_gbp`` with its
        ``band``, ``margin_gbp`` an hour (negative: below), ``complies``, ``shortfall_gbp``,
        ``arrears_gbp``, ``bites`` (keys of rules, the dearest first),
        ``break_even_contact_rate_gbp``, the shortfall under each reading of premium pay
        (``shortfall_none_gbp``, ...), and for the uplift ``uplift_rate_gbp``,
        ``uplift_effective_gbp``, ``uplift_met``.
    parts
        ``worker_id``, ``period_start``, ``rule``, ``gbp``: how pay that counts came about; the
        amounts of a period add up to it, each rounded.
    lots
        One row a lot and one for ``all``; see :func:`~allocation.pay.lots.by_lot`.
    break_even_contact_rate_gbp
        The lowest contact rate in whole pence at which every period complies; None: no rate does.
    penalty
        Of one notice for every underpaid period.
    figures
        The figures looked up: ``what``, ``since``, ``gbp``, ``status``, ``source``.
    notices
        What the user should know, in whole sentences.
    """

    periods: pd.DataFrame
    parts: pd.DataFrame
    lots: pd.DataFrame
    break_even_contact_rate_gbp: Decimal | None
    penalty: Penalty
    reading: PremiumReading
    uplift_pct: Decimal
    arrears_on: dt.date
    figures: pd.DataFrame
    notices: tuple[str, ...]

    @property
    def complies(self) -> bool:
        """Whether every period complies with the minimum wage."""
        return bool(self.periods["complies"].all())


def planned_periods(activities: pd.DataFrame, *, age: int = 21) -> pd.DataFrame:
    """Make pay reference periods for planned rounds.

    Parameters
    ----------
    activities
        As :mod:`~allocation.pay.activities` describes them.
    age
        Age of every worker; 21 is the adult rate since April 2024, the dearest case.

    Returns
    -------
    pandas.DataFrame
        ``worker_id``, ``period_start``, ``period_end``, ``age``, ``apprentice``. One period a
        worker, from the first to the last day of the whole plan where that is no longer than a
        month; else the calendar months (regulation 6).
    """
    begin = activities["start"].min().date()
    end = max((activities["end"].max() - pd.Timedelta(seconds=1)).date(), begin)
    if end <= period_ends(begin, length="month"):
        spans = [(begin, end)]
    else:
        months = pd.period_range(begin, end, freq="M")
        spans = [(m.start_time.date(), m.end_time.date()) for m in months]
    rows = [(w, a, b, age, False) for w in sorted(set(activities["worker_id"])) for a, b in spans]
    return _with_days(pd.DataFrame(rows, columns=list(PERIOD_COLUMNS)))


def _with_days(periods: pd.DataFrame) -> pd.DataFrame:
    frame = periods.reset_index(drop=True)
    for column in ("period_start", "period_end"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
    frame["worker_id"] = frame["worker_id"].astype("str")
    return frame


class _Period(NamedTuple):
    worker_id: str
    begin: dt.date
    end: dt.date
    age: int
    apprentice: bool


def _days(times: pd.Series[Any]) -> list[dt.date]:
    return [dt.date.fromisoformat(text) for text in times.dt.strftime("%Y-%m-%d")]


def _list(periods: pd.DataFrame) -> list[_Period]:
    return [
        _Period(str(w), a, b, int(age), bool(apprentice)) for w, a, b, age, apprentice in zip(
            periods["worker_id"], _days(periods["period_start"]), _days(periods["period_end"]),
            periods["age"], periods["apprentice"], strict=True)]


def car_costs(periods: pd.DataFrame, sums: pd.DataFrame, rates: Rates) -> list[Fraction]:
    """Return what driving the own car cost each worker in each period, at the approved rates.

    Parameters
    ----------
    periods
        ``worker_id``, ``period_start``.
    sums
        As :func:`~allocation.pay.totals.totals` returns them.
    rates
        The rate is that of the tax year; its first 10,000 miles are counted from the first period
        that is given.

    Returns
    -------
    list of Fraction
        Pounds, in the order of ``periods``.
    """
    costs = [Fraction(0)] * len(periods)
    driven: dict[tuple[str, int], Fraction] = {}
    by_year = sums.groupby(["period", "tax_year"], as_index=False)["metres"].sum()
    order = periods["period_start"].reset_index(drop=True)
    by_year = by_year.assign(day=by_year["period"].map(order)).sort_values(["day", "tax_year"], kind="stable")
    workers = periods["worker_id"].to_list()
    for period, year, metres in by_year[["period", "tax_year", "metres"]].to_numpy(dtype="int64").tolist():
        if not metres:
            continue
        key = (str(workers[period]), year)
        km = Fraction(metres, 1000)
        before = driven.get(key, Fraction(0))
        costs[period] += rates.mileage_cost(km, dt.date(year, 4, 6), before)
        driven[key] = before + km
    return costs


def _seconds_of(sums: pd.DataFrame) -> dict[tuple[int, str], tuple[int, int]]:
    """Return seconds, and those that count, by period and kind."""
    grouped = sums.groupby(["period", "kind"], as_index=False)[["seconds", "counted_seconds"]].sum()
    columns = (grouped[c].to_list() for c in ("period", "kind", "seconds", "counted_seconds"))
    return {(int(p), str(kind)): (int(a), int(b)) for p, kind, a, b in zip(*columns, strict=True)}


def assess(
    activities: pd.DataFrame,
    periods: pd.DataFrame,
    pays: Sequence[PeriodPay],
    *,
    rates: Rates | None = None,
    reading: PremiumReading = "premium",
    uplift_pct: Money = 0,
    arrears_on: dt.date | None = None,
    notices: Sequence[str] = (),
    files: tuple[str, str] = ("activities", "periods"),
) -> PayResult:
    """Check what was paid against the minimum wage.

    Parameters
    ----------
    activities
        See :mod:`~allocation.pay.activities`.
    periods
        One row a worker and pay reference period: ``worker_id``, ``period_start``, ``period_end``
        (the last day), ``age`` (whole years on the first day), ``apprentice`` (whether the
        apprentice rate applies). Periods of one worker do not overlap, and none is longer than a
        month.
    pays
        What was paid, in the order of ``periods``.
    rates
        The built-in tables when left out.
    reading
        What is taken for premium pay; the shortfall under every reading is shown in any case.
    uplift_pct
        A further test of minimum wage plus this share.
    arrears_on
        The day whose rates arrears are reckoned at; the last day of the last period when left out.
    notices
        Sentences to carry into the result.
    files
        What messages call the activities and the periods; ``periods`` may have a column ``row``.

    Raises
    ------
    InputError
        Activities that are wrong, in no period of their worker, or of a worker who has none;
        periods that overlap or are too long; a day or age without a rate.
    """
    rates = rates or builtin_rates()
    ready = check_activities(activities, file=files[0])
    frame = _with_days(periods)
    check_periods(frame, rates, file=files[1])
    _check_cover(ready, frame, files)
    sums = totals(ready, frame)
    return _judge(frame, sums, list(pays), rates, reading, Fraction(str(uplift_pct)), arrears_on, notices)


def assess_policy(
    activities: pd.DataFrame,
    policy: PayPolicy,
    periods: pd.DataFrame | None = None,
    *,
    rates: Rates | None = None,
    reading: PremiumReading = "premium",
    arrears_on: dt.date | None = None,
    notices: Sequence[str] = (),
    files: tuple[str, str] = ("activities", "periods"),
) -> PayResult:
    """Check a way of paying against the minimum wage, for planned rounds or a real rota.

    Parameters
    ----------
    activities, rates, reading, arrears_on, notices, files
        As for :func:`assess`.
    policy
        How the provider pays.
    periods
        As for :func:`assess`; :func:`planned_periods` when left out.

    Raises
    ------
    InputError
        As for :func:`assess`.
    """
    rates = rates or builtin_rates()
    ready = check_activities(activities, file=files[0])
    frame = _with_days(planned_periods(ready) if periods is None else periods)
    check_periods(frame, rates, file=files[1])
    _check_cover(ready, frame, files)
    sums = totals(ready, frame)
    costs, nights = car_costs(frame, sums, rates), sleep_in_nights(ready, frame)
    times = _seconds_of(sums)
    metres = sums.groupby("period")["metres"].sum().reindex(range(len(frame)), fill_value=0)
    pays = []
    for p in range(len(frame)):
        counted = {k: times.get((p, k), (0, 0))[1] for k in ("contact", "travel", "wait", "training",
                                                            "training_travel")}
        time = WorkTime(
            contact_seconds=counted["contact"], travel_seconds=counted["travel"],
            wait_seconds=counted["wait"],
            training_seconds=counted["training"] + counted["training_travel"],
            sleep_ins=nights[p], metres=int(metres.iloc[p]))
        pays.append(pay_under(policy, time, costs[p]))
    uplift = Fraction(policy.uplift_pct)
    return _judge(frame, sums, pays, rates, reading, uplift, arrears_on, notices)


def check_periods(periods: pd.DataFrame, rates: Rates, *, file: str = "periods") -> None:
    """Check pay reference periods by themselves.

    Parameters
    ----------
    periods
        As :func:`assess` takes them, days as datetime64; messages name ``row`` where it is there.
    rates
        Every period needs a rate.
    file
        What messages call the periods.

    Raises
    ------
    InputError
        Periods that end before they begin, are longer than a month or overlap, and days or ages
        without a rate.
    """
    problems = Problems()
    numbers = periods["row"] if "row" in periods else pd.Series(range(2, len(periods) + 2))
    for i, p in zip(numbers.to_list(), _list(periods), strict=True):
        begin, end = p.begin, p.end
        if end < begin:
            problems.add("the period ends before it begins", file=file, row=i, column="period_end",
                         fix="Check both days.")
        elif end > period_ends(begin, length="month"):
            problems.add("the period is longer than a month", file=file, row=i, column="period_end",
                         fix="Pay is checked by the month, or by the shorter pay period (regulation 6).")
        try:
            rates.wage(begin, p.age, apprentice=p.apprentice)
        except RateNotKnownError as error:
            problems.add(str(error), file=file, row=i, column="period_start",
                         fix="Check the period and the age, or name a file of rates.")
    ordered = periods.sort_values(["worker_id", "period_start"])
    last = ordered.groupby("worker_id")["period_end"].shift()
    for i in ordered.index[ordered["period_start"] <= last]:
        problems.add("overlaps an earlier period of the same worker", file=file, row=int(numbers[i]),
                     column="period_start", fix="Periods of one worker must not overlap.")
    problems.raise_if_any()


def _check_cover(activities: pd.DataFrame, periods: pd.DataFrame, files: tuple[str, str]) -> None:
    """Check that every stretch of time lies in a period of its worker."""
    problems = Problems()
    unknown = activities[~activities["worker_id"].isin(periods["worker_id"])]
    outside = outside_periods(activities, periods)
    outside = outside[outside["worker_id"].isin(periods["worker_id"])]
    for rows, message in ((unknown, "time of a worker for whom there is no pay"),
                          (outside, "time in no pay reference period of the worker")):
        for row in rows["row"].drop_duplicates().head(5):
            problems.add(message, file=files[0], row=int(row), column="worker_id",
                         fix="Add the worker's pay for that time.")
        if rows["row"].nunique() > 5:
            problems.add(f"{rows['row'].nunique() - 5} more rows like these", file=files[0])
    problems.raise_if_any()


def _judge(
    periods: pd.DataFrame, sums: pd.DataFrame, pays: list[PeriodPay], rates: Rates, reading: PremiumReading,
    uplift_pct: Fraction, arrears_on: dt.date | None, notices: Sequence[str],
) -> PayResult:
    listed = _list(periods)
    last = max(p.end for p in listed)
    day = arrears_on or last
    times = _seconds_of(sums)
    metres = sums.groupby("period")["all_metres"].sum().reindex(range(len(periods)), fill_value=0)
    uplift = Decimal(uplift_pct.numerator) / Decimal(uplift_pct.denominator)
    cases, rows, parts, underpaid = [], [], [], []
    for p, (period, pay) in enumerate(zip(listed, pays, strict=True)):
        begin = period.begin
        row = rates.wage(begin, period.age, apprentice=period.apprentice)
        counted = {k: times.get((p, k), (0, 0))[1]
                   for kinds in HOURS.values() for k in kinds}
        case = Case(
            pay=pay, contact_seconds=counted["contact"], travel_seconds=counted["travel"],
            wait_seconds=counted["wait"], training_seconds=counted["training"] + counted["training_travel"],
            awake_seconds=counted["sleep_in"], rate_gbp=row.rate_gbp,
            daily_offset_gbp=rates.offset(begin).daily_gbp, reading=reading, uplift_pct=uplift)
        cases.append(case)
        spent = {name: sum(times.get((p, k), (0, 0))[0] for k in kinds) for name, kinds in HOURS.items()}
        head = {"worker_id": period.worker_id, "period_start": begin, "period_end": period.end}
        verdict = _verdict(case, row, spent, int(metres.iloc[p]), rates, day)
        rows.append(head | verdict)
        parts += [{"worker_id": period.worker_id, "period_start": begin, "rule": key, "gbp": pence(gbp)}
                  for key, gbp in case.counted().parts.items()]
        underpaid.append((period.worker_id, begin, Decimal(verdict["shortfall_gbp"])))
    found = pd.DataFrame(rows)
    said = [*rates.notes, *notices, *_old_rates(rates, max(day, last))]
    return PayResult(
        periods=found, parts=pd.DataFrame(parts, columns=["worker_id", "period_start", "rule", "gbp"]),
        lots=by_lot(periods["worker_id"], sums, cases),
        break_even_contact_rate_gbp=break_even(cases),
        penalty=penalty(underpaid, rates), reading=reading, uplift_pct=uplift, arrears_on=day,
        figures=_figures(listed, pays, rates, day),
        notices=tuple(dict.fromkeys(said)),
    )


def _verdict(
    case: Case, row: Rate, spent: dict[str, int], metres: int, rates: Rates, day: dt.date
) -> dict[str, Any]:
    counted, seconds = case.counted(), case.counted_seconds
    effective = effective_rate(counted.pay_gbp, seconds)
    missing = pence_up(case.shortfall())
    uplift_effective = effective_rate(counted.pay_gbp, case.uplift_seconds)
    now = rates.current(row, max(day, row.periods_from))
    return {
        "band": row.band,
        **{name: pence(hours(s)) for name, s in spent.items()},
        "awake_hours": pence(hours(case.awake_seconds)),
        "counted_hours": pence(hours(seconds)),
        "not_counted_hours": pence(hours(sum(spent.values()) - seconds)),
        "counted_seconds": seconds,
        "km": pence(Fraction(metres, 1000)),
        "pay_counted_gbp": pence(counted.pay_gbp),
        "effective_rate_gbp": _rate_shown(effective, Fraction(row.rate_gbp)),
        "statutory_rate_gbp": row.rate_gbp,
        "margin_gbp": None if effective is None else _margin(effective - Fraction(row.rate_gbp)),
        "complies": case.complies(legal_only=True),
        "shortfall_gbp": missing,
        "arrears_gbp": arrears(missing, row.rate_gbp, now.rate_gbp),
        "bites": ", ".join(key for key, _ in what_bites(case)),
        "break_even_contact_rate_gbp": break_even([case]),
        **{f"shortfall_{r}_gbp": pence_up(case.shortfall(reading=r)) for r in PREMIUM_READINGS},
        "uplift_rate_gbp": pence_up(uplifted(row.rate_gbp, case.uplift_pct)),
        "uplift_effective_gbp": _rate_shown(uplift_effective, uplifted(row.rate_gbp, case.uplift_pct)),
        "uplift_met": case.complies(),
    }


def _rate_shown(rate: Fraction | None, wanted: Fraction) -> Decimal | None:
    """Round a rate half up, but down where it is below what is wanted: a breach must show."""
    if rate is None:
        return None
    return -pence_up(-rate) if rate < wanted else pence(rate)


def _figures(periods: list[_Period], pays: list[PeriodPay], rates: Rates, day: dt.date) -> pd.DataFrame:
    """List every figure that was looked up, with its source."""
    rows: list[tuple[str, dt.date, str, str, str]] = []
    for period, pay in zip(periods, pays, strict=True):
        wage = rates.wage(period.begin, period.age, apprentice=period.apprentice)
        now = rates.current(wage, max(day, wage.periods_from))
        rows += [(f"minimum wage, {r.band}", r.periods_from, f"{r.rate_gbp} an hour", r.status, r.source)
                 for r in (wage, now)]
        if pay.accommodation_days:
            o = rates.offset(period.begin)
            rows.append(("accommodation offset", o.periods_from, f"{o.daily_gbp} a day", o.status, o.source))
        if pay.mileage_cost_gbp:
            for m in (rates.mileage_rate(period.begin), rates.mileage_rate(period.end)):
                text = (f"{m.first_gbp_per_mile} a mile for {m.first_miles:,} miles, then "
                        f"{m.after_gbp_per_mile}")
                rows.append(("approved mileage rate, cars", m.journeys_from, text, m.status, m.source))
    return pd.DataFrame(sorted(set(rows)), columns=["what", "since", "gbp", "status", "source"])


def _margin(value: Fraction) -> Decimal:
    """Round a margin away from zero, so that a breach never shows as 0.00."""
    return -pence_up(-value) if value < 0 else pence(value)


def _old_rates(rates: Rates, on: dt.date) -> list[str]:
    newest = max(r.periods_from for r in rates.wages)
    if on < newest.replace(year=newest.year + 1):
        return []
    day = f"{newest.day} {newest:%B %Y}"
    return [f"The newest minimum wage known is that of {day}. For later periods name a file of rates."]
