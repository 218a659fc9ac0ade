"""The commands as a user meets them: streams, exit codes, colours, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .small import CODES, Ran, add_to_brief, edit, grid, listing, make, run, write_csv

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-7]|9[0-7]|4[0-7]|38|48)[;m]")
LOTTING = [sys.executable, "-m", "lotting.cli"]
HALVES = {c: "W" if i % 6 < 3 else "E" for i, c in enumerate(CODES)}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A council that has been designed once, and what was said."""
    folder = make(tmp_path_factory.mktemp("commands") / "council")
    ran = run("design", "--quiet", folder)
    assert ran.code == 0, ran.said
    return folder, ran


@pytest.fixture(scope="module")
def council(quiet: tuple[Path, Ran]) -> Path:
    """Its folder."""
    return quiet[0]


@pytest.fixture(scope="module")
def loud(council: Path) -> Ran:
    """What is said when it is designed again, without --quiet."""
    return run("design", council)


def infeasible(folder: Path) -> None:
    """West holds 2,400 h: two lots of at most 1,100 cannot."""
    edit(folder / "brief.toml", "max_hours = 1700", "max_hours = 1100")
    edit(folder / "brief.toml", "number = 4", "per_locality = { West = 2, East = 3 }")


# ---- exit codes and streams ---------------------------------------------------------------------


def test_data_on_stdout_progress_on_stderr(council: Path, loud: Ran) -> None:
    """What a script wants is on stdout alone, and paths are the last lines of it."""
    ran = loud
    assert ran.code == 0
    assert "Finding the neighbours" in ran.err
    assert "Drawing the maps" in ran.err
    assert "Finding" not in ran.out
    names = [
        "map.html", "map.png", "lots.xlsx", "plan.gpkg", "plan.csv", "result.json", "audit/certificate.json",
    ]
    assert ran.out.splitlines()[-7:] == [str(council / "out" / name) for name in names]


def test_quiet_says_nothing_on_stderr(council: Path, quiet: tuple[Path, Ran]) -> None:
    """--quiet leaves the data and drops the progress."""
    ran = quiet[1]
    assert ran.err == ""
    assert "Lot " in ran.out
    assert run("check", "-q", council).err == ""


def test_json_is_the_whole_of_stdout(council: Path) -> None:
    """--json can be piped into another program, and says what result.json says."""
    ran = run("design", "--json", council)
    data = json.loads(ran.out)
    kept = json.loads((council / "out" / "result.json").read_text(encoding="utf-8"))
    assert data == kept
    checked = json.loads(run("check", "--json", council).out)
    assert (checked["areas"], checked["borders"], checked["pieces"]) == (24, 38, 1)
    assert checked["services"] == ["all"]
    assert [r["hours"] for r in checked["reconciliation"]] == [5160, 5160]


def test_exit_1_when_a_plan_breaks_a_limit(council: Path, tmp_path: Path) -> None:
    """``map`` draws any plan, and says what it breaks."""
    write_csv(tmp_path / "two.csv", pd.DataFrame({"area_code": HALVES.keys(), "lot": HALVES.values()}))
    ran = run("map", tmp_path / "two.csv", "--brief", council)
    assert ran.code == 1
    assert "max_hours: lot E holds 2,760.00 h a week" in ran.said
    assert "number: the plan has 2 lots; the brief asks for 4" in ran.said
    assert ran.out.split() == [str(tmp_path / "map.html"), str(tmp_path / "map.png")]
    good = run("map", council / "out" / "plan.csv", "--out", tmp_path / "again")
    assert good.code == 0


def test_exit_3_when_no_plan_can_meet_the_brief(tmp_path: Path) -> None:
    """Reasons in hours and places, from ``check`` and ``design`` alike, and nothing is written."""
    folder = make(tmp_path / "council")
    infeasible(folder)
    before = listing(folder)
    for command in ("check", "design"):
        ran = run(command, "-q", folder)
        assert ran.code == 3
        assert "No plan can meet this brief" in ran.err
        assert "West: holds 2,400 h a week; 2 lots of at most 1,100 h take 2,200" in ran.said
        # Three lots of at least 900 would need 2,700: another number is no way out here.
        assert ran.said.endswith("Raise the most hours of a lot to 1,200.")
        assert listing(folder) == before
    # At the limit that it proposes there is a plan.
    edit(folder / "brief.toml", "max_hours = 1100", "max_hours = 1300")
    assert run("design", "-q", folder).code == 0


def test_what_the_search_cannot_find_is_decided_by_the_exact_model(tmp_path: Path) -> None:
    """Lots that no sum forbids, but that the hours of single areas do: exit 3, and said why."""
    folder = make(tmp_path / "council")
    edit(folder / "brief.toml", "min_hours = 900\nmax_hours = 1700", "tolerance_pct = 0")
    edit(folder / "hours.csv", "E01000001,100", "E01000001,100.3")
    ran = run("design", "-q", folder)
    assert ran.code == 3
    assert "West" in ran.said


# ---- what is printed ----------------------------------------------------------------------------


def test_lines_fit_80_columns(council: Path, loud: Ran) -> None:
    """Tables and messages fit the narrowest terminal; only a path may be longer."""
    plan = council / "out" / "plan.csv"
    others = (("check", council), ("compare", council, plan, plan), ("--help",), ("design", "--help"))
    for ran in (loud, *(run(*arguments) for arguments in others)):
        assert ran.code == 0
        long = [line for line in (ran.out + ran.err).splitlines() if len(line) > 80 and "/" not in line]
        assert long == []


def test_names_are_not_read_as_markup(tmp_path: Path) -> None:
    """A locality in square brackets is printed as it stands."""
    folder = make(tmp_path / "council")
    table = pd.read_csv(folder / "lookup.csv", dtype=str).replace("West", "[red]West[/]")
    write_csv(folder / "lookup.csv", table)
    infeasible(folder)
    edit(folder / "brief.toml", "{ West = 2", '{ "[red]West[/]" = 2')
    assert "[red]West[/]: holds 2,400 h" in run("design", "-q", folder).said


def test_compare_counts_by_hand(tmp_path: Path) -> None:
    """Hours that move between two plans, and no more than those."""
    folder = make(tmp_path / "council")
    moved = {**HALVES, CODES[2]: "E"}
    for name, lots in (("A.csv", HALVES), ("B.csv", moved)):
        write_csv(folder / name, pd.DataFrame({"area_code": lots.keys(), "lot": lots.values()}))
    ran = run("compare", folder, folder / "A.csv", folder / "B.csv")
    assert ran.code == 0
    assert "120" in ran.out  # the hours of the third area
    data = json.loads(run("compare", folder, folder / "A.csv", folder / "B.csv", "--json").out)
    assert set(data) == {"all"}
    same = run("compare", folder, folder / "A.csv", folder / "A.csv")
    assert same.code == 0


def test_no_colour_codes_off_a_terminal(council: Path, tmp_path: Path) -> None:
    """Nothing but text goes into a pipe or a log, also of errors."""
    broken = make(tmp_path / "broken")
    edit(broken / "hours.csv", "E01000001,100", "E01000001,-100")
    # One process for all three: most of a command's time is its start.
    script = (
        "import sys\nfrom lotting.cli import main\n"
        "for folder in sys.argv[1:]:\n"
        "    sys.argv = ['lotting', *(['check', folder] if folder != '--help' else [folder])]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        print('exit code', end.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, council, broken, "--help"], capture_output=True, text=True, check=True
    )
    assert re.findall("exit code (.*)", done.stdout) == ["0", "2", "0"]
    assert "below the least allowed" in done.stderr
    assert not ANSI.search(done.stdout + done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_color", [False, True])
def test_no_color_is_respected_on_a_terminal(no_color: bool, tmp_path: Path) -> None:
    """On a terminal problems are red; with NO_COLOR they are not."""
    import pty

    folder = make(tmp_path / "council")
    edit(folder / "hours.csv", "E01000001,100", "E01000001,-100")
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "CI"}}
    env |= {"TERM": "xterm-256color", **({"NO_COLOR": "1"} if no_color else {})}
    parent, child = pty.openpty()
    done = subprocess.run(
        [*LOTTING, "check", str(folder)], stdout=subprocess.PIPE, stderr=child, env=env, check=False
    )
    os.close(child)
    said = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:  # all has been read
            break
        said += piece
        if not piece:
            break
    os.close(parent)
    assert done.returncode == 2
    assert b"below the least allowed" in said
    assert bool(COLOUR.search(said.decode())) is not no_color


def test_version_and_help() -> None:
    """Both on stdout, exit 0; every command of the issue is listed."""
    assert run("--version").out.strip() == f"lotting {version('lotting')}"
    text = run("--help").out
    assert all(f" {name} " in text for name in ("new", "check", "design", "compare", "map", "demo"))
    assert run().code == 2


# ---- a new project --------------------------------------------------------------------------------


def test_new_check_compare_on_the_sample(tmp_path: Path) -> None:
    """``new`` makes files that ``check`` accepts and accounts for to the published hour."""
    folder = tmp_path / "Cyngor Sir – dogfennau"
    ran = run("new", folder, "--county", "herefordshire")
    assert ran.code == 0
    assert str(folder / "brief.toml") in ran.out.splitlines()
    checked = json.loads(run("check", folder, "--json").out)
    whole = [r for r in checked["reconciliation"] if r["reason"] == "placed"]
    assert whole[-1]["hours"] == pytest.approx(9199 + 2330)
    again = run("new", folder)
    assert again.code == 2
    assert "nothing is written over" in again.said
    today = folder / "today.csv"
    assert run("compare", "-q", folder, today, today).code == 0


def test_a_brief_may_be_named_by_its_file(council: Path) -> None:
    """The folder or the brief itself, from any folder."""
    assert run("check", "-q", council / "brief.toml").out == run("check", "-q", council).out


# ---- Ctrl-C ----------------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """144 areas in 6 lots: proofs and options take far longer than the first plans."""
    folder = tmp_path_factory.mktemp("large") / "council"
    folder.mkdir()
    areas = grid(12, 12)
    areas.to_file(folder / "areas.gpkg", layer="lsoa")
    hours = np.random.default_rng(1).uniform(5, 60, len(areas)).round(1)
    write_csv(folder / "hours.csv", pd.DataFrame({"area_code": areas["LSOA21CD"], "weekly_hours": hours}))
    (folder / "brief.toml").write_text(
        '[areas]\nfile = "areas.gpkg"\n[demand]\nhours = "hours.csv"\n'
        "[lots]\nnumber = 6\ntolerance_pct = 3\n[run]\ntime_limit_s = 40\noptions = 4\n"
    )
    return folder


def interrupt_at(folder: Path, words: str) -> tuple[int, str, str]:
    """Run a design, press Ctrl-C when it says so, and wait for the end.

    A shell calls it 130 as well when Python ends itself by the signal, as it does where Ctrl-C comes
    while a module is read in.
    """
    started = subprocess.Popen(
        [*LOTTING, "design", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert started.stderr is not None
    said = ""
    while words not in said and (line := started.stderr.readline()):
        said += line
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=300)
    code = started.returncode
    return 128 - code if code < 0 else code, out, said + err


@posix
def test_ctrl_c_gives_the_best_plan_so_far(large: Path) -> None:
    """Exit 0, a whole plan, and result.json says that the run was cut short."""
    code, out, err = interrupt_at(large, "Proving")
    assert code == 0, err
    assert "Stopping with the best lots so far" in err
    assert "Cut short (interrupted)" in out
    data = json.loads((large / "out" / "result.json").read_text())
    assert data["stopped_by"] == "interrupted"
    assert data["reproducible"] is False
    assert data["violations"] == []
    plan = pd.read_csv(large / "out" / "plan.csv")
    assert (len(plan), plan["lot"].nunique()) == (144, 6)
    assert not list(large.rglob(".writing-*"))


@posix
def test_a_killed_run_leaves_its_best_plan(tmp_path: Path, large: Path) -> None:
    """Killed outright, with no chance to tidy up: a whole plan is in ``plan-so-far.csv``."""
    out = tmp_path / "out"
    started = subprocess.Popen(
        [*LOTTING, "design", str(large), "--out", str(out)], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert started.stderr is not None
    while "Bounding" not in started.stderr.readline():
        assert started.poll() is None
    started.kill()
    started.wait(timeout=60)
    started.stderr.close()
    plan = pd.read_csv(out / "plan-so-far.csv")
    assert (len(plan), plan["lot"].nunique()) == (144, 6)
    drawn = run("map", "-q", out / "plan-so-far.csv", "--brief", large, "--out", tmp_path / "map")
    assert drawn.code == 0, drawn.said


@posix
def test_ctrl_c_before_any_plan_writes_nothing(tmp_path: Path) -> None:
    """Exit 130 while the files are being read."""
    folder = make(tmp_path / "council")
    before = listing(folder)
    code, out, err = interrupt_at(folder, "Reading the boundaries")
    assert code == 130, err
    assert out == ""
    assert "Nothing was written" in err
    assert "Traceback" not in err
    assert listing(folder) == before


@posix
def test_ctrl_c_while_writing_keeps_the_earlier_results(council: Path, tmp_path: Path) -> None:
    """Exit 130; the results of the earlier run are whole."""
    folder = Path(shutil.copytree(council, tmp_path / "council"))
    add_to_brief(folder, "options = 3\n")
    before = listing(folder)
    code, _, err = interrupt_at(folder, "Drawing the maps")
    assert code == 130, err
    assert "Nothing was written" in err
    assert listing(folder) == before
