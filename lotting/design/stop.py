"""When to stop looking: rules that compose, and Ctrl-C.

The search spends a number of *steps* that depends on the brief alone, so that the same seed gives
the same plan on a slow machine and a fast one; the clock is only the emergency exit.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

__all__ = ["Stop"]


@dataclass(slots=True)
class Stop:
    """A clock and a switch, asked between steps.

    Attributes
    ----------
    seconds
        Time allowed from now.
    interrupted
        Set by Ctrl-C, from any thread.
    """

    seconds: float
    interrupted: threading.Event = field(default_factory=threading.Event)
    ran_out: bool = False
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left; 0 once interrupted."""
        if self.interrupted.is_set():
            return 0.0
        return max(0.0, self.seconds - (time.monotonic() - self.started))

    def __call__(self) -> bool:
        """Whether to stop now; remembers that it was the clock that said so."""
        if self.interrupted.is_set():
            return True
        if self.left() <= 0.0:
            self.ran_out = True
        return self.ran_out
