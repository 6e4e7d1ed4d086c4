"""A source that says what its configuration tells it to: the other side of the protocol, faults included.

Run as a program. ``streams``: its catalogue. ``reads``: what it does in a read, by the state it is given as text, or ""
for none and "*" for any: texts are written as they are, mappings as messages, ``{"do": …}`` is carried out.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    verb, *arguments = sys.argv[1:]
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    config = read(given["--config"])
    if verb == "discover":
        say({"type": "CATALOG", "catalog": {"streams": config["streams"]}})
    elif verb == "check":
        say({"type": "CONNECTION_STATUS", "connectionStatus": config["check"]})
    else:
        states = {}
        if "--state" in given:
            kept = [one["stream"] for one in read(given["--state"])]
            states = {one["stream_descriptor"]["name"]: one["stream_state"] for one in kept}
        reads = config["reads"]
        text = json.dumps(states, sort_keys=True) if states else ""
        for step in reads[text] if text in reads else reads["*"]:
            act(step, given, config)


def act(step: object, given: dict, config: dict) -> None:
    if isinstance(step, str):
        sys.stdout.write(step)
        sys.stdout.flush()
    elif "do" not in step:
        say(step)
    elif step["do"] == "exit":
        sys.exit(step["code"])
    elif step["do"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif step["do"] == "complain":
        sys.stderr.write(step["text"] + "\n")
    elif step["do"] == "hang":  # with a child of its own, whose number is told, to a pipe where one is given
        child = subprocess.Popen(["sleep", "600"])
        if "pipe" in step:
            Path(step["pipe"]).write_text(str(child.pid))
        say({"type": "LOG", "log": {"level": "WARN", "message": f"child {child.pid}"}})
        child.wait()
    elif step["do"] == "tell":
        modes = {name: oct(Path(path).stat().st_mode & 0o777) for name, path in given.items()}
        told = {
            "modes": modes,
            "variables": sorted(os.environ),
            "seed": config.get("seed"),
            "folder": given["--config"],
        }
        told["sync_modes"] = [one["sync_mode"] for one in read(given["--catalog"])["streams"]]
        Path(config["told"]).write_text(json.dumps(told))


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
