"""A quick estimate of the travel between the visits of a lot, without planning rounds.

Rounds take minutes to plan, and drawing lots compares thousands of lots. What most decides the
travel of good rounds is how near the next visit is that a worker can be in time for. So each visit of
each carer is given one visit to go on to, or the end of a round, each at most once, such that the
travel is least: an assignment problem. That leaves out what makes rounds hard (times that must hold
together along a round), and so a factor is laid on it that was fitted to rounds that were planned: a
scale, and more where windows are narrow and where the country is rural.

Only travel *between* visits is estimated: from home to the first visit and from the last one home
is no working time (National Minimum Wage Regulations 2015, reg 34(1); HMRC v Taylors Services
[2025] EWCA Civ 956) and depends on where workers live.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "ERROR_PCT", "LEAST_WINDOW", "RURAL_SHARE", "UNSCALED", "Burden", "BurdenRule", "Moments", "factors",
    "in_time", "lot_burden", "moments",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Minutes; narrower windows count as this, half of the narrowest that were tried.
LEAST_WINDOW = 15.0
#: Share of rural visits where it is not known which are: that of the lot-days the rule was fitted to.
RURAL_SHARE = 0.37
#: Settings that leave the travel of the assignment as it is.
UNSCALED = {"scale": 1.0, "narrow_minutes": 0.0, "rural": 0.0, "km_scale": 1.0, "km_narrow_minutes": 0.0}
#: How far a lot-day's estimate is from its planned rounds, %, fitted to all others: docs/how-to/visits.md.
ERROR_PCT = {"median": 4.2, "nine_in_ten_within": 11.2, "worst": 13.7, "lot_days": 69}
_TINY = 1e-3  # an arc of no cost would be no arc to a sparse matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class BurdenRule:
    """What counts as being in time, and the factor.

    All of it was fitted by ``benchmarks/burden.py`` to the rounds of 69 lot-days with windows of 30, 60
    and 120 minutes.

    Attributes
    ----------
    scale, narrow_minutes, rural
        The minutes behind a visit are those of the assignment times
        ``scale * exp(narrow_minutes / window + rural)``, the last only in a rural area; where
        nobody knows which areas are rural, times :data:`RURAL_SHARE`. Windows below
        :data:`LEAST_WINDOW` count as that.
    km_scale, km_narrow_minutes
        The same for km: other than minutes they have no stops in them, of which there are as many
        in any rounds.
    window_share
        Share of the window by which a visit may be moved to let a worker be in time.
    order_share
        The next visit is wanted at least this share of the visit and the way later: workers cannot
        gain time at every visit.
    longest_wait_minutes
        A longer wait ends a round.
    shift_minutes
        From the first start to the last end of a round.
    round_price_minutes
        Minutes of travel that one round fewer is worth.
    neighbours
        How many next visits are looked at from each, the nearest.
    """

    scale: float = 0.611
    narrow_minutes: float = 4.64
    rural: float = 0.161
    km_scale: float = 0.416
    km_narrow_minutes: float = 12.9
    window_share: float = 1.0
    order_share: float = 0.2
    longest_wait_minutes: float = 120.0
    shift_minutes: float = 480.0
    round_price_minutes: float = 30.0
    neighbours: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """Travel between the visits of a lot on a day, estimated.

    Attributes
    ----------
    travel_minutes, km
        Between visits, all workers together.
    contact_hours
        Length times carers.
    visits
        Visits of each carer: a double-handed visit is two.
    rounds
        Rounds the estimate made; a by-product, not a number of staff.

    Examples
    --------
    >>> burden = Burden(travel_minutes=120, km=60, contact_hours=10, visits=20, rounds=2)
    >>> burden.travel_minutes_per_contact_hour, burden.km_per_visit
    (12.0, 3.0)
    """

    travel_minutes: float
    km: float
    contact_hours: float
    visits: int
    rounds: int

    @property
    def travel_minutes_per_contact_hour(self) -> float:
        """Minutes of travel between visits for each hour of care; NaN without visits."""
        return self.travel_minutes / self.contact_hours if self.contact_hours else float("nan")

    @property
    def km_per_visit(self) -> float:
        """Km between visits for each carer's visit; NaN without visits."""
        return self.km / self.visits if self.visits else float("nan")


@dataclass(frozen=True, slots=True)
class Moments:
    """When each carer's visit is, and which row of the visits it is (float64 and int64, shape (n,))."""

    row: Ints
    target: Floats
    end: Floats
    window: Floats


def moments(visits: pd.DataFrame) -> Moments:
    """Take the times of one day's visits; double-handed visits come twice.

    Parameters
    ----------
    visits
        As in :data:`lotting.visits.frame.COLUMNS`, of one day.
    """
    row = np.repeat(np.arange(len(visits)), visits["carers"].to_numpy())
    target = visits["target"].to_numpy(dtype="float64")[row]
    length = visits["duration_minutes"].to_numpy(dtype="float64")[row]
    window = (visits["latest"] - visits["earliest"]).to_numpy(dtype="float64")[row]
    return Moments(row, target, target + length, window)


def lot_burden(
    visits: pd.DataFrame,
    matrix_minutes: npt.NDArray[np.floating],
    matrix_km: npt.NDArray[np.floating],
    *,
    rule: BurdenRule | None = None,
) -> Burden:
    """Estimate the travel between the visits of one lot on one day.

    Parameters
    ----------
    visits
        Visits as in :data:`lotting.visits.frame.COLUMNS`, of one day and one lot.
    matrix_minutes, matrix_km
        Travel from each visit to each, shape (n, n), in the order of ``visits``; ``inf`` where
        there is no way. Minutes include those of a stop, and are 0 at the same place.
    rule
        Settings; the fitted ones when left out.

    Returns
    -------
    Burden
        Zeros for no visits.

    Notes
    -----
    Each carer's visit i is followed by at most one visit j, and j follows at most one; with t the
    wanted start, d the length, c the travel and w the mean of both windows, j may follow i when::

        t_i + d_i + c_ij <= t_j + window_share * w
        t_j > t_i  and  t_j - t_i >= order_share * (d_i + c_ij)
        t_j - (t_i + d_i + c_ij) <= longest_wait_minutes

    Of all such assignments the one with the least travel and ``round_price_minutes`` a round is
    taken (minimum-weight matching, J. Crouse, IEEE Trans. Aerosp. Electron. Syst. 52 (2016) 1679,
    on the ``neighbours`` nearest next visits of each); rounds longer than a shift are cut where the
    shift is over. The time taken is about that of ten sorts of ``n * neighbours`` numbers.

    Examples
    --------
    Three visits of half an hour, 5 minutes apart, all of them one after the other:

    >>> visits = pd.DataFrame({"target": [480., 520., 560.], "earliest": [480., 520., 560.],
    ...     "latest": [480., 520., 560.], "duration_minutes": 30.0, "carers": 1})
    >>> apart = np.array([[0., 5, 5], [5, 0, 5], [5, 5, 0]])
    >>> burden = lot_burden(visits, apart, apart / 2, rule=BurdenRule(**UNSCALED))
    >>> round(burden.travel_minutes, 6), round(burden.km, 6), burden.rounds
    (10.0, 5.0, 1)
    """
    rule = rule or BurdenRule()
    when = moments(visits)
    n = len(when.row)
    if n == 0:
        return Burden(travel_minutes=0.0, km=0.0, contact_hours=0.0, visits=0, rounds=0)
    at = np.ix_(when.row, when.row)
    minutes = np.asarray(matrix_minutes, dtype="float64")[at]
    kilometres = np.asarray(matrix_km, dtype="float64")[at]
    factor, km_factor = factors(visits, when, rule)
    cost = np.where(in_time(when, minutes, rule), minutes, np.inf)
    following = _cut_at_shift(_assign(cost, rule), when, rule)
    here = np.flatnonzero(following >= 0)
    there = following[here]
    return Burden(
        travel_minutes=float((factor[here] * minutes[here, there]).sum()),
        km=float((km_factor[here] * kilometres[here, there]).sum()),
        contact_hours=float((when.end - when.target).sum()) / 60,
        visits=n,
        rounds=n - len(here),
    )


def factors(visits: pd.DataFrame, when: Moments, rule: BurdenRule) -> tuple[Floats, Floats]:
    """Return what the minutes and the km behind each carer's visit are multiplied by, shape (n,) both.

    Parameters
    ----------
    visits
        With a column ``rural`` (bool) where that is known.
    when
        Their moments.
    rule
        Settings.

    Examples
    --------
    >>> visits = pd.DataFrame({"target": [480.], "earliest": [450.], "latest": [510.],
    ...     "duration_minutes": 30.0, "carers": 1, "rural": True})
    >>> rule = BurdenRule(scale=0.5, narrow_minutes=60 * np.log(2), rural=np.log(3))
    >>> factors(visits, moments(visits), rule)[0].round(6)
    array([3.])
    """
    narrow = 1 / np.maximum(when.window, LEAST_WINDOW)
    rural = visits["rural"].to_numpy(dtype="float64")[when.row] if "rural" in visits else RURAL_SHARE
    return (
        rule.scale * np.exp(rule.narrow_minutes * narrow + rule.rural * rural),
        rule.km_scale * np.exp(rule.km_narrow_minutes * narrow),
    )


def in_time(when: Moments, minutes: Floats, rule: BurdenRule) -> npt.NDArray[np.bool_]:
    """Say which visit may follow which: bool (n, n); see :func:`lot_burden`."""
    apart = when.target[None, :] - when.target[:, None]
    needed = (when.end - when.target)[:, None] + minutes
    spare = apart - needed
    window = (when.window[None, :] + when.window[:, None]) / 2
    good = (spare >= -rule.window_share * window) & (spare <= rule.longest_wait_minutes)
    good &= (apart > 0) & (apart >= rule.order_share * needed) & (when.row[None, :] != when.row[:, None])
    return np.asarray(good)


def _assign(cost: Floats, rule: BurdenRule) -> Ints:
    """Return for each visit the one that follows, -1 at the end of a round."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    n = len(cost)
    count = min(rule.neighbours, n)
    near = np.argpartition(cost, count - 1, axis=1)[:, :count]
    price = np.take_along_axis(cost, near, axis=1)
    good = np.isfinite(price)
    rows = np.repeat(np.arange(n), good.sum(axis=1))
    # A column of its own ends the round of each visit, so there is always a full matching.
    weights = np.concatenate([price[good] + _TINY, np.full(n, rule.round_price_minutes + _TINY)])
    graph = csr_array(
        (weights, (np.concatenate([rows, np.arange(n)]), np.concatenate([near[good], n + np.arange(n)]))),
        shape=(n, 2 * n))
    matched, columns = min_weight_full_bipartite_matching(graph)
    following = np.full(n, -1, dtype=np.int64)
    following[matched] = np.where(columns < n, columns, -1)
    return following


def _cut_at_shift(following: Ints, when: Moments, rule: BurdenRule) -> Ints:
    """End rounds where the shift is over; the next visit begins another round."""
    first = np.ones(len(following), dtype=bool)
    first[following[following >= 0]] = False
    result = following.copy()
    end = when.end.tolist()
    target = when.target.tolist()
    for begin in np.flatnonzero(first).tolist():
        since, here = target[begin], begin
        while (there := int(following[here])) >= 0:
            if end[there] - since > rule.shift_minutes:
                result[here] = -1
                since = target[there]
            here = there
    return result
