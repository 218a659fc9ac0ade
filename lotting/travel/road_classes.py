"""Classes of road: how fast a car goes on each, and who may use it.

Speeds are averages over a trip, junctions and bends included, not limits.

- OpenStreetMap's classes: OSRM's profile for cars, km an hour,
  https://github.com/Project-OSRM/osrm-backend/blob/master/profiles/car.lua (found), but for
  ``unclassified``, which has 25 there: in England that is the country lane under the national limit,
  Ordnance Survey's "Minor Road", and both have a tertiary road's 40 here (an assumption).
- Ordnance Survey's A and B roads: 25.4 mph, the average on England's local A roads, year to June
  2019, https://www.gov.uk/government/statistics/travel-time-measures-for-the-strategic-road-network-and-local-a-roads-july-2018-to-june-2019
  (found; for B roads an assumption). Its other classes: those of OpenStreetMap's that are most
  like them (an assumption).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .straight_line import KM_A_MILE
from .times import Mode

__all__ = ["ACCESS_KEYS", "NOBODY", "RoadClass", "allowed", "class_key", "road_class"]

LOCAL_A_ROAD_MPH: Final = 25.4


@dataclass(frozen=True, slots=True)
class RoadClass:
    """What is assumed of a class of road: speed by car (mph) and the modes that may use it."""

    mph: float
    modes: frozenset[Mode]


_ALL: Final[frozenset[Mode]] = frozenset({"car", "walk", "cycle"})
_KMH: Final = {
    "motorway": 90, "motorway_link": 75, "trunk": 85, "trunk_link": 70, "primary": 65, "primary_link": 60,
    "secondary": 55, "secondary_link": 50, "tertiary": 40, "tertiary_link": 30, "unclassified": 40,
    "residential": 25, "living_street": 10, "service": 15, "road": 25,
}
_OSM = {name: RoadClass(kmh / KM_A_MILE, _ALL) for name, kmh in _KMH.items()}
for _name in ("motorway", "motorway_link"):
    _OSM[_name] = replace(_OSM[_name], modes=frozenset({"car"}))
for _name in ("footway", "pedestrian", "steps", "path"):
    _OSM[_name] = RoadClass(0.0, frozenset({"walk"}))
# Cycles are allowed on bridleways: Countryside Act 1968, section 30 (recalled).
for _name in ("track", "bridleway", "cycleway"):
    _OSM[_name] = RoadClass(0.0, frozenset({"walk", "cycle"}))
_OSM |= {f"track_grade{i}": _OSM["track"] for i in range(1, 6)}  # as Geofabrik has them

_A_ROAD = RoadClass(LOCAL_A_ROAD_MPH, _ALL)
_OS = {
    "motorway": _OSM["motorway"], "primary road": _A_ROAD, "a road": _A_ROAD, "b road": _A_ROAD,
    "minor road": _OSM["unclassified"], "local road": _OSM["residential"],
    "local access road": _OSM["service"], "restricted local access road": _OSM["service"],
    "secondary access road": _OSM["service"], "shared use carriageway": _OSM["living_street"],
    "pedestrianised street": _OSM["pedestrian"],
}
_CLASSES: Final = _OSM | _OS

#: Classes that are no way for anybody here; left out and counted.
NOBODY: Final = frozenset({
    "abandoned", "bus_guideway", "bus_stop", "busway", "construction", "corridor", "elevator",
    "emergency_bay", "escape", "guided busway", "layby", "no", "planned", "platform", "proposed", "raceway",
    "razed", "rest_area", "services", "traffic_island", "unknown", "via_ferrata",
})

# The nearest word to a mode decides: OSRM's profiles for car, foot and bicycle.
ACCESS_KEYS: Final[dict[Mode, tuple[str, ...]]] = {
    "car": ("motorcar", "motor_vehicle", "vehicle", "access"),
    "walk": ("foot", "access"),
    "cycle": ("bicycle", "vehicle", "access"),
}
_SHUT: Final = ("no", "private", "agricultural", "forestry", "emergency", "delivery", "use_sidepath")
_OPEN: Final = ("yes", "permissive", "designated")


def class_key(name: str) -> str:
    """Write a class as the table of classes has it.

    Examples
    --------
    >>> class_key("A Road, Collapsed Dual Carriageway"), class_key(" Residential")
    ('a road', 'residential')
    """
    return name.split(",", maxsplit=1)[0].strip().casefold()


def road_class(name: str, speeds_mph: Mapping[str, float]) -> RoadClass | None:
    """Return what is assumed of a class, with the brief's own speed; None when it is not known.

    A class that is only known from the brief is open to every mode.

    Examples
    --------
    >>> round(road_class("tertiary", {}).mph, 1), road_class("Tertiary", {"tertiary": 30}).mph
    (24.9, 30)
    >>> road_class("ice road", {}) is None
    True
    """
    own = {class_key(k): v for k, v in speeds_mph.items()}
    key = class_key(name)
    found = _CLASSES.get(key)
    if key in own:
        modes: frozenset[Mode] = _ALL if found is None else found.modes | {"car"}
        return RoadClass(own[key], modes)
    return found


def allowed(links: pd.DataFrame, by_class: npt.NDArray[np.bool_], mode: Mode) -> npt.NDArray[np.bool_]:
    """Whether a mode may use each link, by its class and by what the data says of access.

    Parameters
    ----------
    links
        Columns of :data:`ACCESS_KEYS` where the data has them (str, ``""`` for nothing said).
    by_class
        bool (n,): whether the class is open to the mode.

    Returns
    -------
    numpy.ndarray
        bool (n,). What is said of the mode itself goes before what is said of all traffic. An
        open word opens a class to walkers and cyclists (a footway with ``bicycle=yes``), not to
        cars.
    """
    said = pd.Series("", index=links.index, dtype="str")
    own = said.copy()
    for key in reversed(ACCESS_KEYS[mode]):
        if key in links.columns:
            value: pd.Series[Any] = links[key].str.casefold().str.strip()
            said = value.where(value != "", said)
            own = value if key == ACCESS_KEYS[mode][0] else own
    result = by_class & ~said.isin(_SHUT).to_numpy()
    if mode != "car":
        result |= own.isin(_OPEN).to_numpy()
    return result
