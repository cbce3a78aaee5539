#!/usr/bin/python3
"""Runs the proofs of this folder, one line each, and ends with `N passed, N failed, N skipped`."""

import argparse
import hashlib
import importlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

# What a proof's sums are about; a proof may name its own, so that they outlive changes elsewhere.
SOURCES = ("api", "common", "http", "schema", "worker", "tests/torture")
# Mostly waits, and judges rates that a busy machine keeps, too: in the short form of all proofs it runs beside these,
# whose verdict does not hang on how busy the machine is.
BESIDE = "limit"
STEADY = ("faults", "fence", "full", "gate", "kill", "ledger", "misbehave", "mutants", "power", "rescue", "sim",
          "syscalls")
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from lib.system import ROOT, System  # noqa: E402  (the path above comes first)


class Skipped(Exception):
    """This machine cannot make this proof."""


class Proof:
    """What a proof is given: its length, its dice, and systems that are ended behind it."""

    def __init__(self, name, quick, seed, resume=False):
        self.name = name
        self.quick = quick
        self.seed = seed
        self.resume = resume
        self.module = importlib.import_module(f"torture.{name}")
        self.sources = sources(getattr(self.module, "SOURCES", SOURCES))
        self.random = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
        self.systems = []
        self.enders = []

    def skip(self, why):
        raise Skipped(why)

    def at_end(self, function):
        """Called when everything that runs has ended."""
        self.enders.append(function)

    def system(self):
        folder = self.folder / str(len(self.systems))
        folder.mkdir()
        self.systems.append(System(folder))
        return self.systems[-1]

    # ---- Proofs that take hours add up over several runs: `--resume` goes on where the last one was ended ----

    def _state_path(self):
        return ROOT / "var" / "torture" / f"{self.name}-{'quick' if self.quick else 'full'}-{self.seed}.json"

    def load(self):
        """What the last run of this seed saved, if this one is to go on with it; sums over different sources
        would prove nothing, so only a run of the same ones counts."""
        if not self.resume or not self._state_path().exists():
            return None
        saved = json.loads(self._state_path().read_text())
        return saved["state"] if saved.get("sources") == self.sources else None

    def save(self, state):
        self._state_path().parent.mkdir(parents=True, exist_ok=True)
        new = self._state_path().with_suffix(".new")
        new.write_text(json.dumps({"sources": self.sources, "state": state}))
        new.replace(self._state_path())

    def end(self):
        """Ends everything; what was wrong with any of it."""
        complaints = [complaint for system in self.systems for complaint in system.close()]
        for function in self.enders:
            function()
        return complaints


def sources(paths):
    """The sources that are tested, as git knows them; empty where there is no git."""
    trees = [f"HEAD:{path}" for path in paths]
    done = subprocess.run(["git", "rev-parse", *trees], cwd=ROOT, capture_output=True, text=True, check=False)
    return hashlib.sha256(done.stdout.encode()).hexdigest()[:16] if done.returncode == 0 else ""


def run(name, quick, seed, resume=False):
    """One line; "passed" if the promise held."""
    proof = Proof(name, quick, seed, resume)
    start = time.monotonic()
    complaints, figures, skipped = [], "", ""
    try:
        figures = proof.module.prove(proof)
    except AssertionError as error:
        complaints.append(str(error) or traceback.format_exc())
    except Skipped as why:
        skipped = str(why)
    finally:
        complaints += proof.end()
    word = "failed" if complaints else "skip" if skipped else "ok"
    took_s = time.monotonic() - start
    print(f"{word:6} {name:8} seed {seed}: {figures or skipped or 'broken'} ({took_s:.0f} s)", flush=True)
    for complaint in complaints:
        print(f"       {complaint[:4000]}")
    if complaints:
        print(f"       what is left of it: {proof.folder}; again: ./dev torture {name} --seed {seed}")
    else:
        shutil.rmtree(proof.folder)
    return "failed" if complaints else "skipped" if skipped else "passed"


def run_beside(name, seed):
    """The short form of one proof in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, name, "--quick", "--seed", str(seed)], stdout=subprocess.PIPE,
                            text=True)


def end_beside(process):
    """Its word, once it has ended; what it printed but for its counts is printed."""
    lines = process.communicate()[0].splitlines()
    print("\n".join(lines[:-1]), flush=True)
    if process.returncode != 0:
        return "failed"
    return "passed" if lines[-1].startswith("1 passed") else "skipped"


def run_all_quickly(names, seed):
    """In under ten minutes."""
    beside = run_beside(BESIDE, seed)
    words = [run(name, True, seed) for name in STEADY]
    words.append(end_beside(beside))
    return words + [run(name, True, seed) for name in names if name not in (BESIDE, *STEADY)]


def main():
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.name != "run.py")
    parser = argparse.ArgumentParser(prog="./dev torture", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=names, help="one proof instead of all")
    parser.add_argument("--quick", action="store_true", help="the short form of each")
    parser.add_argument("--seed", type=int, help="the dice; without it new ones, with --resume always 1")
    parser.add_argument("--resume", action="store_true", help="go on where the last run with this seed was ended")
    options = parser.parse_args()
    new_seed = 1 if options.resume else random.SystemRandom().randrange(1, 1_000_000)
    seed = new_seed if options.seed is None else options.seed
    if options.quick and options.name is None:
        words = run_all_quickly(names, seed)
    else:
        words = [run(name, options.quick, seed, options.resume) for name in names if options.name in (None, name)]
    counts = [f"{words.count(word)} {word}" for word in ("passed", "failed", "skipped")]
    print(", ".join(counts))
    return 1 if "failed" in words else 0


if __name__ == "__main__":
    sys.exit(main())
