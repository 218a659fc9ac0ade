"""``allocation market`` as a user meets it, on a council of 24 squares."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from allocation.cli import app

from .small import CODES, PACKAGE, PERSON, POSTCODE, Ran, edit, listing, make, postcode, write_csv

CQC = "CQC\n,\n,\n\nName,Postcode,Service types,Provider name,Location ID,Provider ID\n"
BOOK_SHEETS = {"notes", "summary", "providers", "classes", "localities", "payers", "teams", "sizes", "hours",
               "provider_locality", "provider_payer", "provider_team", "growth", "years"}


def run(*arguments: object) -> Ran:
    found = CliRunner().invoke(app, ["market", *(str(a) for a in arguments)])
    unforeseen = found.exception
    if unforeseen is not None and not isinstance(unforeseen, SystemExit):
        raise unforeseen
    return Ran(found.exit_code, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages with providers, of which one is small and one waits, teams and rates, some ended."""
    folder = make(tmp_path_factory.mktemp("market") / "council", packages=True)
    packages = pd.read_csv(folder / "packages.csv", dtype=str, keep_default_na=False)
    n = len(packages)
    packages["provider_id"] = ["Alpha Care" if i % 2 else "alpha care" if i % 10 == 0 else "Beta" if i % 3
                               else "Gamma" for i in range(n)]
    packages.loc[[7, 8], "provider_id"] = "Tiny"
    packages.loc[range(20, 30), "provider_id"] = "Unallocated"
    packages["team"] = ["North team" if i % 2 else "South team" for i in range(n)]
    packages["hourly_rate"] = "20"
    old = packages.iloc[:40].assign(
        start="2025-01-01", end="2025-12-31", package_id=[f"{PACKAGE}9{i:03d}" for i in range(40)],
        provider_id="Beta")
    write_csv(folder / "packages.csv", pd.concat([packages, old]))
    plan = {code: str(1 + i // 8) for i, code in enumerate(CODES)}
    write_csv(folder / "plan.csv", pd.DataFrame({"area_code": plan.keys(), "lot": plan.values()}))
    write_csv(folder / "answers.csv", pd.DataFrame({
        "provider_id": ["A", "A", "B"], "lot": ["1", "2", "1"], "staff": ["300", "300", "12"],
        "viability": ["viable", "minor concerns", "major concerns"]}))
    lines = [f"Home {i},{postcode(CODES[i])},Homecare agencies,Firm {i},1-{i},1-9{i}\n" for i in range(3)]
    (folder / "cqc.csv").write_text(CQC + "".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ran(council: Path) -> Ran:
    return run(council, "--plan", council / "plan.csv", "--intentions", council / "answers.csv", "--cqc",
               council / "cqc.csv", "--reach-km", "3", "--max-share-pct", "40")


def test_it_says_who_holds_what(council: Path, ran: Ran) -> None:
    """In 80 columns: shares, limits, bidders, CQC providers, and where every hour went."""
    assert ran.code == 0, ran.err
    assert all(len(line) <= 80 for line in ran.out.splitlines() if not line.startswith("/"))
    for said in ("Alpha Care", "Over 40 % of all hours", "Would bid for lot", "Home care near lot",
                 "with no provider", "2 firms would bid, for 2 of 3 lots.", "Nobody would bid for 3."):
        assert said in ran.out, said
    data = json.loads(run(council, "--json", "--out", council / "again").out)
    summary = {row["figure"]: row["value"] for row in data["tables"]["summary"]}
    assert summary["Providers"] == 4
    assert summary["Largest provider"] == "Alpha Care"


def test_hours_are_all_there(council: Path, ran: Ran) -> None:
    """The exact file that stays inside has the hours of the export, by provider and with none."""
    inside = pd.read_csv(council / "private" / "market.csv", keep_default_na=False)
    export = pd.read_csv(council / "packages.csv", keep_default_na=False)
    running = export[export["end"] == ""]["weekly_hours"].astype(float)
    for by in ("locality", "payer", "team"):
        assert inside.loc[inside["by"] == by, "hours"].sum() == pytest.approx(running.sum())
    waiting = export["provider_id"] == "Unallocated"
    named = inside.loc[inside["by"] == "all", "hours"].sum()
    assert named + running[waiting[running.index]].sum() == pytest.approx(running.sum())
    assert "Tiny" in set(inside["provider_id"])


def test_what_is_published_gives_nobody_away(council: Path, ran: Ran) -> None:
    """No id, no postcode of a person, and nothing of the provider with two packages."""
    folder = council / "out" / "market"
    assert set(listing(folder)) == {"market.csv", "market.json", "market.xlsx"}
    text = (folder / "market.csv").read_text("utf-8") + (folder / "market.json").read_text("utf-8") + ran.out
    for secret in (PERSON, PACKAGE, POSTCODE):
        assert secret not in text
    table = pd.read_csv(folder / "market.csv", keep_default_na=False)
    tiny = table[(table["row"] == "Tiny") | (table["of"] == "Tiny")]
    assert set(tiny.loc[tiny["figure"] == "hours", "value"]) == {"[c]"}


def test_the_workbook_reads_back(council: Path, ran: Ran) -> None:
    """Every sheet has a header and rows, numbers are numbers and no cell is a formula."""
    book = openpyxl.load_workbook(council / "out" / "market" / "market.xlsx")
    assert set(book.sheetnames) >= BOOK_SHEETS | {"intentions", "reach", "over_limits"}
    for sheet in book:
        assert sheet.max_row > 1
        assert not any(cell.data_type == "f" for row in sheet for cell in row)
    rows = list(book["providers"].values)
    assert rows[0][:3] == ("Provider", "Packages", "Hours a week")
    assert isinstance(rows[1][2], (int, float))
    sizes = {row[0]: row[1:] for row in book["sizes"].values}
    assert any(isinstance(value, (int, float)) for row in sizes.values() for value in row)
    reach = {row[0]: row[1:] for row in book["reach"].values}
    assert reach["1"][0] == 3


def test_the_same_files_twice(council: Path, ran: Ran) -> None:
    """The same input gives the same bytes."""
    arguments = (council, "--plan", council / "plan.csv", "-q")
    for name in ("one", "two"):
        assert run(*arguments, "--out", council / name).code == 0
    for file in ("market.csv", "market.json", "market.xlsx", "private/market.csv"):
        assert (council / "one" / file).read_bytes() == (council / "two" / file).read_bytes(), file


def test_growth_is_since_the_first_end(council: Path) -> None:
    """Forty packages ended on 31 December: growth is from that day, and from no day before."""
    data = json.loads(run(council, "--json", "--out", council / "grown").out)
    assert data["since"] == "2025-12-31"
    found = run(council, "--since", "2025-06-01", "-q", "--out", council / "grown")
    assert found.code == 2
    assert "31 December 2025" in " ".join(found.err.split())


def test_bad_input_is_listed_together(council: Path, tmp_path: Path) -> None:
    """Answers and directory that are both wrong are told at once, and nothing is written."""
    bad = tmp_path / "bad.csv"
    bad.write_text("provider_id,lot\nA,77\n", encoding="utf-8")
    out = tmp_path / "out"
    found = run(
        council, "--plan", council / "plan.csv", "--intentions", bad, "--cqc", bad, "--out", out, "-q")
    assert found.code == 2
    said = " ".join(found.err.split())
    assert "2 problems" in said
    assert "'77'" in said
    assert "no header of a CQC directory" in said
    assert not out.exists()


@pytest.mark.parametrize(("arguments", "said"), [
    (("--team", "squad"), "no such column of teams"),
    (("--cqc", "cqc.csv"), "no lots to look for providers near"),
])
def test_options_that_cannot_be(council: Path, arguments: tuple[str, str], said: str) -> None:
    """A wrong option is told, with exit code 2."""
    option, value = arguments
    found = run(council, option, council / value if option == "--cqc" else value, "-q")
    assert found.code == 2
    assert said in " ".join(found.err.split())


def test_hours_of_areas_are_no_market(tmp_path: Path) -> None:
    """Without packages, or without a provider in them, there is nothing to share."""
    folder = make(tmp_path / "hours")
    found = run(folder, "-q")
    assert found.code == 2
    assert "hours of areas only" in " ".join(found.err.split())
    folder = make(tmp_path / "packages", packages=True)
    found = run(folder, "-q")
    assert found.code == 2
    assert "no package names its provider" in " ".join(found.err.split())


def test_a_rate_that_is_none_is_told(tmp_path: Path) -> None:
    """A price of an hour above 500 pounds is a mistake."""
    folder = make(tmp_path / "council", packages=True)
    packages = pd.read_csv(folder / "packages.csv", dtype=str, keep_default_na=False)
    write_csv(folder / "packages.csv", packages.assign(provider_id="A", hourly_rate="20"))
    edit(folder / "packages.csv", ",A,20\n", ",A,2000\n")
    found = run(folder, "-q")
    assert found.code == 2
    assert "above the most allowed, 500 pounds" in " ".join(found.err.split())
