"""The commands `integrations quickstart` and `integrations ui`.

Owns their options and exit codes. The story is told elsewhere; databases and Dagster are imported when one of the
commands runs, and both are stopped before it ends, however it ends.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from integrations_platform.settings import ENVIRONMENT_VARIABLE, FILE_VARIABLE, variable

if TYPE_CHECKING:
    from integrations_platform.quickstart.folder import Folder

DIRECTORY = Path(".integrations/quickstart")
_FEWEST, _MOST = 1_000, 200_000

_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DIRECTORY,
    show_default=True,
    help="Where everything is kept; removing it removes the quickstart.",
)


@click.command()
@click.option("--records", type=click.IntRange(_FEWEST, _MOST), default=5_000, show_default=True, metavar="N",
              help="Customers in the first database.")  # fmt: skip
@_directory
@click.option("--fresh", is_flag=True, help="Start from nothing: a new PostgreSQL, and Dagster's history removed.")
@click.option("--keep-open", is_flag=True, help="Then open the console and Dagster on it, until Ctrl-C.")
def quickstart(records: int, directory: Path, fresh: bool, keep_open: bool) -> None:
    """See a two-way sync work, here, now: no server, account or variable is needed.

    Fills a real PostgreSQL and an SQLite file with customers, keeps them in agreement through edits, conflicts,
    deletes and an accident, and proves the outcome. Then it does the same with HubSpot, QuickBooks and Google Sheets,
    of which it starts stand-ins on this machine; no account is touched. Days of flights land in a lake and are loaded
    into a warehouse of DuckDB files, and a connector that speaks Airbyte's protocol brings the CRM there; it is
    installed into the directory, which takes a network. Every run rebuilds all data; Dagster's history
    stays unless --fresh is given. As root, PostgreSQL runs as a system user `pgserver`, which its package creates, and
    folders above the directory become enterable for it.

    Exit code 0: everything claimed was checked and held; 1: something did not, or a step failed.
    """
    with _in_words():
        broken = _quickstart(records, directory, fresh=fresh, keep_open=keep_open)
    if broken:
        raise click.exceptions.Exit(1)


def _quickstart(records: int, directory: Path, *, fresh: bool, keep_open: bool) -> list[str]:
    from integrations_platform.quickstart.crm import tell_crm
    from integrations_platform.quickstart.flights import tell_flights
    from integrations_platform.quickstart.folder import Folder
    from integrations_platform.quickstart.narrator import Narrator
    from integrations_platform.quickstart.orchestrator import Instance
    from integrations_platform.quickstart.server import running_postgresql
    from integrations_platform.quickstart.services import running_services, tell_services
    from integrations_platform.quickstart.story import dagster_run, tell

    narrator = Narrator()
    folder = Folder.at(directory)
    with folder.claimed():
        folder.clear(everything=fresh)
        with running_postgresql(folder) as url, running_services(folder) as services:
            narrator.say(f"Everything is kept in {folder.root}.")
            record = tell(folder, url, services.options, records, narrator)
            tell_services(folder, services, narrator)
            tell_flights(folder, narrator)
            tell_crm(folder, services, narrator)
            dagster_run(folder, Instance.of(folder), narrator)
            _farewell(narrator, folder, directory, record)
            if keep_open:
                _show(folder)
    return narrator.broken


def _farewell(narrator: Any, folder: Folder, directory: Path, record: str) -> None:
    from integrations_platform.quickstart.folder import CONTACTS, SHEET, SYNC
    from integrations_platform.quickstart.showing import command

    narrator.say()
    if narrator.broken:
        narrator.say(f"{len(narrator.broken)} claims did not hold (marked ✗ above). This is a fault of the platform:")
        narrator.say("please report it with this output.")
        return
    narrator.say(f"Everything above was checked and held. It took {narrator.seconds:.0f} s.")
    narrator.say()
    narrator.say("Next, look at this sync, its history and its conflicts in the browser (Ctrl-C stops it):")
    where = [] if directory == DIRECTORY else ["--directory", str(folder.root)]
    narrator.line(" ".join(["uv run integrations ui", *where]))
    narrator.say("While that runs, the databases are open. In a second terminal:")
    for words in (
        ("sync", "status"),
        ("sync", "conflicts", "list", SYNC),
        ("sync", "quarantine", "list", SYNC),
        ("sync", "explain", SYNC, record),
        ("sync", "plan", SYNC),
        ("sync", "verify", SYNC),
    ):
        narrator.line(command(folder, *words))
    narrator.say("The syncs of the services are those that are shipped; theirs are, for example:")
    for words in (("sync", "run", SHEET), ("sync", "history", CONTACTS)):
        narrator.line(command(folder, *words, shipped=True))
    narrator.say("To sync your own databases, name them in a file like")
    narrator.line(str(folder.environment))
    narrator.say("and let `integrations sync init --source SYSTEM:TABLE --target SYSTEM:TABLE` draft the sync.")


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=3000, show_default=True, help="Port on 127.0.0.1.")
@_directory
@click.pass_obj
def ui(session: Any, port: int, directory: Path) -> None:
    """Open the platform in Dagster's web interface, on 127.0.0.1 only, until Ctrl-C.

    Shows the quickstart: its databases and stand-ins are started again, and the run it made is there; the syncs
    of the stand-ins can be run from there, too. The console is opened beside it. With `--env` or `--env-file`
    before `ui`, or with INTEGRATIONS_ENV or INTEGRATIONS_ENV_FILE set, it shows that environment instead, with
    Dagster's history in DAGSTER_HOME or, without that, in .integrations/dagster.
    """
    with _in_words():
        chosen = session is not None and (session.environment or session.env_file)
        if chosen or variable(ENVIRONMENT_VARIABLE) or variable(FILE_VARIABLE):
            _show_environment(session, port)
        else:
            _show_quickstart(port, directory)


def _show_quickstart(port: int, directory: Path) -> None:
    from integrations_platform.quickstart.folder import Folder, QuickstartError
    from integrations_platform.quickstart.server import running_postgresql
    from integrations_platform.quickstart.services import running_services

    folder = Folder.at(directory)
    if not folder.is_there:
        where = "" if directory == DIRECTORY else f" --directory {directory}"
        raise QuickstartError(
            f"there is no quickstart in {folder.root} yet; make one with `uv run integrations quickstart{where}`, "
            "or name an environment: `uv run integrations --env NAME ui`"
        )
    with folder.claimed(), running_postgresql(folder) as url, running_services(folder) as services:
        folder.write_files(url, services.options)  # socket and ports may be others now, or the directory was moved
        _show(folder, port)


def _show(folder: Folder, port: int | None = None) -> None:
    """Both web pages of a quickstart, until Ctrl-C."""
    from integrations_platform.quickstart.faces import both, free_dagster_port
    from integrations_platform.quickstart.folder import SYNC

    click.echo("Starting Dagster and the console; this takes about ten seconds.")
    with contextlib.suppress(KeyboardInterrupt), both(folder, port or free_dagster_port()) as faces:
        click.secho(f"{faces.dagster}/assets/{SYNC}", bold=True)
        click.secho(f"{faces.console}/", bold=True)
        click.echo(f"The first is Dagster, the second the console; its token is {faces.token}")
        _wait(faces.process, folder.dagster)
    click.echo("Stopped.")


def _show_environment(session: Any, port: int) -> None:
    from integrations_platform.quickstart.orchestrator import Instance
    from integrations_platform.settings import load_settings

    environment, file, syncs = (None, None, None) if session is None else (
        session.environment, session.env_file, session.syncs)  # fmt: skip
    settings = load_settings(environment, env_file=file)
    variables = {FILE_VARIABLE: str(settings.file)}
    if syncs is not None:
        variables["INTEGRATIONS_SYNCS"] = str(syncs.absolute())
    home = Path(variable("DAGSTER_HOME") or ".integrations/dagster").absolute()
    _serve(Instance(home, variables), port, "asset-groups")


def _serve(instance: Any, port: int, page: str) -> None:
    from integrations_platform.quickstart.orchestrator import HOST, interface

    click.echo("Starting Dagster; this takes about ten seconds.")
    with contextlib.suppress(KeyboardInterrupt), interface(instance, port) as process:
        click.secho(f"http://{HOST}:{port}/{page}", bold=True)
        _wait(process, instance.home)
    click.echo("Stopped.")


def _wait(process: subprocess.Popen[bytes], home: Path) -> NoReturn:
    click.echo("Ctrl-C stops it.")
    # Polars, which the stand-ins' story brings, has a blocked wait resumed after Ctrl-C instead of ended by it.
    signal.siginterrupt(signal.SIGINT, True)
    code = process.wait()
    raise click.ClickException(f"Dagster ended by itself (code {code}); its output is in {home / 'ui.log'}")


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, with everything stopped; known faults become sentences."""
    from integrations_platform.quickstart.folder import QuickstartError

    def interrupt(_number: int, _frame: object) -> NoReturn:
        for number in before:  # stopping takes seconds at most, and a second Ctrl-C must not cut it short
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except QuickstartError as fault:
        raise click.ClickException(str(fault)) from fault
    except subprocess.SubprocessError as fault:
        raise click.ClickException(f"{fault}; try again with --fresh") from fault
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
