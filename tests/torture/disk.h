#pragma once
/*
 * A disk in memory: what SQLite's three files hold, and a log of everything that was done to them, so
 * that cut.h can say what a power cut would have left at any moment.
 *
 * Two things are told apart, as the kernel does: what a process sees at once (the page cache) and
 * what is on the disk, which only a sync makes it. Names of files are entries of the folder and need
 * the folder's own sync.
 *
 * Threads: one at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_SECTOR_BYTES = 512 };

/* The files of a database, by their names' ends. */
enum disk_role { DISK_DATABASE, DISK_LOG, DISK_JOURNAL, DISK_ROLES };

struct disk_bytes {
    uint8_t *data;
    size_t size, capacity;
};

/* A file, whatever its name is by now; a role that is created anew is another file. */
struct disk_file {
    enum disk_role role;
    bool is_linked;          /* has its name, as a process sees it */
    struct disk_bytes bytes; /* as a process sees it */
    bool was_linked;         /* both as they were on the disk when the log began */
    struct disk_bytes start;
};

enum disk_action {
    DISK_WRITE,
    DISK_TRUNCATE,
    DISK_SYNC,
    /* A sync that failed: what waited for it is visible, no longer waits, and may never arrive. */
    DISK_SYNC_FAILED,
    DISK_CREATE,
    DISK_DELETE,
    DISK_SYNC_FOLDER,
};

struct disk_op {
    enum disk_action action;
    size_t file;       /* index; of DISK_SYNC_FOLDER none */
    size_t offset;     /* of DISK_TRUNCATE: the new size */
    size_t byte_count; /* of DISK_WRITE, */
    size_t payload;    /* whose bytes begin there */
    int32_t tag;       /* disk->tag when it was done */
};

struct disk {
    struct disk_file *files;
    size_t file_count, file_capacity;
    struct disk_op *ops;
    size_t op_count, op_capacity;
    struct disk_bytes payloads;
    int32_t tag; /* the owner's word on what was promised so far, kept with each op */
};

/* All of them end the process when memory runs out: a disk cannot be half a disk. */
void disk_release(struct disk *disk); /* also right for a zeroed struct, which is an empty disk */
/* Makes `copy` a disk whose files are on it for sure as a process sees them in `disk`. */
void disk_copy(const struct disk *disk, struct disk *copy);
/* The same of the disk itself: the log begins here. */
void disk_begin_log(struct disk *disk);

void disk_bytes_resize(struct disk_bytes *bytes, size_t size); /* what is new is zero */
void disk_bytes_copy(const struct disk_bytes *bytes, struct disk_bytes *copy);

/* The file that has the name now; NULL if there is none. */
struct disk_file *disk_find(const struct disk *disk, enum disk_role role);
size_t disk_index(const struct disk *disk, const struct disk_file *file);

struct disk_file *disk_create(struct disk *disk, enum disk_role role);
void disk_delete(struct disk *disk, struct disk_file *file);
void disk_write(struct disk *disk, struct disk_file *file, const void *bytes, size_t byte_count,
                size_t offset);
void disk_truncate(struct disk *disk, struct disk_file *file, size_t size);
void disk_sync(struct disk *disk, struct disk_file *file);
void disk_fail_sync(struct disk *disk, struct disk_file *file);
void disk_sync_folder(struct disk *disk);
