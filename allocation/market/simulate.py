"""Made-up packages and answers of which the truth is known: for tests and demonstrations.

Two councils, after what they published of their markets (SYSTEMS.md L4, L5 and B4, from Leicestershire's
and Bath & North East Somerset's papers). Every figure of a market is set first, and the packages are made
to add up to it exactly; only who has which package is drawn by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lotting.embedded import QUARTER_HOUR, share_out

from .read import NO_TEAM, NOT_ON_MAP, MarketPackages

__all__ = [
    "LEICESTERSHIRE_LOCALITIES", "MadeUpMarket", "banes_market", "leicestershire_market",
    "made_up_intentions",
]  # fmt: skip

LEICESTERSHIRE_LOCALITIES = (
    "Hinckley & Bosworth", "N W Leicestershire", "Melton, Rutland & Harborough", "North Charnwood",
    "South Charnwood", "Blaby & Lutterworth", "Oadby & Wigston",
)  # fmt: skip
_TEAMS = ("North team", "South team", "Hospital team")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeUpMarket:
    """A market nobody lives in.

    Attributes
    ----------
    packages
        As an export has them: ``package_id``, ``person_id``, ``locality``, ``weekly_hours``, ``payer``,
        ``team``, ``provider_id``, ``start``, ``end``, ``hourly_rate_gbp``; one carer each.
    as_of
        The day that counts.
    truth
        What the market was made to be, by name.
    """

    packages: pd.DataFrame
    as_of: pd.Timestamp
    truth: Mapping[str, Any]

    def read(self) -> MarketPackages:
        """Return the packages as if they had been read from a file."""
        rows = self.packages
        reason = pd.Series("", index=rows.index, dtype="str")
        reason = reason.mask(rows["end"] < self.as_of, "ended").mask(rows["start"] > self.as_of, "not begun")
        frame = pd.DataFrame({
            "provider_id": rows["provider_id"], "area_code": rows["locality"],
            "locality": rows["locality"].replace("", NOT_ON_MAP), "payer": rows["payer"],
            "team": rows["team"].replace("", NO_TEAM), "hours": rows["weekly_hours"],
            "weekly_cost_gbp": rows["weekly_hours"] * rows["hourly_rate_gbp"],
            "start": rows["start"], "end": rows["end"], "person": rows["person_id"], "reason": reason,
        })  # fmt: skip
        return MarketPackages(frame=frame, as_of=self.as_of, teams_known=True, costs_known=True)


def leicestershire_market(seed: int = 1, *, no_provider_hours: float = 0.0) -> MadeUpMarket:
    """Make a market as Leicestershire had it (SYSTEMS.md L4).

    Parameters
    ----------
    seed
        Of who has which package.
    no_provider_hours
        Weekly hours, besides the 49,230, of packages that wait for a provider; quarters of an hour.

    Returns
    -------
    MadeUpMarket
        150 providers with 49,230 h a week; the largest holds 9.6 %, the ten largest 38 %, 29 are under
        20 h, only the largest is over 3,000 h; in Hinckley & Bosworth the largest, ``P002``, holds 13 %.
    """
    rng = np.random.default_rng(seed)
    total, largest, top_ten, small = 49_230.0, 4_726.0, 18_707.5, 29
    few = 4 + QUARTER_HOUR * np.floor(np.linspace(0, 63, small))  # 4 to 19.75 hours
    middle = total - top_ten - few.sum()
    hours = np.concatenate([
        [largest],
        share_out(top_ten - largest, np.linspace(1.22, 0.78, 9), QUARTER_HOUR),
        share_out(middle, np.geomspace(30, 1, 150 - 10 - small), QUARTER_HOUR),
        few[::-1],
    ])  # fmt: skip
    ids = [f"P{i:03d}" for i in range(1, 151)]
    first, rest = LEICESTERSHIRE_LOCALITIES[0], LEICESTERSHIRE_LOCALITIES[1:]
    here_hours, leader, leader_hours = 6_000.0, 1, 780.0  # 13 %
    here = np.zeros(150)
    others = (hours >= 100) & (np.arange(150) != leader)
    here[others] = share_out(here_hours - leader_hours, hours[others], QUARTER_HOUR)
    here[leader] = leader_hours
    cells = []
    for i, provider in enumerate(ids):
        places = rng.permutation(len(rest))[: 1 if hours[i] < 20 else 2 if hours[i] < 100 else len(rest)]
        parts = share_out(hours[i] - here[i], 0.3 + rng.random(len(places)), QUARTER_HOUR)
        cells += [(provider, rest[place], part) for place, part in zip(places, parts, strict=True)]
        cells.append((provider, first, here[i]))
    if no_provider_hours:
        cells.append(("", rest[0], no_provider_hours))
    parts_ = [
        _packages(float(part), max(1, round(part / 13)), rng).assign(provider_id=provider, locality=locality)
        for provider, locality, part in cells if part > 0
    ]  # fmt: skip
    packages = pd.concat(parts_, ignore_index=True)
    packages["payer"] = np.where(rng.random(len(packages)) < packages["weekly_hours"] / 60, "NHS", "LCC")
    as_of = pd.Timestamp("2016-04-01")
    packages["start"] = as_of - pd.to_timedelta(rng.integers(1, 900, len(packages)), unit="D")
    packages["end"] = pd.NaT
    packages["hourly_rate_gbp"] = 14.5
    return MadeUpMarket(packages=_named(packages, rng), as_of=as_of, truth={
        "hours": dict(zip(ids, hours.tolist(), strict=True)), "providers": 150, "largest_pct": 9.6,
        "top_ten_pct": 38.0, "under_20": small, "hinckley_largest": "P002", "hinckley_pct": 13.0,
        "no_provider_hours": no_provider_hours,
    })  # fmt: skip


def banes_market(seed: int = 1) -> MadeUpMarket:
    """Make a market as Bath & North East Somerset had it (SYSTEMS.md B4).

    Parameters
    ----------
    seed
        Of the packages' sizes.

    Returns
    -------
    MadeUpMarket
        On 1 April 2019 the council's packages have 8 h a week on average, those of the NHS (CCG) 13.5 h;
        six of 25 providers have 70 % of spend; spend of 2017/18 is GBP 7.95m (council) and 2.30m (CCG),
        of 2018/19 7.51m and 2.54m.
    """
    rng = np.random.default_rng(seed)
    weights = np.concatenate([70 * np.linspace(1.4, 0.6, 6) / 6, 30 * np.linspace(1.6, 0.4, 19) / 19])
    ids = [f"B{i:02d}" for i in range(1, 26)]
    parts = []
    # (year, payer) -> packages; x mean hours x rate x 365 / 7 is the year's spend.
    for year, payer, number, mean, rate in (
        (2017, "Council", 953, 8.0, 20.00), (2017, "CCG", 163, 13.5, 20.05),
        (2018, "Council", 900, 8.0, 20.00), (2018, "CCG", 180, 13.5, 20.05),
    ):  # fmt: skip
        hours = share_out(number * mean, weights, QUARTER_HOUR)
        counts = share_out(number, hours).astype(int)
        for provider, part, count in zip(ids, hours, counts, strict=True):
            parts.append(_packages(float(part), int(count), rng).assign(
                provider_id=provider, payer=payer, hourly_rate_gbp=rate,
                start=pd.Timestamp(year, 4, 1), end=pd.Timestamp(2018, 3, 31) if year == 2017 else None,
            ))  # fmt: skip
    # Packages that ended the day before: the file tells all from then on.
    parts.append(_packages(80.0, 10, rng).assign(
        provider_id=ids[0], payer="Council", hourly_rate_gbp=20.0, start=pd.Timestamp("2016-09-01"),
        end=pd.Timestamp("2017-03-31"),
    ))  # fmt: skip
    packages = pd.concat(parts, ignore_index=True)
    packages["end"] = pd.to_datetime(packages["end"])
    packages["locality"] = rng.choice(["Bath", "Keynsham", "Somer Valley"], len(packages))
    return MadeUpMarket(packages=_named(packages, rng), as_of=pd.Timestamp("2019-04-01"), truth={
        "mean_hours": {"Council": 8.0, "CCG": 13.5}, "six_pct": 70.0, "providers": 25,
        "spend_gbp": {
            ("2017/18", "Council"): 7.95e6, ("2017/18", "CCG"): 2.30e6,
            ("2018/19", "Council"): 7.51e6, ("2018/19", "CCG"): 2.54e6,
        },
    })  # fmt: skip


def made_up_intentions(
    lots: Sequence[str], seed: int = 1, *, firms: int = 50, fine_pct: float = 76.0
) -> pd.DataFrame:
    """Make up the answers of a market engagement (SYSTEMS.md L5).

    Parameters
    ----------
    lots
        Every lot finds interest.
    seed
        Of who would bid where.
    firms
        How many answer, at least 4.
    fine_pct
        Share of them that call their lots viable with no or minor concerns; the nearest whole number of
        firms.

    Returns
    -------
    pandas.DataFrame
        ``provider_id``, ``lot``, ``staff``, ``role``, ``viability``, as
        :func:`allocation.market.intentions.read_intentions` reads them; a quarter of the firms of each
        size.
    """
    rng = np.random.default_rng(seed)
    fine = round(firms * fine_pct / 100)
    views = np.array(["viable", "minor concerns"] * fine)[:fine].tolist()
    views += ["major concerns", "not viable"] * (firms - fine)
    ranges = ((1, 10), (10, 50), (50, 251), (251, 2000))
    rows = []
    for i in range(firms):
        low, high = ranges[i % 4]
        more = rng.choice(list(lots), min(len(lots), 1 + 2 * (i % 4)), replace=False)
        wanted = {lots[i % len(lots)], *more}
        rows += [{
            "provider_id": f"F{i + 1:03d}", "lot": lot, "staff": int(rng.integers(low, high)),
            "role": ("alone", "sub-contractor", "lead", "consortium")[int(rng.integers(4))],
            "viability": views[i],
        } for lot in lots if lot in wanted]  # fmt: skip
    table = pd.DataFrame(rows)
    table["staff"] = table.groupby("provider_id")["staff"].transform("first")
    return table


def _packages(hours: float, number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return packages that add up to the hours: none without any, most of them small."""
    number = min(number, max(1, int(hours)))
    least = min(1.0, QUARTER_HOUR * np.floor(hours / number / QUARTER_HOUR))
    weights: npt.NDArray[np.float64] = rng.exponential(size=number) + 1e-9
    sizes = least + share_out(hours - least * number, weights, QUARTER_HOUR)
    return pd.DataFrame({"weekly_hours": sizes})


def _named(packages: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    table = packages.sample(frac=1, random_state=rng).reset_index(drop=True)
    table["package_id"] = [f"K{i:06d}" for i in range(1, len(table) + 1)]
    table["person_id"] = [f"M{i:06d}" for i in rng.permutation(len(table))]
    table["team"] = rng.choice(_TEAMS, len(table))
    return table[["package_id", "person_id", "locality", "weekly_hours", "payer", "team", "provider_id",
                  "start", "end", "hourly_rate_gbp"]]  # fmt: skip
