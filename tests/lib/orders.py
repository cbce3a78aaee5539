"""One customer at a time, who knows what was asked and what was answered (lib/invariants.py wants both)."""

import copy
from urllib.parse import urlencode

from lib import http
from lib.system import preorder


class Orders:
    """Everybody has a key of their own, so that asking again is harmless."""

    def __init__(self, asked=None, answered=None):
        self.asked = asked or {}        # number: body
        self.answered = answered or {}  # number: [(status, id)]

    def copy(self):
        return Orders(copy.deepcopy(self.asked), copy.deepcopy(self.answered))

    def ask(self, address, number=None, as_form=False):
        """Asks, or asks again; the status, or None if there was no answer."""
        number = len(self.asked) if number is None else number
        body = self.asked.setdefault(number, self._body(number, as_form))
        headers = {"Connection": "close", "Idempotency-Key": f"key-{number}"}
        text = body
        if as_form:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            text = urlencode(body)
        try:
            with http.Connection(address) as connection:
                answer = connection.ask("POST", "/pre-order", headers, text)
        except OSError:
            answer = None
        if answer is None:
            return None
        stored_id = answer.json()["id"] if answer.status == 201 else None
        self.answered.setdefault(number, []).append((answer.status, stored_id))
        return answer.status

    @staticmethod
    def _body(number, as_form):
        body = preorder(email=f"customer{number}@klaviyo-demo.com")
        return body if as_form else {**body, "properties": {"number": number}}

    def accepted(self, number):
        return any(status == 201 for status, _ in self.answered.get(number, []))
