"""Who says they would bid for which lot: the answers of a market engagement, by size of firm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lotting.columns import find_columns
from lotting.errors import Problems, some
from lotting.plan import natural
from lotting.tables import fold, nearest, read_table, to_number

__all__ = ["ROLES", "SIZES", "Intentions", "Viability", "cover", "read_intentions", "size_of", "viability"]

SIZES = ("micro", "small", "medium", "large")
"""Under 10, under 50 and up to 250 staff, and over 250.

The classes of the UK's business population estimates (micro 0-9, small 10-49, medium 50-249, large 250 and
more; found, https://www.gov.uk/government/collections/business-population-estimates), but that a large
firm is one of *over* 250 staff, as Leicestershire's market engagement has it (SYSTEMS.md L5).
"""
ROLES = ("alone", "lead", "sub-contractor", "consortium")
#: How sure a firm is that a lot is viable, the surest first.
VIEWS = ("viable", "minor concerns", "major concerns", "not viable")
_FINE = VIEWS[:2]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "provider_id": (
        "providerid", "provider", "providername", "bidder", "firm", "organisation", "organization",
        "respondent", "name",
    ),
    "lot": ("lot", "lots", "lotid", "lotname", "zone"),
    "size": ("size", "sizeoffirm", "firmsize", "organisationsize"),
    "staff": ("staff", "numberofstaff", "employees", "numberofemployees", "headcount"),
    "role": ("role", "biddingas", "capacityinwhich", "route"),
    "viability": ("viability", "viable", "isthelotviable", "view"),
    "intention": ("intention", "intends", "intendstobid", "interested", "interest", "bid", "willbid"),
}
_YES = frozenset({"yes", "y", "true", "1", "likely", "maybe", "possibly", "interested", "x", ""})
_NO = frozenset({"no", "n", "false", "0", "notinterested", "none", "unlikely"})
_ROLE_WORDS = {
    "": "", "alone": "alone", "sole": "alone", "single": "alone", "soleprovider": "alone",
    "lead": "lead", "leadprovider": "lead", "principal": "lead",
    "subcontractor": "sub-contractor", "sub": "sub-contractor",
    "consortium": "consortium", "consortiummember": "consortium", "member": "consortium",
}  # fmt: skip
_VIEW_WORDS = {
    "": "", "dontknow": "", "notsure": "", "noanswer": "",
    "viable": "viable", "yes": "viable", "y": "viable", "noconcerns": "viable",
    "minorconcerns": "minor concerns", "minor": "minor concerns", "viableminorconcerns": "minor concerns",
    "viablewithminorconcerns": "minor concerns", "yeswithminorconcerns": "minor concerns",
    "majorconcerns": "major concerns", "major": "major concerns", "seriousconcerns": "major concerns",
    "notviable": "not viable", "no": "not viable", "n": "not viable", "unviable": "not viable",
}  # fmt: skip
_ALL = frozenset({"all", "alllots", "any", "every"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intentions:
    """The answers.

    Attributes
    ----------
    frame
        One row a firm and lot it would bid for, index 0..n-1: ``provider_id``, ``lot``, ``size`` (of
        :data:`SIZES`, ``""`` where not given), ``role`` (of :data:`ROLES`, ``""``), ``viability`` (of
        :data:`VIEWS`, ``""``).
    declined
        Rows that say no to a lot: the same columns.
    lots
        Every lot there is, in natural order: those of the plan, or those named.
    """

    frame: pd.DataFrame
    declined: pd.DataFrame
    lots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viability:
    """How many firms call the lots viable.

    Attributes
    ----------
    firms, answered, fine
        Firms that would bid; of them, those that say whether the lots are viable; of those, the ones
        that have no or minor concerns.
    fine_pct
        ``fine`` of ``answered``, per cent; NaN when nobody answered.
    """

    firms: int
    answered: int
    fine: int
    fine_pct: float


def size_of(staff: float) -> str:
    """Return the class of a firm with so many staff; ``""`` where not known.

    Examples
    --------
    >>> [size_of(n) for n in (9, 10, 49, 50, 250, 251, float("nan"))]
    ['micro', 'small', 'small', 'medium', 'medium', 'large', '']
    """
    if math.isnan(staff):
        return ""
    return "micro" if staff < 10 else "small" if staff < 50 else "medium" if staff <= 250 else "large"


def read_intentions(path: Path, lots: Sequence[str] | None = None) -> Intentions:
    """Read the answers of a market engagement.

    Parameters
    ----------
    path
        CSV or Excel, one row a firm and lot (or several lots with ``;`` between, or ``all``). Columns
        ``provider_id`` and ``lot``, and as far as there are: ``size`` or ``staff``, ``role`` (alone,
        lead, sub-contractor, consortium), ``viability`` (viable, minor concerns, major concerns, not
        viable) and ``intention`` (yes, maybe, no; blank is yes).
    lots
        The lots of the plan; those named in the file when left out.

    Returns
    -------
    Intentions

    Raises
    ------
    InputError
        A column is missing; a firm or a lot is blank; a lot is not of the plan; a size, role, view or
        intention is not one of the words; a firm has two sizes, or answers twice for one lot.
    """
    problems, seen = Problems(), []

    def wanted(name: str) -> bool:
        seen.append(name)
        return any(fold(name) in names for names in _COLUMNS.values())

    table = read_table(path, usecols=wanted)
    file = path.name
    columns = find_columns(table, _COLUMNS, {}, "intentions", seen, problems)
    problems.items = [p for p in problems.items if p.severity == "error"]
    for field in ("provider_id", "lot"):
        if field not in columns:
            problems.add(f"there is no column of {'firms' if field == 'provider_id' else 'lots'}",
                         file=file, fix=nearest(field, seen))
    problems.raise_if_any()
    empty = pd.Series("", index=table.index, dtype="str")
    text = {field: table[columns[field]] if field in columns else empty for field in _COLUMNS}
    for field in ("provider_id", "lot"):
        for at in table.index[text[field] == ""]:
            problems.add(f"no {'firm' if field == 'provider_id' else 'lot'} is named", file=file,
                         row=int(at) + 2, column=columns[field], fix="Fill it in, or delete the row.")
    rows = pd.DataFrame({
        "provider_id": text["provider_id"],
        "size": _sizes(text, columns, problems, file),
        "role": _words(text["role"], _ROLE_WORDS, ROLES, columns.get("role"), problems, file),
        "viability": _words(
            text["viability"], _VIEW_WORDS, VIEWS, columns.get("viability"), problems, file),
        "yes": _yes(text["intention"], columns.get("intention"), problems, file),
    })  # fmt: skip
    named = list(lots) if lots is not None else None
    listed, unknown = _lots(text["lot"], named)
    known: list[str] = sorted(named or [], key=natural)
    for lot, row in list(unknown.items())[:5]:
        problems.add("there is no such lot in the plan", file=file, row=row, column=columns["lot"],
                     value=lot, fix=f"The lots are {some(known, 20)}.")
    if len(unknown) > 5:
        problems.add(f"{len(unknown) - 5} more lots that are not in the plan", file=file,
                     column=columns["lot"])
    sizes = rows[rows["size"] != ""].groupby("provider_id")["size"].nunique()
    if (sizes > 1).any():
        problems.add(f"firms of two sizes: {some(sizes.index[sizes > 1])}", file=file,
                     fix="Give each firm one size.")
    long = rows.assign(lot=listed, row=rows.index + 2).explode("lot").dropna(subset="lot")
    twice = long[long.duplicated(["provider_id", "lot"])]
    for row, firm, lot in twice[["row", "provider_id", "lot"]].head(5).itertuples(index=False):
        problems.add(f"{firm} answers again for lot {lot}", file=file, row=int(row), fix="Keep one row.")
    problems.raise_if_any()
    every: set[str] = {*(str(lot) for lot in long["lot"]), *(named or ())}
    order = {lot: i for i, lot in enumerate(sorted(every, key=natural))}
    # A firm that gives its size in one row only has it in all.
    sized = rows[rows["size"] != ""]
    given = dict(zip(sized["provider_id"], sized["size"], strict=True))
    long["size"] = [given.get(firm, "") for firm in long["provider_id"]]
    long = long.sort_values("lot", key=lambda s: s.map(order), kind="stable")
    kept = ["provider_id", "lot", "size", "role", "viability"]
    return Intentions(
        frame=long.loc[long["yes"], kept].reset_index(drop=True),
        declined=long.loc[~long["yes"], kept].reset_index(drop=True), lots=tuple(order),
    )  # fmt: skip


def cover(intentions: Intentions) -> pd.DataFrame:
    """Count who would bid for each lot.

    Returns
    -------
    pandas.DataFrame
        Index ``lot``, every lot. Columns ``firms`` (int), one for each of :data:`SIZES` and
        ``size_not_given`` (they add up to ``firms``), one for each of :data:`ROLES` (a blank counts
        for none), ``answered`` and ``fine`` (int: how many say whether the lot is viable, and call it
        so with no or minor concerns), ``fine_pct``.
    """
    rows = intentions.frame
    lots = pd.Index(intentions.lots, name="lot")
    found = pd.DataFrame({"firms": rows.groupby("lot").size()}, index=lots).fillna(0)
    sizes = pd.crosstab(rows["lot"], rows["size"].replace("", "size_not_given"))
    found = found.join(sizes.reindex(columns=[*SIZES, "size_not_given"], fill_value=0))
    found = found.join(pd.crosstab(rows["lot"], rows["role"]).reindex(columns=[*ROLES], fill_value=0))
    said = rows[rows["viability"] != ""]
    found["answered"] = said.groupby("lot").size().reindex(lots)
    found["fine"] = said[said["viability"].isin(_FINE)].groupby("lot").size().reindex(lots)
    found = found.fillna(0).astype("int64")
    found["fine_pct"] = 100 * found["fine"] / found["answered"].where(found["answered"] > 0)
    return found


def viability(intentions: Intentions) -> Viability:
    """Count the firms that call the lots they would bid for viable.

    A firm that answers for several lots counts with its worst answer.
    """
    rows = intentions.frame
    said = rows[rows["viability"] != ""]
    rank = said["viability"].map({view: i for i, view in enumerate(VIEWS)})
    worst = rank.groupby(said["provider_id"]).max()
    fine = int((worst < len(_FINE)).sum())
    return Viability(
        firms=rows["provider_id"].nunique(), answered=len(worst), fine=fine,
        fine_pct=100 * fine / len(worst) if len(worst) else float("nan"),
    )  # fmt: skip


def _sizes(
    text: Mapping[str, pd.Series[str]], columns: Mapping[str, str], problems: Problems, file: str
) -> pd.Series[str]:
    words = {size: size for size in SIZES} | {"": "", "sme": "medium"}
    size = _words(text["size"], words, SIZES, columns.get("size"), problems, file)
    if "staff" in columns:
        staff = to_number(text["staff"], problems, file=file, minimum=0, maximum=1e6, required=False,
                          unit="staff")
        size = size.where(size != "", staff.map(size_of)).astype("str")
    return size


def _words(
    text: pd.Series[str], words: Mapping[str, str], allowed: Sequence[str], column: str | None,
    problems: Problems, file: str,
) -> pd.Series[str]:  # fmt: skip
    folded = text.map(fold)
    wrong = text[~folded.isin(words)]
    for value in list(dict.fromkeys(wrong))[:5]:
        at = int(wrong.index[wrong == value][0]) + 2
        problems.add("not one of the words there are", file=file, row=at, column=column,
                     value=str(value)[:40], fix=f"Write {', '.join(allowed)}, or leave it blank.")
    return folded.map(dict(words)).fillna("").astype("str")


def _yes(text: pd.Series[str], column: str | None, problems: Problems, file: str) -> pd.Series[bool]:
    words = dict.fromkeys(_YES, "yes") | dict.fromkeys(_NO, "no")
    return _words(text, words, ["yes", "maybe", "no"], column, problems, file) != "no"


def _lots(
    cells: pd.Series[str], named: Sequence[str] | None
) -> tuple[pd.Series[list[str]], dict[str, int]]:
    """Return the lots each row names, and those that there are not, with the row of each."""
    split = cells.map(lambda cell: [part.strip() for part in cell.split(";") if part.strip()])
    if named is None:
        named = [part for part in dict.fromkeys(split.explode().dropna()) if fold(part) not in _ALL]
    spelt = {fold(lot): lot for lot in named}
    unknown: dict[str, int] = {}
    listed: list[list[str]] = []
    for (at, parts), cell in zip(split.items(), cells, strict=True):
        found: list[str] = []
        for part in parts or [cell]:
            # "Lot 3" in the answers is "3" in the plan.
            key = fold(part)
            lot = spelt.get(key, spelt.get(key.removeprefix("lot")))
            if lot is not None:
                found.append(lot)
            elif key in _ALL:
                found += named
            elif part:  # blank cells are listed already
                unknown.setdefault(part, int(str(at)) + 2)
        listed.append(list(dict.fromkeys(found)))
    return pd.Series(listed, index=cells.index, dtype="object"), unknown
