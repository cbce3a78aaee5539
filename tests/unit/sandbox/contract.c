/*
 * What Klaviyo's file and its documented limits refuse: a table of requests with the status and the
 * pointer of the first fault, and the limits on both sides of their borders.
 *
 * In the table ' stands for ", which C would have to escape.
 */
#include "sandbox/contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/limits.h"

static const int64_t NOW_MS = 1795300000000; /* 2026-11-21 */

/* ---- Heads ----------------------------------------------------------------------------------- */

#define KEY       "Authorization", "Klaviyo-API-Key pk_1"
#define REVISION  "revision", "2026-07-15"
#define JSON_TYPE "Content-Type", "application/vnd.api+json"

struct head {
    const char *name, *method, *path;
    struct header headers[4];
    int status;
};

static const struct head HEADS[] = {
    {"all is well", "POST", "/api/events", {{KEY}, {REVISION}, {JSON_TYPE}}, 0},
    {"plain JSON will do",
     "POST",
     "/api/events",
     {{KEY}, {REVISION}, {"content-type", "application/json; charset=utf-8"}},
     0},
    {"a revision may have a suffix",
     "POST",
     "/api/events",
     {{KEY}, {"Revision", "2026-10-15.pre"}, {JSON_TYPE}},
     0},
    {"no key", "POST", "/api/events", {{REVISION}, {JSON_TYPE}}, 401},
    {"another scheme",
     "POST",
     "/api/events",
     {{"Authorization", "Bearer pk_1"}, {REVISION}, {JSON_TYPE}},
     401},
    {"the scheme alone",
     "POST",
     "/api/events",
     {{"Authorization", "Klaviyo-API-Key "}, {REVISION}, {JSON_TYPE}},
     401},
    {"the key alone",
     "POST",
     "/api/events",
     {{"Authorization", "pk_1"}, {REVISION}, {JSON_TYPE}},
     401},
    {"two keys",
     "POST",
     "/api/events",
     {{"Authorization", "Klaviyo-API-Key pk_1 pk_2"}, {REVISION}, {JSON_TYPE}},
     401},
    {"the key is asked for before the path", "POST", "/api/nothing", {{REVISION}}, 401},
    {"no revision", "POST", "/api/events", {{KEY}, {JSON_TYPE}}, 400},
    {"a revision that is no date",
     "POST",
     "/api/events",
     {{KEY}, {"revision", "latest"}, {JSON_TYPE}},
     400},
    {"a revision with an empty suffix",
     "POST",
     "/api/events",
     {{KEY}, {"revision", "2026-07-15."}, {JSON_TYPE}},
     400},
    {"a retired revision falls forward",
     "POST",
     "/api/events",
     {{KEY}, {"revision", "2022-10-17"}, {JSON_TYPE}},
     0},
    {"unless it opted out",
     "POST",
     "/api/events",
     {{KEY},
      {"revision", "2022-10-17"},
      {JSON_TYPE},
      {"X-Klaviyo-Revision-Fall-Forward-Opt-Out", "1"}},
     410},
    {"no content type", "POST", "/api/events", {{KEY}, {REVISION}}, 415},
    {"another content type",
     "POST",
     "/api/events",
     {{KEY}, {REVISION}, {"Content-Type", "text/plain"}},
     415},
    {"a form",
     "POST",
     "/api/events",
     {{KEY}, {REVISION}, {"Content-Type", "application/x-www-form-urlencoded"}},
     415},
    {"a content type that begins alike",
     "POST",
     "/api/events",
     {{KEY}, {REVISION}, {"Content-Type", "application/jsonp"}},
     415},
    {"compressed",
     "POST",
     "/api/events",
     {{KEY}, {REVISION}, {JSON_TYPE}, {"Content-Encoding", "gzip"}},
     415},
    {"an unknown path", "POST", "/api/event", {{KEY}, {REVISION}, {JSON_TYPE}}, 404},
    {"a trailing slash", "POST", "/api/events/", {{KEY}, {REVISION}, {JSON_TYPE}}, 404},
    {"another method", "GET", "/api/events", {{KEY}, {REVISION}}, 405},
    {"PUT", "PUT", "/api/profile-import", {{KEY}, {REVISION}, {JSON_TYPE}}, 405},
};

static void heads_are_judged_as_klaviyo_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(HEADS) / sizeof(HEADS[0]); i++) {
        const struct head *head = &HEADS[i];
        struct request request = {
            .method = head->method, .path = head->path, .headers = head->headers};
        while (request.header_count < 4 && head->headers[request.header_count].name != NULL) {
            request.header_count++;
        }
        struct refusal refusal = {0};
        contract_check_head(&request, &refusal);
        print_message("# %s\n", head->name);
        assert_int_equal(refusal.status, head->status);
    }
}

/* ---- Bodies ---------------------------------------------------------------------------------- */

#define METRIC            "'metric':{'data':{'type':'metric','attributes':{'name':'Started'}}}"
#define WHO(text)         "'profile':{'data':{'type':'profile','attributes':{" text "}}}"
#define PROFILE           WHO("'email':'ada@klaviyo-demo.com'")
#define EVENT(attributes) "{'data':{'type':'event','attributes':{" attributes "}}}"
#define ENTRY(attributes) "{'type':'event','attributes':{'properties':{}," METRIC attributes "}}"
#define GROUP(entries)                                                                             \
    "{'type':'event-bulk-create','attributes':{" PROFILE ",'events':{'data':[" entries "]}}}"
#define BULK(groups)                                                                               \
    "{'data':{'type':'event-bulk-create-job','attributes':{'events-bulk-create':{'data':[" groups  \
    "]}}}}"
#define GOOD             "'properties':{'color':'black'}," METRIC "," PROFILE
#define SUBSCRIBER(text) "{'type':'profile','attributes':{" text "}}"
#define SUBSCRIPTION(more, profiles)                                                               \
    "{'data':{'type':'profile-subscription-bulk-create-job','attributes':{" more                   \
    "'profiles':{'data':[" profiles "]}}}}"
#define CONSENT "'subscriptions':{'email':{'marketing':{'consent':'SUBSCRIBED'}}}"
#define DELETION(id, text)                                                                         \
    "{'data':{'type':'data-privacy-deletion-job','attributes':{'profile':{'data':{"                \
    "'type':'profile'" id ",'attributes':{" text "}}}}}}"

struct body {
    const char *name;
    enum endpoint endpoint;
    const char *text;
    int status;
    const char *pointer;
};

#define AT      "/data/attributes/"
#define WHO_AT  AT "profile/data/attributes"
#define BULK_AT AT "events-bulk-create/data"

static const struct body BODIES[] = {
    {"an event", ENDPOINT_EVENT, EVENT(GOOD), 0, ""},
    {"an event with everything", ENDPOINT_EVENT,
     EVENT(GOOD ",'time':'2026-07-23T12:00:00Z','value':49.9,'value_currency':'USD',"
                "'unique_id':'a','backfill':true"),
     0, ""},
    {"nulls where they may be", ENDPOINT_EVENT,
     EVENT(GOOD ",'time':null,'value':null,'value_currency':null,'unique_id':null,"
                "'backfill':null"),
     0, ""},
    {"members that nobody knows", ENDPOINT_EVENT, EVENT(GOOD ",'whatever':[1]"), 0, ""},
    {"nothing", ENDPOINT_EVENT, "", 400, ""},
    {"no JSON", ENDPOINT_EVENT, "preorder", 400, ""},
    {"half a document", ENDPOINT_EVENT, "{'data':{", 400, ""},
    {"two documents", ENDPOINT_EVENT, "{}{}", 400, ""},
    {"a member twice", ENDPOINT_EVENT, "{'data':{},'data':{}}", 400, ""},
    {"a NUL in a string", ENDPOINT_EVENT, EVENT(GOOD ",'unique_id':'\\u0000'"), 400, ""},
    {"a lone surrogate", ENDPOINT_EVENT, EVENT(GOOD ",'unique_id':'\\ud800'"), 400, ""},
    {"bytes that are no UTF-8", ENDPOINT_EVENT, EVENT(GOOD ",'unique_id':'\xff'"), 400, ""},
    {"a number beyond 64 bits", ENDPOINT_EVENT, EVENT(GOOD ",'value':9223372036854775808"), 400,
     ""},
    {"a list", ENDPOINT_EVENT, "[]", 400, ""},
    {"no data", ENDPOINT_EVENT, "{}", 400, "/data"},
    {"data that is a list", ENDPOINT_EVENT, "{'data':[]}", 400, "/data"},
    {"no type", ENDPOINT_EVENT, "{'data':{'attributes':{" GOOD "}}}", 400, "/data/type"},
    {"another type", ENDPOINT_EVENT, "{'data':{'type':'metric','attributes':{" GOOD "}}}", 400,
     "/data/type"},
    {"no attributes", ENDPOINT_EVENT, "{'data':{'type':'event'}}", 400, "/data/attributes"},
    {"no metric", ENDPOINT_EVENT, EVENT("'properties':{}," PROFILE), 400, AT "metric"},
    {"no profile", ENDPOINT_EVENT, EVENT("'properties':{}," METRIC), 400, AT "profile"},
    {"no properties", ENDPOINT_EVENT, EVENT(METRIC "," PROFILE), 400, AT "properties"},
    {"properties that are null", ENDPOINT_EVENT, EVENT("'properties':null," METRIC "," PROFILE),
     400, AT "properties"},
    {"a metric without a name", ENDPOINT_EVENT,
     EVENT("'properties':{}," PROFILE ",'metric':{'data':{'type':'metric','attributes':{}}}"), 400,
     AT "metric/data/attributes/name"},
    {"a metric with an empty name", ENDPOINT_EVENT,
     EVENT("'properties':{}," PROFILE
           ",'metric':{'data':{'type':'metric','attributes':{'name':''}}}"),
     400, AT "metric/data/attributes/name"},
    {"a metric of another type", ENDPOINT_EVENT,
     EVENT("'properties':{}," PROFILE
           ",'metric':{'data':{'type':'event','attributes':{'name':'a'}}}"),
     400, AT "metric/data/type"},
    {"a value in a string", ENDPOINT_EVENT, EVENT(GOOD ",'value':'49.9'"), 400, AT "value"},
    {"a backfill in a string", ENDPOINT_EVENT, EVENT(GOOD ",'backfill':'true'"), 400,
     AT "backfill"},
    {"a unique_id that is a number", ENDPOINT_EVENT, EVENT(GOOD ",'unique_id':7"), 400,
     AT "unique_id"},
    {"an empty unique_id", ENDPOINT_EVENT, EVENT(GOOD ",'unique_id':''"), 400, AT "unique_id"},
    {"a currency in small letters", ENDPOINT_EVENT, EVENT(GOOD ",'value_currency':'usd'"), 400,
     AT "value_currency"},
    {"a time that is none", ENDPOINT_EVENT, EVENT(GOOD ",'time':'yesterday'"), 400, AT "time"},
    {"a time that is a number", ENDPOINT_EVENT, EVENT(GOOD ",'time':1784808000"), 400, AT "time"},
    {"a time in 1990", ENDPOINT_EVENT, EVENT(GOOD ",'time':'1990-12-31T23:59:59Z'"), 400,
     AT "time"},
    {"a time in 1991", ENDPOINT_EVENT, EVENT(GOOD ",'time':'1991-01-01T00:00:00Z'"), 0, ""},
    {"a time within a year", ENDPOINT_EVENT, EVENT(GOOD ",'time':'2027-11-20T00:00:00Z'"), 0, ""},
    {"a time beyond a year", ENDPOINT_EVENT, EVENT(GOOD ",'time':'2027-11-22T00:00:00Z'"), 400,
     AT "time"},
    {"a profile without an identifier", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'first_name':'Ada'")), 400, WHO_AT},
    {"a profile with an empty identifier", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'external_id':''")), 400, WHO_AT},
    {"a profile without attributes", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC ",'profile':{'data':{'type':'profile','id':'01H'}}"), 400,
     WHO_AT},
    {"a profile by its id", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC
           ",'profile':{'data':{'type':'profile','id':'01H','attributes':{}}}"),
     0, ""},
    {"an e-mail address that is none", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'email':'ada'")), 400, WHO_AT "/email"},
    {"a telephone number alone that is none", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'phone_number':'12'")), 400, WHO_AT "/phone_number"},
    {"a bad telephone number beside an e-mail address", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'phone_number':'12','email':'a@b.co'")), 0, ""},
    {"a place that is a text", ENDPOINT_EVENT,
     EVENT("'properties':{}," METRIC "," WHO("'email':'a@b.co','location':'Paris'")), 400,
     WHO_AT "/location"},

    {"a bulk job", ENDPOINT_BULK, BULK(GROUP(ENTRY("") "," ENTRY(",'unique_id':'b'"))), 0, ""},
    {"a bulk job without events", ENDPOINT_BULK, BULK(""), 400, BULK_AT},
    {"a bulk job with empty groups", ENDPOINT_BULK, BULK(GROUP("")), 400, BULK_AT},
    {"a single event as a bulk job", ENDPOINT_BULK, EVENT(GOOD), 400, "/data/type"},
    {"the second event of the second group is wrong", ENDPOINT_BULK,
     BULK(GROUP(ENTRY("")) "," GROUP(ENTRY("") "," ENTRY(",'time':'x'"))), 400,
     BULK_AT "/1/attributes/events/data/1/attributes/time"},
    {"a group without a profile", ENDPOINT_BULK,
     BULK("{'type':'event-bulk-create','attributes':{'events':{'data':[" ENTRY("") "]}}}"), 400,
     BULK_AT "/0/attributes/profile"},
    {"a group with an address that is none", ENDPOINT_BULK,
     BULK("{'type':'event-bulk-create','attributes':{" WHO(
         "'email':'x'") ",'events':{'data':[" ENTRY("") "]}}}"),
     400, BULK_AT "/0/attributes/profile/data/attributes/email"},

    {"a profile", ENDPOINT_PROFILE,
     "{'data':{'type':'profile','attributes':{'email':'a@b.co','first_name':null}}}", 0, ""},
    {"a profile of nobody", ENDPOINT_PROFILE, "{'data':{'type':'profile','attributes':{}}}", 400,
     "/data/attributes"},
    {"a first name that is a number", ENDPOINT_PROFILE,
     "{'data':{'type':'profile','attributes':{'email':'a@b.co','first_name':1}}}", 400,
     AT "first_name"},

    {"a subscription", ENDPOINT_SUBSCRIPTION,
     SUBSCRIPTION("", SUBSCRIBER("'email':'a@b.co'," CONSENT)), 0, ""},
    {"a subscription of nobody", ENDPOINT_SUBSCRIPTION, SUBSCRIPTION("", SUBSCRIBER(CONSENT)), 400,
     AT "profiles/data/0/attributes"},
    {"a subscription without profiles", ENDPOINT_SUBSCRIPTION, SUBSCRIPTION("", ""), 400,
     AT "profiles/data"},
    {"an unsubscription", ENDPOINT_SUBSCRIPTION,
     SUBSCRIPTION("", SUBSCRIBER("'email':'a@b.co','subscriptions':{'email':{'marketing':"
                                 "{'consent':'UNSUBSCRIBED'}}}")),
     400, AT "profiles/data/0/attributes/subscriptions/email/marketing/consent"},
    {"a historical import without its time", ENDPOINT_SUBSCRIPTION,
     SUBSCRIPTION("'historical_import':true,", SUBSCRIBER("'email':'a@b.co'," CONSENT)), 400,
     AT "profiles/data/0/attributes/subscriptions/email/marketing/consented_at"},
    {"sms without a number", ENDPOINT_SUBSCRIPTION,
     SUBSCRIPTION("", SUBSCRIBER("'email':'a@b.co','subscriptions':{'sms':{'marketing':"
                                 "{'consent':'SUBSCRIBED'}}}")),
     400, AT "profiles/data/0/attributes/phone_number"},

    {"a deletion", ENDPOINT_DELETION, DELETION("", "'email':'a@b.co'"), 0, ""},
    {"a deletion by id", ENDPOINT_DELETION, DELETION(",'id':'01H'", ""), 0, ""},
    {"a deletion of nobody", ENDPOINT_DELETION, DELETION("", ""), 400, WHO_AT},
    {"a deletion by two names", ENDPOINT_DELETION,
     DELETION("", "'email':'a@b.co','phone_number':'+12345678901'"), 400, WHO_AT},
    {"a deletion by id and address", ENDPOINT_DELETION, DELETION(",'id':'01H'", "'email':'a@b.co'"),
     400, WHO_AT},
};

/* What it is refused with; the reading is released. */
static void judge(enum endpoint endpoint, const char *text, size_t byte_count,
                  struct refusal *refusal) {
    struct reading reading;
    struct err err;
    assert_int_equal(reading_init(&reading, endpoint, text, byte_count, &err), ERR_OK);
    *refusal = (struct refusal){0};
    contract_check_body(endpoint, &reading, byte_count, NOW_MS, refusal);
    reading_release(&reading);
}

static char *with_double_quotes(const char *text) {
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

static void bodies_are_judged_as_klaviyo_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(BODIES[0]); i++) {
        const struct body *body = &BODIES[i];
        char *text = with_double_quotes(body->text);
        struct refusal refusal;
        judge(body->endpoint, text, strlen(text), &refusal);
        print_message("# %s\n", body->name);
        assert_int_equal(refusal.status, body->status);
        assert_string_equal(refusal.faults[0].pointer, body->pointer);
        assert_int_equal(refusal.fault_count > 0, body->status != 0);
        free(text);
    }
}

static void every_fault_is_reported(void **state) {
    (void)state;
    char *text = with_double_quotes(EVENT("'properties':{}," METRIC
                                          "," WHO("'email':'x'") ",'time':'x','unique_id':'',"
                                                                 "'value_currency':'x'"));
    struct refusal refusal;
    judge(ENDPOINT_EVENT, text, strlen(text), &refusal);
    assert_int_equal(refusal.fault_count, 4);
    free(text);
}

/* ---- Borders --------------------------------------------------------------------------------- */

static char *repeated(const char *piece, size_t count, const char *between) {
    size_t piece_bytes = strlen(piece), between_bytes = strlen(between);
    char *text = calloc(1, count * (piece_bytes + between_bytes) + 1);
    assert_non_null(text);
    char *end = text;
    for (size_t i = 0; i < count; i++) {
        memcpy(end, between, i == 0 ? 0 : between_bytes);
        end += i == 0 ? 0 : between_bytes;
        memcpy(end, piece, piece_bytes);
        end += piece_bytes;
    }
    return text;
}

/* The status for `before` + `piece` × count + `after`, in which ' stands for ". */
static int status_of(enum endpoint endpoint, const char *before, const char *piece, size_t count,
                     const char *between, const char *after) {
    char *middle = repeated(piece, count, between);
    char *text = NULL;
    assert_true(asprintf(&text, "%s%s%s", before, middle, after) > 0);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    struct refusal refusal;
    judge(endpoint, text, strlen(text), &refusal);
    free(text);
    free(middle);
    return refusal.status;
}

static int with_properties(const char *before, const char *piece, size_t count, const char *between,
                           const char *after) {
    char *head = NULL, *tail = NULL;
    assert_true(asprintf(&head,
                         "{'data':{'type':'event','attributes':{" METRIC "," PROFILE
                         ",'properties':%s",
                         before) > 0);
    assert_true(asprintf(&tail, "%s}}}", after) > 0);
    int status = status_of(ENDPOINT_EVENT, head, piece, count, between, tail);
    free(head);
    free(tail);
    return status;
}

static void a_metric_name_has_at_most_127_characters(void **state) {
    (void)state;
    const char *before = "{'data':{'type':'event','attributes':{'properties':{}," PROFILE
                         ",'metric':{'data':{'type':'metric','attributes':{'name':'";
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "\xc3\xa9", 127, "", "'}}}}}}"), 0);
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "\xc3\xa9", 128, "", "'}}}}}}"), 400);
}

static void a_unique_id_has_at_most_255_characters(void **state) {
    (void)state;
    const char *before = "{'data':{'type':'event','attributes':{" GOOD ",'unique_id':'";
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "\xe2\x82\xac", 255, "", "'}}}"), 0);
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "\xe2\x82\xac", 256, "", "'}}}"), 400);
}

static void there_are_at_most_400_properties(void **state) {
    (void)state;
    const size_t text_bytes = 16384;
    for (size_t count = 400; count <= 401; count++) {
        char *text = calloc(1, text_bytes);
        assert_non_null(text);
        size_t length = 0;
        for (size_t i = 0; i < count; i++) {
            length += (size_t)snprintf(text + length, text_bytes - length, "%s'p%zu':%zu",
                                       i == 0 ? "" : ",", i, i);
        }
        assert_int_equal(with_properties("{", text, 1, "", "}"), count == 400 ? 0 : 400);
        free(text);
    }
}

static void a_string_has_at_most_100_kb(void **state) {
    (void)state;
    assert_int_equal(with_properties("{'a':'", "x", LIMITS_STRING_BYTES_MAX, "", "'}"), 0);
    assert_int_equal(with_properties("{'a':'", "x", LIMITS_STRING_BYTES_MAX + 1, "", "'}"), 400);
}

static void a_list_has_at_most_4000_items(void **state) {
    (void)state;
    assert_int_equal(with_properties("{'a':[", "1", 4000, ",", "]}"), 0);
    assert_int_equal(with_properties("{'a':[", "1", 4001, ",", "]}"), 400);
}

static void properties_nest_at_most_10_levels_deep(void **state) {
    (void)state;
    for (size_t depth = 10; depth <= 11; depth++) {
        char *ends = repeated("}", depth, "");
        assert_int_equal(with_properties("", "{'a':", depth - 1, "", "{}"), 400); /* no JSON */
        char *after = NULL;
        assert_true(asprintf(&after, "{}%s", ends + 1) > 0);
        assert_int_equal(with_properties("", "{'a':", depth - 1, "", after), depth == 10 ? 0 : 400);
        free(after);
        free(ends);
    }
}

static void a_profile_has_at_most_95_kb(void **state) {
    (void)state;
    const char *before = "{'data':{'type':'event','attributes':{'properties':{}," METRIC
                         ",'profile':{'data':{'type':'profile','attributes':{'email':'a@b.co',"
                         "'title':'";
    size_t others = strlen("{'email':'a@b.co','title':''}");
    size_t count = LIMITS_PROFILE_BYTES_MAX - others;
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "x", count, "", "'}}}}}}"), 0);
    assert_int_equal(status_of(ENDPOINT_EVENT, before, "x", count + 1, "", "'}}}}}}"), 400);
}

static void a_bulk_job_has_at_most_1000_events(void **state) {
    (void)state;
    const char *before =
        "{'data':{'type':'event-bulk-create-job','attributes':{"
        "'events-bulk-create':{'data':[{'type':'event-bulk-create','attributes':{" PROFILE
        ",'events':{'data':[";
    assert_int_equal(status_of(ENDPOINT_BULK, before, ENTRY(""), 1000, ",", "]}}}]}}}}"), 0);
    assert_int_equal(status_of(ENDPOINT_BULK, before, ENTRY(""), 1001, ",", "]}}}]}}}}"), 400);
}

static void a_body_has_at_most_5_mb_and_a_profile_100_kb(void **state) {
    (void)state;
    char *text = repeated(" ", ENDPOINT_BODY_BYTES_MAX + 1, "");
    struct refusal refusal;
    judge(ENDPOINT_EVENT, text, ENDPOINT_BODY_BYTES_MAX + 1, &refusal);
    assert_int_equal(refusal.status, 413);
    judge(ENDPOINT_EVENT, text, ENDPOINT_BODY_BYTES_MAX, &refusal);
    assert_int_equal(refusal.status, 400);
    judge(ENDPOINT_PROFILE, text, ENDPOINT_PROFILE_BODY_BYTES_MAX + 1, &refusal);
    assert_int_equal(refusal.status, 413);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_judged_as_klaviyo_does),
        cmocka_unit_test(bodies_are_judged_as_klaviyo_does),
        cmocka_unit_test(every_fault_is_reported),
        cmocka_unit_test(a_metric_name_has_at_most_127_characters),
        cmocka_unit_test(a_unique_id_has_at_most_255_characters),
        cmocka_unit_test(there_are_at_most_400_properties),
        cmocka_unit_test(a_string_has_at_most_100_kb),
        cmocka_unit_test(a_list_has_at_most_4000_items),
        cmocka_unit_test(properties_nest_at_most_10_levels_deep),
        cmocka_unit_test(a_profile_has_at_most_95_kb),
        cmocka_unit_test(a_bulk_job_has_at_most_1000_events),
        cmocka_unit_test(a_body_has_at_most_5_mb_and_a_profile_100_kb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
