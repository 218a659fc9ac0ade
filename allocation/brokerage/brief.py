"""The brokerage brief, ``broker.toml``: the files, the council's order, and when to look twice.

The models *are* the reference: every key, its unit, its default. An unknown key is refused, so that
a misspelt switch never passes for its default.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from lotting.settings import Table, read_settings

__all__ = [
    "BlocksBrief", "BrokerBrief", "Criterion", "FileBrief", "OrderBrief", "PlacesBrief", "ReviewBrief",
    "Rule", "TodayBrief", "load_broker",
]  # fmt: skip

#: The councils' orders; see :mod:`allocation.brokerage.orders`.
Rule = Literal["tiers", "cost_and_share", "quality_and_cost", "lot", "blocks"]
#: What points are given for.
Criterion = Literal["cost", "quality", "share", "travel"]

WEIGHTS: dict[Rule, dict[Criterion, float]] = {
    "tiers": {"cost": 100.0},
    "cost_and_share": {"cost": 90.0, "share": 10.0},
    "quality_and_cost": {"quality": 50.0, "cost": 50.0},
    "lot": {"cost": 100.0},
    "blocks": {"cost": 100.0},
}


class FileBrief(Table):
    """``[providers]``, ``[awards]``, ``[reserves]``, ``[contracts]``, ``[blocked]``, ``[rounds]``: a file."""

    file: Path = Field(description="CSV or Excel.")
    sheet: str | None = Field(None, description="Worksheet of a workbook; the first when left out.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Our name of a column = the name it has in the file.")
    day_first: bool = Field(default=True, description="Whether 03/04/2026 is 3 April.")


class TodayBrief(FileBrief):
    """``[today]``: the packages that run, and who gives them."""

    as_of: dt.date = Field(
        description="Day of the export. What was placed to start later counts besides.")


class PlacesBrief(Table):
    """``[places]``: where postcodes and areas are."""

    postcodes: Path | None = Field(None, description="Postcode directory (NSPL, ONSPD) or an extract.")
    lots: Path | None = Field(None, description="A plan: area_code,lot.")
    project: Path | None = Field(None, description="The lotting brief, for a map of what is hard to source.")

    @model_validator(mode="after")
    def _a_map_needs_lots(self) -> Self:
        if self.project is not None and self.lots is None:
            raise ValueError("a map needs the lots of the areas: give lots, a plan, beside project")
        return self


class OrderBrief(Table):
    """``[order]``: who is asked first."""

    rule: Rule = Field(description="The council's order.")
    weights: dict[Criterion, float] = Field(
        default_factory=dict,
        description="Points of 100 for cost, quality, market share and travel; the rule's own when left out.")
    share_favours: Literal["small", "large"] = Field(
        "small", description="Whether a small or a large share of the market earns points. An assumption.")
    fair_price_gbp: float | None = Field(
        None, gt=0, description="Fair price of an hour; at or below it comes first within a tier.")
    fair_price_tiers: tuple[int, ...] = Field(
        (2, 3), description="Tiers in which the fair price comes first.")
    block_tier: int = Field(1, ge=1, description="Tier of block and innovation contracts (Part B).")
    usual_tier: int = Field(2, ge=1, description="Tier of a provider of Part A for which none is given.")
    off_framework: bool = Field(
        default=True, description="Whether providers off the framework are asked, after everybody else.")
    pick: Literal["share", "position"] = Field(
        "share",
        description="Of a lot's providers: the one furthest below its share, or by their position.")
    spot: bool | None = Field(
        None, description="Whether spot (or DPS) comes last; by the rule and the files when left out.")
    continuity: Literal["first", "tie", "off"] = Field(
        "first", description="The person's present provider: before all others, at equal points, or never.")
    ties: tuple[Literal["travel", "capacity"], ...] = Field(
        (), description="What decides between equal points; then the provider's id.")
    travel_zero_km: float = Field(
        20.0, gt=0, description="Added travel that earns no points for travel.")
    detour: float = Field(
        1.35, ge=1, le=3, description="Road km for each km in a straight line (as in [travel] of lotting).")
    max_km: float | None = Field(None, gt=0, description="Further than this a provider is not asked.")
    min_quality: float | None = Field(None, ge=0, le=100, description="Below it a provider is not asked.")
    max_rate_gbp: float | None = Field(None, gt=0, description="Above it a rate is not accepted.")
    hold_to_award: bool = Field(
        default=True, description="Whether a lot's award is a limit of hours, with the tolerance.")
    tolerance_pct: float = Field(
        10.0, ge=0, le=100, description="Hours of an award that may be exceeded.")
    after_handback_days: int = Field(
        28, ge=0, description="A provider that handed a package back is not asked again for so long.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.weights:
            wrong = [k for k, w in self.weights.items() if w < 0]
            if wrong:
                raise ValueError(f"weights must not be negative: {', '.join(wrong)}")
            total = sum(self.weights.values())
            if abs(total - 100) > 1e-6:
                raise ValueError(f"weights must add up to 100, not {total:g}")
        return self

    def points(self) -> dict[Criterion, float]:
        """Return the weights in use."""
        return dict(self.weights) or WEIGHTS[self.rule]

    def tie_order(self) -> tuple[str, ...]:
        """Return what decides ties: Hampshire asks for carers' availability next."""
        if self.ties:
            return self.ties
        return ("capacity", "travel") if self.rule == "cost_and_share" else ("travel", "capacity")


class ReviewBrief(Table):
    """``[review]``: packages that grew, and plans that run long."""

    growth_hours: float = Field(5.0, gt=0, description="Growth, in hours a week, that asks for a review.")
    plan_weeks: int = Field(12, gt=0, description="Weeks of a plan.")
    most_weeks: int = Field(26, gt=0, description="Weeks that no plan may exceed.")


class BlocksBrief(Table):
    """``[blocks]``: which spot packages would become blocks."""

    min_provider_hours: float = Field(
        200.0, ge=0, description="Spot hours a week that a provider must give today. An assumption.")
    min_quality: float = Field(70.0, ge=0, le=100, description="Quality it must have. An assumption.")
    block_hours: float = Field(25.0, gt=0, description="Blocks come in multiples of this.")
    min_block_hours: float = Field(50.0, ge=0, description="Least hours of a block.")
    discount_pct: float = Field(
        5.0, ge=0, lt=100, description="A block's rate below the provider's spot rate. An assumption.")
    keep_spot_pct: float = Field(30.0, ge=0, le=100, description="Spot hours of each area that stay spot.")
    max_share_pct: float = Field(
        40.0, gt=0, le=100, description="Most of all spot hours that one provider may hold in blocks.")


class BrokerBrief(Table):
    """A whole brokerage brief. Paths are absolute once it is loaded from a file."""

    order: OrderBrief
    providers: FileBrief
    today: TodayBrief | None = None
    awards: FileBrief | None = None
    reserves: FileBrief | None = None
    contracts: FileBrief | None = None
    blocked: FileBrief | None = None
    rounds: FileBrief | None = None
    places: PlacesBrief = Field(default_factory=PlacesBrief)
    review: ReviewBrief = Field(default_factory=ReviewBrief)
    blocks: BlocksBrief = Field(default_factory=BlocksBrief)

    def files(self) -> list[Path]:
        """Return the tables that are read."""
        tables = (self.providers, self.today, self.awards, self.reserves, self.contracts, self.blocked,
                  self.rounds)  # fmt: skip
        return [t.file for t in tables if t is not None]

    @model_validator(mode="after")
    def _what_the_rule_needs(self) -> Self:
        if self.order.rule == "lot" and self.awards is None:
            raise ValueError("the rule lot needs [awards]: which provider has which lot")
        if self.order.rule == "blocks" and self.contracts is None:
            raise ValueError("the rule blocks needs [contracts]: the block contracts")
        return self


def load_broker(path: str | Path) -> tuple[BrokerBrief, Path]:
    """Read a brokerage brief and make its paths absolute.

    Parameters
    ----------
    path
        The TOML file, or the folder that holds it as ``broker.toml``. Paths inside are relative to
        the file's folder.

    Returns
    -------
    brief, path
        The brief, and the TOML file itself.

    Raises
    ------
    InputError
        With one problem for each unknown key, wrong value or missing file.
    """
    path = Path(path)
    if path.is_dir():
        path /= "broker.toml"
    return read_settings(path, BrokerBrief, absent="Check the path."), path
