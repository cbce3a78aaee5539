"""Idempotency-Key: the same request twice makes one preorder and one answer."""

import json
import threading

from lib import http
from lib.system import preorder

BODY = json.dumps(preorder())


def ask(api, key, body=BODY, **headers):
    return http.ask(api.address, "POST", "/pre-order", {"Idempotency-Key": key, **headers}, body)


def test_a_repeat_gets_the_same_answer_byte_for_byte(shop):
    first, second = ask(shop.api, "order-1"), ask(shop.api, "order-1")
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert first.header("Location") == second.header("Location")
    assert first.header("Idempotent-Replayed") is None
    assert second.header("Idempotent-Replayed") == "true"
    assert shop.value("SELECT count(*) FROM preorders") == 1 == shop.value("SELECT count(*) FROM outbox")


def test_a_repeat_after_a_restart_gets_it_too(shop):
    first = ask(shop.api, "order-1")
    shop.api.kill()
    second = ask(shop.start_api(), "order-1")
    assert second.body == first.body and second.header("Idempotent-Replayed") == "true"


def test_another_body_with_the_same_key_is_refused(shop):
    ask(shop.api, "order-1")
    refused = ask(shop.api, "order-1", json.dumps(preorder(source="elsewhere")))
    assert refused.status == 422 and refused.header("Content-Type") == "application/problem+json"
    assert refused.json()["type"].endswith("/idempotency-key-reused")
    assert shop.value("SELECT count(*) FROM preorders") == 1


def test_quotes_around_a_key_are_not_part_of_it(shop):
    assert ask(shop.api, "order-1").body == ask(shop.api, '"order-1"').body


def test_nothing_is_remembered_of_a_refused_request(shop):
    assert ask(shop.api, "order-1", json.dumps(preorder(email="nobody"))).status == 422
    assert ask(shop.api, "order-1").status == 201


def test_many_at_once_make_one_preorder(shop):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(shop.api, "order-1"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 16
    assert len({answer.body for answer in answers}) == 1
    assert len([answer for answer in answers if answer.header("Idempotent-Replayed")]) == 15
    assert shop.value("SELECT count(*) FROM outbox") == 1


def test_a_create_without_a_key_is_refused_where_one_is_required(system):
    system.migrate().start_api(PREORDER_REQUIRE_IDEMPOTENCY_KEY="1")
    assert system.create().status == 400
    assert ask(system.api, "order-1").status == 201
    assert system.value("SELECT count(*) FROM preorders") == 1
