"""Every proof of `./dev torture` can at least begin: some read constants out of the sources."""

import importlib

import pytest

from lib.tree import ROOT

PROOFS = sorted(path.stem for path in (ROOT / "tests/torture").glob("*.py") if path.name != "run.py")


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_can_be_loaded(name):
    assert importlib.import_module(f"torture.{name}").prove
