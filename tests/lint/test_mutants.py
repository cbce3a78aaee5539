"""Each lie of tests/lib/mutants.py has its place in the sources; `./dev torture mutants` tells them."""

import pytest

from lib.mutants import MUTANTS
from lib.tree import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_lie_changes_exactly_one_place(mutant):
    assert (ROOT / mutant.path).read_text().count(mutant.old) == 1, f"{mutant.path}: {mutant.old}"
