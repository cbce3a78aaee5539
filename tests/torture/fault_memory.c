#include "tests/torture/fault_memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "tests/torture/fault.h"

void *__real_malloc(size_t byte_count);
void *__real_realloc(void *memory, size_t byte_count);
void __real_free(void *memory);
int __real_open64(const char *path, int flags, ...);
int __real_fcntl64(int fd, int command, ...);

void *__wrap_malloc(size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
void *__wrap_realloc(void *memory, size_t byte_count);
void *__wrap_reallocarray(void *memory, size_t count, size_t byte_count);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length_max);
void __wrap_free(void *memory);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_fcntl64(int fd, int command, ...);

/* The pieces in use, an open hash table by address; memory of other origin is not in it. */
enum { PIECES_MAX = 1 << 16 };
static void *pieces[PIECES_MAX];
static size_t piece_count;
static void *const removed = &piece_count;
static sqlite3_mem_methods sqlite_memory;

static size_t place_of(const void *memory) {
    uint64_t number = (uint64_t)(uintptr_t)memory * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(number >> 48) % PIECES_MAX;
}

static void *note(void *memory) {
    if (memory == NULL) {
        return NULL;
    }
    size_t place = place_of(memory);
    while (pieces[place] != NULL && pieces[place] != removed) {
        place = (place + 1) % PIECES_MAX;
    }
    pieces[place] = memory;
    piece_count++;
    assert(piece_count < PIECES_MAX / 2);
    return memory;
}

static void forget(void *memory) {
    size_t place = place_of(memory);
    for (size_t i = 0; i < PIECES_MAX && pieces[place] != NULL; i++) {
        if (pieces[place] == memory) {
            pieces[place] = removed;
            piece_count--;
            return;
        }
        place = (place + 1) % PIECES_MAX;
    }
}

/* ---- Ours ------------------------------------------------------------------------------------- */

void *__wrap_malloc(size_t byte_count) {
    return fault_strikes(FAULT_MEMORY) ? NULL : note(__real_malloc(byte_count));
}

void *__wrap_calloc(size_t count, size_t byte_count) {
    if (byte_count > 0 && count > SIZE_MAX / byte_count) {
        return NULL;
    }
    void *memory = __wrap_malloc(count * byte_count);
    if (memory != NULL) {
        memset(memory, 0, count * byte_count);
    }
    return memory;
}

void *__wrap_realloc(void *memory, size_t byte_count) {
    if (fault_strikes(FAULT_MEMORY)) {
        return NULL;
    }
    if (memory != NULL) {
        forget(memory);
    }
    return note(__real_realloc(memory, byte_count));
}

void *__wrap_reallocarray(void *memory, size_t count, size_t byte_count) {
    return byte_count > 0 && count > SIZE_MAX / byte_count
               ? NULL
               : __wrap_realloc(memory, count * byte_count);
}

char *__wrap_strndup(const char *text, size_t length_max) {
    size_t length = strnlen(text, length_max);
    char *copy = __wrap_malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text) {
    return __wrap_strndup(text, SIZE_MAX);
}

void __wrap_free(void *memory) {
    if (memory != NULL) {
        forget(memory);
    }
    __real_free(memory);
}

/* ---- The libraries' --------------------------------------------------------------------------- */

static void *sqlite_take(int byte_count) {
    return fault_strikes(FAULT_MEMORY) ? NULL : sqlite_memory.xMalloc(byte_count);
}

static void *sqlite_resize(void *memory, int byte_count) {
    return fault_strikes(FAULT_MEMORY) ? NULL : sqlite_memory.xRealloc(memory, byte_count);
}

/* OpenSSL keeps things for good: they are not counted. */
static void *openssl_take(size_t byte_count, const char *file, int line) {
    (void)file;
    (void)line;
    return fault_strikes(FAULT_MEMORY) ? NULL : __real_malloc(byte_count);
}

static void *openssl_resize(void *memory, size_t byte_count, const char *file, int line) {
    (void)file;
    (void)line;
    return fault_strikes(FAULT_MEMORY) ? NULL : __real_realloc(memory, byte_count);
}

static void openssl_free(void *memory, const char *file, int line) {
    (void)file;
    (void)line;
    __real_free(memory);
}

/* ---- Files of our own ------------------------------------------------------------------------- */

int __wrap_open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
    va_end(rest);
    if (fault_strikes(FAULT_FILE)) {
        errno = EIO;
        return -1;
    }
    return __real_open64(path, flags, mode);
}

/* Only for locks, all our fcntl is; giving one up does not fail. */
int __wrap_fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    struct flock *lock = va_arg(rest, struct flock *);
    va_end(rest);
    bool is_lock = command == F_OFD_SETLK || command == F_OFD_SETLKW;
    if (is_lock && lock->l_type != F_UNLCK && fault_strikes(FAULT_FILE)) {
        errno = ENOLCK;
        return -1;
    }
    return __real_fcntl64(fd, command, lock);
}

void fault_memory_install(void) {
    int is_set = CRYPTO_set_mem_functions(openssl_take, openssl_resize, openssl_free);
    assert(is_set);
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    sqlite3_mem_methods methods = sqlite_memory;
    methods.xMalloc = sqlite_take;
    methods.xRealloc = sqlite_resize;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    /* Otherwise small pieces never reach the allocator. */
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    /* From here on the store cannot switch off the accounts that fault_memory_use reads. */
    (void)sqlite3_initialize();
}

struct fault_memory_use fault_memory_use(void) {
    return (struct fault_memory_use){.piece_count = piece_count,
                                     .sqlite_bytes = (size_t)sqlite3_memory_used()};
}
