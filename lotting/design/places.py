"""Which places are designed on their own: localities, and connected pieces of them.

Lots may not cross a locality, and no lot can cross a gap, so the county falls apart into small
problems. Here each gets its number of lots and its limits of hours, or a reason why it cannot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lotting.brief import LotsBrief
from lotting.errors import InfeasibleError, InputError, Problems, Reason, some

if TYPE_CHECKING:  # worker processes, which read this in, do without
    import networkx as nx
    import pandas as pd

__all__ = ["WHOLE_MAP", "Place", "Split", "split", "wider"]

#: Name of the one place when lots may cross localities, or there are none.
WHOLE_MAP = "The whole map"

_SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Areas that are designed together.

    Attributes
    ----------
    name
        For messages: the locality, and of a locality in several pieces, which.
    locality
        The locality; "" for the whole map.
    codes
        Area codes, sorted; connected.
    hours
        Weekly hours in all.
    lots
        Number of lots.
    lo, hi, target
        Weekly hours a lot may and should hold.
    """

    name: str
    locality: str
    codes: tuple[str, ...]
    hours: float
    lots: int
    lo: float
    hi: float
    target: float


@dataclass(frozen=True, slots=True)
class Split:
    """The places, and why some of them cannot be."""

    places: tuple[Place, ...]
    reasons: tuple[Reason, ...] = field(default=())

    def or_raise(self) -> tuple[Place, ...]:
        """Return the places, or raise :class:`~lotting.errors.InfeasibleError`."""
        if self.reasons:
            raise InfeasibleError(self.reasons)
        return self.places


def split(
    localities: pd.Series[str],
    graph: nx.Graph[str],
    hours: pd.Series[float],
    lots: LotsBrief,
    *,
    number: int | None = None,
) -> Split:
    """Split the map into places, each with its number of lots and limits.

    Parameters
    ----------
    localities
        Locality by area code; "" throughout when there are none.
    graph
        Which areas touch.
    hours
        Weekly hours by area code.
    lots
        What the brief says of them.
    number
        Number of lots to use of a range; the brief's when left out.

    Returns
    -------
    Split
        With a reason for each place that fails by arithmetic alone.

    Raises
    ------
    InputError
        The brief names localities that are not on the map, misses some, or wants more lots than
        there are areas.
    """
    groups = _groups(localities, lots)
    total = float(hours.sum())
    if number is None:
        number = lots.number if isinstance(lots.number, int) else None
    if lots.per_locality:
        counts = _as_told(groups, lots.per_locality)
    else:
        assert number is not None
        _enough_areas(len(localities), len(groups), number)
        counts = _shared_out(
            {g: float(hours[codes].sum()) for g, codes in groups.items()},
            {g: len(codes) for g, codes in groups.items()}, number, lots, total,
        )
    places: list[Place] = []
    reasons: list[Reason] = []
    for group, codes in groups.items():
        found, why = _pieces(group, codes, counts[group], graph, hours, lots)
        places += found
        reasons += why
    if reasons and not lots.per_locality and len(groups) > 1 and number is not None:
        reasons = [_county(total, number, lots)] if _county(total, number, lots) else reasons  # type: ignore[list-item]
    return Split(tuple(places), tuple(reasons))


def limits(lots: LotsBrief, mean: float) -> tuple[float, float, float]:
    """Fewest, most and target weekly hours of a lot in a place with this mean.

    Examples
    --------
    >>> limits(LotsBrief(number=2, min_hours=90, tolerance_pct=20), 100.0)
    (90.0, 120.0, 100.0)
    """
    target = lots.target_hours or mean
    lo, hi = lots.min_hours or 0.0, math.inf if lots.max_hours is None else lots.max_hours
    if lots.tolerance_pct is not None:
        lo = max(lo, target * (1 - lots.tolerance_pct / 100))
        hi = min(hi, target * (1 + lots.tolerance_pct / 100))
    return lo, hi, target


def _groups(localities: pd.Series[str], lots: LotsBrief) -> dict[str, list[str]]:
    if lots.across_localities or not localities.astype(bool).any():
        if lots.per_locality:
            raise InputError(_problem(
                "lots.per_locality", "the areas have no localities",
                "Name the locality column in [areas] locality.",
            ).items)
        return {WHOLE_MAP: sorted(map(str, localities.index))}
    return {
        str(name): sorted(map(str, codes))
        for name, codes in sorted(localities.groupby(localities).groups.items())
    }


def _problem(column: str, message: str, fix: str, value: object = None) -> Problems:
    problems = Problems()
    problems.add(message, file="brief.toml", column=column, fix=fix, value=value)
    return problems


def _as_told(groups: Mapping[str, Sequence[str]], told: Mapping[str, int]) -> dict[str, int]:
    problems = Problems()
    unknown, missing = sorted(set(told) - set(groups)), sorted(set(groups) - set(told))
    if unknown:
        problems.add(
            f"{len(unknown)} localities are not on the map: {some(unknown)}", file="brief.toml",
            column="lots.per_locality", fix=f"The map has {some(groups, 12)}.",
        )
    if missing:
        problems.add(
            f"{len(missing)} localities have no number of lots: {some(missing)}", file="brief.toml",
            column="lots.per_locality", fix="Give each locality 1 lot or more.",
        )
    for name in sorted(set(told) & set(groups)):
        if told[name] > len(groups[name]):
            problems.add(
                f"{name} has {len(groups[name])} areas, too few for {told[name]} lots",
                file="brief.toml", column=f"lots.per_locality.{name}", fix="Ask for fewer lots.",
            )
    problems.raise_if_any()
    return dict(told)


def _enough_areas(areas: int, groups: int, number: int) -> None:
    if number > areas:
        raise InputError(_problem(
            "lots.number", f"{number} lots are more than the {areas} areas",
            "Ask for fewer lots, or use smaller areas.", number,
        ).items)
    if number < groups:
        raise InputError(_problem(
            "lots.number", f"{number} lots are too few for {groups} localities that lots may not cross",
            "Ask for one lot a locality or more, or set across_localities = true.", number,
        ).items)


def _shared_out(
    hours: Mapping[str, float], areas: Mapping[str, int], number: int, lots: LotsBrief, total: float
) -> dict[str, int]:
    """Number of lots in each group: within limits if it can be, and means as alike as can be.

    Exact, by dynamic programming over the groups: minimises the hours that miss a limit, then the
    sum of |group's hours - its lots x the county's mean|.
    """
    names = list(hours)
    mean = total / number
    best: dict[int, tuple[tuple[float, float], tuple[int, ...]]] = {0: ((0.0, 0.0), ())}
    for i, name in enumerate(names):
        following: dict[int, tuple[tuple[float, float], tuple[int, ...]]] = {}
        rest = len(names) - i - 1
        for used, ((missed, uneven), counts) in best.items():
            for k in range(1, min(areas[name], number - used - rest) + 1):
                lo, hi, _ = limits(lots, hours[name] / k)
                miss = max(0.0, k * lo - hours[name], hours[name] - k * hi)
                # The mean of a lot here against the county's, on the scale of all its hours.
                key = (missed + miss, uneven + abs(hours[name] - k * mean))
                if used + k not in following or key < following[used + k][0]:
                    following[used + k] = (key, (*counts, k))
        best = following
    if number not in best:
        raise InputError(_problem(
            "lots.number", f"{number} lots do not fit the areas of the localities",
            "Ask for fewer lots.", number,
        ).items)
    return dict(zip(names, best[number][1], strict=True))


def _county(total: float, number: int, lots: LotsBrief) -> Reason | None:
    """Reason why no sharing-out of the lots among localities can work, if arithmetic says so."""
    lo, hi, _ = limits(lots, total / number)
    if number * lo > total + _SLACK or number * hi < total - _SLACK:
        return arithmetic(WHOLE_MAP, total, number, lo, hi, lots)
    return None


def wider(lots: LotsBrief, target: float, low: float, high: float) -> list[str]:
    """Say which keys of the brief stand against lots of ``low`` to ``high`` hours, and what would do.

    Examples
    --------
    >>> wider(LotsBrief(number=2, min_hours=90, tolerance_pct=5), 100.0, 80.0, 104.0)
    ['the least hours of a lot to 80', 'tolerance_pct to 20']
    """
    wanted = []
    if lots.min_hours is not None and low < lots.min_hours - _SLACK:
        wanted.append(f"the least hours of a lot to {math.floor(low + 1e-9):,}")
    if lots.max_hours is not None and high > lots.max_hours + _SLACK:
        wanted.append(f"the most hours of a lot to {math.ceil(high - 1e-9):,}")
    if lots.tolerance_pct is not None and target > 0:
        off = max(target - low, high - target)
        if off > target * lots.tolerance_pct / 100 + _SLACK:
            wanted.append(f"tolerance_pct to {math.ceil(off / target * 1e4 - 1e-6) / 100:g}")
    return wanted


def arithmetic(
    place: str, hours: float, lots: int, lo: float, hi: float, brief: LotsBrief | None = None
) -> Reason | None:
    """Say why a place cannot hold its lots, in hours; None when the sum works out.

    Examples
    --------
    >>> print(arithmetic("Oadby & Wigston", 5041, 3, 2000, 3500))
    Oadby & Wigston: holds 5,041 h a week; 3 lots of at least 2,000 h need 6,000, 959 h more \
than there are. Lower the least hours of a lot to 1,680, or draw 2 lots here.
    """
    if lo > hi + _SLACK:
        return Reason(
            place=place,
            message=(f"a lot would have to hold at least {lo:,.0f} h and at most {hi:,.0f} h a week, "
                     "which no lot can: the target with its tolerance lies outside min_hours and max_hours."),
            fix="Change target_hours or tolerance_pct, or the limits.",
        )
    fitting = [
        k for k in range(1, max(lots * 4, 40)) if k * lo <= hours + _SLACK and k * hi >= hours - _SLACK
    ]
    nearest = min(fitting, key=lambda k: (abs(k - lots), k)) if fitting else None
    other = f", or draw {nearest} lot{'s' if nearest != 1 else ''} here" if nearest else ""
    change = "" if brief is None or brief.tolerance_pct is None else " and ".join(
        wider(brief, brief.target_hours or hours / lots, hours / lots, hours / lots)
    )
    if hours < lots * lo - _SLACK:
        return Reason(
            place=place,
            message=(f"holds {hours:,.0f} h a week; {lots} lots of at least {lo:,.0f} h need "
                     f"{lots * lo:,.0f}, {_short(lots * lo - hours)} h more than there are."),
            fix=(f"Change {change}{other}." if change else
                 f"Lower the least hours of a lot to {math.floor(hours / lots + 1e-9):,}{other}."),
        )
    if hours > lots * hi + _SLACK:
        return Reason(
            place=place,
            message=(f"holds {hours:,.0f} h a week; {lots} lots of at most {hi:,.0f} h take "
                     f"{lots * hi:,.0f}, {_short(hours - lots * hi)} h fewer than there are."),
            fix=(f"Change {change}{other}." if change else
                 f"Raise the most hours of a lot to {math.ceil(hours / lots - 1e-9):,}{other}."),
        )
    return None


def _short(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 1 else f"{hours:,.2f}"


def _pieces(
    group: str, codes: Sequence[str], count: int, graph: nx.Graph[str],
    hours: pd.Series[float], lots: LotsBrief,
) -> tuple[list[Place], list[Reason]]:
    """Give each connected piece of a group a whole number of its lots."""
    locality = "" if group == WHOLE_MAP else group
    total = float(hours[list(codes)].sum())
    lo, hi, target = limits(lots, total / count)
    reason = arithmetic(group, total, count, lo, hi, lots)
    if reason:
        return [], [reason]
    too_big = [c for c in codes if hours[c] > hi + _SLACK]
    if too_big:
        many = len(too_big) > 1
        return [], [Reason(
            place=group,
            message=(f"{len(too_big)} area{'s' if many else ''} alone hold{'' if many else 's'} "
                     f"more than the {hi:,.0f} h a lot may hold: "
                     + some([f"{c} ({hours[c]:,.0f} h)" for c in too_big]) + "."),
            fix=(f"Raise the most hours of a lot to {math.ceil(float(hours[too_big].max())):,}, "
                 "or use smaller areas."),
        )]
    import networkx as nx

    parts = sorted(
        (sorted(p) for p in nx.connected_components(graph.subgraph(codes))),
        key=lambda p: (-_sum(hours, p), p[0]),
    )
    sums = [_sum(hours, p) for p in parts]
    counts = _per_piece(sums, [len(p) for p in parts], count, lo, hi)
    if counts is None:
        names = "; ".join(
            f"{len(p)} area{'s' if len(p) > 1 else ''} around {p[0]} with {h:,.0f} h"
            for p, h in list(zip(parts, sums, strict=True))[:6]
        )
        return [], [Reason(
            place=group,
            message=(f"falls into {len(parts)} pieces that do not touch ({names}), and they cannot each "
                     f"hold whole lots of {lo:,.0f} to {hi:,.0f} h, {count} in all."),
            fix=("Join them in [areas] bridges (lotting check names the nearest pairs), "
                 "or change the number of lots."),
        )]
    return [
        Place(
            name=group if len(parts) == 1 else f"{group}, piece {i + 1} of {len(parts)}",
            locality=locality, codes=tuple(part), hours=h, lots=k, lo=lo, hi=hi, target=target,
        )
        for i, (part, h, k) in enumerate(zip(parts, sums, counts, strict=True))
    ], []


def _sum(hours: pd.Series[float], codes: Sequence[str]) -> float:
    return float(hours.loc[list(codes)].sum())


def _per_piece(
    sums: Sequence[float], areas: Sequence[int], count: int, lo: float, hi: float
) -> tuple[int, ...] | None:
    """Whole lots for each piece, as even as can be; None when the limits do not allow it."""
    if len(sums) > count:
        return None
    mean = sum(sums) / count
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for h, n in zip(sums, areas, strict=True):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        for used, (uneven, counts) in best.items():
            for k in range(1, min(n, count - used) + 1):
                if k * lo <= h + _SLACK and k * hi >= h - _SLACK:
                    key = uneven + abs(h - k * mean)
                    if used + k not in following or key < following[used + k][0]:
                        following[used + k] = (key, (*counts, k))
        best = following
    return best[count][1] if count in best else None
