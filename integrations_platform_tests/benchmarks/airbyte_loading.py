"""How long a location with many Airbyte connections takes to load: settings, assets, checks, jobs, schedules.

No server is there. Run `python -m integrations_platform_tests.benchmarks.airbyte_loading --help`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

STREAM, CONNECTION = "stream_{:02}", "connection_{:03}"


def written(folder: Path, connections: int, streams: int) -> Path:
    """An environment with so many connections of so many streams each."""
    names = ", ".join(STREAM.format(number) for number in range(streams))
    lines = [
        "systems: {}", 'state: {url: "sqlite:///./state.sqlite"}', "airbyte:", "  connections:",
        *(f'    {CONNECTION.format(number)}: {{schedule: "0 */6 * * *", streams: [{names}]}}'
          for number in range(connections)),
    ]  # fmt: skip
    file = folder / "many.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def measured(file: Path) -> dict[str, Any]:
    """Seconds from the file to definitions whose every job is resolved, as a code server does it. What Dagster imports
    for any location has been imported for the platform's own by then."""
    from integrations_platform.definitions import build_definitions, defs
    from integrations_platform.jobs import load_catalogue

    defs.get_repository_def().get_all_jobs()
    wall, cpu = time.perf_counter(), time.process_time()
    definitions = build_definitions(load_catalogue(env_file=file, folders=[]))
    jobs = len(definitions.get_repository_def().get_all_jobs())
    seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    assets = len(definitions.resolve_asset_graph().materializable_asset_keys)
    return {"assets": assets, "jobs": jobs} | {name: round(value, 3) for name, value in seconds.items()}


@click.command()
@click.option("--connections", default=50, show_default=True, help="How many connections are declared.")
@click.option("--streams", default=20, show_default=True, help="Streams of each.")
@click.option("--times", default=5, show_default=True, help="Processes that load them, one after another.")
@click.option("--one", type=click.Path(path_type=Path), hidden=True)
def main(connections: int, streams: int, times: int, one: Path | None) -> None:
    """Measure in fresh processes and print one JSON document."""
    if one is not None:
        click.echo(json.dumps(measured(one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder), connections, streams)
        command = [sys.executable, "-m", "integrations_platform_tests.benchmarks.airbyte_loading", "--one", str(file)]
        runs = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(times)]
    best = min(runs, key=lambda each: each["cpu_seconds"])
    click.echo(json.dumps({"connections": connections, "streams": streams, "best": best, "all": runs}, indent=2))


if __name__ == "__main__":
    main()
