"""Solvers called through OR-Tools: quiet, and stopped by Ctrl-C."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import threading

import numpy as np
import pytest
from ortools.math_opt.python import mathopt

from allocation.solver import nothing_printed, run_solver


def hard_model() -> mathopt.Model:
    """Generalised assignment of 100 jobs to 10 agents: minutes of work for HiGHS."""
    random = np.random.default_rng(1)
    weight = random.integers(5, 25, (100, 10))
    model = mathopt.Model()
    x = [[model.add_binary_variable() for _ in range(10)] for _ in range(100)]
    for i in range(100):
        model.add_linear_constraint(mathopt.LinearSum(x[i]) == 1)
    for j in range(10):
        model.add_linear_constraint(
            mathopt.LinearSum(int(weight[i, j]) * x[i][j] for i in range(100)) <= 0.08 * weight[:, j].sum())
    model.minimize(mathopt.LinearSum(
        int(111 - weight[i, j] + random.integers(-10, 10)) * x[i][j] for i in range(100) for j in range(10)))
    return model


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_stops_a_solver_that_works() -> None:
    """Called in the main thread, HiGHS works on to its time limit, and the signal is lost."""
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_solver(hard_model(), mathopt.SolverType.HIGHS,
                   params=mathopt.SolveParameters(time_limit=dt.timedelta(seconds=8)))
    timer.join()


def test_the_answer_is_the_solvers() -> None:
    model = mathopt.Model()
    x = model.add_integer_variable(lb=0, ub=10)
    model.add_linear_constraint(3 * x <= 20)
    model.maximize(2 * x)
    found = run_solver(model, mathopt.SolverType.HIGHS, params=mathopt.SolveParameters())
    assert (found.objective_value(), found.variable_values(x)) == (12, 6)


def test_what_a_library_prints_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    """Past Python's own stdout, while it is asked for; not before and not after."""
    os.write(1, b"before ")
    with nothing_printed():
        os.write(1, b"debug ")
    os.write(1, b"after")
    assert capfd.readouterr().out == "before after"
