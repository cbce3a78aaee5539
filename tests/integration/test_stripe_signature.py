"""POST /webhooks/stripe: who is believed. The headers are made by Stripe's own package."""

import signal
import time

import pytest

from lib import http
from lib.metrics import Metrics
from lib.stripe import COMPLETED, PATH, SECRET, deliver, event, outcome, session, written
from lib.system import API
from lib.wait import wait_until

UNSIGNED = "preorder_payment_events_total"


def paid(system):
    """A payment of a preorder of its own."""
    return event(COMPLETED, session(system.created()))


def send(system, payload, header, **more):
    headers = {"Stripe-Signature": header, **more}
    return http.ask(system.api.address, "POST", PATH, headers, payload)


def refusals(system, reason):
    return Metrics(system.api.admin_address).sum(UNSIGNED, type="unsigned", outcome=reason)


def assert_refused(system, response, reason):
    """400 without a hint, nothing stored, counted and logged."""
    assert response.status == 400, response
    problem = response.json()
    assert problem["type"] == "/problems/invalid-signature"
    assert problem["detail"] == "The request is not signed as it must be."
    assert system.value("SELECT count(*) FROM payment_events") == 0
    assert refusals(system, reason) == 1
    line = system.api.wait_log("webhook refused", matches=lambda each: each["signature"] == reason)
    assert line["request_id"] == response.header("X-Request-Id")


def test_a_right_signature_is_believed(paying, signer):
    made = paying.created()
    assert outcome(deliver(paying, signer, event(COMPLETED, session(made)))) == "applied"
    assert paying.get(f"/pre-order/{made['id']}").json()["status"] == "completed"


def test_a_right_signature_may_be_five_minutes_old(paying, signer):
    assert outcome(deliver(paying, signer, paid(paying), timestamp=int(time.time()) - 290)) == "applied"


def test_an_old_signature_is_refused(paying, signer):
    assert_refused(paying, deliver(paying, signer, paid(paying), timestamp=int(time.time()) - 310), "old")


def test_a_signature_of_the_future_is_refused(paying, signer):
    assert_refused(paying, deliver(paying, signer, paid(paying), timestamp=int(time.time()) + 310), "early")


def test_a_clock_that_is_a_little_ahead_does_no_harm(paying, signer):
    assert outcome(deliver(paying, signer, paid(paying), timestamp=int(time.time()) + 290)) == "applied"


def test_a_signature_by_another_secret_is_refused(paying, signer):
    assert_refused(paying, deliver(paying, signer, paid(paying), secret="whsec_other"), "wrong")


def test_a_body_that_was_tampered_with_is_refused(paying, signer):
    payload = written(paid(paying))
    header = signer.header(payload)
    for tampered in (payload.replace("4990", "0001"), payload + " ", payload[:-1], " " + payload):
        assert send(paying, tampered, header).status == 400
    assert paying.value("SELECT count(*) FROM payment_events") == 0
    assert outcome(send(paying, payload, header)) == "applied"


def test_a_time_that_was_tampered_with_is_refused(paying, signer):
    payload = written(paid(paying))
    old = int(time.time()) - 400
    header = signer.header(payload, timestamp=old).replace(f"t={old}", f"t={int(time.time())}")
    assert_refused(paying, send(paying, payload, header), "wrong")


def test_a_webhook_without_a_signature_is_refused(paying):
    response = http.ask(paying.api.address, "POST", PATH, None, written(paid(paying)))
    assert_refused(paying, response, "missing")


def test_what_is_no_header_of_stripes_is_refused(paying, signer):
    payload = written(paid(paying))
    now, right = signer.header(payload).split(",")
    headers = ["", "x", now, right, f"{now},{now},{right}", f"{now};{right}", f"{now}, {right}",
               f"{now},{right.replace('v1', 'v0')}", f"{now},{right}" + ",v1=x" * 16, f"{now},{right}," + "x" * 4096]
    for number, header in enumerate(headers, 1):
        response = send(paying, payload, header)
        assert response.status == 400 and response.json()["type"] == "/problems/invalid-signature", header
        assert refusals(paying, "malformed") == number, header
    assert paying.value("SELECT count(*) FROM payment_events") == 0


def test_two_signature_headers_are_refused_even_if_both_are_right(paying, signer):
    payload = written(paid(paying))
    header = signer.header(payload)
    request = http.render("POST", PATH, {"Stripe-Signature": header}, payload)
    line = f"Stripe-Signature: {header}\r\n".encode()
    with http.Connection(paying.api.address) as connection:
        connection.send(request.replace(line, line + line))
        assert_refused(paying, connection.read(), "malformed")


def test_one_right_signature_among_several_is_enough(paying, signer):
    """As Stripe sends while a secret is being rolled: one v1 by each."""
    payload = written(paid(paying))
    now, right = signer.header(payload).split(",")
    other = signer.header(payload, secret="whsec_other").split(",")[1]
    assert outcome(send(paying, payload, f"{now},{other},{right}")) == "applied"
    assert outcome(send(paying, payload, f"{now},{right},{other},v0={'0' * 64}")) == "repeated"


def test_two_secrets_are_in_force_together_and_a_rolled_one_is_not(system, signer):
    """A roll of the secret, from first to last, without a restart."""
    secrets = system.folder / "stripe_webhook_secret"
    secrets.write_text("whsec_old\n")
    system.migrate().start_api(STRIPE_WEBHOOK_SECRET_FILE=secrets)

    def is_taken(secret):
        return deliver(system, signer, paid(system), secret=secret).status == 200

    assert (is_taken("whsec_old"), is_taken("whsec_new")) == (True, False)
    secrets.write_text("  whsec_new, whsec_old \n")
    system.api.signal(signal.SIGHUP)
    wait_until(lambda: is_taken("whsec_new"), what="the new secret is in force")
    assert is_taken("whsec_old")
    secrets.write_text("whsec_new\n")
    system.api.signal(signal.SIGHUP)
    wait_until(lambda: not is_taken("whsec_old"), what="the old secret is forgotten")
    assert is_taken("whsec_new")
    assert "whsec_" not in system.api.stderr()


def test_a_list_of_secrets_that_is_broken_leaves_the_old_one_in_force(system, signer):
    secrets = system.folder / "secret"
    secrets.write_text(SECRET)
    system.migrate().start_api(STRIPE_WEBHOOK_SECRET_FILE=secrets)
    secrets.write_text(",".join(f"whsec_{number}" for number in range(9)))
    system.api.signal(signal.SIGHUP)
    complaint = system.api.wait_log("settings not reloaded, the old ones stay")
    assert "STRIPE_WEBHOOK_SECRET" in complaint["error"] and "whsec_" not in complaint["error"]
    assert outcome(deliver(system, signer, paid(system))) == "applied"


def test_the_secret_may_be_a_credential_of_the_service(system, signer):
    folder = system.folder / "credentials"
    folder.mkdir()
    (folder / "stripe_webhook_secret").write_text(f"{SECRET}\n")
    system.migrate().start_api(CREDENTIALS_DIRECTORY=folder)
    assert outcome(deliver(system, signer, paid(system))) == "applied"


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS", "DELETE"])
def test_there_is_no_webhook_without_a_secret(shared_api, method):
    body = "{}" if method == "POST" else None
    response = http.ask(shared_api.api.address, method, PATH, None, body)
    assert response.status == 404, response
    assert response.header("Allow") is None


def test_other_methods_are_refused_where_there_is_one(paying):
    response = http.ask(paying.api.address, "GET", PATH)
    assert response.status == 405 and response.header("Allow") == "OPTIONS, POST"


def test_the_secret_is_not_shown_with_the_settings(system):
    done = system.run(API, "--check-config", STRIPE_WEBHOOK_SECRET=SECRET)
    assert done.returncode == 0 and "STRIPE_WEBHOOK_SECRET = ********" in done.stdout
    assert SECRET not in done.stdout + done.stderr


def test_a_body_may_have_256_kib_here_and_no_more(paying, signer):
    made = session(paying.created(), metadata={"note": "x" * 200_000})
    assert outcome(deliver(paying, signer, event(COMPLETED, made))) == "applied"
    payload = written(event(COMPLETED, session(paying.created())))
    full = payload + " " * (256 * 1024 - len(payload))
    assert outcome(deliver(paying, signer, full)) == "applied"
    assert deliver(paying, signer, full + " ").status == 413
    assert http.ask(paying.api.address, "POST", "/pre-order", None, full).status == 413


def test_no_other_origin_is_let_in(system, signer):
    """A browser has no business here, whatever the shop allows elsewhere."""
    system.migrate().start_api(STRIPE_WEBHOOK_SECRET=SECRET, PREORDER_ALLOWED_ORIGINS="https://shop.example")
    for response in (deliver(system, signer, paid(system), {"Origin": "https://shop.example"}),
                     http.ask(system.api.address, "OPTIONS", PATH, {
                         "Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})):
        assert not [name for name, _ in response.headers if name.lower().startswith("access-control-")]
