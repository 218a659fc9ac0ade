"""A day's visits, the shifts there are for them, and what counts: the problem of rounds as arrays.

:mod:`allocation.rounds.build` makes one from tables; benchmarks and tests make theirs directly.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from lotting.errors import InputError, Problem, some

__all__ = ["FAR", "NO_PLACE", "RoundsProblem", "Weights"]

#: A shift that starts or ends wherever its first or last visit is.
NO_PLACE = -1
#: Minutes and km that stand for a pair of places with no way between them.
FAR = 1e6

# As given; made float64, int32 and bool when the problem is made.
Floats = npt.NDArray[Any]
Ints = npt.NDArray[Any]
Bools = npt.NDArray[Any]

_LATER: npt.NDArray[Any] = np.empty(0)  # stands for the default, of a shape not known yet


def _later() -> npt.NDArray[Any]:
    return _LATER


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a plan costs, in minutes of travel (or whatever unit the first weight is in).

    Attributes
    ----------
    travel_minute, km
        Of every minute and km travelled, ways from and to home or base included.
    late_minute
        Of every minute a visit starts after its window. Ignored with hard windows.
    worst_late
        Of every minute of the largest lateness of the day.
    shift
        Of every shift that is used at all: a large value gives the fewest workers.
    unserved_minute
        Of every minute of care not given; None when every visit must be made.
    unfamiliar
        Of every visit by somebody who does not know the person.
    """

    travel_minute: float = 1.0
    km: float = 0.0
    late_minute: float = 1.0
    worst_late: float = 0.0
    shift: float = 0.0
    unserved_minute: float | None = 20.0
    unfamiliar: float = 0.0

    def __post_init__(self) -> None:
        wrong = [
            f.name
            for f in fields(self)
            if (value := getattr(self, f.name)) is not None and not 0 <= value < np.inf
        ]
        if wrong:
            raise InputError(
                Problem(
                    message=f"a weight is negative or no number: {', '.join(wrong)}",
                    fix="Give every weight a number of 0 or more.",
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundsProblem:
    """Visits of one day, shifts and travel, by position.

    ``V`` visits, ``T`` tasks (a visit has one for each care worker it needs, at most two), ``W``
    shifts, ``P`` places, ``M`` modes of travel. All times are minutes after local midnight.

    Attributes
    ----------
    visit_ids, shift_ids
        Names, for results and messages.
    minutes, km
        (M, P, P). What is infinite is never travelled.
    place, earliest, latest
        (V,) Place of each visit, and its window: earliest and latest *start*.
    task_visit, task_minutes
        (T,) Visit of each task, in the order of visits, and how long it takes.
    gap_low, gap_high
        (V,) Start of the second task minus start of the first, at least and at most; 0 and 0:
        both together. Ignored for a visit with one task.
    allowed
        (T, W) Whether the shift's worker has the skill, and is not barred from the person.
    unfamiliar
        (T, W) 1 where the worker does not know the person, else 0.
    person
        (W,) Worker of each shift, by position: two tasks of a visit need two workers.
    mode, start_place, end_place
        (W,) :data:`NO_PLACE`: open.
    shift_start, shift_end, max_minutes
        (W,) The worker is ready at ``shift_start`` at the start place, back by ``shift_end``, and
        out for ``max_minutes`` at most, whenever that is.
    break_after, break_minutes
        (W,) A break of so many minutes (unpaid) after so many minutes at work, at the latest;
        waiting long enough for a break is one.
    capacity
        (W,) Most contact minutes of the shift (of ``load``).
    load
        (T,) What a task takes of that; its minutes, unless something else is counted.
    hard_windows
        No visit may start late; what cannot be in time is not served.
    weights
        What counts.
    """

    visit_ids: tuple[str, ...]
    shift_ids: tuple[str, ...]
    minutes: Floats
    km: Floats
    place: Ints
    earliest: Floats
    latest: Floats
    task_visit: Ints
    task_minutes: Floats
    allowed: Bools
    person: Ints
    gap_low: Floats = field(default_factory=_later)
    gap_high: Floats = field(default_factory=_later)
    unfamiliar: Floats = field(default_factory=_later)
    mode: Ints = field(default_factory=_later)
    start_place: Ints = field(default_factory=_later)
    end_place: Ints = field(default_factory=_later)
    shift_start: Floats = field(default_factory=_later)
    shift_end: Floats = field(default_factory=_later)
    max_minutes: Floats = field(default_factory=_later)
    break_after: Floats = field(default_factory=_later)
    break_minutes: Floats = field(default_factory=_later)
    capacity: Floats = field(default_factory=_later)
    load: Floats = field(default_factory=_later)
    hard_windows: bool = False
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        visits, shifts, tasks = len(self.visit_ids), len(self.shift_ids), len(self.task_visit)
        ints, floats = np.int32, np.float64
        modes, places = self.minutes.shape[:2] if self.minutes.ndim == 3 else (0, 0)
        for name, shape, kind, default in (
            ("minutes", (modes, places, places), floats, None),
            ("km", (modes, places, places), floats, None),
            ("place", (visits,), ints, None),
            ("earliest", (visits,), floats, None),
            ("latest", (visits,), floats, None),
            ("task_visit", (tasks,), ints, None),
            ("task_minutes", (tasks,), floats, None),
            ("allowed", (tasks, shifts), np.bool_, None),
            ("person", (shifts,), ints, None),
            ("gap_low", (visits,), floats, 0.0),
            ("gap_high", (visits,), floats, 0.0),
            ("unfamiliar", (tasks, shifts), floats, 0.0),
            ("mode", (shifts,), ints, 0),
            ("start_place", (shifts,), ints, NO_PLACE),
            ("end_place", (shifts,), ints, NO_PLACE),
            ("shift_start", (shifts,), floats, 0.0),
            ("shift_end", (shifts,), floats, np.inf),
            ("max_minutes", (shifts,), floats, np.inf),
            ("break_after", (shifts,), floats, np.inf),
            ("break_minutes", (shifts,), floats, 0.0),
            ("capacity", (shifts,), floats, np.inf),
            ("load", (tasks,), floats, self.task_minutes),
        ):
            value = getattr(self, name)
            if value is _LATER:
                value = np.broadcast_to(np.asarray(default, kind), shape)
            value = np.ascontiguousarray(value, dtype=kind)
            if value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}, not {shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        problems: list[Problem] = []

        def wrong(where: Bools, ids: tuple[str, ...], what: str, fix: str) -> None:
            if where.any():
                named = some(ids[i] for i in np.flatnonzero(where))
                problems.append(Problem(message=f"{what} ({int(where.sum())}): {named}", fix=fix))

        self._check_positions()
        for ids, what in ((self.visit_ids, "visits"), (self.shift_ids, "shifts")):
            twice = [name for name, times in Counter(ids).items() if times > 1]
            if twice:
                problems.append(Problem(
                    message=f"{what} of one name ({len(twice)}): {some(twice)}", fix="Give each its own."))
        of_visit = np.bincount(self.task_visit, minlength=len(self.visit_ids))
        wrong(
            (of_visit < 1) | (of_visit > 2), self.visit_ids, "visits with no care worker, or three or more",
            "Give each visit one or two care workers.",
        )  # fmt: skip
        wrong(
            ~(np.isfinite(self.earliest) & np.isfinite(self.latest) & (self.latest >= self.earliest)),
            self.visit_ids, "visits with a window that ends before it begins", "Mend the window.",
        )  # fmt: skip
        wrong(
            ~(self.gap_high >= self.gap_low), self.visit_ids,
            "visits with a least gap above the greatest", "Mend the gap.",
        )  # fmt: skip
        bad = ~(np.isfinite(self.task_minutes) & (self.task_minutes >= 0) & (self.load >= 0))
        wrong(
            np.isin(np.arange(len(self.visit_ids)), self.task_visit[bad]), self.visit_ids,
            "visits with a length below nothing, or none", "Give every visit its minutes.",
        )  # fmt: skip
        wrong(
            ~(self.shift_end >= self.shift_start), self.shift_ids, "shifts that end before they begin",
            "A shift over midnight ends after 24:00, e.g. 30:00 for 6 in the morning.",
        )  # fmt: skip
        bad = ~((self.max_minutes >= 0) & (self.capacity >= 0))
        bad |= ~((self.break_after >= 0) & (self.break_minutes >= 0) & np.isfinite(self.break_minutes))
        wrong(
            bad, self.shift_ids, "shifts with a limit or a break below nothing, or none",
            "Give 0 or more, or leave it out.",
        )  # fmt: skip
        wrong(
            self._overlapping(), self.shift_ids, "shifts that overlap another of the same person",
            "A person can only be in one place: make them one shift, or mend the times.",
        )  # fmt: skip
        for name, what in (("minutes", "travel times"), ("km", "distances"), ("unfamiliar", "unfamiliarity")):
            values = getattr(self, name)
            if not (values >= 0).all():
                problems.append(
                    Problem(message=f"{what} that are negative or no number", fix="Mend the matrix."))
        if problems:
            raise InputError(problems)

    def _check_positions(self) -> None:
        """Refuse positions that point nowhere: these are mistakes of a program, not of a file."""
        modes, places = self.minutes.shape[:2]
        for name, least, end in (
            ("place", 0, places), ("start_place", NO_PLACE, places), ("end_place", NO_PLACE, places),
            ("mode", 0, modes), ("person", 0, np.inf), ("task_visit", 0, len(self.visit_ids)),
        ):
            values = getattr(self, name)
            if ((values < least) | (values >= end)).any():
                raise ValueError(f"{name} has positions outside {least} to {end - 1}")
        if (np.diff(self.task_visit) < 0).any():
            raise ValueError("tasks must come in the order of their visits")

    def _overlapping(self) -> Bools:
        """(W,): shifts that begin before an earlier one of the same person is over, where it has an end."""
        found = np.zeros(len(self.shift_ids), np.bool_)
        order = np.lexsort((self.shift_start, self.person))
        for one, other in pairwise(order):
            if self.person[one] == self.person[other]:
                end = self.shift_end[one]
                found[other] = np.isfinite(end) and self.shift_start[other] < end
        return found

    @property
    def tasks(self) -> Ints:
        """(V, 2): the tasks of each visit; the second is -1 for a single-handed one."""
        found = np.full((len(self.visit_ids), 2), -1, np.int32)
        first = np.searchsorted(self.task_visit, np.arange(len(self.visit_ids)))
        found[:, 0] = first
        double = np.bincount(self.task_visit, minlength=len(self.visit_ids)) == 2
        found[double, 1] = first[double] + 1
        return found
