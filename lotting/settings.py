"""A folder's TOML file to a checked model: every unknown key, wrong value and missing file at once."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from .errors import InputError, Problem
from .toml_file import BACKSLASHES, read_toml

__all__ = ["Table", "checked", "read_settings"]

T = TypeVar("T", bound=BaseModel)


class Table(BaseModel):
    """A table of the file: frozen; an unknown key is refused, so no misspelt switch is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_stand_ins(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic would take true for 1, and a number for seconds since 1970.
        assert info.field_name is not None
        kinds = _kinds(cls, info.field_name)
        if isinstance(value, bool) and bool not in kinds:
            raise ValueError("true and false are no value for this")
        if dt.date in kinds and isinstance(value, (int, float)):
            raise ValueError("should be a date")
        return value


def read_settings(path: Path, model: type[T], *, absent: str) -> T:
    """Read a TOML file and make its paths absolute.

    Parameters
    ----------
    path
        The file. Paths inside are relative to its folder.
    model
        What the file holds; nested models are its tables.
    absent
        What to do where there is no such file.

    Raises
    ------
    InputError
        One problem for each unknown key, wrong value or missing file.
    """
    raw = read_toml(path, absent=absent)
    folder = path.resolve().parent
    missing = [
        Problem(message="there is no such file", file=path.name, column=_where(model, where), value=name,
                fix=_why_missing(name, path.name))
        for where, name in _files(model, raw) if not (folder / name).exists()]
    try:
        found = checked(model, raw, file=path.name)
    except InputError as error:
        raise InputError([*error.problems, *missing]) from error
    if missing:
        raise InputError(missing)
    return _absolute(found, folder)


def checked(model: type[T], raw: Mapping[str, Any], *, file: str) -> T:
    """Make a model of a mapping; the problems name ``file`` and the table and key.

    Raises
    ------
    InputError
        One problem for each unknown key or wrong value.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        found = [_problem(e, model, file) for e in error.errors(include_url=False)]
        raise InputError([*dict.fromkeys(found)]) from error


def _kinds(table: type[BaseModel], key: str) -> set[Any]:
    """Every type that a key takes, unfolded: ``list[Path] | None`` takes ``Path``, too."""
    found, left = set(), [table.model_fields[key].annotation]
    while left:
        kind = left.pop()
        found.add(kind)
        left += get_args(kind)
    return found


def _inner(table: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the model of a key's table, where it is one."""
    if key not in table.model_fields:
        return None
    kinds = _kinds(table, key)
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _files(
    table: type[BaseModel], raw: Mapping[str, Any], above: tuple[int | str, ...] = ()
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Yield where a file is named, and the file; also of settings with mistakes."""
    for key, value in raw.items():
        if key not in table.model_fields:
            continue
        inner, names_files = _inner(table, key), Path in _kinds(table, key)
        where: tuple[int | str, ...] = (*above, key)
        if inner is not None and isinstance(value, Mapping):
            yield from _files(inner, value, where)
        elif names_files and isinstance(value, str):
            yield where, value
        elif names_files and isinstance(value, list):
            for i, name in enumerate(value):
                if isinstance(name, str):
                    yield (*where, i), name


def _why_missing(name: str, file: str) -> str:
    # "C:\temp\new.csv" in double quotes is valid TOML, with a tab and a new line in it.
    if any(ord(letter) < 32 for letter in name):
        return BACKSLASHES
    return f"Paths are relative to the folder of {file}."


#: What to do about the kinds of value that pydantic refuses, by the start of its error type.
_FIXES = {
    "int": "Write a whole number, without quotes and thousands separators.",
    "float": "Write a number, without quotes and thousands separators.",
    "decimal": "Write a number, without quotes and thousands separators.",
    "date": "Write it as 2026-04-01, without quotes.",
    "path": 'Write it in quotes: "areas.gpkg".',
    "string": "Write it in quotes.",
    "bool": "Write true or false, without quotes.",
    "list": "Write it in square brackets, with commas between the parts.",
    "tuple": 'Write two of them in square brackets: ["E01000001", "E01000002"].',
    "missing_argument": 'Write two of them in square brackets: ["E01000001", "E01000002"].',
    "dict": "Write it as a table.",
    "model": "Write it as a table.",
}


def _problem(error: Any, model: type[BaseModel], file: str) -> Problem:
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    message = message.replace("Input should", "should").split(", unable to parse")[0]
    value, path = error.get("input"), error["loc"]
    shown = None if isinstance(value, (Mapping, list, tuple, BaseModel)) or value is None else str(value)
    fix = next((text for start, text in _FIXES.items() if kind.startswith(start)), "")
    if kind == "extra_forbidden":
        message, shown = "unknown key", None
        keys = list(_table_at(model, path[:-1]).model_fields)
        near = difflib.get_close_matches(str(path[-1]), keys, n=1)
        fix = f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(keys)}."
    elif kind == "missing":
        message, shown, fix = "missing", None, "Add it."
    elif kind.startswith("date") or message == "should be a date":
        message, fix = "should be a date", _FIXES["date"]
    return Problem(message=message, file=file, column=_where(model, path), value=shown, fix=fix)


def _table_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    for part in path:
        if isinstance(part, str):
            model = _inner(model, part) or model
    return model


def _where(model: type[BaseModel], path: tuple[int | str, ...]) -> str | None:
    """Name a key as TOML writes it."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int) and len(parts) > 1:
            parts[-1] += f"[{part + 1}]"
        elif isinstance(part, int):
            parts[-1] = f"[[{parts[0]}]] {part + 1},"
        else:
            parts.append(part)
    if not parts:
        return None
    table, *keys = parts
    if _inner(model, table) is not None:
        table = f"[{table}]"
    key = ".".join(keys)
    return f"{table} {key}" if table.endswith(("]", ",")) and key else ".".join([table.rstrip(","), *keys])


def _absolute(table: T, folder: Path) -> T:
    changes: dict[str, Any] = {}
    for key in type(table).model_fields:
        value = getattr(table, key)
        if isinstance(value, Path):
            changes[key] = folder / value
        elif isinstance(value, BaseModel):
            inner = _absolute(value, folder)
            if inner is not value:
                changes[key] = inner
        elif isinstance(value, list) and value and isinstance(value[0], Path):
            changes[key] = [folder / v for v in value]
    # A copy counts what is changed as given in the file, so nothing else may be.
    return table.model_copy(update=changes) if changes else table
