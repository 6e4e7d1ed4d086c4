"""Loads from S3 and Azure, over HTTP: the same statements, files that are fetched, and the stores' own refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from integrations_platform.lake import LakeError
from integrations_platform.warehouse.errors import CopyError
from integrations_platform.warehouse.opening import open_root
from integrations_platform.warehouse.port import QueryTag
from integrations_platform_tests.lake.servers import ACCOUNT, blob_server
from integrations_platform_tests.lake.servers import BUCKET as CONTAINER
from integrations_platform_tests.warehouse.house import DAY, House
from integrations_platform_tests.warehouse.test_statement import USERS_OWN

pytestmark = pytest.mark.xdist_group("warehouse_s3")
TAG = QueryTag("run-1", "test")
BUCKET = "biz-datalake-dev"


@pytest.fixture
def house(tmp_path: Path, s3: str) -> House:
    """A lake that is a bucket, empty at the start of each test."""
    httpx.post(f"{s3}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3}/{BUCKET}").raise_for_status()
    return House(tmp_path, f"s3://{BUCKET}", s3)


def put(house: House, key: str, data: bytes) -> None:
    open_root(house.lake, f"s3://{BUCKET}").put(key, data)


def test_a_day_in_a_bucket_is_reloaded_and_no_fetched_file_stays(house: House, tmp_path: Path) -> None:
    house.sell()
    done = house.load("sales")
    assert done.location == f"s3://{BUCKET}/sales/date=2025-10-30/"
    assert house.load("sales").rows_deleted == 2
    assert house.totals() == (("2025-10-30", 2, 4.0),)
    assert not list(tmp_path.glob("integrations-copy-*"))


def test_the_statement_of_the_users_documentation_loads_from_the_bucket(house: House) -> None:
    put(house, "events/date=2025-10-30/a.json", b'{"kind": "click"}\n')
    put(house, "events/date=2025-10-31/b.json", b'{"kind": "of another day"}\n')
    with house.warehouse.open(TAG) as session:
        session.create_table(house.tables["raw_events"].target, {"v": "VARIANT"})
        ((file, status, *_),) = session.execute(USERS_OWN).rows
    assert (file, status) == (f"s3://{BUCKET}/events/date=2025-10-30/a.json", "LOADED")
    assert house.rows("SELECT v:kind::string FROM mydb.public.events") == (("click",),)


def test_a_file_rewritten_between_listing_and_fetching_is_refused(house: House) -> None:
    from integrations_platform.warehouse.copying.files import find_files, on_disk
    from integrations_platform.warehouse.copying.parsed import parse_copy

    put(house, "events/a.json", b'{"x": 1}\n')
    copy = parse_copy(f"COPY INTO t FROM 's3://{BUCKET}/events/' FILE_FORMAT=(TYPE=JSON)")
    (file,) = find_files(copy, copy.source, lambda root: open_root(house.lake, root))
    put(house, "events/a.json", b'{"x": 2}\n')
    with pytest.raises(CopyError, match=r"events/a\.json was rewritten or removed while"), on_disk(file):
        pass


def copy_from(house: House, bucket: str) -> None:
    with house.warehouse.open(TAG) as session:
        session.create_table(house.tables["raw_events"].target, {"v": "VARIANT"})
        session.execute(f"COPY INTO mydb.public.events FROM 's3://{bucket}/x/' FILE_FORMAT=(TYPE=JSON)")


def test_a_bucket_that_does_not_exist_is_the_stores_own_word(house: House) -> None:
    with pytest.raises(CopyError, match="s3://no-such-bucket/x/ cannot be read: NoSuchBucket"):
        copy_from(house, "no-such-bucket")
    assert house.rows("SELECT count(*) FROM mydb.public.events") == ((0,),)


@pytest.fixture(scope="module")
def blob() -> Iterator[dict[str, str]]:
    """Options of a real Azure Blob API."""
    with blob_server() as options:
        yield options


def test_a_day_in_azure_is_reloaded_by_the_location_that_snowflake_takes(tmp_path: Path, blob: dict[str, str]) -> None:
    url = f"abfss://{CONTAINER}@{ACCOUNT}.dfs.core.windows.net/{uuid4().hex}"
    house = House(tmp_path, url, blob["endpoint"], blob["account_key"])
    house.sell()
    done = house.load("sales")
    assert done.location.startswith(f"azure://{ACCOUNT}.blob.core.windows.net/{CONTAINER}/")
    assert f"FROM '{done.location}'" in done.statement
    house.sell(DAY, [1, 2, 3])
    assert house.load("sales").rows_deleted == 2
    assert house.totals() == (("2025-10-30", 3, 6.0),)


EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code>'
    b"<Message>The provided token has expired.</Message><Token-0>SECRETTOKEN</Token-0></Error>"
)


@contextmanager
def refusing(body: bytes) -> Iterator[str]:
    """An S3 API whose keys have run out."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_expired_key_is_told_and_not_shown(tmp_path: Path) -> None:
    with refusing(EXPIRED) as endpoint:
        house = House(tmp_path, f"s3://{BUCKET}", endpoint)
        with pytest.raises(CopyError, match="ExpiredToken: The provided token has expired") as refused:
            copy_from(house, BUCKET)
        assert "SECRETTOKEN" not in str(refused.value)
        with pytest.raises(LakeError, match=r"(?i)expired") as denied:
            house.load("sales", DAY)
        assert "SECRETTOKEN" not in str(denied.value)
