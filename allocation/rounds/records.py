"""What the compiled search works on: records of tasks, visits, shifts and routes.

All times are minutes, and everything is known by its position: ``T`` tasks, ``V`` visits, ``W``
workers' shifts, ``P`` places, ``M`` modes of travel. A single-handed visit is one task, a
double-handed one two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numba as nb
import numpy as np
import numpy.typing as npt
from numba.core import config

__all__ = [
    "BEHIND", "DROPPED", "KEYS", "LOG", "NONE", "OPS", "REKEY", "ROUTE", "SINCE_REKEY", "TASK", "TASK_STATE",
    "TINY", "VISIT", "VISIT_STATE", "WORKER", "Bools", "Data", "Floats", "Ints", "Records", "State",
    "compiled", "compiled_with_arrays", "empty_state", "inner",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]
_F = TypeVar("_F", bound=Callable[..., Any])

NONE = -1
TINY = 1e-9
# Places in State.counts.
OPS = 0  # operations of the present move
KEYS = 1  # keys it has changed
BEHIND = 2  # two tasks that came behind what it took away
REKEY = 4  # two keys have come too close: number them afresh
DROPPED = 5  # visit that the move leaves out
SINCE_REKEY = 6  # moves
_MODULES = ("records", "routes", "moves", "anneal")  # compiled together


def _cache() -> str:
    """Name a folder for compiled code that changes with any of the modules it comes from.

    numba looks only at the module of the function that is called, not at those it calls.
    """
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in _MODULES)
    return str(here / "__pycache__" / hashlib.sha256(sources).hexdigest()[:12])


_CACHE = _cache()


def _cached(function: _F, options: dict[str, Any]) -> _F:
    settings: Any = config
    before, settings.CACHE_DIR = settings.CACHE_DIR, _CACHE
    try:
        return cast("_F", nb.njit(cache=True, **options)(function))
    finally:
        settings.CACHE_DIR = before


def compiled(function: _F) -> _F:
    """Compile a function that makes no array, and so need not count references to any.

    Counting them costs twenty times what the work itself does.
    """
    return _cached(function, {"_nrt": False})


def compiled_with_arrays(function: _F) -> _F:
    """Compile a function that makes arrays of its own."""
    return _cached(function, {})


def inner(function: _F) -> _F:
    """Compile a function that only compiled ones call; a way in from Python takes long to make."""
    options: dict[str, Any] = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("_F", nb.njit(**options)(function))


TASK = np.dtype([("place", "i4"), ("visit", "i4"), ("duration", "f8"), ("load", "f8")])
VISIT = np.dtype([
    ("earliest", "f8"), ("latest", "f8"),
    ("gap_low", "f8"), ("gap_high", "f8"),  # second start minus first
    ("drop_cost", "f8"),  # inf: must be done
])  # fmt: skip
WORKER = np.dtype([
    ("person", "i4"), ("mode", "i4"),
    ("start_place", "i4"), ("end_place", "i4"),  # NONE: open
    ("shift_start", "f8"), ("shift_end", "f8"), ("max_span", "f8"),
    ("break_after", "f8"), ("break_minutes", "f8"),
    ("capacity", "f8"), ("fixed", "f8"),  # cost of using the shift at all
])  # fmt: skip
TASK_STATE = np.dtype([
    ("worker", "i4"), ("before", "i4"), ("after", "i4"),  # NONE: not served, first, last
    ("start", "f8"), ("since", "f8"),  # when the present stretch of work began
    ("late", "f8"),
])  # fmt: skip
VISIT_STATE = np.dtype([("key", "f8"), ("queued", "?"), ("waiting", "i4"), ("old_key", "f8")])
ROUTE = np.dtype([
    ("first", "i4"), ("last", "i4"), ("size", "i4"), ("touched", "?"),
    ("over", "f8"), ("loaded", "f8"),
])  # fmt: skip
LOG = np.dtype([
    ("task", "i4"), ("start", "f8"), ("since", "f8"), ("late", "f8"),
    ("route", "i4"), ("over", "f8"), ("visit", "i4"), ("key", "f8"),
])  # fmt: skip


class Data(NamedTuple):
    """What the search works on; nothing in it changes."""

    arc: Floats  # (M, P, P) cost of going from place to place
    minutes: Floats  # (M, P, P)
    tasks: Records  # (T,) TASK
    visits: Records  # (V,) VISIT
    workers: Records  # (W,) WORKER
    task: Ints  # (V, 2), second NONE for a single-handed visit
    allowed: Bools  # (T, W)
    affinity: Floats  # (T, W) cost of giving the task to the worker
    near: Ints  # (V, K) visits worth having next to this one
    late_weight: float
    worst_weight: float  # of the largest lateness
    over_weight: float  # of minutes beyond a shift
    load_weight: float
    limits: bool  # any shift has an end or a span
    breaks: bool
    may_drop: bool
    hard: bool  # windows
    loads: bool  # any shift has a capacity
    dissolve_share: float  # of moves that try to do without a shift


class State(NamedTuple):
    """A plan, the times that follow from it, and room to take a move back."""

    tasks: Records  # (T,) TASK_STATE
    visits: Records  # (V,) VISIT_STATE
    routes: Records  # (W,) ROUTE
    heap: Ints
    log: Records
    begins: Floats  # (4,) starts and stretches of a visit
    counts: Ints  # (8,) of operations, of keys; tasks behind; a wish for fresh keys
    ops: Ints  # (., 5): 0 put, task; 1 took, task, worker, before; 2 tails, and both places


def empty_state(tasks: int, visits: int, workers: int) -> State:
    """Return a plan in which nothing is served."""
    return State(
        tasks=np.zeros(tasks, TASK_STATE),
        visits=np.zeros(visits, VISIT_STATE),
        routes=np.zeros(workers, ROUTE),
        heap=np.zeros(visits + 2, np.int32),
        log=np.zeros(max(tasks, workers, 64) + 2, LOG),
        begins=np.zeros(4),
        counts=np.zeros(8, np.int32),
        ops=np.zeros((64, 5), np.int32),
    )
