"""The numbers behind the market check: can these providers carry these lots under these caps?

Two exact models. Without limits on the number of lots and providers the question is one of flow
(a transport problem), and where the answer is no, its cut names the lots that are short. With
them it is a fixed-charge transport problem, which CP-SAT solves; a cap that has to give way
becomes a variable of the same model, and the least value of it the smallest change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
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
    "flow",
    "to_forest",
]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNITS_PER_HOUR = 100
"""The models count whole hundredths of an hour (36 seconds a week).

Lots are rounded down and caps up, so that rounding never makes a market fail that would do; a
sharing-out found may be over a cap by less than 0.01 h a lot.
"""

#: CP-SAT's deterministic time (about seconds) for each model solved: the same on any machine.
_EFFORT_CORE = 2.0
_EFFORT_FULL = 8.0
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
        """Units each provider may take on in all, under every cap on hours; int64[providers]."""
        caps = [c for c in (self.max_hours, self.max_share) if c is not None]
        return np.minimum(self.own_hours, min(caps)) if caps else self.own_hours

    @property
    def lots_cap(self) -> Ints:
        """Lots each provider may have a part of, under every cap on lots; int64[providers]."""
        caps = self.own_lots if self.max_lots is None else np.minimum(self.own_lots, self.max_lots)
        return np.minimum(caps, self.reach[:, self.demand > 0].sum(axis=1))

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
        """The same terms for some of the providers (their positions)."""
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


def carry(terms: Terms, free: Collection[Cap] = (), least: Cap | None = None) -> Answer:
    """Find a sharing-out of all hours under all caps but the free ones.

    Parameters
    ----------
    terms
        Lots, providers, caps.
    free
        Caps that need not be kept.
    least
        One of the free caps, which is to give way as little as possible.

    Returns
    -------
    Answer
        Of the core market where that settles the matter, otherwise of the whole one.
    """
    free = frozenset(free)
    core = _core(terms, free)
    whole = len(core) == len(terms.own_hours)
    found: Ints | None = None
    value: int | None = None
    if not whole:
        first = _solve(terms.only(core), free, least, _EFFORT_CORE, None)
        if first.units is not None:
            found = np.zeros(terms.reach.shape, dtype=np.int64)
            found[core] = first.units
            value = first.value
            if least is None:
                return Answer(units=found, proven=True)
    answer = _solve(terms, free, least, _EFFORT_FULL, found)
    if found is not None and (
        answer.units is None or (answer.value or 0) > (value or 0)
    ):
        return Answer(units=found, proven=False, value=value)
    return answer


def _core(terms: Terms, free: frozenset[Cap]) -> Ints:
    room = _without(terms, free).hours_cap
    by_size = np.argsort(-room, kind="stable")
    enough = int(np.searchsorted(np.cumsum(room[by_size]), terms.total)) + 1
    wanted = {int(i) for i in by_size[: int(_CORE * enough) + 1]}
    for lot in range(len(terms.demand)):
        within = by_size[terms.reach[by_size, lot]]
        wanted.update(int(i) for i in within[:_CORE_PER_LOT])
    return np.array(sorted(wanted), dtype=np.int64)


def _without(terms: Terms, free: Collection[Cap]) -> Terms:
    """The terms with the brief's free caps on hours and lots taken away."""
    gone: dict[str, Any] = {}
    if Cap.HOURS in free:
        gone["max_hours"] = None
    if Cap.SHARE in free:
        gone["max_share"] = None
    if Cap.LOTS in free:
        gone["max_lots"] = None
    if Cap.PROVIDERS in free:
        gone["max_providers"] = None
    return replace(terms, **gone)


def _solve(
    terms: Terms, free: frozenset[Cap], least: Cap | None, effort: float, hint: Ints | None
) -> Answer:
    from ortools.sat.python import cp_model

    model = _Model(terms, free, least)
    if hint is not None:
        model.hint(hint)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = effort
    # Any sharing-out will do, but the wish for few providers is what leads the search to one.
    solver.parameters.stop_after_first_solution = least is None
    status = solver.solve(model.model)
    if status in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Answer(
            units=model.read(solver), proven=least is None or status == cp_model.OPTIMAL,
            value=None if least is None else round(solver.objective_value),
        )
    if status == cp_model.INFEASIBLE:
        return Answer(units=None, proven=True)
    if status == cp_model.UNKNOWN:
        return Answer(units=None, proven=False)
    raise RuntimeError(f"CP-SAT: {solver.status_name(status)}: {model.model.validate()}")


class _Model:
    """``x[i][j]``: units of lot j with provider i; ``y[i][j]``: i has a part of j; ``z[i]``: of any.

    ``y`` is there only where a limit on lots can bind.
    """

    def __init__(self, terms: Terms, free: frozenset[Cap], least: Cap | None) -> None:
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
        self.model.minimize(sum(self.cost[least or Cap.PROVIDERS]))

    @staticmethod
    def _upper_bounds(terms: Terms, free: frozenset[Cap]) -> Ints:
        own = np.full_like(terms.own_hours, terms.total) if Cap.OWN_HOURS in free else terms.own_hours
        room = _without(replace(terms, own_hours=own), free).hours_cap
        most = np.minimum(room[:, None], terms.demand[None, :])
        return most if Cap.REACH in free else np.where(terms.reach, most, 0)

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

    def hint(self, units: Ints) -> None:
        """Start from a sharing-out known."""
        for i, z in enumerate(self.z):
            self.model.add_hint(z, bool(units[i].any()))
            for j, x in self.x[i].items():
                self.model.add_hint(x, int(units[i, j]))
            for j, y in self.y[i].items():
                self.model.add_hint(y, bool(units[i, j]))

    def read(self, solver: cp_model.CpSolver) -> Ints:
        """Return the sharing-out of a solution."""
        units = np.zeros((len(self.x), self.lots), dtype=np.int64)
        for i, row in enumerate(self.x):
            for j, x in row.items():
                units[i, j] = solver.value(x)
        return units


def changed(terms: Terms, cap: Cap, answer: Answer) -> Terms:
    """The terms once a cap has given way as far as an answer of :func:`carry` asks for."""
    assert answer.units is not None
    units = answer.units
    value = answer.value
    if cap == Cap.PROVIDERS:
        return replace(terms, max_providers=value)
    if cap == Cap.HOURS:
        return replace(terms, max_hours=value)
    if cap == Cap.SHARE:
        return replace(terms, max_share=value)
    if cap == Cap.LOTS:
        return replace(terms, max_lots=value)
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
            (min(a, b), max(a, b) - providers) for a, b in zip(path, path[1:], strict=False)]
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
