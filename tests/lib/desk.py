"""What support works with: a database that is filled row by row, so that every state is there at once."""

import sqlite3
import time
import uuid

HOUR_MS = 3600 * 1000
EVENT_COLUMNS = ("id", "preorder_id", "sequence", "metric", "status", "attempts", "token", "next_attempt_at",
                 "claimed_by", "claimed_at", "claim_expires_at", "last_http_status", "last_error", "payload",
                 "created_at", "sent_at")


def now_ms():
    return int(time.time() * 1000)


def uuid7(at_ms):
    return str(uuid.UUID(int=at_ms << 80 | 7 << 76 | uuid.uuid4().int & (1 << 76) - 1 & ~(3 << 62) | 2 << 62))


class Desk:
    """A database with preorders in it, and the program that looks at them."""

    def __init__(self, system):
        self.system = system.migrate()
        self.count = 0

    def write(self, sql, *parameters):
        connection = sqlite3.connect(self.system.database)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        with connection:
            connection.execute(sql, parameters)
        connection.close()

    def insert(self, table, row):
        names = ", ".join(row)
        self.write(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", *row.values())
        return row

    def preorder(self, email="ada@klaviyo-demo.com", age_ms=60000):
        self.count += 1
        at = now_ms() - age_ms + self.count
        return self.insert("preorders", {
            "id": uuid7(at), "number": f"PRE-{self.count:08}", "email": email, "price_id": "price_lamp_black",
            "product": "Lamp", "color": "black", "locale": "en", "source": "web", "amount": 4990, "currency": "USD",
            "properties": "{}", "status": "initiated", "payment_url": "https://pay.example/lamp",
            "created_at": at, "updated_at": at})

    def event(self, preorder, status="pending", sequence=1, **columns):
        at = preorder["created_at"] + sequence - 1
        row = dict.fromkeys(EVENT_COLUMNS) | {
            "id": uuid7(at), "preorder_id": preorder["id"], "sequence": sequence, "metric": "Preorder Started",
            "status": status, "attempts": 0, "token": 0, "payload": '{"data":{}}', "created_at": at,
            "next_attempt_at": at if status == "pending" else None, "sent_at": at + 50 if status == "sent" else None}
        return self.insert("outbox", row | columns)

    def attempt(self, event, token=1, **columns):
        at = event["created_at"] + 10 * token
        row = {"outbox_id": event["id"], "token": token, "worker": "worker-1", "started_at": at,
               "finished_at": at + 5, "outcome": "retry", "burnt": 1, "http_status": 503, "error": "Unavailable"}
        return self.insert("outbox_attempts", row | columns)

    def sent(self, preorder=None, **columns):
        event = self.event(preorder or self.preorder(), "sent", attempts=1, token=1, **columns)
        self.attempt(event, outcome="sent", http_status=202, error=None)
        return event

    def dead(self, preorder=None, error="Invalid email", **columns):
        event = self.event(preorder or self.preorder(), "dead", attempts=1, token=1, last_http_status=400,
                           last_error=error, **columns)
        self.attempt(event, outcome="dead", http_status=400, error=error, response_body='{"errors":[]}')
        return event

    def claimed(self, preorder=None):
        until = now_ms() + HOUR_MS
        return self.event(preorder or self.preorder(), attempts=1, token=1, claimed_by="worker-1", claimed_at=1,
                          claim_expires_at=until, next_attempt_at=until)

    def payment(self, preorder, outcome="applied", **columns):
        """What Stripe said of it; a flag is written on the preorder as well."""
        self.count += 1
        at = preorder["created_at"] + 1000
        row = {"id": f"evt_{self.count}", "preorder_id": preorder["id"], "type": "checkout.session.completed",
               "session_id": f"cs_{self.count}", "outcome": outcome, "paid": 1, "amount_subtotal": 4990,
               "amount_total": 4990, "currency": "USD", "created_at": at, "received_at": at + 1,
               "flag": "mismatch" if outcome == "flagged" else None}
        if outcome == "flagged":
            self.write("UPDATE preorders SET flag = ?, updated_at = ? WHERE id = ?",
                       f"paid otherwise, session {row['session_id']}", at + 1, preorder["id"])
        return self.insert("payment_events", row | columns)

    def run(self, *args, **settings):
        return self.system.ctl(*args, **settings)

    def said(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *args):
        return self.system.ctl_json(*args)

    def row(self, event):
        return self.system.rows("SELECT * FROM outbox WHERE id = ?", event["id"])[0]

    def log(self):
        return self.system.rows("SELECT * FROM audit_log ORDER BY id")


def refused(done, status, *said):
    """Ended with the status, one line on stderr that says so, and nothing on stdout."""
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.startswith("preorderctl: ") and done.stderr.count("\n") == 1, done.stderr
    for part in said:
        assert part in done.stderr, done.stderr
