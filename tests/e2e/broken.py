"""Ways to break a small council, each with what the message has to say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely.affinity import translate
from shapely.geometry import Polygon

from .small import PERSON, add_to_brief, edit, grid, hours_table, packages_table, write_csv


@dataclass(frozen=True, slots=True)
class Break:
    """One way to break it.

    Attributes
    ----------
    name
        The test's name.
    do
        Breaks the folder.
    says
        What has to be in the message: where, what, and what to do.
    packages
        Whether the council counts packages, not ready-made hours.
    problems
        How many problems are to be reported.
    """

    name: str
    do: Callable[[Path], object]
    says: tuple[str, ...]
    packages: bool = False
    problems: int = 1


BREAKS: list[Break] = []


def broken(
    *says: str, packages: bool = False, problems: int = 1
) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """Enter a function as one way to break a council."""

    def enter(do: Callable[[Path], object]) -> Callable[[Path], object]:
        BREAKS.append(Break(do.__name__, do, says, packages, problems))
        return do

    return enter


def _brief(name: str, old: str, new: str, *says: str, packages: bool = False, problems: int = 1) -> None:
    def do(folder: Path) -> None:
        edit(folder / "brief.toml", old, new)

    BREAKS.append(Break(name, do, ("brief.toml", *says), packages, problems))


def _more(name: str, text: str, *says: str, packages: bool = False) -> None:
    BREAKS.append(Break(name, lambda f: add_to_brief(f, text), says, packages))


# ---- the boundaries ----------------------------------------------------------------------------


def _areas(folder: Path, areas: gpd.GeoDataFrame) -> None:
    (folder / "areas.gpkg").unlink()
    areas.to_file(folder / "areas.gpkg", layer="lsoa")


@broken("areas.gpkg", "EPSG:32630", "outside Great Britain", 'write crs = "EPSG:27700"')
def wrong_crs(folder: Path) -> None:
    """National Grid numbers under the name of another grid."""
    _areas(folder, grid().set_crs("EPSG:32630", allow_override=True))


@broken("areas.shp", "(CRS)", 'write crs = "EPSG:27700"')
def no_crs(folder: Path) -> None:
    """A shapefile that lost its .prj."""
    grid().to_file(folder / "areas.shp")
    (folder / "areas.prj").unlink()
    edit(folder / "brief.toml", "areas.gpkg", "areas.shp")


@broken("areas.gpkg", "latitude first", "export the file with the longitude first")
def lon_lat_swapped(folder: Path) -> None:
    """Degrees, latitude first."""
    areas = grid().to_crs("EPSG:4326")
    areas.geometry = areas.geometry.map(lambda s: Polygon([(y, x) for x, y in s.exterior.coords]))
    _areas(folder, areas)


@broken("areas.gpkg", "E01000005", "different names")
def duplicate_area_codes(folder: Path) -> None:
    """One code for two places."""
    areas = grid()
    areas.loc[5, "LSOA21CD"] = "E01000005"
    _areas(folder, areas)


@broken("areas.gpkg", "E01000003", "no shape")
def empty_geometry(folder: Path) -> None:
    """An area without a shape."""
    areas = grid()
    areas.loc[2, "geometry"] = None
    _areas(folder, areas)


@broken("areas.gpkg", "2 of 24 areas have no code", "LSOA21CD")
def blank_codes(folder: Path) -> None:
    """Areas without a code."""
    areas = grid()
    areas.loc[[3, 4], "LSOA21CD"] = None
    _areas(folder, areas)


@broken("areas.gpkg", "no column looks like area codes", "code =")
def no_code_column(folder: Path) -> None:
    """Boundaries with no column of codes."""
    _areas(folder, grid().rename(columns={"LSOA21CD": "Beschreibung"}))


@broken("areas.gpkg", "two shapes that overlap and differ", "E01000001")
def two_editions(folder: Path) -> None:
    """The same codes twice, in shapes that do not agree."""
    first, second = grid(), grid()
    second.geometry = second.geometry.map(lambda s: translate(s, 700, 700))
    _areas(folder, gpd.GeoDataFrame(pd.concat([first, second], ignore_index=True)))


@broken("areas.gpkg", "not a boundary file that can be read", "GeoPackage")
def corrupt_gpkg(folder: Path) -> None:
    """A download that broke off."""
    whole = (folder / "areas.gpkg").read_bytes()
    (folder / "areas.gpkg").write_bytes(whole[: len(whole) // 3])


@broken("areas.gpkg", "the file is empty")
def empty_boundaries(folder: Path) -> None:
    """A file of no bytes."""
    (folder / "areas.gpkg").write_bytes(b"")


@broken("areas.gpkg", "no areas")
def boundaries_without_rows(folder: Path) -> None:
    """A layer of no rows."""
    _areas(folder, grid().iloc[:0])


@broken("areas.gpkg", "[areas] layer", "no layer 'lsoa21'", "It has: lsoa")
def layer_not_found(folder: Path) -> None:
    """The brief names a layer that is not there."""
    edit(folder / "brief.toml", 'file = "areas.gpkg"', 'file = "areas.gpkg"\nlayer = "lsoa21"')


@broken("areas.gpkg", "[areas] layer", "2 layers", "Name one: lsoa, msoa")
def several_layers(folder: Path) -> None:
    """Two layers that could be the areas, and none named."""
    grid(3, 2).to_file(folder / "areas.gpkg", layer="msoa")


@broken("areas", "this is a folder, not a file")
def folder_for_a_file(folder: Path) -> None:
    """The brief names the folder that the file is in."""
    (folder / "areas").mkdir()
    shutil.move(folder / "areas.gpkg", folder / "areas" / "areas.gpkg")
    edit(folder / "brief.toml", 'file = "areas.gpkg"', 'file = "areas"')


@broken("hours.csv", "table without boundaries")
def table_for_boundaries(folder: Path) -> None:
    """A table where the boundaries should be."""
    edit(folder / "brief.toml", 'file = "areas.gpkg"', 'file = "hours.csv"')


@broken("[areas] bridges", "E09999999", "not on the map")
def bridge_to_nowhere(folder: Path) -> None:
    """A bridge to an area that is not there."""
    edit(
        folder / "brief.toml",
        'locality = "locality"',
        'locality = "locality"\nbridges = [["E01000001", "E09999999"]]',
    )


@broken("[areas] barriers", "both a bridge and a barrier")
def bridge_and_barrier(folder: Path) -> None:
    """One pair joined and cut."""
    pair = '[["E01000001", "E01000002"]]'
    edit(
        folder / "brief.toml",
        'locality = "locality"',
        f'locality = "locality"\nbridges = {pair}\nbarriers = {pair}',
    )


# ---- the lookup --------------------------------------------------------------------------------


@broken("lookup.csv", "area_code", "2 of 24 areas are not in the lookup", "E01000023, E01000024")
def lookup_lacks_areas(folder: Path) -> None:
    """The lookup stops short."""
    path = folder / "lookup.csv"
    write_csv(path, pd.read_csv(path).iloc[:-2])


@broken("lookup.csv", "column locality", "1 of 24 areas have no locality", "E01000004")
def blank_locality(folder: Path) -> None:
    """An area in no locality."""
    edit(folder / "lookup.csv", "E01000004,East", "E01000004,")


@broken("[areas] locality", "'Locality name'", "locality")
def locality_column_missing(folder: Path) -> None:
    """The brief names a column that is not there."""
    edit(folder / "brief.toml", 'locality = "locality"', 'locality = "Locality name"')


@broken("lookup.csv", "several rows that differ", "E01000003")
def lookup_row_twice(folder: Path) -> None:
    """One area in two localities."""
    path = folder / "lookup.csv"
    path.write_text(path.read_text() + "E01000003,East,1,1\n")


@broken("lookup.csv", "column x", "not a number", "north")
def text_in_coordinates(folder: Path) -> None:
    """A place of care that is no number."""
    edit(folder / "lookup.csv", "E01000001,West,441000", "E01000001,West,north")
    edit(folder / "brief.toml", 'locality = "locality"', 'locality = "locality"\nx = "x"\ny = "y"')


# ---- hours per area ----------------------------------------------------------------------------


@broken("hours.csv", "row 5", "column weekly_hours", "not a number", "'about 30'")
def text_in_hours(folder: Path) -> None:
    """Words where hours should be."""
    edit(folder / "hours.csv", "E01000004,130", "E01000004,about 30")


@broken("hours.csv", "row 2", "column weekly_hours", "below the least allowed, 0", "'-100'")
def negative_hours(folder: Path) -> None:
    """Hours below nought."""
    edit(folder / "hours.csv", "E01000001,100", "E01000001,-100")


@broken("hours.csv", "row 3", "column weekly_hours", "blank")
def blank_hours(folder: Path) -> None:
    """An empty cell."""
    edit(folder / "hours.csv", "E01000002,110", "E01000002,")


@broken("hours.csv", "row 4", "Write decimals with a point", "'120,5'")
def decimal_comma(folder: Path) -> None:
    """A decimal comma in a file with semicolons."""
    text = (folder / "hours.csv").read_text().replace(",", ";").replace(";120\n", ";120,5\n")
    (folder / "hours.csv").write_text(text)


@broken("hours.csv", "E01009999", "not on the map", "row 24", "77.5 hours")
def unknown_area_code(folder: Path) -> None:
    """Hours of an area that is not on the map."""
    edit(folder / "hours.csv", "E01000023,320", "E01009999,77.5")


@broken("hours.csv", "E01000007", "more than once")
def duplicate_hours(folder: Path) -> None:
    """One area twice."""
    edit(folder / "hours.csv", "E01000008,", "E01000007,")


@broken("hours.csv", "the file is empty")
def empty_hours(folder: Path) -> None:
    """A file of no bytes."""
    (folder / "hours.csv").write_bytes(b"")


@broken("hours.csv", "a header but no rows")
def header_only(folder: Path) -> None:
    """A header and nothing below."""
    (folder / "hours.csv").write_text("area_code,weekly_hours\n")


@broken("hours.csv", "no column of weekly hours", "Name it weekly_hours", "'week hours'")
def wrong_column(folder: Path) -> None:
    """A column that is called something else."""
    edit(folder / "hours.csv", "weekly_hours", "week hours")


@broken("hours.csv", "row 1", "no header")
def no_header(folder: Path) -> None:
    """Data from the first row on."""
    edit(folder / "hours.csv", "area_code,weekly_hours\n", "")


@broken("hours.csv", "GeoPackage", "not a table")
def binary_for_csv(folder: Path) -> None:
    """Another kind of file under the name of a table."""
    shutil.copy(folder / "areas.gpkg", folder / "hours.csv")


@broken("hours.csv", "binary file")
def noise_for_csv(folder: Path) -> None:
    """Bytes that are no text."""
    (folder / "hours.csv").write_bytes(bytes(range(256)) * 20)


@broken("hours.csv", "row 3", "more cells than the header")
def comma_in_a_cell(folder: Path) -> None:
    """Thousands with a comma and no quotes."""
    edit(folder / "hours.csv", "E01000002,110", "E01000002,1,110")


@broken("hours.csv", "no hours are placed")
def all_noughts(folder: Path) -> None:
    """Nothing to share out."""
    write_csv(folder / "hours.csv", hours_table().assign(weekly_hours="0"))


@broken("hours.xlsx", "cannot be read")
def corrupt_workbook(folder: Path) -> None:
    """A workbook that broke off."""
    hours_table().to_excel(folder / "hours.xlsx", index=False)
    whole = (folder / "hours.xlsx").read_bytes()
    (folder / "hours.xlsx").write_bytes(whole[: len(whole) // 2])
    edit(folder / "brief.toml", "hours.csv", "hours.xlsx")


@broken("hours.xlsx", "no worksheet 'April'", "It has: Hours")
def no_such_sheet(folder: Path) -> None:
    """The brief names a sheet that is not there."""
    hours_table().to_excel(folder / "hours.xlsx", index=False, sheet_name="Hours")
    edit(folder / "brief.toml", 'hours = "hours.csv"', 'hours = "hours.xlsx"\nsheet = "April"')


@broken("hours.csv", "no column 'service'", problems=1)
def services_without_column(folder: Path) -> None:
    """Service lines, but hours that are not told apart."""
    add_to_brief(folder, '\n[[service]]\nname = "O"\n[[service]]\nname = "D"\n')


# ---- packages ----------------------------------------------------------------------------------


def _cell(folder: Path, row: int, column: str, value: str) -> None:
    """Set a cell of packages.csv, rows as a spreadsheet numbers them."""
    path = folder / "packages.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[row - 2, column] = value
    write_csv(path, table)


@broken("packages.csv", "row 7", "weekly_hours", "above the most allowed, 168", packages=True)
def two_hundred_hours_a_week(folder: Path) -> None:
    """More hours than a week has."""
    _cell(folder, 7, "weekly_hours", "200")


@broken("packages.csv", "row 9", "weekly_hours", "not a number", "'tbc?'", packages=True)
def text_in_package_hours(folder: Path) -> None:
    """Words where hours should be."""
    _cell(folder, 9, "weekly_hours", "tbc?")


@broken("packages.csv", "row 6", "also in row 5", "package_id", packages=True)
def duplicate_package(folder: Path) -> None:
    """One id for two packages."""
    table = packages_table()
    _cell(folder, 6, "package_id", table.loc[3, "package_id"])
    _cell(folder, 6, "weekly_hours", "99")


@broken("packages.csv", "row 8", "the end is before the start", "2025-12-31", packages=True)
def end_before_start(folder: Path) -> None:
    """A package that ends before it begins."""
    _cell(folder, 8, "end", "2025-12-31")


@broken("packages.csv", "row 8", "carers", "neither 1 nor 2", "'3'", packages=True)
def three_carers(folder: Path) -> None:
    """More carers than two."""
    _cell(folder, 8, "carers", "3")


@broken("packages.csv", "row 3", "start", "no date", "'2026-02-30'", packages=True)
def wrong_date(folder: Path) -> None:
    """A day that the calendar lacks."""
    _cell(folder, 3, "start", "2026-02-30")


@broken("packages.csv", "row 3", "start", "no date", "01/04/2026", packages=True)
def wrong_date_format(folder: Path) -> None:
    """A date without a year."""
    _cell(folder, 3, "start", "05.Jan")


@broken("packages.csv", "240 of 240", "postcode directory", "postcodes =", packages=True)
def no_postcode_file(folder: Path) -> None:
    """Postcodes, and nothing to look them up in."""
    edit(folder / "brief.toml", 'postcodes = "postcodes.csv"\n', "")


@broken("postcodes.csv", "no column of postcodes", packages=True)
def not_a_postcode_file(folder: Path) -> None:
    """The wrong file for the postcodes."""
    shutil.copy(folder / "lookup.csv", folder / "postcodes.csv")


@broken("packages.csv", "no column says where the care is given", packages=True)
def packages_nowhere(folder: Path) -> None:
    """Packages without a place."""
    write_csv(folder / "packages.csv", packages_table().drop(columns="postcode"))


@broken("packages.csv", "there is no column 'hrs'", "weekly_hours", packages=True)
def mapped_column_missing(folder: Path) -> None:
    """The brief maps a column that is not there."""
    edit(folder / "brief.toml", "[lots]", '[demand.columns]\nweekly_hours = "hrs"\n\n[lots]')


@broken("packages.csv", "no hours are placed", "ended 240", "as_of", packages=True)
def all_ended(folder: Path) -> None:
    """A day on which nothing runs."""
    table = packages_table().assign(end="2026-02-01")
    write_csv(folder / "packages.csv", table)


@broken("packages.csv", "weekly_hours", "no number of hours a week", packages=True)
def columns_exchanged(folder: Path) -> None:
    """Person ids where the hours should be: none of them may be shown."""
    table = packages_table()
    write_csv(
        folder / "packages.csv",
        table.rename(columns={"person_id": "weekly_hours", "weekly_hours": "person_id"}),
    )


@broken("packages.csv", "row 5", "weekly_hours", "not a number", packages=True, problems=3)
def one_row_shifted(folder: Path) -> None:
    """One row slipped a cell, so that a person's id stands where the hours should be."""
    table = packages_table()
    table = table[["package_id", "weekly_hours", "person_id", *table.columns[4:], "postcode"]]
    lines = table.to_csv(index=False, lineterminator="\n").splitlines()
    lines[4] = lines[4].replace(",", ",,", 1).replace(f",{table.loc[3, 'weekly_hours']},", ",", 1)
    lines[4] = f"{table.loc[3, 'package_id']},{PERSON}033,{','.join(lines[4].split(',')[3:])}"
    (folder / "packages.csv").write_text("\n".join(lines) + "\n")


@broken("packages.csv", "row 11", "weekly_hours", packages=True)
def nhs_number_for_hours(folder: Path) -> None:
    """An NHS number where the hours should be: it may not be shown."""
    _cell(folder, 11, "weekly_hours", "9434765919")


@broken("packages.csv", "row 12", "weekly_hours", "not a number", packages=True)
def postcode_for_hours(folder: Path) -> None:
    """A postcode where the hours should be: it may not be shown."""
    _cell(folder, 12, "weekly_hours", "ZQ9 9ZZ")


@broken("packages.csv", "row 4", "end", "no date", packages=True)
def person_for_date(folder: Path) -> None:
    """A person's id where a date should be: it may not be shown."""
    _cell(folder, 4, "end", f"{PERSON}010")


# ---- the brief ---------------------------------------------------------------------------------

_brief("no_lots", "number = 4", "number = 0", "[lots] number", "1 or more", "'0'")
_brief("lots_in_words", "number = 4", 'number = "four"', "[lots] number", "whole number", "'four'")
_brief("half_a_lot", "number = 4", "number = 4.5", "[lots] number", "whole number")
_brief("lots_yes", "number = 4", "number = true", "[lots] number")
_brief("range_backwards", "number = 4", "number = [6, 3]", "[lots] number", "[fewest, most]")
_brief("min_above_max", "min_hours = 900", "min_hours = 1800", "[lots]", "1800 is above max_hours")
_brief("negative_min", "min_hours = 900", "min_hours = -1", "[lots] min_hours", "'-1'")
_brief(
    "text_min",
    "min_hours = 900",
    'min_hours = "2,000"',
    "[lots] min_hours",
    "'2,000'",
    "without quotes",
)
_brief(
    "more_lots_than_areas",
    "number = 4",
    "number = 25",
    "[lots] number",
    "25 lots are more than the 24 areas",
)
_brief(
    "fewer_lots_than_localities",
    "number = 4",
    "number = 1",
    "[lots] number",
    "too few for 2 localities",
    "across_localities",
)
_brief(
    "range_past_the_areas",
    "number = 4",
    "number = [2, 40]",
    "[lots] number",
    "40 lots are more than the 24 areas",
)
_brief(
    "unknown_key",
    "max_hours = 1700",
    "max_hour = 1700",
    "[lots] max_hour",
    "unknown key",
    "Did you mean max_hours?",
)
_brief("unknown_table", "[run]", "[runs]", "runs", "unknown key", "Did you mean run?")
_brief(
    "unknown_locality",
    "number = 4",
    "per_locality = { West = 2, North = 2 }",
    "[lots] per_locality",
    "North",
    "The map has East, West",
    problems=2,
)
_brief(
    "too_many_in_a_locality",
    "number = 4",
    "per_locality = { West = 13, East = 2 }",
    "per_locality",
    "12 areas, too few for 13 lots",
)
_brief(
    "sum_is_wrong",
    "number = 4",
    "number = 4\nper_locality = { West = 1, East = 2 }",
    "number is 4, but per_locality adds up to 3",
)
_brief("negative_tolerance", "max_hours = 1700", "tolerance_pct = -1", "[lots] tolerance_pct")
_brief("no_time", "time_limit_s = 20", "time_limit_s = 0", "[run] time_limit_s", "greater than 0")
_brief("negative_seed", "seed = 1", "seed = -1", "[run] seed")
_brief(
    "weights_all_nought",
    "max_hours = 1700",
    "max_hours = 1700\nweights = { distance = 0 }",
    "[lots] weights",
    "at least one weight must be above 0",
)
_brief(
    "unknown_aim",
    "max_hours = 1700",
    'max_hours = 1700\nminimise = "cost"',
    "[lots] minimise",
    "'distance', 'equality', 'moved' or 'travel'",
    "'cost'",
)
_brief("moved_without_today", "max_hours = 1700", 'max_hours = 1700\nminimise = "moved"', "[today]")
_brief(
    "hours_and_packages",
    "[lots]",
    'packages = "hours.csv"\nas_of = 2026-04-01\n\n[lots]',
    "[demand]",
    "either hours or packages",
)
_brief("no_demand", '[demand]\nhours = "hours.csv"\n', "", "[demand]", "missing")
_brief(
    "file_not_there",
    "areas.gpkg",
    "county.gpkg",
    "[areas] file",
    "no such file",
    "county.gpkg",
    "relative to the folder of brief.toml",
)
_brief("not_toml", "number = 4", "number: 4", "not valid TOML", "line 10")
_brief("table_twice", "[run]", "[lots]", "not valid TOML")
_brief("backslashes", '"areas.gpkg"', '"C:\\data\\areas.gpkg"', "forward slashes", "'single quotes'")
_brief("backslashes_that_pass", '"areas.gpkg"', '"C:\\temp\\new.gpkg"', "forward slashes")
_brief("no_as_of", "as_of = 2026-04-01\n", "", "[demand]", "as_of = 2026-04-01", packages=True)
_brief(
    "as_of_in_words",
    "as_of = 2026-04-01",
    'as_of = "1 April"',
    "[demand] as_of",
    "should be a date",
    "2026-04-01",
    packages=True,
)
_brief(
    "as_of_a_number",
    "as_of = 2026-04-01",
    "as_of = 20260401",
    "[demand] as_of",
    "should be a date",
    packages=True,
)
_brief("as_of_no_day", "as_of = 2026-04-01", "as_of = 2026-02-30", "not valid TOML", packages=True)
_more("service_named_as_path", '\n[[service]]\nname = "../O"\n', "[[service]] 1, name", "folder")
_more("services_of_one_name", '\n[[service]]\nname = "O"\n[[service]]\nname = "o"\n', "share")
_more(
    "locked_together_and_apart",
    '\n[locks]\ntogether = [["E01000001", "E01000002"]]\napart = [["E01000002", "E01000001"]]\n',
    "[locks] apart",
    "together as well",
)
_more(
    "locked_apart_by_one_lot",
    '\n[locks]\nlot = { E01000001 = "A", E01000002 = "A" }\napart = [["E01000001", "E01000002"]]\n',
    "[locks] apart",
    "together as well",
)
_more(
    "locked_to_two_lots",
    '\n[locks]\ntogether = [["E01000001", "E01000002"]]\nlot = { E01000001 = "A", E01000002 = "B" }\n',
    "[locks] lot",
    "different lots",
    "A, B",
)
_more(
    "locked_across_localities",
    '\n[locks]\ntogether = [["E01000001", "E01000006"]]\n',
    "[locks]",
    "2 localities",
    "across_localities",
)
_more(
    "locked_to_too_many_lots",
    '\n[locks]\nlot = { E01000001 = "A", E01000002 = "B", E01000003 = "C", E01000007 = "D", '
    'E01000008 = "E" }\n',
    "[locks] lot",
    "5 lots (A, B, C, D, E)",
    "3 lots at most",
)
_more(
    "locked_unknown_area",
    '\n[locks]\ntogether = [["E01000001", "E07777777"]]\n',
    "[locks] together",
    "E07777777",
    "not on the map",
)
_more(
    "apart_from_itself",
    '\n[locks]\napart = [["E01000001", "E01000001"]]\n',
    "[locks] apart",
    "itself",
)
_more("apart_not_a_pair", '\n[locks]\napart = [["E01000001"]]\n', "[locks] apart")
_more(
    "more_apart_than_lots",
    "\n[locks]\napart = ["
    + ", ".join(
        f'["{a}", "{b}"]'
        for a, b in [
            ("E01000001", "E01000002"),
            ("E01000001", "E01000003"),
            ("E01000002", "E01000003"),
            ("E01000001", "E01000007"),
            ("E01000002", "E01000007"),
            ("E01000003", "E01000007"),
        ]
    )
    + "]\n",
    "[locks] apart",
    "E01000001, E01000002, E01000003, E01000007",
)


@broken("brief.toml", "there is no [lots] table", "no lots for O")
def service_without_lots(folder: Path) -> None:
    """A service line, and lots for none."""
    path = folder / "brief.toml"
    before, after = path.read_text().split("[lots]")
    run = after[after.index("[run]") :]
    path.write_text(before + run + '\n[[service]]\nname = "O"\n')


@broken("today.csv", "none of today's zones", "W01000001")
def today_of_another_map(folder: Path) -> None:
    """Zones of areas that are all elsewhere."""
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\n')
    (folder / "today.csv").write_text("area_code,lot\nW01000001,A\nW01000002,B\n")


@broken("today.csv", "E01000001", "in more than one lot")
def today_twice(folder: Path) -> None:
    """One area in two zones."""
    add_to_brief(folder, '\n[today]\nplan = "today.csv"\n')
    (folder / "today.csv").write_text("area_code,lot\nE01000001,A\nE01000001,B\n")


@broken("brief.toml", "no such brief", "lotting new")
def no_brief(folder: Path) -> None:
    """A folder without a brief."""
    (folder / "brief.toml").unlink()


@broken("brief.toml", "not UTF-8")
def brief_in_another_encoding(folder: Path) -> None:
    """A brief saved by an old editor."""
    text = (folder / "brief.toml").read_text() + '\n[publish]\ntitle = "Sir Fôn"\n'
    (folder / "brief.toml").write_bytes(text.encode("cp1252"))


@broken("brief.toml", "missing", problems=2)
def empty_brief(folder: Path) -> None:
    """A brief of no settings."""
    (folder / "brief.toml").write_text("")


# ---- the market --------------------------------------------------------------------------------


def _market(folder: Path, table: str, more: str = "") -> None:
    (folder / "providers.csv").write_text(table)
    add_to_brief(folder, f'\n[market]\nproviders = "providers.csv"\n{more}')


@broken("providers.csv", "row 3", "max_weekly_hours", "not a number", "'lots'")
def provider_without_a_number(folder: Path) -> None:
    """A provider's capacity in words."""
    _market(folder, "provider_id,max_weekly_hours\nP1,3000\nP2,lots\n")


@broken("providers.csv", "no column 'max_weekly_hours'")
def providers_without_capacity(folder: Path) -> None:
    """No column of capacity."""
    _market(folder, "provider_id,name\nP1,One\n")


@broken("providers.csv", "more than once", "P1")
def provider_twice(folder: Path) -> None:
    """One provider in two rows."""
    _market(folder, "provider_id,max_weekly_hours\nP1,3000\nP1,2000\n")


@broken("providers.csv", "row 2", "no such locality", "'Wset'", "Did you mean 'West'?")
def provider_in_no_locality(folder: Path) -> None:
    """A provider in a place that is not on the map."""
    _market(folder, "provider_id,max_weekly_hours,localities\nP1,6000,Wset\nP2,6000,\n")


@broken("brief.toml", "[market] max_share_pct", "'120'")
def share_above_all(folder: Path) -> None:
    """A cap of more than all hours."""
    _market(folder, "provider_id,max_weekly_hours\nP1,6000\n", "max_share_pct = 120\n")
