"""Prism between the tests and the API: it compares every exchange with what the API's own description says.

A run of the integration tests with TEST_BEHIND_JUDGE=1 goes through it. Prism forwards everything and adds its
findings as a header; what they mean is decided here. TEST_DESCRIPTION names another description to judge by.
"""

import json
import os
import subprocess
from pathlib import Path

from lib import http
from lib.wait import PATIENCE

IS_ON = os.environ.get("TEST_BEHIND_JUDGE") == "1"
HEADER = "sl-violations"
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "contract" / "judge.mjs"

# What the API serves at /openapi.json, as tests/integration/test_openapi.py proves. It is not asked for it here:
# that would be one request more than the test knows of.
DESCRIPTION = Path(os.environ.get("TEST_DESCRIPTION", ROOT / "api" / "openapi.json"))


def differences(method, status, findings):
    """Those of Prism's findings that are a difference between the description and what happened.

    An answer that is not described always is one. A request that is not described is only if it was accepted:
    tests send wrong ones on purpose.
    """
    if findings is None:
        return []
    # HEAD and OPTIONS (204) are served as HTTP has them; a description would say nothing by listing them.
    was_accepted = status < 400 and status != 204 and method != "HEAD"
    try:
        listed = json.loads(findings)
    except ValueError:  # Prism cut it off
        return [findings] if was_accepted or '["response"' in findings else []
    return [each for each in listed if was_accepted or each["location"][0] == "response"]


class Judge:
    """One process that puts a Prism in front of each API."""

    def __init__(self):
        self.exchange_count = 0
        self.findings = []
        self.popen = subprocess.Popen(["node", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(20 * PATIENCE)
        self.popen.stdout.close()

    def put_before(self, address, description=None):
        """The address of a Prism that forwards to the API there; it judges by our description or another one."""
        if description is None:
            description = json.loads(DESCRIPTION.read_text())
        print(json.dumps({"upstream": f"http://{address}", "description": description}), file=self.popen.stdin,
              flush=True)
        return json.loads(self.popen.stdout.readline())["address"]

    def look_at(self, method, response):
        self.exchange_count += 1
        self.findings += [f"not as described: {method} {response.status} {each}; {response.body[:300]!r}"
                          for each in differences(method, response.status, response.header(HEADER))]


_current = None


def current():
    """The one of this run, started when it is first wanted."""
    global _current
    if _current is None:
        _current = Judge()
        http.watchers.append(_current.look_at)
    return _current


def take_findings():
    """What it found since it was last asked."""
    findings = _current.findings if _current else []
    if _current:
        _current.findings = []
    return findings


def end():
    if _current:
        _current.close()
