"""One account, many workers. The figures at full size: ./dev torture limit, ./dev torture breaker."""

import datetime

from lib import misbehave
from lib.wait import wait_until

GENEROUS = ("--burst", "100000", "--steady", "1000000")
WITHOUT_LIMIT = {"PREORDER_RATE_BURST": "1000000", "PREORDER_RATE_STEADY": "1000000"}


def arrivals(system):
    """When each request came and when it was answered, in seconds, and its status."""
    found = []
    for line in system.sandbox.log("request"):
        if line["path"] == "/api/events":
            end_s = datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00")).timestamp()
            found.append((end_s - line["duration_us"] / 1e6, end_s, line["status"]))
    return found


def test_workers_share_the_allowance(system):
    system.migrate().start_sandbox("--burst", "35", "--steady", "350")
    system.start_api()
    for _ in range(100):
        system.created()
    for _ in range(3):
        system.start_worker(PREORDER_RATE_BURST="35", PREORDER_RATE_STEADY="350")
    system.wait_sent(100)
    assert system.stats()["throttled"] == 0
    assert system.stats()["requests"] == 100


def test_the_minute_holds_back_what_the_second_would_let_through(system):
    system.migrate().start_sandbox("--burst", "1000", "--steady", "50")
    system.start_api()
    for _ in range(60):
        system.created()
    for _ in range(2):
        system.start_worker(PREORDER_RATE_BURST="1000", PREORDER_RATE_STEADY="50")
    system.wait_sent(50)
    status = system.ctl_json("status")
    assert system.stats()["requests"] == 50 and system.stats()["throttled"] == 0, status
    assert system.count("pending") == 10


def test_one_429_silences_every_worker(system):
    silence = misbehave.status(429, headers={"Retry-After": "2"}, nth=40, times=1)
    system.migrate().start_sandbox(*GENEROUS, script=[silence])
    system.start_api()
    for _ in range(150):
        system.created()
    for _ in range(3):
        system.start_worker(PREORDER_CONCURRENCY="4", **WITHOUT_LIMIT)
    system.wait_sent(150)
    came = arrivals(system)
    refused_at_s = next(end_s for _, end_s, status in came if status == 429)
    assert not [at_s - refused_at_s for at_s, _, _ in came if refused_at_s + 0.2 < at_s < refused_at_s + 2]
    assert max(at_s for at_s, _, _ in came) >= refused_at_s + 2, "some were left to wait"


def test_klaviyos_own_count_shows_what_others_send(system):
    """The sandbox allows less than we were told: its headers keep us from finding out the hard way."""
    system.migrate().start_sandbox("--burst", "1000", "--steady", "40")
    system.start_api()
    for _ in range(60):
        system.created()
    system.start_worker(PREORDER_CONCURRENCY="2")
    system.wait_sent(40)
    wait_until(lambda: system.stats()["requests"] == 40, what="all of the allowance is used")
    assert system.stats()["throttled"] == 0


def test_an_outage_burns_nothing_but_what_opened_the_breaker(system):
    system.migrate().start_sandbox(*GENEROUS, script=[misbehave.status(503, times=30)])
    system.start_api()
    for _ in range(60):
        system.created()
    for _ in range(2):  # with more attempts than one event can burn before ten others have failed, too
        system.start_worker(PREORDER_CONCURRENCY="4", PREORDER_PROBE_INTERVAL="100ms", PREORDER_RETRY_MAX_ATTEMPTS="8",
                            **WITHOUT_LIMIT)
    system.wait_sent(60, 60)
    failed = [attempt for attempt in system.attempts() if attempt["outcome"] != "sent"]
    assert {attempt["outcome"] for attempt in failed} == {"retry"} and len(failed) == 30
    assert sum(attempt["burnt"] for attempt in failed) <= 10 + 8, "ten, and what was on the wire by then"
    probes = sorted((attempt for attempt in system.attempts() if not attempt["burnt"]),
                    key=lambda attempt: attempt["started_at"])
    assert len(probes) >= 12
    for one, next_one in zip(probes, probes[1:]):
        assert next_one["started_at"] >= one["finished_at"], "one probe at a time"


def test_ten_refusals_in_a_row_pause_the_account_whoever_met_them(system):
    refuse = misbehave.refuse(400, "No such metric.", "/data/attributes/metric")
    system.migrate().start_sandbox(*GENEROUS, script=[refuse])
    system.start_api()
    for _ in range(40):
        system.created()
    for _ in range(3):
        system.start_worker(PREORDER_CONCURRENCY="1", **WITHOUT_LIMIT)
    wait_until(lambda: system.value("SELECT paused_at FROM account"), 20, "the account is paused")
    wait_until(lambda: system.value("SELECT count(*) FROM outbox WHERE claimed_by IS NOT NULL") == 0, 10,
               "what was on the wire is settled")
    # Nine, and what the two others had on the wire at that moment.
    assert 9 <= system.count("dead") <= 11, system.story()
    assert system.count("pending") == 40 - system.count("dead")
