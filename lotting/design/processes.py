"""Work done by other processes of this machine.

Each worker has a pipe of its own, so that it may die at any moment and take nothing with it but the
piece at hand, which is done again. (In :class:`concurrent.futures.ProcessPoolExecutor` all workers
share their queues: one that is killed ends the pool, and everything under way.)

Processes are spawned, never forked: a fork copies locks that other threads hold, and Windows has
none. What is spawned does not run the main script again, so that a script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from ctypes import c_int
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from .away import Away, Piece, answer
from .parcels import Array, Packer

__all__ = ["Processes"]

#: Times a piece of work is given to a worker before it is given back.
_TRIES = 2
#: Seconds a process that is ended has to go by itself.
_GRACE_S = 2.0
_starting = threading.Lock()


class _Flag:
    """A switch in memory that all processes share; without a lock, which the dead might hold."""

    def __init__(self, shared: Any) -> None:
        self.shared = shared

    def is_set(self) -> bool:
        return bool(self.shared.value)

    def set(self) -> None:
        self.shared.value = 1


class _Worker:
    """A worker process, started anew where it has died."""

    def __init__(self, packer: Packer, shared: Any) -> None:
        self.packer = packer
        self.shared = shared
        self.piece: Piece | None = None
        self.process: BaseProcess | None = None
        self.pipe: Connection[Any, Any] | None = None
        self.has: set[int] = set()
        #: Set once the process is up, or will never be.
        self.up = threading.Event()

    def start(self) -> Connection[Any, Any]:
        """Start the process unless it runs; it reads in the solver while it waits for work."""
        if self.pipe is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, self.shared), name="lotting worker", daemon=True
            )
            try:
                with _quietly():
                    process.start()
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()
            self.process, self.pipe, self.has = process, ours, set()
            self.up.clear()
        return self.pipe

    def greet(self) -> None:
        """Wait until the process is up; EOFError or OSError when it dies before."""
        pipe = self.start()
        if not self.up.is_set():
            try:
                pipe.recv_bytes()
            finally:
                self.up.set()

    def send(self, piece: Piece) -> tuple[bool, Any]:
        """Send a piece and wait for what comes back; EOFError or OSError when the worker dies."""
        self.greet()
        pipe = self.start()
        parcel, apart = self.packer.pack(piece.call)
        forget = self.has - self.packer.alive()
        new = {number: array for number, array in apart.items() if number not in self.has}
        pipe.send_bytes(pickle.dumps((parcel, new, forget), pickle.HIGHEST_PROTOCOL))
        self.has = (self.has - forget) | set(new)
        back: tuple[bool, Any] = pickle.loads(pipe.recv_bytes())  # noqa: S301  (from our worker)
        return back

    def end(self) -> None:
        """End the process, whatever it is doing."""
        process, pipe, self.process, self.pipe = self.process, self.pipe, None, None
        if process is not None:
            process.terminate()
            process.join(_GRACE_S)
            if process.is_alive():
                process.kill()
                process.join()
        if pipe is not None:
            pipe.close()


class Processes(Away):
    """Worker processes of this machine.

    Parameters
    ----------
    workers
        How many.

    Notes
    -----
    Workers leave Ctrl-C to us. ``shutdown(wait=False, cancel_futures=True)`` also ends what is
    under way: HiGHS cannot be told to stop, but its process can be ended.
    """

    def __init__(self, workers: int) -> None:
        super().__init__()
        self._shared = multiprocessing.get_context("spawn").RawValue(c_int, 0)
        packer = Packer()
        self._workers = [_Worker(packer, self._shared) for _ in range(workers)]
        for worker in self._workers:
            # Where one cannot be started now it is tried again, or its work is done here.
            try:
                worker.start()
            except OSError:
                worker.up.set()
            self._take_on(partial(self._do, worker), worker.end, partial(_greet, worker))

    def ready(self) -> None:
        """Wait until the workers have read in the solver."""
        for worker in self._workers:
            worker.up.wait()

    def begin(self) -> None:
        """Get ready for a design; workers still busy with an earlier one are ended."""
        for worker in self._workers:
            if (piece := worker.piece) is not None:
                piece.left_behind = True
                _terminate(worker)
        self._shared.value = 0

    def interrupt(self) -> None:
        """Tell all work that is under way to stop."""
        self._shared.value = 1

    def _end(self) -> None:
        for worker in self._workers:
            _terminate(worker)

    def _do(self, worker: _Worker, piece: Piece) -> Any:
        worker.piece = piece
        try:
            for _ in range(_TRIES):
                if self._ending or piece.left_behind:
                    break
                try:
                    good, back = worker.send(piece)
                except (EOFError, OSError):
                    worker.end()
                    continue
                if not good:
                    raise back
                return back
            raise BrokenExecutor("the worker died")
        finally:
            worker.piece = None


def _greet(worker: _Worker) -> None:
    if worker.pipe is not None:
        with contextlib.suppress(EOFError, OSError):  # the first piece will tell
            worker.greet()


def _terminate(worker: _Worker) -> None:
    process = worker.process
    if process is not None:
        with contextlib.suppress(ValueError, OSError):  # it went by itself
            process.terminate()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Spawn so that the child neither runs our main script nor dies of a Ctrl-C while it starts."""
    with _starting:
        blocked = None
        if sys.platform != "win32":  # a child inherits what is blocked; Windows blocks nothing
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            if blocked is not None and sys.platform != "win32":
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _serve(pipe: Connection[Any, Any], shared: Any) -> None:
    """Do what comes through the pipe until it is closed; runs in the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from . import front, stages  # noqa: F401  (all that is ever asked for, read in beforehand)

    switch = _Flag(shared)
    arrays: dict[int, Array] = {}
    with contextlib.suppress(EOFError, OSError):  # whoever sent the work is gone
        pipe.send_bytes(b"up")
        while True:
            parcel, new, forget = pickle.loads(pipe.recv_bytes())  # noqa: S301  (from our parent)
            for number in forget:
                del arrays[number]
            arrays.update(new)
            del new
            pipe.send_bytes(answer(parcel, arrays, switch, same_clock=True))
            del parcel
