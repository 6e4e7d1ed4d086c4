"""The commands for writing sync files: init and schema.

`init` looks at two tables and drafts; it overwrites no file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Session

if TYPE_CHECKING:
    from integrations_platform.drafting import TableDescription
    from integrations_platform.platform import Platform


@click.command()
@click.option("--source", required=True, metavar="SYSTEM:TABLE", help="For example billing:public.customer.")
@click.option("--target", required=True, metavar="SYSTEM:TABLE", help="For example shop:customer.")
@click.option("--name", metavar="NAME", help="Name of the sync (default: the source table's).")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write (default: stdout). An existing one is left alone.",
)
@click.pass_obj
def init(session: Session, source: str, target: str, name: str | None, output: Path | None) -> None:
    """Draft a sync file from two tables, for you to review."""
    from integrations_platform.cli.output import say
    from integrations_platform.drafting import draft_sync

    ends = [_end(option, text) for option, text in (("--source", source), ("--target", target))]
    with session.platform() as platform:
        tables = [_describe(platform, *end) for end in ends]
    text = draft_sync(*tables, source_system=ends[0][0], target_system=ends[1][0], name=name)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Refused(f"{output} exists already and is left as it is; name another file") from None
    except OSError as fault:
        raise Refused(f"{output} cannot be written: {fault.strerror}") from None
    word = str(output)
    say(f"{word} is written; check every pair in it, then look at what it would do:")
    say(f"  {session.command('sync', 'plan', '--file', word)}")


def _end(option: str, text: str) -> tuple[str, str]:
    system, colon, table = text.partition(":")
    if not (colon and system and table):
        raise click.UsageError(f"{option} takes SYSTEM:TABLE, for example billing:public.customer (got {text!r})")
    return system, table


def _describe(platform: Platform, system: str, table: str) -> TableDescription:
    from integrations_platform.connectors import introspect
    from integrations_platform.drafting import ColumnDescription, TableDescription

    settings = platform.settings.system(system)
    address = platform.address(settings)
    found = introspect(settings.kind, address, table, system, platform.budget(settings, address, shared=False))
    columns = tuple(
        ColumnDescription(
            column.name,
            column.suggested,
            nullable=column.nullable,
            max_length=column.max_length,
            fraction_digits=column.scale,
            unique=found.primary_key == (column.name,),
            primary_key=column.in_key,
        )
        for column in found.columns
    )
    return TableDescription(table, columns)


@click.command()
@click.option("--environment", is_flag=True, help="That of environment files instead of sync files.")
def schema(environment: bool) -> None:
    """Print the JSON Schema of sync files, or with --environment of environment files, for editors and CI."""
    from integrations_platform.cli.output import emit

    if environment:
        from integrations_platform.settings import json_schema
    else:
        from integrations_platform.declarations import json_schema
    emit(json_schema())
