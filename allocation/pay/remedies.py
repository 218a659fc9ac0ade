"""What an underpayment leads to: arrears to the worker, a penalty to the state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from .money import Money, exact, pence, pence_up
from .rates import Rates, builtin_rates

__all__ = ["Penalty", "arrears", "penalty"]

_T = TypeVar("_T", bound=Hashable)


def arrears(underpaid_gbp: Money, rate_then_gbp: Money, rate_now_gbp: Money) -> Decimal:
    """Return what is owed for a pay reference period (NMW Act 1998 s 17; NMWM13160).

    The higher of the underpayment and the underpayment x today's rate / the rate then, rounded up
    to the penny.

    Parameters
    ----------
    underpaid_gbp
        Underpayment of the period.
    rate_then_gbp
        Rate on the first day of the period.
    rate_now_gbp
        Today's rate for the band the worker was in then.

    Examples
    --------
    >>> arrears("32.00", "5.80", "5.93")
    Decimal('32.72')
    """
    underpaid = exact(underpaid_gbp)
    return pence_up(max(underpaid, underpaid * exact(rate_now_gbp) / exact(rate_then_gbp)))


@dataclass(frozen=True, slots=True)
class Penalty:
    """The penalty of one notice of underpayment, pounds."""

    full_gbp: Decimal
    if_paid_in_14_days_gbp: Decimal


def penalty(
    underpayments: Iterable[tuple[_T, dt.date, Money]], rates: Rates | None = None
) -> Penalty:
    """Return the penalty for all underpayments of one notice (NMW Act 1998 s 19A; NMWM13219).

    Parameters
    ----------
    underpayments
        Worker, first day of the period, and underpayment in pounds. It is the underpayment that
        counts, not the arrears. Underpayments of 0 are left out.
    rates
        Tables; the built-in ones when left out.

    Returns
    -------
    Penalty
        0 where nothing is underpaid; else at least the least of a notice. The half is what is due
        where all arrears and half the penalty are paid within 14 days (NMWM13230).

    Notes
    -----
    Periods of several tables are added up. The most holds for a worker (before 26 May 2015: for the
    notice) over all periods, the least for the notice.

    Examples
    --------
    >>> penalty([("a", dt.date(2026, 4, 1), "30.00")])
    Penalty(full_gbp=Decimal('100.00'), if_paid_in_14_days_gbp=Decimal('50.00'))
    """
    rates = rates or builtin_rates()
    sums: dict[tuple[dt.date, _T | None], Fraction] = {}
    rows = {}
    for worker, start, underpaid in underpayments:
        amount = exact(underpaid)
        if amount <= 0:
            continue
        row = rates.penalty_rate(start)
        rows[row.periods_from] = row
        whose = worker if row.most_per == "worker" else None
        key = (row.periods_from, whose)
        sums[key] = sums.get(key, Fraction(0)) + amount * row.percent / 100
    if not sums:
        return Penalty(Decimal("0.00"), Decimal("0.00"))
    capped: dict[tuple[int, _T | None], Fraction] = {}
    for (since, whose), amount in sums.items():
        most = rows[since].most_gbp
        at = (most, whose)
        capped[at] = min(Fraction(most), capped.get(at, Fraction(0)) + amount)
    full = max(sum(capped.values(), Fraction(0)), Fraction(max(r.least_gbp for r in rows.values())))
    return Penalty(pence(full), pence(full / 2))
