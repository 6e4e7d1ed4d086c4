"""A plain HTTP client of the stand-in, and the stand-in of a test with its own limits out of the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from integrations_platform.sandbox.hubspot import TOKEN, HubSpot
from integrations_platform.sandbox.server import SandboxServer
from integrations_platform_tests.sandbox.running import running


def unhurried(**options: Any) -> HubSpot:
    """A portal that does not count calls; tests of limits set their own."""
    hub = HubSpot(**options)
    hub.limits.burst = hub.limits.searches = 1_000_000
    return hub


class PortalClient:
    """Requests to one stand-in, v3 and v4 paths unless a test names others."""

    def __init__(self, hub: HubSpot, server: SandboxServer, token: str = TOKEN) -> None:
        self.hub, self.url = hub, server.url("hubspot")
        # Nothing is encrypted here, and reading all certificates of the world costs more than most tests.
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, verify=False)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.http.patch(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path)

    def put(self, path: str, body: Any = None) -> httpx.Response:
        return self.http.put(path, json=body) if body is not None else self.http.put(path)

    def batch(
        self, operation: str, inputs: list[dict[str, Any]], kind: str = "contacts", **more: Any
    ) -> httpx.Response:
        """A batch of records; ``more`` goes beside the inputs."""
        return self.post(f"/crm/v3/objects/{kind}/batch/{operation}", {"inputs": inputs, **more})

    def create(self, kind: str = "contacts", **properties: str) -> str:
        """The id of a new record."""
        answer = self.post(f"/crm/v3/objects/{kind}", {"properties": properties})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def read(self, record_id: str, kind: str = "contacts", **query: Any) -> dict[str, Any]:
        """A record as shown now."""
        answer = self.get(f"/crm/v3/objects/{kind}/{record_id}", **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def find(self, kind: str = "contacts", **body: Any) -> list[str]:
        """Ids that a search shows."""
        answer = self.post(f"/crm/v3/objects/{kind}/search", body)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]

    def person(self, do: str, kind: str = "contacts", **action: Any) -> Any:
        """What somebody does by hand."""
        return self.hub.person({"do": do, "type": kind, **action})


@contextmanager
def portal(hub: HubSpot | None = None) -> Iterator[PortalClient]:
    """A served stand-in and a client; broken contracts fail the test."""
    hub = hub or unhurried()
    with running(hub) as server:
        client = PortalClient(hub, server)
        with client.http:
            yield client
