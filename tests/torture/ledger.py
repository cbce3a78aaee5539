"""A backlog under kill -9, lost answers, 500s and resets, in both readings of repeats: the ledger against the rows."""

import time
from collections import Counter, defaultdict

from lib import backlog, invariants, misbehave
from lib.wait import wait_until

COUNT, COUNT_QUICK = 50_000, 3000  # in each reading
KILLS, KILLS_QUICK = 30, 6
WORKERS = 3
LATE_MS, LATE_MS_QUICK = 8000, 1000  # into the run: from then on what is sent says `backfill`
LINE_BYTES = 260
SINGLE_PATH = "/api/events"
NO_LIMIT = ("--burst", "1000000", "--steady", "10000000")
SETTINGS = {"PREORDER_LEASE": "3s", "PREORDER_REQUEST_TIMEOUT": "1s", "PREORDER_WRITE_TIMEOUT": "1s",
            "PREORDER_CONCURRENCY": "16", "PREORDER_BULK_THRESHOLD": 500, "PREORDER_RATE_STEADY": 10_000_000}
BURST, BURST_QUICK = 1500, 300  # single events a second: else they leave nothing to the jobs
# The first two accept: after them Klaviyo has what we do not know of.
LOST = ("accept-then-reset", "accept-then-silence")
FAULTS = (*LOST, "500", "reset-before-read")


def script(proof, count):
    """Every fault for jobs, with slow answers between them that kills can hit, and for single events on the way."""
    rules = []
    for fault in proof.random.sample(FAULTS, len(FAULTS)) * (1 if proof.quick else 2):
        rules += [misbehave.slow_head(100, path=backlog.BULK_PATH, times=1),
                  misbehave.entry(fault, {"path": backlog.BULK_PATH, "times": 1})]
    for fault in FAULTS * (3 if proof.quick else 8):
        nth = proof.random.randint(count // 50, count // 5)
        match = {"path": SINGLE_PATH, "nth": nth, "times": proof.random.randint(2, 4)}
        rules.append(misbehave.entry(fault, match))
    return rules


def drain(proof, system, count, **settings):
    """Workers are killed and replaced until nothing is pending; the names of the dead."""
    workers = [system.start_worker(**settings) for _ in range(WORKERS)]
    kills = KILLS_QUICK if proof.quick else KILLS
    killed = set()

    def is_over():
        return system.value("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE status = 'pending')")

    def ledger_bytes():
        return system.ledger_path.stat().st_size

    wait_until(lambda: system.stats()["bulk_requests"], 30, "a job comes")
    for _ in range(kills):
        wanted = ledger_bytes() + proof.random.randint(1, count * LINE_BYTES // kills)
        wait_until(lambda wanted=wanted: ledger_bytes() >= wanted or is_over(), 60, system.story)
        if is_over():
            break
        for victim in proof.random.sample(workers, proof.random.randint(1, WORKERS)):
            killed.add(victim.log("ready")[0]["worker"])
            victim.kill()
            workers.remove(victim)
        while len(workers) < WORKERS:
            workers.append(system.start_worker(**settings))
    wait_until(is_over, 180, system.story)
    return killed


def check_line(line, event, is_late):
    """True if it says `backfill`: the one change that bytes may see, and nothing takes it back."""
    if not is_late and line["sha256"] == backlog.sha256_on(line["path"], event["payload"]):
        return False
    assert event["backfill_at"] is not None, f"other bytes than stored: {line}"
    assert line["sha256"] == backlog.sha256_on(line["path"], event["payload"], True), f"other bytes than stored: {line}"
    return True


def check_lines(system, events):
    """The ledger by itself and against the rows; its lines by event, and how many changed to `backfill` on the way."""
    lines_of, late = defaultdict(list), {}
    changed = 0
    for line in system.ledger():
        event = events.get(line["unique_id"])
        assert event is not None, f"in the ledger and not in the database: {line}"
        earlier = lines_of[event["id"]]
        assert line["duplicate"] == bool(earlier), f"marked wrong: {line}"
        assert not earlier or line["path"] != backlog.BULK_PATH, f"again, and in a job: {earlier}, {line}"
        was_late = late.get(event["id"], False)
        late[event["id"]] = check_line(line, event, was_late)
        changed += bool(earlier) and late[event["id"]] != was_late
        earlier.append(line)
    return lines_of, changed


def check_journal(system, events, lines_of, killed):
    """No line without an attempt that can have left it; what may have arrived was kept out of jobs from then on."""
    may_have_arrived = Counter()
    for attempt in system.attempts():
        event = events[attempt["outbox_id"]]
        if attempt["outcome"] == "unknown":
            assert attempt["worker"] in killed, f"unknown, and nobody died: {attempt}"
        if attempt["outcome"] in ("unknown", "retry"):
            assert event["single_only"] == 1, f"a job may have it again: {attempt}"
        if attempt["outcome"] in ("unknown", "sent") or not attempt["http_status"]:
            may_have_arrived[event["id"]] += 1
    for event_id, lines in lines_of.items():
        assert len(lines) <= may_have_arrived[event_id], f"repeats that no fault explains: {lines}"


def read(proof, repeats):
    """One reading of repeats in bulk jobs."""
    count = COUNT_QUICK if proof.quick else COUNT
    system = proof.system()
    system.migrate()
    ids = backlog.fill(system, count)
    system.start_sandbox(*NO_LIMIT, "--bulk-repeats", repeats, script=script(proof, count))
    age_ms = int(time.time() * 1000) - system.value("SELECT min(created_at) FROM outbox")
    age_ms += LATE_MS_QUICK if proof.quick else LATE_MS
    killed = drain(proof, system, count, PREORDER_BACKFILL_AGE=f"{age_ms}ms",
                   PREORDER_RATE_BURST=BURST_QUICK if proof.quick else BURST, **SETTINGS)
    assert killed, "nobody was killed"
    assert system.count("sent") == count, system.story()
    events = {event["id"]: event for event in system.events()}
    lines_of, changed = check_lines(system, events)
    assert set(lines_of) == set(events) == set(ids), "stored and not in the ledger"
    check_journal(system, events, lines_of, killed)
    invariants.check(system)
    stats, lines = system.stats(), system.ledger()
    repeated = len(lines) - count
    assert (stats["accepted"], stats["duplicates"]) == (len(lines), repeated), f"not all was marked: {stats}"
    assert stats["refused"] == 0, f"Klaviyo refused something, such as a job with repeats: {stats}"
    faults = Counter(entry["do"] for entry in system.sandbox.log("misbehaviour"))
    assert all(faults[fault] for fault in FAULTS), f"a fault was never met: {faults}"
    in_jobs = sum(line["path"] == backlog.BULK_PATH for line in lines)
    assert in_jobs, "no job was accepted"
    assert repeated, "no fault led to a repeat"
    return (f"{repeats}: {count} preorders, {len(killed)} kills, "
            f"{sum(faults[fault] for fault in LOST)} answers lost, {faults['500']} times 500, "
            f"{faults['reset-before-read']} resets, {stats['bulk_requests']} jobs, {in_jobs} events in jobs, "
            f"{repeated} marked repeats, {changed} of them with `backfill` new, none unexplained")


def prove(proof):
    return "; ".join(read(proof, repeats) for repeats in ("request", "history"))
