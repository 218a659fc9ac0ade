"""The lots of a tender: hours, locality, position, and which lots touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from lotting.brief import TravelBrief
from lotting.errors import InputError, Problem, Problems, some
from lotting.plan import natural

from . import cells
from .brief import Tender

if TYPE_CHECKING:
    from lotting.plan import Plan
    from lotting.project import Project

__all__ = ["MAX_LOT_HOURS", "TenderLots", "lots_of_project", "lots_of_tables", "read_lots"]

MAX_LOT_HOURS = 500_000.0
"""Weekly hours above which a lot is a mistake: ten times what Leicestershire's two payers buy in all."""

_COLUMNS = {
    "lot": ("lotid", "lotnumber", "lotname", "zone"),
    "weekly_hours": ("hours", "hoursperweek", "hoursaweek"),
    "locality": ("district",),
    "people": ("persons", "serviceusers", "clients"),
    "x_m": ("easting", "eastings"),
    "y_m": ("northing", "northings"),
}
#: The National Grid, metres: 700 km by 1,300 km; what is below a km is degrees, or a mistake.
_GRID = {"x_m": 700_000.0, "y_m": 1_300_000.0}
_NEIGHBOURS = {
    "lot": ("lota", "lot1", "from"),
    "neighbour": ("lotb", "lot2", "to", "neighbor", "neighbours"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TenderLots:
    """The lots.

    Attributes
    ----------
    frame
        Index ``lot`` (str, unique, in natural order); columns ``weekly_hours`` (float, above 0),
        ``locality`` (str, ``""`` where none is given), ``people`` (float, NaN where unknown), ``x_m`` and
        ``y_m`` (float, EPSG:27700; both NaN where unknown): of a project's lot, the area that is its centre
        (:func:`lotting.measures.centre`).
    graph
        Nodes: every lot, in the frame's order. Edges: lots that touch; none where nothing says so.
    hashes
        SHA-256 of the lotting project's files by name; empty for a table.
    warnings
        What the user should know of.
    travel
        Speeds and detours of straight lines: the project's ``[travel]``, or the defaults.
    """

    frame: pd.DataFrame
    graph: nx.Graph[str]
    hashes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    travel: TravelBrief = field(default_factory=TravelBrief)


def read_lots(tender: Tender) -> TenderLots:
    """Read the lots that a tender names.

    Parameters
    ----------
    tender
        Paths absolute; ``[lots]`` names a table or a lotting project.

    Raises
    ------
    InputError
        Every problem of the tables, or of the project's files: a column is missing, a lot is blank
        or occurs twice, hours are blank, nil, negative or too many, a position is off the National Grid or
        has one coordinate, a neighbour is no lot.
    """
    if tender.lots is None:
        raise InputError(Problem(message="[lots] is missing", fix="Name a table of lots, or a project."))
    brief = tender.lots
    if brief.file is not None:
        problems = Problems()
        table = cells.attempt(problems, lambda: cells.read(
            Path(brief.file or ""), "lots.columns", sheet=brief.sheet, given=brief.columns))
        touching = None if brief.neighbours is None else cells.attempt(
            problems, lambda: cells.read(Path(brief.neighbours or ""), "lots.columns"))
        if table is not None:
            found = cells.attempt(problems, lambda: lots_of_tables(table, touching))
        problems.raise_if_any()
        assert found is not None
        return found
    from lotting.project import load_project, read_plan

    assert brief.project is not None
    assert brief.plan is not None
    project = load_project(brief.project)
    return lots_of_project(project, read_plan(brief.plan, project), brief.service)


def lots_of_tables(table: pd.DataFrame, neighbours: pd.DataFrame | None) -> TenderLots:
    """Make the lots of a table, and of one of neighbours, both as text.

    Raises
    ------
    InputError
        As :func:`read_lots`.
    """
    problems = Problems()
    columns = cells.columns_of(table, _COLUMNS, ("lot", "weekly_hours"), problems)
    problems.raise_if_any()
    names = cells.ids(table, columns["lot"], problems, what="a lot", unique=True)
    frame = pd.DataFrame({
        "weekly_hours": cells.number(table, columns, "weekly_hours", problems, above=0, required=True,
                                     maximum=MAX_LOT_HOURS, unit="hours a week"),
        "locality": cells.text(table, columns, "locality"),
        "people": cells.number(table, columns, "people", problems, minimum=0),
        **{name: cells.number(table, columns, name, problems, minimum=1_000, maximum=most, unit="m")
           for name, most in _GRID.items()},
    })
    half = table.index[(frame["x_m"].isna() != frame["y_m"].isna()).to_numpy()]
    if len(half):
        problems.add(
            f"x_m and y_m go together: lot {some(names[half])}", file=table.attrs["file"],
            row=int(half[0]) + 2, fix="Give both, in metres of the National Grid, or neither.")
    edges = [] if neighbours is None else _edges(neighbours, set(names), problems)
    problems.raise_if_any()
    frame.index = pd.Index(names.to_numpy(), name="lot", dtype="str")
    frame = frame.loc[sorted(frame.index, key=natural)].astype({"locality": "str"})
    return TenderLots(frame=frame, graph=_graph(frame.index, edges))


def _edges(table: pd.DataFrame, lots: set[str], problems: Problems) -> list[tuple[str, str]]:
    noted = Problems()
    columns = cells.columns_of(table, _NEIGHBOURS, ("lot", "neighbour"), noted)
    problems.items += noted.items
    if noted.errors:
        return []
    ends = []
    for name in ("lot", "neighbour"):
        end = cells.ids(table, columns[name], problems, what="a lot", unique=False)
        cells.known(end, lots, problems, file=table.attrs["file"], what="lot")
        ends.append(end)
    itself = table.index[(ends[0] == ends[1]) & (ends[0] != "")]
    if len(itself):
        problems.add("a lot is named as its own neighbour", file=table.attrs["file"],
                     row=int(itself[0]) + 2, value=ends[0][itself[0]], fix="Delete the row.")
    return list(zip(*ends, strict=True))


def _graph(lots: Iterable[str], edges: Iterable[tuple[str, str]]) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(lots)
    pairs = {(min(pair, key=natural), max(pair, key=natural)) for pair in edges}
    for one, other in sorted(pairs, key=lambda pair: (natural(pair[0]), natural(pair[1]))):
        graph.add_edge(one, other)
    return graph


def lots_of_project(project: Project, plan: Plan, service: str | None = None) -> TenderLots:
    """Make the lots of a lotting project and a plan of it.

    Parameters
    ----------
    project
        Map, demand and neighbours.
    plan
        Every area's lot.
    service
        Service line whose hours count; the only one when left out.

    Returns
    -------
    TenderLots
        Two lots touch where an area of one touches one of the other. A lot across several
        localities counts as of the one with most of its hours, and a warning says so. Hours are
        rounded to 1e-6.

    Raises
    ------
    InputError
        There is no such service, or a lot has no hours.
    """
    from lotting.measures import centre

    demand = project.demand(service)
    areas = demand.frame.index
    lot = plan.aligned(areas).rename("lot")
    sums = demand.frame.groupby(lot)[["weekly_hours", "people"]].sum()
    problems = Problems()
    idle = list(sums.index[sums["weekly_hours"] <= 0])
    if idle:
        problems.add(f"{len(idle)} lot{'s have' if len(idle) > 1 else ' has'} no hours: {some(idle)}",
                     file="tender.toml", column="lots.plan",
                     fix="Use the plan of these packages and this service.")
    problems.raise_if_any()
    localities = project.areas["locality"].astype("str").reindex(areas)
    by_both = demand.frame["weekly_hours"].groupby([lot, localities.rename("locality")]).sum()
    home, across = {}, []
    for name in sums.index:
        held = by_both.loc[name].sort_index()
        home[name] = str(held.idxmax())
        if (held > 0).sum() > 1:
            across.append(str(name))
    if across:
        problems.add(
            f"{len(across)} lot{'s lie' if len(across) > 1 else ' lies'} in more than one locality: "
            f"{some(across)}", file="tender.toml", column="lots.plan", severity="warning",
            fix="Caps by locality count each as of the locality with most of its hours.")
    middle = project.areas.loc[centre(project.areas, demand, plan), ["x_m", "y_m"]].to_numpy(float)
    position = pd.DataFrame(middle, index=plan.lot_names, columns=["x_m", "y_m"])
    order = sorted((str(name) for name in sums.index), key=natural)
    frame = pd.DataFrame({
        "weekly_hours": sums["weekly_hours"].astype("float64").round(6),
        "locality": pd.Series(home, dtype="str"),
        "people": sums["people"].astype("float64") if demand.people_known else float("nan"),
        **{name: position[name] for name in position.columns},
    }).loc[order]
    frame.index = pd.Index(order, name="lot", dtype="str")
    edges = ((lot[a], lot[b]) for a, b in project.graph.edges if lot[a] != lot[b])
    return TenderLots(frame=frame, graph=_graph(order, edges), hashes=dict(project.hashes),
                      warnings=(*project.warnings, *problems.warnings), travel=project.brief.travel)
