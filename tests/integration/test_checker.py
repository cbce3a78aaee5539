"""The checker of the proofs finds each kind of broken promise: a sound story, spoiled in one place."""

import contextlib
import json
import shutil
import sqlite3
import subprocess

import pytest

from lib.customers import Customers
from lib.invariants import Evidence, judge
from lib.system import ROOT
from lib.wait import wait_until

CHECK = ROOT / "tests" / "check.py"

FIRST = "(SELECT min(id) FROM outbox)"
SPOILED = {
    "answered 201 and not stored as answered": "DELETE FROM preorders WHERE id = (SELECT min(id) FROM preorders)",
    "stored otherwise than asked": "UPDATE preorders SET properties = '{}' WHERE id = (SELECT min(id) FROM preorders)",
    "preorders whose events have gaps": f"DELETE FROM outbox WHERE id = {FIRST}",
    "events without a preorder": f"UPDATE outbox SET preorder_id = 'nobody' WHERE id = {FIRST}",
    "later events that no payment owes": f"UPDATE outbox SET sequence = 2 WHERE id = {FIRST}",
    "events that belong to another preorder": f"UPDATE outbox SET payload = (SELECT payload FROM outbox WHERE id ="
                                              f" (SELECT max(id) FROM outbox)) WHERE id = {FIRST}",
    "sent otherwise than stored": f"UPDATE outbox SET payload = payload || ' ' WHERE id = {FIRST}",
    "sent without a line in the journal": f"DELETE FROM outbox_attempts WHERE outbox_id = {FIRST}",
    "dead without a reason": f"UPDATE outbox SET status = 'dead', sent_at = NULL WHERE id = {FIRST}",
    "events that are neither sent nor dead": f"UPDATE outbox SET status = 'pending', sent_at = NULL, next_attempt_at"
                                             f" = 1 WHERE id = {FIRST}",
    "on the wire more often than in the journal": f"DELETE FROM outbox_attempts WHERE outbox_id = {FIRST}",
    "repeats that no fault explains": f"UPDATE outbox_attempts SET outcome = 'retry', http_status = 429"
                                      f" WHERE outbox_id = {FIRST}",
    "attempts after the end": f"""INSERT INTO outbox_attempts (outbox_id, token, worker, started_at, outcome, burnt,
                                 http_status) SELECT outbox_id, 0, worker, started_at - 100, 'sent', 1, 202
                                 FROM outbox_attempts WHERE outbox_id = {FIRST}""",
    "a token that was never given": f"UPDATE outbox SET token = 0 WHERE id = {FIRST}",
    "keys with the reply of another preorder": "UPDATE idempotency_keys SET reply = (SELECT max(reply) FROM"
                                               " idempotency_keys) WHERE reply = (SELECT min(reply) FROM"
                                               " idempotency_keys)",
}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A sound story, at rest."""
    from lib.system import System
    folder = tmp_path_factory.mktemp("story")
    system = System(folder)
    system.migrate().start_sandbox()
    system.start_api()
    system.start_worker()
    customers = Customers(system.api.address, folder / "customers.jsonl", 1, crowd=2)
    wait_until(lambda: customers.accepted_count >= 5, 30, "customers are served")
    customers.stop()
    wait_until(lambda: system.count("pending") == 0, 30, system.story)
    assert system.close() == []
    return folder


def check(folder):
    done = subprocess.run([CHECK, "--database", folder / "preorder.db", "--ledger", folder / "ledger.jsonl",
                           "--customers", folder / "customers.jsonl"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def copy(story, folder):
    for name in ("preorder.db", "preorder.db-wal", "ledger.jsonl", "customers.jsonl"):
        if (story / name).exists():
            shutil.copy(story / name, folder / name)


def test_a_sound_story_passes(story, tmp_path):
    copy(story, tmp_path)
    code, text = check(tmp_path)
    assert code == 0 and "every promise kept" in text, text


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_database_is_found(story, tmp_path, what):
    copy(story, tmp_path)
    connection = sqlite3.connect(tmp_path / "preorder.db")
    with connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(SPOILED[what])
    connection.close()
    code, text = check(tmp_path)
    assert code == 1 and f"{what}:" in text, text


def test_a_late_word_after_another_host_s_is_sound_once_the_lease_was_over(story, tmp_path):
    copy(story, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "preorder.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(SPOILED["attempts after the end"])  # by 100 ms

    def repeats(lease_ms):
        return judge(Evidence(tmp_path / "preorder.db", tmp_path / "ledger.jsonl", lease_ms=lease_ms))
    assert repeats(lease_ms=150) == 0
    with pytest.raises(AssertionError, match="attempts after the end"):
        repeats(lease_ms=300)


def test_a_request_that_nobody_stored_is_found(story, tmp_path):
    copy(story, tmp_path)
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    (tmp_path / "ledger.jsonl").write_text(lines[0].replace(json.loads(lines[0])["unique_id"], "stranger") + "\n")
    code, text = check(tmp_path)
    assert code == 1 and "in the ledger and not in the database:" in text, text
    assert "sent and not in the ledger:" in text, text


def test_a_customer_who_was_answered_twice_otherwise_is_found(story, tmp_path):
    copy(story, tmp_path)
    with open(tmp_path / "customers.jsonl", "a", encoding="utf-8") as stream:
        stream.write(json.dumps({"answered": 0, "status": 201, "id": "another"}) + "\n")
    code, text = check(tmp_path)
    assert code == 1 and "one key, several preorders:" in text, text
