#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "ctl/suggest.h"

enum { OVERVIEW_BYTES_MAX = 16 * 1024, COMMANDS_MAX = 32 };

static const char filter_help[] =
    "Which events (all that is given must hold):\n"
    "  ID ...             events by id, or all events of a preorder by its id or number\n"
    "  --status STATUS    due, waiting, sending, pending (all three), sent, dead, cancelled\n"
    "  --metric NAME      \"Preorder Started\", ...\n"
    "  --email ADDRESS    the customer's address\n"
    "  --error PATTERN    part of the last error, without regard to case\n"
    "  --older DURATION   created longer ago than this: 30m, 2h, 3d\n"
    "  --newer DURATION   created within this time\n"
    "  --limit N          at most N, newest first\n";

static const char change_help[] =
    "  --dry-run          only says what it would change\n"
    "  --yes              does not ask; needed when standard input is no terminal\n"
    "  --reason TEXT      kept in the table audit_log, with your name, the time and the count\n";

const struct command commands[] = {
    {"status", "how things stand: counts, what is due, the Klaviyo account, the database", "",
     "  preorderctl status\n"
     "  preorderctl status --json | jq .events.dead\n",
     0, 0, command_status, 0, true},
    {"list", "events, newest first (50 unless --limit says otherwise)", "[ID ...]",
     "  preorderctl list --status dead\n"
     "  preorderctl list --email customer@shop.example\n"
     "  preorderctl list --error timeout --newer 2h --limit 500\n"
     "  preorderctl list --flagged\n\n"
     "  --flagged          the preorders that wait for a person (their payment does not match),\n"
     "                     the longest first; with --limit\n",
     0, SIZE_MAX, command_list, OPTIONS_FILTER | OPTIONS_FLAGGED, true},
    {"show", "one preorder with its events and every attempt", "ID|NUMBER",
     "  preorderctl show PRE-7K3M9QX2\n"
     "  preorderctl show --full 0193518d-7c1a-7000-8000-2b6f1e0c9a44\n\n"
     "ID is that of the preorder or of one of its events.\n\n"
     "  --full             also the bodies that Klaviyo got and what it answered\n",
     1, 1, command_show, OPTIONS_FULL, true},
    {"explain", "why an event is where it is, and what would move it", "ID|NUMBER|EMAIL",
     "  preorderctl explain PRE-7K3M9QX2\n"
     "  preorderctl explain customer@shop.example\n"
     "  preorderctl explain 0193518d-7c1a-7000-8000-2b6f1e0c9a44\n",
     1, 1, command_explain, 0, true},
    {"retry", "has dead events sent again: due now, attempts and age anew", "[ID ...]",
     "  preorderctl retry 0193518d-7c1a-7000-8000-2b6f1e0c9a44\n"
     "  preorderctl retry --status dead --error timeout --dry-run\n"
     "  preorderctl retry --status dead --newer 1d --yes --reason \"Klaviyo outage\"\n",
     0, SIZE_MAX, command_retry, OPTIONS_FILTER | OPTIONS_DRY_RUN | OPTIONS_CHANGE, true},
    {"cancel", "gives up events that are not sent; they will not be sent any more", "[ID ...]",
     "  preorderctl cancel 0193518d-7c1a-7000-8000-2b6f1e0c9a44 --reason \"ordered twice\"\n"
     "  preorderctl cancel --status dead --older 30d --dry-run\n\n"
     "Events in a worker's hands (sending) are left alone. There is no way back.\n",
     0, SIZE_MAX, command_cancel, OPTIONS_FILTER | OPTIONS_DRY_RUN | OPTIONS_CHANGE, true},
    {"accept-payment", "completes a preorder whose payment was flagged, and clears the flag",
     "ID|NUMBER",
     "  preorderctl list --flagged\n"
     "  preorderctl show PRE-7K3M9QX2\n"
     "  preorderctl accept-payment PRE-7K3M9QX2 --reason \"the rest came by bank transfer\"\n\n"
     "Preorder Completed is sent with what was paid, if it was not sent before.\n\n"
     "  --refunded         the customer got the money back: only clears the flag\n",
     1, 1, command_accept_payment, OPTIONS_DRY_RUN | OPTIONS_CHANGE | OPTIONS_REFUND, true},
    {"check", "one line for Nagios and cron: is anything wrong?", "",
     "  preorderctl check\n"
     "  preorderctl check -w 2m -c 10m --dead-critical 10 --workers 2\n"
     "  preorderctl check >/dev/null || preorderctl check | mail -s \"preorders\" ops\n\n"
     "Exit status: 0 OK, 1 warning, 2 critical, 3 unknown (wrong usage, no database). Critical\n"
     "is also a paused account (a warning if a person paused it). What is above a limit is "
     "wrong.\n\n"
     "  -w, --warning DURATION    how late the oldest due event may be (1m)\n"
     "  -c, --critical DURATION   (5m)\n"
     "  --dead-warning N          how many events may be dead (0)\n"
     "  --dead-critical N         (100)\n"
     "  --flagged-warning N       how many preorders may be flagged (0)\n"
     "  --flagged-critical N      (100)\n"
     "  --workers N               how many workers must run (1)\n",
     0, 0, command_check, OPTIONS_CHECK, true},
    {"pause", "stops sending to Klaviyo, until somebody resumes it", "",
     "  preorderctl pause --reason \"Klaviyo maintenance\"\n\n"
     "Preorders are accepted as always. What is on its way is settled; no event loses an "
     "attempt.\n",
     0, 0, command_pause, OPTIONS_DRY_RUN | OPTIONS_CHANGE, true},
    {"resume", "ends a pause, whoever or whatever began it", "",
     "  preorderctl resume --reason \"new key in place\"\n\n"
     "A pause by Klaviyo's refusals also ends by itself, once a slow probe is accepted; one by a\n"
     "person ends only so.\n",
     0, 0, command_resume, OPTIONS_DRY_RUN | OPTIONS_CHANGE, true},
    {"audit", "counts preorders and events from both ends; exit status 1 unless they agree", "",
     "  preorderctl audit && echo nothing is lost\n", 0, 0, command_audit, 0, true},
    {"migrate", "creates the database, or brings it to this program's schema", "",
     "  preorderctl migrate --dry-run\n"
     "  preorderctl migrate\n",
     0, 0, command_migrate, OPTIONS_DRY_RUN, false},
};
const size_t command_count = sizeof commands / sizeof commands[0];

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

enum err_code command_refuse(const char *name, struct err *err) {
    const char *names[COMMANDS_MAX];
    for (size_t i = 0; i < command_count; i++) {
        names[i] = commands[i].name;
    }
    const char *meant = suggest_word(name, names, command_count);
    if (meant != NULL) {
        return err_set(err, ERR_INVALID, "unknown command '%s': did you mean '%s'?", name, meant);
    }
    return err_set(err, ERR_INVALID, "unknown command '%s': preorderctl --help lists them", name);
}

void command_print_help(const struct command *command) {
    (void)printf("preorderctl %s: %s\n\nusage: preorderctl [settings] %s [options]%s%s\n\n%s\n",
                 command->name, command->summary, command->name,
                 command->words[0] == '\0' ? "" : " ", command->words, command->help);
    if ((command->option_sets & OPTIONS_FILTER) != 0) {
        (void)printf("%s\n", filter_help);
    }
    (void)printf("Options:\n");
    if ((command->option_sets & OPTIONS_CHANGE) != 0) {
        (void)fputs(change_help, stdout);
    } else if ((command->option_sets & OPTIONS_DRY_RUN) != 0) {
        (void)printf("  --dry-run          only says what it would do\n");
    }
    (void)printf("  --json             for programs\n"
                 "  --help             this text\n");
}

char *command_overview(void) {
    struct buf text;
    buf_init(&text, OVERVIEW_BYTES_MAX);
    buf_append_text(&text, "Looks at preorders and their events, explains and repairs.\n\n"
                           "Examples:\n"
                           "  preorderctl status\n"
                           "  preorderctl explain customer@shop.example\n"
                           "  preorderctl list --status dead\n"
                           "  preorderctl retry --status dead --error timeout --dry-run\n\n"
                           "Commands:\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_append_format(&text, "  %-14s %s\n", commands[i].name, commands[i].summary);
    }
    buf_append_text(&text, "\n`preorderctl COMMAND --help` tells more. Every command takes --json. "
                           "Exit status: 0 done,\n1 failed or not found, 2 wrong usage; `check`: "
                           "0, 1, 2, 3 as Nagios wants them.");
    size_t length = 0;
    return buf_take(&text, &length);
}
