"""The network's troubles are what they claim to be: seen at both ends of plain sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from integrations_platform_tests.end_to_end.proxy import Proxy, Trouble

SOON, AT_ONCE = 5.0, 0.1  # seconds: what must come, and what must not


class Wire:
    """A client and a server with the proxy between them."""

    def __init__(self, proxy: Proxy, listener: socket.socket) -> None:
        self.proxy = proxy
        self.client = socket.create_connection(("127.0.0.1", proxy.port), SOON)
        self.server, _ = listener.accept()
        self.server.settimeout(SOON)

    def silent(self, end: socket.socket) -> bool:
        """Whether nothing comes."""
        end.settimeout(AT_ONCE)
        try:
            end.recv(1)
        except TimeoutError:
            return True
        finally:
            end.settimeout(SOON)
        return False


@pytest.fixture
def wire() -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SOON)
        with Proxy("127.0.0.1", listener.getsockname()[1]) as proxy:
            wire = Wire(proxy, listener)
            yield wire
            wire.client.close()
            wire.server.close()


def exactly(end: socket.socket, count: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < count:
        data += end.recv(count - len(data))
    return data


def test_everything_passes_and_is_counted(wire: Wire) -> None:
    wire.client.sendall(b"x" * 1_000_000)
    assert exactly(wire.server, 1_000_000) == b"x" * 1_000_000
    wire.server.sendall(b"yes")
    assert exactly(wire.client, 3) == b"yes"
    assert wire.proxy.passed == {"to_server": 1_000_000, "to_client": 3}
    wire.client.close()
    assert wire.server.recv(1) == b""


def test_a_black_hole_swallows_from_its_byte_on_and_says_nothing_until_it_is_mended(wire: Wire) -> None:
    wire.proxy.arm(Trouble("blackhole", "to_server", 3))
    wire.client.sendall(b"hello")
    assert exactly(wire.server, 3) == b"hel"
    wire.client.close()
    assert wire.silent(wire.server), "nor is the hanging up heard of"
    wire.proxy.heal()
    with pytest.raises(ConnectionResetError):
        wire.server.recv(1)


def test_bytes_that_are_late_come_in_their_order(wire: Wire) -> None:
    wire.proxy.arm(Trouble("delay", "to_client", 2, seconds=2 * AT_ONCE))
    wire.server.sendall(b"late")
    assert wire.silent(wire.client)
    wire.server.sendall(b" but there")
    assert exactly(wire.client, 14) == b"late but there"


def test_a_reset_is_one_at_both_ends(wire: Wire) -> None:
    wire.proxy.arm(Trouble("reset", "to_server", 1))
    wire.client.sendall(b"ab")
    for end in (wire.client, wire.server):
        with pytest.raises(ConnectionResetError):
            exactly(end, 2)


def test_a_half_closed_connection_still_goes_the_other_way(wire: Wire) -> None:
    wire.proxy.arm(Trouble("half_close", "to_client", 2))
    wire.server.sendall(b"yes and no")
    assert exactly(wire.client, 2) == b"ye"
    assert wire.client.recv(1) == b""
    wire.client.sendall(b"still here")
    assert exactly(wire.server, 10) == b"still here"
