"""What could keep an Airbyte connection from syncing: server, credentials, ids, and how each connection is set up.

Asks, and changes nothing. An environment that declares no connection has nothing to be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.settings import SettingsError

if TYPE_CHECKING:
    from integrations_platform.airbyte.looks import Connection
    from integrations_platform.airbyte.server import Airbyte
    from integrations_platform.settings import Settings
    from integrations_platform.settings_airbyte import ConnectionSettings

AREA = "airbyte"


def airbyte_findings(settings: Settings) -> Iterator[Finding]:
    """The server first, then each connection."""
    from integrations_platform.airbyte.faults import AirbyteFault
    from integrations_platform.airbyte.opening import open_airbyte

    section = settings.airbyte
    if not section.connections:
        return
    try:
        if section.engine() == "embedded":
            yield from _without_server(settings)
            return
        server = open_airbyte(section)
    except SettingsError as fault:
        yield from of_settings(AREA, "server", fault)
        return
    except AirbyteFault as fault:
        yield Finding(Level.PROBLEM, AREA, "server", fault.message)
        return
    try:
        yield _server(server)
        known = {each.id: each for each in server.connections()}
        yield Finding(Level.OK, AREA, "workspace", f"{len(known)} connections can be seen")
        for each in section.connections.values():
            yield from _connection(server, each, known)
    except AirbyteFault as fault:
        yield Finding(Level.PROBLEM, AREA, "server", fault.message)
    finally:
        server.close()


def _without_server(settings: Settings) -> Iterator[Finding]:

    what = "there is no server; connectors run on this machine"
    yield Finding(Level.NOTE, AREA, "server", what, "set AIRBYTE_API_URL to use one")
    for name, each in settings.airbyte.connections.items():
        if each.embedded is not None:
            yield Finding(Level.OK, AREA, name, f"read by the connector {each.embedded.connector}")
        else:
            yield Finding(Level.NOTE, AREA, name, "needs a server; it cannot be synced here")


def _server(server: Airbyte) -> Finding:
    from integrations_platform.airbyte.faults import AirbyteFault

    if not server.health():
        return Finding(Level.PROBLEM, AREA, "server", "answers that it cannot work now", "look at its pods")
    try:
        found = server.instance()
    except AirbyteFault as fault:
        if fault.status != 404:
            raise
        return Finding(Level.OK, AREA, "server", "answers")
    return Finding(Level.OK, AREA, "server", f"Airbyte {found.version or 'of an unknown version'} answers")


def _connection(server: Airbyte, connection: ConnectionSettings, known: dict[str, Connection]) -> Iterator[Finding]:
    from integrations_platform.airbyte.drift import departures
    from integrations_platform.airbyte.faults import AirbyteFault

    try:
        number = connection.id()
        found = known.get(number) or server.connection(number)
    except SettingsError as fault:
        yield from of_settings(AREA, connection.name, fault)
        return
    except AirbyteFault as fault:
        if not 400 <= fault.status < 500:
            raise
        yield Finding(Level.PROBLEM, AREA, connection.name, fault.message, "correct its id")
        return
    differences = departures(connection, found)
    for each in differences:
        yield Finding(Level.PROBLEM if each.serious else Level.NOTE, AREA, connection.name, each.what, each.remedy)
    if not any(each.serious for each in differences):
        yield Finding(Level.OK, AREA, connection.name, f"active, {len(found.streams)} streams")
