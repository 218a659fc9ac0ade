"""Work for the tests of executors; workers find these functions by their names, and read in no more."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from lotting.design.stop import Stop
from lotting.errors import InfeasibleError, Reason


def twice(number: int, *, stop: Stop) -> int:
    return 2 * number


def until_told(folder: str, *, stop: Stop) -> bool:
    """Say that it has begun, and work until it is told to stop."""
    (Path(folder) / str(os.getpid())).touch()
    while not stop():
        time.sleep(0.01)
    return stop.ran_out


def dies_at_first(folder: str, *, stop: Stop) -> int:
    """Kill its own process, the first time; then say where it is."""
    mark = Path(folder) / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def dies_elsewhere(home: int, *, stop: Stop) -> int:
    """Kill any process but the one that asked."""
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def fails(*, stop: Stop) -> None:
    raise InfeasibleError([Reason(place="Nowhere", message="no.", fix="None.")])
