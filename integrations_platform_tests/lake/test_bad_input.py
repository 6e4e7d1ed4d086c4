"""What others left in the lake, or did to it: each fault is named with dataset, date, file and remedy."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from obstore.exceptions import GenericError

from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.lake.address import parse
from integrations_platform.lake.errors import Place, translated
from integrations_platform.lake.objects import Listed, StoredObjects
from integrations_platform_tests.lake.world import DAY, lake_at, people, settings_of

Drop = Callable[[str, bytes], None]
_LINE = b'{"id": 1, "name": "a"}\n'


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


@pytest.fixture
def drop(lake: Lake) -> Drop:
    """Somebody stores a file below a dataset's day."""
    objects = StoredObjects(lake.store())

    def store(name: str, data: bytes) -> None:
        dataset, _, file = name.partition("/")
        objects.put(f"{dataset}/date=2025-10-30/{file}", data, Place())

    return store


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        (
            "events/a.json.gz",
            gzip.compress(_LINE * 1000, mtime=0)[:-30],
            "a.json.gz: is a gzip file that was cut off",
        ),
        ("events/a.json.gz", gzip.compress(_LINE, mtime=0) + b"rest", "has something else behind its gzip data"),
        ("events/a.json.gz", b"\x1f\x8b" + bytes(40), "is a damaged gzip file"),
        ("events/a.json", _LINE + b"\n" + _LINE + b'{"id": 3, "na', "file a.json: line 4 is no JSON"),
        ("events/a.json", b"[1, 2]\n", "line 1 is no JSON object"),
        ("events/a.json", _LINE + b'{"id": "\xff"}\n', "file a.json: "),
        ("sensors/a.parquet", parquet(people())[:-20], "file a.parquet: is not Parquet, or was cut off"),
        ("sensors/a.parquet", b"id,name\n1,a\n", "is too short for Parquet|is not Parquet"),
        ("sensors/a.parquet", b"PAR1" + bytes(30) + b"\x04\0\0\0PAR1", "is not Parquet"),
        ("orders/a.csv", b"\n", "holds no header"),
        ("orders/a.csv", b"a,b\n1,2,3\n", "is no well-formed CSV"),
    ],
)
def test_a_damaged_file_is_named(lake: Lake, drop: Drop, file: str, data: bytes, said: str) -> None:
    drop(file, data)
    dataset = file.partition("/")[0]
    with pytest.raises(LakeError, match=f"dataset {dataset}, 2025-10-30, .*({said}).*; .*write it again") as raised:
        lake.observe(dataset, DAY)
    assert raised.value.trouble is Trouble.DAMAGED
    assert lake.manifest(dataset, DAY) is None, "nothing is recorded of a day that cannot be read"


def test_a_date_without_files_is_an_error_unless_it_may_be_empty(lake: Lake, drop: Drop) -> None:
    drop("events/_SUCCESS", b"x")
    drop("events/empty.json", b"")
    with pytest.raises(LakeError, match="dataset events, 2025-10-30: there are no files below") as raised:
        lake.observe("events", DAY)
    assert raised.value.trouble is Trouble.MISSING
    assert lake.observe("holidays", DAY).rows == 0


@pytest.mark.parametrize(
    ("dataset", "one", "other", "said"),
    [
        ("events", b'{"id": 1}\n', b'{"id": "x"}\n', "id is int64 and string"),
        ("sensors", parquet(people()), parquet(people().with_columns(pl.col("id").cast(pl.String))), "id is int64"),
        ("sensors", parquet(people()), parquet(people().drop("born")), "born is only in one"),
        ("orders", b"a,b\n1,2\n", b"a,c\n1,2\n", "b is only in one, c is only in one"),
    ],
)
def test_mixed_schemas_are_an_error(lake: Lake, drop: Drop, dataset: str, one: bytes, other: bytes, said: str) -> None:
    drop(f"{dataset}/a", one)
    drop(f"{dataset}/b", other)
    with pytest.raises(
        LakeError, match=f"dataset {dataset}, 2025-10-30, file .*/b: has other columns.*{said}"
    ) as raised:
        lake.observe(dataset, DAY)
    assert raised.value.trouble is Trouble.MIXED


class Meddler(StoredObjects):
    """A store in which somebody does something at the moment a file is first looked at."""

    def __init__(self, lake: Lake, deed: Callable[[], None]) -> None:
        super().__init__(lake.store())
        self._deed: Callable[[], None] | None = deed

    def get(self, key: str, place: Place, expected: str | None = None) -> tuple[bytes, Listed]:
        if self._deed and key.startswith("events/"):
            deed, self._deed = self._deed, None
            deed()
        return super().get(key, place, expected)


@pytest.mark.parametrize("file", ["a.json", "b.json"], ids=["rewritten", "added"])
def test_a_day_that_changes_while_it_is_read_is_not_recorded(tmp_path: Path, lake: Lake, drop: Drop, file: str) -> None:
    drop("events/a.json", _LINE)
    meddled = lake_at(lake.settings, objects=Meddler(lake, lambda: drop(f"events/{file}", _LINE * 3)))
    with pytest.raises(LakeError, match=r"dataset events, 2025-10-30.*(changed|still being written)") as raised:
        meddled.observe("events", DAY)
    assert raised.value.trouble is Trouble.CHANGED
    assert lake.manifest("events", DAY) is None


def test_values_that_json_cannot_hold_are_refused(lake: Lake) -> None:
    for frame, said in (
        (pl.DataFrame({"x": [1.0, float("nan")]}), "column x holds NaN"),
        (pl.DataFrame({"x": [b"ab"]}), "column x is binary"),
    ):
        with pytest.raises(LakeError, match=f"dataset plain, 2025-10-30: {said}"):
            lake.write_partition("plain", DAY, frame, "run-1")
        assert lake.listing("plain", DAY) == ()


def test_another_date_in_the_date_column_is_refused(lake: Lake) -> None:
    frame = people().with_columns(ds=pl.lit("2025-10-29").str.to_date())
    with pytest.raises(LakeError, match="column ds does not hold the partition's date"):
        lake.write_partition("flights", DAY, frame, "run-1")


def test_files_of_others_are_not_written_and_ours_not_observed(lake: Lake) -> None:
    with pytest.raises(LakeError, match="dataset events, 2025-10-30: is written by others"):
        lake.write_partition("events", DAY, people(), "run-1")
    with pytest.raises(LakeError, match="is written here"):
        lake.observe("flights", DAY)
    with pytest.raises(LakeError, match="no dataset is named 'fligths'; did you mean flights"):
        lake.manifest("fligths", DAY)


@contextmanager
def answering(status: int, code: str, message: str) -> Iterator[str]:
    """A store that answers everything with one error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "trouble", "said"),
    [
        (400, "ExpiredToken", Trouble.DENIED, "the temporary keys have expired .*renew the keys"),
        (403, "InvalidAccessKeyId", Trouble.DENIED, "does not know the access key"),
        (403, "SignatureDoesNotMatch", Trouble.DENIED, "the secret key does not fit"),
        (403, "AccessDenied", Trouble.DENIED, "may not do this.*grant the key list, read, write"),
        (403, "SomethingNew", Trouble.DENIED, "the store refuses the credentials .SomethingNew: why"),
        (400, "SomethingElse", Trouble.UNAVAILABLE, "the store failed .SomethingElse: why"),
    ],
)
def test_a_store_that_refuses_is_put_into_words(status: int, code: str, trouble: Trouble, said: str) -> None:
    with answering(status, code, "why") as endpoint:
        keys = {"access_key_id": "AKIA1", "secret_access_key": "hunter2", "session_token": "tok3n"}
        lake = lake_at(settings_of("s3://bucket/p", {"endpoint": endpoint, **keys}))
        with pytest.raises(LakeError, match=f"dataset flights, 2025-10-30, .*{said}") as raised:
            lake.manifest("flights", DAY)
    assert raised.value.trouble is trouble
    assert not {"hunter2", "tok3n"} & set(str(raised.value).split())


def test_without_credentials_nothing_is_asked_of_the_machine() -> None:
    with pytest.raises(LakeError, match=r"there are no credentials for this store; give lake.options access_key_id"):
        lake_at(settings_of("s3://bucket/p")).days("flights")
    with pytest.raises(LakeError, match=r"give lake\.options account_key, sas_token"):
        lake_at(settings_of("abfss://cont@account.dfs.core.windows.net/p")).days("flights")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "s3://user:hunter2@bucket/x",
        "s3://Bucket/x",
        "s3://bucket/a/../b",
        "s3://bucket/x?token=hunter2",
        "s3://bucket/it's",
        "abfss://c@account.blob.core.windows.net/x",
        "abfss://cont@account.dfs.core.windows.net.evil.org/x",
        "file://",
        "file://a?b",
    ],
)
def test_an_unusable_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(LakeError, match=r"the lake: lake.url .*; (write|use)") as raised:
        parse(url)
    assert "hunter2" not in str(raised.value)


def test_no_signed_address_gets_into_a_message() -> None:
    place = Place("events", DAY)
    url = "https://account.blob.core.windows.net/lake/x?sv=2022&sig=hunter2%3D"
    for text in (
        f"Generic MicrosoftAzure error: Error performing GET {url} in 3ms - HTTP error: error sending request\n\nDebug",
        f"refused: <Code>Odd</Code><Message>at {url}</Message>",
    ):
        said = str(translated(GenericError(text), place))
        assert "hunter2" not in said
        assert said.startswith("dataset events, 2025-10-30: the store failed (")
