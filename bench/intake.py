"""Durable creates over HTTP, and what limits them: the bare HTTP server (H) and bare SQLite (S)."""

from bench.figure import against, median, plain
from bench.rig import copy, settle_disk
from lib.database import read_value

WANTED = {64: 0.6, 256: 0.75}


def one_round(rig, base, base_count, connections, seconds):
    """(API, H, S) in creates a second. S writes the rows that the API wrote, into a copy of what the API began with."""
    with rig.system(stock=base) as system:
        api = system.start_api()
        created = rig.wrk(api.address, connections, seconds)
        api.stop()
        settle_disk()
        twin = system.folder / "twin.db"
        copy(base, twin)
        bare = rig.tool("bare-insert", "--from", system.database, "--into", twin, "--after", base_count)
    with rig.noop_server() as address:
        noop = rig.wrk(address, connections, max(1, seconds // 2))
    return created["per_second"], noop["per_second"], bare["per_second"], created


def measure(rig):
    base = rig.stock(finished=10_000 if rig.quick else 50_000)
    base_count = read_value(base, "SELECT max(rowid) FROM preorders")
    figures = []
    for connections in (64,) if rig.quick else (64, 256):
        results = [one_round(rig, base, base_count, connections, 1 if rig.quick else 5) for _ in range(rig.rounds)]
        limits = [1 / (1 / noop + 1 / bare) for _, noop, bare, _ in results]
        ratio = median([result[0] / limit for result, limit in zip(results, limits)])
        limit = median(limits)
        figures.append(against(
            "intake", f"{connections} connections", ratio * limit, "creates/s", "L", limit,
            at_least=WANTED[connections],
            rounds=[{"api": api, "h": noop, "s": bare} for api, noop, bare, _ in results],
            p50_us=median([result[3]["p50_us"] for result in results]),
            p99_us=median([result[3]["p99_us"] for result in results])))
    figures += alone(rig, base)
    return figures


# Together fewer pages than the API works the log off from: it would be begun anew.
SIZED_CREATES = 10


def log_bytes_a_create(system):
    """What one commit writes and syncs, while the log is young."""
    log = system.folder / "preorder.db-wal"
    before = log.stat().st_size
    for number in range(SIZED_CREATES):
        system.created({"Idempotency-Key": f"size-{number}"}, email=f"customer-{number}@klaviyo-demo.com")
    return (log.stat().st_size - before) // SIZED_CREATES


def alone(rig, base):
    """One client after the other: what it waits is little more than the disk.

    Judged by the sync of as many bytes as the commit writes; beside it, that of a single page.
    """
    rounds = []
    for _ in range(rig.rounds):
        with rig.system(stock=base) as system:
            api = system.start_api()
            system.created()
            byte_count = log_bytes_a_create(system)
            report = rig.wrk(api.address, 1, 1 if rig.quick else 3)
        with rig.noop_server() as address:
            noop = rig.wrk(address, 1, 1)
        rounds.append({"answer": report["p50_us"], "noop": noop["p50_us"], "sync": rig.sync_cost(byte_count)["p50_us"],
                       "page": rig.sync_cost()["p50_us"], "bytes": byte_count, "per_second": report["per_second"]})
    sync = median([each["sync"] for each in rounds])
    ratio = median([each["answer"] / each["sync"] for each in rounds])
    page = median([each["page"] for each in rounds])
    page_ratio = median([each["answer"] / each["page"] for each in rounds])
    return [against("intake", "one client alone, median", ratio * sync, "µs", "µs, its fdatasync", sync,
                    at_most=2, rounds=rounds),
            against("intake", "the same by the sync of one page", page_ratio * page, "µs", "µs, one page's", page),
            plain("intake", "the same of a server that does nothing", median([each["noop"] for each in rounds]), "µs")]
