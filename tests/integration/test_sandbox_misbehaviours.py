"""klaviyo-sandbox as a Klaviyo that goes wrong: each of the forty misbehaviours on the wire."""

import calendar
import json
import re
import socket
import ssl
import struct
import time
import zlib

import pytest

from lib.http import Response, connect
from lib.klaviyo import BULK, NO_LIMIT, Wire, bulk, errors, event, post, request, self_signed
from lib.system import ROOT
from lib.wait import PATIENCE, wait_until

# ---- Misbehaviours ----

CHECKS = {}


def checks(name, **manner):
    """Registers the check of a misbehaviour: called with the system after it was started with that rule."""
    def register(check):
        assert name not in CHECKS
        CHECKS[name] = (check, manner)
        return check
    return register


def check_dropped(system, request_id):
    """A request that nobody will answer has its line, too."""
    line = system.sandbox.wait_log("request dropped", matches=lambda entry: entry["request_id"] == request_id)
    assert line["path"] == "/api/events"


def reply(system):
    response = post(system)
    assert isinstance(response, Response)
    return response


def check_json(status):
    def check(system):
        response = reply(system)
        assert response.status == status
        return errors(response)[0]
    return check


def check_html(status):
    def check(system):
        response = reply(system)
        assert response.status == status
        assert response.header("Content-Type").startswith("text/html")
        assert response.body.startswith(b"<!DOCTYPE html>")
    return check


def check_429(retry_after):
    def check(system):
        response = reply(system)
        assert response.status == 429
        assert response.header("Retry-After") == retry_after
        assert errors(response)[0]["code"] == "throttled"
    return check


for _name, _check in {"401": check_json(401), "403-json": check_json(403), "410": check_json(410),
                      "500": check_json(500), "502-html": check_html(502), "520-cloudflare-html": check_html(520),
                      "429-no-retry-after": check_429(None), "429-negative": check_429("-1"),
                      "429-absurd": check_429("1000000000"), "429-garbage": check_429("NaN")}.items():
    checks(_name)(_check)


@checks("status", status=418, headers={"X-Tea": "green", "Content-Type": "text/tea"}, body="pot", retry_after=9)
def check_status(system):
    response = reply(system)
    assert (response.status, response.body) == (418, b"pot")
    assert (response.header("X-Tea"), response.header("Content-Type")) == ("green", "text/tea")
    assert response.header("Retry-After") == "9"


@checks("403-html")
def check_403_html(system):
    response = reply(system)
    assert (response.status, response.header("cf-mitigated")) == (403, "challenge")
    assert b"<html>" in response.body


@checks("429-date", retry_after=30)
def check_429_date(system):
    response = reply(system)
    assert response.status == 429
    at = time.strptime(response.header("Retry-After"), "%a, %d %b %Y %H:%M:%S GMT")
    assert 25 < calendar.timegm(at) - time.time() < 35


@checks("503-retry-after", retry_after=3)
def check_503(system):
    response = reply(system)
    assert (response.status, response.header("Retry-After")) == (503, "3")


@checks("redirect", location="/elsewhere")
def check_redirect(system):
    response = reply(system)
    assert (response.status, response.header("Location")) == (302, "/elsewhere")


@checks("redirect-to-link-local")
def check_link_local(system):
    response = reply(system)
    assert response.status == 307
    assert response.header("Location").startswith("http://169.254.169.254/")


@checks("accept-then-reset")
def check_accept_then_reset(system):
    assert Wire(system.sandbox.address).send().end() == (b"", "reset")


@checks("accept-then-silence")
def check_silence(system):
    wire = Wire(system.sandbox.address).send()
    wait_until(system.ledger, what="the event is accepted")
    assert wire.is_silent()
    wire.close()


@checks("close-without-answer")
def check_close(system):
    assert Wire(system.sandbox.address).send().end() == (b"", "closed")


@checks("delay-head", delay_ms=300, status=200)
def check_delay_head(system):
    begin = time.monotonic()
    wire = Wire(system.sandbox.address).send()
    wire.until(b"\r\n\r\n")
    assert wire.got.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - begin >= 0.3


@checks("delay-body", delay_ms=300)
def check_delay_body(system):
    wire = Wire(system.sandbox.address).send()
    wire.until(b"\r\n\r\n")
    begin = time.monotonic()
    assert wire.got.endswith(b"\r\n\r\n"), "the head comes alone"
    wire.until(b"{}")
    assert time.monotonic() - begin >= 0.2


@checks("drip-head", interval_ms=5)
def check_drip_head(system):
    wire = Wire(system.sandbox.address).send()
    pieces = []
    while not wire.got.endswith(b"\r\n\r\n"):
        pieces.append(wire.more())
    assert wire.got.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert len(pieces) > 10 and len(pieces[0]) == 1


@checks("drip-body", interval_ms=5)
def check_drip_body(system):
    wire = Wire(system.sandbox.address).send()
    wire.until(b"\r\n\r\n")
    head_bytes = len(wire.got.split(b"\r\n\r\n")[0]) + 4
    length = int(re.search(rb"Content-Length: (\d+)", wire.got)[1])
    pieces = 0
    while len(wire.got) < head_bytes + length:
        assert wire.more()
        pieces += 1
    assert pieces > 5
    assert json.loads(wire.got[head_bytes:])["note"] == "one byte at a time"


@checks("endless-body")
def check_endless_body(system):
    wire = Wire(system.sandbox.address).send()
    while len(wire.got) < 20_000_000:
        assert wire.more()
    assert b"Transfer-Encoding: chunked" in wire.got[:1000] and b"endless endless" in wire.got[:2000]
    wire.close()


@checks("huge-body", bytes=30_000_000)
def check_huge_body(system):
    response = reply(system)
    assert response.status == 202 and len(response.body) == 30_000_000


@checks("short-body", bytes=500)
def check_short_body(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert b"Content-Length: 500\r\n" in got and got.endswith(b'\r\n\r\n{"data":')
    assert end in ("closed", "reset")


@checks("long-body")
def check_long_body(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert b"Content-Length: 2\r\n\r\n{}and more than was announced" in got and end == "closed"


@checks("garbage-chunks", status=200)
def check_garbage_chunks(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert got.startswith(b"HTTP/1.1 200 OK\r\n") and end == "closed"
    assert b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" in got


@checks("truncated-chunk", headers={"X-A": "b"})
def check_truncated_chunk(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert b"X-A: b\r\n" in got and got.endswith(b"\r\n\r\n40\r\nten bytes.") and end == "closed"


@checks("gzip-bomb")
def check_gzip_bomb(system):
    response = reply(system)
    assert response.status == 202 and response.header("Content-Encoding") == "gzip"
    assert len(response.body) == 6762929
    inflater = zlib.decompressobj(31)
    data, count = response.body, 0
    while data:
        count += len(inflater.decompress(data, 1 << 24))
        data = inflater.unconsumed_tail
    assert inflater.eof and count == 1073741821, "and the checksum in its tail is right"


@checks("status-garbage")
def check_status_garbage(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert got.startswith(b"HTTP/1.1 abc ") and end == "closed"


@checks("http-0.9")
def check_http_0_9(system):
    assert Wire(system.sandbox.address).send().end() == (b"accepted\n", "closed")


@checks("100-continue-forever", interval_ms=2)
def check_continue_forever(system):
    wire = Wire(system.sandbox.address).send()
    line = b"HTTP/1.1 100 Continue\r\n\r\n"
    while wire.got.count(line) < 20:
        assert wire.more()
    assert not wire.got.replace(line, b"").strip(line)
    wire.close()


@checks("two-answers")
def check_two_answers(system):
    wire = Wire(system.sandbox.address).send()
    wire.until(b"HTTP/1.1 500 ").until(b"Content-Length: 0\r\n\r\n")
    assert wire.got.startswith(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 ")
    wire.close()


@checks("keep-alive-then-close")
def check_keep_alive_then_close(system):
    wire = Wire(system.sandbox.address).send()
    wire.until(b"\r\n\r\n")
    assert wire.got.startswith(b"HTTP/1.1 202 ") and b"keep-alive" in wire.got
    assert wire.is_silent(), "it stays open until it is used again"
    wire.got = b""
    assert wire.send(request(event("lost"), **{"X-Request-Id": "lost-1"})).end() == (b"", "closed")
    check_dropped(system, "lost-1")


@checks("reset-after-head")
def check_reset_after_head(system):
    got, end = Wire(system.sandbox.address).send().end()
    assert got == b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n" and end == "reset"


@checks("reset-before-read")
def check_reset_before_read(system):
    wire = Wire(system.sandbox.address)
    head = request().split(b"\r\n\r\n")[0] + b"\r\n\r\n"  # the body never comes
    assert wire.send(head).end() == (b"", "reset")


@checks("half-open")
def check_half_open(system):
    wire = Wire(system.sandbox.address)
    wire.stream.setblocking(False)
    sent = 0
    try:
        while sent < 200_000_000:
            sent += wire.stream.send(b"x" * 65536)
    except BlockingIOError:
        pass
    assert sent < 200_000_000, "nobody reads"
    assert wire.is_silent()
    wire.close()


@checks("tls-handshake-close")
def check_handshake_close(system):
    with pytest.raises((ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)):
        ssl.create_default_context().wrap_socket(connect(system.sandbox.address), server_hostname="localhost")


@checks("tls-old-version")
def check_old_version(system):
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="(?i)unsupported.protocol|version"):
        context.wrap_socket(connect(system.sandbox.address), server_hostname="localhost")


def documented():
    """Name: whether it accepts, as the docs have it."""
    rows = re.findall(r"^\| \d+ \| `([^`]+)` \| (yes|no) \|", (ROOT / "docs" / "sandbox.md").read_text(), re.M)
    return {name: accepts == "yes" for name, accepts in rows}


def test_there_are_forty_misbehaviours_and_each_is_checked():
    assert len(documented()) == 40
    assert set(documented()) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_misbehaviour(system, name):
    check, manner = CHECKS[name]
    process = system.start_sandbox(script=[{"do": name, **manner}])
    check(system)
    assert [line["unique_id"] for line in system.ledger()] == (["u"] if documented()[name] else [])
    process.wait_log("misbehaviour", matches=lambda entry: entry["do"] == name)
    assert post(system, event("next")).status == 202, "the rule is used up and the sandbox lives on"
    assert process.stop() == 0


@pytest.mark.parametrize("name", ["half-open", "tls-handshake-close", "tls-old-version", "two-answers"])
def test_a_request_that_is_never_answered_is_on_record(system, name):
    system.start_sandbox(script=[{"do": name}])
    wire = Wire(system.sandbox.address)
    if name == "two-answers":
        wire.send().until(b"HTTP/1.1 500 ")
    wire.send(request(event("lost"), **{"X-Request-Id": "lost-1"}))
    wire.close()
    check_dropped(system, "lost-1")
    assert len(system.sandbox.log("request dropped")) == 1


# ---- Scripts ----


def test_a_misbehaviour_that_accepts_waits_for_a_request_that_is_accepted(system):
    system.start_sandbox(script=[{"do": "accept-then-reset"}])
    assert post(system, event("")).status == 400
    assert Wire(system.sandbox.address).send().end() == (b"", "reset")
    assert post(system).status == 202
    assert [line["duplicate"] for line in system.ledger()] == [False, True]


def test_accept_turns_a_misbehaviour_round(system):
    system.start_sandbox(script=[{"match": {"nth": 1}, "do": "500", "accept": True},
                                 {"match": {"nth": 2}, "do": "accept-then-reset", "accept": False}])
    assert post(system, event("1")).status == 500
    assert Wire(system.sandbox.address).send(request(event("2"))).end() == (b"", "reset")
    assert [line["unique_id"] for line in system.ledger()] == ["1"]


def test_rules_match_by_number_id_address_and_path(system):
    system.start_sandbox(*NO_LIMIT, script=[
        {"match": {"nth": 2, "times": 2}, "do": "500"},
        {"match": {"unique_id": "bad", "times": 2}, "do": "410"},
        {"match": {"email": "slow-", "times": 0}, "do": "502-html"},
        {"match": {"path": BULK}, "do": "429-date"}])
    asked = [event("1"), event("2"), event("3"), event("4"), event("bad"), event("bad"), event("bad"),
             *[event(str(n), f"slow-{n}@klaviyo-demo.com") for n in range(3)]]
    assert [post(system, body).status for body in asked] == [202, 500, 500, 202, 410, 410, 202, 502, 502, 502]
    assert [post(system, bulk("b"), BULK).status for _ in range(2)] == [429, 202]


def test_an_id_is_found_in_a_bulk_job(system):
    system.start_sandbox(script=[{"match": {"unique_id": "b"}, "do": "status", "status": 413}])
    assert post(system, bulk("a", "b", "c"), BULK).status == 413
    assert post(system, bulk("a", "b", "c"), BULK).status == 202


def test_misbehaviours_do_not_disturb_each_other_or_the_drain(system):
    process = system.start_sandbox(*NO_LIMIT, "--drain-timeout", "60s", script=[
        {"match": {"unique_id": name}, "do": name} for name in
        ("accept-then-silence", "delay-head", "delay-body", "drip-body", "drip-head", "endless-body")])
    wires = [Wire(system.sandbox.address).send(request(event(name))) for name in
             ("accept-then-silence", "delay-head", "delay-body", "drip-body", "drip-head", "endless-body")]
    wait_until(lambda: len(system.ledger()) == 6)
    for number in range(20):
        assert post(system, event(str(number))).status == 202
    begin = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - begin < 4 * PATIENCE, "what goes on is ended, not waited for"
    for wire in wires:
        wire.close()


def test_a_client_that_leaves_ends_its_misbehaviour(system):
    process = system.start_sandbox(script=[{"match": {"times": 0}, "do": "accept-then-silence"}])
    wires = [Wire(system.sandbox.address).send(request(event(str(n)))) for n in range(10)]
    wait_until(lambda: len(system.ledger()) == 10)
    for wire in wires:
        wire.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()
    process.wait_for(lambda: len(process.log("request")) == 10, "ends all ten")


# ---- TLS ----


@pytest.fixture
def tls(system):
    return self_signed(system.folder)


def ask_over_tls(system, context, data):
    with context.wrap_socket(connect(system.sandbox.address), server_hostname="localhost") as stream:
        stream.sendall(data)
        got = b""
        try:
            while True:
                more = stream.recv(65536)
                if not more:
                    return got
                got += more
        except (ssl.SSLEOFError, ConnectionResetError):
            return got


def test_events_are_taken_over_tls(system, tls):
    flags, context = tls
    system.start_sandbox(*flags)
    got = ask_over_tls(system, context, request(Connection="close"))
    assert got.startswith(b"HTTP/1.1 202 ")
    assert len(system.ledger()) == 1


@pytest.mark.parametrize("rule, expected", [
    ({"do": "503-retry-after"}, b"HTTP/1.1 503 "),
    ({"do": "delay-head", "delay_ms": 100}, b"HTTP/1.1 202 "),
    ({"do": "delay-body", "delay_ms": 100}, b"{}"),
    ({"do": "drip-body", "interval_ms": 1}, b"one byte at a time"),
    ({"do": "short-body"}, b'{"data":'),
    ({"do": "huge-body", "bytes": 3_000_000}, b"huge " * 600_000),
    ({"do": "accept-then-silence", "delay_ms": 100}, b""),
], ids=lambda value: value["do"] if isinstance(value, dict) else "")
def test_misbehaviour_over_tls(system, tls, rule, expected):
    flags, context = tls
    system.start_sandbox(*flags, script=[rule])
    assert expected in ask_over_tls(system, context, request(Connection="close"))
    assert ask_over_tls(system, context, request(event("next"), Connection="close")).startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("name", ["half-open", "tls-handshake-close", "tls-old-version"])
def test_handshakes_fail_over_tls(system, tls, name):
    flags, context = tls
    system.start_sandbox(*flags, script=[{"do": name}])
    if name == "half-open":
        stream = connect(system.sandbox.address, 0.3)
        with pytest.raises((ssl.SSLError, socket.timeout)):
            context.wrap_socket(stream, server_hostname="localhost")
    else:
        CHECKS[name][0](system)
    assert ask_over_tls(system, context, request(Connection="close")).startswith(b"HTTP/1.1 202 ")




@pytest.mark.parametrize("data, expected", [
    (b"GET\r\n\r\n", b""),  # no target
    (b"garbage\r\n\r\n", b""),
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),  # no Host
    (b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/1.1 431 "),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX:\r\nConnection: close\r\n\r\n", b"HTTP/1.1 401 "),
], ids=["no-target", "garbage", "no-host", "length", "many-headers", "long-header", "empty-header"])
def test_heads_are_judged_over_tls(system, tls, data, expected):
    flags, context = tls
    system.start_sandbox(*flags)
    assert ask_over_tls(system, context, data).startswith(expected)
    assert ask_over_tls(system, context, request(Connection="close")).startswith(b"HTTP/1.1 202 ")
