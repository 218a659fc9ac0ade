"""The certificate of a design: true for every small map, and refused as soon as it is not.

The oracle lists every connected plan of a map and costs it from the brief's reference in whole
numbers, without any rounding: centres lie at whole metres, as the national grid gives them.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from design_cases import Blocks, Case, keeps_locks, make_case, partitions, scattered, small
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import LocksBrief, LotsBrief, Weights
from lotting.certificate import check_certificate, read_certificate, write_certificate
from lotting.design.search import warm_up
from lotting.design.solve import Design
from lotting.errors import InfeasibleError, InputError
from lotting.plan import Plan

MAPS = 120
#: Rounding that the sum of a place's own objective may have; a bound gets no more than that.
ROUNDING = 1e-12
DISTANCE = Weights(distance=1.0)
#: Weight of distance where the brief gives it none (the brief's reference).
TIE_BREAK = 1e-5


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm_up()


# -- maps and briefs ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """A map and what is asked of it."""

    case: Case
    lots: LotsBrief
    locks: LocksBrief

    @cached_property
    def outcome(self) -> Design | InfeasibleError:
        """What the solver says."""
        try:
            return self.case.design(self.lots, locks=self.locks, run=small(time_limit_s=1.0))
        except InfeasibleError as error:
            return error

    @cached_property
    def places(self) -> dict[str, Listed]:
        """Every plan of every place, from the brief alone."""
        groups: dict[str, list[str]] = {}
        for code, name in self.case.areas["locality"].items():
            groups.setdefault(str(name) or "The whole map", []).append(str(code))
        if not self.lots.per_locality:
            groups = {"The whole map": self.case.codes}
            assert isinstance(self.lots.number, int)
        number = self.lots.per_locality or {"The whole map": self.lots.number}
        return {
            name: Listed(self.case, frozenset(codes), number[name], self.lots, self.locks)
            for name, codes in groups.items()
        }


@dataclass(frozen=True)
class Listed:
    """All plans of one place that keep the rules, and what the best one costs."""

    case: Case
    codes: frozenset[str]
    number: int
    lots: LotsBrief
    locks: LocksBrief

    @cached_property
    def hours(self) -> dict[str, Fraction]:
        return {c: Fraction(h) for c, h in self.case.hours.items() if c in self.codes}

    @cached_property
    def limits(self) -> tuple[float, float, float]:
        """Fewest, most and target hours: the narrower of hours and tolerance around the target."""
        mean = float(sum(self.hours.values())) / self.number
        target = self.lots.target_hours or mean
        lo, hi = self.lots.min_hours or 0.0, self.lots.max_hours or math.inf
        if self.lots.tolerance_pct is not None:
            share = self.lots.tolerance_pct / 100
            lo, hi = max(lo, target * (1 - share)), min(hi, target * (1 + share))
        return lo, hi, target

    @cached_property
    def plans(self) -> list[Blocks]:
        lo, hi, _ = self.limits
        inside: dict[frozenset[str], bool] = {}
        found = []
        together = [[c for c in group if c in self.codes] for group in self.locks.together]
        locks = LocksBrief(
            together=[group for group in together if group],
            apart=[p for p in self.locks.apart if self.codes >= set(p)],
            lot={c: lot for c, lot in self.locks.lot.items() if c in self.codes},
        )
        for blocks in partitions(self.case.graph.subgraph(self.codes), self.number):
            for b in blocks:
                if b not in inside:
                    inside[b] = lo - 1e-7 <= float(sum(self.hours[c] for c in b)) <= hi + 1e-7
            if all(inside[b] for b in blocks) and keeps_locks(blocks, locks):
                found.append(blocks)
        return found

    @cached_property
    def whole(self) -> dict[str, int]:
        """Hours in whole numbers, so that sums are exact and quick."""
        assert all((h * 2**70).denominator == 1 for h in self.hours.values())
        return {c: int(h * 2**70) for c, h in self.hours.items()}

    @cached_property
    def point(self) -> dict[str, tuple[int, int]]:
        table = self.case.areas.loc[sorted(self.codes), ["x_m", "y_m"]]
        assert (table == table.round()).all(axis=None)
        return {str(c): (int(x), int(y)) for c, x, y in table.itertuples()}

    @cached_property
    def memo(self) -> dict[frozenset[str], Fraction]:
        return {}

    def hess(self, block: frozenset[str]) -> Fraction:
        """Hours x squared km from the best centre of a lot, exactly."""
        if block not in self.memo:
            at, hours = self.point, self.whole
            self.memo[block] = Fraction(min(
                sum(hours[i] * ((at[i][0] - at[j][0]) ** 2 + (at[i][1] - at[j][1]) ** 2) for i in block)
                for j in block
            ), 2**70 * 1_000_000)
        return self.memo[block]

    def moved(self, blocks: Blocks) -> float:
        """People whose lot does not carry on their zone, at the best matching of lots and zones."""
        assert self.case.today is not None
        people, zone = self.case.demand["people"].to_dict(), self.case.today.to_dict()
        zones = sorted({zone[c] for c in self.codes} - {""})
        known = sum(people[c] for c in self.codes if zone[c])
        padded = [*zones, *[None] * len(blocks)]
        return known - max(
            sum(people[c] for b, z in zip(blocks, chosen, strict=True) for c in b if zone[c] == z)
            for chosen in set(itertools.permutations(padded, len(blocks)))
        )

    def part(self, block: frozenset[str]) -> Fraction:
        """What one lot adds to the objective of the brief's reference, exactly; people moved left out."""
        if block not in self.parts:
            aims = self.lots.aims
            held = sum(self.hours[c] for c in block)
            total = Fraction(aims.distance or TIE_BREAK) * self.hess(block)
            total += Fraction(aims.equality) * abs(held - Fraction(self.limits[2]))
            if aims.mix:
                country = {c: self.hours[c] * bool(self.case.areas.loc[c, "rural"]) for c in self.codes}
                share = Fraction(sum(country.values())) / (sum(self.hours.values()) or 1)
                total += Fraction(aims.mix) * abs(sum(country[c] for c in block) - share * held)
            self.parts[block] = total
        return self.parts[block]

    @cached_property
    def parts(self) -> dict[frozenset[str], Fraction]:
        return {}

    def value(self, blocks: Blocks) -> Fraction:
        """Weighted objective, exactly."""
        total = sum(map(self.part, blocks), Fraction(0))
        if self.lots.aims.moved and self.case.today is not None:
            total += Fraction(self.lots.aims.moved) * Fraction(self.moved(blocks))
        return total

    @cached_property
    def best(self) -> Fraction | float:
        """Objective of the best plan; inf where there is none."""
        return min(map(self.value, self.plans), default=math.inf)


def on_the_ground(case: Case) -> Case:
    """Put a map of 10 km somewhere in England: whole metres of the national grid."""
    areas = case.areas.copy()
    areas["x_m"] = (444_000 + areas["x_m"]).round()
    areas["y_m"] = (301_000 + areas["y_m"]).round()
    return Case(areas, case.graph, case.demand, case.today)


def town(n: int, rng: np.random.Generator) -> Case:
    """Make part of a street grid: squares about 1 km apart, grown from one of them."""
    cells = [(3, 3)]
    while len(cells) < n:
        i, j = cells[rng.integers(len(cells))]
        di, dj = ((0, 1), (1, 0), (0, -1), (-1, 0))[rng.integers(4)]
        if (i + di, j + dj) not in cells:
            cells.append((i + di, j + dj))
    pairs = [(a, b) for a, b in itertools.combinations(range(n), 2)
             if abs(cells[a][0] - cells[b][0]) + abs(cells[a][1] - cells[b][1]) == 1]
    shift = rng.uniform(-0.2, 0.2, (n, 2)) if rng.random() < 0.7 else np.zeros((n, 2))
    xy = [(i + float(s), j + float(t)) for (i, j), (s, t) in zip(cells, shift, strict=True)]
    return make_case(xy, pairs, rng.integers(0, 40, n).astype(float))


def hours_of(n: int, rng: np.random.Generator) -> np.ndarray:
    """Weekly hours: whole, tenths, many zeros, alike, one large among small, and hardly any."""
    kind = rng.choice(["whole", "tenths", "zeros", "alike", "city", "few"], p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1])
    hours = {
        "whole": rng.integers(0, 40, n).astype(float),
        "tenths": rng.uniform(5, 90, n).round(1),
        "zeros": rng.integers(1, 30, n) * (rng.random(n) < 0.5),
        "alike": np.full(n, 0.1 * rng.integers(1, 100)),
        "city": np.where(np.arange(n) == 0, 200.0, rng.integers(1, 9, n)),
        "few": rng.uniform(0.05, 1.5, n).round(2),
    }[kind].astype(float)
    hours[rng.integers(n)] += 1.0  # never none at all
    return hours


def limits_of(case: Case, codes: frozenset[str], k: int, rng: np.random.Generator) -> dict[str, float]:
    """Limits: none, a tolerance, one side, both, as narrow as one plan allows, and too narrow."""
    mean = sum(case.hours[c] for c in codes) / k
    kind = rng.choice(["none", "tolerance", "most", "least", "both", "one plan", "too narrow"],
                      p=[0.15, 0.2, 0.1, 0.1, 0.2, 0.2, 0.05])
    if kind == "none":
        return {}
    if kind == "tolerance":
        return {"tolerance_pct": float(rng.choice([10.0, 20.0, 35.0, 60.0]))}
    if kind == "most":
        return {"max_hours": mean * rng.uniform(1.02, 1.6)}
    if kind == "least":
        return {"min_hours": mean * rng.uniform(0.4, 0.98)}
    if kind == "both":
        return {"min_hours": mean * rng.uniform(0.3, 0.9), "max_hours": mean * rng.uniform(1.1, 1.9),
                "target_hours": mean * rng.uniform(0.9, 1.1)}
    if kind == "too narrow":
        return {"tolerance_pct": 0.5}
    plans = list(itertools.islice(partitions(case.graph.subgraph(codes), k), 200))
    sums = [math.fsum(case.hours[c] for c in b) for b in plans[rng.integers(len(plans))]]
    return {"min_hours": min(sums), "max_hours": max(sums)} if max(sums) > 0 else {}


def locks_of(codes: list[str], rng: np.random.Generator) -> LocksBrief:
    """Some areas together (next to each other or not), some apart, some to a lot."""
    picked = [str(c) for c in rng.choice(codes, 5, replace=False)]
    kind = rng.choice(["together", "apart", "lot", "all"])
    return LocksBrief(
        together=[picked[:2]] if kind in {"together", "all"} else [],
        apart=[(picked[1], picked[2])] if kind in {"apart", "all"} else [],
        lot={picked[3]: "East", picked[4]: "West"} if kind in {"lot", "all"} else {},
    )


@cache
def task(seed: int) -> Task:
    """Make the map and the brief of one number."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 11))
    kind = ("town", "planar", "tree", "path")[seed % 4]
    case = town(n, rng) if kind == "town" else scattered(n, seed, kind=kind)
    case = on_the_ground(case)
    case.demand["weekly_hours"] = hours_of(n, rng)
    case.demand["people"] = rng.integers(1, 30, n)
    case.areas["rural"] = rng.random(n) < 0.4
    k = int(rng.integers(1, min(n, 5)))
    codes, numbers = frozenset(case.codes), {}
    locks = LocksBrief()
    if seed % 3 == 0:
        halves = list(itertools.islice(partitions(case.graph, 2), 100))
        west, east = halves[rng.integers(len(halves))]
        case.areas["locality"] = pd.array(["W" if c in west else "E" for c in case.codes], dtype="str")
        numbers = {"W": int(rng.integers(1, min(4, len(west)) + 1)),
                   "E": int(rng.integers(1, min(3, len(east)) + 1))}
        codes, k = west, numbers["W"]
    elif seed % 3 == 1:
        locks = locks_of(case.codes, rng)
    aims: dict[str, object] = {}
    wanted = rng.choice(["distance", "double", "equality", "mix", "moved", "even", "stay"],
                        p=[0.55, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05])
    if wanted in {"moved", "stay"}:
        names = [str(z) for z in rng.choice(["", "p", "q", "r"], n, p=[0.1, 0.3, 0.3, 0.3])]
        today = pd.Series(names, index=case.areas.index, dtype="str")
        case = Case(case.areas, case.graph, case.demand, today)
    if wanted in {"even", "stay"}:
        aims["minimise"] = {"even": "equality", "stay": "moved"}[wanted]
    elif wanted != "distance":
        weights = {"distance": 2.5} | ({} if wanted == "double" else {wanted: 3.0})
        aims["weights"] = Weights(**weights)
    lots = LotsBrief(**({"per_locality": numbers} if numbers else {"number": k}),
                     **limits_of(case, codes, k, rng), **aims)
    return Task(case, lots, locks)


@cache
def solved() -> tuple[int, ...]:
    """Numbers of the maps with a plan."""
    return tuple(s for s in range(MAPS) if isinstance(task(s).outcome, Design))


def written(design: Design, folder: Path) -> dict:
    """Write and read the certificate of a design."""
    path = folder / "certificate.json"
    write_certificate(design, "all", path)
    return read_certificate(path)


def checked(certificate: dict, job: Task, plan: Plan | None = None):
    """Check a certificate against the map it is for."""
    case, outcome = job.case, job.outcome
    assert isinstance(outcome, Design)
    return check_certificate(
        certificate, case.areas, case.demand, outcome.plan if plan is None else plan, today=case.today
    )


def problems_of(findings) -> str:
    return "; ".join(p for f in findings for p in f.problems)


# -- what is true of every map -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(MAPS))
def test_a_design_is_what_the_list_of_all_plans_says(seed: int, tmp_path: Path) -> None:
    """Bound <= best <= plan, in all and in each place; optimal is best; no plan only if there is none.

    Its certificate holds, and what the multipliers prove is below the best plan: it is rounded down.
    """
    job = task(seed)
    outcome, places = job.outcome, job.places
    best = {name: listed.best for name, listed in places.items()}
    if isinstance(outcome, InfeasibleError):
        assert math.inf in best.values() or not all(r.proven for r in outcome.reasons)
        return
    assert math.inf not in best.values()
    assert {r.place.name for r in outcome.places} == set(places)
    certificate = written(outcome, tmp_path)
    findings = checked(certificate, job)
    assert problems_of(findings) == ""
    assert [f.place for f in findings] == [r.place.name for r in outcome.places]
    blocks = {name: [set(outcome.plan.areas_of(lot)) for lot in outcome.plan.lot_names] for name in places}
    for result, finding in zip(outcome.places, findings, strict=True):
        name = result.place.name
        listed, least = places[name], float(best[name])
        mine = tuple(frozenset(b) for b in blocks[name] if b <= listed.codes)
        assert set(map(frozenset, mine)) in [set(p) for p in listed.plans]
        assert result.objective == pytest.approx(float(listed.value(mine)), rel=1e-9, abs=1e-9)
        assert finding.objective == pytest.approx(result.objective, rel=1e-9, abs=1e-9)
        assert result.bound <= least * (1 + 1e-6) + 1e-9
        assert least <= result.objective * (1 + 1e-9) + 1e-9
        if result.optimal:
            assert result.objective == pytest.approx(least, rel=1e-6, abs=1e-9)
        assert finding.safe_bound <= least * (1 + ROUNDING)
        if result.how == "multipliers":
            # Weekly hours within a millionth of the limits count as kept, which is part of a bound.
            assert min(finding.safe_bound, finding.objective) == pytest.approx(
                result.bound, rel=1e-6, abs=1e-9)
    total = math.fsum(float(b) for b in best.values())
    assert outcome.bound <= total * (1 + 1e-6) + 1e-9
    assert total <= outcome.objective * (1 + 1e-9) + 1e-9
    if outcome.status == "optimal":
        assert outcome.objective == pytest.approx(total, rel=1e-6, abs=1e-9)


def test_the_maps_are_of_every_sort() -> None:
    """Enough maps with a plan and without, proven each way, with locks that bind and places."""
    outcomes = [task(s).outcome for s in range(MAPS)]
    found = [o for o in outcomes if isinstance(o, Design)]
    assert len(found) > 60
    assert len(outcomes) - len(found) > 5
    assert {str(r.how) for o in found for r in o.places} == {"one lot", "multipliers", "exact model"}
    assert sum(len(o.places) > 1 for o in found) > 10
    assert sum(any(len(u) > 1 for r in o.places for u in r.members) for o in found) >= 3


# -- any multipliers give a bound ----------------------------------------------------------------

NUMBERS = st.floats(-1.0, 1.0).map(lambda x: 4 * x) | st.floats(-1e4, 1e4) | st.sampled_from(
    [0.0, 1.0, -1.0, 1e-300, 1e12])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_any_multipliers_prove_a_bound_below_the_best_plan(number, data):
    """Random, scaled, negated, shuffled or left out: whatever a certificate says, its bound is safe.

    So it is with any cut-off: plans above it cost more than the bound, as it never exceeds it.
    """
    seeds = solved()
    job = task(seeds[number % len(seeds)])
    assert isinstance(job.outcome, Design)
    certificate = {
        "aims": job.outcome.aims.model_dump(), "objective": job.outcome.objective, "bound": 0.0,
        "places": [{
            "place": r.place.name, "lots": r.place.lots, "min_hours": r.place.lo,
            "max_hours": r.place.hi if math.isfinite(r.place.hi) else None, "target_hours": r.place.target,
            "distance_weight": r.distance_weight, "objective": r.objective, "bound": 0.0,
            "how": "multipliers", "cutoff": r.cutoff if math.isfinite(r.cutoff) else None,
            "units": [list(u) for u in r.members], "multipliers": [m.tolist() for m in r.multipliers],
        } for r in job.outcome.places],
    }
    for told in certificate["places"]:
        size, rows = len(told["units"]), told["multipliers"]
        most = max((abs(v) for row in rows for v in row), default=1.0)
        rows = data.draw(st.permutations(rows))[:data.draw(st.integers(0, len(rows)))]
        more = data.draw(st.lists(st.lists(NUMBERS, min_size=size, max_size=size), max_size=3))
        rows += [[v * most for v in row] for row in more]
        scale = data.draw(st.sampled_from([1.0, 1.0, -1.0, 0.5, 1.01, 2.0, 1e3, 1e-9]))
        told["multipliers"] = [[v * scale for v in row] for row in data.draw(st.permutations(rows))]
        kind = data.draw(st.sampled_from(["as it is", "as it is", "none", "best", "any"]))
        best = float(job.places[told["place"]].best)
        told["cutoff"] = {
            "as it is": told["cutoff"], "none": None, "best": best / told["distance_weight"],
            "any": data.draw(st.floats(0, 3)) * best / told["distance_weight"],
        }[kind]
    findings = checked(certificate, job)
    for told, finding in zip(certificate["places"], findings, strict=False):  # totals come last
        assert finding.safe_bound <= float(job.places[told["place"]].best) * (1 + ROUNDING)


def exact_dual(listed: Listed, units: list[list[str]], multiplier: list[float]) -> Fraction:
    """Value of the Lagrangian relaxation at given multipliers, in fractions.

    Each centre takes its own unit whole and of the others what is cheapest, with hours within a
    millionth of the limits. That is a linear programme with one range, so its value is that of the
    best price of an hour, which is 0 or one of the breakpoints.
    """
    slack = Fraction(1, 1_000_000)
    lo, hi = Fraction(listed.limits[0]) - slack, listed.limits[1]
    top = Fraction(hi) + slack if math.isfinite(hi) else None
    mu = [Fraction(m) for m in multiplier]
    hours = [sum(listed.hours[c] for c in unit) for unit in units]
    values = []
    for j, own in ((c, u) for u, unit in enumerate(units) for c in unit):
        x, y = listed.point[j]
        reduced = [
            Fraction(sum(
                listed.whole[c] * ((listed.point[c][0] - x) ** 2 + (listed.point[c][1] - y) ** 2)
                for c in unit
            ), 2**70 * 1_000_000) - m
            for unit, m in zip(units, mu, strict=True)
        ]
        others = [i for i in range(len(units)) if i != own]
        room = None if top is None else top - hours[own]
        least = lo - hours[own]
        if (room is not None and room < 0) or sum(hours[i] for i in others) < least:
            continue
        best = None
        for p in [Fraction(0), *(reduced[i] / hours[i] for i in others if hours[i])]:
            if p >= 0 or room is not None:
                taken = sum(min(Fraction(0), reduced[i] - p * hours[i]) for i in others)
                value = taken + p * (least if p > 0 else room or 0)
                best = value if best is None else max(best, value)
        values.append(reduced[own] + best)
    return sum(mu) + sum(sorted(values)[:listed.number])


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_the_safe_bound_is_the_exact_one_rounded_down(seed: int, near: bool) -> None:
    """One round, no cut-off: never above the value in fractions, and below it by a billionth at most.

    Also where areas lie some tens of metres apart, hundreds of kilometres from the grid's origin.
    """
    job = task(solved()[seed * len(solved()) // 24])
    case, outcome = job.case, job.outcome
    assert isinstance(outcome, Design)
    if near:
        areas = case.areas.copy()
        for name in ("x_m", "y_m"):
            areas[name] = areas[name].iloc[0] + (areas[name] - areas[name].iloc[0]) // 200
        case = Case(areas, case.graph, case.demand)
    rng = np.random.default_rng(seed)
    for result in outcome.places:
        listed = Listed(case, frozenset(result.place.codes), result.place.lots, job.lots, job.locks)
        units = [list(u) for u in result.members]
        mean = float(listed.hess(listed.codes)) / len(units)
        rows = [(rng.uniform(0, most, len(units)) * mean).tolist() for most in (0.5, 1, 2, 4)]
        rows += [m.tolist() for m in result.multipliers[-1:] if not near]
        for row in rows:
            certificate = {
                "aims": outcome.aims.model_dump(), "objective": 0.0, "bound": 0.0, "places": [{
                    "place": "here", "lots": result.place.lots, "min_hours": result.place.lo,
                    "max_hours": result.place.hi if math.isfinite(result.place.hi) else None,
                    "target_hours": result.place.target, "distance_weight": 1.0, "objective": 0.0,
                    "bound": 0.0, "how": "multipliers", "cutoff": None, "units": units, "multipliers": [row],
                }]}
            safe = check_certificate(certificate, case.areas, case.demand, outcome.plan)[0].safe_bound
            exact = exact_dual(listed, units, row)
            assert Fraction(safe) <= max(exact, 0)
            # Rounding is of the size of what is summed up, which multipliers may exceed by far.
            scale = max(float(exact), math.fsum(map(abs, row)))
            assert float(exact) - safe <= 1e-9 * scale or exact <= 0


@pytest.mark.parametrize("seed", range(12))
def test_units_of_many_areas_are_rounded_down_too(seed: int) -> None:
    """Sixty to two hundred areas locked together: their sums are safe as well."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 200))
    case = on_the_ground(scattered(n, seed, kind="path"))
    case.demand["weekly_hours"] = rng.uniform(0.1, 90, n).round(1)
    listed = Listed(case, frozenset(case.codes), 2, LotsBrief(number=2), LocksBrief())
    units = [case.codes[:1], case.codes[1:2], case.codes[2:]]
    plan = Plan({c: "1" if c in case.codes[:2] else "2" for c in case.codes})
    row = (rng.uniform(0, 0.1, 3) * float(listed.hess(listed.codes))).tolist()
    certificate = {
        "aims": DISTANCE.model_dump(), "objective": 0.0, "bound": 0.0, "places": [{
            "place": "here", "lots": 2, "min_hours": 0.0, "max_hours": None, "target_hours": 1.0,
            "distance_weight": 1.0, "objective": 0.0, "bound": 0.0, "how": "multipliers", "cutoff": None,
            "units": units, "multipliers": [row],
        }]}
    safe = check_certificate(certificate, case.areas, case.demand, plan)[0].safe_bound
    exact = exact_dual(listed, units, row)
    assert Fraction(safe) <= max(exact, 0)
    assert float(exact) - safe <= 1e-9 * (float(exact) + sum(row)) or exact <= 0


# -- what is not true is refused -----------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A certificate that holds, of one place whose bound rests on the multipliers."""

    job: Task
    certificate: dict

    def changed(self, **changes: object) -> dict:
        """Change the place, and the totals with it."""
        certificate = copy.deepcopy(self.certificate)
        certificate["places"][0] |= changes
        for name in ("objective", "bound"):
            certificate[name] = certificate["places"][0][name]
        return certificate

    def problems(self, certificate: dict, plan: Plan | None = None) -> str:
        findings = checked(certificate, self.job, plan)
        assert all(f.holds is not bool(f.problems) for f in findings)
        return problems_of(findings)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Three lots of nine areas, limits that bind, and a bound some way below the plan."""
    case = on_the_ground(scattered(9, 2))
    case.demand["weekly_hours"] = [12.5, 31.0, 8.2, 22.0, 17.3, 9.9, 40.1, 14.0, 26.6]
    job = Task(case, LotsBrief(number=3, tolerance_pct=20), LocksBrief(together=[["a000", "a003"]]))
    assert isinstance(job.outcome, Design)
    certificate = written(job.outcome, tmp_path_factory.mktemp("told"))
    place = certificate["places"][0]
    # The exact model may have closed the gap: back to what the multipliers prove by themselves.
    place["multipliers"] = place["multipliers"][:1]
    place |= {"how": "multipliers", "bound": 0.0}
    certificate["bound"] = 0.0
    place["bound"] = certificate["bound"] = checked(certificate, job)[0].safe_bound
    told = Told(job, certificate)
    assert told.problems(certificate) == ""
    assert 0.5 * place["objective"] < place["bound"] < 0.98 * place["objective"]
    return told


def other_plan(told: Told) -> Plan:
    """Move one area over a border, to a lot that stays connected and costs another sum."""
    outcome, case = told.job.outcome, told.job.case
    assert isinstance(outcome, Design)
    for a, b in case.graph.edges:
        left, right = outcome.plan.lots[a], outcome.plan.lots[b]
        rest = [c for c in outcome.plan.areas_of(left) if c != a]
        if left != right and rest and nx.is_connected(case.graph.subgraph(rest)):
            return outcome.plan.move({a: right})
    raise AssertionError


def test_a_plan_that_was_changed_is_refused(told: Told) -> None:
    """One area moved: the cost of the plan file is not that of the certificate."""
    assert "objective" in told.problems(told.certificate, other_plan(told))


def test_every_plan_that_costs_something_else_is_refused(told: Told) -> None:
    """Of all connected plans within the limits, only those of the same cost pass."""
    listed = told.job.places["The whole map"]
    mine = told.certificate["objective"]
    passed = 0
    for blocks in listed.plans:
        plan = Plan({c: str(k) for k, b in enumerate(blocks) for c in b})
        same = math.isclose(float(listed.value(blocks)), mine, rel_tol=1e-9)
        passed += same
        assert (told.problems(told.certificate, plan) == "") is same
    assert passed == 1
    assert len(listed.plans) > 1


@pytest.mark.parametrize("factor", [1.01, 1.0001])
def test_a_bound_that_was_raised_is_refused(told: Told, factor: float) -> None:
    """1 % or a hundredth of it above what the multipliers prove, and still below the plan."""
    raised = told.certificate["bound"] * factor
    assert raised < told.certificate["objective"]
    assert "can be proven" in told.problems(told.changed(bound=raised))


def test_a_bound_that_was_lowered_still_holds(told: Told) -> None:
    """A weaker claim is a true one."""
    assert told.problems(told.changed(bound=0.9 * told.certificate["bound"])) == ""


@pytest.mark.parametrize("how", ["multipliers", "exact model", "one lot"])
def test_a_bound_above_the_plan_is_refused(told: Told, how: str) -> None:
    """Whatever it is said to rest on."""
    above = 1.01 * told.certificate["objective"]
    assert "above the plan's own objective" in told.problems(told.changed(bound=above, how=how))


@pytest.mark.parametrize("factor", [0.99, 1.01, -1.0, math.nan, math.inf])
def test_an_objective_that_was_changed_is_refused(told: Told, factor: float) -> None:
    """A cheaper plan than the one in hand, a dearer one, none at all."""
    changed = told.certificate["objective"] * factor
    assert "objective" in told.problems(told.changed(objective=changed))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_no_number_is_refused(told: Told, value: float) -> None:
    """Python's JSON lets NaN and Infinity through."""
    findings = checked(told.changed(bound=value), told.job)
    assert not all(f.holds for f in findings)
    if not value < 0:
        assert not findings[0].holds


@pytest.mark.parametrize("change", ["none", "one", "half", "negative", "noise"])
def test_multipliers_that_prove_less_are_refused(told: Told, change: str) -> None:
    """No rounds at all, or rounds of worse numbers, under the bound of the good ones."""
    rows = told.certificate["places"][0]["multipliers"]
    rng = np.random.default_rng(1)
    worse = {
        "none": [], "one": [[rows[0][0] / 2, *rows[0][1:]]], "half": [[v / 2 for v in r] for r in rows],
        "negative": [[-v for v in r] for r in rows],
        "noise": [[v * rng.uniform(0.5, 1.5) for v in r] for r in rows],
    }[change]
    assert "can be proven" in told.problems(told.changed(multipliers=worse))


@pytest.mark.parametrize("change", ["nan", "infinite", "short", "long", "nested", "number", "null"])
def test_rows_that_are_no_multipliers_are_refused(told: Told, change: str) -> None:
    """Not numbers, or not one for each unit: a finding, not a crash."""
    row = told.certificate["places"][0]["multipliers"][0]
    rows: object = {
        "nan": [[math.nan, *row[1:]]], "infinite": [[math.inf, *row[1:]]], "short": [row[1:]],
        "long": [[*row, 0.0]], "nested": [[row]], "number": [1.0],
        "null": [[None, *row[1:]]],
    }[change]
    assert "a row of multipliers" in told.problems(told.changed(multipliers=rows))


def test_a_missing_area_is_refused(told: Told) -> None:
    """An area that no place holds."""
    units = told.certificate["places"][0]["units"]
    row = told.certificate["places"][0]["multipliers"][0]
    text = told.problems(told.changed(units=units[:-1], multipliers=[row[:-1]]))
    assert "the areas of the certificate are not those of the map, each once" in text


def test_an_area_told_twice_is_refused(told: Told) -> None:
    """Its hours would count twice, and lift the bound."""
    units = told.certificate["places"][0]["units"]
    row = told.certificate["places"][0]["multipliers"][0]
    text = told.problems(told.changed(units=[*units, units[-1]], multipliers=[[*row, row[-1]]]))
    assert "each once" in text


def test_an_area_that_is_not_on_the_map_is_refused(told: Told) -> None:
    """A certificate of another map."""
    units = [["nowhere"], *told.certificate["places"][0]["units"][1:]]
    assert "1 of its areas are not on the map" in told.problems(told.changed(units=units))


def test_a_unit_over_two_lots_is_refused(told: Told) -> None:
    """Areas that count as one are in one lot."""
    outcome = told.job.outcome
    assert isinstance(outcome, Design)
    first, second = (outcome.plan.areas_of(lot) for lot in outcome.plan.lot_names[:2])
    one = [first[0], second[0]]
    units = [one, *([c] for c in told.job.case.codes if c not in one)]
    text = told.problems(told.changed(units=units, multipliers=[]))
    assert "areas that count as one unit are in several lots" in text


def test_an_empty_unit_is_refused(told: Told) -> None:
    """A unit of no areas holds nothing, and is a finding."""
    units = [[], *told.certificate["places"][0]["units"]]
    row = told.certificate["places"][0]["multipliers"][0]
    for multipliers in ([], [row], [[0.0, *row]]):
        assert "without areas" in told.problems(told.changed(units=units, multipliers=multipliers))


@pytest.mark.parametrize("number", [0, 1, 2, 4, 9])
def test_a_wrong_number_of_lots_is_refused(told: Told, number: int) -> None:
    """Fewer lots cost more: the bound of another number says nothing."""
    assert f"the plan has 3 lots here, the certificate {number}" in told.problems(told.changed(lots=number))


@pytest.mark.parametrize("name", ["objective", "bound"])
@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_totals_that_do_not_add_up_are_refused(told: Told, name: str, factor: float) -> None:
    """What is said of the whole map is the sum of its places."""
    certificate = copy.deepcopy(told.certificate)
    certificate[name] *= factor
    assert f"the {name} in all is not the sum of the places'" in told.problems(certificate)


def test_one_lot_said_of_three_is_refused(told: Told) -> None:
    """Only where there is one lot the plan is the best by itself."""
    objective = told.certificate["objective"]
    text = told.problems(told.changed(how="one lot", bound=objective))
    assert "it says that there is only one lot, and there are more" in text


def test_a_proof_by_nothing_known_is_refused(told: Told) -> None:
    """One of three ways, or none."""
    assert "what the bound rests on" in told.problems(told.changed(how="trust me"))


def test_limits_that_the_plan_breaks_are_refused(told: Told) -> None:
    """Narrower limits lift the bound; the plan has to keep them, too."""
    outcome = told.job.outcome
    assert isinstance(outcome, Design)
    hours = told.job.case.hours
    sums = [sum(hours[c] for c in outcome.plan.areas_of(lot)) for lot in outcome.plan.lot_names]
    for change in ({"min_hours": min(sums) + 0.1}, {"max_hours": max(sums) - 0.1}):
        assert "outside the limits" in told.problems(told.changed(**change))


@pytest.mark.parametrize("weight", [2.0, 0.0, -1.0, math.nan])
def test_another_weight_of_distance_is_refused(told: Told, weight: float) -> None:
    """It scales the bound as a whole."""
    assert "weight of distance" in told.problems(told.changed(distance_weight=weight))


def test_a_lot_that_reaches_into_another_place_is_refused() -> None:
    """Two places, and a plan that joins a lot of each."""
    case = on_the_ground(scattered(8, 11, kind="path"))
    case.areas["locality"] = pd.array(["W"] * 4 + ["E"] * 4, dtype="str")
    job = Task(case, LotsBrief(per_locality={"W": 2, "E": 2}), LocksBrief())
    outcome = job.outcome
    assert isinstance(outcome, Design)
    certificate = json.loads(json.dumps({
        "aims": outcome.aims.model_dump(), "objective": outcome.objective, "bound": 0.0, "places": [{
            "place": r.place.name, "lots": 2, "min_hours": 0.0, "max_hours": None,
            "target_hours": r.place.target, "distance_weight": 1.0, "objective": r.objective, "bound": 0.0,
            "how": "multipliers", "cutoff": None, "units": r.members, "multipliers": [],
        } for r in outcome.places]}))
    assert problems_of(checked(certificate, job)) == ""
    names = {outcome.plan.lots["a003"]: "x", outcome.plan.lots["a004"]: "x"}
    joined = Plan({c: names.get(lot, lot) for c, lot in outcome.plan.lots.items()})
    assert "lots of the plan reach into other places" in problems_of(checked(certificate, job, joined))


def test_hours_that_changed_since_are_noticed(told: Told) -> None:
    """The map of today, the certificate of yesterday."""
    case = told.job.case
    demand = case.demand.copy()
    demand.iloc[2, demand.columns.get_loc("weekly_hours")] += 3.0
    outcome = told.job.outcome
    assert isinstance(outcome, Design)
    findings = check_certificate(told.certificate, case.areas, demand, outcome.plan)
    assert "objective" in problems_of(findings)


# -- files -----------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_certificate(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_what_is_read(told: Told, tmp_path: Path) -> None:
    """Every figure comes back as it was, to the last bit."""
    outcome = told.job.outcome
    assert isinstance(outcome, Design)
    read = written(outcome, tmp_path)
    assert (read["objective"], read["bound"]) == (outcome.objective, outcome.bound)
    for place, result in zip(read["places"], outcome.places, strict=True):
        assert (place["objective"], place["bound"]) == (result.objective, result.bound)
        assert place["multipliers"] == [m.tolist() for m in result.multipliers]
        assert sorted(c for u in place["units"] for c in u) == sorted(result.place.codes)


def test_no_file_is_said_plainly(tmp_path: Path) -> None:
    """Missing, or a folder of that name."""
    assert "there is no certificate here" in refused(tmp_path / "certificate.json")
    (tmp_path / "certificate.json").mkdir()
    assert "there is no certificate here" in refused(tmp_path / "certificate.json")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_half_a_file_is_refused(told: Told, tmp_path: Path, share: float) -> None:
    """A copy that was cut off."""
    path = tmp_path / "certificate.json"
    text = json.dumps(told.certificate)
    path.write_text(text[:int(share * len(text))], encoding="utf-8")
    assert "this is not a certificate" in refused(path)


@pytest.mark.parametrize("content", [
    b"\xff\xfe\x00\x01", b"area_code,lot\n", b"[]", b"null", b"3", b'"x"', b"{}", b'{"certificate": 2}',
    b'{"certificate": "1"}', b"[" * 200_000,
])
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    """Other bytes, other JSON, another version."""
    path = tmp_path / "certificate.json"
    path.write_bytes(content)
    assert "this is not a certificate" in refused(path)


@pytest.mark.parametrize("key", ["aims", "objective", "bound", "places"])
def test_a_certificate_without_its_figures_is_refused(told: Told, tmp_path: Path, key: str) -> None:
    """Each of its parts is needed."""
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps({k: v for k, v in told.certificate.items() if k != key}), encoding="utf-8")
    assert "not whole" in refused(path)


@pytest.mark.parametrize("key", [
    "place", "lots", "min_hours", "max_hours", "target_hours", "distance_weight", "objective", "bound",
    "how", "cutoff", "units", "multipliers",
])
def test_a_place_without_its_figures_is_refused(told: Told, tmp_path: Path, key: str) -> None:
    """Each of its parts is needed."""
    path = tmp_path / "certificate.json"
    certificate = copy.deepcopy(told.certificate)
    del certificate["places"][0][key]
    path.write_text(json.dumps(certificate), encoding="utf-8")
    assert "not whole" in refused(path)


@pytest.mark.parametrize(("key", "value"), [
    ("lots", "three"), ("lots", None), ("lots", 2.5), ("min_hours", "x"), ("objective", None), ("bound", [1]),
    ("units", "abc"), ("units", [1, 2]), ("multipliers", None), ("multipliers", 3), ("cutoff", "x"),
    ("multipliers", [["a", 1.0]]), ("multipliers", [1.0]), ("target_hours", None), ("distance_weight", {}),
    ("max_hours", "x"), ("how", 1),
])
def test_a_figure_of_another_kind_is_refused(told: Told, tmp_path: Path, key: str, value: object) -> None:
    """Words where numbers belong are no certificate."""
    path = tmp_path / "certificate.json"
    certificate = copy.deepcopy(told.certificate)
    certificate["places"][0][key] = value
    path.write_text(json.dumps(certificate), encoding="utf-8")
    assert "not whole" in refused(path)
