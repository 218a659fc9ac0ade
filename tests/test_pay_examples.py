"""Worked examples of guidance and case law.

Each test says where its example is from, and which figures are the source's and which are ours,
where we apply the rule to the facts of the source.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest

from allocation.pay.assess import assess, assess_policy
from allocation.pay.money import MILE_KM, exact, pence
from allocation.pay.policy import PayPolicy
from allocation.pay.rates import age_on, apprentice_rate_applies, builtin_rates
from allocation.pay.remedies import arrears, penalty
from allocation.pay.remuneration import PayLine, PeriodPay, count_pay
from allocation.pay.rules import (
    accommodation,
    counted_seconds,
    effective_rate,
    gap,
    meets,
    period_ends,
    premium_excess,
    shortfall,
)
from allocation.pay.stops import GapRules, activities_from_stops

HOUR = 3600
RATES = builtin_rates()
MANUAL = "https://www.gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/"


def paid(amount: str, **more: Any) -> PeriodPay:
    return PeriodPay(other_pay_gbp=exact(amount), **more)


def round_of(visits: list[tuple[int, int, int]], **more: Any) -> pd.DataFrame:
    """One worker's visits on 6 April 2026: start, end, travel before; minutes."""
    frame = pd.DataFrame(visits, columns=["start", "end", "travel_minutes_before"])
    frame = frame.assign(
        worker_id="w", date="2026-04-06", order=range(len(frame)), lot="1", km_before=0.0,
        visit_id=[f"v{i}" for i in range(len(frame))], starts_from="previous")
    frame.loc[0, "starts_from"] = "home"
    return frame.assign(**more)


def counted(frame: pd.DataFrame) -> int:
    """Minutes that count, added up from the rows one by one."""
    return sum(
        counted_seconds(k, round((b - a).total_seconds())) for k, a, b in
        zip(frame["kind"], frame["start"], frame["end"], strict=True)) // 60


def test_premium_pay_of_nmwm09270() -> None:
    """NMWM09270, example 1: 20 h at 4.00 and 15 h at 7.00 are 185 of pay, of which 140 count.

    All figures are the source's.
    """
    pay = PeriodPay(lines=(PayLine.at("contact", 20, "4.00"), PayLine.at("premium", 15, "7.00")))
    found = count_pay(pay)
    assert [found.parts["pay"], found.parts["premium"], found.pay_gbp] == [185, -45, 140]
    assert count_pay(pay, reading="none").pay_gbp == 185


def test_the_lowest_rate_is_the_one_due_not_the_one_paid() -> None:
    """NMWM09270: the lowest rate is that due under the contract, even where no hour was paid so low.

    Also Hamilton House Medical v Hillier [2009] UKEAT/0246/09 (nights only). Figures ours.
    """
    assert premium_excess([(15, "7.00")]) == 0
    assert premium_excess([(15, "7.00")], lowest_gbp="4.00") == 45


def test_premium_for_output_of_nmwm09280_has_the_same_arithmetic() -> None:
    """NMWM09280: a normal rate of 10.00 and a premium rate of 15.00 leave a premium element of 5.00.

    The figures are the source's, a pot each; we read one unit as one hour.
    """
    assert premium_excess([(1, "10.00"), (1, "15.00")]) == 5


def test_averaging_of_nmwm09010() -> None:
    """NMWM09010: no single hour has to reach the rate, the average over the period has to.

    Figures ours: 30 h at 14.00 and 3 h unpaid are 12.72 an hour against 12.71; a minute more fails.
    """
    assert meets("420.00", 33 * HOUR, "12.71")
    assert not meets("420.00", 33 * HOUR + 180, "12.71")


def test_reimbursed_expenses_of_nmwm09170() -> None:
    """NMWM09170: 100 plus 10 of expenses count as 100; 500 plus four times 10 count as 500."""
    assert count_pay(paid("100", expenses_paid_gbp=Fraction(10))).pay_gbp == 100
    assert count_pay(paid("500", expenses_paid_gbp=Fraction(40))).pay_gbp == 500


def test_two_visits_without_a_break() -> None:
    """gov.uk, minimum wage for different types of work, example 1.

    Two morning appointments without a break: the appointments and the travel count. The minutes
    are ours.
    """
    found = activities_from_stops(round_of([(480, 540, 20), (560, 620, 20)]))
    assert counted(found) == 60 + 20 + 60
    assert found["kind"].to_list() == ["commute", "contact", "travel", "contact"]


def test_a_gap_at_home() -> None:
    """gov.uk, example 2: after the second visit he goes home before the afternoon appointment.

    The travel between the second appointment and his home does not count (the source); nor do the
    way back and the time at home. The minutes are ours.
    """
    went = [None, None, True]
    found = activities_from_stops(round_of([(480, 540, 20), (560, 620, 20), (840, 900, 15)], went_home=went))
    assert counted(found) == 60 + 20 + 60 + 60
    assert found.loc[found["kind"] == "home_gap", "rule"].to_list() == ["home_gap"]


def test_a_break_on_the_way() -> None:
    """gov.uk, example 2, second part: a break on the way to the next visit; travel is paid.

    The text is cut off where we read it; that the break is not paid is recalled. Minutes ours.
    """
    went = [None, None, False]
    found = activities_from_stops(round_of([(480, 540, 20), (560, 620, 20), (840, 900, 15)], went_home=went))
    assert counted(found) == 60 + 20 + 60 + 15 + 60
    assert found.loc[found["kind"] == "rest", "rule"].to_list() == ["rest"]


def test_whittlestone_travel_between_visits() -> None:
    """Whittlestone v BJP Home Support [2013] UKEAT 0128/13: 6.25 an hour for contact only.

    The rate is the case's; the hours are ours: 6 h of contact and 1.5 h by bus with never the time
    to go home. At the 6.19 of 2012/13 (NMWM10210) that is a shortfall of 8.93 (8.925).
    """
    assert effective_rate(exact("6.25") * 6, 6 * HOUR) == exact("6.25")
    assert pence(shortfall(exact("6.25") * 6, 7 * HOUR + HOUR // 2, "6.19")) == Decimal("8.93")


def test_whittlestone_does_not_reach_home_to_first_visit() -> None:
    """The claim was not for the way to the first visit or from the last one (Croner-i's account).

    With a gap that lets her go home the travel is no time work either. Minutes ours.
    """
    assert gap(3 * HOUR, 1200, home_trip_seconds=2400).counted_seconds == 0
    assert gap(3 * HOUR, 1200, home_trip_seconds=3 * HOUR).counted_seconds == 1200


def test_barlow_v_mihomecare() -> None:
    """MiHomecare, 2015: 7.5 paid hours at 7.68 in a day of 12 fell below 6.50 (worknest.tech).

    Rate, hours and the minimum are the source's; 4.80 an hour is the division.
    """
    pay = exact("7.68") * Fraction(15, 2)
    assert effective_rate(pay, 12 * HOUR) == exact("4.80")
    assert not meets(pay, 12 * HOUR, RATES.wage(dt.date(2015, 3, 1), 30).rate_gbp)
    assert RATES.wage(dt.date(2015, 3, 1), 30).rate_gbp == Decimal("6.50")


def test_taylors_long_way_to_work_does_not_count() -> None:
    """Taylors Services [2025] EWCA Civ 956: up to eight hours a day in the employer's minibus.

    The way from home to the first assignment and back is no time work, however long. Four hours
    each way are the source's ("more than eight hours to their working day", there and back).
    """
    found = activities_from_stops(round_of(
        [(600, 900, 240)], travel_minutes_after=240.0, km_after=0.0, ends_at="home"))
    assert counted(found) == 300
    assert found.loc[found["kind"] == "commute", "rule"].to_list() == ["commute", "commute"]


def test_a_sleep_in_of_mencap_v_tomlinson_blake() -> None:
    """Royal Mencap v Tomlinson-Blake [2021] UKSC 8: 22.35 and an hour's pay of 6.70 a night.

    The pay is the case's (moorepay.co.uk). Asleep nothing counts; an hour awake leaves 29.05 for
    one hour; had all nine hours counted it would have been 3.23 an hour.
    """
    pay = exact("22.35") + exact("6.70")
    assert counted_seconds("sleep_in", 9 * HOUR, 0) == 0
    assert effective_rate(pay, counted_seconds("sleep_in", 9 * HOUR, HOUR)) == exact("29.05")
    assert pence(pay / 9) == Decimal("3.23")


@pytest.mark.parametrize(("begin", "rate"), [
    (dt.date(2026, 3, 16), "12.21"), (dt.date(2026, 4, 16), "12.71"),
])
def test_acas_sam_paid_from_the_16th(begin: dt.date, rate: str) -> None:
    """Acas, "When increases are paid": Sam's month runs from the 16th; the rate goes up on 1 April.

    The old rate holds to 15 April and the new one from 16 April. Days are the source's, the rates
    those of 2026.
    """
    assert period_ends(begin, length="month").day == 15
    assert RATES.wage(begin, 30).rate_gbp == Decimal(rate)


@pytest.mark.parametrize(("begin", "rate"), [
    (dt.date(2024, 3, 30), "10.42"), (dt.date(2024, 4, 6), "11.44"),
])
def test_cipp_weeks_from_saturday(begin: dt.date, rate: str) -> None:
    """CIPP, 9 April 2024: for the week from 30 March 2024 the new rate is not payable, from 6 April it is.

    Days are the source's; the rates are those of the tables.
    """
    assert RATES.wage(begin, 30).rate_gbp == Decimal(rate)
    assert period_ends(begin, length="week") == begin + dt.timedelta(days=6)


def test_a_birthday_inside_a_period() -> None:
    """Payrollhub and Acas: after a birthday the higher rate holds from the next period.

    Figures ours: 21 on 20 April 2026, paid by the calendar month.
    """
    born = dt.date(2005, 4, 20)
    assert RATES.wage(dt.date(2026, 4, 1), age_on(born, dt.date(2026, 4, 1))).rate_gbp == Decimal("10.85")
    assert RATES.wage(dt.date(2026, 5, 1), age_on(born, dt.date(2026, 5, 1))).rate_gbp == Decimal("12.71")
    assert age_on(born, dt.date(2026, 4, 20)) == 21  # a period that begins on the birthday


@pytest.mark.parametrize(("age", "in_first_year", "rate"), [
    (23, True, "4.30"), (22, True, "4.30"), (20, True, "4.30"), (18, True, "4.30"), (17, True, "4.30"),
    (23, False, "8.91"), (22, False, "8.36"), (20, False, "6.56"), (19, False, "6.56"), (18, False, "4.30"),
    (17, False, "4.30"),
])
def test_cintra_apprentices_of_2021(age: int, *, in_first_year: bool, rate: str) -> None:
    """Cintra's table of apprentice rates from April 2021, first year and after it. All the source's."""
    begin = dt.date(2021, 9, 1)
    since = begin - dt.timedelta(days=100 if in_first_year else 400)
    apprentice = apprentice_rate_applies(age, since, begin)
    assert RATES.wage(begin, age, apprentice=apprentice).rate_gbp == Decimal(rate)


def test_offset_equal_to_the_charge_of_nmwm10210() -> None:
    """NMWM10210, example 1: 45 h at 6.19, rent 24.10 for five days at an offset of 4.82: 6.19 an hour."""
    pay = exact("6.19") * 45 + accommodation("24.10", 5, "4.82")
    assert pay == exact("278.55")
    assert effective_rate(pay, 45 * HOUR) == exact("6.19")


def test_charge_below_the_offset_of_nmwm10210() -> None:
    """NMWM10210, example 2: 4.00 a day for seven days is below 4.82 a day; 6.10 an hour stays 6.10."""
    pay = exact("6.10") * 45 + accommodation("28.00", 7, "4.82")
    assert effective_rate(pay, 45 * HOUR) == exact("6.10")
    assert not meets(pay, 45 * HOUR, "6.19")


def test_rent_above_the_offset_of_nmwm10240() -> None:
    """NMWM10240, example 1: 92.31 a week against 33.74 takes 58.57 off: 219.98, or 4.89 an hour."""
    pay = exact("278.55") + accommodation("92.31", 7, "4.82")
    assert pay == exact("219.98")
    assert pence(effective_rate(pay, 45 * HOUR) or 0) == Decimal("4.89")


def test_free_accommodation_of_albert_goodman() -> None:
    """Albert Goodman, July 2025: Paul, 24, 40 h at 11.60, free accommodation: 538.62, 13.46 an hour.

    All figures are the source's, which cuts 13.4655 off; the offset is looked up, not given.
    """
    offset = RATES.offset(dt.date(2025, 7, 7)).daily_gbp
    pay = exact("11.60") * 40 + accommodation(0, 7, offset)
    assert pay == exact("538.62")
    assert effective_rate(pay, 40 * HOUR) == exact("13.4655")
    assert meets(pay, 40 * HOUR, RATES.wage(dt.date(2025, 7, 7), 24).rate_gbp)


@pytest.mark.parametrize(("paid_gbp", "hours", "then", "now", "under", "owed"), [
    ("200", 40, "5.80", "5.93", "32.00", "32.72"), ("250", 35, "9.50", "10.42", "82.50", "90.49"),
])
def test_arrears_at_todays_rate(
    paid_gbp: str, hours: int, then: str, now: str, under: str, owed: str
) -> None:
    """nibusinessinfo.co.uk, arrears: 32.00 / 5.80 x 5.93 = 32.72, and 82.50 / 9.50 x 10.42 = 90.49.

    All figures are the source's (two editions of the page).
    """
    missing = shortfall(paid_gbp, hours * HOUR, then)
    assert missing == exact(under)
    assert arrears(missing, then, now) == Decimal(owed)


def test_arrears_never_below_the_underpayment() -> None:
    """NMWM13160: the higher of the two amounts. Figures ours: a rate that has fallen."""
    assert arrears("32.00", "5.93", "5.80") == Decimal("32.00")


@pytest.mark.parametrize(("begin", "age", "now"), [
    (dt.date(2020, 6, 1), 45, "12.71"), (dt.date(2020, 6, 1), 17, "8.00"), (dt.date(2020, 6, 1), 24, "12.71"),
    (dt.date(2022, 6, 1), 20, "10.85"),
])
def test_arrears_keep_the_band_of_then(begin: dt.date, age: int, now: str) -> None:
    """NMWM13160: 45 then, the main rate now; 17 then, today's rate for 16 to 17, though older now.

    The ages are the source's. The band 21 to 24 of its third example has become part of 21 and
    over since April 2024. Rates are those of April 2026.
    """
    assert RATES.current(RATES.wage(begin, age), dt.date(2026, 5, 1)).rate_gbp == Decimal(now)


@pytest.mark.parametrize(("underpaid", "full", "half"), [
    ("0", "0.00", "0.00"), ("0.01", "100.00", "50.00"), ("50", "100.00", "50.00"),
    ("50.01", "100.02", "50.01"), ("10000", "20000.00", "10000.00"), ("10000.01", "20000.00", "10000.00"),
])
def test_penalty_limits(underpaid: str, full: str, half: str) -> None:
    """NMWM13219 and NMWM13230: 200 %, at least 100, at most 20,000 a worker, half within 14 days.

    The limits are the source's; the underpayments stand just below and above them.
    """
    found = penalty([("w", dt.date(2026, 4, 1), underpaid)])
    assert (found.full_gbp, found.if_paid_in_14_days_gbp) == (Decimal(full), Decimal(half))


def test_penalty_caps_each_worker_and_floors_the_notice() -> None:
    """NMWM13219: the most holds for each worker over all periods, the least for the notice. Figures ours."""
    may, june = dt.date(2026, 5, 1), dt.date(2026, 6, 1)
    assert penalty([("a", may, 9000), ("a", june, 9000), ("b", may, 10)]).full_gbp == Decimal("20020.00")
    assert penalty([("a", may, 10), ("b", may, 20)]).full_gbp == Decimal("100.00")


@pytest.mark.parametrize(("begin", "full"), [
    (dt.date(2014, 3, 6), "500.00"), (dt.date(2014, 3, 7), "1000.00"), (dt.date(2016, 3, 31), "1000.00"),
    (dt.date(2016, 4, 1), "2000.00"),
])
def test_penalty_by_the_day_the_period_began(begin: dt.date, full: str) -> None:
    """NMWM13219 and NMWM13220: 50 %, 100 % and 200 % by the start of the period; days the source's."""
    assert penalty([("a", begin, 1000)]).full_gbp == Decimal(full)


def test_mileage_not_paid_back_reduces_pay() -> None:
    """Reg 13 and NMWM11170: petrol the worker buys for the job reduces pay; reimbursement is no pay.

    Figures ours: 100 miles from 6 April 2026 at 55p less 35p paid back take 20.00 off, at the 45p
    of the day before 10.00 (rates: Moore Kingston Smith, May 2026).
    """
    for day, off in ((dt.date(2026, 4, 6), 20), (dt.date(2026, 4, 5), 10)):
        cost = RATES.mileage_cost(100 * MILE_KM, day)
        found = count_pay(paid("500", mileage_cost_gbp=cost, mileage_paid_gbp=Fraction(35)))
        assert found.pay_gbp == 500 - off


def test_mileage_over_10000_miles() -> None:
    """HMRC's approved rates: 55p for the first 10,000 miles of a tax year, 25p after (Moore Kingston Smith).

    Figures ours: 200 miles across the limit cost 100 x 0.55 + 100 x 0.25.
    """
    assert RATES.mileage_cost(200 * MILE_KM, dt.date(2026, 6, 1), 9900 * MILE_KM) == 80


def test_protective_clothing_of_nmwm11100_and_uniform_of_nmwm11220() -> None:
    """NMWM11100 and NMWM11220: required clothing reduces pay, deducted or bought. Figures ours."""
    assert count_pay(paid("400", deductions_gbp=Fraction(25))).pay_gbp == 375
    assert count_pay(paid("400", uniform_gbp=Fraction(25))).pay_gbp == 375


def test_a_genuine_loan_of_nmwm11150_does_not_reduce_pay() -> None:
    """NMWM11150, example 1: two deductions of 200 repay a loan of 400; pay is not reduced."""
    assert count_pay(paid("1000", excepted_deductions_gbp=Fraction(200))).pay_gbp == 1000


def test_a_double_handed_visit_is_time_of_both() -> None:
    """Reg 30: each worker's time counts. Figures ours: one visit of an hour, two workers."""
    one = round_of([(480, 540, 0)])
    both = pd.concat([one, one.assign(worker_id="x")])
    found = assess_policy(activities_from_stops(both), PayPolicy(contact_rate_gbp=Decimal("12.71")))
    assert found.lots.set_index("lot").loc["all", "counted_hours"] == Decimal("2.00")
    assert found.complies


def test_training_and_the_way_to_it_count() -> None:
    """Reg 33 and nibusinessinfo: training and travel from work to it count; home to it does not. Ours."""
    found = activities_from_stops(round_of(
        [(480, 540, 20), (555, 675, 15)], kind=["contact", "training"]))
    assert found["kind"].to_list() == ["commute", "contact", "training_travel", "training"]
    assert counted(found) == 60 + 15 + 120


def test_waiting_up_to_sixty_minutes_as_in_harris_v_kaamil() -> None:
    """Harris v Kaamil Education (ET 2020): gaps of up to 60 minutes treated as working time.

    According to the claimants' campaign. A gap whose rest is 60 minutes counts; 61 does not.
    """
    sixty = activities_from_stops(round_of([(480, 540, 0), (615, 675, 15)]))
    over = activities_from_stops(round_of([(480, 540, 0), (616, 676, 15)]))
    assert (counted(sixty), counted(over)) == (60 + 75 + 60, 60 + 15 + 60)
    thirty = GapRules(waiting_up_to_minutes=30)
    assert counted(activities_from_stops(round_of([(480, 540, 0), (615, 675, 15)]), rules=thirty)) == 135


def test_hampshire_minimum_wage_plus_20_pct() -> None:
    """Hampshire, 2014: minimum wage + 20 %, excluding travel if it is not paid.

    Figures ours: 10 h of contact and 1 h of unpaid travel. 15.26 meets 15.252 for the contact
    hours, and 13.87 an hour the minimum wage; 15.25 does not meet the first.
    """
    visits = round_of([(0, 300, 0), (360, 660, 60)])
    results = [
        assess_policy(activities_from_stops(visits), PayPolicy(
            contact_rate_gbp=Decimal(rate), uplift_pct=Decimal(20), own_car_cost_gbp_per_mile=Decimal(0)))
        for rate in ("15.26", "15.25")]
    assert [bool(r.periods["uplift_met"].all()) for r in results] == [True, False]
    assert all(r.complies for r in results)
    assert {r.break_even_contact_rate_gbp for r in results} == {Decimal("15.26")}


def test_care_workers_week_of_contact_only_pay() -> None:
    """LITRG: contact-only pay is lawful if the average holds once travel and costs are counted.

    Figures ours: 30 h of contact at 14.50 and 4 h of travel is 12.79 an hour: lawful; with 20 miles
    of the own car not paid back (11.00) it is 12.47: not.
    """
    activities = pd.DataFrame({
        "worker_id": "w", "kind": ["contact", "travel"], "awake_minutes": 0.0,
        "km": [0.0, 20 * float(MILE_KM)], "lot": "", "visit_id": "",
        "start": pd.to_datetime(["2026-05-04 00:00", "2026-05-05 08:00"]).tz_localize("Europe/London"),
        "end": pd.to_datetime(["2026-05-05 06:00", "2026-05-05 12:00"]).tz_localize("Europe/London")})
    period = pd.DataFrame({"worker_id": ["w"], "period_start": [dt.date(2026, 5, 4)],
                           "period_end": [dt.date(2026, 5, 10)], "age": [40], "apprentice": [False]})
    line = PayLine.at("contact", 30, "14.50")
    without = assess(activities, period, [PeriodPay(lines=(line,))]).periods.iloc[0]
    cost = PeriodPay(lines=(line,), mileage_cost_gbp=exact("11.00"))
    with_cost = assess(activities, period, [cost]).periods.iloc[0]
    assert (without["effective_rate_gbp"], without["complies"]) == (Decimal("12.79"), True)
    assert (with_cost["effective_rate_gbp"], with_cost["complies"]) == (Decimal("12.47"), False)
    assert with_cost["shortfall_gbp"] == Decimal("8.14")


def test_tables_against_the_published_headline_rates() -> None:
    """The adult rate of every April since 2016, as gov.uk announced it (listed here apart from the table)."""
    published = {2016: "7.20", 2017: "7.50", 2018: "7.83", 2019: "8.21", 2020: "8.72", 2021: "8.91",
                 2022: "9.50", 2023: "10.42", 2024: "11.44", 2025: "12.21", 2026: "12.71"}
    assert {y: str(RATES.wage(dt.date(y, 4, 1), 30).rate_gbp) for y in published} == published
    assert len(RATES.wages) == 65
    assert all(r.source.startswith("http") and r.status for r in RATES.wages)
