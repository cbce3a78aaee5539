#pragma once
/*
 * Watches a story's database while it is written: after each commit it notes the state's number, and
 * from which operation of the disk on that state is promised. Commits come one after the other (the
 * gate), so the states do, too: whatever a power cut leaves must be one of them, none older than
 * what was promised by then and none newer than the commit under way.
 */
#include "tests/torture/disk.h"
#include "tests/torture/state.h"
#include "tests/torture/story.h"

/* disk->tag while nothing is promised yet: the database is being created. */
enum { WITNESS_NOTHING_YET = -1 };

struct witness {
    struct story *story;
    struct disk *disk;
    sqlite3 *reader;
    uint64_t *numbers; /* of the states, oldest first */
    int32_t state_count, state_capacity;
    bool is_committing;
    char complaint[STATE_TEXT_BYTES]; /* the first state that was not sound; "" if none */
};

/* Makes every connection that is opened from now on tell the witness in use. Once a process. */
void witness_install(void);
/* From now on this one is told; NULL: none. */
void witness_use(struct witness *witness);

/* The database has been created: its state is the first. False: see complaint. */
bool witness_begin(struct witness *witness, struct story *story, struct disk *disk);
/* What is stored now is promised; as a story's on_promise. */
void witness_promise(void *context);
void witness_end(struct witness *witness);
void witness_release(struct witness *witness);

/* The states that a cut may leave where the disk's tag was this: *first_out to *last_out. */
void witness_range(int32_t tag, int32_t *first_out, int32_t *last_out);
/* Which state has this number, those from `first` to `last` before all others; -1: none. */
int32_t witness_find(const struct witness *witness, uint64_t number, int32_t first, int32_t last);
