"""The report says what the result says, runs no text as code, and reads well without the eyes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from allocation.pay.assess import PayResult, assess_policy
from allocation.pay.citations import RULES
from allocation.pay.evidence import LIMITS, Evidence, write_html, write_workbook
from allocation.pay.policy import PayPolicy

NASTY = '=cmd|"/c calc"!A1<script>alert(1)</script>'


def activities(worker: str = NASTY) -> pd.DataFrame:
    start = pd.Timestamp("2026-05-04 07:00", tz="Europe/London")
    return pd.DataFrame({
        "worker_id": worker, "start": [start, start + pd.Timedelta(hours=2)],
        "end": [start + pd.Timedelta(hours=2), start + pd.Timedelta(hours=3)], "kind": ["contact", "travel"],
        "awake_minutes": 0.0, "km": [0.0, 20.0], "lot": ["+1", "+1"], "visit_id": "@v"})


@pytest.fixture(scope="module")
def result() -> PayResult:
    return assess_policy(activities(), PayPolicy(contact_rate_gbp=Decimal(13), uplift_pct=Decimal(20)))


class Page(HTMLParser):
    """Tags, texts and the tables' headers of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(result: PayResult, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("pay") / "evidence.html"
    evidence = Evidence(title="Check & proof", provider="<b>Care</b>", assumptions=("A gap is a gap.",),
                        prepared_on=dt.date(2026, 5, 20))
    write_html(path, result, evidence)
    return Page(path.read_text(encoding="utf-8"))


def test_text_of_the_user_is_text(page: Page) -> None:
    """Ids and names are escaped: no tag of theirs is there, but their letters are."""
    assert not page.all("script")
    assert not page.all("b")
    assert NASTY in page.text
    assert "<b>Care</b>" in page.text


def test_the_page_loads_nothing(page: Page) -> None:
    """No script, style sheet, picture or frame, and the page's own policy forbids all."""
    assert not [t for t, _ in page.tags if t in {"script", "link", "img", "iframe", "object", "video"}]
    policies = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_headings_and_tables_are_marked_up(page: Page) -> None:
    """One h1, a language, a caption a table, a scope on every header, no level skipped."""
    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en-GB"}]
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(h.get("scope") in {"col", "row"} for h in page.all("th"))
    levels = [int(t[1]) for t, _ in page.tags if t in {"h1", "h2", "h3"}]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_says_what_it_found_and_what_not(page: Page, result: PayResult) -> None:
    """Verdict, shortfall, every rule with its law, every limit, every assumption."""
    row = result.periods.iloc[0]
    for text in ("1 of 1 worker pay periods are below the minimum wage", f"£{row['shortfall_gbp']}", "+ 20 %",
                 "20 May 2026", "A gap is a gap.", "Travel between visits", *LIMITS,
                 *(r.law for r in RULES.values()), *(r.says for r in RULES.values())):
        assert text in page.text
    assert "not legal advice" in page.text


def test_the_workbook_holds_text_as_text_and_numbers_as_numbers(result: PayResult, tmp_path: Path) -> None:
    """No cell is a formula or a link, whatever it begins with; amounts are numbers; no cell is empty."""
    path = tmp_path / "evidence.xlsx"
    write_workbook(path, result, Evidence(provider="=1+1"), activities())
    book = load_workbook(path)
    assert book.sheetnames == [
        "summary", "periods", "pay", "lots", "premium", "figures", "rules", "notes", "time"]
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not [c.coordinate for c in cells if c.data_type == "f" or c.hyperlink is not None]
    assert all(c.value is not None for c in cells)
    assert NASTY in [c.value for c in cells]
    sheet = book["periods"]
    column = [c.value for c in sheet[1]].index("Shortfall, £") + 1
    assert sheet.cell(2, column).value == pytest.approx(float(result.periods.loc[0, "shortfall_gbp"]))
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_result_gives_the_same_bytes(result: PayResult, tmp_path: Path) -> None:
    """Two runs do not differ, so that a report can be made again and compared."""
    for name in ("a", "b"):
        write_workbook(tmp_path / f"{name}.xlsx", result, None, activities())
        write_html(tmp_path / f"{name}.html", result)
    for end in ("xlsx", "html"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


def test_all_is_well_is_said_too(tmp_path: Path) -> None:
    """A result without a breach has no table of breaches."""
    fine = assess_policy(activities("w"), PayPolicy(contact_rate_gbp=Decimal(40)))
    write_html(tmp_path / "e.html", fine)
    text = Page((tmp_path / "e.html").read_text(encoding="utf-8")).text
    assert "All 1 worker pay periods are at or above the minimum wage" in text
    assert "Which rule bites" not in text
