"""``allocation visits``: the visits of a council, every hour accounted for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial
from pathlib import Path

from allocation.report.inside import PRIVATE, write_csv
from allocation.report.private import visits_table
from lotting.console import print_warnings, read_project, stderr
from lotting.visits.project import project_visits

from .shared import Written, check_folder, records, wrapped, write_together

__all__ = ["run"]

FILE = "visits.csv"


def run(
    folder: Path, *, service: str | None, day: dt.date | None, out: Path | None, quiet: bool
) -> Written:
    """Gather the visits and write them."""
    project = read_project(folder, quiet=quiet)
    if day is not None:
        asked = project.brief.visits.model_copy(update={"day": day})
        project = replace(project, brief=project.brief.model_copy(update={"visits": asked}))
    place = out or project.path.parent / "private"
    check_folder(place, project.inputs, [FILE])
    visits = project_visits(project, service)
    if not quiet:
        print_warnings(stderr(), [w for w in visits.warnings if w not in project.warnings])
    files = write_together(place, {FILE: partial(write_csv, table=visits_table(visits.frame))})
    today = visits.of_day()
    text = "\n\n".join([
        str(visits.sums),
        wrapped(
            f"{len(visits.frame):,} visits; {len(today):,} on {visits.day:%A %d %B %Y}, the day planned.",
            *visits.assumed, PRIVATE,
        ),
    ])
    data = {
        "day": visits.day.isoformat(), "visits": len(visits.frame), "visits_on_day": len(today),
        "reconciliation": records(visits.sums.frame.rename_axis("reason")), "assumed": list(visits.assumed),
    }  # fmt: skip
    return Written(text, data, files)
