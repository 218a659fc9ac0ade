"""A toy county for tests: squares of 1 km in rows, with care in each."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
from shapely.geometry import box

from lotting.demand import Demand


def toy_areas(rows: int, columns: int, localities: Sequence[str] = ()) -> gpd.GeoDataFrame:
    """Squares named a00, a01, ... row by row; care is given in the middle of each."""
    codes = [f"a{i:02d}" for i in range(rows * columns)]
    x = [i % columns for i in range(rows * columns)]
    y = [i // columns for i in range(rows * columns)]
    areas = gpd.GeoDataFrame(
        {
            "area_name": pd.array([f"Square {i}" for i in range(len(codes))], dtype="str"),
            "locality": pd.array(list(localities) or [""] * len(codes), dtype="str"),
            "rural": [j == 0 for j in x],
            "population": 1000.0,
            "x_m": [1000.0 * i + 500 for i in x],
            "y_m": [1000.0 * j + 500 for j in y],
        },
        geometry=[box(1000 * i, 1000 * j, 1000 * i + 1000, 1000 * j + 1000)
                  for i, j in zip(x, y, strict=True)],
        index=pd.Index(codes, name="area_code", dtype="str"), crs="EPSG:27700",
    )
    areas.attrs["rural_known"] = True
    return areas


def toy_graph(rows: int, columns: int) -> nx.Graph[str]:
    """Squares with a side in common are neighbours."""
    graph: nx.Graph[str] = nx.Graph()
    codes = np.array([f"a{i:02d}" for i in range(rows * columns)]).reshape(rows, columns)
    graph.add_nodes_from(codes.ravel().tolist())
    for i in range(rows):
        for j in range(columns):
            if j + 1 < columns:
                graph.add_edge(str(codes[i, j]), str(codes[i, j + 1]), shared_m=1000.0,
                               kind="border")
            if i + 1 < rows:
                graph.add_edge(str(codes[i, j]), str(codes[i + 1, j]), shared_m=1000.0,
                               kind="border")
    return graph


def toy_demand(
    areas: gpd.GeoDataFrame,
    hours: Sequence[float],
    people: Sequence[int] | None = None,
    *,
    payers: Sequence[str] = (),
) -> Demand:
    """Care by area; payers, where given, take the areas in turn."""
    counts = [0] * len(areas) if people is None else list(people)
    frame = pd.DataFrame(
        {"weekly_hours": [float(h) for h in hours], "people": counts, "packages": counts},
        index=areas.index,
    )
    n = len(areas)
    detail = frame.reset_index().assign(
        payer=[payers[i % len(payers)] for i in range(n)] if payers else [""] * n, pathway="",
    )
    return Demand(
        service="all", frame=frame, detail=detail,
        people_known=people is not None, packages_known=people is not None,
    )
