"""The benchmark of travel times runs, and everything it times finds the same minutes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "travel.py"


def test_a_tiny_town_from_command_to_table_and_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of 80 columns, the same figures in the file, and no search that disagrees."""
    spec = importlib.util.spec_from_file_location("benchmark_of_travel", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--grid", "12", "--places", "40", "--json", str(tmp_path / "out.json")])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    (found,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (found["nodes"], found["links"], found["places"]) == (144, 2 * 2 * 12 * 11, 40)
    rows = {row["engine"]: row for row in found["rows"]}
    assert {"road network", "scipy, minutes only", "networkx", "straight line"} <= set(rows)
    assert all(row["apart_minutes"] < 1e-4 for row in rows.values() if "apart_minutes" in row)
    assert all(0 <= row["near"][0] <= row["near"][1] < 1 for row in rows.values() if "near" in row)
    assert found["fit"] in printed
