#pragma once
/*
 * SQLite on a disk in memory (disk.h) instead of the machine's: locks and shared memory included, so
 * that several connections of one process work as those of several processes do. Does what SQLite's
 * own layer for Unix does where it matters here: a connection's first sync of a log or journal
 * syncs the folder, too, whoever created it, and so does a deletion if it is asked to.
 *
 * Deterministic: randomness and time are the caller's.
 */
#include "common/clock.h"
#include "common/random.h"
#include "tests/torture/disk.h"

/* Makes this SQLite's default, for good; before the first connection. All is borrowed for ever. */
void disk_vfs_install(const struct clock *clock, const struct random *random);
/* From now on connections are opened on this disk; those that are open keep theirs. */
void disk_vfs_use(struct disk *disk);
struct disk *disk_vfs_disk(void);

/* The next sync that gets here fails, as disk_fail_sync says. */
void disk_vfs_fail_next_sync(void);
