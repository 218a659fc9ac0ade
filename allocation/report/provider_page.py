"""The page that shows a provider what one lot would mean: one side of A4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lotting.files import write_text
from lotting.report.template import render

__all__ = ["Block", "write_provider_page"]


@dataclass(frozen=True, slots=True)
class Block:
    """A table of the page: a heading, the heads of its columns, and rows of text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_provider_page(
    path: Path, *, title: str, subtitle: str, headline: list[tuple[str, str]], blocks: list[Block],
    notes: list[str], source: str,
) -> None:  # fmt: skip
    """Write the page; it loads nothing from anywhere.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    title, subtitle, source
        Heading, and the attribution line.
    headline
        Figures to show large: what it is, and the figure.
    blocks
        Tables.
    notes
        What the figures rest on.
    """
    write_text(path, render(
        __package__, "provider.html", title=title, subtitle=subtitle, headline=headline, blocks=blocks,
        notes=notes, source=source))
