#pragma once
/*
 * Power cuts: walks through the log of a disk, and at any point makes the disk that a cut might have
 * left there.
 *
 * What was synced is there. Of what was not, each write, truncation and name is kept or lost, in any
 * combination: a later one may have arrived and an earlier one not. A write may be torn: of its
 * sectors of 512 bytes some arrived. Where a file grew, the new size may have arrived without the
 * bytes, and what stands there is zeros or whatever the disk held before. Bytes outside a write
 * never change, and a sector is written whole or not at all: SQLite assumes both ("powersafe
 * overwrite"), and so does this.
 */
#include "common/random.h"
#include "tests/torture/disk.h"

struct cut_file {
    struct disk_bytes synced;
    size_t *pending; /* ops since the last sync, by index */
    size_t pending_count, pending_capacity;
    bool is_linked; /* its name is on the disk */
};

struct cut {
    const struct disk *disk;
    size_t op_count; /* so many of its ops are done */
    struct cut_file *files;
    size_t file_count, file_capacity;
    size_t *names; /* pending creations and deletions, by index of the op */
    size_t name_count, name_capacity;
};

/* How much of what was not synced arrives. */
enum cut_manner {
    CUT_NOTHING,
    CUT_EVERYTHING,
    CUT_IN_ORDER, /* up to some point, where a write is torn */
    CUT_SOME,     /* each for itself */
    CUT_TORN,     /* each for itself, most of them torn */
};
enum { CUT_MANNERS = CUT_TORN + 1 };

/* At the beginning of the log; zero the struct before its first use. */
void cut_begin(struct cut *cut, const struct disk *disk);
void cut_release(struct cut *cut);
/* One operation further; false at the end of the log. */
bool cut_step(struct cut *cut);
void cut_walk_to(struct cut *cut, size_t op_count);

/* What is left if the power fails now. `image` may be in use already; its log begins here. */
void cut_make(const struct cut *cut, enum cut_manner manner, const struct random *random,
              struct disk *image);
