"""Write a sample into a folder: a council's rules, explained, and made-up bids or packages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from allocation.tender.lots import TenderLots, lots_of_project, lots_of_tables
from lotting.errors import InputError, Problem, some
from lotting.files import write_text

from .desk import DeskShape, made_up_desk
from .market import MarketShape, made_up_market

__all__ = ["COUNCILS", "TENDERS", "new_sample"]

_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """Lots of a sample, and what its bids look like.

    Attributes
    ----------
    shape
        The bids.
    lots
        Weekly hours by lot; empty for those of a lotting project.
    touching
        Lots that touch.
    places
        Where a lot is: name, and metres on the National Grid.
    rates_gbp
        Hourly rate by the beginning of a lot's name, where the council sets it.
    """

    shape: MarketShape
    lots: tuple[tuple[str, float], ...] = ()
    touching: tuple[tuple[str, str], ...] = ()
    places: tuple[tuple[str, int, int], ...] = ()
    rates_gbp: tuple[tuple[str, float], ...] = ()


#: Herefordshire's hours and rates: Cabinet, 3 November 2016 (found); the rate of D lots is what their
#: figures come to. Hampshire's zones have a round figure, and rough places (north, east, south, west).
_SAMPLES = {
    "leicestershire": _Sample(
        shape=MarketShape(bidders=40, rate_gbp=21.5, rate_spread_gbp=1.1, stray_gbp=(17.2, 27.4))),
    "herefordshire": _Sample(
        shape=MarketShape(bidders=16, rate_gbp=15.8, rate_spread_gbp=0.0, consortia=0, packages=0),
        lots=(("A", 1_682), ("B", 2_174), ("C", 1_696), ("D", 2_352), ("E", 1_295),
              ("Complex A & B", 1_355), ("Complex C, D, E", 975)),
        rates_gbp=(("Complex", 13.7), ("", 15.8))),
    "hampshire": _Sample(
        shape=MarketShape(bidders=26, rate_gbp=22.0, consortia=4, packages=6),
        lots=tuple((f"Zone {k}", 15_000) for k in range(1, 5)),
        touching=(("Zone 1", "Zone 2"), ("Zone 2", "Zone 3"), ("Zone 3", "Zone 4"), ("Zone 1", "Zone 4")),
        places=(("Zone 1", 464_000, 152_000), ("Zone 2", 478_000, 120_000), ("Zone 3", 442_000, 114_000),
                ("Zone 4", 436_000, 146_000))),
}
#: Towns with rough places on the National Grid (recalled); B&NES's rate is about the fair price.
_DESKS = {
    "worcestershire": DeskShape(
        towns=(("Worcester", 385_000, 255_000), ("Redditch", 404_500, 267_500),
               ("Kidderminster", 383_000, 276_500), ("Bromsgrove", 396_000, 270_500),
               ("Malvern", 378_500, 246_000), ("Evesham", 403_500, 243_800)),
        providers=30, packages=420, listed=30, rate_gbp=21.5, weekly_hours=11.0, blocks=2),
    "banes": DeskShape(
        towns=(("Bath", 375_000, 164_800), ("Keynsham", 365_500, 168_500),
               ("Midsomer Norton", 366_500, 154_500), ("Radstock", 368_900, 154_900),
               ("Chew Valley", 357_000, 161_500)),
        providers=24, packages=260, listed=30, rate_gbp=19.2, weekly_hours=8.0, tiers=True),
}
TENDERS = tuple(_SAMPLES)
COUNCILS = (*TENDERS, *_DESKS)


def new_sample(folder: str | Path, council: str = "leicestershire") -> list[Path]:
    """Write a sample tender, or a sample brokerage desk.

    Parameters
    ----------
    folder
        Where to; made when it is not there. For Leicestershire it is the folder of a lotting project whose
        lots have been drawn: they are tendered.
    council
        One of :data:`COUNCILS`.

    Returns
    -------
    list of Path
        The files, ``tender.toml`` or ``broker.toml`` last.

    Raises
    ------
    InputError
        There is no such sample, the folder has files of these names, or no lots have been drawn.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     [path.name for path in new_sample(Path(place) / "tender", "herefordshire")]
    ['lots.csv', 'bidders.csv', 'bids.csv', 'tender.toml']
    """
    folder, council = Path(folder), council.strip().casefold()
    if council not in COUNCILS:
        raise InputError(Problem(
            message=f"there is no sample of {council!r}", fix=f"Choose one of {', '.join(COUNCILS)}."))
    tender = council in _SAMPLES
    tables = _tables(folder, _SAMPLES[council]) if tender else made_up_desk(_DESKS[council], seed=_SEED)
    template = resources.files(__package__).joinpath("templates", f"{council}.toml")
    writers: dict[str, Callable[[Path], None]] = {
        f"{name}.csv": lambda path, table=table: table.to_csv(  # type: ignore[misc]
            path, index=False, lineterminator="\n", encoding="utf-8")
        for name, table in tables.items()}
    rules = template.read_text(encoding="utf-8")
    writers["tender.toml" if tender else "broker.toml"] = lambda path: write_text(path, rules)
    _write(folder, writers)
    return [folder / name for name in writers]


def _tables(folder: Path, sample: _Sample) -> dict[str, pd.DataFrame]:
    if not sample.lots:
        lots, incumbents = _drawn(folder)
        market = made_up_market(lots, sample.shape, seed=_SEED, incumbents=incumbents)
        return {**market, "incumbents": incumbents}
    table = pd.DataFrame(sample.lots, columns=["lot", "weekly_hours"])
    if sample.places:
        table = table.merge(pd.DataFrame(sample.places, columns=["lot", "x_m", "y_m"]))
    touching = pd.DataFrame(sample.touching, columns=["lot", "neighbour"])
    table.attrs["file"], touching.attrs["file"] = "lots.csv", "neighbours.csv"
    lots = lots_of_tables(table.astype(str), touching if sample.touching else None)
    market = made_up_market(lots, sample.shape, seed=_SEED)
    for start, rate in reversed(sample.rates_gbp):
        market["bids"].loc[market["bids"]["lot"].str.startswith(start), "hourly_rate_gbp"] = rate
    found = {"lots": table, "neighbours": touching, **market}
    return {name: frame for name, frame in found.items() if len(frame)}


def _drawn(folder: Path) -> tuple[TenderLots, pd.DataFrame]:
    """Lots of the folder's own project, and who gives the care in each of them today."""
    from allocation.market.read import NO_PROVIDER, read_market_packages
    from lotting.project import load_project, read_plan

    plan_file = folder / "out" / "plan.csv"
    missing = [str(p) for p in (folder / "brief.toml", plan_file) if not p.is_file()]
    if missing:
        raise InputError(Problem(
            message=f"this tender is for lots that have been drawn, and there is no {some(missing)}",
            file=str(folder), fix="Draw them first: lotting demo, or lotting new and lotting design."))
    project = load_project(folder)
    plan = read_plan(plan_file, project)
    packages = read_market_packages(project).counted
    packages = packages.assign(lot=packages["area_code"].map(plan.lots))
    packages = packages[packages["lot"].notna() & (packages["provider_id"] != NO_PROVIDER)]
    held = packages.groupby(["lot", "provider_id"]).agg(
        weekly_hours=("hours", "sum"), people=("person", "nunique")).reset_index()
    held["weekly_hours"] = held["weekly_hours"].round(2)
    return lots_of_project(project, plan), held


def _write(folder: Path, writers: dict[str, Callable[[Path], None]]) -> None:
    there = [name for name in writers if (folder / name).exists()]
    if there:
        raise InputError(Problem(
            message=f"the folder already has {some(there)}, and nothing is written over", file=str(folder),
            fix="Choose another folder, or move these files away."))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as draft:
            for name, write in writers.items():
                write(Path(draft) / name)
            for name in writers:
                (Path(draft) / name).replace(folder / name)
    except OSError as error:
        raise InputError(Problem(
            message=f"the folder cannot be written to: {error.strerror or error}", file=str(folder),
            fix="Choose another place, or ask for the right to write there.")) from error
