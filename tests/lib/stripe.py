"""Stripe's side of the webhook: events as its documentation shows them, signed by its own package."""

import itertools
import json
import subprocess
import time

from lib import http
from lib.system import ROOT

FOLDER = ROOT / "tests" / "stripe"
VERSION = json.loads((FOLDER / "package.json").read_text())["devDependencies"]["stripe"]
SECRET = "whsec_test_secret"
PATH = "/webhooks/stripe"
API_VERSION = "2026-10-28.endive"

COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"
EXPIRED = "checkout.session.expired"
ATTEMPT_FAILED = "payment_intent.payment_failed"

_numbers = itertools.count(1)


class Signer:
    """A Node process that has the package loaded: an event a millisecond, not a second."""

    def __init__(self):
        self.popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "node", "sign.mjs"], cwd=FOLDER, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.versions = json.loads(self.popen.stdout.readline() or "null")
        assert self.versions, "the package is not there: ./dev test integration installs it"

    def header(self, payload, secret=SECRET, timestamp=None):
        """The value of Stripe-Signature for these bytes; `timestamp` in seconds, now if not given."""
        timestamp = int(time.time()) if timestamp is None else timestamp
        self.popen.stdin.write(json.dumps({"payload": payload, "secret": secret, "timestamp": timestamp}) + "\n")
        self.popen.stdin.flush()
        line = self.popen.stdout.readline().strip()
        assert line.startswith(f"t={timestamp},v1="), f"no header from the package: {line!r}"
        return line

    def close(self):
        self.popen.stdin.close()
        self.popen.stdout.close()
        self.popen.wait(20)


def session(made, amount=4990, **members):
    """A checkout session of a preorder, paid."""
    return {
        "id": f"cs_test_{next(_numbers)}", "object": "checkout.session", "livemode": False, "mode": "payment",
        "client_reference_id": made["id"], "metadata": {}, "payment_intent": f"pi_{next(_numbers)}",
        "status": "complete", "payment_status": "paid", "currency": "usd",
        "amount_subtotal": amount, "amount_total": amount,
        "customer_email": None, "customer_details": {"email": "ada@klaviyo-demo.com", "name": "Ada"},
        "consent": None, "consent_collection": None, "after_expiration": None, "recovered_from": None,
        "expires_at": int(time.time()) + 86400, "payment_link": "plink_1", **members}


def payment_intent(made, **members):
    """As session, for what happens to the payment itself."""
    return {"id": f"pi_{next(_numbers)}", "object": "payment_intent", "amount": 4990, "currency": "usd",
            "metadata": {"preorder_id": made["id"]}, "status": "requires_payment_method",
            "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds",
                                   "message": "Your card has insufficient funds."}, **members}


def event(event_type, thing, **members):
    """An event about a thing, with an id of its own."""
    return {
        "id": f"evt_{next(_numbers)}", "object": "event", "api_version": API_VERSION,
        "created": int(time.time()), "livemode": False, "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None}, "type": event_type,
        "data": {"object": thing}, **members}


def written(happened):
    """An event's bytes, as JavaScript writes JSON: so they outlive a proxy that writes them anew (lib/judge.py)."""
    return json.dumps(happened, separators=(",", ":"), ensure_ascii=False)


def deliver(system, signer, payload, headers=None, connection=None, **signing):
    """Sends an event as Stripe does; `signing` goes to the signer."""
    if not isinstance(payload, str):
        payload = written(payload)
    headers = {"Stripe-Signature": signer.header(payload, **signing),
               "Content-Type": "application/json; charset=utf-8", **(headers or {})}
    if connection is not None:
        return connection.ask("POST", PATH, headers, payload)
    return http.ask(system.api.address, "POST", PATH, headers, payload)


def outcome(response):
    """What the API says became of an event that it took."""
    assert response.status == 200, response
    return response.json()["outcome"]
