"""Colours: neighbours differ, four suffice for connected lots, and text can be read."""

from __future__ import annotations

import itertools
import subprocess
import sys

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from map_content import board_graph

from lotting.plan import Plan
from lotting.report.colours import (
    INK,
    PALETTE,
    WHITE,
    colour_lots,
    contrast,
    lot_graph,
    text_on,
)


def clashes(graph: nx.Graph, colours: dict[str, str]) -> int:
    return sum(colours[a] == colours[b] for a, b in graph.edges)


@st.composite
def connected_plans(draw: st.DrawFn) -> Plan:
    """Lots grown from random seeds over a board of 7 x 7: each one connected."""
    graph = board_graph(7, 7)
    codes = list(graph)
    seeds = draw(st.lists(st.sampled_from(codes), min_size=1, max_size=14, unique=True))
    lots = {code: f"{i}" for i, code in enumerate(seeds)}
    random = draw(st.randoms(use_true_random=False))
    while len(lots) < len(codes):
        edge = [(a, b) for a in lots for b in graph[a] if b not in lots]
        a, b = random.choice(edge)
        lots[b] = lots[a]
    return Plan(pd.Series(lots))


@given(plan=connected_plans())
@settings(max_examples=40, deadline=None)
def test_four_colours_do_for_connected_lots(plan: Plan) -> None:
    """Connected lots on a plane: four colours, none shared by neighbours (four colour theorem)."""
    neighbours = lot_graph(plan, board_graph(7, 7))
    colours = colour_lots(neighbours)
    assert set(colours) == set(plan.lot_names)
    assert set(colours.values()) <= set(PALETTE[:4])
    assert clashes(neighbours, colours) == 0


@pytest.mark.parametrize(("lots", "used"), [(4, 4), (5, 5), (6, 6)])
def test_exclaves_take_further_colours(lots: int, used: int) -> None:
    """All neighbours of each other (only exclaves do that): as many colours as lots, up to six."""
    graph = nx.relabel_nodes(nx.complete_graph(lots), str)
    colours = colour_lots(graph)
    assert len(set(colours.values())) == used
    assert clashes(graph, colours) == 0


def test_seven_mutual_neighbours_still_get_a_map() -> None:
    """Where six colours cannot do, the fewest possible neighbours share one: here one pair."""
    graph = nx.relabel_nodes(nx.complete_graph(7), str)
    assert clashes(graph, colour_lots(graph)) == 1


def test_previous_colours_are_kept_as_far_as_neighbours_allow() -> None:
    """Against brute force over all colourings of a wheel of 6: as many kept as can be."""
    graph = nx.relabel_nodes(nx.wheel_graph(6), str)
    previous = dict.fromkeys(graph, PALETTE[3]) | {"2": PALETTE[1], "5": PALETTE[0]}
    colours = colour_lots(graph, previous)
    best = 0
    for combination in itertools.product(PALETTE[:4], repeat=len(graph)):
        candidate = dict(zip(graph, combination, strict=True))
        if clashes(graph, candidate) == 0:
            best = max(best, sum(candidate[lot] == c for lot, c in previous.items()))
    assert clashes(graph, colours) == 0
    assert sum(colours[lot] == c for lot, c in previous.items()) == best


def test_a_valid_previous_colouring_does_not_change() -> None:
    """The same lots keep every colour from one map to the next, whoever was named first."""
    graph = nx.relabel_nodes(nx.grid_2d_graph(4, 4), lambda cell: f"{cell[0]}-{cell[1]}")
    first = colour_lots(graph)
    swapped = {PALETTE[i]: PALETTE[3 - i] for i in range(4)}
    previous = {lot: swapped[colour] for lot, colour in first.items()} | {"gone": PALETTE[0]}
    assert colour_lots(graph, previous) == {k: v for k, v in previous.items() if k != "gone"}


def test_no_lots_no_colours() -> None:
    """An empty graph is no error."""
    assert colour_lots(nx.Graph()) == {}


def test_a_bridge_is_no_border() -> None:
    """Lots joined by a bridge alone may share a colour; by a border they are neighbours."""
    graph = nx.Graph()
    graph.add_edge("a", "b", kind="bridge", shared_m=0.0)
    graph.add_edge("b", "c", kind="border", shared_m=50.0)
    plan = Plan(pd.Series({"a": "1", "b": "2", "c": "10"}))
    neighbours = lot_graph(plan, graph)
    assert list(neighbours.nodes) == ["1", "2", "10"]
    assert {frozenset(e) for e in neighbours.edges} == {frozenset({"2", "10"})}


def test_same_colours_in_another_process() -> None:
    """Hash seeds change the order of sets; the colours do not depend on them."""
    code = (
        "import networkx as nx; from lotting.report.colours import colour_lots;"
        "print(colour_lots(nx.relabel_nodes(nx.grid_2d_graph(4, 4), lambda c: f'{c[0]}{c[1]}')))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


@pytest.mark.parametrize("colour", PALETTE)
def test_contrast_of_every_colour(colour: str) -> None:
    """WCAG AA: text on each fill 4.5:1 or more; each fill 3:1 or more against the casing."""
    assert text_on(colour) in {WHITE, INK}
    assert contrast(colour, text_on(colour)) >= 4.5
    assert contrast(colour, WHITE) >= 3


def test_contrast_known_values() -> None:
    """#767676 on white is WCAG's well-known 4.54:1, #777777 just fails with 4.48."""
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)
    assert contrast("#FFFFFF", "#777777") == pytest.approx(4.48, abs=0.005)
