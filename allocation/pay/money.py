"""Money and hours without drift.

Inside, money is a :class:`~fractions.Fraction` of pounds and time a whole number of seconds, so
that nothing is lost between the rota and the verdict. What is shown is a :class:`~decimal.Decimal`
with two places: pay and rates rounded half up to the penny; shortfalls, arrears and break-even
rates rounded *up* to the penny, so that paying what is shown cures them; an hourly rate below the
minimum wage is rounded down, so that a breach shows.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from fractions import Fraction

__all__ = ["HOUR", "MILE_KM", "Money", "exact", "hours", "pence", "pence_up"]

HOUR = 3600  # seconds
#: Kilometres in an international mile, exact (Weights and Measures Act 1985, Schedule 1).
MILE_KM = Fraction("1.609344")

#: What functions here take for an amount; a float is taken as it is printed.
Money = Fraction | Decimal | int | float | str

_PENNY = Decimal("0.01")


def exact(value: Money) -> Fraction:
    """Take an amount as it is written, not as binary holds it.

    Examples
    --------
    >>> exact(0.1) + exact("0.2") == exact("0.3")
    True
    """
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _decimal(value: Fraction, rounding: str) -> Decimal:
    scaled = value * 100
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    if rounding == ROUND_CEILING:
        whole += rest > 0
    else:
        whole += 2 * rest >= scaled.denominator
    return Decimal(whole) * _PENNY


def pence(value: Money) -> Decimal:
    """Round to the penny, half up.

    Examples
    --------
    >>> pence("4.805"), pence(Fraction(1, 3))
    (Decimal('4.81'), Decimal('0.33'))
    """
    return _decimal(exact(value), ROUND_HALF_UP)


def pence_up(value: Money) -> Decimal:
    """Round up to the next whole penny.

    Examples
    --------
    >>> pence_up("12.71"), pence_up("12.7101")
    (Decimal('12.71'), Decimal('12.72'))
    """
    return _decimal(exact(value), ROUND_CEILING)


def hours(seconds: int) -> Fraction:
    """Turn whole seconds into hours, exactly.

    Examples
    --------
    >>> hours(5400)
    Fraction(3, 2)
    """
    return Fraction(seconds, HOUR)
