"""A payment that does not match its preorder: seen by support, and completed by a person."""

import json

import pytest

from lib.desk import Desk, refused


@pytest.fixture
def desk(system):
    return Desk(system)


def flagged(desk, **columns):
    """A preorder whose first event is sent and whose payment was flagged."""
    preorder = desk.preorder()
    desk.sent(preorder)
    desk.payment(preorder, "flagged", amount_subtotal=3990, amount_total=3490, currency="EUR", **columns)
    return preorder


def stored(desk, preorder):
    return desk.system.rows("SELECT * FROM preorders WHERE id = ?", preorder["id"])[0]


# ---- Looking ----

def test_list_shows_the_flagged_preorders_the_longest_first(desk):
    desk.sent()
    old, young = flagged(desk), flagged(desk)
    assert [told["number"] for told in desk.json("list", "--flagged")] == [old["number"], young["number"]]
    assert [told["id"] for told in desk.json("list", "--flagged", "--limit", "1")] == [old["id"]]
    told = desk.json("list", "--flagged")[0]
    assert told["flag"].startswith("paid otherwise, session cs_") and told["status"] == "initiated"
    text = desk.said("list", "--flagged")
    assert old["number"] in text and told["flag"] in text and "accept-payment" in text
    assert text.index(old["number"]) < text.index(young["number"])


def test_list_says_so_when_none_is_flagged(desk):
    desk.sent()
    assert desk.said("list", "--flagged") == "No preorder is flagged.\n"
    assert desk.json("list", "--flagged") == []


def test_show_tells_what_stripe_said(desk):
    preorder = flagged(desk)
    desk.payment(preorder, "recorded", id="evt_failed", type="payment_intent.payment_failed", session_id="pi_1",
                 paid=0, amount_subtotal=None, amount_total=None, currency=None, created_at=1000)
    told = desk.json("show", preorder["number"])
    assert [payment["id"] for payment in told["payments"]][0] == "evt_failed", "by the time it happened"
    assert told["payments"][1] | {"created_at": 0, "received_at": 0} == {
        "id": told["payments"][1]["id"], "type": "checkout.session.completed",
        "session_id": told["payments"][1]["session_id"], "outcome": "flagged", "amount_subtotal": 3990,
        "amount_total": 3490, "currency": "EUR", "created_at": 0, "received_at": 0, "event_id": None}
    text = desk.said("show", preorder["number"])
    for part in ("paid otherwise", "34.90 EUR", "payment_intent.payment_failed", "flagged", "pi_1", "evt_failed"):
        assert part in text


def test_explain_tells_the_flag_and_what_an_event_came_of(desk):
    preorder = flagged(desk)
    text = desk.said("explain", preorder["number"])
    assert f"Preorder {preorder['number']} waits for a person: paid otherwise" in text
    assert f"preorderctl accept-payment {preorder['number']}" in text
    other = desk.preorder()
    desk.sent(other)
    abandoned = desk.sent(other, sequence=2, metric="Preorder Abandoned")
    desk.payment(other, id="evt_expired", type="checkout.session.expired", session_id="cs_x", paid=0,
                 event_kind="abandoned", event_id=abandoned["id"])
    assert "Stripe said: checkout.session.expired, cs_x, evt_expired (applied)." in desk.said(
        "explain", abandoned["id"])
    assert "waits for a person" not in desk.said("explain", other["number"])
    assert [told["payment_event"] for told in desk.json("explain", other["number"])] == [None, "evt_expired"]
    assert desk.json("explain", preorder["number"])[0]["preorder_flag"].startswith("paid otherwise")


def test_explain_does_not_offer_to_complete_what_is_completed(desk):
    preorder = flagged(desk)
    assert "To complete it all the same: " in desk.said("explain", preorder["number"])
    desk.write("UPDATE preorders SET status = 'completed' WHERE id = ?", preorder["id"])
    text = desk.said("explain", preorder["number"])
    assert "To complete it" not in text
    assert f"To clear the flag: preorderctl accept-payment {preorder['number']}" in text


def test_status_and_check_count_them(desk):
    assert desk.json("status")["flagged"] == 0
    assert desk.run("check", "--workers", "0").returncode == 0
    flagged(desk), flagged(desk)
    assert desk.json("status")["flagged"] == 2
    assert "preorderctl list --flagged" in desk.said("status")
    done = desk.run("check", "--workers", "0")
    assert done.returncode == 1 and "2 flagged preorders" in done.stdout and " flagged=2;0;100;0 " in done.stdout
    assert desk.run("check", "--workers", "0", "--flagged-critical", "1").returncode == 2
    assert desk.run("check", "--workers", "0", "--flagged-warning", "2").returncode == 0
    assert desk.run("check", "--workers", "0", "--flagged-warning", "200").returncode == 3
    assert json.loads(desk.run("check", "--workers", "0", "--json").stdout)["flagged"] == 2


# ---- Accepting ----

def test_accepting_completes_the_preorder_and_klaviyo_hears_what_was_paid(desk):
    preorder, other = flagged(desk), flagged(desk)
    system = desk.system
    system.start_sandbox()
    system.start_worker()
    done = desk.run("accept-payment", preorder["number"], "--yes", "--reason", "price was wrong",
                    KLAVIYO_METRIC_PREFIX="Shop")
    assert done.returncode == 0, done.stderr
    event = system.rows("SELECT * FROM outbox WHERE preorder_id = ? AND sequence = 2", preorder["id"])[0]
    assert event["id"] in done.stdout and event["metric"] == "Shop Preorder Completed"
    attributes = json.loads(event["payload"])["data"]["attributes"]
    assert attributes["value"] == 34.90 and attributes["value_currency"] == "EUR"
    assert attributes["properties"]["marketing_stage"] == "payment_completed"
    system.wait_event(preorder["id"], status="sent")
    assert stored(desk, preorder)["status"] == "completed" and stored(desk, preorder)["flag"] is None
    assert stored(desk, other)["status"] == "initiated" and stored(desk, other)["flag"]
    (line,) = desk.log()
    assert (line["action"], line["target"], line["reason"], line["count"]) == (
        "accept-payment", f"preorder {preorder['id']}", "price was wrong", 1)
    assert desk.run("audit").returncode == 0
    assert desk.json("audit")["written"] == {"preorders": 2, "payment_events": 1}


def test_a_dry_run_and_a_missing_yes_change_nothing(desk):
    preorder = flagged(desk)
    assert f"Would complete preorder {preorder['number']} (paid otherwise" in desk.said(
        "accept-payment", preorder["number"], "--dry-run")
    told = desk.json("accept-payment", preorder["id"], "--dry-run")
    assert told["dry_run"] and told["completes"] and told["status_before"] == "initiated"
    assert told["event_id"] is None and told["number"] == preorder["number"]
    refused(desk.run("accept-payment", preorder["number"]), 2, "add --yes")
    assert stored(desk, preorder)["flag"] and stored(desk, preorder)["status"] == "initiated"
    assert desk.log() == [] and len(desk.system.events()) == 1


def test_only_a_flagged_preorder_can_be_accepted_and_only_once(desk):
    plain, preorder = desk.preorder(), flagged(desk)
    desk.sent(plain)
    refused(desk.run("accept-payment", plain["number"], "--yes"), 1, "has no flag")
    refused(desk.run("accept-payment", "PRE-NOWHERE", "--yes"), 1, "no preorder")
    assert desk.run("accept-payment", preorder["number"], "--yes").returncode == 0
    refused(desk.run("accept-payment", preorder["number"], "--yes"), 1, "has no flag")
    assert len(desk.log()) == 1 and len(desk.system.events()) == 3


def test_what_was_paid_twice_is_cleared_without_another_event(desk):
    preorder = desk.preorder()
    desk.sent(preorder)
    completed = desk.sent(preorder, sequence=2, metric="Preorder Completed")
    desk.payment(preorder, event_kind="completed", event_id=completed["id"])
    desk.payment(preorder, "flagged", flag="again")
    desk.write("UPDATE preorders SET status = 'completed'")
    assert "clear the flag of" in desk.said("accept-payment", preorder["number"], "--dry-run")
    told = desk.json("accept-payment", preorder["number"], "--yes")
    assert not told["completes"] and told["event_id"] is None
    assert stored(desk, preorder)["flag"] is None and len(desk.system.events()) == 2
    assert desk.run("audit").returncode == 0


def test_a_refund_only_clears_the_flag(desk):
    preorder = flagged(desk)
    assert "Would clear the flag of preorder" in desk.said(
        "accept-payment", preorder["number"], "--refunded", "--dry-run")
    text = desk.said("accept-payment", preorder["number"], "--refunded", "--yes", "--reason", "paid back")
    assert text == f"The flag of preorder {preorder['number']} is cleared; it is initiated.\n"
    assert stored(desk, preorder)["flag"] is None and stored(desk, preorder)["status"] == "initiated"
    assert [line["action"] for line in desk.log()] == ["note-refund"]
    assert [told["outcome"] for told in desk.json("show", preorder["id"])["payments"]] == ["refunded"]
    assert len(desk.system.events()) == 1 and desk.run("audit").returncode == 0


# ---- audit ----

@pytest.mark.parametrize("wrong, members", [
    ("DELETE FROM outbox WHERE sequence = 2", {"payments_without_event": 1}),
    ("DELETE FROM payment_events", {"events_without_payment": 1}),
    ("UPDATE payment_events SET event_id = 'another' WHERE event_id IS NOT NULL",
     {"payments_without_event": 1, "events_without_payment": 1}),
])
def test_audit_counts_payments_from_both_ends(desk, wrong, members):
    preorder = desk.preorder()
    desk.sent(preorder)
    event = desk.sent(preorder, sequence=2, metric="Preorder Completed")
    desk.payment(preorder, event_kind="completed", event_id=event["id"])
    desk.payment(preorder, "recorded", paid=0)
    told = desk.json("audit")
    assert told["agrees"] and told["written"] == {"preorders": 1, "payment_events": 1}
    assert "Both ends agree." in desk.said("audit")
    desk.write(wrong)
    done = desk.run("audit", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert not told["agrees"] and {name: told[name] for name in members} == members
