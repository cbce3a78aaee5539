"""The whole system in one process, from one seed: real steps and real store, everything around them played."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAM = Path(os.environ.get("BUILD_DIR", "build")) / "tests" / "sim" / "sim"
SEEDS, SEEDS_QUICK = 1_000_000, 2_000
BATCH = 500
PROCESSES = 2
# A file system without a disk behind it: nothing here depends on one.
MEMORY = Path("/dev/shm")


def start(folder, seed, count, *extra):
    return subprocess.Popen([str(PROGRAM), str(folder), str(seed), str(count), *extra], stdout=subprocess.PIPE,
                            text=True)


def finish(process):
    """The figures of a batch; a broken promise is an AssertionError that names its seed."""
    output, _ = process.communicate()
    *complaints, figures = output.splitlines() or [""]
    assert process.returncode == 0, f"{complaints or output}; again: {PROGRAM} FOLDER SEED 1"
    return json.loads(figures)


def traces(folder, seed, count):
    output, _ = start(folder, seed, count, "trace").communicate()
    return output.splitlines()[:count]


def prove_seeds(folder, first, count):
    """Plays seeds in two processes, and adds up what happened."""
    batches = [(at, min(BATCH, first + count - at)) for at in range(first, first + count, BATCH)]
    total, running = {}, []
    for i in range(min(PROCESSES, len(batches))):
        (folder / str(i)).mkdir()
        running.append((i, start(folder / str(i), *batches.pop(0))))
    while running:
        i, process = running.pop(0)
        for name, figure in finish(process).items():
            total[name] = total.get(name, 0) + figure
        if batches:
            running.append((i, start(folder / str(i), *batches.pop(0))))
    return total


def prove(proof):
    count = SEEDS_QUICK if proof.quick else SEEDS
    folder = Path(tempfile.mkdtemp(prefix="preorder-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        (folder / "twice").mkdir()
        first, again = (traces(folder / "twice", proof.seed, 5) for _ in range(2))
        assert first == again and len(set(first)) == 5, f"a seed does not replay: {first} {again}"
        told = prove_seeds(folder, proof.seed * 1000, count)
    finally:
        shutil.rmtree(folder)
    return (f"{told['seeds']} seeds, {told['simulated_s'] / 86400:.0f} simulated days, {told['posts']} posts, "
            f"{told['created']} answers 201, {told['sends']} events on the wire, {told['deaths']} deaths, "
            f"{told['stops']} stops, {told['disk_errors']} failed system calls, {told['unknowns']} commits in doubt, "
            f"{told['jumps']} jumps of the clock: 0 promises broken, and a seed replays")
