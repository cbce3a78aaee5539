"""Any number of workers on one file."""

from lib import misbehave
from lib.wait import wait_until

# Klaviyo's own limits are not what this is about.
GENEROUS = ("--burst", "100000", "--steady", "1000000")
# A claim that outlives its holder for only two seconds.
SHORT = {"PREORDER_LEASE": "2s", "PREORDER_REQUEST_TIMEOUT": "1s", "PREORDER_WRITE_TIMEOUT": "500ms"}


def check_no_attempt_without_a_reason(system):
    """An event has a second line in the journal only if the first one says why."""
    for event in system.events():
        attempts = system.attempts(event["id"])
        assert [attempt["token"] for attempt in attempts] == sorted(
            {attempt["token"] for attempt in attempts}), attempts
        for attempt in attempts[:-1]:
            assert attempt["outcome"] in ("retry", "throttled", "paused", "unknown"), attempts
        assert event["status"] != "sent" or attempts[-1]["outcome"] == "sent", attempts


def test_two_workers_share_the_work(system):
    system.migrate().start_sandbox(*GENEROUS)
    system.start_api()
    for _ in range(400):
        system.created()
    workers = [system.start_worker(PREORDER_CONCURRENCY="4") for _ in range(2)]
    system.wait_sent(400)
    assert all(len(system.attempts(event["id"])) == 1 for event in system.events())
    assert len(system.ledger()) == 400 == len({line["unique_id"] for line in system.ledger()})
    assert all(worker.is_running() for worker in workers)


def test_four_workers_make_no_attempt_without_a_reason(system):
    """Preorders keep coming while four workers send to a Klaviyo that fails now and then."""
    system.migrate().start_sandbox(*GENEROUS, script=[
        misbehave.status(503, email="flaky", times=40), misbehave.lost(email="lost", times=20),
        misbehave.refuse(400, "No.", "/data", email="bad", times=5)])
    system.start_api()
    for _ in range(4):
        system.start_worker(PREORDER_CONCURRENCY="8", PREORDER_REQUEST_TIMEOUT="3s")
    kinds = ["ada"] * 20 + ["flaky"] * 3 + ["lost"] * 2
    for number in range(500):
        system.created(email=f"{kinds[number % len(kinds)]}{number}@klaviyo-demo.com")
        if number % 100 == 50:
            system.created(email=f"bad{number}@klaviyo-demo.com")
    wait_until(lambda: system.count("pending") == 0, 60, system.story)
    assert (system.count("sent"), system.count("dead")) == (500, 5)
    check_no_attempt_without_a_reason(system)
    assert system.stats()["requests"] == len(system.attempts()), "what was on the wire stands in the journal"
    lost = [line for line in system.ledger() if line["duplicate"]]
    assert len(lost) == 20, "a repeat only where an answer was lost"
    assert {line["unique_id"] for line in system.ledger()} \
        == {event["id"] for event in system.events() if event["status"] == "sent"}
    assert system.ctl("audit").returncode == 0


def test_what_a_killed_worker_had_in_hand_is_delivered_by_another(system):
    system.migrate().start_sandbox(script=[misbehave.slow_head(60000, times=4)])
    system.start_api()
    victim = system.start_worker(PREORDER_CONCURRENCY="4", **SHORT)
    made = [system.created()["id"] for _ in range(4)]
    wait_until(lambda: system.stats()["requests"] >= 4, what="all four are on the wire")
    victim.kill()
    system.start_worker(**SHORT)
    for each in made:
        event = system.wait_event(each, status="sent")
        assert [attempt["outcome"] for attempt in system.attempts(event["id"])] == ["unknown", "sent"]
        assert event["attempts"] == 2, "a crash costs an attempt, or it could go on for ever"


def test_workers_come_and_go_without_losing_anything(shop):
    for _ in range(3):
        workers = [shop.start_worker(PREORDER_CONCURRENCY="2") for _ in range(2)]
        for _ in range(60):
            shop.created()
        for worker in workers:
            assert worker.stop() == 0
    shop.start_worker()
    shop.wait_sent(180)
    check_no_attempt_without_a_reason(shop)
    assert len(shop.ledger()) == 180, "nothing was sent twice"
