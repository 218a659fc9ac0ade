"""Who has what, reckoned from today's packages and every decision since.

The register only grows, so the state is a replay: what is new is read and added, never changed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .legs import LEG_COLUMNS
from .office import Office
from .reading import rows_of

__all__ = ["TOLERANCE_HOURS", "Entry", "Held", "Ledger"]

#: Hours by which rounding may exceed a limit.
TOLERANCE_HOURS = 1e-6


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision as the ledger needs it.

    Attributes
    ----------
    kind
        ``placed``, ``unplaced``, ``handed_back`` or ``ended``.
    day
        Day of the decision.
    counts_from
        Day from which an export of running packages should have it: the later of the decision and
        the start; a hand-back has its placement's.
    hours
        Hours a week of all carers.
    """

    id: int
    kind: str
    day: dt.date
    counts_from: dt.date
    package_id: str
    person_id: str
    provider_id: str
    pool: str
    hours: float
    place: str
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a package now. ``decision`` is 0 where it is today's export that says so."""

    provider_id: str
    pool: str
    hours: float
    counts_from: dt.date
    decision: int
    person_id: str


class Ledger:
    """Hours taken, by provider and pool.

    Parameters
    ----------
    office
        Providers, offers and today's packages.

    Attributes
    ----------
    strangers
        Providers that decisions name and the table of providers does not have: what was placed with them
        does not count.

    Notes
    -----
    Two limits hold for a provider. Of the hours it said on ``free_on`` it can take on, whatever was
    placed with it on that day or later is gone, and whatever it handed back since is free again. Of
    its ``max_weekly_hours``, and of every pool, today's packages are taken, and what was placed and
    is not among them yet: decided, or to start, on the day of the export or later. What should have
    been in the export by then and is not has ended.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        today = office.brief.today
        self.as_of = dt.date.min if today is None else today.as_of
        self.ids = list(office.providers.index)
        self.number = {p: i for i, p in enumerate(self.ids)}
        self._free = office.providers["free_hours"].to_numpy(float)
        self._most = office.providers["max_weekly_hours"].to_numpy(float)
        self._pools = office.offers["pool"].to_list()
        self._limit = office.offers["limit_hours"].to_numpy(float)
        self.used = np.zeros(len(self.ids))
        self.free_used = np.zeros(len(self.ids))
        self.free_on = [dt.date.min if pd.isna(d) else d.date() for d in office.providers["free_on"]]
        self.pool_used: dict[str, float] = defaultdict(float)
        self.held: dict[str, Held] = {}
        self.handed_back: dict[str, dict[str, dt.date]] = defaultdict(dict)
        self.placed_hours: dict[str, float] = {}
        self.people: dict[str, set[str]] = defaultdict(set)
        self.strangers: set[str] = set()
        self.last = 0
        self._points(office)
        self._load(office)

    def _points(self, office: Office) -> None:
        bases = office.providers[["x_m", "y_m"]].to_numpy(float)
        runs = office.today
        xy = np.vstack([bases, runs[["x_m", "y_m"]].to_numpy(float)])
        whose = np.array([*range(len(bases)), *(self.number[p] for p in runs["provider_id"])], np.int64)
        known = np.isfinite(xy).all(axis=1)
        self.xy, self.whose = xy[known], whose[known]
        self.legs: npt.NDArray[np.float64] | None = None
        if office.legs is not None:
            self.legs = office.legs[list(LEG_COLUMNS[1:])].to_numpy(float).reshape(-1, 4)
            self.leg_whose = np.array([self.number[p] for p in office.legs["provider_id"]], np.int64)

    def _load(self, office: Office) -> None:
        pools = set(office.offers["pool"]) - {""}
        for row in rows_of(office.today):
            pool = f"block:{row.contract_id}" if row.contract_id else f"lot:{row.lot}:{row.provider_id}"
            held = Held(row.provider_id, pool if pool in pools else "", row.hours, dt.date.min, 0,
                        row.person_id)
            self.held[row.package_id] = held
            self.used[self.number[row.provider_id]] += row.hours
            self.pool_used[held.pool] += row.hours
            if row.person_id:
                self.people[row.person_id].add(row.provider_id)
        self._today = {p: h.provider_id for p, h in self.held.items()}

    def apply(self, entry: Entry) -> None:
        """Add one decision; they come in the order of their numbers."""
        self.last = entry.id
        if entry.kind == "placed":
            self._place(entry)
        elif entry.kind in {"handed_back", "ended"}:
            self._release(entry)

    def _place(self, entry: Entry) -> None:
        at = self.number.get(entry.provider_id)
        if at is None:
            self.strangers.add(entry.provider_id)
            return
        self.placed_hours[entry.package_id] = entry.hours
        if entry.day >= self.free_on[at]:
            self.free_used[at] += entry.hours
        if self._today.get(entry.package_id) == entry.provider_id:
            return  # the export has it
        if entry.counts_from < self.as_of:
            return  # it should be there, and is not: it has ended
        self.used[at] += entry.hours
        self.pool_used[entry.pool] += entry.hours
        self.held[entry.package_id] = Held(
            entry.provider_id, entry.pool, entry.hours, entry.counts_from, entry.id, entry.person_id)
        if entry.person_id:
            self.people[entry.person_id].add(entry.provider_id)
        if np.isfinite(entry.x_m) and np.isfinite(entry.y_m):
            self.xy = np.vstack([self.xy, [[entry.x_m, entry.y_m]]])
            self.whose = np.append(self.whose, at)

    def _release(self, entry: Entry) -> None:
        if entry.kind == "handed_back":
            self.handed_back[entry.package_id][entry.provider_id] = entry.day
        at = self.number.get(entry.provider_id)
        if at is None:
            return
        if entry.day >= self.free_on[at]:
            self.free_used[at] -= entry.hours
        held = self.held.get(entry.package_id)
        if held is None or held.provider_id != entry.provider_id:
            return
        if held.decision == 0 and entry.day < self.as_of:
            return  # the export is newer
        self.used[at] -= held.hours
        self.pool_used[held.pool] -= held.hours
        del self.held[entry.package_id]
        self._today.pop(entry.package_id, None)

    def provider_left(self) -> npt.NDArray[np.float64]:
        """Hours a week each provider can still take; 0 where it has not said."""
        free, most = self._free - self.free_used, self._most - self.used
        return np.where(np.isnan(free) & np.isnan(most), 0.0, np.fmin(free, most))

    def pool_left(self) -> npt.NDArray[np.float64]:
        """Hours a week left of each offer's pool; inf where it has none."""
        taken = np.array([self.pool_used[p] if p else 0.0 for p in self._pools])
        return np.where(np.isnan(self._limit), np.inf, self._limit - taken)

    def added_km(self, x_m: float, y_m: float) -> npt.NDArray[np.float64]:
        """Return the travel that a visit adds for each provider: straight lines times detour.

        Without rounds it is one way, from the base or the nearest package. With rounds it is the least
        detour a leg of theirs has to make (a to the visit to b, less a to b), or there and back from
        the base or a package, whichever is less. NaN where one of the places is not known.
        """
        best = np.full(len(self.ids), np.inf)
        if np.isfinite(x_m) and np.isfinite(y_m):
            away = np.hypot(self.xy[:, 0] - x_m, self.xy[:, 1] - y_m)
            np.minimum.at(best, self.whose, away if self.legs is None else 2 * away)
            if self.legs is not None:
                a, b = self.legs[:, :2], self.legs[:, 2:]
                here = np.array([x_m, y_m])
                through = np.hypot(*(here - a).T) + np.hypot(*(b - here).T) - np.hypot(*(b - a).T)
                np.minimum.at(best, self.leg_whose, np.maximum(through, 0.0))
        return np.where(np.isinf(best), np.nan, best * self.office.brief.order.detour / 1000)
