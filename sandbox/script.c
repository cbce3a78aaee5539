#include "sandbox/script.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RULES_MAX = 100000, DELAY_MS_MAX = 24 * 60 * 60 * 1000 };
static const int64_t bytes_most = (int64_t)1 << 40;

struct rule {
    const struct misbehaviour *misbehaviour;
    struct manner manner;                 /* its texts point into the script's JSON */
    int64_t nth;                          /* 0: any */
    int64_t times;                        /* 0: no end */
    const char *unique_id, *email, *path; /* NULL: any */
    int64_t used_count;
};

struct script {
    json_t *root;
    struct rule *rules;
    size_t rule_count;
    unsigned stages; /* bit set */
};

/* ---- Reading --------------------------------------------------------------------------------- */

static enum err_code read_integer(const json_t *json, const char *name, int64_t minimum,
                                  int64_t maximum, int64_t *value_out, struct err *err) {
    const json_t *value = json_object_get(json, name);
    if (value == NULL) {
        return ERR_OK;
    }
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < minimum || number > maximum) {
        return err_set(err, ERR_INVALID, "\"%s\" must be a whole number from %lld to %lld", name,
                       (long long)minimum, (long long)maximum);
    }
    *value_out = number;
    return ERR_OK;
}

static enum err_code read_text(const json_t *json, const char *name, const char **text_out,
                               struct err *err) {
    const json_t *value = json_object_get(json, name);
    if (value == NULL) {
        return ERR_OK;
    }
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "\"%s\" must be a string", name);
    }
    *text_out = json_string_value(value);
    return ERR_OK;
}

static enum err_code check_names(json_t *json, const char *const *names, const char *where,
                                 struct err *err) {
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0) {
            i++;
        }
        if (names[i] == NULL) {
            return err_set(err, ERR_INVALID, "%s has no member \"%.64s\"", where, key);
        }
    }
    return ERR_OK;
}

static enum err_code read_match(const json_t *json, struct rule *rule, struct err *err) {
    static const char *const names[] = {"nth", "unique_id", "email", "path", "times", NULL};
    json_t *match = json_object_get(json, "match");
    if (match == NULL) {
        return ERR_OK;
    }
    if (!json_is_object(match)) {
        return err_set(err, ERR_INVALID, "\"match\" must be an object");
    }
    enum err_code code = check_names(match, names, "\"match\"", err);
    if (code == ERR_OK) {
        code = read_integer(match, "nth", 1, INT64_MAX / 2, &rule->nth, err);
    }
    if (code == ERR_OK) {
        code = read_integer(match, "times", 0, INT64_MAX / 2, &rule->times, err);
    }
    if (code == ERR_OK) {
        code = read_text(match, "unique_id", &rule->unique_id, err);
    }
    if (code == ERR_OK) {
        code = read_text(match, "email", &rule->email, err);
    }
    if (code == ERR_OK) {
        code = read_text(match, "path", &rule->path, err);
    }
    return code;
}

static bool is_header_name(const char *name) {
    return name[0] != '\0' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               strlen(name);
}

static bool is_header_value(const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return strlen(value) < REPLY_HEADER_VALUE_BYTES;
}

/* A header that contradicts the server's own framing is a misbehaviour of its own. */
static bool is_framing(const char *name) {
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
}

static enum err_code read_headers(const json_t *json, struct manner *manner, struct err *err) {
    json_t *headers = json_object_get(json, "headers");
    const char *name;
    json_t *value;
    if (headers == NULL) {
        return ERR_OK;
    }
    if (!json_is_object(headers) || json_object_size(headers) > MANNER_HEADERS_MAX) {
        return err_set(err, ERR_INVALID, "\"headers\" must be an object of at most %d members",
                       MANNER_HEADERS_MAX);
    }
    json_object_foreach(headers, name, value) {
        const char *text = json_string_value(value);
        if (text != NULL && is_framing(name)) {
            return err_set(err, ERR_INVALID,
                           "\"headers\" must not have \"%s\"; short-body, long-body and "
                           "garbage-chunks get it wrong",
                           name);
        }
        if (text == NULL || !is_header_name(name) || !is_header_value(text)) {
            return err_set(err, ERR_INVALID,
                           "\"headers\" has no usable name and value at \"%.64s\"", name);
        }
        manner->headers[manner->header_count].name = name;
        manner->headers[manner->header_count++].value = text;
    }
    return ERR_OK;
}

static enum err_code read_accept(const json_t *json, struct manner *manner, struct err *err) {
    const json_t *accept = json_object_get(json, "accept");
    if (accept == NULL) {
        return ERR_OK;
    }
    if (!json_is_boolean(accept)) {
        return err_set(err, ERR_INVALID, "\"accept\" must be true or false");
    }
    manner->accepts = json_is_true(accept);
    return ERR_OK;
}

static enum err_code read_numbers(const json_t *json, struct manner *manner, struct err *err) {
    int64_t status = 0;
    enum err_code code = read_integer(json, "status", 200, 599, &status, err);
    if (code == ERR_OK) {
        code = read_integer(json, "delay_ms", 1, DELAY_MS_MAX, &manner->delay_ms, err);
    }
    if (code == ERR_OK) {
        code = read_integer(json, "interval_ms", 1, DELAY_MS_MAX, &manner->interval_ms, err);
    }
    if (code == ERR_OK) {
        code = read_integer(json, "bytes", 1, bytes_most, &manner->bytes, err);
    }
    if (code == ERR_OK) {
        code = read_integer(json, "retry_after", 0, INT32_MAX, &manner->retry_after_s, err);
    }
    manner->status = (int)status;
    return code;
}

static enum err_code read_manner(const json_t *json, struct manner *manner, struct err *err) {
    enum err_code code = read_numbers(json, manner, err);
    if (code == ERR_OK) {
        code = read_text(json, "body", &manner->body, err);
    }
    if (code == ERR_OK) {
        code = read_text(json, "location", &manner->location, err);
    }
    if (code == ERR_OK) {
        code = read_headers(json, manner, err);
    }
    if (code == ERR_OK) {
        code = read_accept(json, manner, err);
    }
    if (code == ERR_OK && manner->location != NULL && !is_header_value(manner->location)) {
        code = err_set(err, ERR_INVALID, "\"location\" is too long or has control characters");
    }
    return code;
}

/* A member that the misbehaviour does not take would be silently without effect. */
static enum err_code check_members(json_t *json, const struct misbehaviour *misbehaviour,
                                   struct err *err) {
    static const struct {
        const char *name;
        unsigned bit;
    } members[] = {
        {"status", MANNER_STATUS},
        {"headers", MANNER_HEADERS},
        {"body", MANNER_BODY},
        {"delay_ms", MANNER_DELAY},
        {"interval_ms", MANNER_INTERVAL},
        {"bytes", MANNER_BYTES},
        {"retry_after", MANNER_RETRY_AFTER},
        {"location", MANNER_LOCATION},
        {"accept", MANNER_ACCEPT},
    };
    enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };
    const char *names[MEMBER_COUNT + 3] = {"match", "do"};
    size_t count = 2;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if ((misbehaviour_members(misbehaviour) & members[i].bit) != 0) {
            names[count++] = members[i].name;
        }
    }
    return check_names(json, names, misbehaviour_name(misbehaviour), err);
}

static enum err_code find_misbehaviour(const json_t *json, bool is_tls, struct rule *rule,
                                       struct err *err) {
    const char *name = json_string_value(json_object_get(json, "do"));
    const struct misbehaviour *nearest = NULL;
    if (name == NULL) {
        return err_set(err, ERR_INVALID, "\"do\" must name a misbehaviour");
    }
    rule->misbehaviour = misbehaviour_find(name, &nearest);
    if (rule->misbehaviour == NULL) {
        return err_set(err, ERR_INVALID,
                       "there is no misbehaviour \"%.64s\"; the nearest is \"%s\"", name,
                       misbehaviour_name(nearest));
    }
    if (is_tls && misbehaviour_is_plain_only(rule->misbehaviour)) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" needs the bare socket, which there is not with TLS; leave out "
                       "--tls-cert",
                       name);
    }
    return ERR_OK;
}

static enum err_code check_stage(const struct rule *rule, struct err *err) {
    enum misbehaviour_stage stage = misbehaviour_stage(rule->misbehaviour);
    bool wants_body = rule->unique_id != NULL || rule->email != NULL;
    if ((stage == STAGE_HEAD && wants_body) ||
        (stage == STAGE_CONNECT && (wants_body || rule->path != NULL))) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" happens before that part of a request is read; match it by "
                       "\"nth\"",
                       misbehaviour_name(rule->misbehaviour));
    }
    return ERR_OK;
}

static enum err_code read_rule(json_t *json, bool is_tls, struct rule *rule, struct err *err) {
    *rule = (struct rule){.times = 1};
    rule->manner =
        (struct manner){.delay_ms = -1, .interval_ms = -1, .bytes = -1, .retry_after_s = -1};
    if (!json_is_object(json)) {
        return err_set(err, ERR_INVALID, "a rule must be an object");
    }
    enum err_code code = find_misbehaviour(json, is_tls, rule, err);
    if (code == ERR_OK) {
        code = check_members(json, rule->misbehaviour, err);
    }
    if (code == ERR_OK) {
        rule->manner.accepts = misbehaviour_accepts(rule->misbehaviour);
        code = read_manner(json, &rule->manner, err);
    }
    if (code == ERR_OK) {
        code = read_match(json, rule, err);
    }
    return code == ERR_OK ? check_stage(rule, err) : code;
}

static enum err_code read_rules(struct script *script, bool is_tls, struct err *err) {
    size_t count = json_array_size(script->root);
    if (!json_is_array(script->root) || count > RULES_MAX) {
        return err_set(err, ERR_INVALID, "must be a list of at most %d rules", RULES_MAX);
    }
    script->rules = calloc(count + 1, sizeof(*script->rules));
    if (script->rules == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for %zu rules", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct rule *rule = &script->rules[script->rule_count++];
        if (read_rule(json_array_get(script->root, i), is_tls, rule, err) != ERR_OK) {
            return err_wrap(err, "rule %zu", i + 1);
        }
        script->stages |= 1u << misbehaviour_stage(rule->misbehaviour);
    }
    return ERR_OK;
}

enum err_code script_load(const char *path, bool is_tls, struct script **script_out,
                          struct err *err) {
    assert(path != NULL && script_out != NULL);
    struct script *script = calloc(1, sizeof(*script));
    if (script == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for the script");
    }
    json_error_t error;
    script->root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    enum err_code code = ERR_OK;
    if (script->root == NULL) {
        code = error.line < 0 ? err_set(err, ERR_INVALID, "%s", error.text)
                              : err_set(err, ERR_INVALID, "line %d: %s", error.line, error.text);
    } else {
        code = read_rules(script, is_tls, err);
    }
    if (code != ERR_OK) {
        script_free(script);
        return err_wrap(err, "script %s", path);
    }
    *script_out = script;
    return ERR_OK;
}

void script_free(struct script *script) {
    if (script == NULL) {
        return;
    }
    json_decref(script->root);
    free(script->rules);
    free(script);
}

/* ---- Matching -------------------------------------------------------------------------------- */

static bool is_its_turn(const struct rule *rule, int64_t number) {
    if (rule->nth == 0) {
        return rule->times == 0 || rule->used_count < rule->times;
    }
    return number >= rule->nth && (rule->times == 0 || number < rule->nth + rule->times);
}

static bool is_its_event(const struct rule *rule, const struct event *event) {
    return (rule->unique_id == NULL ||
            (event->unique_id != NULL && strcmp(event->unique_id, rule->unique_id) == 0)) &&
           (rule->email == NULL ||
            (event->email != NULL && strncmp(event->email, rule->email, strlen(rule->email)) == 0));
}

static bool is_its_body(const struct rule *rule, const struct reading *reading) {
    if (rule->unique_id == NULL && rule->email == NULL) {
        return true;
    }
    for (size_t i = 0; reading != NULL && i < reading->event_count; i++) {
        if (is_its_event(rule, &reading->events[i])) {
            return true;
        }
    }
    return false;
}

bool script_has_stage(const struct script *script, enum misbehaviour_stage stage) {
    return script != NULL && (script->stages & (1u << stage)) != 0;
}

struct rule *script_match(struct script *script, enum misbehaviour_stage stage,
                          const struct occasion *occasion) {
    if (!script_has_stage(script, stage)) {
        return NULL;
    }
    for (size_t i = 0; i < script->rule_count; i++) {
        struct rule *rule = &script->rules[i];
        if (misbehaviour_stage(rule->misbehaviour) == stage &&
            is_its_turn(rule, occasion->number) &&
            (rule->path == NULL || strcmp(rule->path, occasion->path) == 0) &&
            is_its_body(rule, occasion->reading)) {
            return rule;
        }
    }
    return NULL;
}

void rule_use(struct rule *rule) {
    rule->used_count++;
}

const struct misbehaviour *rule_misbehaviour(const struct rule *rule) {
    return rule->misbehaviour;
}

const struct manner *rule_manner(const struct rule *rule) {
    return &rule->manner;
}
