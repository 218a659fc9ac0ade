"""Routes of care workers, their times and their cost; compiled.

A plan is, for every task, its worker, and, for every visit, a *key*. Each worker does their tasks
in the order of the keys. Both tasks of a double-handed visit share one key, so no cycle can
arise between routes whose times depend on each other, and the earliest start of every task
follows by one sweep in the order of the keys. When a move changes a few routes, only the tasks
whose start really changes are computed again.
"""

from __future__ import annotations

from .records import NONE, TINY, Data, Floats, Ints, State, compiled, inner

__all__ = [
    "evaluate", "insert", "leg", "overrun", "pop", "propagate", "push", "rebuild", "rekey", "remove",
    "swap_tails", "times", "touch",
]  # fmt: skip


@inner
def push(s: State, size: int, v: int) -> int:
    """Put a visit on the heap, least key on top; return the new size."""
    if s.visits[v].queued:
        return size
    s.visits[v].queued = True
    heap = s.heap
    at = size
    k = s.visits[v].key
    while at > 0:
        up = (at - 1) >> 1
        if s.visits[heap[up]].key <= k:
            break
        heap[at] = heap[up]
        at = up
    heap[at] = v
    return size + 1


@inner
def pop(s: State, size: int) -> int:
    """Take the top off the heap; it is left at ``heap[new size]``."""
    heap = s.heap
    top = heap[0]
    size -= 1
    moved = heap[size]
    at = 0
    k = s.visits[moved].key
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and s.visits[heap[down + 1]].key < s.visits[heap[down]].key:
            down += 1
        if s.visits[heap[down]].key >= k:
            break
        heap[at] = heap[down]
        at = down
    heap[at] = moved
    heap[size] = top
    s.visits[top].queued = False
    return size


@inner
def leg(d: Data, m: int, a: int, b: int) -> float:
    """Cost of going from place a to place b; an open end costs nothing."""
    if a == NONE or b == NONE:
        return 0.0
    return d.arc[m, a, b]


@inner
def insert(d: Data, s: State, t: int, w: int, p: int) -> float:
    """Put task t into w's route behind task p (NONE: first); return the cost added."""
    n = s.routes[w].first if p == NONE else s.tasks[p].after
    m = d.workers[w].mode
    here = d.tasks[t].place
    a = d.workers[w].start_place if p == NONE else d.tasks[p].place
    b = d.workers[w].end_place if n == NONE else d.tasks[n].place
    cost = leg(d, m, a, here) + leg(d, m, here, b) + d.affinity[t, w]
    if s.routes[w].size == 0:
        cost += d.workers[w].fixed
    else:
        cost -= leg(d, m, a, b)
    s.tasks[t].before = p
    s.tasks[t].after = n
    if p == NONE:
        s.routes[w].first = t
    else:
        s.tasks[p].after = t
    if n == NONE:
        s.routes[w].last = t
    else:
        s.tasks[n].before = t
    s.tasks[t].worker = w
    s.routes[w].size += 1
    s.routes[w].loaded += d.tasks[t].load
    excess = s.routes[w].loaded - d.workers[w].capacity
    if excess > 0.0:
        cost += d.load_weight * min(excess, d.tasks[t].load)
    return cost


@inner
def remove(d: Data, s: State, t: int) -> float:
    """Take task t out of its route; return the cost added (less than 0 as a rule)."""
    w = s.tasks[t].worker
    p = s.tasks[t].before
    n = s.tasks[t].after
    m = d.workers[w].mode
    here = d.tasks[t].place
    a = d.workers[w].start_place if p == NONE else d.tasks[p].place
    b = d.workers[w].end_place if n == NONE else d.tasks[n].place
    cost = -leg(d, m, a, here) - leg(d, m, here, b) - d.affinity[t, w]
    if p == NONE:
        s.routes[w].first = n
    else:
        s.tasks[p].after = n
    if n == NONE:
        s.routes[w].last = p
    else:
        s.tasks[n].before = p
    s.tasks[t].worker = NONE
    s.routes[w].size -= 1
    if s.routes[w].size == 0:
        cost -= d.workers[w].fixed
    else:
        cost += leg(d, m, a, b)
    excess = s.routes[w].loaded - d.workers[w].capacity
    if excess > 0.0:
        cost -= d.load_weight * min(excess, d.tasks[t].load)
    s.routes[w].loaded -= d.tasks[t].load
    return cost


@inner
def _overload(d: Data, s: State, w: int) -> float:
    return max(0.0, s.routes[w].loaded - d.workers[w].capacity)


@inner
def _hand_over(d: Data, s: State, t: int, w: int, x: int) -> tuple[int, float]:
    """Give task t of w and all behind it to x; return the last of them, and the cost added."""
    m = d.workers[w].mode
    cost = 0.0
    end = NONE
    while t != NONE:
        cost += d.affinity[t, x] - d.affinity[t, w]
        s.tasks[t].worker = x
        s.routes[w].loaded -= d.tasks[t].load
        s.routes[x].loaded += d.tasks[t].load
        s.routes[w].size -= 1
        s.routes[x].size += 1
        end = t
        t = s.tasks[t].after
    if end != NONE:  # the two shifts may end at different places
        last = d.tasks[end].place
        cost += leg(d, m, last, d.workers[x].end_place) - leg(d, m, last, d.workers[w].end_place)
    return end, cost


@inner
def _link(s: State, w: int, p: int, t: int, end: int) -> None:
    """Let task t (NONE: nothing), whose tail ends with `end`, follow p (NONE: first) in w's route."""
    if p == NONE:
        s.routes[w].first = t
    else:
        s.tasks[p].after = t
    if t != NONE:
        s.tasks[t].before = p
    s.routes[w].last = p if t == NONE else end


@inner
def swap_tails(d: Data, s: State, w: int, p: int, x: int, q: int) -> float:
    """Exchange what follows p in w's route and q in x's (NONE: the whole route); cost added."""
    m = d.workers[w].mode
    a = s.routes[w].first if p == NONE else s.tasks[p].after
    b = s.routes[x].first if q == NONE else s.tasks[q].after
    at = d.workers[w].start_place if p == NONE else d.tasks[p].place
    bt = d.workers[x].start_place if q == NONE else d.tasks[q].place
    cost = 0.0
    if s.routes[w].size > 0:
        cost -= leg(d, m, at, d.workers[w].end_place if a == NONE else d.tasks[a].place) + d.workers[w].fixed
    if s.routes[x].size > 0:
        cost -= leg(d, m, bt, d.workers[x].end_place if b == NONE else d.tasks[b].place) + d.workers[x].fixed
    cost -= d.load_weight * (_overload(d, s, w) + _overload(d, s, x))
    end_a, more = _hand_over(d, s, a, w, x)
    cost += more
    end_b, more = _hand_over(d, s, b, x, w)
    cost += more
    _link(s, w, p, b, end_b)
    _link(s, x, q, a, end_a)
    if s.routes[w].size > 0:
        cost += leg(d, m, at, d.workers[w].end_place if b == NONE else d.tasks[b].place) + d.workers[w].fixed
    if s.routes[x].size > 0:
        cost += leg(d, m, bt, d.workers[x].end_place if a == NONE else d.tasks[a].place) + d.workers[x].fixed
    cost += d.load_weight * (_overload(d, s, w) + _overload(d, s, x))
    return cost


@inner
def _arrive(d: Data, s: State, t: int) -> float:
    """Return the earliest minute the worker of task t can be there."""
    w = s.tasks[t].worker
    m = d.workers[w].mode
    p = s.tasks[t].before
    if p == NONE:
        a = d.workers[w].start_place
        if a == NONE:
            return d.workers[w].shift_start
        return d.workers[w].shift_start + d.minutes[m, a, d.tasks[t].place]
    return s.tasks[p].start + d.tasks[p].duration + d.minutes[m, d.tasks[p].place, d.tasks[t].place]


@inner
def _needs_break(d: Data, s: State, t: int, arrival: float, start: float) -> bool:
    p = s.tasks[t].before
    if p == NONE:
        return False
    w = s.tasks[t].worker
    if start - arrival >= d.workers[w].break_minutes - TINY:
        return False
    return start + d.tasks[t].duration - s.tasks[p].since > d.workers[w].break_after + TINY


@inner
def _fresh(d: Data, s: State, t: int, arrival: float, start: float) -> float:
    """Return when the stretch of work after a break begins: some of the way may be left behind it."""
    p = s.tasks[t].before
    if p == NONE:
        return start
    due = s.tasks[p].since + d.workers[s.tasks[t].worker].break_after
    way = arrival - s.tasks[p].start - d.tasks[p].duration
    return start - min(max(arrival - due, 0.0), way)


@inner
def times(d: Data, s: State, v: int, out: Floats) -> None:
    """Earliest starts of a visit's tasks: out[0], out[1]; and out[2], out[3] their stretches."""
    t0 = d.task[v, 0]
    t1 = d.task[v, 1]
    a0 = _arrive(d, s, t0)
    a1 = _arrive(d, s, t1) if t1 != NONE else 0.0
    r0 = a0
    r1 = a1
    s0 = 0.0
    s1 = 0.0
    for _ in range(3):
        s0 = max(d.visits[v].earliest, r0)
        if t1 != NONE:
            s1 = max(d.visits[v].earliest, r1, s0 + d.visits[v].gap_low)
            if s1 > s0 + d.visits[v].gap_high:
                s0 = s1 - d.visits[v].gap_high
        if not d.breaks:
            break
        again = False
        if _needs_break(d, s, t0, a0, s0):
            r0 = a0 + d.workers[s.tasks[t0].worker].break_minutes
            again = True
        if t1 != NONE and _needs_break(d, s, t1, a1, s1):
            r1 = a1 + d.workers[s.tasks[t1].worker].break_minutes
            again = True
        if not again:
            break
    out[0] = s0
    out[1] = s1
    if d.breaks:
        p = s.tasks[t0].before
        rested = p == NONE or s0 - a0 >= d.workers[s.tasks[t0].worker].break_minutes - TINY
        out[2] = _fresh(d, s, t0, a0, s0) if rested else s.tasks[p].since
        if t1 != NONE:
            p = s.tasks[t1].before
            rested = p == NONE or s1 - a1 >= d.workers[s.tasks[t1].worker].break_minutes - TINY
            out[3] = _fresh(d, s, t1, a1, s1) if rested else s.tasks[p].since


@inner
def _breach(minutes: float) -> float:
    """Minutes beyond a limit that no plan may break, and one more: else a little would stay to the end."""
    return minutes + 1.0 if minutes > TINY else 0.0


@inner
def _lateness(d: Data, v: int, start: float) -> float:
    """Minutes behind a window, as they count."""
    late = max(0.0, start - d.visits[v].latest)
    return _breach(late) if d.hard else late


@inner
def overrun(d: Data, s: State, w: int) -> float:
    """Minutes by which a shift ends too late or lasts too long."""
    t = s.routes[w].last
    if t == NONE:
        return 0.0
    m = d.workers[w].mode
    end = s.tasks[t].start + d.tasks[t].duration
    if d.workers[w].end_place != NONE:
        end += d.minutes[m, d.tasks[t].place, d.workers[w].end_place]
    over = max(0.0, end - d.workers[w].shift_end)
    f = s.routes[w].first
    lead = 0.0
    if d.workers[w].start_place != NONE:
        lead = d.minutes[m, d.workers[w].start_place, d.tasks[f].place]
    if end - (s.tasks[f].start - lead) > d.workers[w].max_span + TINY:
        # The same end with a later beginning: single-handed visits may wait within their windows.
        begin = s.tasks[t].start
        while s.tasks[t].before != NONE:
            p = s.tasks[t].before
            upto = begin - d.minutes[m, d.tasks[p].place, d.tasks[t].place] - d.tasks[p].duration
            if d.task[d.tasks[p].visit, 1] != NONE or d.breaks:
                upto = s.tasks[p].start
            else:
                upto = max(s.tasks[p].start, min(upto, d.visits[d.tasks[p].visit].latest))
            begin = upto
            t = p
        over += max(0.0, end - (begin - lead) - d.workers[w].max_span)
    return _breach(over)


@inner
def touch(s: State, n: int, w: int) -> int:
    """Note that a route has changed, once; return how many have."""
    if s.routes[w].touched:
        return n
    s.routes[w].touched = True
    s.log[n].route = w
    return n + 1


@inner
def propagate(d: Data, s: State, size: int, touched: int) -> tuple[float, int, int]:
    """Compute starts again from the visits on the heap; return lateness added and log sizes."""
    added = 0.0
    n = 0
    out = s.begins
    while size > 0:
        size = pop(s, size)
        v = s.heap[size]
        times(d, s, v, out)
        for side in range(2):
            t = d.task[v, side]
            if t == NONE:
                break
            new = _lateness(d, v, out[side])
            moved = out[side] != s.tasks[t].start or (d.breaks and out[2 + side] != s.tasks[t].since)
            if not moved and new == s.tasks[t].late:
                # A task that has changed place is always followed by its new neighbours, which
                # are on the heap by themselves.
                continue
            s.log[n].task = t
            s.log[n].start = s.tasks[t].start
            s.log[n].since = s.tasks[t].since
            s.log[n].late = s.tasks[t].late
            n += 1
            s.tasks[t].start = out[side]
            s.tasks[t].since = out[2 + side]
            added += new - s.tasks[t].late
            s.tasks[t].late = new
            if d.limits:
                touched = touch(s, touched, s.tasks[t].worker)
            nxt = s.tasks[t].after
            if nxt != NONE:
                size = push(s, size, d.tasks[nxt].visit)
    return added, n, touched


@inner
def rekey(d: Data, s: State) -> None:
    """Number the visits afresh, earliest start first, in an order every route agrees with."""
    n_visits = len(d.visits)
    for v in range(n_visits):
        s.visits[v].old_key = s.visits[v].key
        s.visits[v].waiting = 0
        s.visits[v].key = s.tasks[d.task[v, 0]].start
        for side in range(2):
            t = d.task[v, side]
            if t != NONE and s.tasks[t].worker != NONE and s.tasks[t].before != NONE:
                s.visits[v].waiting += 1
    size = 0
    for v in range(n_visits):
        if s.visits[v].waiting == 0:
            size = push(s, size, v)
    rank = 0
    while size > 0:
        size = pop(s, size)
        v = s.heap[size]
        s.visits[v].old_key = rank
        rank += 1
        for side in range(2):
            t = d.task[v, side]
            if t != NONE and s.tasks[t].worker != NONE and s.tasks[t].after != NONE:
                u = d.tasks[s.tasks[t].after].visit
                s.visits[u].waiting -= 1
                if s.visits[u].waiting == 0:
                    size = push(s, size, u)
    for v in range(n_visits):
        s.visits[v].key = s.visits[v].old_key


@compiled
def rebuild(d: Data, s: State, worker: Ints, key: Floats, order: Ints) -> float:
    """Build routes and times from workers and keys (`order` sorts them); return the total cost."""
    n_tasks, n_visits, n_workers = len(d.tasks), len(d.visits), len(d.workers)
    for t in range(n_tasks):
        s.tasks[t].worker = NONE
        s.tasks[t].before = NONE
        s.tasks[t].after = NONE
        s.tasks[t].start = 0.0
        s.tasks[t].since = 0.0
        s.tasks[t].late = 0.0
    for w in range(n_workers):
        s.routes[w].first = NONE
        s.routes[w].last = NONE
        s.routes[w].size = 0
        s.routes[w].touched = False
        s.routes[w].loaded = 0.0
        s.routes[w].over = 0.0
    for v in range(n_visits):
        s.visits[v].key = key[v]
        s.visits[v].queued = False
    out = s.begins
    for rank in range(n_visits):
        v = order[rank]
        t0 = d.task[v, 0]
        if worker[t0] == NONE:
            continue
        for side in range(2):
            t = d.task[v, side]
            if t != NONE:
                w = worker[t]
                insert(d, s, t, w, s.routes[w].last)
        times(d, s, v, out)
        for side in range(2):
            t = d.task[v, side]
            if t != NONE:
                s.tasks[t].start = out[side]
                s.tasks[t].since = out[2 + side]
                s.tasks[t].late = _lateness(d, v, out[side])
    if d.limits:
        for w in range(n_workers):
            s.routes[w].over = overrun(d, s, w)
    parts = evaluate(d, s)
    return parts[0]


@compiled
def evaluate(d: Data, s: State) -> tuple[float, float, float, float, float]:
    """Return the cost, and its parts: travel and such, lateness, largest lateness, overrun."""
    travel = 0.0
    for w in range(len(d.workers)):
        t = s.routes[w].first
        if t == NONE:
            continue
        m = d.workers[w].mode
        at = d.workers[w].start_place
        travel += d.workers[w].fixed
        loaded = 0.0
        while t != NONE:
            travel += leg(d, m, at, d.tasks[t].place) + d.affinity[t, w]
            loaded += d.tasks[t].load
            at = d.tasks[t].place
            t = s.tasks[t].after
        travel += leg(d, m, at, d.workers[w].end_place)
        travel += d.load_weight * max(0.0, loaded - d.workers[w].capacity)
    for v in range(len(d.visits)):
        if s.tasks[d.task[v, 0]].worker == NONE:
            travel += d.visits[v].drop_cost
    late = 0.0
    worst = 0.0
    for t in range(len(d.tasks)):
        late += s.tasks[t].late
        worst = max(worst, s.tasks[t].late)
    over = 0.0
    for w in range(len(d.workers)):
        over += s.routes[w].over
    cost = travel + d.late_weight * late + d.worst_weight * worst + d.over_weight * over
    return cost, travel, late, worst, over
