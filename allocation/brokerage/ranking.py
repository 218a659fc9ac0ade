"""The ranking of one package: every provider, in the council's order, or why it was not asked."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from .eligible import Bools, Floats, Package, Sieve
from .ledger import Ledger
from .office import Office
from .orders import CONTINUITY, Ints, points_of, steps_of

__all__ = ["Desk", "Ranking"]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """All offers for one package.

    Attributes
    ----------
    order
        Numbers of the offers that may be made, the first asked first.
    fits
        Offers for the package's place.
    step
        Step of each offer; 0 is the present provider where continuity comes first.
    points
        Points by criterion, and ``score``.
    km
        Added travel by offer, NaN where not known.
    left
        Hours left of each offer: the provider's, or the contract's where they are fewer.
    wrong
        What is against offers.
    """

    order: Ints
    fits: Bools
    step: Ints
    points: dict[str, Floats]
    km: Floats
    left: Floats
    wrong: list[tuple[str, Bools]]


class Desk:
    """The rules of one office on one day, applied to packages.

    Parameters
    ----------
    office
        Providers, offers, rules.
    on
        Day of the decisions.
    """

    def __init__(self, office: Office, on: dt.date) -> None:
        self.office, self.on = office, on
        self.sieve = Sieve(office, on)
        steps = steps_of(self.sieve)
        self.first = office.brief.order.continuity == "first"
        self.names = ((CONTINUITY, *steps.names) if self.first else steps.names)
        self.base_step = steps.step + int(self.first)
        self.names_of_offers = self.sieve.ids
        self.pools = office.offers["pool"].to_numpy(str)

    def known(self, package: Package, ledger: Ledger) -> Bools:
        """Say which offers are of a provider that gives this person care already."""
        present = set(ledger.people.get(package.person_id, ())) if package.person_id else set()
        present |= {package.provider_id} - {""}
        return np.array([i in present for i in self.sieve.ids], bool)

    def rank(self, package: Package, ledger: Ledger, *, balance: bool = True) -> Ranking:
        """Rank the offers for a package, as things stand.

        Ties in step and points are decided by continuity, then as the brief has it (added travel,
        hours left), then by id.
        """
        sieve, order = self.sieve, self.office.brief.order
        km = ledger.added_km(package.x_m, package.y_m)[sieve.provider]
        provider_left, pool_left = ledger.provider_left(), ledger.pool_left()
        wrong = [*sieve.own(package, ledger, km), *sieve.room(package, provider_left, pool_left)]
        fits = sieve.fits(package)
        bad = np.zeros(len(fits), bool)
        for _, these in wrong:
            bad |= these
        ok = fits & ~bad if package.hours > 0 else np.zeros(len(fits), bool)
        left = np.minimum(provider_left[sieve.provider], pool_left)
        points = points_of(sieve, ledger, package, ok=ok, km=km, balance=balance)
        known = self.known(package, ledger)
        step = np.where(known, 0, self.base_step) if self.first else self.base_step
        candidates = np.flatnonzero(ok)
        away = np.asarray(np.where(np.isnan(km), np.inf, np.round(km, 3)), np.float64)
        keys: dict[str, Floats] = {"travel": away, "capacity": np.asarray(-np.round(left, 3), np.float64)}
        ties = order.tie_order()
        stranger = ~known if order.continuity == "tie" else np.zeros(len(fits), bool)
        ranked = sorted(candidates.tolist(), key=lambda i: (
            step[i], -points["score"][i], stranger[i], *(keys[t][i] for t in ties),
            sieve.ids[i], self.pools[i], i))
        return Ranking(np.array(ranked, np.int64), fits, step, points, km, left, wrong)

    def why_nobody(self, package: Package, ranking: Ranking) -> str:
        """Say in words why a package cannot be placed: what is against how many providers."""
        if not package.hours > 0:
            return "no hours are given"
        if not ranking.fits.any():
            return "no provider serves this place"
        against: dict[int, set[str]] = {}
        for why, these in ranking.wrong:
            for i in np.flatnonzero(these & ranking.fits).tolist():
                against.setdefault(i, set()).add(why)
        every = Counter(w for whys in against.values() for w in whys)
        parts = [f"{why} ({n})" for why, n in sorted(every.items(), key=lambda item: (-item[1], item[0]))]
        whole = int(ranking.fits.sum())
        nearest = min(against, key=lambda i: (len(against[i]), ranking.step[i], -ranking.left[i], i))
        return (f"{whole} offer{'s' if whole > 1 else ''}, none possible: {', '.join(parts)}; nearest: "
                f"{self.sieve.ids[nearest]}, which {' and '.join(sorted(against[nearest]))}")

    def rows(self, ranking: Ranking) -> list[dict[str, Any]]:
        """Return the ranking as records: those who may be asked in order, then all others with reasons.

        A provider with no offer for the place has one record without a route.
        """
        sieve = self.sieve
        own = self._records(ranking)
        rows = [{"rank": place, **own[i]} for place, i in enumerate(ranking.order.tolist(), 1)]
        asked = set(ranking.order.tolist())
        for i in np.flatnonzero(ranking.fits).tolist():
            if i not in asked:
                whys = [why for why, these in ranking.wrong if these[i]]
                whys = whys or ["no hours are given"]
                rows.append({"rank": None, **own[i], "why_not": whys})
        there = {sieve.ids[i] for i in np.flatnonzero(ranking.fits).tolist()}
        rows += [
            {"rank": None, "provider_id": p, "why_not": ["has no offer for this place"]}
            for p in self.office.providers.index if p not in there]
        return rows

    def _records(self, ranking: Ranking) -> list[dict[str, Any]]:
        """Return the figures of every offer."""
        sieve, points = self.sieve, ranking.points
        figures: dict[str, Floats] = {
            "score": points["score"], **{f"{c}_points": p for c, p in points.items() if c != "score"},
            "rate_gbp": sieve.rate, "quality": sieve.quality, "added_km": ranking.km,
            "hours_left": ranking.left,
        }  # fmt: skip
        columns: dict[str, list[Any]] = {
            "provider_id": sieve.ids, "route": sieve.route.tolist(), "pool": self.pools.tolist(),
            "step": [self.names[s] for s in ranking.step.tolist()],
            **{name: _rounded(values) for name, values in figures.items()},
        }  # fmt: skip
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _rounded(values: Floats) -> list[float | None]:
    return [v if math.isfinite(v) else None for v in np.round(values, 3).tolist()]
