#include "tests/torture/cut.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { JUNK_BYTE = 0xA5 };

static void *grow(void *memory, size_t byte_count) {
    void *grown = realloc(memory, byte_count);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

static void add(size_t **list, size_t *count, size_t *capacity, size_t op) {
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 64 : 2 * *capacity;
        *list = grow(*list, *capacity * sizeof **list);
    }
    (*list)[(*count)++] = op;
}

static struct cut_file *file_at(struct cut *cut, size_t index) {
    while (cut->file_capacity <= index) {
        size_t capacity = cut->file_capacity + 8;
        cut->files = grow(cut->files, capacity * sizeof *cut->files);
        memset(cut->files + cut->file_capacity, 0, 8 * sizeof *cut->files);
        cut->file_capacity = capacity;
    }
    for (; cut->file_count <= index; cut->file_count++) {
        struct cut_file *file = &cut->files[cut->file_count];
        file->synced.size = 0;
        file->pending_count = 0;
        file->is_linked = false;
    }
    return &cut->files[index];
}

void cut_begin(struct cut *cut, const struct disk *disk) {
    cut->disk = disk;
    cut->op_count = 0;
    cut->file_count = 0;
    cut->name_count = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct cut_file *file = file_at(cut, i);
        disk_bytes_copy(&disk->files[i].start, &file->synced);
        file->is_linked = disk->files[i].was_linked;
    }
}

void cut_release(struct cut *cut) {
    for (size_t i = 0; i < cut->file_capacity; i++) {
        free(cut->files[i].synced.data);
        free(cut->files[i].pending);
    }
    free(cut->files);
    free(cut->names);
    *cut = (struct cut){0};
}

/* ---- What arrives ----------------------------------------------------------------------------- */

static void put(struct disk_bytes *bytes, const uint8_t *source, size_t byte_count, size_t offset) {
    if (offset + byte_count > bytes->size) {
        disk_bytes_resize(bytes, offset + byte_count);
    }
    memcpy(bytes->data + offset, source, byte_count);
}

static void arrive(const struct disk *disk, const struct disk_op *op, struct disk_bytes *bytes) {
    if (op->action == DISK_TRUNCATE) {
        disk_bytes_resize(bytes, op->offset);
    } else {
        put(bytes, disk->payloads.data + op->payload, op->byte_count, op->offset);
    }
}

/* The file has grown, its bytes have not come. */
static void arrive_empty(const struct disk_op *op, const struct random *random,
                         struct disk_bytes *bytes) {
    size_t old_size = bytes->size;
    if (op->action == DISK_WRITE && op->offset + op->byte_count > old_size) {
        disk_bytes_resize(bytes, op->offset + op->byte_count);
        if (random_below(random, 2) == 0) {
            memset(bytes->data + old_size, JUNK_BYTE, bytes->size - old_size);
        }
    }
}

static void arrive_torn(const struct disk *disk, const struct disk_op *op,
                        const struct random *random, struct disk_bytes *bytes) {
    if (op->action != DISK_WRITE) {
        return;
    }
    if (random_below(random, 2) == 0) {
        arrive_empty(op, random, bytes);
    }
    size_t end = op->offset + op->byte_count;
    for (size_t at = op->offset; at < end;) {
        size_t sector_end = (at / DISK_SECTOR_BYTES + 1) * DISK_SECTOR_BYTES;
        size_t part_end = sector_end < end ? sector_end : end;
        if (random_below(random, 2) == 0) {
            put(bytes, disk->payloads.data + op->payload + (at - op->offset), part_end - at, at);
        }
        at = part_end;
    }
}

static void arrive_by_chance(const struct disk *disk, const struct disk_op *op,
                             enum cut_manner manner, const struct random *random,
                             struct disk_bytes *bytes) {
    uint64_t dice = random_below(random, 8);
    uint64_t torn_below = manner == CUT_TORN ? 5 : 1;
    if (dice < torn_below) {
        arrive_torn(disk, op, random, bytes);
    } else if (dice == 5) {
        arrive_empty(op, random, bytes);
    } else if (dice >= 6 || (dice & 1) != 0) {
        arrive(disk, op, bytes);
    }
}

/* What the ops pending on a file leave of it, on top of what was synced. */
static void leave(const struct disk *disk, const struct cut_file *file, enum cut_manner manner,
                  const struct random *random, struct disk_bytes *bytes) {
    size_t point = file->pending_count;
    if (manner == CUT_NOTHING) {
        return;
    }
    if (manner == CUT_IN_ORDER) {
        point = (size_t)random_below(random, file->pending_count + 1);
    }
    for (size_t i = 0; i < file->pending_count; i++) {
        const struct disk_op *op = &disk->ops[file->pending[i]];
        if (manner == CUT_SOME || manner == CUT_TORN) {
            arrive_by_chance(disk, op, manner, random, bytes);
        } else if (i < point) {
            arrive(disk, op, bytes);
        } else if (i == point) {
            arrive_torn(disk, op, random, bytes);
        }
    }
}

/* ---- The walk --------------------------------------------------------------------------------- */

static void sync_file(struct cut *cut, size_t index) {
    struct cut_file *file = file_at(cut, index);
    for (size_t i = 0; i < file->pending_count; i++) {
        arrive(cut->disk, &cut->disk->ops[file->pending[i]], &file->synced);
    }
    file->pending_count = 0;
}

static void sync_folder(struct cut *cut) {
    for (size_t i = 0; i < cut->name_count; i++) {
        const struct disk_op *op = &cut->disk->ops[cut->names[i]];
        file_at(cut, op->file)->is_linked = op->action == DISK_CREATE;
    }
    cut->name_count = 0;
}

bool cut_step(struct cut *cut) {
    if (cut->op_count == cut->disk->op_count) {
        return false;
    }
    size_t index = cut->op_count++;
    const struct disk_op *op = &cut->disk->ops[index];
    struct cut_file *file = file_at(cut, op->file);
    switch (op->action) {
    case DISK_WRITE:
    case DISK_TRUNCATE:
        add(&file->pending, &file->pending_count, &file->pending_capacity, index);
        break;
    case DISK_SYNC:
        sync_file(cut, op->file);
        break;
    case DISK_SYNC_FAILED:
        file->pending_count = 0;
        break;
    case DISK_CREATE:
    case DISK_DELETE:
        add(&cut->names, &cut->name_count, &cut->name_capacity, index);
        break;
    case DISK_SYNC_FOLDER:
        sync_folder(cut);
        break;
    }
    return true;
}

void cut_walk_to(struct cut *cut, size_t op_count) {
    assert(op_count >= cut->op_count && op_count <= cut->disk->op_count);
    while (cut->op_count < op_count) {
        (void)cut_step(cut);
    }
}

/* ---- The image -------------------------------------------------------------------------------- */

/* Which file has each name: names arrive or not like anything else. SIZE_MAX: none. */
static void choose_names(const struct cut *cut, enum cut_manner manner, const struct random *random,
                         size_t names_out[DISK_ROLES]) {
    for (size_t role = 0; role < DISK_ROLES; role++) {
        names_out[role] = SIZE_MAX;
    }
    for (size_t i = 0; i < cut->file_count; i++) {
        if (cut->files[i].is_linked) {
            names_out[cut->disk->files[i].role] = i;
        }
    }
    for (size_t i = 0; i < cut->name_count; i++) {
        const struct disk_op *op = &cut->disk->ops[cut->names[i]];
        size_t *name = &names_out[cut->disk->files[op->file].role];
        bool arrives =
            manner == CUT_EVERYTHING || (manner != CUT_NOTHING && random_below(random, 2) == 0);
        if (arrives && op->action == DISK_CREATE) {
            *name = op->file;
        } else if (arrives && *name == op->file) {
            *name = SIZE_MAX;
        }
    }
}

void cut_make(const struct cut *cut, enum cut_manner manner, const struct random *random,
              struct disk *image) {
    size_t names[DISK_ROLES];
    choose_names(cut, manner, random, names);
    image->file_count = 0;
    image->tag = 0;
    for (size_t role = 0; role < DISK_ROLES; role++) {
        if (names[role] == SIZE_MAX) {
            continue;
        }
        const struct cut_file *file = &cut->files[names[role]];
        struct disk_file *left = disk_create(image, (enum disk_role)role);
        disk_bytes_copy(&file->synced, &left->bytes);
        leave(cut->disk, file, manner, random, &left->bytes);
    }
    disk_begin_log(image);
}
