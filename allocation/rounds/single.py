"""Days without double-handed visits, by PyVRP: a well-kept library for just that problem.

PyVRP (MIT licence) does not know visits that must be made together, soft windows or breaks. Where
none of them is asked for it finds shorter rounds than the search of this package.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .problem import FAR, NO_PLACE, Floats, Ints, RoundsProblem

__all__ = ["ROUNDS_PER_EFFORT", "applies", "solve_single"]

#: Iterations of PyVRP for an effort of 1.
ROUNDS_PER_EFFORT = 4000
_SCALE = 100  # PyVRP counts in whole numbers: hundredths of a minute
_MOST = 1500  # visits; beyond that a lot of memory for little
_MOST_PROFILES = 8
_FOREVER = 10_000_000  # hundredths of a minute: some weeks


def applies(problem: RoundsProblem) -> bool:
    """Whether PyVRP knows everything the problem asks for, and is installed."""
    n = len(problem.visit_ids)
    if not (
        problem.hard_windows
        and 2 <= n <= _MOST
        and len(problem.task_visit) == n
        and len(problem.shift_ids)
        and not (np.isfinite(problem.break_after) & (problem.break_minutes > 0)).any()
        and not (problem.weights.unfamiliar and problem.unfamiliar.any())
        and problem.allowed.any(axis=1).all()
        and len(_profiles(problem)[0]) <= _MOST_PROFILES
    ):
        return False
    try:
        import pyvrp  # noqa: F401
    except ImportError:
        return False
    return True


def solve_single(
    problem: RoundsProblem,
    *,
    seed: int,
    effort: float,
    left_s: Callable[[], float],
    fill_time: bool,
    stop: Callable[[], bool],
    report: Callable[[float], None],
) -> tuple[Ints, Floats, int, bool]:
    """Return the shift of every task (-1: not served), a key that orders them, and iterations.

    And whether Ctrl-C ended it.

    Parameters
    ----------
    left_s
        Seconds left; inf without a limit.
    fill_time, stop, report
        See :func:`allocation.rounds.solve.solve`.
    """
    import pyvrp

    profiles, profile = _profiles(problem)
    data, groups = _data(pyvrp, problem, profiles, profile)
    allowed_s, begun = left_s(), time.monotonic()
    interrupted = threading.Event()
    iterations = max(50, int(ROUNDS_PER_EFFORT * effort))

    class Enough:
        """PyVRP asks this before every iteration."""

        count = 0

        def __call__(self, best_cost: int) -> bool:  # noqa: ARG002
            self.count += 1
            if fill_time:
                report(min(1.0, (time.monotonic() - begun) / max(allowed_s, 1e-9)))
            else:
                report(min(1.0, self.count / iterations))
            enough = not fill_time and self.count > iterations
            return enough or interrupted.is_set() or stop() or left_s() <= 0

    enough = Enough()
    with _ctrl_c(interrupted):
        result = pyvrp.solve(data, stop=enough, seed=seed, display=False, collect_stats=False)
    shift = np.full(len(problem.task_visit), -1, np.int32)
    key = np.arange(len(problem.visit_ids), dtype=float)
    free = [list(members) for members in groups]
    for route in result.best.routes() if result.best.is_feasible() else []:
        w = free[route.vehicle_type()].pop(0)
        order = 0
        for activity in route:
            if activity.is_client():
                shift[activity.idx] = w
                key[activity.idx] = order
                order += 1
    return shift, key, enough.count, interrupted.is_set()


@contextmanager
def _ctrl_c(interrupted: threading.Event) -> Iterator[None]:
    """Let Ctrl-C end PyVRP's search with its best plan; only the main thread is told of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _profiles(problem: RoundsProblem) -> tuple[list[tuple[int, bytes]], Ints]:
    """Distinct pairs of mode and visits allowed, and the number of that of every shift."""
    kinds = [
        (int(mode), column.tobytes())
        for mode, column in zip(problem.mode, problem.allowed.T, strict=True)
    ]
    distinct = list(dict.fromkeys(kinds))
    return distinct, np.array([distinct.index(kind) for kind in kinds], np.int32)


def _whole(values: Any) -> Any:
    return np.rint(np.minimum(np.nan_to_num(values, posinf=FAR), FAR) * _SCALE).astype(np.int64)


def _data(
    pyvrp: Any, problem: RoundsProblem, profiles: list[tuple[int, bytes]], profile: Ints
) -> tuple[Any, list[list[int]]]:
    """PyVRP's form of the problem, and the shifts of each of its types of vehicle."""
    weights = problem.weights
    n = problem.minutes.shape[1]
    distances, durations = [], []
    for mode, allowed in profiles:
        # One more place, at no distance from any: where open rounds begin and end.
        time_ = np.zeros((n + 1, n + 1), np.int64)
        cost = np.zeros((n + 1, n + 1), np.int64)
        minutes = np.nan_to_num(problem.minutes[mode], posinf=FAR)
        km = np.nan_to_num(problem.km[mode], posinf=FAR)
        # A way may not take a hair less than it does: durations are rounded up.
        time_[:n, :n] = np.ceil(np.minimum(minutes, FAR) * _SCALE - 1e-6).astype(np.int64)
        cost[:n, :n] = _whole(weights.travel_minute * minutes + weights.km * km)
        may = np.frombuffer(allowed, bool)
        barred = np.setdiff1d(problem.place[~may], problem.place[may])
        time_[barred] = time_[:, barred] = int(FAR * _SCALE)
        cost[barred] = cost[:, barred] = int(FAR * _SCALE)
        np.fill_diagonal(time_, 0)
        np.fill_diagonal(cost, 0)
        distances.append(cost)
        durations.append(time_)
    loads = bool(np.isfinite(problem.capacity).any())
    must = weights.unserved_minute is None
    clients = [
        pyvrp.Client(
            int(problem.place[v]),
            delivery=[int(_whole(problem.load[v]))] if loads else [],
            service_duration=int(_whole(problem.task_minutes[v])),
            tw_early=max(0, int(np.ceil(problem.earliest[v] * _SCALE - 1e-6))),
            tw_late=max(0, int(np.floor(problem.latest[v] * _SCALE + 1e-6))),
            prize=0 if must else int(
                _whole((weights.unserved_minute or 0) * max(problem.task_minutes[v], 1.0))
            ),
            required=must,
        )
        for v in range(len(problem.visit_ids))
    ]  # fmt: skip
    stops = sorted({int(p) for p in (*problem.start_place, *problem.end_place) if p != NO_PLACE})
    depots = [pyvrp.Depot(location) for location in (*stops, n)]
    number = {**{place: k for k, place in enumerate(stops)}, NO_PLACE: len(stops)}
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for w in range(len(problem.shift_ids)):
        kind = (
            number[int(problem.start_place[w])], number[int(problem.end_place[w])],
            max(0, int(np.ceil(problem.shift_start[w] * _SCALE))),
            min(_FOREVER, int(_whole(problem.shift_end[w]))),
            min(_FOREVER, int(_whole(problem.max_minutes[w]))),
            int(_whole(problem.capacity[w])), int(profile[w]),
        )  # fmt: skip
        kinds.setdefault(kind, []).append(w)
    vehicles = [
        pyvrp.VehicleType(
            num_available=len(members), capacity=[load] if loads else [], start_depot=start,
            end_depot=end, fixed_cost=int(_whole(weights.shift)), tw_early=early, tw_late=late,
            shift_duration=longest, profile=kind,
        )
        for (start, end, early, late, longest, load, kind), members in kinds.items()
    ]  # fmt: skip
    data = pyvrp.ProblemData(
        [pyvrp.Location(0, 0) for _ in range(n + 1)], clients, depots, vehicles, distances, durations
    )
    return data, list(kinds.values())
