"""Real roads through the real commands; roads and boundaries are beside the project, or the tests skip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from .small import write_csv
from .test_allocation_commands import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def rutland(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brief of the B&NES example on Rutland's 26 areas and its OpenStreetMap roads."""
    folder = tmp_path_factory.mktemp("rutland") / "council"
    shutil.copytree(EXAMPLES / "banes", folder)
    units = shared / "geo" / "units" / "rutland.gpkg"
    shutil.copy(units, folder / "lsoa.gpkg")
    shutil.copy(shared / "geo" / "roads" / "rutland_osm_roads.gpkg", folder / "roads.gpkg")
    areas = gpd.read_file(units, layer="lsoa21").set_index("LSOA21CD")
    hours = 800 * areas["pop75_mid2020"] / areas["pop75_mid2020"].sum()
    write_csv(folder / "hours.csv", pd.DataFrame({"area_code": hours.index, "weekly_hours": hours}))
    west = areas["pc_x"] < areas["pc_x"].median()
    write_csv(folder / "plan.csv", pd.DataFrame({
        "area_code": areas.index, "lot": west.map({True: "West", False: "East"})}))
    return folder


def test_travel_on_real_roads(rutland: Path, tmp_path: Path) -> None:
    """Straight lines with a speed and a detour stay within a third of the road network."""
    arguments = ("--plan", rutland / "plan.csv", "--quick", "--json")
    roads = json.loads(run("travel", rutland, "--out", tmp_path / "a", *arguments).out)
    assert roads["travel"]["engine"] == "road network"
    brief = rutland / "brief.toml"
    text = brief.read_text(encoding="utf-8")
    straight = text.replace('roads = "roads.gpkg"\nroads_layer = "edges"', "")
    assert straight != text
    brief.write_text(straight, encoding="utf-8", newline="\n")
    try:
        lines = json.loads(run("travel", rutland, "--out", tmp_path / "b", *arguments).out)
    finally:
        brief.write_text(text, encoding="utf-8", newline="\n")
    name = "travel_minutes_per_contact_hour"
    for a, b in zip(roads["lots"], lines["lots"], strict=True):
        assert a["lot"] == b["lot"]
        assert a[name] == pytest.approx(b[name], rel=0.34)


def test_rounds_on_real_roads(rutland: Path, tmp_path: Path) -> None:
    """Every visit is in a round or listed with a reason, also those that no road reaches."""
    ran = run("rounds", rutland, "--plan", rutland / "plan.csv", "--lot", "West", "--out", tmp_path, "--json",
              "--effort", "0.01")  # fmt: skip
    assert ran.code == 0, ran.said
    told = json.loads(ran.out)
    assert told["hours_asked"] == pytest.approx(told["hours_served"] + told["hours_unserved"])
    stops = pd.read_csv(tmp_path / "rounds.csv")
    lost = pd.read_csv(tmp_path / "unserved.csv")
    assert stops["visit_id"].nunique() + len(lost) == told["visits_asked"]
    assert len(stops) > 0
