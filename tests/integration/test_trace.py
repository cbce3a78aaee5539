"""One preorder is followed through all processes by the ids that the shopper's request brought."""

from lib import http, misbehave
from lib.system import preorder
from lib.wait import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
REQUEST = "shop-7f3a.42"


def entries(process, **fields):
    return [entry for entry in process.log() if all(entry.get(name) == value for name, value in fields.items())]


def traces(entry):
    """The trace id that a line of the sandbox's log shows."""
    version, trace, parent, _flags = entry["traceparent"].split("-")
    assert version == "00" and parent != PARENT, "the worker's own span, not the shopper's"
    return trace


def test_the_ids_that_a_client_sent_are_found_everywhere(shop):
    worker = shop.start_worker()
    answer = shop.create({"X-Request-Id": REQUEST, "traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert answer.status == 201 and answer.header("X-Request-Id") == REQUEST
    preorder_id = answer.json()["id"]
    shop.wait_sent(1)

    assert entries(shop.api, msg="request", request_id=REQUEST, status=201)
    assert entries(shop.api, msg="preorder stored", request_id=REQUEST, trace_id=TRACE, preorder_id=preorder_id)
    [event] = shop.events(preorder_id)
    assert event["request_id"] == REQUEST and TRACE in event["traceparent"]
    [attempt] = wait_until(lambda: entries(worker, msg="attempt", request_id=REQUEST), what="the attempt's line")
    assert attempt["trace_id"] == TRACE and attempt["preorder_id"] == preorder_id
    assert attempt["event_id"] == event["id"] and attempt["outcome"] == "sent"
    [request] = wait_until(lambda: entries(shop.sandbox, msg="request", request_id=REQUEST), what="the sandbox's line")
    assert traces(request) == TRACE


def test_a_request_without_ids_gets_some_and_they_are_found_everywhere(shop):
    worker = shop.start_worker()
    answer = shop.create()
    request_id = answer.header("X-Request-Id")
    shop.wait_sent(1)
    [stored] = entries(shop.api, msg="preorder stored", request_id=request_id)
    [attempt] = wait_until(lambda: entries(worker, msg="attempt", request_id=request_id), what="the attempt's line")
    [request] = wait_until(lambda: entries(shop.sandbox, msg="request", request_id=request_id),
                           what="the sandbox's line")
    assert len(stored["trace_id"]) == 32
    assert stored["trace_id"] == attempt["trace_id"] == traces(request)


def test_every_attempt_of_an_event_carries_its_ids(system):
    system.migrate().start_sandbox(script=[misbehave.times(misbehave.status(503), 2)])
    system.start_api()
    worker = system.start_worker()
    assert system.create({"X-Request-Id": REQUEST}).status == 201
    system.wait_sent(1)
    attempts = wait_until(lambda: (lambda found: found if len(found) == 3 else None)(
        entries(worker, msg="attempt", request_id=REQUEST)), what="three attempts")
    assert [attempt["outcome"] for attempt in attempts] == ["retry", "retry", "sent"]
    assert len({attempt["trace_id"] for attempt in attempts}) == 1
    requests = wait_until(lambda: (lambda found: found if len(found) == 3 else None)(
        entries(system.sandbox, msg="request", request_id=REQUEST)), what="three requests")
    assert {traces(request) for request in requests} == {attempts[0]["trace_id"]}
    assert len({request["traceparent"] for request in requests}) == 3, "each request is a span of its own"


def test_no_address_gets_into_any_log(shop):
    """Not even one that stands where none belongs. The fixture looks through all logs at the end."""
    worker = shop.start_worker()
    address = "ada.lovelace@klaviyo-demo.com"
    shop.created(email=address)
    assert shop.create(email=f"{address}@").status == 422
    assert http.ask(shop.api.address, "GET", f"/pre-order/{address}").status == 404
    assert http.ask(shop.api.address, "GET", f"/{address}?email={address}").status == 404
    assert http.ask(shop.api.address, "POST", "/pre-order", {"X-Request-Id": address}, preorder()).status == 201
    shop.wait_sent(2)
    for process in (shop.api, worker, shop.sandbox):
        assert "lovelace" not in process.stdout() + process.stderr(), process
