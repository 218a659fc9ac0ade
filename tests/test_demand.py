"""Demand: every hour is placed or listed, and sums are the same whoever adds them up."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import defaultdict
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from lotting.brief import Brief
from lotting.demand import Demand, DemandRead, read_demand
from lotting.errors import InputError, LottingError
from lotting.locating import SNAP_M, areas_at, locate, unknown_codes_hint
from lotting.postcodes import read_postcodes
from lotting.reconciliation import ALL_SERVICES, PLACED, READ, REASONS

AS_OF = dt.date(2026, 4, 1)
CODES = ["E01000003", "E01000001", "E01000002", "E01000004"]  # the map's order is its own


def grid() -> gpd.GeoDataFrame:
    """Four squares of 1 km side by side, from (1000, 1000)."""
    return gpd.GeoDataFrame(
        index=pd.Index(CODES, name="area_code", dtype="str"),
        geometry=[box(1000 * i, 1000, 1000 * i + 1000, 2000) for i in range(1, 5)],
        crs="EPSG:27700")


# AAn is in square n (AA2 terminated); AA6 has no grid reference; AA7 is beyond the border with a
# code of its own; AA8 is off the shore; AA9 is a kilometre out at sea.
DIRECTORY = """pcds,doterm,oseast1m,osnrth1m,osgrdind,lsoa21
AA1 1AA,,1500,1500,1,E01000003
AA2 1AA,200101,2500,0001500,1,E01000001
AA3 1AA,,3500,1500,1,E01000002
AA4 1AA,,4500,1500,1,E01000004
AA6 1AA,,,,9,
AA7 1AA,,1500,2010,1,E01999999
AA8 1AA,,1500,960,1,
AA9 1AA,,1500,100,1,
"""


def brief(folder: Path, text: str, *, services: list[dict[str, object]] | None = None,
          ready: bool = False, directory: str | None = DIRECTORY, **demand: object) -> Brief:
    (folder / "demand.csv").write_text(text, encoding="utf-8")
    (folder / "nspl.csv").write_text(directory or "", encoding="utf-8")
    table: dict[str, object] = {"hours": folder / "demand.csv"} if ready else {
        "packages": folder / "demand.csv", "as_of": AS_OF}
    if directory is not None:
        table["postcodes"] = folder / "nspl.csv"
    return Brief.model_validate({
        "areas": {"file": "x.gpkg"}, "demand": table | demand, "lots": {"number": 2},
        "service": services or []})


def packages(*rows: dict[str, object]) -> str:
    full = [{"package_id": f"K{i}", "person_id": f"P{i}", "weekly_hours": 10} | row
            for i, row in enumerate(rows)]
    return pd.DataFrame(full).to_csv(index=False)


def reasons(read: DemandRead, service: str = "all") -> dict[str, tuple[float, int, int]]:
    return {r["reason"].removeprefix("not placed: "): (r["hours"], r["packages"], r["people"])
            for r in read.reconciliation.to_records() if r["service"] == service}


def hours(read: DemandRead, service: int = 0) -> list[float]:
    return read.demands[service].frame["weekly_hours"].to_list()


# ---------------------------------------------------------------- where a package is


def test_demand_has_every_area_in_the_maps_order(tmp_path):
    read = read_demand(brief(tmp_path, packages({"postcode": "aa31aa"})), grid())
    frame = read.demands[0].frame
    assert frame.index.to_list() == CODES
    assert frame.index.name == "area_code"
    assert hours(read) == [0, 0, 10, 0]
    assert frame["people"].dtype == frame["packages"].dtype == "int64"


def test_area_code_goes_before_coordinates_and_these_before_the_postcode(tmp_path):
    """Each is tried only where those before it are missing or place nothing."""
    read = read_demand(brief(tmp_path, packages(
        {"area_code": CODES[0], "x_m": 2500, "y_m": 1500, "postcode": "AA3 1AA"},
        {"x_m": 2500, "y_m": 1500, "postcode": "AA3 1AA"},
        {"postcode": "AA3 1AA"},
        {"area_code": "E01888888", "x_m": 9e5, "y_m": 0, "postcode": "AA4 1AA"},
    )), grid())
    assert hours(read) == [10, 10, 10, 10]
    assert any("E01888888" in str(w) and "placed otherwise" in str(w) for w in read.warnings)


@pytest.mark.parametrize(("row", "reason"), [
    ({"postcode": "AA1 1AA", "end": "2026-03-31"}, "ended"),
    ({"postcode": "AA1 1AA", "end": "2026-04-01"}, "placed"),
    ({"postcode": "AA1 1AA", "start": "2026-04-02"}, "not begun"),
    ({"postcode": "AA1 1AA", "start": "2026-04-01"}, "placed"),
    ({"postcode": "AA1 1AA", "weekly_hours": 0}, "no hours given"),
    ({"postcode": "AA1 1AA", "weekly_hours": ""}, "no hours given"),
    ({"postcode": "AA1 1AA", "weekly_hours": 0.25}, "placed"),
    ({"postcode": ""}, "no location given"),
    ({"area_code": "E01888888"}, "unknown area code"),
    ({"postcode": "ZZ99 3VZ"}, "unknown postcode"),
    ({"postcode": "AA6 1AA"}, "postcode without location"),
    ({"postcode": "AA9 1AA"}, "outside the map"),
    ({"postcode": "AA8 1AA"}, "placed"),
    ({"x_m": 1500, "y_m": 1000 - SNAP_M}, "placed"),
    ({"x_m": 1500, "y_m": 999 - SNAP_M}, "outside the map"),
    # The first of several reasons, in the order of REASONS.
    ({"postcode": "ZZ99 3VZ", "end": "2026-03-31", "weekly_hours": ""}, "ended"),
    ({"postcode": "ZZ99 3VZ", "weekly_hours": ""}, "no hours given"),
    ({"area_code": "E01888888", "postcode": "ZZ99 3VZ"}, "unknown area code"),
])
def test_each_reason_and_the_case_just_beside_it(row, reason, tmp_path):
    other = {"postcode": "AA1 1AA", "area_code": "", "x_m": "", "y_m": "", "start": "", "end": ""}
    row = {**dict.fromkeys(other, ""), **row}
    found = reasons(read_demand(brief(tmp_path, packages(other, row)), grid()))
    given = row.get("weekly_hours", 10) or 0
    if reason == "placed":
        assert found == {READ: (10 + given, 2, 2), PLACED: (10 + given, 2, 2)}
    else:
        assert found == {READ: (10 + given, 2, 2), PLACED: (10, 1, 1), reason: (given, 1, 1)}


def test_the_directorys_own_code_decides_at_the_border(tmp_path):
    """AA7 lies 10 m over the border by its code: it is not drawn back in. AA8, off shore, is."""
    text = packages({"postcode": "AA7 1AA"}, {"postcode": "AA8 1AA"})
    assert reasons(read_demand(brief(tmp_path, text), grid()))["outside the map"] == (10, 1, 1)
    # In an edition in which not all areas of the map occur, the grid reference decides.
    other = DIRECTORY.replace("E01000004", "E01777777")
    read = read_demand(brief(tmp_path, text, directory=other), grid())
    assert hours(read) == [20, 0, 0, 0]
    assert any("another edition" in str(w) for w in read.warnings)


def test_terminated_postcodes_place_and_are_counted(tmp_path):
    read = read_demand(brief(tmp_path, packages({"postcode": "AA2 1AA"}, {"postcode": "AA1 1AA"})),
                       grid())
    assert hours(read) == [10, 10, 0, 0]
    assert any("1 of 2 running packages (10.0 hours a week) are placed by a postcode that is no "
               "longer" in str(w) for w in read.warnings)


def test_postcodes_need_a_directory(tmp_path):
    """Only where something cannot be placed without one."""
    both = packages({"postcode": "AA1 1AA", "area_code": CODES[0]})
    assert hours(read_demand(brief(tmp_path, both, directory=None), grid())) == [10, 0, 0, 0]
    with pytest.raises(InputError, match="1 of 1 running packages"):
        read_demand(brief(tmp_path, packages({"postcode": "AA1 1AA"}), directory=None), grid())


@given(st.lists(st.tuples(st.floats(500, 5500), st.floats(500, 2500)), min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_points_are_in_the_square_arithmetic_says(points):
    """Squares need no polygon test to be told apart; on an edge the first in the map's order."""
    x, y = (pd.Series(v, dtype="float64") for v in zip(*points, strict=True))
    codes, snapped = areas_at(x, y, grid())
    for (px, py), code, near in zip(points, codes, snapped, strict=True):
        dx, dy = max(1000 - px, 0, px - 5000), max(1000 - py, 0, py - 2000)
        off = float(np.hypot(dx, dy))
        square = min(max(int(np.ceil(px / 1000)) - 2, 0), 3)
        if abs(off - SNAP_M) > 1e-6:
            assert code == (CODES[square] if off <= SNAP_M else "")
            assert near == (0 < off <= SNAP_M)


# ---------------------------------------------------------------- people, carers, payers


def test_a_person_counts_once_where_most_of_their_hours_are(tmp_path):
    read = read_demand(brief(tmp_path, packages(
        {"person_id": "A", "postcode": "AA1 1AA", "weekly_hours": 5, "payer": "LCC"},
        {"person_id": "A", "postcode": "AA1 1AA", "weekly_hours": 6, "payer": "NHS"},
        {"person_id": "A", "postcode": "AA3 1AA", "weekly_hours": 10, "payer": "LCC"},
        {"person_id": "B", "postcode": "AA3 1AA", "weekly_hours": 1, "payer": "LCC"},
    )), grid())
    demand = read.demands[0]
    assert demand.frame["people"].to_list() == [1, 0, 1, 0]
    assert demand.frame["packages"].to_list() == [2, 0, 2, 0]
    assert demand.detail.groupby("payer")["people"].sum().to_dict() == {"LCC": 2, "NHS": 1}
    assert reasons(read)[PLACED] == (22, 4, 2)


def test_two_carers_count_twice(tmp_path):
    read = read_demand(brief(tmp_path, packages(
        {"postcode": "AA1 1AA", "carers": 2}, {"postcode": "AA1 1AA", "carers": 1})), grid())
    assert hours(read) == [30, 0, 0, 0]


def test_payers_and_pathways_are_kept_apart(tmp_path):
    read = read_demand(brief(tmp_path, packages(*(
        {"postcode": "AA1 1AA", "payer": payer, "pathway": pathway, "weekly_hours": w}
        for payer, pathway, w in [("LCC", "O", 1), ("LCC", "D", 2), ("NHS", "O", 4), ("", "O", 8)]
    ))), grid())
    detail = read.demands[0].detail.set_index(["payer", "pathway"])["weekly_hours"]
    assert detail.to_dict() == {("LCC", "O"): 1, ("LCC", "D"): 2, ("NHS", "O"): 4, ("", "O"): 8}


def test_without_persons_the_people_are_not_known(tmp_path):
    text = pd.read_csv(pd.io.common.StringIO(packages({"postcode": "AA1 1AA"}))).drop(
        columns="person_id").to_csv(index=False)
    read = read_demand(brief(tmp_path, text), grid())
    assert not read.demands[0].people_known
    assert read.demands[0].frame["people"].sum() == 0
    assert reasons(read)[PLACED] == (10, 1, None)


def test_nothing_that_names_a_person_leaves(tmp_path):
    """Neither sums, nor the reconciliation, nor a warning has an id or a postcode."""
    read = read_demand(brief(tmp_path, packages(
        {"package_id": "SECRET1", "person_id": "SECRETP", "postcode": "AA1 1AA"},
        {"package_id": "SECRET2", "person_id": "SECRETQ", "postcode": "ZZ9 9ZZ"},
        {"package_id": "SECRET3", "person_id": "", "postcode": "", "area_code": "AA9 9AA"},
    )), grid())
    everything = " ".join(map(str, (
        read.demands[0].frame.to_csv(), read.demands[0].detail.to_csv(), read.warnings,
        read.reconciliation.to_text(), read.reconciliation.to_records(), repr(read))))
    for secret in ("SECRET", "ZZ9", "ZZ99ZZ", "AA9", "AA1"):
        assert secret not in everything


# ---------------------------------------------------------------- service lines


SERVICES: list[dict[str, object]] = [
    {"name": "D", "min_package_hours": 28, "pathways": ["24-hour"]}, {"name": "O"}]


@pytest.mark.parametrize(("row", "service"), [
    ({"weekly_hours": 28}, "D"), ({"weekly_hours": 27.75}, "O"),
    ({"weekly_hours": 14, "carers": 2}, "D"), ({"weekly_hours": 13.75, "carers": 2}, "O"),
    ({"weekly_hours": 2, "pathway": "24-Hour"}, "D"), ({"weekly_hours": 2, "pathway": "day"}, "O"),
])
def test_herefordshires_rule(row, service, tmp_path):
    """Complex: 28 hours or more, both carers counted, and every 24-hour package."""
    full = {"carers": 1, "pathway": ""} | row
    read = read_demand(brief(tmp_path, packages({**full, "postcode": "AA1 1AA"}),
                             services=SERVICES), grid())
    assert [d.service for d in read.demands if d.total_hours] == [service]


def test_a_rule_of_payers_holds_beside_hours_and_pathways(tmp_path):
    """First match wins; the upper limit is exclusive; what no rule takes is listed."""
    services: list[dict[str, object]] = [
        {"name": "small", "payers": ["lcc"], "max_package_hours": 10},
        {"name": "nights", "pathways": ["Night"]},
        {"name": "nhs", "payers": ["NHS"]},
    ]
    rows = [("LCC", "", 9.75), ("LCC", "", 10), ("LCC", "night", 10), ("LCC", "night", 5),
            ("NHS", "", 5), ("NHS", "night", 5)]
    read = read_demand(brief(tmp_path, packages(*(
        {"postcode": "AA1 1AA", "payer": p, "pathway": w, "weekly_hours": h} for p, w, h in rows)),
        services=services), grid())
    assert {d.service: d.total_hours for d in read.demands} == {
        "small": 14.75, "nights": 15, "nhs": 5}
    assert reasons(read, "no service")["no service rule matches"] == (10, 1, 1)
    assert reasons(read, ALL_SERVICES)[READ] == (44.75, 6, 6)


def test_a_misspelt_pathway_and_an_empty_service_are_told(tmp_path):
    read = read_demand(brief(tmp_path, packages({"postcode": "AA1 1AA", "pathway": "24hr"}),
                             services=SERVICES), grid())
    text = " ".join(map(str, read.warnings))
    assert "'24-hour', which no package has" in text
    assert "The file has: 24hr" in text
    assert "service 'D' has no hours" in text


# ---------------------------------------------------------------- the property


PLACES = {  # how a place is written -> the area it is in, or the reason why in none
    ("area_code", "E01000001"): "E01000001", ("area_code", "E01888888"): "unknown area code",
    ("xy", (1500.0, 1999.0)): "E01000003", ("xy", (4999.5, 2030.0)): "E01000004",
    ("xy", (7000.0, 1500.0)): "outside the map",
    ("postcode", "aa1 1aa"): "E01000003", ("postcode", "AA21AA"): "E01000001",
    ("postcode", " AA3  1AA"): "E01000002", ("postcode", "AA6 1AA"): "postcode without location",
    ("postcode", "AA7 1AA"): "outside the map", ("postcode", "AA8 1AA"): "E01000003",
    ("postcode", "QQ1 1QQ"): "unknown postcode", ("postcode", ""): "no location given",
}
STARTS = {"": True, "01/04/2026": True, "2020-05-06": True, "2026-04-02 00:00:00": False,
          "46114": False}
ENDS = {"": True, "2026-04-01": True, "31/12/9999": True}
PAST = {"": "01/01/2026"}  # an end before the day, with a start before the end
CARERS = {"1": 1, "2": 2, "yes": 2, "": 1}
ORDER = [r.removeprefix("not placed: ") for r in REASONS]

one_package = st.fixed_dictionaries({
    "person": st.sampled_from(["", "A", "B", "C", "D"]),
    "hours": st.sampled_from(["", "0", "0.25", "7.1", "13.9", "14", "28", "100.35", "168"]),
    "carers": st.sampled_from(list(CARERS)),
    "payer": st.sampled_from(["LCC", "NHS", ""]),
    "pathway": st.sampled_from(["24-hour", "home care", ""]),
    "when": st.one_of(
        st.tuples(st.sampled_from(list(STARTS)), st.sampled_from(list(ENDS))),
        st.just(("01/01/2026", "31/03/2026"))),
    "place": st.sampled_from(list(PLACES)),
    "copies": st.sampled_from([0, 0, 0, 1, 2]),
})


def truth(row: dict, with_rest: bool) -> tuple[str, str, float]:
    """Service, reason (or area) and hours of a package, worked out by hand."""
    given = float(row["hours"] or 0)
    each = given * CARERS[row["carers"]]
    service = ("D" if each >= 28 or row["pathway"] == "24-hour" else
               "O" if with_rest or row["payer"] == "LCC" else "no service")
    start, end = row["when"]
    if end == "31/03/2026":
        why = "ended"
    elif not STARTS[start] and end == "2026-04-01":
        why = "impossible"
    elif not STARTS[start]:
        why = "not begun"
    elif not given:
        why = "no hours given"
    elif service == "no service":
        why = "no service rule matches"
    else:
        why = PLACES[row["place"]]
    return service, why, each


@given(st.lists(one_package, min_size=1, max_size=25), st.booleans(), st.randoms())
@settings(max_examples=25, deadline=None)
def test_hours_in_are_hours_placed_and_hours_listed(rows, with_rest, random):
    """Against sums of our own: per service and reason in hours, packages and people; per area."""
    rows = [r for r in rows if truth(r, with_rest)[1] != "impossible"]
    if not rows:
        return
    lines, sums = [], defaultdict(lambda: [0.0, 0])
    by_area: dict[tuple[str, str], float] = defaultdict(float)
    ranks: dict[tuple[str, str], int] = {}
    for i, row in enumerate(rows):
        service, why, each = truth(row, with_rest)
        kind, place = row["place"]
        line = {
            "Package Ref": f"K{i}", "NHS Number": row["person"], "Hours per week": row["hours"],
            "carers": row["carers"], "Funding": row["payer"], "Pathway": row["pathway"],
            "Start date": row["when"][0], "End date": row["when"][1],
            "area_code": place if kind == "area_code" else "",
            "x_m": place[0] if kind == "xy" else "", "y_m": place[1] if kind == "xy" else "",
            "Postcode": place if kind == "postcode" else "",
        }
        placed = why not in ORDER
        if placed:
            by_area[service, why] += each
        for copy in range(row["copies"] + 1):
            reason = "duplicate row" if copy else ("placed" if placed else why)
            lines.append(line)
            rank = len(ORDER) if reason == "placed" else ORDER.index(reason)
            for block in (service, "*"):
                sums[block, reason][0] += each
                sums[block, reason][1] += 1
                person = (block, row["person"] or f"K{i}")
                ranks[person] = max(ranks.get(person, -1), rank)
    random.shuffle(lines)
    services: list[dict[str, object]] = [SERVICES[0], {"name": "O"}]
    if not with_rest:
        services[1] = {"name": "O", "payers": ["LCC"]}
    with tempfile.TemporaryDirectory() as folder:
        asked = brief(Path(folder), pd.DataFrame(lines).to_csv(index=False), services=services)
        if not by_area:
            with pytest.raises(InputError, match="no hours are placed"):
                read_demand(asked, grid())
            return
        read = read_demand(asked, grid())

    for block in {b for b, _ in sums} | {"D", "O"}:
        found = reasons(read, ALL_SERVICES if block == "*" else block)
        whole = found.pop(READ)
        people = {p for b, p in ranks if b == block}
        assert whole[0] == pytest.approx(sum(v[0] for (b, _), v in sums.items() if b == block),
                                         abs=1e-6)
        assert whole[1] == sum(v[1] for (b, _), v in sums.items() if b == block)
        assert whole[2] == len(people) == sum(f[2] for f in found.values())
        for reason, (hours_, packages_, people_) in found.items():
            want = sums.get((block, reason), [0.0, 0])
            rank = len(ORDER) if reason == "placed" else ORDER.index(reason)
            assert hours_ == pytest.approx(want[0], abs=1e-6)
            assert packages_ == want[1]
            assert people_ == sum(r == rank for (b, _), r in ranks.items() if b == block)
    for demand in read.demands:
        for area in CODES:
            assert demand.frame.loc[area, "weekly_hours"] == pytest.approx(
                by_area.get((demand.service, area), 0.0), abs=1e-6)
        line_hours = demand.detail.groupby("area_code")["weekly_hours"].sum()
        pd.testing.assert_series_equal(
            line_hours, demand.frame["weekly_hours"][demand.frame["packages"] > 0].sort_index(),
            check_index_type=False)


# ---------------------------------------------------------------- ready-made hours


def test_ready_made_hours(tmp_path):
    """Areas that are not in the file count as nought, and are told."""
    text = f"area_code,weekly_hours,people\n{CODES[1]},12.5,3\n{CODES[0]},\"1,007\",40\n"
    read = read_demand(brief(tmp_path, text, ready=True), grid())
    frame = read.demands[0].frame
    assert frame.index.to_list() == CODES
    assert frame["weekly_hours"].to_list() == [1007, 12.5, 0, 0]
    assert frame["people"].to_list() == [40, 3, 0, 0]
    assert read.demands[0].people_known
    assert not read.demands[0].packages_known
    assert reasons(read) == {READ: (1019.5, None, 43), PLACED: (1019.5, None, 43)}
    assert "2 of 4 areas on the map are not in the file" in str(read.warnings[0])


def test_ready_made_hours_by_payer_and_service(tmp_path):
    rows = [(CODES[0], "LCC", "D", 10), (CODES[0], "NHS", "D", 20), (CODES[0], "LCC", "o", 40)]
    text = pd.DataFrame(rows, columns=["LSOA21CD", "payer", "service", "hours"]).to_csv(index=False)
    read = read_demand(brief(tmp_path, text, ready=True, services=SERVICES), grid())
    assert [d.total_hours for d in read.demands] == [30, 40]
    assert read.demands[0].detail["payer"].to_list() == ["LCC", "NHS"]
    assert reasons(read, ALL_SERVICES)[PLACED] == (70, None, None)
    one = read_demand(brief(tmp_path, text, ready=True), grid())
    assert one.demands[0].total_hours == 70
    assert "added up" in str(one.warnings[0])


@pytest.mark.parametrize(("rows", "says"), [
    ("E01000001,ten", "row 2, column weekly_hours: not a number ('ten')"),
    ("E01000001,nan", "row 2, column weekly_hours: not a number ('nan')"),
    ("E01000001,-1", "below the least allowed, 0 hours a week"),
    ("E01000001,50000.5", "above the most allowed, 50000 hours a week"),
    ("E01000001,", "blank, where a number is needed"),
    (",5", "1 row without an area code: row 2"),
    ("E01000001,5\nE01000001,6", "1 area occurs more than once: E01000001"),
    ("E01000001,5\nE01888888,7.5", "1 of 2 area codes not on the map: E01888888. Their 7.5"),
    ("E01000001,0", "no hours are placed"),
])
def test_wrong_ready_made_hours_are_refused(rows, says, tmp_path):
    with pytest.raises(InputError) as caught:
        read_demand(brief(tmp_path, f"area_code,weekly_hours\n{rows}\n", ready=True), grid())
    assert says in str(caught.value)


@pytest.mark.parametrize("value", ["0", "50000"])
def test_hours_at_the_limits_pass(value, tmp_path):
    text = f"area_code,weekly_hours\nE01000001,{value}\nE01000002,1\n"
    assert read_demand(brief(tmp_path, text, ready=True), grid()).demands[0].total_hours > 0


def test_services_of_ready_made_hours_must_be_the_briefs(tmp_path):
    text = "area_code,weekly_hours\nE01000001,5\n"
    with pytest.raises(InputError, match="no column 'service'"):
        read_demand(brief(tmp_path, text, ready=True, services=SERVICES), grid())
    text = "area_code,weekly_hours,service\nE01000001,5,D\nE01000001,5,compelx\n"
    with pytest.raises(InputError, match="row 3, column service: 1 row of a ser") as caught:
        read_demand(brief(tmp_path, text, ready=True, services=SERVICES), grid())
    assert "The services are: D, O." in str(caught.value)


def test_fractions_of_people_are_rounded_and_told(tmp_path):
    """People spread by population come as fractions."""
    text = "area_code,weekly_hours,people\nE01000001,5,2.6\nE01000002,5,2\n"
    read = read_demand(brief(tmp_path, text, ready=True), grid())
    assert read.demands[0].frame["people"].sum() == 5
    assert "1 row without a whole number" in str(read.warnings[0])


@pytest.mark.parametrize(("unknown", "known", "says"), [
    (["E01013999"], ["E01013800", "E01035056"], "LSOAs of 2011; the map has those of 2021"),
    (["E01035056"], ["E01013800", "E01033768"], "LSOAs of 2021; the map has those of 2011"),
    (["E00012345"], ["E01013800"], "codes of output areas; the map has LSOAs"),
    (["e01013800"], ["E01013800"], "Did you mean 'E01013800' for 'e01013800'"),
    (["Oakhm"], ["Oakham", "Uppingham"], "Did you mean 'Oakham' for 'Oakhm'"),
    (["E01013801"], ["E01013800"], "another county, or another edition"),
])
def test_unknown_codes_get_the_likely_cause(unknown, known, says):
    """True codes are all alike, so no near miss is guessed for them."""
    assert says in unknown_codes_hint(unknown, known)


# ---------------------------------------------------------------- invariants and real data


def test_a_demand_that_does_not_add_up_cannot_be_made():
    frame = pd.DataFrame({"weekly_hours": [5.0], "people": [1], "packages": [1]},
                         index=pd.Index(["a"], name="area_code"))
    detail = pd.DataFrame({"area_code": ["a"], "payer": "", "pathway": "", "weekly_hours": [5.0],
                           "people": [1], "packages": [1]})
    Demand(service="all", frame=frame, detail=detail)
    with pytest.raises(LottingError, match="does not add up"):
        Demand(service="all", frame=frame, detail=detail.assign(weekly_hours=4.9))
    with pytest.raises(LottingError, match="negative"):
        Demand(service="all", frame=frame - 6, detail=detail.assign(weekly_hours=-1.0))


def test_codes_and_grid_references_agree_on_real_postcodes(shared):
    """Of a county's postcodes, the LSOA by code is the LSOA at the point, all but a few.

    The boundaries are generalised (20 m), so a postcode at a border can fall on the other side.
    """
    areas = gpd.read_file(shared / "geo/units/rutland.gpkg", layer="lsoa21").set_index("LSOA21CD")
    areas.index = areas.index.astype("str")
    lookup = read_postcodes(shared / "geo/postcodes/postcodes_rutland.csv.gz",
                            area_codes=areas.index)
    assert lookup.complete
    points, _ = areas_at(lookup.frame["x_m"], lookup.frame["y_m"], areas)
    assert (points == lookup.frame["area_code"]).mean() > 0.99
    rows = pd.DataFrame({"area_code": "", "postcode": lookup.frame.index.to_numpy(),
                         "x_m": np.nan, "y_m": np.nan})
    place = locate(rows, areas, lambda _: lookup)
    assert place["area_code"].to_list() == lookup.frame["area_code"].to_list()
