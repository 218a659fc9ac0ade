"""What comes out: measures and files that hang together, written all or none, and telling nothing."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from e2e.small import (
    CODES,
    HOURS,
    add_to_brief,
    edit,
    listing,
    locality,
    make,
    packages_table,
    postcode,
    write_csv,
)

from lotting import results as results_module
from lotting.design.solve import Progress
from lotting.errors import InputError
from lotting.plan import Plan
from lotting.project import Project, load_project
from lotting.results import (
    Result,
    check_out,
    describe,
    options_table,
    proof_in_words,
    redraw,
    remove_earlier,
    write_results,
)
from lotting.run import design_all

HALVES = Plan({c: "W" if locality(c) == "West" else "E" for c in CODES})


def designed(folder: Path) -> tuple[Project, Result]:
    project = load_project(folder)
    return project, design_all(project, project.brief.run)[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    folder = make(tmp_path_factory.mktemp("results") / "council")
    add_to_brief(folder, 'options = 3\n[today]\nplan = "today.csv"\n')
    write_csv(
        folder / "today.csv", pd.DataFrame({"area_code": CODES, "lot": [HALVES.lots[c] for c in CODES]})
    )
    return designed(folder)


# ---- measures -------------------------------------------------------------------------------------


def test_describe_measures_any_plan(small: tuple[Project, Result]) -> None:
    """Hours of each lot by hand; two lots break the number and the most hours."""
    outcome = describe(small[0], "all", HALVES)
    west = sum(h for c, h in HOURS.items() if locality(c) == "West")
    assert outcome.table["weekly_hours"].to_dict() == {"E": 5160 - west, "W": west}
    assert {v.rule for v in outcome.violations} == {"number", "max_hours"}
    assert outcome.facts["moved_hours"] == 0


def test_the_target_is_the_localitys_mean_or_the_briefs(tmp_path: Path) -> None:
    folder = make(tmp_path / "council")
    assert set(describe(load_project(folder), "all", HALVES).table["target_hours"]) == {2400.0, 2760.0}
    edit(folder / "brief.toml", "number = 4", "number = 4\ntarget_hours = 1290")
    assert set(describe(load_project(folder), "all", HALVES).table["target_hours"]) == {1290.0}


def test_options_are_set_side_by_side(small: tuple[Project, Result]) -> None:
    """How far apart two options are is the same from either side, and nothing from itself."""
    table = options_table(small[1])
    assert table["option"].to_list() == [1, 2, 3]
    apart = table[[c for c in table.columns if c.startswith("apart_from_")]].to_numpy()
    assert (apart.diagonal() == 0).all()
    assert apart == pytest.approx(apart.T)
    assert table["objective"].min() == table["objective"].iloc[0] == small[1].design.objective


def test_the_proof_is_never_rounded_down(small: tuple[Project, Result]) -> None:
    """A gap of 1.01 % is announced as 1.1 %."""
    from dataclasses import replace

    from lotting.design.solve import Status

    design = replace(small[1].design, status=Status.FEASIBLE, gap=0.0101)
    assert proof_in_words(design) == "no plan within these rules is more than 1.1 % better"
    assert "1.0 %" in proof_in_words(replace(design, gap=0.01))
    assert proof_in_words(replace(design, gap=None)) == ""


# ---- files ----------------------------------------------------------------------------------------


@pytest.fixture
def no_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing and filling in tables take most of the time, and are tested elsewhere."""

    def write(_: object, path: Path) -> None:
        path.write_text("a table")

    def draw(*arguments: Any, **_: Any) -> None:
        folder = arguments[4]
        for name in ("map.html", "map.png"):
            (folder / name).write_text("a map")

    monkeypatch.setattr(results_module, "draw_maps", draw)
    for name in ("geopackage.write_geopackage", "workbook.write_workbook", "tradeoff.write_tradeoff"):
        monkeypatch.setattr(f"lotting.report.{name}", write)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    def fail_with(error: BaseException) -> None:
        def draw(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(results_module, "draw_maps", draw)

    return fail_with


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied", "map.png"), "map.png: cannot be written: .*Close it"),
        (OSError(28, "No space left on device"), "No space left on device. Choose another folder"),
    ],
)
def test_a_failure_leaves_no_folder(
    error: OSError,
    says: str,
    small: tuple[Project, Result],
    failing: Callable[[BaseException], None],
    tmp_path: Path,
) -> None:
    """Half way through, nothing stays: no file, no folder that was not there, no .writing-*."""
    failing(error)
    with pytest.raises(InputError, match=says):
        write_results(*small, tmp_path / "a" / "b" / "out")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_drawing_leaves_the_earlier_files(
    small: tuple[Project, Result], no_maps: None, failing: Callable[[BaseException], None], tmp_path: Path
) -> None:
    write_results(*small, tmp_path / "out")
    before = listing(tmp_path)
    assert len(before) == 1 + len(results_module.OUTPUTS) + 1 + 1 + 3 * 4
    failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_results(*small, tmp_path / "out")
    assert listing(tmp_path) == before


def test_what_is_returned_is_what_is_written(
    small: tuple[Project, Result], no_maps: None, tmp_path: Path
) -> None:
    data = write_results(*small, tmp_path)
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == data
    assert data["files"] == sorted(p for p in listing(tmp_path) if (tmp_path / p).is_file())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"files": [["a"]]}', "\x00\xff"])
def test_a_broken_result_json_is_written_over(
    text: str, small: tuple[Project, Result], no_maps: None, tmp_path: Path
) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    assert write_results(*small, tmp_path)["status"] == "optimal"


def test_out_is_checked_before_the_search(small: tuple[Project, Result], tmp_path: Path) -> None:
    project = small[0]
    check_out(project, tmp_path / "new" / "folder")
    check_out(project, tmp_path)
    (tmp_path / "file").write_text("x")
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="a file of this name"):
            check_out(project, bad)


def test_no_input_is_written_over(tmp_path: Path) -> None:
    """Neither today's plan in out/, nor a plan.csv in the folder itself, by whatever road."""
    folder = make(tmp_path / "council")
    add_to_brief(folder, '\n[today]\nplan = "plan.csv"\n')
    HALVES.to_csv(folder / "plan.csv")
    project = load_project(folder)
    check_out(project, folder / "out")
    for bad in (folder, folder / "out" / "..", tmp_path / "council"):
        with pytest.raises(InputError, match="the results would take its place"):
            check_out(project, bad)


def test_only_what_a_run_wrote_is_tidied(
    small: tuple[Project, Result], no_maps: None, tmp_path: Path
) -> None:
    """Old services go; folders with other results, and the user's files, stay."""
    out = tmp_path / "out"
    for place in (out, out / "all", out / "copy"):
        write_results(*small, place)
    (out / "all" / "mine.txt").write_text("mine")
    remove_earlier(out, ["O", "D"])
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == {
        "all/mine.txt",
        *(f"copy/{name}" for name in listing(out / "copy") if (out / "copy" / name).is_file()),
    }
    write_results(*small, out)
    before = listing(out)
    remove_earlier(out, ["all"])
    assert listing(out) == before


def test_maps_are_drawn_again_where_they_are_wanted(small: tuple[Project, Result], tmp_path: Path) -> None:
    outcome = describe(small[0], "all", HALVES)
    written = redraw(small[0], outcome, tmp_path / "new" / "maps")
    assert [p.name for p in written] == ["map.html", "map.png"]
    assert "breaks" in (tmp_path / "new" / "maps" / "map.html").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        redraw(small[0], outcome, tmp_path / "file")


# ---- nothing that tells on a few people ------------------------------------------------------------


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """``result.json`` where one lot of the West holds 3 people with 37.5 hours each, and one of the East 2.

    In both localities the other lot is well filled.
    """
    folder = make(tmp_path_factory.mktemp("few") / "council", packages=True)
    rows = packages_table()
    rows["person_id"] = [f"p{i}" for i in range(len(rows))]
    lonely = {CODES[0]: 3, CODES[5]: 2}
    far_west, far_east = CODES[0], CODES[5]
    kept = []
    for code in CODES:
        mine = rows[rows["postcode"] == postcode(code)]
        i = CODES.index(code)
        near = {far_west, CODES[1], CODES[6], CODES[7]} | {far_east, CODES[4], CODES[11], CODES[10]}
        if code in lonely:
            kept.append(mine.iloc[: lonely[code]].assign(weekly_hours="37.5"))
        elif code not in near or i >= 12:
            kept.append(mine)
    write_csv(folder / "packages.csv", pd.concat(kept))
    text = (folder / "brief.toml").read_text().replace("min_hours = 900\nmax_hours = 1700\n", "")
    named = {far_west: "Wfew", far_east: "Efew", CODES[14]: "Wmany", CODES[15]: "Emany"}
    locks = "\n[locks]\nlot = { " + ", ".join(f'{c} = "{lot}"' for c, lot in named.items()) + " }\n"
    apart = [[a, b] for a in (far_west, far_east) for b in CODES if HALF[a] == HALF[b] and b not in FEW[a]]
    (folder / "brief.toml").write_text(text + locks + f"apart = {json.dumps(apart)}\n")
    project, result = designed(folder)
    out = folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results_module, "draw_maps", lambda *a, **_: None)
        return write_results(project, result, out)


HALF = {c: locality(c) for c in CODES}
FEW = {
    CODES[0]: {CODES[0], CODES[1], CODES[6], CODES[7]},
    CODES[5]: {CODES[5], CODES[4], CODES[11], CODES[10]},
}


def test_a_withheld_lot_does_not_follow_from_its_place(few: dict[str, Any]) -> None:
    """Hours of a locality, less those of the lots that are shown, would be the withheld lot's."""
    lots = {row["lot"]: row for row in few["lots"]}
    assert lots["Wfew"]["people"] == lots["Wfew"]["weekly_hours"] == "[c]"
    for place in few["cost_per_locality"]:
        withheld = [
            r for r in few["lots"] if r["locality"] == place["locality"] and r["weekly_hours"] == "[c]"
        ]
        if withheld:
            for key in ("weekly_hours", "target_hours", "objective", "hess_cost", "bound"):
                assert place[key] == "[c]", (place["place"], key)
            for row in few["lots"]:
                if row["locality"] == place["locality"]:
                    assert row["target_hours"] == row["deviation_hours"] == row["deviation_pct"] == "[c]"


def test_no_number_of_the_results_is_the_hours_of_a_few(few: dict[str, Any]) -> None:
    """112.5 (3 people) and 75 (2 people) stand nowhere, and no difference of two figures gives them."""
    numbers: set[float] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for key, v in value.items():
                if key not in {"versions", "timings", "inputs_sha256", "reconciliation"}:
                    collect(v)
        elif isinstance(value, list):
            for v in value:
                collect(v)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            numbers.add(round(float(value), 6))

    collect({k: few[k] for k in ("lots", "measures", "cost_per_locality")})
    hours = {n for n in numbers if n > 20}
    for secret in (112.5, 75.0):
        assert secret not in numbers
        assert not [(a, b) for a in hours for b in hours if abs(a - b - secret) < 1e-6]


# ---- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.fixture
def sigint() -> Iterator[Any]:
    before = signal.getsignal(signal.SIGINT)
    yield before
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_stops_the_search_only(tmp_path: Path, sigint: Any) -> None:
    """Wherever it comes, also outside the waiting; the handler is as it was afterwards."""
    project = load_project(make(tmp_path / "council"))
    stages: list[str] = []

    def progress(_: str, told: Progress) -> None:
        stages.append(told.stage)
        if told.stage == "Proving" and stages.count("Proving") == 1:
            signal.raise_signal(signal.SIGINT)

    run = project.brief.run.model_copy(update={"options": 5})
    (result,) = design_all(project, run, progress)
    assert result.design.stopped_by == "interrupted"
    assert not result.design.reproducible
    assert result.outcome.violations == ()
    assert signal.getsignal(signal.SIGINT) == sigint


def test_a_second_ctrl_c_ends_the_run(tmp_path: Path, sigint: Any) -> None:
    project = load_project(make(tmp_path / "council"))

    def progress(_: str, told: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        design_all(project, project.brief.run, progress)
    assert signal.getsignal(signal.SIGINT) == sigint


def test_the_solvers_leave_ctrl_c_alone(small: tuple[Project, Result], tmp_path: Path) -> None:
    """CP-SAT takes SIGINT for itself unless told not to, and then leaves it deadly."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("reads the signal mask of Linux")

    def caught() -> bool:
        line = next(text for text in status.read_text().splitlines() if text.startswith("SigCgt"))
        return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)

    assert caught()
    write_results(*small, tmp_path)
    assert caught()
    for source in (Path(results_module.__file__).parent).rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        assert text.count("CpSolver()") == text.count("catch_sigint_signal = False"), source


def test_a_design_runs_off_the_main_thread(tmp_path: Path) -> None:
    """Signals can only be caught in the main thread; elsewhere the design runs all the same."""
    project = load_project(make(tmp_path / "council"))
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.extend(design_all(project, project.brief.run)))
    thread.start()
    thread.join()
    assert found[0].design.status == "optimal"
