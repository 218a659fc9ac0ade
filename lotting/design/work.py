"""One place while it is being worked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from .bound import Bound
from .instance import Instance, Ints
from .places import Place
from .search import Found

__all__ = ["How", "Work"]


class How(StrEnum):
    """What a bound rests on."""

    ONE_LOT = "one lot"
    MULTIPLIERS = "multipliers"
    EXACT = "exact model"


@dataclass(slots=True)
class Work:
    """A place, its plans, and what is known of how good they can be."""

    place: Place
    instance: Instance
    best: Found | None = None
    pool: list[Found] = field(default_factory=list)
    bound: float = 0.0
    optimal: bool = False
    how: How = How.MULTIPLIERS
    proof: Bound | None = None
    impossible: bool = False

    def take(self, found: Found) -> None:
        """Keep a plan; ties go by assignment, so that the order of arrival never counts."""
        self.pool.append(found)
        if self.best is None or found.rank < self.best.rank:
            self.best = found

    @property
    def value(self) -> float:
        """Objective of the best plan within all limits; inf where there is none."""
        return np.inf if self.best is None else self.best.value

    @property
    def found(self) -> Found:
        """The best plan; there has to be one."""
        assert self.best is not None
        return self.best

    @property
    def lot(self) -> Ints:
        """Lot of each unit in the best plan; there has to be one."""
        return self.found.lot
