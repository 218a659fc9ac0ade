"""What wider visit windows would free: the same visits, planned again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lotting.errors import InputError, Problem
from lotting.travel import TravelTimes

from .many import plan_lots

__all__ = ["parse_windows", "windows_table", "with_window"]


def parse_windows(text: str) -> list[float]:
    """Read minutes with commas between.

    Raises
    ------
    InputError
        One is no number from 0 to 720.

    Examples
    --------
    >>> parse_windows("60, 0,30")
    [0.0, 30.0, 60.0]
    """
    found = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 720:
            raise InputError(Problem(
                message="not a window in minutes, 0 to 720", value=part.strip(),
                fix="Write them with commas between, for example --windows 0,30,60,120.",
            ))  # fmt: skip
        found.append(value)
    return sorted(set(found))


def with_window(visits: pd.DataFrame, minutes: float) -> pd.DataFrame:
    """Give every visit a window of so many minutes about its wanted start.

    Parameters
    ----------
    visits
        One day's, as in :mod:`lotting.visits.frame`.
    minutes
        From the earliest to the latest start; 0 for fixed times.

    Returns
    -------
    pandas.DataFrame
        A copy. Where two visits of a package could then overlap, they share the time between them.

    Examples
    --------
    >>> visits = pd.DataFrame({"package_id": "p", "target": [480.0, 520.0], "duration_minutes": 30.0})
    >>> with_window(visits, 60)[["earliest", "latest"]].to_numpy().tolist()
    [[450.0, 485.0], [515.0, 550.0]]
    """
    result = visits.copy()
    order = visits.sort_values(["package_id", "target"], kind="stable")
    same = order["package_id"].eq(order["package_id"].shift())
    ends = (order["target"] + order["duration_minutes"]).groupby(order["package_id"]).cummax()
    gap = order["target"] - ends.shift()
    before = (gap / 2).clip(lower=0.0).where(same, np.inf)
    after = before.shift(-1, fill_value=np.inf)
    half = minutes / 2
    back = before.clip(upper=half).reindex(visits.index)
    forward = after.clip(upper=half).reindex(visits.index)
    result["earliest"] = (visits["target"] - back).clip(lower=0.0)
    result["latest"] = visits["target"] + forward
    return result


def windows_table(
    visits: Mapping[str, pd.DataFrame],
    travel: TravelTimes,
    windows: Sequence[float],
    *,
    weekly: float,
    report: Callable[[str, int, int], None] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Plan the same visits with windows of several widths.

    Parameters
    ----------
    visits
        A day's visits by lot.
    travel
        Minutes and km.
    windows
        Minutes, in rising order.
    weekly
        The week's contact hours over the day's.
    report, **settings
        See :func:`allocation.travel.many.plan_lots`.

    Returns
    -------
    pandas.DataFrame
        Index ``window_minutes``; ``workers``, ``travel_minutes_per_contact_hour``,
        ``travel_hours``, ``wait_hours`` and ``unserved_hours`` of the day, all lots together;
        ``hours_freed`` of travel and waiting a week against the first window, at the same contact
        hours.
    """
    rows: dict[float, dict[str, float]] = {}
    for window in windows:
        day = {lot: with_window(part, window) for lot, part in visits.items()}

        def tell(what: str, done: int, total: int, window: float = window) -> None:
            if report is not None:
                report(f"{what}, {window:g}-minute windows", done, total)

        planned = plan_lots(day, travel, report=tell, **settings)
        rounds = planned.rounds.values()
        contact = sum(r.contact_minutes for r in rounds) / 60
        travelled = sum(r.travel_minutes_between for r in rounds) / 60
        rows[window] = {
            "workers": sum(r.shifts["worker_id"].nunique() for r in rounds),
            "travel_minutes_per_contact_hour": 60 * travelled / contact if contact else float("nan"),
            "travel_hours": travelled,
            "wait_hours": sum(float(r.shifts["wait_minutes"].sum()) for r in rounds) / 60,
            "unserved_hours": planned.hours()[2],
            "contact_hours": contact,
        }
        if planned.stopped:
            break
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("window_minutes")
    idle = (table["travel_hours"] + table["wait_hours"]) / table["contact_hours"]
    asked = table["contact_hours"] + table["unserved_hours"]
    table["hours_freed"] = (idle.iloc[0] - idle) * asked * weekly
    return table.drop(columns="contact_hours").astype({"workers": int})
