"""/metrics of both processes says what happened."""

import re
import subprocess

import pytest

from lib import http, misbehave
from lib.metrics import Metrics, read_text
from lib.system import ROOT
from lib.wait import wait_until

# On every process.
SHARED = {
    "preorder_outbox_events", "preorder_outbox_oldest_due_age_seconds", "preorder_last_success_timestamp_seconds",
    "preorder_flagged_preorders", "preorder_breaker_open", "preorder_account_paused", "preorder_wal_pages",
    "preorder_database_size_bytes", "preorder_build_info", "process_start_time_seconds", "process_cpu_seconds_total",
    "process_open_fds", "process_max_fds", "process_resident_memory_bytes", "preorder_gate_wait_seconds",
    "preorder_checkpoint_seconds",
}
OF_API = {
    "preorder_http_requests_total", "preorder_http_request_duration_seconds", "preorder_http_requests_in_flight",
    "preorder_created_total", "preorder_idempotent_replays_total", "preorder_commit_batch_size",
}
OF_WORKER = {
    "preorder_attempts_total", "preorder_attempt_duration_seconds", "preorder_delivery_lag_seconds",
    "preorder_attempts_per_event", "preorder_claims_rescued_total", "preorder_stale_settlements_total",
    "preorder_throttle_wait_seconds_total",
}
# No series until the first payment event, the first refusal.
NOT_YET_SEEN = {"preorder_payment_events_total", "preorder_http_refused_total"}


@pytest.fixture
def busy(shop):
    """Both processes after one of everything: stored, replayed, mismatched, refused, looked up."""
    shop.worker = shop.start_worker()
    key = {"Idempotency-Key": "one"}
    stored = shop.created(key)
    assert shop.create(key).header("Idempotent-Replayed") == "true"
    assert shop.create(key, color="sand", price_id="price_lamp_sand").status == 422
    assert shop.create(email="nobody").status == 422
    assert shop.get(f"/pre-order/{stored['id']}").status == 200
    assert shop.get("/nothing/ada@klaviyo-demo.com").status == 404
    assert http.ask(shop.api.address, "FROB", "/pre-order").status == 501
    shop.wait_sent(1)
    return shop


def settled(system, condition):
    """The worker's metrics once that is true of them: it counts when it judges, before it settles."""
    return wait_until(lambda: (lambda look: look if condition(look) else None)(Metrics(system.worker.admin_address)))


def test_promtool_finds_nothing_to_complain_of(busy):
    for process in (busy.api, busy.worker):
        text = read_text(process.admin_address)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_every_metric_has_its_process_and_its_line_in_the_docs(busy):
    api, worker = Metrics(busy.api.admin_address), Metrics(busy.worker.admin_address)
    assert api.names() == SHARED | OF_API
    assert worker.names() == SHARED | OF_WORKER
    told = set(re.findall(r"^\| `(\w+)", (ROOT / "docs" / "metrics.md").read_text(), re.M))
    assert told == SHARED | OF_API | OF_WORKER | NOT_YET_SEEN


def test_requests_are_counted_by_route_method_and_code(busy):
    api = Metrics(busy.api.admin_address)
    requests = "preorder_http_requests_total"
    assert api.get(requests, route="/pre-order", method="POST", code="201") == 2
    assert api.get(requests, route="/pre-order", method="POST", code="422") == 2
    assert api.get(requests, route="/pre-order", method="other", code="501") == 1
    assert api.get(requests, route="/pre-order/{id}", method="GET", code="200") == 1
    assert api.get(requests, route="other", method="GET", code="404") == 1
    assert api.sum(requests) == 7
    durations = "preorder_http_request_duration_seconds"
    assert api.get(f"{durations}_count", route="/pre-order") == 5
    assert api.get(f"{durations}_bucket", route="/pre-order", le="+Inf") == 5
    assert 0 < api.get(f"{durations}_sum", route="/pre-order") < 10
    assert api.get("preorder_http_requests_in_flight") == 0


def test_creates_replays_batches_and_waits_at_the_gate_are_counted(busy):
    api = Metrics(busy.api.admin_address)
    assert api.get("preorder_created_total") == 1
    assert api.get("preorder_idempotent_replays_total", result="replayed") == 1
    assert api.get("preorder_idempotent_replays_total", result="mismatch") == 1
    assert api.get("preorder_commit_batch_size_sum") == 3
    assert api.get("preorder_gate_wait_seconds_count") >= 3


def test_attempts_are_counted_by_event_outcome_and_code(busy):
    worker = Metrics(busy.worker.admin_address)
    assert worker.get("preorder_attempts_total", event="Preorder Started", outcome="sent", code="2xx") == 1
    assert worker.sum("preorder_attempts_total") == 1
    for histogram in ("attempt_duration_seconds", "delivery_lag_seconds", "attempts_per_event"):
        assert worker.get(f"preorder_{histogram}_count") == 1
    assert worker.get("preorder_attempts_per_event_sum") == 1
    assert worker.get("preorder_last_success_timestamp_seconds") >= busy.events()[0]["created_at"] / 1000


def test_failures_and_throttling_are_counted_as_what_they_are(system):
    script = [misbehave.times(misbehave.status(503), 1),
              misbehave.times(misbehave.status(429, {"Retry-After": "1"}), 1),
              misbehave.times(misbehave.status(400), 1)]
    system.migrate().start_sandbox(script=script)
    system.start_api()
    system.worker = system.start_worker()
    system.wait_event(system.created()["id"], status="dead")
    worker = settled(system, lambda look: look.sum("preorder_attempts_total", outcome="dead") == 1)
    attempts = "preorder_attempts_total"
    event = "Preorder Started"
    assert worker.get(attempts, event=event, outcome="retry", code="5xx") == 1
    assert worker.get(attempts, event=event, outcome="throttled", code="429") == 1
    assert worker.get(attempts, event=event, outcome="dead", code="4xx") == 1
    assert worker.get("preorder_throttle_wait_seconds_total") == pytest.approx(1, abs=0.2)
    assert worker.get("preorder_attempts_per_event_sum") == 2
    wait_until(lambda: Metrics(system.api.admin_address).get("preorder_outbox_events", state="dead") == 1,
               what="the dead event shows on the API, too")


def test_a_paused_account_shows_on_both_processes_and_fails_no_readiness(system):
    system.migrate().start_sandbox(script=[misbehave.status(401)])
    system.start_api()
    system.worker = system.start_worker()
    system.created()
    for process in (system.api, system.worker):
        address = process.admin_address
        wait_until(lambda: Metrics(address).get("preorder_account_paused", reason="http_401") == 1, what="paused")
        verbose = http.ask(address, "GET", "/readyz?verbose")
        assert verbose.status == 200 and b"[i]account: paused since " in verbose.body, verbose
        assert b"KLAVIYO_API_KEY" in verbose.body


def test_what_is_late_is_told_even_if_no_worker_runs(shop):
    shop.created()
    wait_until(lambda: Metrics(shop.api.admin_address).get("preorder_outbox_oldest_due_age_seconds") > 0.5,
               what="the oldest due event ages")
    look = Metrics(shop.api.admin_address)
    assert look.get("preorder_outbox_events", state="due") == 1
    assert look.get("preorder_outbox_events", state="waiting") == 0
