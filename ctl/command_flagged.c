/*
 * list --flagged: the preorders that wait for a person.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/filter.h"
#include "ctl/format.h"
#include "ctl/json_view.h"
#include "ctl/table.h"

static CHECKED enum err_code check_usage(const struct options *options, struct err *err) {
    if (options_name_events(options)) {
        return err_set(err, ERR_INVALID,
                       "--flagged lists preorders, not events: of the filter it takes only "
                       "--limit");
    }
    return ERR_OK;
}

static CHECKED enum err_code print_table(const struct ctl *ctl, const struct preorder_list *list,
                                         struct err *err) {
    static const struct table_column columns[] = {
        {"PREORDER", false, false}, {"E-MAIL", false, false}, {"STATUS", false, false},
        {"AMOUNT", true, false},    {"SINCE", true, false},   {"FLAG", false, true},
    };
    struct table *table = NULL;
    enum err_code code =
        table_new(columns, sizeof columns / sizeof columns[0], ctl->colors, &table, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < list->preorder_count; i++) {
        const struct preorder_view *preorder = &list->preorders[i];
        char amount[FORMAT_AMOUNT_BYTES];
        char since[FORMAT_DURATION_BYTES];
        format_amount(preorder->amount, preorder->currency, amount);
        format_duration(ctl->now_ms - preorder->updated_at_ms, since);
        const char *const cells[] = {preorder->number, preorder->email, preorder->status,
                                     amount,           since,           preorder->flag};
        table_add(table, cells);
    }
    code = table_print(table, err);
    table_free(table);
    return code;
}

static CHECKED enum err_code print_preorders(const struct ctl *ctl, const struct options *options,
                                             const struct preorder_list *list, int64_t limit,
                                             struct err *err) {
    if (options->json) {
        json_t *array = json_array();
        for (size_t i = 0; array != NULL && i < list->preorder_count; i++) {
            if (json_array_append_new(array, json_of_preorder(&list->preorders[i])) != 0) {
                json_decref(array);
                array = NULL;
            }
        }
        return json_print(array, err);
    }
    if (list->preorder_count == 0) {
        (void)printf("No preorder is flagged.\n");
        return ERR_OK;
    }
    enum err_code code = print_table(ctl, list, err);
    if (code == ERR_OK) {
        (void)printf(
            "\nTo look: preorderctl show PREORDER. To complete one all the same, or "
            "to clear the flag of one that is completed: preorderctl accept-payment PREORDER\n");
    }
    if (code == ERR_OK && options->limit == NULL && list->preorder_count == (size_t)limit) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "These are the first %" PRId64 "; --limit shows more.\n", limit);
    }
    return code;
}

enum err_code command_list_flagged(struct ctl *ctl, const struct options *options,
                                   struct err *err) {
    struct filter filter = {0};
    struct preorder_list list = {0};
    enum err_code code = check_usage(options, err);
    if (code == ERR_OK) {
        code = filter_parse(&filter, options, LIST_LIMIT_DEFAULT, ctl->now_ms, err);
    }
    if (code == ERR_OK) {
        code = store_list_flagged(ctl->store, filter.events.limit, &list, err);
    }
    if (code == ERR_OK) {
        code = print_preorders(ctl, options, &list, filter.events.limit, err);
    }
    preorder_list_release(&list);
    filter_release(&filter);
    return code;
}
