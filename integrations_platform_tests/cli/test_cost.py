"""What a run took: records a second, calls to a service as the service counts them, and its quota."""

from __future__ import annotations

from integrations_platform_tests.cli.conftest import Company
from integrations_platform_tests.connectors.hubspot.stage import TOKEN, crm

SYNC = """\
name: people
source: {system: billing, object: customer}
target: {system: hubspot, object: contacts}
match: [email]
fields:
  email: {source: email, target: email, type: email}
  name:  {source: name, target: firstname, type: text}
"""


def test_calls_are_told_by_system_and_against_the_quota_in_run_dry_run_status_and_history(company: Company) -> None:
    with crm() as portal:
        company.configure(
            f"systems:\n  billing: {{kind: sqlite, path: {company.folder}/billing.sqlite}}\n"
            f"  hubspot: {{kind: hubspot, token: {TOKEN}, base_url: '{portal.server.url('hubspot')}'}}\n"
            f"state: {{url: 'sqlite:///{company.folder}/state.sqlite'}}\n"
        )
        company.declare(SYNC)
        text = company.run("sync", "run", "people").stdout
        first = len(portal.hub.calls)
        assert f"HubSpot: {first} calls; {first} of 250,000 calls today" in text
        dry = company.json("sync", "run", "people", "--dry-run")
        both = len(portal.hub.calls)
        assert dry["counts"]["calls_b"] == both - first
        status = company.json("sync", "status")
        assert [(row["system"], row["used"], row["left"]) for row in status["quotas"]] == [
            ("hubspot", both, 250_000 - both)
        ]
        assert f"HubSpot {both} of 250,000 calls today" in company.run("sync", "status").stdout
        (run,) = company.json("sync", "history")["runs"]
        assert run["counts"]["calls_b"] == first, "the dry run is no run of the history"
        assert run["rows_per_second"] > 0
        assert f"{run['rows_per_second']:,}" in company.run("sync", "history").stdout
