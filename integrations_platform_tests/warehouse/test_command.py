"""`integrations warehouse`: what a person sees, and the exit codes that programs read."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from integrations_platform.cli import cli
from integrations_platform.state import open_store
from integrations_platform_tests.warehouse.house import DAY, NEXT, House


def run(house: House, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--env-file", str(house.env_file), "warehouse", *words])
    assert result.exit_code == code, f"{result.exit_code}: {result.stdout}\n{result.stderr}"
    return result


def test_days_are_loaded_listed_and_asked(house: House) -> None:
    house.sell()
    house.sell(NEXT, [9])
    assert (
        "sales       analytics.public.sales   sales    embedded  2             2025-10-30  2025-10-31"
        in run(house, "tables").stdout
    )
    shown = run(house, "load", "sales", "--from", "2025-10-01").stdout
    assert "2025-10-30: 2 rows of 1 file, in place of 0" in shown
    assert "analytics.public.sales (embedded): 2 days loaded, 0 not" in shown
    store = open_store(house.settings.state.url())
    assert store.counters.read()["warehouse_rows"] == [({"table": "sales"}, 3.0)]
    store.close()
    question = "SELECT ds, count(*) AS sales, sum(amount) FROM analytics.public.sales GROUP BY ds ORDER BY ds"
    assert json.loads(run(house, "query", question, "--json").stdout) == {
        "columns": ["ds", "sales", "sum(amount)"],
        "rows": [["2025-10-30", 2, "4.00"], ["2025-10-31", 1, "9.00"]],
    }
    assert "2025-10-31  1" in run(house, "query", question).stdout
    assert "… 1 more row" in run(house, "query", question, "--limit", "1").stdout


def test_a_day_that_cannot_be_loaded_stops_no_other(house: House) -> None:
    house.sell()
    house.sell(NEXT, [9])
    manifest = house.lake.manifest("sales", DAY)
    assert manifest is not None
    (house.root / "lake" / manifest.files[0].key).unlink()
    result = run(house, "load", "sales", "--from", "2025-10-01", "--json", code=3)
    said = json.loads(result.stdout)
    assert [one["day"] for one in said["loaded"]] == ["2025-10-31"]
    assert "rewritten or removed" in said["failed"]["2025-10-30"]
    assert run(house, "load", "sales", "--day", "2025-10-30", code=1).stderr.startswith("Error: 2025-10-30:")


def test_the_statement_of_a_day_is_shown_without_running_it(house: House) -> None:
    house.sell()
    shown = run(house, "show-copy", "sales", "--day", str(DAY)).stdout
    assert shown.startswith("COPY INTO analytics.public.sales\nFROM 'file://")
    assert "FILES=('part-00000-" in shown
    assert "MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE" in shown
    assert shown.endswith("FORCE=TRUE;\n")
    assert "FILES" not in run(house, "show-copy", "sales", "--day", str(NEXT)).stdout


def test_wrong_words_are_answered_with_what_is_known(house: House) -> None:
    house.sell()
    assert (
        "no table is named 'slaes'; did you mean sales?"
        in run(house, "load", "slaes", "--day", str(DAY), code=2).stderr
    )
    assert "is no day; write YYYY-MM-DD" in run(house, "load", "sales", "--day", "30.10.2025", code=2).stderr
    assert "has partitions from 2025-10-01" in run(house, "load", "sales", "--day", "2024-01-01", code=2).stderr
    assert "give --day, or --from" in run(house, "load", "sales", code=2).stderr
    assert (
        "the lake has no day of notes in that range" in run(house, "load", "notes", "--from", str(DAY), code=2).stderr
    )
    assert "only a SELECT" in run(house, "query", "DROP TABLE analytics.public.sales", code=2).stderr
