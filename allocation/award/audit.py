"""The audit record of an award: all it takes to make it again, and the check that it comes out the same.

The record holds the hash of every input, the rules, the mechanism, solver, seed, limits, the model's
hash, the objective with its bound, and every line of the award. Money is compared in whole pence, hours
to a thousandth. An award whose proof was cut short by the clock need not come out the same on another
machine: the record says whether it was proven.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from allocation.tender.load import Case, load_case
from lotting.errors import InputError, Problem, some

from .award import Award, AwardStatus, award
from .sequential import sequential_award

__all__ = ["Repeated", "audit_record", "read_audit", "repeat_award"]

VERSION = 1
_KINDS: dict[str, type | tuple[type, ...]] = {
    "tender": str, "inputs_sha256": dict, "rules_off": list, "mechanism": str, "order": str, "solver": str,
    "seed": int, "time_limit_s": (int, float), "status": str, "model_sha256": dict, "award": list,
    "reserves": list,
}  # fmt: skip
_LINE = {"lot", "provider_id"}
_PACKAGES = ("lotting", "ortools", "pulp", "pandas", "numpy", "scipy")


@dataclass(frozen=True, slots=True)
class Repeated:
    """An award made again from its record.

    Attributes
    ----------
    award
        The new award.
    differences
        What is not as recorded, in sentences; empty where all is the same.
    lines, weekly_cost_gbp
        How many lines of award were compared, and their cost.
    """

    award: Award
    differences: tuple[str, ...]
    lines: int
    weekly_cost_gbp: float


def audit_record(
    case: Case, made: Award, *, tender: Path, folder: Path, models: Collection[Path], order: str = ""
) -> dict[str, Any]:
    """Write down all that an award rests on.

    Parameters
    ----------
    case, made
        The tender and its award.
    tender
        The tender's file; recorded relative to ``folder``, so that no folder of a machine is named.
    folder
        Where the record will be.
    models
        Files of the program that was solved, hashed by name; none for a sequential award.
    order
        Of a sequential award.
    """
    plain = case.tender.model_dump(mode="json", exclude={"lots", "market"})
    return {
        "audit_version": VERSION, "tender": _relative(tender, folder), "inputs_sha256": dict(case.inputs),
        "rules": plain, "rules_off": list(made.rules_off), "mechanism": made.mechanism,
        "order": order,
        "solver": made.solver, "seed": made.seed, "time_limit_s": case.tender.run.time_limit_s,
        "status": str(made.status), "objective": made.objective, "bound": _number(made.bound),
        "gap_pct": _number(made.gap_pct), "unique": made.unique, "optimal_awards": made.optimal_awards,
        "lots_that_differ": list(made.lots_that_differ), "tie_steps": list(made.tie_steps),
        "notes": list(made.notes), "model_sha256": {path.name: _hash(path) for path in models},
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in _PACKAGES}},
        "award": _lines(made.frame), "reserves": _reserves(made),
    }  # fmt: skip


def _reserves(made: Award) -> Any:
    return json.loads(made.reserves.to_json(orient="records"))


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows: to be named when the award is made again
        return path.name


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _hash(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    flat = frame.reset_index()
    return [
        {"lot": str(r["lot"]), "provider_id": str(r["provider_id"]), "bid_id": str(r["bid_id"]),
         "position": int(r["position"]), "weekly_hours": round(float(r["weekly_hours"]), 3),
         "rate_gbp": round(float(r["rate_gbp"]), 4), "weekly_cost_gbp": round(float(r["weekly_cost_gbp"]), 2)}
        for r in flat.to_dict("records")
    ]  # fmt: skip


def read_audit(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises
    ------
    InputError
        It is not there, or no record of an award.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            Problem(message="the audit record cannot be read", file=str(path), fix="Check the path.")
        ) from error
    except ValueError as error:
        raise _no_record(path, "this is no audit record") from error
    if not isinstance(record, dict) or record.get("audit_version") != VERSION:
        raise _no_record(path, "this is no audit record of this version")
    wrong = [key for key, kind in _KINDS.items() if not isinstance(record.get(key), kind)]
    if wrong or not all(isinstance(line, dict) and line.keys() >= _LINE for line in record["award"]):
        raise _no_record(path, f"this audit record is damaged: {some(wrong or ['award'])}")
    return record


def _no_record(path: Path, message: str) -> InputError:
    return InputError(Problem(message=message, file=str(path), fix="Name audit/award.json as written."))


def repeat_award(path: Path, *, tender: Path | None = None) -> Repeated:
    """Make an award again from its record, and compare.

    Parameters
    ----------
    path
        The record.
    tender
        The tender's file or folder, where it is not at the place recorded.

    Raises
    ------
    InputError
        The record or the tender cannot be read.
    NoAward
        No award comes out at all.
    """
    record = read_audit(path)
    case = load_case(tender or path.parent / record["tender"])
    differences = [
        f"The file {name} {'is not there' if name not in case.inputs else 'is not the file that was used'}."
        for name, sha in record["inputs_sha256"].items() if case.inputs.get(name) != sha
    ]  # fmt: skip
    used = record["inputs_sha256"]
    differences += [f"The file {name} was not used then." for name in case.inputs if name not in used]
    if record["mechanism"] == "sequential":
        made = sequential_award(case, order=record["order"], rules_off=record["rules_off"])
    else:
        made = award(
            case,
            rules_off=record["rules_off"],
            solver=record["solver"],
            seed=record["seed"],
            time_limit_s=record["time_limit_s"],
        )
    differences += [
        f"The file {name} is not the one that was written beside the record."
        for name, sha in record["model_sha256"].items()
        if (path.parent / name).is_file() and _hash(path.parent / name) != sha
    ]  # fmt: skip
    found = _differences(record["award"], _lines(made.frame))
    if not found and _reserves(made) != record["reserves"]:
        found = ["The reserves are not those named then."]
    if found and record["mechanism"] == "optimum" and record["status"] != AwardStatus.OPTIMAL:
        found.append("That award was not proven to be the best: it rests on how far the solver came in time.")
    differences += found
    return Repeated(made, tuple(differences), len(made.frame), float(made.frame["weekly_cost_gbp"].sum()))


def _differences(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    def keyed(lines: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {(line["lot"], line["provider_id"]): line for line in lines}

    old, new = keyed(then), keyed(now)
    found = [f"Lot {lot}: {p} won then, and does not now." for lot, p in sorted(old.keys() - new.keys())]
    found += [f"Lot {lot}: {p} wins now, and did not then." for lot, p in sorted(new.keys() - old.keys())]
    for key, line in old.items():
        found += [
            f"Lot {key[0]}, {key[1]}: {name} was {line[name]}, and is {new[key][name]}."
            for name in line if key in new and new[key][name] != line[name]
        ]  # fmt: skip
    return found
