"""Bad input, and odd input that is right: every case of tests/data/requests.

Each gets its documented answer; a refused one stores nothing; the next request on a fresh connection works.
"""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from lib import cases, http
from lib.page import read_page
from lib.wait import wait_until


def counts(api):
    return {table: api.value(f"SELECT count(*) FROM {table}")
            for table in ("preorders", "outbox", "idempotency_keys")}


def answer(api, case):
    with http.Connection(api.api.address) as connection:
        connection.send(cases.wire(case))
        if case.get("then") == "end":
            connection.end()
        return connection.read(case.get("method", "POST"))


def preorder_id(response):
    """Of an accepted one: in the JSON, or in the payment URL that a browser is sent to."""
    if response.status == 303:
        read_page(response)
        return parse_qs(urlsplit(response.header("Location")).query)["client_reference_id"][0]
    return response.json()["id"]


@pytest.mark.parametrize("name", cases.names())
def test_a_request_gets_its_documented_answer(shared_api, name):
    case = cases.load(name)
    expect = case["expect"]
    before = counts(shared_api)
    response = answer(shared_api, case)
    if response is None:
        assert expect.get("closed"), "closed without an answer"
    else:
        assert response.status in cases.statuses(expect), f"{case['title']}: {response}"
        cases.check_headers(response, expect.get("headers"))
        if response.status >= 400 and case.get("method") != "HEAD":
            cases.check_refusal(response, expect)
    accepted = response is not None and response.status in (201, 303)
    grown = {table: count - before[table] for table, count in counts(shared_api).items()}
    assert (grown["preorders"], grown["outbox"]) == ((1, 1) if accepted else (0, 0)), grown
    if not accepted:
        assert grown["idempotency_keys"] == 0, grown
    if "stored_email" in expect:
        stored = shared_api.rows("SELECT email FROM preorders WHERE id = ?", preorder_id(response))
        assert stored == [{"email": expect["stored_email"]}]
    if "stored" in expect:
        stored = shared_api.rows("SELECT * FROM preorders WHERE id = ?", preorder_id(response))[0]
        stored["properties"] = json.loads(stored["properties"])
        assert {name: stored[name] for name in expect["stored"]} == expect["stored"]
    assert http.ask(shared_api.api.address, "GET",
                    "/pre-order/0190c0de-0000-7000-8000-00000000000f").status == 404


def test_there_are_enough_cases_of_each_kind():
    names = cases.names()
    assert len([name for name in names if name.startswith("body-")]) >= 45
    assert len([name for name in names if name.startswith("http-")]) >= 25
    assert len([name for name in names if name.startswith("form-")]) >= 30
    assert len([name for name in names if name.startswith("wire-")]) >= 60


def test_what_follows_a_refused_body_is_no_request(shared_api):
    """Bytes left over after a framing fault are never read as a second request."""
    before = counts(shared_api)
    hidden = http.render("POST", "/pre-order", None,
                         {"email": "eve@klaviyo-demo.com", "price_id": "price_lamp_black", "color": "black"})
    with http.Connection(shared_api.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden)
        assert connection.read().status == 400
        assert connection.is_closed()
    assert counts(shared_api) == before


def test_a_body_over_the_limit_is_refused_before_it_is_sent(shared_api):
    with http.Connection(shared_api.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        b"Content-Length: 65537\r\n\r\n")
        response = connection.read()
        assert response.status == 413 and response.header("Connection") == "close"


def test_a_body_of_64_kib_is_read(shared_api):
    response = http.ask(shared_api.api.address, "POST", "/pre-order", None, "[" + " " * 65534 + "]")
    assert response.status == 400, "an array is no preorder, but it was read"
    assert response.json()["type"].endswith("/invalid-body") or response.json()["detail"]


def test_half_a_request_is_cut_at_the_deadline(system):
    """A byte now and then keeps no connection open: the whole request has one deadline."""
    system.migrate().start_api(PREORDER_REQUEST_DEADLINE="1s", PREORDER_WRITE_TIMEOUT="500ms")
    with http.Connection(system.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\nHost: loc")
        connection.stream.settimeout(0.05)

        def is_cut():
            try:
                connection.stream.sendall(b"a")
                return connection.stream.recv(4096) == b"" or None
            except TimeoutError:
                return None
            except (BrokenPipeError, ConnectionResetError):
                return True
        wait_until(is_cut, 8.0, "the connection is closed")
