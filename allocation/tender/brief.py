"""The tender's rules: weights, price formula, shares, caps, in one TOML file.

The models *are* the reference: every key, its unit, its default. What must be stated in advance is here
and nowhere else: the criteria, their weights, and what disqualifies a tender (Procurement Act 2023
s.23(3)); the limit on lots for one supplier and an objective mechanism for who is chosen where it would be
exceeded (s.23(4); Public Contracts Regulations 2015 reg 46). Section 23:
https://legislation.gov.uk/ukpga/2023/54/section/23/enacted (found).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lotting.settings import Table, checked, read_settings

__all__ = ["LotsBrief", "MarketBrief", "PriceBrief", "QualityBrief", "RulesBrief", "RunBrief", "Tender",
           "TieRule", "load_tender"]

MarketTable = Literal["providers", "bids", "members", "incumbents"]
TieRule = Literal["quality", "price", "fewer_moved", "lot_order", "provider_id"]


def _span(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(
            isinstance(v, int) and not isinstance(v, bool) for v in value):
        if value[0] > value[1]:
            raise ValueError(f"the least number, {value[0]}, is above the most, {value[1]}")
        return tuple(value)
    raise ValueError("should be a whole number, or the least and the most, such as [1, 3]")


Span = Annotated[tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]], BeforeValidator(_span)]


class LotsBrief(Table):
    """``[lots]``: the lots and their hours, from a table or from a lotting project."""

    file: Path | None = Field(
        None, description="CSV or Excel: lot, weekly_hours; locality, people, x_m and y_m where known.")
    neighbours: Path | None = Field(
        None, description="CSV or Excel of lots that touch: lot, neighbour; either order, once is enough.")
    project: Path | None = Field(None, description="Brief of a lotting project, in place of file.")
    plan: Path | None = Field(None, description="That project's plan: area_code, lot.")
    service: str | None = Field(None, description="Service line of the project, where it has several.")
    sheet: str | None = Field(None, description="Worksheet of a workbook; the first when left out.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Our name of a column of file = the name it has there.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.project is None):
            raise ValueError("give either file, a table of lots, or project and plan, a lotting project")
        if (self.project is None) != (self.plan is None):
            raise ValueError("project and plan go together")
        if self.file is None and self.neighbours is not None:
            raise ValueError("which lots touch comes from the project: leave neighbours out")
        if self.file is None and (self.sheet is not None or self.columns):
            raise ValueError("sheet and columns are of a table of lots: leave them out")
        if self.file is not None and self.service is not None:
            raise ValueError("service is of a project: leave it out")
        return self


class MarketBrief(Table):
    """``[market]``: who bids, with what, and who does the work today."""

    providers: Path = Field(description="CSV or Excel, one row a provider.")
    bids: Path = Field(description="CSV or Excel, one row a bid and lot.")
    members: Path | None = Field(
        None, description="CSV or Excel of consortia and sub-contractors: provider_id, member_id, share_pct.")
    incumbents: Path | None = Field(
        None, description="CSV or Excel of today's work: lot, provider_id, weekly_hours, people.")
    sheets: dict[MarketTable, str] = Field(
        default_factory=dict, description="Table = worksheet of its workbook; the first when left out.")
    columns: dict[MarketTable, dict[str, str]] = Field(
        default_factory=dict, description="Table = our names of its columns = the names they have there.")

    @model_validator(mode="after")
    def _of_tables_that_are_there(self) -> Self:
        absent = sorted({n for n in (*self.sheets, *self.columns) if getattr(self, n) is None})
        if absent:
            raise ValueError(f"sheets or columns are given of {', '.join(absent)}, but no such file is named")
        return self


class PriceBrief(Table):
    """``[price]``: points for the hourly rate."""

    weight: float = Field(ge=0, le=100, description="Points of 100 for price.")
    formula: Literal["lowest_over_this", "points_per_pound", "between_rates"] = Field(
        "lowest_over_this", description="How a rate becomes points; see allocation.tender.scores.")
    points_per_pound: float | None = Field(
        None, gt=0, description="Points lost for every pound above the lowest rate of the lot.")
    lower_rate_gbp: float | None = Field(
        None, gt=0, description="Least rate; a bid below is set aside. All points with between_rates.")
    upper_rate_gbp: float | None = Field(
        None, gt=0, description="Highest rate; a bid above is set aside. No points with between_rates.")

    @model_validator(mode="after")
    def _what_the_formula_needs(self) -> Self:
        if (self.formula == "points_per_pound") != (self.points_per_pound is not None):
            raise ValueError("the formula points_per_pound and the number points_per_pound go together")
        if self.formula == "between_rates" and None in {self.lower_rate_gbp, self.upper_rate_gbp}:
            raise ValueError("the formula between_rates needs lower_rate_gbp and upper_rate_gbp")
        if (self.lower_rate_gbp is not None and self.upper_rate_gbp is not None
                and self.lower_rate_gbp >= self.upper_rate_gbp):
            raise ValueError("lower_rate_gbp must be below upper_rate_gbp")
        return self


class QualityBrief(Table):
    """``[quality]``: points for quality."""

    weight: float = Field(ge=0, le=100, description="Points of 100 for quality.")
    threshold: float = Field(
        0.0, ge=0, le=100, description="Quality, 0 to 100, below which a bid is set aside.")


class RulesBrief(Table):
    """``[rules]``: how many win, what each gets, and the caps."""

    providers_per_lot: Span = Field((1, 1), description="Winners of a lot: a number, or [least, most].")
    shares: dict[int, tuple[float, ...]] = Field(
        default_factory=dict,
        description='Number of winners = share of each in %, e.g. 2 = [70, 30]; equal where left out.')
    per_lot: dict[str, Span] = Field(
        default_factory=dict, description="Lot = its own providers_per_lot.")
    reserves: int = Field(0, ge=0, le=20, description="Reserves named for each lot.")
    max_lots: int | None = Field(None, ge=1, description="Lots a provider may win.")
    max_weekly_hours: float | None = Field(None, gt=0, description="Hours a week a provider may win.")
    max_share_pct: float | None = Field(
        None, gt=0, le=100, description="Share of the hours of all lots a provider may win.")
    max_locality_share_pct: float | None = Field(
        None, gt=0, le=100, description="Share of the hours of any locality a provider may win.")
    max_providers: int | None = Field(None, ge=1, description="Providers that win anything, in all.")
    min_weekly_hours: float = Field(
        0.0, ge=0, description="Hours a week a provider gets at least, if it wins at all.")
    respect_preferences: bool = Field(
        default=False, description="Whether a provider's order of preference binds the award.")
    failure_cover_pct: float = Field(
        0.0, ge=0, le=100,
        description="Share of a provider's hours in a lot that the others there and next door can take on.")
    spare_pct: float = Field(
        25.0, ge=0, le=500,
        description="Share of its own awarded hours a provider can take on at once. 25 is an assumption.")
    aim: Literal["score", "price"] = Field(
        "score", description="Most points, weighted by hours; or least weekly cost.")
    moved_weight: float = Field(
        0.0, ge=0, le=1000, description="Points off for every 100 % of the hours that leave an incumbent.")
    tie_rule: tuple[TieRule, ...] = Field(
        ("quality", "price", "lot_order", "provider_id"), description="What decides between equal awards.")

    @field_validator("shares")
    @classmethod
    def _shares_add_up(cls, shares: dict[int, tuple[float, ...]]) -> dict[int, tuple[float, ...]]:
        for number, parts in shares.items():
            if number < 1 or len(parts) != number:
                raise ValueError(f"{number} winners need {number} shares, not {len(parts)}")
            if min(parts) <= 0 or abs(sum(parts) - 100) > 1e-6:
                raise ValueError(f"the shares of {number} winners must be above 0 and add up to 100")
            if list(parts) != sorted(parts, reverse=True):
                raise ValueError(f"the shares of {number} winners must go from the largest down")
        return shares

    @model_validator(mode="after")
    def _least_within_most(self) -> Self:
        if self.max_weekly_hours is not None and self.min_weekly_hours > self.max_weekly_hours:
            raise ValueError(f"min_weekly_hours, {self.min_weekly_hours:g}, is above max_weekly_hours, "
                             f"{self.max_weekly_hours:g}")
        return self

    @field_validator("tie_rule")
    @classmethod
    def _each_once(cls, rule: tuple[TieRule, ...]) -> tuple[TieRule, ...]:
        if len(set(rule)) != len(rule):
            raise ValueError("name each rule once")
        return rule

    def winners(self, lot: str) -> tuple[int, int]:
        """Return the least and greatest number of winners of a lot."""
        return self.per_lot.get(lot, self.providers_per_lot)

    def shares_of(self, winners: int) -> tuple[float, ...]:
        """Return the share of each winner in %, first place first.

        Examples
        --------
        >>> rules = RulesBrief(shares={2: (70, 30)})
        >>> rules.shares_of(2), rules.shares_of(4)
        ((70.0, 30.0), (25.0, 25.0, 25.0, 25.0))
        """
        return self.shares.get(winners, (100 / winners,) * winners)


class RunBrief(Table):
    """``[run]``: how long to look, and how to look again."""

    seed: int = Field(1, ge=0, lt=2**31, description="Same seed, same files: same award.")
    time_limit_s: float = Field(60.0, gt=0, description="Seconds for the award.")
    gap_pct: float = Field(0.0, ge=0, le=100, description="Stop this near to the best that can be.")
    weeks_a_year: float = Field(52.0, gt=0, le=53, description="Weeks in a year's cost.")


class Tender(Table):
    """A whole tender. Paths are absolute once it is loaded from a file."""

    lots: LotsBrief | None = Field(None, description="Needed in a file.")
    market: MarketBrief | None = Field(None, description="Needed in a file.")
    price: PriceBrief
    quality: QualityBrief
    rules: RulesBrief = Field(default_factory=RulesBrief)
    run: RunBrief = Field(default_factory=RunBrief)

    @model_validator(mode="after")
    def _weights_add_up(self) -> Self:
        total = self.price.weight + self.quality.weight
        if abs(total - 100) > 1e-6:
            raise ValueError(
                f"the weights of price and quality add up to {total:g}, where they must add up to 100")
        return self

    def changed(self, **tables: Mapping[str, Any]) -> Tender:
        """Return the tender with some keys changed, checked again.

        Parameters
        ----------
        tables
            Table by name, each with the keys that change.

        Raises
        ------
        InputError
            One problem for each unknown key or wrong value.

        Examples
        --------
        >>> tender = Tender(price=PriceBrief(weight=40), quality=QualityBrief(weight=60))
        >>> tender.changed(rules={"max_lots": 3}).rules.max_lots
        3
        """
        raw = self.model_dump()
        for name, keys in tables.items():
            raw[name] = {**(raw.get(name) or {}), **keys}
        return checked(Tender, raw, file="the changed rules")


class _WholeTender(Tender):
    lots: LotsBrief
    market: MarketBrief


def load_tender(path: str | Path) -> Tender:
    """Read a tender's rules and make the paths absolute.

    Parameters
    ----------
    path
        The TOML file, or the folder that holds it as ``tender.toml``. Paths inside are relative to
        the file's folder.

    Raises
    ------
    InputError
        One problem for each unknown key, wrong value or missing file.
    """
    path = Path(path)
    if path.is_dir():
        path /= "tender.toml"
    absent = ("This is a brokerage desk: see allocation broker." if (path.parent / "broker.toml").is_file()
              else "Check the path: the rules are in tender.toml.")
    whole = read_settings(path, _WholeTender, absent=absent)
    return Tender.model_construct(**{key: getattr(whole, key) for key in Tender.model_fields})
