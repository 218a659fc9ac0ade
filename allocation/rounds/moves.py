"""Moves of the search: what they take out and put in, and what that costs in travel; compiled.

Each returns the cost it has added, before lateness and overruns, or ``inf`` when it cannot be
made. What has been done by then is on record in the state, so that :func:`undo` can take it back.
"""

from __future__ import annotations

import numpy as np

from .records import BEHIND, DROPPED, KEYS, NONE, OPS, REKEY, TINY, Data, State, inner
from .routes import insert, leg, remove, swap_tails

__all__ = [
    "anywhere", "beside", "dissolve", "exchange_places", "exchange_tails", "exchange_workers", "leave_out",
    "move_run", "replace", "undo",
]  # fmt: skip

PUT, TOOK, TAILS = 0, 1, 2
_MOST_DISSOLVED = 12  # tasks of a shift that is given up


@inner
def _between(lo: float, hi: float) -> float:
    return lo + (hi - lo) * (0.05 + 0.9 * np.random.random())


@inner
def _low(d: Data, s: State, p: int, n: int) -> float:
    """Key above which a visit between neighbours p and n must be."""
    if p != NONE:
        return s.visits[d.tasks[p].visit].key
    low = -1.0
    if n != NONE:
        low = min(low, s.visits[d.tasks[n].visit].key - 1.0)
    return low


@inner
def _high(d: Data, s: State, p: int, n: int) -> float:
    """Key below which a visit between neighbours p and n must be."""
    if n != NONE:
        return s.visits[d.tasks[n].visit].key
    high = float(len(d.visits))
    if p != NONE:
        high = max(high, s.visits[d.tasks[p].visit].key + 1.0)
    return high


@inner
def _room(d: Data, s: State, w: int, p: int) -> tuple[float, float]:
    """Keys between which a visit behind task p (NONE: first) of w's route must be."""
    n = s.routes[w].first if p == NONE else s.tasks[p].after
    return _low(d, s, p, n), _high(d, s, p, n)


@inner
def _take(d: Data, s: State, t: int) -> float:
    n = s.counts[OPS]
    s.ops[n, 0] = TOOK
    s.ops[n, 1] = t
    s.ops[n, 2] = s.tasks[t].worker
    s.ops[n, 3] = s.tasks[t].before
    s.counts[OPS] = n + 1
    return remove(d, s, t)


@inner
def _put(d: Data, s: State, t: int, w: int, p: int) -> float:
    n = s.counts[OPS]
    s.ops[n, 0] = PUT
    s.ops[n, 1] = t
    s.counts[OPS] = n + 1
    return insert(d, s, t, w, p)


@inner
def _set_key(s: State, v: int, key: float) -> None:
    n = s.counts[KEYS]
    s.log[n].visit = v
    s.log[n].key = s.visits[v].key
    s.counts[KEYS] = n + 1
    s.visits[v].key = key


@inner
def undo(d: Data, s: State) -> None:
    """Take the present move back: routes and keys; times are not its business."""
    for n in range(s.counts[OPS] - 1, -1, -1):
        kind = s.ops[n, 0]
        t = s.ops[n, 1]
        if kind == PUT:
            remove(d, s, t)
        elif kind == TOOK:
            insert(d, s, t, s.ops[n, 2], s.ops[n, 3])
        else:
            swap_tails(d, s, t, s.ops[n, 2], s.ops[n, 3], s.ops[n, 4])
    for n in range(s.counts[KEYS] - 1, -1, -1):
        s.visits[s.log[n].visit].key = s.log[n].key


@inner
def _a_task(d: Data, v: int) -> int:
    """Pick one of a visit's tasks."""
    if d.task[v, 1] != NONE and np.random.random() < 0.5:
        return d.task[v, 1]
    return d.task[v, 0]


@inner
def _other(d: Data, t: int) -> int:
    """Return the other task of a double-handed visit."""
    v = d.tasks[t].visit
    return d.task[v, 0] if d.task[v, 1] == t else d.task[v, 1]


@inner
def _a_task_for(d: Data, v: int, w: int) -> int:
    """Pick one of a visit's tasks that w may do; NONE where there is none."""
    t = _a_task(d, v)
    if not d.allowed[t, w]:
        t = _other(d, t)
        if t != NONE and not d.allowed[t, w]:
            t = NONE
    return t


@inner
def _neighbour(d: Data, v: int) -> int:
    """Pick a task of a visit worth having next to v."""
    return _a_task(d, d.near[v, np.random.randint(d.near.shape[1])])


@inner
def _same_person(d: Data, w: int, x: int) -> bool:
    return d.workers[w].person == d.workers[x].person


@inner
def _partner_is(d: Data, s: State, t: int, w: int) -> bool:
    """Whether the other task of t's visit is with the person who works w."""
    o = _other(d, t)
    if o == NONE or o == t:
        return False
    y = s.tasks[o].worker
    return y != NONE and _same_person(d, y, w)


@inner
def _by_key(d: Data, s: State, x: int, key: float) -> int:
    """Return the last task of x's route before `key`; NONE when all come later."""
    p = NONE
    q = s.routes[x].first
    while q != NONE and s.visits[d.tasks[q].visit].key < key:
        p = q
        q = s.tasks[q].after
    return p


@inner
def _by_keys(d: Data, s: State, x: int, lo: float, hi: float) -> int:
    """Pick a task of x's route to insert behind, at random where keys lo to hi allow."""
    p = NONE
    q = s.routes[x].first
    while q != NONE and s.visits[d.tasks[q].visit].key <= lo:
        p = q
        q = s.tasks[q].after
    found = p
    count = 1
    while q != NONE and s.visits[d.tasks[q].visit].key < hi:
        count += 1
        if np.random.random() * count < 1.0:
            found = q
        q = s.tasks[q].after
    return found


@inner
def _price_behind(d: Data, s: State, t: int, w: int, p: int) -> float:
    """Cost of inserting t behind task p (NONE: first) in w's route, by travel and rough lateness."""
    m = d.workers[w].mode
    here = d.tasks[t].place
    v = d.tasks[t].visit
    q = s.routes[w].first if p == NONE else s.tasks[p].after
    at = d.workers[w].start_place if p == NONE else d.tasks[p].place
    ready = d.workers[w].shift_start if p == NONE else s.tasks[p].start + d.tasks[p].duration
    to = d.workers[w].end_place if q == NONE else d.tasks[q].place
    cost = leg(d, m, at, here) + leg(d, m, here, to) - leg(d, m, at, to)
    reach = ready if at == NONE else ready + d.minutes[m, at, here]
    begin = max(reach, d.visits[v].earliest)
    cost += d.late_weight * max(0.0, begin - d.visits[v].latest)
    there = begin + d.tasks[t].duration
    if to != NONE:
        there += d.minutes[m, here, to]
    if q != NONE:
        u = d.tasks[q].visit
        cost += d.late_weight * max(0.0, there - max(s.tasks[q].start, d.visits[u].latest))
    elif d.limits:
        cost += d.over_weight * max(0.0, there - d.workers[w].shift_end)
    return cost


@inner
def _cheapest(d: Data, s: State, t: int, w: int) -> tuple[int, float]:
    """Pick the task of w's route to insert t behind at least cost, with some noise; and that cost."""
    best = np.inf
    found = NONE
    p = NONE
    q = s.routes[w].first
    while True:
        cost = _price_behind(d, s, t, w, p)
        cost += 0.3 * abs(cost) * np.random.random()
        if cost < best:
            best = cost
            found = p
        if q == NONE:
            return found, best
        p = q
        q = s.tasks[q].after


@inner
def _second_worker(d: Data, s: State, o: int, w: int) -> int:
    """Pick a worker other than w's person for task o: one near by, or any; NONE if none is met."""
    v = d.tasks[o].visit
    for attempt in range(8):
        y = np.random.randint(len(d.workers))
        if attempt < 4:
            y = s.tasks[_neighbour(d, v)].worker
        if y != NONE and d.allowed[o, y] and not _same_person(d, y, w):
            return y
    return NONE


@inner
def _relocate(d: Data, s: State, t: int, w: int, p: int) -> float:
    """Move t's visit: t behind task p in w's route, its other task to where the keys allow."""
    i = d.tasks[t].visit
    o = _other(d, t) if d.task[i, 1] != NONE else NONE
    cost = 0.0
    x = NONE
    if s.tasks[t].worker != NONE:
        if p != NONE and (p == t or p == o):
            p = s.tasks[p].before
        s.counts[BEHIND] = s.tasks[t].after
        cost += _take(d, s, t)
        if o != NONE:
            x = s.tasks[o].worker
            s.counts[BEHIND + 1] = s.tasks[o].after
            cost += _take(d, s, o)
    else:
        cost -= d.visits[i].drop_cost
    lo, hi = _room(d, s, w, p)
    if o != NONE:
        keep = x != NONE and not _same_person(d, x, w) and d.allowed[o, x]
        if not keep or np.random.random() < 0.4:
            x = _second_worker(d, s, o, w)
            if x == NONE:
                return np.inf
        q = _by_keys(d, s, x, lo, hi)
        low, high = _room(d, s, x, q)
        lo = max(lo, low)
        hi = min(hi, high)
        cost += _put(d, s, o, x, q)
    if hi - lo < TINY:
        s.counts[REKEY] = 1
        return np.inf
    _set_key(s, i, _between(lo, hi))
    return cost + _put(d, s, t, w, p)


@inner
def beside(d: Data, s: State, i: int) -> float:
    """Move visit i next to a visit near it."""
    near = _neighbour(d, i)
    w = s.tasks[near].worker
    if w == NONE:
        return np.inf
    t = _a_task_for(d, i, w)
    if t == NONE:
        return np.inf
    return _relocate(d, s, t, w, near if np.random.random() < 0.5 else s.tasks[near].before)


@inner
def anywhere(d: Data, s: State, i: int) -> float:
    """Move visit i to any worker, where it costs least."""
    w = np.random.randint(len(d.workers))
    t = _a_task(d, i)
    if not d.allowed[t, w]:
        return np.inf
    p, _ = _cheapest(d, s, t, w)
    return _relocate(d, s, t, w, p)


@inner
def exchange_places(d: Data, s: State, i: int) -> float:
    """Let two single-handed visits near each other change places."""
    a = d.task[i, 0]
    b = _neighbour(d, i)
    j = d.tasks[b].visit
    if i == j or d.task[i, 1] != NONE or d.task[j, 1] != NONE:
        return np.inf
    w = s.tasks[a].worker
    x = s.tasks[b].worker
    if w == NONE or x == NONE or not d.allowed[a, x] or not d.allowed[b, w]:
        return np.inf
    p = s.tasks[a].before
    q = s.tasks[b].before
    if p == b or q == a:
        return np.inf
    key_a = s.visits[i].key
    key_b = s.visits[j].key
    s.counts[BEHIND] = s.tasks[a].after
    s.counts[BEHIND + 1] = s.tasks[b].after
    cost = _take(d, s, a)
    cost += _take(d, s, b)
    _set_key(s, i, key_b)
    _set_key(s, j, key_a)
    cost += _put(d, s, a, x, q)
    return cost + _put(d, s, b, w, p)


@inner
def exchange_workers(d: Data, s: State, i: int) -> float:
    """Let two tasks change workers and keep their keys; also the two of one visit."""
    a = _a_task(d, i)
    b = _other(d, a)
    if b == NONE or b == a or np.random.random() < 0.7:
        b = _neighbour(d, i)
    j = d.tasks[b].visit
    w = s.tasks[a].worker
    x = s.tasks[b].worker
    if w == NONE or x == NONE or w == x or not d.allowed[a, x] or not d.allowed[b, w]:
        return np.inf
    if i != j and (_partner_is(d, s, a, x) or _partner_is(d, s, b, w)):
        return np.inf
    s.counts[BEHIND] = s.tasks[a].after
    s.counts[BEHIND + 1] = s.tasks[b].after
    cost = _take(d, s, a)
    cost += _take(d, s, b)
    cost += _put(d, s, a, x, _by_key(d, s, x, s.visits[i].key))
    return cost + _put(d, s, b, w, _by_key(d, s, w, s.visits[j].key))


@inner
def _tail_fits(d: Data, s: State, t: int, x: int, key: float) -> bool:
    """Whether t and all behind it can go to x, when x gives away what is from `key` on."""
    while t != NONE:
        if not d.allowed[t, x]:
            return False
        v = d.tasks[t].visit
        if d.task[v, 1] != NONE:
            y = s.tasks[_other(d, t)].worker
            if _same_person(d, y, x) and (y != x or s.visits[v].key < key):
                return False
        t = s.tasks[t].after
    return True


@inner
def exchange_tails(d: Data, s: State, i: int) -> float:
    """Let a task of i be followed by one near it, and all that comes behind the two change over."""
    a = _a_task(d, i)
    b = _neighbour(d, i)
    j = d.tasks[b].visit
    w = s.tasks[a].worker
    x = s.tasks[b].worker
    if w == NONE or x == NONE or w == x or d.workers[w].mode != d.workers[x].mode:
        return np.inf
    q = s.tasks[b].before
    behind = s.tasks[a].after
    if s.visits[i].key >= s.visits[j].key:
        return np.inf
    crossed = q != NONE and behind != NONE
    if crossed and s.visits[d.tasks[q].visit].key >= s.visits[d.tasks[behind].visit].key:
        return np.inf
    if not _tail_fits(d, s, behind, x, s.visits[j].key):
        return np.inf
    # Of w's own tasks, all up to and with a stay.
    key = np.inf if behind == NONE else s.visits[d.tasks[behind].visit].key
    if not _tail_fits(d, s, b, w, key):
        return np.inf
    s.counts[OPS] = 1
    s.ops[0, 0] = TAILS
    s.ops[0, 1] = w
    s.ops[0, 2] = a
    s.ops[0, 3] = x
    s.ops[0, 4] = q
    s.counts[BEHIND] = behind
    s.counts[BEHIND + 1] = b
    return swap_tails(d, s, w, a, x, q)


@inner
def move_run(d: Data, s: State, i: int) -> float:
    """Move two or three single-handed visits that follow each other, beside one near the first."""
    a = d.task[i, 0]
    near = _neighbour(d, i)
    w = s.tasks[a].worker
    x = s.tasks[near].worker
    if w == NONE or x == NONE or d.task[i, 1] != NONE:
        return np.inf
    p = near if np.random.random() < 0.5 else s.tasks[near].before
    want = 2 + np.random.randint(2)
    length = 0
    t = a
    while t != NONE and length < want and d.task[d.tasks[t].visit, 1] == NONE:
        if not d.allowed[t, x] or t == near or t == p:
            return np.inf
        length += 1
        t = s.tasks[t].after
    if length < 2:
        return np.inf
    cost = 0.0
    t = a
    for _ in range(length):
        behind = s.tasks[t].after
        cost += _take(d, s, t)
        t = behind
    s.counts[BEHIND] = t
    lo, hi = _room(d, s, x, p)
    if hi - lo < 100 * TINY:
        s.counts[REKEY] = 1
        return np.inf
    for k in range(length):
        t = s.ops[k, 1]
        share = (k + 0.1 + 0.8 * np.random.random()) / length
        _set_key(s, d.tasks[t].visit, lo + (hi - lo) * (0.02 + 0.96 * share))
        cost += _put(d, s, t, x, p)
        p = t
    return cost


@inner
def dissolve(d: Data, s: State, i: int) -> float:
    """Give all visits of the shift that makes visit i to other shifts, each where it costs least."""
    w = s.tasks[_a_task(d, i)].worker
    if w == NONE or s.routes[w].size > _MOST_DISSOLVED:
        return np.inf
    cost = 0.0
    taken = 0
    while s.routes[w].first != NONE:
        cost += _take(d, s, s.routes[w].first)
        taken += 1
    for n in range(taken):
        t = s.ops[n, 1]
        v = d.tasks[t].visit
        double = d.task[v, 1] != NONE
        best = np.inf
        to = NONE
        behind = NONE
        for x in range(len(d.workers)):
            if x == w or s.routes[x].size == 0 or not d.allowed[t, x]:
                continue
            if double:
                if _partner_is(d, s, t, x):
                    continue
                p = _by_key(d, s, x, s.visits[v].key)
                price = _price_behind(d, s, t, x, p)
            else:
                p, price = _cheapest(d, s, t, x)
            if price < best:
                best = price
                to = x
                behind = p
        if to == NONE:
            return np.inf
        if not double:
            lo, hi = _room(d, s, to, behind)
            if hi - lo < 100 * TINY:
                s.counts[REKEY] = 1
                return np.inf
            _set_key(s, v, _between(lo, hi))
        cost += _put(d, s, t, to, behind)
    return cost


@inner
def leave_out(d: Data, s: State, i: int) -> float:
    """Serve visit i no longer."""
    if s.tasks[d.task[i, 0]].worker == NONE:
        return np.inf
    cost = d.visits[i].drop_cost
    s.counts[DROPPED] = i
    for side in range(2):
        t = d.task[i, side]
        if t != NONE:
            s.counts[BEHIND + side] = s.tasks[t].after
            cost += _take(d, s, t)
    return cost


@inner
def replace(d: Data, s: State, i: int) -> float:
    """Serve visit i, which is not served, where a visit near it is; that one is left out."""
    b = _neighbour(d, i)
    w = s.tasks[b].worker
    if w == NONE:
        return np.inf
    t = _a_task_for(d, i, w)
    if t == NONE:
        return np.inf
    p = s.tasks[b].before
    return leave_out(d, s, d.tasks[b].visit) + _relocate(d, s, t, w, p)
