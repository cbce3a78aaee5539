"""/livez and /readyz of both processes."""

import sqlite3

from lib import http
from lib.wait import wait_until


def status(address, path):
    return http.ask(address, "GET", path).status


def test_both_processes_are_live_and_ready(shop):
    worker = shop.start_worker()
    for address in (shop.api.admin_address, worker.admin_address):
        assert status(address, "/livez") == 200
        wait_until(lambda: status(address, "/readyz") == 200, what="ready")
        verbose = http.ask(address, "GET", "/readyz?verbose")
        assert verbose.status == 200 and b"[+]" in verbose.body and b"[-]" not in verbose.body
        assert status(address, "/nothing") == 404


def test_the_api_is_not_ready_while_nobody_can_write(system):
    """Another process sits on the database: no traffic, but no restart either."""
    system.migrate().start_api(PREORDER_WRITE_TIMEOUT="200ms")
    holder = sqlite3.connect(system.database, isolation_level=None)
    holder.execute("PRAGMA wal_autocheckpoint = 0")
    holder.execute("BEGIN IMMEDIATE")
    try:
        wait_until(lambda: status(system.api.admin_address, "/readyz") == 503, what="not ready")
        assert b"[-]" in http.ask(system.api.admin_address, "GET", "/readyz?verbose").body
        assert status(system.api.admin_address, "/livez") == 200
        refused = system.create()
        assert refused.status == 503 and int(refused.header("Retry-After")) >= 1
        assert refused.header("Content-Type") == "application/problem+json"
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    wait_until(lambda: status(system.api.admin_address, "/readyz") == 200, what="ready again")
    assert system.create().status == 201
    assert system.value("SELECT count(*) FROM preorders") == 1


def test_a_worker_s_default_port_that_is_taken_is_replaced(shop):
    first = shop.start_worker(PREORDER_WORKER_LISTEN=None)
    second = shop.start_worker(PREORDER_WORKER_LISTEN=None)
    assert first.admin_address != second.admin_address
    assert status(second.admin_address, "/livez") == 200


def test_a_worker_s_port_can_be_switched_off(shop):
    worker = shop.start_worker(PREORDER_WORKER_LISTEN="none")
    assert worker.admin_address in (None, "", "none")
    shop.created()
    shop.wait_sent(1)
