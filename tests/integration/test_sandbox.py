"""klaviyo-sandbox as a Klaviyo that works: contract, windows, repeats, ledger, starts that fail."""

import hashlib
import json
import signal
import subprocess
import time

import pytest

from lib.http import Connection, render
from lib.klaviyo import BULK, EVENTS, HEADERS, NO_LIMIT, Wire, bulk, errors, event, post, self_signed
from lib.proxy import client_context
from lib.system import ANY_PORT, SANDBOX
from lib.wait import wait_until


# ---- Answers, ledger, stats ----


def test_an_event_is_accepted_and_written_down(system):
    system.start_sandbox()
    body = json.dumps(event("0199", "Ada@Klaviyo-Demo.com", value=49.9), indent=1)
    before = time.time() * 1000
    response = post(system, body)
    assert (response.status, response.body) == (202, b"")
    assert response.header("RateLimit-Limit") == "3500"
    assert response.header("RateLimit-Remaining") == "3499"
    assert response.header("RateLimit-Reset") in ("59", "60")
    assert response.header("Retry-After") is None
    (line,) = system.ledger()
    assert list(line) == ["at_ms", "path", "unique_id", "email", "metric", "sha256", "duplicate"]
    assert before - 1000 < line.pop("at_ms") < time.time() * 1000 + 1000
    assert line == {"path": EVENTS, "unique_id": "0199", "email": "Ada@Klaviyo-Demo.com",
                    "metric": "Preorder Started", "duplicate": False,
                    "sha256": hashlib.sha256(body.encode()).hexdigest()}


def test_a_bulk_job_is_written_down_member_by_member(system):
    system.start_sandbox()
    parts = [json.dumps(entry, indent=each) for each, entry in enumerate(
        bulk("1", "2", "é")["data"]["attributes"]["events-bulk-create"]["data"][0]["attributes"]["events"]["data"])]
    body = json.dumps(bulk()).replace('"events": {"data": []}', '"events": {"data": [ %s ]}' % " , ".join(parts))
    assert post(system, body, BULK).status == 202
    lines = system.ledger()
    assert [line["unique_id"] for line in lines] == ["1", "2", "é"]
    assert [line["sha256"] for line in lines] == [hashlib.sha256(part.encode()).hexdigest() for part in parts]
    assert {line["path"] for line in lines} == {BULK}


def test_an_event_without_an_id_goes_by_its_second(system):
    system.start_sandbox()
    body = event(time="2026-07-23T12:00:00.700Z")
    del body["data"]["attributes"]["unique_id"]
    assert post(system, body).status == 202 and post(system, body).status == 202
    assert [(line["unique_id"], line["duplicate"]) for line in system.ledger()] \
        == [("1784808000", False), ("1784808000", True)]


def test_repeats_are_known_by_profile_metric_and_id_across_restarts(system):
    first = system.start_sandbox()
    for body in (event("1"), event("1"), event("1", metric="Other"), event("1", "bob@klaviyo-demo.com"),
                 event("1", "ADA@klaviyo-demo.com")):
        assert post(system, body).status == 202
    expected = [False, True, False, False, True]
    assert [line["duplicate"] for line in system.ledger()] == expected
    assert first.stop() == 0
    with open(system.ledger_path, "a") as ledger:
        ledger.write('{"at_ms": 17')  # as a process that was killed would leave it
    system.start_sandbox()
    for body in (event("1"), event("2")):
        assert post(system, body).status == 202
    assert [line["duplicate"] for line in system.ledger()] == [*expected, True, False]


def test_a_killed_sandbox_has_every_answered_event(system):
    process = system.start_sandbox(*NO_LIMIT)
    for i in range(50):
        assert post(system, event(str(i))).status == 202
    process.kill()
    assert len(system.ledger()) == 50


def test_nothing_is_answered_before_the_ledger_is_synced(system):
    """With a disk that cannot sync there is no 202, though the line was written."""
    shim = system.folder / "shim.c"
    shim.write_text("#include <errno.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
                    "int fdatasync(int fd) {\n    (void)fd;\n    static int calls;\n"
                    "    if (calls++ < atoi(getenv(\"SYNCS\"))) {\n        return 0;\n    }\n"
                    "    errno = EIO;\n    return -1;\n}\n")
    library = system.folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, shim], check=True)
    options = system.environment()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    system.settings.update(LD_PRELOAD=library, SYNCS=2, ASAN_OPTIONS=options)  # at the start, and one event
    process = system.start_sandbox()
    assert post(system, event("1")).status == 202
    assert post(system, event("2")) is None
    process.is_exempt = True
    assert process.wait() == 1
    assert "ledger.jsonl: cannot be written: Input/output error" in process.stderr()
    assert [line["unique_id"] for line in system.ledger()] == ["1", "2"]


def test_profiles_subscriptions_and_deletions_are_judged_but_not_written_down(system):
    system.start_sandbox()
    profile = {"type": "profile", "attributes": {"email": "ada@klaviyo-demo.com"}}
    created = post(system, {"data": profile}, "/api/profile-import")
    updated = post(system, {"data": profile}, "/api/profile-import")
    assert (created.status, updated.status) == (201, 200)
    assert created.json()["data"]["type"] == "profile"
    assert created.json()["data"]["id"] == updated.json()["data"]["id"]
    subscriber = {**profile, "attributes": {
        **profile["attributes"], "subscriptions": {"email": {"marketing": {"consent": "SUBSCRIBED"}}}}}
    job = {"data": {"type": "profile-subscription-bulk-create-job",
                    "attributes": {"profiles": {"data": [subscriber]}}}}
    assert post(system, job, "/api/profile-subscription-bulk-create-jobs").status == 202
    deletion = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": profile}}}}
    assert post(system, deletion, "/api/data-privacy-deletion-jobs").status == 202
    assert system.ledger() == []


def test_stats_count_what_happened(system):
    system.start_sandbox("--burst", "6", "--steady", "100")
    assert post(system, event("1")).status == 202
    assert post(system, event("1")).status == 202
    assert post(system, event("")).status == 400
    assert post(system, bulk("3", "4"), BULK).status == 202
    for each in range(4):
        last = post(system, event(f"more-{each}"))
    assert last.status == 429
    assert post(system, "{}", "/api/nothing").status == 404
    assert system.stats() == {"requests": 9, "accepted": 7, "duplicates": 1, "refused": 2, "throttled": 1,
                              "bulk_requests": 1}


def test_a_request_can_be_followed_by_its_id(system):
    process = system.start_sandbox()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = post(system, **{"X-Request-Id": "req-7", "traceparent": trace})
    assert response.header("X-Request-Id") == "req-7"
    entry = process.wait_log("request")
    assert (entry["request_id"], entry["traceparent"], entry["status"], entry["path"]) \
        == ("req-7", trace, 202, EVENTS)


# ---- Refusals ----


@pytest.mark.parametrize("status, path, body, headers, pointer", [
    (401, EVENTS, event(), {"Authorization": None}, "/data/"),
    (401, EVENTS, event(), {"Authorization": "Bearer pk_test"}, "/data/"),
    (400, EVENTS, event(), {"revision": None}, None),
    (415, EVENTS, event(), {"Content-Type": "text/plain"}, None),
    (415, EVENTS, event(), {"Content-Encoding": "gzip"}, None),
    (404, EVENTS + "/", event(), {}, None),
    (400, EVENTS, "no JSON", {}, None),
    (400, EVENTS, event(metric="x" * 128), {}, "/data/attributes/metric/data/attributes/name"),
    (400, EVENTS, event(email="nobody"), {}, "/data/attributes/profile/data/attributes/email"),
    (400, EVENTS, {"data": {"type": "event", "attributes": {}}}, {}, "/data/attributes/properties"),
    (400, BULK, bulk(), {}, "/data/attributes/events-bulk-create/data"),
    (413, EVENTS, " " * 5_000_001, {}, None),
    (413, "/api/profile-import", " " * 100_001, {}, None),
], ids=lambda value: str(value)[:24] if isinstance(value, (int, str)) else None)
def test_what_klaviyo_refuses_is_refused(system, status, path, body, headers, pointer):
    system.start_sandbox()
    response = post(system, body, path, **headers)
    assert response.status == status
    assert errors(response)[0]["source"].get("pointer") == pointer
    assert system.ledger() == []
    assert post(system).status == 202, "the next request works"


def test_another_method_is_refused(system):
    system.start_sandbox()
    with Connection(system.sandbox.address) as connection:
        response = connection.ask("GET", EVENTS, HEADERS)
        assert (response.status, response.header("Allow")) == (405, "POST")
        errors(response)


def test_a_broken_head_is_refused_in_klaviyos_form(system):
    system.start_sandbox()
    wire = Wire(system.sandbox.address)
    wire.send(b"POST /api/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    got, _ = wire.end()
    assert got.startswith(b"HTTP/1.1 411 ") and b'"code":"length_required"' in got


# ---- Rates ----


def test_a_full_second_is_answered_429_and_ends(system):
    system.start_sandbox("--burst", "5", "--steady", "1000")
    with Connection(system.sandbox.address) as connection:
        def ask(number):
            return connection.ask("POST", EVENTS, HEADERS, event(str(number)))
        answers = [ask(number) for number in range(8)]
        assert [each.status for each in answers[:5]] == [202] * 5
        refused = next(each for each in answers if each.status == 429)
        assert refused.header("Retry-After") == "1"
        assert refused.header("RateLimit-Limit") is refused.header("RateLimit-Remaining") is None
        (error,) = errors(refused)
        assert error["code"] == "throttled" and "Expected available in 1 second." in error["detail"]
        wait_until(lambda: ask("later").status == 202, 5, "the window opens again")


def test_a_full_minute_is_answered_with_what_is_left_of_it(system):
    system.start_sandbox("--burst", "1000", "--steady", "3")
    answers = [post(system, event(str(number))) for number in range(4)]
    assert [each.status for each in answers] == [202, 202, 202, 429]
    assert [each.header("RateLimit-Remaining") for each in answers[:3]] == ["2", "1", "0"]
    assert 50 < int(answers[3].header("Retry-After")) <= 60
    assert post(system, bulk("b"), BULK).status == 202, "each kind has windows of its own"


def test_bulk_jobs_have_klaviyos_ratio(system):
    system.start_sandbox("--burst", "70", "--steady", "70000")
    with Connection(system.sandbox.address) as connection:
        statuses = [connection.ask("POST", BULK, HEADERS, bulk(str(n))).status for n in range(3)]
    assert statuses == [202, 202, 429]


# ---- Repeats in bulk ----


def test_a_repeat_within_a_bulk_job_fails_it(system):
    system.start_sandbox()
    response = post(system, bulk("1", "2", "1"), BULK)
    assert response.status == 400
    assert [error["source"]["pointer"] for error in errors(response)] \
        == ["/data/attributes/events-bulk-create/data/0/attributes/events/data/2/attributes/unique_id"]
    assert system.ledger() == [], "no event is processed"
    assert post(system, bulk("1", "2"), BULK).status == 202


def test_a_repeat_of_an_earlier_request_passes_by_default(system):
    system.start_sandbox("--bulk-repeats", "request")
    assert post(system, event("1")).status == 202
    assert post(system, bulk("1", "2"), BULK).status == 202
    assert [line["duplicate"] for line in system.ledger()] == [False, True, False]


def test_a_repeat_of_an_earlier_request_fails_under_the_other_reading(system):
    system.start_sandbox("--bulk-repeats", "history")
    assert post(system, event("1")).status == 202
    response = post(system, bulk("2", "1"), BULK)
    assert response.status == 400
    assert errors(response)[0]["source"]["pointer"].endswith("/events/data/1/attributes/unique_id")
    assert len(system.ledger()) == 1
    assert post(system, bulk("2"), BULK).status == 202
    assert post(system, bulk("2"), BULK).status == 400


# ---- Starts that fail ----


def run(system, *flags):
    return system.run(SANDBOX, "--listen", ANY_PORT, "--ledger", system.ledger_path, *flags)


def test_a_broken_script_stops_the_start_with_its_place(system):
    path = system.folder / "script.json"
    for text, part in (("[", "line 1"), ('[{"do": "acept-then-reset"}]', 'the nearest is "accept-then-reset"'),
                       ('[{"do": "500", "statsu": 1}]', 'has no member "statsu"')):
        path.write_text(text)
        done = run(system, "--script", path)
        assert done.returncode == 2 and done.stdout == ""
        assert part in done.stderr and str(path) in done.stderr and len(done.stderr.splitlines()) == 1
    assert run(system, "--script", "missing.json").returncode == 2


def test_a_script_that_needs_the_bare_socket_is_refused_with_tls(system):
    flags, _ = self_signed(system.folder)
    path = system.folder / "script.json"
    path.write_text('[{"do": "two-answers"}]')
    done = run(system, *flags, "--script", path)
    assert done.returncode == 2 and "needs the bare socket" in done.stderr


def test_a_head_that_libmicrohttpd_has_no_memory_for_costs_only_its_connection(system):
    """Over TLS nothing judges a head before libmicrohttpd, which says nothing of the end of such a request."""
    flags, _ = self_signed(system.folder)
    system.start_sandbox(*flags)
    for path, cookies in (("/?" + "&" * 1000, "a"), ("/", "a;" * 1000)):
        with Connection(system.sandbox.address, tls=client_context()) as connection:
            connection.send(render("GET", path, {"Cookie": cookies}))
            connection.read("GET")
    with Connection(system.sandbox.address, tls=client_context()) as connection:
        assert connection.ask("GET", "/sandbox/stats").status == 200


def test_a_broken_certificate_stops_the_start(system):
    flags, _ = self_signed(system.folder)
    broken = system.folder / "broken.pem"
    broken.write_text("no certificate")
    for wrong in (("--tls-cert", broken, *flags[2:]), (*flags[:2], "--tls-key", broken),
                  (*flags[:2], "--tls-key", "missing.pem"), flags[:2]):
        done = run(system, *wrong)
        assert done.returncode in (1, 2), wrong
        assert len(done.stderr.splitlines()) == 1 and "listening" not in done.stdout


def test_a_ledger_that_cannot_be_had_stops_the_start(system):
    done = system.run(SANDBOX, "--listen", ANY_PORT, "--ledger", "/nonexistent/ledger")
    assert done.returncode == 1 and "/nonexistent/ledger" in done.stderr
    system.ledger_path.write_text("what is this\n")
    done = run(system)
    assert done.returncode == 1 and "ledger.jsonl, line 1" in done.stderr
    system.ledger_path.unlink()
    system.start_sandbox()
    done = run(system)
    assert done.returncode == 1 and "another process" in done.stderr


def test_wrong_options_are_named(system):
    for flags, part in ((("--burst", "0"), "burst"), (("--bulk-repeats", "never"), "bulk-repeats"),
                        (("--colour", "red"), "--colour"), (("--listen", "nowhere"), "listen"), (("stray",), "stray")):
        done = run(system, *flags)
        assert done.returncode == 2, flags
        assert part in done.stderr.lower().replace("_", "-"), done.stderr
    assert run(system, "--help").returncode == 0
    assert run(system, "--version").returncode == 0


def test_a_second_signal_is_not_needed(system):
    process = system.start_sandbox()
    idle = Wire(system.sandbox.address)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    idle.close()
