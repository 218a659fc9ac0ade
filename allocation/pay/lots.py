"""Pay by lot: workers serve several lots, so that what is paid is shared out by what it is paid for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from .money import hours, pence, pence_up
from .rules import effective_rate, uplifted
from .verdict import Case, break_even

__all__ = ["by_lot"]

ALL = "all"
_WEIGHT_OF_PART = {"mileage": "metres"}
_KIND_GROUPS = {
    "contact": "contact", "travel": "travel", "wait": "wait", "training": "training",
    "training_travel": "training", "sleep_in": "awake",
}


def by_lot(worker_ids: pd.Series[Any], sums: pd.DataFrame, cases: Sequence[Case]) -> pd.DataFrame:
    """Add up hours and pay by lot.

    Parameters
    ----------
    worker_ids
        Worker of each period.
    sums
        As :func:`~allocation.pay.totals.totals` returns them.
    cases
        One for each period, in the same order.

    Returns
    -------
    pandas.DataFrame
        One row a lot (a leg belongs to the lot it leads to), then one for ``all``:

        - ``lot``, ``workers``, ``contact_hours``, ``travel_hours``, ``waiting_hours``,
          ``counted_hours``, ``not_counted_hours``, ``km``, ``travel_minutes_per_contact_hour``;
        - ``periods`` of workers with time in the lot, and ``periods_below`` the minimum wage;
        - ``pay_counted_gbp``: contact pay and everything else shared out by contact time, travel
          and waiting pay by that time, unmet mileage by kilometres; ``effective_rate_gbp`` by it;
        - ``shortfall_gbp``: shared out by time that counts, so that lots add up to ``all`` within
          rounding;
        - ``break_even_gbp``: the lowest contact rate in whole pence at which every worker with
          time in the lot complies in every period (None: no rate does);
        - ``break_even_average_gbp``: the contact rate at which the lot as a whole pays for itself,
          as if its hours were worked by one worker: what a price of the lot has to cover.
    """
    sums = sums.assign(group=sums["kind"].map(_KIND_GROUPS).fillna("off"))
    shares = _Shares(sums, len(cases))
    workers = worker_ids.reset_index(drop=True)
    rows = []
    for lot in [*sorted(set(sums["lot"])), None]:
        periods = sorted(set(sums["period"] if lot is None else sums.loc[sums["lot"] == lot, "period"]))
        if lot is None:
            periods = list(range(len(cases)))
        rows.append(_row(lot, periods, sums if lot is None else sums[sums["lot"] == lot], shares, cases)
                    | {"workers": int(workers.iloc[periods].nunique())})
    frame = pd.DataFrame(rows)
    return frame[["lot", "workers", *[c for c in frame.columns if c not in {"lot", "workers"}]]]


class _Shares:
    """How much of a period's contact, travel, kilometres and so on belongs to a lot."""

    def __init__(self, sums: pd.DataFrame, periods: int) -> None:
        self._amounts: dict[str, dict[tuple[int, str], int]] = defaultdict(lambda: defaultdict(int))
        self._whole: dict[str, list[int]] = defaultdict(lambda: [0] * periods)
        columns = ("period", "lot", "group", "seconds", "counted_seconds", "metres")
        for period, lot, group, seconds, counted, metres in zip(
            *(sums[c].to_list() for c in columns), strict=True
        ):
            for name, value in ((group, counted), ("counted", counted), ("metres", metres),
                                ("seconds", seconds)):
                self._amounts[name][period, lot] += value
                self._whole[name][period] += value

    def of(self, period: int, lot: str | None, *weights: str) -> Fraction:
        """Return the lot's share by the first weight of which the period has any."""
        if lot is None:
            return Fraction(1)
        for weight in (*weights, "counted", "seconds"):
            whole = self._whole[weight][period]
            if whole:
                return Fraction(self._amounts[weight][period, lot], whole)
        return Fraction(0)


def _pay_in_lot(case: Case, share: Mapping[str, Fraction]) -> tuple[Fraction, Fraction]:
    """Return pay that counts, and the part of it that does not move with the contact rate."""
    pay, parts = case.pay, case.counted().parts
    following = sum((x.amount_gbp for x in pay.lines if x.for_ == "wait" and x.follows_contact), Fraction(0))
    waiting = pay.paid_for("wait") - following
    timed = pay.paid_for("travel") * share["travel"] + waiting * share["wait"]
    rest = parts["pay"] - pay.paid_for("travel", "wait", "contact", "premium")
    fixed = timed + rest * share["contact"]
    at_rate = pay.paid_for("contact", "premium") * share["contact"] + following * share["wait"]
    for key, amount in parts.items():
        if key == "pay":
            continue
        if key == "premium":
            extra = Fraction(0) if case.reading == "none" else pay.premium_extra_gbp
            at_rate += (amount + extra) * share["contact"]
            fixed -= extra * share["contact"]
        else:
            fixed += amount * share[_WEIGHT_OF_PART.get(key, "contact")]
    return at_rate + fixed, fixed


def _row(
    lot: str | None, periods: list[int], sums: pd.DataFrame, shares: _Shares, cases: Sequence[Case]
) -> dict[str, Any]:
    seconds = sums.groupby("group")["counted_seconds"].sum()
    counted = int(sums["counted_seconds"].sum())
    contact, travel = int(seconds.get("contact", 0)), int(seconds.get("travel", 0))
    paid = fixed = missing = needed = needed_uplift = rated = Fraction(0)
    for p in periods:
        case = cases[p]
        share = {w: shares.of(p, lot, w) for w in ("contact", "travel", "wait", "metres", "counted")}
        pay, aside = _pay_in_lot(case, share)
        paid, fixed = paid + pay, fixed + aside
        missing += case.shortfall() * share["counted"]
        own = hours(case.counted_seconds) * share["counted"]
        needed += Fraction(case.rate_gbp) * own
        unpaid_travel = hours(case.counted_seconds - case.uplift_seconds) * share["travel"]
        if case.uplift_pct:
            needed_uplift += uplifted(case.rate_gbp, case.uplift_pct) * (own - unpaid_travel)
        for line in case.pay.lines:
            if line.for_ in {"contact", "premium"}:
                rated += share["contact"] * line.hours
            elif line.follows_contact:
                rated += share["wait"] * line.hours
    effective = effective_rate(paid, counted)
    average: Decimal | None = None
    if rated and not any(cases[p].reading == "premium_and_travel" for p in periods):
        average = pence_up(max(Fraction(0), (max(needed, needed_uplift) - fixed) / rated))
    return {
        "lot": ALL if lot is None else lot,
        "contact_hours": pence(hours(contact)), "travel_hours": pence(hours(travel)),
        "waiting_hours": pence(hours(int(seconds.get("wait", 0)))),
        "counted_hours": pence(hours(counted)),
        "not_counted_hours": pence(hours(int(sums["seconds"].sum()) - counted)),
        "km": pence(Fraction(int(sums["all_metres"].sum()), 1000)),
        "travel_minutes_per_contact_hour": None if not contact else pence(Fraction(travel * 60, contact)),
        "periods": len(periods),
        "periods_below": sum(not cases[p].complies(legal_only=True) for p in periods),
        "pay_counted_gbp": pence(paid),
        "effective_rate_gbp": None if effective is None else pence(effective),
        "shortfall_gbp": pence(missing),
        "break_even_gbp": break_even(cases[p] for p in periods),
        "break_even_average_gbp": average,
    }
