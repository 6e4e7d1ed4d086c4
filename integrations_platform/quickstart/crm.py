"""The quickstart's fourth story: a connector that speaks Airbyte's protocol brings the CRM into the lake.

The connector is airbyte-cdk in an environment of its own, reading the stand-in of HubSpot over HTTP. Every claim is
checked by plain SQL on the files of the lake against the stand-in's own records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations_platform.quickstart.folder import BROUGHT, CRM_CONNECTION, Folder, QuickstartError, readable
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.quickstart.services import Services
from integrations_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from integrations_platform.airbyte.reports import SyncReport

_CITY = "Ushuaia"


def tell_crm(folder: Folder, services: Services, narrator: Narrator) -> None:
    """Tell the story, or say why it is left out: without uv or a network the connector cannot be installed."""
    from integrations_platform.airbyte.faults import AirbyteFault

    story = _Story(folder, services, narrator, load_settings(env_file=folder.environment))
    # The search of HubSpot shows a change seconds later, and nobody should have to wait for it here.
    delay, services.hub.index_delay = services.hub.index_delay, 0.0
    try:
        with narrator.step("HubSpot → lake, by a connector that speaks Airbyte's protocol"), readable(folder.root):
            try:
                story.install()
            except AirbyteFault as fault:
                narrator.say(f"This step is left out, everything else goes on: {fault.message}.")
                return
            story.bring()
            story.bring_again()
    finally:
        services.hub.index_delay = delay


@dataclass
class _Story:
    folder: Folder
    services: Services
    narrator: Narrator
    settings: Settings

    def install(self) -> None:
        """Install the connector's environment. Raises AirbyteFault."""
        from integrations_platform.airbyte.embedded.connectors import DECLARATIVE
        from integrations_platform.airbyte.embedded.installing import installed

        narrator = self.narrator
        narrator.say(
            "airbyte-cdk is installed into an environment of its own, once, and reads the stand-in by a manifest"
        )
        narrator.say("that comes with the platform. A stream lands when the connector has called it complete, and only")
        narrator.say("then it is kept where the next read begins. With AIRBYTE_API_URL set, a server does the same.")
        installed(DECLARATIVE, self.folder.connectors, lambda said: narrator.progress(said, 0, 0))

    def bring(self) -> None:
        """Everything, once."""
        narrator = self.narrator
        report = self._synced()
        narrator.table(("stream", "records read", "rows landed"), [
            (stream.name, stream.emitted or 0, stream.rows or 0) for stream in report.streams
        ])  # fmt: skip
        held, portal = {kind: self._held(kind) for kind in BROUGHT}, self._portal()
        narrator.claim(
            "plain SQL finds every contact, company and deal of HubSpot in the lake's files, each once",
            all(sorted(held[kind]) == sorted(portal[kind]) for kind in BROUGHT),
            str({kind: (len(held[kind]), len(portal[kind])) for kind in BROUGHT}),
        )

    def bring_again(self) -> None:
        """After one contact was edited: only that one."""
        narrator, services = self.narrator, self.services
        edited, *_ = services.hub.portal.live("contacts")
        values = {"city": _CITY}
        services.hub.person({"do": "edit", "type": "contacts", "id": str(edited.id), "properties": values})
        narrator.say("Somebody edits one contact in HubSpot, and the connector reads again from where it stopped.")
        report = self._synced()
        landed = {stream.name: stream.rows for stream in report.streams}
        narrator.claim("only that contact landed, in its new version beside the old one",
                       landed == {**dict.fromkeys(BROUGHT, 0), "contacts": 1}
                       and _CITY in [city for number, city in self._held("contacts") if number == str(edited.id)],
                       str(landed))  # fmt: skip
        broken = services.hub.violations
        narrator.claim("no call of the connector broke HubSpot's published contract", not broken, str(broken[:1]))

    def _synced(self) -> SyncReport:
        from integrations_platform.airbyte.embedded import EmbeddedSync
        from integrations_platform.airbyte.faults import AirbyteFault
        from integrations_platform.lake import Lake

        settings, narrator = self.settings, self.narrator
        narrator.progress("reading HubSpot", 0, 0)
        connection = settings.airbyte.connections[CRM_CONNECTION]
        lake = Lake.open(settings.lake)
        sync = EmbeddedSync(
            connection, settings.airbyte, lake, "quickstart", note=lambda said: narrator.progress(said, 0, 0)
        )
        try:
            report = sync.report()
        except AirbyteFault as fault:
            raise QuickstartError(f"the connector cannot be run: {fault.message}") from fault
        if not report.succeeded:
            raise QuickstartError(f"the connector failed: {report.failure}")
        return report

    def _held(self, kind: str) -> list[tuple[str, str | None]]:
        """Ids and cities (names, of deals) in the files of the lake."""
        import duckdb

        column = _SHOWN[kind]
        files = str(self.folder.lake / f"{CRM_CONNECTION}_{kind}" / "*" / "*.parquet").replace("'", "''")
        return duckdb.connect().execute(f"SELECT id, {column} FROM read_parquet('{files}')").fetchall()

    def _portal(self) -> Mapping[str, list[tuple[str, Any]]]:
        """The same of the stand-in's own records."""
        portal = self.services.hub.portal
        return {
            kind: [(str(record.id), record.now.get(_SHOWN[kind]) or None) for record in portal.live(kind)]
            for kind in BROUGHT
        }


_SHOWN = {"contacts": "city", "companies": "city", "deals": "dealname"}
