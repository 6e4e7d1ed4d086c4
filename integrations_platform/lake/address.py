"""The address of a lake: what a URL says, and how Snowflake spells the same place.

Knows three forms of URL and refuses all others, with credentials or options in them first of all: those would reach
logs and COPY statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from integrations_platform.lake.errors import LakeError, Place, Trouble

_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_ABFSS = re.compile(
    r"abfss://(?P<container>[a-z0-9$][a-z0-9-]{1,61}[a-z0-9])@(?P<account>[a-z0-9]{3,24})"
    r"\.dfs\.core\.windows\.net(?:/(?P<prefix>.*))?"
)
_FORMS = "write s3://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix or file://folder"


@dataclass(frozen=True)
class Address:
    """``bucket`` is also Azure's container; for a folder it is empty and ``prefix`` the absolute path."""

    kind: Literal["s3", "azure", "file", "memory"]
    prefix: str
    bucket: str = ""
    account: str = ""

    def __str__(self) -> str:
        if self.kind == "file":
            return f"file://{self.prefix}"
        if self.kind == "memory":
            return "memory://"
        host = self.bucket if self.kind == "s3" else f"{self.bucket}@{self.account}.dfs.core.windows.net"
        scheme = "s3" if self.kind == "s3" else "abfss"
        return f"{scheme}://{host}" + (f"/{self.prefix}" if self.prefix else "")

    def location(self, key: str) -> str:
        """``key`` as Snowflake's COPY INTO takes it (https://docs.snowflake.com/sql-reference/sql/copy-into-table).

        Azure is always ``azure://…blob…``, also for ADLS Gen2. A folder has a ``file://`` location, which only the
        embedded warehouse reads.
        """
        if self.kind == "azure":
            path = "/".join(part for part in (self.bucket, self.prefix, key) if part)
            return f"azure://{self.account}.blob.core.windows.net/{path}"
        return f"{str(self).rstrip('/')}/{key}"


def parse(url: str) -> Address:
    """The address a URL says; a relative folder is relative to the current directory.

    Raises LakeError that does not show the URL, which may hold what it must not.
    """
    if url == "memory://":
        return Address("memory", "")
    if url.startswith("file://"):
        path = url.removeprefix("file://")
        if not path or "\0" in path or "?" in path or "#" in path:
            raise _refused("lake.url names no usable folder", "write file:///absolute/folder or file://./folder")
        return Address("file", str((Path.cwd() / Path(path).expanduser()).resolve()))
    found = _S3.fullmatch(url) or _ABFSS.fullmatch(url)
    if found is None:
        raise _refused("lake.url has no form that is known", _FORMS)
    prefix = (found["prefix"] or "").strip("/")
    if set(prefix) & set("?#\0'\"\\") or {"", ".", ".."} & set(prefix.split("/") if prefix else ()):
        raise _refused("lake.url has a prefix that cannot be used", "use plain names between single slashes")
    groups = found.groupdict()
    if "bucket" in groups:
        return Address("s3", prefix, groups["bucket"])
    return Address("azure", prefix, groups["container"], groups["account"])


def _refused(what: str, remedy: str) -> LakeError:
    return LakeError(Trouble.CONFIGURATION, Place(), what, remedy)
