"""A tender and all that it names, read and checked together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lotting.errors import Problem, Problems, some
from lotting.settings import checked

from . import cells
from .bids import Bids, bid_rows, read_bids, set_aside
from .brief import Tender, load_tender
from .lots import TenderLots, lots_of_tables, read_lots
from .providers import (
    Providers,
    incumbents_of_table,
    providers_of_tables,
    read_incumbents,
    read_providers,
)
from .scores import score_offers

__all__ = ["Case", "load_case", "make_case"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """All that an award is made from.

    Attributes
    ----------
    tender
        The rules; paths absolute.
    lots
        The lots.
    providers
        The bidders and their members.
    incumbents
        Index (``lot``, ``provider_id``); ``weekly_hours``, ``people`` of today; empty where unknown.
    bids
        The bids; ``offers`` also has ``price_points``, ``quality_points`` and ``score``
        (:func:`allocation.tender.scores.score_offers`).
    inputs
        SHA-256 of every file by name; empty for a case made in memory.
    warnings
        What the user should know of.
    """

    tender: Tender
    lots: TenderLots
    providers: Providers
    incumbents: pd.DataFrame
    bids: Bids
    inputs: dict[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    def under(self, tender: Tender) -> Case:
        """Return the case under other rules: bids set aside and scored anew.

        Parameters
        ----------
        tender
            Other weights, threshold, formula or caps; see :meth:`Tender.changed`.
        """
        return replace(self, tender=tender, bids=_scored(set_aside(self.bids.rows, tender), tender))


def load_case(path: str | Path) -> Case:
    """Read a tender and every file it names.

    Parameters
    ----------
    path
        The tender's TOML file, or the folder that holds it as ``tender.toml``.

    Raises
    ------
    InputError
        With every problem found in all of the files, not only in the first.
    """
    tender = load_tender(path)
    path = Path(path) / "tender.toml" if Path(path).is_dir() else Path(path)
    problems = Problems()
    lots = cells.attempt(problems, lambda: read_lots(tender))
    providers = cells.attempt(problems, lambda: read_providers(tender))
    incumbents = cells.attempt(problems, lambda: read_incumbents(tender, lots))
    bids = cells.attempt(problems, lambda: read_bids(tender, lots, providers))
    if lots is not None:
        cells.attempt(problems, lambda: _check_rules(tender, lots, incumbents, path.name))
    problems.raise_if_any()
    assert lots is not None
    assert providers is not None
    assert incumbents is not None
    assert bids is not None
    return Case(tender=tender, lots=lots, providers=providers, incumbents=incumbents,
                bids=_scored(bids, tender), inputs=_hashes(path, tender, lots.hashes),
                warnings=(*lots.warnings, *_warnings(tender, lots, providers, incumbents, bids)))


def make_case(
    lots: pd.DataFrame,
    providers: pd.DataFrame,
    bids: pd.DataFrame,
    rules: Mapping[str, Any] | None = None,
    *,
    price: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    members: pd.DataFrame | None = None,
    incumbents: pd.DataFrame | None = None,
    neighbours: pd.DataFrame | None = None,
) -> Case:
    """Make a case of frames, without files; the same checks as for files.

    Parameters
    ----------
    lots, providers, bids, members, incumbents, neighbours
        The same columns as the files; a named index counts as columns. Bids need ``bid_id``,
        ``provider_id``, ``lot`` and ``hourly_rate_gbp``, and quality there or of the providers.
    rules, price, quality, run
        Keys of ``[rules]``, ``[price]``, ``[quality]`` and ``[run]``. Price weighs 40 and quality 60
        where neither says so; where one does, the other has the rest of 100.

    Raises
    ------
    InputError
        Every problem of rules and frames.

    Examples
    --------
    >>> lots = pd.DataFrame({"lot": ["1"], "weekly_hours": [500.0]})
    >>> providers = pd.DataFrame({"provider_id": ["a", "b"], "quality": [70, 90]})
    >>> bids = pd.DataFrame({"bid_id": ["x", "y"], "provider_id": ["a", "b"], "lot": ["1", "1"],
    ...                      "hourly_rate_gbp": [20.0, 25.0]})
    >>> make_case(lots, providers, bids, {"max_lots": 1}).bids.offers["score"].to_list()
    [82.0, 86.0]
    """
    weights = {"price": dict(price or {}), "quality": dict(quality or {})}
    for name, other, default in (("price", "quality", 40.0), ("quality", "price", 60.0)):
        if "weight" not in weights[name]:
            weights[name]["weight"] = 100 - weights[other].get("weight", 100 - default)
    problems = Problems()
    tender = cells.attempt(problems, lambda: checked(
        Tender, {**weights, "rules": dict(rules or {}), "run": dict(run or {})}, file="rules"))
    texts = {name: None if frame is None else cells.as_text(frame, name) for name, frame in {
        "members": members, "incumbents": incumbents, "neighbours": neighbours}.items()}
    found = cells.attempt(problems, lambda: lots_of_tables(
        cells.as_text(lots, "lots"), texts["neighbours"]))
    bidders = cells.attempt(problems, lambda: providers_of_tables(
        cells.as_text(providers, "providers"), texts["members"]))
    today = cells.attempt(problems, lambda: incumbents_of_table(texts["incumbents"], found))
    rows = cells.attempt(problems, lambda: bid_rows(cells.as_text(bids, "bids"), found, bidders))
    if tender is not None and found is not None:
        cells.attempt(problems, lambda: _check_rules(tender, found, today, "rules"))
    problems.raise_if_any()
    assert tender is not None
    assert found is not None
    assert bidders is not None
    assert today is not None
    assert rows is not None
    sifted = set_aside(rows, tender)
    return Case(tender=tender, lots=found, providers=bidders, incumbents=today,
                bids=_scored(sifted, tender),
                warnings=_warnings(tender, found, bidders, today, sifted))


def _scored(bids: Bids, tender: Tender) -> Bids:
    return replace(bids, offers=score_offers(bids.offers, tender))


def _check_rules(
    tender: Tender, lots: TenderLots, incumbents: pd.DataFrame | None, file: str
) -> None:
    """Check the rules against the tables; None where the incumbents could not be read."""
    rules, problems = tender.rules, Problems()
    unknown = [name for name in rules.per_lot if name not in lots.frame.index]
    if unknown:
        problems.add(f"no such lot: {some(unknown)}", file=file, column="[rules] per_lot",
                     fix=f"The lots are {some(lots.frame.index)}.")
    if rules.max_locality_share_pct is not None and (lots.frame["locality"] == "").any():
        problems.add("a share of each locality is capped, but lots have no locality: "
                     + some(lots.frame.index[lots.frame["locality"] == ""]), file=file,
                     column="[rules] max_locality_share_pct", fix="Give every lot's locality.")
    if rules.moved_weight > 0 and incumbents is not None and incumbents.empty:
        problems.add("hours that move count, but nothing says who does the work today", file=file,
                     column="[rules] moved_weight", fix="Name a table in [market] incumbents.")
    problems.raise_if_any()


def _warnings(
    tender: Tender, lots: TenderLots, providers: Providers, incumbents: pd.DataFrame, bids: Bids
) -> tuple[Problem, ...]:
    noted = Problems()

    def warn(names: list[str], message: str, fix: str) -> None:
        if names:
            noted.add(f"{message}: {some(names)}", severity="warning", fix=fix)

    bidding = set(bids.rows["provider_id"])
    warn([p for p in providers.frame.index if p not in bidding], "providers without a bid",
         "They can win nothing.")
    parts = {*providers.frame.index, *providers.members["member_id"]}
    today = list(dict.fromkeys(incumbents.index.get_level_values("provider_id")))
    warn([p for p in today if p not in parts], "incumbents that do not bid, nor are part of a bid",
         "All their hours move. Check that their ids are those of the providers' table.")
    if tender.rules.failure_cover_pct > 0 and not lots.graph.number_of_edges():
        warn([str(lot) for lot in lots.graph.nodes], "no lot is known to touch another",
             "Only those in the same lot count as cover when a provider fails.")
    return tuple(noted.items)


def _hashes(path: Path, tender: Tender, known: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of every file by name; ``known`` are those of the lotting project."""
    assert tender.lots is not None
    assert tender.market is not None
    named = [path, tender.lots.file, tender.lots.neighbours, tender.lots.plan, tender.market.providers,
             tender.market.bids, tender.market.members, tender.market.incumbents]
    found = dict(known)
    for file in dict.fromkeys(f.resolve() for f in named if f is not None):
        with file.open("rb") as handle:
            value = hashlib.file_digest(handle, "sha256").hexdigest()
        # Two files of one name, in different folders: the second is called by more of its path.
        names = (file.name, f"{file.parent.name}/{file.name}", file.as_posix())
        found[next((n for n in names if found.get(n, value) == value), names[-1])] = value
    return found
