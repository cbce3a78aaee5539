"""A control group that gives a process a share of a core and no more; v1 and v2, whichever can be written."""

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000  # the kernel's and Docker's default: the harshest that people use


class Unavailable(Exception):
    """No control group can be made here."""


def _make_v1(name, quota_us):
    folder = ROOT / "cpu" / name
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (folder / "cpu.cfs_quota_us").write_text(str(quota_us))
    return folder


def _make_v2(name, quota_us):
    (ROOT / "cgroup.subtree_control").write_text("+cpu")
    folder = ROOT / name
    folder.mkdir()
    (folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
    return folder


@contextlib.contextmanager
def limited(pid, share):
    """Holds the process to that share of one core for the length of the block."""
    name = f"preorder-{os.getpid()}-{pid}"
    quota_us = int(share * PERIOD_US)
    make = _make_v1 if (ROOT / "cpu").is_dir() else _make_v2
    try:
        folder = make(name, quota_us)
    except OSError as error:
        raise Unavailable(f"no control group can be made: {error}") from error
    try:
        (folder / "cgroup.procs").write_text(str(pid))
        yield folder
    finally:
        # Back where it came from: a group is removed only when nobody is in it.
        with contextlib.suppress(ProcessLookupError):
            (folder.parent / "cgroup.procs").write_text(str(pid))
        folder.rmdir()
