"""The command tells what it can do, quickly, and without importing what it does not need."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from integrations_platform import __version__
from integrations_platform.cli import cli
from integrations_platform.cli.sync import COMMANDS
from integrations_platform_tests.cli.conftest import ROOT, environment

HEAVY = {"polars", "sqlalchemy", "pydantic", "dagster", "rich", "yaml", "pandas", "alembic"}


def test_help_costs_less_than_a_third_of_a_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "integrations_platform.cli", "--help"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3
    for name in ("sync", "doctor", "state"):
        assert name in done.stdout


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = "import sys, integrations_platform.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & HEAVY


def test_version() -> None:
    assert __version__ in CliRunner().invoke(cli, ["--version"]).stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_exists_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, ["sync", name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.stdout


@pytest.mark.parametrize("name", ["run", "apply"])
def test_exit_codes_stand_in_the_help_of_commands_that_write(name: str) -> None:
    text = CliRunner().invoke(cli, ["sync", name, "--help"]).stdout
    for line in ("0  applied", "1  failed", "2  wrong usage", "3  partial", "4  refused"):
        assert line in text


def test_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["sync", "sink"])
    assert result.exit_code == 2
    assert "sink" in result.stderr
