"""The variables that an environment reads: derived from its settings, so that no list of them can be out of date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache

from integrations_platform.jobs import SYNCS_VARIABLE
from integrations_platform.secret_text import SecretText
from integrations_platform.settings import ENVIRONMENT_VARIABLE, FILE_VARIABLE, load_settings
from integrations_platform.telemetry.json_logs import FORMAT_VARIABLE, KEY_VARIABLE


def _texts(value: object) -> Iterator[SecretText]:
    if isinstance(value, SecretText):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)


@cache
def variables_read(environment: str) -> frozenset[str]:
    """Variables that an environment reads, and those by which it is found."""
    settings = load_settings(environment, environ={})
    named = {name for text in _texts(settings) for name in text.variables}
    return frozenset(named | {ENVIRONMENT_VARIABLE, FILE_VARIABLE, SYNCS_VARIABLE, FORMAT_VARIABLE, KEY_VARIABLE})
