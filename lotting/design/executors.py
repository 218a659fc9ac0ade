"""Where the work is done: in threads or processes of this machine, or by a Dask cluster.

The plan does not depend on it. docs/explanation/speed.md says what each of them costs.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal

__all__ = ["Kind", "make_executor"]

Kind = Literal["auto", "processes", "threads"]

#: Smaller maps, and shorter runs, are done before a process has read in the solver.
_AREAS_FOR_PROCESSES = 300
_SECONDS_FOR_PROCESSES = 10.0
#: Windows waits for no more handles than this at a time.
_MOST_ON_WINDOWS = 60


def make_executor(
    workers: int = 0,
    cluster: str | None = None,
    *,
    kind: Kind = "auto",
    areas: int | None = None,
    seconds: float | None = None,
) -> Executor:
    """Return what the pieces of a design are given to.

    Parameters
    ----------
    workers
        How many pieces at once; one a core when 0.
    cluster
        Address of a Dask scheduler; ``workers`` and ``kind`` then say nothing.
    kind
        ``processes``, ``threads``, or ``auto``: processes where they pay.
    areas, seconds
        Size of the map and time limit of the design, by which ``auto`` goes; large and long when
        left out.

    Returns
    -------
    Executor
        For :func:`~lotting.design.solve.design`; to be shut down by the caller.

    Raises
    ------
    InputError
        The cluster cannot be used.
    """
    if cluster is not None:
        from .cluster import Cluster

        return Cluster(cluster)
    workers = workers or _cores()
    small = (areas is not None and areas < _AREAS_FOR_PROCESSES) or (
        seconds is not None and seconds < _SECONDS_FOR_PROCESSES
    )
    if kind == "auto":
        # A process that is itself a worker of another pool may have no children.
        inside = multiprocessing.current_process().daemon
        kind = "threads" if small or workers == 1 or inside else "processes"
    if kind == "threads":
        return ThreadPoolExecutor(workers, thread_name_prefix="design")
    from .processes import Processes

    return Processes(min(workers, _MOST_ON_WINDOWS) if sys.platform == "win32" else workers)


def _cores() -> int:
    """Cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
