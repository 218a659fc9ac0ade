"""All that was found out about an award, as sentences, sheets of a workbook and tables of a page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from allocation.award.award import Award, AwardStatus
from allocation.award.figures import Figures
from allocation.award.reasons import OUTCOMES
from allocation.award.resilience import Resilience
from allocation.award.transfers import Transfers
from allocation.tender.load import Case
from allocation.tender.providers import SIZES

from .award_page import LotReasons, PageTable

__all__ = ["Found", "gap_text", "headline", "notes", "page_tables", "reasons_by_lot", "sentences", "sheets",
           "winners"]  # fmt: skip


SOLVER_NAMES: dict[str, str] = {"highs": "HiGHS", "cp-sat": "CP-SAT", "cbc": "CBC", "scip": "SCIP"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Found:
    """An award and what follows from it; None where it was not asked for."""

    case: Case
    award: Award
    figures: Figures
    reasons: pd.DataFrame
    transfers: Transfers
    resilience: Resilience
    waves: pd.DataFrame | None = None
    costs: pd.DataFrame | None = None
    scenarios: pd.DataFrame | None = None
    sequences: pd.DataFrame | None = None


def _n(value: float, decimals: int = 0) -> str:
    return "–" if not math.isfinite(value) else f"{value:,.{decimals}f}".replace("-", "−")


def _gbp(value: float, decimals: int = 0) -> str:
    text = _n(round(abs(value), decimals), decimals)
    return text if text == "–" else f"{'−' if round(value, decimals) < 0 else ''}£{text}"


def _pct(value: float, decimals: int = 0) -> str:
    return f"{_n(value, decimals)} %" if math.isfinite(value) else "–"


def headline(found: Found) -> list[tuple[str, str]]:
    """Return the figures to show large."""
    figures = found.figures
    shown = [
        ("a year", _gbp(figures.annual_cost_gbp)),
        ("mean rate an hour", _gbp(figures.mean_rate_gbp, 2)),
        ("mean quality of 100", _n(figures.mean_quality, 1)),
        ("providers win", _n(figures.providers)),
        ("of today's hours change provider", _pct(figures.moved_pct, 1)),
        ("cover if one provider fails, at least", _pct(figures.least_cover_pct)),
    ]
    return [(words, figure) for words, figure in shown if figure != "–"]


def sentences(found: Found) -> list[str]:
    """Say what was found, a sentence or two on each question."""
    case, award, figures = found.case, found.award, found.figures
    said = [
        (f"{_count(len(case.lots.frame), 'lot')}, {_count(case.bids.rows['provider_id'].nunique(), 'bidder')}"
         f", {figures.providers} of them win{_who(found)}. "
         f"{_gbp(figures.annual_cost_gbp)} a year ({_gbp(figures.weekly_cost_gbp, 2)} a week x "
         f"{case.tender.run.weeks_a_year:g}), "
         f"{_gbp(figures.mean_rate_gbp, 2)} an hour on average; mean quality {figures.mean_quality:.1f}, "
         f"mean score {figures.mean_score:.2f}."),
        _proof(award),
    ]  # fmt: skip
    counts = found.reasons["outcome"].value_counts()
    said.append(
        "Bidders, lot by lot: "
        + ", ".join(
            f"{counts[name]:,} {text[0].lower()}{text[1:]}"
            for name, text in OUTCOMES.items()
            if name in counts
        )
        + "."
    )
    moved, today = found.transfers, float(found.transfers.lots["today_hours"].sum())
    if today:
        people = (
            ""
            if math.isnan(moved.moved_people)
            else f", those of {moved.moved_people:,.0f} of {moved.lots['people_today'].sum():,.0f} people"
        )
        said.append(
            f"{moved.moved_hours:,.1f} of today's {today:,.1f} hours a week ({figures.moved_pct:.1f} "
            "%) change "
            f"provider{people}."
        )
    if found.waves is not None and len(found.waves):
        said.append(f"Within the weekly limits that takes {_count(found.waves['week'].max(), 'week')}.")
    failures = found.resilience.failures
    worst = failures[failures["with_provider_id"] == ""].iloc[0]
    spare = f"others take on at once {found.resilience.spare_pct:g} % of what they do in and around a lot"
    if worst["left_hours"] > 0:
        said.append(
            f"If one provider fails and {spare}: the most is left by {worst['provider_id']}, "
            f"{worst['left_hours']:,.1f} "
            f"of {worst['stranded_hours']:,.1f} hours a week, in "
            f"lot{'s' if '; ' in worst['lots_left'] else ''} {_listed(worst['lots_left'])}."
        )
    else:
        said.append(f"If any one provider fails and {spare}, all of its hours are covered.")
    said += _travel(found.resilience)
    return said


def _travel(resilience: Resilience) -> list[str]:
    """Say the most that a failure makes others travel."""
    single = resilience.failures[resilience.failures["with_provider_id"] == ""]
    known = single[single["extra_weekly_km"] > 0]
    if known.empty:
        return []
    most = known.sort_values("extra_weekly_km", kind="stable").iloc[-1]
    km, hours = float(most["extra_weekly_km"]), float(most["extra_weekly_minutes"]) / 60
    return [(f"Those who take hours on from next door travel most if {most['provider_id']} fails: "
             f"{km:,.0f} km and {hours:,.0f} hours more a week.")]  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(lots: str) -> str:
    """Write names of lots as in a sentence, where no name has a comma of its own."""
    return lots if "," in lots else lots.replace("; ", ", ")


def _who(found: Found) -> str:
    """Say how many winners are new entrants, and of which size, where that is known."""
    names = found.award.frame.index.get_level_values("provider_id").unique()
    frame = found.case.providers.frame
    sizes = frame["size"].reindex(names).value_counts()
    parts = [f"{sizes[size]} {size}" for size in SIZES if size in sizes]
    if frame["new_entrant"].any():
        parts.append(_count(found.figures.new_entrants, "new entrant"))
    return f" ({', '.join(parts)})" if parts else ""


def _proof(award: Award) -> str:
    if award.mechanism == "sequential":
        return "Awarded lot by lot; nothing is proven about it."
    if award.status != AwardStatus.OPTIMAL:
        return (
            f"Best award found in {award.seconds:,.0f} s ({SOLVER_NAMES[award.solver]}); it is not proven, "
            f"and the best there is may be better by {gap_text(award.gap_pct)} % at most."
        )
    took = f"{award.seconds:,.1f} s" if award.seconds >= 0.1 else "under 0.1 s"
    said = f"Proven to be the best award under the rules ({SOLVER_NAMES[award.solver]}, {took})."
    if award.unique:
        return f"{said} No other award is as good."
    if award.unique is None:
        return f"{said} Whether another is as good was not found out in time."
    number = f"{award.optimal_awards:,}" if award.optimal_awards else "Several"
    return (
        f"{said} {number} awards are as good; lots that differ: {', '.join(award.lots_that_differ)}. "
        f"{' '.join(award.tie_steps)}"
    ).strip()


def gap_text(gap_pct: float) -> str:
    """Write a gap with two digits that say something, rounded up."""
    if not math.isfinite(gap_pct):
        return "an unknown"
    places = max(2, 1 - math.floor(math.log10(gap_pct))) if gap_pct > 0 else 2
    return f"{math.ceil(gap_pct * 10**places - 1e-9) / 10**places:.{places}f}"


def winners(found: Found) -> PageTable:
    """Return who won what."""
    weeks = found.case.tender.run.weeks_a_year
    frame, name = found.award.frame, found.case.providers.frame["name"]
    rows = tuple(
        (str(lot), str(p), str(name.get(p, p)), f"{position} ({share:g} %)", _n(hours, 1), _gbp(rate, 2),
         _gbp(hours * rate * weeks), _n(score, 2))
        for (lot, p), position, share, hours, rate, score in zip(
            frame.index, frame["position"], frame["share_pct"].round(4), frame["weekly_hours"],
            frame["rate_gbp"], frame["score"], strict=True)
    )  # fmt: skip
    return PageTable(
        "Award",
        "Hours a week of each lot, by winner.",
        ("Lot", "Provider", "Name", "Place", "Hours a week", "£ an hour", "£ a year", "Score"),
        rows,
        (0, 1, 2),
    )


def reasons_by_lot(found: Found) -> list[LotReasons]:
    """Return the reasons, a lot at a time."""
    lots = []
    for lot, rows in found.reasons.groupby("lot", sort=False):
        won = rows.loc[rows["outcome"] == "won", "provider_id"]
        lots.append(
            LotReasons(
                str(lot),
                f"{len(rows)} bidders; won by {', '.join(won) or 'nobody'}",
                tuple(
                    (OUTCOMES[o], str(p), str(s))
                    for o, p, s in zip(rows["outcome"], rows["provider_id"], rows["sentence"], strict=True)
                ),
            )
        )
    return lots


def page_tables(found: Found) -> list[PageTable]:
    """Return the other tables of the page."""
    return list(_tables(found))


def _tables(found: Found) -> Iterator[PageTable]:
    if found.costs is not None:
        yield PageTable(
            "What each rule costs",
            "The tender awarded again without each rule.",
            ("Rule", "In words", "Costs £ a year",
             "Costs points" if found.case.tender.rules.aim == "score" else "Costs £ a week", "Winners"),
            tuple(
                (
                    str(name),
                    str(r["sentence"]),
                    _gbp(r["rule_costs_gbp"]),
                    _n(r["gain"], 3),
                    f"{r['providers']:.0f} without, {r['providers_with']:.0f} with",
                )
                for name, r in found.costs.iterrows()
            ),
            (0, 1),
        )
    if found.scenarios is not None:
        yield PageTable(
            "Scenarios",
            "Scores are by each scenario's own weights: compare cost and quality.",
            (
                "Scenario",
                "£ a year",
                "Change",
                "Mean rate",
                "Quality",
                "Winners",
                "Hours moved",
                "People moved",
                "Cover",
                "Other winners in",
                "Status",
            ),
            tuple(
                (
                    f"{i} {name}",
                    _gbp(r["annual_cost_gbp"]),
                    _gbp(r["annual_change_gbp"]),
                    _gbp(r["mean_rate_gbp"], 2),
                    _n(r["mean_quality"], 1),
                    _n(r["providers"]),
                    _pct(r["moved_pct"], 1),
                    _n(r["moved_people"]),
                    _pct(r["least_cover_pct"]),
                    "–" if pd.isna(r["differs_lots"]) else _count(int(r["differs_lots"]), "lot"),
                    str(r["why"] or r["status"]),
                )
                for i, (name, r) in enumerate(found.scenarios.iterrows(), start=1)
            ),
            (0, 10),
        )
    if found.sequences is not None:
        yield PageTable(
            "Lot by lot instead",
            "The same rules, bids taken one after the other; and how far that falls short.",
            (
                "Awarded",
                "£ a year",
                "Quality",
                "Winners",
                "Objective",
                "Short by",
                "Lots without enough winners",
            ),
            tuple(
                (
                    str(name),
                    _gbp(r["annual_cost_gbp"]),
                    _n(r["mean_quality"], 1),
                    _n(r["providers"]),
                    _n(r["objective"], 3),
                    _n(r["shortfall"], 3),
                    _n(r["lots_empty"]),
                )
                for name, r in found.sequences.iterrows()
            ),
        )
    moved = found.transfers
    if float(moved.lots["today_hours"].sum()):
        yield PageTable(
            "Who changes provider, by lot",
            "Hours a week. Ends: not in the tender. New: with nobody known today.",
            ("Lot", "Today", "Stay", "Move", "New", "End", "Moved", "People moved"),
            tuple(
                (
                    str(lot),
                    *(
                        _n(r[c], 1)
                        for c in ("today_hours", "stays_hours", "moves_hours", "new_hours", "ends_hours")
                    ),
                    _pct(r["moved_pct"], 1),
                    _n(r["people_moved"]),
                )
                for lot, r in moved.lots.iterrows()
            ),
        )
        has = moved.providers[moved.providers["today_hours"] > 0]
        yield PageTable(
            "Today's providers and their workers (TUPE)",
            f"Workers are estimated at {moved.hours_per_worker:g} hours a week each; no legal opinion.",
            ("Provider", "Hours today", "Given up", "Received", "Workers given up", "In words"),
            tuple(
                (
                    str(p),
                    *(_n(r[c], 1) for c in ("today_hours", "given_hours", "received_hours", "workers_given")),
                    str(r["words"]),
                )
                for p, r in has.iterrows()
            ),
            (0, 5),
        )
    if found.waves is not None:
        waves = found.waves.groupby("week").agg(
            lots=("lot", lambda lots: ", ".join(dict.fromkeys(lots))),
            weekly_hours=("weekly_hours", "sum"),
            people=("people", lambda p: p.sum(skipna=False)),
            pairs=("lot", "size"),
        )
        yield PageTable(
            "Waves of moves",
            "The fewest weeks the limits allow, one lot after the other.",
            ("Week", "Lots", "Hours", "People", "Moves"),
            tuple(
                (str(week), str(r["lots"]), _n(r["weekly_hours"], 1), _n(r["people"]), _n(r["pairs"]))
                for week, r in waves.iterrows()
            ),
            (0, 1),
        )
    failures = found.resilience.failures
    for title, rows in (
        ("If a provider fails", failures[failures["with_provider_id"] == ""]),
        ("If two fail together: the 20 worst", failures[failures["with_provider_id"] != ""].head(20)),
    ):
        if len(rows):
            yield PageTable(
                title,
                "Hours a week: taken on by those who work in the lot or next door, or left. Travel a week of "
                "those from next door"
                + ("." if math.isfinite(found.resilience.hours_per_shift)
                   else ": not known, as the lots have no positions."),
                (
                    "Provider",
                    "Lots",
                    "Stranded",
                    "Taken on",
                    "from next door",
                    "Left",
                    "Cover",
                    "Extra £ a week",
                    "Extra km",
                    "Extra minutes",
                    "Lots not covered",
                ),
                tuple(
                    (
                        " + ".join(p for p in (r["provider_id"], r["with_provider_id"]) if p),
                        _n(r["lots"]),
                        *(
                            _n(r[c], 1)
                            for c in ("stranded_hours", "absorbed_hours", "next_door_hours", "left_hours")
                        ),
                        _pct(r["cover_pct"]),
                        _gbp(r["extra_weekly_gbp"]),
                        _n(r["extra_weekly_km"]),
                        _n(r["extra_weekly_minutes"]),
                        str(r["lots_left"]),
                    )
                    for _, r in rows.iterrows()
                ),
                (0, 10),
            )


def sheets(found: Found) -> dict[str, pd.DataFrame]:
    """Return the sheets of the workbook."""
    weeks = found.case.tender.run.weeks_a_year
    frame = found.award.frame
    made = {
        "award": frame.assign(annual_cost_gbp=frame["weekly_cost_gbp"] * weeks),
        "reserves": found.award.reserves, "reasons": found.reasons.assign(
            outcome=found.reasons["outcome"].map(OUTCOMES)),
        "set_aside": found.case.bids.set_aside, "transfers": found.transfers.moves,
        "transfers_by_lot": found.transfers.lots, "transfers_by_pair": found.transfers.pairs,
        "providers_tupe": found.transfers.providers, "failures": found.resilience.failures,
        "who_takes_on": found.resilience.takers, "not_covered": found.resilience.uncovered,
    }  # fmt: skip
    more = {
        "waves": found.waves,
        "rule_costs": found.costs,
        "scenarios": found.scenarios,
        "lot_by_lot": found.sequences,
    }
    return made | {name: table for name, table in more.items() if table is not None}


def notes(found: Found) -> list[str]:
    """Say what the figures rest on."""
    tender = found.case.tender
    price = tender.price.formula.replace("_", " ")
    return [
        f"Price weighs {tender.price.weight:g} ({price}), quality {tender.quality.weight:g} of 100 points.",
        *found.award.notes,
        ("A reason sets a bid in a winner's place and leaves all else as it is; what would have been enough "
        "takes all other bids as they are."),
        ("Who changes provider: a provider that wins a lot it works in keeps as much as it won; "
         "counts of people "
        "are shared out by hours and are estimates where a provider's own are not given."),
        (f"Workers: {found.transfers.hours_per_worker:g} contact hours a week each, an assumption "
         "until providers "
        "give their staff lists. Whether TUPE applies depends on organised groupings and on how far work is "
        "split (TUPE reg. 3(1)(b), 3(3); London Care Ltd v Henry, UKEAT/0219/17)."),
        (f"Failure: those who work in a lot or next door take on {found.resilience.spare_pct:g} % of "
         f"what they do there. Reserves are named, not counted. {_trips(found.resilience)}"),
        ("For the council's own use: counts of people are not rounded and bids are confidential until the "
        "award is published."),
    ]  # fmt: skip


def _trips(resilience: Resilience) -> str:
    if not math.isfinite(resilience.hours_per_shift):
        return ("How far those from next door travel is not reckoned, as the lots have no positions (x_m and "
                "y_m in the table of lots).")  # fmt: skip
    return (f"Those from next door make one trip there and back for every {resilience.hours_per_shift:g} "
            "hours they take on (an assumption: five shifts a week), between the positions of the two lots, "
            "in straight lines times a detour; inside a lot nobody travels more than before.")  # fmt: skip
