"""Which pages may call: every answer says so, also those that no handler gave."""

import pytest

from lib import gate, http
from lib.system import API, System, preorder

ORIGIN = "https://shop.example"
OTHER = "https://evil.example"
ALLOW, EXPOSE, VARY = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"
EXPOSED = "Location, X-Request-Id, Idempotent-Replayed, Retry-After, RateLimit, RateLimit-Policy"
CREATE = http.render("POST", "/pre-order", {"Origin": ORIGIN}, preorder())


def request(method, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.render(method, path, {"Origin": ORIGIN, **named}, body)


HEAD = f"POST /pre-order HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\nContent-Type: application/json\r\n".encode()
ANSWERS = {
    "201": CREATE,
    "200": request("GET", "/openapi.json"),
    "204": request("OPTIONS", "/pre-order"),
    "400": request("POST", "/pre-order", "{"),
    "400 head": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "404": request("GET", "/nothing"),
    "404 preorder": request("GET", "/pre-order/0190c0de-0000-7000-8000-000000000000"),
    "405": request("DELETE", "/pre-order"),
    "411": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "413": HEAD + b"Content-Length: 99999\r\n\r\n",
    "415": request("POST", "/pre-order", "x", Content_Type="text/plain"),
    "415 encoding": request("POST", "/pre-order", "x", Content_Encoding="gzip"),
    "422": request("POST", "/pre-order", {}),
    "431": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(70)) + b"\r\n",
    "501": request("FROB", "/pre-order"),
    "501 coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
}


def answer(address, data, method="POST"):
    with http.Connection(address) as connection:
        connection.send(data)
        return connection.read(method)


def check_seen(response, origin=ORIGIN):
    """The page may read this answer."""
    assert response.header(ALLOW) == origin, response
    assert response.header(EXPOSE) == EXPOSED, response
    assert "Origin" in response.header(VARY), response
    assert response.header("Access-Control-Allow-Credentials") is None


@pytest.fixture(name="address", scope="module")
def one_api_for_all(tmp_path_factory):
    system = System(tmp_path_factory.mktemp("cors"))
    system.migrate().start_api(PREORDER_ALLOWED_ORIGINS=f"http://localhost:3000,{ORIGIN}")
    yield system.api.address
    assert not system.close()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_page_of_an_allowed_origin_sees_every_answer(address, name):
    response = answer(address, ANSWERS[name])
    assert str(response.status) == name.split()[0], response
    check_seen(response)


@pytest.mark.parametrize("name", ANSWERS)
def test_no_other_page_sees_any(address, name):
    response = answer(address, ANSWERS[name].replace(ORIGIN.encode(), OTHER.encode()))
    assert str(response.status) == name.split()[0], response
    assert response.header(ALLOW) is None and response.header(EXPOSE) is None
    assert "Origin" in response.header(VARY)


def test_a_preflight_learns_what_may_be_sent(address):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}
    for origin in (ORIGIN, "http://localhost:3000"):
        response = http.ask(address, "OPTIONS", "/pre-order", {"Origin": origin, **asked})
        assert response.status == 204
        assert response.header(ALLOW) == origin
        assert response.header("Access-Control-Allow-Methods") == "POST, GET"
        assert response.header("Access-Control-Allow-Headers") == \
            "content-type, idempotency-key, traceparent, tracestate, x-request-id"
        assert response.header("Access-Control-Max-Age") == "7200"
        assert response.header("Vary") == "Origin"
    refused = http.ask(address, "OPTIONS", "/pre-order", {"Origin": OTHER, **asked})
    assert refused.status == 204
    assert [name for name, _ in refused.headers if name.startswith("Access-Control")] == []


def test_a_webhook_is_for_no_page(address):
    for method, body in (("POST", "{}"), ("OPTIONS", None), ("GET", None)):
        response = http.ask(address, method, "/webhooks/stripe", {"Origin": ORIGIN}, body)
        assert [name for name, _ in response.headers if name.startswith("Access-Control") or name == VARY] == []


def test_without_origins_nothing_is_said(system):
    system.migrate().start_api()
    response = answer(system.api.address, CREATE)
    assert response.status == 201
    assert [name for name, _ in response.headers if name.startswith("Access-Control") or name == VARY] == []


def test_the_limits_answers_are_seen_too(system):
    """429, 503 of the database and 408: none of them comes from a handler that knows the request's origin."""
    system.migrate().start_api(PREORDER_ALLOWED_ORIGINS=ORIGIN, PREORDER_RATE_LIMIT="3/m",
                               PREORDER_WRITE_TIMEOUT="100ms", PREORDER_REQUEST_DEADLINE="500ms")
    with http.Connection(system.api.address) as slow:
        slow.send(HEAD + b"Content-Length: 20\r\n\r\n{")
        response = slow.read()
        assert response.status == 408
        check_seen(response)
    assert answer(system.api.address, CREATE).status == 201
    assert answer(system.api.address, CREATE).status == 201
    response = answer(system.api.address, CREATE)
    assert response.status == 429
    check_seen(response)


def test_the_databases_503_is_seen_too(system):
    system.migrate().start_api(PREORDER_ALLOWED_ORIGINS=ORIGIN, PREORDER_WRITE_TIMEOUT="100ms")
    with gate.held(system.database):
        response = answer(system.api.address, CREATE)
    assert response.status == 503 and response.header("Retry-After") == "1"
    check_seen(response)


@pytest.mark.parametrize("origins", ["*", "https://shop.example/", "shop.example", "null",
                                     "https://Shop.example", "https://shop.example:443"])
def test_a_wrong_origin_stops_the_start(system, origins):
    done = system.run(API, PREORDER_ALLOWED_ORIGINS=origins)
    assert done.returncode == 2
    assert "PREORDER_ALLOWED_ORIGINS" in done.stderr and "is no origin" in done.stderr
