"""Everything there is to say of the market of one council, exact: for use inside."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .concentration import UNDER_HOURS, Caps, Concentration, concentration, over_caps, provider_bands
from .growth import provider_growth, since_day, years
from .read import NO_PROVIDER, NOT_ON_MAP, MarketPackages, account
from .shares import SMALL_HOURS, package_sizes, provider_shares, shares_by, shares_within

__all__ = ["MarketFacts", "measure_market"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MarketFacts:
    """The market, exact: small figures tell of few people, so this stays inside.

    Attributes
    ----------
    account
        Where every hour went (:func:`allocation.market.read.account`).
    providers
        :func:`allocation.market.shares.provider_shares`.
    concentration, bands
        Of weekly hours; ``bands`` as :func:`allocation.market.concentration.provider_bands`.
    spend
        Of weekly cost; None where no cost is known.
    by, within
        By ``locality``, ``payer`` and, where known, ``team``:
        :func:`~allocation.market.shares.shares_by` and :func:`~allocation.market.shares.shares_within`.
    sizes
        :func:`allocation.market.shares.package_sizes` by payer.
    over
        Who is over a limit (:func:`allocation.market.concentration.over_caps`).
    too_many
        Providers beyond the limit on how many there may be; 0 where there is none.
    since
        The day the growth is from; None when the file tells of no earlier day.
    growth
        :func:`allocation.market.growth.provider_growth`; None as ``since``.
    years
        By dimension as ``by``, and ``provider_id``: :func:`allocation.market.growth.years`.
    caps
        The limits.
    small_hours
        What a small package is.
    """

    account: pd.DataFrame
    providers: pd.DataFrame
    concentration: Concentration
    bands: pd.DataFrame
    spend: Concentration | None
    by: dict[str, pd.DataFrame]
    within: dict[str, pd.DataFrame]
    sizes: pd.DataFrame
    over: pd.DataFrame
    too_many: int
    since: pd.Timestamp | None
    growth: pd.DataFrame | None
    years: dict[str, pd.DataFrame]
    caps: Caps
    small_hours: float

    def __repr__(self) -> str:
        return f"MarketFacts({len(self.providers)} providers)"


def measure_market(
    packages: MarketPackages, *, caps: Caps | None = None, capacity: pd.Series[float] | None = None,
    under_hours: float = UNDER_HOURS, small_hours: float = SMALL_HOURS,
    since: pd.Timestamp | None = None,
) -> MarketFacts:  # fmt: skip
    """Measure the market.

    Parameters
    ----------
    packages
        As :func:`allocation.market.read.read_market_packages` gives them.
    caps
        Limits on what a provider may hold.
    capacity
        Most weekly hours by provider, as providers say.
    under_hours
        Providers with fewer weekly hours are counted apart.
    small_hours
        Packages with fewer weekly hours are small.
    since
        Day the growth is from; a year before, or as far back as the file tells, when left out.

    Returns
    -------
    MarketFacts
    """
    limits = caps or Caps()
    counted = packages.counted
    providers = provider_shares(counted, small_hours=small_hours)
    dimensions = ["locality", "payer", *(["team"] if packages.teams_known else [])]
    within = {by: shares_within(counted, by) for by in dimensions}
    cost = providers["weekly_cost_gbp"].dropna()
    start = since or since_day(packages)
    allowed = limits.max_providers
    return MarketFacts(
        account=account(packages), providers=providers,
        concentration=concentration(providers["hours"], under_hours=under_hours),
        bands=provider_bands(providers["hours"]),
        spend=concentration(cost) if packages.costs_known else None,
        by={by: shares_by(counted, by, small_hours=small_hours) for by in dimensions}, within=within,
        sizes=package_sizes(counted),
        over=over_caps(
            providers["hours"], limits, capacity=capacity,
            within=within["locality"][
                (within["locality"]["provider_id"] != NO_PROVIDER)
                & (within["locality"]["locality"] != NOT_ON_MAP)],
        ),
        too_many=0 if allowed is None else max(0, len(providers) - allowed),
        since=start, growth=None if start is None else provider_growth(packages, start),
        years={by: years(packages, by) for by in (*dimensions, "provider_id")},
        caps=limits, small_hours=small_hours,
    )  # fmt: skip
