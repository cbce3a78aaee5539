#pragma once
/*
 * What must hold at the end, looked up in the database itself: every promise made to a client is
 * kept, every event has one truth on both sides, and nothing stands alone.
 */
#include "tests/sim/browsers.h"
#include "tests/sim/crew.h"
#include "tests/sim/stripe.h"

/* Complains to the world about the first promise that is broken. Everybody has closed the database. */
void check_promises(struct world *world, const struct browsers *browsers,
                    const struct klaviyo *klaviyo, const struct stripe *stripe);
