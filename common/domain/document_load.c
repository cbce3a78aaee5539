#include "common/domain/document_load.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

/* Enough for what the next tokens of a small document take, read or written. */
enum { RESERVE_BYTES = 16 * 1024 };

static _Thread_local struct {
    bool is_watching;
    bool has_failed;
    size_t used_bytes;
    alignas(max_align_t) uint8_t bytes[RESERVE_BYTES];
} reserve;

static void *take_reserve(size_t byte_count) {
    const size_t align = alignof(max_align_t);
    if (byte_count > RESERVE_BYTES - reserve.used_bytes) {
        return NULL;
    }
    void *memory = reserve.bytes + reserve.used_bytes;
    size_t taken = (byte_count + align - 1) / align * align;
    size_t left = RESERVE_BYTES - reserve.used_bytes;
    reserve.used_bytes += taken < left ? taken : left;
    return memory;
}

static void *take(size_t byte_count) {
    void *memory = malloc(byte_count);
    if (memory == NULL && reserve.is_watching) {
        reserve.has_failed = true;
        memory = take_reserve(byte_count);
    }
    return memory;
}

static void give_back(void *memory) {
    uintptr_t address = (uintptr_t)memory;
    uintptr_t start = (uintptr_t)reserve.bytes;
    if (address - start >= RESERVE_BYTES) { /* below it, too: the difference wraps */
        free(memory);
    }
}

/* Before main, since jansson asks for memory on any thread and its hooks are plain variables. */
__attribute__((constructor)) static void install(void) {
    json_set_alloc_funcs(take, give_back);
}

static void watch(void) {
    reserve.is_watching = true;
    reserve.has_failed = false;
    reserve.used_bytes = 0;
}

json_t *document_load(const char *bytes, size_t byte_count, size_t flags, json_error_t *error,
                      bool *is_out_of_memory_out) {
    watch();
    json_t *document = json_loadb(bytes, byte_count, flags, error);
    reserve.is_watching = false;
    *is_out_of_memory_out = reserve.has_failed;
    if (reserve.has_failed) {
        json_decref(document); /* all of it: the next document has the reserve anew */
        document = NULL;
    }
    return document;
}

char *document_dump(const json_t *document, size_t flags) {
    watch();
    char *text = json_dumps(document, flags);
    reserve.is_watching = false;
    if (reserve.has_failed) {
        give_back(text);
        text = NULL;
    }
    return text;
}
