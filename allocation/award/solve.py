"""Solve a PuLP problem with HiGHS, SCIP or CP-SAT through OR-Tools, or with PuLP's own CBC.

``highspy`` is not used: it cannot share a process with OR-Tools. The problem goes over as it would go
to an MPS file: same variables, same rows.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pulp
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from ortools.math_opt.solvers import highs_pb2

from allocation.solver import run_solver

__all__ = ["SOLVERS", "Outcome", "Solution", "Solver", "solve_problem"]

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
    problem: pulp.LpProblem,
    *,
    solver: Solver = "highs",
    time_limit_s: float = 60.0,
    seed: int = 1,
    gap_pct: float = 0.0,
    start: Mapping[str, float] | None = None,
    threads: int | None = None,
) -> Solution:
    """Solve a problem.

    Parameters
    ----------
    problem
        A mixed-integer problem; names of variables differ.
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
    threads
        HiGHS cannot change them within one process: leave it out there.
    """
    if solver == "cbc":
        return _cbc(problem, time_limit_s, seed, gap_pct, threads)
    begin = time.perf_counter()
    names, model = _translate(problem)
    hints = []
    if start:
        hints = [mathopt.SolutionHint(variable_values={
            v: float(start.get(name, 0.0)) for name, v in zip(names, model.variables(), strict=True)})]
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
        return Solution(Outcome.UNKNOWN, {}, math.nan, bound, seconds)
    raw = result.variable_values(list(model.variables()))
    whole = {v.name for v in problem.variables() if v.cat == pulp.LpInteger}
    values = {n: float(round(x)) if n in whole else float(x) for n, x in zip(names, raw, strict=True)}
    outcome = Outcome.OPTIMAL if reason == mathopt.TerminationReason.OPTIMAL else Outcome.FEASIBLE
    return Solution(outcome, values, float(result.objective_value()), bound, seconds)


def _translate(problem: pulp.LpProblem) -> tuple[list[str], Any]:
    """Return the same problem for MathOpt, and the names of its variables in order."""
    proto = model_pb2.ModelProto(name="award")
    variables = problem.variables()
    number = {v.name: i for i, v in enumerate(variables)}
    table = proto.variables
    table.ids.extend(range(len(variables)))
    table.lower_bounds.extend(-math.inf if v.lowBound is None else float(v.lowBound) for v in variables)
    table.upper_bounds.extend(math.inf if v.upBound is None else float(v.upBound) for v in variables)
    table.integers.extend(v.cat == pulp.LpInteger for v in variables)
    lows, highs, rows, columns, weights = [], [], [], [], []
    for i, constraint in enumerate(problem.constraints()):
        rhs = -float(constraint.constant)
        lows.append(-math.inf if constraint.sense == pulp.LpConstraintLE else rhs)
        highs.append(math.inf if constraint.sense == pulp.LpConstraintGE else rhs)
        for column, weight in sorted((number[v.name], float(w)) for v, w in constraint.items()):
            rows.append(i)
            columns.append(column)
            weights.append(weight)
    proto.linear_constraints.ids.extend(range(len(lows)))
    proto.linear_constraints.lower_bounds.extend(lows)
    proto.linear_constraints.upper_bounds.extend(highs)
    matrix = proto.linear_constraint_matrix
    matrix.row_ids.extend(rows)
    matrix.column_ids.extend(columns)
    matrix.coefficients.extend(weights)
    proto.objective.maximize = problem.sense == pulp.LpMaximize
    costs = sorted((number[v.name], float(w)) for v, w in problem.objective.items() if w)
    proto.objective.linear_coefficients.ids.extend(i for i, _ in costs)
    proto.objective.linear_coefficients.values.extend(w for _, w in costs)
    return [v.name for v in variables], mathopt.Model.from_model_proto(proto)


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
