"""What a shopper waits for, by an open loop: requests leave at their time, whatever became of those before."""

from bench.figure import median, plain
from bench.rig import KLAVIYO_SANDBOX, SINGLES, UNLIMITED_SANDBOX, discard, ms
from lib.metrics import Metrics

RATES = (200, 2000, 10000)
MAIN_RATE = 2000


def open_loop(rig, system, rate, seconds, warmup=1):
    report = rig.tool("open-loop", "--target", system.api.address, "--rate", rate, "--seconds", seconds, "--warmup",
                      warmup, "--timeout", 4000, check=False)
    report["gate"] = gate_waits(system.api)
    return report


def gate_waits(process):
    """(bound in s, cumulative count) of the process's waits at the gate."""
    metrics = Metrics(process.admin_address)
    pairs = [(float(dict(labels)["le"]), value) for (name, labels), value in metrics.samples.items()
             if name == "preorder_gate_wait_seconds_bucket"]
    return sorted(pairs)


def share_bound_ms(before, after, share):
    """The smallest bound under which that share of the waits between two looks lies."""
    counts = [(bound, count - dict(before).get(bound, 0)) for bound, count in after]
    total = counts[-1][1]
    return 1000 * next(bound for bound, count in counts if count >= share * total)


# ---- What goes on meanwhile ----

def idle(rig, system):
    """A worker that has nothing to do: the account is paused by a person."""
    system.start_sandbox(*KLAVIYO_SANDBOX)
    system.ctl("pause", "--yes", "--reason", "bench")
    system.start_worker()


def draining_singles(rig, system):
    system.start_sandbox(*UNLIMITED_SANDBOX)
    system.start_worker(**SINGLES)


def draining_bulk(rig, system):
    """As it comes: bulk jobs, Klaviyo's own limits."""
    system.start_sandbox(*KLAVIYO_SANDBOX)
    system.start_worker()


def klaviyo_down(rig, system):
    sandbox = system.start_sandbox(*KLAVIYO_SANDBOX)
    sandbox.stop()
    system.start_worker()


def four_hot(rig, system):
    system.start_sandbox(*UNLIMITED_SANDBOX)
    for _ in range(4):
        system.start_worker(**SINGLES)


def run(rig, base, situation, rates, seconds):
    """{rate: report}, all against one API. The base is used up: a copy of a million takes longer than a run."""
    with rig.system(in_place=base) as system:
        system.ctl("resume", "--yes", "--reason", "bench")
        system.start_api()
        situation(rig, system)
        before = gate_waits(system.api)
        reports = {}
        for rate in rates:
            reports[rate] = open_loop(rig, system, rate, seconds)
            reports[rate]["gate_before"], before = before, reports[rate]["gate"]
        return reports


SITUATIONS = [("worker idle", idle, False), ("draining, single events", draining_singles, True),
              ("draining, bulk jobs", draining_bulk, True), ("Klaviyo down", klaviyo_down, True)]
SHARES = {"p50_us": "p50", "p99_us": "p99", "p999_us": "p99.9"}
WANTED = {"p50_us": 1.5, "p99_us": 8, "p999_us": 30}


def figures_of(name, rate, reports, sync):
    """Medians of several runs; judged where a worker drains and the rate is the main one."""
    figures = []
    judged = name.startswith("draining") and rate == MAIN_RATE
    for key, limit in WANTED.items():
        value = median([ms(report["all"][key]) for report in reports])
        figures.append(plain("latency", f"{rate}/s, {name}, {SHARES[key]}", value, "ms",
                             at_most=limit if judged else None, baseline=f"ms, one fdatasync's {SHARES[key]}",
                             baseline_value=ms(sync[key]), runs=[ms(report["all"][key]) for report in reports],
                             max_ms=max(ms(report["all"]["max_us"]) for report in reports),
                             answered_per_second=median([report["per_second"] for report in reports]),
                             unanswered=sum(report["unanswered"] for report in reports)))
    return figures


def measure(rig):
    base = rig.stock(due=30_000 if rig.quick else 1_000_000)
    seconds = 2 if rig.quick else 6
    situations = [each for each in SITUATIONS if not rig.quick or each[0] == "draining, single events"]
    collected = {}
    syncs = []
    for number in range(rig.rounds):
        rates = RATES if number == 0 and not rig.quick else (MAIN_RATE,)
        syncs.append(rig.sync_cost())
        for name, situation, _ in situations:
            for rate, report in run(rig, base, situation, rates, seconds).items():
                collected.setdefault((name, rate), []).append(report)
    gates = [] if rig.quick else gate(rig, base, seconds)
    discard(base)
    sync = {key: median([each[key] for each in syncs]) for key in WANTED}
    figures = [figure for (name, rate), reports in collected.items()
               for figure in figures_of(name, rate, reports, sync)]
    return figures + ([] if rig.quick else compare_down(collected)) + gates


def compare_down(collected):
    """With Klaviyo down a checkout must not feel it: within a fifth of the same beside a worker that drains."""
    figures = []
    for key, share in SHARES.items():
        down, calm = (median([ms(report["all"][key]) for report in collected[name, MAIN_RATE]])
                      for name in ("Klaviyo down", "draining, bulk jobs"))
        figures.append(plain("latency", f"{MAIN_RATE}/s, Klaviyo down by Klaviyo up, {share}", down / calm, "×",
                             at_most=1.2))
    return figures


def gate(rig, base, seconds):
    """A checkout's wait at the gate beside four hot workers, from the API's own histogram."""
    p50s, p99s = [], []
    for _ in range(rig.rounds):
        report = run(rig, base, four_hot, (MAIN_RATE,), seconds)[MAIN_RATE]
        p50s.append(share_bound_ms(report["gate_before"], report["gate"], 0.5))
        p99s.append(share_bound_ms(report["gate_before"], report["gate"], 0.99))
    return [plain("gate", "wait beside four hot workers, p50 (at most)", median(p50s), "ms", runs=p50s),
            plain("gate", "wait beside four hot workers, p99 (at most)", median(p99s), "ms", at_most=5, runs=p99s)]
