"""What a worker was paid in a period, and how much of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from .money import Money, exact
from .rules import (
    PremiumReading,
    accommodation,
    deductions,
    expenses_unmet,
    mileage_unmet,
    premium_excess,
    reimbursement,
)

__all__ = ["Counted", "PayLine", "PeriodPay", "count_pay"]

LineFor = Literal["contact", "premium", "travel", "wait", "other"]


@dataclass(frozen=True, slots=True)
class PayLine:
    """Hours paid at a rate.

    Attributes
    ----------
    for_
        ``contact`` is the rate the break-even looks for; ``premium`` is the same work at a higher
        rate (weekends, evenings); ``travel`` and ``wait`` are paid time between visits; ``other``
        is other work (training), never compared with the rest.
    amount_gbp
        What was paid; hours x rate unless payroll rounded it.
    follows_contact
        Paid at the contact rate, whatever that is: another contact rate changes it, too.
    """

    for_: LineFor
    hours: Fraction
    rate_gbp: Fraction
    amount_gbp: Fraction
    follows_contact: bool = False

    @classmethod
    def at(
        cls, for_: LineFor, hours: Money, rate_gbp: Money, *, follows_contact: bool = False
    ) -> PayLine:
        """Make a line of hours x rate.

        Examples
        --------
        >>> float(PayLine.at("contact", 20, "4.00").amount_gbp)
        80.0
        """
        h, rate = exact(hours), exact(rate_gbp)
        return cls(for_, h, rate, h * rate, follows_contact)


_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPay:
    """Everything paid to, kept from or spent by one worker in one pay reference period, pounds."""

    lines: tuple[PayLine, ...] = ()
    other_pay_gbp: Fraction = _NOTHING  # counts: commission, bonus for work
    premium_extra_gbp: Fraction = _NOTHING  # the extra of a premium, paid on top of the basic rate
    uncounted_pay_gbp: Fraction = _NOTHING  # holiday and sick pay, tips
    expenses_paid_gbp: Fraction = _NOTHING  # paid back other than mileage
    deductions_gbp: Fraction = _NOTHING  # kept for the employer's own use or benefit
    excepted_deductions_gbp: Fraction = _NOTHING  # tax, national insurance, pension, loans
    mileage_cost_gbp: Fraction = _NOTHING
    mileage_paid_gbp: Fraction = _NOTHING
    expenses_unmet_gbp: Fraction = _NOTHING
    uniform_gbp: Fraction = _NOTHING
    accommodation_charge_gbp: Fraction | None = None
    accommodation_days: int = 0
    lowest_rate_gbp: Fraction | None = None  # due under the contract, where none was paid so low

    def with_contact_rate(self, rate_gbp: Money) -> PeriodPay:
        """Return the same hours with another contact rate.

        A premium is never below it, and no lower rate is due under the contract.
        """
        rate = exact(rate_gbp)
        lines = tuple(
            PayLine.at(x.for_, x.hours, rate, follows_contact=x.follows_contact)
            if x.for_ == "contact" or x.follows_contact
            else PayLine.at("premium", x.hours, rate) if x.for_ == "premium" and x.rate_gbp < rate
            else x
            for x in self.lines)
        return replace(self, lines=lines, lowest_rate_gbp=None)

    def paid_for(self, *kinds: LineFor) -> Fraction:
        """Return what was paid for kinds of work."""
        return sum((x.amount_gbp for x in self.lines if x.for_ in kinds), Fraction(0))


@dataclass(frozen=True, slots=True)
class Counted:
    """Pay that counts for the minimum wage, and how it came about.

    ``parts`` holds signed pounds by the key of the rule; they add up to ``pay_gbp``.
    """

    pay_gbp: Fraction
    parts: Mapping[str, Fraction]


_SAME_WORK: Mapping[PremiumReading, frozenset[str]] = {
    "none": frozenset(),
    "premium": frozenset({"contact", "premium"}),
    "premium_and_travel": frozenset({"contact", "premium", "travel", "wait"}),
}


def count_pay(
    pay: PeriodPay, *, reading: PremiumReading = "premium", daily_offset_gbp: Money = Decimal(0)
) -> Counted:
    """Return how much of a period's pay counts (regs 9 to 16).

    Parameters
    ----------
    pay
        One worker's period.
    reading
        What is taken for premium pay; see :data:`~allocation.pay.rules.PREMIUM_READINGS`.
    daily_offset_gbp
        Accommodation offset of the first day of the period.

    Examples
    --------
    The premium example of NMWM09270: of 185 pounds 140 count.

    >>> pay = PeriodPay(lines=(PayLine.at("contact", 20, "4.00"), PayLine.at("premium", 15, "7.00")))
    >>> {k: float(v) for k, v in count_pay(pay).parts.items()}, float(count_pay(pay).pay_gbp)
    ({'pay': 185.0, 'premium': -45.0}, 140.0)
    """
    same = [(x.hours, x.rate_gbp) for x in pay.lines if x.for_ in _SAME_WORK[reading] and x.hours > 0]
    excess = Fraction(0) if reading == "none" else pay.premium_extra_gbp
    if same:
        excess += premium_excess(same, pay.lowest_rate_gbp)
    gross = sum((x.amount_gbp for x in pay.lines), Fraction(0)) + pay.other_pay_gbp + pay.premium_extra_gbp
    parts = {
        "pay": gross,
        "premium": -excess,
        "expenses_paid": reimbursement(pay.expenses_paid_gbp),
        "deductions": -deductions(pay.deductions_gbp, pay.excepted_deductions_gbp),
        "mileage": -mileage_unmet(pay.mileage_cost_gbp, pay.mileage_paid_gbp),
        "expenses_unmet": -expenses_unmet(pay.expenses_unmet_gbp),
        "uniform": -expenses_unmet(pay.uniform_gbp),
        "accommodation": accommodation(
            pay.accommodation_charge_gbp, pay.accommodation_days, daily_offset_gbp),
    }
    kept = {k: v for k, v in parts.items() if v or k == "pay"}
    return Counted(sum(kept.values(), Fraction(0)), kept)
