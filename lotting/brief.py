"""The brief: everything a council decides before a lot is drawn, in one TOML file.

The models below *are* the reference of the brief: every key, its unit, its default. An
unknown key is refused, so that a misspelt limit never passes for no limit.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .settings import Table, read_settings

__all__ = [
    "AreasBrief",
    "Brief",
    "DemandBrief",
    "LocksBrief",
    "LotsBrief",
    "MarketBrief",
    "PublishBrief",
    "RobustBrief",
    "RunBrief",
    "ServiceBrief",
    "TodayBrief",
    "VisitsBrief",
    "Weights",
    "load_brief",
]

HOURS_IN_A_WEEK = 168


class AreasBrief(Table):
    """``[areas]``: the boundaries, and what is known of each area."""

    file: Path | None = Field(
        None, description="Boundary file: GeoPackage, GeoJSON, Shapefile or GeoParquet."
    )
    files: list[Path] = Field(
        default_factory=list, description="Several boundary files, read into one."
    )
    layer: str | None = Field(
        None, description="Layer of the file; needed when it has more than one."
    )
    layers: list[str] = Field(
        default_factory=list, description="Several layers of the file, read into one."
    )
    crs: str | None = Field(
        None, description="CRS of a file that does not state its own, e.g. 'EPSG:27700'."
    )
    code: str | None = Field(
        None,
        description="Column of area codes; found by pattern (LSOA21CD, OA21CD, ...) when left out.",
    )
    name: str | None = Field(
        None, description="Column of area names; found by pattern when left out."
    )
    lookup: Path | None = Field(
        None, description="CSV or Excel table joined on area_code; adds columns such as locality."
    )
    locality: str | None = Field(None, description="Column of the locality a lot may not cross.")
    rural: str | None = Field(
        None,
        description=(
            "Column that says whether an area is rural (0/1, true/false, or an ONS RUC code)."
        ),
    )
    population: str | None = Field(
        None, description="Column of population, carried into the outputs."
    )
    x: str | None = Field(
        None, description="Column of the easting where care is given, metres in EPSG:27700."
    )
    y: str | None = Field(
        None, description="Column of the northing where care is given, metres in EPSG:27700."
    )
    tolerance_m: float = Field(
        25.0,
        ge=0,
        le=500,
        description=(
            "Gap or overlap between neighbours' edges that still counts as touching, metres."
        ),
    )
    min_shared_m: float = Field(
        10.0,
        ge=0,
        description="Shared boundary below this length (metres) is a corner, not a border.",
    )
    bridges: list[tuple[str, str]] = Field(
        default_factory=list,
        description="Pairs of areas to treat as neighbours (a bridge, a ferry).",
    )
    barriers: list[tuple[str, str]] = Field(
        default_factory=list,
        description="Pairs of areas to treat as not neighbours (an estuary with no crossing).",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (not self.files):
            raise ValueError("give either file or files, one of the two")
        if (self.x is None) != (self.y is None):
            raise ValueError("x and y go together: give both or neither")
        if self.layer is not None and self.layers:
            raise ValueError("give either layer or layers, not both")
        return self

    @property
    def sources(self) -> list[Path]:
        """Every boundary file, in order."""
        return [self.file] if self.file is not None else list(self.files)


class PackageColumns(Table):
    """``[demand.columns]``: which column of the council's export means what.

    Each is found by its usual names (see ``docs/reference/files.md``) when left out.
    """

    package_id: str | None = None
    person_id: str | None = None
    postcode: str | None = None
    area_code: str | None = None
    x_m: str | None = None
    y_m: str | None = None
    weekly_hours: str | None = None
    payer: str | None = None
    pathway: str | None = None
    start: str | None = None
    end: str | None = None
    carers: str | None = None
    provider_id: str | None = None
    people: str | None = None


class DemandBrief(Table):
    """``[demand]``: packages of care, or ready-made hours per area."""

    hours: Path | None = Field(
        None,
        description=(
            "CSV or Excel: area_code, weekly_hours[, people][, packages][, payer][, service]."
        ),
    )
    packages: Path | None = Field(None, description="CSV or Excel: one row a package of care.")
    sheet: str | None = Field(
        None, description="Worksheet of an Excel file; the first when left out."
    )
    postcodes: Path | None = Field(
        None, description="NSPL or ONSPD file of any edition (CSV, or gzipped or zipped)."
    )
    as_of: dt.date | None = Field(
        None, description="Packages active on this day count; the day of the run is never assumed."
    )
    columns: PackageColumns = Field(default_factory=PackageColumns, description="Column mapping.")
    max_package_hours: float = Field(
        float(HOURS_IN_A_WEEK),
        gt=0,
        le=2 * HOURS_IN_A_WEEK,
        description=(
            "A package with more weekly hours a carer than this is refused (a week has 168)."
        ),
    )
    day_first: bool = Field(default=True, description="Read 03/04/2026 as 3 April.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.hours is None) == (self.packages is None):
            raise ValueError("give either hours or packages, one of the two")
        if self.packages is not None and self.as_of is None:
            raise ValueError(
                "packages need as_of, the day on which a package counts as active, e.g. "
                "as_of = 2026-04-01"
            )
        return self


class TodayBrief(Table):
    """``[today]``: the zones in force, to count the people who would move."""

    plan: Path = Field(description="CSV or Excel: area_code, lot.")
    column: str = Field("lot", description="Column of the zone.")


class Weights(Table):
    """``weights``: what a plan costs, in the unit of each aim.

    The objective is the weighted sum; a weight says how many units of the others one unit is
    worth (``moved = 50``: moving one person is worth 50 hour-square-kilometres).
    """

    distance: float = Field(
        0.0, ge=0, description="x weekly hours x km squared to the lot's centre."
    )
    equality: float = Field(
        0.0, ge=0, description="x weekly hours by which the lots miss their target, added up."
    )
    moved: float = Field(0.0, ge=0, description="x people whose area changes zone.")
    mix: float = Field(
        0.0,
        ge=0,
        description=(
            "x rural weekly hours by which the lots miss their locality's rural share, added up."
        ),
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.distance or self.equality or self.moved or self.mix):
            raise ValueError("at least one weight must be above 0")
        return self


class LotsBrief(Table):
    """``[lots]``: how many, how large, and what makes one plan better than another."""

    number: int | tuple[int, int] | None = Field(
        None, description="Number of lots, or [fewest, most] to choose from."
    )
    per_locality: dict[str, int] = Field(
        default_factory=dict, description="Number of lots in each locality."
    )
    across_localities: bool = Field(default=False, description="Let lots cross localities.")
    min_hours: float | None = Field(None, ge=0, description="Fewest weekly hours a lot may hold.")
    max_hours: float | None = Field(None, gt=0, description="Most weekly hours a lot may hold.")
    target_hours: float | None = Field(
        None, gt=0, description="Weekly hours a lot should hold; the locality's mean when left out."
    )
    tolerance_pct: float | None = Field(
        None, ge=0, le=100, description="Hours may miss the target by this many per cent."
    )
    viable_hours: float | None = Field(
        None,
        gt=0,
        description=(
            "Weekly hours from which a lot is a business: how many lots reach them is counted. It "
            "is no limit."
        ),
    )
    max_travel_minutes: float | None = Field(
        None,
        gt=0,
        description=(
            "Most minutes of travel between visits for each hour of care in any lot, as estimated."
        ),
    )
    minimise: Literal["distance", "equality", "moved", "travel"] | None = Field(
        None,
        description=(
            "What to minimise; 'distance' unless weights are given. 'travel' is the estimated travel "
            "between visits, on which there is no bound."
        ),
    )
    weights: Weights | None = Field(None, description="Several aims at once, instead of minimise.")

    @field_validator("number", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        pair = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in pair):
            raise ValueError("number of lots must be a whole number, or [fewest, most]")
        if min(pair) < 1:
            raise ValueError("number of lots must be 1 or more")
        if pair[0] > pair[-1]:
            raise ValueError(
                "the fewest lots are more than the most: write number = [fewest, most]"
            )
        return value

    @field_validator("per_locality")
    @classmethod
    def _per_locality(cls, value: dict[str, int]) -> dict[str, int]:
        bad = [k for k, v in value.items() if v < 1]
        if bad:
            raise ValueError(f"every locality needs 1 lot or more: {', '.join(bad)}")
        return value

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.number is None and not self.per_locality:
            raise ValueError(
                "say how many lots: number = 18, number = [14, 20] or per_locality = { ... }"
            )
        if isinstance(self.number, int) and self.per_locality:
            total = sum(self.per_locality.values())
            if total != self.number:
                raise ValueError(f"number is {self.number}, but per_locality adds up to {total}")
        if isinstance(self.number, tuple) and self.per_locality:
            raise ValueError("give either a range of lots or per_locality, not both")
        if self.across_localities and self.per_locality:
            raise ValueError(
                "per_locality counts lots inside localities; it cannot go with "
                "across_localities = true"
            )
        if (
            self.min_hours is not None
            and self.max_hours is not None
            and self.min_hours > self.max_hours
        ):
            raise ValueError(f"min_hours {self.min_hours:g} is above max_hours {self.max_hours:g}")
        if self.minimise is not None and self.weights is not None:
            raise ValueError("give either minimise or weights, not both")
        return self

    @property
    def aims(self) -> Weights:
        """The weights in force, whichever way the brief said them.

        Travel is no sum over areas: it is minimised from plans that are short.
        """
        if self.weights is not None:
            return self.weights
        aim = "distance" if self.minimise in {None, "travel"} else str(self.minimise)
        return Weights(**{aim: 1.0})


class LocksBrief(Table):
    """``[locks]``: what has to stay as it is said here, whatever the cost."""

    together: list[list[str]] = Field(
        default_factory=list, description="Groups of areas that share a lot."
    )
    apart: list[tuple[str, str]] = Field(
        default_factory=list, description="Pairs of areas that may not share a lot."
    )
    lot: dict[str, str] = Field(
        default_factory=dict,
        description="Area to the lot (a zone of today's plan, or any name) that must hold it.",
    )

    @field_validator("lot", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: str(v) if isinstance(v, int) else v for k, v in value.items()}
        return value


class MarketBrief(Table):
    """``[market]``: the providers, and the caps that keep the market diverse."""

    providers: Path = Field(
        description=(
            "CSV or Excel: provider_id, max_weekly_hours[, name][, max_lots][, localities][, "
            "areas]."
        ),
    )
    min_providers: int = Field(1, ge=1, description="Providers within reach that each lot needs.")
    max_providers: int | None = Field(None, ge=1, description="Most providers in the whole county.")
    max_hours_per_provider: float | None = Field(
        None, gt=0, description="Cap on any one provider's weekly hours."
    )
    max_share_pct: float | None = Field(
        None, gt=0, le=100, description="Cap on any one provider's share of all hours, per cent."
    )
    max_lots_per_provider: int | None = Field(
        None, ge=1, description="Cap on the lots any one provider may hold a part of."
    )
    reach_pct: float = Field(
        50.0,
        gt=0,
        le=100,
        description=(
            "A lot is within reach when the provider works in areas with this share of its hours."
        ),
    )


class VisitColumns(Table):
    """``[visits.columns]``: which column of a file of visits means what.

    Each is found by its usual names (see ``docs/how-to/visits.md``) when left out.
    """

    visit_id: str | None = None
    package_id: str | None = None
    person_id: str | None = None
    worker_id: str | None = None
    day: str | None = None
    planned_start: str | None = None
    planned_end: str | None = None
    planned_duration: str | None = None
    actual_start: str | None = None
    actual_end: str | None = None
    actual_duration: str | None = None
    earliest: str | None = None
    latest: str | None = None
    carers: str | None = None
    secondary: str | None = None
    status: str | None = None
    postcode: str | None = None
    area_code: str | None = None
    x_m: str | None = None
    y_m: str | None = None


class VisitsBrief(Table):
    """``[visits]``: the visits of a week, read from a file, or made up from the hours of care."""

    file: Path | None = Field(
        None,
        description=(
            "CSV or Excel: one row a visit, or a carer's visit. Visits are made up when left out."
        ),
    )
    sheet: str | None = Field(
        None, description="Worksheet of an Excel file; the first when left out."
    )
    columns: VisitColumns = Field(default_factory=VisitColumns, description="Column mapping.")
    day: dt.date | None = Field(
        None,
        description=(
            "The day that is planned, and the week (Monday to Sunday) that is taken; the weekday "
            "with the most hours when left out."
        ),
    )
    day_first: bool = Field(default=True, description="Read 03/04/2026 as 3 April.")
    times: Literal["planned", "actual"] = Field(
        "planned", description="Which times count, where a file has both."
    )
    window_minutes: float = Field(
        60.0,
        ge=0,
        le=720,
        description=(
            "Minutes between the earliest and the latest start of a visit, half of them each side "
            "of its time; 0 for fixed times."
        ),
    )
    mix: dict[str, float] = Field(
        default_factory=lambda: {"15": 5.0, "30": 65.0, "45": 20.0, "60": 10.0},
        description="Made-up visits of 15, 30, 45 and 60 minutes, in per cent or any other unit.",
    )
    peaks: dict[str, float] = Field(
        default_factory=lambda: {"morning": 40.0, "lunch": 20.0, "tea": 20.0, "bed": 20.0},
        description=(
            "How much each part of the day is wanted where a person has fewer than four visits."
        ),
    )
    double_handed_share_pct: float = Field(
        0.0,
        ge=0,
        le=100,
        description=(
            "Share of the hours (both carers') given by two carers at once, where packages do not "
            "say."
        ),
    )
    seed: int = Field(1, ge=0, lt=2**31, description="Same seed, same packages: same visits.")

    @field_validator("mix", "peaks")
    @classmethod
    def _shares(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        known = {
            "mix": ("15", "30", "45", "60"), "peaks": ("morning", "lunch", "tea", "bed")
        }[str(info.field_name)]
        odd = [key for key in value if key not in known]
        if odd:
            raise ValueError(f"{', '.join(odd)}: the keys are {', '.join(known)}")
        if any(share < 0 for share in value.values()) or not sum(value.values()) > 0:
            raise ValueError("shares are 0 or more, and at least one is above 0")
        return value


class TravelBrief(Table):
    """``[travel]``: how minutes and km between places are found.

    With neither ``roads`` nor a ``server``, distances are straight lines times a detour at an
    average speed, and no data is needed. Speeds in town and country count where it is known
    which places are rural; where a trip has one end in each, half of it counts at each speed.
    """

    engine: Literal["straight-line", "road", "osrm"] | None = Field(
        None,
        description=(
            "`road` needs roads, `osrm` needs a server; when left out, whichever of the two is "
            "named, else `straight-line`."
        ),
    )
    stop_minutes: float = Field(
        2.0,
        ge=0,
        le=60,
        description=(
            "Added to every trip between two places: to park, walk and get in at the door. 2 is "
            "an assumption."
        ),
    )
    car_mph: float = Field(
        25.4,
        gt=0,
        le=70,
        description=(
            "Straight line: speed by car, miles an hour, where town and country are not told "
            "apart. 25.4 is the average on England's local A roads, year to June 2019."
        ),
    )
    car_urban_mph: float = Field(
        19.0,
        gt=0,
        le=70,
        description=(
            "Straight line: speed by car in town. 18 to 20 is recalled of the same statistics, "
            "not looked up: calibrate it."
        ),
    )
    car_rural_mph: float = Field(
        35.0,
        gt=0,
        le=70,
        description=(
            "Straight line: speed by car in the country. 34 to 36 is recalled of the same "
            "statistics, not looked up: calibrate it."
        ),
    )
    car_detour: float = Field(
        1.35,
        ge=1,
        le=5,
        description=(
            "Straight line: km by road for each km as the crow flies. 1.34 to 1.36 was measured "
            "along the quickest way on trips of up to 8 km, on the roads of two counties."
        ),
    )
    car_urban_detour: float | None = Field(
        None, ge=1, le=5, description="The same in town; car_detour when left out."
    )
    car_rural_detour: float | None = Field(
        None, ge=1, le=5, description="The same in the country; car_detour when left out."
    )
    walk_mph: float = Field(
        3.1, gt=0, le=6, description="Speed on foot, all engines but OSRM. 3.1 is 5 km an hour."
    )
    walk_detour: float = Field(
        1.3, ge=1, le=5, description="Straight line: detour on foot; 1.25 to 1.35 was measured."
    )
    cycle_mph: float = Field(
        9.3, gt=0, le=20, description="Speed by bicycle, all engines but OSRM. 9.3 is 15 km an hour."
    )
    cycle_detour: float = Field(
        1.3, ge=1, le=5, description="Straight line: detour by bicycle; 1.30 to 1.35 was measured."
    )
    roads: Path | None = Field(
        None,
        description=(
            "Road network: links as GeoPackage, GeoParquet or whatever GDAL reads, or an "
            "OpenStreetMap extract (`.osm.pbf`)."
        ),
    )
    roads_layer: str | None = Field(
        None, description="Layer of the links; needed when several layers hold lines."
    )
    roads_class: str | None = Field(
        None,
        description=(
            "Column of the class of road; found by its usual names (highway, fclass, "
            "road_function, class) when left out."
        ),
    )
    speeds_mph: dict[str, float] = Field(
        default_factory=dict,
        description=(
            "Speed by car on a class of road, in the file's words, instead of the one built in."
        ),
    )
    max_snap_m: float = Field(
        500.0,
        gt=0,
        description="A place further than this from any road cannot be reached.",
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="Road network: trips that take longer than this, stops aside, are not looked for.",
    )
    server: str | None = Field(
        None,
        description=(
            "OSRM server for cars, `http://...` or `https://...`. It is told where every place "
            "is; nothing is sent anywhere unless one is named."
        ),
    )
    walk_server: str | None = Field(None, description="OSRM server that knows the ways on foot.")
    cycle_server: str | None = Field(None, description="OSRM server that knows the ways by bicycle.")
    server_max_points: int = Field(
        100,
        ge=2,
        description="Most places in one request (`--max-table-size` of osrm-routed; 100 unless set).",
    )
    server_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Longest wait for one answer of the server."
    )
    server_retries: int = Field(
        3, ge=0, le=10, description="How often to ask again when the server is busy or fails."
    )

    @model_validator(mode="after")
    def _one_engine(self) -> Self:
        servers = (self.server, self.walk_server, self.cycle_server)
        if self.engine == "road" and self.roads is None:
            raise ValueError('engine = "road" needs roads, the file of the road network')
        if self.engine == "osrm" and not any(servers):
            raise ValueError('engine = "osrm" needs the address of a server')
        if self.engine is None and self.roads is not None and any(servers):
            raise ValueError('both roads and a server are named: say engine = "road" or "osrm"')
        return self

    @field_validator("speeds_mph")
    @classmethod
    def _speeds(cls, value: dict[str, float]) -> dict[str, float]:
        bad = [f"{k} = {v:g}" for k, v in value.items() if v <= 0]
        if bad:
            raise ValueError(f"every speed must be above 0: {', '.join(bad)}")
        return value

    @field_validator("server", "walk_server", "cycle_server")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            fine = parts.scheme in {"http", "https"} and bool(parts.hostname)
            fine = fine and (parts.port is None or parts.port > 0)
        except ValueError:
            fine = False
        if not fine or any(letter.isspace() for letter in value) or parts.query or parts.fragment:
            raise ValueError('not the address of a server: write it as "http://localhost:5000"')
        if parts.username is not None or parts.password is not None:
            raise ValueError("leave the user name and the password out of the address")
        return value.rstrip("/")

    @property
    def kind(self) -> Literal["straight-line", "road", "osrm"]:
        """The engine in force, named or not."""
        if self.engine is not None:
            return self.engine
        if self.roads is not None:
            return "road"
        if self.server or self.walk_server or self.cycle_server:
            return "osrm"
        return "straight-line"


class RunBrief(Table):
    """``[run]``: how long to look, and how to look again."""

    seed: int = Field(1, ge=0, lt=2**31, description="Same seed, same files: same plan.")
    time_limit_s: float = Field(60.0, gt=0, description="Seconds for the whole design.")
    options: int = Field(1, ge=1, le=12, description="Clearly different plans wanted.")
    workers: int = Field(
        0,
        ge=0,
        le=256,
        description=(
            "Pieces of work at a time; 0 for one a core, 1 for this process alone. The plan does "
            "not depend on it."
        ),
    )
    executor: Literal["auto", "processes", "threads"] = Field(
        "auto",
        description=(
            "What works: `processes` of this machine, `threads` of one process, or `auto`: "
            "processes for all but small maps and short runs. The plan does not depend on it."
        ),
    )
    solver: Literal["highs", "scip", "cp-sat"] = Field(
        "highs",
        description=(
            "Solver of the exact model, all three through OR-Tools. HiGHS is the quickest here; "
            "another one is a second opinion on what it proved."
        ),
    )


class RobustBrief(Table):
    """``[robust]``: what may become of the need for care, to see whether the lots would still hold.

    Each plan is tried on made-up futures: one growth for the whole map, drawn evenly between two
    bounds, and the luck of each area on its own. How often every lot stays within its limits is
    reported.
    """

    scenarios: int = Field(
        200, ge=0, le=10_000, description="Futures to try each plan on; 0 to leave it."
    )
    noise_pct: float = Field(
        10.0,
        ge=0,
        le=100,
        description=(
            "Standard deviation of the hours of an area with an average number of people, in per "
            "cent of them; an area with a quarter of the people varies twice as much. 10 is an "
            "assumption: take your own from two years' figures."
        ),
    )
    growth_pct: tuple[float, float] = Field(
        (0.0, 0.0), description="Least and most growth of all hours, per cent."
    )

    @field_validator("growth_pct")
    @classmethod
    def _growth(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not -100 < value[0] <= value[1]:
            raise ValueError("write the least growth first, above -100: growth_pct = [0, 10]")
        return value


class PublishBrief(Table):
    """``[publish]``: what may leave the council."""

    title: str = Field("Home care lots", description="Title of maps and tables.")
    source: str = Field("", description="Source and attribution line for maps and tables.")
    disclosure_control: bool = Field(
        default=True, description="Suppress and round the counts in publishable tables."
    )
    threshold: int = Field(
        5, ge=0, description="Counts of people or packages below this are suppressed."
    )
    rounding: int = Field(5, ge=1, description="Other counts are rounded to this.")


class ServiceBrief(Table):
    """``[[service]]``: a service line with lots of its own, made of the packages its rule picks.

    A package belongs to the first service whose rule it meets; one without rules takes the rest.
    """

    name: str = Field(
        min_length=1,
        max_length=40,
        description="Name; also the folder of its results.",
    )
    min_package_hours: float | None = Field(
        None, ge=0, description="Packages of this many weekly hours or more."
    )
    max_package_hours: float | None = Field(
        None, gt=0, description="Packages of fewer weekly hours than this."
    )
    pathways: list[str] = Field(
        default_factory=list, description="Pathways that count as this service, whatever the hours."
    )
    payers: list[str] = Field(default_factory=list, description="Only packages of these payers.")
    lots: LotsBrief | None = Field(None, description="Lots of this service; [lots] when left out.")

    @field_validator("name")
    @classmethod
    def _folder(cls, value: str) -> str:
        odd = set('\\/:*?"<>|') & set(value) or any(ord(letter) < 32 for letter in value)
        if odd or value.strip(" .") != value:
            raise ValueError(
                'the name becomes a folder: leave out \\ / : * ? " < > | and spaces or '
                "dots at its ends"
            )
        return value


class Brief(Table):
    """A whole brief. Paths are absolute once it is loaded from a file."""

    areas: AreasBrief
    demand: DemandBrief
    lots: LotsBrief | None = None
    service: list[ServiceBrief] = Field(default_factory=list)
    today: TodayBrief | None = None
    locks: LocksBrief = Field(default_factory=LocksBrief)
    market: MarketBrief | None = None
    travel: TravelBrief = Field(default_factory=TravelBrief)
    visits: VisitsBrief = Field(default_factory=VisitsBrief)
    run: RunBrief = Field(default_factory=RunBrief)
    robust: RobustBrief = Field(default_factory=RobustBrief)
    publish: PublishBrief = Field(default_factory=PublishBrief)

    @model_validator(mode="after")
    def _lots_somewhere(self) -> Self:
        without = [s.name for s in self.service if s.lots is None]
        if self.lots is None and (without or not self.service):
            raise ValueError(
                f"there is no [lots] table, and no lots for {', '.join(without)}"
                if without
                else "there is no [lots] table: say how many lots and how large"
            )
        names = [s.name.casefold() for s in self.service]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two services share the name {', '.join(twice)}")
        if self.today is None and any(lots.aims.moved for _, lots in self.services()):
            raise ValueError(
                "to keep people in their zones there have to be zones: "
                "add [today] with a plan, or do not minimise moved"
            )
        return self

    def services(self) -> list[tuple[str, LotsBrief]]:
        """Each service line and its lots; one line named ``all`` when the brief names none."""
        if not self.service:
            assert self.lots is not None
            return [("all", self.lots)]
        pairs = [(s.name, s.lots or self.lots) for s in self.service]
        return [(name, lots) for name, lots in pairs if lots is not None]


def load_brief(path: str | Path) -> Brief:
    """Read a brief and make its paths absolute.

    Parameters
    ----------
    path
        The TOML file, or the folder that holds it as ``brief.toml``. Paths inside are relative
        to the file's folder.

    Returns
    -------
    Brief

    Raises
    ------
    InputError
        With one problem for each unknown key, wrong value or missing file.
    """
    path = Path(path)
    if path.is_dir():
        path /= "brief.toml"
    return read_settings(path, Brief, absent="Make one with: lotting new FOLDER")
