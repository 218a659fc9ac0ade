"""Bad input of the broker: every problem at once, exit 2, nobody named; and the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from allocation.brokerage.brief import load_broker
from allocation.brokerage.office import load_office
from allocation.cli import app
from lotting.errors import InputError
from lotting.scaffold import new_project

BRIEF = """
[order]
rule = "tiers"
fair_price_gbp = 18.93
[providers]
file = "providers.csv"
[today]
file = "today.csv"
as_of = 2026-04-01
[blocked]
file = "blocked.csv"
[places]
postcodes = "postcodes.csv"
lots = "plan.csv"
"""
FILES = {
    "broker.toml": BRIEF,
    "providers.csv": "provider_id,rate_gbp,quality,free_hours,free_on,skills,postcode\n"
    "A,18.50,80,30,2026-04-01,hoist,HR1 1AA\nB,21.00,90,40,2026-04-01,,\n",
    "today.csv": "package_id,person_id,provider_id,weekly_hours,agreed_hours,start,postcode\n"
    "T1,N1,B,16,10,2026-03-20,HR1 1AB\nT2,N2,A,9,9,2025-01-01,HR1 1AB\n",
    "blocked.csv": "person_id,provider_id\nN3,A\n",
    "postcodes.csv": "pcds,oseast1m,osnrth1m,lsoa21\nHR1 1AA,351000,240000,E01000001\n"
    "HR1 1AB,352000,241000,E01000001\n",
    "plan.csv": "area_code,lot\nE01000001,Hereford\n",
    "list.csv": "package_id,person_id,weekly_hours,carers,skills,postcode,start\n"
    "K1,N1,10,1,,HR1 1AA,2026-04-08\nK2,N3,7,1,,HR1 1AB,\nK3,N4,10,2,peg,HR1 1AB,\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(
        app, ["broker", *map(str, arguments)], env={"COLUMNS": "80", "NO_COLOR": "1"}
    )
    assert result.exit_code == code, result.output
    if "--json" not in arguments and code == 0:
        assert [
            line for line in result.output.splitlines() if len(line) > 80 and "private" not in line
        ] == []
    return result.output


def test_a_day_at_the_desk(folder: Path) -> None:
    """Place, hand back, place again, explain, status: what is printed adds up."""
    listed = folder / "list.csv"
    out = run("place", folder, listed, "--on", "2026-04-02", "--by", "JB")
    assert "K1, 10 h: B (gives this person care already)" in out
    assert "K2, 7 h: B (tier 2, above the fair price)" in out
    assert "3 packages, 37.00 hours a week = 17.00 placed + 20.00 not placed." in out
    assert (
        (folder / "private" / "broker-unplaced.csv")
        .read_text(encoding="utf-8")
        .startswith("package_id,lot,area,hours,decision,reason\nK3,Hereford,Hereford,20.0,3,")
    )
    run("handback", folder, "K1", "--reason", "no carer", "--on", "2026-04-03")
    run("handback", folder, "T1", "--reason", "closing", "--on", "2026-04-03")
    assert "1 placed now, 1 before, 1 not." in run("place", folder, listed, "--on", "2026-04-03")
    told = run("explain", folder, "K1")
    assert "by JB" in told
    assert "handed back by B" in told
    assert "- has handed this package back: B" in told
    status = json.loads(run("status", folder, "--on", "2026-04-03", "--json"))
    assert {p["provider_id"]: p["hours"] for p in status["providers"]} == {"A": 19, "B": 7}
    assert [r["package_id"] for r in status["review"]] == ["T2"]
    assert status["decisions"] == 7


def test_a_trial_writes_nothing_in_the_register(folder: Path) -> None:
    data = json.loads(run("batch", folder, folder / "list.csv", "--dry-run", "--json"))
    assert data["hours_asked"] == data["hours_placed"] + data["hours_unplaced"] == 37
    assert data["whole_list_gains"]["hours"] == {"one_by_one": 17, "whole_list": 17}
    assert not (folder / "private" / "broker.sqlite").exists()


def test_a_trial_keeps_the_days_lists(folder: Path) -> None:
    """Its own files are called so; what was decided before it stays."""
    listed = folder / "list.csv"
    run("place", folder, listed, "--on", "2026-04-02")
    before = (folder / "private" / "broker-placed.csv").read_bytes()
    assert "broker-trial-placed.csv" in run("batch", folder, listed, "--on", "2026-04-02", "--dry-run")
    assert (folder / "private" / "broker-placed.csv").read_bytes() == before


def test_a_register_that_may_be_another_desks_is_noted(folder: Path) -> None:
    """Decisions for a provider that the table does not have, and by another rule."""
    run("place", folder, folder / "list.csv", "--package", "K2", "--on", "2026-04-02")
    (folder / "broker.toml").write_text(
        BRIEF.replace('"tiers"', '"quality_and_cost"').replace('[blocked]\nfile = "blocked.csv"\n', ""))
    for name, text in (("providers.csv", "Z,21.00,90,40,2026-04-01,,"), ("today.csv", "")):
        kept = "\n".join(line for line in FILES[name].splitlines() if "B," not in line and ",B" not in line)
        (folder / name).write_text(f"{kept}\n{text}\n", encoding="utf-8")
    notes = json.loads(run("place", folder, folder / "list.csv", "--on", "2026-04-03", "--json"))["notes"]
    assert [n.split(":")[0] for n in notes] == [
        "The register has decisions for 1 provider that the table of providers does not have",
        "The register's last decision was made by the rule tiers; the rule is now quality_and_cost."]
    told = run("explain", folder, "K1")
    assert "   Cost  Quality     Rate " in told


def test_lists_that_cannot_be_written_do_not_hide_what_was_decided(folder: Path) -> None:
    """A folder in the place of a file, as good as one that another program has open."""
    (folder / "private" / "broker-placed.csv" / "x").mkdir(parents=True)
    said = " ".join(run("place", folder, folder / "list.csv", "--on", "2026-04-02", code=2).split())
    assert "the results cannot be written" in said
    assert "3 decisions are in the register all the same" in said
    assert json.loads(run("status", folder, "--on", "2026-04-02", "--json"))["decisions"] == 3


def test_one_package_of_the_list(folder: Path) -> None:
    data = json.loads(run("place", folder, folder / "list.csv", "--package", "K2", "--json"))
    assert data["packages"] == 1
    assert "not on the list" in run("place", folder, folder / "list.csv", "--package", "K9", code=2)


def test_blocks_of_a_council_with_little_spot(folder: Path) -> None:
    assert "Of 25 spot hours a week, 0 would become 0 blocks" in run("blocks", folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rule = "tiers"', 'rule = "teirs"', "tiers"),
        ('rule = "tiers"', 'rule = "lot"', "[awards]"),
        ('rule = "tiers"', 'rule = "blocks"', "[contracts]"),
        ("fair_price_gbp", "fair_prize_gbp", "Did you mean fair_price_gbp?"),
        ("fair_price_gbp = 18.93", "weights = { cost = 60, quality = 50 }", "add up to 100, not 110"),
        ("as_of = 2026-04-01", 'as_of = "soon"', "should be a date"),
        ('"providers.csv"', '"prov.csv"', "no such file"),
    ],
)
def test_a_wrong_brief_is_told(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "broker.toml").write_text(BRIEF.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_broker(folder)
    assert said in str(caught.value)


def test_every_wrong_cell_is_told_at_once_and_nobody_is_named(folder: Path) -> None:
    (folder / "providers.csv").write_text(
        "provider_id,rate_gbp,quality,free_hours,status,suspended_from,suspended_to\n"
        "A,18.5,80,30,active,2026-05-01,2026-04-01\nA,-1,120,lots,sleeping,soon,\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        load_office(folder)
    said = str(caught.value)
    for part in (
        "this provider id is in an earlier row too",
        "below the least allowed, 0",
        "not a number",
        "above the most allowed, 100",
        "no such status",
        "no date that can be read",
        "the end is before the start",
    ):
        assert part in said
    (folder / "providers.csv").write_text(FILES["providers.csv"], encoding="utf-8")
    (folder / "blocked.csv").write_text("person_id,provider_id\nN3,Z\n", encoding="utf-8")
    (folder / "today.csv").write_text(
        "package_id,person_id,provider_id,weekly_hours,carers,start,end\n"
        "SECRET1,N1,Z,16,3,2026-03-20,2026-03-01\nSECRET1,N2,A,999,,,\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        load_office(folder)
    said = str(caught.value)
    for part in (
        "blocked.csv, column provider_id: not a provider that is known",
        "in an earlier row too",
        "neither 1 nor 2",
        "above the most allowed, 336",
        "the end is before the start",
    ):
        assert part in said
    assert "SECRET1" not in said
    assert "N1" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("package_id\nK1\n", "there is no column 'weekly_hours'"),
        ("package_id,weekly_hours,not_providers\nK1,5,Z\n", "a provider that is not known"),
        ("package_id,weekly_hours,provider_id\nK1,5,Z\n", "not a provider that is known"),
        ("package_id,weekly_hours,x_m,y_m\nK1,5,1,\n", "half a pair of coordinates"),
        ("package_id,weekly_hours,x_m,y_m\nK1,5,-2.7,52.1\n", "degrees, not metres"),
        ("package_id,weekly_hours\n,5\n", "no package id"),
    ],
)
def test_a_wrong_list_is_told_and_nothing_is_written(folder: Path, text: str, said: str) -> None:
    (folder / "list.csv").write_text(text, encoding="utf-8")
    assert said in " ".join(run("place", folder, folder / "list.csv", code=2).split())
    assert not (folder / "private").exists()


def test_a_package_that_is_placed_with_other_hours_is_not_placed_twice(folder: Path) -> None:
    (folder / "list.csv").write_text("package_id,weekly_hours\nT1,20\nT2,9\n", encoding="utf-8")
    out = run("place", folder, folder / "list.csv", "--on", "2026-04-02")
    assert "T1, 20 h: B has it already, with 16 h a week: have the hours changed there" in out
    assert "29.00 hours a week = 9.00 placed + 20.00 not placed" in out
    assert "1 not placed anew" in out
    assert "Hard to source" not in out
    assert "T2, 9 h: A (placed before)" in out


def test_there_is_nothing_to_explain_without_a_register(folder: Path) -> None:
    assert "there is no register" in run("explain", folder, "K1", code=2)
    run("place", folder, folder / "list.csv", "--on", "2026-04-02")
    assert "nothing was decided" in run("explain", folder, "K9", code=2)
    assert "no provider has" in run("handback", folder, "K9", "--reason", "x", code=2)


def test_the_map_of_what_is_hard_to_source(folder: Path, tmp_path: Path) -> None:
    """One page that needs no network, with every lot asked for, and nobody's package."""
    new_project(tmp_path / "council", "herefordshire")
    brief = BRIEF.replace('postcodes = "postcodes.csv"\nlots = "plan.csv"',
                          'project = "council/brief.toml"\nlots = "council/today.csv"')
    (folder / "broker.toml").write_text(brief, encoding="utf-8")
    lots = pd.read_csv(tmp_path / "council" / "today.csv")
    first = lots.iloc[0]
    (folder / "list.csv").write_text(
        f"package_id,weekly_hours,area_code\nSECRET1,9,\nSECRET2,99,{first['area_code']}\n", encoding="utf-8")
    run("place", folder, folder / "list.csv", "--on", "2026-04-02")
    page = (folder / "private" / "broker-map.html").read_text(encoding="utf-8")
    assert f">{first['lot']}<" in page
    assert "100 %" in page
    assert "SECRET" not in page
    assert "<script src" not in page
