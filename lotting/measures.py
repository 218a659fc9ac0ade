"""What a plan is worth: one pure function a measure.

Frames go in, a Series comes out, one row a lot in natural order, named after its measure.
Nothing is rounded here and nothing is suppressed: rounding is for whoever prints, disclosure
control for whoever publishes (:mod:`lotting.report.disclosure`).

Shapes. ``areas``: GeoDataFrame by ``area_code`` in EPSG:27700 with ``locality``, ``rural``,
``x_m``, ``y_m`` (metres) and ``geometry``. ``graph``: neighbouring areas; each edge carries
``shared_m``, the length of the boundary they share in metres (0 for a bridge). ``demand``: one
service line (:class:`lotting.demand.Demand`).

References
----------
.. [1] Hess, S. W., Weaver, J. B., Siegfeldt, H. J., Whelan, J. N. and Zitlau, P. A. (1965),
   "Nonpartisan political redistricting by computer", Operations Research 13(6), 998-1006.
.. [2] Polsby, D. D. and Popper, R. D. (1991), "The third criterion: compactness as a procedural
   safeguard against partisan gerrymandering", Yale Law & Policy Review 9(2), 301-353.
.. [3] Reock, E. C. (1961), "Measuring compactness as a requirement of legislative
   apportionment", Midwest Journal of Political Science 5(1), 70-74.
.. [4] Crouse, D. F. (2016), "On implementing 2D rectangular assignment algorithms", IEEE
   Transactions on Aerospace and Electronic Systems 52(4), 1679-1696: the method behind
   ``scipy.optimize.linear_sum_assignment``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely

from .plan import Plan, natural

if TYPE_CHECKING:
    from .demand import Demand

__all__ = [
    "WEEKS_IN_A_YEAR",
    "Moved",
    "annual_hours",
    "area_count",
    "area_km2",
    "centre",
    "cut_edges",
    "cut_km",
    "deviation_hours",
    "deviation_pct",
    "distance_km",
    "hess_cost",
    "hours_by_payer",
    "is_connected",
    "locality",
    "lot_shapes",
    "lot_table",
    "moved",
    "packages",
    "people",
    "people_by_payer",
    "pieces",
    "plan_facts",
    "polsby_popper",
    "reock",
    "rural_pct",
    "target_hours",
    "weekly_hours",
]

#: Herefordshire's published table (SYSTEMS.md, H1) counts a year as 52 weeks: 1,682 hours a
#: week are 87,464 a year.
WEEKS_IN_A_YEAR = 52

#: Gaps and slivers up to twice this wide (metres) inside a lot are drawing errors, not land: web
#: editions of ONS boundaries are full of them, and they would triple a lot's perimeter.
HAIRLINE_M = 1.0

#: Two centres whose costs differ by less than this part of the cost tie; the first area wins.
TIE = 1e-12

NOT_STATED = "not stated"


def _by_lot(values: pd.Series[Any], plan: Plan) -> pd.Series[Any]:
    """Add up an area measure over the lots, in natural order."""
    lots = plan.aligned(values.index)
    index = pd.Index(plan.lot_names, name="lot", dtype="str")
    return values.groupby(lots.to_numpy()).sum().reindex(index)


def area_count(plan: Plan) -> pd.Series[int]:
    """Areas in each lot.

    Returns
    -------
    pandas.Series
        int64 by ``lot``, name ``areas``.

    Examples
    --------
    >>> area_count(Plan({"a": "10", "b": "2", "c": "10"})).to_dict()
    {'2': 1, '10': 2}
    """
    ones = pd.Series(1, index=plan.lots.index)
    return _by_lot(ones, plan).rename("areas").astype("int64")


def locality(areas: gpd.GeoDataFrame, plan: Plan) -> pd.Series[str]:
    """Locality of each lot; several, joined by "; ", when the lot crosses them.

    Returns
    -------
    pandas.Series
        str by ``lot``, name ``locality``; "" where the brief has no localities.
    """
    lots = plan.aligned(areas.index)
    named = areas["locality"].astype(str).groupby(lots.to_numpy()).unique()
    return pd.Series(
        ["; ".join(sorted((n for n in named[lot] if n), key=natural)) for lot in plan.lot_names],
        index=pd.Index(plan.lot_names, name="lot", dtype="str"), name="locality", dtype="str",
    )


def weekly_hours(demand: Demand, plan: Plan) -> pd.Series[float]:
    """Hours of care a week in each lot.

    Returns
    -------
    pandas.Series
        float64 hours by ``lot``, name ``weekly_hours``.
    """
    return _by_lot(demand.frame["weekly_hours"].astype(float), plan).rename("weekly_hours")


def annual_hours(demand: Demand, plan: Plan) -> pd.Series[float]:
    """Hours of care a year in each lot: weekly hours x 52.

    Returns
    -------
    pandas.Series
        float64 hours by ``lot``, name ``annual_hours``.

    Notes
    -----
    52 weeks, as in Herefordshire's published tables (:data:`WEEKS_IN_A_YEAR`).
    """
    return (weekly_hours(demand, plan) * WEEKS_IN_A_YEAR).rename("annual_hours")


def _counts(demand: Demand, plan: Plan, column: str, *, known: bool) -> pd.Series[Any]:
    counts = _by_lot(demand.frame[column], plan).astype("Int64").rename(column)
    return counts if known else counts.mask(counts.notna())


def people(demand: Demand, plan: Plan) -> pd.Series[int]:
    """People with care in each lot; a person with care in two areas counts in both.

    Returns
    -------
    pandas.Series
        Int64 by ``lot``, name ``people``; NA where the input does not say.
    """
    return _counts(demand, plan, "people", known=demand.people_known)


def packages(demand: Demand, plan: Plan) -> pd.Series[int]:
    """Count the packages of care in each lot.

    Returns
    -------
    pandas.Series
        Int64 by ``lot``, name ``packages``; NA where the input does not say.
    """
    return _counts(demand, plan, "packages", known=demand.packages_known)


def _by_payer(demand: Demand, plan: Plan, column: str) -> pd.DataFrame:
    detail = demand.detail
    payers = detail["payer"].fillna("").astype(str)
    lots = plan.aligned(demand.frame.index)
    table = pd.crosstab(
        lots.reindex(detail["area_code"]).to_numpy(), payers.to_numpy(),
        values=detail[column].to_numpy(), aggfunc="sum",
    ) if payers.ne("").any() else pd.DataFrame()
    table = table.reindex(pd.Index(plan.lot_names, name="lot", dtype="str")).fillna(0)
    columns = sorted((c for c in table.columns if c), key=natural) + [
        c for c in table.columns if not c
    ]
    table = table[columns].rename(columns={"": NOT_STATED})
    return table.rename_axis(columns="payer")


def hours_by_payer(demand: Demand, plan: Plan) -> pd.DataFrame:
    """Weekly hours of each lot by who pays.

    Returns
    -------
    pandas.DataFrame
        float64 hours, lots by payers in natural order, "not stated" last; each row adds up to
        the lot's weekly hours. No columns where no payer is stated at all.
    """
    return _by_payer(demand, plan, "weekly_hours").astype(float)


def people_by_payer(demand: Demand, plan: Plan) -> pd.DataFrame:
    """People of each lot by who pays; a person with two payers counts under both.

    Returns
    -------
    pandas.DataFrame
        int64, lots by payers as in :func:`hours_by_payer`. No columns where no payer is stated,
        or the people are not known.
    """
    if not demand.people_known:
        return hours_by_payer(demand, plan).iloc[:, :0].astype("int64")
    return _by_payer(demand, plan, "people").astype("int64")


def target_hours(
    areas: gpd.GeoDataFrame, demand: Demand, plan: Plan, *, across_localities: bool = False
) -> pd.Series[float]:
    """Mean weekly hours of the lots that share a locality: what each would hold if all were equal.

    A lot that crosses localities, and every lot when ``across_localities``, is measured against
    the mean of the whole map.

    Returns
    -------
    pandas.Series
        float64 hours by ``lot``, name ``target_hours``.
    """
    hours = weekly_hours(demand, plan)
    where = locality(areas, plan)
    if across_localities or where.str.contains("; ", regex=False).any():
        where = where.where(where == "", "")
    return hours.groupby(where).transform("mean").rename("target_hours")


def _target(hours: pd.Series[float], target: pd.Series[float] | float) -> pd.Series[float]:
    if isinstance(target, pd.Series):
        lost = hours.index.difference(target.index)
        if len(lost):
            raise ValueError(f"the target says nothing of {len(lost)} lots: {', '.join(lost[:5])}")
        return target.reindex(hours.index).astype(float)
    return pd.Series(float(target), index=hours.index)


def deviation_hours(
    demand: Demand, plan: Plan, target: pd.Series[float] | float
) -> pd.Series[float]:
    """Weekly hours above (+) or below (-) the target.

    Parameters
    ----------
    demand, plan
        See the module.
    target
        Weekly hours, by lot or one figure for all; see :func:`target_hours`.

    Returns
    -------
    pandas.Series
        float64 hours by ``lot``, name ``deviation_hours``.

    Raises
    ------
    ValueError
        A lot has no target.
    """
    hours = weekly_hours(demand, plan)
    return (hours - _target(hours, target)).rename("deviation_hours")


def deviation_pct(demand: Demand, plan: Plan, target: pd.Series[float] | float) -> pd.Series[float]:
    """Deviation from the target in per cent of the target.

    Returns
    -------
    pandas.Series
        float64 per cent by ``lot``, name ``deviation_pct``; NaN where the target is 0.
    """
    gap = deviation_hours(demand, plan, target)
    aim = _target(gap, target)
    return (100 * gap / aim.where(aim != 0)).rename("deviation_pct")


def area_km2(areas: gpd.GeoDataFrame, plan: Plan) -> pd.Series[float]:
    """Land of each lot: its areas' sizes, added up.

    Returns
    -------
    pandas.Series
        float64 square kilometres by ``lot``, name ``area_km2``.
    """
    return _by_lot(areas.geometry.area / 1e6, plan).rename("area_km2")


def rural_pct(areas: gpd.GeoDataFrame, demand: Demand, plan: Plan) -> pd.Series[float]:
    """Share of a lot's weekly hours that is given in rural areas.

    Returns
    -------
    pandas.Series
        float64 per cent by ``lot``, name ``rural_pct``; NaN where the lot has no hours or
        it is not known which areas are rural (``areas.attrs["rural_known"]`` is False).
    """
    hours = demand.frame["weekly_hours"].reindex(areas.index).astype(float)
    rural = _by_lot(hours * areas["rural"].astype(bool), plan)
    every = _by_lot(hours, plan)
    share = 100 * rural / every.where(every > 0)
    if not areas.attrs.get("rural_known", True):
        share = share * np.nan
    return share.rename("rural_pct")


def _centres(
    areas: gpd.GeoDataFrame, demand: Demand, plan: Plan
) -> tuple[pd.Series[str], pd.Series[float]]:
    """Centre and Hess cost of each lot."""
    lots = plan.aligned(areas.index).to_numpy()
    hours = demand.frame["weekly_hours"].reindex(areas.index).to_numpy(float)
    xy = areas[["x_m", "y_m"]].to_numpy(float) / 1000
    codes, costs = [], []
    for lot in plan.lot_names:
        inside = np.flatnonzero(lots == lot)
        h, p = hours[inside], xy[inside]
        total = h.sum()
        # The sum of squares around any point is that around the mean plus total x (the squared
        # way from the mean to it), which needs no matrix of areas by areas.
        middle = h @ p / total if total > 0 else p.mean(axis=0)
        around = h @ ((p - middle) ** 2).sum(axis=1)
        cost = around + total * ((p - middle) ** 2).sum(axis=1)
        best = int(np.flatnonzero(cost <= cost.min() * (1 + TIE))[0])
        codes.append(str(areas.index[inside[best]]))
        costs.append(float(h @ ((p - p[best]) ** 2).sum(axis=1)))
    index = pd.Index(plan.lot_names, name="lot", dtype="str")
    return (
        pd.Series(codes, index=index, name="centre", dtype="str"),
        pd.Series(costs, index=index, name="hess_cost", dtype=float),
    )


def centre(areas: gpd.GeoDataFrame, demand: Demand, plan: Plan) -> pd.Series[str]:
    """Area of each lot from which its hours are least far: the medoid of Hess's model [1]_.

    Ties, and a lot without hours, go to the first area in the order of ``areas``.

    Returns
    -------
    pandas.Series
        ``area_code`` (str) by ``lot``, name ``centre``.
    """
    return _centres(areas, demand, plan)[0]


def hess_cost(areas: gpd.GeoDataFrame, demand: Demand, plan: Plan) -> pd.Series[float]:
    """Weekly hours x squared straight-line kilometres to the lot's centre, added up [1]_.

    Returns
    -------
    pandas.Series
        float64 hours x km squared by ``lot``, name ``hess_cost``.
    """
    return _centres(areas, demand, plan)[1]


def distance_km(areas: gpd.GeoDataFrame, demand: Demand, plan: Plan) -> pd.Series[float]:
    """Mean straight-line distance of an hour of care from the lot's centre.

    Returns
    -------
    pandas.Series
        float64 kilometres by ``lot``, name ``distance_km``; NaN where the lot has no hours.
    """
    at = areas.loc[
        centre(areas, demand, plan).reindex(plan.aligned(areas.index).to_numpy()).to_numpy(),
        ["x_m", "y_m"],
    ].to_numpy(float)
    away = np.hypot(*(areas[["x_m", "y_m"]].to_numpy(float) - at).T) / 1000
    hours = demand.frame["weekly_hours"].reindex(areas.index).astype(float)
    every = _by_lot(hours, plan)
    return (_by_lot(hours * away, plan) / every.where(every > 0)).rename("distance_km")


def pieces(graph: nx.Graph[str], plan: Plan) -> pd.Series[int]:
    """Count the connected pieces of each lot; 1 is a lot in one piece.

    Returns
    -------
    pandas.Series
        int64 by ``lot``, name ``pieces``.
    """
    counts = [
        nx.number_connected_components(graph.subgraph(plan.areas_of(lot)))
        for lot in plan.lot_names
    ]
    return pd.Series(
        counts, index=pd.Index(plan.lot_names, name="lot", dtype="str"), name="pieces",
        dtype="int64",
    )


def is_connected(graph: nx.Graph[str], plan: Plan) -> pd.Series[bool]:
    """Whether each lot is in one piece.

    Returns
    -------
    pandas.Series
        bool by ``lot``, name ``connected``.
    """
    return (pieces(graph, plan) == 1).rename("connected")


def _cut(graph: nx.Graph[str], plan: Plan) -> pd.DataFrame:
    """Neighbouring areas in different lots: ``a``, ``b`` (lots) and ``km``."""
    lots = plan.lots
    rows = [
        (lots[u], lots[v], float(shared) / 1000)
        for u, v, shared in graph.edges(data="shared_m", default=0.0) if lots[u] != lots[v]
    ]
    return pd.DataFrame(rows, columns=["a", "b", "km"])


def _at_both_ends(cut: pd.DataFrame, plan: Plan, how: Literal["sum", "size"]) -> pd.Series[Any]:
    ends = pd.concat([cut[["a", "km"]].set_axis(["lot", "km"], axis=1),
                      cut[["b", "km"]].set_axis(["lot", "km"], axis=1)])
    index = pd.Index(plan.lot_names, name="lot", dtype="str")
    grouped = ends.groupby("lot")["km"]
    return (grouped.sum() if how == "sum" else grouped.size()).reindex(index, fill_value=0)


def cut_km(graph: nx.Graph[str], plan: Plan) -> pd.Series[float]:
    """Boundary that each lot shares with other lots.

    Returns
    -------
    pandas.Series
        float64 kilometres by ``lot``, name ``cut_km``. A boundary between two lots counts for
        both of them.
    """
    return _at_both_ends(_cut(graph, plan), plan, "sum").astype(float).rename("cut_km")


def cut_edges(graph: nx.Graph[str], plan: Plan) -> pd.Series[int]:
    """Pairs of neighbouring areas that each lot's boundary parts.

    Returns
    -------
    pandas.Series
        int64 by ``lot``, name ``cut_edges``. A pair counts for both of its lots.
    """
    return _at_both_ends(_cut(graph, plan), plan, "size").astype("int64").rename("cut_edges")


def lot_shapes(areas: gpd.GeoDataFrame, plan: Plan) -> gpd.GeoSeries:
    """Outline of each lot, its areas melted together.

    Hairline gaps between the areas of a lot (up to 2 m, :data:`HAIRLINE_M`) are closed.

    Returns
    -------
    geopandas.GeoSeries
        Valid Polygon or MultiPolygon by ``lot``, in the CRS of ``areas``, name ``geometry``.
    """
    lots = plan.aligned(areas.index).to_numpy()
    shapes = areas.geometry.to_numpy()
    melted = [shapely.union_all(shapes[lots == lot]) for lot in plan.lot_names]
    return gpd.GeoSeries(
        [_close(shape) for shape in melted], crs=areas.crs, name="geometry",
        index=pd.Index(plan.lot_names, name="lot", dtype="str"),
    )


def _close(shape: shapely.Geometry) -> shapely.Geometry:
    """Close hairline gaps; a shape without any comes back untouched."""
    out = shapely.buffer(shape, HAIRLINE_M, join_style="mitre")
    closed = shapely.buffer(out, -HAIRLINE_M, join_style="mitre")
    # Going out and back moves sharp corners a little, so a clean shape must not make the trip.
    mended = float(shapely.length(closed)) < 0.999 * float(shapely.length(shape))
    result = closed if mended else shape
    return result if shapely.is_valid(result) else shapely.make_valid(result, method="structure")


def polsby_popper(areas: gpd.GeoDataFrame, plan: Plan) -> pd.Series[float]:
    """Compactness: 4 pi x area / perimeter squared of the melted lot [2]_; 1 is a circle.

    Returns
    -------
    pandas.Series
        float64 between 0 and 1 by ``lot``, name ``polsby_popper``.
    """
    return _polsby_popper(lot_shapes(areas, plan))


def _polsby_popper(shapes: gpd.GeoSeries) -> pd.Series[float]:
    score = 4 * np.pi * shapes.area / shapes.length**2
    return pd.Series(score, name="polsby_popper")


def reock(areas: gpd.GeoDataFrame, plan: Plan) -> pd.Series[float]:
    """Compactness: area of the lot / area of the smallest circle around it [3]_; 1 is a circle.

    Unlike :func:`polsby_popper` it does not punish a wriggly coast or river.

    Returns
    -------
    pandas.Series
        float64 between 0 and 1 by ``lot``, name ``reock``.
    """
    return _reock(lot_shapes(areas, plan))


def _reock(shapes: gpd.GeoSeries) -> pd.Series[float]:
    radius = shapely.minimum_bounding_radius(shapes.to_numpy())
    return pd.Series(shapes.area / (np.pi * radius**2), name="reock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Who changes zone when one plan follows another.

    Attributes
    ----------
    unit
        ``"people"``, or ``"hours"`` (a week) where people are not known.
    total
        People (or hours) in the areas that change zone.
    pct
        The same in per cent of all people (or hours); NaN when there are none.
    areas
        Codes of the areas that change zone, in the order of the demand.
    matching
        Zone of the first plan by lot of the second; "" for a lot that follows no zone.
    by_lot
        People (or hours) that each lot of the second plan takes from other zones, by ``lot``.
    """

    unit: Literal["people", "hours"]
    total: float
    pct: float
    areas: tuple[str, ...]
    matching: Mapping[str, str]
    by_lot: pd.Series[float]


def moved(demand: Demand, plan: Plan, today: Plan) -> Moved:
    """People in areas whose lot is not the one that follows their zone of today.

    Lots are matched to zones one to one so that as many people as possible stay, whatever the
    lots are called; then so that as many areas stay, then by name. A new lot that follows no
    zone moves everyone in it.

    Parameters
    ----------
    demand, plan
        See the module.
    today
        The zones in force, or any other plan of the same areas. The total is the same both
        ways, so that it serves as a distance between plans.

    Returns
    -------
    Moved

    Raises
    ------
    PlanError
        A plan does not cover exactly the areas of the demand.

    Notes
    -----
    An assignment problem, solved exactly [4]_.

    """
    from scipy.optimize import linear_sum_assignment

    frame = demand.frame
    unit: Literal["people", "hours"] = "people" if demand.people_known else "hours"
    weight = frame["people" if unit == "people" else "weekly_hours"].astype(float)
    new, old = plan.aligned(frame.index), today.aligned(frame.index)
    lots, zones = plan.lot_names, today.lot_names
    stay = np.zeros((len(lots), len(zones)))
    shared = np.zeros_like(stay)
    where = pd.Index(lots).get_indexer(pd.Index(new)), pd.Index(zones).get_indexer(pd.Index(old))
    np.add.at(stay, where, weight.to_numpy())
    np.add.at(shared, where, 1.0)
    same = np.equal.outer(np.array(lots, dtype=object), np.array(zones, dtype=object))
    total = float(weight.sum())
    # One figure that ranks by people first, areas second, name last: the parts are each at most
    # 1 and so far apart that a later one never outweighs a whole person of an earlier one.
    score = stay / (total or 1) + 1e-8 * shared / max(len(frame), 1) + 1e-13 * same
    rows, columns = linear_sum_assignment(score, maximize=True)
    matching = dict.fromkeys(lots, "")
    matching.update({
        lots[r]: zones[c] for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0
    })
    changes = new.map(matching) != old
    by_lot = _by_lot(weight.where(changes, 0.0), plan).rename(f"moved_{unit}")
    went = float(weight[changes].sum())
    return Moved(
        unit=unit, total=went, pct=100 * went / total if total else np.nan,
        areas=tuple(frame.index[changes]), matching=matching, by_lot=by_lot,
    )


def lot_table(
    areas: gpd.GeoDataFrame,
    graph: nx.Graph[str],
    demand: Demand,
    plan: Plan,
    *,
    target: pd.Series[float] | float | None = None,
    today: Plan | None = None,
) -> pd.DataFrame:
    """Every measure of every lot.

    Parameters
    ----------
    areas, graph, demand, plan
        See the module.
    target
        Weekly hours by lot, or one figure; :func:`target_hours` when left out.
    today
        The zones in force, to count who moves.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``lot`` in natural order. Columns: ``locality``, ``areas``, ``weekly_hours``,
        ``annual_hours``, ``people``, ``packages``; ``weekly_hours_<payer>`` and
        ``people_<payer>`` for each payer; ``target_hours``, ``deviation_hours``,
        ``deviation_pct``, ``area_km2``, ``rural_pct``, ``centre``, ``distance_km``,
        ``hess_cost``, ``connected``, ``pieces``, ``cut_km``, ``cut_edges``, ``polsby_popper``,
        ``reock``; and with ``today`` also ``zone_today`` and ``moved_people`` (``moved_hours``
        where people are not known). Units and missing values as in each function.
    """
    aim = target_hours(areas, demand, plan) if target is None else target
    hours = weekly_hours(demand, plan)
    shapes = lot_shapes(areas, plan)
    centres, costs = _centres(areas, demand, plan)
    cut = _cut(graph, plan)
    parts: list[pd.Series[Any] | pd.DataFrame] = [
        locality(areas, plan), area_count(plan), hours, annual_hours(demand, plan),
        people(demand, plan), packages(demand, plan),
        hours_by_payer(demand, plan).add_prefix("weekly_hours_"),
        people_by_payer(demand, plan).add_prefix("people_"),
        _target(hours, aim).rename("target_hours"),
        deviation_hours(demand, plan, aim), deviation_pct(demand, plan, aim),
        area_km2(areas, plan), rural_pct(areas, demand, plan),
        centres, distance_km(areas, demand, plan), costs,
        is_connected(graph, plan), pieces(graph, plan),
        _at_both_ends(cut, plan, "sum").astype(float).rename("cut_km"),
        _at_both_ends(cut, plan, "size").astype("int64").rename("cut_edges"),
        _polsby_popper(shapes), _reock(shapes),
    ]
    if today is not None:
        change = moved(demand, plan, today)
        parts.append(pd.Series(change.matching, name="zone_today", dtype="str"))
        parts.append(change.by_lot.astype("Int64") if change.unit == "people" else change.by_lot)
    return pd.concat(parts, axis=1).rename_axis(index="lot", columns=None)


def plan_facts(
    areas: gpd.GeoDataFrame,
    graph: nx.Graph[str],
    demand: Demand,
    plan: Plan,
    *,
    target: pd.Series[float] | float | None = None,
    today: Plan | None = None,
    table: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Give the measures of the whole plan, as plain Python values that JSON can hold.

    Parameters
    ----------
    areas, graph, demand, plan, target, today
        As in :func:`lot_table`.
    table
        The lot table of this plan, where it is at hand already.

    Returns
    -------
    dict
        ``lots``, ``areas`` (counts); ``weekly_hours``, ``annual_hours``; ``people``,
        ``packages`` (None where not known); ``weekly_hours_by_payer``; ``smallest_lot_hours``,
        ``largest_lot_hours``, ``spread_hours`` (their difference); ``largest_deviation_pct``
        (the largest lot's or the smallest's, without sign; None where no lot has a target above
        0); ``hess_cost``; ``distance_km`` (over all hours); ``connected``; ``cut_km``,
        ``cut_edges`` (each boundary once); ``mean_polsby_popper``; and with ``today``
        ``moved_people`` or ``moved_hours``, ``moved_pct``, ``moved_areas`` (count) and
        ``zone_today`` (zone by lot).
    """
    if table is None:
        table = lot_table(areas, graph, demand, plan, target=target, today=today)
    hours = table["weekly_hours"]
    off = table["deviation_pct"].abs()
    total = float(hours.sum())
    cut = _cut(graph, plan)
    facts: dict[str, Any] = {
        "lots": len(table),
        "areas": len(plan),
        "weekly_hours": total,
        "annual_hours": total * WEEKS_IN_A_YEAR,
        "people": int(table["people"].sum()) if demand.people_known else None,
        "packages": int(table["packages"].sum()) if demand.packages_known else None,
        "weekly_hours_by_payer": {
            str(payer): float(value) for payer, value in hours_by_payer(demand, plan).sum().items()
        },
        "smallest_lot_hours": float(hours.min()),
        "largest_lot_hours": float(hours.max()),
        "spread_hours": float(hours.max() - hours.min()),
        "largest_deviation_pct": None if off.isna().all() else float(off.max()),
        "hess_cost": float(table["hess_cost"].sum()),
        "distance_km": (
            float((table["distance_km"].fillna(0) * hours).sum() / total) if total else None
        ),
        "connected": bool(table["connected"].all()),
        "cut_km": float(cut["km"].sum()),
        "cut_edges": len(cut),
        "mean_polsby_popper": float(table["polsby_popper"].mean()),
    }
    if today is not None:
        change = moved(demand, plan, today)
        facts |= {
            f"moved_{change.unit}": (
                int(change.total) if change.unit == "people" else change.total
            ),
            "moved_pct": None if np.isnan(change.pct) else change.pct,
            "moved_areas": len(change.areas),
            "zone_today": dict(change.matching),
        }
    return facts
