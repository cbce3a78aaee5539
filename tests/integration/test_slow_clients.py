"""Who sends or reads slowly is cut, whatever he is slow in; the torture proof `slow` has the crowd and the figures."""

import socket

import pytest

from lib import http
from lib.wait import wait_until

HEAD = b"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n"


class Slow:
    """A client that does a little at each look, and notices when it was cut."""

    def __init__(self, address, begins, drip, room=None):
        host, port = address.rsplit(":", 1)
        self.stream = socket.socket()
        if room is not None:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.stream.connect((host, int(port)))
        self.stream.sendall(begins)
        self.stream.setblocking(False)
        self.drip, self.room = drip, room

    def is_cut(self):
        if self.room is not None:
            # What lies in our own buffer can be read after the cut, too.
            return self.stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        try:
            if self.drip:
                self.stream.send(self.drip)
            return self.stream.recv(1) == b"" and not self.drip
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True


SLOW = {
    "a head": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n", None),
    "a request line": (b"GET /", b"a", None),
    "a body": (HEAD + b"\r\n", b"x", None),
    "nothing": (b"", b"", None),
    "reading": (b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8, b"", 2048),
}


@pytest.mark.parametrize("what", SLOW)
def test_a_slow_client_is_cut_and_a_good_one_served(system, what):
    system.migrate().start_api(PREORDER_REQUEST_DEADLINE="1s", PREORDER_WRITE_TIMEOUT="500ms")
    clients = [Slow(system.api.address, *SLOW[what]) for _ in range(30)]
    left = set(clients)

    def all_are_cut():
        system.created()
        left.difference_update({client for client in left if client.is_cut()})
        return not left
    wait_until(all_are_cut, 15.0, lambda: f"{len(left)} are still there")
    for client in clients:
        client.stream.close()
    assert http.ask(system.api.address, "GET", "/openapi.json").status == 200
