"""Files that stay inside, and what is written into them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lotting.files import write_text

__all__ = ["PRIVATE", "write_csv"]

#: Written into everything that must stay inside.
PRIVATE = "Personal data: do not publish."


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
