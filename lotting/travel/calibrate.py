"""Fit the straight line to a road network, so that a council can leave the network at home.

A round goes from home to home nearby, so the fit is to trips of that length and not to trips across
the county, which go faster and straighter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar

from lotting.brief import TravelBrief
from lotting.errors import InputError, Problem

from .network import RoadNetwork
from .straight_line import KM_A_MILE, StraightLine
from .times import Floats, Mode, check_mode, places

__all__ = ["MAX_KM", "MIN_KM", "Calibration", "Fit", "calibrate", "relative_errors"]

#: Trips fitted to, km as the crow flies. English home care was at about 3 miles (4.8 km) by road a
#: visit (homecare statistics in the project's fact sheet, 2.9 to 3.06), so 8 km takes in most.
MIN_KM, MAX_KM = 0.3, 8.0

_DECIMALS = 2
_FEWEST_PAIRS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Detour and speed of one kind of trip.

    Attributes
    ----------
    kind
        ``all`` places, ``urban`` or ``rural`` ones.
    detour
        Km by road for each km as the crow flies.
    mph
        Speed at which half of the trips take longer and half shorter, stops aside.
    """

    kind: str
    detour: float
    mph: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the straight line should be told, and how well it then does.

    Attributes
    ----------
    mode
        How the worker travels.
    fits
        ``all`` first; ``urban`` and ``rural`` where it is known which places are rural.
    minutes_median_error, minutes_p90_error, km_median_error, km_p90_error
        Relative error of the fitted straight line against the network, stops aside: half of the
        trips are within the first, nine in ten within the second (0.1 is 10 %).
    points, pairs, seed
        Places, trips between them, and the seed they were drawn by (None: they were given).
    roads
        Name of the network's file.
    min_km, max_km
        Trips fitted to, as the crow flies.
    """

    mode: Mode
    fits: tuple[Fit, ...]
    minutes_median_error: float
    minutes_p90_error: float
    km_median_error: float
    km_p90_error: float
    points: int
    pairs: int
    seed: int | None
    roads: str
    min_km: float
    max_km: float

    def brief(self, start: TravelBrief | None = None) -> TravelBrief:
        """Make a ``[travel]`` of straight lines with the fitted detours and speeds."""
        start = TravelBrief() if start is None else start
        return start.model_copy(update={**dict(self._keys()), "engine": "straight-line", "roads": None})

    def toml(self) -> str:
        """Write the fit as a ``[travel]`` table that can be pasted into a brief."""
        drawn = "given" if self.seed is None else f"drawn with seed {self.seed}"
        e = (self.minutes_median_error, self.minutes_p90_error, self.km_median_error, self.km_p90_error)
        lines = [
            "[travel]",
            f"# Fitted to {self.roads}: {self.points:,} places ({drawn}),",
            f"# {self.pairs:,} trips of {self.min_km:g} to {self.max_km:g} km as the crow flies.",
            f"# Half of the minutes are within {e[0]:.0%}, nine in ten within {e[1]:.0%};",
            f"# half of the km within {e[2]:.0%}, nine in ten within {e[3]:.0%}.",
            *(f"{key} = {value:g}" for key, value in self._keys()),
        ]
        return "\n".join(lines) + "\n"

    def _keys(self) -> Iterator[tuple[str, float]]:
        for fit in self.fits:
            middle = "" if fit.kind == "all" else f"_{fit.kind}"
            yield f"{self.mode}{middle}_detour", fit.detour
            # On foot and by bicycle the speed went into the network; only the detour is news.
            if self.mode == "car":
                yield f"{self.mode}{middle}_mph", fit.mph


def calibrate(
    roads: RoadNetwork, points: pd.DataFrame | int = 500, *, seed: int = 1, mode: Mode = "car",
    min_km: float = MIN_KM, max_km: float = MAX_KM,
) -> Calibration:
    """Fit the straight line's detour and speed to a road network.

    Parameters
    ----------
    roads
        The network.
    points
        Where trips begin and end: a frame of places (index id, ``x_m``, ``y_m``, optional
        ``rural``), best of all the homes themselves; or how many junctions to draw. Junctions are
        where streets are, and so, roughly, homes.
    seed
        Of the draw.
    mode
        How the worker travels.
    min_km, max_km
        Trips that count, as the crow flies.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        Fewer than 30 trips are of that length.

    Notes
    -----
    Half of the trips are above the fit and half below (least absolute deviations), because a few
    places across a river would pull a mean. Town and country are fitted together, a trip between
    the two counting half for each, as the straight line reckons it.

    Examples
    --------
    >>> fit = Calibration(mode="car", fits=(Fit(kind="all", detour=1.3, mph=24.5),),
    ...     minutes_median_error=.1, minutes_p90_error=.25, km_median_error=.08, km_p90_error=.2,
    ...     points=10, pairs=90, seed=1, roads="roads.gpkg", min_km=.3, max_km=8)
    >>> print(fit.toml())
    [travel]
    # Fitted to roads.gpkg: 10 places (drawn with seed 1),
    # 90 trips of 0.3 to 8 km as the crow flies.
    # Half of the minutes are within 10%, nine in ten within 25%;
    # half of the km within 8%, nine in ten within 20%.
    car_detour = 1.3
    car_mph = 24.5
    <BLANKLINE>
    """
    check_mode(mode)
    given = isinstance(points, pd.DataFrame)
    if isinstance(points, pd.DataFrame):
        sample = points
    else:
        nodes = roads.nodes(mode)
        sample = nodes.sample(min(points, len(nodes)), random_state=seed)
    at = places(sample, "points")
    matrix = roads.matrix(sample, mode=mode)
    crow = _crow_km(at.xy)
    fitted = (crow >= min_km) & (crow <= max_km) & np.isfinite(matrix.minutes)
    if int(fitted.sum()) < _FEWEST_PAIRS:
        raise InputError(Problem(
            message=f"only {int(fitted.sum())} trips between the {len(at.ids)} places are of {min_km:g} to "
                    f"{max_km:g} km and can be travelled; {_FEWEST_PAIRS} are needed to fit to",
            fix="Give more places, or other lengths."))
    driving = matrix.minutes.astype(np.float64)[fitted] - roads.brief.stop_minutes
    km, crow = matrix.km.astype(np.float64)[fitted], crow[fitted]
    fits = [_fit("all", _median_line(km / crow)[0], _median_line(driving / crow)[0])]
    if at.rural is not None and mode == "car" and 0 < at.rural.sum() < len(at.ids):
        share = ((at.rural[:, None].astype(np.float64) + at.rural[None, :]) / 2)[fitted]
        detours, paces = _median_line(km / crow, share), _median_line(driving / crow, share)
        fits += [_fit(kind, *of) for kind, of in zip(("urban", "rural"), zip(detours, paces, strict=True),
                                                     strict=True)]
    found = Calibration(
        mode=mode, fits=tuple(fits), points=len(at.ids), pairs=len(crow), seed=None if given else seed,
        roads=roads.roads.file, min_km=min_km, max_km=max_km, minutes_median_error=np.nan,
        minutes_p90_error=np.nan, km_median_error=np.nan, km_p90_error=np.nan)
    guess = StraightLine(found.brief(roads.brief)).matrix(sample, mode=mode)
    off_minutes = relative_errors(
        guess.minutes[fitted].astype(np.float64) - roads.brief.stop_minutes, driving)
    off_km = relative_errors(guess.km[fitted].astype(np.float64), km)
    return replace(
        found, minutes_median_error=off_minutes[0], minutes_p90_error=off_minutes[1],
        km_median_error=off_km[0], km_p90_error=off_km[1])


def relative_errors(guess: Floats, truth: Floats) -> tuple[float, float]:
    """Median and 90th percentile of how far guesses are from the truth, as a share of the truth.

    Examples
    --------
    >>> relative_errors(np.array([9., 12., 10.]), np.array([10., 10., 10.]))[0]
    0.1
    """
    off = np.abs(guess - truth) / truth
    return float(np.median(off)), float(np.quantile(off, 0.9))


def _fit(kind: str, detour: float, pace: float) -> Fit:
    """Round a detour, and the speed at which a km as the crow flies takes ``pace`` minutes."""
    detour = max(1.0, round(detour, _DECIMALS))
    return Fit(kind=kind, detour=detour, mph=round(60 * detour / pace / KM_A_MILE, 1))


def _median_line(y: Floats, share: Floats | None = None) -> tuple[float, float]:
    """Least absolute deviations: y at a share of 0 and of 1, on a line; its median without shares."""
    if share is None:
        return float(np.median(y)), float(np.median(y))

    def at(slope: float) -> float:
        return float(np.median(y - slope * share))

    reach = float(y.max() - y.min()) or 1.0
    best = minimize_scalar(
        lambda slope: float(np.abs(y - slope * share - at(slope)).mean()), bounds=(-reach, reach),
        method="bounded", options={"xatol": 1e-4 * reach})
    slope = float(best.x)
    return at(slope), at(slope) + slope


def _crow_km(xy: Floats) -> npt.NDArray[np.float64]:
    crow: npt.NDArray[np.float64] = np.hypot(*(xy[:, None, k] - xy[None, :, k] for k in (0, 1))) / 1000
    return crow
