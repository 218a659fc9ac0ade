"""Which time counts and which pay counts: one pure function a rule.

Every function cites its regulation of the National Minimum Wage Regulations 2015 (SI 2015/621);
:data:`~allocation.pay.citations.RULES` says in plain words what each stands for and where that was
read. Amounts are exact pounds (see :mod:`~allocation.pay.money`), times whole seconds.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from .money import HOUR, Money, exact

__all__ = [
    "COUNTED_KINDS",
    "KINDS",
    "PREMIUM_READINGS",
    "Gap",
    "PremiumReading",
    "accommodation",
    "counted_seconds",
    "deductions",
    "effective_rate",
    "expenses_unmet",
    "gap",
    "meets",
    "mileage_unmet",
    "period_ends",
    "premium_excess",
    "reimbursement",
    "shortfall",
    "uplifted",
]

KINDS = (
    "contact", "travel", "wait", "rest", "home_gap", "commute", "sleep_in", "training", "training_travel",
)
#: Kinds of time that count in full (regs 30, 33 and 34); of a sleep-in only the time awake does.
COUNTED_KINDS = frozenset({"contact", "travel", "wait", "training", "training_travel"})

#: ``none``: nothing is premium pay. ``premium``: what is paid as a premium for the same work is
#: taken off. ``premium_and_travel``: contact and travel are the same work, too.
PremiumReading = Literal["none", "premium", "premium_and_travel"]
PREMIUM_READINGS: tuple[PremiumReading, ...] = ("none", "premium", "premium_and_travel")


def period_ends(start: dt.date, *, length: Literal["month", "week", "fortnight", "four_weeks"]) -> dt.date:
    """Return the last day of the pay reference period that begins on a day (reg 6).

    A month runs to the day before the same date of the next one. No pay reference period is longer
    than a month, so pay by the quarter is checked by the month.

    Examples
    --------
    >>> period_ends(dt.date(2026, 4, 16), length="month"), period_ends(dt.date(2026, 1, 31), length="month")
    (datetime.date(2026, 5, 15), datetime.date(2026, 2, 28))
    """
    days = {"week": 7, "fortnight": 14, "four_weeks": 28}
    if length in days:
        return start + dt.timedelta(days=days[length] - 1)
    year, month = (start.year, start.month + 1) if start.month < 12 else (start.year + 1, 1)
    last = calendar.monthrange(year, month)[1]
    if start.day > last:
        return dt.date(year, month, last)
    return dt.date(year, month, start.day) - dt.timedelta(days=1)


def counted_seconds(kind: str, seconds: int, awake_seconds: int = 0) -> int:
    """Return how much of a stretch of time counts as time work.

    Contact, waiting (reg 30), training (reg 33), travel between assignments and between work and
    training (reg 34) count; rest, a gap at home and the way from and to home (reg 34(1), Taylors
    [2025] EWCA Civ 956) do not; of a sleep-in only the time awake for the purposes of working does
    (reg 32, Royal Mencap v Tomlinson-Blake [2021] UKSC 8).

    Examples
    --------
    >>> counted_seconds("contact", 1800), counted_seconds("commute", 1800)
    (1800, 0)
    >>> counted_seconds("sleep_in", 9 * 3600, awake_seconds=1200)
    1200
    """
    if kind == "sleep_in":
        return awake_seconds
    return seconds if kind in COUNTED_KINDS else 0


@dataclass(frozen=True, slots=True)
class Gap:
    """What became of the time between two visits; seconds add up to the gap.

    ``rule`` is the key of the rule that decided it.
    """

    rule: str
    travel_seconds: int = 0
    wait_seconds: int = 0
    rest_seconds: int = 0
    home_seconds: int = 0  # at home, with the way there and back

    @property
    def counted_seconds(self) -> int:
        """What counts as time work."""
        return self.travel_seconds + self.wait_seconds


def gap(
    gap_seconds: int,
    travel_seconds: int,
    *,
    waiting_up_to_seconds: int = 60 * 60,
    home_trip_seconds: int | None = None,
    least_at_home_seconds: int = 15 * 60,
    went_home: bool | None = None,
) -> Gap:
    """Decide what the time between two visits is (reg 34; gov.uk example 2; Whittlestone).

    Parameters
    ----------
    gap_seconds
        From the end of one visit to the start of the next.
    travel_seconds
        The way straight from one to the other, at most the gap.
    waiting_up_to_seconds
        What is left after travel counts as waiting up to this; no rule of law says how much.
    home_trip_seconds
        The way home from the one and from home to the other, together; None where it is not known
        or there is none.
    least_at_home_seconds
        Going home is feasible where at least this is left to be there.
    went_home
        Known from the rota; None leaves it to the rule.

    Examples
    --------
    Twenty minutes of travel in a gap of an hour, of two hours, and of two hours near home:

    >>> gap(3600, 1200).rule, gap(7200, 1200).rule, gap(7200, 1200, home_trip_seconds=1800).rule
    ('wait', 'rest', 'home_gap')
    """
    left = gap_seconds - travel_seconds
    feasible = home_trip_seconds is not None and gap_seconds >= home_trip_seconds + least_at_home_seconds
    if went_home or (went_home is None and left > waiting_up_to_seconds and feasible):
        return Gap("home_gap", home_seconds=gap_seconds)
    if left <= waiting_up_to_seconds:
        return Gap("wait" if left else "travel_between", travel_seconds, wait_seconds=left)
    return Gap("rest", travel_seconds, rest_seconds=left)


def premium_excess(lines: Iterable[tuple[Money, Money]], lowest_gbp: Money | None = None) -> Fraction:
    """Return what is paid above the lowest rate for the same work (reg 10(j), NMWM09270).

    Parameters
    ----------
    lines
        Hours and hourly rate in pounds of each rate paid for the same work.
    lowest_gbp
        The lowest rate due under the contract in the period, where it is lower than any that was
        paid.

    Examples
    --------
    Twenty hours at 4.00 and fifteen at 7.00, as in NMWM09270:

    >>> premium_excess([(20, "4.00"), (15, "7.00")])
    Fraction(45, 1)
    """
    rates = [(exact(hours), exact(rate)) for hours, rate in lines]
    due = [r for _, r in rates] + ([] if lowest_gbp is None else [exact(lowest_gbp)])
    lowest = min(due, default=Fraction(0))
    return sum((hours * (rate - lowest) for hours, rate in rates), Fraction(0))


def reimbursement(paid_gbp: Money) -> Fraction:
    """Return what a payment for costs of the job adds to pay: nothing (reg 10(l) and (n), NMWM09170)."""
    return exact(paid_gbp) * 0


def mileage_unmet(cost_gbp: Money, paid_gbp: Money) -> Fraction:
    """Return the cost of the worker's own car that the employer does not pay back (reg 13).

    Examples
    --------
    >>> float(mileage_unmet("55.00", "35.00")), float(mileage_unmet("45.00", "60.00"))
    (20.0, 0.0)
    """
    return max(Fraction(0), exact(cost_gbp) - exact(paid_gbp))


def expenses_unmet(spent_gbp: Money) -> Fraction:
    """Return what a worker's unmet spending for the job takes off pay: all of it (reg 13, NMWM11100).

    Uniform that has to be worn is such spending (NMWM11220).
    """
    return exact(spent_gbp)


def deductions(own_use_gbp: Money, excepted_gbp: Money = 0) -> Fraction:
    """Return what deductions take off pay (reg 12).

    Parameters
    ----------
    own_use_gbp
        Kept for the employer's own use or benefit: taken off in full.
    excepted_gbp
        Tax, national insurance, pension, loans, advances, overpayments and misconduct (reg
        12(2)): nothing is taken off.
    """
    return exact(own_use_gbp) + exact(excepted_gbp) * 0


def accommodation(charge_gbp: Money | None, days: int, daily_offset_gbp: Money) -> Fraction:
    """Return what living accommodation adds to pay, or takes off it (regs 14 to 16, NMWM10030).

    Parameters
    ----------
    charge_gbp
        What the worker is charged in the period; 0 is free, None no accommodation.
    days
        Days of the period on which it is provided.
    daily_offset_gbp
        The offset of the first day of the period.

    Examples
    --------
    >>> [float(accommodation(c, 7, "4.82")) for c in ("92.31", "28.00", 0)]
    [-58.57, 0.0, 33.74]
    """
    if charge_gbp is None or days == 0:
        return Fraction(0)
    charge, offset = exact(charge_gbp), days * exact(daily_offset_gbp)
    return offset if charge == 0 else -max(Fraction(0), charge - offset)


def effective_rate(pay_gbp: Money, seconds: int) -> Fraction | None:
    """Return pay that counts by the hour that counts (reg 7); None where no time does.

    Examples
    --------
    >>> float(effective_rate("57.60", 12 * 3600))
    4.8
    """
    return exact(pay_gbp) * HOUR / seconds if seconds else None


def meets(pay_gbp: Money, seconds: int, rate_gbp: Money) -> bool:
    """Tell whether the minimum wage is paid (reg 7): pay is at least hours x rate, exactly."""
    return exact(pay_gbp) * HOUR >= exact(rate_gbp) * seconds


def shortfall(pay_gbp: Money, seconds: int, rate_gbp: Money) -> Fraction:
    """Return by how much pay falls short of hours x rate; 0 where it does not."""
    return max(Fraction(0), exact(rate_gbp) * seconds / HOUR - exact(pay_gbp))


def uplifted(rate_gbp: Money, uplift_pct: Money) -> Fraction:
    """Return the minimum wage plus a share, such as Hampshire's 20 % (no rule of law).

    Examples
    --------
    >>> float(uplifted("12.71", 20))
    15.252
    """
    return exact(rate_gbp) * (1 + exact(uplift_pct) / 100)
