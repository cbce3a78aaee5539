"""Eight workers and Klaviyo's limits: used to the full, never exceeded, and shared with others."""

import datetime
import threading
import time

from lib.http import Connection
from lib.klaviyo import EVENTS, HEADERS, NO_LIMIT, event
from lib.load import create_at_rate
from lib.misbehave import entry
from lib.wait import wait_until

WORKERS = 8
BURST, STEADY = 350, 3500
MINUTES, MINUTES_QUICK = 4, 2
USED_MIN = 0.95
SILENCE_S, GRACE_S = 5, 0.2
WITHOUT_LIMIT = {"PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
KLAVIYOS = ("--burst", BURST, "--steady", STEADY)
CREATES_PER_SECOND = 600


def prepare(proof, count, *flags, script=None):
    """A system with that many events due."""
    system = proof.system()
    system.migrate().start_sandbox(*flags, script=script)
    system.start_api()
    create_at_rate(system.api.address, CREATES_PER_SECOND, count)
    assert system.count("pending") > 0.9 * count, "enough is due"
    return system


def start_workers(system, **settings):
    for _ in range(WORKERS):
        system.start_worker(PREORDER_BULK_THRESHOLD="0", PREORDER_POLL_INTERVAL=None, PREORDER_RETRY_BASE=None,
                            PREORDER_RETRY_MAX=None, **settings)


def accepted_in(system, start_ms, minutes, prefix=""):
    return sum(1 for line in system.ledger()
               if line["unique_id"].startswith(prefix) and start_ms <= line["at_ms"] < start_ms + minutes * 60_000)


class Alone:
    """The account is ours: all of the allowance is used, and never more."""

    def __init__(self, proof, minutes):
        self.minutes = minutes
        self.system = prepare(proof, STEADY * minutes + STEADY // 2, *KLAVIYOS)
        start_workers(self.system)
        wait_until(self.system.ledger, 30, "the first event arrives")
        self.start_ms = self.system.ledger()[0]["at_ms"]
        self.end_s = time.monotonic() + minutes * 60 + 1

    def end(self):
        used = accepted_in(self.system, self.start_ms, self.minutes) / (STEADY * self.minutes)
        throttled = self.system.stats()["throttled"]
        assert throttled == 0, f"{throttled} requests were answered 429"
        assert used >= USED_MIN, f"only {used:.1%} of the allowance was used"
        return f"{used:.1%} of the allowance used in {self.minutes} min, 0 times 429"


class ForeignClient:
    """Somebody else with the same account: evenly, half of the allowance."""

    def __init__(self, address):
        self.address, self.statuses = address, []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        pause_s = 60 / (STEADY / 2)
        due = time.monotonic()
        with Connection(self.address) as connection:
            while not self.is_over.is_set():
                body = event(f"foreign-{len(self.statuses)}", metric="Foreign")
                self.statuses.append(connection.ask("POST", EVENTS, HEADERS, body).status)
                due += pause_s
                time.sleep(max(0, due - time.monotonic()))

    def end(self):
        self.is_over.set()
        self.thread.join()


class Shared:
    """Beside somebody else with half of the allowance."""

    def __init__(self, proof, minutes):
        self.minutes = minutes
        self.system = prepare(proof, STEADY * minutes, *KLAVIYOS)
        self.foreign = ForeignClient(self.system.sandbox.address)
        start_workers(self.system)
        wait_until(lambda: self.system.count("sent") > 0, 30, "the first event is sent")
        self.start_ms = self.system.value("SELECT min(started_at) FROM outbox_attempts")
        self.end_s = time.monotonic() + minutes * 60

    def end(self):
        self.foreign.end()
        ours = self.system.value("SELECT count(*) FROM outbox_attempts WHERE outcome = 'throttled'")
        used = accepted_in(self.system, self.start_ms, self.minutes) / (STEADY * self.minutes)
        assert ours <= self.minutes, f"{ours} of our requests were answered 429 in {self.minutes} min"
        theirs = self.foreign.statuses.count(429)
        return (f"beside another client with half of it {ours} times 429 in {self.minutes} min, the other's {theirs} "
                f"of {len(self.foreign.statuses)}, {used:.1%} used together")


def arrivals(system):
    """When each request came, and its status, by the sandbox's log."""
    found = []
    for line in system.sandbox.log("request"):
        if line["path"] == EVENTS:
            end_s = datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00")).timestamp()
            found.append((end_s - line["duration_us"] / 1e6, end_s, line["status"]))
    return found


def prove_silence(proof):
    """One 429, and everybody is silent for as long as it says."""
    throttle = entry("status", {"nth": 500, "times": 1}, status=429, headers={"Retry-After": str(SILENCE_S)})
    system = prepare(proof, 3000, *NO_LIMIT, script=[throttle])
    start_workers(system, **WITHOUT_LIMIT)
    wait_until(lambda: system.count("pending") == 0, 60, system.story)
    came = arrivals(system)
    refused_at_s = next(end_s for _, end_s, status in came if status == 429)
    late = [at_s - refused_at_s for at_s, _, _ in came if refused_at_s + GRACE_S < at_s < refused_at_s + SILENCE_S]
    assert not late, f"{len(late)} requests went out in spite of the 429, such as after {late[:5]} s"
    last_s = max((at_s - refused_at_s for at_s, _, _ in came if at_s <= refused_at_s + GRACE_S), default=0)
    again_s = min(at_s - refused_at_s for at_s, _, _ in came if at_s >= refused_at_s + SILENCE_S)
    return f"after a 429 the last request {max(0, last_s) * 1000:.0f} ms later, the next after {again_s:.2f} s"


def busy_jiffies():
    """What all processors did: busy, and in all."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, kernel, idle, wait, *rest = map(int, stat.readline().split()[1:9])
    return user + nice + kernel + sum(rest), user + nice + kernel + idle + wait + sum(rest)


def prove_without_limit(proof, count):
    """Nothing holds eight workers back but the machine."""
    system = prepare(proof, count, *NO_LIMIT)
    count = system.count("pending")
    busy, jiffies = busy_jiffies()
    start_s = time.monotonic()
    start_workers(system, **WITHOUT_LIMIT)
    system.wait_sent(count, 120)
    rate = count / (time.monotonic() - start_s)
    busy_now, jiffies_now = busy_jiffies()
    share = (busy_now - busy) / (jiffies_now - jiffies)
    assert system.value("SELECT concurrency_max FROM account") == 0, "nothing limits what is in flight"
    assert share > 0.6, f"the machine was busy to {share:.0%} only, at {rate:.0f} events a second"
    return f"without a limit {rate:.0f} events a second, machine busy to {share:.0%}"


def prove(proof):
    minutes = MINUTES_QUICK if proof.quick else MINUTES
    figures = [prove_silence(proof), prove_without_limit(proof, 5000 if proof.quick else 20000)]
    for part in [Alone(proof, minutes), Shared(proof, minutes)]:  # both are idle most of the time
        time.sleep(max(0, part.end_s - time.monotonic()))
        figures.append(part.end())
    return "; ".join(figures)
