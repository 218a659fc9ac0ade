"""The tables that leave the council, made once for every file that carries them.

The workbook and the GeoPackage show the same figures, so disclosure control runs here, once, over
everything that is published together: areas, lots, the county, who moves and the reconciliation.
Run apart, each table would be safe and two of them side by side would not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lotting.errors import PlanError, some
from lotting.measures import moved, people_by_payer
from lotting.plan import Plan
from lotting.reconciliation import ALL_SERVICES, PLACED, READ, Reconciliation

from .disclosure import (
    CONFIDENTIAL,
    NOT_KNOWN,
    Controlled,
    control_counts,
    control_two_way,
    round_counts,
)

if TYPE_CHECKING:
    from lotting.demand import Demand

__all__ = ["Published", "ReportContent", "publish"]

#: Measures of a lot from which the hours of a few people could be read.
TELLING = (
    "weekly_hours", "annual_hours", "target_hours", "deviation_hours", "deviation_pct", "rural_pct",
    "centre", "distance_km", "hess_cost", "travel_minutes_per_contact_hour", "km_per_visit",
)
#: Those of them from which the hours of the lot's locality could be read.
TELLING_OF_LOCALITY = ("target_hours", "deviation_hours", "deviation_pct")
#: Facts of a plan from which the hours of a withheld lot could be read.
TELLING_FACTS = (
    "smallest_lot_hours", "largest_lot_hours", "spread_hours", "largest_deviation_pct",
    "largest_travel_minutes",
)
#: Facts of the travel of all visits together.
TRAVEL_FACTS = (
    "travel_minutes_per_contact_hour", "km_per_visit", "travel_minutes_a_day", "travel_km_a_day",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContent:
    """Everything the tables of a plan are made of; nothing in it is suppressed yet.

    Attributes
    ----------
    title, source
        Heading; source and attribution line.
    areas
        The areas of the contract, EPSG:27700.
    demand
        The service line that the plan shares out.
    plan
        A lot for each of the areas.
    lot_table
        :func:`lotting.measures.lot_table` of this plan.
    reconciliation
        What was read, placed and not placed.
    facts
        Status, objective, seed, versions, hashes of the inputs and the measures of
        :func:`lotting.measures.plan_facts`; may be nested. Printed on the cover and kept in the
        GeoPackage's ``meta``.
    options
        One row a plan that was on offer, in any columns; columns of counts are named
        ``people``, ``packages`` or end in ``_people`` or ``_packages``. None where there was one.
    front
        One row a plan on the front, in the same manner; None where none was traced.
    numbers
        One row a number of lots that was tried; None where there was one.
    futures
        By lot: how it fares in the scenarios of demand; None where none were tried.
    today
        The zones in force.
    notes
        What a reader has to know besides, one sentence or more each.
    colours
        Fill (``#rrggbb``) by lot; a lot without one is grey.
    disclosure_control
        False publishes every count as it is.
    threshold, rounding
        See :mod:`lotting.report.disclosure`.

    Raises
    ------
    PlanError
        The plan or the lot table does not fit the areas.
    """

    title: str
    areas: gpd.GeoDataFrame
    demand: Demand
    plan: Plan
    lot_table: pd.DataFrame
    reconciliation: Reconciliation
    facts: Mapping[str, Any] = field(default_factory=dict)
    options: pd.DataFrame | None = None
    front: pd.DataFrame | None = None
    numbers: pd.DataFrame | None = None
    futures: pd.DataFrame | None = None
    today: Plan | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    disclosure_control: bool = True
    threshold: int = 5
    rounding: int = 5

    def __post_init__(self) -> None:
        self.plan.aligned(self.areas.index)
        if list(self.lot_table.index) != self.plan.lot_names:
            lost = [lot for lot in self.plan.lot_names if lot not in self.lot_table.index]
            raise PlanError(
                "The lot table does not list the lots of the plan in natural order"
                + (f"; missing: {some(lost)}" if lost else "")
                + ". Make it with lotting.measures.lot_table."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """What may be shown.

    Attributes
    ----------
    areas
        By ``area_code``: ``area_name``, ``locality`` (where there are any), ``lot``,
        ``zone_today`` (with today's zones), ``rural`` (where known), ``weekly_hours``,
        ``people``, ``packages`` (where known).
    lots
        The lot table.
    reconciliation
        Columns ``service``, ``reason``, ``hours``, ``packages``, ``people``; counts that are
        not known are left out.
    facts
        Flat: ``a.b`` for what was nested; text ``[c]`` where withheld, ``[x]`` where not known.
    options, front
        As given, counts controlled; None where there is one plan.
    numbers, futures
        As given, less what would give the hours of a withheld lot away; None where there is none.
    """

    areas: Controlled
    lots: Controlled
    reconciliation: Controlled
    facts: dict[str, Any]
    options: Controlled | None
    front: Controlled | None = None
    numbers: Controlled | None = None
    futures: Controlled | None = None


def publish(content: ReportContent) -> Published:
    """Put every table through disclosure control, together.

    Returns
    -------
    Published

    Notes
    -----
    Weekly hours (and what follows from them) are withheld wherever the people they belong to
    are: the hours of an area with one person are that person's package. Where neither people
    nor packages are known the hours are published as they are.
    """
    threshold, rounding = (
        (content.threshold, content.rounding) if content.disclosure_control else (0, 1)
    )
    demand, plan, areas = content.demand, content.plan, content.areas
    columns = [
        name for name, known in (("people", demand.people_known),
                                 ("packages", demand.packages_known)) if known
    ]
    table = pd.DataFrame({
        "area_name": areas["area_name"], "lot": plan.aligned(areas.index).astype("str"),
    }, index=areas.index)
    if areas["locality"].ne("").any():
        table.insert(1, "locality", areas["locality"])
    if areas.attrs.get("rural_known", True):
        table["rural"] = areas["rural"].astype(bool)
    if content.today is not None:
        table["zone_today"] = content.today.aligned(areas.index).astype("str")
    figures = demand.frame.reindex(areas.index)
    table["weekly_hours"] = figures["weekly_hours"].astype(float)
    for name in columns:
        table[name] = figures[name].astype("int64")

    payers = people_by_payer(demand, plan)
    change = None if content.today is None else moved(demand, plan, content.today)
    closed: set[str] = set()
    while True:
        by_area = _areas(table, columns, change.areas if change else (), closed,
                         threshold=threshold, rounding=rounding)
        lots_gone = _gone(by_area.totals, "lot", plan)
        by_payer = _payers(payers, set(lots_gone.index[lots_gone]), threshold, rounding)
        also = set(lots_gone.index[lots_gone])
        if by_payer is not None:
            shut = by_payer.totals["row"].suppressed["count"]
            also |= set(shut.index[shut])
        if also <= closed or not columns:
            break
        closed |= also
    lots = _lots(content, columns, by_area, by_payer, lots_gone)
    people: int | str = (
        _total(by_area.totals["all"], "all", "people") if "people" in columns else CONFIDENTIAL
    )
    hidden = bool(lots_gone.any())

    def plans(frame: pd.DataFrame | None) -> Controlled | None:
        if frame is None:
            return None
        return _untold(_options(frame, people, threshold=threshold, rounding=rounding), hidden=hidden)

    return Published(
        areas=by_area, lots=lots,
        reconciliation=_reconciliation(content.reconciliation, threshold, rounding),
        facts=_facts(content, columns, by_area, by_payer, hidden=hidden,
                     threshold=threshold, rounding=rounding),
        options=plans(content.options), front=plans(content.front),
        numbers=None if content.numbers is None else _untold(
            Controlled(frame=content.numbers, suppressed=pd.DataFrame(index=content.numbers.index)),
            hidden=hidden,
        ),
        futures=None if content.futures is None else _futures(content.futures, lots_gone),
    )


def _untold(table: Controlled, *, hidden: bool) -> Controlled:
    """Withhold the measures of plans from which the hours of a withheld lot could be read."""
    if not hidden:
        return table
    frame, withheld = table.frame.copy(), table.suppressed.copy()
    for name in TELLING_FACTS:
        if name in frame:
            frame[name] = np.nan
            withheld[name] = True
    return Controlled(frame=frame, suppressed=withheld)


def _futures(table: pd.DataFrame, gone: pd.Series[bool]) -> Controlled:
    """Withhold the rows of withheld lots: quantiles of their hours are as good as the hours."""
    mask = gone.reindex(table.index, fill_value=False).to_numpy()
    return Controlled(
        frame=table.mask(pd.Series(mask, index=table.index)),
        suppressed=pd.DataFrame({str(c): mask for c in table.columns}, index=table.index),
    )


def _gone(totals: Mapping[str, Controlled], name: str, plan: Plan) -> pd.Series[bool]:
    if name not in totals:
        return pd.Series(data=False, index=plan.lot_names)
    return totals[name].suppressed.any(axis=1).reindex(plan.lot_names)


def _areas(
    table: pd.DataFrame,
    columns: list[str],
    moves: tuple[str, ...],
    closed: set[str],
    *,
    threshold: int,
    rounding: int,
) -> Controlled:
    if not columns:
        return Controlled(frame=table, suppressed=pd.DataFrame(index=table.index))
    # Who moves is published by lot and in all: people of the areas that move are a part of each
    # lot, and the parts add up across the lots.
    work = table.assign(_moves=np.where(table.index.isin(moves), "moves", "stays"))
    work["_part"] = work["lot"] + "|" + work["_moves"]
    done = control_counts(
        work, columns=columns, groups=["_part", "lot"], across="_moves",
        magnitudes=["weekly_hours"], withhold={"lot": closed},
        threshold=threshold, rounding=rounding,
    )
    frame = done.frame.drop(columns=["_moves", "_part"])
    return Controlled(frame=frame, suppressed=done.suppressed, totals=done.totals)


def _payers(
    payers: pd.DataFrame, closed: set[str], threshold: int, rounding: int
) -> Controlled | None:
    if payers.empty:
        return None
    return control_two_way(
        payers, withhold_rows=closed, threshold=threshold, rounding=rounding
    )


def _lots(
    content: ReportContent,
    columns: list[str],
    by_area: Controlled,
    by_payer: Controlled | None,
    gone: pd.Series[bool],
) -> Controlled:
    frame = content.lot_table.copy()
    withheld = pd.DataFrame(index=frame.index)
    if not columns:
        return Controlled(frame=frame, suppressed=withheld)
    mask = gone.to_numpy()
    counts = by_area.totals["lot"].frame.reindex(frame.index)
    for name in columns:
        frame[name] = counts[name]
        withheld[name] = mask
    # A locality's target is its hours over its lots: beside the lots that are shown it gives the
    # withheld one away, and so does how far they are from it.
    near = mask
    if "target_hours" in frame and frame["target_hours"].ne(frame["target_hours"].iloc[0]).any():
        near = frame["locality"].isin(frame.loc[mask, "locality"]).to_numpy()
    for name in TELLING:
        if name in frame:
            hide = near if name in TELLING_OF_LOCALITY else mask
            frame[name] = frame[name].mask(hide)
            withheld[name] = hide
    if by_payer is not None:
        for payer in by_payer.frame.columns:
            hidden = by_payer.suppressed[payer].to_numpy()
            frame[f"people_{payer}"] = by_payer.frame[payer]
            hours = f"weekly_hours_{payer}"
            frame[hours] = frame[hours].mask(hidden)
            withheld[f"people_{payer}"] = withheld[hours] = hidden
    if "moved_people" in frame:
        parts = by_area.totals["_part"]
        keys = [f"{lot}|moves" for lot in frame.index]
        hidden = parts.suppressed["people"].reindex(keys, fill_value=False).to_numpy()
        values = parts.frame["people"].reindex(keys).astype("Int64")
        values[~values.index.isin(parts.frame.index)] = 0
        frame["moved_people"] = values.array
        withheld["moved_people"] = hidden
    return Controlled(frame=frame, suppressed=withheld)


def _reconciliation(table: Reconciliation, threshold: int, rounding: int) -> Controlled:
    columns = [
        name for name, known in (("packages", table.packages_known),
                                 ("people", table.people_known)) if known
    ]
    frame = table.frame[["service", "reason", "hours", *columns]].copy()
    if not columns:
        return Controlled(frame=frame, suppressed=pd.DataFrame(index=frame.index))
    parts = frame[frame["reason"].ne(READ) & frame["service"].ne(ALL_SERVICES)]
    whole = frame[frame["service"].eq(ALL_SERVICES)]
    # People count once in the block of all services, so it can hold fewer than its parts.
    few = whole[columns].ge(1) & whole[columns].lt(threshold)
    small = set(whole.loc[few.any(axis=1), "reason"])
    done = control_counts(
        parts, columns=columns, groups=["service"], across=None if whole.empty else "reason",
        withhold={"reason": small - {READ}}, keep=parts.index[parts["reason"] == PLACED],
        threshold=threshold, rounding=rounding,
    )
    hidden = done.suppressed[columns[0]].reindex(frame.index, fill_value=False)
    sums = {name: part.suppressed[columns[0]].to_dict() for name, part in done.totals.items()}
    for i, row in zip(frame.index, frame.to_dict("records"), strict=True):
        if row["service"] == ALL_SERVICES:  # then there are sums across the services
            hidden[i] = row["reason"] in small or (
                sums["all"]["all"] if row["reason"] == READ else sums["reason"][row["reason"]]
            )
        elif row["reason"] == READ:
            hidden[i] = sums["service"].get(row["service"], False)
    shown = control_counts(
        frame, columns=columns, totals=False, withhold={"rows": frame.index[hidden]},
        threshold=threshold, rounding=rounding,
    )
    return Controlled(frame=shown.frame, suppressed=shown.suppressed)


def _options(
    options: pd.DataFrame, people: int | str, *, threshold: int, rounding: int
) -> Controlled:
    frame, withheld = options.copy(), pd.DataFrame(index=options.index)
    for name in (str(c) for c in options.columns if _counts_people(str(c))):
        known = frame[name].notna()
        done = control_counts(
            frame.loc[known], columns=[name], totals=False,
            threshold=threshold, rounding=rounding,
        )
        frame[name] = done.frame[name].reindex(frame.index)
        withheld[name] = done.suppressed[name].reindex(frame.index, fill_value=False)
    if {"moved_people", "moved_pct"} <= set(frame.columns):
        shares = [
            _share(people if pd.isna(went) else int(went), people)
            for went in frame["moved_people"].where(~withheld["moved_people"], pd.NA)
        ]
        unknown = np.array([isinstance(share, str) for share in shares])
        hidden = withheld["moved_people"].to_numpy() | unknown
        frame["moved_pct"] = pd.to_numeric(pd.Series(shares, index=frame.index), errors="coerce")
        frame["moved_pct"] = frame["moved_pct"].mask(hidden)
        withheld["moved_pct"] = hidden
    return Controlled(frame=frame, suppressed=withheld)


def _facts(
    content: ReportContent,
    columns: list[str],
    by_area: Controlled,
    by_payer: Controlled | None,
    *,
    hidden: bool,
    threshold: int,
    rounding: int,
) -> dict[str, Any]:
    figures = content.demand.frame
    shown = {name: _total(by_area.totals["all"], "all", name) for name in columns}
    if "people" in columns and content.today is not None:
        shown["moved_people"] = _total(by_area.totals["_moves"], "moves", "people")
    true = {name: int(figures[name].sum()) for name in columns}
    gone = set(TELLING_FACTS) if hidden else set()
    if CONFIDENTIAL in {shown[name] for name in columns}:
        gone |= {"weekly_hours", "annual_hours", *TELLING_FACTS, *TRAVEL_FACTS}
    closed = set()
    if by_payer is not None:
        shut = by_payer.totals["column"].suppressed["count"]
        closed = {f"weekly_hours_by_payer.{payer}" for payer in shut.index[shut]}

    facts: dict[str, Any] = {}
    for key, value in _flat(content.facts):
        last = key.rsplit(".", 1)[-1]
        if value is None:
            facts[key] = NOT_KNOWN
        elif last in gone or any(key.endswith(name) for name in closed):
            facts[key] = CONFIDENTIAL
        elif last in shown and value == true.get(last, value):
            facts[key] = shown[last]
        elif last == "moved_pct" and "moved_people" in shown:
            facts[key] = _share(shown["moved_people"], shown["people"])
        elif _counts_people(last) and isinstance(value, int):
            facts[key] = (
                CONFIDENTIAL if 0 < value < threshold else round_counts([value], rounding)[0]
            )
        else:
            facts[key] = value
    return facts


def _total(totals: Controlled, row: str, column: str) -> int | str:
    """Return a sum as it may be shown; a row that is not there is a sum of nothing."""
    if row not in totals.frame.index:
        return 0
    value = totals.frame[column].to_dict()[row]
    return CONFIDENTIAL if bool(totals.suppressed[column][row]) else int(value)


def _share(part: int | str, whole: int | str) -> float | str:
    """Return a share in per cent of what is shown: the exact one would give the count away."""
    if isinstance(part, str) or isinstance(whole, str) or not whole:
        return CONFIDENTIAL
    return 100 * part / whole


def _counts_people(name: str) -> bool:
    return name in {"people", "packages"} or name.endswith(("_people", "_packages"))


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            # A list of records is a table, and tables have their own place and their own control.
            if not any(isinstance(v, Mapping) for v in value):
                found.append((f"{prefix}{key}", "; ".join(str(v) for v in value)))
        elif isinstance(value, (str, bool, int, float)) or value is None:
            bad = isinstance(value, float) and not math.isfinite(value)
            found.append((f"{prefix}{key}", None if bad else value))
        else:
            found.append((f"{prefix}{key}", str(value)))
    return found
