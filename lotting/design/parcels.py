"""Work on its way to another process: large arrays travel once, not with every piece.

The costs of a place (weekly hours x squared km, areas x areas) are nearly all of it, 200 MB at
5,000 areas, and the same for every start and every aim.
"""

from __future__ import annotations

import io
import itertools
import pickle
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .instance import Instance
from .stop import Switch, arriving

__all__ = ["Array", "Packer", "unpack"]

Array = npt.NDArray[Any]


class Packer:
    """Packs calls, and keeps count of the arrays that are sent on their own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: dict[int, tuple[weakref.ref[Array], int]] = {}
        self._lock = threading.Lock()

    def pack(self, call: object) -> tuple[bytes, dict[int, Array]]:
        """Pickle a call; what is left out, by number."""
        file = io.BytesIO()
        pickler = _Pickler(file, self)
        pickler.dump(call)
        return file.getvalue(), pickler.apart

    def number(self, array: Array) -> int:
        """Return the number an array goes by as long as it lives."""
        with self._lock:
            known = self._known.get(id(array))
            if known is None or known[0]() is not array:
                known = weakref.ref(array), next(self._numbers)
                self._known[id(array)] = known
            return known[1]

    def alive(self) -> set[int]:
        """Return the numbers of the arrays that may be sent again."""
        with self._lock:
            self._known = {i: known for i, known in self._known.items() if known[0]() is not None}
            return {number for _, number in self._known.values()}


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, packer: Packer) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.packer = packer
        self.apart: dict[int, Array] = {}
        self._costs: set[int] = set()

    def persistent_id(self, obj: Any) -> int | None:
        """Return the number of an array that goes on its own; None for all else."""
        if isinstance(obj, Instance):
            self._costs.add(id(obj.cost))  # its parts come after it
        elif isinstance(obj, np.ndarray) and id(obj) in self._costs:
            number = self.packer.number(obj)
            self.apart[number] = obj
            return number
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, arrays: Mapping[int, Array]) -> None:
        super().__init__(file)
        self.arrays = arrays

    def persistent_load(self, number: Any) -> Array:
        """Return an array that came on its own."""
        return self.arrays[number]


def unpack(
    parcel: bytes, arrays: Mapping[int, Array], switch: Switch, *, same_clock: bool
) -> Any:
    """Unpickle a call where it is to be done; see :func:`~lotting.design.stop.arriving`."""
    with arriving(switch, same_clock=same_clock):
        return _Unpickler(io.BytesIO(parcel), arrays).load()
