"""What a map shows, made once and drawn by every kind of map.

The web map and the printed one must never disagree, so both read this and nothing else. It holds
only what may be published: there is no field for people or packages by area on purpose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real

import geopandas as gpd
import networkx as nx
import pandas as pd

from lotting.errors import PlanError, some
from lotting.plan import Plan

__all__ = ["MEASURES", "LotLimits", "MapContent", "Measure", "as_text"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How one column of the lots' table is headed and written."""

    name: str
    label: str
    unit: str
    decimals: int
    signed: bool = False
    total: bool = False
    align: str = "number"


MEASURES = (
    Measure("weekly_hours", "Hours", "a week", 0, total=True),
    Measure("deviation_pct", "From target", "%", 1, signed=True),
    Measure("people", "People", "", 0),
    Measure("travel_minutes_per_contact_hour", "Travel", "min an hour", 1),
    Measure("km_per_visit", "Km", "a visit", 1),
    Measure("moved_people", "People moved", "", 0),
    Measure("packages", "Packages", "", 0),
    Measure("rural_pct", "Rural", "%", 0),
    Measure("distance_km", "Distance", "km", 1),
    Measure("area_km2", "Area", "km²", 0, total=True),
    Measure("annual_hours", "Hours", "a year", 0, total=True),
)


def as_text(value: object, measure: Measure) -> str:
    """Write a figure as it stands in a table.

    Text is passed on as it is (a count may be ``[c]``); NaN and None become a dash.

    Examples
    --------
    >>> as_text(2735.4, MEASURES[0]), as_text(-1.25, MEASURES[1]), as_text(0.04, MEASURES[1])
    ('2,735', '−1.2', '0.0')
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Real) or math.isnan(float(value)):
        return "–"
    sign = "+" if measure.signed else ""
    text = f"{float(value):{sign},.{measure.decimals}f}".replace("-", "−")
    return re.sub(r"^[+−](?=0(\.0+)?$)", "", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLimits:
    """Weekly hours a lot may hold, and its travel; None where the brief sets no such limit."""

    min_hours: float | None = None
    max_hours: float | None = None
    target_hours: float | None = None
    max_travel_minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapContent:
    """Everything a map of a plan shows.

    Attributes
    ----------
    title
        Heading of the map.
    areas
        The areas of the contract: index ``area_code``, EPSG:27700, columns ``area_name``,
        ``locality`` ("" when there are none), ``rural`` (bool, and ``attrs["rural_known"]``),
        ``geometry``.
    plan
        A lot for each of the areas.
    graph
        Adjacency of the areas: edges with ``kind`` and ``shared_m``. Only lots that share a
        border need different colours; a bridge is not a border.
    hours
        Weekly hours by ``area_code``, every area, **as they may be published** (rounded by the
        caller); NaN where they are withheld.
    lot_measures
        One row a lot, index the lot's name. Of the columns ``locality``, ``weekly_hours``,
        ``annual_hours``, ``people``, ``packages``, ``moved_people``, ``deviation_pct``,
        ``area_km2``, ``rural_pct``, ``distance_km``, ``travel_minutes_per_contact_hour``,
        ``km_per_visit`` and ``connected`` those that are there are shown; others are ignored.
        Counts of people and packages are given as they may be published, as text (``"125"``,
        ``"[c]"``) where some are withheld. NaN is shown as a dash.
    today
        Zone in force today by ``area_code``, every area (None or NaN: in no zone); None when
        today's zones are not known.
    limits
        Limits on a lot's weekly hours; a lot outside them is marked.
    facts
        What to say of the whole plan, label to ready-made text, in order:
        ``{"Largest deviation": "1.4 %"}``.
    source
        Source and attribution line.
    subtitle
        A line below the title.
    notes
        What readers must know of the table, e.g. what ``[c]`` stands for.
    previous_colours
        Colour by lot of an earlier map, kept as far as neighbours allow.

    Raises
    ------
    PlanError
        The plan, the hours, the measures or today's zones do not fit the areas.
    ValueError
        The areas are not in EPSG:27700.
    """

    title: str
    areas: gpd.GeoDataFrame
    plan: Plan
    graph: nx.Graph[str]
    hours: pd.Series[float]
    lot_measures: pd.DataFrame
    today: pd.Series[str] | None = None
    limits: LotLimits = field(default_factory=LotLimits)
    facts: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    subtitle: str = ""
    notes: str = ""
    previous_colours: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.areas.crs is None or self.areas.crs.to_epsg() != 27700:
            raise ValueError("The areas of a map must be in EPSG:27700: use areas.to_crs(27700).")
        self.plan.aligned(self.areas.index)
        for what, series in (("weekly hours", self.hours), ("today's zones", self.today)):
            if series is None:
                continue
            lost = self.areas.index.difference(series.index)
            if len(lost):
                raise PlanError(
                    f"{len(lost)} of {len(self.areas)} areas have no row in {what}: {some(lost)}. "
                    "The map shows every area. Give each one a row (NaN where it is unknown)."
                )
        lost_lots = [lot for lot in self.plan.lot_names if lot not in self.lot_measures.index]
        if lost_lots:
            raise PlanError(
                f"{len(lost_lots)} of {len(self.plan.lot_names)} lots have no measures: "
                f"{some(lost_lots)}. The table lists every lot. Add a row for each."
            )

    @property
    def lots(self) -> pd.Series[str]:
        """Lot by ``area_code``, in the order of the areas."""
        return self.plan.aligned(self.areas.index)

    @property
    def keys(self) -> dict[str, str]:
        """What stands for each lot where there is no room for its name.

        The name itself when all names are short, or a number in the lots' order; the table
        says which lot it is.
        """
        names = self.plan.lot_names
        if all(len(name) <= 4 for name in names):
            return {name: name for name in names}
        return {name: str(i) for i, name in enumerate(names, start=1)}

    @property
    def rural_known(self) -> bool:
        """Whether the areas say which of them are rural."""
        return bool(self.areas.attrs.get("rural_known", False))

    @property
    def localities(self) -> list[str]:
        """Names of the localities in order; empty when there are none or only one."""
        names = sorted({str(name) for name in self.areas["locality"] if name})
        return names if len(names) > 1 else []

    def outside_limits(self, lot: str) -> str:
        """``"above the limit"``, ``"below the limit"`` or ``""`` for a lot's weekly hours."""
        if "weekly_hours" not in self.lot_measures:
            return ""
        hours = self.lot_measures.loc[lot, "weekly_hours"]
        if not isinstance(hours, Real):
            return ""
        # The hours may have been rounded to whole ones for publication.
        if self.limits.max_hours is not None and float(hours) > self.limits.max_hours + 0.5:
            return "above the limit"
        if self.limits.min_hours is not None and float(hours) < self.limits.min_hours - 0.5:
            return "below the limit"
        return ""

    def above_travel(self, lot: str) -> str:
        """``"above the limit"`` or ``""`` for a lot's travel minutes per contact hour."""
        cap, name = self.limits.max_travel_minutes, "travel_minutes_per_contact_hour"
        if cap is None or name not in self.lot_measures:
            return ""
        minutes = self.lot_measures.loc[lot, name]
        return "above the limit" if isinstance(minutes, Real) and float(minutes) > cap + 1e-6 else ""
