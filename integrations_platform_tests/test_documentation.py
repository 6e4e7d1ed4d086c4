"""What the pages tell people to type exists: commands with their options, manifests, files and names in the cluster."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from integrations_platform_tests.documentation import PAGES, ROOT, command_fault, commands, known, mentions
from integrations_platform_tests.environments.manifests import OVERLAYS, of_kind, overlay

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#([\w-]+))?\)")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_is_one(page: str) -> None:
    typed = [(command, True) for command in commands(page)] + [(said, False) for said in mentions(page)]
    faults = [
        f"{' '.join(words)}: {fault}"
        for command, whole in typed
        if (words := known(command)) is not None and (fault := command_fault(words, whole=whole))
    ]
    assert faults == []


def test_an_unknown_command_and_an_unknown_option_are_found_out() -> None:
    assert command_fault(["integrations", "sync", "sink"])
    assert command_fault(["integrations", "sync", "status", "--jsn"])
    assert command_fault(["dagster-daemon", "liveness-check", "--tolerance", "300"])
    assert command_fault(["integrations", "sync", "conflicts", "resolve", "people", "4"]), "a choice is missing"
    assert command_fault(["integrations", "--env", "staging", "sync", "status", "--json"]) is None


@pytest.mark.parametrize("page", ["docs/deployment.md", "docs/runbook.md"])
def test_manifests_files_and_deployments_that_a_page_names_are_there(page: str) -> None:
    named = {f"{each['kind'].lower()}/{each['metadata']['name']}" for name in OVERLAYS for each in overlay(name)}
    short = {"deploy": "deployment", "svc": "service", "sts": "statefulset"}
    seen = 0
    for command in [*commands(page), *mentions(page)]:
        for option, value in pairwise(command):
            if option in ("-k", "-f", "--values") and value != "-":
                seen += 1
                assert any((top / value).exists() for top in (ROOT, ROOT / "environments")), " ".join(command)
        if command[:1] == ["kubectl"]:
            for word in command:
                kind, slash, name = word.partition("/")
                if slash and kind in (*short, *short.values(), "secret", "configmap", "externalsecret"):
                    seen += 1
                    assert f"{short.get(kind, kind)}/{name}" in named, " ".join(command)
    assert seen


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    source = ROOT / page
    for path, heading in _LINK.findall(source.read_text(encoding="utf-8")):
        target = source.parent / path
        assert target.exists(), f"{page}: {path}"
        if heading and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
            assert heading in anchors, f"{page}: {path}#{heading}"


def test_the_deployment_page_lists_every_secret_with_its_properties() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    listed = {
        row[1]: set(re.findall(r"`([\w-]+)`", row[2]))
        for row in re.finditer(r"^\| `(integrations-[\w-]+)` \| (.*) \|$", page, re.M)
    }
    kept: dict[str, set[str]] = {}
    for secret in of_kind(overlay("production"), "ExternalSecret"):
        for each in secret["spec"]["data"]:
            kept.setdefault(each["remoteRef"]["key"], set()).add(each["remoteRef"]["property"])
    assert listed == kept
