"""Which integration tests run behind the judge (lib/judge.py).

`./dev test contract` runs those of CHECKOUT_TESTS, .ci/run all; neither those that stand here with their reason.
"""

from fnmatch import fnmatch

# Files whose subject is what a client of the checkout gets.
CHECKOUT_TESTS = ("test_cors", "test_create", "test_idempotency", "test_openapi", "test_rate_limit", "test_reload",
                  "test_requests", "test_stripe_events", "test_stripe_orders", "test_stripe_signature", "test_trace")

NODE = "Node, in which Prism runs, answers this head itself or mends it"
BYTES = "Prism reads the JSON and writes it anew, so these bytes do not reach the API"
ESCAPES = "Prism ends when it finds escapes in a form that are none, or none of UTF-8"
HEAD = "Prism looks for a body in an answer to HEAD, and fails"
SOCKET = "it is about the connection to the API, and behind Prism that is Prism's"

# A pattern of test ids, and why they are not run behind the judge.
DIRECT = {
    "*test_requests.py::*[[]body-bad-escape]": BYTES,
    "*test_requests.py::*[[]body-byte-order-mark]": BYTES,
    "*test_requests.py::*[[]body-comment]": BYTES,
    "*test_requests.py::*[[]body-cut-short]": BYTES,
    "*test_requests.py::*[[]body-form-as-json]": BYTES,
    "*test_requests.py::*[[]body-latin-1]": BYTES,
    "*test_requests.py::*[[]body-leading-zero]": BYTES,
    "*test_requests.py::*[[]body-member-twice*]": BYTES,
    "*test_requests.py::*[[]body-nested-*64-kib]": BYTES,
    "*test_requests.py::*[[]body-nested-one-mebibyte]": BYTES,
    "*test_requests.py::*[[]body-not-a-number]": BYTES,
    "*test_requests.py::*[[]body-nul-after-object]": BYTES,
    "*test_requests.py::*[[]body-number-of-60000-digits]": BYTES,
    "*test_requests.py::*[[]body-property-twice]": BYTES,
    "*test_requests.py::*[[]body-raw-*]": BYTES,
    "*test_requests.py::*[[]body-real-out-of-range]": BYTES,
    "*test_requests.py::*[[]body-right-integers-of-64-bits]": BYTES,
    "*test_requests.py::*[[]body-single-quotes]": BYTES,
    "*test_requests.py::*[[]body-spaces-only]": BYTES,
    "*test_requests.py::*[[]body-trailing-*]": BYTES,
    "*test_requests.py::*[[]body-two-objects]": BYTES,
    "*test_requests.py::*[[]body-utf-*]": BYTES,
    "*test_requests.py::*[[]form-character-over-border]": ESCAPES,
    "*test_requests.py::*[[]form-chunked]": NODE,
    "*test_requests.py::*[[]form-escape-*]": ESCAPES,
    "*test_requests.py::*[[]form-latin-1*]": ESCAPES,
    "*test_requests.py::*[[]form-over-long-utf-8]": ESCAPES,
    "*test_requests.py::*[[]form-surrogate]": ESCAPES,
    "*test_requests.py::*[[]form-two-hosts]": NODE,
    "*test_requests.py::*[[]http-body-ends-early]": NODE,
    "*test_requests.py::*[[]http-chunked]": NODE,
    "*test_requests.py::*[[]http-content-type-charset-utf-16]": BYTES,
    "*test_requests.py::*[[]http-expect-continue-too-big]": NODE,
    "*test_requests.py::*[[]http-garbage]": NODE,
    "*test_requests.py::*[[]http-head-*]": NODE,
    "*test_requests.py::*[[]http-header-*]": NODE,
    "*test_requests.py::*[[]http-host-*]": NODE,
    "*test_requests.py::*[[]http-http-*]": NODE,
    "*test_requests.py::*[[]http-length-*]": NODE,
    "*test_requests.py::*[[]http-method-*]": NODE,
    "*test_requests.py::*[[]http-path-escaped*]": "Prism unescapes paths, the API does not",
    "*test_requests.py::*[[]http-tls-hello]": NODE,
    "*test_requests.py::*[[]http-transfer-encoding-*]": NODE,
    "*test_requests.py::*[[]http-unknown-path-trailing-slash]": "Prism overlooks a slash at a path's end",
    "*test_requests.py::*[[]http-url-*]": NODE,
    "*test_requests.py::*[[]wire-*]": NODE,
    "*test_requests.py::test_a_body_over_the_limit_is_refused_before_it_is_sent": NODE,
    "*test_requests.py::test_half_a_request_is_cut_at_the_deadline": SOCKET,
    "*test_stripe_events.py::test_a_signed_body_that_is_no_event_is_refused": BYTES,
    "*test_stripe_events.py::test_the_bytes_count_as_they_come": BYTES,
    "*test_stripe_orders.py::test_nothing_is_lost_nor_doubled_when_the_api_is_killed": SOCKET,
    "*test_stripe_orders.py::test_one_session_in_every_order*": "hundreds of events that are all alike",
    "*test_stripe_signature.py::test_a_body_may_have_256_kib_here_and_no_more": BYTES,
    "*test_stripe_signature.py::test_a_body_that_was_tampered_with_is_refused": BYTES,
    "*test_stripe_signature.py::test_there_is_no_webhook_without_a_secret[[]HEAD]": HEAD,
    "*test_rate_limit.py::test_what_counts_and_what_does_not": HEAD,
    "*test_stripe_signature.py::test_two_signature_headers_are_refused*": NODE,
    "*test_bench.py::*": "it is about the generator of load, which needs the API's own pace",
    "*test_conformance.py::*": NODE,
    "*test_cors.py::*[[]400*]": NODE,
    "*test_cors.py::*[[]411]": NODE,
    "*test_cors.py::*[[]413]": NODE,
    "*test_cors.py::*[[]415 encoding]": NODE,
    "*test_cors.py::*[[]431]": NODE,
    "*test_cors.py::*[[]501*]": NODE,
    "*test_cors.py::test_the_limits_answers_are_seen_too": SOCKET,
    "*test_create.py::test_head_has_what_get_has_but_no_body": HEAD,
    "*test_drain.py::*": SOCKET,
    "*test_limits.py::*": SOCKET,
    "*test_slow_clients.py::*": SOCKET,
    "*test_metrics.py::*": "one of the requests that it counts has a method that Node refuses",
    "*test_idempotency.py::test_10_000_*": "creates that are all alike",
    "*test_idempotency.py::test_both_after_kill_9_*": "creates that are all alike",
    "*test_idempotency.py::test_killed_in_the_middle_*": "Prism answers for an API that was killed",
    "*test_volume.py::*": "5,000 creates that are all alike, and its minute is spent without Prism already",
}


def reason_against(test_id):
    """Why the test is not run behind the judge, None if it is."""
    return next((reason for pattern, reason in DIRECT.items() if fnmatch(test_id, pattern)), None)
