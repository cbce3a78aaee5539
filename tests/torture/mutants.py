"""The test of the tests: small lies about the core, one at a time, in a copy of the sources."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from lib.memory import memory_or
from lib.mutants import MUTANTS
from lib.system import ROOT

CAUGHT_SHARE = 0.95
STORIES = 1_000
PROGRAM_TIMEOUT_S = 180


class Copy:
    """The sources in a folder of their own, built there."""

    def __init__(self, folder, play):
        self.root = folder / "sources"
        self.play = play  # where programs leave what they did not come to remove
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, tracked.decode().split("\0")):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        self.build = self.root / "build"
        done = subprocess.run(
            ["meson", "setup", "build", "-Dwerror=false"], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout

    def make(self, *targets):
        done = subprocess.run(
            ["ninja", "-C", self.build, "--quiet", *targets], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:]

    def holds(self, program):
        """True if the program finds nothing wrong; its first complaint is enough."""
        command, targets = self._command(program)
        self.make(*targets)
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "TMPDIR": str(self.play)},
        ) as running:
            end_all = lambda: os.killpg(running.pid, signal.SIGKILL)
            too_long = threading.Timer(PROGRAM_TIMEOUT_S, end_all)
            too_long.start()
            if any(line.startswith("not ok") for line in running.stdout):
                end_all()
            too_long.cancel()
            return running.wait() == 0

    def _command(self, program):
        folder = self.play / "story"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if program == "sim":
            return [self.build / "tests/sim/sim", folder, "1", str(STORIES)], ["tests/sim/sim"]
        if program == "power":
            script = (
                f"{self.build}/tests/torture/power {folder} 1 0 1 1 full | "
                "python3 -c 'import json, sys; s = json.load(sys.stdin); "
                "sys.exit(s[\"lost\"] + s[\"torn\"] + s[\"corrupt\"] > 0)'"
            )
            return ["bash", "-o", "pipefail", "-c", script], ["tests/torture/power"]
        return [self.build / "tests" / program], [f"tests/{program}"]

    def lie(self, mutant):
        path = self.root / mutant.path
        truth = path.read_text()
        assert truth.count(mutant.old) == 1, f"{mutant.name}: {mutant.path} has {truth.count(mutant.old)} such places"
        path.write_text(truth.replace(mutant.old, mutant.new))
        return truth


def caught_by_whom(copy, mutant):
    """The program that noticed; None: nobody did."""
    truth = copy.lie(mutant)
    try:
        return next((program for program in mutant.noticed_by if not copy.holds(program)), None)
    finally:
        (copy.root / mutant.path).write_text(truth)


def check_that_truth_passes(copy, programs):
    """The control: whoever cries wolf catches every lie."""
    for program in sorted(set(programs)):
        assert copy.holds(program), f"{program} finds something wrong without any lie"


def prove(proof):
    with tempfile.TemporaryDirectory(dir=memory_or(proof.folder)) as play:
        return find_liars(proof, Copy(proof.folder, Path(play)))


def find_liars(proof, copy):
    mutants = [mutant for mutant in MUTANTS if mutant.is_durability or not proof.quick]
    caught_by = {mutant: caught_by_whom(copy, mutant) for mutant in mutants}
    check_that_truth_passes(copy, filter(None, caught_by.values()))
    missed = [mutant for mutant, program in caught_by.items() if program is None]
    names = ", ".join(mutant.name for mutant in missed)
    assert not [mutant for mutant in missed if mutant.is_durability], f"nobody noticed: {names}"
    assert len(missed) <= (1 - CAUGHT_SHARE) * len(mutants), f"nobody noticed: {names}"
    durability = sum(mutant.is_durability for mutant in mutants)
    return (
        f"{len(mutants) - len(missed)} of {len(mutants)} lies caught, all {durability} about durability among them"
        f"{'; not noticed: ' + names if missed else ''}"
    )
