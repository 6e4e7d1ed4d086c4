"""Groups of commands that are imported only when one of them is used.

Owns the table from a command's name to the place it is defined and to its one-line help, so that `--help` and a wrong
name cost no import. It knows no command of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

_PACKAGE = "integrations_platform"
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Entry:
    """``place`` is ``module:attribute``; ``summary`` stands in the list of commands."""

    place: str
    summary: str

    @property
    def is_there(self) -> bool:
        """Whether the module exists; found out by its file, because asking the import system would import its parent"""
        module = self.place.partition(":")[0]
        path = _ROOT.joinpath(*module.removeprefix(f"{_PACKAGE}.").split("."))
        return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


class LazyGroup(click.Group):
    """A group whose commands are named in a table. ``lazy``: name → entry, in the order they are listed."""

    def __init__(self, *args: Any, lazy: Mapping[str, Entry], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = {name: entry for name, entry in lazy.items() if entry.is_there}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, then those added by decorator."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it is in the table."""
        entry = self._lazy.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry.place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """List the commands from the table, without importing any."""
        rows = [(name, entry.summary) for name, entry in self._lazy.items()]
        rows += [(name, command.get_short_help_str(limit=100)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
