#include "tests/torture/witness.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct witness *in_use;

static void set_tag(struct witness *witness) {
    witness->disk->tag = 2 * (witness->state_count - 1) + (witness->is_committing ? 1 : 0);
}

/* What is stored now, as another connection sees it, is the next state. */
static void note_state(struct witness *witness) {
    char why[STATE_TEXT_BYTES] = "";
    uint64_t number = 0;
    bool is_good = state_number(witness->reader, &number, why) &&
                   state_is_sound(witness->reader, why) &&
                   story_is_kept(witness->story, witness->reader, why);
    if (!is_good && witness->complaint[0] == '\0') {
        (void)snprintf(witness->complaint, sizeof witness->complaint, "state %d: %.200s",
                       witness->state_count, why);
    }
    if (witness->state_count == witness->state_capacity) {
        witness->state_capacity = witness->state_capacity == 0 ? 256 : 2 * witness->state_capacity;
        uint64_t *numbers =
            realloc(witness->numbers, (size_t)witness->state_capacity * sizeof *witness->numbers);
        assert(numbers != NULL);
        witness->numbers = numbers;
    }
    witness->numbers[witness->state_count++] = number;
}

/* Called in front of each commit: the one before it is done. */
static int on_commit(void *context) {
    (void)context;
    if (in_use != NULL) {
        witness_promise(in_use);
        in_use->is_committing = true;
        set_tag(in_use);
    }
    return 0;
}

static int on_open(sqlite3 *db, char **message, const void *routines) {
    (void)message;
    (void)routines;
    (void)sqlite3_commit_hook(db, on_commit, NULL);
    return SQLITE_OK;
}

void witness_install(void) {
    int result = sqlite3_auto_extension((void (*)(void))on_open);
    assert(result == SQLITE_OK);
}

void witness_use(struct witness *witness) {
    in_use = witness;
}

bool witness_begin(struct witness *witness, struct story *story, struct disk *disk) {
    witness->story = story;
    witness->disk = disk;
    witness->state_count = 0;
    witness->is_committing = false;
    witness->complaint[0] = '\0';
    int result = sqlite3_open_v2(story->path, &witness->reader, SQLITE_OPEN_READWRITE, NULL);
    assert(result == SQLITE_OK);
    (void)sqlite3_db_config(witness->reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_wal_autocheckpoint(witness->reader, 0);
    note_state(witness);
    set_tag(witness);
    return witness->complaint[0] == '\0';
}

void witness_promise(void *context) {
    struct witness *witness = context;
    if (witness->is_committing) {
        note_state(witness);
        witness->is_committing = false;
        set_tag(witness);
    }
}

void witness_end(struct witness *witness) {
    witness_promise(witness);
    (void)sqlite3_close(witness->reader);
    witness->reader = NULL;
}

void witness_release(struct witness *witness) {
    free(witness->numbers);
    *witness = (struct witness){0};
}

void witness_range(int32_t tag, int32_t *first_out, int32_t *last_out) {
    *first_out = tag < 0 ? 0 : tag / 2;
    *last_out = tag < 0 ? 0 : tag / 2 + tag % 2;
}

int32_t witness_find(const struct witness *witness, uint64_t number, int32_t first, int32_t last) {
    for (int32_t i = first; i <= last && i < witness->state_count; i++) {
        if (witness->numbers[i] == number) {
            return i;
        }
    }
    for (int32_t i = 0; i < witness->state_count; i++) {
        if (witness->numbers[i] == number) {
            return i;
        }
    }
    return -1;
}
