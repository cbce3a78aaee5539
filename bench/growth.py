"""The same work in a small database and in one with ten million finished events, both in memory as far as they fit."""

import random
import sqlite3
import time

from bench.figure import against, median
from bench.rig import settle_disk

SMALL, LARGE = 10_000, 10_000_000
SMALL_QUICK, LARGE_QUICK = 10_000, 50_000
WANTED = 0.9
PLACES = {"recent": "the last 10,000", "anywhere": "anywhere"}
# How keys and addresses of the creates are made: keys as examples/client makes them, and as any other client may.
INTAKES = {"intake, keys that begin with their time": ("time", "random"), "intake, random keys": ("random", "random")}
# What an index of addresses costs, shown by addresses that come in order, as no customers' do. Only told, and last of
# all: what is looked for comes before it.
IN_ORDER = {"intake, keys and addresses in order": ("time", "time")}
# What support runs, each for another customer.
COMMANDS = {"list --email": ("list", "--email", "{email}"), "show": ("show", "{id}"), "explain": ("explain", "{email}")}
CUSTOMERS, CUSTOMERS_QUICK = 20, 3


def created_per_second(rig, system, seconds, intakes):
    """Rates by name; each kind comes in for a second before it is counted."""
    rates = {}
    api = system.start_api()
    for name, forms in intakes.items():
        if not rig.quick:
            rig.wrk(api.address, 64, 1, *forms)
        settle_disk()
        rates[name] = rig.wrk(api.address, 64, seconds, *forms)["per_second"]
    api.stop()
    return rates


def draw_customers(database, count):
    """Any of them, whenever they came."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    last = connection.execute("SELECT max(rowid) FROM preorders").fetchone()[0]
    rows = [connection.execute("SELECT id, email FROM preorders WHERE rowid = ?", [random.randint(1, last)]).fetchone()
            for _ in range(count)]
    connection.close()
    return [{"id": number, "email": email} for number, email in rows]


def command_ms(rig, system):
    """What a person waits for each command, from its start to its end."""
    waits = {}
    for name, words in COMMANDS.items():
        times = []
        for customer in draw_customers(system.database, CUSTOMERS_QUICK if rig.quick else CUSTOMERS):
            start = time.monotonic()
            done = system.ctl(*(word.format(**customer) for word in words))
            times.append(1000 * (time.monotonic() - start))
            assert done.returncode == 0 and done.stdout, done.stderr
        waits[name] = median(times)
    return waits


def one_round(rig, seconds, **where):
    """Rates by name, and waits by command."""
    with rig.system(**where) as system, rig.held(system.database):
        rates = created_per_second(rig, system, seconds, INTAKES)
        settle_disk()
        # All that is due, so that no command counts a backlog.
        costs = rig.tool("store-cost", "--database", system.database, "--rows", 1_000_000, "--batch", 32,
                         "--searches", 500 if rig.quick else 2000)
        waits = command_ms(rig, system)
        rates |= created_per_second(rig, system, seconds, IN_ORDER)
    searches = {f"search by {name}, {words}": rate for key, words in PLACES.items()
                for name, rate in costs[key].items()}
    return {**rates, "claim": costs["claims_per_second"], "settle": costs["settles_per_second"], **searches}, waits


def measure(rig):
    small_count, large_count = (SMALL_QUICK, LARGE_QUICK) if rig.quick else (SMALL, LARGE)
    large = rig.stock(finished=large_count)
    small_stock = rig.stock(finished=small_count)
    seconds = 1 if rig.quick else 3
    pairs = []
    for _ in range(rig.rounds):
        # The large one is used as it lies: a copy of 20 GB would take longer than the work.
        pairs.append((one_round(rig, seconds, stock=small_stock),
                      one_round(rig, seconds, **({"stock": large} if rig.quick else {"in_place": large}))))
    return compare_rates(rig, pairs, small_count, large_count) + compare_waits(pairs, small_count, large_count)


def compare_rates(rig, pairs, small_count, large_count):
    figures = []
    for name in pairs[0][0][0]:
        rates = [(little[0][name], big[0][name]) for little, big in pairs]
        ratio = median([big / little for little, big in rates])
        little = median([little for little, _ in rates])
        figures.append(against("growth", f"{name}, {large_count:,} finished", ratio * little, "/s",
                               f"/s with {small_count:,}", little,
                               at_least=None if rig.quick or name in IN_ORDER else WANTED,
                               rounds=[{"small": little, "large": big} for little, big in rates]))
    return figures


def compare_waits(pairs, small_count, large_count):
    """Only told: a person feels the time itself, not the ratio."""
    figures = []
    for name in COMMANDS:
        waits = [(little[1][name], big[1][name]) for little, big in pairs]
        figures.append(against("growth", f"preorderctl {name}, {large_count:,} finished",
                               median([big for _, big in waits]), "ms", f"ms with {small_count:,}",
                               median([little for little, _ in waits]),
                               rounds=[{"small": little, "large": big} for little, big in waits]))
    return figures
