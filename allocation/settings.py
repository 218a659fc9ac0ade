"""A folder's TOML file to a checked model: every unknown key, wrong value and missing file at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from lotting.errors import InputError, Problem
from lotting.toml_file import BACKSLASHES, read_toml

__all__ = ["Table", "checked", "read_settings"]

T = TypeVar("T", bound=BaseModel)


class Table(BaseModel):
    """A table of the file: frozen; an unknown key is refused, so no misspelt switch is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
        Problem(message="there is no such file", file=path.name, column=where, value=name,
                fix=_why_missing(name, path.name))
        for where, name in _files(model, raw) if not (folder / name).is_file()]
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


def _inner(model: type[BaseModel], key: str) -> tuple[type[BaseModel] | None, bool]:
    """Return the model of a key's table, if it is one, and whether the key names a file."""
    field = model.model_fields.get(key)
    if field is None:
        return None, False
    kinds = (field.annotation, *get_args(field.annotation))
    table = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
    return table, Path in kinds


def _files(
    model: type[BaseModel], raw: Mapping[str, Any], table: str = ""
) -> Iterator[tuple[str, str]]:
    for key, value in raw.items():
        inner, is_file = _inner(model, key)
        if inner is not None and isinstance(value, Mapping):
            yield from _files(inner, value, key)
        elif is_file and isinstance(value, str):
            yield (f"[{table}] {key}" if table else key), value


def _why_missing(name: str, file: str) -> str:
    # "C:\temp\new.csv" in double quotes is valid TOML, with a tab and a new line in it.
    return BACKSLASHES if any(ord(letter) < 32 for letter in name) else (
        f"Paths are relative to the folder of {file}.")


def _problem(error: Any, model: type[BaseModel], file: str) -> Problem:
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    message = message.replace("Input should", "should")
    value, path = error.get("input"), [str(p) for p in error["loc"]]
    shown = None if isinstance(value, (Mapping, list, tuple, BaseModel)) or value is None else str(value)
    fix = ""
    if kind == "extra_forbidden":
        keys = list(_model_at(model, path[:-1]).model_fields)
        near = difflib.get_close_matches(path[-1], keys, n=1)
        message, shown = "unknown key", None
        fix = f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(keys)}."
    elif kind == "missing":
        message, shown, fix = "missing", None, "Add it."
    elif kind.startswith(("int", "float", "decimal")):
        fix = "Write a number, without quotes and thousands separators."
    elif kind.startswith("date"):
        message, fix = "should be a date", "Write it as 2026-04-01, without quotes."
    return Problem(message=message, file=file, column=_where(model, path), value=shown, fix=fix)


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    for part in path:
        model = _inner(model, part)[0] or model
    return model


def _where(model: type[BaseModel], path: list[str]) -> str | None:
    if not path:
        return None
    if _inner(model, path[0])[0] is None:
        return ".".join(path)
    return f"[{path[0]}] {'.'.join(path[1:])}".rstrip()


def _absolute(table: T, folder: Path) -> T:
    changes: dict[str, Any] = {}
    for key in type(table).model_fields:
        value = getattr(table, key)
        if isinstance(value, Path):
            changes[key] = folder / value
        elif isinstance(value, BaseModel):
            changes[key] = _absolute(value, folder)
    return table.model_copy(update=changes) if changes else table
