"""The bidders of a tender, whom each is made up of, and who does the work today.

Providers' ids and names are business data; unlike people's they may be shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from lotting.errors import InputError, Problem, Problems, some
from lotting.plan import natural

from . import cells
from .brief import Tender
from .lots import TenderLots

__all__ = ["MAX_PROVIDER_HOURS", "SIZES", "Providers", "incumbents_of_table", "providers_of_tables",
           "read_incumbents", "read_providers"]

SIZES = ("micro", "small", "medium", "large")
"""Size of a firm by its staff: under 10, under 50, under 250, and more."""

MAX_PROVIDER_HOURS = 500_000.0
"""Weekly hours above which a provider's limit is a mistake; as in :mod:`lotting.market`."""

_COLUMNS = {
    "provider_id": ("provider", "providerref", "providerreference", "bidderid", "bidder", "supplierid"),
    "name": ("providername", "biddername", "suppliername"),
    "size": ("firmsize", "sizeoffirm"),
    "max_lots": ("maximumlots",),
    "max_weekly_hours": ("maxhoursperweek", "maximumweeklyhours"),
    "min_weekly_hours": ("minhoursperweek", "minimumweeklyhours"),
    "new_entrant": ("newentrant", "isnew"),
    "quality": ("qualityscore",),
}
_MEMBERS = {
    "provider_id": ("provider", "bidderid", "consortium", "consortiumid", "lead", "leadid"),
    "member_id": ("member", "subcontractor", "subcontractorid"),
    "share_pct": ("share", "sharepercent"),
}
_INCUMBENTS = {
    "lot": ("lotid", "lotnumber", "lotname", "zone"),
    "provider_id": ("provider", "providerref", "providerreference"),
    "weekly_hours": ("hours", "hoursperweek", "hoursaweek"),
    "people": ("persons", "serviceusers", "clients"),
}
_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"", "no", "n", "false", "0"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Providers:
    """The bidders.

    Attributes
    ----------
    frame
        Index ``provider_id`` (str, unique, in the file's order); columns ``name`` (str, the id
        where not given), ``size`` (one of :data:`SIZES`, or ``""``), ``max_lots`` (float, whole),
        ``max_weekly_hours``, ``min_weekly_hours`` (float; NaN where the provider sets no limit),
        ``new_entrant`` (bool), ``quality`` (float, 0-100, taken for bids that give none; NaN where
        not given).
    members
        ``provider_id``, ``member_id`` (str), ``share_pct`` (float, above 0): who does which part
        of the hours a provider wins. Every provider has rows, and its shares add up to 100; one
        that bids by itself is its own only member. A member need not be a bidder. What a member
        may hold counts its part of every bid it is in.
    """

    frame: pd.DataFrame
    members: pd.DataFrame


def read_providers(tender: Tender) -> Providers:
    """Read the bidders and their members.

    Raises
    ------
    InputError
        Every problem of both tables: a column missing or misspelt; an id blank or twice; a number
        that is none or out of its limits; a size or yes/no that is none; members whose shares do not
        add up to 100, twice the same, of no bidder, or with members of their own.
    """
    if tender.market is None:
        raise InputError(Problem(message="[market] is missing", fix="Name the tables of providers and bids."))
    market, problems = tender.market, Problems()
    table = cells.attempt(problems, lambda: cells.read_market(market, "providers"))
    members = cells.attempt(problems, lambda: cells.read_market(market, "members"))
    found = None if table is None else cells.attempt(problems, lambda: providers_of_tables(table, members))
    problems.raise_if_any()
    assert found is not None
    return found


def providers_of_tables(table: pd.DataFrame, members: pd.DataFrame | None) -> Providers:
    """Make the bidders of a table, and of one of members, both as text.

    Raises
    ------
    InputError
        As :func:`read_providers`.
    """
    problems, file = Problems(), table.attrs["file"]
    columns = cells.columns_of(table, _COLUMNS, ("provider_id",), problems)
    problems.raise_if_any()
    ids = cells.ids(table, columns["provider_id"], problems, what="a provider's id", unique=True)
    names = cells.text(table, columns, "name")
    sizes = cells.text(table, columns, "size").str.lower()
    odd = sizes[~sizes.isin(["", *SIZES])]
    if len(odd):
        problems.add(
            f"no size of firm{f', in {len(odd):,} rows' if len(odd) > 1 else ''}", file=file,
            row=int(odd.index[0]) + 2, column=columns["size"], value=odd.iloc[0],
            fix=f"The sizes are {', '.join(SIZES)}; blank where unknown.")
    new = cells.text(table, columns, "new_entrant").str.lower()
    unclear = new[~new.isin(_YES | _NO)]
    if len(unclear):
        problems.add("neither yes nor no", file=file, row=int(unclear.index[0]) + 2,
                     column=columns["new_entrant"], value=unclear.iloc[0], fix="Write yes or no.")
    max_lots = cells.number(table, columns, "max_lots", problems, minimum=1, maximum=1e6, unit="lots")
    if "max_lots" in columns:
        cells.whole(max_lots, table, columns["max_lots"], problems)
    most = cells.number(table, columns, "max_weekly_hours", problems, above=0, maximum=MAX_PROVIDER_HOURS,
                        unit="hours a week")
    least = cells.number(table, columns, "min_weekly_hours", problems, minimum=0,
                         maximum=MAX_PROVIDER_HOURS, unit="hours a week")
    crossed = table.index[(least > most).to_numpy()]
    if len(crossed):
        problems.add(
            f"min_weekly_hours above max_weekly_hours: {some(ids[crossed])}", file=file,
            row=int(crossed[0]) + 2, column=columns["min_weekly_hours"], fix="Check both figures.")
    quality = cells.number(table, columns, "quality", problems, minimum=0, maximum=100)
    parts = None if members is None else cells.attempt(problems, lambda: _members(members, list(ids)))
    problems.raise_if_any()
    frame = pd.DataFrame({
        "name": names.where(names != "", ids), "size": sizes, "max_lots": max_lots,
        "max_weekly_hours": most, "min_weekly_hours": least, "new_entrant": new.isin(_YES),
        "quality": quality,
    }).astype({"name": "str", "size": "str", "new_entrant": "bool"})
    frame.index = pd.Index(ids.to_numpy(), name="provider_id", dtype="str")
    return Providers(frame=frame, members=_with_themselves(frame.index, parts))


def _members(table: pd.DataFrame, providers: Collection[str]) -> pd.DataFrame:
    problems, file = Problems(), table.attrs["file"]
    columns = cells.columns_of(table, _MEMBERS, ("provider_id", "member_id", "share_pct"), problems)
    problems.raise_if_any()
    lead = cells.ids(table, columns["provider_id"], problems, what="a provider's id", unique=False)
    cells.known(lead, providers, problems, file=file, what="provider")
    member = cells.ids(table, columns["member_id"], problems, what="a member's id", unique=False)
    share = cells.number(table, columns, "share_pct", problems, above=0, maximum=100, required=True, unit="%")
    frame = pd.DataFrame({"provider_id": lead, "member_id": member, "share_pct": share})
    twice = frame[frame.duplicated(["provider_id", "member_id"]) & (member != "")]
    for at, row in twice.head(5).iterrows():
        problems.add(f"member {row['member_id']} is listed twice", file=file, row=int(str(at)) + 2,
                     column=columns["member_id"], fix="Keep one row, with the whole share.")
    for name, part in frame.groupby("provider_id", sort=False):
        total = float(part["share_pct"].sum())
        if part["share_pct"].notna().all() and abs(total - 100) > 1e-6:
            problems.add(
                f"the shares of {name} add up to {total:g} %, where they must add up to 100 %", file=file,
                row=int(part.index[0]) + 2, column=columns["share_pct"],
                fix=f"List {name} itself too, if it does part of the work.")
    leads = set(lead[lead != member])
    nested = frame[member.isin(leads) & (member != lead)]
    if len(nested):
        problems.add(
            f"members with members of their own: {some(nested['member_id'].unique())}", file=file,
            row=int(nested.index[0]) + 2, column=columns["member_id"],
            fix="List those who do the work, one level deep.")
    problems.raise_if_any()
    return frame


def _with_themselves(providers: pd.Index[str], parts: pd.DataFrame | None) -> pd.DataFrame:
    rows: list[tuple[str, str, float]] = []
    by_lead = {} if parts is None else {str(name): part for name, part in parts.groupby("provider_id")}
    for name in providers:
        if name not in by_lead:
            rows.append((name, name, 100.0))
            continue
        part = by_lead[name]
        rows += zip(part["provider_id"], part["member_id"], part["share_pct"].astype(float), strict=True)
    members = pd.DataFrame(rows, columns=["provider_id", "member_id", "share_pct"])
    return members.astype({"provider_id": "str", "member_id": "str", "share_pct": "float64"})


def read_incumbents(tender: Tender, lots: TenderLots | None) -> pd.DataFrame:
    """Read who does the work of each lot today.

    Parameters
    ----------
    tender
        Paths absolute.
    lots
        None where these could not be read, so that the rest of the table is checked all the same.

    Returns
    -------
    pandas.DataFrame
        Index (``lot``, ``provider_id``), unique, by lot in natural order; columns ``weekly_hours``
        (float, above 0), ``people`` (float, NaN where unknown). Empty where the tender names no file.
        A provider may be one that does not bid.

    Raises
    ------
    InputError
        A column is missing; a lot is unknown; a row occurs twice; hours are none; or a lot's
        incumbents hold more hours than it has.
    """
    if tender.market is None:
        return _no_incumbents()
    return incumbents_of_table(cells.read_market(tender.market, "incumbents"), lots)


def _no_incumbents() -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays(
        [pd.Index([], dtype="str"), pd.Index([], dtype="str")], names=["lot", "provider_id"])
    return pd.DataFrame({"weekly_hours": [], "people": []}, index=index, dtype="float64")


def incumbents_of_table(table: pd.DataFrame | None, lots: TenderLots | None) -> pd.DataFrame:
    """Make the incumbents of a table as text; see :func:`read_incumbents`."""
    if table is None or table.empty:
        return _no_incumbents()
    problems, file = Problems(), table.attrs["file"]
    columns = cells.columns_of(table, _INCUMBENTS, ("lot", "provider_id", "weekly_hours"), problems)
    problems.raise_if_any()
    lot = cells.ids(table, columns["lot"], problems, what="a lot", unique=False)
    provider = cells.ids(table, columns["provider_id"], problems, what="a provider's id", unique=False)
    frame = pd.DataFrame({
        "lot": lot, "provider_id": provider,
        "weekly_hours": cells.number(table, columns, "weekly_hours", problems, above=0, required=True,
                                     unit="hours a week"),
        "people": cells.number(table, columns, "people", problems, minimum=0),
    })
    twice = frame[frame.duplicated(["lot", "provider_id"]) & (lot != "") & (provider != "")]
    if len(twice):
        first = twice.iloc[0]
        problems.add(f"{first['provider_id']} is listed twice in lot {first['lot']}", file=file,
                     row=int(twice.index[0]) + 2, fix="Keep one row, with all the hours.")
    if lots is not None:
        cells.known(lot, list(lots.frame.index), problems, file=file, what="lot")
        _check_held(frame, lots, problems, file=file, column=columns["weekly_hours"])
    problems.raise_if_any()
    frame = frame.astype({"lot": "str", "provider_id": "str"}).set_index(["lot", "provider_id"])
    return frame.loc[sorted(frame.index, key=lambda key: (natural(key[0]), natural(key[1])))]


def _check_held(
    frame: pd.DataFrame, lots: TenderLots, problems: Problems, *, file: str, column: str
) -> None:
    sums = frame.groupby("lot")["weekly_hours"].sum().reindex(lots.frame.index, fill_value=0.0)
    for name, held, whole in zip(sums.index, sums, lots.frame["weekly_hours"], strict=True):
        if held > whole * (1 + 1e-6):
            problems.add(
                f"the incumbents of lot {name} hold {held:,.1f} hours a week, and the lot has "
                f"{whole:,.1f}", file=file, column=column,
                fix="Give today's hours in the new lots, of the same day as the lots' hours.")
