"""Matrices kept from one run to the next.

A file's name is a hash of the engine, its data, its settings, the mode and the coordinates; inside
are the matrix and the reasons by position. No id of a person, visit or package is in either. The
coordinates themselves are not kept, but distances between homes are: keep the folder as private
as the packages.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lotting.files import atomic_path

from .times import Block, Mode, Places, TravelMatrix, TravelTimes, check_mode, places

__all__ = ["CachedTimes"]

_FORMAT = 1  # raise it when what a file holds, or how an engine reckons, changes


@dataclass(frozen=True, slots=True)
class CachedTimes:
    """An engine that remembers.

    Parameters
    ----------
    engine
        Asked for what is not there.
    folder
        Where the matrices are; made when it is needed. A file that cannot be read counts as not
        there, and one that cannot be written is done without.
    """

    engine: TravelTimes
    folder: Path

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Give the matrix of an earlier run, or else the engine's."""
        check_mode(mode)
        start = places(origins, "origins")
        end = start if destinations is None else places(destinations, "destinations")
        path = self.folder / f"{self._key(start, end, mode)}.npz"
        found = _load(path, start, end)
        if found is None:
            found = self.engine.matrix(origins, destinations, mode=mode)
            if found.complete:
                _save(path, found)
        return found

    def settings(self) -> dict[str, Any]:
        """Give the engine's settings."""
        return self.engine.settings()

    def _key(self, start: Places, end: Places, mode: Mode) -> str:
        about = {"format": _FORMAT, "mode": mode, **self.engine.settings()}
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for at in (start, end):
            key.update(f"|{len(at.ids)}|{at.rural is not None}|".encode())
            key.update(np.ascontiguousarray(at.xy).tobytes())
            if at.rural is not None:
                key.update(at.rural.tobytes())
        return key.hexdigest()


def _save(path: Path, matrix: TravelMatrix) -> None:
    about = {
        "origins": matrix.origin_reasons, "destinations": matrix.destination_reasons,
        "otherwise": matrix.otherwise,
        "blocks": [[b.rows.start, b.rows.stop, b.columns.start, b.columns.stop, b.reason]
                   for b in matrix.blocks],
    }
    try:
        with atomic_path(path) as temporary:
            np.savez(temporary, minutes=matrix.minutes, km=matrix.km, about=np.array(json.dumps(about)))
    except OSError:
        pass  # the next run asks again


def _load(path: Path, start: Places, end: Places) -> TravelMatrix | None:
    try:
        # A handle of our own: numpy leaves its own open when the file is broken.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            minutes, km = file["minutes"], file["km"]
            about = json.loads(str(file["about"]))
        if minutes.dtype != np.float32 or km.dtype != np.float32:
            return None
        return TravelMatrix(
            minutes=minutes, km=km, origins=start.ids, destinations=end.ids,
            origin_reasons=tuple(about["origins"]), destination_reasons=tuple(about["destinations"]),
            blocks=tuple(
                Block(rows=slice(a, b), columns=slice(c, d), reason=text)
                for a, b, c, d, text in about["blocks"]),
            otherwise=about["otherwise"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        return None
