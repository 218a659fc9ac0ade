"""What a run leaves behind: every file, read again by programs that did not write it."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest

from .small import (
    CODES,
    HOURS,
    PACKAGE,
    PERSON,
    POSTCODE,
    Ran,
    add_to_brief,
    edit,
    listing,
    locality,
    make,
    middle,
    packages_table,
    postcode,
    run,
    write_csv,
)

FILES = {
    "plan.csv", "plan.gpkg", "lots.xlsx", "map.html", "map.png", "result.json", "audit/certificate.json",
}
TOP = {name.split("/")[0] for name in FILES}


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A council with packages, zones and two options, designed once."""
    folder = make(tmp_path_factory.mktemp("outputs") / "council", packages=True)
    edit(folder / "brief.toml", "time_limit_s = 20", "time_limit_s = 300")  # no machine is as slow
    zones = {c: f"{locality(c)} {'south' if i < 12 else 'north'}" for i, c in enumerate(CODES)}
    write_csv(folder / "today.csv", pd.DataFrame({"area_code": zones.keys(), "lot": zones.values()}))
    add_to_brief(folder, 'options = 2\n\n[today]\nplan = "today.csv"\n')
    ran = run("design", folder)
    assert ran.code == 0, ran.said
    return folder


@pytest.fixture(scope="module")
def as_json(council: Path) -> Ran:
    """It is designed again, with another seed and in less time, for another program to read."""
    return run(
        "design", council, "--out", council.parent / "other", "--seed", "7", "--time-limit", "2", "--json"
    )


@pytest.fixture(scope="module")
def plan(council: Path) -> pd.Series[str]:
    table = pd.read_csv(council / "out" / "plan.csv", dtype=str)
    assert list(table.columns) == ["area_code", "lot"]
    return table.set_index("area_code")["lot"]


@pytest.fixture(scope="module")
def result(council: Path) -> dict[str, object]:
    return json.loads((council / "out" / "result.json").read_text(encoding="utf-8"))


def test_every_file_is_there_and_listed(council: Path, result: dict[str, object]) -> None:
    """Exactly the files of the issue, the chart of the options, and a plan and a map for each."""
    out = council / "out"
    options = [f"options/{n}/{name}" for n in (1, 2) for name in ("plan.csv", "map.html", "map.png")]
    found = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert len(result["options"]) == 2
    assert found == sorted([*FILES, "tradeoff.png", *options])
    assert result["files"] == found


def test_plan_csv_is_a_partition_within_the_limits(plan: pd.Series[str]) -> None:
    """Each area once; four lots; hours add up to the demand, lot by lot within the brief's limits."""
    assert sorted(plan.index) == CODES
    hours = pd.Series(HOURS).groupby(plan).sum()
    assert len(hours) == 4
    assert hours.sum() == 5160
    assert hours.between(900, 1700).all()
    localities = pd.Series(CODES, index=CODES).map(locality)
    assert len(set(zip(plan.reindex(CODES), localities, strict=True))) == 4  # none is in two localities


def test_geopackage_holds_areas_lots_and_meta(council: Path, plan: pd.Series[str]) -> None:
    """Layers that QGIS opens in colour; the lots are the union of their areas."""
    path = council / "out" / "plan.gpkg"
    layers = {str(name) for name, _ in pyogrio.list_layers(path)}
    assert layers == {"areas", "lots", "meta", "layer_styles"}
    areas, lots = gpd.read_file(path, layer="areas"), gpd.read_file(path, layer="lots")
    assert areas.crs == lots.crs == "EPSG:27700"
    assert areas.set_index("area_code")["lot"].to_dict() == plan.to_dict()
    assert sorted(lots["lot"]) == sorted(plan.unique())
    for _, lot in lots.iterrows():
        assert lot.geometry.geom_type in {"Polygon", "MultiPolygon"}
        assert lot.geometry.area == pytest.approx(4e6 * (plan == lot["lot"]).sum())
    styles = pyogrio.read_dataframe(path, layer="layer_styles")
    assert set(styles["f_table_name"]) >= {"areas", "lots"}
    meta = pyogrio.read_dataframe(path, layer="meta")
    assert len(meta) > 10


def test_workbook_has_a_header_row_in_every_sheet(council: Path, plan: pd.Series[str]) -> None:
    """Cover, lots, areas, reconciliation, notes; no merged cells; hours add up."""
    book = openpyxl.load_workbook(council / "out" / "lots.xlsx")
    names = [name.casefold() for name in book.sheetnames]
    for wanted in ("cover", "lots", "areas", "reconciliation", "notes"):
        assert wanted in names
    for sheet in book.worksheets:
        assert not sheet.merged_cells.ranges
    areas = book[book.sheetnames[names.index("areas")]]
    rows = [row for row in areas.iter_rows(values_only=True) if any(v is not None for v in row)]
    found = {str(row[0]) for row in rows}
    assert set(CODES) <= found
    book.close()


def test_png_is_a4_landscape_at_300_dpi(council: Path) -> None:
    """3508 x 2480 pixels, and the file says 300 dots an inch (11,811 a metre)."""
    data = (council / "out" / "map.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (3508, 2480)
    at = data.index(b"pHYs") + 4
    assert struct.unpack(">II", data[at : at + 8]) == (11811, 11811)


def test_html_loads_nothing_from_elsewhere(council: Path, plan: pd.Series[str]) -> None:
    """No address is fetched, and the table names every lot."""
    text = (council / "out" / "map.html").read_text(encoding="utf-8")
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", text)
    assert "Content-Security-Policy" in text
    assert all(lot in text for lot in plan.unique())


def test_result_json_says_what_a_board_paper_needs(result: dict[str, object]) -> None:
    """Keys of the issue; bound and objective agree; hours read, placed and planned are one sum."""
    for key in (
        "status", "objective", "bound", "gap", "seed", "versions", "inputs_sha256", "cost_per_locality",
        "measures", "lots", "options", "reconciliation", "violations", "timings",
    ):  # fmt: skip
        assert key in result, key
    assert result["status"] == "optimal"
    assert 0 <= result["bound"] <= result["objective"] * (1 + 1e-9)
    assert result["violations"] == []
    assert sum(place["objective"] for place in result["cost_per_locality"]) == pytest.approx(
        result["objective"]
    )
    hours = {row["reason"]: row["hours"] for row in result["reconciliation"]}
    assert hours == {"read": 5160.0, "placed": 5160.0}
    assert sum(lot["weekly_hours"] for lot in result["lots"]) == pytest.approx(5160)
    assert result["measures"]["weekly_hours"] == 5160
    assert set(result["inputs_sha256"]) == {
        "brief.toml", "areas.gpkg", "lookup.csv", "packages.csv", "postcodes.csv", "today.csv",
    }  # fmt: skip


def test_objective_is_hess_cost_by_hand(result: dict[str, object], plan: pd.Series[str]) -> None:
    """Hours x squared kilometres to the best centre of each lot, worked out here."""
    place = np.array([middle(c) for c in CODES]) / 1000
    hours = np.array([HOURS[c] for c in CODES])
    lots = plan.reindex(CODES).to_numpy()
    cost = 0.0
    for lot in set(lots):
        mine = lots == lot
        squared = ((place[mine, None] - place[None, mine]) ** 2).sum(axis=2)
        cost += (hours[mine, None] * squared).sum(axis=0).min()
    assert result["objective"] == pytest.approx(cost)


def test_options_differ_and_none_is_dominated(council: Path) -> None:
    """Each option is a whole plan within the limits, and no two are the same."""
    plans = []
    for n in (1, 2):
        table = pd.read_csv(council / "out" / "options" / str(n) / "plan.csv", dtype=str)
        lots = table.set_index("area_code")["lot"]
        assert pd.Series(HOURS).groupby(lots).sum().between(900, 1700).all()
        plans.append(frozenset(frozenset(codes) for codes in lots.groupby(lots).groups.values()))
    assert len(set(plans)) == 2


# ---- again, and again with something else -------------------------------------------------------


def _without_timings(path: Path) -> dict[str, object]:
    data = json.loads(path.read_text(encoding="utf-8"))
    data.pop("timings")
    return data


def test_the_same_seed_gives_the_same_files(council: Path) -> None:
    """Byte for byte, every file; of result.json all but the timings."""
    again = council.parent / "again"
    ran = run("design", "-q", council, "--out", again)
    assert ran.code == 0, ran.said
    first, second = listing(council / "out"), listing(again)
    assert first.keys() == second.keys()
    assert json.loads((again / "result.json").read_text())["reproducible"]  # the clock did not cut it short
    differ = {name for name in first if first[name] != second[name]}
    assert differ <= {"result.json"}
    assert _without_timings(council / "out" / "result.json") == _without_timings(again / "result.json")


def test_seed_and_time_limit_of_the_command_line_count(council: Path, as_json: Ran) -> None:
    """--seed replaces the brief's, and is what result.json says."""
    other = council.parent / "other"
    assert as_json.code == 0, as_json.said
    assert json.loads(as_json.out)["seed"] == 7
    assert json.loads((other / "result.json").read_text())["seed"] == 7


def test_an_earlier_runs_options_go_and_own_files_stay(council: Path, tmp_path: Path) -> None:
    """A second run leaves nothing of the first, and nothing of the user's is touched.

    Only names that a run writes are ever removed, whatever result.json says.
    """
    folder = Path(shutil.copytree(council, tmp_path / "council"))
    out = folder / "out"
    assert (out / "options" / "2" / "plan.csv").is_file()
    (out / "notes.docx").write_text("mine")
    (out / "options" / "2" / "remark.txt").write_text("mine")
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    forged = ["notes.docx", "../packages.csv", str(folder / "lookup.csv"), "options/../notes.docx", 7, None]
    (out / "result.json").write_text(json.dumps({**result, "files": [*result["files"], *forged]}))
    edit(folder / "brief.toml", "options = 2", "options = 1")
    assert run("design", "-q", folder).code == 0
    assert (folder / "packages.csv").is_file()
    assert (folder / "lookup.csv").is_file()
    left = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert left == FILES | {"notes.docx", "options/2/remark.txt"}


def _services(folder: Path) -> None:
    edit(folder / "brief.toml", "min_hours = 900", "min_hours = 100")
    add_to_brief(
        folder,
        '\n[[service]]\nname = "Complex"\nmin_package_hours = 25\n'
        'lots = { number = 2, minimise = "equality" }\n\n[[service]]\nname = "Standard"\n',
    )


def test_services_have_folders_and_old_ones_are_tidied(council: Path, tmp_path: Path) -> None:
    """One folder a service; what an earlier brief's services left goes, a copy of the user's stays."""
    folder = make(tmp_path / "council", packages=True)
    out = folder / "out"
    for name in FILES:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(council / "out" / name, out / name)
    shutil.copytree(out, out / "as sent to the board")
    _services(folder)
    ran = run("design", folder)
    assert ran.code == 0, ran.said
    assert "Service Complex" in ran.out
    assert {p.name for p in out.iterdir()} == {"Complex", "Standard", "as sent to the board"}
    assert {p.name for p in (out / "as sent to the board").iterdir()} == TOP
    for name in ("Complex", "Standard"):
        assert {p.name for p in (out / name).iterdir()} == TOP
        assert json.loads((out / name / "result.json").read_text())["service"] == name
    both = [pd.read_csv(out / n / "plan.csv") for n in ("Complex", "Standard")]
    assert [b["lot"].nunique() for b in both] == [2, 4]
    one = {row["reason"]: row["hours"] for row in json.loads((out / "Complex" / "result.json").read_text())[
        "reconciliation"] if row["service"] == "Complex"}  # fmt: skip
    assert one["placed"] == sum(h for h in HOURS.values() if h / 10 >= 25)
    ran = run("map", "-q", out / "Complex" / "plan.csv")
    assert ran.code == 0, ran.said
    ran = run("compare", folder, out / "Complex" / "plan.csv", out / "Standard" / "plan.csv", "--json")
    assert set(json.loads(ran.out)) == {"Complex", "Standard"}
    # And back to one service again.
    brief = (folder / "brief.toml").read_text().split("[[service]]")[0]
    (folder / "brief.toml").write_text(brief)
    assert run("design", "-q", folder).code == 0
    assert {p.name for p in out.iterdir()} == TOP | {"as sent to the board"}


# ---- nothing of a person leaves -------------------------------------------------------------------


def everything(folder: Path) -> bytes:
    """Every byte of every file, with what is packed in workbooks unpacked."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts.append(path.read_bytes())
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    parts += [archive.read(name) for name in archive.namelist()]
    return b"\n".join(parts)


def secrets() -> list[str]:
    table = packages_table()
    spellings = {postcode(c) for c in CODES} | {postcode(c).replace(" ", "") for c in CODES}
    return sorted({*table["package_id"], *table["person_id"], *spellings})


def _found(data: bytes) -> list[str]:
    lower = data.lower()
    return [
        s for s in secrets()
        if s.lower().encode() in lower or s.lower().encode("utf-16-le") in lower
    ]  # fmt: skip


def test_no_id_or_postcode_is_in_any_output(council: Path) -> None:
    """Person ids, package ids and postcodes are in no file of out/, packed or not."""
    data = everything(council / "out")
    assert len(data) > 1_000_000
    assert _found(data) == []
    for word in (PERSON, PACKAGE):
        assert word.encode() not in data
    assert _found(everything(council))  # the search itself works: the inputs are full of them


def test_no_id_is_printed_by_any_command(council: Path, as_json: Ran) -> None:
    """Not on stdout, not on stderr, not as JSON."""
    plan = council / "out" / "plan.csv"
    others = (
        ("check", council),
        ("check", council, "--json"),
        ("compare", council, plan, council / "today.csv"),
        ("compare", council, plan, council / "today.csv", "--json"),
        ("map", plan, "--out", council.parent / "printed"),
    )
    for ran in (as_json, *(run(*arguments) for arguments in others)):
        assert ran.code in {0, 1}
        assert _found(ran.said.encode()) == []


def test_awkward_ids_stay_inside(tmp_path: Path) -> None:
    """Ids in unusual places: mapped columns, extra columns, ended and unplaced packages, long numbers."""
    folder = make(tmp_path / "council", packages=True)
    table = packages_table().rename(columns={"person_id": "Client", "package_id": "Ref"})
    table["Client"] = [f"943{i:07d}" for i in range(len(table))]
    table["Ref"] = [f"QQREF-{i}" for i in range(len(table))]
    table["Name"] = [f"Qqname{i} Secret" for i in range(len(table))]
    table["Notes"] = "Key safe 4711, daughter Qqdaughter"
    table.loc[3, "end"] = "2026-02-01"
    table.loc[4, "postcode"] = "ZZ99 9ZZ"
    table.loc[5, "weekly_hours"] = ""
    table = pd.concat([table, table.iloc[[7]]])
    write_csv(folder / "packages.csv", table)
    edit(
        folder / "brief.toml",
        "[lots]",
        '[demand.columns]\nperson_id = "Client"\npackage_id = "Ref"\n\n[lots]',
    )
    ran = run("design", folder)
    assert ran.code == 0, ran.said
    data = everything(folder / "out") + ran.said.encode()
    for secret in ("QQREF", "Qqname", "Qqdaughter", "4711, daughter", "ZZ99 9ZZ", "ZZ999ZZ"):
        assert secret.encode() not in data, secret
    assert not re.search(rb"(?<!\d)943\d{7}(?!\d)", data)
    assert POSTCODE.encode() + b"1 " not in data


def test_counts_of_a_few_packages_are_not_in_the_results(tmp_path: Path) -> None:
    """Warnings that count single packages are for the terminal, not for result.json."""
    folder = make(tmp_path / "council", packages=True)
    table = packages_table()
    table.loc[[3, 4], "weekly_hours"] = ""
    write_csv(folder / "packages.csv", table)
    ran = run("design", folder)
    assert ran.code == 0, ran.said
    assert "no hours (blank or 0) in 2 of 240 packages" in ran.said
    data = json.loads((folder / "out" / "result.json").read_text())
    assert data["warnings"] == []
    row = next(r for r in data["reconciliation"] if r["reason"].endswith("no hours given"))
    assert row["packages"] == "[c]"
