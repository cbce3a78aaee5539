"""Where ARCHITECTURE.md sends its reader, there is something."""

import re

import pytest

from lib.tree import ROOT, read

PLACES = sorted(set(re.findall(r"`([\w/]+\.[ch]): (\w+)`", read("ARCHITECTURE.md"))))


@pytest.mark.parametrize("path, function", PLACES)
def test_a_function_stands_where_it_is_said_to(path, function):
    assert (ROOT / path).exists()
    assert re.search(rf"\b{function}\(", read(path))
