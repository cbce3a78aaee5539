"""Klaviyo is down while thousands of events are due, and comes back too weak for everything at once."""

import time

from lib.fragile import Fragile
from lib.load import create_at_rate
from lib.wait import wait_until

EVENTS, EVENTS_QUICK = 10_000, 4_200
# Half an hour and its longest pause (PREORDER_PROBE_INTERVAL, 30 s), scaled.
DOWN_S, DOWN_QUICK_S = 240, 40
PAUSE_MAX_S, PAUSE_MAX_QUICK_S = 16, 4
STEADY = 3500
WORKERS = 2
IDEAL_TIMES_MAX = 1.2
CLAIMED = "SELECT count(*) FROM outbox WHERE claimed_by IS NOT NULL"


def ideal_s(count, latency_s):
    """What Klaviyo's limits allow: a minute for each 3,500, and the rest as fast as the second allows."""
    minutes, rest = divmod(count, STEADY)
    return minutes * 60 + rest / 350 + latency_s


def check_probes(klaviyo, down_from_s, up_from_s):
    """While it is down one request at a time, after pauses that grow."""
    probes = [(came, left) for came, left, _ in klaviyo.answers if down_from_s <= came < up_from_s]
    for (_, left), (came, _) in zip(probes, probes[1:]):
        assert came >= left, "two probes at a time"
    return [round(came - left, 1) for (_, left), (came, _) in zip(probes, probes[1:])]


def prove(proof):
    count = EVENTS_QUICK if proof.quick else EVENTS
    down_s = DOWN_QUICK_S if proof.quick else DOWN_S
    pause_max_s = PAUSE_MAX_QUICK_S if proof.quick else PAUSE_MAX_S
    klaviyo = Fragile()
    try:
        return prove_with(proof, klaviyo, count, down_s, pause_max_s)
    finally:
        klaviyo.close()


def prove_with(proof, klaviyo, count, down_s, pause_max_s):
    system = proof.system()
    system.migrate()
    system.start_api()
    system.settings["KLAVIYO_BASE_URL"] = f"http://{klaviyo.address}"
    klaviyo.go_down()
    create_at_rate(system.api.address, 600, count)
    count = system.count("pending")
    for _ in range(WORKERS):
        system.start_worker(PREORDER_POLL_INTERVAL=None, PREORDER_RETRY_BASE=None, PREORDER_RETRY_MAX=None,
                            PREORDER_PROBE_INTERVAL=f"{pause_max_s}s", PREORDER_BULK_THRESHOLD="0")
    wait_until(lambda: system.value("SELECT opened_at FROM account"), 30, "the breaker opens")
    wait_until(lambda: klaviyo.at_once == 0 and system.value(CLAIMED) == 0, 10, "what was on the wire is settled")
    open_from_s = time.time()
    burnt = system.value("SELECT coalesce(sum(burnt), 0) FROM outbox_attempts")
    time.sleep(down_s)
    assert system.count("dead") == 0, "nobody dies of it"
    assert system.value("SELECT sum(burnt) FROM outbox_attempts") == burnt, "a probe burns nothing"
    up_s = klaviyo.come_back()
    pauses = check_probes(klaviyo, open_from_s, up_s)
    klaviyo.broke_at.clear()
    wait_until(lambda: [1 for came, _, status in klaviyo.answers if came >= up_s and status == 202],
               4 * pause_max_s + 30, "the first success")
    first_s = min(left for came, left, status in klaviyo.answers if came >= up_s and status == 202)
    assert first_s - up_s <= 2 * pause_max_s + 1, f"the first success came after {first_s - up_s:.1f} s"
    ideal = ideal_s(count, klaviyo.latency_s)
    system.wait_sent(count, 2 * ideal + 60)
    drained_s = max(left for _, left, _ in klaviyo.answers) - first_s
    assert not klaviyo.broke_at, f"it was broken again, {len(klaviyo.broke_at)} times"
    assert system.count("dead") == 0 and system.count("sent") == count
    assert drained_s <= IDEAL_TIMES_MAX * ideal, f"{drained_s:.0f} s instead of {ideal:.0f}"
    return (f"{count} events due in an outage of {down_s} s: {burnt} attempts burnt before the breaker opened, "
            f"{len(pauses) + 1} probes after {pauses} s, first success {first_s - up_s:.1f} s after recovery, "
            f"then drained in {drained_s:.0f} s, {drained_s / ideal:.2f} of the ideal; never broken again")
