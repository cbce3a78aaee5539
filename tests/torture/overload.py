"""The API on a tenth of a core, offered ten times what it then takes: in time, or refused at once."""

import json
import resource
import subprocess
import threading

from lib import cgroup
from lib.system import BUILD

SHARE = 0.1
SECONDS, SECONDS_QUICK = 30, 10
CALM_S = 10
CALM_SHARE = 0.4  # of what it takes: a load that it serves with ease
RECOVERY_S = 2
LATEST_MS = 1000
RSS_MAX_MIB = 128
CONNECTIONS = 4000
FILES = 20_000
# p99 may be as bad again as it was, and one period of the control group more.
SLACK, SLACK_MS = 2, 100


def offer(address, rate, seconds, warmup=0, connections=CONNECTIONS):
    """The generator's figures."""
    done = subprocess.run([BUILD / "bench" / "open-loop", "--target", address, "--rate", str(rate),
                           "--seconds", str(seconds), "--warmup", str(warmup), "--connections", str(connections)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{rate}/s: {done.stdout} {done.stderr}"
    return json.loads(done.stdout)


def capacity(address):
    """What it takes in a second when 32 connections always have a request for it."""
    figures = offer(address, 3000, 2, connections=32)
    assert figures["status"].keys() == {"201"}, figures
    return figures["per_second"]


class Memory:
    """The most that a process used, looked at ten times a second."""

    def __init__(self, pid):
        self.pid = pid
        self.most_mib = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.stop.wait(0.1):
            with open(f"/proc/{self.pid}/status", encoding="ascii") as stream:
                kib = next(int(line.split()[1]) for line in stream if line.startswith("VmRSS"))
            self.most_mib = max(self.most_mib, kib / 1024)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def p99_ms(figures):
    return figures["all"]["p99_us"] / 1000


def check_overload(figures, count):
    """Each request got its 201 or 503, or no connection, in time. The figures as text."""
    statuses = figures["status"]
    assert set(statuses) <= {"201", "503"}, f"other answers: {statuses}"
    lost = figures["unanswered"] - figures["broken"]["count"]
    assert lost == 0, f"{lost} requests got nothing at all: {figures}"
    parts = {**statuses, "refused at connect": figures["refused"], "reset unread": figures["broken"]}
    assert sum(part["count"] for part in parts.values()) == count, figures
    for name, part in parts.items():
        latest_ms = part["max_us"] / 1000
        assert latest_ms < LATEST_MS, f"{name}: the latest after {latest_ms:.0f} ms: {figures}"
    return ", ".join(f"{part['count']} {name} (p99 {part['p99_us'] / 1000:.0f}, latest {part['max_us'] / 1000:.0f} ms)"
                     for name, part in parts.items() if part["count"])


def run(system, seconds):
    api = system.api
    rate = capacity(api.address)
    calm_rate = max(1, round(rate * CALM_SHARE))
    before = offer(api.address, calm_rate, CALM_S, warmup=RECOVERY_S)
    assert before["status"].keys() == {"201"} and not before["unanswered"], f"calm: {before}"
    offered = round(rate * 10)
    with Memory(api.pid) as memory:
        during = offer(api.address, offered, seconds)
        told = check_overload(during, offered * seconds)
        after = offer(api.address, calm_rate, CALM_S, warmup=RECOVERY_S)
    assert after["status"].keys() == {"201"} and not after["unanswered"], f"2 s after: {after}"
    assert p99_ms(after) < SLACK * p99_ms(before) + SLACK_MS, f"p99 {p99_ms(before)}, afterwards {p99_ms(after)} ms"
    assert memory.most_mib < RSS_MAX_MIB, f"{memory.most_mib:.0f} MiB"
    return (f"takes {rate:.0f}/s, offered {offered}/s for {seconds} s: {told}; at most {memory.most_mib:.0f} MiB; "
            f"p99 at {calm_rate}/s {p99_ms(before):.0f} ms before, {p99_ms(after):.0f} ms from 2 s after")


def check_stored(system, answered):
    """Every 201 is there, and the books agree. A 503 or a refusal stored nothing."""
    assert system.value("SELECT count(*) FROM preorders") == answered, "a preorder for each 201, and no other"
    assert system.ctl("audit").returncode == 0


def prove(proof):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    system = proof.system()
    system.migrate().start_api(PREORDER_LOG_LEVEL=None)
    try:
        with cgroup.limited(system.api.pid, SHARE):
            figures = run(system, SECONDS_QUICK if proof.quick else SECONDS)
    except cgroup.Unavailable as reason:
        proof.skip(str(reason))
        return ""
    entries = system.api.log("request")
    check_stored(system, sum(1 for entry in entries if entry["status"] == 201))
    return figures
