#pragma once
/*
 * An engine around the real one, in which a step of the store goes wrong as the dice say: nothing is
 * done, it is done and nobody hears of it, a system call fails, or the process dies beside the
 * commit.
 */
#include "common/store.h"
#include "tests/sim/world.h"

/* For every file that SQLite opens in this process; once, before the first. */
void faulty_install_disk(void);

/* Opens world->url. `is_dead` (borrowed) becomes true when the process is to die: whatever the call
   returned then, nobody reads it. Closed with store_close. */
CHECKED enum err_code faulty_open(struct world *world, enum store_role role, bool *is_dead,
                                  struct store **store_out, struct err *err);
