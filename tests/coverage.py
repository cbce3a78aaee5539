#!/usr/bin/python3
"""Which branches of the product no test takes: builds with counters, runs the tests, compares with what is listed.

    ./dev coverage                  everything from nothing: the suites, some stories of sim, some points of faults
    ./dev coverage FOLDER…          the unit and store tests of these folders (or files), added to what was counted
    ./dev coverage --report [FOLDER…]   no tests: judges what is counted so far, by whatever ran in build-cov/

A branch that was never taken has to stand in tests/coverage/*.txt with its reason; one that stands there and was taken
is to be struck out. An entry names file, function, how many branches of the line are never taken, and the line itself,
so it outlives edits elsewhere:

    CATEGORY: why
        common/err.c err_set 1: if (text == NULL) {

Ends with status 0 only if both lists agree.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from lib.memory import memory_or

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build-cov"
LISTS = ROOT / "tests" / "coverage"
CORE = ("common", "http", "api", "worker")
MEASURED = (*CORE, "ctl")

# -O0: every branch as it is written. Counters of threads are added up atomically. At -O0 gcc warns of what it cannot
# see there; the other builds take no warning.
SETUP = ("-Db_coverage=true", "-Doptimization=0", "-Ddebug=true", "-Dwerror=false", "-Dc_args=-fprofile-update=atomic")

# Not counted, by the first words of the line (and beside the way past a switch that names every value, is_complete): a
# broken contract of ours aborts, and no test breaks it.
NOT_COUNTED = r"\s*(static_)?assert\("

CATEGORIES = {
    "unreachable": "no caller and no input leads there",
    "outside": "only a failure of the kernel or of a library leads there that no test can bring about",
    "chance": "some runs take it and some do not",
    "untested": "no test yet",
}

# The flows of tests/torture/faults.c that lead through api and worker, and every so manieth call that fails: most
# allocations are SQLite's, and the store's own tests fail them one by one (tests/store/faults_each.c).
FAULTS = {"create": 3, "pay": 3, "claim": 11, "settle": 11, "job": 11}
FAULT_KINDS = ("memory", "sync", "lock", "file")


def run(*command, stdout=None, stderr=None, **settings):
    done = subprocess.run(list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                          check=False, env={**os.environ, **{name: str(value) for name, value in settings.items()}})
    return done.returncode == 0


def build():
    if not (BUILD / "build.ninja").exists() and not run("meson", "setup", BUILD, ROOT, *SETUP, CC="gcc"):
        return False
    return run("ninja", "-C", BUILD, "--quiet")


# ---- What is run ----


def forget():
    """Empties the counters. They are there before the tests and open to all: some run as another user."""
    for notes in BUILD.rglob("*.gcno"):
        counters = notes.with_suffix(".gcda")
        counters.write_bytes(b"")
        counters.chmod(0o666)


def run_all():
    is_good = run(sys.executable, "tests/run.py", "unit", "store", "fuzz", "integration", BUILD_DIR=BUILD,
                  TEST_PATIENCE="4")
    with tempfile.TemporaryDirectory(dir=memory_or(None)) as folder:
        is_good &= run(BUILD / "tests/sim/sim", folder, 1, 500)
        for flow, step in FAULTS.items():
            for kind in FAULT_KINDS:
                for how in ("once", "lasting"):
                    is_good &= run(BUILD / "tests/torture/faults", folder, 1, flow, kind, how, 0,
                                   step if kind == "memory" else 1, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    return is_good


def run_tests_of(folders):
    """The programs that mirror these folders: unit tests are named by the folder's last part."""
    listed = subprocess.run(["meson", "introspect", "--tests", BUILD], capture_output=True, text=True, check=True)
    tests = json.loads(listed.stdout)
    prefixes = []
    for folder in folders:
        last = Path(folder).name if (ROOT / folder).is_dir() else Path(folder).parent.name
        prefixes += {"common": ["common-", "domain-", "store-"], "store": ["store-"], "sqlite": ["store-"],
                     "config": ["common-config-"], "log": ["common-log-"]}.get(last, [f"{last}-"])
    names = [test["name"] for test in tests if test["name"].startswith(tuple(prefixes))]
    return run("meson", "test", "-C", BUILD, "--no-rebuild", "--print-errorlogs", "--quiet",
               "--timeout-multiplier", "4", *names)


# ---- What was counted ----


def counted():
    """gcovr's file of every line and branch; beside it its summary and its table of files."""
    for counters in BUILD.rglob("*.gcda"):
        if counters.stat().st_size == 0:
            counters.unlink()  # nothing has run it
    path = BUILD / "coverage.json"
    done = run("gcovr", "--root", ROOT, "--branches", "--exclude-unreachable-branches",
               "--exclude-branches-by-pattern", NOT_COUNTED,
               *(word for folder in MEASURED for word in ("--filter", f"{folder}/")),
               "--json", path, "--json-summary", BUILD / "coverage-summary.json", "--txt", BUILD / "coverage.txt",
               *(BUILD / folder for folder in MEASURED))
    return json.loads(path.read_text())["files"] if done else None


def function_of(functions, line):
    before = [(begin, name) for begin, name in functions if begin <= line]
    return max(before)[1] if before else "-"


def is_complete(source, number):
    """Whether the switch of this line leaves nothing to its default: it has none, and -Wswitch-enum sees to it that it
    names every value. gcc counts a way past it all the same."""
    first = source[number - 1]
    indent = len(first) - len(first.lstrip())
    if not first.lstrip().startswith("switch ("):
        return False
    for line in source[number:]:
        if line.startswith(" " * indent + "}"):
            return True
        if line.strip().startswith("default:") and len(line) - len(line.lstrip()) <= indent + 4:
            return False
    return False


def judge(file):
    """How many branches there are, and per (file, function, line's text) how many were never taken."""
    source = (ROOT / file["file"]).read_text().splitlines()
    functions = [(each["lineno"], each["name"]) for each in file["functions"]]
    count, missed = 0, Counter()
    for line in file["lines"]:
        number = line["line_number"]
        never = sum(branch["count"] == 0 for branch in line["branches"])
        count += len(line["branches"])
        if never and is_complete(source, number):
            never, count = never - 1, count - 1
        if never:
            missed[file["file"], function_of(functions, number), source[number - 1].strip()] += never
    return count, missed


# ---- What is listed ----


def listed():
    """Per (file, function, line's text): how many, and the category."""
    entries, complaints = {}, []
    for path in sorted(LISTS.glob("*.txt")):
        category = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if not line.startswith(" "):
                category, _, why = line.partition(": ")
                if category not in CATEGORIES or not why.strip():
                    complaints.append(f"{path.name}:{number}: not one of {', '.join(CATEGORIES)}, or without a reason")
                continue
            place, _, text = line.strip().partition(": ")
            words = place.split()
            if len(words) != 3 or not words[2].isdigit() or category is None:
                complaints.append(f"{path.name}:{number}: not FILE FUNCTION COUNT: LINE below a reason")
            elif (words[0], words[1], text) in entries:
                complaints.append(f"{path.name}:{number}: stands there twice")
            else:
                entries[words[0], words[1], text] = (int(words[2]), category)
    return entries, complaints


def entry(key, count):
    file, function, text = key
    return f"    {file} {function} {count}: {text}"


# ---- The report ----


def table(rows):
    head = ("module", "branches", "taken", "", *CATEGORIES, "unlisted")
    lines = [head, *rows]
    widths = [max(len(str(line[i])) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))))


def row(name, sums):
    percent = f"{100 * sums['taken'] / sums['branches']:.2f} %" if sums["branches"] else ""
    return (name, sums["branches"], sums["taken"], percent, *(sums[word] for word in CATEGORIES), sums["unlisted"])


def is_within(name, folders):
    return any(name == folder or name.startswith(folder + "/") for folder in folders)


def report(folders):
    files = counted()
    if files is None:
        return False
    entries, complaints = listed()
    modules, unlisted, seen = defaultdict(Counter), [], Counter()
    for file in files:
        name = file["file"]
        if not is_within(name, folders):
            continue
        count, missed = judge(file)
        sums = modules[str(Path(name).parent)]
        sums["branches"] += count
        sums["taken"] += count - missed.total()
        for key, never in missed.items():
            allowed, category = entries.get(key, (0, None))
            seen[key] = never
            sums[category] += min(never, allowed)
            if never > allowed:
                sums["unlisted"] += never - allowed
                unlisted.append(entry(key, never))
    stale = [entry(key, seen[key]) for key, (allowed, category) in entries.items()
             if is_within(key[0], folders) and seen[key] < allowed and category != "chance"]
    rows = [row(name, sums) for name, sums in sorted(modules.items())]
    for name, members in (("core", CORE), ("all", MEASURED)) if folders is MEASURED else ():
        rows.append(row(name, sum((sums for module, sums in modules.items() if is_within(module, members)), Counter())))
    if unlisted:
        print("never taken and not listed (write a test, or the reason into tests/coverage):", *unlisted, sep="\n")
    if stale:
        print("listed with more than was never taken (now):", *stale, sep="\n")
    for complaint in complaints:
        print(complaint)
    table(rows)
    return not (unlisted or stale or complaints)


def main():
    parser = argparse.ArgumentParser(prog="./dev coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", help="only these, as common/domain")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    folders = [folder.rstrip("/") for folder in options.folders]
    strangers = [folder for folder in folders if not is_within(folder, MEASURED) or not (ROOT / folder).exists()]
    if strangers:
        parser.error(f"{strangers[0]} is not one of {', '.join(MEASURED)} nor within")
    is_good = build()
    if is_good and not options.report:
        if not folders:
            forget()
        is_good = run_tests_of(folders) if folders else run_all()
        if not is_good:
            print("some of the tests failed")
    return 0 if report(folders or MEASURED) and is_good else 1


if __name__ == "__main__":
    sys.exit(main())
