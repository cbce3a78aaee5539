#include <inttypes.h>
#include <stdio.h>

#include "common/config.h"
#include "ctl/check.h"
#include "ctl/command.h"
#include "ctl/json_view.h"

static const struct check_limits limits_default = {
    .oldest_warning_ms = INT64_C(60) * MS_PER_S,
    .oldest_critical_ms = INT64_C(5) * 60 * MS_PER_S,
    .dead_warning = 0,
    .dead_critical = 100,
    .flagged_warning = 0,
    .flagged_critical = 100,
    .workers_min = 1,
};

static CHECKED enum err_code read_duration(const char *flag, const char *text, int64_t *ms_out,
                                           struct err *err) {
    if (text != NULL && config_parse_duration_ms(text, ms_out, err) != ERR_OK) {
        return err_wrap(err, "%s", flag);
    }
    return ERR_OK;
}

static CHECKED enum err_code read_count(const char *flag, const char *text, int64_t *count_out,
                                        struct err *err) {
    if (text != NULL && config_parse_integer(text, count_out, err) != ERR_OK) {
        return err_wrap(err, "%s", flag);
    }
    return *count_out < 0 ? err_set(err, ERR_INVALID, "%s: give 0 or more", flag) : ERR_OK;
}

static CHECKED enum err_code read_limits(const struct options *options,
                                         struct check_limits *limits_out, struct err *err) {
    struct check_limits limits = limits_default;
    if (read_duration("--warning", options->warning, &limits.oldest_warning_ms, err) != ERR_OK ||
        read_duration("--critical", options->critical, &limits.oldest_critical_ms, err) != ERR_OK ||
        read_count("--dead-warning", options->dead_warning, &limits.dead_warning, err) != ERR_OK ||
        read_count("--dead-critical", options->dead_critical, &limits.dead_critical, err) !=
            ERR_OK ||
        read_count("--flagged-warning", options->flagged_warning, &limits.flagged_warning, err) !=
            ERR_OK ||
        read_count("--flagged-critical", options->flagged_critical, &limits.flagged_critical,
                   err) != ERR_OK ||
        read_count("--workers", options->workers, &limits.workers_min, err) != ERR_OK) {
        return err->code;
    }
    if (limits.oldest_warning_ms > limits.oldest_critical_ms ||
        limits.dead_warning > limits.dead_critical ||
        limits.flagged_warning > limits.flagged_critical) {
        return err_set(err, ERR_INVALID, "a limit for a warning lies above that for critical");
    }
    *limits_out = limits;
    return ERR_OK;
}

static CHECKED enum err_code look(struct ctl *ctl, const struct check_limits *limits,
                                  struct check *check_out, struct store_status *status_out,
                                  struct err *err) {
    struct worker_list workers = {0};
    enum err_code code = store_read_backlog(ctl->store, ctl->now_ms, status_out, err);
    if (code == ERR_OK) {
        code = store_list_workers(ctl->store, &workers, err);
    }
    if (code == ERR_OK) {
        struct check_input input = {
            .status = status_out, .workers = &workers, .limits = *limits, .now_ms = ctl->now_ms};
        check_judge(&input, check_out);
    }
    worker_list_release(&workers);
    return code;
}

enum err_code command_check(struct ctl *ctl, const struct options *options, struct err *err) {
    struct check_limits limits = {0};
    struct store_status status = {0};
    struct check check;
    enum err_code code = read_limits(options, &limits, err);
    if (code == ERR_OK) {
        code = look(ctl, &limits, &check, &status, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    ctl->exit_status = (int)check.level;
    if (options->json) {
        return json_print(json_of_check(&check, &status), err);
    }
    (void)printf("PREORDER %s - %s | %s\n", check_level_name(check.level), check.text,
                 check.figures);
    return ERR_OK;
}
