#!/usr/bin/python3
"""Runs the proofs of this folder, one line each, and ends with `N passed, N failed, N skipped`."""

import argparse
import importlib
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from lib.system import System  # noqa: E402  (the path above comes first)


class Proof:
    """What a proof is given: its length, its dice, and systems that are ended behind it."""

    def __init__(self, name, quick, seed):
        self.name = name
        self.quick = quick
        self.seed = seed
        self.random = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
        self.systems = []

    def system(self):
        folder = self.folder / str(len(self.systems))
        folder.mkdir()
        self.systems.append(System(folder))
        return self.systems[-1]

    def end(self):
        """Ends everything; what was wrong with any of it."""
        return [complaint for system in self.systems for complaint in system.close()]


def run(name, quick, seed):
    """One line; True if the promise held."""
    proof = Proof(name, quick, seed)
    start = time.monotonic()
    complaints, figures = [], ""
    try:
        figures = importlib.import_module(f"torture.{name}").prove(proof)
    except AssertionError as error:
        complaints.append(str(error))
    finally:
        complaints += proof.end()
    word = "failed" if complaints else "ok"
    print(f"{word:6} {name:8} seed {seed}: {figures or 'broken'} ({time.monotonic() - start:.0f} s)", flush=True)
    for complaint in complaints:
        print(f"       {complaint[:4000]}")
    if complaints:
        print(f"       what is left of it: {proof.folder}; again: ./dev torture {name} --seed {seed}")
    else:
        shutil.rmtree(proof.folder)
    return not complaints


def main():
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.name != "run.py")
    parser = argparse.ArgumentParser(prog="./dev torture", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=names, help="one proof instead of all")
    parser.add_argument("--quick", action="store_true", help="the short form of each")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1_000_000))
    options = parser.parse_args()
    held = [run(name, options.quick, options.seed) for name in names if options.name in (None, name)]
    print(f"{held.count(True)} passed, {held.count(False)} failed, 0 skipped")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
