"""Who changes provider: hours and people by lot and pair of providers, and waves to move them in.

Today's work is set against the award, lot by lot. A provider that has work in a lot today and wins
there keeps as much of it as it won; the rest goes to the winners that have less than they won. Each
move is one pair of providers, and there are as few pairs as a plain rule gives: equal amounts are
paired first, then the largest that is left on either side. What is moved is what is received; work
that no known provider has today is ``new``, and work that is not in the tender ``ends``.

Whether the law moves the workers with the work (TUPE Regulations 2006, reg. 3(1)(b), 3(2A) and
3(3)) depends on an organised grouping of workers whose main purpose is that work. Where packages are
split among several providers, whether the activities are too fragmented for any transfer comes first:
London Care Ltd v Henry, UKEAT/0219/17 (21 February 2018), on care packages split by postcode and
capacity. The figures here say how far each provider's work is split; they are no legal opinion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lotting.plan import natural

from .work import by_member

__all__ = ["HOURS_PER_WORKER", "Transfers", "find_transfers", "plan_waves"]

#: Contact hours a week of one care worker, where nothing better is known. No published figure was
#: found: it stands for the staff lists that providers give in a tender, and should be replaced.
HOURS_PER_WORKER = 25.0
_TOLERANCE = 1e-6
_COLUMNS = ["lot", "from_provider_id", "to_provider_id", "kind", "weekly_hours", "people", "workers"]


@dataclass(frozen=True, slots=True, eq=False)
class Transfers:
    """Who gives up work, who takes it, and how far each provider's work is split.

    Attributes
    ----------
    moves
        RangeIndex; ``lot``, ``from_provider_id``, ``to_provider_id``, ``kind``: ``stays`` (both are
        the same), ``moves``, ``new`` (nobody known has it today; from is empty) or ``ends`` (it is not
        in the tender; to is empty), ``weekly_hours``, ``people`` (whole, NaN: not known), ``workers``
        (estimated, not rounded; NaN for ``new``). Providers are those who do the work: members, not the
        consortium.
    lots
        Index ``lot``; ``today_hours``, ``awarded_hours``, ``stays_hours``, ``moves_hours``,
        ``new_hours``, ``ends_hours``, ``moved_pct`` of today's (NaN: none), ``people_today``,
        ``people_moved``, ``pairs``.
    pairs
        Index ``from_provider_id``, ``to_provider_id`` of moves; ``lots`` (how many), ``weekly_hours``,
        ``people``, ``workers``.
    providers
        Index ``provider_id``; ``today_hours``, ``stays_hours``, ``given_hours``, ``ends_hours``,
        ``received_hours``, ``new_hours``, ``awarded_hours``, ``people_given``, ``people_received``,
        ``workers_today``, ``workers_given``, ``receivers``, ``main_receiver``, ``main_share_pct`` (of
        what it gives up, the most that goes to one provider), ``words``.
    hours_per_worker
        What ``workers`` rests on.
    """

    moves: pd.DataFrame
    lots: pd.DataFrame
    pairs: pd.DataFrame
    providers: pd.DataFrame
    hours_per_worker: float

    @property
    def moved_hours(self) -> float:
        """Hours a week that change provider."""
        return float(self.lots["moves_hours"].sum())

    @property
    def moved_people(self) -> float:
        """People who change provider; NaN where people are not known."""
        return float(self.lots["people_moved"].sum(skipna=False))


def find_transfers(
    awarded: pd.DataFrame, incumbents: pd.DataFrame, members: pd.DataFrame, lots: pd.DataFrame, *,
    hours_per_worker: float = HOURS_PER_WORKER,
) -> Transfers:  # fmt: skip
    """Set the award against today's work.

    Parameters
    ----------
    awarded
        Index (``lot``, ``provider_id``); ``weekly_hours`` won.
    incumbents
        Index (``lot``, ``provider_id``); ``weekly_hours`` today, and ``people`` (NaN or no such column:
        a lot's people are then spread over them by hours).
    members
        ``provider_id``, ``member_id``, ``share_pct`` of those who bid or work together.
    lots
        Index ``lot``; ``people`` of today (NaN: not known), if there is such a column.
    hours_per_worker
        Contact hours a week of one care worker.
    """
    today = _today(incumbents, members, lots)
    won = by_member(awarded[["weekly_hours"]], members).groupby(["lot", "member_id"])["weekly_hours"].sum()
    anywhere = {*lots.index, *today.index.get_level_values(0), *won.index.get_level_values(0)}
    names = sorted(map(str, anywhere), key=natural)
    rows: list[tuple[str, str, str, str, float, float]] = []
    for lot in names:
        has = today[today.index.get_level_values(0) == lot].droplevel(0)
        wins = won[won.index.get_level_values(0) == lot].droplevel(0)
        rows += _of_lot(lot, has, wins)
    moves = pd.DataFrame(rows, columns=_COLUMNS[:-1]).astype({"weekly_hours": float, "people": float})
    moves["workers"] = (moves["weekly_hours"] / hours_per_worker).where(moves["kind"] != "new")
    return Transfers(moves, _by_lot(moves, names), _by_pair(moves), _by_provider(moves), hours_per_worker)


def _today(incumbents: pd.DataFrame, members: pd.DataFrame, lots: pd.DataFrame) -> pd.DataFrame:
    """Today's hours and people of those who do the work; index (lot, member)."""
    table = incumbents[["weekly_hours"]].astype(float)
    table["people"] = incumbents["people"].astype(float) if "people" in incumbents else math.nan
    if "people" in lots:
        for lot, rows in table.groupby(level=0):
            unknown = rows["people"].isna()
            whole = float(lots["people"].get(lot, math.nan))
            if unknown.any() and not math.isnan(whole):
                left = max(0.0, whole - float(rows["people"].sum()))
                table.loc[rows.index[unknown], "people"] = _apportioned(
                    round(left), rows["weekly_hours"][unknown].to_numpy(float))
    shared = by_member(table, members)
    whole_people = shared.groupby(["lot", "provider_id"], sort=False)
    for _, rows in whole_people:
        if len(rows) > 1 and rows["people"].notna().all():
            shared.loc[rows.index, "people"] = _apportioned(
                round(float(rows["people"].sum())), rows["weekly_hours"].to_numpy(float))
    shared = shared[shared["weekly_hours"] > _TOLERANCE]
    return shared.groupby(["lot", "member_id"])[["weekly_hours", "people"]].sum(min_count=1)


def _apportioned(whole: int, weights: np.ndarray) -> np.ndarray:
    """Split a whole number by weights into whole numbers (largest remainders, the earlier on a tie)."""
    exact = whole * weights / weights.sum()
    parts: np.ndarray = np.floor(exact + 1e-9)
    for i in np.argsort(-(exact - parts), kind="stable")[: whole - int(parts.sum())]:
        parts[i] += 1
    return parts


def _of_lot(
    lot: str, has: pd.DataFrame, wins: pd.Series[float]
) -> list[tuple[str, str, str, str, float, float]]:
    before = {str(k): float(v) for k, v in has["weekly_hours"].items()}
    after = {str(k): float(v) for k, v in wins.items()}
    stays = {p: min(h, after[p]) for p, h in before.items() if p in after and min(h, after[p]) > _TOLERANCE}
    gives = {p: h - stays.get(p, 0.0) for p, h in before.items()}
    takes = {p: h - stays.get(p, 0.0) for p, h in after.items()}
    found: dict[str, list[tuple[str, str, float]]] = {p: [(p, "stays", h)] for p, h in stays.items()}
    for giver, taker, amount in _paired(gives, takes):
        found.setdefault(giver, []).append((taker, "moves", amount))
    for giver, left in gives.items():
        if left > _TOLERANCE:
            found.setdefault(giver, []).append(("", "ends", left))
    rows = []
    for giver in sorted(found, key=natural):
        parts = found[giver]
        people = float(has["people"][giver])
        split = ([math.nan] * len(parts) if math.isnan(people)
                 else _apportioned(round(people), np.array([h for _, _, h in parts])).tolist())
        rows += [(lot, giver, taker, kind, h, n) for (taker, kind, h), n in zip(parts, split, strict=True)]
    rows += [(lot, "", p, "new", takes[p], math.nan) for p in sorted(takes, key=natural)
             if takes[p] > _TOLERANCE]  # fmt: skip
    return rows


def _paired(gives: dict[str, float], takes: dict[str, float]) -> list[tuple[str, str, float]]:
    """Pair givers and takers; what is left of either stays in the dictionaries."""
    found = []
    for giver in sorted(gives, key=natural):
        for taker in sorted(takes, key=natural):
            if gives[giver] > _TOLERANCE and abs(gives[giver] - takes[taker]) <= _TOLERANCE:
                found.append((giver, taker, gives[giver]))
                gives[giver] = takes[taker] = 0.0
    while True:
        giver = max(sorted(gives, key=natural), key=gives.__getitem__, default="")
        taker = max(sorted(takes, key=natural), key=takes.__getitem__, default="")
        if not giver or not taker or min(gives[giver], takes[taker]) <= _TOLERANCE:
            return found
        amount = min(gives[giver], takes[taker])
        found.append((giver, taker, amount))
        gives[giver] -= amount
        takes[taker] -= amount


def _sums(moves: pd.DataFrame, by: str, kind: str, column: str = "weekly_hours") -> pd.Series[float]:
    return moves[moves["kind"] == kind].groupby(by)[column].sum(min_count=1)


def _by_lot(moves: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(index=pd.Index(names, name="lot", dtype=str))
    for kind in ("stays", "moves", "new", "ends"):
        table[f"{kind}_hours"] = _sums(moves, "lot", kind).reindex(names).fillna(0.0)
    today = table["stays_hours"] + table["moves_hours"] + table["ends_hours"]
    table.insert(0, "today_hours", today)
    table.insert(1, "awarded_hours", table["stays_hours"] + table["moves_hours"] + table["new_hours"])
    table["moved_pct"] = (100 * table["moves_hours"] / today).where(today > 0)
    known = moves[moves["kind"] != "new"]
    people = known.groupby("lot")["people"]
    table["people_today"] = people.agg(lambda p: p.sum(skipna=False)).reindex(names)
    moved = moves[moves["kind"] == "moves"].groupby("lot")["people"]
    table["people_moved"] = moved.agg(lambda p: p.sum(skipna=False)).reindex(names)
    nobody = ~table.index.isin(moves.loc[moves["kind"] == "moves", "lot"])
    table.loc[nobody, "people_moved"] = 0.0
    table["pairs"] = moved.size().reindex(names).fillna(0).astype(int)
    return table


def _by_pair(moves: pd.DataFrame) -> pd.DataFrame:
    only = moves[moves["kind"] == "moves"]
    groups = only.groupby(["from_provider_id", "to_provider_id"])
    table = groups.agg(
        lots=("lot", "nunique"), weekly_hours=("weekly_hours", "sum"),
        people=("people", lambda p: p.sum(skipna=False)), workers=("workers", "sum"))
    return table.sort_values("weekly_hours", ascending=False, kind="stable")


def _by_provider(moves: pd.DataFrame) -> pd.DataFrame:
    everyone = sorted({*moves["from_provider_id"], *moves["to_provider_id"]} - {""}, key=natural)
    table = pd.DataFrame(index=pd.Index(everyone, name="provider_id", dtype=str))
    giver, taker = "from_provider_id", "to_provider_id"
    for name, by, kind in (
        ("stays", giver, "stays"), ("given", giver, "moves"), ("ends", giver, "ends"),
        ("received", taker, "moves"), ("new", taker, "new"),
    ):  # fmt: skip
        table[f"{name}_hours"] = _sums(moves, by, kind).reindex(everyone).fillna(0.0)
    table.insert(0, "today_hours", table["stays_hours"] + table["given_hours"] + table["ends_hours"])
    table["awarded_hours"] = table["stays_hours"] + table["received_hours"] + table["new_hours"]
    only = moves[moves["kind"] == "moves"]
    for name, by in (("people_given", giver), ("people_received", taker)):
        people = only.groupby(by)["people"].agg(lambda p: p.sum(skipna=False)).reindex(everyone)
        table[name] = people.where(pd.Index(everyone).isin(only[by]), 0.0)
    workers = moves[moves["kind"] != "new"].groupby(giver)["workers"].sum()
    table["workers_today"] = workers.reindex(everyone).fillna(0.0)
    table["workers_given"] = _sums(moves, giver, "moves", "workers").reindex(everyone).fillna(0.0)
    split = only.groupby([giver, taker])["weekly_hours"].sum()
    receivers, main, share, words = [], [], [], []
    for provider in everyone:
        parts = (split.loc[provider].sort_values(ascending=False, kind="stable")
                 if provider in split.index.get_level_values(0) else pd.Series(dtype=float))
        receivers.append(len(parts))
        main.append(str(parts.index[0]) if len(parts) else "")
        share.append(100 * float(parts.iloc[0]) / float(parts.sum()) if len(parts) else math.nan)
        lots_given = int(only.loc[only[giver] == provider, "lot"].nunique())
        words.append(_words(table.loc[provider], parts, lots_given))
    table["receivers"], table["main_receiver"], table["main_share_pct"] = receivers, main, share
    table["words"] = words
    return table


def _words(row: pd.Series[float], parts: pd.Series[float], lots_given: int) -> str:
    today, given = float(row["today_hours"]), float(row["given_hours"])
    if today <= _TOLERANCE:
        return "Has no work here today."
    if not len(parts):
        return f"Keeps {row['stays_hours']:,.1f} of {today:,.1f} hours a week; none go to another provider."
    head = (f"Gives up {given:,.1f} of {today:,.1f} hours a week (about {row['workers_given']:,.1f} of "
            f"{row['workers_today']:,.1f} workers) in {_many(lots_given, 'lot')}")  # fmt: skip
    if len(parts) == 1:
        return (f"{head}, all to {parts.index[0]}. One provider takes it all: where the workers are an "
                "organised grouping, TUPE reg. 3(1)(b) is to be expected to apply.")
    shares = ", ".join(f"{100 * h / given:.0f} % to {p}" for p, h in parts.items())
    return (f"{head}, to {len(parts)} providers: {shares}. Whether the work is too fragmented for a "
            "transfer has to be settled first (London Care v Henry).")  # fmt: skip


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plan_waves(
    moves: pd.DataFrame, *, per_week: float, per_provider: float | None = None
) -> pd.DataFrame:  # fmt: skip
    """Spread the moves over the fewest weeks that limits allow, one lot after the other.

    Each week takes first what could not be done in time otherwise, then goes on with the lots in their
    order, so that a lot is done with in as few weeks as the limits let it be.

    Parameters
    ----------
    moves
        As in :class:`Transfers`. People are counted if they are known for every move, hours otherwise.
    per_week
        Most people (hours) that change provider in a week.
    per_provider
        Most that one provider takes on in a week.

    Returns
    -------
    pandas.DataFrame
        ``week`` (from 1), ``lot``, ``from_provider_id``, ``to_provider_id``, ``weekly_hours``,
        ``people``. The number of weeks is the least there is: the larger of all moves over ``per_week``
        and any provider's over ``per_provider``, rounded up.

    Raises
    ------
    ValueError
        A limit that lets nobody move.

    Examples
    --------
    >>> moves = pd.DataFrame({
    ...     "lot": ["1", "2"], "from_provider_id": ["A", "A"], "to_provider_id": ["B", "C"],
    ...     "kind": "moves", "weekly_hours": [60.0, 30.0], "people": [6.0, 3.0]})
    >>> plan_waves(moves, per_week=5)[["week", "lot", "people", "weekly_hours"]].values.tolist()
    [[1, '1', 5.0, 50.0], [2, '1', 1.0, 10.0], [2, '2', 3.0, 30.0]]
    """
    rows = moves[moves["kind"] == "moves"].reset_index(drop=True)
    by_people = bool(rows["people"].notna().all())
    amounts = rows["people" if by_people else "weekly_hours"].to_numpy(float)
    whole = (lambda x: float(math.floor(x))) if by_people else float
    limit = whole(per_week)
    each = limit if per_provider is None else min(limit, whole(per_provider))
    if min(limit, each) <= 0:
        raise ValueError("the limits of a week let nobody move")
    takers = rows["to_provider_id"].to_numpy(str)
    totals = {t: float(amounts[takers == t].sum()) for t in np.unique(takers)}
    weeks = max([_weeks(float(amounts.sum()), limit), *(_weeks(v, each) for v in totals.values())])
    done = np.zeros((weeks, len(rows)))
    left = amounts.copy()
    for week in range(weeks):
        after = weeks - week - 1
        room = dict.fromkeys(totals, each)
        budget = limit
        must = {t: max(0.0, float(left[takers == t].sum()) - each * after) for t in totals}
        for forced in (True, False):
            for i, taker in enumerate(takers):
                amount = min(left[i], budget, room[taker], must[taker] if forced else math.inf)
                if amount > 0:
                    done[week, i] += amount
                    left[i] -= amount
                    budget -= amount
                    room[taker] -= amount
                    must[taker] = max(0.0, must[taker] - amount)
    return _waves(rows, amounts, done, by_people=by_people)


def _weeks(amount: float, limit: float) -> int:
    return math.ceil(amount / limit - 1e-9)


def _waves(rows: pd.DataFrame, amounts: np.ndarray, done: np.ndarray, *, by_people: bool) -> pd.DataFrame:
    found = []
    for i, row in enumerate(rows.itertuples()):
        weeks = [(w, float(done[w, i])) for w in range(len(done)) if done[w, i] > 1e-9]
        if not weeks:  # hours too few for a whole person: when the lot's last people move
            same = [j for j in range(len(rows)) if rows["lot"][j] == row.lot and amounts[j] > 0]
            last = max((w for w in range(len(done)) for j in same if done[w, j] > 1e-9), default=0)
            weeks = [(last, 0.0)]
        for week, amount in weeks:
            share = amount / amounts[i] if amounts[i] > 0 else 1.0
            people = amount if by_people else math.nan
            found.append((week + 1, i, row.lot, row.from_provider_id, row.to_provider_id,
                          share * float(rows["weekly_hours"][i]), people))  # fmt: skip
    names = ["week", "row", "lot", "from_provider_id", "to_provider_id", "weekly_hours", "people"]
    table = pd.DataFrame(found, columns=names).astype({"week": int, "weekly_hours": float, "people": float})
    table = table.sort_values(["week", "row"], kind="stable")
    return table.drop(columns="row").reset_index(drop=True)
