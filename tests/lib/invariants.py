"""What must hold at the end of any story, checked from three sides: customers, database, ledger.

The database is looked at by itself, beside the programs; what the customers wrote down before they asked and when
they were answered, and what the sandbox wrote down before it answered, is the truth that it is measured by.
"""

import json
from collections import Counter, defaultdict

from lib.backlog import sha256_on
from lib.database import is_whole, read_rows
from lib.ledger import read_ledger

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


class Evidence:
    """The three sides. Without customers nothing is known of what was asked, and it is not judged.

    With workers of several hosts `lease_ms` says how long a claim lasts: one that is stopped for longer may tell the
    journal how its request ended when another host has sent the event already.
    """

    def __init__(self, database, ledger_path, asked=None, answered=None, lease_ms=None):
        self.database, self.lease_ms = database, lease_ms
        self.asked, self.answered = asked, answered or {}
        self.ledger = read_ledger(ledger_path)
        self.preorders = {row["id"]: row for row in read_rows(database, "SELECT * FROM preorders")}
        self.events = read_rows(database, "SELECT * FROM outbox ORDER BY created_at, id")
        self.keys = read_rows(database, "SELECT key, preorder_id, reply FROM idempotency_keys")
        self.owed = {row["event_id"]: row["preorder_id"] for row in read_rows(
            database, "SELECT event_id, preorder_id FROM payment_events WHERE event_id IS NOT NULL")}
        self.journal = defaultdict(list)
        for row in read_rows(database, "SELECT * FROM outbox_attempts ORDER BY outbox_id, token"):
            self.journal[row["outbox_id"]].append(row)


def _check_owed(evidence, faults):
    """One event a preorder, and one for each payment event that owes one, in their order; no metric twice."""
    for event in evidence.events:
        if event["preorder_id"] not in evidence.preorders:
            faults.add("events without a preorder", event["id"])
        if event["sequence"] > 1 and evidence.owed.get(event["id"]) != event["preorder_id"]:
            faults.add("later events that no payment owes", event["id"])
    for missing in set(evidence.owed) - {event["id"] for event in evidence.events}:
        faults.add("payments without their event", missing)
    by_preorder = defaultdict(list)
    for event in evidence.events:
        by_preorder[event["preorder_id"]].append(event)
    for preorder_id in evidence.preorders:
        found = by_preorder[preorder_id]
        if sorted(event["sequence"] for event in found) != list(range(1, len(found) + 1)) or not found:
            faults.add("preorders whose events have gaps", preorder_id)
        if len({event["metric"] for event in found}) != len(found):
            faults.add("preorders with a metric twice", preorder_id)


def _check_contents(evidence, faults):
    """An event's body is about its preorder and no other, with what the customer gave it to carry."""
    for event in evidence.events:
        row = evidence.preorders.get(event["preorder_id"])
        if row is None:
            continue
        attributes = json.loads(event["payload"])["data"]["attributes"]
        properties = attributes["properties"]
        wanted = {"preorder_id": row["id"], "preorder_number": row["number"], "price_id": row["price_id"],
                  **json.loads(row["properties"])}
        if (attributes["profile"]["data"]["attributes"]["email"] != row["email"]
                or attributes["unique_id"] != event["id"]
                or any(properties.get(name) != value for name, value in wanted.items())):
            faults.add("events that belong to another preorder", event["id"])


def _check_keys(evidence, faults):
    """A key stands for one preorder, and what it will be answered with speaks of that one."""
    for preorder_id, count in Counter(row["preorder_id"] for row in evidence.keys).items():
        if count > 1 or preorder_id not in evidence.preorders:
            faults.add("keys that do not stand for one preorder each", preorder_id)
    for row in evidence.keys:
        if json.loads(row["reply"])["id"] != row["preorder_id"]:
            faults.add("keys with the reply of another preorder", row["preorder_id"])


def _check_answers(evidence, number, stored, faults):
    body, answers = evidence.asked[number], evidence.answered.get(number, [])
    ids = {preorder_id for status, preorder_id in answers if status == 201}
    if len(stored) > 1 or len(ids) > 1:
        faults.add("one key, several preorders", number)
    if ids and {row["id"] for row in stored} != ids:
        faults.add("answered 201 and not stored as answered", (number, sorted(ids)))
    for row in stored:
        given = {**body, "properties": body.get("properties", {})}
        kept = {**row, "properties": json.loads(row["properties"])}
        if any(kept[name] != value for name, value in given.items()):
            faults.add("stored otherwise than asked", number)
    if any(400 <= status < 500 for status, _ in answers):
        faults.add("right requests that were refused", (number, answers))


def _check_customers(evidence, faults):
    """Every 201 is stored as it was asked, once. Whoever was answered 5xx, or not at all, may be stored or not."""
    if evidence.asked is None:
        return
    by_email = defaultdict(list)
    for row in evidence.preorders.values():
        by_email[row["email"]].append(row)
    for number in evidence.asked:
        _check_answers(evidence, number, by_email[evidence.asked[number]["email"]], faults)
    for email in set(by_email) - {body["email"] for body in evidence.asked.values()}:
        faults.add("preorders that nobody asked for", email)


def _is_after_the_end(attempt, following, lease_ms):
    """Whether nobody should have claimed the event once more. A request begins in the first half of its lease."""
    is_over = lease_ms and following["started_at"] - attempt["started_at"] >= lease_ms / 2
    return attempt["outcome"] in ("sent", "dead") and not is_over


def _check_end(event, attempts, lease_ms, is_finished, faults):
    """How an event stands, and whether its journal says the same."""
    outcomes = [attempt["outcome"] for attempt in attempts]
    if is_finished and event["status"] not in ("sent", "dead", "cancelled"):
        faults.add("events that are neither sent nor dead", (event["id"], event["status"]))
    if event["status"] == "sent" and not any(
            attempt["outcome"] == "sent" and 200 <= attempt["http_status"] < 300 for attempt in attempts):
        faults.add("sent without a line in the journal", event["id"])
    if event["status"] == "dead" and not (event["last_error"] and outcomes[-1:] == ["dead"]):
        faults.add("dead without a reason", event["id"])
    if any(_is_after_the_end(*pair, lease_ms) for pair in zip(attempts, attempts[1:])):
        faults.add("attempts after the end", (event["id"], outcomes))


def _check_attempts(evidence, is_finished, faults):
    for event in evidence.events:
        attempts = evidence.journal[event["id"]]
        _check_end(event, attempts, evidence.lease_ms, is_finished, faults)
        if attempts and attempts[-1]["token"] > event["token"]:
            faults.add("a token that was never given", event["id"])
        if any(attempt["finished_at"] is not None and attempt["finished_at"] < attempt["started_at"]
               for attempt in attempts):
            faults.add("attempts that end before they begin", event["id"])
    for alone in set(evidence.journal) - {event["id"] for event in evidence.events}:
        faults.add("attempts without an event", alone)


def _may_have_arrived(attempt):
    """Whether Klaviyo may have accepted the request that this line is about."""
    return attempt["outcome"] in ("sent", "unknown") or not attempt["http_status"] or attempt["http_status"] >= 500


def _is_as_stored(line, event):
    """The bytes of the row; but for `backfill`, which may turn true once, on record."""
    forms = [False] if event["backfill_at"] is None else [False, True]
    return any(sha256_on(line["path"], event["payload"], backfill) == line["sha256"] for backfill in forms)


def _check_ledger(evidence, faults):
    by_id = {event["id"]: event for event in evidence.events}
    lines = Counter()
    for line in evidence.ledger:
        event = by_id.get(line["unique_id"])
        if event is None:
            faults.add("in the ledger and not in the database", line["unique_id"])
            continue
        if not _is_as_stored(line, event):
            faults.add("sent otherwise than stored", event["id"])
        if line["duplicate"] != (lines[event["id"]] > 0):
            faults.add("the ledger's own mark is wrong", event["id"])
        lines[event["id"]] += 1
    for event in evidence.events:
        attempts = evidence.journal[event["id"]]
        count = lines[event["id"]]
        if event["status"] == "sent" and not count:
            faults.add("sent and not in the ledger", event["id"])
        # A claim that is still out has no line in the journal yet.
        if count > len(attempts) + (event["claimed_by"] is not None):
            faults.add("on the wire more often than in the journal", event["id"])
        elif count > sum(map(_may_have_arrived, attempts)) + (event["claimed_by"] is not None):
            faults.add("repeats that no fault explains", event["id"])
    return sum(lines.values()) - len(lines)


def judge(evidence, is_finished=True):
    """Raises AssertionError with every broken promise; returns how often events were repeated."""
    faults = Faults()
    _check_owed(evidence, faults)
    _check_contents(evidence, faults)
    _check_keys(evidence, faults)
    _check_customers(evidence, faults)
    _check_attempts(evidence, is_finished, faults)
    repeats = _check_ledger(evidence, faults)
    if not is_whole(evidence.database):
        faults.add("integrity_check", "not ok")
    faults.raise_any()
    return repeats


def check(system, customers=None, is_finished=True, lease_ms=None):
    """As judge, of a system that has come to rest; its own audit must agree."""
    asked, answered = (customers.asked, customers.answered) if customers else (None, None)
    repeats = judge(Evidence(system.database, system.ledger_path, asked, answered, lease_ms), is_finished)
    audit = system.ctl("audit")
    assert audit.returncode == 0, f"the audit: {audit.stdout}{audit.stderr}"
    return repeats
