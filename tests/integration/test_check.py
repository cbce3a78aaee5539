"""`preorderctl check` speaks Nagios: 0, 1, 2 and 3, each with its cause."""

import itertools
import re

import pytest

from lib import misbehave
from lib.system import BUILD
from lib.wait import wait_until

OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = {OK: "OK", WARNING: "WARNING", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}

# As the plugin interface has it: label=value[unit];warning;critical;minimum;maximum
FIGURE = re.compile(r"^[a-z_]+=[0-9.]+[a-z]*(;[0-9.:]*){0,4}$")


def check(system, *args, status, **settings):
    """Runs it; what its one line says."""
    done = system.ctl("check", *args, **settings)
    assert done.returncode == status, f"{done.returncode}: {done.stdout} {done.stderr}"
    assert done.stderr == "" and done.stdout.count("\n") == 1 and done.stdout.endswith("\n"), done
    line = done.stdout.strip()
    assert line.startswith(f"PREORDER {NAMES[status]} - "), line
    text, *figures = line.split(" | ")
    assert (status == UNKNOWN) == (not figures), line
    if figures:
        assert all(FIGURE.match(figure) for figure in figures[0].split(" ")), line
    return text


def test_all_is_well_with_a_worker_and_nothing_late(shop):
    shop.start_worker()
    shop.created()
    shop.wait_sent(1)
    assert "0 dead, 1 worker" in check(shop, status=OK)


def test_no_worker_is_critical(shop):
    assert "0 workers are running" in check(shop, status=CRITICAL)
    check(shop, "--workers", "0", status=OK)
    worker = shop.start_worker()
    check(shop, status=OK)
    assert "1 worker is running, at least 2 wanted" in check(shop, "--workers=2", status=CRITICAL)
    worker.kill()
    check(shop, status=CRITICAL)


def test_an_event_that_is_late_is_a_warning_and_then_critical(shop):
    shop.created()
    late = ("--workers", "0", "-w", "1ms")
    wait_until(lambda: shop.ctl("check", *late).returncode == WARNING, what="the event is late")
    assert "the oldest due event waits for" in check(shop, *late, status=WARNING)
    check(shop, *late, "-c", "2ms", status=CRITICAL)
    check(shop, "--workers", "0", status=OK)


def test_dead_events_are_a_warning_and_then_critical(system):
    system.migrate().start_sandbox(script=[misbehave.status(400)])
    system.start_api()
    system.start_worker()
    for _ in range(2):
        system.wait_event(system.created()["id"], status="dead")
    assert "2 dead events" in check(system, status=WARNING)
    check(system, "--dead-critical", "1", status=CRITICAL)
    check(system, "--dead-warning", "2", status=OK)


def test_a_paused_account_is_critical(system):
    system.migrate().start_sandbox(script=[misbehave.status(401)])
    system.start_api()
    system.start_worker()
    system.created()
    wait_until(lambda: system.ctl("check").returncode == CRITICAL, what="paused")
    assert "the account is paused: " in check(system, status=CRITICAL)
    assert "KLAVIYO_API_KEY" in check(system, status=CRITICAL)


@pytest.mark.parametrize("args", [["--frob"], ["-x"], ["word"], ["-w"], ["-w", "soon"], ["--workers", "-1"],
                                  ["-w", "2m", "-c", "1m"]])
def test_wrong_usage_is_unknown(system, args):
    system.migrate()
    check(system, *args, status=UNKNOWN)


def test_wrong_settings_and_a_database_that_is_not_there_are_unknown(system):
    assert "no database" in check(system, status=UNKNOWN)
    assert "PREORDER_LEASE" in check(system, status=UNKNOWN, PREORDER_LEASE="nonsense")
    check(system, status=UNKNOWN, DATABASE_URL="mysql://nowhere")


def test_it_tells_programs_the_same(shop):
    shop.start_worker()
    told = shop.ctl_json("check")
    assert told["state"] == "OK" and told["exit_status"] == 0 and told["workers"] == 1 and told["paused"] is False


def test_without_memory_it_is_unknown_how_things_are(system):
    """A check that cannot be made is no warning, whichever allocation fails."""
    system.migrate()
    program = BUILD / "tests" / "unit" / "ctl" / "ctl-denied"
    statuses = []
    for nth in itertools.count(1):
        done = system.run(program, "check", DENY=f"memory:{nth}")
        if "denied" not in done.stderr:
            break
        assert done.returncode in (CRITICAL, UNKNOWN), f"{nth}: {done}"
        assert done.stdout.startswith(f"PREORDER {NAMES[done.returncode]} - "), f"{nth}: {done}"
        statuses.append(done.returncode)
    assert done.returncode == CRITICAL and statuses.count(UNKNOWN) > 1, done
