"""Whether the results of a design still hold: the plan file, the rules and the certificate."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx

from .brief import LotsBrief
from .certificate import Finding, check_certificate, read_certificate
from .demand import Demand
from .design.places import Place, split
from .errors import InputError
from .project import NO_ZONE, Project, read_plan
from .results import describe

__all__ = ["Check", "verify_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the second opinion says of the plan of one service line.

    Attributes
    ----------
    service
        The service line.
    findings
        One a place.
    violations
        Rules of the brief that the plan breaks.
    """

    service: str
    findings: tuple[Finding, ...]
    violations: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the plan keeps the brief, and all that its certificate says is so."""
        return not self.violations and all(f.holds for f in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; figures that are not numbers become null."""
        def plain(value: Any) -> Any:
            return None if isinstance(value, float) and not math.isfinite(value) else value

        return {
            "service": self.service, "holds": self.holds, "violations": list(self.violations),
            "places": [
                {name: plain(v) for name, v in asdict(f).items()} | {"holds": f.holds}
                for f in self.findings
            ],
        }

    def to_text(self, width: int) -> str:
        """Say it in lines of at most ``width`` characters: a table of places, then a verdict."""
        figures = (("Cost", 14), ("Proven bound", 14), ("Gap %", 8))
        first = width - sum(w for _, w in figures) - 14
        lines = [] if self.service == "all" else [f"Service {self.service}"]
        head = "".join(f"{name:>{w}}" for name, w in figures)
        lines.append(f"{'Place':<{first}}{head}  rests on")
        for f in self.findings:
            gap = 100 * (1 - f.claimed_bound / f.objective) if f.objective > 0 else 0.0
            row = f"{f.objective:>14,.0f}{f.claimed_bound:>14,.0f}{max(0.0, gap):>8.2f}  {f.how:<12}"
            lines.append(f"{f.place[: first - 1]:<{first}}{row}".rstrip())
            if f.how == "exact model" and f.holds and f.objective > 0:
                alone = max(0.0, 100 * (1 - f.safe_bound / f.objective))
                lines.append(f"  the multipliers alone prove a gap of {alone:.2f} %")
            lines += textwrap.wrap(
                "; ".join(f.problems), width, initial_indent="  WRONG: ", subsequent_indent="  "
            )
        for violation in self.violations:
            lines += textwrap.wrap(
                violation, width, initial_indent="The plan breaks a rule: ", subsequent_indent="  "
            )
        lines.append("")
        lines += textwrap.wrap(
            "The plan keeps the brief, and its certificate holds." if self.holds
            else "This does not hold. Design the lots again, or find out what was changed since.", width,
        )
        return "\n".join(lines)


def verify_all(project: Project, out: Path) -> list[Check]:
    """Check the results of every service line of a project.

    Parameters
    ----------
    project
        What was read, as it is today.
    out
        Folder of the results.

    Returns
    -------
    list of Check
        In the brief's order.

    Raises
    ------
    InputError
        Plan or certificate are missing or are not what they should be.
    """
    services = dict(project.brief.services())
    today = None
    if project.today is not None:
        today = project.today.lots.where(project.today.lots != NO_ZONE, "")
    checks = []
    for service, lots in services.items():
        folder = out if len(services) == 1 else out / service
        plan = read_plan(folder / "plan.csv", project)
        certificate = read_certificate(folder / "audit" / "certificate.json")
        demand = project.demand(service)
        findings = check_certificate(
            certificate, project.areas, demand.frame, plan, today=today, people_known=demand.people_known
        )
        findings = [
            replace(f, problems=(*f.problems, *why)) if why else f
            for f, why in itertools.zip_longest(findings, _not_asked(certificate, project, lots, demand))
        ]
        violations = describe(project, service, plan).violations
        checks.append(Check(
            service=service, findings=tuple(findings), violations=tuple(map(str, violations))
        ))
    return checks


def _not_asked(
    certificate: Mapping[str, Any], project: Project, lots: LotsBrief, demand: Demand
) -> list[list[str]]:
    """What each place of a certificate is proven for, and the brief does not ask.

    A bound for narrower limits, or of areas held together without a lock, is one for fewer plans.
    """
    told = certificate["places"]
    try:
        places = {p.name: p for p in split(
            project.areas["locality"], project.graph, demand.frame["weekly_hours"], lots,
            number=sum(p["lots"] for p in told),
        ).places}
    except InputError:  # so many lots cannot be shared out at all
        places = {}
    held: nx.Graph[str] = nx.Graph()
    by_lot: dict[str, list[str]] = {}
    for code, lot in project.brief.locks.lot.items():
        by_lot.setdefault(lot, []).append(code)
    for group in [*project.brief.locks.together, *by_lot.values()]:
        nx.add_path(held, group)
    found = []
    for p in told:
        why = [] if _is(p, places.get(p["place"])) else ["areas, lots or limits are not those of the brief"]
        if certificate["aims"] != lots.aims.model_dump():
            why.append("the aims are not those of the brief")
        if any(len(u) > 1 and not (u[0] in held and set(u) <= nx.node_connected_component(held, u[0]))
               for u in p["units"]):
            why.append("areas count as one unit that the brief does not lock together")
        found.append(why)
    return found


def _is(told: Mapping[str, Any], place: Place | None) -> bool:
    if place is None or {c for unit in told["units"] for c in unit} != set(place.codes):
        return False
    most = math.inf if told["max_hours"] is None else told["max_hours"]
    pairs = [(told["lots"], place.lots), (told["min_hours"], place.lo), (most, place.hi),
             (told["target_hours"], place.target)]
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs)
