"""Working the log off while creates come in: who feels it, and how long it holds the gate."""

from bench.figure import median, plain
from bench.latency import MAIN_RATE, draining_singles, idle, open_loop
from bench.rig import ms
from lib.metrics import Metrics


def held(process):
    """{bound in ms: count} of the process's checkpoints so far."""
    metrics = Metrics(process.admin_address)
    return {1000 * float(dict(labels)["le"]): value for (name, labels), value in metrics.samples.items()
            if name == "preorder_checkpoint_seconds_bucket"}


def worst_bound(process):
    counts = held(process)
    total = counts.get(float("inf"), 0)
    return (min(bound for bound, count in counts.items() if count == total) if total else 0), total


def measure(rig):
    base = rig.stock(due=10_000 if rig.quick else 200_000)
    seconds = 2 if rig.quick else 12
    figures = []
    situations = (("worker idle", idle), ("worker draining", draining_singles))
    for name, situation in situations[rig.quick:]:
        worsts, bounds, totals = [], [], []
        for _ in range(rig.rounds):
            with rig.system(stock=base) as system:
                system.start_api()
                situation(rig, system)
                report = open_loop(rig, system, MAIN_RATE, seconds)
                worsts.append(ms(report["all"]["max_us"]))
                looks = [worst_bound(process) for process in system.processes if "sandbox" not in process.name]
                bounds.append(max(bound for bound, _ in looks))
                totals.append(sum(total for _, total in looks))
        sync = rig.sync_cost()
        figures.append(plain("checkpoints", f"{MAIN_RATE}/s, {name}, latest answer", median(worsts), "ms", at_most=50,
                             baseline="ms, slowest fdatasync", baseline_value=ms(sync["max_us"]), runs=worsts))
        figures.append(plain("checkpoints", f"{name}, longest in the gate (at most)", median(bounds), "ms", at_most=10,
                             runs=bounds, checkpoints=totals))
    return figures
