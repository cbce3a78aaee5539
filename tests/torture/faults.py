"""Each call of the core flows fails in turn: memory, disk, locks; once, and from then on."""

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed

from lib.system import BUILD

# What the sum is about.
SOURCES = ("api", "common", "http", "schema", "worker", "tests/store",
           *(f"tests/torture/{name}.c" for name in ("cut", "disk", "disk_vfs", "fault", "fault_memory", "faults", "skip",
                                                    "state", "story", "till", "wire")))
# The longest first: they run side by side.
FLOWS = ("open", "migrate", "job", "settle", "create", "pay", "claim", "checkpoint")
FLOWS_QUICK = ("create",)
KINDS = ("memory", "read", "write", "full", "sync", "truncate", "delete", "open", "lock", "shared-memory", "file")
PROCESSES = 2
TIMEOUT_S = 3600


def fail_each(proof, flow, kind, lasting, *control):
    """Every call of this kind in this flow; what became of it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else proof.folder) as folder:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", BUILD / "tests/torture/faults", folder, str(proof.seed), flow, kind,
             "lasting" if lasting else "once", "1", *control],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{flow}, {kind}: {done.returncode} {done.stderr[-2000:]}"
    found = [line for line in done.stderr.splitlines() if not line.startswith("20")]  # the programs' own log
    return json.loads(done.stdout), found


def fail_all(proof, trials):
    """What became of each trial; those that an earlier run finished are not made again."""
    done = proof.load() or {}
    broken = []
    name_of = lambda trial: " ".join((*trial[:2], "lasting" if trial[2] else "once"))
    with ThreadPoolExecutor(PROCESSES) as pool:
        running = {pool.submit(fail_each, proof, *trial): name_of(trial)
                   for trial in trials if name_of(trial) not in done}
        for one in as_completed(running):
            counts, found = one.result()
            if counts["broken"] or counts["crashed"]:
                broken.append(f"{running[one]}: {counts} {found}")
            else:
                done[running[one]] = counts
                proof.save(done)
    assert not broken, "\n".join(broken)
    return [(trial, done[name_of(trial)]) for trial in trials]


def prove(proof):
    flows = FLOWS_QUICK if proof.quick else FLOWS
    trials = [(flow, kind, lasting) for flow in flows for kind in KINDS for lasting in (False, True)]
    results = fail_all(proof, trials)
    points = {flow: sum(counts["points"] for trial, counts in results if trial[0] == flow) for flow in flows}
    memory = sum(counts["points"] for trial, counts in results if trial[1] == "memory")
    assert min(points.values()) > 20 and memory > sum(points.values()) / 2, f"the faults do not strike: {points}"
    control, _ = fail_each(proof, "create", "sync", False, "unrecovered")
    assert control["broken"], f"the control was not caught: {control}"
    return (f"{sum(points.values()):,} points, {memory:,} of them allocations, once and lasting ("
            + ", ".join(f"{flow} {points[flow]:,}" for flow in flows)
            + f"): 0 false 201, 0 crashes, 0 leaks, 0 lost; control, a failed sync without recovery: "
            f"{control['broken']} of {control['points']} lost")
