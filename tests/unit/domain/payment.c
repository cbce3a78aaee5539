/*
 * Payments: whatever comes in, in whatever order and however often, ends the same.
 */
#include "common/domain/payment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { AMOUNT = 4990, NOW_MS = 1700000600, EVENTS_MAX = 8, SEQUENCE_MAX = 7 };

/* ---- A preorder that remembers, as the store does ------------------------------------------------ */

struct book {
    struct payment_history history;
    const struct payment_event *known[SEQUENCE_MAX];
    enum payment_flag flags[SEQUENCE_MAX];
    bool is_money[SEQUENCE_MAX];
    size_t known_count;
    int event_counts[EVENT_KIND_COUNT];
    enum payment_result last;
};

static struct book open_book(void) {
    return (struct book){.history = {.amount = AMOUNT, .currency = "USD"}};
}

static void remember_session(struct book *book, const char *session_id) {
    struct payment_history *history = &book->history;
    history->is_session_paid = history->is_session_flagged = history->is_other_session_paid = false;
    for (size_t i = 0; i < book->known_count; i++) {
        bool is_same = strcmp(book->known[i]->session_id, session_id) == 0;
        history->is_session_paid |= is_same && book->is_money[i];
        history->is_session_flagged |= is_same && book->flags[i] != PAYMENT_FLAG_NONE;
        history->is_other_session_paid |= !is_same && book->is_money[i];
    }
}

static void apply(struct book *book, const struct payment_event *event) {
    for (size_t i = 0; i < book->known_count; i++) {
        if (strcmp(book->known[i]->id, event->id) == 0) {
            book->last = PAYMENT_REPEATED;
            return;
        }
    }
    remember_session(book, event->session_id);
    struct payment_decision decision = payment_decide(event, &book->history);
    book->last = decision.result;
    book->flags[book->known_count] = decision.flag;
    book->is_money[book->known_count] = decision.is_money;
    book->known[book->known_count++] = event;
    assert_true(decision.result == PAYMENT_APPLIED || decision.result == PAYMENT_RECORDED ||
                decision.result == PAYMENT_FLAGGED);
    assert_int_equal(decision.flag != PAYMENT_FLAG_NONE, decision.result == PAYMENT_FLAGGED);
    /* Only these ways lead from one status to another. */
    bool is_kept = decision.status == book->history.status;
    assert_true(is_kept || (book->history.status != PREORDER_COMPLETED &&
                            decision.status != PREORDER_INITIATED));
    assert_true(decision.result == PAYMENT_APPLIED || (is_kept && !decision.has_event));
    book->history.status = decision.status;
    if (decision.has_event) {
        book->event_counts[decision.kind]++;
        book->history.had_event[decision.kind] = true;
    }
}

/* As the store chooses: a mismatch first, then by the session's id. */
static void write_flag(const struct book *book, char text[PAYMENT_FLAG_BYTES]) {
    const struct payment_event *chosen = NULL;
    enum payment_flag flag = PAYMENT_FLAG_NONE;
    for (size_t i = 0; i < book->known_count; i++) {
        bool is_better =
            flag == PAYMENT_FLAG_NONE ||
            (book->flags[i] == PAYMENT_FLAG_MISMATCH && flag == PAYMENT_FLAG_AGAIN) ||
            (book->flags[i] == flag && strcmp(book->known[i]->session_id, chosen->session_id) < 0);
        if (book->flags[i] != PAYMENT_FLAG_NONE && is_better) {
            chosen = book->known[i];
            flag = book->flags[i];
        }
    }
    text[0] = '\0';
    if (flag != PAYMENT_FLAG_NONE) {
        payment_describe_flag(flag, chosen, &book->history, text);
    }
}

/* How it ended, in one line: "completed [flag] C1 A0 F0". */
enum { ENDING_BYTES = PAYMENT_FLAG_BYTES + 64 };

static void write_ending(const struct book *book, bool with_events, char text[ENDING_BYTES]) {
    char flag[PAYMENT_FLAG_BYTES];
    write_flag(book, flag);
    const int *counts = book->event_counts;
    int length =
        snprintf(text, ENDING_BYTES, "%s [%s]", preorder_status_name(book->history.status), flag);
    if (with_events) {
        (void)snprintf(text + length, ENDING_BYTES - (size_t)length, " C%d A%d F%d",
                       counts[EVENT_COMPLETED], counts[EVENT_ABANDONED],
                       counts[EVENT_PAYMENT_FAILED]);
    }
    assert_int_equal(counts[EVENT_STARTED], 0);
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        assert_true(counts[kind] <= 1);
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

static struct payment_event make(const char *id, const char *session, enum payment_kind kind,
                                 int64_t amount_subtotal) {
    struct payment_event event = {.kind = kind,
                                  .created_at_ms = NOW_MS - 1000,
                                  .amount_subtotal = amount_subtotal,
                                  .amount_total = amount_subtotal,
                                  .currency = "USD"};
    (void)snprintf(event.id, sizeof event.id, "evt_%s", id);
    (void)snprintf(event.session_id, sizeof event.session_id, "cs_%s", session);
    return event;
}

static struct payment_event in_euros(struct payment_event event) {
    (void)snprintf(event.currency, sizeof event.currency, "EUR");
    return event;
}

static const struct payment_event *pick(const struct payment_event *events, size_t count,
                                        const char *id) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(events[i].id + strlen("evt_"), id) == 0) {
            return &events[i];
        }
    }
    fail_msg("no event %s", id);
    return NULL;
}

/* ---- One session ----------------------------------------------------------------------------- */

/* Every sequence of `length` of these events in which each stands at least once. */
static int try_sequences(const struct payment_event *events, size_t count, size_t length,
                         const char *ending) {
    int tried = 0;
    size_t sequence_count = 1;
    for (size_t i = 0; i < length; i++) {
        sequence_count *= count;
    }
    for (size_t number = 0; number < sequence_count; number++) {
        struct book book = open_book();
        unsigned seen = 0;
        size_t rest = number;
        for (size_t i = 0; i < length; i++) {
            seen |= 1U << rest % count;
            apply(&book, &events[rest % count]);
            rest /= count;
        }
        if (seen == (1U << count) - 1) {
            char text[ENDING_BYTES];
            write_ending(&book, true, text);
            assert_string_equal(text, ending);
            tried++;
        }
    }
    return tried;
}

/* What Stripe documents for one session, and how each story must end. "attempt" may be told twice in
   every story: two refused cards. */
static void all_permutations_and_repeats_of_one_session_end_the_same(void **state) {
    (void)state;
    const struct {
        enum payment_kind kinds[2];
        int64_t amount;
        const char *ending;
    } stories[] = {
        {{PAYMENT_PAID}, AMOUNT, "completed [] C1 A0 F0"},
        {{PAYMENT_FREE}, 0, "completed [] C1 A0 F0"},
        {{PAYMENT_FREE}, AMOUNT, "completed [] C1 A0 F0"},
        {{PAYMENT_UNPAID}, AMOUNT, "initiated [] C0 A0 F0"},
        {{PAYMENT_UNPAID, PAYMENT_LATE_SUCCEEDED}, AMOUNT, "completed [] C1 A0 F0"},
        {{PAYMENT_UNPAID, PAYMENT_LATE_FAILED}, AMOUNT, "cancelled [] C0 A0 F1"},
        {{PAYMENT_SESSION_EXPIRED}, AMOUNT, "cancelled [] C0 A1 F0"},
        {{PAYMENT_SESSION_EXPIRED}, 1, "cancelled [] C0 A1 F0"},
        {{PAYMENT_PAID},
         1,
         "initiated [paid for 0.01 USD where 49.90 USD was asked, session cs_a] C0 A0 F0"},
        {{PAYMENT_UNPAID, PAYMENT_LATE_SUCCEEDED},
         1,
         "initiated [paid for 0.01 USD where 49.90 USD was asked, session cs_a] C0 A0 F0"},
        {{PAYMENT_UNPAID, PAYMENT_LATE_FAILED}, 1, "cancelled [] C0 A0 F1"},
    };
    int tried = 0;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        for (size_t refused_cards = 0; refused_cards <= 2; refused_cards++) {
            struct payment_event events[4];
            size_t count = 0;
            events[count++] = make("1", "a", stories[i].kinds[0], stories[i].amount);
            if (stories[i].kinds[1] != 0) {
                events[count++] = make("2", "a", stories[i].kinds[1], stories[i].amount);
            }
            if (refused_cards > 0) {
                events[count++] = make("3", "intent", PAYMENT_ATTEMPT_FAILED, AMOUNT);
            }
            if (refused_cards > 1) {
                events[count++] = make("4", "intent", PAYMENT_ATTEMPT_FAILED, AMOUNT);
            }
            for (size_t length = count; length <= count + 2; length++) {
                tried += try_sequences(events, count, length, stories[i].ending);
            }
        }
    }
    print_message("# %d sequences\n", tried);
    assert_true(tried > 9000);
}

/* Stripe may make two events, with an id each, of one thing that happened. */
static void an_event_made_twice_changes_nothing_the_second_time(void **state) {
    (void)state;
    for (int kind = 0; kind < PAYMENT_KIND_COUNT; kind++) {
        for (int64_t amount = AMOUNT; amount <= AMOUNT + 1; amount++) {
            struct payment_event first = make("1", "a", (enum payment_kind)kind, amount);
            struct payment_event second = make("2", "a", (enum payment_kind)kind, amount);
            struct book book = open_book();
            char before[ENDING_BYTES], after[ENDING_BYTES];
            apply(&book, &first);
            write_ending(&book, true, before);
            apply(&book, &second);
            write_ending(&book, true, after);
            assert_string_equal(after, before);
            assert_int_equal(book.last, PAYMENT_RECORDED);
        }
    }
}

/* ---- Several sessions -------------------------------------------------------------------------- */

/* The next permutation in the order of the indices; false after the last. */
static bool next_permutation(size_t *order, size_t count) {
    size_t head = count - 1;
    while (head > 0 && order[head - 1] > order[head]) {
        head--;
    }
    for (size_t low = head, high = count - 1; low < high; low++, high--) {
        size_t kept = order[low];
        order[low] = order[high];
        order[high] = kept;
    }
    if (head == 0) {
        return false;
    }
    size_t next = head;
    while (order[next] < order[head - 1]) {
        next++;
    }
    size_t kept = order[head - 1];
    order[head - 1] = order[next];
    order[next] = kept;
    return true;
}

/* In every order the same status and flag, and each event at most once. */
static int try_orders(const struct payment_event *const *events, size_t count) {
    size_t order[EVENTS_MAX];
    char expected[ENDING_BYTES] = "";
    int tried = 0;
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    do {
        struct book book = open_book();
        char text[ENDING_BYTES];
        for (size_t i = 0; i < count; i++) {
            apply(&book, events[order[i]]);
        }
        write_ending(&book, false, text);
        if (tried++ == 0) {
            memcpy(expected, text, sizeof expected);
        }
        assert_string_equal(text, expected);
        bool is_completed = book.history.status == PREORDER_COMPLETED;
        assert_int_equal(book.event_counts[EVENT_COMPLETED], is_completed ? 1 : 0);
    } while (next_permutation(order, count));
    return tried;
}

static void several_sessions_agree_on_the_end_in_every_order(void **state) {
    (void)state;
    const struct payment_event pool[] = {
        make("a-attempt", "intent", PAYMENT_ATTEMPT_FAILED, AMOUNT),
        make("a-expired", "a", PAYMENT_SESSION_EXPIRED, AMOUNT),
        make("b-expired", "b", PAYMENT_SESSION_EXPIRED, AMOUNT),
        make("c-unpaid", "c", PAYMENT_UNPAID, AMOUNT),
        make("c-failed", "c", PAYMENT_LATE_FAILED, AMOUNT),
        make("d-failed", "d", PAYMENT_LATE_FAILED, AMOUNT),
        make("e-paid", "e", PAYMENT_PAID, AMOUNT),
        make("f-succeeded", "f", PAYMENT_LATE_SUCCEEDED, AMOUNT),
        make("g-free", "g", PAYMENT_FREE, 0),
        make("h-short", "h", PAYMENT_PAID, AMOUNT - 1),
        in_euros(make("i-euros", "i", PAYMENT_LATE_SUCCEEDED, AMOUNT)),
        make("e-paid-again", "e", PAYMENT_PAID, AMOUNT),
        make("h-short-again", "h", PAYMENT_PAID, AMOUNT - 1),
    };
    const unsigned pool_count = sizeof pool / sizeof pool[0];
    int tried = 0;
    for (unsigned chosen = 1; chosen < 1U << pool_count; chosen++) {
        const struct payment_event *events[EVENTS_MAX];
        size_t count = 0;
        for (unsigned i = 0; i < pool_count; i++) {
            if ((chosen >> i & 1) != 0 && count < EVENTS_MAX) {
                events[count++] = &pool[i];
            }
        }
        if (count <= 5) {
            tried += try_orders(events, count);
        }
    }
    print_message("# %d orders\n", tried);
    assert_true(tried > 100000);
}

static void these_stories_end_so(void **state) {
    (void)state;
    const struct payment_event pool[] = {
        make("expired", "a", PAYMENT_SESSION_EXPIRED, AMOUNT),
        make("failed", "b", PAYMENT_LATE_FAILED, AMOUNT),
        make("paid", "c", PAYMENT_PAID, AMOUNT),
        make("paid-too", "d", PAYMENT_PAID, AMOUNT),
        make("short", "e", PAYMENT_PAID, 1),
        make("free", "f", PAYMENT_FREE, 0),
        in_euros(make("euros", "g", PAYMENT_PAID, AMOUNT)),
        make("silent", "h", PAYMENT_PAID, PAYMENT_AMOUNT_UNKNOWN),
    };
    static const char twice[] = "paid more than once, through several checkout sessions";
    static const char too_little[] = "paid for 0.01 USD where 49.90 USD was asked, session cs_e";
    const struct {
        const char *ids[4];
        const char *status, *flag;
        int completed, abandoned, failed;
        enum payment_result last;
    } stories[] = {
        {{"expired", "paid"}, "completed", "", 1, 1, 0, PAYMENT_APPLIED},
        {{"paid", "expired"}, "completed", "", 1, 0, 0, PAYMENT_RECORDED},
        {{"failed", "paid"}, "completed", "", 1, 0, 1, PAYMENT_APPLIED},
        {{"paid", "failed"}, "completed", "", 1, 0, 0, PAYMENT_RECORDED},
        {{"expired", "failed"}, "cancelled", "", 0, 1, 1, PAYMENT_APPLIED},
        {{"failed", "expired"}, "cancelled", "", 0, 1, 1, PAYMENT_APPLIED},
        {{"paid", "paid"}, "completed", "", 1, 0, 0, PAYMENT_REPEATED},
        {{"paid", "paid-too"}, "completed", twice, 1, 0, 0, PAYMENT_FLAGGED},
        {{"free", "paid"}, "completed", "", 1, 0, 0, PAYMENT_RECORDED},
        {{"paid", "free"}, "completed", "", 1, 0, 0, PAYMENT_RECORDED},
        {{"short"}, "initiated", too_little, 0, 0, 0, PAYMENT_FLAGGED},
        {{"short", "paid"}, "completed", too_little, 1, 0, 0, PAYMENT_APPLIED},
        {{"paid", "short"}, "completed", too_little, 1, 0, 0, PAYMENT_FLAGGED},
        {{"paid", "paid-too", "short"}, "completed", too_little, 1, 0, 0, PAYMENT_FLAGGED},
        /* Somebody who paid hears nothing of a cart that was left. */
        {{"short", "expired", "failed"}, "cancelled", too_little, 0, 0, 0, PAYMENT_RECORDED},
        {{"expired", "short"}, "cancelled", too_little, 0, 1, 0, PAYMENT_FLAGGED},
        {{"euros"},
         "initiated",
         "paid for 49.90 EUR where 49.90 USD was asked, session cs_g",
         0,
         0,
         0,
         PAYMENT_FLAGGED},
        {{"silent"},
         "initiated",
         "paid for an unknown amount where 49.90 USD was asked, session cs_h",
         0,
         0,
         0,
         PAYMENT_FLAGGED},
    };
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct book book = open_book();
        for (size_t k = 0; k < 4 && stories[i].ids[k] != NULL; k++) {
            apply(&book, pick(pool, sizeof pool / sizeof pool[0], stories[i].ids[k]));
        }
        char flag[PAYMENT_FLAG_BYTES];
        write_flag(&book, flag);
        assert_string_equal(preorder_status_name(book.history.status), stories[i].status);
        assert_string_equal(flag, stories[i].flag);
        assert_int_equal(book.event_counts[EVENT_COMPLETED], stories[i].completed);
        assert_int_equal(book.event_counts[EVENT_ABANDONED], stories[i].abandoned);
        assert_int_equal(book.event_counts[EVENT_PAYMENT_FAILED], stories[i].failed);
        assert_int_equal(book.last, stories[i].last);
    }
}

/* ---- Kinds, names, texts ----------------------------------------------------------------------- */

static void kinds_are_known_by_type_and_status(void **state) {
    (void)state;
    static const struct {
        const char *type, *payment_status;
        enum payment_kind kind;
    } cases[] = {
        {"checkout.session.completed", "paid", PAYMENT_PAID},
        {"checkout.session.completed", "no_payment_required", PAYMENT_FREE},
        {"checkout.session.completed", "unpaid", PAYMENT_UNPAID},
        {"checkout.session.completed", "something new", PAYMENT_UNPAID},
        {"checkout.session.completed", NULL, PAYMENT_UNPAID},
        {"checkout.session.async_payment_succeeded", "paid", PAYMENT_LATE_SUCCEEDED},
        {"checkout.session.async_payment_failed", "unpaid", PAYMENT_LATE_FAILED},
        {"checkout.session.expired", "unpaid", PAYMENT_SESSION_EXPIRED},
        {"payment_intent.payment_failed", NULL, PAYMENT_ATTEMPT_FAILED},
    };
    static const char *const foreign[] = {"", "charge.refunded", "checkout.session.completed ",
                                          "checkout.session", "payment_intent.succeeded"};
    enum payment_kind kind;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kind = PAYMENT_KIND_COUNT;
        assert_true(payment_kind_find(cases[i].type, cases[i].payment_status, &kind));
        assert_int_equal(kind, cases[i].kind);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_false(payment_kind_find(foreign[i], "paid", &kind));
    }
}

static void whoever_paid_the_wrong_amount_is_not_told_that_the_cart_was_left(void **state) {
    (void)state;
    struct payment_history history = {.amount = AMOUNT, .currency = "USD"};
    struct payment_event event = make("2", "a", PAYMENT_SESSION_EXPIRED, AMOUNT);
    assert_true(payment_decide(&event, &history).has_event);
    history.is_session_paid = history.is_session_flagged = true;
    struct payment_decision decision = payment_decide(&event, &history);
    assert_false(decision.has_event);
    assert_int_equal(decision.status, PREORDER_CANCELLED);
    assert_int_equal(decision.result, PAYMENT_APPLIED);
}

static void the_right_amount_completes_though_a_wrong_one_was_flagged(void **state) {
    (void)state;
    struct payment_history history = {
        .amount = AMOUNT, .currency = "USD", .is_session_paid = true, .is_session_flagged = true};
    struct payment_event event = make("2", "a", PAYMENT_LATE_SUCCEEDED, AMOUNT);
    struct payment_decision decision = payment_decide(&event, &history);
    assert_int_equal(decision.status, PREORDER_COMPLETED);
    assert_int_equal(decision.result, PAYMENT_APPLIED);
    assert_true(decision.has_event);
}

static void every_result_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = 0; i < PAYMENT_RESULT_COUNT; i++) {
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(payment_result_name((enum payment_result)i),
                                    payment_result_name((enum payment_result)k));
        }
    }
    assert_string_equal(payment_result_name(PAYMENT_UNKNOWN_PREORDER), "unknown_preorder");
}

static void a_flag_says_what_came_in_however_odd(void **state) {
    (void)state;
    struct book book = open_book();
    char text[PAYMENT_FLAG_BYTES];
    struct payment_event event = make("1", "", PAYMENT_PAID, INT64_MAX);
    memset(event.session_id, 'x', sizeof event.session_id - 1);
    memcpy(event.currency, "QQQ", sizeof event.currency);
    payment_describe_flag(PAYMENT_FLAG_MISMATCH, &event, &book.history, text);
    static const char start[] =
        "paid for 9223372036854775807 minor units of 'QQQ' where 49.90 USD was asked, session xxx";
    assert_memory_equal(text, start, sizeof start - 1);
    assert_true(strlen(text) < sizeof start + 100);
}

/* ---- Occasions --------------------------------------------------------------------------------- */

static struct event_occasion occasion(enum event_kind kind, const struct payment_event *event) {
    static const struct preorder preorder = {.amount = AMOUNT, .currency = "USD"};
    return payment_occasion(kind, event, &preorder, NOW_MS);
}

static void the_value_of_completed_is_what_was_paid(void **state) {
    (void)state;
    struct payment_event event = make("1", "a", PAYMENT_PAID, AMOUNT);
    event.amount_total = 3990; /* a discount */
    assert_int_equal(occasion(EVENT_COMPLETED, &event).amount, 3990);
    assert_int_equal(occasion(EVENT_ABANDONED, &event).amount, AMOUNT);
    assert_int_equal(occasion(EVENT_PAYMENT_FAILED, &event).amount, AMOUNT);

    event = in_euros(event);
    assert_int_equal(occasion(EVENT_COMPLETED, &event).amount, 3990);
    assert_string_equal(occasion(EVENT_COMPLETED, &event).currency, "EUR");
    assert_string_equal(occasion(EVENT_ABANDONED, &event).currency, "USD");

    memcpy(event.currency, "QQQ", sizeof event.currency); /* no exponent: no value */
    assert_int_equal(occasion(EVENT_COMPLETED, &event).amount, AMOUNT);
    assert_string_equal(occasion(EVENT_COMPLETED, &event).currency, "USD");

    event = make("1", "a", PAYMENT_PAID, PAYMENT_AMOUNT_UNKNOWN);
    assert_int_equal(occasion(EVENT_COMPLETED, &event).amount, AMOUNT);

    event = make("1", "a", PAYMENT_FREE, PAYMENT_AMOUNT_UNKNOWN);
    assert_int_equal(occasion(EVENT_COMPLETED, &event).amount, 0);
    assert_string_equal(occasion(EVENT_COMPLETED, &event).currency, "USD");
}

static void an_event_happened_when_stripe_says_but_not_later_than_now(void **state) {
    (void)state;
    struct payment_event event = make("1", "a", PAYMENT_PAID, AMOUNT);
    assert_int_equal(occasion(EVENT_COMPLETED, &event).happened_at_ms, NOW_MS - 1000);
    event.created_at_ms = NOW_MS + 1;
    assert_int_equal(occasion(EVENT_COMPLETED, &event).happened_at_ms, NOW_MS);
    event.created_at_ms = 0;
    assert_int_equal(occasion(EVENT_COMPLETED, &event).happened_at_ms, NOW_MS);
}

static void only_an_abandoned_cart_has_consent_and_recovery(void **state) {
    (void)state;
    struct payment_event event = make("1", "a", PAYMENT_SESSION_EXPIRED, AMOUNT);
    (void)snprintf(event.promotions_consent, sizeof event.promotions_consent, "opt_in");
    (void)snprintf(event.recovery_url, sizeof event.recovery_url, "https://buy.stripe.com/r/1");
    assert_string_equal(occasion(EVENT_ABANDONED, &event).promotions_consent, "opt_in");
    assert_string_equal(occasion(EVENT_ABANDONED, &event).recovery_url,
                        "https://buy.stripe.com/r/1");
    assert_null(occasion(EVENT_COMPLETED, &event).promotions_consent);
    assert_null(occasion(EVENT_PAYMENT_FAILED, &event).recovery_url);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_permutations_and_repeats_of_one_session_end_the_same),
        cmocka_unit_test(an_event_made_twice_changes_nothing_the_second_time),
        cmocka_unit_test(several_sessions_agree_on_the_end_in_every_order),
        cmocka_unit_test(these_stories_end_so),
        cmocka_unit_test(kinds_are_known_by_type_and_status),
        cmocka_unit_test(whoever_paid_the_wrong_amount_is_not_told_that_the_cart_was_left),
        cmocka_unit_test(the_right_amount_completes_though_a_wrong_one_was_flagged),
        cmocka_unit_test(every_result_has_a_name_of_its_own),
        cmocka_unit_test(a_flag_says_what_came_in_however_odd),
        cmocka_unit_test(the_value_of_completed_is_what_was_paid),
        cmocka_unit_test(an_event_happened_when_stripe_says_but_not_later_than_now),
        cmocka_unit_test(only_an_abandoned_cart_has_consent_and_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
