#include "worker/verdict.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>

#include "common/clock.h"
#include "worker/backoff.h"
#include "worker/clean.h"
#include "worker/retry_after.h"

enum ruling {
    RULING_SENT,
    RULING_DEAD,         /* the event's fault */
    RULING_REFUSED,      /* the event's fault, unless too many are at fault in a row */
    RULING_RETRY,        /* the moment's fault */
    RULING_PROBE_FAILED, /* any of these three, of a probe */
    RULING_THROTTLED,    /* the account waits */
    RULING_FORBIDDEN,    /* depends on who says so */
    RULING_OPERATOR,     /* the account is paused until a person helps or a probe goes through */
};

struct rule {
    int32_t first, last; /* HTTP statuses */
    enum ruling ruling;
    const char *advice; /* for RULING_OPERATOR: what the operator may do */
};

/* The table. A status that is not in it is the operator's business. */
static const struct rule rules[] = {
    {200, 299, RULING_SENT, NULL},
    {300, 399, RULING_OPERATOR, "redirects are never followed: check KLAVIYO_BASE_URL"},
    {400, 400, RULING_REFUSED, NULL},
    {401, 401, RULING_OPERATOR, "check KLAVIYO_API_KEY"},
    {402, 402, RULING_OPERATOR, "check the Klaviyo account's billing"},
    {403, 403, RULING_FORBIDDEN, "the key needs the scope events:write"},
    {404, 404, RULING_OPERATOR, "check KLAVIYO_BASE_URL"},
    {405, 405, RULING_OPERATOR, "check KLAVIYO_BASE_URL"},
    {408, 408, RULING_RETRY, NULL},
    {409, 409, RULING_DEAD, NULL},
    {410, 410, RULING_OPERATOR, "the revision is retired: check KLAVIYO_REVISION"},
    {413, 413, RULING_DEAD, NULL},
    {415, 415, RULING_OPERATOR, "something between here and Klaviyo changes requests"},
    {422, 422, RULING_DEAD, NULL},
    {425, 425, RULING_RETRY, NULL},
    {429, 429, RULING_THROTTLED, NULL},
    {500, 599, RULING_RETRY, NULL}, /* Klaviyo's and, from 520 on, Cloudflare's */
};
static const struct rule unforeseen = {0, 0, RULING_OPERATOR, "an answer nobody foresaw"};
static const struct rule too_many_refused = {
    400, 400, RULING_OPERATOR, "ten different events in a row were refused: a bad deploy?"};

/* What it means when no answer came. */
static const struct rule no_answer[TRANSPORT_CODES] = {
    [TRANSPORT_OK] = {0, 0, RULING_OPERATOR, "no status"},
    [TRANSPORT_TIMEOUT] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_DNS] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_CONNECT] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_TLS_HANDSHAKE] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_CERTIFICATE] = {0, 0, RULING_OPERATOR, "check KLAVIYO_CA_FILE and the clock"},
    [TRANSPORT_RESET] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_PROTOCOL] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_TOO_LARGE] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_LOCAL] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_STOPPED] = {0, 0, RULING_RETRY, NULL},
    [TRANSPORT_OTHER] = {0, 0, RULING_OPERATOR, "a failure nobody foresaw"},
};

/* "application/json", "application/vnd.api+json; charset=utf-8", in any case. */
static bool says_json(const char *content_type) {
    for (const char *at = content_type; *at != '\0' && *at != ';'; at++) {
        if (strncasecmp(at, "json", 4) == 0) {
            return true;
        }
    }
    return false;
}

static bool says_html(const char *content_type) {
    return strncasecmp(content_type, "text/html", 9) == 0;
}

/* A 403 in HTML is Klaviyo's front door shedding load or asking for a browser, not Klaviyo. */
static enum ruling rule_forbidden(const struct transport_answer *answer) {
    bool is_front_door = answer->is_mitigated || says_html(answer->content_type);
    return is_front_door && !says_json(answer->content_type) ? RULING_RETRY : RULING_OPERATOR;
}

static const struct rule *find_rule(const struct transport_answer *answer, int32_t refused_streak) {
    if (answer->http_status == 0) {
        return &no_answer[answer->code];
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (answer->http_status >= rules[i].first && answer->http_status <= rules[i].last) {
            bool is_too_many = rules[i].ruling == RULING_REFUSED &&
                               refused_streak + 1 >= VERDICT_REFUSED_STREAK_MAX;
            return is_too_many ? &too_many_refused : &rules[i];
        }
    }
    return &unforeseen;
}

/* "400: detail (pointer)", or what the wire says. */
static void describe(const struct transport_answer *answer, const struct answer *words, char *text,
                     size_t text_bytes) {
    char line[EVENT_ERROR_BYTES];
    if (answer->http_status == 0) {
        (void)snprintf(line, sizeof line, "%s%s%s", transport_code_name(answer->code),
                       answer->error[0] == '\0' ? "" : ": ", answer->error);
    } else {
        (void)snprintf(line, sizeof line, "Klaviyo answered %d%s%s%s%s%s", answer->http_status,
                       words->detail[0] == '\0' ? "" : ": ", words->detail,
                       words->pointer[0] == '\0' ? "" : " (", words->pointer,
                       words->pointer[0] == '\0' ? "" : ")");
    }
    clean_line(line, text, text_bytes);
}

/* How long the answer asks to wait; false if it does not, or asks for what cannot be believed. */
static bool read_asked_wait(const struct transport_answer *answer, int64_t now_ms,
                            int64_t *wait_ms_out) {
    return retry_after_parse(answer->retry_after, now_ms, wait_ms_out) &&
           *wait_ms_out <= VERDICT_ASKED_MS_MAX;
}

/* Puts why before the error and buries the event. */
static void bury(struct verdict *verdict, const char *why) {
    char line[EVENT_ERROR_BYTES + 128];
    (void)snprintf(line, sizeof line, "%s%s%s", why, verdict->error[0] == '\0' ? "" : ": ",
                   verdict->error);
    clean_line(line, verdict->error, sizeof verdict->error);
    verdict->outcome = OUTCOME_DEAD;
    verdict->next_attempt_at_ms = 0;
}

/* True if the event has had all the attempts or all the time it may have; says which. */
static bool is_at_the_end(const struct verdict_policy *policy,
                          const struct verdict_context *context, char *why, size_t why_bytes) {
    int64_t age_ms = context->first_attempt_at_ms > 0
                         ? context->now_ms - context->first_attempt_at_ms - context->held_ms
                         : 0;
    int length = 0;
    if (context->attempts >= policy->retry_attempts_max) {
        length = snprintf(why, why_bytes, "given up after %d attempts", context->attempts);
    } else if (age_ms >= policy->retry_age_max_ms) {
        length = snprintf(why, why_bytes, "given up after %" PRId64 " s", age_ms / MS_PER_S);
    }
    return length > 0;
}

static void judge_retry(const struct verdict_policy *policy, const struct transport_answer *answer,
                        const struct verdict_context *context, const struct random *random,
                        struct verdict *verdict) {
    char why[64];
    verdict->is_burnt = !context->is_probe;
    if (!context->is_probe && is_at_the_end(policy, context, why, sizeof why)) {
        bury(verdict, why);
        return;
    }
    int64_t wait_ms =
        backoff_wait_ms(policy->retry_base_ms, policy->retry_max_ms, context->attempts, random);
    int64_t asked_ms = 0;
    if (read_asked_wait(answer, context->now_ms, &asked_ms) && asked_ms > wait_ms) {
        wait_ms = asked_ms;
    }
    verdict->outcome = OUTCOME_RETRY;
    verdict->next_attempt_at_ms = context->now_ms + wait_ms;
}

/* A failed probe burns nothing and buries nothing. Its event stands back by an interval, so that the
   next probe is another's: one bad event cannot keep the account paused. */
static void judge_failed_probe(const struct verdict_policy *policy,
                               const struct transport_answer *answer, int64_t now_ms,
                               struct verdict *verdict) {
    int64_t wait_ms = policy->probe_interval_ms;
    int64_t asked_ms = 0;
    if (read_asked_wait(answer, now_ms, &asked_ms) && asked_ms > wait_ms) {
        wait_ms = asked_ms;
    }
    verdict->outcome = OUTCOME_RETRY;
    verdict->next_attempt_at_ms = now_ms + wait_ms;
}

static void judge_throttled(const struct transport_answer *answer, int64_t now_ms,
                            struct verdict *verdict) {
    int64_t wait_ms = 0;
    if (!read_asked_wait(answer, now_ms, &wait_ms)) {
        wait_ms = VERDICT_WINDOW_MS;
    } else if (wait_ms < VERDICT_THROTTLE_MS_MIN) {
        wait_ms = VERDICT_THROTTLE_MS_MIN;
    }
    verdict->outcome = OUTCOME_THROTTLED;
    verdict->next_attempt_at_ms = now_ms + wait_ms;
    verdict->account_not_before_ms = now_ms + wait_ms;
}

static void judge_paused(const struct verdict_policy *policy, const char *advice, int64_t now_ms,
                         struct verdict *verdict) {
    char line[EVENT_ERROR_BYTES + VERDICT_REASON_BYTES];
    (void)snprintf(line, sizeof line, "%s: %s", advice, verdict->error);
    clean_line(line, verdict->pause_reason, sizeof verdict->pause_reason);
    verdict->outcome = OUTCOME_PAUSED;
    verdict->next_attempt_at_ms = now_ms + policy->probe_interval_ms;
    verdict->account_not_before_ms = now_ms + policy->probe_interval_ms;
}

/* Whether Klaviyo may have the event although no success came. What was refused was not taken, and
   what never got a connection did not arrive. */
static bool is_unsure(const struct transport_answer *answer) {
    if (answer->http_status != 0) {
        return answer->http_status >= 500 || answer->http_status == 408;
    }
    switch (answer->code) {
    case TRANSPORT_DNS:
    case TRANSPORT_CONNECT:
    case TRANSPORT_TLS_HANDSHAKE:
    case TRANSPORT_CERTIFICATE:
        return false;
    case TRANSPORT_OK:
    case TRANSPORT_TIMEOUT:
    case TRANSPORT_RESET:
    case TRANSPORT_PROTOCOL:
    case TRANSPORT_TOO_LARGE:
    case TRANSPORT_LOCAL:
    case TRANSPORT_STOPPED:
    case TRANSPORT_OTHER:
        break;
    }
    return true;
}

void verdict_judge(const struct verdict_policy *policy, const struct transport_answer *answer,
                   const struct answer *words, const struct verdict_context *context,
                   const struct random *random, struct verdict *verdict_out) {
    const struct rule *rule = find_rule(answer, context->refused_streak);
    enum ruling ruling = rule->ruling == RULING_FORBIDDEN ? rule_forbidden(answer) : rule->ruling;
    /* What this process or its end broke says nothing about Klaviyo. */
    bool is_ours = answer->code == TRANSPORT_LOCAL || answer->code == TRANSPORT_STOPPED;
    bool is_failure = ruling == RULING_RETRY && (answer->http_status != 0 || !is_ours);
    if (context->is_pause_probe &&
        (ruling == RULING_DEAD || ruling == RULING_REFUSED || ruling == RULING_RETRY)) {
        ruling = RULING_PROBE_FAILED;
    }
    *verdict_out = (struct verdict){
        .is_refused = answer->http_status == 400,
        .is_failure = is_failure,
        .is_unsure = is_unsure(answer),
    };
    if (ruling != RULING_SENT) {
        describe(answer, words, verdict_out->error, sizeof verdict_out->error);
    }
    switch (ruling) {
    case RULING_SENT:
        verdict_out->outcome = OUTCOME_SENT;
        verdict_out->is_burnt = true;
        break;
    case RULING_DEAD:
    case RULING_REFUSED:
        verdict_out->outcome = OUTCOME_DEAD;
        verdict_out->is_burnt = true;
        break;
    case RULING_RETRY:
        judge_retry(policy, answer, context, random, verdict_out);
        break;
    case RULING_PROBE_FAILED:
        judge_failed_probe(policy, answer, context->now_ms, verdict_out);
        break;
    case RULING_THROTTLED:
        judge_throttled(answer, context->now_ms, verdict_out);
        break;
    case RULING_FORBIDDEN:
    case RULING_OPERATOR:
        judge_paused(policy, rule->advice, context->now_ms, verdict_out);
        break;
    }
}

bool verdict_is_used_up(const struct verdict_policy *policy, const struct verdict_context *context,
                        struct verdict *verdict_out) {
    if (context->attempts <= policy->retry_attempts_max) {
        return false;
    }
    *verdict_out = (struct verdict){0};
    bury(verdict_out, "given up: every attempt is used, and no worker lived to judge the last one");
    return true;
}
