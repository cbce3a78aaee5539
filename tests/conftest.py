"""Fixtures for every test in Python. What they hand out is described in lib/system.py."""

import pytest

from lib import judge, judged
from lib.stripe import SECRET, Signer
from lib.system import System


def ended(system):
    complaints = system.close()
    assert not complaints, "\n".join(complaints)


def pytest_collection_modifyitems(config, items):
    """Long ones begin first, so that none is left over at the end; behind the judge runs only what it can judge."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if judge.IS_ON:
        left_out = [item for item in items if judged.reason_against(item.nodeid)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish():
    judge.end()


@pytest.fixture
def system(tmp_path):
    """An empty folder; nothing runs and there is no database yet."""
    made = System(tmp_path)
    yield made
    ended(made)


@pytest.fixture
def shop(system):
    """A database, the sandbox and an API; no worker yet."""
    system.migrate().start_sandbox()
    system.start_api()
    return system


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory):
    """One API for many requests that must leave no trace."""
    made = System(tmp_path_factory.mktemp("shared"))
    made.migrate().start_api()
    yield made
    ended(made)


@pytest.fixture(scope="session")
def signer():
    """Stripe's own package, signing."""
    made = Signer()
    yield made
    made.close()


@pytest.fixture
def paying(system):
    """As shop, and the API takes Stripe's events."""
    system.migrate().start_sandbox()
    system.start_api(STRIPE_WEBHOOK_SECRET=SECRET)
    return system
