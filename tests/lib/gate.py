"""The gate as seen from outside: common/store/sqlite/gate.h."""

import contextlib
import fcntl
import struct
import time

from lib.wait import wait_until

BYTES = 3  # the gate, its turnstile, its queue
FLOCK = "hhxxxxqqixxxx"


def is_held(database):
    """Whether anybody is in the gate or on the way into it."""
    with open(f"{database}-gate", "rb") as stream:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, 0, 0, BYTES, 0)
        answer = fcntl.fcntl(stream.fileno(), fcntl.F_OFD_GETLK, asked)
        return struct.unpack(FLOCK, answer)[0] != fcntl.F_UNLCK


@contextlib.contextmanager
def held(database):
    """Nobody else gets into the gate meanwhile."""
    with open(f"{database}-gate", "r+b") as stream:
        fcntl.fcntl(stream.fileno(), fcntl.F_OFD_SETLKW, struct.pack(FLOCK, fcntl.F_WRLCK, 0, 0, BYTES, 0))
        yield


def is_stopped(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as stream:
        return stream.read().rpartition(")")[2].split()[0] == "T"


def freeze_outside(process, database):
    """SIGSTOP at a moment when the process does not hold up all others."""
    def stopped_outside():
        process.freeze()
        wait_until(lambda: is_stopped(process), what="it is stopped")
        end = time.monotonic() + 0.2
        while is_held(database):  # by the process itself, or for a moment by another
            if time.monotonic() > end:
                process.thaw()
                return False
        return True
    wait_until(stopped_outside, what="it is stopped outside of the gate")
