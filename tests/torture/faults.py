"""Each call of the core flows fails in turn: memory, disk, locks; once, and from then on."""

import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from lib.memory import memory_or
from lib.system import BUILD

# What the sum is about.
SOURCES = ("api", "common", "http", "schema", "worker", "tests/store",
           *(f"tests/torture/{name}.c" for name in ("cut", "disk", "disk_vfs", "fault", "fault_memory", "faults",
                                                    "skip", "state", "story", "till", "wire")))
FLOWS = ("create", "pay", "claim", "settle", "checkpoint", "job", "open", "migrate")
PARTS = {"job": 4, "open": 32, "migrate": 32}  # of the allocations, which are tens of thousands
FLOWS_QUICK = ("create",)
KINDS = ("memory", "read", "write", "full", "sync", "truncate", "delete", "open", "lock", "shared-memory", "file")
PROCESSES = 2
TIMEOUT_S = 3600


@dataclass(frozen=True)
class Trial:
    """Every STEP-th call of this kind in this flow."""

    flow: str
    kind: str
    how: str
    first: int = 0
    step: int = 1

    def words(self):
        return [self.flow, self.kind, self.how, str(self.first), str(self.step)]


def make(proof, trial, *control):
    """What became of it."""
    with tempfile.TemporaryDirectory(dir=memory_or(proof.folder)) as folder:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", BUILD / "tests/torture/faults", folder, str(proof.seed), *trial.words(),
             *control],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{trial}: {done.returncode} {done.stderr[-2000:]}"
    found = [line for line in done.stderr.splitlines() if not line.startswith("20")]  # the programs' own log
    return json.loads(done.stdout), found


def make_all(proof, trials):
    """What became of each trial; those that an earlier run finished are not made again."""
    done = proof.load() or {}
    broken = []
    name_of = lambda trial: " ".join(trial.words())
    with ThreadPoolExecutor(PROCESSES) as pool:
        running = {pool.submit(make, proof, trial): name_of(trial)
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
    parts = lambda flow, kind: PARTS.get(flow, 1) if kind == "memory" else 1
    trials = [Trial(flow, kind, how, first, parts(flow, kind)) for flow in flows for kind in KINDS
              for how in ("once", "lasting") for first in range(parts(flow, kind))]
    results = make_all(proof, trials)
    points = {flow: sum(counts["points"] for trial, counts in results if trial.flow == flow) for flow in flows}
    memory = sum(counts["points"] for trial, counts in results if trial.kind == "memory")
    assert min(points.values()) > 20 and memory > sum(points.values()) / 2, f"the faults do not strike: {points}"
    control, _ = make(proof, Trial("create", "sync", "once"), "unrecovered")
    assert control["broken"], f"the control was not caught: {control}"
    return (f"{sum(points.values()):,} points, {memory:,} of them allocations, once and lasting ("
            + ", ".join(f"{flow} {points[flow]:,}" for flow in flows)
            + f"): 0 false 201, 0 crashes, 0 leaks, 0 lost; control, a failed sync without recovery: "
            f"{control['broken']} of {control['points']} lost")
