"""COPY INTO as text: what may stand in it, what is escaped, and what nobody ever sees."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from integrations_platform.warehouse.authentication import (
    Authentication,
    AwsKeys,
    AwsRole,
    Integration,
    SasToken,
    Stage,
)
from integrations_platform.warehouse.copying.parsed import parse_copy
from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.file_format import CsvFormat, FileFormat, JsonFormat, ParquetFormat, read_format
from integrations_platform.warehouse.names import TableName, literal
from integrations_platform.warehouse.port import QueryTag
from integrations_platform.warehouse.redaction import redact, redacted_logs
from integrations_platform.warehouse.statement import CopyInto, MatchBy

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalr'XUtn\\FEMI/K7MDENG", "FwoGZXIvYXdzEXAMPLE"
EVENTS = TableName.of("mydb.public.events")
AZURE = "azure://acct.blob.core.windows.net/lake/events/date=2025-10-30/"
S3 = "s3://biz-datalake-dev/events/date=2025-10-30/"

# As the users' own documentation has it.
USERS_OWN = """
COPY INTO mydb.public.events
FROM 's3://biz-datalake-dev/events/date=2025-10-30/'
CREDENTIALS=(aws_key_id='${AWS_KEY}' aws_secret_key='${AWS_SECRET}')
FILE_FORMAT=(TYPE=JSON);
"""


def keys(token: str | None = TOKEN) -> AwsKeys:
    return AwsKeys(lambda: KEY, lambda: SECRET, None if token is None else lambda: token)


def test_the_statement_of_the_users_documentation_is_rendered_word_for_word() -> None:
    statement = CopyInto(EVENTS, S3, JsonFormat(), AwsKeys(lambda: "${AWS_KEY}", lambda: "${AWS_SECRET}"))
    assert statement.sql() == USERS_OWN.strip().removesuffix(";")


@pytest.mark.parametrize(
    ("way", "location", "clause"),
    [
        (Integration("LAKE_INT"), S3, "STORAGE_INTEGRATION=LAKE_INT"),
        (keys(), S3, "CREDENTIALS=(aws_key_id='***' aws_secret_key='***' aws_token='***')"),
        (AwsRole("arn:aws:iam::1:role/x"), S3, "CREDENTIALS=(aws_role='arn:aws:iam::1:role/x')"),
        (SasToken(lambda: "?sv=1&sig=abc"), AZURE, "CREDENTIALS=(azure_sas_token='***')"),
        (Stage("db.s.lake", "s3://biz-datalake-dev/"), S3, "FROM '@db.s.lake/events/date=2025-10-30/'"),
        (None, "file:///data/lake/x/", "FROM 'file:///data/lake/x/'"),
    ],
)
@pytest.mark.parametrize("form", [JsonFormat(strip_outer_array=True), CsvFormat(skip_header=1), ParquetFormat()])
def test_every_way_in_and_every_format_is_understood_again(
    way: Authentication | None, location: str, clause: str, form: FileFormat
) -> None:
    statement = CopyInto(EVENTS, location, form, way, files=("a'b.json", "c\\d"), on_error="SKIP_FILE_10%", force=True)
    assert clause in statement.redacted()
    read = parse_copy(statement.sql())
    assert (read.files, read.force, read.on_error.percent) == (("a'b.json", "c\\d"), True, 10)
    assert read_format(read.format_options) == form
    assert read.source in (location, "@db.s.lake/events/date=2025-10-30/")


def test_every_option_is_rendered_and_read_back() -> None:
    csv = CsvFormat("\t", 0, True, ("", "N'A"), '"', "\\", False, True, False, "GZIP")
    metadata = {"f": "METADATA$FILENAME", "r": "METADATA$FILE_ROW_NUMBER"}
    statement = CopyInto(
        EVENTS, S3, csv, None, files=(), pattern=".*[.]csv", match=MatchBy.CASE_SENSITIVE, metadata=metadata,
        on_error="CONTINUE", size_limit=10, force=False, purge=True,
    )  # fmt: skip
    read = parse_copy(statement.sql())
    assert read_format(read.format_options) == csv
    assert read.pattern is not None
    assert (read.pattern.pattern, read.match, dict(read.metadata)) == (".*[.]csv", MatchBy.CASE_SENSITIVE, metadata)
    assert (read.on_error.way, read.size_limit, read.force, read.purge) == ("CONTINUE", 10, False, True)
    columns = replace(statement, columns=("a", "b"), match=MatchBy.NONE, metadata={})
    assert parse_copy(columns.sql()).columns == ("a", "b")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("events; DROP TABLE users; --", "cannot be used"),
        ("events FROM 's3://evil/'", "cannot be used"),
        ("mydb.public.events)", "cannot be used"),
        ('mydb.public."events"', "is quoted; write it without quotes"),
        ("mydb.public.`events`", "cannot be used"),
        ("a.b.c.d", "more than three parts"),
        ("mydb..events", "cannot be used"),
        ("1events", "cannot be used"),
        ("", "cannot be used"),
        ("mydb.public.events\n", "cannot be used"),
        ("mydb.public.évents", "cannot be used"),
        ("mydb.public.select", "reserved word SELECT"),
        ("x" * 300, "cannot be used"),
    ],
)
def test_a_name_is_an_identifier_or_it_is_refused(name: str, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        TableName.of(name)


@pytest.mark.parametrize(
    "location",
    [
        "s3://b", "s3://UPPER/x/", "https://b/x", "abfss://c@a.dfs.core.windows.net/p/", "s3://b/x/' FORCE=TRUE --",
        "azure://acct.example.com/c/p/", "file://relative/",
    ],
)  # fmt: skip
def test_a_location_is_a_url_of_a_known_form_or_harmless(location: str) -> None:
    try:
        statement = CopyInto(EVENTS, location, JsonFormat())
    except StatementError as refused:
        assert "is no location" in str(refused)  # noqa: PT017
        return
    read = parse_copy(statement.sql())
    assert (read.source, read.force) == (location, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"files": tuple("x" * 1001)}, "1,000 in one statement"),
        ({"on_error": "IGNORE"}, "ON_ERROR=IGNORE"),
        ({"size_limit": 0}, "SIZE_LIMIT"),
        ({"columns": ("a; b",)}, "column 'a; b'"),
        ({"metadata": {"f": "METADATA$FILENAME"}}, "needs MATCH_BY"),
        ({"metadata": {"f": "METADATA$NOTHING"}, "match": MatchBy.CASE_SENSITIVE}, "no metadata of a file"),
        ({"file_format": CsvFormat(), "match": MatchBy.CASE_SENSITIVE}, "PARSE_HEADER=TRUE"),
        ({"authentication": Stage("s", "s3://other/")}, "declared for another place"),
    ],
)
def test_what_would_not_work_is_refused_before_it_is_sent(changes: dict[str, object], said: str) -> None:
    with pytest.raises(StatementError, match=said):
        replace(CopyInto(EVENTS, S3, JsonFormat()), **changes)  # type: ignore[arg-type]


def test_keys_of_one_cloud_are_not_sent_to_the_other() -> None:
    with pytest.raises(StatementError, match="SasToken are for azure"):
        CopyInto(EVENTS, S3, JsonFormat(), SasToken(lambda: "?sig=x")).sql()


def test_a_secret_is_read_when_the_statement_is_made_and_never_shown() -> None:
    statement = CopyInto(EVENTS, S3, JsonFormat(), keys())
    assert literal(SECRET) in statement.sql()
    shown = f"{statement!r} {statement.redacted()}"
    assert not [secret for secret in (KEY, SECRET, TOKEN) if secret in shown]
    assert "aws_token" not in CopyInto(EVENTS, S3, JsonFormat(), keys("")).sql(), "a token that is not set is left out"

    def unset() -> str:
        raise AssertionError

    assert "***" in CopyInto(EVENTS, S3, JsonFormat(), AwsKeys(unset, unset)).redacted()


def test_redaction_finds_secrets_however_they_are_spelled() -> None:
    raw = CopyInto(EVENTS, S3, JsonFormat(), keys()).sql()
    told = (
        f"syntax error in {raw}; GET https://x/?sig=abc%3D&sv=1; wJalr%27XUtn%5CFEMI%2FK7MDENG; AZURE_SAS_TOKEN = '?x"
    )
    seen = redact(told, keys_of(raw))
    for secret in (KEY, SECRET, literal(SECRET)[1:-1], TOKEN, "abc%3D", "wJalr%27XUtn", "?x"):
        assert secret not in seen, seen
    assert "mydb.public.events" in seen
    assert "***" in redact(raw), "known forms are found without knowing the secret"
    assert SECRET not in redact(raw)


def keys_of(_: str) -> tuple[str, ...]:
    return (KEY, SECRET, TOKEN)


def test_the_clients_own_log_is_redacted_while_a_statement_runs(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("snowflake.connector.cursor")
    with caplog.at_level(logging.DEBUG, "snowflake"), redacted_logs(["?sv=1&sig=hush"]):
        logger.debug("query: %s", "COPY … CREDENTIALS=(azure_sas_token='?sv=1&sig=hush')")
    logger.debug("afterwards nothing is changed")
    assert "hush" not in caplog.text
    assert "***" in caplog.text


def test_a_query_tag_is_json_of_less_than_2000_characters() -> None:
    tag = QueryTag("run", "warehouse/flights", "2013-01-01").json()
    assert tag == '{"run_id":"run","asset":"warehouse/flights","partition":"2013-01-01"}'
    assert len(QueryTag("é" * 3000, "x" * 3000, "y").json()) < 2000
