"""Rounds, shifts and visits as tables for those who give the care: personal data."""

from __future__ import annotations

import pandas as pd

from allocation.rounds.workers import clock
from allocation.travel.many import Planned

__all__ = ["rounds_table", "shifts_table", "unserved_table", "visits_table"]

def rounds_table(planned: Planned) -> pd.DataFrame:
    """Return every stop of every round, by lot, shift and order.

    Returns
    -------
    pandas.DataFrame
        ``lot``, ``shift_id``, ``worker_id``, ``order`` (from 1), ``visit_id``, ``package_id``,
        ``start`` and ``end`` (07:30), ``travel_minutes`` and ``travel_km`` of the way to it,
        ``wait_minutes``, ``break_minutes``, ``late_minutes``, ``with_another`` (of a double-handed
        visit).
    """
    parts = []
    for lot, rounds in planned.rounds.items():
        stops, visits = rounds.stops, planned.visits[lot]
        table = stops[["shift_id", "worker_id"]].copy()
        table.insert(0, "lot", lot)
        table["order"] = stops["order"] + 1
        table["visit_id"] = stops["visit_id"]
        table["package_id"] = stops["visit_id"].map(visits["package_id"])
        for name in ("start", "end"):
            table[name] = stops[name].map(clock)
        for name in ("travel_minutes", "wait_minutes", "break_minutes", "late_minutes"):
            table[name] = stops[name].round(1)
        table.insert(9, "travel_km", stops["travel_km"].round(2))
        table["with_another"] = stops["visit_id"].map(visits["carers"]).eq(2)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def shifts_table(planned: Planned) -> pd.DataFrame:
    """Return every shift that is used, by lot: when it begins and ends, and what is in it."""
    parts = []
    for lot, rounds in planned.rounds.items():
        table = rounds.shifts.drop(columns="mode").reset_index()
        table.insert(0, "lot", lot)
        for name in ("leaves", "returns"):
            table[name] = table[name].map(clock)
        for name in table.columns:
            if name.endswith(("_minutes", "_km")):
                table[name] = table[name].round(1 if name.endswith("_minutes") else 2)
        modes = planned.shifts[lot]["mode"]
        table["mode"] = table["shift_id"].map(modes)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def unserved_table(planned: Planned, off_the_map: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the visits that nobody makes, and why.

    Parameters
    ----------
    planned
        Rounds.
    off_the_map
        The day's visits that are in no lot.

    Returns
    -------
    pandas.DataFrame
        ``lot``, ``visit_id``, ``contact_hours`` (of all care workers), ``reason``.
    """
    parts = []
    for lot, rounds in planned.rounds.items():
        table = rounds.unserved.reset_index()
        table.insert(0, "lot", lot)
        table.insert(2, "contact_hours", table.pop("contact_minutes") / 60)
        parts.append(table)
    if off_the_map is not None and len(off_the_map):
        parts.append(pd.DataFrame({
            "lot": "", "visit_id": off_the_map.index,
            "contact_hours": (off_the_map["duration_minutes"] * off_the_map["carers"] / 60).to_numpy(),
            "reason": "it is in no lot of the plan",
        }))  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    table["contact_hours"] = table["contact_hours"].round(4)
    return table


def visits_table(visits: pd.DataFrame) -> pd.DataFrame:
    """Return visits with times as the clock shows them."""
    table = visits.reset_index()
    for name in ("earliest", "latest", "target"):
        table[name] = table[name].map(clock)
    for name in ("x_m", "y_m"):
        table[name] = table[name].round(1)
    return table
