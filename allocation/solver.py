"""Call a solver through OR-Tools so that nothing of its own is printed and Ctrl-C stops it.

HiGHS 1.12 writes a line of debugging to the process's stdout, where data goes. And while a solver runs in
the main thread, Ctrl-C is lost: Python is told of it only when the solver comes back, if at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ortools.math_opt.python import mathopt

__all__ = ["nothing_printed", "run_solver"]

_STOPS_WITHIN_SECONDS = 1.0  # HiGHS does not always listen; then it ends with the process


def run_solver(
    model: mathopt.Model, kind: mathopt.SolverType, *, params: mathopt.SolveParameters,
    model_params: mathopt.ModelSolveParameters | None = None,
) -> mathopt.SolveResult:  # fmt: skip
    """Solve a model as :func:`mathopt.solve` does.

    Parameters
    ----------
    model, kind, params, model_params
        As there.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C came; the solver was told to stop.
    """
    from ortools.math_opt.python import mathopt
    from ortools.util.python.solve_interrupter import SolveInterrupter

    stop, done = SolveInterrupter(), threading.Event()
    found: list[mathopt.SolveResult] = []
    failed: list[BaseException] = []

    def solve() -> None:
        try:
            found.append(mathopt.solve(
                model, kind, params=params, model_params=model_params or mathopt.ModelSolveParameters(),
                # Told to stop, SCIP prints errors of its own from the start.
                interrupter=None if kind == mathopt.SolverType.GSCIP else stop))
        except BaseException as error:
            failed.append(error)
        finally:
            done.set()

    with nothing_printed():
        threading.Thread(target=solve, daemon=True).start()
        try:
            while not done.wait(0.1):  # short waits: on Windows a wait without end hears no Ctrl-C
                pass
        except KeyboardInterrupt:
            stop.interrupt()
            done.wait(_STOPS_WITHIN_SECONDS)
            raise
    if failed:
        raise failed[0]
    return found[0]


@contextlib.contextmanager
def nothing_printed() -> Iterator[None]:
    """Send the process's own stdout to nowhere for a while."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        _flush()
        os.dup2(nowhere, 1)
        yield
    finally:
        _flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _flush() -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        library.fflush(None)
