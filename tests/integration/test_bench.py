"""What the benchmarks measure with."""

import json
import os
import signal
import subprocess
import threading
import time

from lib.system import BUILD

OPEN_LOOP = BUILD / "bench" / "open-loop"


def open_loop(system, *args):
    done = subprocess.run([OPEN_LOOP, "--target", system.api.address, *map(str, args)], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_open_loop_sends_what_it_says_and_counts_every_answer(system):
    system.migrate().start_api()
    report = open_loop(system, "--rate", 200, "--seconds", 2, "--warmup", 1)
    assert report["answered"] == report["status"]["201"]["count"] == 400
    assert report["unanswered"] == 0
    assert system.value("SELECT count(*) FROM preorders") == 600
    assert system.value("SELECT count(*) FROM idempotency_keys") == 600


def test_a_stall_counts_for_every_request_that_was_due_meanwhile(system):
    system.migrate().start_api()
    api = system.api

    def stall():
        time.sleep(0.5)  # into the run: what is judged is the length of the stall
        os.kill(api.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(api.pid, signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    report = open_loop(system, "--rate", 1000, "--seconds", 2)
    thread.join()
    # A closed loop would show one slow answer a connection; here a fifth waited 100 ms and more.
    assert report["answered"] == 2000
    assert report["all"]["max_us"] >= 450_000
    assert report["all"]["p90_us"] >= 200_000


def test_what_the_server_refuses_is_counted_by_its_status(system):
    system.migrate().start_api()
    report = open_loop(system, "--rate", 100, "--seconds", 1, "--body", '{"n":{n}}')
    assert report["status"]["422"]["count"] == 100


def test_who_is_not_answered_in_time_is_counted_too(system):
    system.migrate().start_api()
    system.api.freeze()
    try:
        done = subprocess.run([OPEN_LOOP, "--target", system.api.address, "--rate", "100", "--seconds", "1",
                               "--timeout", "200"], capture_output=True, text=True, timeout=60, check=False)
    finally:
        system.api.thaw()
    assert done.returncode == 1
    assert json.loads(done.stdout)["unanswered"] == 100
