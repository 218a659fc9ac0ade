"""Small brokerage desks for tests, and a worker process that places packages."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.brokerage.brief import BrokerBrief
from allocation.brokerage.broker import Broker
from allocation.brokerage.eligible import Package, packages_of
from allocation.brokerage.office import Office, make_office
from allocation.brokerage.packages import package_frame
from allocation.brokerage.register import Register

ON = dt.date(2026, 4, 2)


def office(
    rule: str,
    providers: dict[str, dict[str, Any]],
    *,
    order: dict[str, Any] | None = None,
    brief: dict[str, Any] | None = None,
    **tables: Any,
) -> Office:
    """Providers as ``{"A": {"rate_gbp": 20, ...}}``; 100 hours free where not said."""
    files: dict[str, Any] = {
        name: {"file": f"{name}.csv"} for name in ("awards", "contracts", "reserves") if name in tables
    }
    if "today" in tables:
        files["today"] = {"file": "today.csv", "as_of": dt.date(2026, 4, 1)}
    whole = BrokerBrief.model_validate(
        {"order": {"rule": rule, **(order or {})}, "providers": {"file": "p.csv"}, **files, **(brief or {})}
    )
    frame = pd.DataFrame.from_dict(
        {p: {"free_hours": 100.0, **columns} for p, columns in providers.items()}, orient="index"
    )
    frame.index.name = "provider_id"
    for name in ("skills", "places"):
        if name in frame:
            frame[name] = frame[name].map(lambda s: s if isinstance(s, frozenset) else frozenset())
    if "part_a" in frame:
        frame["part_a"] = frame["part_a"].fillna(value=True).astype(bool)
    if "status" in frame:
        frame["status"] = frame["status"].fillna("active")
    return make_office(whole, frame, **tables)


def packages(*rows: dict[str, Any]) -> list[Package]:
    """Packages K1, K2, ... of 10 hours where not said."""
    frame = pd.DataFrame(
        [{"package_id": f"K{i}", "weekly_hours": 10.0, **row} for i, row in enumerate(rows, 1)]
    )
    for name in ("person_id", "lot", "area", "provider_id"):
        if name in frame:
            frame[name] = frame[name].fillna("")
    for name in ("skills", "not_providers"):
        if name in frame:
            frame[name] = frame[name].map(lambda s: s if isinstance(s, frozenset) else frozenset())
    return packages_of(package_frame(frame))


def asked(desk: Office, package: Package, *, on: dt.date = ON) -> list[str]:
    """Who would be asked, in order."""
    broker = Broker(desk, None, on=on)
    ranking = broker.desk.rank(package, broker.ledger)
    return [broker.desk.sieve.ids[i] for i in ranking.order]


def reasons(desk: Office, package: Package, *, on: dt.date = ON) -> dict[str, str]:
    """Why the others would not be."""
    broker = Broker(desk, None, on=on)
    rows = broker.desk.rows(broker.desk.rank(package, broker.ledger))
    return {r["provider_id"]: "; ".join(r["why_not"]) for r in rows if r["rank"] is None}


def two_thousand() -> tuple[Office, list[Package]]:
    """Ten providers with 9,000 hours for 2,000 packages of 10,000 hours."""
    desk = office(
        "cost_and_share",
        {f"P{i}": {"rate_gbp": 18 + i / 4, "quality": 60 + i, "free_hours": 900.0} for i in range(10)},
    )
    return desk, packages(*({"weekly_hours": 2.0 + i % 7} for i in range(2000)))


def work(path: Path, share: int, of: int, dies_after: int | None) -> None:
    """Place every so-many-th package; die within a transaction after some, if told to."""
    desk, listed = two_thousand()
    with Register(path) as register:
        broker = Broker(desk, register, on=ON)
        mine: Sequence[Package] = listed[share::of]
        if dies_after is None:
            broker.place(mine)
            return
        broker.place(mine[:dies_after])
        with contextlib.suppress(AttributeError), register.writing() as writer:
            broker.refresh()
            broker._place(mine[dies_after], writer)
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(9)  # Windows knows no SIGKILL
