"""Malformed and ambiguous requests, directly, through nginx and through HAProxy: all read them alike or not at all.

The cases are those of tests/data/requests about heads and framing. The API behind each path is asked for nothing else,
so its log tells every request that reached it. Behind a proxy all share a few kept connections: whatever one case left
behind there would be the next one's answer.
"""

import subprocess
import time
import uuid

import pytest

from lib import cases, http, proxy
from lib.system import System
from lib.wait import wait_until

PATHS = ["direct", "nginx", "haproxy"]
CASES = [name for name in cases.names() if name.startswith(("http-", "wire-"))]
SMUGGLED = "smuggled"
# What proxies answer by themselves to what they do not understand, beside any 4xx.
NOT_DONE = (501, 505)


def is_in_our_form(path, response):
    """Whoever refuses does it as docs/problems.md says; but HAProxy has a page of its own for what it cannot parse."""
    return (response.status < 400 or response.header("Content-Type") == "application/problem+json"
            or path == "haproxy" and response.status in (400, 422) and response.body.startswith(b"<html>"))


class Road:
    """An API and what stands in front of it."""

    def __init__(self, folder, name):
        self.name = name
        self.system = System(folder)
        self.system.migrate().start_api(PREORDER_REQUEST_DEADLINE="2s", PREORDER_WRITE_TIMEOUT="1s")
        self.tls = None if name == "direct" else proxy.client_context()
        self.proxy = None if name == "direct" else proxy.start(self.system, name)
        self.address = self.system.api.address if self.proxy is None else self.proxy.address
        self.log = open(self.system.api.stderr_path, encoding="utf-8")
        self.half_line = ""

    def connect(self):
        return http.Connection(self.address, tls=self.tls)

    def requests(self):
        """What the API has logged as requests since the last look."""
        *lines, self.half_line = (self.half_line + self.log.read()).split("\n")
        return [line for line in lines if '"msg":"request"' in line]

    def requests_until(self, request_id):
        """The same, up to and with that one."""
        found = []

        def look():
            found.extend(self.requests())
            return any(request_id in line for line in found)
        wait_until(look, 10.0, lambda: f"request {request_id} in the log; there is {found[-5:]}")
        return found

    def close(self):
        self.log.close()
        return self.system.close()


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = Road(tmp_path_factory.mktemp(name), name)
        return made[name]
    yield get
    complaints = [complaint for road in made.values() for complaint in road.close()]
    assert not complaints, "\n".join(complaints)


def probe(request_id, *, closes=True):
    headers = {"X-Request-Id": request_id, **({"Connection": "close"} if closes else {})}
    return http.render("GET", f"/pre-order/{uuid.uuid4()}", headers)


def is_answer_to(response, request_id):
    return response is not None and response.status in (400, 404) and response.header("X-Request-Id") == request_id


def answers(road, case, request_id):
    """All that comes back for a case with a probe behind it on the same connection."""
    found = []
    with road.connect() as connection:
        connection.send(cases.wire(case))
        if case.get("then") == "end" and road.tls is None:
            connection.end()
        else:
            connection.send(probe(request_id))
        try:
            # A probe that was swallowed as a body is waited for in vain until somebody's deadline.
            response = connection.read(case.get("method", "POST"))
            while response is not None:
                found.append(response)
                response = connection.read("GET")
        except TimeoutError:
            found.append(None)
        except AssertionError:
            # HTTP/0.9 has no head, and HTTP/2 has frames.
            assert case["expect"].get("other_version") and road.tls is not None, connection.received
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("path", PATHS)
def test_no_request_is_seen_that_was_not_sent(roads, path, name):
    road, case = roads(path), cases.load(name)
    expected = case["expect"].get("requests", 1)
    if case.get("then") == "end" and road.tls is not None:
        expected += 1  # the end is not passed on: the probe makes up for what is missing, and its rest is a request
    road.requests()
    own = f"own-{uuid.uuid4().hex}"
    found = answers(road, case, own)
    assert None not in found, "neither answered nor closed"

    # Whoever comes next, on the connections that the proxy keeps, gets his own answer.
    others = [f"next-{uuid.uuid4().hex}" for _ in range(2)]
    for other in others:
        with road.connect() as connection:
            connection.send(probe(other))
            response = connection.read("GET")
            assert is_answer_to(response, other), f"another's answer: {response}"

    for response in found:
        assert response.header("X-Request-Id") != SMUGGLED, response
        assert response.status < 500 or response.status in NOT_DONE, response
        assert is_in_our_form(path, response), response
    is_own_answered = found and is_answer_to(found[-1], own)
    assert len(found) <= expected + (1 if is_own_answered else 0), found
    assert sum(response.header("X-Request-Id") == own for response in found) <= 1, found

    logged = road.requests_until(others[-1])
    assert not [line for line in logged if SMUGGLED in line], logged
    probes = [line for line in logged if any(each in line for each in (own, *others))]
    assert len(logged) - len(probes) <= expected, logged
    assert len(probes) <= 3, logged


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_is_ours_and_closes(roads, name):
    """Sent directly, a head that is not right gets a problem of ours, or the connection is closed."""
    road, case = roads("direct"), cases.load(name)
    with road.connect() as connection:
        connection.send(cases.wire(case))
        if case.get("then") == "end":
            connection.end()
        response = connection.read(case.get("method", "POST"))
        if response is None:
            assert case["expect"].get("closed"), "closed without an answer"
            return
        if response.status >= 400 and case.get("method") != "HEAD":
            cases.check_problem(response, case["expect"])
        refused_by_head = response.status in (400, 408, 411, 413, 414, 417, 431, 501, 505)
        if refused_by_head and response.header("Connection") == "close":
            assert connection.is_closed()


@pytest.mark.parametrize("path", ["nginx", "haproxy"])
def test_what_a_client_says_about_itself_is_overwritten(roads, path):
    """The API sees the proxy's word for the client's address, and the client's id if it is well-formed."""
    road = roads(path)
    with road.connect() as connection:
        response = connection.ask("GET", f"/pre-order/{uuid.uuid4()}", {"X-Request-Id": "mine.1_a-Z"})
        assert response.header("X-Request-Id") == "mine.1_a-Z"
        for bad in ("not mine", "x" * 129, "ä"):
            response = connection.ask("GET", f"/pre-order/{uuid.uuid4()}", {"X-Request-Id": bad})
            assert response.header("X-Request-Id") not in (bad, None), response


@pytest.mark.parametrize("path", ["nginx", "haproxy"])
def test_a_proxy_keeps_its_connections_to_the_api(roads, path):
    """One pool: many clients, few connections; and a create passes unchanged."""
    road = roads(path)
    before = open_connections(road)
    for _ in range(20):
        with road.connect() as connection:
            response = connection.ask("POST", "/pre-order", None, {
                "email": "ada@klaviyo-demo.com", "price_id": "price_lamp_black", "color": "black"})
            assert response.status == 201, response
            assert response.header("Location").startswith("/pre-order/")
    assert open_connections(road) - before <= 2


def open_connections(road):
    """Descriptors of the API that are sockets, its connections among them."""
    folder = f"/proc/{road.system.api.pid}/fd"
    done = subprocess.run(["ls", "-l", folder], capture_output=True, text=True, check=True)
    return done.stdout.count("socket:")


@pytest.mark.parametrize("path", ["nginx", "haproxy"])
def test_plain_http_is_sent_to_tls(roads, path):
    road = roads(path)
    response = http.ask(road.proxy.plain_address, "GET", "/pre-order/x")
    assert response.status == 301 and response.header("Location").startswith("https://"), response


@pytest.mark.parametrize("path", ["nginx", "haproxy"])
def test_a_slow_client_never_reaches_the_api(roads, path):
    """The proxy takes whole requests only: half a body costs the API nothing."""
    road = roads(path)
    road.requests()
    with road.connect() as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        b"X-Request-Id: slow\r\nContent-Length: 78\r\n\r\n{")
        start = time.monotonic()
        response = connection.read()
        assert response is None or response.status == 408, response
        assert time.monotonic() - start < 15.0
    other = f"next-{uuid.uuid4().hex}"
    with road.connect() as connection:
        connection.send(probe(other))
        assert is_answer_to(connection.read("GET"), other)
    assert not [line for line in road.requests_until(other) if '"slow"' in line]


@pytest.mark.parametrize("path", ["nginx", "haproxy"])
def test_an_api_that_is_away_is_told_whatever_the_size_of_the_body(tmp_path, path):
    """Not as a body that is too large: Stripe's events may be larger than a create."""
    road = Road(tmp_path, path)
    road.system.api.stop()
    with road.connect() as connection:
        response = connection.ask("POST", "/webhooks/stripe", None, {"padding": "x" * 200_000})
        assert response.status == 503 and response.header("Retry-After") == "1", response
        assert response.header("Content-Type") == "application/problem+json"
    assert not road.close()


def test_nginx_takes_the_configuration(tmp_path):
    path = proxy.nginx_files(tmp_path, "127.0.0.1:8080", 8443, 8000)
    done = subprocess.run([proxy.NGINX, "-t", "-p", tmp_path, "-e", "stderr", "-c", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "warn" not in done.stderr, done.stderr


def test_haproxy_takes_the_configuration(tmp_path):
    path = proxy.haproxy_file(tmp_path, "127.0.0.1:8080", 8443, 8000, "127.0.0.1:8081")
    done = subprocess.run([proxy.HAPROXY, "-c", "-f", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "warn" not in (done.stdout + done.stderr).lower(), done.stderr
