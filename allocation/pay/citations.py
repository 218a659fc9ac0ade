"""The rules by name: what each says in plain words, and the law or guidance it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the check.

    Attributes
    ----------
    key
        How tables name it.
    title
        A short heading.
    says
        The rule in plain words.
    law
        Regulation (of the National Minimum Wage Regulations 2015 unless it says otherwise) or case.
    source
        Where it was read.
    status
        ``found`` there, ``recalled`` (from memory: check it before you rely on it) or ``our
        assumption``.
    """

    key: str
    title: str
    says: str
    law: str
    source: str
    status: str = "found"


_MANUAL = "https://www.gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/"
_PART5 = "https://www.legislation.gov.uk/uksi/2015/621/part/5/chapter/3/made/data.xht"
_WORK = "https://www.gov.uk/minimum-wage-different-types-work"
_TEST = ("https://employmentcasesupdate.co.uk/content/national-minimum-wage-regulations-2015."
         "15c1541025254ea2b81462dc76e2edb1.htm")
_TAYLORS = ("https://www.iclr.co.uk/document/2024004059/"
            "casereport_0b402ea3-5063-4ddd-b720-354195c2e55d/html")
_WHITTLESTONE = "https://www.lrdpublications.org.uk/printarticle.php?id=idp9664008&iss=1733&pub=bk"

_ALL = (
    Rule("test", "The test", "Pay that counts, divided by the hours that count in the same pay reference "
         "period, must be at least the minimum wage. It is an average: single hours may be paid less.",
         "reg 7; NMWM09010", _TEST),
    Rule("period", "Pay reference period", "A month, or the time between pay days where that is shorter.",
         "reg 6; NMWM09010", f"{_MANUAL}nmwm09010"),
    Rule("rate", "Rate and age", "The rate is the one that applies on the first day of the period: a new "
         "rate, or a birthday, counts from the next period that begins on or after it.",
         "reg 4(2)", "https://www.cipp.org.uk/resources/news/when-to-implement-the-new-rates-of-nmw-in-2024.html"),
    Rule("apprentice", "Apprentices", "The apprentice rate applies under 19, and from 19 in the first year "
         "of the apprenticeship; after that the rate of the age.", "reg 5",
         "https://www.rjbs.co.uk/2020/03/02/national-minimum-wage-and-national-living-wage/"),
    Rule("contact", "Time with people", "Time spent giving care is time work. A visit of two workers is "
         "time work of each.", "reg 30", _PART5),
    Rule("travel_between", "Travel between visits", "Travel from one visit to the next counts for as long "
         "as it takes by the means in use.", "reg 34; Whittlestone [2013] UKEAT 0128/13; NMWM08490", _PART5),
    Rule("travel_base", "Travel from and to the base", "Travel between the base, where work begins or ends, "
         "and a visit counts.", "reg 34", _PART5),
    Rule("commute", "Travel from and to home", "Travel from home to the first visit and from the last visit "
         "home does not count, even in the employer's vehicle.",
         "reg 34(1); Taylors Services [2025] EWCA Civ 956", _TAYLORS),
    Rule("wait", "Waiting", "A short time between visits, in which the worker waits for the next one to "
         "begin, counts.", "reg 30; gov.uk, what counts as working time", _WORK),
    Rule("wait_limit", "How long a gap is waiting", "The law sets no number of minutes. Up to the minutes in "
         "the brief a gap is taken for waiting; in Harris v Kaamil Education (tribunal, 2020, by consent) it "
         "was up to 60 minutes, according to the claimants' campaign.",
         "no rule of law", "https://www.homecarewg.org/unpaid-working-time", "our assumption"),
    Rule("rest", "Rest", "In a longer gap with no feasible way home the travel to the next visit still "
         "counts; the rest of the gap is a break and does not.",
         "gov.uk, example 2, second part", _WORK, "recalled"),
    Rule("home_gap", "A gap spent at home", "In a longer gap in which the worker goes home, neither the gap "
         "nor the travel home and back counts.", "gov.uk, example 2; reg 34(1)", _WORK),
    Rule("home_feasible", "Whether the way home is feasible", "The worker is taken to go home where the gap "
         "is long enough to travel there and back and be there for the minutes in the brief.",
         "Whittlestone [2013] UKEAT 0128/13", _WHITTLESTONE, "our assumption"),
    Rule("sleep_in", "Sleep-ins", "In a sleep-in shift only the time in which the worker is awake for the "
         "purposes of working counts.", "reg 32; Royal Mencap v Tomlinson-Blake [2021] UKSC 8",
         "https://www.tozers.co.uk/insights/sleep-in-shifts-and-minimum-wage"),
    Rule("training", "Training", "Training that the employer requires counts.", "reg 33", _PART5),
    Rule("training_travel", "Travel to training", "Travel between a place of work and the place of training "
         "counts; from home it does not.", "regs 33 and 34", _PART5),
    Rule("pay", "Pay that counts", "Gross pay for work in the period, before tax and national insurance, "
         "also where it is paid in the next period.", "reg 9(1)",
         "https://legislation.gov.uk/uksi/2015/621/regulation/9/made"),
    Rule("not_pay", "Pay that does not count", "Holiday and sick pay, tips, and allowances that do not "
         "depend on the work done.", "reg 10; NMWM09070",
         "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm09070"),
    Rule("premium", "Premium pay", "What is paid for the same work above the lowest hourly rate due to the "
         "worker in the period (weekends, evenings) is taken off.", "reg 10(j); NMWM09270",
         f"{_MANUAL}nmwm09270"),
    Rule("premium_travel", "Is contact pay a premium on travel pay?", "Whether a higher rate for contact "
         "beside a lower rate for travel is premium pay for the same work is not settled; the report shows "
         "the result both ways.", "reg 10(j)", f"{_MANUAL}nmwm09270", "our assumption"),
    Rule("expenses_paid", "Expenses paid back", "What the employer pays to reimburse costs of the job "
         "(mileage) is no pay.", "reg 10(l) and (n); NMWM09170",
         "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm09170"),
    Rule("expenses_unmet", "Costs of the job the worker bears", "What workers pay for the job and are not "
         "paid back is taken off their pay; the way from home to work is not a cost of the job.",
         "reg 13; NMWM11100", "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm11100"),
    Rule("mileage", "The worker's own car", "Where the real cost is not known, HM Revenue & Customs' "
         "approved mileage rate stands for it: 45p, from 6 April 2026 55p a mile for the first 10,000 miles "
         "of a tax year. That is careful: the law takes off what was really spent.",
         "reg 13", "https://mooreks.co.uk/insights/new-mileage-allowance-rates-what-employers-need-to-do-now/",
         "our assumption"),
    Rule("uniform", "Uniform", "What workers pay for clothes they must wear is taken off.",
         "regs 12 and 13; NMWM11220",
         "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm11220"),
    Rule("deductions", "Deductions", "What the employer keeps for its own use or benefit is taken off. Tax, "
         "national insurance, pension, loans and advances are not.", "reg 12; NMWM11020",
         "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm11020"),
    Rule("accommodation", "Accommodation", "A charge above the offset takes the excess off; at or below it "
         "nothing changes; free accommodation adds the offset. The offset is that of the first day of the "
         "period.", "regs 14 to 16; NMWM10030, NMWM03080", f"{_MANUAL}nmwm10030"),
    Rule("arrears", "Arrears", "The higher of the underpayment and the underpayment x today's rate / the "
         "rate at the start of the period, for the band the worker was in then.",
         "National Minimum Wage Act 1998, s 17 and s 19; NMWM13160", f"{_MANUAL}nmwm13160"),
    Rule("penalty", "Penalty", "200 % of the underpayment for periods from 1 April 2016, at least 100 "
         "pounds a notice and at most 20,000 pounds a worker; half if all arrears and half the penalty are "
         "paid within 14 days.", "National Minimum Wage Act 1998, s 19A; NMWM13219, NMWM13230",
         "https://gov.uk/hmrc-internal-manuals/national-minimum-wage-manual/nmwm13219"),
    Rule("uplift", "Minimum wage plus a share", "A council may ask for more than the law, such as minimum "
         "wage + 20 %. Where travel is not paid its time is left out of this test, and only of this one.",
         "Hampshire, Support to stay at home strategy, 2014", "", "found; how to count is our reading"),
)

#: Every rule by its key.
RULES: Mapping[str, Rule] = MappingProxyType({r.key: r for r in _ALL})
