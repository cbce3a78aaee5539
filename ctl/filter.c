#include "ctl/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "ctl/find.h"
#include "ctl/suggest.h"

static const char *const statuses[] = {"due",  "waiting", "sending",  "pending",
                                       "sent", "dead",    "cancelled"};
enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

static CHECKED enum err_code check_status(const char *status, struct err *err) {
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(status, statuses[i]) == 0) {
            return ERR_OK;
        }
    }
    const char *meant = suggest_word(status, statuses, STATUS_COUNT);
    return err_set(
        err, ERR_INVALID,
        "--status: no event is ever '%s'%s%s%s: give due, waiting, sending, pending (all "
        "three), sent, dead or cancelled",
        status, meant == NULL ? "" : " (did you mean '", meant == NULL ? "" : meant,
        meant == NULL ? "" : "'?)");
}

/* --older 2h: created before now - 2h. */
static CHECKED enum err_code read_age(const char *flag, const char *text, int64_t now_ms,
                                      int64_t *at_ms_out, struct err *err) {
    int64_t age_ms = 0;
    if (text == NULL) {
        return ERR_OK;
    }
    if (config_parse_duration_ms(text, &age_ms, err) != ERR_OK) {
        return err_wrap(err, "%s", flag);
    }
    *at_ms_out = age_ms < now_ms ? now_ms - age_ms : 1;
    return ERR_OK;
}

static CHECKED enum err_code read_limit(const char *text, int64_t limit_default, int64_t *limit_out,
                                        struct err *err) {
    *limit_out = limit_default;
    if (text == NULL) {
        return ERR_OK;
    }
    if (config_parse_integer(text, limit_out, err) != ERR_OK) {
        return err_wrap(err, "--limit");
    }
    if (*limit_out < 1 || *limit_out > FILTER_LIMIT_MAX) {
        return err_set(err, ERR_INVALID, "--limit: give a number from 1 to %d", FILTER_LIMIT_MAX);
    }
    return ERR_OK;
}

enum err_code filter_parse(struct filter *filter, const struct options *options,
                           int64_t limit_default, int64_t now_ms, struct err *err) {
    *filter = (struct filter){
        .events = {.status = options->status, .metric = options->metric, .error = options->error}};
    enum err_code code = ERR_OK;
    if (options->status != NULL) {
        code = check_status(options->status, err);
    }
    if (code == ERR_OK && options->email != NULL) {
        code = email_normalize(options->email, strlen(options->email), filter->email, err);
        if (code != ERR_OK) {
            return err_wrap(err, "--email");
        }
        filter->events.email = filter->email;
    }
    if (code == ERR_OK) {
        code = read_age("--older", options->older, now_ms, &filter->events.created_before_ms, err);
    }
    if (code == ERR_OK) {
        code = read_age("--newer", options->newer, now_ms, &filter->events.created_after_ms, err);
    }
    if (code == ERR_OK) {
        code = read_limit(options->limit, limit_default, &filter->events.limit, err);
    }
    return code;
}

static CHECKED enum err_code add_ids(struct filter *filter, const struct event_list *events,
                                     struct err *err) {
    size_t count = filter->events.id_count;
    struct ident *ids =
        reallocarray(filter->ids, count + events->event_count + 1, sizeof *filter->ids);
    if (ids == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    for (size_t i = 0; i < events->event_count; i++) {
        bool is_known = false;
        for (size_t known = 0; known < count && !is_known; known++) {
            is_known = strcmp(ids[known].text, events->events[i].id.text) == 0;
        }
        if (!is_known) {
            ids[count++] = events->events[i].id;
        }
    }
    filter->ids = ids;
    filter->events.ids = ids;
    filter->events.id_count = count;
    return ERR_OK;
}

enum err_code filter_find_ids(struct filter *filter, const struct options *options,
                              struct store *store, int64_t now_ms, struct err *err) {
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < options->word_count && code == ERR_OK; i++) {
        struct event_list events = {0};
        code = find_events(store, options->words[i], now_ms, &events, err);
        if (code == ERR_OK && events.event_count == 0) {
            /* No ids would mean every event. */
            code = err_set(err, ERR_NOT_FOUND, "preorder %s has no events", options->words[i]);
        }
        if (code == ERR_OK) {
            code = add_ids(filter, &events, err);
        }
        event_list_release(&events);
    }
    return code;
}

void filter_release(struct filter *filter) {
    free(filter->ids);
    *filter = (struct filter){0};
}
