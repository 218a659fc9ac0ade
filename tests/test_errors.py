"""What goes wrong is said in words: where, what, and what to do."""

from __future__ import annotations

import pytest

from lotting.errors import InfeasibleError, InputError, Problem, Problems, Reason, some


@pytest.mark.parametrize(
    ("column", "file", "says"),
    [
        ("weekly_hours", "hours.csv", "hours.csv, column weekly_hours: wrong."),
        ("lots.min_hours", "brief.toml", "brief.toml, [lots] min_hours: wrong."),
        ("lots", "Brief.TOML", "Brief.TOML, [lots]: wrong."),
        ("locks.apart[1][2]", "brief.toml", "brief.toml, [locks] apart[1][2]: wrong."),
        ("service[2].lots.number", "brief.toml", "brief.toml, [[service]] 2, lots.number: wrong."),
        ("service[2]", "brief.toml", "brief.toml, [[service]] 2: wrong."),
        ("runs", "brief.toml", "brief.toml, runs: wrong."),
        ("areas.layer", "county.gpkg", "county.gpkg, the brief's [areas] layer: wrong."),
        ("areas.bridges[1]", None, "the brief's [areas] bridges[1]: wrong."),
        ("service", "hours.csv", "hours.csv, column service: wrong."),
        ("lots", None, "column lots: wrong."),
        ("area.code", "hours.csv", "hours.csv, column area.code: wrong."),
    ],
)
def test_a_key_of_the_brief_is_named_as_toml_writes_it(column: str, file: str | None, says: str) -> None:
    """Keys are not columns; and a table's column may be called like a table of the brief."""
    assert str(Problem(message="wrong", file=file, column=column)) == says


def test_all_parts_are_said_in_order() -> None:
    """File, row, column, message, value, fix; and one full stop."""
    problem = Problem(message="odd.", file="a.csv", row=3, column="x", value="7", fix="Mend it.")
    assert str(problem) == "a.csv, row 3, column x: odd. ('7'). Mend it."
    assert str(Problem(message="odd")) == "odd."


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_counts_its_problems(count: int) -> None:
    error = InputError([Problem(message=f"thing {i}") for i in range(count)])
    assert str(error).splitlines()[0] == ("1 problem in the input:", "2 problems in the input:")[count - 1]
    assert len(str(error).splitlines()) == count + 1
    assert isinstance(error, ValueError)


def test_one_problem_needs_no_list() -> None:
    assert InputError(Problem(message="odd")).problems == (Problem(message="odd"),)


def test_only_errors_are_raised() -> None:
    """Warnings stay with the reader, and an empty list raises nothing."""
    problems = Problems()
    problems.raise_if_any()
    problems.add("look at this", severity="warning", value=3)
    problems.raise_if_any()
    assert [w.value for w in problems.warnings] == ["3"]
    problems.add("wrong")
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert [p.message for p in caught.value.problems] == ["wrong"]


@pytest.mark.parametrize(("n", "text"), [(0, ""), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more")])
def test_five_ids_are_named_and_the_rest_counted(n: int, text: str) -> None:
    assert some(range(n)) == text


def test_reasons_are_said_one_a_line() -> None:
    error = InfeasibleError([Reason(place="Oadby", message="holds 5 h.", fix="Draw 1 lot.")])
    assert str(error) == "No plan can meet this brief:\n- Oadby: holds 5 h. Draw 1 lot."
