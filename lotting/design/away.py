"""Executors whose work is done by other processes, here or on other machines."""

from __future__ import annotations

import contextlib
import pickle
import queue
import threading
import traceback
from abc import abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .parcels import Array, unpack
from .stop import Switch

__all__ = ["Away", "Piece", "answer"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Piece:
    """A call, and the future that waits for it.

    Attributes
    ----------
    call
        Function, arguments, keyword arguments.
    future
        Gets what comes of it.
    left_behind
        Nobody waits for it any more.
    """

    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    future: Future[Any] = field(default_factory=Future)
    left_behind: bool = False


class Away(Executor):
    """An executor whose workers do not see our switches, and may die.

    A thread here for each worker sends it one piece after the other, so that a piece is packed,
    and its clock read, when there is somebody to do it. A worker that dies is no error of the
    work: where an executor gives up, the future holds a
    :class:`~concurrent.futures.BrokenExecutor`, and the crew does the piece itself.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = self._ending = False

    @abstractmethod
    def begin(self) -> None:
        """Get ready for a design: what was said to the last one does not count."""

    def ready(self) -> None:
        """Wait until there is somebody to do the work."""

    @abstractmethod
    def interrupt(self) -> None:
        """Tell all work that is under way to stop; may be said again and again."""

    @abstractmethod
    def _end(self) -> None:
        """End all work that is under way."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function of a module called by a worker."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        piece = Piece((fn, args, kwargs))
        self._queue.put(piece)
        return piece.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Let the workers go, when all is done or, with ``cancel_futures`` and not ``wait``, at once."""
        self._closed = True
        if cancel_futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    if (piece := self._queue.get_nowait()) is not None:
                        piece.future.cancel()
        for _ in self._threads:
            self._queue.put(None)
        if cancel_futures and not wait:
            self._ending = True
            self._end()
        if wait or cancel_futures:
            for thread in self._threads:
                thread.join()

    def _take_on(
        self, do: Callable[[Piece], Any], leave: Callable[[], None], greet: Callable[[], None] = lambda: None
    ) -> None:
        """Hand out work to one more worker: ``do`` returns what comes of a piece, or raises."""
        thread = threading.Thread(
            target=self._hand_out, args=(do, leave, greet), name="design", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _hand_out(
        self, do: Callable[[Piece], Any], leave: Callable[[], None], greet: Callable[[], None]
    ) -> None:
        try:
            greet()
            while (piece := self._queue.get()) is not None:
                if piece.future.set_running_or_notify_cancel():
                    try:
                        result = do(piece)
                    except Exception as error:  # it belongs to whoever waits
                        piece.future.set_exception(error)
                    else:
                        piece.future.set_result(result)
                del piece
        finally:
            leave()


def answer(parcel: bytes, arrays: Mapping[int, Array], switch: Switch, *, same_clock: bool) -> bytes:
    """Do what is in a parcel, where it came to.

    Returns
    -------
    Whether it went well, and the result or the exception; pickled.
    """
    try:
        fn, args, kwargs = unpack(parcel, arrays, switch, same_clock=same_clock)
        return pickle.dumps((True, fn(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # it belongs to whoever sent the parcel
        error.add_note("In a worker:\n" + traceback.format_exc())
        try:
            sent = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
            pickle.loads(sent)  # noqa: S301  (not every exception can be built again)
        except Exception:
            return pickle.dumps((False, RuntimeError(traceback.format_exc())))
        return sent
