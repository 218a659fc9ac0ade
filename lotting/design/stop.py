"""When to stop looking: rules that compose, and Ctrl-C.

The search spends a number of *steps* that depends on the brief alone, so that the same seed gives
the same plan on a slow machine and a fast one; the clock is only the emergency exit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Stop", "Switch", "arriving"]


class Switch(Protocol):
    """Something that is set once, from anywhere: a :class:`threading.Event`, or one like it."""

    def is_set(self) -> bool:
        """Whether it has been set."""

    def set(self) -> None:
        """Set it."""


@dataclass(slots=True)
class Stop:
    """A clock and a switch, asked between steps.

    Attributes
    ----------
    seconds
        Time allowed from now.
    interrupted
        Set by Ctrl-C, from any thread.

    Notes
    -----
    Pickled, it is the seconds left; where it arrives it has the switch of that place, see
    :func:`arriving`.
    """

    seconds: float
    interrupted: Switch = field(default_factory=threading.Event)
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

    def __reduce__(self) -> tuple[Callable[..., Stop], tuple[float, bool, bool, float]]:
        left = self.seconds - (time.monotonic() - self.started)
        return _arrived, (left, self.ran_out, self.interrupted.is_set(), time.time())


class _Place(threading.local):
    """Where the work of this thread came to: its switch, and whether the sender's clock is ours."""

    switch: Switch | None = None
    same_clock: bool = False


_place = _Place()


@contextmanager
def arriving(switch: Switch, *, same_clock: bool) -> Iterator[None]:
    """Give every Stop that is unpickled inside, in this thread, the switch of this place.

    With ``same_clock``, on the machine that sent it, the time it spent on its way counts.
    """
    before = _place.switch, _place.same_clock
    _place.switch, _place.same_clock = switch, same_clock
    try:
        yield
    finally:
        _place.switch, _place.same_clock = before


def _arrived(left: float, ran_out: bool, interrupted: bool, sent: float) -> Stop:  # noqa: FBT001
    switch = _place.switch
    if switch is None or interrupted:
        switch = threading.Event()
        if interrupted:
            switch.set()
    if _place.same_clock:
        left -= max(0.0, time.time() - sent)
    return Stop(left, switch, ran_out)
