"""The certificate of a design, and a second opinion on it.

A design says how good its plan is: no plan within the rules costs less than its *bound*. The
certificate holds what that rests on, and :func:`check_certificate` works it out again from the
boundaries, the hours and the plan file, with code that shares nothing with the solver.

The proof is a Lagrangian bound on Hess's model. For any numbers mu (one a unit) the cost of every
plan with K lots is at least the sum of mu plus the K smallest values of V_j, where

    V_j = min sum_i (c_ij - mu_i) x_i   with hours between lo and hi, x_j = 1, 0 <= x_i <= 1,

because each unit is in exactly one lot. V_j in turn is at least, for any price p of an hour,

    sum_i min(0, c_ij - mu_i - p h_i) + (p lo or p hi, whichever is less),

the unit j itself counted whole. Both hold for any mu and p, right or wrong: nothing that a
certificate says can make the bound too high. With a plan of cost C in hand, pairs (i, j) that
would lift the bound above C are closed, and the next round of multipliers works on the rest: what
comes out is below every plan that is cheaper than C.

Sums are rounded downwards by a margin that covers all rounding of double precision (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 4.2), so that the bound is safe.

The exact model may prove more than the multipliers do. That part rests on HiGHS, and is reported
as such.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError, Problem
from .files import write_text
from .plan import Plan

if TYPE_CHECKING:
    from .design.solve import Design

__all__ = ["Finding", "check_certificate", "read_certificate", "write_certificate"]

VERSION = 1
#: Relative difference at which a figure of the certificate no longer counts as the one worked out
#: anew. A board paper gives a tenth of a per cent.
TOLERANCE = 1e-6
#: Weekly hours by which a lot may miss a limit, as everywhere.
SLACK = 1e-6
_EPS = float(np.finfo(float).eps)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the second opinion says of one place.

    Attributes
    ----------
    place
        Its name.
    how
        What the bound rests on: ``one lot``, ``multipliers`` or ``exact model``.
    objective
        Weighted objective of the plan file here, worked out anew.
    claimed_bound
        The bound the certificate claims.
    safe_bound
        The bound the multipliers prove, worked out anew and rounded down.
    problems
        What does not hold; empty when all does.
    """

    place: str
    how: str
    objective: float
    claimed_bound: float
    safe_bound: float
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything the certificate says of this place holds."""
        return not self.problems


def write_certificate(design: Design, service: str, path: Path) -> None:
    """Write what the bound of a design rests on, as JSON.

    Parameters
    ----------
    design
        The design.
    service
        Its service line.
    path
        File to write.

    Notes
    -----
    Multipliers grow with the hours of single areas. The file is for whoever checks the plan and
    has the council's files anyway; it is not for publication.
    """
    places = [
        {
            "place": r.place.name,
            "lots": r.place.lots,
            "min_hours": r.place.lo,
            "max_hours": r.place.hi if math.isfinite(r.place.hi) else None,
            "target_hours": r.place.target,
            "distance_weight": r.distance_weight,
            "objective": r.objective,
            "bound": r.bound,
            "how": str(r.how),
            "cutoff": r.cutoff if math.isfinite(r.cutoff) else None,
            "units": [list(members) for members in r.members],
            "multipliers": [m.tolist() for m in r.multipliers],
        }
        for r in design.places
    ]
    data = {
        "certificate": VERSION,
        "service": service,
        "aims": design.aims.model_dump(),
        "objective": design.objective,
        "bound": design.bound,
        "places": places,
    }
    write_text(path, json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n")


def read_certificate(path: Path) -> dict[str, Any]:
    """Read a certificate.

    Raises
    ------
    InputError
        It is not there, or is not one.
    """
    def wrong(message: str) -> InputError:
        return InputError([Problem(
            message=message, file=path.name, fix="Design the lots again: lotting design writes it.",
        )])

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong("there is no certificate here") from error
    except (ValueError, RecursionError) as error:
        raise wrong("this is not a certificate: it is not JSON") from error
    if not isinstance(data, dict) or data.get("certificate") != VERSION:
        raise wrong(f"this is not a certificate of version {VERSION}")
    places = data.get("places")
    whole = isinstance(data.get("aims"), dict) and all(_number(data.get(k)) for k in ("objective", "bound"))
    if not whole or not isinstance(places, list) or not all(map(_whole, places)):
        raise wrong("the certificate is not whole")
    return data


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(place: object) -> bool:
    """Whether a place of a certificate has all it needs, each of the right kind."""
    if not isinstance(place, dict):
        return False
    numbers = ("lots", "min_hours", "target_hours", "distance_weight", "objective", "bound")
    known = all(_number(place.get(k)) for k in numbers) and isinstance(place["lots"], int)
    known &= all(k in place and (place[k] is None or _number(place[k])) for k in ("max_hours", "cutoff"))
    known &= all(isinstance(place.get(k), str) for k in ("place", "how"))
    rows = [place.get("units"), place.get("multipliers")]
    if not known or not all(isinstance(r, list) and all(isinstance(v, list) for v in r) for r in rows):
        return False
    return all(isinstance(c, str) for unit in place["units"] for c in unit) and all(
        _number(m) for row in place["multipliers"] for m in row
    )


def check_certificate(
    certificate: Mapping[str, Any],
    areas: pd.DataFrame,
    demand: pd.DataFrame,
    plan: Plan,
    *,
    today: pd.Series[Any] | None = None,
    people_known: bool = True,
) -> list[Finding]:
    """Work out anew what a certificate says.

    Parameters
    ----------
    certificate
        As :func:`read_certificate` gives it.
    areas
        Index ``area_code``; ``x_m``, ``y_m`` (metres) and ``rural``.
    demand
        Index ``area_code``; ``weekly_hours`` and ``people``.
    plan
        The plan the certificate is for.
    today
        Zone in force by area code, where people moved count.
    people_known
        Whether ``people`` counts; hours stand in otherwise.

    Returns
    -------
    list of Finding
        One a place, in the certificate's order; a last one for the map as a whole when areas or
        totals do not add up.
    """
    findings = [
        _check_place(p, certificate["aims"], areas, demand, plan, today, people_known=people_known)
        for p in certificate["places"]
    ]
    told = [str(c) for p in certificate["places"] for unit in p["units"] for c in unit]
    problems = []
    if sorted(told) != sorted(str(c) for c in areas.index):
        problems.append("the areas of the certificate are not those of the map, each once")
    for name in ("objective", "bound"):
        total = math.fsum(float(p[name]) for p in certificate["places"])
        if _differs(total, float(certificate[name])):
            problems.append(f"the {name} in all is not the sum of the places'")
    if problems:
        findings.append(Finding(
            place="The whole map", how="sum", objective=math.fsum(f.objective for f in findings),
            claimed_bound=float(certificate["bound"]),
            safe_bound=math.fsum(f.safe_bound for f in findings), problems=tuple(problems),
        ))
    return findings


def _check_place(
    told: Mapping[str, Any], aims: Mapping[str, float], areas: pd.DataFrame, demand: pd.DataFrame,
    plan: Plan, today: pd.Series[Any] | None, *, people_known: bool,
) -> Finding:
    name, problems = str(told["place"]), []
    units = [[str(c) for c in unit] for unit in told["units"]]
    codes = [c for unit in units for c in unit]
    unknown = [c for c in codes if c not in areas.index or c not in plan.lots.index]
    if unknown or not units or not all(units):
        return Finding(
            place=name, how=str(told["how"]), objective=math.nan, claimed_bound=float(told["bound"]),
            safe_bound=-math.inf,
            problems=(f"{len(unknown)} of its areas are not on the map or in the plan" if unknown
                      else "it has units without areas",),
        )
    lot = {c: str(plan.lots[c]) for c in codes}
    if any(len({lot[c] for c in unit}) > 1 for unit in units):
        problems.append("areas that count as one unit are in several lots")
    if len(set(lot.values())) != told["lots"]:
        problems.append(f"the plan has {len(set(lot.values()))} lots here, the certificate {told['lots']}")
    elsewhere = set(plan.lots[~plan.lots.index.isin(codes)])
    if elsewhere & set(lot.values()):
        problems.append("lots of the plan reach into other places")
    here = _Costs.of(units, areas, demand)
    weight = float(told["distance_weight"])
    if not weight > 0 or (aims["distance"] and weight != aims["distance"]):
        problems.append("the weight of distance is not that of the aims")
    objective = _objective(lot, codes, told, aims, weight, here, areas, demand, today, people_known)
    if _differs(objective, float(told["objective"])):
        problems.append(
            f"the plan's objective is {objective:,.3f}, the certificate says {float(told['objective']):,.3f}"
        )
    lo, hi = float(told["min_hours"]), math.inf if told["max_hours"] is None else float(told["max_hours"])
    sums: dict[str, float] = {}
    for c in codes:
        sums[lot[c]] = sums.get(lot[c], 0.0) + here.hours_of[c]
    if any(h < lo - SLACK or h > hi + SLACK for h in sums.values()):
        problems.append("a lot of the plan is outside the limits of the certificate")
    claimed, how = float(told["bound"]), str(told["how"])
    safe = _proven(told, here, lo, hi, problems) * weight
    if how == "one lot":
        if told["lots"] != 1:
            problems.append("it says that there is only one lot, and there are more")
        safe = objective
    if not claimed <= objective * (1 + TOLERANCE) + 1e-9:  # nor is it where one is not a number
        problems.append("the bound is above the plan's own objective")
    if how != "exact model" and claimed > safe + TOLERANCE * max(abs(claimed), abs(safe), 1e-9):
        problems.append(f"the bound is {claimed:,.3f}, but only {safe:,.3f} can be proven")
    if how not in {"one lot", "multipliers", "exact model"}:
        problems.append("it does not say what the bound rests on")
    return Finding(
        place=name, how=how, objective=objective, claimed_bound=claimed, safe_bound=safe,
        problems=tuple(problems),
    )


def _proven(told: Mapping[str, Any], here: _Costs, lo: float, hi: float, problems: list[str]) -> float:
    """Bound (hours x squared km) that the multipliers prove; 0 where they prove nothing."""
    cutoff = math.inf if told["cutoff"] is None else float(told["cutoff"])
    closed = np.zeros(here.cost.shape, np.bool_)
    best = 0.0  # distances are never negative
    for row in told["multipliers"]:
        multiplier = np.asarray(row, float)
        if multiplier.shape != here.hours.shape or not np.isfinite(multiplier).all():
            problems.append("a row of multipliers does not fit the units")
            return best
        total, closed = _round(here, multiplier, closed, int(told["lots"]), lo - SLACK, hi + SLACK, cutoff)
        best = max(best, min(total, cutoff))
    return best


def _round(
    here: _Costs, multiplier: Floats, closed: Bools, lots: int, lo: float, hi: float, cutoff: float
) -> tuple[float, Bools]:
    """Bound of one round of multipliers, and what it closes to plans cheaper than the cut-off."""
    n, m = here.cost.shape
    value = np.full(m, np.inf)
    extra = np.full((n, m), np.inf)
    for j in range(m):
        own = here.unit_of_centre[j]
        if not closed[own, j]:
            value[j], extra[:, j] = _bundle(here, multiplier, ~closed[:, j], j, lo, hi)
    order = np.sort(value)
    if m < lots or not np.isfinite(order[lots - 1]):
        return np.inf, closed
    total = math.fsum([*multiplier, *order[:lots]])
    total -= 4 * _EPS * (abs(total) + math.fsum(np.abs(order[:lots])))
    if not math.isfinite(cutoff):
        return total, closed
    # With centre j come the cheapest others; with unit i in its lot comes what i costs there.
    with_centre = np.maximum(total, total - order[lots - 1] + value)
    usable = np.isfinite(with_centre)
    with_centre[usable] -= 8 * _EPS * (np.abs(with_centre[usable]) + abs(cutoff))
    return total, closed | (with_centre[None, :] + extra > cutoff)


def _bundle(
    here: _Costs, multiplier: Floats, usable: Bools, j: int, lo: float, hi: float
) -> tuple[float, Floats]:
    """Value of centre j's bundle, rounded down, and what each unit in it costs on top of that."""
    own = int(here.unit_of_centre[j])
    reduced = here.cost[:, j] - multiplier
    hours = here.hours
    rest = usable.copy()
    rest[own] = False
    base = hours[own]
    if base > hi or base + float(hours[rest].sum()) < lo - SLACK:
        return math.inf, np.full(len(hours), np.inf)
    price = _price(reduced, hours, rest, lo - base, hi - base)
    # A unit's cost and hours are sums over its areas, each rounded.
    error = (8 + len(here.codes)) * _EPS
    error = error * (np.abs(here.cost[:, j]) + np.abs(multiplier) + np.abs(price) * hours)
    net = reduced - price * hours - error
    gain = np.minimum(net, 0.0)
    gain[~rest] = 0.0
    load = price * (lo if price > 0 else hi) if price else 0.0
    sums = [float(gain.sum()), float(net[own]), load]
    size = len(hours) + 8
    value = sum(sums) - 2 * size * _EPS * (float(-gain.sum()) + abs(sums[1]) + abs(load))
    return value, np.where(rest, np.maximum(net, 0.0), 0.0 if usable[own] else np.inf)


def _price(reduced: Floats, hours: Floats, rest: Bools, lo: float, hi: float) -> float:
    """Price of an hour at which the bundle's hours come to lie within its limits."""
    inside = np.flatnonzero(rest & (hours > 0))
    ratio = reduced[inside] / hours[inside]
    order = np.argsort(ratio, kind="stable")
    load = np.cumsum(hours[inside][order])
    free = float(hours[inside][ratio < 0].sum())
    if lo <= free <= hi or not len(inside):
        return 0.0
    at = int(np.searchsorted(load, hi if free > hi else lo, side="right" if free > hi else "left"))
    return float(ratio[order[min(at, len(order) - 1)]])


@dataclass(frozen=True, slots=True)
class _Costs:
    """Hours x squared km of each unit to each area of a place."""

    cost: Floats
    hours: Floats
    unit_of_centre: npt.NDArray[np.int64]
    codes: list[str]
    hours_of: dict[str, float]
    per_area: Floats

    @classmethod
    def of(cls, units: Sequence[Sequence[str]], areas: pd.DataFrame, demand: pd.DataFrame) -> _Costs:
        codes = [c for unit in units for c in unit]
        unit = np.repeat(np.arange(len(units)), [len(u) for u in units])
        x, y = (areas.loc[codes, name].to_numpy(float) for name in ("x_m", "y_m"))
        hours = demand.loc[codes, "weekly_hours"].to_numpy(float)
        # Differences of metres are exact; those of eastings in km would be rounded.
        per_area = hours[:, None] * (((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2) / 1e6)
        starts = np.flatnonzero(np.r_[True, unit[1:] != unit[:-1]])
        return cls(
            cost=np.add.reduceat(per_area, starts, axis=0), hours=np.add.reduceat(hours, starts),
            unit_of_centre=unit.astype(np.int64), codes=codes,
            hours_of=dict(zip(codes, hours.tolist(), strict=True)), per_area=per_area,
        )


def _objective(
    lot: Mapping[str, str], codes: Sequence[str], told: Mapping[str, Any], aims: Mapping[str, float],
    weight: float, here: _Costs, areas: pd.DataFrame, demand: pd.DataFrame,
    today: pd.Series[Any] | None, people_known: bool,  # noqa: FBT001
) -> float:
    """Weighted objective of a plan in one place, from its definition in the brief's reference."""
    members: dict[str, list[int]] = {}
    for i, c in enumerate(codes):
        members.setdefault(lot[c], []).append(i)
    rural = areas.loc[list(codes), "rural"].to_numpy(bool)
    hours = np.array([here.hours_of[c] for c in codes])
    share = float(hours[rural].sum()) / float(hours.sum()) if hours.sum() else 0.0
    total = []
    for inside in members.values():
        block = here.per_area[np.ix_(inside, inside)]
        held = math.fsum(hours[inside])
        total.append(weight * float(block.sum(axis=0).min()))
        total.append(aims["equality"] * abs(held - float(told["target_hours"])))
        total.append(aims["mix"] * abs(math.fsum(hours[inside][rural[inside]]) - share * held))
    if aims["moved"] and today is not None:
        total.append(aims["moved"] * _moved(lot, codes, demand, today, people_known=people_known))
    return math.fsum(total)


def _moved(
    lot: Mapping[str, str], codes: Sequence[str], demand: pd.DataFrame, today: pd.Series[Any], *,
    people_known: bool,
) -> float:
    from scipy.optimize import linear_sum_assignment

    weigh = demand.loc[list(codes), "people" if people_known else "weekly_hours"].to_numpy(float)
    zone = today.reindex(list(codes)).fillna("").astype(str).to_numpy()
    known = zone != ""
    table = pd.crosstab(
        np.array([lot[c] for c in codes])[known], zone[known], values=weigh[known], aggfunc="sum"
    ).fillna(0.0).to_numpy()
    if not table.size:
        return 0.0
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(weigh[known].sum() - table[rows, columns].sum())


def _differs(a: float, b: float) -> bool:
    return not abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) + 1e-9
