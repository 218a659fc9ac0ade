"""Small tenders: one as files (four lots, six bidders, one of them a consortium), others by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.tender.load import Case, make_case

FILES = {
    "tender.toml": """\
[lots]
file = "lots.csv"
neighbours = "neighbours.csv"

[market]
providers = "providers.csv"
bids = "bids.csv"
members = "members.csv"
incumbents = "incumbents.csv"

[price]
weight = 40

[quality]
weight = 60
threshold = 50

[rules]
providers_per_lot = 2
shares = {2 = [70, 30]}
max_lots = 2
reserves = 1
spare_pct = 25
""",
    "lots.csv": """\
lot,weekly_hours,locality,people,x_m,y_m
1,1000,North,70,452000,312000
2,1400,North,95,458000,304000
3,900,South,60,461000,296000
4,1200,South,82,455000,290000
""",
    "neighbours.csv": "lot,neighbour\n1,2\n2,3\n3,4\n",
    "providers.csv": """\
provider_id,name,max_lots,max_weekly_hours
Ash,Ash Care,,
Birch,Birch Homecare,,
Cedar,Cedar Living,1,
Dale,Dale Consortium,,
Elm,Elm at Home,,900
Fir,Fir Support,,
""",
    "members.csv": "provider_id,member_id,share_pct\nDale,Cedar,60\nDale,Gorse,40\n",
    "incumbents.csv": """\
lot,provider_id,weekly_hours,people
1,Ash,600,42
1,Holly,380,26
2,Birch,900,61
2,Gorse,500,34
3,Holly,850,57
4,Elm,700,48
4,Ash,400,27
""",
    "bids.csv": """\
bid_id,provider_id,lot,hourly_rate_gbp,quality,discount_pct,capacity_hours
A1,Ash,1,22.10,88,,
A2,Ash,2,22.10,88,,
A3,Ash,3,22.40,88,,
A4,Ash,4,22.00,88,,
B12,Birch,1,21.50,80,2,
B12,Birch,2,21.50,80,2,
B3,Birch,3,21.40,80,,
C3,Cedar,3,20.90,74,,
C4,Cedar,4,20.80,74,,
D1,Dale,1,21.90,79,,
D2,Dale,2,21.90,79,,
D3,Dale,3,21.90,79,,
D4,Dale,4,21.90,79,,
E2,Elm,2,20.20,66,,
E4,Elm,4,20.20,66,,
F1,Fir,1,19.90,48,,
F2,Fir,2,19.90,58,,
F3,Fir,3,19.90,58,,250
F4,Fir,4,19.90,58,,
""",
}


def write_tender(folder: Path, **changes: str) -> Path:
    """Write the tender; ``changes`` replaces text of tender.toml."""
    return write_files(folder, {**FILES, "tender.toml": _changed(FILES["tender.toml"], changes)})


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write texts by name of file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def case_of(
    bids: Sequence[tuple[str, str, int, float, float]], rules: Mapping[str, Any] | None = None, *,
    lots: int | None = None, hours: float = 1000.0, firms: Sequence[str] = (), of_bids: Any = None,
    of_firms: Mapping[str, Mapping[str, float]] | None = None, **tables: Any,
) -> Case:  # fmt: skip
    """Make a case of lots "1", "2", ... of as many hours each, all in one locality.

    ``bids``: id, provider, lot, rate, quality; ``of_bids``: further columns; ``of_firms``: the providers'
    own limits, by column and firm; ``firms``: those that have no bid.
    """
    frame = pd.DataFrame(bids, columns=["bid_id", "provider_id", "lot", "hourly_rate_gbp", "quality"])
    frame = frame.assign(lot=frame["lot"].astype(str), **(of_bids or {}))
    names = [str(i + 1) for i in range(lots or frame["lot"].astype(int).max())]
    known = list(dict.fromkeys([*frame["provider_id"], *firms]))
    own = {column: [given.get(f) for f in known] for column, given in (of_firms or {}).items()}
    return make_case(
        pd.DataFrame({"lot": names, "weekly_hours": hours, "locality": "North"}),
        pd.DataFrame({"provider_id": known, **own}), frame, rules or {}, **tables)


def _changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        start = text.index(f"\n{old} = ") + 1
        text = f"{text[:start]}{old} = {new}{text[text.index(chr(10), start):]}"
    return text
