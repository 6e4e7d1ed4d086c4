"""What a command is called with: the environment, the folder of syncs, and the sync it is about.

Owns how a sync is named on the command line (NAME, a path, or --file) and the commands that messages recommend. It
opens the platform when a command asks for it, and closes it again.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.spec import SyncSpec

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True)
class Session:
    """The global options of one call."""

    environment: str | None
    env_file: Path | None
    syncs: Path | None

    def prepare(self, ctx: click.Context, *, debug: bool) -> None:
        """Set colours and logging up for this call."""
        import logging

        from integrations_platform.settings import variable

        if variable("NO_COLOR"):
            ctx.color = False
        logger = logging.getLogger("integrations_platform")
        if variable("INTEGRATIONS_LOG_FORMAT"):
            from integrations_platform.telemetry.json_logs import log_as_asked

            if (handler := log_as_asked(debug=debug)) is not None:
                ctx.call_on_close(partial(logging.root.removeHandler, handler))
                return
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            if not debug:  # commands tell themselves how a run ended
                handler.addFilter(lambda record: not record.name.startswith("integrations_platform.unified_sync"))
            logger.addHandler(handler)
            ctx.call_on_close(lambda: logger.removeHandler(handler))
        logger.setLevel(logging.DEBUG if debug else logging.WARNING)

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        """The environment, opened; progress is shown while it is open. Raises SettingsError."""
        from integrations_platform.cli.progress import shown_progress
        from integrations_platform.platform import Platform
        from integrations_platform.telemetry.tracing import trace_as_asked

        trace_as_asked()
        platform = Platform.open(self.environment, self.env_file, self.syncs)
        with shown_progress(platform.quotas) as progress:
            platform.show(progress)
            try:
                yield platform
            finally:
                platform.close()

    def command(self, *words: str) -> str:
        """A command to recommend, with the options this call was given."""
        options: list[str] = []
        for option, value in (("--env", self.environment), ("--env-file", self.env_file), ("--syncs", self.syncs)):
            if value is not None:
                options += [option, str(value)]
        return shlex.join(["integrations", *options, *words])


@dataclass(frozen=True)
class Named:
    """A sync and the word it was called by, for commands to recommend."""

    spec: SyncSpec
    word: str


def find(platform: Platform, word: str) -> Named:
    """The sync of that name or path. Raises DeclarationError."""
    return Named(platform.sync(word), word)


class SyncCommand(click.Command):
    """A command about a sync: `--file SYNC.yaml` may stand wherever NAME stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the file of `--file` in the place of NAME."""
        rest: list[str] = []
        files: list[str] = []
        waiting = iter(args)
        for word in waiting:
            if word == "--":
                rest.append(word)
                break
            if word == "--file":
                file = next(waiting, None)
                if file is None:
                    raise click.BadOptionUsage("--file", "Option '--file' requires an argument.", ctx)
                files.append(file)
            elif word.startswith("--file="):
                files.append(word.removeprefix("--file="))
            else:
                rest.append(word)
        rest += waiting
        if len(files) > 1:
            raise click.UsageError("--file stands for NAME, so it can be given once", ctx)
        if files:
            path = Path(files[0])
            # "./" makes it a path whatever it is called: customers is a name, ./customers is a file.
            rest.insert(0, str(path) if path.is_absolute() else f"./{path}")
        return super().parse_args(ctx, rest)


def about_sync(*, required: bool = True) -> Callable[[Decorated], Decorated]:
    """Give a :class:`SyncCommand` its NAME argument and the `--file` that may stand for it."""

    def decorate(function: Decorated) -> Decorated:
        function = click.option(
            "--file", metavar="SYNC.yaml", expose_value=False, help="A sync file, in place of NAME."
        )(function)
        return click.argument("name", required=required)(function)

    return decorate


as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
