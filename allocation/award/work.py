"""Who does the work of an award: bids of several providers counted through to their members."""

from __future__ import annotations

import pandas as pd

__all__ = ["by_member"]


def by_member(hours: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Share the hours of leads and consortia out to those who do them.

    Parameters
    ----------
    hours
        Columns ``lot``, ``provider_id`` and ``weekly_hours``, or the first two as index; further
        columns are figures that are shared out alike (``people``) or kept (``rate_gbp``).
    members
        ``provider_id``, ``member_id``, ``share_pct`` (per cent of the hours; adds up to 100 for each
        provider). A provider without rows does its work by itself.

    Returns
    -------
    pandas.DataFrame
        One row a lot, bidder and member: ``lot``, ``provider_id`` (the bidder), ``member_id``,
        ``weekly_hours``, and the other columns. Lots and bidders keep their order.

    Examples
    --------
    >>> hours = pd.DataFrame({"lot": ["1"], "provider_id": ["C"], "weekly_hours": [200.0]})
    >>> members = pd.DataFrame({"provider_id": ["C", "C"], "member_id": ["X", "Y"],
    ...                         "share_pct": [60.0, 40.0]})
    >>> by_member(hours, members)[["member_id", "weekly_hours"]].values.tolist()
    [['X', 120.0], ['Y', 80.0]]
    """
    flat = hours.reset_index() if "lot" not in hours.columns else hours
    joined = flat.merge(members[["provider_id", "member_id", "share_pct"]], on="provider_id", how="left")
    alone = joined["member_id"].isna()
    joined["member_id"] = joined["member_id"].where(~alone, joined["provider_id"])
    share = joined.pop("share_pct").where(~alone, 100.0).astype(float) / 100
    for name in ("weekly_hours", "people"):
        if name in joined:
            joined[name] = joined[name].astype(float) * share
    first = ["lot", "provider_id", "member_id", "weekly_hours"]
    return joined[[*first, *(c for c in joined.columns if c not in {*first, "index"})]]
