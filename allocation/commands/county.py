"""What the commands about travel read: a council, its plan, and the visits of a day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from allocation.travel.county import CountyDay, county_day
from lotting.console import print_warnings, read_project, stderr
from lotting.errors import InputError, Problem
from lotting.project import Project

__all__ = ["read_county"]


def read_county(
    folder: Path, plan: Path | None, *, service: str | None, day: dt.date | None, quiet: bool
) -> CountyDay:
    """Read a council, a plan and the visits, and say what is odd about them."""
    project = read_project(folder, quiet=quiet)
    console = stderr()
    county = county_day(
        project, plan or _plan_of(project, service), service=service, day=day,
        tell=None if quiet else lambda what: console.print(f"[dim]{what}[/]"),
    )  # fmt: skip
    if not quiet:
        print_warnings(console, [w for w in county.visits.warnings if w not in project.warnings])
    return county


def _plan_of(project: Project, service: str | None) -> Path:
    out = project.path.parent / "out"
    file = out / "plan.csv" if service is None or len(project.demands) == 1 else out / service / "plan.csv"
    if not file.is_file():
        raise InputError(Problem(
            message="there is no plan", file=str(file),
            fix="Draw the lots first (lotting design), or name a plan with --plan.",
        ))  # fmt: skip
    return file
