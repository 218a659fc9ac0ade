"""The inner loops of the search, compiled.

Plain functions on arrays, no objects: each takes everything it touches, releases the
interpreter lock, and draws its random numbers from a state of its own, so that a run depends on
its seed alone and not on how many threads run beside it.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# ruff: noqa: C901

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["anneal", "connected_without", "lot_sums"]

#: Share of proposals that move a unit with all that hangs on it.
_BRANCH = 0.02

_jit = njit(cache=True, nogil=True, boundscheck=False, fastmath=False)


@_jit
def _random(state):
    # xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016).
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.float64((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@_jit
def connected_without(u, lot, indptr, indices, queue, mark, stamp):
    """Whether u's lot stays in one piece (and not empty) when u leaves it.

    ``queue`` and ``mark`` are scratch (int64[n]); ``stamp`` a number not used in ``mark`` before.
    """
    a = lot[u]
    need = 0
    first = -1
    for e in range(indptr[u], indptr[u + 1]):
        v = indices[e]
        if lot[v] == a:
            need += 1
            first = v
    if need == 0:
        return False
    if need == 1:
        return True
    # Breadth first from one neighbour until every other neighbour in the lot has been met.
    mark[u] = stamp
    mark[first] = stamp
    queue[0] = first
    head, tail = 0, 1
    met = 1
    for e in range(indptr[u], indptr[u + 1]):
        v = indices[e]
        if lot[v] == a and v != first:
            mark[v] = -stamp  # wanted, not met yet
    while head < tail:
        x = queue[head]
        head += 1
        for e in range(indptr[x], indptr[x + 1]):
            v = indices[e]
            if lot[v] != a or mark[v] == stamp:
                continue
            if mark[v] == -stamp:
                met += 1
                if met == need:
                    return True
            mark[v] = stamp
            queue[tail] = v
            tail += 1
    return False


@_jit
def lot_sums(lot, hours, rural, cost, centre_unit, k_lots):
    """Sums a lot (hours, rural hours), cost of each lot from each centre, and the best centres."""
    n, m = cost.shape
    lot_hours = np.zeros(k_lots)
    lot_rural = np.zeros(k_lots)
    size = np.zeros(k_lots, np.int64)
    sums = np.zeros((k_lots, m))
    for u in range(n):
        k = lot[u]
        lot_hours[k] += hours[u]
        lot_rural[k] += rural[u]
        size[k] += 1
        for j in range(m):
            sums[k, j] += cost[u, j]
    centre = np.full(k_lots, -1, np.int64)
    best = np.full(k_lots, np.inf)
    for j in range(m):
        k = lot[centre_unit[j]]
        if sums[k, j] < best[k]:
            best[k] = sums[k, j]
            centre[k] = j
    return lot_hours, lot_rural, size, sums, centre, best


@_jit
def recentre(lot, cost, centre_unit, k_lots, centre, best):
    """Best centre of each lot and the lot's cost from it, without sums kept from before.

    Takes the areas of one lot at a time: n m / K steps instead of n m.
    """
    n, m = cost.shape
    count = np.zeros(k_lots + 1, np.int64)
    for u in range(n):
        count[lot[u] + 1] += 1
    for k in range(k_lots):
        count[k + 1] += count[k]
    place = count[:-1].copy()
    order = np.empty(n, np.int64)
    for u in range(n):
        order[place[lot[u]]] = u
        place[lot[u]] += 1
    best[:] = np.inf
    sums = np.zeros(m)
    own = np.empty(m, np.int64)
    for k in range(k_lots):
        held = 0
        for j in range(m):
            if lot[centre_unit[j]] == k:
                own[held] = j
                sums[held] = 0.0
                held += 1
        for t in range(count[k], count[k + 1]):
            u = order[t]
            for h in range(held):
                sums[h] += cost[u, own[h]]
        for h in range(held):
            if sums[h] < best[k]:
                best[k] = sums[h]
                centre[k] = own[h]


@_jit
def _lot_term(h, r, lo, hi, target, w_equal, w_mix, rural_share, penalty):
    over = 0.0
    if h > hi:
        over = h - hi
    elif h < lo:
        over = lo - h
    return w_equal * abs(h - target) + w_mix * abs(r - rural_share * h) + penalty * over


@_jit
def _broken(u, k, lot, link_ptr, link_to, link_same):
    """Count u's links (same lot, or apart) that do not hold when u is in lot k."""
    bad = 0
    for e in range(link_ptr[u], link_ptr[u + 1]):
        if (lot[link_to[e]] == k) != link_same[e]:
            bad += 1
    return bad


@_jit
def _shift(u, a, b, lot, lot_hours, lot_rural, size, hours, rural):
    """Move u from a to b in the sums a lot."""
    lot[u] = b
    lot_hours[a] -= hours[u]
    lot_hours[b] += hours[u]
    lot_rural[a] -= rural[u]
    lot_rural[b] += rural[u]
    size[a] -= 1
    size[b] += 1


@_jit
def _apply(u, a, b, lot, cost, centre_unit, sums, centre, best, lot_hours, lot_rural, size, hours, rural):
    """Move u from a to b; return how much the lots' cost from their best centres changed."""
    m = cost.shape[1]
    _shift(u, a, b, lot, lot_hours, lot_rural, size, hours, rural)
    before = best[a] + best[b]
    best_a = np.inf
    best_b = np.inf
    for j in range(m):
        c = cost[u, j]
        sums[a, j] -= c
        sums[b, j] += c
        k = lot[centre_unit[j]]
        if k == a:
            if sums[a, j] < best_a:
                best_a = sums[a, j]
                centre[a] = j
        elif k == b and sums[b, j] < best_b:
            best_b = sums[b, j]
            centre[b] = j
    best[a] = best_a
    best[b] = best_b
    return best_a + best_b - before


@_jit
def _best_without(u, a, lot, cost, centre_unit, sums):
    """Cost of lot a from its best centre once u has left it."""
    best = np.inf
    for j in range(cost.shape[1]):
        v = centre_unit[j]
        if v != u and lot[v] == a:
            value = sums[a, j] - cost[u, j]
            best = min(best, value)
    return best


@_jit
def _branch(u, lot, indptr, indices, queue, mark, stamp, pick):
    """Find what has to leave u's lot with u when the part beyond one neighbour of u stays.

    ``pick`` in [0, 1) chooses that neighbour. Puts u and the units that hang on it first in
    ``queue``, marks them ``-stamp``, and returns how many they are; 0 where u hangs on one unit.
    """
    a = lot[u]
    inside = 0
    for e in range(indptr[u], indptr[u + 1]):
        if lot[indices[e]] == a:
            inside += 1
    if inside < 2:
        return 0
    skip = int(pick * inside)
    keep = -1
    for e in range(indptr[u], indptr[u + 1]):
        if lot[indices[e]] == a:
            if skip == 0:
                keep = indices[e]
                break
            skip -= 1
    mark[u] = -stamp
    mark[keep] = stamp
    queue[0] = keep
    head, tail = 0, 1
    while head < tail:
        x = queue[head]
        head += 1
        for e in range(indptr[x], indptr[x + 1]):
            v = indices[e]
            if lot[v] == a and v != u and mark[v] != stamp:
                mark[v] = stamp
                queue[tail] = v
                tail += 1
    queue[0] = u
    head, tail = 0, 1
    while head < tail:
        x = queue[head]
        head += 1
        for e in range(indptr[x], indptr[x + 1]):
            v = indices[e]
            if lot[v] == a and mark[v] != stamp and mark[v] != -stamp:
                mark[v] = -stamp
                queue[tail] = v
                tail += 1
    return tail


@_jit
def _move_branch(
    held, a, b, lot, cost, centre_unit, sums, centre, best, lot_hours, lot_rural, size,
    hours, rural, lo, hi, target, rural_share, w_equal, w_mix, penalty, stay, zone_of,
    link_ptr, link_to, link_same, link_price, temperature, lazy, queue, mark, stamp, rng,
):
    """Move the ``held`` units in front of ``queue`` from a to b, or not, as annealing has it.

    Returns whether they moved, and by how much the value, the cost at the present centres and
    the number of broken links changed.
    """
    ca, cb = centre[a], centre[b]
    gone = mark[centre_unit[ca]] == -stamp
    if gone and lazy > 0:
        return False, 0.0, 0.0, 0
    hs = rs = step = kept = 0.0
    more = 0
    za, zb = zone_of[a], zone_of[b]
    for t in range(held):
        x = queue[t]
        hs += hours[x]
        rs += rural[x]
        step += cost[x, cb]
        if not gone:
            step -= cost[x, ca]
        if za >= 0:
            kept += stay[x, za]
        if zb >= 0:
            kept -= stay[x, zb]
        more -= _broken(x, a, lot, link_ptr, link_to, link_same)
    if gone:
        least = np.inf
        for j in range(cost.shape[1]):
            y = centre_unit[j]
            if lot[y] == a and mark[y] != -stamp:
                left = sums[a, j]
                for t in range(held):
                    left -= cost[queue[t], j]
                least = min(least, left)
        step += least - best[a]
    for t in range(held):
        lot[queue[t]] = b
    for t in range(held):
        more += _broken(queue[t], b, lot, link_ptr, link_to, link_same)
    for t in range(held):
        lot[queue[t]] = a
    ha, hb, ra, rb = lot_hours[a], lot_hours[b], lot_rural[a], lot_rural[b]
    change = step + kept + link_price * more
    change += _lot_term(ha - hs, ra - rs, lo, hi, target, w_equal, w_mix, rural_share, penalty)
    change += _lot_term(hb + hs, rb + rs, lo, hi, target, w_equal, w_mix, rural_share, penalty)
    change -= _lot_term(ha, ra, lo, hi, target, w_equal, w_mix, rural_share, penalty)
    change -= _lot_term(hb, rb, lo, hi, target, w_equal, w_mix, rural_share, penalty)
    if change > 0.0 and (temperature <= 0.0 or _random(rng) >= np.exp(-change / temperature)):
        return False, 0.0, 0.0, 0
    value = kept
    value -= _lot_term(ha, ra, lo, hi, target, w_equal, w_mix, rural_share, 0.0)
    value -= _lot_term(hb, rb, lo, hi, target, w_equal, w_mix, rural_share, 0.0)
    if lazy > 0:
        value += step
        for t in range(held):
            _shift(queue[t], a, b, lot, lot_hours, lot_rural, size, hours, rural)
    else:
        for t in range(held):
            value += _apply(queue[t], a, b, lot, cost, centre_unit, sums, centre, best,
                            lot_hours, lot_rural, size, hours, rural)
    value += _lot_term(lot_hours[a], lot_rural[a], lo, hi, target, w_equal, w_mix, rural_share, 0.0)
    value += _lot_term(lot_hours[b], lot_rural[b], lo, hi, target, w_equal, w_mix, rural_share, 0.0)
    return True, value, step, more


@_jit
def _fits(lot_hours, lo, hi):
    for k in range(lot_hours.shape[0]):
        if lot_hours[k] > hi + 1e-9 or lot_hours[k] < lo - 1e-9:
            return False
    return True


@_jit
def anneal(
    steps, temperature, cooling, penalty, lazy, rng,
    lot, hours, rural, cost, centre_unit, indptr, indices,
    lo, hi, target, rural_share, w_equal, w_mix,
    stay, zone_of, link_ptr, link_to, link_same,
    best_lot, best_value,
):
    """Anneal one plan in place by moving and swapping border units.

    Every state keeps all lots connected and none empty; limits and locks may be broken on the
    way, at a price. ``lot`` (int64[n]) is changed; ``best_lot`` and ``best_value`` (float64[1])
    are updated whenever a plan that breaks nothing beats them.

    The change of a move is taken at the present centres, an upper bound of the true change. With
    ``lazy`` 0 the best centres of both lots are found anew after every accepted move (Hess's
    alternation, made at every step: n steps); else all centres after ``lazy`` of them, which
    suits high temperatures.
    """
    n = lot.shape[0]
    k_lots = zone_of.shape[0]
    eps = 1e-9
    lot_hours, lot_rural, size, sums, centre, best = lot_sums(
        lot, hours, rural, cost, centre_unit, k_lots
    )
    queue = np.empty(n, np.int64)
    mark = np.zeros(n, np.int64)
    stamp = 0
    linked = link_to.shape[0] > 0
    value = 0.0
    for k in range(k_lots):
        value += best[k] + _lot_term(
            lot_hours[k], lot_rural[k], lo, hi, target, w_equal, w_mix, rural_share, 0.0
        )
    for u in range(n):
        if zone_of[lot[u]] >= 0:
            value -= stay[u, zone_of[lot[u]]]
    broken = 0
    if linked:
        for u in range(n):
            broken += _broken(u, lot[u], lot, link_ptr, link_to, link_same)
        broken //= 2  # each link was met from both its ends; a move meets it from one
    link_price = penalty * max(target, hours.sum() / k_lots) * 0.2
    if link_price <= 0.0:  # no hours at all: only the locks matter
        link_price = penalty
    if value < best_value[0] - eps and broken == 0 and _fits(lot_hours, lo, hi):
        best_value[0] = value
        best_lot[:] = lot
    accepted = 0
    at_centres = best.sum()  # cost at the centres in use, as part of ``value``
    for _ in range(steps):
        temperature *= cooling
        if lazy > 0 and accepted >= lazy:
            accepted = 0
            recentre(lot, cost, centre_unit, k_lots, centre, best)
            value += best.sum() - at_centres
            at_centres = best.sum()
        u = int(_random(rng) * n)
        degree = indptr[u + 1] - indptr[u]
        if degree == 0:
            continue
        v = indices[indptr[u] + int(_random(rng) * degree)]
        a, b = lot[u], lot[v]
        if a == b or size[a] == 1:
            continue
        if _random(rng) < _BRANCH:
            # u with all that hangs on it: the only way for a unit that a lot is strung on.
            stamp += 1
            held = _branch(u, lot, indptr, indices, queue, mark, stamp, _random(rng))
            if held < 2:
                continue
            done, by, step, more = _move_branch(
                held, a, b, lot, cost, centre_unit, sums, centre, best, lot_hours, lot_rural, size,
                hours, rural, lo, hi, target, rural_share, w_equal, w_mix, penalty, stay, zone_of,
                link_ptr, link_to, link_same, link_price, temperature, lazy, queue, mark, stamp, rng,
            )
            if done:
                value += by
                broken += more
                if lazy > 0:
                    at_centres += step
                    accepted += held
                if value < best_value[0] - eps and broken == 0 and _fits(lot_hours, lo, hi):
                    best_value[0] = value
                    best_lot[:] = lot
            continue
        swap = _random(rng) < 0.5
        w = -1
        if swap:
            # The partner: a random unit near v that is in b and touches a.
            for _try in range(4):
                x = indices[indptr[v] + int(_random(rng) * (indptr[v + 1] - indptr[v]))]
                if _try == 0:
                    x = v
                elif _try == 2:
                    x = int(_random(rng) * n)
                if lot[x] != b or x == u:
                    continue
                for e in range(indptr[x], indptr[x + 1]):
                    y = indices[e]
                    if lot[y] == a and y != u:
                        w = x
                        break
                if w >= 0:
                    break
            if w < 0:
                continue
        hu, ru = hours[u], rural[u]
        hw = rw = 0.0
        if w >= 0:
            hw, rw = hours[w], rural[w]
        ca, cb = centre[a], centre[b]
        # u leaves a for b (and w leaves b for a), at the present centres.
        if lazy > 0 and (centre_unit[ca] == u or (w >= 0 and centre_unit[cb] == w)):
            continue
        if centre_unit[ca] == u:
            change = _best_without(u, a, lot, cost, centre_unit, sums) - best[a]
        else:
            change = -cost[u, ca]
        change += cost[u, cb]
        if w >= 0:
            if centre_unit[ca] == u or centre_unit[cb] == w:
                # Two centres in play: not worth the case distinction, a plain move can do it.
                continue
            change += cost[w, ca] - cost[w, cb]
        ha, hb = lot_hours[a], lot_hours[b]
        ra, rb = lot_rural[a], lot_rural[b]
        change += _lot_term(ha - hu + hw, ra - ru + rw, lo, hi, target, w_equal, w_mix, rural_share, penalty)
        change += _lot_term(hb + hu - hw, rb + ru - rw, lo, hi, target, w_equal, w_mix, rural_share, penalty)
        change -= _lot_term(ha, ra, lo, hi, target, w_equal, w_mix, rural_share, penalty)
        change -= _lot_term(hb, rb, lo, hi, target, w_equal, w_mix, rural_share, penalty)
        za, zb = zone_of[a], zone_of[b]
        if za >= 0:
            change += stay[u, za]
            if w >= 0:
                change -= stay[w, za]
        if zb >= 0:
            change -= stay[u, zb]
            if w >= 0:
                change += stay[w, zb]
        more = 0
        if linked:
            more = -_broken(u, a, lot, link_ptr, link_to, link_same)
            if w >= 0:
                more -= _broken(w, b, lot, link_ptr, link_to, link_same)
            lot[u] = b
            if w >= 0:
                lot[w] = a
            more += _broken(u, b, lot, link_ptr, link_to, link_same)
            if w >= 0:
                more += _broken(w, a, lot, link_ptr, link_to, link_same)
                lot[w] = b
            lot[u] = a
            change += link_price * more
        if change > 0.0 and (
            temperature <= 0.0 or _random(rng) >= np.exp(-change / temperature)
        ):
            continue
        stamp += 1
        if not connected_without(u, lot, indptr, indices, queue, mark, stamp):
            continue
        if w >= 0:
            lot[u] = b
            stamp += 1
            fine = connected_without(w, lot, indptr, indices, queue, mark, stamp)
            lot[u] = a
            if not fine:
                continue
        before = _lot_term(ha, ra, lo, hi, target, w_equal, w_mix, rural_share, 0.0)
        before += _lot_term(hb, rb, lo, hi, target, w_equal, w_mix, rural_share, 0.0)
        if lazy > 0:
            _shift(u, a, b, lot, lot_hours, lot_rural, size, hours, rural)
            step = cost[u, cb] - cost[u, ca]
            if w >= 0:
                _shift(w, b, a, lot, lot_hours, lot_rural, size, hours, rural)
                step += cost[w, ca] - cost[w, cb]
            value += step
            at_centres += step
            accepted += 1
        else:
            value += _apply(u, a, b, lot, cost, centre_unit, sums, centre, best,
                            lot_hours, lot_rural, size, hours, rural)
            if w >= 0:
                value += _apply(w, b, a, lot, cost, centre_unit, sums, centre, best,
                                lot_hours, lot_rural, size, hours, rural)
        after = _lot_term(lot_hours[a], lot_rural[a], lo, hi, target, w_equal, w_mix, rural_share, 0.0)
        after += _lot_term(lot_hours[b], lot_rural[b], lo, hi, target, w_equal, w_mix, rural_share, 0.0)
        value += after - before
        if za >= 0:
            value += stay[u, za]
            if w >= 0:
                value -= stay[w, za]
        if zb >= 0:
            value -= stay[u, zb]
            if w >= 0:
                value += stay[w, zb]
        broken += more
        if value < best_value[0] - eps and broken == 0 and _fits(lot_hours, lo, hi):
            best_value[0] = value
            best_lot[:] = lot
