"""The command `integrations`: what people at a terminal, CI and other orchestrators call.

Owns options, words and exit codes, and decides nothing about records. Importing it imports click and nothing heavy:
each command brings what it needs when it is used.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import click

from integrations_platform import __version__
from integrations_platform.cli.lazy import Entry, LazyGroup
from integrations_platform.cli.session import Session

_HERE = "integrations_platform.cli"

COMMANDS = {
    "quickstart": Entry("integrations_platform.quickstart.commands:quickstart", "See a two-way sync work, here, now."),
    "sync": Entry(f"{_HERE}.sync:sync", "Plan, run and look after syncs."),
    "warehouse": Entry(f"{_HERE}.warehouse:warehouse", "Load days of the lake into tables, and ask them."),
    "airbyte": Entry(f"{_HERE}.airbyte:airbyte", "Airbyte connections: discover, look at, sync, reset."),
    "doctor": Entry(f"{_HERE}.checkup:doctor", "Check settings, systems, state and syncs; say how to mend."),
    "jobs": Entry(f"{_HERE}.jobs:jobs", "The named jobs that Dagster and Airflow render."),
    "lake": Entry(f"{_HERE}.lake:lake", "Partitions of the lake: land, look at, compact, verify."),
    "serve": Entry(f"{_HERE}.serve:serve", "Show the console and metrics, receive webhooks."),
    "metrics": Entry(f"{_HERE}.serve:metrics", "Print the state in figures, as Prometheus reads them."),
    "webhooks": Entry(f"{_HERE}.webhooks:webhooks", "Events that were received, and the runs they wake."),
    "alerts": Entry(f"{_HERE}.alerts:alerts", "What is wrong now, who was told, and whether it arrived."),
    "state": Entry(f"{_HERE}.state:state", "The database that remembers: its schema, its upgrade."),
    "sandbox": Entry(f"{_HERE}.sandbox:sandbox", "Run stand-ins for the SaaS systems on this machine."),
    "ui": Entry("integrations_platform.quickstart.commands:ui", "Open the platform in Dagster's web interface."),
}


class Root(LazyGroup):
    """The top of the command tree: every fault below it ends in words and an exit code, not in a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse bytes that are no text: no name, id or value that is kept anywhere can hold them."""
        for word in args:
            if not word.isprintable() and word.encode("utf-8", "replace") != word.encode("utf-8", "surrogatepass"):
                shown = word.encode("utf-8", "backslashreplace").decode()
                raise click.UsageError(f"the argument {shown!r} is not UTF-8", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; known faults are put into words on stderr."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as fault:
            from integrations_platform.cli.faults import explain_fault

            raise click.exceptions.Exit(explain_fault(fault, debug=bool(ctx.params.get("debug")))) from fault

    def main(self, *args: Any, **options: Any) -> Any:
        """As click's, with Ctrl-C at a prompt ending like Ctrl-C anywhere else."""
        if not options.get("standalone_mode", True):
            return super().main(*args, **options)
        try:
            code = super().main(*args, **options | {"standalone_mode": False})
        except click.ClickException as fault:
            fault.show()
            raise SystemExit(fault.exit_code) from None
        except click.Abort:
            click.echo("interrupted; nothing more was written, the next run picks up", err=True)
            raise SystemExit(130) from None
        raise SystemExit(code if isinstance(code, int) else 0)


@click.group(cls=Root, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="integrations")
@click.option(
    "--env", "environment", metavar="NAME", help="Environment to use (default: INTEGRATIONS_ENV, else local)."
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Environment file to use instead of a named one.",
)
@click.option(
    "--syncs",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder of the declared syncs (default: those of the package).",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected fault.")
@click.pass_context
def cli(ctx: click.Context, environment: str | None, env_file: Path | None, syncs: Path | None, debug: bool) -> None:
    """Keep records of several systems in agreement, both ways, with every decision on record."""
    if environment and env_file:
        raise click.UsageError("give --env or --env-file, not both")
    ctx.obj = Session(environment, env_file, syncs)
    ctx.obj.prepare(ctx, debug=debug)


def main() -> None:
    """The console script."""
    # A run makes millions of small objects that live until it ends and hold no cycles; looking for cycles among them
    # at the interpreter's usual pace is about a tenth of the whole run.
    gc.set_threshold(100_000, 20, 20)
    cli(prog_name="integrations")
