"""How much further care workers travel who take on work of a lot next door.

One trip there and back for every shift, from the lot they work in to the lot they help out in; both at
the lot's position. A shift has the contact hours of a worker's week over :data:`SHIFTS_A_WEEK`: with 25
contact hours a week it has 5, so 100 hours taken on from next door are 20 trips there and back a week.
Way and time are those of straight lines (:class:`lotting.travel.StraightLine`). Where rounds can be
planned, :mod:`allocation.rounds` knows better: a worker may live between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allocation.tender.lots import TenderLots
from lotting.travel import StraightLine

__all__ = ["SHIFTS_A_WEEK", "Trips", "trips_between"]

#: Shifts a week of one care worker: an assumption, five days' work. No published figure was found.
SHIFTS_A_WEEK = 5.0


@dataclass(frozen=True, slots=True)
class Trips:
    """Travel a week for every weekly hour taken on, by (lot that is left, lot that is helped).

    Attributes
    ----------
    km, minutes
        A week, there and back. Pairs whose positions are not known are absent; a lot and itself has 0.
    hours_per_shift
        Contact hours for which one trip is made.
    """

    km: Mapping[tuple[str, str], float]
    minutes: Mapping[tuple[str, str], float]
    hours_per_shift: float


def trips_between(lots: TenderLots, *, hours_per_worker: float) -> Trips:
    """Find the travel of every hour taken on from a lot that touches.

    Parameters
    ----------
    lots
        Positions ``x_m``, ``y_m``, which lots touch, and the speeds.
    hours_per_worker
        Contact hours a week of one care worker.

    Examples
    --------
    Lots 10 km apart: 13.5 km and 21.8 minutes each way, for every 5 hours.

    >>> import pandas as pd
    >>> from allocation.tender.lots import lots_of_tables
    >>> table = pd.DataFrame({"lot": ["1", "2"], "weekly_hours": ["500", "500"],
    ...                       "x_m": ["440000", "450000"], "y_m": ["300000", "300000"]})
    >>> touching = pd.DataFrame({"lot": ["1"], "neighbour": ["2"]})
    >>> table.attrs["file"] = touching.attrs["file"] = "lots.csv"
    >>> trips = trips_between(lots_of_tables(table, touching), hours_per_worker=25)
    >>> f"{100 * trips.km['1', '2']:.0f} km, {100 * trips.minutes['1', '2']:.0f} minutes"
    '540 km, 873 minutes'
    """
    shift = hours_per_worker / SHIFTS_A_WEEK
    known = lots.frame[["x_m", "y_m"]].dropna()
    matrix = StraightLine(lots.travel).matrix(known)
    place = {str(lot): i for i, lot in enumerate(known.index)}
    km, minutes = ({(str(lot), str(lot)): 0.0 for lot in lots.frame.index} for _ in range(2))
    for one, other in lots.graph.edges:
        if one in place and other in place:
            for pair in ((one, other), (other, one)):
                at = place[pair[0]], place[pair[1]]
                km[pair] = 2 * float(matrix.km[at]) / shift
                minutes[pair] = 2 * float(matrix.minutes[at]) / shift
    return Trips(km, minutes, shift)
