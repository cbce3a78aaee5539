"""Whatever Klaviyo does, a checkout gets its 201. How fast is measured by ./dev torture outage."""

import pytest

from lib import misbehave
from lib.load import create_at_rate


def check_all_arrive(system, answers):
    assert len(answers) == 300 and {answer.status for answer in answers} == {201}, answers[:3]
    system.wait_sent(300, 60)
    assert {line["unique_id"] for line in system.ledger()} == {event["id"] for event in system.events()}
    assert system.ctl("audit").returncode == 0


@pytest.mark.parametrize("fault", [misbehave.slow_head(10000), misbehave.status(503)], ids=["slow", "503"])
def test_creates_go_on_while_klaviyo_is_ill(system, fault):
    system.migrate().start_sandbox(script=[fault])
    address = system.sandbox.address
    system.start_api()
    system.start_worker(PREORDER_REQUEST_TIMEOUT="15s", PREORDER_DRAIN_TIMEOUT="500ms")
    answers = create_at_rate(system.api.address, per_second=150, count=300)
    system.sandbox.kill()
    system.start_sandbox(listen=address)
    check_all_arrive(system, answers)


def test_creates_go_on_while_klaviyo_is_unreachable(system):
    system.migrate().start_sandbox()
    address = system.sandbox.address
    system.sandbox.kill()
    system.start_api()
    system.start_worker()
    answers = create_at_rate(system.api.address, per_second=150, count=300)
    system.start_sandbox(listen=address)
    check_all_arrive(system, answers)
