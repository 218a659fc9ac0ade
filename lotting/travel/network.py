"""Travel times along a road network read from a file: no server, nothing leaves the machine.

A place is joined to the nearest point of the nearest road (not the nearest junction, which may be a
mile off in the country). The leg between counts, at the speed of a private drive, so that no way is
shorter than the straight line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lotting.brief import TravelBrief
from lotting.errors import InputError, Problem

from .paths import Graph, Ints, make_graph, quickest
from .road_classes import road_class
from .road_file import Roads, read_roads
from .straight_line import KM_A_MILE
from .times import Floats, Mode, TravelMatrix, check_mode, places

__all__ = ["RoadNetwork", "SnapSummary"]

#: Ends of links closer than this (metres) are one junction: files round their coordinates.
JOIN_M = 0.25

_DRIVERS = {"car": "cars", "walk": "people on foot", "cycle": "bicycles"}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The largest connected part of the network for one mode.

    ``lines`` (e,) with ``tail`` and ``head`` (e,), node numbers below ``nodes``; ``pace`` (e, 2) is
    minutes a metre along and against the line, ``inf`` where that is not allowed; ``length_m`` (e,).
    """

    lines: npt.NDArray[np.object_]
    tail: Ints
    head: Ints
    nodes: int
    pace: Floats
    length_m: Floats
    tree: shapely.STRtree
    dropped: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class _Snapped:
    """Where places (p, 2) join the roads: ``link``, metres ``along`` it, and ``off_m`` from it."""

    link: Ints
    along: Floats
    off_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapSummary:
    """How far places are from the roads: median, nine in ten, most (metres), and how many too far."""

    places: int
    median_m: float
    p90_m: float
    most_m: float
    too_far: int


class RoadNetwork:
    """Travel times along the roads.

    Parameters
    ----------
    roads
        From :func:`lotting.travel.road_file.read_roads`.
    brief
        ``[travel]``: minutes of a stop, speeds on foot and by bicycle, ``max_snap_m``,
        ``max_minutes``.

    Notes
    -----
    Only the largest part in which one can get from anywhere to anywhere and back counts; what it
    leaves out is in :meth:`dropped`. Cars keep to one-way streets, people on foot do not.
    """

    def __init__(self, roads: Roads, brief: TravelBrief) -> None:
        self.roads = roads
        self.brief = brief
        self._parts: dict[Mode, _Part] = {}

    @classmethod
    def read(cls, brief: TravelBrief) -> Self:
        """Read the network that ``[travel]`` names; see :func:`lotting.travel.road_file.read_roads`."""
        return cls(read_roads(brief), brief)

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Find minutes and km along the quickest way; see :meth:`lotting.travel.TravelTimes.matrix`.

        Places further than ``max_snap_m`` from the network, and trips over ``max_minutes``, are
        unreachable.

        Raises
        ------
        InputError
            Also when no origin, or no destination, is anywhere near the network.
        """
        check_mode(mode)
        start = places(origins, "origins")
        end = start if destinations is None else places(destinations, "destinations")
        part = self._part(mode)
        both = np.vstack([start.xy, end.xy])
        xy, which = np.unique(both, axis=0, return_inverse=True)
        which = which.reshape(-1)
        from_, to = which[: len(start.ids)], which[len(start.ids) :]
        snapped = _snap(part, xy)
        near = snapped.off_m <= self.brief.max_snap_m
        self._some_near(near[from_], snapped.off_m[from_], "origins", mode)
        self._some_near(near[to], snapped.off_m[to], "destinations", mode)
        rows, columns = np.unique(from_[near[from_]]), np.unique(to[near[to]])
        minutes, km = self._between(part, snapped, rows, columns, _middle(xy, rows, columns), mode)
        shape = (len(start.ids), len(end.ids))
        all_minutes, all_km = np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32)
        i, j = np.flatnonzero(near[from_]), np.flatnonzero(near[to])
        at = np.ix_(np.searchsorted(rows, from_[i]), np.searchsorted(columns, to[j]))
        all_minutes[np.ix_(i, j)] = minutes[at]
        all_km[np.ix_(i, j)] = km[at]
        here = from_[:, None] == to[None, :]
        all_minutes[here], all_km[here] = 0.0, 0.0
        limit = self.brief.max_minutes
        return TravelMatrix(
            minutes=all_minutes, km=all_km, origins=start.ids, destinations=end.ids,
            origin_reasons=self._reasons(snapped.off_m[from_], mode),
            destination_reasons=self._reasons(snapped.off_m[to], mode),
            otherwise="no way between the two" if limit is None else f"takes more than {limit:g} minutes",
        )

    def snap_report(self, points: pd.DataFrame, *, mode: Mode = "car") -> pd.DataFrame:
        """Say how far each place is from the network.

        Returns
        -------
        pandas.DataFrame
            Index as ``points``; ``snap_m`` (float, metres to the nearest road of the largest
            connected part), ``snapped`` (bool, within ``max_snap_m``), ``road_x_m``, ``road_y_m``
            (float, EPSG:27700, where it joins the road).
        """
        check_mode(mode)
        at = places(points)
        part = self._part(mode)
        snapped = _snap(part, at.xy)
        line = part.lines[snapped.link]
        foot = shapely.get_coordinates(shapely.line_interpolate_point(line, snapped.along))
        return pd.DataFrame({
            "snap_m": snapped.off_m, "snapped": snapped.off_m <= self.brief.max_snap_m,
            "road_x_m": foot[:, 0], "road_y_m": foot[:, 1],
        }, index=at.ids)

    def snap_summary(self, points: pd.DataFrame, *, mode: Mode = "car") -> SnapSummary:
        """Sum up :meth:`snap_report`, for a report that may be published."""
        report = self.snap_report(points, mode=mode)
        m = report["snap_m"]
        if not len(m):
            return SnapSummary(places=0, median_m=0.0, p90_m=0.0, most_m=0.0, too_far=0)
        return SnapSummary(
            places=len(m), median_m=float(m.median()), p90_m=float(m.quantile(0.9)),
            most_m=float(m.max()), too_far=int((~report["snapped"]).sum()))

    def dropped(self, mode: Mode = "car") -> pd.DataFrame:
        """Links of the file that are not used: ``reason`` (str), ``links`` (int), ``km`` (float)."""
        return self._part(check_mode(mode)).dropped

    def nodes(self, mode: Mode = "car") -> pd.DataFrame:
        """Junctions and ends of the largest connected part: ``x_m``, ``y_m``, index ``"0"``, ``"1"``..."""
        part = self._part(check_mode(mode))
        xy = np.empty((part.nodes, 2))
        for position, of in ((0, part.tail), (-1, part.head)):
            xy[of] = shapely.get_coordinates(shapely.get_point(part.lines, position))
        return pd.DataFrame(xy, columns=["x_m", "y_m"], index=pd.RangeIndex(part.nodes).astype("str"))

    def links(self, mode: Mode = "car") -> pd.DataFrame:
        """Links of the largest connected part, by node number, for other libraries.

        Returns
        -------
        pandas.DataFrame
            ``tail``, ``head`` (int), ``minutes``, ``km`` (float); a link open both ways is two rows.
        """
        part = self._part(check_mode(mode))
        ends = ((part.tail, part.head), (part.head, part.tail))
        rows = [
            pd.DataFrame({"tail": a, "head": b, "minutes": part.pace[:, k] * part.length_m,
                          "km": part.length_m / 1000})[np.isfinite(part.pace[:, k])]
            for k, (a, b) in enumerate(ends)
        ]
        return pd.concat(rows, ignore_index=True)

    def settings(self) -> dict[str, Any]:
        """Engine, hash of the file, speeds (mph by class and mode), limits."""
        brief = self.brief
        known = {name: road_class(name, brief.speeds_mph) for name in self.roads.links["road_class"].unique()}
        return {
            "engine": "road network", "roads": self.roads.file, "data_sha256": self.roads.sha256,
            "layer": brief.roads_layer, "class": brief.roads_class,
            "speeds_mph": {k: round(c.mph, 3) for k, c in sorted(known.items()) if c is not None and c.mph},
            "walk_mph": brief.walk_mph, "cycle_mph": brief.cycle_mph, "stop_minutes": brief.stop_minutes,
            "max_snap_m": brief.max_snap_m, "max_minutes": brief.max_minutes,
        }

    def _part(self, mode: Mode) -> _Part:
        if mode not in self._parts:
            self._parts[mode] = _largest_part(self.roads, self.brief, mode)
        return self._parts[mode]

    def _between(
        self, part: _Part, snapped: _Snapped, rows: Ints, columns: Ints, middle: int | None, mode: Mode
    ) -> tuple[Floats, Floats]:
        """Minutes (a stop included) and km between snapped places, by their number."""
        used = np.union1d(rows, columns)
        graph = _with_feet(part, snapped, used)
        sources = part.nodes + np.searchsorted(used, rows)
        targets = part.nodes + np.searchsorted(used, columns)
        limit = np.inf if self.brief.max_minutes is None else self.brief.max_minutes
        at = None if middle is None else part.nodes + int(np.searchsorted(used, middle))
        if len(rows) <= len(columns):
            minutes, km = quickest(graph, sources, targets, limit, middle=at)
        else:  # fewer trees to grow from the other side, against the traffic
            minutes, km = (m.T for m in quickest(_against(graph), targets, sources, limit, middle=at))
        off = snapped.off_m[rows][:, None] + snapped.off_m[columns][None, :]
        minutes = minutes + off * _off_road_pace(self.brief, mode)
        minutes[minutes > limit] = np.inf
        km = np.where(np.isfinite(minutes), km + off / 1000, np.inf)
        return minutes + self.brief.stop_minutes, km

    def _some_near(self, near: npt.NDArray[np.bool_], off_m: Floats, what: str, mode: Mode) -> None:
        if len(near) and not near.any():
            raise InputError(Problem(
                message=f"none of the {len(near)} {what} is within {self.brief.max_snap_m:g} m of a road for "
                        f"{_DRIVERS[mode]} (the nearest is {off_m.min():,.0f} m from one)",
                file=self.roads.file,
                fix="Is it the road network of this county? Otherwise raise [travel] max_snap_m."))

    def _reasons(self, off_m: Floats, mode: Mode) -> tuple[str, ...]:
        limit = self.brief.max_snap_m
        if (off_m <= limit).all():
            return ()
        return tuple(
            "" if m <= limit else
            f"no road for {_DRIVERS[mode]} within {limit:g} m (the nearest is {m:,.0f} m away)"
            for m in off_m)


def _off_road_pace(brief: TravelBrief, mode: Mode) -> float:
    """Minutes a metre between a place and its road: a drive by car, else on foot."""
    drive = road_class("service", {})
    assert drive is not None
    return 60 / 1000 / ((drive.mph if mode == "car" else brief.walk_mph) * KM_A_MILE)


def _largest_part(roads: Roads, brief: TravelBrief, mode: Mode) -> _Part:
    open_ = roads.links[mode].to_numpy(dtype=bool)
    dropped = [*roads.dropped.itertuples(index=False, name=None)]
    km = shapely.length(roads.lines) / 1000
    if not open_.all():
        dropped.append((f"not for {_DRIVERS[mode]}", int((~open_).sum()), float(km[~open_].sum())))
    if not open_.any():
        raise InputError(Problem(
            message=f"the road network holds no links for {_DRIVERS[mode]}", file=roads.file,
            fix="Give one that does, or another mode."))
    lines, links = roads.lines[open_], roads.links[open_]
    length = shapely.length(lines)
    mph: Any = {"car": links["mph"].to_numpy(dtype=np.float64), "walk": brief.walk_mph,
                "cycle": brief.cycle_mph}[mode]
    pace = np.empty((len(lines), 2))
    pace[:] = (60 / 1000 / (np.broadcast_to(mph, len(lines)) * KM_A_MILE))[:, None]
    if mode != "walk":
        direction = links["direction" if mode == "car" else "cycle_direction"].to_numpy()
        pace[direction == -1, 0] = np.inf
        pace[direction == 1, 1] = np.inf
    nodes, tail, head = _junctions(lines)
    along, against = np.isfinite(pace).T
    a, b = np.concatenate([tail[along], head[against]]), np.concatenate([head[along], tail[against]])
    both = csr_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(nodes, nodes))
    _, label = connected_components(both, directed=True, connection="strong")
    best = label == np.argmax(np.bincount(label))
    keep = best[tail] & best[head]
    if not keep.all():
        dropped.append((
            "cut off from the largest connected part", int((~keep).sum()), float(length[~keep].sum() / 1000)))
    number = np.cumsum(best) - 1
    return _Part(
        lines=lines[keep], tail=number[tail[keep]], head=number[head[keep]], nodes=int(best.sum()),
        pace=pace[keep], length_m=length[keep], tree=shapely.STRtree(lines[keep]),
        dropped=pd.DataFrame(dropped, columns=["reason", "links", "km"]))


def _junctions(lines: npt.NDArray[np.object_]) -> tuple[int, Ints, Ints]:
    """Number the ends of links: those within :data:`JOIN_M` of each other are one node."""
    ends = np.vstack([shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)])
    xy, which = np.unique(ends, axis=0, return_inverse=True)
    pairs = cKDTree(xy).query_pairs(JOIN_M, output_type="ndarray")
    joined = csr_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(xy), len(xy)))
    count, label = connected_components(joined, directed=False)
    node = label[which.reshape(-1)].astype(np.int64)
    return int(count), node[: len(lines)], node[len(lines) :]


def _middle(xy: Floats, rows: Ints, columns: Ints) -> int | None:
    """Of the places in use, the one nearest the middle of them all."""
    used = np.union1d(rows, columns)
    if not len(used):
        return None
    off = np.hypot(*(xy[used] - (xy[used].min(axis=0) + xy[used].max(axis=0)) / 2).T)
    return int(used[np.argmin(off)])


def _snap(part: _Part, xy: Floats) -> _Snapped:
    """Join each place to the nearest link; of several as near, to the one that ends there."""
    points = np.asarray(shapely.points(xy))
    (place, link), off = part.tree.query_nearest(points, return_distance=True)
    off = np.asarray(off)
    along = np.clip(shapely.line_locate_point(part.lines[link], points[place]), 0, part.length_m[link])
    to_end = np.minimum(along, part.length_m[link] - along)
    order = np.lexsort((link, to_end, place))
    first = order[np.unique(place[order], return_index=True)[1]]
    return _Snapped(link[first].astype(np.int64), along[first], off[first])


def _with_feet(part: _Part, snapped: _Snapped, used: Ints) -> Graph:
    """Make the graph in which every used place is a node (``part.nodes`` and on) on its link.

    One at the end of a link is at the junction, and may set off any way, also where the link is
    one-way.
    """
    link, along = snapped.link[used], snapped.along[used]
    order = np.lexsort((along, link))
    link, along, foot = link[order], along[order], part.nodes + order
    first = np.ones(len(link), dtype=bool)
    first[1:] = link[1:] != link[:-1]
    last = np.roll(first, -1)
    before = np.where(first, part.tail[link], np.roll(foot, 1))
    piece = np.where(first, along, along - np.roll(along, 1))
    cut = np.zeros(len(part.lines), dtype=bool)
    cut[link] = True
    whole = np.flatnonzero(~cut)
    a = np.concatenate([part.tail[whole], before, foot[last]])
    b = np.concatenate([part.head[whole], foot, part.head[link[last]]])
    of = np.concatenate([whole, link, link[last]])
    metres = np.concatenate([part.length_m[whole], piece, part.length_m[link[last]] - along[last]])
    pace = part.pace[of].T.ravel()
    metres = np.concatenate([metres, metres])
    pace[(metres <= JOIN_M) & ~np.isfinite(pace)] = 0.0
    minutes = np.full(len(metres), np.inf)
    np.multiply(metres, pace, out=minutes, where=np.isfinite(pace))  # a place at a one-way's end: 0 x inf
    return make_graph(
        part.nodes + len(used), np.concatenate([a, b]), np.concatenate([b, a]), minutes, metres / 1000)


def _against(graph: Graph) -> Graph:
    tail = np.repeat(np.arange(graph.nodes), np.diff(graph.indptr))
    return make_graph(graph.nodes, graph.indices.astype(np.int64), tail, graph.minutes, graph.km)

