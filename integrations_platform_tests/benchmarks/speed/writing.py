"""Reading and writing changed customers, without finding out who changed or remembering what was agreed.

Run as a command, so that its CPU can be counted: once for what must be known before, once with the writing, and the
difference is what the writing takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from integrations_platform.platform import Platform
from integrations_platform.unified_sync.loading_port import Bulk, Loadable
from integrations_platform.unified_sync.port import Side
from integrations_platform_tests.benchmarks.speed.measuring import Cost, measure
from integrations_platform_tests.benchmarks.speed.project import Project

PIECE = 20_000  # rows sent together, as in a run
_SHOWN = pl.DataFrame(schema={"id": pl.String, "row": pl.Binary, "version": pl.String})


def writing(project: Project, server: int, rows: int, changed: int) -> Cost:
    """What it takes, with the server, to carry ``changed`` new and changed customers over as a run does it: each read
    by its key, written only if the other side shows what it is expected to show, and read back."""
    words = [sys.executable, "-m", __name__, str(project.folder), str(rows), str(changed)]
    before, whole = measure([*words, "look"], [server]), measure([*words, "write"], [server])
    return replace(whole, client=whole.client - before.client, server=whole.server - before.server)


def main(folder: Path, rows: int, changed: int, *, write: bool) -> None:
    """One of the two runs."""
    platform = Platform.open(env_file=folder / "environment.yaml", folder=folder / "syncs")
    ids = [str(number) for number in range(1, rows + 1) if number % 100 < 9]
    ids += [str(number) for number in range(rows + 1, rows + 1 + changed - len(ids))]
    with platform.sides(platform.sync("customers")) as sides:
        source, target = _bulk(sides["A"]), _bulk(sides["B"])
        expected = _read(target.pick(ids, ())).select("id", expected="version")
        if write:
            going = _read(source.pick(ids, ())).join(expected, on="id", how="left")
            with target.changing("load:benchmark") as changing:
                assert changing is not None
                for piece in going.iter_slices(PIECE):
                    changing.send(piece.select("id", "row", "expected"))
                shown = _read(changing.versions())
                assert shown.height == changed, f"{shown.height} of {changed} rows were written"
                changing.commit()
    platform.close()


def _bulk(side: Side) -> Bulk:
    assert isinstance(side, Loadable)
    assert side.bulk is not None
    return side.bulk


def _read(pieces: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([_SHOWN.clear(), *pieces], how="diagonal")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), write=sys.argv[4] == "write")
