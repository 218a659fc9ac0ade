"""Work done by a Dask cluster (``--cluster tcp://...``, extra ``[cluster]``).

What is sent is what the solver works with: area codes and, for each area, hours, people, distances
and today's zone. Never a row of a person.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import threading
import uuid
from concurrent.futures import BrokenExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lotting.errors import InputError, Problem

from .away import Away, Piece, answer
from .parcels import Array, Packer

__all__ = ["Cluster"]

#: Seconds a scheduler has to answer, and then to name a worker.
_ANSWER_S = 10.0
#: Seconds between two looks at whether the scheduler is still there, and for a result to be sent.
_LOOK_S = 1.0
_FETCH_S = 60.0


class Cluster(Away):
    """The workers of a Dask cluster.

    Parameters
    ----------
    address
        Of the scheduler, ``tcp://host:port`` or ``tls://host:port``.

    Raises
    ------
    InputError
        The extra is not installed, nobody answers within ten seconds, or the workers have
        another version of lotting.

    Notes
    -----
    Dask gives the work of a worker that died to another. What it gives up, or all of it when the
    scheduler goes, comes back as a :class:`~concurrent.futures.BrokenExecutor`.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._client: Any = _connect(address)
        self._packer = Packer()
        self._kept: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._session = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._run = ""
        self._telling = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Get ready for a design, with the workers that there are now."""
        self._run = f"{self._session}-{next(self._numbers)}"
        with contextlib.suppress(Exception):  # the cluster is gone: its work will say so
            there = sum(self._client.nthreads().values())
            while len(self._threads) < there:
                self._take_on(self._do, lambda: None)
        if not self._threads:
            self._take_on(self._do, lambda: None)

    def interrupt(self) -> None:
        """Tell all work that is under way to stop."""
        if self._telling.acquire(blocking=False):
            threading.Thread(target=self._tell, args=(self._run,), name="design", daemon=True).start()

    def _tell(self, run: str) -> None:
        try:
            with contextlib.suppress(Exception):  # the cluster is gone, and its work with it
                self._client.run(_stop_here, run, on_error="ignore")
        finally:
            self._telling.release()

    def _end(self) -> None:
        with contextlib.suppress(Exception):
            self._client.run(_stop_here, self._run, on_error="ignore", wait=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Leave the cluster; see :meth:`Away.shutdown`."""
        if cancel_futures and not wait:
            self._ending = True
            self._end()
            with contextlib.suppress(Exception):
                self._client.close(timeout=2)  # with it goes all that is under way
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            with contextlib.suppress(Exception):
                self._client.close(timeout=2)

    def _do(self, piece: Piece) -> Any:
        parcel, apart = self._packer.pack(piece.call)
        try:
            kept = {number: self._keep(number, array) for number, array in apart.items()}
            future = self._client.submit(
                _do_there, parcel, kept, self._run, key=f"lotting-{uuid.uuid4().hex}", pure=False
            )
            good, back = pickle.loads(self._wait(future))  # noqa: S301  (from our workers)
        except Exception as error:
            # Errors of the work itself come back whole: this is the cluster's.
            raise BrokenExecutor(f"the cluster could not do it: {error}") from error
        if not good:
            raise back
        return back

    def _wait(self, future: Any) -> bytes:
        """Wait for a result; what is sent while the scheduler is away would never come back."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(_LOOK_S):
            if self._client.status != "running":
                raise ConnectionError("the scheduler is gone")
        result: bytes = future.result(timeout=_FETCH_S)
        return result

    def _keep(self, number: int, array: Array) -> Any:
        """Return an array as a task of its own, so that Dask can make it again when its worker dies."""
        import dask

        with self._lock:
            for gone in set(self._kept) - self._packer.alive():
                del self._kept[gone]
            if number not in self._kept:
                with dask.config.set({"distributed.admin.large-graph-warning-threshold": "100GB"}):
                    self._kept[number] = self._client.submit(
                        _same, array, key=f"lotting-{self._session}-{number}", pure=False
                    )
            return self._kept[number]


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise _refused(
            address, "a cluster needs the package distributed",
            'Install it with: pip install "lotting[cluster]"',
        ) from error
    if not address.startswith(("tcp://", "tls://")):
        raise _refused(address, "this is no address of a scheduler", "Write it as tcp://host:8786")
    make: Any = distributed.Client
    try:
        client = make(address, timeout=_ANSWER_S, set_as_default=False, name="lotting")
    except (OSError, ValueError) as error:
        raise _refused(
            address, f"no Dask scheduler answers within {_ANSWER_S:g} s", "Start one with: dask scheduler"
        ) from error
    try:
        _check(client, address)
    except BaseException:
        client.close(timeout=2)
        raise
    return client


def _check(client: Any, address: str) -> None:
    """Refuse a cluster without workers, or whose workers would do other work than we would."""
    try:
        client.wait_for_workers(1, timeout=_ANSWER_S)
    except OSError as error:
        raise _refused(
            address, f"the scheduler has no worker within {_ANSWER_S:g} s",
            f"Start some with: dask worker {address}",
        ) from error
    ours = _version()
    try:
        others = sorted(set(client.run(_version).values()) - {ours})
    except Exception as error:
        raise _refused(
            address, "the workers cannot import lotting", f"Install lotting {ours} where they run."
        ) from error
    if others:
        raise _refused(
            address, f"there are workers with lotting {', '.join(others)}; here it is {ours}",
            f"Install lotting {ours} where they run.",
        )


def _refused(address: str, message: str, fix: str) -> InputError:
    return InputError(Problem(message=message, file="--cluster", value=address, fix=fix))


def _version() -> str:
    try:
        return version("lotting")
    except PackageNotFoundError:
        return "not installed"


# -- in a worker -------------------------------------------------------------------------------

_stopped: set[str] = set()


class _Stopped:
    """Whether this worker has been told to stop what it does for a design."""

    def __init__(self, run: str) -> None:
        self.run = run

    def is_set(self) -> bool:
        return self.run in _stopped

    def set(self) -> None:
        _stopped.add(self.run)


def _stop_here(run: str) -> None:
    _stopped.add(run)


def _same(array: Array) -> Array:
    return array


def _do_there(parcel: bytes, kept: dict[int, Array], run: str) -> bytes:
    # What came over the net may be read-only, which compiled code takes for another type.
    arrays = {number: a if a.flags.writeable else a.copy(order="K") for number, a in kept.items()}
    return answer(parcel, arrays, _Stopped(run), same_clock=False)
