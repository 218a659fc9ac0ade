"""Scenarios of demand: shares against direct sums and the normal distribution; seeded."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lotting.brief import LotsBrief, RobustBrief
from lotting.plan import Plan
from lotting.robust import area_spread, draw, lot_limits, lot_spread, try_demand

CODES = [f"a{i:03d}" for i in range(40)]
DEMAND = pd.DataFrame(
    {"weekly_hours": np.linspace(20, 80, 40), "people": np.arange(5, 45)},
    index=pd.Index(CODES, name="area_code"),
)
HALVES = Plan({c: "1" if i % 2 else "2" for i, c in enumerate(CODES)})


def limits(lo, hi):
    return pd.DataFrame({"lo": lo, "hi": hi}, index=["1", "2"], dtype=float)


def test_without_noise_and_growth_every_scenario_is_today():
    """The share is 1 within the limits, and 0 when one lot is outside them."""
    futures = draw(DEMAND, RobustBrief(scenarios=7, noise_pct=0), seed=1)
    assert np.allclose(futures.hours, DEMAND["weekly_hours"].to_numpy())
    held = DEMAND["weekly_hours"].groupby(HALVES.lots).sum()
    inside = try_demand(HALVES, futures, limits(held.min(), held.max()))
    assert (inside.within, inside.below, inside.worst) == (1.0, 0.0, "")
    outside = try_demand(HALVES, futures, limits(held.min() + 1, 9e9))
    assert (outside.within, outside.below, outside.worst) == (0.0, 1.0, str(held.idxmin()))
    assert outside.lots["within"].sort_values().to_list() == [0.0, 1.0]


def test_shares_and_quantiles_are_those_of_a_direct_count():
    """Lot by lot and scenario by scenario, added up in plain Python."""
    futures = draw(DEMAND, RobustBrief(scenarios=50, noise_pct=30, growth_pct=(-5, 15)), seed=3)
    lo, hi = 950.0, 1080.0
    found = try_demand(HALVES, futures, limits(lo, hi))
    at = {c: i for i, c in enumerate(futures.codes)}
    sums = {
        lot: [sum(row[at[c]] for c in CODES if HALVES.lots[c] == lot) for row in futures.hours]
        for lot in ("1", "2")
    }
    fine = [all(lo <= sums[lot][s] <= hi for lot in sums) for s in range(50)]
    assert found.within == pytest.approx(np.mean(fine))
    assert found.below == pytest.approx(np.mean([any(sums[lot][s] < lo for lot in sums) for s in range(50)]))
    for lot, values in sums.items():
        row = found.lots.loc[lot]
        assert row["below"] == pytest.approx(np.mean([v < lo for v in values]))
        assert row["above"] == pytest.approx(np.mean([v > hi for v in values]))
        assert row["hours_p95"] == pytest.approx(np.quantile(values, 0.95))


def test_a_lot_of_many_areas_is_nearly_normal():
    """The share below a limit one standard deviation away is that of the normal distribution."""
    futures = draw(DEMAND, RobustBrief(scenarios=10_000, noise_pct=10), seed=5)
    spread = (area_spread(DEMAND, 10.0) * DEMAND["weekly_hours"]) ** 2
    hours = DEMAND["weekly_hours"].groupby(HALVES.lots).sum()
    sd = spread.groupby(HALVES.lots).sum() ** 0.5
    found = try_demand(HALVES, futures, limits((hours - sd).to_numpy(), np.inf))
    # Four standard errors of a share counted in 10,000 scenarios, and a little for the skew.
    assert found.lots["below"].to_numpy() == pytest.approx([NormalDist().cdf(-1)] * 2, abs=0.02)
    assert found.within == pytest.approx((1 - NormalDist().cdf(-1)) ** 2, abs=0.025)
    assert lot_spread(DEMAND, 10.0, 2) == pytest.approx(float(np.sqrt((sd**2).mean())))


def test_noise_has_mean_one_and_the_stated_spread():
    """Every area keeps its mean; a quarter of the people vary twice as much."""
    futures = draw(DEMAND, RobustBrief(scenarios=10_000, noise_pct=20), seed=2)
    ratio = futures.hours / DEMAND["weekly_hours"].to_numpy()
    spread = area_spread(DEMAND, 20.0)
    assert np.abs(ratio.mean(axis=0) - 1).max() < 5 * spread.max() / 100
    assert ratio.std(axis=0) == pytest.approx(spread, rel=0.1)
    assert spread[0] == pytest.approx(2 * spread[15])  # 5 people and 20


def test_growth_is_common_and_even_between_its_bounds():
    """Without noise all areas of a scenario grow alike."""
    futures = draw(DEMAND, RobustBrief(scenarios=2_000, noise_pct=0, growth_pct=(-10, 30)), seed=2)
    ratio = futures.hours / DEMAND["weekly_hours"].to_numpy()
    assert np.ptp(ratio, axis=1).max() < 1e-12
    assert 0.9 <= ratio.min() < 0.91
    assert 1.29 < ratio.max() <= 1.3
    assert ratio.mean() == pytest.approx(1.1, abs=0.01)


def test_the_seed_decides_and_the_order_of_areas_does_not():
    """The same seed gives the same scenarios, whatever the order of the rows."""
    robust = RobustBrief(scenarios=5)
    one, same = draw(DEMAND, robust, seed=1), draw(DEMAND.iloc[::-1], robust, seed=1)
    assert one.codes == same.codes
    assert (one.hours == same.hours).all()
    assert (one.hours != draw(DEMAND, robust, seed=2).hours).any()


def test_areas_without_people_or_hours_do_no_harm():
    """No hours stay no hours; hours without people vary as those of one person."""
    demand = pd.DataFrame({"weekly_hours": [0.0, 10.0, 90.0], "people": [0, 0, 9]}, index=["a", "b", "c"])
    futures = draw(demand, RobustBrief(scenarios=100), seed=1)
    assert np.isfinite(futures.hours).all()
    assert (futures.hours[:, 0] == 0).all()
    assert area_spread(demand, 10.0)[1] == pytest.approx(0.1 * np.sqrt(3))
    assert np.isfinite(area_spread(demand, 10.0, people_known=False)).all()


def test_limits_are_the_closest_of_the_briefs():
    """Hours and tolerance both hold; none at all is 0 to infinity."""
    brief = LotsBrief(number=2, min_hours=95, max_hours=130, tolerance_pct=10)
    frame = lot_limits(brief, pd.Series({"1": 100.0, "2": 120.0}), ["1", "2"])
    assert frame.to_numpy().tolist() == [[95.0, pytest.approx(110.0)], [108.0, 130.0]]
    free = lot_limits(LotsBrief(number=2), 100.0, ["1", "2"])
    assert free.to_numpy().tolist() == [[0.0, np.inf]] * 2


@pytest.mark.parametrize("pair", [(5, 1), (-100, 0)])
def test_growth_is_least_first_and_leaves_something(pair):
    """Of two bounds the first is the lower, and above -100 %."""
    with pytest.raises(ValidationError, match="least growth first"):
        RobustBrief(growth_pct=pair)


def test_what_tells_of_a_withheld_lot_is_withheld():
    """Its row of the scenarios, and of other plans the measures that its hours follow from."""
    from lotting.report.disclosure import Controlled
    from lotting.report.tables import _futures, _untold

    gone = pd.Series([True, False], index=["1", "2"])
    futures = try_demand(HALVES, draw(DEMAND, RobustBrief(scenarios=5), seed=1), limits(0, 9e9)).lots
    shown = _futures(futures, gone).shown()
    assert (shown.loc["1"] == "[c]").all()
    assert (shown.loc["2"] != "[c]").all()
    table = pd.DataFrame({"lots": [4, 5], "smallest_lot_hours": [1.0, 2.0], "gap_pct": [0.1, 0.2]})
    plain = Controlled(frame=table, suppressed=pd.DataFrame(index=table.index))
    assert _untold(plain, hidden=True).shown()["smallest_lot_hours"].to_list() == ["[c]", "[c]"]
    assert _untold(plain, hidden=True).shown()["gap_pct"].to_list() == [0.1, 0.2]
    assert _untold(plain, hidden=False) is plain
