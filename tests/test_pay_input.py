"""What is wrong with a rota, payroll or brief is named by file, row and column; nothing half written."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from allocation.pay.activities import check_activities
from allocation.pay.brief import load_pay_brief, run_pay
from allocation.pay.run import check_pay
from allocation.pay.stops import activities_from_stops
from lotting.errors import InputError

EXAMPLE = Path(__file__).parents[1] / "examples" / "pay"

BRIEF = """
[rota]
file = "rota.csv"
travel_minutes = 10
[pay]
file = "pay.csv"
"""
ROTA = """worker_id,visit_id,date,start,end,lot
a,v1,06/04/2026,07:00,08:00,1
a,v2,06/04/2026,08:10,09:10,1
b,v3,07/04/2026,22:00,06:00,2
"""
PAY = """worker_id,period_start,period_end,age,basic_pay_gbp
a,2026-04-06,2026-04-12,30,40.00
b,2026-04-06,2026-04-12,30,120.00
"""


def folder(tmp_path: Path, *, brief: str = BRIEF, rota: str = ROTA, pay: str = PAY) -> Path:
    (tmp_path / "pay.toml").write_text(brief, encoding="utf-8")
    (tmp_path / "rota.csv").write_text(rota, encoding="utf-8")
    (tmp_path / "pay.csv").write_text(pay, encoding="utf-8")
    return tmp_path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        check_pay(load_pay_brief(path))
    return str(error.value)


def test_a_sound_rota_is_read(tmp_path: Path) -> None:
    """Pay without hours takes the hours of the rota; the night past midnight is eight hours."""
    result, activities = check_pay(load_pay_brief(folder(tmp_path)))
    rows = result.periods.set_index("worker_id")
    assert rows.loc["a", "counted_hours"] == Decimal("2.17")
    assert rows.loc["b", "counted_hours"] == Decimal("8.00")
    assert rows.loc["b", "effective_rate_gbp"] == Decimal("15.00")
    assert activities["kind"].to_list() == ["contact", "travel", "contact", "contact"]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("08:10,09:10", "07:30,09:10", "rota.csv, row 3, column start: overlaps"),
    ("a,v2,06/04/2026,08:10,09:10", "a,v1,06/04/2026,07:00,08:00",
     "rota.csv, row 3: this row is there twice"),
    ("08:10,09:10", "08:10,08:05", "rota.csv, row 3, column end: longer than 14 hours, or the end is before"),
    ("08:10,09:10", "2026-04-06 08:10,2026-04-06 08:05",
     "rota.csv, row 3, column end: the end is before the start"),
    ("08:10,09:10", "08:10,9 o'clock", "rota.csv, row 3, column end: not a time"),
    ("06/04/2026,08:10", "06/13/2026,08:10", "rota.csv, row 3, column date: not a date"),
    ("b,v3", "c,v3", "rota.csv, row 4, column worker_id: time of a worker for whom there is no pay"),
    ("07/04/2026", "14/04/2026", "rota.csv, row 4, column worker_id: time in no pay reference period"),
    ("a,v1", ",v1", "rota.csv, row 2, column worker_id: no worker"),
])
def test_a_wrong_rota_is_named_by_row(tmp_path: Path, old: str, new: str, said: str) -> None:
    """One mistake in a sound rota, and where it is said to be.

    The period of b moves out with the visit, so that pay for work without visits is not what is said.
    """
    pay = PAY.replace("b,2026-04-06,2026-04-12,30,120.00\n", "") if "rota.csv, row 4" in said else PAY
    if "in no pay" in said:
        pay = PAY.replace("30,120.00", "30,")
    assert said in refused(folder(tmp_path, rota=ROTA.replace(old, new), pay=pay))


@pytest.mark.parametrize(("old", "new", "said"), [
    ("120.00", "-120.00", "pay.csv, row 3, column basic_pay_gbp: a negative amount"),
    ("30,120.00", ",120.00", "pay.csv, row 3, column age: the worker's age is not known"),
    ("30,120.00", "14,120.00", "has no band for age 14"),
    ("b,2026-04-06", "a,2026-04-06", "pay.csv, row 3, column worker_id: the same worker and period"),
    ("b,2026-04-06,2026-04-12,30,120.00", "a,2026-04-10,2026-04-12,30,",
     "pay.csv, row 3, column period_start: overlaps an earlier period"),
    ("b,2026-04-06,2026-04-12", "b,2026-04-06,2026-05-06",
     "pay.csv, row 3, column period_end: the period is longer"),
    ("b,2026-04-06,2026-04-12", "b,2026-04-06,2026-04-01",
     "pay.csv, row 3, column period_end: the period ends"),
    ("30,120.00\n", "30,120.00\nc,2026-04-06,2026-04-12,30,50\n",
     "pay.csv, row 4, column worker_id: pay for work, but no visit"),
    ("b,2026-04-06", "b,", "pay.csv, row 3, column period_start: no date"),
    ("120.00", "lots", "pay.csv, row 3, column basic_pay_gbp: not a number"),
    ("b,2026-04-06,2026-04-12", "b,1998-04-06,1998-04-12", "no minimum wage is known"),
])
def test_wrong_pay_is_named_by_row(tmp_path: Path, old: str, new: str, said: str) -> None:
    """One mistake in sound payroll, and where it is said to be."""
    assert said in refused(folder(tmp_path, pay=PAY.replace(old, new)))


def test_pay_that_is_not_hours_times_rate(tmp_path: Path) -> None:
    """Where hours, rate and pay are all there they agree, within payroll's rounding."""
    head = "worker_id,period_start,period_end,age,basic_hours,basic_rate_gbp,basic_pay_gbp\n"
    fine = head + "a,2026-04-06,2026-04-12,30,2.17,12.71,27.54\nb,2026-04-06,2026-04-12,30,8,15,120\n"
    check_pay(load_pay_brief(folder(tmp_path, pay=fine)))
    assert "pay.csv, row 2, column basic_pay_gbp: pay is not hours x rate" in refused(
        folder(tmp_path, pay=fine.replace("27.54", "27.70")))


def test_holiday_pay_needs_no_visits_and_does_not_count(tmp_path: Path) -> None:
    """A month on holiday has pay and no visits; nothing is wrong with it."""
    pay = PAY.replace("basic_pay_gbp", "basic_pay_gbp,uncounted_pay_gbp").replace(".00\n", ".00,\n")
    result, _ = check_pay(load_pay_brief(
        folder(tmp_path, pay=pay + "c,2026-04-06,2026-04-12,30,,300.00\n")))
    row = result.periods.set_index("worker_id").loc["c"]
    assert row["complies"]
    assert (row["pay_counted_gbp"], row["effective_rate_gbp"]) == (Decimal("0.00"), None)


def test_an_unknown_kind_and_what_to_do(tmp_path: Path) -> None:
    """Words of the user's column have to be mapped; the first row with each is named."""
    rota = ROTA.replace("lot\n", "lot,kind\n").replace(",1\n", ",1,Care\n").replace(",2\n", ",2,Nap\n")
    brief = BRIEF.replace("travel_minutes = 10", 'travel_minutes = 10\nkinds = { Care = "contact" }')
    text = refused(folder(tmp_path, rota=rota, brief=brief))
    assert "rota.csv, row 4, column kind: unknown kind of time ('Nap')" in text
    assert "Care" not in text


@pytest.mark.parametrize(("day", "clock", "hours"), [
    ("28/03/2026", "22:00,06:00", "7.00"), ("24/10/2026", "22:00,06:00", "9.00"),
    ("25/10/2026", "00:30,01:30", "1.00"), ("25/10/2026", "2026-10-25T01:30+01:00,2026-10-25T01:30Z", "1.00"),
])
def test_shifts_over_a_change_of_clocks(tmp_path: Path, day: str, clock: str, hours: str) -> None:
    """Spring nights are an hour shorter, autumn nights an hour longer; an offset settles which 01:30."""
    start = dt.datetime.strptime(day, "%d/%m/%Y").date()  # noqa: DTZ007
    rota = f"worker_id,visit_id,date,start,end\na,v,{day},{clock}\n"
    pay = f"worker_id,period_start,period_end,age,basic_pay_gbp\na,{start},{start + dt.timedelta(6)},30,90\n"
    result, _ = check_pay(load_pay_brief(folder(tmp_path, rota=rota, pay=pay)))
    assert result.periods.loc[0, "counted_hours"] == Decimal(hours)


def test_every_problem_of_a_brief_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong values and missing files, each with its place and nearest key."""
    brief = '[rota]\nfile = "no.csv"\nwaiting_upto_minutes = 5\n[policy]\ncontact_rate_gbp = -1\n[chek]\n'
    with pytest.raises(InputError) as error:
        load_pay_brief(folder(tmp_path, brief=brief))
    text = str(error.value)
    assert "Did you mean waiting_up_to_minutes?" in text
    assert "[policy] contact_rate_gbp" in text
    assert "Did you mean check?" in text
    assert "there is no such file" in text
    assert len(error.value.problems) == 4


def test_a_column_named_in_the_brief_has_to_be_there(tmp_path: Path) -> None:
    """A mapping to a column that is not there is refused, and so is a name of ours that does not exist."""
    brief = BRIEF + '[pay.columns]\nuniform_gbp = "Clothes"\nunifrom_gbp = "age"\n'
    text = refused(folder(tmp_path, brief=brief))
    assert "there is no column 'Clothes'" in text
    assert "pay.columns.unifrom_gbp" in text


def test_columns_not_read_are_said(tmp_path: Path) -> None:
    """A column that nobody mapped may hold a deduction: it is named in the result."""
    pay = PAY.replace("basic_pay_gbp", "basic_pay_gbp,Charges").replace(".00\n", ".00,5\n")
    result, _ = check_pay(load_pay_brief(folder(tmp_path, pay=pay)))
    assert "Columns of pay.csv that were not read: Charges." in result.notices


def test_nothing_is_written_when_the_input_is_wrong(tmp_path: Path) -> None:
    """No file, and no folder, of a run that failed."""
    with pytest.raises(InputError):
        run_pay(folder(tmp_path, pay=PAY.replace("120.00", "-1")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_dates_of_birth_reach_no_message(tmp_path: Path) -> None:
    """A wrong date of birth is told by row and column, without its value."""
    brief = BRIEF + '[workers]\nfile = "workers.csv"\n'
    (tmp_path / "workers.csv").write_text("worker_id,date_of_birth\na,31/02/1990\n", encoding="utf-8")
    text = refused(folder(tmp_path, brief=brief))
    assert "workers.csv, row 2, column date_of_birth: not a date" in text
    assert "1990" not in text


def test_a_worker_who_is_not_among_the_workers(tmp_path: Path) -> None:
    """The age of a worker who is missing from the file of workers is not guessed."""
    brief = BRIEF + '[workers]\nfile = "workers.csv"\n'
    (tmp_path / "workers.csv").write_text("worker_id,date_of_birth\na,01/02/1990\n", encoding="utf-8")
    assert "pay.csv, row 3, column worker_id: a worker who is not among the workers" in refused(
        folder(tmp_path, brief=brief))


def test_a_policy_on_a_real_rota(tmp_path: Path) -> None:
    """With [policy] instead of [pay] the same rota is paid by rule; periods are made."""
    brief = ('[rota]\nfile = "rota.csv"\ntravel_minutes = 10\n[policy]\ncontact_rate_gbp = 13.50\n'
             '[periods]\nlength = "week"\nage = 30\n')
    result, _ = check_pay(load_pay_brief(folder(tmp_path, brief=brief)))
    rows = result.periods.set_index("worker_id")
    assert rows.loc["a", "pay_counted_gbp"] == Decimal("27.00")
    assert not rows.loc["a", "complies"]
    assert rows.loc["a", "bites"] == "travel_between"
    assert rows.loc["b", "complies"]


def test_later_rates_come_from_a_file(tmp_path: Path) -> None:
    """A file of rates adds a year, with age bands of its own."""
    rates = "periods_from,band,age_from,age_to,rate_gbp\n2026-04-06,20 and over,20,,13.00\n"
    path = folder(tmp_path, brief=BRIEF + '[check]\nrates = "rates.csv"\n', pay=PAY.replace("30", "20"))
    (path / "rates.csv").write_text(rates, encoding="utf-8")
    result, _ = check_pay(load_pay_brief(path))
    assert set(result.periods["statutory_rate_gbp"]) == {Decimal("13.00")}
    (path / "rates.csv").write_text(rates.replace("13.00", "lots"), encoding="utf-8")
    assert "rates.csv, row 2: not a rate" in refused(path)


@pytest.mark.parametrize(("column", "value", "said"), [
    ("kind", "nap", "unknown kind of time"), ("km", -1.0, "not 0 or more"),
    ("awake_minutes", 61.0, "more minutes awake than the shift has"), ("worker_id", "", "no worker"),
])
def test_activities_are_checked(column: str, value: object, said: str) -> None:
    """The frame itself is checked wherever it comes from."""
    start = pd.Timestamp("2026-05-04 22:00", tz="Europe/London")
    frame = pd.DataFrame({
        "worker_id": ["w"], "start": [start], "end": [start + pd.Timedelta(hours=1)], "kind": ["sleep_in"],
        "awake_minutes": [60.0], "km": [0.0], "lot": [""], "visit_id": [""]})
    assert len(check_activities(frame)) == 1
    with pytest.raises(InputError, match=said):
        check_activities(frame.assign(**{column: [value]}))
    with pytest.raises(InputError, match="without a time zone"):
        check_activities(frame.assign(start=frame["start"].dt.tz_localize(None)))


@pytest.mark.parametrize(("column", "values", "said"), [
    ("travel_minutes_before", [0.0, 30.0], "30 minutes of travel in a gap of 20"),
    ("starts_from", ["previous", "previous"], "the first visit of a round has none before it"),
    ("start", [480, 530], "overlaps the visit before it"), ("end", [470, 620], "the end is before the start"),
    ("starts_from", ["home", "away"], "unknown word"), ("km_before", [0.0, -1.0], "not 0 or more"),
])
def test_stops_are_checked(column: str, values: list[object], said: str) -> None:
    """Planned rounds that cannot be are refused, by row."""
    stops = pd.DataFrame({
        "worker_id": "w", "date": "2026-04-06", "order": [1, 2], "visit_id": ["a", "b"], "lot": "",
        "start": [480, 560], "end": [540, 620], "travel_minutes_before": [0.0, 20.0], "km_before": 1.0,
        "starts_from": ["home", "previous"]})
    assert len(activities_from_stops(stops)) == 4
    with pytest.raises(InputError, match=said):
        activities_from_stops(stops.assign(**{column: values}))


def test_the_example_runs(tmp_path: Path) -> None:
    """The example of the guide gives a report of both kinds, twice the same."""
    shutil.copytree(EXAMPLE, tmp_path / "pay")
    first = run_pay(tmp_path / "pay", tmp_path / "out")
    pages = [f.read_bytes() for f in first.files]
    again = run_pay(tmp_path / "pay" / "pay.toml", tmp_path / "out")
    assert [f.read_bytes() for f in again.files] == pages
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["pay-evidence.html", "pay-evidence.xlsx"]
