"""A project: everything a brief names, read together, and every problem said at once."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
from e2e.small import CODES, HOURS, add_to_brief, edit, grid, hours_table, locality, make, write_csv

from lotting.errors import InputError
from lotting.project import NO_ZONE, Project, load_project, read_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "council")


def said(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_project(folder)
    return [str(p) for p in caught.value.problems]


def test_what_is_read_fits_together(folder: Path) -> None:
    """Areas, graph and demand are of the same areas in the same order; hours are the file's."""
    project = load_project(folder)
    assert list(project.areas.index) == list(project.graph.nodes) == CODES
    frame = project.demand(None).frame
    assert frame["weekly_hours"].to_dict() == HOURS
    assert project.areas["locality"].to_dict() == {c: locality(c) for c in CODES}
    assert (len(project.pieces), len(project.repairs), project.today, project.market) == (1, 0, None, None)
    assert project.warnings == ()


def test_the_stages_are_told(folder: Path) -> None:
    told: list[str] = []
    load_project(folder, told.append)
    assert told == ["Reading the boundaries", "Finding the neighbours", "Reading the demand"]


def test_todays_zones_are_fitted_to_the_map(folder: Path) -> None:
    """Areas without a zone are in NO_ZONE, zones of areas elsewhere are left out; both are said."""
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\ncolumn = "zone"\n')
    table = pd.DataFrame({"area_code": [*CODES[:-2], "E09999999"], "zone": "A"})
    write_csv(folder / "today.csv", table)
    project = load_project(folder)
    assert project.today is not None
    assert project.today.areas_of(NO_ZONE) == CODES[-2:]
    assert project.today.areas_of("A") == CODES[:-2]
    texts = [str(w) for w in project.warnings]
    assert len(texts) == 2
    assert "today.csv, column area_code: 1 areas of today's zones are not on the map: E09999999" in texts[0]
    assert "2 of 24 areas have no zone today: E01000023, E01000024" in texts[1]


def test_a_map_in_two_pieces_names_the_bridge(folder: Path) -> None:
    areas = grid()
    far = areas["LSOA21CD"] == CODES[-1]
    areas.loc[far, "geometry"] = areas.loc[far, "geometry"].translate(500, 500)
    (folder / "areas.gpkg").unlink()
    areas.to_file(folder / "areas.gpkg")
    project = load_project(folder)
    assert [len(p.areas) for p in project.pieces] == [23, 1]
    (warning,) = project.warnings
    assert "1 area cut off from the rest: E01000024. Nearest: E01000024 to" in str(warning)
    assert "500 m" in str(warning)
    edit(folder / "brief.toml", "[demand]", 'bridges = [["E01000024", "E01000018"]]\n[demand]')
    assert len(load_project(folder).pieces) == 1


# ---- problems ------------------------------------------------------------------------------------


def test_without_a_map_the_rows_are_checked_all_the_same(folder: Path) -> None:
    """Broken boundaries do not hide broken hours and zones; nothing is said of unknown codes then."""
    (folder / "areas.gpkg").write_bytes(b"not a map")
    edit(folder / "hours.csv", "E01000003,120", "E01000003,many")
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\n')
    (folder / "today.csv").write_text("area_code,lot\nE01000001,\n")
    texts = said(folder)
    assert [t.split(":")[0].split(",")[0] for t in texts] == ["areas.gpkg", "today.csv", "hours.csv"]
    assert "row 4" in texts[2]


def test_without_a_map_packages_are_checked_all_the_same(tmp_path: Path) -> None:
    folder = make(tmp_path / "council", packages=True)
    (folder / "areas.gpkg").write_bytes(b"not a map")
    edit(folder / "packages.csv", ",2026-01-05,", ",someday,")
    texts = said(folder)
    assert [t.split(",")[0].split(":")[0] for t in texts] == ["areas.gpkg", "packages.csv"]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("number = 24", None),
        ("number = 25", "25 lots are more than the 24 areas"),
        ("number = 2", None),
        ("number = 1", "too few for 2 localities"),
        ("number = [2, 24]", None),
        ("number = [2, 25]", "25 lots are more than the 24 areas"),
        ("number = [1, 24]", "too few for 2 localities"),
        ("per_locality = { West = 12, East = 1 }", None),
        ("per_locality = { West = 13, East = 1 }", "West has 12 areas, too few for 13 lots"),
        ("per_locality = { West = 1 }", "localities have no number of lots: East"),
    ],
)
def test_lots_that_the_map_cannot_have(number: str, says: str | None, folder: Path) -> None:
    """Said with everything else, whatever the hours; the last number that can be passes."""
    edit(folder / "brief.toml", "number = 4", number)
    if says is None:
        load_project(folder)
        return
    edit(folder / "hours.csv", "E01000003,120", "E01000003,many")
    texts = said(folder)
    assert len(texts) == 2
    assert says in texts[1]


def test_two_services_with_one_mistake_say_it_once(folder: Path) -> None:
    write_csv(folder / "hours.csv", hours_table().assign(service="O"))
    edit(folder / "brief.toml", "number = 4", "number = 25")
    add_to_brief(folder, '\n[[service]]\nname = "O"\n[[service]]\nname = "D"\n')
    assert len(said(folder)) == 1


def test_a_mix_needs_to_know_what_is_rural(folder: Path) -> None:
    """Otherwise every plan would be the best, and nobody would know why."""
    edit(folder / "brief.toml", "number = 4", "number = 4\nweights = { mix = 1 }")
    (text,) = said(folder)
    assert "[lots] weights: a mix of town and country is asked for" in text
    table = pd.read_csv(folder / "lookup.csv").assign(rural=[i % 2 for i in range(24)])
    write_csv(folder / "lookup.csv", table)
    edit(folder / "brief.toml", "[demand]", 'rural = "rural"\n[demand]')
    load_project(folder)


def test_services_are_found_by_name(folder: Path) -> None:
    project = load_project(folder)
    assert project.demand("all") is project.demand(None)
    with pytest.raises(InputError, match="no such service"):
        project.demand("O")
    write_csv(folder / "hours.csv", hours_table().assign(service=["O", "D"] * 12))
    add_to_brief(folder, '\n[[service]]\nname = "O"\n[[service]]\nname = "D"\n')
    several = load_project(folder)
    assert [d.service for d in several.demands] == ["O", "D"]
    with pytest.raises(InputError, match="Name one of O, D with --service"):
        several.demand(None)


# ---- hashes --------------------------------------------------------------------------------------


def test_every_file_is_hashed(folder: Path) -> None:
    project = load_project(folder)
    expected = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("brief.toml", "areas.gpkg", "lookup.csv", "hours.csv")
    }
    assert project.hashes == expected
    assert [p.name for p in project.inputs] == list(expected)


def test_two_files_of_one_name_have_a_hash_each(folder: Path) -> None:
    (folder / "zones").mkdir()
    table = pd.DataFrame({"area_code": CODES, "lot": "A"})
    write_csv(folder / "zones" / "lookup.csv", table)
    add_to_brief(folder, '\n[today]\nplan = "zones/lookup.csv"\n')
    hashes = load_project(folder).hashes
    assert {"lookup.csv", "zones/lookup.csv"} <= set(hashes)
    assert hashes["lookup.csv"] != hashes["zones/lookup.csv"]


def test_one_file_named_twice_is_one_input(folder: Path) -> None:
    table = pd.read_csv(folder / "lookup.csv").assign(lot="A")
    write_csv(folder / "lookup.csv", table)
    add_to_brief(folder, '\n[today]\nplan = "lookup.csv"\n')
    assert sorted(load_project(folder).hashes) == ["areas.gpkg", "brief.toml", "hours.csv", "lookup.csv"]


def test_the_hash_of_the_table_beside_a_shapefile_counts(folder: Path) -> None:
    """The codes are in the .dbf: when they change, the input has changed."""
    grid().to_file(folder / "areas.shp")
    edit(folder / "brief.toml", "areas.gpkg", "areas.shp")
    before = load_project(folder).hashes
    assert {"areas.shp", "areas.dbf", "areas.shx", "areas.prj"} <= set(before)
    areas = grid()
    areas["LSOA21NM"] = "another name"
    areas.to_file(folder / "areas.shp")
    after = load_project(folder).hashes
    assert after["areas.shp"] == before["areas.shp"]
    assert after["areas.dbf"] != before["areas.dbf"]


# ---- plans ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(make(tmp_path_factory.mktemp("plans") / "council"))


def test_a_plan_file_in_any_order(project: Project, tmp_path: Path) -> None:
    """The plan is in the map's order; other columns of the file do not matter."""
    table = pd.DataFrame({"note": "x", "lot": [str(i % 3) for i in range(24)], "area_code": CODES})
    write_csv(tmp_path / "plan.csv", table.iloc[::-1])
    plan = read_plan(tmp_path / "plan.csv", project)
    assert plan.lots.to_dict() == dict(zip(CODES, table["lot"], strict=True))
    assert list(plan.lots.index) == CODES


def test_a_plan_with_areas_lost_and_strange_says_both(project: Project, tmp_path: Path) -> None:
    table = pd.DataFrame({"area_code": [*CODES[1:], "E09999999"], "lot": "1"})
    write_csv(tmp_path / "plan.csv", table)
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.csv", project)
    texts = [str(p) for p in caught.value.problems]
    assert len(texts) == 2
    assert "plan.csv: 1 of 24 areas have no lot: E01000001" in texts[0]
    assert "plan.csv, column area_code: 1 areas are not on the map: E09999999" in texts[1]


def test_the_brief_may_be_moved_with_its_files(folder: Path) -> None:
    """Nothing remembers where it was; hashes are the same."""
    before = load_project(folder).hashes
    shutil.move(folder, folder.parent / "moved")
    assert load_project(folder.parent / "moved" / "brief.toml").hashes == before
