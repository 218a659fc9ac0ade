"""Whether a market can carry a plan, and what to say and do when it cannot.

Two questions. Each lot: is there a choice of providers within reach, and could they carry it?
The whole county: can all lots be shared out at once, under all caps? ``min_providers`` belongs to
the first: it is about the choice a council has when it awards a lot, not about the award, so the
sharing-out may give a lot to one provider alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from .brief import MarketBrief
from .errors import PlanError, Reason, some
from .plan import Plan
from .sharing_model import (
    UNITS_PER_HOUR,
    Answer,
    Cap,
    Ints,
    Terms,
    carry,
    changed,
    exceeded,
    flow,
    to_forest,
)

if TYPE_CHECKING:
    from .market import Market

__all__ = ["MarketCheck", "check_market"]

WHOLE = "the whole map"
#: A share of a lot's hours may miss ``reach_pct`` by this part of one: rounding of sums only.
_TOLERANCE = 1e-9
#: The order in which caps are named; the council's own come before what only providers can change.
_LEVERS = (
    Cap.PROVIDERS, Cap.LOTS, Cap.HOURS, Cap.SHARE, Cap.REACH, Cap.OWN_LOTS, Cap.OWN_HOURS,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketCheck:
    """Whether the market can carry a plan.

    Attributes
    ----------
    reasons
        Why not; empty when it can. First the lots without a choice, then the sums that fail,
        then the changes that would make a sharing-out possible.
    reach
        Index ``lot`` (str, natural order); columns ``weekly_hours`` (float), ``providers`` (int:
        within reach) and ``capacity_hours`` (float: what they can carry a week between them,
        each under its own limit and the brief's caps on hours, as if this were their only lot).
    sharing
        One sharing-out of all hours, one of many, to show that there is one: columns
        ``provider_id``, ``lot`` (str), ``weekly_hours`` (float, above 0), by lot, the largest
        part first. None when none was found. A provider may be over a cap on hours by rounding:
        by less than 0.01 h, and less than 0.01 h for each of its lots.
    proven
        False when no sharing-out was found in the time given, which is no proof that there is
        none.
    """

    reasons: tuple[Reason, ...]
    reach: pd.DataFrame
    sharing: pd.DataFrame | None
    proven: bool


def check_market(
    market: Market, plan: Plan, hours: pd.Series[float], brief: MarketBrief
) -> MarketCheck:
    """Check that each lot has a choice of providers, and that all lots can be shared out at once.

    Parameters
    ----------
    market
        The providers.
    plan
        Area to lot.
    hours
        Weekly hours by ``area_code``, the areas of the plan; of one service line, or of all. The
        caps apply to these hours, and ``max_share_pct`` is a share of them.
    brief
        The ``[market]`` table.

    Returns
    -------
    MarketCheck

    Raises
    ------
    PlanError
        The areas of the plan, the hours and the market are not the same.

    Notes
    -----
    A lot is within reach of a provider who works in areas with ``reach_pct`` of its hours or
    more (of its areas, when the lot has no hours); such a provider may take any part of it, or
    all. Each lot has to be within reach of ``min_providers``, and those within reach have to be
    able to carry it between them. The sharing-out gives every hour to a provider within reach,
    keeps every provider's ``max_weekly_hours`` and ``max_lots`` and the brief's caps, and uses
    ``max_providers`` at the most. A lot that is shared counts as a lot for each of its providers.

    The same input gives the same answer on any machine: the models are cut short by CP-SAT's
    deterministic time, never by the clock.

    Examples
    --------
    >>> from lotting.market import Market
    >>> market = Market(
    ...     frame=pd.DataFrame(
    ...         {"name": "", "max_weekly_hours": [60.0, 50.0], "max_lots": float("nan")},
    ...         index=pd.Index(["P1", "P2"], name="provider_id")),
    ...     works=pd.DataFrame({"a": [True, False], "b": [False, True]}, index=["P1", "P2"]))
    >>> plan = Plan({"a": "1", "b": "2"})
    >>> hours = pd.Series({"a": 60.0, "b": 40.0})
    >>> check_market(market, plan, hours, MarketBrief(providers="p.csv")).sharing
      provider_id lot  weekly_hours
    0          P1   1          60.0
    1          P2   2          40.0
    >>> strict = MarketBrief(providers="p.csv", max_share_pct=45)
    >>> for reason in check_market(market, plan, hours, strict).reasons[-1:]:
    ...     print(reason.fix)
    Raise max_share_pct to 60 (now 45).
    """
    case = _Case.of(market, plan, hours, brief)
    reasons = case.lots_without_choice()
    answer = carry(case.terms, thorough=True)
    units, proven = answer.units, answer.proven
    if units is None:
        why, units = _explain(case, proven=proven)
        proven = proven or units is not None
        reasons += why
    sharing = None if units is None else case.frame_of(units)
    return MarketCheck(
        reasons=tuple(reasons), reach=case.reach_frame(), sharing=sharing, proven=proven)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """A market and a plan in numbers; ``share[i, j]``: part of lot j's hours where i works."""

    providers: list[str]
    lots: list[str]
    hours: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]
    terms: Terms
    brief: MarketBrief

    @classmethod
    def of(
        cls, market: Market, plan: Plan, hours: pd.Series[float], brief: MarketBrief
    ) -> _Case:
        lost = hours.index.difference(market.works.columns)
        if len(lost):
            raise PlanError(
                f"{len(lost)} areas are not on the map that the market was read for: {some(lost)}.")
        lot_of = plan.aligned(hours.index)
        lots = plan.lot_names
        member = lot_of.to_numpy()[:, None] == np.array(lots, dtype=object)[None, :]
        weight = member * hours.to_numpy(dtype=np.float64)[:, None]
        total = weight.sum(axis=0)
        weight = np.where(total > 0, weight, member)
        works = market.works[hours.index].to_numpy(dtype=np.float64)
        share = works @ weight / weight.sum(axis=0)
        demand = np.floor(total * UNITS_PER_HOUR + 1e-6).astype(np.int64)
        own_lots = market.frame["max_lots"].fillna(len(lots)).clip(upper=len(lots))
        pct = brief.max_share_pct
        terms = Terms(
            demand=demand,
            own_hours=_up(market.frame["max_weekly_hours"].to_numpy(dtype=np.float64)),
            own_lots=own_lots.to_numpy().astype(np.int64),
            reach=share >= brief.reach_pct / 100 - _TOLERANCE,
            max_hours=None if brief.max_hours_per_provider is None
            else int(_up(np.array(brief.max_hours_per_provider))),
            max_share=None if pct is None else int(_up(np.array(pct / 100 * total.sum()))),
            max_lots=brief.max_lots_per_provider,
            max_providers=brief.max_providers,
        )
        return cls(
            providers=[str(p) for p in market.frame.index], lots=lots, hours=total, share=share,
            terms=terms, brief=brief)

    def reach_frame(self) -> pd.DataFrame:
        """Return the table of :attr:`MarketCheck.reach`."""
        return pd.DataFrame(
            {
                "weekly_hours": self.hours,
                "providers": self.terms.reach.sum(axis=0),
                "capacity_hours": self.terms.hours_cap @ self.terms.reach / UNITS_PER_HOUR,
            },
            index=pd.Index(self.lots, name="lot", dtype="str"),
        )

    def frame_of(self, units: Ints) -> pd.DataFrame:
        """Return the table of :attr:`MarketCheck.sharing`."""
        assert self.terms.admits(units)
        hours = to_forest(units) / UNITS_PER_HOUR
        rows: list[tuple[str, str, float]] = []
        for j, lot in enumerate(self.lots):
            taken = [(i, float(hours[i, j])) for i in np.flatnonzero(hours[:, j]).tolist()]
            taken.sort(key=lambda part: -part[1])
            # What rounding left over, under a hundredth of an hour, goes with the largest part.
            rest = float(self.hours[j]) - sum(part for _, part in taken)
            rows += [
                (self.providers[i], lot, part + (rest if k == 0 else 0.0))
                for k, (i, part) in enumerate(taken)
            ]
        frame = pd.DataFrame(rows, columns=["provider_id", "lot", "weekly_hours"])
        return frame.astype({"provider_id": "str", "lot": "str", "weekly_hours": "float64"})

    def lots_without_choice(self) -> list[Reason]:
        """Name the lots with too few providers within reach, or too little capacity."""
        reasons = []
        room, wanted = self.terms.hours_cap, self.brief.min_providers
        for j, lot in enumerate(self.lots):
            within = np.flatnonzero(self.terms.reach[:, j])
            if len(within) < wanted:
                names = f" ({some([self.providers[i] for i in within])})" if len(within) else ""
                reasons.append(Reason(
                    place=f"lot {lot}",
                    message=(f"is within reach of {_count(len(within), 'provider')}{names}; the "
                             f"brief asks for {wanted}."),
                    fix=self._more_reach(j, wanted - len(within)),
                ))
            carried, needed = int(room[within].sum()), int(self.terms.demand[j])
            if carried < needed:
                who = (
                    "no provider is within reach" if not len(within)
                    else f"the {_count(len(within), 'provider')} within reach can carry "
                         f"{_hours(carried)} a week between them under the caps"
                )
                own = int(self.terms.own_hours[within].sum())
                raised = " or raise the caps on a provider's hours," if own >= needed else ""
                reasons.append(Reason(
                    place=f"lot {lot}",
                    message=(f"holds {_hours(needed)} a week; {who}, {_hours(needed - carried)} "
                             "too few."),
                    fix=(f"Find capacity for {_hours(needed - carried)} more there,{raised} or "
                         "draw a smaller lot."),
                ))
        return reasons

    def _more_reach(self, lot: int, missing: int) -> str:
        ways = [f"find {missing} more who {'works' if missing == 1 else 'work'} there"]
        nearest = np.sort(self.share[:, lot])[::-1]
        if len(nearest) >= self.brief.min_providers:
            share = float(nearest[self.brief.min_providers - 1])
            if share > _TOLERANCE:
                ways.append(f"lower reach_pct to {_pct_down(share)} (now {self.brief.reach_pct:g})")
        within = self.brief.min_providers - missing
        if within:
            ways.append(f"ask for {within}")
        text = ", or ".join(ways)
        return f"{text[0].upper()}{text[1:]}."


def _up(hours: npt.NDArray[np.float64]) -> Ints:
    return np.ceil(hours * UNITS_PER_HOUR - 1e-6).astype(np.int64)


def _explain(case: _Case, *, proven: bool) -> tuple[list[Reason], Ints | None]:
    """Say why there is no sharing-out; or return one, when it turns up on the way."""
    ways, units = _ways_out(case)
    if units is not None:
        return [], units
    whole = _hours(case.terms.total)
    if proven:
        message = (f"under all the caps together, the {whole} a week cannot be shared out among "
                   f"the {_count(len(case.providers), 'provider')}.")
        left = carry(case.terms, {Cap.DEMAND}, Cap.DEMAND)
        if left.units is not None and left.proven:
            short = case.terms.demand - left.units.sum(axis=0)
            message = (f"{message[:-1]}; {_hours(int(short.sum()))} at the least would be left "
                       f"over, for example in {_lot_hours(case, short)}.")
    else:
        message = (f"no way was found in the time given to share out the {whole} a week under all "
                   "the caps together, which is no proof that there is none.")
    return [*_failing_sums(case), Reason(
        place=WHOLE, message=message, fix=ways, proven=proven)], None


def _failing_sums(case: _Case) -> list[Reason]:
    """Name the plain sums that fail: of hours, of lots, and of the hours in some lots."""
    terms, reasons = case.terms, []
    room = np.sort(terms.hours_cap)[::-1]
    total, limit = terms.total, terms.max_providers
    everyone = int(room.sum())
    if everyone < total:
        raised = (", or raise the caps on a provider's hours"
                  if int(terms.own_hours.sum()) >= total else "")
        reasons.append(Reason(
            place=WHOLE,
            message=(f"the {_count(len(room), 'provider')} can carry {_hours(everyone)} a week "
                     f"under the caps on hours; {_hours(total)} are needed."),
            fix=f"Find capacity for {_hours(total - everyone)} more{raised}.",
        ))
    elif limit is not None and int(room[:limit].sum()) < total:
        reasons.append(_too_few_allowed(case, room, limit))
    parts = np.sort(terms.lots_cap)[::-1][:limit]
    lots = int((terms.demand > 0).sum())
    if int(parts.sum()) < lots:
        who = "providers" if limit is None else f"{_count(limit, 'provider')} allowed"
        reasons.append(Reason(
            place=WHOLE,
            message=(f"the {who} may have a part of {_count(int(parts.sum()), 'lot')} between "
                     f"them; there are {lots}."),
            fix="Allow more lots a provider or more providers, or draw fewer lots.",
        ))
    return reasons + _short_together(case)


def _too_few_allowed(case: _Case, room: Ints, limit: int) -> Reason:
    terms, total = case.terms, case.terms.total
    caps = [c for c in (terms.max_hours, terms.max_share) if c is not None]
    cap = min(caps, default=total)
    enough = int(np.searchsorted(np.cumsum(room), total)) + 1
    if limit * cap < total:
        most = (
            f"{case.brief.max_share_pct:g} % of the hours" if cap == terms.max_share
            else f"{_hours(cap)} a week"
        )
        message = (f"{_count(limit, 'provider')} with at most {most} each can carry "
                   f"{_hours(limit * cap)} a week; {_hours(total)} are needed.")
        fix = f"Allow at least {_count(enough, 'provider')}."
        if int(np.sort(terms.own_hours)[::-1][:limit].sum()) >= total:
            raised = []
            if terms.max_share is not None and limit * terms.max_share < total:
                raised.append(f"max_share_pct to at least {_pct_up(1 / limit)}")
            if terms.max_hours is not None and limit * terms.max_hours < total:
                least = math.ceil(total / limit / UNITS_PER_HOUR)
                raised.append(f"max_hours_per_provider to at least {least}")
            fix = f"{fix[:-1]}, or raise {' and '.join(raised)}."
    else:
        message = (f"the brief allows {_count(limit, 'provider')}; those that can take on the most "
                   f"can carry {_hours(int(room[:limit].sum()))} a week under the caps on hours; "
                   f"{_hours(total)} are needed.")
        fix = f"Allow at least {_count(enough, 'provider')}."
    return Reason(place=WHOLE, message=message, fix=fix)


def _short_together(case: _Case) -> list[Reason]:
    """Name groups of lots that need more than the providers within reach can carry (Hall)."""
    import networkx as nx

    terms = case.terms
    short = np.flatnonzero(flow(terms)[1])
    graph: nx.Graph[tuple[str, int]] = nx.Graph()
    for j in short.tolist():
        graph.add_node(("lot", j))
        graph.add_edges_from(
            (("lot", j), ("provider", i)) for i in np.flatnonzero(terms.reach[:, j]).tolist())
    reasons = []
    for group in nx.connected_components(graph):
        lots = sorted(j for kind, j in group if kind == "lot")
        within = [i for kind, i in group if kind == "provider"]
        needed, carried = int(terms.demand[lots].sum()), int(terms.hours_cap[within].sum())
        # One lot alone and all lots together are said elsewhere.
        if needed <= carried or len(lots) == 1 or len(within) == len(case.providers):
            continue
        reasons.append(Reason(
            place=_lots(case, lots),
            message=(f"hold {_hours(needed)} a week together; the "
                     f"{_count(len(within), 'provider')} within reach of any of them can carry "
                     f"{_hours(carried)} under the caps on hours."),
            fix=f"Find capacity for {_hours(needed - carried)} more there.",
        ))
    return sorted(reasons, key=lambda reason: reason.place)


def _ways_out(case: _Case) -> tuple[str, Ints | None]:
    """Say which changes are enough; or return a sharing-out that needs none after all."""
    terms = case.terms
    levers = _levers(terms)
    ways: list[str] = []
    for cap in levers:
        answer = carry(terms, {cap}, cap)
        if answer.units is None:
            continue
        if terms.admits(answer.units):
            return "", answer.units
        if cap == Cap.REACH:
            lower = _lower_reach(case)
            ways += [lower] if lower else []
        ways.append(_way(case, cap, terms, answer))
    if len(ways) > 1:
        return f"Any one of these is enough: {'; '.join(ways)}.", None
    if ways:
        return f"{ways[0][0].upper()}{ways[0][1:]}.", None
    return f"No one change is known to be enough; together these are: {_together(case, levers)}.", None


def _levers(terms: Terms) -> list[Cap]:
    live = terms.demand > 0
    there = {
        Cap.PROVIDERS: terms.max_providers is not None,
        Cap.LOTS: terms.max_lots is not None,
        Cap.HOURS: terms.max_hours is not None,
        Cap.SHARE: terms.max_share is not None,
        Cap.REACH: not terms.reach[:, live].all(),
        Cap.OWN_LOTS: bool((terms.own_lots < live.sum()).any()),
        Cap.OWN_HOURS: True,
    }
    return [cap for cap in _LEVERS if there[cap]]


def _together(case: _Case, levers: Sequence[Cap]) -> str:
    """Find changes that are enough together, none of which could be left out."""
    terms, needed = case.terms, list(levers)
    known = carry(terms, needed).units
    assert known is not None  # without any cap, flow alone shares everything out
    for cap in reversed(levers):
        fewer = carry(terms, [c for c in needed if c != cap]).units
        if fewer is not None:
            needed.remove(cap)
            known = fewer
    ways = []
    for cap in list(needed):
        answer = carry(terms, needed, cap)
        if answer.units is None:
            answer = exceeded(terms, cap, known)
        else:
            known = answer.units
        needed.remove(cap)
        ways.append(_way(case, cap, terms, answer))
        terms = changed(terms, cap, answer)
    return "; ".join(ways)


def _lower_reach(case: _Case) -> str:
    """Find the largest ``reach_pct`` that is enough, or return ``""``."""
    steps = np.unique(case.share[(case.share > _TOLERANCE) & ~case.terms.reach])[::-1]
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        reach = case.share >= steps[middle] - _TOLERANCE
        if carry(replace(case.terms, reach=reach)).units is not None:
            high = middle
        else:
            low = middle + 1
    if low == len(steps):
        return ""
    return f"lower reach_pct to {_pct_down(float(steps[low]))} (now {case.brief.reach_pct:g})"


def _way(case: _Case, cap: Cap, terms: Terms, answer: Answer) -> str:
    """Word one change; ``terms`` are those before it."""
    assert answer.units is not None
    assert answer.value is not None
    units, value, brief = answer.units, answer.value, case.brief
    if cap == Cap.PROVIDERS:
        return f"allow {value} providers (max_providers, now {brief.max_providers})"
    if cap == Cap.LOTS:
        return f"raise max_lots_per_provider to {value} (now {brief.max_lots_per_provider})"
    if cap == Cap.HOURS:
        return (f"raise max_hours_per_provider to {math.ceil(value / UNITS_PER_HOUR)} "
                f"(now {brief.max_hours_per_provider:g})")
    if cap == Cap.SHARE:
        share = value / UNITS_PER_HOUR / float(case.hours.sum())
        return f"raise max_share_pct to {_pct_up(share)} (now {brief.max_share_pct:g})"
    if cap == Cap.REACH:
        beyond = np.where(terms.reach, 0, units).sum(axis=0)
        return (f"find providers to work beyond where they do now, for {_hours(value)} a week in "
                f"{_lot_hours(case, beyond)}")
    if cap == Cap.OWN_LOTS:
        who = np.flatnonzero((units > 0).sum(axis=1) > terms.own_lots)
        lots = (units > 0).sum(axis=1)
        names = some([f"{case.providers[i]} {lots[i]} instead of {terms.own_lots[i]}" for i in who])
        return f"find providers to take on {_count(value, 'lot')} more than they offer ({names})"
    more = units.sum(axis=1) - terms.own_hours
    names = some([f"{case.providers[i]} {_hours(int(more[i]))}" for i in np.flatnonzero(more > 0)])
    return f"find providers to take on {_hours(value)} a week more than they offer ({names})"


def _hours(units: int) -> str:
    """Word hours, to the hour; what is under 10 h to the hundredth, so that it is never 0 h."""
    hours = units / UNITS_PER_HOUR
    return f"{hours:,.2f} h" if 0 < hours < 10 and not hours.is_integer() else f"{hours:,.0f} h"


def _pct_up(share: float) -> str:
    return f"{math.ceil(share * 1000 - 1e-6) / 10:g}"


def _pct_down(share: float) -> str:
    percent = math.floor(share * 1000 + 1e-6) / 10
    return f"{percent:g}" if percent > 0 else f"{share * 100:.2g}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _lots(case: _Case, positions: Sequence[int]) -> str:
    names = some([case.lots[j] for j in positions])
    return f"lot{'' if len(positions) == 1 else 's'} {names}"


def _lot_hours(case: _Case, units: Ints) -> str:
    positions = np.flatnonzero(units).tolist()
    names = some([f"{case.lots[j]} ({_hours(int(units[j]))})" for j in positions])
    return f"lot{'' if len(positions) == 1 else 's'} {names}"
