"""The commands `integrations serve`, the platform's HTTP server until Ctrl-C, and `integrations metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Session

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.serving import Part
    from integrations_platform.unified_sync.spec import SyncSpec


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8700, show_default=True, help="Port to listen on; 0: a free one."
)
@click.pass_obj
def serve(session: Session, host: str, port: int) -> None:
    """Receive webhooks, show the console and metrics, until Ctrl-C.

    \b
      GET  /console             the web page for people
      POST /webhooks/<source>   events of a source of the environment's section `webhooks`
      GET  /metrics             the state in figures, for Prometheus; 503 while it cannot be reached
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
        parts = [_webhooks(platform), *_console(platform), _metrics(session, platform)]

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


@click.command()
@click.pass_obj
def metrics(session: Session) -> None:
    """Print the state in figures, as `integrations serve` shows them to Prometheus at /metrics."""
    from prometheus_client import generate_latest

    from integrations_platform.telemetry.exposing import metrics_registry

    with session.platform() as platform:
        text = generate_latest(metrics_registry(platform, _specs(session)))
    click.echo(text, nl=False)


def _metrics(session: Session, platform: Platform) -> Part:
    from integrations_platform.cli.output import say
    from integrations_platform.telemetry.exposing import metrics_part

    token = platform.settings.telemetry.metrics_token.resolve().strip()
    say(f"  /metrics  {'for who brings the token' if token else 'open: no telemetry.metrics_token is set'}")
    return metrics_part(platform, _specs(session))


def _specs(session: Session) -> tuple[SyncSpec, ...]:
    """The declared syncs; where a file of theirs is broken events are received all the same, and what is declared only
    is missing from the metrics."""
    from integrations_platform.cli.output import warn
    from integrations_platform.jobs import load_catalogue
    from integrations_platform.yaml_source import ConfigurationError

    try:
        return load_catalogue(session.environment, session.env_file, [session.syncs] if session.syncs else None).specs
    except ConfigurationError as fault:
        warn(f"metrics lack what declarations say: {fault}")
        return ()


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
    return Part(PATH, webhooks.receiver, webhooks.running, straight=True)


def _console(platform: Platform) -> tuple[Part, ...]:
    from integrations_platform.cli.output import say
    from integrations_platform.console.opening import console_parts, open_console
    from integrations_platform.console.rendering import PATH

    console = open_console(platform)
    say(f"  {PATH}  {'shut: set CONSOLE_TOKENS' if console.shut else 'open'}")
    return console_parts(console)
