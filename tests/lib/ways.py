"""The ways in which the sandbox goes wrong, and what each has to mean to the worker: the design's table, by hand."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lib import misbehave

SENT, RETRY, THROTTLED, PAUSED, DEAD = "sent", "retry", "throttled", "paused", "dead"
REQUEST, HEAD, CONNECTION, CERTIFICATE = "request", "head", "connection", "certificate"


@dataclass(frozen=True)
class Way:
    """One variant of a misbehaviour, with the outcome that it has to have and the words that tell of it."""
    name: str
    outcome: str
    words: str = ""
    manner: dict = field(default_factory=dict)
    stage: str = REQUEST
    is_slow: bool = False    # it ends with the worker's own timeout
    is_minute: bool = False  # the account waits for a minute
    with_tls: bool = False

    def rule(self, **match):
        return {**misbehave.entry(self.name, match), **self.manner}

    def outcomes(self):
        """Those that the journal may hold for it. A refusal is no death if it was a probe's, or the tenth in a row, or
        if it was a job's."""
        return {DEAD: {DEAD, PAUSED, RETRY}, RETRY: {RETRY, DEAD}}.get(self.outcome, {self.outcome})

    def explains(self, words):
        return re.search(self.words, words or "") is not None


# Of those that were in a job with the culprit.
INNOCENT = "Klaviyo refused the bulk job that it was in"


def _status(code, outcome, **manner):
    body = misbehave.refuse(code, f"Not {code}.", "/data/attributes/metric")
    words = rf"Klaviyo answered {code}: Not {code}\. \(/data/attributes/metric\)"
    return Way("status", outcome, f"{words}|{INNOCENT}" if outcome == DEAD else words,
               {name: body[name] for name in ("status", "body", "headers")} | manner)


def _answer(name, code, outcome, text="", **more):
    return Way(name, outcome, rf"Klaviyo answered {code}{text}", **more)


LOST, TIMEOUT, BROKEN = "connection lost: .", "timeout: .", "broken answer: ."
HANDSHAKE = "TLS handshake failed: ."

WAYS = [
    *(_status(code, DEAD) for code in (400, 409, 413, 422)),
    *(_status(code, PAUSED) for code in (402, 404, 405, 415, 418)),
    *(_status(code, RETRY) for code in (408, 425, 500, 504, 529)),
    _status(502, RETRY, accept=True),
    _status(429, THROTTLED, retry_after=1),
    _answer("401", 401, PAUSED, ": Missing or invalid private key"),
    _answer("403-json", 403, PAUSED, ": The API key does not have the required scopes"),
    _answer("403-html", 403, RETRY),
    _answer("410", 410, PAUSED, ": This revision is retired"),
    _answer("429-no-retry-after", 429, THROTTLED, is_minute=True),
    _answer("429-date", 429, THROTTLED, manner={"retry_after": 1}),
    _answer("429-negative", 429, THROTTLED, is_minute=True),
    _answer("429-absurd", 429, THROTTLED, is_minute=True),
    _answer("429-garbage", 429, THROTTLED, is_minute=True),
    _answer("500", 500, RETRY),
    _answer("502-html", 502, RETRY),
    _answer("503-retry-after", 503, RETRY, manner={"retry_after": 0}),
    _answer("503-retry-after", 503, RETRY, manner={"retry_after": 1}),
    _answer("520-cloudflare-html", 520, RETRY),
    _answer("redirect", 302, PAUSED),
    _answer("redirect", 308, PAUSED, manner={"status": 308}),
    _answer("redirect-to-link-local", 307, PAUSED),
    Way("accept-then-reset", RETRY, LOST),
    Way("accept-then-silence", RETRY, TIMEOUT, is_slow=True),
    Way("accept-then-silence", RETRY, TIMEOUT, {"delay_ms": 2000}, is_slow=True, with_tls=True),
    Way("close-without-answer", RETRY, LOST),
    Way("delay-head", SENT, manner={"delay_ms": 30}),
    Way("delay-head", RETRY, TIMEOUT, {"delay_ms": 2000}, is_slow=True),
    Way("delay-body", SENT, manner={"delay_ms": 30}, with_tls=True),
    Way("delay-body", SENT, manner={"delay_ms": 2000}, is_slow=True),
    Way("drip-head", SENT, manner={"interval_ms": 1}),
    Way("drip-head", RETRY, TIMEOUT, is_slow=True),
    Way("drip-body", SENT, manner={"interval_ms": 1}),
    Way("drip-body", SENT, is_slow=True, with_tls=True),
    Way("endless-body", SENT),
    Way("endless-body", SENT, manner={"interval_ms": 50}, is_slow=True),
    Way("huge-body", SENT),
    Way("huge-body", SENT, with_tls=True),
    Way("huge-body", RETRY, "Klaviyo answered 503", {"status": 503}),
    Way("short-body", SENT),
    Way("short-body", RETRY, "Klaviyo answered 500", {"status": 500}),
    Way("long-body", SENT),
    Way("garbage-chunks", SENT),
    Way("truncated-chunk", SENT),
    Way("gzip-bomb", SENT),
    Way("gzip-bomb", RETRY, "Klaviyo answered 502", {"status": 502}),
    Way("status-garbage", RETRY, f"{BROKEN}|{LOST}"),
    Way("http-0.9", RETRY, BROKEN),
    Way("100-continue-forever", RETRY, TIMEOUT, {"interval_ms": 5}, is_slow=True),
    Way("two-answers", SENT, is_slow=True),
    Way("keep-alive-then-close", SENT),
    Way("reset-after-head", SENT),
    Way("reset-before-read", RETRY, LOST, stage=HEAD),
    Way("half-open", RETRY, TIMEOUT, stage=CONNECTION, is_slow=True),
    Way("half-open", RETRY, f"{TIMEOUT}|{HANDSHAKE}", stage=CONNECTION, is_slow=True, with_tls=True),
    Way("tls-handshake-close", RETRY, LOST, stage=CONNECTION),
    Way("tls-handshake-close", RETRY, f"{HANDSHAKE}|{LOST}", stage=CONNECTION, with_tls=True),
    Way("tls-old-version", RETRY, BROKEN, stage=CONNECTION),
    Way("tls-old-version", RETRY, HANDSHAKE, stage=CONNECTION, with_tls=True),
    *(Way(f"certificate-{fault}", PAUSED, "^certificate not trusted: .", stage=CERTIFICATE, with_tls=True)
      for fault in ("expired", "other-host", "self-signed")),
]
# Requests that they swallow on a connection that had its answer end so.
SWALLOWED = f"{LOST}|{TIMEOUT}"


def by_name():
    """The variants of each, in the order of the docs."""
    found = {}
    for way in WAYS:
        found.setdefault(way.name, []).append(way)
    return found


def documented(root: Path):
    """The names in docs/sandbox.md."""
    return re.findall(r"^\| \d+ \| `([^`]+)` \|", (root / "docs" / "sandbox.md").read_text(), re.M)


def is_swallowed(words):
    return re.match(SWALLOWED, words or "") is not None


def is_late(words):
    return re.match(TIMEOUT, words or "") is not None
