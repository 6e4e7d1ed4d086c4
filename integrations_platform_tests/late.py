"""Modules that are imported at their first use: some clients take a second, and every worker collects every test."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Late:
    """The module of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
