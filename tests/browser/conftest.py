"""Fixtures of the tests with Node and Chromium."""

import json
import subprocess

import pytest

from lib.examples import FOLDER, make_checkout
from lib.wait import PATIENCE


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """The folder of the checkout page, compiled."""
    return make_checkout(tmp_path_factory.mktemp("examples") / "checkout")


@pytest.fixture
def node():
    """Runs a script of this folder; it gets a JSON object and prints one."""
    def run(script, *arguments, **values):
        done = subprocess.run(["node", FOLDER / script, *map(str, arguments), json.dumps(values)],
                              capture_output=True, text=True, check=False, timeout=60 * PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)
    return run
