"""Will the lots still hold when the need for care changes? One plan, tried on many made-up futures.

In a scenario the weekly hours of area i are::

    hours_i x (1 + g) x e_i

``g`` is one growth for the whole map, drawn evenly between two bounds. ``e_i`` is the area's own
luck: lognormal, mean 1, drawn for each area on its own, with the coefficient of variation::

    cv_i = noise / sqrt(people_i / mean people of an area)

(hours stand in for people where those are not known). An area's hours are the sum of its people's:
if these come and go independently, the variance of the sum grows with their number and its
coefficient of variation falls with the square root. The level, ``noise``, is an assumption of whoever
writes the brief; so is independence, which a hospital that closes or a new estate breaks. Growth
that differs from place to place is not modelled.

The limits stay what they are today, in hours: they stand in the contract.

The tightening of limits by :func:`lot_spread` is that of chance constraints (Charnes and Cooper 1959):
a sum of many small independent parts is nearly normal, so that a lot planned z standard deviations
inside a limit breaks it about as often as a normal variable exceeds z.

References
----------
.. [1] Charnes, A. and Cooper, W. W. (1959), "Chance-constrained programming", Management Science
   6(1), 73-79.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .brief import LotsBrief, RobustBrief
from .plan import Plan

__all__ = ["Robustness", "Scenarios", "area_spread", "draw", "lot_limits", "lot_spread", "try_demand"]

Floats = npt.NDArray[np.float64]
_SLACK = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Weekly hours of every area in every scenario.

    Attributes
    ----------
    codes
        Area codes, sorted.
    hours
        float64[scenarios, areas].
    """

    codes: tuple[str, ...]
    hours: Floats

    def loads(self, lots: Sequence[object] | pd.Series[str], names: Sequence[object]) -> Floats:
        """Weekly hours of the lots in every scenario, float64[scenarios, lots].

        ``lots`` gives each area of ``codes`` its lot.
        """
        number = {name: k for k, name in enumerate(names)}
        member = np.zeros((len(self.codes), len(names)))
        member[np.arange(len(self.codes)), [number[lot] for lot in lots]] = 1.0
        loads: Floats = self.hours @ member
        return loads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Robustness:
    """How a plan fares when the need for care changes.

    Attributes
    ----------
    scenarios
        How many were tried.
    within
        Share of the scenarios in which every lot stays within its limits.
    below
        Share of the scenarios in which some lot falls below its least hours.
    worst
        The lot that leaves its limits most often; "" when none ever does.
    lots
        By ``lot``: ``within``, ``below``, ``above`` (shares of the scenarios), and the quantiles
        ``hours_p5``, ``hours_p50``, ``hours_p95`` of its weekly hours.
    """

    scenarios: int
    within: float
    below: float
    worst: str
    lots: pd.DataFrame


def _people(demand: pd.DataFrame, *, people_known: bool) -> Floats:
    return demand["people" if people_known else "weekly_hours"].to_numpy(float)


def area_spread(demand: pd.DataFrame, noise_pct: float, *, people_known: bool = True) -> Floats:
    """Coefficient of variation of each area's hours, in the order of ``demand``.

    Parameters
    ----------
    demand
        Index ``area_code``; columns ``weekly_hours`` and ``people``.
    noise_pct
        That of an area with an average number of people, per cent.
    people_known
        Whether ``people`` counts; hours stand in otherwise.

    Examples
    --------
    An area with a quarter of the average varies twice as much:

    >>> d = pd.DataFrame({"weekly_hours": [10.0, 70.0], "people": [5, 35]}, index=["a", "b"])
    >>> area_spread(d, 10.0).round(4).tolist()
    [0.2, 0.0756]
    """
    people = _people(demand, people_known=people_known)
    mean = float(people.mean()) if len(people) else 0.0
    # Hours without people are those of at least one person.
    floor = 1.0 if people_known else max(mean * 1e-3, 1e-9)
    share = np.maximum(people, floor) / max(mean, 1e-9)
    spread: Floats = noise_pct / 100 / np.sqrt(share)
    return spread


def lot_spread(demand: pd.DataFrame, noise_pct: float, lots: float, *, people_known: bool = True) -> float:
    """Standard deviation of the weekly hours of an average one of ``lots`` lots, growth aside.

    Independent areas: variances add up, and a lot holds its share of them.
    """
    spread = area_spread(demand, noise_pct, people_known=people_known)
    hours = demand["weekly_hours"].to_numpy(float)
    return float(np.sqrt(((spread * hours) ** 2).sum() / lots))


def draw(
    demand: pd.DataFrame, robust: RobustBrief, *, seed: int, people_known: bool = True
) -> Scenarios:
    """Draw the scenarios; the same for every plan, so that plans are compared on the same luck.

    Parameters
    ----------
    demand
        Index ``area_code``, in any order; columns ``weekly_hours`` and ``people``.
    robust
        How many, noise and growth.
    seed
        The same seed gives the same scenarios.
    people_known
        Whether ``people`` counts; hours stand in otherwise.
    """
    demand = demand.sort_index()
    rng = np.random.default_rng([seed, 0x0B0B])
    low, high = robust.growth_pct
    growth = 1 + rng.uniform(low, high, (robust.scenarios, 1)) / 100
    spread = area_spread(demand, robust.noise_pct, people_known=people_known)
    sigma = np.sqrt(np.log1p(spread**2))
    luck = np.exp(sigma * rng.standard_normal((robust.scenarios, len(demand))) - sigma**2 / 2)
    return Scenarios(
        tuple(str(c) for c in demand.index), demand["weekly_hours"].to_numpy(float) * growth * luck
    )


def lot_limits(lots: LotsBrief, target: pd.Series[float] | float, names: Sequence[str]) -> pd.DataFrame:
    """Least and most weekly hours of each lot; 0 and inf where the brief sets none.

    Parameters
    ----------
    lots
        The brief's table.
    target
        Weekly hours a lot should hold, by lot or one figure for all.
    names
        The lots.

    Returns
    -------
    pandas.DataFrame
        float64 by ``lot``: ``lo``, ``hi``.

    Examples
    --------
    >>> lot_limits(LotsBrief(number=1, min_hours=90, tolerance_pct=20), 100.0, ["1"]).loc["1"].tolist()
    [90.0, 120.0]
    """
    names = list(names)
    of_lot = target.reindex(names) if isinstance(target, pd.Series) else target
    aim: Floats = np.zeros(len(names)) + np.asarray(of_lot, dtype=np.float64)
    lo: Floats = np.full(len(names), float(lots.min_hours or 0.0))
    hi: Floats = np.full(len(names), np.inf if lots.max_hours is None else lots.max_hours)
    if lots.tolerance_pct is not None:
        lo = np.maximum(lo, aim * (1 - lots.tolerance_pct / 100))
        hi = np.minimum(hi, aim * (1 + lots.tolerance_pct / 100))
    return pd.DataFrame({"lo": lo, "hi": hi}, index=pd.Index(names, name="lot", dtype="str"))


def try_demand(plan: Plan, scenarios: Scenarios, limits: pd.DataFrame) -> Robustness:
    """Try a plan on the scenarios.

    Parameters
    ----------
    plan
        A lot for each area of the scenarios.
    scenarios
        From :func:`draw`.
    limits
        From :func:`lot_limits`: ``lo`` and ``hi`` by lot.

    Returns
    -------
    Robustness

    Examples
    --------
    >>> demand = pd.DataFrame({"weekly_hours": [90.0, 110.0], "people": [9, 11]}, index=["a", "b"])
    >>> futures = draw(demand, RobustBrief(scenarios=50, noise_pct=0, growth_pct=(10, 10)), seed=1)
    >>> limits = lot_limits(LotsBrief(number=2, max_hours=120), 100.0, ["1", "2"])
    >>> found = try_demand(Plan({"a": "1", "b": "2"}), futures, limits)
    >>> found.within, found.worst
    (0.0, '2')
    """
    names = plan.lot_names
    loads = scenarios.loads(plan.aligned(scenarios.codes), names)
    below = loads < limits["lo"].reindex(names).to_numpy() - _SLACK
    above = loads > limits["hi"].reindex(names).to_numpy() + _SLACK
    out = below | above
    index = pd.Index(names, name="lot", dtype="str")
    table = pd.DataFrame({
        "within": 1.0 - out.mean(axis=0), "below": below.mean(axis=0), "above": above.mean(axis=0),
    }, index=index)
    for q in (5, 50, 95):
        table[f"hours_p{q}"] = np.quantile(loads, q / 100, axis=0)
    often = out.sum(axis=0)
    return Robustness(
        scenarios=len(loads), within=float(1.0 - out.any(axis=1).mean()),
        below=float(below.any(axis=1).mean()),
        worst=names[int(np.argmax(often))] if often.any() else "", lots=table,
    )
