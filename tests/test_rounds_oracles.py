"""Rounds of small days against their true optimum: proven by CP-SAT, or found by trying everything."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rounds_cases import limited_day, proven_optimum, random_day, tried_optimum

from allocation.rounds.check import check_rounds, cost_of
from allocation.rounds.problem import RoundsProblem, Weights
from allocation.rounds.rounds import make_rounds
from allocation.rounds.solve import solve


def best_found(p: RoundsProblem, effort: float = 0.5) -> float:
    """Cost of the best of three searches, each plan checked and priced without the search."""
    costs = []
    for seed in range(3):
        solution = solve(p, seed=seed, effort=effort, engine="own")
        rounds = make_rounds(p, solution)
        assert check_rounds(p, rounds.stops, unserved=rounds.unserved.index) == []
        assert cost_of(p, rounds.stops) == pytest.approx(solution.cost, abs=1e-6)
        costs.append(solution.cost)
    return min(costs)


@pytest.mark.parametrize("seed", range(6))
def test_double_handed_days_against_proof(seed):
    """Soft windows, doubles together or one after the other, largest lateness: the proven optimum.

    CP-SAT is free to let the visits of two shifts interleave in ways the search cannot write down.
    """
    weights = Weights(worst_late=seed % 3, km=0.5, unserved_minute=None if seed % 2 else 3.0)
    p = random_day(seed, 5 + seed % 3, 2 + seed % 2, double=0.4, weights=weights)
    assert best_found(p) == pytest.approx(proven_optimum(p), abs=1e-3)


KINDS = ("cheap", "shift", "unfamiliar", "modes", "no way", "breaks", "two shifts", "open")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_every_rule_against_trying_all(kind, seed):
    """Each rule by itself, on five visits: the best of all orders and all choices of shifts."""
    p = limited_day(kind, seed)
    assert best_found(p) == pytest.approx(tried_optimum(p), abs=1e-6)


@pytest.mark.parametrize("kind", ["hard", "end", "capacity", "two shifts", "no way"])
def test_the_two_ways_to_the_optimum_agree(kind):
    """What the search is held against is itself held against something."""
    p = limited_day(kind, 20)
    assert proven_optimum(p) == pytest.approx(tried_optimum(p), abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_more_is_no_harm(seed):
    """With a shift taken away the optimum is no better, and the search says so too."""
    p = random_day(seed, 5, 3, double=0.2, weights=Weights(unserved_minute=3.0))
    fewer = RoundsProblem(
        **{
            name: getattr(p, name)
            for name in ("visit_ids", "minutes", "km", "place", "earliest", "latest", "task_visit",
                         "task_minutes", "gap_low", "gap_high", "weights")
        },
        shift_ids=p.shift_ids[:2], allowed=p.allowed[:, :2], person=p.person[:2],
        start_place=p.start_place[:2], end_place=p.end_place[:2],
    )  # fmt: skip
    found, least = best_found(fewer), tried_optimum(fewer)
    assert found == pytest.approx(least, abs=1e-6)
    assert tried_optimum(p) <= least
    assert best_found(p) <= found + 1e-6


def test_days_for_pyvrp_are_no_better_than_the_optimum():
    """Single-handed days with hard windows, whoever looks for the plan."""
    for seed in range(4):
        p = limited_day("max hard", seed)
        solution = solve(p, effort=0.5)
        rounds = make_rounds(p, solution)
        assert check_rounds(p, rounds.stops, unserved=rounds.unserved.index) == []
        assert solution.cost >= tried_optimum(p) - 1e-6


def _instance(path: Path) -> RoundsProblem:
    """An instance of Mankowska, Meisel and Bierwirth (2014); cost (distance + late + largest late) / 3."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        raw = json.load(file)
    patients, carers = raw["patients"], raw["caregivers"]
    needs = [(v, need) for v, patient in enumerate(patients) for need in patient["required_caregivers"]]
    gaps = [p.get("synchronization", {}).get("distance", [0, 0]) for p in patients]
    way = np.array(raw["distances"])[None]
    return RoundsProblem(
        visit_ids=tuple(p["id"] for p in patients), shift_ids=tuple(c["id"] for c in carers),
        minutes=way, km=way, place=np.arange(1, len(patients) + 1),
        earliest=[p["time_window"][0] for p in patients], latest=[p["time_window"][1] for p in patients],
        task_visit=[v for v, _ in needs], task_minutes=[need["duration"] for _, need in needs],
        gap_low=[g[0] for g in gaps], gap_high=[g[1] for g in gaps], person=np.arange(len(carers)),
        allowed=[[need["service"] in c["abilities"] for c in carers] for _, need in needs],
        start_place=np.zeros(len(carers)), end_place=np.zeros(len(carers)),
        weights=Weights(travel_minute=1, late_minute=1, worst_late=1, unserved_minute=None),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "published"), [
    ("10_1", 218.199), ("10_2", 246.627), ("10_3", 305.858), ("10_4", 186.897), ("10_5", 189.543)
])  # fmt: skip
def test_published_optima(shared, name, published):
    """The instances of ten patients: best-known values, which CP-SAT proves, and the search finds."""
    path = shared / "bench" / "rounds" / f"InstanzCPLEX_HCSRP_{name}.json.gz"
    if not path.is_file():
        pytest.skip("the instances are not beside the project")
    p = _instance(path)
    assert best_found(p) / 3 == pytest.approx(published, abs=1e-3)
    assert proven_optimum(p) / 3 == pytest.approx(published, abs=1e-3)


def test_weights_scale():
    """Everything twice as dear: the same optimum, twice as dear."""
    p = random_day(3, 5, 2, weights=Weights(km=1, worst_late=1, shift=4, unserved_minute=3))
    twice = replace(
        p.weights, travel_minute=2, km=2, late_minute=2, worst_late=2, shift=8, unserved_minute=6
    )
    assert best_found(replace(p, weights=twice)) == pytest.approx(2 * best_found(p))
