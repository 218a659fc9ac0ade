"""Planned rounds under a way of paying, worker by worker, by the rules of :mod:`allocation.pay`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd

from allocation.pay.activities import check_activities
from allocation.pay.assess import PayResult, assess_policy
from allocation.pay.policy import PayPolicy
from allocation.pay.stops import GapRules, activities_from_stops
from allocation.rounds import Rounds

__all__ = ["UNPAID_TRAVEL", "pay_of"]

#: Only time with people is paid, and the car is not paid for: what a contact rate then has to cover.
UNPAID_TRAVEL = PayPolicy(contact_rate_gbp=Decimal("12.00"))


def pay_of(
    rounds: Rounds, shifts: pd.DataFrame, date: dt.date, policy: PayPolicy = UNPAID_TRAVEL
) -> PayResult | None:
    """Check the pay of a day's rounds under a policy; None where nobody works.

    Parameters
    ----------
    rounds
        Of one lot.
    shifts
        As in :data:`allocation.rounds.workers.SHIFT_COLUMNS`: ways from and to a base are work,
        from and to home they are not.
    date
        Day of the rounds, for the rates.
    policy
        How the provider pays.

    Notes
    -----
    Waiting of up to an hour between visits counts as work, an unpaid break does not.
    """
    if rounds.stops.empty:
        return None
    stops = rounds.for_pay(date)
    begins = rounds.stops["shift_id"].map(shifts["from"]).replace({"open": "home"})
    for column in ("starts_from", "ends_at"):
        stops[column] = stops[column].mask(stops[column] == "home", begins)
    activities = activities_from_stops(stops, rules=GapRules(short_gaps="shorten"))
    return assess_policy(_with_breaks(activities, rounds), policy)


def _with_breaks(activities: pd.DataFrame, rounds: Rounds) -> pd.DataFrame:
    """Take breaks out of the waiting before the visit that follows them."""
    stops = rounds.stops[rounds.stops["break_minutes"] > 0]
    if stops.empty:
        return activities
    breaks = stops.groupby(["worker_id", "visit_id"])["break_minutes"].first()
    key = pd.MultiIndex.from_frame(activities[["worker_id", "visit_id"]])
    minutes = breaks.reindex(key).fillna(0.0).to_numpy()
    taken = pd.Series(pd.to_timedelta(minutes, unit="m"), index=activities.index).dt.round("s")
    waiting = (activities["kind"] == "wait") & (taken > pd.Timedelta(0))
    rest = activities[waiting].copy()
    rest["start"] = pd.concat([rest["start"], rest["end"] - taken[waiting]], axis=1).max(axis=1)
    rest["kind"] = rest["rule"] = "rest"
    rest["km"] = 0.0
    work = activities.copy()
    work.loc[waiting, "end"] = rest["start"]
    both = pd.concat([work[work["end"] > work["start"]], rest[rest["end"] > rest["start"]]])
    legs = activities[(activities["end"] == activities["start"]) & (activities["km"] > 0)]
    return check_activities(pd.concat([both, legs], ignore_index=True))
