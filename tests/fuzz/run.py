#!/usr/bin/python3
"""Searches: each fuzz target for a while under libFuzzer, ASan and UBSan; one line a target, then the counts.

A finding stays in build-fuzz/findings/NAME; put it into tests/fuzz/corpus/NAME once it is understood, so that every
test run repeats it. What widened the coverage is kept in build-fuzz/corpus/NAME for the next search.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-fuzz"
FOLDER = ROOT / "tests" / "fuzz"
INPUT_S = 10  # one input may take so long
MEMORY_MIB = 2048


def build():
    if not (BUILD / "build.ninja").exists():
        setup = ["meson", "setup", BUILD, ROOT, "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Dwerror=false"]
        subprocess.run(setup, cwd=ROOT, env={**os.environ, "CC": "clang"}, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["ninja", "-C", BUILD, "--quiet", "fuzzers"], check=True)


def search(name, seconds):
    """True if nothing was found."""
    found, findings = BUILD / "corpus" / name, BUILD / "findings" / name
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = FOLDER / f"{name}.dict"
    command = [BUILD / "tests" / "fuzz" / f"fuzz-{name}", found, FOLDER / "corpus" / name,
               f"-max_total_time={seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MIB}",
               f"-artifact_prefix={findings}/", "-print_final_stats=1", "-verbosity=1"]
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1",
                   "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    start = time.monotonic()
    with open(BUILD / f"{name}.log", "w+", encoding="utf-8", errors="replace") as log:
        status = subprocess.run(command, cwd=BUILD, env=environment, stdout=log, stderr=log, check=False).returncode
        log.seek(0)
        output = log.read()
    count = re.search(r"stat::number_of_executed_units: (\d+)", output)
    coverage = re.findall(r"cov: (\d+)", output)
    print(f"{'ok' if status == 0 else 'failed':6} {name:16} {int(count.group(1)) if count else 0:,} inputs in "
          f"{time.monotonic() - start:.0f} s, {coverage[-1] if coverage else 0} branches reached", flush=True)
    if status != 0:
        print(output[-6000:])
    return status == 0


def main():
    names = sorted(path.name for path in (FOLDER / "corpus").iterdir())
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=names, help="one target instead of all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    options = parser.parse_args()
    build()
    held = [search(name, options.seconds) for name in names if options.name in (None, name)]
    print(f"{held.count(True)} passed, {held.count(False)} failed, 0 skipped")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
