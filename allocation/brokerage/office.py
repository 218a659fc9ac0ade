"""What a brokerage team works with: providers, their contracts and lots, who is blocked, what runs today.

An *offer* is one way in which a provider can take a package: from a block contract, as provider (or
reserve) of a lot, or spot. A *pool* is a limit of hours that an offer draws on besides the provider's
own: the hours of a block, or of an award.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lotting.errors import InputError, Problems

from .brief import BrokerBrief, FileBrief, load_broker
from .legs import legs_of, read_stops
from .packages import package_frame, read_packages
from .places import Places, read_places
from .reading import Sheet, read_sheet, split_list

__all__ = ["PROVIDER_NOTHING", "Office", "load_office", "make_office"]

PROVIDERS: dict[str, tuple[str, ...]] = {
    "provider_id": ("providerid", "provider", "providerref", "id"),
    "name": ("name", "providername"),
    "rate_gbp": ("rategbp", "hourlyrategbp", "hourlyrate", "rate", "spotrate"),
    "quality": ("quality", "qualityscore"),
    "tier": ("tier",),
    "part_a": ("parta", "onframework", "framework", "accredited"),
    "status": ("status",),
    "suspended_from": ("suspendedfrom", "suspensionstart"),
    "suspended_to": ("suspendedto", "suspensionend", "suspendeduntil"),
    "from": ("from", "contractstart", "start"),
    "to": ("to", "contractend", "end"),
    "skills": ("skills",),
    "places": ("places", "areas", "lots", "areasserved", "lotsserved", "patches"),
    "free_hours": ("freehours", "capacityhours", "hoursfree", "sparehours"),
    "free_on": ("freeon", "capacityon", "freeasof", "asof"),
    "max_weekly_hours": ("maxweeklyhours", "maxhours", "maximumhours"),
    "guaranteed_hours": ("guaranteedhours", "minimumhours", "minweeklyhours", "guarantee"),
    "postcode": ("basepostcode", "postcode", "base"),
    "x_m": ("xm", "x", "easting"),
    "y_m": ("ym", "y", "northing"),
}
AWARDS: dict[str, tuple[str, ...]] = {
    "lot": ("lot", "lotname", "zone"),
    "provider_id": ("providerid", "provider"),
    "position": ("position", "rank", "place"),
    "share_pct": ("sharepct", "share"),
    "weekly_hours": ("weeklyhours", "hours"),
    "rate_gbp": ("rategbp", "hourlyrategbp", "rate"),
    "guaranteed_hours": ("guaranteedhours", "guarantee"),
}
CONTRACTS: dict[str, tuple[str, ...]] = {
    "contract_id": ("contractid", "blockid", "contract", "block"),
    "provider_id": ("providerid", "provider"),
    "places": ("places", "areas", "lots", "area", "lot"),
    "weekly_hours": ("weeklyhours", "hours", "blockhours"),
    "rate_gbp": ("rategbp", "hourlyrategbp", "rate"),
    "from": ("from", "start", "contractstart"),
    "to": ("to", "end", "contractend"),
    "guaranteed_hours": ("guaranteedhours", "guarantee"),
}
BLOCKED: dict[str, tuple[str, ...]] = {
    "person_id": ("personid", "pseudonym", "clientid"),
    "provider_id": ("providerid", "provider"),
}
_STATUSES = ("active", "suspended", "removed", "applying")
_NAN = float("nan")
#: What a provider has where its table does not say.
PROVIDER_NOTHING: dict[str, Any] = {
    "name": "", "rate_gbp": _NAN, "quality": _NAN, "tier": _NAN, "part_a": True, "status": "active",
    "suspended_from": pd.NaT, "suspended_to": pd.NaT, "from": pd.NaT, "to": pd.NaT, "free_hours": _NAN,
    "free_on": pd.NaT, "max_weekly_hours": _NAN, "guaranteed_hours": _NAN, "x_m": _NAN, "y_m": _NAN,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Office:
    """All that a decision rests on but the register.

    Attributes
    ----------
    brief
        The rules.
    providers
        Index ``provider_id``; ``name``, ``rate_gbp`` (NaN: none given), ``quality`` (0 to 100, NaN),
        ``tier`` (NaN), ``part_a``, ``status``, ``suspended_from``, ``suspended_to``, ``from``, ``to``
        (NaT: open), ``skills``, ``places`` (frozensets; no places: everywhere), ``free_hours`` (to be
        taken on since ``free_on``), ``max_weekly_hours`` (in all), ``guaranteed_hours``, ``x_m``, ``y_m``.
    offers
        RangeIndex; ``provider_id``, ``route`` (block, lot, reserve, spot), ``pool`` (``""``: none),
        ``places``, ``rate_gbp``, ``limit_hours``, ``position``, ``share_pct``, ``from``, ``to``,
        ``guaranteed_hours``.
    today
        Packages that run, as :func:`allocation.brokerage.packages.package_frame` returns them.
    blocked
        Pairs of person and provider that must not meet.
    places
        Where postcodes and areas are.
    inputs
        SHA-256 by file.
    legs
        Of the rounds that are driven, as :func:`allocation.brokerage.legs.legs_of` returns them; None where
        none are given.
    notes
        What readers have to know.
    """

    brief: BrokerBrief
    providers: pd.DataFrame
    offers: pd.DataFrame
    today: pd.DataFrame
    blocked: frozenset[tuple[str, str]] = frozenset()
    places: Places = field(default_factory=Places)
    inputs: Mapping[str, str] = field(default_factory=dict)
    legs: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Office({len(self.providers)} providers, {len(self.offers)} offers, packages not shown)"

    def settings(self) -> str:
        """Return the rules and the inputs' hashes as JSON, the same for the same."""
        brief = self.brief.model_dump(mode="json")
        for table in brief.values():
            if isinstance(table, dict):
                for key in ("file", "postcodes", "lots", "project"):
                    if table.get(key):
                        table[key] = Path(table[key]).name
        return json.dumps({"brief": brief, "inputs": dict(self.inputs)}, sort_keys=True, ensure_ascii=False)


def load_office(path: str | Path) -> Office:
    """Read a brokerage brief and all the files it names.

    Raises
    ------
    InputError
        Every problem of the brief, or of the files.
    """
    brief, _ = load_broker(path)
    problems = Problems()
    places = read_places(brief.places)
    providers = _providers(brief.providers, places, problems)
    problems.raise_if_any()
    assert providers is not None
    ids = list(providers.index)
    tables = {
        name: reader(file, ids, problems)
        for name, file, reader in (
            ("awards", brief.awards, _awards), ("reserves", brief.reserves, _reserves),
            ("contracts", brief.contracts, _contracts),
        ) if file is not None
    }  # fmt: skip
    blocked = frozenset() if brief.blocked is None else _blocked(brief.blocked, ids, problems)
    today = None
    if brief.today is not None:
        try:
            today = read_packages(brief.today, places, block="today", provider_ids=ids, running=True)
        except InputError as error:
            problems.items += error.problems
    problems.raise_if_any()
    office = make_office(
        brief, providers, today=today, blocked=blocked, places=places, inputs=_hashes(brief), **tables)
    if brief.rounds is None:
        return office
    stops, left_out = read_stops(brief.rounds, office.today, ids, places, problems)
    problems.raise_if_any()
    stops_are = f"{left_out:,} stop{'s' if left_out > 1 else ''}"
    notes = (f"{stops_are} of the rounds left out: no provider or no place is known.",) if left_out else ()
    return replace(office, legs=legs_of(stops, office.providers), notes=notes)


def make_office(
    brief: BrokerBrief, providers: pd.DataFrame, *, awards: pd.DataFrame | None = None,
    reserves: pd.DataFrame | None = None, contracts: pd.DataFrame | None = None,
    today: pd.DataFrame | None = None, blocked: frozenset[tuple[str, str]] = frozenset(),
    places: Places | None = None, inputs: Mapping[str, str] | None = None,
) -> Office:  # fmt: skip
    """Put an office together from tables, with what stands for nothing where a column is left out.

    Parameters
    ----------
    brief
        The rules.
    providers
        Index ``provider_id``.
    awards, reserves, contracts
        ``lot, provider_id`` and more; ``lot, provider_id``; ``contract_id, provider_id, weekly_hours``.
    today
        Packages that run; only those that do on the day of the export are kept.
    blocked, places, inputs
        See :class:`Office`.
    """
    table = providers.copy()
    for name, value in PROVIDER_NOTHING.items():
        if name not in table:
            table[name] = value
    for name in ("skills", "places"):
        if name not in table:
            table[name] = pd.Series([frozenset()] * len(table), index=table.index, dtype=object)
    for name, value in PROVIDER_NOTHING.items():
        if value is pd.NaT:
            table[name] = pd.to_datetime(table[name])
        elif isinstance(value, float):
            table[name] = table[name].astype("float64")
    runs = package_frame(pd.DataFrame({"package_id": [], "weekly_hours": []}) if today is None else today)
    if brief.today is not None:
        day = pd.Timestamp(brief.today.as_of)
        runs = runs[~(runs["start"] > day) & ~(runs["end"] < day)].reset_index(drop=True)
    return Office(
        brief, table, _offers(brief, table, awards, reserves, contracts), runs, blocked,
        places or Places(brief.places), dict(inputs or {}),
    )  # fmt: skip


def _offers(
    brief: BrokerBrief, providers: pd.DataFrame, awards: pd.DataFrame | None,
    reserves: pd.DataFrame | None, contracts: pd.DataFrame | None,
) -> pd.DataFrame:  # fmt: skip
    order = brief.order
    spot = order.spot
    if spot is None:
        spot = order.rule in {"tiers", "blocks"} or awards is None
    parts = []
    if contracts is not None:
        part = contracts.assign(route="block", pool="block:" + contracts["contract_id"].astype("str"),
                                limit_hours=contracts["weekly_hours"])
        parts.append(part)
    if awards is not None:
        part = awards.assign(
            route="lot", pool="lot:" + awards["lot"] + ":" + awards["provider_id"],
            places=awards["lot"].map(lambda lot: frozenset({str(lot).casefold()})))
        if order.hold_to_award and "weekly_hours" in awards:
            part["limit_hours"] = awards["weekly_hours"] * (1 + order.tolerance_pct / 100)
        parts.append(part)
    if reserves is not None:
        parts.append(reserves.assign(
            route="reserve", pool="",
            places=reserves["lot"].map(lambda lot: frozenset({str(lot).casefold()}))))
    if spot:
        own = providers.reset_index()[["provider_id", "places", "from", "to"]]
        parts.append(own.assign(route="spot", pool=""))
    columns: dict[str, Any] = {
        "provider_id": "", "route": "", "pool": "", "places": None, "rate_gbp": _NAN, "limit_hours": _NAN,
        "position": _NAN, "share_pct": _NAN, "from": pd.NaT, "to": pd.NaT, "guaranteed_hours": _NAN,
    }  # fmt: skip
    whole = []
    for part in parts:
        filled = part.copy()
        for name, value in columns.items():
            if name not in filled:
                filled[name] = value
        whole.append(filled[list(columns)].astype({"from": "datetime64[s]", "to": "datetime64[s]"}))
    offers = pd.concat(whole, ignore_index=True)
    offers["places"] = offers["places"].map(lambda p: p if isinstance(p, frozenset) else frozenset())
    offers["rate_gbp"] = offers["rate_gbp"].fillna(offers["provider_id"].map(providers["rate_gbp"]))
    return offers


def _providers(brief: FileBrief, places: Places, problems: Problems) -> pd.DataFrame | None:
    sheet = read_sheet(brief, PROVIDERS, ["provider_id"], "providers", problems)
    if sheet is None:
        return None
    if not sheet.has("free_hours") and not sheet.has("max_weekly_hours"):
        problems.add("no column says how many hours a provider can take", file=sheet.file,
                     fix="Add free_hours (that it can take on) or max_weekly_hours (in all).")
    frame = pd.DataFrame({"provider_id": sheet.keys("provider_id", "provider id")})
    frame["name"] = sheet.text("name")
    for name in ("rate_gbp", "free_hours", "max_weekly_hours", "guaranteed_hours", "x_m", "y_m"):
        frame[name] = sheet.number(name, minimum=0)
    frame["rate_gbp"] = frame["rate_gbp"].mask(frame["rate_gbp"] == 0)
    frame["quality"] = sheet.number("quality", minimum=0, maximum=100)
    frame["tier"] = sheet.number("tier", minimum=1)
    frame["part_a"] = sheet.yes("part_a", default=True)
    status = sheet.text("status").str.casefold()
    sheet.note(~status.isin(["", *_STATUSES]), "status", "no such status", f"Write {', '.join(_STATUSES)}.")
    frame["status"] = status.mask(status == "", "active")
    for name in ("suspended_from", "suspended_to", "from", "to", "free_on"):
        frame[name] = sheet.date(name)
    for start, end in (("suspended_from", "suspended_to"), ("from", "to")):
        sheet.note(frame[end] < frame[start], end, "the end is before the start", "Mend one of the two.")
    frame["skills"] = sheet.text("skills").map(split_list)
    frame["places"] = sheet.text("places").map(split_list)
    base = places.base(frame.assign(postcode=sheet.text("postcode")))
    return frame.assign(x_m=base["x_m"], y_m=base["y_m"]).set_index("provider_id")


def _numbers(sheet: Sheet, frame: pd.DataFrame, *names: str) -> None:
    for name in names:
        frame[name] = sheet.number(name, minimum=0)


def _lots(sheet: Sheet, ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame({
        "lot": sheet.text("lot"), "provider_id": sheet.known("provider_id", ids, "provider"),
    })  # fmt: skip


def _awards(brief: FileBrief, ids: list[str], problems: Problems) -> pd.DataFrame:
    sheet = read_sheet(brief, AWARDS, ["lot", "provider_id"], "awards", problems)
    if sheet is None:
        return pd.DataFrame()
    frame = _lots(sheet, ids)
    sheet.note(frame.duplicated(), "provider_id", "this provider has the lot in an earlier row too",
               "Keep one row each.")
    _numbers(sheet, frame, "position", "share_pct", "weekly_hours", "rate_gbp", "guaranteed_hours")
    return frame


def _reserves(brief: FileBrief, ids: list[str], problems: Problems) -> pd.DataFrame:
    sheet = read_sheet(brief, AWARDS, ["lot", "provider_id"], "reserves", problems)
    if sheet is None:
        return pd.DataFrame()
    frame = _lots(sheet, ids)
    _numbers(sheet, frame, "position", "rate_gbp")
    return frame


def _contracts(brief: FileBrief, ids: list[str], problems: Problems) -> pd.DataFrame:
    needed = ["contract_id", "provider_id", "weekly_hours"]
    sheet = read_sheet(brief, CONTRACTS, needed, "contracts", problems)
    if sheet is None:
        return pd.DataFrame()
    frame = pd.DataFrame({
        "contract_id": sheet.keys("contract_id", "contract id"),
        "provider_id": sheet.known("provider_id", ids, "provider"),
        "weekly_hours": sheet.number("weekly_hours", minimum=0, required=True),
        "places": sheet.text("places").map(split_list),
        "from": sheet.date("from"), "to": sheet.date("to"),
    })  # fmt: skip
    _numbers(sheet, frame, "rate_gbp", "guaranteed_hours")
    return frame


def _blocked(brief: FileBrief, ids: list[str], problems: Problems) -> frozenset[tuple[str, str]]:
    sheet = read_sheet(brief, BLOCKED, ["person_id", "provider_id"], "blocked", problems)
    if sheet is None:
        return frozenset()
    return frozenset(zip(sheet.text("person_id"), sheet.known("provider_id", ids, "provider"), strict=True))


def _hashes(brief: BrokerBrief) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in brief.files()}
