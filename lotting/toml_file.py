"""Briefs: TOML as people write it in Notepad, with every way of not being readable named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .errors import InputError, Problem

__all__ = ["BACKSLASHES", "read_toml"]

#: What to do about a path of Windows in double quotes.
BACKSLASHES = "Write Windows paths with forward slashes, or in 'single quotes'."


def read_toml(path: Path, *, absent: str) -> dict[str, Any]:
    """Read a brief as it stands.

    Parameters
    ----------
    path
        The file.
    absent
        What to do where there is none.

    Raises
    ------
    InputError
        It is not there, cannot be opened, or is no UTF-8 or no TOML.
    """
    if not path.is_file():
        raise InputError(Problem(message="there is no such brief", file=str(path), fix=absent))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(Problem(
            message=f"the brief cannot be opened: {error.strerror or error}", file=str(path),
            fix="Close it in other programs, or ask for the right to read it.")) from error
    except UnicodeDecodeError as error:
        raise InputError(Problem(
            message="the brief is not UTF-8 text", file=path.name,
            fix="Save it as UTF-8 (in Notepad: Save as, Encoding UTF-8).")) from error
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        fix = BACKSLASHES if "escape" in text or "hex" in text.lower() else "Mend that line."
        raise InputError(
            Problem(message=f"not valid TOML: {text}", file=path.name, fix=fix)) from error
