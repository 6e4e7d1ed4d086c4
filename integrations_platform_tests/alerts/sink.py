"""A stand-in for Slack's incoming webhooks and for `chat.postMessage`: it holds messages to the documented limits, and
answers as it is told. Limits: docs.slack.dev/reference/block-kit, as of 2026-11."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

PATH = "/services/T000/B000/hunter2WebhookPath"
TOKEN = "xoxb-hunter2-bot-token"


@dataclass
class Reply:
    """One answer. ``drop``: after reading, close without a word; ``hang``: say nothing until the sink ends."""

    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


@dataclass
class Sink:
    """What came, and what is answered next; without a script, as Slack would."""

    port: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    script: list[Reply] = field(default_factory=list)
    always: Reply | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]

    def reply(self, message: Any) -> Reply:
        """The next answer; what was accepted is kept."""
        if self.script:
            planned = self.script.pop(0)
        elif self.always is not None:
            planned = self.always
        else:
            wrong = objection(message)
            planned = Reply(400, wrong) if wrong else Reply()
        if planned.status == 200 or planned.drop:
            self.messages.append(message)
        return planned


def objection(message: Any) -> str | None:
    """What Slack would have against a message; None: nothing."""
    if not isinstance(message, dict):
        return "invalid_payload"
    blocks = message.get("blocks", [])
    if not message.get("text") and not blocks:
        return "no_text"
    if len(blocks) > 50 or not all(_fits(block) for block in blocks):
        return "invalid_payload"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    return "invalid_payload" if len(ids) != len(set(ids)) else None


def _fits(block: dict[str, Any]) -> bool:
    match block["type"]:
        case "header":
            return block["text"]["type"] == "plain_text" and 1 <= len(block["text"]["text"]) <= 150
        case "section":
            texts, fields = [block["text"]] if "text" in block else [], block.get("fields", [])
            short = all(1 <= len(each["text"]) <= 2000 for each in fields)
            return bool(texts or fields) and len(fields) <= 10 and short and all(_text(each) for each in texts)
        case "context":
            return 1 <= len(block["elements"]) <= 10 and all(_text(each) for each in block["elements"])
    return False


def _text(item: dict[str, Any]) -> bool:
    return item["type"] in ("mrkdwn", "plain_text") and 1 <= len(item["text"]) <= 3000


@contextmanager
def sink() -> Iterator[Sink]:
    """A running sink on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            opened.calls.append((self.path, dict(self.headers.items())))
            if self.path == PATH:
                answer = opened.reply(json.loads(body))
            else:
                answer = opened.reply(_form(body) if "json" not in self.headers["Content-Type"] else json.loads(body))
                if answer.status == 200 and answer.body == "ok" and not (answer.drop or answer.hang):
                    answer = Reply(200, '{"ok": true}', {"Content-Type": "application/json"})
            if answer.hang:
                opened.over.wait(30)
            if answer.drop or answer.hang:
                # Reset, as a proxy that dies does: a mere end would be read as an empty answer by some clients.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Type": "text/plain", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return  # connections that the test itself broke

    server = Server(("127.0.0.1", 0), Handler)
    opened = Sink(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        opened.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _form(body: str) -> dict[str, Any]:
    found: dict[str, Any] = {name: values[0] for name, values in parse_qs(body).items()}
    if "blocks" in found:
        found["blocks"] = json.loads(found["blocks"])
    return found
