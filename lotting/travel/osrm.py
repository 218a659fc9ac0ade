"""Travel times from an OSRM server that the user names.

Only the coordinates go there, rounded to about a metre, in requests small enough for the server.
A server that fails on part of the matrix leaves that part unreachable, with the reason; one that
fails on everything is an error. No address is built in, and a redirect to another is not followed.

Format: https://github.com/Project-OSRM/osrm-backend/blob/master/docs/http.md, "Table service".
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from lotting.brief import TravelBrief
from lotting.errors import InputError, Problem

from .times import Block, Floats, Matrix, Mode, TravelMatrix, check_mode, places

__all__ = ["Osrm"]

#: OSRM's usual names; osrm-routed itself takes any, for it knows one.
PROFILES: dict[Mode, str] = {"car": "car", "walk": "foot", "cycle": "bike"}
_SERVER_KEYS: dict[Mode, str] = {"car": "server", "walk": "walk_server", "cycle": "cycle_server"}
_DECIMALS = 5  # of a degree: 1.1 m
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_GIVE_UP_AFTER = 2  # blocks in a row that the server failed on
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_AGENT = "lotting (travel times)"

_Sleep = Callable[[float], None]


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    """The server did not give this block."""

    def __init__(self, reason: str, code: str = "", *, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code  # OSRM's own, or "again" where trying again may help
        self.wait_s = wait_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclass(slots=True, eq=False)
class _Sheet:
    """The matrix while it is filled: seconds and metres, what each place snapped to, what failed."""

    seconds: Matrix
    metres: Matrix
    off_m: tuple[Floats, Floats]
    blocks: list[Block] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # reasons of the blocks lost to failures
    had: int = 0  # blocks the server answered
    in_a_row: int = 0


class Osrm:
    """Travel times from the ``table`` service of an OSRM server.

    Parameters
    ----------
    brief
        ``[travel]``: the servers (one for each mode: osrm-routed knows one, and answers any
        question with it), most places in a request, longest wait, how often to ask again, the
        minutes of a stop, ``max_snap_m``.
    sleep
        Waits between tries; for tests.
    """

    def __init__(self, brief: TravelBrief, *, sleep: _Sleep = time.sleep) -> None:
        self.brief = brief
        self._sleep = sleep
        self._to_degrees = Transformer.from_crs("EPSG:27700", "EPSG:4326", always_xy=True)

    def matrix(
        self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *, mode: Mode = "car"
    ) -> TravelMatrix:
        """Ask the server; see :meth:`lotting.travel.TravelTimes.matrix`.

        Raises
        ------
        InputError
            Also when the brief names no server for the mode, or the server answered nothing.
        """
        address = self._address(check_mode(mode))
        start = places(origins, "origins")
        end = start if destinations is None else places(destinations, "destinations")
        both = np.round(np.vstack([start.xy, end.xy]), 2)
        xy, which = np.unique(both, axis=0, return_inverse=True)
        which = which.reshape(-1)
        from_, to = which[: len(start.ids)], which[len(start.ids) :]
        row, rows = pd.factorize(from_)  # in the caller's order, so that blocks stay blocks
        column, columns = pd.factorize(to)
        lonlat = np.column_stack(self._to_degrees.transform(xy[:, 0], xy[:, 1]))
        sheet = self._ask_all(address, mode, lonlat[rows], lonlat[columns])
        off = (sheet.off_m[0][row], sheet.off_m[1][column])
        minutes = sheet.seconds[np.ix_(row, column)] / np.float32(60) + np.float32(self.brief.stop_minutes)
        km = sheet.metres[np.ix_(row, column)] / np.float32(1000)
        limit = self.brief.max_snap_m
        gone = (off[0] > limit)[:, None] | (off[1] > limit)[None, :]
        gone |= ~np.isfinite(minutes) | ~np.isfinite(km)
        minutes[gone], km[gone] = np.inf, np.inf
        here = from_[:, None] == to[None, :]
        minutes[here], km[here] = 0.0, 0.0
        return TravelMatrix(
            minutes=minutes, km=km, origins=start.ids, destinations=end.ids,
            origin_reasons=self._reasons(off[0]), destination_reasons=self._reasons(off[1]),
            blocks=_spread(sheet.blocks, row, column), otherwise="the server knows no way between the two",
            complete=not sheet.lost)

    def settings(self) -> dict[str, Any]:
        """Engine, servers, limits. A server does not say which roads it has, so there is no hash."""
        brief = self.brief
        return {
            "engine": "OSRM", "data_sha256": "", "server": brief.server, "walk_server": brief.walk_server,
            "cycle_server": brief.cycle_server, "stop_minutes": brief.stop_minutes,
            "max_snap_m": brief.max_snap_m,
        }

    def _address(self, mode: Mode) -> str:
        address: str | None = getattr(self.brief, _SERVER_KEYS[mode])
        if address is None:
            raise InputError(Problem(
                message=f"the brief names no server for {mode}", column=f"travel.{_SERVER_KEYS[mode]}",
                fix="Name one: a server knows the ways of one mode only."))
        return address

    def _ask_all(self, address: str, mode: Mode, start: Floats, end: Floats) -> _Sheet:
        shape = (len(start), len(end))
        sheet = _Sheet(
            np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32),
            (np.zeros(shape[0]), np.zeros(shape[1])))
        url = f"{address}/table/v1/{PROFILES[mode]}/"
        step = max(1, self.brief.server_max_points // 2)
        for top in range(0, shape[0], step):
            for left in range(0, shape[1], step):
                rows = slice(top, min(top + step, shape[0]))
                columns = slice(left, min(left + step, shape[1]))
                if sheet.in_a_row >= _GIVE_UP_AFTER:
                    _lose(sheet, rows, columns, f"not asked for: {sheet.lost[-1]}")
                else:
                    self._block(sheet, url, start, end, rows, columns)
                if sheet.in_a_row >= _GIVE_UP_AFTER and not sheet.had:
                    break
            if sheet.in_a_row >= _GIVE_UP_AFTER and not sheet.had:
                break
        if sheet.lost and not sheet.had:
            raise InputError(Problem(
                message=f"no travel times from the server: {sheet.lost[0]}",
                column=f"travel.{_SERVER_KEYS[mode]}", value=address,
                fix="Check the address, and that osrm-routed runs there; or leave it out and use "
                    "straight lines or a road network."))
        return sheet

    def _block(
        self, sheet: _Sheet, url: str, start: Floats, end: Floats, rows: slice, columns: slice
    ) -> None:
        """Ask for a part; halve it where it is too big, or where one place in it has no road."""
        try:
            answer = self._table(url, start[rows], end[columns])
        except _Failed as failure:
            n, m = rows.stop - rows.start, columns.stop - columns.start
            if failure.code in {"TooBig", "NoSegment"} and n * m > 1:
                for r in _halves(rows) if n >= m else (rows,):
                    for c in (columns,) if n >= m else _halves(columns):
                        self._block(sheet, url, start, end, r, c)
            elif failure.code == "NoSegment":
                sheet.blocks.append(Block(rows=rows, columns=columns, reason="the server has no road nearby"))
                sheet.had, sheet.in_a_row = sheet.had + 1, 0
            else:
                _lose(sheet, rows, columns, failure.reason)
                sheet.in_a_row += 1
            return
        sheet.had, sheet.in_a_row = sheet.had + 1, 0
        seconds, metres, from_m, to_m = answer
        sheet.seconds[rows, columns], sheet.metres[rows, columns] = seconds, metres
        sheet.off_m[0][rows], sheet.off_m[1][columns] = from_m, to_m

    def _table(self, url: str, start: Floats, end: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Seconds and metres (n, m), inf for null; metres from each place to its road (n,), (m,)."""
        n, m = len(start), len(end)
        where = ";".join(f"{x:.{_DECIMALS}f},{y:.{_DECIMALS}f}" for x, y in np.vstack([start, end]))
        question = (
            f"{url}{where}?annotations=duration,distance&generate_hints=false"
            f"&sources={_numbers(0, n)}&destinations={_numbers(n, m)}")
        wait = _FIRST_WAIT_S
        for left in range(self.brief.server_retries, -1, -1):
            try:
                return _read(self._get(question), n, m)
            except _Failed as failure:
                if failure.code != "again" or not left:
                    raise
                self._sleep(min(max(wait, failure.wait_s), _LONGEST_WAIT_S))
                wait *= 2
        raise AssertionError("unreachable")

    def _get(self, question: str) -> bytes:
        handlers: list[Any] = [_NoRedirect()]
        if (urlsplit(question).hostname or "") in {"localhost", "127.0.0.1", "::1"}:
            handlers.append(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(question, headers={"User-Agent": _AGENT})  # noqa: S310 - checked
        try:
            with urllib.request.build_opener(*handlers).open(
                request, timeout=self.brief.server_timeout_s
            ) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from error
        except TimeoutError as error:
            raise _Failed(f"no answer within {self.brief.server_timeout_s:g} s", "again") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise _Failed(f"no answer within {self.brief.server_timeout_s:g} s", "again") from error
            raise _Failed("the server cannot be reached, or broke off", "again") from error

    def _reasons(self, off_m: Floats) -> tuple[str, ...]:
        limit = self.brief.max_snap_m
        if (off_m <= limit).all():
            return ()
        return tuple("" if m <= limit else f"the server's nearest road is {m:,.0f} m away, over {limit:g} m"
                     for m in off_m)


def _lose(sheet: _Sheet, rows: slice, columns: slice, reason: str) -> None:
    sheet.lost.append(reason)
    sheet.blocks.append(Block(rows=rows, columns=columns, reason=reason))


def _halves(part: slice) -> tuple[slice, slice]:
    middle = (part.start + part.stop) // 2
    return slice(part.start, middle), slice(middle, part.stop)


def _numbers(first: int, count: int) -> str:
    return ";".join(map(str, range(first, first + count)))


def _refusal(error: urllib.error.HTTPError) -> _Failed:
    """Say what an HTTP error means: whether to ask again, ask for less, or give up."""
    if error.code in _BUSY:
        after = error.headers.get("Retry-After") or ""
        return _Failed(f"the server is busy or failing (HTTP {error.code})", "again",
                       wait_s=float(after) if after.isdigit() else 0.0)
    if 300 <= error.code < 400:
        return _Failed("the server sends on to another address, which is not followed; name that one")
    try:
        code = str(json.loads(error.read()).get("code", ""))
    except (ValueError, AttributeError, OSError, http.client.HTTPException):
        code = ""
    if error.code == 414:
        code = "TooBig"
    return _Failed(f"the server refuses (HTTP {error.code}{', ' + code if code.isalnum() else ''})", code)


def _read(body: bytes, n: int, m: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Read an answer; :class:`_Failed` where it is not what the format says."""
    try:
        answer = json.loads(body)
        code = str(answer["code"])
        if code != "Ok":
            raise _Failed(f"the server answers {code!r}", code)
        if "durations" in answer and "distances" not in answer:
            raise _Failed("the server gives no distances: it is too old, or knows durations only")
        found = [_numbers_of(answer[key], n, m) for key in ("durations", "distances")]
        off = [_off(answer.get(key), count) for key, count in (("sources", n), ("destinations", m))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Failed("the answer is not as OSRM writes it", "again") from error
    return found[0], found[1], off[0], off[1]


def _numbers_of(rows: Any, n: int, m: int) -> Floats:
    if len(rows) != n or any(len(row) != m for row in rows):
        raise ValueError("wrong size")
    values = np.array([[np.inf if v is None else v for v in row] for row in rows], dtype=np.float64)
    if np.isnan(values).any() or (values < 0).any():
        raise ValueError("not times")
    return values.reshape(n, m)


def _off(points: Any, count: int) -> Floats:
    """Metres to the road of each place; 0 where the server does not say."""
    if not isinstance(points, list) or len(points) != count:
        return np.zeros(count)
    return np.array([float(p.get("distance", 0.0)) if isinstance(p, dict) else 0.0 for p in points])


def _spread(
    blocks: list[Block], row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]
) -> tuple[Block, ...]:
    """Say blocks of different places in the caller's rows and columns, which may repeat a place."""
    result = []
    for block in blocks:
        i = np.flatnonzero((row >= block.rows.start) & (row < block.rows.stop))
        j = np.flatnonzero((column >= block.columns.start) & (column < block.columns.stop))
        result += [Block(rows=a, columns=b, reason=block.reason) for a in _runs(i) for b in _runs(j)]
    return tuple(result)


def _runs(positions: npt.NDArray[np.int64]) -> list[slice]:
    cuts = np.flatnonzero(np.diff(positions) != 1) + 1
    return [slice(int(part[0]), int(part[-1]) + 1) for part in np.split(positions, cuts) if len(part)]
