"""Care workers and their shifts: read from a table, or made up where only the visits are known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lotting.errors import InputError, Problem, Problems
from lotting.postcodes import normalise
from lotting.tables import nearest, read_table, to_number

__all__ = ["SHIFT_COLUMNS", "clock", "made_up_shifts", "parse_clock", "read_workers"]

SHIFT_COLUMNS = (
    "worker_id", "shift_start", "shift_end", "max_minutes", "mode", "from", "x_m", "y_m",
    "max_contact_minutes", "skills", "not_packages",
)  # fmt: skip
"""Columns of a table of shifts; its index is ``shift_id``.

``worker_id`` (str; somebody who works mornings and evenings has two shifts), ``shift_start`` and
``shift_end`` (minutes after midnight; over midnight passes 1440), ``max_minutes`` (out at most, inf
for no limit), ``mode`` (``car``, ``walk`` or ``cycle``), ``from`` (``home``, ``base`` or ``open``: where
rounds begin and end), ``x_m``, ``y_m`` (EPSG:27700, of home or base; NaN when open),
``max_contact_minutes`` (inf for no limit), ``skills`` and ``not_packages`` (frozenset of str).
"""

_MODES = ("car", "walk", "cycle")
_FROM = ("home", "base", "open")
_ALIASES = {
    "worker_id": ("workerid", "worker", "employeeid", "carerid", "carer", "staffid", "payrollid"),
    "shift_start": ("shiftstart", "start", "from time", "starttime"),
    "shift_end": ("shiftend", "end", "finish", "endtime"),
    "max_hours": ("maxhours", "maxshifthours", "maxhoursout"),
    "max_contact_hours": ("maxcontacthours", "contracthours", "maxcarehours"),
    "mode": ("mode", "travelmode", "transport"),
    "from": ("from", "startsfrom", "startlocation"),
    "postcode": ("postcode", "homepostcode", "basepostcode"),
    "x_m": ("xm", "x", "easting"),
    "y_m": ("ym", "y", "northing"),
    "skills": ("skills", "competencies", "abilities"),
    "not_packages": ("notpackages", "blocked", "barred", "exclusions"),
}


def parse_clock(text: str) -> float:
    """Read a time of day as minutes after midnight; NaN when it is none.

    Hours past 24 are of the next morning.

    Examples
    --------
    >>> [parse_clock(t) for t in ("07:30", "7.30", "0730", "22:00", "30:00", "half past")]
    [450.0, 450.0, 450.0, 1320.0, 1800.0, nan]
    """
    match = re.fullmatch(r"\s*(\d{1,2})[:.]?(\d\d)(?::00)?\s*", text)
    if match is None or int(match[2]) > 59 or int(match[1]) > 47:
        return float("nan")
    return int(match[1]) * 60.0 + int(match[2])


def clock(minutes: float) -> str:
    """Write minutes after midnight as a time of day.

    Examples
    --------
    >>> clock(450), clock(1510.4)
    ('07:30', '01:10 next day')
    """
    whole = round(minutes)
    text = f"{whole // 60 % 24:02d}:{whole % 60:02d}"
    return text if whole < 1440 else f"{text} next day"


def read_workers(path: Path, postcodes: pd.DataFrame | None = None) -> pd.DataFrame:
    """Read shifts from a CSV or Excel table, one row a shift.

    Parameters
    ----------
    path
        Columns ``worker_id``, ``shift_start``, ``shift_end`` (07:30) and, each where it matters,
        ``max_hours``, ``mode``, ``from``, ``postcode`` or ``x_m`` and ``y_m``,
        ``max_contact_hours``, ``skills`` and ``not_packages`` (lists with ``;`` between).
    postcodes
        Index postcode (no spaces), columns ``x_m``, ``y_m``; where postcodes are to be placed.

    Returns
    -------
    DataFrame
        :data:`SHIFT_COLUMNS`.

    Raises
    ------
    InputError
        Every problem at once.
    """
    table = read_table(path)
    problems = Problems()
    file = path.name
    found = {
        name: column
        for name, names in _ALIASES.items()
        for column in table.columns
        if re.sub(r"[^a-z0-9]", "", str(column).casefold()) in names
    }
    for name in ("worker_id", "shift_start", "shift_end"):
        if name not in found:
            problems.add(
                f"there is no column {name}", file=file,
                fix=nearest(name, table.columns) or f"Add a column {name}.",
            )  # fmt: skip
    problems.raise_if_any()
    if table.empty:
        raise InputError(Problem(message="there are no shifts", file=file, fix="Give one row a shift."))

    def cells(name: str) -> pd.Series[str]:
        if name not in found:
            return pd.Series("", index=table.index, dtype="str")
        return table[found[name]].fillna("").astype(str).str.strip()

    def bad(mask: Any, name: str, message: str, fix: str) -> None:
        for row in table.index[mask]:
            problems.add(
                message, file=file, row=int(row) + 2, column=found.get(name, name),
                value=None if name in {"postcode", "worker_id"} else cells(name)[row] or None, fix=fix,
            )  # fmt: skip

    out = pd.DataFrame(index=table.index)
    out["worker_id"] = cells("worker_id")
    bad(out["worker_id"] == "", "worker_id", "no worker is named", "Give the worker's number.")
    for name in ("shift_start", "shift_end"):
        out[name] = cells(name).map(parse_clock).astype(float)
        bad(
            out[name].isna(), name,
            "there is no shift" if name not in found else "not a time of day",
            "Write it as 07:30; 30:00 is 6 in the morning of the next day.",
        )  # fmt: skip
    bad(
        out["shift_end"] <= out["shift_start"], "shift_end", "the shift ends before it begins",
        "A shift over midnight ends after 24:00, e.g. 30:00 for 6 in the morning.",
    )  # fmt: skip
    for name, source in (("max_minutes", "max_hours"), ("max_contact_minutes", "max_contact_hours")):
        numbers = _number(cells(source), found.get(source, source), problems, file)
        bad(numbers <= 0, source, "must be above 0", "Leave it empty for no limit.")
        out[name] = (numbers * 60).fillna(np.inf)
    out["mode"] = cells("mode").str.casefold().replace("", "car")
    bad(~out["mode"].isin(_MODES), "mode", "not a mode of travel", "Write car, walk or cycle.")
    placed = _places(cells, found, out, problems, file, postcodes, bad)
    out["from"] = cells("from").str.casefold()
    out.loc[out["from"] == "", "from"] = np.where(placed[out["from"] == ""], "home", "open")
    bad(~out["from"].isin(_FROM), "from", "not a place to begin", "Write home, base or open.")
    bad(
        out["from"].isin(("home", "base")) & ~placed, "postcode",
        "rounds begin at home or base, and nothing says where that is",
        "Give postcode, or x_m and y_m, or write open.",
    )  # fmt: skip
    for name in ("skills", "not_packages"):
        out[name] = cells(name).map(
            lambda text: frozenset(p.strip() for p in re.split(r"[;|]", text) if p.strip())
        )
    problems.raise_if_any()
    ids = out["worker_id"] + np.where(
        out.duplicated("worker_id", keep=False),
        "/" + (out.groupby("worker_id").cumcount() + 1).astype(str), "",
    )  # fmt: skip
    return out.set_index(pd.Index(ids, name="shift_id", dtype="str"))[list(SHIFT_COLUMNS)]


def _number(text: pd.Series[str], column: str, problems: Problems, file: str) -> pd.Series[float]:
    return to_number(text.rename(column), problems, file=file, required=False)


def _places(
    cells: Any, found: dict[str, str], out: pd.DataFrame, problems: Problems, file: str,
    postcodes: pd.DataFrame | None, bad: Any,
) -> Any:  # fmt: skip
    """Fill x_m and y_m; return which shifts have a place."""
    for name in ("x_m", "y_m"):
        out[name] = _number(cells(name), found.get(name, name), problems, file)
    codes = normalise(cells("postcode"))
    wanted = (codes != "") & out["x_m"].isna()
    if wanted.any():
        if postcodes is None:
            problems.add(
                "postcodes of workers are given, and no file says where they are", file=file,
                column=found["postcode"], fix="Name one in the brief, [demand] postcodes.",
            )  # fmt: skip
        else:
            known = wanted & codes.isin(postcodes.index)
            for name in ("x_m", "y_m"):
                out[name] = out[name].where(~known, codes.map(postcodes[name]))
            bad(
                wanted & ~known, "postcode", "the postcode is not in the file of postcodes",
                "Check it, or give x_m and y_m.",
            )  # fmt: skip
    return (out["x_m"].notna() & out["y_m"].notna()).to_numpy()


def made_up_shifts(
    visits: pd.DataFrame, number: int | None = None, *, base: tuple[float, float] | None = None
) -> pd.DataFrame:
    """Make shifts up for a day whose workers are not known.

    As many early (06:30 to 14:30) as late (14:30 to 23:00) ones, and one in five for both ends of
    the day; they begin and end where their first and last visit is, unless there is a base. The
    pattern is an assumption of ours; name it beside the result.

    Parameters
    ----------
    visits
        The day's visits, as in :mod:`lotting.visits.frame`.
    number
        Workers; as many as the busiest hour needs and two fifths more when left out. A plan then
        uses as few of them as it can.
    base
        Easting and northing, metres in EPSG:27700.
    """
    if number is None:
        number = _enough(visits)
    rows = []
    for k in range(number):
        for part, (begin, end) in enumerate(_pattern(visits, k)):
            rows.append((f"made up {k + 1}", begin, end, part))
    x, y = base if base is not None else (np.nan, np.nan)
    table = pd.DataFrame(rows, columns=["worker_id", "shift_start", "shift_end", "part"])
    table["shift_id"] = table["worker_id"] + np.where(table["part"] > 0, " (evening)", "")
    table["max_minutes"] = np.inf
    table["mode"] = "car"
    table["from"] = "open" if base is None else "base"
    table["x_m"], table["y_m"] = x, y
    table["max_contact_minutes"] = np.inf
    nothing = pd.Series([frozenset()] * len(table), index=table.index, dtype=object)
    table["skills"] = table["not_packages"] = nothing
    return table.set_index("shift_id")[list(SHIFT_COLUMNS)]


def _pattern(visits: pd.DataFrame, k: int) -> list[tuple[float, float]]:
    first = min(390.0, float(visits["earliest"].min()) - 30.0) if len(visits) else 390.0
    ends = visits["latest"] + visits["duration_minutes"]
    last = max(1380.0, float(ends.max()) + 30.0) if len(visits) else 1380.0
    if k % 5 == 4:
        return [(first, 690.0), (990.0, last)]
    return [(first, 870.0)] if k % 2 == 0 else [(870.0 - 60.0 * (k % 4 == 1), last)]


def _enough(visits: pd.DataFrame) -> int:
    """Workers enough for the busiest quarter of an hour, were there 10 minutes between visits."""
    if visits.empty:
        return 0
    quarters = np.zeros(4 * 48)
    for start, length, carers in zip(
        visits["earliest"] / 2 + visits["latest"] / 2, visits["duration_minutes"], visits["carers"],
        strict=True,
    ):  # fmt: skip
        a = int(start // 15)
        quarters[a : int((start + length + 10) // 15) + 1] += carers
    care = float((visits["duration_minutes"] * visits["carers"]).sum())
    return max(2, int(np.ceil(1.4 * 2 * quarters.max() * 0.62)), int(np.ceil(1.3 * care / 300)))
