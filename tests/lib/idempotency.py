"""Creates that carry a key: many of them at once or one after the other, and that they were one."""

import json
import threading
from urllib.parse import urlencode

from lib import http
from lib.system import preorder

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html,*/*;q=0.8"}


class Json:
    """As a program asks."""
    status = 201

    def __init__(self, key, **members):
        self.headers = {"Idempotency-Key": key}
        self.body = json.dumps(preorder(**members))


class Form:
    """As a browser asks; the key is a member."""
    status = 303

    def __init__(self, key, **members):
        self.headers = FORM
        self.body = urlencode({**preorder(**members), "idempotency_key": key})


def ask(api, create):
    return http.ask(api.address, "POST", "/pre-order", create.headers, create.body)


def parallel(jobs):
    """Runs them at once, each on a thread of its own; what they returned, in their order."""
    results = [None] * len(jobs)
    together = threading.Barrier(len(jobs))

    def run(number):
        together.wait()
        results[number] = jobs[number]()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def ask_at_once(apis, create, count, *others):
    """`count` times the same create, spread over the APIs; None where there was no answer. `others` run beside."""
    def job(api):
        def run():
            try:
                with http.Connection(api.address) as connection:
                    return connection.ask("POST", "/pre-order", create.headers, create.body)
            except (ConnectionError, AssertionError):  # killed meanwhile
                return None
        return run
    return parallel([job(apis[number % len(apis)]) for number in range(count)] + list(others))[:count]


def ask_again(api, create, count, connections=8):
    """`count` times, on a few connections that are kept; the set of what came back."""
    def job():
        found = set()
        with http.Connection(api.address) as connection:
            for _ in range(count // connections):
                response = connection.ask("POST", "/pre-order", create.headers, create.body)
                found.add((essence(response), response.header("Idempotent-Replayed")))
        return found
    return set().union(*parallel([job] * connections))


def essence(response):
    """What must be the same for a repeat."""
    return response.status, response.header("Location"), response.header("Content-Type"), response.body


def assert_one(system, answers, create, first=None):
    """All of them are the same answer, to one preorder; returns what it is."""
    assert answers and all(answers), answers
    found = {essence(answer) for answer in answers}
    assert len(found) == 1, found
    same = found.pop()
    assert same[0] == create.status and (first is None or first == same), same
    originals = [answer for answer in answers if answer.header("Idempotent-Replayed") is None]
    assert len(originals) == (1 if first is None else 0)
    assert_stored_once(system)
    return same


def assert_stored_once(system):
    for table in ("preorders", "outbox", "idempotency_keys"):
        assert system.value(f"SELECT count(*) FROM {table}") == 1, table
