"""claim.pml, judged by Spin: right as it is, and found wrong where a rule is left out."""

import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("claim.pml")
ALWAYS = ("sent_stays", "dead_stays")


class Judge:
    """The verifier that Spin makes of a variant of the model."""

    def __init__(self, folder, **rules):
        flags = [f"-D{name}={value}" for name, value in rules.items()]
        self.folder = folder
        self.run("spin", "-a", *flags, MODEL)
        self.run("gcc", "-O2", "-w", "-o", "pan", "pan.c")

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_right(self, promise, *flags):
        """Whether the promise holds in every state and every rule within it."""
        told = self.run("./pan", "-a", *flags, "-m100000", "-N", promise)
        assert "max search depth too small" not in told, told
        return "errors: 0" in told


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return Judge(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("promise", ALWAYS)
def test_it_holds_whoever_dies_and_however_slow(judge, promise):
    assert judge.is_right(promise)


def test_every_event_ends(judge):
    assert judge.is_right("every_event_ends", "-f")  # as long as nobody is held up for ever


def test_without_fencing_it_is_found_wrong(tmp_path):
    unfenced = Judge(tmp_path, FENCE=0, PROMISES_ONLY=1)
    assert not any(unfenced.is_right(promise) for promise in ALWAYS), "a late word overwrites what is settled"


def test_robbing_a_living_neighbour_is_found_wrong(tmp_path):
    assert not Judge(tmp_path, ROB=1).is_right("sent_stays")
