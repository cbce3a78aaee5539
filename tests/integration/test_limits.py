"""The server outlives its limits."""

import os
import resource

from lib import http
from lib.system import preorder
from lib.wait import wait_until


def test_a_new_client_is_served_at_the_connection_limit(system):
    """Every connection the API allows is open and idle, and more wait in the backlog."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    system.migrate().start_api(PREORDER_CONNECTIONS_MAX="64", PREORDER_REQUEST_DEADLINE="60s")
    idle = [http.Connection(system.api.address, 5) for _ in range(80)]
    try:
        for connection in idle[:64]:
            assert connection.ask("GET", "/pre-order/0190c0de-0000-7000-8000-000000000000").status == 404
        with http.Connection(system.api.address, 5) as fresh:
            assert fresh.ask("POST", "/pre-order", None, preorder()).status == 201
    finally:
        for connection in idle:
            connection.close()
    assert system.create().status == 201


def test_connections_that_never_say_a_word_do_not_lock_others_out(system):
    system.migrate().start_api(PREORDER_CONNECTIONS_MAX="32", PREORDER_REQUEST_DEADLINE="60s")
    silent = [http.Connection(system.api.address, 5) for _ in range(64)]
    try:
        with http.Connection(system.api.address, 5) as fresh:
            assert fresh.ask("POST", "/pre-order", None, preorder()).status == 201
    finally:
        for connection in silent:
            connection.close()


def test_clients_that_vanish_leave_nothing_behind(system):
    system.migrate().start_api(PREORDER_CONNECTIONS_MAX="64")
    request = http.render("POST", "/pre-order", None, preorder())
    for _ in range(200):
        connection = http.Connection(system.api.address)
        connection.send(request)
        connection.close()
    wait_until(lambda: system.value("SELECT count(*) FROM outbox") > 0, what="some were read before they left")
    assert system.create().status == 201
    descriptors = f"/proc/{system.api.pid}/fd"

    wait_until(lambda: len(os.listdir(descriptors)) < 40, what=lambda: f"{len(os.listdir(descriptors))} open")
