"""The text of a COPY is understood as Snowflake understands it, or refused: rules X1–X4."""

from __future__ import annotations

import pytest

from integrations_platform.warehouse.copying.parsed import OnError, parse_copy
from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.statement import MatchBy
from integrations_platform_tests.warehouse.desk import Desk

USERS_OWN = """
COPY INTO mydb.public.events
FROM 's3://biz-datalake-dev/events/date=2025-10-30/'
CREDENTIALS=(aws_key_id='AKIAEXAMPLE' aws_secret_key='wJalrEXAMPLE')
FILE_FORMAT=(TYPE=JSON);
"""


def test_x1_target_source_columns_and_options_are_read() -> None:
    copy = parse_copy(
        "COPY INTO db.s.t(a, b) FROM 's3://bucket/p/' STORAGE_INTEGRATION=lake "
        "FILE_FORMAT=(TYPE=CSV SKIP_HEADER=1 NULL_IF=('', 'NA')) FILES=('x.csv') PATTERN='.*[.]csv' SIZE_LIMIT=100 "
        "FORCE=TRUE PURGE=FALSE ON_ERROR=CONTINUE"
    )
    assert (copy.table, copy.columns, copy.source) == (("db", "s", "t"), ("a", "b"), "s3://bucket/p/")
    assert copy.format_options == {"TYPE": "CSV", "SKIP_HEADER": "1", "NULL_IF": ("", "NA")}
    assert (copy.files, copy.size_limit, copy.force, copy.purge) == (("x.csv",), 100, True, False)
    assert copy.on_error.way == "CONTINUE"
    assert copy.match is MatchBy.NONE


def test_x1_the_statement_of_the_documentation_is_understood() -> None:
    copy = parse_copy(USERS_OWN)
    assert copy.table == ("mydb", "public", "events")
    assert copy.source == "s3://biz-datalake-dev/events/date=2025-10-30/"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("FROM 's3://b/' TRUNCATECOLUMNS=TRUE", "TRUNCATECOLUMNS is not supported"),
        ("FROM 's3://b/' VALIDATION_MODE=RETURN_ERRORS", "VALIDATION_MODE is not supported"),
        ("FROM 's3://b/' ENCRYPTION=(TYPE='AWS_SSE_S3')", "ENCRYPTION is not supported"),
        ("FROM 's3://b/' FORCE=TRUE FORCE=FALSE", "given twice"),
        ("FROM 's3://b/' FORCE=MAYBE", "TRUE or FALSE"),
        ("FROM 's3://b/' SIZE_LIMIT='x'", "whole number"),
        ("FROM 's3://b/' MATCH_BY_COLUMN_NAME=SOMEHOW", "Invalid value 'SOMEHOW'"),
        ("FROM 's3://b/' INCLUDE_METADATA=(f=METADATA$FILENAME)", "needs MATCH_BY"),
        ("FROM 's3://b/' FILES=()", "1 to 1,000 names"),
        ("FROM 's3://b/' PATTERN='['", "no regular expression"),
        ("FROM other_table", "neither a URL nor a stage|URL in quotes"),
        ("FROM 's3://b/' ; DROP TABLE t", "one COPY INTO statement"),
    ],
)
def test_x2_what_is_not_supported_is_refused_by_name(rest: str, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        parse_copy(f"COPY INTO t {rest}")


@pytest.mark.parametrize("statement", ["COPY INTO @stage/x FROM t", "COPY INTO 's3://b/' FROM t"])
def test_x2_unloading_is_refused(statement: str) -> None:
    with pytest.raises(StatementError, match="only COPY INTO a table"):
        parse_copy(statement)


def test_x2_a_quoted_name_in_lower_case_is_another_table_and_is_refused() -> None:
    with pytest.raises(StatementError, match="case-sensitive"):
        parse_copy("COPY INTO mydb.public.\"events\" FROM 's3://b/'")
    assert parse_copy("COPY INTO mydb.public.\"EVENTS\" FROM 's3://b/'").table[2] == "EVENTS"


@pytest.mark.parametrize("option", ["FILE_FORMAT=(TYPE=AVRO)", "FILE_FORMAT=(TYPE=JSON DATE_FORMAT='AUTO')"])
def test_x2_unknown_formats_and_their_options_are_refused(desk: Desk, option: str) -> None:
    desk.lines("a.json", [{}])
    with pytest.raises(StatementError, match=r"not supported|has no option"):
        desk.copy(f"FROM '{{url}}' {option}")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ABORT_STATEMENT", OnError()),
        ("CONTINUE", OnError("CONTINUE")),
        ("SKIP_FILE", OnError("SKIP_FILE")),
        ("SKIP_FILE_3", OnError("SKIP_FILE", limit=3)),
        ("'SKIP_FILE_10%'", OnError("SKIP_FILE", percent=10)),
    ],
)
def test_x3_on_error_and_booleans_are_read_by_value(text: str, meant: OnError) -> None:
    copy = parse_copy(f"COPY INTO t FROM 's3://b/' ON_ERROR={text} FORCE='true'")
    assert copy.on_error == meant
    assert copy.force


def test_x3_an_unquoted_percentage_is_a_syntax_error_without_credentials_in_it() -> None:
    with pytest.raises(StatementError) as refused:
        parse_copy("COPY INTO t FROM 's3://b/' CREDENTIALS=(aws_secret_key='hush') ON_ERROR=SKIP_FILE_10%")
    assert "syntax error" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_x4_credentials_are_accepted_and_not_kept(desk: Desk) -> None:
    desk.lines("a.json", [{"id": 1}])
    assert "wJalrEXAMPLE" not in repr(parse_copy(USERS_OWN))
    desk.copy("FROM '{url}' CREDENTIALS=(aws_key_id='x' aws_secret_key='hush') FILE_FORMAT=(TYPE=JSON)")
    desk.copy("FROM '{url}' STORAGE_INTEGRATION=lake FILE_FORMAT=(TYPE=JSON) FORCE=TRUE")
    assert desk.count() == 2
    assert "hush" not in str(desk.rows("SELECT * FROM mydb.integrations_load.history"))
