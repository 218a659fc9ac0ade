"""What the commands share: options, and results as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Out", "Seed", "print_json"]

Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of what is written.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same answer.")]


def print_json(found: object) -> None:
    """Print a result for other programs."""
    typer.echo(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
