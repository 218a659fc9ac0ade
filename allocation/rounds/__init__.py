"""From a day's visits to the rounds of care workers.

- :func:`plan_day`: visits, shifts and travel times in, :class:`Rounds` out.
- :mod:`.problem`: the same as arrays; :func:`solve` looks for a plan, :func:`.check.check_rounds`
  verifies one without a line of the search's code.
"""

from .day import DEFAULT_WEIGHTS, make_problem, plan_day
from .problem import RoundsProblem, Weights
from .rounds import Rounds, make_rounds
from .solve import Solution, solve
from .workers import made_up_shifts, read_workers

__all__ = [
    "DEFAULT_WEIGHTS",
    "Rounds",
    "RoundsProblem",
    "Solution",
    "Weights",
    "made_up_shifts",
    "make_problem",
    "make_rounds",
    "plan_day",
    "read_workers",
    "solve",
]
