"""Work on a real Dask cluster of this machine: same plan, also when a worker is killed half-way."""

from __future__ import annotations

import builtins
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from design_cases import Case, scattered
from e2e.small import edit, make, run
from executor_work import fails, twice, until_told
from test_executors import LOTS, RUN, facts

from lotting.design.cluster import Cluster
from lotting.design.crew import Crew, Job, Progress
from lotting.design.executors import make_executor
from lotting.design.solve import Design
from lotting.design.stop import Stop
from lotting.errors import InfeasibleError, InputError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes on the loopback interface, without a dashboard."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


@pytest.fixture
def workers(cluster: Any) -> Iterator[Cluster]:
    workers = Cluster(cluster.scheduler_address)
    yield workers
    workers.shutdown(wait=False, cancel_futures=True)


@pytest.fixture(scope="module")
def case() -> Case:
    return scattered(40, 5)


@pytest.fixture(scope="module")
def alone(case: Case) -> Design:
    return case.design(LOTS, run=RUN.model_copy(update={"workers": 1}))


def test_a_worker_killed_half_way_makes_no_difference(
    case: Case, alone: Design, cluster: Any, workers: Cluster
) -> None:
    """Two workers, one killed half-way: the same plan, bound and options, and nothing is lost."""
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if not killed and 0 < progress.done < progress.total:
            pid = next(iter(cluster.workers.values())).pid
            os.kill(pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            killed.append(pid)

    found = case.design(LOTS, run=RUN, executor=workers, progress=kill)
    assert killed
    assert facts(found) == facts(alone)


def test_results_in_order_and_errors_as_they_are(workers: Cluster) -> None:
    """As on this machine."""
    crew, stop = Crew(workers, Stop(600), None), Stop(600)
    assert crew.run("Twice", [Job(twice, stop, (i,)) for i in range(20)]) == list(range(0, 40, 2))
    with pytest.raises(InfeasibleError):
        crew.run("Failing", [Job(fails, stop)])


def test_workers_are_told_to_stop(workers: Cluster, tmp_path: Path) -> None:
    """Ctrl-C here stops the work there, and it is not called a matter of time."""
    stop = Stop(600)

    def look(_: Progress) -> None:
        if list(tmp_path.iterdir()):
            stop.interrupted.set()

    jobs = [Job(until_told, stop, (str(tmp_path),)) for _ in range(3)]
    assert Crew(workers, stop, look).run("Waiting", jobs) == [False] * 3


def test_a_cluster_that_goes_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the scheduler goes half-way the rest is done here."""
    monkeypatch.setattr("lotting.design.cluster._ANSWER_S", 3.0)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        protocol="tcp",
    ) as cluster:
        workers = make_executor(cluster=cluster.scheduler_address)
        crew, stop = Crew(workers, Stop(600), None), Stop(600)
        assert crew.run("Before", [Job(twice, stop, (1,))]) == [2]
    try:
        assert crew.run("After", [Job(twice, stop, (i,)) for i in range(3)]) == [0, 2, 4]
    finally:
        workers.shutdown(wait=False, cancel_futures=True)


# -- what cannot be used -------------------------------------------------------------------------


def test_the_command_takes_a_cluster(cluster: Any, tmp_path: Path) -> None:
    """``lotting design --cluster``: the files it writes are those that this machine alone writes."""
    folder = make(tmp_path / "council")
    edit(folder / "brief.toml", "time_limit_s = 20", "time_limit_s = 300")  # no machine is as slow
    ran = run("design", "-q", folder, "--cluster", cluster.scheduler_address)
    assert ran.code == 0, ran.said
    there = (folder / "out" / "plan.csv").read_bytes()
    assert run("design", "-q", folder).code == 0
    assert (folder / "out" / "plan.csv").read_bytes() == there


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, and what to do about it; nothing is written."""
    monkeypatch.setattr("lotting.design.cluster._ANSWER_S", 0.5)
    folder = make(tmp_path / "council")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    ran = run("design", "-q", folder, "--cluster", address)
    assert ran.code == 2
    assert "no Dask scheduler answers" in ran.said
    assert address in ran.said
    assert not (folder / "out").exists()


def test_what_is_no_address() -> None:
    """An address without a scheme is refused before anything is opened."""
    with pytest.raises(InputError, match="tcp://host:8786"):
        make_executor(cluster="here")


def test_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler alone is not enough."""
    monkeypatch.setattr("lotting.design.cluster._ANSWER_S", 1.0)
    with distributed.LocalCluster(
        n_workers=0, processes=False, host="127.0.0.1", dashboard_address="127.0.0.1:0", protocol="tcp"
    ) as cluster, pytest.raises(InputError, match="no worker"):
        Cluster(cluster.scheduler_address)


def test_other_versions_are_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers with another lotting might draw other lots."""
    monkeypatch.setattr("lotting.design.cluster.version", lambda _: "0.0.1")
    with pytest.raises(InputError, match=r"0\.0\.1"):
        Cluster(cluster.scheduler_address)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "distributed":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"lotting\[cluster\]"):
        make_executor(cluster="tcp://127.0.0.1:8786")
