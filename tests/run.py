#!/usr/bin/python3
"""Builds, runs the named suites (default: all) and ends with `N passed, N failed, N skipped`.

One program or file of a suite has a name, too: unit/http-admin, store/gate, integration/test_health.

Every single test counts: the cmocka programs say TAP, which meson writes down as JUnit, as pytest does.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from lib.judged import CHECKOUT_TESTS

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("BUILD_DIR", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
RESULTS = BUILD / "test-results"

# How many tests of a suite run side by side. Most of an integration test's time is waiting for processes, so more of
# them than cores; the others keep a core busy each.
CORES = len(os.sched_getaffinity(0))
SIDE_BY_SIDE = {"integration": max(4, min(3 * CORES, 12)), "unit": 2 * CORES, "store": CORES + 1}
# For builds under sanitizers; lib/process.py says the same to what the tests start. Without a word undefined behaviour
# is told on stderr, and the program goes on to its success.
SANITIZERS = {"TSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'tsan.supp'}",
              "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
JUDGES = 2  # each worker has a Prism of its own, which keeps a core busy while it starts


def run(*command, **settings):
    return subprocess.run(list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
                          env={**SANITIZERS, **os.environ, **settings}).returncode


def build():
    if not (BUILD / "build.ninja").exists() and run("meson", "setup", BUILD, ROOT) != 0:
        return False
    return run("ninja", "-C", BUILD, "--quiet") == 0


def count(path, status):
    """What a JUnit file holds; a suite that failed or vanished without a failed test counts as one."""
    counts = Counter()
    if path.exists():
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts["failed"] += 1
            elif case.find("skipped") is not None:
                counts["skipped"] += 1
            else:
                counts["passed"] += 1
    if not counts or (status != 0 and counts["failed"] == 0):
        counts["failed"] += 1
    return counts


def run_meson(suite, names=()):
    path = BUILD / "meson-logs" / f"{suite}.junit.xml"
    path.unlink(missing_ok=True)
    status = run("meson", "test", "-C", BUILD, "--no-rebuild", "--suite", suite, "--logbase", suite,
                 "--print-errorlogs", "--num-processes", SIDE_BY_SIDE.get(suite, CORES),
                 "--timeout-multiplier", os.environ.get("TEST_PATIENCE", "1"),
                 *(name if suite == "unit" else f"{suite}-{name}" for name in names))
    return count(path, status)


def run_pytest(suite, names=()):
    path = RESULTS / f"{suite}.xml"
    path.unlink(missing_ok=True)
    places = [f"tests/{suite}/{name}.py" for name in names] or [f"tests/{suite}"]
    return count(path, run(sys.executable, "-m", "pytest", "-q", "-n", SIDE_BY_SIDE.get(suite, CORES),
                           f"--junitxml={path}", *places))


def run_contract(suite, _names=()):
    """Klaviyo's description against the worker, ours against the API: Prism stands before it while the
    integration tests of the checkout run once more."""
    path = RESULTS / "judged.xml"
    path.unlink(missing_ok=True)
    own = run_pytest(suite)
    status = run(sys.executable, "-m", "pytest", "-q", "-n", JUDGES, f"--junitxml={path}",
                 *(f"tests/integration/{name}.py" for name in CHECKOUT_TESTS), TEST_BEHIND_JUDGE="1")
    return own + count(path, status)


SUITES = {"lint": run_pytest, "unit": run_meson, "store": run_meson, "fuzz": run_meson, "model": run_pytest,
          "contract": run_contract, "integration": run_pytest, "browser": run_pytest}


def sort(names):
    """Which of each suite, in the order of the names; none: all of it."""
    wanted = {}
    for name in names:
        suite, _, one = name.partition("/")
        wanted.setdefault(suite, [])
        wanted[suite] += [one] if one else []
    return wanted


def main(names):
    wanted = sort(names or SUITES)
    unknown = [name for name in wanted if name not in SUITES]
    if unknown:
        print(f"no such suite: {unknown[0]}; there are {' '.join(SUITES)}", file=sys.stderr)
        return 2
    total = Counter()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if build():
        for suite, only in wanted.items():
            print(f"== {suite}", flush=True)
            start = time.monotonic()
            counts = SUITES[suite](suite, only)
            total += counts
            print(f"== {suite}: {time.monotonic() - start:.0f} s", flush=True)
    else:
        print("the build failed", file=sys.stderr)
        total["failed"] += 1
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
