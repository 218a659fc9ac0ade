"""The numbers behind the market check: whether these providers can carry these lots.

Two exact models. Without limits on the number of lots and providers the question is one of flow
(a transport problem), and where the answer is no, its cut names the lots that are short. With
them it is a fixed-charge transport problem, which CP-SAT solves; a cap that has to give way
becomes a variable of the same model, and the least value of it the smallest change.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

__all__ = [
    "UNITS_PER_HOUR",
    "Answer",
    "Cap",
    "Terms",
    "carry",
    "changed",
    "exceeded",
    "flow",
    "possible",
    "to_forest",
]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNITS_PER_HOUR = 100
"""The models count whole hundredths of an hour (36 seconds a week).

Lots are rounded down and caps up, so that rounding never makes a market fail that would do; with
what a sharing-out found has to be filled up by, a provider may be over a cap by less than 0.01 h,
and less than 0.01 h for each of its lots.
"""

#: CP-SAT's deterministic time for the core and the whole market, the same on any machine (a unit
#: takes 2 to 5 s): for the question itself, and for each of the changes that might help.
_THOROUGH = (1.0, 4.0)
_QUICK = (0.25, 0.5)
#: The core market is the largest providers, this many times as many as can carry the hours, and
#: for each lot the few largest within reach. It nearly always shows what the whole market shows.
_CORE = 1.5
_CORE_PER_LOT = 4
_SEED = 1


class Cap(StrEnum):
    """What limits a sharing-out, by its key in the brief or its column in the providers' table."""

    PROVIDERS = "max_providers"
    HOURS = "max_hours_per_provider"
    SHARE = "max_share_pct"
    LOTS = "max_lots_per_provider"
    REACH = "reach_pct"
    OWN_LOTS = "max_lots"
    OWN_HOURS = "max_weekly_hours"
    DEMAND = "weekly_hours"  # hours that are left to nobody: not a cap, but it can give way


_SCALARS = {
    Cap.PROVIDERS: "max_providers", Cap.HOURS: "max_hours", Cap.SHARE: "max_share",
    Cap.LOTS: "max_lots",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """Lots, providers and caps, in whole units of :data:`UNITS_PER_HOUR`.

    Attributes
    ----------
    demand
        int64[lots], units each lot needs.
    own_hours
        int64[providers], units each provider can take on.
    own_lots
        int64[providers], lots each provider can take a part of; the number of lots where the
        provider sets no limit.
    reach
        bool[providers, lots].
    max_hours, max_share
        Units any one provider may take on; None for no cap.
    max_lots
        Lots any one provider may have a part of; None for no cap.
    max_providers
        Providers with any hours at all; None for no cap.
    """

    demand: Ints
    own_hours: Ints
    own_lots: Ints
    reach: Bools
    max_hours: int | None = None
    max_share: int | None = None
    max_lots: int | None = None
    max_providers: int | None = None

    @property
    def hours_cap(self) -> Ints:
        """Units each provider may take on in all: the least of its caps; int64[providers]."""
        caps = [c for c in (self.max_hours, self.max_share) if c is not None]
        return np.minimum(self.own_hours, min([*caps, self.total]))

    @property
    def lots_cap(self) -> Ints:
        """Lots each provider may have a part of, under every cap on lots; int64[providers]."""
        within: Ints = self.reach[:, self.demand > 0].sum(axis=1)
        caps = np.minimum(self.own_lots, within)
        return caps if self.max_lots is None else np.minimum(caps, self.max_lots)

    @property
    def total(self) -> int:
        """Units all lots need together."""
        return int(self.demand.sum())

    def admits(self, units: Ints) -> bool:
        """Whether a sharing-out (int64[providers, lots]) carries every lot and keeps every cap."""
        parts = units > 0
        limit = self.max_providers
        return bool(
            (units >= 0).all()
            and (units.sum(axis=0) == self.demand).all()
            and not (parts & ~self.reach).any()
            and (units.sum(axis=1) <= self.hours_cap).all()
            and (parts.sum(axis=1) <= self.lots_cap).all()
            and (limit is None or int(parts.any(axis=1).sum()) <= limit)
        )

    def only(self, providers: Ints) -> Terms:
        """Leave out all providers but these (positions)."""
        return replace(
            self, own_hours=self.own_hours[providers], own_lots=self.own_lots[providers],
            reach=self.reach[providers],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a model says.

    Attributes
    ----------
    units
        int64[providers, lots], a sharing-out; None where none was found.
    proven
        Whether the answer is certain: a sharing-out is there for all to see (and the value is the
        least, where one was asked for), or it is proven that there is none.
    value
        The least that the cap which gives way has to be, where one was to be minimised: units,
        lots or providers for the brief's caps; for the others the units or lots by which they
        are exceeded, added up.
    """

    units: Ints | None
    proven: bool
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """What a model is to find: see :func:`carry`; the value has to lie in floor..ceiling."""

    free: frozenset[Cap]
    least: Cap | None
    floor: int
    ceiling: int | None = None


def flow(terms: Terms) -> tuple[Ints, Bools]:
    """Carry as much as possible under the caps on hours alone, and say which lots are short.

    Parameters
    ----------
    terms
        Its limits on lots and providers are not looked at.

    Returns
    -------
    units : int64[providers, lots]
        A sharing-out of as many hours as can be carried; all of them unless ``short`` has any.
    short : bool[lots]
        The source side of a minimum cut (Ford & Fulkerson 1956): these lots together need more
        than all providers within reach of any of them can carry.
    """
    from ortools.graph.python import max_flow

    providers, lots = terms.reach.shape
    graph = max_flow.SimpleMaxFlow()
    source, sink = providers + lots, providers + lots + 1
    i, j = np.nonzero(terms.reach)
    lot_nodes = providers + np.arange(lots)
    graph.add_arcs_with_capacity(np.full(lots, source), lot_nodes, terms.demand)
    arcs = graph.add_arcs_with_capacity(providers + j, i, terms.demand[j])
    graph.add_arcs_with_capacity(np.arange(providers), np.full(providers, sink), terms.hours_cap)
    status = graph.solve(source, sink)
    if status != graph.OPTIMAL:
        raise RuntimeError(f"maximum flow ended with status {status}")
    units = np.zeros(terms.reach.shape, dtype=np.int64)
    units[i, j] = graph.flows(arcs) if len(i) else 0
    short = np.zeros(lots, dtype=np.bool_)
    for node in graph.get_source_side_min_cut():
        if providers <= node < source:
            short[node - providers] = True
    return units, short & (terms.demand > 0)


def possible(terms: Terms) -> bool:
    """Whether the plain sums leave room for a sharing-out: False is a proof that there is none.

    Looked at are the hours and the lots that the largest ``max_providers`` can take on, and the
    flow of hours to the providers within reach.
    """
    limit = terms.max_providers
    hours = np.sort(terms.hours_cap)[::-1][:limit].sum()
    parts = np.sort(terms.lots_cap)[::-1][:limit].sum()
    if hours < terms.total or parts < (terms.demand > 0).sum():
        return False
    return not flow(terms)[1].any()


def carry(
    terms: Terms, free: Collection[Cap] = (), least: Cap | None = None, *, thorough: bool = False
) -> Answer:
    """Find a sharing-out of all hours under all caps but the free ones.

    Parameters
    ----------
    terms
        Lots, providers, caps.
    free
        Caps that need not be kept.
    least
        One of the free caps, which is to give way as little as possible.
    thorough
        Whether to take several times as long before giving up.

    Returns
    -------
    Answer
        From the sums or the flow alone where these settle the matter; of the core market where
        that does; otherwise of the whole one.
    """
    free = frozenset(free)
    relaxed = _relaxed(terms, free)
    if not possible(relaxed):
        return Answer(units=None, proven=True)
    if least is None:
        units = to_forest(flow(relaxed)[0])
        if relaxed.admits(units):
            return Answer(units=units, proven=True)
    floor = 0 if least is None else _floor(terms, free, least)
    ask = _Ask(free=free, least=least, floor=floor)
    core = _core(_relaxed(terms, free - {Cap.DEMAND, Cap.OWN_HOURS}))
    whole = len(core) == len(terms.own_hours)
    # A sharing-out at the floor is the least there can be, and is found far sooner than a least.
    tries = [ask] if least is None else [replace(ask, ceiling=floor), ask]
    for_core, for_whole = _THOROUGH if thorough else _QUICK
    answer = Answer(units=None, proven=False)
    for asked in tries:
        answer = _solve(terms.only(core), asked, for_core)
        if answer.units is not None:
            units = np.zeros(terms.reach.shape, dtype=np.int64)
            units[core] = answer.units
            proven = least is None or answer.value == floor or (whole and answer.proven)
            return Answer(units=units, proven=proven, value=answer.value)
    if whole and answer.proven:
        return answer
    return _solve(terms, ask, for_whole)


def _relaxed(terms: Terms, free: Collection[Cap]) -> Terms:
    """Take the free caps away."""
    gone: dict[str, Any] = {}
    if Cap.HOURS in free:
        gone["max_hours"] = None
    if Cap.SHARE in free:
        gone["max_share"] = None
    if Cap.LOTS in free:
        gone["max_lots"] = None
    if Cap.PROVIDERS in free:
        gone["max_providers"] = None
    if Cap.REACH in free:
        gone["reach"] = np.ones_like(terms.reach)
    if Cap.OWN_LOTS in free:
        gone["own_lots"] = np.full_like(terms.own_lots, len(terms.demand))
    if Cap.OWN_HOURS in free:
        gone["own_hours"] = np.full_like(terms.own_hours, terms.total)
    if Cap.DEMAND in free:
        gone["demand"] = np.zeros_like(terms.demand)
    return replace(terms, **gone)


def _floor(terms: Terms, free: frozenset[Cap], least: Cap) -> int:
    """Return what the cap has to give way by at the least, going by :func:`possible` alone."""
    rest = _relaxed(terms, free - {least})
    if least in _SCALARS:
        low, high = getattr(rest, _SCALARS[least]), max(terms.total, *terms.reach.shape)
        while low < high:
            middle = (low + high) // 2
            if possible(replace(rest, **{_SCALARS[least]: middle})):
                high = middle
            else:
                low = middle + 1
        return int(low)
    limit = rest.max_providers
    if least == Cap.OWN_LOTS:
        parts = np.sort(rest.lots_cap)[::-1][:limit].sum()
        return max(0, int((rest.demand > 0).sum() - parts))
    carried = flow(rest)[0].sum()
    if least != Cap.REACH:
        carried = min(carried, np.sort(rest.hours_cap)[::-1][:limit].sum())
    return max(0, int(rest.total - carried))


def _core(relaxed: Terms) -> Ints:
    room = relaxed.hours_cap
    by_size = np.argsort(-room, kind="stable")
    enough = int(np.searchsorted(np.cumsum(room[by_size]), relaxed.total)) + 1
    if relaxed.max_providers is not None:
        enough = relaxed.max_providers
    wanted = {int(i) for i in by_size[: int(_CORE * enough) + 1]}
    for lot in range(len(relaxed.demand)):
        within = by_size[relaxed.reach[by_size, lot]]
        wanted.update(int(i) for i in within[:_CORE_PER_LOT])
    return np.array(sorted(wanted), dtype=np.int64)


def _solve(terms: Terms, ask: _Ask, effort: float) -> Answer:
    from ortools.sat.python import cp_model

    model = _Model(terms, ask)
    any_will_do = ask.least is None or ask.ceiling == ask.floor
    solver = cp_model.CpSolver()
    # Else it takes Ctrl-C for itself, and leaves it to kill the program without a word.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = effort
    solver.parameters.stop_after_first_solution = any_will_do
    status = solver.solve(model.model)
    if status in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Answer(
            units=model.read(solver), proven=any_will_do or status == cp_model.OPTIMAL,
            value=None if ask.least is None else int(solver.value(model.value)),
        )
    if status == cp_model.INFEASIBLE:
        return Answer(units=None, proven=True)
    if status == cp_model.UNKNOWN:
        return Answer(units=None, proven=False)
    raise RuntimeError(f"CP-SAT: {solver.status_name(status)}: {model.model.validate()}")


class _Model:
    """``x[i][j]``: units of lot j with provider i; ``z[i]``: i has any.

    ``y[i][j]`` (i has a part of j) is there only where a limit on lots can bind.
    """

    def __init__(self, terms: Terms, ask: _Ask) -> None:
        free, least = ask.free, ask.least
        from ortools.sat.python import cp_model

        self.model: cp_model.CpModel = cp_model.CpModel()
        providers, self.lots = terms.reach.shape
        self.most = self._upper_bounds(terms, free)
        self.x: list[dict[int, Any]] = [
            {j: self.model.new_int_var(0, int(self.most[i, j]), "")
             for j in np.flatnonzero(self.most[i]).tolist()}
            for i in range(providers)
        ]
        self.y: list[dict[int, Any]] = [{} for _ in range(providers)]
        self.z = [self.model.new_bool_var("") for _ in range(providers)]
        # What the objective counts, by the cap it is the least of; a free cap that is not
        # minimised costs nothing.
        self.cost: dict[Cap, list[Any]] = {cap: [] for cap in Cap}
        self.cost[Cap.PROVIDERS] = list(self.z)
        self.cost[Cap.REACH] = [
            x for i, row in enumerate(self.x) for j, x in row.items() if not terms.reach[i, j]]
        self._hours(terms, free, least)
        self._parts(terms, free, least)
        self._demand(terms, free)
        if terms.max_providers is not None and Cap.PROVIDERS not in free:
            self.model.add(sum(self.z) <= terms.max_providers)
        self.value: Any = sum(self.cost[least or Cap.PROVIDERS])
        self.model.add(self.value >= ask.floor)
        if ask.ceiling is None:
            self.model.minimize(self.value)
        else:
            # Any value up to the ceiling will do, but the wish for few providers is what leads
            # the search to a sharing-out.
            self.model.add(self.value <= ask.ceiling)
            self.model.minimize(sum(self.z))

    @staticmethod
    def _upper_bounds(terms: Terms, free: frozenset[Cap]) -> Ints:
        relaxed = _relaxed(terms, free - {Cap.DEMAND})
        most = np.minimum(relaxed.hours_cap[:, None], relaxed.demand[None, :])
        return np.where(relaxed.reach, most, 0)

    def _hours(self, terms: Terms, free: frozenset[Cap], least: Cap | None) -> None:
        fixed: list[int] = []
        moving: list[Any] = []
        for cap, limit in ((Cap.HOURS, terms.max_hours), (Cap.SHARE, terms.max_share)):
            if limit is None:
                continue
            if cap not in free:
                fixed.append(min(limit, terms.total))
            elif cap == least:
                moving.append(self.model.new_int_var(limit, max(limit, terms.total), ""))
                self.cost[cap] = list(moving)
        for i, own in enumerate(terms.own_hours.tolist()):
            if not self.x[i]:
                continue
            taken = sum(self.x[i].values())
            room: Any = min(own, terms.total) * self.z[i]
            if Cap.OWN_HOURS in free:
                more = self.model.new_int_var(0, terms.total, "")
                self.model.add(more <= terms.total * self.z[i])
                self.cost[Cap.OWN_HOURS].append(more)
                room = room + more
            self.model.add(taken <= room)
            for limit in fixed:
                self.model.add(taken <= limit * self.z[i])
            for limit in moving:
                self.model.add(taken <= limit)

    def _parts(self, terms: Terms, free: frozenset[Cap], least: Cap | None) -> None:
        fixed = terms.max_lots if Cap.LOTS not in free else None
        moving: Any = None
        if terms.max_lots is not None and least == Cap.LOTS:
            moving = self.model.new_int_var(
                min(terms.max_lots, self.lots), max(terms.max_lots, self.lots), "")
            self.cost[Cap.LOTS].append(moving)
        for i, own in enumerate(terms.own_lots.tolist()):
            row = self.x[i]
            limit = own if fixed is None else min(own, fixed)
            binds = limit < len(row) or moving is not None
            for j, x in row.items():
                used = self.z[i]
                if binds:
                    used = self.y[i][j] = self.model.new_bool_var("")
                    self.model.add_implication(used, self.z[i])
                self.model.add(x <= int(self.most[i, j]) * used)
            if not binds:
                continue
            parts = sum(self.y[i].values())
            room: Any = own * self.z[i]
            if Cap.OWN_LOTS in free:
                more = self.model.new_int_var(0, self.lots, "")
                self.cost[Cap.OWN_LOTS].append(more)
                room = room + more
            self.model.add(parts <= room)
            if fixed is not None:
                self.model.add(parts <= fixed * self.z[i])
            if moving is not None:
                self.model.add(parts <= moving)

    def _demand(self, terms: Terms, free: frozenset[Cap]) -> None:
        for j in np.flatnonzero(terms.demand).tolist():
            wanted = int(terms.demand[j])
            parts = [row[j] for row in self.x if j in row]
            if Cap.DEMAND in free:
                left = self.model.new_int_var(0, wanted, "")
                self.cost[Cap.DEMAND].append(left)
                parts.append(left)
            if parts:
                self.model.add(sum(parts) == wanted)
            else:
                self.model.add_bool_or([])  # never true: nobody reaches this lot

    def read(self, solver: cp_model.CpSolver) -> Ints:
        """Return the sharing-out of a solution."""
        units = np.zeros((len(self.x), self.lots), dtype=np.int64)
        for i, row in enumerate(self.x):
            for j, x in row.items():
                units[i, j] = solver.value(x)
        return units


def exceeded(terms: Terms, cap: Cap, units: Ints) -> Answer:
    """Say by how much a sharing-out exceeds a cap, whether or not that is the least.

    Returns
    -------
    Answer
        ``value`` as :func:`carry` has it, never below the cap itself; not proven.
    """
    parts = units > 0
    values = {
        Cap.PROVIDERS: int(parts.any(axis=1).sum()),
        Cap.HOURS: int(units.sum(axis=1).max(initial=0)),
        Cap.SHARE: int(units.sum(axis=1).max(initial=0)),
        Cap.LOTS: int(parts.sum(axis=1).max(initial=0)),
        Cap.REACH: int(units[~terms.reach].sum()),
        Cap.OWN_LOTS: int(np.maximum(parts.sum(axis=1) - terms.own_lots, 0).sum()),
        Cap.OWN_HOURS: int(np.maximum(units.sum(axis=1) - terms.own_hours, 0).sum()),
        Cap.DEMAND: int((terms.demand - units.sum(axis=0)).sum()),
    }
    value = values[cap]
    if cap in _SCALARS:
        value = max(value, getattr(terms, _SCALARS[cap]))
    return Answer(units=units, proven=False, value=value)


def changed(terms: Terms, cap: Cap, answer: Answer) -> Terms:
    """Let a cap give way as far as an answer of :func:`carry` asks for.

    Parameters
    ----------
    terms
        As given to :func:`carry`.
    cap
        The cap that was to give way as little as possible.
    answer
        What :func:`carry` said; it holds a sharing-out.

    Returns
    -------
    Terms
        With that one cap changed. When it alone was free, they admit the sharing-out.
    """
    assert answer.units is not None
    units = answer.units
    if cap in _SCALARS:
        return replace(terms, **{_SCALARS[cap]: answer.value})  # type: ignore[arg-type]
    if cap == Cap.REACH:
        return replace(terms, reach=terms.reach | (units > 0))
    if cap == Cap.OWN_LOTS:
        return replace(terms, own_lots=np.maximum(terms.own_lots, (units > 0).sum(axis=1)))
    if cap == Cap.OWN_HOURS:
        return replace(terms, own_hours=np.maximum(terms.own_hours, units.sum(axis=1)))
    return replace(terms, demand=units.sum(axis=0))


def to_forest(units: Ints) -> Ints:
    """Share out the same hours in fewer parts.

    Parameters
    ----------
    units
        int64[providers, lots], 0 or more.

    Returns
    -------
    numpy.ndarray
        int64[providers, lots] with the same sums by lot and by provider, parts only where
        ``units`` has one, and fewer parts than there are providers and lots together.

    Notes
    -----
    Where the parts go round in a circle (A has some of lots 1 and 2, and so has B), hours are
    passed round it until one part is nil. What is left is a forest, as every basic solution of a
    transport problem is (Dantzig 1951).

    Examples
    --------
    >>> to_forest(np.array([[300, 100], [200, 400]])).tolist()
    [[400, 0], [100, 500]]
    """
    import networkx as nx

    forest: nx.Graph[int] = nx.Graph()
    providers, lots = units.shape
    forest.add_nodes_from(range(providers + lots))
    result = np.zeros_like(units)
    # The largest first, so that the slivers are what is passed round.
    order = sorted(np.argwhere(units > 0).tolist(), key=lambda ij: -int(units[ij[0], ij[1]]))
    for i, j in order:
        result[i, j] = units[i, j]
        if not nx.has_path(forest, providers + j, i):
            forest.add_edge(i, providers + j)
            continue
        path = nx.shortest_path(forest, providers + j, i)
        forest.add_edge(i, providers + j)
        circle = [(i, j)] + [
            (min(a, b), max(a, b) - providers) for a, b in pairwise(path)]
        sides = circle[0::2], circle[1::2]
        down, up = sorted(sides, key=lambda side: min(int(result[ij]) for ij in side))
        least = min(int(result[ij]) for ij in down)
        for ij in down:
            result[ij] -= least
            if result[ij] == 0:
                forest.remove_edge(ij[0], providers + ij[1])
        for ij in up:
            result[ij] += least
    return result
