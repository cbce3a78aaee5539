"""Creates at 500 a second while Klaviyo is unreachable, slow or answers 503; then it returns."""

import statistics

from lib import invariants, misbehave
from lib.load import create_at_rate, percentile

PER_SECOND = 500
SECONDS, SECONDS_QUICK = 30, 6
P99_MS_MAX = 20
# One stall of the machine must not decide: p99 is judged window by window, at the median window.
WINDOWS = 5
# As in production, but for the longest wait: nobody wants to wait an hour for the end of a test.
WORKER = {"PREORDER_RETRY_BASE": None, "PREORDER_RETRY_MAX": "10s", "PREORDER_POLL_INTERVAL": None,
          "PREORDER_DRAIN_TIMEOUT": "500ms", "PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
GENEROUS = ("--burst", "100000", "--steady", "1000000")


def p99(answers):
    return percentile([answer.latency_ms for answer in answers], 0.99)


def create(system, count, name):
    """Creates at the rate; all must be accepted, fast enough. Its figures."""
    answers = sorted(create_at_rate(system.api.address, PER_SECOND, count), key=lambda each: each.number)
    refused = [answer for answer in answers if answer.status != 201]
    assert not refused, f"{name}: {len(refused)} of {count} were not accepted, such as {refused[:3]}"
    size = count // WINDOWS
    windows = [p99(answers[start:start + size]) for start in range(0, size * WINDOWS, size)]
    judged = statistics.median(windows)
    assert judged < P99_MS_MAX, f"{name}: p99 of the windows {[round(each, 1) for each in windows]} ms"
    return f"{name} p99 {p99(answers):.1f} ms (median window {judged:.1f})"


def without_worker(proof, count):
    """What this machine can do at this moment: nobody else writes or sends."""
    system = proof.system()
    system.migrate().start_api()
    return create(system, count, "no worker at all")


def with_fault(proof, count, name, fault):
    system = proof.system()
    system.migrate().start_sandbox(*GENEROUS, script=[fault] if fault else None)
    address = system.sandbox.address
    if not fault:
        system.sandbox.kill()
    system.start_api()
    system.start_worker(**WORKER)
    figures = create(system, count, name)
    system.sandbox.kill()
    system.start_sandbox(*GENEROUS, listen=address)
    system.wait_sent(count, 180)
    invariants.check(system)
    return figures


def prove(proof):
    count = PER_SECOND * (SECONDS_QUICK if proof.quick else SECONDS)
    figures = [without_worker(proof, count)]
    figures += [with_fault(proof, count, name, fault) for name, fault in (
        ("unreachable", None), ("slow", misbehave.slow_head(10000)), ("503", misbehave.status(503)))]
    return f"{count} each at {PER_SECOND}/s, all 201, all delivered afterwards; {', '.join(figures)}"
