"""What every command has in common: errors in words, exit codes, streams, width.

Data on stdout, progress and problems on stderr. Exit codes: 0 done, 1 a limit is broken, 2 bad
input, 3 no plan can meet the brief, 130 interrupted before there was a result.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from .errors import InfeasibleError, InputError, LottingError, PlanError, Problem, StoppedError

if TYPE_CHECKING:
    from .project import Project

__all__ = [
    "AsJson", "Debug", "Folder", "Quiet", "Service", "print_problems", "print_version",
    "print_warnings", "read_project", "say", "stderr", "told", "use_utf8", "width",
]  # fmt: skip

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder with brief.toml, or the brief.")
]
Service = Annotated[
    str | None, typer.Option("--service", help="Service line, where the brief has several.")
]


def use_utf8() -> None:
    """Write UTF-8: a redirected stream on Windows does not, and place names are not ASCII."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]


def print_version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    """Print the version and end, where it is wanted."""
    if wanted:
        try:
            typer.echo(f"lotting {version('lotting')}")
        except PackageNotFoundError:
            typer.echo("lotting (not installed)")
        raise typer.Exit


def stderr() -> Console:
    """Return the console that progress and problems go to."""
    return Console(stderr=True, highlight=False, soft_wrap=False)


def width() -> int:
    """Return the width of a table on stdout, in characters; 100 at most."""
    return min(100, shutil.get_terminal_size((80, 24)).columns)


@contextlib.contextmanager
def told(debug: bool) -> Iterator[None]:  # noqa: FBT001
    """Turn errors into words and exit codes; with ``debug``, let them through."""
    console = stderr()
    try:
        yield
    except InputError as error:
        if debug:
            raise
        print_problems(console, error.problems)
        raise typer.Exit(2) from None
    except InfeasibleError as error:
        if debug:
            raise
        console.print(f"[bold red]{escape(str(error).splitlines()[0].rstrip(':'))}.[/]")
        for reason in error.reasons:
            say(console, "red", "- ", str(reason))
        raise typer.Exit(3) from None
    except PlanError as error:
        if debug:
            raise
        say(console, "red", "", str(error))
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        console.print("[yellow]Stopped.[/] Nothing was written.")
        raise typer.Exit(130) from None
    except LottingError as error:
        if debug:
            raise
        say(console, "red", "", str(error))
        raise typer.Exit(130 if isinstance(error, StoppedError) else 2) from None


def say(console: Console, colour: str, head: str, text: str) -> None:
    """Print a paragraph, its head in colour; a path is never broken in the middle."""
    filled = textwrap.fill(
        f"{head}{text}",
        console.width,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    rest = escape(filled[len(head) :])
    console.print(f"[{colour}]{head}[/]{rest}", soft_wrap=True)


def print_problems(console: Console, problems: Sequence[Problem]) -> None:
    """List what is wrong with the input."""
    n = len(problems)
    console.print(f"[bold red]{n} problem{'s' if n != 1 else ''} in the input:[/]")
    for problem in problems:
        say(console, "red", "- ", str(problem))


def print_warnings(console: Console, problems: Sequence[Problem]) -> None:
    """List what the user should know of."""
    for problem in problems:
        say(console, "yellow", "Note: ", str(problem))


def read_project(folder: Path, *, quiet: bool) -> Project:
    """Read a project, and say what is being read and what is odd about it."""
    from .project import load_project

    console = stderr()
    project = load_project(folder, None if quiet else lambda what: console.print(f"[dim]{what}[/]"))
    if not quiet:
        print_warnings(console, project.warnings)
    return project
