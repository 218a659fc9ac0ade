"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How quick the machine is says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data beside the project; the test is skipped where there is none."""
    if not (SHARED / "geo" / "units").is_dir():
        pytest.skip("the reference data folder is not beside the project")
    return SHARED


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have the search for rounds compiled once before several workers want it at the same time."""
    if getattr(session.config.option, "numprocesses", None) and not hasattr(session.config, "workerinput"):
        from allocation.travel.many import warm_up

        warm_up()
