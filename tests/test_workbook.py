"""The workbook, read back by another library."""

from __future__ import annotations

import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_disclosure import report

from lotting.errors import PlanError
from lotting.report.tables import ReportContent
from lotting.report.workbook import write_workbook

PEOPLE = [3, 6, 20, 30, 9, 9, 9, 9]
LOTS = list("AAAABBBB")


@pytest.fixture(scope="module")
def content() -> ReportContent:
    return report(
        LOTS, PEOPLE, today=list("AAABBBBB"), source="Source: ONS, OGL v3.0",
        notes=("Made for a test.",), options=pd.DataFrame({
            "option": ["most equal", "most compact"], "hess_cost": [10.0, 20.0],
            "moved_people": [4, 22], "moved_pct": [4.2, 23.2],
        }),
    )


@pytest.fixture(scope="module")
def book(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "lots.xlsx"
    write_workbook(content, path)
    return openpyxl.load_workbook(path)


def rows(sheet) -> list[dict]:
    head, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in body]


def test_sheets_come_in_the_order_of_the_issue(book):
    """Cover first, notes last."""
    assert book.sheetnames == ["cover", "lots", "options", "areas", "reconciliation", "notes"]


def test_each_sheet_is_one_named_table_with_one_header_row_and_no_gaps(book):
    """No merged cells, no empty cells inside the table, header in row 1 of data sheets."""
    for sheet in book:
        assert not sheet.merged_cells.ranges
        assert list(sheet.tables) == [f"{sheet.title}_table"]
        table = sheet.tables[f"{sheet.title}_table"]
        assert table.ref.startswith("A2:" if sheet.title == "cover" else "A1:")
        cells = [cell.value for row in sheet[table.ref] for cell in row]
        assert all(value not in {None, ""} for value in cells)
        head = [cell.value for cell in sheet[table.ref][0]]
        assert [c.name for c in table.tableColumns] == head
        if sheet.title != "cover":
            assert sheet.freeze_panes == "B2"
            assert sheet.dimensions == table.ref


def test_figures_are_numbers_and_withheld_ones_are_marked(book, content):
    """A sum over the column of people leaves the marks out."""
    areas = {row["Area code"]: row for row in rows(book["areas"])}
    assert [areas[f"a{i:02d}"]["People"] for i in range(8)] == [
        "[c]", "[c]", 20, 30, 10, 10, 10, 10]
    assert areas["a00"]["Weekly hours"] == "[c]"
    assert areas["a02"]["Weekly hours"] == 50
    lots = {row["Lot"]: row for row in rows(book["lots"])}
    assert lots["A"]["People"] == 60
    assert lots["A"]["Weekly hours"] == content.lot_table.loc["A", "weekly_hours"]
    assert lots["A"]["Annual hours"] == lots["A"]["Weekly hours"] * 52
    assert lots["A"]["Connected"] == "yes"
    assert "Locality" not in lots["A"], "there are none"


def test_every_mark_and_column_is_explained(book):
    """The notes name each column of each sheet, the marks and what control did."""
    notes = rows(book["notes"])
    about = {row["About"] for row in notes}
    for sheet in ("lots", "areas", "reconciliation", "options"):
        for cell in book[sheet][1]:
            assert f"{sheet}: {cell.value}" in about
    assert {"[c]", "[x]", "[z]", "source", "disclosure control", "this plan"} <= about
    text = " ".join(row["Note"] for row in notes)
    assert "from 1 to 4 are withheld" in text
    assert "rounded to 5" in text


def test_the_cover_carries_title_figures_and_source(book):
    """Enough to know what the file is; no count on it is exact."""
    cover = book["cover"]
    assert cover["A1"].value == "Toy"
    items = {a.value: b.value for a, b in cover["A2:B60"] if a.value}
    assert items["Source"] == "Source: ONS, OGL v3.0"
    assert items["People"] == 95
    assert items["Every lot connected"] == "yes"


def test_two_runs_give_the_same_bytes(content, tmp_path):
    """No time of writing, no random name; and nothing else is left behind."""
    write_workbook(content, tmp_path / "a.xlsx")
    write_workbook(content, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.xlsx", "b.xlsx"]


TEXT = st.sampled_from("=+-@\t'\"<&{[").flatmap(
    lambda first: st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]),
                          max_size=20).map(lambda rest: first + rest))


@given(texts=st.lists(TEXT, min_size=8, max_size=8))
@settings(max_examples=8, deadline=None)
def test_text_is_never_a_formula(texts, tmp_path_factory):
    """Names from a council's files are written as text, whatever they begin with."""
    content = report(LOTS, PEOPLE, notes=tuple(texts))
    content.areas["area_name"] = texts
    path = tmp_path_factory.mktemp("text") / "lots.xlsx"
    write_workbook(content, path)
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if "worksheets" in name:
                assert b"<f>" not in file.read(name)
                assert b"<hyperlink" not in file.read(name)


def test_formula_like_names_come_back_as_they_were(tmp_path):
    """=1+1 is a name, not 2."""
    content = report(LOTS, PEOPLE, notes=('=HYPERLINK("http://x")',))
    content.areas["area_name"] = "=1+1"
    write_workbook(content, tmp_path / "lots.xlsx")
    book = openpyxl.load_workbook(tmp_path / "lots.xlsx")
    cell = book["areas"]["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_columns_that_differ_in_capitals_only_are_told_apart(tmp_path):
    """Excel would repair (and lose) a table with two headers it takes for the same."""
    content = report(LOTS, PEOPLE)
    table = content.lot_table.rename(
        columns={"people_LCC": "people_nhs", "weekly_hours_LCC": "weekly_hours_nhs"})
    demand = content.demand
    detail = demand.detail.replace({"payer": {"LCC": "nhs"}})
    changed = ReportContent(
        title="Toy", areas=content.areas, plan=content.plan, lot_table=table,
        demand=type(demand)(service="all", frame=demand.frame, detail=detail),
        reconciliation=content.reconciliation,
    )
    write_workbook(changed, tmp_path / "lots.xlsx")
    head = [c.value.casefold() for c in openpyxl.load_workbook(tmp_path / "lots.xlsx")["lots"][1]]
    assert len(head) == len(set(head))


def test_a_table_that_is_not_of_this_plan_is_refused(content):
    """A lot table of another plan would be published under the wrong names."""
    with pytest.raises(PlanError, match="missing: B"):
        ReportContent(
            title="Toy", areas=content.areas, plan=content.plan, demand=content.demand,
            lot_table=content.lot_table.drop(index="B"), reconciliation=content.reconciliation,
        )


def test_unknown_counts_leave_no_column_behind(tmp_path):
    """Ready-made hours without people: hours are shown, and the notes say what that means."""
    from toy_map import toy_areas, toy_demand, toy_graph

    from lotting.measures import lot_table, plan_facts
    from lotting.plan import Plan
    from lotting.reconciliation import Reconciliation

    areas, graph = toy_areas(1, 2), toy_graph(1, 2)
    demand = toy_demand(areas, [10, 20])
    plan = Plan({"a00": "1", "a01": "2"})
    table = Reconciliation(pd.DataFrame({
        "service": "all", "reason": ["read", "placed"], "hours": [30.0, 30.0],
        "packages": [0, 0], "people": [0, 0]}), people_known=False, packages_known=False)
    write_workbook(ReportContent(
        title="Toy", areas=areas, demand=demand, plan=plan, reconciliation=table,
        lot_table=lot_table(areas, graph, demand, plan),
        facts=plan_facts(areas, graph, demand, plan),
    ), tmp_path / "lots.xlsx")
    book = openpyxl.load_workbook(tmp_path / "lots.xlsx")
    assert [c.value for c in book["areas"][1]] == [
        "Area code", "Area name", "Lot", "Rural", "Weekly hours"]
    assert rows(book["lots"])[0]["People"] == "[x]"
    assert any("not known how many people" in row["Note"] for row in rows(book["notes"]))
