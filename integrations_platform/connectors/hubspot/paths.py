"""Where the API's operations are, under v3 and v4 or under a date version; shapes are the same.

A date version is supported for eighteen months, so which one is used is a setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from integrations_platform.connectors.http import quoted
from integrations_platform.unified_sync.port import ErrorKind, SideError

LEGACY = "v3"
_DATED = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Paths:
    """``version`` is ``v3`` or a date like ``2026-09``; see :func:`paths_of`."""

    version: str = LEGACY

    def objects(self, kind: str, *parts: str) -> str:
        """Records of an object."""
        return self._path("/crm/v3/objects", f"/crm/objects/{self.version}", kind, *parts)

    def properties(self, kind: str, *parts: str) -> str:
        """Property definitions of an object."""
        return self._path("/crm/v3/properties", f"/crm/properties/{self.version}", kind, *parts)

    def associations(self, kind: str, to: str, verb: str) -> str:
        """A batch of associations: ``read``, ``create`` or ``archive``."""
        return self._path("/crm/v4/associations", f"/crm/associations/{self.version}", kind, to, "batch", verb)

    def account(self) -> str:
        """Details of the portal."""
        return self._path("/account-info/v3", f"/account-info/{self.version}", "details")

    def validations(self, type_id: str) -> str:
        """An administrator's validation rules; documented under v3 only."""
        return f"/crm/v3/property-validations/{quoted(type_id)}"

    def _path(self, legacy: str, dated: str, *parts: str) -> str:
        return "/".join([legacy if self.version == LEGACY else dated, *map(quoted, parts)])


def paths_of(system: str, version: str) -> Paths:
    """Paths of a version as it is set. Raises SideError(CONFIGURATION) for one that cannot be meant."""
    version = version.strip() or LEGACY
    if version != LEGACY and not _DATED.fullmatch(version):
        message = (
            f"{system}: api_version {version[:20]!r} is no version of HubSpot's API; write v3 or a date like 2026-09"
        )
        raise SideError(ErrorKind.CONFIGURATION, message, code="api_version")
    return Paths(version)
