"""Which files a COPY means, and how they are read: rules X5–X9."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from obstore.store import LocalStore

from integrations_platform.warehouse.copying.executor import StageTarget
from integrations_platform.warehouse.copying.files import Place
from integrations_platform.warehouse.errors import CopyError, StatementError
from integrations_platform_tests.warehouse.desk import Desk

JSON = "FILE_FORMAT=(TYPE=JSON)"


def test_x5_a_url_means_a_store_and_results_name_files_in_its_form(desk: Desk) -> None:
    azure = Place.of("azure://acct.blob.core.windows.net/lake/events/date=2025-10-30/")
    assert azure.root == "abfss://lake@acct.dfs.core.windows.net"
    assert (azure.prefix, azure.url) == ("events/date=2025-10-30/", "azure://acct.blob.core.windows.net/lake/")
    assert Place.of("s3://b/p/x") == Place("s3://b", "p/x", "s3://b/")
    desk.lines("events/date=2025-10-30/a.json", [{}])
    (result,) = desk.copy(f"FROM '{{url}}events/date=2025-10-30/' {JSON}")
    assert result.file == f"{desk.url}events/date=2025-10-30/a.json"


def test_x5_a_stage_has_a_place_and_a_format_that_the_statement_overrides(desk: Desk) -> None:
    desk.write("in/a.csv", "head|x\n1|one\n")
    desk.stages["db.s.in"] = StageTarget(f"{desk.url}in/", {"TYPE": "CSV", "FIELD_DELIMITER": "|"})
    desk.copy("FROM @db.s.in/a.csv FILE_FORMAT=(SKIP_HEADER=1)", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "one")]


def test_x5_a_named_format_is_resolved(desk: Desk) -> None:
    desk.write("a.csv", "1;one\n")
    desk.formats["db.s.semicolons"] = {"TYPE": "CSV", "FIELD_DELIMITER": ";"}
    desk.copy("FROM '{url}' FILE_FORMAT=(FORMAT_NAME='db.s.semicolons')", "pairs")
    assert desk.count("pairs") == 1


@pytest.mark.parametrize("source", ["gcs://b/p/", "s3:///p", "https://x/", "file://relative/x"])
def test_x5_another_scheme_is_refused_with_the_known_ones(desk: Desk, source: str) -> None:
    with pytest.raises(StatementError, match="s3://bucket"):
        desk.copy(f"FROM '{source}' {JSON}")


def test_x6_a_location_is_a_raw_recursive_prefix(desk: Desk) -> None:
    for name in (
        "date=2025-10-1/a.json",
        "date=2025-10-10/b.json",
        "date=2025-10-1/sub/c.json",
        "date=2025-10-2/d.json",
    ):
        desk.lines(name, [{}])
    desk.write("date=2025-10-1/empty.json", "")
    loaded = [item.file.removeprefix(desk.url) for item in desk.copy(f"FROM '{{url}}date=2025-10-1' {JSON}")]
    assert loaded == ["date=2025-10-1/a.json", "date=2025-10-1/sub/c.json", "date=2025-10-10/b.json"]
    assert len(desk.copy(f"FROM '{{url}}date=2025-10-1/' {JSON} FORCE=TRUE")) == 2


def test_x7_a_pattern_matches_the_whole_key_and_named_files_must_exist(desk: Desk) -> None:
    desk.lines("in/a.json", [{}])
    desk.lines("in/b.json", [{}])
    assert not desk.copy(f"FROM '{{url}}in/' {JSON} PATTERN='a[.]json'"), "no full match of the key"
    assert len(desk.copy(f"FROM '{{url}}in/' {JSON} PATTERN='.*a[.]json'")) == 1
    assert len(desk.copy(f"FROM '{{url}}in/' {JSON} FILES=('b.json')")) == 1
    with pytest.raises(CopyError, match=r"Remote file .*c.json' was not found") as missing:
        desk.copy(f"FROM '{{url}}in/' {JSON} FILES=('a.json', 'c.json') FORCE=TRUE")
    assert missing.value.errno == 91016
    assert desk.count() == 2


def test_x8_a_size_limit_stops_before_the_next_file_but_one_always_loads(desk: Desk) -> None:
    for name in "abc":
        desk.write(f"{name}.json", '{"x": 1}\n')  # nine bytes
    assert len(desk.copy(f"FROM '{{url}}' {JSON} SIZE_LIMIT=1")) == 1
    assert len(desk.copy(f"FROM '{{url}}' {JSON} SIZE_LIMIT=9 FORCE=TRUE")) == 2
    assert len(desk.copy(f"FROM '{{url}}' {JSON} SIZE_LIMIT=1000 FORCE=TRUE")) == 3


@pytest.mark.parametrize("kind", ["JSON", "CSV", "PARQUET"])
def test_x9_a_partition_in_a_path_is_no_column(desk: Desk, kind: str) -> None:
    place = f"date=2025-10-30/x.{kind.lower()}"
    if kind == "PARQUET":
        desk.parquet(place, "SELECT 1 AS a")
    else:
        desk.write(place, '{"a": 1}\n' if kind == "JSON" else "1\n")
    desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE={kind})")
    assert desk.rows("SELECT v::VARCHAR FROM mydb.public.events")[0][0].replace(" ", "") in ('{"a":1}', '"1"')


def test_x9_a_name_that_looks_like_a_pattern_means_one_file(desk: Desk) -> None:
    desk.lines("in/[ab]*.json", [{"x": 1}])
    desk.lines("in/a1.json", [{"x": 2}, {"x": 3}])
    results = desk.copy(f"FROM '{{url}}in/' {JSON} FILES=('[ab]*.json')")
    assert [item.rows_loaded for item in results] == [1]


class Rewritten:
    """A store in which another writer acts as soon as the files were listed."""

    def __init__(self, root: str, act: Callable[[], None]) -> None:
        self._store, self._act = LocalStore(root.removeprefix("file://")), act

    def list(self, prefix: str | None) -> Iterator[Sequence[Any]]:
        yield from self._store.list(prefix)
        self._act()

    def head(self, key: str) -> Any:
        return self._store.head(key)


def test_x9_a_file_rewritten_while_it_loads_is_refused(desk: Desk) -> None:
    path = desk.lines("in/a.json", [{"x": 1}])
    desk.open_store = lambda root: Rewritten(  # type: ignore[assignment,return-value]
        root, lambda: desk.lines("new.json", [{"x": 2}, {"x": 3}]).replace(path) and None
    )
    with pytest.raises(CopyError, match="rewritten or removed while it was loading"):
        desk.copy(f"FROM '{{url}}in/' {JSON}")
    assert desk.count() == 0


@pytest.mark.parametrize("cut", [10, 8, 4])
def test_a_truncated_gzip_loads_nothing_and_is_named(desk: Desk, cut: int) -> None:
    whole = gzip.compress(b'{"x": 1}\n' * 1000)
    desk.lines("good.json", [{"x": 0}])
    (desk.folder / "part.json.gz").write_bytes(whole[:-cut])
    with pytest.raises(CopyError, match=r"gzip stream is cut off.*part\.json\.gz"):
        desk.copy(f"FROM '{{url}}' {JSON}")
    assert desk.count() == 0


def test_a_gzip_with_a_wrong_checksum_loads_nothing(desk: Desk) -> None:
    whole = bytearray(gzip.compress(b'{"x": 1}\n' * 1000))
    whole[-8] ^= 1
    (desk.folder / "part.json.gz").write_bytes(bytes(whole))
    with pytest.raises(CopyError, match="no intact gzip"):
        desk.copy(f"FROM '{{url}}' {JSON}")
