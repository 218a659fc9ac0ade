"""Colours for lots: few, published for government use, and never the same on two neighbours.

Four colours do for any map of connected lots. They cannot all stand out from each other (four
fills with 3:1 between each pair would need 27:1, and black on white is 21:1), so the maps also
draw a white casing between lots and a label in each one.

The palette is the Government Analysis Function's for categorical data
(https://analysisfunction.civilservice.gov.uk/policy-store/data-visualisation-colours-in-charts/):
each colour has 3:1 or more against white.
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from lotting.plan import Plan, natural

__all__ = ["INK", "PALETTE", "WHITE", "colour_lots", "contrast", "lot_graph", "text_on"]

PALETTE = ("#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1")
INK = "#0B0C0C"
WHITE = "#FFFFFF"


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21.

    Parameters
    ----------
    a, b
        Colours as ``#RRGGBB``.

    Notes
    -----
    WCAG 2.2, "contrast ratio" and "relative luminance" (sRGB threshold 0.04045).

    Examples
    --------
    >>> contrast("#000000", "#FFFFFF")
    21.0
    """
    bright, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_on(fill: str) -> str:
    """White or ink, whichever is easier to read on a colour.

    Examples
    --------
    >>> text_on("#12436D"), text_on("#F46A25")
    ('#FFFFFF', '#0B0C0C')
    """
    return max((WHITE, INK), key=lambda text: contrast(text, fill))


def lot_graph(plan: Plan, graph: nx.Graph[str]) -> nx.Graph[str]:
    """Which lots share a border.

    Parameters
    ----------
    plan
        Lot of every area.
    graph
        Adjacency of the areas; edges of kind ``bridge`` are no border.

    Returns
    -------
    networkx.Graph
        Nodes: the plan's lots in natural order. No attributes.
    """
    lots = plan.lots.to_dict()
    neighbours: nx.Graph[str] = nx.Graph()
    neighbours.add_nodes_from(plan.lot_names)
    neighbours.add_edges_from(
        (lots[a], lots[b])
        for a, b, kind in graph.edges(data="kind", default="border")
        if lots[a] != lots[b] and kind != "bridge"
    )
    return neighbours


def colour_lots(
    neighbours: nx.Graph[str], previous: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give each lot a colour that none of its neighbours has.

    Parameters
    ----------
    neighbours
        Lots that share a border, from :func:`lot_graph`.
    previous
        Colours of an earlier map by lot; as many lots as possible keep theirs.

    Returns
    -------
    dict
        Colour (``#RRGGBB``) by lot, in natural order. Four colours where that can be done, as it
        always can for connected lots; up to six where lots with exclaves need them. Should six
        not do either, as few neighbours as possible share one.

    Notes
    -----
    The same graph gives the same colours: CP-SAT runs on one worker with a fixed seed and a
    limit in deterministic time.

    Examples
    --------
    >>> colours = colour_lots(nx.complete_graph(["A", "B", "C", "D"]))
    >>> len(set(colours.values()))
    4
    """
    lots = sorted(neighbours.nodes, key=natural)
    pairs = [
        (a, b) for i, a in enumerate(lots) for b in lots[i + 1 :] if neighbours.has_edge(a, b)
    ]
    kept = {k: v for k, v in (previous or {}).items() if k in neighbours}
    for size, strict in ((4, True), (6, True), (6, False)):
        chosen = _solve(lots, pairs, kept, PALETTE[:size], strict=strict)
        if chosen:
            break
    return chosen


def _solve(
    lots: list[str],
    pairs: list[tuple[str, str]],
    previous: dict[str, str],
    palette: tuple[str, ...],
    *,
    strict: bool,
) -> dict[str, str]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    has = {(lot, c): model.new_bool_var("") for lot in lots for c in palette}
    for lot in lots:
        model.add_exactly_one(has[lot, c] for c in palette)
    clashes = []
    for a, b in pairs:
        # A clash costs more than any number of colours kept.
        free = [] if strict else [model.new_bool_var("")]
        clashes += free
        for c in palette:
            model.add_bool_or(~has[a, c], ~has[b, c], *free)
    keep = [has[lot, c] for lot, c in previous.items() if c in palette]
    if keep or clashes:
        model.maximize(sum(keep) - (len(lots) + 1) * sum(clashes))
    elif lots:
        model.add(has[lots[0], palette[0]] == 1)
    solver = cp_model.CpSolver()
    # Else it takes Ctrl-C for itself, and leaves it to kill the program without a word.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = 5.0
    if solver.solve(model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return {}
    return {
        lot: next(c for c in palette if solver.boolean_value(has[lot, c])) for lot in lots
    }
