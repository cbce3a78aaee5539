#pragma once
/*
 * What must hold at the end, looked up in the database itself: every promise made to a client is
 * kept, every event has one truth on both sides, and nothing stands alone.
 */
#include "tests/sim/browsers.h"
#include "tests/sim/crew.h"
#include "tests/sim/stripe.h"

enum { CHECK_QUERIES_MAX = 32 };

/* Somebody who looks at the database. */
struct check {
    struct world *world;
    struct sqlite3 *db;
    struct check_query {
        const char *sql;
        struct sqlite3_stmt *statement;
    } queries[CHECK_QUERIES_MAX];
    size_t query_count;
};

/* False: it complained to the world. Closed with check_close in either case. */
bool check_open(struct check *check, struct world *world);
void check_close(struct check *check);
/* No event is on its way. */
bool check_is_at_rest(struct check *check);
/* Complains to the world about the first promise that is broken. Everybody else has closed the
   database. */
void check_promises(struct check *check, const struct browsers *browsers,
                    const struct klaviyo *klaviyo, const struct stripe *stripe);
