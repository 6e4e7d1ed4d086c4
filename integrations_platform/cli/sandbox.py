"""The command `integrations sandbox`: the stand-ins for outside services, served until Ctrl-C.

Owns which of them run, where their data is kept, and the lines a person pastes to point the platform at them.
"""

from __future__ import annotations

import shlex
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import Refused

if TYPE_CHECKING:
    from integrations_platform.sandbox.server import SandboxServer
    from integrations_platform.sandbox.vendor import Vendor

# The variables that the shipped environments take a service's options from.
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "hubspot": {"token": "HUBSPOT_API_TOKEN", "base_url": "HUBSPOT_BASE_URL"},
    "quickbooks": {
        "access_token": "QUICKBOOKS_ACCESS_TOKEN", "realm_id": "QUICKBOOKS_REALM_ID",
        "client_id": "QUICKBOOKS_CLIENT_ID", "client_secret": "QUICKBOOKS_CLIENT_SECRET",
        "refresh_token": "QUICKBOOKS_REFRESH_TOKEN", "base_url": "QUICKBOOKS_BASE_URL",
        "token_url": "QUICKBOOKS_TOKEN_URL",
    },
    "google_sheets": {
        "credentials": "GOOGLE_SHEETS_CREDENTIALS_JSON", "spreadsheet_id": "GOOGLE_SHEETS_SPREADSHEET_ID",
        "base_url": "GOOGLE_SHEETS_BASE_URL",
    },
    "databricks": {"host": "DATABRICKS_HOST", "token": "DATABRICKS_TOKEN"},
    "airbyte": {
        "url": "AIRBYTE_API_URL", "client_id": "AIRBYTE_CLIENT_ID", "client_secret": "AIRBYTE_CLIENT_SECRET",
        "workspace_id": "AIRBYTE_WORKSPACE_ID",
    },
}  # fmt: skip
_LONG = 200  # characters; a longer value is put into a file and its path exported


@click.command()
@click.option(
    "--vendors",
    metavar="A,B",
    help="Which ones: hubspot, quickbooks, google_sheets, databricks, airbyte (default: all).",
)
@click.option(
    "--port", type=click.IntRange(0, 65_000), metavar="BASE",
    help="First port; HubSpot gets it, the others follow in the order of --vendors (default: 8801; 0: free ones).",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep their data in this folder, and go on with what it holds (default: forgotten at the end).",
)  # fmt: skip
@click.option("--size", type=click.IntRange(0, 1_000_000), default=100, show_default=True,
              help="Records each of them starts with, where its data is new.")  # fmt: skip
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="The same seed gives the same data, its past counted back from today, and faults.",
)
def sandbox(vendors: str | None, port: int | None, state: Path | None, size: int, seed: int) -> None:
    """Run stand-ins for HubSpot, QuickBooks, Google Sheets, Databricks and Airbyte on this machine, until Ctrl-C.

    They speak the vendors' APIs on 127.0.0.1, need no account, and keep other hosts and web pages out. The local
    environment uses those of its systems on the default ports while none of a service's variables is set; the printed
    lines point any environment at them.

    \b
    Each takes orders below /_control:
      POST /_control/person      edit a record as a person would
      POST /_control/faults      {"kind": "drop_after", "operation": "*", "times": 1}
                                 kinds: drop_before drop_after commit_then_500 status slow
                                 truncate cut_json html expire_token
      POST /_control/clock       {"advance_seconds": 3600}
      POST /_control/seed        {"size": 500, "seed": 7}   replaces all data
      GET  /_control/log         every call, with its body and status
      GET  /_control/violations  what broke the vendor's contract
    """
    from integrations_platform.cli.output import say
    from integrations_platform.sandbox.catalogue import PORTS, known, stand_in
    from integrations_platform.sandbox.server import SandboxError, SandboxServer

    chosen = _chosen(vendors, known())
    ports = {name: (PORTS[name] if port is None else port and port + at) for at, name in enumerate(PORTS)}
    with _folder(state) as folder:
        made = [_filled(stand_in(name)(seed=seed), folder if state else None, size) for name in chosen]
        try:
            server = SandboxServer(*made, port=ports)
        except SandboxError as fault:
            raise Refused(str(fault)) from None
        ended = _ending()
        with server:
            for name in chosen:
                say(f"{name} at {server.url(name)}", bold=True)
                for line in _exports(server, name, folder):
                    click.echo(f"  {line}")
            first = server.url(chosen[0])
            say()
            say("Try a fault:")
            click.echo(f"""  curl -X POST {first}/_control/faults -d '{{"kind": "status", "status": 503}}'""")
            say(f"Data: {state.resolve() if state else 'in memory, forgotten at the end'}. Ctrl-C ends it.")
            ended()
        say(f"ended; the data is kept in {state}" if state else "ended")


def _chosen(vendors: str | None, known: Sequence[str]) -> list[str]:
    wanted = [word.strip() for word in vendors.split(",")] if vendors else list(known)
    for word in wanted:
        if word not in known:
            raise click.UsageError(f"--vendors: there is no stand-in for {word!r}; there is one for {', '.join(known)}")
    return list(dict.fromkeys(wanted))


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    """Where files of this session go: the folder of the data, or one that ends with it."""
    if state is None:
        with tempfile.TemporaryDirectory(prefix="integrations-sandbox-") as folder:
            yield Path(folder)
        return
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise Refused(f"--state: {state} cannot be made: {fault.strerror}") from None
    yield state.resolve()


def _filled(vendor: Vendor, folder: Path | None, size: int) -> Vendor:
    if folder is None:
        vendor.populate(size)
        return vendor
    try:
        vendor.open_state(folder / f"{vendor.name}.json", size)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise Refused(f"--state: the data of {vendor.name} cannot be used: {fault}") from None
    return vendor


def _exports(server: SandboxServer, name: str, folder: Path) -> Iterator[str]:
    for option, value in server.vendors[name].options(server.url(name)).items():
        variable = VARIABLES[name].get(option)
        if variable is None:
            continue
        if len(value) > _LONG:
            file = folder / f"{name}-{option}.json"
            file.write_text(value, encoding="utf-8")
            file.chmod(0o600)
            value = str(file)
        yield f"export {variable}={shlex.quote(value)}"
    for variable, value in server.vendors[name].exports().items():
        yield f"export {variable}={shlex.quote(value)}"


def _ending() -> Callable[[], None]:
    """A wait that ends at Ctrl-C or when asked to terminate, from now on."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())

    def wait() -> None:
        while not asked.wait(3600):
            continue

    return wait
