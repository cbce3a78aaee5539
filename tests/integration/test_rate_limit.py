"""PREORDER_RATE_LIMIT and PREORDER_TRUSTED_PROXIES: who is counted, what he is told."""

import re

import pytest

from lib import http
from lib.metrics import Metrics
from lib.system import API
from lib.wait import wait_until

POLICY, LEFT = "RateLimit-Policy", "RateLimit"


def left(response):
    """r and t of RateLimit; t None if it is not there."""
    found = re.fullmatch(r'"default";r=(\d+)(?:;t=(\d+))?', response.header(LEFT))
    assert found, response
    return int(found[1]), int(found[2]) if found[2] else None


def look(system, client=None, path="/pre-order/0190c0de-0000-7000-8000-000000000000"):
    return system.get(path, {"X-Forwarded-For": client} if client else None)


def test_a_client_is_told_what_is_left_and_refused_when_nothing_is(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="5/m")
    for remaining in (4, 3, 2, 1, 0):
        response = system.create()
        assert response.status == 201
        assert response.header(POLICY) == '"default";q=5;w=60'
        r, t = left(response)
        assert r == remaining and 1 <= t <= 12
    refused = system.create({"Idempotency-Key": "one"})
    assert refused.status == 429
    assert refused.header(POLICY) == '"default";q=5;w=60'
    r, t = left(refused)
    assert r == 0 and 1 <= t <= 12
    assert refused.header("Retry-After") == str(t)
    problem = refused.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["default"]
    assert problem["status"] == 429 and problem["request_id"] == refused.header("X-Request-Id")
    assert system.value("SELECT count(*) FROM preorders") == 5
    assert system.value("SELECT count(*) FROM idempotency_keys") == 0
    assert Metrics(system.api.admin_address).get("preorder_http_refused_total", reason="rate_limit") == 1


def test_after_retry_after_a_request_passes(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="1/s")
    assert system.create().status == 201
    refused = system.create()
    assert refused.status == 429 and refused.header("Retry-After") == "1"
    wait_until(lambda: system.create().status == 201, 5.0, "the bucket fills")


def test_what_counts_and_what_does_not(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="4/m", STRIPE_WEBHOOK_SECRET="whsec_test")
    for _ in range(10):
        assert http.ask(system.api.address, "OPTIONS", "/pre-order").header(POLICY) is None
        hook = http.ask(system.api.address, "POST", "/webhooks/stripe", None, "{}")
        assert hook.status != 429 and hook.header(POLICY) is None
    assert left(look(system))[0] == 3
    assert left(look(system, path="/nothing"))[0] == 2
    assert left(http.ask(system.api.address, "DELETE", "/pre-order"))[0] == 1
    assert left(http.ask(system.api.address, "POST", "/pre-order", None, {}))[0] == 0
    assert look(system).status == 429
    assert http.ask(system.api.address, "HEAD", "/pre-order/x").status == 429
    assert http.ask(system.api.address, "OPTIONS", "/pre-order").status == 204


def test_it_is_off_by_default(system):
    system.migrate().start_api()
    for _ in range(20):
        response = system.create()
        assert response.status == 201
        assert response.header(POLICY) is None and response.header(LEFT) is None


def test_clients_behind_a_trusted_proxy_differ(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="2/m", PREORDER_TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")
    for client in ("198.51.100.1", "198.51.100.2, 10.0.0.3", "2001:db8::1"):
        assert [look(system, client).status for _ in range(3)] == [404, 404, 429]
    assert look(system, "2001:db8:0:0:ffff::1").status == 429, "the same /64"
    assert look(system, "2001:db8:0:1::1").status == 404


def test_a_client_cannot_choose_its_address(system):
    """The proxy appends the address that called it; what the client wrote stands to the left."""
    system.migrate().start_api(PREORDER_RATE_LIMIT="2/m", PREORDER_TRUSTED_PROXIES="127.0.0.1")
    statuses = [look(system, f"{invented}, 198.51.100.1").status
                for invented in ("1.1.1.1", "127.0.0.1", "garbage", "")]
    assert statuses == [404, 404, 429, 429]


def test_garbage_counts_for_the_proxy(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="2/m", PREORDER_TRUSTED_PROXIES="127.0.0.1")
    assert [look(system, each).status for each in ("unknown", "1.2.3", "x" * 300)] == [404, 404, 429]
    assert look(system).status == 429, "the proxy itself"
    assert look(system, "198.51.100.1").status == 404


def test_nobody_else_is_believed(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="2/m", PREORDER_TRUSTED_PROXIES="10.0.0.0/8")
    assert [look(system, f"198.51.100.{n}").status for n in range(3)] == [404, 404, 429]


def test_clients_behind_a_unix_socket_differ(system):
    path = f"unix:{system.folder}/api.sock"
    system.migrate()
    done = system.run(API, PREORDER_RATE_LIMIT="2/m", PREORDER_LISTEN=path)
    assert done.returncode == 2 and "PREORDER_TRUSTED_PROXIES" in done.stderr
    system.start_api(PREORDER_RATE_LIMIT="2/m", PREORDER_LISTEN=path, PREORDER_TRUSTED_PROXIES="unix")
    for client in ("198.51.100.1", "198.51.100.2", None):
        assert [look(system, client).status for _ in range(3)] == [404, 404, 429]


@pytest.mark.parametrize("name, value", [("PREORDER_RATE_LIMIT", "100"), ("PREORDER_RATE_LIMIT", "0/s"),
                                         ("PREORDER_TRUSTED_PROXIES", "*"),
                                         ("PREORDER_TRUSTED_PROXIES", "10.0.0.1/8")])
def test_a_wrong_setting_stops_the_start(system, name, value):
    done = system.run(API, **{name: value})
    assert done.returncode == 2 and name in done.stderr


def test_many_requests_of_one_connection_count_one_by_one(system):
    system.migrate().start_api(PREORDER_RATE_LIMIT="3/m")
    with http.Connection(system.api.address) as connection:
        statuses = [connection.ask("GET", "/pre-order/x").status for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
