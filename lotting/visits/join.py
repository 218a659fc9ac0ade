"""Rows of two carers at one visit become one double-handed visit."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["JOIN_MINUTES", "join_carers"]

JOIN_MINUTES = 15.0
"""Two carers of one person whose starts are at most this far apart are at the same visit."""


def join_carers(rows: pd.DataFrame, *, marked: bool = False) -> pd.DataFrame:
    """Join the rows of carers who are with a person together.

    Parameters
    ----------
    rows
        One row a carer's visit, or a visit of two: ``visit_id`` (str, unique), ``person`` (str,
        ``""`` where not known: such rows stay alone), ``worker_id`` (str, ``""`` where not known),
        ``day``, ``start`` and ``minutes`` (float, not NaN), ``carers`` (int: how many the row says
        are needed), ``secondary`` (bool: it is that of an additional carer).
    marked
        Whether the file marks additional carers; then a pair is one that is marked and one that is
        not.

    Returns
    -------
    pandas.DataFrame
        On the rows' index: ``visit`` (the ``visit_id`` of the visit it is part of), ``stands_for``
        (int: 1, or the carers of a row that stands for all of them) and ``alone`` (bool: an
        additional carer whose visit was not found).

    Notes
    -----
    Within a person's day, by start: a row joins the last one before it that is not over, began at
    most :data:`JOIN_MINUTES` before, has no second carer yet and is another worker's (or workers are
    not given). Where the lengths differ the visit has their mean, so that the hours are kept.

    Examples
    --------
    >>> rows = pd.DataFrame({
    ...     "visit_id": ["a", "b", "c"], "person": "p", "worker_id": ["w1", "w2", "w1"], "day": 1,
    ...     "start": [480.0, 482.0, 720.0], "minutes": 30.0, "carers": [2, 1, 2],
    ...     "secondary": [False, True, False]})
    >>> joined = join_carers(rows, marked=True)
    >>> joined["visit"].to_list(), joined["stands_for"].to_list()
    (['a', 'a', 'c'], [1, 1, 2])
    """
    result = pd.DataFrame({"visit": rows["visit_id"], "stands_for": rows["carers"], "alone": False})
    known = rows[rows["person"] != ""]
    order = known.sort_values(["person", "day", "start", "secondary"], kind="stable")
    people = order.groupby(["person", "day"], sort=False).ngroup().to_numpy()
    start = order["start"].to_numpy(dtype="float64")
    worker = order["worker_id"].to_numpy()
    secondary = order["secondary"].to_numpy(dtype=bool)
    end = start + order["minutes"].to_numpy(dtype="float64")
    partner = np.full(len(order), -1)
    for i in range(1, len(order)):
        for j in range(i - 1, -1, -1):
            if people[j] != people[i] or start[i] - start[j] > JOIN_MINUTES:
                break
            pair = secondary[i] != secondary[j] if marked else worker[i] != worker[j] or worker[i] == ""
            if partner[j] < 0 and start[i] < end[j] and pair:
                partner[i], partner[j] = j, i
                break
    paired = np.flatnonzero(partner >= 0)
    first = np.minimum(paired, partner[paired])
    ids = order["visit_id"].to_numpy()
    result.loc[order.index[paired], "visit"] = ids[first]
    result.loc[order.index[paired], "stands_for"] = 1
    lone = rows["secondary"] & ~rows.index.isin(order.index[paired])
    result.loc[lone, "stands_for"] = 1
    result["alone"] = lone
    return result
