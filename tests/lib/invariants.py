"""What must hold at the end of any story, checked from three sides: customers, database, ledger."""

import json
from collections import Counter, defaultdict

from lib.backlog import sha256_on
from lib.database import is_whole

SHOWN = 5


class Faults:
    """Collects broken promises; a few of each kind are enough to see what went wrong."""

    def __init__(self):
        self.found = defaultdict(list)

    def add(self, what, item):
        self.found[what].append(item)

    def raise_any(self):
        assert not self.found, "\n".join(
            f"{what}: {len(items)}, such as {items[:SHOWN]}" for what, items in self.found.items())


def _check_owed(system, preorders, events, faults):
    """One event a preorder, and one for each payment event that owes one, in their order; no metric twice."""
    owed = {row["event_id"]: row["preorder_id"]
            for row in system.rows("SELECT event_id, preorder_id FROM payment_events WHERE event_id IS NOT NULL")}
    for event in events:
        if event["preorder_id"] not in preorders:
            faults.add("events without a preorder", event["id"])
        if event["sequence"] > 1 and owed.get(event["id"]) != event["preorder_id"]:
            faults.add("later events that no payment owes", event["id"])
    for missing in set(owed) - {event["id"] for event in events}:
        faults.add("payments without their event", missing)
    by_preorder = defaultdict(list)
    for event in events:
        by_preorder[event["preorder_id"]].append(event)
    for preorder_id in preorders:
        found = by_preorder[preorder_id]
        if sorted(event["sequence"] for event in found) != list(range(1, len(found) + 1)) or not found:
            faults.add("preorders whose events have gaps", preorder_id)
        if len({event["metric"] for event in found}) != len(found):
            faults.add("preorders with a metric twice", preorder_id)


def _check_rows(system, faults):
    preorders = {row["id"]: row for row in system.rows("SELECT * FROM preorders")}
    events = system.events()
    _check_owed(system, preorders, events, faults)
    for event in events:
        row = preorders.get(event["preorder_id"])
        attributes = json.loads(event["payload"])["data"]["attributes"]
        if row and (attributes["profile"]["data"]["attributes"]["email"] != row["email"]
                    or attributes["properties"]["preorder_id"] != row["id"]
                    or attributes["unique_id"] != event["id"]):
            faults.add("events that belong to another preorder", event["id"])
    return preorders, events


def _check_customers(customers, preorders, faults):
    by_email = defaultdict(list)
    for row in preorders.values():
        by_email[row["email"]].append(row)
    for number, answers in customers.answered.items():
        body = customers.asked[number]
        ids = {preorder_id for status, preorder_id in answers if status == 201}
        stored = by_email[body["email"]]
        if len(stored) > 1:
            faults.add("one key, several preorders", number)
        if ids and {row["id"] for row in stored} != ids:
            faults.add("answered 201 and not stored as answered", (number, sorted(ids)))
        if ids and stored and json.loads(stored[0]["properties"]) != body["properties"]:
            faults.add("stored otherwise than asked", number)
        if any(400 <= status < 500 for status, _ in answers):
            faults.add("right requests that were refused", (number, answers))
    asked = {body["email"] for body in customers.asked.values()}
    for email in set(by_email) - asked:
        faults.add("preorders that nobody asked for", email)


def _check_attempts(system, events, faults):
    journal = defaultdict(list)
    for attempt in system.attempts():
        journal[attempt["outbox_id"]].append(attempt)
    for event in events:
        attempts = journal[event["id"]]
        if event["status"] not in ("sent", "dead"):
            faults.add("events that are neither sent nor dead", (event["id"], event["status"]))
        outcomes = [attempt["outcome"] for attempt in attempts]
        if event["status"] == "sent" and "sent" not in outcomes:
            faults.add("sent without a line in the journal", event["id"])
        if outcomes[:-1].count("sent") or outcomes[:-1].count("dead"):
            faults.add("attempts after the end", (event["id"], outcomes))
        if attempts and attempts[-1]["token"] > event["token"]:
            faults.add("a token that was never given", event["id"])
    return journal


def _check_ledger(system, events, journal, faults):
    by_id = {event["id"]: event for event in events}
    first_lines = Counter()
    for line in system.ledger():
        event = by_id.get(line["unique_id"])
        if event is None:
            faults.add("in the ledger and not in the database", line["unique_id"])
            continue
        if sha256_on(line["path"], event["payload"]) != line["sha256"]:
            faults.add("sent otherwise than stored", event["id"])
        if line["duplicate"] != (first_lines[event["id"]] > 0):
            faults.add("the ledger's own mark is wrong", event["id"])
        first_lines[event["id"]] += 1
        if first_lines[event["id"]] > len(journal[event["id"]]):
            faults.add("on the wire more often than in the journal", event["id"])
    for event in events:
        if event["status"] == "sent" and not first_lines[event["id"]]:
            faults.add("sent and not in the ledger", event["id"])
    return sum(first_lines.values()) - len(first_lines)


def check(system, customers):
    """Raises AssertionError with every broken promise; returns how often events were repeated."""
    faults = Faults()
    preorders, events = _check_rows(system, faults)
    _check_customers(customers, preorders, faults)
    journal = _check_attempts(system, events, faults)
    repeats = _check_ledger(system, events, journal, faults)
    if not is_whole(system.database):
        faults.add("integrity_check", "not ok")
    audit = system.ctl("audit")
    if audit.returncode != 0:
        faults.add("the audit", audit.stdout)
    faults.raise_any()
    return repeats
