"""Every rule of a tender checked on an award as it stands, sharing nothing with what made the award.

Reads the tables alone: an award typed by hand, or changed after the solver, is checked the same way.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from allocation.tender.brief import RulesBrief
from allocation.tender.load import Case

__all__ = ["Breach", "check_award"]

#: Hours by which a limit may be passed.
HOURS = 1e-3


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule broken in one place.

    Attributes
    ----------
    rule
        As in :data:`allocation.award.terms.RULES`, or ``bids`` (a bid that does not exist, or a package
        taken in part), ``hours`` (shares and hours that do not add up).
    place
        Lot, provider or locality.
    found, limit
        The figures.
    message
        A sentence.
    """

    rule: str
    place: str
    found: float
    limit: float
    message: str

    def __str__(self) -> str:
        return f"{self.rule}, {self.place}: {self.message}"


def check_award(
    case: Case,
    frame: pd.DataFrame,
    *,
    rules: RulesBrief | None = None,
    rules_off: Collection[str] = (),
) -> list[Breach]:
    """Return every breach of the tender's rules, in the order of the rules.

    Parameters
    ----------
    case
        The tender.
    frame
        Index ``lot``, ``provider_id``; ``bid_id``, ``position``, ``share_pct``, ``weekly_hours``.
    rules
        In place of the tender's own.
    rules_off
        Rules not to check.
    """
    rules = case.tender.rules if rules is None else rules
    won = frame.reset_index().astype({"lot": str, "provider_id": str, "bid_id": str})
    offers = case.bids.offers.astype({"lot": str, "provider_id": str, "bid_id": str})
    members = case.providers.members.astype({"provider_id": str, "member_id": str})
    off = set(rules_off)
    found = [*_bids(won, offers), *_lots(case, rules, won)]
    if found and any(b.rule == "bids" for b in found):
        return [b for b in found if b.rule not in off]
    won = won.merge(
        offers[["bid_id", "lot", "score", "rate_gbp", "capacity_hours", "preference"]],
        on=["bid_id", "lot"], suffixes=("_stated", ""))
    won["merit"] = won["score"] if rules.aim == "score" else -won["rate_gbp"]
    offers["merit"] = offers["score"] if rules.aim == "score" else -offers["rate_gbp"]
    parts = _parts(won, members)
    found += [*_positions(won), *_capacity(won), *_one_part(parts), *_firms(case, rules, parts)]
    found += [*_providers(case, rules, won)]
    if rules.respect_preferences:
        found += _preferences(case, rules, won, offers, members, off)
    if rules.failure_cover_pct:
        found += _failure_cover(case, rules, won, parts)
    return [b for b in found if b.rule not in off]


def _bids(won: pd.DataFrame, offers: pd.DataFrame) -> Iterator[Breach]:
    lots = offers.groupby("bid_id")["lot"].agg(set).to_dict()
    owner = offers.drop_duplicates("bid_id").set_index("bid_id")["provider_id"].to_dict()
    for bid, rows in won.groupby("bid_id"):
        have, want = set(rows["lot"]), lots.get(str(bid), set())
        if have != want:
            yield Breach("bids", str(bid), len(have), len(want),
                         f"wins {sorted(have)}, where it is for {sorted(want)}, all or nothing.")
        elif set(rows["provider_id"]) != {owner[str(bid)]}:
            yield Breach("bids", str(bid), 0, 0, "is another provider's.")


def _lots(case: Case, rules: RulesBrief, won: pd.DataFrame) -> Iterator[Breach]:
    for lot, row in case.lots.frame.iterrows():
        here = won[won["lot"] == str(lot)].sort_values("position")
        low, high = rules.winners(str(lot))
        if not low <= len(here) <= high:
            yield Breach("providers_per_lot", f"lot {lot}", len(here), low if len(here) < low else high,
                         f"has {len(here)} winners, where {low} to {high} are allowed.")
        if here["provider_id"].duplicated().any():
            yield Breach("hours", f"lot {lot}", len(here), here["provider_id"].nunique(),
                         "has a winner twice.")
        if not len(here):
            continue
        stated = np.array(rules.shares_of(len(here)))
        if np.abs(here["share_pct"].to_numpy(float) - stated).max() > 1e-6:
            yield Breach("hours", f"lot {lot}", float(here["share_pct"].sum()), 100,
                         f"has shares {here['share_pct'].tolist()}, where {stated.tolist()} are stated.")
        hours = float(row["weekly_hours"]) * stated / 100
        if np.abs(here["weekly_hours"].to_numpy(float) - hours).max() > HOURS:
            yield Breach("hours", f"lot {lot}", float(here["weekly_hours"].sum()),
                         float(row["weekly_hours"]), "has hours that are not its shares of the lot.")


def _positions(won: pd.DataFrame) -> Iterator[Breach]:
    for lot, here in won.groupby("lot"):
        for a, b in combinations(here.to_dict("records"), 2):
            upper, lower = (a, b) if a["share_pct"] > b["share_pct"] else (b, a)
            if upper["share_pct"] > lower["share_pct"] + 1e-9 and upper["merit"] < lower["merit"]:
                yield Breach("positions", f"lot {lot}", upper["merit"], lower["merit"],
                             f"gives {upper['provider_id']} more than {lower['provider_id']}, "
                             "whose bid is better.")


def _capacity(won: pd.DataFrame) -> Iterator[Breach]:
    for row in won[won["weekly_hours"] > won["capacity_hours"].fillna(math.inf) + HOURS].to_dict("records"):
        yield Breach("capacity", f"lot {row['lot']}", row["weekly_hours"], row["capacity_hours"],
                     f"gives {row['provider_id']} more hours than it offered.")


def _parts(won: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """One row for each winner and firm that it counts for; ``leads`` where the firm is the bidder."""
    joined = won.merge(members, on="provider_id").rename(columns={"member_id": "firm"})
    joined["part"] = joined["share_pct_y"] / 100
    own = members.loc[members["provider_id"] == members["member_id"], "provider_id"]
    bodies = won[~won["provider_id"].isin(own)].assign(part=1.0, works=False)
    bodies["firm"] = bodies["provider_id"]
    columns = ["lot", "provider_id", "bid_id", "weekly_hours", "firm", "part", "works"]
    both = pd.concat([joined.assign(works=True)[columns], bodies[columns]], ignore_index=True)
    both["hours"] = both["weekly_hours"] * both["part"]
    return both


def _one_part(parts: pd.DataFrame) -> Iterator[Breach]:
    for (lot, firm), rows in parts.groupby(["lot", "firm"]):
        winners = len(set(rows["bid_id"]))
        if winners > 1:
            yield Breach("one_part_per_lot", f"lot {lot}", winners, 1,
                         f"{firm} is part of {winners} winners.")


def _firms(case: Case, rules: RulesBrief, parts: pd.DataFrame) -> Iterator[Breach]:
    own = case.providers.frame
    all_hours = float(case.lots.frame["weekly_hours"].sum())
    locality = case.lots.frame["locality"].astype(str)
    of_locality = case.lots.frame["weekly_hours"].groupby(locality).sum().to_dict()

    def limit(column: str, firm: str) -> float:
        value = float(own[column].get(firm, math.nan)) if firm in own.index else math.nan
        return math.inf if math.isnan(value) else value

    for name, rows in parts.groupby("firm"):
        firm = str(name)
        lots, hours = len(rows[["lot", "bid_id"]].drop_duplicates()), float(rows["hours"].sum())
        for rule, most in (("own_lots", limit("max_lots", firm)), ("max_lots", rules.max_lots or math.inf)):
            if lots > most:
                yield Breach(rule, firm, lots, most, f"holds {lots} lots; {most:g} allowed.")
        share = math.inf if rules.max_share_pct is None else rules.max_share_pct / 100 * all_hours
        for rule, most in (
            ("own_hours", limit("max_weekly_hours", firm)),
            ("max_weekly_hours", rules.max_weekly_hours or math.inf), ("max_share", share),
        ):
            if hours > most + HOURS:
                yield Breach(rule, firm, hours, most, f"holds {hours:,.1f} h a week; {most:,.1f} allowed.")
        if rules.max_locality_share_pct is not None:
            for place, held in rows.groupby(rows["lot"].map(locality))["hours"].sum().items():
                most = rules.max_locality_share_pct / 100 * float(of_locality[str(place)])
                if place and held > most + HOURS:
                    yield Breach("max_locality_share", f"{place}, {firm}", held, most,
                                 f"holds {held:,.1f} h a week there; {most:,.1f} allowed.")


def _providers(case: Case, rules: RulesBrief, won: pd.DataFrame) -> Iterator[Breach]:
    hours = won.groupby("provider_id")["weekly_hours"].sum()
    if rules.max_providers is not None and len(hours) > rules.max_providers:
        yield Breach("max_providers", "all lots", len(hours), rules.max_providers,
                     f"{len(hours)} providers win; {rules.max_providers} allowed.")
    own = case.providers.frame["min_weekly_hours"].to_dict()
    for provider, held in hours.items():
        leasts = {"min_weekly_hours": rules.min_weekly_hours, "own_min_hours": float(own[str(provider)])}
        for rule, least in leasts.items():
            if held < least - HOURS:
                yield Breach(rule, str(provider), held, least,
                             f"holds {held:,.1f} h a week; {least:,.1f} at least.")


def _preferences(
    case: Case, rules: RulesBrief, won: pd.DataFrame, offers: pd.DataFrame, members: pd.DataFrame,
    off: set[str],
) -> Iterator[Breach]:
    single = offers[~offers["bid_id"].duplicated(keep=False) & offers["preference"].notna()]
    most_hours = case.providers.frame["max_weekly_hours"]
    for bid in single.to_dict("records"):
        provider, lot = bid["provider_id"], bid["lot"]
        held = won[won["provider_id"] == provider]
        worse = held[held["preference"] > bid["preference"]]
        beaten = won[(won["lot"] == lot) & (won["merit"] < bid["merit"])]
        if lot in set(held["lot"]) or not len(worse) or not len(beaten):
            continue
        low, high = (1 if "providers_per_lot" in off else rules.winners(lot)[0]), rules.winners(lot)[1]
        smallest = min(min(rules.shares_of(k)) for k in range(low, high + 1)) / 100
        hours = smallest * float(case.lots.frame["weekly_hours"][lot])
        firms = members[members["provider_id"] == provider].set_index("member_id")["share_pct"].to_dict()
        firms.setdefault(provider, 100.0)
        fits = [hours <= bid["capacity_hours"] + HOURS if not math.isnan(bid["capacity_hours"]) else True]
        fits += [
            hours * share / 100 <= float(most_hours[firm]) + HOURS for firm, share in firms.items()
            if firm in most_hours.index and not math.isnan(float(most_hours[firm]))]
        if all(fits):
            other = beaten.iloc[0]
            yield Breach(
                "preferences", f"lot {lot}", float(other["merit"]), float(bid["merit"]),
                f"{provider} ranked it {bid['preference']:g} and holds {worse.iloc[0]['bid_id']}, ranked "
                "lower, "
                f"while {other['provider_id']} wins it with a worse bid.")


def _failure_cover(
    case: Case, rules: RulesBrief, won: pd.DataFrame, parts: pd.DataFrame
) -> Iterator[Breach]:
    """If a firm fails, a plan exists by which others in and around take on enough: linear programming."""
    from scipy.optimize import linprog

    hours = case.lots.frame["weekly_hours"].astype(float)
    names = [str(lot) for lot in hours.index]
    graph = case.lots.graph
    spare, cover = rules.spare_pct / 100, rules.failure_cover_pct / 100
    for firm in parts["firm"].unique():
        leads = won.loc[won["provider_id"] == firm].groupby("lot")["weekly_hours"].sum()
        rest = parts[(parts["firm"] == firm) & (parts["provider_id"] != firm)].groupby("lot")["hours"].sum()
        lost = leads.add(rest, fill_value=0.0)
        pairs = [
            (lot, near) for lot in lost.index for near in names
            if near == lot or (lot in graph and graph.has_edge(lot, near))]
        demand = np.array([[-1.0 if lot == d else 0.0 for lot, _ in pairs] for d in lost.index])
        supply = np.array([[1.0 if near == s else 0.0 for _, near in pairs] for s in names])
        short = np.hstack([demand, -np.eye(len(lost))])
        room = [spare * max(float(hours[s] - lost.get(s, 0.0)), 0.0) for s in names]
        answer = linprog(
            np.r_[np.zeros(len(pairs)), np.ones(len(lost))],
            A_ub=np.vstack([short, np.hstack([supply, np.zeros((len(names), len(lost)))])]),
            b_ub=np.r_[-cover * lost.to_numpy(), room])
        missing, whole = float(answer.fun or 0.0), cover * float(lost.sum())
        if missing > HOURS:
            yield Breach("failure_cover", str(firm), whole - missing, whole,
                         f"if it fails, others in and near its lots take on {whole - missing:,.1f} h a week; "
                         f"{whole:,.1f} required.")
