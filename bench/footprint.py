"""What it takes of the machine: memory, processor, time to start, bytes on disk."""

import os
import subprocess
import threading
import time

from bench.figure import median, plain
from bench.rig import SINGLES, UNLIMITED_SANDBOX, settle_disk
from lib.system import API, WORKER


def memory_mib(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as stream:
        line = next(line for line in stream if line.startswith(name + ":"))
    return int(line.split()[1]) / 1024


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        fields = stream.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ready_ms(program, system):
    """From exec to the line that says ready."""
    start = time.monotonic()
    process = subprocess.Popen([program], env=system.environment(), cwd=system.folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if '"msg":"ready"' in line.replace(": ", ":"):
            break
    took = 1000 * (time.monotonic() - start)
    process.terminate()
    process.stderr.read()
    assert process.wait() == 0
    return took


def measure(rig):
    figures = starting(rig)
    with rig.system(stock=rig.stock(due=10_000 if rig.quick else 200_000)) as system:
        system.start_sandbox(*UNLIMITED_SANDBOX)
        system.start_api()
        worker = system.start_worker(**SINGLES)
        rig.wrk(system.api.address, 256, 1 if rig.quick else 10)
        for name, process in (("API", system.api), ("worker", worker)):
            figures.append(plain("footprint", f"{name}, memory at full load (peak)", memory_mib(process.pid, "VmHWM"),
                                 "MiB", at_most=64))
    return figures + on_disk(rig)


def starting(rig):
    figures = []
    with rig.system(stock=rig.stock(finished=10_000)) as system:
        system.start_sandbox(*UNLIMITED_SANDBOX)
        for name, program in (("API", API), ("worker", WORKER)):
            times = [ready_ms(program, system) for _ in range(1 if rig.quick else 9)]
            figures.append(plain("footprint", f"{name}, exec to ready", median(times), "ms", at_most=100))
        system.start_api()
        worker = system.start_worker()
        system.created()
        system.wait_sent(10_001)
        seconds = 1 if rig.quick else 10
        before = {process.pid: cpu_s(process.pid) for process in (system.api, worker)}
        time.sleep(seconds)
        for name, process in (("API", system.api), ("worker", worker)):
            used = 100 * (cpu_s(process.pid) - before[process.pid]) / seconds
            figures.append(plain("footprint", f"{name}, memory idle", memory_mib(process.pid, "VmRSS"), "MiB",
                                 at_most=16))
            figures.append(plain("footprint", f"{name}, processor idle", used, "% of one core"))
    return figures


def on_disk(rig):
    """Of a preorder with key, event and one attempt, once it is delivered."""
    small, large = rig.stock(finished=10_000), rig.stock(finished=50_000)
    byte_count = (large.stat().st_size - small.stat().st_size) / 40_000
    return [plain("footprint", "on disk, a delivered preorder", byte_count, "bytes")]
