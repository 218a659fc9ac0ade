"""Points for price and quality.

A contract goes to the most advantageous tender (Procurement Act 2023 s.19). The authority must describe how
tenders are assessed and weight or rank the criteria (s.23(3),
https://legislation.gov.uk/ukpga/2023/54/section/23/enacted, found); before, the relative weighting had to
be specified (Public Contracts Regulations 2015 reg 67(9)-(10), recalled). The formula is left to the
authority: what it stated is what is used.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .brief import Tender

__all__ = ["price_points", "score_offers"]

DECIMALS = 6


def score_offers(offers: pd.DataFrame, tender: Tender) -> pd.DataFrame:
    """Score every offer.

    Parameters
    ----------
    offers
        With ``lot`` (str), ``rate_gbp`` (float, above 0) and ``quality`` (float, 0-100). All offers
        of a lot compete with each other, those of packages too.
    tender
        Weights and price formula.

    Returns
    -------
    pandas.DataFrame
        A copy with ``price_points`` (see :func:`price_points`), ``quality_points`` (weight of quality
        x quality / 100) and ``score`` (their sum, 0-100), each to 6 decimals.

    Examples
    --------
    >>> from allocation.tender.brief import PriceBrief, QualityBrief
    >>> tender = Tender(price=PriceBrief(weight=40), quality=QualityBrief(weight=60))
    >>> offers = pd.DataFrame({"lot": ["1", "1"], "rate_gbp": [20.0, 25.0], "quality": [50.0, 80.0]})
    >>> score_offers(offers, tender)[["price_points", "quality_points", "score"]].values.tolist()
    [[40.0, 30.0, 70.0], [32.0, 48.0, 80.0]]
    """
    scored = offers.copy()
    scored["price_points"] = price_points(offers, tender)
    scored["quality_points"] = (tender.quality.weight * offers["quality"] / 100).round(DECIMALS)
    scored["score"] = (scored["price_points"] + scored["quality_points"]).round(DECIMALS)
    return scored


def price_points(offers: pd.DataFrame, tender: Tender) -> pd.Series[float]:
    r"""Points for the hourly rate by the tender's formula, from 0 to the weight of price.

    With weight :math:`w`, rate :math:`r`, and :math:`r_0` the lowest rate offered for that lot:

    ``lowest_over_this``
        :math:`w r_0 / r`. "Divide the cheapest quote by each supplier's quote": quotes of 15,000,
        10,000 and 30,000 score 0.667, 1 and 0.333 (Crown Commercial Service, Digital Marketplace,
        quoted at https://www.shma.co.uk/our-thoughts/evaluating-price-in-tenders-new-guidance-on-new-practices/,
        found); prices of 100,000, 125,000 and 150,000 earn 35, 28 and 23.3 of 35 points
        (https://rcuh.com/?p=12750, found).
    ``points_per_pound``
        :math:`\max(0, w - k (r - r_0))` with :math:`k` points for every pound above the lowest.
    ``between_rates``
        :math:`w (u - r) / (u - l)` between the lower rate :math:`l` (full points) and the upper
        :math:`u` (none), whatever others offer. Leicestershire set an upper and a lower rate; that
        points fall evenly between them is an assumption.

    Parameters
    ----------
    offers, tender
        As for :func:`score_offers`.

    Returns
    -------
    pandas.Series
        float64 on the offers' index, to 6 decimals.
    """
    price, rate = tender.price, offers["rate_gbp"].astype("float64")
    if price.formula == "between_rates":
        assert price.lower_rate_gbp is not None
        assert price.upper_rate_gbp is not None
        part = (price.upper_rate_gbp - rate) / (price.upper_rate_gbp - price.lower_rate_gbp)
        points = price.weight * part.clip(0, 1)
    else:
        lowest = rate.groupby(offers["lot"]).transform("min")
        if price.formula == "lowest_over_this":
            points = price.weight * lowest / rate
        else:
            assert price.points_per_pound is not None
            points = (price.weight - price.points_per_pound * (rate - lowest)).clip(lower=0)
    return pd.Series(np.round(points.to_numpy(), DECIMALS), index=offers.index, name="price_points")
