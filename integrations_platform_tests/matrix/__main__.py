"""``python -m integrations_platform_tests.matrix``: one history again, or many of some pairs."""

from __future__ import annotations

import sys

import click

from integrations_platform.unified_sync.spec import Strategy
from integrations_platform_tests.matrix.history import PAIRS, History, live
from integrations_platform_tests.matrix.stage import KINDS, staged
from integrations_platform_tests.servers import start_mysql, start_postgresql

STARTS = {"postgresql": start_postgresql, "mysql": start_mysql}


@click.command()
@click.argument("source", type=click.Choice(KINDS), required=False)
@click.argument("target", type=click.Choice(KINDS), required=False)
@click.argument("number", type=int, default=0)
@click.argument("strategy", type=click.Choice([each.value for each in Strategy]), required=False)
@click.option("--count", default=1, help="So many numbers from NUMBER on.")
@click.option("--most", default=5, help="Stop after so many that did not hold.")
def main(source: str | None, target: str | None, number: int, strategy: str | None, count: int, most: int) -> None:
    """Live through histories NUMBER and on of the pair SOURCE TARGET, or of all pairs; exit code 1 if one failed."""
    chosen = [pair for pair in PAIRS if source in (None, pair[0]) and target in (None, pair[1])]
    kinds = {kind for pair in chosen for kind in pair} & STARTS.keys()
    servers = {kind: STARTS[kind]() for kind in sorted(kinds)}
    failed = 0
    try:
        with staged(servers) as stage:
            for each in range(number, number + count):
                for place, pair in enumerate(chosen):
                    strategies = list(Strategy)
                    how = Strategy(strategy) if strategy else strategies[(each + place) % len(strategies)]
                    lived = History(pair, each, how)
                    try:
                        world = live(stage, lived)
                    except AssertionError as fault:
                        failed += 1
                        click.echo(f"{fault}\n")
                        if failed >= most:
                            return
                    else:
                        told = "\n".join(world.log) + "\n" if count == 1 and source else ""
                        click.echo(f"{told}{lived}: held; {dict(world.counts)}")
    finally:
        for server in servers.values():
            server.stop()
        if failed:
            sys.exit(1)


main()
