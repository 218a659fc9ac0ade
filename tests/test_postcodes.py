"""Postcode directories: every edition, every wrapping, only what is wanted."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotting.errors import InputError
from lotting.postcodes import normalise, read_postcodes

# What the columns we need are called in each edition (FORMATS.md of the reference data).
EDITIONS = {
    "NSPL 2011 census": {
        "pcds": "pcds", "doterm": "doterm", "x": "oseast1m", "y": "osnrth1m", "grid": "osgrdind",
        "areas": ("oa11", "laua", "ward", "lsoa11", "msoa11"), "lsoa": "lsoa11"},
    "NSPL to May 2025": {
        "pcds": "pcds", "doterm": "doterm", "x": "oseast1m", "y": "osnrth1m", "grid": "osgrdind",
        "areas": ("oa21", "laua", "ward", "lsoa21", "msoa21"), "lsoa": "lsoa21"},
    "NSPL 2025": {
        "pcds": "pcds", "doterm": "doterm", "x": "east1m", "y": "north1m", "grid": "gridind",
        "areas": ("oa21cd", "lad25cd", "wd25cd", "lsoa21cd", "msoa21cd"), "lsoa": "lsoa21cd"},
    "NSPL 2026": {
        "pcds": "pcds", "doterm": "doterm", "x": "east1m", "y": "north1m", "grid": "gridind",
        "areas": ("oa21cd", "lad26cd", "wd26cd", "lsoa21cd", "msoa21cd"), "lsoa": "lsoa21cd"},
    "ONSPD": {
        "pcds": "pcds", "doterm": "doterm", "x": "oseast1m", "y": "osnrth1m", "grid": "osgrdind",
        "areas": ("oslaua", "osward", "lsoa01", "lsoa11", "oa21", "lsoa21"), "lsoa": "lsoa21"},
    "fixed width only": {
        "pcds": "pcd", "doterm": "DOTERM", "x": "OSEAST1M", "y": "OSNRTH1M", "grid": "OSGRDIND",
        "areas": ("LSOA11",), "lsoa": "LSOA11"},
}
ROWS = [  # postcode, terminated, easting, northing, grid indicator, LSOA
    ("LE15 0AA", "", "486138", "0308845", "1", "E01013799"),
    ("LE15 0AB", "200106", "486200", "0308900", "1", "E01013799"),
    ("LE15 0AC", "", "", "", "9", "E01013800"),
    ("LE15 0AD", "", "486300", "0309000", "9", "E01013800"),
    ("BT1 1AA", "", "333900", "374300", "1", "N00001"),
]


def directory(edition: dict[str, object], rows=ROWS) -> str:
    areas = edition["areas"]
    assert isinstance(areas, tuple)
    header = [edition[k] for k in ("pcds", "doterm", "x", "y", "grid")]
    lines = [",".join(["dointr", *map(str, header), *areas, "imd"])]
    for row in rows:
        codes = [row[5] if a == edition["lsoa"] else "X99999999" for a in areas]
        lines.append(",".join(['"198001"', *(f'"{cell}"' for cell in (*row[:5], *codes)), "5"]))
    return "\n".join(lines) + "\n"


def write(folder: Path, text: str, name: str = "nspl.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("edition", EDITIONS.values(), ids=EDITIONS.keys())
def test_every_edition_gives_the_same(edition, tmp_path):
    """Whatever an edition calls its columns, a postcode is in one place."""
    lookup = read_postcodes(write(tmp_path, directory(edition)), {"LE150AA", "LE150AB", "LE150AC"},
                            area_codes=["E01013799", "E01013800"])
    assert lookup.area_column == edition["lsoa"]
    assert lookup.complete
    assert lookup.rows_read == len(ROWS)
    frame = lookup.frame
    assert frame.index.to_list() == ["LE150AA", "LE150AB", "LE150AC"]
    assert frame.loc["LE150AA", "x_m"] == 486138
    assert frame.loc["LE150AA", "y_m"] == 308845  # written "0308845"
    assert frame["area_code"].to_list() == ["E01013799", "E01013799", "E01013800"]


def test_terminated_postcodes_are_kept_and_marked(tmp_path):
    lookup = read_postcodes(write(tmp_path, directory(EDITIONS["ONSPD"])))
    assert lookup.frame["terminated"].to_dict() == {
        "BT11AA": False, "LE150AA": False, "LE150AB": True, "LE150AC": False, "LE150AD": False}


def test_grid_indicator_9_and_blank_references_are_no_location(tmp_path):
    """Indicator 9 is no grid reference even where a number stands; 1 beside it is one."""
    frame = read_postcodes(write(tmp_path, directory(EDITIONS["ONSPD"]))).frame
    assert frame.loc[["LE150AC", "LE150AD"], ["x_m", "y_m"]].isna().all(axis=None)
    assert frame.loc["LE150AB", ["x_m", "y_m"]].notna().all()


def test_irish_grid_is_not_read_as_the_british_one(tmp_path):
    """Belfast is on the far side of the Irish Sea, not on Merseyside."""
    frame = read_postcodes(write(tmp_path, directory(EDITIONS["ONSPD"])), {"BT11AA"}).frame
    assert 140_000 < frame.loc["BT11AA", "x_m"] < 160_000
    assert 520_000 < frame.loc["BT11AA", "y_m"] < 540_000


def test_latitude_and_longitude_do_where_there_is_no_grid_reference(tmp_path):
    text = "Postcode,Latitude,Longitude\nLE15 0AA,52.67048,-0.7276\nLE15 0AB,99.999999,0\n"
    frame = read_postcodes(write(tmp_path, text)).frame
    assert frame.loc["LE150AA", "x_m"] == pytest.approx(486138, abs=3)
    assert frame.loc["LE150AA", "y_m"] == pytest.approx(308845, abs=3)
    assert frame.loc["LE150AB", ["x_m", "y_m"]].isna().all()


def test_a_lookup_without_coordinates_gives_area_codes(tmp_path):
    """ONS's postcode-to-OA lookup has no grid references at all."""
    text = "pcd7,pcd8,pcds,dointr,doterm,usertype,oa11cd,lsoa11cd\nLE150AA,,LE15 0AA,,,0,E00,E01\n"
    lookup = read_postcodes(write(tmp_path, text), {"LE150AA"}, area_codes=["E01", "E02"])
    assert lookup.frame.loc["LE150AA", "area_code"] == "E01"
    assert pd.isna(lookup.frame.loc["LE150AA", "x_m"])
    assert not lookup.complete


def test_the_column_with_most_of_the_maps_codes_is_used(tmp_path):
    """Codes of 2011 and 2021 are mostly the same: the one that fits better, or newer, is meant."""
    text = ("pcds,oseast1m,osnrth1m,lsoa11,lsoa21\nAA1 1AA,1,1,E1,E1\nAA1 1AB,1,1,E2,E3\n")
    path = write(tmp_path, text)
    assert read_postcodes(path, area_codes=["E1", "E3"]).area_column == "lsoa21"
    assert read_postcodes(path, area_codes=["E1", "E2"]).area_column == "lsoa11"
    assert read_postcodes(path, area_codes=["E1"]).area_column == "lsoa21"
    assert read_postcodes(path, area_codes=["Oakham"]).area_column is None


def test_completeness_is_judged_by_the_whole_file_not_by_what_is_wanted(tmp_path):
    lookup = read_postcodes(write(tmp_path, directory(EDITIONS["ONSPD"])), {"LE150AA"},
                            area_codes=["E01013799", "E01013800"])
    assert lookup.complete
    assert len(lookup.frame) == 1


def test_the_live_entry_of_a_postcode_used_twice_counts(tmp_path):
    rows = [("AA1 1AA", "199901", "100", "100", "1", "E1"), ("AA11AA", "", "200", "200", "1", "E2")]
    frame = read_postcodes(write(tmp_path, directory(EDITIONS["ONSPD"], rows))).frame
    assert frame.loc["AA11AA", "x_m"] == 200


def test_gzip_and_zip_are_read_as_they_come(tmp_path):
    """Of the archive ONS publishes the whole file counts, not its parts by postcode area."""
    text = directory(EDITIONS["NSPL 2025"])
    plain = read_postcodes(write(tmp_path, text)).frame
    (tmp_path / "n.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "n.zip", "w") as archive:
        archive.writestr("User Guide/guide.pdf", "x")
        archive.writestr("Documents/lookup names.csv", "lad25cd,name\nE06,A\n")
        archive.writestr("Data/multi_csv/NSPL_2025_UK_LE.csv", text)
        archive.writestr("Data/NSPL_2025_UK.csv", text)
    with zipfile.ZipFile(tmp_path / "parts.zip", "w") as archive:
        head, *lines = text.splitlines()
        archive.writestr("Data/multi_csv/NSPL_2025_UK_LE.csv", "\n".join([head, *lines[:4]]))
        archive.writestr("Data/multi_csv/NSPL_2025_UK_BT.csv", "\n".join([head, *lines[4:]]))
    for name in ("n.csv.gz", "n.zip", "parts.zip"):
        lookup = read_postcodes(tmp_path / name)
        pd.testing.assert_frame_equal(lookup.frame, plain)
        assert lookup.rows_read == len(ROWS)


def test_a_byte_order_mark_and_semicolons_do_no_harm(tmp_path):
    text = "\ufeff" + directory(EDITIONS["ONSPD"]).replace(",", ";")
    assert read_postcodes(write(tmp_path, text), {"LE150AA"}).frame["x_m"].to_list() == [486138]


@pytest.mark.parametrize(("content", "says"), [
    (b"", "empty"),
    (b"a,b\n1,2\n", "no column of postcodes"),
    (b"pcds,doterm\nLE15 0AA,\n", "neither grid references nor area codes"),
    (b"pcds,oseast1m,osnrth1m\n", "no rows"),
    (b"pcds,oseast1m,osnrth1m\nLE15 0AA,1\n", "cannot be read"),
    (b"\x1f\x8b\x08\x00 not gzip at all", "cannot be read"),
    (b"PK\x03\x04 not zip at all", "cannot be read"),
    (b"\n\npcds\n", "row 1 is blank"),
], ids=["empty", "no postcode", "no place", "no rows", "ragged", "bad gzip", "bad zip", "blank"])
def test_a_broken_directory_is_one_clear_error(content, says, tmp_path):
    path = tmp_path / "nspl.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_postcodes(path)
    assert "LE15" not in str(caught.value)


def test_an_archive_without_a_directory_and_a_missing_file_are_errors(tmp_path):
    with zipfile.ZipFile(tmp_path / "n.zip", "w") as archive:
        archive.writestr("a.csv", "x\n")
        archive.writestr("b.csv", "x\n")
    with pytest.raises(InputError, match="2 CSV files"):
        read_postcodes(tmp_path / "n.zip")
    with pytest.raises(InputError, match="no such file"):
        read_postcodes(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="folder"):
        read_postcodes(tmp_path)


@given(st.from_regex(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}", fullmatch=True), st.data())
def test_spacing_and_case_do_not_matter(postcode, data):
    cut = data.draw(st.integers(0, len(postcode)))
    messy = data.draw(st.sampled_from(["", " ", "\u00a0", "  ", "-"]))
    written = pd.Series([f" {postcode[:cut].lower()}{messy}{postcode[cut:]} "], dtype="str")
    assert normalise(written).to_list() == [postcode]


def test_only_what_is_wanted_comes_back_from_many_blocks(tmp_path, monkeypatch):
    """Small blocks, as a large file has many: no row is lost at a block's edge."""
    monkeypatch.setattr("lotting.postcodes._BLOCK_BYTES", 500)
    rows = [(f"AA{i // 10} {i % 10}AA", "", str(i + 1), "5", "1", f"E{i % 7}") for i in range(900)]
    path = write(tmp_path, directory(EDITIONS["NSPL 2026"], rows))
    lookup = read_postcodes(path, {f"AA{i // 10}{i % 10}AA" for i in range(0, 900, 9)} | {"ZZ"},
                            area_codes=[f"E{i}" for i in range(7)])
    assert sorted(lookup.frame["x_m"]) == list(range(1, 901, 9))
    assert lookup.rows_read == 900
    assert lookup.complete


def test_the_real_sample_and_county_extracts(shared):
    """The files ONS data comes in: three rows of NSPL 2025, and an extract of a county."""
    sample = read_postcodes(shared / "geo/formats/nspl_2025_sample.csv", area_codes=["E01000720"])
    assert sample.frame.loc["CA87JG", ["x_m", "y_m"]].to_list() == [366033, 564878]
    assert sample.area_column == "lsoa21cd"
    extract = read_postcodes(shared / "geo/postcodes/postcodes_rutland.csv.gz")
    assert len(extract.frame) == extract.rows_read == 1614
    assert extract.frame[["x_m", "y_m"]].notna().all(axis=None)
