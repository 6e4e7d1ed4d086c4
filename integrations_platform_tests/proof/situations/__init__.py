"""Situations: small worlds built on purpose, each asserting one named property of the engine.

A situation is a module-level function whose name begins with the property it holds (``p13_...``, ``b0_...``); its
assertion begins with the same name. It refuses to look at how the engine works: only at what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

MODULES = ("merging", "deciding", "existence", "identity", "killing", "writing", "values")


def situations() -> Iterator[tuple[str, Callable[[], None]]]:
    """Every situation by name."""
    for module in MODULES:
        found = import_module(f"{__name__}.{module}")
        for name, check in vars(found).items():
            if name[0] in "pb" and name[1].isdigit() and callable(check):
                yield name, check
