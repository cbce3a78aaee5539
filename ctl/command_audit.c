#include <inttypes.h>
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/json_view.h"

static void print_count(const char *name, int64_t count) {
    (void)printf("  %-28s %12" PRId64 "\n", name, count);
}

static void print_audit(const struct store_audit *audit) {
    (void)printf("What must have been written:\n");
    print_count("preorders, one event each", audit->preorder_count);
    print_count("applied payment events", audit->payment_event_count);
    print_count("together", audit->preorder_count + audit->payment_event_count);
    (void)printf("What the outbox holds:\n");
    print_count("sent", audit->sent_count);
    print_count("dead", audit->dead_count);
    print_count("cancelled", audit->cancelled_count);
    print_count("pending", audit->pending_count);
    print_count("pruned", audit->pruned_count);
    print_count("together", audit->sent_count + audit->dead_count + audit->cancelled_count +
                                audit->pending_count + audit->pruned_count);
    (void)printf("What stands alone:\n");
    print_count("preorders without their event", audit->preorders_without_event);
    print_count("events without preorder", audit->events_without_preorder);
    print_count("sent without an attempt", audit->sent_without_attempt);
    print_count("payments without their event", audit->payments_without_event);
    print_count("events without payment", audit->events_without_payment);
    if (audit->agrees) {
        (void)printf("Both ends agree.\n");
    }
}

enum err_code command_audit(struct ctl *ctl, const struct options *options, struct err *err) {
    struct store_audit audit = {0};
    enum err_code code = store_audit(ctl->store, &audit, err);
    if (code != ERR_OK) {
        return code;
    }
    if (options->json) {
        code = json_print(json_of_audit(&audit), err);
    } else {
        print_audit(&audit);
    }
    if (code == ERR_OK && !audit.agrees) {
        code = err_set(err, ERR_CONFLICT,
                       "the two ends do not agree: an event is missing, or one is "
                       "there that nothing explains");
    }
    return code;
}
