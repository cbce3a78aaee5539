"""Workers are killed one after the other; a neighbour claims what they had in hand within a second."""

import math
import time

from lib.customers import Customers
from lib.gate import freeze_outside
from lib.wait import wait_until

from lib import invariants, misbehave

KILLS, KILLS_QUICK = 300, 40
WORKERS = 3
CLAIMED_AGAIN_MS_MAX = 1000
ANSWER_MS = 300  # so that a victim has events in hand; its neighbours have free slots all the time
GENEROUS = ("--burst", "100000", "--steady", "1000000")
UNLIMITED = {"PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
# Else as in production: nothing here happens by lease.
SETTINGS = {"PREORDER_LEASE": None, "PREORDER_POLL_INTERVAL": None, **UNLIMITED}
SHORT = {"PREORDER_LEASE": "1s", "PREORDER_REQUEST_TIMEOUT": "700ms", "PREORDER_WRITE_TIMEOUT": "200ms"}
LEASES = 10


def percentile(values, share):
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def name_of(worker):
    return worker.log("ready")[0]["worker"]


def claims_of(system, name):
    return system.rows("SELECT id, token FROM outbox WHERE claimed_by = ? ORDER BY id", name)


def kill_one(system, workers, dice):
    """Kills a worker that has events in hand; when, who, and what it had."""
    def choose():
        worker = dice.choice(workers)
        return worker if claims_of(system, name_of(worker)) else None
    victim = wait_until(choose, 60, "a worker has something in hand")
    name = name_of(victim)
    killed_at_ms = time.time() * 1000
    victim.kill()
    workers.remove(victim)
    return killed_at_ms, name, claims_of(system, name)


def check_journal(system, killed):
    """A crash costs an event one attempt, and the journal says `unknown` of it."""
    journal = {}
    for attempt in system.attempts():
        journal.setdefault(attempt["outbox_id"], []).append(attempt)
    for event in system.events():
        attempts = journal[event["id"]]
        assert event["status"] == "sent" and event["attempts"] == len(attempts), (dict(event), attempts)
        assert [attempt["outcome"] for attempt in attempts] == ["unknown"] * (len(attempts) - 1) + ["sent"], attempts
        victims = [attempt["worker"] for attempt in attempts[:-1]]
        assert len(set(victims)) == len(victims) and set(victims) <= killed, attempts
    return {(event, attempt["token"]): attempt for event, attempts in journal.items() for attempt in attempts}


def prove_kills(proof):
    system = proof.system()
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.slow_head(ANSWER_MS)])
    system.start_api()
    workers = [system.start_worker(**SETTINGS) for _ in range(WORKERS)]
    customers = Customers(system.api.address, system.folder / "customers.jsonl", proof.seed, crowd=8, pause_s=0.08)
    kills, sent = [], 0
    for _ in range(KILLS_QUICK if proof.quick else KILLS):
        kills.append(kill_one(system, workers, proof.random))
        if proof.random.random() < 0.8:  # else it is its successor that finds it
            name = kills[-1][1]
            wait_until(lambda name=name: not claims_of(system, name), 30, "its neighbours take over")
        workers.append(system.start_worker(**SETTINGS))
        sent += proof.random.randint(1, 30)  # life goes on for a while
        wait_until(lambda: system.count("sent") >= sent, 60, system.story)
        sent = system.count("sent")
    customers.stop()
    wait_until(lambda: system.count("pending") == 0, 60, system.story)
    journal = check_journal(system, {name for _, name, _ in kills})
    repeats = invariants.check(system, customers)
    waits, taken = [], 0
    for killed_at_ms, name, claims in kills:
        for claim in claims:
            old, new = journal[claim["id"], claim["token"]], journal[claim["id"], claim["token"] + 1]
            assert (old["outcome"], old["worker"]) == ("unknown", name), old
            waits.append(new["started_at"] - killed_at_ms)
            taken += 1
    assert waits and taken >= len(kills) // 2, "the victims had events in hand"
    p99 = percentile(waits, 0.99)
    assert p99 <= CLAIMED_AGAIN_MS_MAX, f"p99 {p99:.0f} ms, {sorted(waits)[-5:]}"
    return (f"{len(kills)} kills, {taken} events in hand, claimed again after {percentile(waits, 0.5):.0f} ms "
            f"(median), {p99:.0f} (p99), {max(waits):.0f} (worst); of {len(system.events())} events none lost, "
            f"{repeats} repeats, one attempt a crash")


def prove_stop(proof):
    """Stopped for ten leases, beside a neighbour that works: nothing is taken from it."""
    system = proof.system()
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.slow_head(500)])
    system.start_api()
    worker = system.start_worker(**SHORT)

    def stop_with_claims():
        for _ in range(5):
            system.created()
        wait_until(lambda: claims_of(system, name_of(worker)), what="it has something in hand")
        freeze_outside(worker, system.database)
        held = claims_of(system, name_of(worker))
        if not held:
            worker.thaw()
        return held
    held = wait_until(stop_with_claims, 30, "it is stopped with events in hand")
    system.start_worker(**SHORT)
    leases = set()

    def ten_leases_passed():
        leases.add(system.value("SELECT claim_expires_at FROM outbox WHERE id = ?", held[0]["id"]))
        return len(leases) > LEASES
    wait_until(ten_leases_passed, 60, "ten leases pass")
    assert claims_of(system, name_of(worker)) == held, "somebody took what a living worker had in hand"
    worker.thaw()
    wait_until(lambda: system.count("pending") == 0, 30, system.story)
    unknown = system.value("SELECT count(*) FROM outbox_attempts WHERE outcome = 'unknown'")
    assert unknown == 0, f"{unknown} attempts unknown though nobody died"
    return f"stopped for {LEASES} leases: all {len(held)} claims kept"


def prove(proof):
    return f"{prove_kills(proof)}; {prove_stop(proof)}"
