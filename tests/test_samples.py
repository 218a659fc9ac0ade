"""Sample tenders: what is written can be read, awarded and checked; nothing is written over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from allocation.award.award import AwardStatus, award
from allocation.award.check import check_award
from allocation.cli import app
from allocation.samples.scaffold import COUNCILS, TENDERS, new_sample
from allocation.tender.load import Case, load_case
from lotting.embedded import county_areas
from lotting.errors import InputError
from lotting.scaffold import new_project


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """The sample county with today's zones for lots."""
    folder = tmp_path_factory.mktemp("drawn") / "county"
    new_project(folder, "leicestershire")
    (folder / "out").mkdir()
    shutil.copy(folder / "today.csv", folder / "out" / "plan.csv")
    return folder


@pytest.fixture(scope="module")
def county(drawn) -> Case:
    """The sample county's tender."""
    assert all(path.is_file() for path in new_sample(drawn))
    return load_case(drawn)


@pytest.mark.parametrize("council", TENDERS)
def test_a_sample_can_be_awarded(council, tmp_path, county):
    """Every sample has an award that the independent checker finds no fault with, and it is proven."""
    if council == "leicestershire":
        case = county
    else:
        assert all(path.is_file() for path in new_sample(tmp_path / "tender", council))
        case = load_case(tmp_path / "tender")
    found = award(case)
    assert found.status == AwardStatus.OPTIMAL
    assert check_award(case, found.frame) == []
    assert set(found.frame.index.get_level_values("lot")) == set(case.lots.frame.index)


@pytest.mark.parametrize("council", sorted(set(COUNCILS) - set(TENDERS)))
def test_a_sample_desk_can_be_worked_at(council, tmp_path):
    """Every hour of the list is placed or listed; more than half is placed; there is something to review."""
    folder = tmp_path / "desk"
    new_sample(folder, council)
    asked = pd.read_csv(folder / "list.csv")
    listed = str(folder / "list.csv")
    run = CliRunner().invoke(app, ["broker", "place", str(folder), listed, "--on", "2026-04-02", "--quiet"])
    assert run.exit_code == 0, run.output
    private = folder / "private"
    placed, left = pd.read_csv(private / "broker-placed.csv"), pd.read_csv(private / "broker-unplaced.csv")
    assert set(placed["package_id"]) | set(left["package_id"]) == set(asked["package_id"])
    assert len(placed) + len(left) == len(asked)
    assert len(placed) > len(asked) / 2
    status = CliRunner().invoke(app, ["broker", "status", str(folder), "--on", "2026-04-02"])
    assert status.exit_code == 0, status.output
    assert len(pd.read_csv(private / "broker-review.csv"))


def test_who_gives_the_care_today_adds_up(county):
    """Today's hours by lot and provider are the hours of the lots: the sample's packages all have one."""
    case = county
    held = case.incumbents["weekly_hours"].groupby("lot").sum()
    assert held.to_dict() == pytest.approx(case.lots.frame["weekly_hours"].to_dict(), abs=0.05)
    assert len(case.bids.set_aside), "the sample has bids outside the rates, to see them set aside"
    assert len(county_areas("leicestershire")) > len(case.lots.frame)


def test_rates_that_a_council_sets_are_those_published(tmp_path):
    """Herefordshire: GBP 15.80 an hour; complex lots at the 13.70 their figures come to."""
    new_sample(tmp_path / "h", "Herefordshire ")
    bids = pd.read_csv(tmp_path / "h" / "bids.csv")
    complex_lots = bids["lot"].str.startswith("Complex")
    assert set(bids.loc[complex_lots, "hourly_rate_gbp"]) == {13.7}
    assert set(bids.loc[~complex_lots, "hourly_rate_gbp"]) == {15.8}


def test_nothing_is_written_over(tmp_path):
    folder = tmp_path / "h"
    first = new_sample(folder, "hampshire")
    before = {path: path.read_bytes() for path in first}
    with pytest.raises(InputError, match="nothing is written over"):
        new_sample(folder, "hampshire")
    assert {path: path.read_bytes() for path in first} == before
    again = new_sample(tmp_path / "again", "hampshire")
    assert [p.read_bytes() for p in again] == list(before.values())


@pytest.mark.parametrize(("council", "words"), [
    ("york", "no sample of 'york'"), ("leicestershire", "there is no .*brief.toml"),
])  # fmt: skip
def test_what_cannot_be_made_is_said(council, words, tmp_path):
    with pytest.raises(InputError, match=words):
        new_sample(tmp_path / "t", council)
    assert not (tmp_path / "t").exists()
