"""The reconciliation adds up, and says so when it does not."""

from __future__ import annotations

import pandas as pd
import pytest

from lotting.errors import LottingError
from lotting.reconciliation import (
    ALL_SERVICES,
    ENDED,
    OUTSIDE,
    PLACED,
    READ,
    REASONS,
    Reconciliation,
    reconcile,
)


def rows(*cells: tuple[str, str, float, str]) -> pd.DataFrame:
    frame = pd.DataFrame(cells, columns=["service", "reason", "hours", "person"])
    return frame.assign(packages=1)


def table(result: Reconciliation) -> dict[tuple[str, str], tuple[float, int, int]]:
    return {(r["service"], r["reason"]): (r["hours"], r["packages"], r["people"])
            for r in result.to_records()}


def test_a_person_counts_once_by_the_package_that_came_furthest():
    """Ann: one package placed, one outside. Bob: one ended, one outside. Cy: one ended."""
    result = reconcile(
        rows(("all", PLACED, 10, "ann"), ("all", OUTSIDE, 5, "ann"), ("all", ENDED, 2, "bob"),
             ("all", OUTSIDE, 3, "bob"), ("all", ENDED, 1, "cy")),
        {"all": {"hours": 10, "packages": 1, "people": 1}})
    assert table(result) == {
        ("all", READ): (21, 5, 3), ("all", PLACED): (10, 1, 1),
        ("all", ENDED): (3, 2, 1), ("all", OUTSIDE): (8, 2, 1)}


def test_a_person_of_two_services_counts_in_each_and_once_in_all():
    result = reconcile(
        rows(("D", PLACED, 30, "ann"), ("O", PLACED, 5, "ann"), ("O", ENDED, 5, "bob")),
        {"D": {"hours": 30, "packages": 1, "people": 1},
         "O": {"hours": 5, "packages": 1, "people": 1}})
    found = table(result)
    assert found["D", READ] == (30, 1, 1)
    assert found["O", READ] == (10, 2, 2)
    assert found[ALL_SERVICES, READ] == (40, 3, 2)
    assert found[ALL_SERVICES, PLACED] == (35, 2, 1)
    assert result.total(PLACED) == {"hours": 35, "packages": 2, "people": 1}
    assert result.total(OUTSIDE) == {"hours": 0, "packages": 0, "people": 0}


def test_reasons_stand_in_their_order():
    reasons = list(reversed(REASONS))
    result = reconcile(rows(*(("all", r, 1, str(i)) for i, r in enumerate(reasons))),
                       {"all": {"hours": 0, "packages": 0, "people": 0}})
    assert result.frame["reason"].to_list() == [READ, PLACED, *REASONS]


@pytest.mark.parametrize(("column", "lost", "fine"), [
    ("hours", 1e-5, 1e-7), ("packages", 1, 0), ("people", 1, 0)])
def test_what_is_lost_on_the_way_is_found(column, lost, fine):
    """The placed sums come from the demand: hours lost there do not pass."""
    placed = {"hours": 10.0, "packages": 2, "people": 2}
    read = rows(("all", PLACED, 4, "ann"), ("all", PLACED, 6, "bob"))
    reconcile(read, {"all": {**placed, column: placed[column] - fine}})
    with pytest.raises(LottingError, match=column):
        reconcile(read, {"all": {**placed, column: placed[column] - lost}})


def test_services_that_do_not_add_up_to_the_whole_are_found():
    good = pd.DataFrame({
        "service": ["D", "D", "O", "O", ALL_SERVICES, ALL_SERVICES], "reason": [READ, PLACED] * 3,
        "hours": [1.0, 1, 2, 2, 3, 3], "packages": [1, 1, 1, 1, 2, 2],
        "people": [1, 1, 1, 1, 2, 2]})
    Reconciliation(good).check()
    for column, value in (("hours", 4.0), ("packages", 3), ("people", 3), ("people", 0)):
        bad = good.copy()
        bad.loc[4:, column] = value
        with pytest.raises(LottingError, match=ALL_SERVICES):
            Reconciliation(bad).check()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    name = "a service with a very long name indeed x"
    result = reconcile(rows((name, PLACED, 1234567.8, "ann")),
                       {name: {"hours": 1234567.8, "packages": 1, "people": 1}})
    lines = result.to_text(width).splitlines()
    assert max(map(len, lines)) <= width
    assert "1,234,567.8" in lines[1]


def test_what_is_not_known_is_not_shown_as_nought():
    result = reconcile(rows(("all", PLACED, 5, "row 1")),
                       {"all": {"hours": 5, "packages": 1, "people": 0}}, people_known=False)
    assert result.to_records()[0]["people"] is None
    assert result.to_text().splitlines()[1].endswith("-")
