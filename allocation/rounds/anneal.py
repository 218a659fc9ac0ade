"""The search for rounds: a first plan, and simulated annealing from there; compiled.

Most moves are turned down on their travel alone: whatever they do to lateness and overruns, these
cannot fall below nothing. Only for the rest are times computed.
"""

from __future__ import annotations

import math

import numpy as np

from .moves import (
    anywhere,
    beside,
    dissolve,
    exchange_places,
    exchange_tails,
    exchange_workers,
    leave_out,
    move_run,
    replace,
    undo,
)
from .records import (
    BEHIND,
    DROPPED,
    KEYS,
    NONE,
    OPS,
    REKEY,
    SINCE_REKEY,
    Bools,
    Data,
    Floats,
    Ints,
    State,
    compiled,
    compiled_with_arrays,
    inner,
)
from .routes import evaluate, leg, overrun, propagate, push, rekey, touch

__all__ = ["anneal", "construct", "holds", "seed"]

_LOOK = 256  # moves between two looks at the temperature
_ROUNDING = 1e-6  # minutes, no lateness nor overrun
_REKEY_EVERY = 50  # moves a visit


@compiled
def seed(number: int) -> None:
    """Seed the random numbers of the compiled code (they are not numpy's)."""
    np.random.seed(number)


@inner
def _price(d: Data, t: int, w: int, at: int, ready: float, used: bool) -> float:  # noqa: FBT001
    """Cost of giving task t to w, who is free at place `at` from `ready` on."""
    v = d.tasks[t].visit
    m = d.workers[w].mode
    here = d.tasks[t].place
    arrive = ready if at == NONE else ready + d.minutes[m, at, here]
    begin = max(arrive, d.visits[v].earliest)
    cost = leg(d, m, at, here) + d.affinity[t, w] + 0.05 * (begin - arrive)
    cost += (d.late_weight + d.worst_weight) * max(0.0, begin - d.visits[v].latest)
    if not used:
        cost += d.workers[w].fixed
    if d.limits:
        end = begin + d.tasks[t].duration
        if d.workers[w].end_place != NONE:
            end += d.minutes[m, here, d.workers[w].end_place]
        cost += d.over_weight * max(0.0, end - d.workers[w].shift_end)
    return cost


@inner
def _two_best(d: Data, t: int, at: Ints, ready: Floats, used: Bools, best: Ints, price: Floats) -> None:
    """Find the cheapest shift for a task, and the cheapest of another person."""
    best[0] = best[1] = NONE
    price[0] = price[1] = np.inf
    for w in range(len(d.workers)):
        if not d.allowed[t, w]:
            continue
        cost = _price(d, t, w, at[w], ready[w], used[w])
        other = best[0] == NONE or d.workers[best[0]].person != d.workers[w].person
        if cost < price[0]:
            if other:
                best[1] = best[0]
                price[1] = price[0]
            best[0] = w
            price[0] = cost
        elif other and cost < price[1]:
            best[1] = w
            price[1] = cost


@compiled_with_arrays
def construct(d: Data, order: Ints, worker: Ints, key: Floats) -> None:
    """Give the visits out in `order`, each to the workers who get there at least cost.

    Writes `worker` and `key`; a visit that nobody may do stays out (NONE).
    """
    n_workers = len(d.workers)
    at = np.empty(n_workers, np.int32)
    ready = np.empty(n_workers)
    used = np.zeros(n_workers, np.bool_)
    for w in range(n_workers):
        at[w] = d.workers[w].start_place
        ready[w] = d.workers[w].shift_start
    best = np.full((2, 2), NONE, np.int32)
    price = np.zeros((2, 2))
    begin = np.zeros(2)
    worker[:] = NONE
    for rank in range(len(order)):
        v = order[rank]
        key[v] = rank
        sides = 1 if d.task[v, 1] == NONE else 2
        for side in range(sides):
            _two_best(d, d.task[v, side], at, ready, used, best[side], price[side])
        both = sides == 2 and best[0, 0] != NONE and best[1, 0] != NONE
        if both and d.workers[best[0, 0]].person == d.workers[best[1, 0]].person:
            side = 0 if price[0, 1] - price[0, 0] < price[1, 1] - price[1, 0] else 1
            best[side, 0] = best[side, 1]
        if best[0, 0] == NONE or (sides == 2 and best[1, 0] == NONE):
            continue
        for side in range(sides):
            t = d.task[v, side]
            w = best[side, 0]
            way = 0.0 if at[w] == NONE else d.minutes[d.workers[w].mode, at[w], d.tasks[t].place]
            begin[side] = max(ready[w] + way, d.visits[v].earliest)
        if sides == 2:
            begin[1] = max(begin[1], begin[0] + d.visits[v].gap_low)
            begin[0] = max(begin[0], begin[1] - d.visits[v].gap_high)
        for side in range(sides):
            t = d.task[v, side]
            w = best[side, 0]
            ready[w] = begin[side] + d.tasks[t].duration
            at[w] = d.tasks[t].place
            used[w] = True
            worker[t] = w


@inner
def _move(d: Data, s: State, i: int) -> float:
    """Try one move of visit i; return what it adds to the cost of travel, inf if it cannot be."""
    pick = np.random.random()
    if d.may_drop and s.tasks[d.task[i, 0]].worker == NONE and np.random.random() < 0.5:
        return replace(d, s, i)
    if pick < d.dissolve_share:
        return dissolve(d, s, i)
    pick = (pick - d.dissolve_share) / (1.0 - d.dissolve_share)
    if pick < 0.55:
        return beside(d, s, i)
    if pick < 0.65:
        return anywhere(d, s, i)
    if pick < 0.76:
        return exchange_places(d, s, i)
    if pick < 0.90:
        return exchange_tails(d, s, i)
    if pick < 0.96:
        return exchange_workers(d, s, i)
    if pick < 0.99 or not d.may_drop:
        return move_run(d, s, i)
    return leave_out(d, s, i)


@inner
def _disturbed(d: Data, s: State) -> tuple[int, int]:
    """Put on the heap what may have new times after a move; return its size, routes touched."""
    size = 0
    touched = 0
    for n in range(s.counts[OPS]):
        t = s.ops[n, 1]
        if s.ops[n, 0] == 2:
            touched = touch(s, touched, t)
            touched = touch(s, touched, s.ops[n, 3])
            continue
        if s.ops[n, 0] == 1:
            touched = touch(s, touched, s.ops[n, 2])
        w = s.tasks[t].worker
        if w != NONE:
            touched = touch(s, touched, w)
            size = push(s, size, d.tasks[t].visit)
            behind = s.tasks[t].after
            if behind != NONE:
                size = push(s, size, d.tasks[behind].visit)
    for n in range(BEHIND, BEHIND + 2):
        t = s.counts[n]
        if t != NONE and s.tasks[t].worker != NONE:
            size = push(s, size, d.tasks[t].visit)
    return size, touched


@inner
def _forget_times(d: Data, s: State, logged: int) -> tuple[float, int]:
    """Set the lateness of the visit that is left out to nothing; return the change, log size."""
    change = 0.0
    for side in range(2):
        t = d.task[s.counts[DROPPED], side]
        if t != NONE:
            s.log[logged].task = t
            s.log[logged].start = s.tasks[t].start
            s.log[logged].since = s.tasks[t].since
            s.log[logged].late = s.tasks[t].late
            logged += 1
            change -= s.tasks[t].late
            s.tasks[t].late = 0.0
    return change, logged


@inner
def _worst(d: Data, s: State, worst: float, logged: int) -> float:
    """Return the largest lateness, knowing what it was and which tasks have changed."""
    fresh = 0.0
    lost = False
    for n in range(logged):
        fresh = max(fresh, s.tasks[s.log[n].task].late)
        if s.log[n].late >= worst:
            lost = True
    if fresh >= worst or not lost:
        return max(fresh, worst)
    for t in range(len(d.tasks)):
        fresh = max(fresh, s.tasks[t].late)
    return fresh


@inner
def _overruns(d: Data, s: State, touched: int) -> float:
    """Compute the overruns of the routes touched again; return the change."""
    change = 0.0
    for n in range(touched):
        w = s.log[n].route
        s.log[n].over = s.routes[w].over
        s.routes[w].over = overrun(d, s, w)
        change += s.routes[w].over - s.log[n].over
    return change


@inner
def _restore_times(d: Data, s: State, logged: int, touched: int) -> None:
    for n in range(logged - 1, -1, -1):
        t = s.log[n].task
        s.tasks[t].start = s.log[n].start
        s.tasks[t].since = s.log[n].since
        s.tasks[t].late = s.log[n].late
    if d.limits:
        for n in range(touched):
            s.routes[s.log[n].route].over = s.log[n].over


@inner
def _holds(d: Data, s: State, late: float, over: float) -> bool:
    if over > _ROUNDING or (d.hard and late > _ROUNDING):
        return False
    if d.loads:
        for w in range(len(d.workers)):
            if s.routes[w].loaded > d.workers[w].capacity + _ROUNDING:
                return False
    return True


@compiled
def holds(d: Data, s: State) -> bool:
    """Whether the plan breaks nothing that no plan may break."""
    _, _, late, _, over = evaluate(d, s)
    return _holds(d, s, late, over)


@compiled
def anneal(
    d: Data,
    s: State,
    best_worker: Ints,
    best_key: Floats,
    cost: float,
    best: float,
    hot: float,
    cold: float,
    done: int,
    steps: int,
    total: int,
) -> tuple[float, float]:
    """Make `steps` moves from `s`, of `total` in all; return the cost and the least cost met.

    The temperature falls geometrically from `hot` (at move 0) to `cold` (at `total`); `done` moves
    have been made before. The best plan met that breaks no rule is left in `best_worker` and
    `best_key`.
    """
    _, _, late, worst, over = evaluate(d, s)
    waiting = d.late_weight * late + d.worst_weight * worst + d.over_weight * over
    temperature = hot
    for step in range(steps):
        if step % _LOOK == 0:
            temperature = hot * math.exp(math.log(cold / hot) * (done + step) / total)
        s.counts[SINCE_REKEY] += 1
        if s.counts[SINCE_REKEY] > _REKEY_EVERY * len(d.visits) or s.counts[REKEY] == 1:
            rekey(d, s)
            s.counts[REKEY] = 0
            s.counts[SINCE_REKEY] = 0
        allowance = -temperature * math.log(np.random.random() + 1e-300)
        s.counts[OPS] = 0
        s.counts[KEYS] = 0
        s.counts[BEHIND] = NONE
        s.counts[BEHIND + 1] = NONE
        s.counts[DROPPED] = NONE
        added = _move(d, s, np.random.randint(len(d.visits)))
        if not added - waiting <= allowance:
            if s.counts[OPS] > 0:
                undo(d, s)
            continue
        size, touched = _disturbed(d, s)
        more_late, logged, touched = propagate(d, s, size, touched)
        if s.counts[DROPPED] != NONE:
            less, logged = _forget_times(d, s, logged)
            more_late += less
        new_worst = worst
        if d.worst_weight > 0.0:
            new_worst = _worst(d, s, worst, logged)
        more_over = 0.0
        for n in range(touched):
            s.routes[s.log[n].route].touched = False
        if d.limits:
            more_over = _overruns(d, s, touched)
        change = (
            added
            + d.late_weight * more_late
            + d.worst_weight * (new_worst - worst)
            + d.over_weight * more_over
        )
        if change > allowance:
            _restore_times(d, s, logged, touched)
            undo(d, s)
            continue
        cost += change
        late += more_late
        worst = new_worst
        over += more_over
        waiting = d.late_weight * late + d.worst_weight * worst + d.over_weight * over
        if cost < best - 1e-7 and _holds(d, s, late, over):
            best = cost
            for t in range(len(d.tasks)):
                best_worker[t] = s.tasks[t].worker
            for v in range(len(d.visits)):
                best_key[v] = s.visits[v].key
    return cost, best
