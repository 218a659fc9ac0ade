"""Instances of rounds: how to read them, and what a plan costs by the instance's own file.

The cost functions take nothing from the search: they go through the routes with the distances, windows
and skills as they stand in the file, and raise ``ValueError`` for a plan that breaks a rule. Peers are
measured by them, too.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from allocation.rounds.problem import RoundsProblem, Weights

Floats = npt.NDArray[np.float64]
Routes = Sequence[Sequence[int]]
_HAIR = 1e-6


@dataclass(frozen=True, slots=True)
class Task:
    """What one care worker does at a patient; a double-handed patient has two."""

    patient: int
    service: str
    minutes: float


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """Home health care with double-handed visits (Mankowska, Meisel and Bierwirth 2014).

    Place 0 is the office where every carer starts and ends, place ``i + 1`` that of patient ``i``.
    """

    ids: list[str]
    windows: list[tuple[float, float]]
    gaps: list[tuple[float, float]]  # start of the second task minus start of the first
    tasks: list[Task]
    skills: list[set[str]]  # of each carer
    way: Floats

    @classmethod
    def read(cls, path: Path) -> Day:
        """Read the JSON form, gzipped or not."""
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            return cls.of(json.load(file))

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Day:
        patients = raw["patients"]
        return cls(
            ids=[p["id"] for p in patients],
            windows=[(p["time_window"][0], p["time_window"][1]) for p in patients],
            gaps=[_gap(p.get("synchronization", {})) for p in patients],
            tasks=[
                Task(i, need["service"], need["duration"])
                for i, p in enumerate(patients) for need in p["required_caregivers"]
            ],
            skills=[set(c["abilities"]) for c in raw["caregivers"]],
            way=np.array(raw["distances"], float),
        )  # fmt: skip

    def doubles(self) -> list[tuple[int, int, float, float]]:
        """First and second task of every double-handed patient, and the least and the largest gap."""
        of = [[t for t, task in enumerate(self.tasks) if task.patient == i] for i in range(len(self.ids))]
        return [(*two, *gap) for two, gap in zip(of, self.gaps, strict=True) if len(two) == 2]

    def problem(self) -> RoundsProblem:
        """As our search takes it; cost = (distance + lateness + largest lateness) / 3."""
        third = 1 / 3
        carers = len(self.skills)
        return RoundsProblem(
            visit_ids=tuple(self.ids),
            shift_ids=tuple(f"c{k}" for k in range(carers)),
            minutes=self.way[None],
            km=self.way[None],
            place=np.arange(1, len(self.ids) + 1),
            earliest=[w[0] for w in self.windows],
            latest=[w[1] for w in self.windows],
            task_visit=np.array([t.patient for t in self.tasks]),
            task_minutes=[t.minutes for t in self.tasks],
            gap_low=[g[0] for g in self.gaps],
            gap_high=[g[1] for g in self.gaps],
            allowed=[[t.service in s for s in self.skills] for t in self.tasks],
            person=np.arange(carers),
            start_place=np.zeros(carers),
            end_place=np.zeros(carers),
            weights=Weights(
                travel_minute=third, late_minute=third, worst_late=third, unserved_minute=None
            ),
        )


def _gap(rule: dict[str, Any]) -> tuple[float, float]:
    if rule.get("type") != "sequential":
        return 0.0, 0.0
    low, high = rule["distance"]
    return low, high


def day_cost(day: Day, routes: Routes, start: Sequence[float] | Floats) -> float:
    """Cost of a plan: tasks of each carer in order, and the start of every task.

    Raises
    ------
    ValueError
        For a plan that breaks a rule, with the rule.
    """
    _need(len(routes) == len(day.skills), "as many routes as carers")
    travelled, who = 0.0, {}
    for carer, route in enumerate(routes):
        at, free = 0, 0.0
        for t in route:
            task = day.tasks[t]
            there = task.patient + 1
            _need(task.service in day.skills[carer], f"task {t}: the carer has the skill")
            _need(t not in who, f"task {t}: made once")
            _need(start[t] >= free + day.way[at, there] - _HAIR, f"task {t}: time to get there")
            who[t] = carer
            travelled += day.way[at, there]
            at, free = there, start[t] + task.minutes
        travelled += day.way[at, 0]
    _need(len(who) == len(day.tasks), "every task made")
    late = []
    for t, task in enumerate(day.tasks):
        early, latest = day.windows[task.patient]
        _need(start[t] >= early - _HAIR, f"task {t}: not before its window")
        late.append(max(0.0, start[t] - latest))
    for a, b, low, high in day.doubles():
        _need(who[a] != who[b], f"tasks {a} and {b}: two carers")
        _need(low - _HAIR <= start[b] - start[a] <= high + _HAIR, f"tasks {a} and {b}: the gap")
    return float(travelled + sum(late) + max(late)) / 3


def earliest_starts(day: Day, routes: Routes) -> list[float]:
    """Give every task the earliest start its routes allow: nothing else is less late.

    Starts are tied to each other by differences only, so that there is one solution below all others.

    Raises
    ------
    ValueError
        When doubles wait for each other in a circle.
    """
    start = [day.windows[t.patient][0] for t in day.tasks]
    after: list[tuple[int, int, float]] = []  # start[b] >= start[a] + minutes
    for route in routes:
        for t in route[:1]:
            start[t] = max(start[t], day.way[0, day.tasks[t].patient + 1])
        for a, b in pairwise(route):
            way = day.way[day.tasks[a].patient + 1, day.tasks[b].patient + 1]
            after.append((a, b, day.tasks[a].minutes + way))
    for a, b, low, high in day.doubles():
        after += [(a, b, low), (b, a, -high)]
    for _ in range(len(start) + 1):
        moved = False
        for a, b, minutes in after:
            if start[a] + minutes > start[b] + 1e-9:
                start[b], moved = start[a] + minutes, True
        if not moved:
            return start
    raise ValueError("the plan breaks a rule: doubles wait for each other in a circle")


@dataclass(frozen=True, slots=True, eq=False)
class Solomon:
    """One of Solomon's instances; rows of number, x, y, demand, ready, due, service; row 0 the depot.

    A customer's time is when service begins; distances are truncated to one decimal, as in the DIMACS
    implementation challenge.
    """

    vehicles: int
    capacity: int
    rows: Floats

    @classmethod
    def read(cls, path: Path) -> Solomon:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        vehicles, capacity = (int(x) for x in lines[4])
        return cls(vehicles, capacity, np.array([[float(x) for x in r] for r in lines[9:] if len(r) == 7]))

    def tenths(self) -> npt.NDArray[np.int64]:
        """(N, N) Distances in tenths, truncated."""
        x, y = self.rows[:, 1], self.rows[:, 2]
        way = np.hypot(x[:, None] - x[None], y[:, None] - y[None])
        return np.floor(way * 10 + 1e-9).astype(np.int64)

    def problem(self) -> RoundsProblem:
        """As our search takes it."""
        way = self.tenths()[None] / 10
        n = len(self.rows) - 1
        return RoundsProblem(
            visit_ids=tuple(str(int(r[0])) for r in self.rows[1:]),
            shift_ids=tuple(f"v{k}" for k in range(self.vehicles)),
            minutes=way,
            km=way,
            place=np.arange(1, n + 1),
            earliest=self.rows[1:, 4],
            latest=self.rows[1:, 5],
            task_visit=np.arange(n),
            task_minutes=self.rows[1:, 6],
            load=self.rows[1:, 3],
            allowed=np.ones((n, self.vehicles), bool),
            person=np.arange(self.vehicles),
            start_place=np.zeros(self.vehicles),
            end_place=np.zeros(self.vehicles),
            shift_end=np.full(self.vehicles, self.rows[0, 5]),
            capacity=np.full(self.vehicles, float(self.capacity)),
            hard_windows=True,
            weights=Weights(unserved_minute=None),
        )


def solomon_cost(instance: Solomon, routes: Routes) -> float:
    """Distance of routes of customers' numbers.

    Raises
    ------
    ValueError
        For a plan that breaks a rule, with the rule.
    """
    rows = instance.rows
    total, seen = 0.0, set()
    _need(sum(1 for route in routes if len(route)) <= instance.vehicles, "no more routes than vehicles")
    for route in routes:
        at, now, load = 0, 0.0, 0.0
        for c in [*route, 0]:
            apart = np.hypot(rows[at, 1] - rows[c, 1], rows[at, 2] - rows[c, 2])
            way = int(10 * apart + 1e-9) / 10
            total += way
            now = max(now + way, rows[c, 4])
            _need(now <= rows[c, 5] + _HAIR, f"customer {c}: in time")
            now += rows[c, 6]
            load += rows[c, 3]
            _need(c == 0 or c not in seen, f"customer {c}: served once")
            seen.add(c)
            at = c
        _need(load <= instance.capacity, "no route above the capacity")
    _need(len(seen - {0}) == len(rows) - 1, "every customer served")
    return float(total)


def _need(holds: object, rule: str) -> None:
    if not holds:
        raise ValueError(f"the plan breaks a rule: {rule}")


def best_days(folder: Path) -> list[tuple[str, int, float, Path]]:
    """Name, patients, best-known cost and file of every instance in ``folder``."""
    with (folder / "best_known.csv").open(encoding="utf-8", newline="") as file:
        return [
            (r["instance"], int(r["patients"]), float(r["best_known_cost"]),
             folder / f"{r['instance']}.json.gz")
            for r in csv.DictReader(file)
        ]  # fmt: skip


def best_solomon(folder: Path) -> list[tuple[str, float, Path]]:
    """Name, best-known cost (from the ``.sol`` file beside it) and file of every instance."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        text = path.with_suffix(".sol").read_text(encoding="utf-8")
        found.append((path.stem, float(text.lower().split("cost")[1].split()[0]), path))
    return found
