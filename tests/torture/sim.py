"""The whole system in one process, from one seed: real steps and real store, everything around them played."""

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from lib.memory import memory_or
from lib.system import BUILD

SOURCES = ("api", "common", "http", "schema", "worker", "tests/sim", "tests/store")  # what a story runs through
SEEDS, SEEDS_QUICK = 1_000_000, 2_000
BATCH = 500     # stories of one process before the sums are written down
PROCESSES = 2
TWICE = 20      # stories told twice, to see that they are the same
TIMEOUT_S = 3600
# SQLite takes and gives back small pieces by the hundred: a fifteenth of the time.
QUICKER = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1000"}


def play(proof, first, count, *how):
    """What the program printed: a line a story if asked for, then the sums."""
    with tempfile.TemporaryDirectory(dir=memory_or(proof.folder)) as folder:
        done = subprocess.run([BUILD / "tests/sim/sim", folder, str(first), str(count), *how], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False, env={**os.environ, **QUICKER})
    assert done.returncode == 0, f"stories from {first} on: {done.stdout} {done.stderr}"
    *lines, sums = done.stdout.splitlines()
    return lines, json.loads(sums)


def check_that_a_seed_replays(proof, first):
    told, again = (play(proof, first, TWICE, "trace")[0] for _ in range(2))
    assert told == again and len(set(told)) == TWICE, f"not the same twice: {told} {again}"


def prove(proof):
    wanted = SEEDS_QUICK if proof.quick else SEEDS
    first = proof.seed * 10 * SEEDS
    check_that_a_seed_replays(proof, first)
    state = proof.load() or {"sums": {"seeds": 0}}
    sums = state["sums"]
    while sums["seeds"] < wanted:
        with ThreadPoolExecutor(PROCESSES) as pool:
            batches = [pool.submit(play, proof, first + sums["seeds"] + i * BATCH, BATCH) for i in range(PROCESSES)]
        for batch in batches:
            for name, value in batch.result()[1].items():
                sums[name] = sums.get(name, 0) + value
        proof.save(state)
    return (f"{sums['seeds']:,} stories, {sums['simulated_s'] // 86400:,} simulated days, {sums['posts']:,} posts, "
            f"{sums['created']:,} answers 201, {sums['notices']:,} notices of Stripe's, "
            f"{sums['sends']:,} events on the wire, {sums['deaths']:,} deaths, {sums['stops']:,} stops, "
            f"{sums['disk_errors']:,} failed system calls, {sums['unknowns']:,} commits in doubt, "
            f"{sums['jumps']:,} jumps of the clock: no promise broken, and a seed replays")
