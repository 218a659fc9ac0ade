"""``allocation award``: what is printed and written, exit codes, and the audit that repeats it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pulp
import pytest
from award_cases import write_tender
from typer.testing import CliRunner

from allocation.award.audit import repeat_award
from allocation.award.solve import solve_problem
from allocation.cli import app
from allocation.report.award_tables import gap_text

runner = CliRunner()
SCENARIOS = """\
[[scenario]]
name = "Cap of 3 lots"
rules = { max_lots = 3 }
[[scenario]]
name = "Cap of 1 lot"
rules = { max_lots = 1 }
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tender, awarded with everything asked for."""
    folder = write_tender(tmp_path_factory.mktemp("council") / "tender")
    asked = folder / "scenarios.toml"
    asked.write_text(SCENARIOS, encoding="utf-8")
    options = ["--scenario-file", str(asked), "--sequential", "--pairs", "--moves-per-week", "60", "--quiet"]
    found = runner.invoke(app, ["award", str(folder), *options], env={"COLUMNS": "80"})
    assert found.exit_code == 0, found.output
    (folder / "printed.txt").write_text(found.stdout, encoding="utf-8")
    return folder


def test_what_is_printed_fits_80_columns_and_names_the_files(written: Path) -> None:
    """No line is wider than the terminal but the paths; every file named is there."""
    lines = (written / "printed.txt").read_text(encoding="utf-8").splitlines()
    paths = [line for line in lines if line.startswith(str(written))]
    assert max(len(line) for line in lines if line not in paths) <= 80
    assert all(Path(p).is_file() for p in paths)
    assert sorted(Path(p).name for p in paths) == sorted(
        [
            "award.csv",
            "reserves.csv",
            "reasons.csv",
            "set_aside.csv",
            "transfers.csv",
            "resilience.csv",
            "waves.csv",
            "scenarios.csv",
            "lot_by_lot.csv",
            "award.xlsx",
            "award.html",
            "model.lp",
            "model.mps",
            "award.json",
        ]
    )


def test_the_tables_agree(written: Path) -> None:
    """award.csv has the columns the brokerage reads; hours add up to the lots; the workbook says the same."""
    out = written / "out" / "award"
    table = pd.read_csv(out / "award.csv", dtype={"lot": str})
    assert list(table.columns) == [
        "lot",
        "provider_id",
        "position",
        "share_pct",
        "weekly_hours",
        "rate_gbp",
        "score",
        "bid_id",
    ]
    assert table.groupby("lot")["weekly_hours"].sum().to_dict() == {"1": 1000, "2": 1400, "3": 900, "4": 1200}
    book = pd.read_excel(out / "award.xlsx", sheet_name=None, engine="calamine")
    assert book["award"]["Hours a week"].tolist() == table["weekly_hours"].tolist()
    assert {"notes", "reasons", "transfers", "failures", "scenarios", "waves"} <= set(book)
    moves = pd.read_csv(out / "transfers.csv")
    waves = pd.read_csv(out / "waves.csv")
    moved = moves[moves["kind"] == "moves"]
    assert waves["weekly_hours"].sum() == pytest.approx(moved["weekly_hours"].sum())
    assert waves["people"].sum() == moved["people"].sum()
    assert waves.groupby("week")["people"].sum().max() <= 60


def test_the_page_opens_without_the_net_and_holds_every_reason(written: Path) -> None:
    """Nothing is loaded from anywhere, and each sentence of reasons.csv is on the page."""
    page = (written / "out" / "award" / "award.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "<script" not in page
    reasons = pd.read_csv(written / "out" / "award" / "reasons.csv")
    text = page.replace("&#39;", "'").replace("&amp;", "&")
    assert all(sentence in text for sentence in reasons["sentence"])


def test_the_audit_repeats_the_award_to_the_penny(written: Path) -> None:
    """The same files give the same award; the record names no folder of this machine."""
    record = written / "out" / "award" / "audit" / "award.json"
    found = runner.invoke(app, ["award-check", str(record)])
    assert found.exit_code == 0, found.output
    assert "the same to the penny" in found.stdout
    assert str(written) not in record.read_text(encoding="utf-8")


def test_the_audit_finds_a_changed_file(written: Path, tmp_path: Path) -> None:
    """A bid changed by a pound: the file is named, so are the lines that differ, and the exit code is 1."""
    shutil.copytree(written, tmp_path / "other")
    bids = tmp_path / "other" / "bids.csv"
    bids.write_text(
        bids.read_text(encoding="utf-8").replace("A3,Ash,3,22.40", "A3,Ash,3,23.40"), encoding="utf-8"
    )
    found = runner.invoke(app, ["award-check", str(tmp_path / "other/out/award/audit/award.json"), "--json"])
    assert found.exit_code == 1, found.output
    told = json.loads(found.stdout)["differences"]
    assert told[0] == "The file bids.csv is not the file that was used."
    assert any("Ash: rate_gbp was 22.4, and is 23.4." in d for d in told)


@pytest.mark.parametrize("solver", ["cbc", "highs"])
def test_the_exported_model_has_the_award_as_its_optimum(written: Path, solver: str) -> None:
    """Anyone's solver on model.mps comes to the same winners."""
    _, problem = pulp.LpProblem.fromMPS(str(written / "out/award/audit/model.mps"), sense=pulp.LpMaximize)
    values = solve_problem(problem, solver=solver).values  # type: ignore[arg-type]
    bids = {
        name.removeprefix("bid__")
        for name, value in values.items()
        if name.startswith("bid__") and value > 0.5
    }
    table = pd.read_csv(written / "out/award/award.csv")
    assert bids == set(table["bid_id"])


@pytest.mark.parametrize(("change", "said"), [
    (lambda r: r["reserves"].pop(), "The reserves are not those named then."),
    (lambda r: r["award"][0].update(weekly_cost_gbp=15_470.01), "Lot 1, Ash: weekly_cost_gbp was 15470.01"),
    (lambda r: r["award"].pop(), "Lot 4: Fir wins now, and did not then."),
    (lambda r: r["model_sha256"].update({"model.lp": "0"}), "The file model.lp is not the one that was"),
    (lambda r: r["inputs_sha256"].update({"old.csv": "0"}), "The file old.csv is not there."),
])  # fmt: skip
def test_a_record_that_was_changed_is_found_out(
    written: Path, change: Callable[[Any], Any], said: str
) -> None:
    """A reserve, a penny, a line, the program: what differs is said, and nothing else is."""
    audit = written / "out" / "award" / "audit"
    record = json.loads((audit / "award.json").read_text(encoding="utf-8"))
    change(record)
    other = audit / "changed.json"
    other.write_text(json.dumps(record), encoding="utf-8")
    (difference,) = repeat_award(other).differences
    other.unlink()
    assert difference.startswith(said)


@pytest.mark.parametrize("text", ["{}", "[1]", "no", '{"audit_version": 1, "award": 3}'])
def test_a_damaged_record_is_exit_2(tmp_path: Path, text: str) -> None:
    """Whatever is in the file, it is one problem with the file's name."""
    (tmp_path / "award.json").write_text(text, encoding="utf-8")
    found = runner.invoke(app, ["award-check", str(tmp_path / "award.json")])
    assert found.exit_code == 2
    assert found.stderr.startswith("1 problem in the input:")


def test_where_no_bid_counts_the_first_reason_is_said(tmp_path: Path) -> None:
    """A threshold of 100 leaves no bid."""
    folder = write_tender(tmp_path / "t", threshold="100")
    found = runner.invoke(app, ["award", str(folder)])
    assert found.exit_code == 2
    assert "all 19 rows are set aside; bid A1: quality 88 is below the threshold" in (
        " ".join(found.stderr.split()))


@pytest.mark.parametrize(("gap", "said"), [
    (0.0, "0.00"), (0.00002, "0.000020"), (0.0004, "0.00040"), (0.0123, "0.013"), (1.234, "1.24"),
    (12.0, "12.00"), (float("nan"), "an unknown")])  # fmt: skip
def test_a_gap_that_is_there_never_reads_as_nought(gap: float, said: str) -> None:
    """Two digits that say something, rounded up."""
    assert gap_text(gap) == said


def test_no_award_is_exit_3_with_the_reason(tmp_path: Path) -> None:
    """Six providers a lot and none bids so often: nothing is written."""
    folder = write_tender(tmp_path / "t", max_lots="1")
    found = runner.invoke(app, ["award", str(folder), "--quiet"])
    assert found.exit_code == 3
    assert "No award can keep every rule." in found.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--solver", "magic"], "no such solver"),
        (["--by", "dice"], "no such order"),
        (["--moves-per-provider", "3"], "needs --moves-per-week"),
        (["--scenario-file", "none.toml"], "none.toml"),
    ],
)
def test_wrong_options_are_exit_2(tmp_path: Path, options: list[str], said: str) -> None:
    """Told before anything is solved."""
    folder = write_tender(tmp_path / "t")
    found = runner.invoke(app, ["award", str(folder), *options])
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())
    assert not (folder / "out").exists()


def test_an_award_lot_by_lot_has_its_reasons_and_audit(written: Path, tmp_path: Path) -> None:
    """--by lots: no model is written, an older one goes, and the record repeats it."""
    folder = Path(shutil.copytree(written, tmp_path / "t"))
    assert (folder / "out/award/audit/model.lp").is_file()
    write_tender(folder, providers_per_lot="1")
    found = runner.invoke(app, ["award", str(folder), "--by", "largest", "--json"])
    assert found.exit_code == 0, found.output
    data = json.loads(found.stdout)
    assert data["mechanism"] == "sequential"
    assert not (folder / "out/award/audit/model.lp").exists()
    best, *others = data["lot_by_lot"]
    assert best["shortfall"] == 0
    assert all(o["shortfall"] is None or o["shortfall"] >= -1e-6 for o in others)
    check = runner.invoke(app, ["award-check", str(folder / "out/award/audit/award.json")])
    assert check.exit_code == 0, check.output
