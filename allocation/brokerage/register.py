"""The register: every decision, for ever, in one SQLite file.

Rows are added and never changed: triggers refuse it, and every row carries a hash of itself and of the
one before, so that a change made behind the triggers' back is found. A decision is made and written in
one transaction that nobody else can write beside (``BEGIN IMMEDIATE``): two brokers cannot give away
the same hours, and a process that dies half-way leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from lotting.errors import InputError, LottingError, Problem

from .ledger import Entry

__all__ = ["Decision", "Register", "RegisterError", "Writer"]

Kind = Literal["placed", "unplaced", "handed_back", "ended"]
APPLICATION_ID = 0x42524F4B  # "BROK", so that no other SQLite file is taken for a register
VERSION = 1
_WAIT_SECONDS = 120.0

_COLUMNS = (
    "id", "at", "kind", "day", "counts_from", "package_id", "person_id", "provider_id", "route", "pool",
    "hours", "rate_gbp", "lot", "area", "x_m", "y_m", "mode", "rank", "reason", "ranking", "decided_by",
    "settings",
)  # fmt: skip
_GUARDS = "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{what} BEFORE {what} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'the register is only added to'); END;\n"
    for table in ("decisions", "settings") for what in ("UPDATE", "DELETE"))  # fmt: skip
_MARKS = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};\n"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (
    sha256 TEXT PRIMARY KEY, at TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('placed', 'unplaced', 'handed_back', 'ended')),
    day TEXT NOT NULL, counts_from TEXT NOT NULL, package_id TEXT NOT NULL, person_id TEXT NOT NULL,
    provider_id TEXT NOT NULL, route TEXT NOT NULL, pool TEXT NOT NULL,
    hours REAL NOT NULL CHECK (hours >= 0),
    rate_gbp REAL, lot TEXT NOT NULL, area TEXT NOT NULL, x_m REAL, y_m REAL, mode TEXT NOT NULL,
    rank INTEGER, reason TEXT NOT NULL, ranking TEXT NOT NULL, decided_by TEXT NOT NULL,
    settings TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_package ON decisions (package_id);
CREATE TRIGGER IF NOT EXISTS decisions_in_order BEFORE INSERT ON decisions
WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM decisions)
BEGIN SELECT RAISE(ABORT, 'decisions are only added, one after the other'); END;
CREATE TRIGGER IF NOT EXISTS settings_once BEFORE INSERT ON settings
WHEN EXISTS (SELECT 1 FROM settings WHERE sha256 = NEW.sha256)
BEGIN SELECT RAISE(ABORT, 'settings are never replaced'); END;
"""


class RegisterError(LottingError):
    """The register was changed otherwise than by adding to it, or cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Decision:
    """One decision to be written.

    Attributes
    ----------
    kind
        ``placed``, ``unplaced``, ``handed_back``, ``ended``.
    day
        Day of it.
    counts_from
        See :class:`allocation.brokerage.ledger.Entry`.
    mode
        ``one`` by one, or ``batch``.
    rank
        Place in the ranking of the offer that was taken.
    ranking
        The whole ranking, see :meth:`allocation.brokerage.ranking.Desk.rows`.
    settings
        The rules and inputs, see :meth:`allocation.brokerage.office.Office.settings`.
    """

    kind: Kind
    day: dt.date
    counts_from: dt.date
    package_id: str
    person_id: str = ""
    provider_id: str = ""
    route: str = ""
    pool: str = ""
    hours: float = 0.0
    rate_gbp: float | None = None
    lot: str = ""
    area: str = ""
    x_m: float | None = None
    y_m: float | None = None
    mode: str = "one"
    rank: int | None = None
    reason: str = ""
    ranking: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    decided_by: str = ""
    settings: str = ""


class Register:
    """An open register.

    Parameters
    ----------
    path
        The file; made when it is not there, with its folder. It must be on a disk of this machine:
        SQLite's locks cannot be relied on over a network share.

    Raises
    ------
    InputError
        The file is something else, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            refused = isinstance(error, (sqlite3.OperationalError, OSError))
            raise InputError(Problem(
                message=f"the register cannot be opened: {error}", file=str(self.path),
                fix="Ask for the right to write there, or name another with --register." if refused else
                "Restore it from a copy, or name another with --register.",
            )) from error  # fmt: skip

    def _prepare(self) -> None:
        mark = self._db.execute("PRAGMA application_id").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if (tables and mark != APPLICATION_ID) or version > VERSION:
            raise InputError(Problem(
                message="this file is no register of this version", file=str(self.path),
                fix="Name another with --register."))
        until = time.monotonic() + _WAIT_SECONDS
        while True:  # the change to WAL does not wait for others by itself
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        self._db.execute("PRAGMA synchronous = FULL")
        if not tables:
            with self._transaction():
                for statement in _statements(_SCHEMA + _GUARDS + _MARKS):
                    self._db.execute(statement)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """Keep all others from writing, until what is added is on the disk; an error undoes it all.

        Raises
        ------
        RegisterError
            Others kept it for two minutes, or the disk is full.
        """
        try:
            with self._transaction():
                yield Writer(self._db)
        except sqlite3.Error as error:
            why = "others have been writing for two minutes" if "locked" in str(error) else str(error)
            raise RegisterError(
                f"The register {self.path.name} could not be written, and is as it was: {why}. "
                "Run the list again; what is placed already is not placed twice.") from error

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[sqlite3.Row]:
        try:
            yield from self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise RegisterError(
                f"The register {self.path.name} is damaged and cannot be read: {error}. "
                "Restore it from a copy.") from error

    def entries(self, after: int = 0) -> list[Entry]:
        """Return what the ledger needs of every decision after a number, in order."""
        rows = self._rows(
            "SELECT id, kind, day, counts_from, package_id, person_id, provider_id, pool, hours, lot, "
            "x_m, y_m FROM decisions WHERE id > ? ORDER BY id", (after,))
        return [
            Entry(
                row["id"], row["kind"], dt.date.fromisoformat(row["day"]),
                dt.date.fromisoformat(row["counts_from"]), row["package_id"], row["person_id"],
                row["provider_id"], row["pool"], row["hours"], row["lot"], _number(row["x_m"]),
                _number(row["y_m"]),
            ) for row in rows
        ]  # fmt: skip

    def decisions(self, package_id: str | None = None) -> list[dict[str, Any]]:
        """Return decisions in order, of one package or all; ``ranking`` as records."""
        where, values = ("", ()) if package_id is None else (" WHERE package_id = ?", (package_id,))
        rows = self._rows(f"SELECT * FROM decisions{where} ORDER BY id", values)  # noqa: S608
        return [{**dict(row), "ranking": json.loads(row["ranking"])} for row in rows]

    def settings(self, sha256: str) -> dict[str, Any]:
        """Return the rules and inputs a decision was made under."""
        row = next(self._rows("SELECT text FROM settings WHERE sha256 = ?", (sha256,)), None)
        found: dict[str, Any] = {} if row is None else json.loads(row["text"])
        return found

    def last_settings(self) -> dict[str, Any]:
        """Return the rules and inputs of the last decision; empty where there is none."""
        row = next(self._rows("SELECT settings FROM decisions ORDER BY id DESC LIMIT 1"), None)
        return {} if row is None else self.settings(row["settings"])

    def verify(self) -> int:
        """Check that no row was changed, taken out or put in; return how many there are.

        Raises
        ------
        RegisterError
            One was: the first is named. Rows cut off at the end cannot be told from a register that
            is younger: keep the number and hash of the last row elsewhere to be sure of that.
        """
        before, number = "", 0
        for row in self._rows("SELECT * FROM decisions ORDER BY id"):
            number += 1
            if row["id"] != number or row["hash"] != _hash(before, [row[c] for c in _COLUMNS]):
                raise RegisterError(
                    f"The register was changed: decision {number} is not what was written. "
                    "Restore it from a copy.")
            before = row["hash"]
        for row in self._rows("SELECT sha256, text FROM settings"):
            if hashlib.sha256(row["text"].encode()).hexdigest() != row["sha256"]:
                raise RegisterError("The register was changed: rules are not what was written. "
                                    "Restore it from a copy.")
        return number


class Writer:
    """Adds decisions within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, decision: Decision, *, at: dt.datetime | None = None) -> int:
        """Add one decision; return its number."""
        last = self._db.execute("SELECT id, hash FROM decisions ORDER BY id DESC LIMIT 1").fetchone()
        number, before = (1, "") if last is None else (last["id"] + 1, last["hash"])
        now = (at or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")
        settings = ""
        if decision.settings:
            settings = hashlib.sha256(decision.settings.encode()).hexdigest()
            there = self._db.execute("SELECT 1 FROM settings WHERE sha256 = ?", (settings,)).fetchone()
            if there is None:
                self._db.execute("INSERT INTO settings VALUES (?, ?, ?)", (settings, now, decision.settings))
        d = decision
        values = [
            number, now, d.kind, d.day.isoformat(), d.counts_from.isoformat(), d.package_id, d.person_id,
            d.provider_id, d.route, d.pool, float(d.hours), _real(d.rate_gbp), d.lot, d.area, _real(d.x_m),
            _real(d.y_m), d.mode, d.rank, d.reason,
            json.dumps(list(d.ranking), ensure_ascii=False, allow_nan=False, separators=(",", ":")),
            d.decided_by, settings,
        ]  # fmt: skip
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        self._db.execute(
            f"INSERT INTO decisions ({', '.join(_COLUMNS)}, hash) VALUES ({marks})",  # noqa: S608
            [*values, _hash(before, values)])
        return number


def _hash(before: str, values: Sequence[Any]) -> str:
    text = json.dumps([before, *values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _real(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)  # noqa: PLR0124  NaN is no figure


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _statements(script: str) -> Iterator[str]:
    """Split a script: executescript would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        for piece in line.replace("END;", "END;\0").replace(";\n", ";\0").split("\0"):
            statement += piece
            if sqlite3.complete_statement(statement):
                yield statement
                statement = ""
