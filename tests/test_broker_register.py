"""The register: it only grows, what is in it can be told months later, and hours are given away once."""

from __future__ import annotations

import datetime as dt
import multiprocessing as mp
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from broker_cases import ON, office, packages, two_thousand, work

from allocation.brokerage.broker import Broker
from allocation.brokerage.register import Register, RegisterError
from lotting.errors import InputError, StoppedError


def test_eight_processes_give_no_hour_away_twice_and_lose_no_decision(tmp_path: Path) -> None:
    """2,000 packages, 8 processes, one killed within a transaction: each package is decided exactly once,
    no provider holds more than it has, and what the killed one had begun is as if it never was."""
    path = tmp_path / "broker.sqlite"
    context: Any = mp.get_context("spawn")
    if "forkserver" in mp.get_all_start_methods():  # imports once, not eight times
        context = mp.get_context("forkserver")
        context.set_forkserver_preload(["allocation.brokerage.broker"])  # installed: it is found there
    workers = [context.Process(target=work, args=(path, i, 8, 20 if i == 3 else None)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [w.exitcode == 0 for w in workers] == [i != 3 for i in range(8)]
    with Register(path) as register:
        assert register.verify() == 7 * 250 + 20
    work(path, 3, 8, None)  # the list of the one that was killed, once more
    desk, listed = two_thousand()
    with Register(path) as register:
        assert register.verify() == 2000
        rows = pd.DataFrame(register.decisions())
        broker = Broker(desk, register, on=ON)
    assert rows["package_id"].is_unique
    assert set(rows["package_id"]) == {p.package_id for p in listed}
    placed = rows[rows["kind"] == "placed"].groupby("provider_id")["hours"].sum()
    assert placed.max() <= 900
    # An hour is only refused where no provider had room: all are full to within a package.
    assert placed.sum() + rows.loc[rows["kind"] == "unplaced", "hours"].sum() == sum(
        p.hours for p in listed
    )
    assert (900 - placed).max() < 8
    assert broker.ledger.provider_left().sum() == pytest.approx(9000 - placed.sum())


def test_two_brokers_with_the_same_hours_in_mind(tmp_path: Path) -> None:
    """Both desks have seen 10 free hours; the first to write gets them, the other finds them gone."""
    desk = office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 10}})
    first, second = packages({}, {})
    with Register(tmp_path / "r.sqlite") as one, Register(tmp_path / "r.sqlite") as two:
        left, right = Broker(desk, one, on=ON), Broker(desk, two, on=ON)
        assert left.place([first]).outcomes[0].provider_id == "A"
        assert right.place([second]).outcomes[0].kind == "unplaced"


def test_a_batch_whose_hours_others_took_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go on while a list is shared out; what no longer fits is placed one by one."""
    import allocation.brokerage.batch as module

    desk = office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 10}, "B": {"rate_gbp": 25}})
    first, second = packages({}, {})
    share_out = module.share_out
    with Register(tmp_path / "r.sqlite") as one, Register(tmp_path / "r.sqlite") as two:
        left, right = Broker(desk, one, on=ON), Broker(desk, two, on=ON)

        def meanwhile(*args: object, **options: object) -> object:
            found = share_out(*args, **options)  # type: ignore[arg-type]
            left.place([first])
            return found

        monkeypatch.setattr(module, "share_out", meanwhile)
        found = right.batch([second])
    assert (found.outcomes[0].provider_id, found.replaced) == ("B", 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET provider_id = 'B'",
        "DELETE FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT * FROM decisions WHERE id = 1",
        "UPDATE settings SET text = ''",
        "DELETE FROM settings",
        "INSERT OR REPLACE INTO settings SELECT * FROM settings",
    ],
)
def test_nothing_in_the_register_can_be_changed(tmp_path: Path, statement: str) -> None:
    """Whoever opens the file with SQLite is refused."""
    path = tmp_path / "r.sqlite"
    with Register(path) as register:
        Broker(office("cost_and_share", {"A": {"rate_gbp": 20}}), register, on=ON).place(packages({}))
    with sqlite3.connect(path) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    with Register(path) as register:
        assert register.verify() == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE decisions SET reason = 'else' WHERE id = 1",
        "DELETE FROM decisions WHERE id = 2",
        "UPDATE settings SET text = '{}'",
    ],
)
def test_a_change_behind_the_triggers_back_is_found(tmp_path: Path, change: str) -> None:
    """Every row carries a hash of itself and of the one before."""
    path = tmp_path / "r.sqlite"
    with Register(path) as register:
        Broker(office("cost_and_share", {"A": {"rate_gbp": 20}}), register, on=ON).place(
            packages({}, {}, {})
        )
    with sqlite3.connect(path) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute(change)
    db.close()
    with Register(path) as register, pytest.raises(RegisterError, match="changed"):
        register.verify()


def test_ctrl_c_leaves_whole_transactions_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten packages a transaction: stopped at the 13th, 10 are decided; the list again decides the rest."""
    desk = office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 500}})
    listed = packages(*({} for _ in range(20)))
    place = Broker._place

    def stopped(self: Broker, package: Any, writer: Any) -> Any:
        if package.package_id == "K13":
            raise KeyboardInterrupt
        return place(self, package, writer)

    with Register(tmp_path / "r.sqlite") as register:
        with monkeypatch.context() as patch:
            patch.setattr(Broker, "_place", stopped)
            with pytest.raises(StoppedError, match="10 of 20 packages were decided"):
                Broker(desk, register, on=ON).place(listed)
        assert len(register.decisions()) == 10
        again = Broker(desk, register, on=ON).place(listed)
        assert [o.kind for o in again.outcomes] == ["before"] * 10 + ["placed"] * 10


def test_a_damaged_register_is_told(tmp_path: Path) -> None:
    """Pages overwritten in the middle: no traceback of the database, but where to get a good one."""
    path = tmp_path / "r.sqlite"
    with Register(path) as register:
        Broker(office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 500}}), register, on=ON).place(
            packages(*({} for _ in range(30))))
    data = bytearray(path.read_bytes())
    data[9000:] = b"\xa5" * (len(data) - 9000)
    path.write_bytes(data)
    with Register(path) as register:
        for read in (register.verify, register.entries, register.decisions):
            with pytest.raises(RegisterError, match=r"damaged.*Restore it from a copy"):
                read()


def test_a_register_that_others_keep_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import allocation.brokerage.register as module

    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    desk = office("cost_and_share", {"A": {"rate_gbp": 20}})
    with Register(tmp_path / "r.sqlite") as one, Register(tmp_path / "r.sqlite") as two:
        with one.writing(), pytest.raises(RegisterError, match="others have been writing"):
            Broker(desk, two, on=ON).place(packages({}))
        assert Broker(desk, two, on=ON).place(packages({})).outcomes[0].kind == "placed"


def test_an_error_undoes_the_whole_transaction(tmp_path: Path) -> None:
    with Register(tmp_path / "r.sqlite") as register:
        broker = Broker(office("cost_and_share", {"A": {"rate_gbp": 20}}), register, on=ON)

        def half_done() -> None:
            with register.writing() as writer:
                broker._place(packages({})[0], writer)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half_done()
        assert register.decisions() == []


def test_another_file_is_not_taken_for_a_register(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as db:
        db.execute("CREATE TABLE t (a)")
    (tmp_path / "text.sqlite").write_text("package_id\n" * 100)
    for name in ("other.sqlite", "text.sqlite"):
        with pytest.raises(InputError, match="register"):
            Register(tmp_path / name)


def test_a_decision_can_be_told_months_later(tmp_path: Path) -> None:
    """The whole ranking, the figures it rested on and the rules are kept, whatever the tables say now."""
    first = office(
        "quality_and_cost",
        {
            "A": {"rate_gbp": 20, "quality": 80},
            "B": {"rate_gbp": 25, "quality": 90},
            "C": {"rate_gbp": 19, "status": "suspended"},
        },
    )
    with Register(tmp_path / "r.sqlite") as register:
        Broker(first, register, on=ON, decided_by="JB").place(packages({}))
    with Register(tmp_path / "r.sqlite") as register:
        (row,) = register.decisions("K1")
        rules = register.settings(row["settings"])
    assert (row["provider_id"], row["decided_by"], row["day"]) == ("A", "JB", "2026-04-02")
    told = [(r["rank"], r["provider_id"], r.get("score")) for r in row["ranking"]]
    # A: 50 x 20/20 + 0.5 x 80 = 90; B: 50 x 20/25 + 0.5 x 90 = 85. C is suspended: no lowest rate of its.
    assert told[:2] == [(1, "A", 90.0), (2, "B", 85.0)]
    assert row["ranking"][2]["why_not"] == ["is suspended"]
    assert rules["brief"]["order"]["rule"] == "quality_and_cost"


def test_what_is_handed_back_is_free_again_and_not_offered_back(tmp_path: Path) -> None:
    """The hours return; for 28 days the provider is not asked for that package again, on day 28 it is."""
    desk = office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 10}, "B": {"rate_gbp": 25}})
    (package,) = packages({})
    with Register(tmp_path / "r.sqlite") as register:
        broker = Broker(desk, register, on=ON)
        assert broker.place([package]).outcomes[0].provider_id == "A"
        assert broker.ledger.provider_left()[0] == 0
        assert broker.place([package]).outcomes[0].kind == "before"
        broker.hand_back("K1", "no carer")
        assert broker.ledger.provider_left()[0] == 10
        with pytest.raises(InputError, match="no provider has"):
            broker.hand_back("K1", "again")
        late = Broker(desk, register, on=ON + dt.timedelta(28))
        assert late.desk.rank(package, late.ledger).order.tolist()[0] == 0
        assert broker.place([package]).outcomes[0].provider_id == "B"


def test_todays_packages_and_the_register_are_not_counted_twice(tmp_path: Path) -> None:
    """Of 50 hours in all: a placement counts until the export has it; what left the export has ended."""

    def desk(as_of: dt.date, **columns: list[object]) -> object:
        return office(
            "cost_and_share",
            {"A": {"rate_gbp": 20, "free_hours": None, "max_weekly_hours": 50}},
            today=pd.DataFrame(columns),
            brief={"today": {"file": "t.csv", "as_of": as_of}},
        )

    before = desk(dt.date(2026, 4, 1), package_id=["T1"], provider_id=["A"], weekly_hours=[15.0])
    with Register(tmp_path / "r.sqlite") as register:
        broker = Broker(before, register, on=ON)  # type: ignore[arg-type]
        broker.place(packages({"start": pd.Timestamp("2026-04-08")}))
        assert broker.ledger.provider_left()[0] == 25
        for as_of, rows, left in (
            (dt.date(2026, 4, 5), {"T1": 15.0}, 25),  # not begun: counts besides
            (dt.date(2026, 4, 8), {"T1": 15.0}, 25),  # begins on the day of the export, and may not be in it
            (dt.date(2026, 4, 9), {"T1": 15.0, "K1": 10.0}, 25),  # begun: the export has it
            (dt.date(2026, 4, 9), {"T1": 15.0, "K1": 14.0}, 21),  # and has grown
            (dt.date(2026, 4, 9), {"T1": 15.0}, 35),  # has ended
        ):
            now = desk(
                as_of,
                package_id=list(rows),
                provider_id=["A"] * len(rows),
                weekly_hours=list(rows.values()),
            )
            assert Broker(now, register, on=as_of).ledger.provider_left()[0] == left  # type: ignore[arg-type]


def test_hours_that_a_provider_said_are_free_count_from_that_day(tmp_path: Path) -> None:
    """What was placed before it said so is in what it said."""

    def desk(free_on: str) -> object:
        return office("cost_and_share", {"A": {"rate_gbp": 20, "free_hours": 30, "free_on": free_on}})

    with Register(tmp_path / "r.sqlite") as register:
        Broker(desk("2026-04-01"), register, on=ON).place(packages({}))  # type: ignore[arg-type]
        assert Broker(desk("2026-04-02"), register, on=ON).ledger.provider_left()[0] == 20  # type: ignore[arg-type]
        assert Broker(desk("2026-04-03"), register, on=ON).ledger.provider_left()[0] == 30  # type: ignore[arg-type]
