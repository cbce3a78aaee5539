#pragma once
/*
 * A layer between SQLite and the file system that asks before every call: to count them, to refuse
 * one with an error, to die in front of one, or to let something else happen at that moment.
 */
enum shim_call {
    SHIM_OPEN,
    SHIM_READ,
    SHIM_WRITE,
    SHIM_SYNC,
    SHIM_TRUNCATE,
    SHIM_DELETE,
    SHIM_SHARED_MEMORY,
    SHIM_LOCK,        /* of the file, */
    SHIM_SHARED_LOCK, /* and of the memory; taking one, never giving it up */
    SHIM_UNFETCH,     /* a checkpoint does this right after it has read where the log ends */
};
enum { SHIM_CALL_COUNT = SHIM_UNFETCH + 1 };

struct shim {
    /* SQLITE_OK lets the call through; anything else is what SQLite gets instead of it. */
    int (*before)(void *context, enum shim_call call, const char *path);
    void *context;
};

/* From now on every file that SQLite opens in this process goes through `shim`; call it once, before
   the first. The caller keeps `shim` and may change it at any time. */
void shim_install(const struct shim *shim);

/* What a broken disk says to this call (SQLITE_IOERR_FSYNC and so on). */
int shim_error(enum shim_call call);
