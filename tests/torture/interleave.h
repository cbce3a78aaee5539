#pragma once
/*
 * The race of SQLite before 3.51.3 that the gate forbids, forced: no luck needed.
 *
 * 1. One connection writes, and works the whole log off.
 * 2. Another begins a checkpoint and reads where the log ends. Right then the first commits: since
 *    everything was worked off, it starts the log anew.
 * 3. The checkpoint goes on and publishes the old end as worked off.
 * 4. Later commits grow past that end; the next checkpoint skips what lies before it; the log
 *    starts anew once more and overwrites it: acknowledged commits are gone.
 *
 * Both connections live in this process; shim_install's hook, which SQLite calls in the middle of
 * step 2, makes the commit.
 */
#include <stdbool.h>
#include <stdint.h>

struct interleave {
    bool was_entered;    /* the commit of step 2 was let in */
    bool was_kept_out;   /* it was refused: somebody else was in the gate */
    int64_t acked_count; /* preorders whose create returned ERR_OK */
    int64_t lost_count;  /* of them: not in the database at the end, or not with their event */
    bool is_sound;       /* integrity_check says ok, and no call found the file damaged */
};

/* Makes its database at `path`, which must not exist. False: something else went wrong; the text is
   on stderr. May be called once in a process. */
bool interleave_run(const char *path, uint64_t seed, struct interleave *interleave_out);
