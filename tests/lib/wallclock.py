"""A wall clock that can be set while programs run under it: Debian's libfaketime, preloaded.

The monotonic clock is left alone; faking it, too, would stop every wait (its issues 390 and 469).
"""

import subprocess
from pathlib import Path

LIBRARY = "faketime/libfaketimeMT.so.1"


def _library():
    """Where the dynamic loader's own folders have it."""
    (found,) = Path("/usr/lib").glob(f"*/{LIBRARY}")
    return found


def is_sanitized(program):
    """Whether it brings a sanitizer's runtime, which wants to be loaded before everything else."""
    return "san.so" in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout


class WallClock:
    """Programs started with settings() live by it."""

    def __init__(self, path):
        self.path = path
        self.set("+0d")

    def set(self, offset):
        """`offset` from the right time: "+300d", "-3650d", "+3s"."""
        new = self.path.with_suffix(".new")
        new.write_text(offset)
        new.replace(self.path)

    def clean(self, processes):
        """Takes away what the library leaves behind it."""
        for process in processes:
            for name in (f"faketime_shm_{process.pid}", f"sem.faketime_sem_{process.pid}"):
                (Path("/dev/shm") / name).unlink(missing_ok=True)

    def settings(self):
        return {"LD_PRELOAD": _library(), "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
