"""Spot packages into blocks: the newsvendor's figures, and the choice against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from broker_cases import office

from allocation.brokerage.blocks import expected_use, low_use, plan_blocks, spot_hours
from allocation.brokerage.office import Office

RULES = {
    "block_hours": 20,
    "min_block_hours": 20,
    "min_provider_hours": 60,
    "min_quality": 70,
    "discount_pct": 10,
}


def desk(today: list[tuple[str, str, float, int]], brief: dict[str, float]) -> Office:
    """Packages as ``(area, provider, hours, how many)``."""
    rows = [
        {"area": area, "provider_id": p, "weekly_hours": h, "rate_gbp": 20.0 if p != "C" else 26.0}
        for area, p, h, count in today
        for _ in range(count)
    ]
    frame = pd.DataFrame(rows).assign(package_id=lambda t: [f"T{i}" for i in range(len(t))])
    providers = {
        "A": {"rate_gbp": 20.0, "quality": 90},
        "B": {"rate_gbp": 20.0, "quality": 80},
        "C": {"rate_gbp": 26.0, "quality": 75},
        "Poor": {"rate_gbp": 20.0, "quality": 40},
        "Small": {"rate_gbp": 20.0, "quality": 99},
    }
    return office("tiers", providers, today=frame, brief={"blocks": {**RULES, **brief}})


MARKET = [
    ("X", "A", 10.0, 8),
    ("X", "B", 10.0, 7),
    ("X", "Poor", 10.0, 9),
    ("Y", "A", 5.0, 6),
    ("Y", "C", 5.0, 16),
    ("Y", "Small", 5.0, 3),
]


def test_expected_use_is_that_of_drawn_demand() -> None:
    """The closed form against two million normal draws."""
    demand = np.random.default_rng(1).normal(100, 20, 2_000_000)
    low = demand[demand <= np.quantile(demand, 0.1)]
    for block in (40, 70, 90, 100, 130):
        assert expected_use(block, 100, 20) == pytest.approx(np.minimum(demand, block).mean(), abs=0.05)
        assert low_use(block, 100, 20) == pytest.approx(np.minimum(low, block).mean(), abs=0.05)


def test_the_blocks_are_the_best_there_are() -> None:
    """Every combination of block sizes on a small market, reckoned afresh."""
    brief = {"keep_spot_pct": 30.0, "max_share_pct": 30.0}
    found = plan_blocks(desk(MARKET, brief))
    spot = spot_hours(desk(MARKET, brief))
    total = spot["hours"].sum()
    pairs = [("X", "A", 80, 2.0), ("X", "B", 70, 2.0), ("Y", "A", 30, 2.0), ("Y", "C", 80, 2.6)]
    best = 0.0
    for sizes in itertools.product(*(range(int(h) // 20 + 1) for _, _, h, _ in pairs)):
        held: dict[str, float] = {}
        worth = 0.0
        for area in "XY":
            own = spot[spot["area"] == area]
            mean, sd = own["hours"].sum(), float(np.sqrt((own["hours"] ** 2).sum()))
            rate = (own["hours"] * own["rate_gbp"]).sum() / mean
            block = sum(20 * s for s, (a, *_) in zip(sizes, pairs, strict=True) if a == area)
            if block > 0.7 * mean:
                worth = -np.inf
            worth -= (block - expected_use(block, mean, sd) if block else 0) * rate
        for size, (_, p, _, off) in zip(sizes, pairs, strict=True):
            worth += 20 * size * off
            held[p] = held.get(p, 0) + 20 * size
        if max(held.values()) <= 0.3 * total:
            best = max(best, worth)
    assert best > 0
    assert found.areas["saving_gbp"].sum() == pytest.approx(best)
    assert (found.areas["spot_left_pct"] >= 30).all()
    assert (found.providers["share_pct"] <= 30).all()


def test_who_gets_no_block_is_told_why() -> None:
    why = plan_blocks(desk(MARKET, {})).providers["why"]
    assert why["Poor"] == "quality below 70 or not known"
    assert why["Small"] == "fewer than 60 spot hours a week"
    assert why["A"] == ""


def test_the_more_stays_spot_the_less_is_saved() -> None:
    savings = [
        plan_blocks(desk(MARKET, {}), keep_spot_pct=k).areas["saving_gbp"].sum() for k in (0, 30, 60, 100)
    ]
    assert savings == sorted(savings, reverse=True)
    assert savings[-1] == 0


def test_without_a_discount_a_block_that_may_stay_empty_saves_nothing() -> None:
    found = plan_blocks(desk([("X", "A", 10.0, 8)], {"discount_pct": 0.0}))
    assert found.blocks.empty
    assert found.providers.loc["A", "why"] == "no block of its would save"


def test_hours_of_blocks_there_are_already_are_not_spot() -> None:
    contracts = pd.DataFrame({"contract_id": ["B1"], "provider_id": ["A"], "weekly_hours": [50.0]})
    today = pd.DataFrame(
        {
            "package_id": ["T1", "T2"],
            "provider_id": ["A", "A"],
            "weekly_hours": [7.0, 9.0],
            "contract_id": ["B1", ""],
        }
    )
    assert spot_hours(office("blocks", {"A": {}}, today=today, contracts=contracts))["hours"].tolist() == [
        9.0
    ]


def test_a_block_saves_what_its_provider_comes_down_by() -> None:
    """10 % off 20 pounds for 60 of 160 hours: 120 pounds a week, whatever the others' rates are; demand is
    160 hours with a standard deviation of 40, so that some of them are expected to stay empty."""
    found = plan_blocks(desk([("X", "A", 10.0, 6), ("X", "C", 10.0, 10)], {"min_quality": 80}))
    assert found.blocks[["provider_id", "block_hours"]].to_numpy().tolist() == [["A", 60]]
    mean_rate = (60 * 20 + 100 * 26) / 160
    empty = 60 - expected_use(60, 160, 40)
    saving, low = (float(found.areas[column]["X"]) for column in ("saving_gbp", "saving_low_gbp"))
    assert saving == pytest.approx(60 * 2.0 - empty * mean_rate)
    assert low < saving < 120


def test_who_is_suspended_on_the_day_gets_no_block() -> None:
    """By its dates, as when a package is placed: from 1 April it is, to 31 March it was."""
    for column, on, why in (("from", "2026-04-01", "suspended"), ("to", "2026-03-31", "")):
        market = desk(MARKET, {})
        market.providers.loc["A", f"suspended_{column}"] = pd.Timestamp(on)
        assert plan_blocks(market).providers["why"]["A"] == why
