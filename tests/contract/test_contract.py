"""Klaviyo's own description judges what the worker sends.

Prism stands between worker and sandbox, forwards everything and reports violations. It re-serialises bodies and
turns lost connections into 500, so faults of the wire are tested elsewhere, against the sandbox itself.
"""

import json
import os
import socket
from pathlib import Path

import pytest

from lib import http
from lib.load import create_at_rate
from lib.process import Process, clean_environment
from lib.system import ROOT
from lib.wait import wait_until

DESCRIPTION = Path(os.environ.get("KLAVIYO_OPENAPI", ROOT / ".." / "shared" / "klaviyo" / "openapi.json")).resolve()
PRISM = ROOT / "tests" / "contract" / "node_modules" / ".bin" / "prism"

pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(),
                                reason="Klaviyo's description is not there: set KLAVIYO_OPENAPI to its file")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def judged(system):
    """API, and a worker that talks to the sandbox through Prism."""
    system.migrate().start_sandbox("--burst", "10000", "--steady", "100000")
    port = free_port()
    prism = Process("prism", [PRISM, "proxy", DESCRIPTION, system.settings["KLAVIYO_BASE_URL"],
                              "--host", "127.0.0.1", "--port", port, "--verboseLevel", "info"],
                    clean_environment(NO_COLOR="1"), system.folder)
    try:
        prism.wait_for(lambda: "Prism is listening" in prism.stdout(), "listens", 60)
        system.prism, system.prism_address = prism, f"127.0.0.1:{port}"
        system.settings["KLAVIYO_BASE_URL"] = f"http://{system.prism_address}"
        yield system
    finally:
        prism.kill()


def violations(system):
    return [line for line in system.prism.stdout().splitlines() if "iolation" in line]


def send(system, payload):
    return http.ask(system.prism_address, "POST", "/api/events", {
        "Authorization": "Klaviyo-API-Key pk_test", "revision": "2026-07-15",
        "Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}, payload)


def test_prism_judges_at_all(judged):
    """The canary: a body without metric must be found wrong, the same body with it right."""
    made = judged.start_api() and judged.created()
    payload = json.loads(judged.events(made["id"])[0]["payload"])
    response = send(judged, payload)
    assert response.status == 202 and response.header("sl-violations") is None, response
    del payload["data"]["attributes"]["metric"]
    response = send(judged, payload)
    assert "metric" in (response.header("sl-violations") or ""), response
    wait_until(lambda: violations(judged), what="Prism's log tells it too")


def test_nothing_that_the_worker_sends_violates_the_contract(judged):
    judged.start_api(KLAVIYO_METRIC_PREFIX="Shop A")
    judged.start_worker()
    kinds = [{}, {"locale": "zh-Hant-TW", "source": "s" * 64},
             {"email": "ada@bücher.klaviyo-demo.com", "price_id": "price_kettle", "color": "red"},
             {"price_id": "price_chair", "color": "grün", "properties": {
                 "text": "日本語 🛋️ \"quoted\" \\ \n", "long": "ü" * 512, "number": 0.1234567890123, "negative": -5,
                 "big": 123456789012345, "yes": True, "no": False, "empty": ""}}]

    def members(number):
        return {"email": f"ada{number}@klaviyo-demo.com", **kinds[number % len(kinds)]}
    answers = create_at_rate(judged.api.address, per_second=100, count=200, members=members)
    assert {answer.status for answer in answers} == {201}
    judged.wait_sent(200, 60)
    assert violations(judged) == []
    assert len({line["unique_id"] for line in judged.ledger()}) == 200
