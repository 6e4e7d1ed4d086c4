"""The Kubernetes API, as far as a served model needs it: apply one object, wait until it is ready.

Speaks HTTP itself: kubectl would have to be in every image, and the Kubernetes client library brings more than the
three calls that are made here.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from integrations_platform.models.faults import ModelFault, first_line
from integrations_platform.service_faults import FaultKind

MANAGER = "integrations-platform"
_ANSWER_SECONDS = 30.0
_LOST_LOOKS = 10


class Cluster:
    """The API server at ``server``, asked with a service account's ``token``. ``ca_file``: whom to trust; empty: the
    machine's usual authorities. Raises ModelFault for a file that is none."""

    def __init__(
        self, server: str, token: str, ca_file: str = "", *, sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._server, self._sleep, self._clock = server.rstrip("/"), sleep, clock
        try:
            trust: Any = ssl.create_default_context(cafile=ca_file) if ca_file else True
        except (OSError, ssl.SSLError) as fault:
            what = f"models.kubernetes.ca_file cannot be read ({fault.strerror or type(fault).__name__})"
            raise ModelFault(FaultKind.CONFIGURATION, what) from None
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(headers=headers, verify=trust, timeout=_ANSWER_SECONDS, trust_env=False)

    def apply(self, manifest: Mapping[str, Any]) -> int:
        """Make the object what the manifest says (server-side apply); its generation. Safe to repeat."""
        address = self._address(manifest)
        answer = self._ask(
            "PATCH", f"{address}?fieldManager={MANAGER}&force=true&fieldValidation=Strict",
            json.dumps(manifest).encode(), "application/apply-patch+yaml",
        )  # fmt: skip
        return int(answer["metadata"]["generation"])

    def ready(self, manifest: Mapping[str, Any], generation: int, timeout: float, every: float = 3.0) -> str:
        """Wait until what was applied is ready; the URL it is reached at. Raises ModelFault after ``timeout`` seconds
        with the reasons that Kubernetes gives."""
        address, end, lost, reasons = self._address(manifest), self._clock() + timeout, 0, "no status yet"
        while True:
            try:
                status = self._ask("GET", address).get("status") or {}
                lost = 0
            except ModelFault as fault:
                lost += 1
                if fault.kind is not FaultKind.TRANSIENT or lost >= _LOST_LOOKS:
                    raise
                status = {}
            conditions = {each["type"]: each for each in status.get("conditions") or ()}
            # A status of an older generation says nothing of what was just applied.
            if int(status.get("observedGeneration") or 0) >= generation:
                if conditions.get("Ready", {}).get("status") == "True":
                    return str(status.get("url") or "")
                told = [
                    f"{name}: {each.get('reason', '')} {each.get('message', '')}".strip()
                    for name, each in sorted(conditions.items()) if each.get("status") == "False"
                ]  # fmt: skip
                reasons = "; ".join(told) or reasons
            if self._clock() + every > end:
                what = f"InferenceService {manifest['metadata']['name']} is not ready after {timeout:g} s"
                raise ModelFault(FaultKind.TRANSIENT, f"{what}: {first_line(reasons)}")
            self._sleep(every)

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def _address(self, manifest: Mapping[str, Any]) -> str:
        meta = manifest["metadata"]
        return (
            f"{self._server}/apis/{manifest['apiVersion']}/namespaces/{meta['namespace']}"
            f"/inferenceservices/{meta['name']}"
        )

    def _ask(self, method: str, address: str, body: bytes | None = None, media: str = "") -> dict[str, Any]:
        try:
            headers = {"content-type": media} if media else {}
            answer = self._http.request(method, address, content=body, headers=headers)
            data = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            what = f"the Kubernetes API at {self._server} gives no answer ({type(fault).__name__})"
            raise ModelFault(FaultKind.TRANSIENT, what) from None
        except ValueError:
            raise ModelFault(FaultKind.TRANSIENT, f"{self._server} answers with no JSON") from None
        if answer.status_code < 300:
            return dict(data)
        said = first_line(str(data.get("message", data)) if isinstance(data, dict) else str(data))
        if answer.status_code in (401, 403):
            raise ModelFault(FaultKind.CONFIGURATION, f"Kubernetes: {said}; check models.kubernetes.token and its role")
        if answer.status_code == 404 and method == "PATCH":
            remedy = "is KServe installed, and does the namespace exist?"
            raise ModelFault(FaultKind.CONFIGURATION, f"Kubernetes: {said}; {remedy}")
        passing = answer.status_code in (409, 429) or answer.status_code >= 500
        raise ModelFault(FaultKind.TRANSIENT if passing else FaultKind.PERMANENT, f"Kubernetes: {said}")
