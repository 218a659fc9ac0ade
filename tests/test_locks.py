"""Locks that cannot hold are refused before any search; locks that can are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_map import toy_areas

from lotting.brief import AreasBrief, Brief, DemandBrief, LocksBrief, LotsBrief, ServiceBrief
from lotting.errors import InputError
from lotting.locks import check_locks

AREAS = toy_areas(2, 4, ["W", "W", "E", "E"] * 2)  # a00 a01 | a02 a03, a04 a05 | a06 a07


def brief(lots: LotsBrief, **locks: object) -> Brief:
    return Brief(
        areas=AreasBrief(file="a.gpkg"),
        demand=DemandBrief(hours="h.csv"),
        lots=lots,
        locks=LocksBrief(**locks),
    )


def refused(lots: LotsBrief, **locks: object) -> str:
    with pytest.raises(InputError) as caught:
        check_locks(brief(lots, **locks), AREAS)
    return str(caught.value)


TWO_EACH = LotsBrief(per_locality={"W": 2, "E": 2})


def test_locks_that_can_hold_pass() -> None:
    check_locks(brief(TWO_EACH), AREAS)
    check_locks(
        brief(
            TWO_EACH,
            together=[["a00", "a01"]],
            apart=[["a00", "a04"], ["a00", "a02"]],
            lot={"a00": "X", "a04": "Y"},
        ),
        AREAS,
    )


@pytest.mark.parametrize(
    ("locks", "says"),
    [
        ({"together": [["a00", "zz"]]}, "[locks] together: zz is not on the map"),
        ({"apart": [["yy", "zz"]]}, "[locks] apart: yy, zz are not on the map"),
        ({"lot": {"zz": "X"}}, "[locks] lot: zz is not on the map"),
        ({"apart": [["a00", "a00"]]}, "cannot be apart from itself"),
        ({"together": [["a00", "a01"]], "apart": [["a01", "a00"]]}, "together as well"),
        ({"together": [["a00", "a01"], ["a01", "a04"]], "apart": [["a00", "a04"]]}, "together as well"),
        ({"lot": {"a00": "X", "a01": "X"}, "apart": [["a00", "a01"]]}, "together as well"),
        ({"together": [["a00", "a01"]], "lot": {"a00": "X", "a01": "Y"}}, "different lots: a00, a01 to X, Y"),
        ({"together": [["a00", "a02"]]}, "2 localities: a00, a02 in E, W"),
        ({"lot": {"a00": "X", "a02": "X"}}, "2 localities"),
        (
            {"lot": {"a00": "X", "a01": "Y", "a04": "Z"}},
            "locked to 3 lots (X, Y, Z), but it can have 2 lots at most",
        ),
        (
            {"apart": [["a00", "a01"], ["a01", "a04"], ["a00", "a04"]]},
            "3 areas of W are locked apart from one another",
        ),
    ],
)
def test_locks_that_cannot_hold(locks: Mapping[str, object], says: str) -> None:
    assert says in refused(TWO_EACH, **locks)


def test_every_lock_is_said_at_once() -> None:
    text = refused(
        TWO_EACH, together=[["a00", "a02"]], apart=[["a01", "a01"]], lot={"a03": "X", "a06": "Y", "a07": "Z"}
    )
    assert text.startswith("3 problems")


@pytest.mark.parametrize(("number", "good"), [(4, True), (3, False), ((2, 4), True), ((2, 3), False)])
def test_a_number_for_all_leaves_one_lot_to_the_others(number: int | tuple[int, int], good: bool) -> None:
    """With 4 lots in two localities W can have three at most, with 3 lots two."""
    locks = {"apart": [["a00", "a01"], ["a01", "a04"], ["a00", "a04"]]}
    if good:
        check_locks(brief(LotsBrief(number=number), **locks), AREAS)
    else:
        assert "it can have 2 lots at most" in refused(LotsBrief(number=number), **locks)


def test_across_localities_the_whole_map_counts() -> None:
    across = LotsBrief(number=2, across_localities=True)
    check_locks(brief(across, together=[["a00", "a02"]], apart=[["a01", "a03"]]), AREAS)
    assert "the whole map" in refused(across, apart=[["a00", "a02"], ["a02", "a03"], ["a00", "a03"]])


def test_the_service_is_named() -> None:
    several = Brief(
        areas=AreasBrief(file="a.gpkg"),
        demand=DemandBrief(hours="h.csv"),
        service=[
            ServiceBrief(name="O", lots=TWO_EACH),
            ServiceBrief(name="D", lots=LotsBrief(per_locality={"W": 1, "E": 1})),
        ],
        locks=LocksBrief(apart=[["a00", "a01"]]),
    )
    with pytest.raises(InputError) as caught:
        check_locks(several, AREAS)
    assert str(caught.value).startswith("1 problem")
    assert "it can have 1 lot at most (service D)" in str(caught.value)


WEST = [c for c, p in AREAS["locality"].items() if p == "W"]


@settings(max_examples=150, deadline=None)
@given(
    together=st.lists(st.lists(st.sampled_from(WEST), min_size=2, max_size=3, unique=True), max_size=2),
    apart=st.lists(st.lists(st.sampled_from(WEST), min_size=2, max_size=2, unique=True), max_size=4),
    lot=st.dictionaries(st.sampled_from(WEST), st.sampled_from("XYZ"), max_size=3),
    lots=st.integers(1, 4),
)
def test_against_all_ways_to_colour_four_areas(
    together: Sequence[Sequence[str]], apart: Sequence[Sequence[str]], lot: Mapping[str, str], lots: int
) -> None:
    """What is refused truly cannot hold: no way to put four areas into the lots keeps the locks."""
    wanted = brief(LotsBrief(per_locality={"W": lots, "E": 1}), together=together, apart=apart, lot=dict(lot))

    def keeps(colours: Mapping[str, int]) -> bool:
        named = {c: colours[c] for c in lot}
        return (
            all(len({colours[c] for c in group}) == 1 for group in together)
            and all(colours[a] != colours[b] for a, b in apart)
            and all((lot[a] == lot[b]) == (named[a] == named[b]) for a, b in combinations(lot, 2))
        )

    possible = any(keeps(dict(zip(WEST, c, strict=True))) for c in product(range(lots), repeat=len(WEST)))
    try:
        check_locks(wanted, AREAS)
    except InputError:
        assert not possible
    else:
        # On four areas cliques tell all there is to tell: smaller graphs of higher number have none.
        assert possible
