/* Scripts: what is refused at the start, and which request meets which rule. */
#include "sandbox/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Writes the text (' stands for ") to a file and loads it. */
static enum err_code load(const char *text, bool is_tls, struct script **script_out,
                          struct err *err) {
    char path[] = "/tmp/script-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (const char *c = text; *c != '\0'; c++) {
        assert_int_equal(write(fd, *c == '\'' ? "\"" : c, 1), 1);
    }
    assert_int_equal(close(fd), 0);
    enum err_code code = script_load(path, is_tls, script_out, err);
    assert_int_equal(unlink(path), 0);
    return code;
}

static struct script *loaded(const char *text) {
    struct script *script = NULL;
    struct err err = {0};
    enum err_code code = load(text, false, &script, &err);
    if (code != ERR_OK) {
        print_message("# %s\n", err.text);
    }
    assert_int_equal(code, ERR_OK);
    return script;
}

struct sample {
    const char *text, *part_of_error;
};

static void a_broken_script_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"", "line 1"},
        {"{}", "must be a list"},
        {"[{'do':'500'},", "line 1"},
        {"[7]", "rule 1: a rule must be an object"},
        {"[{'do':'500'},{}]", "rule 2: \"do\" must name"},
        {"[{'do':'acept-then-rest'}]", "the nearest is \"accept-then-reset\""},
        {"[{'do':'5000'}]", "the nearest is \"500\""},
        {"[{'do':'500','colour':1}]", "500 has no member \"colour\""},
        {"[{'do':'500','status':501}]", "500 has no member \"status\""},
        {"[{'do':'status','status':99}]", "\"status\" must be a whole number from 200 to 599"},
        {"[{'do':'status','status':'500'}]", "\"status\" must be a whole number"},
        {"[{'do':'status','body':1}]", "\"body\" must be a string"},
        {"[{'do':'status','accept':1}]", "\"accept\" must be true or false"},
        {"[{'do':'status','headers':[]}]", "\"headers\" must be an object"},
        {"[{'do':'status','headers':{'a b':'c'}}]", "no usable name and value at \"a b\""},
        {"[{'do':'status','headers':{'a':'b\\r\\nc'}}]", "no usable name and value at \"a\""},
        {"[{'do':'status','headers':{'content-length':'1'}}]", "must not have \"content-length\""},
        {"[{'do':'delay-head','delay_ms':0}]", "\"delay_ms\" must be a whole number from 1"},
        {"[{'do':'500','match':7}]", "\"match\" must be an object"},
        {"[{'do':'500','match':{'nth':0}}]", "\"nth\" must be a whole number from 1"},
        {"[{'do':'500','match':{'times':-1}}]", "\"times\" must be a whole number from 0"},
        {"[{'do':'500','match':{'id':'x'}}]", "\"match\" has no member \"id\""},
        {"[{'do':'500','match':{'email':7}}]", "\"email\" must be a string"},
        {"[{'do':'half-open','match':{'path':'/api/events'}}]", "match it by \"nth\""},
        {"[{'do':'reset-before-read','match':{'unique_id':'x'}}]", "match it by \"nth\""},
        {"[{'do':'500','do':'500'}]", "duplicate"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct script *script = NULL;
        struct err err = {0};
        enum err_code code = load(samples[i].text, false, &script, &err);
        print_message("# %s: %s\n", samples[i].text, err.text);
        assert_int_equal(code, ERR_INVALID);
        assert_non_null(strstr(err.text, samples[i].part_of_error));
        assert_null(script);
    }
}

static void a_script_that_is_not_there_is_refused(void **state) {
    (void)state;
    struct script *script = NULL;
    struct err err = {0};
    assert_int_equal(script_load("/nonexistent/script.json", false, &script, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "/nonexistent/script.json"));
}

static void tls_refuses_what_needs_the_bare_socket(void **state) {
    (void)state;
    struct script *script = NULL;
    struct err err = {0};
    assert_int_equal(load("[{'do':'two-answers'}]", true, &script, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "needs the bare socket"));
    assert_int_equal(load("[{'do':'drip-body'},{'do':'half-open'}]", true, &script, &err), ERR_OK);
    script_free(script);
}

/* ---- Matching -------------------------------------------------------------------------------- */

#define EVENT(id, email)                                                                           \
    "{\"data\":{\"attributes\":{\"unique_id\":\"" id                                               \
    "\",\"profile\":{\"data\":{\"attributes\":{\"email\":\"" email "\"}}}}}}"

static struct rule *match(struct script *script, int64_t number, const char *body) {
    struct reading reading;
    struct err err;
    assert_int_equal(reading_init(&reading, ENDPOINT_EVENT, body, strlen(body), &err), ERR_OK);
    struct occasion occasion = {number, "/api/events", &reading};
    struct rule *rule = script_match(script, STAGE_REQUEST, &occasion);
    reading_release(&reading);
    return rule;
}

/* Matches and uses the rule up; "" for none. */
static const char *done(struct script *script, int64_t number, const char *body) {
    struct rule *rule = match(script, number, body);
    if (rule == NULL) {
        return "";
    }
    rule_use(rule);
    return misbehaviour_name(rule_misbehaviour(rule));
}

static const char ANY[] = EVENT("u", "a@b.co");

static void without_match_the_next_request_is_meant(void **state) {
    (void)state;
    struct script *script = loaded("[{'do':'500'}]");
    assert_string_equal(done(script, 1, ANY), "500");
    assert_string_equal(done(script, 2, ANY), "");
    script_free(script);
}

static void nth_is_exactly_that_request(void **state) {
    (void)state;
    struct script *script = loaded("[{'match':{'nth':3},'do':'500'}]");
    assert_string_equal(done(script, 2, ANY), "");
    assert_string_equal(done(script, 3, ANY), "500");
    assert_string_equal(done(script, 4, ANY), "");
    script_free(script);
}

static void nth_with_times_is_a_run_of_requests(void **state) {
    (void)state;
    struct script *script = loaded("[{'match':{'nth':3,'times':2},'do':'500'},"
                                   "{'match':{'nth':8,'times':0},'do':'410'}]");
    static const char *const expected[] = {"", "", "500", "500", "", "", "", "410", "410", "410"};
    for (int64_t i = 0; i < 10; i++) {
        assert_string_equal(done(script, i + 1, ANY), expected[i]);
    }
    script_free(script);
}

static void an_id_matches_as_a_whole(void **state) {
    (void)state;
    struct script *script = loaded("[{'match':{'unique_id':'u1'},'do':'500'}]");
    assert_string_equal(done(script, 1, EVENT("u", "a@b.co")), "");
    assert_string_equal(done(script, 2, EVENT("u12", "a@b.co")), "");
    assert_string_equal(done(script, 3, EVENT("u1", "a@b.co")), "500");
    assert_string_equal(done(script, 4, EVENT("u1", "a@b.co")), "");
    script_free(script);
}

static void an_address_matches_by_its_beginning(void **state) {
    (void)state;
    struct script *script = loaded("[{'match':{'email':'slow-','times':0},'do':'delay-head'}]");
    assert_string_equal(done(script, 1, EVENT("u", "slo@b.co")), "");
    for (int64_t i = 2; i < 10; i++) {
        assert_string_equal(done(script, i, EVENT("u", "slow-1@b.co")), "delay-head");
    }
    script_free(script);
}

static void all_that_is_asked_must_hold(void **state) {
    (void)state;
    struct script *script =
        loaded("[{'match':{'nth':2,'times':0,'unique_id':'u','path':'/api/events'},'do':'500'},"
               "{'match':{'path':'/api/profile-import'},'do':'410'}]");
    assert_string_equal(done(script, 1, EVENT("u", "a@b.co")), "");
    assert_string_equal(done(script, 2, EVENT("v", "a@b.co")), "");
    assert_string_equal(done(script, 3, EVENT("u", "a@b.co")), "500");
    script_free(script);
}

static void the_first_rule_that_matches_is_taken(void **state) {
    (void)state;
    struct script *script =
        loaded("[{'match':{'times':2},'do':'500'},{'match':{'times':0},'do':'410'}]");
    assert_string_equal(done(script, 1, ANY), "500");
    assert_string_equal(done(script, 2, ANY), "500");
    assert_string_equal(done(script, 3, ANY), "410");
    script_free(script);
}

static void a_rule_that_is_not_used_is_not_used_up(void **state) {
    (void)state;
    struct script *script = loaded("[{'match':{'unique_id':'u'},'do':'accept-then-reset'}]");
    assert_non_null(match(script, 1, ANY));
    assert_non_null(match(script, 2, ANY));
    assert_string_equal(done(script, 3, ANY), "accept-then-reset");
    assert_null(match(script, 4, ANY));
    script_free(script);
}

static void stages_are_apart(void **state) {
    (void)state;
    struct script *script = loaded("[{'do':'half-open'},{'do':'reset-before-read'}]");
    struct occasion occasion = {.number = 1, .path = "/api/events"};
    assert_false(script_has_stage(script, STAGE_REQUEST));
    assert_null(script_match(script, STAGE_REQUEST, &occasion));
    assert_string_equal(
        misbehaviour_name(rule_misbehaviour(script_match(script, STAGE_HEAD, &occasion))),
        "reset-before-read");
    occasion.path = NULL;
    assert_string_equal(
        misbehaviour_name(rule_misbehaviour(script_match(script, STAGE_CONNECT, &occasion))),
        "half-open");
    script_free(script);
}

static void without_a_script_nothing_matches(void **state) {
    (void)state;
    struct occasion occasion = {.number = 1};
    assert_null(script_match(NULL, STAGE_REQUEST, &occasion));
    script_free(NULL);
}

static void a_manner_is_read(void **state) {
    (void)state;
    struct script *script =
        loaded("[{'do':'status','status':418,'body':'tea','retry_after':7,'accept':true,"
               "'headers':{'X-A':'b'}},{'do':'delay-head'}]");
    const struct manner *manner = rule_manner(match(script, 1, ANY));
    assert_int_equal(manner->status, 418);
    assert_string_equal(manner->body, "tea");
    assert_int_equal(manner->retry_after_s, 7);
    assert_true(manner->accepts);
    assert_int_equal(manner->header_count, 1);
    assert_string_equal(manner->headers[0].name, "X-A");
    assert_string_equal(manner->headers[0].value, "b");
    script_free(script);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_script_is_refused_with_its_place),
        cmocka_unit_test(a_script_that_is_not_there_is_refused),
        cmocka_unit_test(tls_refuses_what_needs_the_bare_socket),
        cmocka_unit_test(without_match_the_next_request_is_meant),
        cmocka_unit_test(nth_is_exactly_that_request),
        cmocka_unit_test(nth_with_times_is_a_run_of_requests),
        cmocka_unit_test(an_id_matches_as_a_whole),
        cmocka_unit_test(an_address_matches_by_its_beginning),
        cmocka_unit_test(all_that_is_asked_must_hold),
        cmocka_unit_test(the_first_rule_that_matches_is_taken),
        cmocka_unit_test(a_rule_that_is_not_used_is_not_used_up),
        cmocka_unit_test(stages_are_apart),
        cmocka_unit_test(without_a_script_nothing_matches),
        cmocka_unit_test(a_manner_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
