"""A thousand slow clients at once, slow in sending heads, in sending bodies or in reading, beside a good one."""

import os
import shutil
import statistics
import threading
import time

from lib.load import create_at_rate, percentile
from lib.wait import wait_until

SLOW, SLOW_QUICK = 1000, 200
SLOW_PER_SECOND = 200
GOOD_PER_SECOND = 100
CUT_S = 15
LISTENS, WAITS = "0A", "06"  # TCP_LISTEN, TCP_TIME_WAIT in the kernel's tables
P99_MS_MAX = 50
# One stall of the machine must not decide: p99 is judged window by window, at the median window.
WINDOWS = 5
LENGTH_S = 60  # slowhttptest gives up after this

# Follow-up data every three seconds: never idle for long.
MODES = {
    "heads": ("-H", "-i", "3", "-u", "http://{address}/pre-order/x"),
    "bodies": ("-B", "-i", "3", "-s", "4096", "-t", "POST", "-f", "application/json", "-u",
               "http://{address}/pre-order"),
    "reads": ("-X", "-w", "256", "-y", "512", "-n", "3", "-z", "16", "-k", "3", "-u", "http://{address}/openapi.json"),
}


def p99(answers):
    return percentile([answer.latency_ms for answer in answers], 0.99)


def served(address, ended, answers):
    """A good client, as long as the slow ones last."""
    answers += create_at_rate(address, GOOD_PER_SECOND, 2 * GOOD_PER_SECOND * LENGTH_S, stop=ended.is_set)


class Watch(threading.Thread):
    """How long each of the slow ones' connections is there, as the server's kernel has it.

    A client that reads slowly does not notice for minutes that its connection is gone.
    """

    def __init__(self, address):
        super().__init__()
        self.port = int(address.rsplit(":", 1)[1])
        self.seen = {}  # port of the client: when first and when last
        self.ended = threading.Event()

    def look(self):
        now, good, there = time.monotonic(), set(), set()
        own = {os.stat(entry.path).st_ino for entry in os.scandir("/proc/self/fd") if os.path.exists(entry.path)}
        with open("/proc/net/tcp", encoding="ascii") as table:
            next(table)
            for line in table:
                _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
                local_port, remote_port = (int(each.split(":")[1], 16) for each in (local, remote))
                if local_port == self.port and state not in (LISTENS, WAITS):
                    there.add(remote_port)
                elif remote_port == self.port and int(inode) in own:
                    good.add(local_port)
        for port in there - good:
            first, _ = self.seen.get(port, (now, now))
            self.seen[port] = (first, now)
        return len(there - good)

    def run(self):
        while not self.ended.wait(0.25):
            self.look()

    def longest(self):
        return max(last - first for first, last in self.seen.values())


def attack(system, mode, count):
    """How many connections there were, and how long the longest lasted."""
    program = shutil.which("slowhttptest")
    assert program, "slowhttptest is not installed"
    arguments = [text.format(address=system.api.address) for text in MODES[mode]]
    watch = Watch(system.api.address)
    watch.start()
    # It spins on a core of its own; the attackers' machines are not the shop's.
    process = system.start(f"slow-{mode}", "nice", "-n", 15, program, "-c", count, "-r", SLOW_PER_SECOND,
                           "-l", LENGTH_S, "-p", "5", *arguments)
    process.is_exempt = True
    try:
        wait_until(lambda: len(watch.seen) >= count and watch.look() == 0, LENGTH_S, lambda: f"{mode}: "
                   f"all of {count} come and are cut; {len(watch.seen)} came, {watch.look()} are there")
    finally:
        process.kill()
        watch.ended.set()
        watch.join()
    return len(watch.seen), watch.longest()


def prove_mode(proof, mode, count):
    system = proof.system()
    system.migrate().start_api()
    ended, answers = threading.Event(), []
    good = threading.Thread(target=served, args=(system.api.address, ended, answers))
    good.start()
    time.sleep(1)  # the good client was there before
    try:
        opened, cut_s = attack(system, mode, count)
    finally:
        ended.set()
        good.join()
    assert cut_s <= CUT_S, f"{mode}: a connection lasted {cut_s:.1f} s"
    refused = [answer for answer in answers if answer.status != 201]
    assert not refused, f"{mode}: {len(refused)} of {len(answers)} good requests were not answered: {refused[:3]}"
    answers.sort(key=lambda each: each.number)
    size = len(answers) // WINDOWS
    windows = [p99(answers[start:start + size]) for start in range(0, size * WINDOWS, size)]
    judged = statistics.median(windows)
    assert judged < P99_MS_MAX, f"{mode}: p99 of the good client's windows {[round(each, 1) for each in windows]} ms"
    return (f"slow {mode}: {opened} all cut within {cut_s:.1f} s, {len(answers)} good creates "
            f"p99 {p99(answers):.1f} ms (median window {judged:.1f})")


def prove(proof):
    count = SLOW_QUICK if proof.quick else SLOW
    return "; ".join(prove_mode(proof, mode, count) for mode in MODES)
