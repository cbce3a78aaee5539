"""A backlog goes in bulk jobs; whatever becomes of a job, every event has its own truth."""

from collections import Counter

import pytest

from lib import backlog, misbehave
from lib.wait import wait_until

REPEATS = pytest.mark.parametrize("repeats", ["request", "history"])
SINGLES_FAST = {"PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
# Hardly anything but bulk jobs.
SINGLES_SLOW = {"PREORDER_RATE_BURST": 1, "PREORDER_RATE_STEADY": 1}
NO_LIMIT = ("--burst", "1000000", "--steady", "10000000")
REAL_BULK_LIMITS = ("--burst", "350", "--steady", "3500")


def start(system, count, script=(), repeats="request", limits=REAL_BULK_LIMITS, **settings):
    system.migrate()
    ids = backlog.fill(system, count, **{k: settings.pop(k) for k in ("email_of", "age_ms") if k in settings})
    script = [rule(ids) if callable(rule) else rule for rule in script]
    system.start_sandbox("--bulk-repeats", repeats, *limits, script=list(script))
    system.start_worker(**{"PREORDER_BULK_THRESHOLD": 100, **SINGLES_SLOW, **settings})
    return ids


def bulk_lines(system):
    return [line for line in system.ledger() if line["path"] == backlog.BULK_PATH]


def jobs_of(system):
    return [line for line in system.processes[-1].log() if line["msg"] == "bulk job"]


def end(system, sent, dead=0):
    system.wait_sent(sent, 60)
    assert (system.count("sent"), system.count("dead"), system.count("pending")) == (sent, dead, 0), system.story()
    assert system.ctl("audit").returncode == 0


def test_a_backlog_goes_in_jobs_of_a_thousand(system):
    start(system, 5000)
    end(system, 5000)
    assert backlog.check_ledger(system) and len(bulk_lines(system)) > 4900
    assert system.stats()["bulk_requests"] <= 6
    assert {(row["outcome"], row["burnt"]) for row in system.attempts()} == {("sent", 1)}
    assert all(event["attempts"] == 1 for event in system.events())


def test_below_the_threshold_and_with_threshold_0_there_are_no_jobs(system):
    start(system, 300, PREORDER_BULK_THRESHOLD=300, **SINGLES_FAST)
    system.wait_sent(300)
    assert not bulk_lines(system)
    backlog.check_ledger(system)


def test_threshold_0_means_never(system):
    start(system, 2000, PREORDER_BULK_THRESHOLD=0, limits=NO_LIMIT, **SINGLES_FAST)
    system.wait_sent(2000)
    assert not bulk_lines(system)


def test_a_bad_event_that_klaviyo_names_dies_alone(system):
    ids = start(system, 1000, email_of=lambda n: "no address" if n == 617 else f"c{n}@klaviyo-demo.com")
    end(system, 999, dead=1)
    (dead,) = system.rows("SELECT * FROM outbox WHERE status = 'dead'")
    assert dead["id"] == ids[617] and dead["last_http_status"] == 400 and "email" in dead["last_error"]
    assert system.stats()["requests"] <= 12
    assert backlog.check_ledger(system) == set(ids) - {dead["id"]}
    attempts = system.attempts(ids[1])
    assert [row["outcome"] for row in attempts][-1] == "sent" and len(attempts) <= 2


@pytest.mark.parametrize("bad", [1, 999])
def test_a_bad_event_that_nobody_names_is_searched_for(system, bad):
    refuse = lambda ids: misbehave.entry("status", {"unique_id": ids[bad]}, status=400, body="no",
                                         headers={"Content-Type": "text/plain"})
    ids = start(system, 1000, [refuse], limits=NO_LIMIT)
    end(system, 999, dead=1)
    (dead,) = system.rows("SELECT * FROM outbox WHERE status = 'dead'")
    assert dead["id"] == ids[bad]
    jobs = jobs_of(system)
    assert 2 < len(jobs) <= 12
    assert backlog.check_ledger(system) == set(ids) - {dead["id"]}
    # One line in the journal for each request that an event was in.
    assert sum(job["events"] for job in jobs) + system.stats()["requests"] - len(jobs) == len(system.attempts())


def test_a_job_that_is_too_large_goes_in_halves(system):
    too_large = misbehave.entry("status", {"path": backlog.BULK_PATH, "times": 2}, status=413)
    ids = start(system, 1000, [too_large], limits=NO_LIMIT)
    end(system, 1000)
    assert backlog.check_ledger(system) == set(ids)
    assert system.stats()["requests"] <= 8


@REPEATS
@pytest.mark.parametrize("fault", ["accept-then-reset", "accept-then-silence", "reset-before-read", "500"])
def test_after_an_unknown_outcome_the_members_go_one_by_one(system, repeats, fault):
    lost = misbehave.entry(fault, {"path": backlog.BULK_PATH, "times": 1}, **(
        {"accept": True} if fault == "500" else {}))
    ids = start(system, 1500, [lost], repeats, limits=NO_LIMIT, PREORDER_REQUEST_TIMEOUT="1s", **{
        **SINGLES_FAST, "PREORDER_RATE_STEADY": 1_000_000, "PREORDER_CONCURRENCY": 4})
    end(system, 1500)
    assert backlog.check_ledger(system, exactly_once=False) == set(ids)
    in_jobs = {}
    for row in system.rows("SELECT outbox_id, started_at, finished_at, worker, outcome FROM outbox_attempts"):
        in_jobs.setdefault(row["outbox_id"], []).append(row["outcome"])
    hit = [event for event, outcomes in in_jobs.items() if "retry" in outcomes]
    assert hit and all(in_jobs[event] == ["retry", "sent"] for event in hit)
    lines = [line["unique_id"] for line in bulk_lines(system)]
    assert len(lines) == len(set(lines)), "an event was accepted twice in jobs"
    singles = {line["unique_id"] for line in system.ledger() if line["path"] != backlog.BULK_PATH}
    assert set(hit) <= singles, "what was unknown went alone"
    assert all(event["single_only"] == (event["id"] in hit) for event in system.events())
    assert [job["error"] for job in jobs_of(system) if job["http_status"] != 202] \
        == [system.attempts(hit[0])[0]["error"]], "the log says why"


def test_a_job_gets_a_place_while_klaviyo_can_take_two_requests_at_once(system):
    """As after an outage; single events would refill both places for ever."""
    system.migrate()
    ids = backlog.fill(system, 1500)
    backlog.alter(system, "UPDATE account SET concurrency_max = 2")
    system.start_sandbox(*NO_LIMIT, script=[misbehave.entry("delay-head", {"path": "/api/events"}, delay_ms=50)])
    system.start_worker(PREORDER_BULK_THRESHOLD=100, **SINGLES_FAST)
    end(system, 1500)
    assert backlog.check_ledger(system) == set(ids)
    assert len(bulk_lines(system)) > 1000, system.stats()


def test_a_throttled_job_waits_and_loses_no_attempt(system):
    throttle = misbehave.entry("status", {"path": backlog.BULK_PATH, "times": 1}, status=429, retry_after=1)
    ids = start(system, 1000, [throttle], limits=NO_LIMIT)
    end(system, 1000)
    assert backlog.check_ledger(system) == set(ids)
    assert {row["outcome"] for row in system.attempts() if not row["burnt"]} == {"throttled"}
    assert all(event["attempts"] == 1 for event in system.events())


def test_a_key_that_is_refused_pauses_and_buries_nobody(system):
    refuse = misbehave.entry("401", {"path": backlog.BULK_PATH, "times": 1})
    ids = start(system, 1000, [refuse], limits=NO_LIMIT, PREORDER_PROBE_INTERVAL="200ms",
                PREORDER_RATE_BURST=2, PREORDER_RATE_STEADY=10)
    end(system, 1000)
    assert backlog.check_ledger(system) == set(ids)
    assert {row["outcome"] for row in system.attempts()} == {"paused", "sent"}


def test_a_bad_deploy_does_not_bury_the_backlog(system):
    start(system, 1000, email_of=lambda n: f"no address {n}", limits=NO_LIMIT, PREORDER_PROBE_INTERVAL="30s")
    worker = system.processes[-1]
    worker.wait_log("account paused: nothing is sent but slow probes")
    assert system.count("dead") == 9 and system.count("sent") == 0
    assert "bad deploy" in system.value("SELECT pause_reason FROM account")


@pytest.mark.parametrize("count,threshold", [(50, 0), (500, 100)])
def test_what_is_sent_late_says_backfill_on_every_attempt(system, count, threshold):
    fault = misbehave.entry("503-retry-after", {"times": 1}, retry_after=0)
    start(system, count, [fault], limits=NO_LIMIT, age_ms=3_600_000, PREORDER_BACKFILL_AGE="10m",
          PREORDER_BULK_THRESHOLD=threshold, **SINGLES_FAST)
    end(system, count)
    backlog.check_ledger(system)
    assert all(event["backfill_at"] and event["payload"].endswith('"backfill":false}}}') for event in system.events())


@REPEATS
def test_what_a_killed_worker_had_in_a_job_goes_alone(system, repeats):
    lost = misbehave.entry("accept-then-silence", {"path": backlog.BULK_PATH, "times": 1})
    ids = start(system, 1500, [lost], repeats, limits=NO_LIMIT)
    wait_until(lambda: len(bulk_lines(system)) >= 999, what="a job was accepted")
    system.processes[-1].kill()
    system.start_worker(PREORDER_BULK_THRESHOLD=100, **SINGLES_FAST)
    end(system, 1500)
    assert backlog.check_ledger(system, exactly_once=False) == set(ids)
    in_jobs = Counter(line["unique_id"] for line in bulk_lines(system))
    assert max(in_jobs.values()) == 1, "an event was in two jobs that were taken"
    unknown = {row["outbox_id"] for row in system.attempts() if row["outcome"] == "unknown"}
    alone = {line["unique_id"] for line in system.ledger() if line["path"] != backlog.BULK_PATH}
    assert len(unknown) >= 999 and unknown <= alone


def test_a_worker_that_drains_gives_its_members_back(system):
    slow = misbehave.slow_head(20000, path=backlog.BULK_PATH)
    start(system, 3000, [slow], limits=NO_LIMIT, PREORDER_DRAIN_TIMEOUT="8s")
    worker = system.processes[-1]
    worker.wait_for(lambda: system.value("SELECT count(*) FROM outbox WHERE claimed_by IS NOT NULL") >= 2000,
                    "two jobs are on the wire")
    assert worker.stop() == 0
    assert system.value("SELECT count(*) FROM outbox WHERE claimed_by IS NOT NULL") == 0
    assert {row["outcome"] for row in system.attempts()} <= {"retry", "sent"}
    assert system.value("SELECT count(*) FROM outbox WHERE single_only") \
        == system.value("SELECT count(*) FROM outbox_attempts WHERE outcome = 'retry'")
