#include "sandbox/misbehaviour.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/buf.h"
#include "sandbox/flow.h"

enum {
    NEVER_MS = 10 * 60 * 1000, /* longer than any client waits */
    ANSWER_BYTES_MAX = 16 * 1024,
    NAME_BYTES_MAX = 64,
    GIBIBYTE = 1024 * 1024 * 1024,
};

static const char json_type[] = "application/vnd.api+json";
static const char html_type[] = "text/html; charset=UTF-8";

typedef void act_function(const struct misbehaviour *self, const struct manner *manner,
                          const struct stage *stage, struct exchange *exchange);

struct misbehaviour {
    const char *name;
    enum misbehaviour_stage stage;
    bool accepts, is_plain_only;
    unsigned members;
    act_function *act; /* NULL: acts on a socket */
    /* What it says if nobody says otherwise. */
    int status;
    const char *type, *body;
    const char *header_name, *header_value;
    /* How it goes about it. */
    int64_t delay_ms, interval_ms, bytes;
    bool is_cut, is_bomb, repeats, waits_for_bytes;
    enum play_end end;
};

/* ---- Replies --------------------------------------------------------------------------------- */

static int status_of(const struct misbehaviour *self, const struct manner *manner) {
    return manner->status != 0 ? manner->status : self->status;
}

static int64_t or_own(int64_t given, int64_t own) {
    return given >= 0 ? given : own;
}

static const char *body_of(const struct misbehaviour *self, const struct manner *manner) {
    const char *own = self->body == NULL ? "" : self->body;
    return manner->body != NULL ? manner->body : own;
}

static void add_header(struct reply *reply, const struct misbehaviour *self,
                       const struct manner *manner, const struct stage *stage) {
    char value[64];
    if (strcmp(self->header_name, "Location") == 0 && manner->location != NULL) {
        reply_add_header(reply, self->header_name, manner->location);
    } else if (self->header_value != NULL) {
        reply_add_header(reply, self->header_name, self->header_value);
    } else {
        /* 429-date: an HTTP date (RFC 9110, section 5.6.7), in English whatever the locale. */
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t at_s =
            (time_t)(clock_wall_ms(stage->clock) / MS_PER_S + or_own(manner->retry_after_s, 2));
        struct tm tm;
        (void)gmtime_r(&at_s, &tm);
        (void)snprintf(value, sizeof(value), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                       days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                       tm.tm_hour, tm.tm_min, tm.tm_sec);
        reply_add_header(reply, self->header_name, value);
    }
}

static void add_headers(struct reply *reply, const struct misbehaviour *self,
                        const struct manner *manner, const struct stage *stage) {
    bool has_seconds = self->header_name != NULL && strcmp(self->header_name, "Retry-After") == 0 &&
                       self->header_value != NULL && manner->retry_after_s >= 0;
    if (has_seconds || (self->header_name == NULL && manner->retry_after_s >= 0)) {
        char value[32];
        (void)snprintf(value, sizeof(value), "%lld", (long long)manner->retry_after_s);
        reply_add_header(reply, "Retry-After", value);
    } else if (self->header_name != NULL) {
        add_header(reply, self, manner, stage);
    }
    for (size_t i = 0; i < manner->header_count; i++) {
        if (strcasecmp(manner->headers[i].name, "Content-Type") == 0) {
            reply->content_type = manner->headers[i].value;
        } else {
            reply_add_header(reply, manner->headers[i].name, manner->headers[i].value);
        }
    }
}

static struct reply reply_of(const struct misbehaviour *self, const struct manner *manner,
                             const struct stage *stage) {
    const char *body = body_of(self, manner);
    struct reply reply = {.status = status_of(self, manner)};
    if (body[0] != '\0') {
        reply = reply_text(reply.status, self->type == NULL ? json_type : self->type, body);
    }
    add_headers(&reply, self, manner, stage);
    return reply;
}

static void act_reply(const struct misbehaviour *self, const struct manner *manner,
                      const struct stage *stage, struct exchange *exchange) {
    struct reply reply = reply_of(self, manner, stage);
    exchange_reply(exchange, &reply);
}

static void act_late(const struct misbehaviour *self, const struct manner *manner,
                     const struct stage *stage, struct exchange *exchange) {
    struct reply reply = reply_of(self, manner, stage);
    plays_add_late(stage->plays, exchange, &reply, or_own(manner->delay_ms, self->delay_ms));
}

/* ---- Bodies ---------------------------------------------------------------------------------- */

static void act_flow(const struct misbehaviour *self, const struct manner *manner,
                     const struct stage *stage, struct exchange *exchange) {
    const char *text = body_of(self, manner);
    struct flow_plan plan = {
        .delay_ms = or_own(manner->delay_ms, self->delay_ms),
        .interval_ms = or_own(manner->interval_ms, self->interval_ms),
        .byte_count = (int64_t)strlen(text),
        .text = self->is_bomb ? NULL : text,
        .is_cut = self->is_cut,
    };
    plan.step_bytes = plan.interval_ms > 0 ? 1 : 0;
    plan.declared_count = plan.byte_count;
    if (self->is_bomb) {
        plan.byte_count = plan.declared_count = FLOW_BOMB_BYTES;
    } else if (self->bytes < 0) { /* endless */
        plan.byte_count = plan.declared_count = -1;
    } else if (self->bytes > 0) {
        plan.declared_count = or_own(manner->bytes, self->bytes);
        plan.byte_count = plan.is_cut ? plan.byte_count : plan.declared_count;
    }
    struct reply reply = {.status = status_of(self, manner), .content_type = self->type};
    add_headers(&reply, self, manner, stage);
    flow_start(&plan, exchange, &reply, stage->plays, stage->clock);
}

/* ---- Bare bytes ------------------------------------------------------------------------------ */

static struct play_plan plan_of(const struct misbehaviour *self, const struct manner *manner) {
    return (struct play_plan){
        .interval_ms = or_own(manner->interval_ms, self->interval_ms),
        .repeats = self->repeats,
        .waits_for_bytes = self->waits_for_bytes,
        .end = self->end,
        .ends_after_ms = or_own(manner->delay_ms, NEVER_MS),
    };
}

static void act_raw(const struct misbehaviour *self, const struct manner *manner,
                    const struct stage *stage, struct exchange *exchange) {
    struct play_plan plan = plan_of(self, manner);
    const char *bytes = body_of(self, manner);
    if (bytes[0] != '\0') {
        plan.bytes = strdup(bytes);
        plan.byte_count = plan.bytes == NULL ? 0 : strlen(plan.bytes);
        plan.repeats = plan.repeats && plan.byte_count > 0;
        plan.step_bytes = plan.interval_ms > 0 && !plan.repeats ? 1 : 0;
    }
    plays_add_exchange(stage->plays, exchange, &plan);
}

/* As act_raw, with a status line and headers of the script's choice before the bytes. */
static void act_raw_answer(const struct misbehaviour *self, const struct manner *manner,
                           const struct stage *stage, struct exchange *exchange) {
    struct play_plan plan = plan_of(self, manner);
    int status = status_of(self, manner);
    struct buf text;
    buf_init(&text, ANSWER_BYTES_MAX);
    buf_append_format(&text, "HTTP/1.1 %d %s\r\n", status, status_phrase(status));
    for (size_t i = 0; i < manner->header_count; i++) {
        buf_append_format(&text, "%s: %s\r\n", manner->headers[i].name, manner->headers[i].value);
    }
    buf_append_text(&text, body_of(self, manner)); /* the rest of the head, and the body */
    plan.bytes = buf_take(&text, &plan.byte_count);
    plan.byte_count = plan.bytes == NULL ? 0 : plan.byte_count;
    plan.step_bytes = plan.interval_ms > 0 ? 1 : 0;
    buf_release(&text);
    plays_add_exchange(stage->plays, exchange, &plan);
}

/* Accepts and says nothing: over TLS by never answering, else with the socket in hand, so that
   it is seen when the client leaves. */
static void act_silence(const struct misbehaviour *self, const struct manner *manner,
                        const struct stage *stage, struct exchange *exchange) {
    struct play_plan plan = plan_of(self, manner);
    if (stage->is_tls) {
        plays_add_late(stage->plays, exchange, NULL, plan.ends_after_ms);
    } else {
        plays_add_exchange(stage->plays, exchange, &plan);
    }
}

/* ---- The forty ------------------------------------------------------------------------------- */

#define ERROR_BODY(status, code, title, detail)                                                    \
    "{\"errors\":[{\"id\":\"00000000-0000-4000-8000-000000000000\",\"status\":" status             \
    ",\"code\":\"" code "\",\"title\":\"" title "\",\"detail\":\"" detail                          \
    "\",\"source\":{},\"links\":{},\"meta\":{}}]}"
#define HTML_BODY(title)                                                                           \
    "<!DOCTYPE html><html><head><title>" title "</title></head><body><h1>" title                   \
    "</h1><hr><center>cloudflare</center></body></html>"
#define THROTTLED_BODY                                                                             \
    ERROR_BODY("429", "throttled", "Request was throttled.",                                       \
               "Request was throttled. Expected available in 0 seconds.")
#define EMPTY_202 "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"

enum {
    REPLY_MEMBERS = MANNER_HEADERS | MANNER_BODY | MANNER_ACCEPT,
    FLOW_MEMBERS = MANNER_STATUS | MANNER_HEADERS | MANNER_ACCEPT,
    RAW_MEMBERS = MANNER_STATUS | MANNER_HEADERS | MANNER_ACCEPT,
};

#define REPLY(name_, status_, type_, body_)                                                        \
    .name = (name_), .stage = STAGE_REQUEST, .act = act_reply, .status = (status_),                \
    .type = (type_), .body = (body_)
#define FLOW(name_)                                                                                \
    .name = (name_), .stage = STAGE_REQUEST, .act = act_flow, .status = 202, .accepts = true,      \
    .type = json_type
#define RAW(name_, act_)                                                                           \
    .name = (name_), .stage = STAGE_REQUEST, .act = (act_), .status = 202, .is_plain_only = true

static const struct misbehaviour table[MISBEHAVIOUR_COUNT] = {
    /* Answers that are whole. */
    {REPLY("status", 503, json_type, NULL),
     .members = REPLY_MEMBERS | MANNER_STATUS | MANNER_RETRY_AFTER},
    {REPLY("401", 401, json_type,
           ERROR_BODY("401", "authentication_failed", "Incorrect authentication credentials.",
                      "Missing or invalid private key.")),
     .members = REPLY_MEMBERS},
    {REPLY("403-json", 403, json_type,
           ERROR_BODY("403", "permission_denied",
                      "You do not have permission to perform this action.",
                      "The API key does not have the required scopes: events:write.")),
     .members = REPLY_MEMBERS},
    {REPLY("403-html", 403, html_type, HTML_BODY("Just a moment...")),
     .header_name = "cf-mitigated", .header_value = "challenge", .members = REPLY_MEMBERS},
    {REPLY("410", 410, json_type, ERROR_BODY("410", "gone", "Gone.", "This revision is retired.")),
     .members = REPLY_MEMBERS},
    {REPLY("429-no-retry-after", 429, json_type, THROTTLED_BODY), .members = REPLY_MEMBERS},
    {REPLY("429-date", 429, json_type, THROTTLED_BODY), .header_name = "Retry-After",
     .members = REPLY_MEMBERS | MANNER_RETRY_AFTER},
    {REPLY("429-negative", 429, json_type, THROTTLED_BODY), .header_name = "Retry-After",
     .header_value = "-1", .members = REPLY_MEMBERS},
    {REPLY("429-absurd", 429, json_type, THROTTLED_BODY), .header_name = "Retry-After",
     .header_value = "1000000000", .members = REPLY_MEMBERS},
    {REPLY("429-garbage", 429, json_type, THROTTLED_BODY), .header_name = "Retry-After",
     .header_value = "NaN", .members = REPLY_MEMBERS},
    {REPLY("500", 500, json_type,
           ERROR_BODY("500", "error", "A server error occurred.", "A server error occurred.")),
     .members = REPLY_MEMBERS},
    {REPLY("502-html", 502, html_type, HTML_BODY("502 Bad Gateway")), .members = REPLY_MEMBERS},
    {REPLY("503-retry-after", 503, json_type,
           ERROR_BODY("503", "service_unavailable", "Service temporarily unavailable.",
                      "Try again later.")),
     .header_name = "Retry-After", .header_value = "2",
     .members = REPLY_MEMBERS | MANNER_RETRY_AFTER},
    {REPLY("520-cloudflare-html", 520, html_type, HTML_BODY("520: Web server returned an error")),
     .members = REPLY_MEMBERS},
    {REPLY("redirect", 302, NULL, NULL), .header_name = "Location", .header_value = "/api/events",
     .members = REPLY_MEMBERS | MANNER_STATUS | MANNER_LOCATION},
    {REPLY("redirect-to-link-local", 307, NULL, NULL), .header_name = "Location",
     .header_value = "http://169.254.169.254/latest/meta-data/",
     .members = REPLY_MEMBERS | MANNER_STATUS},

    /* No answer, or a late one. */
    {RAW("accept-then-reset", act_raw), .accepts = true, .end = PLAY_RESET,
     .members = MANNER_ACCEPT},
    {.name = "accept-then-silence",
     .stage = STAGE_REQUEST,
     .act = act_silence,
     .accepts = true,
     .end = PLAY_HOLD,
     .members = MANNER_ACCEPT | MANNER_DELAY},
    {RAW("close-without-answer", act_raw), .end = PLAY_CLOSE, .members = MANNER_ACCEPT},
    {.name = "delay-head",
     .stage = STAGE_REQUEST,
     .act = act_late,
     .status = 202,
     .accepts = true,
     .delay_ms = 10000,
     .members = FLOW_MEMBERS | MANNER_BODY | MANNER_DELAY},
    {FLOW("delay-body"), .body = "{}", .delay_ms = 10000,
     .members = FLOW_MEMBERS | MANNER_BODY | MANNER_DELAY},
    {RAW("drip-head", act_raw_answer), .accepts = true, .end = PLAY_CLOSE, .interval_ms = 1000,
     .body = "Content-Length: 0\r\nConnection: close\r\n\r\n",
     .members = RAW_MEMBERS | MANNER_INTERVAL},

    /* Bodies that are wrong. */
    {FLOW("drip-body"), .body = "{\"data\":null,\"note\":\"one byte at a time\"}",
     .interval_ms = 1000, .members = FLOW_MEMBERS | MANNER_BODY | MANNER_INTERVAL},
    {FLOW("endless-body"), .body = "endless ", .bytes = -1,
     .members = FLOW_MEMBERS | MANNER_BODY | MANNER_INTERVAL},
    {FLOW("huge-body"), .body = "huge ", .bytes = GIBIBYTE,
     .members = FLOW_MEMBERS | MANNER_BODY | MANNER_BYTES},
    {FLOW("short-body"), .body = "{\"data\":", .bytes = 1000, .is_cut = true,
     .members = FLOW_MEMBERS | MANNER_BODY | MANNER_BYTES},
    {RAW("long-body", act_raw_answer), .accepts = true, .end = PLAY_CLOSE,
     .body = "Content-Length: 2\r\n\r\n{}and more than was announced", .members = RAW_MEMBERS},
    {RAW("garbage-chunks", act_raw_answer), .accepts = true, .end = PLAY_CLOSE,
     .body = "Transfer-Encoding: chunked\r\n\r\nzz\r\nthis is no chunk\r\n-5\r\n\r\n",
     .members = RAW_MEMBERS},
    {RAW("truncated-chunk", act_raw_answer), .accepts = true, .end = PLAY_CLOSE,
     .body = "Transfer-Encoding: chunked\r\n\r\n40\r\nten bytes.", .members = RAW_MEMBERS},
    {FLOW("gzip-bomb"), .is_bomb = true, .header_name = "Content-Encoding", .header_value = "gzip",
     .members = FLOW_MEMBERS},

    /* Not quite HTTP. */
    {RAW("status-garbage", act_raw), .end = PLAY_CLOSE,
     .body = "HTTP/1.1 abc Fine\r\nContent-Length: 0\r\n\r\n", .members = MANNER_ACCEPT},
    {RAW("http-0.9", act_raw), .end = PLAY_CLOSE, .body = "accepted\n",
     .members = MANNER_ACCEPT | MANNER_BODY},
    {RAW("100-continue-forever", act_raw), .end = PLAY_HOLD, .repeats = true, .interval_ms = 100,
     .body = "HTTP/1.1 100 Continue\r\n\r\n", .members = MANNER_ACCEPT | MANNER_INTERVAL},
    {RAW("two-answers", act_raw), .accepts = true, .end = PLAY_HOLD,
     .body = EMPTY_202 "\r\nHTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
     .members = MANNER_ACCEPT},
    {RAW("keep-alive-then-close", act_raw), .accepts = true, .end = PLAY_CLOSE_ON_REQUEST,
     .body = EMPTY_202 "Connection: keep-alive\r\n\r\n", .members = MANNER_ACCEPT},

    /* Connections that break. */
    {RAW("reset-after-head", act_raw_answer), .accepts = true, .end = PLAY_RESET,
     .body = "Content-Length: 100\r\n\r\n", .members = RAW_MEMBERS},
    {.name = "reset-before-read",
     .stage = STAGE_HEAD,
     .act = act_raw,
     .is_plain_only = true,
     .end = PLAY_RESET},
    {.name = "half-open", .stage = STAGE_CONNECT, .end = PLAY_HOLD, .members = MANNER_DELAY},
    {.name = "tls-handshake-close",
     .stage = STAGE_CONNECT,
     .end = PLAY_CLOSE,
     .waits_for_bytes = true},
    {.name = "tls-old-version",
     .stage = STAGE_CONNECT,
     .end = PLAY_HOLD,
     .waits_for_bytes = true,
     .bytes = 1,
     .members = MANNER_DELAY},
};

/* A ServerHello of TLS 1.1 (RFC 4346): AES128-SHA, no session, no compression. */
static const unsigned char old_server_hello[] = {
    0x16, 0x03, 0x02, 0x00, 0x2a,                   /* record: handshake, 42 bytes */
    0x02, 0x00, 0x00, 0x26,                         /* ServerHello, 38 bytes */
    0x03, 0x02,                                     /* version */
    0x6f, 0x6c, 0x64, 0x20, 0x61, 0x6e, 0x64, 0x20, /* random: 32 bytes */
    0x74, 0x69, 0x72, 0x65, 0x64, 0x20, 0x61, 0x6e, 0x64, 0x20, 0x6f, 0x6c, 0x64, 0x20,
    0x61, 0x6e, 0x64, 0x20, 0x74, 0x69, 0x72, 0x65, 0x64, 0x2e, 0x00, 0x00, 0x2f, 0x00,
};

void misbehaviour_act_on_socket(const struct misbehaviour *misbehaviour,
                                const struct manner *manner, const struct stage *stage, int fd) {
    assert(misbehaviour->stage == STAGE_CONNECT);
    struct play_plan plan = plan_of(misbehaviour, manner);
    if (misbehaviour->bytes > 0) {
        plan.byte_count = sizeof(old_server_hello);
        plan.bytes = calloc(1, plan.byte_count);
        if (plan.bytes == NULL) {
            plan.byte_count = 0;
        } else {
            memcpy(plan.bytes, old_server_hello, plan.byte_count);
        }
    }
    plays_add_fd(stage->plays, fd, &plan);
}

void misbehaviour_act(const struct misbehaviour *misbehaviour, const struct manner *manner,
                      const struct stage *stage, struct exchange *exchange) {
    assert(misbehaviour->act != NULL && !(stage->is_tls && misbehaviour->is_plain_only));
    misbehaviour->act(misbehaviour, manner, stage, exchange);
}

/* ---- The table ------------------------------------------------------------------------------- */

size_t misbehaviour_number(const struct misbehaviour *misbehaviour) {
    return (size_t)(misbehaviour - table) + 1;
}

const char *misbehaviour_name(const struct misbehaviour *misbehaviour) {
    return misbehaviour->name;
}

enum misbehaviour_stage misbehaviour_stage(const struct misbehaviour *misbehaviour) {
    return misbehaviour->stage;
}

unsigned misbehaviour_members(const struct misbehaviour *misbehaviour) {
    return misbehaviour->members;
}

bool misbehaviour_accepts(const struct misbehaviour *misbehaviour) {
    return misbehaviour->accepts;
}

bool misbehaviour_is_plain_only(const struct misbehaviour *misbehaviour) {
    return misbehaviour->is_plain_only;
}

const struct misbehaviour *misbehaviour_at(size_t number) {
    assert(number >= 1 && number <= MISBEHAVIOUR_COUNT);
    return &table[number - 1];
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance; names are cut at NAME_BYTES_MAX. */
static size_t distance(const char *a, const char *b) {
    size_t row[NAME_BYTES_MAX + 1];
    size_t a_length = strnlen(a, NAME_BYTES_MAX), b_length = strnlen(b, NAME_BYTES_MAX);
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b_length];
}

const struct misbehaviour *misbehaviour_find(const char *name,
                                             const struct misbehaviour **nearest_out) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < MISBEHAVIOUR_COUNT; i++) {
        size_t d = distance(name, table[i].name);
        if (strcmp(name, table[i].name) == 0) {
            return &table[i];
        }
        if (d < best) {
            best = d;
            *nearest_out = &table[i];
        }
    }
    return NULL;
}
