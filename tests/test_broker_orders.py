"""Each council's order, by hand, and who may be asked at all."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from pathlib import Path

import pandas as pd
import pytest
from broker_cases import ON, asked, office, packages, reasons

from allocation.brokerage.broker import Broker
from allocation.brokerage.office import load_office
from allocation.brokerage.review import capacity_table, hard_to_source, minima_table, review_table


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def test_banes_asks_tier_by_tier_the_fair_price_first_and_off_framework_last() -> None:
    """Block (Part B), then tier 2 and 3, in each the fair price of 18.93 first, then cheapest first."""
    desk = office(
        "tiers",
        {
            "Off": {"rate_gbp": 15.0, "part_a": False},
            "T3fair": {"rate_gbp": 18.00, "tier": 3},
            "T2dear": {"rate_gbp": 19.00, "tier": 2},
            "T2fair": {"rate_gbp": 18.93, "tier": 2},
            "T2cheap": {"rate_gbp": 18.50},
            "T3dear": {"rate_gbp": 21.00, "tier": 3},
            "Block": {"rate_gbp": 25.00},
        },
        order={"fair_price_gbp": 18.93},
        contracts=pd.DataFrame(
            {"contract_id": ["B1"], "provider_id": ["Block"], "weekly_hours": [30.0], "rate_gbp": [24.0]}
        ),
    )
    (package,) = packages({})
    assert asked(desk, package) == [
        "Block",
        "T2cheap",
        "T2fair",
        "T2dear",
        "Block",
        "T3fair",
        "T3dear",
        "Off",
    ]


def test_banes_may_leave_out_those_off_the_framework() -> None:
    desk = office(
        "tiers",
        {"A": {"rate_gbp": 20.0}, "B": {"rate_gbp": 15.0, "part_a": False}},
        order={"off_framework": False},
    )
    (package,) = packages({})
    assert asked(desk, package) == ["A"]
    assert reasons(desk, package) == {"B": "is not on the framework"}


def test_hampshire_as_it_was_gives_90_points_for_cost_and_10_for_share() -> None:
    """A: 90 x 18/18 + 10 x (1 - 100/100) = 90. B: 90 x 18/19 + 10 x (1 - 20/100) = 93.3. C: 81 + 10 = 91."""
    desk = office(
        "cost_and_share",
        {"A": {"rate_gbp": 18.0}, "B": {"rate_gbp": 19.0}, "C": {"rate_gbp": 20.0}},
        today=pd.DataFrame(
            {"package_id": ["T1", "T2"], "provider_id": ["A", "B"], "weekly_hours": [100.0, 20.0]}
        ),
    )
    (package,) = packages({})
    assert asked(desk, package) == ["B", "C", "A"]
    large = office(
        "cost_and_share",
        {"A": {"rate_gbp": 18.0}, "B": {"rate_gbp": 19.0}},
        order={"share_favours": "large"},
        today=pd.DataFrame({"package_id": ["T1"], "provider_id": ["A"], "weekly_hours": [100.0]}),
    )
    assert asked(large, package) == ["A", "B"]


def test_hampshire_as_it_was_then_asks_who_has_most_hours_free() -> None:
    """'With carer availability also used': equal points are decided by the hours left."""
    desk = office("cost_and_share", {"A": {"rate_gbp": 18.0, "free_hours": 20}, "B": {"rate_gbp": 18.0}})
    assert asked(desk, packages({})[0]) == ["B", "A"]


def test_hampshires_enhanced_rule_weighs_quality_and_cost_alike() -> None:
    """A: 25 + 50 = 75, from quality 50; B: 45 + 45 = 90, from quality 90 and 18/20 of the lowest."""
    desk = office(
        "quality_and_cost", {"A": {"rate_gbp": 18.0, "quality": 50}, "B": {"rate_gbp": 20.0, "quality": 90}}
    )
    assert asked(desk, packages({})[0]) == ["B", "A"]


def test_leicestershire_asks_only_the_lots_providers_the_one_furthest_below_its_share() -> None:
    """Lot 1 is 70/30. With 60 and 40 of 110 hours A is 17 h short and B 7 h over: A. With 78 and 22: B."""
    awards = pd.DataFrame(
        {
            "lot": ["1", "1", "2"],
            "provider_id": ["A", "B", "C"],
            "share_pct": [70.0, 30, 100],
            "weekly_hours": [200.0, 200.0, 200.0],
            "rate_gbp": [20.0, 18.0, 15.0],
        }
    )

    def desk(a: float, b: float) -> object:
        return office(
            "lot",
            {p: {} for p in "ABC"},
            awards=awards,
            reserves=pd.DataFrame(
                {"lot": ["1"], "provider_id": ["C"], "rate_gbp": [21.0], "position": [1.0]}
            ),
            today=pd.DataFrame(
                {
                    "package_id": ["T1", "T2"],
                    "provider_id": ["A", "B"],
                    "lot": ["1", "1"],
                    "weekly_hours": [a, b],
                }
            ),
        )

    (package,) = packages({"lot": "1"})
    assert asked(desk(60, 40), package) == ["A", "B", "C"]  # type: ignore[arg-type]
    assert asked(desk(78, 22), package) == ["B", "A", "C"]  # type: ignore[arg-type]
    (elsewhere,) = packages({"lot": "3"})
    found = Broker(desk(1, 1), None, on=ON).place([elsewhere])  # type: ignore[arg-type]
    assert found.outcomes[0].reason == "no provider serves this place"


def test_an_award_is_a_limit_of_hours_with_its_tolerance() -> None:
    """100 hours and 10 %: 110 may be taken, the hour above may not."""
    awards = pd.DataFrame({"lot": ["1"], "provider_id": ["A"], "weekly_hours": [100.0], "rate_gbp": [20.0]})
    desk = office("lot", {"A": {"free_hours": 500}}, awards=awards)
    fits, over = packages({"lot": "1", "weekly_hours": 110.0}, {"lot": "1", "weekly_hours": 110.25})
    assert asked(desk, fits) == ["A"]
    assert reasons(desk, over) == {"A": "its contract has too few hours left"}


def test_worcestershire_fills_blocks_of_the_area_first_and_then_buys_spot() -> None:
    contracts = pd.DataFrame(
        {
            "contract_id": ["W1", "W2"],
            "provider_id": ["A", "B"],
            "weekly_hours": [12.0, 100.0],
            "rate_gbp": [22.0, 21.0],
            "places": [frozenset({"malvern"}), frozenset({"evesham"})],
        }
    )
    desk = office(
        "blocks",
        {"A": {"rate_gbp": 23.0}, "B": {"rate_gbp": 22.0}, "New": {"rate_gbp": 17.0}},
        contracts=contracts,
    )
    first, second = packages({"area": "Malvern"}, {"area": "Malvern"})
    assert asked(desk, first) == ["A", "New", "B", "A"]
    found = Broker(desk, None, on=ON).place([first, second])
    assert [(o.provider_id, o.route) for o in found.outcomes] == [("A", "block"), ("New", "spot")]


def test_the_present_provider_comes_first_where_continuity_does() -> None:
    today = pd.DataFrame(
        {"package_id": ["T1"], "provider_id": ["B"], "weekly_hours": [5.0], "person_id": ["N1"]}
    )
    providers = {"A": {"rate_gbp": 18.0}, "B": {"rate_gbp": 25.0}}
    known, named, stranger = packages({"person_id": "N1"}, {"provider_id": "B"}, {"person_id": "N2"})
    desk = office("tiers", providers, today=today)
    assert [asked(desk, p)[0] for p in (known, named, stranger)] == ["B", "B", "A"]
    off = office("tiers", providers, today=today, order={"continuity": "off"})
    assert asked(off, known)[0] == "A"
    tie = office(
        "tiers",
        {"A": {"rate_gbp": 18.0}, "B": {"rate_gbp": 18.0}},
        today=today,
        order={"continuity": "tie"},
    )
    assert [asked(tie, p)[0] for p in (known, stranger)] == ["B", "A"]


def test_travel_is_from_the_base_or_the_nearest_package_and_decides_ties() -> None:
    """B's base is 10 km off, its package 1 km: by road 1.35 km. A is 2.7 km away."""
    desk = office(
        "tiers",
        {
            "A": {"rate_gbp": 18.0, "x_m": 402_000.0, "y_m": 200_000.0},
            "B": {"rate_gbp": 18.0, "x_m": 410_000.0, "y_m": 200_000.0},
        },
        today=pd.DataFrame(
            {
                "package_id": ["T1"],
                "provider_id": ["B"],
                "weekly_hours": [5.0],
                "x_m": [400_000.0],
                "y_m": [201_000.0],
            }
        ),
    )
    (package,) = packages({"x_m": 400_000.0, "y_m": 200_000.0})
    broker = Broker(desk, None, on=ON)
    ranking = broker.desk.rank(package, broker.ledger)
    assert ranking.km.tolist() == pytest.approx([2.7, 1.35])
    assert asked(desk, package) == ["B", "A"]


def test_travel_is_what_a_visit_adds_to_a_round(tmp_path: Path) -> None:
    """Every place in every round by brute force; without a round, there and back. A stop of a package that
    does not run is left out, and said."""
    files = {
        "broker.toml": '[order]\nrule = "tiers"\ndetour = 1.0\n[providers]\nfile = "p.csv"\n'
                       '[today]\nfile = "t.csv"\nas_of = 2026-04-01\n[rounds]\nfile = "r.csv"\n',
        "p.csv": "provider_id,rate_gbp,free_hours,x_m,y_m\nA,20,50,400000,200000\nB,20,50,,\nC,20,50,,\n",
        "t.csv": "package_id,provider_id,weekly_hours,x_m,y_m\nT1,A,5,404000,200000\nT2,A,5,404000,203000\n"
                 "T3,B,5,401000,206000\nT4,B,5,409000,206000\nT5,C,5,400000,206000\n",
        "r.csv": "shift_id,order,package_id\nR1,2,T2\nR1,1,T1\nR2,1,T3\nR2,2,T4\nR2,3,GONE\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    desk = load_office(tmp_path)
    assert desk.notes == ("1 stop of the rounds left out: no provider or no place is known.",)
    ledger = Broker(desk, None, on=ON).ledger
    base, t1, t2 = (400_000, 200_000), (404_000, 200_000), (404_000, 203_000)
    rounds = {"A": [base, t1, t2, base], "B": [(401_000, 206_000), (409_000, 206_000)]}
    alone = {"A": [base, t1, t2], "B": rounds["B"], "C": [(400_000, 206_000)]}
    for here in ((403_000, 201_000), (405_000, 207_000), (390_000, 200_000), (404_000, 201_500)):
        told = []
        for provider in "ABC":
            way = rounds.get(provider, [])
            length = sum(itertools.starmap(math.dist, itertools.pairwise(way)))
            longer = [
                sum(itertools.starmap(math.dist, itertools.pairwise([*way[:i], here, *way[i:]]))) - length
                for i in range(1, len(way))]
            told.append(min([*longer, *(2 * math.dist(p, here) for p in alone[provider])]) / 1000)
        assert ledger.added_km(*map(float, here)).tolist() == pytest.approx(told, abs=1e-9)


@pytest.mark.parametrize(
    ("provider", "package", "why"),
    [
        ({"status": "removed"}, {}, "has left the framework"),
        ({"status": "applying"}, {}, "is not accredited yet"),
        ({"status": "suspended"}, {}, "is suspended"),
        ({"suspended_from": day("2026-04-02")}, {}, "is suspended"),
        ({"suspended_to": day("2026-04-02")}, {}, "is suspended"),
        ({"to": day("2026-04-01")}, {}, "its contract has ended"),
        ({"from": day("2026-04-03")}, {}, "its contract has not begun"),
        ({"rate_gbp": None}, {}, "has given no rate"),
        (
            {"skills": frozenset({"hoist"})},
            {"skills": frozenset({"hoist", "peg"})},
            "lacks a skill that is needed",
        ),
        ({"free_hours": 9.75}, {}, "has too few hours left"),
        ({"free_hours": None}, {}, "has too few hours left"),
        ({}, {"not_providers": frozenset({"a"})}, "is blocked for this person"),
        ({}, {"max_rate_gbp": 19.99}, "rate is above £19.99 set for the package"),
        ({"places": frozenset({"ludlow"})}, {"area": "Leominster"}, "has no offer for this place"),
    ],
)
def test_who_is_not_asked_and_why(
    provider: dict[str, object], package: dict[str, object], why: str
) -> None:
    desk = office("tiers", {"A": {"rate_gbp": 20.0, **provider}})
    (asking,) = packages(package)
    assert asked(desk, asking) == []
    assert set(reasons(desk, asking)["A"].split("; ")) >= {why}


@pytest.mark.parametrize(
    ("provider", "package"),
    [
        (
            {"status": "suspended", "suspended_from": day("2026-01-01"), "suspended_to": day("2026-04-01")},
            {},
        ),
        ({"suspended_from": day("2026-04-03")}, {}),
        ({"to": day("2026-04-02"), "from": day("2026-04-02")}, {}),
        ({"skills": frozenset({"hoist", "peg"})}, {"skills": frozenset({"hoist"})}),
        ({"free_hours": 10.0}, {}),
        ({"free_hours": None, "max_weekly_hours": 10.0}, {}),
        ({}, {"max_rate_gbp": 20.0}),
        ({"places": frozenset({"leominster"})}, {"area": "Leominster"}),
    ],
)
def test_who_just_may_be_asked(provider: dict[str, object], package: dict[str, object]) -> None:
    """The boundary cases that pass, beside those above that fail."""
    assert asked(office("tiers", {"A": {"rate_gbp": 20.0, **provider}}), packages(package)[0]) == ["A"]


def test_a_pair_that_is_blocked_never_meets() -> None:
    desk = office(
        "tiers", {"A": {"rate_gbp": 18.0}, "B": {"rate_gbp": 20.0}}, blocked=frozenset({("N1", "A")})
    )
    one, other = packages({"person_id": "N1"}, {"person_id": "N2"})
    assert (asked(desk, one), asked(desk, other)) == (["B"], ["A", "B"])


def test_growth_above_the_limit_and_plans_that_run_long_ask_for_a_review() -> None:
    """5 hours of growth are within the limit of 5, 5.25 are not; two carers count twice."""
    today = pd.DataFrame(
        {
            "package_id": ["at", "over", "double", "old", "long"],
            "provider_id": "A",
            "carers": [1, 1, 2, 1, 1],
            "weekly_hours": [15.0, 15.25, 13.0, 4, 4],
            "agreed_hours": [10.0, 10, 10, 4, 4],
            "start": pd.to_datetime(["2026-03-30"] * 3 + ["2025-12-01", "2025-06-01"]),
        }
    )
    desk = office("tiers", {"A": {"rate_gbp": 18.0}}, today=today)
    table = review_table(desk, Broker(desk, None, on=ON).ledger, ON).set_index("package_id")["why"]
    assert table.to_dict() == {
        "double": "grew by more than 5 h a week",
        "over": "grew by more than 5 h a week",
        "old": "its plan of 12 weeks is over",
        "long": "runs for more than 26 weeks",
    }


def test_minima_and_capacity_follow_what_is_placed() -> None:
    awards = pd.DataFrame(
        {
            "lot": ["1"],
            "provider_id": ["A"],
            "weekly_hours": [100.0],
            "rate_gbp": [20.0],
            "guaranteed_hours": [40.0],
        }
    )
    desk = office("lot", {"A": {"guaranteed_hours": 8.0}}, awards=awards)
    broker = Broker(desk, None, on=ON)
    broker.place(packages({"lot": "1"}))
    minima = minima_table(desk, broker.ledger).set_index("what")["short_hours"]
    assert minima.to_dict() == {"lot 1": 30.0, "all work": 0.0}
    capacity = capacity_table(desk, broker.ledger)
    assert capacity[["hours", "left_hours"]].to_dict("records") == [{"hours": 10, "left_hours": 90}]


def test_hours_in_are_hours_placed_and_hours_not_placed_by_area() -> None:
    desk = office("tiers", {"A": {"rate_gbp": 18.0, "free_hours": 25.0}})
    listed = packages(
        {"area": "X"}, {"area": "Y", "weekly_hours": 20.0}, {"area": "Y"}, {"weekly_hours": None}
    )
    found = Broker(desk, None, on=dt.date(2026, 4, 2)).place(listed)
    assert found.hours() == (40.0, 20.0, 20.0)
    hard = hard_to_source(found.outcomes)
    assert hard["unplaced_hours"].to_dict() == {"Y": 20.0, "not known": 0.0}
    assert found.outcomes[3].reason == "no hours are given"
