"""The commands of ``allocation`` as a user meets them, on a council of 24 squares."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from allocation.cli import app

from .small import (
    CODES,
    PACKAGE,
    PERSON,
    POSTCODE,
    Ran,
    add_to_brief,
    edit,
    listing,
    make,
    postcode,
    write_csv,
)

ROOT = Path(__file__).resolve().parents[2]
#: Three lots: 12 squares, 11, and one in the middle of the map.
LOTS = {c: "1" if i < 12 else "2" for i, c in enumerate(CODES)} | {CODES[14]: "3"}
TODAY = {c: "North" if i >= 8 else "South" for i, c in enumerate(CODES)}
FAST = ("--effort", "0.002", "-q")
EXTERNAL = re.compile(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)\s*=\s*["']?https?:""", re.IGNORECASE)
PRIVATE = ("rounds.csv", "shifts.csv", "unserved.csv", "rounds.html", "rounds.json")


def run(*arguments: object) -> Ran:
    """Run a command in this process, as the console script does."""
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    unforeseen = found.exception
    if unforeseen is not None and not isinstance(unforeseen, SystemExit):
        raise unforeseen
    return Ran(found.exit_code, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenth of the packages of the small council, a plan, and today's zones."""
    folder = make(tmp_path_factory.mktemp("allocation") / "council", packages=True)
    packages = pd.read_csv(folder / "packages.csv", dtype=str).iloc[::10]
    packages["person_id"] = [f"{PERSON}{i}" for i in range(len(packages))]
    write_csv(folder / "packages.csv", packages.drop(columns="carers"))
    write_csv(folder / "plan.csv", pd.DataFrame({"area_code": LOTS.keys(), "lot": LOTS.values()}))
    write_csv(folder / "today.csv", pd.DataFrame({"area_code": TODAY.keys(), "lot": TODAY.values()}))
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\n')
    return folder


@pytest.fixture(scope="module")
def planned(council: Path) -> Ran:
    """Rounds of every lot, written into ``private``."""
    return run("rounds", council, "--plan", council / "plan.csv", *FAST)


@pytest.fixture(scope="module")
def compared(council: Path) -> Ran:
    """Travel of lots and zones, with prices, written into ``out/travel``."""
    return run("travel", council, "--plan", council / "plan.csv", "--price", "24.10", *FAST)


def fits(text: str) -> bool:
    return all(len(line) <= 80 or "/" in line for line in text.splitlines())


def test_help_is_quick_to_import() -> None:
    """``allocation --help`` loads no GIS, no tables and no compiler."""
    code = (
        "import sys; from allocation.cli import app; "
        "heavy = {'pandas', 'geopandas', 'numba', 'numpy', 'folium'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    told = run("--help")
    assert told.code == 0
    assert all(name in told.out for name in ("visits", "rounds", "travel", "burden", "pay"))


def test_the_reference_names_every_command() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    names = [c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands]
    assert [n for n in names if f"## allocation {n}\n" not in page] == []


def test_the_example_of_hampshires_rule(tmp_path: Path) -> None:
    """One of two is below the minimum wage, and neither has the 20 % above it."""
    ran = run("pay", ROOT / "examples" / "hampshire" / "pay.toml", "--out", tmp_path, "-q")
    assert ran.code == 1
    assert "1 of 2 worker periods are below" in ran.said
    assert "0 of 2 also meet minimum wage + 20 %" in ran.said


# ---- visits and rounds --------------------------------------------------------------------------


def test_visits_account_for_every_hour(council: Path, tmp_path: Path) -> None:
    ran = run("visits", council, "--out", tmp_path, "-q")
    assert ran.code == 0
    assert "placed" in ran.out
    assert "Personal data" in ran.out
    table = pd.read_csv(tmp_path / "visits.csv")
    told = json.loads(run("visits", council, "--out", tmp_path, "--json").out)
    assert told["visits"] == len(table)
    placed = next(r for r in told["reconciliation"] if r["reason"] == "placed")
    assert placed["hours"] == pytest.approx((table["duration_minutes"] * table["carers"]).sum() / 60)


def test_hours_in_are_hours_served_and_not_served(council: Path, planned: Ran) -> None:
    """Printed, and the same in the files: every visit is in a round or listed with a reason."""
    assert planned.code == 0
    assert fits(planned.out)
    told = json.loads((council / "private" / "rounds.json").read_text(encoding="utf-8"))
    assert told["hours_asked"] == pytest.approx(told["hours_served"] + told["hours_unserved"])
    assert "contact hours asked for =" in planned.said
    stops = pd.read_csv(council / "private" / "rounds.csv")
    lost = pd.read_csv(council / "private" / "unserved.csv")
    assert stops["visit_id"].nunique() + len(lost) == told["visits_asked"]
    assert lost["reason"].notna().all()
    shifts = pd.read_csv(council / "private" / "shifts.csv")
    assert shifts["visits"].sum() == len(stops)
    assert [Path(f).name for f in planned.out.split()[-5:]] == list(PRIVATE)


def test_rounds_are_marked_and_need_no_network(council: Path, planned: Ran) -> None:
    """The map says that it is personal data, holds every shift, and loads nothing."""
    assert planned.code == 0
    page = (council / "private" / "rounds.html").read_text(encoding="utf-8")
    assert page.count("Personal data: do not publish.") >= 2
    assert not EXTERNAL.search(page)
    assert "default-src 'none'" in page
    shifts = pd.read_csv(council / "private" / "shifts.csv")
    assert page.count("<tr data-lot=") == len(shifts)


def test_same_seed_same_files(council: Path, planned: Ran, tmp_path: Path) -> None:
    """Whatever the number of processes."""
    assert planned.code == 0
    again = run("rounds", council, "--plan", council / "plan.csv", "--out", tmp_path, "--processes", 1, *FAST)
    assert again.code == 0
    mine = listing(tmp_path)
    assert mine == {k: v for k, v in listing(council / "private").items() if k in mine}
    assert set(mine) == set(PRIVATE)


def test_one_lot_with_its_own_workers(council: Path, tmp_path: Path) -> None:
    """Rounds begin and end at home; --json is the whole of stdout."""
    workers = pd.DataFrame({
        "worker_id": [f"w{i}" for i in range(12)], "shift_start": ["06:30", "14:00"] * 6,
        "shift_end": ["14:30", "23:30"] * 6, "postcode": postcode(CODES[14]),
    })  # fmt: skip
    write_csv(tmp_path / "workers.csv", workers)
    ran = run(
        "rounds", council, "--plan", council / "plan.csv", "--lot", "3", "--workers",
        tmp_path / "workers.csv", "--out", tmp_path / "out", "--json", *FAST,
    )  # fmt: skip
    assert ran.code == 0, ran.said
    told = json.loads(ran.out)
    assert [row["lot"] for row in told["lots"]] == ["3", "All lots"]
    assert told["workers_made_up"] is False
    assert set(pd.read_csv(tmp_path / "out" / "rounds.csv")["worker_id"]) <= set(workers["worker_id"])
    assert not list(tmp_path.rglob(".writing-*"))


# ---- travel -------------------------------------------------------------------------------------


def test_travel_says_what_changes(council: Path, compared: Ran) -> None:
    assert compared.code == 0
    assert fits(compared.out)
    for part in ("Zone today", "All lots", "travel minutes per contact hour", "24.10", "0.1645"):
        assert part in compared.said
    told = json.loads((council / "out" / "travel" / "travel.json").read_text(encoding="utf-8"))
    assert {row["lot"] for row in told["lots"]} == {"1", "2", "3", "All lots"}
    assert {row["lot"] for row in told["zones_today"]} == {"North", "South", "All lots"}
    whole = {name: told[name][-1] for name in ("lots", "zones_today")}
    assert whole["lots"]["contact_hours"] == whole["zones_today"]["contact_hours"]


def test_a_small_lot_is_withheld_everywhere(council: Path, compared: Ran) -> None:
    """Lot 3 has one package: its figures are in no file, and in none of what is printed."""
    assert compared.code == 0
    folder = council / "out" / "travel"
    row = next(r for r in json.loads((folder / "travel.json").read_text(encoding="utf-8"))["lots"]
               if r["lot"] == "3")
    assert row["withheld"] is True
    assert all(v is None for k, v in row.items() if k not in {"lot", "withheld"})
    table = pd.read_csv(folder / "travel.csv", dtype=str)
    assert set(table.loc[table["lot"] == "3"].iloc[0, 2:]) == {"[c]"}
    sheet = openpyxl.load_workbook(folder / "travel.xlsx")["lots"]
    cells = [c.value for r in sheet.iter_rows() if r[0].value == "3" for c in r[1:]]
    assert set(cells) == {"[c]"}
    assert re.search(r"^3 +\[c\]", compared.out, re.MULTILINE)


def test_nothing_of_a_person_is_published(council: Path, compared: Ran, planned: Ran) -> None:
    """No id of a package, person, visit or worker, no postcode, no coordinates of a home."""
    assert compared.code == planned.code == 0
    texts = [compared.out, compared.err]
    for file in (council / "out").rglob("*"):
        if file.suffix in {".html", ".csv", ".json"}:
            texts.append(file.read_text(encoding="utf-8"))
        elif file.suffix == ".xlsx":
            book = openpyxl.load_workbook(file)
            texts += [str(c.value) for s in book for r in s.iter_rows() for c in r]
    whole = "\n".join(texts)
    for word in (PACKAGE, PERSON, POSTCODE, "made up 1", "visit_id"):
        assert word not in whole
    page = (council / "out" / "travel" / "travel.html").read_text(encoding="utf-8")
    assert not EXTERNAL.search(page)
    assert not (council / "out" / "rounds.html").exists()


def test_windows_and_the_quick_estimate(council: Path, tmp_path: Path) -> None:
    ran = run("travel", council, "--plan", council / "plan.csv", "--windows", "0,60", "--out", tmp_path,
              "--json", *FAST)  # fmt: skip
    assert ran.code == 0, ran.said
    table = json.loads(ran.out)["windows"]
    assert [row["window_minutes"] for row in table] == [0, 60]
    assert table[0]["hours_freed"] == 0
    quick = run("travel", council, "--plan", council / "plan.csv", "--quick", "--out", tmp_path, "--json")
    told = json.loads(quick.out)
    assert told["estimated"] is True
    assert told["lots"][-1]["travel_minutes_per_contact_hour"] > 0


# ---- burden and pay -----------------------------------------------------------------------------


def test_burden_is_one_page_from_the_providers_base(council: Path, tmp_path: Path) -> None:
    """Ways from and to the base are in it; the page names nobody and loads nothing."""
    ran = run("burden", council, "--plan", council / "plan.csv", "--lot", "1", "--base", postcode(CODES[0]),
              "--out", tmp_path, "--provider", "<b>Care & Co</b>", *FAST)  # fmt: skip
    assert ran.code == 0, ran.said
    assert fits(ran.out)
    told = json.loads((tmp_path / "burden-1.json").read_text(encoding="utf-8"))
    assert told["travel_minutes_per_contact_hour"] > told["travel_minutes_between_per_contact_hour"]
    assert told["break_even_gbp"] > 12
    page = (tmp_path / "burden-1.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Care &amp; Co" in page
    assert not EXTERNAL.search(page)
    assert "<script" not in page
    assert PACKAGE not in page
    here = run("burden", council, "--plan", council / "plan.csv", "--lot", "1", "--base", "441000,301000",
               "--out", tmp_path, "--json", *FAST)  # fmt: skip
    assert json.loads(here.out)["break_even_gbp"] == told["break_even_gbp"]


def test_pay_prints_the_verdict_and_exits_1_below(tmp_path: Path) -> None:
    ran = run("pay", ROOT / "examples" / "pay", "--out", tmp_path, "-q")
    assert ran.code == 1
    assert fits(ran.out)
    assert "BELOW" in ran.out
    assert "complies" in ran.out
    assert (tmp_path / "pay-evidence.html").is_file()
    told = json.loads(run("pay", ROOT / "examples" / "pay", "--out", tmp_path, "--json").out)
    assert told["below"] == 3


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "words"), [
    (("burden", "--lot", "1", "--base", "QQ9 9ZZ"), "the postcode of the base is unknown ('QQ9 9ZZ')"),
    (("burden", "--lot", "1", "--base", "52.6,-1.1"), "the base is unknown"),
    (("burden", "--lot", "9"), "the plan has no such lot: 9"),
    (("rounds", "--lot", "9"), "the plan has no such lot: 9"),
    (("rounds", "--plan", "other.csv"), "areas have no lot"),
    (("rounds", "--plan", "none.csv"), "none.csv"),
    (("rounds", "--workers", "workers.csv", "--lot", "1"), "row 3, column shift_start: not a time of day"),
    (("rounds", "--workers", "workers.csv", "--lot", "1"), "row 4, column shift_end: the shift ends before"),
    (("travel", "--price", "-5"), "a price must be above 0 ('-5')"),
    (("travel", "--price", "24", "--prices", "prices.csv"), "both --price and --prices"),
    (("travel", "--prices", "prices.csv"), "a price must be above 0 ('-1')"),
    (("travel", "--windows", "0,soon"), "not a window in minutes"),
    (("travel", "--windows", "0,60", "--quick"), "--windows needs rounds"),
    (("travel", "--service", "D"), "there is no such service"),
    (("visits", "--out", "plan.csv"), "there is a file of this name"),
])  # fmt: skip
def test_bad_input_is_named_and_nothing_is_written(
    council: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2, the problem in words, and the folder as it was."""
    folder = tmp_path / "council"
    shutil.copytree(council, folder, ignore=shutil.ignore_patterns("private", "out"))
    monkeypatch.chdir(folder)
    (folder / "out").mkdir()
    shutil.copy(folder / "plan.csv", folder / "out" / "plan.csv")
    shutil.copy(folder / "plan.csv", folder / "other.csv")
    edit(folder / "other.csv", CODES[3], "E01999999")
    Path("workers.csv").write_text(
        "worker_id,shift_start,shift_end\nw1,07:00,14:00\nw2,,14:00\nw3,22:00,06:00\n", encoding="utf-8")
    Path("prices.csv").write_text("lot,hourly_price_gbp\n1,24\n2,-1\n3,24\n", encoding="utf-8")
    before = listing(folder)
    ran = run(arguments[0], folder, *arguments[1:], *(() if arguments[0] == "visits" else FAST))
    assert ran.code == 2, ran.said
    assert words in ran.said
    assert "Traceback" not in ran.said
    assert listing(folder) == before


def test_ctrl_c_before_there_is_anything(
    council: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit 130, and nothing is written."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("allocation.commands.county.county_day", stop)
    ran = run("rounds", council, "--plan", council / "plan.csv", "--out", tmp_path / "out", *FAST)
    assert ran.code == 130
    assert not (tmp_path / "out").exists()
