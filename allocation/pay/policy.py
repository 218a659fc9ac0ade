"""How a provider pays: a contact rate, and what is paid for travel, waiting and the car."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .money import HOUR, MILE_KM, Money, exact
from .remuneration import PayLine, PeriodPay

__all__ = ["PayPolicy", "WorkTime", "pay_under"]

_Gbp = Annotated[Decimal, Field(ge=0, le=1000)]


class PayPolicy(BaseModel):
    """``[policy]``: pay by rule instead of pay from payroll."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    contact_rate_gbp: _Gbp = Field(description="Pounds an hour with people.")
    travel: Literal["hourly", "per_mile", "none"] = Field(
        "none",
        description="How travel between visits is paid: by the hour, by the mile, or not at all.",
    )
    travel_rate_gbp: _Gbp = Field(
        Decimal(0),
        description=(
            "Pounds an hour (`hourly`) or a mile (`per_mile`). By the mile it first meets the cost "
            "of the car, together with mileage; only what is left counts as pay."
        ),
    )
    wait_paid: bool = Field(default=False, description="Whether waiting between visits is paid.")
    wait_rate_gbp: _Gbp | None = Field(
        None,
        description=(
            "Pounds an hour of waiting; the hourly travel rate, else the contact rate, when left out."
        ),
    )
    training_rate_gbp: _Gbp | None = Field(
        None, description="Pounds an hour of training and the way to it; the contact rate when left out."
    )
    sleep_in_gbp: _Gbp = Field(Decimal(0), description="Pounds for a sleep-in shift, awake or not.")
    mileage_gbp_per_mile: _Gbp = Field(
        Decimal(0), description="Pounds a mile paid back for the worker's own car."
    )
    own_car_cost_gbp_per_mile: _Gbp | None = Field(
        None, description="What a mile costs the worker; the approved mileage rates when left out."
    )
    uplift_pct: Annotated[Decimal, Field(ge=0, le=200)] = Field(
        Decimal(0),
        description=(
            "A further test of minimum wage plus this share, for example 20; the time of travel that "
            "is not paid is left out of it."
        ),
    )

    @property
    def wait_rate(self) -> Fraction:
        """Pounds an hour of waiting; 0 where it is not paid."""
        if not self.wait_paid:
            return Fraction(0)
        if self.wait_rate_gbp is not None:
            return exact(self.wait_rate_gbp)
        return exact(self.travel_rate_gbp if self.travel == "hourly" else self.contact_rate_gbp)


class WorkTime(BaseModel):
    """What a worker did in a period, for :func:`pay_under`; seconds and metres."""

    model_config = ConfigDict(frozen=True)

    contact_seconds: int = 0
    travel_seconds: int = 0
    wait_seconds: int = 0
    training_seconds: int = 0  # with the way to it
    sleep_ins: int = 0
    metres: int = 0  # own car, in time that counts


def pay_under(policy: PayPolicy, time: WorkTime, car_cost_gbp: Money) -> PeriodPay:
    """Return what a worker is paid under a policy.

    Parameters
    ----------
    policy
        How the provider pays.
    time
        What the worker did in the period.
    car_cost_gbp
        Cost of the worker's own car in the period at the approved rates; used where the policy
        names no cost of its own.

    Examples
    --------
    >>> time = WorkTime(contact_seconds=36000, travel_seconds=7200, metres=16093)
    >>> pay = pay_under(PayPolicy(contact_rate_gbp="13.00", mileage_gbp_per_mile="0.35"), time, "5.50")
    >>> float(pay.paid_for("contact")), float(pay.mileage_paid_gbp.__round__(2))
    (130.0, 3.5)
    """
    miles = Fraction(time.metres, 1000) / MILE_KM
    cost = (exact(car_cost_gbp) if policy.own_car_cost_gbp_per_mile is None
            else miles * exact(policy.own_car_cost_gbp_per_mile))
    mileage = miles * exact(policy.mileage_gbp_per_mile)
    lines = [PayLine.at("contact", Fraction(time.contact_seconds, HOUR), policy.contact_rate_gbp)]
    excess = Fraction(0)
    if policy.travel == "hourly":
        lines.append(PayLine.at("travel", Fraction(time.travel_seconds, HOUR), policy.travel_rate_gbp))
    elif policy.travel == "per_mile":
        paid = mileage + miles * exact(policy.travel_rate_gbp)
        excess = max(Fraction(0), paid - max(cost, mileage))
        mileage = paid - excess
    if policy.wait_paid:
        follows = policy.wait_rate_gbp is None and policy.travel != "hourly"
        lines.append(PayLine.at(
            "wait", Fraction(time.wait_seconds, HOUR), policy.wait_rate, follows_contact=follows))
    if time.training_seconds:
        hours = Fraction(time.training_seconds, HOUR)
        lines.append(
            PayLine.at("contact", hours, policy.contact_rate_gbp) if policy.training_rate_gbp is None
            else PayLine.at("other", hours, policy.training_rate_gbp))
    return PeriodPay(
        lines=tuple(x for x in lines if x.hours > 0),
        other_pay_gbp=excess + time.sleep_ins * exact(policy.sleep_in_gbp),
        mileage_cost_gbp=cost, mileage_paid_gbp=mileage,
    )
