/* The golden table: answer and circumstances -> verdict and times. One test a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/verdict.h"

static const int64_t now_ms = 1795353434000; /* 2026-11-22T13:17:14Z */
static const char type_json[] = "application/vnd.api+json";
static const char html_type[] = "text/html; charset=UTF-8";

enum {
    SEED = 20261122,
    PROBE_MS = 30000,
    HOUR_MS = 3600000,
    DAY_MS = 86400000,
    /* What the seed's first draw makes of a base of 2 s after so many attempts. */
    WAIT_1 = 1133,
    WAIT_2 = 2137,
    WAIT_3 = 3854,
    WAIT_10 = 906443,
    WAIT_199 = 3160996,
};

struct row {
    const char *name;
    /* the answer */
    int32_t status;
    enum transport_code code;
    const char *content_type, *retry_after, *detail, *pointer, *wire_error;
    bool is_mitigated;
    /* the circumstances; no attempts means the first */
    int32_t attempts;
    int64_t age_ms, held_ms;
    int32_t streak;
    bool is_probe, is_breaker; /* a probe is a pause's unless it is the breaker's */
    /* the verdict */
    enum outcome outcome;
    bool is_burnt;
    int64_t wait_ms; /* until this event's next attempt; 0: never */
    int64_t account_wait_ms;
    const char *error, *reason; /* whole texts; NULL: "" */
};

static const struct row rows[] = {
    /* Sent. */
    {"status_202_is_sent", .status = 202, .outcome = OUTCOME_SENT, .is_burnt = true},
    {"status_200_is_sent", .status = 200, .outcome = OUTCOME_SENT, .is_burnt = true},
    {"status_204_is_sent", .status = 204, .outcome = OUTCOME_SENT, .is_burnt = true},
    {"status_299_is_sent", .status = 299, .outcome = OUTCOME_SENT, .is_burnt = true},
    {"a_202_whose_body_broke_off_is_sent", .status = 202, .code = TRANSPORT_RESET,
     .outcome = OUTCOME_SENT, .is_burnt = true},
    {"a_202_whose_body_never_ends_is_sent", .status = 202, .code = TRANSPORT_TIMEOUT,
     .outcome = OUTCOME_SENT, .is_burnt = true},
    {"a_202_with_too_much_body_is_sent", .status = 202, .code = TRANSPORT_TOO_LARGE,
     .outcome = OUTCOME_SENT, .is_burnt = true},
    {"a_202_is_sent_after_the_last_attempt_too", .status = 202, .attempts = 200,
     .age_ms = 9 * (int64_t)DAY_MS, .outcome = OUTCOME_SENT, .is_burnt = true},
    {"a_202_with_words_has_no_error", .status = 202, .detail = "fine", .outcome = OUTCOME_SENT,
     .is_burnt = true},

    /* The event's own fault. */
    {"status_400_is_dead_with_klaviyos_words", .status = 400, .content_type = type_json,
     .detail = "'time' is no date", .pointer = "/data/attributes/time", .outcome = OUTCOME_DEAD,
     .is_burnt = true, .error = "Klaviyo answered 400: 'time' is no date (/data/attributes/time)"},
    {"status_400_without_words_is_dead", .status = 400, .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "Klaviyo answered 400"},
    {"status_400_in_html_is_dead", .status = 400, .content_type = html_type,
     .outcome = OUTCOME_DEAD, .is_burnt = true, .error = "Klaviyo answered 400"},
    {"the_words_of_a_400_are_masked", .status = 400, .detail = "jane@shop.example is refused",
     .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "Klaviyo answered 400: j***@shop.example is refused"},
    {"status_409_is_dead", .status = 409, .detail = "duplicate", .outcome = OUTCOME_DEAD,
     .is_burnt = true, .error = "Klaviyo answered 409: duplicate"},
    {"status_413_is_dead", .status = 413, .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "Klaviyo answered 413"},
    {"status_422_is_dead", .status = 422, .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "Klaviyo answered 422"},
    {"retry_after_does_not_revive_a_400", .status = 400, .retry_after = "5",
     .outcome = OUTCOME_DEAD, .is_burnt = true, .error = "Klaviyo answered 400"},
    {"the_ninth_400_in_a_row_is_dead", .status = 400, .streak = 8, .outcome = OUTCOME_DEAD,
     .is_burnt = true, .error = "Klaviyo answered 400"},
    {"the_tenth_400_in_a_row_pauses", .status = 400, .streak = 9, .detail = "no",
     .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS,
     .error = "Klaviyo answered 400: no",
     .reason = "ten different events in a row were refused: a bad deploy?: Klaviyo answered 400: "
               "no"},
    {"the_eleventh_400_in_a_row_pauses", .status = 400, .streak = 10, .outcome = OUTCOME_PAUSED,
     .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 400",
     .reason = "ten different events in a row were refused: a bad deploy?: Klaviyo answered 400"},
    {"a_422_after_nine_400_is_dead", .status = 422, .streak = 9, .outcome = OUTCOME_DEAD,
     .is_burnt = true, .error = "Klaviyo answered 422"},
    {"a_202_after_nine_400_is_sent", .status = 202, .streak = 9, .outcome = OUTCOME_SENT,
     .is_burnt = true},

    /* The operator's fault. */
    {"status_401_pauses", .status = 401, .content_type = type_json,
     .detail = "Incorrect authentication credentials.", .outcome = OUTCOME_PAUSED,
     .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS,
     .error = "Klaviyo answered 401: Incorrect authentication credentials.",
     .reason = "check KLAVIYO_API_KEY: Klaviyo answered 401: Incorrect authentication "
               "credentials."},
    {"status_402_pauses", .status = 402, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 402",
     .reason = "check the Klaviyo account's billing: Klaviyo answered 402"},
    {"status_403_in_json_pauses", .status = 403, .content_type = type_json,
     .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS,
     .error = "Klaviyo answered 403",
     .reason = "the key needs the scope events:write: Klaviyo answered 403"},
    {"status_403_in_plain_json_pauses", .status = 403,
     .content_type = "Application/JSON; charset=utf-8", .outcome = OUTCOME_PAUSED,
     .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 403",
     .reason = "the key needs the scope events:write: Klaviyo answered 403"},
    {"status_403_of_no_type_pauses", .status = 403, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 403",
     .reason = "the key needs the scope events:write: Klaviyo answered 403"},
    {"status_404_pauses", .status = 404, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 404",
     .reason = "check KLAVIYO_BASE_URL: Klaviyo answered 404"},
    {"status_405_pauses", .status = 405, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 405",
     .reason = "check KLAVIYO_BASE_URL: Klaviyo answered 405"},
    {"status_410_pauses", .status = 410, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 410",
     .reason = "the revision is retired: check KLAVIYO_REVISION: Klaviyo answered 410"},
    {"status_415_pauses", .status = 415, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 415",
     .reason = "something between here and Klaviyo changes requests: Klaviyo answered 415"},
    {"status_301_pauses", .status = 301, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 301",
     .reason = "redirects are never followed: check KLAVIYO_BASE_URL: Klaviyo answered 301"},
    {"status_307_pauses", .status = 307, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 307",
     .reason = "redirects are never followed: check KLAVIYO_BASE_URL: Klaviyo answered 307"},
    {"status_418_pauses", .status = 418, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 418",
     .reason = "an answer nobody foresaw: Klaviyo answered 418"},
    {"status_600_pauses", .status = 600, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 600",
     .reason = "an answer nobody foresaw: Klaviyo answered 600"},
    {"an_untrusted_certificate_pauses", .code = TRANSPORT_CERTIFICATE, .wire_error = "expired",
     .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS,
     .error = "certificate not trusted: expired",
     .reason = "check KLAVIYO_CA_FILE and the clock: certificate not trusted: expired"},
    {"an_unforeseen_failure_pauses", .code = TRANSPORT_OTHER, .outcome = OUTCOME_PAUSED,
     .wait_ms = PROBE_MS, .account_wait_ms = PROBE_MS, .error = "unexpected failure",
     .reason = "a failure nobody foresaw: unexpected failure"},
    {"a_pause_burns_not_even_the_last_attempt", .status = 401, .attempts = 200,
     .age_ms = 9 * (int64_t)DAY_MS, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 401",
     .reason = "check KLAVIYO_API_KEY: Klaviyo answered 401"},

    /* The moment's fault. */
    {"status_403_in_json_by_the_front_door_pauses", .status = 403, .content_type = type_json,
     .is_mitigated = true, .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 403",
     .reason = "the key needs the scope events:write: Klaviyo answered 403"},
    {"status_403_in_html_is_retried", .status = 403, .content_type = html_type,
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 403"},
    {"a_challenge_is_retried", .status = 403, .is_mitigated = true, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "Klaviyo answered 403"},
    {"status_408_is_retried", .status = 408, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 408"},
    {"status_425_is_retried", .status = 425, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 425"},
    {"status_500_is_retried", .status = 500, .detail = "oops", .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "Klaviyo answered 500: oops"},
    {"status_501_is_retried", .status = 501, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 501"},
    {"status_502_is_retried", .status = 502, .content_type = html_type, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "Klaviyo answered 502"},
    {"status_503_is_retried", .status = 503, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 503"},
    {"status_504_is_retried", .status = 504, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 504"},
    {"status_520_is_retried", .status = 520, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 520"},
    {"status_527_is_retried", .status = 527, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 527"},
    {"status_599_is_retried", .status = 599, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 599"},
    {"a_timeout_is_retried", .code = TRANSPORT_TIMEOUT, .wire_error = "after 15000 ms",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "timeout: after 15000 ms"},
    {"a_reset_is_retried", .code = TRANSPORT_RESET, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "connection lost"},
    {"no_connection_is_retried", .code = TRANSPORT_CONNECT, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "no connection"},
    {"no_name_is_retried", .code = TRANSPORT_DNS, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "name not resolved"},
    {"a_broken_handshake_is_retried", .code = TRANSPORT_TLS_HANDSHAKE, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "TLS handshake failed"},
    {"garbage_is_retried", .code = TRANSPORT_PROTOCOL, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "broken answer"},
    {"an_endless_head_is_retried", .code = TRANSPORT_TOO_LARGE, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "answer too large"},
    {"a_failure_of_our_own_is_retried", .code = TRANSPORT_LOCAL, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_1, .error = "could not send from here"},
    {"a_stop_is_retried", .code = TRANSPORT_STOPPED, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "worker stopped before the answer"},
    {"a_503_whose_body_broke_off_is_retried", .status = 503, .code = TRANSPORT_RESET,
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 503"},

    /* When the next attempt is. */
    {"the_second_failure_waits_longer", .status = 500, .attempts = 2, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_2, .error = "Klaviyo answered 500"},
    {"the_third_failure_waits_longer_still", .status = 500, .attempts = 3, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_3, .error = "Klaviyo answered 500"},
    {"the_tenth_failure_waits_minutes", .status = 500, .attempts = 10, .outcome = OUTCOME_RETRY,
     .is_burnt = true, .wait_ms = WAIT_10, .error = "Klaviyo answered 500"},
    {"the_last_but_one_failure_waits_an_hour_at_most", .status = 500, .attempts = 199,
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_199,
     .error = "Klaviyo answered 500"},
    {"a_503_waits_at_least_what_it_asks_for", .status = 503, .retry_after = "120",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = 120000,
     .error = "Klaviyo answered 503"},
    {"a_503_that_asks_for_less_waits_the_backoff", .status = 503, .retry_after = "1",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 503"},
    {"a_503_may_name_a_date", .status = 503, .retry_after = "Sun, 22 Nov 2026 13:18:14 GMT",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = 60000, .error = "Klaviyo answered 503"},
    {"a_503_that_asks_for_a_century_waits_the_backoff", .status = 503, .retry_after = "3155760000",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 503"},
    {"a_503_that_asks_for_an_hour_waits_it", .status = 503, .retry_after = "3600",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = HOUR_MS,
     .error = "Klaviyo answered 503"},
    {"a_503_that_asks_for_nonsense_waits_the_backoff", .status = 503, .retry_after = "NaN",
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 503"},

    /* The end of patience. */
    {"the_last_attempt_is_dead", .status = 503, .attempts = 200, .detail = "busy",
     .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "given up after 200 attempts: Klaviyo answered 503: busy"},
    {"more_than_all_attempts_is_dead", .code = TRANSPORT_TIMEOUT, .attempts = 201,
     .outcome = OUTCOME_DEAD, .is_burnt = true, .error = "given up after 201 attempts: timeout"},
    {"the_greatest_age_is_dead", .status = 503, .attempts = 5, .age_ms = 3 * (int64_t)DAY_MS,
     .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "given up after 259200 s: Klaviyo answered 503"},
    {"just_below_the_greatest_age_is_retried", .status = 503, .attempts = 1,
     .age_ms = 3 * (int64_t)DAY_MS - 1, .outcome = OUTCOME_RETRY, .is_burnt = true,
     .wait_ms = WAIT_1, .error = "Klaviyo answered 503"},
    {"an_age_in_the_future_is_no_age", .status = 503, .age_ms = -(int64_t)DAY_MS,
     .outcome = OUTCOME_RETRY, .is_burnt = true, .wait_ms = WAIT_1,
     .error = "Klaviyo answered 503"},

    /* 429: the account waits. */
    {"a_429_waits_in_full", .status = 429, .retry_after = "7", .outcome = OUTCOME_THROTTLED,
     .wait_ms = 7000, .account_wait_ms = 7000, .error = "Klaviyo answered 429"},
    {"a_429_without_a_time_waits_a_window", .status = 429, .outcome = OUTCOME_THROTTLED,
     .wait_ms = 60000, .account_wait_ms = 60000, .error = "Klaviyo answered 429"},
    {"a_429_of_zero_seconds_waits_one", .status = 429, .retry_after = "0",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 1000, .account_wait_ms = 1000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_negative_seconds_waits_a_window", .status = 429, .retry_after = "-1",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 60000, .account_wait_ms = 60000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_words_waits_a_window", .status = 429, .retry_after = "soon",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 60000, .account_wait_ms = 60000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_1e9_waits_a_window", .status = 429, .retry_after = "1e9",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 60000, .account_wait_ms = 60000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_an_hour_waits_an_hour", .status = 429, .retry_after = "3600",
     .outcome = OUTCOME_THROTTLED, .wait_ms = HOUR_MS, .account_wait_ms = HOUR_MS,
     .error = "Klaviyo answered 429"},
    {"a_429_of_more_than_an_hour_waits_a_window", .status = 429, .retry_after = "3601",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 60000, .account_wait_ms = 60000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_ages_waits_a_window", .status = 429, .retry_after = "1000000000",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 60000, .account_wait_ms = 60000,
     .error = "Klaviyo answered 429"},
    {"a_429_of_endless_digits_waits_a_window", .status = 429,
     .retry_after = "99999999999999999999999999", .outcome = OUTCOME_THROTTLED, .wait_ms = 60000,
     .account_wait_ms = 60000, .error = "Klaviyo answered 429"},
    {"a_429_until_a_far_date_waits_a_window", .status = 429,
     .retry_after = "Fri, 31 Dec 9999 23:59:59 GMT", .outcome = OUTCOME_THROTTLED, .wait_ms = 60000,
     .account_wait_ms = 60000, .error = "Klaviyo answered 429"},
    {"a_429_may_name_a_date", .status = 429, .retry_after = "Sun, 22 Nov 2026 13:17:44 GMT",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 30000, .account_wait_ms = 30000,
     .error = "Klaviyo answered 429"},
    {"a_429_until_yesterday_waits_a_second", .status = 429,
     .retry_after = "Sat, 21 Nov 2026 13:17:14 GMT", .outcome = OUTCOME_THROTTLED, .wait_ms = 1000,
     .account_wait_ms = 1000, .error = "Klaviyo answered 429"},
    {"a_429_burns_not_even_the_last_attempt", .status = 429, .retry_after = "2", .attempts = 200,
     .age_ms = 9 * (int64_t)DAY_MS, .outcome = OUTCOME_THROTTLED, .wait_ms = 2000,
     .account_wait_ms = 2000, .error = "Klaviyo answered 429"},
    {"a_429_whose_body_never_ends_counts", .status = 429, .code = TRANSPORT_TIMEOUT,
     .retry_after = "3", .outcome = OUTCOME_THROTTLED, .wait_ms = 3000, .account_wait_ms = 3000,
     .error = "Klaviyo answered 429"},

    /* A probe of a paused account burns nothing. */
    {"a_probe_that_goes_through_is_sent", .status = 202, .is_probe = true, .outcome = OUTCOME_SENT,
     .is_burnt = true},
    {"a_probe_that_meets_a_503_burns_nothing", .status = 503, .is_probe = true,
     .outcome = OUTCOME_RETRY, .wait_ms = PROBE_MS, .error = "Klaviyo answered 503"},
    {"a_probe_waits_as_long_as_a_503_asks", .status = 503, .is_probe = true, .retry_after = "60",
     .outcome = OUTCOME_RETRY, .wait_ms = 60000, .error = "Klaviyo answered 503"},
    {"a_probe_asks_again_no_sooner_than_its_interval", .status = 503, .is_probe = true,
     .retry_after = "1", .outcome = OUTCOME_RETRY, .wait_ms = PROBE_MS,
     .error = "Klaviyo answered 503"},
    {"a_probe_that_times_out_burns_nothing", .code = TRANSPORT_TIMEOUT, .is_probe = true,
     .outcome = OUTCOME_RETRY, .wait_ms = PROBE_MS, .error = "timeout"},
    {"a_probe_buries_nothing_at_its_last_attempt", .status = 500, .is_probe = true, .attempts = 200,
     .age_ms = 9 * (int64_t)DAY_MS, .outcome = OUTCOME_RETRY, .wait_ms = PROBE_MS,
     .error = "Klaviyo answered 500"},
    {"a_probe_that_is_refused_buries_nothing", .status = 400, .is_probe = true,
     .detail = "'time' is no date", .outcome = OUTCOME_RETRY, .wait_ms = PROBE_MS,
     .error = "Klaviyo answered 400: 'time' is no date"},
    {"a_probe_of_the_breaker_that_is_refused_is_buried", .status = 400, .is_probe = true,
     .is_breaker = true, .detail = "'time' is no date", .outcome = OUTCOME_DEAD, .is_burnt = true,
     .error = "Klaviyo answered 400: 'time' is no date"},
    {"a_probe_with_a_422_buries_nothing", .status = 422, .is_probe = true, .outcome = OUTCOME_RETRY,
     .wait_ms = PROBE_MS, .error = "Klaviyo answered 422"},
    {"a_probe_with_a_401_keeps_the_pause", .status = 401, .is_probe = true,
     .content_type = "application/json", .outcome = OUTCOME_PAUSED, .wait_ms = PROBE_MS,
     .account_wait_ms = PROBE_MS, .error = "Klaviyo answered 401",
     .reason = "check KLAVIYO_API_KEY: Klaviyo answered 401"},
    {"a_probe_with_a_429_holds_the_account", .status = 429, .is_probe = true, .retry_after = "3",
     .outcome = OUTCOME_THROTTLED, .wait_ms = 3000, .account_wait_ms = 3000,
     .error = "Klaviyo answered 429"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const struct verdict_policy policy = {
    .retry_base_ms = 2000,
    .retry_max_ms = HOUR_MS,
    .retry_attempts_max = 200,
    .retry_age_max_ms = 3 * (int64_t)DAY_MS,
    .probe_interval_ms = PROBE_MS,
};

static const char *text_or_empty(const char *text) {
    return text == NULL ? "" : text;
}

static struct verdict judge(const struct row *row) {
    struct transport_answer answer = {
        .code = row->code,
        .http_status = row->status,
        .content_type = text_or_empty(row->content_type),
        .retry_after = text_or_empty(row->retry_after),
        .is_mitigated = row->is_mitigated,
        .body = "",
        .error = text_or_empty(row->wire_error),
    };
    struct answer words = {0};
    (void)snprintf(words.detail, sizeof words.detail, "%s", text_or_empty(row->detail));
    (void)snprintf(words.pointer, sizeof words.pointer, "%s", text_or_empty(row->pointer));
    struct verdict_context context = {
        .attempts = row->attempts == 0 ? 1 : row->attempts,
        .first_attempt_at_ms = row->age_ms == 0 ? 0 : now_ms - row->age_ms,
        .held_ms = row->held_ms,
        .is_probe = row->is_probe,
        .is_pause_probe = row->is_probe && !row->is_breaker,
        .refused_streak = row->streak,
        .now_ms = now_ms,
    };
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, SEED);
    struct verdict verdict;
    memset(&verdict, 0x5A, sizeof verdict);
    verdict_judge(&policy, &answer, &words, &context, &random, &verdict);
    return verdict;
}

static void row_holds(void **state) {
    const struct row *row = *state;
    struct verdict verdict = judge(row);
    assert_string_equal(outcome_name(verdict.outcome), outcome_name(row->outcome));
    assert_int_equal(verdict.is_burnt, row->is_burnt);
    assert_int_equal(verdict.next_attempt_at_ms, row->wait_ms == 0 ? 0 : now_ms + row->wait_ms);
    assert_int_equal(verdict.account_not_before_ms,
                     row->account_wait_ms == 0 ? 0 : now_ms + row->account_wait_ms);
    assert_string_equal(verdict.error, text_or_empty(row->error));
    assert_string_equal(verdict.pause_reason, text_or_empty(row->reason));
    assert_int_equal(verdict.is_refused, row->status == 400);
}

/* Whatever comes, every status has a verdict, and one of the five. */
static void every_status_has_a_verdict(void **state) {
    (void)state;
    for (int32_t status = 100; status < 1000; status++) {
        struct row row = {.status = status};
        struct verdict verdict = judge(&row);
        assert_true(verdict.outcome <= OUTCOME_DEAD);
        assert_true((verdict.outcome == OUTCOME_SENT) == (status >= 200 && status < 300));
        bool is_over = verdict.outcome == OUTCOME_SENT || verdict.outcome == OUTCOME_DEAD;
        assert_true(is_over == (verdict.next_attempt_at_ms == 0));
        assert_true((verdict.outcome == OUTCOME_PAUSED) == (verdict.pause_reason[0] != '\0'));
    }
}

static void age_stands_still_while_the_account_is_held(void **state) {
    (void)state;
    struct row row = {.status = 503, .attempts = 2, .age_ms = 4 * (int64_t)DAY_MS};
    assert_int_equal(judge(&row).outcome, OUTCOME_DEAD);
    row.held_ms = 2 * (int64_t)DAY_MS;
    assert_int_equal(judge(&row).outcome, OUTCOME_RETRY);
    row.held_ms = (int64_t)DAY_MS;
    assert_int_equal(judge(&row).outcome, OUTCOME_DEAD);
}

static void a_probe_that_fails_burns_nothing_and_buries_nobody(void **state) {
    (void)state;
    struct row row = {.status = 503,
                      .attempts = 200,
                      .age_ms = 9 * (int64_t)DAY_MS,
                      .is_probe = true,
                      .is_breaker = true};
    struct verdict verdict = judge(&row);
    assert_int_equal(verdict.outcome, OUTCOME_RETRY);
    assert_false(verdict.is_burnt);
    assert_true(verdict.is_failure);
    row.status = 400; /* Klaviyo judged the event itself */
    verdict = judge(&row);
    assert_int_equal(verdict.outcome, OUTCOME_DEAD);
    assert_true(verdict.is_burnt);
}

static void only_the_moments_fault_counts_towards_the_breaker(void **state) {
    (void)state;
    const struct {
        struct row row;
        bool is_failure;
    } cases[] = {
        {{.status = 202}, false},
        {{.status = 400}, false},
        {{.status = 401}, false},
        {{.status = 429}, false},
        {{.status = 408}, true},
        {{.status = 500}, true},
        {{.status = 503, .attempts = 200}, true}, /* though it is buried */
        {{.status = 524}, true},
        {{.code = TRANSPORT_TIMEOUT}, true},
        {{.code = TRANSPORT_CONNECT}, true},
        {{.code = TRANSPORT_RESET}, true},
        {{.code = TRANSPORT_LOCAL}, false},
        {{.code = TRANSPORT_STOPPED}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = judge(&cases[i].row);
        assert_int_equal(verdict.is_failure, cases[i].is_failure);
    }
}

static bool judge_unsure(enum transport_code code, int32_t status) {
    const struct row row = {.code = code, .status = status};
    return judge(&row).is_unsure;
}

static void what_klaviyo_may_have_taken_is_unsure(void **state) {
    (void)state;
    static const int32_t sure[] = {200, 202, 302, 400, 401, 403, 404, 409, 413, 422, 425, 429};
    static const int32_t unsure[] = {408, 500, 502, 503, 504, 520, 524};
    for (size_t i = 0; i < sizeof sure / sizeof sure[0]; i++) {
        assert_false(judge_unsure(TRANSPORT_OK, sure[i]));
    }
    for (size_t i = 0; i < sizeof unsure / sizeof unsure[0]; i++) {
        assert_true(judge_unsure(TRANSPORT_OK, unsure[i]));
        assert_true(judge_unsure(TRANSPORT_RESET, unsure[i])); /* a head came, and counts */
    }
    for (int code = TRANSPORT_TIMEOUT; code < TRANSPORT_CODES; code++) {
        bool never_arrived = code == TRANSPORT_DNS || code == TRANSPORT_CONNECT ||
                             code == TRANSPORT_TLS_HANDSHAKE || code == TRANSPORT_CERTIFICATE;
        assert_int_equal(judge_unsure((enum transport_code)code, 0), !never_arrived);
    }
}

static void the_longest_words_are_cut(void **state) {
    (void)state;
    char detail[ANSWER_DETAIL_BYTES];
    char pointer[ANSWER_POINTER_BYTES];
    memset(detail, 'd', sizeof detail - 1);
    detail[sizeof detail - 1] = '\0';
    memset(pointer, 'p', sizeof pointer - 1);
    pointer[sizeof pointer - 1] = '\0';
    struct row row = {.status = 401, .detail = detail, .pointer = pointer};
    struct verdict verdict = judge(&row);
    assert_int_equal(strlen(verdict.pause_reason), VERDICT_REASON_BYTES - 1);
    assert_true(strlen(verdict.error) > ANSWER_DETAIL_BYTES + ANSWER_POINTER_BYTES);
}

static void an_event_that_killed_its_workers_is_used_up(void **state) {
    (void)state;
    struct verdict verdict;
    struct verdict_context context = {.attempts = 200, .now_ms = now_ms};
    assert_false(verdict_is_used_up(&policy, &context, &verdict));
    context.attempts = 201;
    assert_true(verdict_is_used_up(&policy, &context, &verdict));
    assert_int_equal(verdict.outcome, OUTCOME_DEAD);
    assert_false(verdict.is_burnt);
    assert_int_equal(verdict.next_attempt_at_ms, 0);
    assert_non_null(strstr(verdict.error, "every attempt is used"));
}

int main(void) {
    struct CMUnitTest tests[ROW_COUNT + 6] = {
        cmocka_unit_test(every_status_has_a_verdict),
        cmocka_unit_test(age_stands_still_while_the_account_is_held),
        cmocka_unit_test(a_probe_that_fails_burns_nothing_and_buries_nobody),
        cmocka_unit_test(only_the_moments_fault_counts_towards_the_breaker),
        cmocka_unit_test(what_klaviyo_may_have_taken_is_unsure),
        cmocka_unit_test(the_longest_words_are_cut),
        cmocka_unit_test(an_event_that_killed_its_workers_is_used_up),
    };
    for (size_t i = 0; i < ROW_COUNT; i++) {
        union {
            const struct row *row;
            void *state;
        } initial = {.row = &rows[i]};
        tests[6 + i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = row_holds, .initial_state = initial.state};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
