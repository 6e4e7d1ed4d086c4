"""The directory a quickstart lives in: what is where, whose it is, and the files written for the platform.

Owns the marker that says the directory is a quickstart's and the lock that keeps two processes from using it at once.
It removes nothing that a quickstart did not make, and refuses a directory that holds anything else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

ENVIRONMENT = "quickstart"
SYNC = "quickstart_customers"
CRM, WEBSHOP = "crm", "webshop"
SERVICES = ("hubspot", "quickbooks", "google_sheets")
CONTACTS, SHEET = "hubspot_contacts_quickbooks_customers", "google_sheets_hubspot_contacts"
FLIGHTS = "flights"
CRM_CONNECTION, BROUGHT = "hubspot", ("contacts", "companies", "deals")
_MARKER = ".integrations-quickstart"
_LOCK = ".lock"
_MADE = (
    "webshop.sqlite",
    "state.sqlite",
    "environments",
    "syncs",
    "services",
    "lake",
    "warehouse",
)  # rebuilt every time
_KEPT = ("postgres", "dagster_home", "connectors")  # what takes long to make, and Dagster's history: removed when asked

_DATASET = {"format": "parquet", "source": {"sample": FLIGHTS}, "starts": "2013-01-01", "ends": "2013-12-31",
            "date_column": "ds"}  # fmt: skip
_COLUMNS = {
    **dict.fromkeys(("dep_time", "dep_delay", "arr_delay", "flight", "air_time", "distance"), "INTEGER"),
    **dict.fromkeys(("carrier", "tailnum", "origin", "dest"), "VARCHAR"),
    "time_hour": "TIMESTAMP_TZ",
}
_TABLE = {"dataset": FLIGHTS, "table": "analytics.public.flights", "columns": _COLUMNS}


class QuickstartError(Exception):
    """The quickstart cannot go on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Folder:
    """The layout. ``root`` is absolute."""

    root: Path

    @classmethod
    def at(cls, directory: Path) -> Folder:
        """The quickstart of that directory, which need not exist yet."""
        return cls(directory.expanduser().resolve())

    @property
    def postgres(self) -> Path:
        """Data directory of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def webshop(self) -> Path:
        """The SQLite database."""
        return self.root / "webshop.sqlite"

    @property
    def environment(self) -> Path:
        """The environment file; its folder makes it known by name to whatever runs in :attr:`root`."""
        return self.root / "environments" / f"{ENVIRONMENT}.yaml"

    @property
    def syncs(self) -> Path:
        """The folder of the declared sync."""
        return self.root / "syncs"

    @property
    def sync(self) -> Path:
        """The declared sync."""
        return self.syncs / f"{SYNC}.yaml"

    @property
    def services(self) -> Path:
        """Where the stand-ins of the services keep their data."""
        return self.root / "services"

    @property
    def lake(self) -> Path:
        """The lake."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The folder of the embedded warehouse."""
        return self.root / "warehouse"

    @property
    def connectors(self) -> Path:
        """Where the environments of Airbyte connectors are."""
        return self.root / "connectors"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster_home"

    @property
    def is_there(self) -> bool:
        """Whether a quickstart was made here and its databases exist."""
        return (self.root / _MARKER).is_file() and self.webshop.is_file() and (self.postgres / "PG_VERSION").exists()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the directory and hold it for this process. Raises QuickstartError when it is not ours or in use."""
        with readable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            marker = self.root / _MARKER
            if not marker.exists():
                strangers = sorted(path.name for path in self.root.iterdir() if path.name != _LOCK)
                if strangers:
                    raise QuickstartError(
                        f"{self.root} is not empty and no quickstart made it (it holds {', '.join(strangers[:3])}); "
                        "give an empty or new --directory"
                    )
                marker.write_text("Made by `integrations quickstart`; the whole directory may be removed.\n")
            lock = (self.root / _LOCK).open("a+")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as fault:
                lock.seek(0)
                raise QuickstartError(
                    f"{self.root} is in use by process {lock.read().strip() or '(unknown)'}, a quickstart or "
                    "`integrations ui`; stop that one with Ctrl-C, or give another --directory"
                ) from fault
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def clear(self, *, everything: bool) -> None:
        """Remove what an earlier quickstart made; ``everything``: the server's files and Dagster's history too."""
        with readable(self.root):
            for name in (*_MADE, *(_KEPT if everything else ())):
                path = self.root / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    for file in self.root.glob(f"{name}*"):  # a journal or WAL beside a database
                        file.unlink()

    def write_files(self, crm_url: str, services: Mapping[str, Mapping[str, str]]) -> None:
        """Write the environment and the sync; paths are absolute, so that both serve from any directory.

        ``services``: the options by which each stand-in is reached. They stand in the file, so that no account of
        whoever tries this is ever touched, whatever variables are set.
        """
        settings: dict[str, Any] = {
            "systems": {
                CRM: {"kind": "postgresql", "url": _literal(crm_url)},
                WEBSHOP: {"kind": "sqlite", "path": _literal(str(self.webshop))},
                **{
                    name: {"kind": name, **{option: _literal(text) for option, text in options.items()}}
                    for name, options in services.items()
                },
            },
            "state": {"url": _literal(f"sqlite:///{self.root / 'state.sqlite'}")},
            "lake": {"url": _literal(f"file://{self.lake}"), "datasets": {FLIGHTS: _DATASET, **_brought()}},
            "airbyte": self._airbyte(services["hubspot"]),
            "warehouse": {"kind": "embedded", "folder": _literal(str(self.warehouse)), "tables": {FLIGHTS: _TABLE}},
        }
        # Nobody's Slack or mailbox either.
        settings["alerts"] = {"enable_slack": False, "enable_email": False}
        shipped = resources.files(__package__).joinpath("customers.yaml").read_text(encoding="utf-8")
        with readable(self.root):
            for path in (self.environment, self.sync):
                path.parent.mkdir(parents=True, exist_ok=True)
            head = "# Written by `integrations quickstart`.\n"
            self.environment.write_text(head + yaml.safe_dump(settings, sort_keys=False, width=1000), encoding="utf-8")
            self.sync.write_text(shipped, encoding="utf-8")

    def _airbyte(self, hubspot: Mapping[str, str]) -> dict[str, Any]:
        """The connection that brings the stand-in of HubSpot into the lake; never by a server, whatever is set."""
        config = {name: _literal(hubspot[name]) for name in ("token", "base_url")}
        connection = {
            "description": "People, firms and deals of HubSpot.",
            "streams": list(BROUGHT),
            "embedded": {"connector": "hubspot", "config": config},
        }
        return {
            "mode": "embedded",
            "folder": _literal(str(self.connectors)),
            "executable": "",
            "connections": {CRM_CONNECTION: connection},
        }


def _brought() -> dict[str, Any]:
    """A dataset for each stream."""
    return {
        f"{CRM_CONNECTION}_{stream}": {
            "format": "parquet",
            "source": {"airbyte": CRM_CONNECTION, "stream": stream},
            "starts": "2026-01-01",
            "may_be_empty": True,
        }
        for stream in BROUGHT
    }


def _literal(text: str) -> str:
    """Text of an environment file that means itself."""
    return text.replace("${", "$${")


@contextmanager
def readable(place: Path) -> Iterator[None]:
    """Turn what an operating system says about a full disk or missing permission into a sentence."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            what = "the disk is full; free about 300 MB or give a --directory on another disk"
        elif fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            what = "no permission to write there; give a --directory that you may write to"
        elif fault.errno in (errno.EEXIST, errno.ENOTDIR):
            what = "a file is in the way; give another --directory"
        else:
            what = f"{fault.strerror or fault}; give another --directory if this stays"
        raise QuickstartError(f"{fault.filename or place}: {what}") from fault
