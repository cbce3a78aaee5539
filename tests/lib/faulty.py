"""A proxy in front of the API that breaks what the test says, request by request."""

import socket
import threading
import time
from dataclasses import dataclass, field

from lib import http

PASS = "pass"
DROP = "drop"            # the request never arrives
LOSE = "lose"            # the API answers, the client never hears of it
CUT = "cut"              # the client hears half of it
STALL = "stall"          # nothing comes back until the client gives up


def answer(status, headers=None, body=b""):
    """A play: this answer, made up, instead of the API's."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Seen:
    """A request that reached the proxy."""
    at_s: float
    key: str
    body: bytes


@dataclass
class Faulty:
    """Plays one play for each request, PASS when there is none left. Use as a context."""
    upstream: str
    plays: list
    seen: list = field(default_factory=list)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(http.ANSWER_S)
                self._serve(client)

    @staticmethod
    def _read(stream):
        """A whole message, b"" if the other side closed instead."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                return b""
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length")), 0)
        while len(body) < length:
            body += stream.recv(65536)
        return head + b"\r\n\r\n" + body

    def _serve(self, client):
        request = self._read(client)
        if not request:
            return
        head, body = request.split(b"\r\n\r\n", 1)
        _, headers = http.parse_head(b"- 0 -\r\n" + head.split(b"\r\n", 1)[1])
        fields = {name.lower(): value for name, value in headers}
        self.seen.append(Seen(time.time(), fields.get("idempotency-key"), body))
        play = self.plays.pop(0) if self.plays else PASS
        if play == STALL:
            client.recv(1)
        elif play != DROP:
            client.sendall(play if isinstance(play, bytes) else self._forward(request, play))

    def _forward(self, request, play):
        head, body = request.split(b"\r\n\r\n", 1)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        try:
            with http.connect(self.upstream) as stream:
                stream.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
                reply = self._read(stream)
        except ConnectionError:  # the API is gone
            return b""
        return {PASS: reply, LOSE: b"", CUT: reply[:-20]}[play]
