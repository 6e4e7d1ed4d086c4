"""Real servers for models' tests, each started once: MLflow with SQLite, KServe in an environment of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from integrations_platform_tests.servers import free_port

_START_SECONDS = 240  # the first start of KServe's environment installs it
SCRIPT = Path(__file__).parent / "kserve_server.py"


@contextmanager
def serving(command: Sequence[str], url: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """``url`` while the command serves it; its output is shown when it does not start."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"did not start: {' '.join(command)}\n{log.read_text(errors='replace')[-3000:]}")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The URL of an MLflow that keeps everything in ``folder``, where its database may be already.

    It is what `mlflow server` serves, without the command around it: that imports all of it a second time, for seconds.
    """
    port = free_port()
    store = f"sqlite:///{folder}/mlflow.sqlite"
    environment = {
        **os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": store, "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"), "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    }  # fmt: skip
    command = [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--port", str(port)]
    with serving(command, f"http://127.0.0.1:{port}/health", folder, environment) as url:
        yield url.removesuffix("/health")


@contextmanager
def kserve_server(folder: Path, model: Path, name: str) -> Iterator[str]:
    """The URL of a KServe model server for the model in the folder ``model``."""
    uv = shutil.which("uv")
    if uv is None:
        if os.environ.get("INTEGRATIONS_REQUIRE_KSERVE") == "1":
            pytest.fail("no uv to run KServe's environment with (INTEGRATIONS_REQUIRE_KSERVE=1)", pytrace=False)
        pytest.skip("no uv: KServe lives in an environment of its own, which uv makes")
    port = free_port()
    command = [
        # Our own setting compiles all of an environment, 25,000 files; KServe imports a tenth of its own.
        uv, "run", "--no-compile-bytecode", "--script", "--locked", str(SCRIPT), "--folder", str(model), "--name", name,
        "--http_port", str(port), "--enable_grpc", "false",
    ]  # fmt: skip
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
    # Nothing of this project's environment: it holds another pandas, and other versions of all the rest.
    environment = {key: value for key, value in os.environ.items() if key in kept or key.startswith("UV_")}
    environment.pop("UV_PROJECT_ENVIRONMENT", None)
    with serving(command, f"http://127.0.0.1:{port}/v2/models/{name}/ready", folder, environment) as url:
        yield url.partition("/v2/")[0]
