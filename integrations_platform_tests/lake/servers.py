"""Real APIs of object stores on loopback: S3 by moto's server, Azure Blob by Microsoft's Azurite.

Azurite is installed from the committed lock into a cache folder, once per machine and lock. It is skipped where npm is
missing, and fails where INTEGRATIONS_REQUIRE_AZURITE=1 says that it must not be.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations_platform_tests.servers import free_port

HERE = Path(__file__).parent / "azurite"
ACCOUNT = "devstoreaccount1"
# The published key of every emulator: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
BUCKET = "lake"


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A running S3 with one empty bucket; yields the options that reach it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        _ask(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT"))
        yield {"endpoint": endpoint, "access_key_id": "AKIDTEST", "secret_access_key": "not-to-be-shown"}
    finally:
        server.stop()


@contextmanager
def blob_server() -> Iterator[dict[str, str]]:
    """A running Azurite with one empty container; yields the options that reach it."""
    command = _installed()
    port = free_port()
    arguments = ["--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence", "--blobPort", str(port)]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "successfully listen" in line:
                break
        else:
            pytest.fail(f"Azurite ended: {''.join(said)}", pytrace=False)
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        _ask(_signed(f"{endpoint}/{BUCKET}?restype=container"))
        yield {"endpoint": endpoint, "account_key": KEY}
    finally:
        process.terminate()
        process.communicate()


def _ask(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status in (200, 201)


def _signed(url: str) -> urllib.request.Request:
    """A request to make a container, signed as the service wants it; obstore makes none."""
    headers = {"x-ms-date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), "x-ms-version": "2021-08-06"}
    signed = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in headers.items())
    signed += f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    return urllib.request.Request(url, method="PUT", headers=headers | {"Content-Length": "0"})


def _installed() -> list[str]:
    """The command that starts Azurite, installed first if need be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return _missing("node and npm are not on this machine")
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "integrations_platform" / f"azurite-{lock}"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # of two test processes one installs and the other waits
        if not (folder / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            options = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run([npm, "ci", *options], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                return _missing(f"npm ci failed: {done.stderr[-500:]}")
            (folder / "complete").touch()
    return [node, str(script)]


def _missing(reason: str) -> Any:
    if os.environ.get("INTEGRATIONS_REQUIRE_AZURITE") == "1":
        pytest.fail(f"{reason} (INTEGRATIONS_REQUIRE_AZURITE=1)", pytrace=False)
    pytest.skip(reason)
