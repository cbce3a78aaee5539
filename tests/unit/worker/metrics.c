/* The kinds of answers and failures, as labels. */
#include "worker/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_answer_has_its_kind(void **state) {
    (void)state;
    static const struct {
        int32_t http_status;
        enum transport_code code;
        const char *label;
    } cases[] = {
        {202, TRANSPORT_OK, "2xx"},          {302, TRANSPORT_OK, "3xx"},
        {400, TRANSPORT_OK, "4xx"},          {429, TRANSPORT_OK, "429"},
        {503, TRANSPORT_OK, "5xx"},          {999, TRANSPORT_OK, "other"},
        {99, TRANSPORT_OK, "other"},         {100, TRANSPORT_OK, "1xx"},
        {0, TRANSPORT_TIMEOUT, "timeout"},   {0, TRANSPORT_CONNECT, "connect"},
        {0, TRANSPORT_TLS_HANDSHAKE, "tls"}, {202, TRANSPORT_TIMEOUT, "2xx"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flight flight = {.http_status = cases[i].http_status,
                                .transport_code = cases[i].code,
                                .finished_mono_us = 1};
        assert_string_equal(worker_metrics_code(&flight), cases[i].label);
    }
}

static void every_failure_of_the_wire_has_a_word_of_its_own(void **state) {
    (void)state;
    for (int code = 0; code < TRANSPORT_CODES; code++) {
        struct flight flight = {.transport_code = (enum transport_code)code, .finished_mono_us = 1};
        const char *word = worker_metrics_code(&flight);
        for (int other = 0; other < code; other++) {
            struct flight another = {.transport_code = (enum transport_code)other,
                                     .finished_mono_us = 1};
            assert_string_not_equal(word, worker_metrics_code(&another));
        }
    }
}

static void what_was_never_sent_has_none(void **state) {
    (void)state;
    struct flight flight = {0};
    assert_string_equal(worker_metrics_code(&flight), "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_has_its_kind),
        cmocka_unit_test(every_failure_of_the_wire_has_a_word_of_its_own),
        cmocka_unit_test(what_was_never_sent_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
