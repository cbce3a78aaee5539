"""A thousand slow clients at once, slow in sending heads, in sending bodies or in reading, beside a good one."""

import csv
import shutil
import threading
import time

from lib.load import create_at_rate, percentile

SLOW, SLOW_QUICK = 1000, 200
SLOW_PER_SECOND = 200
GOOD_PER_SECOND = 100
CUT_S = 15
P99_MS_MAX = 50
LENGTH_S = 40  # slowhttptest gives up after this, and ends sooner if it has no connection left

# Follow-up data every three seconds: never idle for long.
MODES = {
    "heads": ("-H", "-i", "3", "-u", "http://{address}/pre-order/x"),
    "bodies": ("-B", "-i", "3", "-s", "4096", "-t", "POST", "-f", "application/json", "-u",
               "http://{address}/pre-order"),
    "reads": ("-X", "-w", "256", "-y", "512", "-n", "3", "-z", "16", "-k", "3", "-u", "http://{address}/openapi.json"),
}


def served(address, ended, answers):
    """A good client, as long as the slow ones last."""
    answers += create_at_rate(address, GOOD_PER_SECOND, GOOD_PER_SECOND * LENGTH_S, stop=ended.is_set)


def attack(proof, system, mode, count):
    program = shutil.which("slowhttptest")
    assert program, "slowhttptest is not installed"
    prefix = system.folder / mode
    arguments = [text.format(address=system.api.address) for text in MODES[mode]]
    process = system.start(f"slow-{mode}", program, "-c", count, "-r", SLOW_PER_SECOND, "-l", LENGTH_S, "-p", "5", "-g",
                           "-o", prefix, *arguments)
    process.is_exempt = True
    process.wait(LENGTH_S + 30)
    with open(f"{prefix}.csv", encoding="utf-8") as table:
        rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(table)]
    if rows[-1]["Seconds"] < LENGTH_S - 2:
        # It ends by itself only when no connection is left, and without a last row that says so.
        opened = max(row["Closed"] + row["Connected"] for row in rows)
        rows.append({"Seconds": rows[-1]["Seconds"] + 1, "Closed": opened, "Connected": 0})
    return rows


def longest(rows):
    """No connection that was there at a second is still there this many seconds later (they go in their order)."""
    worst = 0
    for row in rows:
        opened = row["Closed"] + row["Connected"]
        gone = [later["Seconds"] for later in rows if later["Closed"] >= opened]
        assert gone or opened == 0, f"after {rows[-1]['Seconds']} s {opened - rows[-1]['Closed']} are still connected"
        worst = max(worst, gone[0] - row["Seconds"] if gone else 0)
    return worst


def prove_mode(proof, mode, count):
    system = proof.system()
    system.migrate().start_api()
    ended, answers = threading.Event(), []
    good = threading.Thread(target=served, args=(system.api.address, ended, answers))
    good.start()
    time.sleep(1)  # the good client was there before
    try:
        rows = attack(proof, system, mode, count)
    finally:
        ended.set()
        good.join()
    opened = max(row["Closed"] + row["Connected"] for row in rows)
    assert opened >= count * 0.99, f"{mode}: only {opened} of {count} connections came about"
    cut_s = longest(rows)
    assert cut_s <= CUT_S, f"{mode}: a connection lasted {cut_s} s"
    refused = [answer for answer in answers if answer.status != 201]
    assert not refused, f"{mode}: {len(refused)} of {len(answers)} good requests were not answered: {refused[:3]}"
    p99 = percentile([answer.latency_ms for answer in answers], 0.99)
    assert p99 < P99_MS_MAX, f"{mode}: p99 of the good client {p99:.1f} ms"
    return f"slow {mode}: {opened} all cut within {cut_s} s, {len(answers)} good creates p99 {p99:.1f} ms"


def prove(proof):
    count = SLOW_QUICK if proof.quick else SLOW
    return "; ".join(prove_mode(proof, mode, count) for mode in MODES)
