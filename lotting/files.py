"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_path", "replace_all", "write_text"]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when all went well.

    Parameters
    ----------
    path
        Where the file is wanted. Its folder is made when it is not there.

    Yields
    ------
    pathlib.Path
        A path with the same suffix, in a folder of its own; write the file there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        temporary.replace(path)


def replace_all(
    draft: Path, folder: Path, names: Iterable[str], *, gone: Iterable[str] = ()
) -> None:
    """Let new files take the place of old ones, all of them or none.

    Files that belong together must not be of two runs: when one of them cannot be replaced (it is
    open in Excel, say), or Ctrl-C comes, all are as they were.

    Parameters
    ----------
    draft
        Folder of the new files, on the same disk.
    folder
        Where they go; must be there.
    names
        Paths of the new files, relative to ``draft``; folders between are made.
    gone
        Paths of old files, relative to ``folder``, that have no place any more.

    Raises
    ------
    OSError
        One of the files cannot be replaced, or is a folder.
    """
    moves: list[tuple[Path, Path, bool]] = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as kept:
        try:
            for number, (name, new) in enumerate(
                [*((n, True) for n in names), *((n, False) for n in gone)]
            ):
                target, old = folder / name, Path(kept) / str(number)
                if target.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
                target.parent.mkdir(parents=True, exist_ok=True)
                moves.append((target, old, target.exists()))
                if target.exists():
                    target.replace(old)
                if new:
                    (draft / name).replace(target)
        except BaseException:
            for target, old, was_there in reversed(moves):
                if not was_there:
                    target.unlink(missing_ok=True)
                elif old.exists():
                    old.replace(target)
            raise


def write_text(path: Path, text: str) -> None:
    r"""Write UTF-8 text with ``\n`` line ends, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
