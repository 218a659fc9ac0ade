"""A small map to draw: a board of squares, 1 km wide, cut into lots."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import networkx as nx
import pandas as pd
import shapely

from lotting.plan import Plan
from lotting.report.content import LotLimits, MapContent

EDGE_M = 1000.0
WEST, SOUTH = 450_000.0, 300_000.0


def board(columns: int, rows: int) -> gpd.GeoDataFrame:
    """Squares named a00, a01, ... by column, then row; the left half is rural."""
    cells = [(x, y) for x in range(columns) for y in range(rows)]
    areas = gpd.GeoDataFrame(
        {
            "area_name": [f"Square {x}-{y}" for x, y in cells],
            "locality": ["West" if x < columns / 2 else "East" for x, _ in cells],
            "rural": [x < columns / 2 for x, _ in cells],
        },
        index=pd.Index([f"a{x}{y}" for x, y in cells], name="area_code"),
        geometry=[
            shapely.box(WEST + x * EDGE_M, SOUTH + y * EDGE_M,
                        WEST + (x + 1) * EDGE_M, SOUTH + (y + 1) * EDGE_M)
            for x, y in cells
        ],
        crs=27700,
    )
    areas.attrs["rural_known"] = True
    return areas


def board_graph(columns: int, rows: int) -> nx.Graph:
    grid = nx.grid_2d_graph(columns, rows)
    graph = nx.relabel_nodes(grid, {(x, y): f"a{x}{y}" for x, y in grid})
    nx.set_edge_attributes(graph, "border", "kind")
    nx.set_edge_attributes(graph, EDGE_M, "shared_m")
    return graph


def content(
    names: tuple[str, str, str, str] = ("1", "2", "3", "4"), **changes: Any
) -> MapContent:
    """Show a board of 4 x 4 in four quarters, named as given: SW, NW, SE, NE."""
    areas = board(4, 4)
    quarter = {
        code: names[2 * (int(code[1]) >= 2) + (int(code[2]) >= 2)] for code in areas.index
    }
    plan = Plan(pd.Series(quarter))
    measures = pd.DataFrame(
        {
            "locality": ["West", "West", "East", "East"],
            "weekly_hours": [100.0, 250.0, 400.0, 250.0],
            "people": ["[c]", "20", "35", "20"],
            "deviation_pct": [-60.0, 0.0, 60.0, 0.0],
            "area_km2": 4.0,
            "connected": True,
        },
        index=list(names),
    )
    facts: dict[str, Any] = {
        "title": "Toy county", "areas": areas, "plan": plan, "graph": board_graph(4, 4),
        "hours": pd.Series([float(10 * i) for i in range(16)], index=areas.index),
        "lot_measures": measures,
        "today": pd.Series(
            [f"Zone {code[2]}" for code in areas.index], index=areas.index, dtype="object"
        ),
        "limits": LotLimits(min_hours=200, max_hours=400),
        "facts": {"Largest deviation": "60.0 %", "People who move": "35"},
        "source": "Source: made up for tests.",
        "notes": "[c] stands for a count below 5.",
    }
    return MapContent(**{**facts, **changes})
