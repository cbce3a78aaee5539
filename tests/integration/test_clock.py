"""The wall clock is wrong, or is set, while the programs run: nothing waits for years and nothing is lost.

How every step takes a jump at any moment is the simulation's business (tests/sim); here the real programs meet some.
"""

import time

import pytest

from lib import invariants, misbehave
from lib.system import WORKER
from lib.wait import wait_until
from lib.wallclock import WallClock, is_sanitized

# Klaviyo takes no event of more than a year ahead.
AHEAD, BEHIND = "+300d", "-3650d"
RIGHT = "+0d"
YEAR_MS = 365 * 86400 * 1000


@pytest.fixture
def clock(system):
    if is_sanitized(WORKER):
        pytest.skip("libfaketime beside a sanitizer's runtime hangs before main; the plain build is tested so")
    made = WallClock(system.folder / "clock")
    yield made
    made.clean(system.processes)


def start(system, clock, *script):
    system.start_sandbox(script=list(script))
    system.migrate()
    start_programs(system, clock)


def start_programs(system, clock):
    system.start_api(**clock.settings())
    return system.start_worker(**clock.settings())


def error_ms(system, preorder_id):
    """How wrong the clock was when it was created."""
    return system.value("SELECT created_at FROM preorders WHERE id = ?", preorder_id) - time.time() * 1000


def failing(email):
    """Klaviyo fails each of those a few times, so that something waits to be repeated."""
    return misbehave.entry("500", {"email": email})


@pytest.mark.parametrize("offset,is_wrong", [
    (AHEAD, lambda ms: ms > YEAR_MS / 2), (BEHIND, lambda ms: ms < -9 * YEAR_MS)], ids=["ahead", "behind"])
def test_what_a_wrong_clock_put_off_is_sent_by_the_right_one(system, clock, offset, is_wrong):
    clock.set(offset)
    start(system, clock, failing("c"))
    ids = [system.created(email=f"c{number}@klaviyo-demo.com")["id"] for number in range(3)]
    assert is_wrong(error_ms(system, ids[0])), "the clock is not wrong"
    wait_until(lambda: len(system.attempts()) >= 6, what="attempts are put off")
    worker = system.processes[-1]
    assert worker.stop() == 0 and system.api.stop() == 0 and system.sandbox.stop() == 0
    clock.set(RIGHT)
    system.start_sandbox()
    start_programs(system, clock)
    ids.append(system.created(email="d@klaviyo-demo.com")["id"])
    assert abs(error_ms(system, ids[-1])) < 60_000
    system.wait_sent(4)
    invariants.check(system)


@pytest.mark.parametrize("offset", ["+3s", "-3s", "+300d", "-300d"])
def test_a_clock_that_jumps_under_the_programs_and_back_stops_nobody(system, clock, offset):
    system.settings["PREORDER_RETRY_MAX_AGE"] = "365d"
    start(system, clock, *(misbehave.times(failing(f"c{number}@"), 3) for number in range(9)))
    for turn, place in enumerate([RIGHT, offset, RIGHT]):
        clock.set(place)
        for number in range(3 * turn, 3 * turn + 3):
            system.created(email=f"c{number}@klaviyo-demo.com")
    system.wait_sent(9)
    assert {event["attempts"] for event in system.events()} == {4}
    invariants.check(system)


def test_a_jump_beyond_the_age_of_an_event_that_fails_ends_it_in_plain_sight(system, clock):
    clock.set(BEHIND)
    start(system, clock, failing("c"))
    system.created(email="c@klaviyo-demo.com")
    wait_until(lambda: len(system.attempts()) >= 2, what="it is put off")
    clock.set(RIGHT)
    wait_until(lambda: system.count("dead"), what="it is given up")
    (event,) = system.events()
    assert event["last_error"].startswith("given up after 31"), event["last_error"]
    system.sandbox.stop()
    system.start_sandbox(listen=system.sandbox.address)
    done = system.ctl("retry", "--yes", "--status", "dead", "--reason", "the clock was wrong")
    assert done.returncode == 0, done.stderr
    system.wait_sent(1)
    assert [attempt["outcome"] for attempt in system.attempts()][-2:] == ["dead", "sent"]
