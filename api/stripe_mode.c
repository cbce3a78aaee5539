#include "api/stripe_mode.h"

#include <stdbool.h>
#include <string.h>

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static enum stripe_mode link_mode(const char *link) {
    static const char stripe[] = "https://buy.stripe.com/";
    if (!begins_with(link, stripe)) {
        return STRIPE_MODE_ANY;
    }
    return begins_with(link + sizeof stripe - 1, "test_") ? STRIPE_MODE_TEST : STRIPE_MODE_LIVE;
}

enum stripe_mode stripe_mode_find(const char *setting, const struct catalog *catalog) {
    if (strcmp(setting, "auto") != 0) {
        return strcmp(setting, "test") == 0 ? STRIPE_MODE_TEST : STRIPE_MODE_LIVE;
    }
    enum stripe_mode found = STRIPE_MODE_ANY;
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        enum stripe_mode mode = link_mode(catalog_at(catalog, i)->payment_link);
        if (mode == STRIPE_MODE_ANY || mode == found) {
            continue;
        }
        if (found != STRIPE_MODE_ANY) {
            return STRIPE_MODE_ANY;
        }
        found = mode;
    }
    return found;
}
