#include "tests/torture/till.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static void sign(struct till_call *call, int64_t now_s) {
    char text[sizeof call->body + 32];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0;
    int length = snprintf(text, sizeof text, "%" PRId64 ".%s", now_s, call->body);
    const uint8_t *done = HMAC(EVP_sha256(), TILL_SECRET, sizeof TILL_SECRET - 1,
                               (const uint8_t *)text, (size_t)length, digest, &digest_bytes);
    assert(done != NULL);
    int at = snprintf(call->signature, sizeof call->signature, "t=%" PRId64 ",v1=", now_s);
    for (unsigned i = 0; i < digest_bytes; i++) {
        at +=
            snprintf(call->signature + at, sizeof call->signature - (size_t)at, "%02x", digest[i]);
    }
}

void till_make(struct till_call *call, enum till_event event, int number,
               const struct ident *preorder_id, int64_t now_ms) {
    *call = (struct till_call){0};
    int length =
        snprintf(call->body, sizeof call->body,
                 "{\"id\":\"evt_%d\",\"object\":\"event\",\"created\":%" PRId64
                 ",\"livemode\":false,\"type\":\"checkout.session.%s\",\"data\":{\"object\":{"
                 "\"id\":\"cs_%d\",\"object\":\"checkout.session\",\"livemode\":false,"
                 "\"mode\":\"payment\",\"client_reference_id\":\"%s\",\"metadata\":{},"
                 "\"status\":\"%s\",\"payment_status\":\"%s\",\"currency\":\"usd\","
                 "\"amount_subtotal\":4999,\"amount_total\":4999}}}",
                 number, now_ms / 1000, event == TILL_PAID ? "completed" : "expired", number,
                 preorder_id->text, event == TILL_PAID ? "complete" : "expired",
                 event == TILL_PAID ? "paid" : "unpaid");
    assert(length > 0 && (size_t)length < sizeof call->body);
    sign(call, now_ms / 1000);
    call->headers[0] = (struct header){"Content-Type", "application/json"};
    call->headers[1] = (struct header){"Stripe-Signature", call->signature};
    call->request = (struct request){
        .method = "POST",
        .path = "/webhooks/stripe",
        .headers = call->headers,
        .header_count = 2,
        .body = call->body,
        .body_bytes = (size_t)length,
        .content_length = length,
        .id = "request",
    };
}
