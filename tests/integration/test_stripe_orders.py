"""Stripe promises no order and no single delivery: every order, every repeat, and the API killed in between."""

import itertools
import json
import threading

import pytest

from lib import http
from lib.stripe import (ATTEMPT_FAILED, COMPLETED, EXPIRED, FAILED, PATH, SECRET, SUCCEEDED, deliver, event, outcome,
                        payment_intent, session, written)

STARTED = "Preorder Started"


def lifecycle(made, kind):
    """The events that Stripe documents for one session, each with a failed attempt among them."""
    thing = session(made)
    unpaid = {**thing, "payment_status": "unpaid"}
    attempt = event(ATTEMPT_FAILED, payment_intent(made, id=thing["payment_intent"]))
    return {
        "paid at once": [event(COMPLETED, thing), attempt],
        "nothing to pay": [event(COMPLETED, {**thing, "payment_status": "no_payment_required", "amount_total": 0,
                                             "amount_subtotal": 0})],
        "paid later": [event(COMPLETED, unpaid), event(SUCCEEDED, thing), attempt],
        "not paid in the end": [event(COMPLETED, unpaid), event(FAILED, unpaid), attempt],
        "expired": [event(EXPIRED, {**unpaid, "status": "expired"}), attempt],
        "of another amount": [event(COMPLETED, {**unpaid, "amount_subtotal": 1}),
                              event(SUCCEEDED, {**thing, "amount_subtotal": 1}), attempt],
    }[kind]


def story(system, preorder_id):
    """All that the preorder's rows say but for ids, names and times."""
    row, = system.rows("SELECT status, flag, amount, currency FROM preorders WHERE id = ?", preorder_id)
    told = []
    for each in system.events(preorder_id):
        attributes = json.loads(each["payload"])["data"]["attributes"]
        properties = {name: value for name, value in attributes["properties"].items()
                      if name not in ("preorder_id", "preorder_number")}
        told.append((each["metric"], each["status"], each["attempts"], each["next_attempt_at"] is None,
                     attributes["value"], attributes["value_currency"], json.dumps(properties, sort_keys=True)))
    flag = row["flag"] and row["flag"].split(", session")[0]
    return row["status"], flag, row["amount"], row["currency"], told


def in_every_order(system, signer, make, repeats):
    """Plays the events that `make` gives for a preorder, each `repeats` times, in every order, each for a preorder of
    its own. The set of stories that come out of it, and how many orders there were."""
    orders = set(itertools.permutations([number for number in range(len(make({"id": "x"}))) for _ in range(repeats)]))
    stories = {}
    with http.Connection(system.api.address) as connection:
        for order in sorted(orders):
            made = system.created()
            events = make(made)
            outcomes = [outcome(deliver(system, signer, events[number], connection=connection)) for number in order]
            assert outcomes.count("repeated") == len(order) - len(events), (order, outcomes)
            stories.setdefault(repr(story(system, made["id"])), []).append(order)
    return stories, len(orders)


@pytest.mark.parametrize("kind, status, metrics", [
    ("paid at once", "completed", ["Preorder Completed"]),
    ("nothing to pay", "completed", ["Preorder Completed"]),
    ("paid later", "completed", ["Preorder Completed"]),
    ("not paid in the end", "cancelled", ["Preorder Payment Failed"]),
    ("expired", "cancelled", ["Preorder Abandoned"]),
    ("of another amount", "initiated", []),
])
def test_one_session_in_every_order_with_repeats(paying, signer, kind, status, metrics):
    stories, count = in_every_order(paying, signer, lambda made: lifecycle(made, kind), repeats=2)
    assert len(stories) == 1, stories
    wanted = {1: 1, 2: 6, 3: 90}[len(lifecycle({"id": "x"}, kind))]
    assert count == wanted and paying.value("SELECT count(DISTINCT id) FROM preorders") == wanted
    assert {row["status"] for row in paying.rows("SELECT DISTINCT status FROM preorders")} == {status}
    told = paying.rows("SELECT metric, count(*) AS n FROM outbox GROUP BY metric ORDER BY metric")
    assert [(row["metric"], row["n"]) for row in told] == sorted((name, wanted) for name in [STARTED, *metrics])


def several_sessions(made, kinds):
    def one(kind):
        unpaid = session(made, payment_status="unpaid")
        return {"expired": lambda: [event(EXPIRED, {**unpaid, "status": "expired"})],
                "failed": lambda: [event(COMPLETED, unpaid), event(FAILED, unpaid)],
                "paid": lambda: [event(COMPLETED, session(made))],
                "late": lambda: [event(COMPLETED, unpaid), event(SUCCEEDED, {**unpaid, "payment_status": "paid"})],
                "wrong": lambda: [event(COMPLETED, session(made, amount=1))]}[kind]()
    return [each for kind in kinds for each in one(kind)]


@pytest.mark.parametrize("kinds, status, is_flagged", [
    (("expired", "expired", "paid"), "completed", False),
    (("expired", "failed", "paid"), "completed", False),
    (("failed", "late"), "completed", False),
    (("expired", "failed"), "cancelled", False),
    (("paid", "late"), "completed", True),
    (("wrong", "paid", "expired"), "completed", True),
    (("wrong", "failed"), "cancelled", True),
])
def test_several_sessions_of_one_preorder_in_every_order(paying, signer, kinds, status, is_flagged):
    stories, count = in_every_order(paying, signer, lambda made: several_sessions(made, kinds), repeats=1)
    assert count >= 6 and stories
    rows = paying.rows("SELECT status, flag FROM preorders")
    assert {row["status"] for row in rows} == {status}
    assert {row["flag"] is not None for row in rows} == {is_flagged}
    twice = paying.rows("SELECT preorder_id, metric FROM outbox GROUP BY preorder_id, metric HAVING count(*) > 1")
    assert twice == []
    completed = paying.value("SELECT count(*) FROM outbox WHERE metric = 'Preorder Completed'")
    assert completed == (count if status == "completed" else 0)


def test_nothing_is_lost_nor_doubled_when_the_api_is_killed(paying, signer):
    """Stripe's part: what got no 200 comes again, and so does some of what got one."""
    made = [paying.created() for _ in range(60)]
    requests = []
    for each in made:
        payload = written(event(COMPLETED, session(each)))
        requests.append((payload, {"Stripe-Signature": signer.header(payload)}))
    answered = set()
    half = threading.Event()

    def send(numbers):
        for number in numbers:
            payload, headers = requests[number]
            try:
                response = http.ask(paying.api.address, "POST", PATH, headers, payload)
            except (OSError, AssertionError):
                continue
            if response.status == 200:
                answered.add(number)
                if len(answered) >= len(requests) // 2:
                    half.set()
    threads = [threading.Thread(target=send, args=(range(first, len(requests), 4),)) for first in range(4)]
    for thread in threads:
        thread.start()
    assert half.wait(30)
    paying.api.kill()
    for thread in threads:
        thread.join()
    before = set(answered)
    assert len(before) < len(requests), "it was killed too late"

    paying.start_api(STRIPE_WEBHOOK_SECRET=SECRET)
    for number, (payload, headers) in enumerate(requests):
        response = outcome(http.ask(paying.api.address, "POST", PATH, headers, payload))
        assert response == "repeated" or number not in before, "it was answered 200 and is not there"
    assert paying.value("SELECT count(*) FROM payment_events") == len(made)
    assert paying.value("SELECT count(*) FROM preorders WHERE status = 'completed'") == len(made)
    assert paying.value("SELECT count(*) FROM outbox WHERE metric = 'Preorder Completed'") == len(made)
