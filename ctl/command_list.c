#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/filter.h"
#include "ctl/format.h"
#include "ctl/json_view.h"
#include "ctl/state.h"
#include "ctl/table.h"

enum { COLUMN_STATE = 4 };

static void add_event(struct table *table, const struct event_view *event, int64_t now_ms) {
    char attempts[16];
    char age[FORMAT_DURATION_BYTES];
    char error[EVENT_ERROR_BYTES + 8];
    (void)snprintf(attempts, sizeof attempts, "%" PRId32, event->attempts);
    format_duration(now_ms - event->created_at_ms, age);
    if (event->last_http_status != 0) {
        (void)snprintf(error, sizeof error, "%" PRId32 " %s", event->last_http_status,
                       event->last_error);
    } else {
        (void)snprintf(error, sizeof error, "%s", event->last_error);
    }
    const char *state = state_name(event, now_ms);
    const char *const cells[] = {
        event->id.text, event->preorder_number, event->email, event->metric, state, attempts, age,
        error};
    table_add(table, cells);
    table_color(table, COLUMN_STATE, table_state_color(state));
}

static CHECKED enum err_code print_table(const struct ctl *ctl, const struct event_list *events,
                                         struct err *err) {
    static const struct table_column columns[] = {
        {"EVENT", false, false},  {"PREORDER", false, false},   {"E-MAIL", false, false},
        {"METRIC", false, false}, {"STATE", false, false},      {"ATTEMPTS", true, false},
        {"AGE", true, false},     {"LAST ANSWER", false, true},
    };
    struct table *table = NULL;
    enum err_code code =
        table_new(columns, sizeof columns / sizeof columns[0], ctl->colors, &table, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < events->event_count; i++) {
        add_event(table, &events->events[i], ctl->now_ms);
    }
    code = table_print(table, err);
    table_free(table);
    return code;
}

static CHECKED enum err_code print_events(const struct ctl *ctl, const struct options *options,
                                          const struct event_list *events, int64_t limit,
                                          struct err *err) {
    if (options->json) {
        json_t *array = json_array();
        for (size_t i = 0; array != NULL && i < events->event_count; i++) {
            if (json_array_append_new(array, json_of_event(&events->events[i], ctl->now_ms)) != 0) {
                json_decref(array);
                array = NULL;
            }
        }
        return json_print(array, err);
    }
    if (events->event_count == 0) {
        (void)printf("No event matches.\n");
        return ERR_OK;
    }
    enum err_code code = print_table(ctl, events, err);
    if (code == ERR_OK && options->limit == NULL && events->event_count == (size_t)limit) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "These are the newest %" PRId64 "; --limit shows more.\n", limit);
    }
    return code;
}

enum err_code command_list(struct ctl *ctl, const struct options *options, struct err *err) {
    if (options->flagged) {
        return command_list_flagged(ctl, options, err);
    }
    struct filter filter = {0};
    struct event_list events = {0};
    /* Who names events wants all of them. */
    int64_t limit_default = options->word_count > 0 ? FILTER_LIMIT_MAX : LIST_LIMIT_DEFAULT;
    enum err_code code = filter_parse(&filter, options, limit_default, ctl->now_ms, err);
    if (code == ERR_OK) {
        code = filter_find_ids(&filter, options, ctl->store, ctl->now_ms, err);
    }
    if (code == ERR_OK) {
        code = store_list_events(ctl->store, &filter.events, ctl->now_ms, &events, err);
    }
    if (code == ERR_OK) {
        code = print_events(ctl, options, &events, filter.events.limit, err);
    }
    event_list_release(&events);
    filter_release(&filter);
    return code;
}
