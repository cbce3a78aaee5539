"""Many preorders of all kinds, each delivered exactly once."""

import json

import pytest

from lib.load import create_again, create_at_rate

COUNT = 5000
DOMAINS = ["bücher.klaviyo-demo.com", "пример.klaviyo-demo.com", "例え.klaviyo-demo.com", "klaviyo-demo.com",
           "faß.klaviyo-demo.com", "παράδειγμα.klaviyo-demo.com", "उदाहरण.klaviyo-demo.com", "MÜLLER.Klaviyo-Demo.com"]
NOTES = ["Grüße", "日本語のメモ", "🛋️ 👩‍👩‍👧", "שלום", "a\"b\\c\n\t", "ﬁ", "Ω≈ç√", "ก็"]
PRODUCTS = [("price_lamp_black", "black"), ("price_lamp_sand", "sand"), ("price_chair", "grün"),
            ("price_kettle", "red")]


def members(number):
    price_id, color = PRODUCTS[number % len(PRODUCTS)]
    return {"email": f"kundin.{number}@{DOMAINS[number % len(DOMAINS)]}", "price_id": price_id, "color": color,
            "properties": {"note": NOTES[number % len(NOTES)], "größe": number + 0.5, "n": number}}


def insist(address, answer):
    """A machine that is busy with the rest of the suite refuses some at once: its client asks again, with its key."""
    for _ in range(100):
        if answer.status not in (0, 503):
            break
        answer = create_again(address, answer.number, members)
    return answer


@pytest.mark.slow
def test_5000_preorders_of_all_kinds_arrive_exactly_once(system):
    # Klaviyo's limits, 3,500 a minute, are not what this is about.
    system.migrate().start_sandbox("--burst", "100000", "--steady", "1000000")
    system.start_api()
    system.start_worker(PREORDER_RATE_BURST=100_000, PREORDER_RATE_STEADY=1_000_000)
    answers = [insist(system.api.address, answer)
               for answer in create_at_rate(system.api.address, per_second=600, count=COUNT, members=members)]
    assert [answer for answer in answers if answer.status != 201] == []
    assert len({answer.preorder_id for answer in answers}) == COUNT
    system.wait_sent(COUNT, 90)
    ledger = system.ledger()
    assert len(ledger) == COUNT and not any(line["duplicate"] for line in ledger)
    events = {event["id"]: event for event in system.events()}
    assert {line["unique_id"] for line in ledger} == set(events)
    assert all(event["attempts"] == 1 for event in events.values())
    by_preorder = {event["preorder_id"]: event for event in events.values()}
    for answer in answers:
        properties = json.loads(by_preorder[answer.preorder_id]["payload"])["data"]["attributes"]["properties"]
        wanted = members(answer.number)["properties"]
        assert {name: properties[name] for name in wanted} == wanted
    assert all(line["email"].isascii() for line in ledger)
    assert system.ctl("audit").returncode == 0
