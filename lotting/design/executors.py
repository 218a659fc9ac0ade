"""Where the work is done: threads of this process."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor

__all__ = ["make_executor"]


def make_executor(workers: int | None) -> Executor:
    """Return an executor with this many workers; one a core when None."""
    return ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="design")
