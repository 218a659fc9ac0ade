"""Write the pages of docs/reference about briefs from their models, so that they agree.

Run it with ``python docs/make_reference.py``.
"""

from __future__ import annotations

import datetime as dt
import inspect
import re
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from allocation.brokerage.brief import BrokerBrief
from allocation.pay.brief import PayBrief
from allocation.tender.brief import Tender
from lotting.brief import Brief

FOLDER = Path(__file__).parent / "reference"

BRIEF = """\
# The brief, key by key

<!-- Written by docs/make_reference.py from lotting/brief.py. Change it there. -->

One TOML file, `brief.toml`, says everything that is decided before a lot is drawn.
`lotting new FOLDER` writes one in which every key is explained. Rules for all of them:

- Paths are relative to the folder of the brief. Write them with forward slashes, on Windows too.
- An unknown key is refused, so that a misspelt limit never passes for no limit.
- Hours are hours of care **a week** unless a name says otherwise.
- Dates are written `2026-04-01`, without quotes.

The smallest brief that works names the boundaries, the hours and the number of lots:

```toml
[areas]
file = "areas.gpkg"
[demand]
hours = "hours.csv"
[lots]
number = 5
```

Keys that depend on each other:

- `[areas]`: either `file` or `files`; either `layer` or `layers`; `x` and `y` together.
- `[demand]`: either `hours` or `packages`; `packages` needs `as_of`, and `postcodes` where
  packages have neither area code nor coordinates.
- `[lots]`: `number` or `per_locality`, and where both are given they must agree; a range of
  numbers does not go with `per_locality`, nor does `across_localities`; either `minimise` or
  `weights`. There must be a `[lots]` table unless every `[[service]]` has `lots` of its own.
- To count people who are `moved`, in `minimise` or `weights`, there has to be a `[today]` table.
- `tolerance_pct` counts from `target_hours`, or from the mean hours a lot of the locality where
  that is left out. It holds beside `min_hours` and `max_hours`; a lot has to keep all three.
- `[lots]` `max_travel_minutes` and `minimise = "travel"` are about an estimate; see
  [Look after travel in lots](../how-to/travel-in-lots.md).
- `[travel]`: where both `roads` and a `server` are named, `engine` says which to use.
"""

PAY = """\
# The pay brief, key by key

<!-- Written by docs/make_reference.py from allocation/pay/brief.py. Change it there. -->

One TOML file, `pay.toml`, says whose pay `allocation pay` checks, and how;
[Evidence that pay is lawful](../how-to/evidence-pay.md) leads through it. Paths are relative to its
folder, and an unknown key is refused.

The smallest pay brief names a rota, the workers and what payroll paid:

```toml
[rota]
file = "rota.csv"
[workers]
file = "workers.csv"
[pay]
file = "pay.csv"
```

Keys that depend on each other:

- Either `[pay]`, what payroll paid, or `[policy]`, how it would be paid; not both.
- With `[policy]`, give `[workers]` or an `age` in `[periods]`: the minimum wage depends on it.
"""

TENDER = """\
# The tender, key by key

<!-- Written by docs/make_reference.py from allocation/tender/brief.py. Change it there. -->

One TOML file, `tender.toml`, states the rules of a tender before a bid is opened; `allocation award`
keeps to them, and [Award the lots](../how-to/award.md) leads through it. Paths are relative to its folder,
and an unknown key is refused.

Keys that depend on each other:

- `[lots]`: either `file`, with `neighbours` beside it, or `project` and `plan` together.
- `[price]` and `[quality]`: their weights add up to 100. `points_per_pound` goes with the formula of
  that name; `between_rates` needs the lower and the upper rate, which set bids aside under any formula.
- `[rules]`: `shares` of n winners are n numbers, from the largest down, that add up to 100.
- `max_locality_share_pct` needs every lot's locality, `moved_weight` needs `incumbents`.
"""

BROKER = """\
# The broker's brief, key by key

<!-- Written by docs/make_reference.py from allocation/brokerage/brief.py. Change it there. -->

One TOML file, `broker.toml`, says who may take packages, in which order they are asked, and what is watched;
[Place packages](../how-to/broker.md) leads through it. Paths are relative to its folder, and an unknown key
is refused.
"""

WORDS: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", Decimal: "number", bool: "`true` or `false`",
    Path: "path", dt.date: "date",
}
UNITS = (
    ("_minutes", "minutes"), ("_mph", "miles an hour"),
    ("_m", "metres"), ("_s", "seconds"), ("_pct", "per cent"), ("_gbp", "pounds"),
)
LIMITS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


def is_table(kind: Any) -> bool:
    """Whether a type is a table of the brief."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def unfold(kind: Any) -> list[Any]:
    """Types of a union without None; the type itself otherwise."""
    if get_origin(kind) in {Union, types.UnionType}:
        return [k for k in get_args(kind) if k is not type(None)]
    return [kind]


def words(kind: Any) -> str:
    """Say what a key takes, as a commissioner would."""
    kinds = unfold(kind)
    if len(kinds) > 1:
        return ", or ".join(words(k) for k in kinds)
    kind = kinds[0]
    if is_table(kind):
        return "table"
    if kind in WORDS:
        return WORDS[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return words(inner[0])
    if origin is Literal:
        return ", ".join(f'`"{v}"`' for v in inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return f"list of {words(inner[0])}"
    if origin is tuple:
        return f"`[{words(inner[0])}, {words(inner[1])}]`"
    if origin is dict:
        return f"`{{ name = {words(inner[1]).replace('`', '')}, ... }}`"
    if origin is list:
        return f"list of {words(inner[0]) if get_origin(inner[0]) else _many(inner[0])}"
    raise TypeError(f"no words for {kind!r}: add them to docs/make_reference.py")


def _many(kind: Any) -> str:
    return {Path: "paths", str: "texts"}.get(kind, f"{words(kind)}s")


def unit(name: str, field: FieldInfo, hours: str) -> str:
    """Find the unit in the key's name, `hours` in words; ``""`` where it has none."""
    kinds = {get_args(k)[0] if get_origin(k) is Annotated else k for k in unfold(field.annotation)}
    if not {int, float, Decimal} & kinds:
        return ""
    return next((what for mark, what in (("_hours", hours), *UNITS) if f"{mark}_" in f"{name}_"), "")


def limits(field: FieldInfo) -> str:
    """Least and most value that is taken."""
    found = [
        f"{text} {value:,}" if isinstance(value, int) else f"{text} {value:g}"
        for key, text in LIMITS
        for item in field.metadata
        if (value := getattr(item, key, None)) is not None
    ]
    return " and ".join(found)


def default(field: FieldInfo) -> str:
    """Value in force when the key is left out."""
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ([], {}, "") or is_table(type(value)):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    value = list(value) if isinstance(value, tuple) else value
    return f"`{value:g}`" if isinstance(value, float | Decimal) else f"`{value!r}`".replace("'", '"')


def tables(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every table of the brief once, with its heading, in the order of the brief."""
    for key, field in model.model_fields.items():
        path = f"{name}.{key}" if name else key
        for kind in unfold(field.annotation):
            inner = get_args(kind)[0] if get_origin(kind) is list else kind
            if is_table(inner):
                yield (f"[[{path}]]" if inner is not kind else f"[{path}]"), inner
                yield from tables(inner, path)


def text_of(model: type[BaseModel]) -> str:
    """Docstring of a table as Markdown, without the name it begins with."""
    text = inspect.cleandoc(model.__doc__ or "")
    text = re.sub(r"^``[^`]+``: ", "", text).replace("``", "`")
    text = text.replace("`docs/reference/files.md`", "[files.md](files.md)")
    return text[:1].upper() + text[1:]


def section(heading: str, model: type[BaseModel], hours: str) -> str:
    """Write one table of the brief as a section with a table of its keys."""
    lines = [f"## `{heading}`", "", text_of(model), "",
             "| key | takes | unit | default | meaning |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        takes = ", ".join(t for t in (words(field.annotation), limits(field)) if t)
        meaning = field.description or (
            "See the keys below." if takes.startswith("table") else f"Column of `{name}`.")
        cells = (f"`{name}`", takes, unit(name, field, hours), default(field), meaning)
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines)


#: What is about which brief: its head, the model of the brief, and what hours are.
PAGES: dict[str, tuple[str, type[BaseModel], str]] = {
    "brief.md": (BRIEF, Brief, "hours a week"),
    "pay.md": (PAY, PayBrief, "hours"),
    "tender.md": (TENDER, Tender, "hours a week"),
    "broker.md": (BROKER, BrokerBrief, "hours a week"),
}


def render(page: str) -> str:
    """Make a whole page."""
    seen: set[type[BaseModel]] = set()
    head, brief, hours = PAGES[page]
    parts = [head]
    for heading, model in tables(brief, ""):
        if model not in seen:
            seen.add(model)
            parts.append(section(heading, model, hours) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    for name in PAGES:
        (FOLDER / name).write_text(render(name), encoding="utf-8", newline="\n")
