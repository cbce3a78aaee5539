/*
 * accept-payment: a person takes a payment that did not match its preorder, or gave it back.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/actor.h"
#include "ctl/command.h"
#include "ctl/confirm.h"
#include "ctl/find.h"
#include "ctl/format.h"
#include "ctl/json_view.h"

/* What it does, for the question and the dry run. */
static void describe(const struct options *options, const struct preorder_view *preorder,
                     const struct acceptance_report *report, char *text, size_t text_bytes) {
    char flag[PAYMENT_FLAG_BYTES];
    format_safe(report->flag, strlen(report->flag), flag, sizeof flag);
    bool completes = !options->refunded && report->status_before != PREORDER_COMPLETED;
    (void)snprintf(text, text_bytes, "%s preorder %s (%s)%s",
                   completes ? "complete" : "clear the flag of", preorder->number, flag,
                   report->has_event ? " and send Preorder Completed" : "");
}

static json_t *json_of_report(const struct options *options, const struct preorder_view *preorder,
                              const struct acceptance_report *report) {
    bool completes = !options->refunded && report->status_before != PREORDER_COMPLETED;
    return json_pack("{s:s, s:b, s:b, s:s, s:o, s:o, s:s, s:b, s:o}", "action", "accept-payment",
                     "dry_run", options->dry_run ? 1 : 0, "refunded", options->refunded ? 1 : 0,
                     "id", preorder->id.text, "number", json_of_text(preorder->number), "flag",
                     json_of_text(report->flag), "status_before",
                     preorder_status_name(report->status_before), "completes", completes ? 1 : 0,
                     "event_id", json_of_text(report->event_id.text));
}

static CHECKED enum err_code print_result(const struct options *options,
                                          const struct preorder_view *preorder,
                                          const struct acceptance_report *report, struct err *err) {
    if (options->json) {
        return json_print(json_of_report(options, preorder, report), err);
    }
    if (options->dry_run) {
        char act[PAYMENT_FLAG_BYTES + 256];
        describe(options, preorder, report, act, sizeof act);
        (void)printf("Would %s.\n", act);
    } else if (report->has_event) {
        (void)printf("Preorder %s is completed; Preorder Completed is event %s.\n",
                     preorder->number, report->event_id.text);
    } else {
        enum preorder_status status =
            options->refunded ? report->status_before : PREORDER_COMPLETED;
        (void)printf("The flag of preorder %s is cleared; it is %s.\n", preorder->number,
                     preorder_status_name(status));
    }
    return ERR_OK;
}

static CHECKED enum err_code accept(const struct ctl *ctl, const struct options *options,
                                    const struct preorder_view *preorder, struct err *err) {
    char actor[ACTOR_BYTES];
    actor_name(actor);
    struct acceptance acceptance = {
        .preorder_id = preorder->id,
        .terms = {.metric_prefix = ctl->settings->klaviyo_metric_prefix,
                  .random = random_system(),
                  .now_ms = ctl->now_ms},
        .actor = actor,
        .reason = options->reason == NULL ? "" : options->reason,
        .is_refund = options->refunded,
        .dry_run = true,
    };
    struct acceptance_report report;
    enum err_code code = store_accept_payment(ctl->store, &acceptance, &report, err);
    if (code == ERR_OK && !options->dry_run) {
        char act[PAYMENT_FLAG_BYTES + 256];
        describe(options, preorder, &report, act, sizeof act);
        code = confirm(options, act, err);
        acceptance.dry_run = false;
        acceptance.terms.now_ms =
            clock_wall_ms(ctl->store_options.clock); /* the question took its time */
        if (code == ERR_OK) {
            code = store_accept_payment(ctl->store, &acceptance, &report, err);
        }
    }
    return code == ERR_OK ? print_result(options, preorder, &report, err) : code;
}

enum err_code command_accept_payment(struct ctl *ctl, const struct options *options,
                                     struct err *err) {
    const char *word = options->words[0];
    struct preorder_list preorders = {0};
    if (strchr(word, '@') != NULL) {
        return err_set(err, ERR_INVALID,
                       "accept-payment takes one preorder: preorderctl list --flagged shows "
                       "which there are");
    }
    enum err_code code = find_preorders(ctl->store, word, &preorders, err);
    if (code == ERR_OK) {
        code = accept(ctl, options, &preorders.preorders[0], err);
    }
    preorder_list_release(&preorders);
    return code;
}
