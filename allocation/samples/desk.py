"""A made-up brokerage desk: providers, block contracts, packages that run, and a day's list to place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["DeskShape", "made_up_desk"]

_DAY = "2026-04-01"
_SKILLS = ("hoist", "peg", "dementia")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskShape:
    """What the made-up desk looks like; all figures are made up but the names and rough places.

    Attributes
    ----------
    towns
        Name, easting and northing of the places where people live, the largest first.
    providers, packages, listed
        How many providers, packages that run, and packages to place.
    rate_gbp, rate_spread_gbp
        Mean hourly rate, and its spread.
    weekly_hours
        Mean of a package.
    blocks
        How many of the largest providers have a block in the town they mostly work in.
    tiers
        Whether providers have tiers; one in eight is then off the framework.
    """

    towns: tuple[tuple[str, int, int], ...]
    providers: int
    packages: int
    listed: int
    rate_gbp: float
    rate_spread_gbp: float = 1.0
    weekly_hours: float = 9.0
    blocks: int = 3
    tiers: bool = False


def made_up_desk(shape: DeskShape, *, seed: int) -> dict[str, pd.DataFrame]:
    """Make up a desk.

    Returns
    -------
    dict
        ``providers``, ``contracts``, ``today`` and ``list`` as :mod:`allocation.brokerage` reads them. Work
        is shared as in B&NES: most of it is with a few providers.

    Examples
    --------
    >>> towns = (("Bath", 375_000, 164_800), ("Radstock", 368_900, 154_900))
    >>> desk = made_up_desk(DeskShape(towns=towns, providers=8, packages=40, listed=5, rate_gbp=19.0), seed=1)
    >>> {name: len(table) for name, table in desk.items()}
    {'providers': 8, 'contracts': 3, 'today': 40, 'list': 5}
    """
    rng = np.random.default_rng(seed)
    ids = [f"P{k + 1:02d}" for k in range(shape.providers)]
    part = 0.7 ** np.arange(shape.providers) + 0.02
    home = rng.integers(0, len(shape.towns), shape.providers)
    today = _packages(shape, shape.packages, "T", rng)
    today.insert(2, "provider_id", _given(today, ids, part / part.sum(), home, shape, rng))
    grown = rng.random(len(today)) < 0.06
    today["agreed_hours"] = np.where(grown, np.maximum(today["weekly_hours"] - 6, 1), today["weekly_hours"])
    weeks = rng.integers(1, 60, len(today))
    today["start"] = [str((pd.Timestamp(_DAY) - pd.Timedelta(weeks=int(w))).date()) for w in weeks]
    listed = _packages(shape, shape.listed, "K", rng)
    listed["start"] = "2026-04-08"
    given = (today["weekly_hours"] * today["carers"]).groupby(today["provider_id"]).sum()
    hours = given.reindex(ids).fillna(0)
    places = [shape.towns[h] for h in home]
    providers = pd.DataFrame({
        "provider_id": ids,
        "name": [f"Made-up provider {k}" for k in ids],
        "part_a": ["no" if shape.tiers and k % 8 == 7 else "yes" for k in range(len(ids))],
        "tier": [2 + k % 2 if shape.tiers else "" for k in range(len(ids))],
        "suspended_from": ["2026-03-15" if k == 4 else "" for k in range(len(ids))],
        "suspended_to": ["2026-06-30" if k == 4 else "" for k in range(len(ids))],
        "rate_gbp": np.round(rng.normal(shape.rate_gbp, shape.rate_spread_gbp, len(ids)), 2),
        "quality": np.round(np.clip(rng.normal(76, 7, len(ids)), 50, 97)).astype(int),
        "free_hours": np.round(rng.uniform(0, 24, len(ids)) * 2) / 2,
        "free_on": _DAY,
        "guaranteed_hours": [int(hours[k] * 0.8) if n < shape.blocks else "" for n, k in enumerate(ids)],
        "skills": [";".join(s for s in _SKILLS if rng.random() < 0.6) for _ in ids],
        "x_m": [x + int(rng.integers(-1500, 1500)) for _, x, _ in places],
        "y_m": [y + int(rng.integers(-1500, 1500)) for _, _, y in places],
    })
    contracts = pd.DataFrame({
        "contract_id": [f"B{k + 1}" for k in range(shape.blocks)],
        "provider_id": ids[: shape.blocks],
        "places": [shape.towns[home[k]][0] for k in range(shape.blocks)],
        "weekly_hours": [int(hours[ids[k]] // 25 + 1) * 25 for k in range(shape.blocks)],
        "rate_gbp": [round(float(providers["rate_gbp"][k]) * 0.95, 2) for k in range(shape.blocks)],
        "from": "2025-04-01",
        "to": "2027-03-31",
    })
    return {"providers": providers, "contracts": contracts, "today": today, "list": listed}


def _packages(shape: DeskShape, number: int, letter: str, rng: np.random.Generator) -> pd.DataFrame:
    weight = 1 / np.arange(1, len(shape.towns) + 1)
    town = rng.choice(len(shape.towns), number, p=weight / weight.sum())
    hours = np.clip(np.round(rng.lognormal(np.log(shape.weekly_hours * 0.8), 0.6, number) * 4) / 4, 0.5, 60)
    double = rng.random(number) < 0.12
    return pd.DataFrame({
        "package_id": [f"{letter}{k + 1}" for k in range(number)],
        "person_id": [f"N-{letter}{k + 1}" for k in range(number)],
        "weekly_hours": hours,
        "carers": np.where(double, 2, 1),
        "skills": np.where(double, "hoist", np.where(rng.random(number) < 0.1, "dementia", "")),
        "area": [shape.towns[t][0] for t in town],
        "x_m": [shape.towns[t][1] + int(rng.normal(0, 1200)) for t in town],
        "y_m": [shape.towns[t][2] + int(rng.normal(0, 1200)) for t in town],
    })


def _given(
    today: pd.DataFrame, ids: list[str], part: np.ndarray, home: np.ndarray, shape: DeskShape,
    rng: np.random.Generator,
) -> list[str]:
    """Give the packages out, three times as likely to a provider at home in their town."""
    found = []
    for area in today["area"]:
        likely = part * np.where([shape.towns[h][0] == area for h in home], 3.0, 1.0)
        found.append(ids[int(rng.choice(len(ids), p=likely / likely.sum()))])
    return found
