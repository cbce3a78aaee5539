#pragma once
/*
 * What the api's step is handed by its caller.
 */
#include "common/clock.h"
#include "common/domain/catalog.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/settings.h"
#include "common/store.h"
#include "http/message.h"

struct api_options {
    const struct settings *settings; /* borrowed */
    const struct catalog *catalog;   /* borrowed; api_set_catalog replaces it */
    struct store *store;             /* borrowed */
    struct metrics *metrics;         /* borrowed, of api_metrics; NULL: nothing is counted */
    const struct clock *clock;
    const struct random *random;
    /* Gives a reply to the request that `ticket` names; takes the reply's body. */
    void (*on_reply)(void *context, void *ticket, struct reply *reply);
    void *context;
};
