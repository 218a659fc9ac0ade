"""Keep what a solver's library prints off stdout, where data goes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

__all__ = ["nothing_printed"]


@contextlib.contextmanager
def nothing_printed() -> Iterator[None]:
    """Send the process's own stdout to nowhere for a while: HiGHS 1.12 writes a line of debugging there."""
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
