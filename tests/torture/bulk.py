"""A backlog of 100,000 in bulk jobs within Klaviyo's own limits; one bad event in 1,000; jobs whose outcome is lost."""

import time
from collections import Counter

from lib import backlog, invariants, misbehave

BACKLOG, BACKLOG_QUICK = 100_000, 12_000
DRAIN_S_MAX = 30
REQUESTS_MAX = 12
SINGLES_SLOW = {"PREORDER_RATE_BURST": 1, "PREORDER_RATE_STEADY": 1}
NO_LIMIT = ("--burst", "1000000", "--steady", "10000000")
# Ends of jobs after which nobody knows what Klaviyo has.
LOST = ["accept-then-reset", "accept-then-silence", "reset-before-read", "close-without-answer"]


def drain(proof):
    """As in production, with Klaviyo's published limits on both sides and four workers."""
    count = BACKLOG_QUICK if proof.quick else BACKLOG
    system = proof.system()
    system.migrate()
    ids = backlog.fill(system, count)
    system.start_sandbox()
    start = time.monotonic()
    for _ in range(4):
        system.start_worker(PREORDER_POLL_INTERVAL=None)
    system.wait_sent(count, 120)
    took = time.monotonic() - start
    stats = system.stats()
    assert backlog.check_ledger(system) == set(ids)
    assert stats["throttled"] == 0, f"429s: {stats}"
    assert stats["duplicates"] == 0
    assert system.ctl("audit").returncode == 0
    assert took <= DRAIN_S_MAX * (1 if not proof.quick else 0.5), f"{count} took {took:.1f} s"
    return f"{count} in {took:.1f} s, {stats['bulk_requests']} jobs, no 429"


def search(proof, is_named):
    """One bad event among 1,000, wherever it stands."""
    most = 0
    for _ in range(2 if proof.quick else 20):
        system = proof.system()
        system.migrate()
        bad = proof.random.randrange(1, 1000)
        ids = backlog.fill(system, 1000, email_of=lambda n: (
            "no address" if is_named and n == bad else f"c{n}@klaviyo-demo.com"))
        refuse = misbehave.entry("status", {"unique_id": ids[bad]}, status=400, body="no")
        system.start_sandbox(*NO_LIMIT, script=[] if is_named else [refuse])
        worker = system.start_worker(PREORDER_BULK_THRESHOLD=100, **SINGLES_SLOW)
        system.wait_sent(999, 60)
        dead = [event["id"] for event in system.events() if event["status"] != "sent"]
        assert dead == [ids[bad]] and system.count("dead") == 1, f"{dead} instead of {ids[bad]}"
        assert backlog.check_ledger(system) == set(ids) - set(dead)
        jobs = len(worker.log("bulk job"))
        assert jobs <= REQUESTS_MAX, f"{jobs} requests for one bad event, number {bad}"
        most = max(most, jobs)
        worker.stop()
        system.sandbox.stop()
    return f"one bad of 1000 {'named' if is_named else 'unnamed'}: at most {most} requests, dead alone"


def lose(proof, repeats):
    """Jobs that were taken, or not, and nobody says so: their members go alone, with the same bytes."""
    system = proof.system()
    system.migrate()
    count = 5000 if proof.quick else 20_000
    ids = backlog.fill(system, count)
    rules = [misbehave.entry(do, {"path": backlog.BULK_PATH, "times": 1}) for do in LOST]
    rules.append(misbehave.entry("status", {"path": backlog.BULK_PATH, "times": 1}, status=502, accept=True))
    proof.random.shuffle(rules)
    system.start_sandbox(*NO_LIMIT, "--bulk-repeats", repeats, script=rules)
    workers = [system.start_worker(PREORDER_BULK_THRESHOLD=100, PREORDER_REQUEST_TIMEOUT="1s", PREORDER_CONCURRENCY=4,
                                   PREORDER_RATE_BURST=1_000_000, PREORDER_RATE_STEADY=10_000_000) for _ in range(2)]
    system.wait_sent(count, 120)
    lost = [job for worker in workers for job in worker.log("bulk job") if job["http_status"] not in (202, 400)]
    assert len(lost) == len(rules), f"{len(lost)} jobs were lost, not {len(rules)}"
    assert backlog.check_ledger(system, exactly_once=False) == set(ids)
    lines = system.ledger()
    in_jobs = Counter(line["unique_id"] for line in lines if line["path"] == backlog.BULK_PATH)
    assert max(in_jobs.values()) == 1, "an event was in two jobs that were taken"
    unknown = {row["outbox_id"] for row in system.rows(
        "SELECT outbox_id FROM outbox_attempts WHERE outcome = 'retry'")}
    assert len(unknown) == sum(job["events"] for job in lost)
    alone = {line["unique_id"] for line in lines if line["path"] != backlog.BULK_PATH}
    assert unknown <= alone, "what was unknown went alone"
    repeated = sum(line["duplicate"] for line in lines)
    assert repeated <= len(unknown) and system.count("dead") == 0
    assert invariants.check(system) == repeated
    return f"{repeats}: {len(lost)} jobs lost, {len(unknown)} events went alone, {repeated} marked repeats"


def prove(proof):
    return "; ".join([drain(proof), search(proof, True), search(proof, False), lose(proof, "request"),
                      lose(proof, "history")])
