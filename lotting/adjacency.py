"""Which areas touch, for how long a stretch, and how a map that falls apart can be joined.

Published boundary files do not agree with themselves: neighbours digitised apart from each other
share no vertex, leave slivers between them or overlap. So two areas are neighbours when their
edges run *along* each other, within a tolerance, for long enough:

1. Segments that two areas share exactly, end to end, are matched by hashing. On a clean file that
   settles all but the outline, and it is what keeps 33,000 areas quick.
2. Every other segment looks straight out and straight in, at right angles to itself, no further
   than the tolerance. What it meets first, facing it, is the neighbour there. Meeting *first* is
   what keeps a strip of a third area, however thin, between two areas that face each other across
   it; looking at right angles is what keeps a corner a corner.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import numpy.typing as npt
import shapely

from .errors import Problems, some
from .locating import unknown_codes_hint

__all__ = ["Candidate", "Piece", "build_adjacency", "pieces"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Vertices this close are one vertex: far below any survey's error, far above rounding noise.
SNAP_M = 0.001
# Two edges face each other when they run against each other within this angle.
FACING_COS = math.cos(math.radians(50.0))
# Two edges apart are one border, badly drawn, when they run together for this many times their
# gap. A corner that overlaps or is cut short shows a stretch of about twice the gap there, and the
# mouth of a creek not much more.
SLENDER = 5.0
# Segments in one search tree, and segments looked up at a time: the memory, not the answer.
BLOCK = 200_000
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class _Segments:
    """Directed boundary segments, the area on the left of each."""

    start: Floats  # (n, 2), metres
    end: Floats  # (n, 2), metres
    area: Ints  # (n,), position in the map

    def take(self, which: Bools | Ints) -> _Segments:
        return _Segments(self.start[which], self.end[which], self.area[which])

    def __len__(self) -> int:
        return len(self.area)


@dataclass(frozen=True, slots=True)
class _Contacts:
    """Stretches of one area's edge that meet another area."""

    area: Ints  # whose edge
    other: Ints  # whom it meets
    length: Floats  # metres along the edge
    gap: Floats  # mean gap or overlap, metres, never negative


_NO_CONTACTS = _Contacts(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))


def _segments(geometry: npt.NDArray[Any]) -> _Segments:
    parts, area_of_part = shapely.get_parts(geometry, return_index=True)
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    xy, ring_of_vertex = shapely.get_coordinates(rings, return_index=True)
    if not len(xy):
        empty = np.empty((0, 2))
        return _Segments(empty, empty, np.empty(0, dtype=np.int64))
    inside = ring_of_vertex[:-1] == ring_of_vertex[1:]
    start, end, ring = xy[:-1][inside], xy[1:][inside], ring_of_vertex[:-1][inside]
    # Shoelace formula about each ring's first vertex, so that the sum keeps its precision.
    origin = xy[np.searchsorted(ring_of_vertex, np.arange(len(rings)))][ring]
    a, b = start - origin, end - origin
    twice_area = np.bincount(ring, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], minlength=len(rings))
    hole = np.ones(len(rings), dtype=bool)
    hole[np.searchsorted(part_of_ring, np.unique(part_of_ring))] = False
    # Outlines run anticlockwise and holes clockwise: the area is then on the left of each.
    turn = ((twice_area < 0) != hole)[ring]
    start, end = np.where(turn[:, None], end, start), np.where(turn[:, None], start, end)
    return _Segments(start, end, area_of_part[part_of_ring[ring]].astype(np.int64))


def _match_exactly(segments: _Segments) -> tuple[_Contacts, Bools]:
    """Pair each segment with the same one run the other way; also say which found none."""
    grid = np.round(np.concatenate([segments.start, segments.end]) / SNAP_M).astype(np.int64)
    grid -= grid.min(axis=0)
    _, vertex = np.unique(grid[:, 0] * (int(grid[:, 1].max()) + 1) + grid[:, 1],
                          return_inverse=True)
    n, many = len(segments), int(vertex.max()) + 1
    start, end = vertex[:n].astype(np.int64), vertex[n:].astype(np.int64)
    forward, backward = start * many + end, end * many + start
    order = np.argsort(forward, kind="stable")
    ordered = forward[order]
    left = np.searchsorted(ordered, backward, side="left")
    count = np.searchsorted(ordered, backward, side="right") - left
    count[start == end] = 0
    mine = np.repeat(np.arange(n), count)
    theirs = order[np.repeat(left - np.cumsum(count) + count, count) + np.arange(len(mine))]
    apart = segments.area[mine] != segments.area[theirs]
    mine, theirs = mine[apart], theirs[apart]
    length = np.hypot(*(segments.end[mine] - segments.start[mine]).T)
    contacts = _Contacts(segments.area[mine], segments.area[theirs], length, np.zeros(len(mine)))
    return contacts, (count == 0) & (start != end)


def _blocks(middle: Floats, which: Ints) -> Iterable[Ints]:
    """Split segments into compact blocks of at most ``BLOCK``, at the median of the longer side."""
    if len(which) <= BLOCK:
        yield which
        return
    here = middle[which]
    values = here[:, int(np.argmax(np.ptp(here, axis=0)))]
    order = np.argsort(values, kind="stable")
    half = len(which) // 2
    yield from _blocks(middle, which[order[:half]])
    yield from _blocks(middle, which[order[half:]])


def _facing(segments: _Segments, tolerance_m: float) -> _Contacts:
    """Let every segment look out and in, and say which area it meets first, facing it."""
    low = np.minimum(segments.start, segments.end) - tolerance_m
    high = np.maximum(segments.start, segments.end) + tolerance_m
    found = [_NO_CONTACTS]
    for block in _blocks((low + high) / 2, np.arange(len(segments))):
        near = np.flatnonzero(
            (low <= high[block].max(axis=0)).all(axis=1)
            & (high >= low[block].min(axis=0)).all(axis=1))
        lines = np.asarray(shapely.linestrings(
            np.stack([segments.start[near], segments.end[near]], axis=1)))
        tree = shapely.STRtree(lines)
        for batch in np.array_split(np.sort(block), math.ceil(len(block) / BATCH)):
            # By boxes only: the exact distance is cheaper to find below, for all pairs at once.
            windows = shapely.box(*low[batch].T, *high[batch].T)
            mine, theirs = tree.query(windows)
            mine, theirs = batch[mine], near[theirs]
            apart = segments.area[mine] != segments.area[theirs]
            found.append(_first_met(segments, mine[apart], theirs[apart], tolerance_m))
    return _joined(found)


def _first_met(segments: _Segments, mine: Ints, theirs: Ints, tolerance_m: float) -> _Contacts:
    # In the frame of my segment: x along it from its start, y its normal distance.
    along = segments.end[mine] - segments.start[mine]
    length = np.hypot(along[:, 0], along[:, 1])
    unit = along / length[:, None]
    a, b = (p[theirs] - segments.start[mine] for p in (segments.start, segments.end))
    xa, xb = (p[:, 0] * unit[:, 0] + p[:, 1] * unit[:, 1] for p in (a, b))
    ya, yb = (p[:, 1] * unit[:, 0] - p[:, 0] * unit[:, 1] for p in (a, b))
    against = xb < xa
    mine, theirs = mine[against], theirs[against]
    length, xa, xb, ya, yb = (v[against] for v in (length, xa, xb, ya, yb))
    slope = (ya - yb) / (xa - xb)  # of y over x along their segment
    # Their segment, cut to where it lies beside mine and within the tolerance.
    level = slope == 0
    steep = np.where(level, 1.0, slope)
    cut = np.stack([(-tolerance_m - yb) / steep, (tolerance_m - yb) / steep]) + xb
    low = np.maximum(np.maximum(xb, 0.0), np.where(level, -np.inf, cut.min(axis=0)))
    high = np.minimum(np.minimum(xa, length), np.where(level, np.inf, cut.max(axis=0)))
    seen = (high > low) & ~(level & (np.abs(yb) > tolerance_m))
    if not seen.any():
        return _NO_CONTACTS
    mine, theirs = mine[seen], theirs[seen]
    low, high, slope, xb, yb = (v[seen] for v in (low, high, slope, xb, yb))
    # Cut my segment wherever something it sees begins or ends: pieces between sorted ends.
    n = len(mine)
    ends = np.concatenate([low, high])
    order = np.lexsort((ends, np.concatenate([mine, mine])))
    ends = ends[order]
    rank = np.empty(2 * n, dtype=np.int64)
    rank[order] = np.arange(2 * n)
    covered = rank[n:] - rank[:n]
    view = np.repeat(np.arange(n), covered)
    piece = np.repeat(rank[:n] - np.cumsum(covered) + covered, covered) + np.arange(len(view))
    width = ends[piece + 1] - ends[piece]
    middle = ends[piece] + width / 2
    gap = np.abs(yb[view] + slope[view] * (middle - xb[view]))
    # In each piece the nearest counts, and it counts only if it faces me; else it is in the way.
    order = np.lexsort((gap, piece))
    first = order[np.concatenate([[True], np.diff(piece[order]) > 0])]
    facing = 1.0 / np.hypot(1.0, slope[view[first]]) >= FACING_COS
    first = first[facing & (width[first] > 0)]
    met = view[first]
    return _Contacts(
        segments.area[mine[met]], segments.area[theirs[met]], width[first], gap[first])


def _joined(contacts: Sequence[_Contacts]) -> _Contacts:
    return _Contacts(
        np.concatenate([c.area for c in contacts]), np.concatenate([c.other for c in contacts]),
        np.concatenate([c.length for c in contacts]), np.concatenate([c.gap for c in contacts]))


def _by_pair(contacts: _Contacts, n: int) -> tuple[Ints, Floats, Floats]:
    """Add up by ordered pair: ``area * n + other`` (sorted), length, and mean gap."""
    pair, which = np.unique(contacts.area * n + contacts.other, return_inverse=True)
    length = np.asarray(
        np.bincount(which, contacts.length, minlength=len(pair)), dtype=np.float64)
    gap = np.bincount(which, contacts.length * contacts.gap, minlength=len(pair))
    return pair.astype(np.int64), length, gap / length


def _borders(
    geometry: npt.NDArray[Any], tolerance_m: float
) -> tuple[Ints, Ints, Floats]:
    """Find each pair of areas that touch, lower position first, and the metres they share."""
    n = len(geometry)
    segments = _segments(geometry)
    if not len(segments):
        return _NO_CONTACTS.area, _NO_CONTACTS.other, _NO_CONTACTS.length
    exact, alone = _match_exactly(segments)
    pair, length, _ = _by_pair(exact, n)
    low = pair // n < pair % n
    shared = dict(zip(pair[low].tolist(), length[low].tolist(), strict=True))
    pair, length, gap = _by_pair(_facing(segments.take(alone), tolerance_m), n)
    back = (pair % n) * n + pair // n
    at = np.searchsorted(pair, back)
    both = (pair < back) & (at < len(pair))
    both[both] = pair[at[both]] == back[both]
    # Both must meet each other first: the shorter of the two views is what they share.
    mutual = np.minimum(length[both], length[at[both]])
    apart = (gap[both] + gap[at[both]]) / 2
    slender = mutual >= SLENDER * apart
    for key, metres in zip(
            pair[both][slender].tolist(), mutual[slender].tolist(), strict=True):
        shared[key] = shared.get(key, 0.0) + metres
    keys = np.array(sorted(shared), dtype=np.int64)
    first, second = np.asarray(keys // n, dtype=np.int64), np.asarray(keys % n, dtype=np.int64)
    return first, second, np.array([shared[k] for k in keys.tolist()], dtype=np.float64)


def build_adjacency(
    areas: gpd.GeoDataFrame,
    *,
    tolerance_m: float = 25.0,
    min_shared_m: float = 10.0,
    bridges: Iterable[tuple[str, str]] = (),
    barriers: Iterable[tuple[str, str]] = (),
) -> nx.Graph[str]:
    """Build the graph of areas that share a border, with the brief's bridges and barriers.

    Parameters
    ----------
    areas
        Index ``area_code``, valid polygons in EPSG:27700, as :func:`lotting.areas.read_areas`
        gives them.
    tolerance_m
        Widest gap or overlap, metres, between the edges of two areas that still touch. It counts
        only along a stretch at least five times as long as the gap is wide.
    min_shared_m
        Areas that share less border than this, metres, do not touch; neither do areas that share
        a point, whatever it is.
    bridges
        Pairs of codes to join although they do not touch.
    barriers
        Pairs of codes to keep apart although they touch. Pairs that do not touch anyway are in
        ``graph.graph["warnings"]``.

    Returns
    -------
    networkx.Graph
        Nodes are the area codes, in the order of ``areas``. Edges have ``shared_m`` (float,
        metres; 0.0 for a bridge) and ``kind`` (``"border"`` or ``"bridge"``; a bridge between
        areas that touch stays a border). ``graph.graph["warnings"]`` is a list of
        :class:`~lotting.errors.Problem`.

    Raises
    ------
    InputError
        A bridge or barrier names an unknown area or the same area twice, or one pair is both.

    Notes
    -----
    ``shared_m`` adds up the segments that both areas have exactly and the stretches where each
    meets the other first, within the tolerance, unless these are shorter than five times their
    mean gap. Own method; on clean files it is the length of the intersection of the two outlines.

    Examples
    --------
    >>> areas = gpd.GeoDataFrame(
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100.5, 0, 200, 100),
    ...               shapely.box(600, 0, 700, 100)],
    ...     index=["a", "b", "c"], crs="EPSG:27700")
    >>> graph = build_adjacency(areas, bridges=[("b", "c")])
    >>> list(graph.edges(data="kind"))
    [('a', 'b', 'border'), ('b', 'c', 'bridge')]
    >>> graph.edges["a", "b"]["shared_m"]
    100.0
    """
    codes = [str(code) for code in areas.index]
    problems = Problems()
    joined = _checked_pairs(bridges, "bridges", codes, problems)
    cut = _checked_pairs(barriers, "barriers", codes, problems)
    for a, b in sorted(joined & cut):
        problems.add(f"{a} and {b} are both a bridge and a barrier", column="areas.barriers",
                     fix="Delete one of the two.")
    problems.raise_if_any()
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(codes)
    first, second, shared = _borders(areas.geometry.to_numpy(), tolerance_m)
    enough = shared >= min_shared_m
    graph.add_edges_from(
        (codes[i], codes[j], {"shared_m": metres, "kind": "border"})
        for i, j, metres in zip(
            first[enough].tolist(), second[enough].tolist(), shared[enough].tolist(), strict=True))
    idle = sorted(pair for pair in cut if not graph.has_edge(*pair))
    if idle:
        problems.add(
            f"{len(idle)} barrier{'s are' if len(idle) > 1 else ' is'} between areas that do not "
            f"touch: {some('-'.join(p) for p in idle)}", column="areas.barriers",
            fix="Check the codes, or delete them.", severity="warning",
        )
    graph.remove_edges_from(cut)
    graph.add_edges_from(
        (a, b, {"shared_m": 0.0, "kind": "bridge"})
        for a, b in sorted(joined) if not graph.has_edge(a, b))
    graph.graph["warnings"] = problems.warnings
    return graph


def _checked_pairs(
    pairs: Iterable[tuple[str, str]], key: str, codes: Sequence[str], problems: Problems
) -> set[tuple[str, str]]:
    known, good = set(codes), set()
    for number, (a, b) in enumerate(pairs, start=1):
        unknown = [c for c in (a, b) if c not in known]
        column = f"areas.{key}[{number}]"
        if unknown:
            problems.add(
                f"{some(unknown)} {'are' if len(unknown) > 1 else 'is'} not on the map",
                column=column, fix=unknown_codes_hint(unknown, codes),
            )
        elif a == b:
            problems.add("both ends are the same area", column=column, value=a,
                         fix="Name two different areas.")
        else:
            good.add((min(a, b), max(a, b)))
    return good


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair of areas that a bridge could join.

    Attributes
    ----------
    area
        Code in the piece.
    other
        Code outside it.
    gap_m
        Metres between the two; 0.0 where they meet at a corner.
    """

    area: str
    other: str
    gap_m: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the map that no border or bridge joins to the rest.

    Attributes
    ----------
    areas
        Codes, in the map's order.
    candidates
        Nearest pairs that would join it to another piece, nearest first; empty for the largest
        piece, which the others are joined to.
    """

    areas: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()

    def __str__(self) -> str:
        n = len(self.areas)
        text = f"{n} area{'s' if n > 1 else ''} cut off from the rest: {some(self.areas)}."
        if self.candidates:
            near = "; ".join(f"{c.area} to {c.other}, {c.gap_m:,.0f} m" for c in self.candidates)
            text += f" Nearest: {near}."
        return text


def pieces(
    graph: nx.Graph[str], areas: gpd.GeoDataFrame, *, candidates: int = 3
) -> list[Piece]:
    """Name the disconnected pieces of a map, and where each could be joined to another.

    Parameters
    ----------
    graph
        As :func:`build_adjacency` gives it.
    areas
        The same areas, EPSG:27700.
    candidates
        Most pairs to name for a piece.

    Returns
    -------
    list of Piece
        Largest first, then by first code; one piece when the map hangs together. Distances are
        between the nearest points of the areas, metres.

    Examples
    --------
    >>> areas = gpd.GeoDataFrame(
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(130, 0, 200, 100)],
    ...     index=["a", "b"], crs="EPSG:27700")
    >>> print(pieces(build_adjacency(areas), areas)[1])
    1 area cut off from the rest: b. Nearest: b to a, 30 m.
    """
    codes = [str(code) for code in areas.index]
    place = {code: i for i, code in enumerate(codes)}
    groups = sorted(
        (sorted(place[code] for code in group) for group in nx.connected_components(graph)),
        key=lambda group: (-len(group), group[0]))
    geometry = areas.geometry.to_numpy()
    found = [Piece(tuple(codes[i] for i in group)) for group in groups[:1]]
    for group in groups[1:]:
        rest = np.setdiff1d(np.arange(len(codes)), group)
        (mine, theirs), gaps = shapely.STRtree(geometry[rest]).query_nearest(
            geometry[group], return_distance=True, all_matches=True)
        pairs = sorted(
            (round(float(gap), 1), codes[group[i]], codes[rest[j]])
            for i, j, gap in zip(mine, theirs, gaps, strict=True))
        found.append(Piece(
            tuple(codes[i] for i in group),
            tuple(Candidate(a, b, gap) for gap, a, b in itertools.islice(pairs, candidates))))
    return found
