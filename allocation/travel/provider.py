"""A provider's view of one lot: from its own base, with its own workers, against the other lots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

from allocation.pay.money import MILE_KM, exact
from allocation.pay.rates import builtin_rates
from allocation.rounds import Rounds
from lotting.errors import InputError, Problem
from lotting.plan import Plan
from lotting.postcodes import normalise, read_postcodes
from lotting.project import Project
from lotting.travel.burden_plan import plan_burden

from .county import CountyDay
from .figures import WorkingTime, working_time
from .many import plan_lots
from .pay import pay_of
from .staff import made_up_staff

__all__ = ["ProviderView", "find_base", "view_lot"]

_ADULT = 21


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProviderView:
    """What one lot would mean for a provider.

    Attributes
    ----------
    lot
        The lot.
    rounds, shifts
        Of the day, planned from the base with the provider's workers: personal data.
    time
        Working time of the day.
    week
        ``visits``, ``contact_hours``, ``packages`` of the lot's week.
    estimates
        Travel burden of every lot, estimated without base or workers
        (:func:`lotting.travel.burden_plan.plan_burden`).
    money
        ``wage_gbp`` and ``mileage_gbp_per_mile`` of the day; ``travel_cost_gbp_per_contact_hour``
        (travel time at the minimum wage, and mileage) and its week's ``travel_cost_gbp_per_week``;
        ``break_even_gbp`` (of the lot as a whole) and ``break_even_every_worker_gbp``.
    stopped
        Whether Ctrl-C cut the search short.
    """

    lot: str
    rounds: Rounds
    shifts: pd.DataFrame
    time: WorkingTime
    week: pd.Series[Any]
    estimates: pd.DataFrame
    money: dict[str, float]
    stopped: bool

    def __repr__(self) -> str:
        return f"ProviderView({self.lot!r}, personal data not shown)"


def find_base(project: Project, text: str) -> tuple[float, float]:
    """Find a base.

    Parameters
    ----------
    project
        Its brief names the postcode directory.
    text
        A postcode, or ``easting,northing`` in metres.

    Raises
    ------
    InputError
        The postcode is in no directory, or has no location; the coordinates are not in Great
        Britain.
    """
    numbers = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[, ]\s*(\d+(?:\.\d+)?)\s*", text)
    if numbers is not None:
        x, y = float(numbers[1]), float(numbers[2])
        if not (0 <= x <= 700_000 and 0 <= y <= 1_300_000 and (x > 180 or y > 90)):
            raise InputError(Problem(
                message="the base is not in Great Britain", value=text,
                fix="Give a postcode, or easting and northing in metres (EPSG:27700): 442000,301000.",
            ))  # fmt: skip
        return x, y
    code = normalise(pd.Series([text], dtype="str")).iloc[0]
    file = project.brief.demand.postcodes
    if file is None:
        raise InputError(Problem(
            message="the brief names no file of postcodes, so the base cannot be found", value=text,
            fix='Name one in [demand]: postcodes = "NSPL.zip"; or give easting and northing: '
                "--base 442000,301000.",
        ))  # fmt: skip
    found = read_postcodes(file, {code}, area_codes=project.areas.index).frame
    if code not in found.index or found.loc[code, ["x_m", "y_m"]].isna().any():
        raise InputError(Problem(
            message="the postcode of the base is unknown" if code not in found.index
            else "the postcode of the base has no location",
            value=text, fix=f"It is not in {file.name}: check it, or give easting and northing: "
            "--base 442000,301000.",
        ))  # fmt: skip
    x_m, y_m = found.loc[[code], ["x_m", "y_m"]].to_numpy(dtype="float64")[0].tolist()
    return float(x_m), float(y_m)


def view_lot(
    county: CountyDay, lot: str, *, base: tuple[float, float] | None, shifts: pd.DataFrame | None,
    report: Any = None, **settings: Any,
) -> ProviderView:  # fmt: skip
    """Plan one lot from a provider's base.

    Parameters
    ----------
    county
        Plan, visits, travel times.
    lot
        The lot, one of the plan's.
    base
        Where rounds begin and end: shifts that have no place of their own begin there.
    shifts
        The provider's; made up when left out.
    report, **settings
        See :func:`allocation.travel.many.plan_lots`.

    Raises
    ------
    InputError
        The lot has no visits on the day.
    """
    visits = county.by_lot()[lot]
    if visits.empty:
        raise InputError(Problem(
            message=f"lot {lot} has no visits on {county.date}", fix="Choose another day with --day."))
    staff = made_up_staff(visits, base=base) if shifts is None else _from_base(shifts, base)
    planned = plan_lots({lot: visits}, county.travel, shifts={lot: staff}, report=report, **settings)
    rounds = planned.rounds[lot]
    time = working_time(rounds, staff)
    week = county.week().loc[[lot]].iloc[0]
    areas = county.project.areas
    rural = areas["rural"] if areas.attrs.get("rural_known", False) else None
    return ProviderView(
        lot=lot, rounds=rounds, shifts=staff, time=time, week=week,
        estimates=plan_burden(Plan(county.plan.lots), county.day, county.travel, rural=rural),
        money=_money(county, rounds, staff, time, float(week["contact_hours"])), stopped=planned.stopped,
    )  # fmt: skip


def _from_base(shifts: pd.DataFrame, base: tuple[float, float] | None) -> pd.DataFrame:
    if base is None:
        return shifts
    result = shifts.copy()
    nowhere = result["from"] == "open"
    result.loc[nowhere, "from"] = "base"
    result.loc[nowhere, ["x_m", "y_m"]] = list(base)
    return result


def _money(
    county: CountyDay, rounds: Rounds, shifts: pd.DataFrame, time: WorkingTime, week_hours: float
) -> dict[str, float]:
    rates = builtin_rates()
    wage = exact(rates.wage(county.date, _ADULT).rate_gbp)
    mile = exact(rates.mileage_rate(county.date).first_gbp_per_mile)
    contact = Fraction(time.contact_minutes) / 60
    travel = wage * Fraction(time.travel_minutes) / 60 + Fraction(time.km) / MILE_KM * mile
    each = float(travel / contact) if contact else float("nan")
    result = pay_of(rounds, shifts, county.date)
    every = None if result is None else result.break_even_contact_rate_gbp
    return {
        "wage_gbp": float(wage), "mileage_gbp_per_mile": float(mile),
        "travel_cost_gbp_per_contact_hour": each, "travel_cost_gbp_per_week": each * week_hours,
        "break_even_gbp": time.break_even_gbp(county.date),
        "break_even_every_worker_gbp": float("nan") if every is None else float(every),
    }
