"""Draw the lots of a folder from Python, and look at the plan with pandas.

Run it with ``python from_python.py FOLDER``. Without a folder it makes the sample of
Leicestershire in a temporary one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lotting.project import load_project
from lotting.results import proof_in_words, write_results
from lotting.run import design_all
from lotting.scaffold import new_project


def main(folder: Path) -> None:
    """Draw the lots of every service line in a folder and print what came out."""
    project = load_project(folder)
    print(project.reconciliation)

    # Every setting of the brief can be changed; here, one plan is enough.
    run = project.brief.run.model_copy(update={"options": 1})
    for result in design_all(project, run):
        outcome = result.outcome
        print(f"\nService {outcome.demand.service}: {outcome.plan}")
        print(f"{outcome.facts['weekly_hours']:,.0f} hours a week; {proof_in_words(result.design)}")
        print(outcome.table[["weekly_hours", "deviation_pct", "distance_km"]].round(1).to_string())

        # Not suppressed: for use inside the council. write_results controls what it writes.
        busiest = str(outcome.demand.frame["weekly_hours"].idxmax())
        print(f"Most hours: {busiest}, in lot {outcome.plan.lots[busiest]}")
        write_results(project, result, folder / "out" / outcome.demand.service)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as place:
            new_project(place, "leicestershire")
            main(Path(place))
