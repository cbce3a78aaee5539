"""A backlog through one worker to a sandbox without limits, beside libcurl (C), bare claims (Q) and settlements (T)."""

import json
import subprocess
import time

from bench.figure import against, median
from bench.rig import SINGLES, TOOLS, UNLIMITED_SANDBOX, accepted_count, copy, wait_accepted, wait_settled
from lib.metrics import Metrics

CONCURRENCY = 32  # the default


def drain(rig, base, count):
    """(events a second, mean batch) of the worker alone."""
    with rig.system(stock=base) as system:
        system.start_sandbox(*UNLIMITED_SANDBOX)
        start = time.monotonic()
        worker = system.start_worker(**SINGLES)
        wait_accepted(system, count)
        wait_settled(system)
        took = time.monotonic() - start
        batch = count / Metrics(worker.admin_address).get("preorder_gate_wait_seconds_count")
        return count / took, batch


def baselines(rig, base, count, batch):
    """C, Q and T, events a second."""
    with rig.system(stock=base) as system:
        system.start_sandbox(*UNLIMITED_SANDBOX)
        posts = rig.tool("bare-post", "--database", system.database, "--target", system.sandbox.address,
                         "--rows", count, "--concurrency", CONCURRENCY)
        twin = system.folder / "twin.db"
        copy(base, twin)
        store = rig.tool("bare-deliver", "--database", twin, "--rows", count, "--batch", max(1, round(batch)))
    return posts["per_second"], store["claims_per_second"], store["settles_per_second"]


def beside_creates(rig, base, rate, seconds):
    """Events a second while creates come in."""
    with rig.system(stock=base) as system:
        system.start_sandbox(*UNLIMITED_SANDBOX)
        system.start_api()
        load = subprocess.Popen([TOOLS / "open-loop", "--target", system.api.address, "--rate", str(rate), "--seconds",
                                 str(seconds + 2)], stdout=subprocess.PIPE, text=True)
        system.start_worker(**SINGLES)
        time.sleep(1)  # the load runs: its middle is what is measured
        before, start = accepted_count(system), time.monotonic()
        time.sleep(seconds)
        after, took = accepted_count(system), time.monotonic() - start
        report = json.loads(load.communicate()[0])
        return (after - before) / took, report


def measure(rig):
    count = 10_000 if rig.quick else 200_000
    base = rig.stock(due=count)
    alone, beside, limits, details = [], [], [], []
    for _ in range(rig.rounds):
        rate, batch = drain(rig, base, count)
        posts, claims, settles = baselines(rig, base, count, batch)
        limit = 1 / (1 / posts + 1 / claims + 1 / settles)
        crowd, load = beside_creates(rig, base, 2000, 1 if rig.quick else 6)
        alone.append(rate / limit)
        beside.append(crowd / limit)
        limits.append(limit)
        details.append({"worker": rate, "c": posts, "q": claims, "t": settles, "batch": batch, "beside": crowd,
                        "creates_p99_us": load["all"]["p99_us"], "creates_answered": load["per_second"]})
    limit = median(limits)
    return [against("delivery", "one worker alone", median(alone) * limit, "events/s", "D", limit, at_least=0.8,
                    rounds=details),
            against("delivery", "beside 2,000 creates/s", median(beside) * limit, "events/s", "D", limit, at_least=0.5)]
