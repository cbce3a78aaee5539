/*
 * retry and cancel: first how many events are meant, then a yes, then the change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/actor.h"
#include "ctl/command.h"
#include "ctl/confirm.h"
#include "ctl/filter.h"
#include "ctl/json_view.h"
#include "ctl/state.h"

struct action {
    const char *name;     /* "retry" */
    const char *done;     /* "Retried" */
    const char *rule;     /* which events it can change */
    const char *statuses; /* what --status may be, between blanks */
    enum err_code (*change)(struct store *store, const struct repair *repair, int64_t *count_out,
                            struct err *err);
};

static const struct action retry_action = {"retry", "Retried", "only dead events can be retried",
                                           " dead ", store_retry_events};
static const struct action cancel_action = {
    "cancel", "Cancelled",
    "only events that are due, waiting or dead can be cancelled; one that is being sent may be on "
    "its way to Klaviyo",
    " due waiting pending dead ", store_cancel_events};

static CHECKED enum err_code check_usage(const struct action *action, const struct options *options,
                                         struct err *err) {
    if (!options_name_events(options)) {
        return err_set(err, ERR_INVALID,
                       "say which events to %s: ids, or a filter such as --status dead "
                       "(preorderctl %s --help)",
                       action->name, action->name);
    }
    if (options->status != NULL) {
        char word[32];
        (void)snprintf(word, sizeof word, " %s ", options->status);
        if (strstr(action->statuses, word) == NULL) {
            return err_set(err, ERR_INVALID, "--status %s: %s", options->status, action->rule);
        }
    }
    return ERR_OK;
}

static CHECKED enum err_code confirm_count(const struct action *action,
                                           const struct options *options, int64_t count,
                                           struct err *err) {
    char act[64];
    (void)snprintf(act, sizeof act, "%s %" PRId64 " event%s", action->name, count,
                   count == 1 ? "" : "s");
    return confirm(options, act, err);
}

/* Events that were named one by one, yet none of them can be changed: say how the first stands. */
static CHECKED enum err_code refuse_named(const struct ctl *ctl, const struct action *action,
                                          const struct filter *filter, struct err *err) {
    struct event_filter first = {.ids = filter->ids, .id_count = 1};
    struct event_list events = {0};
    enum err_code code = store_list_events(ctl->store, &first, ctl->now_ms, &events, err);
    if (code == ERR_OK && events.event_count == 1) {
        code = err_set(err, ERR_CONFLICT, "nothing to %s: event %s is %s; %s", action->name,
                       events.events[0].id.text, state_name(&events.events[0], ctl->now_ms),
                       action->rule);
    } else if (code == ERR_OK) {
        code = err_set(err, ERR_CONFLICT, "nothing to %s: %s", action->name, action->rule);
    }
    event_list_release(&events);
    return code;
}

/* How many of those meant are in a worker's hands and were left alone. */
static CHECKED enum err_code count_sending(const struct ctl *ctl, const struct filter *filter,
                                           int64_t *count_out, struct err *err) {
    struct event_filter sending = filter->events;
    struct event_list events = {0};
    *count_out = 0;
    if (sending.status != NULL && strcmp(sending.status, "pending") != 0) {
        return ERR_OK;
    }
    sending.status = "sending";
    enum err_code code = store_list_events(ctl->store, &sending, ctl->now_ms, &events, err);
    *count_out = (int64_t)events.event_count;
    event_list_release(&events);
    return code;
}

static CHECKED enum err_code print_result(const struct action *action,
                                          const struct options *options, int64_t count,
                                          int64_t sending_count, struct err *err) {
    const char *plural = count == 1 ? "" : "s";
    if (options->json) {
        return json_print(json_pack("{s:s, s:b, s:I, s:I}", "action", action->name, "dry_run",
                                    options->dry_run ? 1 : 0, "count", (json_int_t)count,
                                    "left_alone", (json_int_t)sending_count),
                          err);
    }
    if (options->dry_run) {
        (void)printf("Would %s %" PRId64 " event%s.\n", action->name, count, plural);
    } else if (count == 0) {
        (void)printf("No event matches: nothing was changed.\n");
    } else {
        (void)printf("%s %" PRId64 " event%s.\n", action->done, count, plural);
    }
    if (sending_count > 0) {
        (void)printf("Left alone, because a worker has them in hand right now: %" PRId64 ".\n",
                     sending_count);
    }
    return ERR_OK;
}

static CHECKED enum err_code change(const struct ctl *ctl, const struct action *action,
                                    const struct options *options, const struct filter *filter,
                                    struct err *err) {
    char actor[ACTOR_BYTES];
    actor_name(actor);
    struct repair repair = {
        .filter = filter->events,
        .actor = actor,
        .reason = options->reason == NULL ? "" : options->reason,
        .now_ms = ctl->now_ms,
        .dry_run = true,
    };
    int64_t count = 0;
    int64_t sending_count = 0;
    enum err_code code = action->change(ctl->store, &repair, &count, err);
    if (code == ERR_OK && action == &cancel_action) {
        code = count_sending(ctl, filter, &sending_count, err);
    }
    if (code == ERR_OK && count == 0 && filter->events.id_count > 0 && !options->dry_run) {
        return refuse_named(ctl, action, filter, err);
    }
    if (code != ERR_OK || options->dry_run || count == 0) {
        return code == ERR_OK ? print_result(action, options, count, sending_count, err) : code;
    }
    code = confirm_count(action, options, count, err);
    if (code != ERR_OK) {
        return code;
    }
    repair.dry_run = false;
    repair.now_ms = clock_wall_ms(ctl->store_options.clock); /* the question took its time */
    code = action->change(ctl->store, &repair, &count, err);
    if (code != ERR_OK) {
        return err_wrap(err, "%s %" PRId64 " events (they stay so; run it again for the rest)",
                        action->done, count);
    }
    return print_result(action, options, count, sending_count, err);
}

static CHECKED enum err_code repair(struct ctl *ctl, const struct action *action,
                                    const struct options *options, struct err *err) {
    struct filter filter = {0};
    enum err_code code = check_usage(action, options, err);
    if (code == ERR_OK) {
        code = filter_parse(&filter, options, 0, ctl->now_ms, err);
    }
    if (code == ERR_OK) {
        code = filter_find_ids(&filter, options, ctl->store, ctl->now_ms, err);
    }
    if (code == ERR_OK) {
        code = change(ctl, action, options, &filter, err);
    }
    filter_release(&filter);
    return code;
}

enum err_code command_retry(struct ctl *ctl, const struct options *options, struct err *err) {
    return repair(ctl, &retry_action, options, err);
}

enum err_code command_cancel(struct ctl *ctl, const struct options *options, struct err *err) {
    return repair(ctl, &cancel_action, options, err);
}
