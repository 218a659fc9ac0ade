"""The minimum wage, the accommodation offset, mileage rates and penalties: looked up, never computed.

Each table is a CSV file beside this module with the source of every row and whether it was found
there or recalled. A council or provider adds what is announced later in a file of its own
(:meth:`Rates.extended`), so that a new rate, or a new age band, needs no new program.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeVar

from lotting.errors import LottingError, Problems
from lotting.tables import read_table, require_column

from .money import MILE_KM, Money, exact

__all__ = [
    "MileageRate",
    "Offset",
    "PenaltyRate",
    "Rate",
    "RateNotKnownError",
    "Rates",
    "age_on",
    "apprentice_rate_applies",
    "builtin_rates",
    "tax_year",
]

APPRENTICE = "apprentice"
_HERE = Path(__file__).parent


class RateNotKnownError(LottingError, LookupError):
    """The tables hold no rate for that day or age."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of ``rates.csv``: an hourly minimum for a band of ages.

    It holds for pay reference periods *beginning* on or after ``periods_from``, until the next.
    """

    periods_from: dt.date
    band: str
    age_from: int | None  # None for the apprentice rate
    age_to: int | None  # inclusive; None for no upper end
    rate_gbp: Decimal
    status: str
    source: str

    def covers(self, age: int) -> bool:
        """Tell whether the band holds workers of this age."""
        if self.age_from is None:
            return False
        return self.age_from <= age and (self.age_to is None or age <= self.age_to)


@dataclass(frozen=True, slots=True)
class Offset:
    """One row of ``offsets.csv``: what a day of living accommodation counts for."""

    periods_from: dt.date
    daily_gbp: Decimal
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class MileageRate:
    """One row of ``mileage.csv``: HM Revenue & Customs' approved mileage rates for cars."""

    journeys_from: dt.date
    first_miles: int  # of a tax year
    first_gbp_per_mile: Decimal
    after_gbp_per_mile: Decimal
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class PenaltyRate:
    """One row of ``penalty.csv``: the penalty for underpayment in periods from a day on."""

    periods_from: dt.date
    percent: int
    least_gbp: int  # per notice
    most_gbp: int
    most_per: str  # "notice" or "worker"
    status: str
    source: str


_Row = TypeVar("_Row", Rate, Offset, MileageRate, PenaltyRate)


def _latest(rows: Sequence[_Row], start: Callable[[_Row], dt.date], on: dt.date, what: str) -> _Row:
    known = [r for r in rows if start(r) <= on]
    if not known:
        raise RateNotKnownError(f"no {what} is known for {on.day} {on:%B %Y}")
    return max(known, key=start)


@dataclass(frozen=True, slots=True)
class Rates:
    """Every table of figures that the rules look things up in."""

    wages: tuple[Rate, ...]
    offsets: tuple[Offset, ...]
    mileage: tuple[MileageRate, ...]
    penalties: tuple[PenaltyRate, ...]
    notes: tuple[str, ...] = field(default=())

    def wage(self, period_start: dt.date, age: int, *, apprentice: bool = False) -> Rate:
        """Return the minimum wage for a pay reference period.

        Parameters
        ----------
        period_start
            First day of the pay reference period; a new rate applies only to periods that begin on
            or after its date (regulation 4(2): "the rate which applies to the worker on the first
            day of that period").
        age
            In whole years on that first day.
        apprentice
            Whether the apprentice rate applies; see :func:`apprentice_rate_applies`.

        Raises
        ------
        RateNotKnownError
            The period is older than the tables, or the age is below every band.

        Examples
        --------
        >>> builtin_rates().wage(dt.date(2026, 3, 31), 30).rate_gbp
        Decimal('12.21')
        >>> builtin_rates().wage(dt.date(2026, 4, 1), 30).rate_gbp
        Decimal('12.71')
        """
        since = max((r.periods_from for r in self.wages if r.periods_from <= period_start), default=None)
        if since is None:
            raise RateNotKnownError(f"no minimum wage is known for {period_start.day} {period_start:%B %Y}")
        rows = [r for r in self.wages if r.periods_from == since]
        found = [r for r in rows if (r.band == APPRENTICE if apprentice else r.covers(age))]
        if not found:
            what = "an apprentice" if apprentice else f"age {age}"
            raise RateNotKnownError(f"the minimum wage from {since.day} {since:%B %Y} has no band for {what}")
        return found[0]

    def current(self, row: Rate, on: dt.date) -> Rate:
        """Return today's rate of the band a worker was in then, for arrears.

        Where the bands have changed since, it is the band that holds the youngest age of the old
        one: a worker of 25 in 2017 is set against the rate for 25 year olds today (NMWM13160).
        """
        if row.band == APPRENTICE:
            return self.wage(on, 0, apprentice=True)
        assert row.age_from is not None
        return self.wage(on, row.age_from)

    def offset(self, period_start: dt.date) -> Offset:
        """Return the accommodation offset in force on the first day of the period (NMWM03080)."""
        return _latest(self.offsets, lambda r: r.periods_from, period_start, "accommodation offset")

    def mileage_rate(self, on: dt.date) -> MileageRate:
        """Return the approved mileage rate for a journey on a day."""
        return _latest(self.mileage, lambda r: r.journeys_from, on, "mileage rate")

    def mileage_cost(self, km: Money, on: dt.date, km_before: Money = 0) -> Fraction:
        """Return what driving costs at the approved rates, in pounds.

        Parameters
        ----------
        km
            Kilometres driven in the worker's own car.
        on
            The day; the rate is that of the day.
        km_before
            Kilometres already driven in the same tax year (see :func:`tax_year`).

        Examples
        --------
        >>> float(builtin_rates().mileage_cost(MILE_KM * 100, dt.date(2026, 4, 5)))
        45.0
        >>> float(builtin_rates().mileage_cost(MILE_KM * 100, dt.date(2026, 4, 6)))
        55.0
        """
        row = self.mileage_rate(on)
        before, driven = exact(km_before) / MILE_KM, exact(km) / MILE_KM
        first = max(Fraction(0), min(driven, row.first_miles - before))
        return first * Fraction(row.first_gbp_per_mile) + (driven - first) * Fraction(row.after_gbp_per_mile)

    def penalty_rate(self, period_start: dt.date) -> PenaltyRate:
        """Return the penalty for underpayment in a period that began on a day (NMWM13219)."""
        return _latest(self.penalties, lambda r: r.periods_from, period_start, "penalty")

    def extended(self, path: Path) -> Rates:
        """Return these rates and those of a file of the user's, laid out as ``rates.csv``.

        Parameters
        ----------
        path
            CSV or Excel: ``periods_from``, ``band``, ``age_from``, ``age_to``, ``rate_gbp`` and,
            where wanted, ``source``. A day that is there already is replaced as a whole.

        Raises
        ------
        InputError
            A column is missing, or a cell is no date, age or amount.
        """
        table, name = read_table(path), Path(path).name
        problems = Problems()
        wanted = ("periods_from", "band", "age_from", "age_to", "rate_gbp")
        for column in wanted:
            require_column(table, column, problems, file=name)
        problems.raise_if_any()
        rows = []
        for at, cells in zip(table.index, table.to_dict("records"), strict=True):
            try:
                given = {str(k): str(v) for k, v in cells.items()}
                rows.append(_rate({"status": "given by the user", "source": "", **given}))
            except (ValueError, ArithmeticError) as error:
                problems.add(f"not a rate: {error}", file=name, row=int(at) + 2,
                             fix="Write periods_from as 2027-04-01, ages as 21, rate_gbp as 12.71.")
        problems.raise_if_any()
        days = {r.periods_from for r in rows}
        kept = tuple(r for r in self.wages if r.periods_from not in days)
        return replace(self, wages=kept + tuple(rows), notes=(*self.notes, f"Rates of {name} were added."))


def _rows(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _rate(r: dict[str, str]) -> Rate:
    rate = Decimal(r["rate_gbp"])
    if not rate.is_finite() or rate <= 0:
        raise ValueError("the rate must be above 0")
    band, age_from = r["band"].strip(), r["age_from"].strip()
    if not age_from and band != APPRENTICE:
        raise ValueError("only the band apprentice goes without age_from")
    return Rate(
        dt.date.fromisoformat(r["periods_from"]), band,
        int(age_from) if age_from else None, int(r["age_to"]) if r["age_to"].strip() else None,
        rate, r["status"], r["source"],
    )


@cache
def builtin_rates() -> Rates:
    """Read the tables that come with the program."""
    day = dt.date.fromisoformat
    return Rates(
        wages=tuple(_rate(r) for r in _rows("rates.csv")),
        offsets=tuple(
            Offset(day(r["periods_from"]), Decimal(r["daily_gbp"]), r["status"], r["source"])
            for r in _rows("offsets.csv")),
        mileage=tuple(
            MileageRate(day(r["journeys_from"]), int(r["first_miles"]), Decimal(r["first_gbp_per_mile"]),
                        Decimal(r["after_gbp_per_mile"]), r["status"], r["source"])
            for r in _rows("mileage.csv")),
        penalties=tuple(
            PenaltyRate(day(r["periods_from"]), int(r["percent"]), int(r["least_gbp"]), int(r["most_gbp"]),
                        r["most_per"], r["status"], r["source"])
            for r in _rows("penalty.csv")),
    )


def age_on(born: dt.date, day: dt.date) -> int:
    """Return the age in whole years on a day.

    Someone born on 29 February is taken to grow older on 1 March in other years (recalled).

    Examples
    --------
    >>> age_on(dt.date(2005, 4, 16), dt.date(2026, 4, 15)), age_on(dt.date(2005, 4, 16), dt.date(2026, 4, 16))
    (20, 21)
    """
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def apprentice_rate_applies(age: int, apprentice_since: dt.date | None, period_start: dt.date) -> bool:
    """Tell whether the apprentice rate applies to a pay reference period (regulation 5).

    An apprentice under 19, or of any age within the first twelve months, on the first day of the
    period.

    Examples
    --------
    >>> apprentice_rate_applies(22, dt.date(2025, 9, 1), dt.date(2026, 8, 1))
    True
    >>> apprentice_rate_applies(22, dt.date(2025, 9, 1), dt.date(2026, 9, 1))
    False
    """
    if apprentice_since is None or period_start < apprentice_since:
        return False
    return age < 19 or age_on(apprentice_since, period_start) < 1


def tax_year(day: dt.date) -> int:
    """Return the year in which the tax year of a day begins (6 April).

    Examples
    --------
    >>> tax_year(dt.date(2026, 4, 5)), tax_year(dt.date(2026, 4, 6))
    (2025, 2026)
    """
    return day.year - ((day.month, day.day) < (4, 6))
