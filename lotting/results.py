"""What comes out of a design: measures, checks and files, of one service line at a time.

Everything written here passes disclosure control first: the files are meant to be shown.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .brief import LotsBrief, RobustBrief
from .certificate import write_certificate
from .check import Rules, Violation, check_plan
from .demand import Demand
from .design.solve import Design, FrontPoint
from .errors import InputError, Problem, Problems
from .files import replace_all, write_text
from .lot_travel import TRAVEL_MEASURES, LotTravel, lot_travel, travel_facts
from .measures import distance_km, hess_cost, lot_table, moved, plan_facts, weekly_hours
from .plan import Plan
from .project import NO_ZONE, Project
from .report.disclosure import CONFIDENTIAL
from .report.tables import Published, ReportContent, publish
from .robust import Robustness, draw, lot_limits, try_demand

__all__ = [
    "OUTPUTS",
    "Outcome",
    "Result",
    "cap_in_words",
    "check_out",
    "describe",
    "draw_maps",
    "front_table",
    "in_scenarios",
    "numbers_table",
    "options_table",
    "proof_in_words",
    "redraw",
    "remove_earlier",
    "write_results",
]

#: What a run writes for one service, besides the folders of its options; ``tradeoff.png`` only
#: where there are several plans to set side by side.
OUTPUTS = (
    "map.html", "map.png", "tradeoff.png", "lots.xlsx", "plan.gpkg", "plan.csv", "result.json",
    "audit/certificate.json",
)
_OURS = re.compile(rf"(options/\d+/)?({'|'.join(map(re.escape, OUTPUTS))})")
_VERSIONS = ("lotting", "ortools", "numpy", "numba", "scipy", "geopandas", "shapely", "networkx")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A plan of one service line and what it is worth.

    Attributes
    ----------
    demand, lots, plan
        The service line, its brief and its plan.
    table
        Every measure of every lot, nothing suppressed.
    facts
        Measures of the whole plan, nothing suppressed.
    violations
        Rules the plan breaks, by a check that shares nothing with the solver.
    robustness
        How the plan fares in the scenarios of demand; None where none are wanted, or the brief
        sets a lot no limits.
    travel
        What the travel of its lots was estimated from; None where the brief does not ask for it.
    """

    demand: Demand
    lots: LotsBrief
    plan: Plan
    table: pd.DataFrame
    facts: dict[str, Any]
    violations: tuple[Violation, ...]
    robustness: Robustness | None = None
    travel: LotTravel | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """A design and its outcome, one of each for every option (the first is the plan)."""

    design: Design
    outcomes: tuple[Outcome, ...]

    @property
    def outcome(self) -> Outcome:
        """The outcome of the plan itself."""
        return self.outcomes[0]


def describe(
    project: Project, service: str, plan: Plan, *, seed: int | None = None, travel: LotTravel | None = None
) -> Outcome:
    """Measure and check one plan of one service line, and try it on the scenarios of demand.

    The scenarios are drawn with the brief's seed, or ``seed`` instead. Where the brief asks for the
    travel in lots it is estimated by ``travel``, which is made anew when left out.
    """
    if travel is None:
        travel = lot_travel(project, service)
    demand = project.demand(service)
    lots = dict(project.brief.services())[service]
    target = _target(project, demand, lots, plan)
    table = lot_table(
        project.areas, project.graph, demand, plan, target=target, today=project.today
    )
    facts = plan_facts(
        project.areas, project.graph, demand, plan, target=target, today=project.today, table=table
    )
    if travel is not None:
        estimated = travel.of(plan)
        table[list(TRAVEL_MEASURES)] = estimated[list(TRAVEL_MEASURES)]
        facts |= travel_facts(estimated)
    robustness = _robustness(
        demand, lots, plan, target, project.brief.robust, project.brief.run.seed if seed is None else seed
    )
    if lots.viable_hours is not None:
        facts["viable_lots"] = int((table["weekly_hours"] >= lots.viable_hours - 1e-6).sum())
    if robustness is not None:
        facts["within_limits_pct"] = 100 * robustness.within
        facts["below_least_pct"] = 100 * robustness.below
    rules = Rules.from_brief(lots, project.brief.locks)
    return Outcome(
        demand=demand,
        lots=lots,
        plan=plan,
        table=table,
        facts=facts,
        violations=tuple(check_plan(
            plan, project.areas, project.graph, demand, rules,
            travel=None if travel is None else travel.minutes,
        )),
        robustness=robustness,
        travel=travel,
    )


def _robustness(
    demand: Demand, lots: LotsBrief, plan: Plan, target: pd.Series[float] | float, robust: RobustBrief,
    seed: int,
) -> Robustness | None:
    limits = lot_limits(lots, target, plan.lot_names)
    if not robust.scenarios or not ((limits["lo"] > 0) | np.isfinite(limits["hi"])).any():
        return None
    futures = draw(demand.frame, robust, seed=seed, people_known=demand.people_known)
    return try_demand(plan, futures, limits)


def _target(
    project: Project, demand: Demand, lots: LotsBrief, plan: Plan
) -> pd.Series[float] | float:
    if lots.target_hours is not None:
        return lots.target_hours
    from .measures import target_hours

    return target_hours(project.areas, demand, plan, across_localities=lots.across_localities)


def options_table(result: Result) -> pd.DataFrame:
    """One row an option: what it was made for, what it is worth, how far it is from the others.

    Returns
    -------
    pandas.DataFrame
        Fresh index; columns ``option`` (1 first), ``made_for``, ``objective``, ``hess_cost``,
        ``distance_km``, ``largest_deviation_pct``, ``spread_hours``, ``bound`` and ``gap_pct``
        (no plan at least as equal that moves no more people has a cost below the bound),
        ``viable_lots`` where the brief says what is viable, ``within_limits_pct`` and
        ``below_least_pct`` (per cent of the scenarios of demand) where there are any,
        ``travel_minutes_per_contact_hour`` and ``largest_travel_minutes`` where travel is estimated,
        ``moved_people`` (or ``moved_hours``) and ``moved_pct`` against today's zones where there
        are any, and ``apart_from_<k>_people`` (or ``_hours``): how many are in another lot than in
        option k, after matching the lots.
    """
    rows = []
    for number, (option, outcome) in enumerate(
        zip(result.design.options, result.outcomes, strict=True), 1
    ):
        facts = outcome.facts
        row: dict[str, Any] = {
            "option": number,
            "made_for": option.title,
            "objective": option.objective,
        }
        names = ("hess_cost", "distance_km", "largest_deviation_pct", "spread_hours")
        row |= {name: facts[name] for name in names}
        if option.point is not None:
            row |= _certificate(option.point)
        kept = ("viable_lots", "within_limits_pct", "below_least_pct", "travel_minutes_per_contact_hour",
                "largest_travel_minutes")
        row |= {name: facts[name] for name in kept if name in facts}
        row |= {
            name: facts[name]
            for name in ("moved_people", "moved_hours", "moved_pct")
            if name in facts
        }
        for other, there in enumerate(result.outcomes, 1):
            apart = moved(outcome.demand, outcome.plan, there.plan)
            row[f"apart_from_{other}_{apart.unit}"] = (
                int(apart.total) if apart.unit == "people" else apart.total
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _certificate(point: FrontPoint) -> dict[str, Any]:
    return {"bound": point.bound, "gap_pct": None if point.gap is None else 100 * point.gap}


def front_table(project: Project, result: Result) -> pd.DataFrame:
    """One row a plan on the front, the shortest first.

    Returns
    -------
    pandas.DataFrame
        Fresh index; columns ``option`` (its number where it is one of them, else 0), ``made_for``,
        ``hess_cost``, ``bound``, ``gap_pct``, ``rms_km`` and ``bound_km`` (root mean square
        distance, from the cost and from the bound), ``distance_km``, ``largest_deviation_pct``,
        ``within_limits_pct`` where scenarios were tried, ``moved_people`` (or ``moved_hours``) and
        ``moved_pct`` where there are zones today, ``how``.
    """
    demand = result.outcome.demand
    total = max(float(demand.frame["weekly_hours"].sum()), 1e-9)
    numbers = {o.point.plan: i for i, o in enumerate(result.design.options, 1) if o.point is not None}
    titles = {o.point.plan: o.title for o in result.design.options if o.point is not None}
    rows = []
    for point in result.design.front:
        row: dict[str, Any] = {
            "option": numbers.get(point.plan, 0),
            "made_for": titles.get(point.plan, point.title),
            "hess_cost": point.distance,
            **_certificate(point),
            "rms_km": float(np.sqrt(point.distance / total)),
            "bound_km": float(np.sqrt(max(point.bound, 0.0) / total)),
            "distance_km": _mean_km(project, demand, point.plan),
            "largest_deviation_pct": point.deviation_pct,
        }
        if point.within is not None:
            row["within_limits_pct"] = 100 * point.within
        if project.today is not None:
            went = moved(demand, point.plan, project.today)
            row[f"moved_{went.unit}"] = int(went.total) if went.unit == "people" else went.total
            row["moved_pct"] = went.pct
        rows.append({**row, "how": point.how})
    return pd.DataFrame(rows)


def _mean_km(project: Project, demand: Demand, plan: Plan) -> float:
    hours = weekly_hours(demand, plan)
    ways = distance_km(project.areas, demand, plan).fillna(0)
    return float((ways * hours).sum() / max(float(hours.sum()), 1e-9))


def numbers_table(result: Result) -> pd.DataFrame:
    """One row a number of lots that was tried; empty where the brief gives just one.

    Returns
    -------
    pandas.DataFrame
        Fresh index; columns ``lots``, ``objective``, ``bound``, ``gap_pct``,
        ``smallest_lot_hours``, ``largest_lot_hours``, ``largest_deviation_pct`` (NaN where no plan
        was found), and ``viable_lots`` where the brief says how many hours a lot needs.
    """
    rows = []
    for tried in result.design.tried:
        found = bool(np.isfinite(tried.objective))
        row: dict[str, Any] = {
            "lots": tried.lots,
            "objective": tried.objective if found else np.nan,
            "bound": tried.bound if found else np.nan,
            "gap_pct": np.nan if tried.gap is None else 100 * tried.gap,
            "smallest_lot_hours": tried.smallest,
            "largest_lot_hours": tried.largest,
            "largest_deviation_pct": tried.deviation_pct,
        }
        if result.outcome.lots.viable_hours is not None:
            row["viable_lots"] = np.nan if tried.viable is None else tried.viable
        rows.append(row)
    return pd.DataFrame(rows)


def in_scenarios(outcome: Outcome) -> str:
    """Say in one line how a plan fares when demand changes; "" where that was not tried."""
    found = outcome.robustness
    if found is None:
        return ""
    # All but one is not all.
    percent = 100 if found.within == 1 else min(99, round(100 * found.within))
    share = f"{percent} % of {found.scenarios:,} scenarios of demand"
    text = f"In {share} every lot stays within its limits"
    return text + (f"; {found.worst} leaves them most often." if found.worst else ".")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a bare checkout
            found[name] = "unknown"
    return found


def _about(project: Project, result: Result) -> dict[str, Any]:
    """Everything a board paper needs to be made again; nothing that differs between two runs."""
    design = result.design
    return {
        "status": str(design.status),
        "objective": design.objective,
        "bound": design.bound,
        "gap": design.gap,
        "aims": design.aims.model_dump(),
        "seed": design.seed,
        "reproducible": design.reproducible,
        "stopped_by": design.stopped_by,
        "versions": _versions(),
        "inputs_sha256": project.hashes,
    }


def _published(project: Project, result: Result, number: int) -> tuple[ReportContent, Published]:
    from .report.colours import colour_lots, lot_graph

    outcome, publishing = result.outcomes[number], project.brief.publish
    service = outcome.demand.service
    facts: dict[str, Any] = {"service": service} if len(project.demands) > 1 else {}
    if number == 0:
        facts |= _about(project, result)
    facts |= outcome.facts
    notes = [
        *_about_travel(result, number),
        "Cost is Hess's: weekly hours x squared kilometres in a straight line to the lot's centre.",
        (
            "Every plan was checked by a second program that shares nothing with the solver: "
            + (
                "it breaks no rule of the brief."
                if not outcome.violations
                else f"it breaks {len(outcome.violations)} rules."
            )
        ),
    ]
    if not result.design.reproducible:
        notes.append("The run was cut short: the same seed may end in another plan.")
    content = ReportContent(
        title=publishing.title,
        source=publishing.source,
        areas=project.areas,
        demand=outcome.demand,
        plan=outcome.plan,
        lot_table=outcome.table,
        reconciliation=project.reconciliation,
        facts=facts,
        options=options_table(result) if number == 0 and len(result.outcomes) > 1 else None,
        front=front_table(project, result) if number == 0 and len(result.design.front) > 1 else None,
        numbers=numbers_table(result) if number == 0 and len(result.design.tried) > 1 else None,
        futures=None if outcome.robustness is None else outcome.robustness.lots,
        today=project.today,
        notes=tuple(notes),
        colours=colour_lots(lot_graph(outcome.plan, project.graph)),
        disclosure_control=publishing.disclosure_control,
        threshold=publishing.threshold,
        rounding=publishing.rounding,
    )
    return content, publish(content)


def _about_travel(result: Result, number: int) -> Iterator[str]:
    """Sentences on travel: what the figures are, and what is not proven."""
    outcome, found = result.outcomes[number], result.design.travel
    if outcome.travel is None:
        return
    yield TRAVEL_NOTE
    cap = outcome.lots.max_travel_minutes
    if cap is not None:
        above = [v.lot for v in outcome.violations if v.rule == "max_travel_minutes"]
        if not above:
            yield f"Every lot keeps to {cap:g} travel minutes per contact hour, as estimated."
        elif number == 0:
            yield cap_in_words(result.design, figures=False)
    if found is not None and found.minimised:
        yield ("Travel was minimised by a search: no bound is known on how much less any plan could have. "
               "The bound given is one on the cost.")


TRAVEL_NOTE = (
    "Travel minutes and km are estimated, without planning rounds, for the visits of one day: those "
    "between visits, not the ways from home and back."
)


def cap_in_words(design: Design, *, figures: bool = True) -> str:
    """Say which lots stay above the cap on travel, and by how much; "" where none does."""
    found = design.travel
    if found is None or not found.above or found.cap_minutes is None:
        return ""
    each = ", ".join(
        f"{lot} by {minutes - found.cap_minutes:.2f}" if figures else lot
        for lot, minutes in found.above.items()
    )
    return (f"No plan was found in which every lot keeps to {found.cap_minutes:g} travel minutes per "
            f"contact hour; in the best one found these are above it: {each}. That there is none is not "
            "proven.")


def draw_maps(
    project: Project,
    content: ReportContent,
    tables: Published,
    lots: LotsBrief,
    folder: Path,
    *,
    subtitle: str = "",
    proof: tuple[str, str] | None = None,
) -> None:
    """Write ``map.html`` and ``map.png`` of a plan into a folder."""
    from .report.content import LotLimits, MapContent
    from .report.figure import write_figure
    from .report.webmap import write_webmap

    facts = tables.facts
    lines: dict[str, str] = {"Lots": f"{len(content.plan.lot_names)}"}
    if _number(facts.get("largest_deviation_pct")):
        lines["Largest deviation from target"] = f"{facts['largest_deviation_pct']:.1f} %"
    if content.today is not None:
        unit = "people" if "moved_people" in facts else "hours"
        count = facts.get(f"moved_{unit}")
        share = facts.get("moved_pct")
        lines[
            f"{unit.capitalize()} who change zone" if unit == "people" else "Hours that change zone"
        ] = (f"{count:,.0f}" if _number(count) else str(count)) + (
            f" ({share:.0f} %)" if _number(share) else ""
        )
    if _number(facts.get("distance_km")):
        lines["Mean distance to the lot's centre"] = f"{facts['distance_km']:.1f} km"
    if _number(facts.get("travel_minutes_per_contact_hour")):
        lines["Travel minutes per contact hour, estimated"] = (
            f"{facts['travel_minutes_per_contact_hour']:.1f}"
        )
    if proof:
        value, label = proof
        lines[label] = value
    marks = tables.lots.suppressed
    map_content = MapContent(
        title=content.title,
        areas=content.areas,
        plan=content.plan,
        graph=project.graph,
        hours=tables.areas.frame["weekly_hours"],
        lot_measures=tables.lots.shown().infer_objects(),
        today=None if content.today is None else content.today.lots,
        limits=LotLimits(
            min_hours=lots.min_hours, max_hours=lots.max_hours, target_hours=lots.target_hours,
            max_travel_minutes=lots.max_travel_minutes,
        ),
        facts=lines,
        source=content.source,
        subtitle=subtitle,
        notes=(
            "[c]: withheld to protect people."
            if not marks.empty and bool(marks.to_numpy().any())
            else ""
        ),
        previous_colours=content.colours,
    )
    write_webmap(map_content, folder / "map.html")
    write_figure(map_content, folder / "map.png")


def _number(value: object) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))
    )


def proof_in_words(design: Design) -> str:
    """Say in one line how good the plan is.

    The bound is on the brief's own objective and within its rules; on travel there is none.
    """
    if design.travel is not None and design.travel.minimised and design.status != "optimal":
        text = "how much less travel any plan could have is not known (no bound)"
        if design.gap is None:
            return text
        return f"{text}; no plan within these rules has a cost more than {_up(100 * design.gap)} % lower"
    if design.travel is not None and design.travel.above and design.gap is not None:
        return f"no plan within the other rules costs more than {_up(100 * design.gap)} % less"
    if design.status == "optimal":
        return "no plan within these rules is better"
    if design.gap is None:
        return ""
    return f"no plan within these rules is more than {_up(100 * design.gap)} % better"


def _up(value: float) -> str:
    """Round up to one decimal: a promise must not be rounded down."""
    return f"{np.ceil(value * 10 - 1e-9) / 10:.1f}"


def proof_in_short(design: Design) -> tuple[str, str] | None:
    """Figure and label for the head of a map."""
    if design.travel is not None and design.travel.minimised and design.status != "optimal":
        return "No bound", "How much less travel any plan could have"
    if design.travel is not None and design.travel.above and design.gap is not None:
        return f"{_up(100 * design.gap)} %", "Most that the cost of any plan could be lower"
    if design.status == "optimal":
        return "Proven best", "Within the brief's rules"
    if design.gap is None:
        return None
    return f"{_up(100 * design.gap)} %", "Most that any plan could be better"


def subtitle_of(project: Project, outcome: Outcome, note: str = "") -> str:
    """Line under the title: service, lots, hours and limits."""
    lots = outcome.lots
    parts = []
    if len(project.demands) > 1:
        parts.append(f"Service {outcome.demand.service}")
    parts.append(
        f"{len(outcome.plan.lot_names)} lots, "
        f"{outcome.facts['weekly_hours']:,.0f} hours of care a week"
    )
    if lots.min_hours is not None and lots.max_hours is not None:
        parts.append(f"limits {lots.min_hours:,.0f} to {lots.max_hours:,.0f} a lot")
    if note:
        parts.append(note)
    return "; ".join(parts)


def _json(
    project: Project, result: Result, tables: Published, files: Sequence[str]
) -> dict[str, Any]:
    design, outcome = result.design, result.outcome
    return {
        **_about(project, result),
        "service": outcome.demand.service,
        "title": project.brief.publish.title,
        "source": project.brief.publish.source,
        "brief": outcome.lots.model_dump(mode="json", exclude_none=True),
        "cost_per_locality": _places(result, tables),
        "numbers_tried": [] if tables.numbers is None else _records(tables.numbers.shown()),
        "measures": tables.facts,
        "violations": _violations(outcome, tables),
        "lots": _records(tables.lots.shown()),
        "options": [] if tables.options is None else _records(tables.options.shown()),
        "front": [] if tables.front is None else _records(tables.front.shown()),
        "demand_scenarios": _scenarios(project, outcome, tables),
        **_travel(project, result, tables),
        "reconciliation": _records(tables.reconciliation.shown()),
        "repairs": _records(project.repairs),
        "warnings": [str(w) for w in _publishable(project)],
        "files": sorted(files),
        "timings": {"design_s": round(design.runtime_s, 3)},
    }


def _violations(outcome: Outcome, tables: Published) -> list[str]:
    """Rules that are broken in words, less the figures of lots that are withheld."""
    gone = tables.lots.suppressed
    hours = gone["weekly_hours"] if "weekly_hours" in gone else pd.Series(dtype=bool)
    withheld = set(hours.index[hours])
    return [
        f"{v.rule}: lot {v.lot} {CONFIDENTIAL}" if v.lot in withheld else str(v) for v in outcome.violations
    ]


def _travel(project: Project, result: Result, tables: Published) -> dict[str, Any]:
    """What the estimate of travel rests on; nothing where there is none."""
    estimate, found = result.outcome.travel, result.design.travel
    if estimate is None:
        return {}
    open_figures = not project.brief.publish.disclosure_control
    about = estimate.about(counts=open_figures)
    if found is not None:
        withheld = "travel_minutes_per_contact_hour" in tables.lots.suppressed and bool(
            tables.lots.suppressed["travel_minutes_per_contact_hour"].any()
        )
        about |= {
            "minimised": found.minimised,
            "bound": None,
            "cap_minutes": found.cap_minutes,
            "above_the_cap": CONFIDENTIAL if withheld and found.above else dict(found.above),
        }
    return {"travel": about}


def _scenarios(project: Project, outcome: Outcome, tables: Published) -> dict[str, Any] | None:
    """How the plan fares when demand changes, with what was assumed."""
    found = outcome.robustness
    if found is None or tables.futures is None:
        return None
    return {
        **project.brief.robust.model_dump(mode="json"),
        "within_limits_pct": 100 * found.within,
        "below_least_pct": 100 * found.below,
        "worst_lot": found.worst,
        "lots": _records(tables.futures.shown()),
    }


def _places(result: Result, tables: Published) -> list[dict[str, Any]]:
    """Cost of each place; ``[c]`` where the hours of a lot of it are withheld.

    A place may be one lot, or two of which one is shown.
    """
    lots, withheld = result.outcome.plan.lots, tables.lots.suppressed
    rows = []
    for r in result.design.places:
        row: dict[str, Any] = {
            "place": r.place.name,
            "locality": r.place.locality,
            "areas": len(r.place.codes),
            "lots": r.place.lots,
            "weekly_hours": r.place.hours,
            "min_hours": r.place.lo,
            "max_hours": _finite(r.place.hi),
            "target_hours": r.place.target,
            "objective": r.objective,
            "bound": r.bound,
            "gap": r.gap,
            "hess_cost": r.distance,
            "proven_optimal": r.optimal,
            "bound_rests_on": str(r.how),
        }
        here = lots[list(r.place.codes)].unique()
        if "weekly_hours" in withheld and withheld.loc[here, "weekly_hours"].any():
            telling = (
                "weekly_hours",
                "min_hours",
                "max_hours",
                "target_hours",
                "objective",
                "bound",
                "hess_cost",
            )
            row |= dict.fromkeys(telling, CONFIDENTIAL)
        rows.append(row)
    return rows


def _publishable(project: Project) -> list[Problem]:
    """Warnings that may be shown: what is said of the packages counts them one by one."""
    demand = project.brief.demand
    telling = {file.name for file in (demand.packages, demand.postcodes) if file is not None}
    if not project.brief.publish.disclosure_control or demand.packages is None:
        telling = set()
    return [w for w in project.warnings if w.file not in telling]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    named = frame.reset_index() if frame.index.name else frame
    return [{str(k): _plain(v) for k, v in row.items()} for row in named.to_dict("records")]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def write_results(
    project: Project, result: Result, out: Path, *, report: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Write everything into ``out``: plan, GeoPackage, workbook, maps, options and result.json.

    Parameters
    ----------
    project, result
        What was read, and what was designed.
    out
        Folder of the results. Files of an earlier run take the new ones' place at the very end;
        files of the user's own are left alone.
    report
        Told what is being written.

    Returns
    -------
    dict
        What is in ``result.json``.

    Raises
    ------
    InputError
        The folder cannot be written to, or a file of it is open in another program.
    """
    from .report.geopackage import write_geopackage
    from .report.workbook import write_workbook

    tell = report or (lambda _: None)
    out = Path(out)
    before = _files_before(out)
    with _writing(out), tempfile.TemporaryDirectory(dir=out, prefix=".writing-") as draft_name:
        draft = Path(draft_name)
        tell("Writing the plan and the tables")
        content, tables = _published(project, result, 0)
        result.outcome.plan.to_csv(draft / "plan.csv")
        write_geopackage(content, draft / "plan.gpkg")
        write_workbook(content, draft / "lots.xlsx")
        (draft / "audit").mkdir()
        write_certificate(result.design, result.outcome.demand.service, draft / "audit" / "certificate.json")
        tell("Drawing the maps")
        draw_maps(
            project,
            content,
            tables,
            result.outcome.lots,
            draft,
            subtitle=subtitle_of(project, result.outcome),
            proof=proof_in_short(result.design),
        )
        _draw_tradeoff(project, result, tables, draft)
        _write_options(project, result, draft)
        names = [p.relative_to(draft).as_posix() for p in sorted(draft.rglob("*")) if p.is_file()]
        names.append("result.json")
        data = _json(project, result, tables, names)
        write_text(
            draft / "result.json",
            json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        )
        replace_all(draft, out, names, gone=sorted(before - {*names}))
        _remove_empty(out / "options")
    return data


def _draw_tradeoff(project: Project, result: Result, tables: Published, draft: Path) -> None:
    """Write ``tradeoff.png`` where there are several plans, and all that it shows may be shown."""
    front, options = tables.front, tables.options
    if front is None or options is None:
        return
    from .report.tradeoff import TradeOff, write_tradeoff

    content = TradeOff(
        title=project.brief.publish.title,
        subtitle=subtitle_of(project, result.outcome, f"{len(front.frame)} plans that no other beats"),
        front=front.frame,
        options=options.frame.assign(
            rms_km=_rms_km(options.frame["hess_cost"], result.outcome.demand),
            bound_km=_rms_km(options.frame["bound"], result.outcome.demand),
        ),
        today=_today_on_chart(project, result.outcome),
        source=project.brief.publish.source,
    )
    if content.drawable:
        write_tradeoff(content, draft / "tradeoff.png")


def _rms_km(cost: pd.Series[float], demand: Demand) -> pd.Series[float]:
    total = max(float(demand.frame["weekly_hours"].sum()), 1e-9)
    return (cost.astype(float).clip(lower=0) / total) ** 0.5


def _today_on_chart(project: Project, outcome: Outcome) -> tuple[float, float] | None:
    """Largest deviation (%) and root mean square distance (km) of today's zones.

    None where there are none, where areas are in no zone, or where a zone holds so few people
    that its hours may not be shown.
    """
    today, demand = project.today, outcome.demand
    if today is None or NO_ZONE in today.lot_names:
        return None
    publishing = project.brief.publish
    if demand.people_known and publishing.disclosure_control:
        people = demand.frame["people"].groupby(today.aligned(demand.frame.index).to_numpy()).sum()
        if people.between(1, publishing.threshold - 1).any():
            return None
    target = _target(project, demand, outcome.lots, today)
    hours = weekly_hours(demand, today)
    aim = target.reindex(hours.index) if isinstance(target, pd.Series) else pd.Series(target, hours.index)
    off = float((100 * (hours - aim) / aim.where(aim > 0)).abs().max())
    cost = hess_cost(project.areas, demand, today)
    return off, float(_rms_km(pd.Series([float(cost.sum())]), demand).iloc[0])


def check_out(project: Project, out: Path) -> None:
    """Check that results can be written to a folder, before an hour is spent on them.

    Raises
    ------
    InputError
        It is a file, may not be written to, or holds files that the brief reads and that the
        results would take the place of.
    """
    out = Path(out)
    problems = Problems()
    there = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    if not there.is_dir():
        problems.add(
            "there is a file of this name, so no folder can be made",
            file=str(out),
            fix="Choose another folder with --out.",
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        problems.add(
            "the folder cannot be written to",
            file=str(out),
            fix="Choose another folder with --out, or ask for the right to write there.",
        )
    names = [name for name, _ in project.brief.services()]
    folders = [out] if len(names) == 1 else [out / name for name in names]
    written = {(folder / name).resolve() for folder in folders for name in OUTPUTS}
    for file in project.inputs:
        if file.resolve() in written:
            problems.add(
                "the brief reads this file, and the results would take its place",
                file=str(file),
                fix="Copy it to another place and name that in the brief, or choose another "
                "folder with --out.",
            )
    problems.raise_if_any()


def remove_earlier(out: Path, services: Sequence[str]) -> None:
    """Remove what earlier runs left in ``out`` for services that the brief no longer has.

    Parameters
    ----------
    out
        Folder of the results: of the one service itself, or with a folder for each.
    services
        The services that have just been written.

    Raises
    ------
    InputError
        A file is open in another program.
    """
    current = {out} if len(services) == 1 else {out / name for name in services}
    with _writing(out):
        for folder in [out, *sorted(p for p in out.iterdir() if p.is_dir())]:
            if folder in current or (folder != out and _service_of(folder) != folder.name):
                continue
            for name in _files_before(folder):
                (folder / name).unlink(missing_ok=True)
            for inner in ("options", "audit"):
                _remove_empty(folder / inner)
            if folder != out and not any(folder.iterdir()):
                folder.rmdir()


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as there is nothing in them."""
    if folder.is_dir():
        for inner in [*(p for p in folder.iterdir() if p.is_dir()), folder]:
            if not any(inner.iterdir()):
                inner.rmdir()


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Make the folder, say in words why it cannot be written to, and take it back on failure."""
    made = [p for p in (out, *out.parents) if not p.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, PermissionError):
            fix = (
                "Close it if it is open in another program (Excel, QGIS), or ask for the right "
                "to write there."
            )
        elif isinstance(error, OSError):
            fix = "Choose another folder, or make room."
        else:
            raise
        raise InputError(
            Problem(
                message=f"cannot be written: {error.strerror or error}",
                file=str(error.filename or out),
                fix=fix,
            )
        ) from error


def _write_options(project: Project, result: Result, draft: Path) -> None:
    if len(result.outcomes) < 2:
        return
    for number, (option, outcome) in enumerate(
        zip(result.design.options, result.outcomes, strict=True), 1
    ):
        folder = draft / "options" / str(number)
        folder.mkdir(parents=True)
        outcome.plan.to_csv(folder / "plan.csv")
        if number == 1:
            for name in ("map.html", "map.png"):
                shutil.copyfile(draft / name, folder / name)
            continue
        content, tables = _published(project, result, number - 1)
        draw_maps(
            project,
            content,
            tables,
            outcome.lots,
            folder,
            subtitle=subtitle_of(project, outcome, f"option {number}: {option.title.lower()}"),
        )


def _earlier(out: Path) -> dict[str, Any]:
    """``result.json`` of an earlier run; empty when there is none."""
    try:
        found = json.loads((out / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _service_of(out: Path) -> str:
    return str(_earlier(out).get("service", ""))


def _files_before(out: Path) -> set[str]:
    """Files that an earlier run wrote, by its own list; never one that no run would write."""
    listed = _earlier(out).get("files")
    return (
        {str(name) for name in listed if _OURS.fullmatch(str(name))}
        if isinstance(listed, list)
        else set()
    )


def redraw(project: Project, outcome: Outcome, folder: Path) -> list[Path]:
    """Draw the maps of any plan, also one that was not designed here.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    InputError
        The folder cannot be written to, or a file of it is open in another program.
    """
    from .report.colours import colour_lots, lot_graph

    publishing = project.brief.publish
    content = ReportContent(
        title=publishing.title,
        source=publishing.source,
        areas=project.areas,
        demand=outcome.demand,
        plan=outcome.plan,
        lot_table=outcome.table,
        reconciliation=project.reconciliation,
        facts=outcome.facts,
        today=project.today,
        colours=colour_lots(lot_graph(outcome.plan, project.graph)),
        disclosure_control=publishing.disclosure_control,
        threshold=publishing.threshold,
        rounding=publishing.rounding,
    )
    note = f"breaks {len(outcome.violations)} rules" if outcome.violations else ""
    with _writing(folder):
        draw_maps(
            project,
            content,
            publish(content),
            outcome.lots,
            folder,
            subtitle=subtitle_of(project, outcome, note),
        )
    return [folder / "map.html", folder / "map.png"]
