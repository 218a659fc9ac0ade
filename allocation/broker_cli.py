"""The commands of ``allocation broker``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from lotting.console import AsJson, Debug, Quiet, told

from .options import Out, Seed, print_json

__all__ = ["broker"]

broker = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Place packages by the council's own order, and keep every decision.",
)
BrokerFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder with broker.toml, or the brief.")
]
ListFile = Annotated[Path, typer.Argument(metavar="LIST.csv", help="The packages to place.")]
PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="Id of a package.")]
OnDay = Annotated[
    dt.datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day of the decision; today's."),
]
DecidedBy = Annotated[str, typer.Option("--by", help="Who decides; written beside the decision.")]
RegisterFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The register; FOLDER/private/broker.sqlite when left out."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Decide, but write nothing in the register.")]
OnlyPackages = Annotated[
    list[str] | None, typer.Option("--package", help="Only this package of the list; may be given again.")
]


@broker.command("place")
def broker_place(
    folder: BrokerFolder,
    packages: ListFile,
    only: OnlyPackages = None,
    on: OnDay = None,
    by: DecidedBy = "",
    register: RegisterFile = None,
    dry_run: DryRun = False,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Place packages one by one, in the order of the list.

    What is written is personal data: keep it inside.
    """
    with told(debug):
        from .commands.broker import run_place

        found = run_place(
            folder, packages, whole=False, only=only, day=on and on.date(), decided_by=by, register=register,
            dry_run=dry_run, seconds=60.0, gap_pct=0.05, seed=1, out=out, quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@broker.command("batch")
def broker_batch(
    folder: BrokerFolder,
    packages: ListFile,
    only: OnlyPackages = None,
    on: OnDay = None,
    by: DecidedBy = "",
    register: RegisterFile = None,
    dry_run: DryRun = False,
    seconds: Annotated[float, typer.Option(min=1, help="Most seconds for sharing out.")] = 60.0,
    gap_pct: Annotated[float, typer.Option(min=0, max=10, help="Near enough to the best, in %.")] = 0.05,
    seed: Seed = 1,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Place a whole list at once, and show what that gains over one by one.

    What is written is personal data: keep it inside.
    """
    with told(debug):
        from .commands.broker import run_place

        found = run_place(
            folder, packages, whole=True, only=only, day=on and on.date(), decided_by=by, register=register,
            dry_run=dry_run, seconds=seconds, gap_pct=gap_pct, seed=seed, out=out, quiet=quiet or as_json,
        )  # fmt: skip
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@broker.command("handback")
def broker_hand_back(
    folder: BrokerFolder,
    package: PackageId,
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    ended: Annotated[bool, typer.Option("--ended", help="It has ended; nobody hands it back.")] = False,
    on: OnDay = None,
    by: DecidedBy = "",
    register: RegisterFile = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Record that a provider hands a package back, or that it has ended."""
    with told(debug):
        from .commands.broker import run_hand_back

        found = run_hand_back(
            folder, package, reason, ended=ended, day=on and on.date(), decided_by=by, register=register
        )
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@broker.command("status")
def broker_status(
    folder: BrokerFolder,
    on: OnDay = None,
    register: RegisterFile = None,
    out: Out = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show who has how many hours, minima that are not met, and packages to review."""
    with told(debug):
        from .commands.broker import run_status

        found = run_status(folder, day=on and on.date(), register=register, out=out)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@broker.command("explain")
def broker_explain(
    folder: BrokerFolder,
    package: PackageId,
    register: RegisterFile = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell what was decided of a package, and why: the whole ranking of the day."""
    with told(debug):
        from .commands.broker import run_explain

        found = run_explain(folder, package, register=register)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())


@broker.command("blocks")
def broker_blocks(
    folder: BrokerFolder,
    keep_spot_pct: Annotated[
        float | None, typer.Option(min=0, max=100, help="Share of each area that stays spot; the brief's.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Most seconds for the solver.")] = 20.0,
    out: Out = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Choose which spot packages to turn into block contracts: sizes by area, saving and risk."""
    with told(debug):
        from .commands.broker import run_blocks

        found = run_blocks(folder, keep_spot_pct=keep_spot_pct, seconds=seconds, out=out)
        print_json(found.to_dict()) if as_json else typer.echo(found.to_text())
