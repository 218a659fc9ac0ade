"""One worker, one pay reference period: is the minimum wage paid, and what rate would pay it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .money import HOUR, Money, exact
from .remuneration import Counted, PeriodPay, count_pay
from .rules import PremiumReading, meets, shortfall, uplifted

__all__ = ["Case", "break_even", "what_bites"]

_MOST_PENCE = 100_000  # 1,000 pounds an hour: beyond it no contact rate helps


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one worker did and was paid in one period, and the rate that applies.

    Times are whole seconds. ``travel`` is between visits and from and to base; ``training`` holds
    the way to it; ``awake`` is the counted part of sleep-ins.
    """

    pay: PeriodPay
    contact_seconds: int = 0
    travel_seconds: int = 0
    wait_seconds: int = 0
    training_seconds: int = 0
    awake_seconds: int = 0
    rate_gbp: Decimal
    daily_offset_gbp: Decimal = Decimal(0)
    reading: PremiumReading = "premium"
    uplift_pct: Decimal = Decimal(0)

    @property
    def counted_seconds(self) -> int:
        """Time that counts."""
        return (self.contact_seconds + self.travel_seconds + self.wait_seconds + self.training_seconds
                + self.awake_seconds)

    def counted(
        self, *, reading: PremiumReading | None = None, contact_rate_gbp: Money | None = None
    ) -> Counted:
        """Return the pay that counts, with another reading or contact rate where one is given."""
        pay = self.pay if contact_rate_gbp is None else self.pay.with_contact_rate(contact_rate_gbp)
        return count_pay(pay, reading=reading or self.reading, daily_offset_gbp=self.daily_offset_gbp)

    def shortfall(self, *, reading: PremiumReading | None = None) -> Fraction:
        """Return what is missing to the minimum wage, exactly."""
        return shortfall(self.counted(reading=reading).pay_gbp, self.counted_seconds, self.rate_gbp)

    @property
    def uplift_seconds(self) -> int:
        """Time in the test of minimum wage plus a share: without travel that is not paid."""
        paid = self.pay.paid_for("travel") > 0
        return self.counted_seconds - (0 if paid else self.travel_seconds)

    def complies(self, *, contact_rate_gbp: Money | None = None, legal_only: bool = False) -> bool:
        """Tell whether the minimum wage, and any share on top that is asked for, is paid."""
        pay = self.counted(contact_rate_gbp=contact_rate_gbp).pay_gbp
        if not meets(pay, self.counted_seconds, self.rate_gbp):
            return False
        if legal_only or not self.uplift_pct:
            return True
        return meets(pay, self.uplift_seconds, uplifted(self.rate_gbp, self.uplift_pct))


def break_even(cases: Iterable[Case]) -> Decimal | None:
    """Return the lowest contact rate, in whole pence, at which every case complies.

    Parameters
    ----------
    cases
        Workers' periods; each keeps its hours and everything else that is paid.

    Returns
    -------
    Decimal or None
        Pounds an hour. None where no rate does it: a case without hours at the contact rate, or a
        reading under which what is paid above a lower travel rate does not count.

    Notes
    -----
    Pay that counts never falls when the contact rate rises, so that bisection over whole pence is
    exact: the rate complies, and one penny less does not (or it is 0).

    Examples
    --------
    Ten hours of contact and two of travel that is not paid, at 12.71:

    >>> from .remuneration import PayLine
    >>> case = Case(pay=PeriodPay(lines=(PayLine.at("contact", 10, "12.71"),)), contact_seconds=36000,
    ...             travel_seconds=7200, rate_gbp=Decimal("12.71"))
    >>> break_even([case])
    Decimal('15.26')
    """
    low = 0
    for case in cases:
        if case.complies(contact_rate_gbp=Decimal(low) / 100):
            continue
        high = _MOST_PENCE
        if not case.complies(contact_rate_gbp=Decimal(high) / 100):
            return None
        guess = _guess(case)
        if low < guess < high:
            if case.complies(contact_rate_gbp=Decimal(guess) / 100):
                high = guess
                below = max(low, guess - 1)
                if not case.complies(contact_rate_gbp=Decimal(below) / 100):
                    low = below
            else:
                low = guess
        while high - low > 1:
            middle = (low + high) // 2
            if case.complies(contact_rate_gbp=Decimal(middle) / 100):
                high = middle
            else:
                low = middle
        low = high
    return Decimal(low) / 100


def _guess(case: Case) -> int:
    """Return the break-even in pence where pay is a straight line in the contact rate; else near it."""
    most = Fraction(_MOST_PENCE, 100)
    top = case.counted(contact_rate_gbp=most).pay_gbp
    slope = top - case.counted(contact_rate_gbp=most - 1).pay_gbp
    if slope <= 0:
        return 0
    needed = exact(case.rate_gbp) * case.counted_seconds / HOUR
    if case.uplift_pct:
        needed = max(needed, uplifted(case.rate_gbp, case.uplift_pct) * case.uplift_seconds / HOUR)
    return math.ceil((most - (top - needed) / slope) * 100)


def what_bites(case: Case) -> list[tuple[str, Fraction]]:
    """Return the rules without which the shortfall would not be there, the dearest first.

    Parameters
    ----------
    case
        A worker's period.

    Returns
    -------
    list of (key, pounds)
        Empty where the minimum wage is paid. Each entry is what a rule asks for beyond what was
        paid for it; enough of them to make up the shortfall, with ``rate`` for contact that is
        itself paid below the minimum wage.
    """
    missing = case.shortfall()
    if missing <= 0:
        return []
    rate, pay = exact(case.rate_gbp), case.pay
    work = pay.paid_for("contact", "premium", "other") + pay.other_pay_gbp + pay.premium_extra_gbp
    paid_hours = sum((x.hours for x in pay.lines if x.for_ in {"contact", "premium", "other"}), Fraction(0))
    contact = Fraction(case.contact_seconds, HOUR)
    training, awake = Fraction(case.training_seconds, HOUR), Fraction(case.awake_seconds, HOUR)
    unpaid = max(Fraction(0), training + awake - max(Fraction(0), paid_hours - contact))
    aside = training + awake
    asked = {
        "rate": rate * (contact + aside - unpaid) - work,
        "training": rate * unpaid * training / aside if aside else Fraction(0),
        "sleep_in": rate * unpaid * awake / aside if aside else Fraction(0),
        "travel_between": rate * Fraction(case.travel_seconds, HOUR) - pay.paid_for("travel"),
        "wait": rate * Fraction(case.wait_seconds, HOUR) - pay.paid_for("wait"),
    }
    asked |= {k: -v for k, v in case.counted().parts.items() if k not in {"pay", "expenses_paid"}}
    biting: list[tuple[str, Fraction]] = []
    for key, amount in sorted(asked.items(), key=lambda item: -item[1]):
        if amount <= 0 or sum(v for _, v in biting) >= missing:
            break
        biting.append((key, amount))
    return biting
