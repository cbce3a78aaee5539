"""Requests as Klaviyo takes them, and a connection on which every byte is seen."""

import socket
import ssl
import subprocess

from lib.http import ANSWER_S, Connection, connect, render
from lib.wait import PATIENCE

HEADERS = {"Authorization": "Klaviyo-API-Key pk_test", "revision": "2026-07-15",
           "Content-Type": "application/vnd.api+json"}
EVENTS = "/api/events"
BULK = "/api/event-bulk-create-jobs"
NO_LIMIT = ("--burst", "1000000", "--steady", "1000000")


def event(unique_id="u", email="ada@klaviyo-demo.com", metric="Preorder Started", **attributes):
    return {"data": {"type": "event", "attributes": {
        "properties": {"color": "black"},
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
        "unique_id": unique_id, **attributes}}}


def bulk(*unique_ids, email="ada@klaviyo-demo.com"):
    entries = []
    for unique_id in unique_ids:
        entry = event(unique_id)["data"]
        del entry["attributes"]["profile"]
        entries.append(entry)
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [
        {"type": "event-bulk-create", "attributes": {
            "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
            "events": {"data": entries}}}]}}}}


def request(body=None, path=EVENTS, **headers):
    return render("POST", path, {**HEADERS, **headers}, event() if body is None else body)


def post(system, body=None, path=EVENTS, **headers):
    with Connection(system.sandbox.address) as connection:
        return connection.ask("POST", path, {**HEADERS, "Connection": "close", **headers},
                              event() if body is None else body)


def errors(response):
    assert response.header("Content-Type") == "application/vnd.api+json"
    found = response.json()["errors"]
    for each in found:
        assert {"id", "status", "code", "title", "detail", "source"} <= set(each)
        assert each["status"] == response.status
    return found


class Wire:
    """A connection on which every byte is seen, and how it ends."""

    def __init__(self, address, timeout_s=ANSWER_S):
        self.stream = connect(address, timeout_s)
        self.got = b""

    def send(self, data=None):
        self.stream.sendall(request() if data is None else data)
        return self

    def more(self):
        """The next bytes; b"" when the other side closed; None when it reset the connection."""
        try:
            data = self.stream.recv(65536)
        except ConnectionResetError:
            return None
        self.got += data
        return data

    def until(self, part):
        while part not in self.got:
            assert self.more(), f"no {part!r} in {self.got[:500]!r}"
        return self

    def end(self):
        """Everything that came, and how it ended."""
        while True:
            data = self.more()
            if not data:
                return self.got, "reset" if data is None else "closed"

    def is_silent(self):
        """Nothing has come, and nothing comes for a moment."""
        self.stream.settimeout(0.2)
        try:
            return self.stream.recv(1) is None
        except socket.timeout:
            return True
        finally:
            self.stream.settimeout(ANSWER_S * PATIENCE)

    def close(self):
        self.stream.close()


def self_signed(folder):
    """Flags for a sandbox with a certificate of its own, and a context that trusts it."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return ("--tls-cert", cert, "--tls-key", key), ssl.create_default_context(cafile=cert)
