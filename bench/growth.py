"""The same work in a small database and in one with ten million finished events, both in memory as far as they fit."""

import sqlite3

from bench.figure import against, median
from bench.rig import settle_disk

SMALL, LARGE = 10_000, 10_000_000
SMALL_QUICK, LARGE_QUICK = 10_000, 50_000
WANTED = 0.9
PLACES = {"recent": "the last 10,000", "anywhere": "anywhere"}
# What a create looks into at random places.
WARM = ("SELECT count(*), min(length(key)) FROM idempotency_keys INDEXED BY sqlite_autoindex_idempotency_keys_1",
        "SELECT count(*), min(length(email)) FROM preorders INDEXED BY preorders_by_email",
        "SELECT count(*), min(length(number)) FROM preorders INDEXED BY sqlite_autoindex_preorders_2",
        "SELECT count(*), min(length(id)) FROM preorders INDEXED BY sqlite_autoindex_preorders_1")


def warm(database):
    """Reads the indexes once, as days of creates would have done."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    for query in WARM:
        connection.execute(query).fetchone()
    connection.close()


def one_round(rig, seconds, **where):
    """Rates by name."""
    with rig.system(**where) as system:
        warm(system.database)
        api = system.start_api()
        rig.wrk(api.address, 64, 1)
        settle_disk()
        created = rig.wrk(api.address, 64, seconds)
        api.stop()
        settle_disk()
        costs = rig.tool("store-cost", "--database", system.database, "--rows", 20_000, "--batch", 32)
    searches = {f"search by {name}, {words}": rate for key, words in PLACES.items()
                for name, rate in costs[key].items()}
    return {"intake": created["per_second"], "claim": costs["claims_per_second"],
            "settle": costs["settles_per_second"], **searches}


def measure(rig):
    small_count, large_count = (SMALL_QUICK, LARGE_QUICK) if rig.quick else (SMALL, LARGE)
    large = rig.stock(finished=large_count)
    small_stock = rig.stock(finished=small_count)
    seconds = 1 if rig.quick else 5
    pairs = []
    for _ in range(rig.rounds):
        # The large one is used as it lies: a copy of 20 GB would take longer than the work.
        pairs.append((one_round(rig, seconds, stock=small_stock),
                      one_round(rig, seconds, **({"stock": large} if rig.quick else {"in_place": large}))))
    figures = []
    for name in pairs[0][0]:
        ratio = median([big[name] / little[name] for little, big in pairs])
        little = median([little[name] for little, _ in pairs])
        figures.append(against("growth", f"{name}, {large_count:,} finished", ratio * little, "/s",
                               f"/s with {small_count:,}", little, at_least=None if rig.quick else WANTED,
                               rounds=[{"small": a[name], "large": b[name]} for a, b in pairs]))
    return figures
