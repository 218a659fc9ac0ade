"""How far the planning of rounds is: a bar on a terminal, a line a stage elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lotting.console import stderr

__all__ = ["Report", "progress_bar"]

#: Told what is being done, and how many of how many visits.
Report = Callable[[str, int, int], None]


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Report | None]:
    """Show progress on standard error; None when quiet."""
    if quiet:
        yield None
        return
    console = stderr()
    if not console.is_terminal:
        last = ""

        def tell(what: str, done: int, total: int) -> None:
            nonlocal last
            if what != last and done < total:
                last = what
                console.print(f"{what}: {total:,} visits", style="dim")

        yield tell
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20),
        MofNCompleteColumn(), TextColumn("visits"), TimeElapsedColumn(), console=console,
        transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("Starting", total=1)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=max(total, 1))

        yield show
