/*
 * pause and resume: whether anything is sent to Klaviyo at all.
 */
#include <stdio.h>

#include "ctl/actor.h"
#include "ctl/command.h"
#include "ctl/confirm.h"
#include "ctl/json_view.h"

struct switching {
    const char *name; /* "pause" */
    const char *act;  /* for the question and the dry run */
    const char *done; /* what was done */
    const char *same; /* nothing to do */
    enum err_code (*change)(struct store *store, const struct account_order *order,
                            bool *changed_out, struct err *err);
};

static const struct switching pausing = {
    "pause", "pause the account: nothing is sent until somebody resumes it",
    "Paused: nothing is sent until `preorderctl resume`. What is on its way is still settled.",
    "It is paused by a person already: nothing was changed.", store_pause_account};
static const struct switching resuming = {
    "resume", "resume sending", "Resumed: what is due is sent, as fast as Klaviyo takes it.",
    "Nothing is paused: nothing was changed.", store_resume_account};

static CHECKED enum err_code print_result(const struct switching *switching,
                                          const struct options *options, bool is_changed,
                                          struct err *err) {
    if (options->json) {
        return json_print(json_pack("{s:s, s:b, s:b}", "action", switching->name, "dry_run",
                                    options->dry_run ? 1 : 0, "changed", is_changed ? 1 : 0),
                          err);
    }
    if (!is_changed) {
        (void)printf("%s\n", switching->same);
    } else if (options->dry_run) {
        (void)printf("Would %s.\n", switching->act);
    } else {
        (void)printf("%s\n", switching->done);
    }
    return ERR_OK;
}

static CHECKED enum err_code run(struct ctl *ctl, const struct switching *switching,
                                 const struct options *options, struct err *err) {
    char actor[ACTOR_BYTES];
    actor_name(actor);
    struct account_order order = {
        .actor = actor,
        .reason = options->reason == NULL ? "" : options->reason,
        .now_ms = ctl->now_ms,
        .dry_run = true,
    };
    bool is_changed = false;
    enum err_code code = switching->change(ctl->store, &order, &is_changed, err);
    if (code == ERR_OK && is_changed && !options->dry_run) {
        code = confirm(options, switching->act, err);
        order.dry_run = false;
        order.now_ms = clock_wall_ms(ctl->store_options.clock); /* the question took its time */
        if (code == ERR_OK) {
            code = switching->change(ctl->store, &order, &is_changed, err);
        }
    }
    return code == ERR_OK ? print_result(switching, options, is_changed, err) : code;
}

enum err_code command_pause(struct ctl *ctl, const struct options *options, struct err *err) {
    return run(ctl, &pausing, options, err);
}

enum err_code command_resume(struct ctl *ctl, const struct options *options, struct err *err) {
    return run(ctl, &resuming, options, err);
}
