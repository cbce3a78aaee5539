/*
 * What klaviyo-sandbox reads of a request's body: it refuses in words that the worker understands, and of what it takes
 * it knows each event by bytes that stand in the body.
 *
 * The first byte of the input says which kind of request it is, the rest is the body.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/contract.h"
#include "tests/fuzz/target.h"
#include "worker/bulk_verdict.h"

static const int64_t NOW_MS = INT64_C(1795353434123);

/* As the worker gets it. */
static void check_refusal(const struct refusal *refusal, size_t event_count) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    struct buf body;
    assert(refusal->status >= 400 && refusal->status <= 499 && refusal->fault_count >= 1);
    buf_init(&body, REFUSAL_BODY_BYTES_MAX);
    refusal_render(refusal, &random, &body);
    assert(!buf_failed(&body));
    struct transport_answer answer = {.http_status = refusal->status,
                                      .content_type = "application/vnd.api+json",
                                      .retry_after = "",
                                      .body = buf_text(&body),
                                      .body_bytes = body.length};
    struct answer words;
    answer_read(answer.body, answer.body_bytes, &words);
    assert(words.detail[0] != '\0');
    struct bulk_verdict verdict;
    bulk_judge(&answer, event_count > 0 ? event_count : 1, &verdict);
    assert(verdict.meaning != BULK_JUDGED);
    buf_release(&body);
}

static void check_event(const struct event *event, const char *body, size_t body_bytes) {
    char unique_id[READING_ID_BYTES];
    char again[READING_ID_BYTES];
    assert(event->bytes.bytes >= body && event->bytes.byte_count > 0 &&
           event->bytes.bytes + event->bytes.byte_count <= body + body_bytes);
    json_t *value = json_loadb(event->bytes.bytes, event->bytes.byte_count, 0, NULL);
    const json_t *data = json_object_get(value, "data");
    const json_t *attributes = json_object_get(data != NULL ? data : value, "attributes");
    assert(json_is_object(value) && json_equal(attributes, event->attributes));
    json_decref(value);
    struct dedup_key key = reading_key(event, NOW_MS, unique_id);
    struct dedup_key same = reading_key(event, NOW_MS, again);
    assert(memcmp(&key, &same, sizeof key) == 0 && strcmp(unique_id, again) == 0);
    assert(unique_id[0] != '\0' && event->metric != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) {
        return 0;
    }
    enum endpoint endpoint = (enum endpoint)(bytes[0] % ENDPOINT_COUNT);
    const char *body = (const char *)bytes + 1;
    size_t body_bytes = byte_count - 1;
    struct reading reading;
    struct refusal refusal = {0};
    struct err err = {0};
    enum err_code code = reading_init(&reading, endpoint, body, body_bytes, &err);
    assert(code == ERR_OK);
    contract_check_body(endpoint, &reading, body_bytes, NOW_MS, &refusal);
    if (refusal.status != 0) {
        check_refusal(&refusal, reading.event_count);
    } else {
        assert(reading.root != NULL);
        for (size_t i = 0; i < reading.event_count; i++) {
            check_event(&reading.events[i], body, body_bytes);
        }
    }
    reading_release(&reading);
    return 0;
}
