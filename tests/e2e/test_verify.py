"""``lotting verify``: says that results hold, and notices when they were changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from .small import CODES, HOURS, add_to_brief, edit, hours_table, listing, make, run, write_csv


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A council that has been designed once."""
    folder = make(tmp_path_factory.mktemp("verify") / "council")
    ran = run("design", "-q", folder)
    assert ran.code == 0, ran.said
    return folder


@pytest.fixture
def council(designed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(designed, tmp_path / "council"))


def certificate_of(folder: Path) -> tuple[Path, dict]:
    path = folder / "out" / "audit" / "certificate.json"
    return path, json.loads(path.read_text(encoding="utf-8"))


def save(path: Path, certificate: dict) -> None:
    path.write_text(json.dumps(certificate), encoding="utf-8")


def move_over_the_border(folder: Path) -> None:
    """Put one square into the lot to its right, within its half of the map."""
    path = folder / "out" / "plan.csv"
    plan = pd.read_csv(path, dtype=str)
    lots = dict(zip(plan["area_code"], plan["lot"], strict=True))
    for i, code in enumerate(CODES):
        above = CODES[i + 6] if i + 6 < len(CODES) else None
        if above and lots[code] != lots[above] and list(lots.values()).count(lots[code]) > 1:
            lots[code] = lots[above]
            write_csv(path, pd.DataFrame({"area_code": lots.keys(), "lot": lots.values()}))
            return
    raise AssertionError("no border")


def test_a_design_is_verified(designed: Path) -> None:
    """Exit 0, a row a place, a verdict; nothing is written; lines fit 80 columns."""
    before = listing(designed)
    ran = run("verify", designed)
    assert ran.code == 0, ran.said
    assert "The plan keeps the brief, and its certificate holds." in ran.said
    assert "WRONG" not in ran.said
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("East", "West"))] == ["East", "West"]
    assert all(len(line) <= 80 for line in lines)
    assert listing(designed) == before


def test_the_cost_is_worked_out_by_hand(designed: Path) -> None:
    """Squares of 2 km: the cost of each place is that of its best centres, from the plan file alone."""
    data = json.loads(run("verify", "--json", designed).out)
    plan = pd.read_csv(designed / "out" / "plan.csv", dtype=str).set_index("area_code")["lot"]
    at = {c: (2 * (i % 6), 2 * (i // 6)) for i, c in enumerate(CODES)}
    cost = {"West": 0.0, "East": 0.0}
    for _, lot in plan.groupby(plan):
        place = "West" if at[lot.index[0]][0] < 6 else "East"
        cost[place] += min(
            sum(HOURS[i] * ((at[i][0] - at[j][0]) ** 2 + (at[i][1] - at[j][1]) ** 2) for i in lot.index)
            for j in lot.index
        )
    assert [s["service"] for s in data] == ["all"]
    assert data[0]["holds"] is True
    assert data[0]["violations"] == []
    assert {p["place"]: p["objective"] for p in data[0]["places"]} == pytest.approx(cost)
    for place in data[0]["places"]:
        assert place["holds"] is True
        assert 0 < place["safe_bound"] <= place["objective"] * (1 + 1e-9)
        assert 0 < place["claimed_bound"] <= place["objective"] * (1 + 1e-9)


def test_an_area_moved_by_hand_is_noticed(council: Path) -> None:
    """Exit 1: the cost, or a rule of the brief, is no longer what it was."""
    move_over_the_border(council)
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said or "breaks a rule" in ran.said
    assert "This does not hold." in ran.said
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    data = json.loads(run("verify", "--json", council).out)
    assert data[0]["holds"] is False


def test_a_plan_that_breaks_a_rule_is_noticed(council: Path) -> None:
    """Exit 1 and the rule: four lots with far too many hours in one of them."""
    path = council / "out" / "plan.csv"
    plan = pd.read_csv(path, dtype=str)
    lots = sorted(plan["lot"].unique())
    plan["lot"] = [lots[i] if i < 3 else lots[3] for i in range(len(plan))]
    write_csv(path, plan)
    ran = run("verify", council)
    assert ran.code == 1
    assert "The plan breaks a rule:" in ran.said
    assert all(len(line) <= 80 for line in ran.out.splitlines())


@pytest.mark.parametrize("factor", [1.01, 1.5])
def test_a_bound_that_was_raised_is_noticed(council: Path, factor: float) -> None:
    """Exit 1 and the word WRONG, in the place's own lines."""
    path, certificate = certificate_of(council)
    place = certificate["places"][0]
    certificate["bound"] += (factor - 1) * place["bound"]
    place["bound"] *= factor
    save(path, certificate)
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_hours_that_changed_are_noticed(council: Path) -> None:
    """Exit 1: the results are of other hours than the files are now."""
    edit(council / "hours.csv", "E01000001,100", "E01000001,140")
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said


def test_a_brief_that_changed_is_noticed(council: Path) -> None:
    """Wider limits allow cheaper plans: the bound was proven for the narrow ones."""
    edit(council / "brief.toml", "max_hours = 1700", "max_hours = 2200")
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said


def test_areas_counted_as_one_without_a_lock_are_noticed(council: Path) -> None:
    """Whole lots as units would prove any plan to be the best: only the brief's locks make units."""
    path, certificate = certificate_of(council)
    plan = pd.read_csv(council / "out" / "plan.csv", dtype=str).set_index("area_code")["lot"]
    for place in certificate["places"]:
        codes = [c for unit in place["units"] for c in unit]
        lots = plan[codes].groupby(plan[codes]).groups
        place["units"] = [list(members) for members in lots.values()]
        place |= {"multipliers": [], "bound": 0.0}
    certificate["bound"] = 0.0
    save(path, certificate)
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said


def test_areas_locked_together_are_one(council: Path) -> None:
    """Exit 0 with locks in the brief: units of the certificate are those of the locks."""
    brief = council / "brief.toml"
    brief.write_text(
        brief.read_text(encoding="utf-8")
        + '\n[locks]\ntogether = [["E01000001", "E01000002"]]\nlot = { E01000005 = "A", E01000006 = "A" }\n',
        encoding="utf-8",
    )
    assert run("design", "-q", council).code == 0
    _, certificate = certificate_of(council)
    assert sorted(len(u) for p in certificate["places"] for u in p["units"])[-2:] == [2, 2]
    ran = run("verify", council)
    assert ran.code == 0, ran.said


def test_each_service_line_is_verified(tmp_path: Path) -> None:
    """Exit 0 for two lines with lots and aims of their own; exit 1 when one of them is changed."""
    folder = make(tmp_path / "council")
    table = hours_table()
    both = pd.concat([
        table.assign(service="O"),
        table.assign(service="D", weekly_hours=[str(float(h) / 4) for h in table["weekly_hours"]]),
    ])
    write_csv(folder / "hours.csv", both)
    add_to_brief(
        folder, '\n[[service]]\nname = "O"\n\n[[service]]\nname = "D"\n'
        'lots = { number = 2, minimise = "equality" }\n',
    )
    assert run("design", "-q", folder).code == 0
    ran = run("verify", folder)
    assert ran.code == 0, ran.said
    assert "Service O" in ran.out
    assert "Service D" in ran.out
    path = folder / "out" / "D" / "audit" / "certificate.json"
    certificate = json.loads(path.read_text(encoding="utf-8"))
    certificate["objective"] += 1.0
    save(path, certificate)
    data = run("verify", "--json", folder)
    assert data.code == 1
    assert [(s["service"], s["holds"]) for s in json.loads(data.out)] == [("O", True), ("D", False)]


def test_a_number_chosen_from_a_range_is_verified(council: Path) -> None:
    """Exit 0: the brief left the number open, the certificate says which it came to."""
    edit(council / "brief.toml", "number = 4", "number = [3, 5]")
    assert run("design", "-q", council).code == 0
    ran = run("verify", council)
    assert ran.code == 0, ran.said


@pytest.mark.parametrize("lots", [0, 1, 3, 40])
def test_a_number_of_lots_that_was_changed_is_noticed(council: Path, lots: int) -> None:
    """Exit 1, whether so many could be or not."""
    path, certificate = certificate_of(council)
    certificate["places"][0]["lots"] = lots
    save(path, certificate)
    ran = run("verify", council)
    assert ran.code == 1
    assert "WRONG" in ran.said


@pytest.mark.parametrize(("name", "words"), [
    ("plan.csv", "plan.csv"), ("audit/certificate.json", "certificate.json"),
])
def test_what_is_missing_is_named(council: Path, name: str, words: str) -> None:
    """Exit 2, the file, and what to do; nothing on stdout."""
    (council / "out" / name).unlink()
    ran = run("verify", council)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.said


def test_before_any_design_there_is_nothing_to_verify(tmp_path: Path) -> None:
    """Exit 2 and a plain message."""
    ran = run("verify", make(tmp_path / "council"))
    assert ran.code == 2
    assert "plan.csv" in ran.err
    assert "Traceback" not in ran.said


def test_a_certificate_cut_off_is_refused(council: Path) -> None:
    """Exit 2: half of a file is no certificate."""
    path, _ = certificate_of(council)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:len(text) // 2], encoding="utf-8")
    ran = run("verify", council)
    assert ran.code == 2
    assert "this is not a certificate" in ran.said
    assert "certificate.json" in ran.said


def test_results_in_another_folder_are_found(designed: Path, tmp_path: Path) -> None:
    """--out names the folder of the results, as for design."""
    moved = Path(shutil.copytree(designed / "out", tmp_path / "elsewhere"))
    assert run("verify", designed, "--out", moved).code == 0
    assert run("verify", designed, "--out", tmp_path / "nowhere").code == 2
