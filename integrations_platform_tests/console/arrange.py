"""A console over real HTTP, in a thread of this process, on the small company of the command line's stories."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from integrations_platform.console.opening import console_parts, open_console
from integrations_platform.console.page import Console
from integrations_platform.console.rendering import PATH
from integrations_platform.platform import Platform
from integrations_platform.serving import application, listen, server
from integrations_platform.settings import load_settings
from integrations_platform_tests.cli.conftest import ENVIRONMENT, Company

OPERATOR, VIEWER = "ana-" + "a" * 20, "vic-" + "v" * 20
TOKENS = {"CONSOLE_TOKENS": f"Ana Lima:operator:{OPERATOR}, Vic:viewer:{VIEWER}"}


@dataclass
class Shown:
    """A running console. ``url``: where its pages begin."""

    url: str
    company: Company
    console: Console

    def caller(self) -> httpx.Client:
        """Somebody with cookies of their own, not signed in."""
        return httpx.Client(headers={"origin": self.url.removesuffix(PATH)}, timeout=30)

    def signed_in(self, token: str = OPERATOR) -> httpx.Client:
        """Somebody who signed in."""
        caller = self.caller()
        answer = self.send(caller, "/sign-in", page="/sign-in", token=token)
        assert answer.status_code == 303, answer.text
        return caller

    def send(self, caller: httpx.Client, path: str, *, page: str = "/", **fields: str | list[str]) -> httpx.Response:
        """Send a form, with the proof that ``page`` has for whoever calls."""
        return caller.post(self.url + path, data={"proof": self.proof(caller, page)} | fields)

    def ended(self, caller: httpx.Client, answer: httpx.Response) -> httpx.Response:
        """The page to which what was begun leads once it is over."""
        assert answer.status_code == 303, answer.text
        page = caller.get(self.url.removesuffix(PATH) + answer.headers["location"], follow_redirects=True)
        while "data-poll" in page.text:
            page = caller.get(str(page.url), follow_redirects=True)
        return page

    def proof(self, caller: httpx.Client, page: str = "/") -> str:
        """What the forms of a page prove themselves with."""
        found = re.search(r'name="proof" value="([0-9a-f]+)"', caller.get(self.url + page).text)
        return found[1] if found else ""


@contextmanager
def shown(company: Company, **variables: str) -> Iterator[Shown]:
    """The console of ``company``, with these variables set and no others."""
    settings = load_settings(env_file=company.folder / "env.yaml", environ=variables)
    platform = Platform(settings, folder=company.folder / "syncs")
    console = open_console(platform)
    listener = listen("127.0.0.1", 0)
    running = server(application(console_parts(console), lambda: None))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Shown(f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}", company, console)
    finally:
        running.should_exit = True
        thread.join(20)
        platform.close()


def copy_of(company: Company, folder: Path) -> Company:
    """The same company, its databases and its state, in a folder of its own."""
    found = Company(Path(shutil.copytree(company.folder, folder)))
    found.configure(ENVIRONMENT.format(folder=folder))
    return found
