"""A new project: complete, explained, and running at once."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pydantic import BaseModel, ValidationError

from lotting import scaffold
from lotting.brief import (
    AreasBrief,
    Brief,
    DemandBrief,
    LocksBrief,
    LotsBrief,
    MarketBrief,
    PackageColumns,
    PublishBrief,
    RobustBrief,
    RunBrief,
    ServiceBrief,
    TodayBrief,
    TravelBrief,
    VisitColumns,
    VisitsBrief,
    Weights,
    load_brief,
)
from lotting.demand import read_demand
from lotting.embedded import COUNTIES, county_areas, county_hours
from lotting.errors import InputError
from lotting.scaffold import PROJECT_FILES, new_project, todays_zones

both = pytest.mark.parametrize("county", COUNTIES)
TABLES: dict[str, type[BaseModel]] = {
    "areas": AreasBrief, "demand": DemandBrief, "demand.columns": PackageColumns,
    "today": TodayBrief, "lots": LotsBrief, "locks": LocksBrief, "service": ServiceBrief,
    "market": MarketBrief, "travel": TravelBrief, "visits": VisitsBrief,
    "visits.columns": VisitColumns, "run": RunBrief, "robust": RobustBrief,
    "publish": PublishBrief,
}
HEADER = re.compile(r"(?:# )?\[\[?([a-z.]+)\]?\]")
SETTING = re.compile(r"(# )?([a-z_0-9]+) = ")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a fresh project of each county."""
    root = tmp_path_factory.mktemp("projects")
    for county in COUNTIES:
        new_project(root / county, county)
    return {county: root / county for county in COUNTIES}


def settings_of(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Line number, table, key and whether it is switched on, of each setting of a brief."""
    table = ""
    for number, line in enumerate(text.splitlines()):
        if found := HEADER.fullmatch(line):
            table = found[1]
        elif found := SETTING.match(line):
            yield number, table, found[2], found[1] is None


@both
def test_every_setting_is_explained(projects: dict[str, Path], county: str) -> None:
    """The brief has every key of every table, switched on or off, and no other."""
    text = (projects[county] / "brief.toml").read_text(encoding="utf-8")
    seen: dict[str, set[str]] = {}
    for _, table, key, _ in settings_of(text):
        seen.setdefault(table, set()).add(key)
    # A table inside a table has a heading of its own.
    expected = {name: set(model.model_fields) for name, model in TABLES.items()}
    expected["demand"] -= {"columns"}
    expected["visits"] -= {"columns"}
    assert seen == expected
    assert set(Brief.model_fields) == {name for name in TABLES if "." not in name}


@both
def test_every_weight_is_shown(projects: dict[str, Path], county: str) -> None:
    """The example of several aims at once names each aim there is."""
    text = (projects[county] / "brief.toml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("# weights = "))
    assert set(tomllib.loads(line.removeprefix("# "))["weights"]) == set(Weights.model_fields)


@both
def test_every_setting_that_is_off_can_be_switched_on(
    projects: dict[str, Path], county: str
) -> None:
    """Each example that is switched off is right by itself: known key, right kind of value."""
    lines = (projects[county] / "brief.toml").read_text(encoding="utf-8").splitlines()
    off = [(number, table) for number, table, _, on in settings_of("\n".join(lines)) if not on]
    assert len(off) > 30
    for number, table in off:
        on = lines.copy()
        on[number] = on[number].removeprefix("# ")
        header = max(
            i for i in range(number) if (m := HEADER.fullmatch(on[i])) and m[1] == table)
        on[header] = on[header].removeprefix("# ")
        # Two settings may exclude each other, and a table may need another key as well.
        assert _complaints("\n".join(on)) <= {"value_error", "missing"}, on[number]


def _complaints(brief: str) -> set[str]:
    try:
        Brief.model_validate(tomllib.loads(brief))
    except ValidationError as error:
        return {e["type"] for e in error.errors()}
    return set()


@both
def test_the_explanation_of_each_default_is_true(
    projects: dict[str, Path], county: str
) -> None:
    """A setting that is off and has a plain default shows that default, where the text says so."""
    text = (projects[county] / "brief.toml").read_text(encoding="utf-8")
    shown: dict[tuple[str, str], Any] = {
        (table, key): tomllib.loads(text.splitlines()[n].removeprefix("# "))[key]
        for n, table, key, _ in settings_of(text)
    }
    for table, key in (
        ("areas", "tolerance_m"), ("areas", "min_shared_m"), ("demand", "max_package_hours"),
        ("demand", "day_first"), ("today", "column"), ("lots", "across_localities"),
        ("market", "reach_pct"), ("run", "workers"), ("publish", "disclosure_control"),
        ("publish", "threshold"), ("publish", "rounding"),
    ):
        assert shown[table, key] == TABLES[table].model_fields[key].default, (table, key)


@both
def test_brief_loads(projects: dict[str, Path], county: str) -> None:
    """The brief is read without a complaint, and every file it names is there."""
    brief = load_brief(projects[county])
    assert brief.run.seed == 1
    assert brief.run.time_limit_s == 40
    assert brief.run.options == 3


def test_leicestershire_lots_are_the_published_ones(projects: dict[str, Path]) -> None:
    """18 lots in 7 localities, 2,000 to 3,560 hours."""
    lots = load_brief(projects["leicestershire"]).lots
    assert lots is not None
    assert lots.per_locality == {
        "N W Leicestershire": 3, "North Charnwood": 2, "Melton, Rutland & Harborough": 3,
        "Oadby & Wigston": 2, "Hinckley & Bosworth": 3, "Blaby & Lutterworth": 3,
        "South Charnwood": 2,
    }
    assert (lots.min_hours, lots.max_hours) == (2000, 3560)
    areas = county_areas("leicestershire")
    hours = county_hours("leicestershire").groupby("area_code")["weekly_hours"].sum()
    by_locality = hours.groupby(areas["locality"]).sum()
    for locality, number in lots.per_locality.items():
        assert 2000 * number <= by_locality[locality] <= 3560 * number


def test_herefordshire_services_are_the_published_ones(projects: dict[str, Path]) -> None:
    """D in 2 lots by hours or pathway, O in 5; no localities."""
    brief = load_brief(projects["herefordshire"])
    assert brief.areas.locality is None
    (d, d_lots), (o, o_lots) = brief.services()
    assert (d, d_lots.number, d_lots.min_hours, d_lots.max_hours) == ("D", 2, 975, 1355)
    assert (o, o_lots.number, o_lots.min_hours, o_lots.max_hours) == ("O", 5, 1295, 2352)
    assert brief.service[0].min_package_hours == 28
    assert brief.service[0].pathways == ["24-hour"]


@both
def test_today_has_as_many_zones_as_the_brief_has_lots(
    projects: dict[str, Path], county: str
) -> None:
    """Every area is in one zone; zones are connected and keep to their locality."""
    zones = pd.read_csv(projects[county] / "today.csv").set_index("area_code")["lot"]
    areas = county_areas(county)
    assert zones.index.tolist() == areas.index.tolist()
    assert zones.equals(todays_zones(areas, county))
    for zone, part in areas.groupby(zones):
        assert shapely.coverage_union_all(part.geometry.to_numpy()).geom_type == "Polygon", zone
        assert county != "leicestershire" or len(set(part["locality"])) == 1
    lots = load_brief(projects[county]).lots
    assert lots is not None
    assert zones.nunique() == (lots.number or sum(lots.per_locality.values()))


@both
def test_today_is_not_the_answer(projects: dict[str, Path], county: str) -> None:
    """The zones in force miss the limits of the brief, so that there is something to do."""
    hours = county_hours(county)
    if county == "herefordshire":
        hours = hours[hours["pathway"] == "O"]
    by_area = hours.groupby("area_code")["weekly_hours"].sum()
    by_zone = by_area.groupby(todays_zones(county_areas(county), county)).sum()
    lots = load_brief(projects[county]).lots
    assert lots is not None
    assert lots.min_hours is not None
    assert lots.max_hours is not None
    assert not by_zone.between(lots.min_hours, lots.max_hours).all()


@both
def test_areas_file_is_the_embedded_map(projects: dict[str, Path], county: str) -> None:
    """The GeoPackage and the lookup hold the embedded areas, unchanged."""
    areas = county_areas(county)
    file = gpd.read_file(projects[county] / "areas.gpkg").set_index("area_code")
    assert file.crs.to_epsg() == 27700
    assert file.index.tolist() == areas.index.tolist()
    assert file.geometry.geom_equals(areas.geometry).all()
    lookup = pd.read_csv(projects[county] / "lookup.csv", index_col="area_code")
    zone = "locality" if county == "leicestershire" else "zone"
    assert lookup[zone].tolist() == areas["locality"].tolist()
    assert lookup["rural"].tolist() == areas["rural"].tolist()
    assert lookup["population"].tolist() == areas["population"].tolist()


@both
def test_providers_can_carry_the_county(projects: dict[str, Path], county: str) -> None:
    """The made-up market is large enough, in every locality too."""
    providers = pd.read_csv(projects[county] / "providers.csv", keep_default_na=False)
    assert list(providers.columns) == [
        "provider_id", "name", "max_weekly_hours", "max_lots", "localities"]
    total = sum(county_hours(county)["weekly_hours"])
    assert providers["max_weekly_hours"].sum() > 1.2 * total
    named = {p for cell in providers["localities"] for p in cell.split(";") if p}
    assert named == (
        set(county_areas(county)["locality"]) if county == "leicestershire" else set())


@both
def test_placed_hours_are_the_published_ones(projects: dict[str, Path], county: str) -> None:
    """Read as any project is, the sample places exactly the published hours and counts the rest."""
    brief = load_brief(projects[county])
    result = read_demand(brief, county_areas(county))
    hours = {d.service: d.frame["weekly_hours"].sum() for d in result.demands}
    assert hours == (
        {"all": 49230} if county == "leicestershire" else {"D": 2330, "O": 9199})
    result.reconciliation.check()
    reasons = set(result.reconciliation.frame["reason"])
    assert len(reasons) == 10  # read, placed, and eight reasons why not


def test_same_bytes_every_time(projects: dict[str, Path], tmp_path: Path) -> None:
    """Two projects of one county are alike to the byte."""
    again = new_project(tmp_path / "again", "herefordshire")
    for path in again:
        assert path.read_bytes() == (projects["herefordshire"] / path.name).read_bytes(), path.name


@both
def test_plain_text_for_windows_too(projects: dict[str, Path], county: str) -> None:
    """What a person reads is plain ASCII without a backslash, and no mark of the template stays."""
    for name in ("brief.toml", "README.txt"):
        data = (projects[county] / name).read_bytes()
        assert data.isascii()
        assert b"\\" not in data
        assert not re.search(rb"^%", data, re.MULTILINE)
        other = ({"leicestershire", "herefordshire"} - {county}).pop()
        assert other.encode() not in data.lower()


# --- what is already there -----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROJECT_FILES)
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    """A folder with any of the files is refused, and left as it was."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="nothing is written over"):
        new_project(tmp_path, "herefordshire")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_other_files_may_stay(tmp_path: Path) -> None:
    """A folder with other files is used, and they are left alone; nothing else is left behind."""
    (tmp_path / "notes.docx").write_text("mine", encoding="utf-8")
    written = new_project(tmp_path, " Herefordshire ")
    assert [p.name for p in written] == list(PROJECT_FILES)
    assert {p.name for p in tmp_path.iterdir()} == {*PROJECT_FILES, "notes.docx"}


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file of the folder's name is refused."""
    (tmp_path / "council").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="there is a file of this name"):
        new_project(tmp_path / "council")


def test_unknown_county(tmp_path: Path) -> None:
    """An unknown county is refused before anything is made."""
    with pytest.raises(InputError, match="leicestershire or herefordshire"):
        new_project(tmp_path / "new", "rutland")
    assert not (tmp_path / "new").exists()


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a file cannot be written, no file and no folder is left."""
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scaffold, "_write_areas", full)
    with pytest.raises(InputError, match="No space left on device"):
        new_project(tmp_path / "a" / "b", "herefordshire")
    assert list(tmp_path.iterdir()) == []


def test_paths_with_spaces_and_accents(tmp_path: Path) -> None:
    """Folders are named as people name them."""
    written = new_project(tmp_path / "Cyngor Sir Fynwy – dogfennau 2026", "herefordshire")
    assert load_brief(written[-1].parent).demand.packages == written[3].resolve()
    shutil.rmtree(written[-1].parent)
