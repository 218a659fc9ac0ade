"""Shifts for a day whose care workers are not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from allocation.rounds.workers import SHIFT_COLUMNS, made_up_shifts
from lotting.visits.pattern import LONG_DAY_HOURS

__all__ = ["made_up_staff", "with_long_visits"]

_SPARE_MINUTES = 30.0


def made_up_staff(visits: pd.DataFrame, *, base: tuple[float, float] | None = None) -> pd.DataFrame:
    """Make shifts up: rounds for the short visits, and a shift for each long block.

    Parameters
    ----------
    visits
        One day's, as in :mod:`lotting.visits.frame`.
    base
        Easting and northing where rounds begin and end; at their first and last visit when left
        out.

    Returns
    -------
    pandas.DataFrame
        :data:`allocation.rounds.workers.SHIFT_COLUMNS`; more than are needed, of which a plan uses
        as few as it can.

    Notes
    -----
    See :func:`allocation.rounds.made_up_shifts`. A visit of more than 4 hours (live-in and night
    care, mostly) is no stop of a round: each of its care workers has a shift of its length, and a
    skill that is called as the visit is, which :func:`with_long_visits` has the visit ask for.
    """
    long = visits["duration_minutes"] > LONG_DAY_HOURS * 60
    shifts = made_up_shifts(visits[~long], base=base)
    blocks = visits[long].loc[visits[long].index.repeat(visits.loc[long, "carers"])]
    if blocks.empty:
        return shifts
    x, y = base if base is not None else (np.nan, np.nan)
    numbers = [f"made up, long visit {k}" for k in range(1, len(blocks) + 1)]
    extra = pd.DataFrame({
        "worker_id": numbers,
        "shift_start": (blocks["earliest"] - _SPARE_MINUTES).clip(lower=0.0).to_numpy(),
        "shift_end": (blocks["latest"] + blocks["duration_minutes"] + _SPARE_MINUTES).to_numpy(),
        "max_minutes": np.inf, "mode": "car", "from": "open" if base is None else "base",
        "x_m": x, "y_m": y, "max_contact_minutes": np.inf,
    }, index=pd.Index(numbers, name="shift_id", dtype="str"))  # fmt: skip
    for column, sets in (
        ("skills", [frozenset({str(v)}) for v in blocks.index]),
        ("not_packages", [frozenset[str]()] * len(extra)),
    ):
        extra[column] = pd.Series(sets, index=extra.index, dtype="object")
    both = extra if shifts.empty else pd.concat([shifts, extra])
    return both[list(SHIFT_COLUMNS)]


def with_long_visits(visits: pd.DataFrame, shifts: pd.DataFrame) -> pd.DataFrame:
    """Have long visits ask for the shifts that were made up for them.

    Parameters
    ----------
    visits
        One day's.
    shifts
        Of :func:`made_up_staff`, or real ones, which change nothing.

    Returns
    -------
    pandas.DataFrame
        The visits, with ``skill`` where there are such shifts.
    """
    own = {skill for skills in shifts["skills"] for skill in skills} & set(visits.index)
    if not own:
        return visits
    asked = visits["skill"] if "skill" in visits else pd.Series("", index=visits.index)
    return visits.assign(skill=asked.mask(visits.index.isin(list(own)), visits.index.to_series()))
