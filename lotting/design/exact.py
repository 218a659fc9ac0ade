"""The exact model of one place: Hess's assignment model, solved by HiGHS through OR-Tools.

SCIP and CP-SAT can take its place. Connectivity is added as (a, b)-separator cuts only where a
solution breaks it (Oehrlein & Haunert 2017; Validi, Buchanan & Lykhovyd 2022). A search that finds
nothing is no proof that nothing exists; this model is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from ortools.math_opt.python import mathopt

from .instance import SLACK, Instance, Ints
from .stop import Stop

__all__ = ["Exact", "Verdict", "solve_exactly"]


_SOLVERS = {
    "highs": mathopt.SolverType.HIGHS,
    "scip": mathopt.SolverType.GSCIP,
    "cp-sat": mathopt.SolverType.CP_SAT,
}


class Verdict(StrEnum):
    """What the exact model can say."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Exact:
    """Answer of the exact model.

    Attributes
    ----------
    verdict
        ``optimal``: ``lot`` is the best plan there is; ``infeasible``: there is none (below the
        cut-off that made the model small, if any); ``unknown``: time or nodes ran out.
    lot
        Lot number of each unit where a connected plan was found.
    bound
        Lower bound on the weighted objective; -inf where none is known.
    rounds
        Times the model was solved, with more cuts each time.
    timed_out
        Whether it was the clock that ended it: another run may then end elsewhere.
    """

    verdict: Verdict
    lot: Ints | None
    bound: float
    rounds: int
    timed_out: bool = False


def solve_exactly(
    instance: Instance,
    *,
    stop: Stop,
    open_centre: npt.NDArray[np.bool_] | None = None,
    open_pair: npt.NDArray[np.bool_] | None = None,
    hint: Ints | None = None,
    node_limit: int = 20_000,
    feasibility: bool = False,
    solver: str = "highs",
) -> Exact:
    """Solve one place to proven optimality, or say that it has no plan.

    Parameters
    ----------
    instance
        The place. Its aims may hold distance, equality and mix; not moved.
    stop
        Its time left bounds each solve.
    open_centre, open_pair
        What is left after reduced-cost fixing (bool[m], bool[n, m]); everything when left out.
    hint
        A plan known.
    node_limit
        Branch-and-bound nodes a solve, so that a repeated run ends at the same place.
    feasibility
        Any plan will do: no objective.
    solver
        ``highs``, ``scip`` or ``cp-sat``. CP-SAT counts no nodes: it is held to the clock alone.

    Returns
    -------
    Exact
    """
    if stop():
        return Exact(Verdict.UNKNOWN, None, -np.inf, 0, timed_out=True)
    model = _Model(instance, open_centre, open_pair, feasibility=feasibility)
    if model.hopeless:
        return Exact(Verdict.INFEASIBLE, None, np.inf, 0)
    if hint is not None:
        model.hint(hint)
    bound, rounds = -np.inf, 0
    while True:
        left = stop.left()
        if left < 0.05:
            stop.ran_out |= not stop.interrupted.is_set()
            return Exact(Verdict.UNKNOWN, None, bound, rounds, timed_out=True)
        result = mathopt.solve(
            model.model, _SOLVERS[solver],
            params=mathopt.SolveParameters(
                time_limit=dt.timedelta(seconds=left),
                node_limit=None if solver == "cp-sat" else node_limit,
                random_seed=1, relative_gap_tolerance=1e-7,
            ),
            model_params=mathopt.ModelSolveParameters(solution_hints=model.hints),
        )
        rounds += 1
        reason = result.termination.reason
        timed_out = (
            reason != mathopt.TerminationReason.OPTIMAL
            and result.termination.limit == mathopt.Limit.TIME
        )
        if timed_out:
            stop.ran_out |= not stop.interrupted.is_set()
        if reason in {
            mathopt.TerminationReason.INFEASIBLE,
            mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED,
        }:
            return Exact(Verdict.INFEASIBLE, None, np.inf, rounds)
        dual = result.termination.objective_bounds.dual_bound
        if np.isfinite(dual):
            bound = max(bound, float(dual))
        if not result.has_primal_feasible_solution():
            return Exact(Verdict.UNKNOWN, None, bound, rounds, timed_out)
        lot = model.read(result)
        if not model.cut(lot):
            verdict = (
                Verdict.OPTIMAL if reason == mathopt.TerminationReason.OPTIMAL or feasibility
                else Verdict.UNKNOWN
            )
            return Exact(verdict, model.numbered(lot), bound, rounds, timed_out)
        if reason != mathopt.TerminationReason.OPTIMAL:
            return Exact(Verdict.UNKNOWN, None, bound, rounds, timed_out)


class _Model:
    """The MathOpt model; ``x[i, j]``: unit i is in the lot of centre j; ``y[j]``: j is a centre."""

    def __init__(
        self,
        instance: Instance,
        open_centre: npt.NDArray[np.bool_] | None,
        open_pair: npt.NDArray[np.bool_] | None,
        *,
        feasibility: bool,
    ) -> None:
        n, m = instance.cost.shape
        self.instance = instance
        self.model = mathopt.Model(name="lots")
        centres = np.arange(m) if open_centre is None else np.flatnonzero(open_centre)
        pairs = np.ones((n, m), bool) if open_pair is None else open_pair
        aims, w = instance.aims, instance.distance_weight
        self.y: dict[int, Any] = {int(j): self.model.add_binary_variable() for j in centres}
        self.x: dict[tuple[int, int], Any] = {}
        self.hints: list[mathopt.SolutionHint] = []
        rows: list[list[Any]] = [[] for _ in range(n)]
        costs: list[Any] = []
        for j, y in self.y.items():
            own = int(instance.centre_unit[j])
            units = [int(i) for i in np.flatnonzero(pairs[:, j]) if i != own]
            self.x[own, j] = y
            rows[own].append(y)
            costs.append(float(w * instance.cost[own, j]) * y)
            hours = [float(instance.hours[own]) * y]
            rural = [float(instance.rural[own]) * y]
            for i in units:
                x = self.model.add_binary_variable()
                self.x[i, j] = x
                rows[i].append(x)
                self.model.add_linear_constraint(x <= y)
                costs.append(float(w * instance.cost[i, j]) * x)
                hours.append(float(instance.hours[i]) * x)
                rural.append(float(instance.rural[i]) * x)
            load: Any = mathopt.LinearSum(hours)
            if np.isfinite(instance.hi):
                self.model.add_linear_constraint(load <= (instance.hi + SLACK / 2) * y)
            self.model.add_linear_constraint(load >= (instance.lo - SLACK / 2) * y)
            if aims.equality and not feasibility:
                off = self.model.add_variable(lb=0.0)
                self.model.add_linear_constraint(off >= load - instance.target * y)
                self.model.add_linear_constraint(off >= instance.target * y - load)
                costs.append(aims.equality * off)
            if aims.mix and not feasibility:
                off = self.model.add_variable(lb=0.0)
                excess: Any = mathopt.LinearSum(rural) - instance.rural_share * load
                self.model.add_linear_constraint(off >= excess)
                self.model.add_linear_constraint(off >= -1.0 * excess)
                costs.append(aims.mix * off)
        self.hopeless = any(not row for row in rows) or len(self.y) < instance.lots
        if self.hopeless:
            return
        for row in rows:
            self.model.add_linear_constraint(mathopt.LinearSum(row) == 1.0)
        self.model.add_linear_constraint(mathopt.LinearSum(self.y.values()) == float(instance.lots))
        self._lock()
        if not feasibility:
            self.model.minimize(mathopt.LinearSum(costs))

    def _lock(self) -> None:
        """Units that share a lot share a centre; units apart do not."""
        for a, b in self.instance.same:
            for j in self.y:
                left, right = self.x.get((int(a), j)), self.x.get((int(b), j))
                if left is not None and right is not None:
                    self.model.add_linear_constraint(left - right == 0.0)
                elif left is not None or right is not None:
                    only: Any = left if left is not None else right
                    self.model.add_linear_constraint(only <= 0.0)
        for a, b in self.instance.apart:
            for j, y in self.y.items():
                left, right = self.x.get((int(a), j)), self.x.get((int(b), j))
                if left is not None and right is not None:
                    self.model.add_linear_constraint(left + right <= y)

    def hint(self, lot: Ints) -> None:
        """Tell the solver a plan it can start from."""
        instance = self.instance
        values: dict[Any, float] = {}
        for k in range(instance.lots):
            inside = np.flatnonzero(lot == k)
            own = [int(j) for j in np.flatnonzero(np.isin(instance.centre_unit, inside)) if int(j) in self.y]
            if not own:
                return
            sums = instance.cost[inside][:, own].sum(axis=0)
            j = own[int(np.argmin(sums))]
            if any((int(i), j) not in self.x for i in inside):
                return
            values |= {self.x[int(i), j]: 1.0 for i in inside}
        for variable in [*self.y.values(), *self.x.values()]:
            values.setdefault(variable, 0.0)
        self.hints = [mathopt.SolutionHint(variable_values=values)]

    def read(self, result: Any) -> Ints:
        """Centre of each unit in a solution."""
        keys = list(self.x)
        values = result.variable_values([self.x[key] for key in keys])
        lot = np.full(self.instance.size, -1, np.int64)
        for (i, j), value in zip(keys, values, strict=True):
            if value > 0.5:
                lot[i] = j
        return lot

    def numbered(self, lot: Ints) -> Ints:
        """Lots numbered 0 .. K-1 in place of their centres."""
        return np.unique(lot, return_inverse=True)[1].astype(np.int64)

    def cut(self, lot: Ints) -> int:
        """Cut off each piece of a lot that has lost its centre; return the number of cuts.

        The cut holds for every centre, not only for the one at fault: a piece that is cut off
        from one is often tried with the next.
        """
        instance, added = self.instance, 0
        for j in np.unique(lot):
            own = int(instance.centre_unit[j])
            for piece in instance.components(lot, int(j)):
                if own not in piece:
                    added += sum(self._cut_off(piece, centre) for centre in self.y)
        return added

    def _cut_off(self, piece: list[int], j: int) -> int:
        """A unit of the piece joins centre j only with a unit that separates the two."""
        own = int(self.instance.centre_unit[j])
        inside = [i for i in piece if (i, j) in self.x]
        if not inside or own in piece:
            return 0
        separator = self._separator(set(piece), own)
        if separator == [own]:  # the centre touches the piece: nothing to cut
            return 0
        through = mathopt.LinearSum([self.x[v, j] for v in separator if (v, j) in self.x])
        for i in inside:
            self.model.add_linear_constraint(self.x[i, j] <= through)
        return len(inside)

    def _separator(self, piece: set[int], own: int) -> list[int]:
        """Return a minimal set of units between the piece and the centre."""
        instance = self.instance
        rim = {int(v) for i in piece for v in instance.neighbours(i)} - piece
        reached, stack = {own}, [own]
        touched: set[int] = set()
        if own in rim:
            return [own]
        while stack:
            for v in instance.neighbours(stack.pop()):
                unit = int(v)
                if unit in rim:
                    touched.add(unit)
                elif unit not in reached and unit not in piece:
                    reached.add(unit)
                    stack.append(unit)
        return sorted(touched)
