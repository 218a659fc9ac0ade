"""Where the work is done makes no difference to the plan, and a worker that dies none at all."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from design_cases import Case, scattered
from e2e.small import add_to_brief, make
from executor_work import dies_at_first, dies_elsewhere, fails, twice, until_told

from lotting.brief import LotsBrief, RunBrief, Weights
from lotting.design.crew import Crew, Job, Progress
from lotting.design.executors import make_executor
from lotting.design.parcels import Packer, unpack
from lotting.design.processes import Processes
from lotting.design.solve import Design
from lotting.design.stop import Stop, arriving
from lotting.errors import InfeasibleError

posix = pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")

#: Steps follow from the time limit; the clock of these tests is another, which no machine reaches.
RUN = RunBrief(seed=3, time_limit_s=3, options=2)
LOTS = LotsBrief(number=5, tolerance_pct=20)


@pytest.fixture(scope="module")
def case() -> Case:
    return scattered(40, 5)


@pytest.fixture(scope="module")
def alone(case: Case) -> Design:
    """The design as one thread of this process draws it."""
    return case.design(LOTS, run=RUN.model_copy(update={"workers": 1}))


@pytest.fixture(scope="module")
def pool() -> Iterator[Processes]:
    """Two workers for all tests: most of what they cost is their start."""
    pool = Processes(2)
    yield pool
    pool.shutdown(wait=False, cancel_futures=True)


def facts(found: Design) -> tuple[object, ...]:
    """All of a design that must not depend on who worked."""
    return (
        found.plan, found.objective, found.bound, found.status, found.reproducible,
        tuple((o.title, o.plan, o.objective) for o in found.options),
    )


# -- the same plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("workers", "kind"), [(2, "threads"), (4, "threads"), (2, "processes")])
def test_the_plan_does_not_depend_on_who_works(case: Case, alone: Design, workers: int, kind: str) -> None:
    """Threads or processes, 1, 2 or 4 of them: the same plan, objective, bound and options."""
    assert alone.reproducible
    before = set(multiprocessing.active_children())
    found = case.design(LOTS, run=RUN.model_copy(update={"workers": workers, "executor": kind}))
    assert facts(found) == facts(alone)
    assert set(multiprocessing.active_children()) <= before


@posix
def test_a_killed_worker_makes_no_difference(case: Case, alone: Design, pool: Processes) -> None:
    """A worker killed half-way is replaced, its piece done again: the same plan, still reproducible."""
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if not killed and 0 < progress.done < progress.total:
            child = multiprocessing.active_children()[0]
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            killed.append(child.pid)

    found = case.design(LOTS, run=RUN, executor=pool, progress=kill)
    assert killed
    assert facts(found) == facts(alone)


def test_any_executor_will_do(case: Case, alone: Design) -> None:
    """A pool of the standard library, and it is left open for its owner."""
    with ThreadPoolExecutor(2) as pool:
        assert facts(case.design(LOTS, run=RUN, executor=pool)) == facts(alone)
        assert pool.submit(len, "open").result() == 4


# -- workers that die --------------------------------------------------------------------------------


@posix
def test_work_of_the_dead_is_done_again(pool: Processes, tmp_path: Path) -> None:
    """First by another worker; what kills that, too, by this process."""
    crew, stop = Crew(pool, Stop(600), None), Stop(600)
    again, here, after = crew.run("Dying", [
        Job(dies_at_first, stop, (str(tmp_path),)),
        Job(dies_elsewhere, stop, (os.getpid(),)),
        Job(twice, stop, (21,)),
    ])
    assert again != os.getpid()
    assert here == os.getpid()
    assert after == 42


@posix
def test_a_broken_pool_of_the_standard_library_loses_nothing() -> None:
    """What a ProcessPoolExecutor gives up, and what it no longer takes, is done here."""
    stop = Stop(600)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        crew = Crew(pool, stop, None)
        assert crew.run("Dying", [Job(dies_elsewhere, stop, (os.getpid(),))]) == [os.getpid()]
        with pytest.raises(BrokenExecutor):
            pool.submit(len, "broken")
        assert crew.run("After", [Job(twice, stop, (i,)) for i in range(3)]) == [0, 2, 4]


def test_results_in_order_and_errors_as_they_are(pool: Processes) -> None:
    """Results come in the order of the jobs; an exception of the work is the caller's."""
    crew, stop = Crew(pool, Stop(600), None), Stop(600)
    assert crew.run("Twice", [Job(twice, stop, (i,)) for i in range(20)]) == list(range(0, 40, 2))
    with pytest.raises(InfeasibleError) as raised:
        crew.run("Failing", [Job(fails, stop)])
    assert raised.value.reasons[0].place == "Nowhere"
    with pytest.raises(Exception, match="pickle"):
        crew.run("Unsent", [Job(lambda *, stop: stop, stop)])
    assert crew.run("Twice", [Job(twice, stop, (1,))]) == [2]


# -- Ctrl-C ------------------------------------------------------------------------------------------


def test_workers_are_told_to_stop(pool: Processes, tmp_path: Path) -> None:
    """The switch set here stops the work there, and it is not called a matter of time."""
    stop = Stop(600)
    told: list[str] = []

    def look(progress: Progress) -> None:
        if len(list(tmp_path.iterdir())) == 2:  # both have begun
            stop.interrupted.set()
            told.append(progress.stage)

    jobs = [Job(until_told, stop, (str(tmp_path),)) for _ in range(3)]
    assert Crew(pool, stop, look).run("Waiting", jobs) == [False] * 3
    assert told
    assert not stop.ran_out
    # The next design begins anew.
    assert Crew(pool, Stop(600), None).run("Twice", [Job(twice, Stop(600), (1,))]) == [2]


def test_work_left_behind_is_not_in_the_way_of_the_next_design(
    pool: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HiGHS cannot be told to stop: its process is ended when the next design begins."""
    stop, deaf = Stop(600), Stop(600)

    def look(_: Progress) -> None:
        if len(list(tmp_path.iterdir())) == 2:
            stop.interrupted.set()

    crew = Crew(pool, stop, look)
    monkeypatch.setattr(pool, "interrupt", lambda: None)
    assert crew.run("Proving", [Job(until_told, deaf, (str(tmp_path),))] * 2, leave=True) == []
    assert Crew(pool, Stop(600), None).run("Twice", [Job(twice, Stop(600), (1,))] * 2) == [2, 2]


@posix
def test_ctrl_c_in_a_terminal_reaches_us_alone(tmp_path: Path) -> None:
    """A terminal sends it to all processes at once; workers leave it to us, also while they start."""
    folder = make(tmp_path / "council")
    add_to_brief(folder, 'workers = 2\nexecutor = "processes"\n')
    started = subprocess.Popen(
        [sys.executable, "-m", "lotting.cli", "design", str(folder)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )
    assert started.stderr is not None
    said = ""
    while "First plans" not in said and (line := started.stderr.readline()):
        said += line
    os.killpg(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    assert "Traceback" not in err
    assert "Cut short (interrupted)" in out
    assert json.loads((folder / "out" / "result.json").read_text())["stopped_by"] == "interrupted"


# -- what travels --------------------------------------------------------------------------------------


def test_a_stop_arrives_with_the_seconds_left_and_the_switch_of_the_place() -> None:
    """Pickled: the seconds left; the time on the way counts where the clock is the same."""
    stop = Stop(100.0)
    stop.started -= 40.0
    sent = pickle.dumps(stop)
    place = Stop(1).interrupted
    with arriving(place, same_clock=True):
        there = pickle.loads(sent)
    assert 50.0 < there.left() <= 60.0
    assert not there()
    place.set()
    assert there()
    assert not there.ran_out
    assert not stop()

    endless = pickle.loads(pickle.dumps(Stop(np.inf)))
    assert endless.left() == np.inf
    late = Stop(1.0)
    late.started -= 2.0
    late = pickle.loads(pickle.dumps(late))
    assert late()
    assert late.ran_out
    stop.interrupted.set()
    told = pickle.loads(pickle.dumps(stop))
    assert told()
    assert not told.ran_out


def test_the_costs_of_a_place_travel_once(case: Case) -> None:
    """The same array for every start and every aim; forgotten when nobody can send it again."""
    instance = case.instance(5)
    other = instance.with_aims(Weights(equality=1.0))
    packer = Packer()
    first, apart = packer.pack((instance, "start 1"))
    second, again = packer.pack({"nested": [other]})
    assert list(apart) == list(again)
    assert len(second) < instance.cost.nbytes
    (number,) = apart
    assert packer.alive() == {number}
    received = {number: apart[number].copy()}
    switch = Stop(1).interrupted
    there, label = unpack(first, received, switch, same_clock=True)
    assert label == "start 1"
    assert there.cost is received[number]
    assert there.cost.flags.writeable
    assert there.hours.flags.writeable
    assert np.array_equal(there.cost, instance.cost)
    assert there.aims == instance.aims
    del instance, other, apart, again
    assert packer.alive() == set()


@posix
def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """Workers do not run the script again; ``with`` waits for what was given, and then takes no more."""
    script = tmp_path / "script.py"
    script.write_text(
        "from lotting.design.processes import Processes\n"
        "print('once')\n"
        "with Processes(1) as pool:\n"
        "    future = pool.submit(sum, (1, 2, 3))\n"
        "print(future.result())\n"
        "try:\n"
        "    pool.submit(sum, (1, 2))\n"
        "except RuntimeError:\n"
        "    print('closed')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", "6", "closed"]
    assert done.stderr == ""


# -- the choice -----------------------------------------------------------------------------------------


def kind_of(executor: Executor) -> type[Executor]:
    executor.shutdown(wait=False, cancel_futures=True)
    return type(executor)


def test_processes_for_real_work_and_threads_for_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small maps, short runs and a single worker stay in this process, unless asked otherwise."""
    monkeypatch.setattr(Processes, "__init__", lambda *_: None)
    monkeypatch.setattr(Processes, "shutdown", lambda self, *_, **__: None)
    assert kind_of(make_executor(4, areas=2000, seconds=60.0)) is Processes
    assert kind_of(make_executor(4)) is Processes
    assert kind_of(make_executor(4, areas=30, seconds=60.0)) is ThreadPoolExecutor
    assert kind_of(make_executor(4, areas=2000, seconds=1.0)) is ThreadPoolExecutor
    assert kind_of(make_executor(1, areas=2000, seconds=60.0)) is ThreadPoolExecutor
    assert kind_of(make_executor(4, kind="threads", areas=2000)) is ThreadPoolExecutor
    assert kind_of(make_executor(4, kind="processes", areas=30)) is Processes


@pytest.mark.parametrize(("modules", "without"), [
    ("lotting, lotting.cli", "numpy pandas numba ortools networkx scipy geopandas matplotlib folium"),
    ("lotting.design.front, lotting.design.stages", "pandas networkx scipy.optimize typer distributed"),
])
def test_what_is_read_in(modules: str, without: str) -> None:
    """``lotting --help`` and a worker process start without what they do not need."""
    code = f"import sys, {modules}; print(*sorted(set({without.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
