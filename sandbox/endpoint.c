#include "sandbox/endpoint.h"

#include <assert.h>
#include <string.h>

static const struct endpoint_facts facts[ENDPOINT_COUNT] = {
    [ENDPOINT_EVENT] = {"/api/events", 350, 3500, ENDPOINT_BODY_BYTES_MAX},
    [ENDPOINT_BULK] = {"/api/event-bulk-create-jobs", 10, 150, ENDPOINT_BODY_BYTES_MAX},
    [ENDPOINT_PROFILE] = {"/api/profile-import", 75, 750, ENDPOINT_PROFILE_BODY_BYTES_MAX},
    [ENDPOINT_SUBSCRIPTION] = {"/api/profile-subscription-bulk-create-jobs", 75, 750,
                               ENDPOINT_BODY_BYTES_MAX},
    [ENDPOINT_DELETION] = {"/api/data-privacy-deletion-jobs", 3, 60, ENDPOINT_BODY_BYTES_MAX},
};

const struct endpoint_facts *endpoint_facts(enum endpoint endpoint) {
    assert((int)endpoint >= 0 && (int)endpoint < ENDPOINT_COUNT);
    return &facts[endpoint];
}

bool endpoint_find(const char *path, enum endpoint *endpoint_out) {
    assert(path != NULL && endpoint_out != NULL);
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        if (strcmp(path, facts[i].path) == 0) {
            *endpoint_out = (enum endpoint)i;
            return true;
        }
    }
    return false;
}
