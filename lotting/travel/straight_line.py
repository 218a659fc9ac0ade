"""Travel times from straight lines: no data, no server, and good enough to compare lots.

Every place has a pace (minutes for each km as the crow flies) and a detour (km by road for each),
by whether it is in town or in the country. A trip takes the mean of its two ends', so that half
of it counts at either pace: a sum, which is why it can be fitted to a road network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.brief import TravelBrief

from .times import Floats, Mode, TravelMatrix, check_mode, places

__all__ = ["KM_A_MILE", "StraightLine"]

#: The international mile.
KM_A_MILE = 1.609344

_CHUNK = 4_000_000  # pairs at a time: 100 MB or so


@dataclass(frozen=True, slots=True)
class StraightLine:
    """Straight lines times a detour at an average speed.

    Parameters
    ----------
    brief
        ``[travel]``: speeds, detours and the minutes of a stop. Their defaults, and the sources:

        - ``car_mph`` 25.4: average speed on local A roads, England, year to June 2019,
          https://www.gov.uk/government/statistics/travel-time-measures-for-the-strategic-road-network-and-local-a-roads-july-2018-to-june-2019
          (found).
        - ``car_urban_mph`` 19 and ``car_rural_mph`` 35: the middle of 18 to 20 and of 34 to 36,
          recalled of the Department for Transport's tables CGN0501 and CGN0502 (not looked up).
        - ``car_detour`` 1.35: medians of 1.34 to 1.36 along the quickest way on trips of 0.3 to 8 km,
          measured on the roads of Rutland (OpenStreetMap, 2018) and Bath and North East Somerset
          (Ordnance Survey, 2017) by ``benchmarks/travel.py``; along the shortest way, on trips of any
          length, the medians are 1.22 to 1.29. ``walk_detour`` and ``cycle_detour`` 1.3: the same,
          1.25 to 1.35.
        - ``walk_mph`` 3.1 and ``cycle_mph`` 9.3: 5 and 15 km an hour, as OSRM's profiles have it,
          https://github.com/Project-OSRM/osrm-backend/tree/master/profiles (found).
        - ``stop_minutes`` 2: an assumption.

    Notes
    -----
    With d the distance in km on the National Grid, f the detour and v the speed in km an hour of
    each end: km = d (f1 + f2) / 2, minutes = 60 d (f1 / v1 + f2 / v2) / 2 + stop. The grid's scale
    is within 0.05 % of the ground's, so nothing is gained by a great circle.

    Examples
    --------
    Ten km apart in a straight line, 25.4 mph and a detour of 1.35: 13.5 km in 19.8 minutes, and 2 to
    park and get in.

    >>> homes = pd.DataFrame({"x_m": [440000, 450000], "y_m": [300000, 300000]}, index=["a", "b"])
    >>> times = StraightLine(TravelBrief()).matrix(homes)
    >>> times.km.tolist(), f"{times.minutes[0, 1]:.1f}"
    ([[0.0, 13.5], [13.5, 0.0]], '21.8')
    """

    brief: TravelBrief

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Find minutes and km; see :meth:`lotting.travel.TravelTimes.matrix`. Nothing is unreachable."""
        check_mode(mode)
        start = places(origins, "origins")
        end = start if destinations is None else places(destinations, "destinations")
        known = start.rural is not None and end.rural is not None
        pace1, detour1 = self._rates(len(start.ids), start.rural if known else None, mode)
        pace2, detour2 = self._rates(len(end.ids), end.rural if known else None, mode)
        shape = (len(start.ids), len(end.ids))
        minutes, km = np.empty(shape, np.float32), np.empty(shape, np.float32)
        step = max(1, _CHUNK // max(1, shape[1]))
        for top in range(0, shape[0], step):
            rows = slice(top, top + step)
            d = np.hypot(*(start.xy[rows, None, k] - end.xy[None, :, k] for k in (0, 1))) / 1000
            took = d * (pace1[rows, None] + pace2[None, :]) / 2
            minutes[rows] = np.where(d > 0, took + self.brief.stop_minutes, 0.0)
            km[rows] = d * (detour1[rows, None] + detour2[None, :]) / 2
        return TravelMatrix(minutes=minutes, km=km, origins=start.ids, destinations=end.ids)

    def _rates(
        self, count: int, rural: npt.NDArray[np.bool_] | None, mode: Mode
    ) -> tuple[Floats, Floats]:
        """Minutes and km by road for each km as the crow flies, of every place."""
        brief = self.brief
        if mode == "car" and rural is not None:
            mph = np.where(rural, brief.car_rural_mph, brief.car_urban_mph)
            detour = np.where(
                rural, brief.car_rural_detour or brief.car_detour,
                brief.car_urban_detour or brief.car_detour)
        else:
            one_mph, one_detour = {
                "car": (brief.car_mph, brief.car_detour), "walk": (brief.walk_mph, brief.walk_detour),
                "cycle": (brief.cycle_mph, brief.cycle_detour),
            }[mode]
            mph, detour = np.full(count, one_mph), np.full(count, one_detour)
        return 60 * detour / (mph * KM_A_MILE), detour

    def settings(self) -> dict[str, Any]:
        """Engine and settings: speeds (mph), detours and the minutes of a stop; there is no data."""
        keys = ("stop_minutes", "car_mph", "car_urban_mph", "car_rural_mph", "car_detour",
                "car_urban_detour", "car_rural_detour", "walk_mph", "walk_detour", "cycle_mph",
                "cycle_detour")
        return {"engine": "straight line", "data_sha256": "",
                **{key: getattr(self.brief, key) for key in keys}}
