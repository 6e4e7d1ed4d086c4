"""The group `integrations state`: the schema of the state database, and its upgrade."""

from __future__ import annotations

import click

from integrations_platform.cli.session import Session, as_json


@click.group()
def state() -> None:
    """The database that remembers links, bases, conflicts and the audit."""


@state.command()
@click.option(
    "--dialect",
    type=click.Choice(["postgresql", "sqlite"]),
    help="Only for this kind of database (default: both, as in sync_schema.sql).",
)
def schema(dialect: str | None) -> None:
    """Print the SQL that makes an empty state database, for review or for an administrator."""
    from integrations_platform.state.migrate import render_schema, render_schema_file

    if dialect is None:
        text = render_schema_file()
    else:
        text = render_schema("postgresql" if dialect == "postgresql" else "sqlite")
    click.echo(text, nl=False)


@state.command()
@as_json
@click.pass_obj
def upgrade(session: Session, as_json: bool) -> None:
    """Bring the state database to the schema of this release; creates it when there is none.

    Every command does this by itself; this one is for doing it at a chosen time. It is harmless to repeat.
    """
    from integrations_platform.cli.output import emit, say
    from integrations_platform.state.migrate import KNOWN

    with session.platform() as platform:
        _ = platform.store
        environment = platform.settings.name
    if as_json:
        emit({"environment": environment, "version": KNOWN[-1]})
    else:
        say(f"the state of environment {environment} is at schema version {KNOWN[-1]}, that of this release")
