"""A worker that is refused what it needs, once: it goes on, or ends with status 1 and says why. Either way it strikes
itself off."""

import fcntl
import itertools
import struct

import pytest

from lib.gate import FLOCK
from lib.system import BUILD, WORKER
from lib.wait import wait_until

DENIED = BUILD / "tests" / "unit" / "worker" / "worker-denied"


def run_denied(system, call, nth):
    """Runs a worker whose nth such call fails until it is ready or over; its exit status, what it said, and whether it
    came to that call."""
    worker = system.start("worker", DENIED, DENY=f"{call}:{nth}")
    worker.is_exempt = True
    wait_until(lambda: not worker.is_running() or worker.log("ready"), what=f"{call} {nth}: ready or over")
    status = worker.stop()
    assert system.value("SELECT count(*) FROM workers") == 0
    return status, worker.stderr(), "denied\n" in worker.stderr()


def test_a_worker_that_lacks_memory_once_says_so_or_goes_on(system):
    system.migrate()
    statuses = []
    for nth in itertools.count(1):
        status, said, was_denied = run_denied(system, "memory", nth)
        if not was_denied:
            break
        assert status == 0 or status == 1 and "out of memory" in said, f"{nth}: {status} {said}"
        statuses.append(status)
    assert status == 0 and 1 in statuses, said


@pytest.mark.parametrize("call, cause", [("signalfd", "cannot wait for signals"), ("curl_multi_poll", "libcurl")])
def test_a_worker_that_cannot_wait_ends_and_says_so(system, call, cause):
    status, said, was_denied = run_denied(system.migrate(), call, 1)
    assert was_denied and status == 1 and cause in said, said


def test_one_worker_too_many_ends_and_says_so(system):
    """Each of them holds a byte of the roster (common/store/sqlite/roster.h): here one process holds all."""
    system.migrate()
    with open(f"{system.database}-workers", "w+b") as roster:
        fcntl.fcntl(roster.fileno(), fcntl.F_OFD_SETLK, struct.pack(FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0))
        done = system.run(WORKER)
    assert done.returncode == 1 and "there are 1024 workers already" in done.stderr, done.stderr
