"""POST /webhooks/stripe: what single events do to a preorder, to Klaviyo, and to the answer."""

import json

from lib.gate import held
from lib.metrics import Metrics
from lib.stripe import (API_VERSION, ATTEMPT_FAILED, COMPLETED, EXPIRED, FAILED, SECRET, SUCCEEDED, VERSION, deliver,
                        event, outcome, payment_intent, session, written)
from lib.system import ROOT


def status(system, made):
    return system.get(f"/pre-order/{made['id']}").json()["status"]


def metrics(system, made):
    return [each["metric"] for each in system.events(made["id"])]


def flag(system, made):
    return system.value("SELECT flag FROM preorders WHERE id = ?", made["id"])


def stored(system):
    return system.value("SELECT count(*) FROM payment_events")


def attributes(system, made, metric):
    payload, = [each["payload"] for each in system.events(made["id"]) if each["metric"] == metric]
    return json.loads(payload)["data"]["attributes"]


def counted(system, **labels):
    return Metrics(system.api.admin_address).sum("preorder_payment_events_total", **labels)


def test_a_paid_session_completes_the_preorder(paying, signer):
    made = paying.created()
    happened = event(COMPLETED, session(made, amount_total=5940))
    response = deliver(paying, signer, happened, {"X-Request-Id": "req-1"})
    assert outcome(response) == "applied" and response.json()["received"] is True
    assert response.header("Content-Type") == "application/json"
    assert status(paying, made) == "completed" and flag(paying, made) is None
    assert metrics(paying, made) == ["Preorder Started", "Preorder Completed"]
    told = attributes(paying, made, "Preorder Completed")
    assert told["value"] == 59.4 and told["value_currency"] == "USD", "what was paid, taxes included"
    assert told["properties"]["marketing_stage"] == "payment_completed"
    row = paying.events(made["id"])[1]
    assert row["request_id"] == "req-1"
    line = paying.api.wait_log("payment event")
    assert (line["request_id"], line["stripe_event_id"], line["preorder_id"], line["outcome"], line["event_id"]) == (
        "req-1", happened["id"], made["id"], "applied", row["id"])
    assert counted(paying, type=COMPLETED, outcome="applied") == 1


def test_the_bytes_count_as_they_come(paying, signer):
    """Stripe indents its JSON, escapes what is not ASCII, and may order and space it as it likes."""
    for style in ({"indent": 2}, {"sort_keys": True}, {"ensure_ascii": False}, {"separators": (" , ", "\t:\n")}):
        thing = session(paying.created(), customer_details={"name": "Zoë 🛋️"})
        assert outcome(deliver(paying, signer, json.dumps(event(COMPLETED, thing), **style))) == "applied", style


def test_an_event_that_comes_again_changes_nothing(paying, signer):
    made = paying.created()
    happened = event(COMPLETED, session(made))
    assert outcome(deliver(paying, signer, happened)) == "applied"
    before = paying.rows("SELECT * FROM preorders")
    for _ in range(3):
        assert outcome(deliver(paying, signer, happened)) == "repeated"
    assert paying.rows("SELECT * FROM preorders") == before
    assert stored(paying) == 1 and len(metrics(paying, made)) == 2
    assert counted(paying, outcome="repeated") == 3


def test_a_delayed_payment_is_waited_for(paying, signer):
    made = paying.created()
    thing = session(made, payment_status="unpaid")
    assert outcome(deliver(paying, signer, event(COMPLETED, thing))) == "recorded"
    assert status(paying, made) == "initiated" and metrics(paying, made) == ["Preorder Started"]
    assert outcome(deliver(paying, signer, event(SUCCEEDED, {**thing, "payment_status": "paid"}))) == "applied"
    assert status(paying, made) == "completed"
    assert metrics(paying, made) == ["Preorder Started", "Preorder Completed"]


def test_a_delayed_payment_that_fails_cancels(paying, signer):
    made = paying.created()
    thing = session(made, payment_status="unpaid")
    deliver(paying, signer, event(COMPLETED, thing))
    assert outcome(deliver(paying, signer, event(FAILED, thing))) == "applied"
    assert status(paying, made) == "cancelled"
    assert metrics(paying, made) == ["Preorder Started", "Preorder Payment Failed"]


def test_a_session_that_expires_cancels_and_keeps_the_consent(paying, signer):
    made = paying.created()
    recovery = "https://buy.stripe.com/r/test_YWNjdF8xUV"
    thing = session(made, status="expired", payment_status="unpaid", consent={"promotions": "opt_in"},
                    after_expiration={"recovery": {"enabled": True, "url": recovery, "expires_at": 1}})
    assert outcome(deliver(paying, signer, event(EXPIRED, thing))) == "applied"
    assert status(paying, made) == "cancelled"
    assert metrics(paying, made) == ["Preorder Started", "Preorder Abandoned"]
    properties = attributes(paying, made, "Preorder Abandoned")["properties"]
    assert properties["promotions_consent"] == "opt_in" and properties["marketing_stage"] == "abandoned_cart"
    assert recovery in properties.values()


def test_whoever_pays_after_all_is_completed(paying, signer):
    made = paying.created()
    deliver(paying, signer, event(EXPIRED, session(made, status="expired", payment_status="unpaid")))
    assert outcome(deliver(paying, signer, event(COMPLETED, session(made)))) == "applied"
    assert status(paying, made) == "completed"
    assert metrics(paying, made) == ["Preorder Started", "Preorder Abandoned", "Preorder Completed"]


def test_completed_is_final(paying, signer):
    made = paying.created()
    deliver(paying, signer, event(COMPLETED, session(made)))
    for kind in (EXPIRED, FAILED):
        late = event(kind, session(made, payment_status="unpaid"))
        assert outcome(deliver(paying, signer, late)) == "recorded"
    assert status(paying, made) == "completed" and len(metrics(paying, made)) == 2


def test_a_failed_attempt_changes_nothing(paying, signer):
    made = paying.created()
    assert outcome(deliver(paying, signer, event(ATTEMPT_FAILED, payment_intent(made)))) == "recorded"
    assert status(paying, made) == "initiated" and metrics(paying, made) == ["Preorder Started"]


def test_an_amount_that_does_not_match_waits_for_a_person(paying, signer):
    for members in ({"amount": 4989}, {"amount": 4991}, {"currency": "eur"}, {"amount_subtotal": None},
                    {"currency": None}):
        made = paying.created()
        assert outcome(deliver(paying, signer, event(COMPLETED, session(made, **members)))) == "flagged", members
        assert status(paying, made) == "initiated" and metrics(paying, made) == ["Preorder Started"]
        assert "paid for" in flag(paying, made)
    assert paying.api.wait_log("payment event", matches=lambda line: line["outcome"] == "flagged")["level"] == "warning"


def test_a_person_completes_what_was_flagged(paying, signer):
    made = paying.created()
    happened = event(COMPLETED, session(made, amount=1000))
    assert outcome(deliver(paying, signer, happened)) == "flagged"
    assert made["number"] in paying.ctl("list", "--flagged").stdout
    done = paying.ctl("accept-payment", made["id"], "--reason", "agreed by phone", "--yes")
    assert done.returncode == 0, done.stderr
    assert status(paying, made) == "completed" and flag(paying, made) is None
    assert metrics(paying, made) == ["Preorder Started", "Preorder Completed"]
    assert attributes(paying, made, "Preorder Completed")["value"] == 10
    assert outcome(deliver(paying, signer, happened)) == "repeated", "and it stays that way"
    assert status(paying, made) == "completed" and flag(paying, made) is None
    assert made["number"] not in paying.ctl("list", "--flagged").stdout


def test_nothing_to_pay_matches_any_amount(paying, signer):
    made = paying.created()
    free = session(made, amount=0, payment_status="no_payment_required", payment_intent=None)
    assert outcome(deliver(paying, signer, event(COMPLETED, free))) == "applied"
    assert status(paying, made) == "completed" and flag(paying, made) is None


def test_discounts_and_taxes_are_none_of_our_business(paying, signer):
    made = paying.created()
    thing = session(made, amount_subtotal=4990, amount_total=2495)
    assert outcome(deliver(paying, signer, event(COMPLETED, thing))) == "applied"
    assert attributes(paying, made, "Preorder Completed")["value"] == 24.95


def test_currencies_have_their_own_minor_units(paying, signer):
    for price, color, amount, currency, value in (("price_kettle", "red", 12800, "jpy", 12800),
                                                  ("price_ring", "gold", 12345, "kwd", 12.345)):
        made = paying.created(price_id=price, color=color)
        assert outcome(deliver(paying, signer, event(COMPLETED, session(made, amount, currency=currency)))) == "applied"
        assert attributes(paying, made, "Preorder Completed")["value"] == value


def test_what_means_nothing_here_gets_200_and_is_not_kept(paying, signer):
    made = paying.created()
    other = "0190c0de-0000-7000-8000-000000000001"
    cases = [
        ("other_type", event("customer.created", {"id": "cus_1"})),
        ("other_type", event("checkout.session.what_is_new", session(made))),
        ("other_mode", event(COMPLETED, session(made), livemode=True)),
        ("unknown_preorder", event(COMPLETED, session({"id": other}))),
        ("unknown_preorder", event(COMPLETED, session(made, client_reference_id=None))),
        ("unknown_preorder", event(COMPLETED, session(made, client_reference_id="order 7"))),
        ("unknown_preorder", event(ATTEMPT_FAILED, payment_intent(made, metadata={}))),
        ("thin", {"id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
                  "related_object": {"id": "mtr_1"}, "created": "2026-11-22T00:00:00.000Z"}),
    ]
    for wanted, happened in cases:
        assert outcome(deliver(paying, signer, happened)) == wanted, happened
    assert status(paying, made) == "initiated" and stored(paying) == 0
    for wanted, count in (("other_type", 2), ("other_mode", 1), ("unknown_preorder", 4), ("thin", 1)):
        assert counted(paying, outcome=wanted) == count
    assert counted(paying, type="other") == 3, "no word of a stranger's becomes a label"


def test_metadata_may_name_the_preorder(paying, signer):
    made = paying.created()
    thing = session(made, client_reference_id=None, metadata={"preorder_id": made["id"].upper()})
    assert outcome(deliver(paying, signer, event(COMPLETED, thing))) == "applied"


def test_the_mode_can_be_set(system, signer):
    system.migrate().start_api(STRIPE_WEBHOOK_SECRET=SECRET, PREORDER_STRIPE_MODE="live")
    made = system.created()
    assert outcome(deliver(system, signer, event(COMPLETED, session(made)))) == "other_mode"
    assert outcome(deliver(system, signer, event(COMPLETED, session(made), livemode=True))) == "applied"


def test_a_signed_body_that_is_no_event_is_refused(paying, signer):
    made = paying.created()
    right = written(event(COMPLETED, session(made)))
    for payload in ("{", "[]", "null", "7", '"evt_1"', "{}", right[:-1], right + "x", '{"id":"evt_1","id":"evt_2"}',
                    "[" * 100_000, json.dumps(event(COMPLETED, session(made), id=7)),
                    json.dumps(event(COMPLETED, "cs_1")), json.dumps(event(COMPLETED, session(made, amount_total="1"))),
                    right.replace('"amount_total":4990', '"amount_total":4990,"amount_total":1')):
        response = deliver(paying, signer, payload)
        assert response.status == 400, payload[:200]
        assert response.json()["type"] == "/problems/invalid-body"
        assert "klaviyo-demo" not in response.json()["detail"]
    assert stored(paying) == 0 and status(paying, made) == "initiated"
    assert counted(paying, outcome="invalid") == 14


def test_it_has_to_be_json_without_an_encoding(paying, signer):
    payload = written(event(COMPLETED, session(paying.created())))
    for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"},
                    {"Content-Encoding": "gzip"}):
        assert deliver(paying, signer, payload, headers).status == 415
    assert outcome(deliver(paying, signer, payload, {"Content-Type": "application/json"})) == "applied"


def test_another_version_is_mentioned_once(paying, signer):
    message = "Stripe's events are of another version than the tested one"
    for version in (API_VERSION, None, "2020-08-27", "2019-12-03"):
        happened = event(COMPLETED, session(paying.created()), api_version=version)
        assert outcome(deliver(paying, signer, happened)) == "applied"
    assert [line["api_version"] for line in paying.api.log(message)] == ["2020-08-27"]


def test_the_tested_version_is_the_packages(signer):
    """Who raises the package's version looks at what Stripe changed, and says so in api/stripe_event.h."""
    source = (ROOT / "api" / "stripe_event.h").read_text()
    assert f'#define STRIPE_API_VERSION "{API_VERSION}"' in source
    assert signer.versions == {"package": VERSION, "api": API_VERSION}


def test_a_busy_database_gets_503_and_stripe_comes_again(system, signer):
    system.migrate().start_api(STRIPE_WEBHOOK_SECRET=SECRET, PREORDER_WRITE_TIMEOUT="50ms")
    made = system.created()
    happened = event(COMPLETED, session(made))
    with held(system.database):
        response = deliver(system, signer, happened)
    assert response.status == 503 and response.header("Retry-After") == "1"
    assert "Nothing was stored" in response.json()["detail"]
    assert counted(system, type=COMPLETED, outcome="unavailable") == 1
    assert outcome(deliver(system, signer, happened)) == "applied"
    assert metrics(system, made) == ["Preorder Started", "Preorder Completed"]


def test_events_reach_klaviyo_in_order(paying, signer):
    """Started first, whenever the payment came; then what followed."""
    made = [paying.created(email=f"ada{number}@klaviyo-demo.com") for number in range(20)]
    for each in made[::2]:
        deliver(paying, signer, event(EXPIRED, session(each, status="expired", payment_status="unpaid")))
    for each in made:
        assert outcome(deliver(paying, signer, event(COMPLETED, session(each)))) == "applied"
    for _ in range(2):
        paying.start_worker()
    paying.wait_sent(50)
    told = {}
    for line in paying.ledger():
        told.setdefault(line["email"], []).append(line["metric"])
    for number in range(20):
        abandoned = ["Preorder Abandoned"] if number % 2 == 0 else []
        assert told[f"ada{number}@klaviyo-demo.com"] == ["Preorder Started", *abandoned, "Preorder Completed"]
