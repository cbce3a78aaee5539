/*
 * Klaviyo's answers, from the bytes of head and body to the verdict on an event and on a bulk job: whatever comes
 * is judged, no wait is absurd, and what is kept of the words is fit for the database, a log and a terminal.
 *
 * The first byte of the input says how the request ended and what is known of the event, the second how the body
 * comes in; the rest is the answer, as sent.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"
#include "worker/bulk_verdict.h"
#include "worker/clean.h"
#include "worker/receipt.h"
#include "worker/verdict.h"

enum { NOW_MS = 1795353434, ATTEMPTS_MAX = 5, MEMBERS = 20 };

static const struct verdict_policy POLICY = {.retry_base_ms = 2000,
                                             .retry_max_ms = 3600000,
                                             .retry_attempts_max = ATTEMPTS_MAX,
                                             .retry_age_max_ms = 86400000,
                                             .probe_interval_ms = 30000};

/* ---- The answer, as the transport reads it ---- */

/* Lines up to and with the empty one, each from a block of its own; returns how many bytes they took. */
static size_t take_head(struct receipt *receipt, const char *bytes, size_t byte_count) {
    size_t taken = 0;
    while (taken < byte_count && receipt->http_status == 0) {
        const char *feed = memchr(bytes + taken, '\n', byte_count - taken);
        size_t length = feed != NULL ? (size_t)(feed - (bytes + taken)) + 1 : byte_count - taken;
        char *line = malloc(length);
        assert(line != NULL);
        memcpy(line, bytes + taken, length);
        bool is_taken = receipt_take_line(receipt, line, length);
        free(line);
        taken += length;
        if (!is_taken) {
            break;
        }
    }
    return taken;
}

static enum transport_code take_body(struct receipt *receipt, const char *bytes, size_t byte_count,
                                     size_t step) {
    for (size_t taken = 0; taken < byte_count; taken += step) {
        size_t length = byte_count - taken < step ? byte_count - taken : step;
        if (!receipt_take_body(receipt, bytes + taken, length)) {
            assert(receipt->body_bytes == RESPONSE_BODY_BYTES_MAX);
            return TRANSPORT_TOO_LARGE;
        }
    }
    return TRANSPORT_OK;
}

static void check_answer(const struct transport_answer *answer) {
    assert(answer->http_status == 0 || (answer->http_status >= 200 && answer->http_status <= 999));
    assert(strlen(answer->content_type) < RECEIPT_VALUE_BYTES);
    assert(strlen(answer->retry_after) < RECEIPT_VALUE_BYTES);
    assert(answer->rate_remaining_count >= 0 && answer->rate_remaining_count <= 999999999);
    assert(answer->rate_reset_s >= 0 && answer->rate_reset_s <= 999999999);
    assert(answer->body_bytes <= RESPONSE_BODY_BYTES_MAX);
    assert(answer->http_status != 0 || answer->body_bytes == 0);
}

/* ---- Words ---- */

/* No "someone@": before each "@" that follows what may stand in an address there are three stars. */
static void check_masked(const char *text) {
    static const char before_at[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    ".!#$%&'*+/=?^_`{|}~-";
    for (const char *at = strchr(text, '@'); at != NULL; at = strchr(at + 1, '@')) {
        bool is_address = at > text && strchr(before_at, at[-1]) != NULL;
        assert(!is_address || (at >= text + 3 && memcmp(at - 3, "***", 3) == 0));
    }
}

/* One line that anything can show. */
static void check_words(const char *text, size_t room_bytes) {
    size_t length = strnlen(text, room_bytes);
    assert(length < room_bytes);
    for (size_t i = 0; i < length; i++) {
        assert((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
    }
    check_masked(text);
    /* UTF-8 without control characters: there is nothing to clean. */
    char again[EVENT_ERROR_BYTES];
    assert(clean_body(text, length, again) == length && memcmp(again, text, length) == 0);
}

static void check_kept_body(const struct transport_answer *answer) {
    char *kept = malloc(answer->body_bytes + 1);
    assert(kept != NULL);
    size_t length = clean_body(answer->body, answer->body_bytes, kept);
    assert(length <= answer->body_bytes && memchr(kept, '\0', length) == NULL);
    char *again = malloc(length + 1);
    assert(again != NULL && clean_body(kept, length, again) == length);
    assert(memcmp(kept, again, length) == 0);
    free(again);
    free(kept);
}

/* ---- Verdicts ---- */

static void check_times(const struct verdict *verdict, const struct verdict_context *context) {
    bool is_over = verdict->outcome == OUTCOME_SENT || verdict->outcome == OUTCOME_DEAD;
    assert(is_over == (verdict->next_attempt_at_ms == 0));
    assert(is_over || verdict->next_attempt_at_ms >= context->now_ms);
    assert(verdict->next_attempt_at_ms <= context->now_ms + VERDICT_ASKED_MS_MAX);
    bool is_held = verdict->outcome == OUTCOME_THROTTLED || verdict->outcome == OUTCOME_PAUSED;
    assert(is_held == (verdict->account_not_before_ms != 0));
    if (is_held) {
        assert(verdict->account_not_before_ms == verdict->next_attempt_at_ms);
        assert(verdict->account_not_before_ms >= context->now_ms + VERDICT_THROTTLE_MS_MIN);
    }
}

static void check_verdict(const struct verdict *verdict, const struct transport_answer *answer,
                          const struct verdict_context *context) {
    bool is_success = answer->http_status >= 200 && answer->http_status <= 299;
    assert((verdict->outcome == OUTCOME_SENT) == is_success);
    assert((verdict->error[0] == '\0') == is_success);
    assert((answer->http_status == 429) == (verdict->outcome == OUTCOME_THROTTLED));
    assert((verdict->pause_reason[0] != '\0') == (verdict->outcome == OUTCOME_PAUSED));
    if (verdict->outcome == OUTCOME_DEAD) {
        assert(!context->is_pause_probe && verdict->is_burnt);
        assert((answer->http_status >= 400 && answer->http_status <= 422) ||
               context->attempts >= ATTEMPTS_MAX);
    }
    check_times(verdict, context);
    check_words(verdict->error, sizeof verdict->error);
    check_words(verdict->pause_reason, sizeof verdict->pause_reason);
}

static void judge_event(const struct transport_answer *answer, const struct answer *words,
                        uint8_t known) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, known);
    struct verdict_context context = {
        .attempts = 1 + (known >> 5) % ATTEMPTS_MAX,
        .first_attempt_at_ms = NOW_MS - 1000,
        .is_probe = (known & 1) != 0,
        .is_pause_probe = (known & 3) == 3,
        .refused_streak = (known & 4) != 0 ? VERDICT_REFUSED_STREAK_MAX - 1 : 0,
        .now_ms = NOW_MS,
    };
    struct verdict verdict;
    verdict_judge(&POLICY, answer, words, &context, &random, &verdict);
    check_verdict(&verdict, answer, &context);
}

static void judge_job(const struct transport_answer *answer, size_t member_count) {
    struct bulk_verdict verdict;
    bulk_judge(answer, member_count, &verdict);
    assert(verdict.fault_count <= BULK_FAULTS_MAX);
    assert((verdict.meaning == BULK_NAMED) == (verdict.fault_count > 0));
    for (size_t i = 0; i < verdict.fault_count; i++) {
        assert(verdict.faults[i].member < member_count);
        for (size_t before = 0; before < i; before++) {
            assert(verdict.faults[before].member != verdict.faults[i].member);
        }
        check_words(verdict.faults[i].words.detail, ANSWER_DETAIL_BYTES);
        check_words(verdict.faults[i].words.pointer, ANSWER_POINTER_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    static struct receipt receipt;
    if (byte_count < 2) {
        return 0;
    }
    const char *text = (const char *)bytes + 2;
    size_t text_bytes = byte_count - 2;
    receipt_begin(&receipt);
    size_t head_bytes = take_head(&receipt, text, text_bytes);
    enum transport_code code = (enum transport_code)((bytes[0] >> 3) % TRANSPORT_CODES);
    if (receipt.http_status != 0 && take_body(&receipt, text + head_bytes, text_bytes - head_bytes,
                                              1u + bytes[1]) != TRANSPORT_OK) {
        code = TRANSPORT_TOO_LARGE;
    }
    struct transport_answer answer = receipt_answer(&receipt, code, "a word of the library's");
    check_answer(&answer);
    struct answer words;
    answer_read(answer.body, answer.body_bytes, &words);
    check_words(words.detail, sizeof words.detail);
    check_words(words.pointer, sizeof words.pointer);
    check_kept_body(&answer);
    judge_event(&answer, &words, bytes[0]);
    judge_job(&answer, 1u + bytes[1] % MEMBERS);
    return 0;
}
