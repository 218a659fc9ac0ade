"""The benchmark of rounds costs plans by the instances' files alone, and refuses those that break a rule."""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import math
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = ("rounds_instances", "rounds_peers", "rounds")

# Places in a line: the office at 0, patients at 10, 20 and 40 minutes. The second needs two carers, the
# other one 5 to 15 minutes after the first.
AT = (0.0, 10.0, 20.0, 40.0)
DAY: dict[str, Any] = {
    "patients": [
        {"id": "p1", "time_window": [0.0, 30.0], "required_caregivers": [{"service": "a", "duration": 10.0}]},
        {"id": "p2", "time_window": [30.0, 60.0],
         "required_caregivers": [{"service": "a", "duration": 10.0}, {"service": "b", "duration": 20.0}],
         "synchronization": {"type": "sequential", "distance": [5, 15]}},
        {"id": "p3", "time_window": [70.0, 75.0], "required_caregivers": [{"service": "b", "duration": 5.0}]},
    ],
    "caregivers": [{"abilities": ["a"]}, {"abilities": ["a", "b"]}, {"abilities": ["b"]}],
    "distances": [[abs(x - y) for y in AT] for x in AT],
}  # fmt: skip
# Carer 0 makes tasks 0 and 1, carer 1 nothing, carer 2 tasks 2 and 3.
ROUTES: list[list[int]] = [[0, 1], [], [2, 3]]
START = [10.0, 30.0, 35.0, 75.0]

SOLOMON = """tiny

VEHICLE
NUMBER     CAPACITY
  2          20

CUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME

    0      0          0          0          0        100          0
    1      1          1         10          0         20          5
    2     10          0         10         10         30          5
    3      0         10         10         20         40          5
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """Give the benchmark's modules by name; they are scripts, so their folder has to be on the path."""
    sys.path.insert(0, str(FOLDER))
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name, None)
        if before[name] is not None:
            sys.modules[name] = before[name]  # type: ignore[assignment]


@pytest.fixture
def folder(tmp_path: Path, bench: Any) -> Path:
    """Both sets, an instance each, with the best of all plans as the best known."""
    instances = bench("rounds_instances")
    (tmp_path / "rounds").mkdir()
    with gzip.open(tmp_path / "rounds" / "Tiny_HC_3_1.json.gz", "wt", encoding="utf-8") as file:
        json.dump(DAY, file)
    best = best_of_all(instances)
    (tmp_path / "rounds" / "best_known.csv").write_text(
        f"instance,patients,caregivers,best_known_cost\nTiny_HC_3_1,3,3,{best}\n", encoding="utf-8")
    (tmp_path / "vrptw").mkdir()
    path = tmp_path / "vrptw" / "T1.txt"
    path.write_text(SOLOMON, encoding="utf-8")
    path.with_suffix(".sol").write_text(
        f"Route #1: 1\nCost {best_tiny(instances, instances.Solomon.read(path))}\n", encoding="utf-8")
    return tmp_path


def best_of_all(instances: Any) -> float:
    """Cost of the best plan, by trying every carer and every order."""
    day = instances.Day.of(DAY)
    best = math.inf
    for order in itertools.permutations(range(4)):
        for who in itertools.product(range(3), repeat=4):
            routes = [[t for t in order if who[t] == k] for k in range(3)]
            try:
                best = min(best, instances.day_cost(day, routes, instances.earliest_starts(day, routes)))
            except ValueError:
                continue
    return best


def best_tiny(instances: Any, instance: Any) -> float:
    """Cost of the best plan, by trying every vehicle and every order."""
    best = math.inf
    for order in itertools.permutations((1, 2, 3)):
        for cut in range(4):
            try:
                best = min(best, instances.solomon_cost(instance, [order[:cut], order[cut:]]))
            except ValueError:
                continue
    return best


def test_cost_of_a_day_is_what_a_pencil_says(bench: Any) -> None:
    """(40 travelled by one carer, 80 by the other, no lateness) / 3; a start ten late counts twice."""
    instances = bench("rounds_instances")
    day = instances.Day.of(DAY)
    assert instances.day_cost(day, ROUTES, START) == pytest.approx((40 + 80) / 3)
    late = [*START[:3], 85.0]
    assert instances.day_cost(day, ROUTES, late) == pytest.approx((40 + 80 + 10 + 10) / 3)


@pytest.mark.parametrize(
    ("routes", "start", "rule"),
    [
        ([[0, 1, 2], [], [3]], [10, 30, 40, 75], "skill"),
        ([[0, 1], [0], [2, 3]], START, "made once"),
        ([[0, 1], [], [2]], START, "every task made"),
        ([[0, 1], []], START, "as many routes"),
        (ROUTES, [5, 30, 35, 75], "get there"),
        (ROUTES, [10, 30, 35, 74], "get there"),
        ([[0, 1], [3], [2]], [10, 30, 35, 69], "window"),
        (ROUTES, [10, 30, 34, 75], "gap"),
        (ROUTES, [10, 30, 46, 86], "gap"),
        ([[0], [1, 2], [3]], [10, 30, 40, 75], "two carers"),
    ],
)
def test_a_day_s_plan_that_breaks_a_rule_has_no_cost(
    bench: Any, routes: list[list[int]], start: list[float], rule: str
) -> None:
    """Every rule of the instance is looked at, and named."""
    instances = bench("rounds_instances")
    with pytest.raises(ValueError, match=rule):
        instances.day_cost(instances.Day.of(DAY), routes, start)


def test_earliest_starts_are_the_least_of_all(bench: Any) -> None:
    """A linear programme that minimises the sum of starts gives the same ones."""
    instances = bench("rounds_instances")
    day = instances.Day.of(DAY)
    rows, limits = [], []

    def after(a: int, b: int, minutes: float) -> None:
        row = np.zeros(4)
        row[a], row[b] = 1, -1
        rows.append(row)
        limits.append(-minutes)

    after(0, 1, 10 + 10)
    after(2, 3, 20 + 20)
    after(1, 2, 5)
    after(2, 1, -15)
    lowest = [(10, None), (30, None), (30, None), (70, None)]
    found: Any = linprog(np.ones(4), A_ub=np.array(rows), b_ub=limits, bounds=lowest)
    assert instances.earliest_starts(day, ROUTES) == pytest.approx(list(found.x))
    assert list(found.x) == pytest.approx(START)


def test_doubles_that_wait_for_each_other_have_no_times(bench: Any) -> None:
    """Carer 1 makes the second task of one double, then the first of the other; carer 0 the reverse."""
    instances = bench("rounds_instances")
    both = [{"service": "a", "duration": 10.0}] * 2
    patient = {"time_window": [0.0, 60.0], "required_caregivers": both,
               "synchronization": {"type": "simultaneous"}}  # fmt: skip
    day = instances.Day.of({
        "patients": [{"id": "x", **patient}, {"id": "y", **patient}],
        "caregivers": [{"abilities": ["a"]}] * 2,
        "distances": [[0, 5, 5], [5, 0, 5], [5, 5, 0]],
    })
    assert day.doubles() == [(0, 1, 0.0, 0.0), (2, 3, 0.0, 0.0)]
    assert instances.earliest_starts(day, [[0, 2], [1, 3]]) == [5, 5, 20, 20]
    with pytest.raises(ValueError, match="circle"):
        instances.earliest_starts(day, [[0, 2], [3, 1]])


def test_solomon_s_distances_are_cut_after_one_decimal(bench: Any, folder: Path) -> None:
    """The root of 2 is 1.4, of 82 is 9.0 (9.055); the routes' cost is made of those."""
    instances = bench("rounds_instances")
    instance = instances.Solomon.read(folder / "vrptw" / "T1.txt")
    assert (instance.vehicles, instance.capacity) == (2, 20)
    assert instance.tenths()[1].tolist() == [14, 0, 90, 90]
    assert instances.solomon_cost(instance, [[1, 2], [3]]) == pytest.approx(1.4 + 9.0 + 10 + 20)


@pytest.mark.parametrize(
    ("routes", "rule"),
    [
        ([[1, 2]], "every customer"),
        ([[1, 2], [2, 3]], "once"),
        ([[1, 2, 3]], "capacity"),
        ([[1], [2], [3]], "no more routes"),
        ([[3, 1], [2]], "customer 1: in time"),
    ],
)
def test_routes_that_break_a_rule_have_no_cost(
    bench: Any, folder: Path, routes: list[list[int]], rule: str
) -> None:
    """Every rule of the instance is looked at, and named."""
    instances = bench("rounds_instances")
    instance = instances.Solomon.read(folder / "vrptw" / "T1.txt")
    with pytest.raises(ValueError, match=rule):
        instances.solomon_cost(instance, routes)


@pytest.mark.parametrize("name", ["PyVRP", "VROOM", "OR-Tools"])
def test_a_peer_finds_the_best_of_the_tiny_routes(bench: Any, folder: Path, name: str) -> None:
    """What a peer is told is the instance: its plan keeps the rules and is the best there is."""
    instances, peers = bench("rounds_instances"), bench("rounds_peers")
    if find_spec({"PyVRP": "pyvrp", "VROOM": "vroom", "OR-Tools": "ortools"}[name]) is None:
        pytest.skip(f"{name} is not installed")
    instance = instances.Solomon.read(folder / "vrptw" / "T1.txt")
    found = peers.PEERS[name](instance, 0.3, 1)
    cost = instances.solomon_cost(instance, found.routes)
    assert cost == pytest.approx(best_tiny(instances, instance))
    assert found.first_s is not None


@pytest.mark.parametrize("start", [None, ROUTES])
def test_ortools_finds_the_best_of_the_tiny_day(bench: Any, start: list[list[int]] | None) -> None:
    """Skills, two carers, the gap of a double and both kinds of lateness are told to it."""
    instances, peers = bench("rounds_instances"), bench("rounds_peers")
    day = instances.Day.of(DAY)
    routes = peers.ortools_day(day, 0.5, 1, start).routes
    cost = instances.day_cost(day, routes, instances.earliest_starts(day, routes))
    assert cost == pytest.approx(best_of_all(instances))


def test_commands_print_and_write_gaps_of_zero(
    bench: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both sets, from command to table and file; against the best of all plans nobody is below."""
    out = folder / "out.json"
    common = ["--folder", str(folder), "--json", str(out), "--seconds"]
    bench("rounds").main([*common, "0.3", "--peers"])
    printed = capsys.readouterr().out
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert row["ours"] == pytest.approx(row["best_known"])
    assert "    3 patients: mean gap" in printed
    assert "below the best known 0" in printed
    assert "ours / OR-Tools: 1.0000 (1 instances)" in printed
    bench("rounds").main([*common, "0.2", "--set", "vrptw"])
    printed = capsys.readouterr().out
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert row["ours"] == row["own only"] == pytest.approx(row["best_known"])
    assert "own only  mean gap" in printed
    assert row["first_s"]["ours"] is not None


def test_summary_counts_what_it_says(bench: Any) -> None:
    """Mean and largest gap, plans below the best known, and instances without a plan."""
    rows = [{"ours": 110.0, "best_known": 100.0}, {"ours": 99.0, "best_known": 100.0},
            {"ours": None, "best_known": 100.0}, {"ours": 99.9999, "best_known": 100.0}]  # fmt: skip
    line = bench("rounds")._gaps(rows)
    assert line == "mean gap   3.000 %, largest  10.000 %, below the best known 1, no plan within the rules 1"


def test_a_program_whose_plan_breaks_a_rule_is_shown_as_such(
    bench: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gets a gap for a plan that serves a customer late; the run goes on."""
    peers, rounds = bench("rounds_peers"), bench("rounds")
    late = peers.Found([[3, 1], [2]], 0.1, 0.1)
    monkeypatch.setattr(rounds, "PEERS", {"OR-Tools": lambda *_: late})
    rows = rounds.run_solomon(folder / "vrptw", "", 0.1, 1)
    assert rows[0]["OR-Tools"] is None
    printed = capsys.readouterr().out
    assert "OR-Tools: the plan breaks a rule: customer 1: in time" in printed
    assert "OR-Tools  no plan within the rules" in printed
    assert "ours / OR-Tools" not in printed


def test_shared_instances_are_read(bench: Any, shared: Path) -> None:
    """All of them, with their published sizes; patients with two services have a gap that can be kept."""
    instances = bench("rounds_instances")
    known = instances.best_days(shared / "bench" / "rounds")
    assert len(known) == 35
    for _, patients, cost, path in known[::6]:
        day = instances.Day.read(path)
        assert len(day.ids) == patients
        assert cost > 0
        assert len(day.tasks) - len(day.ids) == len(day.doubles())
        assert all(0 <= low <= high for _, _, low, high in day.doubles())
    assert [name for name, _, _ in instances.best_solomon(shared / "bench" / "vrptw")] == [
        "C101", "C201", "R101", "R112", "RC201", "RC208"]
