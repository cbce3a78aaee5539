"""Idempotency-Key: the same request as often as anybody likes makes one preorder and one answer.

Each proof is played by a program (JSON, the key in the header) and by a browser (a form, the key a member).
"""

import sqlite3
import threading

import pytest

from lib import gate, http
from lib.idempotency import Form, Json, ask, ask_again, ask_at_once, assert_one, assert_stored_once, essence, parallel
from lib.metrics import Metrics
from lib.page import check_error_page, read_page
from lib.wait import wait_until

DAY_MS = 24 * 3600 * 1000
BY_EACH = pytest.mark.parametrize("kind", [Json, Form])


def assert_refused(response):
    """Another request used the key."""
    assert response.status == 422, response
    if response.header("Content-Type") == "application/problem+json":
        assert response.json()["type"].endswith("/idempotency-key-reused")
    else:
        assert check_error_page(response).text("h1") == "This form was already sent"


@BY_EACH
def test_a_repeat_gets_the_same_answer_byte_for_byte(shop, kind):
    create = kind("order-1")
    first, second = ask(shop.api, create), ask(shop.api, create)
    assert essence(first) == essence(second)
    assert first.status == kind.status and first.header("Idempotent-Replayed") is None
    assert second.header("Idempotent-Replayed") == "true"
    assert_stored_once(shop)


def test_a_form_leads_to_the_payment(shop):
    response = ask(shop.api, Form("order-1"))
    page = read_page(response)
    stored = shop.rows("SELECT number, payment_url FROM preorders")[0]
    assert response.status == 303 and response.header("Location") == stored["payment_url"]
    assert page.links() == [stored["payment_url"]] and stored["number"] in page.text("main")


@BY_EACH
def test_64_at_once_make_one_preorder_one_event_and_one_answer(shop, kind):
    create = kind("order-1")
    assert_one(shop, ask_at_once([shop.api], create, 64), create)
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    assert_stored_once(shop)


@BY_EACH
def test_10_000_repeats_get_the_same_bytes(shop, kind):
    create = kind("order-1")
    first = essence(ask(shop.api, create))
    assert ask_again(shop.api, create, 10_000) == {(first, "true")}
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    assert_stored_once(shop)


@BY_EACH
def test_both_after_kill_9_as_well(shop, kind):
    create = kind("order-1")
    first = essence(ask(shop.api, create))
    shop.api.kill()
    shop.start_api()
    assert_one(shop, ask_at_once([shop.api], create, 64), create, first)
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    shop.api.kill()
    shop.start_api()
    assert ask_again(shop.api, create, 10_000) == {(first, "true")}
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    assert_stored_once(shop)


@BY_EACH
def test_killed_in_the_middle_of_64_the_repeats_find_out(system, kind):
    """Whoever got an answer before the kill gets it again; whoever got none gets the same."""
    system.migrate().start_api()
    for number in range(6):
        create, before = kind(f"order-{number}"), system.value("SELECT count(*) FROM preorders")

        def kill():
            if number % 2:  # between the commit and the answers; else at any moment
                wait_until(lambda: system.value("SELECT count(*) FROM preorders") > before, what="it is stored")
            system.api.kill()
        answers = [answer for answer in ask_at_once([system.api], create, 64, kill) if answer is not None]
        system.start_api()
        repeats = ask_at_once([system.api], create, 64)
        assert len({essence(answer) for answer in answers + repeats}) == 1
        assert [system.value(f"SELECT count(*) FROM {table}") for table in ("preorders", "outbox")] == [before + 1] * 2


@BY_EACH
def test_30_days_and_a_restart_later_it_is_the_same(shop, kind):
    """The rows are made as old as that: nothing of them is told from the clock again, and nothing expires."""
    create = kind("order-1")
    first = essence(ask(shop.api, create))
    shop.api.stop()
    with sqlite3.connect(shop.database) as database:
        for table, column in (("preorders", "created_at"), ("preorders", "updated_at"), ("outbox", "created_at"),
                              ("outbox", "next_attempt_at")):
            database.execute(f"UPDATE {table} SET {column} = {column} - ?", (30 * DAY_MS,))
    database.close()
    shop.start_api()
    again = ask(shop.api, create)
    assert essence(again) == first and again.header("Idempotent-Replayed") == "true"
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    assert_stored_once(shop)


@BY_EACH
def test_repeats_that_share_a_commit_are_one(shop, kind):
    """All are there when the API comes to look, so they are in one batch, and none finds the key committed."""
    create = kind("order-1")
    connections = [http.Connection(shop.api.address) for _ in range(64)]
    try:
        for connection in connections:
            assert connection.ask("GET", "/pre-order/0190c0de-0000-7000-8000-000000000000").status == 404
        gate.freeze_outside(shop.api, shop.database)
        for connection in connections:
            connection.send(http.render("POST", "/pre-order", create.headers, create.body))
        shop.api.thaw()
        assert_one(shop, [connection.read() for connection in connections], create)
    finally:
        for connection in connections:
            connection.close()
    metrics = Metrics(shop.api.admin_address)
    assert metrics.get("preorder_commit_batch_size_sum") == 64
    assert metrics.get("preorder_commit_batch_size_count") < 64, "some of them shared a commit"
    assert metrics.get("preorder_idempotent_replays_total", result="replayed") == 63


@BY_EACH
def test_two_apis_on_one_database_agree(shop, kind):
    first, second = shop.api, shop.start_api()
    create = kind("order-1")
    assert_one(shop, ask_at_once([first, second], create, 64), create)
    same = essence(ask(first, create))
    assert same == essence(ask(second, create))
    assert_refused(ask(second, kind("order-1", source="elsewhere")))


@BY_EACH
def test_a_repeat_waits_for_the_first_and_then_is_its_replay(system, kind):
    """In flight is nothing special: there is no 409, because writers take turns at the gate."""
    first, second = (system.migrate().start_api(PREORDER_WRITE_TIMEOUT="8s") for _ in range(2))
    create = kind("order-1")

    def release():
        with gate.held(system.database):
            opened.wait()
            for api in (first, second):
                wait_until(lambda: Metrics(api.admin_address).sum("preorder_http_requests_in_flight") >= 1,
                           what="both wait at the gate")
    opened = threading.Barrier(2)

    def ask_both():
        opened.wait()
        return ask_at_once([first, second], create, 2)
    _, answers = parallel([release, ask_both])
    assert_one(system, answers, create)


@BY_EACH
def test_who_waited_too_long_gets_503_and_may_repeat(system, kind):
    system.migrate().start_api(PREORDER_WRITE_TIMEOUT="200ms")
    create = kind("order-1")
    with gate.held(system.database):
        for answer in ask_at_once([system.api], create, 4):
            assert answer.status == 503 and answer.header("Retry-After"), answer
            if kind is Form:
                assert check_error_page(answer).text("h1") == "The shop is busy"
    assert system.value("SELECT count(*) FROM idempotency_keys") == 0
    assert_one(system, ask_at_once([system.api], create, 4), create)


@BY_EACH
def test_nothing_is_remembered_of_a_refused_request(shop, kind):
    assert ask(shop.api, kind("order-1", email="nobody")).status == 422
    assert ask(shop.api, kind("order-1")).status == kind.status


@BY_EACH
def test_another_body_with_the_same_key_is_refused(shop, kind):
    ask(shop.api, kind("order-1"))
    assert_refused(ask(shop.api, kind("order-1", source="elsewhere")))
    assert_refused(ask(shop.api, Json("order-1") if kind is Form else Form("order-1")))
    assert_stored_once(shop)


def test_what_the_first_got_is_repeated_whoever_asks(shop):
    form = Form("order-1")
    first = ask(shop.api, form)
    form.headers = {**form.headers, "Accept": "application/json"}
    program = ask(shop.api, form)
    assert essence(program) == essence(first)


def test_quotes_around_a_key_are_not_part_of_it(shop):
    first = ask(shop.api, Json("order-1"))
    assert essence(ask(shop.api, Json('"order-1"'))) == essence(first)
    assert essence(ask(shop.api, Form("order-2"))) == essence(ask(shop.api, Form("order-2")))


@BY_EACH
def test_a_create_without_a_key_is_refused_where_one_is_required(system, kind):
    system.migrate().start_api(PREORDER_REQUIRE_IDEMPOTENCY_KEY="1")
    without = kind("")
    without.headers = {name: value for name, value in without.headers.items() if name != "Idempotency-Key"}
    without.body = without.body.removesuffix("&idempotency_key=")
    assert ask(system.api, without).status == 400
    assert ask(system.api, kind("order-1")).status == kind.status
    assert system.value("SELECT count(*) FROM preorders") == 1
