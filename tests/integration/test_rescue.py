"""Workers that die, are stopped or are cut off, and who takes over what they had in hand."""

import time

import pytest

from lib import misbehave
from lib.gate import freeze_outside
from lib.wait import wait_until

# A lease far beyond every deadline here: whatever is taken over is not taken over by it.
LONG = {"PREORDER_LEASE": "10m"}
# Ten of these leases pass within a test.
SHORT = {"PREORDER_LEASE": "1s", "PREORDER_REQUEST_TIMEOUT": "700ms", "PREORDER_WRITE_TIMEOUT": "200ms"}
ANSWER_MS = 500  # shorter than the timeout; long enough to stop a worker that waits for it
STALE = "settled too late: others had taken the events over"
GENEROUS = ("--burst", "100000", "--steady", "1000000")


def names(system):
    return [row["name"] for row in system.rows("SELECT name FROM workers ORDER BY slot")]


def claims_of(system, worker):
    return system.rows("SELECT id, token, attempts FROM outbox WHERE claimed_by = ? ORDER BY id", worker)


def name_of(worker):
    return worker.log("ready")[0]["worker"]


def shop_with_slow_answers(system, times):
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.slow_head(60000, times=times)])
    system.start_api()


def victim_with_claims(system, count=4, **settings):
    """A worker that waits for answers that do not come, with that many events in hand."""
    victim = system.start_worker(PREORDER_CONCURRENCY=str(count), **settings)
    for _ in range(count):
        system.created()
    wait_until(lambda: system.stats()["requests"] >= count, what="all are on the wire")
    return victim


def test_a_neighbour_takes_over_at_once(system):
    shop_with_slow_answers(system, 4)
    victim = victim_with_claims(system, **LONG)
    neighbour = system.start_worker(**LONG)
    taken = claims_of(system, name_of(victim))
    assert len(taken) == 4
    victim.kill()
    killed_at = time.monotonic()
    system.wait_sent(4)
    assert time.monotonic() - killed_at < 10, "long before the lease"
    for each in taken:
        attempts = system.attempts(each["id"])
        assert [(attempt["outcome"], attempt["token"]) for attempt in attempts] == [("unknown", 1), ("sent", 2)]
        assert attempts[0]["worker"] == name_of(victim) and attempts[1]["worker"] == name_of(neighbour)
    assert {event["attempts"] for event in system.events()} == {2}, "a crash costs one attempt"
    assert names(system) == [name_of(neighbour)], "the dead worker is struck off"
    assert neighbour.log("a worker died or is cut off: what it had in hand is due now")[0]["count"] == 4


def test_a_worker_alone_takes_over_when_it_is_started_again(system):
    shop_with_slow_answers(system, 4)
    victim = victim_with_claims(system, **LONG)
    victim.kill()
    successor = system.start_worker(**LONG)
    system.wait_sent(4)
    assert {event["attempts"] for event in system.events()} == {2}
    assert names(system) == [name_of(successor)]


def test_a_worker_of_another_host_waits_for_the_lease(system):
    shop_with_slow_answers(system, 2)
    victim = victim_with_claims(system, 2, PREORDER_HOST_ID="east", **LONG)
    other = system.start_worker(PREORDER_HOST_ID="west", **LONG)
    dead = name_of(victim)
    victim.kill()
    system.created()
    system.wait_sent(1)  # the other one works, and sees the dead one's row
    assert len(claims_of(system, dead)) == 2
    assert dead in names(system) and name_of(other) in names(system)


def frozen_with_claims(system, **settings):
    """A worker, stopped while its requests are on the wire, and what it has in hand."""
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.slow_head(ANSWER_MS)])
    system.start_api()
    worker = system.start_worker(**SHORT, **settings)

    def freeze():
        requests = system.stats()["requests"]
        for _ in range(3):
            system.created()
        wait_until(lambda: system.stats()["requests"] >= requests + 3, what="whatever it claimed is on the wire")
        freeze_outside(worker, system.database)
        held = claims_of(system, name_of(worker))
        if not held:
            worker.thaw()
        return held
    return worker, wait_until(freeze, 30, "it is stopped with events in hand")


@pytest.mark.slow
def test_a_worker_stopped_for_ten_leases_keeps_its_claims(system):
    victim, held = frozen_with_claims(system)
    system.start_worker(**SHORT)
    renewals = set()

    def ten_leases_passed():
        renewals.update(row["claim_expires_at"] for row in system.rows(
            "SELECT claim_expires_at FROM outbox WHERE id = ?", held[0]["id"]))
        return len(renewals) > 10
    wait_until(ten_leases_passed, 30, "the neighbour renews the claims")
    assert claims_of(system, name_of(victim)) == held, "nobody took anything"
    system.created()
    count = len(system.events())
    system.wait_sent(count - len(held))  # the neighbour works
    victim.thaw()
    system.wait_sent(count)
    assert "unknown" not in {attempt["outcome"] for attempt in system.attempts()}
    assert not victim.log(STALE)


def test_a_worker_cut_off_for_longer_than_its_lease_changes_nothing(system):
    victim, held = frozen_with_claims(system, PREORDER_HOST_ID="east")
    system.start_worker(PREORDER_HOST_ID="west", **SHORT)
    count = len(system.events())
    system.wait_sent(count)
    before = system.events()
    outcomes = {(attempt["outbox_id"], attempt["token"]): attempt["outcome"] for attempt in system.attempts()}
    assert {outcomes.get((each["id"], each["token"])) for each in held} == {"unknown"}
    victim.thaw()
    wait_until(lambda: sum(entry["count"] for entry in victim.log(STALE)) >= len(held),
               what="its settlements are counted as stale")
    assert system.events() == before, "nothing but the journal changed"
    late = [attempt for attempt in system.attempts() if attempt["worker"] == name_of(victim)]
    assert "unknown" not in {attempt["outcome"] for attempt in late}, "what it had to say stands in the journal"
    system.created()
    system.wait_sent(count + 1)


def test_a_worker_that_ends_leaves_the_register(shop):
    worker = shop.start_worker()
    assert names(shop) == [name_of(worker)]
    assert worker.stop() == 0
    assert names(shop) == []


def test_a_worker_whose_file_was_removed_ends(shop):
    worker = shop.start_worker()
    worker.is_exempt = True
    shop.database.with_name("preorder.db-workers").unlink()
    assert worker.wait() == 1
    assert any("was removed while in use" in entry["msg"] for entry in worker.log())


def test_status_shows_who_works(shop):
    first, second = shop.start_worker(), shop.start_worker(PREORDER_HOST_ID="west")
    freeze_outside(second, shop.database)
    shown = shop.ctl_json("status")["workers"]
    assert [(each["name"], each["pid"], each["listen"], each["alive"]) for each in shown] == [
        (name_of(worker), worker.pid, worker.admin_address, True) for worker in (first, second)]
    assert shown[1]["host_id"] == "west" and shown[0]["in_flight"] == 0
    text = shop.ctl("status").stdout
    assert name_of(first) in text and first.admin_address in text
    second.thaw()
    second.kill()
    wait_until(lambda: [each["alive"] for each in shop.ctl_json("status")["workers"]] == [True, False],
               what="the dead one is shown as such")
    assert "dead" in shop.ctl("status").stdout


def test_status_says_that_nobody_works(shop):
    assert shop.ctl_json("status")["workers"] == []
    assert "no worker runs" in shop.ctl("status").stdout
