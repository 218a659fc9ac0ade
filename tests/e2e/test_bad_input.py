"""Bad input through the command line: one clear message, exit 2, nothing written.

The ways to break a council are in broken.py; each says what its message must hold.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from .broken import BREAKS, Break
from .small import (
    CODES,
    HOURS,
    PACKAGE,
    PERSON,
    POSTCODE,
    Ran,
    add_to_brief,
    edit,
    grid,
    hours_table,
    listing,
    make,
    packages_table,
    run,
    write_csv,
)

#: What may never be printed: ids, postcodes and NHS numbers of the broken packages.
PERSONAL = (PERSON, PACKAGE, POSTCODE, "9434765919")


def refused(ran: Ran, folder: Path, before: dict[str, str], problems: int = 1) -> None:
    """Exit 2, so many problems, in words, nothing written, and no person named."""
    assert ran.code == 2, ran.said
    assert "Traceback" not in ran.said
    assert ran.out == ""
    head = f"{problems} problem{'s' if problems > 1 else ''} in the input:"
    assert ran.err.startswith(head), ran.said
    assert len(re.findall(r"^- ", ran.err, re.MULTILINE)) == problems
    assert listing(folder) == before
    assert not any(secret in ran.said for secret in PERSONAL)
    assert max(map(len, ran.err.splitlines())) <= 80 or "/" in ran.err  # a path may be longer


def test_there_are_enough_kinds() -> None:
    """The issue asks for 25 kinds at least."""
    assert len({b.name for b in BREAKS}) == len(BREAKS) >= 35


@pytest.mark.parametrize("way", BREAKS, ids=lambda way: way.name)
def test_bad_input_is_refused_in_words(way: Break, tmp_path: Path) -> None:
    """``check`` and ``design`` say the same: where, what, and what to do; nothing is written."""
    folder = make(tmp_path / "council", packages=way.packages)
    way.do(folder)
    before = listing(folder)
    check, design = run("check", "-q", folder), run("design", "-q", folder)
    refused(design, folder, before, way.problems)
    assert check == design
    missing = [words for words in way.says if words not in design.said]
    assert not missing, design.said


@pytest.mark.parametrize("packages", [False, True])
def test_the_unbroken_council_passes(packages: bool, tmp_path: Path) -> None:
    """What is broken above works as it stands; otherwise the tests above would say nothing."""
    folder = make(tmp_path / "council", packages=packages)
    ran = run("check", folder)
    assert ran.code == 0, ran.said
    assert "5,160.0" in ran.out


# ---- what is not broken, though it looks so -----------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "delimiter", "ending"),
    [
        ("utf-8", ",", "\n"),
        ("utf-8-sig", ",", "\r\n"),
        ("utf-16", "\t", "\r\n"),
        ("utf-16-le", ",", "\n"),
        ("cp1252", ";", "\r\n"),
    ],
)
def test_encodings_of_exports_are_read(encoding: str, delimiter: str, ending: str, tmp_path: Path) -> None:
    """UTF-16 and Windows-1252 files give the same plan as UTF-8."""
    folder = make(tmp_path / "council")
    edit(folder / "lookup.csv", "West", "Môr")
    table = pd.read_csv(folder / "lookup.csv").replace("West", "Môr")
    for name, frame in (("lookup.csv", table), ("hours.csv", hours_table())):
        text = frame.to_csv(index=False, sep=delimiter, lineterminator=ending)
        (folder / name).write_bytes(text.encode(encoding))
    ran = run("check", "--json", folder)
    assert ran.code == 0, ran.said
    assert '"hours": 5160.0' in ran.out


def test_windows_paths_in_single_quotes(tmp_path: Path) -> None:
    """What the message about backslashes proposes works."""
    folder = make(tmp_path / "council")
    edit(folder / "brief.toml", '"areas.gpkg"', "'./areas.gpkg'")
    assert run("check", folder).code == 0


def test_excel_in_the_place_of_csv(tmp_path: Path) -> None:
    """A workbook is read wherever a CSV is."""
    folder = make(tmp_path / "council", packages=True)
    table = packages_table()
    table["weekly_hours"] = table["weekly_hours"].astype(float)
    table["start"] = pd.to_datetime(table["start"])
    table.to_excel(folder / "packages.xlsx", index=False)
    edit(folder / "brief.toml", "packages.csv", "packages.xlsx")
    assert '"hours": 5160.0' in run("check", "--json", folder).out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("number = 4", "number = 2\n[locks]\napart = []"),
        ("max_hours = 1700", "max_hours = 900.0\ntolerance_pct = 100"),
        ("number = 4", "number = [2, 24]"),
        ("seed = 1", "seed = 0"),
        ("number = 4", "per_locality = { West = 1, East = 12 }"),
    ],
)
def test_the_last_value_that_passes(old: str, new: str, tmp_path: Path) -> None:
    """Values at the edge of what is refused are taken (whether a plan exists is another matter)."""
    folder = make(tmp_path / "council")
    if "locks" in new:
        new = "number = 2"
    edit(folder / "brief.toml", old, new)
    assert run("check", folder).code in {0, 3}


def test_a_slipped_row_shows_harmless_values(tmp_path: Path) -> None:
    """Small numbers and dates that are wrong are shown; they help, and name nobody."""
    folder = make(tmp_path / "council", packages=True)
    table = packages_table()
    table.loc[0, "weekly_hours"] = "-3"
    table.loc[1, "end"] = "2026-02-30"
    write_csv(folder / "packages.csv", table)
    said = run("check", folder).said
    assert "('-3')" in said
    assert "('2026-02-30')" in said


@pytest.mark.parametrize("kind", ["10432", "P0001", "Mrs Ada Smith", "943 476 5919", "HR1 2AB"])
@pytest.mark.parametrize("column", ["weekly_hours", "start", "carers"])
def test_no_id_is_repeated_wherever_it_stands(kind: str, column: str, tmp_path: Path) -> None:
    """Ids, names, NHS numbers and postcodes in the wrong cell are not printed."""
    folder = make(tmp_path / "council", packages=True)
    table = packages_table()
    table.loc[3, column] = kind
    write_csv(folder / "packages.csv", table)
    ran = run("check", folder)
    # A five-figure number is a date to Excel, and then it passes for one.
    assert ran.code == (0 if (kind, column) == ("10432", "start") else 2), ran.said
    assert ran.code == 0 or "row 5" in ran.said
    assert kind not in ran.said


# ---- everything at once ---------------------------------------------------------------------


def test_five_broken_files_are_five_problems(tmp_path: Path) -> None:
    """Lookup, hours, today's zones, a lock and the lots: all are said in one run."""
    folder = make(tmp_path / "council")
    edit(folder / "lookup.csv", "E01000004,East,447000", "E01000004,East,far")
    edit(folder / "brief.toml", 'locality = "locality"', 'locality = "locality"\nx = "x"\ny = "y"')
    edit(folder / "hours.csv", "E01000001,100", "E01000001,-100")
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\n')
    (folder / "today.csv").write_text("area_code,zone\nE01000001,A\n")
    before = listing(folder)
    ran = run("check", folder, "-q")
    refused(ran, folder, before, 3)
    for words in (
        "lookup.csv, column x",
        "hours.csv, row 2",
        "today.csv: there is no column 'lot'",
    ):
        assert words in ran.said
    # With the boundaries mended, what depends on them is said as well.
    edit(folder / "lookup.csv", "E01000004,East,far", "E01000004,East,447000")
    edit(folder / "brief.toml", "number = 4", "number = 30")
    add_to_brief(folder, '\n[locks]\ntogether = [["E01000001", "E01000006"]]\n')
    edit(
        folder / "brief.toml",
        'locality = "locality"',
        'locality = "locality"\nbridges = [["E01000001", "E01009999"]]',
    )
    before = listing(folder)
    ran = run("check", folder, "-q")
    refused(ran, folder, before, 5)
    for words in (
        "hours.csv, row 2",
        "today.csv: there is no column 'lot'",
        "[locks]: areas locked together lie in 2 localities",
        "[lots] number: 30 lots are more than the 24 areas",
        "[areas] bridges[1]: E01009999 is not on the map",
    ):
        assert words in ran.said


def test_a_brief_says_all_its_mistakes_and_missing_files_at_once(tmp_path: Path) -> None:
    """Mistakes in the brief do not hide files that are not there, and the other way round."""
    folder = make(tmp_path / "council")
    for old, new in (
        ("number = 4", "number = 0"),
        ("max_hours", "maks_hours"),
        ("areas.gpkg", "county.gpkg"),
        ("seed = 1", 'seed = "one"'),
        ("hours.csv", "april.csv"),
    ):
        edit(folder / "brief.toml", old, new)
    before = listing(folder)
    ran = run("check", folder)
    refused(ran, folder, before, 5)
    for words in (
        "[lots] number",
        "[lots] maks_hours: unknown key. Did you mean max_hours?",
        "[run] seed",
        "[areas] file: there is no such file",
        "[demand] hours: there is no such file",
    ):
        assert words in ran.said


# ---- plans for compare and map -----------------------------------------------------------------


def plan(folder: Path, name: str, lots: dict[str, str]) -> Path:
    write_csv(folder / name, pd.DataFrame({"area_code": lots.keys(), "lot": lots.values()}))
    return folder / name


HALVES = {c: "W" if i % 6 < 3 else "E" for i, c in enumerate(CODES)}


@pytest.mark.parametrize(
    ("lots", "says"),
    [
        ({**HALVES, "E01009999": "E"}, ("E01009999", "not on the map")),
        (
            {c: v for c, v in HALVES.items() if c != CODES[4]},
            ("1 of 24 areas have no lot", CODES[4]),
        ),
        ({**HALVES, CODES[2]: ""}, ("without a lot", "row 4")),
    ],
    ids=["unknown area", "missing area", "blank lot"],
)
def test_a_plan_that_does_not_fit(lots: dict[str, str], says: tuple[str, ...], tmp_path: Path) -> None:
    """``compare`` and ``map`` refuse a plan that is not of this map, and draw nothing."""
    folder = make(tmp_path / "council")
    good, bad = plan(folder, "good.csv", HALVES), plan(folder, "bad.csv", lots)
    before = listing(folder)
    for arguments in (("compare", "-q", folder, good, bad), ("map", "-q", bad)):
        ran = run(*arguments)
        refused(ran, folder, before)
        assert all(words in ran.said for words in ("bad.csv", *says)), ran.said


def test_both_plans_of_a_comparison_are_checked(tmp_path: Path) -> None:
    """Two bad plans are two problems, not one after the other."""
    folder = make(tmp_path / "council")
    bad = plan(folder, "bad.csv", {**HALVES, "E01009999": "E"})
    before = listing(folder)
    refused(run("compare", "-q", folder, bad, folder / "none.csv"), folder, before, 2)


def test_a_plan_far_from_any_brief(tmp_path: Path) -> None:
    """Without a brief above it, a plan cannot be drawn; with --brief it can."""
    folder = make(tmp_path / "council")
    (tmp_path / "elsewhere").mkdir()
    lonely = plan(tmp_path / "elsewhere", "plan.csv", HALVES)
    before = listing(tmp_path)
    ran = run("map", "-q", lonely)
    refused(ran, tmp_path, before)
    assert "--brief" in ran.said
    ran = run("map", "-q", lonely, "--brief", folder)
    assert ran.code == 1  # two lots, where the brief asks for four
    assert "The plan breaks a rule: number" in ran.said
    assert {p.name for p in lonely.parent.iterdir()} == {"plan.csv", "map.html", "map.png"}


@pytest.mark.parametrize("command", ["compare", "map"])
def test_an_unknown_service_is_named(command: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "council")
    good = plan(folder, "good.csv", HALVES)
    before = listing(folder)
    files = (folder, good, good) if command == "compare" else (good,)
    ran = run(command, "-q", *files, "--service", "Nights")
    refused(ran, folder, before)
    assert "no such service ('Nights')" in ran.said


# ---- where the results go -----------------------------------------------------------------------


def test_out_is_a_file(tmp_path: Path) -> None:
    """Said before the search, not after an hour of it."""
    folder = make(tmp_path / "council")
    (folder / "out").write_text("mine")
    before = listing(folder)
    ran = run("design", "-q", folder)
    refused(ran, folder, before)
    assert "a file of this name" in ran.said
    ran = run("design", "-q", folder, "--out", folder / "out" / "deeper")
    refused(ran, folder, before)
    ran = run("map", "-q", plan(folder, "good.csv", HALVES), "--out", folder / "out")
    assert ran.code == 2
    assert "cannot be written" in ran.said


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_out_may_not_be_written_to(tmp_path: Path) -> None:
    folder = make(tmp_path / "council")
    (folder / "out").mkdir(mode=0o500)
    before = listing(folder)
    ran = run("design", "-q", folder)
    refused(ran, folder, before)
    assert "cannot be written to" in ran.said


def test_results_never_replace_an_input(tmp_path: Path) -> None:
    """Today's plan read from out/plan.csv would be gone after the run: said before."""
    folder = make(tmp_path / "council")
    (folder / "out").mkdir()
    plan(folder / "out", "plan.csv", HALVES)
    add_to_brief(folder, '\n[today]\nplan = "out/plan.csv"\n')
    before = listing(folder)
    ran = run("design", "-q", folder)
    refused(ran, folder, before)
    assert "the results would take its place" in ran.said
    assert run("design", "-q", folder, "--out", folder / "new").code == 0


def test_a_folder_in_the_way_of_a_result(tmp_path: Path) -> None:
    """When one file cannot take its place none does, and the earlier results stay whole."""
    folder = make(tmp_path / "council")
    assert run("design", "-q", folder).code == 0
    (folder / "out" / "map.png").unlink()
    (folder / "out" / "map.png").mkdir()
    (folder / "out" / "map.png" / "mine.txt").write_text("mine")
    edit(folder / "brief.toml", "number = 4", "number = 6\n# of another size")
    edit(folder / "brief.toml", "min_hours = 900", "min_hours = 300")
    before = listing(folder)
    ran = run("design", "-q", folder)
    refused(ran, folder, before)
    assert "map.png: cannot be written" in ran.said


# ---- wrong use of the commands ------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["design"],
        ["design", ".", "--seed", "-1"],
        ["design", ".", "--seed", "one"],
        ["design", ".", "--time-limit", "0"],
        ["paint", "."],
        ["check", ".", "--colour"],
        ["new"],
    ],
    ids=" ".join,
)
def test_wrong_use_exits_2(arguments: list[str]) -> None:
    """Usage errors are bad input, too."""
    ran = run(*arguments)
    assert ran.code == 2
    assert "Usage: lotting" in ran.err
    assert ran.out == ""


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """Only on request."""
    folder = make(tmp_path / "council")
    edit(folder / "hours.csv", "E01000001,100", "E01000001,-100")
    with pytest.raises(ValueError, match="below the least allowed"):
        run("check", folder, "--debug")


def test_the_grid_is_what_the_tests_think() -> None:
    """Totals that the tests above rely on."""
    assert sum(HOURS.values()) == 5160
    assert len(grid()) == 24
