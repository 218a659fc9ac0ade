"""Look for rounds: a few anneals, the best plan of all, and what cannot be served taken out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .anneal import anneal, construct, holds
from .anneal import seed as seed_kernel
from .problem import FAR, Floats, Ints, RoundsProblem
from .records import NONE, TASK, VISIT, WORKER, Data, State, empty_state
from .routes import evaluate, rebuild
from .single import applies, solve_single

__all__ = ["MOVES_PER_TASK", "Solution", "solve"]

#: Moves for every task of the day, unless told otherwise; some seconds for a few hundred visits.
MOVES_PER_TASK = 20_000
# What no plan should do costs this many times a minute of travel: little at first, so that the search
# can pass through such plans, and from these shares of the way on so much that none is left.
_SELDOM = 10.0
_NEVER = ((0.7, 200.0), (0.9, 1e8))
_MUST = 1e7  # cost of leaving out a visit that has to be made
# Moves between two looks at the clock. It must not follow the clock, or plans could not be repeated.
_CHUNK = 20_480
_AHEAD = 0.02  # share of the time by which the clock may be ahead of the moves
_CLOSE = 40  # visits worth having next to a visit, at most
# First temperatures, in costs of a leg to a near visit, with and without hard windows; tuned on the
# instances of benchmarks/rounds.py.
_HOT_HARD, _HOT_SOFT = 1.0, 3.0
# Share of moves that try to do without a shift, where shifts cost something.
_DISSOLVE = 0.003
_COLDER = 100.0  # the last temperature is the first by this
_LATE = 1e-6  # minutes that are rounding, not lateness


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A plan by position, and how it was found.

    Attributes
    ----------
    shift
        (T,) Shift of each task; -1 where its visit is not served.
    start
        (T,) Start of each task, minutes; NaN where not served.
    routes
        Tasks of each shift in their order, one tuple a shift.
    cost
        By the problem's weights.
    first_cost, first_seconds
        Of the first plan, and when it was there.
    moves, seconds
        Spent on the search.
    repeatable
        Whether the same seed gives the same plan: not when the clock or the user cut it short.
    stopped
        Whether the user stopped it.
    """

    shift: Ints
    start: Floats
    routes: tuple[tuple[int, ...], ...]
    cost: float
    first_cost: float
    first_seconds: float
    moves: int
    seconds: float
    repeatable: bool
    stopped: bool


def solve(
    problem: RoundsProblem,
    *,
    seed: int = 1,
    effort: float = 1.0,
    time_limit_s: float | None = None,
    fill_time: bool = False,
    engine: Literal["auto", "own"] = "auto",
    stop: Callable[[], bool] | None = None,
    report: Callable[[float], None] | None = None,
) -> Solution:
    """Look for the cheapest rounds.

    Parameters
    ----------
    problem
        Visits, shifts and travel.
    seed
        Same seed, same problem, same effort: same plan, unless the clock ends the search.
    effort
        Moves made, in :data:`MOVES_PER_TASK` for every task.
    time_limit_s
        Seconds after which the best plan so far is returned.
    fill_time
        Let the clock alone say how long to search: all of ``time_limit_s``, whatever the effort.
        The plan can then not be repeated exactly.
    engine
        ``auto`` hands a day that PyVRP can do to PyVRP (:mod:`allocation.rounds.single`); ``own``
        keeps every day to the search of this package.
    stop
        Asked now and then; the search ends when it says so.
    report
        Told how much is done, 0 to 1.

    Returns
    -------
    Solution
        Ctrl-C is answered with the best plan so far.

    Raises
    ------
    ValueError
        ``fill_time`` without a limit.

    Examples
    --------
    Two visits an hour apart for one worker who lives at place 0:

    >>> import numpy as np
    >>> minutes = np.array([[[0, 10, 20], [10, 0, 10], [20, 10, 0.0]]])
    >>> problem = RoundsProblem(
    ...     visit_ids=("a", "b"), shift_ids=("w",), minutes=minutes, km=minutes, place=[1, 2],
    ...     earliest=[480, 540], latest=[510, 570], task_visit=[0, 1], task_minutes=[30, 30],
    ...     allowed=[[True], [True]], person=[0], start_place=[0], end_place=[0])
    >>> solution = solve(problem, effort=0.1)
    >>> solution.start.tolist(), solution.cost
    ([480.0, 540.0], 40.0)
    """
    if fill_time and time_limit_s is None:
        raise ValueError("fill_time needs time_limit_s")
    begun = time.monotonic()
    data = _data(problem)
    n_tasks, n_visits = len(data.tasks), len(data.visits)
    state = empty_state(n_tasks, n_visits, len(data.workers))
    worker = np.full(n_tasks, NONE, np.int32)
    key = np.arange(n_visits, dtype=float)
    if n_visits == 0 or len(data.workers) == 0:
        return _solution(problem, data, state, worker, key, begun, 0.0, 0.0, 0, _Clock())
    construct(data, _order(data.visits["earliest"]), worker, key)
    first = rebuild(data, state, worker, key, _order(key))
    first_seconds = time.monotonic() - begun
    clock = _Clock(
        begun=begun,
        limit=time_limit_s,
        fill=fill_time,
        stop=stop or (lambda: False),
        report=report or (lambda _: None),
    )
    moves = 0
    total = max(4000, int(MOVES_PER_TASK * n_tasks * effort))
    if engine == "auto" and applies(problem):
        mine, my_key, moves, interrupted = solve_single(
            problem, seed=seed, effort=effort, left_s=clock.left, fill_time=fill_time,
            stop=clock.asked, report=clock.report,
        )  # fmt: skip
        kept = holds(data, state)
        if rebuild(data, state, mine, my_key, _order(my_key)) < first or not kept:
            worker, key = mine, my_key
        clock.share()
        clock.stopped |= interrupted
        return _solution(problem, data, state, worker, key, begun, first, first_seconds, moves, clock)
    seed_kernel(seed)
    best = np.inf  # the first plan may break what no plan may, and cost little by that
    spent = 0.0
    try:
        for stage in _stages(n_visits):
            mine, my_key = worker.copy(), key.copy()
            construct(data, _order(data.visits["earliest"]), mine, my_key)
            cost = rebuild(data, state, mine, my_key, _order(my_key))
            cost, made = _anneal(data, state, mine, my_key, cost, total, clock, stage, spent)
            moves += made
            spent += stage.share
            if cost < best or (spent == stage.share and best == np.inf):
                best = cost
                worker[:], key[:] = mine, my_key
            if clock.over:
                break
    except KeyboardInterrupt:
        clock.stopped = True
        rebuild(data, state, mine, my_key, _order(my_key))
        if holds(data, state) and evaluate(data, state)[0] < best:
            worker[:], key[:] = mine, my_key
    return _solution(problem, data, state, worker, key, begun, first, first_seconds, moves, clock)


@dataclass(slots=True, kw_only=True)
class _Clock:
    """When to end, and how far we are."""

    begun: float = 0.0
    limit: float | None = None
    fill: bool = False
    stop: Callable[[], bool] = lambda: False
    report: Callable[[float], None] = lambda _: None
    over: bool = False
    stopped: bool = False
    hurried: bool = False

    def left(self) -> float:
        """Return the seconds left; inf without a limit."""
        return np.inf if self.limit is None else self.limit - (time.monotonic() - self.begun)

    def asked(self) -> bool:
        """Whether the user wants to end."""
        if self.stop():
            self.over = self.stopped = True
        return self.stopped

    def share(self) -> float:
        """Return how much of the time is spent; 0 without a limit. Notes whether to end."""
        self.asked()
        if self.limit is None:
            return 0.0
        share = (time.monotonic() - self.begun) / self.limit
        if share >= 1.0:
            self.over = True
        return min(share, 1.0)


@dataclass(frozen=True, slots=True)
class _Stage:
    """One anneal from the first plan, and its share of the work."""

    share: float


def _stages(visits: int) -> list[_Stage]:
    """Small days from several starts; large ones longer from one."""
    return [_Stage(0.25)] * 4 if visits <= 60 else [_Stage(1.0)]


def _anneal(
    data: Data,
    state: State,
    worker: Ints,
    key: Floats,
    cost: float,
    total: int,
    clock: _Clock,
    stage: _Stage,
    before: float,
) -> tuple[float, int]:
    """Anneal once, leave the best plan in worker and key; return its cost and the moves made.

    `total` moves are for all stages; those before this one had the share `before` of them.
    """
    hot = (_HOT_HARD if data.hard else _HOT_SOFT) * _leg_cost(data)
    cold = hot / _COLDER
    total = int(total * stage.share)
    hardens = data.hard or data.limits or data.loads
    later = [(share, _stiffer(data, price)) for share, price in _NEVER if hardens]
    best, share = cost if holds(data, state) else np.inf, 0.0
    done = 0
    least = max(256, total // 40 // 256 * 256)
    chunk = min(_CHUNK, least)
    while not clock.over:
        if later and share >= later[0][0]:
            data = later.pop(0)[1]
            cost = float(evaluate(data, state)[0])
        share = max(share, 0.0 if clock.fill else done / total)
        spent = min(max((clock.share() - before) / stage.share, 0.0), 1.0)
        if clock.fill or spent > share + _AHEAD:
            clock.hurried = True
        if clock.hurried:
            # Cool by the clock: cut short while it is hot, a plan would be worth little.
            share = max(share, spent)
        if share >= 1.0:
            break
        if clock.hurried:
            now = hot * (cold / hot) ** share
            cost, best = anneal(data, state, worker, key, cost, best, now, now, 0, chunk, chunk)
        else:
            chunk = min(chunk, total - done)
            cost, best = anneal(data, state, worker, key, cost, best, hot, cold, done, chunk, total)
        done += chunk
        clock.report(before + share * stage.share)
    if best == np.inf:  # no plan was met that holds: what can be kept of the last one
        worker[:], key[:] = state.tasks["worker"], state.visits["key"]
    return best, done


def _leg_cost(data: Data) -> float:
    """Mean cost of a leg between a visit and one worth having next to it."""
    places = data.tasks["place"][data.task[:, 0]]
    legs = data.arc[0][places[:, None], places[data.near]]
    legs = legs[(legs < FAR) & (legs > 0)]
    return max(float(legs.mean()), 1e-3) if len(legs) else 1e-3


def _stiffer(data: Data, price: float) -> Data:
    """Return the same problem, in which what no plan may do costs `price` minutes of travel."""
    dearer = price / _SELDOM
    return data._replace(
        late_weight=data.late_weight * (dearer if data.hard else 1.0),
        over_weight=data.over_weight * dearer,
        load_weight=data.load_weight * dearer,
    )


def _order(values: Any) -> Ints:
    return np.argsort(values, kind="stable").astype(np.int32)


def _data(problem: RoundsProblem) -> Data:
    """Turn a problem into what the compiled search works on."""
    w = problem.weights
    n_visits = len(problem.visit_ids)
    tasks = np.zeros(len(problem.task_visit), TASK)
    tasks["place"] = problem.place[problem.task_visit]
    tasks["visit"] = problem.task_visit
    tasks["duration"] = problem.task_minutes
    tasks["load"] = problem.load
    visits = np.zeros(n_visits, VISIT)
    for name in ("earliest", "latest", "gap_low", "gap_high"):
        visits[name] = getattr(problem, name)
    if w.unserved_minute is None:
        visits["drop_cost"] = _MUST
    else:
        care = np.bincount(problem.task_visit, problem.task_minutes, minlength=n_visits)
        visits["drop_cost"] = w.unserved_minute * np.maximum(care, 1.0)
    workers = np.zeros(len(problem.shift_ids), WORKER)
    for name in ("person", "mode", "start_place", "end_place", "shift_start", "shift_end", "capacity"):
        workers[name] = getattr(problem, name)
    workers["max_span"] = problem.max_minutes
    workers["break_after"] = problem.break_after
    workers["break_minutes"] = problem.break_minutes
    workers["fixed"] = w.shift
    # A pair with no way between has neither minutes nor km.
    way = np.isfinite(problem.minutes) & np.isfinite(problem.km)
    minutes, km = np.where(way, problem.minutes, FAR), np.where(way, problem.km, FAR)
    unit = max(w.travel_minute + w.km, 1e-3)
    return Data(
        arc=np.ascontiguousarray(w.travel_minute * minutes + w.km * km),
        minutes=np.ascontiguousarray(minutes),
        tasks=tasks,
        visits=visits,
        workers=workers,
        task=problem.tasks,
        allowed=np.ascontiguousarray(problem.allowed),
        affinity=np.ascontiguousarray(w.unfamiliar * problem.unfamiliar),
        near=_near(problem, minutes[0]),
        late_weight=_SELDOM * unit if problem.hard_windows else float(w.late_minute),
        worst_weight=0.0 if problem.hard_windows else float(w.worst_late),
        over_weight=_SELDOM * unit,
        load_weight=_SELDOM * unit,
        limits=bool(np.isfinite(problem.shift_end).any() or np.isfinite(problem.max_minutes).any()),
        breaks=bool((np.isfinite(problem.break_after) & (problem.break_minutes > 0)).any()),
        may_drop=w.unserved_minute is not None,
        hard=problem.hard_windows,
        loads=bool(np.isfinite(problem.capacity).any()),
        dissolve_share=_DISSOLVE if w.shift > 0 else 0.0,
    )


def _near(problem: RoundsProblem, minutes: Floats) -> Ints:
    """(V, K): for each visit the ones it goes well with, before or behind it.

    Way plus a fifth of the waiting plus the lateness, in the better order of the two.
    """
    n = len(problem.visit_ids)
    count = min(max(n - 1, 1), max(20, min(_CLOSE, n // 4)))
    if n < 2:
        return np.zeros((n, 1), np.int32)
    longest = np.zeros(n)
    np.maximum.at(longest, problem.task_visit, problem.task_minutes)
    way = minutes[np.ix_(problem.place, problem.place)]
    ready = (longest[:, None] + way).astype(float)
    wait = np.maximum(0.0, problem.earliest[None] - problem.latest[:, None] - ready)
    late = np.maximum(0.0, problem.earliest[:, None] + ready - problem.latest[None])
    cost = way + 0.2 * wait + late
    cost = np.minimum(cost, cost.T)
    np.fill_diagonal(cost, np.inf)
    return np.argsort(cost, axis=1, kind="stable")[:, :count].astype(np.int32)


def _solution(
    problem: RoundsProblem,
    data: Data,
    state: State,
    worker: Ints,
    key: Floats,
    begun: float,
    first: float,
    first_seconds: float,
    moves: int,
    clock: _Clock,
) -> Solution:
    clock.report(1.0)
    rebuild(data, state, worker, key, _order(key))
    if data.hard or data.limits or data.loads or data.minutes.max(initial=0.0) >= FAR:
        _take_out(problem, data, state, worker, key)
    served = state.tasks["worker"] != NONE
    start = np.where(served, state.tasks["start"], np.nan)
    routes = []
    for route in state.routes:
        tasks = []
        t = int(route["first"])
        while t != NONE:
            tasks.append(t)
            t = int(state.tasks[t]["after"])
        routes.append(tuple(tasks))
    return Solution(
        shift=state.tasks["worker"].copy(),
        start=start,
        routes=tuple(routes),
        cost=float(evaluate(data, state)[0]) if routes else float(data.visits["drop_cost"].sum()),
        first_cost=first,
        first_seconds=first_seconds,
        moves=moves,
        seconds=time.monotonic() - begun,
        repeatable=not (clock.over or clock.stopped or clock.hurried),
        stopped=clock.stopped,
    )


def _take_out(
    problem: RoundsProblem, data: Data, state: State, worker: Ints, key: Floats
) -> None:
    """Leave out, one by one, visits that break what no plan may break."""
    while True:
        wrong = _offender(problem, data, state)
        if wrong is None:
            return
        worker[data.task[wrong][data.task[wrong] != NONE]] = NONE
        rebuild(data, state, worker, key, _order(key))


def _offender(problem: RoundsProblem, data: Data, state: State) -> int | None:
    """Find a visit to leave out: late, beyond a shift, or at the end of a way that is none."""
    tasks = state.tasks
    on = tasks["worker"] != NONE
    if problem.hard_windows:
        late = np.where(on, tasks["late"], 0.0)
        if late.max(initial=0.0) > _LATE:
            return int(data.tasks["visit"][int(late.argmax())])
    for w, route in enumerate(state.routes):
        if route["size"] == 0:
            continue
        mode = data.workers[w]["mode"]
        at = int(data.workers[w]["start_place"])
        t = int(route["first"])
        while t != NONE:
            here = int(data.tasks[t]["place"])
            if at != NONE and data.minutes[mode, at, here] >= FAR:
                return int(data.tasks[t]["visit"])
            at, t = here, int(tasks[t]["after"])
        last = int(data.tasks[int(route["last"])]["visit"])
        end = int(data.workers[w]["end_place"])
        if end != NONE and data.minutes[mode, at, end] >= FAR:
            return last
        if route["over"] > _LATE or route["loaded"] > data.workers[w]["capacity"] + _LATE:
            return last
    return None

