"""What must hold of every rota and every way of paying."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from allocation.pay.activities import check_activities
from allocation.pay.assess import PayResult, assess, assess_policy, car_costs, planned_periods
from allocation.pay.money import HOUR, exact, hours, pence, pence_up
from allocation.pay.policy import PayPolicy
from allocation.pay.rates import builtin_rates
from allocation.pay.remuneration import PayLine, PeriodPay, count_pay
from allocation.pay.rules import COUNTED_KINDS, KINDS
from allocation.pay.totals import totals
from allocation.pay.verdict import Case, break_even, what_bites

money = st.integers(0, 3000).map(lambda p: Decimal(p) / 100)
stretch = st.tuples(
    st.sampled_from(KINDS), st.integers(1, 120), st.integers(0, 30), st.sampled_from(["A", "B", ""]))
days = st.lists(stretch, min_size=1, max_size=8)


def frame_of(workers: list[list[tuple[str, int, int, str]]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for w, parts in enumerate(workers):
        at = pd.Timestamp("2026-05-04 06:00", tz="Europe/London")
        for kind, minutes, km, lot in parts:
            end = at + pd.Timedelta(minutes=minutes)
            rows.append({"worker_id": f"w{w}", "start": at, "end": end, "kind": kind,
                         "awake_minutes": minutes // 3 if kind == "sleep_in" else 0, "km": float(km),
                         "lot": lot, "visit_id": ""})
            at = end
    return pd.DataFrame(rows)


def policies() -> st.SearchStrategy[PayPolicy]:
    return st.builds(
        PayPolicy, contact_rate_gbp=money, travel=st.sampled_from(["hourly", "per_mile", "none"]),
        travel_rate_gbp=st.integers(0, 150).map(lambda p: Decimal(p) / 10), wait_paid=st.booleans(),
        mileage_gbp_per_mile=st.sampled_from([Decimal(0), Decimal("0.35"), Decimal("0.70")]),
        uplift_pct=st.sampled_from([Decimal(0), Decimal(20)]))


cases = st.builds(
    Case,
    pay=st.builds(
        PeriodPay,
        lines=st.lists(st.builds(PayLine.at, st.sampled_from(["contact", "premium", "travel"]),
                                 st.integers(1, 40), money), max_size=3).map(tuple),
        other_pay_gbp=st.integers(0, 300).map(Fraction), uniform_gbp=st.integers(0, 30).map(Fraction),
        mileage_cost_gbp=st.integers(0, 50).map(Fraction)),
    contact_seconds=st.integers(0, 40 * HOUR), travel_seconds=st.integers(0, 10 * HOUR),
    wait_seconds=st.integers(0, 3 * HOUR), rate_gbp=st.sampled_from([Decimal("12.71"), Decimal("8.00")]),
    uplift_pct=st.sampled_from([Decimal(0), Decimal(20)]))


@given(cases, st.integers(1, 500), st.sampled_from(["other", "premium_rate", "contact_rate"]))
@settings(max_examples=100, deadline=None)
def test_more_pay_never_turns_compliance_into_breach(case: Case, extra: int, how: str) -> None:
    """Whatever is raised, pay that counts does not fall and a period that complied still does."""
    pay = case.pay
    if how == "other":
        more = PeriodPay(lines=pay.lines, other_pay_gbp=pay.other_pay_gbp + extra,
                         uniform_gbp=pay.uniform_gbp, mileage_cost_gbp=pay.mileage_cost_gbp)
    else:
        raised = "premium" if how == "premium_rate" else "contact"
        more = PeriodPay(
            lines=tuple(PayLine.at(x.for_, x.hours, x.rate_gbp + (extra if x.for_ == raised else 0))
                        for x in pay.lines),
            other_pay_gbp=pay.other_pay_gbp, uniform_gbp=pay.uniform_gbp,
            mileage_cost_gbp=pay.mileage_cost_gbp)
    assert count_pay(more).pay_gbp >= count_pay(pay).pay_gbp
    better = Case(pay=more, contact_seconds=case.contact_seconds, travel_seconds=case.travel_seconds,
                  wait_seconds=case.wait_seconds, rate_gbp=case.rate_gbp)
    same = Case(pay=pay, contact_seconds=case.contact_seconds, travel_seconds=case.travel_seconds,
                wait_seconds=case.wait_seconds, rate_gbp=case.rate_gbp)
    assert better.complies() or not same.complies()


@given(days, st.integers(1, 90), st.sampled_from(sorted(COUNTED_KINDS)), policies())
@settings(max_examples=8, deadline=None)
def test_unpaid_working_time_never_helps(
    parts: list[tuple[str, int, int, str]], minutes: int, kind: str, policy: PayPolicy
) -> None:
    """The same pay for more time that counts is never a better hourly rate; rest changes nothing."""
    frame = frame_of([parts])
    more = frame_of([[*parts, (kind, minutes, 0, "A")]])
    rest = frame_of([[*parts, ("rest", minutes, 0, "A")]])
    period = planned_periods(frame)
    pay = PeriodPay(lines=(PayLine.at("contact", 5, policy.contact_rate_gbp),))
    rows = [assess(f, period, [pay]).periods.iloc[0] for f in (frame, more, rest)]
    rate = [None if not r["counted_seconds"] else Fraction(5 * HOUR, 1) * exact(policy.contact_rate_gbp)
            / int(r["counted_seconds"]) for r in rows]
    assert rate[0] is None or (rate[1] is not None and rate[1] <= rate[0])
    assert rows[1]["shortfall_gbp"] >= rows[0]["shortfall_gbp"]
    assert rows[2]["shortfall_gbp"] == rows[0]["shortfall_gbp"]


@given(cases)
@settings(max_examples=100, deadline=None)
def test_break_even_complies_and_a_penny_less_does_not(case: Case) -> None:
    """The break-even is the lowest whole penny at which the case complies; linear pay says the same."""
    found = break_even([case])
    if found is None:
        assert not case.complies(contact_rate_gbp=999)
        return
    assert case.complies(contact_rate_gbp=found)
    assert found == 0 or not case.complies(contact_rate_gbp=found - Decimal("0.01"))


@given(st.lists(days, min_size=1, max_size=3), policies())
@settings(max_examples=8, deadline=None)
def test_break_even_of_a_plan_by_running_it_again(
    workers: list[list[tuple[str, int, int, str]]], policy: PayPolicy
) -> None:
    """A plan paid at its break-even complies; at a penny less somebody is below."""
    frame = frame_of(workers)
    rate = assess_policy(frame, policy).break_even_contact_rate_gbp

    def fine(at: Decimal) -> bool:
        again = assess_policy(frame, policy.model_copy(update={"contact_rate_gbp": at}))
        return bool(again.periods["uplift_met"].all())

    if rate is None:
        assert not fine(Decimal(999))
    else:
        assert fine(rate)
        assert rate == 0 or not fine(rate - Decimal("0.01"))


def test_break_even_in_closed_form() -> None:
    """Contact only: rate x all hours / contact hours, rounded up; an oracle by hand."""
    case = Case(pay=PeriodPay(lines=(PayLine.at("contact", 27, "13.00"),), uniform_gbp=Fraction(11)),
                contact_seconds=27 * HOUR, travel_seconds=5 * HOUR + 17, rate_gbp=Decimal("12.71"))
    needed = (exact("12.71") * hours(32 * HOUR + 17) + 11) / 27
    assert break_even([case]) == pence_up(needed)
    assert sum((v for _, v in what_bites(case)), Fraction(0)) >= case.shortfall()


def same(a: PayResult, b: PayResult) -> None:
    pd.testing.assert_frame_equal(a.periods, b.periods)
    pd.testing.assert_frame_equal(a.lots, b.lots)
    pd.testing.assert_frame_equal(a.parts, b.parts)
    assert a.penalty == b.penalty


@given(st.lists(days, min_size=1, max_size=2), st.data(), policies())
@settings(max_examples=8, deadline=None)
def test_splitting_a_stretch_changes_nothing(
    workers: list[list[tuple[str, int, int, str]]], data: st.DataObject, policy: PayPolicy
) -> None:
    """A stretch of time written in two rows gives the same hours, pay and verdict."""
    frame = frame_of(workers)
    at = data.draw(st.integers(0, len(frame) - 1))
    row = frame.iloc[at]
    minutes = int((row["end"] - row["start"]).total_seconds() // 60)
    first = data.draw(st.integers(0, minutes))
    cut = row["start"] + pd.Timedelta(minutes=first)
    awake = min(int(row["awake_minutes"]), first)
    left, right = row.copy(), row.copy()
    left["end"], left["awake_minutes"] = cut, awake
    right["start"], right["awake_minutes"], right["km"] = cut, int(row["awake_minutes"]) - awake, 0.0
    assume(right["awake_minutes"] <= minutes - first)
    halves = pd.concat([frame.drop(index=at), pd.DataFrame([left, right])], ignore_index=True)
    for column in ("start", "end"):
        halves[column] = pd.to_datetime(halves[column], utc=True).dt.tz_convert("Europe/London")
    period = planned_periods(frame)
    same(assess_policy(frame, policy, period), assess_policy(halves, policy, period))


@given(st.lists(days, min_size=1, max_size=3), policies())
@settings(max_examples=8, deadline=None)
def test_lots_add_up_to_the_whole(workers: list[list[tuple[str, int, int, str]]], policy: PayPolicy) -> None:
    """Hours, pay and shortfall of the lots add up to ``all`` within rounding, and ``all`` to the periods."""
    found = assess_policy(frame_of(workers), policy)
    lots = found.lots.set_index("lot")
    for column in (
        "contact_hours", "travel_hours", "counted_hours", "km", "pay_counted_gbp", "shortfall_gbp",
    ):
        parts = sum(lots[column].drop("all"), Decimal(0))
        assert abs(parts - lots.loc["all", column]) <= Decimal("0.01") * len(lots)
    for column in ("counted_hours", "pay_counted_gbp", "shortfall_gbp"):
        total = sum(found.periods[column], Decimal(0))
        assert abs(total - lots.loc["all", column]) <= Decimal("0.01") * len(found.periods)


def test_time_across_the_end_of_a_period_is_cut_there() -> None:
    """A night from 30 April to 1 May is two hours of April and five of May, km by elapsed time."""
    night = pd.DataFrame({
        "worker_id": "w", "kind": "contact", "awake_minutes": 0.0, "km": 7.0, "lot": "", "visit_id": "n",
        "start": [pd.Timestamp("2026-04-30 22:00", tz="Europe/London")],
        "end": [pd.Timestamp("2026-05-01 05:00", tz="Europe/London")]})
    periods = pd.DataFrame({
        "worker_id": "w", "period_start": pd.to_datetime(["2026-04-01", "2026-05-01"]),
        "period_end": pd.to_datetime(["2026-04-30", "2026-05-31"]), "age": 30, "apprentice": False})
    sums = totals(check_activities(night), periods)
    assert sums["counted_seconds"].to_list() == [2 * HOUR, 5 * HOUR]
    assert sums["metres"].to_list() == [2000, 5000]


@pytest.mark.parametrize(("day", "length"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)])
def test_a_night_when_the_clocks_change_has_its_true_length(day: str, length: int) -> None:
    """22:00 to 06:00 is 7 hours when the clocks go forward, 9 when they go back, 8 otherwise."""
    start = pd.Timestamp(f"{day} 22:00", tz="Europe/London")
    end = (start.tz_localize(None) + pd.Timedelta(hours=8)).tz_localize("Europe/London")
    frame = pd.DataFrame({"worker_id": "w", "kind": "contact", "awake_minutes": 0.0, "km": 0.0, "lot": "",
                          "visit_id": "n", "start": [start], "end": [end]})
    found = assess_policy(frame, PayPolicy(contact_rate_gbp=Decimal("12.71")))
    assert found.periods.loc[0, "counted_seconds"] == length * HOUR


def test_mileage_of_a_year_is_counted_in_order() -> None:
    """The first 10,000 miles of a tax year cost 55p, the rest 25p, over periods in their order."""
    sums = pd.DataFrame({"period": [1, 0], "tax_year": [2026, 2026],
                         "metres": [round(8000 * 1609.344)] * 2})
    days = pd.to_datetime(["2026-06-01", "2026-05-01"])
    periods = pd.DataFrame({"worker_id": ["w", "w"], "period_start": days})
    assert [pence(c) for c in car_costs(periods, sums, builtin_rates())] == [
        Decimal("2600.00"), Decimal("4400.00")]  # June: 2,000 x 0.55 + 6,000 x 0.25


def test_contact_above_the_travel_rate_read_both_ways() -> None:
    """Contact 13.50 and travel 12.00: by one reading 11 h at 13.29 comply, by the other at 12.00 not."""
    frame = frame_of([[("contact", 600, 0, "A"), ("travel", 60, 0, "A")]])
    policy = PayPolicy(contact_rate_gbp=Decimal("13.50"), travel="hourly", travel_rate_gbp=Decimal(12))
    row = assess_policy(frame, policy).periods.iloc[0]
    assert row["complies"]
    assert row["effective_rate_gbp"] == pence(Fraction(147, 11))
    assert row["shortfall_premium_gbp"] == 0
    assert row["shortfall_premium_and_travel_gbp"] == pence_up(exact("0.71") * 11)
    strict = assess_policy(frame, policy, reading="premium_and_travel")
    assert not strict.complies
    assert strict.break_even_contact_rate_gbp is None


def test_per_mile_pay_meets_the_car_first() -> None:
    """40p a mile against a cost of 55p leaves 15p unmet; 70p leaves 15p that counts as pay."""
    frame = frame_of([[("contact", 60, 0, "A"), ("travel", 30, 161, "A")]])
    miles = Fraction(161000) / 1609344 * 1000
    for rate, off in (("0.40", "-0.15"), ("0.70", "0.15")):
        policy = PayPolicy(contact_rate_gbp=Decimal(10), travel="per_mile", travel_rate_gbp=Decimal(rate))
        row = assess_policy(frame, policy).periods.iloc[0]
        assert row["pay_counted_gbp"] == pence(10 + miles * exact(off))


def test_on_foot_costs_no_mileage() -> None:
    """Only the worker's own car costs the worker something."""
    frame = frame_of([[("contact", 60, 0, "A"), ("travel", 30, 3, "A")]]).assign(mode=["", "walk"])
    row = assess_policy(frame, PayPolicy(contact_rate_gbp=Decimal(20))).periods.iloc[0]
    assert row["pay_counted_gbp"] == Decimal("20.00")
    assert row["km"] == Decimal("3.00")


def test_an_old_table_is_said_to_be_old() -> None:
    """A year after the newest rate the result says that there may be a newer one."""
    frame = frame_of([[("contact", 60, 0, "A")]])
    policy = PayPolicy(contact_rate_gbp=Decimal(20))
    assert not assess_policy(frame, policy, arrears_on=dt.date(2027, 3, 31)).notices
    assert "1 April 2026" in assess_policy(frame, policy, arrears_on=dt.date(2027, 4, 1)).notices[0]
