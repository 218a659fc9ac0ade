"""Minutes and km between places: straight lines, a road network, or an OSRM server.

Every engine is a :class:`TravelTimes`; :func:`travel_times` makes the one a brief asks for. The road
network (:mod:`.network`), the fit of straight lines to it (:mod:`.calibrate`) and the server
(:mod:`.osrm`) are imported when they are needed.
"""

from .engines import travel_times
from .straight_line import StraightLine
from .times import Mode, TravelMatrix, TravelTimes

__all__ = ["Mode", "StraightLine", "TravelMatrix", "TravelTimes", "travel_times"]
