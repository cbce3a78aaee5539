"""examples/client under Node, against the real API with faults between them."""

import email.utils
import functools
import json
import operator
import re
import socket
import threading
import time
import uuid

import pytest

from lib import faulty
from lib.examples import EXAMPLES, FOLDER, compile_typescript
from lib.faulty import CUT, DROP, LOSE, STALL, Faulty
from lib.system import ROOT, preorder
from lib.wait import wait_until

FAST = {"backoffMs": 20}


@pytest.fixture
def place(node, checkout):
    """Calls placePreorder through Node."""
    def call(address, request=None, options=None, **more):
        return node("place.mjs", checkout / "preorder.js", base=f"http://{address}", request=request or preorder(),
                    options={**FAST, **(options or {})}, **more)
    return call


def count(shop):
    assert shop.value("SELECT count(*) FROM preorders") == shop.value("SELECT count(*) FROM outbox")
    return shop.value("SELECT count(*) FROM preorders")


def test_the_types_are_strict():
    assert compile_typescript(FOLDER, "--noEmit") == ""


@pytest.mark.parametrize("name", ["PreorderRequest", "Preorder", "PreorderState", "Problem"])
def test_the_types_have_the_members_of_the_description(name):
    source = (EXAMPLES / "client" / "preorder.ts").read_text()
    block = re.search(rf"export interface {name} {{\n(.*?)\n}}", source, re.S).group(1)
    schema = json.loads((ROOT / "api" / "openapi.json").read_text())["components"]["schemas"][name]
    found = dict(re.findall(r'^    "?([\w-]+)"?(\??):', block, re.M))
    assert set(found) == set(schema["properties"])
    required = {member for member, mark in found.items() if not mark}
    # A problem made up by something in between has no more than RFC 9457 asks for.
    assert required == set(schema["required"]) - ({"detail", "request_id"} if name == "Problem" else set())


def test_a_preorder_is_placed_and_read(shop, place):
    result = place(shop.api.address, read=True)
    placed = result["placed"]
    assert placed["attempts"] == 1 and not placed["replayed"]
    made = shop.rows("SELECT id, number, payment_url FROM preorders")
    assert made == [{name: placed["preorder"][name] for name in ("id", "number", "payment_url")}]
    assert placed["location"] == f"http://{shop.api.address}/pre-order/{made[0]['id']}"
    assert result["state"]["events"][0]["metric"] == "Preorder Started"


@pytest.mark.parametrize("fault, was_stored", [(DROP, False), (LOSE, True), (CUT, True)])
def test_a_lost_connection_is_repeated_with_the_same_key(shop, place, fault, was_stored):
    with Faulty(shop.api.address, [fault, fault]) as proxy:
        placed = place(proxy.address)["placed"]
    assert (placed["attempts"], placed["replayed"]) == (3, was_stored)
    assert {request.key for request in proxy.seen} == {placed["idempotencyKey"]}
    assert len({request.body for request in proxy.seen}) == 1
    assert count(shop) == 1


def test_keys_begin_with_their_time(node, checkout):
    """UUIDs of version 7, so that keys of one time lie together in the database."""
    before_ms = time.time_ns() // 1_000_000
    keys = node("keys.mjs", checkout / "preorder.js", count=1000)["keys"]
    assert len(set(keys)) == 1000
    for key in map(uuid.UUID, keys):
        assert key.version == 7 and key.variant == uuid.RFC_4122
        assert before_ms <= key.int >> 80 <= time.time_ns() // 1_000_000
    # No bit of the rest is the same in all of them.
    random_bits = (1 << 62) - 1 | 0xfff << 64
    values = [uuid.UUID(key).int for key in keys]
    assert functools.reduce(operator.or_, values) & random_bits == random_bits
    assert functools.reduce(operator.and_, values) & random_bits == 0


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 504])
def test_an_answer_that_may_change_is_repeated(shop, place, status):
    play = faulty.answer(status, {"Content-Type": "text/html"}, b"<h1>of something in between</h1>")
    with Faulty(shop.api.address, [play]) as proxy:
        assert place(proxy.address)["placed"]["attempts"] == 2
    assert count(shop) == 1


def test_an_answer_that_never_comes_is_given_up(shop, place):
    with Faulty(shop.api.address, [STALL]) as proxy:
        assert place(proxy.address, options={"attemptMs": 5000})["placed"]["attempts"] == 2
    assert count(shop) == 1


def test_retry_after_in_seconds_is_obeyed(shop, place):
    with Faulty(shop.api.address, [faulty.answer(503, {"Retry-After": "1"})]) as proxy:
        place(proxy.address)
    assert proxy.seen[1].at_s - proxy.seen[0].at_s >= 1


def test_retry_after_as_a_date_is_obeyed(shop, place):
    until_s = int(time.time()) + 2
    date = email.utils.formatdate(until_s, usegmt=True)
    with Faulty(shop.api.address, [faulty.answer(429, {"Retry-After": date})]) as proxy:
        place(proxy.address)
    assert proxy.seen[1].at_s >= until_s


def test_attempts_are_bounded_and_the_key_finds_out_later(shop, place):
    with Faulty(shop.api.address, [DROP, DROP, LOSE]) as proxy:
        result = place(proxy.address, options={"attemptsMax": 3})
        assert (result["name"], result["attempts"], result["hasCause"]) == ("PreorderUnsettled", 3, True)
        assert len(proxy.seen) == 3
        placed = place(proxy.address, options={"idempotencyKey": result["idempotencyKey"]})["placed"]
    assert placed["replayed"] and count(shop) == 1


def test_the_time_is_bounded(shop, place):
    """A wait that would end too late is not begun; the last answer tells why."""
    play = faulty.answer(503, {"Retry-After": "3600", "Content-Type": "application/problem+json"},
                         b'{"type": "about:blank", "title": "Closed for an hour", "status": 503}')
    with Faulty(shop.api.address, [play]) as proxy:
        result = place(proxy.address, options={"totalMs": 5000})
    assert (result["name"], result["attempts"]) == ("PreorderUnsettled", 1)
    assert result["problem"]["title"] == "Closed for an hour" and result["ms"] < 5000


def test_a_refusal_is_not_repeated_and_says_what_is_wrong(shop, place):
    with Faulty(shop.api.address, []) as proxy:
        result = place(proxy.address, preorder(email="nobody", color="plaid"))
    assert (result["name"], len(proxy.seen)) == ("PreorderRefused", 1)
    assert result["problem"]["type"] == "/problems/invalid-preorder"
    assert {each["pointer"] for each in result["problem"]["errors"]} == {"#/email", "#/color"}
    assert count(shop) == 0


@pytest.mark.parametrize("plays, options", [
    ([STALL], {}), ([faulty.answer(503, {"Retry-After": "30"})], {})])
def test_it_can_be_aborted_while_it_asks_and_while_it_waits(shop, place, plays, options):
    with Faulty(shop.api.address, plays) as proxy:
        result = place(proxy.address, options=options, abortMs=200)
    assert result["message"] == "changed my mind" and len(proxy.seen) == 1


def test_an_api_that_is_killed_and_comes_back_gets_it_once(shop, place):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "127.0.0.1:%d" % free.getsockname()[1]
    results = []
    with Faulty(address, []) as proxy:
        shop.start_api(PREORDER_LISTEN=address).freeze()
        customer = threading.Thread(target=lambda: results.append(
            place(proxy.address, options={"attemptsMax": 50, "backoffMs": 100})))
        customer.start()
        wait_until(lambda: proxy.seen, what="the request is on its way")
        shop.api.kill()
        wait_until(lambda: len(proxy.seen) > 1, what="it is sent again")
        shop.start_api(PREORDER_LISTEN=address)
        customer.join()
    assert results[0]["placed"]["attempts"] > 1 and count(shop) == 1
