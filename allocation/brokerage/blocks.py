"""Which spot packages to turn into block contracts: providers, sizes by area, saving and risk.

Worcestershire's theme summary: "Block contracts would be available to any provider who has a
significant number of hours currently and has a good quality record"; spot stays open to new entrants.
A block is paid whether or not it is used, so it saves what its provider's rate comes down by, less what stays
empty.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ortools.math_opt.python import mathopt
from scipy.stats import norm

from allocation.solver import run_solver
from lotting.errors import LottingError

from .brief import BlocksBrief
from .eligible import suspended
from .office import Office
from .reading import rows_of

__all__ = ["LOW_SHARE", "BlockPlan", "expected_use", "low_use", "plan_blocks", "spot_hours"]

NOT_KNOWN = "not known"
LOW_SHARE = 0.1
"""Share of the weeks, those with the least demand, that ``saving_low_gbp`` is of."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockPlan:
    """Blocks proposed.

    Attributes
    ----------
    blocks
        ``area``, ``provider_id``, ``block_hours``, ``rate_gbp`` (of the block), ``spot_rate_gbp`` (the
        provider's), ``hours_today`` (its spot hours there); blocks in the order of areas.
    areas
        Index ``area``; ``spot_hours`` (today), ``block_hours``, ``spot_left_pct``, ``used_hours``
        (expected), ``empty_hours`` (paid for and expected to stay empty), ``full_pct`` (chance that
        demand fills the blocks), ``saving_gbp`` (a week, expected), ``saving_low_gbp`` (the same over the
        tenth of the weeks with the least demand).
    providers
        Index ``provider_id``; ``spot_hours``, ``quality``, ``block_hours``, ``share_pct`` (of all spot
        hours), ``why`` (why it gets no block; ``""`` where it does).
    """

    blocks: pd.DataFrame
    areas: pd.DataFrame
    providers: pd.DataFrame


def spot_hours(office: Office) -> pd.DataFrame:
    """Return today's spot packages: neither in a block nor of a lot's provider.

    Returns
    -------
    pandas.DataFrame
        ``area``, ``provider_id``, ``hours``, ``rate_gbp`` (the package's, else the provider's).
    """
    today = office.today
    pools = set(office.offers["pool"])
    contract = ("block:" + today["contract_id"]).isin(pools)
    award = ("lot:" + today["lot"] + ":" + today["provider_id"]).isin(pools)
    spot = today[~contract & ~award & (today["hours"] > 0)]
    return pd.DataFrame({
        "area": spot["area"].mask(spot["area"] == "", NOT_KNOWN), "provider_id": spot["provider_id"],
        "hours": spot["hours"],
        "rate_gbp": spot["rate_gbp"].fillna(spot["provider_id"].map(office.providers["rate_gbp"])),
    }).reset_index(drop=True)  # fmt: skip


def expected_use(block_hours: float, mean_hours: float, sd_hours: float) -> float:
    """Return the hours of a block that are expected to be used: E[min(D, B)], D normal.

    Parameters
    ----------
    block_hours
        B.
    mean_hours, sd_hours
        Of the area's weekly demand D.

    Notes
    -----
    E[min(D, B)] = B - (B - m) P(z) - s p(z), z = (B - m) / s, with P and p the standard normal's
    distribution and density (the newsvendor's loss function).

    Examples
    --------
    >>> expected_use(50, 100, 0), round(expected_use(100, 100, 10), 2)
    (50.0, 96.01)
    """
    if sd_hours <= 0:
        return float(min(block_hours, mean_hours))
    z = (block_hours - mean_hours) / sd_hours
    return float(block_hours - (block_hours - mean_hours) * norm.cdf(z) - sd_hours * norm.pdf(z))


def low_use(block_hours: float, mean_hours: float, sd_hours: float) -> float:
    """Return the hours of a block that are used on average over the worst :data:`LOW_SHARE` of weeks.

    E[min(D, B) | D <= q], D normal, q its quantile: with w = min(B, q) and z = (w - m) / s it is
    w + (m P(z) - s p(z) - w P(z)) / share.

    Examples
    --------
    >>> low_use(50, 100, 0), round(low_use(100, 100, 10), 2), round(low_use(85, 100, 10), 2)
    (50.0, 82.45, 82.07)
    """
    if sd_hours <= 0:
        return float(min(block_hours, mean_hours))
    most = min(block_hours, mean_hours + float(norm.ppf(LOW_SHARE)) * sd_hours)
    z = (most - mean_hours) / sd_hours
    tail = mean_hours * norm.cdf(z) - sd_hours * norm.pdf(z)
    return max(0.0, float(most + (tail - most * norm.cdf(z)) / LOW_SHARE))


def plan_blocks(office: Office, *, keep_spot_pct: float | None = None, seconds: float = 20.0) -> BlockPlan:
    """Choose blocks for the greatest expected saving.

    Parameters
    ----------
    office
        Today's packages, providers' quality, ``[blocks]``.
    keep_spot_pct
        Share of each area's spot hours that stay spot; the brief's when left out.
    seconds
        Most for the solver.

    Returns
    -------
    BlockPlan

    Notes
    -----
    The hours of an area a week hence are taken as a compound Poisson sum of today's packages: mean the sum
    of their hours h, variance the sum of h squared. A block is no larger than what its provider gives there
    today, so it saves the discount on that provider's rate, not the difference to others' rates. Blocks are
    filled before spot is bought; hours of the area's blocks that are expected to stay empty cost the area's
    average spot rate, at which they would not have been bought. The choice is an integer programme, solved
    by HiGHS through OR-Tools.
    """
    brief = office.brief.blocks
    keep = brief.keep_spot_pct if keep_spot_pct is None else keep_spot_pct
    spot = spot_hours(office)
    areas = _areas(spot)
    providers = _providers(office, spot, brief)
    pairs = _pairs(spot, providers, brief)
    chosen = _choose(pairs, areas, brief, keep, float(spot["hours"].sum()), seconds)
    pairs["block_hours"] = chosen
    blocks = pairs[pairs["block_hours"] > 0].reset_index(drop=True)
    held = blocks.groupby("provider_id")["block_hours"].sum()
    providers["block_hours"] = held.reindex(providers.index).fillna(0.0)
    total = float(spot["hours"].sum())
    providers["share_pct"] = 100 * providers["block_hours"] / total if total else 0.0
    none = (providers["why"] == "") & (providers["block_hours"] == 0)
    providers["why"] = providers["why"].mask(none, "no block of its would save")
    return BlockPlan(blocks, _figures(areas, blocks), providers)


def _areas(spot: pd.DataFrame) -> pd.DataFrame:
    squares = spot["hours"] ** 2
    cost = spot["hours"] * spot["rate_gbp"]
    grouped = spot.assign(squares=squares, cost=cost).groupby("area")
    table = grouped[["hours", "squares", "cost"]].sum()
    known = spot[spot["rate_gbp"].notna()].groupby("area")["hours"].sum().reindex(table.index)
    return pd.DataFrame({
        "spot_hours": table["hours"], "sd_hours": np.sqrt(table["squares"]),
        "spot_rate_gbp": table["cost"] / known,
    })  # fmt: skip


def _providers(office: Office, spot: pd.DataFrame, brief: BlocksBrief) -> pd.DataFrame:
    hours = spot.groupby("provider_id")["hours"].sum()
    table = pd.DataFrame({"spot_hours": hours})
    table["quality"] = office.providers["quality"].reindex(table.index)
    on = dt.date.max if office.brief.today is None else office.brief.today.as_of
    stopped = set(office.providers.index[suspended(office.providers, on)])
    whys = []
    for provider, row in zip(table.index, rows_of(table), strict=True):
        own = office.providers.loc[provider]
        why = []
        if float(row.spot_hours) < brief.min_provider_hours:
            why.append(f"fewer than {brief.min_provider_hours:g} spot hours a week")
        if not float(row.quality) >= brief.min_quality:
            why.append(f"quality below {brief.min_quality:g} or not known")
        if provider in stopped:
            why.append("suspended")
        elif own["status"] not in {"active", "suspended"}:
            why.append("not active")
        if not own["part_a"]:
            why.append("not on Part A of the framework")
        whys.append("; ".join(why))
    table["why"] = whys
    return table


def _pairs(spot: pd.DataFrame, providers: pd.DataFrame, brief: BlocksBrief) -> pd.DataFrame:
    able = spot[spot["provider_id"].isin(providers.index[providers["why"] == ""]) & spot["rate_gbp"].notna()]
    able = able[able["area"] != NOT_KNOWN].assign(cost=able["hours"] * able["rate_gbp"])
    table = able.groupby(["area", "provider_id"])[["hours", "cost"]].sum().reset_index()
    rate = table["cost"] / table["hours"]
    return pd.DataFrame({
        "area": table["area"], "provider_id": table["provider_id"],
        "rate_gbp": rate * (1 - brief.discount_pct / 100), "spot_rate_gbp": rate,
        "hours_today": table["hours"],
    })  # fmt: skip


def _choose(
    pairs: pd.DataFrame, areas: pd.DataFrame, brief: BlocksBrief, keep_pct: float, total: float,
    seconds: float,
) -> list[float]:  # fmt: skip
    step = brief.block_hours
    least = max(1, math.ceil(brief.min_block_hours / step - 1e-9))
    model = mathopt.Model()
    units = []
    for hours in pairs["hours_today"]:
        most = math.floor(float(hours) / step + 1e-9)
        there = model.add_binary_variable()
        unit = model.add_integer_variable(lb=0, ub=max(most, 0))
        model.add_linear_constraint(unit <= most * there)
        model.add_linear_constraint(unit >= least * there)
        units.append(unit)
    worth: mathopt.LinearSum | mathopt.LinearExpression = mathopt.LinearExpression()
    for area, row in areas.iterrows():
        own = [u for u, a in zip(units, pairs["area"], strict=True) if a == area]
        if not own:
            continue
        mean, sd, rate = (float(row[c]) for c in ("spot_hours", "sd_hours", "spot_rate_gbp"))
        most = math.floor((1 - keep_pct / 100) * mean / step + 1e-9)
        used = [expected_use(k * step, mean, sd) for k in range(most + 1)]
        steps = [model.add_variable(lb=0.0, ub=1.0) for _ in range(most)]
        model.add_linear_constraint(mathopt.LinearSum(own) == mathopt.LinearSum(steps))
        worth -= mathopt.LinearSum(
            (step - (used[k + 1] - used[k])) * rate * s for k, s in enumerate(steps))
    worth += mathopt.LinearSum(
        step * float(r) * u
        for u, r in zip(units, pairs["spot_rate_gbp"] - pairs["rate_gbp"], strict=True))
    for provider in pairs["provider_id"].unique():
        own = [u for u, p in zip(units, pairs["provider_id"], strict=True) if p == provider]
        model.add_linear_constraint(step * mathopt.LinearSum(own) <= brief.max_share_pct / 100 * total)
    model.maximize(worth)
    if not units:
        return []
    result = run_solver(
        model, mathopt.SolverType.HIGHS,
        params=mathopt.SolveParameters(time_limit=dt.timedelta(seconds=seconds), random_seed=1))
    if not result.has_primal_feasible_solution():
        raise LottingError("No blocks were found in the time given. Try again with more seconds.")
    return [step * round(v) for v in result.variable_values(units)]


def _figures(areas: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Reckon use, saving and risk of the blocks chosen."""
    table = areas.copy()
    table["block_hours"] = blocks.groupby("area")["block_hours"].sum().reindex(table.index).fillna(0.0)
    off = (blocks["spot_rate_gbp"] - blocks["rate_gbp"]) * blocks["block_hours"]
    saved = off.groupby(blocks["area"]).sum().reindex(table.index).fillna(0.0)
    table["spot_left_pct"] = 100 * (1 - table["block_hours"] / table["spot_hours"])
    used, full, low = [], [], []
    for row in rows_of(table):
        block, mean, sd = (float(v) for v in (row.block_hours, row.spot_hours, row.sd_hours))
        used.append(expected_use(block, mean, sd) if block else 0.0)
        full.append(100 * (1 - float(norm.cdf((block - mean) / sd))) if sd > 0 else 100.0 * (mean >= block))
        low.append(low_use(block, mean, sd) if block else 0.0)
    table["used_hours"], table["full_pct"] = used, full
    table["empty_hours"] = table["block_hours"] - table["used_hours"]
    rate = table["spot_rate_gbp"].fillna(0.0)
    table["saving_gbp"] = saved - table["empty_hours"] * rate
    table["saving_low_gbp"] = saved - (table["block_hours"] - np.array(low)) * rate
    return table
