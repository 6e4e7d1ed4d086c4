"""Frames as files: Parquet and NDJSON, cut into files of the size that warehouses load best.

Values survive the way or are refused: what JSON cannot say (NaN, binary) is an error, not a null. It knows no store.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.lake.schema import disagreement, names_of

Rows = pl.DataFrame | Iterable[pl.DataFrame] | Iterable[Mapping[str, Any]]

TARGET_BYTES = 160_000_000
"""Snowflake loads files of 100 to 250 MB (compressed) best: https://docs.snowflake.com/user-guide/data-load-considerations-prepare"""
_PIECE_BYTES = 64_000_000  # in memory, of one frame as it is encoded
_IN_MEMORY = 32_000_000  # a file larger than this is prepared on disk
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Encoded:
    """One file ready to be stored; ``file`` is at its beginning."""

    file: IO[bytes]
    rows: int
    digest: str
    suffix: str


def frames_of(data: Rows, place: Place) -> Iterator[pl.DataFrame]:
    """``data`` as frames with the same columns. Raises LakeError(MIXED) for a frame that differs from the first."""
    columns: Mapping[str, str] | None = None
    for frame in [data] if isinstance(data, pl.DataFrame) else _framed(data):
        found = names_of(frame.schema)
        if columns is None:
            columns = found
        elif (what := disagreement(columns, found, strict=True)) is not None:
            raise LakeError(Trouble.MIXED, place, f"the frames to write differ: {what}", "give all the same columns")
        yield frame


def encode(
    frames: Iterable[pl.DataFrame], form: str, place: Place, *, compressed: bool = False, target: int = TARGET_BYTES
) -> Iterator[Encoded]:
    """Files with all rows of ``frames``, in order, each of about ``target`` bytes; none for no rows.

    ``form``: parquet or ndjson, ``compressed``: gzip for ndjson. The caller closes each file.
    """
    pieces = (piece for frame in frames for piece in _pieces(frame))
    if form == "parquet":
        return _parquet(pieces, target)
    return _ndjson(pieces, place, compressed, target)


def joined(texts: Iterable[tuple[Iterable[bytes], int]], *, compressed: bool, target: int) -> Iterator[Encoded]:
    """NDJSON texts with their row counts, put together line by line as they are: nothing is parsed, nothing changes."""
    suffix = ".ndjson.gz" if compressed else ".ndjson"
    file: IO[bytes] | None = None
    out: Any = None
    rows = 0
    for pieces, count in texts:
        if file is None:
            file = _file()
            out = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if compressed else file
        last = b""
        for piece in pieces:
            out.write(piece)
            last = piece or last
        if not last.endswith(b"\n"):
            out.write(b"\n")
        rows += count
        if file.tell() >= target:
            yield _closed(file, out, rows, suffix)
            file, rows = None, 0
    if file is not None:
        yield _closed(file, out, rows, suffix)


def _framed(data: Iterable[Any]) -> Iterator[pl.DataFrame]:
    rows: list[Mapping[str, Any]] = []
    for item in data:
        if isinstance(item, pl.DataFrame):
            yield item
        else:
            rows.append(item)
    if rows:
        yield pl.DataFrame(rows, infer_schema_length=None)


def _pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    count = max(1, -(-int(frame.estimated_size()) // _PIECE_BYTES))
    step = max(1, -(-frame.height // count))
    for start in range(0, frame.height, step):
        yield frame.slice(start, step)


def _parquet(pieces: Iterable[pl.DataFrame], target: int) -> Iterator[Encoded]:
    waiting: list[pl.DataFrame] = []
    ratio = 0.0  # bytes in the file per byte in memory, as the first piece shows
    for piece in pieces:
        if waiting and not ratio:
            ratio = _written_parquet(waiting[0]).tell() / max(1, waiting[0].estimated_size())
        waiting.append(piece)
        if ratio and sum(frame.estimated_size() for frame in waiting) * ratio >= target:
            yield _parquet_file(waiting)
            waiting = []
    if waiting:
        yield _parquet_file(waiting)


def _parquet_file(frames: list[pl.DataFrame]) -> Encoded:
    whole = pl.concat(frames, how="vertical_relaxed")
    return _ready(_written_parquet(whole), whole.height, ".parquet")


def _written_parquet(frame: pl.DataFrame) -> IO[bytes]:
    file = _file()
    frame.write_parquet(file, compression="zstd", statistics=True)
    file.seek(0, 2)
    return file


def _ndjson(pieces: Iterable[pl.DataFrame], place: Place, compressed: bool, target: int) -> Iterator[Encoded]:
    suffix = ".ndjson.gz" if compressed else ".ndjson"
    file: IO[bytes] | None = None
    out: Any = None
    rows = 0
    for piece in pieces:
        _representable(piece, place)
        if file is None:
            file = _file()
            # No time and no name in the header: the same rows make the same bytes.
            out = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if compressed else file
        out.write(piece.write_ndjson().encode())
        rows += piece.height
        if file.tell() >= target:
            yield _closed(file, out, rows, suffix)
            file, rows = None, 0
    if file is not None:
        yield _closed(file, out, rows, suffix)


def _closed(file: IO[bytes], out: Any, rows: int, suffix: str) -> Encoded:
    if out is not file:
        out.close()  # of the gzip stream, not of the file below it
    return _ready(file, rows, suffix)


def _representable(frame: pl.DataFrame, place: Place) -> None:
    for name, kind in names_of(frame.schema).items():
        if kind == "binary":
            what = f"column {name} is binary, which JSON cannot hold"
            raise LakeError(Trouble.REFUSED, place, what, "use format parquet, or encode it as text")
        if kind in ("float32", "float64") and not frame[name].drop_nulls().is_finite().all():
            what = f"column {name} holds NaN or infinity, which JSON cannot"
            raise LakeError(Trouble.REFUSED, place, what, "use format parquet, or write null")


def _ready(file: IO[bytes], rows: int, suffix: str) -> Encoded:
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    file.seek(0)
    return Encoded(file, rows, digest.hexdigest(), suffix)


def _file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
