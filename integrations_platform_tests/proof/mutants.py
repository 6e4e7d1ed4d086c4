"""Named semantic mutants of the engine: each breaks one promise on purpose, and the suite must notice.

Owns what a mutant is and how its edits are applied to a copy of the source. It refuses to apply an edit whose old text
does not occur exactly once, so that a mutant that has drifted away from the engine fails loudly instead of passing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENGINE = "integrations_platform/unified_sync"


class Drifted(AssertionError):  # noqa: N818  named as the sentence reads: this mutant has drifted
    """The source no longer reads as the mutant expects."""


@dataclass(frozen=True)
class Edit:
    """One replacement in one file. ``file`` is below the engine's package, or a path from the root with a ``/``."""

    file: str
    old: str
    new: str

    @property
    def path(self) -> str:
        """The file's path from the root of the copy."""
        return self.file if "/" in self.file else f"{ENGINE}/{self.file}"


@dataclass(frozen=True)
class Mutant:
    """A deliberately broken engine. ``breaks``: what is wrong, in one sentence. ``expected``: the properties that fail.
    ``stands_for``: its number in the list of mutants of the published semantics, or empty."""

    name: str
    breaks: str
    expected: tuple[str, ...]
    edits: tuple[Edit, ...]
    stands_for: str = ""

    def mutated(self, root: Path) -> Mapping[str, str]:
        """The text of every file it changes, by path from ``root``. Raises Drifted."""
        texts: dict[str, str] = {}
        for edit in self.edits:
            text = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
            count = text.count(edit.old)
            if count != 1:
                raise Drifted(f"{self.name}: the text to replace occurs {count} times in {edit.path}:\n{edit.old}")
            texts[edit.path] = text.replace(edit.old, edit.new)
        for path, text in texts.items():
            compile(text, path, "exec")
        return texts

    def apply(self, root: Path) -> None:
        """Write the mutated files below ``root``. Raises Drifted."""
        for path, text in self.mutated(root).items():
            (root / path).write_text(text, encoding="utf-8")
