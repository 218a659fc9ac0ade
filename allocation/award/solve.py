"""Solve a PuLP problem with HiGHS, SCIP or CP-SAT through OR-Tools, or with PuLP's own CBC.

``highspy`` is not used: it cannot share a process with OR-Tools. The problem goes over as it would go
to an MPS file: same variables, same rows.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import math
import re
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pulp
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from ortools.math_opt.solvers import highs_pb2
from scipy.sparse import csr_array

from allocation.solver import run_solver

__all__ = ["SOLVERS", "Laid", "Outcome", "Solution", "Solver", "solve_problem"]

Floats = npt.NDArray[np.float64]
Solver = Literal["highs", "cp-sat", "cbc", "scip"]

_TYPES = {
    "highs": mathopt.SolverType.HIGHS,
    "cp-sat": mathopt.SolverType.CP_SAT,
    "scip": mathopt.SolverType.GSCIP,
}
SOLVERS: tuple[Solver, ...] = ("highs", "cp-sat", "cbc", "scip")
# Starting over after the root cost a third of the time on markets with unequal shares, and won nothing.
_HIGHS = highs_pb2.HighsOptionsProto(bool_options={"mip_allow_restart": False})
_NONE = {
    mathopt.TerminationReason.INFEASIBLE,
    mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED,
}


class Outcome(StrEnum):
    """What a solver can say."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Solution:
    """A solver's answer, in the units of the problem's objective.

    Attributes
    ----------
    outcome
        ``optimal`` is within the gap asked for.
    values
        Value of each variable by name; whole variables are whole. Empty where nothing was found.
    objective, bound
        NaN where there is none.
    seconds
        Of the solver alone.
    """

    outcome: Outcome
    values: Mapping[str, float]
    objective: float
    bound: float
    seconds: float


def solve_problem(
    problem: pulp.LpProblem | Laid,
    *,
    solver: Solver = "highs",
    time_limit_s: float = 60.0,
    seed: int = 1,
    gap_pct: float = 0.0,
    start: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    threads: int | None = None,
) -> Solution:
    """Solve a problem.

    Parameters
    ----------
    problem
        A mixed-integer problem; names of variables differ. Laid out already (:class:`Laid`), it can be
        solved again sooner.
    solver
        ``highs``, ``scip``, ``cp-sat`` or ``cbc``.
    time_limit_s
        Seconds at most.
    seed
        For the solver's own draws.
    gap_pct
        Stop when the bound is so near; 0 is to the last decimal.
    start
        A solution known, by name; variables left out count as 0. CBC takes none.
    fixed
        Values that variables keep, by name; not with CBC.
    threads
        HiGHS cannot change them within one process: leave it out there.
    """
    if solver == "cbc":
        if fixed or isinstance(problem, Laid):
            raise ValueError("CBC takes problems of PuLP alone, whole")
        return _cbc(problem, time_limit_s, seed, gap_pct, threads)
    begin = time.perf_counter()
    laid, settled = problem if isinstance(problem, Laid) else Laid.of(problem), 0.0
    if fixed:
        laid, settled = laid.without(fixed)
    model = laid.model()
    variables = list(model.variables())
    hints = []
    if start:
        hints = [mathopt.SolutionHint(variable_values={
            v: float(start.get(name, 0.0)) for name, v in zip(laid.names, variables, strict=True)})]
    result = run_solver(
        model, _TYPES[solver],
        params=mathopt.SolveParameters(
            time_limit=dt.timedelta(seconds=max(time_limit_s, 0.01)), random_seed=seed, threads=threads,
            relative_gap_tolerance=max(gap_pct / 100, 1e-9), absolute_gap_tolerance=1e-6, highs=_HIGHS),
        model_params=mathopt.ModelSolveParameters(solution_hints=hints))
    seconds = time.perf_counter() - begin
    reason, bound = result.termination.reason, float(result.termination.objective_bounds.dual_bound)
    if reason in _NONE:
        return Solution(Outcome.INFEASIBLE, {}, math.nan, math.nan, seconds)
    bound = bound if math.isfinite(bound) else math.nan
    if not result.has_primal_feasible_solution():
        return Solution(Outcome.UNKNOWN, {}, math.nan, bound + settled, seconds)
    raw = np.array(result.variable_values(variables))
    raw[laid.whole] = raw[laid.whole].round()
    values = {**dict(zip(laid.names, raw.tolist(), strict=True)), **(fixed or {})}
    outcome = Outcome.OPTIMAL if reason == mathopt.TerminationReason.OPTIMAL else Outcome.FEASIBLE
    return Solution(outcome, values, float(result.objective_value()) + settled, bound + settled, seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A problem as arrays: what does not change from one call of the solver to the next.

    Attributes
    ----------
    names, number
        Names of the variables, and their numbers.
    low, high, whole, cost
        Bounds, whether whole, and weight in the objective of each variable.
    row_low, row_high
        Bounds of the rows.
    matrix
        Rows x variables.
    maximise
        Whether the objective is.
    """

    names: tuple[str, ...]
    number: Mapping[str, int]
    low: Floats
    high: Floats
    whole: npt.NDArray[np.bool_]
    cost: Floats
    row_low: Floats
    row_high: Floats
    matrix: csr_array
    maximise: bool

    @classmethod
    def of(cls, problem: pulp.LpProblem) -> Laid:
        """Lay a problem out."""
        variables = problem.variables()
        number = {v.name: i for i, v in enumerate(variables)}
        lows, highs, rows, columns, weights = [], [], [], [], []
        for i, constraint in enumerate(problem.constraints()):
            rhs = -float(constraint.constant)
            lows.append(-math.inf if constraint.sense == pulp.LpConstraintLE else rhs)
            highs.append(math.inf if constraint.sense == pulp.LpConstraintGE else rhs)
            for variable, weight in constraint.items():
                rows.append(i)
                columns.append(number[variable.name])
                weights.append(float(weight))
        cost = np.zeros(len(variables))
        for variable, weight in problem.objective.items():
            cost[number[variable.name]] = weight
        shape = (len(lows), len(variables))
        return cls(
            names=tuple(number), number=number,
            low=np.array([-math.inf if v.lowBound is None else float(v.lowBound) for v in variables]),
            high=np.array([math.inf if v.upBound is None else float(v.upBound) for v in variables]),
            whole=np.array([v.cat == pulp.LpInteger for v in variables], bool), cost=cost,
            row_low=np.array(lows), row_high=np.array(highs),
            matrix=csr_array((weights, (rows, columns)), shape=shape),
            maximise=problem.sense == pulp.LpMaximize)

    def without(self, fixed: Mapping[str, float]) -> tuple[Laid, float]:
        """Return the problem of the other variables, and what the fixed ones add to the objective."""
        at = np.array([self.number[name] for name in fixed], np.int64)
        value = np.zeros(len(self.names))
        value[at] = np.array(list(fixed.values()), float)
        free = np.ones(len(self.names), bool)
        free[at] = False
        rest = csr_array(self.matrix[:, free])
        rows = np.diff(rest.indptr) > 0
        done = self.matrix @ value
        names = tuple(itertools.compress(self.names, free))
        return Laid(
            names=names, number={name: i for i, name in enumerate(names)}, low=self.low[free],
            high=self.high[free], whole=self.whole[free], cost=self.cost[free],
            row_low=(self.row_low - done)[rows], row_high=(self.row_high - done)[rows],
            matrix=csr_array(rest[rows]), maximise=self.maximise), float(self.cost @ value)

    def model(self) -> mathopt.Model:
        """Return the same problem for MathOpt, its variables in order."""
        proto = model_pb2.ModelProto(name="award")
        table = proto.variables
        table.ids.extend(range(len(self.names)))
        table.lower_bounds.extend(self.low)
        table.upper_bounds.extend(self.high)
        table.integers.extend(self.whole.tolist())
        proto.linear_constraints.ids.extend(range(len(self.row_low)))
        proto.linear_constraints.lower_bounds.extend(self.row_low)
        proto.linear_constraints.upper_bounds.extend(self.row_high)
        self.matrix.sort_indices()
        entries = self.matrix.tocoo()
        proto.linear_constraint_matrix.row_ids.extend(entries.coords[0].tolist())
        proto.linear_constraint_matrix.column_ids.extend(entries.coords[1].tolist())
        proto.linear_constraint_matrix.coefficients.extend(entries.data)
        proto.objective.maximize = self.maximise
        at = np.flatnonzero(self.cost)
        proto.objective.linear_coefficients.ids.extend(at.tolist())
        proto.objective.linear_coefficients.values.extend(self.cost[at])
        return mathopt.Model.from_model_proto(proto)


def _cbc(
    problem: pulp.LpProblem, time_limit_s: float, seed: int, gap_pct: float, threads: int | None
) -> Solution:
    """Solve with CBC, whose bound is in its log only."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "cbc.log"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            command = pulp.PULP_CBC_CMD(
                msg=False, timeLimit=max(time_limit_s, 0.01), gapRel=gap_pct / 100, gapAbs=1e-6,
                threads=threads, logPath=str(log), options=[f"randomCbcSeed {seed}"])
        command.tmpDir = folder
        with contextlib.suppress(pulp.PulpSolverError):
            problem.solve(command)
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    seconds = time.perf_counter() - begin
    if problem.status == pulp.LpStatusInfeasible:
        return Solution(Outcome.INFEASIBLE, {}, math.nan, math.nan, seconds)
    if problem.sol_status not in {pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible}:
        return Solution(Outcome.UNKNOWN, {}, math.nan, math.nan, seconds)
    values = {
        v.name: float(round(v.varValue or 0.0)) if v.cat == pulp.LpInteger else float(v.varValue or 0.0)
        for v in problem.variables()}
    objective = float(pulp.value(problem.objective) or 0.0)
    if problem.sol_status == pulp.LpSolutionOptimal:
        return Solution(Outcome.OPTIMAL, values, objective, objective, seconds)
    found = re.search(r"(?:Lower|Upper) bound:\s+([-+0-9.eE]+)", text)
    # CBC minimises: PuLP hands a maximum over with its sign changed.
    sign = -1.0 if problem.sense == pulp.LpMaximize else 1.0
    bound = sign * float(found[1]) if found else math.nan
    return Solution(Outcome.FEASIBLE, values, objective, bound, seconds)
