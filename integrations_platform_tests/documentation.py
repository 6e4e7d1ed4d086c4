"""What the pages tell people to type, in code blocks and in running text, and whether there are such commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_BETWEEN = ("|", "&&", "||", ";", "&", ">")
_PLACEHOLDERS = {
    "N": "1", "DAY": "2026-01-01",
    "/opt/dagster/workspace/workspace.yaml": str(ROOT / "workspace.yaml"),
    "/opt/dagster/workspace.yaml": str(ROOT / "workspace.yaml"),
}  # fmt: skip
TOOLS = {
    "integrations": "integrations_platform.cli:cli",
    "dagster": "dagster._cli:cli",
    "dagster-daemon": "dagster._daemon.cli:cli",
    "dagster-webserver": "dagster_webserver.cli:cli",
}
"""Commands whose options are known here, each with its place."""


def commands(page: str) -> Iterator[list[str]]:
    """Words of every command of a page's code blocks."""
    for block in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        yield from _of_block(block)


def mentions(page: str) -> Iterator[list[str]]:
    """Words of commands that stand in running text, often without all that they need."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for said in _INLINE.findall(_FENCED.sub("", text)):
        said = " ".join(said.split())
        if said.startswith(("integrations ", "kubectl ")) and not re.search(r"[|…<\[{]", said):
            yield shlex.split(said)


def _of_block(block: str) -> Iterator[list[str]]:
    waiting = ""
    for line in block.splitlines():
        waiting += line + "\n"
        if line.endswith(("\\", "|")):
            continue
        try:
            words = shlex.split(waiting.replace("\\\n", " "), comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        waiting = ""
        command: list[str] = []
        for word in words:
            if word in _BETWEEN:
                yield command
                command = []
            else:
                command.append(word)
        yield command
    assert not waiting.strip(), f"a quotation that does not end: {waiting}"


def known(command: Sequence[str]) -> list[str] | None:
    """A tool of :data:`TOOLS` with what follows it, where a command calls one by itself, by `uv run`, in a pod or a
    container; else None."""
    for place, word in enumerate(command):
        before = command[place - 1] if place else ""
        if word in TOOLS and (place == 0 or before in ("run", "--") or "=" in before or command[place - 2] == "exec"):
            return list(command[place:])
    return None


def command_fault(words: Sequence[str], *, whole: bool = True) -> str | None:
    """Why a tool of :data:`TOOLS` would refuse these words, None when it takes them. Nothing is run. ``whole`` False:
    what is missing does not matter."""
    name, *rest = (_PLACEHOLDERS.get(word, word) for word in words)
    module, _, attribute = TOOLS[name].partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    context: click.Context | None = None
    try:
        while True:
            context = command.make_context(name, rest, parent=context)
            if not isinstance(command, click.Group):
                return None
            found, following, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            assert following is not None
            name, command = found, following
    except click.exceptions.Exit:
        return None  # --help and --version
    except click.MissingParameter as fault:
        return fault.format_message() if whole else None
    except click.UsageError as fault:
        return fault.format_message()
