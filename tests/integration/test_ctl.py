"""preorderctl as support staff use it: the real program on a real database."""

import json
import os
import pathlib
import pty
import re
import select
import stat
import subprocess
import time

import pytest

from lib.desk import HOUR_MS, Desk, now_ms, refused, uuid7
from lib.process import clean_environment
from lib.system import CTL
from lib.wait import PATIENCE

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def desk(system):
    return Desk(system)


# ---- Usage ----

def test_help_shows_examples_before_commands(desk):
    text = desk.said("--help")
    assert text.index("Examples:") < text.index("Commands:")
    for command in ("migrate", "status", "list", "show", "explain", "retry", "cancel", "accept-payment", "audit"):
        assert re.search(rf"^  {command} ", text, re.M)
        own = desk.said(command, "--help")
        assert own.startswith(f"preorderctl {command}: ")
        assert f"  preorderctl {command}" in own and "--json" in own
        assert desk.said("help", command) == own


@pytest.mark.parametrize("args, said", [
    ([], "which command?"),
    (["explian"], "did you mean 'explain'?"),
    (["backup"], "unknown command 'backup'"),
    (["help", "lst"], "did you mean 'list'?"),
    (["list", "--stauts", "dead"], "did you mean --status?"),
    (["list", "--yes"], "unknown option --yes"),
    (["list", "--status", "daed"], "did you mean 'dead'?"),
    (["list", "--limit", "0"], "--limit"),
    (["list", "--older", "soon"], "--older"),
    (["list", "--email", "nobody"], "--email"),
    (["show"], "show needs ID|NUMBER"),
    (["show", "a", "b"], "'b' is too much"),
    (["show", "ada@klaviyo-demo.com"], "list --email"),
    (["status", "now"], "'now' is too much"),
    (["explain", "no such thing, that is for sure"], "no id, no preorder number"),
    (["explain", ""], "'' is no id, no preorder number"),
    (["explain", "@"], "no e-mail address"),
    (["retry"], "say which events to retry"),
    (["retry", "--limit", "5", "--yes"], "say which events to retry"),
    (["cancel", "--yes"], "say which events to cancel"),
    (["retry", "--status", "sent", "--yes"], "only dead events"),
    (["cancel", "--status", "sending", "--yes"], "on its way to Klaviyo"),
    (["list", "--flagged", "--status", "dead"], "of the filter it takes only --limit"),
    (["list", "--flagged", "PRE-1"], "of the filter it takes only --limit"),
    (["retry", "--flagged"], "unknown option --flagged"),
    (["accept-payment"], "accept-payment needs ID|NUMBER"),
    (["accept-payment", "ada@klaviyo-demo.com"], "list --flagged"),
    (["--no-such-setting", "1", "list"], "--no-such-setting"),
])
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(desk, args, said):
    desk.dead()
    refused(desk.run(*args), 2, said)
    assert desk.log() == []


@pytest.mark.parametrize("command", ["status", "list", "audit", "show PRE-1", "explain PRE-1", "retry --status dead",
                                     "accept-payment PRE-1", "list --flagged"])
def test_without_a_database_every_command_says_how_to_make_one(system, command):
    refused(system.ctl(*command.split()), 1, "preorderctl migrate")
    assert not system.database.exists()


def test_a_database_url_of_another_kind_is_wrong_usage(system):
    refused(system.ctl("status", DATABASE_URL="mysql://shop"), 2, "DATABASE_URL")


def test_an_answer_that_cannot_be_written_is_a_failure(desk):
    desk.dead()
    for args in (["list"], ["list", "--json"], ["status"], ["audit"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([CTL, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                                  env=desk.system.environment(), timeout=60 * PATIENCE)
        assert done.returncode == 1, args


# ---- migrate ----

def test_migrate_says_what_it_does_and_a_dry_run_does_nothing(system):
    assert "would be created" in system.ctl("migrate", "--dry-run").stdout
    assert not system.database.exists()
    assert "is created" in system.ctl("migrate").stdout
    assert "nothing to do" in system.ctl("migrate").stdout
    version = system.value("PRAGMA user_version")
    assert system.ctl_json("migrate", "--dry-run") == {
        "version_before": version, "version_after": version, "dry_run": True}


@pytest.mark.parametrize("umask, mode", [(0o000, 0o640), (0o022, 0o640), (0o077, 0o600)])
def test_a_database_is_not_for_everybody_to_read(system, umask, mode):
    old = os.umask(umask)
    try:
        system.migrate().start_api()
    finally:
        os.umask(old)
    system.create()
    for path in (system.database, pathlib.Path(f"{system.database}-wal"), pathlib.Path(f"{system.database}-shm")):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


# ---- status ----

def test_status_counts_every_event_once(desk):
    desk.sent(), desk.sent(), desk.dead(), desk.claimed(), desk.event(desk.preorder(), "cancelled")
    due = desk.event(desk.preorder())
    first = desk.preorder()
    desk.event(first, next_attempt_at=now_ms() + HOUR_MS)
    desk.event(first, sequence=2, next_attempt_at=None)
    status = desk.json("status")
    assert status["events"] == {"due": 1, "waiting": 2, "sending": 1, "sent": 2, "dead": 1, "cancelled": 1}
    assert status["preorders"] == 7
    assert RFC3339.fullmatch(status["oldest_due_at"])
    assert not any(status["account"].values()), "nothing holds it back"
    assert status["schema_version"] == desk.system.value("PRAGMA user_version")
    assert status["database_bytes"] > 0 and status["last_sent_at"] is None
    text = desk.said("status")
    assert "1 due, 2 waiting, 1 sending, 2 sent, 1 dead, 1 cancelled" in text
    assert "preorderctl list --status dead" in text
    assert due["id"] not in text


def test_status_tells_a_pause_and_why(desk):
    assert "nothing holds sending back" in desk.said("status")
    desk.write("UPDATE account SET pause_reason = 'HTTP 401: bad key', paused_at = ?, not_before = ?",
               now_ms() - 60000, now_ms() + 60000)
    text = desk.said("status")
    assert "paused since" in text and "HTTP 401: bad key" in text and "next probe" in text
    desk.write("UPDATE account SET pause_reason = NULL, paused_at = NULL")
    assert "asked us to wait until" in desk.said("status")


def test_status_does_not_call_a_pause_something_that_klaviyo_asked_for(desk):
    desk.write("UPDATE account SET pause_reason = 'HTTP 401: bad key', paused_at = ?, probe_at = ?",
               now_ms() - 60000, now_ms() + 60000)
    text = desk.said("status")
    assert "next probe" in text
    assert "asked us to wait" not in text


# ---- list ----

def test_list_is_newest_first_and_stops_at_50(desk):
    preorders = [desk.preorder(age_ms=HOUR_MS - 10 * i) for i in range(53)]
    events = [desk.event(preorder) for preorder in preorders]
    done = desk.run("list")
    assert done.returncode == 0
    assert "newest 50" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["EVENT", "PREORDER"]
    assert [line.split()[0] for line in lines[1:]] == [event["id"] for event in reversed(events)][:50]
    everything = desk.run("list", "--limit", "1000")
    assert everything.stderr == "" and len(everything.stdout.splitlines()) == 54


def test_list_shows_support_what_they_ask_about(desk):
    preorder = desk.preorder(email="grace@xn--bcher-kva.example")
    event = desk.dead(preorder, error="Invalid email")
    line = desk.said("list").splitlines()[1]
    for part in (event["id"], preorder["number"], "grace@xn--bcher-kva.example", "Preorder Started", " dead ",
                 "400 Invalid email"):
        assert part in line


def test_every_filter_narrows_the_list(desk):
    old = desk.dead(desk.preorder(email="old@bücher.example".encode("idna").decode(), age_ms=5 * HOUR_MS),
                    error="Timeout after 15 s")
    new = desk.dead(desk.preorder(), error="Invalid email")
    second = desk.preorder()
    due = desk.event(second)
    waiting = desk.event(second, sequence=2, next_attempt_at=None, metric="Preorder Completed")
    sending = desk.claimed()

    def ids(*args):
        return {event["id"] for event in desk.json("list", *args)}

    assert ids() == {each["id"] for each in (old, new, due, waiting, sending)}
    assert ids("--status", "dead") == {old["id"], new["id"]}
    assert ids("--status", "due") == {due["id"]}
    assert ids("--status", "waiting") == {waiting["id"]}
    assert ids("--status", "sending") == {sending["id"]}
    assert ids("--status=pending") == {due["id"], waiting["id"], sending["id"]}
    assert ids("--status", "sent") == set()
    assert ids("--error", "TIMEOUT") == {old["id"]}
    assert ids("--older", "2h") == {old["id"]}
    assert ids("--newer", "2h", "--status", "dead") == {new["id"]}
    assert ids("--metric", "Preorder Completed") == {waiting["id"]}
    assert ids(second["number"]) == ids(second["number"].lower()) == ids(second["id"]) == {due["id"], waiting["id"]}
    assert ids(new["id"], old["id"].upper(), new["id"]) == {new["id"], old["id"]}
    assert ids(second["number"], "--status", "due") == {due["id"]}
    refused(desk.run("list", "PRE-NOTTHERE"), 1, "PRE-NOTTHERE")
    refused(desk.run("list", uuid7(1)), 1, "no preorder and no event")


def test_an_international_address_is_found_as_the_customer_writes_it(desk):
    preorder = desk.preorder(email="grace@xn--bcher-kva.example")
    event = desk.event(preorder)
    for address in ("grace@bücher.example", "grace@BÜCHER.example", "grace@xn--bcher-kva.example"):
        assert [each["id"] for each in desk.json("list", "--email", address)] == [event["id"]]
        assert desk.json("explain", address)[0]["id"] == event["id"]


def test_list_as_json_has_the_columns_of_the_table(desk):
    preorder = desk.preorder()
    desk.dead(preorder)
    (event,) = desk.json("list")
    row = desk.system.rows("SELECT * FROM outbox")[0]
    assert event["number"] == preorder["number"] and event["email"] == preorder["email"]
    assert event["state"] == "dead" and event["behind_id"] is None
    for name in ("id", "preorder_id", "metric", "status", "attempts", "token", "last_http_status", "last_error",
                 "claimed_by", "request_id"):
        assert event[name] == row[name], name
    for name in ("created_at", "sent_at", "next_attempt_at", "claim_expires_at"):
        assert (event[name] is None) == (row[name] is None), name
    assert RFC3339.fullmatch(event["created_at"])
    assert desk.json("list", "--status", "sent") == []
    assert desk.said("list", "--status", "sent") == "No event matches.\n"


def test_words_from_outside_cannot_steer_the_terminal(desk):
    event = desk.dead(error="\x1b]0;gotcha\x07\x1b[2J\u009b31m")
    for args in (["list"], ["show", event["id"]], ["show", "--full", event["id"]], ["explain", event["id"]]):
        text = desk.said(*args)
        assert "gotcha" in text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), (args, text)


# ---- show ----

def test_show_tells_the_whole_story_by_any_of_its_names(desk):
    preorder = desk.preorder()
    event = desk.event(preorder, attempts=2, token=2, next_attempt_at=now_ms() + HOUR_MS, last_http_status=503,
                       last_error="Unavailable")
    desk.attempt(event, 1, next_attempt_at=event["created_at"] + 2000)
    desk.attempt(event, 2, outcome="unknown", finished_at=None, http_status=None, error=None)
    desk.event(preorder, sequence=2, metric="Preorder Completed", next_attempt_at=None)
    text = desk.said("show", event["id"])
    assert desk.said("show", preorder["id"]).splitlines()[0] == f"Preorder {preorder['number']}"
    for part in (preorder["id"], "ada@klaviyo-demo.com", "49.90 USD", "Lamp, black (price_lamp_black)",
                 "Event Preorder Started", "Event Preorder Completed", event["id"], "Unavailable"):
        assert part in text
    rows = [line.split() for line in text.splitlines() if "worker-1" in line]
    assert rows[0][0] == "1" and rows[0][3:7] == ["5", "ms", "retry", "503"]
    assert rows[1][0] == "2" and rows[1][3:5] == ["?", "unknown"]
    for name in (preorder["id"], preorder["number"], event["id"]):
        told = desk.json("show", name)
        assert told["id"] == preorder["id"] and told["amount"] == 4990
        assert [each["metric"] for each in told["events"]] == ["Preorder Started", "Preorder Completed"]
        assert told["events"][1]["behind_id"] == event["id"]
        journal = told["events"][0]["journal"]
        assert [line["outcome"] for line in journal] == ["retry", "unknown"]
        assert journal[0]["burnt"] is True and journal[1]["finished_at"] is None
        assert "payload" not in told["events"][0]
    refused(desk.run("show", "PRE-NOTTHERE"), 1, "PRE-NOTTHERE")


def test_show_full_has_the_bytes_that_klaviyo_gets_and_its_answer(desk):
    event = desk.dead(payload='{"data":{"type":"event","name":"Süß"}}')
    assert '{"data":{"type":"event","name":"Süß"}}' in desk.said("show", "--full", event["id"])
    (told,) = desk.json("show", "--full", event["id"])["events"]
    assert told["payload"] == event["payload"]
    assert told["journal"][0]["response_body"] == '{"errors":[]}'


# ---- explain ----

def test_explain_says_why_and_what_would_move_it(desk):
    preorder = desk.preorder(email="why@klaviyo-demo.com")
    first = desk.event(preorder, attempts=1, token=1, next_attempt_at=now_ms() + HOUR_MS, last_error="timeout")
    desk.attempt(first, http_status=None, error="timeout")
    second = desk.event(preorder, sequence=2, next_attempt_at=None, metric="Preorder Completed")
    text = desk.said("explain", "why@klaviyo-demo.com")
    assert "Attempt 1" in text and "it failed and will be tried again (timeout)" in text
    assert "1 of at most 200 attempts are used up" in text
    assert f"behind an earlier event of the same preorder, {first['id']} (Preorder Started)" in text
    assert f"To run: preorderctl explain {first['id']}" in text
    told = desk.json("explain", preorder["number"])
    assert [each["id"] for each in told] == [first["id"], second["id"]]
    assert told[1]["command"] == f"preorderctl explain {first['id']}"
    assert told[0]["explanation"] and told[0]["command"] == "preorder-worker", "none runs here"
    assert [each["id"] for each in desk.json("explain", second["id"])] == [second["id"]], "an event's id means it alone"
    refused(desk.run("explain", "nobody@klaviyo-demo.com"), 1, "there is no preorder from")


@pytest.mark.parametrize("state, said, command", [
    ("sent", "Klaviyo accepted it at", None),
    ("dead", "it was given up (HTTP 400: Invalid email)", "preorderctl retry {id}"),
    ("claimed", "A worker (worker-1) has it in hand right now", "preorder-worker"),
    ("event", "No preorder-worker is running", "preorder-worker"),
])
def test_explain_knows_every_state(desk, state, said, command):
    preorder = desk.preorder()
    event = getattr(desk, state)(preorder)
    assert said in desk.said("explain", event["id"])
    (told,) = desk.json("explain", event["id"])
    assert told["command"] == (command and command.format(id=event["id"]))


def test_explain_all_preorders_of_a_customer_newest_first(desk):
    events = [desk.sent(desk.preorder(email="often@klaviyo-demo.com", age_ms=age)) for age in (9000, 6000, 3000)]
    assert [each["id"] for each in desk.json("explain", "often@klaviyo-demo.com")] \
        == [event["id"] for event in reversed(events)]


# ---- retry and cancel ----

def test_retry_changes_what_is_dead_and_leaves_a_line(desk):
    event, other = desk.dead(), desk.dead(error="timeout")
    assert desk.said("retry", event["id"], "--yes", "--reason", "address was mended") == "Retried 1 event.\n"
    row = desk.row(event)
    assert (row["status"], row["attempts"], row["first_attempt_at"]) == ("pending", 0, None)
    assert row["next_attempt_at"] <= now_ms()
    assert desk.row(other)["status"] == "dead"
    (line,) = desk.log()
    assert (line["action"], line["target"], line["reason"], line["count"]) \
        == ("retry", event["id"], "address was mended", 1)
    assert line["actor"] and abs(line["at"] - now_ms()) < 60000


def test_the_one_behind_sudo_is_named(desk):
    if os.geteuid() != 0:
        event = desk.dead()
        desk.run("retry", event["id"], "--yes", SUDO_USER="mallory")
        assert desk.log()[0]["actor"] != "mallory", "anybody can set a variable"
        return
    event = desk.dead()
    desk.run("retry", event["id"], "--yes", SUDO_USER="anna")
    assert desk.log()[0]["actor"] == "anna"


def test_a_dry_run_counts_and_changes_nothing(desk):
    desk.dead(), desk.dead(), desk.event(desk.preorder())
    assert desk.said("retry", "--status", "dead", "--dry-run") == "Would retry 2 events.\n"
    assert desk.json("cancel", "--older", "0", "--dry-run") == {
        "action": "cancel", "dry_run": True, "count": 3, "left_alone": 0}
    assert desk.system.count("dead") == 2 and desk.log() == []


def test_without_a_terminal_and_a_yes_nothing_is_changed(desk):
    desk.dead(), desk.dead()
    for command in ("retry", "cancel"):
        refused(desk.run(command, "--status", "dead"), 2, f"would {command} 2 events", "--yes")
    assert desk.system.count("dead") == 2 and desk.log() == []


def at_terminal(desk, answer, *args):
    """Runs the command at a terminal of its own, answers its question; what it showed and its status."""
    master, slave = pty.openpty()
    process = subprocess.Popen([CTL, *args], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                               env=clean_environment(**desk.system.settings, TERM="xterm"))
    os.close(slave)
    shown, end = "", time.monotonic() + 20 * PATIENCE
    is_answered = False
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        shown += part.decode()
        if not is_answered and "[y/N]" in shown:
            os.write(master, answer.encode())
            is_answered = True
    os.close(master)
    return shown, process.wait(timeout=20 * PATIENCE)


@pytest.mark.parametrize("answer, changes", [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False),
                                             ("\x04", False), ("yellow\n", False)])
def test_at_a_terminal_it_asks(desk, answer, changes):
    desk.dead(), desk.dead()
    shown, status = at_terminal(desk, answer, "retry", "--status", "dead")
    assert "Retry 2 events? [y/N]" in shown
    assert status == (0 if changes else 1)
    assert ("Retried 2 events." in shown) == changes
    assert ("nothing was changed" in shown) != changes
    assert desk.system.count("dead") == (0 if changes else 2)


def test_colours_only_at_a_terminal_that_wants_them(desk):
    desk.dead()
    assert "\x1b[" in at_terminal(desk, "", "list")[0]
    desk.system.settings["NO_COLOR"] = "1"
    assert "\x1b[" not in at_terminal(desk, "", "list")[0]
    assert "\x1b[" not in desk.said("list")


def test_what_cannot_be_retried_is_said_event_by_event(desk):
    event = desk.sent()
    refused(desk.run("retry", event["id"], "--yes"), 1, event["id"], "is sent", "only dead events")
    assert desk.said("retry", "--error", "no such error", "--yes") == "No event matches: nothing was changed.\n"
    assert desk.log() == []


def test_a_preorder_without_events_is_not_every_event(desk):
    desk.dead()
    lonely = desk.preorder()
    for command in ("retry", "cancel"):
        refused(desk.run(command, lonely["number"], "--yes"), 1, "has no events")
    assert desk.system.count("dead") == 1


def test_cancel_leaves_alone_what_is_being_sent(desk):
    preorder = desk.preorder()
    first = desk.event(preorder)
    second = desk.event(preorder, sequence=2, next_attempt_at=None)
    sending, dead, sent = desk.claimed(), desk.dead(), desk.sent()
    refused(desk.run("cancel", sending["id"], "--yes"), 1, "is sending", "on its way to Klaviyo")
    assert desk.said("cancel", first["id"], "--yes") == "Cancelled 1 event.\n"
    assert desk.row(second)["next_attempt_at"] is not None, "nothing is before it any more"
    text = desk.said("cancel", "--newer", "1d", "--yes")
    assert "Cancelled 2 events." in text
    assert "a worker has them in hand right now: 1." in text
    assert [desk.row(each)["status"] for each in (first, second, sending, dead, sent)] \
        == ["cancelled", "cancelled", "pending", "cancelled", "sent"]


def test_no_address_gets_into_the_audit_log(desk):
    desk.dead(desk.preorder(email="secret.person@klaviyo-demo.com"), error="bad secret.person@klaviyo-demo.com")
    assert desk.run("retry", "--email", "secret.person@klaviyo-demo.com", "--error",
                    "secret.person@klaviyo-demo.com", "--yes").returncode == 0
    (line,) = desk.log()
    assert line["count"] == 1
    assert "secret.person" not in json.dumps(line) and "klaviyo-demo.com" in line["target"]


def test_a_retried_event_is_sent(desk):
    system = desk.system
    system.start_sandbox()
    event = desk.dead(payload=json.dumps({"data": {"type": "event", "attributes": {
        "properties": {}, "metric": {"data": {"type": "metric", "attributes": {"name": "Preorder Started"}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": "ada@klaviyo-demo.com"}}},
        "unique_id": "once"}}}))
    system.start_worker()
    assert desk.run("retry", event["id"], "--yes").returncode == 0
    system.wait_event(event["preorder_id"], status="sent")
    told = desk.json("show", event["id"])["events"][0]
    assert [line["outcome"] for line in told["journal"]] == ["dead", "sent"]
    assert desk.run("audit").returncode == 0


# ---- audit ----

def test_audit_prints_every_number_and_agrees(desk):
    desk.sent(), desk.dead(), desk.event(desk.preorder()), desk.event(desk.preorder(), "cancelled")
    assert "Both ends agree." in desk.said("audit")
    assert desk.json("audit") == {
        "agrees": True, "written": {"preorders": 4, "payment_events": 0},
        "held": {"sent": 1, "dead": 1, "cancelled": 1, "pending": 1, "pruned": 0},
        "preorders_without_event": 0, "events_without_preorder": 0, "sent_without_attempt": 0,
        "payments_without_event": 0, "events_without_payment": 0}


@pytest.mark.parametrize("wrong, member", [
    ("DELETE FROM outbox WHERE status = 'pending'", "preorders_without_event"),
    ("DELETE FROM preorders WHERE number = 'PRE-00000002'", "events_without_preorder"),
    ("UPDATE outbox SET status = 'sent', sent_at = 1, next_attempt_at = NULL WHERE status = 'pending'",
     "sent_without_attempt"),
])
def test_audit_ends_with_1_when_something_stands_alone(desk, wrong, member):
    desk.sent(), desk.event(desk.preorder())
    assert desk.run("audit").returncode == 0
    desk.write(wrong)
    done = desk.run("audit", "--json")
    assert done.returncode == 1 and "do not agree" in done.stderr
    told = json.loads(done.stdout)
    assert told["agrees"] is False and told[member] == 1
    assert desk.run("audit").returncode == 1


def test_audit_ends_with_1_for_an_event_that_nothing_explains(desk):
    preorder = desk.preorder()
    desk.event(preorder)
    desk.event(preorder, sequence=2, metric="Preorder Completed", next_attempt_at=None)
    done = desk.run("audit")
    assert done.returncode == 1
    assert "Both ends agree" not in done.stdout
