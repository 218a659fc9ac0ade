"""What every engine of travel times takes and gives.

Places come as frames and not as geometries, so that a caller needs no GIS; matrices are float32,
because 10,000 visits a day make 100 million pairs. A pair that cannot be travelled is infinite and
named with the reason: a straight line in its stead would look like a short trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.errors import InputError, Problem, Problems

__all__ = [
    "Block", "Floats", "Matrix", "Mode", "Places", "TravelMatrix", "TravelTimes", "check_mode", "places",
]

Mode = Literal["car", "walk", "cycle"]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

# The National Grid's own 700 km by 1,300 km, and some sea (as lotting.areas).
_WEST, _SOUTH, _EAST, _NORTH = -20_000.0, -20_000.0, 720_000.0, 1_320_000.0


def check_mode(mode: str) -> Mode:
    """Return the mode if there is such a one.

    Raises
    ------
    InputError
        The mode is not ``car``, ``walk`` or ``cycle``. A bus is refused by name: it runs to a
        timetable, which no engine here knows.

    Examples
    --------
    >>> check_mode("walk")
    'walk'
    >>> try:
    ...     check_mode("bus")
    ... except InputError as error:
    ...     print(error.problems[0].message)
    there are no travel times by bus
    """
    if mode in get_args(Mode):
        return cast("Mode", mode)
    if str(mode).strip().casefold() in {"bus", "coach", "train", "public transport", "transit"}:
        raise InputError(Problem(
            message=f"there are no travel times by {str(mode).strip().casefold()}", value=str(mode),
            fix="A bus runs to a timetable, which none of the engines knows: use 'car', 'walk' or 'cycle'.",
        ))
    raise InputError(Problem(
        message="not a mode of travel", value=str(mode), fix="Use 'car', 'walk' or 'cycle'."))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Part of a matrix that could not be had, and why: rows and columns by position."""

    rows: slice
    columns: slice
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TravelMatrix:
    """Minutes and km from every origin to every destination.

    Attributes
    ----------
    minutes
        float32 (n, m). ``inf`` where unreachable; 0 between two places at the same coordinates;
        else the journey and the fixed minutes of one stop (to park, walk and get in).
    km
        float32 (n, m), along the quickest way (not the shortest). ``inf`` where unreachable.
    origins, destinations
        Ids, in the order of the rows and of the columns.
    origin_reasons, destination_reasons
        Why a place cannot be reached from anywhere, or leave: ``""`` where it can; empty tuples
        when all can.
    blocks
        Parts of the matrix that could not be had.
    otherwise
        Reason for all other infinite pairs.
    complete
        False where the engine failed in part (a server that stopped answering), so that asking
        again may give more. Such a matrix is not kept.
    """

    minutes: Matrix
    km: Matrix
    origins: pd.Index
    destinations: pd.Index
    origin_reasons: tuple[str, ...] = ()
    destination_reasons: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    otherwise: str = "no way between the two"
    complete: bool = True

    def __post_init__(self) -> None:
        shape = (len(self.origins), len(self.destinations))
        if self.minutes.shape != shape or self.km.shape != shape:
            raise ValueError(f"minutes {self.minutes.shape} and km {self.km.shape} should be {shape}")

    def unreachable(self) -> pd.DataFrame:
        """List the pairs that cannot be travelled.

        Returns
        -------
        pandas.DataFrame
            ``origin``, ``destination`` (ids) and ``reason`` (str), one row a pair in the order of
            the matrix; a fresh 0..n-1 index. Empty when every pair can be travelled.

        Examples
        --------
        >>> times = TravelMatrix(
        ...     minutes=np.array([[0, np.inf]], "float32"), km=np.array([[0, np.inf]], "float32"),
        ...     origins=pd.Index(["a"]), destinations=pd.Index(["a", "b"]),
        ...     destination_reasons=("", "no road within 500 m"))
        >>> times.unreachable().to_dict("records")
        [{'origin': 'a', 'destination': 'b', 'reason': 'no road within 500 m'}]
        """
        rows, columns = np.nonzero(~np.isfinite(self.minutes))
        texts = ["", self.otherwise, *(b.reason for b in self.blocks)]
        which = np.ones(len(rows), dtype=np.int64)
        for number, block in enumerate(self.blocks, start=2):
            inside = (rows >= block.rows.start) & (rows < block.rows.stop)
            inside &= (columns >= block.columns.start) & (columns < block.columns.stop)
            which[inside] = number
        for reasons, at in ((self.destination_reasons, columns), (self.origin_reasons, rows)):
            if reasons:
                own = np.array([len(texts) + i if r else 0 for i, r in enumerate(reasons)])
                texts += list(reasons)
                which = np.where(own[at] > 0, own[at], which)
        return pd.DataFrame({
            "origin": self.origins.to_numpy()[rows], "destination": self.destinations.to_numpy()[columns],
            "reason": np.array(texts, dtype=object)[which],
        }).astype({"reason": "str"})


@runtime_checkable
class TravelTimes(Protocol):
    """An engine of travel times."""

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Find minutes and km from every origin to every destination.

        Parameters
        ----------
        origins
            Index: id of the place (str); columns ``x_m``, ``y_m`` (float, EPSG:27700), optional
            ``rural`` (bool).
        destinations
            The same; the origins again when left out.
        mode
            How the worker travels.

        Raises
        ------
        InputError
            Columns are missing, coordinates are blank or outside Great Britain, or there is no
            such mode.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Engine, hash of its data, settings: what a cache is keyed by and reports print.

        Plain types only (``json.dumps`` takes it).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Places, checked: ``xy`` float64 (n, 2) in EPSG:27700; ``rural`` bool (n,) or None."""

    ids: pd.Index
    xy: Floats
    rural: npt.NDArray[np.bool_] | None = None


def places(frame: pd.DataFrame, what: str = "places") -> Places:
    """Check a frame of places.

    Raises
    ------
    InputError
        With every problem: a column that is missing, coordinates that are blank, in degrees or
        outside Great Britain, a ``rural`` that is neither true nor false.

    Examples
    --------
    >>> places(pd.DataFrame({"x_m": [437000.0], "y_m": [310000.0]}, index=["a"])).xy.tolist()
    [[437000.0, 310000.0]]
    """
    problems = Problems()
    missing = [c for c in ("x_m", "y_m") if c not in frame.columns]
    if missing:
        problems.add(f"the {what} have no column {' and no column '.join(missing)}",
                     fix="Give eastings and northings in metres, EPSG:27700.")
        problems.raise_if_any()
    try:
        xy = frame[["x_m", "y_m"]].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        problems.add(f"coordinates of the {what} are not numbers", column="x_m",
                     fix="Give eastings and northings in metres, EPSG:27700.")
        problems.raise_if_any()
        raise
    blank = ~np.isfinite(xy).all(axis=1)
    if blank.any():
        problems.add(f"{int(blank.sum())} of {len(frame)} {what} have no coordinates "
                     f"({_first(blank)})", fix="Give each a place, or leave it out.")
    inside = (xy[:, 0] >= _WEST) & (xy[:, 0] <= _EAST) & (xy[:, 1] >= _SOUTH) & (xy[:, 1] <= _NORTH)
    inside &= ~((np.abs(xy[:, 0]) <= 180) & (np.abs(xy[:, 1]) <= 90))
    away = ~inside & ~blank
    if away.any():
        problems.add(
            f"{int(away.sum())} of {len(frame)} {what} are not in Great Britain ({_first(away)})",
            fix="Coordinates are eastings and northings in metres (EPSG:27700), not degrees.")
    rural = None
    if "rural" in frame.columns:
        flags = frame["rural"]
        unclear = ~flags.isin([True, False])
        if unclear.any():
            problems.add(f"{int(unclear.sum())} of {len(frame)} {what} are neither rural nor not "
                         f"({_first(unclear.to_numpy())})", column="rural",
                         fix="Give true or false for each, or leave the column out.")
        else:
            rural = flags.to_numpy(dtype=bool)
    problems.raise_if_any()
    return Places(ids=frame.index, xy=xy, rural=rural)


def _first(wrong: npt.NDArray[np.bool_]) -> str:
    # By position: an id may be a person's.
    return f"the first is number {int(np.argmax(wrong)) + 1}"
