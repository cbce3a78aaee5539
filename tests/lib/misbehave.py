"""Entries of a sandbox script (docs/sandbox.md): whom to treat how."""

import json


def entry(name, match, **manner):
    """`match`: email (a prefix), times, nth, unique_id; all requests if empty."""
    return {"match": {"times": 0, **match}, "do": name, **manner}


def status(code, headers=None, **match):
    """A whole answer with that status."""
    return entry("status", match, status=code, **({"headers": headers} if headers else {}))


def refuse(code, detail, pointer, **match):
    """An error in Klaviyo's form."""
    body = {"errors": [{"id": "1", "status": code, "code": "invalid", "title": "Invalid input.", "detail": detail,
                        "source": {"pointer": pointer}}]}
    return entry("status", match, status=code, body=json.dumps(body),
                 headers={"Content-Type": "application/vnd.api+json"})


def lost(**match):
    """Accepts the event; the answer never arrives."""
    return entry("accept-then-reset", match)


def slow_head(delay_ms, **match):
    """Accepts the event and answers late."""
    return entry("delay-head", match, delay_ms=delay_ms)


def times(fault, count):
    """The same fault, for the first `count` requests only."""
    return {**fault, "match": {**fault["match"], "times": count}}


# What passes by itself: retried until it has.
PASSING = [status(500), status(502), status(503), status(504), status(520), status(408), status(425),
           *(entry(name, {}) for name in (
               "403-html", "502-html", "close-without-answer", "accept-then-reset", "accept-then-silence",
               "reset-before-read", "status-garbage", "http-0.9"))]
