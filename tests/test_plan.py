"""A plan: every area in one lot, immutable, moves that know where they came from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.errors import PlanError
from lotting.plan import Plan, natural

codes = st.lists(st.text("abcXYZ019", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)
plans = codes.flatmap(
    lambda c: st.lists(st.sampled_from(["1", "2", "10", "North"]), min_size=len(c), max_size=len(c)).map(
        lambda lots: Plan(dict(zip(c, lots, strict=True)))
    )
)


@given(plans)
def test_lots_share_out_the_areas(plan: Plan) -> None:
    """Every area is in exactly one lot, and no lot is empty."""
    areas = [a for lot in plan.lot_names for a in plan.areas_of(lot)]
    assert sorted(areas) == sorted(plan.lots.index)
    assert all(plan.areas_of(lot) for lot in plan.lot_names)
    assert len(plan) == len(areas)


@given(plans, st.data())
def test_a_move_changes_what_it_says_and_leaves_the_parent(plan: Plan, data: st.DataObject) -> None:
    before = plan.lots
    moved = data.draw(st.lists(st.sampled_from(list(before.index)), unique=True))
    child = plan.move(dict.fromkeys(moved, "new"))
    assert child.parent is plan
    assert plan.lots.equals(before)
    assert set(child.areas_of("new")) == set(moved)
    assert child.lots.drop(moved).equals(before.drop(moved))


def test_changing_a_copy_changes_nothing() -> None:
    plan = Plan({"a": "1"})
    lots = plan.lots
    lots["a"] = "2"
    assert plan.areas_of("1") == ["a"]


@given(plans)
def test_equality_does_not_hang_on_the_order(plan: Plan) -> None:
    back = Plan(plan.lots.iloc[::-1])
    assert back == plan
    assert hash(back) == hash(plan)
    assert plan != Plan({**plan.lots.to_dict(), "another": "1"})
    assert plan != plan.lots


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_an_area_without_a_lot_is_refused(missing: object) -> None:
    with pytest.raises(PlanError, match=r"1 of 2 areas have no lot: b\. Every area must be in exactly one"):
        Plan({"a": "1", "b": missing})


def test_an_area_twice_is_refused() -> None:
    with pytest.raises(PlanError, match="1 areas occur more than once: a"):
        Plan(pd.Series(["1", "1", "2"], index=["a", "a", "b"]))


def test_codes_and_lots_are_text() -> None:
    """Numbers of a spreadsheet and text of a CSV make the same plan."""
    assert Plan(pd.Series([1, 2], index=[7, 8])) == Plan({"7": "1", "8": "2"})


def test_aligned_wants_exactly_the_plans_areas() -> None:
    plan = Plan({"a": "1", "b": "2"})
    assert plan.aligned(["b", "a"]).to_dict() == {"b": "2", "a": "1"}
    assert list(plan.aligned(["b", "a"]).index) == ["b", "a"]
    with pytest.raises(PlanError, match="1 of 3 areas have no lot: c"):
        plan.aligned(["a", "b", "c"])
    with pytest.raises(PlanError, match="1 areas of the plan are not on the map: b"):
        plan.aligned(["a"])
    with pytest.raises(PlanError, match="not in the plan: z"):
        plan.move({"z": "1"})


def test_csv_is_sorted_and_the_same_everywhere(tmp_path: Path) -> None:
    Plan({"b": "2", "a": "Môr, north"}).to_csv(tmp_path / "plan.csv")
    assert (tmp_path / "plan.csv").read_bytes() == 'area_code,lot\na,"Môr, north"\nb,2\n'.encode()


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_of_numbers_is_theirs(numbers: list[int]) -> None:
    names = sorted((f"Lot {n}" for n in numbers), key=natural)
    assert names == [f"Lot {n}" for n in sorted(numbers)]


def test_natural_order_takes_any_name() -> None:
    """Superscripts and other scripts' digits are letters here; mixed names can be compared."""
    names = ["b2", "B10", "2", "²", "a", "10", "٣", ""]
    assert sorted(names, key=natural) == ["", "2", "10", "a", "b2", "B10", "²", "٣"]


def test_the_repr_is_short() -> None:
    assert repr(Plan({"a": "1", "b": "1"})) == "<Plan: 2 areas in 1 lots>"
