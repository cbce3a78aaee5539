"""HTTP/1.1 by hand on raw sockets, so that a test can send what no client library would."""

import json
import socket
import ssl

from lib.wait import PATIENCE

ANSWER_S = 15.0

# Called with the method and the Response of each exchange, if anybody wants to see them all.
watchers = []


class Response:
    """One answer: status, headers in their order, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"

    def header(self, name):
        """The value of the only header of that name, None if there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands {len(values)} times in {self!r}"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


def connect(address, timeout_s=ANSWER_S):
    """A stream to "HOST:PORT" or "unix:PATH"."""
    if address.startswith("unix:"):
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(timeout_s * PATIENCE)
        stream.connect(address[len("unix:"):])
        return stream
    host, port = address.rsplit(":", 1)
    stream = socket.create_connection((host.strip("[]"), int(port)), timeout_s * PATIENCE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def parse_head(head):
    """Status and headers of an answer's head."""
    lines = head.decode("latin-1").split("\r\n")
    return int(lines[0].split(" ")[1]), [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]


def seen(method, response):
    for watch in watchers:
        watch(method, response)
    return response


class Connection:
    """A connection that can carry several requests."""

    def __init__(self, address, timeout_s=ANSWER_S, tls=None):
        """`tls`: an ssl.SSLContext, for an address behind a proxy."""
        self.stream = connect(address, timeout_s)
        if tls is not None:
            self.stream = tls.wrap_socket(self.stream, server_hostname="shop.example")
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()

    def send(self, data):
        """Sends all that the other side still takes."""
        try:
            self.stream.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def end(self):
        """Says that nothing more comes from our side."""
        self.stream.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            data = self.stream.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        self.received += data
        return bool(data)

    def read(self, method="POST"):
        """The next answer, or None if the connection closed before one began."""
        while b"\r\n\r\n" not in self.received:
            if not self._more():
                assert not self.received.strip(), f"half an answer: {self.received!r}"
                return None
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        status, headers = parse_head(head)
        if status == 100:
            return self.read(method)
        return seen(method, self._read_body(method, Response(status, headers, b"")))

    def _read_body(self, method, response):
        if method == "HEAD" or response.status in (204, 304):
            return response
        length = response.header("Content-Length")
        if length is None:
            while self._more():
                pass
            response.body, self.received = self.received, b""
            return response
        while len(self.received) < int(length):
            assert self._more(), f"the body ends early: {self.received!r}"
        response.body = self.received[:int(length)]
        self.received = self.received[int(length):]
        return response

    def is_closed(self):
        """True once the other side has closed; waits for it as long as the timeout lasts."""
        return not self.received and not self._more()

    def is_taken(self):
        """True once the server's program has read all that we sent (loopback, IPv4)."""
        us, port = (self.stream.getsockname()[1], self.stream.getpeername()[1])
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table:
                _, local, remote, _, queues, *_ = line.split()
                if local.endswith(f":{port:04X}") and remote.endswith(f":{us:04X}"):
                    return queues.endswith(":00000000")
        return False

    def ask(self, method, path, headers=None, body=None):
        self.send(render(method, path, headers, body))
        return self.read(method)


def render(method, path, headers=None, body=None, host="localhost"):
    """The bytes of a request. A header with the value None is left out."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode()
    fields = {"host": ("Host", host)}
    if body is not None:
        fields["content-type"] = ("Content-Type", "application/json")
        fields["content-length"] = ("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        fields[name.lower()] = (name, value)
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.values() if value is not None]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def ask(address, method, path, headers=None, body=None):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        response = connection.ask(method, path, {"Connection": "close", **(headers or {})}, body)
    assert response is not None, f"{method} {path}: closed without an answer"
    return response
