#include "tests/torture/disk_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/fault.h"

enum { REGIONS_MAX = 64, DISKS_MAX = 4 };

/* The memory that the connections of one disk share: lives as long as any of them has it. */
struct shared {
    const struct disk *disk; /* NULL: not in use */
    void *regions[REGIONS_MAX];
    int region_count;
    int user_count;
};

/* A file that a connection has open. All open ones of a disk hang together, to see their locks. */
struct handle {
    sqlite3_file base;
    struct handle *next;
    struct disk *disk;
    size_t file;
    enum disk_role role;
    int level; /* SQLITE_LOCK_NONE and so on */
    unsigned shared_locks, own_locks;
    struct shared *memory; /* NULL: not yet */
    bool syncs_folder;     /* at its next sync: it is new */
};

static sqlite3_vfs vfs;
static struct disk *current;
static struct handle *handles;
static struct shared memories[DISKS_MAX];
static const struct clock *clock_used;
static const struct random *random_used;
static bool next_sync_fails;

static struct handle *handle_of(sqlite3_file *file) {
    return (struct handle *)file;
}

static struct disk_file *file_of(struct handle *handle) {
    return &handle->disk->files[handle->file];
}

static enum disk_role role_of(const char *path) {
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, "-wal") == 0) {
        return DISK_LOG;
    }
    return length > 8 && strcmp(path + length - 8, "-journal") == 0 ? DISK_JOURNAL : DISK_DATABASE;
}

/* ---- Bytes ------------------------------------------------------------------------------------ */

static int file_read(sqlite3_file *base, void *bytes, int byte_count, sqlite3_int64 offset) {
    const struct disk_bytes *content = &file_of(handle_of(base))->bytes;
    size_t wanted = (size_t)byte_count;
    size_t there = content->size > (size_t)offset ? content->size - (size_t)offset : 0;
    size_t read = there < wanted ? there : wanted;
    if (read > 0) {
        memcpy(bytes, content->data + offset, read);
    }
    if (read < wanted) {
        memset((char *)bytes + read, 0, wanted - read);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *bytes, int byte_count, sqlite3_int64 offset) {
    struct handle *handle = handle_of(base);
    disk_write(handle->disk, file_of(handle), bytes, (size_t)byte_count, (size_t)offset);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    struct handle *handle = handle_of(base);
    disk_truncate(handle->disk, file_of(handle), (size_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)flags;
    struct handle *handle = handle_of(base);
    if (next_sync_fails) {
        next_sync_fails = false;
        disk_fail_sync(handle->disk, file_of(handle));
        return SQLITE_IOERR_FSYNC;
    }
    disk_sync(handle->disk, file_of(handle));
    if (handle->syncs_folder) {
        disk_sync_folder(handle->disk);
        handle->syncs_folder = false;
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size_out) {
    *size_out = (sqlite3_int64)file_of(handle_of(base))->bytes.size;
    return SQLITE_OK;
}

/* ---- Locks ------------------------------------------------------------------------------------ */

static bool is_same_file(const struct handle *a, const struct handle *b) {
    return a != b && a->disk == b->disk && a->file == b->file;
}

/* The highest lock that anybody else has on this file. */
static int others_level(const struct handle *self) {
    int level = SQLITE_LOCK_NONE;
    for (const struct handle *other = handles; other != NULL; other = other->next) {
        if (is_same_file(self, other) && other->level > level) {
            level = other->level;
        }
    }
    return level;
}

enum { LOCK_PENDING = 3 }; /* SQLite's, between reserved and exclusive */

static int file_lock(sqlite3_file *base, int level) {
    struct handle *handle = handle_of(base);
    if (handle->level >= level) {
        return SQLITE_OK;
    }
    int others = others_level(handle);
    if (level == SQLITE_LOCK_SHARED ? others >= LOCK_PENDING : others >= SQLITE_LOCK_RESERVED) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && others > SQLITE_LOCK_NONE) {
        handle->level = LOCK_PENDING;
        return SQLITE_BUSY;
    }
    handle->level = level;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level) {
    struct handle *handle = handle_of(base);
    if (handle->level > level) {
        handle->level = level;
    }
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *result_out) {
    struct handle *handle = handle_of(base);
    *result_out =
        handle->level >= SQLITE_LOCK_RESERVED || others_level(handle) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

/* ---- Shared memory ---------------------------------------------------------------------------- */

static void memory_drop(struct shared *memory) {
    for (int i = 0; i < memory->region_count; i++) {
        free(memory->regions[i]);
    }
    *memory = (struct shared){0};
}

static void *memory_take(size_t byte_count) {
    fault_exempt();
    void *bytes = calloc(1, byte_count);
    fault_resume();
    assert(bytes != NULL);
    return bytes;
}

static struct shared *memory_of(const struct disk *disk) {
    struct shared *unused = NULL;
    for (size_t i = 0; i < DISKS_MAX; i++) {
        if (memories[i].disk == disk) {
            return &memories[i];
        }
        unused = memories[i].disk == NULL ? &memories[i] : unused;
    }
    assert(unused != NULL);
    unused->disk = disk;
    return unused;
}

static int file_shm_map(sqlite3_file *base, int region, int byte_count, int extend,
                        void volatile **memory_out) {
    struct handle *handle = handle_of(base);
    if (handle->memory == NULL) {
        handle->memory = memory_of(handle->disk);
        handle->memory->user_count++;
    }
    struct shared *memory = handle->memory;
    *memory_out = NULL;
    assert(region < REGIONS_MAX);
    while (extend && memory->region_count <= region) {
        void *bytes = memory_take((size_t)byte_count);
        memory->regions[memory->region_count++] = bytes;
    }
    if (region < memory->region_count) {
        *memory_out = memory->regions[region];
    }
    return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *base, int offset, int count, int flags) {
    struct handle *handle = handle_of(base);
    unsigned mask = ((1u << count) - 1) << offset;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        handle->shared_locks &= ~mask;
        handle->own_locks &= ~mask;
        return SQLITE_OK;
    }
    bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
    for (const struct handle *other = handles; other != NULL; other = other->next) {
        unsigned taken = is_shared ? other->own_locks : other->own_locks | other->shared_locks;
        if (is_same_file(handle, other) && (taken & mask) != 0) {
            return SQLITE_BUSY;
        }
    }
    if (is_shared) {
        handle->shared_locks |= mask;
    } else {
        handle->own_locks |= mask;
    }
    return SQLITE_OK;
}

static void file_shm_barrier(sqlite3_file *base) {
    (void)base;
}

static int file_shm_unmap(sqlite3_file *base, int delete_flag) {
    (void)delete_flag;
    struct handle *handle = handle_of(base);
    if (handle->memory != NULL && --handle->memory->user_count == 0) {
        memory_drop(handle->memory);
    }
    handle->memory = NULL;
    return SQLITE_OK;
}

/* ---- The rest of a file ----------------------------------------------------------------------- */

static int file_close(sqlite3_file *base) {
    struct handle *handle = handle_of(base);
    (void)file_shm_unmap(base, 0);
    struct handle **link = &handles;
    while (*link != handle) {
        link = &(*link)->next;
    }
    *link = handle->next;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int file_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as the layer for Unix says */
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int byte_count, void **bytes_out) {
    (void)base;
    (void)offset;
    (void)byte_count;
    *bytes_out = NULL; /* nothing is mapped */
    return SQLITE_OK;
}

static int file_unfetch(sqlite3_file *base, sqlite3_int64 offset, void *bytes) {
    (void)base;
    (void)offset;
    (void)bytes;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
    .xFetch = file_fetch,
    .xUnfetch = file_unfetch,
};

/* ---- The folder ------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *base, int flags,
                    int *flags_out) {
    (void)self;
    struct handle *handle = handle_of(base);
    *handle = (struct handle){.disk = current};
    assert(path != NULL && "no temporary files: temp_store is memory");
    handle->role = role_of(path);
    struct disk_file *file = disk_find(current, handle->role);
    if (file == NULL) {
        if ((flags & SQLITE_OPEN_CREATE) == 0) {
            return SQLITE_CANTOPEN;
        }
        file = disk_create(current, handle->role);
    }
    handle->syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 && handle->role != DISK_DATABASE;
    handle->file = disk_index(current, file);
    handle->next = handles;
    handles = handle;
    if (flags_out != NULL) {
        *flags_out = flags;
    }
    handle->base.pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync_folder) {
    (void)self;
    struct disk_file *file = disk_find(current, role_of(path));
    if (file == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    disk_delete(current, file);
    if (sync_folder) {
        disk_sync_folder(current);
    }
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *self, const char *path, int flags, int *result_out) {
    (void)self;
    const struct disk_file *file = disk_find(current, role_of(path));
    /* As the layer for Unix: a file that exists and is empty does not count. */
    *result_out = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->bytes.size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *self, const char *path, int byte_count, char *path_out) {
    (void)self;
    size_t length = strlen(path);
    if (length >= (size_t)byte_count) {
        return SQLITE_CANTOPEN;
    }
    memcpy(path_out, path, length + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *self, int byte_count, char *bytes_out) {
    (void)self;
    random_fill(random_used, bytes_out, (size_t)byte_count);
    return byte_count;
}

static int vfs_sleep(sqlite3_vfs *self, int us) {
    (void)self;
    return us;
}

enum { JULIAN_DAY_TENTHS_OF_1970 = 24405875 };

static int vfs_time(sqlite3_vfs *self, sqlite3_int64 *ms_out) {
    (void)self;
    *ms_out = (sqlite3_int64)JULIAN_DAY_TENTHS_OF_1970 * 8640000 + clock_wall_ms(clock_used);
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *self, int byte_count, char *text_out) {
    (void)self;
    (void)byte_count;
    (void)text_out;
    return 0;
}

void disk_vfs_install(const struct clock *clock, const struct random *random) {
    clock_used = clock;
    random_used = random;
    vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct handle),
        .mxPathname = 4096,
        .zName = "disk",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTimeInt64 = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    int result = sqlite3_vfs_register(&vfs, 1);
    assert(result == SQLITE_OK);
}

void disk_vfs_use(struct disk *disk) {
    current = disk;
}

struct disk *disk_vfs_disk(void) {
    return current;
}

void disk_vfs_fail_next_sync(void) {
    next_sync_fails = true;
}
