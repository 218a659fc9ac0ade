"""Travel burden of every lot of a plan, and of plans that differ in a few areas."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.plan import Plan, natural

from .burden import Burden, BurdenRule, Moments, factors, lot_burden, moments
from .times import TravelTimes

__all__ = ["LotBurdens", "QuickBurdens", "plan_burden"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_COLUMNS = 512  # destinations at a time: 20 MB for 10,000 visits

QUICK_SCALE = 0.633
""":attr:`.BurdenRule.scale` for the nearest visits in time, fitted on the same lot-days."""


def plan_burden(
    plan: Plan,
    visits: pd.DataFrame,
    travel: TravelTimes,
    *,
    rural: pd.Series[bool] | None = None,
    rule: BurdenRule | None = None,
) -> pd.DataFrame:
    """Estimate the travel between visits in every lot.

    Parameters
    ----------
    plan
        Which area is in which lot.
    visits
        Visits as in :data:`lotting.visits.frame.COLUMNS`; of one day, or of several, whose travel is
        added up.
    travel
        Engine of travel times.
    rural
        By ``area_code``, for engines that tell town from country.
    rule
        Settings of the estimate.

    Returns
    -------
    pandas.DataFrame
        Index ``lot`` (str, natural order, every lot of the plan); columns ``travel_minutes``, ``km``,
        ``contact_hours`` (float), ``visits`` (int, of each carer),
        ``travel_minutes_per_contact_hour`` and ``km_per_visit`` (NaN in a lot without visits).
        Visits of areas that are not in the plan are in no lot.
    """
    lots = LotBurdens(visits, travel, rural=rural, rule=rule)
    rows = {lot: lots.lot(plan.areas_of(lot)) for lot in sorted(plan.lot_names, key=natural)}
    columns = ["travel_minutes", "km", "contact_hours", "visits", "travel_minutes_per_contact_hour",
               "km_per_visit"]
    table = pd.DataFrame(
        [[getattr(burden, c) for c in columns] for burden in rows.values()], columns=columns,
        index=pd.Index(list(rows), name="lot", dtype="str"))
    return table.astype({**dict.fromkeys(columns, "float64"), "visits": "int64"})


class LotBurdens:
    """Travel burden of any set of areas; a set that was asked for before is not worked out again.

    So of two plans that differ in a few areas, only the lots that differ cost time.

    Parameters
    ----------
    visits, travel, rural, rule
        As for :func:`plan_burden`.
    """

    def __init__(
        self,
        visits: pd.DataFrame,
        travel: TravelTimes,
        *,
        rural: pd.Series[bool] | None = None,
        rule: BurdenRule | None = None,
    ) -> None:
        self._travel = travel
        self._rule = rule or BurdenRule()
        self._days = [_with_rural(part, rural) for _, part in visits.groupby("day", sort=True)]
        self._rows = [_rows(part) for part in self._days]
        self._known: dict[frozenset[str], Burden] = {}

    def lot(self, areas: Iterable[str]) -> Burden:
        """Return the burden of a lot of these areas, all days together."""
        key = frozenset(areas)
        if key not in self._known:
            self._known[key] = _sum(
                self._one_day(part, rows, key) for part, rows in zip(self._days, self._rows, strict=True))
        return self._known[key]

    def _one_day(self, part: pd.DataFrame, rows: dict[str, npt.NDArray[np.intp]], areas: frozenset[str]
                 ) -> Burden:
        found = [rows[area] for area in sorted(areas) if area in rows]
        chosen = part.iloc[np.sort(np.concatenate(found))] if found else part.iloc[:0]
        if chosen.empty:
            return _sum([])
        matrix = self._travel.matrix(_places(chosen))
        return lot_burden(chosen, matrix.minutes, matrix.km, rule=self._rule)


class QuickBurdens:
    """A rougher estimate that a search can ask for thousands of times a second.

    Every visit goes on to the nearest visit of the lot that a worker can be in time for, whoever else
    goes there, too. The nearest one in each *area* is found once; then a lot is a minimum over its
    areas, and its travel follows at once when areas come and go. What is lost against
    :func:`lotting.travel.burden.lot_burden` is measured by ``benchmarks/burden.py``.

    Parameters
    ----------
    visits
        Visits of one day.
    areas
        Codes of the areas, in the order in which lots will be given by position.
    travel, rural
        As for :func:`plan_burden`.
    rule
        Settings; the fitted ones, with :data:`QUICK_SCALE`, when left out.

    Attributes
    ----------
    contact_hours
        Shape (areas,).

    Notes
    -----
    Takes 4 bytes for each carer's visit and area (10,500 visits and 408 areas: 17 MB) and one matrix
    of all visits to all, in pieces.
    """

    def __init__(
        self,
        visits: pd.DataFrame,
        areas: Iterable[str],
        travel: TravelTimes,
        *,
        rural: pd.Series[bool] | None = None,
        rule: BurdenRule | None = None,
    ) -> None:
        rule = rule or BurdenRule(scale=QUICK_SCALE)
        codes = {area: i for i, area in enumerate(areas)}
        day = _with_rural(visits[visits["area_code"].isin(codes)], rural)
        day = day.iloc[np.argsort(day["area_code"].map(codes).to_numpy(), kind="stable")]
        when = moments(day)
        of_area: Ints = np.asarray(day["area_code"].map(codes), dtype=np.int64)[when.row]
        self._first: Ints = np.asarray(np.searchsorted(of_area, np.arange(len(codes) + 1)), dtype=np.int64)
        self.contact_hours = np.bincount(of_area, (when.end - when.target) / 60, len(codes))
        self._nearest: Floats = np.full((len(of_area), len(codes)), np.inf, dtype=np.float32)
        if len(of_area):
            self._fill(_places(day), when, of_area, travel, rule)
            self._nearest *= factors(day, when, rule)[0].astype(np.float32)[:, None]

    def _fill(
        self, places: pd.DataFrame, when: Moments, of_area: Ints, travel: TravelTimes, rule: BurdenRule
    ) -> None:
        from .burden_kernels import nearest_in_time

        limits = (rule.window_share, rule.order_share, rule.longest_wait_minutes)
        for begin in range(0, len(places), _COLUMNS):
            part = places.iloc[begin : begin + _COLUMNS]
            minutes = np.asarray(travel.matrix(places, part).minutes, dtype=np.float32)
            first, last = np.searchsorted(when.row, [begin, begin + len(part)])
            nearest_in_time(
                minutes, when.row, when.row[first:last] - begin, of_area, int(first), when.target, when.end,
                when.window, limits, self._nearest)

    def minutes(self, areas: npt.NDArray[np.intp]) -> float:
        """Return the minutes of travel between visits of a lot of these areas, by position."""
        from .burden_kernels import sum_of_nearest

        return float(sum_of_nearest(self._nearest, self._first, areas))

    def per_contact_hour(self, areas: npt.NDArray[np.intp]) -> float:
        """Return the minutes of travel for each hour of care; NaN for a lot without visits."""
        hours = float(self.contact_hours[areas].sum())
        return self.minutes(areas) / hours if hours else float("nan")


def _sum(parts: Iterable[Burden]) -> Burden:
    total = Burden(travel_minutes=0.0, km=0.0, contact_hours=0.0, visits=0, rounds=0)
    for part in parts:
        total = Burden(
            travel_minutes=total.travel_minutes + part.travel_minutes, km=total.km + part.km,
            contact_hours=total.contact_hours + part.contact_hours, visits=total.visits + part.visits,
            rounds=total.rounds + part.rounds)
    return total


def _with_rural(visits: pd.DataFrame, rural: pd.Series[bool] | None) -> pd.DataFrame:
    if rural is None:
        return visits
    return visits.assign(rural=visits["area_code"].map(rural).eq(True))  # noqa: FBT003  NaN off the map


def _places(visits: pd.DataFrame) -> pd.DataFrame:
    return visits[[c for c in ("x_m", "y_m", "rural") if c in visits.columns]]


def _rows(visits: pd.DataFrame) -> dict[str, npt.NDArray[np.intp]]:
    return {str(area): np.asarray(rows, dtype=np.intp)
            for area, rows in visits.groupby("area_code").indices.items()}
