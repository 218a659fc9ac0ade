"""Which lots may be shown: disclosure control of a table by lot beside one by today's zones."""

from __future__ import annotations

import pandas as pd

from lotting.brief import PublishBrief
from lotting.plan import Plan
from lotting.report.disclosure import CONFIDENTIAL, control_counts

__all__ = ["NOTE", "publishable", "withheld"]

NOTE = (
    f"{CONFIDENTIAL}: withheld, because it could tell of a few people. Packages and visits are rounded, "
    "hours are whole."
)


def withheld(
    packages: pd.DataFrame, plans: dict[str, Plan], settings: PublishBrief
) -> dict[str, set[str]]:
    """Say which lots must not be shown, for every plan.

    Parameters
    ----------
    packages
        One row a package that has visits: ``area_code``.
    plans
        At most two, by name, published side by side: where a lot and a zone differ by a few
        packages, one of the two goes, for who subtracts one from the other would see those few.
    settings
        ``[publish]``.

    Returns
    -------
    dict
        By name of the plan, the lots to withhold; ``All lots`` among them where the sum must go.
    """
    names = list(plans)
    if not settings.disclosure_control:
        return {name: set() for name in names}
    cells = pd.DataFrame({name: packages["area_code"].map(plan.lots) for name, plan in plans.items()})
    frame = cells.dropna().value_counts(sort=False).rename("packages").reset_index()
    across = names[1] if len(names) > 1 else None
    # The cells themselves are not published. A small one that follows from what a lot and a zone
    # have apart is protected by withholding one of their sums.
    done = control_counts(
        frame, columns=["packages"], groups=[names[0]], across=across,
        threshold=settings.threshold, rounding=1,
    )
    gone = {
        name: set(done.totals[name].suppressed.index[done.totals[name].suppressed["packages"]])
        for name in names
    }
    if done.totals["all"].suppressed["packages"].any():
        gone = {name: {*lots, "All lots"} for name, lots in gone.items()}
    return gone


def publishable(
    figures: pd.DataFrame, gone: set[str], settings: PublishBrief
) -> pd.DataFrame:
    """Return figures of lots as they may be shown.

    Parameters
    ----------
    figures
        As :data:`allocation.travel.figures.FIGURES`, index ``lot``.
    gone
        Lots to withhold.
    settings
        ``[publish]``.

    Returns
    -------
    pandas.DataFrame
        The same columns and a column ``withheld`` (bool); NaN where withheld.
    """
    table = figures.astype(float)
    if settings.disclosure_control:
        base = settings.rounding
        for column in ("packages", "visits"):
            table[column] = (table[column] / base).round() * base
        for column in ("contact_hours", "km", "co2e_kg", "unserved_hours"):
            table[column] = table[column].round()
    hide = table.index.isin(list(gone))
    table = table.mask(pd.Series(hide, index=table.index), axis=0)
    table["withheld"] = hide
    return table
