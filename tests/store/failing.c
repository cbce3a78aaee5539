#include "tests/store/failing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/store/shim.h"

static struct {
    bool is_armed, is_lasting, has_struck;
    enum failing_kind kind;
    int calls_left;
} fault;

static bool strikes(enum failing_kind kind) {
    if (!fault.is_armed || fault.kind != kind || (fault.has_struck && !fault.is_lasting)) {
        return false;
    }
    fault.has_struck = fault.has_struck || fault.calls_left-- == 0;
    return fault.has_struck;
}

/* The linker redirects these calls of our own code to here. */
#define WRAP(result, name, parameters, arguments, kind, failure)                                   \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters {                                                              \
        if (strikes(kind)) {                                                                       \
            errno = (kind) == FAILING_OUR_MEMORY ? ENOMEM : EIO;                                   \
            return failure;                                                                        \
        }                                                                                          \
        return __real_##name arguments;                                                            \
    }

WRAP(void *, malloc, (size_t byte_count), (byte_count), FAILING_OUR_MEMORY, NULL)
WRAP(void *, calloc, (size_t count, size_t byte_count), (count, byte_count), FAILING_OUR_MEMORY,
     NULL)
WRAP(void *, realloc, (void *memory, size_t byte_count), (memory, byte_count), FAILING_OUR_MEMORY,
     NULL)
WRAP(void *, reallocarray, (void *memory, size_t count, size_t byte_count),
     (memory, count, byte_count), FAILING_OUR_MEMORY, NULL)
WRAP(char *, strdup, (const char *text), (text), FAILING_OUR_MEMORY, NULL)
WRAP(int, fstat64, (int fd, struct stat *status), (fd, status), FAILING_OUR_CALL, -1)
WRAP(int, stat64, (const char *path, struct stat *status), (path, status), FAILING_OUR_CALL, -1)
WRAP(int, lstat64, (const char *path, struct stat *status), (path, status), FAILING_OUR_CALL, -1)
WRAP(int, statfs64, (const char *path, struct statfs *status), (path, status), FAILING_OUR_CALL, -1)
WRAP(int, statvfs64, (const char *path, struct statvfs *status), (path, status), FAILING_OUR_CALL,
     -1)
WRAP(int, access, (const char *path, int mode), (path, mode), FAILING_OUR_CALL, -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), FAILING_OUR_CALL, -1)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), FAILING_OUR_CALL,
     -1)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t byte_count),
     (fd, address, byte_count), FAILING_OUR_CALL, -1)
WRAP(DIR *, fdopendir, (int fd), (fd), FAILING_OUR_CALL, NULL)
WRAP(ssize_t, getrandom, (void *bytes, size_t byte_count, unsigned flags),
     (bytes, byte_count, flags), FAILING_OUR_CALL, -1)
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved), FAILING_OUR_CALL, NULL)
WRAP(char *, __realpath_chk, (const char *path, char *resolved, size_t byte_count),
     (path, resolved, byte_count), FAILING_OUR_CALL, NULL)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
    if (strikes(FAILING_OUR_CALL)) {
        errno = EIO;
        return -1;
    }
    return __real_open64(path, flags, 0660); /* unread where nothing is created */
}

int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...) {
    if (strikes(FAILING_OUR_CALL)) {
        errno = EIO;
        return -1;
    }
    return __real_openat64(folder, path, flags, 0);
}

/* Only for locks, all our fcntl is; giving one up does not fail. */
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    struct flock *lock = va_arg(rest, struct flock *);
    va_end(rest);
    if ((command == F_OFD_GETLK || lock->l_type != F_UNLCK) && strikes(FAILING_OUR_CALL)) {
        errno = ENOLCK;
        return -1;
    }
    return __real_fcntl64(fd, command, lock);
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_take(int byte_count) {
    return strikes(FAILING_SQLITE_MEMORY) ? NULL : sqlite_memory.xMalloc(byte_count);
}

static void *sqlite_resize(void *memory, int byte_count) {
    return strikes(FAILING_SQLITE_MEMORY) ? NULL : sqlite_memory.xRealloc(memory, byte_count);
}

static int before_call(void *context, enum shim_call call, const char *path) {
    (void)context;
    (void)path;
    return call != SHIM_UNFETCH && strikes(FAILING_DISK) ? shim_error(call) : SQLITE_OK;
}

static const struct shim shim = {.before = before_call};

void failing_arm(enum failing_kind kind, int calls_before, bool is_lasting) {
    fault.kind = kind;
    fault.is_lasting = is_lasting;
    fault.calls_left = calls_before;
    fault.has_struck = false;
    fault.is_armed = true;
}

bool failing_pause(void) {
    bool was_armed = fault.is_armed;
    fault.is_armed = false;
    return was_armed;
}

void failing_resume(bool was_armed) {
    fault.is_armed = was_armed;
}

bool failing_disarm(void) {
    fault.is_armed = false;
    return fault.has_struck;
}

void failing_install(void) {
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory), SQLITE_OK);
    sqlite3_mem_methods methods = sqlite_memory;
    methods.xMalloc = sqlite_take;
    methods.xRealloc = sqlite_resize;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    /* Otherwise small pieces never reach the allocator. */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    shim_install(&shim);
}
