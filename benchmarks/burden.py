"""How near the quick estimates of travel burden come to rounds that were planned.

Lot-days of real counties (../shared/geo): Leicestershire's 18 published lots, and lots of Herefordshire,
Hampshire, Bath and North East Somerset, and Rutland that are drawn here by halving the hours along the longer
side. Visits are made up from hours spread by the people aged 75 and over; windows are 30, 60 or 120 minutes;
one lot-day in four has 25 % of its hours double-handed.

For each, rounds are planned, and the travel between visits set against

- assignment: lotting.travel.burden.lot_burden
- nearest: lotting.travel.burden_plan.QuickBurdens
- square root: k sqrt(A n) of the lot's extent and visits (Beardwood, Halton and Hammersley 1959; Daganzo
  1984), and the same plus the fixed minutes of a stop at each visit,

fitted to all other lot-days (leave one out): the first two by a scale, a factor for narrow windows and one
for rural areas (least squares in logarithms), the square roots by one scale, the median of planned over
estimated.

    python benchmarks/burden.py                  all 69 lot-days
    python benchmarks/burden.py --lot-days 12    the first dozen
    python benchmarks/burden.py --csv out.csv    every lot-day as a row
    python benchmarks/burden.py --rounds out.csv the rounds of that run again, other estimates
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lotting.brief import TravelBrief, VisitsBrief
from lotting.embedded import share_out
from lotting.travel import StraightLine
from lotting.travel.burden import UNSCALED, BurdenRule, lot_burden
from lotting.travel.burden_plan import QuickBurdens
from lotting.visits.frame import busiest_weekday
from lotting.visits.sample import visits_of_area_hours

SHARED = Path(__file__).resolve().parents[2] / "shared"
#: Weekly hours and lots: Leicestershire's hours and lots as published, the others round figures.
COUNTIES = {
    "leicestershire": (49_230.0, 18), "herefordshire": (11_500.0, 8), "hampshire": (60_000.0, 30),
    "banes": (9_000.0, 8), "rutland": (3_000.0, 2),
}
WINDOWS = (30.0, 60.0, 120.0)
ROUNDS = ("planned", "planned km", "unserved", "planned_s")
#: A lot-day of which more could not be planned has no travel to compare with.
UNPLANNED_SHARE = 0.01
METHODS = ("assignment", "nearest", "square root + stops", "square root")


@dataclass(frozen=True, slots=True)
class LotDay:
    """A lot, its visits of a day, and what is laid on them."""

    name: str
    county: str
    rural: bool
    window: float
    extent_km2: float
    visits: pd.DataFrame


def halves(areas: gpd.GeoDataFrame, hours: pd.Series, lots: int) -> dict[str, str]:
    """Cut a county into lots of like hours, along the longer side each time."""
    if lots == 1:
        return dict.fromkeys(areas.index, areas.index[0])
    width, height = np.ptp(areas["x_m"]), np.ptp(areas["y_m"])
    order = areas.sort_values("x_m" if width > height else "y_m")
    share = hours.loc[order.index].cumsum() / hours.sum()
    few = lots // 2
    first = order.index[(share <= few / lots).to_numpy()]
    rest = order.index.difference(first, sort=False)
    return (halves(areas.loc[first], hours.loc[first], few)
            | halves(areas.loc[rest], hours.loc[rest], lots - few))


def county(name: str) -> tuple[gpd.GeoDataFrame, pd.Series, pd.Series]:
    """Areas, weekly hours and lots."""
    folder = SHARED / "geo" / "units"
    areas = gpd.read_file(folder / f"{name}.gpkg", layer="lsoa21").set_index("LSOA21CD")
    areas = areas.rename(columns={"pc_x": "x_m", "pc_y": "y_m"})
    areas.index.name = "area_code"
    total, number = COUNTIES[name]
    hours = pd.Series(share_out(total, areas["pop75_mid2020"], 0.25), index=areas.index)
    if name == "leicestershire":
        table = pd.read_csv(folder / "leicestershire_published_lots.csv")
        lots = table.set_index("area_code")["lot"]
        return areas, hours, lots[lots.index.isin(areas.index)]
    return areas, hours, pd.Series(halves(areas, hours, number)).reindex(areas.index)


def lot_days() -> Iterator[LotDay]:
    """Every lot once or twice, its window by turns."""
    turn = 0
    for name in COUNTIES:
        areas, hours, lots = county(name)
        for number, (_, codes) in enumerate(lots.groupby(lots, sort=True)):
            # Large lots take long to plan: one in two of Hampshire's, and the small counties twice.
            if name == "hampshire" and number % 2:
                continue
            for again in range(1 if name in {"leicestershire", "hampshire"} else 2):
                window = WINDOWS[(turn + again) % 3]
                settings = VisitsBrief(
                    window_minutes=window, seed=turn + 1,
                    double_handed_share_pct=25.0 if turn % 4 == 3 else 0.0)
                visits = visits_of_area_hours(hours.loc[codes.index], areas, settings)
                part = areas.loc[codes.index]
                rural = part["rural"].astype(bool)
                day = visits[visits["day"] == busiest_weekday(visits)]
                day = day.assign(rural=day["area_code"].map(rural))
                yield LotDay(f"{name} {number + 1}/{again + 1}", name, bool(rural.mean() > 0.5), window,
                             float(part.area.sum()) / 1e6, day)
                turn += 1


def estimates(lot: LotDay, travel: StraightLine, stop_minutes: float) -> dict[str, float]:
    """Minutes of travel between visits by every method, before scaling, and the seconds they take."""
    rule = BurdenRule(**UNSCALED)
    began = time.perf_counter()
    matrix = travel.matrix(lot.visits[["x_m", "y_m", "rural"]])
    matrix_s = time.perf_counter() - began
    began = time.perf_counter()
    burden = lot_burden(lot.visits, matrix.minutes, matrix.km, rule=rule)
    assignment_s = time.perf_counter() - began
    codes = lot.visits["area_code"].unique()
    rural = lot.visits.drop_duplicates("area_code").set_index("area_code")["rural"]
    quick = QuickBurdens(lot.visits, codes, travel, rural=rural, rule=rule)
    carers = lot.visits["carers"].to_numpy()
    began = time.perf_counter()
    nearest = quick.minutes(np.arange(len(codes)))
    nearest_s = time.perf_counter() - began
    root = float(np.sqrt(lot.extent_km2 * burden.visits))
    return {
        "assignment": burden.travel_minutes, "nearest": nearest, "square root": root,
        "stops": stop_minutes * burden.visits, "assignment km": burden.km, "visits": burden.visits,
        "contact_hours": burden.contact_hours, "matrix_s": matrix_s, "assignment_s": assignment_s,
        "nearest_s": nearest_s, "estimated_rounds": burden.rounds,
        "rural_share": float(np.repeat(lot.visits["rural"].to_numpy(bool), carers).mean()),
    }


def planned(lot: LotDay, travel: StraightLine, effort: float) -> dict[str, float]:
    """Plan rounds, and take their travel between visits."""
    from allocation.rounds import plan_day

    began = time.perf_counter()
    rounds = plan_day(lot.visits, None, travel, seed=1, effort=effort)
    return {"planned": rounds.travel_minutes_between, "planned km": rounds.km_between,
            "unserved": float(len(rounds.unserved)), "planned_s": time.perf_counter() - began}


def left_out(table: pd.DataFrame, method: str, truth: str = "planned") -> tuple[pd.Series, tuple[float, ...]]:
    """Error of each lot-day, %, fitted to all others; and the numbers fitted to all."""
    if method.startswith("square root"):
        extra = table["stops"].to_numpy() if method.endswith("+ stops") else 0.0
        ratio = ((table[truth] - extra) / table["square root"]).to_numpy()
        scales = np.array([np.median(np.delete(ratio, i)) for i in range(len(ratio))])
        found = scales * table["square root"] + extra
        return (found / table[truth] - 1).abs() * 100, (float(np.median(ratio)),)
    ratio = np.log((table[truth] / table[method]).to_numpy())
    known = [np.ones(len(table)), 1 / table["window"].to_numpy(), table["rural_share"].to_numpy()]
    given = np.column_stack(known[: 2 if truth.endswith("km") else 3])

    def fit(rows: Any) -> Any:
        return np.linalg.lstsq(given[rows], ratio[rows], rcond=None)[0]

    rows = np.arange(len(table))
    found = table[method] * np.exp([given[i] @ fit(rows != i) for i in rows])
    scale, *others = fit(rows)
    return (found / table[truth] - 1).abs() * 100, (float(np.exp(scale)), *map(float, others))


def one(lot: LotDay, effort: float, known: Mapping[str, dict[str, float]]) -> dict[str, Any]:
    """Everything that is measured of a lot-day."""
    brief = TravelBrief()
    travel = StraightLine(brief)
    row = {"lot_day": lot.name, "county": lot.county, "rural": lot.rural, "window": lot.window}
    rounds = known[lot.name] if lot.name in known else planned(lot, travel, effort)
    return row | estimates(lot, travel, brief.stop_minutes) | rounds


def measure(
    effort: float, limit: int, processes: int, tell: Callable[[str], None],
    known: Mapping[str, dict[str, float]] | None = None,
) -> pd.DataFrame:
    days = islice(lot_days(), limit)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        work = partial(one, effort=effort, known=known or {})
        found: Iterable[dict[str, Any]] = map(work, days)
        if processes > 1:
            pool = stack.enter_context(get_context("spawn").Pool(processes))
            found = pool.imap(work, days)
        for row in found:
            rows.append(row)
            tell(f"{row['lot_day']:<22}{row['visits']:>6} visits  planned {row['planned']:>7.0f} min  "
                 f"assignment {row['assignment']:>7.0f}  nearest {row['nearest']:>7.0f}  "
                 f"{row['planned_s']:>6.1f} s")
    return pd.DataFrame(rows)


def report(table: pd.DataFrame) -> str:
    without = table["unserved"] > UNPLANNED_SHARE * table["visits"]
    lost = [f"Left out, because over {100 * UNPLANNED_SHARE:g} % of its visits could not be planned: {name}."
            for name in table.loc[without, "lot_day"]]
    table = table[~without]
    hour = table["planned"] / table["contact_hours"]
    lines = [
        (f"{len(table)} lot-days, {int(table['visits'].min())} to {int(table['visits'].max())} carers' "
         f"visits; planned: {hour.min():.1f} to {hour.max():.1f} travel minutes a contact hour, median "
         f"{hour.median():.1f}; {int(table['unserved'].sum())} visits unserved."),
        *lost,
        "",
        "| estimate | fitted | median error % | mean | 9 in 10 within | worst |",
        "|---|---|---|---|---|---|",
    ]
    for name, method, truth in (*((m, m, "planned") for m in METHODS),
                                ("assignment, km", "assignment km", "planned km")):
        error, numbers = left_out(table, method, truth)
        fitted = ", ".join(f"{round(n, 3) + 0.0:.3f}" for n in numbers)
        lines.append(f"| {name} | {fitted} | {error.median():.1f} | "
                     f"{error.mean():.1f} | {error.quantile(0.9):.1f} | {error.max():.1f} |")
    lines += ["", "| of them | lot-days | assignment: median error % | nearest | square root + stops |",
              "|---|---|---|---|---|"]
    groups = {f"{w:g}-minute windows": table["window"] == w for w in WINDOWS}
    groups |= {"mostly rural": table["rural"], "mostly urban": ~table["rural"]}
    for what, mask in groups.items():
        if mask.any():
            medians = [left_out(table, m)[0][mask].median() for m in METHODS[:3]]
            lines.append(f"| {what} | {int(mask.sum())} | " + " | ".join(f"{m:.1f}" for m in medians) + " |")
    size = table.iloc[(table["visits"] - 500).abs().argmin()]
    lines += ["", (f"Seconds for {int(size['visits'])} visits: matrix {size['matrix_s']:.3f}, assignment "
                   f"{size['assignment_s']:.3f}, nearest {size['nearest_s']:.5f}; rounds "
                   f"{size['planned_s']:.0f}.")]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lot-days", type=int, default=1_000, help="how many at most")
    parser.add_argument("--effort", type=float, default=0.5, help="of the search for rounds")
    parser.add_argument("--processes", type=int, default=1, help="lot-days at a time")
    parser.add_argument("--csv", type=Path, help="write every lot-day as a row")
    parser.add_argument("--rounds", type=Path, help="take the rounds from such a file")
    chosen = parser.parse_args()
    if not (SHARED / "geo" / "units").is_dir():
        print("The reference data folder (../shared/geo) is not there.", file=sys.stderr)
        return 2
    known: dict[str, dict[str, float]] = {}
    if chosen.rounds is not None:
        before = pd.read_csv(chosen.rounds).set_index("lot_day")[list(ROUNDS)]
        known = {str(name): row.to_dict() for name, row in before.iterrows()}
    table = measure(chosen.effort, chosen.lot_days, chosen.processes,
                    lambda text: print(text, file=sys.stderr, flush=True), known)
    if chosen.csv is not None:
        table.to_csv(chosen.csv, index=False, lineterminator="\n")
    print(report(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
