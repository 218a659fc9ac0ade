"""What the rounds of a lot come to: travel, km, CO2e, working time that is not contact, break-even rate."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

from allocation.pay.money import MILE_KM, exact, pence_up
from allocation.pay.rates import builtin_rates
from allocation.rounds import Rounds

from .many import Planned

__all__ = [
    "CO2E_SOURCE", "FIGURES", "KG_CO2E_PER_KM", "WAIT_UP_TO_MINUTES", "WorkingTime", "day_figures",
    "travel_change", "week_figures", "working_time",
]  # fmt: skip

#: An average petrol car in 2024. One of unknown fuel is within a few per cent of it (recalled).
KG_CO2E_PER_KM = 0.1645
CO2E_SOURCE = (
    "UK Government GHG conversion factors 2024, average petrol car, 0.16450 kg CO2e a km "
    "(found, as quoted by https://measure-up.org/mu-outcomes/running-company-passenger-vehicles)"
)
#: A longer wait between visits is free time: an assumption of :mod:`allocation.pay`, too.
WAIT_UP_TO_MINUTES = 60.0
_ADULT = 21

FIGURES = (
    "packages", "visits", "contact_hours", "travel_minutes_per_contact_hour", "km", "km_per_visit",
    "co2e_kg", "not_contact_pct", "break_even_gbp", "workers", "unserved_hours",
)  # fmt: skip
"""Columns of :func:`week_figures`; its index is ``lot``.

``packages`` (int), ``visits`` (of each care worker) and ``contact_hours`` a week;
``travel_minutes_per_contact_hour`` between visits; ``km`` a week and ``km_per_visit``; ``co2e_kg`` a
week; ``not_contact_pct`` (of the working time that counts, travel and waiting: what is not paid where
only contact is); ``break_even_gbp`` (contact rate at which the lot as a whole complies with the
minimum wage, if nothing else is paid); ``workers`` on the day; ``unserved_hours`` on the day. NaN
where a lot has no visits.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTime:
    """Time of a day's rounds that counts for the minimum wage, in minutes, and km driven in it.

    Ways from and to home do not count (National Minimum Wage Regulations 2015, reg 34(1)), ways from
    and to a base do; waiting counts up to :data:`WAIT_UP_TO_MINUTES`, an unpaid break does not.
    """

    contact_minutes: float
    travel_minutes: float
    wait_minutes: float
    km: float

    @property
    def counted_minutes(self) -> float:
        """All of it."""
        return self.contact_minutes + self.travel_minutes + self.wait_minutes

    @property
    def not_contact_pct(self) -> float:
        """Share that is not contact, and so not paid where only contact is; NaN without any."""
        whole = self.counted_minutes
        return 100 * (whole - self.contact_minutes) / whole if whole else math.nan

    def break_even_gbp(self, date: dt.date) -> float:
        """Return the contact rate that just meets the minimum wage, if nothing else is paid.

        Parameters
        ----------
        date
            Day of the rates: the adult minimum wage, and the approved mileage rate as what the
            worker's own car costs.

        Returns
        -------
        float
            Pounds an hour with people, rounded up to the penny; NaN without any. It is that of
            :func:`allocation.pay.assess.assess_policy` for the rounds as a whole
            (``break_even_average_gbp``), without going through every worker.
        """
        if not self.contact_minutes:
            return math.nan
        rates = builtin_rates()
        wage = exact(rates.wage(date, _ADULT).rate_gbp)
        car = Fraction(self.km) / MILE_KM * exact(rates.mileage_rate(date).first_gbp_per_mile)
        need = wage * Fraction(self.counted_minutes) / 60 + car
        return float(pence_up(need / (Fraction(self.contact_minutes) / 60)))


def working_time(rounds: Rounds, shifts: pd.DataFrame) -> WorkingTime:
    """Add up the time that counts.

    Parameters
    ----------
    rounds
        Of a day.
    shifts
        As in :data:`allocation.rounds.workers.SHIFT_COLUMNS`.
    """
    stops, used = rounds.stops, rounds.shifts
    base = (shifts["from"].reindex(used.index) == "base").to_numpy()
    inner = stops["order"] > 0
    wait, rest = stops.loc[inner, "wait_minutes"], stops.loc[inner, "break_minutes"]
    ends = {
        what: float(used[f"first_{what}"][base].sum() + used[f"last_{what}"][base].sum())
        for what in ("minutes", "km")
    }
    return WorkingTime(
        contact_minutes=rounds.contact_minutes,
        travel_minutes=rounds.travel_minutes_between + ends["minutes"],
        wait_minutes=float(wait[wait + rest <= WAIT_UP_TO_MINUTES].sum()),
        km=rounds.km_between + ends["km"],
    )


def day_figures(planned: Planned, date: dt.date) -> pd.DataFrame:
    """Take together what was planned for a day, by lot.

    Parameters
    ----------
    planned
        Rounds.
    date
        Day whose minimum wage and mileage rate count.

    Returns
    -------
    pandas.DataFrame
        Index ``lot``; ``workers``, ``visits`` (served, of each care worker), ``contact_hours``
        (served), ``travel_hours`` and ``km`` between visits, ``wait_hours``, ``unserved_hours``,
        ``not_contact_pct`` and ``break_even_gbp``.
    """
    rows = {
        lot: _of_lot(rounds, planned.shifts[lot], date) for lot, rounds in planned.rounds.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("lot")


def _of_lot(rounds: Rounds, shifts: pd.DataFrame, date: dt.date) -> dict[str, float]:
    used, time = rounds.shifts, working_time(rounds, shifts)
    return {
        "workers": float(used["worker_id"].nunique()),
        "visits": float(used["visits"].sum()),
        "contact_hours": rounds.contact_minutes / 60,
        "travel_hours": rounds.travel_minutes_between / 60,
        "km": rounds.km_between,
        "wait_hours": float(used["wait_minutes"].sum()) / 60,
        "unserved_hours": float(rounds.unserved["contact_minutes"].sum()) / 60,
        "not_contact_pct": time.not_contact_pct,
        "break_even_gbp": time.break_even_gbp(date),
    }


def week_figures(
    day: pd.DataFrame, week: pd.DataFrame, *, kg_co2e_per_km: float = KG_CO2E_PER_KM
) -> pd.DataFrame:
    """Scale a day to the week, by lot, and add a row for all lots.

    Parameters
    ----------
    day
        As :func:`day_figures` returns it.
    week
        ``visits``, ``contact_hours`` and ``packages`` of a week by lot.
    kg_co2e_per_km
        Of a car.

    Returns
    -------
    pandas.DataFrame
        :data:`FIGURES`; the last row is called ``All lots``.

    Notes
    -----
    Travel and km of the week are those of the day for each contact hour, times the week's contact
    hours. ``break_even_gbp`` of all lots is their mean by contact hours.
    """
    both = week.join(day.rename(columns={c: f"{c}_day" for c in ("visits", "contact_hours")}))
    served = both["contact_hours_day"].where(both["contact_hours_day"] > 0)
    hours = both["contact_hours"]
    table = pd.DataFrame({
        "packages": both["packages"], "visits": both["visits"], "contact_hours": hours,
        "travel_minutes_per_contact_hour": 60 * both["travel_hours"] / served,
        "km": both["km"] / served * hours,
        "km_per_visit": both["km"] / both["visits_day"].where(both["visits_day"] > 0),
        "not_contact_pct": both["not_contact_pct"], "break_even_gbp": both["break_even_gbp"],
        "workers": both["workers"], "unserved_hours": both["unserved_hours"],
    })  # fmt: skip
    known = table["km"].notna()
    weight = hours.where(known)
    mean = {}
    for name in ("travel_minutes_per_contact_hour", "break_even_gbp"):
        whole = weight[table[name].notna()].sum()
        mean[name] = (table[name] * weight).sum() / whole if whole else math.nan
    working = weight / (1 - table["not_contact_pct"] / 100)
    visits = table["visits"].where(known).sum()
    week_km = table["km"].sum()
    table.loc["All lots"] = {
        **table[["packages", "visits", "contact_hours", "workers", "unserved_hours"]].sum(),
        **mean, "km": week_km, "km_per_visit": week_km / visits if visits else math.nan,
        "not_contact_pct": 100 * (1 - weight[working.notna()].sum() / working.sum())
        if working.notna().any() else math.nan,
    }  # fmt: skip
    table["co2e_kg"] = table["km"] * kg_co2e_per_km
    return table[list(FIGURES)].astype({"packages": int})


def travel_change(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Say what a plan changes, all lots together.

    Parameters
    ----------
    before, after
        As :func:`week_figures` returns them.
    """
    names = ("travel_minutes_per_contact_hour", "km", "co2e_kg", "not_contact_pct", "break_even_gbp")
    a, b = before.loc["All lots"], after.loc["All lots"]
    found = {}
    for name in names:
        was, will = float(str(a[name])), float(str(b[name]))
        found[name] = {"before": was, "after": will, "change": will - was}
    return found
