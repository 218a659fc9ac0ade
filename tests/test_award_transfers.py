"""Who changes provider: hours and people in are hours and people out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.award.transfers import Transfers, find_transfers, plan_waves
from allocation.award.work import by_member

NOBODY = pd.DataFrame({"provider_id": [], "member_id": [], "share_pct": []}).astype(
    {"provider_id": str, "member_id": str, "share_pct": float})
WAVES_OF = ["lot", "from_provider_id", "to_provider_id"]


def table(rows: dict[tuple[str, str], float] | dict[tuple[str, str], tuple[float, float]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=["lot", "provider_id"])
    columns = ["weekly_hours", "people"]
    values = [v if isinstance(v, tuple) else (v, math.nan) for v in rows.values()]
    return pd.DataFrame(values, columns=columns, index=index, dtype=float)


def lots(*names: str, people: float = math.nan) -> pd.DataFrame:
    return pd.DataFrame({"people": people}, index=pd.Index(names, name="lot"))


def found(awarded: dict[tuple[str, str], float], today: pd.DataFrame, *names: str,
          members: pd.DataFrame = NOBODY, people: float = math.nan) -> Transfers:
    return find_transfers(table(awarded)[["weekly_hours"]], today, members, lots(*names, people=people))


def rows(made: Transfers) -> list[tuple[object, ...]]:
    return [tuple(r) for r in made.moves[["lot", "from_provider_id", "to_provider_id", "kind",
                                          "weekly_hours"]].to_numpy().tolist()]


def test_an_incumbent_keeps_as_much_as_it_won_and_gives_the_rest() -> None:
    """A has 100 h and wins 70 of them: 70 stay, 30 go to B, and nothing else happens."""
    made = found({("1", "A"): 70, ("1", "B"): 30}, table({("1", "A"): (100, 10)}), "1")
    assert rows(made) == [("1", "A", "A", "stays", 70.0), ("1", "A", "B", "moves", 30.0)]
    assert made.moves["people"].tolist() == [7.0, 3.0]
    assert made.moved_hours == 30
    assert made.moved_people == 3


def test_what_nobody_has_today_is_new_and_what_is_not_in_the_tender_ends() -> None:
    """More hours than today: the rest is new. Fewer: the rest ends. Neither is a change of provider."""
    more = found({("1", "A"): 120}, table({("1", "A"): 100}), "1")
    assert rows(more) == [("1", "A", "A", "stays", 100.0), ("1", "", "A", "new", 20.0)]
    less = found({("1", "B"): 80}, table({("1", "A"): 100}), "1")
    assert rows(less) == [("1", "A", "B", "moves", 80.0), ("1", "A", "", "ends", 20.0)]
    assert less.lots.loc["1", ["today_hours", "awarded_hours", "ends_hours"]].tolist() == [100, 80, 20]


def test_equal_amounts_are_paired_so_that_few_pairs_change() -> None:
    """40 for 40 and 60 for 60 are two moves; taking the largest first against another order is three."""
    made = found({("1", "C"): 60, ("1", "D"): 40}, table({("1", "A"): 40, ("1", "B"): 60}), "1")
    assert rows(made) == [("1", "A", "D", "moves", 40.0), ("1", "B", "C", "moves", 60.0)]


def test_work_is_counted_through_to_members() -> None:
    """A consortium of X and Y wins X's own work: X keeps its part, and only Y's part moves."""
    members = pd.DataFrame({"provider_id": ["K", "K"], "member_id": ["X", "Y"], "share_pct": [60.0, 40.0]})
    made = found({("1", "K"): 100}, table({("1", "X"): 100}), "1", members=members)
    assert rows(made) == [("1", "X", "X", "stays", 60.0), ("1", "X", "Y", "moves", 40.0)]


def test_people_of_a_lot_are_spread_over_those_whose_people_are_not_known() -> None:
    """A lot of 11 people, 5 of them A's: the other 6 are spread over B and C by their hours."""
    today = table({("1", "A"): (50, 5), ("1", "B"): 40, ("1", "C"): 20})
    made = found({("1", "Z"): 110}, today, "1", people=11)
    assert dict(zip(made.moves["from_provider_id"], made.moves["people"], strict=True)) == {
        "A": 5, "B": 4, "C": 2}
    assert math.isnan(found({("1", "Z"): 110}, today, "1").moved_people)


def test_a_provider_split_among_several_is_said_to_be_so() -> None:
    """TUPE: hours, workers and shares of each new provider are in the words, and one is not several."""
    today = table({("1", "A"): 150, ("2", "A"): 50, ("2", "B"): 50})
    made = found({("1", "C"): 150, ("2", "D"): 100}, today, "1", "2")
    a, b = made.providers.loc["A"], made.providers.loc["B"]
    assert (a["receivers"], a["main_receiver"], a["main_share_pct"]) == (2, "C", 75.0)
    assert a["workers_given"] == 200 / 25
    assert a["words"] == (
        "Gives up 200.0 of 200.0 hours a week (about 8.0 of 8.0 workers) in 2 lots, to 2 providers: "
        "75 % to C, 25 % to D. Whether the work is too fragmented for a transfer has to be settled first "
        "(London Care v Henry).")
    assert "all to D" in b["words"]


HOURS = st.integers(1, 400).map(lambda n: n / 4)


@st.composite
def market(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    names = [str(i) for i in range(1, draw(st.integers(1, 4)) + 1)]
    firms = list("ABCDE")
    pairs = st.dictionaries(st.tuples(st.sampled_from(names), st.sampled_from(firms)), HOURS, max_size=12)
    won = draw(pairs)
    today = {k: (h, float(draw(st.integers(0, 30)))) for k, h in draw(pairs).items()}
    members = NOBODY
    if draw(st.booleans()):
        members = pd.DataFrame({"provider_id": "E", "member_id": ["A", "F"], "share_pct": [25.0, 75.0]})
    return table(won)[["weekly_hours"]], table(today), members, lots(*names)


@settings(max_examples=10, deadline=None)
@given(market())
def test_what_is_given_up_is_what_is_received(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """Hours and people reconcile by lot and by provider, and nobody moves who could have stayed."""
    awarded, today, members, names = case
    made = find_transfers(awarded, today, members, names)
    has = by_member(today, members).groupby(["lot", "member_id"])["weekly_hours"].sum()
    wins = by_member(awarded, members).groupby(["lot", "member_id"])["weekly_hours"].sum()
    moves = made.moves
    out = moves[moves["kind"] != "new"].groupby(["lot", "from_provider_id"])["weekly_hours"].sum()
    into = moves[moves["kind"] != "ends"].groupby(["lot", "to_provider_id"])["weekly_hours"].sum()
    np.testing.assert_allclose(out.reindex(has.index), has)
    np.testing.assert_allclose(into.reindex(wins.index), wins)
    assert (len(out), len(into)) == (len(has), len(wins))
    assert made.moves["people"].sum() == today["people"].sum()
    people = made.providers[["people_given", "people_received"]].sum()
    assert people["people_given"] == people["people_received"] == made.moved_people
    hours = made.providers[["given_hours", "received_hours"]].sum()
    assert hours["given_hours"] == pytest.approx(hours["received_hours"])
    assert hours["given_hours"] == pytest.approx(made.moved_hours)
    assert hours["given_hours"] == pytest.approx(made.pairs["weekly_hours"].sum())
    stays = {k: min(h, wins.get(k, 0.0)) for k, h in has.items()}
    assert moves.loc[moves["kind"] == "stays", "weekly_hours"].sum() == pytest.approx(sum(stays.values()))
    for lot in names.index:
        both = moves[moves["lot"] == lot]
        assert {"new", "ends"} - set(both["kind"])  # never both: what ends could have been given


@settings(max_examples=10, deadline=None)
@given(market(), st.integers(1, 9), st.none() | st.integers(1, 9))
def test_waves_keep_the_limits_in_the_fewest_weeks(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame], limit: int, each: int | None,
) -> None:
    """No week and no provider over its limit; everyone moves once; no number of weeks below would do."""
    moves = find_transfers(*case).moves
    waves = plan_waves(moves, per_week=limit, per_provider=each)
    only = moves[moves["kind"] == "moves"].set_index(WAVES_OF)
    sums = waves.groupby(WAVES_OF)[["weekly_hours", "people"]].sum().reindex(only.index)
    np.testing.assert_allclose(sums["weekly_hours"], only["weekly_hours"])
    assert sums["people"].tolist() == only["people"].tolist()
    if waves["people"].sum() == 0:
        return
    assert waves.groupby("week")["people"].sum().max() <= limit
    per = waves.groupby(["week", "to_provider_id"])["people"].sum()
    assert per.max() <= min(limit, each or limit)
    most = min(limit, each or limit)
    by_taker = [math.ceil(n / most) for n in only.groupby("to_provider_id")["people"].sum()]
    least = max(math.ceil(only["people"].sum() / limit), *by_taker)
    assert waves["week"].max() == least
    assert sorted(set(waves.loc[waves["people"] > 0, "week"])) == list(range(1, least + 1))


def test_waves_go_by_hours_where_people_are_not_known() -> None:
    """100 h at 30 a week are four weeks: 30, 30, 30, 10."""
    moves = found({("1", "B"): 100}, table({("1", "A"): 100}), "1").moves
    assert plan_waves(moves, per_week=30)["weekly_hours"].tolist() == pytest.approx([30, 30, 30, 10])


def test_a_lot_is_done_with_before_the_next_begins() -> None:
    """Moves of 5, 5 and 5 people in three lots at 5 a week: a lot a week."""
    today = table({(lot, "A"): (50, 5) for lot in "123"})
    waves = plan_waves(found({(lot, "B"): 50.0 for lot in "123"}, today, *"123").moves, per_week=5)
    assert list(zip(waves["week"], waves["lot"], strict=True)) == [(1, "1"), (2, "2"), (3, "3")]


def test_a_limit_that_lets_nobody_move_is_refused() -> None:
    """Half a person a week is nobody; one is one."""
    moves = found({("1", "B"): 10}, table({("1", "A"): (10, 1)}), "1").moves
    with pytest.raises(ValueError, match="nobody"):
        plan_waves(moves, per_week=0.5)
    assert len(plan_waves(moves, per_week=1)) == 1
