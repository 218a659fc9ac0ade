"""Bidding intentions: cover of every lot by size of firm, and answers that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from allocation.market.intentions import SIZES, cover, read_intentions, viability
from allocation.market.simulate import made_up_intentions
from lotting.errors import InputError

LOTS = [str(i) for i in range(1, 19)]


def write(folder: Path, text: str) -> Path:
    file = folder / "intentions.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_leicestershire_has_the_interest_it_published(tmp_path: Path) -> None:
    """SYSTEMS.md L5: interest in all 18 lots; 76 % call the lots viable with no or minor concerns."""
    table = made_up_intentions(LOTS, seed=5)
    table.to_csv(tmp_path / "a.csv", index=False)
    read = read_intentions(tmp_path / "a.csv", LOTS)
    found = cover(read)
    assert found.index.to_list() == LOTS
    assert (found["firms"] > 0).all()
    assert viability(read).fine_pct == 76
    assert viability(read).firms == viability(read).answered == 50
    told = table.groupby("lot")["provider_id"].nunique()
    assert found["firms"].to_dict() == told.to_dict()
    assert (found[[*SIZES, "size_not_given"]].sum(axis=1) == found["firms"]).all()


@pytest.mark.parametrize(("staff", "size"), [(9, "micro"), (10, "small"), (49, "small"), (50, "medium"),
                                             (250, "medium"), (251, "large")])
def test_edges_of_sizes(tmp_path: Path, staff: int, size: str) -> None:
    """A large firm has over 250 staff: 250 is medium, 251 large."""
    read = read_intentions(write(tmp_path, f"provider_id,lot,staff\nA,1,{staff}\n"))
    assert cover(read).loc["1", size] == 1
    assert cover(read).loc["1", "firms"] == 1


def test_words_and_lots_as_people_write_them(tmp_path: Path) -> None:
    """Several lots in a cell, all of them, "Lot 2" for 2; a no is kept apart; blank is a yes."""
    file = write(tmp_path, (
        "Provider name;Lot;Size;Role;Viability;Interested\n"
        'A;"1; Lot 2";Large;Lead provider;Viable - minor concerns;Yes\n'
        "B;All;;Sub-contractor;;maybe\n"
        "C;2;micro;;No;no\n"
        "D;3;Small;Consortium member;Not viable;\n"))
    read = read_intentions(file, ["1", "2", "3", "4"])
    found = cover(read)
    assert found["firms"].to_list() == [2, 2, 2, 1]
    assert found["large"].to_list() == [1, 1, 0, 0]
    assert found["size_not_given"].to_list() == [1, 1, 1, 1]
    assert found["sub-contractor"].to_list() == [1, 1, 1, 1]
    assert found["fine_pct"].iloc[:1].to_list() == [100]
    assert found.loc["3", "fine_pct"] == 0
    assert pd.isna(found.loc["4", "fine_pct"])
    assert read.declined[["provider_id", "lot"]].to_numpy().tolist() == [["C", "2"]]


def test_a_lot_nobody_wants_is_there(tmp_path: Path) -> None:
    """Every lot of the plan has a row; without a plan, those the answers name."""
    file = write(tmp_path, "provider_id,lot\nA,2\nA,10\n")
    assert cover(read_intentions(file, ["1", "2", "10"]))["firms"].to_dict() == {"1": 0, "2": 1, "10": 1}
    assert read_intentions(file).lots == ("2", "10")


def test_all_lots_without_a_plan_are_those_that_are_named(tmp_path: Path) -> None:
    """"all" then means every lot anybody names."""
    read = read_intentions(write(tmp_path, "provider_id,lot\nA,2\nB,1\nC,all\n"))
    assert cover(read)["firms"].to_dict() == {"1": 2, "2": 2}


def test_a_firm_counts_with_its_worst_answer(tmp_path: Path) -> None:
    """One lot with major concerns is enough for a firm not to call its lots viable."""
    read = read_intentions(write(tmp_path, (
        "provider_id,lot,viability\nA,1,viable\nA,2,major concerns\nB,1,minor concerns\nC,1,\n")))
    found = viability(read)
    assert (found.firms, found.answered, found.fine, found.fine_pct) == (3, 2, 1, 50)
    assert cover(read).loc["1", ["answered", "fine"]].to_list() == [2, 2]


def test_a_size_given_once_holds_for_all_rows(tmp_path: Path) -> None:
    """The size of a firm in one of its rows is its size in all."""
    read = read_intentions(write(tmp_path, "provider_id,lot,size\nA,1,small\nA,2,\n"))
    assert cover(read)["small"].to_list() == [1, 1]


def test_everything_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    """One error with every problem, its row and what to do."""
    file = write(tmp_path, (
        "provider_id,lot,size,staff,role,viability\n"
        ",1,small,,,\n"
        "A,99,huge,,,\n"
        "B,1,small,,boss,fine by me\n"
        "B,1,large,,,\n"
        "C,,,many,,\n"
        "D,;,,,,\n"))
    with pytest.raises(InputError) as caught:
        read_intentions(file, ["1", "2"])
    text = "\n".join(map(str, caught.value.problems))
    for said in ("row 2, column provider_id", "no such lot in the plan ('99')", "'huge'", "'boss'",
                 "'fine by me'", "two sizes: B", "B answers again for lot 1", "row 6, column lot",
                 "('many')", "('" + ";" + "')"):
        assert said in text, said


@pytest.mark.parametrize("header", ["provider_id,size", "lot,size"])
def test_a_missing_column_is_named(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match="there is no column of"):
        read_intentions(write(tmp_path, f"{header}\nA,small\n"))
