"""The benchmark of lots runs, measures what it should, and writes what it prints; the peers' if installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import networkx as nx
import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> Any:
    """Give the benchmark's modules by name; they are scripts, so their folder has to be on the path."""
    sys.path.insert(0, str(FOLDER))
    names = ("maps", "peers", "instances", "scaling", "lots")
    before = {name: sys.modules.pop(name, None) for name in names}

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    sys.path.remove(str(FOLDER))
    for name in names:
        sys.modules.pop(name, None)
        if before[name] is not None:
            sys.modules[name] = before[name]


def test_a_tiny_map_from_command_to_table_and_file(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The toy is measured alone: a table of 100 columns, goals, and the same figures in the file."""
    file = tmp_path / "lots.json"
    bench("lots").main(
        ["--only", "toy", "--seconds", "1", "--no-peers", "--cores", "1", "--json", str(file)])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 100
    saved = json.loads(file.read_text(encoding="utf-8"))
    (row,) = saved["maps"]
    ours = row["results"]["lotting"]
    assert (row["name"], row["areas"], row["lots"]) == ("toy", 30, 3)
    assert list(row["results"]) == ["lotting"]
    assert ours["fits"]
    assert ours["connected"]
    assert ours["own_cost_agrees"]
    assert ours["deviation"] <= 0.15 + 1e-9
    assert ours["bound"] <= ours["cost"] * (1 + 1e-9)
    assert f"{ours['cost']:,.2f}" in printed
    assert all(goal["met"] is None for goal in saved["goals"])
    assert printed.count("not run") >= len(saved["goals"])
    text = file.read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert str(FOLDER.parent) not in text


def test_the_measure_knows_what_is_wrong_with_a_plan(bench: Any) -> None:
    """Cost by hand; a lot too many, a lot in pieces and a lot too large do not fit."""
    instances = bench("instances")
    toy = instances.toy()
    (place,) = toy.places
    ordered = sorted(place.codes, key=lambda c: toy.areas.loc[c, "x_m"])
    stripes = {c: i * 3 // 30 for i, c in enumerate(ordered)}
    found = instances.worth(toy, [stripes])
    by_hand = 0.0
    for k in range(3):
        inside = [c for c in ordered if stripes[c] == k]
        by_hand += min(
            sum(
                toy.demand.loc[c, "weekly_hours"] * (
                    (toy.areas.loc[c, "x_m"] - toy.areas.loc[m, "x_m"]) ** 2
                    + (toy.areas.loc[c, "y_m"] - toy.areas.loc[m, "y_m"]) ** 2
                ) / 1e6
                for c in inside
            )
            for m in inside
        )
    assert found.cost == pytest.approx(by_hand)
    pieces = sum(
        not nx.is_connected(toy.graph.subgraph([c for c in ordered if stripes[c] == k])) for k in range(3))
    assert found.pieces == pieces
    one = instances.worth(toy, [dict.fromkeys(place.codes, 0)])
    assert one.lots == 1
    assert not one.fits
    assert one.deviation == pytest.approx(2.0)
    assert one.beyond == pytest.approx(2.0 - 0.15)


def test_distance_on_the_sphere(bench: Any) -> None:
    """A degree of latitude is 111.195 km with R = 6371.0088 km; of longitude, less by the cosine."""
    squared = bench("peers").squared_km(np.array([[0.0, 60.0], [0.0, 61.0], [1.0, 60.0]]), "sphere")
    assert math.sqrt(squared[0, 1]) == pytest.approx(6371.0088 * math.radians(1))
    assert math.sqrt(squared[0, 2]) == pytest.approx(6371.0088 * math.radians(1) * 0.5, rel=1e-4)


def test_every_published_instance_is_read(bench: Any, shared: Path) -> None:
    """The real counties and every row of the best-known values: connected, limits as said."""
    instances = bench("instances")
    makers = dict(instances.available(("geo", "bench")))
    rows = (shared / "bench" / "lots" / "best_known.csv").read_text().strip().splitlines()[1:]
    assert len([n for n in makers if n[:2].isupper()]) == len(rows)
    part = makers["hampshire-400"]()
    assert len(part.areas) == 400
    assert nx.is_connected(part.graph)
    whole = makers["hampshire-16"]()
    assert len(whole.areas) == 865
    assert nx.is_connected(whole.graph)
    county = makers["OH-093"]()
    assert county.places[0].lo == pytest.approx(0.9 * county.demand["weekly_hours"].sum() / 2)
    assert county.known.proven
    people = 1000 * makers["NH"]().places[0].lo
    assert people == pytest.approx(round(people))


def test_made_up_maps(bench: Any) -> None:
    """Same seed, same map; one piece, connected localities, lots shared out by hours."""
    maps = bench("maps")
    made, again = maps.made_up(400, seed=3, localities=5), maps.made_up(400, seed=3, localities=5)
    assert made.areas.equals(again.areas)
    assert made.demand.equals(again.demand)
    assert set(made.graph.edges) == set(again.graph.edges)
    assert nx.is_connected(made.graph)
    assert 2.3 < made.graph.number_of_edges() / 400 < 3.0  # as planar maps have
    for codes in made.areas.groupby("locality").groups.values():
        assert nx.is_connected(made.graph.subgraph(codes))
    counts = maps.lots_by_locality(made, 12)
    assert sum(counts.values()) == 12
    assert min(counts.values()) >= 1
    assert len(counts) == 5


def test_a_power_law_is_found_again(bench: Any) -> None:
    """The fit of 3 x areas^1.5 gives 3 and 1.5; two points are too few."""
    fit = bench("scaling").fit
    areas = [100.0, 1000.0, 33_000.0]
    curve = fit(areas, [3 * a**1.5 for a in areas])
    assert curve["exponent"] == pytest.approx(1.5)
    assert curve["factor"] == pytest.approx(3.0)
    assert curve["spread"] == pytest.approx(1.0)
    assert fit(areas[:2], [1.0, 2.0]) is None


@pytest.mark.parametrize(("name", "module"), [
    ("GerryChain", "gerrychain"), ("METIS", "pymetis"), ("spopt", "spopt"),
])
def test_a_peer_gives_plans_of_the_toy(bench: Any, name: str, module: str) -> None:
    """An installed peer gives connected lots of the whole map, in a process of its own."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{name} is not installed: it is in the extra [bench]")
    toy = bench("instances").toy()
    found = bench("lots").peer(toy, name, python=sys.executable, seconds=1.0, cores=1, seed=1)
    assert found["lots"] == 3
    assert found["connected"]


def test_a_missing_peer_is_said_to_be_missing(
    bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No version, no run: the table says so, and the goal counts as not run."""
    lots = bench("lots")
    monkeypatch.setattr(lots, "installed", lambda _: dict.fromkeys(("GerryChain", "METIS", "spopt")))
    lots.main(["--only", "toy", "--seconds", "1", "--cores", "1"])
    printed = capsys.readouterr().out
    assert printed.count("not installed") == 6
    assert "no peer was run" in printed
