"""Everything a brief names, read and checked together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import geopandas as gpd
import networkx as nx
import pandas as pd

from .adjacency import Piece, build_adjacency, pieces
from .area_hours import read_area_hours
from .areas import AreasRead, read_areas
from .brief import Brief, load_brief
from .demand import Demand, read_demand
from .design.places import split
from .errors import InputError, Problem, Problems, some
from .locks import check_locks
from .packages import read_packages
from .plan import Plan
from .reconciliation import Reconciliation
from .tables import read_assignment

if TYPE_CHECKING:
    from .market import Market

__all__ = ["NO_ZONE", "Project", "load_project", "read_plan"]

#: Zone of an area that today's plan leaves out.
NO_ZONE = "no zone"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Project:
    """A brief and all that it names.

    Attributes
    ----------
    path
        The brief's file.
    brief
        Its settings, paths absolute.
    areas
        The areas, EPSG:27700 (shape in :mod:`lotting.areas`).
    repairs
        What was mended in the boundaries: ``file``, ``area_code``, ``problem``, ``action``.
    graph
        Which areas touch.
    pieces
        Disconnected pieces of the map, largest first; one when it hangs together.
    demands
        One for each service line.
    reconciliation
        Where every hour went.
    today
        The zones in force, every area (those without one in :data:`NO_ZONE`); None when unknown.
    market
        The providers; None when the brief names none.
    warnings
        What the user should know of.
    hashes
        SHA-256 of every input file by name.
    """

    path: Path
    brief: Brief
    areas: gpd.GeoDataFrame
    repairs: pd.DataFrame
    graph: nx.Graph[str]
    pieces: tuple[Piece, ...]
    demands: tuple[Demand, ...]
    reconciliation: Reconciliation
    today: Plan | None = None
    market: Market | None = None
    warnings: tuple[Problem, ...] = ()
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Path]:
        """Every file that was read."""
        return _inputs(self.path, self.brief)

    def demand(self, service: str | None) -> Demand:
        """Return the demand of one service line; the only one when ``service`` is None.

        Raises
        ------
        InputError
            There is no such service, or there are several and none is named.
        """
        names = [d.service for d in self.demands]
        if service is None and len(names) == 1:
            return self.demands[0]
        for demand in self.demands:
            if demand.service == service:
                return demand
        raise InputError(
            Problem(
                message=(
                    "the brief has several services"
                    if service is None
                    else "there is no such service"
                ),
                value=service,
                fix=f"Name one of {', '.join(names)} with --service.",
            )
        )


def load_project(path: str | Path, report: Callable[[str], None] | None = None) -> Project:
    """Read a brief and every file it names, and check them against each other.

    Parameters
    ----------
    path
        The brief, or its folder.
    report
        Told what is being read.

    Returns
    -------
    Project

    Raises
    ------
    InputError
        With every problem found in all of the files, not only in the first.
    """
    tell = report or (lambda _: None)
    brief = load_brief(path)
    path = Path(path) / "brief.toml" if Path(path).is_dir() else Path(path)
    problems = Problems()

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InputError as error:
            problems.items += error.problems
            return None

    tell("Reading the boundaries")
    read = attempt(lambda: read_areas(brief.areas))
    zones = None
    if brief.today is not None:
        today = brief.today
        zones = attempt(lambda: read_assignment(today.plan, today.column))
    if read is None:
        # Without a map nothing can be placed, but the rows themselves can be checked.
        if brief.demand.packages is not None:
            attempt(lambda: read_packages(brief.demand))
        else:
            attempt(lambda: read_area_hours(brief.demand, None, brief.service))
        problems.raise_if_any()
    assert read is not None
    tell("Finding the neighbours")
    graph = attempt(lambda: _graph(brief, read))
    tell("Reading the demand")
    demand = attempt(lambda: read_demand(brief, read.areas))
    attempt(lambda: check_locks(brief, read.areas))
    attempt(lambda: _check_lots(brief, read.areas))
    market = attempt(lambda: _market(brief, read.areas))
    plan = None if zones is None else _today(zones, brief, read.areas, problems)
    problems.raise_if_any()
    assert graph is not None
    assert demand is not None
    parts = tuple(pieces(graph, read.areas))
    warnings = [
        *read.warnings,
        *graph.graph.get("warnings", []),
        *demand.warnings,
        *problems.warnings,
    ]
    warnings += [
        Problem(
            message=str(piece).rstrip("."),
            file=brief.areas.sources[0].name,
            severity="warning",
            fix="Add a bridge in [areas] bridges if a lot may hold both sides.",
        )
        for piece in parts[1:]
    ]
    return Project(
        path=path,
        brief=brief,
        areas=read.areas,
        repairs=read.repairs,
        graph=graph,
        pieces=parts,
        demands=tuple(demand.demands),
        reconciliation=demand.reconciliation,
        today=plan,
        market=market,
        warnings=tuple(warnings),
        hashes=_hashes(path, brief),
    )


def read_plan(path: Path, project: Project) -> Plan:
    """Read a plan file and fit it to the project's areas.

    Raises
    ------
    InputError
        Areas without a lot, lots for areas that are not on the map, or a file that cannot be
        read; every problem at once.
    """
    lots = read_assignment(path)
    codes = project.areas.index
    lost, extra = codes.difference(lots.index), lots.index.difference(codes)
    problems = Problems()
    if len(lost):
        problems.add(
            f"{len(lost)} of {len(codes)} areas have no lot: {some(lost)}",
            file=path.name,
            fix="Every area must be in exactly one lot.",
        )
    if len(extra):
        problems.add(
            f"{len(extra)} areas are not on the map: {some(extra)}",
            file=path.name,
            column="area_code",
            fix="Use the plan of this map.",
        )
    problems.raise_if_any()
    return Plan(lots.reindex(codes))


def _graph(brief: Brief, read: AreasRead) -> nx.Graph[str]:
    return build_adjacency(
        read.areas,
        tolerance_m=brief.areas.tolerance_m,
        min_shared_m=brief.areas.min_shared_m,
        bridges=brief.areas.bridges,
        barriers=brief.areas.barriers,
    )


def _check_lots(brief: Brief, areas: gpd.GeoDataFrame) -> None:
    """Check what the brief says of the lots against the map; the hours do not matter for that."""
    problems = Problems()
    nobody = pd.Series(0.0, index=areas.index)
    apart: nx.Graph[str] = nx.empty_graph(areas.index)
    for name, lots in brief.services():
        ends = lots.number[::-1] if isinstance(lots.number, tuple) else (None,)
        for number in ends:
            try:
                split(areas["locality"], apart, nobody, lots, number=number)
            except InputError as error:
                problems.items += [p for p in error.problems if p not in problems.items]
                break
        if lots.aims.mix and not areas.attrs.get("rural_known", False):
            problems.add(
                "a mix of town and country is asked for"
                + ("" if name == "all" else f" (service {name})")
                + ", but nothing says which areas are rural",
                file="brief.toml",
                column="lots.weights",
                fix="Name the column in [areas] rural, or leave mix out.",
            )
    problems.raise_if_any()


def _today(
    zones: pd.Series[str], brief: Brief, areas: gpd.GeoDataFrame, problems: Problems
) -> Plan | None:
    assert brief.today is not None
    file = brief.today.plan.name
    codes = areas.index
    extra, lost = zones.index.difference(codes), codes.difference(zones.index)
    if len(extra) == len(zones):
        problems.add(
            f"none of today's zones is of an area of the map, e.g. {some(extra, 2)}",
            file=file,
            column="area_code",
            fix="Use the same areas, of the same edition, as the map.",
        )
        return None
    if len(extra):
        problems.add(
            f"{len(extra)} areas of today's zones are not on the map: {some(extra)}",
            file=file,
            column="area_code",
            severity="warning",
            fix="They are left out.",
        )
    if len(lost):
        problems.add(
            f"{len(lost)} of {len(codes)} areas have no zone today: {some(lost)}",
            file=file,
            column="area_code",
            severity="warning",
            fix=f"They count as a zone called {NO_ZONE!r}.",
        )
    return Plan(zones.reindex(codes).fillna(NO_ZONE))


def _market(brief: Brief, areas: gpd.GeoDataFrame) -> Market | None:
    if brief.market is None:
        return None
    from .market import read_market

    return read_market(brief.market, areas)


def _inputs(path: Path, brief: Brief) -> list[Path]:
    named = [
        path,
        *brief.areas.sources,
        brief.areas.lookup,
        brief.demand.hours,
        brief.demand.packages,
        brief.demand.postcodes,
        brief.today.plan if brief.today else None,
        brief.market.providers if brief.market else None,
        brief.visits.file,
        brief.travel.roads,
    ]
    return list(dict.fromkeys(part for file in named if file is not None for part in _parts(file)))


def _hashes(path: Path, brief: Brief) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in _inputs(path, brief):
        name = file.name
        if name in found:  # two files of one name, in different folders
            name = Path(os.path.relpath(file, path.parent)).as_posix()
        with file.open("rb") as handle:
            found[name] = hashlib.file_digest(handle, "sha256").hexdigest()
    return found


def _parts(file: Path) -> Iterator[Path]:
    """Yield a file and those that belong to it: a shapefile is four files or more."""
    if file.is_file():
        yield file
    if file.suffix.lower() == ".shp":
        for suffix in (".shx", ".dbf", ".prj", ".cpg"):
            beside = file.with_suffix(suffix)
            if beside.is_file():
                yield beside
