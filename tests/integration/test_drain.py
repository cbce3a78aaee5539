"""SIGTERM finishes what is in flight; a second one does not wait."""

import signal
import sqlite3

from lib import gate, http
from lib.system import preorder
from lib.wait import wait_until


def refuses(address):
    try:
        http.connect(address, 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_request_in_flight_is_answered_before_the_end(shop):
    """Half of it has arrived when the signal comes; the rest comes after it."""
    request = http.render("POST", "/pre-order", None, preorder())
    with http.Connection(shop.api.address) as connection:
        connection.send(request[:-10])
        # A full exchange on another connection: by now the half has been read too.
        assert shop.create().status == 201
        shop.api.signal(signal.SIGTERM)
        wait_until(lambda: refuses(shop.api.address), what="no new connection is taken")
        connection.send(request[-10:])
        response = connection.read()
        assert response.status == 201 and response.header("Connection") == "close"
    assert shop.api.wait() == 0
    assert shop.value("SELECT count(*) FROM outbox") == 2


def test_the_api_is_not_ready_while_it_drains(shop):
    with http.Connection(shop.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\n")
        assert shop.create().status == 201
        shop.api.signal(signal.SIGTERM)
        wait_until(lambda: http.ask(shop.api.admin_address, "GET", "/readyz").status == 503, what="not ready")
        assert http.ask(shop.api.admin_address, "GET", "/livez").status == 200
    assert shop.api.wait() == 0


def test_an_idle_connection_does_not_hold_up_the_end(shop):
    with http.Connection(shop.api.address) as connection:
        assert connection.ask("POST", "/pre-order", None, preorder()).status == 201
        assert shop.api.stop() == 0


def test_a_second_signal_ends_the_api_at_once(system):
    system.migrate().start_api(PREORDER_DRAIN_TIMEOUT="10m")
    with http.Connection(system.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\n")
        assert system.create().status == 201
        system.api.signal(signal.SIGTERM)
        wait_until(lambda: refuses(system.api.address), what="it drains")
        system.api.is_exempt = True
        system.api.signal(signal.SIGTERM)
        assert system.api.wait() != 0


def test_the_drain_has_an_end(system):
    system.migrate().start_api(PREORDER_DRAIN_TIMEOUT="300ms", PREORDER_REQUEST_DEADLINE="60s")
    with http.Connection(system.api.address) as connection:
        connection.send(b"POST /pre-order HTTP/1.1\r\n")
        assert system.create().status == 201
        assert system.api.stop() == 0


def test_a_request_that_waits_for_the_database_is_answered(system):
    system.migrate().start_api(PREORDER_WRITE_TIMEOUT="4s")
    holder = sqlite3.connect(system.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with http.Connection(system.api.address) as connection:
        connection.send(http.render("POST", "/pre-order", None, preorder()))
        wait_until(connection.is_taken, what="the API has read the request")
        system.api.signal(signal.SIGTERM)
        holder.execute("ROLLBACK")
        holder.close()
        response = connection.read()
    assert system.api.wait() == 0
    assert response.status in (201, 503)
    assert system.value("SELECT count(*) FROM preorders") == (response.status == 201)


def test_every_signal_that_asks_for_the_end_is_heard(shop):
    worker = shop.start_worker()
    for process in (shop.api, worker):
        process.signal(signal.SIGINT)
        assert process.wait() == 0


def test_a_worker_whose_outcomes_the_database_does_not_take_says_so(system):
    system.start_sandbox(script=[{"do": "delay-head", "delay_ms": 300}])
    system.migrate().start_api()
    worker = system.start_worker(PREORDER_DRAIN_TIMEOUT="1s", PREORDER_WRITE_TIMEOUT="200ms")
    system.created()
    wait_until(lambda: system.stats()["requests"] > 0, what="the event is on the wire")
    with gate.held(system.database):
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    worker.wait_log("stopped before the database took every outcome: the next worker sends these events again")
