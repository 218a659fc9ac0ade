"""The commands. Data on stdout, progress and problems on stderr.

Exit codes: 0 done, 1 the plan breaks a limit, 2 bad input, 3 no plan can meet the brief,
130 interrupted before there was a plan.
"""

from __future__ import annotations

import contextlib
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from .console import (
    AsJson,
    Debug,
    Folder,
    Quiet,
    Service,
    print_version,
    read_project,
    say,
    stderr,
    told,
    use_utf8,
    width,
)
from .errors import InfeasibleError, InputError, Problem

if TYPE_CHECKING:
    from .plan import Plan
    from .project import Project
    from .results import Result

__all__ = ["app", "main"]

app = typer.Typer(
    name="lotting",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Draw home-care lots: balanced, connected, explained.",
)

def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never ends in a traceback unless asked to."""
    use_utf8()
    app(args=None if arguments is None else list(arguments), prog_name="lotting")


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Draw home-care lots: balanced, connected, explained."""


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make.")],
    county: Annotated[
        str, typer.Option(help="Sample: leicestershire or herefordshire.")
    ] = "leicestershire",
    debug: Debug = False,
) -> None:
    """Make a folder with a brief, every setting explained, and sample files that work at once."""
    with told(debug):
        from .scaffold import new_project

        for path in new_project(folder, county):
            typer.echo(path)
        stderr().print(f"[dim]Next: lotting check {escape(str(folder))}[/]", soft_wrap=True)


@app.command()
def check(
    folder: Folder, as_json: AsJson = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Read everything, list every problem at once, and account for every hour."""
    with told(debug):
        from .design.places import split
        from .lot_travel import impossible_places, lot_travel, today_in_words

        project = read_project(folder, quiet=quiet or as_json)
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        "areas": len(project.areas),
                        "borders": project.graph.number_of_edges(),
                        "pieces": len(project.pieces),
                        "repairs": len(project.repairs),
                        "services": [d.service for d in project.demands],
                        "reconciliation": project.reconciliation.to_records(),
                        "warnings": [str(w) for w in project.warnings],
                    },
                    indent=1,
                    ensure_ascii=False,
                )
            )
        else:
            typer.echo(_overview(project))
        reasons = []
        for name, lots in project.brief.services():
            hours = project.demand(name).frame["weekly_hours"]
            numbers = (
                [None]
                if not isinstance(lots.number, tuple)
                else list(range(lots.number[0], lots.number[1] + 1))
            )
            failed = [
                split(project.areas["locality"], project.graph, hours, lots, number=k).reasons
                for k in numbers
            ]
            if all(failed):
                reasons += list(failed[-1])
                continue
            travel = lot_travel(project, name)
            if travel is not None:
                reasons += impossible_places(project, name, lots, travel)
                said = today_in_words(travel, project.today, lots.max_travel_minutes)
                if said and not as_json:
                    typer.echo(textwrap.fill(("" if name == "all" else f"{name}: ") + said, width()))
        if reasons:
            raise InfeasibleError(reasons)
        if not as_json:
            typer.echo("\nAll files can be used, and the sums of hours and lots work out.")


def _overview(project: Project) -> str:
    areas, graph = project.areas, project.graph
    parts = len(project.pieces)
    whole = "one connected map" if parts == 1 else f"{parts} pieces that do not touch"
    lines = [f"{len(areas):,} areas, {graph.number_of_edges():,} borders and bridges, {whole}"]
    names = sorted({str(p) for p in areas["locality"] if p})
    if names:
        lines.append(f"{len(names)} localities")
    if len(project.repairs):
        kinds = project.repairs["problem"].value_counts()
        lines.append("mended: " + "; ".join(f"{n} x {kind}" for kind, n in kinds.items()))
    return "\n".join([*lines, "", project.reconciliation.to_text(width())])


@app.command()
def design(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; FOLDER/out when left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the brief's seed.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds, instead of the brief's.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler, tcp://host:port; this machine when left out."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw the lots and write plan, maps, workbook and GeoPackage."""
    with told(debug):
        broken = _design(
            folder, out, seed=seed, time_limit=time_limit, cluster=cluster, as_json=as_json, quiet=quiet
        )
    if broken:
        raise typer.Exit(1)


def _design(
    folder: Path,
    out: Path | None,
    *,
    seed: int | None,
    time_limit: float | None,
    cluster: str | None = None,
    as_json: bool,
    quiet: bool,
) -> bool:
    """Design every service line; whether a plan breaks a rule."""
    from .run import design_all

    project = read_project(folder, quiet=quiet)
    changes = {k: v for k, v in (("seed", seed), ("time_limit_s", time_limit)) if v is not None}
    run = project.brief.run.model_copy(update=changes)
    from .results import check_out, remove_earlier, write_results

    out = out or project.path.parent / "out"
    check_out(project, out)
    console = stderr()
    with _progress(quiet=quiet) as progress, _plans_so_far(out, len(project.demands)) as keep:
        results = design_all(project, run, progress, cluster=cluster, so_far=keep)
    report: Callable[[str], None] | None = (
        None if quiet else lambda what: console.print(f"[dim]{what}[/]")
    )
    written: dict[str, tuple[Path, dict[str, Any]]] = {}
    for result in results:
        service = result.outcome.demand.service
        place = out if len(results) == 1 else out / service
        try:
            written[service] = (place, write_results(project, result, place, report=report))
        except KeyboardInterrupt:
            done = f"Only {', '.join(written)} was written." if written else "Nothing was written."
            console.print(f"[yellow]Stopped.[/] {escape(done)}")
            raise typer.Exit(130) from None
    remove_earlier(out, list(written))
    if as_json:
        only = next(iter(written.values()))[1]
        typer.echo(
            json.dumps(
                only if len(written) == 1 else {k: v[1] for k, v in written.items()},
                indent=1,
                ensure_ascii=False,
            )
        )
    else:
        for result in results:
            _print_result(result, written[result.outcome.demand.service][0])
    violations = [v for r in results for v in r.outcome.violations]
    for violation in violations:
        say(console, "red", "The plan breaks a rule: ", str(violation))
    return bool(violations)


@contextlib.contextmanager
def _plans_so_far(out: Path, services: int) -> Iterator[Callable[[str, Plan], None]]:
    """Keep the best plan so far in a file, so that a killed run or a power cut leaves one."""
    from .files import atomic_path

    made: list[Path] = []
    folders = [p for p in (out, *out.parents) if not p.exists()]

    def keep(service: str, plan: Plan) -> None:
        path = (out if services == 1 else out / service) / "plan-so-far.csv"
        if path not in made:
            made.append(path)
        with contextlib.suppress(OSError):  # nobody asked for it: it must not end the run
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                plan.to_csv(temporary)

    try:
        yield keep
    finally:
        with contextlib.suppress(OSError):
            for path in made:
                path.unlink(missing_ok=True)
                if path.parent != out and not any(path.parent.iterdir()):
                    path.parent.rmdir()
            for folder in folders:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, Any], None] | None]:
    """Show how far the design is: a line that moves on a terminal, a line a stage elsewhere."""
    if quiet:
        yield None
        return
    console = stderr()
    if not console.is_terminal:
        last = ""

        def tell(service: str, progress: Any) -> None:
            nonlocal last
            if progress.stage != last:
                last = progress.stage
                console.print(f"{_of(service)}{progress.stage}{_best(progress)}")

        yield tell
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("Starting", total=1, best="")

        def show(service: str, progress: Any) -> None:
            bar.update(
                task,
                description=f"{_of(service)}{progress.stage}",
                completed=progress.done,
                total=max(progress.total, 1),
                best=_best(progress),
            )

        yield show


def _of(service: str) -> str:
    return "" if service == "all" else escape(f"{service}: ")


def _best(progress: Any) -> str:
    if progress.objective is None:
        return ""
    if progress.stage.startswith("Options"):
        return ""  # in the units of other aims
    text = f" best {progress.objective:,.0f}"
    if progress.bound:
        text += f", within {100 * max(0.0, 1 - progress.bound / progress.objective):.1f} %"
    return text


def _print_result(result: Result, place: Path) -> None:
    from .report.content import MEASURES, as_text
    from .results import OUTPUTS, cap_in_words, in_scenarios, proof_in_words

    outcome, design_ = result.outcome, result.design
    wide = width()
    service = outcome.demand.service
    if service != "all":
        typer.echo(f"\nService {service}")
    shown = [m for m in MEASURES if m.name in _PRINTED and m.name in outcome.table.columns]
    label = wide - 12 * len(shown)
    typer.echo("")
    for line in range(2):
        heads = "".join(f"{(m.unit if line else m.label):>12}" for m in shown)
        typer.echo(f"{'' if line else 'Lot':<{label}}{heads}".rstrip())
    table = outcome.table
    localities = sorted(set(table["locality"].astype(str))) if "locality" in table else [""]
    for locality in localities:
        if len(localities) > 1:
            typer.echo(locality)
        rows = (
            table if "locality" not in table else table[table["locality"].astype(str) == locality]
        )
        for lot, row in rows.iterrows():
            name = f"{'  ' if len(localities) > 1 else ''}{lot}"
            cells = "".join(f"{as_text(row[m.name], m):>12}" for m in shown)
            typer.echo(f"{name[: label - 1]:<{label}}{cells}".rstrip())
    facts = outcome.facts
    typer.echo("")
    typer.echo(f"Cost {design_.objective:,.0f}; {proof_in_words(design_) or 'no bound is known'}.")
    if facts.get("largest_deviation_pct") is not None:
        typer.echo(f"Largest deviation from target {facts['largest_deviation_pct']:.1f} %.")
    for sentence in (_moving(facts), _travelling(facts), cap_in_words(design_), in_scenarios(outcome)):
        if sentence:
            typer.echo(textwrap.fill(sentence, wide))
    if len(design_.tried) > 1:
        _print_numbers(result)
    if not design_.reproducible:
        typer.echo(f"Cut short ({design_.stopped_by}): the same seed may end in another plan.")
    if len(result.outcomes) > 1:
        _print_options(result, wide)
    typer.echo("")
    for name in OUTPUTS:
        if (place / name).is_file():
            typer.echo(place / name)


def _moving(facts: dict[str, Any]) -> str:
    """Say how many change zone; "" where there are no zones."""
    for unit in ("people", "hours"):
        if f"moved_{unit}" in facts and facts.get("moved_pct") is not None:
            return f"{facts[f'moved_{unit}']:,.0f} {unit} ({facts['moved_pct']:.0f} %) change zone."
    return ""


def _travelling(facts: dict[str, Any]) -> str:
    """Say how much travel there is; "" where it was not estimated."""
    if facts.get("travel_minutes_per_contact_hour") is None:
        return ""
    return (
        f"Travel, estimated: {facts['travel_minutes_per_contact_hour']:.1f} minutes per contact hour "
        f"({facts['largest_travel_minutes']:.1f} in the lot with most), "
        f"{facts['km_per_visit']:.1f} km a visit."
    )


def _print_numbers(result: Result) -> None:
    """Print what each number of lots comes to."""
    from math import isnan

    from .results import numbers_table

    table = numbers_table(result)
    heads = [
        ("Lots", ""),
        ("cost", ""),
        ("gap", "%"),
        ("smallest", "h"),
        ("largest", "h"),
        ("largest dev.", "%"),
    ]
    names = ["objective", "gap_pct", "smallest_lot_hours", "largest_lot_hours", "largest_deviation_pct"]
    if "viable_lots" in table:
        heads.append(("viable", f">= {result.outcome.lots.viable_hours:,.0f} h"))
        names.append("viable_lots")
    typer.echo("")
    for line in range(2):
        typer.echo(f"{heads[0][line]:<6}" + "".join(f"{head[line]:>13}" for head in heads[1:]).rstrip())
    for row in table.to_dict("records"):
        cells = ["–" if isnan(row[n]) else f"{row[n]:,.{1 if n.endswith('_pct') else 0}f}" for n in names]
        if isnan(row["objective"]):
            cells[0] = "no plan"
        typer.echo(f"{row['lots']:<6}" + "".join(f"{cell:>13}" for cell in cells))


def _print_options(result: Result, wide: int) -> None:
    from .results import options_table

    table = options_table(result)
    apart = next(c for c in table.columns if c.startswith("apart_from_1"))
    unit = apart.removeprefix("apart_from_1_")
    typer.echo("")
    columns = [
        ("cost", "", "objective", 0),
        ("largest dev.", "%", "largest_deviation_pct", 1),
        (unit, "unlike 1", apart, 0),
    ]
    if "travel_minutes_per_contact_hour" in table:
        columns.append(("travel", "min/h", "travel_minutes_per_contact_hour", 2))
    label = wide - 14 * len(columns)
    for line in range(2):
        heads = "".join(f"{column[line]:>14}" for column in columns)
        typer.echo(f"{'' if line else 'Option':<{label}}{heads}")
    for row in table.to_dict("records"):
        name = f"{row['option']}  {row['made_for']}"
        cells = "".join(f"{row[key] or 0.0:>14,.{places}f}" for _, _, key, places in columns)
        typer.echo(f"{name[: label - 1]:<{label}}{cells}")


_PRINTED = ("weekly_hours", "deviation_pct", "rural_pct", "distance_km", "travel_minutes_per_contact_hour")


@app.command()
def compare(
    folder: Folder,
    a: Annotated[Path, typer.Argument(metavar="A.csv", help="A plan: area_code,lot.")],
    b: Annotated[Path, typer.Argument(metavar="B.csv", help="Another plan of the same areas.")],
    service: Service = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Set two plans side by side: who moves, and what every lot gains and loses."""
    with told(debug):
        from .compare import compare_plans
        from .lot_travel import lot_travel
        from .project import read_plan

        project = read_project(folder, quiet=quiet or as_json)
        plans = _both(a, b, lambda path: read_plan(path, project))
        services = [service] if service is not None else [d.service for d in project.demands]
        found = {}
        for name in services:
            demand = project.demand(name)
            lots = dict(project.brief.services())[demand.service]
            found[demand.service] = compare_plans(
                plans[0],
                plans[1],
                project.areas,
                project.graph,
                demand,
                target=lots.target_hours,
                names=(str(a), str(b)),
                travel=lot_travel(project, demand.service),
                cap_minutes=lots.max_travel_minutes,
            )
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        name: {
                            table: json.loads(frame.reset_index().to_json(orient="records"))
                            for table, frame in comparison.frames().items()
                        }
                        for name, comparison in found.items()
                    },
                    indent=1,
                    ensure_ascii=False,
                )
            )
        else:
            for name, comparison in found.items():
                if len(found) > 1:
                    typer.echo(f"\nService {name}")
                typer.echo(comparison.to_text(width()))
            stderr().print(
                "[dim]For use inside the council: small counts are not suppressed here.[/]"
            )
    if any(comparison.above[1] for comparison in found.values()):
        raise typer.Exit(1)


@app.command()
def verify(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; FOLDER/out when left out.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Work out a plan's cost and its bound again, by code that shares nothing with the solver."""
    with told(debug):
        from .verify import verify_all

        project = read_project(folder, quiet=quiet or as_json)
        checks = verify_all(project, out or project.path.parent / "out")
        if as_json:
            typer.echo(json.dumps([c.to_dict() for c in checks], indent=1, ensure_ascii=False))
        else:
            typer.echo("\n\n".join(c.to_text(width()) for c in checks))
        holds = all(c.holds for c in checks)
    if not holds:
        raise typer.Exit(1)


def _both(a: Path, b: Path, read: Callable[[Path], Any]) -> list[Any]:
    plans, problems = [], []
    for path in (a, b):
        try:
            plans.append(read(path))
        except InputError as error:
            problems += list(error.problems)
    if problems:
        raise InputError(problems)
    return plans


@app.command("map")
def map_(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.csv", help="A plan: area_code,lot.")],
    brief: Annotated[
        Path | None,
        typer.Option(help="The brief or its folder; found above the plan when left out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the maps; beside the plan when left out.")
    ] = None,
    service: Service = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw the maps of a plan file again, and say which limits it breaks."""
    with told(debug):
        from .project import read_plan
        from .results import describe, redraw

        project = read_project(brief or _brief_above(plan), quiet=quiet)
        names = [d.service for d in project.demands]
        if service is None and len(names) > 1:
            service = next((n for n in names if n in plan.resolve().parts), None)
        demand = project.demand(service)
        outcome = describe(project, demand.service, read_plan(plan, project))
        folder = out or plan.resolve().parent
        for path in redraw(project, outcome, folder):
            typer.echo(path)
        console = stderr()
        for violation in outcome.violations:
            say(console, "red", "The plan breaks a rule: ", str(violation))
    if outcome.violations:
        raise typer.Exit(1)


def _brief_above(plan: Path) -> Path:
    for folder in plan.resolve().parents:
        if (folder / "brief.toml").is_file():
            return folder
    raise InputError(
        Problem(
            message="there is no brief.toml in the folders above the plan",
            file=str(plan),
            fix="Say where it is with --brief FOLDER.",
        )
    )


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to put it.")] = Path(
        "demo"
    ),
    county: Annotated[
        str, typer.Option(help="leicestershire or herefordshire.")
    ] = "leicestershire",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the main job on the embedded sample county and say where the map is."""
    with told(debug):
        from .scaffold import new_project

        place = folder / county.strip().casefold()
        if not (place / "brief.toml").is_file():
            new_project(place, county)
        broken = _design(place, None, seed=None, time_limit=None, as_json=False, quiet=quiet)
    if broken:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
