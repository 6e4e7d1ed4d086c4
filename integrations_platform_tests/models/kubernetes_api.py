"""A stand-in of the Kubernetes API for one kind of object, over real HTTP: server-side apply, status, and troubles."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "cluster-token"
PLACE = "/apis/serving.kserve.io/v1beta1/namespaces/models/inferenceservices/"


@dataclass
class Api:
    """Objects by name. ``looks_until_ready``: how often a new generation is looked at before its controller is done;
    ``failing`` are statuses of the next answers; ``reason``: why it never gets ready."""

    url: str = ""
    looks_until_ready: int = 2
    reason: str = ""
    failing: list[int] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    applied: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0

    def apply(self, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
        before = self.objects.get(name, {"metadata": {"generation": 0}, "status": {}})
        same = before.get("spec") == manifest["spec"]
        generation = before["metadata"]["generation"] + (not same)
        self.objects[name] = {**manifest, "metadata": {**manifest["metadata"], "generation": generation},
                              "status": before["status"]}  # fmt: skip
        self.applied.append(manifest)
        self.looks = 0 if not same else self.looks
        return self.objects[name]

    def look(self, name: str) -> dict[str, Any]:
        found = self.objects[name]
        self.looks += 1
        if self.looks >= self.looks_until_ready:
            told = {"type": "Ready", "status": "True"}
            if self.reason:
                told = {"type": "PredictorReady", "status": "False", "reason": "RevisionFailed", "message": self.reason}
            found["status"] = {"observedGeneration": found["metadata"]["generation"], "conditions": [told],
                               "url": f"http://{name}.models.example.test"}  # fmt: skip
        return found


@contextmanager
def kubernetes_api(api: Api) -> Iterator[Api]:
    """Serve ``api``; its ``url`` is then known."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(lambda name: api.look(name))

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.headers["content-type"] == "application/apply-patch+yaml"
            assert "fieldManager=integrations-platform" in self.path
            self._serve(lambda name: api.apply(name, body))

        def _serve(self, act: Any) -> None:
            path = self.path.partition("?")[0]
            if api.failing:
                self._answer(status := api.failing.pop(0), {"kind": "Status", "message": f"status {status} injected"})
            elif self.headers.get("authorization") != f"Bearer {TOKEN}":
                self._answer(401, {"kind": "Status", "message": "Unauthorized"})
            elif not path.startswith(PLACE):
                self._answer(404, {"kind": "Status", "message": "the server could not find the requested resource"})
            else:
                self._answer(200, act(path.removeprefix(PLACE)))

        def _answer(self, status: int, data: Any) -> None:
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
