"""Starting plans: balanced assignment to centres, made connected.

For fixed centres the fractional balanced assignment is a transport problem; OR-Tools' min-cost
flow solves it, the centres move to the middle of what they got, and so on (a balanced power
diagram: Aurenhammer, Hoffmann & Aronov 1998). What is left disconnected is mended afterwards.
"""

from __future__ import annotations

import numpy as np
from ortools.graph.python import min_cost_flow

from .instance import Floats, Instance, Ints

__all__ = ["balanced_start", "guided_start", "repair", "start_from"]

_GRAIN = 20  # flow units a weekly hour


def balanced_start(instance: Instance, rng: np.random.Generator, *, rounds: int = 12) -> Ints:
    """Draw centres at random (k-means++ style), then alternate assignment and centres.

    Returns
    -------
    Lot number of each unit, int64[n]; every lot connected and none empty. The limits of hours
    may still be missed by a little.
    """
    if instance.lots == 1:
        return np.zeros(instance.size, np.int64)
    lot, centres = _settled(instance, _draw_centres(instance, rng), rounds)
    return repair(instance, lot, centres)


def guided_start(instance: Instance, use: Floats, rng: np.random.Generator, *, draws: int) -> Ints:
    """Start from centres where the relaxed problem puts them, instead of at random.

    Parameters
    ----------
    instance
        The place.
    use
        How often the relaxed problem chose each centre (float64[m]; see :class:`.bound.Bound`). It
        knows how many lots each part of the map wants, which moves of borders hardly change.
    rng
        Random stream.
    draws
        Sets of centres drawn; the one whose balanced assignment costs least is taken.

    Returns
    -------
    Lot number of each unit, int64[n]; every lot connected and none empty.
    """
    use = np.maximum(use, 1e-9)
    from scipy.sparse import csr_matrix  # a worker is up sooner without
    from scipy.sparse.csgraph import shortest_path

    used = np.flatnonzero(use > 0.005 * use.max())
    if len(used) < instance.lots:  # a few in use all the time, the others all over the place
        used = np.sort(np.argsort(-use, kind="stable")[:instance.lots])
    graph = csr_matrix(
        (np.ones(len(instance.indices)), instance.indices, instance.indptr),
        shape=(instance.size, instance.size),
    )
    steps = shortest_path(graph, unweighted=True, indices=instance.centre_unit[used])
    nearby = np.argsort(steps[:, instance.centre_unit[used]], axis=1, kind="stable")
    best: tuple[float, Ints, Ints] | None = None
    tried: set[tuple[int, ...]] = set()
    for _ in range(draws):
        drawn = used[_spread(use[used] * instance.lots / use[used].sum(), nearby, instance.lots, rng)]
        if tuple(sorted(drawn)) in tried:
            continue
        tried.add(tuple(sorted(drawn)))
        lot, centres = _settled(instance, drawn, 5)
        cost = float(instance.cost[np.arange(instance.size), centres[lot]].sum())
        if best is None or cost < best[0]:
            best = cost, lot, centres
    assert best is not None
    return repair(instance, best[1], best[2])


def _spread(use: Floats, nearby: Ints, number: int, rng: np.random.Generator) -> Ints:
    """Draw centres by how much each is used; each one drawn takes the use of those around it."""
    left = use.copy()
    drawn: list[int] = []
    for _ in range(number):
        weight = np.maximum(left, 0.0) + 1e-9
        weight[drawn] = 0.0
        drawn.append(int(rng.choice(len(left), p=weight / weight.sum())))
        taken = 1.0
        for other in nearby[drawn[-1]]:
            share = min(taken, float(left[other]))
            left[other] -= share
            taken -= share
            if taken <= 1e-9:
                break
    return np.array(drawn, np.int64)


def _settled(instance: Instance, centres: Ints, rounds: int) -> tuple[Ints, Ints]:
    """Alternate balanced assignment and centres until the centres stay."""
    lot = _assign(instance, centres)
    for _ in range(rounds - 1):
        moved = _recentre(instance, lot, centres)
        if (moved == centres).all():
            break
        centres = moved
        lot = _assign(instance, centres)
    return lot, centres


def start_from(instance: Instance, zone: Ints) -> Ints:
    """Make a starting plan of today's zones (-1 for none), when there are as many as lots."""
    lot = zone.copy()
    centres = np.full(instance.lots, -1, np.int64)
    for k in range(instance.lots):
        inside = np.flatnonzero(lot == k)
        sums = instance.cost[inside].sum(axis=0)
        own = np.flatnonzero(np.isin(instance.centre_unit, inside))
        centres[k] = own[np.argmin(sums[own])]
    return repair(instance, lot, centres)


def _draw_centres(instance: Instance, rng: np.random.Generator) -> Ints:
    m = len(instance.centres)
    # Squared distance between centres, back from cost = hours x squared distance, would fail
    # where hours are 0; the nearest-centre cost itself is the right weight for k-means++.
    weight = np.maximum(instance.hours, 1e-3 * max(instance.total_hours, 1.0) / instance.size)
    chosen = [int(rng.choice(m))]
    nearest = instance.cost[:, chosen[0]].copy()
    taken = {int(instance.centre_unit[chosen[0]])}
    while len(chosen) < instance.lots:
        p = nearest + 1e-9 * weight
        p[list(taken)] = 0.0
        unit = int(rng.choice(instance.size, p=p / p.sum()))
        own = np.flatnonzero(instance.centre_unit == unit)
        centre = int(own[rng.integers(len(own))])
        chosen.append(centre)
        taken.add(unit)
        nearest = np.minimum(nearest, instance.cost[:, centre])
    return np.array(chosen, np.int64)


def _assign(instance: Instance, centres: Ints) -> Ints:
    """Balanced assignment to fixed centres; each unit goes where most of its hours flow."""
    n, k = instance.size, len(centres)
    cost = instance.cost[:, centres]
    supply = np.rint(instance.hours * _GRAIN).astype(np.int64)
    total = int(supply.sum())
    low = min(int(max(instance.lo, 0.0) * _GRAIN), total // k)
    high = max(int(min(instance.hi, instance.total_hours) * _GRAIN), -(-total // k))
    with np.errstate(divide="ignore", invalid="ignore"):
        per_hour = np.where(instance.hours[:, None] > 0, cost / instance.hours[:, None], 0.0)
    scale = 1e6 / max(float(per_hour.max()), 1e-12)
    flow = min_cost_flow.SimpleMinCostFlow()
    tails = np.repeat(np.arange(n), k)
    heads = n + np.tile(np.arange(k), n)
    first = flow.add_arcs_with_capacity_and_unit_cost(
        tails, heads, np.repeat(supply, k), np.rint(per_hour * scale).astype(np.int64).ravel()
    )
    sink = n + k
    flow.add_arcs_with_capacity_and_unit_cost(
        n + np.arange(k), np.full(k, sink), np.full(k, high - low), np.zeros(k, np.int64)
    )
    flow.set_nodes_supplies(np.arange(n), supply)
    flow.set_nodes_supplies(n + np.arange(k), np.full(k, -low))
    flow.set_nodes_supplies(np.array([sink]), np.array([-(total - k * low)]))
    if flow.solve() != flow.OPTIMAL:  # cannot happen: capacity covers the supply
        return np.asarray(cost.argmin(axis=1), np.int64)
    flows = np.asarray(flow.flows(first)).reshape(n, k).astype(float)
    # Units without hours flow nowhere: they go to the nearest centre.
    nearest = _nearest(instance, centres)
    return np.where(supply > 0, flows.argmax(axis=1), nearest).astype(np.int64)


def _nearest(instance: Instance, centres: Ints) -> Ints:
    """Nearest centre in steps over the map (breadth first), the lower number on a tie."""
    lot = np.full(instance.size, -1, np.int64)
    front = []
    for k, centre in enumerate(centres):
        unit = int(instance.centre_unit[centre])
        if lot[unit] < 0:
            lot[unit] = k
            front.append(unit)
    while front:
        following = []
        for unit in front:
            for v in instance.neighbours(unit):
                if lot[v] < 0:
                    lot[v] = lot[unit]
                    following.append(int(v))
        front = following
    return np.maximum(lot, 0)


def _recentre(instance: Instance, lot: Ints, centres: Ints) -> Ints:
    moved = centres.copy()
    for k in range(len(centres)):
        inside = lot == k
        if not inside.any():
            continue
        own = np.flatnonzero(inside[instance.centre_unit])
        sums = instance.cost[inside][:, own].sum(axis=0)
        moved[k] = own[int(np.argmin(sums))]
    return moved


def repair(instance: Instance, lot: Ints, centres: Ints) -> Ints:
    """Make every lot one piece: keep its main piece, hand the rest to a lot it touches.

    An empty lot is seeded again by splitting the lot with most hours that can be split.
    """
    lot = lot.copy()
    for k in range(instance.lots):
        pieces = instance.components(lot, k)
        for piece in pieces[1:]:
            lot[piece] = -1
    # Grow the main pieces over what was cut off, nearest centre first.
    loads = np.bincount(lot[lot >= 0], weights=instance.hours[lot >= 0], minlength=instance.lots)
    while (lot < 0).any():
        best: tuple[float, int, int] | None = None
        for u in np.flatnonzero(lot < 0):
            for k in {int(lot[v]) for v in instance.neighbours(int(u)) if lot[v] >= 0}:
                room = 0.0 if loads[k] + instance.hours[u] <= instance.hi else 1e3
                key = (float(instance.cost[u, centres[k]]) * (1.0 + room), int(u), k)
                if best is None or key < best:
                    best = key
        if best is None:  # nothing to grow from: every lot is empty
            lot[:] = 0
            break
        lot[best[1]] = best[2]
        loads[best[2]] += instance.hours[best[1]]
    for k in range(instance.lots):
        if not (lot == k).any():
            _seed_empty(instance, lot, k)
    return lot


def _seed_empty(instance: Instance, lot: Ints, empty: int) -> None:
    """Give an empty lot one unit of the largest lot, such that that one stays connected."""
    sums = np.bincount(lot, weights=instance.hours, minlength=instance.lots)
    for k in np.argsort(-sums, kind="stable"):
        inside = np.flatnonzero(lot == k)
        if len(inside) < 2:
            continue
        for u in inside:
            lot[u] = empty
            if len(instance.components(lot, int(k))) == 1:
                return
            lot[u] = k
    msg = f"{instance.name}: {instance.size} units cannot make {instance.lots} lots"
    raise AssertionError(msg)
