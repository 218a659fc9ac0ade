"""The rounds that providers drive already, as legs between stops: where a new visit could go in between."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lotting.errors import Problems

from .brief import FileBrief
from .places import Places
from .reading import read_sheet

__all__ = ["LEG_COLUMNS", "legs_of", "read_stops"]

STOPS: dict[str, tuple[str, ...]] = {
    "round_id": ("roundid", "round", "shiftid", "shift", "run"),
    "position": ("order", "position", "stop", "sequence"),
    "package_id": ("packageid", "package"),
    "provider_id": ("providerid", "provider"),
    "postcode": ("postcode",),
    "x_m": ("xm", "x", "easting"),
    "y_m": ("ym", "y", "northing"),
}
LEG_COLUMNS = ("provider_id", "from_x_m", "from_y_m", "to_x_m", "to_y_m")


def read_stops(
    brief: FileBrief, today: pd.DataFrame, provider_ids: list[str], places: Places, problems: Problems
) -> tuple[pd.DataFrame, int]:
    """Read stops of rounds; ``rounds.csv`` of ``allocation rounds`` is such a file.

    Parameters
    ----------
    brief
        The file.
    today
        Packages that run: a stop that says its package has that one's provider and place.
    provider_ids
        Providers that are known.
    places
        Where postcodes are.
    problems
        Where wrong cells are noted.

    Returns
    -------
    stops, left_out
        ``round_id``, ``position``, ``provider_id``, ``x_m``, ``y_m`` (EPSG:27700), and how many stops are
        left out because their provider or their place is not known.
    """
    sheet = read_sheet(brief, STOPS, ["round_id", "position"], "rounds", problems)
    if sheet is None:
        return pd.DataFrame(columns=["round_id", "position", "provider_id", "x_m", "y_m"]), 0
    frame = pd.DataFrame({
        "round_id": sheet.text("round_id"), "position": sheet.number("position", required=True),
        "provider_id": sheet.text("provider_id"), "package_id": sheet.text("package_id"),
        "x_m": sheet.number("x_m"), "y_m": sheet.number("y_m"),
    })  # fmt: skip
    sheet.note(~frame["provider_id"].isin(["", *provider_ids]), "provider_id", "not a provider that is known",
               "Add it to the table of providers.")
    frame[["x_m", "y_m"]] = places.base(frame.assign(postcode=sheet.text("postcode")))
    own = today.drop_duplicates("package_id").set_index("package_id")
    package = frame["package_id"]
    frame["provider_id"] = frame["provider_id"].mask(
        frame["provider_id"] == "", package.map(own["provider_id"]).fillna(""))
    for name in ("x_m", "y_m"):
        frame[name] = frame[name].fillna(package.map(own[name]))
    known = (frame["provider_id"] != "") & frame["x_m"].notna() & frame["y_m"].notna()
    columns = ["round_id", "position", "provider_id", "x_m", "y_m"]
    return frame.loc[known, columns].reset_index(drop=True), int((~known).sum())


def legs_of(stops: pd.DataFrame, providers: pd.DataFrame) -> pd.DataFrame:
    """Return the legs of rounds, those from and to the base among them where it is known.

    Parameters
    ----------
    stops
        As :func:`read_stops` gives them. A round of several providers is one round of each.
    providers
        Index ``provider_id``; ``x_m``, ``y_m`` of the base.

    Returns
    -------
    pandas.DataFrame
        :data:`LEG_COLUMNS`, EPSG:27700.

    Examples
    --------
    >>> stops = pd.DataFrame({"round_id": "R", "position": [2, 1], "provider_id": "A", "x_m": [5.0, 1.0],
    ...                       "y_m": 0.0})
    >>> bases = pd.DataFrame({"x_m": [0.0], "y_m": [0.0]}, index=["A"])
    >>> legs_of(stops, bases)[["from_x_m", "to_x_m"]].to_numpy().tolist()
    [[0.0, 1.0], [1.0, 5.0], [5.0, 0.0]]
    """
    rows = []
    ordered = stops.sort_values(["round_id", "provider_id", "position"], kind="stable")
    for key, own in ordered.groupby(["round_id", "provider_id"], sort=False):
        provider = key[1]
        base = providers.loc[[provider], ["x_m", "y_m"]].to_numpy(float)
        way = own[["x_m", "y_m"]].to_numpy(float)
        if np.isfinite(base).all():
            way = np.vstack([base, way, base])
        rows += [(provider, *a, *b) for a, b in zip(way[:-1].tolist(), way[1:].tolist(), strict=True)]
    return pd.DataFrame(rows, columns=list(LEG_COLUMNS))
