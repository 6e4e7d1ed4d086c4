"""`python -m integrations_platform_tests.proof`: the commands that rerun the proofs of the sync's guarantees.

Owns the table of commands; each is imported only when it is used, and a name whose module is not there is not listed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click

_PACKAGE = "integrations_platform_tests.proof"
_COMMANDS = {
    "mutants": (f"{_PACKAGE}.mutant_run:command", "Break the engine on purpose and see whether the suite notices."),
    "tool-mutation": (f"{_PACKAGE}.tool_mutation:command", "Break the engine wherever a mutation tool can."),
    "histories": (f"{_PACKAGE}.histories:histories", "Simulate seeded histories of users, faults and runs."),
    "planner": (f"{_PACKAGE}.planner_cases:planner", "Try the planner alone on random cases."),
    "kills": (f"{_PACKAGE}.parts.kills:command", "Kill runs and servers, cut the network, fill disks."),
    "types": (f"{_PACKAGE}.parts.types:command", "Send values of every type between databases and back."),
    "report": (f"{_PACKAGE}.report:report", "Run the proofs and write their figures down."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (place, _) in _COMMANDS.items() if find_spec(place.partition(":")[0]) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_Lazy)
def main() -> None:
    """Rerun the proofs of what the sync guarantees."""


if __name__ == "__main__":
    main()
