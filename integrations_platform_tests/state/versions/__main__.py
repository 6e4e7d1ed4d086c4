"""Makes the dumps of the schema's present version; to be run once a version is final, before the next migration.

    python -m integrations_platform_tests.state.versions

Owns nothing but the order: live through the history on each engine, dump. It refuses to replace dumps that are there:
they stand for what a release left behind, and only that release could make them again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from integrations_platform.state.migrate import KNOWN
from integrations_platform_tests.servers import start_postgresql
from integrations_platform_tests.state.versions.dumps import ENGINES, SIDES, dump_file, dump_state, place
from integrations_platform_tests.state.versions.history import live


@click.command()
def main() -> None:
    """Dump the state of a short history in the schema's present version, for every engine."""
    version = KNOWN[-1]
    if place(version, ENGINES[0]).parent.exists():
        raise click.ClickException(f"version {version} has its dumps already; they must not change any more")
    server = start_postgresql()
    try:
        with server.database() as postgresql, tempfile.TemporaryDirectory() as folder:
            for engine in ENGINES:
                here = Path(folder) / engine
                here.mkdir()
                url = postgresql if engine == "postgresql" else f"sqlite:///{here / 'state.sqlite'}"
                live(here, url)
                place(version, engine).mkdir(parents=True)
                (place(version, engine) / "state.sql").write_text(dump_state(url, engine), encoding="utf-8")
                for side in SIDES:
                    text = dump_file(here / f"{side}.sqlite")
                    (place(version, engine) / f"{side}.sql").write_text(text, encoding="utf-8")
                click.echo(f"written: {place(version, engine)}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
