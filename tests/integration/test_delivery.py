"""What a worker does with what Klaviyo answers."""

import hashlib
import json
import signal
import time

import pytest

from lib import misbehave
from lib.wait import wait_until


def hash_of(event):
    return hashlib.sha256(event["payload"].encode()).hexdigest()


def start(system, *script, **settings):
    """Database, sandbox with a script, API, one worker."""
    system.migrate().start_sandbox(script=list(script))
    system.start_api()
    return system.start_worker(**settings)


def outcomes(system, event):
    return [attempt["outcome"] for attempt in system.attempts(event["id"])]


def test_a_preorder_is_delivered(shop):
    shop.start_worker()
    made = shop.created(properties={"campaign": "Frühling", "note": "日本語 🛋"})
    event = shop.wait_event(made["id"], status="sent")
    assert (event["attempts"], event["last_http_status"], event["claimed_by"]) == (1, 202, None)
    assert event["sent_at"] >= event["created_at"]
    (line,) = shop.ledger()
    assert (line["unique_id"], line["email"], line["metric"], line["duplicate"]) \
        == (event["id"], "ada@klaviyo-demo.com", "Preorder Started", False)
    assert line["path"] == "/api/events"
    assert line["sha256"] == hash_of(event), "sent byte for byte as it was stored"
    (attempt,) = shop.attempts(event["id"])
    assert (attempt["token"], attempt["outcome"], attempt["burnt"], attempt["http_status"]) == (1, "sent", 1, 202)
    assert event["created_at"] <= attempt["started_at"] <= attempt["finished_at"] <= event["sent_at"] + 1000
    body = shop.get(f"/pre-order/{made['id']}").json()
    assert body["events"][0]["status"] == "sent" and body["events"][0]["sent_at"]
    assert shop.ctl("audit").returncode == 0


def test_events_that_were_there_before_the_worker_are_delivered(shop):
    for _ in range(200):
        shop.created()
    shop.start_worker()
    shop.wait_sent(200)
    assert len({line["unique_id"] for line in shop.ledger()}) == 200 == len(shop.ledger())
    assert shop.ctl("audit").returncode == 0


@pytest.mark.parametrize("fault", misbehave.PASSING, ids=lambda fault: fault["do"] + str(fault.get("status", "")))
def test_a_passing_fault_is_retried_until_it_passes(system, fault):
    start(system, misbehave.times(fault, 2), PREORDER_REQUEST_TIMEOUT="1s")
    event = system.wait_event(system.created()["id"], status="sent")
    attempts = system.attempts(event["id"])
    assert [attempt["outcome"] for attempt in attempts] == ["retry", "retry", "sent"]
    assert [attempt["token"] for attempt in attempts] == [1, 2, 3]
    assert all(attempt["burnt"] for attempt in attempts) and event["attempts"] == 3
    for attempt in attempts[:2]:
        assert attempt["error"] and attempt["next_attempt_at"] >= attempt["finished_at"]
    assert len({line["sha256"] for line in system.ledger()} | {hash_of(event)}) == 1


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_bytes(system):
    start(system, misbehave.lost(times=1))
    event = system.wait_event(system.created()["id"], status="sent")
    first, second = system.ledger()
    assert first["unique_id"] == second["unique_id"] == event["id"]
    assert first["sha256"] == second["sha256"] == hash_of(event)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert outcomes(system, event) == ["retry", "sent"]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_event_is_dead_at_once_with_klaviyo_s_words(system, status):
    start(system, misbehave.refuse(status, "Invalid input: value is not right.", "/data/attributes/value",
                                   email="bad"))
    bad, good = system.created(email="bad@klaviyo-demo.com"), system.created()
    event = system.wait_event(bad["id"], status="dead")
    assert event["attempts"] == 1 and event["last_http_status"] == status
    assert "Invalid input: value is not right." in event["last_error"]
    assert "/data/attributes/value" in event["last_error"]
    (attempt,) = system.attempts(event["id"])
    assert (attempt["outcome"], attempt["burnt"], attempt["next_attempt_at"]) == ("dead", 1, None)
    assert "value is not right" in attempt["response_body"]
    system.wait_event(good["id"], status="sent")
    assert system.ctl("audit").returncode == 0, "dead is an end like another"


def test_an_address_in_klaviyo_s_words_is_masked(system):
    start(system, misbehave.refuse(400, "bad@klaviyo-demo.com is no address", "/data", email="bad"))
    event = system.wait_event(system.created(email="bad@klaviyo-demo.com")["id"], status="dead")
    assert "bad@" not in event["last_error"] and "is no address" in event["last_error"]
    assert "bad@klaviyo-demo.com" in system.attempts(event["id"])[0]["response_body"], "the whole answer stands here"


def test_a_dead_event_that_a_person_retries_is_delivered(system):
    start(system, misbehave.refuse(400, "Not today.", "/data", times=1))
    event = system.wait_event(system.created()["id"], status="dead")
    done = system.ctl("retry", event["id"], "--yes", "--reason", "Klaviyo mended it")
    assert done.returncode == 0, done.stderr
    event = system.wait_event(event["preorder_id"], status="sent")
    assert outcomes(system, event) == ["dead", "sent"] and event["attempts"] == 1, "attempts begin anew"
    first, second = system.attempts(event["id"])
    assert first["token"] < second["token"], "tokens do not"
    (line,) = system.rows("SELECT * FROM audit_log")
    assert (line["count"], line["reason"]) == (1, "Klaviyo mended it") and line["actor"]


def test_attempts_have_a_maximum(system):
    start(system, misbehave.status(500, email="bad"), PREORDER_RETRY_MAX_ATTEMPTS="3", PREORDER_RETRY_BASE="10ms")
    event = system.wait_event(system.created(email="bad@klaviyo-demo.com")["id"], status="dead")
    assert event["attempts"] == 3 and outcomes(system, event) == ["retry", "retry", "dead"]
    assert event["last_http_status"] == 500 and event["last_error"]


def test_age_has_a_maximum(system):
    start(system, misbehave.status(503, email="old"), PREORDER_RETRY_MAX_AGE="1s", PREORDER_RETRY_MAX="200ms")
    event = system.wait_event(system.created(email="old@klaviyo-demo.com")["id"], status="dead")
    attempts = system.attempts(event["id"])
    assert len(attempts) >= 2 and attempts[-1]["outcome"] == "dead"
    assert attempts[-1]["finished_at"] - attempts[0]["started_at"] >= 900


def test_a_throttled_account_waits_as_long_as_klaviyo_says(system):
    start(system, misbehave.status(429, {"Retry-After": "2"}, times=1), PREORDER_CONCURRENCY="1")
    events = [system.created()["id"] for _ in range(5)]
    for each in events:
        system.wait_event(each, status="sent")
    throttled = [attempt for attempt in system.attempts() if attempt["outcome"] == "throttled"]
    assert len(throttled) == 1 and throttled[0]["burnt"] == 0
    wait_ms = throttled[0]["finished_at"] + 2000
    later = [attempt for attempt in system.attempts() if attempt["started_at"] > throttled[0]["finished_at"]]
    assert len(later) >= 1 and all(attempt["started_at"] >= wait_ms - 50 for attempt in later)
    assert all(event["attempts"] == 1 for event in system.events()), "a throttled attempt is given back"


def test_a_throttled_account_holds_back_every_worker(system):
    start(system, misbehave.status(429, {"Retry-After": "2"}, times=1), PREORDER_CONCURRENCY="1")
    first = system.created()["id"]
    wait_until(lambda: system.attempts(), what="the first attempt is journaled")
    system.start_worker()
    second = system.created()["id"]
    for each in (first, second):
        system.wait_event(each, status="sent")
    attempts = sorted(system.attempts(), key=lambda attempt: attempt["started_at"])
    assert [attempt["outcome"] for attempt in attempts] == ["throttled", "sent", "sent"]
    assert attempts[1]["started_at"] >= attempts[0]["finished_at"] + 1950


@pytest.mark.parametrize("fault", [
    misbehave.refuse(401, "The key is not right.", "/data"), misbehave.entry("401", {}),
    misbehave.entry("403-json", {}), misbehave.status(404), misbehave.entry("410", {}),
    misbehave.entry("redirect-to-link-local", {}), misbehave.status(418)],
    ids=lambda fault: fault["do"] + str(fault.get("status", "")))
def test_an_operator_s_fault_pauses_the_account(system, fault):
    start(system, fault, PREORDER_CONCURRENCY="1")
    for _ in range(5):
        system.created()
    wait_until(lambda: system.value("SELECT pause_reason FROM account"), what="the account is paused")
    assert "paused" in system.ctl("status").stdout
    assert [attempt["outcome"] for attempt in system.attempts()] == ["paused"]
    assert not any(attempt["burnt"] for attempt in system.attempts())
    assert system.count("pending") == 5 and not any(event["attempts"] for event in system.events())
    assert system.stats()["requests"] == 1, "and nothing else is sent"


def test_a_paused_account_resumes_by_itself_when_a_probe_goes_through(system):
    worker = start(system, misbehave.entry("401", {"times": 3}), PREORDER_PROBE_INTERVAL="500ms",
                   PREORDER_CONCURRENCY="4")
    made = [system.created()["id"] for _ in range(10)]
    worker.wait_log("account paused: nothing is sent but slow probes")
    for each in made:
        assert system.wait_event(each, status="sent")["attempts"] == 1
    assert system.value("SELECT pause_reason FROM account") is None
    assert sorted(attempt["outcome"] for attempt in system.attempts()) == ["paused"] * 3 + ["sent"] * 10
    assert worker.is_running()


def test_ten_refused_in_a_row_are_a_bad_deploy_and_not_ten_bad_events(system):
    start(system, misbehave.refuse(400, "Everything is wrong.", "/data"), PREORDER_CONCURRENCY="1")
    for _ in range(15):
        system.created()
    wait_until(lambda: system.value("SELECT pause_reason FROM account"), what="the account is paused")
    assert (system.count("dead"), system.count("pending")) == (9, 6), "the tenth is not buried"


def test_klaviyo_unreachable_and_back(system):
    system.migrate().start_sandbox()
    address = system.sandbox.address
    system.start_api()
    system.start_worker()
    system.sandbox.kill()
    made = [system.created()["id"] for _ in range(20)]
    wait_until(lambda: len(system.attempts()) >= 3, what="the worker has tried")
    assert system.count("pending") == 20
    system.start_sandbox(listen=address)
    for each in made:
        system.wait_event(each, status="sent")
    assert len({line["unique_id"] for line in system.ledger()}) == 20
    assert not any(line["duplicate"] for line in system.ledger()), "nothing reached Klaviyo before"


def test_a_worker_that_drains_finishes_what_is_on_the_wire(system):
    worker = start(system, misbehave.slow_head(1500))
    event = system.created()["id"]
    wait_until(lambda: system.stats()["requests"] >= 1, what="the request is on the wire")
    assert worker.stop() == 0
    (event,) = system.events(event)
    assert event["status"] == "sent" and outcomes(system, event) == ["sent"]


def test_a_worker_that_drains_gives_its_claims_back(system):
    """More is claimed than can be sent before the end: what never went out has no line in the journal."""
    worker = start(system, misbehave.slow_head(60000), PREORDER_CONCURRENCY="2", PREORDER_DRAIN_TIMEOUT="500ms")
    for _ in range(10):
        system.created()
    wait_until(lambda: system.stats()["requests"] >= 2, what="two requests are on the wire")
    assert worker.stop() == 0
    events = system.events()
    assert all(event["status"] == "pending" and event["claimed_by"] is None for event in events)
    on_the_wire = [event for event in events if system.attempts(event["id"])]
    assert len(on_the_wire) == 2
    for event in events:
        if event not in on_the_wire:
            assert event["attempts"] == 0 and event["next_attempt_at"] <= time.time() * 1000


def test_a_second_signal_ends_a_worker_at_once(system):
    worker = start(system, misbehave.slow_head(60000), PREORDER_DRAIN_TIMEOUT="10m", PREORDER_REQUEST_TIMEOUT="50s")
    system.created()
    wait_until(lambda: system.stats()["requests"] >= 1, what="the request is on the wire")
    worker.signal(signal.SIGTERM)
    worker.wait_log("draining")
    worker.is_exempt = True
    worker.signal(signal.SIGTERM)
    assert worker.wait() != 0
    assert system.count("pending") == 1


def test_klaviyo_s_limits_cost_no_event(system):
    """Three times the allowance is due at once: throttled, never dead, never lost."""
    system.migrate().start_sandbox("--burst", "40", "--steady", "10000")
    system.start_api()
    for _ in range(120):
        system.created()
    system.start_worker()
    system.wait_sent(120, 60)
    assert system.count("dead") == 0
    assert all(event["attempts"] == 1 for event in system.events())
    assert not any(line["duplicate"] for line in system.ledger())


def test_the_metric_prefix_and_revision_reach_klaviyo(system):
    system.migrate().start_sandbox()
    system.start_api(KLAVIYO_METRIC_PREFIX="Shop A")
    system.start_worker()
    system.created()
    system.wait_sent(1)
    assert [line["metric"] for line in system.ledger()] == ["Shop A Preorder Started"]


def test_logs_tell_the_way_of_a_request_without_its_address(system):
    worker = start(system)
    made = system.create({"X-Request-Id": "shop-42"}).json()
    system.wait_event(made["id"], status="sent")
    assert [entry for entry in system.api.log() if entry.get("request_id") == "shop-42"]
    wait_until(lambda: [entry for entry in worker.log() if entry.get("request_id") == "shop-42"],
               what="the attempt is logged")
    (event,) = system.events(made["id"])
    assert event["request_id"] == "shop-42"
    assert json.loads(event["payload"])["data"]["attributes"]["unique_id"] == event["id"]
