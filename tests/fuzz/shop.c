#include "tests/fuzz/shop.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/created.h"
#include "api/refusal.h"
#include "common/domain/event.h"
#include "common/domain/text.h"
#include "http/page.h"

static const char CATALOG[] =
    "{\"currency\":\"USD\",\"products\":["
    "{\"price_id\":\"p\",\"name\":\"Lamp\",\"color\":\"c\",\"amount\":4999,"
    "\"payment_link\":\"https://pay.example/lamp\"},"
    "{\"price_id\":\"price_lamp_black\",\"name\":\"Lamp\",\"color\":\"black\",\"amount\":4999,"
    "\"payment_link\":\"https://pay.example/lamp?x=y\"},"
    "{\"price_id\":\"price_lamp_black\",\"name\":\"Lampe \\\"\xc3\xa9\\\"\",\"color\":\"white\","
    "\"amount\":0,\"currency\":\"JPY\",\"payment_link\":\"https://pay.example/white?\"}]}";

const struct catalog *shop_catalog(void) {
    static struct catalog *catalog;
    struct err err = {0};
    if (catalog == NULL) {
        enum err_code code = catalog_parse("catalog", CATALOG, sizeof CATALOG - 1, &catalog, &err);
        assert(code == ERR_OK);
    }
    return catalog;
}

/* Fit for a log line and a header: one line of visible text. */
static void check_line(const char *text) {
    assert(text[0] != '\0');
    assert(text_find_forbidden(text, strlen(text), TEXT_LINE) < 0);
}

static void check_json(const char *text, size_t byte_count) {
    json_t *document = json_loadb(text, byte_count, JSON_REJECT_DUPLICATES, NULL);
    assert(json_is_object(document));
    json_decref(document);
}

/* No text from outside became a tag. */
static void check_page(const char *page, size_t byte_count) {
    assert(strlen(page) == byte_count);
    assert(text_find_forbidden(page, byte_count, TEXT_LINES) < 0);
    static const char *const tags[] = {
        "<!doctype html>", "<html ",   "<head>",  "<meta ",  "<title>",        "<style>",
        "<body>",          "<main>",   "<h1>",    "<p>",     "<a href=\"http", "<strong>",
        "<small>",         "<ul>",     "<li>",    "</html>", "</head>",        "</title>",
        "</style>",        "</body>",  "</main>", "</h1>",   "</p>",           "</a>",
        "</strong>",       "</small>", "</ul>",   "</li>"};
    for (const char *at = strchr(page, '<'); at != NULL; at = strchr(at + 1, '<')) {
        bool is_ours = false;
        for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
            is_ours = is_ours || strncmp(at, tags[i], strlen(tags[i])) == 0;
        }
        assert(is_ours);
    }
}

static const struct header BROWSER[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                        {"Accept", "text/html"}};

/* As JSON and as a page. */
static void check_reply(struct reply (*make)(const struct request *, const void *),
                        const void *context) {
    struct request request = {.id = "r", .headers = BROWSER, .header_count = 2};
    struct reply page = make(&request, context);
    check_page(page.body, page.body_bytes);
    reply_release(&page);
    request.header_count = 0;
    struct reply problem = make(&request, context);
    check_json(problem.body, problem.body_bytes);
    assert(strstr(problem.body, "(not valid UTF-8)") == NULL);
    reply_release(&problem);
}

static struct reply faults_reply(const struct request *request, const void *draft) {
    return refusal_faults(request, draft);
}

static struct reply error_reply(const struct request *request, const void *err) {
    return refusal_body(request, err);
}

static void check_faults(const struct preorder_draft *draft) {
    assert(draft->fault_count <= PREORDER_FAULTS_MAX);
    for (size_t i = 0; i < draft->fault_count; i++) {
        check_line(draft->faults[i].detail);
        assert(strncmp(draft->faults[i].pointer, "#/", 2) == 0);
        for (const char *at = draft->faults[i].pointer; *at != '\0'; at++) {
            assert(*at > ' ' && *at < 0x7f && strchr("\"<>\\^`{|}", *at) == NULL);
        }
    }
    check_reply(faults_reply, draft);
}

static void check_preorder(struct preorder_draft *draft) {
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    struct preorder preorder;
    preorder_complete(draft, "PRE", 1795353434123, &random, &preorder);
    size_t at = strcspn(preorder.email, "@");
    assert(at > 0 && strlen(preorder.email) <= EMAIL_CHARS_MAX &&
           strchr(preorder.email + at + 1, '@') == NULL);
    for (const char *rest = preorder.payment_url; *rest != '\0'; rest++) {
        assert(*rest > ' ' && *rest < 0x7f && strchr("\"<>\\", *rest) == NULL);
    }
    check_json(preorder.properties_json, strlen(preorder.properties_json));

    size_t length = 0;
    char *reply = preorder_render_reply(&preorder, &length);
    check_json(reply, length);
    free(reply);
    char *page = created_render_page(&preorder, &length);
    check_page(page, length);
    free(page);
    struct event event;
    struct err err = {0};
    enum err_code code = event_render(EVENT_STARTED, &preorder, preorder.amount, "",
                                      preorder.created_at_ms, &random, &event, &err);
    assert(code == ERR_OK);
    check_json(event.payload, event.payload_bytes);
    event_release(&event);
    preorder_release(&preorder);
}

void shop_check(enum err_code code, struct preorder_draft *draft, const struct err *err) {
    if (code == ERR_INVALID) {
        check_line(err->text);
        check_reply(error_reply, err);
    } else {
        assert(code == ERR_OK);
        if (draft->fault_count > 0) {
            check_faults(draft);
        } else {
            check_preorder(draft);
        }
    }
    preorder_draft_release(draft);
}
