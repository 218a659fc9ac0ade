"""Which engine a brief asks for."""

from __future__ import annotations

from pathlib import Path

from lotting.brief import TravelBrief

from .cache import CachedTimes
from .straight_line import StraightLine
from .times import TravelTimes

__all__ = ["travel_times"]


def travel_times(brief: TravelBrief, *, cache: Path | None = None) -> TravelTimes:
    """Make the engine that the brief asks for.

    Parameters
    ----------
    brief
        ``[travel]``. Without roads and server: straight lines, which need no data.
    cache
        Folder in which matrices are kept for the next run; none when left out. Straight lines are
        quicker to reckon than to read, and never kept.

    Returns
    -------
    TravelTimes

    Raises
    ------
    InputError
        The road network cannot be read (see :func:`lotting.travel.road_file.read_roads`).

    Examples
    --------
    >>> travel_times(TravelBrief()).settings()["engine"]
    'straight line'
    """
    if brief.kind == "straight-line":
        return StraightLine(brief)
    engine: TravelTimes
    if brief.kind == "road":
        from .network import RoadNetwork  # the only engine that needs GIS libraries

        engine = RoadNetwork.read(brief)
    else:
        from .osrm import Osrm

        engine = Osrm(brief)
    return engine if cache is None else CachedTimes(engine, cache)
