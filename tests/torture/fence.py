"""A worker is stopped past its lease, another host finishes, the worker goes on: it changes nothing."""

import json
import time

from lib import misbehave
from lib.gate import freeze_outside
from lib.wait import wait_until

ROUNDS, ROUNDS_QUICK = 1000, 50
EVENTS = 6  # in each round
ANSWER_MS = 60
GENEROUS = ("--burst", "100000", "--steady", "1000000")
SETTINGS = {"PREORDER_LEASE": "300ms", "PREORDER_REQUEST_TIMEOUT": "150ms", "PREORDER_WRITE_TIMEOUT": "100ms",
            "PREORDER_RETRY_BASE": "20ms", "PREORDER_RETRY_MAX": "50ms", "PREORDER_RETRY_MAX_ATTEMPTS": "1000",
            "PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
STALE = "settled too late: others had taken the events over"


class Host:
    """A worker on a host of its own, and how many of its settlements it has called stale."""

    def __init__(self, system, host_id):
        self.system = system
        self.process = system.start_worker(PREORDER_HOST_ID=host_id, **SETTINGS)
        self.name = self.process.wait_log("ready")["worker"]
        self.stream = open(self.process.stderr_path, encoding="utf-8")
        self.half, self.counted = "", 0

    def stale_count(self):
        """Reads only what is new: there are thousands of lines at the end."""
        *lines, self.half = (self.half + self.stream.read()).split("\n")
        self.counted += sum(json.loads(line)["count"] for line in lines if STALE in line)
        return self.counted

    def claims(self):
        return self.system.rows("SELECT id, token FROM outbox WHERE claimed_by = ?", self.name)

    def unknown(self):
        return {(line["outbox_id"], line["token"]) for line in self.system.rows(
            "SELECT outbox_id, token FROM outbox_attempts WHERE worker = ? AND outcome = 'unknown'", self.name)}


def stop_with_claims(system, worker, dice):
    """Stops the worker at any moment in which it has events in hand, and says which."""
    def stop():
        for _ in range(EVENTS):
            system.created()
        wait_until(lambda: worker.claims() or system.count("pending") == 0, 30, system.story)
        time.sleep(dice.uniform(0, ANSWER_MS / 1000))  # before, during or after the answer
        freeze_outside(worker.process, system.database)
        held = worker.claims()
        if not held:
            worker.process.thaw()
        return held
    return wait_until(stop, 60, "it is stopped with events in hand")


def prove_round(system, victim, dice):
    """How many claims it lost, and of how many of them it had something to tell the journal."""
    never_sent = victim.unknown()  # in earlier rounds
    held = stop_with_claims(system, victim, dice)
    counted = victim.stale_count()  # it stands still
    wait_until(lambda: system.count("pending") == 0, 30, system.story)
    lost = victim.unknown() - never_sent
    assert {(claim["id"], claim["token"]) for claim in held} <= lost, "what was taken over is unknown"
    finished = system.events()
    lines = {(line["outbox_id"], line["token"]): line for line in system.attempts()}
    victim.process.thaw()
    wait_until(lambda: victim.stale_count() - counted >= len(lost), 30,
               lambda: f"{len(lost)} stale, {victim.stale_count() - counted} counted")
    assert system.events() == finished, "a stale settlement changed an event"
    for line in system.attempts():
        key = line["outbox_id"], line["token"]
        assert key in lost or line == lines[key], "a stale settlement changed another claim's line"
    assert victim.stale_count() - counted == len(lost), f"{len(lost)} lost, {victim.stale_count() - counted} counted"
    return len(lost), len(lost - victim.unknown())


def prove(proof):
    system = proof.system()
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.slow_head(ANSWER_MS)])
    system.start_api()
    hosts = [Host(system, name) for name in ("east", "west")]
    rounds = ROUNDS_QUICK if proof.quick else ROUNDS
    stale, spoken = 0, 0
    for _ in range(rounds):
        more_stale, more_spoken = prove_round(system, proof.random.choice(hosts), proof.random)
        stale, spoken = stale + more_stale, spoken + more_spoken
    assert len({line["unique_id"] for line in system.ledger()}) == len(system.events())
    assert system.ctl("audit").returncode == 0
    return (f"{rounds} rounds, {stale} stale settlements, all counted, 0 changed an event; {spoken} of them told the "
            f"journal what had been unknown, {stale - spoken} had never been sent")
