"""The commands of ``allocation``. Data on stdout, progress and problems on stderr.

Exit codes: 0 done, 1 rounds leave visits unserved that could not wait, or pay is below the minimum
wage, 2 bad input, 3 no award or no plan can meet the rules, 130 interrupted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lotting.console import (
    AsJson,
    Debug,
    Folder,
    Quiet,
    Service,
    print_version,
    say,
    stderr,
    told,
    use_utf8,
)

from .broker_cli import broker
from .options import Out, Seed, print_json

__all__ = ["app", "main"]

app = typer.Typer(
    name="allocation",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Share the work out: the market, awards, packages, visits, rounds, travel, pay.",
)

PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="PLAN.csv", help="A plan; FOLDER/out/plan.csv when left out."),
]
Day = Annotated[
    dt.datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day to plan, instead of the brief's."),
]
Workers = Annotated[
    Path | None,
    typer.Option(metavar="WORKERS.csv", help="Care workers' shifts; made up when left out."),
]
Effort = Annotated[
    float, typer.Option(min=0.001, max=100, help="How hard to look; twice takes twice as long.")
]
Processes = Annotated[int, typer.Option(min=0, help="Lots planned at once; one a core when 0.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never ends in a traceback unless asked to."""
    use_utf8()
    app(args=None if arguments is None else list(arguments), prog_name="allocation")


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Share the work out: the market, awards, packages, visits, rounds, travel, pay."""


@app.command()
def visits(
    folder: Folder,
    service: Service = None,
    day: Day = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read the visits, or make them up from hours of care, and account for every hour."""
    with told(debug):
        from .commands.visits import run

        found = run(folder, service=service, day=day and day.date(), out=out, quiet=quiet or as_json)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@app.command()
def rounds(
    folder: Folder,
    plan: PlanFile = None,
    workers: Workers = None,
    day: Day = None,
    lot: Annotated[list[str] | None, typer.Option(help="Only this lot; may be given again.")] = None,
    service: Service = None,
    effort: Effort = 0.3,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Most seconds for a lot; the rounds can then not be repeated exactly."),
    ] = None,
    seed: Seed = 1,
    processes: Processes = 0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Plan a day's rounds of every lot: who goes where when, and which visits nobody can make.

    What is written is personal data: keep it inside.
    """
    with told(debug):
        from .commands.rounds import run

        found = run(
            folder, plan, workers=workers, day=day and day.date(), lots=lot, service=service, effort=effort,
            seconds=seconds, seed=seed, processes=processes, out=out, quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@app.command()
def travel(
    folder: Folder,
    plan: PlanFile = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="PRICES.csv", help="Hourly prices: lot,hourly_price_gbp.")
    ] = None,
    price: Annotated[float | None, typer.Option(help="One hourly price for all lots, in pounds.")] = None,
    windows: Annotated[
        str | None,
        typer.Option(metavar="MINUTES", help="Plan again with these visit windows, e.g. 0,30,60,120."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Estimate travel, without planning rounds.")] = False,
    pay_share_pct: Annotated[
        float | None,
        typer.Option(help="Share of a price that becomes pay and mileage; 56.9 when left out."),
    ] = None,
    kg_co2e_per_km: Annotated[
        float | None, typer.Option(min=0, max=5, help="Of a car; 0.1645 when left out.")
    ] = None,
    service: Service = None,
    day: Day = None,
    effort: Effort = 0.2,
    seed: Seed = 1,
    processes: Processes = 0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare the travel of the lots with today's zones, and say which lots a price does not carry.

    What is written has passed disclosure control.
    """
    with told(debug):
        from .commands.travel import run

        found = run(
            folder, plan, prices=prices, price=price, windows=windows, quick=quick,
            pay_share_pct=pay_share_pct, kg_co2e_per_km=kg_co2e_per_km, service=service,
            day=day and day.date(), effort=effort, seed=seed, processes=processes, out=out,
            quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@app.command()
def burden(
    folder: Folder,
    lot: Annotated[str, typer.Option(help="The lot.")],
    base: Annotated[
        str | None,
        typer.Option(metavar="POSTCODE", help="Where rounds begin and end: a postcode, or easting,northing."),
    ] = None,
    plan: PlanFile = None,
    workers: Workers = None,
    provider: Annotated[str, typer.Option(help="Name on the page.")] = "",
    service: Service = None,
    day: Day = None,
    effort: Effort = 0.5,
    seed: Seed = 1,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show a provider what one lot would mean from its own base, on one page."""
    with told(debug):
        from .commands.burden import run

        found = run(
            folder, plan, lot=lot, base=base, workers=workers, provider=provider, service=service,
            day=day and day.date(), effort=effort, seed=seed, out=out, quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to.")],
    council: Annotated[
        str,
        typer.Option(
            help="Sample tender: leicestershire (of drawn lots), herefordshire, hampshire; sample "
            "brokerage: banes, worcestershire."
        ),
    ] = "leicestershire",
    debug: Debug = False,
) -> None:
    """Write a sample that works at once: a council's rules, explained, and made-up bids or packages."""
    with told(debug):
        from .samples.scaffold import new_sample

        written = new_sample(folder, council)
        for path in written:
            typer.echo(path)
        tender = written[-1].name == "tender.toml"
        following = f"award {folder}" if tender else f"broker batch {folder} {folder / 'list.csv'}"
        say(stderr(), "dim", "", f"Next: allocation {following}")


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where lotting demo put its county.")
    ] = Path("demo"),
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Award the lots of lotting demo: a sample tender with made-up bids."""
    with told(debug):
        from .commands.award import run
        from .samples.scaffold import new_sample

        place = folder / "leicestershire"
        if not (place / "tender.toml").is_file():
            new_sample(place)
        found = run(
            place, solver="highs", order=None, sequential=False, costs=False, scenarios=False,
            scenario_file=None, pairs=False, moves_per_week=None, moves_per_provider=None,
            hours_per_worker=25.0, out=None, quiet=quiet,
        )  # fmt: skip
        typer.echo(found.to_text())


@app.command()
def award(
    folder: Annotated[Path, typer.Argument(metavar="TENDER", help="Folder of tender.toml, or that file.")],
    solver: Annotated[str, typer.Option(help="highs, cp-sat, scip or cbc.")] = "highs",
    by: Annotated[
        str | None,
        typer.Option(metavar="ORDER", help="Award lot by lot: lots, largest or preferences."),
    ] = None,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Set the awards lot by lot beside the best one.")
    ] = False,
    rule_costs: Annotated[
        bool, typer.Option("--rule-costs", help="Award again without each rule: what each costs.")
    ] = False,
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="Award under other caps, weights and numbers of providers.")
    ] = False,
    scenario_file: Annotated[
        Path | None, typer.Option(metavar="SCENARIOS.toml", help="Scenarios of your own.")
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Let providers fail in pairs as well.")] = False,
    moves_per_week: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Most people who change provider in a week.")
    ] = None,
    moves_per_provider: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Most people one provider takes on in a week.")
    ] = None,
    hours_per_worker: Annotated[
        float, typer.Option(min=1, max=60, help="Contact hours a week of one care worker.")
    ] = 25.0,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Award the lots under the notice's rules, with reasons, transfers, and what a failure would leave.

    Bids are confidential until the award is published.
    """
    with told(debug):
        from .commands.award import run

        found = run(
            folder, solver=solver, order=by, sequential=sequential, costs=rule_costs, scenarios=scenarios,
            scenario_file=scenario_file, pairs=pairs, moves_per_week=moves_per_week,
            moves_per_provider=moves_per_provider, hours_per_worker=hours_per_worker, out=out,
            quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@app.command("award-check")
def award_check(
    record: Annotated[Path, typer.Argument(metavar="AWARD.json", help="The audit record of an award.")],
    tender: Annotated[
        Path | None, typer.Option(metavar="TENDER", help="The tender, where it is not at the place recorded.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Make an award again from its audit record, and say whether it is the same to the penny."""
    with told(debug):
        from .commands.award import repeat

        found = repeat(record, tender)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())
    if found.below:
        raise typer.Exit(1)


@app.command()
def pay(
    brief: Annotated[Path, typer.Argument(metavar="PAY.toml", help="The pay brief, or its folder.")],
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check pay against the minimum wage and write the evidence report."""
    with told(debug):
        from .commands.pay import run

        found = run(brief, out, quiet=quiet or as_json)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())
    if found.below:
        raise typer.Exit(1)


@app.command()
def market(
    folder: Folder,
    plan: PlanFile = None,
    intentions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who would bid for which lot: provider_id,lot,...")
    ] = None,
    cqc: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The CQC's care directory, or active locations.")
    ] = None,
    reach_km: Annotated[
        float, typer.Option(min=0.1, max=200, help="How far from its office a provider works.")
    ] = 15.0,
    max_hours: Annotated[
        float | None, typer.Option(min=1, help="Limit on one provider's weekly hours.")
    ] = None,
    max_share_pct: Annotated[
        float | None, typer.Option(min=0.1, max=100, help="Limit on one provider's share of all hours.")
    ] = None,
    max_locality_share_pct: Annotated[
        float | None, typer.Option(min=0.1, max=100, help="Limit on its share of a locality's hours.")
    ] = None,
    max_providers: Annotated[int | None, typer.Option(min=1, help="Limit on how many there may be.")] = None,
    under_hours: Annotated[
        float, typer.Option(min=0, help="Providers under so many hours a week are counted apart.")
    ] = 20.0,
    small_hours: Annotated[
        float, typer.Option(min=0, help="Packages under so many hours a week are small.")
    ] = 5.0,
    since: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day growth is from."),
    ] = None,
    team: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of teams in the packages.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many providers are printed.")] = 10,
    service: Service = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show who gives the care today: shares, concentration, growth, limits, bidders, CQC providers near.

    What is written has passed disclosure control, but for the folder private.
    """
    with told(debug):
        from .commands.market import Options, run
        from .market.concentration import Caps

        options = Options(
            plan=plan, service=service, team_column=team, since=since and since.date(),
            caps=Caps(
                max_hours=max_hours, max_share_pct=max_share_pct,
                max_locality_share_pct=max_locality_share_pct, max_providers=max_providers,
            ),
            under_hours=under_hours, small_hours=small_hours, intentions=intentions, cqc=cqc,
            reach_km=reach_km, top=top, out=out,
        )  # fmt: skip
        found = run(folder, options, quiet=quiet or as_json)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())

app.add_typer(broker, name="broker")


if __name__ == "__main__":
    main()
