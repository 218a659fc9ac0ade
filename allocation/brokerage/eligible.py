"""Which offers may be made for a package at all, and why the others may not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .ledger import TOLERANCE_HOURS, Ledger
from .office import Office
from .reading import rows_of

__all__ = ["Package", "Sieve", "packages_of", "suspended"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Package:
    """One package to place. Hours are a week's; ``hours`` are of all carers."""

    package_id: str
    person_id: str
    hours: float
    carers: int
    lot: str
    area: str
    x_m: float
    y_m: float
    skills: frozenset[str]
    not_providers: frozenset[str]
    max_rate_gbp: float
    start: dt.date | None
    provider_id: str

    def __repr__(self) -> str:
        return f"Package({self.hours:g} h a week, personal data not shown)"


def packages_of(frame: pd.DataFrame) -> list[Package]:
    """Turn rows of :func:`allocation.brokerage.packages.package_frame` into packages, in order."""
    return [
        Package(
            row.package_id, row.person_id, float(row.hours), int(row.carers), row.lot, row.area,
            float(row.x_m), float(row.y_m), row.skills, row.not_providers, float(row.max_rate_gbp),
            None if pd.isna(row.start) else row.start.date(), row.provider_id,
        ) for row in rows_of(frame)
    ]  # fmt: skip


def suspended(providers: pd.DataFrame, on: dt.date) -> Bools:
    """Say which providers are suspended on a day: between its dates or, where none is given, by status."""
    day = pd.Timestamp(on)
    begins, ends = providers["suspended_from"], providers["suspended_to"]
    dated = begins.notna() | ends.notna()
    within = dated & ~(begins > day) & ~(ends < day)
    return np.where(dated, within, providers["status"] == "suspended").astype(bool)


class Sieve:
    """The checks of one day: those that are the same for every package are made once.

    Parameters
    ----------
    office
        Providers, offers, rules.
    on
        Day of the decisions.
    """

    def __init__(self, office: Office, on: dt.date) -> None:
        self.office, self.on = office, on
        offers, providers = office.offers, office.providers
        self.provider = providers.index.get_indexer(pd.Index(offers["provider_id"]))
        self.route = offers["route"].to_numpy(str)
        self.rate = offers["rate_gbp"].to_numpy(float)
        table = providers.iloc[self.provider]
        self.quality = table["quality"].to_numpy(float)
        self.off_framework = ~table["part_a"].to_numpy(bool)
        self.tier = table["tier"].to_numpy(float)
        self.position = offers["position"].to_numpy(float)
        self.skills = list(providers["skills"])
        self.places = list(offers["places"])
        self.ids = list(offers["provider_id"])
        self.folded = [i.casefold() for i in self.ids]
        self.always = self._always(table)
        self._fits: dict[tuple[str, str], Bools] = {}
        self._skilled: dict[frozenset[str], Bools] = {}

    def _always(self, table: pd.DataFrame) -> list[tuple[str, Bools]]:
        order, day = self.office.brief.order, pd.Timestamp(self.on)
        offers = self.office.offers
        status = table["status"].to_numpy(str)
        checks = [
            ("is suspended", suspended(table, self.on)),
            ("has left the framework", status == "removed"),
            ("is not accredited yet", status == "applying"),
        ]
        for frame in (table, offers):
            early, late = (frame["from"] > day).to_numpy(bool), (frame["to"] < day).to_numpy(bool)
            checks += [("its contract has not begun", early), ("its contract has ended", late)]
        if not order.off_framework:
            checks.append(("is not on the framework", self.off_framework))
        if order.points().get("cost", 0) > 0:
            checks.append(("has given no rate", np.isnan(self.rate)))
        if order.min_quality is not None:
            checks.append((f"quality is below {order.min_quality:g} or not known",
                           ~(self.quality >= order.min_quality)))
        if order.max_rate_gbp is not None:
            checks.append((f"rate is above £{order.max_rate_gbp:.2f}", self.rate > order.max_rate_gbp))
        return [(why, wrong) for why, wrong in checks if wrong.any()]

    def fits(self, package: Package) -> Bools:
        """Say which offers are for the package's place."""
        key = (package.lot.casefold(), package.area.casefold())
        if key not in self._fits:
            self._fits[key] = np.array([not p or bool(p & set(key)) for p in self.places], bool)
        return self._fits[key]

    def _lacking(self, wanted: frozenset[str]) -> Bools:
        if wanted not in self._skilled:
            able = np.array([wanted <= s for s in self.skills], bool)
            self._skilled[wanted] = ~able[self.provider]
        return self._skilled[wanted]

    def own(self, package: Package, ledger: Ledger, km: Floats) -> list[tuple[str, Bools]]:
        """Return the checks of one package but for hours: what is wrong, and with which offers."""
        order = self.office.brief.order
        checks: list[tuple[str, Bools]] = list(self.always)
        if package.skills:
            checks.append(("lacks a skill that is needed", self._lacking(package.skills)))
        refused = set(package.not_providers) | {
            p.casefold() for person, p in self.office.blocked if person and person == package.person_id}
        if refused:
            checks.append(("is blocked for this person", np.array([i in refused for i in self.folded], bool)))
        back = {
            p for p, day in ledger.handed_back.get(package.package_id, {}).items()
            if (self.on - day).days < order.after_handback_days}
        if back:
            checks.append(("has handed this package back", np.array([i in back for i in self.ids], bool)))
        if np.isfinite(package.max_rate_gbp):
            checks.append((f"rate is above £{package.max_rate_gbp:.2f} set for the package",
                           self.rate > package.max_rate_gbp))
        if order.max_km is not None:
            checks.append((f"is more than {order.max_km:g} km away", km > order.max_km))
        return checks

    def room(self, package: Package, provider_left: Floats, pool_left: Floats) -> list[tuple[str, Bools]]:
        """Return the checks of hours."""
        return [
            ("has too few hours left", provider_left[self.provider] + TOLERANCE_HOURS < package.hours),
            ("its contract has too few hours left", pool_left + TOLERANCE_HOURS < package.hours),
        ]
