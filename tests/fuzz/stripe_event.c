/* Bodies of webhooks: whatever they are, what comes out of them is fit for the store. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/stripe_event.h"
#include "tests/fuzz/target.h"

static void is_id(const char *text) {
    size_t length = strnlen(text, PAYMENT_ID_BYTES);
    assert(length > 0 && length < PAYMENT_ID_BYTES);
    for (size_t i = 0; i < length; i++) {
        assert(text[i] > ' ' && text[i] <= '~');
    }
}

/* What store_apply_payments asserts, and some more. */
static void judge(const struct payment_event *event) {
    enum payment_kind kind;
    is_id(event->id);
    is_id(event->session_id);
    assert(payment_kind_find(event->type, NULL, &kind) && event->kind < PAYMENT_KIND_COUNT);
    assert(ident_parse(event->preorder_id.text, NULL));
    assert(event->created_at_ms >= 0);
    assert(event->amount_subtotal >= PAYMENT_AMOUNT_UNKNOWN);
    assert(event->amount_total >= PAYMENT_AMOUNT_UNKNOWN);
    assert(strlen(event->currency) == 0 || strlen(event->currency) == CURRENCY_BYTES - 1);
    assert(strspn(event->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(event->currency));
    assert(memchr(event->promotions_consent, '\0', sizeof event->promotions_consent) != NULL);
    assert(memchr(event->recovery_url, '\0', sizeof event->recovery_url) != NULL);
}

/* Support reads the flag: one line, whatever Stripe said. */
static void describe(const struct payment_event *event) {
    struct payment_history history = {
        .status = PREORDER_INITIATED, .amount = 4990, .currency = "USD"};
    struct payment_decision decision = payment_decide(event, &history);
    if (decision.flag != PAYMENT_FLAG_NONE) {
        char text[PAYMENT_FLAG_BYTES];
        payment_describe_flag(decision.flag, event, &history, text);
        assert(text[0] != '\0' && strpbrk(text, "\r\n") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    for (int mode = STRIPE_MODE_ANY; mode <= STRIPE_MODE_TEST; mode++) {
        struct stripe_event event;
        struct err err = {0};
        enum err_code code = stripe_event_parse((const char *)bytes, byte_count,
                                                (enum stripe_mode)mode, &event, &err);
        assert(code == ERR_OK || code == ERR_INVALID);
        if (code == ERR_INVALID) {
            assert(err.text[0] != '\0' && strpbrk(err.text, "\r\n") == NULL);
        } else if (event.kind == STRIPE_EVENT_PAYMENT) {
            judge(&event.payment);
            describe(&event.payment);
        }
    }
    return 0;
}
