#include "tests/store/shim.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The real VFS's file lies right behind it. */
struct shim_file {
    sqlite3_file base;
    const char *path; /* SQLite keeps it as long as the file is open; NULL: a temporary file */
    sqlite3_file *real;
};

static const struct shim *installed;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;

static int ask(enum shim_call call, const char *path) {
    return installed->before == NULL
               ? SQLITE_OK
               : installed->before(installed->context, call, path == NULL ? "" : path);
}

static struct shim_file *shim_of(sqlite3_file *file) {
    return (struct shim_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file) {
    return shim_of(file)->real;
}

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int byte_count, sqlite3_int64 offset) {
    int result = ask(SHIM_READ, shim_of(file)->path);
    return result != SQLITE_OK
               ? result
               : real_of(file)->pMethods->xRead(real_of(file), bytes, byte_count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int byte_count, sqlite3_int64 offset) {
    int result = ask(SHIM_WRITE, shim_of(file)->path);
    return result != SQLITE_OK
               ? result
               : real_of(file)->pMethods->xWrite(real_of(file), bytes, byte_count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int result = ask(SHIM_TRUNCATE, shim_of(file)->path);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
    int result = ask(SHIM_SYNC, shim_of(file)->path);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size_out) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size_out);
}

static int file_lock(sqlite3_file *file, int level) {
    int result = ask(SHIM_LOCK, shim_of(file)->path);
    return result != SQLITE_OK ? result : real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_reserved(sqlite3_file *file, int *result_out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result_out);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int region, int byte_count, int extend,
                        void volatile **memory_out) {
    int result = ask(SHIM_SHARED_MEMORY, shim_of(file)->path);
    return result != SQLITE_OK ? result
                               : real_of(file)->pMethods->xShmMap(real_of(file), region, byte_count,
                                                                  extend, memory_out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    bool takes = (flags & SQLITE_SHM_LOCK) != 0;
    int result = takes ? ask(SHIM_SHARED_LOCK, shim_of(file)->path) : SQLITE_OK;
    if (result != SQLITE_OK) {
        return result;
    }
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete_flag) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_flag);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int byte_count, void **bytes_out) {
    return real_of(file)->pMethods->xFetch(real_of(file), offset, byte_count, bytes_out);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *bytes) {
    int result = ask(SHIM_UNFETCH, shim_of(file)->path);
    return result != SQLITE_OK ? result
                               : real_of(file)->pMethods->xUnfetch(real_of(file), offset, bytes);
}

static const sqlite3_io_methods shim_methods = {
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

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *flags_out) {
    (void)vfs;
    struct shim_file *shim = shim_of(file);
    *shim = (struct shim_file){.path = path, .real = (sqlite3_file *)(shim + 1)};
    int result = ask(SHIM_OPEN, path);
    if (result == SQLITE_OK) {
        result = real_vfs->xOpen(real_vfs, path, shim->real, flags, flags_out);
    }
    /* Without methods SQLite does not close it. */
    shim->base.pMethods = result == SQLITE_OK ? &shim_methods : NULL;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder) {
    (void)vfs;
    int result = ask(SHIM_DELETE, path);
    return result != SQLITE_OK ? result : real_vfs->xDelete(real_vfs, path, sync_folder);
}

void shim_install(const struct shim *shim) {
    assert(installed == NULL);
    installed = shim;
    real_vfs = sqlite3_vfs_find(NULL);
    assert(real_vfs != NULL);
    /* What is not wrapped is the real one's: it never looks at which VFS it is called on. */
    shim_vfs = *real_vfs;
    shim_vfs.pNext = NULL;
    shim_vfs.zName = "shim";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = vfs_open;
    shim_vfs.xDelete = vfs_delete;
    int result = sqlite3_vfs_register(&shim_vfs, 1);
    assert(result == SQLITE_OK);
}

int shim_error(enum shim_call call) {
    static const int errors[SHIM_CALL_COUNT] = {
        [SHIM_OPEN] = SQLITE_CANTOPEN,
        [SHIM_READ] = SQLITE_IOERR_READ,
        [SHIM_WRITE] = SQLITE_IOERR_WRITE,
        [SHIM_SYNC] = SQLITE_IOERR_FSYNC,
        [SHIM_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
        [SHIM_DELETE] = SQLITE_IOERR_DELETE,
        [SHIM_SHARED_MEMORY] = SQLITE_IOERR_SHMMAP,
        [SHIM_LOCK] = SQLITE_IOERR_LOCK,
        [SHIM_SHARED_LOCK] = SQLITE_IOERR_SHMLOCK,
        [SHIM_UNFETCH] = SQLITE_IOERR,
    };
    return errors[call];
}
