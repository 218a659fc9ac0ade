"""Small days to test rounds on, and their true optimum by two ways that know nothing of the search."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from allocation.rounds.problem import NO_PLACE, RoundsProblem, Weights

UNREACHABLE = 1e6


def day(**changed: Any) -> RoundsProblem:
    """Three visits 10 minutes apart in a row from the base (place 0), the last double-handed."""
    way = 10.0 * np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))[None]
    given: dict[str, Any] = {
        "visit_ids": ("a", "b", "c"),
        "shift_ids": ("x", "y"),
        "minutes": way,
        "km": way / 2,
        "place": [1, 2, 3],
        "earliest": [480.0, 540.0, 600.0],
        "latest": [510.0, 570.0, 630.0],
        "task_visit": [0, 1, 2, 2],
        "task_minutes": [30.0, 30.0, 30.0, 20.0],
        "allowed": np.ones((4, 2), bool),
        "person": [0, 1],
        "start_place": [0, 0],
        "end_place": [0, 0],
    }
    return RoundsProblem(**(given | changed))


def random_day(
    seed: int,
    visits: int = 6,
    shifts: int = 2,
    *,
    double: float = 0.3,
    sequential: float = 0.5,
    width: int = 60,
    skills: float = 0.8,
    spread: int = 240,
    way: int = 30,
    weights: Weights | None = None,
    **changed: Any,
) -> RoundsProblem:
    """A day of whole minutes: travel that obeys no triangle rule, two starts, one open end.

    Every task may be done by at least one shift; a double-handed visit by two persons.
    """
    rng = np.random.default_rng(seed)
    places = visits + 2
    minutes = rng.integers(1, way, (1, places, places)).astype(float)
    minutes[:, np.arange(places), np.arange(places)] = 0
    handed = 1 + (rng.random(visits) < double) * (shifts > 1)
    task_visit = np.repeat(np.arange(visits), handed)
    allowed = rng.random((len(task_visit), shifts)) < skills
    for v in range(visits):
        mine = np.flatnonzero(task_visit == v)
        allowed[mine, rng.permutation(shifts)[: len(mine)]] = True
    earliest = rng.integers(0, spread, visits)
    low = rng.integers(1, 20, visits) * (rng.random(visits) < sequential)
    given: dict[str, Any] = {
        "visit_ids": tuple(f"v{i}" for i in range(visits)),
        "shift_ids": tuple(f"s{i}" for i in range(shifts)),
        "minutes": minutes,
        "km": np.ceil(minutes / 2),
        "place": np.arange(2, places),
        "earliest": earliest,
        "latest": earliest + rng.integers(0, width, visits),
        "task_visit": task_visit,
        "task_minutes": rng.choice([15, 30, 45], len(task_visit)),
        "gap_low": low,
        "gap_high": low + rng.integers(0, 15, visits) * (low > 0),
        "allowed": allowed,
        "person": np.arange(shifts),
        "start_place": [i % 2 for i in range(shifts)],
        "end_place": [NO_PLACE if i == 1 else 0 for i in range(shifts)],
        "weights": weights or Weights(),
    }
    return RoundsProblem(**(given | changed))


# -- the true optimum -----------------------------------------------------------------------------


def _leg(p: RoundsProblem, w: int, a: int, b: int) -> tuple[float, float]:
    if NO_PLACE in (a, b):
        return 0.0, 0.0
    return float(p.minutes[p.mode[w], a, b]), float(p.km[p.mode[w], a, b])


def _tasks(p: RoundsProblem) -> list[list[int]]:
    return [np.flatnonzero(p.task_visit == v).tolist() for v in range(len(p.visit_ids))]


def proven_optimum(p: RoundsProblem, scale: int = 1000) -> float:
    """Least cost by CP-SAT: a circuit for each shift, times on its arcs. Not for breaks or max_minutes.

    Minutes times `scale` have to be whole. Nothing is assumed about the order of visits.
    """
    assert not np.isfinite(p.break_after).any()
    assert not np.isfinite(p.max_minutes).any()
    weights = p.weights
    model = cp_model.CpModel()
    horizon = int(scale * (p.latest.max() + p.gap_high.sum() + 2 * p.task_minutes.sum() + 3000))

    def whole(x: float) -> int:
        assert abs(x * scale - round(x * scale)) < 1e-6
        return round(x * scale)

    objective: list[Any] = []  # of (weight, what), what in units of 1 / scale
    starts, lates, served = [], [], []
    for v, tasks in enumerate(_tasks(p)):
        on = model.new_bool_var("")
        served.append(on)
        if weights.unserved_minute is None:
            model.add(on == 1)
        else:
            care = max(p.task_minutes[tasks].sum(), 1.0)
            objective.append((weights.unserved_minute, whole(care) * (1 - on)))
        for _ in tasks:
            last = whole(p.latest[v]) if p.hard_windows else horizon
            start = model.new_int_var(whole(p.earliest[v]), last, "")
            late = model.new_int_var(0, horizon, "")
            model.add(late >= start - whole(p.latest[v])).only_enforce_if(on)
            starts.append(start)
            lates.append(late)
        if len(tasks) == 2:
            gap = starts[-1] - starts[-2]
            model.add(gap >= whole(p.gap_low[v])).only_enforce_if(on)
            model.add(gap <= whole(p.gap_high[v])).only_enforce_if(on)
    does = {}
    for w in range(len(p.shift_ids)):
        mine = np.flatnonzero(p.allowed[:, w]).tolist()
        arcs: list[Any] = []
        idle = model.new_bool_var("")
        arcs.append((0, 0, idle))
        objective.append((weights.shift, scale * (1 - idle)))
        for t in mine:
            does[t, w] = model.new_bool_var("")
            arcs.append((t + 1, t + 1, ~does[t, w]))
            model.add_implication(does[t, w], ~idle)
            objective.append((weights.unfamiliar * float(p.unfamiliar[t, w]), scale * does[t, w]))
        for a in [-1, *mine]:
            for b in [-1, *mine]:
                if a == b:
                    continue
                here = p.start_place[w] if a < 0 else p.place[p.task_visit[a]]
                there = p.end_place[w] if b < 0 else p.place[p.task_visit[b]]
                minutes, km = _leg(p, w, here, there)
                if not minutes < UNREACHABLE:
                    continue
                arc = model.new_bool_var("")
                arcs.append((a + 1, b + 1, arc))
                objective.append((weights.travel_minute * minutes + weights.km * km, scale * arc))
                free = whole(p.shift_start[w]) if a < 0 else starts[a] + whole(p.task_minutes[a])
                if b >= 0:
                    model.add(starts[b] >= free + whole(minutes)).only_enforce_if(arc)
                elif np.isfinite(p.shift_end[w]):
                    model.add(free + whole(minutes) <= whole(p.shift_end[w])).only_enforce_if(arc)
        model.add_circuit(arcs)
        if np.isfinite(p.capacity[w]):
            model.add(sum(whole(p.load[t]) * does[t, w] for t in mine) <= whole(p.capacity[w]))
    for t, v in enumerate(p.task_visit):
        model.add(sum(on for (u, _), on in does.items() if u == t) == served[v])
    for tasks in _tasks(p):
        if len(tasks) == 2:
            for person in set(p.person.tolist()):
                model.add(sum(on for (t, w), on in does.items() if t in tasks and p.person[w] == person) <= 1)
    if not p.hard_windows:
        worst = model.new_int_var(0, horizon, "")
        model.add_max_equality(worst, lates)
        objective.append((weights.worst_late, worst))
        objective += [(weights.late_minute, late) for late in lates]
    model.minimize(sum(round(60 * weight * scale) * what for weight, what in objective if weight))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    solver.parameters.max_time_in_seconds = 1200
    status = solver.solve(model)
    assert status == cp_model.OPTIMAL, solver.status_name(status)
    return solver.objective_value / (60 * scale * scale)


def tried_optimum(p: RoundsProblem) -> float:
    """Least cost over all orders of visits and all choices of shifts, served as early as can be.

    The rules, in full: a break (or a wait as long) is taken on the way to the first visit by whose
    end too much work on end would have been done; ``max_minutes`` counts from the latest minute the
    shift can leave without delaying its end, a double-handed visit or a start beyond its window.
    """
    return _Tried(p).best


class _Tried:
    def __init__(self, p: RoundsProblem) -> None:
        self.p = p
        self.tasks = _tasks(p)
        self.best = float("inf")
        self.routes: list[list[tuple[int, int, float]]] = [[] for _ in p.shift_ids]  # visit, task, start
        self.since = [0.0] * len(p.shift_ids)
        shifts = range(len(p.shift_ids))
        self.choices = [
            [
                pick
                for pick in permutations(shifts, len(tasks))
                if all(p.allowed[t, w] for t, w in zip(tasks, pick, strict=True))
                and len({p.person[w] for w in pick}) == len(pick)
            ]
            for tasks in self.tasks
        ]
        self.drop = [
            float("inf")
            if p.weights.unserved_minute is None
            else p.weights.unserved_minute * max(p.task_minutes[tasks].sum(), 1.0)
            for tasks in self.tasks
        ]
        self.look(frozenset(range(len(p.visit_ids))), 0.0, [])

    def look(self, left: frozenset[int], cost: float, late: list[float]) -> None:
        """Leave out what is left, or serve one of it next."""
        p = self.p
        if not p.hard_windows:
            now = cost + p.weights.late_minute * sum(late) + p.weights.worst_late * max(late, default=0.0)
        else:
            now = cost
        if now >= self.best:
            return
        self.best = min(self.best, now + sum(self.drop[v] for v in left) + self.home())
        for v in left:
            for pick in self.choices[v]:
                self.serve(left, v, pick, cost, late)

    def serve(
        self, left: frozenset[int], v: int, pick: tuple[int, ...], cost: float, late: list[float]
    ) -> None:
        p = self.p
        arrive, legs, ends = [], 0.0, []
        for t, w in zip(self.tasks[v], pick, strict=True):
            route = self.routes[w]
            at = p.place[route[-1][0]] if route else p.start_place[w]
            free = route[-1][2] + p.task_minutes[route[-1][1]] if route else p.shift_start[w]
            minutes, km = _leg(p, w, at, p.place[v])
            if not minutes < UNREACHABLE:
                return
            arrive.append(free + minutes)
            ends.append(free)
            legs += p.weights.travel_minute * minutes + p.weights.km * km
            legs += p.weights.unfamiliar * p.unfamiliar[t, w] + (0.0 if route else p.weights.shift)
        start, since = self.begin(v, pick, arrive, ends)
        if p.hard_windows and max(start) > p.latest[v]:
            return
        for w, t, s in zip(pick, self.tasks[v], start, strict=True):
            if s + p.task_minutes[t] > p.shift_end[w]:
                return
        before = [self.since[w] for w in pick]
        for w, t, s, stretch in zip(pick, self.tasks[v], start, since, strict=True):
            self.routes[w].append((v, t, s))
            self.since[w] = stretch
        if all(p.load[[t for _, t, _ in self.routes[w]]].sum() <= p.capacity[w] for w in pick):
            self.look(left - {v}, cost + legs, [*late, *(max(0.0, s - p.latest[v]) for s in start)])
        for w, stretch in zip(pick, before, strict=True):
            self.routes[w].pop()
            self.since[w] = stretch

    def begin(
        self, v: int, pick: tuple[int, ...], arrive: list[float], ends: list[float]
    ) -> tuple[list[float], list[float]]:
        """Earliest starts of a visit's tasks, and since when their workers are at work."""
        p = self.p
        rest = [0.0 for _ in pick]
        while True:
            start = [max(p.earliest[v], a + r) for a, r in zip(arrive, rest, strict=True)]
            if len(start) == 2:
                start[1] = max(start[1], start[0] + p.gap_low[v])
                start[0] = max(start[0], start[1] - p.gap_high[v])
            since = []
            for k, (t, w) in enumerate(zip(self.tasks[v], pick, strict=True)):
                on_end = start[k] + p.task_minutes[t] - self.since[w]
                gap = start[k] - arrive[k]
                if not self.routes[w]:
                    since.append(start[k])
                elif gap >= p.break_minutes[w]:
                    behind = arrive[k] - self.since[w] - p.break_after[w]
                    since.append(start[k] - min(max(behind, 0.0), arrive[k] - ends[k]))
                elif on_end > p.break_after[w]:
                    rest[k] = p.break_minutes[w]
                    break
                else:
                    since.append(self.since[w])
            else:
                return start, since

    def home(self) -> float:
        """Cost of the ways home; infinite where a shift ends too late or lasts too long."""
        p, cost = self.p, 0.0
        single = [len(tasks) == 1 for tasks in self.tasks]
        for w, route in enumerate(self.routes):
            if not route:
                continue
            v, t, start = route[-1]
            minutes, km = _leg(p, w, p.place[v], p.end_place[w])
            back = start + p.task_minutes[t] + minutes
            if not minutes < UNREACHABLE or back > p.shift_end[w]:
                return float("inf")
            cost += p.weights.travel_minute * minutes + p.weights.km * km
            begin, place = start, p.place[v]
            for u, s, early in reversed(route[:-1]):
                upto = begin - _leg(p, w, p.place[u], place)[0] - p.task_minutes[s]
                free = single[u] and not np.isfinite(p.break_after[w])
                begin = max(early, min(upto, p.latest[u])) if free else early
                place = p.place[u]
            out = _leg(p, w, p.start_place[w], p.place[route[0][0]])[0]
            if back - (begin - out) > p.max_minutes[w]:
                return float("inf")
        return cost


LIMITED = (
    "hard", "cheap", "end", "capacity", "shift", "unfamiliar", "modes", "no way", "max", "max hard",
    "breaks", "breaks hard", "two shifts", "open",
)  # fmt: skip


def limited_day(kind: str, seed: int) -> RoundsProblem:
    """Five visits and two or three shifts under one of the rules in :data:`LIMITED`."""
    rng = np.random.default_rng(seed + 1000)
    plain = random_day(seed, 5, 2)
    way = plain.minutes
    slow = rng.integers(1, 60, way.shape) * (way > 0.0)
    breaks = {"spread": 120, "break_after": rng.integers(60, 120, 2), "break_minutes": [15, 20]}
    hours = {"shift_start": rng.integers(0, 60, 2), "shift_end": rng.integers(150, 300, 2)}
    out = {"max_minutes": rng.integers(60, 200, 2), "weights": Weights(unserved_minute=2.0)}
    changed: dict[str, dict[str, Any]] = {
        "hard": {"hard_windows": True},
        "cheap": {"hard_windows": True, "weights": Weights(unserved_minute=1.0)},
        "end": hours,
        "capacity": {"capacity": rng.integers(45, 120, 2)},
        "shift": {"shifts": 3, "double": 0.2, "weights": Weights(shift=50.0)},
        "unfamiliar": {
            "unfamiliar": rng.integers(0, 2, plain.allowed.shape),
            "weights": Weights(unfamiliar=15.0),
        },
        "modes": {
            "minutes": np.concatenate([way, slow]),
            "km": np.concatenate([slow, way]),
            "mode": [0, 1],
            "weights": Weights(km=0.5),
        },
        "no way": {"minutes": np.where(rng.random(way.shape) < 0.3, np.inf, way)},
        "max": out,
        "max hard": {"double": 0, "hard_windows": True, **out},
        "breaks": breaks,
        "breaks hard": {"hard_windows": True, **breaks},
        "two shifts": {
            "shifts": 3, "person": [0, 0, 1], "shift_start": [0, 200, 0], "shift_end": [200, 500, 600],
        },
        "open": {"start_place": [NO_PLACE, NO_PLACE], "end_place": [NO_PLACE, 0]},
    }  # fmt: skip
    return random_day(seed, 5, **changed[kind])
