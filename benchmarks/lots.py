"""Lots drawn by us and by others: the same maps, limits and time, side by side.

Run: ``python benchmarks/lots.py [--only NAME ...] [--kinds embedded,geo,bench] [--seconds N]
[--cores N] [--no-peers] [--peers-python PATH] [--json FILE] [--scaling]``

Each map is designed by :func:`lotting.design.solve.design`, then by each peer for as long as ours took
(``--least`` seconds at least) and on as many cores: as many processes with different seeds, of which the
best plan counts. Loading the libraries, and compiling ours, is in nobody's time. Every plan is measured
by the same code (``instances.py``), which shares nothing with the solver.

- GerryChain: recursive tree partition, then ReCom in short bursts that look for a lower cost.
- METIS (pymetis): k-way partition into connected parts, with many seeds and imbalances.
- spopt: max-p, region k-means, AZP, SKATER; none of them takes an upper limit of hours.

The peers may live in an environment of their own (``--peers-python``); in this one they are the extra
``[bench]``. One that is missing is shown as such, as is one that finds no plan within the limits.
``docs/explanation/benchmarks.md`` says more.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from instances import KINDS, Instance, available, distances_of, toy, worth
from peers import PEERS

WORKER = Path(__file__).with_name("peers.py")
OURS = "lotting"
#: Seconds a peer may take to load, and to end after its time.
LOADING, ENDING = 120.0, 5.0
#: Two costs are the same up to rounding.
SAME = 1e-9


# -- ours ---------------------------------------------------------------------------------------


def ours(instance: Instance, seconds: float, cores: int, seed: int) -> dict[str, Any]:
    """Design an instance, and measure what came out."""
    from lotting.brief import RunBrief
    from lotting.design.solve import Progress, design
    from lotting.errors import LottingError

    first: list[float] = []
    began = time.perf_counter()

    def heard(progress: Progress) -> None:
        if progress.objective is not None and not first:
            first.append(time.perf_counter() - began)

    try:
        with distances_of(instance):
            found = design(
                instance.areas, instance.graph, instance.demand, instance.lots,
                run=RunBrief(seed=seed, time_limit_s=seconds, workers=cores), progress=heard,
            )
    except (LottingError, MemoryError) as error:
        return {"seconds": time.perf_counter() - began, "fits": False, "note": _short(str(error))}
    took = time.perf_counter() - began
    lot_of = {str(c): str(lot) for c, lot in found.plan.lots.items()}
    measured = worth(instance, [lot_of] * len(instance.places))
    cost = measured.cost * instance.unit
    return {
        **_measures(measured), "seconds": took, "first_plan_seconds": first[0] if first else took,
        "bound": found.bound / instance.unit,
        "gap": max(0.0, (cost - found.bound) / cost) if cost else 0.0,
        "optimal": str(found.status) == "optimal", "reproducible": found.reproducible,
        # What the solver says of its plan has to be what is measured here.
        "own_cost_agrees": math.isclose(found.objective, cost, rel_tol=1e-6),
        "note": "proven" if str(found.status) == "optimal" else "",
        "places": [
            {
                "name": p.place.name, "areas": len(p.place.codes), "lots": p.place.lots,
                "cost": p.objective / instance.unit, "bound": p.bound / instance.unit,
                "gap": p.gap or 0.0, "optimal": p.optimal,
            }
            for p in found.places
        ],
    }


def _measures(measured: Any) -> dict[str, Any]:
    return {
        "cost": measured.cost, "deviation": measured.deviation, "beyond_limits": measured.beyond,
        "connected": not measured.pieces, "lots": measured.lots, "fits": measured.fits,
    }


def _short(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


# -- peers --------------------------------------------------------------------------------------


def installed(python: str) -> dict[str, str | None]:
    """Versions of the peers in an environment."""
    try:
        ran = subprocess.run([python, str(WORKER), "--versions"], capture_output=True, text=True,
                             timeout=LOADING, check=True)
        return dict(json.loads(ran.stdout)["versions"])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        sys.exit(f"The peers' interpreter cannot be used: {error}")


def peer(
    instance: Instance, name: str, *, python: str, seconds: float, cores: int, seed: int
) -> dict[str, Any]:
    """Let a peer work for so many seconds on so many cores; the best of its plans counts."""
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for i in range(cores):
            problem = Path(folder) / f"problem{i}.json"
            problem.write_text(json.dumps({
                "peer": name, "seconds": seconds, "seed": seed + i, "places": instance.problems(),
            }), encoding="utf-8")
            out, err = Path(folder) / f"out{i}", Path(folder) / f"err{i}"
            with problem.open() as given, out.open("w") as said, err.open("w") as cried:
                runs.append((subprocess.Popen([python, str(WORKER)], stdin=given, stdout=said, stderr=cried),
                             out, err))
        killed = _wait([run for run, _, _ in runs], [out for _, out, _ in runs], seconds)
        said = [_lines(out) for _, out, _ in runs]
        cried = [err.read_text(encoding="utf-8", errors="replace") for _, _, err in runs]
    best: list[dict[str, Any] | None] = [None] * len(instance.places)
    for lines in said:
        for line in lines:
            if "place" in line and _better(instance, line, best):
                best[line["place"]] = line
    took = max([line["seconds"] for lines in said for line in lines if "seconds" in line], default=seconds)
    missing = [p.name or "the map" for p, b in zip(instance.places, best, strict=True) if b is None]
    if missing:
        # A library that broke says why; one that worked to the end just found nothing.
        broke = [_last(text) for text in cried if "Error" in text]
        broke += [f"{line['how']}: {line['error']}" for lines in said for line in lines if "error" in line]
        return {
            "seconds": took, "fits": False,
            "note": broke[0] if broke else f"no plan of {', '.join(missing[:2])}"
            + (" and others" if len(missing) > 2 else ""),
        }
    chosen = [b for b in best if b is not None]
    measured = worth(instance, [
        dict(zip(place.codes, line["labels"], strict=True))
        for place, line in zip(instance.places, chosen, strict=True)
    ])
    how = sorted({line["how"] for line in chosen if line["how"] != "one lot"})
    return {
        **_measures(measured), "seconds": took, "killed": killed,
        "errors": sorted({f"{x['how']}: {x['error']}" for lines in said for x in lines if "error" in x}),
        "best_found_seconds": max(line["at"] for line in chosen), "how": how,
        "note": "" if measured.fits else _why_not(instance, measured),
    }


def _why_not(instance: Instance, measured: Any) -> str:
    if measured.lots != instance.number:
        return f"{measured.lots} lots, not {instance.number}"
    if measured.pieces:
        return f"{measured.pieces} lots in pieces"
    return f"misses limits {100 * measured.beyond:,.{0 if measured.beyond >= 0.1 else 2}f} %"


def _better(instance: Instance, line: dict[str, Any], best: Sequence[dict[str, Any] | None]) -> bool:
    """Whether a plan of a place is better than the best so far: within its limits, or nearer, or cheaper."""
    place, old = instance.places[line["place"]], best[line["place"]]

    def rank(one: dict[str, Any]) -> tuple[float, float]:
        part = Instance(
            name="", areas=instance.areas, graph=instance.graph, demand=instance.demand,
            lots=instance.lots, places=(place,), metric=instance.metric,
        )
        found = worth(part, [dict(zip(place.codes, one["labels"], strict=True))])
        if found.fits:
            return 0.0, found.cost
        return 1e6 * abs(found.lots - place.lots) + 1e3 * found.pieces + found.beyond + 1e-9, found.cost

    if "rank" not in line:
        line["rank"] = rank(line)
    return old is None or line["rank"] < old["rank"]


def _wait(runs: list[subprocess.Popen[bytes]], outs: list[Path], seconds: float) -> bool:
    """Wait for processes; end those that load, or work, for too long."""
    began = time.monotonic()
    ready: dict[int, float] = {}
    killed = False
    while any(run.poll() is None for run in runs):
        for i, run in enumerate(runs):
            now = time.monotonic()
            if i not in ready and outs[i].stat().st_size:
                ready[i] = now
            late = now > ready[i] + seconds + ENDING if i in ready else now > began + LOADING
            if late and run.poll() is None:
                run.kill()
                run.wait()
                killed = True
        time.sleep(0.05)
    return killed


def _lines(path: Path) -> list[dict[str, Any]]:
    """Read what was written; the last line may be cut off."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    # The last plan of each place is the best of its process.
    last = {line["place"]: line for line in found if "place" in line}
    return [*last.values(), *(line for line in found if "place" not in line)]


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it broke"])[-1][:120]


# -- goals --------------------------------------------------------------------------------------


def goals(rows: Sequence[dict[str, Any]], peers_wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Each goal: met, missed or not run (None), with the figures."""
    return [_below_peers(rows, peers_wanted), *_small_places(rows), *_gaps(rows), *_known(rows)]


def _goal(what: str, figures: str, *, met: bool | None) -> dict[str, Any]:
    return {"goal": what, "met": met, "figures": figures}


def _below_peers(rows: Sequence[dict[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    what = "cost below every peer's at equal or less time (or equal and proven)"
    below, equal, lost = 0, [], []
    for row in rows:
        mine = row["results"][OURS]
        others = {k: v for k, v in row["results"].items() if k != OURS and "seconds" in v}
        if not others:
            continue
        rivals = {k: v["cost"] for k, v in others.items() if v["fits"]}
        nearest = min(rivals.values(), default=math.inf)
        slow = any(mine["seconds"] > 1.02 * v["seconds"] + 0.1 for v in others.values())
        if not mine["fits"] or mine["cost"] > nearest * (1 + SAME) or slow:
            lost.append(row["name"])
        elif mine["cost"] < nearest * (1 - SAME):
            below += 1
        else:  # nothing can be below a proven best
            (equal if mine["optimal"] else lost).append(row["name"])
    run = below + len(equal) + len(lost)
    if not run or not wanted:
        return _goal(what, "no peer was run", met=None)
    figures = f"below on {below} of {run}"
    figures += f", equal on {_some(equal)}" if equal else ""
    figures += f", not on {_some(lost)}" if lost else ""
    return _goal(what, figures, met=not lost)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _small_places(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    places = [
        (row, p) for row in rows for p in row["results"][OURS].get("places", ())
        if p["areas"] <= 100 and p["lots"] > 1 and row["kind"] != "toy"
    ]
    first = "localities of up to 100 areas: gap at most 0.1 %"
    second = "9 of 10 of them proven within 60 s each"
    if not places:
        return [_goal(first, "none was run", met=None), _goal(second, "none was run", met=None)]
    wide = [p for _, p in places if p["gap"] > 1e-3]
    # A county's localities are designed at once; its time is shared out by their number.
    in_time = [
        p["optimal"] and row["results"][OURS]["seconds"] <= 60.0 * len(row["results"][OURS]["places"])
        for row, p in places
    ]
    return [
        _goal(first, f"{len(places) - len(wide)} of {len(places)}, largest gap "
              f"{100 * max(p['gap'] for _, p in places):.3f} %", met=not wide),
        _goal(second, f"{sum(in_time)} of {len(places)}", met=sum(in_time) >= 0.9 * len(places)),
    ]


def _gaps(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for name, most in (("herefordshire", 1.0), ("hampshire-16", 3.0), ("hampshire-400", 3.0)):
        what = f"{name}: gap at most {most:g} % within 5 minutes"
        row = next((r for r in rows if r["name"] == name), None)
        if row is None or "gap" not in row["results"][OURS]:
            found.append(_goal(what, "not run", met=None) if row is None else
                         _goal(what, row["results"][OURS]["note"], met=False))
            continue
        mine = row["results"][OURS]
        met = mine["fits"] and mine["gap"] <= most / 100 and mine["seconds"] <= 300.0
        found.append(_goal(what, f"{100 * mine['gap']:.2f} % in {mine['seconds']:.0f} s", met=met))
    return found


def _known(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for proven, what in ((True, "proven values reproduced to 0.01 %"), (False, "best known values met")):
        chosen = [r for r in rows if r["known"] and r["known"]["proven"] is proven]
        off = []
        for row in chosen:
            mine, best = row["results"][OURS], row["known"]["cost"]
            # The table has two decimals.
            above = (mine.get("cost", math.inf) - best) / best
            good = mine["fits"] and (abs(above) <= 1e-4 if proven else above * best <= 0.0051)
            if not good:
                off.append(f"{row['name']} {100 * above:+.3f} %" if math.isfinite(above) else row["name"])
        figures = f"{len(chosen) - len(off)} of {len(chosen)}" + (f"; not {_some(off)}" if off else "")
        found.append(_goal(what, figures, met=not off) if chosen else _goal(what, "none was run", met=None))
    return found


# -- printing -----------------------------------------------------------------------------------

HEAD = (f"{'map':<24}{'areas':>5}{'lots':>5}  {'by':<10}{'s':>7}{'cost':>13}{'dev. %':>7} {'conn.':<5}"
        f"{'bound':>13}{'gap %':>7}")


def lines_of(row: dict[str, Any]) -> list[str]:
    """Lines of the table for one map; "gap" of a peer is how far its cost lies above ours."""
    mine = row["results"][OURS]
    found = []
    for name, result in row["results"].items():
        left = f"{row['name']:<24}{row['areas']:>5,}{row['lots']:>5}" if name == OURS else f"{'':<34}"
        if "cost" not in result:
            took = f"{result['seconds']:>7.1f}" if "seconds" in result else f"{'-':>7}"
            found.append(f"{left}  {name:<10}{took}  {result['note']}"[:100])
            continue
        line = f"{left}  {name:<10}{result['seconds']:>7.1f}{_figure(result['cost']):>13}"
        line += f"{100 * result['deviation']:>7.2f} {'yes' if result['connected'] else 'NO':<5}"
        if not result["fits"]:
            line += f" {result['note']}"[: 100 - len(line)]
        elif name == OURS:
            line += f"{_figure(result['bound']):>13}{100 * result['gap']:>7.2f}"
        else:
            line += f"{'':>13}{_above(result['cost'], mine):>7}"
        found.append(line.rstrip())
    if not mine.get("own_cost_agrees", True):
        found.append(f"{'':<34}  THE SOLVER GIVES ITS PLAN ANOTHER COST: its bound says nothing here")
    if row["known"]:
        known, cost = row["known"], mine.get("cost")
        text = "proven" if known["proven"] else "best known"
        off = "" if cost is None else f"; ours {100 * (cost - known['cost']) / known['cost']:+.4f} %"
        found.append(f"{'':<34}  {text} {known['cost']:,.2f}{off}")
    return found


def _figure(value: float) -> str:
    return f"{value:,.2f}" if value < 1e6 else f"{value:,.0f}"


def _above(cost: float, mine: dict[str, Any]) -> str:
    return f"{100 * (cost / mine['cost'] - 1):+.2f}" if mine.get("fits") and mine["cost"] else ""


def machine() -> dict[str, Any]:
    """What the figures were measured on; no names."""
    packages = ("lotting", "numpy", "scipy", "numba", "ortools", "networkx")
    return {
        "cores": os.cpu_count(), "system": platform.system(), "processor": platform.machine(),
        "python": platform.python_version(),
        "packages": {p: importlib.metadata.version(p) for p in packages},
    }


# -- the command --------------------------------------------------------------------------------


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[],
                        help="maps by name or pattern (leicestershire, 'PA-*', toy)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of maps, by comma")
    parser.add_argument("--list", action="store_true", help="say which maps there are, and end")
    parser.add_argument("--seconds", type=float,
                        help="time for ours; 60, or 300 for places of over 100 areas, when left out")
    parser.add_argument("--least", type=float, default=5.0, help="least seconds for a peer")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers", default=",".join(PEERS), help="which peers, by comma")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PATH",
                        help="interpreter of the environment that has the peers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--scaling", action="store_true",
                        help="made-up maps of 100 to 33,000 areas instead; fits a curve")
    parser.add_argument("--sizes", default="", help="with --scaling: areas, by comma")
    options = parser.parse_args(words)
    unknown = set(options.peers.split(",")) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return options


def main(words: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    options = arguments(words)
    if options.scaling:
        import scaling

        result = {"machine": machine(), "scaling": scaling.measure(options)}
        _write(options.json, result)
        return
    kinds = options.kinds.split(",")
    # The toy is run when it is asked for by name only.
    makers = available([*kinds, *(["toy"] if "toy" in options.only else [])])
    if options.only:
        makers = [m for m in makers if any(fnmatch.fnmatch(m[0], p) for p in options.only)]
    if options.list:
        print("\n".join(name for name, _ in makers))
        return
    if not makers:
        sys.exit("No such map here; --list says which there are.")
    wanted = [] if options.no_peers else options.peers.split(",")
    have = installed(options.peers_python) if wanted else {}
    facts = machine()
    print(f"{facts['system']}, {facts['processor']}, {options.cores} of {facts['cores']} cores, "
          f"Python {facts['python']}")
    versions = facts["packages"] | {k: v or "not installed" for k, v in have.items() if k in wanted}
    print("\n".join(_wrapped(", ".join(f"{k} {v}" for k, v in versions.items()))))
    # The compiled kernels are made, or loaded, before anything is timed.
    ours(toy(), 1.0, options.cores, options.seed)
    print("\n" + HEAD)
    rows: list[dict[str, Any]] = []
    result = {"machine": facts, "peers": have, "cores": options.cores, "seed": options.seed, "maps": rows}
    for name, make in makers:
        rows.append(compare(name, make, options, wanted, have))
        print("\n".join(lines_of(rows[-1])), flush=True)
        _write(options.json, result)  # what there is survives a run that is ended
    result["goals"] = goals(rows, wanted)
    print("\nGoals")
    for goal in result["goals"]:
        word = {True: "met", False: "MISSED", None: "not run"}[goal["met"]]
        print("\n".join(_wrapped(f"{word:<9}{goal['goal']}: {goal['figures']}", indent=9)))
    _write(options.json, result)


def compare(
    name: str, make: Callable[[], Instance], options: argparse.Namespace, wanted: Sequence[str],
    have: dict[str, str | None],
) -> dict[str, Any]:
    """Measure ours, then the peers, on one map."""
    instance = make()
    mine = ours(instance, options.seconds or instance.seconds, options.cores, options.seed)
    results = {OURS: mine}
    for each in wanted:
        if have.get(each) is None:
            results[each] = {"fits": False, "note": "not installed"}
            continue
        results[each] = peer(
            instance, each, python=options.peers_python, seconds=max(options.least, mine["seconds"]),
            cores=options.cores, seed=options.seed,
        )
    kind = "toy" if name == "toy" else "bench" if instance.known else (
        "embedded" if name.endswith("-embedded") else "geo")
    return {
        "name": name, "kind": kind, "areas": len(instance.areas), "lots": instance.number,
        "places": len(instance.places), "limits": instance.limits(), "metric": instance.metric,
        "seconds_allowed": options.seconds or instance.seconds,
        "known": None if instance.known is None else {
            "cost": instance.known.cost, "proven": instance.known.proven, "bound": instance.known.bound},
        "results": results,
    }


def _wrapped(text: str, *, indent: int = 0) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 100, subsequent_indent=" " * indent)


def _write(path: Path | None, result: dict[str, Any]) -> None:
    if path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
