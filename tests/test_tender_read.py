"""A tender's files: what is read, and that every problem is said at once, by file, row and column."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from award_cases import write_files
from e2e.small import CODES, HOURS, edit, listing, locality, make, middle, write_csv

from allocation.tender.brief import PriceBrief, QualityBrief, RulesBrief, Tender, load_tender
from allocation.tender.load import Case, load_case, make_case
from lotting.errors import InputError

TENDER = """\
[lots]
file = "lots.csv"
neighbours = "neighbours.csv"

[market]
providers = "providers.csv"
bids = "bids.csv"
members = "members.csv"
incumbents = "incumbents.csv"

[price]
weight = 40
lower_rate_gbp = 18
upper_rate_gbp = 25

[quality]
weight = 60
threshold = 50

[rules]
providers_per_lot = [1, 3]
shares = { 2 = [70, 30] }
per_lot = { 10 = 2 }
max_lots = 3
"""
FILES = {
    "lots.csv": "lot,weekly_hours,locality,people\n10,500,North,40\n2,300.5,North,\n1,\"1,400\",South,120\n",
    "neighbours.csv": "lot,neighbour\n2,1\n1,2\n10,2\n",
    "providers.csv": ("provider_id,name,size,max_lots,max_weekly_hours,min_weekly_hours,new_entrant,quality\n"
                      "a,Alpha Care,Small,2,900,50,yes,70\nb,Beta,,,,,,\nc,,large,,,,no,55\n"),
    "members.csv": "provider_id,member_id,share_pct\nc,c,60\nc,a,25\nc,sub,15\n",
    "incumbents.csv": "lot,provider_id,weekly_hours,people\n10,old,300,25\n2,b,100.5,\n",
    "bids.csv": ("bid_id,provider_id,lot,hourly_rate_gbp,quality,capacity_hours,preference,discount_pct\n"
                 "b1,a,1,20.00,,600,1,\nb2,b,2,22.50,80,,2,\n"
                 "p1,c,1,21.00,,,1,5\np1,c,10,22.00,65,,,\n"
                 "b3,b,10,25.01,90,,1,\nb4,a,2,18.00,49.9,,2,\n"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path, {**FILES, "tender.toml": TENDER})


def said(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_case(folder)
    return [str(p) for p in caught.value.problems]


def test_a_sound_tender_is_read(folder: Path) -> None:
    """Lots in natural order, edges once, defaults of blank cells, and every file's hash."""
    before = listing(folder)
    case = load_case(folder)
    assert case.lots.frame["weekly_hours"].to_dict() == {"1": 1400.0, "2": 300.5, "10": 500.0}
    assert list(case.lots.graph.nodes) == ["1", "2", "10"]
    assert list(case.lots.graph.edges) == [("1", "2"), ("2", "10")]
    assert case.lots.frame["people"].isna().to_dict() == {"1": False, "2": True, "10": False}
    providers = case.providers.frame
    assert providers["name"].to_dict() == {"a": "Alpha Care", "b": "Beta", "c": "c"}
    assert providers["size"].to_list() == ["small", "", "large"]
    assert providers["new_entrant"].to_list() == [True, False, False]
    assert providers["max_lots"].fillna(-1).to_list() == [2, -1, -1]
    assert case.incumbents["weekly_hours"].to_dict() == {("2", "b"): 100.5, ("10", "old"): 300.0}
    assert case.tender.rules.winners("10") == (2, 2)
    assert case.tender.rules.winners("1") == (1, 3)
    assert [str(w) for w in case.warnings] == [
        ("incumbents that do not bid, nor are part of a bid: old. All their hours move. Check that their ids "
         "are those of the providers' table.")]
    assert case.inputs == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in [*FILES, "tender.toml"]}
    assert listing(folder) == before


def test_members_are_complete(folder: Path) -> None:
    """A bidder without rows is its own only member; the parts of each add up to 100."""
    members = load_case(folder).providers.members
    assert members.to_dict("list") == {
        "provider_id": ["a", "b", "c", "c", "c"], "member_id": ["a", "b", "c", "a", "sub"],
        "share_pct": [100.0, 100.0, 60.0, 25.0, 15.0]}


def test_bids_are_discounted_and_those_outside_the_rules_set_aside(folder: Path) -> None:
    """A discount and a preference said once are of the whole package; blank quality is the provider's.

    A bid at the lower rate is inside, one a penny above the upper is out.
    """
    bids = load_case(folder).bids
    offers = bids.offers.set_index(["bid_id", "lot"])
    assert offers["rate_gbp"].to_dict() == {
        ("b1", "1"): 20.0, ("b2", "2"): 22.5, ("p1", "1"): 19.95, ("p1", "10"): 20.9}
    assert offers["preference"].to_list() == [1.0, 2.0, 1.0, 1.0]
    assert offers["quality"].to_list() == [70.0, 80.0, 55.0, 65.0]
    assert offers["capacity_hours"].fillna(0).to_list() == [600.0, 0.0, 0.0, 0.0]
    assert bids.set_aside.to_dict("records") == [
        {"bid_id": "b3", "provider_id": "b", "lot": "10",
         "reason": "rate of £25.01 is above the upper rate of £25.00"},
        {"bid_id": "b4", "provider_id": "a", "lot": "2",
         "reason": "quality 49.9 is below the threshold of 50"}]


@pytest.mark.parametrize(("old", "at_limit", "bid"), [
    ("25.01", "25.00", "b3"), ("49.9", "50", "b4"), ("b4,a,2,18.00,49.9", "b4,a,2,18.00,50", "b4")])
def test_a_bid_at_a_limit_is_inside(folder: Path, old: str, at_limit: str, bid: str) -> None:
    """At the upper rate, at the threshold, at the lower rate; a little beyond, as above, is out."""
    assert bid in load_case(folder).bids.set_aside["bid_id"].to_list()
    edit(folder / "bids.csv", old, at_limit)
    assert bid in load_case(folder).bids.offers["bid_id"].to_list()


def test_a_package_falls_whole(folder: Path) -> None:
    """One row of a package below the threshold: both rows are set aside, each with its reason."""
    edit(folder / "bids.csv", "p1,c,10,22.00,65", "p1,c,10,22.00,12")
    aside = load_case(folder).bids.set_aside.set_index(["bid_id", "lot"])["reason"]
    assert aside["p1", "10"] == "quality 12 is below the threshold of 50"
    assert aside["p1", "1"] == "the package falls with its bid for lot 10"


def test_a_discount_can_fall_below_the_lower_rate(folder: Path) -> None:
    """What counts is the rate that would be paid."""
    edit(folder / "bids.csv", "p1,c,1,21.00,,,1,5", "p1,c,1,21.00,,,1,16")
    aside = load_case(folder).bids.set_aside.set_index(["bid_id", "lot"])["reason"]
    assert aside["p1", "1"] == "rate of £17.64 is below the lower rate of £18.00"


@pytest.mark.parametrize(("file", "old", "new", "expected"), [
    ("lots.csv", "2,300.5", "2,0", "lots.csv, row 3, column weekly_hours: must be above 0 ('0')"),
    ("lots.csv", "2,300.5", "2,", "lots.csv, row 3, column weekly_hours: blank, where a number is needed"),
    ("lots.csv", "2,300.5", "10,300.5", "lots.csv, row 3, column lot: more than one row of a lot: 10"),
    ("lots.csv", "2,300.5", ",300.5", "lots.csv, column lot: 1 row without a lot: row 3"),
    ("lots.csv", "weekly_hours", "wekly_hrs", "lots.csv: there is no column 'weekly_hours'. Did you mean"),
    ("lots.csv", "lot,weekly_hours,locality,people\n10,500,North,40",
     "lot,weekly_hours,easting,people\n10,500,400000,40",
     "lots.csv, row 2: x_m and y_m go together: lot 10. Give both"),
    ("lots.csv", "lot,weekly_hours,locality,people\n10,500,North,40",
     "lot,weekly_hours,easting,northing\n10,500,0.1,52.2",
     "lots.csv, row 2, column northing: below the least allowed, 1000 m ('52.2')"),
    ("neighbours.csv", "10,2", "10,3", "neighbours.csv, row 4, column neighbour: no such lot ('3')"),
    ("neighbours.csv", "10,2", "10,10", "neighbours.csv, row 4: a lot is named as its own neighbour ('10')"),
    ("providers.csv", "b,Beta", "a,Beta",
     "providers.csv, row 3, column provider_id: more than one row of a provider's id: a"),
    ("providers.csv", "Small,2", "tiny,2", "providers.csv, row 2, column size: no size of firm ('tiny')"),
    ("providers.csv", "Small,2", "Small,2.5",
     "providers.csv, row 2, column max_lots: no whole number ('2.5')"),
    ("providers.csv", "900,50", "900,901",
     "providers.csv, row 2, column min_weekly_hours: min_weekly_hours above max_weekly_hours: a"),
    ("providers.csv", "max_lots", "max_lot", "one that is nearly called so: 'max_lot'"),
    ("providers.csv", ",yes,", ",perhaps,",
     "providers.csv, row 2, column new_entrant: neither yes nor no ('perhaps')"),
    ("members.csv", "c,sub,15", "c,sub,14",
     "members.csv, row 2, column share_pct: the shares of c add up to 99"),
    ("members.csv", "c,sub,15", "c,a,15", "members.csv, row 4, column member_id: member a is listed twice"),
    ("members.csv", "c,sub,15", "c,sub,15\na,x,100",
     "members.csv, row 3, column member_id: members with members of their own: a"),
    ("members.csv", "c,sub,15", "c,sub,15\nz,x,100",
     "members.csv, row 5, column provider_id: no such provider"),
    ("incumbents.csv", "2,b,100.5", "2,b,300.6",
     "incumbents.csv, column weekly_hours: the incumbents of lot 2 hold 300.6 hours a week"),
    ("incumbents.csv", "2,b,100.5", "10,old,100.5", "incumbents.csv, row 3: old is listed twice in lot 10"),
    ("incumbents.csv", "2,b,", "9,b,", "incumbents.csv, row 3, column lot: no such lot ('9')"),
    ("bids.csv", "b1,a,1", "b1,a,11", "bids.csv, row 2, column lot: no such lot ('11')"),
    ("bids.csv", "b1,a,1", "b1,z,1", "bids.csv, row 2, column provider_id: no such provider ('z')"),
    ("bids.csv", "20.00", "2000", "bids.csv, row 2, column hourly_rate_gbp: above the most allowed, 500"),
    ("bids.csv", "22.50,80", "22.50,", "bids.csv, column quality: 1 bid without quality: row 3"),
    ("bids.csv", "22.50,80", "22.50,180", "bids.csv, row 3, column quality: above the most allowed, 100"),
    ("bids.csv", "p1,c,10", "p1,c,1", "bids.csv, row 5, column lot: bid p1 names lot 1 twice"),
    ("bids.csv", "p1,c,10", "p1,b,10",
     "bids.csv, row 5, column provider_id: more than one provider in bid p1"),
    ("bids.csv", "65,,,", "65,,2,", "bids.csv, row 5, column preference: more than one preference in bid p1"),
    ("bids.csv", "65,,,", "65,,,4", "bids.csv, row 5, column discount_pct: more than one discount in bid p1"),
    ("bids.csv", "600,1,", "600,1.5,", "bids.csv, row 2, column preference: no whole number ('1.5')"),
    ("tender.toml", "weight = 40", "weight = 50",
     "tender.toml: the weights of price and quality add up to 110, where they must add up to 100"),
    ("tender.toml", "max_lots = 3", "max_lot = 3",
     "tender.toml, [rules] max_lot: unknown key. Did you mean max_lots?"),
    ("tender.toml", "[1, 3]", "[3, 1]",
     "tender.toml, [rules] providers_per_lot: the least number, 3, is above the most, 1"),
    ("tender.toml", "[1, 3]", "0", "tender.toml, [rules] providers_per_lot"),
    ("tender.toml", "[70, 30]", "[70, 20]", "tender.toml, [rules] shares: the shares of 2 winners must"),
    ("tender.toml", "[70, 30]", "[30, 70]",
     "tender.toml, [rules] shares: the shares of 2 winners must go from"),
    ("tender.toml", "[70, 30]", "[70, 20, 10]",
     "tender.toml, [rules] shares: 2 winners need 2 shares, not 3"),
    ("tender.toml", "per_lot = { 10 = 2 }", "per_lot = { 11 = 2 }",
     "tender.toml, [rules] per_lot: no such lot: 11. The lots are 1, 2, 10"),
    ("tender.toml", "lower_rate_gbp = 18", "lower_rate_gbp = 25",
     "tender.toml, [price]: lower_rate_gbp must be below upper_rate_gbp"),
    ("tender.toml", "lower_rate_gbp = 18", 'formula = "points_per_pound"',
     "tender.toml, [price]: the formula points_per_pound and the number points_per_pound go together"),
    ("tender.toml", "lower_rate_gbp = 18", 'formula = "between_rates"',
     "tender.toml, [price]: the formula between_rates needs lower_rate_gbp and upper_rate_gbp"),
    ("tender.toml", '"bids.csv"', '"bid.csv"',
     "tender.toml, [market] bids: there is no such file ('bid.csv')"),
    ("tender.toml", '[market]\nproviders = "providers.csv"', "[market]",
     "tender.toml, [market] providers: missing"),
    ("tender.toml", "[lots]\n", '[lots]\nproject = "b.toml"\n', "tender.toml, [lots]: give either file"),
    ("tender.toml", "max_lots = 3", "max_weekly_hours = 3\nmin_weekly_hours = 4",
     "tender.toml, [rules]: min_weekly_hours, 4, is above max_weekly_hours, 3"),
    ("tender.toml", "[lots]\n", '[lots]\nservice = "all"\n',
     "tender.toml, [lots]: service is of a project: leave it out"),
    ("tender.toml", 'members = "members.csv"', 'sheets = { members = "M" }',
     "tender.toml, [market]: sheets or columns are given of members, but no such file is named"),
    ("tender.toml", "max_lots = 3", 'tie_rule = ["price", "price"]',
     "tender.toml, [rules] tie_rule: name each rule once"),
])
def test_one_mistake_is_named_by_file_row_and_column(
    folder: Path, file: str, old: str, new: str, expected: str
) -> None:
    """One mistake in a sound tender, and where it is said to be."""
    edit(folder / file, old, new)
    found = said(folder)
    assert any(expected in text for text in found), found


def test_every_problem_of_every_file_is_said_at_once(folder: Path) -> None:
    """A mistake in each table: one error names all of them, even what only other tables can tell."""
    edit(folder / "lots.csv", "500", "five hundred")
    edit(folder / "neighbours.csv", "10,2", "10,77")
    edit(folder / "providers.csv", "Small", "tiny")
    edit(folder / "members.csv", "c,sub,15", "c,sub,10")
    edit(folder / "incumbents.csv", "300", "-1")
    edit(folder / "bids.csv", "20.00", "free")
    found = "\n".join(said(folder))
    for file in FILES:
        assert file in found
    assert len(said(folder)) == len(FILES)


def test_a_mistake_in_the_rules_and_a_missing_file_are_said_together(folder: Path) -> None:
    edit(folder / "tender.toml", "max_lots = 3", "max_lots = 0\nreserves = -1")
    (folder / "lots.csv").unlink()
    found = said(folder)
    assert len(found) == 3
    assert "[lots] file: there is no such file ('lots.csv')" in found[2]


def test_a_cap_by_locality_needs_localities(folder: Path) -> None:
    edit(folder / "lots.csv", "1,\"1,400\",South", "1,\"1,400\",")
    edit(folder / "tender.toml", "max_lots = 3", "max_locality_share_pct = 50")
    assert said(folder) == [
        ("tender.toml, [rules] max_locality_share_pct: a share of each locality is capped, but lots have no "
         "locality: 1. Give every lot's locality.")]


def test_hours_that_move_need_incumbents(folder: Path) -> None:
    edit(folder / "tender.toml", "max_lots = 3", "moved_weight = 10")
    load_case(folder)
    edit(folder / "tender.toml", 'incumbents = "incumbents.csv"\n', "")
    assert "nothing says who does the work today" in said(folder)[0]


def test_columns_and_worksheets_can_be_named(folder: Path) -> None:
    """All tables in one workbook, under the council's own names, read as the CSV files are."""
    expected = load_case(folder)
    names = {"hourly_rate_gbp": "Submitted £/h (2026)", "lot": "Where"}
    with pd.ExcelWriter(folder / "returns.xlsx", engine="xlsxwriter") as book:
        for name in ("providers", "bids"):
            table = pd.read_csv(folder / f"{name}.csv")
            table.rename(columns=names if name == "bids" else {}).to_excel(book, sheet_name=name, index=False)
    for name in ("providers", "bids"):
        edit(folder / "tender.toml", f'{name} = "{name}.csv"', f'{name} = "returns.xlsx"')
    edit(folder / "tender.toml", 'incumbents = "incumbents.csv"\n', (
        'incumbents = "incumbents.csv"\nsheets = { bids = "bids" }\n'
        '[market.columns.bids]\nlot = "Where"\nhourly_rate_gbp = "Submitted £/h (2026)"\n'))
    case = load_case(folder)
    pd.testing.assert_frame_equal(case.bids.offers, expected.bids.offers)
    pd.testing.assert_frame_equal(case.providers.frame, expected.providers.frame)
    edit(folder / "tender.toml", 'lot = "Where"', 'lot = "Wher"\nprice = "Where"')
    found = "\n".join(said(folder))
    assert "there is no column 'Wher', which [market.columns.bids] lot names. Did you mean 'Where'?" in found
    assert "there is no column called 'price' to give a name to" in found


QUADRANTS = {c: str(1 + (CODES.index(c) % 6 >= 3) + 2 * (CODES.index(c) // 6 >= 2)) for c in CODES}


def of_project(tmp_path: Path, folder: Path) -> Path:
    """The tender, its lots those of a lotting project of four quadrants."""
    make(tmp_path / "council")
    write_csv(tmp_path / "council" / "plan.csv",
              pd.DataFrame({"area_code": CODES, "lot": [QUADRANTS[c] for c in CODES]}))
    edit(folder / "tender.toml", 'file = "lots.csv"\nneighbours = "neighbours.csv"',
         'project = "council/brief.toml"\nplan = "council/plan.csv"')
    for file in ("bids.csv", "incumbents.csv"):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace(",10,", ",4,").replace("\n10,", "\n4,"), encoding="utf-8")
    edit(folder / "tender.toml", "{ 10 = 2 }", "{ 4 = 2 }")
    return folder


def test_lots_of_a_project(tmp_path: Path, folder: Path) -> None:
    """Hours add up to the map's, quadrants touch along their sides and not over the corner."""
    case = load_case(of_project(tmp_path, folder))
    hours = {lot: sum(HOURS[c] for c in CODES if QUADRANTS[c] == lot) for lot in "1234"}
    assert case.lots.frame["weekly_hours"].to_dict() == hours
    assert case.lots.frame["locality"].to_dict() == {"1": "West", "2": "East", "3": "West", "4": "East"}
    assert list(case.lots.graph.edges) == [("1", "2"), ("1", "3"), ("2", "4"), ("3", "4")]
    for lot, at in case.lots.frame[["x_m", "y_m"]].iterrows():  # the area with least hours x squared way
        mine = [c for c in CODES if QUADRANTS[c] == lot]
        ways = {middle(c): sum(HOURS[o] * math.dist(middle(c), middle(o)) ** 2 for o in mine) for c in mine}
        assert ways[tuple(at)] == min(ways.values())
    assert {"brief.toml", "areas.gpkg", "hours.csv", "plan.csv", "bids.csv"} <= set(case.inputs)


def test_a_lot_across_localities_counts_where_most_hours_are(tmp_path: Path, folder: Path) -> None:
    """Said in a warning; the hours of each locality are added up by hand."""
    of_project(tmp_path, folder)
    first = CODES[:4]
    lots = {c: "1" if c in first else "2" for c in CODES}
    write_csv(tmp_path / "council" / "plan.csv",
              pd.DataFrame({"area_code": CODES, "lot": [lots[c] for c in CODES]}))
    edit(folder / "tender.toml", "per_lot = { 4 = 2 }\n", "")
    for file in ("bids.csv", "incumbents.csv"):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace(",4,", ",2,").replace("\n4,", "\n2,")
                                   .replace("b3,b,2", "b5,b,2"), encoding="utf-8")
    case = load_case(folder)
    for lot in "12":
        held = {name: sum(HOURS[c] for c in CODES if lots[c] == lot and locality(c) == name)
                for name in ("West", "East")}
        assert case.lots.frame.loc[lot, "locality"] == max(held, key=lambda name: held[name])
    assert any("2 lots lie in more than one locality: 1, 2" in str(w) for w in case.warnings)


def test_a_plan_with_a_lot_without_hours_is_refused(tmp_path: Path, folder: Path) -> None:
    of_project(tmp_path, folder)
    write_csv(tmp_path / "council" / "hours.csv", pd.DataFrame(
        {"area_code": CODES, "weekly_hours": [0 if QUADRANTS[c] == "3" else 100 for c in CODES]}))
    assert any("1 lot has no hours: 3" in text for text in said(folder))


def test_a_case_in_memory_is_the_case_of_its_files(folder: Path) -> None:
    """make_case of the files' frames gives what load_case gives, and refuses the same."""
    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{name}.csv", dtype={"lot": "str", "neighbour": "str"}, thousands=",")

    def in_memory(bids: pd.DataFrame) -> Case:
        tables: dict[str, Any] = {name: read(name) for name in ("members", "incumbents", "neighbours")}
        return make_case(
            read("lots"), read("providers").set_index("provider_id"), bids,
            {"providers_per_lot": [1, 3], "shares": {2: [70, 30]}, "per_lot": {"10": 2}, "max_lots": 3},
            price={"weight": 40, "lower_rate_gbp": 18, "upper_rate_gbp": 25},
            quality={"threshold": 50}, **tables)

    one, other = load_case(folder), in_memory(read("bids"))
    for attribute in ("offers", "set_aside", "rows"):
        pd.testing.assert_frame_equal(getattr(one.bids, attribute), getattr(other.bids, attribute))
    pd.testing.assert_frame_equal(one.providers.members, other.providers.members)
    pd.testing.assert_frame_equal(one.incumbents, other.incumbents)
    pd.testing.assert_frame_equal(one.lots.frame, other.lots.frame)
    assert (one.tender.rules, one.tender.price, one.warnings) == (
        other.tender.rules, other.tender.price, other.warnings)
    with pytest.raises(InputError, match="bids, row 2, column lot: no such lot"):
        in_memory(read("bids").replace({"lot": {"1": "99"}}))


def test_rules_are_changed_and_checked_again(folder: Path) -> None:
    """What changes is the key named; a wrong one is refused as in the file."""
    tender = load_tender(folder)
    assert tender.changed(rules={"max_lots": 1}).rules == tender.rules.model_copy(update={"max_lots": 1})
    assert tender.changed(rules={"max_lots": 1}).market == tender.market
    with pytest.raises(InputError, match=r"\[rules\] max_lots: should be greater than or equal to 1"):
        tender.changed(rules={"max_lots": 0})
    with pytest.raises(InputError, match="add up to 130"):
        tender.changed(price={"weight": 70})


def test_defaults_bind_nothing() -> None:
    """Without rules there is one winner a lot and no cap."""
    rules = Tender(price=PriceBrief(weight=40), quality=QualityBrief(weight=60)).rules
    assert rules == RulesBrief()
    assert rules.winners("any") == (1, 1)
    assert {rules.max_lots, rules.max_weekly_hours, rules.max_share_pct, rules.max_providers} == {None}
    assert {rules.min_weekly_hours, rules.failure_cover_pct, rules.moved_weight, rules.reserves} == {0}
