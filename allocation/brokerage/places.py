"""Where a package is: its point on the grid, its lot, and the area it is counted under."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lotting.postcodes import normalise, read_postcodes
from lotting.tables import read_assignment

from .brief import PlacesBrief

__all__ = ["Places", "read_places"]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What is known of places.

    Attributes
    ----------
    brief
        ``[places]``.
    lots
        Lot by area code; empty where there is no plan.
    """

    brief: PlacesBrief = field(default_factory=PlacesBrief)
    lots: pd.Series[str] = field(default_factory=lambda: pd.Series(dtype="str"))

    def fill(self, found: pd.DataFrame) -> pd.DataFrame:
        """Fill in points, lots and areas from postcodes and area codes.

        Parameters
        ----------
        found
            ``lot``, ``area``, ``area_code``, ``postcode`` (str, ``""`` where not given), ``x_m``, ``y_m``
            (EPSG:27700, NaN where not given).

        Returns
        -------
        pandas.DataFrame
            ``lot``, ``area``, ``x_m``, ``y_m``, same index. An area that is not given is the lot, or else
            the area's code, or else the postcode's district.
        """
        found = found.copy()
        wanted = set(found.loc[found["x_m"].isna() | (found["area_code"] == ""), "postcode"]) - {""}
        if self.brief.postcodes is not None and wanted:
            known = read_postcodes(self.brief.postcodes, wanted, area_codes=self.lots.index).frame
            for name in ("x_m", "y_m"):
                found[name] = found[name].fillna(found["postcode"].map(known[name]))
            code = found["postcode"].map(known["area_code"]).fillna("")
            found["area_code"] = found["area_code"].mask(found["area_code"] == "", code)
        lot = found["area_code"].map(self.lots).astype("object").fillna("").astype("str")
        found["lot"] = found["lot"].mask(found["lot"] == "", lot)
        district = found["postcode"].str.slice(0, -3)
        for other in (found["lot"], found["area_code"], district):
            found["area"] = found["area"].mask(found["area"] == "", other)
        return found[["lot", "area", "x_m", "y_m"]]

    def base(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the points of providers' bases.

        Parameters
        ----------
        frame
            ``postcode``, ``x_m``, ``y_m``.
        """
        blank = pd.Series("", index=frame.index, dtype="str")
        return self.fill(frame.assign(
            postcode=normalise(frame["postcode"]), lot=blank, area=blank, area_code=blank))[["x_m", "y_m"]]


def read_places(brief: PlacesBrief) -> Places:
    """Read the plan, if there is one; postcodes are looked up when they are asked for."""
    if brief.lots is None:
        return Places(brief)
    return Places(brief, read_assignment(brief.lots))
