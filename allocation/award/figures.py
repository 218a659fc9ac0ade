"""What an award comes to: cost, quality, providers, people moved, cover. One figure each."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from allocation.tender.load import Case

from .award import Award
from .resilience import Resilience, find_resilience
from .transfers import HOURS_PER_WORKER, Transfers, find_transfers
from .trips import trips_between
from .work import by_member

__all__ = ["Figures", "figures_of", "resilience_of", "transfers_of"]


@dataclass(frozen=True, slots=True)
class Figures:
    """An award in figures; means are weighted by hours, NaN where there is nothing to say.

    Attributes
    ----------
    weekly_cost_gbp, annual_cost_gbp, mean_rate_gbp
        Of all lots; a year has the tender's ``weeks_a_year``.
    mean_quality, mean_score
        0 to 100.
    providers
        Bidders that win anything.
    new_entrants
        Of them, those that the providers' table calls new.
    largest_share_pct
        Of all awarded hours, the most of one firm through all bids it is part of.
    moved_hours, moved_pct, moved_people
        Today's work that changes provider; % of today's.
    least_cover_pct, most_left_hours
        Of the worst failure of one firm.
    """

    weekly_cost_gbp: float
    annual_cost_gbp: float
    mean_rate_gbp: float
    mean_quality: float
    mean_score: float
    providers: int
    new_entrants: int
    largest_share_pct: float
    moved_hours: float
    moved_pct: float
    moved_people: float
    least_cover_pct: float
    most_left_hours: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def transfers_of(case: Case, frame: pd.DataFrame, *, hours_per_worker: float = HOURS_PER_WORKER) -> Transfers:
    """Set an award's frame against today's work; see :func:`find_transfers`."""
    return find_transfers(
        frame[["weekly_hours"]],
        case.incumbents,
        case.providers.members,
        case.lots.frame,
        hours_per_worker=hours_per_worker,
    )


def resilience_of(
    case: Case, award: Award, *, pairs: bool = False, hours_per_worker: float = HOURS_PER_WORKER
) -> Resilience:
    """Let the winners fail; see :func:`find_resilience`."""
    placed = case.lots.frame["x_m"].notna().any()
    return find_resilience(
        award.frame,
        case.providers.members,
        case.lots.graph,
        spare_pct=case.tender.rules.spare_pct,
        offers=case.bids.offers,
        reserves=award.reserves,
        pairs=pairs,
        trips=trips_between(case.lots, hours_per_worker=hours_per_worker) if placed else None,
    )


def figures_of(case: Case, award: Award) -> Figures:
    """Return an award in figures.

    Parameters
    ----------
    case
        What it was made from: rules and scores as they were.
    award
        The award.
    """
    frame = award.frame
    hours = frame["weekly_hours"]
    whole = float(hours.sum())
    cost = float(frame["weekly_cost_gbp"].sum())
    offers = case.bids.offers.set_index(["bid_id", "lot"])["quality"]
    keys = zip(frame["bid_id"], frame.index.get_level_values("lot"), strict=True)
    quality = offers.loc[list(keys)].to_numpy(float)
    firms = by_member(frame[["weekly_hours"]], case.providers.members)
    largest = float(firms.groupby("member_id")["weekly_hours"].sum().max())
    moved = transfers_of(case, frame)
    today = float(moved.lots["today_hours"].sum())
    failing = resilience_of(case, award)
    winners = frame.index.get_level_values("provider_id").unique()
    return Figures(
        weekly_cost_gbp=cost,
        annual_cost_gbp=cost * case.tender.run.weeks_a_year,
        mean_rate_gbp=cost / whole,
        mean_quality=float((quality * hours.to_numpy(float)).sum()) / whole,
        mean_score=float((frame["score"] * hours).sum()) / whole,
        providers=len(winners),
        new_entrants=int(case.providers.frame["new_entrant"].reindex(winners).sum()),
        largest_share_pct=100 * largest / whole,
        moved_hours=moved.moved_hours,
        moved_pct=100 * moved.moved_hours / today if today else float("nan"),
        moved_people=moved.moved_people,
        least_cover_pct=failing.least_cover_pct,
        most_left_hours=failing.most_left_hours,
    )
