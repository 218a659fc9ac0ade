"""Who does the work: pieces of it go through one executor, and their results come back in order.

Any :class:`concurrent.futures.Executor` will do (see :mod:`.executors`). A piece of work is a
module's function with what it needs, so that it can be sent to another process or machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .away import Away
from .stop import Stop

__all__ = ["Crew", "Job", "Progress"]

T = TypeVar("T")
#: Objective and bound so far.
State = Callable[[], tuple[float | None, float | None]]

#: Seconds between two looks at how far the work is, and at Ctrl-C.
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the design has got.

    Attributes
    ----------
    stage
        What is being done, in words.
    done, total
        Pieces of work of this stage.
    objective
        Weighted objective of the best plan so far; None until every place has one.
    bound
        Lower bound so far; None until there is one.
    """

    stage: str
    done: int
    total: int
    objective: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A piece of work: ``call(*args, stop=stop, **options)``.

    Attributes
    ----------
    call
        A function of a module, which can be found by its name elsewhere.
    stop
        Its clock; what it says of running out finds its way back.
    args, options
        The rest of the arguments.
    """

    call: Callable[..., T]
    stop: Stop
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def _do(job: Job[T]) -> tuple[T, bool]:
    """Do a piece of work; the result, and whether its clock cut it short."""
    result = job.call(*job.args, stop=job.stop, **job.options)
    return result, job.stop.ran_out


class Crew:
    """Runs pieces of work and gives their results in order.

    Parameters
    ----------
    executor
        Does the work.
    stop
        Ctrl-C sets its switch.
    report
        Told how far it is, in the calling thread.
    """

    def __init__(
        self, executor: Executor, stop: Stop, report: Callable[[Progress], None] | None
    ) -> None:
        self.executor = executor
        self.stop = stop
        self.report = report
        self._here: ThreadPoolExecutor | None = None
        if isinstance(executor, Away):
            executor.begin()

    def run(
        self, stage: str, jobs: Sequence[Job[T]], after: Callable[[int, T], None] | None = None,
        state: State = lambda: (None, None), *, leave: bool = False, here: bool = False,
    ) -> list[T]:
        """Run the jobs; ``after(i, result)`` is called as each ends, in this thread.

        With ``here``, in threads of this process: short work does not wait for others to be up.

        With ``leave``, Ctrl-C leaves jobs behind that have not ended: HiGHS cannot be stopped.
        Their results are missing from what is returned.
        """
        submit = self._submit
        if isinstance(self.executor, Away):
            if here:
                submit = self._submit_here
            else:
                # Processes that are not up yet are not part of the time allowed.
                since = time.monotonic()
                self.executor.ready()
                self.stop.started += time.monotonic() - since
        futures: dict[Future[tuple[T, bool]], int] = {submit(job): i for i, job in enumerate(jobs)}
        left = set(futures)
        results: dict[int, T] = {}
        while left:
            self._tell(stage, len(results), len(jobs), state)
            try:
                done, left = wait(left, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                if self.stop.interrupted.is_set():
                    raise
                self.stop.interrupted.set()
                continue
            for future in sorted(done, key=lambda f: futures[f]):
                i = futures[future]
                try:
                    results[i], cut = future.result()
                except BrokenExecutor:
                    again = self._submit_here(jobs[i])
                    futures[again] = i
                    left.add(again)
                    continue
                jobs[i].stop.ran_out |= cut
                if after:
                    after(i, results[i])
            if self.stop.interrupted.is_set():
                if isinstance(self.executor, Away):
                    self.executor.interrupt()
                if leave:
                    for future in left:
                        future.cancel()
                    break
        self._tell(stage, len(results), len(jobs), state)
        return [results[i] for i in sorted(results)]

    def _submit(self, job: Job[T]) -> Future[tuple[T, bool]]:
        try:
            return self.executor.submit(_do, job)
        except BrokenExecutor:
            return self._submit_here(job)

    def _submit_here(self, job: Job[T]) -> Future[tuple[T, bool]]:
        """Do a job in this process, one at a time: where it was, there was no room for it."""
        if self._here is None:
            self._here = ThreadPoolExecutor(1, thread_name_prefix="design")
        return self._here.submit(_do, job)

    def _tell(self, stage: str, done: int, total: int, state: State) -> None:
        if self.report:
            objective, bound = state()
            self.report(Progress(stage, done, total, objective, bound))
