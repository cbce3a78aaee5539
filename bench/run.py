#!/usr/bin/python3
"""Measures how fast it is, each figure beside its baseline in the same run (docs/performance.md)."""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import figure  # noqa: E402  (the paths above come first)
from bench.rig import Rig  # noqa: E402

GROUPS = ["intake", "latency", "wire", "delivery", "bulk", "growth", "footprint", "checkpoint"]


def text_of(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def about(folder, quick):
    """What the figures hang on besides the code."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii", errors="replace")
                  if line.startswith("model name")), "unknown")
    return {
        "commit": text_of("git", "rev-parse", "--short", "HEAD") or "unknown",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "quick": quick,
        "processors": os.cpu_count(),
        "processor": model,
        "disk": text_of("findmnt", "-no", "FSTYPE,OPTIONS", "-T", str(folder)),
    }


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("group", nargs="*", help=f"only these: {' '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="a taste of each in under a minute; judges nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it there, for scripts")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default: 3; --quick: 1)")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "bench",
                        help="where the databases lie: on the disk to be measured (default: var/bench)")
    options = parser.parse_args()
    unknown = [name for name in options.group if name not in GROUPS]
    if unknown:
        parser.error(f"no such group: {unknown[0]}")
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    facts = about(folder, options.quick)
    if facts["disk"].startswith(("tmpfs", "ramfs")):
        print(f"{folder} is in memory: a sync costs nothing there; give another --folder", file=sys.stderr)
        return 2

    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    rig = Rig(folder, options.quick, options.rounds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended and what is there is shown
    figures = []
    try:
        for name in options.group or GROUPS:
            start = time.monotonic()
            figures += importlib.import_module(f"bench.{name}").measure(rig)
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            if options.json:
                figure.write_json(options.json, facts, figures)
    finally:
        rig.end()
        print(figure.table(figures))
        if options.json:
            figure.write_json(options.json, facts, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
