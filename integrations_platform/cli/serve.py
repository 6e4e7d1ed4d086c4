"""The command `integrations serve`: the platform's HTTP server, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Session

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.serving import Part


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8700, show_default=True, help="Port to listen on; 0: a free one."
)
@click.pass_obj
def serve(session: Session, host: str, port: int) -> None:
    """Receive webhooks and show the console, until Ctrl-C.

    \b
      GET  /console             the web page for people
      POST /webhooks/<source>   events of a source of the environment's section `webhooks`
      GET  /health              200 while it runs
      GET  /ready               200 while the state can be reached, else 503

    It speaks plain HTTP, to this machine only unless --host says otherwise: put a proxy with TLS before it. Events are
    kept before they are acknowledged; the sensor webhook_wake_ups in Dagster turns them into runs.
    """
    from integrations_platform.cli.output import say
    from integrations_platform.serving import ServingError, application, listen
    from integrations_platform.serving import serve as serve_until_ended
    from integrations_platform.state.errors import StateError

    with session.platform() as platform:
        parts = [_webhooks(platform), _console(platform)]

        def ready() -> str | None:
            try:
                platform.store.inbox.ready()
            except StateError:
                return "the state cannot be reached"
            return None

        try:
            listener = listen(host, port)
        except ServingError as fault:
            raise Refused(str(fault)) from None
        shown = f"[{host}]" if ":" in host else host
        say(f"serving environment {platform.settings.name} at http://{shown}:{listener.getsockname()[1]}", bold=True)
        say("Ctrl-C ends it")
        serve_until_ended(application(parts, ready), listener)
        say("ended; every event that was acknowledged is kept")


def _webhooks(platform: Platform) -> Part:
    from integrations_platform.cli.output import say, warn
    from integrations_platform.serving import Part
    from integrations_platform.webhooks.opening import PATH, doors, open_webhooks

    settings = platform.settings.webhooks
    found = doors(settings)
    for name, (source, _) in found.opened.items():
        end = "/<secret>" if source.scheme == "airbyte" else ""
        say(f"  {PATH}/{name}{end}  open ({source.scheme})")
    for name, variables in found.shut.items():
        say(f"  {PATH}/{name}  shut: set {' or '.join(variables) or 'its secret'}")
    if not settings.sources:
        warn(f"no source of webhooks is declared in {platform.settings.file}; everything is answered 404")
    webhooks = open_webhooks(settings, lambda: platform.store.inbox, found)
    return Part(PATH, webhooks.receiver, webhooks.running)


def _console(platform: Platform) -> Part:
    from integrations_platform.cli.output import say
    from integrations_platform.console.app import application
    from integrations_platform.console.opening import open_console
    from integrations_platform.console.rendering import PATH
    from integrations_platform.serving import Part

    console = open_console(platform)
    say(f"  {PATH}  {'shut: set CONSOLE_TOKENS' if console.shut else 'open'}")
    return Part(PATH, application(console))
